"""Decks and smoothed slopes: profiles whose heights are arithmetic, and laws that must hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import ways
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.crs import FloatArray, geodesic_m
from siting.relief import smoothed_along, with_decks
from siting.ways import Ways

BRIDGE = {"highway": "footway", "bridge": "yes"}
STEPS = {"highway": "steps"}


def with_heights(streets: Ways, heights: list[float]) -> Ways:
    return replace(streets, height_m=np.array(heights, dtype=np.float64))


def line(x: list[float], heights: list[float]) -> Ways:
    """Return one way that goes east, with a node at each x."""
    return with_heights(ways({1: [(at, east, 0.0) for at, east in enumerate(x)]}), heights)


def heights_of(streets: Ways, way: int) -> list[float]:
    at = streets.way_id.tolist().index(way)
    assert streets.height_m is not None
    return streets.height_m[streets.offset[at] : streets.offset[at + 1]].tolist()


def test_a_bridge_in_two_ways_is_even_from_bank_to_bank() -> None:
    """10 m on the west bank, 20 m on the east one, 100 m away, the river in between."""
    found = with_decks(
        with_heights(
            ways(
                {
                    1: [(1, 0, 0), (2, 100, 0)],
                    2: [(2, 100, 0), (3, 130, 0), (4, 150, 0)],
                    3: [(4, 150, 0), (5, 200, 0)],
                    4: [(5, 200, 0), (6, 300, 0)],
                },
                tags={2: BRIDGE, 3: BRIDGE},
            ),
            [8, 10, 10, 1, 0, 0, 20, 20, 25],
        )
    )
    assert heights_of(found, 2) == pytest.approx([10, 13, 15], abs=1e-6)
    assert heights_of(found, 3) == pytest.approx([15, 20], abs=1e-6)
    assert heights_of(found, 1) == [8, 10]
    assert heights_of(found, 4) == [20, 25]


def test_steps_lead_to_the_deck_and_do_not_lower_it() -> None:
    streets = {
        1: [(1, 0, 0), (2, 100, 0)],
        2: [(2, 100, 0), (3, 150, 0), (4, 200, 0)],
        3: [(4, 200, 0), (5, 300, 0)],
        4: [(3, 150, 0), (6, 150, -10)],
    }
    height = [30, 30, 30, 2, 40, 40, 40, 2, 2]
    found = with_decks(with_heights(ways(streets, tags={2: BRIDGE, 4: STEPS}), height))
    assert heights_of(found, 2) == pytest.approx([30, 35, 40], abs=1e-6)


def test_a_deck_that_ends_in_the_air_is_level_and_one_without_ground_unknown() -> None:
    streets = {
        1: [(1, 0, 0), (2, 100, 0)],
        2: [(2, 100, 0), (3, 150, 0), (4, 200, 0)],
        3: [(7, 0, 90), (8, 50, 90)],
        4: [(8, 50, 90), (9, 50, 80)],
    }
    tags = {2: BRIDGE, 3: {"highway": "footway", "tunnel": "yes"}, 4: STEPS}
    found = with_decks(with_heights(ways(streets, tags=tags), [5, 6, 6, -3, -9, 50, 60, 60, 4]))
    assert heights_of(found, 2) == pytest.approx([6, 6, 6], abs=1e-9)
    assert np.isnan(heights_of(found, 3)).all()
    assert heights_of(found, 4) == [60, 4]


def test_where_three_decks_meet_the_nearer_bank_weighs_more() -> None:
    """Banks at 0, 0 and 22 m, 100 m, 100 m and 50 m from the fork: (0 + 0 + 2 x 22) / 4."""
    streets = {
        1: [(1, 0, 0), (9, 100, 0), (2, 200, 0)],
        2: [(9, 100, 0), (3, 100, 50)],
        3: [(1, 0, 0), (4, -50, 0)],
        4: [(2, 200, 0), (5, 250, 0)],
        5: [(3, 100, 50), (6, 100, 90)],
    }
    height = [0, -5, 0, -5, 22, 0, 0, 0, 0, 22, 22]
    found = with_decks(with_heights(ways(streets, tags={1: BRIDGE, 2: BRIDGE}), height))
    assert heights_of(found, 1) == pytest.approx([0, 11, 0], rel=1e-6)
    assert heights_of(found, 2) == pytest.approx([11, 22], rel=1e-6)


@pytest.mark.parametrize("value", ["no", "building_passage"])
def test_passages_and_refuted_tags_are_on_the_ground(value: str) -> None:
    streets = ways({1: [(1, 0, 0), (2, 10, 0), (3, 20, 0)]}, tags={1: {"tunnel": value}})
    assert heights_of(with_decks(with_heights(streets, [0, 7, 0])), 1) == [0, 7, 0]


def test_without_heights_nothing_is_done() -> None:
    streets = ways({1: [(1, 0, 0), (2, 10, 0)]}, tags={1: BRIDGE})
    assert with_decks(streets) is streets
    assert smoothed_along(streets, window_m=10.0) is streets


def test_a_bump_is_spread_over_the_window() -> None:
    """
    A bump of 1 m with sides of 10 m has an area of 10 m2: over 20 m, half of it on its top.

    Ten metres beside, the window holds half of the bump: 5 m2 over 20 m.
    """
    found = smoothed_along(line([0, 10, 20, 30, 40, 50], [0, 0, 1, 0, 0, 0]), window_m=20.0)
    assert heights_of(found, 1) == pytest.approx([0, 0.25, 0.5, 0.25, 0, 0], abs=1e-6)


def test_unknown_heights_stay_and_are_not_averaged() -> None:
    found = smoothed_along(line([0, 10, 20, 30, 40], [0, 8, 0, np.nan, 4]), window_m=20.0)
    # Around 10 m: two triangles of 40 m2 over 20 m.
    assert heights_of(found, 1) == pytest.approx([0, 4, 0, np.nan, 4], nan_ok=True, abs=1e-6)


def test_ways_are_smoothed_apart() -> None:
    streets = ways(
        {1: [(1, 0, 0), (2, 10, 0), (3, 20, 0)], 2: [(3, 20, 0), (4, 30, 0), (5, 40, 0)]}
    )
    found = smoothed_along(with_heights(streets, [0, 0, 0, 100, 100, 100]), window_m=50.0)
    assert heights_of(found, 1) == pytest.approx([0, 0, 0])
    assert heights_of(found, 2) == pytest.approx([100, 100, 100])


profiles = st.lists(
    st.tuples(st.floats(0.0, 40.0), st.floats(-50.0, 50.0)), min_size=2, max_size=25
).map(lambda rows: (np.cumsum([step for step, _ in rows]).tolist(), [high for _, high in rows]))


def slopes(streets: Ways, heights: FloatArray) -> FloatArray:
    step_m = geodesic_m(streets.lon[:-1], streets.lat[:-1], streets.lon[1:], streets.lat[1:])
    return np.diff(heights)[step_m > 0.01] / step_m[step_m > 0.01]


@settings(max_examples=60, deadline=None)
@given(profiles, st.floats(0.0, 120.0))
def test_laws_of_smoothing(profile: tuple[list[float], list[float]], window_m: float) -> None:
    streets = line(*profile)
    found = np.array(heights_of(smoothed_along(streets, window_m=window_m), 1))
    given_m = np.array(profile[1])
    assert found[[0, -1]].tolist() == given_m[[0, -1]].tolist()
    assert found.min() >= given_m.min() - 1e-6
    assert found.max() <= given_m.max() + 1e-6
    if (np.diff(profile[0]) > 0.01).all():
        steepest = np.abs(slopes(streets, given_m)).max()
        assert np.abs(slopes(streets, found)).max() <= steepest * (1 + 1e-6) + 1e-6
    turned = line(profile[0][::-1], profile[1][::-1])
    back = heights_of(smoothed_along(turned, window_m=window_m), 1)[::-1]
    assert back == pytest.approx(found.tolist(), abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(profiles, st.floats(1.0, 120.0))
def test_an_even_slope_is_kept(profile: tuple[list[float], list[float]], window_m: float) -> None:
    streets = line(profile[0], [0.08 * x for x in profile[0]])
    found = heights_of(smoothed_along(streets, window_m=window_m), 1)
    assert found == pytest.approx([0.08 * x for x in profile[0]], abs=1e-5)


def test_means_are_those_of_many_samples() -> None:
    rng = np.random.default_rng(4)
    x, heights = np.cumsum(rng.uniform(1, 30, 40)), rng.normal(50, 5, 40)
    found = heights_of(smoothed_along(line(x.tolist(), heights.tolist()), window_m=25.0), 1)
    half = np.minimum(12.5, np.minimum(x - x[0], x[-1] - x))
    samples = x[:, None] + half[:, None] * np.linspace(-1, 1, 20_001)[None, :]
    assert found == pytest.approx(np.interp(samples, x, heights).mean(axis=1).tolist(), abs=1e-3)
