"""Isochrones: the area around the streets that a site reaches on foot within some minutes.

The search knows the time along streets. A polygon must also say what lies beside the streets,
and where it stops: here it holds the places that snap onto a reached street. Pure geometry, in
metres.

The frontier between streets is a Voronoi diagram of pieces of street, drawn from samples of
them: the closer to a frontier, the closer to each other, so that it crosses no street. All
limits of time share one diagram and one set of faces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import Voronoi, cKDTree

from siting.crs import FloatArray, IntArray
from siting.errors import DataError, OptionError

Geometries = npt.NDArray[np.object_]

# siting's own choices, in metres where not said otherwise.
_GRID_M = 0.01  # precision of the polygons
_NODE_GRID_M = 0.001  # precision of the pieces: ends this close are the same place
_STEP_M = 10.0  # longest stretch of street between two samples
_FINE_STEP_M = 1.0  # stretches are not cut below this
_FRONTIER_ERROR_M = 0.25  # how far a frontier may be drawn from where it is
_MEETING_M = 0.25  # samples around a place where levels meet are at most this far from it
_STRIP_M = 0.5  # half-width of what is taken away along streets that are not reached
_SAME_STREET_M = 0.1  # a sample this close to a street reached later stands for nothing
_SLIVER_M2 = 1.0
_SAME_MIN = 1e-9  # times this close are the same
_QUARTER_SIDES = 8  # sides of a quarter of a circle: at most 0.5 % of its radius inside it

_FAR_M = _STEP_M**2 / (8 * _FRONTIER_ERROR_M)  # gap beyond which the longest stretch will do


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetPieces:
    """
    Straight pieces of street around a site, with the time at both ends.

    `x0`, `y0`, `x1`, `y1` are metres in a metric CRS; `min_0`, `min_1` are minutes from the
    site to the ends, linear in between, both infinite where the piece cannot be reached. The
    time may jump where pieces meet (barriers, one-way paths). Pieces meet at common ends only:
    a bridge does not meet the street below.
    """

    x0: FloatArray
    y0: FloatArray
    x1: FloatArray
    y1: FloatArray
    min_0: FloatArray
    min_1: FloatArray


def isochrone_polygons(
    pieces: StreetPieces, *, minutes: Sequence[float], reach_m: float = 50.0
) -> list[shapely.MultiPolygon]:
    """
    Draw the area that a site reaches on foot within each of some numbers of minutes.

    It is the set of places whose nearest place of street, any piece given, is reached in time
    and lies at most `reach_m` away: the places that snapping puts onto a reached street. So the
    area ends straight across a street where the time ends, half-way to a parallel street that
    is not reached, and `reach_m` away from the last street; a courtyard further than that from
    any street is a hole. It never holds a place of a street that is not reached: where a
    reached street passes over such a street, or runs within half a metre of it, a strip of one
    metre along the latter is taken away.

    Frontiers are right to 25 cm between streets at least half a metre apart, coordinates are
    rounded to the centimetre. Parts and holes of less than 1 m2 are left out, except holes
    around a street that is not reached. Places nearest to the very point where reached and
    other streets meet are shared between them. The straight walk from a place to its street is
    not in the time; walls, rivers and rails between them are ignored.

    Parameters
    ----------
    pieces
        Streets around the site, in any order: at least all those, reached or not, within
        `2 * reach_m` of what is reached within the longest time. Others change nothing.
    minutes
        Limits of time, in any order. Another set of limits may move frontiers by their error.
    reach_m
        How far a place may lie from its street, in metres. 50 m by default, siting's own
        choice: the distance from which snapping is reported as doubtful.

    Returns
    -------
    polygons
        One per limit, in their order, in the CRS of the pieces; empty where nothing is reached.
        That of a shorter time is exactly within that of a longer one: both are unions of the
        same faces. The same pieces in another order or direction give the same bytes.

    Raises
    ------
    DataError
        If a coordinate is not a number, or a time is negative, not a number, or infinite at
        one end only.
    OptionError
        If `reach_m` or a limit is not a positive number.

    References
    ----------
    Marciuska & Gamper (2010), Determining objects within isochrones in spatial network
    databases, LNCS 6295: buffers around the reached links. Held (2001), VRONI, Computational
    Geometry 18:95-123: Voronoi diagrams of segments, here approached by samples.
    """
    limits = np.unique(np.asarray(minutes, dtype=np.float64))
    if not (np.isfinite(limits).all() and (limits > 0).all() and 0 < reach_m < np.inf):
        raise OptionError(
            f"Isochrones de {list(minutes)} minutes, à {reach_m} m des rues : "
            "donnez des nombres positifs."
        )
    streets, origin = _streets(_table(pieces), limits, within_m=2 * reach_m)
    if not len(streets.level):
        return [shapely.MultiPolygon() for _ in minutes]
    others = _others(streets)
    gap_m = _gap_m(streets, others)
    samples = _samples(streets, *_stretches(streets, gap_m, others))
    areas = _areas(streets, len(limits), reach_m=reach_m)
    strips = _strips(streets.at(gap_m < 2 * _STRIP_M), len(limits))
    frontiers = _frontiers(samples, depth_m=reach_m + _STEP_M)
    faces = _faces([*frontiers, *shapely.boundary([*areas, *strips])])
    level = _face_levels(faces, samples, areas, strips)
    drawn = [_merged(faces[level <= k], samples, k, origin) for k in range(len(limits))]
    return [drawn[k] for k in np.searchsorted(limits, minutes)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Streets:
    """
    Straight lines of one level each, in metres from a local origin.

    `ends` has one row per line, of two places of two coordinates. `level` is the position of
    the first limit of time within which the line is reached, the number of limits if none.
    """

    ends: FloatArray
    level: IntArray

    @property
    def length_m(self) -> FloatArray:
        """Lengths of the lines."""
        return np.asarray(np.hypot(*(self.ends[:, 1] - self.ends[:, 0]).T))

    @property
    def lines(self) -> Geometries:
        """The lines, as geometries."""
        return np.asarray(shapely.linestrings(self.ends))

    def at(self, rows: npt.NDArray[np.bool_] | IntArray) -> _Streets:
        """Return some of the lines."""
        return _Streets(ends=self.ends[rows], level=self.level[rows])

    def between(self, row: IntArray, first: FloatArray, last: FloatArray) -> _Streets:
        """Return parts of lines, from one share of their lengths to another."""
        share = np.stack([first, last], axis=1)[:, :, None]
        ends = self.ends[row, :1] * (1 - share) + self.ends[row, 1:] * share
        return _Streets(ends=ends, level=self.level[row])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Samples:
    """Places that stand for the street around them, and their levels."""

    place: FloatArray
    level: IntArray


def _table(pieces: StreetPieces) -> FloatArray:
    """Return the pieces as distinct rows, whose order and direction are not the caller's."""
    columns = (pieces.x0, pieces.y0, pieces.x1, pieces.y1, pieces.min_0, pieces.min_1)
    rows = np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])
    places, times = rows[:, :4], rows[:, 4:]
    is_halved = np.isfinite(times[:, 0]) != np.isfinite(times[:, 1])
    if not np.isfinite(places).all() or not (times >= 0).all() or is_halved.any():
        raise DataError(
            "`pieces` has a coordinate that is not a number, or a time that is negative, not a "
            "number, or infinite at one end only; give both times, or infinity twice."
        )
    x0, y0, x1, y1 = places.T
    is_backward = (x0 > x1) | ((x0 == x1) & (y0 > y1))
    rows[is_backward] = rows[is_backward][:, [2, 3, 0, 1, 5, 4]]
    return np.asarray(np.unique(rows, axis=0))


def _streets(
    table: FloatArray, limits: FloatArray, *, within_m: float
) -> tuple[_Streets, FloatArray]:
    """Keep what is near what is reached, cut at the limits; tell where the origin is too."""
    streets = _cut(table, limits)
    is_reached = streets.level < len(limits)
    if not is_reached.any():
        return streets.at(is_reached), np.zeros(2)
    origin = np.floor(streets.ends[is_reached].min(axis=(0, 1)))
    ends = np.round((streets.ends - origin) / _NODE_GRID_M) * _NODE_GRID_M
    streets = _Streets(ends=ends, level=streets.level)
    others = np.flatnonzero(~is_reached)
    tree = shapely.STRtree(streets.lines[is_reached])
    near, _ = tree.query_nearest(streets.lines[others], max_distance=within_m, all_matches=False)
    return streets.at(np.append(np.flatnonzero(is_reached), others[near])), origin


def _cut(table: FloatArray, limits: FloatArray) -> _Streets:
    """Cut pieces where a limit is reached."""
    ends, from_min, to_min = table[:, :4].reshape(-1, 2, 2), table[:, [4]], table[:, [5]]
    whole = _Streets(ends=ends, level=np.zeros(len(ends), dtype=np.int64))
    length_m = whole.length_m[:, None]
    more_min = np.zeros_like(from_min)
    np.subtract(to_min, from_min, out=more_min, where=np.isfinite(from_min))
    share = np.zeros((len(table), len(limits)))
    np.divide(limits - from_min, more_min, out=share, where=abs(more_min) > _SAME_MIN)
    share = np.clip(share, 0.0, 1.0)
    share[share * length_m < _GRID_M] = 0.0
    share[(1 - share) * length_m < _GRID_M] = 1.0
    share = np.sort(np.pad(share, ((0, 0), (1, 1)), constant_values=(0.0, 1.0)), axis=1)
    row, part = np.nonzero(np.diff(share, axis=1) * length_m >= _GRID_M)
    first, last = share[row, part], share[row, part + 1]
    middle_min = from_min[row, 0] + more_min[row, 0] * (first + last) / 2
    level = np.searchsorted(limits, middle_min).astype(np.int64)
    return _Streets(ends=whole.between(row, first, last).ends, level=level)


def _stretches(
    streets: _Streets, gap_m: FloatArray, others: Mapping[int, shapely.STRtree]
) -> tuple[_Streets, FloatArray]:
    """
    Cut streets into stretches, the shorter the nearer to another level; tell how near too.

    Samples stand at both ends of a stretch. Of places whose nearest place of street is in a
    stretch of s metres, h metres away, the nearest sample is at most s^2 / 8h further; this
    moves the frontier with a street g metres away by s^2 / 8g at most. Hence s.
    """
    far, todo = (_long_stretches(streets.at(np.isfinite(gap_m) == near)) for near in (False, True))
    done, gaps_m = [far], [np.full(len(far.level), np.inf)]
    while len(todo.level):
        gap_m = _gap_m(todo, others)
        step_m = np.clip(np.sqrt(8 * _FRONTIER_ERROR_M * gap_m), _FINE_STEP_M, _STEP_M)
        is_done = todo.length_m <= step_m * (1 + 1e-9)
        done.append(todo.at(is_done))
        gaps_m.append(gap_m[is_done])
        cut = np.flatnonzero(~is_done)
        half = np.repeat([0.0, 0.5], len(cut))
        todo = todo.between(np.tile(cut, 2), half, half + 0.5)
    stretches = _Streets(
        ends=np.concatenate([part.ends for part in done]),
        level=np.concatenate([part.level for part in done]),
    )
    return stretches, np.concatenate(gaps_m)


def _long_stretches(streets: _Streets) -> _Streets:
    """Cut streets into equal stretches of `_STEP_M` at most, but for what is left out at ends."""
    first, last = _left_out_m(streets) / streets.length_m * [[1], [-1]] + [[0], [1]]
    count = np.ceil((last - first) * streets.length_m / _STEP_M - 1e-9).astype(np.int64)
    row = np.repeat(np.arange(len(count)), count)
    rank = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    step = ((last - first) / count)[row]
    return streets.between(row, first[row] + rank * step, first[row] + (rank + 1) * step)


def _left_out_m(streets: _Streets) -> FloatArray:
    """
    Return what is left without sample at the first ends (first row) and at the last ones.

    It is 0 but where levels meet: there, samples at the same distance on all sides make the
    frontier pass through the meeting point.
    """
    places = streets.ends.transpose(1, 0, 2).reshape(-1, 2)
    _, node = np.unique(places @ [1.0, 1.0j], return_inverse=True)
    level, length_m = np.tile(streets.level, 2), np.tile(streets.length_m, 2)
    first, last = np.full(len(node), level.max(initial=0)), np.zeros(len(node), dtype=np.int64)
    left_out_m = np.full(len(node), _MEETING_M)
    np.minimum.at(first, node, level)
    np.maximum.at(last, node, level)
    np.minimum.at(left_out_m, node, length_m / 3)
    return np.asarray(np.where(first < last, left_out_m, 0.0)[node].reshape(2, -1))


def _others(streets: _Streets) -> dict[int, shapely.STRtree]:
    """Return, for each level, what finds the streets of the other ones."""
    lines, levels = streets.lines, np.unique(streets.level)
    return {int(level): shapely.STRtree(lines[streets.level != level]) for level in levels}


def _gap_m(streets: _Streets, others: Mapping[int, shapely.STRtree]) -> FloatArray:
    """Measure how far the nearest street of another level is; infinite beyond `_FAR_M`."""
    gap_m = np.full(len(streets.level), np.inf)
    lines = streets.lines
    for level, tree in others.items():
        own = np.flatnonzero(streets.level == level)
        (at, _), near_m = tree.query_nearest(
            lines[own], max_distance=_FAR_M, return_distance=True, all_matches=False
        )
        gap_m[own[at]] = near_m
    return gap_m


def _samples(streets: _Streets, stretches: _Streets, gap_m: FloatArray) -> _Samples:
    """Take the ends of stretches, but where a street reached later is in the same place."""
    place = np.round(stretches.ends.reshape(-1, 2) / _NODE_GRID_M) * _NODE_GRID_M
    level = np.repeat(stretches.level, 2)
    close = np.flatnonzero(np.repeat(gap_m, 2) <= _SAME_STREET_M)
    at, street = shapely.STRtree(streets.lines).query(
        shapely.points(place[close]), predicate="dwithin", distance=_SAME_STREET_M
    )
    dropped = close[at[streets.level[street] > level[close[at]]]]
    kept = np.delete(np.arange(len(place)), dropped)
    _, first = np.unique(place[kept] @ [1.0, 1.0j], return_index=True)
    return _Samples(place=place[kept[first]], level=level[kept[first]])


def _areas(streets: _Streets, n_levels: int, *, reach_m: float) -> list[shapely.Geometry]:
    """Return the area within `reach_m` of what is reached, for each limit."""
    around = shapely.buffer(streets.lines, reach_m, quad_segs=_QUARTER_SIDES)
    areas = [shapely.union_all(around[streets.level == 0])]
    for level in range(1, n_levels):
        areas.append(shapely.union_all([areas[-1], *around[streets.level == level]]))
    return areas


def _strips(streets: _Streets, n_levels: int) -> list[shapely.Geometry]:
    """Return strips along the streets of levels 1, 2..., which a shorter time does not reach."""
    around = shapely.buffer(streets.lines, _STRIP_M, cap_style="flat")
    return [shapely.union_all(around[streets.level == k]) for k in range(1, n_levels + 1)]


def _frontiers(samples: _Samples, *, depth_m: float) -> Geometries:
    """
    Draw the lines as near to a sample of one level as to one of another, no nearer to a third.

    What is further than `depth_m` from them is left out. Four samples far around make every
    line that is kept end somewhere.
    """
    low, high = samples.place.min(axis=0) - 4 * depth_m, samples.place.max(axis=0) + 4 * depth_m
    corners = shapely.get_coordinates(shapely.box(*low, *high))[:4]
    diagram = Voronoi(np.concatenate([samples.place, corners]))
    level = np.append(samples.level, [-1] * 4)[diagram.ridge_points]
    vertices = np.array(diagram.ridge_vertices)
    is_kept = (level[:, 0] != level[:, 1]) & (vertices >= 0).all(axis=1)
    a, b = diagram.points[diagram.ridge_points[is_kept]].transpose(1, 0, 2)
    middle, gap_m = (a + b) / 2, np.hypot(*(b - a).T)
    along = (b - a)[:, ::-1] * [-1.0, 1.0] / gap_m[:, None]
    half_m = np.sqrt(np.maximum(depth_m**2 - gap_m**2 / 4, 0.0))[:, None]
    ends = diagram.vertices[vertices[is_kept]]
    at_m = ((ends - middle[:, None]) * along[:, None]).sum(axis=2)
    cut_m = np.clip(at_m, -half_m, half_m)
    cut = middle[:, None] + along[:, None] * cut_m[:, :, None]
    ends = np.where((at_m == cut_m)[:, :, None], ends, cut)
    return np.asarray(shapely.linestrings(ends[cut_m[:, 0] != cut_m[:, 1]]))


def _faces(lines: Sequence[shapely.Geometry]) -> Geometries:
    """Return the faces that lines enclose, once crossed and rounded to the grid."""
    noded = shapely.union_all(np.array(lines, dtype=object), grid_size=_GRID_M)
    return np.asarray(shapely.get_parts(shapely.polygonize(shapely.get_parts(noded))))


def _face_levels(
    faces: Geometries,
    samples: _Samples,
    areas: Sequence[shapely.Geometry],
    strips: Sequence[shapely.Geometry],
) -> IntArray:
    """Return the position of the first limit within which each face is reached."""
    inside = shapely.get_coordinates(shapely.point_on_surface(faces))
    shapely.prepare([*areas, *strips])
    _, nearest = cKDTree(samples.place).query(inside)
    level = samples.level[nearest]
    for k, strip in enumerate(strips, start=1):
        level = np.maximum(level, np.where(shapely.contains_xy(strip, inside), k, 0))
    in_areas = np.array([shapely.contains_xy(area, inside) for area in areas])
    return np.asarray(np.maximum(level, (~in_areas).sum(axis=0)))


def _merged(
    faces: Geometries, samples: _Samples, level: int, origin: FloatArray
) -> shapely.MultiPolygon:
    """Merge faces, leave slivers out, and put the area back where it is."""
    parts = shapely.get_parts(shapely.coverage_union_all(faces))
    parts = parts[shapely.area(parts) >= _SLIVER_M2]
    rings, part = shapely.get_rings(parts, return_index=True)
    holes = shapely.polygons(rings[1:][np.diff(part) == 0])
    holes = holes[shapely.area(holes) < _SLIVER_M2]
    if len(holes):
        unreached = shapely.STRtree(shapely.points(samples.place[samples.level > level]))
        held, _ = unreached.query(holes, predicate="intersects")
        parts = np.append(parts, np.delete(holes, held))
    merged = shapely.coverage_union_all(parts)
    placed = shapely.transform(merged, lambda places: np.round(places + origin, 2))
    ordered = shapely.normalize(shapely.multipolygons(shapely.get_parts(placed)))
    return shapely.orient_polygons(ordered)
