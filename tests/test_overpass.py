"""Overpass on loopback: polite, patient within bounds, whole or nothing, dated; P19 to P25."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import numpy as np
import osmium
import osmnx as ox
import pandas as pd
import pytest
import shapely
from fakes.clock import FakeClock
from fakes.faults import (
    BAD_GATEWAY,
    GATEWAY_TIMEOUT,
    PORTAL,
    PORTAL_REDIRECT,
    RESET,
    SERVER_ERROR,
    UNAVAILABLE,
    Fault,
)
from fakes.overpass import (
    BAD_QUERY,
    DISPATCHER,
    FORBIDDEN,
    NOT_ACCEPTABLE,
    OUT_OF_MEMORY,
    TIMED_OUT,
    TOO_MANY,
    FakeOverpass,
    cut_json,
    fake_overpass,
    no_slot_before,
    remarked,
)
from fakes.overpass_ql import run
from fakes.overpass_world import OSM_BASE, Thing, World, document, elements, xml_of
from hypothesis import given, settings
from hypothesis import strategies as st

from siting import __version__
from siting.crs import GEOD
from siting.errors import (
    BadAnswer,
    DataError,
    NotAsked,
    OptionError,
    RateLimited,
    SourceError,
    SourceUnavailable,
)
from siting.network import walk_network
from siting.services import services_from_osm
from siting.sources.endpoints import read_endpoint
from siting.sources.osm_cache import CachedAnswer, OsmCache, key_of
from siting.sources.osm_file import OsmExtract, read_osm
from siting.sources.overpass import (
    OverpassOptions,
    OverpassRule,
    OverpassSession,
    overpass_extract,
)
from siting.sources.overpass_query import Box, boxes_around, question
from siting.taxonomy import read_taxonomy, taxonomy_from_toml

ROOT = Path(__file__).parents[1]
MONACO = ROOT / "data" / "sample" / "monaco.osm.pbf"
TAXONOMY = read_taxonomy()
CONTACT = "habitat@departement.example"
DAY_S = 86_400.0


def node(number: int, lon: float, lat: float, **tags: str) -> Thing:
    edited = "2025-06-01T10:00:00Z" if tags else ""
    return Thing(kind="node", id=number, lon=lon, lat=lat, tags=tags, timestamp=edited)


def way(number: int, *refs: int, **tags: str) -> Thing:
    return Thing(kind="way", id=number, refs=refs, tags=tags, timestamp="2024-05-06T00:00:00Z")


# Two streets, a motorway, a shop, a bench, a library drawn as a way with a door, a square.
VILLAGE = World.of(
    [
        *(node(1, 2.480, 48.900), node(2, 2.490, 48.900, barrier="gate"), node(3, 2.500, 48.900)),
        node(4, 2.490, 48.910),
        *(node(5, 2.4851, 48.9001, shop="bakery"), node(6, 2.4852, 48.9001, amenity="bench")),
        *(node(11, 2.4951, 48.9051), node(12, 2.4961, 48.9051), node(13, 2.4961, 48.9061)),
        node(14, 2.4956, 48.9051, entrance="main"),
        way(1, 1, 2, 3, highway="residential"),
        way(2, 2, 4, highway="footway"),
        way(3, 1, 4, highway="motorway"),
        way(4, 11, 14, 12, 13, 11, amenity="library"),
        way(5, 3, 4),
        way(6, 4, 3),
        Thing(
            kind="relation",
            id=1,
            tags={"type": "multipolygon", "highway": "pedestrian"},
            members=(("way", 5, "outer"), ("way", 6, "outer")),
        ),
    ]
)
AREA = shapely.box(2.475, 48.895, 2.505, 48.915)  # 2.2 x 2.2 km


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def server(clock: FakeClock) -> Iterator[FakeOverpass]:
    with fake_overpass(VILLAGE, clock=clock) as fake:
        yield fake


def fetched(
    server: FakeOverpass,
    area: shapely.Geometry = AREA,
    *,
    cache: OsmCache | None = None,
    rule: OverpassRule | None = None,
    **options: object,
) -> OsmExtract:
    """Fetch an area from this server, in a session that ends with it."""
    chosen = OverpassOptions(**{"url": server.url, "contact": CONTACT, **options})
    session = OverpassSession(chosen, cache=cache, rule=rule, clock=server.control.clock)
    return overpass_extract(area, taxonomy=TAXONOMY, session=session)


def assert_same(one: OsmExtract, other: OsmExtract) -> None:
    for name in ("way_id", "offset", "node_id", "lon", "lat", "tags", "marked_node", "marked_tags"):
        assert getattr(one.ways, name).tolist() == getattr(other.ways, name).tolist(), name
    assert one.ways.tag_sets == other.ways.tag_sets
    columns = [name for name in one.objects.columns if name != "geometry"]
    pd.testing.assert_frame_equal(
        pd.DataFrame(one.objects[columns]), pd.DataFrame(other.objects[columns])
    )
    assert one.objects.geometry.to_wkb().tolist() == other.objects.geometry.to_wkb().tolist()
    assert one.excluded == other.excluded


# --- What comes back --------------------------------------------------------------------------


def test_the_village(server: FakeOverpass) -> None:
    extract = fetched(server)
    assert extract.ways.way_id.tolist() == [1, 2, 5, 6]
    assert extract.objects.index.tolist() == ["node/5", "way/4"]
    assert extract.objects["observed_on"].tolist() == ["2025-06-01", "2024-05-06"]
    assert extract.objects.loc["way/4", "entrances"].geoms[0].coords[0] == (2.4956, 48.9051)
    assert extract.coverage.bounds == pytest.approx(AREA.bounds, abs=1e-9)
    assert extract.n_broken == {}
    (source,) = extract.provenance
    assert source.source == f"OpenStreetMap, par Overpass ({server.url[7:-4]})"
    assert (source.url, source.licence) == (server.url, "ODbL 1.0")
    assert source.data_timestamp == OSM_BASE
    assert source.retrieved_on == "2027-01-15"  # 1.8e9 s after the epoch
    assert (len(source.sha256), source.note) == (64, "")
    (asked,) = server.questions
    assert (asked.method, asked.path) == ("POST", "/api/interpreter")
    assert server.runs[0].settings == {"out": "json", "timeout": "180", "maxsize": "536870912"}


def test_a_town_is_the_same_from_overpass_and_from_a_file(tmp_path: Path) -> None:
    """Same streets and objects, hence the same services and the same network, metre by metre."""
    path = tmp_path / "monaco.osm"
    with osmium.SimpleWriter(path) as writer:
        for item in osmium.FileProcessor(MONACO):
            writer.add(item)
    from_file = read_osm([MONACO], taxonomy=TAXONOMY)
    world = World.from_file(path)
    places = [(one.lon, one.lat) for one in world.things.values() if one.kind == "node"]
    area = shapely.box(*shapely.MultiPoint(places).bounds)
    with fake_overpass(world) as server:
        # Parts of a few km2, of which ways and relations cross the sides.
        rule = OverpassRule(largest_part_km2=area_km2(area) / 3)
        extract = fetched(server, area, rule=rule)
        assert len(server.questions) == 4
    assert_same(extract, from_file)
    assert len(extract.objects) > 100
    services = [services_from_osm(one.objects, TAXONOMY) for one in (from_file, extract)]
    pd.testing.assert_frame_equal(*(pd.DataFrame(one).astype(str) for one in services))
    networks = [walk_network(one.ways, coverage=from_file.coverage) for one in (from_file, extract)]
    np.testing.assert_array_equal(*(network.length_m for network in networks))
    np.testing.assert_array_equal(*(network.u for network in networks))


def area_km2(area: shapely.Geometry) -> float:
    return abs(GEOD.geometry_area_perimeter(area)[0]) / 1e6


def test_osmnx_asks_the_same_server_and_finds_the_same_streets(
    server: FakeOverpass, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another client, with questions of its own, on the ways that both call streets."""
    monkeypatch.setattr(socket, "getaddrinfo", socket.getaddrinfo)  # it puts its own there
    for name, value in {
        "overpass_url": server.url,
        "overpass_rate_limit": False,
        "use_cache": False,
        "doh_url_template": None,
    }.items():
        monkeypatch.setattr(ox.settings, name, value)
    graph = ox.graph_from_polygon(AREA, network_type="walk", simplify=False, retain_all=True)
    extract = fetched(server)
    network = walk_network(extract.ways)
    # 1-2, 2-3 and 2-4 for both; the square, a relation, is not known to osmnx
    theirs = nx.Graph(graph)
    assert sorted(map(sorted, theirs.edges)) == [[1, 2], [2, 3], [2, 4]]
    ours = {
        tuple(sorted((int(network.node_id[a]), int(network.node_id[b])))): float(length)
        for a, b, length in zip(network.u, network.v, network.length_m, strict=True)
    }
    for a, b, data in theirs.edges(data=True):
        # its sphere is 0.3 % smaller than the Earth is here, from west to east
        assert ours[min(a, b), max(a, b)] == pytest.approx(data["length"], rel=0.0031)
    found = ox.features_from_polygon(AREA, tags={"shop": "bakery", "amenity": "library"})
    assert {"/".join(map(str, key)) for key in found.index} == set(extract.objects.index)
    assert len(server.questions) == 3


def test_the_filters_let_through_all_that_the_taxonomy_accepts() -> None:
    things = [
        node(n, 2.48, 48.90, **tags)
        for n, tags in enumerate(
            [
                {"shop": "bakery;pastry"},
                {"shop": "gift; bakery ;x"},
                {"shop": "bakery_supplies"},
                {"shop": "Bakery"},
                {"amenity": "bench"},
                {"railway": "subway_entrance"},
                {"disused:shop": "bakery"},
                {"was:shop": "bench"},
                {"shop": "vacant"},
            ],
            start=1,
        )
    ]
    (box,) = boxes_around(AREA)
    printed = run(question(box, TAXONOMY), World.of(things)).printed
    assert [one["id"] for one in printed] == [1, 2, 6, 7, 9]
    meanings = (TAXONOMY.categories_of, TAXONOMY.entrance_of, TAXONOMY.excluded)
    for one in printed:
        assert any(meaning(one["tags"]) for meaning in meanings)  # type: ignore[arg-type]


def test_values_of_a_users_taxonomy_stay_inside_their_quotes() -> None:
    hostile = 'a"]({});out;.b\\+(c|d)'
    toml = f"""
        family = [{{ id = "f", label = "F" }}]
        [[category]]
        id = "c"
        label = "C"
        families = ["f"]
        selectors = [{{ '{hostile}' = '{hostile}' }}]
    """
    taxonomy = taxonomy_from_toml(toml)
    (box,) = boxes_around(AREA)
    world = World.of([node(1, 2.48, 48.9, **{hostile: hostile}), node(2, 2.48, 48.9, shop="x")])
    asked = run(question(box, taxonomy), world)
    assert [one["id"] for one in asked.printed] == [1]


# --- P23: parts of an area --------------------------------------------------------------------

PLACES = st.tuples(st.integers(0, 60), st.integers(0, 60))
TAGS = st.sampled_from(
    [{"highway": "footway"}, {"shop": "bakery"}, {"amenity": "library"}, {}, {"route": "ferry"}]
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    places = draw(st.lists(PLACES, min_size=2, max_size=12, unique=True))
    node_tags = st.sampled_from([{}, {"shop": "bakery"}, {"barrier": "gate"}, {"entrance": "yes"}])
    things = [
        node(n, 2.48 + x / 1000, 48.9 + y / 1000, **draw(node_tags))
        for n, (x, y) in enumerate(places, start=1)
    ]
    refs = st.lists(st.integers(1, len(places) + 1), min_size=1, max_size=5)
    n_ways = draw(st.integers(0, 6))
    things += [way(n, *draw(refs), **draw(TAGS)) for n in range(1, n_ways + 1)]
    members = st.lists(
        st.tuples(
            st.sampled_from(["way", "node"]), st.integers(1, 7), st.sampled_from(["", "outer"])
        ),
        max_size=4,
    )
    relation_tags = st.sampled_from(
        [
            {"type": "multipolygon", "highway": "pedestrian"},
            {"type": "multipolygon", "amenity": "library"},
            {"type": "site", "shop": "bakery"},
        ]
    )
    things += [
        Thing(kind="relation", id=n, members=tuple(draw(members)), tags=draw(relation_tags))
        for n in range(1, draw(st.integers(0, 4)) + 1)
    ]
    return World.of(things)


@given(worlds(), st.floats(1.0, 40.0))
@settings(max_examples=25, deadline=None)
def test_parts_of_an_area_give_what_the_whole_gives(world: World, largest_km2: float) -> None:
    area = shapely.box(2.475, 48.895, 2.545, 48.965)  # about 40 km2
    with fake_overpass(world, clock=FakeClock()) as server:
        whole = fetched(server, area)
        parts = fetched(server, area, rule=OverpassRule(largest_part_km2=largest_km2))
        assert_same(parts, whole)
        assert parts.coverage.equals(whole.coverage)
        assert dict(parts.n_broken) == dict(whole.n_broken)
        bodies = [one.printed for one in server.runs[1:]]
    keys = [{(one["type"], one["id"]) for one in body} for body in bodies]
    assert set().union(*keys) == {(one["type"], one["id"]) for one in server.runs[0].printed}


def test_boxes_of_an_area_far_and_near() -> None:
    one, near, far = (
        shapely.Point(*place).buffer(0.01) for place in ((2, 48), (2.005, 48), (3, 48))
    )
    assert boxes_around(one) == [Box(19900, 479900, 20100, 480100)]
    assert boxes_around(shapely.MultiPolygon([one, far])) == [
        Box(19900, 479900, 20100, 480100),
        Box(29900, 479900, 30100, 480100),
    ]
    joined = boxes_around(shapely.union_all([one, near, far]))
    assert joined == [Box(19900, 479900, 20150, 480100), Box(29900, 479900, 30100, 480100)]
    # two thousandths of a degree north, sin 48: 0.02 x 111.2 km by 0.02 x 74.4 km
    assert boxes_around(one)[0].km2 == pytest.approx(2.224 * 1.488, rel=1e-3)


def test_a_box_is_cut_across_its_longer_side() -> None:
    wide = Box(20000, 480000, 21000, 480500)  # 7.4 km by 5.6 km
    assert wide.halves() == (Box(20000, 480000, 20500, 480500), Box(20500, 480000, 21000, 480500))
    tall = Box(20000, 480000, 20500, 480500)  # 3.7 km by 5.6 km
    assert tall.halves() == (Box(20000, 480000, 20500, 480250), Box(20000, 480250, 20500, 480500))
    assert sum(part.km2 for part in wide.parts(largest_km2=3)) == pytest.approx(wide.km2)
    assert str(tall) == "48.0000,2.0000,48.0500,2.0500"


@pytest.mark.parametrize(
    "area",
    [
        shapely.Polygon(),
        shapely.Point(2, 48),
        shapely.LineString([(2, 48), (3, 49)]),
        shapely.box(2, 48, 3, 95),
        shapely.box(600_000, 6_800_000, 601_000, 6_801_000),  # Lambert-93
    ],
)
def test_what_is_no_area_is_refused(server: FakeOverpass, area: shapely.Geometry) -> None:
    with pytest.raises(DataError, match="n'est pas une surface en degrés"):
        fetched(server, area)
    assert server.control.asked == []


def test_a_region_is_not_asked_in_boxes(server: FakeOverpass) -> None:
    with pytest.raises(DataError, match=r"trop grande .*\(33092 km²\).*download\.geofabrik\.de"):
        fetched(server, shapely.box(-2, 47, 0, 49))
    assert server.control.asked == []


# --- P19: remarks -----------------------------------------------------------------------------


@pytest.mark.parametrize("remark", [TIMED_OUT, OUT_OF_MEMORY])
@pytest.mark.parametrize("n_elements", [0, 3])
def test_a_remark_lets_the_area_be_asked_in_parts(
    server: FakeOverpass, tmp_path: Path, remark: str, n_elements: int
) -> None:
    whole = fetched(server)
    found = elements(VILLAGE, VILLAGE.things)[:n_elements]
    server.control.order(remarked(remark, *found), on=1)
    extract = fetched(server, cache=OsmCache(tmp_path))
    assert_same(extract, whole)
    assert len(server.questions) == 1 + 3
    # the part is not kept, the two halves are, and they are enough
    assert len(list(tmp_path.glob("*.answer"))) == 2
    again = fetched(server, cache=OsmCache(tmp_path))
    assert_same(again, whole)
    assert len(server.questions) == 1 + 3


def test_a_server_short_of_memory_is_asked_for_less_and_less(server: FakeOverpass) -> None:
    whole = fetched(server)
    n_elements = [len(one.printed) for one in server.runs]
    server.most_elements = n_elements[0] - 4
    assert_same(fetched(server, rule=OverpassRule(smallest_part_km2=0.01)), whole)
    assert len(server.questions) > 1 + 3


def test_a_box_that_always_costs_too_much_is_a_failure(server: FakeOverpass) -> None:
    server.control.order(remarked(TIMED_OUT, *elements(VILLAGE, VILLAGE.things)))
    with pytest.raises(BadAnswer, match=r"même sur 1\.2 km² : « runtime error: Query timed out"):
        fetched(server)
    assert len(server.questions) == 3  # 4.9 km2, then 2.4, then 1.2


def test_a_remark_that_blames_the_server_is_waited_for_and_no_data(
    server: FakeOverpass,
) -> None:
    server.control.order(remarked(DISPATCHER, *elements(VILLAGE, VILLAGE.things)))
    with pytest.raises(SourceUnavailable, match="n'a pas pu finir sa réponse"):
        fetched(server)
    assert len(server.questions) == 6
    server.control.heal()
    assert len(fetched(server).objects) == 2


# --- P20: busy servers, refusals --------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [TOO_MANY, GATEWAY_TIMEOUT, BAD_GATEWAY, UNAVAILABLE, SERVER_ERROR]
)
def test_a_busy_server_is_asked_again_after_thirty_seconds(
    server: FakeOverpass, fault: Fault
) -> None:
    server.control.order(fault, on=1, path="/interpreter")
    assert len(fetched(server).objects) == 2
    first, second = (one.time_s for one in server.questions)
    assert 30 <= second - first < 31


@pytest.mark.parametrize("fault", [TOO_MANY, GATEWAY_TIMEOUT])
def test_tries_are_bounded_in_number_and_in_time(
    server: FakeOverpass, clock: FakeClock, fault: Fault
) -> None:
    server.control.order(fault, path="/interpreter")
    start_s = clock.now_s()
    with pytest.raises((RateLimited, SourceUnavailable), match="--osm FICHIER"):
        fetched(server)
    times = [one.time_s for one in server.questions]
    assert len(times) == 6
    # 30, 60, then 120 each time
    assert np.diff(times) == pytest.approx([30, 60, 120, 120, 120], abs=1)
    assert clock.now_s() - start_s <= 600


def test_no_try_comes_after_the_total_time(server: FakeOverpass, clock: FakeClock) -> None:
    server.control.order(GATEWAY_TIMEOUT)
    with pytest.raises(SourceUnavailable):
        fetched(server, rule=OverpassRule(total_s=100))
    assert len(server.questions) == 3  # at 0, 30 and 90 s
    assert clock.waits == [30, 60]


def test_after_a_refusal_the_server_says_when(server: FakeOverpass) -> None:
    server.control.order(TOO_MANY, on=1, path="/interpreter")
    server.control.order(no_slot_before(200, 45), path="/status")
    assert len(fetched(server).objects) == 2
    first, status, second = (one.time_s for one in server.control.asked)
    assert status - first >= 30
    assert second - status == pytest.approx(46, abs=0.1)


def test_a_turn_that_comes_too_late_is_not_waited_for(server: FakeOverpass) -> None:
    server.control.order(TOO_MANY, path="/interpreter")
    server.control.order(no_slot_before(3600), path="/status")
    with pytest.raises(RateLimited, match="avant 3601 s") as caught:
        fetched(server)
    assert caught.value.retry_after_s == 3601
    assert len(server.questions) == 1


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (BAD_QUERY, r"ne comprend pas la question.*HTTP 400"),
        (FORBIDDEN, r"refuse de répondre à ce réseau.*HTTP 403"),
        (NOT_ACCEPTABLE, r"refuse ce programme.*--contact.*HTTP 406"),
    ],
)
def test_a_refusal_stops_at_once_with_advice(
    server: FakeOverpass, clock: FakeClock, fault: Fault, message: str
) -> None:
    server.control.order(fault)
    with pytest.raises(SourceError, match=message) as caught:
        fetched(server)
    assert "--osm FICHIER" in str(caught.value)
    assert len(server.control.asked) == 1
    assert clock.waits == []


@pytest.mark.parametrize("fault", [PORTAL, PORTAL_REDIRECT])
def test_a_page_is_no_map(server: FakeOverpass, fault: Fault) -> None:
    server.control.order(fault)
    with pytest.raises(BadAnswer):
        fetched(server)
    assert len(server.questions) == 1


@pytest.mark.parametrize(
    "fault", [RESET, cut_json(document(elements(VILLAGE, VILLAGE.things)), 900)]
)
def test_an_answer_that_is_cut_is_asked_once_more(server: FakeOverpass, fault: Fault) -> None:
    server.control.order(fault, on=1)
    assert len(fetched(server).objects) == 2
    server.control.heal()
    server.control.order(fault)
    with pytest.raises(SourceUnavailable):
        fetched(server)
    assert len(server.questions) == 2 + 2


def test_an_answer_without_end_is_not_read_to_its_end(server: FakeOverpass) -> None:
    with pytest.raises(BadAnswer, match="démesurée"):
        fetched(server, rule=OverpassRule(largest_answer_bytes=1000))
    assert len(server.questions) == 1


# --- P21, P22: who asks, one at a time --------------------------------------------------------


def test_the_public_server_is_data_with_licence_limits_and_date() -> None:
    endpoint = read_endpoint("overpass")
    assert endpoint.url == "https://overpass-api.de/api"
    assert endpoint.licence == "ODbL 1.0"
    assert 0 < endpoint.rate_per_s <= endpoint.rate_cap_per_s <= 1
    assert len(endpoint.checked_on) == len("2026-01-31")


def test_a_request_says_who_asks(server: FakeOverpass) -> None:
    fetched(server)
    assert server.questions[0].headers["user-agent"] == f"siting/{__version__} (+{CONTACT})"
    fetched(server, contact="")  # a server of this computer needs to know nobody
    assert server.questions[1].headers["user-agent"] == f"siting/{__version__}"


@pytest.mark.parametrize("url", [None, "https://overpass.example.org/api/interpreter"])
def test_a_public_server_is_not_asked_without_a_contact(url: str | None) -> None:
    nobody = OverpassSession(OverpassOptions(url=url), clock=FakeClock())
    with pytest.raises(OptionError, match=r"--contact, ou dans la variable SITING_CONTACT"):
        overpass_extract(AREA, taxonomy=TAXONOMY, session=nobody)


@pytest.mark.parametrize(
    "contact",
    ["moi", "moi@ici.fr\r\nX-Spoof: 1", "moi @ici.fr", "mél@ici.fr", "a@b.fr)", "@" * 300],
)
def test_a_contact_that_is_none_is_refused(contact: str) -> None:
    with pytest.raises(OptionError, match="n'est pas une adresse où vous joindre"):
        OverpassSession(OverpassOptions(contact=contact))


def test_a_private_server_is_asked_with_the_option_only() -> None:
    options = {"url": "http://overpass.intranet/api", "contact": ""}
    with pytest.raises(OptionError, match="--private-network"):
        OverpassSession(OverpassOptions(**options))  # type: ignore[arg-type]
    OverpassSession(OverpassOptions(**options, is_private_allowed=True))  # type: ignore[arg-type]


def test_runs_that_share_a_folder_ask_one_after_the_other(tmp_path: Path) -> None:
    """Several areas at once, and the same one at once: that one is asked a single time."""
    with fake_overpass(VILLAGE) as server:
        server.pause_s = 0.05
        areas = [shapely.box(2.475, 48.895, 2.505, 48.915 + n / 1000) for n in (0, 0, 0, 1, 2)]
        found: list[OsmExtract] = []

        def ask(area: shapely.Geometry) -> None:
            found.append(fetched(server, area, cache=OsmCache(tmp_path)))

        threads = [threading.Thread(target=ask, args=(area,)) for area in areas]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 5
        assert server.busiest == 1
        assert len(server.questions) == 3


def test_another_run_is_not_waited_for_without_end(
    server: FakeOverpass, clock: FakeClock, tmp_path: Path
) -> None:
    with (
        OsmCache(tmp_path).turn(clock, longest_s=0),
        pytest.raises(SourceUnavailable, match="Un autre siting interroge Overpass"),
    ):
        fetched(server, cache=OsmCache(tmp_path))
    assert server.control.asked == []
    assert len(fetched(server, cache=OsmCache(tmp_path)).objects) == 2


def test_a_mirror_is_asked_when_the_first_is_out_of_order_only(
    server: FakeOverpass, clock: FakeClock
) -> None:
    with fake_overpass(VILLAGE, clock=clock) as mirror:
        fetched(server, mirrors=(mirror.url,))
        assert mirror.control.asked == []
        for refusal, error in ((TOO_MANY, RateLimited), (NOT_ACCEPTABLE, SourceError)):
            server.control.heal()
            server.control.order(refusal)
            with pytest.raises(error):
                fetched(server, mirrors=(mirror.url,))
        assert mirror.control.asked == []
        server.control.heal()
        server.control.order(GATEWAY_TIMEOUT)
        rule = OverpassRule(largest_part_km2=3)
        extract = fetched(server, mirrors=(mirror.url,), rule=rule)
        assert len(extract.objects) == 2
        assert len(mirror.questions) == 2  # once left, the first is not asked again
        assert extract.provenance[0].source.endswith(f"({mirror.url[7:-4]})")
        last_s = max(one.time_s for one in server.control.asked)
        assert min(one.time_s for one in mirror.control.asked) >= last_s


def test_an_unknown_host_is_looked_up_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = []

    def unknown(host: str, *_: object, **__: object) -> None:
        looked_up.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setenv("NO_PROXY", "*")
    options = OverpassOptions(url="https://overpass.example.org/api", contact=CONTACT)
    with pytest.raises(SourceUnavailable, match="connexion impossible"):
        overpass_extract(
            AREA, taxonomy=TAXONOMY, session=OverpassSession(options, clock=FakeClock())
        )
    assert set(looked_up) == {"overpass.example.org"}
    assert socket.getaddrinfo is unknown  # nothing of the process was changed


# --- P24: the cache ---------------------------------------------------------------------------

ENTRY = CachedAnswer(
    question="(node(1,2,3,4););out;",
    host="overpass-api.de",
    retrieved_at="2026-01-31T00:00:00+00:00",
    data_timestamp=OSM_BASE,
    made_with="0.1.0",
    body=b'{"elements": []}',
)
KEY = key_of(ENTRY.question)


def test_an_entry_is_kept_and_found(tmp_path: Path) -> None:
    cache = OsmCache(tmp_path / "made" / "when needed")
    assert cache.find(KEY, ENTRY.question) is None
    cache.keep(KEY, ENTRY)
    assert cache.find(KEY, ENTRY.question) == ENTRY
    (path,) = cache.folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert cache.folder.stat().st_mode & 0o777 == 0o700
    assert cache.notes == []


def test_an_entry_cut_at_any_byte_or_with_any_bit_changed_is_set_aside(tmp_path: Path) -> None:
    cache = OsmCache(tmp_path)
    cache.keep(KEY, ENTRY)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    damaged = [whole[:at] for at in range(len(whole))]
    damaged += [
        whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :]
        for at in range(len(whole))
    ]
    damaged += [whole + b"\n", b"<html></html>", b"null", whole + whole]
    for content in damaged:
        path.write_bytes(content)
        assert cache.find(KEY, ENTRY.question) is None
        assert not path.exists()
        assert path.with_name(f"{path.name}.damaged").read_bytes() == content
    assert re.search("abîmée .* mise de côté", cache.notes[0])


def test_a_damaged_entry_is_asked_again_and_mended(server: FakeOverpass, tmp_path: Path) -> None:
    cache = OsmCache(tmp_path)
    whole = fetched(server, cache=cache)
    (path,) = tmp_path.glob("*.answer")
    for content in (b"", path.read_bytes()[:-1], b"<html></html>"):
        path.write_bytes(content)
        n_before = len(server.questions)
        assert_same(fetched(server, cache=cache), whole)
        assert len(server.questions) == n_before + 1
        assert_same(fetched(server, cache=cache), whole)
        assert len(server.questions) == n_before + 1


def test_an_entry_of_another_question_or_that_is_no_answer_is_set_aside(
    server: FakeOverpass, tmp_path: Path
) -> None:
    cache = OsmCache(tmp_path)
    (box,) = boxes_around(AREA)
    asked = question(box, TAXONOMY)
    key = key_of(asked, own_server=server.url)
    for n_times, entry in enumerate(
        [
            dated("another", body=b'{"elements": []}'),
            dated(asked, body=b"<html></html>"),
            dated(asked, body=json.dumps({"elements": [], "remark": TIMED_OUT}).encode()),
            dated(asked, retrieved_at="yesterday", body=b'{"elements": []}'),
        ],
        start=1,
    ):
        cache.keep(key, entry)
        assert len(fetched(server, cache=cache).objects) == 2
        assert len(server.questions) == n_times


def dated(
    asked: str, *, body: bytes, retrieved_at: str = "2027-01-14T00:00:00+00:00"
) -> CachedAnswer:
    return CachedAnswer(
        question=asked,
        host="overpass-api.de",
        retrieved_at=retrieved_at,
        data_timestamp=OSM_BASE,
        made_with="0.1.0",
        body=body,
    )


def test_a_failure_is_not_kept(server: FakeOverpass, tmp_path: Path) -> None:
    for fault in (remarked(TIMED_OUT), PORTAL, NOT_ACCEPTABLE, GATEWAY_TIMEOUT):
        server.control.heal()
        server.control.order(fault)
        with pytest.raises(SourceError):
            fetched(server, cache=OsmCache(tmp_path))
    assert list(tmp_path.glob("*.answer")) == []


def test_a_folder_that_cannot_be_used_is_said_and_stops_nothing(
    server: FakeOverpass, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = OsmCache(tmp_path / "file")
    assert len(fetched(server, cache=cache).objects) == 2
    assert "ne peuvent pas être gardées" in cache.notes[0]


# --- P25: dates -------------------------------------------------------------------------------


def test_an_answer_is_kept_for_some_days(
    server: FakeOverpass, clock: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = OsmCache(tmp_path)
    first = fetched(server, cache=cache)
    clock.advance(29 * DAY_S)
    kept = fetched(server, cache=cache)
    assert_same(kept, first)
    assert (kept.provenance[0].retrieved_on, kept.provenance[0].note) == ("2027-01-15", "")
    assert kept.provenance[0].sha256 == first.provenance[0].sha256
    assert len(server.questions) == 1
    clock.advance(2 * DAY_S)
    fresh = fetched(server, cache=cache)
    assert len(server.questions) == 2
    assert "date du 2027-01-15, au-delà de la limite de 30 jours" in caplog.text
    assert (fresh.provenance[0].retrieved_on, fresh.provenance[0].note) == ("2027-02-15", "")
    fetched(server, cache=cache, max_age_days=0)
    clock.advance(1000 * DAY_S)
    fetched(server, cache=cache, max_age_days=None)
    assert len(server.questions) == 3


def test_an_entry_says_what_was_asked_when_of_whom(server: FakeOverpass, tmp_path: Path) -> None:
    cache = OsmCache(tmp_path)
    fetched(server, cache=cache)
    (box,) = boxes_around(AREA)
    asked = question(box, TAXONOMY)
    entry = cache.find(key_of(asked, own_server=server.url), asked)
    assert entry is not None
    assert entry.host == server.url[7:-4]
    assert entry.retrieved_at == "2027-01-15T08:16:40+00:00"  # 1.8e9 + 1000 s
    assert (entry.data_timestamp, entry.made_with) == (OSM_BASE, __version__)
    assert entry.question == asked


def test_more_patience_is_the_same_question(server: FakeOverpass, tmp_path: Path) -> None:
    fetched(server, cache=OsmCache(tmp_path))
    fetched(server, cache=OsmCache(tmp_path), rule=OverpassRule(timeout_s=900))
    assert len(server.questions) == 1


def test_a_server_of_ones_own_does_not_answer_for_the_public_one(
    server: FakeOverpass, tmp_path: Path
) -> None:
    fetched(server, cache=OsmCache(tmp_path))
    public = OverpassOptions(contact=CONTACT, is_offline=True)
    with pytest.raises(NotAsked, match="--offline"):
        overpass_extract(
            AREA,
            taxonomy=TAXONOMY,
            session=OverpassSession(public, cache=OsmCache(tmp_path), clock=FakeClock()),
        )


def test_offline_what_was_kept_is_used_whatever_its_age_and_said(
    clock: FakeClock, tmp_path: Path
) -> None:
    cache = OsmCache(tmp_path)
    (box,) = boxes_around(AREA)
    for n, half in enumerate(box.halves()):
        asked = question(half, TAXONOMY)
        body = json.dumps(document(run(asked, VILLAGE).printed)).encode()
        cache.keep(
            key_of(asked), dated(asked, body=body, retrieved_at=f"2026-0{n + 1}-01T00:00:00Z")
        )
    offline = OverpassSession(OverpassOptions(is_offline=True), cache=cache, clock=clock)
    extract = overpass_extract(AREA, taxonomy=TAXONOMY, session=offline)
    assert extract.objects.index.tolist() == ["node/5", "way/4"]
    (source,) = extract.provenance
    assert source.retrieved_on == "2026-01-01"
    assert source.note == (
        "hors ligne : réponses gardées depuis le 2026-01-01 ; au-delà de la limite de 30 jours"
    )


def test_offline_nobody_is_asked_but_a_server_of_this_computer(
    server: FakeOverpass, tmp_path: Path
) -> None:
    offline = OverpassSession(
        OverpassOptions(is_offline=True, contact=CONTACT), cache=OsmCache(tmp_path)
    )
    with pytest.raises(NotAsked, match="n'a pas été gardée"):
        overpass_extract(AREA, taxonomy=TAXONOMY, session=offline)
    assert len(fetched(server, is_offline=True).objects) == 2


def test_an_answer_without_a_date_says_so(server: FakeOverpass) -> None:
    answer = document(elements(VILLAGE, VILLAGE.things, mode="meta"), osm3s={})
    server.control.order(Fault(reply=remarked("").reply), on=())
    server.control.order(Fault(reply=cut_json(answer, 10**6).reply))
    (source,) = fetched(server).provenance
    assert (source.data_timestamp, source.note) == (
        "",
        "une réponse ne dit pas la date de ses données",
    )


def test_an_extract_from_a_file_of_the_same_answer(server: FakeOverpass, tmp_path: Path) -> None:
    """What was printed, written as a .osm file and read by libosmium."""
    extract = fetched(server)
    path = xml_of(document(server.runs[0].printed), tmp_path / "printed.osm")
    assert_same(extract, read_osm([path], taxonomy=TAXONOMY))
