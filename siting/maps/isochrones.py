"""Isochrones for a screen: polygons light enough for a page, and still one within the other."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from siting.crs import WGS84, FloatArray, metric_crs, metric_transformer
from siting.tables import ISOCHRONES

MAX_ISOCHRONE_POINTS = 150_000  # about 3 MB of coordinates
MAX_SITES_AT_ONCE = 5  # sites whose isochrones are all shown when the page opens

# Dark purple is none of the colours of sites and walks, and stays dark in grey and in all forms
# of colour vision. The shorter the time, the more layers of it, and the more solid the outline.
ISOCHRONE_COLOUR = "#4b2e83"
ISOCHRONE_OPACITY = 0.16  # of one layer; layers of shorter times lie over those of longer ones

_TOLERANCE_M = 2.5  # root of the area of the corners cut; three pixels at zoom 17
_GRID_M = 0.01  # the polygons come rounded to the centimetre
_DECIMALS = 6  # about a decimetre

_Geometries = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitStyle:
    """How the outline of a time is drawn, `width` in pixels."""

    dash: str
    width: float


_LIMITS = (
    LimitStyle(dash="none", width=3),
    LimitStyle(dash="9 5", width=2.5),
    LimitStyle(dash="2 5", width=2),
)


def limit_style(level: int) -> LimitStyle:
    """Return the style of the shortest time (level 0), of the next one..."""
    return _LIMITS[min(level, len(_LIMITS) - 1)]


def legend_opacity(level: int, n_levels: int) -> float:
    """Return the opacity of the layers of a time and of all longer ones, one over the other."""
    return round(1 - (1 - ISOCHRONE_OPACITY) ** (n_levels - level), 3)


def light_isochrones(isochrones: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """
    Simplify isochrones for a screen; that of a shorter time stays within that of a longer one.

    For drawing only: outlines move by a few metres, and positions are rounded to a decimetre.
    `area_m2` stays that of the polygons given.

    Parameters
    ----------
    isochrones
        Table ISOCHRONES.

    Returns
    -------
    isochrones
        Table ISOCHRONES without its empty polygons, site after site. It ends with the site
        with which there are more than `MAX_ISOCHRONE_POINTS` points.
    """
    drawn = isochrones[~(isochrones.geometry.isna() | isochrones.geometry.is_empty)]
    rows: list[Hashable] = []
    shapes: list[shapely.Geometry] = []
    n_points = 0
    for _, site in drawn.groupby(level="site_id", sort=False):
        if n_points > MAX_ISOCHRONE_POINTS:
            break
        by_time = site.geometry.sort_index(level="minutes")
        light = _light(by_time.to_numpy())
        n_points += int(shapely.get_num_coordinates(light).sum())
        rows += list(by_time.index)
        shapes += list(light)
    kept = drawn.loc[rows]
    lighter = gpd.GeoSeries(shapes, index=kept.index, crs=WGS84)
    return gpd.GeoDataFrame(ISOCHRONES.conform(kept.set_geometry(lighter)))


def _light(shapes: _Geometries) -> _Geometries:
    """
    Simplify polygons in degrees, each within the next, by what lies between two of them.

    The parts between are simplified together (Visvalingam-Whyatt on the coverage) and put
    together again, so that polygons which have a border in common keep it in common.
    """
    west, south, east, north = shapely.total_bounds(shapes).tolist()
    to_metric = metric_transformer(metric_crs((west, south, east, north)))
    metric = shapely.transform(
        shapes, lambda at: np.column_stack(to_metric.transform(at[:, 0], at[:, 1]))
    )
    borders = shapely.union_all(shapely.boundary(metric), grid_size=_GRID_M)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(borders)))
    level = _first_around(metric, shapely.get_coordinates(shapely.point_on_surface(faces)))
    levels = np.unique(level[level < len(metric)])
    between = np.array([shapely.coverage_union_all(faces[level == one]) for one in levels])
    light = shapely.coverage_simplify(between, _TOLERANCE_M)
    whole = np.array(
        [shapely.coverage_union_all(light[levels <= one]) for one in range(len(metric))]
    )
    return np.asarray(
        shapely.transform(
            whole,
            lambda at: np.column_stack(
                to_metric.transform(at[:, 0], at[:, 1], direction="INVERSE")
            ).round(_DECIMALS),
        )
    )


def _first_around(shapes: _Geometries, places: FloatArray) -> npt.NDArray[np.int64]:
    """Return the position of the first polygon that holds each place, their number if none."""
    level = np.full(len(places), len(shapes), dtype=np.int64)
    for one in range(len(shapes) - 1, -1, -1):
        shapely.prepare(shapes[one])
        level[shapely.contains_xy(shapes[one], places[:, 0], places[:, 1])] = one
    return level
