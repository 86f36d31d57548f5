"""The installed official lists of a territory, side by side; nothing when none is installed."""

from __future__ import annotations

from collections.abc import Callable

import geopandas as gpd
import pandas as pd

from siting.export import Sheet
from siting.programmes import COMMUNE_LISTS, commune_lists
from siting.provenance import Provenance
from siting.sources.installed import InstalledLayer, read_density, read_programme, read_qpv

_READERS: dict[str, Callable[[], InstalledLayer | None]] = {
    "acv": lambda: read_programme("acv"),
    "villages": lambda: read_programme("villages_avenir"),
    "density": read_density,
    "quarters": lambda: read_qpv("2024"),
}


def installed_lists(
    communes: gpd.GeoDataFrame,
) -> tuple[pd.DataFrame | None, tuple[Provenance, ...]]:
    """
    Return what the installed lists say of communes (COMMUNE_LISTS), and where they come from.

    Raises
    ------
    DataError
        A list is damaged.
    """
    found = {name: read() for name, read in _READERS.items()}
    layers = {name: layer for name, layer in found.items() if layer is not None}
    if not layers:
        return None, ()
    tables = {name: None if layer is None else layer.table for name, layer in found.items()}
    table = commune_lists(communes, **tables)
    return table, tuple(layer.provenance for layer in layers.values())


def list_sheets(table: pd.DataFrame | None) -> list[Sheet]:
    """Lay the lists out; nothing when none is installed."""
    if table is None:
        return []
    note = "Ce que les listes officielles installées disent de chaque commune (siting data)."
    return [Sheet(title="listes_officielles", note=note, frame=table, table=COMMUNE_LISTS)]
