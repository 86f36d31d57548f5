"""Verdicts on the calls, from small tables whose answers can be told by reading them."""

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import MultiPolygon, Point, box

from siting.absence import ABSENCE
from siting.calls import (
    USER_AUTHOR,
    Measure,
    Requirement,
    RulePack,
    Walking,
    verdicts,
    with_thresholds,
)
from siting.crs import WGS84
from siting.errors import DataError
from siting.listed import FormerListed, ListedCommunes
from siting.places import CallTerritory
from siting.sources.packs import list_packs, read_pack
from siting.tables import (
    ACCESS,
    COMMUNES,
    PROVEN,
    SERVICES,
    SITE_COMMUNES,
    SITES,
    VERDICTS,
    RequirementKind,
)
from siting.taxonomy import Category, Family, Taxonomy

HERE = Point(2.48, 48.90)

TAXONOMY = Taxonomy(
    families=(Family("commerces", "Commerces"),),
    categories=(
        Category(
            id="boulangerie",
            label="Boulangerie",
            families=("commerces",),
            counts_for=("commerces",),
            selectors=(),
        ),
        Category(
            id="marche",
            label="Marché",
            families=("commerces",),
            counts_for=("commerces",),
            mapping="poor",
            selectors=(),
        ),
        Category(id="banque", label="Banque", families=("commerces",), selectors=()),
    ),
)
WALKING = Walking(
    taxonomy=TAXONOMY, walker_label="personne âgée", cutoff_min=30, mapped_on="2025-12-26"
)

COMMUNE_TABLE = COMMUNES.conform(
    gpd.GeoDataFrame(
        {
            "code_insee": ["93010", "93070", "93066", "75056", "35236", "35237"],
            "nom": ["Bondy", "Saint-Ouen-sur-Seine", "Saint-Denis", "Paris", "Redon", "Voisine"],
            "code_dep": ["93", "93", "93", "75", "35", "35"],
            "code_epci": "",
            "population": 1,
            "population_65": 1,
            "is_pvd": [False, False, False, False, True, False],
            "pvd_on": ["", "", "", "", "2021-04-06", ""],
            "vintage": "",
        },
        geometry=[MultiPolygon([box(0, 0, 1, 1)])] * 6,
        crs=WGS84,
    )
)
NAMES = COMMUNE_TABLE["nom"].to_dict()
LISTED = ListedCommunes(
    codes=frozenset({"93070"}),
    former=(FormerListed("93059", "Pierrefitte-sur-Seine", "93066"),),
    departements=("93",),
)


def rule(measure: str, **fields: object) -> Requirement:
    return Requirement(
        id=measure,
        label="",
        article="2.5",
        quote="à proximité",
        kind=RequirementKind.SELECTION,
        measure=Measure(measure),
        **fields,
    )


NEAR = replace(
    rule("family_near", family="commerces", threshold_min=15.0, threshold_author="siting"),
    id="commerces",
)
RULES = (
    rule("address_precision"),
    NEAR,
    rule("commune_listed"),
    rule("commune_pvd"),
    rule("declared"),
)
PACK = RulePack(
    id="essai",
    title="",
    issuer="",
    published="2025",
    departements=("93",),
    requirements=RULES,
    listed_communes=("Saint-Ouen",),
)
NATIONAL = replace(PACK, departements=(), requirements=(*RULES[:2], *RULES[3:]))


def site(**fields: object) -> dict[str, object]:
    """A site of Bondy whose address is found at its number, unless said otherwise."""
    code = fields.get("code_insee", "93010")
    return {
        "label": "",
        "address": "10 rue Jules Guesde 93140 Bondy",
        "geocode_status": "ok",
        "geocode_reason": "MATCHED",
        "geocode_precision": "housenumber",
        "geocode_score": 0.97,
        "matched_label": "10 Rue Jules Guesde 93140 Bondy",
        "code_insee": code,
        "commune": NAMES.get(code, ""),
        "commune_check": "same",
        "is_pvd": COMMUNE_TABLE["is_pvd"].to_dict().get(code, pd.NA),
        "is_listed_unserved": code == "93070" if str(code).startswith("93") else pd.NA,
        "geometry": HERE,
        **fields,
    }


GIVEN = {
    "geocode_status": "provided",
    "geocode_reason": "COORDINATES_GIVEN",
    "geocode_precision": "none",
    "matched_label": "",
    "commune_check": "undeclared",
}
NOWHERE = {
    "geometry": None,
    "code_insee": "",
    "matched_label": "",
    "commune_check": "",
    "geocode_precision": "none",
}


def walk(category: str, **fields: object) -> dict[str, object]:
    """The nearest service of a category: none known, unless said otherwise."""
    return {
        "category": category,
        "rank": 1,
        "families": "commerces",
        "service_id": "",
        "service_name": "",
        "walk_m": np.nan,
        "line_m": np.nan,
        "walk_min": np.nan,
        "snap_m": 4.0,
        "access_status": "no_service",
        "edge_limited": False,
        "fit_m": np.nan,
        "unfit_m": np.nan,
        "unknown_m": np.nan,
        **fields,
    }


BAKERY = {
    "service_id": "node/1",
    "service_name": "Au bon pain",
    "walk_m": 305.0,
    "walk_min": 6.3,
    "access_status": "reached",
}
SERVICE_TABLE = SERVICES.conform(
    gpd.GeoDataFrame(
        {
            "service_id": ["node/1", "way/2"],
            "categories": ["boulangerie", "marche"],
            "name": ["Au bon pain", ""],
            "merged_ids": "",
            "source": "OpenStreetMap",
            "observed_on": ["2024-05-06", ""],
            "observed_by": ["edited", "undated"],
            "wheelchair": "unknown",
        },
        geometry=[HERE, HERE],
        crs=WGS84,
    )
)


def judged(  # noqa: PLR0913 - what a site may have
    *sites: dict[str, object],
    walks: tuple[dict[str, object], ...] = (walk("boulangerie", **BAKERY),),
    around: dict[str, object] | None = None,
    pack: RulePack = PACK,
    strict: tuple[dict[str, object], ...] = (),
    absent: dict[str, str] | None = None,
    layers: dict[str, object] | None = None,
    declared: dict[str, str] | None = None,
) -> pd.DataFrame:
    """
    Verdicts on sites s0, s1... that all have the same walks and the same surroundings.

    `strict` are the walks by ways known to be fit, for a walker that avoids the others; `absent`
    the evidence of absence by category; `layers` those of the territory; `declared` the columns
    of the file of projects.
    """
    ids = [f"s{number}" for number in range(len(sites))]
    rows = [{"site_id": one, **row} for one, row in zip(ids, sites, strict=True)]
    empty = dict.fromkeys(SITE_COMMUNES.column_names, "")
    near = {**empty, "border_m": np.nan, "part_m": np.nan, **(around or {})}
    territory = CallTerritory(
        site_communes=SITE_COMMUNES.conform(
            pd.DataFrame([{"site_id": one, **near} for one in ids])
        ),
        communes=COMMUNE_TABLE,
        listed=LISTED if pack.listed_communes else None,
        pvd_list_on="2024-09-16",
        **(layers or {}),
    )
    access, known = (
        pd.DataFrame([{"site_id": one, **row} for one in ids for row in measured])
        for measured in (walks, strict)
    )
    walking = replace(WALKING, access_strict=ACCESS.conform(known)) if strict else WALKING
    if absent is not None:
        said = [
            {
                "site_id": one,
                "category": category,
                "map_evidence": kind,
                "is_mapped": kind in PROVEN,
            }
            for one in ids
            for category, kind in absent.items()
        ]
        blank = {"doubt_code_insee": "93010", "doubt_commune": "Bondy"}
        walking = replace(walking, absence=ABSENCE.conform(pd.DataFrame(said).assign(**blank)))
    return verdicts(
        SITES.conform(gpd.GeoDataFrame(rows, geometry="geometry", crs=WGS84)),
        ACCESS.conform(access),
        SERVICE_TABLE,
        pack=pack,
        walking=walking,
        territory=territory,
        declared=None
        if declared is None
        else pd.DataFrame([declared] * len(ids), index=pd.Index(ids, name="site_id"), dtype="str"),
    )


def one(table: pd.DataFrame, requirement: str) -> pd.Series:
    return table.loc[("s0", requirement)]


# --- shape


def test_each_requirement_is_judged_for_each_site_in_order() -> None:
    table = judged(site(), site())
    ids = [requirement.id for requirement in RULES]
    assert table.index.tolist() == [(s, r) for s in ("s0", "s1") for r in ids]
    assert table.columns.tolist() == VERDICTS.column_names
    near = one(table, "commerces")
    assert near[["article", "quote", "kind"]].tolist() == ["2.5", "à proximité", "selection"]
    assert near["threshold"] == "15 min à pied (personne âgée)"
    assert near["threshold_author"] == "siting"
    assert pd.isna(one(table, "declared")["threshold"])


def test_declared_requirements_are_carried_as_such() -> None:
    table = judged(site(), site(**NOWHERE, geocode_status="skipped", geocode_reason="OFFLINE"))
    assert table["verdict"].xs("declared", level=1).tolist() == ["declaratif", "declaratif"]


# --- near


def test_family_is_near_when_a_counting_service_is_within_the_threshold() -> None:
    near = one(judged(site()), "commerces")
    assert near["verdict"] == "rempli"
    assert near["measure"] == "6,3 min à pied (305 m)"
    assert near["evidence"] == (
        "Au bon pain (Boulangerie) ; OpenStreetMap node/1, carte du 26/12/2025, "
        "objet mis à jour le 06/05/2024"
    )


def test_a_long_straight_link_to_the_street_is_told() -> None:
    table = judged(site(), walks=(walk("boulangerie", **{**BAKERY, "snap_m": 95.0}),))
    near = one(table, "commerces")
    assert near["verdict"] == "rempli"
    assert "dont 95 m en ligne droite du site à la rue" in near["evidence"]
    table = judged(site(), walks=(walk("boulangerie", **{**BAKERY, "snap_m": 50.0}),))
    assert "ligne droite" not in one(table, "commerces")["evidence"]


def test_threshold_itself_is_near_and_a_second_more_is_not() -> None:
    at = judged(site(), walks=(walk("boulangerie", **{**BAKERY, "walk_min": 15.0}),))
    over = judged(site(), walks=(walk("boulangerie", **{**BAKERY, "walk_min": 15.02}),))
    assert one(at, "commerces")["verdict"] == "rempli"
    assert one(over, "commerces")["verdict"] == "non_rempli"


@pytest.mark.parametrize(
    ("known", "verdict", "evidence"),
    [
        ({**BAKERY, "walk_min": 14.0}, "rempli", "Au bon pain"),
        ({**BAKERY, "walk_min": 16.0, "walk_m": 768.0}, "a_verifier", "16 min (768 m)"),
        ({"access_status": "no_path"}, "a_verifier", "connues praticables : aucun trajet"),
    ],
)
def test_what_is_near_by_unknown_ways_only_is_to_be_checked(
    known: dict[str, object], verdict: str, evidence: str
) -> None:
    table = judged(site(), strict=(walk("boulangerie", **known),))
    assert one(table, "commerces")["verdict"] == verdict
    assert evidence in one(table, "commerces")["evidence"].replace("\u202f", " ").replace(
        "\xa0", " "
    )


def test_the_nearest_of_the_counting_categories_is_the_evidence() -> None:
    table = judged(
        site(),
        walks=(
            walk("boulangerie", **BAKERY),
            walk(
                "marche",
                **{
                    **BAKERY,
                    "service_id": "way/2",
                    "walk_min": 2.0,
                    "walk_m": 96.0,
                    "service_name": "",
                },
            ),
            walk("banque", **{**BAKERY, "walk_min": 1.0}),
        ),
    )
    near = one(table, "commerces")
    assert near["measure"] == "2 min à pied (96 m)"
    assert near["evidence"] == ("sans nom (Marché) ; OpenStreetMap way/2, carte du 26/12/2025")


@pytest.mark.parametrize(
    ("walks", "verdict", "measure", "evidence"),
    [
        (
            (walk("boulangerie", **{**BAKERY, "walk_min": 18.24, "walk_m": 1250.0}),),
            "non_rempli",
            "18,2 min à pied (1\N{NO-BREAK SPACE}250 m)",
            "Au bon pain",
        ),
        (
            (walk("boulangerie", access_status="beyond_cutoff"), walk("banque", **BAKERY)),
            "non_rempli",
            "aucun service à moins de 30 min à pied",
            "",
        ),
        (
            (walk("boulangerie"), walk("marche", edge_limited=True)),
            "a_verifier",
            "aucun service à moins de 30 min à pied",
            "hors de la zone couverte",
        ),
        (
            (walk("boulangerie"), walk("marche", access_status="not_mapped")),
            "a_verifier",
            "aucun service à moins de 30 min à pied",
            "souvent absent de la carte : Marché",
        ),
        (  # one far away does not tell that there is none nearby
            (walk("boulangerie"), walk("marche", access_status="beyond_cutoff")),
            "a_verifier",
            "aucun service à moins de 30 min à pied",
            "souvent absent de la carte : Marché",
        ),
        (
            (walk("boulangerie", access_status="no_path"), walk("marche")),
            "a_verifier",
            "aucun service à moins de 30 min à pied",
            "aucun chemin piéton",
        ),
        (
            (
                walk("boulangerie", access_status="off_network", snap_m=312.0),
                walk("marche", access_status="off_network", snap_m=312.0),
            ),
            "a_verifier",
            "non mesuré",
            "trop loin de toute rue cartographiée (312 m)",
        ),
    ],
)
def test_what_is_not_near_says_why(
    walks: tuple[dict[str, object], ...], verdict: str, measure: str, evidence: str
) -> None:
    near = one(judged(site(), walks=walks), "commerces")
    assert (near["verdict"], near["measure"]) == (verdict, measure)
    assert evidence in ("" if pd.isna(near["evidence"]) else near["evidence"])


@pytest.mark.parametrize(
    ("bakery", "market", "verdict", "evidence"),
    [
        (
            "as_comparable",
            "register_agrees",
            "non_rempli",
            "absence établie : un registre officiel",
        ),
        ("as_comparable", "as_comparable", "non_rempli", "comme les communes comparables"),
        ("as_comparable", "rarely_mapped", "a_verifier", "souvent absent de la carte : Marché"),
        ("nothing_to_compare", "as_comparable", "a_verifier", "faute de comparaison : Boulangerie"),
        ("barely_mapped", "as_comparable", "a_verifier", "commune peu cartographiée"),
        ("fewer_than_comparable", "as_comparable", "a_verifier", "moins sur la carte"),
        ("register_unplaced", "as_comparable", "a_verifier", "qui ne dit pas où : Boulangerie"),
    ],
)
@pytest.mark.parametrize("status", ["no_service", "beyond_cutoff"])
def test_not_met_needs_every_absence_proven(
    bakery: str, market: str, verdict: str, evidence: str, status: str
) -> None:
    """Whether the nearest one known is nowhere, or too far: one nearer may not be mapped."""
    none = (walk("boulangerie", access_status=status), walk("marche", access_status=status))
    table = judged(site(), walks=none, absent={"boulangerie": bakery, "marche": market})
    near = one(table, "commerces")
    assert near["verdict"] == verdict
    assert evidence in near["evidence"]


def test_absence_does_not_matter_to_what_is_near() -> None:
    """A bakery is 6.3 minutes away: whether markets are mapped changes nothing."""
    walks = (walk("boulangerie", **BAKERY), walk("marche", access_status="not_mapped"))
    kinds = {"boulangerie": "nothing_to_compare", "marche": "rarely_mapped"}
    assert one(judged(site(), walks=walks, absent=kinds), "commerces")["verdict"] == "rempli"


def test_edge_of_the_data_does_not_matter_to_what_is_near() -> None:
    table = judged(site(), walks=(walk("boulangerie", **BAKERY, edge_limited=True),))
    assert one(table, "commerces")["verdict"] == "rempli"


@pytest.mark.parametrize(
    "fields",
    [
        {"geocode_status": "review", "geocode_reason": "LOW_SCORE"},
        {"geocode_precision": "street"},
        {**GIVEN, "geocode_reason": "COMMUNE_MISMATCH", "commune_check": "different"},
    ],
)
def test_walks_from_a_doubtful_position_are_shown_and_to_be_checked(
    fields: dict[str, object],
) -> None:
    near = one(judged(site(**fields)), "commerces")
    assert near["verdict"] == "a_verifier"
    assert near["measure"] == "6,3 min à pied (305 m)"


# --- address


@pytest.mark.parametrize(
    ("fields", "verdict", "measure"),
    [
        ({}, "rempli", "adresse trouvée au numéro"),
        ({"geocode_reason": "NEAR_BORDER"}, "rempli", "adresse trouvée au numéro"),
        ({"commune_check": "same_after_merge"}, "rempli", "adresse trouvée au numéro"),
        ({"commune_check": "undeclared"}, "a_verifier", "adresse trouvée, précision : au numéro"),
        ({"geocode_precision": "street"}, "non_rempli", "adresse imprécise (à la rue)"),
        ({"geocode_precision": "locality"}, "non_rempli", "adresse imprécise (au lieu-dit)"),
        (
            {
                "geocode_precision": "housenumber_without_suffix",
                "geocode_status": "review",
                "geocode_reason": "SUFFIX_NOT_FOUND",
            },
            "a_verifier",
            "adresse non confirmée",
        ),
        (
            {
                "geocode_precision": "street",
                "geocode_status": "review",
                "geocode_reason": "NUMBER_NOT_FOUND",
            },
            "a_verifier",
            "adresse non confirmée",
        ),
        (GIVEN, "a_verifier", "adresse non contrôlée"),
        ({**GIVEN, "address": ""}, "a_verifier", "aucune adresse, des coordonnées"),
        (
            {**NOWHERE, "geocode_status": "skipped", "geocode_reason": "OFFLINE"},
            "a_verifier",
            "adresse non confirmée",
        ),
        (
            {**NOWHERE, "geocode_status": "not_found", "geocode_reason": "NO_CANDIDATE"},
            "a_verifier",
            "adresse non confirmée",
        ),
        (
            {**NOWHERE, "geocode_status": "error", "geocode_reason": "SERVICE_ERROR"},
            "a_verifier",
            "adresse non confirmée",
        ),
        (
            {
                **NOWHERE,
                "address": "",
                "geocode_status": "skipped",
                "geocode_reason": "NO_LOCATION",
            },
            "non_rempli",
            "aucune adresse",
        ),
    ],
)
def test_address_must_be_found_at_its_number_in_the_commune_declared(
    fields: dict[str, object], verdict: str, measure: str
) -> None:
    found = one(judged(site(**fields)), "address_precision")
    assert (found["verdict"], found["measure"]) == (verdict, measure)


# --- territory


def test_nothing_is_judged_outside_of_the_territory_of_the_call() -> None:
    table = judged(site(code_insee="75056"))
    assert set(table["verdict"]) == {"hors_champ"}
    assert set(table["evidence"]) == {"Paris (75056) ; l'appel porte sur : département 93"}


def test_a_national_call_applies_in_france_only() -> None:
    abroad = site(**GIVEN, code_insee="", is_pvd=pd.NA) | {"commune_check": "outside_france"}
    table = judged(site(code_insee="35236"), abroad, pack=NATIONAL)
    assert table.loc["s0", "verdict"].tolist() == ["rempli", "rempli", "rempli", "declaratif"]
    assert set(table.loc["s1", "verdict"]) == {"hors_champ"}
    assert table.loc["s1", "evidence"].iloc[0] == "hors de France ; l'appel porte sur : France"


def test_site_without_position_is_to_be_checked_with_its_reason() -> None:
    table = judged(site(**NOWHERE, geocode_status="error", geocode_reason="SERVICE_ERROR"))
    measured = table.loc["s0"].drop("declared")
    assert set(measured["verdict"]) == {"a_verifier"}
    assert measured["evidence"].str.contains("n'a pas répondu").all()


BORDER_PARIS = {"border_code_insee": "75056", "border_commune": "Paris", "border_m": 12.0}


def test_near_the_border_of_the_territory_coordinates_are_to_be_checked() -> None:
    table = judged(site(**GIVEN), around=BORDER_PARIS)
    assert set(table.loc["s0"].drop("declared")["verdict"]) == {"a_verifier"}
    near = one(table, "commerces")
    assert near["measure"] == "6,3 min à pied (305 m)"
    assert near["evidence"].startswith("le site est à 12 m de la commune de Paris ; ")
    across = judged(
        site(**GIVEN, code_insee="75056"),
        around={"border_code_insee": "93010", "border_commune": "Bondy", "border_m": 12.0},
    )
    assert set(across.loc["s0"].drop("declared")["verdict"]) == {"a_verifier"}


def test_an_address_and_a_declaration_that_agree_leave_no_doubt_near_a_border() -> None:
    table = judged(site(), around=BORDER_PARIS)
    assert one(table, "commerces")["verdict"] == "rempli"
    assert one(table, "address_precision")["verdict"] == "rempli"


def test_outside_of_the_territory_but_declared_elsewhere_is_to_be_checked() -> None:
    fields = {**GIVEN, "geocode_reason": "COMMUNE_MISMATCH", "commune_check": "different"}
    table = judged(site(**fields, code_insee="75056"))
    assert set(table["verdict"].drop(("s0", "declared"))) == {"a_verifier"}


# --- listed communes


def test_listed_commune_is_a_preference_and_never_refuses() -> None:
    listed = one(judged(site(code_insee="93070")), "commune_listed")
    other = one(judged(site()), "commune_listed")
    assert (listed["verdict"], listed["measure"]) == ("rempli", "commune listée")
    assert (other["verdict"], other["measure"]) == ("hors_champ", "commune non listée")


def test_old_pierrefitte_is_listed_by_its_former_commune() -> None:
    found = one(
        judged(
            site(code_insee="93066", is_listed_unserved=True),
            around={"former_code_insee": "93059", "former_commune": "Pierrefitte-sur-Seine"},
        ),
        "commune_listed",
    )
    assert found["verdict"] == "rempli"
    assert found["measure"] == "ancienne commune listée : Pierrefitte-sur-Seine"


@pytest.mark.parametrize(
    ("fields", "around", "verdict"),
    [
        # Bondy is not listed, Saint-Ouen is: the side matters.
        (
            {**GIVEN},
            {"border_code_insee": "93070", "border_commune": "X", "border_m": 30.0},
            "a_verifier",
        ),
        ({}, {"border_code_insee": "93070", "border_commune": "X", "border_m": 30.0}, "hors_champ"),
        # The rest of Saint-Denis is not listed either: the side does not matter.
        (
            {**GIVEN},
            {"border_code_insee": "93066", "border_commune": "X", "border_m": 30.0},
            "hors_champ",
        ),
        # Unless old Pierrefitte is what lies there.
        (
            {**GIVEN},
            {
                "border_code_insee": "93066",
                "border_commune": "X",
                "border_m": 30.0,
                "part_code_insee": "93059",
                "part_m": 30.0,
            },
            "a_verifier",
        ),
        # Inside of Saint-Denis, even the address does not tell the part.
        ({"code_insee": "93066"}, {"part_code_insee": "93059", "part_m": 20.0}, "a_verifier"),
        (
            {"code_insee": "93066", "is_listed_unserved": True},
            {"part_code_insee": "93066", "part_m": 20.0},
            "a_verifier",
        ),
        ({"code_insee": "93066", "is_listed_unserved": pd.NA}, {}, "a_verifier"),
    ],
)
def test_near_a_border_the_list_is_to_be_checked_when_the_side_matters(
    fields: dict[str, object], around: dict[str, object], verdict: str
) -> None:
    table = judged(site(**fields), around=around)
    assert one(table, "commune_listed")["verdict"] == verdict


# --- Petites villes de demain


def test_pvd_says_since_when_and_from_which_list() -> None:
    found = one(judged(site(code_insee="35236"), pack=NATIONAL), "commune_pvd")
    assert found["verdict"] == "rempli"
    assert found["measure"] == "Petites villes de demain, depuis le 06/04/2021"
    assert found["evidence"] == "Redon (35236) ; liste du 16 septembre 2024"


def test_commune_that_is_not_in_the_list_says_its_date() -> None:
    found = one(judged(site(code_insee="35237"), pack=NATIONAL), "commune_pvd")
    assert found["verdict"] == "non_rempli"
    assert found["evidence"] == "Voisine (35237) ; liste du 16 septembre 2024"


def test_near_a_pvd_commune_coordinates_are_to_be_checked_with_the_distance() -> None:
    around = {"border_code_insee": "35236", "border_commune": "Redon", "border_m": 41.0}
    found = one(
        judged(site(**GIVEN, code_insee="35237"), around=around, pack=NATIONAL), "commune_pvd"
    )
    assert found["verdict"] == "a_verifier"
    assert "à 41 m de la commune de Redon" in found["evidence"]


# --- thresholds


def test_the_users_threshold_is_used_and_signed() -> None:
    own = with_thresholds(PACK, {"commerces": 5})
    found = one(judged(site(), pack=own), "commerces")
    assert found["verdict"] == "non_rempli"
    assert found["threshold"] == "5 min à pied (personne âgée)"
    assert found["threshold_author"] == USER_AUTHOR == "utilisateur (--threshold)"
    assert PACK.requirements[1].threshold_min == 15


@pytest.mark.parametrize("requirement", ["commerce", "commune_listed"])
def test_a_threshold_without_use_is_refused_with_those_that_have_one(requirement: str) -> None:
    with pytest.raises(DataError, match="Exigences réglables : commerces"):
        with_thresholds(PACK, {requirement: 10})


@pytest.mark.parametrize("minutes", [0, -1, float("nan")])
def test_a_threshold_is_a_positive_number(minutes: float) -> None:
    with pytest.raises(DataError, match="nombre de minutes positif"):
        with_thresholds(PACK, {"commerces": minutes})


def test_a_threshold_beyond_the_search_is_refused() -> None:
    with pytest.raises(DataError, match=r"« commerces » demande 45 min.*30 min"):
        judged(site(), pack=with_thresholds(PACK, {"commerces": 45}))


def test_walks_that_lack_a_site_are_refused() -> None:
    with pytest.raises(DataError, match="no walk for site 's0'"):
        judged(site(), walks=(walk("banque", **BAKERY),))


def test_a_family_that_the_taxonomy_does_not_know_is_refused() -> None:
    pack = replace(PACK, requirements=(replace(NEAR, family="loisirs"),))
    with pytest.raises(DataError, match="« loisirs » est inconnue"):
        judged(site(), pack=pack)


# --- invariants


def test_inputs_are_unchanged_and_order_of_walks_does_not_matter() -> None:
    walks = (walk("boulangerie", **BAKERY), walk("marche"))
    pd.testing.assert_frame_equal(
        judged(site(), walks=walks), judged(site(), walks=tuple(reversed(walks)))
    )


def test_no_site_gives_an_empty_table() -> None:
    nobody = SITES.empty()
    table = verdicts(
        nobody,
        ACCESS.empty(),
        SERVICES.empty(),
        pack=PACK,
        walking=WALKING,
        territory=CallTerritory(
            site_communes=SITE_COMMUNES.empty(),
            communes=COMMUNE_TABLE,
            listed=LISTED,
            pvd_list_on="2024-09-16",
        ),
    )
    assert table.columns.tolist() == VERDICTS.column_names
    assert len(table) == 0


@pytest.mark.parametrize("call_id", list_packs())
def test_shipped_packs_judge_a_site(call_id: str) -> None:
    """Nothing installed, nothing declared: each measure says what it lacks, none fails."""
    pack = read_pack(call_id)
    walked = (Measure.FAMILY_NEAR, Measure.FAMILIES_NEAR, Measure.RURAL_SERVED)
    others = [one for one in pack.requirements if one.measure not in walked]
    table = judged(site(), pack=replace(pack, departements=(), requirements=tuple(others)))
    assert len(table) == len(others)
    said = table.loc["s0", "verdict"]
    lacking = (Measure.QPV, Measure.ESTABLISHMENT_APART, Measure.COMMUNE_RURAL)
    assert {said[one.id] for one in others if one.measure in lacking} <= {"a_verifier"}
    declared = (Measure.DECLARED, Measure.DECLARED_NUMBER, Measure.DECLARED_WHEN)
    assert {said[one.id] for one in others if one.measure in declared} == {"declaratif"}
