"""How a département is covered: the study of a territory with its inventory, end to end."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
from test_worth import draw

from siting.crs import GEOD
from siting.sources.reference import read_communes
from siting.study import (
    MaillageOptions,
    Nearness,
    ProjectsFile,
    TerritoryStudy,
    add_area,
    territory,
    territory_files,
)

STAINS, BONDY, MONTREUIL = "93072", "93010", "93048"


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One open home in the middle of Stains, one planned in the middle of Montreuil."""
    middles = read_communes(["93"]).geometry.representative_point()
    rows = ["nom;code_insee;statut;lon;lat"]
    for name, code, status in (("A", STAINS, "ouvert"), ("B", MONTREUIL, "en projet")):
        at = middles[code]
        rows.append(f"{name};{code};{status};{at.x:.7f};{at.y:.7f}".replace(".", ","))
    path = tmp_path_factory.mktemp("inventaire") / "inventaire.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def covered(inventory: Path, tmp_path_factory: pytest.TempPathFactory) -> TerritoryStudy:
    """A project in the middle of Bondy; near is 3 km in a straight line."""
    at = read_communes(["93"]).geometry.representative_point()[BONDY]
    projects = tmp_path_factory.mktemp("projets") / "projets.csv"
    projects.write_text(f"id;nom;lon;lat\np1;Projet;{at.x:.7f};{at.y:.7f}\n", encoding="utf-8")
    return territory(
        ["93"],
        inventory_file=inventory,
        projects=ProjectsFile(path=projects),
        options=MaillageOptions(nearness=Nearness(line_km=3.0)),
    )


def straight_km(one: str, other: str) -> float:
    middles = read_communes(["93"]).geometry.representative_point()
    lon, lat = middles.x, middles.y
    _, _, metres = GEOD.inv(lon[one], lat[one], lon[other], lat[other])
    return float(metres) / 1_000


def test_gains_are_counted_by_hand(covered: TerritoryStudy) -> None:
    """People stand in the middle of each commune: those within 3 km of Bondy and not of Stains."""
    assert covered.maillage is not None
    people = covered.communes["population_65"].astype("float64")
    near = [code for code in people.index if straight_km(code, BONDY) <= 3.0]
    gained = [code for code in near if straight_km(code, STAINS) > 3.0]
    after = [code for code in gained if straight_km(code, MONTREUIL) > 3.0]
    row = covered.maillage.gains.loc["p1"]
    assert row["people_65_near"] == pytest.approx(people[near].sum())
    assert row["gain_people_65"] == pytest.approx(people[gained].sum())
    assert row["gain_after_planned"] == pytest.approx(people[after].sum())
    same_place = covered.maillage.gains.loc[f"commune-{BONDY}"]
    assert same_place["gain_people_65"] == pytest.approx(row["gain_people_65"])
    assert same_place["label"] == "Bondy"


def test_every_commune_without_open_home_is_a_candidate_and_ranked(covered: TerritoryStudy) -> None:
    assert covered.maillage is not None
    without = set(covered.communes.index) - {STAINS}
    ids = set(covered.maillage.gains.index) - {"p1"}
    assert ids == {f"commune-{code}" for code in without}
    assert set(covered.maillage.priority.index) == without
    distances = covered.maillage.home_shares["median_line_km"]
    assert distances[BONDY] == pytest.approx(straight_km(BONDY, STAINS), abs=0.01)
    assert covered.coverage["share_within_15min"].isna().all()
    assert any("3 km à vol d'oiseau" in note for note in covered.notes)


def test_one_sheet_answers_each_question(covered: TerritoryStudy) -> None:
    files = territory_files(covered)
    assert {"priorite.csv", "gain.csv", "proximite_habitat.csv"} <= set(files)
    assert "proximite_services.csv" not in files  # needs streets
    gains = pd.read_csv(io.BytesIO(files["gain.csv"]), dtype={"code_insee": "str"})
    assert gains["code_insee"].str.len().eq(5).all()


def test_without_inventory_nothing_is_said_of_distances() -> None:
    assert territory(["93"]).maillage is None


def test_on_an_area_walks_are_measured(
    inventory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Every commune is whole in the drawn map, with one street of 300 m through its middle.

    In Stains everybody lives along that street, at 150 m of the home at most: all are near. Nobody
    else is, for streets do not meet.
    """
    monkeypatch.setenv("SITING_AREAS", str(tmp_path / "zones"))
    communes = read_communes(["93"])
    osm = draw(tmp_path / "93.osm", communes, without=(), lanes="path")
    kept = add_area("dep-93", [osm], overwrite=False, with_ferries=False)
    found = territory(["93"], inventory_file=inventory, options=MaillageOptions(area=kept.folder))
    assert found.maillage is not None
    near = found.coverage["share_within_5min"].astype("float64")
    assert near[STAINS] == 1.0
    assert near.drop(STAINS).sum() == 0.0
    shares = found.maillage.family_shares["share_near"]
    assert shares.loc[(BONDY, "commerces")] == 1.0
    anchoring = found.maillage.priority["anchoring"]
    assert anchoring.notna().all()
