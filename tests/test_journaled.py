"""A geocoder that is asked once: by one run, by a run killed and resumed, by many at once."""

import multiprocessing
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from siting.asking import Answer, Ask, Geocoder, Spot
from siting.errors import NotAsked, SourceError, SourceUnavailable
from siting.matching import Candidate
from siting.sources.journal import Journal
from siting.sources.journal_text import Mode
from siting.sources.journaled import JournaledGeocoder
from siting.sources.pace import Clock, SharedPace

URL = "https://geocodeur.test/geocodage"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SPAWNER = multiprocessing.get_context("forkserver")
SPAWNER.set_forkserver_preload(["siting.sources.journaled"])


def asks(n_asks: int) -> list[Ask]:
    return [Ask(query=f"{rank} rue de l'Été", citycode="93010") for rank in range(n_asks)]


def answer_to(ask: Ask | Spot) -> Answer:
    text = ask.query if isinstance(ask, Ask) else f"{ask.lon:g} {ask.lat:g}"
    candidate = Candidate(label=f"{text} 93140 Bondy", lon=2.5, lat=48.9, score=0.9)
    return Answer(candidates=(candidate,), asked_on="2026-01-31", endpoint=URL)


@dataclass
class Engine:
    """A geocoder that writes down what it is asked; what is in `wrong` it answers that way."""

    url: str = URL
    asked: list[Ask | Spot] = field(default_factory=list)
    wrong: dict[Ask | Spot, Answer | SourceError] = field(default_factory=dict)

    def answers(
        self, asks: Sequence[Ask], *, is_bulk: bool
    ) -> Iterator[tuple[Ask, Answer | SourceError]]:
        assert isinstance(is_bulk, bool)
        for ask in asks:
            self.asked.append(ask)
            yield ask, self.wrong.get(ask) or answer_to(ask)

    def addresses_at(
        self, spots: Sequence[Spot], *, is_bulk: bool
    ) -> Iterator[tuple[Spot, Answer | SourceError]]:
        assert isinstance(is_bulk, bool)
        for spot in spots:
            self.asked.append(spot)
            yield spot, self.wrong.get(spot) or answer_to(spot)


class FakeClock(Clock):
    """Time that only passes when one waits; something may happen each time."""

    def __init__(self, on_wait: Callable[[], object] = lambda: None) -> None:
        self.waited_s = 0.0
        self.on_wait = on_wait

    def wait(self, seconds: float) -> None:
        self.waited_s += seconds
        self.on_wait()


def journaled(
    engine: Geocoder | None,
    journal: Journal,
    *,
    max_age_days: float | None = None,
    now: datetime = NOON,
    clock: Clock | None = None,
) -> JournaledGeocoder:
    return JournaledGeocoder(
        engine,
        journal,
        max_age_days=max_age_days,
        now=lambda: now,
        endpoint=URL,
        clock=clock or FakeClock(lambda: pytest.fail("nobody is to be waited for")),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal(path) as journal:
        yield journal


@pytest.fixture
def engine() -> Engine:
    return Engine()


# One run


@pytest.mark.parametrize("is_bulk", [False, True])
def test_what_was_answered_is_not_asked_again(
    is_bulk: bool,  # noqa: FBT001 - a parameter of the test
    journal: Journal,
    engine: Engine,
) -> None:
    geocoder = journaled(engine, journal)
    assert geocoder.url == URL
    right = {ask: answer_to(ask) for ask in asks(5)}
    assert dict(geocoder.answers(asks(5), is_bulk=is_bulk)) == right
    assert dict(geocoder.answers(asks(5), is_bulk=is_bulk)) == right
    assert engine.asked == asks(5)


def test_what_is_known_comes_first_then_the_rest_in_order(journal: Journal, engine: Engine) -> None:
    geocoder = journaled(engine, journal)
    list(geocoder.answers([asks(5)[3]], is_bulk=False))
    order = [ask for ask, _ in geocoder.answers(asks(5), is_bulk=False)]
    assert order == [asks(5)[rank] for rank in (3, 0, 1, 2, 4)]
    assert engine.asked == order


def test_each_question_comes_back_once(journal: Journal, engine: Engine) -> None:
    twice = asks(3) + asks(3)
    order = [ask for ask, _ in journaled(engine, journal).answers(twice, is_bulk=True)]
    assert order == engine.asked == asks(3)
    assert [ask for ask, _ in journaled(None, journal).answers(twice, is_bulk=True)] == asks(3)


def test_nothing_asked_is_nothing_answered(journal: Journal, engine: Engine) -> None:
    assert list(journaled(engine, journal).answers([], is_bulk=False)) == []
    assert list(journaled(None, journal).answers([], is_bulk=False)) == []


def test_bulk_answers_serve_bulk_questions_only(journal: Journal, engine: Engine) -> None:
    geocoder = journaled(engine, journal)
    for is_bulk in (True, False, True, False):
        list(geocoder.answers(asks(1), is_bulk=is_bulk))
    assert engine.asked == asks(1) * 2


@pytest.mark.parametrize("is_bulk", [False, True])
def test_addresses_of_places_are_kept_too(
    is_bulk: bool,  # noqa: FBT001 - a parameter of the test
    journal: Journal,
    engine: Engine,
) -> None:
    spots = [Spot(lon=2.5, lat=48.9), Spot(lon=-61.5, lat=16.2)]
    geocoder = journaled(engine, journal)
    for _ in range(2):
        found = dict(geocoder.addresses_at(spots, is_bulk=is_bulk))
        assert found == {spot: answer_to(spot) for spot in spots}
    assert engine.asked == spots
    assert dict(journaled(None, journal).addresses_at(spots, is_bulk=is_bulk)) == found


def test_a_failure_is_given_but_not_kept(journal: Journal, engine: Engine) -> None:
    error = SourceUnavailable("Panne.", url=URL, status=503)
    engine.wrong = {asks(3)[1]: error}
    geocoder = journaled(engine, journal)
    assert dict(geocoder.answers(asks(3), is_bulk=False))[asks(3)[1]] is error
    engine.wrong = {}
    found = dict(geocoder.answers(asks(3), is_bulk=False))
    assert found == {ask: answer_to(ask) for ask in asks(3)}
    assert engine.asked == [*asks(3), asks(3)[1]]


def test_nothing_found_is_an_answer_unless_it_was_odd(journal: Journal, engine: Engine) -> None:
    one, two, three = asks(3)
    engine.wrong = {
        one: Answer(candidates=()),
        two: Answer(candidates=(), note="Réponse sans position."),
        three: Answer(candidates=answer_to(three).candidates, note="Score hors de 0-1."),
    }
    geocoder = journaled(engine, journal)
    for _ in range(2):
        assert len(list(geocoder.answers(asks(3), is_bulk=False))) == 3
    assert engine.asked == [one, two, three, two]


def test_old_answers_are_asked_again(journal: Journal, engine: Engine) -> None:
    list(journaled(engine, journal).answers(asks(1), is_bulk=False))
    for days, is_asked in [(29, False), (30, False), (31, True), (60, False), (62, True)]:
        engine.asked = []
        today = NOON + timedelta(days=days)
        geocoder = journaled(engine, journal, max_age_days=30, now=today)
        list(geocoder.answers(asks(1), is_bulk=False))
        assert engine.asked == (asks(1) if is_asked else [])
    assert journal.summary().newest == "2026-04-03T12:00:00+00:00"  # 62 days later


def test_the_oldest_time_wanted_is_told(journal: Journal, engine: Engine) -> None:
    assert journaled(engine, journal).since == ""
    assert journaled(engine, journal, max_age_days=0.5).since == "2026-01-31T00:00:00+00:00"


def test_nobody_is_asked_without_a_geocoder(journal: Journal, engine: Engine) -> None:
    list(journaled(engine, journal).answers(asks(2), is_bulk=False))
    kept = journaled(None, journal)
    assert kept.url == URL
    found = dict(kept.answers(asks(3), is_bulk=False))
    assert [found[ask] for ask in asks(2)] == [answer_to(ask) for ask in asks(2)]
    lacking = found[asks(3)[2]]
    assert isinstance(lacking, NotAsked)
    assert lacking.url == URL
    assert "aucun géocodeur n'est interrogé" in str(lacking)
    later = journaled(None, journal, max_age_days=1, now=NOON + timedelta(days=2))
    assert all(isinstance(one, NotAsked) for _, one in later.answers(asks(3), is_bulk=False))
    assert engine.asked == asks(2)


def test_an_answer_is_kept_before_it_is_given(path: Path, journal: Journal, engine: Engine) -> None:
    coming = journaled(engine, journal).answers(asks(3), is_bulk=False)
    for n_given in (1, 2, 3):
        next(coming)
        with Journal(path) as other:
            assert len(other.known(asks(3), endpoint=URL, mode=Mode.SEARCH)) == n_given


def test_odd_texts_are_asked_and_found_again(journal: Journal, engine: Engine) -> None:
    odd = [Ask(query=text) for text in ("", "\ud83d", "\ud83d\ude00", "😀", "\0", "a\u0301")]
    geocoder = journaled(engine, journal)
    for _ in range(2):
        assert dict(geocoder.answers(odd, is_bulk=False)) == {ask: answer_to(ask) for ask in odd}
    assert engine.asked == odd


# Two runs


def test_a_run_waits_for_what_another_is_asking(path: Path) -> None:
    engine, idle = Engine(), Engine()
    with Journal(path) as one, Journal(path) as two:
        first = journaled(engine, one).answers(asks(6), is_bulk=False)
        next(first)
        clock = FakeClock(lambda: next(first))
        second = journaled(idle, two, clock=clock).answers(asks(6), is_bulk=False)
        assert dict(second) == {ask: answer_to(ask) for ask in asks(6)}
    assert idle.asked == []
    assert engine.asked == asks(6)


def test_runs_that_ask_something_else_do_not_wait(path: Path) -> None:
    with Journal(path) as one, Journal(path) as two:
        first = journaled(Engine(), one).answers(asks(6), is_bulk=False)
        next(first)
        other = Engine()
        assert len(list(journaled(other, two).answers(asks(6), is_bulk=True))) == 6
        assert len(other.asked) == 6


def test_what_another_run_failed_to_get_is_asked(path: Path) -> None:
    failing, engine = Engine(), Engine()
    failing.wrong = {asks(4)[2]: SourceUnavailable("Panne.", url=URL)}
    with Journal(path) as one, Journal(path) as two:
        first = journaled(failing, one).answers(asks(4), is_bulk=False)
        next(first)
        clock = FakeClock(lambda: next(first, None))
        second = journaled(engine, two, clock=clock).answers(asks(4), is_bulk=False)
        assert dict(second) == {ask: answer_to(ask) for ask in asks(4)}
    assert engine.asked == [asks(4)[2]]


def test_what_another_run_gave_up_is_asked(path: Path) -> None:
    engine = Engine()
    with Journal(path) as one, Journal(path) as two:
        first = journaled(Engine(), one).answers(asks(4), is_bulk=False)
        next(first)
        assert two.take(asks(4), endpoint=URL, mode=Mode.SEARCH).others == asks(4)[1:]
        del first
        list(journaled(engine, two).answers(asks(4), is_bulk=False))
    assert engine.asked == asks(4)[1:]


def test_a_run_that_gives_no_news_is_waited_for_three_minutes(path: Path) -> None:
    engine, clock = Engine(), FakeClock()
    with Journal(path) as one, Journal(path) as two:
        one.take(asks(4), endpoint=URL, mode=Mode.SEARCH)
        found = dict(journaled(engine, two, clock=clock).answers(asks(4), is_bulk=False))
        assert found == {ask: answer_to(ask) for ask in asks(4)}
    assert engine.asked == asks(4)
    assert 180 <= clock.waited_s < 182


def test_answers_left_half_way_hold_nobody_even_after_the_journal_is_closed(path: Path) -> None:
    with Journal(path) as journal:
        coming = journaled(Engine(), journal).answers(asks(3), is_bulk=False)
        next(coming)
    del coming
    engine = Engine()
    with Journal(path) as journal:
        list(journaled(engine, journal).answers(asks(3), is_bulk=False))
    assert engine.asked == asks(3)[1:]


# Killed runs, and many processes


@dataclass
class LoggedEngine:
    """A slow geocoder, at a pace shared by processes, that notes what it is asked in a file."""

    log: Path
    pace: SharedPace | None = None
    delay_s: float = 0.0
    url: str = URL

    def answers(
        self, asks: Sequence[Ask], *, is_bulk: bool
    ) -> Iterator[tuple[Ask, Answer | SourceError]]:
        """Answer a few at a time in bulk, else one by one."""
        n_together = 7 if is_bulk else 1
        for rank in range(0, len(asks), n_together):
            some = asks[rank : rank + n_together]
            if self.pace is not None:
                time.sleep(self.pace.reserve_s("geocodeur.test", spacing_s=0.005))
            with self.log.open("a", encoding="utf-8") as file:
                file.write("".join(f"{time.time()} {ask.query}\n" for ask in some))
            time.sleep(self.delay_s)
            yield from ((ask, answer_to(ask)) for ask in some)

    def addresses_at(
        self, spots: Sequence[Spot], *, is_bulk: bool
    ) -> Iterator[tuple[Spot, Answer | SourceError]]:
        raise NotImplementedError


def asked_in(log: Path) -> list[str]:
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return [line.partition(" ")[2] for line in lines]


def run(path: Path, log: Path, n_asks: int, *, is_bulk: bool, delay_s: float = 0.0) -> list[str]:
    """Geocode in this process; return what was found, in the order of the questions."""
    engine = LoggedEngine(log, SharedPace(path.with_name("pace"), Clock()), delay_s)
    with Journal(path) as journal:
        geocoder = JournaledGeocoder(engine, journal, max_age_days=30, now=lambda: NOON)
        found = dict(geocoder.answers(asks(n_asks), is_bulk=is_bulk))
        assert journal.note == ""
    return [repr(found[ask]) for ask in asks(n_asks)]


def run_of_eight(path: Path, log: Path) -> list[str]:
    return run(path, log, 80, is_bulk=False)


def run_to_be_killed(path: Path, log: Path, *, is_bulk: bool) -> None:
    run(path, log, 60, is_bulk=is_bulk, delay_s=0.004)


@pytest.mark.parametrize("is_bulk", [False, True])
def test_a_run_killed_at_any_moment_is_resumed_without_asking_again(
    is_bulk: bool,  # noqa: FBT001 - a parameter of the test
    path: Path,
    tmp_path: Path,
) -> None:
    chance = random.Random(7)  # noqa: S311 - a seed for the test
    log = tmp_path / "log"
    n_kills = 0
    for _ in range(12):
        process = SPAWNER.Process(
            target=run_to_be_killed, args=(path, log), kwargs={"is_bulk": is_bulk}
        )
        process.start()
        process.join(chance.uniform(0.02, 0.16))
        process.kill()
        process.join()
        n_kills += process.exitcode == -signal.SIGKILL
    found = run(path, log, 60, is_bulk=is_bulk)
    assert found == [repr(answer_to(ask)) for ask in asks(60)]
    asked = asked_in(log)
    assert set(asked) == {ask.query for ask in asks(60)}
    assert n_kills >= 3
    # what was on its way when the run was killed, and nothing else, is asked again
    assert len(asked) - 60 <= n_kills * (7 if is_bulk else 1)
    n_before = len(asked)
    assert run(path, log, 60, is_bulk=is_bulk) == found
    assert len(asked_in(log)) == n_before


def test_eight_processes_on_one_journal_ask_each_question_once(path: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with SPAWNER.Pool(8) as pool:
        results = pool.starmap(run_of_eight, [(path, log)] * 8)
    assert results == [[repr(answer_to(ask)) for ask in asks(80)]] * 8
    assert sorted(asked_in(log)) == sorted(ask.query for ask in asks(80))
    # two that close at the same moment may leave the log, which the next one takes in
    left = {file.name.removesuffix("-wal").removesuffix("-shm") for file in path.parent.iterdir()}
    assert left == {path.name, f"{path.name}.lock", "pace"}


def hold_for_ever(path: Path, log: Path) -> None:
    with Journal(path) as journal:
        journal.take(asks(20), endpoint=URL, mode=Mode.SEARCH)
        log.touch()
        time.sleep(600)


def test_what_a_killed_run_was_asking_is_asked_at_once_by_the_other(
    path: Path, tmp_path: Path
) -> None:
    holder = SPAWNER.Process(target=hold_for_ever, args=(path, tmp_path / "ready"))
    holder.start()
    while not (tmp_path / "ready").exists():
        time.sleep(0.01)
    engine = Engine()
    clock = FakeClock(holder.kill)
    with Journal(path) as journal:
        assert journal.take(asks(20), endpoint=URL, mode=Mode.SEARCH).others == asks(20)
        coming = journaled(engine, journal, clock=clock).answers(asks(20), is_bulk=False)
        assert len(list(coming)) == 20
    holder.join()
    assert holder.exitcode == -signal.SIGKILL
    assert engine.asked == asks(20)
    assert {file.name for file in path.parent.iterdir()} == {path.name, f"{path.name}.lock"}


def test_ten_thousand_answers_are_kept_in_seconds(path: Path, engine: Engine) -> None:
    """The bound is two seconds on a free machine; five of computing, for one that is busy."""
    with Journal(path) as journal:
        began_s = time.process_time()
        assert len(list(journaled(engine, journal).answers(asks(10_000), is_bulk=True))) == 10_000
        assert time.process_time() - began_s < 5
