"""Who is near a home, who would be, and where first: counts that anyone can redo."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from conftest import at, ways
from conftest import points as points_table
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.access import AccessRule
from siting.crs import GEOD, WGS84
from siting.demand import DEMAND, demand, street_points
from siting.gain import Nearness, gains, nearest_home
from siting.network import WalkNetwork, walk_network
from siting.priority import WEIGHTS, priority
from siting.shares import family_shares, home_shares, shares_by_family
from siting.sources.reference import read_communes
from siting.tables import COMMUNES, SERVICES
from siting.taxonomy import read_taxonomy
from siting.walkers import walk_profile

RULE = AccessRule(profile=walk_profile("senior"))
ON_FOOT = Nearness(minutes=10.0)  # 480 m at 48 m a minute
IN_LINE = Nearness(line_km=5.0)


def points(**places: tuple[float, float]) -> gpd.GeoSeries:
    return gpd.GeoSeries({name: shapely.Point(at) for name, at in places.items()}, crs=WGS84)


def people(places: gpd.GeoSeries, counts: list[float]) -> gpd.GeoDataFrame:
    return DEMAND.conform(
        gpd.GeoDataFrame(
            {"code_insee": [f"72{at:03d}" for at in range(len(places))], "people_65": counts}
            | {"basis": "commune", "demand_id": places.index},
            geometry=places.to_numpy(),
            crs=WGS84,
        )
    )


def east(metres: float) -> tuple[float, float]:
    lon, lat, _ = GEOD.fwd(0.2, 48.0, 90.0, metres)
    return lon, lat


# Villages on a line: a at 0, b at 4 km, c at 8 km, d at 30 km.
VILLAGES = points(a=east(0), b=east(4_000), c=east(8_000), d=east(30_000))
PEOPLE = people(VILLAGES, [100.0, 200.0, 400.0, 50.0])


def named(places: gpd.GeoSeries) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"label": places.index, "code_insee": "72000"},
        index=places.index,
        geometry=places.to_numpy(),
        crs=WGS84,
    )


def test_a_gain_is_of_people_who_have_nothing_near() -> None:
    """A home in a: within 5 km, a and b have it. One more in c brings c alone: b has one."""
    table = gains(
        PEOPLE,
        named(VILLAGES),
        homes=VILLAGES[["a"]],
        planned=VILLAGES[["d"]],
        network=None,
        rule=RULE,
        nearness=IN_LINE,
    )
    assert table["people_65_near"].tolist() == [300.0, 700.0, 600.0, 50.0]
    assert table["gain_people_65"].tolist() == [0.0, 400.0, 400.0, 50.0]
    assert table["gain_after_planned"].tolist() == [0.0, 400.0, 400.0, 0.0]
    assert table["gain_rank"].tolist() == [4, 1, 2, 3]  # b before c: same gain, by identifier


def test_without_home_everyone_near_is_gained() -> None:
    nothing = VILLAGES.iloc[:0]
    table = gains(
        PEOPLE,
        named(VILLAGES),
        homes=nothing,
        planned=nothing,
        network=None,
        rule=RULE,
        nearness=IN_LINE,
    )
    assert table["gain_people_65"].equals(table["people_65_near"])
    nearest = nearest_home(PEOPLE, nothing, network=None, rule=RULE)
    assert nearest["line_km"].isna().all()


@settings(deadline=None, max_examples=20)
@given(st.lists(st.sampled_from("abcd"), max_size=4, unique=True))
def test_one_home_more_never_makes_a_gain_greater(open_at: list[str]) -> None:
    for more in "abcd":
        gained = [
            gains(
                PEOPLE,
                named(VILLAGES),
                homes=VILLAGES[homes],
                planned=VILLAGES.iloc[:0],
                network=None,
                rule=RULE,
                nearness=IN_LINE,
            )["gain_people_65"]
            for homes in (open_at, sorted({*open_at, more}))
        ]
        assert (gained[1] <= gained[0]).all()
        assert gained[1][more] == 0.0


def test_distances_are_those_of_the_ellipsoid() -> None:
    nearest = nearest_home(PEOPLE, VILLAGES[["a"]], network=None, rule=RULE)
    assert nearest["line_km"].tolist() == pytest.approx([0.0, 4.0, 8.0, 30.0], abs=1e-6)


def on_grid(**places: tuple[float, float]) -> gpd.GeoSeries:
    return points(**{name: at(*place) for name, place in places.items()})


def test_on_foot_the_streets_decide(village: WalkNetwork) -> None:
    """480 m of walk: 400 m along the grid is near, 400 + 100 m is not, although 412 m straight."""
    places = on_grid(along=(400, 0), across=(400, 100), home=(0, 0))
    who = people(places, [10.0, 20.0, 5.0])
    near = gains(
        who,
        named(places[["home"]]),
        homes=places.iloc[:0],
        planned=places.iloc[:0],
        network=village,
        rule=RULE,
        nearness=ON_FOOT,
    )
    assert near["people_65_near"].tolist() == [15.0]
    nearest = nearest_home(who, places[["home"]], network=village, rule=RULE)
    assert nearest["walk_min"].tolist() == pytest.approx([400 / 48, 500 / 48, 0.0], abs=0.01)


def test_shares_of_a_commune_weigh_people() -> None:
    """Commune 72000 has 30 people at 4 minutes and 70 at 12; 72001 none near; 72002 is unknown."""
    table = pd.DataFrame(
        {
            "code_insee": ["72000", "72000", "72001", "72002"],
            "people_65": [30.0, 70.0, 10.0, np.nan],
            "line_km": [0.1, 0.5, 3.0, 1.0],
            "walk_min": [4.0, 12.0, np.nan, 1.0],
        },
        index=pd.Index(["a", "b", "c", "d"], name="demand_id"),
    )
    shares = home_shares(table, is_walked=True)
    assert shares.loc["72000"].tolist() == [0.5, 0.3, 0.3, 1.0]
    assert shares.loc["72001"].tolist() == [3.0, 0.0, 0.0, 0.0]
    assert "72002" not in shares.index
    assert home_shares(table, is_walked=False)["share_within_5min"].isna().all()


def squares(populations: list[int | None]) -> gpd.GeoDataFrame:
    rows = [
        {
            "code_insee": f"72{n:03d}",
            "nom": f"Commune {n}",
            "code_dep": "72",
            "code_epci": "",
            "population": 1000,
            "population_65": count,
            "is_pvd": False,
            "pvd_on": "",
            "vintage": "test",
            "geometry": shapely.box(n, 0, n + 1, 1),
        }
        for n, count in enumerate(populations)
    ]
    return gpd.GeoDataFrame(COMMUNES.conform(gpd.GeoDataFrame(rows, crs=WGS84)))


def test_people_are_shared_out_and_none_is_lost() -> None:
    """Three addresses in the first commune, none in the second: its middle; the third unknown."""
    communes = squares([90, 40, None])
    addresses = points(a=(0.1, 0.1), b=(0.5, 0.5), c=(0.9, 0.2), far=(30.0, 30.0))
    table = demand(communes, addresses=addresses)
    assert table["people_65"].tolist()[:4] == [30.0, 30.0, 30.0, 40.0]
    assert table["basis"].tolist() == ["addresses"] * 3 + ["commune"] * 2
    assert table.loc["72001-1"].geometry.equals(shapely.Point(1.5, 0.5))
    assert pd.isna(table.loc["72002-1", "people_65"])
    assert table["people_65"].sum() == 130


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 5000), min_size=1, max_size=6), st.integers(0, 20))
def test_the_total_over_points_is_that_of_the_communes(counts: list[int], n_points: int) -> None:
    random = np.random.default_rng(n_points)
    scattered = shapely.points(random.uniform(0, len(counts), n_points), random.uniform(0, 1))
    table = demand(squares(list(counts)), addresses=gpd.GeoSeries(scattered, crs=WGS84))
    total = table.groupby("code_insee")["people_65"].sum()
    assert total.tolist() == pytest.approx([float(one) for one in counts])


def test_streets_stand_for_people_where_there_are_no_addresses() -> None:
    """A street of 400 m has four points, 100 m apart; a footway has none."""
    streets = {1: [(1, 0.0, 0.0), (2, 400.0, 0.0)], 2: [(2, 400.0, 0.0), (3, 400.0, 400.0)]}
    tags = {1: {"highway": "residential"}}
    found = street_points(walk_network(ways(streets, tags)))
    lon, lat = zip(*(at(x, 0.0) for x in (50.0, 150.0, 250.0, 350.0)), strict=True)
    assert [*found.x, *found.y] == pytest.approx([*lon, *lat], abs=1e-7)


def test_each_family_has_its_share(
    village: WalkNetwork, taxonomy_services: gpd.GeoDataFrame
) -> None:
    """A pharmacy at the corner: near (within 10 min, 480 m) for 60 of the 100 people of 72000."""
    places = on_grid(near=(100, 100), far=(400, 400))
    who = people(places, [60.0, 40.0]).assign(code_insee="72000")
    table = family_shares(
        who, taxonomy_services, village, taxonomy=read_taxonomy(), rule=RULE, minutes=10.0
    )
    shares = shares_by_family(table)
    assert shares["commerces"]["72000"] == pytest.approx(0.6)
    assert shares["sante_social"]["72000"] == pytest.approx(0.6)
    assert shares["transports"]["72000"] == 0.0


@pytest.fixture
def taxonomy_services() -> gpd.GeoDataFrame:
    layer = points_table({"node/1": (0.0, 0.0)}, "service_id")
    blank = {name: "" for name in SERVICES.column_names if name not in layer}
    return SERVICES.conform(layer.assign(**blank).assign(categories="pharmacie"))


def test_the_list_says_what_its_weights_change() -> None:
    """
    Three unserved communes: need 400, 200, 100 (1, 0.5, 0.25); anchoring 0, 0.8, 0.9.

    Half and half: 0.5, 0.65, 0.575. By need alone the first leads, by anchoring alone it is last.
    """
    communes = squares([500, 500, 500, 500])
    codes = communes.index
    table = priority(
        communes,
        is_served=pd.Series([False, False, False, True], index=codes, dtype="boolean"),
        people_far=pd.Series([400.0, 200.0, 100.0, 0.0], index=codes),
        shares={
            "commerces": pd.Series([0.0, 0.9, 0.9, 1.0], index=codes),
            "transports": pd.Series([0.0, 0.7, 0.9, 1.0], index=codes),
        },
    )
    assert table.index.tolist() == ["72001", "72002", "72000"]
    assert table["priority_rank"].tolist() == [1, 2, 3]
    assert table.loc["72000", ["best_rank", "worst_rank"]].tolist() == [1, 3]
    assert table.loc["72000", ["need_rank", "anchoring_rank"]].tolist() == [1, 3]
    assert table["need"].tolist() == [0.5, 0.25, 1.0]
    assert table["anchoring"].tolist() == pytest.approx([0.8, 0.9, 0.0])
    assert WEIGHTS[0] == 0.0
    assert WEIGHTS[-1] == 1.0


def test_without_streets_need_alone_ranks() -> None:
    communes = squares([500, 500])
    far = pd.Series([100.0, 400.0], index=communes.index)
    none_served = pd.Series([False, False], index=communes.index, dtype="boolean")
    table = priority(communes, is_served=none_served, people_far=far, shares={})
    assert table.index.tolist() == ["72001", "72000"]
    assert table["anchoring"].isna().all()
    assert table["best_rank"].tolist() == table["worst_rank"].tolist() == [1, 2]


def test_one_unknown_anchoring_and_need_alone_ranks() -> None:
    """The second commune was not measured: by need, 400 before 100, whatever the first has."""
    communes = squares([500, 500])
    table = priority(
        communes,
        is_served=pd.Series([False, False], index=communes.index, dtype="boolean"),
        people_far=pd.Series([100.0, 400.0], index=communes.index),
        shares={"commerces": pd.Series([1.0, np.nan], index=communes.index)},
    )
    assert table.index.tolist() == ["72001", "72000"]
    assert table["best_rank"].tolist() == table["worst_rank"].tolist() == [1, 2]
    assert table["anchoring"].tolist()[1] == 1.0
    assert pd.isna(table["anchoring_rank"].iloc[0])


def test_what_is_not_known_is_not_ranked() -> None:
    communes = squares([500, None, 500])
    served = pd.Series([False, False, pd.NA], index=communes.index, dtype="boolean")
    far = pd.Series([0.0, np.nan, 400.0], index=communes.index)
    table = priority(communes, is_served=served, people_far=far, shares={})
    assert table.index.tolist() == ["72000"]
    assert table["need"].tolist() == [0.0]


def test_a_real_departement_in_a_moment() -> None:
    """Seine-Saint-Denis, a home in the middle of Stains: who is within 1 km has it."""
    communes = read_communes(["93"])
    who = demand(communes)
    assert len(who) == len(communes)
    stains = gpd.GeoSeries(communes.geometry.loc[["93072"]].representative_point(), crs=WGS84)
    nearest = nearest_home(who, stains, network=None, rule=RULE)
    shares = home_shares(nearest, is_walked=False)
    assert shares.loc["93072", "median_line_km"] == pytest.approx(0.0, abs=1e-6)
    assert shares["median_line_km"].max() > 10
