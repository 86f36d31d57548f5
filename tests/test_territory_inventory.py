"""`siting territory` with an inventory: the flags that it moves, the homes that it places."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from fakes.ban import fake_ban
from fakes.control import FakeBan
from runs import DOORS, PLACES, rows_of, siting

from siting.coverage import commune_coverage
from siting.sources.packs import read_pack
from siting.sources.reference import (
    read_commune_history,
    read_commune_register,
    read_communes,
    read_former_communes,
)
from siting.study.inventory import LocatedInventory, located_inventory
from siting.study.locate import listed_communes

STAINS, SAINT_DENIS, OLD_PIERREFITTE = "93072", "93066", "93059"


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeBan]:
    with fake_ban(PLACES, rate_per_s=None) as fake:
        yield fake


def located(tmp_path: Path, text: str, encoding: str = "utf-8") -> LocatedInventory:
    path = tmp_path / "inventaire.csv"
    path.write_bytes(text.encode(encoding))
    return located_inventory(path, departements=["93"], geocoder=None)


def coverage(found: LocatedInventory | None) -> pd.DataFrame:
    listed = listed_communes(
        read_pack("ssd-avp-2025"),
        register=read_commune_register(),
        history=read_commune_history(),
    )
    return commune_coverage(
        read_communes(["93"]), inventory=None if found is None else found.places, listed=listed
    )


def middle_of(code: str) -> str:
    """Return `lon;lat` of a point well inside of a former commune."""
    point = read_former_communes(["93"]).geometry[code].representative_point()
    return f"{point.x:.6f};{point.y:.6f}"


# --- flags


def test_a_home_in_stains_and_one_in_old_pierrefitte_move_exactly_their_flags(
    tmp_path: Path,
) -> None:
    before = coverage(located(tmp_path, "commune;statut\nMontreuil;projet\n"))
    after = coverage(
        located(
            tmp_path,
            "commune;statut;places\nMontreuil;projet;\nStains;ouvert;8\n"
            "Pierrefitte-sur-Seine;ouvert;6\n",
        )
    )
    moved = ["n_inclusive_open", "n_places_open", "is_served", "delegated_served"]
    moved += ["list_difference", "priority_rank"]
    flags = [name for name in before if name != "priority_rank"]
    is_other = before[flags].astype("object").fillna("") != after[flags].astype("object").fillna("")
    assert set(is_other.index[is_other.any(axis=1)]) == {STAINS, SAINT_DENIS}
    assert set(is_other.columns[is_other.any()]) <= set(moved)
    stains, saint_denis = after.loc[STAINS], after.loc[SAINT_DENIS]
    assert before.loc[[STAINS, SAINT_DENIS], "is_served"].tolist() == [False, False]
    assert before.loc[STAINS, "list_difference"] == "agrees"
    assert before.loc[SAINT_DENIS, "list_difference"] == "not_comparable"
    assert (stains["is_served"], stains["n_places_open"]) == (True, 8)
    assert stains["list_difference"] == "listed_but_served"
    assert (saint_denis["is_served"], saint_denis["n_places_open"]) == (True, 6)
    assert saint_denis["delegated_listed"].startswith(OLD_PIERREFITTE)
    assert saint_denis["delegated_served"] == saint_denis["delegated_listed"]
    assert saint_denis["list_difference"] == "listed_but_served"
    assert pd.isna(stains["priority_rank"])
    assert pd.isna(saint_denis["priority_rank"])


def test_each_home_counts_once_and_places_only_when_all_are_known(tmp_path: Path) -> None:
    text = (
        "nom;adresse;commune;statut;places;ensemble;lon;lat\n"
        "A;;Stains;ouvert;8;;;\nB;;Stains;ouvert;;;;\nC;;Stains;projet;4;;;\n"
        "D1;;Bagnolet;ouvert;2;D;;\nD2;;Bagnolet;projet;3;D;;\nD3;;Bagnolet;ouvert;;D;;\n"
        "E;1 rue X;Bondy;ouvert;8;;;\nE;1 rue X;Bondy;ouvert;8;;;\n"
        "F;;Bondy;ouvert;5;;2.480000;48.900000\n"
        "f;;Bondy;ouvert;5;;2.480300;48.900000\n"  # 22 m away
        "F;;Bondy;ouvert;5;;2.481000;48.900000\n"  # 73 m away
        "G;;Saint-Denis;ouvert;6;;;\n"
    )
    found = located(tmp_path, text)
    assert found.places["duplicate_of"].dropna().to_dict() == {
        "ligne-0009": "ligne-0008",
        "ligne-0011": "ligne-0010",
    }
    lines = [int(one[-4:]) for one in found.homes.index]
    assert lines == [2, 3, 4, 5, 8, 10, 12, 13]
    covered = coverage(found)
    counts = ["n_inclusive_open", "n_inclusive_planned", "n_places_open", "n_places_planned"]
    assert covered.loc[STAINS, counts].fillna(-1).tolist() == [2, 1, -1, 4]
    # One home of three addresses, open since one is; its places by the state of each address.
    assert covered.loc["93006", counts].tolist() == [1, 0, 2, 3]
    assert covered.loc["93010", counts].tolist() == [3, 0, 18, 0]
    assert covered.loc["93001", counts].tolist() == [0, 0, 0, 0]
    # A home in the rest of Saint-Denis says nothing of old Pierrefitte.
    assert covered.loc[SAINT_DENIS, "is_served"]
    assert pd.isna(covered.loc[SAINT_DENIS, "delegated_served"])
    assert covered.loc[SAINT_DENIS, "list_difference"] == "not_comparable"


# --- positions


def test_where_homes_stand_and_what_positions_tell(tmp_path: Path) -> None:
    text = (
        "nom;commune;statut;lon;lat\n"
        f"Point;;ouvert;{middle_of(OLD_PIERREFITTE)}\n"
        "Hôpital;Pierrefitte-sur-Seine;ouvert;;\n"
        "À;Stains;fermé;;\n"
        "B;Nulle;?;;\n"
        f"Ailleurs;Stains;ouvert;{middle_of(OLD_PIERREFITTE)}\n"
    )
    found = located(tmp_path, text, encoding="cp1252")
    homes = found.homes
    assert homes.index.tolist() == ["ligne-0002", "ligne-0003", "ligne-0005", "ligne-0006"]
    assert homes["position"].tolist() == ["coordinates", "commune", "none", "commune"]
    assert homes["code_insee"].fillna("").tolist() == [SAINT_DENIS, SAINT_DENIS, "", STAINS]
    # A position alone tells commune and former commune.
    row = found.places.loc["ligne-0002"]
    assert row["former_code_insee"] == OLD_PIERREFITTE
    assert pd.isna(row["issue"])
    # Without address, a home is inside of its commune, and it is said.
    assert read_former_communes(["93"]).geometry[OLD_PIERREFITTE].contains(homes.geometry.iloc[1])
    assert any("au milieu de leur commune : 2 (lignes 3, 6)" in note for note in found.notes)
    # Coordinates in another commune than declared are not used.
    assert read_communes(["93"]).geometry[STAINS].contains(homes.geometry.iloc[3])
    assert found.review.index.tolist() == ["ligne-0006"]
    assert found.unlocated == (5,)


def test_an_inventory_of_communes_asks_nobody(fake: FakeBan, tmp_path: Path) -> None:
    path = tmp_path / "inventaire.csv"
    path.write_text("commune;statut\nStains;ouvert\n", encoding="utf-8")
    n_before = len(fake.asked)
    words = ("territory", "--departement", "93", "--inventory", path, "--geocoder", fake.url)
    assert siting(*words, "--out", tmp_path / "out").code == 0
    assert len(fake.asked) == n_before


def test_addresses_are_placed_and_doubtful_ones_are_not_used(fake: FakeBan, tmp_path: Path) -> None:
    path = tmp_path / "inventaire.csv"
    with path.open("w", encoding="cp1252", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["nom", "adresse", "code postal", "ville", "statut", "groupe", "usage"])
        doors = [DOORS[0], DOORS[9], DOORS[29]]  # 1, 10 and 30 of one street
        for door, use in zip(doors, ("espace commun", "logement", "logement"), strict=True):
            writer.writerow(["", door.full_name, "93140", "Bondy", "ouvert", "Été", use])
        writer.writerow(["Perdu", "12 rue des Inconnus", "93140", "Bondy", "ouvert", "", ""])
    out = tmp_path / "out"
    words = ("territory", "--departement", "93", "--inventory", path, "--geocoder", fake.url)
    said = siting(*words, "--out", out)
    assert said.code == 3, said.err
    assert rows_of(out / "to_review.csv")[0]["site_id"] == "ligne-0005"
    book = openpyxl.load_workbook(out / "territory.xlsx")
    homes = [row[0:7] for row in book["habitats"].iter_rows(min_row=2, values_only=True)]
    assert [(row[0], row[-1]) for row in homes] == [
        ("ligne-0002", "address"),
        ("ligne-0005", "commune"),
    ]
    ((name, n_addresses, longest_m, median_m, longest_line_m, median_line_m, why),) = book[
        "habitat_diffus"
    ].iter_rows(min_row=2, values_only=True)
    # Doors are 0.0001 degree apart, 7.33 m: 9 and 29 of them
    assert (name, n_addresses, longest_m, median_m, why) == ("Été", 2, None, None, "no_streets")
    assert longest_line_m == pytest.approx(29 * 7.33, abs=0.5)
    assert median_line_m == pytest.approx(19 * 7.33, abs=0.5)


def test_ten_thousand_rows_in_seconds(tmp_path: Path) -> None:
    rows = "".join(
        f"Habitat {number};{93005 + number % 3};ouvert;{number % 10}\n" for number in range(10_000)
    )
    started_s = time.process_time()
    found = located(tmp_path, "nom;code insee;statut;places\n" + rows)
    assert time.process_time() - started_s < 20
    assert len(found.homes) == 10_000
    covered = coverage(found)
    assert covered["n_inclusive_open"].sum() == 10_000
    assert covered["n_places_open"].sum() == 10_000 // 10 * sum(range(10))
