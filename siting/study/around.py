"""Where an area to keep lies: around places and communes that a person names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely

from siting.communes import Commune, CommuneNames
from siting.crs import WGS84, in_french_territory, metric_crs
from siting.errors import OptionError
from siting.sources.reference import read_commune_history, read_commune_register, read_communes

RADIUS_KM = 2.5  # more than 30 minutes of the quickest walker, 2.2 km, and 200 m to a street
LONGEST_KM = 30.0
_NUMBER = r"[+-]?\d+(?:[.,]\d+)?"
_LON_LAT = re.compile(
    # "2.48,48.9", or with French decimals "2,48 ; 48,9" and "2,48 48,9"
    rf"\s*(?:([+-]?\d+(?:\.\d+)?)\s*,\s*([+-]?\d+(?:\.\d+)?)|({_NUMBER})(?:\s*;\s*|\s+)({_NUMBER}))\s*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """
    The surroundings of places.

    Parameters
    ----------
    area
        Polygon or MultiPolygon in WGS84.
    label
        What they are around, in French.
    """

    area: shapely.Geometry
    label: str


def around(places: Sequence[str], communes: Sequence[str], *, radius_km: float) -> Around:
    """
    Return what lies within a straight distance of places and of whole communes.

    The boundaries of communes are the simplified ones of the package; that of a former commune
    is the one of the commune in which it lies today.

    Parameters
    ----------
    places
        Longitude and latitude in degrees: "2.48,48.9", or "2,48 ; 48,9" with French decimals.
    communes
        INSEE codes, or names that only one commune of France bears.
    radius_km
        Distance.

    Raises
    ------
    OptionError
        A place or a commune is not one; the distance is none, or over `LONGEST_KM`.
    DataError
        The reference data are absent or damaged.
    """
    if not 0 < radius_km <= LONGEST_KM:
        raise OptionError(
            f"--radius-km {radius_km:g} : donnez une distance en kilomètres, plus de 0 et au plus "
            f"{LONGEST_KM:g}."
        )
    shapes = dict(_points(places)) | dict(_polygons(communes))
    if not shapes:
        raise OptionError("Dites où : --around LON,LAT ou --commune CODE.")
    grown = [_grown(shape, radius_m=1000 * radius_km) for shape in shapes.values()]
    radius = f"{radius_km:g}".replace(".", ",")
    return Around(area=shapely.union_all(grown), label=f"{', '.join(shapes)} et {radius} km autour")


def _points(places: Sequence[str]) -> Iterator[tuple[str, shapely.Geometry]]:
    for text in places:
        found = _LON_LAT.fullmatch(text)
        if found is None:
            raise OptionError(
                f"--around « {text} » : donnez longitude et latitude en degrés, comme 2.48,48.90."
            )
        lon, lat = (float(number.replace(",", ".")) for number in found.groups() if number)
        if not (_is_french(lon, lat) or not _is_french(lat, lon)):
            raise OptionError(
                f"--around « {text} » : longitude et latitude sont sans doute inversées ; donnez "
                f"{lat:g},{lon:g}."
            )
        if not _is_french(lon, lat):
            raise OptionError(f"--around « {text} » : ce point n'est pas en France.")
        yield f"{lon:g},{lat:g}", shapely.Point(lon, lat)


def _is_french(lon: float, lat: float) -> bool:
    return bool(in_french_territory(np.array([lon]), np.array([lat]))[0])


def _polygons(communes: Sequence[str]) -> Iterator[tuple[str, shapely.Geometry]]:
    if not communes:
        return
    names = CommuneNames.of(read_commune_register(), read_commune_history())
    for text in communes:
        commune = _commune(text.strip(), names)
        polygon = read_communes([commune.code_dep]).geometry.get(commune.code_insee)
        if polygon is None:
            raise OptionError(
                f"--commune « {text} » : le contour de {commune.label} n'est pas connu ; donnez un "
                "point avec --around."
            )
        where = f", dans {commune.code_insee}" if commune.is_former else ""
        yield f"{commune.nom} ({commune.code}{where})", polygon


def _commune(text: str, names: CommuneNames) -> Commune:
    found = names.of_code(text)
    if found is not None:
        return found
    named = names.designated(text)
    if named.commune is None:
        raise OptionError(
            f"--commune « {text} » : commune inconnue, ou plusieurs de ce nom. "
            f"{named.question or 'Donnez le code INSEE.'}"
        )
    return named.commune


def _grown(shape: shapely.Geometry, *, radius_m: float) -> shapely.Geometry:
    west, south, east, north = shape.bounds
    one = gpd.GeoSeries([shape], crs=WGS84)
    metric = one.to_crs(metric_crs((west, south, east, north)))
    return metric.buffer(radius_m).to_crs(WGS84).union_all()
