"""The file of a layer that a person installs -> its table, and the listing to compare.

A file is that of the layer it is said to be, or it is refused with what is missing; a row that
cannot be used is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from siting.communes import CommuneNames
from siting.errors import DataError
from siting.list_changes import LISTING
from siting.sources.cells import insee_code
from siting.sources.columns import Field, column_list, recognised_columns
from siting.sources.density_levels import read_levels
from siting.sources.layer_kinds import LayerContent, LayerKind
from siting.sources.layer_table import (
    LayerFile,
    LayerTable,
    iso_day,
    layer_table,
    named_vintage,
    told_rows,
)
from siting.sources.quarter_file import read_quarters
from siting.sources.register_rows import read_register_rows
from siting.taxonomy import read_taxonomy
from siting.territory_layers import DENSITY, PROGRAMME

__all__ = ["LayerFile", "programme_listing", "read_layer_file"]

_CODE = Field(
    "code_insee",
    (
        *("code insee", "insee com", "codgeo", "codeinsee", "code commune", "code insee commune"),
        *("depcom", "insee", "com", "code geo", "code"),
    ),
    must_be_sure=False,
)
_NAME = Field(
    "nom",
    (
        *("lib com", "nom", "commune", "libgeo", "nom commune", "nom com", "libelle commune"),
        *("libcom", "ville"),
    ),
    must_be_sure=False,
)
_DEPARTEMENT = Field(
    "code_dep", ("insee dep", "code dep", "departement", "dep"), must_be_sure=False
)
_SIGNED = Field(
    "signed_on", ("date signature", "date de signature", "signature"), must_be_sure=False
)
_PLACES = Field("liste", ("liste geo",), must_be_sure=False)
_PLACE = re.compile(r"\s*,?\s*([^()]+?)\s*\(((?:\d[\dAB]|97|98)\d{3})\)")


def read_layer_file(
    kind: LayerKind, path: Path, *, names: Callable[[], CommuneNames] | None = None
) -> LayerFile:
    """
    Read the file of a layer.

    Parameters
    ----------
    kind
        The layer it is said to be.
    path
        The file: CSV, XLSX or points for a list of communes, CSV or XLSX for the density grid,
        GeoJSON or GeoPackage for quarters, what `siting study --register` reads for a register.
    names
        Gives the names of communes, for a list that has no code: only then are names read,
        and one that is that of several communes is not used.

    Raises
    ------
    DataError
        The file cannot be read, is not the layer it is said to be, or has no usable row.
    """
    readers: dict[LayerContent, Callable[[], LayerFile]] = {
        LayerContent.PROGRAMME: lambda: _programme(path, names),
        LayerContent.DENSITY: lambda: _density(path),
        LayerContent.QPV: lambda: read_quarters(path, kind),
        LayerContent.REGISTER: lambda: _register(path, kind),
    }
    return readers[kind.kind]()


def _programme(path: Path, names: Callable[[], CommuneNames] | None) -> LayerFile:
    """Read a list of communes: one a row, or several in a list of names and codes."""
    fields = (_PLACES, _CODE, _NAME, _DEPARTEMENT, _SIGNED)

    def is_list(header: Sequence[str]) -> bool:
        found = recognised_columns(header, fields, columns={}, name=path.name).positions
        return bool({"liste", "code_insee", "nom"} & found.keys())

    table = layer_table(path, is_header=is_list, fields=fields)
    if not is_list(table.header):
        raise _not_a(path, "une liste de communes", "insee_com (ou code_insee, codgeo)", table)
    rows, notes = _listed_rows(table, names)
    if rows.empty:
        raise DataError(f"{path.name} : aucune ligne de cette liste n'a de code de commune.")
    is_code = rows["code_insee"].map(insee_code) != ""
    odd = rows[~is_code]
    if is_code.sum() * 2 < len(rows):
        raise DataError(
            f"{path.name} : la colonne des codes n'en contient pas (par exemple "
            f"« {odd['code_insee'].iloc[0]} »). Il faut des codes INSEE de communes."
        )
    notes += told_rows(
        "Codes qui ne sont ceux d'aucune commune", odd["code_insee"] + " " + odd["nom"]
    )
    first_names = rows.groupby("code_insee", sort=True)["nom"].first()
    signed_on = rows.sort_values("signed_on").groupby("code_insee")["signed_on"].first()
    listed = pd.DataFrame({"nom": first_names, "signed_on": signed_on.reindex(first_names.index)})
    listed = PROGRAMME.conform(listed.reset_index())
    return LayerFile(
        table=listed,
        listing=programme_listing(listed),
        vintage=named_vintage(path.stem),
        sha256=table.sha256,
        notes=(*table.notes, *notes),
    )


def programme_listing(listed: pd.DataFrame) -> pd.DataFrame:
    """Return the table `LISTING` of a list of communes: the value is the date of signature."""
    rows = listed.rename_axis("code").reset_index()
    return LISTING.conform(
        rows.rename(columns={"signed_on": "value"}).assign(outline="")[
            [*LISTING.index_names, *LISTING.column_names]
        ]
    )


def _listed_rows(
    table: LayerTable, names: Callable[[], CommuneNames] | None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return code, name and date of each commune of a list, and what could not be used."""
    days = [iso_day(text) or None for text in table.column("signed_on")]
    signed = pd.Series(days, dtype=object)  # None, so that the first of two dates is a date
    if "liste" in table.positions:
        found = [_PLACE.findall(text) for text in table.column("liste")]
        rows = [
            (code, nom, day)
            for places, day in zip(found, signed, strict=True)
            for nom, code in places
        ]
        empty = pd.Series(table.column("liste"))[[not places for places in found]]
        notes = told_rows("Lignes sans commune reconnue", empty)
        return pd.DataFrame(rows, columns=["code_insee", "nom", "signed_on"]), notes
    frame = pd.DataFrame(
        {
            "code_insee": [insee_code(text) or text for text in table.column("code_insee")],
            "nom": table.column("nom"),
            "signed_on": signed,
            "code_dep": table.column("code_dep"),
        }
    )
    notes = ()
    without = (frame["code_insee"] == "") & (frame["nom"] != "")
    if without.any() and names is not None:
        known = names()
        frame.loc[without, "code_insee"] = [
            _code_of(nom, dep, known)
            for nom, dep in zip(
                frame.loc[without, "nom"], frame.loc[without, "code_dep"], strict=True
            )
        ]
        lost = frame[without & (frame["code_insee"] == "")]
        notes = told_rows(
            "Communes sans code, dont le nom ne suffit pas (inconnu, ou de plusieurs communes)",
            lost["nom"],
        )
    return frame[frame["code_insee"] != ""], notes


def _code_of(nom: str, departement: str, known: CommuneNames) -> str:
    """Return the code of the one commune that a name designates; "" if there is not just one."""
    found = known.designated(nom, departements=[departement] if departement else [])
    return "" if found.commune is None else found.commune.code


def _density(path: Path) -> LayerFile:
    table, levels, notes = read_levels(path, code=_CODE)
    codes = pd.Series([insee_code(text) for text in table.column("code_insee")], dtype=object)
    frame = levels.assign(code_insee=codes)
    lost = pd.Series(table.column("code_insee"))[codes == ""]
    notes += told_rows("Lignes sans code de commune, laissées", lost)
    frame = frame[frame["code_insee"] != ""]
    if frame.empty:
        raise DataError(f"{path.name} : aucune ligne n'a de code INSEE de commune.")
    twice = frame[frame["code_insee"].duplicated()]
    if not twice.empty:
        raise DataError(
            f"{path.name} : la commune {twice['code_insee'].iloc[0]} y est deux fois, sans que "
            "l'on sache quelle ligne croire."
        )
    grid = DENSITY.conform(frame)
    listing = (
        grid.rename_axis("code")
        .reset_index()[["code"]]
        .assign(nom="", value=grid["density_label"].to_numpy(), outline="")
    )
    return LayerFile(
        table=grid,
        listing=LISTING.conform(listing),
        vintage=named_vintage(path.stem),
        sha256=table.sha256,
        notes=(*table.notes, *notes),
    )


def _register(path: Path, kind: LayerKind) -> LayerFile:
    read = read_register_rows(path, taxonomy=read_taxonomy(), mappings=())
    if read.layout.register != kind.name.replace("_", "-") and read.layout.register != kind.name:
        raise DataError(
            f"{path.name} : ce fichier est celui du registre « {read.layout.title} », et non de "
            f"« {kind.title} »."
        )
    rows = read.rows[read.rows["id"] != ""].drop_duplicates("id")
    if rows.empty:
        raise DataError(f"{path.name} : aucune ligne de ce registre n'a d'identifiant.")
    value = rows[["address", "code_insee", "category", "left_out"]].agg(
        lambda cells: " ; ".join(filter(None, cells)), axis=1
    )
    listing = pd.DataFrame(
        {"code": rows["id"], "nom": rows["name"], "value": value, "outline": ""}
    ).sort_values("code")
    days = read.rows.loc[read.rows["vintage"] != "", "vintage"]
    own = read.layout.vintage or read.vintage or (days.max() if len(days) else "")
    return LayerFile(
        table=None,
        listing=LISTING.conform(listing),
        vintage=own or named_vintage(path.stem),
        sha256=read.file.sha256,
        notes=read.file.notes,
    )


def _not_a(path: Path, what: str, wanted: str, table: LayerTable) -> DataError:
    return DataError(
        f"{path.name} : ce n'est pas {what}, il manque la colonne {wanted}. "
        f"Colonnes du fichier : {column_list(table.header)}."
    )
