"""The walked ways of OpenStreetMap files, in flat arrays from the first way read."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import shapely

from siting.crs import FloatArray, IntArray
from siting.sources.osm_shapes import Node
from siting.walkable import is_walkable
from siting.ways import Ways

# Hexadecimal digits of a WKB line before its positions: byte order, kind, number of positions.
_WKB_HEAD = 2 * (1 + 4 + 4)
_NO_NODE = np.iinfo(np.int64).max


def _numbers() -> array[int]:
    return array("q")


@dataclass(slots=True)
class StreetDraft:
    """
    Walked ways of one file, as they are read.

    A way is one piece, or several where nodes are missing; a piece of one node is left out.
    Each piece has its way (counted as they come: a broken file may hold a way twice), the
    identifier of the way, its number of nodes and its set of tags, all by turns in `pieces`.
    """

    n_ways: int = 0
    pieces: array[int] = field(default_factory=_numbers)
    node_id: array[int] = field(default_factory=_numbers)
    lon_lat: bytearray = field(default_factory=bytearray)  # doubles by turns

    def add_line(self, way_id: int, tags: int, node_ids: list[int], line: str) -> None:
        """Add a way of two nodes or more, none missing, whose positions are a WKB line."""
        self._add_piece(way_id, tags, node_ids)
        self.lon_lat += bytes.fromhex(line[_WKB_HEAD:])
        self.n_ways += 1

    def add_whole(
        self,
        way_id: IntArray,
        tags: IntArray,
        size: IntArray,
        node_id: IntArray,
        places: FloatArray,
    ) -> None:
        """Add ways of two nodes or more, none missing, whose nodes are laid end to end."""
        way = self.n_ways + np.arange(len(way_id))
        self.pieces.frombytes(np.column_stack([way, way_id, size, tags]).tobytes())
        self.node_id.frombytes(node_id.tobytes())
        self.lon_lat += places.tobytes()
        self.n_ways += len(way_id)

    def add_runs(self, way_id: int, tags: int, runs: Iterable[Sequence[Node]]) -> None:
        """Add a way in runs of known nodes."""
        for run in runs:
            if len(run) > 1:
                self._add_piece(way_id, tags, [node_id for node_id, _, _ in run])
                self.lon_lat += np.array([node[1:] for node in run], dtype=np.float64).tobytes()
        self.n_ways += 1

    def of_ways(self, is_kept: npt.NDArray[np.bool_]) -> StreetDraft:
        """Return the walked ways for which `is_kept` is true, in their order."""
        pieces = self.columns()
        size = pieces[2]
        has_piece = is_kept[pieces[0]]
        has_place = np.repeat(has_piece, size)
        kept = StreetDraft(n_ways=int(is_kept.sum()))
        pieces = pieces[:, has_piece]
        pieces[0] = (np.cumsum(is_kept) - 1)[pieces[0]]
        kept.pieces.frombytes(np.ascontiguousarray(pieces.T).tobytes())
        node_id = np.frombuffer(self.node_id, dtype=np.int64)
        kept.node_id.frombytes(node_id[has_place].tobytes())
        kept.lon_lat += self.places()[has_place].tobytes()
        return kept

    def add(self, other: StreetDraft) -> None:
        """Add the walked ways of another draft."""
        pieces = other.columns().copy()
        pieces[0] += self.n_ways
        self.pieces.frombytes(np.ascontiguousarray(pieces.T).tobytes())
        self.node_id.extend(other.node_id)
        self.lon_lat += other.lon_lat
        self.n_ways += other.n_ways

    def hull(self, tag_sets: Sequence[Mapping[str, str]]) -> shapely.Geometry:
        """Return the convex hull of the streets, which ferries are not."""
        is_street = np.array([is_walkable(tags) for tags in tag_sets], dtype=bool)
        _, _, size, tags = self.columns()
        places = self.places()[np.repeat(is_street[tags], size)]
        line = shapely.linestrings(places) if len(places) else shapely.GeometryCollection()
        return shapely.convex_hull(line)

    def columns(self) -> IntArray:
        """Return way, identifier, size and set of tags of the pieces, a row for each of these."""
        return np.frombuffer(self.pieces, dtype=np.int64).reshape(-1, 4).T

    def places(self) -> FloatArray:
        """Return the positions of all nodes, one row of longitude and latitude for each."""
        return np.frombuffer(self.lon_lat, dtype=np.float64).reshape(-1, 2)

    def _add_piece(self, way_id: int, tags: int, node_ids: list[int]) -> None:
        self.pieces.extend((self.n_ways, way_id, len(node_ids), tags))
        self.node_id.extend(node_ids)


def ways_of(
    drafts: Sequence[StreetDraft],
    *,
    tag_sets: Sequence[Mapping[str, str]],
    marks: Mapping[int, int],
) -> Ways:
    """
    Join the walked ways of files, in the order of their identifiers.

    A way that stands in several files is taken from the one that holds most of its nodes,
    the first of them if several do.

    Parameters
    ----------
    drafts
        Walked ways of each file.
    tag_sets
        The sets of tags of which drafts and marks give the positions.
    marks
        Position of the set of tags of each node that has some; those of nodes that are on
        no way are left out.
    """
    last_first = [StreetDraft(), *drafts[::-1]]  # what comes last is kept: see _kept_pieces
    n_before = np.cumsum([0, *(draft.n_ways for draft in last_first)])
    n_pieces = [draft.columns().shape[1] for draft in last_first]
    way, way_id, size, tags = np.hstack([draft.columns() for draft in last_first])
    way = way + np.repeat(n_before[:-1], n_pieces)
    kept = _kept_pieces(way, way_id, size)
    places, offset = _positions(size, kept)
    lon_lat = np.concatenate([draft.places() for draft in last_first])[places]
    node_id = np.concatenate(
        [np.frombuffer(draft.node_id, dtype=np.int64) for draft in last_first]
    )[places]
    marked_node, marked_tags = _marked(marks, node_id)
    sets, (tags, marked_tags) = _used_sets(tag_sets, (tags[kept], marked_tags))
    return Ways(
        way_id=way_id[kept],
        offset=offset,
        node_id=node_id,
        lon=lon_lat[:, 0].copy(),
        lat=lon_lat[:, 1].copy(),
        tags=tags,
        tag_sets=sets,
        marked_node=marked_node,
        marked_tags=marked_tags,
    )


def _kept_pieces(way: IntArray, way_id: IntArray, size: IntArray) -> IntArray:
    """Choose one reading of each way: the longest, of several the last; return its pieces."""
    n_nodes = np.bincount(way, weights=size).astype(np.int64)
    order = np.lexsort((way, n_nodes[way], way_id))
    is_last = np.append(way_id[order][1:] != way_id[order][:-1], True)[: len(order)]
    is_chosen = np.zeros(len(n_nodes), dtype=bool)
    is_chosen[way[order[is_last]]] = True
    pieces = np.flatnonzero(is_chosen[way])
    return pieces[np.argsort(way_id[pieces], kind="stable")]


def _positions(size: IntArray, pieces: IntArray) -> tuple[IntArray, IntArray]:
    """Return the positions of the nodes of pieces, laid end to end, and where each starts."""
    start = np.cumsum(size) - size
    offset = np.concatenate([[0], np.cumsum(size[pieces])])
    return np.repeat(start[pieces] - offset[:-1], size[pieces]) + np.arange(offset[-1]), offset


def _marked(marks: Mapping[int, int], node_id: IntArray) -> tuple[IntArray, IntArray]:
    marked = np.array([*sorted(marks.items()), (_NO_NODE, 0)], dtype=np.int64)
    at = np.searchsorted(marked[:, 0], node_id)
    is_on = np.zeros(len(marked), dtype=bool)
    is_on[at[marked[at, 0] == node_id]] = True
    return marked[is_on, 0], marked[is_on, 1]


def _used_sets(
    tag_sets: Sequence[Mapping[str, str]], positions: tuple[IntArray, IntArray]
) -> tuple[tuple[Mapping[str, str], ...], tuple[IntArray, IntArray]]:
    """Put the sets in use in the order of their tags, whatever they were read in."""
    used = sorted(
        np.unique(np.concatenate(positions)).tolist(), key=lambda at: sorted(tag_sets[at].items())
    )
    new = np.zeros(len(tag_sets), dtype=np.int64)
    new[used] = np.arange(len(used))
    return tuple(tag_sets[at] for at in used), (new[positions[0]], new[positions[1]])
