"""Communes: which one a site is in, and which ones have inclusive housing.

Boundaries are simplified: near a border, a point may in truth be on the other side, and the
tables say so. Codes decide, names are only shown.
"""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.borders import gaps_m, holding, nearest_other
from siting.crs import IntArray, require_crs
from siting.listed import FormerListed, ListedCommunes
from siting.tables import (
    COVERAGE,
    SITE_COMMUNES,
    SITES,
    CommuneCheck,
    GeocodeReason,
    GeocodeStatus,
    InventoryStatus,
    ListDifference,
)

_BEST_FIRST = (InventoryStatus.OPEN, InventoryStatus.PLANNED, InventoryStatus.UNKNOWN)
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


def commune_coverage(
    communes: pd.DataFrame,
    *,
    inventory: pd.DataFrame | None,
    listed: ListedCommunes | None,
) -> pd.DataFrame:
    """
    Tell which communes have inclusive housing, and which unserved ones matter most.

    A commune is served by one open place; a planned one does not serve it yet. Where all
    its places are of unknown state, whether it is served is unknown (empty). A place whose
    commune could not be resolved counts nowhere, one listed twice counts once, and the addresses
    of an `ensemble` count once in each commune where it has some. Where a call lists a former
    commune, an open place in that part is in `delegated_served`, and contradicts the list.

    `priority_rank` orders the unserved communes (without inventory: those that the call
    lists) by people aged 65 or more, most first, ties by code. It is empty for the others,
    and for a commune whose population is unknown.

    Parameters
    ----------
    communes
        Table `COMMUNES`; its geometry is not used.
    inventory
        Table `INVENTORY`, None when there is none.
    listed
        Communes that the call lists, None without call or when the call lists none.

    Returns
    -------
    coverage
        Table `COVERAGE`, one row per commune, in the order of `communes`.
    """
    table = pd.DataFrame(index=communes.index)
    counts = inventory_counts(communes.index, inventory)
    table["n_inclusive_open"] = counts["n_open"]
    table["n_inclusive_planned"] = counts["n_planned"]
    for status in (InventoryStatus.OPEN, InventoryStatus.PLANNED):
        table[f"n_places_{status.value}"] = _places(communes.index, inventory, status)
    table["is_served"] = (counts["n_open"] > 0).mask(
        (counts["n_open"] == 0) & (counts["n_planned"] == 0) & (counts["n_unknown"] > 0)
    )
    table["is_listed_unserved"], table["delegated_listed"] = _listed_communes(
        communes.index, listed
    )
    table["delegated_served"] = _served_parts(communes.index, inventory, listed)
    table["list_difference"] = _list_difference(table)
    for minutes in (5, 10, 15):
        table[f"share_within_{minutes}min"] = np.nan
    is_ranked = table["is_listed_unserved"] if inventory is None else ~table["is_served"]
    table["priority_rank"] = _priority_rank(
        communes["population_65"].where(is_ranked.fillna(value=False))
    )
    return COVERAGE.conform(table)


def inventory_counts(index: pd.Index, inventory: pd.DataFrame | None) -> pd.DataFrame:
    """
    Count the homes of each commune by state (`n_open`, `n_planned`, `n_unknown`).

    A home listed twice counts once; so do, in a commune, the addresses of an `ensemble`, under
    the best of their states. Counts are empty without inventory.
    """
    columns = {f"n_{status.value}": status.value for status in InventoryStatus}
    if inventory is None:
        return pd.DataFrame(pd.NA, index=index, columns=list(columns), dtype="Int64")
    placed = _counted(inventory)
    rank = {status.value: at for at, status in enumerate(_BEST_FIRST)}
    best = placed["status"].map(rank).groupby([placed["code_insee"], placed["home"]]).min()
    status = best.map({at: name for name, at in rank.items()})
    code = status.index.get_level_values(0)
    return pd.DataFrame(
        {
            name: pd.Series(code[status == value]).value_counts().reindex(index, fill_value=0)
            for name, value in columns.items()
        },
        index=index,
        dtype="Int64",
    )


def _counted(inventory: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that are in a commune, once each, with the `home` that each is a part of."""
    kept = inventory[inventory["code_insee"].notna() & inventory["duplicate_of"].isna()]
    home = ("|" + kept["ensemble"]).fillna(pd.Series(kept.index, index=kept.index))
    return kept.assign(home=home, status=kept["status"].fillna(InventoryStatus.UNKNOWN.value))


def _places(index: pd.Index, inventory: pd.DataFrame | None, status: InventoryStatus) -> pd.Series:
    """Add up the places of a state, by commune; empty where a home does not tell its own."""
    if inventory is None:
        return pd.Series(pd.NA, index=index, dtype="Int64")
    placed = _counted(inventory)
    held = placed[placed["status"] == status.value]
    of_home = held.groupby(["code_insee", "home"])["n_places"].sum(min_count=1)
    total = of_home.groupby(level=0).agg(lambda known: known.sum(skipna=False))
    return total.reindex(index).mask(~index.isin(total.index), 0).astype("Int64")


def _served_parts(
    codes: pd.Index, inventory: pd.DataFrame | None, listed: ListedCommunes | None
) -> pd.Series:
    """Name the listed former communes in which there is an open place."""
    if inventory is None or listed is None:
        return pd.Series(pd.NA, index=codes, dtype="object")
    placed = _counted(inventory)
    is_open = placed["status"] == InventoryStatus.OPEN
    served = set(placed.loc[is_open, "former_code_insee"].dropna())
    return _part_names([part for part in listed.former if part.code_insee_old in served], codes)


def _part_names(parts: Sequence[FormerListed], codes: pd.Index) -> pd.Series:
    """Name former communes beside the commune that holds them."""
    named = pd.DataFrame(
        [(part.code_insee, f"{part.code_insee_old} {part.nom}") for part in parts],
        columns=["code_insee", "part"],
    )
    return named.groupby("code_insee")["part"].agg(";".join).reindex(codes).astype("object")


def _listed_communes(codes: pd.Index, listed: ListedCommunes | None) -> tuple[pd.Series, pd.Series]:
    """Flag listed communes, and name the listed former communes that each one holds."""
    code = pd.Series(codes, index=codes, dtype="str")
    if listed is None:
        nothing = pd.Series(pd.NA, index=codes)
        return nothing.astype("boolean"), nothing.astype("object")
    delegated = _part_names(listed.former, codes)
    is_listed = code.isin(listed.codes).astype("boolean").where(listed.covers(code))
    return is_listed, delegated


def _list_difference(table: pd.DataFrame) -> pd.Series:
    """Compare list and inventory; empty where there is no list or no inventory."""
    is_listed, is_served = table["is_listed_unserved"], table["is_served"]
    is_compared = is_listed.notna() & table["n_inclusive_open"].notna()
    is_blurred = table["delegated_listed"].notna() | is_served.isna()
    listed, served = is_listed.fillna(value=False), is_served.fillna(value=False)
    difference = np.select(
        [
            ~is_compared,
            table["delegated_served"].notna(),
            is_blurred,
            listed & served,
            ~listed & ~served,
        ],
        [
            "",
            ListDifference.LISTED_BUT_SERVED.value,
            ListDifference.NOT_COMPARABLE.value,
            ListDifference.LISTED_BUT_SERVED.value,
            ListDifference.UNSERVED_NOT_LISTED.value,
        ],
        ListDifference.AGREES.value,
    )
    return pd.Series(difference, index=table.index)


def _priority_rank(population_65: pd.Series) -> pd.Series:
    """Rank from 1 the communes with a population, most people first, ties by code."""
    order = population_65.dropna().sort_index().sort_values(ascending=False, kind="stable").index
    return pd.Series(range(1, len(order) + 1), index=order, dtype="Int64").reindex(
        population_65.index
    )
