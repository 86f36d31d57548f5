"""Time that a test moves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from siting.sources.pace import Clock


class FakeClock(Clock):
    """
    Time that passes only when one waits; `wall_origin_s` sets the clock of the computer.

    Alone, a wait moves the time at once. In `together`, it goes to the end of the shortest wait
    when all wait: what is done is dated as if each had slept.
    """

    def __init__(self, *, wall_origin_s: float = 1.8e9) -> None:
        self.wall_origin_s = wall_origin_s
        self.waits: list[float] = []
        self._now_s = 1000.0
        self._ends: dict[int, float] = {}  # of those who wait, by thread
        self._parts: set[int] = set()  # threads that go on together
        self._moved = threading.Condition()

    def now_s(self) -> float:
        with self._moved:
            return self._now_s

    def wall_s(self) -> float:
        return self.wall_origin_s + self.now_s()

    def wait(self, seconds: float) -> None:
        thread = threading.get_ident()
        with self._moved:
            self.waits.append(seconds)
            self._ends[thread] = self._now_s + max(seconds, 0.0)
            self._move()
            self._moved.wait_for(lambda: thread not in self._ends)

    def advance(self, seconds: float) -> None:
        """Let time pass, whoever waits: a slow server, an evening, a night."""
        with self._moved:
            self._go_to(self._now_s + seconds)

    def together(self, *works: Callable[[], None]) -> None:
        """Run each of these in its thread, all from the same instant."""
        start = threading.Barrier(len(works))

        def run(work: Callable[[], None]) -> None:
            with self._moved:
                self._parts.add(threading.get_ident())
            try:
                start.wait()
                work()
            finally:
                with self._moved:
                    self._parts.discard(threading.get_ident())
                    self._move()

        with ThreadPoolExecutor(len(works)) as pool:
            list(pool.map(run, works))

    def _move(self) -> None:
        while self._ends and self._parts <= self._ends.keys():
            self._go_to(min(self._ends.values()))

    def _go_to(self, time_s: float) -> None:
        self._now_s = max(self._now_s, time_s)
        self._ends = {who: end for who, end in self._ends.items() if end > self._now_s}
        self._moved.notify_all()
