"""Answers of Overpass kept on the disk: dated, checked when read, set aside when damaged.

An entry is one file: its format, the SHA-256 and the length of the rest; a line of JSON that says
what was asked, of whom, when, with which version; the answer, packed. It is put in place at one
stroke. No content is trusted that its hash does not confirm.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
import uuid
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path

from siting.sources.pace import Clock

_FORMAT = b"siting-overpass-1"
_LOCK = "overpass.lock"
_LONGEST_LINE = 1_000_000  # bytes: a line of facts has a question of some kilobytes
_LOOK_S = 0.5  # between two looks at what another run is doing
_DAY_S = 86_400.0  # what a run killed longer ago than this has left is removed


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedAnswer:
    """
    One answer, and what is known of it.

    Parameters
    ----------
    question
        What was asked (`siting.sources.overpass_query.question`).
    host
        Address of the server.
    retrieved_at
        When it answered: ISO, UTC.
    data_timestamp
        Date of its data, as it tells; empty when it does not.
    made_with
        Version of siting that asked.
    body
        The answer, as it came.
    """

    question: str
    host: str
    retrieved_at: str
    data_timestamp: str
    made_with: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSummary:
    """Number of answers that are kept, ISO moments of the oldest and newest, size of the folder."""

    n_answers: int
    oldest: str
    newest: str
    size_bytes: int


class OsmCache:
    """
    Answers of Overpass in a folder of this user's.

    A folder that cannot be used is said in `notes`, and answers are asked each time.

    Parameters
    ----------
    folder
        Made when missing, readable by its owner only: areas of study are nobody else's business.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes: list[str] = []

    def find(self, key: str, question: str) -> CachedAnswer | None:
        """
        Return the answer to a question; None if it is not there, or set aside as damaged.

        Parameters
        ----------
        key
            What the answer was kept under (`key_of`).
        question
            What was asked: another question in the file is damage.
        """
        path = self._path(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._complain(error)
            return None
        answer = _unpacked(content)
        if answer is None or answer.question != question:
            self.set_aside(key)
            return None
        return answer

    def keep(self, key: str, answer: CachedAnswer) -> None:
        """Keep an answer, in place of a former one."""
        path = self._path(key)
        part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._sweep()
            with os.fdopen(
                os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb"
            ) as file:
                file.write(_packed(answer))
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            self._complain(error)
            with suppress(OSError):
                part.unlink(missing_ok=True)

    def set_aside(self, key: str) -> None:
        """Move an answer that is of no use out of the way, and say so."""
        path = self._path(key)
        aside = path.with_name(f"{path.name}.damaged")
        try:
            path.replace(aside)
        except OSError as error:
            self._complain(error)
            return
        self._say(
            f"Une réponse d'Overpass gardée était abîmée : elle ne sert pas, et est mise de côté "
            f"sous le nom {aside}."
        )

    def summary(self) -> CacheSummary:
        """Count what is kept; damaged entries count in the size only."""
        paths = self._entries()
        moments = sorted(filter(None, map(_moment, paths)))
        return CacheSummary(
            n_answers=len(moments),
            oldest=moments[0] if moments else "",
            newest=moments[-1] if moments else "",
            size_bytes=sum(path.stat().st_size for path in paths),
        )

    def purge(self, *, before: datetime | None) -> int:
        """
        Remove answers for good, damaged ones too; return how many.

        Parameters
        ----------
        before
            Answers of that moment and later are left; None to leave none.
        """
        since = None if before is None else before.isoformat(timespec="seconds")
        n_removed = 0
        for path in self._entries():
            moment = _moment(path)
            if since is not None and moment and moment >= since:
                continue
            try:
                path.unlink()
            except OSError as error:
                self._complain(error)
                continue
            n_removed += 1
        return n_removed

    @contextmanager
    def turn(self, clock: Clock, *, longest_s: float) -> Iterator[None]:
        """
        Hold the right to ask: one request at a time on this computer, whoever runs siting.

        A run that is killed leaves it. In a folder that cannot be written, nothing is held.

        Raises
        ------
        TimeoutError
            Another run has held it for `longest_s`.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = sqlite3.connect(self.folder / _LOCK, timeout=0, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            self._complain(error)
            yield
            return
        with closing(lock):
            self._take(lock, clock, longest_s)
            yield

    def _take(self, lock: sqlite3.Connection, clock: Clock, longest_s: float) -> None:
        end_s = clock.now_s() + longest_s
        while True:
            try:
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
                    self._complain(error)
                    return
            else:
                return
            if clock.now_s() >= end_s:
                raise TimeoutError(_LOCK)
            clock.wait(_LOOK_S)

    def _entries(self) -> list[Path]:
        """Return the files of answers: whole, damaged, half-written."""
        return sorted(self.folder.glob("overpass-*.answer*"))

    def _path(self, key: str) -> Path:
        return self.folder / f"overpass-{key}.answer"

    def _complain(self, error: Exception) -> None:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        self._say(
            f"Les réponses d'Overpass ne peuvent pas être gardées dans {self.folder} ({cause}) : "
            "elles seront redemandées. Vérifiez la place libre et les droits sur le dossier, ou "
            "donnez-en un autre (SITING_CACHE)."
        )

    def _say(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def _sweep(self) -> None:
        """Remove what killed runs have left half-written."""
        for path in self.folder.glob("overpass-*.part"):
            with suppress(OSError):  # another run may be removing it
                if time.time() - path.stat().st_mtime > _DAY_S:
                    path.unlink()


def key_of(question: str, *, own_server: str = "") -> str:
    """
    Return what an answer is kept under: public servers have the same data, one's own may not.

    Parameters
    ----------
    question
        What is asked, without its settings: asked with more patience, it is the same.
    own_server
        Address of the server, unless it is a public one.
    """
    return hashlib.sha256(f"{own_server}\n{question}".encode()).hexdigest()


def _moment(path: Path) -> str:
    """Return when an entry was answered, as its second line says; empty when it is damaged."""
    if path.suffix != ".answer":
        return ""
    try:
        with path.open("rb") as file:
            file.readline(_LONGEST_LINE)
            return str(json.loads(file.readline(_LONGEST_LINE))["retrieved_at"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _packed(answer: CachedAnswer) -> bytes:
    facts = {name: value for name, value in asdict(answer).items() if name != "body"}
    rest = json.dumps(facts).encode() + b"\n" + zlib.compress(answer.body)
    digest = hashlib.sha256(rest).hexdigest().encode()
    return b"%b %b %d\n%b" % (_FORMAT, digest, len(rest), rest)


def _unpacked(content: bytes) -> CachedAnswer | None:
    """Read an entry; None if a single bit of it is not as it was written."""
    head, _, rest = content.partition(b"\n")
    digest = hashlib.sha256(rest).hexdigest().encode()
    if head != b"%b %b %d" % (_FORMAT, digest, len(rest)):
        return None
    line, _, packed = rest.partition(b"\n")
    try:
        facts, body = json.loads(line), zlib.decompress(packed)
        names = {one.name for one in fields(CachedAnswer)} - {"body"}
        return CachedAnswer(body=body, **{name: str(facts[name]) for name in names})
    except (ValueError, KeyError, TypeError, zlib.error):
        return None
