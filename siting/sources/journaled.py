"""A geocoder that is asked once: the journal answers first, and keeps what comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from siting.asking import Answer, Ask, Geocoder, Spot
from siting.errors import NotAsked, SourceError
from siting.sources.journal import Asked, Journal
from siting.sources.journal_text import Mode, utc_text
from siting.sources.pace import Clock

_FIRST_LOOK_S, _LONGEST_LOOK_S = 0.05, 1.0  # between two looks at what another run asks
_PATIENCE_S = 180.0  # a file of thousands of rows is answered in a minute or so

_Asking = Callable[[Sequence[Asked]], Iterator[tuple[Asked, Answer | SourceError]]]


class JournaledGeocoder:
    """
    Give the answers of the journal, ask a geocoder for the others, keep what it answers.

    An answer is kept the moment it comes; a failure is not, nor an answer in which all was
    odd and nothing usable. What another run is asking is waited for, and asked only if that
    run ends without an answer, or gives no news for three minutes.

    Parameters
    ----------
    geocoder
        Asked for what the journal lacks; None asks nobody, and gives `NotAsked` instead.
    journal
        Where answers are kept, by base URL and by way of asking.
    max_age_days
        Older answers are asked again; None for any age.
    now
        Tells the time, with its zone.
    endpoint
        Base URL whose answers are wanted, without a geocoder.
    clock
        Waits for other runs; the system's by default.
    """

    def __init__(
        self,
        geocoder: Geocoder | None,
        journal: Journal,
        *,
        max_age_days: float | None,
        now: Callable[[], datetime],
        endpoint: str = "",
        clock: Clock | None = None,
    ) -> None:
        self._geocoder = geocoder
        self._journal = journal
        self._max_age_days = max_age_days
        self._now = now
        self._endpoint = endpoint if geocoder is None else geocoder.url
        self._clock = clock or Clock()

    @property
    def url(self) -> str:
        """Base URL asked, or whose answers are given."""
        return self._endpoint

    @property
    def since(self) -> str:
        """Time (ISO, UTC) of the oldest answers that are given now; empty for any."""
        if self._max_age_days is None:
            return ""
        return utc_text(self._now() - timedelta(days=self._max_age_days))

    def answers(
        self, asks: Sequence[Ask], *, is_bulk: bool
    ) -> Iterator[tuple[Ask, Answer | SourceError]]:
        """Look for texts, as `siting.asking.Geocoder`: those of the journal come first."""
        geocoder, mode = self._geocoder, Mode.CSV if is_bulk else Mode.SEARCH
        if geocoder is None:
            return self._kept(asks, mode)
        return self._found(asks, mode, lambda mine: geocoder.answers(mine, is_bulk=is_bulk))

    def addresses_at(
        self, spots: Sequence[Spot], *, is_bulk: bool
    ) -> Iterator[tuple[Spot, Answer | SourceError]]:
        """Look for the address of places, as `siting.asking.Geocoder`; the journal's first."""
        geocoder, mode = self._geocoder, Mode.REVERSE_CSV if is_bulk else Mode.REVERSE
        if geocoder is None:
            return self._kept(spots, mode)
        return self._found(spots, mode, lambda mine: geocoder.addresses_at(mine, is_bulk=is_bulk))

    def _kept(
        self, asked: Sequence[Asked], mode: Mode
    ) -> Iterator[tuple[Asked, Answer | SourceError]]:
        """Give what the journal has, and nothing else."""
        known = self._journal.known(asked, endpoint=self.url, mode=mode, since=self.since)
        for one in dict.fromkeys(asked):
            yield one, known[one] if one in known else self._not_asked()

    def _found(
        self, asked: Sequence[Asked], mode: Mode, ask: _Asking[Asked]
    ) -> Iterator[tuple[Asked, Answer | SourceError]]:
        """Give what the journal has, ask the rest, then wait for what another run asks."""
        waiting: Sequence[Asked] = list(dict.fromkeys(asked))
        look_s, waited_s = _FIRST_LOOK_S, 0.0
        while waiting:
            taken = self._journal.take(waiting, endpoint=self.url, mode=mode, since=self.since)
            yield from taken.known.items()
            yield from self._asked(taken.mine, mode, ask)
            waiting = taken.others
            if taken.known or taken.mine:
                look_s, waited_s = _FIRST_LOOK_S, 0.0
            elif waited_s >= _PATIENCE_S:
                yield from self._asked(waiting, mode, ask)
                return
            else:
                self._clock.wait(look_s)
                waited_s += look_s
                look_s = min(2 * look_s, _LONGEST_LOOK_S)

    def _asked(
        self, mine: Sequence[Asked], mode: Mode, ask: _Asking[Asked]
    ) -> Iterator[tuple[Asked, Answer | SourceError]]:
        """Ask the geocoder, keep each answer before it is given, and let go of all at the end."""
        try:
            for one, answer in ask(mine) if mine else ():
                if isinstance(answer, Answer) and (answer.candidates or not answer.note):
                    self._journal.record(
                        [(one, answer)], endpoint=self.url, mode=mode, asked_at=self._now()
                    )
                yield one, answer
        finally:
            self._journal.release(mine, endpoint=self.url, mode=mode)

    def _not_asked(self) -> NotAsked:
        return NotAsked(
            "Le journal n'a pas de réponse à cette question, et aucun géocodeur n'est interrogé : "
            "relancez avec un géocodeur (--geocoder).",
            url=self.url,
        )
