"""Rows of a register that have an address and no place: to a geocoder, and back."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.labels import LABELS
from siting.register_tables import REGISTER, Register, RegisterPosition, RegisterStatus
from siting.tables import PROJECTS, SITES, GeocodeReason, GeocodeStatus, Precision

_NOTE = "position de l'adresse"
_VAGUE = "adresse trouvée à la commune seulement : non utilisée"
_FINE = (
    *(Precision.HOUSENUMBER, Precision.HOUSENUMBER_WITHOUT_SUFFIX),
    *(Precision.STREET, Precision.LOCALITY),
)


def addresses_to_find(register: Register) -> pd.DataFrame:
    """
    Return the rows to geocode as a table PROJECTS, `site_id` being the `register_id`.

    They are those that are not closed, have an address and a commune, and no place: at most
    what is left of a register with coordinates, everything in a list of addresses.

    Parameters
    ----------
    register
        Its table is read.
    """
    table = register.table
    is_wanted = table["lon"].isna() & table["address"].notna() & table["code_insee"].notna()
    rows = table[is_wanted & (table["status"] != RegisterStatus.CLOSED)]
    projects = pd.DataFrame(
        {
            "site_id": rows.index,
            "row_number": np.arange(1, len(rows) + 1),
            "label": rows["name"].to_numpy(),
            "address": rows["address"].to_numpy(),
            "code_postal": "",
            "commune": "",
            "code_insee": rows["code_insee"].to_numpy(),
            "lon": np.nan,
            "lat": np.nan,
            "coord_issue": "",
        }
    )
    return PROJECTS.conform(projects)


def with_addresses(register: Register, sites: gpd.GeoDataFrame) -> Register:
    """
    Give rows the place of their address.

    Only what the geocoder is sure of counts (`ok`), and only as fine as a street or a hamlet: the
    middle of a commune is no place. The others say in `note` why their address gave none.

    Parameters
    ----------
    register
        A register.
    sites
        Table SITES of its `addresses_to_find`; other sites change nothing.

    Raises
    ------
    DataError
        If `sites` is not a table SITES.
    """
    found = SITES.conform(sites)
    found = found[found.index.isin(register.table.index)]
    is_ok = found["geocode_status"] == GeocodeStatus.OK
    is_sure = is_ok & found["geocode_precision"].isin(_FINE) & found.geometry.notna()
    table = register.table.copy()
    why = found["geocode_reason"].map(LABELS[GeocodeReason]).mask(is_ok, _VAGUE)
    table.loc[found.index[~is_sure], "note"] = why[~is_sure]
    found = found[is_sure]
    table.loc[found.index, "lon"] = found.geometry.x
    table.loc[found.index, "lat"] = found.geometry.y
    table.loc[found.index, "position"] = RegisterPosition.ADDRESS.value
    table.loc[found.index, "note"] = _NOTE
    note = f"Services placés par leur adresse : {len(found)}."
    return replace(register, table=REGISTER.conform(table), notes=(*register.notes, note))
