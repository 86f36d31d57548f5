"""The user's own walker: a TOML file that describes how one kind of person walks."""

from __future__ import annotations

import hashlib
from pathlib import Path

from siting.errors import DataError
from siting.walkers import WalkProfile, profile_from_toml, walk_profile

_MAX_BYTES = 100_000


def read_walker(path: Path) -> WalkProfile:
    """
    Read the description of a walker (`siting.walkers.profile_from_toml`).

    Raises
    ------
    OptionError
        The description cannot be used.
    DataError
        The file is missing, too large, or not UTF-8 text (in French).
    """
    return profile_from_toml(_content(path).decode("utf-8"))


def walker_sha256(path: Path) -> str:
    """Return the SHA-256 of the description of a walker."""
    return hashlib.sha256(_content(path)).hexdigest()


def chosen_profile(walker: str) -> WalkProfile:
    """
    Return the walker of an option: one that is known, or that a TOML file describes.

    Raises
    ------
    OptionError
        Unknown walker, or a description that cannot be used.
    DataError
        The file cannot be read.
    """
    if walker.lower().endswith(".toml"):
        return read_walker(Path(walker))
    return walk_profile(walker)


def walker_inputs(walker: str) -> dict[str, str]:
    """Return the SHA-256 of the file that describes the walker, if there is one."""
    return {walker: walker_sha256(Path(walker))} if walker.lower().endswith(".toml") else {}


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise DataError(f"Le fichier de profil de marche « {path} » n'existe pas.")
    content = path.read_bytes()
    if len(content) > _MAX_BYTES:
        raise DataError(f"« {path.name} » est trop gros pour un profil de marche.")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"« {path.name} » n'est pas en UTF-8 : enregistrez-le dans cet encodage."
        ) from error
    return content
