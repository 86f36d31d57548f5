"""The pace: turns far enough from each other, whatever the number of threads and processes."""

import itertools
import logging
import math
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.sources.pace import Clock, OwnPace, Pace, SharedPace

HOST = "geocodeur.test"
SPAWNER = multiprocessing.get_context("forkserver")
SPAWNER.set_forkserver_preload(["siting.sources.pace"])


class FakeClock(Clock):
    """Time that only passes when one waits; the wall clock can be set."""

    def __init__(self, wall_s: float = 1_800_000_000.0) -> None:
        self.time_s = 50.0
        self.ahead_s = wall_s - self.time_s

    def now_s(self) -> float:
        return self.time_s

    def wall_s(self) -> float:
        return self.time_s + self.ahead_s

    def wait(self, seconds: float) -> None:
        self.time_s += seconds


class NotingClock(Clock):
    """The clock of the system, which remembers the last time it told."""

    told_s = 0.0

    def wall_s(self) -> float:
        self.told_s = super().wall_s()
        return self.told_s


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["own", "shared"])
def pace(request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path) -> Pace:
    return OwnPace(clock) if request.param == "own" else SharedPace(tmp_path / "pace", clock)


def test_turns_follow_each_other_at_the_spacing(pace: Pace) -> None:
    waits = [pace.reserve_s(HOST, spacing_s=0.5) for _ in range(4)]
    assert waits == pytest.approx([0.0, 0.5, 1.0, 1.5])


def test_who_comes_late_does_not_wait_and_saves_no_turns(pace: Pace, clock: FakeClock) -> None:
    pace.reserve_s(HOST, spacing_s=0.5)
    clock.wait(10)
    assert pace.reserve_s(HOST, spacing_s=0.5) == 0
    assert pace.reserve_s(HOST, spacing_s=0.5) == pytest.approx(0.5)


def test_each_host_has_its_own_turns(pace: Pace) -> None:
    pace.silence(HOST, seconds=9)
    assert pace.reserve_s("autre.test", spacing_s=0.5) == 0
    assert pace.silence_s("autre.test") == 0


def test_nothing_is_reserved_when_the_wait_is_too_long(pace: Pace) -> None:
    pace.reserve_s(HOST, spacing_s=3)
    assert pace.reserve_s(HOST, spacing_s=3, longest_s=2) == pytest.approx(3)
    assert pace.reserve_s(HOST, spacing_s=3, longest_s=3.1) == pytest.approx(3)
    assert pace.reserve_s(HOST, spacing_s=3) == pytest.approx(6)


def test_a_silence_holds_everybody_then_turns_are_spaced_again(
    pace: Pace, clock: FakeClock
) -> None:
    pace.silence(HOST, seconds=5)
    clock.wait(2)
    assert pace.silence_s(HOST) == pytest.approx(3)
    assert pace.reserve_s(HOST, spacing_s=0.5) == pytest.approx(3)
    assert pace.reserve_s(HOST, spacing_s=0.5) == pytest.approx(3.5)
    clock.wait(3.1)
    assert pace.silence_s(HOST) == 0


def test_the_longest_silence_is_kept(pace: Pace) -> None:
    pace.silence(HOST, seconds=20)
    pace.silence(HOST, seconds=5)
    assert pace.silence_s(HOST) == pytest.approx(20)


def test_a_turn_taken_before_a_silence_is_seen_to_fall_in_it(pace: Pace, clock: FakeClock) -> None:
    pace.reserve_s(HOST, spacing_s=1)
    clock.wait(pace.reserve_s(HOST, spacing_s=1) / 2)
    pace.silence(HOST, seconds=5)
    clock.wait(0.5)
    assert pace.silence_s(HOST) == pytest.approx(4.5)


def test_a_server_without_limit_is_not_slowed_down_but_is_left_alone(pace: Pace) -> None:
    assert [pace.reserve_s(HOST, spacing_s=0) for _ in range(3)] == [0, 0, 0]
    pace.silence(HOST, seconds=5)
    assert pace.reserve_s(HOST, spacing_s=0) == pytest.approx(5)


Step = tuple[str, float]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["turn", "hurried", "silence", "wait"]),
        st.floats(min_value=0, max_value=20, allow_nan=False),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_turns_never_touch_each_other_nor_a_silence(
    steps: list[Step], tmp_path_factory: pytest.TempPathFactory
) -> None:
    clock = FakeClock()
    paces: list[Pace] = [
        OwnPace(clock),
        SharedPace(tmp_path_factory.mktemp("pace") / "pace", clock),
    ]
    turns: list[float] = []
    silent_until_s = -math.inf
    for kind, seconds in steps:
        if kind == "wait":
            clock.wait(seconds)
        elif kind == "silence":
            for pace in paces:
                pace.silence(HOST, seconds=seconds)
            silent_until_s = max(silent_until_s, clock.now_s() + seconds)
        else:
            longest_s = 3.0 if kind == "hurried" else math.inf
            own_s, shared_s = [
                pace.reserve_s(HOST, spacing_s=1, longest_s=longest_s) for pace in paces
            ]
            assert own_s == pytest.approx(shared_s, abs=1e-5)
            if own_s <= longest_s:
                turn_s = clock.now_s() + own_s
                assert turn_s >= silent_until_s - 1e-5
                assert not turns or turn_s - turns[-1] >= 1 - 1e-5
                turns.append(turn_s)


@pytest.mark.parametrize("kind", ["own", "shared"])
def test_threads_share_turns(kind: str, tmp_path: Path) -> None:
    clock = FakeClock()
    pace = OwnPace(clock) if kind == "own" else SharedPace(tmp_path / "pace", clock)
    waits: list[float] = []

    def take_turns() -> None:
        waits.extend([pace.reserve_s(HOST, spacing_s=0.25) for _ in range(25)])

    threads = [threading.Thread(target=take_turns) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # the clock stands still: 8 x 25 turns, a quarter of a second apart
    assert sorted(waits) == pytest.approx([0.25 * rank for rank in range(200)], abs=1e-4)


def take_turns(path: Path, n_turns: int, spacing_s: float) -> list[float]:
    """Take turns in this process, and wait for each; return their times by the wall clock."""
    clock = NotingClock()
    pace = SharedPace(path, clock)
    turns = []
    for _ in range(n_turns):
        wait_s = pace.reserve_s(HOST, spacing_s=spacing_s)
        turns.append(clock.told_s + wait_s)
        clock.wait(wait_s)
        assert time.time() >= turns[-1] - 1e-3
    return turns


def test_processes_share_turns(tmp_path: Path) -> None:
    """Eight processes at 200 turns a second: no two turns nearer than 5 ms."""
    with SPAWNER.Pool(8) as pool:
        asked = [(tmp_path / "pace", 25, 0.005)] * 8
        turns = sorted(turn for some in pool.starmap(take_turns, asked) for turn in some)
    gaps_s = [after - before for before, after in itertools.pairwise(turns)]
    assert len(turns) == 8 * 25
    assert min(gaps_s) >= 0.005 - 1e-6
    # whatever the window of a second, 200 turns at most, and the one it begins with
    assert max(sum(0 <= later - turn <= 1 for later in turns) for turn in turns) <= 201


def take_turns_for_ever(path: Path) -> None:
    pace = SharedPace(path, Clock())
    while True:
        pace.reserve_s(HOST, spacing_s=0.0)


def test_a_process_killed_while_it_takes_a_turn_holds_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for delay_s in (0.10, 0.12, 0.15, 0.19, 0.24):
        process = SPAWNER.Process(target=take_turns_for_ever, args=(tmp_path / "pace",))
        process.start()
        time.sleep(delay_s)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        pace = SharedPace(tmp_path / "pace", Clock())
        assert pace.reserve_s(HOST, spacing_s=0.0) == 0
    assert caplog.text == ""


def test_runs_share_turns_and_silences_by_the_wall_clock(tmp_path: Path) -> None:
    one, other = FakeClock(), FakeClock()
    other.time_s, other.ahead_s = other.time_s + 7000, other.ahead_s - 7000  # another start
    first, second = SharedPace(tmp_path / "pace", one), SharedPace(tmp_path / "pace", other)
    assert first.reserve_s(HOST, spacing_s=2) == 0
    assert second.reserve_s(HOST, spacing_s=2) == pytest.approx(2)
    second.silence(HOST, seconds=30)
    assert first.silence_s(HOST) == pytest.approx(30)
    assert first.reserve_s(HOST, spacing_s=2) == pytest.approx(30)


def test_what_a_clock_wrote_before_it_was_set_back_is_ignored(tmp_path: Path) -> None:
    clock = FakeClock()
    pace = SharedPace(tmp_path / "pace", clock)
    pace.reserve_s(HOST, spacing_s=60)
    pace.silence(HOST, seconds=60)
    clock.ahead_s -= 3600
    assert pace.reserve_s(HOST, spacing_s=60) == 0
    assert pace.reserve_s(HOST, spacing_s=60) == pytest.approx(60)


def test_a_small_step_of_the_clock_is_not_a_clock_set_back(tmp_path: Path) -> None:
    clock = FakeClock()
    pace = SharedPace(tmp_path / "pace", clock)
    pace.reserve_s(HOST, spacing_s=2)
    clock.ahead_s -= 0.5
    assert pace.reserve_s(HOST, spacing_s=2) == pytest.approx(2.5)


def test_turns_more_than_ten_minutes_ahead_are_ignored(tmp_path: Path) -> None:
    pace = SharedPace(tmp_path / "pace", FakeClock())
    pace.reserve_s(HOST, spacing_s=599)
    assert pace.reserve_s(HOST, spacing_s=2) == pytest.approx(599)
    assert pace.reserve_s(HOST, spacing_s=2) == 0  # 601 s ahead


def test_a_silence_written_for_others_is_a_day_at_most(tmp_path: Path) -> None:
    path = tmp_path / "pace"
    SharedPace(path, FakeClock()).silence(HOST, seconds=1e9)
    assert SharedPace(path, FakeClock()).silence_s(HOST) == pytest.approx(86_400)


def damaged(path: Path) -> None:
    path.write_bytes(b"<html>Portail</html>" * 99)


def out_of_reach(path: Path) -> None:
    path.mkdir()


def of_something_else(path: Path) -> None:
    SharedPace(path, FakeClock()).reserve_s(HOST, spacing_s=1)
    path.write_bytes(path.read_bytes().replace(b"silent_s", b"volume_s"))


@pytest.mark.parametrize("spoil", [damaged, out_of_reach, of_something_else])
@pytest.mark.parametrize("first", ["reserve", "silence", "silence_s"])
def test_a_file_that_cannot_be_used_is_said_once_and_each_goes_at_its_own_pace(
    spoil: Callable[[Path], None],
    first: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "pace"
    spoil(path)
    pace = SharedPace(path, FakeClock())
    with caplog.at_level(logging.WARNING):
        if first == "silence":
            pace.silence(HOST, seconds=1)
        waited_s = pace.silence_s(HOST) if first != "reserve" else 0.0
        waits = [pace.reserve_s(HOST, spacing_s=0.5) - waited_s for _ in range(3)]
    assert waits == pytest.approx([0, 0.5, 1.0])
    assert len(caplog.records) == 1
    assert "n'en lancez qu'un à la fois" in caplog.text


def test_a_damaged_file_is_moved_aside_for_the_next_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "pace"
    damaged(path)
    SharedPace(path, FakeClock()).reserve_s(HOST, spacing_s=1)
    assert path.with_name("pace.damaged").exists()
    caplog.clear()
    SharedPace(path, FakeClock()).reserve_s(HOST, spacing_s=1)
    assert SharedPace(path, FakeClock()).reserve_s(HOST, spacing_s=1) == pytest.approx(1)
    assert caplog.text == ""


@pytest.mark.parametrize("share", [step / 20 for step in range(20)])
def test_a_truncated_file_never_stops_a_run(share: float, tmp_path: Path) -> None:
    path = tmp_path / "pace"
    SharedPace(path, FakeClock()).reserve_s(HOST, spacing_s=1)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    pace = SharedPace(path, FakeClock())
    assert [pace.reserve_s(HOST, spacing_s=1) for _ in range(2)] == pytest.approx([0, 1])


def test_the_clock_of_the_system_tells_the_time_and_waits() -> None:
    clock = Clock()
    began_s = clock.now_s()
    clock.wait(0.01)
    assert clock.now_s() - began_s >= 0.01
    assert clock.wall_s() == pytest.approx(time.time(), abs=5)
