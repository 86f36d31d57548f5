"""The fake of the national geocoder against the published rules of the true one."""

import csv
import functools
import io
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import fake_ban as ban
import pytest
import requests
from fake_ban import FakeBan, FakeClock, Fault, Place, Town, fake_ban

PANTIN = Town(
    citycodes=("93055",), postcode="93500", city="Pantin", context="93, Seine-Saint-Denis"
)
PIERREFITTE = Town(
    citycodes=("93066", "93059"),
    postcode="93380",
    city="Saint-Denis",
    oldcitycode="93059",
    oldcity="Pierrefitte-sur-Seine",
)
PARIS_2 = Town(
    citycodes=("75102", "75056"),
    postcode="75002",
    city="Paris",
    district="Paris 2e Arrondissement",
)
AJACCIO = Town(citycodes=("2A004",), postcode="20000", city="Ajaccio")
REUNION = Town(citycodes=("97411",), postcode="97400", city="Saint-Denis")
CARNOT = Place(name="Rue Carnot", housenumber="12", town=PANTIN, lon=2.4, lat=48.89)
PLACES = [
    CARNOT,
    Place(name="Rue Carnot", housenumber="12 bis", town=PANTIN, lon=2.4001, lat=48.89),
    Place(name="Rue Carnot", kind="street", town=PANTIN, lon=2.401, lat=48.891, importance=0.6),
    Place(name="Pantin", kind="municipality", town=PANTIN, lon=2.41, lat=48.89),
    Place(name="Les Quatre Vents", kind="locality", town=PANTIN, lon=2.42, lat=48.9),
    Place(name="Rue Carnot", housenumber="12", town=PIERREFITTE, lon=2.36, lat=48.96),
    Place(name="Rue de la Paix", housenumber="4", town=PARIS_2, lon=2.331, lat=48.869),
    Place(name="Cours Napoléon", housenumber="9", town=AJACCIO, lon=8.738, lat=41.92),
    Place(name="Rue de Paris", housenumber="5", town=REUNION, lon=55.45, lat=-20.88),
]
VALIDATION = "must contain between 3 and 200 chars and start with a number or a letter"


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture(scope="module")
def service() -> Iterator[FakeBan]:
    with fake_ban(PLACES, rate_per_s=None) as fake:
        yield fake


@pytest.fixture(scope="module")
def addok() -> Iterator[FakeBan]:
    with fake_ban(PLACES, is_addok=True) as fake:
        yield fake


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def fake(clock: FakeClock) -> Iterator[FakeBan]:
    with fake_ban(PLACES, clock=clock) as fake:
        yield fake


class Asker:
    """Ask one server."""

    def __init__(self, session: requests.Session, fake: FakeBan) -> None:
        self.session = session
        self.fake = fake

    def got(self, path: str, params: Mapping[str, str] | None = None) -> requests.Response:
        url = self.fake.url + path
        return self.session.get(url, params=params, timeout=5, allow_redirects=False)

    def labels(self, path: str, params: Mapping[str, str]) -> list[str]:
        answer = self.got(path, params)
        assert answer.status_code == 200, answer.text
        return [feature["properties"]["label"] for feature in answer.json()["features"]]

    def best(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        feature: dict[str, Any] = self.got(path, params).json()["features"][0]
        return feature

    def posted(
        self, path: str, table: bytes | str, fields: list[tuple[str, str]] | None = None
    ) -> requests.Response:
        content = table.encode() if isinstance(table, str) else table
        files = {"data": ("adresses.csv", content)}
        return self.session.post(self.fake.url + path, data=fields, files=files, timeout=20)

    def rows(
        self, path: str, table: bytes | str, fields: list[tuple[str, str]] | None = None
    ) -> list[dict[str, str]]:
        answer = self.posted(path, table, fields)
        assert answer.status_code == 200, answer.text
        return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


@pytest.fixture
def true(session: requests.Session, service: FakeBan) -> Asker:
    """The service when all goes well, without its limit."""
    return Asker(session, service)


@pytest.fixture
def plain(session: requests.Session, addok: FakeBan) -> Asker:
    """A plain addok."""
    return Asker(session, addok)


@pytest.fixture
def ill(session: requests.Session, fake: FakeBan) -> Asker:
    """A server to which things happen, on a clock of its own."""
    return Asker(session, fake)


def detail_of(answer: requests.Response) -> list[str]:
    said = answer.json()
    assert (answer.status_code, said["code"]) == (400, 400)
    assert said["message"] == "Failed parsing query"
    detail: list[str] = said["detail"]
    return detail


# The clock


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


# Parameters


@pytest.mark.parametrize(
    ("params", "detail"),
    [
        ({}, "q: required param"),
        ({"q": "  "}, "q: required param"),
        ({"q": "ab"}, f"q: {VALIDATION}"),
        ({"q": " ab "}, f"q: {VALIDATION}"),
        ({"q": "a" * 201}, f"q: {VALIDATION}"),
        ({"q": "a" * 199 + "😀"}, f"q: {VALIDATION}"),  # 201 units of UTF-16
        ({"q": "« rue"}, f"q: {VALIDATION}"),
        ({"q": "日本語 rue"}, f"q: {VALIDATION}"),
        ({"q": "٣ rue"}, f"q: {VALIDATION}"),
        ({"q": "rue", "limit": "0"}, "limit: must be an integer between 1 and 20"),
        ({"q": "rue", "limit": "21"}, "limit: must be an integer between 1 and 20"),
        ({"q": "rue", "limit": "05"}, "limit: unable to parse value as integer"),
        ({"q": "rue", "limit": "5.0"}, "limit: unable to parse value as integer"),
        ({"q": "rue", "autocomplete": "non"}, "autocomplete: unable to parse value as boolean"),
        ({"q": "rue", "lat": "48,85", "lon": "2"}, "lat: unable to parse value as float"),
        ({"q": "rue", "lat": ".5", "lon": "2"}, "lat: unable to parse value as float"),
        ({"q": "rue", "lat": "1e1", "lon": "2"}, "lat: unable to parse value as float"),
        ({"q": "rue", "lat": "91", "lon": "2"}, "lat: must be a float between -90 and 90"),
        ({"q": "rue", "lat": "9", "lon": "181"}, "lon: must be a float between -180 and 180"),
        ({"q": "rue", "lat": "48"}, "lon/lat must be present together if defined"),
        ({"q": "rue", "lon": "2"}, "lon/lat must be present together if defined"),
        ({"q": "rue", "type": "city"}, "type: unexpected value 'city'"),
        ({"q": "rue", "postcode": "9350"}, "postcode: must contain 5 digits"),
        ({"q": "rue", "postcode": "٩٣٥٠٠"}, "postcode: must contain 5 digits"),
        ({"q": "rue", "citycode": "2a004"}, "citycode: not valid"),
        ({"q": "rue", "citycode": "1004"}, "citycode: not valid"),
        ({"q": "rue", "city": "x" * 51}, "city: must contain between 1 and 50 chars"),
        ({"q": "rue", "city": "Nulle-Part"}, "city: No matching cities found"),
        (
            {"q": "rue", "city": "Pantin", "citycode": "93055"},
            "city and citycode params cannot be used together",
        ),
        (
            {"q": "rue", "city": "Pantin", "index": "parcel"},
            "city cannot be used with parcel index",
        ),
        ({"q": "rue", "index": "address,plop"}, "index: unexpected value 'plop'"),
        (
            {"q": "rue", "section": "AB"},
            "q param and structured search cannot be used together",
        ),
        ({"q": "rue", "section": "1A"}, "section: not valid"),
    ],
)
def test_what_breaks_a_rule_of_search_is_refused(
    true: Asker, params: dict[str, str], detail: str
) -> None:
    assert detail_of(true.got("/search", params)) == [detail]


def test_all_that_is_wrong_is_told_at_once(true: Asker) -> None:
    params = {"q": "a", "limit": "x", "type": "y"}
    assert [text.partition(":")[0] for text in detail_of(true.got("/search", params))] == [
        *("q", "limit", "type")
    ]


def test_the_refusal_is_word_for_word_the_real_one(true: Asker) -> None:
    assert true.got("/search", {"q": "a"}).text == json.dumps(
        {
            "code": 400,
            "message": "Failed parsing query",
            "detail": [
                "q: must contain between 3 and 200 chars and start with a number or a letter"
            ],
        }
    )


@pytest.mark.parametrize(
    "params",
    [
        {"q": "a" * 200},
        {"q": "É" * 3},
        {"q": "Ж12"},
        {"q": "12 "},
        {"q": "rue", "limit": "1"},
        {"q": "rue", "limit": "20"},
        {"q": "rue", "limit": "+5"},
        {"q": "rue", "limit": ""},
        {"q": "rue", "autocomplete": "YES"},
        {"q": "rue", "lat": "-48.", "lon": "+2.5"},
        {"q": "rue", "citycode": "2B033"},
        {"q": "rue", "city": "PANTIN"},
        {"q": "rue", "index": "address"},
        {"q": "rue", "unknown": "x"},
    ],
)
def test_what_keeps_the_rules_is_accepted(true: Asker, params: dict[str, str]) -> None:
    expected = 400 if params["q"] == "12 " else 200  # trimmed first
    assert true.got("/search", params).status_code == expected


def test_the_last_of_a_repeated_parameter_counts(true: Asker) -> None:
    assert true.got("/search?q=a&q=rue%20carnot").status_code == 200


def test_the_code_of_2025_gives_fifty_candidates(session: requests.Session) -> None:
    with fake_ban(PLACES, largest_limit=50) as fake:
        asker = Asker(session, fake)
        assert asker.got("/search", {"q": "rue", "limit": "50"}).status_code == 200
        assert asker.got("/search", {"q": "rue", "limit": "51"}).status_code == 400


@pytest.mark.parametrize(
    ("params", "detail"),
    [
        ({}, "At least lon/lat or searchgeom must be defined"),
        ({"lon": "2.4"}, "lon/lat must be present together if defined"),
        ({"lon": "2,4", "lat": "48.89"}, "lon: unable to parse value as float"),
        (
            {"lon": "2.4", "lat": "48.89", "limit": "0"},
            "limit: must be an integer between 1 and 20",
        ),
        ({"searchgeom": "x"}, "searchgeom: unable to parse value as valid JSON or GeoJSON object"),
    ],
)
def test_what_breaks_a_rule_of_reverse_is_refused(
    true: Asker, params: dict[str, str], detail: str
) -> None:
    assert detail_of(true.got("/reverse", params)) == [detail]


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/search", {"q": "rue", "index": "poi"}),
        ("/search", {"index": "parcel", "departmentcode": "93"}),
        ("/search", {"q": "rue", "returntruegeometry": "true"}),
        ("/reverse", {"searchgeom": "{}"}),
    ],
)
def test_what_the_fake_has_not_fails_loudly(true: Asker, path: str, params: dict[str, str]) -> None:
    assert true.got(path, params).status_code == 501


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/search?q=rue", 200),
        ("/search/?q=rue", 200),
        ("/reverse/?lon=2&lat=48", 200),
        ("/search//?q=rue", 404),
        ("/search/csv", 404),  # to be posted
        ("/batch", 404),
        ("/", 404),
    ],
)
def test_a_last_slash_is_accepted(true: Asker, path: str, status: int) -> None:
    assert true.got(path).status_code == status


# Answers


def test_a_door_has_all_the_fields_that_are_documented(true: Asker) -> None:
    answer = true.got("/search", {"q": "4 rue de la paix", "autocomplete": "0"})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert set(answer.json()) == {"type", "features"}
    found = answer.json()["features"][0]
    assert found["geometry"] == {"type": "Point", "coordinates": [2.331, 48.869]}
    fields = found["properties"]
    assert fields["id"].startswith("75102_")
    assert fields["id"].endswith("_00004")
    assert fields["score"] == fields["_score"]
    assert (fields["x"], fields["y"]) == pytest.approx((650_900, 6_863_400), abs=200)  # Lambert-93
    assert {k: v for k, v in fields.items() if k not in {"id", "score", "_score", "x", "y"}} == {
        "label": "4 Rue de la Paix 75002 Paris",
        "name": "4 Rue de la Paix",
        "street": "Rue de la Paix",
        "housenumber": "4",
        "type": "housenumber",
        "postcode": "75002",
        "citycode": "75102",
        "city": "Paris",
        "district": "Paris 2e Arrondissement",
        "importance": 0.5,
        "_type": "address",
    }


@pytest.mark.parametrize(
    ("query", "kind", "has", "has_not"),
    [
        ("rue carnot pantin", "street", {"street"}, {"housenumber", "oldcitycode", "banId"}),
        ("99 rue carnot pantin", "street", {"street"}, {"housenumber"}),
        ("les quatre vents", "locality", {"name"}, {"street", "housenumber"}),
        ("pantin", "municipality", {"city"}, {"street", "housenumber"}),
        ("12 rue carnot pierrefitte", "housenumber", {"oldcitycode", "oldcity"}, {"district"}),
    ],
)
def test_a_field_without_a_value_is_absent(
    true: Asker, query: str, kind: str, has: set[str], has_not: set[str]
) -> None:
    fields = true.best("/search", {"q": query, "autocomplete": "0"})["properties"]
    assert fields["type"] == kind
    assert has <= fields.keys()
    assert not has_not & fields.keys()


def test_the_suffix_is_in_the_id(true: Asker) -> None:
    fields = true.best("/search", {"q": "12 bis rue carnot pantin"})["properties"]
    assert (fields["housenumber"], fields["id"][-10:]) == ("12 bis", "_00012_bis")


def test_metres_are_those_of_the_legal_projection(true: Asker) -> None:
    """Réunion is in EPSG:2975, a UTM: its meridian, 57 E, is at x = 500 km."""
    fields = true.best("/search", {"q": "5 rue de paris"})["properties"]
    assert fields["x"] == pytest.approx(500_000 - (57 - 55.45) * 104_000, abs=1000)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, {"93055", "93066"}),
        ({"citycode": "93055"}, {"93055"}),
        ({"citycode": "93066"}, {"93066"}),
        ({"citycode": "93059"}, {"93066"}),  # the former code of a merged commune
        ({"citycode": "75056"}, set()),  # strict: the right address does not come back
        ({"postcode": "93380"}, {"93066"}),
        ({"city": "Pantin"}, {"93055"}),
        ({"city": "saint denis"}, {"93066"}),  # two communes have this name
        ({"type": "street"}, {"93055"}),
        ({"type": "locality"}, set()),
    ],
)
def test_filters_leave_all_else_out(true: Asker, filters: dict[str, str], found: set[str]) -> None:
    answer = true.got("/search", {"q": "12 rue carnot", "autocomplete": "0"} | filters).json()
    assert {feature["properties"]["citycode"] for feature in answer["features"]} == found


@pytest.mark.parametrize("code", ["75102", "75056"])
def test_an_arrondissement_is_found_by_both_codes_and_has_its_own(true: Asker, code: str) -> None:
    params = {"q": "4 rue de la paix", "citycode": code}
    assert true.best("/search", params)["properties"]["citycode"] == "75102"


@pytest.mark.parametrize(
    ("query", "score"),
    [
        ("12 rue carnot 93500 pantin", (1 + 0.05) / 1.1),  # importance 0.5
        ("12 RUE CARNOT, Pantin", (1 + 0.05) / 1.1),
        ("12 rue carnot bagnolet", ((3 / 4 + 1) / 2 + 0.05) / 1.1),
        ("12 rue sadi carnot pantin", ((4 / 5 + 1) / 2 + 0.05) / 1.1),
    ],
)
def test_scores_are_those_that_the_docstring_says(true: Asker, query: str, score: float) -> None:
    fields = true.best("/search", {"q": query, "autocomplete": "0"})["properties"]
    assert fields["label"] == CARNOT.label
    assert fields["score"] == pytest.approx(score, abs=1e-12)


def test_a_street_is_one_answer_with_its_numbers(true: Asker) -> None:
    found = true.labels("/search", {"q": "12 rue carnot", "autocomplete": "0"})
    assert found == [CARNOT.label, "12 Rue Carnot 93380 Saint-Denis"]  # nor 12 bis, nor the street


def test_nothing_comes_under_the_least_score(true: Asker) -> None:
    """One word of four, and one of three of the name: (7 / 24 + 0.05) / 1.1 is 0.31."""
    query = {"autocomplete": "0", "type": "locality"}
    found = true.best("/search", query | {"q": "vents aa bb cc"})["properties"]
    assert found["score"] == pytest.approx((7 / 24 + 0.05) / 1.1)
    assert true.labels("/search", query | {"q": "vents aa bb cc dd"}) == []


def test_a_point_changes_the_scale_of_scores(true: Asker) -> None:
    query = {"q": "12 rue carnot", "autocomplete": "0"}
    fields = true.best("/search", query | {"lon": "2.36", "lat": "48.96"})["properties"]
    assert fields["citycode"] == "93066"
    assert fields["distance"] == 0
    assert fields["score"] == pytest.approx((1 + 0.05 + 0.1) / 1.2)
    near = true.best("/search", query | {"lon": "2.4", "lat": "49.3"})["properties"]
    assert 30_000 < near["distance"] < 50_000
    share = 1 - near["distance"] / 100_000
    assert near["score"] == pytest.approx((1 + 0.05 + share / 10) / 1.2, abs=1e-6)
    far = true.best("/search", query | {"lon": "-61", "lat": "16"})["properties"]
    assert far["score"] == pytest.approx((1 + 0.05) / 1.2)


def test_typing_is_the_default_and_completes_the_last_word(true: Asker) -> None:
    assert true.labels("/search", {"q": "12 rue carn"})[0].startswith("12 Rue Carnot")
    best = true.best("/search", {"q": "12 rue carn", "autocomplete": "0"})["properties"]
    assert best["score"] < true.best("/search", {"q": "12 rue carn"})["properties"]["score"]


def test_ten_candidates_unless_asked_otherwise(session: requests.Session) -> None:
    doors = [
        Place(name="Rue Carnot", housenumber=str(n), town=PANTIN, lon=2.4, lat=48.89)
        for n in range(30)
    ]
    streets = [
        Place(name=f"Rue {n} Carnot", kind="street", town=PANTIN, lon=2.4, lat=48.89)
        for n in range(30)
    ]
    with fake_ban([*doors, *streets]) as fake:
        asker = Asker(session, fake)
        assert len(asker.labels("/search", {"q": "rue carnot"})) == 10
        assert len(asker.labels("/search", {"q": "rue carnot", "limit": "3"})) == 3


@pytest.mark.parametrize(
    ("lat", "n_found", "distance_m"),
    [
        (48.89, 2, 0),  # within 100 m
        (48.88925, 2, 83),
        (48.8883, 2, 189),  # none within 100 m
        (48.887, 0, None),
        (0.0, 0, None),
    ],
)
def test_reverse_looks_within_100_m_then_200_m(
    true: Asker, lat: float, n_found: int, distance_m: int | None
) -> None:
    """A second of latitude is 31 m; the door and its bis are 7 m apart, the street 130 m off."""
    answer = true.got("/reverse", {"lon": "2.4", "lat": str(lat)}).json()
    found = [feature["properties"] for feature in answer["features"]]
    assert len(found) == n_found
    if distance_m is not None:
        assert found[0]["label"] == CARNOT.label
        assert found[0]["distance"] == pytest.approx(distance_m, abs=1)
        assert isinstance(found[0]["distance"], int)
        assert found[0]["score"] == 1 - found[0]["distance"] / 10_000
        assert [f["distance"] for f in found] == sorted(f["distance"] for f in found)


# Files


ADDED = {
    *("longitude", "latitude", "result_score", "result_score_next", "result_label"),
    *("result_type", "result_id", "result_housenumber", "result_name", "result_street"),
    *("result_postcode", "result_city", "result_context", "result_citycode"),
    *("result_oldcitycode", "result_oldcity", "result_district", "result_status"),
}


def test_a_file_comes_back_with_its_columns_and_the_known_ones(true: Asker) -> None:
    answer = true.posted("/search/csv", "id,q\n7,12 rue carnot pantin\n", [("columns", "q")])
    assert answer.headers["content-type"] == "text/csv"
    assert answer.headers["content-disposition"] == 'attachment; filename="adresses-geocoded.csv"'
    assert answer.headers["x-rows-count"] == "1"
    assert not answer.content.startswith(b"\xef\xbb\xbf")
    header, row = csv.reader(io.StringIO(answer.content.decode()))
    assert header[:2] == ["id", "q"]
    assert set(header[2:]) == ADDED
    found = dict(zip(header, row, strict=True))
    assert (found["id"], found["longitude"], found["latitude"]) == ("7", "2.4", "48.89")
    assert found["result_label"] == CARNOT.label
    assert float(found["result_score"]) == (1 + 0.05) / 1.1  # nothing is rounded
    assert 0 < float(found["result_score_next"]) < float(found["result_score"])


def test_a_reverse_file_has_its_own_columns(true: Asker) -> None:
    rows = true.rows("/reverse/csv", "id,lon,lat\n1,2.4,48.89\n2,2.4,0\n3,,\n4,2.4,45\n")
    assert {"result_longitude", "result_latitude", "result_distance"} <= rows[0].keys()
    assert not {"longitude", "latitude", "result_score", "result_score_next"} & rows[0].keys()
    assert [row["result_status"] for row in rows] == ["ok", "skipped", "skipped", "not-found"]
    assert (rows[0]["result_label"], rows[0]["result_distance"]) == (CARNOT.label, "0")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("12 rue carnot", "ok"),
        ("xxx x x xxxx", "not-found"),
        ("", "skipped"),
        ("ab", "skipped"),
        ("« rue", "skipped"),
        ("a" * 200, "not-found"),
        ("a" * 201, "skipped"),
    ],
)
def test_each_row_has_a_status(true: Asker, query: str, status: str) -> None:
    (row,) = true.rows("/search/csv", f"id,q\n1,{query}\n", [("columns", "q")])
    assert row["result_status"] == status
    assert bool(row["result_label"]) == (status == "ok")


@pytest.mark.parametrize(
    ("table", "fields", "message"),
    [
        ("q\nrue carnot\n", [], "Errors in CSV file: UndetectableDelimiter"),
        ("a,b\n1\n", [], "Errors in CSV file: TooFewFields"),
        ("a,b\n1,2,3\n", [], "Errors in CSV file: TooManyFields"),
        ("a,b\n1,2\n", [("columns", "q")], "At least one given column name is unknown"),
        ("a,b\n1,2\n", [("citycode", "c")], "Unknown column name for citycode"),
        ("a,b\n1,2\n", [("lat", "c")], "Unknown column name for lat"),
        ("a,b\n1,2\n", [("indexes", "plop")], "Unsupported index type: plop"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(
    true: Asker, table: str, fields: list[tuple[str, str]], message: str
) -> None:
    answer = true.posted("/search/csv", table, fields)
    assert (answer.status_code, answer.json()) == (400, {"code": 400, "message": message})


def test_a_file_must_be_given(true: Asker, session: requests.Session) -> None:
    answer = session.post(true.fake.url + "/search/csv", data={"columns": "q"}, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["message"] == "A CSV file must be provided in data field"


def test_two_hundred_thousand_rows_and_no_more(true: Asker) -> None:
    """As the acceptance tests do: the next check that fails tells that this one passed."""
    most, columns = "a,b\n" * 200_001, [("columns", "foo")]
    unknown = true.posted("/search/csv", most, columns).json()["message"]
    assert unknown == "At least one given column name is unknown"
    too_many = true.posted("/search/csv", most + "a,b\n", columns).json()["message"]
    assert too_many == "Too many rows in CSV file"


def test_fifty_mebibytes_and_no_more(true: Asker) -> None:
    """What is no more is read: the trouble is another."""
    content = b"a" * 50 * 2**20
    messages = [true.posted("/search/csv", c).json()["message"] for c in (content, content + b"a")]
    assert messages == ["Errors in CSV file: UndetectableDelimiter", "File too large"]


def test_all_columns_make_the_query_when_none_is_named(true: Asker) -> None:
    named = true.rows(
        "/search/csv", "a,b,c\nxxx,12,rue carnot\n", [("columns", "b"), ("columns", "c")]
    )
    unnamed = true.rows("/search/csv", "a,b,c\nxxx,12,rue carnot\n")
    assert float(named[0]["result_score"]) > float(unnamed[0]["result_score"])


def test_columns_are_joined_in_the_order_asked(true: Asker) -> None:
    table = "a,b\nrue carnot,« 12\n"
    both = [[("columns", "a"), ("columns", "b")], [("columns", "b"), ("columns", "a")]]
    statuses = [true.rows("/search/csv", table, fields)[0]["result_status"] for fields in both]
    assert statuses == ["ok", "skipped"]


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "iso8859-15"])
def test_dialects_are_guessed_and_kept_but_the_answer_is_utf_8(
    true: Asker, delimiter: str, newline: str, encoding: str
) -> None:
    euro = "€" if encoding != "latin-1" else ""
    lines = [f"id{delimiter}éléphant{euro}", f"1{delimiter}Cours Napoléon"]
    table = newline.join([*lines, ""]).encode(encoding)
    answer = true.posted("/search/csv", table, [("columns", f"éléphant{euro}")])
    text = answer.content.decode()
    header, row, last = text.split(newline)
    assert header.startswith(lines[0] + delimiter)
    assert row.startswith(lines[1] + delimiter)
    assert "9 Cours Napoléon" not in row  # the number was not asked for
    assert last == ""


def test_cells_with_signs_of_the_format_come_back_whole(true: Asker) -> None:
    table = 'id,q\n"a;1","12, rue ""Carnot""\nPantin"\n'
    (row,) = true.rows("/search/csv", table, [("columns", "q")])
    assert (row["id"], row["q"]) == ("a;1", '12, rue "Carnot"\nPantin')
    assert row["result_label"] == CARNOT.label


@pytest.mark.parametrize(
    ("header", "values", "is_used"),
    [
        ("lon,lat", "2.36,48.96", True),
        ("lng,latitude", "2.36,48.96", True),
        ("long,lat", "2.36,48.96", True),
        ("longitude,latitude", "2.36,48.96", True),
        ("longitude,lon,lat", ",2.36,48.96", True),  # the first that says something
        ("x,y", "2.36,48.96", False),
        ("lon,lat", '"2,36","48,96"', True),  # read as 2 and 48
        ("lon,lat", "0,48.96", False),
        ("lon,lat", ",48.96", False),
        ("lon,lat", "abc,48.96", False),
        ("lon,lon2", "2.36,48.96", False),
    ],
)
def test_columns_named_as_coordinates_are_used_unasked(
    true: Asker, header: str, values: str, *, is_used: bool
) -> None:
    table = f"q,{header}\n12 rue carnot,{values}\n"
    wanted = [("columns", "q"), ("result_columns", "result_score")]
    (row,) = true.rows("/search/csv", table, wanted)
    assert (float(row["result_score"]) != pytest.approx(1.05 / 1.1)) == is_used


def test_a_decimal_comma_is_cut_there(true: Asker) -> None:
    """`48,96` is 48: a hundred kilometres south, and nothing says so."""
    wanted = [("columns", "q"), ("result_columns", "result_distance")]
    table = 'q,lon,lat\n12 rue carnot,"2,36","48,96"\n'
    (row,) = true.rows("/search/csv", table, wanted)
    assert int(row["result_distance"]) > 90_000


def test_coordinates_may_be_in_columns_of_other_names(true: Asker) -> None:
    fields = [("columns", "q"), ("lon", "x"), ("lat", "y")]
    (row,) = true.rows("/search/csv", "q,x,y\n12 rue carnot,2.36,48.96\n", fields)
    assert row["result_citycode"] == "93066"


def test_columns_of_the_same_name_are_overwritten(true: Asker) -> None:
    table = "latitude,q,result_score,result_label\n45,12 rue carnot,mine,a\n46,xxx xxx,mine,b\n"
    rows = true.rows("/search/csv", table, [("columns", "q")])
    assert [list(row)[:4] for row in rows] == [
        ["latitude", "q", "result_score", "result_label"]
    ] * 2
    assert [row["latitude"] for row in rows] == ["48.89", ""]
    assert [row["result_label"] for row in rows] == [CARNOT.label, ""]
    assert rows[1]["result_score"] == ""


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("citycode", "93055", "ok"),
        ("citycode", "93059", "ok"),
        ("citycode", "", "ok"),
        ("citycode", "1004", "not-found"),  # a 400 of GET
        ("postcode", "9350", "not-found"),
        ("type", "plop", "not-found"),
        ("type", "street", "ok"),
    ],
)
def test_filters_of_a_file_are_not_validated(
    true: Asker, name: str, value: str, status: str
) -> None:
    fields = [("columns", "q"), (name, "f")]
    (row,) = true.rows("/search/csv", f"q,f\n12 rue carnot,{value}\n", fields)
    assert row["result_status"] == status


def test_result_columns_are_those_asked_for(true: Asker) -> None:
    fields = [("columns", "q")]
    fields += [("result_columns", f"result_{name}") for name in ("x", "status", "index", "zz")]
    (row,) = true.rows("/search/csv", "id,q\n1,12 rue carnot pantin\n", fields)
    assert list(row) == ["id", "q", "result_x", "result_status", "result_index"]
    assert row["result_index"] == "address"


def test_a_file_without_rows_gives_nothing(true: Asker) -> None:
    answer = true.posted("/search/csv", "id,q\n")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["x-rows-count"] == "0"


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


# Faults


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        (ban.TOO_MANY, 429, "text/html"),
        (ban.SERVER_ERROR, 500, "application/json; charset=utf-8"),
        (ban.BAD_GATEWAY, 502, "text/html"),
        (ban.UNAVAILABLE, 503, "text/html"),
        (ban.GATEWAY_TIMEOUT, 504, "text/html"),
        (ban.WRAPPED_TIMEOUT, 400, "application/xml"),
        (ban.PORTAL, 200, "text/html"),
        (ban.PORTAL_REDIRECT, 302, "text/html"),
    ],
)
def test_the_answer_is_another(ill: Asker, fault: Fault, status: int, kind: str) -> None:
    ill.fake.order(fault, on=1)
    answer = ill.got("/search", {"q": "12 rue carnot"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, kind)
    assert ill.got("/search", {"q": "12 rue carnot"}).json()["features"]
    assert [asked.status for asked in ill.fake.asked] == [status, 200]


def test_what_those_answers_say(ill: Asker) -> None:
    ill.fake.order(ban.TOO_MANY, on=1)
    assert ill.got("/search").headers["retry-after"] == "5"
    ill.fake.order(ban.SERVER_ERROR, on=1)
    said = {"code": 500, "message": "An unexpected error has occurred"}
    assert ill.got("/search").json() == said
    ill.fake.order(ban.WRAPPED_TIMEOUT, on=1)
    assert "timed out" in ill.got("/search").text
    ill.fake.order(ban.PORTAL_REDIRECT, on=1)
    assert ill.got("/search").headers["location"].startswith("http://portail.invalid/")


def test_a_connection_is_reset(ill: Asker) -> None:
    ill.fake.order(ban.RESET, on=1)
    with pytest.raises(requests.ConnectionError, match="reset"):
        ill.got("/search", {"q": "rue"})
    assert ill.fake.asked[0].status == 0
    ill.fake.order(Fault(is_reset=True, cut_at=10), on=1)
    with pytest.raises(requests.RequestException, match="reset"):
        ill.got("/search", {"q": "rue"})
    assert ill.got("/search", {"q": "rue"}).status_code == 200


TABLE = "id,q\n1,12 rue carnot pantin\n2,les quatre vents\n3,4 rue de la paix\n"


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9])
def test_a_body_is_cut_and_only_its_content_tells(ill: Asker, share: float) -> None:
    whole = ill.posted("/search/csv", TABLE).content
    at = int(share * len(whole))
    ill.fake.order(ban.cut(at))
    answer = ill.posted("/search/csv", TABLE)
    assert (answer.status_code, answer.content) == (200, whole[:at])
    assert answer.headers["x-rows-count"] == "3"  # sent before the work


def test_a_document_is_cut_and_only_its_content_tells(ill: Asker) -> None:
    ill.fake.order(ban.cut(100))
    answer = ill.got("/search", {"q": "rue carnot"})
    assert (answer.status_code, len(answer.content)) == (200, 100)


@pytest.mark.parametrize("path", ["/search", "/search/csv"])
def test_a_body_is_cut_and_more_was_announced(ill: Asker, path: str) -> None:
    ill.fake.order(ban.cut(20, is_told=True), on=1)
    ask = ill.got if path == "/search" else functools.partial(ill.posted, table=TABLE)
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        ask(path)
    assert ill.got("/search", {"q": "rue"}).status_code == 200


def test_a_slow_drip_takes_the_time_of_the_clock(ill: Asker, clock: FakeClock) -> None:
    whole = ill.posted("/search/csv", TABLE).content
    ill.fake.order(ban.drip(10, gap_s=2.0), on=1)
    start_s = clock.now_s()
    assert ill.posted("/search/csv", TABLE).content == whole
    assert clock.now_s() - start_s == 2 * -(-len(whole) // 10)


@pytest.mark.parametrize("fault", [ban.MUTE, Fault(is_mute=True, cut_at=10)])
def test_silence_lasts_until_one_hangs_up(
    session: requests.Session, fake: FakeBan, fault: Fault
) -> None:
    fake.order(fault, on=1)
    with pytest.raises((requests.Timeout, requests.ConnectionError)):
        session.get(fake.url + "/search", params={"q": "rue"}, timeout=0.05)
    assert fake.asked[0].status == (0 if fault is ban.MUTE else 200)


def test_the_number_of_rows_is_told_before_the_work(
    session: requests.Session, fake: FakeBan
) -> None:
    fake.order(Fault(is_mute=True, cut_at=0))
    files = {"data": ("a.csv", TABLE)}
    url = fake.url + "/search/csv"
    with session.post(url, files=files, timeout=0.05, stream=True) as answer:
        assert (answer.status_code, answer.headers["x-rows-count"]) == (200, "3")
        with pytest.raises(requests.ConnectionError, match="timed out"):
            next(answer.iter_content(1))


def test_the_server_ends_though_a_client_still_listens(session: requests.Session) -> None:
    with ThreadPoolExecutor(1) as pool, fake_ban(PLACES) as fake:
        fake.order(ban.MUTE)
        listening = pool.submit(session.get, fake.url + "/search", timeout=20)
        while not fake.asked:
            threading.Event().wait(0.002)
    with pytest.raises(requests.ConnectionError):
        listening.result()


def numbered(n_rows: int) -> str:
    return "id,q\n" + "".join(f"{n},12 rue carnot pantin\n" for n in range(n_rows))


def test_a_block_of_a_hundred_rows_fails_as_one(ill: Asker) -> None:
    ill.fake.order(ban.failing_blocks(1), on=1)
    rows = ill.rows("/search/csv", numbered(250), [("columns", "q")])
    assert [row["result_status"] for row in rows] == ["ok"] * 100 + ["error"] * 100 + ["ok"] * 50
    assert {row["result_label"] for row in rows[100:200]} == {""}
    assert {row["latitude"] for row in rows[100:200]} == {""}
    again = ill.rows("/search/csv", numbered(250), [("columns", "q")])
    assert {row["result_status"] for row in again} == {"ok"}


def test_skipped_rows_of_a_block_that_fails_are_errors_too(ill: Asker) -> None:
    ill.fake.order(ban.failing_blocks(0))
    rows = ill.rows("/search/csv", "id,q\n1,ab\n2,rue carnot\n", [("columns", "q")])
    assert [row["result_status"] for row in rows] == ["error", "error"]


def test_a_poisoned_row_fails_its_block_whenever_it_is_asked(ill: Asker) -> None:
    ill.fake.order(ban.poison("ARSENIC"))
    table = numbered(150) + "150,arsenic\n151,ARSENIC\n"
    statuses = [row["result_status"] for row in ill.rows("/search/csv", table)]
    assert statuses == ["ok"] * 100 + ["error"] * 52
    alone = ill.rows("/search/csv", numbered(150) + "150,arsenic\n")
    assert {row["result_status"] for row in alone} == {"ok", "not-found"}


@pytest.mark.parametrize(
    ("fault", "ids", "announced"),
    [
        (ban.without_row(1), ["1", "3"], "3"),
        (ban.row_twice(1), ["1", "2", "2", "3"], "3"),
        (ban.row_replaced(1, by=0), ["1", "1", "3"], "3"),
        (ban.row_count(2), ["1", "2", "3"], "2"),
    ],
)
def test_rows_are_not_those_that_were_sent(
    ill: Asker, fault: Fault, ids: list[str], announced: str
) -> None:
    ill.fake.order(fault)
    assert [row["id"] for row in ill.rows("/search/csv", TABLE)] == ids
    assert ill.posted("/search/csv", TABLE).headers["x-rows-count"] == announced


def test_rows_come_in_another_order(ill: Asker) -> None:
    ill.fake.order(ban.rows_mixed(seed=1))
    ids = [row["id"] for row in ill.rows("/search/csv", numbered(50))]
    assert sorted(ids, key=int) == [str(n) for n in range(50)] != ids


@pytest.mark.parametrize("name", ["id", "latitude", "result_status"])
def test_a_column_is_missing(ill: Asker, name: str) -> None:
    ill.fake.order(ban.without_column(name))
    assert name not in ill.rows("/search/csv", TABLE)[0]


def test_a_byte_order_mark_comes_first(ill: Asker) -> None:
    ill.fake.order(ban.BOM)
    assert ill.posted("/search/csv", TABLE).content.startswith(b"\xef\xbb\xbfid,q,")
    assert ill.got("/search", {"q": "rue"}).content.startswith(b"\xef\xbb\xbf{")


@pytest.mark.parametrize(
    ("fields", "in_json", "in_csv"),
    [
        ({"citycode": ["93066", "93059"]}, ["93066", "93059"], "93066"),  # cut to the first
        ({"city": None}, None, ""),
        ({"postcode": ban.ABSENT}, ban.ABSENT, ""),
        ({"postcode": []}, [], ""),
        ({"label": 12}, 12, "12"),
        ({"score": 1.3}, 1.3, "1.3"),
        ({"score": ban.ABSENT}, ban.ABSENT, "1"),  # a missing score becomes 1
        ({"score": None}, None, "1"),
        ({"score": 0}, 0, "1"),
    ],
)
def test_fields_are_lists_nulls_or_absent(
    ill: Asker, fields: dict[str, object], in_json: object, in_csv: str
) -> None:
    (name,) = fields
    ill.fake.order(ban.with_fields(fields))
    properties = ill.best("/search", {"q": "12 rue carnot"})["properties"]
    assert properties.get(name, ban.ABSENT) == in_json
    (row,) = ill.rows("/search/csv", "id,q\n1,12 rue carnot\n", [("columns", "q")])
    assert row[f"result_{name}"] == in_csv


def test_a_place_may_be_missing_or_wrong(ill: Asker) -> None:
    ill.fake.order(ban.with_fields({"geometry": None, "lon": None, "lat": "x"}))
    assert ill.best("/search", {"q": "12 rue carnot"})["geometry"] is None
    (row,) = ill.rows("/search/csv", "id,q\n1,12 rue carnot\n", [("columns", "q")])
    assert (row["longitude"], row["latitude"]) == ("", "x")


def test_a_place_may_have_other_fields_and_its_own_score(session: requests.Session) -> None:
    homonym = Place(
        name="Rue Carnot", town=PIERREFITTE, lon=2.3, lat=48.9, kind="street", importance=0.0
    )
    told = Place(
        **{f: getattr(homonym, f) for f in ("name", "town", "lon", "lat", "kind")},
        more={"score": 0.99, "banId": "b6b3", "citycode": ["93066", "93059"]},
    )
    with fake_ban([homonym, told]) as fake:
        fields = Asker(session, fake).best("/search", {"q": "rue carnot"})["properties"]
    assert (fields["score"], fields["banId"], fields["citycode"][1]) == (0.99, "b6b3", "93059")


# Orders


def statuses_of(ill: Asker, n_asked: int, path: str = "/search?q=rue") -> list[int]:
    return [ill.got(path).status_code for _ in range(n_asked)]


@pytest.mark.parametrize(
    ("on", "failed"),
    [(2, [2]), ((1, 3), [1, 3]), (range(2, 5), [2, 3, 4]), (None, [1, 2, 3, 4, 5])],
)
def test_a_fault_is_for_the_requests_named(
    ill: Asker, on: int | Sequence[int] | None, failed: list[int]
) -> None:
    statuses_of(ill, 2)  # those before the order do not count
    ill.fake.order(ban.BAD_GATEWAY, on=on)
    statuses = statuses_of(ill, 5)
    assert [rank for rank, status in enumerate(statuses, start=1) if status == 502] == failed


def test_a_fault_is_for_a_share_of_requests_always_the_same(
    session: requests.Session,
) -> None:
    seen = []
    for seed in (1, 1, 2):
        with fake_ban(PLACES, rate_per_s=None, seed=seed) as fake:
            fake.order(ban.BAD_GATEWAY, share=0.3)
            seen.append(statuses_of(Asker(session, fake), 100))
    assert seen[0] == seen[1] != seen[2]
    assert all(15 <= statuses.count(502) <= 45 for statuses in seen)


def test_a_fault_is_for_a_path_or_for_what_is_said(ill: Asker) -> None:
    ill.fake.order(ban.BAD_GATEWAY, path="/reverse")
    ill.fake.order(ban.UNAVAILABLE, holding="carnot")
    assert statuses_of(ill, 1) == [200]
    assert statuses_of(ill, 1, "/reverse/?lon=2&lat=48") == [502]
    assert statuses_of(ill, 1, "/search?q=rue+carnot") == [503]
    assert ill.posted("/search/csv", TABLE).status_code == 503
    ill.fake.heal()
    assert statuses_of(ill, 1, "/search?q=rue+carnot") == [200]


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


def test_what_left_can_be_looked_for(ill: Asker, session: requests.Session) -> None:
    ill.got("/search", {"q": "rue", "name": "canari été"})
    ill.got("/search/canari été")
    ill.posted("/search/csv", "id,q\n1,canari été\n")
    session.get(ill.fake.url + "/search", headers={"X-Note": "canari"}, timeout=5)
    assert [asked.rank for asked in ill.fake.holding("canari été")] == [1, 2, 3]
    assert [asked.rank for asked in ill.fake.holding("canari")] == [1, 2, 3, 4]
    assert ill.fake.holding("serin") == []


def test_requests_are_counted_by_window(ill: Asker, clock: FakeClock) -> None:
    assert ill.fake.busiest() == 0
    for _ in range(20):
        ill.got("/search")
        clock.wait(0.1)
    assert (ill.fake.busiest(), ill.fake.busiest(0.5)) == (10, 5)


def test_a_bug_of_the_fake_is_not_a_fault_of_the_service(session: requests.Session) -> None:
    def fail(_: list[dict[str, str]]) -> list[dict[str, str]]:
        raise ZeroDivisionError

    with ExitStack() as stack:
        fake = stack.enter_context(fake_ban(PLACES))
        fake.order(Fault(rows=fail))
        with pytest.raises(requests.ConnectionError):
            Asker(session, fake).posted("/search/csv", TABLE)
        with pytest.raises(ZeroDivisionError):
            stack.close()


# A plain addok


def test_addok_says_more_around_its_answers(plain: Asker) -> None:
    params = {"q": "12 rue carnot", "citycode": "93055", "autocomplete": "0"}
    said = plain.got("/search/", params).json()
    found = said.pop("features")
    assert said == {
        "type": "FeatureCollection",
        "version": "draft",
        "attribution": "BAN",
        "licence": "ETALAB-2.0",
        "query": "12 rue carnot",
        "filters": {"citycode": "93055"},
        "limit": 5,
    }
    assert found[0]["properties"]["label"] == CARNOT.label
    assert not {"_score", "_type"} & found[0]["properties"].keys()


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/search/", 400, {"title": "Missing parameter"}),
        ("/search/?q=ab", 200, {"query": "ab"}),
        ("/search/?q=" + "a" * 200, 200, {}),
        ("/search/?q=" + "a" * 201, 413, {"title": "Query too long, 201 chars, limit is 200"}),
        ("/search/?q=rue&limit=100", 200, {"limit": 100}),
        ("/search/?q=rue&limit=101", 400, {"title": "Invalid parameter"}),
        ("/search/?q=rue&lat=48,9&lon=2", 400, {"title": "Invalid parameter"}),
        ("/search/?q=rue&lat=48", 200, {}),
        ("/search/?q=rue&citycode=2a004", 200, {"features": []}),
        ("/reverse/?lon=2", 400, {"title": "Missing parameter"}),
        ("/reverse/?lon=2.4&lat=48.89", 200, {"limit": 1}),
        ("/reverse/?lon=2.4&lat=45", 200, {"features": []}),
        ("/geocodage/search?q=rue", 404, {"title": "404 Not Found"}),
    ],
)
def test_addok_has_rules_of_its_own(
    plain: Asker, path: str, status: int, said: dict[str, object]
) -> None:
    answer = plain.got(path)
    assert answer.status_code == status
    if said:
        assert said.items() <= answer.json().items()


def test_addok_has_no_limit(plain: Asker) -> None:
    assert set(statuses_of(plain, 60)) == {200}


def test_a_file_of_addok_has_a_mark_and_no_status(plain: Asker) -> None:
    table = "id;q\n1;12 rue carnot, pantin\n2;carnot aa bb cc dd\n3;\n"
    answer = plain.posted("/search/csv/", table, [("columns", "q")])
    assert answer.headers["content-type"] == "text/csv; charset=utf-8-sig"
    assert "x-rows-count" not in answer.headers
    text = answer.content.decode()
    assert text.startswith("\ufeffid;q;latitude;longitude;result_label;result_score;")
    rows = list(csv.DictReader(io.StringIO(text[1:], newline=""), delimiter=";"))
    assert "result_status" not in rows[0]
    assert (rows[0]["latitude"], rows[0]["longitude"]) == ("48.89", "2.4")
    assert rows[0]["result_score"] == "0.95"  # 1.05 / 1.1, rounded
    assert (rows[0]["result_name"], rows[0]["result_street"]) == ("Rue Carnot", "")
    for row in rows[1:]:  # 0.5 or less, and nothing
        assert not any(value for name, value in row.items() if name not in {"id", "q"})


def test_addok_leaves_what_the_file_had_where_it_finds_nothing(plain: Asker) -> None:
    table = "id,q,latitude\n1,12 rue carnot,9\n2,zzz,7\n"
    rows = plain.rows("/search/csv/", table, [("columns", "q")])
    assert [row["latitude"] for row in rows] == ["48.89", "7"]


@pytest.mark.parametrize(("least", "is_found"), [("0.3", True), ("0.31", False), ("0.5", False)])
def test_addok_may_be_asked_for_lower_scores(plain: Asker, least: str, *, is_found: bool) -> None:
    """One word of four, and one of three of the name: (7 / 24 + 0.05) / 1.1, that is 0.31."""
    fields = [("columns", "q"), ("min_score", least)]
    (row,) = plain.rows("/search/csv/", "id,q\n1,vents aa bb cc\n", fields)
    assert bool(row["result_label"]) == is_found


@pytest.mark.parametrize(
    ("value", "kind"), [("housenumber", "housenumber"), ("street", "street"), ("", "street")]
)
def test_a_column_of_types_takes_doors_from_addok(plain: Asker, value: str, kind: str) -> None:
    fields = [("columns", "q"), ("type", "t")]
    (row,) = plain.rows("/search/csv/", f"q,t\n12 rue carnot pantin,{value}\n", fields)
    assert row["result_type"] == kind


@pytest.mark.parametrize(
    ("text", "status"), [("é" * 200, 200), ("é" * 201, 413), ("œ" * 15, 200), ("œ" * 16, 413)]
)
def test_addok_counts_signs_in_ascii(plain: Asker, text: str, status: int) -> None:
    assert plain.got("/search/", {"q": text}).status_code == status


def test_one_long_row_fails_a_whole_file_of_addok(plain: Asker) -> None:
    table = "id,q\n1,rue\n2," + "a" * 201 + "\n"
    answer = plain.posted("/search/csv/", table, [("columns", "q")])
    assert answer.status_code == 413
    assert answer.json()["title"] == "Query too long, 201 chars, limit is 200 (row number 2)"


@pytest.mark.parametrize(
    ("table", "title"),
    [
        (b"", "Empty file"),
        ("id,q\n1,é\n".encode("latin-1"), 'Unable to decode with encoding "utf-8-sig"'),
        (b"id,q\n1,a\n", "Cannot found column 'adresse' in columns ['id', 'q']"),
    ],
)
def test_a_file_that_addok_cannot_use_is_refused(plain: Asker, table: bytes, title: str) -> None:
    answer = plain.posted("/search/csv/", table, [("columns", "adresse")])
    assert (answer.status_code, answer.json()["title"]) == (400, title)


def test_a_reverse_file_of_addok(plain: Asker) -> None:
    rows = plain.rows("/reverse/csv/", "id,lon,lat\n1,2.4,48.89\n2,2.4,45\n3,,\n")
    assert [row["result_label"] for row in rows] == [CARNOT.label, "", ""]
    assert (rows[0]["result_latitude"], rows[0]["result_distance"]) == ("48.89", "0")
    assert not {"result_score", "result_status", "latitude"} & rows[0].keys()
