"""Services of the map against rows of registers: who is who, by arithmetic on a small plane.

Metres east and north of the corner of the village (`conftest.at`). West of 5,000 m east lies
the commune 93001, between 5,000 and 10,000 m the commune 93002, farther 75001.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from conftest import at
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.crs import WGS84, geodesic_m
from siting.errors import CrsError, DataError
from siting.provenance import Provenance
from siting.register_addresses import addresses_to_find, with_addresses
from siting.register_names import NameMatch, name_matcher
from siting.register_pairs import near_pairs, one_to_one
from siting.registers import (
    LEFT_OUT,
    MATCH_LABELS,
    MATCHES,
    REASON_LABELS,
    REFERENCES,
    REGISTER,
    Joined,
    JoinRule,
    MatchReason,
    Register,
    RegisterMatch,
    joined,
    osm_references,
)
from siting.tables import COMMUNES, OSM_OBJECTS, SERVICES, SITES
from siting.taxonomy import read_taxonomy

TAXONOMY = read_taxonomy()
STRICT = JoinRule(same_spot_m=-1, joins_alone=False)
Place = tuple[float, float]


def services(*rows: tuple[str, str, str, Place | shapely.Geometry, str]) -> gpd.GeoDataFrame:
    """Lay services out: id, categories, name, place in metres (or a shape), merged ids."""
    shapes = [
        one if isinstance(one, shapely.Geometry) else shapely.Point(at(*one)) for *_, one, _ in rows
    ]
    frame = pd.DataFrame(
        [(id_, kinds, name, merged) for id_, kinds, name, _, merged in rows],
        columns=["service_id", "categories", "name", "merged_ids"],
    ).assign(
        source="OpenStreetMap",
        observed_on="2026-01-01",
        observed_by="edited",
        wheelchair="unknown",
    )
    layer = gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries(shapes, crs=WGS84))
    return gpd.GeoDataFrame(SERVICES.conform(layer))


def pharmacy(number: int, name: str, place: Place) -> tuple[str, str, str, Place, str]:
    return f"node/{number}", "pharmacie", name, place, ""


def row(id_: str, name: str, place: Place | None, **fields: str) -> dict[str, object]:
    """Describe a row of a register; a row without place is in 93001."""
    lon, lat = (np.nan, np.nan) if place is None else at(*place)
    known = {"categories": "pharmacie", "code_insee": "93001", "status": "open", "references": ""}
    position = "commune" if place is None else "coordinates"
    return (
        {"register_id": id_, "name": name, "lon": lon, "lat": lat, "position": position}
        | known
        | fields
    )


def register(
    *rows: dict[str, object],
    name: str = "finess",
    categories: Sequence[str] = ("pharmacie",),
    area: Sequence[str] = ("93",),
    distance_m: float = 200.0,
    alike: Sequence[Sequence[str]] = (),
) -> Register:
    frame = pd.DataFrame(list(rows), columns=[*REGISTER.index_names, *REGISTER.column_names])
    return Register(
        name=name,
        title=name.upper(),
        table=REGISTER.conform(frame.assign(register=name.upper(), vintage="2026-05-04")),
        categories=frozenset(categories),
        area=frozenset(area),
        distance_m=distance_m,
        alike=tuple(map(frozenset, alike)),
        provenance=Provenance(source=name, licence="essai", attribution="essai"),
        left_out=LEFT_OUT.empty(),
    )


def communes() -> gpd.GeoDataFrame:
    sides = {"93001": (-20_000, 5_000), "93002": (5_000, 10_000), "75001": (10_000, 20_000)}
    shapes = [
        shapely.MultiPolygon([shapely.box(*at(west, -9_000), *at(east, 9_000))])
        for west, east in sides.values()
    ]
    frame = pd.DataFrame({"code_insee": list(sides), "nom": ["Redon", "Bondy", "Paris"]}).assign(
        code_dep=lambda one: one["code_insee"].str[:2],
        code_epci="",
        population=1,
        population_65=1,
        is_pvd=False,
        pvd_on="",
        vintage="essai",
    )
    layer = gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries(shapes, crs=WGS84))
    return gpd.GeoDataFrame(COMMUNES.conform(layer))


def join(
    layer: gpd.GeoDataFrame,
    *registers: Register,
    extent: shapely.Geometry | None = None,
    references: pd.DataFrame | None = None,
    rule: JoinRule | None = None,
) -> Joined:
    return joined(
        layer,
        registers,
        communes(),
        taxonomy=TAXONOMY,
        extent=extent,
        references=references,
        rule=rule,
    )


def said(result: Joined, column: str = "register_reason") -> dict[str, object]:
    return result.matches[column].to_dict()


def square(west: float, east: float) -> shapely.Geometry:
    return shapely.box(*at(west, -2_000), *at(east, 2_000))


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Pharmacie du Marché", "PHARMACIE DU MARCHE", NameMatch.SAME),
        ("Pharmacie du Marché", "SELARL PHARMACIE PLACE DU MARCHE", NameMatch.AGREE),
        ("Pharmacie Martin", "PHARMACIE DUPONT", NameMatch.DIFFER),
        ("Pharmacie", "PHARMACIE DUPONT", NameMatch.UNKNOWN),
        ("Pharmacie", "pharmacie", NameMatch.UNKNOWN),
        ("", "PHARMACIE DUPONT", NameMatch.UNKNOWN),
        # The commune is no name of its own, unless it is all there is.
        ("Pharmacie de Redon - Les Halles", "PHARMACIE REDON SUD", NameMatch.DIFFER),
        ("Pharmacie de Redon", "PHARMACIE REDON SUD", NameMatch.AGREE),
        ("Pharmacie St-Jean", "PHARMACIE SAINT JEAN", NameMatch.SAME),
        # One word of two, of the shorter name, is half of it.
        ("Pharmacie Blanche Neige", "Pharmacie Blanche Colline", NameMatch.AGREE),
        ("Pharmacie Blanche Neige Noire", "Pharmacie Blanche Colline Verte", NameMatch.DIFFER),
    ],
)
def test_names_agree_by_what_makes_them(one: str, other: str, expected: NameMatch) -> None:
    compared = name_matcher(["Pharmacie"])
    assert compared(one, other, "Redon") is expected
    assert compared(other, one, "Redon") is expected


# --- one service, one row ----------------------------------------------------------------------


def test_each_service_says_where_it_is_known() -> None:
    layer = services(
        pharmacy(1, "Pharmacie du Marché", (0, 0)),
        pharmacy(2, "Pharmacie des Lilas", (2_000, 0)),
        ("node/3", "boulangerie", "Au bon pain", (0, 0), ""),
        pharmacy(4, "Pharmacie du Louvre", (12_000, 0)),
    )
    found = join(
        layer,
        register(
            row("finess/1", "PHARMACIE DU MARCHE", (120, 160)),  # 200 m: 3-4-5
            row("finess/2", "PHARMACIE DE LA GARE", (1_000, 0)),
        ),
    )
    assert said(found) == {
        "node/1": MatchReason.SAME_NAME,
        "node/2": MatchReason.NOT_IN_REGISTER,
        "node/3": MatchReason.OTHER_CATEGORY,
        "node/4": MatchReason.OUTSIDE_AREA,  # Paris is not in the register's département
        "finess/2": MatchReason.NOT_ON_MAP,
    }
    assert said(found, "register_match") == {
        "node/1": RegisterMatch.BOTH,
        "node/2": RegisterMatch.OSM_ONLY,
        "node/3": RegisterMatch.NOT_COMPARED,
        "node/4": RegisterMatch.NOT_COMPARED,
        "finess/2": RegisterMatch.REGISTER_ONLY,
    }
    assert found.matches.loc["node/1", "register_ids"] == "finess/1"
    assert found.matches.loc["node/1", "register_m"] == pytest.approx(200, abs=0.01)
    assert found.matches.loc["finess/2", "register_ids"] == "finess/2"
    (note,) = found.notes
    assert note == (
        "FINESS (date inconnue) : services retrouvés 1, objets de la carte sans ligne du "
        "registre 1, lignes du registre sans objet sur la carte 1 (comptées)."
    )


def test_a_service_that_the_register_alone_knows_counts_and_is_marked() -> None:
    layer = services(pharmacy(1, "Pharmacie des Lilas", (3_000, 0)))
    found = join(layer, register(row("finess/9", "PHARMACIE DE LA GARE", (1_000, 0))))
    pd.testing.assert_frame_equal(found.services.iloc[:1], layer)
    new = found.services.loc["finess/9"]
    assert (new["categories"], new["name"]) == ("pharmacie", "PHARMACIE DE LA GARE")
    assert (new["source"], new["observed_on"]) == ("FINESS (4 mai 2026)", "2026-05-04")
    assert (new["wheelchair"], new.isna()["merged_ids"]) == ("unknown", True)
    assert new.geometry.equals(shapely.Point(at(1_000, 0)))
    SERVICES.conform(found.services)
    MATCHES.conform(found.matches)


def test_what_is_beyond_the_map_is_no_service_of_the_register_alone() -> None:
    layer = services(pharmacy(1, "Pharmacie du Bord", (995, 0)))
    rows = (
        row("finess/1", "PHARMACIE DU BORD", (1_010, 0)),  # beyond the edge, yet it is node/1
        row("finess/2", "PHARMACIE LOINTAINE", (3_000, 0)),
        row("finess/3", "PHARMACIE INTERIEURE", (500, 900)),
    )
    found = join(layer, register(*rows), extent=square(-1_000, 1_000))
    assert said(found) == {"node/1": MatchReason.SAME_NAME, "finess/3": MatchReason.NOT_ON_MAP}


def test_the_same_reference_wins_over_distance_name_and_category() -> None:
    layer = services(
        ("node/1", "clinique", "Le Parc", (0, 0), ""), pharmacy(2, "Pharmacie du Nord", (10, 0))
    )
    known = REFERENCES.conform(
        pd.DataFrame({"service_id": ["node/1"], "reference": ["ref:FR:FINESS=930000001"]})
    )
    far = row(
        "finess/930000001",
        "CENTRE DE SANTE",
        (4_000, 0),
        categories="centre_sante",
        references="ref:FR:FINESS=930000001;ref:FR:SIRET=1",
    )
    found = join(layer, register(far, categories=["centre_sante"]), references=known)
    assert said(found)["node/1"] == MatchReason.SAME_REFERENCE
    assert found.matches.loc["node/1", "register_m"] == pytest.approx(4_000, abs=0.01)
    assert found.matches.loc["node/1", "register_categories"] == "centre_sante"
    assert found.services.loc["node/1", "categories"] == "clinique"  # the map's own


def test_a_reference_of_another_row_forbids_a_join_by_place() -> None:
    layer = services(pharmacy(1, "Pharmacie du Nord", (0, 0)), pharmacy(2, "", (2_000, 0)))
    reference = "ref:FR:FINESS=930000002"
    known = REFERENCES.conform(pd.DataFrame({"service_id": ["node/1"], "reference": [reference]}))
    found = join(
        layer,
        register(
            row("finess/930000001", "PHARMACIE DU NORD", (0, 0)),
            row("finess/930000002", "PHARMACIE DU SUD", (3_000, 0), references=reference),
        ),
        references=known,
    )
    assert found.matches.loc["node/1", "register_ids"] == "finess/930000002"
    assert said(found)["finess/930000001"] == MatchReason.NOT_ON_MAP


def test_of_two_that_carry_one_reference_the_other_is_joined_to_nothing() -> None:
    layer = services(pharmacy(1, "Du Nord", (0, 0)), pharmacy(2, "Du Sud", (3_000, 0)))
    reference = "ref:FR:FINESS=930000001"
    known = REFERENCES.conform(
        pd.DataFrame({"service_id": ["node/1", "node/2"], "reference": reference})
    )
    found = join(
        layer,
        register(
            row("finess/930000001", "DU NORD", (10, 0), references=reference),
            row("finess/930000002", "DU SUD", (3_000, 0)),
        ),
        references=known,
    )
    assert said(found, "register_ids")["node/1"] == "finess/930000001"
    assert said(found)["node/2"] == MatchReason.NOT_IN_REGISTER
    assert said(found)["finess/930000002"] == MatchReason.NOT_ON_MAP


def test_a_closed_row_is_nobody_but_tells_of_its_reference() -> None:
    layer = services(pharmacy(1, "Pharmacie du Nord", (0, 0)), pharmacy(2, "X", (3_000, 0)))
    reference = "ref:FR:FINESS=930000001"
    known = REFERENCES.conform(pd.DataFrame({"service_id": ["node/1"], "reference": [reference]}))
    closed = row(
        "finess/930000001", "PHARMACIE DU NORD", (0, 0), status="closed", references=reference
    )
    found = join(layer, register(closed), references=known)
    assert said(found) == {
        "node/1": MatchReason.CLOSED_IN_REGISTER,
        "node/2": MatchReason.NOT_IN_REGISTER,
    }
    assert said(found, "register_match")["node/1"] == RegisterMatch.OSM_ONLY


def test_nearest_pairs_first_and_each_once() -> None:
    """B stands 10 m from row 1 and 90 m from row 2, A 40 m from row 1: B takes 1, A has 2."""
    layer = services(pharmacy(1, "", (50, 0)), pharmacy(2, "", (0, 0)))
    found = join(
        layer,
        register(row("finess/1", "PHARMACIE A", (10, 0)), row("finess/2", "PHARMACIE B", (90, 0))),
    )
    assert said(found, "register_ids") == {"node/2": "finess/1", "node/1": "finess/2"}
    assert said(found, "register_m") == pytest.approx({"node/2": 10, "node/1": 40}, abs=0.01)


def test_a_name_that_agrees_comes_before_a_nearer_place() -> None:
    layer = services(pharmacy(1, "Pharmacie Blum", (0, 0)), pharmacy(2, "", (100, 0)))
    found = join(
        layer,
        register(
            row("finess/1", "PHARMACIE BLUM", (95, 0)), row("finess/2", "PHARMACIE D", (5, 0))
        ),
    )
    assert said(found, "register_ids") == {"node/1": "finess/1", "node/2": "finess/2"}
    assert said(found) == {"node/1": MatchReason.SAME_NAME, "node/2": MatchReason.NO_NAME}


@pytest.mark.parametrize(
    ("metres", "rule", "expected"),
    [
        (30.0, JoinRule(joins_alone=False), MatchReason.SAME_SPOT),
        (30.1, JoinRule(joins_alone=False), MatchReason.NOT_IN_REGISTER),
        (30.1, JoinRule(), MatchReason.ALONE),
        (199.9, JoinRule(), MatchReason.ALONE),
        (200.1, JoinRule(), MatchReason.NOT_IN_REGISTER),
        (1.0, STRICT, MatchReason.NOT_IN_REGISTER),
    ],
)
def test_other_names_are_one_at_the_same_spot_or_alone(
    metres: float, rule: JoinRule, expected: MatchReason
) -> None:
    layer = services(pharmacy(1, "Pharmacie du Marché", (0, 0)))
    found = join(layer, register(row("finess/1", "PHARMACIE DURAND", (metres, 0))), rule=rule)
    assert said(found)["node/1"] == expected


def test_alone_means_no_other_on_either_side() -> None:
    layer = services(pharmacy(1, "Du Marché", (0, 0)), pharmacy(2, "Des Lilas", (250, 0)))
    found = join(layer, register(row("finess/1", "DURAND", (120, 0))))
    assert said(found)["node/1"] == said(found)["node/2"] == MatchReason.NOT_IN_REGISTER


def test_categories_that_the_map_mixes_up_need_a_name_or_the_same_spot() -> None:
    post = {"categories": "agence_postale"}
    kinds = ("bureau_poste", "agence_postale", "relais_poste")
    layer = services(
        ("node/1", "bureau_poste", "La Poste Bellevue", (0, 0), ""),
        ("node/2", "bureau_poste", "La Poste", (3_000, 0), ""),
        ("node/3", "bureau_poste", "La Poste", (4_000, 2_500), ""),
    )
    rows = (
        row("laposte/1", "BELLEVUE AP", (700, 0), **post),
        row("laposte/2", "MAIRIE AP", (3_020, 0), **post),
        row("laposte/3", "ECOLE AP", (4_200, 2_500), **post),
    )
    found = join(
        layer, register(*rows, name="laposte", categories=kinds, distance_m=1_000, alike=[kinds])
    )
    assert said(found) == {
        "node/1": MatchReason.SAME_NAME,
        "node/2": MatchReason.SAME_SPOT,
        "node/3": MatchReason.NOT_IN_REGISTER,
        "laposte/3": MatchReason.NOT_ON_MAP,
    }
    assert said(found, "register_categories")["node/1"] == "agence_postale"


def test_inside_of_an_area_is_at_no_distance() -> None:
    school = shapely.box(*at(0, 0), *at(400, 300))
    layer = services(("way/1", "ecole", "École Jean Jaurès", school, ""))
    inside = row("education/1", "ECOLE JEAN JAURES", (200, 150), categories="ecole")
    found = join(layer, register(inside, categories=["ecole"], distance_m=150))
    assert found.matches.loc["way/1", "register_m"] == 0


def test_platforms_of_a_stop_are_one_service() -> None:
    layer = services(
        ("node/1", "gare", "Redon", (0, 0), "node/2"),
        ("node/2", "gare", "Redon", (60, 0), "node/1"),
    )
    rows = (
        row("sncf/1", "Redon", (70, 0), categories="gare"),
        row("sncf/2", "Redon", (300, 0), categories="gare"),
    )
    found = join(layer, register(*rows, name="sncf", categories=["gare"], distance_m=500))
    assert said(found, "register_ids") == {
        "node/1": "sncf/1",
        "node/2": "sncf/1",
        "sncf/2": "sncf/2",
    }
    assert found.matches.loc["node/1", "register_m"] == pytest.approx(10, abs=0.01)


def test_platforms_do_not_make_a_stop_less_alone() -> None:
    layer = services(
        ("node/1", "gare", "Halte du Lac", (0, 0), "node/2"),
        ("node/2", "gare", "Halte du Lac", (60, 0), "node/1"),
    )
    other = row("sncf/1", "Redon-Ville", (200, 0), categories="gare")
    found = join(layer, register(other, name="sncf", categories=["gare"], distance_m=500))
    assert set(said(found).values()) == {MatchReason.ALONE}


def test_between_equal_stops_the_first_identifier_wins_in_any_order() -> None:
    layer = services(
        ("node/1", "gare", "", (-90, 0), "node/4"),
        ("node/2", "gare", "", (50, 0), "node/3"),
        ("node/3", "gare", "", (90, 0), "node/2"),
        ("node/4", "gare", "", (-50, 0), "node/1"),
    )
    one = register(row("sncf/1", "", (0, 0), categories="gare"), name="sncf", categories=["gare"])
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 3, 0, 1]):
        found = join(layer.iloc[order], one)
        assert found.matches["register_ids"].dropna().to_dict() == {
            "node/1": "sncf/1",
            "node/4": "sncf/1",
        }


# --- rows without place ------------------------------------------------------------------------


def test_a_row_without_place_is_found_by_its_name_in_the_commune() -> None:
    layer = services(
        pharmacy(1, "Pharmacie du Marché", (0, 0)),
        pharmacy(2, "Pharmacie du Lac", (7_000, 0)),  # in 93002
    )
    found = join(
        layer,
        register(
            row("finess/1", "PHARMACIE DU MARCHE", None),
            row("finess/2", "PHARMACIE DU LAC", None),  # in 93001: another one
        ),
    )
    assert said(found) == {
        "node/1": MatchReason.SAME_COMMUNE,
        "node/2": MatchReason.NOT_IN_REGISTER,
    }
    assert np.isnan(found.matches.loc["node/1", "register_m"])
    assert list(found.unplaced.index) == ["finess/2"]
    assert found.notes[0].endswith(", sans position 1 (non comptées).")


def test_two_of_the_same_name_in_the_commune_are_not_told_apart() -> None:
    layer = services(pharmacy(1, "Du Marché", (0, 0)), pharmacy(2, "Du Marché", (3_000, 0)))
    found = join(layer, register(row("finess/1", "DU MARCHE", None)))
    assert set(said(found).values()) == {MatchReason.UNPLACED_ROW}


def test_where_a_row_has_no_place_nothing_is_said_absent_from_the_register() -> None:
    """The pharmacy may be the row that has no place: neither both nor the map alone."""
    layer = services(pharmacy(1, "Pharmacie du Marché", (0, 0)), pharmacy(2, "X", (7_000, 0)))
    found = join(layer, register(row("finess/1", "PHARMACIE DURAND", None)))
    assert said(found) == {
        "node/1": MatchReason.UNPLACED_ROW,
        "node/2": MatchReason.NOT_IN_REGISTER,
    }
    assert said(found, "register_match")["node/1"] == RegisterMatch.NOT_COMPARED


def test_rows_without_place_are_listed_for_the_communes_of_the_map_only() -> None:
    layer = services(pharmacy(1, "Pharmacie du Marché", (0, 0)))
    lost = (
        row("finess/1", "PHARMACIE DURAND", None),
        row("finess/2", "PHARMACIE DU LAC", None, code_insee="93002"),
        row("finess/3", "PHARMACIE FERMEE", None, status="closed"),
    )
    found = join(layer, register(*lost), extent=square(-1_000, 1_000))
    assert list(found.unplaced.index) == ["finess/1"]


# --- several registers, no service, contracts --------------------------------------------------


def test_a_second_register_finds_what_the_first_alone_knew() -> None:
    layer = services(pharmacy(1, "Pharmacie du Marché", (0, 0)))
    first = register(row("finess/1", "PHARMACIE DE LA GARE", (1_000, 0)))
    second = register(
        row("mine/a", "Pharmacie de la Gare", (1_020, 0)),
        row("mine/b", "Pharmacie du Marché", (0, 10)),
        name="mine",
        area=["93001"],
    )
    found = join(layer, first, second)
    assert said(found, "register_ids") == {"node/1": "mine/b", "finess/1": "finess/1;mine/a"}
    assert said(found, "register_match") == {
        "node/1": RegisterMatch.BOTH,
        "finess/1": RegisterMatch.REGISTER_ONLY,
    }
    assert len(found.services) == 2


def test_an_area_may_be_that_of_communes() -> None:
    layer = services(pharmacy(1, "A", (0, 0)), pharmacy(2, "B", (7_000, 0)))
    found = join(layer, register(area=["93002"]))
    assert said(found) == {
        "node/1": MatchReason.OUTSIDE_AREA,
        "node/2": MatchReason.NOT_IN_REGISTER,
    }


def test_empty_tables_keep_their_columns() -> None:
    alone = join(services(), register(row("finess/1", "PHARMACIE", (0, 0))))
    assert said(alone) == {"finess/1": MatchReason.NOT_ON_MAP}
    nothing = join(services(), register())
    assert (len(nothing.services), len(nothing.matches)) == (0, 0)
    assert list(nothing.matches.columns) == MATCHES.column_names
    assert list(nothing.unplaced.columns) == REGISTER.column_names
    layer = services(pharmacy(1, "A", (0, 0)))
    assert said(join(layer)) == {"node/1": MatchReason.OTHER_CATEGORY}


def test_inputs_are_left_as_they_are() -> None:
    layer = services(pharmacy(1, "Pharmacie du Marché", (0, 0)))
    one = register(row("finess/1", "PHARMACIE DU MARCHE", (10, 0)), row("finess/2", "B", (900, 0)))
    before = layer.copy(), one.table.copy()
    join(layer, one)
    pd.testing.assert_frame_equal(layer, before[0])
    pd.testing.assert_frame_equal(one.table, before[1])


def test_wrong_tables_are_refused() -> None:
    layer = services(pharmacy(1, "A", (0, 0)))
    with pytest.raises(DataError, match="missing columns"):
        join(layer.drop(columns="name"))
    with pytest.raises(CrsError):
        join(layer.to_crs(2154))
    with pytest.raises(DataError, match="unknown columns"):
        join(layer, replace(register(), table=register().table.assign(more="x")))


def test_every_answer_has_its_words() -> None:
    assert set(MATCH_LABELS) == set(RegisterMatch)
    assert set(REASON_LABELS) == set(MatchReason)


# --- what must always hold ---------------------------------------------------------------------

_SPOTS = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(lambda p: (p[0] * 40.0, p[1] * 40.0))
_NAMES = st.sampled_from(["", "Pharmacie", "Pharmacie du Marché", "Pharmacie Blum", "Du Marché"])
_KINDS = st.sampled_from(["pharmacie", "clinique", "pharmacie;clinique"])
_THINGS = st.lists(st.tuples(_NAMES, _SPOTS, _KINDS), max_size=8)


@settings(max_examples=25, deadline=None)
@given(on_map=_THINGS, in_register=_THINGS, shuffled=st.randoms(use_true_random=False))
def test_the_join_is_one_to_one_near_and_blind_to_the_order(
    on_map: list[tuple[str, Place, str]],
    in_register: list[tuple[str, Place, str]],
    shuffled: st.DataObject,
) -> None:
    layer = services(*((f"node/{n}", k, name, p, "") for n, (name, p, k) in enumerate(on_map)))
    rows = [
        row(f"finess/{n}", name, place, categories=kinds)
        for n, (name, place, kinds) in enumerate(in_register)
    ]
    one = register(*rows, categories=["pharmacie", "clinique"])
    found = join(layer, one)
    matched = found.matches[found.matches["register_match"] == RegisterMatch.BOTH]
    # One to one, and every row is somewhere once.
    assert matched["register_ids"].is_unique
    assert sorted(found.matches["register_ids"].dropna()) == sorted(one.table.index)
    # Never beyond the distance, and as far as is said.
    for service_id, register_id, metres in zip(
        matched.index, matched["register_ids"], matched["register_m"], strict=True
    ):
        place, other = layer.geometry[service_id], one.table.loc[register_id]
        apart = geodesic_m(*(np.array([v]) for v in (place.x, place.y, other["lon"], other["lat"])))
        assert metres == pytest.approx(apart[0], abs=1e-3)
        assert metres <= one.distance_m
        kinds = [
            set(layer.loc[service_id, "categories"].split(";")),
            set(other["categories"].split(";")),
        ]
        assert kinds[0] & kinds[1]
    # The order of neither table changes anything.
    mixed = list(range(len(rows)))
    shuffled.shuffle(mixed)
    places = list(range(len(layer)))
    shuffled.shuffle(places)
    again = join(layer.iloc[places], replace(one, table=one.table.iloc[mixed]))
    pd.testing.assert_frame_equal(again.matches.sort_index(), found.matches.sort_index())


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=30))
def test_pairs_are_those_of_a_plain_loop(pairs: list[tuple[int, int]]) -> None:
    taken: tuple[set[int], set[int]] = (set(), set())
    expected = []
    for number, (left, right) in enumerate(pairs):
        if left not in taken[0] and right not in taken[1]:
            expected.append(number)
            taken[0].add(left)
            taken[1].add(right)
    sides = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    assert one_to_one(sides[:, 0], sides[:, 1]).tolist() == expected


def test_near_pairs_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(5)
    places = gpd.GeoSeries(
        [shapely.Point(at(*xy)) for xy in rng.uniform(0, 900, (40, 2))], crs=WGS84
    )
    points = gpd.GeoSeries(
        [shapely.Point(at(*xy)) for xy in rng.uniform(0, 900, (30, 2))], crs=WGS84
    )
    points = pd.concat([points, gpd.GeoSeries([None, shapely.Point(55.5, -21.1)], crs=WGS84)])
    found = near_pairs(places, gpd.GeoSeries(points, crs=WGS84), within_m=150)
    expected = {
        (left, right)
        for left, place in enumerate(places)
        for right, point in enumerate(points[:30])
        if geodesic_m(*(np.array([v]) for v in (place.x, place.y, point.x, point.y)))[0] <= 150
    }
    assert set(zip(found.left.tolist(), found.right.tolist(), strict=True)) == expected


# --- references and addresses ------------------------------------------------------------------


def test_references_are_those_of_the_merged_objects_too() -> None:
    layer = services(("way/1", "pharmacie", "A", (0, 0), "node/2"), pharmacy(3, "B", (9, 9)))
    objects = OSM_OBJECTS.conform(
        gpd.GeoDataFrame(
            {
                "osm_id": ["way/1", "node/2", "node/3"],
                "tags": [
                    {"amenity": "pharmacy", "wikidata": "Q1"},
                    {"ref:FR:FINESS": "930000001; 930000002", "wikidata": "Q1"},
                    {"amenity": "pharmacy"},
                ],
                "observed_on": "",
                "entrances": None,
            },
            geometry=gpd.GeoSeries([shapely.Point(at(0, 0))] * 3, crs=WGS84),
        )
    )
    found = osm_references(layer, objects, keys=["ref:FR:FINESS", "wikidata"])
    assert found.index.to_list() == [
        ("way/1", "wikidata=Q1"),
        ("way/1", "ref:FR:FINESS=930000001"),
        ("way/1", "ref:FR:FINESS=930000002"),
    ]
    assert osm_references(services(), objects, keys=["wikidata"]).empty


def test_rows_without_place_go_to_the_geocoder_and_come_back_with_that_of_their_address() -> None:
    where = {"address": "12 rue de la Gare 93140 Bondy"}
    one = register(
        row("mine/a", "A", None, **where),
        row("mine/b", "B", None, **where),
        row("mine/c", "C", None, **where),
        row("mine/d", "D", None),  # no address
        row("mine/e", "E", (0, 0), **where),
        row("mine/f", "F", None, status="closed", **where),
        name="mine",
    )
    asked = addresses_to_find(one)
    assert list(asked.index) == ["mine/a", "mine/b", "mine/c"]
    assert asked.loc["mine/a", ["address", "code_insee"]].to_list() == [where["address"], "93001"]
    sites = pd.DataFrame({name: [""] * 4 for name in SITES.column_names}).assign(
        site_id=["mine/a", "mine/b", "mine/c", "other"],
        geocode_status=["ok", "review", "ok", "ok"],
        geocode_reason="MATCHED",
        geocode_precision=["housenumber", "housenumber", "municipality", "street"],
        geocode_score=0.9,
        commune_check="same",
        is_pvd=pd.NA,
        is_listed_unserved=pd.NA,
    )
    places = gpd.GeoSeries([shapely.Point(at(50, 0))] * 4, crs=WGS84)
    back = with_addresses(one, gpd.GeoDataFrame(sites, geometry=places))
    assert back.table["position"].to_dict() == {
        **dict.fromkeys(("mine/b", "mine/c", "mine/d", "mine/f"), "commune"),
        "mine/a": "address",
        "mine/e": "coordinates",
    }
    assert back.table.loc["mine/a", ["lon", "lat"]].to_list() == pytest.approx(at(50, 0))
    assert back.notes == ("Services placés par leur adresse : 1.",)
    assert one.table["lon"].isna().sum() == 5
