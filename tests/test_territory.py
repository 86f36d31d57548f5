"""Communes of sites and coverage of communes, on a plan one can draw by hand.

Four communes of 0.02 degree by 0.02 around longitude 2.40, latitude 48.90 (north to the top):

    93001 west | 93002 east        the west half of 93002 is the former commune 93099
    -----------+-----------
    75001 south-west | nothing     (the nothing stands for a foreign country)
"""

from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, box

from siting.coverage import commune_coverage
from siting.crs import WGS84
from siting.errors import CrsError, DataError
from siting.listed import FormerListed, ListedCommunes, resolve_listed
from siting.sources import reference
from siting.sources.packs import read_pack
from siting.tables import (
    COMMUNE_HISTORY,
    COMMUNE_REGISTER,
    COMMUNES,
    COVERAGE,
    DECLARED,
    FORMER_COMMUNES,
    INVENTORY,
    SITE_COMMUNES,
    SITES,
)
from siting.territory import settled_sites, site_communes

BONDY = Path(__file__).parents[2] / "shared" / "data" / "addresses" / "ban_bondy_93010.csv"

LON, LAT = 2.40, 48.90
SIDE = 0.02
M_PER_DEGREE_LAT = 111_207  # WGS84, meridian at 48.9 degrees north
M_PER_DEGREE_LON = 73_302  # WGS84, parallel at 48.9 degrees north


def commune_layer(**polygons: shapely.Polygon) -> gpd.GeoDataFrame:
    codes = [code.removeprefix("c") for code in polygons]
    frame = gpd.GeoDataFrame(
        {
            "code_insee": codes,
            "nom": [f"Commune {code}" for code in codes],
            "code_dep": [code[:2] for code in codes],
            "code_epci": "",
            "population": 1000,
            "population_65": 100,
            "is_pvd": [code == "93002" for code in codes],
            "pvd_on": ["2021-03-12" if code == "93002" else "" for code in codes],
            "vintage": "essai",
        },
        geometry=[MultiPolygon([polygon]) for polygon in polygons.values()],
        crs=WGS84,
    )
    return COMMUNES.conform(frame)


@pytest.fixture
def communes() -> gpd.GeoDataFrame:
    return commune_layer(
        c93001=box(LON - SIDE, LAT, LON, LAT + SIDE),
        c93002=box(LON, LAT, LON + SIDE, LAT + SIDE),
        c75001=box(LON - SIDE, LAT - SIDE, LON, LAT),
    )


@pytest.fixture
def former() -> gpd.GeoDataFrame:
    frame = gpd.GeoDataFrame(
        {"code_insee_old": ["93099"], "nom": ["Ancienne"], "code_insee": ["93002"]},
        geometry=[MultiPolygon([box(LON, LAT, LON + SIDE / 2, LAT + SIDE)])],
        crs=WGS84,
    )
    return FORMER_COMMUNES.conform(frame)


HISTORY = COMMUNE_HISTORY.conform(
    pd.DataFrame(
        {
            "code_insee_old": ["93099", "75101"],
            "code_insee": ["93002", "75001"],
            "nom": ["Ancienne", ""],
            "kind": ["deleguee", "arrondissement"],
        }
    )
)
LISTED = ListedCommunes(
    codes=frozenset({"93001"}),
    former=(FormerListed("93099", "Ancienne", "93002"),),
    departements=("93",),
)


def points(**lon_lat: tuple[float, float] | None) -> gpd.GeoSeries:
    places = [None if xy is None else Point(xy) for xy in lon_lat.values()]
    return gpd.GeoSeries(places, index=pd.Index(lon_lat, name="site_id"), crs=WGS84)


WEST = (LON - SIDE / 2, LAT + SIDE / 2)
OLD = (LON + SIDE / 4, LAT + SIDE / 2)
EAST = (LON + 3 * SIDE / 4, LAT + SIDE / 2)
ABROAD = (LON + SIDE / 2, LAT - SIDE / 2)
METRE_WEST, METRE_EAST = 1 / M_PER_DEGREE_LON, -1 / M_PER_DEGREE_LON


# --- the commune of a point


def test_each_point_is_in_the_commune_that_holds_it(
    communes: gpd.GeoDataFrame, former: gpd.GeoDataFrame
) -> None:
    where = points(west=WEST, old=OLD, east=EAST, abroad=ABROAD, unknown=None)
    found = site_communes(where, communes=communes, former=former)
    assert found["code_insee"].fillna("").tolist() == ["93001", "93002", "93002", "", ""]
    assert found["commune"].fillna("").tolist()[:2] == ["Commune 93001", "Commune 93002"]
    assert found["former_code_insee"].fillna("").tolist() == ["", "93099", "", "", ""]
    assert found["former_commune"]["old"] == "Ancienne"
    assert found["border_m"].isna().all()  # all are hundreds of metres from any border
    assert found.index.tolist() == list(where.index)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 0, 2]])
def test_point_on_a_border_is_in_the_lowest_code_whatever_the_order(
    communes: gpd.GeoDataFrame, former: gpd.GeoDataFrame, order: list[int]
) -> None:
    on_line, on_corner = (LON, LAT + SIDE / 2), (LON, LAT)
    found = site_communes(
        points(line=on_line, corner=on_corner), communes=communes.iloc[order], former=former
    )
    assert found["code_insee"].tolist() == ["93001", "75001"]
    assert found["border_code_insee"].tolist() == ["93002", "93001"]
    assert found["border_m"].tolist() == pytest.approx([0, 0], abs=1e-6)


def test_border_is_told_within_50_m_in_ellipsoidal_metres(
    communes: gpd.GeoDataFrame, former: gpd.GeoDataFrame
) -> None:
    near, far = 30 / M_PER_DEGREE_LON, 51 / M_PER_DEGREE_LON
    middle = LAT + SIDE / 2
    where = points(
        near=(LON - near, middle), far=(LON - far, middle), south=(LON - near, LAT + 1e-4)
    )
    found = site_communes(where, communes=communes, former=former)
    assert found["border_code_insee"].fillna("").tolist() == ["93002", "", "75001"]
    assert found["border_m"]["near"] == pytest.approx(30, abs=0.05)
    assert found["border_m"]["south"] == pytest.approx(1e-4 * M_PER_DEGREE_LAT, abs=0.05)


def test_border_between_the_parts_of_a_merged_commune_is_told(
    communes: gpd.GeoDataFrame, former: gpd.GeoDataFrame
) -> None:
    # Ancienne is the west half of 93002; what is left of 93002 goes by its own code.
    step, middle = 30 / M_PER_DEGREE_LON, LON + SIDE / 2
    found = site_communes(
        points(
            in_old=(middle - step, LAT + SIDE / 2),
            in_rest=(middle + step, LAT + SIDE / 2),
            in_west=(LON - step, LAT + SIDE / 2),
            deep=OLD,
        ),
        communes=communes,
        former=former,
    )
    assert found["part_code_insee"].fillna("").tolist() == ["93002", "93099", "93099", ""]
    assert found["part_m"].tolist()[:3] == pytest.approx([30, 30, 30], abs=0.05)
    assert pd.isna(found["part_m"]["deep"])


def test_point_just_abroad_is_told_which_commune_is_near(
    communes: gpd.GeoDataFrame, former: gpd.GeoDataFrame
) -> None:
    step = 20 / M_PER_DEGREE_LAT
    found = site_communes(
        points(a=(LON + SIDE / 2, LAT - step)), communes=communes, former=former
    ).loc["a"]
    assert pd.isna(found["code_insee"])
    assert found["border_code_insee"] == "93002"
    assert found["border_m"] == pytest.approx(20, abs=0.05)


def test_border_overseas_is_measured_in_its_own_metres() -> None:
    # La Réunion, 20.9 degrees south: a degree of longitude is 104.0 km, Lambert-93 is 87 % off.
    lon, lat = 55.45, -20.9
    layer = commune_layer(
        c97411=box(lon - 0.02, lat - 0.02, lon, lat), c97418=box(lon, lat - 0.02, lon + 0.02, lat)
    )
    found = site_communes(
        points(a=(lon - 40 / 104_033, lat - 0.01)),
        communes=layer,
        former=FORMER_COMMUNES.empty(),
    )
    assert found["code_insee"].tolist() == ["97411"]
    assert found["border_m"].tolist() == [pytest.approx(40, abs=0.1)]


@settings(max_examples=30, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 99), min_size=1, max_size=6, unique=True),
    places=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=12),
)
def test_any_tiling_gives_each_point_to_exactly_one_commune(
    cuts: list[int], places: list[tuple[int, int]]
) -> None:
    # Strips between whole hundredths: many points fall on borders and corners.
    edges = [0, *sorted(cuts), 100]
    strips = [box(LON + a / 1000, LAT, LON + b / 1000, LAT + 0.1) for a, b in pairwise(edges)]
    layer = commune_layer(**{f"c93{number:03}": strip for number, strip in enumerate(strips)})
    where = gpd.GeoSeries(
        [Point(LON + x / 1000, LAT + y / 1000) for x, y in places],
        index=pd.RangeIndex(len(places)).astype(str),
        crs=WGS84,
    )
    found = site_communes(where, communes=layer, former=FORMER_COMMUNES.empty())
    lowest = [
        next(number for number, strip in enumerate(strips) if strip.intersects(place))
        for place in where
    ]
    assert found["code_insee"].tolist() == [f"93{number:03}" for number in lowest]
    assert found["code_insee"].value_counts().sum() == len(places)


def test_empty_inputs_keep_the_contract(
    communes: gpd.GeoDataFrame, former: gpd.GeoDataFrame
) -> None:
    nobody = site_communes(points(), communes=communes, former=former)
    assert nobody.columns.tolist() == SITE_COMMUNES.column_names
    assert len(nobody) == 0
    nowhere = site_communes(
        points(a=WEST), communes=COMMUNES.empty(), former=FORMER_COMMUNES.empty()
    )
    assert nowhere["code_insee"].isna().all()


def test_inputs_without_crs_are_refused_and_inputs_are_unchanged(
    communes: gpd.GeoDataFrame, former: gpd.GeoDataFrame
) -> None:
    where = points(a=WEST)
    before = communes.copy()
    site_communes(where, communes=communes, former=former)
    pd.testing.assert_frame_equal(communes, before)
    with pytest.raises(CrsError, match="points"):
        site_communes(gpd.GeoSeries([Point(WEST)]), communes=communes, former=former)
    with pytest.raises(CrsError, match="communes"):
        site_communes(where, communes=communes.to_crs(2154), former=former)


# --- the commune settled


def site_table(*rows: dict[str, object]) -> gpd.GeoDataFrame:
    defaults = {
        "label": "",
        "address": "",
        "geocode_status": "provided",
        "geocode_reason": "COORDINATES_GIVEN",
        "geocode_precision": "none",
        "geocode_score": np.nan,
        "matched_label": "",
        "code_insee": "",
        "commune": "",
        "commune_check": "",
        "is_pvd": pd.NA,
        "is_listed_unserved": pd.NA,
    }
    ids = [f"s{number}" for number in range(len(rows))]
    frame = gpd.GeoDataFrame(
        [{**defaults, "site_id": one, **row} for one, row in zip(ids, rows, strict=True)],
        geometry="geometry",
        crs=WGS84,
    )
    return SITES.conform(frame)


def declarations(*codes: str, relation: str = "same") -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "site_id": [f"s{number}" for number in range(len(codes))],
            "code_insee": codes,
            "declared_code": codes,
            "relation": [relation if code else "" for code in codes],
            "commune": "",
        }
    )
    return DECLARED.conform(frame)


def settle(
    sites: gpd.GeoDataFrame,
    declared: pd.DataFrame,
    communes: gpd.GeoDataFrame,
    former: gpd.GeoDataFrame,
    listed: ListedCommunes | None = None,
) -> gpd.GeoDataFrame:
    around = site_communes(sites.geometry, communes=communes, former=former)
    return settled_sites(
        sites, around, declared=declared, communes=communes, history=HISTORY, listed=listed
    )


FOUND = {
    "geocode_status": "ok",
    "geocode_reason": "MATCHED",
    "geocode_precision": "housenumber",
    "geocode_score": 0.95,
}


def test_coordinates_are_checked_against_the_commune_declared(
    communes: gpd.GeoDataFrame, former: gpd.GeoDataFrame
) -> None:
    near = (LON - 30 / M_PER_DEGREE_LON, LAT + SIDE / 2)
    sites = site_table(
        {"geometry": Point(WEST)},
        {"geometry": Point(WEST)},
        {"geometry": Point(WEST)},
        {"geometry": Point(near)},
        {"geometry": Point(near)},
        {"geometry": Point(ABROAD)},
    )
    declared = declarations("93001", "", "75001", "93002", "93001", "")
    settled = settle(sites, declared, communes, former)
    assert settled["commune_check"].tolist() == [
        *("same", "undeclared", "different", "neighbour", "same", "outside_france")
    ]
    assert settled["geocode_reason"].tolist() == [
        *("COORDINATES_GIVEN", "COORDINATES_GIVEN", "COMMUNE_MISMATCH"),
        *("NEAR_BORDER", "NEAR_BORDER", "COORDINATES_GIVEN"),
    ]
    assert set(settled["geocode_status"]) == {"provided"}
    assert settled["code_insee"].fillna("").tolist() == [*["93001"] * 5, ""]
    assert settled["commune"].fillna("").tolist()[-1] == ""
    assert settled["is_pvd"].isna().tolist() == [*[False] * 5, True]


@pytest.mark.parametrize("relation", ["same", "same_after_merge", "arrondissement"])
def test_the_relation_of_the_declaration_is_reported(
    communes: gpd.GeoDataFrame, former: gpd.GeoDataFrame, relation: str
) -> None:
    sites = site_table({"geometry": Point(OLD)})
    settled = settle(sites, declarations("93002", relation=relation), communes, former)
    assert settled["commune_check"].tolist() == [relation]
    assert settled["is_pvd"].tolist() == [True]


def test_declared_commune_is_kept_for_coordinates_just_outside_of_every_polygon(
    communes: gpd.GeoDataFrame, former: gpd.GeoDataFrame
) -> None:
    just_abroad = (LON + SIDE / 2, LAT - 20 / M_PER_DEGREE_LAT)
    sites = site_table({"geometry": Point(just_abroad)}, {"geometry": Point(just_abroad)})
    settled = settle(sites, declarations("93002", ""), communes, former)
    assert settled["code_insee"].fillna("").tolist() == ["93002", ""]
    assert settled["commune_check"].tolist() == ["neighbour", "outside_france"]
    assert set(settled["geocode_reason"]) == {"NEAR_BORDER"}


def test_foreign_coordinates_declared_in_france_are_a_mismatch(
    communes: gpd.GeoDataFrame, former: gpd.GeoDataFrame
) -> None:
    settled = settle(
        site_table({"geometry": Point(ABROAD)}), declarations("93002"), communes, former
    )
    assert settled["commune_check"].tolist() == ["outside_france"]
    assert settled["geocode_reason"].tolist() == ["COMMUNE_MISMATCH"]


def test_sites_with_no_commune_of_france_around_them() -> None:
    helsinki = site_table({"geometry": shapely.Point(24.94, 60.17)})
    settled = settle(helsinki, declarations(""), COMMUNES.empty(), FORMER_COMMUNES.empty())
    assert settled["commune_check"].tolist() == ["outside_france"]
    assert settled["code_insee"].isna().all()


def test_address_keeps_its_commune_when_the_border_is_within_50_m(
    communes: gpd.GeoDataFrame, former: gpd.GeoDataFrame
) -> None:
    near = Point(LON - 30 / M_PER_DEGREE_LON, LAT + SIDE / 2)
    row = {**FOUND, "geometry": near, "code_insee": "93002", "commune_check": "same"}
    settled = settle(site_table(row), declarations("93002"), communes, former)
    assert settled["code_insee"].tolist() == ["93002"]
    assert settled["commune"].tolist() == ["Commune 93002"]
    assert settled[["geocode_status", "geocode_reason"]].to_numpy().tolist() == [
        ["ok", "NEAR_BORDER"]
    ]
    assert settled["commune_check"].tolist() == ["same"]
    assert settled["is_pvd"].tolist() == [True]


@pytest.mark.parametrize(("metres", "status"), [(280, "ok"), (320, "review")])
def test_address_is_trusted_up_to_300_m_inside_of_another_polygon(
    communes: gpd.GeoDataFrame, former: gpd.GeoDataFrame, metres: int, status: str
) -> None:
    inside = Point(LON - metres / M_PER_DEGREE_LON, LAT + SIDE / 2)
    row = {**FOUND, "geometry": inside, "code_insee": "93002", "commune_check": "same"}
    settled = settle(site_table(row), declarations("93002"), communes, former)
    assert settled["geocode_status"].tolist() == [status]
    assert settled["code_insee"].tolist() == [{"ok": "93002", "review": "93001"}[status]]
    reason = {"ok": "NEAR_BORDER", "review": "COMMUNE_MISMATCH"}[status]
    assert settled["geocode_reason"].tolist() == [reason]


def test_address_far_inside_of_another_commune_is_never_ok(
    communes: gpd.GeoDataFrame, former: gpd.GeoDataFrame
) -> None:
    row = {**FOUND, "geometry": Point(WEST), "code_insee": "93002", "commune_check": "same"}
    settled = settle(site_table(row), declarations("93002"), communes, former)
    assert settled["code_insee"].tolist() == ["93001"]
    assert settled["commune_check"].tolist() == ["different"]
    assert settled[["geocode_status", "geocode_reason"]].to_numpy().tolist() == [
        ["review", "COMMUNE_MISMATCH"]
    ]


def test_address_with_an_old_code_is_in_its_present_commune(
    communes: gpd.GeoDataFrame, former: gpd.GeoDataFrame
) -> None:
    row = {**FOUND, "geometry": Point(OLD), "code_insee": "93099", "commune_check": "same"}
    settled = settle(site_table(row), declarations("93002"), communes, former)
    assert settled["code_insee"].tolist() == ["93002"]
    assert settled["commune_check"].tolist() == ["same"]
    assert settled["geocode_status"].tolist() == ["ok"]


def test_other_remarks_and_rows_without_position_are_left_alone(
    communes: gpd.GeoDataFrame, former: gpd.GeoDataFrame
) -> None:
    near = Point(LON - 30 / M_PER_DEGREE_LON, LAT + SIDE / 2)
    sites = site_table(
        {
            **FOUND,
            "geometry": near,
            "geocode_status": "review",
            "geocode_reason": "NUMBER_NOT_FOUND",
            "code_insee": "93001",
            "commune_check": "same",
        },
        {"geometry": None, "geocode_status": "skipped", "geocode_reason": "OFFLINE"},
    )
    before = sites.copy()
    settled = settle(sites, declarations("93001", "93001"), communes, former)
    assert settled["geocode_reason"].tolist() == ["NUMBER_NOT_FOUND", "OFFLINE"]
    assert settled["code_insee"].fillna("").tolist() == ["93001", ""]
    assert settled["is_pvd"].isna().tolist() == [False, True]
    pd.testing.assert_frame_equal(sites, before)


def test_user_columns_and_order_are_kept(
    communes: gpd.GeoDataFrame, former: gpd.GeoDataFrame
) -> None:
    sites = site_table({"geometry": Point(EAST)}, {"geometry": Point(WEST)}).assign(
        saisie=["a", "b"]
    )
    settled = settle(sites.iloc[::-1], declarations("", ""), communes, former)
    assert settled.index.tolist() == ["s1", "s0"]
    assert settled["saisie"].tolist() == ["b", "a"]
    assert settled["code_insee"].tolist() == ["93001", "93002"]


def test_listed_flag_follows_commune_and_former_commune(
    communes: gpd.GeoDataFrame, former: gpd.GeoDataFrame
) -> None:
    south = (LON - SIDE / 2, LAT - SIDE / 2)
    sites = site_table(*({"geometry": Point(xy)} for xy in (WEST, OLD, EAST, south, ABROAD)))
    settled = settle(sites, declarations(*[""] * 5), communes, former, LISTED)
    assert settled["is_listed_unserved"].tolist()[:3] == [True, True, False]
    assert settled["is_listed_unserved"].isna().tolist() == [False, False, False, True, True]
    unlisted = settle(sites, declarations(*[""] * 5), communes, former, None)
    assert unlisted["is_listed_unserved"].isna().all()


def test_listed_part_is_unknown_when_only_the_address_gives_the_commune(
    communes: gpd.GeoDataFrame, former: gpd.GeoDataFrame
) -> None:
    near = Point(LON - 30 / M_PER_DEGREE_LON, LAT + SIDE / 2)
    row = {**FOUND, "geometry": near, "code_insee": "93002", "commune_check": "same"}
    settled = settle(site_table(row), declarations("93002"), communes, former, LISTED)
    assert settled["is_listed_unserved"].isna().all()


# --- communes that a call lists


REGISTER = COMMUNE_REGISTER.conform(
    pd.DataFrame(
        {
            "code_insee": ["93070", "93066", "93057", "93039", "75056", "02738"],
            "nom": [
                *("Saint-Ouen-sur-Seine", "Saint-Denis", "Les Pavillons-sous-Bois"),
                *("L'Île-Saint-Denis", "Paris", "Tergnier"),
            ],
            "code_dep": ["93", "93", "93", "93", "75", "02"],
            "code_epci": "",
            "codes_postaux": "",
            "population": 1,
        }
    )
)
MERGED = COMMUNE_HISTORY.conform(
    pd.DataFrame(
        {
            "code_insee_old": ["93059", "93066"],
            "code_insee": ["93066", "93066"],
            "nom": ["Pierrefitte-sur-Seine", "Saint-Denis"],
            "kind": "deleguee",
        }
    )
)


def resolve(*names: str, departements: tuple[str, ...] = ("93",)) -> ListedCommunes:
    return resolve_listed(names, register=REGISTER, history=MERGED, departements=departements)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Saint-Ouen", "93070"),
        ("ST OUEN", "93070"),
        ("Saint Ouen sur Seine", "93070"),
        ("Pavillons-sous-Bois", "93057"),
        ("Les Pavillons-sous-Bois", "93057"),
        ("L’Ile-Saint-Denis", "93039"),
        ("Ile Saint-Denis", "93039"),
        ("Saint-Denis", "93066"),
        ("93070", "93070"),
    ],
)
def test_names_are_found_in_usual_spellings(name: str, code: str) -> None:
    assert resolve(name) == ListedCommunes(codes=frozenset({code}), former=(), departements=("93",))


@pytest.mark.parametrize("name", ["Pierrefitte-sur-Seine", "PIERREFITTE SUR SEINE", "93059"])
def test_a_merged_commune_is_a_listed_part_of_its_present_one(name: str) -> None:
    listed = resolve(name)
    assert listed.codes == frozenset()
    assert listed.former == (FormerListed("93059", "Pierrefitte-sur-Seine", "93066"),)


def test_a_name_is_only_looked_for_in_the_territory_of_the_call() -> None:
    with pytest.raises(DataError, match="« Tergnier » est introuvable"):
        resolve("Tergnier")
    assert resolve("Tergnier", departements=()).codes == {"02738"}


def test_a_name_of_several_communes_is_refused_with_its_name() -> None:
    twins = pd.concat([REGISTER, REGISTER.rename(index={"93070": "93071"}).loc[["93071"]]])
    with pytest.raises(DataError, match="« Saint-Ouen » désigne plusieurs communes"):
        resolve_listed(["Saint-Ouen"], register=twins, history=MERGED, departements=("93",))


# --- coverage


def inventory(*rows: tuple[str, str]) -> pd.DataFrame:
    unsaid = {name: None for name in INVENTORY.column_names if name not in {"code_insee", "status"}}
    frame = pd.DataFrame(rows, columns=["code_insee", "status"]).assign(**unsaid)
    frame["inventory_id"] = [f"l{number}" for number in range(len(frame))]
    return INVENTORY.conform(frame)


def with_65(communes: gpd.GeoDataFrame, *numbers: int | None) -> gpd.GeoDataFrame:
    return communes.assign(population_65=pd.array(numbers, dtype="Int64"))


def test_without_inventory_nor_call_nothing_is_claimed(communes: gpd.GeoDataFrame) -> None:
    covered = commune_coverage(communes, inventory=None, listed=None)
    assert covered.columns.tolist() == COVERAGE.column_names
    assert covered.isna().all(axis=None)
    assert covered.index.tolist() == communes.index.tolist()


def test_served_means_one_open_place_and_unknown_states_stay_unknown(
    communes: gpd.GeoDataFrame,
) -> None:
    covered = commune_coverage(
        communes,
        inventory=inventory(
            ("93001", "open"),
            ("93001", "planned"),
            ("93001", "unknown"),
            ("93002", "planned"),
            ("75001", "unknown"),
            ("", "open"),
        ),
        listed=None,
    )
    assert covered["n_inclusive_open"].to_dict() == {"93001": 1, "93002": 0, "75001": 0}
    assert covered["n_inclusive_planned"].to_dict() == {"93001": 1, "93002": 1, "75001": 0}
    assert covered["is_served"].tolist()[:2] == [True, False]
    assert pd.isna(covered["is_served"]["75001"])
    assert covered["list_difference"].isna().all()


def test_an_empty_inventory_is_an_inventory(communes: gpd.GeoDataFrame) -> None:
    covered = commune_coverage(communes, inventory=INVENTORY.empty(), listed=None)
    assert covered["n_inclusive_open"].tolist() == [0, 0, 0]
    assert covered["is_served"].tolist() == [False, False, False]


def test_list_is_carried_inside_of_its_territory_and_parts_are_named(
    communes: gpd.GeoDataFrame,
) -> None:
    covered = commune_coverage(communes, inventory=None, listed=LISTED)
    assert covered["is_listed_unserved"].tolist()[:2] == [True, False]
    assert pd.isna(covered["is_listed_unserved"]["75001"])
    assert covered["delegated_listed"].fillna("").tolist() == ["", "93099 Ancienne", ""]
    assert covered["list_difference"].isna().all()


@pytest.mark.parametrize(
    ("status", "is_listed", "difference"),
    [
        ("open", True, "listed_but_served"),
        ("open", False, "agrees"),
        ("planned", True, "agrees"),
        ("planned", False, "unserved_not_listed"),
        ("unknown", True, "not_comparable"),
    ],
)
def test_list_and_inventory_are_compared(
    communes: gpd.GeoDataFrame, status: str, *, is_listed: bool, difference: str
) -> None:
    listed = ListedCommunes(
        codes=frozenset({"93001"} if is_listed else ()), former=LISTED.former, departements=("93",)
    )
    covered = commune_coverage(communes, inventory=inventory(("93001", status)), listed=listed)
    assert covered["list_difference"].fillna("").tolist() == [difference, "not_comparable", ""]


def test_priority_is_the_unserved_commune_with_most_people_65(communes: gpd.GeoDataFrame) -> None:
    crowded = with_65(communes, 50, 300, 300)
    covered = commune_coverage(crowded, inventory=inventory(), listed=LISTED)
    # 75001 and 93002 have 300 each: the lowest code first.
    assert covered["priority_rank"].to_dict() == {"75001": 1, "93002": 2, "93001": 3}
    served = commune_coverage(crowded, inventory=inventory(("75001", "open")), listed=LISTED)
    assert served["priority_rank"].fillna(0).to_dict() == {"75001": 0, "93002": 1, "93001": 2}
    by_list = commune_coverage(crowded, inventory=None, listed=LISTED)
    assert by_list["priority_rank"].fillna(0).to_dict() == {"75001": 0, "93002": 0, "93001": 1}


def test_a_commune_of_unknown_population_has_no_rank(communes: gpd.GeoDataFrame) -> None:
    covered = commune_coverage(with_65(communes, None, 10, 20), inventory=inventory(), listed=None)
    assert covered["priority_rank"].fillna(0).to_dict() == {"93001": 0, "93002": 2, "75001": 1}


def test_coverage_of_no_commune_is_empty() -> None:
    covered = commune_coverage(COMMUNES.empty(), inventory=inventory(), listed=LISTED)
    assert covered.columns.tolist() == COVERAGE.column_names
    assert len(covered) == 0


# --- the real communes


@pytest.fixture(scope="module")
def ssd() -> ListedCommunes:
    pack = read_pack("ssd-avp-2025")
    return resolve_listed(
        pack.listed_communes,
        register=reference.read_commune_register(),
        history=reference.read_commune_history(),
        departements=pack.departements,
    )


def test_the_twenty_names_of_the_call_are_19_communes_and_one_former(ssd: ListedCommunes) -> None:
    assert len(read_pack("ssd-avp-2025").listed_communes) == 20
    assert len(ssd.codes) == 19
    assert ssd.former == (FormerListed("93059", "Pierrefitte-sur-Seine", "93066"),)
    # Saint-Ouen-sur-Seine, Les Pavillons-sous-Bois, L'Ile-Saint-Denis, Epinay-sur-Seine.
    assert {"93070", "93057", "93039", "93031"} <= ssd.codes


def test_seine_saint_denis_has_39_communes_19_listed_and_no_pvd(ssd: ListedCommunes) -> None:
    communes = reference.read_communes(["93"])
    covered = commune_coverage(communes, inventory=None, listed=ssd)
    assert len(covered) == 39
    assert covered["is_listed_unserved"].sum() == 19
    assert not covered["is_listed_unserved"]["93066"]
    assert covered["delegated_listed"].dropna().to_dict() == {
        "93066": "93059 Pierrefitte-sur-Seine"
    }
    assert not communes["is_pvd"].any()
    listed_65 = communes["population_65"][covered["is_listed_unserved"]]
    assert covered["priority_rank"][listed_65.idxmax()] == 1
    assert covered["priority_rank"].max() == 19


def test_marne_has_10_pvd_and_nothing_of_the_call(ssd: ListedCommunes) -> None:
    communes = reference.read_communes(["51"])
    covered = commune_coverage(communes, inventory=None, listed=ssd)
    assert communes["is_pvd"].sum() == 10
    assert covered["is_listed_unserved"].isna().all()
    assert covered["priority_rank"].isna().all()


def test_old_pierrefitte_is_listed_and_the_rest_of_saint_denis_is_not(ssd: ListedCommunes) -> None:
    # Town halls of Pierrefitte-sur-Seine, Saint-Denis and Stains, to the hundred metres.
    where = points(
        pierrefitte=(2.3611, 48.9660), basilique=(2.3596, 48.9360), stains=(2.3826, 48.9560)
    )
    found = site_communes(
        where,
        communes=reference.read_communes(["93"]),
        former=reference.read_former_communes(["93"]),
    )
    assert found["code_insee"].tolist() == ["93066", "93066", "93072"]
    assert found["former_code_insee"].fillna("").tolist() == ["93059", "", ""]
    listed = ssd.lists(found["code_insee"], found["former_code_insee"])
    assert listed.tolist() == [True, False, True]


def test_official_addresses_stay_in_their_commune_though_boundaries_are_simplified() -> None:
    if not BONDY.exists():
        pytest.skip("the real addresses are not beside this project")
    rows = pd.read_csv(BONDY, dtype=str)
    where = gpd.points_from_xy(rows["lon"].astype(float), rows["lat"].astype(float))
    row = {**FOUND, "code_insee": "93010", "commune_check": "same"}
    sites = site_table(*({**row, "geometry": place} for place in where))
    communes = reference.read_communes_around(sites.geometry)
    former = reference.read_former_communes(["93"])
    settled = settle(sites, declarations(*["93010"] * len(rows)), communes, former)
    assert len(settled) == 8413
    assert set(settled["geocode_status"]) == {"ok"}
    assert set(settled["code_insee"]) == {"93010"}
    assert set(settled["geocode_reason"]) == {"MATCHED", "NEAR_BORDER"}
