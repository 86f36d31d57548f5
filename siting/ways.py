"""Walkable ways as they come in, and the edges that they are cut into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from siting.crs import FloatArray, IntArray, geodesic_m
from siting.errors import NetworkError
from siting.walkable import is_ferry


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """
    Walkable ways as flat arrays: way `i` owns the positions `offset[i]` to `offset[i + 1]`.

    Two ways meet where they share a node, and nowhere else: a bridge does not touch the
    street below. `tags` tells, for each way, which of `tag_sets` it has: the distinct sets of
    tags that matter to a walk (`siting.walkable.way_tags`). Nodes that have such tags of
    their own (`siting.walkable.node_tags`) are in `marked_node`, in increasing order, their
    sets in `marked_tags`. `height_m` is the height of each position, NaN where unknown, or
    None when heights are not given.
    """

    way_id: IntArray
    offset: IntArray
    node_id: IntArray
    lon: FloatArray
    lat: FloatArray
    tags: IntArray
    tag_sets: tuple[Mapping[str, str], ...]
    marked_node: IntArray
    marked_tags: IntArray
    height_m: FloatArray | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Streets:
    """
    Edges laid end to end, before their junctions are in order.

    Parameters
    ----------
    tag_sets
        Distinct sets of walking tags, of edges and of nodes.
    node_id, node_tags
        Per node: identifier; position in `tag_sets`, -1 for none. A node of no edge is left out.
    tail, head
        Per edge: positions of its end nodes in `node_id`.
    start, stop, length_m, way_id, tags
        Per edge, as in `WalkNetwork`.
    lon, lat, cum_m, height_m
        Per position, as in `WalkNetwork`.
    """

    tag_sets: tuple[Mapping[str, str], ...]
    node_id: IntArray
    node_tags: IntArray
    tail: IntArray
    head: IntArray
    start: IntArray
    stop: IntArray
    length_m: FloatArray
    way_id: IntArray
    tags: IntArray
    lon: FloatArray
    lat: FloatArray
    cum_m: FloatArray
    height_m: FloatArray | None = None


def cut_ways(ways: Ways, *, with_ferries: bool) -> Streets:
    """
    Cut ways into edges between junctions, and measure them.

    Raises
    ------
    NetworkError
        If a coordinate is not a number.
    """
    if not (np.isfinite(ways.lon).all() and np.isfinite(ways.lat).all()):
        raise NetworkError("Le réseau contient un nœud sans coordonnées.")
    ways = _sorted_ways(ways, with_ferries=with_ferries)
    node_id, node = np.unique(ways.node_id, return_inverse=True)
    node_tags = _tags_of(node_id, ways)
    start, stop = _edge_spans(ways, node, is_marked=node_tags >= 0)
    cum_m = _cumulated_m(ways)
    way = np.searchsorted(ways.offset, start, side="right") - 1
    return Streets(
        tag_sets=ways.tag_sets,
        node_id=node_id,
        node_tags=node_tags,
        tail=node[start],
        head=node[stop],
        start=start,
        stop=stop,
        length_m=cum_m[stop] - cum_m[start],
        way_id=ways.way_id[way],
        tags=ways.tags[way],
        lon=ways.lon,
        lat=ways.lat,
        cum_m=cum_m,
        height_m=ways.height_m,
    )


def runs(first: IntArray, after: IntArray) -> tuple[IntArray, IntArray]:
    """Return the positions from `first` to before `after`, run after run, and their numbers."""
    size = after - first
    offset = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    return np.repeat(first - offset[:-1], size) + np.arange(offset[-1]), size


def _sorted_ways(ways: Ways, *, with_ferries: bool) -> Ways:
    """Put ways in the order of their identifiers, with ferries or without."""
    ferry = np.array([is_ferry(tags) for tags in ways.tag_sets], dtype=bool)
    kept = np.flatnonzero(with_ferries | ~ferry[ways.tags])
    order = kept[np.argsort(ways.way_id[kept], kind="stable")]
    at, size = runs(ways.offset[order], ways.offset[order + 1])
    return replace(
        ways,
        way_id=ways.way_id[order],
        offset=np.concatenate([[0], np.cumsum(size)]).astype(np.int64),
        node_id=ways.node_id[at],
        lon=ways.lon[at],
        lat=ways.lat[at],
        tags=ways.tags[order],
        height_m=None if ways.height_m is None else ways.height_m[at],
    )


def _tags_of(node_id: IntArray, ways: Ways) -> IntArray:
    """Return the position in `tag_sets` of the tags of each node, -1 when it has none."""
    tags = np.full(len(node_id), -1, dtype=np.int64)
    if len(ways.marked_node):
        at = np.clip(np.searchsorted(ways.marked_node, node_id), 0, len(ways.marked_node) - 1)
        is_marked = ways.marked_node[at] == node_id
        tags[is_marked] = ways.marked_tags[at[is_marked]]
    return tags


def _edge_spans(
    ways: Ways, node: IntArray, *, is_marked: npt.NDArray[np.bool_]
) -> tuple[IntArray, IntArray]:
    """
    Cut ways at their ends, at marked nodes, where a node is used twice, and where a way turns back.

    Return the first and the last position of each edge.
    """
    is_cut = (np.bincount(node) > 1)[node] | is_marked[node]
    is_cut[1:-1] |= node[:-2] == node[2:]
    size = np.diff(ways.offset)
    is_cut[ways.offset[:-1][size > 0]] = True
    is_cut[ways.offset[1:][size > 0] - 1] = True
    cut = np.flatnonzero(is_cut)
    way = np.searchsorted(ways.offset, cut, side="right") - 1
    joined = way[:-1] == way[1:]
    return _drawn_once(node, cut[:-1][joined], cut[1:][joined])


def _drawn_once(node: IntArray, start: IntArray, stop: IntArray) -> tuple[IntArray, IntArray]:
    """
    Leave out the segments that several ways share, all but the first time.

    Two places of one street must be on one edge, or the walk between them goes through an
    end of it. A shared segment is always an edge by itself: ways are cut at both of its ends.
    """
    ends = np.sort([node[start], node[stop]], axis=0)
    segment = ends[0] * len(node) + ends[1]
    key = np.where(stop - start == 1, segment, -1 - start)
    first = np.sort(np.unique(key, return_index=True)[1])
    return start[first], stop[first]


def _cumulated_m(ways: Ways) -> FloatArray:
    """Sum geodesic metres along the ways, one after the other; going from way to way adds 0."""
    step_m = np.zeros(len(ways.lon))
    step_m[1:] = geodesic_m(ways.lon[:-1], ways.lat[:-1], ways.lon[1:], ways.lat[1:])
    step_m[ways.offset[:-1][np.diff(ways.offset) > 0]] = 0.0
    return np.asarray(np.cumsum(step_m), dtype=np.float64)
