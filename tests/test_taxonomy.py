"""The taxonomy of services: what OpenStreetMap tags mean, and refusal of a bad taxonomy file."""

import pytest

from siting.errors import DataError
from siting.taxonomy import (
    Taxonomy,
    listed_values,
    read_taxonomy,
    taxonomy_from_toml,
)

FAMILIES = """
[[family]]
id = "commerces"
label = "Commerces"
"""
SHOP = """
[[category]]
id = "boulangerie"
label = "Boulangerie"
families = ["commerces"]
selectors = [{ shop = "bakery" }]
"""


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    return read_taxonomy()


def test_the_four_families_of_the_calls(taxonomy: Taxonomy) -> None:
    assert [(family.id, family.label) for family in taxonomy.families] == [
        ("commerces", "Commerces"),
        ("transports", "Transports"),
        ("services_publics", "Services publics"),
        ("sante_social", "Services sanitaires, sociaux et médico-sociaux"),
    ]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        # commerces
        ({"shop": "supermarket"}, ["supermarche"]),
        ({"shop": "convenience"}, ["superette_epicerie"]),
        ({"shop": "farm"}, ["primeur"]),
        ({"shop": "bakery"}, ["boulangerie"]),
        ({"shop": "frozen_food"}, ["alimentation_specialisee"]),
        ({"amenity": "marketplace"}, ["marche"]),
        ({"amenity": "pharmacy", "healthcare": "pharmacy"}, ["pharmacie"]),
        ({"amenity": "bank", "atm": "yes"}, ["banque", "dab"]),
        ({"amenity": "atm"}, ["dab"]),
        ({"amenity": "fuel"}, []),
        ({"amenity": "fuel", "shop": "yes"}, ["station_service_boutique"]),
        ({"amenity": "vending_machine", "vending": "bread"}, ["distributeur_alimentaire"]),
        ({"amenity": "vending_machine", "vending": "parking_tickets"}, []),
        # transports
        ({"highway": "bus_stop"}, ["arret_bus"]),
        ({"highway": "bus_stop", "bus": "no"}, []),
        ({"public_transport": "platform", "bus": "yes"}, ["arret_bus"]),
        ({"public_transport": "platform", "tram": "yes"}, ["arret_tram"]),
        ({"public_transport": "stop_position", "bus": "yes"}, []),
        ({"public_transport": "platform"}, []),
        ({"railway": "tram_stop"}, ["arret_tram"]),
        ({"railway": "station"}, ["gare"]),
        ({"railway": "station", "station": "subway"}, ["station_metro"]),
        ({"railway": "station", "usage": "tourism"}, []),
        ({"public_transport": "station", "train": "yes", "bus": "yes"}, ["gare", "gare_routiere"]),
        ({"amenity": "bus_station"}, ["gare_routiere"]),
        ({"aerialway": "station"}, []),
        ({"railway": "funicular"}, []),
        # services publics
        ({"amenity": "townhall", "name": "Redon"}, ["mairie"]),
        ({"amenity": "townhall", "name": "Mairie déléguée de Rieux"}, ["mairie_annexe"]),
        (
            {"office": "government", "government": "public_service", "brand": "France Services"},
            ["france_services"],
        ),
        ({"office": "government", "name": "France-Services de Redon"}, ["france_services"]),
        (
            {"amenity": "post_office", "name": "La Poste - France Services"},
            ["france_services", "bureau_poste"],
        ),
        ({"amenity": "post_office"}, ["bureau_poste"]),
        ({"amenity": "post_office", "post_office": "bureau"}, ["bureau_poste"]),
        ({"amenity": "post_office", "post_office": "post_annex"}, ["agence_postale"]),
        ({"amenity": "post_office", "name": "RIEUX AP"}, ["agence_postale"]),
        ({"amenity": "post_office", "post_office:type": "post_partner"}, ["relais_poste"]),
        (
            {"shop": "convenience", "post_office": "post_partner", "ref:FR:LaPoste": "A1"},
            ["superette_epicerie", "relais_poste"],
        ),
        ({"shop": "convenience", "post_office": "post_partner"}, ["superette_epicerie"]),
        ({"office": "employment_agency", "name": "Adecco"}, []),
        ({"office": "employment_agency", "name": "Pôle Emploi Redon"}, ["france_travail"]),
        ({"office": "government", "name": "Sous-préfecture de Redon"}, ["prefecture_justice"]),
        (
            {"social_facility": "outreach", "name": "Centre communal d’action sociale"},
            ["ccas"],
        ),
        ({"office": "government", "name": "MDPH 93"}, ["mds_mdph"]),
        ({"office": "government"}, []),
        # sante_social
        ({"amenity": "doctors"}, ["medecin_generaliste"]),
        ({"healthcare": "doctor"}, ["medecin_generaliste"]),
        ({"healthcare": "doctor", "healthcare:speciality": "general"}, ["medecin_generaliste"]),
        (
            {"healthcare": "doctor", "healthcare:speciality": "cardiology"},
            ["medecin_specialiste"],
        ),
        ({"healthcare": "centre", "name": "Maison de Santé des Lilas"}, ["maison_sante"]),
        ({"amenity": "clinic", "name": "Centre municipal de santé"}, ["centre_sante"]),
        ({"amenity": "clinic", "name": "Clinique du Parc"}, ["clinique"]),
        ({"healthcare": "laboratory", "healthcare:speciality": "biology"}, ["laboratoire"]),
        ({"social_facility": "nursing_home", "social_facility:for": "senior"}, ["ehpad"]),
        (
            {"social_facility": "group_home", "social_facility:for": "senior"},
            ["ehpa"],
        ),
        (
            {"social_facility": "group_home", "social_facility:for": "senior;disabled"},
            ["ehpa", "foyer_handicap"],
        ),
        ({"amenity": "social_facility", "type:FR:FINESS": "354"}, ["ssiad"]),
        ({"amenity": "social_centre"}, ["centre_social"]),
        ({"amenity": "community_centre", "name": "Salle des fêtes"}, []),
    ],
)
def test_tags_to_categories(taxonomy: Taxonomy, tags: dict[str, str], expected: list[str]) -> None:
    assert list(taxonomy.categories_of(tags)) == expected


def test_a_list_of_values_is_split(taxonomy: Taxonomy) -> None:
    assert taxonomy.categories_of({"shop": "bakery; convenience"}) == (
        "superette_epicerie",
        "boulangerie",
    )
    assert taxonomy.categories_of({"highway": "platform;bus_stop"}) == ("arret_bus",)
    assert listed_values("19050; 37627;") == ["19050", "37627"]


@pytest.mark.parametrize(
    "tags",
    [
        {"disused:shop": "bakery"},
        {"abandoned:amenity": "pharmacy"},
        {"was:shop": "bakery"},
        {"razed:amenity": "library"},
        {"demolished:shop": "bakery"},
        {"removed:highway": "bus_stop"},
        {"proposed:amenity": "pharmacy"},
        {"construction:amenity": "pharmacy"},
        {"shop": "vacant"},
        {"shop": "no"},
        {"shop": "vacant", "amenity": "cafe"},
        {"amenity": "pharmacy", "access": "private"},
        {"amenity": "library", "access": "no"},
        {"shop": "bakery", "opening_hours": "closed"},
        {"shop": "bakery", "opening_hours": "Off"},
        {"shop": "bakery", "disused": "yes"},
        {"amenity": "cafe", "abandoned": "yes"},
        {"railway": "subway_entrance", "disused": "yes"},
        {},
    ],
)
def test_what_is_closed_or_private_is_no_service(taxonomy: Taxonomy, tags: dict[str, str]) -> None:
    assert taxonomy.categories_of(tags) == ()
    assert taxonomy.entrance_of(tags) == ()


@pytest.mark.parametrize(
    "tags",
    [
        {"opening_hours": "off; Jul-Aug 10:00-18:00"},  # seasonal
        {"opening_hours": "Mo-Fr 08:00-19:00; PH off"},
        {"access": "customers"},
        {"disused:amenity": "pharmacy"},  # what it was before
        {"amenity": "cafe", "shop": "bakery", "name": "Vacant"},
    ],
)
def test_what_is_open_is_not_excluded(taxonomy: Taxonomy, tags: dict[str, str]) -> None:
    assert "boulangerie" in taxonomy.categories_of({"shop": "bakery"} | tags)


def test_a_pharmacy_counts_in_two_families_and_is_one_category(taxonomy: Taxonomy) -> None:
    assert taxonomy.category["pharmacie"].counts_for == ("commerces", "sante_social")
    assert taxonomy.categories_of({"amenity": "pharmacy"}) == ("pharmacie",)


@pytest.mark.parametrize(
    "category",
    [
        "dab",
        "distributeur_alimentaire",
        "marche",
        "banque",
        "ecole",
        "ehpad",
        "residence_autonomie",
        "ehpa",
        "foyer_handicap",
        "ssiad",
        "service_autonomie_domicile",
        "pmi_ase",
        "esat",
    ],
)
def test_what_never_makes_a_family_near(taxonomy: Taxonomy, category: str) -> None:
    assert taxonomy.category[category].counts_for == ()


@pytest.mark.parametrize("family", ["commerces", "transports", "services_publics", "sante_social"])
def test_each_family_can_be_near_by_something_reliably_mapped(
    taxonomy: Taxonomy, family: str
) -> None:
    assert [c for c in taxonomy.categories if family in c.counts_for and c.mapping == "good"]


def test_what_osm_does_not_map_reliably_is_poor(taxonomy: Taxonomy) -> None:
    poor = {c.id for c in taxonomy.categories if c.mapping == "poor"}
    assert {"ccas", "ssiad", "service_autonomie_domicile", "transport_a_la_demande"} <= poor
    assert {"medecin_generaliste", "infirmier", "kinesitherapeute"} <= poor
    assert not {"pharmacie", "boulangerie", "arret_bus", "mairie", "bureau_poste"} & poor
    assert {c.id for c in taxonomy.categories if not c.selectors} <= poor


def test_services_that_come_to_people_are_no_distance(taxonomy: Taxonomy) -> None:
    ids = [category.id for category in taxonomy.categories if category.is_area_service]
    assert ids == [
        "transport_a_la_demande",
        "ssiad",
        "service_autonomie_domicile",
        "savs_samsah",
    ]
    assert not any(taxonomy.category[one].counts_for for one in ids)
    assert len(taxonomy.walked_to) == len(taxonomy.categories) - len(ids)


def test_codes_of_registers_are_well_formed_and_a_finess_code_has_one_category(
    taxonomy: Taxonomy,
) -> None:
    finess = [code for category in taxonomy.categories for code in category.finess]
    assert len(finess) == len(set(finess))
    assert all(len(code) == 3 and code.isdigit() for code in finess)
    bpe = {code for category in taxonomy.categories for code in category.bpe}
    assert all(len(code) == 4 and code[0] in "ABCDEF" and code[1:].isdigit() for code in bpe)
    # old numbers, that later files do not have: physiotherapist, nurse, dentist...
    assert not {"D201", "D221", "D233", "D243", "D244"} & bpe
    # a code by which an object is recognised is that of the category
    for category in taxonomy.categories:
        for selector in category.selectors:
            for condition in selector.all_of:
                if condition.key == "type:FR:FINESS":
                    assert condition.accepted <= set(category.finess)


@pytest.mark.parametrize(
    ("tags", "kind", "category"),
    [
        ({"disused:shop": "bakery"}, "closed", "boulangerie"),
        ({"removed:highway": "bus_stop"}, "closed", "arret_bus"),
        ({"proposed:amenity": "pharmacy"}, "planned", "pharmacie"),
        ({"construction:amenity": "library"}, "planned", "bibliotheque"),
        ({"shop": "vacant"}, "vacant", ""),
        ({"shop": "vacant", "amenity": "cafe"}, "vacant", "cafe_restaurant"),
        ({"shop": "vacant", "disused:shop": "butcher"}, "closed", "boucherie"),
        ({"amenity": "pharmacy", "access": "private"}, "private", "pharmacie"),
        ({"amenity": "bank", "atm": "yes", "disused": "yes"}, "closed", "banque"),
    ],
)
def test_why_an_object_is_no_service(
    taxonomy: Taxonomy, tags: dict[str, str], kind: str, category: str
) -> None:
    found = taxonomy.excluded(tags)
    assert found is not None
    assert (found.kind, found.category) == (kind, category)


@pytest.mark.parametrize(
    "tags",
    [
        {"shop": "bakery", "disused:amenity": "bank"},  # a bakery
        {"disused:shop": "yes"},
        {"disused:highway": "residential"},
        {"amenity": "parking", "access": "private"},
        {"shop": "no"},
        {"disused": "yes", "building": "yes"},
        {},
    ],
)
def test_services_and_other_things_are_not_excluded(
    taxonomy: Taxonomy, tags: dict[str, str]
) -> None:
    assert taxonomy.excluded(tags) is None


def test_doors_are_known_as_doors(taxonomy: Taxonomy) -> None:
    assert taxonomy.entrance_of({"railway": "subway_entrance"}) == ("station_metro", "gare")
    assert taxonomy.entrance_of({"railway": "train_station_entrance"}) == ("gare",)
    assert taxonomy.entrance_of({"railway": "station"}) == ()


def test_keys_are_a_filter_that_loses_nothing(taxonomy: Taxonomy) -> None:
    for category in taxonomy.categories:
        for selector in category.selectors + category.entrances:
            assert selector.anchor.key in taxonomy.keys
    assert {"shop", "amenity", "healthcare", "public_transport"} <= taxonomy.keys
    assert not {"name", "building", "opening_hours", "access"} & taxonomy.keys


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[family", "n'est pas un fichier TOML"),
        (FAMILIES + "\n[other]\n", "champs inconnus"),
        (FAMILIES + FAMILIES, "définie deux fois"),
        (FAMILIES + SHOP + SHOP, "définie deux fois"),
        (FAMILIES + SHOP.replace('["commerces"]', '["loisirs"]'), r"familles \['loisirs'\]"),
        (FAMILIES + SHOP.replace('["commerces"]', "[]"), "familles absentes"),
        (FAMILIES + SHOP + 'counts_for = ["transports"]\n', "compte pour"),
        (FAMILIES + SHOP + 'mapping = "medium"\n', "good ou poor"),
        (FAMILIES + SHOP + "merge_radius_m = 3\n", "champs inconnus"),
        (FAMILIES + SHOP.replace('label = "Boulangerie"', ""), "champs manquants"),
        (FAMILIES + SHOP.replace('id = "boulangerie"', 'id = "Épicerie"'), "lettres minuscules"),
        (FAMILIES + SHOP.replace('shop = "bakery"', 'shop = "*"'), "ne fixe aucune valeur"),
        (FAMILIES + SHOP.replace('shop = "bakery"', "shop = 3"), "illisible"),
        (
            FAMILIES + SHOP.replace("bakery", 'bakery", name = { matches = "(" }, x = "y'),
            r"l'expression '\('",
        ),
    ],
)
def test_a_bad_file_is_refused_in_french(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        taxonomy_from_toml(text)


def test_an_own_taxonomy() -> None:
    own = taxonomy_from_toml(FAMILIES + SHOP)
    assert own.categories_of({"shop": "bakery"}) == ("boulangerie",)
    assert own.categories_of({"shop": "butcher"}) == ()
    assert own.keys == {"shop"}
    category = own.category["boulangerie"]
    assert (category.mapping, category.merge_same_name_m, category.merge_unnamed_m) == (
        "good",
        50,
        15,
    )
