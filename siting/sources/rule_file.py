"""The user's own thresholds for the addresses found: a small TOML file."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import fields, replace
from pathlib import Path

from siting.errors import DataError
from siting.matching import GeocodeRule

_MAX_BYTES = 100_000
_LONGEST_M = 10_000.0


def read_rule(path: Path) -> GeocodeRule:
    """
    Read thresholds (`siting.matching.GeocodeRule`); those that are not given keep their value.

    Raises
    ------
    DataError
        The file is missing or is not TOML, a name is unknown, a value is out of its bounds, or
        the scores are not in their order (in French).
    """
    try:
        given = tomllib.loads(_content(path).decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(
            f"{path.name} : ce n'est pas un fichier TOML en UTF-8 ({error})."
        ) from error
    known = [field.name for field in fields(GeocodeRule)]
    for name, value in given.items():
        if name not in known:
            raise DataError(
                f"{path.name} : « {name} » n'est pas un seuil. Les seuils : {', '.join(known)}."
            )
        most = _LONGEST_M if name.endswith("_m") else 1.0
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            raise DataError(f"{path.name} : {name} = {value!r} n'est pas entre 0 et {most:g}.")
    rule = replace(GeocodeRule(), **{name: float(value) for name, value in given.items()})
    if not rule.rejected_score <= rule.ok_score_same_street <= rule.ok_score:
        raise DataError(
            f"{path.name} : il faut rejected_score ≤ ok_score_same_street ≤ ok_score "
            f"({rule.rejected_score:g}, {rule.ok_score_same_street:g}, {rule.ok_score:g})."
        )
    return rule


def rule_sha256(path: Path) -> str:
    """Return the SHA-256 of a file of thresholds."""
    return hashlib.sha256(_content(path)).hexdigest()


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise DataError(f"Le fichier de seuils « {path} » n'existe pas.")
    if path.stat().st_size > _MAX_BYTES:
        raise DataError(f"« {path.name} » est trop gros pour un fichier de seuils.")
    return path.read_bytes()
