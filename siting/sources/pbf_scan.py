"""A usual .osm.pbf file, read block by block: what most objects mean is told for all at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from siting.crs import FloatArray, IntArray
from siting.sources.osm_content import Item, OsmContent, OsmGathering, Place
from siting.sources.osm_shapes import WayShape, shape_of
from siting.sources.osm_tags import NO_SET, Meaning
from siting.sources.pbf import (
    Blocks,
    Nodes,
    PbfRelation,
    Tags,
    WayGroup,
    decoded_block,
    read_relations,
    require_rising,
    tags_of,
)
from siting.sources.pbf_blobs import blob_spans, read_ahead
from siting.sources.protobuf import Span, UnknownPbf, text
from siting.walkable import WAY_KEYS

_UNITS_PER_DEGREE = 10_000_000.0
_MAX_LON, _MAX_LAT = 1_800_000_000, 900_000_000
_SHIFT = np.int64(32)  # a key and a value in one number


class _NodePlaces:
    """Places of the nodes of a file, found by their identifiers, which rise."""

    def __init__(self) -> None:
        self._parts: list[tuple[IntArray, npt.NDArray[np.int32]]] = []
        self._ids = np.zeros(0, dtype=np.int64)
        self._units = np.zeros((0, 2), dtype=np.int32)

    def add(self, nodes: Nodes) -> None:
        """Add the nodes of a block that are somewhere on Earth."""
        is_valid = (np.abs(nodes.lon) <= _MAX_LON) & (np.abs(nodes.lat) <= _MAX_LAT)
        units = np.column_stack([nodes.lon, nodes.lat]).astype(np.int32)
        self._parts.append((nodes.id[is_valid], units[is_valid]))

    def close(self) -> None:
        """Make the nodes searchable, when all were added."""
        if self._parts:
            self._ids = np.concatenate([ids for ids, _ in self._parts])
            self._units = np.concatenate([units for _, units in self._parts])
            self._parts = []

    def find(self, node_ids: IntArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        """Return the places of nodes, a row of longitude and latitude for each, and if known."""
        if not len(self._ids):
            return np.zeros((len(node_ids), 2)), np.zeros(len(node_ids), dtype=bool)
        at = np.minimum(np.searchsorted(self._ids, node_ids), len(self._ids) - 1)
        return self._units[at] / _UNITS_PER_DEGREE, self._ids[at] == node_ids

    def place_of(self, node_id: int) -> Place | None:
        """Return the place of one node, None if it is not known."""
        (place,), (is_known,) = self.find(np.array([node_id], dtype=np.int64))
        return (float(place[0]), float(place[1])) if is_known else None


@dataclass(slots=True)
class _Scan:
    """What the blocks of a file share; texts and tags seen before are known by a number."""

    gathering: OsmGathering
    places: _NodePlaces = field(default_factory=_NodePlaces)
    node_keys: frozenset[bytes] = frozenset()
    way_keys: frozenset[bytes] = frozenset()
    speaks: dict[tuple[bytes, bytes], bool] = field(default_factory=dict)
    numbers: dict[bytes, int] = field(default_factory=dict)
    meanings: dict[bytes, Meaning] = field(default_factory=dict)


def scan_pbf(path: Path, gathering: OsmGathering, *, keys: frozenset[str]) -> OsmContent:
    """
    Read the walked ways, the services and the marked nodes of a usual .osm.pbf file.

    Parameters
    ----------
    path
        The file.
    gathering
        Where objects are added; of no use once this has raised.
    keys
        Keys without any of which a relation is no service.

    Raises
    ------
    UnknownPbf
        The file is damaged, or not a usual one; libosmium knows which.
    """
    spans = blob_spans(path)
    n_others = _read_relations(path, spans, gathering, frozenset({"highway", *keys}))
    tags = gathering.tags
    state = _Scan(
        gathering,
        node_keys=frozenset(key.encode() for key in tags.node_keys),
        way_keys=frozenset(key.encode() for key in (*WAY_KEYS, *tags.way_keys)),
    )
    _read_others(read_ahead(path, spans[:n_others], decoded_block), state)
    return gathering.finish(state.places.place_of)


def _read_relations(
    path: Path, spans: Sequence[Span], gathering: OsmGathering, keys: frozenset[str]
) -> int:
    """Read the relations, which are last; return the number of blocks before them."""
    wanted = {key.encode() for key in keys}
    parts: list[list[PbfRelation | int]] = []
    n_others = len(spans)
    for block in read_ahead(path, spans[::-1], decoded_block):
        if not block.relations:
            break
        n_others -= 1
        parts.append(list(read_relations(block, lambda found: not wanted.isdisjoint(found))))
    last_id = 0
    for part in reversed(parts):
        ids = [one if isinstance(one, int) else one.id for one in part]
        last_id = require_rising(np.array(ids, dtype=np.int64), after=last_id)
        for one in part:
            if not isinstance(one, int):
                item = Item("relation", one.id, one.tags, _day(one.edited_s))
                gathering.add_relation(item, one.members())
    return n_others


def _read_others(blocks: Iterator[Blocks], state: _Scan) -> None:
    last_node = last_way = 0
    walk_of_member = state.gathering.walk_of_members()
    members = np.array(sorted(walk_of_member), dtype=np.int64)
    for block in blocks:
        if block.relations or (block.nodes and last_way):
            raise UnknownPbf("order")
        for nodes in block.nodes:
            last_node = require_rising(nodes.id, after=last_node)
            _add_nodes(nodes, state)
        if block.ways and not last_way:
            state.places.close()
        for ways in block.ways:
            last_way = require_rising(ways.id, after=last_way)
            _add_ways(ways, members, walk_of_member, state)
    state.places.close()


def _add_nodes(nodes: Nodes, state: _Scan) -> None:
    state.places.add(nodes)
    tags = nodes.tags
    is_kept = _is_among(tags.texts, state.node_keys)[tags.key]
    kept = tags.key[is_kept] << _SHIFT | tags.value[is_kept]
    pairs, pair_of = np.unique(kept, return_inverse=True)
    speaks = np.array([_speaks(pair, tags.texts, state) for pair in pairs.tolist()], dtype=bool)
    for at in np.unique(tags.owner()[is_kept][speaks[pair_of]]).tolist():
        found = tags.of(at)
        meaning = state.gathering.tags.node(found)
        if meaning is None:
            continue
        lon, lat = int(nodes.lon[at]), int(nodes.lat[at])
        is_valid = abs(lon) <= _MAX_LON and abs(lat) <= _MAX_LAT
        place = (lon / _UNITS_PER_DEGREE, lat / _UNITS_PER_DEGREE) if is_valid else None
        item = Item("node", int(nodes.id[at]), found, _day(int(nodes.edited_s[at])))
        state.gathering.add_node(item, meaning, place)


def _is_among(texts: Sequence[bytes], wanted: frozenset[bytes]) -> npt.NDArray[np.bool_]:
    return np.array([one in wanted for one in texts], dtype=bool)


def _speaks(pair: int, texts: Sequence[bytes], state: _Scan) -> bool:
    """Tell if a tag alone makes a node worth a look."""
    key, value = texts[pair >> int(_SHIFT)], texts[pair & 0xFFFFFFFF]
    answer = state.speaks.get((key, value))
    if answer is None:
        answer = state.gathering.tags.speaks(text(key), text(value))
        state.speaks[key, value] = answer
    return answer


def _add_ways(
    ways: WayGroup, members: IntArray, walk_of_member: dict[int, int], state: _Scan
) -> None:
    meanings = _meanings(ways.tags, state)
    walk = np.array([meaning.walk for meaning in meanings], dtype=np.int64)
    may_be_service = np.array([meaning.may_be_service for meaning in meanings], dtype=bool)
    is_member = np.isin(ways.id, members)
    _add_streets(ways, np.flatnonzero((walk != NO_SET) & ~may_be_service), walk, state)
    ones = np.flatnonzero(is_member | may_be_service)
    for at, shape in zip(ones.tolist(), _shapes(ways, ones, state), strict=True):
        way_id, tags = int(ways.id[at]), ways.tags.of(at)
        if is_member[at]:
            is_other = "highway" not in tags and walk[at] == NO_SET
            state.gathering.add_member(
                way_id, walk_of_member[way_id] if is_other else NO_SET, shape
            )
        if may_be_service[at]:
            item = Item("way", way_id, tags, _day(int(ways.edited_s[at])))
            state.gathering.add_way(item, meanings[at], shape)


def _meanings(tags: Tags, state: _Scan) -> list[Meaning]:
    """Tell what each way means: those whose tags of interest are the same are judged once."""
    is_kept = _is_among(tags.texts, state.way_keys)[tags.key]
    keys, values = tags.key[is_kept], tags.value[is_kept]
    numbers = np.zeros(len(tags.texts), dtype=np.int64)
    for at in np.unique(np.concatenate([keys, values])).tolist():
        numbers[at] = state.numbers.setdefault(tags.texts[at], len(state.numbers))
    pairs = numbers[keys] << _SHIFT | numbers[values]
    data = pairs.tobytes()
    ends = np.concatenate([[0], np.cumsum(is_kept)])[tags.start].tolist()
    meanings = []
    for start, stop in pairwise(ends):
        kept = data[pairs.itemsize * start : pairs.itemsize * stop]
        meaning = state.meanings.get(kept)
        if meaning is None:
            span = slice(start, stop)
            found = tags_of(tags.texts, keys[span].tolist(), values[span].tolist())
            meaning = state.meanings[kept] = state.gathering.tags.way(found)
        meanings.append(meaning)
    return meanings


def _add_streets(ways: WayGroup, rows: IntArray, walk: IntArray, state: _Scan) -> None:
    """Add walked ways, all at once but for those of which nodes are missing."""
    node_ids, size = ways.nodes(rows)
    places, is_known = state.places.find(node_ids)
    n_known = np.diff(np.concatenate([[0], np.cumsum(is_known)])[_ends(size)])
    is_whole = (n_known == size) & (size > 1)
    kept = np.repeat(is_whole, size)
    whole, broken = rows[is_whole], rows[~is_whole]
    state.gathering.content.streets.add_whole(
        ways.id[whole], walk[whole], size[is_whole], node_ids[kept], places[kept]
    )
    for at, shape in zip(broken.tolist(), _shapes(ways, broken, state), strict=True):
        state.gathering.add_street(int(ways.id[at]), int(walk[at]), shape)


def _shapes(ways: WayGroup, rows: IntArray, state: _Scan) -> list[WayShape]:
    node_ids, size = ways.nodes(rows)
    places, is_known = state.places.find(node_ids)
    nodes = [
        (node_id, lon, lat) if known else None
        for node_id, (lon, lat), known in zip(
            node_ids.tolist(), places.tolist(), is_known.tolist(), strict=True
        )
    ]
    return [
        shape_of(nodes[start:stop], is_closed=bool(node_ids[start] == node_ids[stop - 1]))
        if start < stop
        else shape_of([], is_closed=False)
        for start, stop in pairwise(_ends(size).tolist())
    ]


def _ends(size: IntArray) -> IntArray:
    return np.concatenate([[0], np.cumsum(size)])


def _day(edited_s: int) -> str:
    return datetime.fromtimestamp(edited_s, UTC).date().isoformat() if edited_s else ""
