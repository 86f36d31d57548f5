import pandas as pd
import pytest

from siting.communes import CommuneNames, departement_of
from siting.sources.reference import read_commune_history, read_commune_register
from siting.tables import COMMUNE_HISTORY, COMMUNE_REGISTER


@pytest.fixture(scope="module")
def register() -> pd.DataFrame:
    return read_commune_register()


@pytest.fixture(scope="module")
def names(register: pd.DataFrame) -> CommuneNames:
    return CommuneNames.of(register, read_commune_history())


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Saint-Ouen", "93070"),
        ("St Ouen", "93070"),
        ("Pavillons-sous-Bois", "93057"),
        ("Épinay", "93031"),
        ("Epinay s/Seine", "93031"),
        ("Blanc-Mesnil", "93007"),
        ("Ile Saint Denis", "93039"),
        ("Aulnay s/ Bois", "93005"),
        ("AULNAY/BOIS", "93005"),
        ("Aulnay ss Bois", "93005"),
        ("Rosny s/s Bois", "93064"),
        ("Pierrefitte", "93059"),
        ("Bondy CEDEX 2", "93010"),
    ],
)
def test_ordinary_spellings_of_seine_saint_denis(names: CommuneNames, name: str, code: str) -> None:
    found = names.designated(name, departements=("93",)).commune
    assert found is not None
    assert found.code == code


@pytest.mark.parametrize(
    ("name", "postcode", "code"),
    [
        ("Saint-Ouen", "93400", "93070"),
        ("Saint-Ouen", "41100", "41226"),
        ("Épinay", "93800", "93031"),
        ("Saint-Denis", "93205", "93066"),  # a CEDEX code belongs to no commune
        ("Paris 2e", "75002", "75102"),
    ],
)
def test_the_postal_code_tells_communes_apart(
    names: CommuneNames, name: str, postcode: str, code: str
) -> None:
    found = names.designated(name, postcode=postcode).commune
    assert found is not None
    assert found.code == code


@pytest.mark.parametrize(
    ("name", "departements", "proposed"),
    [
        ("Noisy", ("93",), {"93051", "93053"}),
        ("Saint-Denis", ("93", "974"), {"93066", "97411"}),
        ("Saint-Ouan", ("93",), {"93070"}),
        ("Bondi", ("93",), {"93010"}),
        ("Saint", ("93",), {"93066", "93070"}),
        ("", ("93",), set()),
        ("/", ("93",), set()),
    ],
)
def test_it_never_chooses_but_proposes(
    names: CommuneNames, name: str, departements: tuple[str, ...], proposed: set[str]
) -> None:
    found = names.designated(name, departements=departements)
    assert found.commune is None
    assert {one.code for one in found.several or found.alike} == proposed
    assert bool(found.question) == bool(proposed)


def test_alone_a_name_counts_if_it_is_whole_and_unique(names: CommuneNames) -> None:
    found = names.designated("Livry-Gargan").commune
    assert found is not None
    assert found.code == "93046"
    assert names.designated("Saint-Ouen").commune is None
    assert names.designated("Blanc-Mesnil").commune is None


def test_a_beginning_is_not_enough_against_the_postal_code(names: CommuneNames) -> None:
    assert names.designated("Saint-Ouen", postcode="93140").commune is None
    assert names.designated("Saint-Ouen", postcode="93400", is_whole=True).commune is None


def test_postal_code_and_departement_that_contradict_each_other(names: CommuneNames) -> None:
    found = names.designated("Saint-Denis", postcode="93200", departements=("974",)).commune
    assert found is not None
    assert found.code == "97411"  # the département said, not the postal code


def test_every_official_name_is_its_own_commune(
    names: CommuneNames, register: pd.DataFrame
) -> None:
    wrong = [
        code
        for code, nom, code_dep in register[["nom", "code_dep"]].itertuples(name=None)
        if (found := names.designated(nom, departements=(code_dep,)).commune) is None
        or found.code != code
    ]
    assert wrong == []


def test_without_communes_nothing_is_found() -> None:
    empty = CommuneNames.of(COMMUNE_REGISTER.empty(), COMMUNE_HISTORY.empty())
    assert empty.designated("Bondy").commune is None
    assert empty.designated("Bondy", postcode="93140").question == ""


@pytest.mark.parametrize(
    ("code", "departement"), [("93010", "93"), ("2A004", "2A"), ("97411", "974"), ("98818", "988")]
)
def test_departements(code: str, departement: str) -> None:
    assert departement_of(code) == departement
