import pytest
from hypothesis import given
from hypothesis import strategies as st

from siting.addresses import read_address, same_suffix, split_number


@pytest.mark.parametrize(
    ("text", "number", "suffix", "street"),
    [
        ("12 rue Carnot", "12", "", "rue Carnot"),
        ("12, rue Carnot", "12", "", "rue Carnot"),
        ("n° 12 rue Carnot", "12", "", "rue Carnot"),
        ("0012 rue Carnot", "12", "", "rue Carnot"),
        ("12 bis av. Carnot", "12", "bis", "av. Carnot"),
        ("12bis AV CARNOT", "12", "bis", "AV CARNOT"),
        ("12 B place Neuve", "12", "B", "place Neuve"),
        ("12a rue Neuve", "12", "a", "rue Neuve"),
        ("12 r Carnot", "12", "", "r Carnot"),
        ("8 l’Orée du Bois", "8", "", "l'Orée du Bois"),
        ("12-14 rue Carnot", "12", "", "rue Carnot"),
        ("12 à 14 bis, rue Carnot", "12", "", "rue Carnot"),
        ("Résidence Les Lilas 12 rue Carnot", "12", "", "rue Carnot"),
        ("Rés. Les Lilas, bât B, 12 rue Carnot", "12", "", "rue Carnot"),
        ("12 rue Carnot - Bâtiment C, 3e étage", "12", "", "rue Carnot"),
        ("12 rue du 11 novembre", "12", "", "rue du 11 novembre"),
        ("rue du 8 mai 1945", "", "", "rue du 8 mai 1945"),
        ("8 mai 1945", "", "", "8 mai 1945"),
        ("12 avenue Anatole France", "12", "", "avenue Anatole France"),
        ("Le Bourg", "", "", "Le Bourg"),
        ("2 RUE L 'EST ' B", "2", "", "RUE L 'EST ' B"),
        ("", "", "", ""),
    ],
)
def test_number_suffix_and_street(text: str, number: str, suffix: str, street: str) -> None:
    found = read_address(text)
    assert (found.number, found.suffix, found.street) == (number, suffix, street)


@pytest.mark.parametrize(
    ("text", "postcode", "commune"),
    [
        ("12 rue Carnot 93140 Bondy", "93140", "Bondy"),
        ("12 rue Carnot, 93140 BONDY, France", "93140", "BONDY"),
        ("12 rue Carnot 93140 Bondy France", "93140", "Bondy"),
        ("12 rue Carnot 95700 Roissy en France", "95700", "Roissy en France"),
        ("12 rue Carnot, F-93140 Bondy", "93140", "Bondy"),
        ("12 rue Carnot (93140)", "93140", ""),
        ("12 rue Carnot 75011 Paris 11e", "75011", "Paris 11e"),
        ("93140 Bondy", "93140", "Bondy"),
        ("CS 70002 93140 Bondy", "93140", "Bondy"),
        ("12 rue Carnot", "", ""),
    ],
)
def test_postcode_and_commune_in_the_text(text: str, postcode: str, commune: str) -> None:
    found = read_address(text)
    assert (found.postcode, found.commune) == (postcode, commune)


def test_the_columns_win_and_are_not_doubled() -> None:
    found = read_address("12 rue Carnot 93500 Pantin", postcode="93140", commune="Bondy")
    assert (found.line, found.postcode, found.commune) == ("12 rue Carnot", "93140", "Bondy")
    assert read_address("12 rue Carnot BONDY", commune="Bondy").line == "12 rue Carnot"
    assert read_address("12 rue de Bondy", commune="Bondy").line == "12 rue de Bondy"
    assert read_address("12 place Bondy", commune="Bondy").line == "12 place Bondy"


@pytest.mark.parametrize(
    "text", ["12 rue Carnot 93141 Bondy Cedex", "12 rue Carnot BP 5, 93141 BONDY CÉDEX 9"]
)
def test_a_cedex_code_is_not_the_code_of_a_place(text: str) -> None:
    found = read_address(text)
    assert (found.line, found.postcode, found.cedex_postcode) == ("12 rue Carnot", "", "93141")
    assert found.commune.upper() == "BONDY"


@pytest.mark.parametrize(
    "text",
    [
        "BP 12",
        "B.P. n°12",
        "CS 70002 93141 Bondy Cedex",
        "TSA 12345",
        "CIDEX 4 93140 Bondy",
        "bp12",
    ],
)
def test_a_box_alone_is_no_place(text: str) -> None:
    assert read_address(text).is_box_only
    assert not read_address(f"12 rue Carnot {text}").is_box_only


@pytest.mark.parametrize(("text", "is_usable"), [("?", False), ("12", False), ("ZAC", True)])
def test_what_can_be_asked_for(text: str, *, is_usable: bool) -> None:
    assert read_address(text).is_usable is is_usable


@pytest.mark.parametrize(
    ("text", "parts"),
    [("12", ("12", "")), ("12bis", ("12", "bis")), ("12 B", ("12", "B")), ("x", ("x", ""))],
)
def test_numbers_of_answers(text: str, parts: tuple[str, str]) -> None:
    assert split_number(text) == parts


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("12 bis av. Carnot", "12bis avenue Carnot"),
        ("12 R de la Paix", "12 rue de la Paix"),
        ("3 bd Jules Guesde", "3 boulevard Jules Guesde"),
        ("12 Rue Carnot", "12 Rue Carnot"),
        ("8 l'Orée", "8 l'Orée"),
        ("Carnot", "Carnot"),
    ],
)
def test_the_kind_of_way_can_be_spelled_out(text: str, spelled: str) -> None:
    assert read_address(text).spelled_line == spelled


def test_bis_and_b_are_one_door() -> None:
    assert same_suffix("bis", "B")
    assert same_suffix("Ter", "t")
    assert not same_suffix("bis", "ter")
    assert not same_suffix("bis", "")


@given(st.text(max_size=80), st.text(max_size=10), st.text(max_size=20))
def test_any_text_can_be_read(text: str, postcode: str, commune: str) -> None:
    found = read_address(text, postcode=postcode, commune=commune)
    assert found == read_address(text, postcode=postcode, commune=commune)
    assert "\n" not in found.line
