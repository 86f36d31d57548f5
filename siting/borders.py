"""Points against polygons: the one that holds a point, the nearest other, how far it is."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from siting.crs import FloatArray, IntArray, by_territory, geodesic_m, metric_transformer

_DEGREE_M = 110_000.0  # a degree of latitude is never shorter than 110.5 km


def holding(points: gpd.GeoSeries, polygons: gpd.GeoDataFrame) -> IntArray:
    """Find the number of the first polygon that holds or touches each point, -1 when none."""
    point, polygon = shapely.STRtree(polygons.geometry.to_numpy()).query(
        points.to_numpy(), predicate="intersects"
    )
    first = pd.Series(polygon).groupby(point).min().reindex(range(len(points)), fill_value=-1)
    return np.asarray(first, dtype=np.int64)


def nearest_other(
    points: gpd.GeoSeries, polygons: gpd.GeoDataFrame, own: IntArray, *, within_m: float
) -> tuple[IntArray, FloatArray]:
    """
    Find the polygon nearest to each point, its own one apart.

    Parameters
    ----------
    points, polygons
        In WGS84; no point missing.
    own
        Number of the polygon to leave out for each point, -1 for none.
    within_m
        Longest distance searched, in metres.

    Returns
    -------
    nearest, nearest_m
        Number of the polygon, the first of equally near ones, -1 when none is in reach; and
        the ellipsoidal metres to it, NaN when none is.
    """
    where, other = shapely.STRtree(polygons.geometry.to_numpy()).query(
        _boxes(points, within_m), predicate="intersects"
    )
    is_other = other != own[where]
    where, other = where[is_other], other[is_other]
    found_m = gaps_m(points.iloc[where], polygons.geometry.iloc[other])
    pairs = pd.DataFrame({"where": where, "other": other, "gap_m": found_m})
    pairs = pairs[pairs["gap_m"] <= within_m].sort_values(["where", "gap_m", "other"])
    first = pairs.drop_duplicates("where")
    nearest = np.full(len(points), -1, dtype=np.int64)
    nearest_m = np.full(len(points), np.nan)
    nearest[first["where"]] = first["other"]
    nearest_m[first["where"]] = first["gap_m"]
    return nearest, nearest_m


def gaps_m(points: gpd.GeoSeries, polygons: gpd.GeoSeries) -> FloatArray:
    """
    Measure from each point to the polygon of the same row, 0 inside of it.

    The nearest place of the polygon is found in the metric CRS of the territory, its
    distance is in ellipsoidal metres; NaN where a point or a polygon is missing.
    """
    metres = np.full(len(points), np.nan)
    numbered = points.reset_index(drop=True)
    for crs, group in by_territory(numbered[polygons.notna().to_numpy()]):
        lines = shapely.shortest_line(
            group.to_crs(crs).to_numpy(), polygons.iloc[group.index].to_crs(crs).to_numpy()
        )
        x, y = shapely.get_coordinates(lines).reshape(-1, 2, 2).transpose(2, 0, 1)
        lon, lat = metric_transformer(crs).transform(x, y, direction="INVERSE")
        metres[group.index] = geodesic_m(lon[:, 0], lat[:, 0], lon[:, 1], lat[:, 1])
    return metres


def _boxes(points: gpd.GeoSeries, within_m: float) -> npt.NDArray[np.object_]:
    """Draw boxes in degrees that hold all that lies within `within_m` of each point."""
    lon, lat = points.x.to_numpy(), points.y.to_numpy()
    tall = within_m / _DEGREE_M
    wide = tall / np.cos(np.radians(lat))
    return np.asarray(shapely.box(lon - wide, lat - tall, lon + wide, lat + tall))
