"""Reading OpenStreetMap files: what is kept, what is counted broken, what is refused."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import numpy as np
import osmium
import pytest
import shapely
from independent import SplitGraph

from siting.access import AccessRule, CategoryInfo, accessibility
from siting.errors import DataError
from siting.network import is_walkable, walk_network
from siting.services import services_from_osm
from siting.sources.osm_file import OsmExtract, read_osm
from siting.tables import SITES
from siting.targets import service_groups
from siting.taxonomy import read_taxonomy
from siting.walkers import walk_profile

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
    """Read walkable ways without the reader of the package (files without missing nodes)."""
    positions = {n.id: (n.lon, n.lat) for n in osmium.FileProcessor(path) if n.is_node()}
    streets: dict[int, list[tuple[int, float, float]]] = {}
    for item in osmium.FileProcessor(path):
        if item.is_way() and is_walkable(dict(item.tags)):
            runs: list[list[tuple[int, float, float]]] = [[]]
            for ref in (n.ref for n in item.nodes):
                if ref in positions:
                    runs[-1].append((ref, *positions[ref]))
                elif runs[-1]:
                    runs.append([])
            streets |= {1000 * item.id + i: run for i, run in enumerate(runs) if len(run) > 1}
    return streets


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

    other = SplitGraph(_streets(path))
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
