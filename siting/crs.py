"""Coordinate reference systems: WGS84 at rest, metres inside, never Lambert-93 overseas."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
from pyproj import CRS, Geod, Transformer

from siting.errors import CrsError

WGS84 = CRS.from_epsg(4326)
GEOD = Geod(ellps="WGS84")

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_BOX_MARGIN_DEG = 1.0  # data of a border town may step out of the box of its territory
_SHARED_FROM = 50_000  # pairs of points from which the cores share the work
_UTM_WIDTH_DEG = 12.0  # two UTM zones: beyond that, projected positions are no longer usable


@dataclass(frozen=True, slots=True)
class Territory:
    """
    A part of France, its legal metric CRS and the box in which that CRS is used.

    Boxes are degrees (west, south, east, north), land and coastal waters with a
    margin, inside the area of use of the CRS in the EPSG register.
    """

    name: str
    epsg: int
    bounds: tuple[float, float, float, float]

    def contains(self, lon: FloatArray, lat: FloatArray) -> npt.NDArray[np.bool_]:
        """Tell, for each point, if it lies in the box of the territory."""
        west, south, east, north = self.bounds
        return (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)


# Decree 2000-1276 of 26 December 2000, as amended in 2019: legal systems of each territory.
# 5490 is RGAF09 / UTM 20N (Guadeloupe, Martinique, Saint-Martin, Saint-Barthelemy).
TERRITORIES: tuple[Territory, ...] = (
    Territory("France métropolitaine", 2154, (-5.5, 41.2, 9.8, 51.3)),
    Territory("Guadeloupe et Martinique", 5490, (-63.3, 14.2, -60.6, 18.3)),
    Territory("Guyane", 2972, (-54.7, 2.0, -51.5, 6.0)),
    Territory("La Réunion", 2975, (55.1, -21.5, 56.0, -20.8)),
    Territory("Mayotte", 4471, (44.9, -13.1, 45.4, -12.5)),
    Territory("Saint-Pierre-et-Miquelon", 4467, (-56.5, 46.7, -56.0, 47.2)),
)


def in_french_territory(lon: FloatArray, lat: FloatArray) -> npt.NDArray[np.bool_]:
    """Tell, for each point, if it lies in the box of some French territory (a coarse test)."""
    inside = np.zeros(np.shape(lon), dtype=bool)
    for territory in TERRITORIES:
        inside |= territory.contains(lon, lat)
    return inside


def metric_crs(bounds: tuple[float, float, float, float]) -> CRS:
    """
    Choose the metric CRS for an extent in degrees.

    Parameters
    ----------
    bounds
        West, south, east, north, in degrees.

    Returns
    -------
    crs
        Legal CRS of the French territory around the centre of the extent; outside of
        France, the UTM zone (WGS84) of the centre.

    Raises
    ------
    CrsError
        If the extent is empty or wider than one projection can serve (12 degrees).
    """
    west, south, east, north = bounds
    extent = f"({west:g}, {south:g}) - ({east:g}, {north:g})"
    if not np.isfinite(bounds).all() or west > east or south > north:
        raise CrsError(f"L'emprise {extent} est vide ou invalide.")
    lon, lat = (west + east) / 2, (south + north) / 2
    for territory in TERRITORIES:
        if territory.contains(np.array([lon]), np.array([lat]))[0]:
            box = territory.bounds
            over = max(box[0] - west, box[1] - south, east - box[2], north - box[3])
            if over > _BOX_MARGIN_DEG:
                break
            return CRS.from_epsg(territory.epsg)
    if max(east - west, north - south) > _UTM_WIDTH_DEG:
        raise CrsError(
            f"Les données couvrent {extent} : trop large pour une seule projection métrique. "
            "Faites une étude par territoire (métropole, La Réunion, ...)."
        )
    zone = int((lon + 180) // 6) % 60 + 1
    return CRS.from_epsg((32600 if lat >= 0 else 32700) + zone)


def by_territory(points: gpd.GeoSeries) -> Iterator[tuple[CRS, gpd.GeoSeries]]:
    """
    Group points of a WGS84 series by the metric CRS of their territory.

    Points outside of every French box form the groups of their own UTM zone. Empty
    or missing points are left out. Each group is yielded still in WGS84.
    """
    located = points[~(points.isna() | points.is_empty)]
    if located.empty:
        return
    epsg = np.zeros(len(located), dtype=np.int64)
    lon, lat = located.x.to_numpy(), located.y.to_numpy()
    for territory in TERRITORIES:
        epsg[(epsg == 0) & territory.contains(lon, lat)] = territory.epsg
    zone = ((lon + 180) // 6).astype(np.int64) % 60 + 1
    epsg = np.where(epsg == 0, np.where(lat >= 0, 32600, 32700) + zone, epsg)
    for code in np.unique(epsg):
        yield CRS.from_epsg(int(code)), located[epsg == code]


def require_crs(layer: gpd.GeoDataFrame | gpd.GeoSeries, name: str) -> None:
    """Refuse a layer without CRS, or one that is not in WGS84; `name` is used in the message."""
    if layer.crs is None:
        raise CrsError(f"`{name}` has no CRS; set it with set_crs() before use.")
    if CRS(layer.crs) != WGS84:
        raise CrsError(f"`{name}` is in {layer.crs.to_string()}; reproject it with to_crs(4326).")


def require_metric(layer: gpd.GeoDataFrame | gpd.GeoSeries, name: str) -> None:
    """Refuse a layer whose CRS is missing or not in metres; `name` is used in the message."""
    if layer.crs is None:
        raise CrsError(f"`{name}` has no CRS; set it with set_crs() before use.")
    unit = layer.crs.axis_info[0].unit_name
    if not layer.crs.is_projected or unit != "metre":
        raise CrsError(
            f"`{name}` is in {layer.crs.to_string()}, whose unit is not the metre; "
            "reproject it with siting.crs.to_metric()."
        )


def to_metric(layer: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """
    Reproject a layer to the metric CRS of its territory.

    Raises
    ------
    CrsError
        If the layer has no CRS, is empty, or spans more than one territory.
    """
    if layer.crs is None:
        raise CrsError("The layer has no CRS; set it with set_crs() before use.")
    west, south, east, north = layer.to_crs(WGS84).total_bounds
    return layer.to_crs(metric_crs((float(west), float(south), float(east), float(north))))


def metric_transformer(crs: CRS) -> Transformer:
    """Return the transformer from longitude, latitude (degrees) to x, y (metres) in `crs`."""
    return Transformer.from_crs(WGS84, crs, always_xy=True)


def geodesic_m(
    lon_1: FloatArray, lat_1: FloatArray, lon_2: FloatArray, lat_2: FloatArray
) -> FloatArray:
    """
    Measure ellipsoidal metres between pairs of points in degrees (NaN in, NaN out).

    References
    ----------
    Karney (2013), Algorithms for geodesics, J. Geodesy 87:43-55, as in PROJ.
    """
    if np.size(lon_1) < _SHARED_FROM:
        _, _, metres = GEOD.inv(lon_1, lat_1, lon_2, lat_2)
        return np.asarray(metres, dtype=np.float64)
    n_threads = os.cpu_count() or 1
    parts = [np.array_split(values, n_threads) for values in (lon_1, lat_1, lon_2, lat_2)]
    with ThreadPoolExecutor(n_threads) as threads:
        return np.concatenate([metres for _, _, metres in threads.map(GEOD.inv, *parts)])
