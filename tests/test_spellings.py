"""Addresses as people type them: what is read of them, and which streets are taken for which.

Cases of the first table are queries of the public suite geocoder-tester
(https://github.com/geocoders/geocoder-tester, files of `world/france`; Copyright by the
geocoder-tester contributors, terms of the MIT licence), with what the suite expects of them.
"""

import pytest

from siting.addresses import read_address
from siting.asking import Answer
from siting.enquiry import Enquiry, Question
from siting.matching import Candidate, GeocodeRule, judge
from siting.names import commune_key, street_key
from siting.tables import CommuneCheck

# Query, number with its suffix, street, postal code, commune.
QUERIES = [
    (" 37 rue de rome 75382 paris", "37", "Rue de Rome", "75382", "Paris"),
    (" 10/12 rue collange 92300 levallois", "10", "Rue Collange", "92300", "Levallois"),
    (
        " 4 rue emile combes 38400saint martin d'heres",
        *("4", "Rue Émile Combes", "38400", "Saint-Martin-d'Hères"),
    ),
    ('" abt prod - 15 place carnot - 69002 lyon"', "15", "Place Carnot", "69002", "Lyon"),
    (
        " horaire mondial relay 46 rue de stalingrad 78500 sartrouville",
        *("46", "Rue de Stalingrad", "78500", "Sartrouville"),
    ),
    ("  7 rue desbrest, vichy (03200) karceles yves", "7", "Rue Desbrest", "03200", ""),
    (" sci 110 rue d'entraigues 37000 tours", "110", "Rue d'Entraigues", "37000", "Tours"),
    (
        " 8, route de semur – rd 970 – 21320 sainte-sabine",
        *("8", "Route de Semur", "21320", "Sainte-Sabine"),
    ),
    (" 28 rue d'aubervilliers 75018", "28", "Rue d'Aubervilliers", "75018", ""),
    (" 69, rue de varenne - 75700", "69", "Rue de Varenne", "75700", ""),
    ("15 rue auguste laurent75011 paris", "15", "Rue Auguste Laurent", "75011", "Paris"),
    ("1 rue de l église - 69480 morancé", "1", "Rue de l'Église", "69480", "Morancé"),
    (
        " abvs, 20 rue d estienne d orves 29200 brest",
        *("20", "Rue d'Estienne d'Orves", "29200", "Brest"),
    ),
    (
        " direction des déplacements serm/pes 52 rue léon gaumont  26000 valence",
        *("52", "Rue Léon Gaumont", "26000", "Valence"),
    ),
    (" 280 impasse du reservoir38200 luzinay", "280", "Impasse du Réservoir", "38200", "Luzinay"),
    (" adresse: 2-4, impasse lamier – 75011 paris", "2", "Impasse Lamier", "75011", "Paris"),
    (
        " station avia (relais colis o1177) 110 boulevard de l'egalite 44100 nantes",
        *("110", "Boulevard de l'Égalité", "44100", "Nantes"),
    ),
    (" 13 avenue d'alsace 30100, alès", "13", "Avenue d'Alsace", "30100", "Alès"),
    (" 6 rue brulee - 57100 - thionville", "6", "Rue Brûlée", "57100", "Thionville"),
    (
        " friche 77, rue des cités 93300 aubervilliers",
        "77",
        "Rue des Cités",
        "93300",
        "Aubervilliers",
    ),
    (
        " centre médico-psychologique 12, rue de cuire 69004 lyon",
        *("12", "Rue de Cuire", "69004", "Lyon"),
    ),
    (" 64 bd pierre semard, 31500 toulouse", "64", "Boulevard Pierre Semard", "31500", "Toulouse"),
    (" bar place du 14 juillet houilles", "", "Place du 14 Juillet", "", "Houilles"),
    (" 3 rue richan à lyon", "3", "Rue Richan", "", "Lyon"),
    (" 22 avenue de la république a creteil", "22", "Avenue de la République", "", "Créteil"),
    (" 2 bis rue marie curie à troyes", "2bis", "Rue Marie Curie", "", "Troyes"),
    (" 201  bd saint denis courbevoie", "201", "Boulevard Saint-Denis", "", "Courbevoie"),
    (" villeroy. 6 rue chapon paris 3ème", "6", "Rue Chapon", "", "Paris"),
    ("2 Place du 12 Mai Figeac", "2", "Place du Douze Mai", "", "Figeac"),
    ("4 Place du 1er Mai Ennezat", "4", "Place du Premier Mai", "", "Ennezat"),
    (
        " chevigny saint sauveur 8 rue charles le téméraire",
        *("8", "Rue Charles le Téméraire", "", "Chevigny-Saint-Sauveur"),
    ),
    ("29BIS Avenue des Abbesses Chelles", "29BIS", "Avenue des Abbesses", "", "Chelles"),
    (
        "17 B PLACE DU GENERAL DE GAULLE 59215 ABSCON",
        "17B",
        "Place du Général de Gaulle",
        "59215",
        "",
    ),
    ("19 T ROUTE NATIONALE 59830 BACHY", "19T", "Route Nationale", "59830", "Bachy"),
    ("22 GRAND RUE 59268 ABANCOURT", "22", "Grand Rue", "59268", "Abancourt"),
    ("GRAND PLACE CAESTRE 59190 CAESTRE", "", "Grand Place", "59190", "Caestre"),
    ("MAIRIE PLACE DES ECOSSAIS 59225 CLARY", "", "Place des Ecossais", "59225", "Clary"),
    ("3 RUE DU 8 MAI 1945 59990 CURGIES", "3", "Rue du 8 Mai 1945", "59990", "Curgies"),
    ("14 RUE RENE RUELLE 59222 BOUSIES", "14", "Rue René Ruelle", "59222", "Bousies"),
    (
        "42 CHAUSSEE BRUNEHAUT ENGLEFONTAINE 59530 ENGLEFONTAINE",
        *("42", "Chaussée Brunehaut", "59530", "Englefontaine"),
    ),
]

# Street asked for, street found: the first is the second, whatever the score.
SAME = [
    ("rue Vaillant", "Rue Edouard Vaillant"),
    ("rue du Général Vaillant", "Rue Vaillant"),
    ("rue E. Vaillant", "Rue Edouard Vaillant"),
    ("rue Edouard Vaillant", "Rue E Vaillant"),
    ("rue du 8 mai", "Rue du 8 Mai 1945"),
    ("rue Edouard Viallant", "Rue Edouard Vaillant"),
]
# The first is not said to be the second: each is two streets in some town.
DOUBTFUL = [
    ("avenue Léon", "Avenue Léon Blum"),
    ("allée Marguerite", "Allée Marguerite Duras"),
    ("avenue Marguerite Duras", "Avenue Marguerite"),
    ("rue Saint-Louis", "Rue Saint-Louis Prolongée"),
    ("rue du Chemin de Fer prolongée", "Rue du Chemin de Fer"),
    ("rue du Moulin", "Rue du Vieux Moulin"),
    ("rue du Vieux Chalet", "Rue du Chalet"),
    ("rue Louis", "Rue Saint-Louis"),
    ("allée de la Jardinière", "Allée de la Villa Jardinière"),
    ("avenue Clara Blériot", "Avenue Blériot"),
    ("rue Michel", "Rue Michelet"),
    ("rue Baumin", "Rue Baudin"),
]


@pytest.mark.parametrize(("query", "number", "street", "postcode", "commune"), QUERIES)
def test_queries_of_geocoder_tester(
    query: str, number: str, street: str, postcode: str, commune: str
) -> None:
    read = read_address(query, commune=commune)
    assert f"{read.number}{read.suffix}" == number
    assert street_key(read.street) == street_key(street)
    assert read.postcode == postcode
    assert commune_key(read.commune).startswith(commune_key(commune))


def house(street: str, *, score: float) -> Candidate:
    return Candidate(
        label=f"12 {street}",
        lon=2.48,
        lat=48.9,
        score=score,
        kind="housenumber",
        street=street,
        housenumber="12",
        citycode="93010",
    )


def reason(asked: str, found: str, *, score: float) -> str:
    return judge(
        read_address(f"12 {asked}"),
        house(found, score=score),
        CommuneCheck.SAME,
        is_other_departement=False,
        rule=GeocodeRule(),
    ).reason


@pytest.mark.parametrize(("asked", "found"), SAME)
def test_a_street_whose_name_is_shortened_or_mistyped_is_that_street(
    asked: str, found: str
) -> None:
    assert reason(asked, found, score=0.80) == "MATCHED"


@pytest.mark.parametrize(("asked", "found"), DOUBTFUL)
def test_a_street_of_nearly_the_same_name_may_be_another(asked: str, found: str) -> None:
    assert reason(asked, found, score=0.99) == "STREET_NOT_FOUND"


def test_swapped_letters_ask_no_more_of_the_score() -> None:
    assert reason("rue Edouard Viallant", "Rue Edouard Vaillant", score=0.60) == "MATCHED"
    assert reason("rue Edouard Vailant", "Rue Edouard Vaillant", score=0.79) == "LOW_SCORE"
    assert reason("allée 1243", "Allée 1234", score=0.99) == "STREET_NOT_FOUND"


def test_a_name_without_its_kind_of_way_asks_more_of_the_score() -> None:
    assert reason("Le Moulin", "Allée du Moulin", score=0.79) == "LOW_SCORE"
    assert reason("Le Moulin", "Allée du Moulin", score=0.80) == "MATCHED"
    assert reason("allée du Moulin", "Allée du Moulin", score=0.60) == "MATCHED"


@pytest.mark.parametrize(
    ("score", "score_next", "is_enough"),
    [(0.80, 0.1, False), (0.81, 0.1, True), (0.90, 0.85, False), (0.90, 0.84, True)],
)
def test_a_rounded_score_is_enough_only_if_the_true_one_is(
    score: float, score_next: float, *, is_enough: bool
) -> None:
    """Files of addok have two decimals: 0.80 may be 0.796, which is to be checked."""
    question = Question(address=read_address("12 rue Vailant"), code_insee="93010")
    steps = Enquiry(GeocodeRule(), {}, {}).steps(question, is_bulk=True)
    assert not next(steps).is_whole
    best = house("Rue Vaillant", score=score)
    answer = Answer(candidates=(best,), is_whole=False, score_next=score_next)
    if is_enough:
        with pytest.raises(StopIteration) as end:
            steps.send(answer)
        assert end.value.value.match.status == "ok"
    else:
        assert steps.send(answer).is_whole
