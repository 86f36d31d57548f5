"""Which service may be which row of a register, and who goes with whom: one to one."""

from __future__ import annotations

from typing import NamedTuple

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from siting.borders import gaps_m
from siting.crs import FloatArray, IntArray, by_territory

_SLACK_SHARE = 0.01  # a projection is up to 0.3 % off; metres are then measured on the ellipsoid
_SLACK_M = 1.0

_NO_POSITIONS = np.empty(0, dtype=np.int64)


class Pairs(NamedTuple):
    """Pairs of a place (`left`) and a point (`right`), by position, and the metres between."""

    left: IntArray
    right: IntArray
    metres: FloatArray

    def kept(self, chosen: npt.NDArray[np.bool_] | IntArray) -> Pairs:
        """Return some of the pairs, by mask or by position."""
        return Pairs(self.left[chosen], self.right[chosen], self.metres[chosen])


def near_pairs(places: gpd.GeoSeries, points: gpd.GeoSeries, *, within_m: float) -> Pairs:
    """
    Find the places that are at most `within_m` from each point.

    A place may be a point, the doors of a building or an area: what is inside of an area is at
    0 m. Metres are ellipsoidal, rounded to the millimetre.

    Parameters
    ----------
    places, points
        In WGS84; missing and empty ones are near nothing.
    within_m
        Longest distance, in metres.
    """
    places, points = places.reset_index(drop=True), points.reset_index(drop=True)
    around = {
        crs.to_epsg(): group.index.to_numpy()
        for crs, group in by_territory(places.representative_point())
    }
    left, right = [_NO_POSITIONS], [_NO_POSITIONS]
    for crs, group in by_territory(points):
        held = around.get(crs.to_epsg(), _NO_POSITIONS)
        at_point, at_place = shapely.STRtree(places[held].to_crs(crs).to_numpy()).query(
            group.to_crs(crs).to_numpy(),
            predicate="dwithin",
            distance=within_m * (1 + _SLACK_SHARE) + _SLACK_M,
        )
        left.append(held[at_place])
        right.append(group.index.to_numpy()[at_point])
    pairs = measured(places, points, np.concatenate(left), np.concatenate(right))
    return pairs.kept(pairs.metres <= within_m)


def measured(
    places: gpd.GeoSeries, points: gpd.GeoSeries, left: IntArray, right: IntArray
) -> Pairs:
    """Measure pairs of positions; NaN where a place or a point is missing."""
    shapes = places.iloc[left].reset_index(drop=True)
    metres = gaps_m(points.iloc[right], shapes)
    return Pairs(left.astype(np.int64), right.astype(np.int64), np.round(metres, 3))


def one_to_one(left: IntArray, right: IntArray) -> IntArray:
    """
    Keep pairs so that each side is in one at most: the first pairs win.

    It is what taking pairs in their order, and leaving out those of which a side is taken,
    would give: each round takes all the pairs that come first for both their sides.

    Parameters
    ----------
    left, right
        Sides of each pair, the best pair first.

    Returns
    -------
    kept
        Positions of the pairs kept, in their order.
    """
    waiting = np.arange(len(left), dtype=np.int64)
    kept = [_NO_POSITIONS]
    while len(waiting):
        is_first = np.ones(len(waiting), dtype=bool)
        for side in (left[waiting], right[waiting]):
            is_first &= np.isin(np.arange(len(side)), np.unique(side, return_index=True)[1])
        chosen = waiting[is_first]
        kept.append(chosen)
        is_taken = np.isin(left[waiting], left[chosen]) | np.isin(right[waiting], right[chosen])
        waiting = waiting[~is_taken]
    return np.sort(np.concatenate(kept))
