"""The file of an official register, or of the user's own list -> Register.

Whatever a file holds, each of its rows ends up in the table or among those left out, with the
reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from siting.communes import departement_of
from siting.crs import geodesic_m
from siting.errors import DataError
from siting.provenance import Provenance
from siting.register_places import (
    NO_COORDINATES,
    NOTES,
    Reading,
    SettledPlaces,
    settled_places,
)
from siting.register_tables import LEFT_OUT, REGISTER, Register, RegisterPosition
from siting.sources.register_communes import codes_at, declared_codes, outlines_of
from siting.sources.register_map import RegisterMap, read_register_map, register_map_sha256
from siting.sources.register_rows import RegisterRows, read_register_rows
from siting.sources.table_file import row_list
from siting.taxonomy import Taxonomy

__all__ = ["read_register", "read_register_map", "register_map_sha256", "register_sha256"]

_VAGUE = "position au centre de la commune : non utilisée"
_FIGURE = r"\d[\d,]*(?= k?m\b)"
_SHOWN_REASONS = 5
_NO_LICENCE = "non précisée"


def read_register(
    path: Path,
    *,
    taxonomy: Taxonomy,
    mappings: Sequence[RegisterMap] = (),
    departements: Collection[str] | None = None,
    vintage: str = "",
) -> Register:
    """
    Read a register: its services, where each is, and what is not one.

    FINESS in its three forms, France services, La Poste, schools and stations are recognised
    by their columns; anything else needs a mapping. Coordinates are tested against the commune
    of each row, in degrees or metres, exchanged or not (`settled_places`): a row without any
    that is right has no position and says why. A row that is there several times is read once,
    where it has a place. Nothing is geocoded here: see `siting.register_addresses`.

    Parameters
    ----------
    path
        CSV, XLSX, GeoPackage or GeoJSON file, or one of FINESS (`siting.sources.finess`).
    taxonomy
        Categories of service.
    mappings
        The user's own (`read_register_map`): the one that has its columns in the file is
        used; without one, the file is recognised.
    departements
        Codes to keep; rows elsewhere are counted and forgotten. All by default. Rows of unknown
        commune are kept.
    vintage
        ISO date of the register; by default that of each row, else of the mapping, of the file
        or of its name.

    Returns
    -------
    register
        Its table REGISTER, with what it covers and where it comes from.

    Raises
    ------
    DataError
        The file cannot be read, is not recognised, or lacks a column of the mapping.
    """
    read = read_register_rows(path, taxonomy=taxonomy, mappings=mappings)
    layout = read.layout
    rows = read.rows.assign(code=declared_codes(read.rows))
    is_asked = _is_asked(rows["code"], departements)
    rows = rows[is_asked]
    rows = rows.assign(vintage=_vintages(rows, read, vintage))
    services = _placed(rows[rows["left_out"] == ""], read)
    table, repeated = _once(services, layout)
    left_out = pd.concat([rows[rows["left_out"] != ""], repeated]).rename(
        columns={"left_out": "reason"}
    )
    left_out = left_out.sort_values("row_number")[["row_number", "id", "name", "reason"]]
    notes = _notes(table, left_out, services, n_elsewhere=int((~is_asked).sum()))
    return Register(
        name=layout.register,
        title=layout.title,
        table=table,
        categories=layout.covered,
        area=_area(table, layout, departements),
        distance_m=layout.distance_m,
        alike=layout.alike,
        provenance=_provenance(read, table),
        mapped_by=layout.file,
        left_out=LEFT_OUT.conform(left_out),
        notes=(*read.file.notes, *notes),
    )


def register_sha256(path: Path) -> str:
    """
    Return the SHA-256 of the file of a register.

    Raises
    ------
    DataError
        The file is missing.
    """
    if not path.is_file():
        raise DataError(f"Le registre « {path} » n'existe pas.")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_asked(codes: pd.Series, departements: Collection[str] | None) -> pd.Series:
    """Tell the rows of some départements, and those of unknown commune."""
    if departements is None:
        return codes.notna()
    return (codes == "") | codes.map(departement_of).isin(departements)


def _vintages(rows: pd.DataFrame, read: RegisterRows, given: str) -> pd.Series:
    """Return the date of each row: the one given, its own, that of the mapping or of the file."""
    if given:
        return pd.Series(given, index=rows.index)
    return rows["vintage"].mask(rows["vintage"] == "", read.layout.vintage or read.vintage)


def _placed(rows: pd.DataFrame, read: RegisterRows) -> pd.DataFrame:
    """Give rows their commune and their place, and say how sure it is."""
    place = _first_place(rows, read)
    is_unknown = (rows["code"] == "").to_numpy() & place.is_placed
    code = rows["code"].to_numpy(dtype=object, copy=True)
    code[is_unknown] = codes_at(place.lon[is_unknown], place.lat[is_unknown])
    is_vague = (rows["precision"] == RegisterPosition.COMMUNE).to_numpy() & place.is_placed
    is_placed = place.is_placed & ~is_vague
    is_address = is_placed & (rows["precision"] == RegisterPosition.ADDRESS).to_numpy()
    position = np.where(code != "", RegisterPosition.COMMUNE, RegisterPosition.NONE)
    position = np.where(is_placed, RegisterPosition.COORDINATES, position)
    position = np.where(is_address, RegisterPosition.ADDRESS, position)
    return rows.assign(
        code_insee=code,
        lon=np.where(is_placed, place.lon, np.nan),
        lat=np.where(is_placed, place.lat, np.nan),
        position=position,
        reading=place.reading,
        note=np.where(is_vague, _VAGUE, place.note),
    )


def _first_place(rows: pd.DataFrame, read: RegisterRows) -> SettledPlaces:
    """Keep, for each row, the first of its pairs of coordinates that is right."""
    outlines = outlines_of(rows["code"])
    lon, lat = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    reading = np.full(len(rows), Reading.NONE, dtype=object)
    note = np.full(len(rows), NO_COORDINATES, dtype=object)
    for x, y in read.pairs:
        left = np.flatnonzero(np.isnan(lon))
        at = rows.index.to_numpy()[left]
        tried = settled_places(x[at], y[at], outlines.iloc[left], crs=read.layout.crs)
        lon[left], lat[left], reading[left] = tried.lon, tried.lat, tried.reading
        says_more = tried.is_placed | (note[left] == NO_COORDINATES)
        note[left] = np.where(says_more, tried.note, note[left])
    return SettledPlaces(lon=lon, lat=lat, reading=reading, note=note)


def _once(services: pd.DataFrame, layout: RegisterMap) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    Return table REGISTER, and the rows that repeat one of it, with `left_out` saying so.

    A service whose rows are farther apart than one looks for it on the map has no sure place.
    """
    numbered = services["row_number"].map("ligne-{:04d}".format)
    key = layout.register + "/" + services["id"].mask(services["id"] == "", numbered)
    services = services.assign(register_id=key)
    by_worth = services.assign(is_lost=services["lon"].isna()).sort_values(
        ["is_lost", "row_number"]
    )
    first = by_worth.drop_duplicates("register_id").set_index("register_id")
    again = by_worth[by_worth["register_id"].duplicated()]
    model = first.reindex(again["register_id"])
    repeated = again.assign(
        left_out="répète la ligne " + model["row_number"].astype("str").to_numpy()
    )
    apart_m = geodesic_m(
        *(again[name].to_numpy() for name in ("lon", "lat")),
        *(model[name].to_numpy() for name in ("lon", "lat")),
    )
    far = pd.Series(apart_m, index=again["register_id"]).groupby(level=0).max()
    far = far[far > layout.distance_m]
    first.loc[far.index, ["lon", "lat"]] = np.nan
    first.loc[far.index, "position"] = RegisterPosition.COMMUNE
    first.loc[far.index, "note"] = far.map("deux positions à {:.0f} m l'une de l'autre".format)
    first["categories"] = services.groupby("register_id")["category"].agg(_distinct)
    has_reference = (first["id"] != "") & bool(layout.reference)
    first["references"] = (layout.reference + "=" + first["id"]).where(has_reference, "")
    first["register"] = layout.title
    table = first.sort_values("row_number").reset_index()
    return REGISTER.conform(table[[*REGISTER.index_names, *REGISTER.column_names]]), repeated


def _distinct(values: pd.Series) -> str:
    return ";".join(dict.fromkeys(values))


def _area(
    table: pd.DataFrame, layout: RegisterMap, departements: Collection[str] | None
) -> frozenset[str]:
    """Return the codes of the départements or communes that the register covers."""
    codes = table["code_insee"].dropna()
    if layout.area == ("communes",):
        return frozenset(codes)
    covered = (
        frozenset(codes.map(departement_of))
        if layout.area == ("departements",)
        else frozenset(layout.area)
    )
    return frozenset(
        code for code in covered if departements is None or departement_of(code) in departements
    )


def _provenance(read: RegisterRows, table: pd.DataFrame) -> Provenance:
    layout, own = read.layout, read.layout.file
    return Provenance(
        source=layout.title,
        url=layout.url,
        licence=layout.licence or _NO_LICENCE,
        attribution=layout.attribution or layout.title,
        data_timestamp=str(table["vintage"].dropna().max())
        if table["vintage"].notna().any()
        else "",
        sha256=read.file.sha256,
        note=f"fichier {read.file.name}" + (f", décrit par {Path(own).name}" if own else ""),
    )


def _notes(
    table: pd.DataFrame, left_out: pd.DataFrame, services: pd.DataFrame, *, n_elsewhere: int
) -> Iterator[str]:
    """Say in French what became of the rows."""
    n_placed = int(table["lon"].notna().sum())
    yield f"Services lus : {len(table)}, dont {n_placed} avec une position sûre."
    if n_elsewhere:
        yield f"Lignes d'autres départements, non lues : {n_elsewhere}."
    if len(left_out):
        reasons = left_out["reason"].str.replace(r"^répète.*", "ligne répétée", regex=True)
        counts = [f"{text} ({n})" for text, n in reasons.value_counts().items()]
        more = "…" if len(counts) > _SHOWN_REASONS else ""
        shown = ", ".join(counts[:_SHOWN_REASONS])
        yield f"Lignes laissées de côté : {len(left_out)}, dont {shown}{more}."
    for reading, note in NOTES.items():
        numbers = services.loc[services["reading"] == reading, "row_number"].to_list()
        if numbers:
            yield f"Positions remises en ordre : {len(numbers)}, {note} ({row_list(numbers)})."
    lost = table[table["lon"].isna()]
    reasons = lost["note"].str.replace(_FIGURE, "…", regex=True).value_counts()
    for reason, n_rows in reasons.items():
        yield f"Services sans position : {n_rows}, {reason}."
    if len(table) and table["vintage"].isna().all():
        yield (
            "Date du registre inconnue : mettez-la dans le nom du fichier (liste_2026-05-04.csv), "
            "ou dans « vintage » du fichier de correspondance."
        )
