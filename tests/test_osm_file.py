"""Reading OpenStreetMap files: what is kept, what is counted broken, what is refused."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Iterator
from dataclasses import fields
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import osmium
import pytest
import shapely
from independent import SplitGraph

from siting.access import AccessRule, CategoryInfo, accessibility
from siting.errors import DataError
from siting.network import walk_network
from siting.services import services_from_osm
from siting.sources.osm_file import OsmExtract, read_osm
from siting.tables import SITES
from siting.targets import service_groups
from siting.taxonomy import read_taxonomy
from siting.walkable import is_closed_node, is_ferry, is_walkable
from siting.walkers import walk_profile
from siting.ways import Ways

ROOT = Path(__file__).parents[1]
MONACO = ROOT / "data" / "sample" / "monaco.osm.pbf"
REAL_TOWNS = ROOT.parent / "shared" / "data" / "osm"
TAXONOMY = read_taxonomy()

TOWN = """<?xml version="1.0" encoding="UTF-8"?>
<osm version="0.6" generator="test"><meta osm_base="2026-01-31T00:00:00Z"/>
<bounds minlat="48.89" minlon="2.47" maxlat="48.91" maxlon="2.49"/>
{body}
</osm>"""
NODE = (
    '<node id="{id}" lat="{lat}" lon="{lon}" version="1" timestamp="2025-06-01T10:00:00Z">'
    "{tags}</node>"
)
STREET = (
    '<way id="1" version="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="residential"/></way>'
)


def tag(**tags: str) -> str:
    return "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())


def node(number: int, lon: float, lat: float, **tags: str) -> str:
    return NODE.format(id=number, lon=lon, lat=lat, tags=tag(**tags))


def way(number: int, nodes: list[int], **tags: str) -> str:
    refs = "".join(f'<nd ref="{ref}"/>' for ref in nodes)
    return f'<way id="{number}" version="1">{refs}{tag(**tags)}</way>'


ENDS = node(1, 2.480, 48.900) + node(2, 2.481, 48.900)


def read(tmp_path: Path, body: str, name: str = "town.osm") -> OsmExtract:
    path = tmp_path / name
    path.write_text(TOWN.format(body=body), encoding="utf-8")
    return read_osm([path], taxonomy=TAXONOMY)


def test_a_street_and_a_bakery(tmp_path: Path) -> None:
    extract = read(tmp_path, ENDS + node(3, 2.4805, 48.9001, shop="bakery", name="Au Blé") + STREET)
    assert extract.ways.way_id.tolist() == [1]
    assert extract.ways.node_id.tolist() == [1, 2]
    assert extract.objects.index.tolist() == ["node/3"]
    assert extract.objects.loc["node/3", "tags"] == {"shop": "bakery", "name": "Au Blé"}
    assert extract.objects.loc["node/3", "observed_on"] == "2025-06-01"
    assert extract.objects.geometry.iloc[0].coords[0] == (2.4805, 48.9001)
    assert extract.coverage.bounds == (2.47, 48.89, 2.49, 48.91)
    assert extract.provenance[0].data_timestamp == "2026-01-31T00:00:00Z"
    assert extract.provenance[0].licence == "ODbL 1.0"
    assert extract.n_broken == {}


def test_ways_may_come_before_their_nodes(tmp_path: Path) -> None:
    assert read(tmp_path, STREET + ENDS).ways.lon.tolist() == [2.480, 2.481]


def test_every_format_reads_the_same(tmp_path: Path) -> None:
    plain = read(tmp_path, ENDS + STREET + node(3, 2.4805, 48.9001, shop="bakery"))
    text = (tmp_path / "town.osm").read_bytes()
    (tmp_path / "town.osm.gz").write_bytes(gzip.compress(text))
    (tmp_path / "town.osm.bz2").write_bytes(bz2.compress(text))
    with osmium.SimpleWriter(tmp_path / "town.osm.pbf") as writer:
        for item in osmium.FileProcessor(tmp_path / "town.osm"):
            writer.add(item)
    for name in ("town.osm.gz", "town.osm.bz2", "town.osm.pbf"):
        other = read_osm([tmp_path / name], taxonomy=TAXONOMY)
        assert other.ways.lon.tolist() == plain.ways.lon.tolist()
        assert other.objects["tags"].tolist() == plain.objects["tags"].tolist()


def test_what_would_be_a_service_and_is_none_is_told_apart(tmp_path: Path) -> None:
    square = "".join(
        node(30 + at, 2.48 + x / 1000, 48.9 + y / 1000)
        for at, (x, y) in enumerate([(0, 0), (1, 0), (1, 1), (0, 1)])
    )
    members = '<member type="way" ref="9" role="outer"/>'
    mall = tag(type="multipolygon", **{"disused:shop": "supermarket"})
    body = "".join(
        [
            *(ENDS, STREET, square, way(9, [30, 31, 32, 33, 30])),
            node(10, 2.48, 48.9, **{"disused:shop": "bakery", "name": "Au Blé"}),
            node(11, 2.48, 48.9, **{"construction:amenity": "pharmacy"}),
            node(12, 2.48, 48.9, shop="vacant"),
            node(13, 2.48, 48.9, **{"shop": "vacant", "was:shop": "butcher"}),
            node(14, 2.48, 48.9, amenity="library", access="private"),
            node(15, 2.48, 48.9, shop="bakery", opening_hours="off"),
            node(16, 2.48, 48.9, **{"shop": "bakery", "disused:amenity": "bank"}),  # a bakery
            node(17, 2.48, 48.9, **{"disused:shop": "yes"}),  # would be no service
            node(18, 2.48, 48.9, amenity="parking", access="private"),  # nor this
            way(8, [30, 31, 32, 33, 30], **{"abandoned:amenity": "school", "building": "yes"}),
            f'<relation id="1" version="1">{members}{mall}</relation>',
            f'<relation id="2" version="1">{members.replace("9", "99")}{mall}</relation>',
        ]
    )
    extract = read(tmp_path, body)
    assert extract.objects.index.tolist() == ["node/16"]
    assert {osm_id: (one.kind, one.category) for osm_id, one in extract.excluded.items()} == {
        "node/10": ("closed", "boulangerie"),
        "node/11": ("planned", "pharmacie"),
        "node/12": ("vacant", ""),
        "node/13": ("closed", "boucherie"),
        "node/14": ("private", "bibliotheque"),
        "node/15": ("closed", "boulangerie"),
        "way/8": ("closed", "ecole"),
        "relation/1": ("closed", "supermarche"),  # relation/2 is nowhere in the file
    }
    assert extract.n_broken == {}
    with osmium.SimpleWriter(tmp_path / "town.osm.pbf") as writer:
        for item in osmium.FileProcessor(tmp_path / "town.osm"):
            writer.add(item)
    assert read_osm([tmp_path / "town.osm.pbf"], taxonomy=TAXONOMY).excluded == extract.excluded


def test_a_way_is_cut_at_a_missing_node(tmp_path: Path) -> None:
    extra = node(4, 2.483, 48.9) + node(5, 2.484, 48.9)
    extract = read(tmp_path, ENDS + extra + way(1, [1, 2, 77, 4, 5], highway="path"))
    # two pieces, and no street across the gap
    assert extract.ways.way_id.tolist() == [1, 1]
    assert np.diff(extract.ways.offset).tolist() == [2, 2]
    assert extract.n_broken == {"voies dont des nœuds manquent": 1}


def test_broken_objects_are_counted_and_do_not_stop(tmp_path: Path) -> None:
    body = (
        ENDS
        + STREET
        + way(2, [1], highway="path")
        + way(3, [88, 89], shop="bakery")
        + '<relation id="1"><member type="way" ref="55" role="outer"/>'
        + tag(type="multipolygon", amenity="hospital")
        + "</relation>"
    )
    extract = read(tmp_path, body)
    assert extract.objects.empty
    assert extract.n_broken == {
        "relations dont des membres manquent": 1,
        "relations sans aucune position": 1,
        "voies d'un seul nœud": 1,
        "voies dont des nœuds manquent": 1,
    }


def square(first: int, west: float, south: float) -> str:
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
    return "".join(
        node(first + i, west + dx / 1000, south + dy / 1000) for i, (dx, dy) in enumerate(corners)
    )


def test_an_area_and_its_entrances(tmp_path: Path) -> None:
    body = (
        square(10, 2.48, 48.90)
        + node(20, 2.4805, 48.90, entrance="main")
        + node(21, 2.4805, 48.901, entrance="emergency")
        + way(5, [10, 20, 11, 12, 21, 13, 10], amenity="hospital")
        + ENDS
        + STREET
    )
    extract = read(tmp_path, body)
    row = extract.objects.loc["way/5"]
    assert row.geometry.geom_type == "Polygon"
    assert [point.coords[0] for point in row["entrances"].geoms] == [(2.4805, 48.90)]


def test_a_multipolygon_of_two_halves(tmp_path: Path) -> None:
    body = (
        square(10, 2.48, 48.90)
        + way(5, [10, 11, 12])
        + way(6, [12, 13, 10])
        + '<relation id="7"><member type="way" ref="5" role="outer"/>'
        + '<member type="way" ref="6" role="outer"/>'
        + tag(type="multipolygon", amenity="hospital")
        + "</relation>"
    )
    shape = read(tmp_path, body + ENDS + STREET).objects.geometry["relation/7"]
    assert shape.equals(shapely.box(2.48, 48.90, 2.481, 48.901))


def test_half_a_multipolygon_keeps_its_known_outline(tmp_path: Path) -> None:
    body = (
        square(10, 2.48, 48.90)
        + way(5, [10, 11, 12])
        + '<relation id="7"><member type="way" ref="5" role="outer"/>'
        + '<member type="way" ref="6" role="outer"/>'
        + tag(type="multipolygon", amenity="hospital")
        + "</relation>"
    )
    extract = read(tmp_path, body + ENDS + STREET)
    assert extract.objects.geometry["relation/7"].geom_type == "MultiLineString"
    assert extract.n_broken == {"relations dont des membres manquent": 1}


def test_two_files_with_a_common_part(tmp_path: Path) -> None:
    read(tmp_path, ENDS + STREET + node(3, 2.4805, 48.9001, shop="bakery"), "a.osm")
    read(tmp_path, ENDS + STREET + node(4, 2.4806, 48.9001, shop="bakery"), "b.osm")
    both = read_osm([tmp_path / "a.osm", tmp_path / "b.osm"], taxonomy=TAXONOMY)
    assert both.ways.way_id.tolist() == [1]
    assert both.objects.index.tolist() == ["node/3", "node/4"]
    assert len(both.provenance) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.osm.pbf", MONACO.read_bytes()[:200_000]),
        ("empty.osm.pbf", b""),
        ("page.osm.pbf", b"<html><body>404</body></html>"),
        ("random.osm.pbf", bytes(range(256)) * 64),
        ("empty.osm", b""),
        ("page.osm", b"<html><body>404</body></html>"),
        ("cut.osm", TOWN.format(body=ENDS)[:300].encode()),
        ("wrong.osm", MONACO.read_bytes()[:5000]),
        ("empty.osm.gz", b""),
        ("wrong.osm.gz", b"not gzip"),
        ("empty.osm.bz2", b""),
        ("random.osm.bz2", bytes(range(256))),
    ],
)
def test_a_damaged_file_is_one_clear_message(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"« {name} » est illisible"):
        read_osm([tmp_path / name], taxonomy=TAXONOMY)


def test_a_missing_file_and_another_kind_of_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="n'existe pas"):
        read_osm([tmp_path / "none.osm"], taxonomy=TAXONOMY)
    with pytest.raises(DataError, match="n'est pas un fichier OpenStreetMap"):
        read_osm([tmp_path / "projets.csv"], taxonomy=TAXONOMY)


def _streets(path: Path) -> dict[int, list[tuple[int, float, float]]]:
    """Read what is walked without the reader of the package; ferries are not."""
    items = list(_copies(path))
    positions = {number: rest for kind, number, _, rest in items if kind == "n"}
    areas = {
        member
        for kind, _, tags, members in items
        if kind == "r" and tags.get("type") == "multipolygon" and is_walkable(tags)
        for member in members
    }
    streets: dict[int, list[tuple[int, float, float]]] = {}
    for kind, number, tags, refs in items:
        follows_area = number in areas and "highway" not in tags
        if kind == "w" and (is_walkable(tags) or follows_area):
            runs: list[list[tuple[int, float, float]]] = [[]]
            for ref in refs:
                if ref in positions:
                    runs[-1].append((ref, *positions[ref]))
                elif runs[-1]:
                    runs.append([])
            drawn = [run for run in runs if len(run) > 1]
            streets |= {1000 * number + i: run for i, run in enumerate(drawn)}
    return streets


def _copies(path: Path) -> Iterator[tuple[str, int, dict[str, str], Any]]:
    for item in osmium.FileProcessor(path):
        kind, tags = item.type_str(), dict(item.tags)
        if kind == "n":
            yield kind, item.id, tags, (item.lon, item.lat)
        elif kind == "w":
            yield kind, item.id, tags, [node.ref for node in item.nodes]
        else:
            yield kind, item.id, tags, [member.ref for member in item.members if member.type == "w"]


def _read_streets(path: Path) -> dict[int, list[tuple[int, float, float]]]:
    """Lay out the ways of the reader as `_streets` does."""
    ways = read_osm([path], taxonomy=TAXONOMY).ways
    streets: dict[int, list[tuple[int, float, float]]] = {}
    for way_id, tags, (start, stop) in zip(
        ways.way_id.tolist(), ways.tags, pairwise(ways.offset), strict=True
    ):
        piece = (ways.node_id[start:stop], ways.lon[start:stop], ways.lat[start:stop])
        if not is_ferry(ways.tag_sets[tags]):
            number = next(n for n in count(1000 * way_id) if n not in streets)
            streets[number] = list(zip(*(values.tolist() for values in piece), strict=True))
    return streets


@pytest.mark.parametrize("name", ["monaco", "redon_centre", "bondy_nord_93"])
def test_streets_of_real_towns_are_read_node_by_node(name: str) -> None:
    path = MONACO if name == "monaco" else REAL_TOWNS / f"{name}.osm"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside this checkout")
    assert _read_streets(path) == _streets(path)


@pytest.mark.parametrize(
    ("path", "box"),
    [
        (MONACO, (7.412, 43.728, 7.440, 43.750)),
        (REAL_TOWNS / "redon_centre.osm", (-2.0920, 47.6470, -2.0810, 47.6525)),
        (REAL_TOWNS / "bondy_nord_93.osm", (2.4785, 48.9070, 2.4905, 48.9125)),
    ],
    ids=["monaco", "redon", "bondy"],
)
def test_real_towns_agree_with_the_other_engine(
    path: Path, box: tuple[float, float, float, float]
) -> None:
    if not path.exists():
        pytest.skip(f"{path.name} is not beside this checkout")
    extract = read_osm([path], taxonomy=TAXONOMY)
    network = walk_network(extract.ways, coverage=extract.coverage)
    services = services_from_osm(extract.objects, TAXONOMY)
    shops = services[services.geometry.geom_type == "Point"]
    rng = np.random.default_rng(93)
    lon, lat = rng.uniform(box[0], box[2], 12), rng.uniform(box[1], box[3], 12)
    sites = SITES.empty().drop(columns="geometry").reindex([f"s{i}" for i in range(12)])
    layer = shapely.points(lon, lat)
    sites = sites.assign(geometry=layer).set_geometry("geometry", crs=4326)
    rule = AccessRule(profile=walk_profile("standard"), cutoff_min=60.0)
    info = CategoryInfo(families="f", is_reliably_mapped=True)
    everything = shops.assign(categories="any")
    access = accessibility(
        sites, everything, network, categories={"any": info}, rule=rule
    ).access.reset_index()

    marks = zip(extract.ways.marked_node, extract.ways.marked_tags, strict=True)
    closed = {int(node) for node, at in marks if is_closed_node(extract.ways.tag_sets[at])}
    other = SplitGraph(_streets(path), closed)
    snap_m = {f"s{i}": other.insert(f"s{i}", (lon[i], lat[i])) for i in range(12)}
    for shop, place in shops.geometry.items():
        snap_m[shop] = other.insert(shop, place.coords[0])
    other.split()
    reached = access[access["access_status"] == "reached"]
    assert len(reached) >= 12
    for site_id, rows in reached.groupby("site_id"):
        walks_m = other.walks_m(site_id)
        best_m: dict[int, float] = {}  # of the platforms of a stop, the nearest
        for shop, stop in zip(shops.index, service_groups(shops), strict=True):
            if shop in walks_m and snap_m[shop] <= 200:
                best_m[stop] = min(walks_m[shop], best_m.get(stop, np.inf))
        near = sorted(best_m.values())
        assert rows["walk_m"].tolist() == pytest.approx(near[: len(rows)], abs=0.05, rel=1e-4)


def test_a_way_cut_by_a_file_is_taken_from_the_file_that_holds_it_whole(tmp_path: Path) -> None:
    street = way(1, [1, 2, 3], highway="residential")
    read(tmp_path, ENDS + street, "west.osm")  # node 3 is not there
    read(tmp_path, ENDS + node(3, 2.482, 48.900) + street, "both.osm")
    for names in (("west.osm", "both.osm"), ("both.osm", "west.osm")):
        extract = read_osm([tmp_path / name for name in names], taxonomy=TAXONOMY)
        assert extract.ways.node_id.tolist() == [1, 2, 3]


def test_a_file_without_a_box_covers_the_hull_of_its_streets(tmp_path: Path) -> None:
    far = node(7, 2.60, 48.90) + node(8, 2.61, 48.90) + node(9, 2.60, 48.91)
    text = TOWN.format(body=far + way(5, [7, 8, 9], highway="path"))
    without_box = "\n".join(line for line in text.splitlines() if "<bounds" not in line)
    (tmp_path / "far.osm").write_text(without_box, encoding="utf-8")
    read(tmp_path, ENDS + STREET, "near.osm")
    paths = [tmp_path / "near.osm", tmp_path / "far.osm"]
    coverage = read_osm(paths, taxonomy=TAXONOMY).coverage
    # a box and a triangle, and nothing between the two
    assert shapely.get_num_geometries(coverage) == 2
    assert not coverage.contains(shapely.Point(2.55, 48.90))


def relation(number: int, members: list[tuple[int, str]], **tags: str) -> str:
    refs = "".join(f'<member type="way" ref="{ref}" role="{role}"/>' for ref, role in members)
    return f'<relation id="{number}" version="1">{refs}{tag(**tags)}</relation>'


def walked(ways: Ways) -> dict[int, dict[str, str]]:
    """Walking tags of each way."""
    sets = [dict(ways.tag_sets[position]) for position in ways.tags]
    return dict(zip(ways.way_id.tolist(), sets, strict=True))


def test_sets_of_tags_that_matter_to_a_walk_are_there_once_and_in_order(tmp_path: Path) -> None:
    body = (
        ENDS
        + way(9, [1, 2], highway="steps", name="Escalier", ramp="no")
        + way(2, [1, 2], highway="path", name="Sentier", lit="yes", surface="dirt")
        + way(3, [2, 1], surface="dirt", highway="path", source="survey")
    )
    ways = read(tmp_path, body).ways
    assert ways.way_id.tolist() == [2, 3, 9]
    assert ways.tag_sets == (
        {"highway": "path", "surface": "dirt"},
        {"highway": "steps", "ramp": "no"},
    )
    assert ways.tags.tolist() == [0, 0, 1]


def test_marked_nodes_are_those_of_streets_in_order(tmp_path: Path) -> None:
    body = (
        node(8, 2.480, 48.900, barrier="gate", access="private", name="Portail")
        + node(4, 2.481, 48.900, kerb="raised", highway="crossing", crossing="zebra")
        + node(5, 2.482, 48.900, highway="crossing")
        + node(6, 2.483, 48.900, barrier="bollard")  # on no street
        + node(7, 2.484, 48.900, barrier="gate", shop="bakery")
        + way(1, [8, 4, 5, 7], highway="footway")
    )
    extract = read(tmp_path, body)
    ways = extract.ways
    assert ways.marked_node.tolist() == [4, 7, 8]
    assert [ways.tag_sets[position] for position in ways.marked_tags] == [
        {"crossing": "zebra", "highway": "crossing", "kerb": "raised"},
        {"barrier": "gate"},
        {"access": "private", "barrier": "gate"},
    ]
    assert len(ways.tag_sets) == 4  # and that of the street; none of the bollard
    assert extract.objects.index.tolist() == ["node/7"]


def test_a_square_is_walked_along_its_outline(tmp_path: Path) -> None:
    body = square(10, 2.48, 48.90) + way(5, [10, 11, 12, 13, 10], highway="pedestrian", area="yes")
    ways = read(tmp_path, body).ways
    assert ways.node_id.tolist() == [10, 11, 12, 13, 10]
    assert walked(ways) == {5: {"area": "yes", "highway": "pedestrian"}}


def test_the_members_of_a_walked_multipolygon_are_walked_with_its_tags(tmp_path: Path) -> None:
    area = {"highway": "pedestrian", "surface": "sett"}
    place = area | {"type": "multipolygon"}
    body = (
        square(10, 2.48, 48.90)
        + square(20, 2.4803, 48.9003)
        + way(4, [10, 11])
        + way(5, [11, 12, 13], barrier="wall")  # a tag of no interest
        + way(6, [20, 21, 22, 23, 20], natural="water")
        + way(7, [13, 10], highway="service")
        + way(8, [12, 10], highway="service", access="no")
        + way(9, [11, 13])  # in a relation that is not walked
        + relation(
            1,
            [(4, "outer"), (5, "outer"), (6, "inner"), (7, "outer"), (8, ""), (99, "outer")],
            **place | {"name": "Place"},
        )
        + relation(2, [(9, "outer")], type="multipolygon", highway="pedestrian", access="private")
        + relation(3, [(9, "outer")], type="boundary", highway="pedestrian")
        + relation(4, [(4, "outer")], type="multipolygon", highway="corridor")
    )
    extract = read(tmp_path, body)
    assert walked(extract.ways) == {4: area, 5: area, 6: area, 7: {"highway": "service"}}
    assert extract.ways.node_id[:2].tolist() == [10, 11]
    assert extract.n_broken == {"relations dont des membres manquent": 1}  # way 99


def test_a_walked_multipolygon_may_be_a_service_too(tmp_path: Path) -> None:
    body = (
        square(10, 2.48, 48.90)
        + way(5, [10, 11, 12, 13, 10])
        + relation(
            7, [(5, "outer")], type="multipolygon", highway="pedestrian", amenity="marketplace"
        )
    )
    extract = read(tmp_path, body)
    assert extract.ways.way_id.tolist() == [5]
    assert extract.objects.geometry["relation/7"].equals(shapely.box(2.48, 48.90, 2.481, 48.901))


def test_ferries_are_there_but_not_in_the_hull_of_streets(tmp_path: Path) -> None:
    far = node(3, 2.9, 48.9)
    body = ENDS + far + STREET + way(2, [2, 3], route="ferry") + way(3, [2, 3], route="bus")
    text = TOWN.format(body=body)
    without_box = "\n".join(line for line in text.splitlines() if "<bounds" not in line)
    (tmp_path / "port.osm").write_text(without_box, encoding="utf-8")
    extract = read_osm([tmp_path / "port.osm"], taxonomy=TAXONOMY)
    assert walked(extract.ways) == {1: {"highway": "residential"}, 2: {"route": "ferry"}}
    assert extract.coverage.bounds == (2.480, 48.900, 2.481, 48.900)
    closed = way(2, [2, 3], route="ferry", foot="no")
    assert read(tmp_path, ENDS + far + STREET + closed).ways.way_id.tolist() == [1]


def test_the_order_of_files_and_of_objects_changes_nothing(tmp_path: Path) -> None:
    west = [
        node(1, 2.480, 48.900, barrier="gate"),
        node(2, 2.481, 48.900, kerb="flush"),
        way(5, [1, 2], highway="steps"),
        way(3, [2, 1], highway="path", surface="dirt"),
    ]
    east = [
        node(2, 2.481, 48.900, kerb="flush"),
        node(3, 2.482, 48.900, barrier="stile"),
        way(4, [2, 3], highway="footway"),
        way(9, [3, 2], route="ferry"),
        way(3, [2, 1], highway="path", surface="dirt"),  # node 1 is not in this file
    ]
    read(tmp_path, "".join(west), "west.osm")
    read(tmp_path, "".join(east), "east.osm")
    read(tmp_path, "".join(reversed(west)), "west_back.osm")
    read(tmp_path, "".join(reversed(east)), "east_back.osm")
    results = [
        read_osm([tmp_path / f"{name}.osm" for name in names], taxonomy=TAXONOMY).ways
        for names in (("west", "east"), ("east", "west"), ("east_back", "west_back"))
    ]
    assert results[0].way_id.tolist() == [3, 4, 5, 9]
    assert results[0].marked_node.tolist() == [1, 2, 3]
    for other in results[1:]:
        for name in (field.name for field in fields(Ways) if field.name != "height_m"):
            assert list(getattr(results[0], name)) == list(getattr(other, name)), name


def test_a_way_that_a_file_holds_twice_is_there_once(tmp_path: Path) -> None:
    both = way(1, [1, 2], highway="path") + way(1, [2, 1], highway="path")
    assert read(tmp_path, ENDS + both).ways.node_id.tolist() == [2, 1]


def test_nodes_that_follow_at_the_same_place_are_kept(tmp_path: Path) -> None:
    body = ENDS + node(3, 2.481, 48.900) + way(1, [1, 2, 2, 3], highway="path")
    assert read(tmp_path, body).ways.node_id.tolist() == [1, 2, 2, 3]


def test_identifiers_of_nodes_are_read_to_the_last_digit(tmp_path: Path) -> None:
    big = 2**53 + 1  # what no float can hold
    body = node(big, 2.480, 48.900) + node(3, 2.481, 48.900) + way(1, [big, 3], highway="path")
    assert read(tmp_path, body).ways.node_id.tolist() == [big, 3]


def test_deleted_objects_are_not_there(tmp_path: Path) -> None:
    gone = (
        node(3, 2.4805, 48.9, shop="bakery")
        + way(2, [1, 2], highway="path")
        + relation(7, [(1, "")], type="multipolygon", amenity="hospital")
    ).replace(' version="1"', ' version="1" visible="false"')
    extract = read(tmp_path, ENDS + STREET + gone)
    assert extract.ways.way_id.tolist() == [1]
    assert extract.objects.empty


def test_a_site_made_of_nodes_is_where_they_are_even_in_a_file_without_any_way(
    tmp_path: Path,
) -> None:
    body = (
        node(900_000, 2.481, 48.900)
        + node(5, 2.480, 48.900)
        + '<relation id="7"><member type="node" ref="5"/><member type="node" ref="900000"/>'
        + '<member type="node" ref="6"/>'
        + tag(type="site", amenity="hospital")
        + "</relation>"
    )
    extract = read(tmp_path, body)
    assert shapely.get_coordinates(extract.objects.geometry["relation/7"]).tolist() == [
        [2.480, 48.900],
        [2.481, 48.900],
    ]
    assert len(extract.ways.way_id) == 0
    assert extract.ways.offset.tolist() == [0]


def test_a_broken_way_that_is_used_twice_is_counted_once(tmp_path: Path) -> None:
    body = (
        ENDS
        + way(5, [1, 2, 77], highway="path")
        + relation(7, [(5, "outer")], type="multipolygon", amenity="hospital")
    )
    assert read(tmp_path, body).n_broken == {"voies dont des nœuds manquent": 1}


def test_a_place_that_is_not_a_number_is_a_message(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"« town\.osm » est illisible"):
        read(tmp_path, ENDS.replace('lat="48.9"', 'lat="nord"') + STREET)
    outside = ENDS.replace('lat="48.9"', 'lat="91"', 1)  # a number, but no latitude
    assert read(tmp_path, outside + STREET).n_broken == {"voies dont des nœuds manquent": 1}


def test_no_file_is_no_street() -> None:
    extract = read_osm([], taxonomy=TAXONOMY)
    assert len(extract.ways.way_id) == 0
    assert extract.objects.empty
