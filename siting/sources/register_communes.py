"""The commune of each row of a register: by its code, else by its name, else by its place."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.borders import holding
from siting.communes import CommuneNames, departement_of
from siting.crs import WGS84, FloatArray
from siting.declaration import declared_communes
from siting.names import commune_key
from siting.sources.reference import (
    read_commune_history,
    read_commune_register,
    read_communes,
    read_communes_around,
    read_departements,
)
from siting.tables import PROJECTS

_POSTCODE = r"\b\d{5}\b"


def declared_codes(rows: pd.DataFrame) -> pd.Series:
    """
    Return the current commune that each row declares; "" where it cannot be told.

    A code of a former commune is brought to the one it lies in. Where there is none, the name
    decides, with the postal code or the département of the row (`CommuneNames.designated`); a
    row that names no commune has the one that ends its address, with its postal code.

    Parameters
    ----------
    rows
        `code_insee`, `commune`, `code_postal`, `departement` (code or name) and `address`.
    """
    register, history = read_commune_register(), read_commune_history()
    today = {**history["code_insee"].to_dict(), **{code: code for code in register.index}}
    codes = rows["code_insee"].map(today).fillna("")
    is_silent = (codes == "") & (rows["commune"] == "") & (rows["address"] != "")
    codes = codes.mask(is_silent, _of_addresses(rows[is_silent], register, history))
    is_named = (codes == "") & (rows["commune"] != "")
    is_named &= (rows["code_postal"] != "") | (rows["departement"] != "")
    if not is_named.any():
        return codes
    names = CommuneNames.of(register, history)
    departements = read_departements()
    by_name = {commune_key(name): code for code, name in departements.items()}
    asked = rows.loc[is_named, ["commune", "code_postal", "departement"]]
    found = {
        (commune, code_postal, departement): _designated(
            names, commune, code_postal, by_name.get(commune_key(departement), departement)
        )
        for commune, code_postal, departement in asked.drop_duplicates().itertuples(index=False)
    }
    return codes.mask(is_named, asked.apply(tuple, axis=1).map(found).reindex(rows.index))


def _of_addresses(rows: pd.DataFrame, register: pd.DataFrame, history: pd.DataFrame) -> pd.Series:
    """Return the commune at the end of each address, with a postal code; "" where there is none."""
    if rows.empty:
        return pd.Series(dtype="str")
    projects = PROJECTS.conform(
        rows[["row_number", "address", "code_postal"]].assign(
            site_id=rows.index.astype("str"),
            label="",
            commune="",
            code_insee="",
            lon=np.nan,
            lat=np.nan,
            coord_issue="",
        )
    )
    declared = declared_communes(projects, register=register, history=history)
    has_postcode = rows["address"].str.contains(_POSTCODE) | (rows["code_postal"] != "")
    codes = declared["code_insee"].fillna("").set_axis(rows.index)
    return codes.where(has_postcode, "")


def outlines_of(codes: pd.Series) -> gpd.GeoSeries:
    """Return the outline of each commune, in WGS84; missing where it is unknown."""
    known = read_departements()
    wanted = {departement_of(code) for code in codes.unique() if code}
    communes = read_communes(sorted(wanted & known.keys()))
    shapes = communes.geometry.reindex(codes.where(codes != "")).reset_index(drop=True)
    return gpd.GeoSeries(shapes, crs=WGS84)


def codes_at(lon: FloatArray, lat: FloatArray) -> list[str]:
    """Return the commune in which each place lies; "" for none."""
    points = gpd.GeoSeries(gpd.points_from_xy(lon, lat), crs=WGS84)
    communes = read_communes_around(points)
    drawn = communes[communes.geometry.notna()]
    if drawn.empty or points.empty:
        return [""] * len(points)
    codes = np.append(drawn.index.to_numpy(dtype=object), "")
    return list(codes[holding(points, drawn)])


def _designated(names: CommuneNames, commune: str, code_postal: str, departement: str) -> str:
    meant = names.designated(
        commune, postcode=code_postal, departements=(departement,) if departement else ()
    )
    return meant.commune.code_insee if meant.commune else ""
