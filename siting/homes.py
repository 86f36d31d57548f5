"""Inclusive homes, one each: where it is, and how far its addresses are from its common room.

A home of several addresses (*habitat diffus*) has as many rows in an inventory, which share an
`ensemble`. Tables in, tables out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.access import AccessRule, CategoryInfo, accessibility
from siting.crs import WGS84, FloatArray, geodesic_m, require_crs
from siting.home_words import DiffusStatus, HomePosition
from siting.network import WalkNetwork
from siting.tables import CODE_INSEE, SERVICES, AccessStatus, Column, InventoryStatus, Table

_BATCH = 50  # ensembles walked in one search
_BEST_FIRST = (InventoryStatus.OPEN, InventoryStatus.PLANNED, InventoryStatus.UNKNOWN)


HOMES = Table(
    "HOMES",
    (Column("inventory_id", "text", "line of the inventory, the first one of an ensemble"),),
    (
        Column("label", "text", "name of the home"),
        CODE_INSEE,
        Column("status", "text", "state of the home", allowed=tuple(InventoryStatus)),
        Column("n_places", "integer", "people it is for, all its addresses together"),
        Column("ensemble", "text", "home of several addresses"),
        Column("position", "text", "what its point is", allowed=tuple(HomePosition)),
    ),
    geometry="Point, missing without position",
)

DIFFUS = Table(
    "DIFFUS",
    (Column("ensemble", "text", "home of several addresses"),),
    (
        Column("n_addresses", "integer", "its rows that are not its common room"),
        Column("longest_walk_m", "number", "longest walk from these to the common room", "m"),
        Column("median_walk_m", "number", "median one", "m"),
        Column("longest_line_m", "number", "longest straight line to the common room", "m"),
        Column("median_line_m", "number", "median one", "m"),
        Column("walk_status", "text", "why walks are given, or not", allowed=tuple(DiffusStatus)),
    ),
)


def homes(places: pd.DataFrame, at: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """
    Make one home of the rows of each ensemble, and of each other row.

    A home of several addresses stands at its common room if the position of that one is sure,
    else at its address that is nearest to the others in all. It is open if one of its rows is;
    its places are those of its rows that say how many.

    Parameters
    ----------
    places
        Table INVENTORY, without closed places nor duplicates.
    at
        `position` (`HomePosition`) and point of each of these rows.

    Returns
    -------
    homes
        Table HOMES, in the order of `places`.

    Raises
    ------
    CrsError
        If the points are not in WGS84.
    """
    require_crs(at, "at")
    if places.empty:
        return gpd.GeoDataFrame(HOMES.empty())
    rows = gpd.GeoDataFrame(
        places.join(at[["position"]]), geometry=at.geometry.reindex(places.index), crs=WGS84
    )
    is_alone = rows["ensemble"].isna().to_numpy()
    key = pd.Series(np.where(is_alone, rows.index, "|" + rows["ensemble"].fillna("")), rows.index)
    groups = rows.groupby(key, sort=False)
    together = {
        name: _standing(group)
        for name, group in rows[key.duplicated(keep=False).to_numpy()].groupby(key, sort=False)
    }
    firsts = rows.index[~key.duplicated()]
    stands = [together.get(key[first], first) for first in firsts]
    chosen = rows.loc[stands]
    rank = rows["status"].map({status.value: at for at, status in enumerate(_BEST_FIRST)})
    best = rank.fillna(len(_BEST_FIRST) - 1).astype(int).groupby(key, sort=False).min()
    label = groups["label"].first()
    code = chosen["code_insee"].to_numpy()
    table = gpd.GeoDataFrame(
        {
            "inventory_id": firsts,
            "label": label.to_numpy(),
            "code_insee": np.where(pd.isna(code), groups["code_insee"].first(), code),
            "status": [_BEST_FIRST[at].value for at in best],
            "n_places": groups["n_places"].sum(min_count=1).array,
            "ensemble": groups["ensemble"].first().to_numpy(),
            "position": chosen["position"].to_numpy(),
        },
        geometry=chosen.geometry.to_numpy(),
        crs=WGS84,
    )
    table["label"] = table["label"].astype("object").fillna(table["ensemble"].astype("object"))
    return gpd.GeoDataFrame(HOMES.conform(table))


def diffus(
    rows: gpd.GeoDataFrame, *, network: WalkNetwork | None, rule: AccessRule
) -> pd.DataFrame:
    """
    Measure how far the addresses of each home of several ones are from its common room.

    Walks are those of `siting.access.accessibility`, to the nearest common room if there are
    several. A figure is given for all the addresses of a home or not at all: the longest of
    some would be too short.

    Parameters
    ----------
    rows
        `ensemble`, `is_common_room` and point (missing where not sure) of each address.
    network
        Walking network; None for straight lines alone.
    rule
        Walker, longest walk searched, snapping limit.

    Returns
    -------
    diffus
        Table DIFFUS: the ensembles of two rows or more, in their order.

    Raises
    ------
    CrsError
        If the points are not in WGS84.
    """
    require_crs(rows, "rows")
    held = rows[rows["ensemble"].notna() & rows["ensemble"].duplicated(keep=False)]
    if held.empty:
        return DIFFUS.empty()
    is_room = held["is_common_room"].fillna(value=False).astype(bool)
    is_placed = ~(held.geometry.isna() | held.geometry.is_empty)
    status = _statuses(held["ensemble"], is_room, is_placed)
    table = pd.DataFrame({"walk_status": status})
    table["n_addresses"] = (~is_room).groupby(held["ensemble"]).sum()
    is_whole = held["ensemble"].isin(status.index[status == DiffusStatus.MEASURED])
    dwellings, rooms = held[~is_room & is_whole], held[is_room & is_whole]
    lines = _lines_m(dwellings, rooms).groupby(dwellings["ensemble"])
    table["longest_line_m"], table["median_line_m"] = lines.max(), lines.median()
    table["longest_walk_m"] = table["median_walk_m"] = np.nan
    if network is None:
        found = pd.Series(DiffusStatus.NO_STREETS.value, index=table.index)
    else:
        walks = _walks(dwellings, rooms, network, rule)
        by_home = walks.groupby(dwellings["ensemble"])
        table["longest_walk_m"] = by_home["walk_m"].agg(lambda metres: metres.max(skipna=False))
        table["median_walk_m"] = by_home["walk_m"].agg(lambda metres: metres.median(skipna=False))
        worst = by_home["status"].agg(lambda said: max(said, key=list(DiffusStatus).index))
        found = worst.reindex(table.index)
    is_measured = table["walk_status"] == DiffusStatus.MEASURED
    table["walk_status"] = table["walk_status"].mask(is_measured, found)
    return DIFFUS.conform(table.rename_axis("ensemble"))


def _standing(group: gpd.GeoDataFrame) -> str:
    """Choose the row at whose point a home of several addresses stands."""
    is_sure = group["position"].isin([HomePosition.ADDRESS, HomePosition.COORDINATES])
    sure = group[is_sure]
    if sure.empty:
        is_held = group["position"] == HomePosition.COMMUNE
        return str(group.index[int(np.argmax(is_held.to_numpy()))])
    rooms = sure[sure["is_common_room"].fillna(value=False).astype(bool)]
    if len(rooms):
        return str(rooms.index[0])
    metres = _between_m(sure.geometry, sure.geometry).sum(axis=1)
    return str(sure.index[int(np.argmin(metres))])


def _between_m(ones: gpd.GeoSeries, others: gpd.GeoSeries) -> FloatArray:
    """Return the straight metres from each point (row) to each other one (column)."""
    n_ones, n_others = len(ones), len(others)
    metres = geodesic_m(
        np.repeat(ones.x.to_numpy(np.float64), n_others),
        np.repeat(ones.y.to_numpy(np.float64), n_others),
        np.tile(others.x.to_numpy(np.float64), n_ones),
        np.tile(others.y.to_numpy(np.float64), n_ones),
    )
    return metres.reshape(n_ones, n_others)


def _statuses(ensemble: pd.Series, is_room: pd.Series, is_placed: pd.Series) -> pd.Series:
    """Tell, for each ensemble, what keeps its lines from being measured."""
    has_room = is_room.groupby(ensemble, sort=False).any()
    has_dwelling = (~is_room).groupby(ensemble, sort=False).any()
    is_whole = is_placed.groupby(ensemble, sort=False).all()
    return (
        pd.Series(DiffusStatus.MEASURED.value, index=has_room.index, dtype="object")
        .mask(~is_whole, DiffusStatus.UNPLACED_ADDRESS.value)
        .mask(~has_dwelling, DiffusStatus.NO_DWELLING.value)
        .mask(~has_room, DiffusStatus.NO_COMMON_ROOM.value)
    )


def _lines_m(dwellings: gpd.GeoDataFrame, rooms: gpd.GeoDataFrame) -> pd.Series:
    """Return the straight metres from each dwelling to the nearest common room of its home."""
    pairs = pd.DataFrame({"ensemble": dwellings["ensemble"], "at": np.arange(len(dwellings))})
    held = pd.DataFrame({"ensemble": rooms["ensemble"], "room": np.arange(len(rooms))})
    joined = pairs.merge(held, on="ensemble")
    one = dwellings.geometry.iloc[joined["at"]]
    other = rooms.geometry.iloc[joined["room"]]
    metres = geodesic_m(*(np.asarray(s, np.float64) for s in (one.x, one.y, other.x, other.y)))
    nearest = pd.Series(metres).groupby(joined["at"]).min().reindex(range(len(dwellings)))
    return pd.Series(nearest.to_numpy(), index=dwellings.index, dtype="float64")


def _walks(
    dwellings: gpd.GeoDataFrame, rooms: gpd.GeoDataFrame, network: WalkNetwork, rule: AccessRule
) -> pd.DataFrame:
    """Return the walk from each dwelling to its common room, and why there is none."""
    nearest = replace(rule, n_ranks=1)
    names = list(dict.fromkeys(rooms["ensemble"]))
    parts = []
    for first in range(0, len(names), _BATCH):
        number = {name: str(at) for at, name in enumerate(names[first : first + _BATCH])}
        homes_of = dwellings[dwellings["ensemble"].isin(number)]
        access = accessibility(
            homes_of.rename_axis("site_id"),
            _as_services(rooms[rooms["ensemble"].isin(number)], number),
            network,
            categories={
                one: CategoryInfo(families="", is_reliably_mapped=True) for one in number.values()
            },
            rule=nearest,
        ).access.droplevel("rank")
        own = pd.MultiIndex.from_arrays([homes_of.index, homes_of["ensemble"].map(number)])
        parts.append(access.reindex(own).droplevel(1)[["walk_m", "access_status"]])
    table = pd.concat(parts) if parts else pd.DataFrame(columns=["walk_m", "access_status"])
    return pd.DataFrame(
        {
            "walk_m": table["walk_m"].astype("float64"),
            "status": table["access_status"].map(_WHY).astype("object"),
        }
    ).reindex(dwellings.index)


_WHY = {
    AccessStatus.REACHED.value: DiffusStatus.MEASURED.value,
    AccessStatus.BEYOND_CUTOFF.value: DiffusStatus.WALK_TOO_LONG.value,
    AccessStatus.OFF_NETWORK.value: DiffusStatus.ADDRESS_OFF_NETWORK.value,
    AccessStatus.NO_PATH.value: DiffusStatus.NO_WALK.value,
    AccessStatus.NO_SERVICE.value: DiffusStatus.NO_WALK.value,
}


def _as_services(rooms: gpd.GeoDataFrame, number: Mapping[str, str]) -> gpd.GeoDataFrame:
    """Lay common rooms out as SERVICES, one category for each home."""
    table = pd.DataFrame(
        {
            "service_id": rooms.index.to_numpy(),
            "categories": rooms["ensemble"].map(number).to_numpy(),
            **dict.fromkeys(("name", "merged_ids", "source", "observed_on", "observed_by"), None),
            "wheelchair": "unknown",
        }
    )
    layer = gpd.GeoDataFrame(table, geometry=rooms.geometry.to_numpy(), crs=WGS84)
    return gpd.GeoDataFrame(SERVICES.conform(layer))
