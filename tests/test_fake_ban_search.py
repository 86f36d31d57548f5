"""Searches of the fake national geocoder against the published rules of the true one."""

import json
from collections.abc import Iterator

import pytest
import requests
from fakes.asker import CARNOT, PANTIN, PLACES, Asker, asking
from fakes.ban import fake_ban
from fakes.index import Place

VALIDATION = "must contain between 3 and 200 chars and start with a number or a letter"


@pytest.fixture(scope="module")
def true() -> Iterator[Asker]:
    """The service when all goes well, without its limit."""
    with fake_ban(PLACES, rate_per_s=None) as fake, asking(fake) as asker:
        yield asker


def detail_of(answer: requests.Response) -> list[str]:
    said = answer.json()
    assert (answer.status_code, said["code"]) == (400, 400)
    assert said["message"] == "Failed parsing query"
    detail: list[str] = said["detail"]
    return detail


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


def test_the_code_of_2025_gives_fifty_candidates() -> None:
    with fake_ban(PLACES, largest_limit=50) as fake, asking(fake) as asker:
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


def test_ten_candidates_unless_asked_otherwise() -> None:
    doors = [
        Place(name="Rue Carnot", housenumber=str(n), town=PANTIN, lon=2.4, lat=48.89)
        for n in range(30)
    ]
    streets = [
        Place(name=f"Rue {n} Carnot", kind="street", town=PANTIN, lon=2.4, lat=48.89)
        for n in range(30)
    ]
    with fake_ban([*doors, *streets]) as fake, asking(fake) as asker:
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
