import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, urlsplit

import geopandas as gpd
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import HISTORY, REGISTER, projects
from scripted_server import Answer as Reply
from scripted_server import Script, scripted_server

from siting.asking import Answer, Ask, Spot
from siting.errors import NotAsked, RateLimited, SourceError, SourceUnavailable
from siting.geocode import (
    Geocoder,
    GeocodeRule,
    Geocoding,
    Known,
    declared_communes,
    geocode,
)
from siting.matching import Candidate
from siting.sources.ban import BanGeocoder
from siting.sources.http import RetryRule
from siting.tables import SITES, GeocodeReason, GeocodeStatus

PLACE = Candidate(
    label="12 Rue Carnot 93140 Bondy",
    lon=2.48,
    lat=48.9,
    score=0.95,
    kind="housenumber",
    name="12 Rue Carnot",
    street="Rue Carnot",
    housenumber="12",
    citycode="93010",
    city="Bondy",
    postcode="93140",
)
ROW: dict[str, object] = {"address": "12 rue Carnot", "code_insee": "93010"}


@dataclass
class Register:
    """A geocoder that knows a few places, and notes what it is asked."""

    places: tuple[Candidate, ...] = ()
    asked: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    asked_in_bulk: list[bool] = field(default_factory=list)
    tells_next: bool = True

    url = "http://127.0.0.1"

    def answers(
        self, asks: Sequence[Ask], *, is_bulk: bool
    ) -> Iterator[tuple[Ask, Answer | SourceError]]:
        for ask in dict.fromkeys(asks):
            self.asked.append((ask.query, ask.citycode or None, ask.kind or None))
            self.asked_in_bulk.append(is_bulk)
            found = tuple(
                place
                for place in self.places
                if ask.citycode in {"", place.citycode} and ask.kind in {"", place.kind}
            )
            known = Answer(candidates=found, asked_on="2026-11-25", endpoint=self.url)
            yield ask, self.in_bulk(known) if is_bulk else known

    def in_bulk(self, known: Answer) -> Answer:
        first, scores = known.candidates[:1], [one.score for one in known.candidates[1:2]]
        score_next = scores[0] if scores and self.tells_next else math.nan
        return replace(known, candidates=first, is_whole=False, score_next=score_next)

    def addresses_at(
        self, spots: Sequence[Spot], *, is_bulk: bool
    ) -> Iterator[tuple[Spot, Answer | SourceError]]:
        assert not is_bulk
        for spot in spots:
            near = tuple(
                replace(place, distance_m=12.0, score=math.nan)
                for place in self.places
                if abs(place.lon - spot.lon) < 0.001
            )
            yield spot, Answer(candidates=near[:1])


def sites_of(
    geocoder: Geocoder | None, *rows: dict[str, object], rule: GeocodeRule | None = None
) -> gpd.GeoDataFrame:
    table = projects(*rows)
    declared = declared_communes(table, register=REGISTER, history=HISTORY)
    return geocode(table, geocoder, declared=declared, history=HISTORY, rule=rule).sites


def reason_of(geocoder: Geocoder | None, row: dict[str, object]) -> tuple[str, str]:
    site = sites_of(geocoder, row)
    return site["geocode_status"].item(), site["geocode_reason"].item()


def place(**changes: object) -> Candidate:
    return Candidate(**{name: getattr(PLACE, name) for name in PLACE.__slots__} | changes)


def test_a_right_answer_fills_the_row() -> None:
    site = sites_of(Register((PLACE,)), ROW | {"label": "Les Lilas"}).iloc[0]
    assert site["label"] == "Les Lilas"
    assert site["geocode_status"] == "ok"
    assert site["geocode_precision"] == "housenumber"
    assert site["geocode_score"] == 0.95
    assert site["matched_label"] == "12 Rue Carnot 93140 Bondy"
    assert (site["code_insee"], site["commune"]) == ("93010", "Bondy")
    assert site["commune_check"] == "same"
    assert (site.geometry.x, site.geometry.y) == (2.48, 48.9)
    assert pd.isna(site["is_pvd"])
    assert pd.isna(site["is_listed_unserved"])


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, ("skipped", "EMPTY_ROW")),
        ({"label": "Les Lilas"}, ("skipped", "NO_LOCATION")),
        ({"code_postal": "93140"}, ("skipped", "NO_LOCATION")),
        ({"address": "?", "commune": "Bondy"}, ("skipped", "UNUSABLE_ADDRESS")),
        ({"address": "12"}, ("skipped", "UNUSABLE_ADDRESS")),
        ({"address": "BP 12", "commune": "Bondy"}, ("skipped", "NOT_GEOGRAPHIC")),
        ({"coord_issue": "COORD_SUSPECT", "commune": "Bondy"}, ("review", "COORD_SUSPECT")),
        ({"coord_issue": "COORD_UNREADABLE"}, ("review", "COORD_UNREADABLE")),
        (ROW | {"lon": 2.48, "lat": 48.9}, ("provided", "COORDINATES_GIVEN")),
    ],
)
def test_what_needs_no_geocoder_is_not_asked(
    row: dict[str, object], expected: tuple[str, str]
) -> None:
    geocoder = Register((PLACE,))
    assert reason_of(geocoder, row) == expected
    assert geocoder.asked == []
    assert reason_of(None, row) == expected


def test_without_a_geocoder_addresses_are_skipped() -> None:
    assert reason_of(None, ROW) == ("skipped", "OFFLINE")
    assert reason_of(None, ROW | {"coord_issue": "COORD_SUSPECT"}) == ("review", "COORD_SUSPECT")


def test_given_coordinates_stay_and_their_commune_is_left_to_the_polygons() -> None:
    site = sites_of(None, ROW | {"lon": 2.5, "lat": 48.8}).iloc[0]
    assert (site.geometry.x, site.geometry.y) == (2.5, 48.8)
    assert site["geocode_precision"] == "none"
    assert math.isnan(site["geocode_score"])
    assert pd.isna(site["code_insee"])
    assert pd.isna(site["commune_check"])


def test_wrong_coordinates_keep_a_good_address_in_review() -> None:
    row = ROW | {"coord_issue": "COORD_SUSPECT"}
    site = sites_of(Register((PLACE,)), row).iloc[0]
    assert (site["geocode_status"], site["geocode_reason"]) == ("review", "COORD_SUSPECT")
    assert site.geometry.x == 2.48


def test_only_the_address_and_its_commune_are_asked() -> None:
    geocoder = Register()
    secret = {"label": "SECRET", "address": "12 bis rue Carnot", "code_insee": "93010"}
    sites_of(geocoder, secret | {"code_postal": "93140", "commune": "Bondy"})
    assert geocoder.asked == [
        ("12bis rue Carnot", "93010", None),
        ("12bis rue Carnot 93140 Bondy", None, None),
        ("12 rue Carnot 93140 Bondy", "93010", None),
        ("12bis rue Carnot", None, None),
        ("Bondy", "93010", "municipality"),
    ]


def test_nothing_is_asked_after_an_ok() -> None:
    geocoder = Register((PLACE,))
    sites_of(geocoder, ROW)
    assert geocoder.asked == [("12 rue Carnot", "93010", None)]


def test_a_cedex_code_is_never_asked() -> None:
    geocoder = Register()
    sites_of(geocoder, {"address": "12 rue Carnot 93141 BONDY CEDEX"})
    assert all("93141" not in query for query, _, _ in geocoder.asked)
    assert geocoder.asked[0] == ("12 rue Carnot", "93010", None)


def test_equal_rows_are_asked_once_and_get_equal_answers() -> None:
    geocoder = Register((PLACE,))
    sites = sites_of(geocoder, ROW, ROW | {"label": "other"}, ROW)
    assert len(geocoder.asked) == 1
    assert sites["geocode_status"].tolist() == ["ok"] * 3


def test_a_former_commune_is_searched_before_the_one_it_joined() -> None:
    geocoder = Register()
    sites_of(geocoder, {"address": "12 rue Carnot", "code_insee": "93059"})
    assert [citycode for _, citycode, _ in geocoder.asked] == [
        *("93059", "93066"),
        *(None, None),
        "93066",
    ]


def test_a_street_seen_in_the_other_former_commune_is_to_check() -> None:
    row = {"address": "12 rue Carnot", "code_insee": "93059"}
    inside = place(citycode="93066", oldcitycode="93059", city="Saint-Denis")
    other = place(citycode="93066", oldcitycode="93066", city="Saint-Denis")
    unknown = place(citycode="93066", city="Saint-Denis")
    assert reason_of(Register((inside,)), row) == ("ok", "MATCHED")
    assert reason_of(Register((other,)), row) == ("review", "COMMUNE_MISMATCH")
    assert reason_of(Register((unknown,)), row) == ("ok", "MATCHED")


@pytest.mark.parametrize(("lon", "status"), [(2.49, "review"), (2.4805, "ok")])
def test_a_commune_that_holds_an_address_twice(lon: float, status: str) -> None:
    """The register has two spellings of one street, with the number at two places."""
    other = place(lon=lon, score=0.7, label="12 R Carnot 93140 Bondy", street="R Carnot")
    site = sites_of(Register((PLACE, other)), ROW).iloc[0]
    assert site["geocode_status"] == status


SAINT_DENIS = {"citycode": "93066", "city": "Saint-Denis", "oldcitycode": "93066"}
PIERREFITTE = {"citycode": "93066", "city": "Saint-Denis", "oldcitycode": "93059"}


@pytest.mark.parametrize(
    ("row", "expected", "lon"),
    [
        ({"code_insee": "93059"}, ("ok", "MATCHED"), 2.36),
        ({"code_insee": "93066", "code_postal": "93380"}, ("ok", "MATCHED"), 2.36),
        ({"code_insee": "93066", "code_postal": "93200"}, ("ok", "MATCHED"), 2.35),
        ({"code_insee": "93066"}, ("review", "AMBIGUOUS"), 2.35),
    ],
)
def test_a_street_that_a_merged_commune_holds_twice(
    row: dict[str, object], expected: tuple[str, str], lon: float
) -> None:
    """The BAN writes the former commune after the name of the second."""
    places = (
        place(**SAINT_DENIS, lon=2.35, postcode="93200", score=0.95),
        place(
            **PIERREFITTE,
            lon=2.36,
            postcode="93380",
            score=0.8,
            street="Rue Carnot (Pierrefitte-sur-Seine)",
        ),
    )
    for bulk_from in (1, 10):
        told = geocoding_of(
            Register(places), row | {"address": "12 rue Carnot"}, bulk_from=bulk_from
        ).sites.iloc[0]
        assert (told["geocode_status"], told["geocode_reason"]) == expected
        assert told.geometry.x == lon


def test_an_answer_without_code_is_compared_by_name() -> None:
    assert reason_of(Register((place(citycode=""),)), ROW) == ("ok", "MATCHED")
    elsewhere = place(citycode="", city="Pantin")
    assert reason_of(Register((elsewhere,)), ROW) == ("review", "COMMUNE_MISMATCH")


@pytest.mark.parametrize(
    ("code", "status"), [("93055", "review"), ("51454", "rejected"), ("99999", "rejected")]
)
def test_another_commune_is_never_ok_and_has_no_position(code: str, status: str) -> None:
    site = sites_of(Register((place(citycode=code, score=1.0),)), ROW).iloc[0]
    assert site["geocode_status"] == status
    assert site.geometry is None
    assert site["matched_label"] == PLACE.label
    assert pd.isna(site["code_insee"])


def test_thresholds_are_those_of_the_rule() -> None:
    found = Register((place(score=0.7),))
    strict = GeocodeRule(ok_score_same_street=0.75)
    assert sites_of(found, ROW)["geocode_status"].item() == "ok"
    assert sites_of(found, ROW, rule=strict)["geocode_reason"].item() == "LOW_SCORE"


@pytest.mark.parametrize(
    ("lon", "score", "status"),
    [
        (2.4900, 0.94, "review"),  # 0.01 degree, about 730 m
        (2.4805, 0.94, "ok"),  # about 37 m
        (2.4900, 0.89, "ok"),  # a gap of 0.06
    ],
)
def test_two_answers_as_good_are_ambiguous(lon: float, score: float, status: str) -> None:
    other = place(
        lon=lon, score=score, label="12 Avenue Carnot 93140 Bondy", street="Avenue Carnot"
    )
    site = sites_of(Register((PLACE, other)), ROW).iloc[0]
    assert site["geocode_status"] == status
    assert ("Avenue" in site["matched_label"]) == (status == "review")


def test_the_progress_counts_every_row() -> None:
    table = projects(ROW, {}, ROW)
    seen: list[tuple[int, int]] = []
    declared = declared_communes(table, register=REGISTER, history=HISTORY)
    geocode(
        table,
        Register(),
        declared=declared,
        history=HISTORY,
        on_row=lambda n_done, n_rows: seen.append((n_done, n_rows)),
    )
    assert seen == [(3, 3)]  # the empty row asks nothing, and the other two the same


def test_no_project_gives_an_empty_table() -> None:
    sites = sites_of(Register())
    assert sites.empty
    assert sites.dtypes.astype(str).to_dict() == SITES.empty().dtypes.astype(str).to_dict()
    assert sites.crs == "EPSG:4326"


cells = st.one_of(st.none(), st.sampled_from(["12 rue Carnot", "Bondy", "93140"]), st.text())


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            dict.fromkeys(("label", "address", "code_postal", "commune", "code_insee"), cells)
        ),
        max_size=5,
    ),
    st.randoms(use_true_random=False),
)
def test_every_row_comes_back_in_order_with_a_reason(
    rows: list[dict[str, object]], rng: random.Random
) -> None:
    table = projects(*rows)
    before = table.copy()
    declared = declared_communes(table, register=REGISTER, history=HISTORY)
    sites = geocode(table, Register((PLACE,)), declared=declared, history=HISTORY).sites
    assert sites.index.tolist() == table.index.tolist()
    assert set(sites["geocode_status"]) <= set(GeocodeStatus)
    assert set(sites["geocode_reason"]) <= set(GeocodeReason)
    assert (sites.geometry.notna() == sites["code_insee"].notna()).all()
    pd.testing.assert_frame_equal(table, before)
    order = rng.sample(table.index.tolist(), len(table))
    again = geocode(
        table.loc[order], Register((PLACE,)), declared=declared.loc[order], history=HISTORY
    ).sites
    pd.testing.assert_frame_equal(again.loc[sites.index], sites)


def geocoding_of(
    geocoder: Geocoder, *rows: dict[str, object], known: Known | None = None, bulk_from: int = 200
) -> Geocoding:
    table = projects(*rows)
    declared = declared_communes(table, register=REGISTER, history=HISTORY)
    return geocode(
        table,
        geocoder,
        declared=declared,
        history=HISTORY,
        known=known,
        bulk_from=bulk_from,
    )


@pytest.mark.parametrize(
    ("places", "tells_next", "expected"),
    [
        ((PLACE,), False, [True]),
        ((PLACE, place(lon=2.49, score=0.94)), True, 2 * [True, False]),  # too near, twice
        ((PLACE, place(lon=2.49, score=0.89)), True, [True]),  # 0.06 apart
        ((place(street="Rue du Carnot"),), False, [True, False]),  # not to the word
        ((place(oldcitycode="93066"),), False, [True, False]),  # a merged commune
    ],
)
def test_the_best_candidate_alone_is_enough_only_where_no_other_can_be_as_good(
    places: tuple[Candidate, ...], tells_next: object, expected: list[bool]
) -> None:
    geocoder = Register(places, tells_next=bool(tells_next))
    geocoding_of(geocoder, ROW, bulk_from=1)
    assert geocoder.asked_in_bulk == expected


@pytest.mark.parametrize("score", [0.95, 0.7, 0.3])
@pytest.mark.parametrize("code", ["93010", "93055"])
def test_bulk_and_single_questions_settle_rows_alike(score: float, code: str) -> None:
    rows = (ROW, {"address": "13 rue Carnot", "commune": "Bondy"}, {"address": "rue X"})
    places = (place(score=score, citycode=code), place(lon=2.49, score=score - 0.01))
    one_by_one = geocoding_of(Register(places), *rows, bulk_from=10)
    in_bulk = geocoding_of(Register(places), *rows, bulk_from=1)
    pd.testing.assert_frame_equal(one_by_one.sites, in_bulk.sites)
    pd.testing.assert_frame_equal(one_by_one.candidates, in_bulk.candidates)


def test_what_was_sent_and_found_is_told() -> None:
    rival = place(lon=2.49, score=0.94, label="12 Avenue Carnot 93140 Bondy")
    told = geocoding_of(Register((PLACE, rival)), ROW, {})
    request = told.requests.iloc[0]
    assert request["query_sent"] == "12 rue Carnot"
    assert request["citycode_sent"] == "93010"
    assert (request["endpoint"], request["asked_on"]) == ("http://127.0.0.1", "2026-11-25")
    assert request["score_next"] == 0.94
    assert (request["found_lon"], request["found_lat"]) == (2.48, 48.9)
    assert pd.isna(told.requests.iloc[1]["query_sent"])
    assert told.candidates["label"].tolist() == [PLACE.label, rival.label]
    assert told.candidates.index.get_level_values("rank").tolist() == [1, 2]


def test_the_address_nearest_to_coordinates_is_told() -> None:
    rows = ({"lon": 2.4805, "lat": 48.9}, {"lon": 2.6, "lat": 48.9})
    told = geocoding_of(Register((PLACE,)), *rows)
    assert told.sites["geocode_status"].tolist() == ["provided", "provided"]
    assert told.sites["geocode_reason"].tolist() == ["COORDINATES_GIVEN", "NOTHING_WITHIN_200M"]
    assert told.sites["matched_label"].iloc[0] == PLACE.label
    assert told.sites.geometry.x.tolist() == [2.4805, 2.6]
    assert told.sites["geocode_score"].isna().all()
    assert told.requests["distance_m"].iloc[0] == 12.0


@dataclass
class Memory:
    """What was settled, in this process."""

    settled: dict[str, str] = field(default_factory=dict)

    def is_settled(self, key: str) -> bool:
        return key in self.settled

    def settle(self, key: str, *, asked_on: str) -> None:
        self.settled[key] = asked_on


class Kept(Register):
    """A geocoder that answers what was kept, and asks nobody."""

    def answers(
        self, asks: Sequence[Ask], *, is_bulk: bool
    ) -> Iterator[tuple[Ask, Answer | SourceError]]:
        for ask in asks:
            known = dict(super().answers([ask], is_bulk=is_bulk))[ask]
            is_kept = isinstance(known, Answer) and ask.kind == ""
            yield ask, known if is_kept else NotAsked("rien", url=self.url)


def test_other_thresholds_ask_nothing_more() -> None:
    found, memory = Register((place(score=0.7),)), Memory()
    known = Known(geocoder=Kept((place(score=0.7),)), recall=memory)
    table = projects(ROW)
    declared = declared_communes(table, register=REGISTER, history=HISTORY)

    def status(rule: GeocodeRule) -> str:
        told = geocode(
            table, found, declared=declared, history=HISTORY, rule=rule, known=known
        ).sites
        return str(told["geocode_status"].item())

    assert status(GeocodeRule()) == "ok"
    assert list(memory.settled.values()) == ["2026-11-25"]
    n_asked = len(found.asked)
    assert status(GeocodeRule(ok_score_same_street=0.75, ok_score=0.9)) == "review"
    assert len(found.asked) == n_asked


def test_a_failed_question_is_not_settled(script: Script) -> None:
    script.answers = [found(FEATURE), BROKEN]
    memory = Memory()
    known = Known(geocoder=Kept(), recall=memory)
    told = geocoding_of(client(script), *rows_of(12, 13), known=known)
    assert told.sites["geocode_status"].tolist() == ["ok", "error"]
    assert len(memory.settled) == 1


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted_server() as script:
        yield script


def found(*features: dict[str, object]) -> Reply:
    return 200, {}, json.dumps({"features": list(features)}).encode()


FEATURE: dict[str, object] = {
    "geometry": {"coordinates": [2.48, 48.9]},
    "properties": {
        "label": PLACE.label,
        "score": 0.95,
        "type": "housenumber",
        "street": "Rue Carnot",
        "housenumber": "12",
        "citycode": "93010",
    },
}
BROKEN: Reply = (502, {}, b"<html>Bad gateway</html>")
HTML: Reply = (200, {}, b"<html>Portail</html>")


def client(script: Script) -> BanGeocoder:
    return BanGeocoder(script.url, rule=RetryRule(n_attempts=1))


def rows_of(*numbers: int) -> list[dict[str, object]]:
    return [{"address": f"{number} rue Carnot", "code_insee": "93010"} for number in numbers]


def test_a_row_the_service_failed_is_asked_again_at_the_end(script: Script) -> None:
    script.answers = [found(FEATURE), BROKEN, found(FEATURE)]
    sites = sites_of(client(script), ROW, {"address": "12 rue Carnot", "commune": "Pantin"}, ROW)
    assert sites["geocode_status"].tolist() == ["ok", "review", "ok"]
    assert [asked.path for asked in script.asked][1:3] == [script.asked[1].path] * 2


def test_equal_texts_of_different_rows_are_asked_once(script: Script) -> None:
    script.answers = [found(FEATURE)]
    sites = sites_of(client(script), ROW, {"address": "12 rue Carnot 93140 Bondy"})
    assert sites["geocode_status"].tolist() == ["ok", "ok"]
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (BROKEN, "SERVICE_ERROR"),
        ((400, {}, b"{}"), "SERVICE_ERROR"),
        (HTML, "BAD_RESPONSE"),
        (found({"properties": {"label": "x"}}), "BAD_RESPONSE"),
        (found(FEATURE | {"geometry": {"coordinates": [math.nan, 1]}}), "BAD_RESPONSE"),
    ],
)
def test_a_failed_row_is_an_error_never_not_found(
    script: Script, answer: Reply, reason: str
) -> None:
    script.answers = [found(FEATURE), answer]
    sites = sites_of(client(script), *rows_of(12, 13))
    assert sites["geocode_status"].tolist() == ["ok", "error"]
    assert sites["geocode_reason"].tolist() == ["MATCHED", reason]
    assert sites.geometry.notna().tolist() == [True, False]


def test_after_five_failures_in_a_row_the_service_is_left_alone(script: Script) -> None:
    script.answers = [found(FEATURE), BROKEN]
    sites = sites_of(client(script), *rows_of(*range(12, 30)))
    assert sites["geocode_status"].tolist() == ["ok"] + ["error"] * 17
    assert len(script.asked) == 1 + 5 + 1  # and the probe


def test_a_service_that_never_answered_stops_the_run(script: Script) -> None:
    script.answers = [BROKEN]
    with pytest.raises(SourceUnavailable, match="HTTP 502"):
        sites_of(client(script), *rows_of(1, 2))
    script.answers = [(429, {"Retry-After": "900"}, b"")]
    with pytest.raises(RateLimited, match="trop de demandes"):
        sites_of(client(script), *rows_of(1, 2))


def test_a_service_that_is_not_there_stops_the_run_at_once() -> None:
    with scripted_server() as script:
        geocoder = client(script)
    with pytest.raises(SourceUnavailable, match="--geocoder none"):
        sites_of(geocoder, *rows_of(*range(12, 30)))


def test_no_other_column_leaves_the_computer(script: Script) -> None:
    script.answers = [found()]
    row = {"label": "CANARY", "address": "12 rue Carnot", "commune": "Bondy", "lon": None}
    sites_of(client(script), row | {"code_postal": "93140"})
    for asked in script.asked:
        assert set(parse_qs(urlsplit(asked.path).query)) <= {
            *("q", "limit", "autocomplete", "citycode", "type")
        }
        assert "CANARY" not in asked.path + str(asked.headers)
