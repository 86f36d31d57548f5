"""Networks from and to osmnx: lengths as given, directions, and distances by networkx."""

from __future__ import annotations

import math
import sys
from itertools import pairwise

import networkx as nx
import numpy as np
import osmnx as ox
import pytest
import shapely
from conftest import at, ways
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.convert import network_from_osmnx, network_to_osmnx
from siting.errors import CrsError, NetworkError, OptionError
from siting.graph import walk_graph
from siting.network import Snaps, WalkNetwork, walk_network
from siting.search import doors_of, efforts_m, places_of
from siting.targets import Targets
from siting.walkable import directions
from siting.walkers import WalkProfile

# No penalty: efforts are metres
RUNNER = WalkProfile(walker="runner", label="coureur", speed_kmh=6.0, reference="test")

Edge = tuple[int, int, dict[str, object]]


def osmnx_graph(places: dict[int, tuple[float, float]], edges: list[Edge]) -> nx.MultiDiGraph:
    """Lay out a graph: nodes in metres of the village, edges with their attributes."""
    graph = nx.MultiDiGraph(crs="epsg:4326")
    for node, place in places.items():
        x, y = at(*place)
        graph.add_node(node, x=x, y=y)
    graph.add_edges_from(edges)
    return graph


CORNERS = {1: (0.0, 0.0), 2: (100.0, 0.0), 3: (100.0, 100.0)}


def line(*places: tuple[float, float]) -> shapely.LineString:
    return shapely.LineString([at(*place) for place in places])


def n_ways(network: WalkNetwork) -> list[tuple[bool, bool]]:
    """Tell in which directions each edge is walked."""
    return [directions(network.tag_sets[tags]) for tags in network.tags]


def test_two_directions_of_a_street_are_one_edge() -> None:
    bend = line((0, 0), (50, 30), (100, 0))
    street = {"osmid": 7, "length": 120.0, "highway": "footway"}
    there = {**street, "geometry": bend}
    back = {**street, "geometry": bend.reverse()}
    network = WalkNetwork.from_osmnx(osmnx_graph(CORNERS, [(1, 2, there), (2, 1, back)]))
    assert n_ways(network) == [(True, True)]
    assert network.length_m.tolist() == [120.0]
    assert network.way_id.tolist() == [7]
    assert network.node_id[[network.u[0], network.v[0]]].tolist() == [1, 2]
    assert network.tag_sets[network.tags[0]] == {"highway": "footway"}
    assert network.crs.to_epsg() == 2154


@pytest.mark.parametrize(
    ("there", "back"),
    [
        ({}, {"length": 101.0}),
        ({}, {"osmid": 8}),
        ({}, {"geometry": line((100, 0), (50, 30), (0, 0))}),
    ],
)
def test_other_length_way_or_line_is_another_street(
    there: dict[str, object], back: dict[str, object]
) -> None:
    street = {"osmid": 7, "length": 100.0}
    graph = osmnx_graph(CORNERS, [(1, 2, street | there), (2, 1, street | back)])
    assert n_ways(network_from_osmnx(graph)) == [(True, False)] * 2


@pytest.mark.parametrize(
    ("there", "back"),
    [
        # sums made in two orders, and lists of ways in any order
        ({"length": 100.0, "osmid": [7, 8]}, {"length": 100.0 + 1e-12, "osmid": [8, 7]}),
        # a straight line, drawn or not
        ({"length": 100.0, "geometry": line((0, 0), (100, 0))}, {"length": 100.0}),
        # both drawn from the same end
        (
            {"length": 120.0, "geometry": line((0, 0), (50, 30), (100, 0))},
            {"length": 120.0, "geometry": line((0, 0), (50, 30), (100, 0))},
        ),
    ],
)
def test_what_is_one_street_all_the_same(there: dict[str, object], back: dict[str, object]) -> None:
    street = {"osmid": 7}
    network = network_from_osmnx(
        osmnx_graph(CORNERS, [(1, 2, street | there), (2, 1, street | back)])
    )
    assert n_ways(network) == [(True, True)]
    assert network.way_id.tolist() == [7]


def test_a_direction_is_used_once_by_the_streets_it_could_be_of() -> None:
    # three streets alike from 1 to 2, one back: one is walked both ways
    street = {"osmid": 7, "length": 100.0}
    graph = osmnx_graph(CORNERS, [(1, 2, street)] * 3 + [(2, 1, street)])
    assert sorted(n_ways(network_from_osmnx(graph))) == [(True, False)] * 2 + [(True, True)]


def test_loops() -> None:
    ring = line((0, 0), (30, 0), (30, 30), (0, 0))
    drawn = {"osmid": 7, "length": 100.0, "geometry": ring}
    back = {**drawn, "geometry": ring.reverse()}
    assert n_ways(network_from_osmnx(osmnx_graph(CORNERS, [(1, 1, drawn), (1, 1, back)]))) == [
        (True, True)
    ]
    twice = network_from_osmnx(osmnx_graph(CORNERS, [(1, 1, drawn), (1, 1, drawn)]))
    assert n_ways(twice) == [(True, False)] * 2
    bare = {"osmid": 7, "length": 100.0}  # no line tells its directions apart
    three = network_from_osmnx(osmnx_graph(CORNERS, [(1, 1, bare)] * 3))
    assert sorted(n_ways(three)) == [(True, False), (True, True)]
    assert three.length_m.tolist() == [100.0, 100.0]


def test_the_drawn_direction_is_the_one_not_reversed() -> None:
    street = {"osmid": 7, "length": 100.0}
    edges: list[Edge] = [
        (2, 1, {**street, "reversed": True}),
        (1, 2, {**street, "reversed": False}),
    ]
    network = network_from_osmnx(osmnx_graph(CORNERS, edges))
    assert network.node_id[network.u].tolist() == [1]


def test_the_given_length_counts_not_the_line() -> None:
    # a line of 100 m said to be of 300 m: half of the way is half of the line
    street = {"osmid": 7, "length": 300.0, "geometry": line((0, 0), (40, 0), (100, 0))}
    network = network_from_osmnx(osmnx_graph(CORNERS, [(1, 2, street)]))
    assert network.length_m.tolist() == [300.0]
    lon, lat = network.position(np.array([0]), np.array([150.0]))
    assert (lon[0], lat[0]) == pytest.approx(at(50, 0), abs=1e-7)
    snaps = network.snap(*np.array([at(20, 5)]).T, limit_m=200.0)
    assert snaps.along_m == pytest.approx([60.0], abs=0.05)
    assert snaps.snap_m == pytest.approx([5.0], abs=0.02)


def test_no_place_lies_beyond_the_end_of_its_edge() -> None:
    # 3 000 edges of 0.1 m, which no sum of floating numbers keeps exactly
    street = {"length": 0.1}
    edges: list[Edge] = [(1, 2, {**street, "osmid": way}) for way in range(3000)]
    network = network_from_osmnx(osmnx_graph(CORNERS, edges))
    assert set(network.length_m.tolist()) == {0.1}
    step_m = network.cum_m[network.stop] - network.cum_m[network.start]
    assert (step_m <= 0.1).all()
    assert (np.diff(network.cum_m) >= 0.0).all()


@pytest.mark.parametrize("length", [math.nan, -1.0, math.inf, "abc", "nan", [1.0]])
def test_lengths_that_mean_nothing_are_refused(length: object) -> None:
    graph = osmnx_graph(CORNERS, [(1, 2, {"length": 1.0}), (1, 2, {"length": length})])
    with pytest.raises(NetworkError, match=r"\(1, 2, 1\).*positif ou nul"):
        network_from_osmnx(graph)


def test_a_missing_length_is_refused() -> None:
    with pytest.raises(NetworkError, match=r"\(2, 3, 0\).*pas de longueur.*add_edge_lengths"):
        network_from_osmnx(osmnx_graph(CORNERS, [(2, 3, {"osmid": 7})]))


def test_zero_is_a_length() -> None:
    network = network_from_osmnx(
        osmnx_graph(CORNERS, [(1, 2, {"length": 0}), (2, 3, {"length": 5})])
    )
    assert network.length_m.tolist() == [5.0, 0.0]  # ways without identifier, the last one first


def test_places_that_mean_nothing_are_refused() -> None:
    edge: list[Edge] = [(1, 2, {"length": 1.0})]
    lost = osmnx_graph(CORNERS, edge)
    del lost.nodes[2]["x"]
    with pytest.raises(NetworkError, match=r"nœud 2 .*sans coordonnées"):
        network_from_osmnx(lost)
    broken = osmnx_graph(CORNERS, edge)
    broken.edges[1, 2, 0]["geometry"] = shapely.LineString([(2.48, 48.9), (math.inf, 48.9)])
    with pytest.raises(NetworkError, match=r"\(1, 2, 0\).*sans coordonnées"):
        network_from_osmnx(broken)
    named = nx.relabel_nodes(osmnx_graph(CORNERS, edge), {1: "gare"})
    with pytest.raises(NetworkError, match=r"'gare'.*renumérotez"):
        network_from_osmnx(named)
    with pytest.raises(NetworkError, match="aucune arête"):
        network_from_osmnx(osmnx_graph(CORNERS, []))


def test_a_graph_without_crs_or_out_of_it_is_refused() -> None:
    graph = osmnx_graph(CORNERS, [(1, 2, {"length": 1.0})])
    for crs, match in ((None, "ne dit pas"), ("epsg:0", "inconnu"), ("epsg:2154", "domaine|large")):
        graph.graph["crs"] = crs
        if crs == "epsg:2154":
            graph.nodes[1]["x"] = 1e30
        with pytest.raises(CrsError, match=match):
            network_from_osmnx(graph)


def test_a_projected_graph_is_brought_back_to_degrees() -> None:
    street = {"osmid": 7, "length": 120.0, "geometry": line((0, 0), (50, 30), (100, 0))}
    graph = osmnx_graph(CORNERS, [(1, 2, street), (2, 3, {"length": 100.0, "osmid": 8})])
    metric = ox.projection.project_graph(graph, to_crs="epsg:2154")
    one, other = network_from_osmnx(graph), network_from_osmnx(metric)
    assert other.length_m.tolist() == one.length_m.tolist()
    assert other.lon == pytest.approx(one.lon, abs=1e-9)
    assert other.lat == pytest.approx(one.lat, abs=1e-9)


def test_tags_of_several_ways_and_of_nodes() -> None:
    mixed = {
        "length": 10.0,
        "osmid": [9, 7],
        "highway": ["steps", "footway"],
        "surface": ["gravel", "asphalt"],
        "wheelchair": ["yes", "no"],
        "width": math.nan,  # as a table of edges leaves it
        "name": "Rue Haute",
        "conveying": "backward",
    }
    graph = osmnx_graph(CORNERS, [(1, 2, mixed)])
    graph.nodes[2].update(barrier="gate", locked="yes", street_count=3)
    graph.nodes[1].update(highway="crossing")  # marks nothing by itself
    network = network_from_osmnx(graph)
    assert network.way_id.tolist() == [7]
    assert dict(network.tag_sets[network.tags[0]]) == {
        "highway": "steps",
        "surface": "asphalt;gravel",
        "wheelchair": "no",
        "oneway:foot": "yes",  # an edge alone is walked as the graph says
    }
    tags = dict(zip(network.node_id.tolist(), network.node_tags.tolist(), strict=True))
    assert tags[1] == -1
    assert network.tag_sets[tags[2]] == {"barrier": "gate", "locked": "yes"}


def test_the_graph_stays_as_it_was() -> None:
    graph = osmnx_graph(CORNERS, [(1, 2, {"length": 1.0, "highway": ["a", "b"]})])
    before = graph.copy()
    network_from_osmnx(graph)
    assert nx.utils.graphs_equal(graph, before)


def test_the_village_there_and_back(village: WalkNetwork) -> None:
    graph = village.to_osmnx()
    assert graph.graph["crs"] == "epsg:4326"
    back = WalkNetwork.from_osmnx(graph)
    assert back.node_id.tolist() == village.node_id.tolist()
    assert back.length_m == pytest.approx(village.length_m, abs=1e-9)
    assert back.way_id.tolist() == village.way_id.tolist()
    assert n_ways(back) == [(True, True)] * village.n_edges
    assert shapely.equals_exact(back.extent, village.extent, tolerance=1e-6)


def test_directions_and_closed_nodes_come_back() -> None:
    tags = {
        1: {"highway": "steps", "conveying": "forward"},
        2: {"highway": "steps", "conveying": "backward"},
        3: {"highway": "footway", "foot:forward": "no", "foot:backward": "no"},
    }
    streets = {way: [(1, 0.0, 0.0), (5, 50.0, 10.0 * way), (2, 100.0, 0.0)] for way in tags}
    streets[1][1], streets[3][1] = (6, 50.0, 10.0), (7, 50.0, 30.0)
    streets[4] = [(2, 100.0, 0.0), (3, 200.0, 0.0)]
    network = walk_network(ways(streets, tags, {2: {"barrier": "gate", "locked": "yes"}}))
    graph = network_to_osmnx(network)
    walked = {(u, v, data["osmid"]): data["oneway"] for u, v, data in graph.edges(data=True)}
    # the third way is walked by nobody
    assert walked == {(1, 2, 1): True, (2, 1, 2): True, (2, 3, 4): False, (3, 2, 4): False}
    assert graph.nodes[2]["barrier"] == "gate"
    back = network_from_osmnx(graph)
    assert n_ways(back) == [(True, False), (True, False), (True, True)]
    assert back.node_id[back.u[:2]].tolist() == [1, 2]
    # nobody goes through the gate: the street beyond is another piece
    assert len(np.unique(back.component)) == len(np.unique(network.component[network.way_id != 3]))


def test_osmnx_works_on_the_graph(village: WalkNetwork) -> None:
    graph = network_to_osmnx(village)
    nodes, edges = ox.graph_to_gdfs(graph)
    assert len(nodes) == village.n_nodes
    assert len(edges) == 2 * village.n_edges
    assert {"osmid", "length", "highway", "oneway", "reversed", "geometry"} <= set(edges.columns)
    # 30 m along the southern street, between the nodes 0 and 10
    lon, lat = at(30, 3)
    u, v, _ = ox.distance.nearest_edges(graph, lon, lat)
    assert {u, v} == {0, 10}
    rebuilt = ox.graph_from_gdfs(nodes, edges)
    assert network_from_osmnx(rebuilt).n_edges == village.n_edges
    route = ox.routing.shortest_path(graph, 0, 33)
    assert len(route) == 1 + 3 + 3


def test_networkx_is_asked_for_when_it_is_absent(
    village: WalkNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(OptionError, match="pip install networkx"):
        village.to_osmnx()


# Streets of random graphs: first and last node, metres, if walked both ways, bend in metres.
NODES = {node: (100.0 * (node % 3), 100.0 * (node // 3)) for node in range(6)} | {6: (0.0, 0.0)}
LENGTHS = st.one_of(st.just(0.0), st.floats(0.01, 3000.0))
STREETS = st.lists(
    st.tuples(
        st.sampled_from(sorted(NODES)),
        st.sampled_from(sorted(NODES)),
        LENGTHS,
        st.booleans(),
        st.one_of(st.none(), st.floats(5.0, 40.0)),
    ),
    min_size=1,
    max_size=12,
)
Street = tuple[int, int, float, bool, float | None]


def graph_of(streets: list[Street]) -> nx.MultiDiGraph:
    """Draw the streets as osmnx does: one edge for each direction, `osmid` the street."""
    edges: list[Edge] = []
    for way, (u, v, length_m, is_both, bend_m) in enumerate(streets):
        data: dict[str, object] = {"osmid": way, "length": length_m, "highway": "footway"}
        back = dict(data)
        if bend_m is not None or u == v:  # a loop has a line, which tells its directions apart
            (ux, uy), (vx, vy) = NODES[u], NODES[v]
            middle = ((ux + vx) / 2, (uy + vy) / 2 + (bend_m or 20.0))
            drawn = line(NODES[u], (ux + 1.0, uy + 7.0), middle, NODES[v])
            data["geometry"], back["geometry"] = drawn, drawn.reverse()
        edges.append((u, v, {**data, "reversed": False}))
        if is_both:
            edges.append((v, u, {**back, "reversed": True}))
    return osmnx_graph(NODES, edges)


@settings(max_examples=100, deadline=None)
@given(streets=STREETS)
def test_lengths_and_node_distances_are_kept_there_and_back(streets: list[Street]) -> None:
    graph = graph_of(streets)
    network = network_from_osmnx(graph)
    assert network.way_id.tolist() == list(range(len(streets)))
    assert network.length_m.tolist() == [street[2] for street in streets]
    assert n_ways(network) == [(True, street[3]) for street in streets]
    made = network_to_osmnx(network)
    back = network_from_osmnx(made)
    assert back.length_m == pytest.approx(network.length_m, abs=1e-9)
    assert n_ways(back) == n_ways(network)
    used = [node for node in graph if graph.degree(node)]
    assert sorted(made) == sorted(used)
    for node in used:
        before = nx.single_source_dijkstra_path_length(graph, node, weight="length")
        after = nx.single_source_dijkstra_path_length(made, node, weight="length")
        assert after == pytest.approx(before, abs=1e-9)


Spot = tuple[int, float]  # street, share of it


def split_graph(streets: list[Street], spots: list[Spot]) -> nx.DiGraph:
    """Draw the streets cut at places, the shorter of two pieces between the same ends."""
    graph = nx.DiGraph()

    def join(tail: object, head: object, length_m: float) -> None:
        known = graph.get_edge_data(tail, head, {"weight": math.inf})["weight"]
        graph.add_edge(tail, head, weight=min(known, length_m))

    for way, (u, v, length_m, is_both, _) in enumerate(streets):
        on = sorted((share, name) for name, (street, share) in enumerate(spots) if street == way)
        chain = [(0.0, u), *((share, ("spot", name)) for share, name in on), (1.0, v)]
        for (share, tail), (next_share, head) in pairwise(chain):
            join(tail, head, (next_share - share) * length_m)
            if is_both:
                join(head, tail, (next_share - share) * length_m)
    return graph


@settings(max_examples=100, deadline=None)
@given(streets=STREETS, data=st.data())
def test_walks_between_places_along_edges(streets: list[Street], data: st.DataObject) -> None:
    long = [way for way, street in enumerate(streets) if street[2] > 0.0]
    if not long:
        return
    spot = st.tuples(st.sampled_from(long), st.floats(0.01, 0.99))
    spots = data.draw(st.lists(spot, min_size=2, max_size=6, unique=True))
    network = network_from_osmnx(graph_of(streets))
    # edge i is street i, drawn from its first node to its last
    edge = np.array([way for way, _ in spots])
    along_m = np.array([share for _, share in spots]) * network.length_m[edge]
    snaps = Snaps(edge=edge, along_m=along_m, snap_m=np.zeros(len(spots)))
    graph = walk_graph(network, RUNNER)
    rank = np.arange(len(spots))
    targets = Targets(
        service=rank, group=rank, lon=np.zeros(len(spots)), lat=np.zeros(len(spots)), snaps=snaps
    )
    places, of_spot = places_of(snaps)
    doors, _ = doors_of(targets, graph.edges, network.n_nodes)
    walked_m = efforts_m(graph, places, doors, searched_m=1e9)[of_spot]
    expected = split_graph(streets, spots)
    for one in rank:
        reached = nx.single_source_dijkstra_path_length(expected, ("spot", int(one)))
        wanted = [reached.get(("spot", int(other)), math.inf) for other in rank]
        assert walked_m[one] == pytest.approx(wanted, abs=1e-6)
