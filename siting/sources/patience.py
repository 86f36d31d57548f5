"""Many questions to one service: what is asked again, alone or together, and when one stops."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from siting.asking import Answer
from siting.errors import BadAnswer, RateLimited, SourceError, SourceUnavailable

Question = TypeVar("Question", bound=Hashable)
Outcome = Answer | SourceError

_LAST_FAILURES = 5  # questions failed in a row after which the probe is asked
_MOST_FAILURES = 25  # the same, after which the service is left alone, probe or no probe
_LAST_BAD_FILES = 6  # files failed in a row, those left unanswered counting twice
_NO_FILES = frozenset({404, 405, 501})  # the service does not take files at all

logger = logging.getLogger(__name__)


class Health:
    """
    What is known of a service: if it ever answered, and if it is down now.

    Parameters
    ----------
    probe
        Asks something that any working service of this kind answers, or raises SourceError.
    """

    def __init__(self, probe: Callable[[], object]) -> None:
        self.has_answered = False
        self._probe = probe
        self._n_failures = 0
        self._is_down = False
        self._last: SourceError | None = None

    @property
    def down(self) -> SourceError | None:
        """Last failure of a service that is down; None for any other."""
        return self._last if self._is_down else None

    def check(self) -> None:
        """Ask the probe of a service that never answered; raises SourceError if it fails."""
        if not self.has_answered:
            self._probe()
            self.has_answered = True

    def try_again(self) -> None:
        """Give a service that was down one more chance, not five."""
        if self._is_down:
            self._is_down, self._n_failures = False, _MOST_FAILURES - 1

    def note(self, outcome: Outcome) -> None:
        """
        Take note of an answer or a failure.

        After five failures in a row the service is down, unless it answers the probe: a few
        bad rows that follow one another are no breakdown. After 25 it is down all the same.

        Raises
        ------
        SourceError
            If the service never answered, and cannot be reached or is no geocoder.
        """
        if isinstance(outcome, Answer):
            self.has_answered, self._n_failures, self._is_down = True, 0, False
            return
        self._n_failures, self._last = self._n_failures + 1, outcome
        is_out_of_order = isinstance(outcome, SourceUnavailable | RateLimited)
        if is_out_of_order and outcome.status is None and not self.has_answered:
            raise outcome
        if not is_out_of_order:
            self.check()
        if self._n_failures % _LAST_FAILURES == 0:
            self._is_down = self._n_failures >= _MOST_FAILURES or not self._answers_probe()

    def _answers_probe(self) -> bool:
        try:
            self._probe()
        except SourceError as error:
            self._last = error
            return False
        self.has_answered = True
        return True


def ask_each(
    questions: Iterable[Question], *, alone: Callable[[Question], Answer], health: Health
) -> Iterator[tuple[Question, Outcome]]:
    """
    Ask questions one by one; what failed is asked once more before the end.

    A service that is down (`Health.note`) is left alone: what is left fails unasked.

    Raises
    ------
    SourceError
        If the service never answered.
    """
    health.try_again()
    failed = {}
    for question in questions:
        outcome = health.down or _asked(question, alone, health)
        if isinstance(outcome, Answer):
            yield question, outcome
        else:
            failed[question] = outcome
    for question, failure in failed.items():
        outcome = failure if health.down else _asked(question, alone, health)
        if isinstance(outcome, SourceError) and not health.has_answered:
            raise outcome
        yield question, outcome


def ask_in_files(
    files: Iterable[Sequence[Question]],
    *,
    together: Callable[[Sequence[Question]], Iterable[tuple[Question, Outcome]]],
    alone: Callable[[Question], Answer],
    health: Health,
) -> Iterator[tuple[Question, Outcome]]:
    """
    Ask questions by files, and alone those that a file leaves without a usable answer.

    Nothing is sent to a service that does not answer its probe. A file whose answer is not
    whole is sent once more, then in two halves; one that is refused or not answered at all,
    in two halves. They wait behind the other files, so that one bad row does not look like
    a service that is down. After some failures in a row no more files are sent.

    Raises
    ------
    SourceError
        If the service never answered.
    """
    queue = deque((tuple(file), False) for file in files)
    left: list[Question] = []
    if queue:
        health.check()
    n_bad = _LAST_BAD_FILES if health.down else 0
    while queue:
        file, is_second_try = queue.popleft()
        if n_bad >= _LAST_BAD_FILES or len(file) < 2:  # noqa: PLR2004 - one row is a question
            left += file
            continue
        try:
            outcomes = list(together(file))
        except SourceError as error:
            n_bad += _weight(error)
            queue += _what_next(file, error, is_second_try=is_second_try)
            continue
        n_bad = 0
        for question, outcome in outcomes:
            if isinstance(outcome, Answer):
                yield question, outcome
            else:
                left.append(question)
    if n_bad >= _LAST_BAD_FILES:
        logger.warning(
            "Le géocodeur ne traite pas, ou plus, les fichiers d'adresses : ce qui reste est "
            "demandé adresse par adresse, ce qui est plus long."
        )
    yield from ask_each(left, alone=alone, health=health)


def _what_next(
    file: tuple[Question, ...], error: SourceError, *, is_second_try: bool
) -> list[tuple[tuple[Question, ...], bool]]:
    """Return the files to send instead of one that failed, and if they are second tries."""
    if isinstance(error, BadAnswer) and not is_second_try:
        return [(file, True)]
    middle = len(file) // 2
    return [(file[:middle], False), (file[middle:], False)]


def _asked(
    question: Question, alone: Callable[[Question], Answer], health: Health
) -> Answer | SourceError:
    try:
        outcome: Outcome = alone(question)
    except SourceError as error:
        outcome = error
    health.note(outcome)
    return outcome


def _weight(error: SourceError) -> int:
    """Count a failed file: a service that answered nothing is likelier to be down."""
    if error.status in _NO_FILES:
        return _LAST_BAD_FILES
    return 2 if isinstance(error, SourceUnavailable | RateLimited) else 1
