"""What is asked again, alone or together, and when a service is left alone."""

from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siting.asking import Answer
from siting.errors import BadAnswer, RateLimited, SourceError, SourceUnavailable
from siting.sources.patience import Health, Outcome, ask_each, ask_in_files

YES = Answer(candidates=())


def refused(status: int = 400) -> SourceError:
    return SourceError("refusé", url="", status=status)


def out(status: int | None = 503) -> SourceUnavailable:
    return SourceUnavailable("en panne", url="", status=status)


def not_whole() -> BadAnswer:
    return BadAnswer("incomplet", url="")


class Service:
    """A service by numbers: `fails` says which error a question, or a file, meets."""

    def __init__(
        self,
        alone: Callable[[int], SourceError | None] = lambda _: None,
        together: Callable[[Sequence[int]], SourceError | None] = lambda _: None,
        probe: SourceError | None = None,
    ) -> None:
        self.alone_fails = alone
        self.together_fails = together
        self.probe_fails = probe
        self.asked: list[object] = []
        self.health = Health(self.probe)

    def probe(self) -> None:
        self.asked.append("probe")
        if self.probe_fails:
            raise self.probe_fails

    def alone(self, number: int) -> Answer:
        self.asked.append(number)
        error = self.alone_fails(number)
        if error is not None:
            raise error
        return YES

    def together(self, numbers: Sequence[int]) -> Iterator[tuple[int, Outcome]]:
        self.asked.append(tuple(numbers))
        error = self.together_fails(numbers)
        if error is not None:
            raise error
        return ((number, YES) for number in numbers)

    def each(self, *numbers: int) -> dict[int, Outcome]:
        return dict(ask_each(numbers, alone=self.alone, health=self.health))

    def files(self, *files: Sequence[int]) -> dict[int, Outcome]:
        got = list(
            ask_in_files(files, together=self.together, alone=self.alone, health=self.health)
        )
        assert len(got) == len(dict(got))
        return dict(got)


def once(*numbers: int, error: Callable[[], SourceError] = out) -> Callable[[int], object]:
    """Fail each of these questions the first time."""
    left = set(numbers)

    def fails(number: int) -> SourceError | None:
        if number not in left:
            return None
        left.discard(number)
        return error()

    return fails


def test_what_fails_is_asked_once_more_before_the_end() -> None:
    service = Service(alone=once(2, 3))
    assert service.each(1, 2, 3, 4) == dict.fromkeys([1, 4, 2, 3], YES)
    assert service.asked == [1, 2, 3, 4, 2, 3]


def test_what_fails_twice_is_a_failure_and_no_more() -> None:
    service = Service(alone=lambda number: out() if number == 2 else None)
    got = service.each(1, 2, 3)
    assert isinstance(got[2], SourceUnavailable)
    assert (got[1], got[3]) == (YES, YES)
    assert service.asked == [1, 2, 3, 2]


@pytest.mark.parametrize("error", [out, refused, not_whole])
def test_after_five_failures_in_a_row_nobody_is_asked(error: Callable[[], SourceError]) -> None:
    service = Service(alone=lambda number: error() if number > 1 else None, probe=out())
    got = service.each(*range(1, 100))
    assert service.asked == [1, 2, 3, 4, 5, 6, "probe"]
    assert got[1] == YES
    assert all(isinstance(got[number], SourceError) for number in range(2, 100))


def test_bad_rows_that_follow_one_another_are_no_breakdown() -> None:
    service = Service(alone=lambda number: refused() if 2 <= number < 8 else None)
    got = service.each(*range(1, 100))
    assert [number for number, one in got.items() if one != YES] == [2, 3, 4, 5, 6, 7]
    assert service.asked.count("probe") == 2  # at the fifth, and in the second try


def test_after_25_failures_in_a_row_the_probe_is_not_believed() -> None:
    service = Service(alone=lambda number: out() if number > 1 else None)
    service.each(*range(1, 100))
    assert [one for one in service.asked if one != "probe"] == [*range(1, 27)]
    assert service.asked.count("probe") == 4


def test_a_service_that_was_down_gets_one_more_chance_by_the_next_call() -> None:
    service = Service(alone=lambda number: out() if 2 <= number < 20 else None, probe=out())
    service.each(*range(1, 20))
    service.asked.clear()
    assert isinstance(service.each(10, 20)[20], SourceUnavailable)
    assert service.asked == [10]
    assert service.each(20, 21) == {20: YES, 21: YES}


def test_a_service_out_of_reach_stops_at_once() -> None:
    service = Service(alone=lambda _: out(None))
    with pytest.raises(SourceUnavailable):
        service.each(1, 2)
    assert service.asked == [1]


@pytest.mark.parametrize("status", [502, 503])
def test_a_service_that_never_answers_stops_at_the_end(status: int) -> None:
    service = Service(alone=lambda _: out(status))
    with pytest.raises(SourceUnavailable):
        service.each(1, 2)
    assert service.asked == [1, 2, 1]
    too_many = RateLimited("429", url="", status=429)
    service = Service(alone=lambda _: too_many, probe=too_many)
    with pytest.raises(RateLimited):
        service.each(*range(9))
    assert service.asked == [0, 1, 2, 3, 4, "probe"]


def test_a_first_refusal_is_the_question_s_if_the_probe_answers() -> None:
    service = Service(alone=lambda number: refused() if number == 1 else None)
    got = service.each(1, 2)
    assert isinstance(got[1], SourceError)
    assert got[2] == YES
    assert service.asked == [1, "probe", 2, 1]


@pytest.mark.parametrize("error", [refused(404), not_whole()])
def test_a_wrong_address_stops_at_once(error: SourceError) -> None:
    service = Service(alone=lambda _: error, probe=error)
    with pytest.raises(SourceError):
        service.each(1, 2)
    assert service.asked == [1, "probe"]


def test_files_are_sent_when_the_probe_answers_and_once() -> None:
    service = Service()
    assert service.files([1, 2], [3, 4, 5]) == dict.fromkeys(range(1, 6), YES)
    assert service.asked == ["probe", (1, 2), (3, 4, 5)]
    service.files([6, 7])
    assert service.asked[3:] == [(6, 7)]


def test_nothing_is_sent_to_a_service_that_does_not_answer_the_probe() -> None:
    service = Service(probe=not_whole())
    with pytest.raises(BadAnswer):
        service.files([1, 2])
    assert service.asked == ["probe"]


def test_nothing_to_ask_asks_nothing() -> None:
    service = Service()
    assert service.each() == {}
    assert service.files() == {}
    assert service.asked == []


def test_an_answer_that_is_not_whole_is_asked_again_then_by_halves_behind_the_others() -> None:
    def fails(numbers: Sequence[int]) -> SourceError | None:
        return not_whole() if 1 in numbers else None

    service = Service(together=fails)
    assert service.files([1, 2, 3, 4], [5, 6]) == dict.fromkeys([5, 6, 3, 4, 1, 2], YES)
    assert service.asked == [
        "probe",
        (1, 2, 3, 4),
        (5, 6),
        (1, 2, 3, 4),
        (1, 2),
        (3, 4),
        (1, 2),
        1,
        2,
    ]


@pytest.mark.parametrize("error", [refused(413), refused(400), out(504)])
def test_a_file_refused_or_not_answered_goes_by_halves_at_once(error: SourceError) -> None:
    service = Service(together=lambda numbers: error if len(numbers) > 2 else None)
    assert service.files([1, 2, 3, 4]) == dict.fromkeys([1, 2, 3, 4], YES)
    assert service.asked == ["probe", (1, 2, 3, 4), (1, 2), (3, 4)]


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_service_without_files_is_asked_one_by_one(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service(together=lambda _: refused(status))
    assert service.files([1, 2], [3, 4]) == dict.fromkeys([1, 2, 3, 4], YES)
    assert service.asked == ["probe", (1, 2), 3, 4, 1, 2]
    assert "adresse par adresse" in caplog.text


def test_one_bad_row_in_a_thousand_costs_twenty_small_requests_at_most() -> None:
    """Ten halvings, each of two files of which one is right."""
    service = Service(together=lambda numbers: refused(413) if 0 in numbers else None)
    assert service.files(range(1000)) == dict.fromkeys(range(1000), YES)
    files = [asked for asked in service.asked if isinstance(asked, tuple)]
    assert len(files) <= 1 + 2 * 10
    assert service.asked[-1] == 0


def test_a_service_down_for_files_costs_three_of_them() -> None:
    service = Service(together=lambda _: out(504))
    assert service.files([1, 2, 3, 4], [5, 6], [7, 8], [9, 10]) == dict.fromkeys(range(1, 11), YES)
    assert [asked for asked in service.asked if isinstance(asked, tuple)] == [
        (1, 2, 3, 4),
        (5, 6),
        (7, 8),
    ]


def test_rows_that_the_service_failed_are_asked_alone() -> None:
    service = Service()

    def together(numbers: Sequence[int]) -> list[tuple[int, Outcome]]:
        return [(number, refused() if number % 2 else YES) for number in numbers]

    got = dict(
        ask_in_files([[1, 2, 3, 4]], together=together, alone=service.alone, health=service.health)
    )
    assert got == dict.fromkeys([2, 4, 1, 3], YES)
    assert service.asked == ["probe", 1, 3]


@given(
    st.integers(0, 40),
    st.integers(1, 12),
    st.sets(st.integers(0, 39)),
    st.sets(st.integers(0, 39), max_size=4),  # five in a row would stop the rest
)
def test_each_question_comes_back_once_whatever_fails(
    n_all: int, size: int, bad_in_files: set[int], bad: set[int]
) -> None:
    service = Service(
        alone=lambda number: out() if number in bad else None,
        together=lambda numbers: not_whole() if bad_in_files & set(numbers) else None,
    )
    files = [range(start, min(start + size, n_all)) for start in range(0, n_all, size)]
    got = service.files(*files)
    assert set(got) == set(range(n_all))
    wrong = {number for number, outcome in got.items() if isinstance(outcome, SourceError)}
    assert wrong <= bad
