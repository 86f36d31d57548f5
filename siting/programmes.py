"""What official lists say of communes: programmes, density grid, priority quarters."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import shapely

from siting.tables import CODE_INSEE, COMMUNES, Column, Table

TOUCHED_SHARE = 0.1  # of a quarter, in a commune, for it to be counted there

COMMUNE_LISTS = Table(
    "COMMUNE_LISTS",
    (CODE_INSEE,),
    (
        Column("nom", "text", "name of the commune"),
        Column("is_pvd", "boolean", "in Petites villes de demain"),
        Column("is_acv", "boolean", "in Action cœur de ville; empty when not installed"),
        Column("is_village_avenir", "boolean", "in Villages d'avenir; empty when not installed"),
        Column("density_label", "text", "class of the density grid; empty when not installed"),
        Column("is_rural", "boolean", "rural according to it"),
        Column("n_qpv", "integer", "priority quarters that touch it; empty when not installed"),
    ),
)


def commune_lists(
    communes: gpd.GeoDataFrame,
    *,
    acv: pd.DataFrame | None,
    villages: pd.DataFrame | None,
    density: pd.DataFrame | None,
    quarters: gpd.GeoDataFrame | None,
) -> pd.DataFrame:
    """
    Put side by side what official lists say of each commune.

    Parameters
    ----------
    communes
        Table COMMUNES.
    acv, villages
        Tables PROGRAMME of *Action cœur de ville* and *Villages d'avenir*; None when not
        installed, and the column is then empty.
    density
        Table DENSITY.
    quarters
        Table QPV: a quarter is counted in the communes that the file names, else in those that
        hold more than `TOUCHED_SHARE` of its area, since both outlines are simplified.

    Returns
    -------
    lists
        Table COMMUNE_LISTS, in the order of `communes`.
    """
    held = COMMUNES.conform(communes)
    table = held[["nom", "is_pvd"]].copy()
    for name, listed in (("is_acv", acv), ("is_village_avenir", villages)):
        table[name] = pd.NA if listed is None else held.index.isin(listed.index)
    known = None if density is None else density.reindex(held.index)
    table["density_label"] = pd.NA if known is None else known["density_label"]
    table["is_rural"] = pd.NA if known is None else known["is_rural"]
    table["n_qpv"] = pd.NA if quarters is None else _n_quarters(communes, quarters)
    return COMMUNE_LISTS.conform(table)


def _n_quarters(communes: gpd.GeoDataFrame, quarters: gpd.GeoDataFrame) -> pd.Series:
    # An area that the file draws for several quarters counts for as many.
    n_named = pd.Series(quarters.index.str.count(";") + 1, index=quarters.index)
    told = quarters["codes_insee"].dropna().str.split(";").explode()
    silent = quarters[quarters["codes_insee"].isna()]
    drawn = communes[communes.geometry.notna()]
    shapes = shapely.make_valid(drawn.geometry.to_numpy())
    areas = silent.geometry.to_numpy()
    quarter, commune = shapely.STRtree(shapes).query(areas, predicate="intersects")
    inside = shapely.area(shapely.intersection(areas[quarter], shapes[commune]))
    is_in = inside > TOUCHED_SHARE * shapely.area(areas[quarter])
    found = pd.Series(drawn.index[commune[is_in]], index=silent.index[quarter[is_in]])
    pairs = pd.concat([told, found.astype("object")])
    counts = n_named.reindex(pairs.index).groupby(pairs.to_numpy()).sum()
    return counts.reindex(communes.index, fill_value=0)
