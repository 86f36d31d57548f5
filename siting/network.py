"""The walking network: which ways are walked, their edges in metres, and snapping onto them.

Ways come in as flat arrays and go out as edges between junctions, in compressed arrays.
Lengths are ellipsoidal metres (geodesics between the nodes of the way); the projected CRS
serves to find the nearest edge only. This module knows nothing of services nor of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS
from scipy import sparse

from siting.crs import FloatArray, IntArray, geodesic_m, metric_crs, metric_transformer
from siting.errors import NetworkError

_COVERAGE_STEP_DEG = 0.01  # the sides of a box in degrees are curves in a metric CRS
_MARGIN_DEG = 1.0  # more than what those curves swell by, over the widest network

# --- What is walkable: one table, followed to the letter by the independent engine of the tests.
# Every way with a `highway` tag, both directions, except these.
NOT_WALKED_HIGHWAYS = frozenset(
    {
        "motorway",
        "motorway_link",
        "construction",
        "proposed",
        "abandoned",
        "razed",
        "raceway",
        "escape",
        "bus_guideway",
    }
)
NOT_WALKED_TAGS: Mapping[str, frozenset[str]] = {
    "motorroad": frozenset({"yes"}),
    "area": frozenset({"yes"}),
    "foot": frozenset({"no", "private", "use_sidepath"}),
}
CLOSED_ACCESS = frozenset({"no", "private"})
FOOT_OPENS_ACCESS = frozenset({"yes", "designated", "permissive"})


def is_walkable(tags: Mapping[str, str]) -> bool:
    """
    Tell if people may walk along a way with these OpenStreetMap tags.

    Steps, cycleways, trunk roads and service roads are walked; `sidewalk=separate`
    changes nothing. Surface, width, slope and barriers are not looked at.
    """
    highway = tags.get("highway")
    if highway is None or highway in NOT_WALKED_HIGHWAYS:
        return False
    if any(tags.get(key) in refused for key, refused in NOT_WALKED_TAGS.items()):
        return False
    return tags.get("access") not in CLOSED_ACCESS or tags.get("foot") in FOOT_OPENS_ACCESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """
    Walkable ways as flat arrays: way `i` owns the positions `offset[i]` to `offset[i + 1]`.

    Two ways meet where they share a node, and nowhere else: a bridge does not touch the
    street below.
    """

    way_id: IntArray
    offset: IntArray
    node_id: IntArray
    lon: FloatArray
    lat: FloatArray


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

    An edge runs along one way between two junctions (ends of ways, and nodes where ways
    meet); what lies between is its geometry. `u` and `v` are positions of its end nodes,
    `start` and `stop` the positions of its coordinates in `lon`, `lat` and `cum_m`, metres
    counted along all ways laid end to end. All components are kept. `extent` is the area
    that the data covers, in the CRS of the network: what lies outside of it is not known.
    """

    crs: CRS
    node_id: IntArray
    u: IntArray
    v: IntArray
    length_m: FloatArray
    way_id: IntArray
    start: IntArray
    stop: IntArray
    lon: FloatArray
    lat: FloatArray
    cum_m: FloatArray
    component: IntArray
    lines: npt.NDArray[np.object_]
    tree: shapely.STRtree
    extent: shapely.Geometry

    @property
    def n_nodes(self) -> int:
        """Number of junctions."""
        return len(self.node_id)

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return len(self.u)

    def snap(self, lon: FloatArray, lat: FloatArray, *, limit_m: float) -> Snaps:
        """
        Snap points onto the nearest edge of any component.

        Parameters
        ----------
        lon, lat
            Degrees; NaN for a point without location.
        limit_m
            Points further than this, in metres, are not on the network; their `snap_m` is
            still told up to five times the limit.

        Notes
        -----
        Of edges at the same distance the first one, in the order of way identifiers, is taken.
        """
        x, y = metric_transformer(self.crs).transform(lon, lat, errcheck=False)
        points = shapely.points(x, y)
        usable = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        edge = np.full(len(points), -1, dtype=np.int64)
        at, hit = self.tree.query_nearest(
            points[usable], max_distance=5 * limit_m, all_matches=True
        )
        order = np.lexsort((hit, at))
        at, first = np.unique(at[order], return_index=True)
        edge[usable[at]] = hit[order][first]
        along_m, snap_m = self._footing(edge, points, lon, lat)
        edge[~(snap_m <= limit_m)] = -1
        along_m[edge < 0] = np.nan
        return Snaps(edge=edge, along_m=along_m, snap_m=snap_m)

    def _footing(
        self, edge: IntArray, points: npt.NDArray[np.object_], lon: FloatArray, lat: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        along_m = np.full(len(edge), np.nan)
        snap_m = np.full(len(edge), np.nan)
        on = np.flatnonzero(edge >= 0)
        along_m[on] = self.along_m(edge[on], points[on])
        foot_lon, foot_lat = self.position(edge[on], along_m[on])
        snap_m[on] = geodesic_m(lon[on], lat[on], foot_lon, foot_lat)
        return along_m, snap_m

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

    def along_m(self, edge: IntArray, points: npt.NDArray[np.object_]) -> FloatArray:
        """
        Measure how far along their edges points of the network's CRS project, in metres.

        The projected length along the edge is scaled to its ellipsoidal length: one scale
        per edge, right to a few centimetres on edges of some kilometres.
        """
        lines = self.lines[edge]
        drawn_m = shapely.length(lines)
        share = shapely.line_locate_point(lines, points) / np.where(drawn_m > 0, drawn_m, 1.0)
        return np.asarray(share * self.length_m[edge], dtype=np.float64)

    def position(self, edge: IntArray, along_m: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return longitude and latitude of places given by edge and metres along it."""
        target_m = self.cum_m[self.start[edge]] + along_m
        after = np.clip(
            np.searchsorted(self.cum_m, target_m), self.start[edge] + 1, self.stop[edge]
        )
        before = after - 1
        step_m = self.cum_m[after] - self.cum_m[before]
        share = np.divide(
            target_m - self.cum_m[before], step_m, out=np.zeros_like(step_m), where=step_m > 0
        )
        share = np.clip(share, 0.0, 1.0)
        lon = self.lon[before] + share * (self.lon[after] - self.lon[before])
        lat = self.lat[before] + share * (self.lat[after] - self.lat[before])
        return lon, lat

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


def walk_network(ways: Ways, *, coverage: shapely.Geometry | None = None) -> WalkNetwork:
    """
    Build the network of walkable ways.

    Lengths are sums of geodesics between consecutive nodes. Nodes that follow one another
    at the same place count 0 m; a way of one node is not an edge.

    Parameters
    ----------
    ways
        Walkable ways only (see `is_walkable`); their order does not matter.
    coverage
        Area of the data in degrees, when its file tells it. The extent of the network is
        the convex hull of its streets, cut to that area: both an extract that follows a
        border and the long ways that step out of it are seen.

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
    ways = _sorted_ways(ways)
    if not (np.isfinite(ways.lon).all() and np.isfinite(ways.lat).all()):
        raise NetworkError("Le réseau contient un nœud sans coordonnées.")
    node_id, node = np.unique(ways.node_id, return_inverse=True)
    start, stop = _edge_spans(ways, node)
    if not len(start):
        raise NetworkError("Les données ne contiennent aucune voie praticable à pied.")
    bounds = (ways.lon.min(), ways.lat.min(), ways.lon.max(), ways.lat.max())
    crs = metric_crs(bounds)
    cum_m = _cumulated_m(ways)
    used, ends = np.unique(np.concatenate([node[start], node[stop]]), return_inverse=True)
    u, v = np.split(ends, 2)
    xy = np.column_stack(metric_transformer(crs).transform(ways.lon, ways.lat))
    lines = _lines(xy, start, stop)
    way = np.searchsorted(ways.offset, start, side="right") - 1
    return WalkNetwork(
        crs=crs,
        node_id=node_id[used],
        u=u,
        v=v,
        length_m=cum_m[stop] - cum_m[start],
        way_id=ways.way_id[way],
        start=start,
        stop=stop,
        lon=ways.lon,
        lat=ways.lat,
        cum_m=cum_m,
        component=_components(u, v, len(used)),
        lines=lines,
        tree=shapely.STRtree(lines),
        extent=_extent(xy, crs, coverage=coverage, bounds=bounds),
    )


def _extent(
    xy: FloatArray,
    crs: CRS,
    *,
    coverage: shapely.Geometry | None,
    bounds: tuple[float, float, float, float],
) -> shapely.Geometry:
    hull = shapely.convex_hull(shapely.multipoints(xy))
    if coverage is None:
        return hull
    # A file may claim the whole world, which cannot be projected: what is near is enough.
    near = shapely.intersection(coverage, shapely.buffer(shapely.box(*bounds), _MARGIN_DEG))
    to_metric = metric_transformer(crs)
    covered = shapely.transform(
        shapely.segmentize(near, _COVERAGE_STEP_DEG),
        lambda at: np.column_stack(to_metric.transform(at[:, 0], at[:, 1])),
    )
    return shapely.intersection(hull, covered)


def _sorted_ways(ways: Ways) -> Ways:
    order = np.argsort(ways.way_id, kind="stable")
    size = np.diff(ways.offset)[order]
    offset = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    at = np.repeat(ways.offset[:-1][order] - offset[:-1], size) + np.arange(offset[-1])
    return Ways(
        way_id=ways.way_id[order],
        offset=offset,
        node_id=ways.node_id[at],
        lon=ways.lon[at],
        lat=ways.lat[at],
    )


def _edge_spans(ways: Ways, node: IntArray) -> tuple[IntArray, IntArray]:
    """
    Cut ways at their ends, where a node is used twice, and where a way turns back on itself.

    Return the first and the last position of each edge.
    """
    is_cut = np.bincount(node)[node] > 1
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


def _lines(xy: FloatArray, start: IntArray, stop: IntArray) -> npt.NDArray[np.object_]:
    size = stop - start + 1
    first = np.concatenate([[0], np.cumsum(size)[:-1]])
    at = np.repeat(start - first, size) + np.arange(size.sum())
    lines: npt.NDArray[np.object_] = shapely.linestrings(
        xy[at], indices=np.repeat(np.arange(len(start)), size)
    )
    return lines


def _components(u: IntArray, v: IntArray, n_nodes: int) -> IntArray:
    links = sparse.coo_array((np.ones(len(u)), (u, v)), shape=(n_nodes, n_nodes))
    _, labels = sparse.csgraph.connected_components(links, directed=False)
    return np.asarray(labels, dtype=np.int64)
