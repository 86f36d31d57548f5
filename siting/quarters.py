"""Priority quarters of the *politique de la ville* (QPV): which one holds a site, or is near."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely

from siting.borders import gaps_m, holding, nearest_other
from siting.crs import IntArray

SEARCHED_M = 2_000.0  # beyond, a quarter is only said to be far
_WHOLE_SHARE = 0.8  # of a commune, from which an outline is the commune's, not the quarter's


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarter:
    """
    The quarter that holds a site, else the nearest one.

    `edge_m` is how far its edge is, in metres, from inside as from outside; NaN, without name,
    when no quarter lies within `SEARCHED_M`. `is_commune` tells that the layer draws a whole
    commune instead of it: the quarter is somewhere inside.
    """

    code: str
    nom: str
    is_inside: bool
    edge_m: float
    is_commune: bool

    @property
    def name(self) -> str:
        """Name and code of the quarter."""
        codes = self.code.replace(";", ", ")
        return f"{self.nom} ({codes})" if self.nom else codes


def quarters_near(
    sites: gpd.GeoDataFrame, quarters: gpd.GeoDataFrame, communes: gpd.GeoDataFrame
) -> Mapping[str, Quarter]:
    """
    Find, for each located site, the quarter that holds it or the nearest one.

    Parameters
    ----------
    sites
        Table `SITES`.
    quarters
        Table `QPV` (`territory_layers`).
    communes
        Table `COMMUNES` around the sites, by which a layer of communes is told from one of
        quarters.

    Returns
    -------
    found
        By `site_id`.
    """
    located = sites[~(sites.geometry.isna() | sites.geometry.is_empty)]
    if located.empty:
        return {}
    points = located.geometry
    own = holding(points, quarters)
    nearest, nearest_m = nearest_other(
        points, quarters, np.full(len(points), -1), within_m=SEARCHED_M
    )
    is_inside = own >= 0
    at = np.where(is_inside, own, nearest)
    edge_m = nearest_m.copy()
    if is_inside.any():
        edges = quarters.geometry.iloc[own[is_inside]].boundary
        edge_m[is_inside] = gaps_m(points[is_inside], edges)
    coarse = _drawn_as_communes(quarters, np.unique(at[at >= 0]), communes)
    codes, names = quarters.index.astype("str"), quarters["nom"].fillna("")
    return {
        str(site_id): Quarter(
            code=codes[row] if row >= 0 else "",
            nom=str(names.iloc[row]) if row >= 0 else "",
            is_inside=bool(inside),
            edge_m=float(metres),
            is_commune=int(row) in coarse,
        )
        for site_id, row, inside, metres in zip(located.index, at, is_inside, edge_m, strict=True)
    }


def _drawn_as_communes(
    quarters: gpd.GeoDataFrame, rows: IntArray, communes: gpd.GeoDataFrame
) -> frozenset[int]:
    """Find the quarters that cover nearly all of a commune: their own outline is not known."""
    outlines = communes.geometry[~(communes.geometry.isna() | communes.geometry.is_empty)]
    areas = shapely.area(outlines.to_numpy())  # in degrees: only their ratio is used
    return frozenset(
        int(row)
        for row in rows
        if (
            shapely.area(shapely.intersection(outlines.to_numpy(), quarters.geometry.iloc[row]))
            >= _WHOLE_SHARE * areas
        ).any()
    )
