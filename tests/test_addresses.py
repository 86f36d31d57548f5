import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siting.address_text import visible_text
from siting.addresses import Address, read_address, same_suffix, split_number


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


def test_a_text_that_the_columns_contradict_is_told() -> None:
    found = read_address("12 rue Carnot 93500 Pantin", postcode="93140", commune="Bondy")
    assert found.left_out == ("93500", "Pantin")
    same = read_address("12 rue Carnot 93140 BONDY", postcode="93140", commune="Bondy")
    assert same.left_out == ()
    shorter = read_address("12 rue Carnot 75011 Paris", postcode="75011", commune="Paris 11e")
    assert shorter.left_out == ()


def test_the_commune_at_the_end_is_no_part_of_the_street() -> None:
    assert read_address("22 avenue Foch à Créteil", commune="Créteil").street == "avenue Foch"
    assert read_address("12 rue Carnot St-Denis", commune="Saint-Denis").street == "rue Carnot"
    arrondissement = read_address("12 rue Carnot Lyon", commune="Lyon 3e Arrondissement")
    assert arrondissement.street == "rue Carnot"
    road = read_address("12 chemin de Montreuil à Claye", commune="Claye")
    assert road.street == "chemin de Montreuil à Claye"
    assert read_address("rue Carnot 12 Bondy", commune="Bondy").line == "12 rue Carnot"
    assert read_address("Bondy", commune="Bondy").line == ""
    assert read_address("12 rue Carnot (Bondy)").tail == "Bondy"


@pytest.mark.parametrize(
    "text", ["12 rue Carnot 93141 Bondy Cedex", "12 rue Carnot BP 5, 93141 BONDY CÉDEX 9"]
)
def test_a_cedex_code_is_not_the_code_of_a_place(text: str) -> None:
    found = read_address(text)
    assert (found.line, found.postcode, found.cedex_postcode) == ("12 rue Carnot", "", "93141")
    assert found.commune.upper() == "BONDY"


@pytest.mark.parametrize(
    ("text", "postcode", "commune", "codes"),
    [
        ("12 rue Carnot 93141 Bondy Cedex", "93140", "Bondy", ("93140", "93141")),
        ("12 rue Carnot 93141 Bondy Cedex", "93141", "Bondy", ("", "93141")),
        ("12 rue Carnot Bondy Cedex", "93141", "Bondy", ("", "93141")),
        ("12 rue Carnot", "93141", "Bondy Cedex 9", ("", "93141")),
        ("12 rue Carnot", "93141 CEDEX", "Bondy", ("", "93141 CEDEX")),
        ("12 rue Carnot 93140 Bondy", "", "Bondy Cedex", ("", "93140")),
    ],
)
def test_which_of_two_codes_is_the_cedex_one(
    text: str, postcode: str, commune: str, codes: tuple[str, str]
) -> None:
    found = read_address(text, postcode=postcode, commune=commune)
    assert (found.postcode, found.cedex_postcode) == codes
    assert found.commune == "Bondy"


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


def test_what_is_left_out_is_said_in_french() -> None:
    found = read_address("12-14 rue Carnot, bât. C, BP 12")
    assert found.remark == "numéro 12 retenu, sans 14 ; non demandé : bât. C, BP 12"
    assert read_address("12 rue Carnot").remark == ""


def test_addresses_that_ask_the_same_are_equal() -> None:
    asked = read_address("12 rue Carnot")
    assert read_address("12-14 rue Carnot, bât. C, BP 12") == asked
    assert len({asked, read_address("12 rue Carnot, BP 12")}) == 1
    assert read_address("14 rue Carnot") != asked


@given(st.text(max_size=80), st.text(max_size=10), st.text(max_size=20))
def test_any_text_can_be_read(text: str, postcode: str, commune: str) -> None:
    found = read_address(text, postcode=postcode, commune=commune)
    assert found == read_address(text, postcode=postcode, commune=commune)
    assert "\n" not in found.line


SHREDS = [
    *(
        "12",
        "12 bis",
        "12 B",
        "12-14",
        "12 à 18",
        "12,",
        "0",
        "n° 12",
        "s/n",
        "rue",
        "av.",
        "place",
    ),
    *("Carnot", "8 mai 1945", "Saint", "-", " - ", ",", "\n", "/", "(", ")", "Bât. C", "Apt 12"),
    *("1er étage", "RDC", "BP 12", "CS 40001", "CEDEX 9", "93140", "75 011", "2A004", "Bondy"),
    *("Paris 11e", "France", "Monaco", "ZI Nord", "LD", "lieu-dit", "c/o M. X", "RN 20", "AB 123"),
    *("parcelle", "48.9028, 2.4827", "01 48 47 00 00", "à", "et", "d'", "Grand'rue", "à définir"),
]


def letters(text: str) -> Counter[str]:
    return Counter(text.replace(" ", ""))


@given(st.lists(st.sampled_from(SHREDS) | st.text(max_size=3), max_size=12), st.sampled_from(" \n"))
def test_no_sign_is_invented(shreds: list[str], separator: str) -> None:
    text = separator.join(shreds)
    found, written = read_address(text), letters(visible_text(text))
    assert letters(found.line) <= written
    assert letters(found.tail) <= written
    assert all(letters(one) <= written for one in found.left_out + found.other_numbers)


BEFORE = ["", "Bât. C ", "Mairie, ", "c/o M. X, ", "1er étage - ", "CS 40001 ", "Rés. du Parc\n"]
NUMBERS = [
    *(("", "", ""), ("12 ", "12", ""), ("0012, ", "12", ""), ("n° 12 ", "12", "")),
    *(("12 bis ", "12", "bis"), ("12bis, ", "12", "bis"), ("12B ", "12", "B")),
    *(("12-14 ", "12", ""), ("12 - 14, ", "12", ""), ("12 bis à 18 ", "12", "bis")),
]
STREETS = [
    *("rue Carnot", "av. de l'Église", "R Victor Hugo", "bd Saint-Michel", "Grande Rue"),
    *("rue du 8 mai 1945", "place du 11 Novembre", "rue de la Tour", "rue des 5 Ormes"),
    *("avenue de la Porte de Choisy", "rue du Bât d'Argent", "rue de Paris", "Grand'Rue"),
    *("chemin de Montreuil à Claye", "rue de la 2e DB", "allée Général de Gaulle", "hent Kozh"),
    *("quai Albert-1er", "rue Louis XIV", "rue Saint - Denis", "impasse du Dr Roux"),
]
AFTER = [
    *("", " Bât. C", ", 3e étage", " porte 12", " BP 12", " (à côté de la mairie)", " RDC"),
    *(" 01 48 47 00 00", " Résidence Les Lilas", ", ZI Nord", " - Immeuble B", " c/o M. X"),
]
PLACES = [
    *("", " 93140 Bondy", ", 93140 BONDY, France", "\n93140 Bondy", " - 93140 Bondy", " (93140)"),
    *(" 93141 Bondy Cedex 9", " F-93140 Bondy", " 93 140 Bondy", ", 93140"),
]


@given(
    st.sampled_from(BEFORE),
    st.sampled_from(NUMBERS),
    st.sampled_from(STREETS),
    st.sampled_from(AFTER),
    st.sampled_from(PLACES),
    st.booleans(),
)
def test_what_is_around_a_street_changes_nothing(
    before: str,
    written: tuple[str, str, str],
    street: str,
    after: str,
    place: str,
    is_upper: bool,  # noqa: FBT001
) -> None:
    number_as_written, number, suffix = written
    texts = [f"{before}{number_as_written}{street}{after}{place}", suffix, street]
    text, suffix, street = [one.upper() for one in texts] if is_upper else texts
    found = read_address(text)
    assert (found.number, found.suffix, found.street) == (number, suffix, street)
    assert found.is_usable
    again = read_address(found.line)
    assert again == Address(number=number, suffix=suffix, street=street)
    assert again.left_out == ()
    assert found.postcode in {"", "93140"}


HOSTILE = [
    *("a", "1", "1 ", "1-", "12 ", "12,", "12\n", "rue ", "12 rue ", "(", "()", "(12 rue du) "),
    *("93140 ", "75 011 a ", "bp 1 ", "bat ", "bat a ", "0", "0 ", "x@", "@", " - ", "/", "12 et "),
    *(
        "12 à 14 ",
        "ab 12 ",
        "ab 12, ",
        "48.902 ",
        "48.902,",
        "01 23 45 67 8 ",
        "&amp;",
        "\n",
        "n° ",
    ),
    *(
        "d'",
        "ld ",
        "zac ",
        "rue a résidence ",
        "paris 1 ",
        "tel ",
        "lat lon ",
        "48° 54' ",
        "é",
        "À ",
    ),
    *("12 r ", "1 b ", "section cadastree ", "à définir ", "cedex ", "12 bis ", " ", "\t", ". "),
    *(
        "http://",
        "www.",
        "chez m. ",
        "2a004 ",
        "de la ",
        "saint - ",
        "s/n ",
        "(rue) ",
        "\ufdfa",
        "m ",
    ),
]


@pytest.mark.parametrize("shred", HOSTILE)
@pytest.mark.parametrize("commune", ["", "Bondy"])
def test_a_hostile_line_costs_no_more_than_its_length(shred: str, commune: str) -> None:
    text = (shred * 500)[:500]
    costs_s = []
    for _ in range(5):
        start_s = time.process_time()
        read_address(text, commune=commune)
        costs_s.append(time.process_time() - start_s)
    assert min(costs_s) < 0.010


def test_a_long_text_is_not_read_to_its_end() -> None:
    start_s = time.process_time()
    found = read_address("12 rue Carnot, " + "x" * 10_000_000)
    assert time.process_time() - start_s < 0.1
    assert found.line == "12 rue Carnot"
