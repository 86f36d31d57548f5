"""A sector without address: cells, shares and the study of a polygon drawn by the test."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from conftest import at
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.crs import WGS84
from siting.errors import DataError, OptionError
from siting.sector import SECTOR, cell_size_m, sector_cells, sector_scores
from siting.sources.reference import read_communes
from siting.study import (
    StudyOptions,
    sample,
    sector_of_communes,
    sector_of_file,
    study,
    study_files,
    with_sector,
)
from siting.tables import VERDICTS


def square(side_m: float) -> gpd.GeoSeries:
    corners = [at(0, 0), at(side_m, 0), at(side_m, side_m), at(0, side_m)]
    return gpd.GeoSeries([shapely.Polygon(corners)], crs=WGS84)


@pytest.mark.parametrize(
    ("side_m", "cell_m"), [(3_000, 200), (1_500, 100), (600, 50), (300, 25), (20, 25)]
)
def test_a_small_sector_has_small_cells(side_m: float, cell_m: float) -> None:
    """A hundred cells of 200 m are 4 km2, of 100 m 1 km2, of 50 m 0.25 km2."""
    assert cell_size_m(square(side_m)) == cell_m


@settings(deadline=None, max_examples=15)
@given(st.floats(400, 3_000))
def test_cells_tile_the_sector(side_m: float) -> None:
    """As many cells as the area holds, give or take those that the edges cut."""
    sector = square(side_m)
    cells = sector_cells(sector, side_m=100.0)
    assert abs(len(cells) - side_m**2 / 1e4) <= 4 * side_m / 100
    assert cells.within(sector.iloc[0]).all()
    assert cells.index.is_unique


def test_a_place_is_in_the_same_cell_of_two_sectors() -> None:
    whole, part = (sector_cells(square(side), side_m=100.0) for side in (1_000, 500))
    known = {(round(point.x, 9), round(point.y, 9)) for point in whole}
    assert {(round(point.x, 9), round(point.y, 9)) for point in part} <= known


def test_a_sliver_has_one_cell() -> None:
    assert len(sector_cells(square(3), side_m=25.0)) == 1


def test_shares_are_of_the_cells() -> None:
    """Four cells: two are met, at 4 and 8 minutes; one is not, at 20; one reaches nothing."""
    blank = dict.fromkeys(VERDICTS.column_names, "")
    said = ["rempli", "non_rempli", "rempli", "a_verifier"]
    rows = [
        {
            "site_id": f"c{n}",
            "requirement_id": "near",
            **blank,
            "verdict": verdict,
            "kind": "selection",
        }
        for n, verdict in enumerate(said)
    ]
    walked = pd.DataFrame({"near": [8.0, 20.0, 4.0, np.nan]}, index=[f"c{n}" for n in range(4)])
    table = sector_scores(VERDICTS.conform(pd.DataFrame(rows)), walked)
    row = table.loc["near"]
    assert row["n_cells"] == 4
    assert row[["share_rempli", "share_non_rempli", "share_a_verifier"]].tolist() == [
        0.5,
        0.25,
        0.25,
    ]
    assert row["best_min"] == 4.0
    assert row["median_min"] == 14.0  # between 8 and 20: what is not reached is the furthest
    assert pd.isna(row["worst_min"])
    assert row["best_cell"] == "c2"


def test_a_polygon_is_studied_by_its_cells(tmp_path: Path) -> None:
    """Around the casino of Monaco, in the sample."""
    corners = [[7.424, 43.737], [7.430, 43.737], [7.430, 43.741], [7.424, 43.741], [7.424, 43.737]]
    path = tmp_path / "centre.geojson"
    shape = {"type": "Polygon", "coordinates": [corners]}
    feature = {"type": "Feature", "properties": {}, "geometry": shape}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), "utf-8")
    sector = sector_of_file(path)
    found = study(sector.cells, options=StudyOptions(osm=(sample().osm,), call="pvd-fabrique-2021"))
    told = with_sector(found, sector)
    assert told.sector is not None
    assert told.pack is not None
    assert len(told.sector) == len(told.pack.requirements)
    assert str(path) in told.inputs
    assert not told.needs_attention
    assert any("laissées de côté" in note for note in told.notes)
    header = study_files(told)["secteur.csv"].decode("utf-8-sig").splitlines()[0]
    assert header.split(",") == [*SECTOR.index_names, *SECTOR.column_names]


def test_a_commune_is_a_sector() -> None:
    sector = sector_of_communes(["93010"])
    cells = sector.cells.projects.rows
    area_m2 = read_communes(["93"]).loc[["93010"]].to_crs(2154).area.sum()
    assert len(cells) == pytest.approx(area_m2 / sector.side_m**2, rel=0.05)
    assert "Bondy" in sector.cells.projects.notes[0]


def test_what_is_no_sector_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="93140"):
        sector_of_communes(["93140"])
    points = tmp_path / "points.geojson"
    shape = {"type": "Point", "coordinates": [2.0, 48.0]}
    feature = {"type": "Feature", "properties": {}, "geometry": shape}
    points.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), "utf-8")
    with pytest.raises(DataError):
        sector_of_file(points)
    with pytest.raises(DataError, match="Découpez"):
        sector_of_communes(list(read_communes(["51"]).dropna(subset=["geometry"]).index))
