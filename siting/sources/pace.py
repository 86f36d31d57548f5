"""The pace at which a service is asked: one turn after the other, whoever asks."""

from __future__ import annotations

import logging
import math
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

_LOCK_WAIT_S = 10.0  # a turn is taken in less than a millisecond
_LONGEST_QUEUE_S = 600.0  # turns taken farther ahead were written by another clock
_LONGEST_SILENCE_S = 86_400.0  # a service cannot close the file for ever
_SET_BACK_S = 1.0  # a clock that goes back by more was set back
_TURNS = """CREATE TABLE IF NOT EXISTS turns (
    host TEXT PRIMARY KEY, next_s REAL NOT NULL, silent_s REAL NOT NULL, written_s REAL NOT NULL
) WITHOUT ROWID"""

logger = logging.getLogger(__name__)


class Clock:
    """Time as the sources see it, in seconds; tests give another one."""

    def now_s(self) -> float:
        """Seconds from some origin, never going back."""
        return time.monotonic()

    def wall_s(self) -> float:
        """Seconds since the epoch, the same in all processes; may be set back."""
        return time.time()

    def wait(self, seconds: float) -> None:
        """Do nothing for that long."""
        time.sleep(seconds)


class Pace(Protocol):
    """
    Who asks a host next, and when.

    A turn that was reserved before a silence began falls in it: after waiting, one looks at
    `silence_s` again, and takes another turn if it is not zero.
    """

    def reserve_s(self, host: str, *, spacing_s: float, longest_s: float = math.inf) -> float:
        """
        Reserve the next turn at `host`; return the seconds to wait before asking.

        The following turn is `spacing_s` later at least. When the wait is over `longest_s`
        it is returned all the same, and nothing is reserved.
        """

    def silence(self, host: str, *, seconds: float) -> None:
        """Let nobody ask `host` for that long; a longer silence that runs is kept."""

    def silence_s(self, host: str) -> float:
        """Return what is left of the silence at `host`, in seconds; zero when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turns:
    """Time of the next turn, and end of the silence, by one clock."""

    next_s: float = -math.inf
    silent_s: float = -math.inf

    def wait_s(self, now_s: float) -> float:
        return max(self.next_s, self.silent_s, now_s) - now_s

    def taken(self, now_s: float, spacing_s: float) -> _Turns:
        return replace(self, next_s=now_s + self.wait_s(now_s) + spacing_s)

    def silenced(self, now_s: float, seconds: float) -> _Turns:
        return replace(self, silent_s=max(self.silent_s, now_s + seconds))


class OwnPace:
    """
    The pace of this process, whatever the number of its threads.

    Parameters
    ----------
    clock
        Time; only `now_s` is read.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._turns: dict[str, _Turns] = {}

    def reserve_s(self, host: str, *, spacing_s: float, longest_s: float = math.inf) -> float:
        """Reserve the next turn: see `Pace`."""
        with self._lock:
            now_s, turns = self._clock.now_s(), self._turns.get(host, _Turns())
            wait_s = turns.wait_s(now_s)
            if wait_s <= longest_s:
                self._turns[host] = turns.taken(now_s, spacing_s)
            return wait_s

    def silence(self, host: str, *, seconds: float) -> None:
        """Let nobody ask: see `Pace`."""
        with self._lock:
            turns = self._turns.get(host, _Turns())
            self._turns[host] = turns.silenced(self._clock.now_s(), seconds)

    def silence_s(self, host: str) -> float:
        """Return what is left of the silence: see `Pace`."""
        with self._lock:
            return max(0.0, self._turns.get(host, _Turns()).silent_s - self._clock.now_s())


class SharedPace:
    """
    The pace of all processes that share a file.

    A file that cannot be used is said once, in French, and then each process has its own
    pace. What a clock wrote before it was set back is ignored, and so are turns more than
    ten minutes ahead; a silence is a day at most. A turn costs a fifth of a millisecond.

    Parameters
    ----------
    path
        A SQLite file, made when missing, in a folder that exists.
    clock
        Time; `wall_s` is what the processes have in common.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._own = OwnPace(clock)
        self._is_shared = True

    def reserve_s(self, host: str, *, spacing_s: float, longest_s: float = math.inf) -> float:
        """Reserve the next turn: see `Pace`."""
        if not self._is_shared:
            return self._own.reserve_s(host, spacing_s=spacing_s, longest_s=longest_s)
        try:
            with self._written() as file:
                now_s = self._clock.wall_s()
                turns = _read(file, host, now_s)
                wait_s = turns.wait_s(now_s)
                if wait_s <= longest_s:
                    _write(file, host, turns.taken(now_s, spacing_s), now_s)
        except sqlite3.Error as error:
            self._give_up(error)
            return self._own.reserve_s(host, spacing_s=spacing_s, longest_s=longest_s)
        return wait_s

    def silence(self, host: str, *, seconds: float) -> None:
        """Let nobody ask: see `Pace`."""
        self._own.silence(host, seconds=seconds)
        if not self._is_shared:
            return
        try:
            with self._written() as file:
                now_s = self._clock.wall_s()
                turns = _read(file, host, now_s)
                _write(file, host, turns.silenced(now_s, min(seconds, _LONGEST_SILENCE_S)), now_s)
        except sqlite3.Error as error:
            self._give_up(error)

    def silence_s(self, host: str) -> float:
        """Return what is left of the silence: see `Pace`."""
        own_s = self._own.silence_s(host)
        if not self._is_shared:
            return own_s
        try:
            with self._written() as file:
                now_s = self._clock.wall_s()
                return max(own_s, _read(file, host, now_s).silent_s - now_s)
        except sqlite3.Error as error:
            self._give_up(error)
            return own_s

    @contextmanager
    def _written(self) -> Iterator[sqlite3.Connection]:
        """
        Hold the file alone, for the time of a look and a line.

        It is opened each time: nothing is shared with a process that forks, nor between
        threads. What a power cut would damage is worth nothing: no wait for the disk.
        """
        with closing(
            sqlite3.connect(self._path, timeout=_LOCK_WAIT_S, isolation_level=None)
        ) as file:
            file.execute("PRAGMA synchronous = OFF")
            file.execute("BEGIN IMMEDIATE")
            file.execute(_TURNS)
            yield file
            file.execute("COMMIT")

    def _give_up(self, error: sqlite3.Error) -> None:
        self._is_shared = False
        if not isinstance(error, sqlite3.OperationalError):  # damaged: the next run makes another
            with suppress(OSError):
                self._path.replace(self._path.with_name(f"{self._path.name}.damaged"))
        logger.warning(
            "Le fichier %s, qui règle le rythme des demandes entre plusieurs siting lancés en même "
            "temps, est inutilisable (%s) : n'en lancez qu'un à la fois. Si cela se répète, "
            "supprimez ce fichier.",
            self._path,
            error,
        )


def _read(file: sqlite3.Connection, host: str, now_s: float) -> _Turns:
    row = file.execute(
        "SELECT next_s, silent_s, written_s FROM turns WHERE host = ?", (host,)
    ).fetchone()
    if row is None or now_s < row[2] - _SET_BACK_S:
        return _Turns()
    next_s, silent_s, _ = row
    return _Turns(
        next_s=next_s if next_s - now_s <= _LONGEST_QUEUE_S else -math.inf, silent_s=silent_s
    )


def _write(file: sqlite3.Connection, host: str, turns: _Turns, now_s: float) -> None:
    file.execute(
        "INSERT OR REPLACE INTO turns VALUES (?, ?, ?, ?)",
        (host, turns.next_s, turns.silent_s, now_s),
    )
