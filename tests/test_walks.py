"""The walked lines: they are as long as the walk, and start and end where they should."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import at, points, village_streets, ways
from hypothesis import given, settings
from hypothesis import strategies as st
from test_access import CATEGORIES, RULE, RUNNER, services

from siting.access import accessibility
from siting.crs import GEOD
from siting.graph import walk_graph
from siting.network import WalkNetwork, walk_network
from siting.tables import WALKS
from siting.walks import nearest_by_family, walks

FAMILIES = {"commerces": ["boulangerie"], "sante_social": ["ssiad"]}
PLACES = st.tuples(st.floats(-30, 430), st.floats(-30, 430))


def test_the_line_turns_at_the_corners(village: WalkNetwork) -> None:
    sites, shops = points({"s": (30, -10)}, "site_id"), services({"node/1": (100, 140)})
    access = accessibility(sites, shops, village, categories=CATEGORIES, rule=RULE).access
    graph = walk_graph(village, RUNNER)
    drawn = walks(nearest_by_family(access, FAMILIES), sites, shops, graph, snap_limit_m=200)
    expected = [at(30, -10), at(30, 0), at(100, 0), at(100, 100), at(100, 140)]
    assert drawn.index.tolist() == [("s", "commerces")]
    line = np.array(drawn.geometry.iloc[0].coords)
    assert line == pytest.approx(np.array(expected), abs=1e-6)
    assert drawn["walk_m"].iloc[0] == pytest.approx(10 + 70 + 140, abs=0.05)
    assert drawn["category"].tolist() == ["boulangerie"]


def test_a_family_without_service_has_no_line(village: WalkNetwork) -> None:
    sites = points({"s": (0, 0), "island": (50, 700)}, "site_id")
    shops = services({"node/1": (100, 0)})
    access = accessibility(sites, shops, village, categories=CATEGORIES, rule=RULE).access
    nearest = nearest_by_family(access, FAMILIES)
    assert nearest[["site_id", "family"]].to_numpy().tolist() == [["s", "commerces"]]


def test_nothing_to_draw(village: WalkNetwork) -> None:
    sites, shops = points({"s": (-900, 0)}, "site_id"), services({"node/1": (100, 0)})
    access = accessibility(sites, shops, village, categories=CATEGORIES, rule=RULE).access
    graph = walk_graph(village, RUNNER)
    drawn = walks(nearest_by_family(access, FAMILIES), sites, shops, graph, snap_limit_m=200)
    assert drawn.dtypes.equals(WALKS.empty().dtypes)
    assert drawn.empty


def test_the_nearest_of_two_categories_stands_for_the_family(village: WalkNetwork) -> None:
    sites = points({"s": (0, 0)}, "site_id")
    shops = services({"node/1": (200, 0), "node/2": (100, 0)})
    shops["categories"] = ["boulangerie", "ssiad"]
    access = accessibility(sites, shops, village, categories=CATEGORIES, rule=RULE).access
    both = nearest_by_family(access, {"f": ["boulangerie", "ssiad"]})
    assert both["service_id"].tolist() == ["node/2"]


@settings(max_examples=40, deadline=None)
@given(
    sites=st.lists(PLACES, min_size=1, max_size=4), shops=st.lists(PLACES, min_size=1, max_size=5)
)
def test_every_line_is_as_long_as_its_walk(
    sites: list[tuple[float, float]], shops: list[tuple[float, float]]
) -> None:
    streets = village_streets()
    streets[50] = [(0, 0.0, 0.0), (60, 170.0, 120.0), (33, 300.0, 300.0)]
    streets[51] = [(0, 0.0, 0.0), (61, 10.0, 60.0), (10, 100.0, 0.0)]  # parallel to a street
    streets[52] = [(22, 200.0, 200.0), (62, 240.0, 240.0), (63, 240.0, 210.0), (22, 200.0, 200.0)]
    network = walk_network(ways(streets))
    placed = points({f"s{i}": place for i, place in enumerate(sites)}, "site_id")
    layer = services({f"node/{i}": place for i, place in enumerate(shops)})
    access = accessibility(placed, layer, network, categories=CATEGORIES, rule=RULE).access
    graph = walk_graph(network, RUNNER)
    drawn = walks(nearest_by_family(access, FAMILIES), placed, layer, graph, snap_limit_m=200)
    for (site_id, _), row in drawn.iterrows():
        assert GEOD.geometry_length(row.geometry) == pytest.approx(row["walk_m"], abs=0.01)
        assert row.geometry.coords[0] == pytest.approx(placed.geometry[site_id].coords[0])
        end = layer.geometry[row["service_id"]].coords[0]
        assert row.geometry.coords[-1] == pytest.approx(end, abs=1e-9)
