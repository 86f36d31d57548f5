"""Which service may be which row of a register, and who goes with whom: one to one."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from siting.borders import gaps_m
from siting.crs import FloatArray, IntArray, by_territory

_SLACK_SHARE = 0.01  # a projection is up to 0.3 % off; metres are then measured on the ellipsoid

_BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of a place (`left`) and a point (`right`), by position, and the metres between."""

    left: IntArray
    right: IntArray
    metres: FloatArray

    def kept(self, mask: _BoolArray) -> Pairs:
        """Return some of the pairs."""
        return Pairs(self.left[mask], self.right[mask], self.metres[mask])


def near_pairs(places: gpd.GeoSeries, points: gpd.GeoSeries, *, within_m: float) -> Pairs:
    """
    Find each point that is at most `within_m` from a place.

    A place may be a point, the entrances of a building or an area: one is at 0 m from an area
    that one is in. Metres are ellipsoidal, rounded to the millimetre.

    Parameters
    ----------
    places, points
        In WGS84; missing and empty ones are near nothing.
    within_m
        Longest distance, in metres.
    """
    numbered = places.reset_index(drop=True), points.reset_index(drop=True)
    middles = gpd.GeoSeries(numbered[0].representative_point(), crs=places.crs)
    around = {crs.to_epsg(): group.index for crs, group in by_territory(middles)}
    found = [(np.empty(0, dtype=np.int64),) * 2]
    for crs, group in by_territory(numbered[1]):
        index = around.get(crs.to_epsg())
        if index is None:
            continue
        tree = shapely.STRtree(numbered[0].loc[index].to_crs(crs).to_numpy())
        right, left = tree.query(
            group.to_crs(crs).to_numpy(),
            predicate="dwithin",
            distance=within_m * (1 + _SLACK_SHARE) + 1.0,
        )
        found.append((index.to_numpy()[left], group.index.to_numpy()[right]))
    left, right = (np.concatenate(side) for side in zip(*found, strict=True))
    metres = gaps_m(numbered[1].iloc[right], numbered[0].iloc[left].reset_index(drop=True))
    pairs = Pairs(left.astype(np.int64), right.astype(np.int64), np.round(metres, 3))
    return pairs.kept(pairs.metres <= within_m)


def one_to_one(left: IntArray, right: IntArray) -> IntArray:
    """
    Keep pairs so that each side is in one at most: the first pairs win.

    It is what taking pairs in their order, and leaving out those whose place or point is taken,
    would give: in each round, all the pairs that are the first of both their sides.

    Parameters
    ----------
    left, right
        Sides of each pair, the best pair first.

    Returns
    -------
    kept
        Positions of the pairs kept, in their order.
    """
    open_pairs = np.arange(len(left), dtype=np.int64)
    kept = [np.empty(0, dtype=np.int64)]
    while len(open_pairs):
        sides = left[open_pairs], right[open_pairs]
        is_first = np.ones(len(open_pairs), dtype=bool)
        for side in sides:
            first = np.zeros(len(open_pairs), dtype=bool)
            first[np.unique(side, return_index=True)[1]] = True
            is_first &= first
        chosen = open_pairs[is_first]
        kept.append(chosen)
        is_taken = np.isin(sides[0], left[chosen]) | np.isin(sides[1], right[chosen])
        open_pairs = open_pairs[~is_taken]
    return np.sort(np.concatenate(kept))
