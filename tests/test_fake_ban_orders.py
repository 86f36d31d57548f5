"""What the fake national geocoder is told to do, its limit of requests, and its record."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pytest
import requests
from fakes import faults
from fakes.asker import PLACES, TABLE, Asker, asking
from fakes.ban import fake_ban
from fakes.clock import FakeClock
from fakes.faults import Fault


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ill(clock: FakeClock) -> Iterator[Asker]:
    """A server to which things happen, on a clock of its own."""
    with fake_ban(PLACES, clock=clock) as fake, asking(fake) as asker:
        yield asker


# The limit of requests


def test_fifty_requests_a_second_pass(ill: Asker, clock: FakeClock) -> None:
    for _ in range(120):
        assert ill.got("/reverse").status_code == 400
        clock.wait(0.02)
    assert ill.fake.busiest() == 50


def test_over_the_limit_all_is_refused_for_five_seconds(ill: Asker, clock: FakeClock) -> None:
    statuses = [ill.got("/reverse").status_code for _ in range(51)]
    assert statuses == [400] * 50 + [429]
    clock.wait(4.9)
    assert ill.got("/reverse").status_code == 429
    clock.wait(0.1)
    assert ill.got("/reverse").status_code == 400


def test_the_time_to_wait_decreases_only_once_one_stops(ill: Asker, clock: FakeClock) -> None:
    for _ in range(50):
        ill.got("/reverse")
    for _ in range(3):  # still fifty a second
        assert ill.got("/reverse").headers["retry-after"] == "5"
    clock.wait(1)
    seen = []
    for _ in range(4):
        seen.append(ill.got("/reverse").headers["retry-after"])
        clock.wait(1)
    assert seen == ["4", "3", "2", "1"]
    assert ill.got("/reverse").status_code == 400


def test_files_count_as_requests(ill: Asker) -> None:
    for _ in range(50):
        ill.got("/reverse")
    assert ill.posted("/search/csv", "id,q\n1,rue\n").status_code == 429


# Orders


@pytest.mark.parametrize(
    ("on", "failed"),
    [(2, [2]), ((1, 3), [1, 3]), (range(2, 5), [2, 3, 4]), (None, [1, 2, 3, 4, 5])],
)
def test_a_fault_is_for_the_requests_named(
    ill: Asker, on: int | Sequence[int] | None, failed: list[int]
) -> None:
    ill.statuses(2)  # those before the order do not count
    ill.fake.order(faults.BAD_GATEWAY, on=on)
    statuses = ill.statuses(5)
    assert [rank for rank, status in enumerate(statuses, start=1) if status == 502] == failed


def test_a_fault_is_for_a_share_of_requests_always_the_same() -> None:
    seen = []
    for seed in (1, 1, 2):
        with fake_ban(PLACES, rate_per_s=None, seed=seed) as fake, asking(fake) as asker:
            fake.order(faults.BAD_GATEWAY, share=0.3)
            seen.append(asker.statuses(100))
    assert seen[0] == seen[1] != seen[2]
    assert all(15 <= statuses.count(502) <= 45 for statuses in seen)


def test_a_fault_is_for_a_path_or_for_what_is_said(ill: Asker) -> None:
    ill.fake.order(faults.BAD_GATEWAY, path="/reverse")
    ill.fake.order(faults.UNAVAILABLE, holding="carnot")
    assert ill.statuses(1) == [200]
    assert ill.statuses(1, "/reverse/?lon=2&lat=48") == [502]
    assert ill.statuses(1, "/search?q=rue+carnot") == [503]
    assert ill.posted("/search/csv", TABLE).status_code == 503
    ill.fake.heal()
    assert ill.statuses(1, "/search?q=rue+carnot") == [200]


# The record


def test_requests_are_noted_with_their_time_and_content(ill: Asker, clock: FakeClock) -> None:
    start_s = clock.now_s()
    ill.got("/search", {"q": "rue d'été", "citycode": "93055"})
    clock.wait(1.5)
    fields = [("columns", "q"), ("columns", "c"), ("citycode", "c")]
    ill.posted("/search/csv", "id,q,c\n1,été,93055\n", fields)
    first, second = ill.fake.asked
    assert (first.rank, first.method, first.path) == (1, "GET", "/geocodage/search")
    assert first.params == {"q": ["rue d'été"], "citycode": ["93055"]}
    assert "python-requests" in first.headers["user-agent"]
    assert (second.rank, second.time_s - start_s) == (2, 1.5)
    assert second.form == {"columns": ["q", "c"], "citycode": ["c"]}
    assert second.file == ("adresses.csv", "id,q,c\n1,été,93055\n".encode())
    assert second.table == [{"id": "1", "q": "été", "c": "93055"}]


def test_what_left_can_be_looked_for(ill: Asker) -> None:
    ill.got("/search", {"q": "rue", "name": "canari été"})
    ill.got("/search/canari été")
    ill.posted("/search/csv", "id,q\n1,canari été\n")
    ill.session.get(ill.fake.url + "/search", headers={"X-Note": "canari"}, timeout=5)
    assert [asked.rank for asked in ill.fake.holding("canari été")] == [1, 2, 3]
    assert [asked.rank for asked in ill.fake.holding("canari")] == [1, 2, 3, 4]
    assert ill.fake.holding("serin") == []


def test_requests_are_counted_by_window(ill: Asker, clock: FakeClock) -> None:
    assert ill.fake.busiest() == 0
    for _ in range(20):
        ill.got("/search")
        clock.wait(0.1)
    assert (ill.fake.busiest(), ill.fake.busiest(0.5)) == (10, 5)


def test_a_bug_of_the_fake_is_not_a_fault_of_the_service() -> None:
    def fail(_: list[dict[str, str]]) -> list[dict[str, str]]:
        raise ZeroDivisionError

    with ExitStack() as stack:
        fake = stack.enter_context(fake_ban(PLACES))
        asker = stack.enter_context(asking(fake))
        fake.order(Fault(rows=fail))
        with pytest.raises(requests.ConnectionError):
            asker.posted("/search/csv", TABLE)
        with pytest.raises(ZeroDivisionError):
            stack.close()
