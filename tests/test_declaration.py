import pandas as pd
import pytest
from places import HISTORY, REGISTER, projects

from siting.declaration import declared_communes, departement_of
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


@pytest.mark.parametrize(
    ("code", "departement"), [("93010", "93"), ("2A004", "2A"), ("97411", "974"), ("98818", "988")]
)
def test_departements(code: str, departement: str) -> None:
    assert departement_of(code) == departement
