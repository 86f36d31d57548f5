"""Coordinates of a person's table: which are used, and what is wrong with the others.

A pair that cannot be the longitude and latitude of a project is never mended: it is left out,
with its reason, and the remark says what it looks like.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer

from siting.crs import TERRITORIES, WGS84, FloatArray, Territory, in_french_territory
from siting.sources.cells import decimal_number, has_two_numbers, is_sexagesimal
from siting.sources.layer_file import NOT_A_POINT
from siting.tables import GeocodeReason

LON_MAX_DEG, LAT_MAX_DEG = 180.0, 90.0

_BoolArray = npt.NDArray[np.bool_]

# Systems in metres that French files of places are in, beside the legal ones of each
# territory: the former Lambert II étendu, the conic zones CC42 to CC50 (decree 2006-272 of
# 3 March 2006), each around its parallel, and the maps of the web.
_LAMBERT_2 = 27572
_WEB_MERCATOR = 3857
_CONIC_ZONES = {zone: 3900 + zone for zone in range(42, 51)}  # parallel in degrees -> EPSG
_CONIC_HALF_DEG = 1.2  # a zone serves about a degree on each side of its parallel
_METRES = {
    2154: "Lambert-93",
    _LAMBERT_2: "Lambert II étendu",
    _WEB_MERCATOR: "Web Mercator",
    5490: "UTM 20 Nord, Antilles",
    2972: "UTM 22 Nord, Guyane",
    2975: "UTM 40 Sud, La Réunion",
    4471: "UTM 38 Sud, Mayotte",
    4467: "UTM 21 Nord, Saint-Pierre-et-Miquelon",
    **{epsg: f"Lambert CC{zone}" for zone, epsg in _CONIC_ZONES.items()},
}

_METRIC = "elles sont en mètres, sans doute en"
_BEYOND = (
    "elles sortent des limites (longitude de -180 à 180, latitude de -90 à 90) ; la virgule est "
    "peut-être perdue"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinates:
    """
    Longitudes and latitudes of the rows of a table.

    Parameters
    ----------
    lon, lat
        Degrees, NaN where none is given or none is used.
    issue
        `COORD_SUSPECT` or `COORD_UNREADABLE` where they are given and not used, else empty.
    remarks
        What is wrong, in French, and the positions of the rows it is said of.
    """

    lon: FloatArray
    lat: FloatArray
    issue: npt.NDArray[np.str_]
    remarks: tuple[tuple[str, tuple[int, ...]], ...]


def read_coordinates(lon_cells: Sequence[str], lat_cells: Sequence[str]) -> Coordinates:
    """
    Read longitudes and latitudes, and tell those that are not to be used.

    A decimal comma is read as a point is. Not used: what is not two numbers, 0 and 0, degrees
    beyond the globe (metres mostly), places that are in France once longitude and latitude
    are swapped or one sign is changed, and whole degrees, which a file that lost its
    decimals holds. A place abroad is used: only its commune can tell that it is wrong.
    """
    lon = np.array([decimal_number(cell) for cell in lon_cells])
    lat = np.array([decimal_number(cell) for cell in lat_cells])
    is_given = np.array([bool(x or y) for x, y in zip(lon_cells, lat_cells, strict=True)])
    is_read = np.isfinite(lon) & np.isfinite(lat)
    is_suspect = np.zeros(len(lon), dtype=bool)
    remarks: dict[str, list[int]] = {}
    for at in map(int, np.flatnonzero(is_given & ~is_read)):
        remarks.setdefault(_why_unreadable(lon_cells[at], lat_cells[at]), []).append(at)
    for remark, mask in _suspicions(lon, lat):
        new = is_read & mask & ~is_suspect
        is_suspect |= new
        if new.any():
            remarks.setdefault(remark, []).extend(map(int, np.flatnonzero(new)))
    issue = np.where(is_given & ~is_read, GeocodeReason.COORD_UNREADABLE.value, "")
    issue = np.where(is_suspect, GeocodeReason.COORD_SUSPECT.value, issue)
    is_used = is_read & ~is_suspect
    return Coordinates(
        lon=np.where(is_used, lon, np.nan),
        lat=np.where(is_used, lat, np.nan),
        issue=issue,
        remarks=tuple((remark, tuple(rows)) for remark, rows in remarks.items()),
    )


def metric_systems(x: FloatArray, y: FloatArray) -> list[str]:
    """
    Name the systems in metres in which each place would lie in the territory they serve.

    Several where they cannot be told apart, none (an empty text) where no system fits; x and
    y may be exchanged. A system is never taken for granted: this is a remark to a person.
    """
    names: list[list[str]] = [[] for _ in range(len(x))]
    for epsg, territories in _served():
        convert = Transformer.from_crs(CRS.from_epsg(epsg), WGS84, always_xy=True)
        for first, second, ending in ((x, y, ""), (y, x, ", x et y inversés")):
            lon, lat = convert.transform(first, second)
            fits = np.any([territory.contains(lon, lat) for territory in territories], axis=0)
            for at in np.flatnonzero(fits):
                names[at].append(f"{_METRES[epsg]} (EPSG:{epsg}{ending})")
    return [" ou ".join(found) for found in names]


def are_degrees(lon: FloatArray, lat: FloatArray) -> _BoolArray:
    """Tell the pairs that fit in degrees; metres of a French system never do."""
    return (np.abs(lon) <= LON_MAX_DEG) & (np.abs(lat) <= LAT_MAX_DEG)


def _served() -> Iterator[tuple[int, tuple[Territory, ...]]]:
    """Yield each system in metres and the boxes it serves, the legal ones first."""
    mainland = TERRITORIES[0]
    for territory in TERRITORIES:
        yield territory.epsg, (territory,)
    yield _LAMBERT_2, (mainland,)
    west, _, east, _ = mainland.bounds
    for zone, epsg in _CONIC_ZONES.items():
        bounds = (west, zone - _CONIC_HALF_DEG, east, zone + _CONIC_HALF_DEG)
        yield epsg, (Territory("", epsg, bounds),)
    yield _WEB_MERCATOR, TERRITORIES


def _suspicions(lon: FloatArray, lat: FloatArray) -> Iterator[tuple[str, _BoolArray]]:
    """Yield what may be wrong with numbers and where, the surest first."""
    yield "longitude et latitude valent 0", (lon == 0) & (lat == 0)
    is_beyond = ~are_degrees(lon, lat) & np.isfinite(lon) & np.isfinite(lat)
    beyond = np.flatnonzero(is_beyond)
    systems = metric_systems(lon[beyond], lat[beyond]) if beyond.size else []
    for system in dict.fromkeys(filter(None, systems)):
        mask = np.zeros(len(lon), dtype=bool)
        mask[[at for at, one in zip(beyond, systems, strict=True) if one == system]] = True
        yield f"{_METRIC} {system}, pas en degrés ; convertissez-les en WGS84 (EPSG:4326)", mask
    yield _BEYOND, is_beyond
    is_abroad = ~in_french_territory(lon, lat)
    yield "longitude et latitude sont inversées", is_abroad & in_french_territory(lat, lon)
    is_mirrored = in_french_territory(-lon, lat) | in_french_territory(lon, -lat)
    yield "un signe moins est sans doute perdu ou de trop", is_abroad & is_mirrored
    is_whole = (lon == np.rint(lon)) & (lat == np.rint(lat))
    yield "ce sont des degrés entiers ; les décimales sont sans doute perdues", is_whole


def _why_unreadable(lon: str, lat: str) -> str:
    if lon == NOT_A_POINT:
        return "la géométrie n'est pas un point unique"
    if has_two_numbers(lon) or has_two_numbers(lat):
        return "une case contient deux nombres ; partagez-la en deux colonnes, « lon » et « lat »"
    if is_sexagesimal(lon) or is_sexagesimal(lat):
        return (
            "elles sont en degrés, minutes et secondes, ou avec une lettre ; écrivez des degrés "
            "décimaux, comme 48,9033"
        )
    if not lon or not lat:
        return "il manque la longitude ou la latitude"
    return "ce ne sont pas deux nombres"
