"""The journal of what geocoders answered: nothing is asked twice, nothing is lost with a run.

One SQLite file, which several runs share. It holds the texts that were asked, which are
personal data: it is readable by its owner only, and what is purged is gone from the file.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Generic, Self, TypeVar

from siting.asking import Answer, Ask, Spot
from siting.errors import OutputError
from siting.sources.journal_file import (
    Opened,
    Place,
    Presence,
    files_of,
    in_memory,
    open_file,
    remove_damaged,
)
from siting.sources.journal_text import Mode, Row, answer_of, key_of, row_of, utc_text

Asked = TypeVar("Asked", Ask, Spot)
_Result = TypeVar("_Result")
_CLEANING_MS = 2_000  # another run reads for less than that

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSummary:
    """
    What a journal holds.

    `oldest` and `newest` are times of answers (ISO, UTC), empty when there is none;
    `size_bytes` is the room taken on the disk.
    """

    n_answers: int
    n_by_endpoint: Mapping[str, int]
    n_settled: int
    oldest: str
    newest: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken(Generic[Asked]):
    """Questions by who answers: the journal, this run, or another run that is asking them."""

    known: Mapping[Asked, Answer]
    mine: Sequence[Asked]
    others: Sequence[Asked]


class Journal:
    """
    Answers kept in a file, from the moment they come; used by one thread.

    A run killed at any moment loses no answer that was recorded; a power cut may cost the
    last ones. When the file cannot be used any more, the run goes on in memory with what
    can be read of it, and `note` says so.

    Parameters
    ----------
    path
        The file, made when missing, and so is its folder.

    Raises
    ------
    DataError
        If the file is the journal of another version, or of another program.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._presence: Presence | None = None
        self._is_closed = False
        self._opened = _said(open_file(path))

    def __enter__(self) -> Self:
        """Return the journal itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of the file, and of what this run was asking."""
        if self._presence is not None:
            with suppress(sqlite3.Error):
                self._opened.file.execute(
                    "DELETE FROM claims WHERE owner = ?", (self._presence.name,)
                )
            self._presence.close()
        self._opened.file.close()
        self._is_closed = True

    @property
    def note(self) -> str:
        """What is to be said of the file, in French; empty when all is well."""
        return self._opened.note

    def known(
        self, asked: Iterable[Asked], *, endpoint: str, mode: Mode, since: str = ""
    ) -> dict[Asked, Answer]:
        """
        Return the answers that the journal has to these questions.

        Parameters
        ----------
        asked
            Questions.
        endpoint, mode
            Base URL asked, and the way to ask; each has its own answers.
        since
            Time (ISO, UTC) of the oldest answer wanted; empty for any.
        """
        keys = {key_of(one, endpoint=endpoint, mode=mode): one for one in asked}
        return self._tried(lambda file: _read_all(file, keys, since))

    def record(
        self,
        answers: Iterable[tuple[Asked, Answer]],
        *,
        endpoint: str,
        mode: Mode,
        asked_at: datetime,
    ) -> None:
        """
        Keep answers, in one transaction and in place of former ones.

        Parameters
        ----------
        answers
            Questions and what was answered; a failure is not an answer.
        endpoint, mode
            Base URL asked, and the way to ask.
        asked_at
            When they came.
        """
        at = utc_text(asked_at)
        rows = [
            row_of(one, answer, endpoint=endpoint, mode=mode, asked_at=at)
            for one, answer in answers
        ]
        self._tried(lambda file: _write_all(file, rows))

    def take(
        self, asked: Iterable[Asked], *, endpoint: str, mode: Mode, since: str = ""
    ) -> Taken[Asked]:
        """
        Return the answers that the journal has; take upon this run the questions without one.

        Those that another run has taken are left to it as long as it goes on. A question is
        let go by `release`, and at the end of the run, killed or not.
        """
        keys = {key_of(one, endpoint=endpoint, mode=mode): one for one in asked}
        known = self._tried(lambda file: _read_all(file, keys, since))
        missing = {key: one for key, one in keys.items() if one not in known}
        others: set[Asked] = set()
        if missing:
            known_since, others = self._tried(lambda file: self._claim(file, missing, since))
            known |= known_since
        mine = [one for one in missing.values() if one not in known and one not in others]
        return Taken(known=known, mine=mine, others=[o for o in missing.values() if o in others])

    def release(self, asked: Iterable[Asked], *, endpoint: str, mode: Mode) -> None:
        """Let go of questions, answered or not; `close` has let go of all."""
        if self._presence is None or self._is_closed:
            return
        owner = self._presence.name
        rows = [(key_of(one, endpoint=endpoint, mode=mode), owner) for one in asked]
        statement = "DELETE FROM claims WHERE key = ? AND owner = ?"
        self._tried(lambda file: _run(file, statement, rows))

    def settle(self, key: str, *, asked_on: str) -> None:
        """
        Note that an enquiry is finished, so that it asks nothing new with other thresholds.

        Parameters
        ----------
        key
            What tells one enquiry from another; its SHA-256 is kept.
        asked_on
            Date (ISO, UTC) of the oldest of its answers: the note ages and is purged with it.
        """
        row = (hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest(), asked_on)
        self._tried(lambda file: _run(file, "INSERT OR REPLACE INTO settled VALUES (?, ?)", [row]))

    def is_settled(self, key: str, *, since: str = "") -> bool:
        """Tell if an enquiry is finished, with no answer older than `since` (ISO, UTC)."""
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
        row = self._tried(
            lambda file: file.execute(
                "SELECT 1 FROM settled WHERE key = ? AND asked_on >= ?", (digest, since)
            ).fetchone()
        )
        return row is not None

    def summary(self) -> JournalSummary:
        """Count what the journal holds."""
        return self._tried(lambda file: _summary(file, self.path))

    def purge(self, *, before: datetime | None) -> int:
        """
        Remove answers for good, and the notes that rest on them; return their number.

        Nothing of them is left in the file, nor are damaged journals that were moved aside.
        The blocks of the disk that the file gives back are the business of the system.

        Parameters
        ----------
        before
            Answers that came earlier are removed; None for all.

        Raises
        ------
        OutputError
            If the file cannot be written, or another run keeps it from being cleaned.
        """
        if self._opened.place is not Place.DISK:
            raise OutputError(self.note)
        try:
            n_removed, is_cleaned = _purge(self._opened.file, before)
            remove_damaged(self.path)
        except (sqlite3.Error, OSError) as error:
            raise OutputError(
                f"Le journal des réponses {self.path} n'a pas pu être vidé : {error}. Fermez les "
                "autres siting, vérifiez la place libre et vos droits, puis recommencez."
            ) from error
        if not is_cleaned:
            raise OutputError(
                f"Les réponses ont été retirées du journal {self.path}, mais un autre siting le "
                "lit : des traces y restent. Fermez-le, puis recommencez."
            )
        return n_removed

    def _claim(
        self, file: sqlite3.Connection, missing: Mapping[bytes, Asked], since: str
    ) -> tuple[dict[Asked, Answer], set[Asked]]:
        """Look again, alone, and write down who asks; return what others know or ask."""
        if self._opened.place is not Place.DISK:
            return {}, set()
        self._presence = self._presence or Presence(self.path)
        file.execute("BEGIN IMMEDIATE")
        with file:
            owners = file.execute("SELECT DISTINCT owner FROM claims")
            dead = [one for one in owners if not self._presence.is_alive(*one)]
            file.executemany("DELETE FROM claims WHERE owner = ?", dead)
            known = _read(file, missing, since)
            claimed = {
                one
                for key, one in missing.items()
                if file.execute(
                    "SELECT 1 FROM claims WHERE key = ? AND owner <> ?", (key, self._presence.name)
                ).fetchone()
            }
            others = claimed - known.keys()
            file.executemany(
                "INSERT OR REPLACE INTO claims VALUES (?, ?)",
                (
                    (key, self._presence.name)
                    for key, one in missing.items()
                    if one not in known and one not in others
                ),
            )
        return known, others

    def _tried(self, action: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Act on the file; when it cannot be used any more on a copy, else on nothing."""
        while True:
            try:
                return action(self._opened.file)
            except sqlite3.ProgrammingError:
                raise
            except sqlite3.Error as error:
                if self._opened.place is Place.MEMORY:
                    raise
                with suppress(sqlite3.Error):
                    self._opened.file.close()
                self._opened = _said(in_memory(self.path, error, former=self._opened.place))


def _said(opened: Opened) -> Opened:
    if opened.note:
        logger.warning(opened.note)
    return opened


def _read_all(
    file: sqlite3.Connection, keys: Mapping[bytes, Asked], since: str
) -> dict[Asked, Answer]:
    file.execute("BEGIN")
    with file:
        return _read(file, keys, since)


def _read(file: sqlite3.Connection, keys: Mapping[bytes, Asked], since: str) -> dict[Asked, Answer]:
    """Read the answers to questions; a damaged one is as good as none."""
    known = {}
    for key, one in keys.items():
        row = file.execute(
            "SELECT * FROM answers WHERE key = ? AND asked_at >= ?", (key, since)
        ).fetchone()
        with suppress(ValueError):
            if row is not None:
                known[one] = answer_of(row)
    return known


def _write_all(file: sqlite3.Connection, rows: Sequence[Row]) -> None:
    file.execute("BEGIN IMMEDIATE")
    with file:
        file.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _run(file: sqlite3.Connection, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    file.execute("BEGIN IMMEDIATE")
    with file:
        file.executemany(statement, rows)


def _summary(file: sqlite3.Connection, path: Path) -> JournalSummary:
    n_by_endpoint = dict(
        file.execute("SELECT endpoint, count(*) FROM answers GROUP BY endpoint ORDER BY endpoint")
    )
    oldest, newest = file.execute("SELECT min(asked_at), max(asked_at) FROM answers").fetchone()
    (n_settled,) = file.execute("SELECT count(*) FROM settled").fetchone()
    return JournalSummary(
        n_answers=sum(n_by_endpoint.values()),
        n_by_endpoint=n_by_endpoint,
        n_settled=n_settled,
        oldest=oldest or "",
        newest=newest or "",
        size_bytes=sum(one.stat().st_size for one in files_of(path)),
    )


def _purge(file: sqlite3.Connection, before: datetime | None) -> tuple[int, bool]:
    """Remove what is older; return the number of answers, and if no trace is left."""
    limit = "~" if before is None else utc_text(before)  # after all dates
    file.execute("BEGIN IMMEDIATE")
    with file:
        n_removed = file.execute("DELETE FROM answers WHERE asked_at < ?", (limit,)).rowcount
        file.execute("DELETE FROM settled WHERE asked_on < ?", (limit,))
    file.execute("VACUUM")
    file.execute(f"PRAGMA busy_timeout = {_CLEANING_MS}")
    is_busy, _, _ = file.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return n_removed, not is_busy
