"""The file of the journal: private, checked when opened, moved aside when damaged."""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from siting.errors import DataError

_APPLICATION = 0x73697469  # "siti", where SQLite keeps whose file it is
_VERSION = 1
_BUSY_S = 30.0
_DAMAGED = ".damaged-"
_CAUSES = {
    sqlite3.SQLITE_BUSY: "un autre programme l'occupe",
    sqlite3.SQLITE_CANTOPEN: "dossier ou fichier inaccessible",
    sqlite3.SQLITE_CORRUPT: "fichier abîmé",
    sqlite3.SQLITE_FULL: "plus de place sur le disque",
    sqlite3.SQLITE_IOERR: "le disque refuse d'écrire, il est peut-être plein",
    sqlite3.SQLITE_NOTADB: "fichier abîmé",
    sqlite3.SQLITE_READONLY: "écriture interdite",
}
_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, endpoint TEXT NOT NULL, mode TEXT NOT NULL, asked BLOB NOT NULL,
    answer BLOB NOT NULL, asked_at TEXT NOT NULL, version TEXT NOT NULL, digest BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS settled (key BLOB PRIMARY KEY, asked_on TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (key BLOB PRIMARY KEY, owner TEXT NOT NULL) WITHOUT ROWID;
"""


def default_cache_folder(environment: Mapping[str, str], *, platform: str) -> Path:
    """
    Return the folder where answers are kept: `SITING_CACHE`, else the place of the system.

    Parameters
    ----------
    environment
        Variables of the environment, as `os.environ`.
    platform
        Name of the system, as `sys.platform`.

    References
    ----------
    XDG Base Directory Specification (a relative path is ignored).
    """
    if environment.get("SITING_CACHE"):
        return Path(environment["SITING_CACHE"])
    if platform == "win32":
        base, fallback = environment.get("LOCALAPPDATA", ""), Path.home() / "AppData" / "Local"
    elif platform == "darwin":
        base, fallback = "", Path.home() / "Library" / "Caches"
    else:
        base, fallback = environment.get("XDG_CACHE_HOME", ""), Path.home() / ".cache"
    return (Path(base) if Path(base).is_absolute() else fallback) / "siting"


class Place(Enum):
    """Where a journal is: on the disk, or for this run in memory, as a copy or from nothing."""

    DISK = auto()
    COPY = auto()
    MEMORY = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A connection to a journal, and what is to be said of it in French."""

    file: sqlite3.Connection
    place: Place
    note: str = ""


def open_file(path: Path) -> Opened:
    """
    Open a journal, or make it: readable by its owner only, whole, of this version.

    A damaged file is moved aside, and a new one made. Where nothing can be written, the
    journal is read into memory, and what is added to it is lost at the end of the run.

    Raises
    ------
    DataError
        If the file is the journal of another version, or not a journal.
    """
    try:
        _make_private(path)
        with _held(path.with_name(f"{path.name}.lock")):
            return _on_disk(path)
    except (OSError, sqlite3.Error) as error:
        return in_memory(path, error, former=Place.DISK)


def in_memory(path: Path, error: Exception, *, former: Place) -> Opened:
    """Go on in memory because of an error: with a copy of the disk, from nothing after that."""
    note = (
        f"Le journal des réponses {path} est inutilisable ({_cause(error)}) : le travail continue, "
        "mais les réponses à venir seront redemandées la prochaine fois. Vérifiez la place libre "
        "et les droits sur le dossier, ou donnez-en un autre (SITING_CACHE)."
    )
    for access in ("mode=ro", "immutable=1") if former is Place.DISK else ():
        with suppress(sqlite3.Error, DataError):
            return Opened(file=_copied(path, access), place=Place.COPY, note=note)
    return Opened(file=_prepared(_connected(":memory:")), place=Place.MEMORY, note=note)


class Presence:
    """
    A sign that a run goes on: a file that it holds until it ends, in whatever way.

    Parameters
    ----------
    path
        Journal; the sign is beside it.
    """

    def __init__(self, path: Path) -> None:
        self.name = uuid.uuid4().hex
        self._journal = path
        self._file = sqlite3.connect(self._sign(self.name), timeout=0, isolation_level=None)
        try:
            self._file.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error:
            self._file.close()
            raise

    def is_alive(self, name: str) -> bool:
        """Tell if the run of that name goes on; the sign of one that was killed is removed."""
        if name == self.name or not name.isalnum():
            return name == self.name
        sign = self._sign(name)
        if not sign.exists():
            return False
        try:
            with closing(sqlite3.connect(sign, timeout=0, isolation_level=None)) as file:
                file.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error:
            return True
        with suppress(OSError):
            sign.unlink()
        return False

    def close(self) -> None:
        """Say that the run has ended."""
        self._file.close()
        with suppress(OSError):
            self._sign(self.name).unlink()

    def _sign(self, name: str) -> Path:
        return self._journal.with_name(f"{self._journal.name}.run-{name}")


def files_of(path: Path) -> list[Path]:
    """Return a journal and what is beside it: its newest answers, damaged ones moved aside."""
    return [file for file in path.parent.iterdir() if file.name.startswith(path.name)]


def remove_damaged(path: Path) -> None:
    """
    Remove the damaged journals that were moved aside.

    Raises
    ------
    OSError
        If one cannot be removed.
    """
    for file in files_of(path):
        if file.name.startswith(path.name + _DAMAGED):
            file.unlink()


def _cause(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return _CAUSES.get(code & 0xFF, str(error))  # the first byte is the kind of error


def _make_private(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Open one at a time: what one finds damaged, another must not have just made anew."""
    with closing(sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        yield


def _on_disk(path: Path) -> Opened:
    try:
        return Opened(file=_opened(path), place=Place.DISK)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        damaged = f"{path.name}{_DAMAGED}{uuid.uuid4().hex}"
        for suffix in ("-wal", "-shm", ""):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).replace(path.with_name(damaged + suffix))
    note = (
        f"Le journal des réponses {path} était abîmé : il a été mis de côté sous le nom {damaged}, "
        "un nouveau commence, et ses réponses seront redemandées."
    )
    _make_private(path)
    return Opened(file=_opened(path), place=Place.DISK, note=note)


def _opened(path: Path) -> sqlite3.Connection:
    file = _connected(str(path))
    try:
        _require_sound(file, path)
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = NORMAL")
        file.execute("PRAGMA secure_delete = ON")
        file.execute("PRAGMA temp_store = MEMORY")
        file.execute("PRAGMA cache_size = -16000")  # 16 MB
        file.execute("PRAGMA wal_autocheckpoint = 4000")  # pages, 16 MB
        return _prepared(file)
    except BaseException:
        file.close()
        raise


def _connected(name: str, *, is_uri: bool = False) -> sqlite3.Connection:
    file = sqlite3.connect(name, timeout=_BUSY_S, isolation_level=None, uri=is_uri)
    file.text_factory = _text  # of a damaged row
    return file


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _copied(path: Path, access: str) -> sqlite3.Connection:
    copy = _connected(":memory:")
    try:
        uri = f"{path.absolute().as_uri()}?{access}"
        with closing(_connected(uri, is_uri=True)) as file:
            file.backup(copy)
        _require_sound(copy, path)
        return _prepared(copy)
    except BaseException:
        copy.close()
        raise


def _prepared(file: sqlite3.Connection) -> sqlite3.Connection:
    """Make the tables of a new journal."""
    if not _pragma(file, "user_version"):
        file.executescript(
            f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA application_id = {_APPLICATION}; "
            f"PRAGMA user_version = {_VERSION}; COMMIT;"
        )
    return file


def _require_sound(file: sqlite3.Connection, path: Path) -> None:
    found = _pragma(file, "quick_check(1)")
    if found != "ok":
        raise sqlite3.DatabaseError(found)
    application, version = _pragma(file, "application_id"), _pragma(file, "user_version")
    (n_tables,) = file.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != _APPLICATION and n_tables:
        raise DataError(
            f"Le fichier {path} n'est pas un journal de siting : donnez un autre dossier "
            "(SITING_CACHE)."
        )
    if version not in {0, _VERSION}:
        raise DataError(
            f"Le journal des réponses {path} est d'une autre version de siting (format {version}, "
            f"au lieu de {_VERSION}) : utilisez cette version, ou donnez un autre dossier "
            "(SITING_CACHE)."
        )
    with closing(_prepared(_connected(":memory:"))) as new:
        if version and _tables(file) != _tables(new):
            raise sqlite3.DatabaseError("tables of another form")


def _tables(file: sqlite3.Connection) -> list[tuple[str, str]]:
    return file.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


def _pragma(file: sqlite3.Connection, name: str) -> object:
    return file.execute(f"PRAGMA {name}").fetchone()[0]
