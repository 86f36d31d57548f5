"""The walking network: edges in metres between junctions, and snapping onto them.

Ways come in as flat arrays and go out as edges between junctions, in flat arrays too, so that
a network can be kept on disk and opened in place. Lengths are ellipsoidal metres (geodesics
between the nodes of the way); the projected CRS serves to find the nearest edge only. This
module knows nothing of walkers, services nor files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS

from siting.crs import FloatArray, IntArray, geodesic_m, metric_crs, metric_transformer
from siting.errors import NetworkError
from siting.extent import Coverage, Excerpt, data_extent
from siting.grid import (
    Int32Array,
    RankArray,
    SegmentGrid,
    morton_code,
    nearest_segments,
    segment_grid,
)
from siting.pieces import components, island_ranks
from siting.walkable import is_closed_node
from siting.ways import Streets, Ways, cut_ways, runs

if TYPE_CHECKING:
    from siting.convert import OsmnxGraph

_SAME_PLACE_M = 1e-6  # a place this close to the end of an edge is at the end


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
    near
        Area in degrees; outside of it, streets of the data may be left out. None for nowhere.
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
    near: shapely.Geometry | None = None

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
        A point whose nearest edge is of a tiny island (less than `siting.pieces.TINY_ISLAND_M`
        of street) is put on the nearest edge that is not, when that one is at most
        `siting.grid.ISLAND_DETOUR_M` further; else it stays on the island. Of edges at the same
        distance, the first one in the order of way identifiers is taken.
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
        at_end = self.length_m[edge[on]] - along_m[on] < _SAME_PLACE_M
        along_m[on] = np.where(at_end, self.length_m[edge[on]], along_m[on])
        along_m[along_m < _SAME_PLACE_M] = 0.0
        foot_lon = self.lon[at] + part * (self.lon[at + 1] - self.lon[at])
        foot_lat = self.lat[at] + part * (self.lat[at + 1] - self.lat[at])
        snap_m[on] = geodesic_m(lon[on], lat[on], foot_lon, foot_lat)
        edge[~(snap_m <= limit_m)] = -1
        along_m[edge < 0] = np.nan
        return Snaps(edge=edge, along_m=along_m, snap_m=snap_m)

    def nearest(
        self, x: FloatArray, y: FloatArray, *, limit_m: float, rank: RankArray | None = None
    ) -> tuple[IntArray, FloatArray]:
        """
        Find the segment nearest to places of the CRS of the network, and the metres to it.

        Segments are chosen as by `snap`; -1 and inf where there is none within five times
        the limit. Metres are planar.
        """
        segment, share = self._nearest(x, y, limit_m=limit_m, rank=rank)
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
        at, size = runs(self.start[edge].astype(np.int64), self.stop[edge].astype(np.int64) + 1)
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
    ways: Ways,
    *,
    coverage: Coverage | None = None,
    with_ferries: bool = False,
    excerpt: Excerpt | None = None,
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
        Area of the data in degrees, when its file tells it, or that was asked. The extent of
        the network is the latter, or the convex hull of its streets, cut to the former: both an
        extract that follows a border and the long ways that step out of it are seen.
    with_ferries
        If ferries are taken, as if one walked along them; waiting and fares are ignored.
    excerpt
        What the ways are of all those of the data; None when they are all of them. The extent
        is that of the data.

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
    streets = cut_ways(ways, with_ferries=with_ferries)
    return joined_streets(streets, coverage=coverage, excerpt=excerpt)


def joined_streets(
    streets: Streets, *, coverage: Coverage | None = None, excerpt: Excerpt | None = None
) -> WalkNetwork:
    """
    Build a network of edges that are known already.

    Parameters
    ----------
    streets
        The edges, in the order in which the network is to have them.
    coverage, excerpt
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
    of_all = (lon, lat) if excerpt is None else excerpt.outline.T
    (west, east), (south, north) = ((one.min(), one.max()) for one in of_all)
    crs = metric_crs((west, south, east, north))
    x, y = metric_transformer(crs).transform(lon, lat)
    all_x, all_y = (x, y) if excerpt is None else metric_transformer(crs).transform(*of_all)
    used, first, ends = np.unique(
        np.concatenate([streets.tail, streets.head]), return_index=True, return_inverse=True
    )
    at = np.concatenate([start, stop])[first]
    order = np.argsort(morton_code(x[at], y[at]), kind="stable")
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(len(order))
    u, v = np.split(place[ends], 2)
    node_tags = streets.node_tags[used][order].astype(np.int32)
    closed = np.array([is_closed_node(tags) for tags in streets.tag_sets] + [False])
    component = components(u, v, closed[node_tags])
    segment_edge = np.full(len(lon), -1, dtype=np.int32)
    on_edge, size = runs(start, stop)
    segment_edge[on_edge] = np.repeat(np.arange(len(start), dtype=np.int32), size)
    return WalkNetwork(
        crs=crs,
        extent=data_extent(all_x, all_y, crs, coverage=coverage),
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
        near=None if excerpt is None else excerpt.near,
    )


def _between(values: FloatArray, before: IntArray, share: FloatArray) -> FloatArray:
    return np.asarray(values[before] + share * (values[before + 1] - values[before]))
