"""Shares of the people of a commune: near an inclusive home, near each family of services."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.access import AccessRule, CategoryInfo, accessibility
from siting.crs import FloatArray
from siting.demand import DEMAND
from siting.gain import NEAREST_HOME
from siting.network import WalkNetwork
from siting.tables import CODE_INSEE, COVERAGE, Column, Table
from siting.taxonomy import Taxonomy

WALKED_MIN = (5, 10, 15)

HOME_SHARES = Table(
    "HOME_SHARES",
    (CODE_INSEE,),
    (
        Column("median_line_km", "number", "median over people 65+, to the nearest home", "km"),
        *(
            Column(f"share_within_{minutes}min", "number", "people 65+ so near a home", "0-1")
            for minutes in WALKED_MIN
        ),
    ),
)

FAMILY_SHARES = Table(
    "FAMILY_SHARES",
    (CODE_INSEE, Column("family", "text", "family of services")),
    (Column("share_near", "number", "people 65+ within the time of a service", "0-1"),),
)


def home_shares(nearest: pd.DataFrame, *, is_walked: bool) -> pd.DataFrame:
    """
    Sum the distances to the nearest inclusive home up by commune.

    Parameters
    ----------
    nearest
        Table NEAREST_HOME.
    is_walked
        If walks were measured: shares are empty otherwise. A point from which no home is within
        the search counts as far, not as unknown.

    Returns
    -------
    shares
        Table HOME_SHARES. All is empty in a commune of unknown population.
    """
    held = NEAREST_HOME.conform(nearest).dropna(subset=["people_65"])
    held = held[held["people_65"] > 0]
    by_commune = held.groupby("code_insee")
    people = by_commune["people_65"].sum()
    table = pd.DataFrame(
        {"median_line_km": by_commune[["line_km", "people_65"]].apply(_weighted_median)},
        index=people.index,
        dtype="float64",
    )
    for minutes in WALKED_MIN:
        near = held["people_65"].where(held["walk_min"] <= minutes, 0.0)
        share = near.groupby(held["code_insee"]).sum() / people
        table[f"share_within_{minutes}min"] = share if is_walked else np.nan
    return HOME_SHARES.conform(table)


def family_shares(
    demand: gpd.GeoDataFrame,
    services: gpd.GeoDataFrame,
    network: WalkNetwork,
    *,
    taxonomy: Taxonomy,
    rule: AccessRule,
    minutes: float,
) -> pd.DataFrame:
    """
    Measure the share of the people of each commune who have a service of each family near.

    One service of one category that counts for the family is enough
    (`siting.nearness`), and only what is on the map counts: a share is a least value.

    Parameters
    ----------
    demand
        Table DEMAND; points of unknown population are left out.
    services, network
        Table SERVICES, and the walking network.
    taxonomy
        Families, and the categories that count for each.
    rule
        Walker, longest walk searched.
    minutes
        Longest walk that is near.

    Returns
    -------
    shares
        Table FAMILY_SHARES.
    """
    held = gpd.GeoDataFrame(DEMAND.conform(demand)).dropna(subset=["people_65"])
    held = held[held["people_65"] > 0]
    counting = {
        family.id: [one.id for one in taxonomy.categories if family.id in one.counts_for]
        for family in taxonomy.families
    }
    categories = {
        one.id: CategoryInfo(
            families=";".join(one.families), is_reliably_mapped=one.mapping == "good"
        )
        for one in taxonomy.categories
        if one.counts_for
    }
    sites = gpd.GeoDataFrame(held.set_index(held.index.rename("site_id")))
    found = accessibility(sites, services, network, categories=categories, rule=rule)
    first = found.access["walk_min"].xs(1, level="rank")
    walked = first.to_numpy(np.float64).reshape(len(sites), len(categories))
    people = held.groupby("code_insee")["people_65"].sum()
    parts = {
        family: _near_people(held, walked, list(categories), names, minutes) / people
        for family, names in counting.items()
    }
    table = pd.concat(parts, names=["family"]).rename("share_near").reset_index()
    return FAMILY_SHARES.conform(table)


def _near_people(
    held: gpd.GeoDataFrame,
    walked_min: FloatArray,
    columns: list[str],
    names: Collection[str],
    minutes: float,
) -> pd.Series:
    at = [columns.index(name) for name in names]
    is_near = (walked_min[:, at] <= minutes).any(axis=1)
    return held["people_65"].where(is_near, 0.0).groupby(held["code_insee"]).sum()


def _weighted_median(rows: pd.DataFrame) -> float:
    """Return the distance that half of the people are within; NaN without any distance."""
    known = rows.dropna().sort_values("line_km", kind="stable")
    if known.empty:
        return float("nan")
    reached = known["people_65"].cumsum() >= known["people_65"].sum() / 2
    return float(known["line_km"].to_numpy()[np.argmax(reached.to_numpy())])


def shares_by_family(shares: pd.DataFrame) -> Mapping[str, pd.Series]:
    """Return the shares of FAMILY_SHARES by family, each by commune."""
    held = FAMILY_SHARES.conform(shares)["share_near"]
    families = held.index.get_level_values("family").unique()
    return {family: held.xs(family, level="family") for family in families}


def with_shares(coverage: pd.DataFrame, shares: pd.DataFrame) -> pd.DataFrame:
    """
    Return COVERAGE with the shares of people near a home that HOME_SHARES measured.

    Parameters
    ----------
    coverage
        Table `COVERAGE`.
    shares
        Table HOME_SHARES; a commune that is not in it has none.
    """
    near = shares.filter(like="share_within_").reindex(coverage.index)
    return COVERAGE.conform(coverage.assign(**{name: near[name] for name in near}))
