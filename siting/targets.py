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
from siting.network import Snaps, WalkNetwork

_POINTS = (0, 4)  # shapely's type ids of Point and MultiPoint
_AREAS = (3, 6)  # Polygon and MultiPolygon
_SHARED_STEP_M = 10.0  # a stretch that outline and street share is reached all along it


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


def service_targets(services: gpd.GeoDataFrame, network: WalkNetwork, *, limit_m: float) -> Targets:
    """
    Find where each service is reached.

    A point is a target, and so is each entrance of an area. An area without entrance, or a
    line, is reached wherever a street crosses its outline, else at the point of its outline
    nearest to the network: never at its centre. Inner rings are ignored, and a street that
    crosses on a bridge or in a tunnel counts as a crossing.

    Parameters
    ----------
    services
        Table SERVICES.
    network
        Walking network.
    limit_m
        A target further than this from any edge, in metres, is not on the network.

    Raises
    ------
    CrsError
        If the services have no CRS, or are not in WGS84.
    """
    require_crs(services, "services")
    shapes = services.geometry.to_numpy()
    is_point = np.isin(shapely.get_type_id(shapes), _POINTS)
    points, of_point = shapely.get_coordinates(shapes[is_point], return_index=True)
    gates, of_gate = _gates(shapes[~is_point], network)
    service = np.concatenate(
        [np.flatnonzero(is_point)[of_point], np.flatnonzero(~is_point)[of_gate]]
    )
    places = np.concatenate([points, gates])
    group = service_groups(services)[service]
    order = np.lexsort((places[:, 1], places[:, 0], service, group))
    lon, lat = places[order, 0], places[order, 1]
    snaps = network.snap(lon, lat, limit_m=limit_m)
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


def _gates(shapes: npt.NDArray[np.object_], network: WalkNetwork) -> tuple[FloatArray, IntArray]:
    """Return where outlines are reached (longitude, latitude), and which outline each is of."""
    to_metric = metric_transformer(network.crs)
    outlines = _outlines(shapes, to_metric)
    crossed, edge = network.tree.query(outlines, predicate="intersects")
    shared = shapely.intersection(outlines[crossed], network.lines[edge])
    crossings, of_crossing = shapely.get_coordinates(
        shapely.segmentize(shared, _SHARED_STEP_M), return_index=True
    )
    apart = np.setdiff1d(np.flatnonzero(~shapely.is_empty(outlines)), crossed)
    of_foot, nearest = network.tree.query_nearest(outlines[apart], all_matches=False)
    ties = shapely.shortest_line(outlines[apart][of_foot], network.lines[nearest])
    feet = shapely.get_coordinates(shapely.get_point(ties, 0))
    x, y = np.concatenate([crossings, feet]).T
    places = np.column_stack(to_metric.transform(x, y, direction="INVERSE"))
    return places, np.concatenate([crossed[of_crossing], apart[of_foot]])


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
