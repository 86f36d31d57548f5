"""`siting geocode` on bad days: killed, beside another run, with a service that breaks down."""

import itertools
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes import faults
from fakes.ban import FakeBan, fake_ban
from fakes.faults import Fault
from fakes.index import Place
from runs import (
    BONDY,
    PLACES,
    QuickTime,
    Started,
    Starter,
    addresses,
    questions,
    results,
    rows_of,
    siting,
    starter,
    write_projects,
)

from siting.cli import ALL_WELL, STOPPED, TO_REVIEW
from siting.sources.journal import Journal
from siting.study.session import JOURNAL

SEEDS = range(3)


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    with starter(tmp_path_factory.mktemp("starter")) as starts:
        yield starts


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeBan]:
    with fake_ban(PLACES, rate_per_s=None) as fake:
        yield fake


@dataclass(frozen=True)
class Whole:
    """A run that nothing disturbed: its file of projects, its results, what it took."""

    projects: Path
    results: dict[str, bytes]
    n_asked: int
    n_questions: int
    n_on_its_way: int
    duration_s: float


def command(fake: FakeBan, projects: Path, folder: Path) -> tuple[object, ...]:
    folder.mkdir(exist_ok=True)
    words = ("geocode", projects, "--out", folder / "positions.csv", "--geocoder", fake.url)
    return (*words, "--resume")


# Killed runs


@pytest.fixture(scope="module", params=[120, 220], ids=["one by one", "by files"])
def whole(
    request: pytest.FixtureRequest,
    fake: FakeBan,
    starts: Starter,
    tmp_path_factory: pytest.TempPathFactory,
) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    projects = write_projects(folder / "projets.csv", addresses(request.param))
    n_before, began_s = len(fake.asked), time.monotonic()
    run = starts.start(*command(fake, projects, folder / "out"), cache=folder / "cache")
    assert run.wait() == TO_REVIEW
    asked = fake.asked[n_before:]
    return Whole(
        projects=projects,
        results=results(folder / "out"),
        n_asked=len(asked),
        n_questions=sum(questions(asked).values()),
        n_on_its_way=max(sum(questions([one]).values()) for one in asked),
        duration_s=time.monotonic() - began_s,
    )


def n_recorded(cache: Path) -> int:
    if not (cache / JOURNAL).exists():
        return 0
    with Journal(cache / JOURNAL) as journal:
        assert journal.note == ""
        return journal.summary().n_answers


def moment(whole: Whole, fake: FakeBan, out: Path, chance: random.Random) -> Callable[[], bool]:
    """Choose a moment of a run that begins: by the clock, by what is asked, by what is written."""
    ends_s = time.monotonic() + chance.uniform(0.1, 1.0) * whole.duration_s
    n_asked = len(fake.asked) + chance.randrange(1, whole.n_asked)
    n_written = chance.randint(1, len(whole.results))
    ways: list[Callable[[], bool]] = [
        lambda: time.monotonic() >= ends_s,
        lambda: len(fake.asked) >= n_asked,
        lambda: len(results(out)) >= n_written,
    ]
    return chance.choice(ways)


def kill(run: Started, *, when: Callable[[], bool], longest_s: float) -> bool:
    """Kill a run when the moment has come, at the latest after a while; tell if it was alive."""
    late_s = time.monotonic() + longest_s
    while time.monotonic() < late_s and not when():
        time.sleep(0.001)
    run.kill()
    return run.wait() == -signal.SIGKILL


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_killed_at_any_moment_is_finished_by_resume(
    seed: int, whole: Whole, fake: FakeBan, starts: Starter, tmp_path: Path
) -> None:
    chance, cache, out = random.Random(seed), tmp_path / "cache", tmp_path / "out"  # noqa: S311
    words, n_before, n_killed = command(fake, whole.projects, out), len(fake.asked), 0
    for _ in range(chance.choice([1, 2])):
        when = moment(whole, fake, out, chance)
        n_killed += kill(starts.start(*words, cache=cache), when=when, longest_s=whole.duration_s)
        written = results(out)
        assert written == {name: whole.results[name] for name in written}
    n_known, n_mark = n_recorded(cache), len(fake.asked)
    assert starts.start(*words, cache=cache).wait() == TO_REVIEW
    assert results(out) == whole.results
    # What was recorded is not asked again, and what is asked is asked once.
    asked = questions(fake.asked[n_mark:])
    assert n_known + sum(asked.values()) == n_recorded(cache) == whole.n_questions
    assert set(asked.values()) <= {1}
    # All that is asked twice is what was on its way: a question, or a file.
    n_twice = sum(questions(fake.asked[n_before:]).values()) - whole.n_questions
    assert n_twice <= n_killed * whole.n_on_its_way


@pytest.fixture
def healthy(fake: FakeBan) -> Iterator[FakeBan]:
    """The same service, that is healed in the end."""
    yield fake
    fake.heal()


def test_two_runs_at_once_ask_each_question_once(
    whole: Whole, healthy: FakeBan, starts: Starter, tmp_path: Path
) -> None:
    healthy.order(faults.drip(100_000, 0.003))  # slow enough for the runs to meet
    n_before, cache = len(healthy.asked), tmp_path / "cache"
    runs = [
        starts.start(*command(healthy, whole.projects, tmp_path / name), cache=cache)
        for name in ("a", "b")
    ]
    assert [run.wait() for run in runs] == [TO_REVIEW, TO_REVIEW]
    assert results(tmp_path / "a") == results(tmp_path / "b") == whole.results
    asked = questions(healthy.asked[n_before:])
    assert sum(asked.values()) == whole.n_questions
    assert n_recorded(cache) == whole.n_questions


# Rows that failed


def test_resume_asks_the_failed_rows_only(
    whole: Whole, healthy: FakeBan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second block of a file fails; then, alone, the addresses of one street."""
    QuickTime(monkeypatch)
    healthy.order(faults.failing_blocks(1), path="/search/csv")
    healthy.order(faults.SERVER_ERROR, holding="Chemin Vert", path="/search")
    words = command(healthy, whole.projects, tmp_path / "out")
    assert siting(*words).code == TO_REVIEW
    found = rows_of(tmp_path / "out" / "positions.csv")
    failed = [row["site_id"] for row in found if row["geocode_status"] == "error"]
    assert failed
    (tmp_path / "whole.csv").write_bytes(whole.results["positions.csv"])
    for row, expected in zip(found, rows_of(tmp_path / "whole.csv"), strict=True):
        if row["site_id"] in failed:
            assert row["geocode_reason"] == "SERVICE_ERROR"
            assert "Chemin Vert" in row["address"]
            assert (row["lon"], row["matched_label"]) == ("", "")
        else:
            assert row == expected
    healthy.heal()
    n_before = len(healthy.asked)
    assert siting(*words).code == TO_REVIEW
    asked = questions(healthy.asked[n_before:])
    assert asked
    assert all("Chemin Vert" in " ".join(words) for words in asked)
    assert set(asked.values()) == {1}
    assert results(tmp_path / "out") == whole.results


# A service that breaks down


TOWN = [
    Place(
        name=f"{kind} {name}",
        housenumber=str(number),
        town=BONDY,
        lon=round(2.478 + number * 0.0001, 6),
        lat=round(48.898 + rank * 0.0002, 6),
    )
    for rank, (kind, name) in enumerate(
        itertools.product(
            ("Rue", "Avenue", "Allée", "Impasse", "Place"),
            ("Carnot", "Pasteur", "Zola", "Hugo", "Braille"),
        )
    )
    for number in range(1, 41)
]
CHEMIN = Place(name="Chemin Vert", kind="street", town=BONDY, lon=2.48, lat=48.904)
NOT_WHOLE = (
    *(faults.cut(5000), faults.row_count(999), faults.without_row(3), faults.row_twice(8)),
    *(faults.row_replaced(3, by=4), faults.without_column("result_score"), faults.PORTAL),
)
SLOWING = (
    *(faults.failing_blocks(1, 4, 7), faults.rows_mixed(1), faults.TOO_MANY, faults.BAD_GATEWAY),
)
PASSING = (
    *(faults.TOO_MANY, faults.BAD_GATEWAY, faults.SERVER_ERROR, faults.WRAPPED_TIMEOUT),
    *(faults.PORTAL, faults.PORTAL_REDIRECT, faults.RESET, faults.cut(80)),
    *(faults.cut(80, is_told=True), faults.with_fields({"geometry": None})),
)


def thousand_rows(path: Path) -> Path:
    """Write a file in which one row of ten is no door of the town, in many ways."""
    lines = ["id;adresse;commune;code_postal;lon;lat"]
    for rank, door in enumerate(TOWN):
        unlike = {
            3: f"{door.housenumber} bis {door.name};Bondy;93140;;",
            13: f"{rank + 41} {door.name};Bondy;93140;;",
            23: f"{rank} quai des Brumes;Bondy;93140;;",
            33: f"BP {rank};Bondy;93140;;",
            43: ";;;;",
            53: f"{rank} Chemin Vert;Bondy;93140;;",
            63: f";Bondy;;{door.lon};{door.lat}",
            73: f"{door.full_name};;;;",
            83: "?;;;;",
        }
        lines.append(f"r{rank};" + unlike.get(rank % 100, f"{door.full_name};Bondy;93140;;"))
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def good_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FakeBan, Path, Path]]:
    """A service, a file of a thousand rows, and the folder of what was found on a good day."""
    folder = tmp_path_factory.mktemp("good")
    projects = thousand_rows(folder / "projets.csv")
    with (
        fake_ban([*TOWN, CHEMIN, PLACES[-1]], rate_per_s=None) as service,
        pytest.MonkeyPatch.context() as patch,
    ):
        QuickTime(patch)
        patch.setenv("SITING_CACHE", str(folder / "cache"))
        said = siting(*command(service, projects, folder / "out"))
        assert said.code == TO_REVIEW
        assert said.counts["total"] == len(TOWN)
        yield service, projects, folder / "out"


def statuses(folder: Path) -> Counter[tuple[str, str]]:
    rows = rows_of(folder / "positions.csv")
    return Counter((row["geocode_status"], row["geocode_reason"]) for row in rows)


def test_a_bad_day_of_the_service_makes_errors_and_nothing_else(
    good_day: tuple[FakeBan, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    time, (service, projects, good) = QuickTime(monkeypatch), good_day
    chance = random.Random(5)  # noqa: S311
    service.heal()
    for fault in (*chance.sample(NOT_WHOLE, 4), *chance.sample(SLOWING, len(SLOWING))):
        service.order(fault, on=1, path="/csv")
    service.order(faults.SERVER_ERROR, holding="Chemin Vert", path="/search")
    for fault in PASSING:
        service.order(fault, share=0.03)
    said = siting(*command(service, projects, tmp_path))
    service.heal()
    assert said.code == TO_REVIEW
    assert time.slept_s < 3600
    found = rows_of(tmp_path / "positions.csv")
    expected = rows_of(good / "positions.csv")
    failed = [row["geocode_status"] == "error" for row in found]
    assert 10 <= sum(failed) < 100
    for row, right, has_failed in zip(found, expected, failed, strict=True):
        if has_failed:
            assert row["geocode_reason"] in {"SERVICE_ERROR", "BAD_RESPONSE"}
            assert (row["lon"], row["matched_label"]) == ("", "")
            assert right["geocode_status"] in {"ok", "review", "not_found"}
        elif right["geocode_status"] == "provided":  # the nearest address may not be known
            assert (row["lon"], row["lat"]) == (right["lon"], right["lat"])
            assert row["geocode_status"] == "provided"
        else:
            assert row == right
    assert said.counts["total"] == sum(statuses(tmp_path).values()) == len(TOWN)
    assert sum(said.counts.values()) == 2 * len(TOWN)
    assert siting(*command(service, projects, tmp_path)).code == TO_REVIEW
    assert results(tmp_path) == results(good)


def test_a_portal_in_the_middle_stops_the_questions_not_the_run(
    good_day: tuple[FakeBan, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    QuickTime(monkeypatch)
    service, _, _ = good_day
    service.heal()
    service.order(faults.PORTAL, on=range(61, 10_000))
    n_before = len(service.asked)
    projects = write_projects(tmp_path / "projets.csv", [door.full_name for door in TOWN[:150]])
    said = siting(*command(service, projects, tmp_path / "out"))
    service.heal()
    assert said.code == TO_REVIEW
    assert statuses(tmp_path / "out") == {("ok", "MATCHED"): 60, ("error", "BAD_RESPONSE"): 90}
    assert said.counts == {"adresse trouvée": 60, "échec du géocodage": 90, "total": 150}
    assert len(service.asked) - n_before < 60 + 10


@pytest.mark.parametrize("fault", [faults.PORTAL, faults.PORTAL_REDIRECT, faults.UNAVAILABLE])
def test_a_service_that_never_answers_stops_the_run_and_nothing_is_written(
    fault: Fault, fake: FakeBan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    QuickTime(monkeypatch)
    fake.order(fault)
    n_before = len(fake.asked)
    projects = write_projects(tmp_path / "projets.csv", addresses(220))
    said = siting(*command(fake, projects, tmp_path / "out"))
    fake.heal()
    assert said.code == STOPPED
    assert "--geocoder" in said.err
    assert list((tmp_path / "out").iterdir()) == []
    assert questions(fake.asked[n_before:]) == {}  # no address was told


def test_all_is_well_when_every_row_is_found(fake: FakeBan, tmp_path: Path) -> None:
    projects = write_projects(tmp_path / "projets.csv", ["12 rue Carnot", "3 chemin Vert"])
    said = siting(*command(fake, projects, tmp_path / "out"))
    assert (said.code, said.counts) == (ALL_WELL, {"adresse trouvée": 2, "total": 2})
    assert set(results(tmp_path / "out")) == {"positions.csv", "positions.geocoding.csv"}
