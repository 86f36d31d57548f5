"""What not finding a service around a site is worth: absent, not mapped, or not known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.access import Accessibility
from siting.completeness import COMPLETENESS
from siting.crs import by_territory
from siting.tables import (
    ACCESS,
    CATEGORY,
    PROVEN,
    REACH,
    SITE_ID,
    AccessStatus,
    Column,
    MapEvidence,
    Table,
)

TOUCHED_SHARE = 0.1  # of what is within reach: a commune with less of it is not asked about
_ORDER = {evidence.value: rank for rank, evidence in enumerate(MapEvidence)}
_ABSENT = {AccessStatus.NO_SERVICE, AccessStatus.NOT_MAPPED}

ABSENCE = Table(
    "ABSENCE",
    (SITE_ID, CATEGORY),
    (
        Column("is_mapped", "boolean", "not finding one around the site means that there is none"),
        Column("map_evidence", "text", "why", allowed=tuple(MapEvidence)),
        Column("doubt_code_insee", "text", "commune within reach with the least evidence"),
        Column("doubt_commune", "text", "its name"),
    ),
)


def absence(
    points: gpd.GeoSeries,
    communes: gpd.GeoDataFrame,
    completeness: pd.DataFrame,
    *,
    radius_m: float,
    categories: Iterable[str],
) -> pd.DataFrame:
    """
    Tell, for each site and category, what finding no service within reach is worth.

    A walk of `radius_m` may end in several communes: that of the site counts, and each that
    holds at least `TOUCHED_SHARE` of the disc. Absence is proven if it is in all of them; if
    not, the commune with the least evidence is named. The sea and other countries are in no
    commune, and not asked about.

    Parameters
    ----------
    points
        Points of the sites in WGS84, by `site_id`; missing where there is no position.
    communes
        Table COMMUNES around them.
    completeness
        Table COMPLETENESS; a commune that is not in it is not known.
    radius_m
        Longest walk, in metres.
    categories
        Categories to tell of.

    Returns
    -------
    absence
        Table ABSENCE: a row for each site and category. A site in no commune of the table has
        `nothing_to_compare`.

    Raises
    ------
    DataError
        A table is not as its contract says.
    """
    known = COMPLETENESS.conform(completeness)[["nom", "map_evidence"]].reset_index()
    touched = within_reach(points, communes, radius_m=radius_m)
    names = list(categories)
    asked = touched.merge(pd.DataFrame({"category": names}), how="cross")
    asked = asked.merge(known, on=["code_insee", "category"], how="left")
    asked["map_evidence"] = asked["map_evidence"].fillna(MapEvidence.NOTHING_TO_COMPARE.value)
    asked["nom"] = asked["nom"].fillna(asked["code_insee"].map(communes["nom"]))
    asked["doubt"] = asked["map_evidence"].map(_ORDER)
    worst = asked.sort_values(["doubt", "share"], ascending=False, kind="stable")
    worst = worst.drop_duplicates(["site_id", "category"]).set_index(["site_id", "category"])
    every = pd.MultiIndex.from_product([points.index, names], names=ABSENCE.index_names)
    named = {"code_insee": "doubt_code_insee", "nom": "doubt_commune"}
    table = worst[["map_evidence", *named]].rename(columns=named).reindex(every)
    table["map_evidence"] = table["map_evidence"].fillna(MapEvidence.NOTHING_TO_COMPARE.value)
    return ABSENCE.conform(table.assign(is_mapped=table["map_evidence"].isin(PROVEN)))


def with_evidence(measured: Accessibility, table: pd.DataFrame) -> Accessibility:
    """
    Return a measure of access that says `no_service` where absence is proven, and only there.

    Ranks without service in the data are `no_service` where ABSENCE says that the map is
    complete, `not_mapped` elsewhere. A count of 0 says that there is none: it is kept where
    that is proven, and emptied elsewhere. A count above 0 is kept: it is a least number.

    Parameters
    ----------
    measured
        Tables ACCESS and REACH.
    table
        Table ABSENCE for the same sites and categories.
    """
    is_mapped = table["is_mapped"].astype(bool)
    pair = pd.MultiIndex.from_arrays(
        [measured.access.index.get_level_values(name) for name in ABSENCE.index_names]
    )
    here = is_mapped.reindex(pair).to_numpy(dtype=bool)
    status = measured.access["access_status"]
    is_absent = status.isin([one.value for one in _ABSENT]).to_numpy()
    worded = np.where(here, AccessStatus.NO_SERVICE.value, AccessStatus.NOT_MAPPED.value)
    access = measured.access.assign(access_status=status.where(~is_absent, worded))
    return replace(measured, access=ACCESS.conform(access), reach=_reach(measured, is_mapped))


def _reach(measured: Accessibility, is_mapped: pd.Series) -> pd.DataFrame:
    first = measured.access["access_status"].xs(1, level="rank")
    pair = pd.MultiIndex.from_arrays(
        [measured.reach.index.get_level_values(name) for name in ABSENCE.index_names]
    )
    status, here = first.reindex(pair).to_numpy(), is_mapped.reindex(pair).to_numpy(dtype=bool)
    is_measured = ~np.isin(status, [AccessStatus.OFF_NETWORK, AccessStatus.NO_LOCATION])
    counts = measured.reach["n_services"]
    is_none = counts.isna().to_numpy() | (counts == 0).fillna(value=False).to_numpy()
    counts = counts.mask(is_none & ~here).mask(is_none & here & is_measured, 0)
    return REACH.conform(measured.reach.assign(n_services=counts))


def within_reach(
    points: gpd.GeoSeries, communes: gpd.GeoDataFrame, *, radius_m: float
) -> pd.DataFrame:
    """
    Return the communes within reach of each site: columns `site_id`, `code_insee`, `share`.

    They are that of the site, and those that hold at least `TOUCHED_SHARE` of the disc of
    `radius_m` metres around it; `share` is how much of the disc each holds.
    """
    rows = []
    held = communes[communes.geometry.notna()]
    for crs, group in by_territory(points):
        shapes = shapely.make_valid(held.to_crs(crs).geometry.to_numpy())
        discs = group.to_crs(crs).buffer(radius_m).to_numpy()
        disc, shape = shapely.STRtree(shapes).query(discs, predicate="intersects")
        share = shapely.area(shapely.intersection(discs[disc], shapes[shape]))
        share /= shapely.area(discs[disc])
        centres = group.to_crs(crs).to_numpy()
        is_own = shapely.intersects(shapes[shape], centres[disc])
        found = pd.DataFrame(
            {
                "site_id": group.index.to_numpy()[disc],
                "code_insee": held.index.to_numpy()[shape],
                "share": share,
            }
        )
        rows.append(found[(share >= TOUCHED_SHARE) | is_own])
    empty = pd.DataFrame({"site_id": [], "code_insee": [], "share": []}).astype(
        {"site_id": object, "code_insee": object, "share": "float64"}
    )
    return pd.concat(rows, ignore_index=True) if rows else empty
