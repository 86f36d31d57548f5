"""Blocks of .osm.pbf files as flat arrays, many times quicker than object by object.

Format: wiki.openstreetmap.org/wiki/PBF_Format. What is read is what files of today are made
of: dense nodes, sorted, in their usual units, raw or deflated. All else, damage included,
raises `UnknownPbf`; libosmium then reads the file, or says what is wrong with it.
"""

from __future__ import annotations

import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from siting.crs import IntArray

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.uint64]
Span = tuple[int, int]
Block = TypeVar("Block")

# Limits that the format sets, in bytes.
_MAX_HEADER = 64 * 1024
_MAX_BLOB = 32 * 1024 * 1024
_FEATURES = frozenset({b"OsmSchema-V0.6", b"DenseNodes"})

_NUMBER, _BYTES = 0, 2  # kinds of fields of protocol buffers
_SKIPPED = {1: 8, 5: 4}  # bytes of the other kinds
_MAX_NUMBER = 10  # bytes of the longest number
_MORE = 128  # set in all bytes of a number but the last
_MAX_TEXT = 1024  # bytes: 256 characters, the limit of OpenStreetMap
_N_AHEAD = 4  # blocks that wait, decoded

# Fields of blocks, of groups, and of the objects that they hold.
_STRINGS, _GROUP = 1, 2
_USUAL_UNITS = {17: 100, 18: 1000, 19: 0, 20: 0}
_DENSE, _WAYS, _RELATIONS = 2, 3, 4
_ID, _KEYS, _VALUES, _INFO = 1, 2, 3, 4
_REFS = 8
_ROLES, _MEMBERS, _TYPES = 8, 9, 10
_DENSE_INFO, _LAT, _LON, _DENSE_TAGS = 5, 8, 9, 10
_EDITED, _VISIBLE = 2, 6
_WAY_KEYS = (_ID << 3, *(field << 3 | _BYTES for field in (_KEYS, _VALUES, _INFO, _REFS)))
_INFO_KEYS = tuple(field << 3 for field in (1, _EDITED, 3, 4, 5))
_OF_RELATIONS = frozenset({_ID, _KEYS, _VALUES, _INFO, _ROLES, _MEMBERS, _TYPES})
_KINDS = "nwr"


class UnknownPbf(Exception):
    """A file holds something that is not read here, or is damaged."""


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
    """Nodes of a block: identifier, ten-millionths of a degree, tags, seconds of last edit."""

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
        total = np.concatenate([[0], np.cumsum(_signed(self.numbers[_laid(start, size)]))])
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


@contextmanager
def known() -> Iterator[None]:
    """Turn what damaged bytes lead to into `UnknownPbf`."""
    try:
        yield
    except (LookupError, ValueError, OverflowError, struct.error, zlib.error) as error:
        raise UnknownPbf(str(error)) from error


def _require(is_known: object, what: str) -> None:
    if not is_known:
        raise UnknownPbf(what)


def text(data: bytes) -> str:
    """Decode a text of a block."""
    _require(b"\0" not in data, "text")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnknownPbf(str(error)) from error


def tags_of(texts: Sequence[bytes], keys: Sequence[int], values: Sequence[int]) -> dict[str, str]:
    """Decode tags, whose keys are all different."""
    pairs = zip(keys, values, strict=True)
    tags = {text(texts[key]): text(texts[value]) for key, value in pairs}
    _require(len(tags) == len(keys), "key given twice")
    return tags


def blob_spans(path: Path) -> list[Span]:
    """
    Return where the blobs of the objects of a file start, and their sizes.

    Raises
    ------
    UnknownPbf
        The file is cut short, of another format, or asks for what is not known here.
    """
    spans: list[Span] = []
    size = path.stat().st_size
    at = 0
    with known(), path.open("rb") as file:
        while at < size:
            kind, start, length = _blob_header(file.read(4), file.read, at)
            at = start + length
            _require(at <= size, "cut short")
            _require(kind == (b"OSMData" if spans else b"OSMHeader"), "blob")
            spans.append((start, length))
            file.seek(at)
        _require(spans, "empty")
        start, length = spans[0]
        file.seek(start)
        _require_known_features(_content(file.read(length)))
    return spans[1:]


def _blob_header(size: bytes, read: Callable[[int], bytes], at: int) -> tuple[bytes, int, int]:
    (length,) = struct.unpack(">I", size)
    _require(0 < length <= _MAX_HEADER, "header size")
    header = read(length)
    _require(len(header) == length, "cut short")
    fields = {field: (start, stop) for field, start, stop in _fields(header, 0, length)}
    start, stop = fields.get(1, (0, 0))
    n_bytes = fields.get(3, (0, 0))[0]
    _require(0 < n_bytes <= _MAX_BLOB, "blob size")
    return header[start:stop], at + 4 + length, n_bytes


def _require_known_features(header: bytes) -> None:
    for field, start, stop in _fields(header, 0, len(header)):
        _require(field != 4 or header[start:stop] in _FEATURES, "feature")  # noqa: PLR2004 - required features


def read_ahead(
    path: Path, spans: Sequence[Span], decoded: Callable[[bytes], Block]
) -> Iterator[Block]:
    """Yield the blobs of a file, decoded by another thread while the last one is used."""
    waiting: deque[Future[Block]] = deque()
    with known(), path.open("rb") as file, ThreadPoolExecutor(1) as pool:
        for start, length in spans:
            file.seek(start)
            waiting.append(pool.submit(decoded, file.read(length)))
            if len(waiting) > _N_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def decoded_block(blob: bytes) -> Blocks:
    """
    Decode a blob of objects.

    Raises
    ------
    UnknownPbf
        It is damaged, or holds what is not known here.
    """
    with known():
        data = _content(blob)
        fields = list(_fields(data, 0, len(data)))
        for field, value, _ in fields:
            _require(_USUAL_UNITS.get(field, value) == value, "units")
        tables = [(start, stop) for field, start, stop in fields if field == _STRINGS]
        _require(len(tables) == 1, "strings")
        texts = _texts(data, *tables[0])
        block = Blocks([], [], [], texts, data)
        for field, start, stop in fields:
            if field == _GROUP:
                _add_group(block, start, stop)
        return block


def _add_group(block: Blocks, start: int, stop: int) -> None:
    kind = block.data[start] >> 3
    spans = _spans(block.data, start, stop)
    if kind == _DENSE:
        block.nodes.extend(_nodes(block, first, last) for first, last in spans)
    elif kind == _WAYS:
        block.ways.append(_ways(block, np.array(spans, dtype=np.int64)))
    else:
        _require(kind == _RELATIONS, "group")
        block.relations.extend(spans)
    kinds = (block.nodes, block.ways, block.relations)
    _require(sum(map(bool, kinds)) == 1, "mixed block")


def _spans(data: bytes, at: int, end: int) -> list[Span]:
    """Return where the messages of a group start and stop, all of the same field."""
    key = data[at]
    _require(key & 7 == _BYTES and key < _MORE, "group")
    spans = []
    while at < end:
        _require(data[at] == key, "mixed group")
        size, start = data[at + 1], at + 2
        if size >= _MORE:
            size, start = _number(data, at + 1)
        at = start + size
        spans.append((start, at))
    _require(at == end, "message too long")
    return spans


def _content(blob: bytes) -> bytes:
    """Return what a blob holds, inflated."""
    fields = {field: (start, stop) for field, start, stop in _fields(blob, 0, len(blob))}
    if fields.keys() <= {1, 2} and 1 in fields:
        return blob[slice(*fields[1])]
    _require(fields.keys() == {2, 3}, "compression")
    size = fields[2][0]
    _require(0 < size <= _MAX_BLOB, "blob size")
    inflating = zlib.decompressobj()
    content = inflating.decompress(blob[slice(*fields[3])], size + 1)
    _require(inflating.eof and len(content) == size, "blob size")
    return content


def _number(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for n in range(_MAX_NUMBER):
        byte = data[at + n]
        number |= (byte & 127) << (7 * n)
        if byte < _MORE:
            return number, at + n + 1
    raise UnknownPbf("number")


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the fields of a message: number, then value and 0, or where it starts and stops."""
    while at < end:
        key, at = _number(data, at)
        field, kind = key >> 3, key & 7
        if kind == _NUMBER:
            value, at = _number(data, at)
            yield field, value, 0
            continue
        size = _SKIPPED.get(kind, 0)
        if kind == _BYTES:
            size, at = _number(data, at)
        else:
            _require(size, "kind of field")
        _require(at + size <= end, "field too long")
        if kind == _BYTES:
            yield field, at, at + size
        at += size
    _require(at == end, "message too long")


def _texts(data: bytes, at: int, end: int) -> list[bytes]:
    """Split the table of strings of a block; most are short, and there are many."""
    texts = []
    while at < end:
        size, start = data[at + 1], at + 2
        if size >= _MORE:
            size, start = _number(data, at + 1)
            _require(size <= _MAX_TEXT, "long text")
        _require(data[at] == _STRINGS << 3 | _BYTES, "strings")
        at = start + size
        texts.append(data[start:at])
    _require(at == end and texts, "strings")
    return texts


def _numbers(data: Bytes) -> tuple[Numbers, IntArray]:
    """Decode numbers that follow one another; return where each ends, too."""
    ends = np.flatnonzero(data < _MORE)
    starts = np.concatenate([[0], ends[:-1] + 1])
    _require(len(ends) and ends[-1] == len(data) - 1, "number")
    size = ends - starts
    _require(size.max() < _MAX_NUMBER, "number")
    numbers = (data[starts] & 127).astype(np.uint64)
    longer = np.flatnonzero(size)
    n = 1
    while len(longer):
        part = (data[starts[longer] + n] & 127).astype(np.uint64)
        numbers[longer] |= part << np.uint64(7 * n)
        n += 1
        longer = longer[size[longer] >= n]
    return numbers, ends


def _signed(numbers: Numbers) -> IntArray:
    """Undo the zigzag of signed numbers."""
    return (numbers >> np.uint64(1)).astype(np.int64) ^ -(numbers & np.uint64(1)).astype(np.int64)


def _laid(start: IntArray, size: IntArray) -> IntArray:
    """Return the positions of runs, end to end."""
    return np.repeat(start - (np.cumsum(size) - size), size) + np.arange(size.sum())


def _positions(numbers: Numbers, n_texts: int) -> IntArray:
    _require((numbers < n_texts).all(), "position of a text")
    return numbers.astype(np.int64)


def _nodes(block: Blocks, start: int, stop: int) -> Nodes:
    parts = _parts(block.data, start, stop, {_ID, _DENSE_INFO, _LAT, _LON, _DENSE_TAGS})
    data = np.frombuffer(block.data, dtype=np.uint8)
    ids, lat, lon = (
        np.cumsum(_signed(_numbers(data[slice(*parts[field])])[0])) for field in (_ID, _LAT, _LON)
    )
    n_nodes = len(ids)
    _require(len(lat) == len(lon) == n_nodes, "nodes")
    limit = np.iinfo(np.int32).max
    _require(max(np.abs(lat).max(), np.abs(lon).max()) <= limit, "place")
    tags = data[slice(*parts.get(_DENSE_TAGS, (0, 0)))]
    edited_s = np.zeros(n_nodes, dtype=np.int64)
    if _DENSE_INFO in parts:
        edited_s = _dense_edits(block.data, *parts[_DENSE_INFO], n_nodes)
    return Nodes(ids, lon, lat, _dense_tags(tags, n_nodes, block.texts), edited_s)


def _parts(data: bytes, start: int, stop: int, allowed: set[int]) -> dict[int, Span]:
    """Return where the fields of a message are; each at most once."""
    spans = list(_fields(data, start, stop))
    parts = {field: (first, last) for field, first, last in spans}
    _require(len(parts) == len(spans) and parts.keys() <= allowed, "fields")
    _require(all(last for _, last in parts.values()), "kind of field")
    return parts


def _dense_edits(data: bytes, start: int, stop: int, n_nodes: int) -> IntArray:
    """Return the times of the last edits of nodes, in seconds; 0 where unknown."""
    parts = _parts(data, start, stop, {1, _EDITED, 3, 4, 5, _VISIBLE})
    _require(_VISIBLE not in parts, "deleted objects")
    edited_s = np.zeros(n_nodes, dtype=np.int64)
    for field, (first, last) in parts.items():
        part = np.frombuffer(data, np.uint8, last - first, first)
        n_numbers = np.count_nonzero(part < _MORE)
        _require(n_numbers in (0, n_nodes), "metadata")
        if field == _EDITED and n_numbers:
            edited_s = np.cumsum(_signed(_numbers(part)[0]))
            _require_times(edited_s)
    return edited_s


def _require_times(edited_s: IntArray) -> None:
    _require(edited_s.min() >= 0 and edited_s.max() <= np.iinfo(np.int32).max, "time")


def _dense_tags(data: Bytes, n_nodes: int, texts: Sequence[bytes]) -> Tags:
    """Split keys and values by turns, with a zero after those of each node."""
    if not len(data):
        none = np.zeros(0, dtype=np.int64)
        return Tags(np.zeros(n_nodes + 1, dtype=np.int64), none, none, texts)
    numbers = _positions(_numbers(data)[0], len(texts))
    zeros = np.flatnonzero(numbers == 0)
    sizes = np.diff(zeros, prepend=-1) - 1
    _require(len(zeros) == n_nodes and numbers[-1] == 0 and not (sizes & 1).any(), "tags of nodes")
    pairs = numbers[numbers != 0].reshape(-1, 2)
    start = np.concatenate([[0], np.cumsum(sizes // 2)])
    return Tags(start, pairs[:, 0], pairs[:, 1], texts)


def _ways(block: Blocks, spans: IntArray) -> WayGroup:
    """Go through all ways at once, field by field: an array holds where each of them is."""
    base, stop = int(spans[0, 0]), int(spans[-1, 1])
    data = np.frombuffer(block.data, np.uint8, stop - base, base)
    numbers, ends = _numbers(data)
    # Position among the numbers of the one that starts at a byte.
    at = np.concatenate([[0], np.cumsum(data < _MORE)])
    starts = np.concatenate([[0], ends + 1])
    way_id, where = _way_fields(numbers, starts, at, spans - base)
    columns = {field: at[where[field]] for field in (_KEYS, _VALUES, _INFO, _REFS)}
    keys, values = columns[_KEYS], columns[_VALUES]
    n_tags = keys[:, 1] - keys[:, 0]
    _require((n_tags == values[:, 1] - values[:, 0]).all(), "tags")
    tags = Tags(
        np.concatenate([[0], np.cumsum(n_tags)]),
        _positions(numbers[_laid(keys[:, 0], n_tags)], len(block.texts)),
        _positions(numbers[_laid(values[:, 0], n_tags)], len(block.texts)),
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
        _require(_are_among(key, _WAY_KEYS), "fields")
        seen[left, (key >> np.uint64(3)).astype(np.int64)] += 1
        is_id = key == _ID << 3
        way_id[left[is_id]] = numbers[at[is_id] + 1].astype(np.int64)
        size = np.where(is_id, np.uint64(0), numbers[at + 1])
        _require((size <= len(numbers) * _MAX_NUMBER).all(), "field too long")
        first = starts[at + 2]
        byte[left] = first + size.astype(np.int64)
        _require((byte[left] <= stop[left]).all(), "field too long")
        _require((starts[number_at[byte[left]]] == byte[left]).all(), "number")
        for field, places in where.items():
            is_field = key == field << 3 | _BYTES
            rows = left[is_field]
            places[rows] = np.column_stack([first[is_field], byte[rows]])
        left = left[byte[left] < stop[left]]
    _require(seen.max() == 1 and seen[:, _ID].all(), "fields")
    return way_id, where


def _are_among(numbers: Numbers, allowed: Sequence[int]) -> bool:
    return all(number in allowed for number in np.unique(numbers).tolist())


def _edits(numbers: Numbers, spans: IntArray) -> IntArray:
    """Return the times of the last edits of ways, in seconds; 0 where unknown."""
    edited_s = np.zeros(len(spans), dtype=np.int64)
    n_fields = (spans[:, 1] - spans[:, 0]) // 2
    _require((n_fields * 2 == spans[:, 1] - spans[:, 0]).all(), "metadata")
    owner = np.repeat(np.arange(len(spans)), n_fields)
    if not len(owner):
        return edited_s
    at = np.repeat(spans[:, 0] - 2 * (np.cumsum(n_fields) - n_fields), n_fields)
    at += 2 * np.arange(len(owner))
    _require(_are_among(numbers[at], _INFO_KEYS), "metadata")
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
            fields = list(_fields(block.data, *span))
            parts = {field: (start, stop) for field, start, stop in fields}
            _require(len(parts) == len(fields) and parts.keys() <= _OF_RELATIONS, "fields")
            relation_id, is_bytes = parts.pop(_ID)
            _require(not is_bytes and all(stop > 0 for _, stop in parts.values()), "kind of field")
            _require(relation_id >> 63 == 0, "identifier")
            keys = _packed(block.data, parts.get(_KEYS))
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
                _numbers_in(self.block.data, self.parts.get(field))
                for field in (_ROLES, _MEMBERS, _TYPES)
            )
            member_ids = np.cumsum(_signed(refs)).tolist()
            role_of = _positions(roles, len(self.block.texts)).tolist()
            for kind, member_id, role in zip(kinds.tolist(), member_ids, role_of, strict=True):
                yield _KINDS[kind], member_id, text(self.block.texts[role])


def _relation(
    block: Blocks, relation_id: int, keys: list[int], parts: dict[int, Span]
) -> PbfRelation:
    values = _packed(block.data, parts.get(_VALUES))
    info = _numbers_in(block.data, parts.get(_INFO))
    (edited_s,) = _edits(info, np.array([[0, len(info)]])).tolist()
    return PbfRelation(relation_id, tags_of(block.texts, keys, values), edited_s, block, parts)


def _numbers_in(data: bytes, span: Span | None) -> Numbers:
    start, stop = span or (0, 0)
    if start == stop:
        return np.zeros(0, dtype=np.uint64)
    return _numbers(np.frombuffer(data, np.uint8, stop - start, start))[0]


def _packed(data: bytes, span: Span | None) -> list[int]:
    numbers = []
    at, stop = span or (0, 0)
    while at < stop:
        number, at = _number(data, at)
        numbers.append(number)
    _require(at == stop, "number")
    return numbers


def require_rising(ids: IntArray, *, after: int) -> int:
    """Tell the last of some identifiers that must rise, from one block to the next too."""
    _require(len(ids) and ids[0] > after and (ids[1:] > ids[:-1]).all(), "order")
    return int(ids[-1])
