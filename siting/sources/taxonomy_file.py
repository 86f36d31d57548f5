"""The user's own categories of services: a TOML file that completes the taxonomy."""

from __future__ import annotations

import hashlib
from pathlib import Path

from siting.errors import DataError
from siting.taxonomy import Taxonomy, own_taxonomy, read_taxonomy

_MAX_BYTES = 1_000_000


def chosen_taxonomy(path: Path | None) -> Taxonomy:
    """
    Return the taxonomy of the package, completed by a file if there is one.

    Raises
    ------
    DataError
        The file is missing, too large, not UTF-8 text, or not a taxonomy
        (`siting.taxonomy.own_taxonomy`); in French, with the line.
    """
    return read_taxonomy() if path is None else own_taxonomy(_text(path), name=path.name)


def taxonomy_inputs(path: Path | None) -> dict[str, str]:
    """Return the SHA-256 of the file of own categories, if there is one."""
    return {} if path is None else {str(path): hashlib.sha256(path.read_bytes()).hexdigest()}


def _text(path: Path) -> str:
    if not path.is_file():
        raise DataError(f"Le fichier de catégories « {path} » n'existe pas.")
    if path.stat().st_size > _MAX_BYTES:
        raise DataError(f"« {path.name} » est trop gros pour un fichier de catégories.")
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path.name}, ligne {line} : le fichier n'est pas en UTF-8 ; enregistrez-le dans cet "
            "encodage."
        ) from error
