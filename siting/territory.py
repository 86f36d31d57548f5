"""Communes: which one a site is in, and which ones have inclusive housing.

Boundaries are simplified: near a border, a point may in truth be on the other side, and the
tables say so. Codes decide, names are only shown.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.borders import gaps_m, holding, nearest_other
from siting.crs import IntArray, require_crs
from siting.listed import ListedCommunes
from siting.tables import (
    SITE_COMMUNES,
    SITES,
    CommuneCheck,
    GeocodeReason,
    GeocodeStatus,
)

BORDER_M = 50.0  # a point closer than that to a border says so

# The register of addresses knows the commune of an address better than a simplified boundary does.
# Measured in Seine-Saint-Denis against the boundaries of OpenStreetMap (September 2025, a point
# every 20 m): the simplified ones are 15 m off at the median, over 50 m on 15 % of their length,
# 293 m at most; of the 8,413 addresses of Bondy, 291 fall in another polygon, up to 119 m away.
ADDRESS_M = 300.0

_SLIVER_DEG = 1e-4  # about 10 m: two simplifications of one border differ by less

_WITHOUT_REMARK = (GeocodeReason.MATCHED, GeocodeReason.COORDINATES_GIVEN)


def site_communes(
    points: gpd.GeoSeries, *, communes: gpd.GeoDataFrame, former: gpd.GeoDataFrame
) -> pd.DataFrame:
    """
    Find the commune whose polygon holds each point, and the border it is close to.

    A point on a border that two communes share is in the one with the lowest code, so that
    each point is in exactly one commune. A point in no polygon (abroad, at sea) has empty
    codes. Distances are ellipsoidal metres to the simplified polygon of the nearest other
    commune (and of the nearest other part of a merged commune: a former commune, or what is
    left of the present one); farther than `BORDER_M` they are left empty.

    Parameters
    ----------
    points
        Points in WGS84, indexed by `site_id`; a site without position may be missing.
    communes, former
        Tables `COMMUNES` and `FORMER_COMMUNES`: every commune around the points.

    Returns
    -------
    site_communes
        Table `SITE_COMMUNES`, one row per point, in the order of `points`.

    Raises
    ------
    CrsError
        If a layer is not in WGS84.
    """
    for layer, name in ((points, "points"), (communes, "communes"), (former, "former")):
        require_crs(layer, name)
    located = points[~(points.isna() | points.is_empty)]
    communes, former = communes.sort_index(), former.sort_index()
    parts = _parts(communes, former)
    own, old = holding(located, communes), holding(located, former)
    border, border_m = nearest_other(located, communes, own, within_m=BORDER_M)
    part, part_m = nearest_other(located, parts, holding(located, parts), within_m=BORDER_M)
    table = pd.DataFrame(index=points.index.rename("site_id"))
    for prefix, layer, rows in (("", communes, own), ("former_", former, old)):
        table[f"{prefix}code_insee"] = _taken(layer.index, rows, located.index)
        table[f"{prefix}commune"] = _taken(layer["nom"], rows, located.index)
    table["border_code_insee"] = _taken(communes.index, border, located.index)
    table["border_commune"] = _taken(communes["nom"], border, located.index)
    table["border_m"] = pd.Series(border_m, index=located.index, dtype="float64")
    table["part_code_insee"] = _taken(parts.index, part, located.index)
    table["part_m"] = pd.Series(part_m, index=located.index, dtype="float64")
    return SITE_COMMUNES.conform(table)


def _parts(communes: gpd.GeoDataFrame, former: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Cut merged communes: former communes by their old code, the rest by the present one."""
    rest = communes.loc[communes.index.intersection(former["code_insee"]), ["geometry"]]
    cut = [
        whole.difference(shapely.union_all(former.geometry[former["code_insee"] == code]))
        for code, whole in rest["geometry"].items()
    ]
    cleaned = shapely.buffer(shapely.buffer(cut, -_SLIVER_DEG), _SLIVER_DEG)
    parts = pd.concat([former[["geometry"]], rest.assign(geometry=cleaned)])
    return gpd.GeoDataFrame(parts, geometry="geometry", crs=communes.crs).sort_index()


def _taken(values: pd.Series | pd.Index, rows: IntArray, index: pd.Index) -> pd.Series:
    """Take values by row number, -1 giving an empty one, as a series on `index`."""
    column = pd.Series(np.asarray(values, dtype=object)).reindex(rows)
    return pd.Series(column.to_numpy(), index=index, dtype="object")


def settled_sites(
    sites: gpd.GeoDataFrame,
    site_communes: pd.DataFrame,
    *,
    declared: pd.DataFrame,
    communes: gpd.GeoDataFrame,
    history: pd.DataFrame,
    listed: ListedCommunes | None,
) -> gpd.GeoDataFrame:
    """
    Settle the commune of each located site, and the flags that follow from it.

    The polygon that holds the site decides. Since boundaries are simplified, a site keeps
    the commune of the address found when that one is less than `ADDRESS_M` away, or when no
    polygon holds the site; and a site given by coordinates in no polygon is in the commune
    declared, when less than `BORDER_M` away. A site that ends up in another commune than
    declared is never `ok`. Sites without position keep what geocoding said of them.

    Parameters
    ----------
    sites
        Table `SITES` as geocoding leaves it.
    site_communes
        Table `SITE_COMMUNES` of the same sites.
    declared
        Table `DECLARED` of the same sites.
    communes, history
        Tables `COMMUNES` and `COMMUNE_HISTORY`.
    listed
        Communes that the call lists, None without call or when the call lists none.

    Returns
    -------
    sites
        Table `SITES`, same rows in the same order. `is_listed_unserved` is empty outside of
        the territory of the call, and where the listed part of a commune cannot be told.
    """
    around = site_communes.reindex(sites.index)
    said = declared.reindex(sites.index)
    is_located = ~(sites.geometry.isna() | sites.geometry.is_empty)
    is_provided = sites["geocode_status"] == GeocodeStatus.PROVIDED
    found = sites["code_insee"].map(history["code_insee"]).fillna(sites["code_insee"])
    is_outside = around["code_insee"].isna()
    polygons = gpd.GeoSeries(
        communes.geometry.reindex(found).set_axis(found.index), crs=communes.crs
    )
    is_close = gaps_m(sites.geometry, polygons) <= ADDRESS_M
    by_address = ~is_provided & found.notna() & (is_outside | is_close)
    by_declaration = is_provided & is_outside & (said["code_insee"] == around["border_code_insee"])
    final = around["code_insee"].mask(by_address, found).mask(by_declaration, said["code_insee"])
    final = final.where(is_located, sites["code_insee"])

    settled = sites.copy()
    settled["code_insee"] = final
    named = final.map(communes["nom"]).astype("object")
    settled["commune"] = named.fillna(sites["commune"].where(final.notna()))
    is_checked = is_located & (is_provided | (final != found))
    check = _commune_check(final, said, around["border_code_insee"].mask(by_declaration, final))
    check = check.mask(by_declaration, CommuneCheck.NEIGHBOUR)
    settled["commune_check"] = check.where(is_checked, sites["commune_check"])
    is_mismatch = is_checked & (
        (check == CommuneCheck.DIFFERENT) | (final.isna() & said["code_insee"].notna())
    )
    is_moved = is_located & final.notna() & (final != around["code_insee"])
    is_near = around["border_m"].notna() | is_moved
    settled = _remarked(settled, is_mismatch=is_mismatch, is_near=is_near)
    settled["is_pvd"] = final.map(communes["is_pvd"]).astype("boolean")
    settled["is_listed_unserved"] = _listed_sites(final, around, listed)
    return SITES.conform(settled)


def _commune_check(final: pd.Series, said: pd.DataFrame, border_code: pd.Series) -> pd.Series:
    """Compare the commune settled with the one declared; `border_code` is the one next to it."""
    check = np.select(
        [
            final.isna(),
            said["code_insee"].isna(),
            final == said["code_insee"],
            border_code == said["code_insee"],
        ],
        [
            CommuneCheck.OUTSIDE_FRANCE.value,
            CommuneCheck.UNDECLARED.value,
            said["relation"].astype("object"),
            CommuneCheck.NEIGHBOUR.value,
        ],
        CommuneCheck.DIFFERENT.value,
    )
    return pd.Series(check, index=final.index, dtype="object")


def _remarked(
    sites: gpd.GeoDataFrame, *, is_mismatch: pd.Series, is_near: pd.Series
) -> gpd.GeoDataFrame:
    """Write the remarks on the commune where the row has no other one."""
    is_plain = sites["geocode_reason"].isin(_WITHOUT_REMARK)
    is_shown = sites["geocode_status"].isin([GeocodeStatus.OK, GeocodeStatus.PROVIDED])
    reason = (
        sites["geocode_reason"]
        .mask(is_plain & is_shown & is_near, GeocodeReason.NEAR_BORDER.value)
        .mask(is_plain & is_mismatch, GeocodeReason.COMMUNE_MISMATCH.value)
    )
    status = sites["geocode_status"].mask(
        is_mismatch & (sites["geocode_status"] == GeocodeStatus.OK), GeocodeStatus.REVIEW.value
    )
    return sites.assign(geocode_status=status, geocode_reason=reason)


def _listed_sites(
    final: pd.Series, around: pd.DataFrame, listed: ListedCommunes | None
) -> pd.Series:
    if listed is None:
        return pd.Series(pd.NA, index=final.index, dtype="boolean")
    is_elsewhere = final != around["code_insee"]
    former = around["former_code_insee"].mask(is_elsewhere)
    is_part_unknown = is_elsewhere & final.isin([part.code_insee for part in listed.former])
    return listed.lists(final, former).mask(is_part_unknown)
