"""Rows of a list that are the same thing, listed twice: each names the earliest one."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.addresses import read_address
from siting.crs import geodesic_m, require_crs
from siting.names import plain_key, street_key

SAME_PLACE_M = 30.0  # siting's own choice: the two ends of one building
_M_PER_DEGREE = 110_000.0  # fewest metres in a degree of latitude


def address_key(address: str, *, postcode: str, commune: str) -> str:
    """Reduce an address to number, suffix and name of the street; empty if there is none."""
    read = read_address(address, postcode=postcode, commune=commune)
    words = (read.number, plain_key(read.suffix)[:1], street_key(read.street))
    return " ".join(filter(None, words))


def earliest(keys: pd.Series) -> pd.Series:
    """
    Name, for each row, the earliest one that has the same key.

    Returns
    -------
    duplicate_of
        Index of that row; missing for the first of its key, and where the key is missing.
    """
    known = keys.dropna().drop_duplicates()
    first = keys.map(dict(zip(known, known.index, strict=True))).astype("object")
    is_first = first.to_numpy() == keys.index.to_numpy()
    return first.mask(is_first | keys.isna())


def earliest_within(
    keys: pd.Series, points: gpd.GeoSeries, *, within_m: float = SAME_PLACE_M
) -> pd.Series:
    """
    Name, for each row, the earliest one of the same key that stands within some metres.

    A row that is the same as an earlier one is nobody's earliest: chains do not grow.

    Parameters
    ----------
    keys
        What must be the same, missing where a row is like no other.
    points
        Positions in WGS84, on the index of `keys`; missing where not known.
    within_m
        Longest straight line between the two, in metres.

    Returns
    -------
    duplicate_of
        Index of that row; missing where there is none.

    Raises
    ------
    CrsError
        If the points are not in WGS84.
    """
    require_crs(points, "points")
    found = pd.Series(None, index=keys.index, dtype="object")
    is_placed = (keys.notna() & ~(points.isna() | points.is_empty)).to_numpy()
    at = np.flatnonzero(is_placed & keys.duplicated(keep=False).to_numpy())
    if not len(at):
        return found
    lon = points.iloc[at].x.to_numpy(np.float64)
    lat = points.iloc[at].y.to_numpy(np.float64)
    high = within_m / _M_PER_DEGREE
    wide = high / np.maximum(np.cos(np.radians(lat)), 0.01)
    boxes = shapely.box(lon - wide, lat - high, lon + wide, lat + high)
    later, sooner = shapely.STRtree(shapely.points(lon, lat)).query(boxes, predicate="intersects")
    same = pd.factorize(keys.iloc[at])[0]
    is_pair = (sooner < later) & (same[sooner] == same[later])
    later, sooner = later[is_pair], sooner[is_pair]
    is_near = geodesic_m(lon[later], lat[later], lon[sooner], lat[sooner]) <= within_m
    twins: dict[int, int] = {}
    for one, other in sorted(zip(later[is_near].tolist(), sooner[is_near].tolist(), strict=True)):
        if other not in twins:
            twins.setdefault(one, other)
    for one, other in twins.items():
        found.iloc[at[one]] = keys.index[at[other]]
    return found
