"""The clock that a test moves."""

import threading

import pytest
from fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_time_passes_only_when_one_waits(clock: FakeClock) -> None:
    start_s, wall_s = clock.now_s(), clock.wall_s()
    clock.wait(2.5)
    clock.wait(0.5)
    clock.wait(-1)
    clock.advance(60)
    assert clock.now_s() - start_s == 63
    assert clock.wall_s() - wall_s == 63
    assert clock.waits == [2.5, 0.5, -1]


def test_the_clock_of_the_computer_may_be_set_back(clock: FakeClock) -> None:
    now_s, wall_s = clock.now_s(), clock.wall_s()
    clock.wall_origin_s -= 3600
    assert (clock.now_s(), clock.wall_s()) == (now_s, wall_s - 3600)


def test_threads_that_go_together_are_dated_as_if_they_had_slept(clock: FakeClock) -> None:
    start_s, seen, lock = clock.now_s(), [], threading.Lock()

    def walk(name: str, step_s: float, n_steps: int) -> None:
        for _ in range(n_steps):
            clock.wait(step_s)
            with lock:
                seen.append((clock.now_s() - start_s, name))

    clock.together(lambda: walk("slow", 3, 2), lambda: walk("quick", 2, 4))
    assert sorted(seen) == [
        *((2, "quick"), (3, "slow"), (4, "quick"), (6, "quick"), (6, "slow"), (8, "quick"))
    ]
    clock.wait(1)  # and alone again
    assert clock.now_s() - start_s == 9


def test_what_goes_wrong_in_a_thread_is_raised(clock: FakeClock) -> None:
    def fail() -> None:
        clock.wait(1)
        raise KeyError("x")

    with pytest.raises(KeyError):
        clock.together(lambda: clock.wait(5), fail)
