"""How far the data goes: what lies beyond is not known.

Files seldom tell their outline. Streets do, but for the sea, lakes and high mountains: there,
what is marked as the edge of the data may be that of the land.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import shapely
from pyproj import CRS
from scipy import ndimage

from siting.crs import FloatArray, metric_transformer

_COVERAGE_STEP_DEG = 0.01  # the sides of a box in degrees are curves in a metric CRS
_MARGIN_DEG = 1.0  # more than what those curves swell by, over the widest network
EMPTY_M = 5_000.0  # a place of the hull with no street for that far around may not be covered
NEAR_STREET_M = 1_000.0
_CELL_M = 250.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """
    Streets around some places, out of data that holds more.

    Parameters
    ----------
    near
        Area in degrees. Every street of the data that touches it is there, and whole.
    outline
        Positions of all streets of the data (rows of longitude and latitude), there or not; of
        millions of them, some about 100 m apart.
    """

    near: shapely.Geometry
    outline: FloatArray


@dataclass(frozen=True, slots=True)
class Asked:
    """An area in degrees of which all was asked: where it holds no street, the map has none."""

    area: shapely.Geometry


Coverage: TypeAlias = shapely.Geometry | Asked


def data_extent(
    x: FloatArray, y: FloatArray, crs: CRS, *, coverage: Coverage | None
) -> shapely.Geometry:
    """
    Return the area that data covers, in its metric CRS.

    All that was asked is covered. A file is less sure: what it covers is the hull of its streets,
    cut to its box, without the wide empty parts that a hollow outline leaves in the hull: from a
    place with no street for `EMPTY_M` around, all that hangs together up to `NEAR_STREET_M` of a
    street. Both are siting's own choice: in France streets are seldom 5 km away, and no walk is
    that long.

    Parameters
    ----------
    x, y
        Positions of the streets, in metres.
    crs
        Their CRS.
    coverage
        Area of the data in degrees, when its file tells it, or that was asked.
    """
    if isinstance(coverage, Asked):
        return _projected(coverage.area, crs)
    hull = shapely.convex_hull(shapely.linestrings(x, y))
    hull = shapely.difference(hull, _empty_parts(x, y, hull))
    if coverage is None:
        return hull
    to_metric = metric_transformer(crs)
    west, south, east, north = (float(side) for side in shapely.bounds(hull))
    degrees = to_metric.transform_bounds(west, south, east, north, direction="INVERSE")
    # A file may claim the whole world, which cannot be projected: what is near is enough.
    near = shapely.box(*degrees).buffer(_MARGIN_DEG)
    return shapely.intersection(hull, _projected(shapely.intersection(coverage, near), crs))


def _projected(area: shapely.Geometry, crs: CRS) -> shapely.Geometry:
    to_metric = metric_transformer(crs)
    return shapely.transform(
        shapely.segmentize(area, _COVERAGE_STEP_DEG),
        lambda at: np.column_stack(to_metric.transform(at[:, 0], at[:, 1])),
    )


def _empty_parts(x: FloatArray, y: FloatArray, hull: shapely.Geometry) -> shapely.Geometry:
    """Return the wide parts of the hull that hold no street, to a cell; often there is none."""
    west, south, east, north = shapely.bounds(hull)
    n_columns, n_rows = (int(side // _CELL_M) + 1 for side in (east - west, north - south))
    is_free = np.ones((n_rows, n_columns), dtype=bool)
    is_free[((y - south) // _CELL_M).astype(np.int64), ((x - west) // _CELL_M).astype(np.int64)] = (
        False
    )
    street_m = ndimage.distance_transform_edt(is_free, _CELL_M)
    row, column = np.nonzero(street_m > EMPTY_M)
    centre = west + (column + 0.5) * _CELL_M, south + (row + 0.5) * _CELL_M
    inside = shapely.contains_xy(hull, *centre)
    if not inside.any():
        return shapely.Polygon()
    part, _ = ndimage.label(street_m > NEAR_STREET_M)
    is_empty = np.isin(part, np.unique(part[row[inside], column[inside]]))
    row, column = np.nonzero(ndimage.distance_transform_edt(~is_empty, _CELL_M) <= NEAR_STREET_M)
    x_m, y_m = west + column * _CELL_M, south + row * _CELL_M
    cells = shapely.union_all(shapely.box(x_m, y_m, x_m + _CELL_M, y_m + _CELL_M))
    return shapely.simplify(cells, _CELL_M / 2)
