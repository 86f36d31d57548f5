"""Columns of an inventory beside the commune: places, opening, public, ensembles, duplicates."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from test_inventory import HISTORY, REGISTER, read

from siting.sources.inventory import read_inventory
from siting.sources.inventory_cells import common_room_cell, opening_cell, places_cell
from siting.sources.inventory_columns import project_ensembles
from siting.sources.inventory_status import status_at_opening


@pytest.mark.parametrize(
    ("cell", "n_places"),
    [
        *(("8", 8), ("8 places", 8), ("8.0", 8), ("6 pers.", 6), ("10 personnes", 10), ("0", 0)),
        *(("", None), ("6 à 8", None), ("-3", None), ("8,5", None), ("8 logements", None)),
    ],
)
def test_places(cell: str, n_places: int | None) -> None:
    assert places_cell(cell) == n_places


@pytest.mark.parametrize(
    ("cell", "opened_on"),
    [
        *(("2021-03-05", "2021-03-05"), ("2021-03-05 00:00:00", "2021-03-05"), ("2021", "2021")),
        *(("05/03/2021", "2021-03-05"), ("5.3.2021", "2021-03-05"), ("05/03/21", "2021-03-05")),
        *(("1er mars 2021", "2021-03-01"), ("5 Août 2021", "2021-08-05"), ("mars 2021", "2021-03")),
        *(
            ("03/2021", "2021-03"),
            ("2021-03", "2021-03"),
            ("fin 2026", "2026"),
            ("T2 2026", "2026"),
        ),
        *(("31/02/2021", None), ("", None), ("bientôt", None), ("2025-2026", None), ("3/21", None)),
    ],
)
def test_openings(cell: str, opened_on: str | None) -> None:
    assert opening_cell(cell) == opened_on


@pytest.mark.parametrize(
    ("cell", "is_room"),
    [
        *(("espace commun", True), ("Salle commune", True), ("Commun", True), ("oui", True)),
        *(("espace de vie partagé", True), ("X", True), ("logement", False), ("T2", False)),
        *(("logement partagé", False), ("", False), ("non", False), ("bureau", None)),
    ],
)
def test_common_rooms(cell: str, *, is_room: bool | None) -> None:
    assert common_room_cell(cell) is is_room


@pytest.mark.parametrize(
    ("statut", "opened_on", "status"),
    [
        *(("conventionné", "", "planned"), ("conventionné", "2027", "planned")),
        *(("conventionné", "2026-03", "planned"), ("conventionné", "2022-09-01", "open")),
        *(("conventionné et ouvert", "", "open"), ("Ouvert, conventionné", "", "open")),
        *(("conventionné (en projet)", "", "planned"), ("non conventionné", "", "unknown")),
        *(("projet", "2027", "planned"), ("projet", "2022", "unknown")),
        *(("ouvert", "2022", "open"), ("ouvert", "2028-01", "unknown"), ("?", "2022", "unknown")),
    ],
)
def test_a_day_of_opening_settles_or_contradicts_a_state(
    statut: str, opened_on: str, status: str
) -> None:
    found, issue = status_at_opening(statut, opened_on, is_announced=False, this_year=2026)
    assert found == status
    assert bool(issue) == (status == "unknown")


def test_an_announced_day_that_is_over_settles_nothing(tmp_path: Path) -> None:
    rows = "statut;code insee;{}\nconventionné;93010;2022\n"
    announced = read(tmp_path, rows.format("Date d'ouverture prévue")).places.iloc[0]
    assert announced["status"] == "unknown"
    assert "ouverture en 2022" in announced["issue"]
    past = read(tmp_path, rows.format("Date d'ouverture"))
    assert past.places["status"].tolist() == ["open"]
    assert any("conventionnés comptés comme ouverts" in note for note in past.notes)


def test_all_columns_of_a_file_of_a_spreadsheet_from_windows(tmp_path: Path) -> None:
    path = tmp_path / "inventaire.csv"
    text = (
        "Nom de l'opération;État d'avancement;Commune;Code INSEE;Capacité d'accueil;"
        "Date de mise en service;Public accueilli;Groupe;Usage\r\n"
        "Les Tilleuls;Ouvert;Bondy;93010;8 places;05/03/2021;personnes âgées;;\r\n"
        "Le Chêne;En projet;Bondy;93010;six;bientôt;;Chêne;bureau\r\n"
    )
    path.write_bytes(text.encode("cp1252"))
    found = read_inventory(path, register=REGISTER, history=HISTORY, this_year=2026)
    first, second = found.places.to_dict("records")
    assert (first["label"], first["status"], first["n_places"]) == ("Les Tilleuls", "open", 8)
    assert (first["opened_on"], first["public"]) == ("2021-03-05", "personnes âgées")
    assert pd.isna(first["ensemble"])
    assert pd.isna(first["is_common_room"])
    assert second["ensemble"] == "Chêne"
    assert pd.isna(second["n_places"])
    unread = [note for note in found.notes if "ligne 3" in note]
    assert len(unread) == 3
    assert [note.partition(" illisible")[0] for note in unread][:2] == [
        "Nombre de places",
        "Date d'ouverture",
    ]


def test_the_address_tells_the_commune_when_no_column_does(tmp_path: Path) -> None:
    text = (
        "adresse;statut\n"
        "12 rue Carnot 93140 Bondy;ouvert\n"
        "3 rue de Paris 93380 Pierrefitte-sur-Seine;ouvert\n"
        "12 rue Carnot;ouvert\n"
    )
    found = read(tmp_path, text)
    assert found.places["code_insee"].fillna("").tolist() == ["93010", "93066", ""]
    assert found.places["former_code_insee"].fillna("").tolist() == ["", "93059", ""]
    assert found.is_unsaid.tolist() == [False, False, True]
    assert found.unlocated == (4,)
    assert found.projects.rows["code_insee"].fillna("").tolist() == ["93010", "93059", ""]


DUPLICATES = """nom;adresse;code insee;statut;places;ensemble
Les Tilleuls;12 av. Foch;93010;ouvert;8;
LES TILLEULS;12, avenue Foch;93010;Ouverte;8;
Les Tilleuls;12 avenue Foch;93010;projet;4;
Les Tilleuls;14 avenue Foch;93010;ouvert;8;
Les Tilleuls;12 avenue Foch;93066;ouvert;8;
;;93010;ouvert;8;
;;93010;ouvert;8;
;1 rue X;93010;ouvert;8;
;1 rue X;93010;ouvert;8;
;1 rue X;93010;ouvert;9;
Diffus;2 rue Y;93010;ouvert;1;D
Diffus;2 rue Y;93010;ouvert;1;D
Fermé;9 rue Z;93010;fermé;1;
Fermé;9 rue Z;93010;fermé;1;
"""


def test_the_same_home_listed_twice_is_kept_and_not_counted(tmp_path: Path) -> None:
    """Same name, address, commune and state; without name, all that is said; never unsaid rows."""
    places = read(tmp_path, DUPLICATES).places
    twins = places["duplicate_of"].dropna()
    assert twins.to_dict() == {"ligne-0003": "ligne-0002", "ligne-0010": "ligne-0009"}
    assert places.loc["ligne-0003", "issue"] == "Même habitat que la ligne 2 : compté une fois."
    assert places["issue"].notna().sum() == 2 + 2  # the closed ones too


def test_projects_of_one_home_need_both_columns() -> None:
    own = pd.DataFrame(
        {"Groupe": ["A", "A", None], "Usage": ["logement", "espace commun", "logement"]},
        index=pd.Index(["p1", "p2", "p3"], name="site_id"),
    )
    found = project_ensembles(own)
    assert found.index.tolist() == ["p1", "p2"]
    assert found["ensemble"].tolist() == ["A", "A"]
    assert found["is_common_room"].tolist() == [False, True]
    assert project_ensembles(own[["Groupe"]]).empty
