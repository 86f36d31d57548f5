"""Read the rule packs of the calls: one TOML file per call, checked before anything is judged."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

from siting.calls import Measure, Requirement, RulePack
from siting.errors import DataError, OptionError
from siting.tables import RequirementKind

_Closed = TypeVar("_Closed", Measure, RequirementKind)

_SUFFIX = ".toml"
_PACK_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_REQUIREMENT_ID = re.compile(r"[a-z][a-z0-9_]*")
_PUBLISHED = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
_DEPARTEMENT = re.compile(r"\d{2}|2[AB]|9[78]\d")

_PACK_TEXTS = ("id", "title", "issuer", "published")
_PACK_LISTS = ("departements", "listed_communes")
_TEXTS = ("id", "label", "article", "quote", "kind", "measure")
_NEAR_FIELDS = ("family", "threshold_min", "threshold_author")


def list_packs(*, folder: Traversable | None = None) -> list[str]:
    """
    List the identifiers of the calls whose rules are known.

    Parameters
    ----------
    folder
        Folder of the packs; by default those that the package carries.
    """
    where = _shipped() if folder is None else folder
    files = [file.name for file in where.iterdir() if file.name.endswith(_SUFFIX)]
    return sorted(name.removesuffix(_SUFFIX) for name in files)


def read_pack(call_id: str, *, folder: Traversable | None = None) -> RulePack:
    """
    Read the rules of a call.

    Parameters
    ----------
    call_id
        Identifier of the call, as in `list_packs`.
    folder
        Folder of the packs; by default those that the package carries.

    Raises
    ------
    OptionError
        If the call is unknown.
    DataError
        If its file is not TOML, has a missing or unknown key, a value outside of a closed
        list, or a requirement present twice.
    """
    known = list_packs(folder=folder)
    if call_id not in known:
        raise OptionError(
            f"L'appel « {call_id} » est inconnu. Appels connus : {', '.join(known) or 'aucun'}."
        )
    file = (_shipped() if folder is None else folder).joinpath(call_id + _SUFFIX)
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(
            f"{file.name} n'est pas un fichier TOML lisible ({error}) : corrigez cette ligne."
        ) from error
    return _pack(content, file.name)


def _shipped() -> Traversable:
    return resources.files("siting").joinpath("packs")


def _pack(content: Mapping[str, Any], file: str) -> RulePack:
    required = {*_PACK_TEXTS, "departements", "requirement"}
    _require_keys(content, required, {"url", "source", "listed_communes"}, file)
    for name in (*_PACK_TEXTS, "url", "source"):
        _require_text(content, name, file)
    for name in _PACK_LISTS:
        _require_texts(content, name, file)
    _require_shape(content, "id", _PACK_ID, file)
    _require_shape(content, "published", _PUBLISHED, file)
    if content["id"] + _SUFFIX != file:
        raise DataError(f"{file} : la clé « id » vaut « {content['id']} », pas le nom du fichier.")
    for code in content["departements"]:
        if not _DEPARTEMENT.fullmatch(code):
            raise DataError(f"{file}, clé « departements » : « {code} » n'est pas un code.")
    entries = content["requirement"]
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise DataError(f"{file} : les exigences s'écrivent en sections [[requirement]].")
    requirements = tuple(_requirement(entry, file) for entry in entries)
    _require_distinct([one.id for one in requirements], file)
    listed = tuple(content.get("listed_communes", ()))
    if not listed and any(one.measure is Measure.COMMUNE_LISTED for one in requirements):
        raise DataError(f"{file} : la clé « listed_communes » manque, avec les communes listées.")
    return RulePack(
        **{name: content.get(name, "") for name in (*_PACK_TEXTS, "url", "source")},
        departements=tuple(content["departements"]),
        listed_communes=listed,
        requirements=requirements,
    )


def _requirement(entry: Mapping[str, Any], file: str) -> Requirement:
    where = f"{file}, exigence « {entry.get('id', '?')} »"
    measure = _member(Measure, entry, "measure", where)
    near = set(_NEAR_FIELDS) if measure is Measure.FAMILY_NEAR else set()
    _require_keys(entry, {*_TEXTS, *near}, set(), where)
    for name in (*_TEXTS, "family", "threshold_author"):
        _require_text(entry, name, where)
    _require_shape(entry, "id", _REQUIREMENT_ID, where)
    return Requirement(
        **{name: entry[name] for name in ("id", "label", "article", "quote")},
        kind=_member(RequirementKind, entry, "kind", where),
        measure=measure,
        family=entry.get("family", ""),
        threshold_min=_minutes(entry["threshold_min"], where) if near else None,
        threshold_author=entry.get("threshold_author", ""),
    )


def _member(closed: type[_Closed], entry: Mapping[str, Any], name: str, where: str) -> _Closed:
    value = entry.get(name)
    if value not in list(closed):
        raise DataError(
            f"{where}, clé « {name} » : « {value} » n'est pas une valeur permise. "
            f"Valeurs permises : {', '.join(closed)}."
        )
    return closed(value)


def _minutes(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise DataError(
            f"{where}, clé « threshold_min » : « {value} » n'est pas un nombre de minutes positif."
        )
    return float(value)


def _require_keys(
    entry: Mapping[str, Any], required: Collection[str], optional: Collection[str], where: str
) -> None:
    missing = sorted(set(required) - set(entry))
    unknown = sorted(set(entry) - set(required) - set(optional))
    if missing:
        raise DataError(f"{where} : clés manquantes : {', '.join(missing)}.")
    if unknown:
        raise DataError(f"{where} : clés inconnues : {', '.join(unknown)}.")


def _require_text(entry: Mapping[str, Any], name: str, where: str) -> None:
    value = entry.get(name, "-")
    if not isinstance(value, str) or (not value.strip()):
        raise DataError(f"{where}, clé « {name} » : il faut un texte entre guillemets.")


def _require_texts(entry: Mapping[str, Any], name: str, where: str) -> None:
    values = entry.get(name, [])
    if not isinstance(values, list) or not all(isinstance(one, str) and one for one in values):
        raise DataError(f"{where}, clé « {name} » : il faut une liste de textes entre guillemets.")


def _require_shape(entry: Mapping[str, Any], name: str, shape: re.Pattern[str], where: str) -> None:
    if not shape.fullmatch(entry[name]):
        raise DataError(f"{where}, clé « {name} » : « {entry[name]} » n'est pas bien écrit.")


def _require_distinct(ids: list[str], file: str) -> None:
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if twice:
        raise DataError(f"{file} : exigences présentes deux fois : {', '.join(twice)}.")
