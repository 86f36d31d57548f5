"""What is asked of a geocoder, and what it answers: the words between the two."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from siting.errors import SourceError
from siting.matching import Candidate


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Ask:
    """
    One text to look for; equal asks have equal answers, and are asked once.

    `citycode` and `kind` (`municipality`...) leave out everything else; empty for no limit.
    """

    query: str
    citycode: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Spot:
    """One place whose address is asked for, in degrees, rounded to six decimals (0.1 m)."""

    lon: float
    lat: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What a geocoder answered: candidates, best first; none is an answer too.

    A bulk answer has the best candidate only: then `is_whole` is False, and `score_next` is
    the score of the second (0 when there is none, NaN when the engine does not say).
    `asked_on` is the ISO date (UTC) of the answer, `endpoint` the base URL that gave it,
    `note` what was odd in it, in French.
    """

    candidates: tuple[Candidate, ...]
    asked_on: str = ""
    endpoint: str = ""
    is_whole: bool = True
    score_next: float = math.nan
    note: str = ""


class Geocoder(Protocol):
    """What is asked of a geocoder. Answers come one by one, each as soon as it is known."""

    @property
    def url(self) -> str:
        """Base URL asked."""

    def answers(
        self, asks: Sequence[Ask], *, is_bulk: bool
    ) -> Iterator[tuple[Ask, Answer | SourceError]]:
        """
        Look for texts; each distinct ask comes back exactly once, with its answer or its failure.

        `is_bulk` sends them by files of many rows, for the best candidate of each; else one by
        one, for all candidates.
        """

    def addresses_at(
        self, spots: Sequence[Spot], *, is_bulk: bool
    ) -> Iterator[tuple[Spot, Answer | SourceError]]:
        """Look for the nearest address of each place; `Candidate.distance_m` says how far."""


class Recall(Protocol):
    """What was asked before, and to the end."""

    def is_settled(self, key: str) -> bool:
        """Tell if a question was asked to its end."""

    def settle(self, key: str, *, asked_on: str) -> None:
        """Note that a question was asked to its end, and the date of its oldest answer."""
