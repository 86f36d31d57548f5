"""Access: arithmetic in the village, another engine elsewhere, and what must always hold."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from conftest import at, points, village_streets, ways
from hypothesis import given, settings
from hypothesis import strategies as st
from independent import SplitGraph

from siting.access import Accessibility, AccessRule, CategoryInfo, accessibility
from siting.crs import WGS84
from siting.errors import CrsError
from siting.network import WalkNetwork, walk_network
from siting.tables import ACCESS, REACH, SERVICES, SITES
from siting.walkers import WalkProfile

# One minute is 100 m: 6 km/h, for arithmetic
RUNNER = WalkProfile(walker="runner", label="coureur", speed_kmh=6.0, reference="test")
RULE = AccessRule(profile=RUNNER, cutoff_min=6.0, reach_min=(1, 3, 5))
GOOD = CategoryInfo(families="commerces", is_reliably_mapped=True)
POOR = CategoryInfo(families="sante_social", is_reliably_mapped=False)
CATEGORIES = {"boulangerie": GOOD, "ssiad": POOR}


def services(
    places: dict[str, tuple[float, float]], category: str = "boulangerie"
) -> gpd.GeoDataFrame:
    layer = points(dict(places), "service_id")
    layer = layer.assign(
        categories=category,
        name="Chez " + layer.index.to_series(),
        merged_ids="",
        source="OpenStreetMap",
        observed_on="",
        observed_by="undated",
        wheelchair="unknown",
    )
    return SERVICES.conform(layer)


def measured(
    sites: dict[str, tuple[float, float] | None],
    layer: gpd.GeoDataFrame,
    network: WalkNetwork,
    rule: AccessRule = RULE,
) -> Accessibility:
    return accessibility(points(sites, "site_id"), layer, network, categories=CATEGORIES, rule=rule)


def nearest(result: Accessibility, site: str, rank: int = 1) -> pd.Series:
    return result.access.loc[(site, "boulangerie", rank)]


def test_three_blocks_and_40_m(village: WalkNetwork) -> None:
    result = measured({"corner": (0, 0)}, services({"node/1": (300, 40)}), village)
    row = nearest(result, "corner")
    assert row["walk_m"] == pytest.approx(3 * 100 + 40, abs=0.05)
    assert row["line_m"] == pytest.approx(np.hypot(300, 40), abs=0.05)
    assert row["walk_min"] == pytest.approx(3.4, abs=0.001)
    assert row["access_status"] == "reached"
    assert (row["service_id"], row["service_name"]) == ("node/1", "Chez node/1")
    assert row["families"] == "commerces"


def test_connectors_count_at_both_ends(village: WalkNetwork) -> None:
    # 10 m off the street at 30 m, to a shop 7 m off the same street at 180 m
    result = measured({"s": (30, -10)}, services({"node/1": (180, -7)}), village)
    assert nearest(result, "s")["walk_m"] == pytest.approx(10 + 150 + 7, abs=0.05)
    assert nearest(result, "s")["snap_m"] == pytest.approx(10, abs=0.05)


def test_same_edge_does_not_walk_through_its_end(village: WalkNetwork) -> None:
    result = measured({"s": (30, 0)}, services({"node/1": (70, 0)}), village)
    assert nearest(result, "s")["walk_m"] == pytest.approx(40, abs=0.02)


def test_same_edge_goes_round_when_that_is_shorter() -> None:
    # a detour of 400 m between the ends of a street of 100 m: from 10 m of one end to 10 m
    # of the other, the short street is 20 m + 100 m, the long way 380 m
    detour = [(1, 0, 0), (2, 0, 150), (3, 100, 150), (4, 100, 0)]
    network = walk_network(ways({1: detour, 2: [(1, 0, 0), (4, 100, 0)]}))
    result = measured({"s": (0, 10)}, services({"node/1": (100, 10)}), network)
    assert nearest(result, "s")["walk_m"] == pytest.approx(120, abs=0.02)


def test_a_loop_is_walked_the_short_way() -> None:
    ring = [(1, 0, 0), (2, 100, 0), (3, 100, 100), (4, 0, 100), (1, 0, 0)]
    network = walk_network(ways({1: ring}))
    result = measured({"s": (0, 30)}, services({"node/1": (30, 0)}), network)
    assert nearest(result, "s")["walk_m"] == pytest.approx(60, abs=0.05)


def test_parallel_edges_keep_the_shorter() -> None:
    network = walk_network(
        ways(
            {
                1: [(1, 0, 0), (2, 0, 100), (3, 100, 100), (4, 100, 0)],
                2: [(1, 0, 0), (4, 100, 0)],
                3: [(5, -50, 0), (1, 0, 0)],
                4: [(4, 100, 0), (6, 150, 0)],
            }
        )
    )
    result = measured({"s": (-50, 0)}, services({"node/1": (150, 0)}), network)
    assert nearest(result, "s")["walk_m"] == pytest.approx(200, abs=0.02)


def test_two_nodes_at_one_place_are_0_m_apart() -> None:
    network = walk_network(
        ways(
            {
                1: [(1, 0, 0), (2, 100, 0)],
                2: [(2, 100, 0), (3, 100, 0)],
                3: [(3, 100, 0), (4, 200, 0)],
            }
        )
    )
    assert 0.0 in network.length_m
    result = measured({"s": (0, 0)}, services({"node/1": (200, 0)}), network)
    assert nearest(result, "s")["walk_m"] == pytest.approx(200, abs=0.02)


def test_nearest_three_in_order_and_ties_by_identifier(village: WalkNetwork) -> None:
    shops = {"node/4": (200, 0), "node/2": (200, 0), "node/1": (100, 0), "node/9": (400, 0)}
    result = measured({"s": (0, 0)}, services(shops), village)
    ids = [nearest(result, "s", rank)["service_id"] for rank in (1, 2, 3)]
    assert ids == ["node/1", "node/2", "node/4"]
    walks_m = [nearest(result, "s", rank)["walk_m"] for rank in (1, 2, 3)]
    assert walks_m == pytest.approx([100, 200, 200], abs=0.05)


def test_counts_within_minutes(village: WalkNetwork) -> None:
    shops = {"node/1": (90, 0), "node/2": (250, 0), "node/3": (0, 290), "node/4": (400, 50)}
    result = measured({"s": (0, 0)}, services(shops), village)
    # 90 m, 250 m, 290 m and 450 m at 100 m a minute
    counts = result.reach.loc[("s", "boulangerie"), "n_services"]
    assert counts.to_dict() == {1: 1, 3: 3, 5: 4}


def test_counts_go_beyond_the_cut_off(village: WalkNetwork) -> None:
    rule = AccessRule(profile=RUNNER, cutoff_min=2.0, reach_min=(1, 3, 5))
    shops = {"node/1": (90, 0), "node/2": (250, 0), "node/3": (0, 290), "node/4": (400, 50)}
    result = measured({"s": (0, 0)}, services(shops), village, rule)
    counts = result.reach.loc[("s", "boulangerie"), "n_services"]
    assert counts.to_dict() == {1: 1, 3: 3, 5: 4}
    status = result.access.loc[("s", "boulangerie"), "access_status"]
    assert status.tolist() == ["reached", "beyond_cutoff", "beyond_cutoff"]  # over 200 m


@pytest.mark.parametrize(
    ("site", "status"),
    [
        ((0, 0), "beyond_cutoff"),  # 800 m for a cut-off of 600 m
        ((50, 700), "no_path"),  # on the island
        ((-400, 0), "off_network"),
        (None, "no_location"),
    ],
)
def test_why_there_is_no_walk(
    village: WalkNetwork, site: tuple[float, float] | None, status: str
) -> None:
    result = measured({"s": site}, services({"node/1": (400, 400)}), village)
    row = nearest(result, "s")
    assert row["access_status"] == status
    assert row[["walk_m", "line_m", "walk_min", "service_id", "service_name"]].isna().all()


def test_fewer_services_than_ranks(village: WalkNetwork) -> None:
    result = measured({"s": (0, 0)}, services({"node/1": (100, 0)}), village)
    status = result.access.xs("s")["access_status"]
    assert status.loc["boulangerie"].tolist() == ["reached", "no_service", "no_service"]
    # a category that OpenStreetMap maps badly is not said absent
    assert status.loc["ssiad"].tolist() == ["not_mapped"] * 3


def test_counts_are_empty_where_not_measured(village: WalkNetwork) -> None:
    sites = {"far": (-400.0, 0.0), "none": None, "here": (0.0, 0.0)}
    reach = measured(sites, services({"node/1": (400, 400)}), village).reach["n_services"]
    reach = reach.sort_index()
    assert reach[["far", "none"]].isna().all()
    assert reach.loc[("here", "boulangerie")].tolist() == [0, 0, 0]
    assert reach.loc[("here", "ssiad")].isna().all()


def test_no_service_at_all(village: WalkNetwork) -> None:
    result = measured({"s": (0, 0)}, SERVICES.empty(), village)
    assert nearest(result, "s")["access_status"] == "no_service"
    assert len(result.access) == 2 * 3
    assert len(result.reach) == 2 * 3


def test_no_site_at_all(village: WalkNetwork) -> None:
    result = measured({}, services({"node/1": (0, 0)}), village)
    assert result.access.dtypes.equals(ACCESS.empty().dtypes)
    assert result.reach.dtypes.equals(REACH.empty().dtypes)
    assert result.access.empty


def test_edge_limited_where_the_border_is_nearer_than_the_service(village: WalkNetwork) -> None:
    # 150 m from the southern border: a shop at 100 m is surely nearest, one at 250 m is not
    near = measured({"s": (200, 150)}, services({"node/1": (200, 250)}), village)
    far = measured({"s": (200, 150)}, services({"node/1": (200, 400)}), village)
    assert not nearest(near, "s")["edge_limited"]
    assert nearest(far, "s")["edge_limited"]
    assert nearest(near, "s", 2)["edge_limited"]  # nothing found within 600 m of walk


def test_a_service_area_is_reached_where_a_street_crosses_its_outline(
    village: WalkNetwork,
) -> None:
    park = services({"way/1": (0, 0)})
    corners = [at(150, 50), at(350, 50), at(350, 250), at(150, 250)]
    park = park.set_geometry([shapely.Polygon(corners)], crs=WGS84)
    result = measured({"s": (0, 100)}, park, village)
    # along the street y = 100 m, its western side is crossed after 150 m
    assert nearest(result, "s")["walk_m"] == pytest.approx(150, abs=0.05)
    assert nearest(result, "s")["line_m"] == pytest.approx(150, abs=0.05)


def test_an_area_along_a_street_is_reached_all_along_it(village: WalkNetwork) -> None:
    square = services({"way/1": (0, 0)})
    corners = [at(100, 0), at(200, 0), at(200, 50), at(100, 50)]  # its southern side is a street
    square = square.set_geometry([shapely.Polygon(corners)], crs=WGS84)
    result = measured({"s": (150, -5)}, square, village)
    # straight across the street, to within half of the 10 m between places looked at
    assert 5 - 0.05 <= nearest(result, "s")["walk_m"] <= 5 + 5 + 0.05


def test_a_building_is_reached_at_the_side_near_the_street(village: WalkNetwork) -> None:
    shop = services({"way/1": (0, 0)})
    corners = [at(150, 10), at(180, 60), at(120, 60)]  # its front corner faces the street
    shop = shop.set_geometry([shapely.Polygon(corners)], crs=WGS84)
    result = measured({"s": (100, 0)}, shop, village)
    # 50 m along the street and 10 m to the front, not to the middle of the building
    assert nearest(result, "s")["walk_m"] == pytest.approx(60, abs=0.05)


def test_entrances_are_targets(village: WalkNetwork) -> None:
    doors = services({"way/1": (0, 0)})
    doors = doors.set_geometry([shapely.MultiPoint([at(390, 0), at(120, 0)])], crs=WGS84)
    result = measured({"s": (0, 0)}, doors, village)
    assert nearest(result, "s")["walk_m"] == pytest.approx(120, abs=0.05)


def test_the_platforms_of_a_stop_are_one_service_reached_at_the_nearest(
    village: WalkNetwork,
) -> None:
    stop = services({"node/1": (100, 0), "node/2": (200, 0), "node/3": (400, 0)})
    stop["merged_ids"] = ["node/2;node/9", "node/1;node/9", ""]  # node/9 has no row
    result = measured({"west": (50, 0), "east": (250, 0)}, stop, village)
    # 50 m to the first platform from the west, and from the east 50 m to the second
    for site, cited in (("west", "node/1"), ("east", "node/2")):
        row = nearest(result, site)
        assert (row["service_id"], round(row["walk_m"])) == (cited, 50)
        assert nearest(result, site, 2)["service_id"] == "node/3"
        assert nearest(result, site, 3)["access_status"] == "no_service"
    # within 300 m of the east: the stop, once, and the other one at 150 m
    assert result.reach.loc[("east", "boulangerie", 3), "n_services"] == 2


def test_layers_without_crs_or_in_metres_are_refused(village: WalkNetwork) -> None:
    sites = points({"s": (0, 0)}, "site_id")
    shops = services({"node/1": (100, 0)})
    with pytest.raises(CrsError, match="no CRS"):
        accessibility(
            sites.set_crs(None, allow_override=True),
            shops,
            village,
            categories=CATEGORIES,
            rule=RULE,
        )
    with pytest.raises(CrsError, match="2154"):
        accessibility(sites, shops.to_crs(2154), village, categories=CATEGORIES, rule=RULE)


def test_arguments_stay_as_they_were_and_order_is_kept(village: WalkNetwork) -> None:
    sites = points({"b": (0, 0), "a": (100, 30), "c": None}, "site_id")
    shops = services({"node/2": (100, 0), "node/1": (300, 0)})
    before = sites.copy(), shops.copy()
    result = accessibility(sites, shops, village, categories=CATEGORIES, rule=RULE)
    pd.testing.assert_frame_equal(sites, before[0])
    pd.testing.assert_frame_equal(shops, before[1])
    assert result.access.index.get_level_values("site_id").unique().tolist() == ["b", "a", "c"]
    reversed_shops = accessibility(sites, shops[::-1], village, categories=CATEGORIES, rule=RULE)
    pd.testing.assert_frame_equal(result.access, reversed_shops.access)


def test_progress_counts_every_measured_site(village: WalkNetwork) -> None:
    done: list[int] = []
    accessibility(
        points({"a": (0, 0), "b": (0, 0), "c": (300, 0)}, "site_id"),
        services({"node/1": (100, 0)}),
        village,
        categories=CATEGORIES,
        rule=RULE,
        on_progress=done.append,
    )
    assert sum(done) == 3


PLACES = st.tuples(st.floats(-30, 430), st.floats(-30, 430))


@settings(max_examples=40, deadline=None)
@given(sites=st.lists(PLACES, min_size=1, max_size=6), shops=st.lists(PLACES, max_size=9))
def test_agrees_with_a_graph_split_at_every_place(
    sites: list[tuple[float, float]], shops: list[tuple[float, float]]
) -> None:
    streets = village_streets()
    streets[50] = [(0, 0.0, 0.0), (60, 170.0, 120.0), (33, 300.0, 300.0)]  # a diagonal
    network = walk_network(ways(streets))
    placed = {f"s{i}": place for i, place in enumerate(sites)}
    stocked = {f"node/{i}": place for i, place in enumerate(shops)}
    layer = services(stocked) if stocked else SERVICES.empty()
    rule = AccessRule(profile=RUNNER, cutoff_min=30.0)
    result = measured(placed, layer, network, rule)

    other = SplitGraph({way: [(n, *at(x, y)) for n, x, y in s] for way, s in streets.items()})
    for name, place in {**placed, **stocked}.items():
        other.insert(name, at(*place))
    other.split()
    for name in placed:
        walks_m = other.walks_m(name)
        expected = sorted(walks_m[shop] for shop in stocked if shop in walks_m)
        got = result.access.loc[(name, "boulangerie"), "walk_m"].dropna()
        assert got.to_numpy() == pytest.approx(expected[:3], abs=0.05)


@settings(max_examples=25, deadline=None)
@given(
    sites=st.lists(PLACES, min_size=1, max_size=5),
    shops=st.lists(PLACES, min_size=1, max_size=8),
    more=PLACES,
)
def test_what_must_always_hold(
    village: WalkNetwork,
    sites: list[tuple[float, float]],
    shops: list[tuple[float, float]],
    more: tuple[float, float],
) -> None:
    placed = {f"s{i}": place for i, place in enumerate(sites)}
    stocked = {f"node/{i}": place for i, place in enumerate(shops)}
    wide = AccessRule(profile=RUNNER, cutoff_min=20.0)
    narrow = AccessRule(profile=RUNNER, cutoff_min=3.0)
    base = measured(placed, services(stocked), village, wide).access
    fuller = measured(placed, services(stocked | {"node/x": more}), village, wide).access
    short = measured(placed, services(stocked), village, narrow).access
    reached = base["access_status"] == "reached"
    # a walk is never shorter than the straight line
    assert (base.loc[reached, "walk_m"] >= base.loc[reached, "line_m"] - 0.01).all()
    # one more shop never makes any rank further
    assert (fuller.loc[reached, "walk_m"] <= base.loc[reached, "walk_m"] + 1e-9).all()
    # a longer cut-off never loses a service, and changes no distance
    kept = short["access_status"] == "reached"
    assert (short.loc[kept, "walk_m"] == base.loc[kept, "walk_m"]).all()


def test_sites_conform(village: WalkNetwork) -> None:
    # the table that geocoding gives goes in as it is
    assert SITES.geometry is not None
    result = accessibility(
        SITES.empty(), SERVICES.empty(), village, categories=CATEGORIES, rule=RULE
    )
    assert result.access.empty
