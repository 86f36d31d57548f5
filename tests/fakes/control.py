"""What a test says to the fake geocoder, and what it learns from it."""

from __future__ import annotations

import bisect
import math
import random
import threading
from collections import deque
from collections.abc import Container
from dataclasses import dataclass

from fakes.asked import Asked
from fakes.faults import Fault
from fakes.replies import too_many
from siting.sources.pace import Clock

SILENCE_S = 5.0
_ROUNDING_S = 1e-6  # fifty waits of 0.02 s are a second


@dataclass(kw_only=True)
class _Order:
    """A fault, and which requests it is for."""

    fault: Fault
    on: Container[int] | None
    share: float
    path: str
    holding: str
    chance: random.Random
    n_seen: int = 0

    def is_for(self, asked: Asked) -> bool:
        is_there = asked.path.rstrip("/").endswith(self.path)
        if not is_there or (self.holding and not asked.holds(self.holding)):
            return False
        self.n_seen += 1
        is_drawn = self.chance.random() < self.share
        return is_drawn and (self.on is None or self.n_seen in self.on)


class FakeBan:
    """The server, for the test: what to do wrong, and what was asked."""

    def __init__(self, clock: Clock, *, base: str, rate_per_s: float | None, seed: int) -> None:
        self.url = ""
        self.clock = clock
        self.base = base
        self.asked: list[Asked] = []
        self.crashes: list[BaseException] = []  # of this fake: raised at the end
        self._rate_per_s = math.inf if rate_per_s is None else rate_per_s
        self._recent: deque[float] = deque()
        self._silent_until_s = -math.inf
        self._orders: list[_Order] = []
        self._seeds = random.Random(seed)  # noqa: S311 - draws faults, hides nothing
        self._lock = threading.Lock()

    def order(
        self,
        fault: Fault,
        *,
        on: int | Container[int] | None = None,
        share: float = 1.0,
        path: str = "",
        holding: str = "",
    ) -> None:
        """
        Let requests meet a fault, from now on.

        Those whose path ends by `path` and that say `holding` are counted from 1: `on` are the
        ranks that meet it, all by default, `share` the chance that each has to (the same ones
        for the same seed). The first order that is for a request decides.
        """
        ordered = _Order(
            fault=fault,
            on=(on,) if isinstance(on, int) else on,
            share=share,
            path=path,
            holding=holding,
            chance=random.Random(self._seeds.random()),  # noqa: S311
        )
        with self._lock:
            self._orders.append(ordered)

    def heal(self) -> None:
        """Forget all orders."""
        with self._lock:
            self._orders.clear()

    def holding(self, text: str) -> list[Asked]:
        """Return the requests that say this, wherever: to look for what should not leave."""
        return [asked for asked in self.asked if asked.holds(text)]

    def busiest(self, window_s: float = 1.0) -> int:
        """Return the most requests that came within this long."""
        times = sorted(asked.time_s for asked in self.asked)
        ends = (bisect.bisect_left(times, start + window_s - _ROUNDING_S) for start in times)
        return max((end - first for first, end in enumerate(ends)), default=0)

    def fault_for(self, asked: Asked) -> Fault:
        """Note a request; say what goes wrong with it."""
        with self._lock:
            asked.rank, asked.time_s = len(self.asked) + 1, self.clock.now_s()
            self.asked.append(asked)
            silence_s = self._silence_s(asked.time_s)
            ordered = next((order.fault for order in self._orders if order.is_for(asked)), Fault())
        if silence_s > 0:
            return Fault(reply=too_many(str(math.ceil(silence_s))))
        return ordered

    def _silence_s(self, now_s: float) -> float:
        """Count a request; over the limit, all are refused until one has kept it for 5 s."""
        self._recent.append(now_s)
        while self._recent[0] <= now_s - 1 + _ROUNDING_S:
            self._recent.popleft()
        if len(self._recent) > self._rate_per_s:
            self._silent_until_s = now_s + SILENCE_S
        return self._silent_until_s - now_s
