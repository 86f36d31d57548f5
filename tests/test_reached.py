"""Isochrones of sites: they agree with the walks of the tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from conftest import at, points, village_streets, ways
from hypothesis import given, settings
from hypothesis import strategies as st
from test_access import RULE, RUNNER, measured, nearest, services

from siting.graph import walk_graph
from siting.network import WalkNetwork, walk_network
from siting.reached import isochrones
from siting.tables import ISOCHRONES


def inside(zone: shapely.Geometry, x_m: float, y_m: float) -> bool:
    return bool(shapely.contains_xy(zone, *at(x_m, y_m)))


def test_a_minute_from_the_corner_is_a_block_each_way(village: WalkNetwork) -> None:
    drawn = isochrones(points({"s": (0, 0)}, "site_id"), walk_graph(village, RUNNER), minutes=[1])
    zone = drawn.geometry.loc[("s", 1)]
    # 100 m east and 100 m north, 50 m on each side of the streets
    for x, y in ((98, 0), (0, 98), (50, 45), (-45, 0), (45, -45)):
        assert inside(zone, x, y), (x, y)
    for x, y in ((103, 0), (0, 103), (160, 0), (50, 55), (-55, 0), (100, 60)):
        assert not inside(zone, x, y), (x, y)
    # two streets of 100 m, 50 m to each side: between 2 x 100 x 50 and that with its round corner
    assert 15_000 < drawn["area_m2"].iloc[0] < 22_000


def test_sites_without_street_have_empty_zones(village: WalkNetwork) -> None:
    sites = points({"off": (-900, 0), "none": None, "s": (0, 0)}, "site_id")
    drawn = isochrones(sites, walk_graph(village, RUNNER), minutes=[2, 1])
    assert drawn.index.tolist() == [(s, m) for s in ("off", "none", "s") for m in (1, 2)]
    assert drawn["area_m2"].loc[["off", "none"]].tolist() == [0.0] * 4
    assert drawn.dtypes.equals(ISOCHRONES.empty().dtypes)
    small, large = drawn.geometry.loc[("s", 1)], drawn.geometry.loc[("s", 2)]
    assert shapely.covers(large.buffer(1e-8), small)


def test_no_site_no_zone(village: WalkNetwork) -> None:
    sites = points({}, "site_id")
    assert isochrones(sites, walk_graph(village, RUNNER), minutes=[5]).empty


def test_the_zone_of_a_site_does_not_depend_on_the_others(village: WalkNetwork) -> None:
    graph = walk_graph(village, RUNNER)
    alone = isochrones(points({"b": (130, 40)}, "site_id"), graph, minutes=[1, 2])
    among = isochrones(points({"a": (0, 0), "b": (130, 40)}, "site_id"), graph, minutes=[1, 2])
    assert alone.geometry.to_wkb().tolist() == among.loc[["b"]].geometry.to_wkb().tolist()


STREETS = st.tuples(st.booleans(), st.integers(0, 4), st.floats(0, 400))


@settings(max_examples=25, deadline=None)
@given(
    site=st.tuples(st.floats(-20, 420), st.floats(-20, 420)),
    places=st.lists(STREETS, min_size=5, max_size=25),
    gates=st.sets(st.sampled_from([11, 12, 22, 33]), max_size=2),
    one_way=st.sets(st.sampled_from([1, 2, 3, 11, 12]), max_size=2),
)
def test_a_street_is_inside_when_the_table_says_it_is_reached(
    site: tuple[float, float],
    places: list[tuple[bool, int, float]],
    gates: set[int],
    one_way: set[int],
) -> None:
    tags = {way: {"highway": "footway", "oneway:foot": "yes"} for way in one_way}
    gate = {"barrier": "gate", "access": "private"}
    network = walk_network(ways(village_streets(), tags, dict.fromkeys(gates, gate)))
    minutes = [1, 2, 4]
    drawn = isochrones(points({"s": site}, "site_id"), walk_graph(network, RUNNER), minutes=minutes)
    for is_row, street, along_m in places:
        x, y = (along_m, 100.0 * street) if is_row else (100.0 * street, along_m)
        if min(along_m % 100, 100 - along_m % 100) < 2:
            continue  # at a junction, streets that are reached and others meet
        if network.snap(*np.array([at(x, y)]).T, limit_m=200).snap_m[0] > 1:
            continue  # on a tiny island: walks take the street beside it, zones do not hold it
        rule = replace(RULE, cutoff_min=60.0)
        row = nearest(measured({"s": site}, services({"node/1": (x, y)}), network, rule), "s")
        for limit in minutes:
            time_min = row["walk_min"] if row["access_status"] == "reached" else np.inf
            if abs(time_min - limit) > 0.02:
                assert inside(drawn.geometry.loc[("s", limit)], x, y) == (time_min < limit)


def test_steps_end_the_zone_of_wheels() -> None:
    street = [(1, -600.0, 0.0), (2, 0.0, 0.0)]
    steps = [(2, 0.0, 0.0), (3, 60.0, 0.0)]
    network = walk_network(ways({1: street, 2: steps}, tags={2: {"highway": "steps"}}))
    wheels = replace(
        RUNNER, avoids_unfit=True, restrictions=replace(RUNNER.restrictions, steps=False)
    )
    drawn = isochrones(points({"s": (-50, 0)}, "site_id"), walk_graph(network, wheels), minutes=[2])
    zone = drawn.geometry.loc[("s", 2)]
    assert inside(zone, -20, 0)
    assert not inside(zone, 20, 0)
    # 200 m west of the site and 50 m east of it, 50 m on each side of the street
    assert drawn["area_m2"].iloc[0] == pytest.approx(250 * 100, rel=0.01)
