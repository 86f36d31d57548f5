"""A layer of areas (GeoJSON, GeoPackage) -> attributes as text, outlines in WGS84.

As for layers of points (`siting.sources.layer_file`), nothing in a file is followed or run.
"""

from __future__ import annotations

import functools
import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyogrio
import pyogrio.raw
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from siting.crs import WGS84
from siting.errors import CrsError, DataError
from siting.sources.cells import typed_text
from siting.sources.columns import Outline, Suits, chosen_title
from siting.sources.delimited import MAX_CELLS, MAX_ROWS
from siting.sources.geojson import Drawn, geojson_drawn
from siting.sources.layer_file import LAYER_SUFFIXES, UNREADABLE, checked_geopackage

_MAX_BYTES = 200 * 1024**2
_EXPORT = (
    "Dans QGIS : clic droit sur la couche > Exporter > Sauvegarder les entités sous, format "
    "GeoPackage, EPSG:4326."
)
_MAX_LON, _MAX_LAT = 180.0, 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnFile:
    """
    A layer of areas.

    Parameters
    ----------
    name
        Name of the file, for messages.
    header, rows
        Names of the attributes, and the values of each entity as text.
    outlines
        MultiPolygon of each in WGS84, made valid; None for an entity that is no area.
    sha256
        Fingerprint of the bytes read.
    """

    name: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    outlines: npt.NDArray[np.object_]
    sha256: str


def read_drawn_file(path: Path, *, suits: Suits | None = None) -> DrawnFile:
    """
    Read a layer of areas.

    Outlines in another system of coordinates are converted; those that cross themselves are
    mended (`shapely.make_valid`), and what is left of lines and points in them is dropped.

    Parameters
    ----------
    path
        A .geojson, .json or .gpkg file on this computer, up to 200 MiB.
    suits
        Tells the layer looked for, when a GeoPackage has several.

    Raises
    ------
    CrsError
        The layer does not say its system of coordinates, or one that cannot be converted, or
        its positions are not on Earth.
    DataError
        The file cannot be opened, is of another format, is damaged, or has no area.
    """
    content = _content(path)
    if path.suffix.lower() == ".gpkg":
        drawn = _geopackage(content, name=path.name, suits=suits)
    else:
        drawn = geojson_drawn(content, name=path.name)
    outlines = _areas(_wgs84(drawn, name=path.name))
    if not drawn.rows or all(one is None for one in outlines):
        raise DataError(f"{path.name} : ce fichier ne contient aucun contour (polygone). {_EXPORT}")
    return DrawnFile(
        name=path.name,
        header=drawn.header,
        rows=tuple(drawn.rows),
        outlines=outlines,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _content(path: Path) -> bytes:
    if path.suffix.lower() not in LAYER_SUFFIXES:
        raise DataError(
            f"{path.name} : une couche de contours est lue en .geojson ou en .gpkg. {_EXPORT}"
        )
    try:
        if not path.is_file():
            raise DataError(f"{path} : ce fichier n'existe pas, ou n'est pas un fichier ordinaire.")
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"{path.name} : le fichier dépasse {_MAX_BYTES // 1024**2} Mio.")
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path.name} : le fichier ne peut pas être ouvert ({error.strerror}). Vérifiez vos "
            "droits de lecture."
        ) from error


def _geopackage(content: bytes, *, name: str, suits: Suits | None) -> Drawn:
    content = checked_geopackage(content, name=name)
    choose = functools.partial(chosen_title, wanted=None, suits=suits, name=name, kind="couche")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # GDAL's, in English
            title = choose(_outlines(content))
            meta, table = pyogrio.raw.read_arrow(content, layer=title, max_features=MAX_ROWS)
    except DataError:
        raise
    except UNREADABLE as error:
        raise DataError(
            f"{name} : le fichier est abîmé et ne peut pas être lu. {_EXPORT}"
        ) from error
    if table.num_rows >= MAX_ROWS or table.num_rows * table.num_columns > MAX_CELLS:
        raise DataError(f"{name} : la couche dépasse {MAX_ROWS} entités ou {MAX_CELLS} valeurs.")
    geometry = str(meta["geometry_name"] or "wkb_geometry")
    kept = [column for column in table.column_names if column != geometry]
    columns = [[typed_text(value) for value in table[column].to_pylist()] for column in kept]
    drawn = table[geometry].to_pylist() if geometry in table.column_names else []
    shapes = shapely.from_wkb(np.array(drawn, dtype=object), on_invalid="ignore")
    return Drawn(
        header=tuple(kept),
        rows=list(zip(*columns, strict=True)) if columns else [()] * table.num_rows,
        shapes=shapes if len(drawn) else np.full(table.num_rows, None, dtype=object),
        crs=None if meta["crs"] is None else CRS.from_user_input(meta["crs"]),
    )


def _outlines(content: bytes) -> list[Outline]:
    found = []
    for title in map(str, pyogrio.list_layers(content)[:, 0]):
        about = pyogrio.read_info(content, layer=title, force_feature_count=True)
        found.append(
            Outline(
                title=title,
                header=tuple(map(str, about["fields"])),
                has_rows=int(about["features"]) > 0,
                is_drawn="Polygon" in str(about["geometry_type"] or ""),
            )
        )
    return found


def _wgs84(drawn: Drawn, *, name: str) -> npt.NDArray[np.object_]:
    if drawn.crs is None:
        raise CrsError(f"{name} : la couche ne dit pas son système de coordonnées. {_EXPORT}")
    shapes: npt.NDArray[np.object_] = shapely.force_2d(drawn.shapes)
    if not drawn.crs.equals(WGS84, ignore_axis_order=True):
        try:
            convert = Transformer.from_crs(drawn.crs, WGS84, always_xy=True, allow_ballpark=False)
        except ProjError as error:
            raise CrsError(
                f"{name} : la couche est en « {drawn.crs.name} », qui ne peut pas être converti "
                f"en WGS84. {_EXPORT}"
            ) from error
        shapes = shapely.transform(
            shapes, lambda xy: np.column_stack(convert.transform(xy[:, 0], xy[:, 1]))
        )
    xy = shapely.get_coordinates(shapes)
    if not (np.abs(xy) <= (_MAX_LON, _MAX_LAT)).all():
        raise CrsError(
            f"{name} : des positions ne sont pas des degrés, alors que la couche est dite en "
            f"« {drawn.crs.name} ». {_EXPORT}"
        )
    return shapes


def _areas(shapes: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Make each shape a valid MultiPolygon; None for what has no area."""
    areas = np.full(len(shapes), None, dtype=object)
    for at, shape in enumerate(shapely.make_valid(shapes)):
        parts = [] if shape is None else _polygons(shape)
        if parts:
            areas[at] = shapely.MultiPolygon(parts)
    return areas


def _polygons(shape: shapely.Geometry) -> list[shapely.Polygon]:
    """Return the polygons of a shape, those of a collection too."""
    parts = [part for one in shapely.get_parts(shape) for part in shapely.get_parts(one)]
    return [one for one in parts if isinstance(one, shapely.Polygon) and not one.is_empty]
