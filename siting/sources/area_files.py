"""The files of a stored area: arrays and tables, put in place at one stroke, mapped when read.

A folder holds `area.json` and the folder of data that it names. `area.json` is replaced last,
by one atomic call: a run that stops at any moment leaves the former area or the new one.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from siting.errors import DataError, OutputError

# Way of writing a store; one written another way is not read.
FORMAT = 2

_INDEX = "area.json"
_DATA = "data-"
_TABLE = ".parquet"
_DAY_S = 86_400.0  # what a run killed longer ago than this has left is removed

Array = npt.NDArray[Any]


def require_room(folder: Path, *, overwrite: bool) -> None:
    """
    Refuse a folder that is not for an area, and write nothing.

    Raises
    ------
    OutputError
        `folder` is a file, holds an area and `overwrite` is false, holds something else, or
        cannot be read.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} est un fichier ; donnez un dossier pour la zone.")
    try:
        held = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    except PermissionError as error:
        raise OutputError(
            f"Le dossier {folder} ne peut pas être lu : vérifiez vos droits."
        ) from error
    if _INDEX in held:
        if not overwrite:
            raise OutputError(f"Le dossier {folder} contient déjà une zone ; donnez-en un autre.")
        return
    others = [name for name in held if not name.startswith(_DATA)]
    if others:
        raise OutputError(
            f"Le dossier {folder} n'est pas vide (il contient par exemple {others[0]}) et ne "
            "contient pas de zone : donnez un autre dossier."
        )


def write_files(
    folder: Path,
    described: Mapping[str, Any],
    *,
    arrays: Mapping[str, Array],
    tables: Mapping[str, pd.DataFrame],
    overwrite: bool,
) -> None:
    """
    Write arrays and tables, by name, with a description that JSON can hold.

    Raises
    ------
    OutputError
        As `require_room`; a protected folder; a full disk.
    """
    require_room(folder, overwrite=overwrite)
    data = folder / f"{_DATA}{uuid.uuid4().hex}"
    former = _data_name(folder)
    try:
        data.mkdir(parents=True)
        files = {
            f"{name}.npy": _saved(data / f"{name}.npy", array) for name, array in arrays.items()
        }
        files |= {
            f"{name}{_TABLE}": _stored(data / f"{name}{_TABLE}", table)
            for name, table in tables.items()
        }
        index = {"format": FORMAT, **described, "data": data.name, "files": files}
        text = json.dumps({**index, "digest": _digest(index)}, ensure_ascii=False, indent=1)
        _written(data / _INDEX, lambda file: file.write(text.encode()))
        os.replace(data / _INDEX, folder / _INDEX)  # noqa: PTH105 - the documented atomic call
    except OSError as error:
        raise OutputError(
            f"Impossible d'écrire la zone dans {folder} : {error.strerror or error}. "
            "Vérifiez la place libre et les droits sur le dossier."
        ) from error
    finally:
        _sweep(folder, {data.name, former})


def read_index(folder: Path) -> dict[str, Any]:
    """
    Read the description of what is stored, `files` and `data` included.

    Raises
    ------
    DataError
        No area there; `area.json` damaged, or of another format.
    """
    try:
        index = json.loads((folder / _INDEX).read_bytes())
    except FileNotFoundError as error:
        raise DataError(
            f"Le dossier « {folder} » ne contient pas de zone (fichier {_INDEX} absent) : "
            "construisez-la à partir d'un fichier OpenStreetMap."
        ) from error
    except (OSError, ValueError) as error:
        raise _damaged(folder, _INDEX, {}) from error
    if not isinstance(index, dict) or "format" not in index:
        raise _damaged(folder, _INDEX, {})
    if index["format"] != FORMAT:
        raise other_version(folder, index)
    if index.pop("digest", None) != _digest(index):
        raise _damaged(folder, _INDEX, {})
    return index


def read_files(
    folder: Path, index: Mapping[str, Any]
) -> tuple[dict[str, Array], dict[str, pd.DataFrame]]:
    """
    Map the arrays into memory, by name, and read the tables.

    The size, type and shape of each file are checked, its content is not (see
    `verify_files`). What is written to an array stays in memory.

    Raises
    ------
    DataError
        A file is missing, cut, or of another form.
    """
    arrays: dict[str, Array] = {}
    tables: dict[str, pd.DataFrame] = {}
    for name, facts in index["files"].items():
        path = folder / index["data"] / name
        with _sound(folder, name, index):
            if path.stat().st_size != facts["bytes"]:
                raise ValueError(name)
            if name.endswith(_TABLE):
                read = gpd.read_parquet if facts["is_layer"] else pd.read_parquet
                tables[name.removesuffix(_TABLE)] = read(path)
            else:
                arrays[name.removesuffix(".npy")] = _mapped(path, facts)
    return arrays, tables


def verify_files(folder: Path) -> None:
    """
    Read all the files that are stored, and compare them with their SHA-256.

    Raises
    ------
    DataError
        No area there; a file missing or altered.
    """
    index = read_index(folder)
    for name, facts in index["files"].items():
        with _sound(folder, name, index):
            if sha256_of(folder / index["data"] / name) != facts["sha256"]:
                raise ValueError(name)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def other_version(folder: Path, index: Mapping[str, Any]) -> DataError:
    """Return the error that tells the user that an area is not of this version of siting."""
    made_with = index.get("made_with")
    named = f" ({made_with.get('siting', '?')})" if isinstance(made_with, dict) else ""
    return DataError(
        f"Cette zone a été construite par une autre version de siting{named} "
        f"(dossier « {folder} ») : {_rebuild(index)}"
    )


def other_taxonomy(folder: Path, index: Mapping[str, Any]) -> DataError:
    """Return the error that tells the user that an area was built with other categories."""
    own_file = index["own_file"]
    with_what = f"celle du fichier « {own_file} »" if own_file else "celle du programme"
    advice = f"donnez ce fichier, inchangé, avec --taxonomy {own_file}, ou " if own_file else ""
    return DataError(
        f"Cette zone a été construite avec une autre liste de services, {with_what} (dossier "
        f"« {folder} ») : {advice}{_rebuild(index)} Avec vos propres catégories : siting area add "
        "NOM --taxonomy FICHIER --overwrite."
    )


def _saved(path: Path, array: Array) -> dict[str, Any]:
    facts = _written(path, lambda file: np.save(file, array, allow_pickle=False))
    return {**facts, "dtype": array.dtype.str, "shape": list(array.shape)}


def _stored(path: Path, table: pd.DataFrame) -> dict[str, Any]:
    parquet = io.BytesIO()
    table.to_parquet(parquet)
    facts = _written(path, lambda file: file.write(parquet.getbuffer()))
    return {**facts, "is_layer": isinstance(table, gpd.GeoDataFrame)}


def _written(path: Path, write: Callable[[BinaryIO], object]) -> dict[str, Any]:
    """Write a file down to the disk; return its size and SHA-256."""
    with path.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}


def _mapped(path: Path, facts: Mapping[str, Any]) -> Array:
    mapped = np.load(path, mmap_mode="c", allow_pickle=False)
    array: Array = np.asarray(mapped)  # the plain type, for which compiled code was compiled
    if array.dtype.str != facts["dtype"] or list(array.shape) != facts["shape"]:
        raise ValueError(path.name)
    return array


def _digest(index: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(index, sort_keys=True).encode()).hexdigest()


def _data_name(folder: Path) -> str:
    """Return the name of the folder of data that `area.json` names, empty if it names none."""
    try:
        return str(json.loads((folder / _INDEX).read_bytes())["data"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _sweep(folder: Path, names: set[str]) -> None:
    """Remove those of these folders of data that are not in use, and old ones of killed runs."""
    in_use = _data_name(folder)
    for path in folder.glob(f"{_DATA}*"):
        with suppress(OSError):  # another run may be removing it
            is_old = time.time() - path.stat().st_mtime > _DAY_S
            if path.name != in_use and (is_old or path.name in names):
                shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _sound(folder: Path, name: str, index: Mapping[str, Any]) -> Iterator[None]:
    """Turn what is wrong with a file into a message for its owner."""
    try:
        yield
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _damaged(folder, name, index) from error


def _damaged(folder: Path, name: str, index: Mapping[str, Any]) -> DataError:
    return DataError(
        f"La zone du dossier « {folder} » est abîmée : fichier {name} absent, coupé ou modifié ; "
        + _rebuild(index)
    )


def _rebuild(index: Mapping[str, Any]) -> str:
    provenance = index.get("provenance")
    named = [one["source"] for one in provenance] if isinstance(provenance, list) else []
    return f"reconstruisez-la à partir de ses fichiers ({' ; '.join(named) or 'OpenStreetMap'})."


def area_folders(parent: Path) -> list[Path]:
    """Return the folders of a folder that hold an area, by name."""
    if not parent.is_dir():
        return []
    return sorted(path for path in parent.iterdir() if (path / _INDEX).is_file())


def size_bytes(folder: Path) -> int:
    """Return the room that a folder takes on the disk."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def remove_area(folder: Path) -> None:
    """
    Remove an area, and its folder when nothing else is in it.

    Raises
    ------
    DataError
        No area there.
    OutputError
        It cannot be removed.
    """
    if not (folder / _INDEX).is_file():
        raise DataError(f"Il n'y a pas de zone dans « {folder} ».")
    try:
        (folder / _INDEX).unlink()
        for data in folder.glob(f"{_DATA}*"):
            shutil.rmtree(data)
        with suppress(OSError):
            folder.rmdir()
    except OSError as error:
        raise OutputError(
            f"La zone {folder} n'a pas pu être effacée : {error.strerror or error}."
        ) from error
