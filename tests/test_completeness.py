"""Completeness of the map and absence around a site: counts that anyone can redo."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from siting.absence import ABSENCE, absence, with_evidence
from siting.access import Accessibility
from siting.completeness import COMPLETENESS, Compared, completeness
from siting.crs import WGS84
from siting.provenance import Provenance
from siting.register_tables import LEFT_OUT, MATCHES, REGISTER, Register
from siting.sources.reference import read_communes
from siting.tables import ACCESS, COMMUNES, REACH, SERVICES, MapEvidence
from siting.taxonomy import Taxonomy, taxonomy_from_toml

SIDE_DEG = 0.02
N_WIDE = 6
TAXONOMY = """
[[family]]
id = "commerces"
label = "Commerces"
"""
for _name, _mapping in (("pharmacie", "good"), ("boulangerie", "good"), ("marche", "poor")):
    TAXONOMY += f"""
[[category]]
id = "{_name}"
label = "{_name}"
families = ["commerces"]
counts_for = ["commerces"]
mapping = "{_mapping}"
selectors = [{{ shop = "{_name}" }}]
"""


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    return taxonomy_from_toml(TAXONOMY)


def squares(people: dict[int, int | None] | None = None) -> gpd.GeoDataFrame:
    """Lay 36 communes on a grid, of 4,000 inhabitants each unless told otherwise."""
    people = people or {}
    rows = []
    for at in range(N_WIDE**2):
        west, south = at % N_WIDE * SIDE_DEG, 47 + at // N_WIDE * SIDE_DEG
        rows.append(
            {
                "code_insee": f"72{at:03d}",
                "nom": f"Commune {at}",
                "code_dep": "72",
                "code_epci": "",
                "population": people.get(at, 4000),
                "population_65": 800,
                "is_pvd": False,
                "pvd_on": "",
                "vintage": "test",
                "geometry": shapely.box(west, south, west + SIDE_DEG, south + SIDE_DEG),
            }
        )
    return gpd.GeoDataFrame(COMMUNES.conform(gpd.GeoDataFrame(rows, crs=WGS84)))


def shops(counts: dict[tuple[int, str], int], *, each: dict[str, int]) -> gpd.GeoDataFrame:
    """Place services in the middle of communes: `each` everywhere, unless `counts` says else."""
    rows = []
    for at in range(N_WIDE**2):
        for category, usual in each.items():
            for one in range(counts.get((at, category), usual)):
                x = at % N_WIDE * SIDE_DEG + SIDE_DEG / 2 + one * 1e-5
                y = 47 + at // N_WIDE * SIDE_DEG + SIDE_DEG / 2
                rows.append((f"node/{len(rows)}", category, shapely.Point(x, y)))
    ids, categories, points = zip(*rows, strict=True)
    blank = dict.fromkeys(SERVICES.column_names, "")
    frame = pd.DataFrame(
        {**blank, "categories": categories}, index=pd.Index(ids, name="service_id")
    )
    for column in SERVICES.columns:
        if column.allowed:
            frame[column.name] = column.allowed[-1]
    frame["observed_on"] = "2024-01-01"
    layer = gpd.GeoDataFrame(frame, geometry=list(points), crs=WGS84)
    return gpd.GeoDataFrame(SERVICES.conform(layer))


EXTENT = shapely.box(-1, 46, 2, 49)
USUAL = {"pharmacie": 2, "boulangerie": 4, "marche": 1}


def evidence(table: pd.DataFrame, at: int, category: str) -> str:
    return str(table.loc[(f"72{at:03d}", category), "map_evidence"])


def test_a_commune_like_its_neighbours_is_mapped(taxonomy: Taxonomy) -> None:
    """30 communes have 2 pharmacies for 4,000 people: 2 are expected, and found."""
    table = completeness(shops({}, each=USUAL), squares(), taxonomy=taxonomy, extent=EXTENT)
    assert evidence(table, 14, "pharmacie") == "as_comparable"
    row = table.loc[("72014", "pharmacie")]
    assert row["expected_services"] == pytest.approx(2.0)
    assert row["n_comparable"] == 30
    assert row["n_services"] == 2
    assert row["is_mapped"]
    assert pd.isna(row["n_both"])


def test_a_category_that_france_maps_badly_is_never_proven_by_the_map(taxonomy: Taxonomy) -> None:
    table = completeness(shops({}, each=USUAL), squares(), taxonomy=taxonomy, extent=EXTENT)
    assert set(table.xs("marche", level="category")["map_evidence"]) == {"rarely_mapped"}


@pytest.mark.parametrize(
    ("n_found", "usual", "expected"),
    [
        (0, 2, "as_comparable"),  # exp(-2) = 0.135: none is no surprise
        (0, 3, "fewer_than_comparable"),  # exp(-3) = 0.0498
        (1, 4, "as_comparable"),  # 5 exp(-4) = 0.092
        (1, 5, "fewer_than_comparable"),  # 6 exp(-5) = 0.040
    ],
)
def test_fewer_than_chance_allows(
    taxonomy: Taxonomy, n_found: int, usual: int, expected: str
) -> None:
    """Bakeries are as many as expected, so the commune as a whole is mapped."""
    services = shops({(14, "pharmacie"): n_found}, each={"pharmacie": usual, "boulangerie": 20})
    table = completeness(services, squares(), taxonomy=taxonomy, extent=EXTENT)
    assert evidence(table, 14, "pharmacie") == expected
    chance = sum(usual**n * math.exp(-usual) / math.factorial(n) for n in range(n_found + 1))
    assert (chance < 0.05) == (expected == "fewer_than_comparable")


def test_a_commune_where_little_is_mapped_proves_nothing(taxonomy: Taxonomy) -> None:
    """6 services are expected, 1 is there: 7 exp(-6) = 0.017."""
    counts = {(14, "pharmacie"): 1, (14, "boulangerie"): 0}
    table = completeness(shops(counts, each=USUAL), squares(), taxonomy=taxonomy, extent=EXTENT)
    assert evidence(table, 14, "pharmacie") == "barely_mapped"
    assert evidence(table, 14, "boulangerie") == "barely_mapped"
    assert evidence(table, 15, "pharmacie") == "as_comparable"


def test_a_village_is_compared_with_villages(taxonomy: Taxonomy) -> None:
    """Towns of 4,000 are not compared with: 10 times more people. Three villages are not enough."""
    villages = dict.fromkeys((13, 14, 20), 400)
    services = shops({(at, name): 0 for at in villages for name in USUAL}, each=USUAL)
    table = completeness(services, squares(villages), taxonomy=taxonomy, extent=EXTENT)
    assert evidence(table, 14, "pharmacie") == "nothing_to_compare"
    assert table.loc[("72014", "pharmacie"), "n_comparable"] == 2


@pytest.mark.parametrize("people", [None, 0])
def test_without_inhabitants_nothing_is_compared(taxonomy: Taxonomy, people: int | None) -> None:
    communes = squares({14: people})
    table = completeness(shops({}, each=USUAL), communes, taxonomy=taxonomy, extent=EXTENT)
    assert evidence(table, 14, "pharmacie") == "nothing_to_compare"
    assert evidence(table, 15, "pharmacie") == "as_comparable"


def test_a_commune_cut_by_the_edge_of_the_data_is_not_compared(taxonomy: Taxonomy) -> None:
    """The data stop in the middle of the second column; the third is outside."""
    extent = shapely.box(0, 46, 1.5 * SIDE_DEG, 49)
    table = completeness(shops({}, each=USUAL), squares(), taxonomy=taxonomy, extent=extent)
    assert evidence(table, 0, "pharmacie") == "as_comparable"
    assert evidence(table, 1, "pharmacie") == "nothing_to_compare"
    assert "72002" not in table.index.get_level_values("code_insee")
    assert table.loc[("72000", "pharmacie"), "n_comparable"] == N_WIDE - 1


def test_a_category_that_no_neighbour_has_is_not_proven_absent(taxonomy: Taxonomy) -> None:
    services = shops({}, each={"pharmacie": 0, "boulangerie": 6})
    table = completeness(services, squares(), taxonomy=taxonomy, extent=EXTENT)
    assert evidence(table, 14, "pharmacie") == "nothing_to_compare"
    assert evidence(table, 14, "boulangerie") == "as_comparable"


def test_ages_are_counted_to_the_day_of_the_map(taxonomy: Taxonomy) -> None:
    services = shops({}, each=USUAL)
    dated = completeness(
        services, squares(), taxonomy=taxonomy, extent=EXTENT, mapped_on="2024-01-31"
    )
    assert (dated["median_age_days"] == 30).all()
    undated = completeness(services, squares(), taxonomy=taxonomy, extent=EXTENT)
    assert undated["median_age_days"].isna().all()


def register(*, categories: set[str], area: set[str]) -> Register:
    return Register(
        name="liste",
        title="Liste",
        table=REGISTER.empty(),
        categories=frozenset(categories),
        area=frozenset(area),
        distance_m=100.0,
        provenance=Provenance(source="Liste", licence="test", attribution=""),
        left_out=LEFT_OUT.empty(),
    )


def said(services: gpd.GeoDataFrame, share: float) -> pd.DataFrame:
    """Let a register know the first services of each category, others being on the map alone."""
    rank = services.groupby("categories").cumcount()
    size = services.groupby("categories")["categories"].transform("size")
    is_known = (rank < share * size).to_numpy()
    is_listed = (services["categories"] == "pharmacie").to_numpy()
    match = np.where(is_known, "both", "osm_only")
    return MATCHES.conform(
        pd.DataFrame(
            {
                "register_match": np.where(is_listed, match, "not_compared"),
                "register_reason": np.where(is_listed, "same_name", "other_category"),
                "register_ids": "",
                "register_m": np.nan,
                "register_categories": "",
            },
            index=services.index,
        )
    )


@pytest.mark.parametrize(("share", "expected"), [(0.6, "register_agrees"), (0.4, "as_comparable")])
def test_a_register_is_heard_if_it_knows_the_category(
    taxonomy: Taxonomy, share: float, expected: str
) -> None:
    """It must have half of the 72 pharmacies of the map."""
    services = shops({}, each=USUAL)
    compared = Compared(
        registers=[register(categories={"pharmacie"}, area={"72"})],
        matches=said(services, share),
        unplaced=REGISTER.empty(),
    )
    table = completeness(services, squares(), taxonomy=taxonomy, extent=EXTENT, compared=compared)
    assert evidence(table, 30, "pharmacie") == expected
    assert evidence(table, 30, "boulangerie") == "as_comparable"
    assert table.xs("pharmacie", level="category")["n_both"].sum() == math.ceil(share * 72)
    assert pd.isna(table.loc[("72030", "boulangerie"), "n_both"])
    assert table.loc[("72000", "pharmacie"), "confirmed_share"] == 1.0
    assert table.loc[("72035", "pharmacie"), "confirmed_share"] == 0.0


def test_a_register_says_nothing_of_the_communes_that_it_does_not_cover(taxonomy: Taxonomy) -> None:
    services = shops({}, each=USUAL)
    compared = Compared(
        registers=[register(categories={"pharmacie"}, area={"72014"})],
        matches=said(services, 1.0),
        unplaced=REGISTER.empty(),
    )
    table = completeness(services, squares(), taxonomy=taxonomy, extent=EXTENT, compared=compared)
    assert evidence(table, 14, "pharmacie") == "register_agrees"
    assert evidence(table, 15, "pharmacie") == "as_comparable"
    assert table.loc[("72014", "pharmacie"), "n_both"] == 2
    assert pd.isna(table.loc[("72015", "pharmacie"), "n_both"])


def test_a_row_without_position_may_be_the_service_that_is_missing(taxonomy: Taxonomy) -> None:
    services = shops({(14, "pharmacie"): 0}, each=USUAL)
    lost = pd.DataFrame(
        {name: [""] for name in REGISTER.column_names}
        | {
            "register_id": ["liste:1"],
            "categories": ["pharmacie;marche"],
            "code_insee": ["72014"],
            "lon": [np.nan],
            "lat": [np.nan],
            "position": ["commune"],
            "status": ["open"],
        }
    )
    compared = Compared(
        registers=[register(categories={"pharmacie"}, area={"72"})],
        matches=said(services, 1.0),
        unplaced=REGISTER.conform(lost),
    )
    table = completeness(services, squares(), taxonomy=taxonomy, extent=EXTENT, compared=compared)
    assert evidence(table, 14, "pharmacie") == "register_unplaced"
    assert evidence(table, 15, "pharmacie") == "register_agrees"
    assert evidence(table, 14, "marche") == "rarely_mapped"  # the register does not list markets
    assert not table.loc[("72014", "pharmacie"), "is_mapped"]


def test_the_least_sure_commune_within_reach_decides(taxonomy: Taxonomy) -> None:
    """Commune 14 is mapped, 15 barely: a site near their border cannot be sure, one far can."""
    counts = {(15, "pharmacie"): 1, (15, "boulangerie"): 0}
    communes = squares()
    known = completeness(shops(counts, each=USUAL), communes, taxonomy=taxonomy, extent=EXTENT)
    west, south = 14 % N_WIDE * SIDE_DEG, 47 + 14 // N_WIDE * SIDE_DEG + SIDE_DEG / 2
    points = gpd.GeoSeries(
        {
            "middle": shapely.Point(west + SIDE_DEG / 2, south),
            "border": shapely.Point(west + SIDE_DEG - 1e-4, south),
            "sea": shapely.Point(30.0, 0.0),
            "nowhere": None,
        },
        crs=WGS84,
    )
    categories = [category.id for category in taxonomy.categories]
    table = absence(points, communes, known, radius_m=500.0, categories=categories)
    assert len(table) == 4 * 3
    assert table.loc[("middle", "pharmacie"), "map_evidence"] == "as_comparable"
    assert table.loc[("border", "pharmacie"), "map_evidence"] == "barely_mapped"
    assert table.loc[("border", "pharmacie"), "doubt_code_insee"] == "72015"
    assert table.loc[("sea", "pharmacie"), "map_evidence"] == "nothing_to_compare"
    assert table.loc[("nowhere", "pharmacie"), "map_evidence"] == "nothing_to_compare"
    assert list(table["is_mapped"]) == [
        one in ("register_agrees", "as_comparable") for one in table["map_evidence"]
    ]


def measured(status: str, count: object) -> Accessibility:
    blank = {name: [np.nan] for name in ACCESS.column_names}
    access = pd.DataFrame(
        {**blank, "site_id": ["a"], "category": ["pharmacie"], "rank": [1]}
        | {"families": ["commerces"], "access_status": [status], "edge_limited": [False]}
    )
    reach = pd.DataFrame(
        {"site_id": ["a"], "category": ["pharmacie"], "minutes": [15], "n_services": [count]}
    )
    return Accessibility(access=ACCESS.conform(access), reach=REACH.conform(reach))


@pytest.mark.parametrize(
    ("status", "count", "kind", "worded", "counted"),
    [
        ("no_service", 0, "as_comparable", "no_service", 0),
        ("no_service", 0, "nothing_to_compare", "not_mapped", None),
        ("not_mapped", None, "register_agrees", "no_service", 0),
        ("beyond_cutoff", 0, "barely_mapped", "beyond_cutoff", None),
        ("beyond_cutoff", 0, "register_agrees", "beyond_cutoff", 0),
        ("reached", 2, "nothing_to_compare", "reached", 2),
        ("off_network", None, "register_agrees", "off_network", None),
        ("no_location", None, "as_comparable", "no_location", None),
    ],
)
def test_absence_is_said_where_it_is_proven(
    status: str, count: int | None, kind: str, worded: str, counted: int | None
) -> None:
    is_mapped = kind in ("register_agrees", "as_comparable")
    table = ABSENCE.conform(
        pd.DataFrame(
            {
                "site_id": ["a"],
                "category": ["pharmacie"],
                "is_mapped": [is_mapped],
                "map_evidence": [kind],
                "doubt_code_insee": ["72014"],
                "doubt_commune": ["Commune 14"],
            }
        )
    )
    told = with_evidence(measured(status, count), table)
    assert told.access["access_status"].tolist() == [worded]
    found = told.reach["n_services"].iloc[0]
    assert pd.isna(found) if counted is None else found == counted


def test_every_commune_of_a_departement_in_a_moment() -> None:
    """Real outlines, one pharmacy for 2,000 people: below 3 expected, nothing can be told."""
    communes = read_communes(["93"])
    taxonomy = taxonomy_from_toml(TAXONOMY)
    points = communes.geometry.representative_point()
    n = (communes["population"] // 2000).astype(int)
    rows = [(code, point) for code, point in points.items() for _ in range(n[code])]
    frame = pd.DataFrame(
        dict.fromkeys(SERVICES.column_names, ""),
        index=pd.Index([f"node/{at}" for at in range(len(rows))], name="service_id"),
    )
    frame["categories"] = "pharmacie"
    for column in SERVICES.columns:
        if column.allowed:
            frame[column.name] = column.allowed[-1]
    services = gpd.GeoDataFrame(frame, geometry=[point for _, point in rows], crs=WGS84)
    table = completeness(
        SERVICES.conform(services), communes, taxonomy=taxonomy, extent=shapely.box(1, 48, 4, 50)
    )
    pharmacies = table.xs("pharmacie", level="category")
    is_told = pharmacies["map_evidence"] == MapEvidence.AS_COMPARABLE
    assert is_told.equals(pharmacies["expected_services"] >= 3)
    assert set(pharmacies.loc[~is_told, "map_evidence"]) == {MapEvidence.NOTHING_TO_COMPARE}
    assert is_told.sum() >= 35
    assert pharmacies["n_services"].sum() == len(rows)
    wanted = communes["population"].astype(float) / 2000
    assert pharmacies["expected_services"].to_numpy() == pytest.approx(wanted, rel=0.2)
    assert list(table.index.names) == COMPLETENESS.index_names
