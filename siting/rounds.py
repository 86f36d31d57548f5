"""Many questions to a geocoder, side by side: what is to be asked next goes out together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from siting.asking import Answer, Ask, Geocoder, Recall
from siting.enquiry import UNASKED, Enquiry, Finding, Question, Steps
from siting.errors import BadAnswer, NotAsked, SourceError
from siting.matching import Match
from siting.tables import GeocodeReason, GeocodeStatus

_Waiting = dict[Ask, list[tuple[Question, Steps]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """
    What earlier runs left: questions asked to their end, and their answers.

    `geocoder` gives the answers of the journal and asks nobody: a settled question is judged
    again on them, with other thresholds perhaps, without one request.
    """

    geocoder: Geocoder
    recall: Recall


class Rounds:
    """
    Asks questions, in rounds.

    Parameters
    ----------
    enquiry
        What to ask, and how to judge.
    is_bulk
        If the best candidate of each question is asked for first, by files of many rows.
    on_found
        Called with each question as it is settled.
    """

    def __init__(
        self, enquiry: Enquiry, *, is_bulk: bool, on_found: Callable[[Question], None]
    ) -> None:
        self._enquiry = enquiry
        self._is_bulk = is_bulk
        self._on_found = on_found

    def found(
        self, questions: Iterable[Question], geocoder: Geocoder, known: Known | None
    ) -> dict[Question, Finding]:
        """
        Answer questions: those settled before from what is known, the others by asking.

        A question that the service failed is an `error`; the others are settled.

        Raises
        ------
        SourceError
            If the service never answered.
        """
        left = dict.fromkeys(questions)
        if known is None:
            return self._asked(left, geocoder)
        keys = {one: one.key(geocoder.url, is_bulk=self._is_bulk) for one in left}
        settled = [one for one in left if known.recall.is_settled(keys[one])]
        found = self._asked(settled, known.geocoder)
        lost = [one for one, finding in found.items() if finding.match is UNASKED]
        asked = self._asked([*lost, *(one for one in left if one not in found)], geocoder)
        for one, finding in asked.items():
            if finding.oldest_on:
                known.recall.settle(keys[one], asked_on=finding.oldest_on)
        return found | asked

    def _asked(self, questions: Iterable[Question], geocoder: Geocoder) -> dict[Question, Finding]:
        found: dict[Question, Finding] = {}
        waiting: dict[bool, _Waiting] = {False: {}, True: {}}  # by `is_whole`
        for one in questions:
            steps = self._enquiry.steps(one, is_bulk=self._is_bulk)
            self._go_on(one, steps, None, found, waiting)
        while any(waiting.values()):
            for is_whole in (False, True):
                asks, waiting[is_whole] = waiting[is_whole], {}
                for ask, answer in geocoder.answers(list(asks), is_bulk=not is_whole):
                    for one, steps in asks[ask]:
                        self._go_on(one, steps, answer, found, waiting)
        return found

    def _go_on(
        self,
        question: Question,
        steps: Steps,
        answer: Answer | SourceError | None,
        found: dict[Question, Finding],
        waiting: dict[bool, _Waiting],
    ) -> None:
        """Give a question its answer, and note what it became, or what it asks next."""
        if isinstance(answer, SourceError) and not isinstance(answer, NotAsked):
            found[question] = Finding(match=_failed(answer))
        else:
            try:
                wanted = steps.send(answer if isinstance(answer, Answer) else None)
            except StopIteration as end:
                found[question] = end.value
            else:
                waiting[wanted.is_whole].setdefault(wanted.ask, []).append((question, steps))
                return
        if found[question].match is not UNASKED:
            self._on_found(question)


def _failed(error: SourceError) -> Match:
    is_bad = isinstance(error, BadAnswer)
    reason = GeocodeReason.BAD_RESPONSE if is_bad else GeocodeReason.SERVICE_ERROR
    return Match(status=GeocodeStatus.ERROR, reason=reason)
