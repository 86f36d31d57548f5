"""The network as walkers walk it: barriers, one-way streets, steps, kerbs, slopes, islands."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from conftest import at, points, village_streets, ways
from hypothesis import given, settings
from hypothesis import strategies as st
from test_access import CATEGORIES, RULE, RUNNER, measured, nearest, services

from siting.access import AccessRule, accessibility, od_matrix
from siting.compiled.searching import NOWHERE
from siting.crs import WGS84
from siting.graph import walk_graph
from siting.grid import ISLAND, MAINLAND, UNUSABLE
from siting.network import WalkNetwork, walk_network
from siting.search import places_of
from siting.tables import OD_MATRIX
from siting.targets import Targets, service_targets
from siting.walkable import directions, is_closed_node
from siting.walkers import walk_profile

STREET = [(1, 0.0, 0.0), (2, 100.0, 0.0), (3, 200.0, 0.0)]
# The same ends joined by a way of 400 m
DETOUR = [(1, 0.0, 0.0), (4, 0.0, 100.0), (5, 200.0, 100.0), (3, 200.0, 0.0)]
GATE = {"barrier": "gate", "access": "private"}
WHEELS = replace(
    RUNNER,
    restrictions=replace(walk_profile("fauteuil").restrictions),
    avoids_unfit=True,
)


def walk_m(
    network: WalkNetwork,
    site: tuple[float, float],
    shop: tuple[float, float],
    rule: AccessRule = RULE,
) -> float:
    return float(
        nearest(measured({"s": site}, services({"node/1": shop}), network, rule), "s")["walk_m"]
    )


# --- the table of what is walked


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, (True, True)),
        ({"oneway": "yes"}, (True, True)),  # for vehicles
        ({"oneway:foot": "yes"}, (True, False)),
        ({"oneway:foot": "-1"}, (False, True)),
        ({"foot:backward": "no"}, (True, False)),
        ({"foot:forward": "no"}, (False, True)),
        ({"highway": "steps", "conveying": "forward"}, (True, False)),
        ({"highway": "steps", "conveying": "backward"}, (False, True)),
        ({"highway": "steps", "conveying": "reversible"}, (True, True)),
    ],
)
def test_directions(tags: dict[str, str], expected: tuple[bool, bool]) -> None:
    assert directions(tags) == expected


@pytest.mark.parametrize(
    ("tags", "is_closed"),
    [
        ({"barrier": "gate"}, False),
        ({"barrier": "gate", "access": "private"}, True),
        ({"barrier": "gate", "access": "no"}, True),
        ({"barrier": "gate", "access": "private", "foot": "yes"}, False),
        ({"barrier": "bollard", "foot": "no"}, True),
        ({"barrier": "gate", "locked": "yes"}, True),
        ({"barrier": "gate", "locked": "yes", "foot": "permissive"}, False),
        ({"access": "private"}, False),  # not a barrier
    ],
)
def test_closed_nodes(tags: dict[str, str], is_closed: bool) -> None:  # noqa: FBT001 - a table
    assert is_closed_node(tags) is is_closed


def test_a_closed_gate_makes_one_go_round() -> None:
    # 160 m straight on; by the other way 20 + 100 + 200 + 100 + 20 m
    open_m = walk_m(walk_network(ways({1: STREET, 2: DETOUR})), (20, 0), (180, 0))
    shut = walk_network(ways({1: STREET, 2: DETOUR}, nodes={2: GATE}))
    assert open_m == pytest.approx(160, abs=0.05)
    assert walk_m(shut, (20, 0), (180, 0)) == pytest.approx(440, abs=0.05)


def test_what_stands_before_a_closed_gate_is_reached_from_its_side_only() -> None:
    street = [(1, -600.0, 0.0), (2, 0.0, 0.0), (3, 600.0, 0.0)]
    network = walk_network(ways({1: street}, nodes={2: GATE}))
    assert walk_m(network, (-80, 0), (-5, 0)) == pytest.approx(75, abs=0.05)
    row = nearest(measured({"s": (-80, 0)}, services({"node/1": (80, 0)}), network), "s")
    assert row["access_status"] == "no_path"


def test_an_open_barrier_changes_no_walk() -> None:
    network = walk_network(ways({1: STREET}, nodes={2: {"barrier": "bollard"}}))
    assert network.n_edges == 2
    assert walk_m(network, (20, 0), (180, 0)) == pytest.approx(160, abs=0.05)


def test_a_one_way_footway_is_walked_one_way() -> None:
    network = walk_network(
        ways({1: STREET, 2: DETOUR}, tags={1: {"highway": "footway", "oneway:foot": "yes"}})
    )
    assert walk_m(network, (20, 0), (180, 0)) == pytest.approx(160, abs=0.05)
    assert walk_m(network, (180, 0), (20, 0)) == pytest.approx(440, abs=0.05)


def test_ferries_are_taken_only_when_asked() -> None:
    over = ways(
        {1: [(1, 0, 0), (2, 100, 0)], 2: [(2, 100, 0), (3, 400, 0)], 3: [(3, 400, 0), (4, 500, 0)]},
        tags={2: {"route": "ferry"}},
    )
    without, with_ferry = walk_network(over), walk_network(over, with_ferries=True)
    assert (without.n_edges, with_ferry.n_edges) == (2, 3)
    row = nearest(measured({"s": (0, 0)}, services({"node/1": (500, 0)}), without), "s")
    assert row["access_status"] == "no_path"
    assert walk_m(with_ferry, (0, 0), (500, 0)) == pytest.approx(500, abs=0.05)


# --- islands


def test_a_tiny_island_is_left_for_a_street_at_most_50_m_further() -> None:
    streets = village_streets()
    streets[60] = [(700, 20.0, 440.0), (701, 80.0, 440.0)]  # 60 m of path, 40 m from a street
    network = walk_network(ways(streets))
    assert sorted(np.unique(network.rank)) == [ISLAND, MAINLAND]
    # 5 m from the path and 35 m from the street; 45 m from the path and 85 m from the street
    lon, lat = np.array([at(50, 435), at(50, 485)]).T
    snaps = network.snap(lon, lat, limit_m=200)
    assert snaps.snap_m == pytest.approx([35, 85], abs=0.05)
    assert (network.rank[snaps.edge] == MAINLAND).all()


def test_an_island_further_from_streets_keeps_its_places(village: WalkNetwork) -> None:
    # the island of the village is 300 m away from it
    lon, lat = np.array([at(50, 690)]).T
    snaps = village.snap(lon, lat, limit_m=400)
    assert snaps.snap_m == pytest.approx([10], abs=0.05)
    assert village.rank[snaps.edge[0]] == ISLAND


def test_500_m_of_street_are_no_tiny_island() -> None:
    streets = {
        1: [(1, 0, 0), (2, 1000, 0)],
        2: [(3, 0, 40), (4, 499, 40)],
        3: [(5, 0, 80), (6, 501, 80)],
    }
    network = walk_network(ways(streets))
    assert network.rank.tolist() == [MAINLAND, ISLAND, MAINLAND]


def test_the_largest_component_is_never_an_island() -> None:
    network = walk_network(ways({1: [(1, 0, 0), (2, 100, 0)], 2: [(3, 0, 50), (4, 60, 50)]}))
    assert network.rank.tolist() == [MAINLAND, ISLAND]


# --- walkers


def test_the_walk_is_shared_out_by_what_is_known_of_it() -> None:
    network = walk_network(
        ways(
            {
                1: [(1, 0, 0), (2, 100, 0)],
                2: [(2, 100, 0), (3, 150, 0)],
                3: [(3, 150, 0), (4, 250, 0)],
            },
            tags={1: {"highway": "footway", "surface": "asphalt"}, 2: {"highway": "steps"}},
        )
    )
    rule = replace(RULE, profile=replace(RUNNER, restrictions=WHEELS.restrictions))
    row = nearest(measured({"s": (20, -5)}, services({"node/1": (230, 8)}), network, rule), "s")
    # 80 m of asphalt, 50 m of steps, 80 m of path nobody described, 5 m and 8 m of connectors
    assert row["fit_m"] == pytest.approx(80, abs=0.05)
    assert row["unfit_m"] == pytest.approx(50, abs=0.05)
    assert row["unknown_m"] == pytest.approx(80 + 5 + 8, abs=0.05)
    assert row[["fit_m", "unfit_m", "unknown_m"]].sum() == pytest.approx(row["walk_m"], abs=1e-9)


def test_wheels_go_round_steps_and_say_what_is_not_known() -> None:
    streets = {1: STREET, 2: DETOUR}
    network = walk_network(ways(streets, tags={1: {"highway": "steps"}}))
    sites, shops = {"s": (0.0, 50.0)}, services({"node/1": (200, 50)})
    lenient = measured(sites, shops, network, replace(RULE, profile=WHEELS))
    strict = measured(sites, shops, network, replace(RULE, profile=WHEELS, is_strict=True))
    # 50 + 200 + 50 m round, instead of 50 + 200 + 50 m by the steps: shops differ below
    assert nearest(lenient, "s")["walk_m"] == pytest.approx(300, abs=0.05)
    assert nearest(lenient, "s")["unknown_m"] == pytest.approx(300, abs=0.05)
    assert nearest(strict, "s")["access_status"] == "no_path"
    # at the bottom of the steps, 200 m along them or 400 m round
    assert walk_m(network, (0, -1), (200, -1), replace(RULE, profile=WHEELS)) == pytest.approx(
        402, abs=0.1
    )


def test_strict_goes_by_what_is_known_to_be_fit() -> None:
    network = walk_network(
        ways({1: STREET, 2: DETOUR}, tags={2: {"highway": "footway", "smoothness": "good"}})
    )
    rule = replace(RULE, profile=WHEELS)
    sites, shops = {"s": (0.0, 50.0)}, services({"node/1": (200, 50)})
    lenient = nearest(measured(sites, shops, network, rule), "s")
    strict = nearest(measured(sites, shops, network, replace(rule, is_strict=True)), "s")
    assert [lenient["walk_m"], strict["walk_m"]] == pytest.approx([300, 300], abs=0.05)
    assert strict["fit_m"] == pytest.approx(300, abs=0.05)


def test_a_raised_kerb_stops_wheels_only() -> None:
    kerb = {"barrier": "kerb", "kerb": "raised"}
    network = walk_network(ways({1: STREET, 2: DETOUR}, nodes={2: kerb}))
    assert walk_m(network, (20, 0), (180, 0)) == pytest.approx(160, abs=0.05)
    assert walk_m(network, (20, 0), (180, 0), replace(RULE, profile=WHEELS)) == pytest.approx(
        440, abs=0.05
    )


def test_the_kerb_of_a_crossing_counts_for_who_crosses() -> None:
    # a street west to east, and a footway that crosses it at node 2, with a raised kerb
    crossing = [(6, 100.0, -10.0), (2, 100.0, 0.0), (7, 100.0, 10.0)]
    network = walk_network(
        ways(
            {1: STREET, 2: crossing},
            tags={1: {"highway": "residential"}, 2: {"highway": "footway", "footway": "crossing"}},
            nodes={2: {"highway": "crossing", "kerb": "raised"}},
        )
    )
    rule = replace(RULE, profile=WHEELS)
    assert walk_m(network, (20, 0), (180, 0), rule) == pytest.approx(160, abs=0.05)
    graph = walk_graph(network, WHEELS)
    assert (graph.rank[network.way_id == 2] == UNUSABLE).all()


def test_steps_and_crossings_take_time_from_who_is_slow() -> None:
    slow = replace(RUNNER, steps_kmh=2.0, crossing_s=30.0)  # 3 m for each on steps; 50 m
    network = walk_network(
        ways(
            {
                1: [(1, 0, 0), (2, 100, 0)],
                2: [(2, 100, 0), (3, 130, 0)],
                3: [(3, 130, 0), (4, 140, 0), (5, 150, 0)],
            },
            tags={2: {"highway": "steps"}, 3: {"highway": "footway", "footway": "crossing"}},
        )
    )
    row = nearest(
        measured(
            {"s": (0, 0)}, services({"node/1": (150, 0)}), network, replace(RULE, profile=slow)
        ),
        "s",
    )
    assert row["walk_m"] == pytest.approx(150, abs=0.05)
    # 100 m, 30 m of steps counted 3 times, 20 m of crossing and 50 m lost, at 100 m a minute
    assert row["walk_min"] == pytest.approx((100 + 90 + 20 + 50) / 100, abs=0.001)


def test_the_quicker_way_is_taken_even_if_it_is_longer() -> None:
    slow = replace(RUNNER, steps_kmh=1.0)  # steps count 6 times: 1,200 m for 200 m
    network = walk_network(ways({1: STREET, 2: DETOUR}, tags={1: {"highway": "steps"}}))
    row = nearest(
        measured(
            {"s": (0, -1)}, services({"node/1": (200, -1)}), network, replace(RULE, profile=slow)
        ),
        "s",
    )
    assert row["walk_m"] == pytest.approx(402, abs=0.1)


# --- heights


def sloped(rise_m: float) -> WalkNetwork:
    flat = ways({1: [(1, 0, 0), (2, 100, 0)]})
    return walk_network(replace(flat, height_m=np.array([0.0, rise_m])))


def test_heights_change_the_time_and_not_the_length() -> None:
    up = nearest(measured({"s": (0, 0)}, services({"node/1": (100, 0)}), sloped(5.0)), "s")
    down = nearest(measured({"s": (100, 0)}, services({"node/1": (0, 0)}), sloped(5.0)), "s")
    flat = nearest(measured({"s": (0, 0)}, services({"node/1": (100, 0)}), sloped(0.0)), "s")
    assert flat["walk_min"] == pytest.approx(1.0, abs=0.001)
    # Tobler (1993): exp(-3.5 |s + 0.05|) over exp(-3.5 x 0.05), for s = 5 % up and down
    assert up["walk_min"] == pytest.approx(np.exp(3.5 * 0.05), abs=0.002)
    assert down["walk_min"] == pytest.approx(np.exp(-3.5 * 0.05), abs=0.002)
    assert up["walk_m"] == pytest.approx(100, abs=0.05)


def test_unknown_heights_are_flat_and_steep_ones_stop_wheels() -> None:
    unknown = nearest(measured({"s": (0, 0)}, services({"node/1": (100, 0)}), sloped(np.nan)), "s")
    assert unknown["walk_min"] == pytest.approx(1.0, abs=0.001)
    limit = WHEELS.restrictions.maximum_incline
    for percent, usable in ((limit - 0.5, True), (limit + 0.5, False)):
        graph = walk_graph(sloped(percent), WHEELS)
        assert (graph.rank != UNUSABLE).tolist() == [usable]


# --- where services are reached


def test_a_bridge_over_an_area_is_no_gate() -> None:
    # a park of 60 m x 100 m, 150 m south of the village; a path through it from south to north
    streets = village_streets()
    streets[80] = [(800, 150.0, -300.0), (801, 150.0, -100.0)]
    park = shapely.Polygon([at(120, -250), at(180, -250), at(180, -150), at(120, -150)])
    layer = services({"way/1": (0, 0)}).set_geometry([park], crs=WGS84)

    def reached_from(tags: dict[str, str]) -> Targets:
        network = walk_network(ways(streets, tags={80: {"highway": "footway", **tags}}))
        return service_targets(layer, network, limit_m=200)

    for tags in ({}, {"bridge": "no"}, {"tunnel": "building_passage"}):
        gates = reached_from(tags)
        # it enters in the south and leaves in the north
        assert gates.snaps.snap_m == pytest.approx([0, 0], abs=0.01)
    for tags in ({"bridge": "yes"}, {"tunnel": "yes"}, {"layer": "1"}):
        beside = reached_from(tags)
        # from the southern street of the village, and from nowhere else: 150 m along the north
        # side of the park, the corners of which are no further
        assert beside.snaps.snap_m.min() == pytest.approx(150, abs=0.05)
        assert beside.snaps.snap_m.max() <= 160.05


def test_an_area_with_nothing_but_a_bridge_is_reached_from_it() -> None:
    streets = {1: [(1, 0.0, 0.0), (2, 900.0, 0.0)], 2: [(3, 150.0, -900.0), (4, 150.0, -600.0)]}
    network = walk_network(ways(streets, tags={2: {"highway": "footway", "bridge": "yes"}}))
    hut = shapely.Polygon([at(160, -800), at(170, -800), at(170, -790), at(160, -790)])
    layer = services({"way/1": (0, 0)}).set_geometry([hut], crs=WGS84)
    targets = service_targets(layer, network, limit_m=200)
    assert targets.snaps.snap_m == pytest.approx([10], abs=0.02)


def test_a_long_facade_is_reached_all_along(village: WalkNetwork) -> None:
    # a hall of 300 m x 40 m, 20 m south of the southern street and parallel to it
    hall = shapely.Polygon([at(50, -20), at(350, -20), at(350, -60), at(50, -60)])
    layer = services({"way/1": (0, 0)}).set_geometry([hall], crs=WGS84)
    for x in (60, 200, 340):
        row = nearest(measured({"s": (x, -10)}, layer, village), "s")
        # 10 m to the street, at most 5 m along it, 20 m to the facade
        assert 30 - 0.05 <= row["walk_m"] <= 35.1


def test_a_small_building_is_reached_at_one_place(village: WalkNetwork) -> None:
    shop = shapely.Polygon([at(150, 10), at(160, 10), at(160, 40), at(150, 40)])
    layer = services({"way/1": (0, 0)}).set_geometry([shop], crs=WGS84)
    targets = service_targets(layer, village, limit_m=200)
    assert targets.snaps.snap_m == pytest.approx([10], abs=0.02)


# --- matrices, ranks


def test_origins_and_destinations_in_minutes(village: WalkNetwork) -> None:
    sites = points({"a": (0, 0), "b": (100, 0), "off": (-900, 0)}, "site_id")
    shops = services({"node/1": (200, 0), "node/2": (400, 400)})
    matrix = od_matrix(sites, shops, village, rule=RULE)
    assert list(OD_MATRIX.empty().columns) == ["travel_time"]
    # 100 m a minute, 6 minutes at most: 200 m and 100 m; the corner is 800 m and 700 m away
    assert matrix["travel_time"].to_dict() == pytest.approx(
        {("a", "node/1"): 2.0, ("b", "node/1"): 1.0}, abs=0.001
    )


def test_as_many_ranks_as_asked(village: WalkNetwork) -> None:
    shops = services({f"node/{i}": (50.0 * i, 0.0) for i in range(1, 8)})
    result = measured({"s": (0, 0)}, shops, village, replace(RULE, n_ranks=5))
    walks_m = result.access.loc[("s", "boulangerie"), "walk_m"]
    assert walks_m.index.tolist() == [1, 2, 3, 4, 5]
    assert walks_m.tolist() == pytest.approx([50, 100, 150, 200, 250], abs=0.05)


# --- the other engine, to a micrometre: same snaps, another search


PLACES = st.tuples(st.floats(-30, 430), st.floats(-30, 430))
NODES = st.sets(st.sampled_from([0, 11, 12, 22, 33, 24]), max_size=3)


@settings(max_examples=60, deadline=None)
@given(
    sites=st.lists(PLACES, min_size=1, max_size=5),
    shops=st.lists(PLACES, min_size=1, max_size=8),
    gates=NODES,
    one_way=st.sets(st.integers(1, 15).filter(lambda way: way <= 5 or way >= 11), max_size=4),
)
def test_agrees_with_networkx_split_at_every_place(
    sites: list[tuple[float, float]],
    shops: list[tuple[float, float]],
    gates: set[int],
    one_way: set[int],
) -> None:
    streets = village_streets()
    streets[50] = [(0, 0.0, 0.0), (60, 170.0, 120.0), (33, 300.0, 300.0)]  # a diagonal
    streets[51] = [(0, 0.0, 0.0), (61, 10.0, 60.0), (10, 100.0, 0.0)]  # parallel to a street
    streets[52] = [(22, 200.0, 200.0), (62, 240.0, 240.0), (63, 240.0, 210.0), (22, 200.0, 200.0)]
    streets[53] = [(43, 400.0, 300.0), (64, 400.0, 300.0), (65, 450.0, 300.0)]  # 0 m, then 50 m
    tags = {way: {"highway": "footway", "oneway:foot": "yes"} for way in one_way}
    network = walk_network(ways(streets, tags, dict.fromkeys(gates, GATE)))
    layer = services({f"node/{i}": place for i, place in enumerate(shops)})
    placed = points({f"s{i}": place for i, place in enumerate(sites)}, "site_id")
    rule = AccessRule(profile=RUNNER, cutoff_min=60.0, reach_min=(2, 4, 9), n_ranks=8)
    result = accessibility(placed, layer, network, categories=CATEGORIES, rule=rule)
    expected = by_networkx(network, placed, layer.sort_index(), gates, one_way)
    for name in placed.index:
        near = sorted(walk for walk in expected[name] if np.isfinite(walk))
        got = result.access.loc[(name, "boulangerie"), "walk_m"].dropna().to_numpy()
        assert got == pytest.approx(near[:8], abs=1e-6)
        counts = result.reach.loc[(name, "boulangerie"), "n_services"].to_dict()
        margin = 1e-6  # a service at the threshold itself may fall on either side
        for minutes, count in counts.items():
            low = sum(walk <= 100.0 * minutes - margin for walk in near)
            high = sum(walk <= 100.0 * minutes + margin for walk in near)
            assert low <= count <= high


def by_networkx(
    network: WalkNetwork,
    sites: pd.DataFrame,
    shops: pd.DataFrame,
    gates: set[int],
    one_way: set[int],
) -> dict[str, list[float]]:
    """Measure walks with networkx, on the edges of a network split at the snapped places."""
    on_edge: dict[int, list[tuple[float, str]]] = {}
    graph = nx.DiGraph()
    for prefix, layer in (("from ", sites), ("to ", shops)):
        snaps = network.snap(layer.geometry.x.to_numpy(), layer.geometry.y.to_numpy(), limit_m=200)
        for name, edge, along_m, snap_m in zip(
            layer.index, snaps.edge, snaps.along_m, snaps.snap_m, strict=True
        ):
            foot = f"foot of {prefix}{name}"
            on_edge.setdefault(int(edge), []).append((float(along_m), foot))
            if prefix == "from ":
                graph.add_edge(prefix + name, foot, weight=float(snap_m))
            else:
                graph.add_edge(foot, prefix + name, weight=float(snap_m))
    for edge in range(network.n_edges):
        stops = [(0.0, end(network, edge, network.u, gates, 0))]
        stops += sorted(on_edge.get(edge, []))
        stops += [(float(network.length_m[edge]), end(network, edge, network.v, gates, 1))]
        for (low_m, tail), (high_m, head) in pairwise(stops):
            shorten(graph, tail, head, high_m - low_m)
            if int(network.way_id[edge]) not in one_way or high_m - low_m < 1e-6:
                shorten(graph, head, tail, high_m - low_m)
    walks = {}
    for site in sites.index:
        lengths = nx.single_source_dijkstra_path_length(graph, f"from {site}")
        walks[site] = [lengths.get(f"to {shop}", np.inf) for shop in shops.index]
    return walks


def end(network: WalkNetwork, edge: int, ends: np.ndarray, gates: set[int], side: int) -> str:
    """Name the end of an edge: its junction, or a dead end of its own at a gate."""
    node = int(network.node_id[ends[edge]])
    return f"gate {node} of {edge} {side}" if node in gates else f"node {node}"


def shorten(graph: nx.DiGraph, tail: str, head: str, length_m: float) -> None:
    known = graph.get_edge_data(tail, head, {"weight": np.inf})["weight"]
    graph.add_edge(tail, head, weight=min(known, length_m))


# --- what never changes a row


@settings(max_examples=15, deadline=None)
@given(sites=st.lists(PLACES, min_size=2, max_size=6), seed=st.integers(0, 99))
def test_order_and_repetition_of_sites_change_nothing(
    village: WalkNetwork, sites: list[tuple[float, float]], seed: int
) -> None:
    shops = services({"node/1": (130, 0), "node/2": (300, 240), "node/3": (0, 390)})
    placed = {f"s{i}": place for i, place in enumerate(sites)}
    shuffled = list(placed)
    np.random.default_rng(seed).shuffle(shuffled)
    again = {name: placed[name] for name in shuffled} | {"twin": sites[0]}
    one = measured(placed, shops, village).access
    other = measured(again, shops, village).access
    pd.testing.assert_frame_equal(one, other.loc[list(placed)])
    twin = other.xs("twin").reset_index(drop=True)
    pd.testing.assert_frame_equal(twin, one.xs("s0").reset_index(drop=True))


def test_places_are_shared(village: WalkNetwork) -> None:
    lon, lat = np.array([at(30, 0), at(30, 0), at(900, 900), at(70, 0)]).T
    places, of_point = places_of(village.snap(lon, lat, limit_m=200))
    assert len(places.edge) == 2
    assert of_point[0] == of_point[1] != of_point[3]
    assert of_point[2] == NOWHERE


def test_plain_walkers_pay_metres(village: WalkNetwork) -> None:
    for walker in ("senior", "standard"):
        graph = walk_graph(village, walk_profile(walker))
        assert (graph.edges.along == 1.0).all()
        assert graph.arcs.effort.tolist() == graph.arcs.length_m.tolist()
