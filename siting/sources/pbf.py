"""Blocks of .osm.pbf files as flat arrays, many times quicker than object by object.

Format: wiki.openstreetmap.org/wiki/PBF_Format. What is read is what files of today are made
of: dense nodes, sorted, in their usual units, raw or deflated. All else, damage included,
raises `UnknownPbf`; libosmium then reads the file, or says what is wrong with it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from siting.crs import IntArray
from siting.sources.pbf_blobs import content_of
from siting.sources.protobuf import (
    BYTES,
    MAX_NUMBER,
    MORE,
    Bytes,
    Numbers,
    Span,
    fields_of,
    known,
    laid_out,
    message_spans,
    numbers_in,
    packed,
    parts_of,
    read_numbers,
    require,
    signed,
    text,
)

_MAX_TEXT = 1024  # bytes: 256 characters, the limit of OpenStreetMap

# Fields of blocks, of groups, and of the objects that they hold.
_STRINGS, _GROUP = 1, 2
_USUAL_UNITS = {17: 100, 18: 1000, 19: 0, 20: 0}
_DENSE, _WAYS, _RELATIONS = 2, 3, 4
_ID, _KEYS, _VALUES, _INFO = 1, 2, 3, 4
_REFS = 8
_ROLES, _MEMBERS, _TYPES = 8, 9, 10
_DENSE_INFO, _LAT, _LON, _DENSE_TAGS = 5, 8, 9, 10
_EDITED, _VISIBLE = 2, 6
_WAY_KEYS = (_ID << 3, *(field << 3 | BYTES for field in (_KEYS, _VALUES, _INFO, _REFS)))
_INFO_KEYS = tuple(field << 3 for field in (1, _EDITED, 3, 4, 5))
_OF_RELATIONS = frozenset({_ID, _KEYS, _VALUES, _INFO, _ROLES, _MEMBERS, _TYPES})
_KINDS = "nwr"


@dataclass(frozen=True, slots=True)
class Tags:
    """
    Tags of the objects of a block.

    Those of the i-th object are from `start[i]` to `start[i + 1]` in `key` and `value`,
    positions in the texts of the block.
    """

    start: IntArray
    key: IntArray
    value: IntArray
    texts: Sequence[bytes]

    def of(self, at: int) -> dict[str, str]:
        """Return all the tags of one object, in their order."""
        span = slice(self.start[at], self.start[at + 1])
        return tags_of(self.texts, self.key[span].tolist(), self.value[span].tolist())

    def owner(self) -> IntArray:
        """Return the object of each tag."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))


@dataclass(frozen=True, slots=True)
class Nodes:
    """
    Nodes of a block: identifier, ten-millionths of a degree, tags, seconds of last edit.

    Any number may be there for a longitude or a latitude. (libosmium keeps its last 32 bits,
    which may be those of another place.)
    """

    id: IntArray
    lon: IntArray
    lat: IntArray
    tags: Tags
    edited_s: IntArray


@dataclass(frozen=True, slots=True)
class WayGroup:
    """Ways of a block: identifier, tags, last edit in seconds since 1970 (0 if unknown), nodes."""

    id: IntArray
    tags: Tags
    edited_s: IntArray
    numbers: Numbers
    refs: IntArray  # columns: where nodes start and stop in `numbers`

    def nodes(self, ways: IntArray) -> tuple[IntArray, IntArray]:
        """Return the identifiers of the nodes of some ways, end to end, and how many each has."""
        start, size = self.refs[ways, 0], self.refs[ways, 1] - self.refs[ways, 0]
        total = np.concatenate([[0], np.cumsum(signed(self.numbers[laid_out(start, size)]))])
        before = total[np.cumsum(size) - size]
        return total[1:] - np.repeat(before, size), size


@dataclass(frozen=True, slots=True)
class Blocks:
    """What a block holds, all of one kind, in the order of the file."""

    nodes: list[Nodes]
    ways: list[WayGroup]
    relations: list[Span]
    texts: list[bytes]
    data: bytes


def tags_of(texts: Sequence[bytes], keys: Sequence[int], values: Sequence[int]) -> dict[str, str]:
    """Decode tags, whose keys are all different."""
    pairs = zip(keys, values, strict=True)
    tags = {sys.intern(text(texts[key])): text(texts[value]) for key, value in pairs}
    require(len(tags) == len(keys), "key given twice")
    return tags


def decoded_block(blob: bytes) -> Blocks:
    """
    Decode a blob of objects.

    Raises
    ------
    UnknownPbf
        It is damaged, or holds what is not known here.
    """
    with known():
        data = content_of(blob)
        fields = list(fields_of(data, 0, len(data)))
        for field, value, _ in fields:
            require(_USUAL_UNITS.get(field, value) == value, "units")
        tables = [(start, stop) for field, start, stop in fields if field == _STRINGS]
        require(len(tables) == 1, "strings")
        texts = _texts(data, *tables[0])
        block = Blocks([], [], [], texts, data)
        for field, start, stop in fields:
            if field == _GROUP:
                _add_group(block, start, stop)
        return block


def _add_group(block: Blocks, start: int, stop: int) -> None:
    kind = block.data[start] >> 3
    spans = message_spans(block.data, start, stop)
    if kind == _DENSE:
        block.nodes.extend(_nodes(block, first, last) for first, last in spans.tolist())
    elif kind == _WAYS:
        block.ways.append(_ways(block, spans))
    else:
        require(kind == _RELATIONS, "group")
        block.relations.extend(map(tuple, spans.tolist()))
    kinds = (block.nodes, block.ways, block.relations)
    require(sum(map(bool, kinds)) == 1, "mixed block")


def _texts(data: bytes, start: int, stop: int) -> list[bytes]:
    """Split the table of strings of a block."""
    require(data[start] == _STRINGS << 3 | BYTES, "strings")
    spans = message_spans(data, start, stop)
    require((spans[:, 1] - spans[:, 0]).max() <= _MAX_TEXT, "long text")
    return [data[first:last] for first, last in spans.tolist()]


def _positions(numbers: Numbers, n_texts: int) -> IntArray:
    require((numbers < n_texts).all(), "position of a text")
    return numbers.astype(np.int64)


def _nodes(block: Blocks, start: int, stop: int) -> Nodes:
    parts = parts_of(block.data, start, stop, {_ID, _DENSE_INFO, _LAT, _LON, _DENSE_TAGS})
    data = np.frombuffer(block.data, dtype=np.uint8)
    ids, lat, lon = (
        np.cumsum(signed(read_numbers(data[slice(*parts[field])])[0]))
        for field in (_ID, _LAT, _LON)
    )
    n_nodes = len(ids)
    require(len(lat) == len(lon) == n_nodes, "nodes")
    tags = data[slice(*parts.get(_DENSE_TAGS, (0, 0)))]
    edited_s = np.zeros(n_nodes, dtype=np.int64)
    if _DENSE_INFO in parts:
        edited_s = _dense_edits(block.data, *parts[_DENSE_INFO], n_nodes)
    return Nodes(ids, lon, lat, _dense_tags(tags, n_nodes, block.texts), edited_s)


def _dense_edits(data: bytes, start: int, stop: int, n_nodes: int) -> IntArray:
    """Return the times of the last edits of nodes, in seconds; 0 where unknown."""
    parts = parts_of(data, start, stop, {1, _EDITED, 3, 4, 5, _VISIBLE})
    require(_VISIBLE not in parts, "deleted objects")
    edited_s = np.zeros(n_nodes, dtype=np.int64)
    for field, (first, last) in parts.items():
        part = np.frombuffer(data, np.uint8, last - first, first)
        n_numbers = np.count_nonzero(part < MORE)
        require(n_numbers in (0, n_nodes), "metadata")
        if field == _EDITED and n_numbers:
            edited_s = np.cumsum(signed(read_numbers(part)[0]))
            _require_times(edited_s)
    return edited_s


def _require_times(edited_s: IntArray) -> None:
    require(edited_s.min() >= 0 and edited_s.max() <= np.iinfo(np.int32).max, "time")


def _dense_tags(data: Bytes, n_nodes: int, texts: Sequence[bytes]) -> Tags:
    """Split keys and values by turns, with a zero after those of each node."""
    if not len(data):
        none = np.zeros(0, dtype=np.int64)
        return Tags(np.zeros(n_nodes + 1, dtype=np.int64), none, none, texts)
    numbers = _positions(read_numbers(data)[0], len(texts))
    zeros = np.flatnonzero(numbers == 0)
    sizes = np.diff(zeros, prepend=-1) - 1
    require(len(zeros) == n_nodes and numbers[-1] == 0 and not (sizes & 1).any(), "tags of nodes")
    pairs = numbers[numbers != 0].reshape(-1, 2)
    start = np.concatenate([[0], np.cumsum(sizes // 2)])
    return Tags(start, pairs[:, 0], pairs[:, 1], texts)


def _ways(block: Blocks, spans: IntArray) -> WayGroup:
    """Go through all ways at once, field by field: an array holds where each of them is."""
    base, stop = int(spans[0, 0]), int(spans[-1, 1])
    data = np.frombuffer(block.data, np.uint8, stop - base, base)
    numbers, ends = read_numbers(data)
    # Position among the numbers of the one that starts at a byte.
    at = np.concatenate([[0], np.cumsum(data < MORE)])
    starts = np.concatenate([[0], ends + 1])
    way_id, where = _way_fields(numbers, starts, at, spans - base)
    columns = {field: at[where[field]] for field in (_KEYS, _VALUES, _INFO, _REFS)}
    keys, values = columns[_KEYS], columns[_VALUES]
    n_tags = keys[:, 1] - keys[:, 0]
    require((n_tags == values[:, 1] - values[:, 0]).all(), "tags")
    tags = Tags(
        np.concatenate([[0], np.cumsum(n_tags)]),
        _positions(numbers[laid_out(keys[:, 0], n_tags)], len(block.texts)),
        _positions(numbers[laid_out(values[:, 0], n_tags)], len(block.texts)),
        block.texts,
    )
    return WayGroup(way_id, tags, _edits(numbers, columns[_INFO]), numbers, columns[_REFS])


def _way_fields(
    numbers: Numbers, starts: IntArray, number_at: IntArray, spans: IntArray
) -> tuple[IntArray, dict[int, IntArray]]:
    """Return the identifiers of ways, and where each of their fields starts and stops."""
    way_id = np.zeros(len(spans), dtype=np.int64)
    where = {field: np.zeros((len(spans), 2), np.int64) for field in (_KEYS, _VALUES, _INFO, _REFS)}
    seen = np.zeros((len(spans), _REFS + 1), dtype=np.int64)
    byte, stop = spans[:, 0].copy(), spans[:, 1]
    left = np.arange(len(spans))
    while len(left):
        at = number_at[byte[left]]
        key = numbers[at]
        require(_are_among(key, _WAY_KEYS), "fields")
        seen[left, (key >> np.uint64(3)).astype(np.int64)] += 1
        is_id = key == _ID << 3
        way_id[left[is_id]] = numbers[at[is_id] + 1].astype(np.int64)
        size = np.where(is_id, np.uint64(0), numbers[at + 1])
        require((size <= len(numbers) * MAX_NUMBER).all(), "field too long")
        first = starts[at + 2]
        byte[left] = first + size.astype(np.int64)
        require((byte[left] <= stop[left]).all(), "field too long")
        require((starts[number_at[byte[left]]] == byte[left]).all(), "number")
        for field, places in where.items():
            is_field = key == field << 3 | BYTES
            rows = left[is_field]
            places[rows] = np.column_stack([first[is_field], byte[rows]])
        left = left[byte[left] < stop[left]]
    require(seen.max() == 1 and seen[:, _ID].all(), "fields")
    return way_id, where


def _are_among(numbers: Numbers, allowed: Sequence[int]) -> bool:
    return all(number in allowed for number in np.unique(numbers).tolist())


def _edits(numbers: Numbers, spans: IntArray) -> IntArray:
    """Return the times of the last edits of ways, in seconds; 0 where unknown."""
    edited_s = np.zeros(len(spans), dtype=np.int64)
    n_fields = (spans[:, 1] - spans[:, 0]) // 2
    require((n_fields * 2 == spans[:, 1] - spans[:, 0]).all(), "metadata")
    owner = np.repeat(np.arange(len(spans)), n_fields)
    if not len(owner):
        return edited_s
    at = np.repeat(spans[:, 0] - 2 * (np.cumsum(n_fields) - n_fields), n_fields)
    at += 2 * np.arange(len(owner))
    require(_are_among(numbers[at], _INFO_KEYS), "metadata")
    is_time = numbers[at] == _EDITED << 3
    edited_s[owner[is_time]] = numbers[at[is_time] + 1].astype(np.int64)
    _require_times(edited_s)
    return edited_s


def read_relations(
    block: Blocks, is_wanted: Callable[[set[bytes]], bool]
) -> Iterator[PbfRelation | int]:
    """
    Read the relations of a block, one by one: there are few.

    The identifier alone stands for those of which the keys are not wanted.

    Raises
    ------
    UnknownPbf
        The block is damaged, or holds what is not known here.
    """
    with known():
        for span in block.relations:
            fields = list(fields_of(block.data, *span))
            parts = {field: (start, stop) for field, start, stop in fields}
            require(len(parts) == len(fields) and parts.keys() <= _OF_RELATIONS, "fields")
            relation_id, is_bytes = parts.pop(_ID)
            require(not is_bytes and all(stop > 0 for _, stop in parts.values()), "kind of field")
            require(relation_id >> 63 == 0, "identifier")
            keys = packed(block.data, parts.get(_KEYS))
            if is_wanted({block.texts[key] for key in keys}):
                yield _relation(block, relation_id, keys, parts)
            else:
                yield relation_id


@dataclass(frozen=True, slots=True)
class PbfRelation:
    """A relation: identifier, tags, seconds of last edit; its members when they are asked for."""

    id: int
    tags: dict[str, str]
    edited_s: int
    block: Blocks
    parts: dict[int, Span]

    def members(self) -> Iterator[tuple[str, int, str]]:
        """Yield the letter of the kind, the identifier and the role of each member."""
        with known():
            roles, refs, kinds = (
                numbers_in(self.block.data, self.parts.get(field))
                for field in (_ROLES, _MEMBERS, _TYPES)
            )
            member_ids = np.cumsum(signed(refs)).tolist()
            role_of = _positions(roles, len(self.block.texts)).tolist()
            for kind, member_id, role in zip(kinds.tolist(), member_ids, role_of, strict=True):
                yield _KINDS[kind], member_id, text(self.block.texts[role])


def _relation(
    block: Blocks, relation_id: int, keys: list[int], parts: dict[int, Span]
) -> PbfRelation:
    values = packed(block.data, parts.get(_VALUES))
    edited_s = _edit(packed(block.data, parts.get(_INFO)))
    return PbfRelation(relation_id, tags_of(block.texts, keys, values), edited_s, block, parts)


def _edit(info: list[int]) -> int:
    """Return the time of the last edit of one object, as `_edits` for many."""
    fields, values = info[::2], info[1::2]
    require(len(fields) == len(values) and set(fields) <= {*_INFO_KEYS}, "metadata")
    edited_s = 0
    for field, value in zip(fields, values, strict=True):
        if field == _EDITED << 3:
            edited_s = value
    require(edited_s <= np.iinfo(np.int32).max, "time")
    return edited_s


def require_rising(ids: IntArray, *, after: int) -> int:
    """Tell the last of some identifiers that must rise, from one block to the next too."""
    require(len(ids) and ids[0] > after and (ids[1:] > ids[:-1]).all(), "order")
    return int(ids[-1])
