"""Which reading of a register's coordinates is right: the one that lies in the declared commune.

FINESS is known for pairs whose two numbers are exchanged, and for metres beside degrees in one
and the same column (ansforge/finess, issue 24). No name of a column is believed: each row is
tested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import geopandas as gpd
import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer

from siting.borders import gaps_m
from siting.crs import TERRITORIES, WGS84, FloatArray, geodesic_m, in_french_territory

# Boundaries are simplified: at most 294 m off where they were measured (data/README.md).
BORDER_M = 300.0

_APART_M = 100.0  # two readings nearer than that are the same place
_DOUBLE = "deux lectures possibles des coordonnées : non utilisées"
_MAX_DEG = 180.0  # metres of a legal system are always beyond it

_BoolArray = npt.NDArray[np.bool_]
_TextArray = npt.NDArray[np.object_]


class Reading(StrEnum):
    """How a pair of coordinates was read."""

    NONE = "none"
    AS_GIVEN = "as_given"
    SWAPPED = "swapped"
    METRIC = "metric"
    METRIC_SWAPPED = "metric_swapped"


NO_COORDINATES = "sans coordonnées"
NOTES = {
    Reading.SWAPPED: "longitude et latitude inversées dans le registre, remises dans l'ordre",
    Reading.METRIC: "coordonnées en mètres dans le registre, converties",
    Reading.METRIC_SWAPPED: (
        "coordonnées en mètres et inversées dans le registre, remises dans l'ordre et converties"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledPlaces:
    """
    Places of the rows of a register.

    Parameters
    ----------
    lon, lat
        Degrees; NaN where no reading is right.
    reading
        How each pair was read (`Reading`).
    note
        What was put right, or why there is no place, in French; empty if there is nothing to
        say.
    """

    lon: FloatArray
    lat: FloatArray
    reading: _TextArray
    note: _TextArray

    @property
    def is_placed(self) -> _BoolArray:
        """Tell the rows that have a place."""
        return np.isfinite(self.lon)


def settled_places(
    x: FloatArray, y: FloatArray, outlines: gpd.GeoSeries, *, crs: CRS | None = None
) -> SettledPlaces:
    """
    Read each pair in the one way that puts it in the commune of its row.

    The readings are degrees, degrees exchanged, and metres of the legal system of each French
    territory, exchanged or not. One is right when it lies within `BORDER_M` of the commune;
    where the commune or its outline is unknown, when it lies in the box of the territory. With
    none that is right there is no place: a position in another commune than the declared one
    is worth nothing, be it the position or the commune that is wrong. Nor is there one when two
    are right and apart: so it may be of metres in Guyane, whose communes are as wide as high
    and where both numbers are of the same size.

    What is ignored: a wrong place inside of the right commune (a town hall given for every
    service of the commune) is not seen.

    Parameters
    ----------
    x, y
        What the register calls longitude and latitude (or X and Y); NaN where it gives none.
    outlines
        Commune declared by each row, in WGS84, in the same order; missing where unknown.
    crs
        System of coordinates, when it is known for all rows; None to test the readings.

    References
    ----------
    Decree 2000-1276 of 26 December 2000: legal systems of each territory (`siting.crs`).
    """
    shapes = outlines.reset_index(drop=True)
    n = len(x)
    lon, lat, nearest_m = np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.inf)
    reading = np.full(n, Reading.NONE, dtype=object)
    is_double = np.zeros(n, dtype=bool)
    is_given = np.isfinite(x) & np.isfinite(y) & ~((x == 0) & (y == 0))
    for kind, one_lon, one_lat in _readings(x, y, crs):
        read = np.flatnonzero(is_given & np.isfinite(one_lon))
        metres = _metres_off(one_lon[read], one_lat[read], shapes.iloc[read])
        nearest_m[read] = np.fmin(nearest_m[read], metres)
        right = read[metres <= BORDER_M]
        apart_m = geodesic_m(lon[right], lat[right], one_lon[right], one_lat[right])
        is_double[right[apart_m > _APART_M]] = True  # NaN where it is the first that is right
        right = right[np.isnan(apart_m)]
        lon[right], lat[right], reading[right] = one_lon[right], one_lat[right], kind
    lon[is_double], lat[is_double], reading[is_double] = np.nan, np.nan, Reading.NONE
    notes = [NOTES.get(kind, "") for kind in reading]
    for at in np.flatnonzero(reading == Reading.NONE):
        notes[at] = _DOUBLE if is_double[at] else _why_none(x[at], y[at], nearest_m[at])
    return SettledPlaces(
        lon=lon, lat=lat, reading=reading, note=np.array(notes, dtype=object).reshape(n)
    )


def _readings(
    x: FloatArray, y: FloatArray, crs: CRS | None
) -> Iterator[tuple[Reading, FloatArray, FloatArray]]:
    """Yield the readings, each as degrees that are NaN outside of France or of their system."""
    if crs is not None:
        convert = Transformer.from_crs(crs, WGS84, always_xy=True)
        kinds = (Reading.AS_GIVEN, Reading.SWAPPED)
        for kind, (east, north) in zip(kinds, ((x, y), (y, x)), strict=True):
            yield kind, *_where(in_french_territory, *convert.transform(east, north))
        return
    yield Reading.AS_GIVEN, *_where(in_french_territory, x, y)
    yield Reading.SWAPPED, *_where(in_french_territory, y, x)
    is_metric = (np.abs(x) > _MAX_DEG) & (np.abs(y) > _MAX_DEG)
    metric = np.where(is_metric, x, np.nan), np.where(is_metric, y, np.nan)
    for territory in TERRITORIES:
        convert = Transformer.from_crs(CRS.from_epsg(territory.epsg), WGS84, always_xy=True)
        for kind, sides in (
            (Reading.METRIC, metric),
            (Reading.METRIC_SWAPPED, metric[::-1]),
        ):
            yield kind, *_where(territory.contains, *convert.transform(*sides))


def _where(
    is_inside: Callable[[FloatArray, FloatArray], _BoolArray], lon: FloatArray, lat: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return degrees, NaN where they are not inside."""
    inside = is_inside(lon, lat)
    return np.where(inside, lon, np.nan), np.where(inside, lat, np.nan)


def _metres_off(lon: FloatArray, lat: FloatArray, outlines: gpd.GeoSeries) -> FloatArray:
    """Measure from each place to its commune; 0 where the outline is not known."""
    metres = np.zeros(len(lon))
    is_known = outlines.notna().to_numpy()
    places = gpd.GeoSeries(gpd.points_from_xy(lon[is_known], lat[is_known]), crs=WGS84)
    metres[is_known] = gaps_m(places, outlines[is_known].reset_index(drop=True))
    return metres


def _why_none(x: float, y: float, best_m: float) -> str:
    if not (np.isfinite(x) and np.isfinite(y)):
        return NO_COORDINATES
    if x == 0 and y == 0:
        return "coordonnées nulles (0, 0)"
    if np.isfinite(best_m):
        return f"position à {best_m / 1000:.1f} km de la commune déclarée : non utilisée".replace(
            ".", ",", 1
        )
    return "coordonnées qui ne tombent dans aucun territoire français : non utilisées"
