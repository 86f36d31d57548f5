"""Bytes of a GeoJSON file -> its entities: attributes as text, single points.

It is read as the JSON it is, not through GDAL, which would turn texts that look like dates
into dates, and which knows formats of JSON that make it ask the network.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from siting.crs import WGS84, FloatArray
from siting.errors import CrsError, DataError
from siting.sources.cells import typed_text
from siting.sources.delimited import MAX_CELLS, MAX_ROWS

_EPSG = re.compile(r"(?:.*[:/])?EPSG(?:::|:|/)(?:[0-9.]*[:/])?([0-9]{4,6})", re.IGNORECASE)
_CRS84 = re.compile(r".*CRS84", re.IGNORECASE)
_SAVE_AS = (
    "Dans QGIS : clic droit sur la couche > Exporter > Sauvegarder les entités sous, format "
    "GeoJSON ou GeoPackage."
)
_Json = Any  # what a person's file holds: nothing is sure of it


@dataclass(frozen=True, slots=True)
class Entities:
    """
    Entities of a layer, in their order.

    Parameters
    ----------
    header
        Names of the attributes.
    rows
        Values of the attributes of each, as text.
    x, y
        Position of each, in the units of `crs`; NaN for what is not a single point.
    is_given
        If the entity has a geometry, be it a point or not.
    crs
        System of coordinates; None if the layer does not say.
    """

    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    x: FloatArray
    y: FloatArray
    is_given: npt.NDArray[np.bool_]
    crs: CRS | None


@dataclass(frozen=True, slots=True)
class Drawn:
    """
    Entities of a layer of outlines, in their order: see `Entities`.

    `shapes` are as they are drawn, in the units of `crs`; None for an entity without geometry.
    """

    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    shapes: npt.NDArray[np.object_]
    crs: CRS | None


def geojson_drawn(content: bytes, *, name: str) -> Drawn:
    """
    Read the entities of a GeoJSON file with their outlines.

    Raises
    ------
    CrsError, DataError
        As `geojson_entities`; a geometry that cannot be read.
    """
    top, features, header, rows = _features(content, name=name)
    texts = [json.dumps(one) if (one := _members(f, "geometry")) else None for f in features]
    try:
        shapes = shapely.from_geojson(np.array(texts, dtype=object))
    except shapely.GEOSException as error:
        raise DataError(f"{name} : un contour de ce GeoJSON est abîmé. {_SAVE_AS}") from error
    return Drawn(tuple(header), rows, shapes, _crs(top.get("crs"), name=name))


def geojson_entities(content: bytes, *, name: str) -> tuple[str, Entities]:
    """
    Read the entities of a GeoJSON file, and the name it gives itself (maybe empty).

    The attributes are those of any entity, in the order they come; an entity without one
    has an empty text. The identifier that stands outside of the attributes becomes the
    first. Positions are in WGS84 unless the file says another EPSG code, as GeoJSON
    did before 2016.

    Parameters
    ----------
    content
        The whole file.
    name
        Name of the file, for the messages.

    Raises
    ------
    CrsError
        A system of coordinates that is not an EPSG code.
    DataError
        Not JSON in UTF-8, JSON that is no GeoJSON, or too large a file.

    References
    ----------
    RFC 7946 (2016); the member `crs` is that of the GeoJSON specification of 2008.
    """
    top, features, header, rows = _features(content, name=name)
    ids = [typed_text(f.get("id")) if isinstance(f, dict) else "" for f in features]
    if any(ids) and ids != [typed_text(_members(f, "properties").get("id")) for f in features]:
        header = {"id (GeoJSON)" if "id" in header else "id": None, **header}
        rows = [(one, *row) for one, row in zip(ids, rows, strict=True)]
    points = [_point(_members(feature, "geometry")) for feature in features]
    xy = np.array([(math.nan, math.nan) if p is None else p for p in points]).reshape(-1, 2)
    given = top.get("name")
    return given if isinstance(given, str) else "", Entities(
        header=tuple(header),
        rows=rows,
        x=xy[:, 0],
        y=xy[:, 1],
        is_given=np.array([point is not None for point in points], dtype=bool),
        crs=_crs(top.get("crs"), name=name),
    )


def _features(
    content: bytes, *, name: str
) -> tuple[dict[str, _Json], list[_Json], dict[str, None], list[tuple[str, ...]]]:
    """Return the document, its entities, the names of their attributes, and the values."""
    top = _parsed(content, name=name)
    features = [top] if top["type"] == "Feature" else top.get("features")
    if not isinstance(features, list):
        raise DataError(f"{name} : ce GeoJSON n'a pas de liste d'entités (features). {_SAVE_AS}")
    properties = [_members(feature, "properties") for feature in features]
    header = dict.fromkeys(key for one in properties for key in one)
    if len(features) >= MAX_ROWS or len(features) * len(header) > MAX_CELLS:
        raise DataError(
            f"{name} : la couche dépasse {MAX_ROWS} entités ou {MAX_CELLS} valeurs. "
            "Partagez-la en plusieurs fichiers."
        )
    rows = [tuple(typed_text(one.get(key)) for key in header) for one in properties]
    return top, features, header, rows


def _parsed(content: bytes, *, name: str) -> dict[str, _Json]:
    if not content.strip():
        raise DataError(f"{name} : le fichier est vide.")
    try:
        top = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(f"{name} : le texte n'est pas en UTF-8. {_SAVE_AS}") from error
    except json.JSONDecodeError as error:
        raise DataError(
            f"{name} : ce n'est pas un GeoJSON, ou il est incomplet (ligne {error.lineno}). "
            f"{_SAVE_AS}"
        ) from error
    except (RecursionError, ValueError) as error:
        raise DataError(f"{name} : ce GeoJSON est abîmé ou anormal. {_SAVE_AS}") from error
    if not isinstance(top, dict) or top.get("type") not in ("FeatureCollection", "Feature"):
        raise DataError(
            f"{name} : ce JSON n'est pas un GeoJSON (FeatureCollection attendue). {_SAVE_AS}"
        )
    return top


def _members(feature: _Json, key: str) -> Mapping[str, _Json]:
    """Return an object inside of an entity; empty if it is missing or something else."""
    found = feature.get(key) if isinstance(feature, dict) else None
    return found if isinstance(found, dict) else {}


def _point(geometry: Mapping[str, _Json]) -> tuple[float, float] | None:
    """Return the place of a single point, NaN for any other geometry, None for none."""
    place = geometry.get("coordinates", geometry.get("geometries"))
    if place is None or place == []:
        return None
    if geometry.get("type") == "MultiPoint" and isinstance(place, list) and len(place) == 1:
        (place,) = place
    elif geometry.get("type") != "Point":
        return math.nan, math.nan
    if isinstance(place, list) and len(place) > 1 and all(map(_is_number, place[:2])):
        return float(place[0]), float(place[1])
    return math.nan, math.nan


def _is_number(value: _Json) -> bool:
    """Tell a number that fits in a float; `True` is none."""
    return type(value) is float or (type(value) is int and abs(value) < 10**15)


def _crs(member: _Json, *, name: str) -> CRS:
    if member is None:
        return WGS84
    code = str(_members(member, "properties").get("name", "")).strip()
    if _CRS84.fullmatch(code):
        return WGS84
    found = _EPSG.fullmatch(code)
    try:
        if found:
            return CRS.from_epsg(int(found[1]))
    except CRSError as error:
        raise CrsError(_unknown_crs(code, name)) from error
    raise CrsError(_unknown_crs(code, name))


def _unknown_crs(code: str, name: str) -> str:
    return (
        f"{name} : système de coordonnées « {code} » inconnu. Exportez la couche en EPSG:4326. "
        f"{_SAVE_AS}"
    )
