"""Which communes have inclusive housing, by the inventory and by the list of a call."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from siting.listed import FormerListed, ListedCommunes
from siting.tables import COVERAGE, InventoryStatus, ListDifference

_BEST_FIRST = (InventoryStatus.OPEN, InventoryStatus.PLANNED, InventoryStatus.UNKNOWN)


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
