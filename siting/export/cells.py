"""From tables to cells: column order, rounding, CSV text that no office program can run."""

from __future__ import annotations

import re
from collections.abc import Callable

import geopandas as gpd
import pandas as pd
from pandas.api.types import is_bool_dtype, is_float_dtype, is_integer_dtype

from siting.errors import DataError
from siting.export.columns import SERVICE_MATCHES
from siting.tables import SITES, Column, Table

LON = Column("lon", "number", "longitude, WGS84", "degree")
LAT = Column("lat", "number", "latitude, WGS84", "degree")

# Figures kept after the point: a decimetre, 0.6 s, 0.01 %, and about a centimetre on the ground.
DECIMALS = {
    "m": 1,
    "min": 2,
    "0-1": 4,
    "degree": 7,
    "km": 2,
    "day": 0,
    "people": 0,
    "services": 1,
}

_PLACED = (SITES.name, SERVICE_MATCHES.name)  # tables of which files tell where each row is

# Removed: control characters and non-characters, which XML refuses and no reader shows.
# Tabs and line ends stay: they are content.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
# CWE-1236 and OWASP CSV Injection: first characters that make a cell a formula, with their
# full-width forms; a plain number is none.
_FORMULA = re.compile(r"\A(?=[=+\-@\t\r\n＝＋－＠])(?![+-]?\d+(?:[.,]\d+)?\Z)")
_LINE_END = re.compile("\r\n?")
_OWN_PREFIX = "saisi_"


def contract_columns(table: Table) -> tuple[Column, ...]:
    """Return the columns a file starts with: index, body, and `lon`, `lat` where there are some."""
    position = (LON, LAT) if table.name in _PLACED else ()
    return (*table.index, *table.columns, *position)


def tabular(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """
    Lay a contract table flat, as files hold it.

    Index first, then the columns of the contract, then `lon` and `lat` of sites, or of a point
    of each service, then the user's own columns. Other geometries are left out. Numbers are
    rounded by their unit.

    Raises
    ------
    DataError
        The frame breaks the contract, or an own column is called `lon` or `lat`.
    """
    flat = table.conform(frame)
    if table.geometry is not None:
        layer, flat = flat, pd.DataFrame(flat.drop(columns="geometry"))
        if table.name in _PLACED:
            is_site = table.name == SITES.name
            points = layer.geometry if is_site else layer.representative_point()
            clash = {LON.name, LAT.name} & set(flat.columns)
            if clash:
                raise DataError(
                    f"Table {table.name}: own columns {sorted(clash)}; see with_own_columns."
                )
            at = len(table.columns)
            flat.insert(at, LON.name, points.x)
            flat.insert(at + 1, LAT.name, points.y)
    flat = flat.reset_index()
    for column in contract_columns(table):
        decimals = DECIMALS.get(column.unit)
        if decimals is not None and column.kind == "number":
            flat[column.name] = flat[column.name].round(decimals) + 0.0  # no "-0.0"
    return flat


def with_own_columns(sites: gpd.GeoDataFrame, own: pd.DataFrame) -> gpd.GeoDataFrame:
    """
    Add the user's own columns to sites; a name already taken gets the prefix `saisi_`.

    A name that differs by case only from one of ours is taken too: a GeoPackage cannot tell
    them apart.

    Parameters
    ----------
    sites
        Table `SITES`.
    own
        The user's columns, untouched, indexed by `site_id`.

    Returns
    -------
    sites
        Table `SITES`, its rows and order unchanged.

    Raises
    ------
    DataError
        `own` does not hold the same sites.
    """
    if set(own.index) != set(sites.index) or own.index.has_duplicates:
        raise DataError("The user's own columns are not those of the same sites.")
    contract = (*SITES.index_names, *sites.columns, LON.name, LAT.name, "geometry")
    ours = {str(name).casefold() for name in contract}
    taken: set[str] = set()
    names = []
    for wanted in own.columns.astype(str):
        name = wanted
        while name.casefold() in ours or name in taken:
            name = f"{_OWN_PREFIX}{name}"
        taken.add(name)
        names.append(name)
    added = own.set_axis(names, axis="columns").reindex(sites.index)
    return gpd.GeoDataFrame(
        pd.concat([sites, added], axis="columns"), geometry="geometry", crs=sites.crs
    )


def csv_bytes(frame: pd.DataFrame, table: Table) -> bytes:
    r"""
    Write a contract table as CSV: UTF-8 without BOM, comma, LF, decimal point.

    Booleans are `True`, `False` or empty, missing values empty, codes text. A text that an
    office program would run as a formula gets a leading ``'``; a plain number does not.
    Control characters are left out (`n_control_characters` counts them) and line ends inside
    of a cell are ``\n``.

    References
    ----------
    CWE-1236; OWASP Application Security Verification Standard 5.0, 1.2.10.
    """
    flat = tabular(frame, table)
    decimals = {column.name: DECIMALS.get(column.unit) for column in contract_columns(table)}
    text = pd.DataFrame({name: _csv_text(flat[name], decimals.get(name)) for name in flat.columns})
    text.columns = pd.Index(guarded(printable(pd.Series(list(flat.columns), dtype="str"))))
    return str(text.to_csv(index=False, lineterminator="\n", na_rep="")).encode()


def printable(text: pd.Series) -> pd.Series:
    r"""Leave out the control characters of a text series and make line ends ``\n``."""
    return _by_value(text, lambda cell: _LINE_END.sub("\n", _CONTROL.sub("", cell)))


def guarded(text: pd.Series) -> pd.Series:
    """Put ``'`` before the texts of a series that an office program would run as a formula."""
    return _by_value(text, lambda cell: _FORMULA.sub("'", cell))


def _by_value(text: pd.Series, change: Callable[[str], str]) -> pd.Series:
    """Change each text of a series; a text that comes back a million times is changed once."""
    codes, distinct = pd.factorize(text)
    changed = pd.Series([change(str(cell)) for cell in distinct], dtype="str")
    return changed.reindex(codes).set_axis(text.index)


def n_control_characters(frame: pd.DataFrame) -> int:
    """Count the control characters of a table that its files leave out."""
    flat = pd.DataFrame(frame.drop(columns="geometry", errors="ignore")).reset_index()
    texts = [pd.Series(flat.columns, dtype="str")]
    texts += [as_text(flat[name]) for name in flat.columns if not _is_plain(flat[name])]
    return sum(int(text.str.count(_CONTROL.pattern).sum()) for text in texts)


def as_text(values: pd.Series) -> pd.Series:
    """Turn any series into text, missing values kept missing."""
    return values.astype("object").map(str, na_action="ignore").astype("str")


def _csv_text(values: pd.Series, decimals: int | None) -> pd.Series:
    if not _is_plain(values):
        return guarded(printable(as_text(values)))
    if is_float_dtype(values.dtype) and decimals is not None:
        return values.map(f"{{:.{decimals}f}}".format, na_action="ignore").astype("str")
    return as_text(values)


def _is_plain(values: pd.Series) -> bool:
    """Tell if a series holds numbers or booleans, which need no cleaning."""
    dtype = values.dtype
    return bool(is_bool_dtype(dtype) or is_integer_dtype(dtype) or is_float_dtype(dtype))
