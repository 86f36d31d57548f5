"""The area that data covers, on grids of streets 500 m apart, whose outlines are known."""

import numpy as np
import pytest
import shapely
from pyproj import CRS

from siting.crs import FloatArray, metric_transformer
from siting.extent import NEAR_STREET_M, Asked, data_extent

LAMBERT_93 = CRS(2154)
WEST, SOUTH = 600_000.0, 6_800_000.0
CELL_M = 250.0  # the extent is known to that


def extent(x_km: FloatArray, y_km: FloatArray) -> shapely.Geometry:
    return data_extent(WEST + 1000 * x_km, SOUTH + 1000 * y_km, LAMBERT_93, coverage=None)


def square(side_km: float) -> tuple[FloatArray, FloatArray]:
    steps = np.arange(0, side_km + 0.01, 0.25)
    x_km, y_km = np.meshgrid(steps, steps)
    return x_km.ravel(), y_km.ravel()


def place(x_km: float, y_km: float) -> shapely.Point:
    return shapely.Point(WEST + 1000 * x_km, SOUTH + 1000 * y_km)


def border_m(area: shapely.Geometry, x_km: float, y_km: float) -> float:
    at = place(x_km, y_km)
    return float(shapely.distance(at, shapely.boundary(area))) if area.contains(at) else 0.0


def test_a_full_square_is_its_hull() -> None:
    assert extent(*square(40)).equals(shapely.box(WEST, SOUTH, WEST + 40e3, SOUTH + 40e3))


@pytest.fixture(scope="module")
def without_a_quarter() -> shapely.Geometry:
    """40 km by 40 km, without the north-east quarter: its hull covers half of that quarter."""
    x_km, y_km = square(40)
    kept = (x_km <= 20) | (y_km <= 20)
    return extent(x_km[kept], y_km[kept])


@pytest.mark.parametrize("inside_km", [0.1, 0.5, 1.0, 3.0])
def test_the_hollow_of_an_outline_is_not_covered(
    without_a_quarter: shapely.Geometry, inside_km: float
) -> None:
    found_m = border_m(without_a_quarter, 20 - inside_km, 30)
    assert found_m == pytest.approx(1000 * inside_km, abs=1.5 * CELL_M)
    assert not without_a_quarter.contains(place(21, 30))
    assert border_m(without_a_quarter, 3, 20) == pytest.approx(3000)


def test_in_the_corner_of_the_hollow_the_border_is_seen_late(
    without_a_quarter: shapely.Geometry,
) -> None:
    """A circle of 1 km does not go into a corner: it stays (sqrt(2) - 1) km from it."""
    found_m = border_m(without_a_quarter, 20, 20)
    assert found_m <= (np.sqrt(2) - 1) * NEAR_STREET_M + 2 * np.sqrt(2) * CELL_M


def test_a_lake_is_no_border() -> None:
    """8 km across: no place of it is 5 km from a street."""
    x_km, y_km = square(30)
    kept = np.hypot(x_km - 15, y_km - 15) >= 4
    area = extent(x_km[kept], y_km[kept])
    assert area.contains(place(15, 15))
    assert area.area == pytest.approx(900e6)


def test_a_wide_lake_may_be_data_that_is_missing() -> None:
    x_km, y_km = square(40)
    kept = np.hypot(x_km - 20, y_km - 20) >= 8
    area = extent(x_km[kept], y_km[kept])
    assert not area.contains(place(20, 20))
    assert border_m(area, 20, 8) == pytest.approx(4000, abs=2 * CELL_M)


def test_two_towns_far_apart_do_not_cover_what_lies_between() -> None:
    x_km, y_km = square(3)
    area = extent(np.concatenate([x_km, x_km + 40]), np.concatenate([y_km, y_km]))
    assert not area.contains(place(20, 1.5))
    assert area.contains(place(1.5, 1.5))
    assert area.contains(place(41.5, 1.5))


def test_what_was_asked_is_covered_with_or_without_streets() -> None:
    """Two towns at both ends of France, with a street each: at once, nothing is looked for."""
    asked = shapely.union_all([shapely.box(-4, 48, -3.9, 48.1), shapely.box(7, 43.7, 7.1, 43.8)])
    x, y = metric_transformer(LAMBERT_93).transform([-3.95, -3.94, 7.05], [48.05, 48.05, 43.75])
    area = data_extent(np.array(x), np.array(y), LAMBERT_93, coverage=Asked(asked))
    # a tenth of a degree by a tenth: 11.1 km by 7.4 km in Brittany, by 8.0 km in Nice
    assert area.area == pytest.approx(11.1e3 * (7.4e3 + 8.0e3), rel=0.02)
    assert len(shapely.get_parts(area)) == 2
