"""Homes of several addresses: where they stand, how far their common room is, on the village."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from conftest import points
from test_study import BONDY, draw_village, placed

from siting.access import AccessRule
from siting.errors import CrsError
from siting.homes import DIFFUS, HOMES, diffus, homes
from siting.network import WalkNetwork
from siting.study import ProjectsFile, StudyOptions, study
from siting.study.inventory_files import diffus_sheets
from siting.tables import INVENTORY
from siting.twins import address_key, earliest, earliest_within
from siting.walkers import WalkProfile

# One minute is 100 m.
RULE = AccessRule(
    profile=WalkProfile(walker="runner", label="coureur", speed_kmh=6.0, reference="test"),
    cutoff_min=20.0,
)
Place = tuple[float, float] | None


def addresses(rows: dict[str, tuple[str, bool | None, Place]]) -> gpd.GeoDataFrame:
    layer = points({name: place for name, (_, _, place) in rows.items()}, "inventory_id")
    return layer.assign(
        ensemble=[ensemble for ensemble, _, _ in rows.values()],
        is_common_room=pd.array([is_room for _, is_room, _ in rows.values()], dtype="boolean"),
    )


def places(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    blank = dict.fromkeys(INVENTORY.column_names) | {"status": "open"}
    table = pd.DataFrame([blank | row for row in rows])
    table["inventory_id"] = [f"ligne-{2 + at:04d}" for at in range(len(rows))]
    return INVENTORY.conform(table)


def standing(table: pd.DataFrame, spots: Sequence[Place], position: str = "address") -> object:
    layer = points(dict(zip(table.index, spots, strict=True)), "inventory_id")
    layer["position"] = [position if spot else "none" for spot in spots]
    return layer


# --- walks to the common room


DIFFUSE = {
    "salle": ("A", True, (0.0, 0.0)),
    "un": ("A", False, (300.0, 0.0)),  # 3 blocks
    "deux": ("A", None, (200.0, 200.0)),  # 2 blocks and 2 blocks
    "trois": ("A", False, (0.0, 40.0)),  # 40 m
    "autre": ("B", False, (100.0, 0.0)),  # alone of its ensemble
}


def test_longest_and_median_walk_by_streets_and_line(village: WalkNetwork) -> None:
    found = diffus(addresses(DIFFUSE), network=village, rule=RULE)
    assert found.index.tolist() == ["A"]
    row = found.loc["A"]
    assert row["walk_status"] == "measured"
    assert row["n_addresses"] == 3
    assert row["longest_walk_m"] == pytest.approx(400, abs=1)
    assert row["median_walk_m"] == pytest.approx(300, abs=1)  # of 300, 400, 40
    assert row["longest_line_m"] == pytest.approx(300, abs=0.5)
    assert row["median_line_m"] == pytest.approx(np.hypot(200, 200), abs=0.5)  # 40, 283, 300


def test_without_streets_lines_alone_are_measured() -> None:
    row = diffus(addresses(DIFFUSE), network=None, rule=RULE).loc["A"]
    assert row["walk_status"] == "no_streets"
    assert np.isnan(row["longest_walk_m"])
    assert row["longest_line_m"] == pytest.approx(300, abs=0.5)


def test_each_home_walks_to_its_own_nearest_common_room(village: WalkNetwork) -> None:
    rows = {
        **DIFFUSE,
        "salle 2": ("A", True, (400.0, 0.0)),  # 1 block from `un`
        "B salle": ("B", True, (100.0, 100.0)),  # 1 block from `autre`, and nearer to `un`
    }
    found = diffus(addresses(rows), network=village, rule=RULE)
    assert found.loc["A", "longest_walk_m"] == pytest.approx(400, abs=1)
    assert found.loc["A", "median_walk_m"] == pytest.approx(100, abs=1)  # of 100, 400, 40
    assert found.loc["B", "longest_walk_m"] == pytest.approx(100, abs=1)


def test_more_homes_than_a_batch(village: WalkNetwork) -> None:
    rows: dict[str, tuple[str, bool | None, Place]] = {}
    for number in range(120):
        rows[f"s{number}"] = (f"E{number}", True, (0.0, 0.0))
        rows[f"l{number}"] = (f"E{number}", False, (100.0 * (number % 5), 0.0))
    found = diffus(addresses(rows), network=village, rule=RULE)
    assert found["longest_walk_m"].to_numpy() == pytest.approx([0, 100, 200, 300, 400] * 24, abs=1)


@pytest.mark.parametrize(
    ("rows", "status", "has_lines"),
    [
        ({"a": ("A", False, (0, 0)), "b": ("A", None, (0, 100))}, "no_common_room", False),
        ({"a": ("A", True, (0, 0)), "b": ("A", True, (0, 100))}, "no_dwelling", False),
        ({"a": ("A", True, (0, 0)), "b": ("A", False, None)}, "unplaced_address", False),
        ({"a": ("A", True, None), "b": ("A", False, (0, 0))}, "unplaced_address", False),
        ({"a": ("A", True, (0, 0)), "b": ("A", False, (0, 1500))}, "address_off_network", True),
        ({"a": ("A", True, (0, 0)), "b": ("A", False, (50, 705))}, "no_walk", True),
    ],
)
def test_no_figure_without_all_the_addresses_and_the_reason(
    village: WalkNetwork,
    rows: dict[str, tuple[str, bool | None, Place]],
    status: str,
    *,
    has_lines: bool,
) -> None:
    row = diffus(addresses(rows), network=village, rule=RULE).loc["A"]
    assert row["walk_status"] == status
    assert np.isnan(row["longest_walk_m"])
    assert np.isnan(row["median_walk_m"])
    assert np.isfinite(row["longest_line_m"]) == has_lines


def test_a_walk_longer_than_the_longest_searched_says_so(village: WalkNetwork) -> None:
    rows = {"a": ("A", True, (0.0, 0.0)), "b": ("A", False, (400.0, 400.0))}
    short = AccessRule(profile=RULE.profile, cutoff_min=7.0)
    row = diffus(addresses(rows), network=village, rule=short).loc["A"]
    assert row["walk_status"] == "walk_too_long"


def test_no_home_of_several_addresses_is_an_empty_table(village: WalkNetwork) -> None:
    found = diffus(addresses({"a": ("A", True, (0, 0))}), network=village, rule=RULE)
    pd.testing.assert_frame_equal(found, DIFFUS.empty())
    with pytest.raises(CrsError):
        diffus(addresses(DIFFUSE).set_crs(None, allow_override=True), network=None, rule=RULE)


# --- one row a home


def test_a_home_of_several_addresses_is_one_at_its_common_room() -> None:
    table = places(
        [
            {"label": "Seul", "code_insee": "93010", "n_places": 6},
            {"ensemble": "A", "code_insee": "93010", "n_places": 2, "status": "planned"},
            {"ensemble": "A", "code_insee": "93010", "is_common_room": True},
            {"ensemble": "A", "code_insee": "93010", "n_places": 3},
        ]
    )
    spots: list[Place] = [(0, 0), (0, 100), (0, 200), (0, 300)]
    found = homes(table, standing(table, spots))
    assert found.index.tolist() == ["ligne-0002", "ligne-0003"]
    assert found["n_places"].tolist() == [6, 5]
    assert found["status"].tolist() == ["open", "open"]
    assert found["label"].tolist() == ["Seul", "A"]
    assert found.geometry.iloc[1] == points({"x": (0, 200)}, "i").geometry.iloc[0]
    pd.testing.assert_frame_equal(HOMES.conform(found), found)


def test_without_a_sure_common_room_it_stands_at_the_address_in_the_middle() -> None:
    table = places([{"ensemble": "A", "is_common_room": at == 3} for at in range(4)])
    spots: list[Place] = [(0, 0), (0, 100), (0, 400), None]
    found = homes(table, standing(table, spots))
    # distances in all: 500, 400, 700
    assert found.geometry.iloc[0] == points({"x": (0, 100)}, "i").geometry.iloc[0]
    lost = homes(table, standing(table, [None] * 4))
    assert lost["position"].tolist() == ["none"]
    assert lost.geometry.isna().all()
    assert lost["n_places"].isna().all()


def test_no_place_is_no_home() -> None:
    table = INVENTORY.empty()
    found = homes(table, standing(table, []))
    assert found.columns.tolist() == [*HOMES.column_names, "geometry"]
    assert len(found) == 0


# --- the same home twice


def test_the_earliest_of_a_key() -> None:
    keys = pd.Series(["x", None, "y", "x", "x", None], index=list("abcdef"))
    assert earliest(keys).fillna("").tolist() == ["", "", "", "a", "a", ""]


def test_the_earliest_within_30_m_is_never_a_twin_itself() -> None:
    spots: dict[str, Place] = {"a": (0, 0), "b": (0, 25), "c": (0, 50), "d": (0, 79), "e": None}
    layer = points(spots, "i").geometry
    same = pd.Series("x", index=layer.index)
    # c is 25 m from b, which is a's twin, and 50 m from a; d is 29 m from c
    assert earliest_within(same, layer).fillna("").tolist() == ["", "a", "", "c", ""]
    other = pd.Series(["x", "y", "x", None, "x"], index=layer.index)
    assert earliest_within(other, layer).isna().all()


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("12 av. Foch", "12, avenue Foch", True),
        ("12 bis rue Carnot", "12B rue Carnot", True),
        ("12 rue Carnot", "14 rue Carnot", False),
        ("12 rue Carnot 93140 Bondy", "12 RUE CARNOT", True),
    ],
)
def test_spellings_of_an_address(one: str, other: str, *, is_same: bool) -> None:
    keys = [address_key(text, postcode="93140", commune="Bondy") for text in (one, other)]
    assert (keys[0] == keys[1]) == is_same


# --- projects of several addresses


def test_a_project_file_with_a_common_room_has_a_sheet_of_walks(tmp_path: Path) -> None:
    """In the village: the common room at a corner, dwellings 2 blocks and 1 block and a half."""
    doors = {"salle": (0.0, 0.0), "nord": (0.0, 200.0), "rue": (50.0, 100.0), "seul": (0.0, 300.0)}
    uses = {"salle": "Espace commun", "nord": "logement", "rue": "logement", "seul": "logement"}
    rows = ["id,lon,lat,Groupe,Usage"]
    for name, (x, y) in doors.items():
        lon, lat = placed(BONDY, x, y)
        rows.append(f"{name},{lon},{lat},{'' if name == 'seul' else 'Les Lilas'},{uses[name]}")
    path = tmp_path / "projets.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    result = study(
        ProjectsFile(path=path),
        options=StudyOptions(osm=(draw_village(tmp_path / "village.osm", BONDY),)),
    )
    row = result.diffus.loc["Les Lilas"]
    assert (row["n_addresses"], row["walk_status"]) == (2, "measured")
    assert row["longest_walk_m"] == pytest.approx(200, abs=0.2)
    assert row["median_walk_m"] == pytest.approx(175, abs=0.2)  # of 200 and 150
    assert [sheet.title for sheet in diffus_sheets(result.diffus)] == ["habitat_diffus"]
    assert diffus_sheets(result.diffus.iloc[:0]) == []
