"""Measures of calls beyond walks: quarters, density, establishments, families, declarations."""

from dataclasses import replace

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import MultiPolygon, Point, box
from test_calls import (
    BAKERY,
    COMMUNE_TABLE,
    GIVEN,
    HERE,
    NATIONAL,
    NOWHERE,
    PACK,
    WALKING,
    judged,
    one,
    rule,
    site,
    walk,
)

from siting.categories import Category, Family, Taxonomy
from siting.crs import WGS84
from siting.establishments import KINDS, neighbours, with_establishments
from siting.places import CallLayer
from siting.quarters import quarters_near
from siting.register_tables import REGISTER
from siting.rule_packs import Operator, Reading
from siting.sources.packs import read_pack
from siting.sources.reference import read_communes
from siting.tables import RequirementKind
from siting.taxonomy import read_taxonomy
from siting.territory_layers import DENSITY, QPV

# One minute of arc is a nautical mile: at 48.9 degrees north, 0.001 degree of latitude is 111.2 m.
SOUTH, NORTH = 48.899, 48.901


def quarters(*, south: float = SOUTH, north: float = NORTH, area: tuple[str, ...] = ()) -> dict:
    table = QPV.conform(
        gpd.GeoDataFrame(
            {
                "code_qp": ["QN09301M"],
                "nom": ["Quartier Nord"],
                "codes_insee": ["93010"],
                "vintage": ["2024"],
            },
            geometry=[MultiPolygon([box(2.47, south, 2.49, north)])],
            crs=WGS84,
        )
    )
    return {"qpv": {"2024": CallLayer(table=table, said="QPV 2024", area=frozenset(area))}}


IN_QUARTER = replace(
    rule("qpv", qpv_vintage="2024", threshold_m=20.0, threshold_author="nous"),
    kind=RequirementKind.ELIGIBILITY,
)


def pack_of(*rules: object) -> object:
    return replace(PACK, departements=(), requirements=rules, listed_communes=())


def said(requirement: object, **given: object) -> tuple[str, str, str]:
    """Verdict, measure and evidence on one requirement, for the site of Bondy."""
    fields = given.pop("fields", {})
    found = one(judged(site(**fields), pack=pack_of(requirement), **given), requirement.id)
    texts = ["" if pd.isna(found[name]) else found[name] for name in ("measure", "evidence")]
    return found["verdict"], *(text.replace("\xa0", " ") for text in texts)


# --- priority quarters


@pytest.mark.parametrize(
    ("south", "north", "verdict", "measure"),
    [
        (SOUTH, NORTH, "rempli", "dans le quartier Quartier Nord (QN09301M), à 111 m"),
        (SOUTH, 48.9001, "a_verifier", "dans le quartier Quartier Nord (QN09301M), à 11 m"),
        (SOUTH, 48.8999, "a_verifier", "hors du quartier Quartier Nord (QN09301M), à 11 m"),
        (SOUTH, 48.8995, "non_rempli", "hors du quartier Quartier Nord (QN09301M), à 56 m"),
        (48.80, 48.89, "non_rempli", "hors du quartier Quartier Nord (QN09301M), à 1 112 m"),
        (48.70, 48.80, "non_rempli", "aucun quartier prioritaire à moins de 2 000 m"),
    ],
)
def test_a_quarter_holds_the_site_has_it_at_its_edge_or_does_not(
    south: float, north: float, verdict: str, measure: str
) -> None:
    found = said(IN_QUARTER, layers=quarters(south=south, north=north))
    assert found[0] == verdict
    assert found[1].startswith(measure)
    assert "QPV 2024" in found[2]


def test_a_quarter_across_the_street_is_told_up_to_300_m() -> None:
    near = said(IN_QUARTER, layers=quarters(north=48.8975, south=48.89))  # 278 m
    far = said(IN_QUARTER, layers=quarters(north=48.8970, south=48.89))  # 334 m
    assert "à moins de 300 m du quartier, sans y être" in near[2]
    assert "300 m" not in far[2]


def test_a_call_that_only_mentions_quarters_refuses_nobody() -> None:
    mentioned = replace(IN_QUARTER, kind=RequirementKind.INFORMATION)
    assert said(mentioned, layers=quarters(south=48.70, north=48.80))[0] == "hors_champ"


def test_a_layer_of_other_departements_says_nothing_here() -> None:
    elsewhere = quarters(south=48.70, north=48.80, area=("51",))
    verdict, measure, evidence = said(IN_QUARTER, layers=elsewhere)
    assert (verdict, measure) == ("a_verifier", "non mesuré")
    assert "est-elle complète ?" in evidence


def test_a_layer_that_is_not_installed_says_how_to_get_it() -> None:
    verdict, measure, evidence = said(IN_QUARTER)
    assert (verdict, measure) == ("a_verifier", "non mesuré")
    assert "couche non installée : siting data import qpv_2024 FICHIER" in evidence
    old = replace(IN_QUARTER, qpv_vintage="2015")  # the vintage asked for, and no other
    assert said(old, layers=quarters())[0] == "a_verifier"


def test_in_a_quarter_by_a_position_in_doubt_is_to_be_checked() -> None:
    verdict, measure, _ = said(
        IN_QUARTER, layers=quarters(), fields={"geocode_precision": "street"}
    )
    assert verdict == "a_verifier"
    assert measure.startswith("dans le quartier")


def test_metres_to_a_quarter_are_metres_overseas() -> None:
    """At 21 degrees south 0.001 degree of latitude is 110.7 m (WGS84)."""
    layer = quarters()["qpv"]["2024"].table
    moved = layer.set_geometry([MultiPolygon([box(55.49, -21.001, 55.51, -20.999)])])
    sites = gpd.GeoDataFrame(index=["r1", "r2"], geometry=[Point(55.5, -21.0), None], crs=WGS84)
    found = quarters_near(sites, moved.set_crs(WGS84), COMMUNE_TABLE)
    assert list(found) == ["r1"]
    assert found["r1"].is_inside
    assert found["r1"].edge_m == pytest.approx(110.7, abs=0.1)


def test_a_layer_that_draws_whole_communes_is_not_taken_for_quarters() -> None:
    """A real file of 2026 does: its 29 outlines in Seine-Saint-Denis are those of communes."""
    layer = quarters()["qpv"]["2024"].table
    sites = gpd.GeoDataFrame(index=["s0"], geometry=[HERE], crs=WGS84)

    def share(of_commune: float) -> bool:
        whole = box(2.47, 48.90 - 0.001 / of_commune, 2.49, 48.90 + 0.001 / of_commune)
        communes = gpd.GeoDataFrame(geometry=[whole], crs=WGS84)
        return quarters_near(sites, layer, communes)["s0"].is_commune

    assert share(0.95)
    assert not share(0.5)


def test_in_a_commune_that_has_a_quarter_is_not_in_the_quarter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outline = quarters()["qpv"]["2024"].table.geometry.iloc[0]
    communes = COMMUNE_TABLE.set_geometry([outline] * len(COMMUNE_TABLE)).set_crs(WGS84)
    monkeypatch.setattr("test_calls.COMMUNE_TABLE", communes)
    verdict, measure, evidence = said(IN_QUARTER, layers=quarters())
    assert (verdict, measure.split(" : ")[0]) == (
        "a_verifier",
        "commune qui a un quartier prioritaire",
    )
    assert "dessine la commune entière" in evidence


def test_a_quarter_of_another_departement_does_not_complete_a_layer() -> None:
    """56 m from a quarter, but those of the site's own département are not in the layer."""
    layers = quarters(south=48.89, north=48.8995, area=("75",))
    assert said(IN_QUARTER, layers=layers)[0] == "a_verifier"


# --- several families


TWO = Taxonomy(
    families=(Family("commerces", "Commerces"), Family("transports", "Transports")),
    categories=(
        Category(
            id="boulangerie",
            label="Boulangerie",
            families=("commerces",),
            counts_for=("commerces",),
            selectors=(),
        ),
        Category(
            id="arret",
            label="Arrêt",
            families=("transports",),
            counts_for=("transports",),
            selectors=(),
        ),
    ),
)
SERVED = (walk("boulangerie", **BAKERY), walk("arret", **{**BAKERY, "walk_min": 8.0}))
HALF = (walk("boulangerie", **BAKERY), walk("arret", access_status="beyond_cutoff"))
NEITHER = (
    walk("boulangerie", access_status="beyond_cutoff"),
    walk("arret", access_status="beyond_cutoff"),
)


@pytest.fixture(autouse=True)
def two_families(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the helpers of the tests of calls know a family more."""
    monkeypatch.setattr("test_calls.WALKING", replace(WALKING, taxonomy=TWO))


def near(reading: Reading) -> object:
    return rule(
        "families_near",
        families=("commerces", "transports"),
        reading=reading,
        threshold_min=15.0,
        threshold_author="nous",
    )


@pytest.mark.parametrize(
    ("walks", "each", "one_of", "both"),
    [
        (SERVED, "rempli", "rempli", "rempli"),
        (HALF, "non_rempli", "rempli", "a_verifier"),
        (NEITHER, "non_rempli", "non_rempli", "non_rempli"),
    ],
)
def test_or_and_and_are_both_shown_where_the_text_allows_both(
    walks: tuple, each: str, one_of: str, both: str
) -> None:
    assert said(near(Reading.ALL), walks=walks)[0] == each
    assert said(near(Reading.ANY), walks=walks)[0] == one_of
    verdict, measure, evidence = said(near(Reading.BOTH), walks=walks)
    words = {"rempli": "rempli", "non_rempli": "non rempli"}
    assert verdict == both
    assert measure == (
        f"lecture « l'une au moins » : {words[one_of]} ; lecture « toutes » : {words[each]}"
    )
    assert "Commerces : " in evidence
    assert "Transports : " in evidence


# --- rural and badly served


def density(*, is_rural: bool | None, code: str = "93010") -> dict[str, CallLayer]:
    table = DENSITY.conform(
        pd.DataFrame(
            {
                "code_insee": [code],
                "density_class": [5 if is_rural else 1],
                "density_label": ["Bourgs ruraux" if is_rural else "Grands centres urbains"],
                "is_rural": [is_rural],
            }
        )
    )
    return {"density": CallLayer(table=table, said="grille de densité 2025")}


SERVED_RURAL = rule(
    "rural_served",
    families=("commerces", "transports"),
    threshold_min=15.0,
    threshold_author="nous",
)


@pytest.mark.parametrize(
    ("walks", "is_rural", "verdict", "measure"),
    [
        (SERVED, True, "rempli", "commune rurale (Bourgs ruraux), desservie"),
        (HALF, True, "a_verifier", "proximité non établie : Transports"),
        (HALF, False, "rempli", "commune non rurale : Grands centres urbains"),
        (NEITHER, False, "rempli", "commune non rurale"),
        (HALF, None, "a_verifier", "ruralité inconnue"),
        (SERVED, None, "rempli", "desservie"),
    ],
)
def test_only_a_rural_commune_that_may_be_badly_served_is_in_question(
    *, walks: tuple, is_rural: bool | None, verdict: str, measure: str
) -> None:
    found = said(SERVED_RURAL, walks=walks, layers=density(is_rural=is_rural))
    assert found[0] == verdict
    assert measure in found[1]


def test_what_is_missing_to_say_badly_served_is_named() -> None:
    """Never refused: frequencies of transport are not known."""
    found = said(SERVED_RURAL, walks=NEITHER, layers=density(is_rural=True))
    assert found[0] == "a_verifier"
    assert "manquent : la fréquence des transports" in found[2]


def test_without_density_grid_a_served_commune_is_not_excluded_and_another_is_in_question() -> None:
    assert said(SERVED_RURAL, walks=SERVED)[0] == "rempli"
    verdict, measure, _ = said(SERVED_RURAL, walks=HALF)
    assert verdict == "a_verifier"
    assert "siting data import densite FICHIER" in measure


def test_near_a_rural_commune_coordinates_do_not_tell() -> None:
    table = pd.concat(
        [
            density(is_rural=False)["density"].table,
            density(is_rural=True, code="93070")["density"].table,
        ]
    )
    layers = {"density": CallLayer(table=table, said="grille")}
    around = {"border_code_insee": "93070", "border_commune": "X", "border_m": 30.0}
    given = {"walks": HALF, "layers": layers, "around": around}
    assert said(SERVED_RURAL, fields=GIVEN, **given)[0] == "a_verifier"
    assert said(SERVED_RURAL, **given)[0] == "rempli"  # the address agrees with the declaration


def test_rural_as_a_preference_refuses_nobody() -> None:
    preferred = rule("commune_rural")
    assert said(preferred, layers=density(is_rural=True))[0] == "rempli"
    assert said(preferred, layers=density(is_rural=False))[0] == "hors_champ"
    assert said(preferred)[0] == "a_verifier"


# --- establishments


def register(**fields: object) -> dict[str, CallLayer]:
    """One EHPAD, 33 m north of the site (0.0003 degree), unless said otherwise."""
    table = REGISTER.conform(
        pd.DataFrame(
            [
                {
                    "register_id": "finess/930000001",
                    "categories": "ehpad",
                    "name": "Les Lilas",
                    "address": "3 rue du Parc 93140 Bondy",
                    "code_insee": "93010",
                    "lon": HERE.x,
                    "lat": HERE.y + 0.0003,
                    "position": "coordinates",
                    "status": "unknown",
                    "register": "finess",
                    "vintage": "",
                    "references": "",
                    "note": "",
                    **fields,
                }
            ]
        )
    )
    layer = CallLayer(table=table, said="FINESS 2026", area=frozenset({"93"}))
    return {"establishments": layer}


APART = rule(
    "establishment_apart",
    establishments=("ehpad", "lieu_de_vie"),
    threshold_m=30.0,
    threshold_author="nous",
)
NO_PLACE = {"lon": None, "lat": None, "position": "commune"}


@pytest.mark.parametrize(
    ("fields", "verdict", "measure"),
    [
        ({}, "rempli", "aucun établissement du registre à moins de 30 m"),
        ({"lat": HERE.y + 0.0002}, "a_verifier", "un établissement à 22 m"),
        ({"lat": HERE.y + 0.0002, "status": "closed"}, "rempli", "aucun établissement"),
        ({"lat": HERE.y + 0.0002, "categories": "pharmacie"}, "rempli", "aucun établissement"),
        ({"address": "10 r. Jules Guesde 93140 Bondy"}, "a_verifier", "à la même adresse, à 33 m"),
        ({"address": "10 bis rue Jules Guesde 93140 Bondy"}, "rempli", "aucun établissement"),
        (
            {"address": "10 rue Jules-Guesde, 93140 BONDY", **NO_PLACE},
            "a_verifier",
            "à la même adresse",
        ),
        ({"address": "3 rue du Parc 93140 Bondy", **NO_PLACE}, "rempli", "aucun établissement"),
        ({"address": "", **NO_PLACE}, "a_verifier", "aucun établissement"),
        ({"address": "", "code_insee": "93070", **NO_PLACE}, "rempli", "aucun établissement"),
    ],
)
def test_an_establishment_in_the_place_is_to_be_checked_and_never_refuses(
    fields: dict[str, object], verdict: str, measure: str
) -> None:
    found = said(APART, layers=register(**fields))
    assert found[0] == verdict
    assert measure in found[1]


def test_what_stands_there_is_named_with_its_register() -> None:
    evidence = said(APART, layers=register(lat=HERE.y))[2]
    assert "Les Lilas (EHPAD ; finess/930000001)" in evidence
    assert "FINESS 2026" in evidence
    assert "un voisin n'exclut pas le site" in evidence


def test_without_a_register_of_the_departement_nothing_is_concluded() -> None:
    assert "siting data import finess" in said(APART)[2]
    layer = replace(register()["establishments"], area=frozenset({"51"}))
    verdict, _, evidence = said(APART, layers={"establishments": layer})
    assert verdict == "a_verifier"
    assert "ne couvre pas la commune" in evidence


def test_limits_of_a_measure_are_told_beside_it() -> None:
    limited = replace(APART, limits="sans les résidences services")
    assert said(limited, layers=register())[2].endswith("sans les résidences services")


def test_finess_is_read_with_the_kinds_that_the_taxonomy_of_services_lacks() -> None:
    taxonomy = with_establishments(read_taxonomy())
    codes = {code: one.id for one in taxonomy.categories for code in one.finess}
    named = {"500": "ehpad", "202": "residence_autonomie", "258": "pension_de_famille"}
    named |= {"259": "residence_sociale", "216": "residence_hoteliere", "462": "lieu_de_vie"}
    assert {code: codes[code] for code in named} == named
    assert set(KINDS) <= set(taxonomy.category)
    finess = [code for one in taxonomy.categories for code in one.finess]
    assert len(finess) == len(set(finess))


def test_a_site_without_position_has_no_neighbour() -> None:
    sites = gpd.GeoDataFrame(
        {"code_insee": [""], "matched_label": [""], "address": [""]},
        index=["s0"],
        geometry=[None],
        crs=WGS84,
    )
    assert neighbours(sites, register()["establishments"].table, kinds=("ehpad",)) == {}
    nowhere = {**NOWHERE, "geocode_status": "skipped", "geocode_reason": "OFFLINE"}
    assert said(APART, layers=register(), fields=nowhere)[0] == "a_verifier"


# --- declared numbers


def age(operator: Operator, *threshold: float, **fields: object) -> object:
    made = rule(
        "declared_number",
        columns=("age_min", "âge minimum"),
        operator=operator,
        threshold=threshold,
        unit="ans",
        threshold_author="l'appel",
    )
    return replace(made, **{"kind": RequirementKind.ELIGIBILITY, **fields})


@pytest.mark.parametrize(
    ("operator", "cell", "verdict"),
    [
        (Operator.AT_LEAST, "65", "rempli"),
        (Operator.MORE, "65", "non_rempli"),
        (Operator.MORE, "65,5", "rempli"),
        (Operator.MORE, "66 ans", "rempli"),
        (Operator.AT_LEAST, "64", "non_rempli"),
        (Operator.AT_LEAST, "65 ans et plus", "rempli"),
        (Operator.MORE, "65 ans et plus", "non_rempli"),
        (Operator.AT_MOST, "65", "rempli"),
        (Operator.LESS, "65", "non_rempli"),
        (Operator.AT_LEAST, "plus de 65 ans", "a_verifier"),
        (Operator.AT_LEAST, "65-80", "a_verifier"),
        (Operator.AT_LEAST, "65 personnes", "a_verifier"),
        (Operator.AT_LEAST, "", "declaratif"),
        (Operator.AT_LEAST, "  ", "declaratif"),
    ],
)
def test_sixty_five_itself_tells_strict_from_not(
    operator: Operator, cell: str, verdict: str
) -> None:
    assert said(age(operator, 65.0), declared={"Age min": cell})[0] == verdict


def test_a_declared_number_stays_a_declaration() -> None:
    verdict, measure, evidence = said(age(Operator.AT_LEAST, 65.0), declared={"age_min": "67"})
    assert (verdict, measure) == ("rempli", "67 ans selon le porteur")
    assert evidence == "déclaré par le porteur, colonne « age_min » du fichier, non vérifié"
    table = judged(site(), pack=pack_of(age(Operator.AT_LEAST, 65.0)), declared={"age_min": "67"})
    assert one(table, "declared_number")[["threshold", "threshold_author"]].tolist() == [
        "≥ 65 ans",
        "l'appel",
    ]


def test_the_first_name_of_a_column_wins_and_none_is_declarative() -> None:
    wanted = age(Operator.AT_LEAST, 65.0)
    both = {"Âge minimum": "50", "AGE-MIN": "70"}
    assert said(wanted, declared=both)[0] == "rempli"
    assert said(wanted, declared={"autre": "70"})[0] == "declaratif"
    assert said(wanted)[0] == "declaratif"


def test_who_else_may_do_is_told_instead_of_a_refusal() -> None:
    wanted = age(Operator.AT_LEAST, 65.0, alternative="ou personnes handicapées")
    verdict, _, evidence = said(wanted, declared={"age_min": "40"})
    assert verdict == "a_verifier"
    assert evidence.startswith("ou personnes handicapées ; ")


def test_an_advice_is_not_a_refusal() -> None:
    advice = age(Operator.AT_MOST, 15.0, kind=RequirementKind.INFORMATION)
    assert said(advice, declared={"age_min": "15"})[0] == "rempli"
    assert said(advice, declared={"age_min": "16"})[0] == "a_verifier"


@pytest.mark.parametrize(
    ("cell", "verdict"),
    [("4", "non_rempli"), ("5", "rempli"), ("18", "rempli"), ("19", "non_rempli")],
)
def test_between_includes_both_ends(cell: str, verdict: str) -> None:
    assert said(age(Operator.BETWEEN, 5.0, 18.0), declared={"age_min": cell})[0] == verdict


@pytest.mark.parametrize(
    ("cell", "verdict"),
    [
        ("31/12/2026", "rempli"),
        ("01/01/2027", "non_rempli"),
        ("2026-12-31", "rempli"),
        ("2026-12-31 00:00:00", "rempli"),
        ("2026", "rempli"),
        ("12/2026", "rempli"),
        ("2027", "non_rempli"),
        ("2027-01", "non_rempli"),
        ("31/02/2026", "a_verifier"),
        ("fin 2026", "a_verifier"),
    ],
)
def test_a_date_is_compared_as_a_date(cell: str, verdict: str) -> None:
    limit = pd.Timestamp("2026-12-31").toordinal()
    wanted = age(Operator.AT_MOST, float(limit), unit="date")
    assert said(wanted, declared={"age_min": cell})[0] == verdict


def test_a_year_that_may_be_on_either_side_is_to_be_made_precise() -> None:
    wanted = age(Operator.AT_MOST, float(pd.Timestamp("2026-06-30").toordinal()), unit="date")
    verdict, measure, evidence = said(wanted, declared={"age_min": "2026"})
    assert (verdict, measure) == ("a_verifier", "2026 selon le porteur")
    assert "date à préciser" in evidence


@pytest.mark.parametrize(
    ("cell", "verdict"),
    [("2", "hors_champ"), ("3", "declaratif"), ("15", "declaratif"), ("16", "hors_champ")],
)
def test_fire_rules_are_asked_of_three_to_fifteen_people(cell: str, verdict: str) -> None:
    when = rule(
        "declared_when",
        columns=("nb_personnes",),
        operator=Operator.BETWEEN,
        threshold=(3.0, 15.0),
        unit="habitants",
        threshold_author="l'appel",
    )
    assert said(when, declared={"nb_personnes": cell})[0] == verdict
    assert said(when)[0] == "declaratif"


def test_what_is_declared_in_words_is_shown_and_stays_declarative() -> None:
    wanted = rule("declared", columns=("porteur",))
    verdict, measure, _ = said(wanted, declared={"Porteur": "Association Les Voisins"})
    assert (verdict, measure) == ("declaratif", "déclaré : « Association Les Voisins »")


# --- the Marne


def test_the_call_of_the_marne_says_nothing_in_seine_saint_denis() -> None:
    pack = read_pack("marne-avp-2023")
    walked = [one for one in pack.requirements if not one.asked_families]
    table = judged(
        site(), pack=replace(pack, requirements=tuple(walked)), declared={"age_min": "70"}
    )
    assert set(table["verdict"]) == {"hors_champ"}
    assert set(table["evidence"].str.endswith("l'appel porte sur : département 51")) == {True}


def test_the_marne_has_610_communes_and_10_small_towns_of_tomorrow() -> None:
    communes = read_communes(["51"])
    assert (len(communes), int(communes["is_pvd"].sum())) == (610, 10)


def test_a_site_of_another_call_is_not_judged_by_national_rules_abroad() -> None:
    abroad = site(**GIVEN, code_insee="", is_pvd=pd.NA) | {"commune_check": "outside_france"}
    pack = replace(NATIONAL, requirements=(IN_QUARTER,))
    assert set(judged(abroad, pack=pack, layers=quarters())["verdict"]) == {"hors_champ"}
