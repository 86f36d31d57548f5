"""Faults of the fake national geocoder, as a client meets them."""

import functools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from fakes import faults
from fakes.asker import PIERREFITTE, PLACES, TABLE, Asker, asking
from fakes.ban import fake_ban
from fakes.clock import FakeClock
from fakes.faults import Fault
from fakes.index import Place


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ill(clock: FakeClock) -> Iterator[Asker]:
    """A server to which things happen, on a clock of its own."""
    with fake_ban(PLACES, clock=clock) as fake, asking(fake) as asker:
        yield asker


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        (faults.TOO_MANY, 429, "text/html"),
        (faults.SERVER_ERROR, 500, "application/json; charset=utf-8"),
        (faults.BAD_GATEWAY, 502, "text/html"),
        (faults.UNAVAILABLE, 503, "text/html"),
        (faults.GATEWAY_TIMEOUT, 504, "text/html"),
        (faults.WRAPPED_TIMEOUT, 400, "application/xml"),
        (faults.PORTAL, 200, "text/html"),
        (faults.PORTAL_REDIRECT, 302, "text/html"),
    ],
)
def test_the_answer_is_another(ill: Asker, fault: Fault, status: int, kind: str) -> None:
    ill.fake.order(fault, on=1)
    answer = ill.got("/search", {"q": "12 rue carnot"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, kind)
    assert ill.got("/search", {"q": "12 rue carnot"}).json()["features"]
    assert [asked.status for asked in ill.fake.asked] == [status, 200]


def test_what_those_answers_say(ill: Asker) -> None:
    ill.fake.order(faults.TOO_MANY, on=1)
    assert ill.got("/search").headers["retry-after"] == "5"
    ill.fake.order(faults.SERVER_ERROR, on=1)
    said = {"code": 500, "message": "An unexpected error has occurred"}
    assert ill.got("/search").json() == said
    ill.fake.order(faults.WRAPPED_TIMEOUT, on=1)
    assert "timed out" in ill.got("/search").text
    ill.fake.order(faults.PORTAL_REDIRECT, on=1)
    assert ill.got("/search").headers["location"].startswith("http://portail.invalid/")


def test_a_connection_is_reset(ill: Asker) -> None:
    ill.fake.order(faults.RESET, on=1)
    with pytest.raises(requests.ConnectionError, match="reset"):
        ill.got("/search", {"q": "rue"})
    assert ill.fake.asked[0].status == 0
    ill.fake.order(Fault(is_reset=True, cut_at=10), on=1)
    with pytest.raises(requests.RequestException, match="reset"):
        ill.got("/search", {"q": "rue"})
    assert ill.got("/search", {"q": "rue"}).status_code == 200


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9])
def test_a_body_is_cut_and_only_its_content_tells(ill: Asker, share: float) -> None:
    whole = ill.posted("/search/csv", TABLE).content
    at = int(share * len(whole))
    ill.fake.order(faults.cut(at))
    answer = ill.posted("/search/csv", TABLE)
    assert (answer.status_code, answer.content) == (200, whole[:at])
    assert answer.headers["x-rows-count"] == "3"  # sent before the work


def test_a_document_is_cut_and_only_its_content_tells(ill: Asker) -> None:
    ill.fake.order(faults.cut(100))
    answer = ill.got("/search", {"q": "rue carnot"})
    assert (answer.status_code, len(answer.content)) == (200, 100)


@pytest.mark.parametrize("path", ["/search", "/search/csv"])
def test_a_body_is_cut_and_more_was_announced(ill: Asker, path: str) -> None:
    ill.fake.order(faults.cut(20, is_told=True), on=1)
    ask = ill.got if path == "/search" else functools.partial(ill.posted, table=TABLE)
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        ask(path)
    assert ill.got("/search", {"q": "rue"}).status_code == 200


def test_a_slow_drip_takes_the_time_of_the_clock(ill: Asker, clock: FakeClock) -> None:
    whole = ill.posted("/search/csv", TABLE).content
    ill.fake.order(faults.drip(10, gap_s=2.0), on=1)
    start_s = clock.now_s()
    assert ill.posted("/search/csv", TABLE).content == whole
    assert clock.now_s() - start_s == 2 * -(-len(whole) // 10)


@pytest.mark.parametrize("fault", [faults.MUTE, Fault(is_mute=True, cut_at=10)])
def test_silence_lasts_until_one_hangs_up(ill: Asker, fault: Fault) -> None:
    ill.fake.order(fault, on=1)
    with pytest.raises((requests.Timeout, requests.ConnectionError)):
        ill.session.get(ill.fake.url + "/search", params={"q": "rue"}, timeout=0.05)
    assert ill.fake.asked[0].status == (0 if fault is faults.MUTE else 200)


def test_the_number_of_rows_is_told_before_the_work(ill: Asker) -> None:
    ill.fake.order(Fault(is_mute=True, cut_at=0))
    files = {"data": ("a.csv", TABLE)}
    url = ill.fake.url + "/search/csv"
    with ill.session.post(url, files=files, timeout=0.05, stream=True) as answer:
        assert (answer.status_code, answer.headers["x-rows-count"]) == (200, "3")
        with pytest.raises(requests.ConnectionError, match="timed out"):
            next(answer.iter_content(1))


def test_the_server_ends_though_a_client_still_listens() -> None:
    with requests.Session() as session, ThreadPoolExecutor(1) as pool, fake_ban(PLACES) as fake:
        session.trust_env = False
        fake.order(faults.MUTE)
        listening = pool.submit(session.get, fake.url + "/search", timeout=20)
        while not fake.asked:
            threading.Event().wait(0.002)
    with pytest.raises(requests.ConnectionError):
        listening.result()


def numbered(n_rows: int) -> str:
    return "id,q\n" + "".join(f"{n},12 rue carnot pantin\n" for n in range(n_rows))


def test_a_block_of_a_hundred_rows_fails_as_one(ill: Asker) -> None:
    ill.fake.order(faults.failing_blocks(1), on=1)
    rows = ill.rows("/search/csv", numbered(250), [("columns", "q")])
    assert [row["result_status"] for row in rows] == ["ok"] * 100 + ["error"] * 100 + ["ok"] * 50
    assert {row["result_label"] for row in rows[100:200]} == {""}
    assert {row["latitude"] for row in rows[100:200]} == {""}
    again = ill.rows("/search/csv", numbered(250), [("columns", "q")])
    assert {row["result_status"] for row in again} == {"ok"}


def test_skipped_rows_of_a_block_that_fails_are_errors_too(ill: Asker) -> None:
    ill.fake.order(faults.failing_blocks(0))
    rows = ill.rows("/search/csv", "id,q\n1,ab\n2,rue carnot\n", [("columns", "q")])
    assert [row["result_status"] for row in rows] == ["error", "error"]


def test_a_poisoned_row_fails_its_block_whenever_it_is_asked(ill: Asker) -> None:
    ill.fake.order(faults.poison("ARSENIC"))
    table = numbered(150) + "150,arsenic\n151,ARSENIC\n"
    statuses = [row["result_status"] for row in ill.rows("/search/csv", table)]
    assert statuses == ["ok"] * 100 + ["error"] * 52
    alone = ill.rows("/search/csv", numbered(150) + "150,arsenic\n")
    assert {row["result_status"] for row in alone} == {"ok", "not-found"}


@pytest.mark.parametrize(
    ("fault", "ids", "announced"),
    [
        (faults.without_row(1), ["1", "3"], "3"),
        (faults.row_twice(1), ["1", "2", "2", "3"], "3"),
        (faults.row_replaced(1, by=0), ["1", "1", "3"], "3"),
        (faults.row_count(2), ["1", "2", "3"], "2"),
    ],
)
def test_rows_are_not_those_that_were_sent(
    ill: Asker, fault: Fault, ids: list[str], announced: str
) -> None:
    ill.fake.order(fault)
    assert [row["id"] for row in ill.rows("/search/csv", TABLE)] == ids
    assert ill.posted("/search/csv", TABLE).headers["x-rows-count"] == announced


def test_rows_come_in_another_order(ill: Asker) -> None:
    ill.fake.order(faults.rows_mixed(seed=1))
    ids = [row["id"] for row in ill.rows("/search/csv", numbered(50))]
    assert sorted(ids, key=int) == [str(n) for n in range(50)] != ids


@pytest.mark.parametrize("name", ["id", "latitude", "result_status"])
def test_a_column_is_missing(ill: Asker, name: str) -> None:
    ill.fake.order(faults.without_column(name))
    assert name not in ill.rows("/search/csv", TABLE)[0]


def test_a_byte_order_mark_comes_first(ill: Asker) -> None:
    ill.fake.order(faults.BOM)
    assert ill.posted("/search/csv", TABLE).content.startswith(b"\xef\xbb\xbfid,q,")
    assert ill.got("/search", {"q": "rue"}).content.startswith(b"\xef\xbb\xbf{")


@pytest.mark.parametrize(
    ("fields", "in_json", "in_csv"),
    [
        ({"citycode": ["93066", "93059"]}, ["93066", "93059"], "93066"),  # cut to the first
        ({"city": None}, None, ""),
        ({"postcode": faults.ABSENT}, faults.ABSENT, ""),
        ({"postcode": []}, [], ""),
        ({"label": 12}, 12, "12"),
        ({"score": 1.3}, 1.3, "1.3"),
        ({"score": faults.ABSENT}, faults.ABSENT, "1"),  # a missing score becomes 1
        ({"score": None}, None, "1"),
        ({"score": 0}, 0, "1"),
    ],
)
def test_fields_are_lists_nulls_or_absent(
    ill: Asker, fields: dict[str, object], in_json: object, in_csv: str
) -> None:
    (name,) = fields
    ill.fake.order(faults.with_fields(fields))
    properties = ill.best("/search", {"q": "12 rue carnot"})["properties"]
    assert properties.get(name, faults.ABSENT) == in_json
    (row,) = ill.rows("/search/csv", "id,q\n1,12 rue carnot\n", [("columns", "q")])
    assert row[f"result_{name}"] == in_csv


def test_a_place_may_be_missing_or_wrong(ill: Asker) -> None:
    ill.fake.order(faults.with_fields({"geometry": None, "lon": None, "lat": "x"}))
    assert ill.best("/search", {"q": "12 rue carnot"})["geometry"] is None
    (row,) = ill.rows("/search/csv", "id,q\n1,12 rue carnot\n", [("columns", "q")])
    assert (row["longitude"], row["latitude"]) == ("", "x")


def test_a_place_may_have_other_fields_and_its_own_score() -> None:
    homonym = Place(
        name="Rue Carnot", town=PIERREFITTE, lon=2.3, lat=48.9, kind="street", importance=0.0
    )
    told = Place(
        **{f: getattr(homonym, f) for f in ("name", "town", "lon", "lat", "kind")},
        more={"score": 0.99, "banId": "b6b3", "citycode": ["93066", "93059"]},
    )
    with fake_ban([homonym, told]) as fake, asking(fake) as asker:
        fields = asker.best("/search", {"q": "rue carnot"})["properties"]
    assert (fields["score"], fields["banId"], fields["citycode"][1]) == (0.99, "b6b3", "93059")
