"""The walking network: what is walked, edges, lengths, snapping."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from conftest import at, bare_ways, village_streets, ways
from pyproj import Geod

from siting.errors import CrsError, NetworkError
from siting.network import WalkNetwork, walk_network
from siting.walkable import is_walkable

LIMIT_M = 200.0


@pytest.mark.parametrize(
    "tags",
    [
        {"highway": "residential"},
        {"highway": "steps"},
        {"highway": "cycleway"},
        {"highway": "trunk"},
        {"highway": "service", "access": "customers"},
        {"highway": "track", "access": "private", "foot": "yes"},
        {"highway": "service", "access": "no", "foot": "designated"},
        {"highway": "primary", "sidewalk": "separate"},
        {"highway": "footway", "foot": "yes"},
        {"highway": "pedestrian", "area": "yes"},
    ],
)
def test_walked(tags: dict[str, str]) -> None:
    assert is_walkable(tags)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"railway": "rail"},
        {"highway": "motorway"},
        {"highway": "motorway_link"},
        {"highway": "construction"},
        {"highway": "proposed"},
        {"highway": "raceway"},
        {"highway": "bus_guideway"},
        {"highway": "trunk", "motorroad": "yes"},
        {"highway": "primary", "foot": "no"},
        {"highway": "primary", "foot": "use_sidepath"},
        {"highway": "service", "access": "private"},
        {"highway": "service", "access": "no", "foot": "destination"},
    ],
)
def test_not_walked(tags: dict[str, str]) -> None:
    assert not is_walkable(tags)


def test_village_is_forty_streets_of_100_m_and_an_island(village: WalkNetwork) -> None:
    # 5 rows and 5 columns of 4 blocks are 40 edges; the island is one more
    assert village.n_edges == 41
    assert village.n_nodes == 27
    assert village.length_m == pytest.approx(100.0, abs=0.01)
    assert len(np.unique(village.component)) == 2
    assert village.crs.to_epsg() == 2154


def test_lengths_are_ellipsoidal_not_projected() -> None:
    # at Bonifacio, Lambert-93 is 2.9 m per km too long
    lon, lat = np.array([9.15, 9.15]), np.array([41.39, 41.40])
    network = walk_network(bare_ways([1], [0, 2], [1, 2], lon.tolist(), lat.tolist()))
    true_m = Geod(ellps="WGS84").inv(lon[0], lat[0], lon[1], lat[1])[2]
    assert network.length_m[0] == pytest.approx(true_m, abs=1e-6)
    assert shapely.length(network.lines(np.array([0]))[0]) - true_m > 2.0


def test_bends_are_not_junctions_and_parallel_ways_stay_apart() -> None:
    network = walk_network(
        ways(
            {
                1: [(1, 0, 0), (2, 50, 30), (3, 100, 0)],
                2: [(1, 0, 0), (4, 50, -80), (3, 100, 0)],
            }
        )
    )
    assert network.n_nodes == 2
    assert sorted(network.length_m) == pytest.approx(
        [2 * np.hypot(50, 30), 2 * np.hypot(50, 80)], abs=0.05
    )


def test_a_segment_shared_by_two_ways_is_one_edge() -> None:
    square = [(2, 100, 0), (1, 0, 0), (3, 0, 100), (4, 100, 100), (2, 100, 0)]
    network = walk_network(ways({7: [(1, 0, 0), (2, 100, 0), (5, 200, 0)], 8: square}))
    # the street, in two pieces; then the square, without the side that the street draws
    assert network.way_id.tolist() == [7, 7, 8]
    assert network.length_m == pytest.approx([100, 100, 300], abs=0.05)


def test_a_way_there_and_back_is_walked_once() -> None:
    there_and_back = [(1, 0, 0), (2, 100, 0), (3, 200, 0), (2, 100, 0), (1, 0, 0)]
    network = walk_network(ways({1: there_and_back}))
    assert network.length_m == pytest.approx([100, 100], abs=0.05)


def test_a_closed_way_alone_is_a_loop() -> None:
    ring = [(1, 0, 0), (2, 100, 0), (3, 100, 100), (4, 0, 100), (1, 0, 0)]
    network = walk_network(ways({1: ring}))
    assert (network.n_nodes, network.n_edges) == (1, 1)
    assert network.length_m == pytest.approx([400.0], abs=0.05)


def test_a_bridge_does_not_touch_the_street_below() -> None:
    network = walk_network(ways({1: [(1, 0, 0), (2, 100, 0)], 2: [(3, 50, -50), (4, 50, 50)]}))
    assert len(np.unique(network.component)) == 2


def test_way_order_does_not_matter() -> None:
    streets = village_streets()
    shuffled = {way: streets[way] for way in sorted(streets, key=lambda way: way % 7)}
    one, other = walk_network(ways(streets)), walk_network(ways(shuffled))
    assert one.way_id.tolist() == other.way_id.tolist()
    assert one.length_m.tolist() == other.length_m.tolist()


def test_no_edge_is_refused() -> None:
    with pytest.raises(NetworkError, match="aucune voie"):
        walk_network(bare_ways([], [0], [], [], []))


def test_a_node_without_coordinates_is_refused() -> None:
    lame = bare_ways([1], [0, 2], [1, 2], [np.nan, 2.5], [48.9, 48.9])
    with pytest.raises(NetworkError, match="coordonnées"):
        walk_network(lame)


def test_two_territories_at_once_are_refused() -> None:
    lon, lat = [2.3, 2.31, 55.5, 55.51], [48.8, 48.8, -21.1, -21.1]
    far = bare_ways([1, 2], [0, 2, 4], [0, 1, 2, 3], lon, lat)
    with pytest.raises(CrsError, match="territoire"):
        walk_network(far)


@pytest.mark.parametrize(
    ("place", "along_m", "snap_m"),
    [((30, 0), 30, 0), ((130, 8), 30, 8), ((200, 240), 40, 0), ((-20, 50), 50, 20)],
)
def test_snaps_onto_the_nearest_edge(
    village: WalkNetwork, place: tuple[float, float], along_m: float, snap_m: float
) -> None:
    lon, lat = np.array([at(*place)]).T
    snaps = village.snap(lon, lat, limit_m=LIMIT_M)
    assert snaps.is_on.all()
    assert snaps.along_m == pytest.approx([along_m], abs=0.02)
    assert snaps.snap_m == pytest.approx([snap_m], abs=0.02)


def test_a_far_point_is_off_the_network_and_its_distance_is_told(village: WalkNetwork) -> None:
    # 250 m west of the first column; 3 km away; nowhere; another continent
    places = [at(-250, 200), at(-3000, 200), (np.nan, np.nan), (55.45, -20.9)]
    lon, lat = np.array(places).T
    snaps = village.snap(lon, lat, limit_m=LIMIT_M)
    assert not snaps.is_on.any()
    assert snaps.snap_m == pytest.approx([250, np.nan, np.nan, np.nan], abs=0.05, nan_ok=True)


def test_position_and_along_are_inverse(village: WalkNetwork) -> None:
    rng = np.random.default_rng(7)
    edge = rng.integers(0, village.n_edges, 200)
    along_m = rng.uniform(0, 1, 200) * village.length_m[edge]
    lon, lat = village.position(edge, along_m)
    snaps = village.snap(lon, lat, limit_m=LIMIT_M)
    assert snaps.snap_m == pytest.approx(0.0, abs=1e-4)
    same = snaps.edge == edge
    assert same.mean() > 0.9  # the others are at a junction, on an edge next to it
    assert snaps.along_m[same] == pytest.approx(along_m[same], abs=1e-3)


def test_a_piece_is_walked_from_one_place_to_the_other() -> None:
    network = walk_network(ways({1: [(1, 0, 0), (2, 100, 0), (3, 100, 100)]}))
    there = network.piece(0, 60.0, 150.0)
    assert there.tolist() == network.piece(0, 150.0, 60.0)[::-1].tolist()
    expected = [at(60, 0), at(100, 0), at(100, 50)]
    assert there == pytest.approx(np.array(expected), abs=1e-7)


def test_depth_inside_of_the_data(village: WalkNetwork) -> None:
    # the hull of the village is its square and the island on top of it
    lon, lat = np.array([at(200, 200), at(390, 200), at(500, 200), (np.nan, np.nan)]).T
    depth_m = village.inside_m(lon, lat)
    assert depth_m[0] == pytest.approx(200, abs=0.5)  # 200 m north of the southern street
    assert depth_m[1] == pytest.approx(10, abs=0.5)
    assert depth_m[2] == 0.0
    assert np.isnan(depth_m[3])


def test_a_box_of_the_whole_world_cuts_nothing() -> None:
    world = shapely.box(-180, -90, 180, 90)
    network = walk_network(ways(village_streets()), coverage=world)
    assert network.inside_m(*np.array([at(200, 200)]).T) == pytest.approx([200.0], abs=0.5)


def test_the_box_of_the_file_cuts_the_extent() -> None:
    west, south = at(-50, -50)
    east, north = at(300, 600)
    box = shapely.box(west, south, east, north)
    network = walk_network(ways(village_streets()), coverage=box)
    depth_m = network.inside_m(*np.array([at(280, 200)]).T)
    assert depth_m == pytest.approx([20.0], abs=0.5)
