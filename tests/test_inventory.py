from pathlib import Path

import pandas as pd
import pytest

from siting.errors import DataError
from siting.sources.inventory import Inventory, read_inventory
from siting.tables import COMMUNE_HISTORY, COMMUNE_REGISTER, INVENTORY

REGISTER = COMMUNE_REGISTER.conform(
    pd.DataFrame(
        [
            ("93066", "Saint-Denis", "93", "200054781", "93200;93210;93380", 150_000),
            ("93010", "Bondy", "93", "200054781", "93140", 54_000),
            ("93070", "Saint-Ouen-sur-Seine", "93", "200054781", "93400", 52_000),
            ("93039", "L'Île-Saint-Denis", "93", "200054781", "93450", 8_000),
            ("97411", "Saint-Denis", "974", "249740119", "97400;97490", 153_000),
            ("41226", "Saint-Ouen", "41", "200055481", "41100", 3_000),
            ("2A004", "Ajaccio", "2A", "242010056", "20000;20090", 73_000),
            ("75056", "Paris", "75", "200054781", "75001;75011", 2_100_000),
        ],
        columns=["code_insee", "nom", "code_dep", "code_epci", "codes_postaux", "population"],
    )
)
HISTORY = COMMUNE_HISTORY.conform(
    pd.DataFrame(
        [
            ("93059", "93066", "Pierrefitte-sur-Seine", "deleguee"),
            ("75111", "75056", "Paris 11e Arrondissement", "arrondissement"),
            ("93999", "93066", None, "ancien"),
        ],
        columns=["code_insee_old", "code_insee", "nom", "kind"],
    )
)


def read(tmp_path: Path, text: str, *departements: str) -> Inventory:
    path = tmp_path / "inventaire.csv"
    path.write_bytes(text.encode())
    return read_inventory(
        path, register=REGISTER, history=HISTORY, this_year=2026, departements=departements
    )


@pytest.mark.parametrize(
    ("row", "code", "former"),
    [
        (";93010;", "93010", ""),
        (";93059;", "93066", "93059"),
        (";93999;", "93066", "93999"),
        (";75111;", "75056", "75111"),
        ("SAINT DENIS;93066;", "93066", ""),
        ("Pierrefitte sur Seine;93066;", "93066", "93059"),
        ("St-Ouen;93070;", "93070", ""),
        ("St Denis;;93200", "93066", ""),
        ("St Denis;;97400", "97411", ""),
        ("St Denis;;93299", "93066", ""),
        ("PIERREFITTE-SUR-SEINE;;93380", "93066", "93059"),
        ("L’ile st denis;;", "93039", ""),
        ("Ajaccio;;20700", "2A004", ""),
        ("Bondy;;", "93010", ""),
        ("Saint-Ouen;;93400", "93070", ""),
        ("Ile Saint Denis;;93450", "93039", ""),
        ("St Ouen s/ Seine;;93400", "93070", ""),
        ("Paris 11;;75011", "75056", "75111"),
    ],
)
def test_commune_is_found(tmp_path: Path, row: str, code: str, former: str) -> None:
    place = read(tmp_path, f"commune;code insee;cp;statut\n{row};ouvert\n").places.iloc[0]
    assert place["code_insee"] == code
    assert ("" if pd.isna(place["former_code_insee"]) else place["former_code_insee"]) == former
    assert pd.isna(place["issue"])


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("St Denis;;", "Plusieurs communes"),
        ("Bondi;;93140", "inconnue dans le département 93"),
        ("Bondy;;97400", "inconnue dans le département 974"),
        (";;93140", "Ni commune ni code"),
        ("Bondy;93066;", "n'est pas celui"),
        ("Saint-Denis;93039;", "n'est pas celui"),
        ("Bondy;2A004;", "n'est pas celui"),
        ("Bondy;01001;", "« 01001 » inconnu"),
        ("Bondy;N/C;", "« N/C » inconnu"),
    ],
)
def test_commune_not_found_is_kept_with_its_issue(tmp_path: Path, row: str, words: str) -> None:
    inventory = read(tmp_path, f"commune;code insee;cp;statut\n{row};ouvert\n")
    place = inventory.places.iloc[0]
    assert pd.isna(place["code_insee"])
    assert words in place["issue"]
    assert place["status"] == "open"
    assert any("ligne 2" in note for note in inventory.notes)


@pytest.mark.parametrize(
    ("statut", "status"),
    [
        *((word, "open") for word in ("ouvert", "OUVERTE", "ouverts", "En service", "Actif")),
        *((word, "planned") for word in ("Conventionnée", "projet", "En cours", "programmés")),
        *((word, "planned") for word in ("ouverture 2027", "prévue 2026", "livraison 2026")),
        *((word, "planned") for word in ("Ouverture prévue", "livraison prévue fin 2027")),
        *((word, "open") for word in ("ouvert depuis 2019", "ouverte en mars 2021")),
        *((word, "unknown") for word in ("fermeture prévue", "ouvert en 2027", "arrêté du 3 mai")),
        *((word, "planned") for word in ("prévue", "en construction", "En projet")),
        *(
            (word, "unknown")
            for word in ("", "?", "ouvert un jour", "non ouvert", "ouverture 2019")
        ),
    ],
)
def test_status(tmp_path: Path, statut: str, status: str) -> None:
    place = read(tmp_path, f"code_insee;statut\n93010;{statut}\n").places.iloc[0]
    assert place["status"] == status
    assert pd.isna(place["issue"]) == (status != "unknown")
    assert place["code_insee"] == "93010"


def test_departement_column_and_option_tell_homonyms_apart(tmp_path: Path) -> None:
    column = read(tmp_path, "commune;departement;statut\nSt Denis;974 - La Réunion;ouvert\n")
    option = read(tmp_path, "commune;statut\nSt Denis;ouvert\n", "93")
    assert column.places["code_insee"].tolist() == ["97411"]
    assert option.places["code_insee"].tolist() == ["93066"]


def test_name_alone_is_said(tmp_path: Path) -> None:
    inventory = read(tmp_path, "commune;statut\nSaint-Ouen;ouvert\n")
    assert inventory.places["code_insee"].tolist() == ["41226"]
    assert any("seul nom" in note for note in inventory.notes)
    asked = read(tmp_path, "commune;statut\nSaint-Ouen;ouvert\n", "93")
    assert asked.places["code_insee"].tolist() == ["93070"]
    assert any("seul nom" in note for note in asked.notes)


def test_rows_keep_their_order_and_duplicates(tmp_path: Path) -> None:
    text = "nom;statut;code_insee\nA;ouvert;93010\nA;ouvert;93010\n\nB;;9301\n"
    places = read(tmp_path, text).places
    assert list(places.index) == ["ligne-0002", "ligne-0003", "ligne-0005"]
    assert places["label"].tolist() == ["A", "A", "B"]
    pd.testing.assert_frame_equal(INVENTORY.conform(places), places)


def test_inputs_are_unchanged(tmp_path: Path) -> None:
    register, history = REGISTER.copy(), HISTORY.copy()
    read(tmp_path, "commune;statut\nBondy;ouvert\n")
    pd.testing.assert_frame_equal(register, REGISTER)
    pd.testing.assert_frame_equal(history, HISTORY)


@pytest.mark.parametrize("header", ["nom;commune", "nom;statut", "a;b"])
def test_missing_column_is_refused_in_french(tmp_path: Path, header: str) -> None:
    with pytest.raises(DataError, match="« statut »"):
        read(tmp_path, f"{header}\nx;y\n")


def test_empty_register_locates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "inventaire.csv"
    path.write_text("commune;statut\nBondy;ouvert\n", encoding="utf-8")
    inventory = read_inventory(
        path, register=COMMUNE_REGISTER.empty(), history=COMMUNE_HISTORY.empty(), this_year=2026
    )
    assert inventory.places["code_insee"].isna().all()
    assert inventory.places["issue"].notna().all()


@pytest.mark.parametrize("statut", ["fermé", "Fermée", "Fermeture", "arrêté", "fermé en 2024"])
def test_a_closed_place_is_kept_and_is_in_no_commune(tmp_path: Path, statut: str) -> None:
    inventory = read(tmp_path, f"commune;statut\nBondy;{statut}\nNulle-Part;{statut}\n", "93")
    assert inventory.places["code_insee"].isna().all()
    assert inventory.places["issue"].tolist() == [
        "Fermé : non compté (Bondy 93010).",
        "Fermé : non compté (Nulle-Part).",
    ]
    assert inventory.unlocated == ()


def test_open_or_unknown_places_without_commune_are_unlocated(tmp_path: Path) -> None:
    rows = "Bondi;;ouvert\nBondi;;?\nBondi;;en projet\nBondi;97400;ouvert\nBondy;;ouvert\n"
    inventory = read(tmp_path, f"commune;cp;statut\n{rows}", "93")
    assert inventory.unlocated == (2, 3)
    assert "Vouliez-vous dire : Bondy (93010) ?" in inventory.places["issue"].iloc[0]
