"""Isochrones: areas one can compute by hand, and what holds whatever the streets are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import inf, nan, pi, sin, sqrt
from random import Random

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.errors import DataError, OptionError
from siting.isochrones import StreetPieces, isochrone_polygons

# x0, y0, x1, y1, min_0, min_1
Row = tuple[float, float, float, float, float, float]

# Half a disc of 50 m, whose edge has 16 sides.
HALF_DISC_M2 = 16 * 50**2 * sin(pi / 16) / 2
GRID_M2 = 2.0  # what the centimetre of the grid does to areas of some hectares
NAMES = ("x0", "y0", "x1", "y1", "min_0", "min_1")
LIMITS = (3.0, 5.0, 8.0)


def pieces(*rows: Row) -> StreetPieces:
    columns = np.array(rows, dtype=np.float64).reshape(-1, 6).T
    return StreetPieces(**dict(zip(NAMES, columns, strict=True)))


def isochrone(*rows: Row, minutes: float = 5, reach_m: float = 50) -> shapely.MultiPolygon:
    return isochrone_polygons(pieces(*rows), minutes=[minutes], reach_m=reach_m)[0]


def bytes_of(polygons: Sequence[shapely.MultiPolygon]) -> list[bytes]:
    return [shapely.to_wkb(polygon) for polygon in polygons]


def square(side_m: float) -> list[Row]:
    s = side_m
    corners = [(0, 0), (s, 0), (s, s), (0, s), (0, 0)]
    return [(*a, *b, 1, 1) for a, b in pairwise(corners)]


def test_a_dead_end_is_round() -> None:
    area = isochrone((0, 0, 400, 0, 0, 4))
    assert area.area == pytest.approx(400 * 100 + 2 * HALF_DISC_M2, abs=GRID_M2)
    assert area.bounds == (-50, -50, 450, 50)


def test_the_area_ends_straight_across_the_street_where_the_time_ends() -> None:
    area = isochrone((0, 0, 400, 0, 0, 10))  # 40 m a minute: 200 m
    assert area.area == pytest.approx(200 * 100 + HALF_DISC_M2, abs=GRID_M2)
    assert area.bounds == (-50, -50, 200, 50)
    assert area.covers(shapely.LineString([(200, -49.9), (200, 49.9)]))


def test_the_place_and_the_angle_of_the_streets_do_not_matter() -> None:
    x, y = 652_381.25, 6_862_047.5  # in Lambert-93; a street of 3-4-5, 200 m in time
    area = isochrone((x, y, x + 240, y + 320, 0, 10))
    assert area.area == pytest.approx(200 * 100 + HALF_DISC_M2, abs=GRID_M2)
    assert area.distance(shapely.Point(x + 120 - 40, y + 160 + 30)) < 0.02
    assert area.distance(shapely.Point(x + 120 + 0.6, y + 160 + 0.8)) == pytest.approx(1, abs=0.02)


def test_how_far_from_the_street_is_a_choice() -> None:
    assert isochrone((0, 0, 400, 0, 0, 10), reach_m=20).bounds == (-20, -20, 200, 20)


def test_a_cross() -> None:
    arms = [(0, 0, x, y, 0, 5) for x, y in ((200, 0), (-200, 0), (0, 200), (0, -200))]
    area = isochrone(*arms, minutes=2.5)  # 100 m in each arm: two bars of 200 m by 100 m
    assert area.area == pytest.approx(2 * 200 * 100 - 100 * 100, abs=GRID_M2)


def test_the_time_ends_at_a_crossroads() -> None:
    """The street that leads to it shares the corners with the streets beyond, by diagonals."""
    beyond = [(0, 0, 0, 200, 2, 5), (0, 0, 0, -200, 2, 5), (0, 0, 200, 0, 2, 5)]
    area = isochrone((-200, 0, 0, 0, 0, 2), *beyond, minutes=2)
    expected = HALF_DISC_M2 + 200 * 100 - 2 * 50 * 50 / 2
    assert area.area == pytest.approx(expected, abs=0.25 * 2 * 50 * sqrt(2))


def test_the_middle_of_a_large_block_is_a_hole() -> None:
    area = isochrone(*square(200))
    outer_m2 = 200**2 + 4 * 200 * 50 + 2 * HALF_DISC_M2
    assert area.area == pytest.approx(outer_m2 - 100**2, abs=GRID_M2)
    assert [len(part.interiors) for part in area.geoms] == [1]


@pytest.mark.parametrize(("side_m", "holes"), [(90, 0), (100.8, 0), (102, 1)])
def test_holes_under_a_square_metre_are_filled(side_m: float, holes: int) -> None:
    """The sides of the holes are 100 m less than those of the blocks: none, 0.8 m, 2 m."""
    (part,) = isochrone(*square(side_m)).geoms
    assert len(part.interiors) == holes


def test_half_way_to_a_parallel_street_that_is_not_reached() -> None:
    area = isochrone((0, 0, 400, 0, 0, 4), (0, 30, 400, 30, inf, inf))
    for x in np.linspace(1, 399, 50):
        _, south, _, north = area.intersection(shapely.LineString([(x, -99), (x, 99)])).bounds
        assert (south, north) == (pytest.approx(-50, abs=0.02), pytest.approx(15, abs=0.25))


@pytest.mark.parametrize("gap_m", [0.7, 1.0, 3.0, 8.0])
def test_close_parallel_streets_are_told_apart(gap_m: float) -> None:
    """Their samples do not face each other: lengths differ."""
    area = isochrone((0, 0, 397, 0, 0, 4), (3, gap_m, 399, gap_m, inf, inf))
    along = np.linspace(0.5, 396.5, 300)
    assert shapely.contains_xy(area, along, 0 * along).all()
    assert not shapely.contains_xy(area, along + 2.6, 0 * along + gap_m).any()


def test_the_same_street_reached_and_not_is_not_reached() -> None:
    area = isochrone((0, 0, 100, 0, 0, 1), (100, 0, 300, 0, 1, 3), (100, 0, 200, 0, inf, inf))
    along = np.linspace(100.1, 199.9, 50)
    assert not shapely.contains_xy(area, along, 0 * along).any()
    assert shapely.contains_xy(area, [50, 250], [0, 0]).all()


def test_a_street_under_a_bridge_is_not_reached() -> None:
    """Each street has its two quarters; a strip of half a metre on each side is taken away."""
    area = isochrone((-200, 0, 200, 0, 0, 4), (0, -200, 0, 200, inf, inf))
    under = np.linspace(-200, 200, 400)
    assert not shapely.contains_xy(area, 0 * under, under).any()
    x = np.array([-30, -0.6, -0.4, 0.4, 0.6, 30])
    assert shapely.contains_xy(area, x, 0 * x).tolist() == [True, True, False, False, True, True]
    quarters_m2 = 400 * 100 + 2 * HALF_DISC_M2 - 4 * 50 * 50 / 2
    assert area.area == pytest.approx(quarters_m2, abs=0.25 * 4 * 50 * sqrt(2))


def test_a_barrier_stops_the_area() -> None:
    area = isochrone((0, 0, 200, 0, 0, 2), (200, 0, 400, 0, 9, 11))
    assert area.area == pytest.approx(200 * 100 + HALF_DISC_M2, abs=GRID_M2)


def test_a_private_alley_inside_a_block_stays_out() -> None:
    area = isochrone(*square(80), (40, 30, 40, 50, inf, inf))
    (part,) = area.geoms
    assert len(part.interiors) == 1
    assert not area.intersects(shapely.LineString([(40, 30), (40, 50)]))


def test_a_short_private_alley_stays_out() -> None:
    """What is nearest to 30 cm of alley between two streets 1 m away is less than 1 m2."""
    rows = [(0, y, 9, y, 1, 1) for y in (0, 2)] + [(x, 0, x, 2, 1, 1) for x in (4, 5)]
    alley = (4.5, 0.9, 4.5, 1.2, inf, inf)
    (part,) = isochrone(*rows, alley).geoms
    assert [shapely.Polygon(hole).area < 1 for hole in part.interiors] == [True]
    assert not part.contains(shapely.Point(4.5, 1))


def test_shorter_times_are_within_longer_ones() -> None:
    street = pieces((0, 0, 400, 0, 0, 10), (0, 0, 0, 300, 0, 10), (100, 0, 100, 200, 2.5, 7))
    one, two, three = isochrone_polygons(street, minutes=[2, 4, 20])
    assert two.covers(one)
    assert three.covers(two)
    assert 0 < one.area < two.area < three.area


def test_polygons_come_in_the_order_of_the_limits() -> None:
    street = pieces((0, 0, 400, 0, 0, 10))
    polygons = isochrone_polygons(street, minutes=[10, 2.5, 5, 2.5])
    assert [polygon.bounds[2] for polygon in polygons] == [450, 100, 200, 100]


def test_the_time_of_a_whole_street_may_be_the_limit() -> None:
    assert isochrone((0, 0, 400, 0, 5, 5), minutes=5).bounds == (-50, -50, 450, 50)


def test_polygons_are_valid_and_turn_as_in_geojson() -> None:
    area = isochrone(*square(200))
    assert area.is_valid
    (part,) = area.geoms
    assert part.exterior.is_ccw
    assert not part.interiors[0].is_ccw


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [(0, 0, 100, 0, inf, inf)],
        [(0, 0, 100, 0, 6, 7)],
        [(3, 4, 3, 4, 0, 0)],
    ],
    ids=["no street", "no street reached", "only later", "a street without length"],
)
def test_nothing_reached_is_an_empty_area(rows: list[Row]) -> None:
    polygons = isochrone_polygons(pieces(*rows), minutes=[2, 5])
    assert polygons == [shapely.MultiPolygon()] * 2


def test_no_limit_no_polygon() -> None:
    assert isochrone_polygons(pieces((0, 0, 9, 0, 0, 1)), minutes=[]) == []


@pytest.mark.parametrize(
    "row",
    [(nan, 0, 1, 1, 0, 1), (0, 0, 1, inf, 0, 1), (0, 0, 1, 1, 0, inf), (0, 0, 1, 1, -1, 0)],
)
def test_pieces_that_mean_nothing_are_refused(row: Row) -> None:
    with pytest.raises(DataError, match="pieces"):
        isochrone(row)
    with pytest.raises(DataError, match="pieces"):
        isochrone((0, 0, 1, 1, nan, 1))


@pytest.mark.parametrize(
    ("minutes", "reach_m"), [(0, 50), (-1, 50), (nan, 50), (inf, 50), (5, 0), (5, inf), (5, nan)]
)
def test_limits_that_mean_nothing_are_refused(minutes: float, reach_m: float) -> None:
    with pytest.raises(OptionError, match="positifs"):
        isochrone((0, 0, 1, 1, 0, 1), minutes=minutes, reach_m=reach_m)


# Random streets: on a coarse grid, where they meet, cross and lie upon each other, and anywhere.
GRID_COORDINATES = st.integers(0, 5).map(lambda k: 40.0 * k)
COORDINATES = st.floats(0, 200).map(lambda v: round(v, 3))
TIMES = st.one_of(
    st.just((inf, inf)),
    st.tuples(st.floats(0, 10), st.floats(0, 10)),
    st.tuples(st.integers(0, 10), st.integers(0, 10)),
)


@st.composite
def towns(draw: st.DrawFn) -> list[Row]:
    places = st.tuples(*[draw(st.sampled_from([GRID_COORDINATES, COORDINATES]))] * 4)
    drawn = draw(st.lists(st.tuples(places, TIMES), min_size=1, max_size=12))
    rows = [(*place, float(a), float(b)) for place, (a, b) in drawn]
    return [row for row in rows if np.hypot(row[2] - row[0], row[3] - row[1]) > 1]


def parts(rows: Sequence[Row], limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of what is reached in time and of what is not, one street at a time."""
    reached, other = [], []
    for x0, y0, x1, y1, a, b in rows:
        start, end = np.array([x0, y0]), np.array([x1, y1])
        if max(a, b) <= limit:
            reached.append((start, end))
        elif min(a, b) >= limit:
            other.append((start, end))
        else:
            stop = start + (end - start) * (limit - a) / (b - a)
            (reached if a < limit else other).append((start, stop))
            (other if a < limit else reached).append((stop, end))
    return np.array(reached).reshape(-1, 2, 2), np.array(other).reshape(-1, 2, 2)


def along(ends: np.ndarray) -> np.ndarray:
    """Return places of streets 5 cm or more away from their ends, at most 2 m apart."""
    placed = [np.empty((0, 2))]
    for start, end in ends:
        length_m = np.hypot(*(end - start))
        if length_m > 0.1:
            metres = np.linspace(0.05, length_m - 0.05, 2 + int(length_m / 2))
            placed.append(start + (end - start) * (metres / length_m)[:, None])
    return np.concatenate(placed)


def distance_m(places: np.ndarray, ends: np.ndarray) -> np.ndarray:
    if not len(ends):
        return np.full(len(places), inf)
    return np.asarray(shapely.distance(shapely.points(places), shapely.multilinestrings(ends)))


@settings(max_examples=60, deadline=None)
@given(rows=towns(), seed=st.integers(0, 99))
def test_places_are_those_of_the_streets_they_snap_onto(rows: list[Row], seed: int) -> None:
    """Distances are measured by shapely, to the streets themselves, without any sample."""
    anywhere = np.random.default_rng(seed).uniform(-60, 260, (500, 2))
    for limit, area in zip(LIMITS, isochrone_polygons(pieces(*rows), minutes=LIMITS), strict=True):
        reached, other = parts(rows, limit)
        assert area.is_valid
        assert not shapely.contains_xy(area, along(other)).any()
        places = np.concatenate([anywhere, along(reached)])
        to_reached_m, to_other_m = distance_m(places, reached), distance_m(places, other)
        is_in = shapely.contains_xy(area, places)
        assert is_in[(to_reached_m + 1.2 < to_other_m) & (to_reached_m < 49.7)].all()
        assert not is_in[(to_other_m + 1.2 < to_reached_m) | (to_reached_m > 50.02)].any()


@settings(max_examples=40, deadline=None)
@given(rows=towns())
def test_areas_are_nested(rows: list[Row]) -> None:
    areas = isochrone_polygons(pieces(*rows), minutes=LIMITS)
    for shorter, longer in pairwise(areas):
        assert shorter.is_empty or longer.covers(shorter)


@settings(max_examples=40, deadline=None)
@given(rows=towns(), random=st.randoms(use_true_random=False))
def test_the_order_and_direction_of_pieces_do_not_matter(rows: list[Row], random: Random) -> None:
    expected = bytes_of(isochrone_polygons(pieces(*rows), minutes=LIMITS))
    turned = [
        (x1, y1, x0, y0, b, a) if random.random() < 0.5 else (x0, y0, x1, y1, a, b)
        for x0, y0, x1, y1, a, b in [*rows, *rows[:2]]  # twice the same piece is once
    ]
    random.shuffle(turned)
    assert bytes_of(isochrone_polygons(pieces(*turned), minutes=LIMITS)) == expected


@settings(max_examples=20, deadline=None)
@given(rows=towns())
def test_streets_further_than_twice_the_reach_change_nothing(rows: list[Row]) -> None:
    expected = bytes_of(isochrone_polygons(pieces(*rows), minutes=LIMITS))
    away = [(-101, -500, -101, 700, inf, inf), (-300, 301, 600, 301, 9, 12)]
    assert bytes_of(isochrone_polygons(pieces(*rows, *away), minutes=LIMITS)) == expected


def test_pieces_are_left_as_they_were() -> None:
    given_pieces = pieces((9, 0, 0, 0, 3, 0), (0, 0, 0, 9, 0, 3))
    before = [getattr(given_pieces, name).copy() for name in NAMES]
    isochrone_polygons(given_pieces, minutes=[2])
    assert all(
        (getattr(given_pieces, name) == values).all()
        for name, values in zip(NAMES, before, strict=True)
    )
