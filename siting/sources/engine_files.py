"""The folder of a local geocoding engine: what is loaded, what runs, and the lock between commands.

A folder holds `engine.json` and the folder of data that it names (the indexes of redis, the
documents of addok, the settings of the servers). `engine.json` is replaced last, by one atomic
call: a load that stops at any moment leaves the former engine or none. `running.json` is there
while servers run, or were not stopped properly.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from siting.errors import DataError, OutputError, SitingError
from siting.sources.ban_files import BanFile

# Way of writing an engine; one written another way is loaded again.
FORMAT = 1

LOAD_LOG, SERVERS_LOG = "load.log", "servers.log"
_INDEX, _STATE, _LOCK = "engine.json", "running.json", "engine.lock"
_DATA = "data-"
_OWN = (_INDEX, _STATE, _LOCK, LOAD_LOG, SERVERS_LOG)
_LOCK_WAIT_S = 60.0
_LOAD = "chargez-la avec « siting geocoder load FICHIER »"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedFile:
    """
    A BAN file that was loaded.

    `modified_on` is the date of the file (ISO), `left_out` the number of rows (or of numbers
    of a document) that were not loaded, by reason in French.
    """

    name: str
    kind: str
    sha256: str
    modified_on: str
    n_rows: int
    left_out: Mapping[str, int]

    @classmethod
    def of(cls, file: BanFile) -> LoadedFile:
        """Describe a file whose rows were all read."""
        return cls(
            name=file.path.name,
            kind=str(file.kind),
            sha256=file.sha256,
            modified_on=file.modified_on,
            n_rows=file.n_rows,
            left_out={str(reason): count for reason, count in sorted(file.left_out.items())},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedEngine:
    """
    What a folder holds: documents (streets, lieux-dits, communes) and their addresses.

    `loaded_at` is the ISO date and time (UTC) of the load, `versions` those of the software
    that made it, `data` the name of the folder of data.
    """

    data: str
    loaded_at: str
    n_documents: int
    n_addresses: int
    files: tuple[LoadedFile, ...]
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningState:
    """
    Servers that were started: their mark and numbers (PID), the port, and since when (ISO, UTC).

    Numbers are used again by the system: `mark`, which is in the command line of the servers
    and of nothing else, tells them from others (see `mark_of`).
    """

    mark: str
    port: int
    started_at: str
    pids: Mapping[str, int]

    @property
    def url(self) -> str:
        """Base URL of the geocoder."""
        return f"http://127.0.0.1:{self.port}"


def read_loaded(folder: Path) -> LoadedEngine | None:
    """
    Read what an engine holds; None when nothing is loaded there.

    Raises
    ------
    DataError
        `engine.json` is damaged or of another version, or the data is gone.
    """
    try:
        index = json.loads((folder / _INDEX).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _unusable(folder) from error
    try:
        if index.pop("format") != FORMAT:
            raise _unusable(folder)
        files = tuple(LoadedFile(**file) for file in index.pop("files"))
        loaded = LoadedEngine(files=files, **index)
    except (AttributeError, KeyError, TypeError) as error:
        raise _unusable(folder) from error
    if not loaded.data.startswith(_DATA) or not (folder / loaded.data).is_dir():
        raise _unusable(folder)
    return loaded


def data_path(folder: Path, loaded: LoadedEngine) -> Path:
    """Return the folder of data of an engine."""
    return folder / loaded.data


def write_loaded(folder: Path, loaded: LoadedEngine) -> None:
    """Put an engine in place of the former one, at one stroke."""
    _replace(folder / _INDEX, {"format": FORMAT, **asdict(loaded)})


def read_state(folder: Path) -> RunningState | None:
    """Read which servers were started last; None when they were stopped, or it cannot be read."""
    try:
        state = RunningState(**json.loads((folder / _STATE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    is_own = str(state.mark).endswith(_place_mark(folder))
    return state if is_own else None  # servers of another folder, of which this is a copy


def write_state(folder: Path, state: RunningState) -> None:
    """Write down which servers are started."""
    _replace(folder / _STATE, asdict(state))


def remove_state(folder: Path) -> None:
    """Forget the servers."""
    (folder / _STATE).unlink(missing_ok=True)


def marks(folder: Path) -> tuple[str, ...]:
    """Return the marks that processes of this folder may have, whatever became of its files."""
    state = read_state(folder)
    own = {mark_of(path) for path in folder.glob(f"{_DATA}*")}
    return tuple(sorted(own | ({state.mark} if state else set())))


def mark_of(data: Path) -> str:
    """
    Return what is in the command line of the processes of a folder of data, and nowhere else.

    It names the load, and where it is: a copy of the folder is another engine.
    """
    return f"{data.name}{_place_mark(data.parent)}"


def make_data_folder(folder: Path) -> Path:
    """Make an empty folder of data, which nothing names yet."""
    data = folder / f"{_DATA}{uuid.uuid4().hex}"
    data.mkdir(mode=0o700)
    return data


def new_log(folder: Path, name: str) -> Path:
    """Return where a log goes, without what was in it."""
    log = folder / name
    log.unlink(missing_ok=True)
    return log


def forsaken_data(folder: Path) -> tuple[Path, ...]:
    """Return the folders of data that no engine names: left by a load that was killed."""
    with suppress(DataError):
        loaded = read_loaded(folder)
        return tuple(
            path for path in folder.glob(f"{_DATA}*") if not loaded or path.name != loaded.data
        )
    return tuple(folder.glob(f"{_DATA}*"))


def remove_data(path: Path) -> None:
    """Remove a folder of data."""
    shutil.rmtree(path, ignore_errors=True)


def require_room(folder: Path, *, overwrite: bool) -> None:
    """
    Refuse a folder that is not for an engine, and make it if it is not there.

    Raises
    ------
    OutputError
        `folder` is a file, holds an engine and `overwrite` is false, holds something else,
        or cannot be used.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} est un fichier ; donnez un dossier pour le géocodeur.")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        held = sorted(path.name for path in folder.iterdir())
    others = [name for name in held if not name.startswith((_DATA, *_OWN))]
    if others and _INDEX not in held:
        raise OutputError(
            f"Le dossier {folder} n'est pas vide (il contient par exemple {others[0]}) et ne "
            "contient pas de géocodeur : donnez un autre dossier."
        )
    if _INDEX in held and not overwrite:
        raise OutputError(
            f"Le dossier {folder} contient déjà un géocodeur chargé : demandez à le remplacer "
            "(--overwrite), ou donnez un autre dossier."
        )


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what stops a write into a message for the owner of the folder."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        if isinstance(error, SitingError):
            raise
        raise OutputError(
            f"Impossible d'écrire dans le dossier {folder} : "
            f"{getattr(error, 'strerror', '') or error}. Vérifiez la place libre et vos droits."
        ) from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """
    Keep other commands off a folder; a command that is killed holds nothing.

    The lock is SQLite's, which exists on all systems.

    Raises
    ------
    OutputError
        Another command has held the folder for a minute; the folder cannot be written to.
    """
    try:
        lock = sqlite3.connect(folder / _LOCK, timeout=_LOCK_WAIT_S, isolation_level=None)
    except sqlite3.OperationalError as error:
        raise OutputError(f"Le dossier {folder} ne peut pas être utilisé ({error}).") from error
    with closing(lock):
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise OutputError(
                f"Le géocodeur du dossier {folder} est occupé par une autre commande (un "
                f"chargement ?) : attendez qu'elle finisse. ({error})"
            ) from error
        yield


def no_engine(folder: Path) -> DataError:
    """Return the error that tells that nothing is loaded."""
    return DataError(f"Aucune adresse n'est chargée dans le dossier {folder} : {_LOAD}.")


def _unusable(folder: Path) -> DataError:
    return DataError(
        f"Le géocodeur du dossier {folder} est abîmé, ou a été chargé par une autre version de "
        f"siting : {_LOAD} (--overwrite)."
    )


def _place_mark(folder: Path) -> str:
    return "-" + hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]


def _replace(path: Path, told: Mapping[str, Any]) -> None:
    text = json.dumps(told, ensure_ascii=False, indent=1)
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)  # noqa: PTH105 - the documented atomic call
    finally:
        draft.unlink(missing_ok=True)
