"""Streets read around some places give the walks that all streets give."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import pbf_blocks
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.access import Accessibility, AccessRule, CategoryInfo, accessibility
from siting.crs import geodesic_m
from siting.sources import osm_clip, pbf_scan
from siting.sources.osm_file import OsmExtract, read_osm
from siting.study import sample
from siting.study.ground import Ground, ground_of_files, surroundings
from siting.taxonomy import read_taxonomy
from siting.walkers import walk_profile
from siting.ways import Ways

TAXONOMY = read_taxonomy()
MONACO = sample().osm
CATEGORIES = {
    one.id: CategoryInfo(families=";".join(one.families), is_reliably_mapped=one.mapping == "good")
    for one in TAXONOMY.categories
}
ABOUT_1_M = 1e-5  # degrees of latitude


def sites_at(*places: tuple[float, float]) -> gpd.GeoDataFrame:
    names = pd.Index([f"s{at}" for at in range(len(places))], name="site_id")
    geometry = gpd.points_from_xy(*zip(*places, strict=True))
    return gpd.GeoDataFrame({"label": names}, geometry=geometry, crs=4326, index=names)


def rule_of(walker: str, cutoff_min: float) -> AccessRule:
    return AccessRule(profile=walk_profile(walker), cutoff_min=cutoff_min, reach_min=(1,))


def measured(ground: Ground, sites: gpd.GeoDataFrame, rule: AccessRule) -> Accessibility:
    return accessibility(sites, ground.services, ground.network, categories=CATEGORIES, rule=rule)


def clipped(path: Path, sites: gpd.GeoDataFrame, rule: AccessRule) -> Ground:
    longest_m = rule.limits.searched_m + rule.snap_limit_m
    within = surroundings(sites, radius_m=longest_m)
    return ground_of_files([path], taxonomy=TAXONOMY, within=within)


def assert_same_access(one: Accessibility, other: Accessibility) -> None:
    """Lengths are differences of sums over all streets: equal to a millionth of a metre."""
    pd.testing.assert_frame_equal(one.access, other.access, rtol=0, atol=1e-6)
    pd.testing.assert_frame_equal(one.reach, other.reach)


@pytest.fixture(scope="module")
def whole() -> Ground:
    return ground_of_files([MONACO], taxonomy=TAXONOMY)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Monaco is 3 km long: with the usual margin nothing of it would be left out."""
    monkeypatch.setattr(osm_clip, "BEYOND_M", 520.0)  # still more than a tiny island


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    ("walker", "cutoff_min", "places"),
    [
        ("senior", 1.0, [(7.4130, 43.7290)]),
        ("fauteuil", 2.0, [(7.4130, 43.7290), (7.4385, 43.7515)]),  # discs that are far apart
        ("canne", 3.0, [(7.4385, 43.7515), (7.4300, 43.7450)]),
        ("standard", 1.0, [(7.4197, 43.7312), (7.5000, 43.8000), (7.4130, 43.7350)]),  # one is out
    ],
)
def test_sites_have_the_same_access(
    whole: Ground, walker: str, cutoff_min: float, places: list[tuple[float, float]]
) -> None:
    sites, rule = sites_at(*places), rule_of(walker, cutoff_min)
    part = clipped(MONACO, sites, rule)
    assert part.network.n_edges < 0.8 * whole.network.n_edges
    assert_same_access(measured(part, sites, rule), measured(whole, sites, rule))
    pd.testing.assert_frame_equal(part.services, whole.services)
    assert dict(part.n_broken) == dict(whole.n_broken)
    assert part.network.extent.equals(whole.network.extent)


def test_no_site_anywhere_keeps_one_street_and_all_services() -> None:
    far, rule = sites_at((3.0, 47.0)), rule_of("senior", 5.0)
    part = clipped(MONACO, far, rule)
    assert len(set(part.network.way_id.tolist())) == 1
    access = measured(part, far, rule).access
    assert set(access["access_status"]) == {"off_network"}
    nowhere = ground_of_files([MONACO], taxonomy=TAXONOMY, within=shapely.Polygon())
    assert len(nowhere.services) == len(part.services) > 300


# A world of our own: degrees from a corner of Seine-Saint-Denis, about 74 m and 111 m each 0.001.
WEST, SOUTH = 2.40, 48.90


class World:
    """Nodes and ways, as they are written down."""

    def __init__(self) -> None:
        self.nodes: list[osmium.osm.mutable.Node] = []
        self.ways: list[osmium.osm.mutable.Way] = []

    def node(self, x: float, y: float, **tags: str) -> int:
        place = (WEST + x / 1000, SOUTH + y / 1000)
        number = len(self.nodes) + 1
        self.nodes.append(osmium.osm.mutable.Node(id=number, location=place, tags=tags))
        return number

    def way(self, places: list[tuple[float, float] | int], **tags: str) -> int:
        refs = [one if isinstance(one, int) else self.node(*one) for one in places]
        number = len(self.ways) + 1
        self.ways.append(osmium.osm.mutable.Way(id=number, nodes=refs, tags=tags))
        return number

    def write(self, path: Path) -> Path:
        with osmium.SimpleWriter(path, overwrite=True) as writer:
            for one in self.nodes:
                writer.add_node(one)
            for one in self.ways:
                writer.add_way(one)
        return path


def test_an_area_is_reached_by_its_gate_however_far_the_gate_is(tmp_path: Path) -> None:
    """A long hospital begins 60 m from the site; a street crosses its outline 7 km further."""
    world = World()
    start = world.node(0, 0)
    world.way([start, (0, 1)], highway="residential")
    world.way([start, (100, -1), (100, 2)], highway="residential")
    world.way([(0.8, 0.2), (101, 0.2), (101, 1), (0.8, 1), 6], amenity="hospital", name="Long")
    world.ways[-1].nodes = [*world.ways[-1].nodes[:4], world.ways[-1].nodes[0]]
    path = world.write(tmp_path / "hospital.osm.pbf")
    sites, rule = sites_at((WEST, SOUTH + 0.0005)), rule_of("senior", 5.0)
    full = ground_of_files([path], taxonomy=TAXONOMY)
    part = clipped(path, sites, rule)
    found = measured(part, sites, rule)
    assert_same_access(found, measured(full, sites, rule))
    status = found.access.loc[("s0", "hopital", 1), "access_status"]
    assert status == "beyond_cutoff"  # it is not entered over its wall, 60 m away


@pytest.mark.parametrize("suffix", [".osm.pbf", ".osm"])
def test_what_goes_on_outside_is_beyond_and_what_ends_inside_is_no_path(
    tmp_path: Path, suffix: str
) -> None:
    world = World()
    world.way([(0, 0), (300, 0)], highway="residential")  # 22 km, to the pharmacy
    world.node(300, 0.1, amenity="pharmacy")
    world.way([(0, 2), (8, 2)], highway="residential")  # 590 m, to nowhere
    path = world.write(tmp_path / f"streets{suffix}")
    sites = sites_at((WEST + 0.001, SOUTH + 0.0001), (WEST + 0.001, SOUTH + 0.0021))
    rule = rule_of("senior", 5.0)
    found = measured(clipped(path, sites, rule), sites, rule)
    assert_same_access(found, measured(ground_of_files([path], taxonomy=TAXONOMY), sites, rule))
    status = found.access["access_status"].xs(("pharmacie", 1), level=("category", "rank"))
    assert status.tolist() == ["beyond_cutoff", "no_path"]


def test_a_street_without_a_node_in_the_area_is_kept(tmp_path: Path) -> None:
    """A straight one that runs past the site, its two ends 11 km away; it is not cut."""
    world = World()
    world.way([(-150, 0), (150, 0)], highway="track")
    world.way([(-150, 100), (150, 100)], highway="track")  # 11 km north
    path = world.write(tmp_path / "tracks.osm.pbf")
    part = clipped(path, sites_at((WEST, SOUTH)), rule_of("senior", 5.0))
    assert part.network.way_id.tolist() == [1]
    assert part.network.length_m[0] == pytest.approx(
        geodesic_m(*(np.array([value]) for value in (WEST - 0.15, SOUTH, WEST + 0.15, SOUTH)))[0]
    )


spots = st.tuples(st.integers(-60, 60), st.integers(-60, 60))
lines = st.lists(spots, min_size=2, max_size=4)


@settings(max_examples=25, deadline=None)
@given(drawn=st.lists(lines, min_size=1, max_size=12), places=st.lists(spots, max_size=3))
def test_ways_are_kept_if_they_touch_and_are_whole(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: list[list[tuple[int, int]]],
    places: list[tuple[int, int]],
) -> None:
    """By every reader; against shapely, one way at a time."""
    folder = tmp_path_factory.mktemp("world")
    world = World()
    for line in drawn:
        world.way([*line], highway="footway")
    discs = [shapely.Point(WEST + x / 1000, SOUTH + y / 1000).buffer(0.01) for x, y in places]
    within = shapely.union_all(np.array(discs, dtype=object))
    read = [
        read_osm([world.write(folder / name)], taxonomy=TAXONOMY, within=within)
        for name in ("world.osm.pbf", "world.osm")
    ]
    every = read_osm([folder / "world.osm"], taxonomy=TAXONOMY)
    for one in read:
        assert one.excerpt is not None
        near = one.excerpt.near
        touching = {
            number
            for number, line in enumerate(drawn, start=1)
            if shapely.LineString(
                [(WEST + x / 1000, SOUTH + y / 1000) for x, y in line]
            ).intersects(near)
        }
        assert set(one.ways.way_id.tolist()) == (touching or {1})
        assert_ways_of(one.ways, every.ways)
        assert one.coverage.equals(every.coverage)
    for name in (field.name for field in fields(Ways) if field.name != "height_m"):
        assert list(getattr(read[0].ways, name)) == list(getattr(read[1].ways, name)), name


def assert_ways_of(some: Ways, every: Ways) -> None:
    """Each way is there as it is among all."""
    at = {way_id: row for row, way_id in enumerate(every.way_id.tolist())}
    for row, way_id in enumerate(some.way_id.tolist()):
        here = slice(some.offset[row], some.offset[row + 1])
        there = slice(every.offset[at[way_id]], every.offset[at[way_id] + 1])
        for name in ("node_id", "lon", "lat"):
            assert getattr(some, name)[here].tolist() == getattr(every, name)[there].tolist()


def assert_same_extract(one: OsmExtract, other: OsmExtract) -> None:
    for name in ("way_id", "offset", "node_id", "lon", "lat", "tags", "marked_node", "marked_tags"):
        assert getattr(one.ways, name).tolist() == getattr(other.ways, name).tolist(), name
    assert one.objects.index.tolist() == other.objects.index.tolist()
    assert dict(one.n_broken) == dict(other.n_broken)


WITHIN = shapely.Point(7.4130, 43.7290).buffer(100 * ABOUT_1_M)


def test_streets_read_in_several_parts_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five blocks of ten parallel streets, every 0.002 degree; the nodes are read five times."""
    path = tmp_path / "blocks.osm.pbf"
    ends = [
        (2 * row + column + 1, 75_000_000 + 20_000 * column, 430_000_000 + 20_000 * row)
        for row in range(50)
        for column in range(2)
    ]
    rows = [(row + 1, (2 * row + 1, 2 * row + 2)) for row in range(50)]
    blocks = [pbf_blocks.streets(rows[first : first + 10]) for first in range(0, 50, 10)]
    path.write_bytes(b"".join([pbf_blocks.header(), pbf_blocks.nodes(ends), *blocks]))
    within = shapely.Point(7.501, 43.05).buffer(0.001)
    usual = read_osm([path], taxonomy=TAXONOMY, within=within)
    # 43.05 is row 25; 1 km and the disc are 0.0101 degree, or 5 rows
    assert usual.ways.way_id.tolist() == list(range(21, 32))
    n_parts = 0
    add_streets = pbf_scan._add_streets

    def counted(*args: object) -> None:
        nonlocal n_parts
        n_parts += 1
        add_streets(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(pbf_scan, "_add_streets", counted)
    monkeypatch.setattr(pbf_scan, "MOST_REFS", 1)  # a part for each block
    assert_same_extract(read_osm([path], taxonomy=TAXONOMY, within=within), usual)
    assert n_parts == 5


def test_both_readers_clip_alike(tmp_path: Path) -> None:
    """An .osm file of the sample is read by libosmium, and clipped when all is known."""
    path = tmp_path / "monaco.osm"
    with osmium.SimpleWriter(path) as writer:
        for item in osmium.FileProcessor(MONACO):
            writer.add(item)
    one = read_osm([MONACO], taxonomy=TAXONOMY, within=WITHIN)
    other = read_osm([path], taxonomy=TAXONOMY, within=WITHIN)
    assert_same_extract(one, other)
    assert one.excerpt is not None
    assert other.excerpt is not None
    assert one.excerpt.near.equals(other.excerpt.near)
    order = [np.lexsort(extract.excerpt.outline.T) for extract in (one, other)]
    assert one.excerpt.outline[order[0]].tolist() == other.excerpt.outline[order[1]].tolist()


def test_an_outline_of_many_streets_is_thinned_to_a_hundred_metres(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(osm_clip, "_THINNED_FROM", 1000)
    usual = read_osm([MONACO], taxonomy=TAXONOMY)
    outline = osm_clip.Outline()
    places = np.column_stack([usual.ways.lon, usual.ways.lat])
    for part in np.array_split(places, 10):
        outline.add(part)
    kept = outline.places()
    assert len(kept) < len(places) / 5
    assert {tuple(place) for place in kept} <= {tuple(place) for place in places}
    gap = shapely.distance(shapely.points(places), shapely.MultiPoint(kept))
    assert gap.max() < 0.0015  # the diagonal of a cell


def test_where_no_street_goes_on_outside_statuses_are_as_ever(whole: Ground) -> None:
    sites, rule = sites_at((7.4130, 43.7290)), rule_of("senior", 1.0)
    assert whole.network.near is None
    everywhere = replace(whole.network, near=shapely.box(0, 40, 10, 50))
    one = accessibility(sites, whole.services, everywhere, categories=CATEGORIES, rule=rule)
    assert_same_access(one, measured(whole, sites, rule))


def test_an_answer_of_overpass_is_clipped_too(tmp_path: Path) -> None:
    """Two streets 1.1 degrees apart, and a bakery beside the far one."""
    nodes = [
        {"type": "node", "id": at, "lon": 2.4 + 0.001 * at, "lat": 48.9 if at < 3 else 50.0}
        for at in range(1, 5)
    ]
    nodes[3]["tags"] = {"shop": "bakery"}
    ways = [
        {"type": "way", "id": at, "nodes": [2 * at - 1, 2 * at], "tags": {"highway": "path"}}
        for at in (1, 2)
    ]
    path = tmp_path / "answer.json"
    path.write_text(json.dumps({"elements": nodes + ways}), encoding="utf-8")
    extract = read_osm([path], taxonomy=TAXONOMY, within=shapely.Point(2.4, 48.9))
    assert extract.ways.way_id.tolist() == [1]
    assert extract.objects.index.tolist() == ["node/4"]
    assert extract.excerpt is not None
    assert len(extract.excerpt.outline) == 4
