import json
import math
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import Script, scripted_server

from siting.asking import Answer, Ask, Geocoder, Spot
from siting.errors import BadAnswer, DataError, SourceError, SourceUnavailable
from siting.sources.ban import BanGeocoder, candidate_of, clean_query
from siting.sources.ban_words import feature_of, nearest_of
from siting.sources.http import RetryRule

# One answer of the national service, with the fields that its documentation lists.
FEATURE: dict[str, Any] = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [2.3575, 48.9357]},
    "properties": {
        "label": "12 Rue de la République 93200 Saint-Denis",
        "score": 0.97,
        "housenumber": "12",
        "id": "93066_8071_00012",
        "banId": "b6b3a5c8-0000-4000-8000-000000000000",
        "name": "12 Rue de la République",
        "postcode": "93200",
        "citycode": "93066",
        "x": 652929.46,
        "y": 6870827.63,
        "city": "Saint-Denis",
        "context": "93, Seine-Saint-Denis, Île-de-France",
        "type": "housenumber",
        "importance": 0.6,
        "street": "Rue de la République",
        "_type": "address",
    },
}


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted_server() as script:
        yield script


@pytest.fixture
def geocoder(script: Script) -> BanGeocoder:
    return BanGeocoder(script.url, rule=RetryRule(n_attempts=1))


def answer(*features: object) -> list[tuple[int, dict[str, str], bytes]]:
    document = {"type": "FeatureCollection", "features": list(features)}
    return [(200, {}, json.dumps(document).encode())]


def with_property(name: str, value: object) -> dict[str, Any]:
    return FEATURE | {"properties": FEATURE["properties"] | {name: value}}


def test_a_place_comes_back_with_its_parts(geocoder: BanGeocoder, script: Script) -> None:
    script.answers = answer(FEATURE)
    (found,) = geocoder.search("12 rue de la République", citycode="93066")
    assert (found.lon, found.lat, found.score) == (2.3575, 48.9357, 0.97)
    assert (found.housenumber, found.street) == ("12", "Rue de la République")
    assert (found.kind, found.citycode, found.oldcitycode) == ("housenumber", "93066", "")


def test_only_the_text_and_the_commune_leave(geocoder: BanGeocoder, script: Script) -> None:
    script.answers = answer()
    assert geocoder.search("12 rue Carnot", citycode="93010", kind="street") == ()
    asked = urlsplit(script.asked[0].path)
    assert asked.path == "/search"
    assert parse_qs(asked.query) == {
        "q": ["12 rue Carnot"],
        "limit": ["5"],
        "autocomplete": ["0"],
        "citycode": ["93010"],
        "type": ["street"],
    }


@pytest.mark.parametrize("code", ["1004", "2a004", "93 010", "x", "930100"])
def test_a_code_that_the_service_refuses_is_not_sent(
    geocoder: BanGeocoder, script: Script, code: str
) -> None:
    script.answers = answer()
    geocoder.search("12 rue Carnot", citycode=code)
    assert "citycode" not in script.asked[0].path


@pytest.mark.parametrize("text", ["", "  ", "ab", "?!…", "🏠🏠🏠🏠", "\x00\x00\x00", "日本語"])
def test_a_text_that_the_service_refuses_is_not_sent(
    geocoder: BanGeocoder, script: Script, text: str
) -> None:
    assert geocoder.search(text) == ()
    assert script.asked == []


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("  12\true\u00a0Carnot ", "12 rue Carnot"),
        ("« Le Bourg »", "Le Bourg »"),
        ("12 rue\x00 Carnot", "12 rue Carnot"),
        ("\ud800 12 rue Carnot", "12 rue Carnot"),
        ("e\u0301glise", "église"),
        ("a" * 300, "a" * 200),
        ("mot " * 60, "mot " * 49 + "mot"),
        # addok counts in ASCII: a letter with an accent is one sign, others may be many
        ("é" * 300, "é" * 200),
        ("a" + "œ" * 300, "a" + "œ" * 15),
        ("mot " * 49 + "œuf", "mot " * 48 + "mot"),
    ],
)
def test_texts_are_cleaned(text: str, sent: str) -> None:
    assert clean_query(text) == sent


@given(st.text(st.characters(), max_size=250))
def test_no_text_sent_is_one_the_service_refuses(text: str) -> None:
    """The rule of the service, in its own terms: UTF-16 length, first sign with two cases."""
    sent = clean_query(text)
    if sent:
        assert 3 <= len(sent.strip().encode("utf-16-le")) / 2 <= 200
        assert sent[0].lower() != sent[0].upper() or "0" <= sent[0] <= "9"
        assert clean_query(sent) == sent


@pytest.mark.parametrize(
    "name", ["score", "housenumber", "citycode", "street", "name", "type", "postcode", "label"]
)
@pytest.mark.parametrize("value", [None, [], [None], {}, True, [["x"]], "", {"a": [1]}])
def test_a_field_that_is_missing_or_mistyped_is_empty(name: str, value: object) -> None:
    assert candidate_of(with_property(name, value)) is not None


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(sorted(FEATURE["properties"])), json_values),
    st.sampled_from(["geometry", "properties", "type", "other"]),
    json_values,
)
def test_no_answer_makes_it_fail(changes: dict[str, object], member: str, value: object) -> None:
    changed = FEATURE | {"properties": FEATURE["properties"] | changes}
    for feature in (changed, changed | {member: value}, value):
        found = candidate_of(feature)
        if found is not None:
            assert -180 <= found.lon <= 180
            assert -90 <= found.lat <= 90
            assert math.isnan(found.score) or 0 <= found.score <= 1


@pytest.mark.parametrize(("score", "read"), [(1.04, 1.0), (-0.2, 0.0), (0, 0.0)])
def test_a_score_stays_between_0_and_1(score: float, read: float) -> None:
    found = candidate_of(with_property("score", score))
    assert found is not None
    assert found.score == read


def test_of_a_list_the_first_value_is_taken() -> None:
    found = candidate_of(with_property("citycode", ["2a004", "2A999"]))
    assert found is not None
    assert found.citycode == "2A004"


@pytest.mark.parametrize(
    "geometry",
    [
        None,
        {},
        {"coordinates": None},
        {"coordinates": [math.nan, 48.9]},
        {"coordinates": [2.3]},
        {"coordinates": ["2.3", "48.9"]},
        {"coordinates": [652929.46, 6870827.63]},
        {"coordinates": [True, False]},
        {"coordinates": [10**400, 1]},
    ],
)
def test_a_place_without_position_is_a_bad_answer(
    geocoder: BanGeocoder, script: Script, geometry: object
) -> None:
    script.answers = answer(FEATURE | {"geometry": geometry})
    with pytest.raises(BadAnswer, match="sans position"):
        geocoder.search("12 rue Carnot")


@pytest.mark.parametrize("document", [b"[]", b"3", b"null", b"{}", b'{"features": {}}'])
def test_another_document_is_a_bad_answer(
    geocoder: BanGeocoder, script: Script, document: bytes
) -> None:
    script.answers = [(200, {}, document)]
    with pytest.raises(BadAnswer, match="pas une liste d'adresses"):
        geocoder.search("12 rue Carnot")


def test_the_probe_tells_nothing_of_the_user_and_fails_in_french(
    geocoder: BanGeocoder, script: Script
) -> None:
    script.answers = answer()
    geocoder.probe()
    assert parse_qs(urlsplit(script.asked[0].path).query)["q"] == ["mairie"]
    script.answers = [(404, {}, b"<html>Not found</html>")]
    with pytest.raises(SourceError, match=r"--geocoder URL.*--geocoder none"):
        geocoder.probe()


@pytest.mark.parametrize(
    "end", ["", "/", "/search", "/search/", "/search/csv/", "/reverse", "/reverse/csv"]
)
def test_the_address_may_be_given_with_search(script: Script, end: str) -> None:
    script.answers = answer()
    BanGeocoder(script.url + end).probe()
    assert script.asked[0].path.startswith("/search?")


def test_the_default_is_the_geoplateforme() -> None:
    provenance = BanGeocoder().provenance()
    assert provenance.url == "https://data.geopf.fr/geocodage"
    assert provenance.attribution == "Base Adresse Nationale"
    assert provenance.licence == "Licence Ouverte 2.0"
    assert len(provenance.retrieved_on) == len("2026-01-31")
    assert provenance.note == ""


def test_the_host_that_was_switched_off_is_said(caplog: pytest.LogCaptureFixture) -> None:
    geocoder = BanGeocoder("https://api-adresse.data.gouv.fr")
    assert "https://data.geopf.fr/geocodage" in caplog.text
    assert "2026-01-31" in geocoder.provenance().note


@pytest.mark.parametrize("rate_per_s", [0, -1, 46, math.nan])
def test_the_rate_stays_under_what_the_service_allows(rate_per_s: float) -> None:
    with pytest.raises(DataError, match="au plus 45"):
        BanGeocoder(rate_per_s=rate_per_s)


def test_it_is_what_is_asked_of_a_geocoder(geocoder: BanGeocoder) -> None:
    asked: Geocoder = geocoder
    assert asked.url == geocoder.url


def test_one_question_has_all_its_candidates(geocoder: BanGeocoder, script: Script) -> None:
    script.answers = answer(FEATURE, with_property("score", 0.5))
    ask = Ask(query="12 rue de la République", citycode="93066", kind="housenumber")
    ((asked, found),) = geocoder.answers([ask, ask], is_bulk=False)
    assert asked == ask
    assert isinstance(found, Answer)
    assert found.is_whole
    assert [candidate.score for candidate in found.candidates] == [0.97, 0.5]
    assert math.isnan(found.score_next)
    assert found.endpoint == script.url
    assert len(found.asked_on) == len("2026-01-31")
    (request,) = script.asked
    assert parse_qs(urlsplit(request.path).query) == {
        "q": ["12 rue de la République"],
        "limit": ["5"],
        "autocomplete": ["0"],
        "citycode": ["93066"],
        "type": ["housenumber"],
    }


@pytest.mark.parametrize("is_bulk", [False, True])
def test_what_may_not_be_asked_is_answered_without_a_request(
    geocoder: BanGeocoder, script: Script, *, is_bulk: bool
) -> None:
    asks = [Ask(query=text) for text in ("", "ab", "?!…", "🏠🏠🏠🏠")]
    got = dict(geocoder.answers(asks, is_bulk=is_bulk))
    spots = [Spot(lon=181.0, lat=0.0), Spot(lon=0.0, lat=-90.1), Spot(lon=math.inf, lat=0.0)]
    around = dict(geocoder.addresses_at(spots, is_bulk=is_bulk))
    assert list(got) == asks
    assert list(around) == spots
    for found in (*got.values(), *around.values()):
        assert isinstance(found, Answer)
        assert found.candidates == ()
        assert "non envoyé" in found.note
    assert script.asked == []


def test_a_place_is_asked_with_points_and_six_decimals(
    geocoder: BanGeocoder, script: Script
) -> None:
    script.answers = answer(with_property("distance", 17), with_property("distance", 30))
    spot = Spot(lon=2.35, lat=-1e-7)
    ((asked, found),) = geocoder.addresses_at([spot], is_bulk=False)
    assert asked == spot
    assert isinstance(found, Answer)
    (candidate,) = found.candidates
    assert candidate.distance_m == 17
    assert math.isnan(candidate.score)
    assert script.asked[0].path == "/reverse?lon=2.350000&lat=-0.000000&limit=1"


@pytest.mark.parametrize("distance", [None, "12", -1, True, [3], 1e300])
def test_a_distance_that_is_none_is_not_made_up(distance: object) -> None:
    found = nearest_of(with_property("distance", distance))
    assert found is not None
    assert math.isnan(found.distance_m)


def test_nothing_around_is_an_answer(geocoder: BanGeocoder, script: Script) -> None:
    script.answers = answer()
    ((_, found),) = geocoder.addresses_at([Spot(lon=-5.0, lat=47.0)], is_bulk=False)
    assert isinstance(found, Answer)
    assert (found.candidates, found.note) == ((), "")


def test_a_failure_is_a_value_and_the_others_are_answered(
    geocoder: BanGeocoder, script: Script
) -> None:
    right = answer(FEATURE)[0]
    script.reply = lambda asked: (502, {}, b"") if "perdue" in asked.path else right
    asks = [Ask(query=text) for text in ("1 rue sue", "2 rue perdue", "3 rue sue")]
    got = dict(geocoder.answers(asks, is_bulk=False))
    assert isinstance(got[asks[1]], SourceUnavailable)
    assert [len(got[ask].candidates) for ask in (asks[0], asks[2])] == [1, 1]  # type: ignore[union-attr]
    assert [asked.path.partition("&")[0][-6:] for asked in script.asked] == [
        *("ue+sue", "perdue", "ue+sue", "perdue"),
    ]


@pytest.mark.parametrize("is_bulk", [False, True])
def test_a_wrong_address_stops_at_the_first_question(
    geocoder: BanGeocoder, script: Script, *, is_bulk: bool
) -> None:
    script.answers = [(404, {}, b"<html>Not found</html>")]
    with pytest.raises(SourceError, match="--geocoder URL"):
        list(geocoder.answers([Ask(query=f"{n} rue x") for n in range(9)], is_bulk=is_bulk))
    assert len(script.asked) == 2 - is_bulk  # alone: the question, then the probe


def test_a_server_of_a_private_network_needs_the_option() -> None:
    with pytest.raises(DataError, match="--private-network"):
        BanGeocoder("http://10.1.2.3:7878")
    assert BanGeocoder("http://10.1.2.3:7878", allow_private=True).url == "http://10.1.2.3:7878"


@given(
    st.dictionaries(
        st.sampled_from(sorted(FEATURE["properties"].keys() - {"label"})), st.text(max_size=8)
    )
)
def test_cells_of_a_file_are_read_as_the_same_fields_alone(changes: dict[str, str]) -> None:
    """A file has all as text; only what is a number there is one."""
    properties = FEATURE["properties"] | changes
    cells = {f"result_{name}": str(value) for name, value in properties.items()}
    found = candidate_of(feature_of(cells, lon="2.3575", lat="48.9357"))
    assert found is not None
    alone = candidate_of({"geometry": FEATURE["geometry"], "properties": properties})
    assert alone is not None
    names = ["label", "kind", "citycode", "city", "postcode", "housenumber", "oldcitycode"]
    assert [getattr(found, name) for name in names] == [getattr(alone, name) for name in names]
