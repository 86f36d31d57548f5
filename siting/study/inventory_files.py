"""How an inventory is laid out in files: its rows, its homes, those of several addresses."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd

from siting.export import Sheet
from siting.homes import DIFFUS, HOMES
from siting.study.inventory import LocatedInventory
from siting.tables import INVENTORY


def inventory_sheets(found: LocatedInventory | None, measured: pd.DataFrame | None) -> list[Sheet]:
    """Lay out the rows of an inventory, its homes, and the walks of those of several addresses."""
    if found is None:
        return []
    return [
        Sheet(
            title="inventaire",
            note="L'inventaire fourni, et pourquoi un lieu n'est pas compté.",
            frame=found.places,
            table=INVENTORY,
        ),
        Sheet(
            title="habitats",
            note="Un habitat par ligne, ses adresses réunies, et ce que vaut sa position.",
            frame=found.homes,
            table=HOMES,
        ),
        *diffus_sheets(measured),
    ]


def diffus_sheets(measured: pd.DataFrame | None) -> list[Sheet]:
    """Lay out how far addresses are from the common room of their home; nothing without any."""
    if measured is None or measured.empty:
        return []
    return [
        Sheet(
            title="habitat_diffus",
            note="Les habitats de plusieurs adresses : distances des logements à l'espace commun.",
            frame=measured,
            table=DIFFUS,
        )
    ]


def home_layers(found: LocatedInventory | None) -> dict[str, gpd.GeoDataFrame]:
    """Return the layer of homes of the GeoPackage; nothing without inventory."""
    return {} if found is None else {"homes": found.homes}
