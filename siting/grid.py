"""Which piece of street is nearest to a place: a grid of cells over the segments of a network.

Compiled on first use by numba, then kept on disk. Distances here are planar metres in the
projected CRS of the network; they choose the segment, nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from siting.compiled import snapping
from siting.compiled.snapping import ISLAND, MAINLAND, UNUSABLE
from siting.crs import FloatArray, IntArray

Int32Array = npt.NDArray[np.int32]
RankArray = npt.NDArray[np.int8]

# A place leaves the street of a tiny island of the network for one of the mainland that is at
# most this much further: a walker does not start on a path that leads nowhere beside a street.
ISLAND_DETOUR_M = 50.0

__all__ = [
    "ISLAND",
    "ISLAND_DETOUR_M",
    "MAINLAND",
    "UNUSABLE",
    "SegmentGrid",
    "edges_in_boxes",
    "morton_code",
    "nearest_segments",
    "segment_grid",
]

_MORTON_BITS = 16
_CELL_M = 100.0
_MOST_CELLS = 4_000_000  # 32 MB; wider extents have larger cells


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentGrid:
    """
    Segments by cell: cell `i` holds `segment[start[i]:start[i + 1]]`.

    Segment `p` runs from position `p` to position `p + 1` of the coordinates of a network.
    `origin` is the south-west corner of the first cell, `shape` the number of columns and rows.
    """

    origin: tuple[float, float]
    cell_m: float
    shape: tuple[int, int]
    start: IntArray
    segment: Int32Array


def segment_grid(x: FloatArray, y: FloatArray, segment_edge: Int32Array) -> SegmentGrid:
    """Lay the segments that are of an edge (`segment_edge` is not -1) on a grid."""
    used = segment_edge >= 0
    ends = np.concatenate([np.flatnonzero(used), np.flatnonzero(used) + 1])
    origin = float(x[ends].min()), float(y[ends].min())
    width_m, height_m = float(x[ends].max()) - origin[0], float(y[ends].max()) - origin[1]
    cell_m = max(_CELL_M, float(np.sqrt(width_m * height_m / _MOST_CELLS)))
    shape = int(width_m / cell_m) + 1, int(height_m / cell_m) + 1
    start = np.zeros(shape[0] * shape[1] + 1, dtype=np.int64)
    nothing = np.empty(0, dtype=np.int32)
    snapping.fill_cells(x, y, segment_edge, origin, cell_m, shape, start, nothing)
    start = np.cumsum(start)
    segment = np.empty(start[-1], dtype=np.int32)
    snapping.fill_cells(x, y, segment_edge, origin, cell_m, shape, start[:-1].copy(), segment)
    return SegmentGrid(origin=origin, cell_m=cell_m, shape=shape, start=start, segment=segment)


def nearest_segments(
    grid: SegmentGrid,
    segments: tuple[FloatArray, FloatArray, Int32Array],
    *,
    points: tuple[FloatArray, FloatArray],
    rank: RankArray,
    limit_m: float,
) -> tuple[IntArray, FloatArray]:
    """
    Find the segment nearest to each point, and where on it the point projects.

    Parameters
    ----------
    grid
        The segments by cell.
    segments
        x and y of positions, and the edge of the segment that begins at each (-1 for none).
    points
        x and y of the points, in metres; NaN for none.
    rank
        Rank of each edge. An edge of the mainland is taken when it is at most
        `ISLAND_DETOUR_M` further than the nearest one and no further than `limit_m`.
    limit_m
        Limit of what is on the network; the search goes five times as far.

    Returns
    -------
    segment, share
        Position of the segment, -1 if none was found; share of it (0-1) before the foot. Of
        segments at the same distance, one of the first edge is taken.
    """
    n_points = len(points[0])
    segment = np.full(n_points, -1, dtype=np.int64)
    share = np.full(n_points, np.nan)
    snapping.snap(
        (*segments, rank),
        (grid.start, grid.segment),
        grid.origin,
        grid.cell_m,
        grid.shape,
        points[0],
        points[1],
        limit_m,
        ISLAND_DETOUR_M,
        segment,
        share,
    )
    return segment, share


def edges_in_boxes(
    grid: SegmentGrid, segment_edge: Int32Array, boxes: FloatArray
) -> tuple[IntArray, IntArray]:
    """
    Find the edges that may meet boxes (rows of west, south, east, north, in metres).

    Returns
    -------
    box, edge
        Pairs, each once, in order: every edge that meets the box is there, and others of
        the cells that the box touches.
    """
    nothing = np.empty(0, dtype=np.int64)
    cells = (segment_edge, grid.start, grid.segment, grid.origin, grid.cell_m, grid.shape, boxes)
    n_pairs = snapping.pairs_in_boxes(*cells, nothing, nothing)
    box, edge = np.empty(n_pairs, dtype=np.int64), np.empty(n_pairs, dtype=np.int64)
    snapping.pairs_in_boxes(*cells, box, edge)
    box, edge = np.unique(np.column_stack([box, edge]), axis=0).T
    return box, edge


def morton_code(x: FloatArray, y: FloatArray) -> IntArray:
    """
    Rank places along a space-filling curve: bits of x and y in turn.

    References
    ----------
    Morton (1966), A computer oriented geodetic data base, IBM Ottawa.
    """
    code = np.zeros(len(x), dtype=np.int64)
    side_m = max(float(np.ptp(x)), float(np.ptp(y)), 1.0)
    for shift, values in enumerate((x, y)):
        cell = ((values - values.min()) / side_m * (2**_MORTON_BITS - 1)).astype(np.int64)
        for bit in range(_MORTON_BITS):
            code |= ((cell >> bit) & 1) << (2 * bit + shift)
    return code
