"""The file of a layer that a person installs -> its table, and the listing to compare.

A file is that of the layer it is said to be, or it is refused with what is missing; a row that
cannot be used is told.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely

from siting.communes import CommuneNames
from siting.crs import WGS84
from siting.errors import DataError
from siting.labels import counted
from siting.list_changes import LISTING
from siting.names import plain_key
from siting.sources.cells import insee_code, plain_text
from siting.sources.columns import Field, Outline, column_list, recognised_columns
from siting.sources.density_levels import read_levels
from siting.sources.drawn_file import read_drawn_file
from siting.sources.layer_kinds import LayerContent, LayerKind
from siting.sources.layer_table import LayerTable, iso_day, layer_table
from siting.sources.register_rows import read_register_rows
from siting.taxonomy import read_taxonomy
from siting.territory_layers import DENSITY, PROGRAMME, QPV

__all__ = ["LayerFile", "read_layer_file"]

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

_QP_CODE = Field("code_qp", ("code qp", "code qpv", "codeqp", "code quartier"))
_QP_NAME = Field(
    "nom", ("lib qp", "nom qp", "nom qpv", "lib qpv", "nom quartier"), must_be_sure=False
)
_QP_COMMUNES = Field(
    "codes_insee", ("insee com", "code commune", "code insee", "depcom"), must_be_sure=False
)
_QP_PREFIXES = {"QP": "2015", "QN": "2024"}
_LIST_MARKS = re.compile(r"[,;]\s*")

_SHOWN = 5
_YEAR = r"(?<!\d)(20\d\d)"
_VINTAGES = (
    re.compile(rf"{_YEAR}[-_. ]?(0[1-9]|1[0-2])[-_. ]?(0[1-9]|[12]\d|3[01])(?!\d)"),
    re.compile(rf"{_YEAR}[-_. ](0[1-9]|1[0-2])(?!\d)"),
    re.compile(rf"(cog)[-_ ]?{_YEAR[7:]}(?!\d)", re.IGNORECASE),
    re.compile(rf"{_YEAR}(?!\d)"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFile:
    """
    What the file of a layer holds.

    Parameters
    ----------
    table
        Its table (`PROGRAMME`, `DENSITY` or `QPV`), by the codes of the file; None for a
        register, which is read where it is used.
    listing
        Table `LISTING`: its rows, to compare with those of another vintage.
    vintage
        Date or year that the file, or its name, gives itself; "" for none.
    sha256
        Fingerprint of the file.
    notes
        What could not be used, and what was put right, in French.
    """

    table: pd.DataFrame | None
    listing: pd.DataFrame
    vintage: str
    sha256: str
    notes: tuple[str, ...] = ()


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
        LayerContent.QPV: lambda: _qpv(path, kind),
        LayerContent.REGISTER: lambda: _register(path, kind),
    }
    return readers[kind.kind]()


def named_vintage(name: str) -> str:
    """Return the day, month, year or year of the geographic code in the name of a file."""
    for pattern in _VINTAGES:
        found = pattern.search(name)
        if found:
            parts = [part for part in found.groups() if part]
            is_cog = parts[0].lower() == "cog"
            return f"COG {parts[1]}" if is_cog else "-".join(parts)
    return ""


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
    notes += _told("Codes qui ne sont ceux d'aucune commune", odd["code_insee"] + " " + odd["nom"])
    names = rows.groupby("code_insee", sort=True)["nom"].first()
    signed_on = rows.sort_values("signed_on").groupby("code_insee")["signed_on"].first()
    listed = pd.DataFrame({"nom": names, "signed_on": signed_on.reindex(names.index)})
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
        notes = _told("Lignes sans commune reconnue", empty)
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
        notes = _told(
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
    notes += _told("Lignes sans code de commune, laissées", lost)
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


def _qpv(path: Path, kind: LayerKind) -> LayerFile:
    """Read quarters; those of one code are united, those that a file unites have all codes."""

    def suits(outline: Outline) -> bool:
        return outline.is_drawn and any(
            plain_key(name) in _QP_CODE.aliases for name in outline.header
        )

    file = read_drawn_file(path, suits=suits)
    found = recognised_columns(
        file.header, (_QP_CODE, _QP_NAME, _QP_COMMUNES), columns={}, name=path.name
    )
    if "code_qp" not in found.positions:
        raise DataError(
            f"{path.name} : ce n'est pas une couche de quartiers prioritaires, il manque leur code "
            f"(code_qp). Colonnes du fichier : {column_list(file.header)}."
        )
    cells = {
        field: [plain_text(row[at]) for row in file.rows] for field, at in found.positions.items()
    }
    blank = [""] * len(file.rows)
    frame = gpd.GeoDataFrame(
        {
            "code_qp": [";".join(_LIST_MARKS.split(text.upper())) for text in cells["code_qp"]],
            "nom": cells.get("nom", blank),
            "codes_insee": [
                ";".join(filter(None, map(insee_code, _LIST_MARKS.split(text))))
                for text in cells.get("codes_insee", blank)
            ],
            "vintage": kind.vintage,
        },
        geometry=file.outlines,
        crs=WGS84,
    )
    is_lost = (frame["code_qp"] == "") | frame.geometry.isna()
    notes = _told("Entités sans code ou sans contour, laissées", frame[is_lost]["nom"])
    frame = frame[~is_lost]
    _require_generation(frame["code_qp"], kind, path)
    several = frame[frame["code_qp"].str.contains(";")]
    if not several.empty:
        merged = counted(len(several), "contour réunit", "contours réunissent")
        notes += (f"{merged} plusieurs quartiers, sans dire lequel est lequel.",)
    quarters = QPV.conform(_united(frame))
    return LayerFile(
        table=quarters,
        listing=_quarter_listing(quarters),
        vintage=named_vintage(path.stem),
        sha256=file.sha256,
        notes=notes,
    )


def _require_generation(codes: pd.Series, kind: LayerKind, path: Path) -> None:
    """Refuse quarters of another generation than the layer's: their codes tell it."""
    seen = {_QP_PREFIXES.get(code[:2], "") for text in codes for code in text.split(";")}
    if seen == {kind.vintage}:
        return
    if len(seen) == 1 and "" not in seen:
        (other,) = seen
        raise DataError(
            f"{path.name} : ces quartiers sont ceux de {other} (code {codes.iloc[0]}), et non de "
            f"{kind.vintage} : siting data import qpv_{other} {path.name}."
        )
    raise DataError(
        f"{path.name} : les codes de quartiers de {kind.vintage} commencent tous par "
        f"{next(code for code, year in _QP_PREFIXES.items() if year == kind.vintage)} ; ce fichier "
        f"en a d'autres (par exemple {codes.iloc[0]})."
    )


def _united(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Unite the parts of each quarter, which some files cut along the communes."""
    rows = [
        (
            code,
            parts["nom"].iloc[0],
            ";".join(dict.fromkeys(";".join(filter(None, parts["codes_insee"])).split(";"))),
            parts["vintage"].iloc[0],
            _multi(shapely.union_all(parts.geometry.to_numpy())),
        )
        for code, parts in frame.groupby("code_qp", sort=True)
    ]
    columns = [*QPV.index_names, *QPV.column_names, "geometry"]
    return gpd.GeoDataFrame(pd.DataFrame(rows, columns=columns), geometry="geometry", crs=WGS84)


def _multi(shape: shapely.Geometry) -> shapely.MultiPolygon:
    return shape if isinstance(shape, shapely.MultiPolygon) else shapely.MultiPolygon([shape])


def _quarter_listing(quarters: gpd.GeoDataFrame) -> pd.DataFrame:
    outlines = shapely.to_wkb(shapely.normalize(quarters.geometry.to_numpy()))
    return LISTING.conform(
        pd.DataFrame(
            {
                "code": quarters.index,
                "nom": quarters["nom"].to_numpy(),
                "value": quarters["codes_insee"].to_numpy(),
                "outline": [hashlib.sha256(one).hexdigest() for one in outlines],
            }
        )
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


def _told(what: str, lines: Sequence[str] | pd.Series) -> tuple[str, ...]:
    """Say which rows could not be used; nothing when there is none."""
    texts = [text.strip() or "(vide)" for text in lines]
    if not texts:
        return ()
    more = f" et {len(texts) - _SHOWN} de plus" if len(texts) > _SHOWN else ""
    return (f"{what} : {', '.join(texts[:_SHOWN])}{more}.",)
