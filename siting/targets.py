"""Where services are reached: their entrances, their points, or their outlines."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import Transformer

from siting.crs import FloatArray, IntArray, metric_transformer, require_crs
from siting.garbage import no_collection
from siting.grid import UNUSABLE, RankArray, edges_in_boxes
from siting.network import Snaps, WalkNetwork

# Places of outlines are looked at every so many metres: where a street runs along an outline,
# and where an outline that no street meets is near to the streets around it.
STEP_M = 10.0
# The outline of a large area is longer than this; the area is reached at each of its places
# that are at most `FURTHER_M` further from a street than its nearest one.
LARGE_OUTLINE_M = 200.0
FURTHER_M = 10.0

_POINTS = (0, 4)  # shapely's type ids of Point and MultiPoint
_AREAS = (3, 6)  # Polygon and MultiPolygon
# Values with which a street is on the ground; others run over or under what they cross.
_ON_GROUND = {
    "bridge": ("", "no"),
    "tunnel": ("", "no", "building_passage"),
    "layer": ("", "0"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """
    Places where services are reached, sorted by group; a group may have several.

    `service` is a position in the table of services, `lon` and `lat` are degrees, and
    `snaps` tells where the place meets the network. `group` is the position of the first of
    the rows that are one service: the platforms of a stop, which name each other.
    """

    service: IntArray
    group: IntArray
    lon: FloatArray
    lat: FloatArray
    snaps: Snaps


@no_collection()
def service_targets(
    services: gpd.GeoDataFrame,
    network: WalkNetwork,
    *,
    limit_m: float,
    rank: RankArray | None = None,
) -> Targets:
    """
    Find where each service is reached.

    A point is a target, and so is each entrance of an area. An area without entrance, or a
    line, is reached wherever a street meets its outline. An area that no street meets is
    reached at the place of its outline nearest to a street; a large one (`LARGE_OUTLINE_M` of
    outline) also at its places `STEP_M` apart that are at most `FURTHER_M` further from a
    street than that. Streets on a bridge, in a tunnel or on another layer than the ground are
    looked at only for an area that has no other within the limit. Never at its centre; inner
    rings are ignored.

    Parameters
    ----------
    services
        Table SERVICES.
    network
        Walking network.
    limit_m
        A target further than this from any edge, in metres, is not on the network.
    rank
        Rank of each edge for the walker; by default, that of anybody.

    Raises
    ------
    CrsError
        If the services have no CRS, or are not in WGS84.
    """
    require_crs(services, "services")
    shapes = services.geometry.to_numpy()
    is_point = np.isin(shapely.get_type_id(shapes), _POINTS)
    points, of_point = shapely.get_coordinates(shapes[is_point], return_index=True)
    rank = network.rank if rank is None else rank
    ground = np.where(_is_on_ground(network), rank, UNUSABLE).astype(np.int8)
    gates, of_gate = _gates(shapes[~is_point], network, ground, limit_m=limit_m)
    service = np.concatenate(
        [np.flatnonzero(is_point)[of_point], np.flatnonzero(~is_point)[of_gate]]
    )
    places = np.concatenate([points, gates])
    group = service_groups(services)[service]
    order = np.lexsort((places[:, 1], places[:, 0], service, group))
    lon, lat = places[order, 0], places[order, 1]
    snaps = network.snap(lon, lat, limit_m=limit_m, rank=rank)
    of_area = np.flatnonzero(~is_point[service[order]])
    on_ground = network.snap(lon[of_area], lat[of_area], limit_m=limit_m, rank=ground)
    for name in ("edge", "along_m", "snap_m"):
        getattr(snaps, name)[of_area[on_ground.is_on]] = getattr(on_ground, name)[on_ground.is_on]
    return Targets(service=service[order], group=group[order], lon=lon, lat=lat, snaps=snaps)


def service_groups(services: gpd.GeoDataFrame) -> IntArray:
    """
    Return, for each row of SERVICES, the position of the first row that is the same service.

    Rows are the same service when one names the other in `merged_ids`, as the platforms of
    a stop do; a merged object that has no row of its own changes nothing.
    """
    position = pd.Series(np.arange(len(services)), index=services.index)
    named = services["merged_ids"].str.split(";").explode().map(position)
    first = named.groupby(level=0).min().reindex(services.index)
    return np.asarray(np.fmin(position.to_numpy(), first.to_numpy(np.float64)), dtype=np.int64)


def _is_on_ground(network: WalkNetwork) -> npt.NDArray[np.bool_]:
    """Tell the edges that neither cross over what is below nor run under it."""
    on_ground = [
        all(tags.get(key, "") in values for key, values in _ON_GROUND.items())
        for tags in network.tag_sets
    ]
    return np.array(on_ground, dtype=bool)[network.tags]


def _gates(
    shapes: npt.NDArray[np.object_], network: WalkNetwork, ground: RankArray, *, limit_m: float
) -> tuple[FloatArray, IntArray]:
    """Return where outlines are reached (longitude, latitude), and which outline each is of."""
    to_metric = metric_transformer(network.crs)
    outlines = _outlines(shapes, to_metric)
    places, of = _crossings(outlines, network)
    for rank in (ground, None):  # other streets for what has none on the ground
        apart = np.setdiff1d(np.flatnonzero(~shapely.is_empty(outlines)), of)
        feet, of_foot = _feet(outlines[apart], network, limit_m=limit_m, rank=rank)
        places, of = np.concatenate([places, feet]), np.concatenate([of, apart[of_foot]])
    x, y = places.T
    return np.column_stack(to_metric.transform(x, y, direction="INVERSE")), of


def _crossings(
    outlines: npt.NDArray[np.object_], network: WalkNetwork
) -> tuple[FloatArray, IntArray]:
    """Return where streets on the ground meet outlines, and which outline each place is of."""
    outline, edge = edges_in_boxes(network.grid, network.segment_edge, shapely.bounds(outlines))
    on_ground = _is_on_ground(network)[edge]
    outline, edge = outline[on_ground], edge[on_ground]
    drawn, at = np.unique(edge, return_inverse=True)
    shared = shapely.intersection(outlines[outline], network.lines(drawn)[at])
    places, pair = shapely.get_coordinates(shapely.segmentize(shared, STEP_M), return_index=True)
    return places, outline[pair]


def _feet(
    outlines: npt.NDArray[np.object_],
    network: WalkNetwork,
    *,
    limit_m: float,
    rank: RankArray | None,
) -> tuple[FloatArray, IntArray]:
    """Return the places of outlines that are nearest to streets, and which outline each is of."""
    samples, of = shapely.get_coordinates(shapely.segmentize(outlines, STEP_M), return_index=True)
    segment, gap_m = network.nearest(samples[:, 0], samples[:, 1], limit_m=limit_m, rank=rank)
    if rank is not None:
        segment = np.where(gap_m <= limit_m, segment, -1)
    best_m = np.full(len(outlines), np.inf)
    np.minimum.at(best_m, of, gap_m)
    # The foot itself lies between two samples: it is on an edge near to one of them.
    near = np.flatnonzero((segment >= 0) & (gap_m <= best_m[of] + STEP_M))
    pairs = np.unique(np.column_stack([of[near], network.segment_edge[segment[near]]]), axis=0)
    ties = shapely.shortest_line(outlines[pairs[:, 0]], network.lines(pairs[:, 1]))
    order = np.lexsort((pairs[:, 1], shapely.length(ties), pairs[:, 0]))
    foot, first = np.unique(pairs[order, 0], return_index=True)
    feet = shapely.get_coordinates(shapely.get_point(ties[order[first]], 0))
    is_large = shapely.length(outlines) > LARGE_OUTLINE_M
    more = near[is_large[of[near]] & (gap_m[near] <= best_m[of[near]] + FURTHER_M)]
    return np.concatenate([feet, samples[more]]), np.concatenate([foot, of[more]])


def _outlines(shapes: npt.NDArray[np.object_], to_metric: Transformer) -> npt.NDArray[np.object_]:
    """Return the outer outlines of areas, and lines as they are, in the CRS of the network."""
    outlines = shapes.copy()
    for position in np.flatnonzero(np.isin(shapely.get_type_id(shapes), _AREAS)):
        rings = shapely.get_exterior_ring(shapely.get_parts(shapes[position]))
        outlines[position] = shapely.multilinestrings(rings)
    moved: npt.NDArray[np.object_] = shapely.transform(
        outlines, lambda at: np.column_stack(to_metric.transform(at[:, 0], at[:, 1]))
    )
    return moved
