"""The streets reached on foot from a site within minutes, and the isochrones around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.crs import WGS84, FloatArray, IntArray, metric_transformer, require_crs
from siting.graph import WalkGraph
from siting.grid import edges_in_boxes
from siting.isochrones import StreetPieces, isochrone_polygons
from siting.network import Snaps, WalkNetwork
from siting.search import Walker
from siting.tables import ISOCHRONES
from siting.ways import runs

REACH_M = 50.0  # beyond it a site is said to be far from its street


def isochrones(
    sites: gpd.GeoDataFrame,
    graph: WalkGraph,
    *,
    minutes: Sequence[int],
    snap_limit_m: float = 200.0,
    on_progress: Callable[[int], None] | None = None,
) -> gpd.GeoDataFrame:
    """
    Draw what is reached on foot around each site within minutes.

    An isochrone holds the places whose nearest street is reached within the time, and that are
    at most `REACH_M` from it: those that siting would put on a street that is reached. It
    ends across the street where the time ends, and holds no piece of street that is not
    reached. The walk from the site to its street counts, the one from the street to the
    place does not. What tags, steps, crossings and slopes do to the walk is as for
    `siting.access.accessibility`.

    Parameters
    ----------
    sites
        Table SITES.
    graph
        Network and walker.
    minutes
        Walking times, one polygon each.
    snap_limit_m
        A site further than this from any edge has empty polygons.
    on_progress
        Called with 1 after each site.

    Returns
    -------
    isochrones
        Table ISOCHRONES: each site and time, in the order of `sites`; the polygon is empty
        for a site without location, or off the network. The same whatever the order of the
        data.

    Raises
    ------
    CrsError
        If the sites have no CRS, or are not in WGS84.
    """
    require_crs(sites, "sites")
    times = sorted(set(minutes))
    lon, lat = sites.geometry.x.to_numpy(np.float64), sites.geometry.y.to_numpy(np.float64)
    snaps = graph.network.snap(lon, lat, limit_m=snap_limit_m, rank=graph.rank)
    walker = Walker(graph)
    shapes: list[shapely.Geometry] = []
    for site in range(len(sites)):
        if snaps.edge[site] < 0:
            shapes += [shapely.MultiPolygon()] * len(times)
        else:
            pieces = street_pieces(walker, snaps, site, longest_min=float(times[-1]))
            shapes += isochrone_polygons(pieces, minutes=times, reach_m=REACH_M)
        if on_progress is not None:
            on_progress(1)
    to_metric = metric_transformer(graph.network.crs)
    degrees = shapely.transform(
        np.array(shapes, dtype=object),
        lambda at: np.column_stack(to_metric.transform(at[:, 0], at[:, 1], direction="INVERSE")),
    )
    index = pd.MultiIndex.from_product([sites.index, times], names=ISOCHRONES.index_names)
    frame = pd.DataFrame({"area_m2": shapely.area(np.array(shapes, dtype=object))}, index=index)
    return ISOCHRONES.conform(gpd.GeoDataFrame(frame, geometry=degrees, crs=WGS84))


def street_pieces(walker: Walker, snaps: Snaps, site: int, *, longest_min: float) -> StreetPieces:
    """
    Cut the streets around a site into straight pieces along which time goes evenly.

    All streets around what is reached are there, those that are not reached too. Searches
    with `walker`, whose former search is lost.
    """
    graph, network = walker.graph, walker.graph.network
    first_edge = int(snaps.edge[site])
    first_m, snap_m = float(snaps.along_m[site]), float(snaps.snap_m[site])
    walker.search(first_edge, first_m, snap_m, searched_m=graph.profile.metres(longest_min))
    edge = _edges_around(network, walker.settled, first_edge)
    effort_u, effort_v = _efforts_at_ends(walker, edge)
    along, against = graph.edges.along[edge], graph.edges.against[edge]
    length_m = graph.edges.length_m[edge]

    is_first = edge == first_edge
    forth, back = float(graph.edges.along[first_edge]), float(graph.edges.against[first_edge])

    def efforts_m(of: IntArray, at_m: FloatArray, ahead: FloatArray) -> FloatArray:
        """Return the effort by the first end, by the last, and along the first edge (rows)."""
        gap_m = at_m - first_m
        along_first = np.where(ahead > 0, _walked(forth, gap_m), _walked(back, -gap_m))
        return np.stack(
            [
                effort_u[of] + _walked(along[of], at_m),
                effort_v[of] + _walked(against[of], length_m[of] - at_m),
                np.where(is_first[of], snap_m + along_first, np.inf),
            ]
        )

    of, at_m = _cuts(network, edge)
    # Where the walks from both ends of an edge meet, and, on the edge of the site, where the
    # walk along it meets the one that comes round.
    with np.errstate(invalid="ignore", divide="ignore"):
        meet_m = (effort_v + against * length_m - effort_u) / (along + against)
        ahead_m = (effort_v + against * length_m - snap_m + forth * first_m) / (forth + against)
        behind_m = (snap_m + back * first_m - effort_u) / (along + back)
    here = np.flatnonzero(is_first)
    more_of = np.concatenate([np.arange(len(edge)), here, here, here])
    more_m = np.concatenate([meet_m, np.full(len(here), first_m), ahead_m[here], behind_m[here]])
    inside = np.isfinite(more_m) & (more_m > 0) & (more_m < length_m[more_of])
    of = np.concatenate([of, more_of[inside]])
    at_m = np.concatenate([at_m, more_m[inside]])
    order = np.lexsort((at_m, of))
    of, at_m = of[order], at_m[order]
    x, y = network.metric_position(edge[of], at_m)
    joined = (of[1:] == of[:-1]) & (at_m[1:] > at_m[:-1])
    tail, head = np.flatnonzero(joined), np.flatnonzero(joined) + 1
    middle_m = (at_m[tail] + at_m[head]) / 2
    # One of the ways to a piece is the quickest all along it: the one to its middle. On either
    # side of an end another may be, or none.
    ahead = middle_m - first_m
    way = np.argmin(efforts_m(of[tail], middle_m, ahead), axis=0)
    times_min = [
        graph.profile.minutes(
            np.take_along_axis(efforts_m(of[ends], at_m[ends], ahead), way[None], axis=0)[0]
        )
        for ends in (tail, head)
    ]
    return StreetPieces(
        x0=x[tail],
        y0=y[tail],
        x1=x[head],
        y1=y[head],
        min_0=times_min[0],
        min_1=times_min[1],
    )


def _walked(pace: FloatArray | float, metres: FloatArray) -> FloatArray:
    """Return the effort of metres, inf where nobody may walk."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(pace), pace * metres, np.inf)


def _edges_around(network: WalkNetwork, settled: IntArray, first_edge: int) -> IntArray:
    """Return the edges around junctions and a first edge, those further than needed included."""
    is_settled = np.zeros(network.n_nodes, dtype=bool)
    is_settled[settled] = True
    is_reached = is_settled[network.u] | is_settled[network.v]
    is_reached[first_edge] = True
    reached = np.flatnonzero(is_reached)
    at, _ = _bends(network, reached)
    x, y = network.x[at], network.y[at]
    box = [
        x.min() - 2 * REACH_M,
        y.min() - 2 * REACH_M,
        x.max() + 2 * REACH_M,
        y.max() + 2 * REACH_M,
    ]
    _, near = edges_in_boxes(network.grid, np.asarray(network.segment_edge), np.array([box]))
    return np.unique(np.concatenate([near, reached]))


def _bends(network: WalkNetwork, edge: IntArray) -> tuple[IntArray, IntArray]:
    """Return the positions of the bends of edges, ends included, and how many each has."""
    return runs(network.start[edge].astype(np.int64), network.stop[edge].astype(np.int64) + 1)


def _efforts_at_ends(walker: Walker, edge: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the efforts with which edges are entered, inf at ends that nobody comes through."""
    edges, effort_m = walker.graph.edges, np.append(walker.effort_m, np.inf)
    return effort_m[edges.u[edge]], effort_m[edges.v[edge]]


def _cuts(network: WalkNetwork, edge: IntArray) -> tuple[IntArray, FloatArray]:
    """Return the bends of edges: which edge each is of, and metres along it."""
    at, size = _bends(network, edge)
    of = np.repeat(np.arange(len(edge)), size)
    return of, network.cum_m[at] - network.cum_m[network.start[edge]][of]
