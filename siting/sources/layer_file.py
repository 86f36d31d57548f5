"""Bytes of a layer of points (GeoPackage, GeoJSON) -> rows of text and positions.

The bytes are checked before anything opens them: nothing here follows a path or an address
that a file, or its name, may hold.
"""

from __future__ import annotations

import sqlite3
import warnings
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyogrio
import pyogrio.raw
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from siting.crs import WGS84, FloatArray
from siting.errors import CrsError, DataError
from siting.sources.cells import typed_text
from siting.sources.columns import Choice, Outline, unread_note
from siting.sources.delimited import MAX_CELLS, MAX_ROWS, NumberedRow
from siting.sources.geojson import Entities, geojson_entities

LAYER_SUFFIXES = (".gpkg", ".geojson", ".json")
NOT_A_POINT = "pas un point"  # written for the longitude of a line, of an area, of many points

_SQLITE = b"SQLite format 3\x00"
# Of the header of SQLite (its file format, section 1.3): bytes of a page, 1 for 65536; 2 for a
# write-ahead log, 1 for none; number of pages.
_PAGE_BYTES, _WAL_VERSIONS, _N_PAGES = slice(16, 18), slice(18, 20), slice(28, 32)
_LARGEST_PAGE_BYTES = 65_536
_MAX_LAYERS = 200
_MAY_BE_POINTS = ("Point", "Unknown", "GeometryCollection")  # in GDAL's names of types
_POINT, _MULTI_POINT = 0, 4  # types of GEOS

_EXPORT = (
    "Dans QGIS : clic droit sur la couche > Exporter > Sauvegarder les entités sous, format "
    "GeoPackage."
)
# What GDAL, SQLite and Arrow raise on a damaged file.
UNREADABLE = (
    RuntimeError,
    ValueError,
    OSError,
    OverflowError,
    sqlite3.Error,
    pa.ArrowException,
    CRSError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """
    Entities of one layer as rows of text, the names of the attributes first.

    The first entity is row 2, as it would be in a spreadsheet. `points` holds longitude and
    latitude (WGS84) of each, as text, both empty without geometry, `NOT_A_POINT` for a line
    or an area; it is empty if no entity has a geometry.
    """

    name: str
    rows: tuple[NumberedRow, ...]
    points: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def layer_rows(content: bytes, *, name: str, suffix: str, choose: Choice) -> Layer:
    """
    Read a layer of points: attributes as text, positions in WGS84.

    Attributes are those of the file, and the number of each entity where the format gives
    it a name (`fid`). A point counts as such when it is a point with or without height, or
    a set of one point. Positions in another system of coordinates are converted.

    Parameters
    ----------
    content
        The whole file.
    name
        Name of the file, for the messages.
    suffix
        One of `LAYER_SUFFIXES`.
    choose
        Picks the layer to read among the outlines of all.

    Raises
    ------
    CrsError
        The layer does not say its system of coordinates, or one that cannot be converted.
    DataError
        Another format than the suffix says, a damaged or too large file, views in a
        GeoPackage, no layer to choose, or a layer of lines or areas only.
    """
    if suffix == ".gpkg":
        outlines, title, entities = _geopackage(
            checked_geopackage(content, name=name), name=name, choose=choose
        )
    else:
        title, entities = geojson_entities(content, name=name)
        outlines = [
            Outline(
                title=title or name[: -len(suffix)],
                header=entities.header,
                has_rows=bool(entities.rows),
                has_points=True,
            )
        ]
        title = choose(outlines)
    points, notes = _positions(entities, name=name, title=title)
    return Layer(
        name=title,
        rows=((1, entities.header), *enumerate(entities.rows, start=2)),
        points=points,
        notes=(*unread_note(outlines, title, kind="couche"), *notes),
    )


def checked_geopackage(content: bytes, *, name: str) -> bytes:
    """
    Refuse what is no GeoPackage, or could run something; return what is to be opened.

    A GeoPackage may hold views, queries that run when it is read: a hostile one never ends.
    """
    if not content:
        raise DataError(f"{name} : le fichier est vide.")
    if not content.startswith(_SQLITE):
        raise DataError(f"{name} : ce n'est pas un GeoPackage, malgré son nom. {_EXPORT}")
    page_bytes = int.from_bytes(content[_PAGE_BYTES])
    page_bytes = _LARGEST_PAGE_BYTES if page_bytes == 1 else page_bytes
    if int.from_bytes(content[_N_PAGES]) * page_bytes > len(content):
        raise DataError(f"{name} : le GeoPackage est incomplet (copie interrompue ?). {_EXPORT}")
    # The log of a database that is not being written is empty: read it as one without log.
    plain = bytearray(content)
    plain[_WAL_VERSIONS] = b"\x01\x01"
    content = bytes(plain)
    base = sqlite3.connect(":memory:")
    try:
        base.deserialize(content)
        kinds = base.execute("SELECT type, name FROM sqlite_master").fetchall()
    except (sqlite3.Error, OverflowError, ValueError) as error:  # a name may be no text
        raise DataError(f"{name} : le GeoPackage est abîmé. {_EXPORT}") from error
    finally:
        base.close()
    views = [str(title) for kind, title in kinds if kind == "view"]
    if views:
        raise DataError(
            f"{name} : le GeoPackage contient des vues ({', '.join(views[:3])}), qui ne sont pas "
            f"lues. Exportez la couche utile dans un nouveau fichier. {_EXPORT}"
        )
    if ("table", "gpkg_contents") not in kinds:
        raise DataError(f"{name} : ce n'est pas un GeoPackage mais une autre base. {_EXPORT}")
    return content


def _geopackage(
    content: bytes, *, name: str, choose: Choice
) -> tuple[list[Outline], str, Entities]:
    """Return the outlines of all layers, the title of the one chosen, and its entities."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # GDAL's, in English
            outlines = _outlines(content, name=name)
            title = choose(outlines)
            return outlines, title, _entities(content, title, name=name)
    except DataError:
        raise
    except UNREADABLE as error:
        raise DataError(
            f"{name} : le fichier est abîmé et ne peut pas être lu. {_EXPORT}"
        ) from error


def _outlines(content: bytes, *, name: str) -> list[Outline]:
    titles = [str(title) for title in pyogrio.list_layers(content)[:, 0]]
    if len(titles) > _MAX_LAYERS:
        raise DataError(f"{name} : le fichier a plus de {_MAX_LAYERS} couches. {_EXPORT}")
    outlines = []
    for title in titles:
        about = pyogrio.read_info(content, layer=title, force_feature_count=True)
        kind = str(about["geometry_type"] or "")  # none for a table without geometry
        may_be_points = any(word in kind for word in _MAY_BE_POINTS)
        outlines.append(
            Outline(
                title=title,
                header=tuple(map(str, about["fields"])),
                has_rows=int(about["features"]) > 0,
                has_points=may_be_points,
                is_drawn=bool(kind) and not may_be_points,
            )
        )
    return outlines


def _entities(content: bytes, title: str, *, name: str) -> Entities:
    meta, table = pyogrio.raw.read_arrow(
        content, layer=title, return_fids=True, max_features=MAX_ROWS
    )
    if table.num_rows >= MAX_ROWS or table.num_rows * table.num_columns > MAX_CELLS:
        raise DataError(
            f"{name} : la couche dépasse {MAX_ROWS} entités ou {MAX_CELLS} valeurs. "
            "Partagez-la en plusieurs fichiers."
        )
    geometry = str(meta["geometry_name"] or "wkb_geometry")
    has_numbers = pyogrio.read_info(content, layer=title)["fid_column"] != ""
    left_out = {geometry} if has_numbers else {geometry, str(meta["fid_column"])}  # GDAL's count
    kept = [column for column in table.column_names if column not in left_out]
    columns = [[typed_text(value) for value in table[column].to_pylist()] for column in kept]
    drawn = [None] * table.num_rows
    if geometry in table.column_names:
        drawn = table[geometry].to_pylist()
    shapes = shapely.from_wkb(np.array(drawn, dtype=object), on_invalid="ignore")
    kind, is_empty = shapely.get_type_id(shapes), shapely.is_empty(shapes)
    is_set_of_one = (kind == _MULTI_POINT) & (shapely.get_num_geometries(shapes) == 1)
    is_point = ((kind == _POINT) | is_set_of_one) & ~is_empty
    points = shapely.get_geometry(np.where(is_point, shapes, None), 0)
    return Entities(
        header=tuple(kept),
        rows=list(zip(*columns, strict=True)) if columns else [()] * table.num_rows,
        x=shapely.get_x(points),
        y=shapely.get_y(points),
        is_given=np.array([one is not None for one in drawn], dtype=bool) & ~is_empty,
        crs=None if meta["crs"] is None else CRS.from_user_input(meta["crs"]),
    )


def _positions(
    entities: Entities, *, name: str, title: str
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Write longitude and latitude of each entity, and say what was converted."""
    x, y = entities.x, entities.y
    is_point = entities.is_given & np.isfinite(x) & np.isfinite(y)
    if not entities.is_given.any():
        return (), ()
    if not is_point.any():
        raise DataError(
            f"{name} : la couche « {title} » contient des lignes ou des polygones, pas des points. "
            "Dans QGIS : Vecteur > Outils de géométrie > Centroïdes, puis enregistrez le résultat. "
            "Pour faire chercher les adresses, enregistrez la couche au format CSV."
        )
    lon, lat, notes = _wgs84(entities, name=name, title=title)
    is_origin = (x == 0) & (y == 0)  # a missing point, in whatever system
    lon, lat = np.where(is_origin, 0.0, lon), np.where(is_origin, 0.0, lat)
    cells = [
        (repr(float(one)), repr(float(other))) if point else (NOT_A_POINT if given else "", "")
        for one, other, point, given in zip(lon, lat, is_point, entities.is_given, strict=True)
    ]
    return tuple(cells), notes


def _wgs84(
    entities: Entities, *, name: str, title: str
) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    crs = entities.crs
    if crs is None:
        raise CrsError(
            f"{name} : la couche « {title} » ne dit pas son système de coordonnées. Dans QGIS, "
            "indiquez-le (clic droit > SCR de la couche), puis exportez-la en EPSG:4326."
        )
    if crs.equals(WGS84, ignore_axis_order=True):
        return entities.x, entities.y, ()
    try:
        # Without `allow_ballpark`, a system that nothing ties to the ground is an error.
        convert = Transformer.from_crs(crs, WGS84, always_xy=True, allow_ballpark=False)
        lon, lat = convert.transform(entities.x, entities.y)
        x, y = convert.transform(lon, lat, direction="INVERSE")
    except ProjError as error:
        raise CrsError(
            f"{name} : la couche « {title} » est en « {crs.name} », qui ne peut pas être converti "
            "en WGS84. Exportez-la en EPSG:4326 depuis votre logiciel de cartographie."
        ) from error
    # Far outside of its area a projection gives any place: one that does not lead back is none.
    is_sure = np.isclose(x, entities.x, rtol=1e-6) & np.isclose(y, entities.y, rtol=1e-6)
    lon, lat = np.where(is_sure, lon, np.inf), np.where(is_sure, lat, np.inf)
    return lon, lat, (f"Positions converties de « {crs.name} » en WGS84.",)
