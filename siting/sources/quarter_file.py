"""A layer of priority quarters (QPV) -> their table, and the listing to compare."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely

from siting.crs import WGS84
from siting.errors import DataError
from siting.labels import counted
from siting.list_changes import LISTING
from siting.names import plain_key
from siting.sources.cells import insee_code, plain_text
from siting.sources.columns import Field, Outline, column_list, recognised_columns
from siting.sources.drawn_file import read_drawn_file
from siting.sources.layer_kinds import LayerKind
from siting.sources.layer_table import LayerFile, named_vintage, told_rows
from siting.territory_layers import QPV

_QP_CODE = Field("code_qp", ("code qp", "code qpv", "codeqp", "code quartier"))
_QP_NAME = Field(
    "nom", ("lib qp", "nom qp", "nom qpv", "lib qpv", "nom quartier"), must_be_sure=False
)
_QP_COMMUNES = Field(
    "codes_insee", ("insee com", "code commune", "code insee", "depcom"), must_be_sure=False
)
_QP_PREFIXES = {"QP": "2015", "QN": "2024"}
_LIST_MARKS = re.compile(r"[,;]\s*")


def read_quarters(path: Path, kind: LayerKind) -> LayerFile:
    """
    Read quarters; those of one code are united, those that a file unites have all codes.

    Raises
    ------
    CrsError, DataError
        As `read_drawn_file`; no code, or codes of another generation than the layer's.
    """

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
    notes = told_rows("Entités sans code ou sans contour, laissées", frame[is_lost]["nom"])
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
