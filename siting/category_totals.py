"""What a map shows category by category, all communes together, and how old it is."""

from __future__ import annotations

from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.crs import FloatArray
from siting.tables import CATEGORY, Column, Table
from siting.targets import service_groups

CATEGORY_COMPLETENESS = Table(
    "CATEGORY_COMPLETENESS",
    (CATEGORY,),
    (
        Column("n_services", "integer", "services in the communes"),
        Column("n_communes", "integer", "communes that have one"),
        Column("n_proven", "integer", "communes where absence from the map is absence"),
        Column("n_both", "integer", "services of the map that a register has; empty without one"),
        Column("n_osm_only", "integer", "services of the map that no register has"),
        Column("n_register_only", "integer", "services that the map does not have"),
        Column("confirmed_share", "number", "n_both of the services of the map compared", "0-1"),
        Column(
            "median_age_days", "number", "from last check or edit to the date of the map", "day"
        ),
    ),
)


def by_category(
    table: pd.DataFrame, services: gpd.GeoDataFrame, *, mapped_on: str = ""
) -> pd.DataFrame:
    """
    Sum COMPLETENESS up by category.

    Parameters
    ----------
    table
        Table COMPLETENESS.
    services
        Table SERVICES, for the ages: each service once, those out of any commune too.
    mapped_on
        ISO date of the map; empty when unknown, ages then are too.

    Returns
    -------
    categories
        Table CATEGORY_COMPLETENESS, in the order of `table`.
    """
    groups = table.groupby(level="category", sort=False)
    counts = groups[["n_both", "n_osm_only", "n_register_only"]].sum(min_count=1)
    n_compared = (counts["n_both"] + counts["n_osm_only"]).astype("float64")
    first = services.iloc[np.unique(service_groups(services))]
    ages = pd.DataFrame(
        {"days": ages_days(first, mapped_on), "category": first["categories"].str.split(";")}
    )
    return CATEGORY_COMPLETENESS.conform(
        counts.assign(
            n_services=groups["n_services"].sum(),
            n_communes=(table["n_services"] > 0).groupby(level="category", sort=False).sum(),
            n_proven=groups["is_mapped"].sum(),
            confirmed_share=counts["n_both"].astype("float64") / n_compared.where(n_compared > 0),
            median_age_days=ages.explode("category").groupby("category")["days"].median(),
        )
    )


def ages_days(services: gpd.GeoDataFrame, mapped_on: str) -> FloatArray:
    """Return the days from last check or edit to the date of the map, NaN when not known."""
    if not mapped_on:
        return np.full(len(services), np.nan)
    seen = pd.to_datetime(services["observed_on"], format="%Y-%m-%d", errors="coerce")
    days = (pd.Timestamp(date.fromisoformat(mapped_on)) - seen).dt.days
    return np.asarray(days, dtype=np.float64)
