"""Streets around some places only, out of files that hold more.

Ways are kept whole or not at all, so that no street is cut where it leaves. What a walk that
stays around the places depends on is kept too: streets that services near are reached from, and
enough of what streets lead to for a tiny island (`siting.pieces`) to be told from the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from siting.crs import FloatArray, IntArray
from siting.sources.osm_content import OsmContent
from siting.sources.osm_streets import StreetDraft
from siting.sources.osm_tags import TagSets
from siting.walkable import is_walkable

# Kept around the places, and around services there that are areas or lines: the longest
# connector to a street, and a tiny island further, with as much again to spare.
BEYOND_M = 1_000.0

_LEAST_M_PER_DEGREE = 110_000.0  # of latitude: 110.57 km at the equator, more elsewhere
_DISC_SIDES = 8  # in a quarter
_CELLS = 128  # on a side: ways are looked at by cells before they are by their lines
_POINTS = (0, 4)  # shapely's type ids of Point and MultiPoint

_THINNED_FROM = 1_000_000  # positions
_STEP_DEG = 0.001  # about 100 m

BoolArray = npt.NDArray[np.bool_]


class StreetClip:
    """
    Keeps, of the streets that it is given, those around some places; and where all of them are.

    Parameters
    ----------
    within
        The places, in degrees.
    walk_sets
        The sets of walking tags that streets refer to.
    """

    def __init__(self, within: shapely.Geometry, walk_sets: TagSets) -> None:
        self.within = within
        self.near = _widened(within)
        self._walk_sets = walk_sets
        self._is_street = np.zeros(0, dtype=bool)
        self._kept = StreetDraft()
        self._has_street = False
        self._spare = StreetDraft()
        self._outline = Outline()

    def add_services(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Widen the places by the services that touch them, when all services are known."""
        shapes = np.array([row["geometry"] for row in rows], dtype=np.object_)
        shapes = shapes[~np.isin(shapely.get_type_id(shapes), _POINTS)]
        shapely.prepare(self.within)
        touching = shapes[shapely.intersects(self.within, shapes)]
        around = [self.near, *(_widened(shape) for shape in touching)]
        self.near = shapely.union_all(np.array(around, dtype=np.object_))
        self._cells = _Cells(self.near)

    def take(self, draft: StreetDraft) -> None:
        """Look at streets, when services were added."""
        if not len(draft.pieces):
            return
        way, _, size, tags = draft.columns()
        places = draft.places()
        is_street = self._are_streets(tags)
        self._outline.add(places[np.repeat(is_street, size)])
        is_near = self._cells.are_near(places, size)
        self._has_street |= bool((is_near & is_street).any())
        is_kept = np.zeros(draft.n_ways, dtype=bool)
        is_kept[way[is_near]] = True
        self._kept.add(draft.of_ways(is_kept))
        if is_street.any() and not self._spare.n_ways:
            self._spare = draft.of_ways(np.arange(draft.n_ways) == way[np.argmax(is_street)])

    def finish(self, content: OsmContent) -> None:
        """Give the content of a file what was kept; one street at least, if it has some."""
        if not self._has_street:
            self._kept.add(self._spare)
        content.streets = self._kept
        content.outline = self._outline.places()
        content.near = self.near

    def _are_streets(self, tags: IntArray) -> BoolArray:
        """Tell streets from ferries."""
        if len(tags) and tags.max() >= len(self._is_street):
            self._is_street = np.array([is_walkable(one) for one in self._walk_sets.sets()])
        return np.asarray(self._is_street[tags])


def clip_content(content: OsmContent, clip: StreetClip) -> None:
    """Keep of the streets of a file that was read whole those that a clip keeps."""
    clip.add_services(content.rows.values())
    clip.take(content.streets)
    clip.finish(content)


class Outline:
    """Positions of streets; of many, one in each `_STEP_DEG` of longitude and latitude."""

    def __init__(self) -> None:
        self._parts: list[FloatArray] = []
        self._n_places = 0
        self._n_thinned = 0

    def add(self, places: FloatArray) -> None:
        """Add positions: rows of longitude and latitude."""
        self._parts.append(places)
        self._n_places += len(places)
        if self._n_places > _THINNED_FROM + 2 * self._n_thinned:
            thinned = _thinned(self.places())
            self._parts, self._n_places, self._n_thinned = [thinned], len(thinned), len(thinned)

    def places(self) -> FloatArray:
        """Return the positions."""
        return np.concatenate([np.zeros((0, 2)), *self._parts])


class _Cells:
    """Tells which lines touch an area, most of them by cells alone."""

    def __init__(self, area: shapely.Geometry) -> None:
        self._area = area
        shapely.prepare(area)
        bounds = np.nan_to_num(np.array(shapely.bounds(area), dtype=np.float64))
        self._step = np.maximum(bounds[2:] - bounds[:2], 1e-6) / (_CELLS - 2)
        self._origin = bounds[:2] - self._step  # nothing that touches the area is on the rim
        row, column = np.divmod(np.arange(_CELLS**2), _CELLS)
        (west, south), (width, height) = self._origin, self._step
        west, south = west + column * width, south + row * height
        boxes = shapely.box(west, south, west + width, south + height)
        is_used = shapely.intersects(area, boxes).reshape(_CELLS, _CELLS)
        self._n_used = np.zeros((_CELLS + 1, _CELLS + 1), dtype=np.int64)
        self._n_used[1:, 1:] = is_used.cumsum(axis=0).cumsum(axis=1)

    def are_near(self, places: FloatArray, size: IntArray) -> BoolArray:
        """Tell which lines touch the area, laid end to end; all have two positions or more."""
        start = np.cumsum(size) - size
        low = self._cell(np.minimum.reduceat(places, start))
        high = self._cell(np.maximum.reduceat(places, start)) + 1
        (west, south), (east, north) = np.clip([low.T, high.T], 0, _CELLS)
        n_used = self._n_used[north, east] - self._n_used[south, east]
        n_used += self._n_used[south, west] - self._n_used[north, west]
        is_near = n_used > 0
        maybe = np.flatnonzero(is_near)
        line = np.repeat(np.arange(len(maybe)), size[maybe])
        lines = shapely.linestrings(places[np.repeat(is_near, size)], indices=line)
        is_near[maybe] = shapely.intersects(self._area, lines)
        return np.asarray(is_near)

    def _cell(self, places: FloatArray) -> IntArray:
        return np.floor((places - self._origin) / self._step).astype(np.int64)


def _widened(shape: shapely.Geometry) -> shapely.Geometry:
    """Add at least `BEYOND_M` around an area in degrees; some 2 % more."""
    parts = [_part_widened(part) for part in shapely.get_parts(shape)]
    return shapely.union_all(np.array(parts, dtype=np.object_))


def _part_widened(part: shapely.Geometry) -> shapely.Geometry:
    _, south, _, north = shapely.bounds(part)
    shrink = max(np.cos(np.deg2rad(min(max(-south, north) + 1.0, 89.0))), 0.01)
    flat = shapely.transform(part, lambda at: at * [shrink, 1.0])
    wide = shapely.buffer(flat, BEYOND_M / _LEAST_M_PER_DEGREE, quad_segs=_DISC_SIDES)
    return shapely.transform(wide, lambda at: at / [shrink, 1.0])


def _thinned(places: FloatArray) -> FloatArray:
    cell = np.floor(places / _STEP_DEG).astype(np.int64)
    _, first = np.unique(cell[:, 0] << 32 ^ cell[:, 1] & 0xFFFFFFFF, return_index=True)
    return places[first]
