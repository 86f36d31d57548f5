"""A sector without address: the cells of a polygon, and what their studies say of the whole."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.crs import WGS84, metric_crs, require_crs
from siting.tables import Column, Table, Verdict

# Cells are those of INSEE's grid, 200 m, and finer in a small sector, so that there are some.
CELL_M = 200.0
_CELLS_M = (200.0, 100.0, 50.0, 25.0)
_ENOUGH = 100  # cells, from which a coarser grid will do
MOST_CELLS = 20_000

SECTOR = Table(
    "SECTOR",
    (Column("requirement_id", "text", "requirement of the call"),),
    (
        Column("n_cells", "integer", "cells where the requirement was judged"),
        *(
            Column(f"share_{verdict.value}", "number", "cells with that verdict", "0-1")
            for verdict in Verdict
        ),
        Column("best_min", "number", "nearest service of the family, best cell", "min"),
        Column("median_min", "number", "same, median cell; empty when it is not reached", "min"),
        Column("worst_min", "number", "same, worst cell; empty when one is not reached", "min"),
        Column("best_cell", "text", "a cell with the best verdict, then the shortest walk"),
    ),
)


def cell_size_m(sector: gpd.GeoSeries) -> float:
    """Return the side of the cells of a sector: the coarsest that gives `_ENOUGH`, else 25 m."""
    area_m2 = float(sector.to_crs(metric_crs(_bounds(sector))).area.sum())
    return next((side for side in _CELLS_M if area_m2 >= _ENOUGH * side**2), _CELLS_M[-1])


def sector_cells(sector: gpd.GeoSeries, *, side_m: float) -> gpd.GeoSeries:
    """
    Return the middles of the square cells of a sector, from north to south and west to east.

    Cells are aligned on multiples of `side_m` in the metric CRS of the territory, so that the
    same place has the same cell in two sectors. A sector too thin to hold the middle of a cell has
    one at its representative point.

    Parameters
    ----------
    sector
        Polygons in WGS84.
    side_m
        Side of the cells, in metres.

    Returns
    -------
    cells
        Points in WGS84, by `site_id`: ``cellule-0001``...

    Raises
    ------
    CrsError
        The sector is not in WGS84, or spans more than one territory.
    """
    require_crs(sector, "sector")
    crs = metric_crs(_bounds(sector))
    shape = shapely.make_valid(sector.to_crs(crs).union_all())
    west, south, east, north = shape.bounds
    x = (np.arange(math.floor(west / side_m), math.ceil(east / side_m)) + 0.5) * side_m
    y = (np.arange(math.floor(south / side_m), math.ceil(north / side_m)) + 0.5) * side_m
    column, row = np.meshgrid(x, y[::-1])
    is_in = shapely.contains_xy(shape, column.ravel(), row.ravel())
    middles = shapely.points(column.ravel()[is_in], row.ravel()[is_in])
    if not len(middles):
        middles = np.array([shape.representative_point()])
    width = max(4, len(str(len(middles))))
    ids = [f"cellule-{number:0{width}d}" for number in range(1, len(middles) + 1)]
    index = pd.Index(ids, name="site_id")
    return gpd.GeoSeries(middles, index=index, crs=crs).to_crs(WGS84)


def sector_scores(verdicts: pd.DataFrame, walk_min: pd.DataFrame) -> pd.DataFrame:
    """
    Sum verdicts of cells up, requirement by requirement.

    Every cell counts alike: nothing is known of who lives where in it.

    Parameters
    ----------
    verdicts
        Table VERDICTS of the cells.
    walk_min
        Minutes to the nearest service, by cell (rows) and requirement on a family (columns); NaN
        where none is reached.

    Returns
    -------
    scores
        Table SECTOR, in the order of the requirements.
    """
    rows = []
    for requirement, held in verdicts.groupby(level="requirement_id", sort=False):
        said = held.droplevel("requirement_id")["verdict"]
        shares = said.value_counts(normalize=True)
        walked = walk_min[requirement] if requirement in walk_min else pd.Series(dtype="float64")
        reached = walked.reindex(said.index)
        rows.append(
            {
                "requirement_id": requirement,
                "n_cells": len(said),
                **{f"share_{one.value}": float(shares.get(one.value, 0.0)) for one in Verdict},
                "best_min": reached.min(),
                "median_min": _middle(reached),
                "worst_min": reached.max() if reached.notna().all() else np.nan,
                "best_cell": _best(said, reached),
            }
        )
    columns = [*SECTOR.index_names, *SECTOR.column_names]
    return SECTOR.conform(pd.DataFrame(rows, columns=columns))


def _middle(minutes: pd.Series) -> float:
    """Return the median, the cells from where nothing is reached being the furthest."""
    if minutes.isna().all():
        return float("nan")
    median = float(np.median(minutes.fillna(np.inf)))
    return median if np.isfinite(median) else float("nan")


def _best(said: pd.Series, minutes: pd.Series) -> str:
    order = {Verdict.REMPLI.value: 0, Verdict.A_VERIFIER.value: 1, Verdict.NON_REMPLI.value: 2}
    ranked = pd.DataFrame({"verdict": said.map(order).fillna(3), "minutes": minutes})
    return str(ranked.sort_values(["verdict", "minutes"], kind="stable").index[0])


def _bounds(sector: gpd.GeoSeries) -> tuple[float, float, float, float]:
    west, south, east, north = (float(side) for side in sector.total_bounds)
    return west, south, east, north
