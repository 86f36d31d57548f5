"""The walking network: which ways are walked, their edges in metres, and snapping onto them.

Ways come in as flat arrays and go out as edges between junctions, in flat arrays too, so that
a network can be kept on disk and opened in place. Lengths are ellipsoidal metres (geodesics
between the nodes of the way); the projected CRS serves to find the nearest edge only. This
module knows nothing of walkers, services nor files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS
from scipy import sparse

from siting.crs import FloatArray, IntArray, geodesic_m, metric_crs, metric_transformer
from siting.errors import NetworkError
from siting.grid import (
    ISLAND,
    MAINLAND,
    Int32Array,
    RankArray,
    SegmentGrid,
    nearest_segments,
    segment_grid,
)
from siting.walkable import is_closed_node, is_ferry

if TYPE_CHECKING:
    from siting.convert import OsmnxGraph

# A component with less street than this, in metres, is a tiny island: a courtyard, a piece of
# path that nothing joins. Not the largest component, were it shorter.
TINY_ISLAND_M = 500.0

_COVERAGE_STEP_DEG = 0.01  # the sides of a box in degrees are curves in a metric CRS
_MARGIN_DEG = 1.0  # more than what those curves swell by, over the widest network
_MORTON_BITS = 16


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Snaps:
    """
    Where points meet the network, one entry per point; `edge` is -1 where they do not.

    `along_m` is counted on the edge from its first node; `snap_m` is the straight line from
    the point to the network in metres, NaN where no edge lies within the search radius.
    """

    edge: IntArray
    along_m: FloatArray
    snap_m: FloatArray

    @property
    def is_on(self) -> npt.NDArray[np.bool_]:
        """Tell which points are on the network."""
        return self.edge >= 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkNetwork:
    """
    A network of walkable edges between junctions.

    An edge runs along one way between two junctions (ends of ways, nodes where ways meet,
    barriers and kerbs); what lies between is its geometry. Junctions are in the order of a
    space-filling curve, so that neighbours are near in memory; edges in that of way
    identifiers. All components are kept.

    Parameters
    ----------
    crs
        Metric CRS of `x` and `y`.
    extent
        Area that the data covers, in that CRS: what lies outside of it is not known.
    tag_sets
        Distinct sets of walking tags, of ways and of nodes.
    node_id, node_tags
        Per junction: OpenStreetMap identifier; position in `tag_sets`, -1 when it has no tags.
    u, v, length_m, way_id, tags
        Per edge: junctions at its ends, metres, way, position in `tag_sets`.
    start, stop
        Per edge: first and last position of its coordinates.
    component, rank
        Per edge: piece of network it is of, as anybody walks it (a closed node joins nothing);
        and whether that is a tiny island (`siting.grid.ISLAND`) or not.
    lon, lat, x, y, cum_m
        Per position: degrees, metres in the CRS, metres along all ways laid end to end.
    height_m
        Per position: height, NaN where unknown; None when heights were not given.
    segment_edge
        Per position: edge of the segment that begins there, -1 for none.
    grid
        The segments by cell.
    """

    crs: CRS
    extent: shapely.Geometry
    tag_sets: tuple[Mapping[str, str], ...]
    node_id: IntArray
    node_tags: Int32Array
    u: Int32Array
    v: Int32Array
    length_m: FloatArray
    way_id: IntArray
    tags: Int32Array
    start: Int32Array
    stop: Int32Array
    component: Int32Array
    rank: RankArray
    lon: FloatArray
    lat: FloatArray
    x: FloatArray
    y: FloatArray
    cum_m: FloatArray
    height_m: FloatArray | None
    segment_edge: Int32Array
    grid: SegmentGrid

    @property
    def n_nodes(self) -> int:
        """Number of junctions."""
        return len(self.node_id)

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return len(self.u)

    @classmethod
    def from_osmnx(cls, graph: OsmnxGraph) -> WalkNetwork:
        """Take over a graph of osmnx (see `siting.convert.network_from_osmnx`)."""
        from siting.convert import network_from_osmnx  # noqa: PLC0415 - it imports this module

        return network_from_osmnx(graph)

    def to_osmnx(self) -> OsmnxGraph:
        """Return the network as a graph of osmnx (see `siting.convert.network_to_osmnx`)."""
        from siting.convert import network_to_osmnx  # noqa: PLC0415 - it imports this module

        return network_to_osmnx(self)

    def snap(
        self, lon: FloatArray, lat: FloatArray, *, limit_m: float, rank: RankArray | None = None
    ) -> Snaps:
        """
        Snap points onto their nearest edge, of the mainland rather than of a tiny island.

        Parameters
        ----------
        lon, lat
            Degrees; NaN for a point without location.
        limit_m
            Points further than this, in metres, are not on the network; their `snap_m` is
            still told up to five times the limit.
        rank
            Rank of each edge for one walker; by default, that of anybody.

        Notes
        -----
        A point whose nearest edge is of a tiny island (`TINY_ISLAND_M` of street in all) is
        put on the nearest edge that is not, when it is at most `siting.grid.ISLAND_DETOUR_M`
        further; else it stays on the island. Of edges at the same distance the first one, in
        the order of way identifiers, is taken.
        """
        x, y = metric_transformer(self.crs).transform(lon, lat, errcheck=False)
        segment, share = self._nearest(x, y, limit_m=limit_m, rank=rank)
        edge = np.full(len(segment), -1, dtype=np.int64)
        along_m, snap_m = np.full(len(edge), np.nan), np.full(len(edge), np.nan)
        on = np.flatnonzero(segment >= 0)
        at, part = segment[on], share[on]
        edge[on] = self.segment_edge[at]
        step_m = self.cum_m[at + 1] - self.cum_m[at]
        along_m[on] = self.cum_m[at] - self.cum_m[self.start[edge[on]]] + part * step_m
        foot_lon = self.lon[at] + part * (self.lon[at + 1] - self.lon[at])
        foot_lat = self.lat[at] + part * (self.lat[at + 1] - self.lat[at])
        snap_m[on] = geodesic_m(lon[on], lat[on], foot_lon, foot_lat)
        edge[~(snap_m <= limit_m)] = -1
        along_m[edge < 0] = np.nan
        return Snaps(edge=edge, along_m=along_m, snap_m=snap_m)

    def nearest(
        self, x: FloatArray, y: FloatArray, *, limit_m: float
    ) -> tuple[IntArray, FloatArray]:
        """
        Find the segment nearest to places of the CRS of the network, and the metres to it.

        Segments are chosen as by `snap`; -1 and inf where there is none within five times
        the limit. Metres are planar.
        """
        segment, share = self._nearest(x, y, limit_m=limit_m, rank=None)
        at, found = np.maximum(segment, 0), segment >= 0
        gap_x = self.x[at] + share * (self.x[at + 1] - self.x[at]) - x
        gap_y = self.y[at] + share * (self.y[at + 1] - self.y[at]) - y
        return segment, np.where(found, np.hypot(gap_x, gap_y), np.inf)

    def _nearest(
        self, x: FloatArray, y: FloatArray, *, limit_m: float, rank: RankArray | None
    ) -> tuple[IntArray, FloatArray]:
        return nearest_segments(
            self.grid,
            (np.asarray(self.x), np.asarray(self.y), np.asarray(self.segment_edge)),
            points=(np.ascontiguousarray(x, dtype=np.float64), np.ascontiguousarray(y, np.float64)),
            rank=self.rank if rank is None else rank,
            limit_m=limit_m,
        )

    def inside_m(self, lon: FloatArray, lat: FloatArray) -> FloatArray:
        """
        Measure how deep points lie inside of the data: metres to its border, 0 outside of it.

        A service that is not in the data is at least that far. NaN without location.
        """
        x, y = metric_transformer(self.crs).transform(lon, lat, errcheck=False)
        usable = np.isfinite(x) & np.isfinite(y)
        points = shapely.points(np.where(usable, x, 0.0), np.where(usable, y, 0.0))
        border_m = shapely.distance(points, shapely.boundary(self.extent))
        border_m = np.where(shapely.contains(self.extent, points), border_m, 0.0)
        located = np.isfinite(lon) & np.isfinite(lat)
        return np.asarray(np.where(located, np.where(usable, border_m, 0.0), np.nan))

    def lines(self, edge: IntArray) -> npt.NDArray[np.object_]:
        """Draw edges as lines, in the CRS of the network."""
        first, last = self.start[edge].astype(np.int64), self.stop[edge].astype(np.int64)
        at, size = _runs(first, last + 1)
        lines: npt.NDArray[np.object_] = shapely.linestrings(
            np.column_stack([self.x[at], self.y[at]]), indices=np.repeat(np.arange(len(edge)), size)
        )
        return lines

    def position(self, edge: IntArray, along_m: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return longitude and latitude of places given by edge and metres along it."""
        before, share = self._step(edge, along_m)
        return _between(self.lon, before, share), _between(self.lat, before, share)

    def metric_position(self, edge: IntArray, along_m: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return x and y, in the CRS of the network, of places given by edge and metres."""
        before, share = self._step(edge, along_m)
        return _between(self.x, before, share), _between(self.y, before, share)

    def _step(self, edge: IntArray, along_m: FloatArray) -> tuple[IntArray, FloatArray]:
        """Return the position before each place of an edge, and the share of the step after it."""
        target_m = self.cum_m[self.start[edge]] + along_m
        after = np.clip(
            np.searchsorted(self.cum_m, target_m), self.start[edge] + 1, self.stop[edge]
        )
        before = after - 1
        step_m = self.cum_m[after] - self.cum_m[before]
        share = np.divide(
            target_m - self.cum_m[before], step_m, out=np.zeros_like(step_m), where=step_m > 0
        )
        return before, np.clip(share, 0.0, 1.0)

    def piece(self, edge: int, from_m: float, to_m: float) -> FloatArray:
        """
        Return the coordinates of a piece of an edge, walked from one place to the other.

        Parameters
        ----------
        edge
            Position of the edge.
        from_m, to_m
            Metres along the edge; `from_m` may be the larger.

        Returns
        -------
        coordinates
            Array of (longitude, latitude), at least two rows.
        """
        low_m, high_m = sorted((from_m, to_m))
        inside = slice(self.start[edge], self.stop[edge] + 1)
        cum_m = self.cum_m[inside] - self.cum_m[self.start[edge]]
        kept = (cum_m > low_m) & (cum_m < high_m)
        ends_lon, ends_lat = self.position(np.array([edge, edge]), np.array([low_m, high_m]))
        coordinates = np.empty((kept.sum() + 2, 2))
        coordinates[[0, -1], 0], coordinates[[0, -1], 1] = ends_lon, ends_lat
        coordinates[1:-1, 0] = self.lon[inside][kept]
        coordinates[1:-1, 1] = self.lat[inside][kept]
        return coordinates if from_m <= to_m else coordinates[::-1]


def walk_network(
    ways: Ways, *, coverage: shapely.Geometry | None = None, with_ferries: bool = False
) -> WalkNetwork:
    """
    Build the network of walkable ways.

    Lengths are sums of geodesics between consecutive nodes. Nodes that follow one another
    at the same place count 0 m; a way of one node is not an edge.

    Parameters
    ----------
    ways
        Walkable ways and ferries only (see `siting.walkable`); their order does not matter.
    coverage
        Area of the data in degrees, when its file tells it. The extent of the network is
        the convex hull of its streets, cut to that area: both an extract that follows a
        border and the long ways that step out of it are seen.
    with_ferries
        If ferries are taken, as if one walked along them; waiting and fares are ignored.

    Raises
    ------
    NetworkError
        If there is no edge, or a coordinate is not a number.
    CrsError
        If the ways spread over more than one projection can serve.

    References
    ----------
    Karney (2013), Algorithms for geodesics, J. Geodesy 87:43-55.
    """
    if not (np.isfinite(ways.lon).all() and np.isfinite(ways.lat).all()):
        raise NetworkError("Le réseau contient un nœud sans coordonnées.")
    ways = _sorted_ways(ways, with_ferries=with_ferries)
    node_id, node = np.unique(ways.node_id, return_inverse=True)
    node_tags = _tags_of(node_id, ways)
    start, stop = _edge_spans(ways, node, is_marked=node_tags >= 0)
    cum_m = _cumulated_m(ways)
    way = np.searchsorted(ways.offset, start, side="right") - 1
    streets = Streets(
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
    return joined_streets(streets, coverage=coverage)


def joined_streets(streets: Streets, *, coverage: shapely.Geometry | None = None) -> WalkNetwork:
    """
    Build a network of edges that are known already.

    Parameters
    ----------
    streets
        The edges, in the order in which the network is to have them.
    coverage
        As for `walk_network`.

    Raises
    ------
    NetworkError
        If there is no edge.
    CrsError
        If the edges spread over more than one projection can serve.
    """
    start, stop, lon, lat = streets.start, streets.stop, streets.lon, streets.lat
    if not len(start):
        raise NetworkError("Les données ne contiennent aucune voie praticable à pied.")
    crs = metric_crs((lon.min(), lat.min(), lon.max(), lat.max()))
    x, y = metric_transformer(crs).transform(lon, lat)
    used, first, ends = np.unique(
        np.concatenate([streets.tail, streets.head]), return_index=True, return_inverse=True
    )
    at = np.concatenate([start, stop])[first]
    order = np.argsort(_morton_code(x[at], y[at]), kind="stable")
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(len(order))
    u, v = np.split(place[ends], 2)
    node_tags = streets.node_tags[used][order].astype(np.int32)
    closed = np.array([is_closed_node(tags) for tags in streets.tag_sets] + [False])
    component = components(u, v, closed[node_tags])
    segment_edge = _segment_edges(start, stop, len(lon))
    return WalkNetwork(
        crs=crs,
        extent=_extent(x, y, crs, coverage=coverage),
        tag_sets=streets.tag_sets,
        node_id=streets.node_id[used][order],
        node_tags=node_tags,
        u=u,
        v=v,
        length_m=streets.length_m,
        way_id=streets.way_id,
        tags=streets.tags.astype(np.int32),
        start=start.astype(np.int32),
        stop=stop.astype(np.int32),
        component=component,
        rank=island_ranks(component, streets.length_m),
        lon=lon,
        lat=lat,
        x=x,
        y=y,
        cum_m=streets.cum_m,
        height_m=streets.height_m,
        segment_edge=segment_edge,
        grid=segment_grid(x, y, segment_edge),
    )


def components(
    u: Int32Array,
    v: Int32Array,
    is_closed: npt.NDArray[np.bool_],
    *,
    is_open: npt.NDArray[np.bool_] | None = None,
) -> Int32Array:
    """
    Tell by number which piece of network each edge is of; closed nodes join no edge to another.

    An edge that is not open (`is_open`; by default all are) is a piece by itself. One-way
    edges count as joined both ways.
    """
    n_nodes, n_edges = len(is_closed), len(u)
    shut = np.zeros(n_edges, dtype=bool) if is_open is None else ~is_open
    tail = np.where(shut | is_closed[u], n_nodes + np.arange(n_edges), u)
    head = np.where(shut | is_closed[v], n_nodes + n_edges + np.arange(n_edges), v)
    size = n_nodes + 2 * n_edges
    links = sparse.coo_array((np.ones(n_edges, dtype=np.int8), (tail, head)), shape=(size, size))
    _, labels = sparse.csgraph.connected_components(links, directed=False)
    _, component = np.unique(labels[tail], return_inverse=True)
    return component.astype(np.int32)


def island_ranks(component: Int32Array, length_m: FloatArray) -> RankArray:
    """Tell edges of tiny islands (`TINY_ISLAND_M`) from those of the mainland."""
    street_m = np.bincount(component, weights=length_m)
    is_tiny = street_m < TINY_ISLAND_M
    is_tiny[np.argmax(street_m)] = False
    return np.where(is_tiny[component], ISLAND, MAINLAND).astype(np.int8)


def _between(values: FloatArray, before: IntArray, share: FloatArray) -> FloatArray:
    return np.asarray(values[before] + share * (values[before + 1] - values[before]))


def _extent(
    x: FloatArray, y: FloatArray, crs: CRS, *, coverage: shapely.Geometry | None
) -> shapely.Geometry:
    hull = shapely.convex_hull(shapely.linestrings(x, y))
    if coverage is None:
        return hull
    to_metric = metric_transformer(crs)
    west, south, east, north = (float(side) for side in shapely.bounds(hull))
    degrees = to_metric.transform_bounds(west, south, east, north, direction="INVERSE")
    # A file may claim the whole world, which cannot be projected: what is near is enough.
    near = shapely.box(*degrees).buffer(_MARGIN_DEG)
    covered = shapely.transform(
        shapely.segmentize(shapely.intersection(coverage, near), _COVERAGE_STEP_DEG),
        lambda at: np.column_stack(to_metric.transform(at[:, 0], at[:, 1])),
    )
    return shapely.intersection(hull, covered)


def _runs(first: IntArray, after: IntArray) -> tuple[IntArray, IntArray]:
    """Return the positions from `first` to before `after`, run after run, and their numbers."""
    size = after - first
    offset = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    return np.repeat(first - offset[:-1], size) + np.arange(offset[-1]), size


def _sorted_ways(ways: Ways, *, with_ferries: bool) -> Ways:
    """Put ways in the order of their identifiers, with ferries or without."""
    ferry = np.array([is_ferry(tags) for tags in ways.tag_sets], dtype=bool)
    kept = np.flatnonzero(with_ferries | ~ferry[ways.tags])
    order = kept[np.argsort(ways.way_id[kept], kind="stable")]
    at, size = _runs(ways.offset[order], ways.offset[order + 1])
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


def _segment_edges(start: IntArray, stop: IntArray, n_positions: int) -> Int32Array:
    edge = np.full(n_positions, -1, dtype=np.int32)
    at, size = _runs(start, stop)
    edge[at] = np.repeat(np.arange(len(start), dtype=np.int32), size)
    return edge


def _morton_code(x: FloatArray, y: FloatArray) -> IntArray:
    """
    Rank places along a space-filling curve: bits of x and y in turn.

    References
    ----------
    Morton (1966), A computer oriented geodetic data base, IBM Ottawa.
    """
    code = np.zeros(len(x), dtype=np.int64)
    side_m = max(float(np.ptp(x)), float(np.ptp(y)), 1.0)
    for shift, values in enumerate((x, y)):
        cell = ((values - values.min()) / side_m * (2**_MORTON_BITS - 1)).astype(np.int64)
        for bit in range(_MORTON_BITS):
            code |= ((cell >> bit) & 1) << (2 * bit + shift)
    return code
