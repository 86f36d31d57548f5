"""How far the data goes: what lies beyond is not known."""

from __future__ import annotations

import numpy as np
import shapely
from pyproj import CRS

from siting.crs import FloatArray, metric_transformer

_COVERAGE_STEP_DEG = 0.01  # the sides of a box in degrees are curves in a metric CRS
_MARGIN_DEG = 1.0  # more than what those curves swell by, over the widest network


def data_extent(
    x: FloatArray, y: FloatArray, crs: CRS, *, coverage: shapely.Geometry | None
) -> shapely.Geometry:
    """
    Return the area that data covers, in its metric CRS: the hull of its streets, cut to its box.

    Parameters
    ----------
    x, y
        Positions of the streets, in metres.
    crs
        Their CRS.
    coverage
        Area of the data in degrees, when its file tells it.
    """
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
