"""A usual .osm.pbf file, read block by block: what most objects mean is told for all at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from siting.crs import IntArray
from siting.sources.osm_clip import StreetClip
from siting.sources.osm_content import Item, OsmContent, OsmGathering
from siting.sources.osm_shapes import WayShape, shape_of
from siting.sources.osm_streets import StreetDraft
from siting.sources.osm_tags import NO_SET, Meaning
from siting.sources.pbf import (
    Nodes,
    PbfRelation,
    Tags,
    WayGroup,
    decoded_block,
    read_relations,
    require_rising,
    tags_of,
)
from siting.sources.pbf_blobs import Layout, layout_of, read_ahead
from siting.sources.pbf_places import UNITS_PER_DEGREE, NodePlaces, is_on_earth
from siting.sources.protobuf import Span, UnknownPbf, text
from siting.walkable import WAY_KEYS

MOST_REFS = 40_000_000  # nodes of streets whose places are looked for at once, when few are kept
_SHIFT = np.int64(32)  # a key and a value in one number


@dataclass(frozen=True, slots=True)
class _Streets:
    """Walked ways of a block: identifier, set of tags, number of nodes, nodes end to end."""

    id: IntArray
    walk: IntArray
    size: IntArray
    node_id: IntArray


@dataclass(frozen=True, slots=True)
class _Ones:
    """Ways of a block that are looked at one by one: they may be services, or are members."""

    items: list[Item]
    meanings: list[Meaning]
    size: IntArray
    node_id: IntArray


@dataclass(slots=True)
class _Scan:
    """What the blocks of a file share; texts and tags seen before are known by a number."""

    gathering: OsmGathering
    walk_of_member: dict[int, int] = field(default_factory=dict)
    members: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    node_keys: frozenset[bytes] = frozenset()
    way_keys: frozenset[bytes] = frozenset()
    speaks: dict[tuple[bytes, bytes], bool] = field(default_factory=dict)
    numbers: dict[bytes, int] = field(default_factory=dict)
    meanings: dict[bytes, Meaning] = field(default_factory=dict)
    streets: list[_Streets] = field(default_factory=list)
    ones: list[_Ones] = field(default_factory=list)


def scan_pbf(
    path: Path,
    gathering: OsmGathering,
    *,
    keys: Collection[str],
    clip: StreetClip | None = None,
) -> OsmContent:
    """
    Read the walked ways, the services and the marked nodes of a usual .osm.pbf file.

    Relations are read first, then ways, then the nodes that these ways have: what is in memory
    grows with streets and services, not with the buildings and fields of the file. With a
    `clip`, streets are looked at `MOST_REFS` nodes at a time, and nodes read once more for
    each such part.

    Parameters
    ----------
    path
        The file.
    gathering
        Where objects are added; of no use once this has raised.
    keys
        Keys without any of which a relation says nothing.
    clip
        Which streets are kept, of no use once this has raised; None for all.

    Raises
    ------
    UnknownPbf
        The file is damaged, or not a usual one; libosmium knows which.
    """
    tags = gathering.tags
    state = _Scan(
        gathering,
        node_keys=frozenset(key.encode() for key in tags.node_keys),
        way_keys=frozenset(key.encode() for key in (*WAY_KEYS, *tags.way_keys)),
    )
    with path.open("rb") as file:
        layout = layout_of(file)
        _read_relations(file, layout, state, keys)
        most_refs = None if clip is None else MOST_REFS
        n_read = _read_ways(file, layout.ways, state, most_refs=most_refs, with_ones=True)
        asked = [
            *(part.node_id for part in state.streets),
            *(part.node_id for part in state.ones),
            gathering.member_nodes(),
        ]
        places = _read_nodes(file, layout, asked, state)
        state.ones.reverse()
        while state.ones:
            _add_ones(state.ones.pop(), places, state)
        gathering.finish(places.place_of)
        if clip is not None:
            clip.add_services(gathering.content.rows.values())
        _add_streets(places, clip, state)
        while n_read < len(layout.ways):
            n_read += _read_ways(file, layout.ways[n_read:], state, most_refs=most_refs)
            places = _read_nodes(file, layout, [part.node_id for part in state.streets])
            _add_streets(places, clip, state)
    if clip is not None:
        clip.finish(gathering.content)
    return gathering.content


def _read_relations(file: BinaryIO, layout: Layout, state: _Scan, keys: Collection[str]) -> None:
    wanted = {key.encode() for key in keys}
    last_id = 0
    for block in read_ahead(file, layout.relations, decoded_block):
        if not block.relations:
            raise UnknownPbf("order")
        found = list(read_relations(block, lambda its_keys: not wanted.isdisjoint(its_keys)))
        ids = [one.id if isinstance(one, PbfRelation) else one for one in found]
        last_id = require_rising(np.array(ids, dtype=np.int64), after=last_id)
        for one in found:
            if isinstance(one, PbfRelation):
                item = Item("relation", one.id, one.tags, _day(one.edited_s))
                state.gathering.add_relation(item, one.members())
    state.walk_of_member = state.gathering.walk_of_members()
    state.members = np.array(sorted(state.walk_of_member), dtype=np.int64)


def _read_ways(
    file: BinaryIO,
    spans: Sequence[Span],
    state: _Scan,
    *,
    most_refs: int | None,
    with_ones: bool = False,
) -> int:
    """
    Note the ways of blocks; return the number of blocks whose streets were noted.

    The streets of the blocks after `most_refs` nodes are not; what is looked at one by one is,
    `with_ones`.
    """
    last_id = n_refs = n_read = 0
    for block in read_ahead(file, spans, decoded_block):
        if not block.ways:
            raise UnknownPbf("order")
        is_full = most_refs is not None and n_refs >= most_refs
        if is_full and not with_ones:
            break
        for ways in block.ways:
            last_id = require_rising(ways.id, after=last_id)
            meanings = _meanings(ways.tags, state)
            if with_ones:
                state.ones.append(_ones(ways, meanings, state))
            if not is_full:
                state.streets.append(_streets(ways, meanings))
                n_refs += len(state.streets[-1].node_id)
        n_read += not is_full
    return n_read


def _read_nodes(
    file: BinaryIO, layout: Layout, asked: list[IntArray], state: _Scan | None = None
) -> NodePlaces:
    """Find the places of nodes; with `state`, add the nodes that mean something."""
    places = NodePlaces(asked)
    last_id = 0
    for block in read_ahead(file, layout.nodes, decoded_block):
        if not block.nodes:
            raise UnknownPbf("order")
        for nodes in block.nodes:
            last_id = require_rising(nodes.id, after=last_id)
            places.add(nodes)
            if state is not None:
                _add_nodes(nodes, state)
    return places


def _add_nodes(nodes: Nodes, state: _Scan) -> None:
    tags = nodes.tags
    on_earth = is_on_earth(nodes)
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
        place = (lon / UNITS_PER_DEGREE, lat / UNITS_PER_DEGREE) if on_earth[at] else None
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


def _streets(ways: WayGroup, meanings: Sequence[Meaning]) -> _Streets:
    """Note the ways that are walked and can be no service."""
    walk = np.array([meaning.walk for meaning in meanings], dtype=np.int64)
    may_be_service = np.array([meaning.may_be_service for meaning in meanings], dtype=bool)
    rows = np.flatnonzero((walk != NO_SET) & ~may_be_service)
    node_id, size = ways.nodes(rows)
    return _Streets(ways.id[rows], walk[rows], size, node_id)


def _ones(ways: WayGroup, meanings: Sequence[Meaning], state: _Scan) -> _Ones:
    may_be_service = np.array([meaning.may_be_service for meaning in meanings], dtype=bool)
    rows = np.flatnonzero(np.isin(ways.id, state.members) | may_be_service)
    node_id, size = ways.nodes(rows)
    items = [
        Item("way", int(ways.id[at]), ways.tags.of(at), _day(int(ways.edited_s[at])))
        for at in rows.tolist()
    ]
    return _Ones(items, [meanings[at] for at in rows.tolist()], size, node_id)


def _add_ones(ones: _Ones, places: NodePlaces, state: _Scan) -> None:
    gathering = state.gathering
    shapes = _shapes(ones.node_id, ones.size, places)
    for item, meaning, shape in zip(ones.items, ones.meanings, shapes, strict=True):
        walk = state.walk_of_member.get(item.id)
        if walk is not None:
            is_other = "highway" not in item.tags and meaning.walk == NO_SET
            gathering.add_member(item.id, walk if is_other else NO_SET, shape)
        if meaning.may_be_service:
            gathering.add_way(item, meaning, shape)


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


def _add_streets(places: NodePlaces, clip: StreetClip | None, state: _Scan) -> None:
    """Add walked ways, block by block, all at once but for those of which nodes are missing."""
    gathering = state.gathering
    for part in state.streets:
        lon_lat, is_known = places.find(part.node_id)
        n_known = np.diff(np.concatenate([[0], np.cumsum(is_known)])[_ends(part.size)])
        is_whole = (n_known == part.size) & (part.size > 1)
        kept = np.repeat(is_whole, part.size)
        gathering.content.streets.add_whole(
            part.id[is_whole],
            part.walk[is_whole],
            part.size[is_whole],
            part.node_id[kept],
            lon_lat[kept],
        )
        broken = np.flatnonzero(~is_whole)
        cut = np.repeat(~is_whole, part.size)
        shapes = _shapes(part.node_id[cut], part.size[broken], places)
        for at, shape in zip(broken.tolist(), shapes, strict=True):
            gathering.add_street(int(part.id[at]), int(part.walk[at]), shape)
        if clip is not None:
            clip.take(gathering.content.streets)
            gathering.content.streets = StreetDraft()
    state.streets.clear()


def _shapes(node_id: IntArray, size: IntArray, places: NodePlaces) -> list[WayShape]:
    lon_lat, is_known = places.find(node_id)
    nodes = [
        (number, lon, lat) if known else None
        for number, (lon, lat), known in zip(
            node_id.tolist(), lon_lat.tolist(), is_known.tolist(), strict=True
        )
    ]
    return [
        shape_of(nodes[start:stop], is_closed=bool(node_id[start] == node_id[stop - 1]))
        if start < stop
        else shape_of([], is_closed=False)
        for start, stop in pairwise(_ends(size).tolist())
    ]


def _ends(size: IntArray) -> IntArray:
    return np.concatenate([[0], np.cumsum(size)])


def _day(edited_s: int) -> str:
    return datetime.fromtimestamp(edited_s, UTC).date().isoformat() if edited_s else ""
