"""The network as one walker walks it: what it costs, what blocks, which streets may be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from siting.compiled.searching import NOWHERE, Arcs, Edges
from siting.crs import FloatArray
from siting.grid import UNUSABLE, Int32Array, RankArray
from siting.network import WalkNetwork
from siting.pieces import components, island_ranks
from siting.walkable import directions, is_closed_node
from siting.walkers import Fitness, WalkProfile

# Slopes are read over at least this many metres: heights are too coarse for less.
SLOPE_STEP_M = 10.0

_CROSSING_KEYS = ("footway", "path", "cycleway")

_BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkGraph:
    """
    A network as one walker walks it.

    Parameters
    ----------
    network, profile
        The network and the walker.
    is_strict
        If ways and nodes whose fitness is unknown are closed too.
    edges
        Per edge: effort in metres on the flat for one metre along it and against it (inf
        where that is closed), and fitness for the walker (`siting.walkers.Fitness`).
    arcs
        The same, both ways, by junction.
    component, rank
        Per edge, for this walker, as in `WalkNetwork`; an edge that is closed both ways is
        `siting.grid.UNUSABLE`.
    """

    network: WalkNetwork
    profile: WalkProfile
    is_strict: bool
    edges: Edges
    arcs: Arcs
    component: Int32Array
    rank: RankArray

    @property
    def least_effort(self) -> float:
        """Least effort of one metre: downhill where heights are given, else on the flat."""
        if self.network.height_m is None:
            return 1.0
        return float(self.profile.slope_effort(np.array([-0.05]))[0])


def walk_graph(network: WalkNetwork, profile: WalkProfile, *, is_strict: bool = False) -> WalkGraph:
    """
    Put a walker on a network.

    A walker that avoids what is unfit (`WalkProfile.avoids_unfit`) is kept off the ways, and
    from going through the nodes, that tags say to be unfit. Where tags say nothing, the way
    is open, unless `is_strict`: the truth lies between both. Heights, where the network has
    them, slow down (`WalkProfile.slope_effort`), and make unfit what is steeper than the
    walker's `maximum_incline` over `SLOPE_STEP_M` or more. The time lost at a road crossing
    is spread along the way that is tagged as the crossing.
    """
    tag_sets = network.tag_sets
    node_fitness, is_crossing_node = _node_fitness(network, profile)
    fitness = _edge_fitness(network, profile, node_fitness, is_crossing_node)
    along, against = _efforts(network, profile)
    one_way = np.array([directions(tags) for tags in tag_sets], dtype=bool).reshape(-1, 2)
    closed = _per_node(network, [is_closed_node(tags) for tags in tag_sets], default=False)
    closed_edge = np.zeros(network.n_edges, dtype=bool)
    if profile.avoids_unfit:
        worst = Fitness.FIT if is_strict else Fitness.UNKNOWN
        closed_edge = fitness > worst
        closed = closed | ((node_fitness > worst) & ~is_crossing_node)
    along[closed_edge | ~one_way[network.tags, 0]] = np.inf
    against[closed_edge | ~one_way[network.tags, 1]] = np.inf
    edges = Edges(
        u=np.where(closed[network.u], np.int32(NOWHERE), network.u),
        v=np.where(closed[network.v], np.int32(NOWHERE), network.v),
        length_m=np.asarray(network.length_m),
        along=along,
        against=against,
        fitness=fitness,
    )
    component, rank = network.component, network.rank
    if profile.avoids_unfit:
        component = components(network.u, network.v, closed, is_open=~closed_edge)
        rank = island_ranks(component, np.where(closed_edge, 0.0, network.length_m))
        rank = np.where(closed_edge, UNUSABLE, rank).astype(np.int8)
    return WalkGraph(
        network=network,
        profile=profile,
        is_strict=is_strict,
        edges=edges,
        arcs=_arcs(edges, network.n_nodes),
        component=component,
        rank=rank,
    )


def is_crossing(tags: Mapping[str, str]) -> bool:
    """Tell if a way with these tags is the crossing of a road."""
    return any(tags.get(key) == "crossing" for key in _CROSSING_KEYS)


def _per_node(network: WalkNetwork, values: list[bool], *, default: bool) -> _BoolArray:
    return np.array([*values, default], dtype=bool)[network.node_tags]


def _node_fitness(
    network: WalkNetwork, profile: WalkProfile
) -> tuple[npt.NDArray[np.int8], _BoolArray]:
    """Return the fitness of junctions, and which of them are road crossings."""
    on_nodes = set(np.unique(network.node_tags).tolist())
    fitness = [
        profile.node_fitness(tags) if at in on_nodes else Fitness.FIT
        for at, tags in enumerate(network.tag_sets)
    ]
    crossing = [tags.get("highway") == "crossing" for tags in network.tag_sets]
    return (
        np.array([*fitness, Fitness.FIT], dtype=np.int8)[network.node_tags],
        _per_node(network, crossing, default=False),
    )


def _edge_fitness(
    network: WalkNetwork,
    profile: WalkProfile,
    node_fitness: npt.NDArray[np.int8],
    is_crossing_node: _BoolArray,
) -> npt.NDArray[np.int8]:
    """Judge edges by their tags, by the kerbs of the crossings they are, and by their slope."""
    on_ways = set(np.unique(network.tags).tolist())
    by_tags = [
        profile.way_fitness(tags) if at in on_ways else Fitness.UNKNOWN
        for at, tags in enumerate(network.tag_sets)
    ]
    fitness = np.array(by_tags, dtype=np.int8)[network.tags]
    crosses = np.array([is_crossing(tags) for tags in network.tag_sets], dtype=bool)[network.tags]
    kerb = np.where(is_crossing_node, node_fitness, np.int8(Fitness.FIT))
    at_ends = np.maximum(kerb[network.u], kerb[network.v])
    fitness[crosses & (at_ends == Fitness.UNFIT)] = Fitness.UNFIT
    fitness[_is_steep(network, profile.restrictions.maximum_incline)] = Fitness.UNFIT
    return fitness


def _is_steep(network: WalkNetwork, maximum_incline: float) -> _BoolArray:
    steep = np.zeros(network.n_edges, dtype=bool)
    if network.height_m is not None:
        step_m, slope = _slopes(network, network.height_m)
        is_over = (step_m >= SLOPE_STEP_M) & (np.abs(slope) * 100 > maximum_incline)
        steep[network.segment_edge[:-1][is_over & (network.segment_edge[:-1] >= 0)]] = True
    return steep


def _slopes(network: WalkNetwork, height_m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return metres and slope (rise over run) of segments; 0 where unknown or too short."""
    step_m = np.diff(network.cum_m)
    rise_m = np.diff(height_m)
    is_known = np.isfinite(rise_m) & (step_m >= 1.0)
    return step_m, np.divide(rise_m, step_m, out=np.zeros_like(step_m), where=is_known)


def _efforts(network: WalkNetwork, profile: WalkProfile) -> tuple[FloatArray, FloatArray]:
    """Return the effort of one metre along and against each edge, whoever may take it."""
    on_ways = set(np.unique(network.tags).tolist())
    by_tags = [
        profile.way_effort(tags) if at in on_ways else 1.0
        for at, tags in enumerate(network.tag_sets)
    ]
    effort = np.array(by_tags, dtype=np.float64)[network.tags]
    if profile.crossing_m > 0.0:
        crosses = np.array([is_crossing(tags) for tags in network.tag_sets], dtype=bool)
        _, way = np.unique(network.way_id, return_inverse=True)
        way_m = np.bincount(way, weights=network.length_m)[way]
        is_slow = crosses[network.tags] & (way_m > 0.0)
        effort[is_slow] += profile.crossing_m / way_m[is_slow]
    if network.height_m is None:
        return effort, effort.copy()
    step_m, slope = _slopes(network, network.height_m)
    return (
        effort * _slope_ratio(network, step_m, profile.slope_effort(slope)),
        effort * _slope_ratio(network, step_m, profile.slope_effort(-slope)),
    )


def _slope_ratio(network: WalkNetwork, step_m: FloatArray, effort: FloatArray) -> FloatArray:
    """Average the efforts of segments over each edge; steps have their own pace."""
    at = np.flatnonzero(network.segment_edge[:-1] >= 0)
    sloped_m = np.bincount(
        network.segment_edge[at], weights=step_m[at] * effort[at], minlength=network.n_edges
    )
    is_steps = np.array([tags.get("highway") == "steps" for tags in network.tag_sets], dtype=bool)
    is_flat = is_steps[network.tags] | (network.length_m <= 0.0)
    ratio = np.ones(network.n_edges)
    return np.asarray(np.divide(sloped_m, network.length_m, out=ratio, where=~is_flat))


def _arcs(edges: Edges, n_nodes: int) -> Arcs:
    """Lay both directions of edges out by tail; parallel edges and loops stay."""
    is_linked = (edges.u >= 0) & (edges.v >= 0)
    forth = np.flatnonzero(is_linked & np.isfinite(edges.along))
    back = np.flatnonzero(is_linked & np.isfinite(edges.against))
    edge = np.concatenate([forth, back])
    tail = np.concatenate([edges.u[forth], edges.v[back]])
    head = np.concatenate([edges.v[forth], edges.u[back]])
    pace = np.concatenate([edges.along[forth], edges.against[back]])
    order = np.argsort(tail, kind="stable")
    edge, tail, head = edge[order], tail[order], head[order]
    ends = np.concatenate([edges.u, edges.v])
    n_streets = np.bincount(ends[ends != NOWHERE], minlength=n_nodes)
    return Arcs(
        start=np.searchsorted(tail, np.arange(n_nodes + 1)).astype(np.int64),
        head=head,
        tail=tail,
        edge=edge.astype(np.int32),
        effort=pace[order] * edges.length_m[edge],
        length_m=edges.length_m[edge],
        fitness=edges.fitness[edge],
        is_blind=n_streets[head] == 1,
    )
