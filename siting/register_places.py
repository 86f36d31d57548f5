"""Which reading of a register's coordinates is right: the one that lies in the declared commune.

FINESS is known for pairs whose two numbers are exchanged, and for metres beside degrees in one
and the same column (ansforge/finess, issue 24). No name of a column is believed: each row is
tested.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import geopandas as gpd
import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer

from siting.borders import gaps_m
from siting.crs import TERRITORIES, WGS84, FloatArray, in_french_territory

# Boundaries are simplified: at most 294 m off where they were measured (data/README.md).
BORDER_M = 300.0

_LON_MAX_DEG, _LAT_MAX_DEG = 180.0, 90.0

_BoolArray = npt.NDArray[np.bool_]
_TextArray = npt.NDArray[np.object_]


class Reading(StrEnum):
    """How a pair of coordinates was read."""

    NONE = "none"
    AS_GIVEN = "as_given"
    SWAPPED = "swapped"
    METRIC = "metric"
    METRIC_SWAPPED = "metric_swapped"


NOTES = {
    Reading.SWAPPED: "longitude et latitude inversées dans le registre, remises dans l'ordre",
    Reading.METRIC: "coordonnées en mètres dans le registre, converties",
    Reading.METRIC_SWAPPED: (
        "coordonnées en mètres, X et Y inversés dans le registre, remises dans l'ordre et converties"
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
    where the commune or its outline is unknown, when it lies in the box of a territory. With
    none that is right, or two that lead to different communes' sides, there is no place: a
    position in another commune than the declared one is worth nothing, be it the position
    or the commune that is wrong.

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
    lon, lat, best_m = np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.inf)
    reading = np.full(n, Reading.NONE, dtype=object)
    is_given = np.isfinite(x) & np.isfinite(y) & ~((x == 0) & (y == 0))
    for kind, one_lon, one_lat in _readings(x, y, crs):
        open_rows = np.flatnonzero(is_given & np.isfinite(one_lon) & (reading == Reading.NONE))
        metres = _metres_off(one_lon[open_rows], one_lat[open_rows], shapes.iloc[open_rows])
        best_m[open_rows] = np.fmin(best_m[open_rows], metres)
        right = open_rows[metres <= BORDER_M]
        lon[right], lat[right], reading[right] = one_lon[right], one_lat[right], kind
    notes = [NOTES.get(kind, "") for kind in reading]
    for at in np.flatnonzero(reading == Reading.NONE):
        notes[at] = _why_none(x[at], y[at], best_m[at])
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
    is_metric = ~((np.abs(x) <= _LON_MAX_DEG) & (np.abs(y) <= _LON_MAX_DEG))
    metric = np.where(is_metric, x, np.nan), np.where(is_metric, y, np.nan)
    for territory in TERRITORIES:
        convert = Transformer.from_crs(CRS.from_epsg(territory.epsg), WGS84, always_xy=True)
        for kind, sides in (
            (Reading.METRIC, metric),
            (Reading.METRIC_SWAPPED, metric[::-1]),
        ):
            yield kind, *_where(territory.contains, *convert.transform(*sides))
