"""Files of the layers that a person installed: each kept as it came, with its description.

A folder per layer holds `layer.json` and a folder named after the sum of the file, which holds
the file under its own name. `layer.json` is replaced last, by one atomic call: a run that stops
at any moment leaves the former layer or the new one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from siting.errors import DataError, OutputError

FORMAT = 1
_INDEX = "layer.json"
_STAGING = ".siting-"
_DAY_S = 86_400.0  # what a run killed longer ago than this has left is removed
_UNSAFE = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """
    What is kept of an installed layer, beside its file.

    Parameters
    ----------
    layer
        Its name.
    name, sha256, n_rows
        Name of the file, its fingerprint, and its number of rows.
    vintage, retrieved_on
        Date or year of the data, "" when unknown; ISO day on which it was installed.
    origin, url
        Where it comes from, in French; address it was downloaded from, "" for a file.
    notes
        What could not be used, in French.
    """

    layer: str
    name: str
    sha256: str
    n_rows: int
    vintage: str
    retrieved_on: str
    origin: str
    url: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Staged:
    """A file that waits to be installed: kept aside, to be read before it is."""

    layer: str
    path: Path
    sha256: str


def installed_folder() -> Path:
    """Return where layers are kept: `SITING_DATA`, or the data folder of the user (XDG)."""
    if os.environ.get("SITING_DATA"):
        return Path(os.environ["SITING_DATA"])
    told = Path(os.environ.get("XDG_DATA_HOME", ""))
    base = told if told.is_absolute() else Path.home() / ".local" / "share"
    return base / "siting" / "data"


def stage(layer: str, name: str, content: bytes | Path) -> Staged:
    """
    Copy a file beside the layers, under its own name, to be read then installed or discarded.

    Raises
    ------
    DataError
        The file to copy cannot be opened.
    OutputError
        The folder cannot be written.
    """
    folder = installed_folder() / layer
    if isinstance(content, Path) and not content.is_file():
        raise DataError(f"{content} : ce fichier n'existe pas, ou n'est pas un fichier ordinaire.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = Path(tempfile.mkdtemp(prefix=_STAGING, dir=folder)) / _safe(name)
        if isinstance(content, Path):
            shutil.copyfile(content, path)
        else:
            path.write_bytes(content)
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    except OSError as error:
        raise _unwritable(folder, error) from error
    return Staged(layer, path, sha256_of(path))


def discard(staged: Staged) -> None:
    """Remove a file that is not to be installed."""
    shutil.rmtree(staged.path.parent, ignore_errors=True)
    with suppress(OSError):  # it may hold an installed layer
        staged.path.parent.parent.rmdir()


def install(staged: Staged, description: Description) -> Path:
    """
    Put a staged file in the place of the layer; return its path.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    folder = installed_folder() / staged.layer
    data = folder / description.sha256
    index = {"format": FORMAT, **asdict(description), "notes": list(description.notes)}
    try:
        # A folder of that sum holds that very file, unless somebody damaged it.
        if data.is_dir():
            os.replace(staged.path, data / description.name)  # noqa: PTH105 - atomic
            shutil.rmtree(staged.path.parent)
        else:
            os.replace(staged.path.parent, data)  # noqa: PTH105 - atomic
        temporary = data / _INDEX
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(index, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, folder / _INDEX)  # noqa: PTH105 - the documented atomic call
    except OSError as error:
        raise _unwritable(folder, error) from error
    _sweep(folder, kept=data)
    return data / description.name


def read_description(layer: str) -> Description | None:
    """
    Read what is installed under the name of a layer; None if nothing is.

    Raises
    ------
    DataError
        Its description is damaged, or of another version.
    """
    path = installed_folder() / layer / _INDEX
    try:
        index = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise damaged_layer(layer) from error
    try:
        if index.pop("format") != FORMAT:
            raise damaged_layer(layer)
        return Description(**_checked(index, layer))
    except (AttributeError, KeyError, TypeError) as error:
        raise damaged_layer(layer) from error


def read_description_or_none(layer: str) -> Description | None:
    """Read what is installed under the name of a layer; None too if it is damaged."""
    try:
        return read_description(layer)
    except DataError:
        return None


def file_of(described: Description) -> Path:
    """
    Return the file of an installed layer, whose sum is checked.

    Raises
    ------
    DataError
        It is absent, or not the one that was installed.
    """
    path = installed_folder() / described.layer / described.sha256 / described.name
    try:
        is_intact = sha256_of(path) == described.sha256
    except OSError as error:
        raise damaged_layer(described.layer) from error
    if not is_intact:
        raise damaged_layer(described.layer)
    return path


def remove(layer: str) -> Path:
    """
    Remove an installed layer for good; return its folder.

    Raises
    ------
    DataError
        Nothing is installed under that name.
    OutputError
        It cannot be removed.
    """
    folder = installed_folder() / layer
    if not (folder / _INDEX).is_file():
        raise DataError(f"La couche « {layer} » n'est pas installée.")
    try:
        (folder / _INDEX).unlink()
        shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(
            f"La couche {folder} n'a pas pu être effacée : {error.strerror or error}."
        ) from error
    return folder


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def damaged_layer(layer: str) -> DataError:
    """Return the error that tells the user that an installed layer cannot be used."""
    return DataError(
        f"La couche installée « {layer} » est abîmée (fichier absent, coupé ou modifié) : "
        f"réinstallez-la (siting data import {layer} FICHIER) ou retirez-la "
        f"(siting data remove {layer})."
    )


def _checked(index: Mapping[str, Any], layer: str) -> dict[str, Any]:
    """Refuse a description whose names would lead elsewhere."""
    name, digest = index["name"], index["sha256"]
    is_sound = isinstance(name, str) and isinstance(digest, str) and name == _safe(name)
    if not is_sound or not re.fullmatch(r"[0-9a-f]{64}", str(digest)) or index["layer"] != layer:
        raise damaged_layer(layer)
    notes = index.get("notes", [])
    return {**index, "notes": tuple(map(str, notes)) if isinstance(notes, list) else ()}


def _safe(name: str) -> str:
    """Keep of a name what every disk takes."""
    kept = _UNSAFE.sub("-", name).strip(".-")
    return kept[-120:] if kept and kept != _INDEX else "fichier"


def _sweep(folder: Path, *, kept: Path) -> None:
    """Remove former files of a layer, and old ones of killed runs."""
    for path in folder.iterdir():
        with suppress(OSError):  # another run may be removing it
            is_staged = path.name.startswith(_STAGING)
            is_recent = time.time() - path.stat().st_mtime <= _DAY_S
            if path.is_dir() and path != kept and not (is_staged and is_recent):
                shutil.rmtree(path, ignore_errors=True)


def _unwritable(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"Impossible d'écrire la couche dans {folder} : {error.strerror or error}. "
        "Vérifiez la place libre et les droits sur le dossier."
    )
