"""Heights along streets, from those of the terrain below them: decks, and slopes without noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve

from siting.crs import FloatArray, IntArray, geodesic_m
from siting.ways import Ways

# Metres of street over which heights are averaged: siting's own choice. Heights that are each off
# by 0.2 m (lidar) give a slope over 15 m that is off by 1.9 %; averaged over 30 m of positions
# 5 m apart, by 0.8 %. Slopes shorter than that (a ramp) are lost: their `incline` tag says them.
SMOOTHED_M = 30.0
_AT_GROUND = ("", "no", "building_passage")  # values of `bridge` and `tunnel`
_LEAST_M = 1e-3  # between two nodes, or around a position


def with_decks(ways: Ways) -> Ways:
    """
    Give bridges and tunnels the height of their deck: even between where they meet the ground.

    The terrain under a bridge or over a tunnel says nothing of them. Nodes that ways with
    `bridge` or `tunnel` share with a way on the ground keep the height of the terrain, but for
    steps, which lead up to the middle of decks. In between heights are linear in metres walked;
    where decks fork, that of a node is the mean of its neighbours', weighted by one over their
    distance. A deck that ends in the air is level from its last node on the ground; one that
    nothing ties to the ground has no height. Embankments, where the terrain already drops before
    the bridge begins, are not mended.
    """
    if ways.height_m is None:
        return ways
    on_deck = _per_position(ways, [_is_deck(tags) for tags in ways.tag_sets])
    on_steps = _per_position(ways, [tags.get("highway") == "steps" for tags in ways.tag_sets])
    at = np.flatnonzero(on_deck)
    node, first, place = np.unique(ways.node_id[at], return_index=True, return_inverse=True)
    is_tied = np.isin(node, ways.node_id[~on_deck & ~on_steps])
    node_m = np.where(is_tied, ways.height_m[at[first]], np.nan)
    step_m = _step_m(ways)[at]
    end = np.flatnonzero(np.isfinite(step_m))
    between_m = np.maximum(step_m[end], _LEAST_M)
    height_m = ways.height_m.copy()
    height_m[at] = _evened(node_m, place[end - 1], place[end], 1.0 / between_m)[place]
    return replace(ways, height_m=height_m)


def smoothed_along(ways: Ways, *, window_m: float) -> Ways:
    """
    Take the mean height along each way, over the `window_m` metres around each position.

    The mean is that of the profile, linear between positions. Near the ends of a way, and near
    unknown heights, the window narrows so as to stay centred: ends keep their height, an even
    slope is kept as it is, no slope gets steeper than the steepest there was, and the direction
    in which the way is drawn does not matter. A window below the step of the grid changes next to
    nothing; real slopes shorter than the window get gentler.

    References
    ----------
    Lingg (2023), GraphHopper pull request 2772, "Overhauled Moving Average Elevation Smoothing":
    the same centred window, along edges. No measured best width for streets was found.
    """
    if ways.height_m is None or not len(ways.height_m):
        return ways
    is_known = np.isfinite(ways.height_m)
    step_m = np.nan_to_num(_step_m(ways))
    along_m = np.cumsum(step_m)
    way = np.repeat(np.arange(len(ways.tags)), np.diff(ways.offset))
    is_first = np.r_[True, (way[1:] != way[:-1]) | (is_known[1:] != is_known[:-1])]
    first = np.flatnonzero(is_first)
    last = np.r_[first[1:], len(way)] - 1
    run = np.cumsum(is_first) - 1
    half_m = np.minimum(along_m - along_m[first[run]], along_m[last[run]] - along_m)
    half_m = np.minimum(half_m, window_m / 2)
    height_m = np.where(is_known, ways.height_m, 0.0)
    area = np.r_[0.0, np.cumsum(step_m[1:] * (height_m[1:] + height_m[:-1]) / 2)]
    before = _area_to(along_m - half_m, along_m, height_m, area)
    after = _area_to(along_m + half_m, along_m, height_m, area)
    is_wide = half_m > _LEAST_M
    mean_m = np.divide(after - before, 2 * half_m, out=height_m.copy(), where=is_wide)
    return replace(ways, height_m=np.where(is_known, mean_m, np.nan))


def _is_deck(tags: Mapping[str, str]) -> bool:
    return any(tags.get(key, "") not in _AT_GROUND for key in ("bridge", "tunnel"))


def _per_position(ways: Ways, of_sets: list[bool]) -> np.ndarray:
    return np.repeat(np.array(of_sets, dtype=bool)[ways.tags], np.diff(ways.offset))


def _step_m(ways: Ways) -> FloatArray:
    """Return the metres from the position before, NaN at the first of a way."""
    step_m = np.full(len(ways.lon), np.nan)
    step_m[1:] = geodesic_m(ways.lon[:-1], ways.lat[:-1], ways.lon[1:], ways.lat[1:])
    step_m[ways.offset[:-1][np.diff(ways.offset) > 0]] = np.nan
    return step_m


def _evened(node_m: FloatArray, u: IntArray, v: IntArray, weight: FloatArray) -> FloatArray:
    """Return known heights and, for the nodes tied to some, the mean of their neighbours."""
    n_nodes = len(node_m)
    both = np.r_[weight, weight], (np.r_[u, v], np.r_[v, u])
    links = sparse.coo_array(both, shape=(n_nodes, n_nodes)).tocsr()
    _, part = connected_components(links, directed=False)
    is_known = np.isfinite(node_m)
    free = np.flatnonzero(~is_known & np.isin(part, part[is_known]))
    evened_m = node_m.copy()
    if len(free):
        around = links[free]
        system = sparse.diags_array(around.sum(axis=1)) - around[:, free]
        known = np.flatnonzero(is_known)
        evened_m[free] = spsolve(system.tocsc(), around[:, known] @ node_m[known])
    return evened_m


def _area_to(
    at_m: FloatArray, along_m: FloatArray, height_m: FloatArray, area: FloatArray
) -> FloatArray:
    """Return the area under the profile from its start to places along it."""
    left = np.clip(np.searchsorted(along_m, at_m, side="right") - 1, 0, len(along_m) - 1)
    right = np.minimum(left + 1, len(along_m) - 1)
    over_m, step_m = at_m - along_m[left], along_m[right] - along_m[left]
    share = np.divide(over_m, step_m, out=np.zeros_like(over_m), where=step_m > 0.0)
    return np.asarray(
        area[left] + over_m * (height_m[left] + (height_m[right] - height_m[left]) * share / 2)
    )
