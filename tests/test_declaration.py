import pandas as pd
import pytest
from places import HISTORY, REGISTER, projects

from siting.declaration import Unrecognised, declared_communes, unrecognised_communes
from siting.tables import DECLARED


def declared(**row: object) -> tuple[str, str, str]:
    """Current code, declared code and relation of one row; empty when unresolved."""
    table = declared_communes(projects(row), register=REGISTER, history=HISTORY)
    code, given, relation, _ = table.fillna("").iloc[0]
    return code, given, relation


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        # by code, whatever the name says
        ({"code_insee": "93010"}, ("93010", "93010", "same")),
        ({"code_insee": "93010", "commune": "Pantin"}, ("93010", "93010", "same")),
        ({"code_insee": "93059"}, ("93066", "93059", "same_after_merge")),
        ({"code_insee": "75102"}, ("75056", "75102", "arrondissement")),
        ({"code_insee": "75056"}, ("75056", "75056", "same")),
        ({"code_insee": "97127"}, ("97801", "97127", "same_after_merge")),
        # by name, unique or with its postal code
        ({"commune": "bondy"}, ("93010", "93010", "same")),
        ({"commune": "CHALONS EN CHAMPAGNE"}, ("51108", "51108", "same")),
        ({"commune": "Saint-Denis"}, ("", "", "")),
        ({"commune": "ST DENIS", "code_postal": "93200"}, ("93066", "93066", "same")),
        ({"commune": "Saint-Denis", "code_postal": "97490"}, ("97411", "97411", "same")),
        ({"commune": "SAINT-DENIS CEDEX", "code_postal": "93205"}, ("93066", "93066", "same")),
        ({"commune": "Saint-Denis", "code_postal": "75001"}, ("", "", "")),
        ({"commune": "Ajaccio", "code_postal": "20181"}, ("2A004", "2A004", "same")),
        ({"commune": "Saint-Martin", "code_postal": "97150"}, ("97801", "97801", "same")),
        (
            {"commune": "Pierrefitte-sur-Seine", "code_postal": "93380"},
            ("93066", "93059", "same_after_merge"),
        ),
        ({"commune": "Paris 2e"}, ("75056", "75102", "arrondissement")),
        ({"commune": "PARIS 02"}, ("75056", "75102", "arrondissement")),
        ({"commune": "Paris", "code_postal": "75002"}, ("75056", "75056", "same")),
        # a wrong code, then the name
        ({"code_insee": "99999", "commune": "Bondy"}, ("93010", "93010", "same")),
        # in the text of the address
        ({"address": "12 rue Carnot 93140 Bondy"}, ("93010", "93010", "same")),
        ({"address": "12 rue Carnot, Bondy"}, ("93010", "93010", "same")),
        ({"address": "12 rue Carnot, Paris 3ème"}, ("75056", "75103", "arrondissement")),
        ({"address": "12 rue Carnot, bâtiment B"}, ("", "", "")),
        # never from the postal code alone
        ({"code_postal": "93140"}, ("", "", "")),
        ({"address": "12 rue Carnot", "code_postal": "93140"}, ("", "", "")),
        ({"commune": "Paris 21e"}, ("", "", "")),
        ({"commune": "Nulle-Part"}, ("", "", "")),
        ({}, ("", "", "")),
    ],
)
def test_the_commune_declared(row: dict[str, object], expected: tuple[str, str, str]) -> None:
    assert declared(**row) == expected


def test_the_official_name_comes_with_the_code() -> None:
    table = declared_communes(
        projects({"code_insee": "93059"}, {"commune": "x"}), register=REGISTER, history=HISTORY
    )
    assert table["commune"].fillna("").tolist() == ["Saint-Denis", ""]


def test_order_and_index_are_kept_and_the_input_is_not_changed() -> None:
    rows = projects({"commune": "Reims"}, {}, {"code_insee": "93010"}, {"commune": "Pantin"})
    shuffled = rows.iloc[[2, 0, 3, 1]]
    before = shuffled.copy()
    table = declared_communes(shuffled, register=REGISTER, history=HISTORY)
    assert table.index.tolist() == ["p3", "p1", "p4", "p2"]
    assert table["code_insee"].fillna("").tolist() == ["93010", "51454", "93055", ""]
    pd.testing.assert_frame_equal(shuffled, before)


def test_no_project_gives_an_empty_table() -> None:
    table = declared_communes(projects(), register=REGISTER, history=HISTORY)
    pd.testing.assert_frame_equal(table, DECLARED.empty())


def test_what_is_not_recognised_is_named_once_with_its_sites() -> None:
    rows = projects(
        {"commune": "Pantain", "code_postal": "93500"},
        {"commune": "Pantin"},
        {"commune": "Pantain", "code_postal": "93500"},
        {"address": "12 rue Carnot, bâtiment B"},
        {"code_insee": "99999"},
        {},
    )
    table = declared_communes(rows, register=REGISTER, history=HISTORY)
    assert unrecognised_communes(rows, table, register=REGISTER, history=HISTORY) == [
        Unrecognised("Pantain", ("p1", "p3"), "Vouliez-vous dire : Pantin (93055) ?"),
        Unrecognised("99999", ("p5",), ""),
    ]


def test_the_tail_of_an_address_is_a_commune_by_its_whole_name_only() -> None:
    assert declared(address="12 rue Carnot, Châlons", code_postal="51000") == ("", "", "")
    assert declared(commune="Châlons", code_postal="51000") == ("51108", "51108", "same")
