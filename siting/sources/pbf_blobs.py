"""Blobs of .osm.pbf files: where they are, and what they hold once inflated."""

from __future__ import annotations

import os
import struct
import zlib
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

from siting.sources.protobuf import Span, UnknownPbf, fields_of, known, require

# Limits that the format sets, in bytes.
_MAX_HEADER = 64 * 1024
_MAX_BLOB = 32 * 1024 * 1024
_FEATURES = frozenset({b"OsmSchema-V0.6", b"DenseNodes"})
_N_AHEAD = 4  # blocks that wait, decoded
_GROUP = 2  # field of a block that holds objects
_RANK_OF = {2: 0, 3: 1, 4: 2}  # of the objects of a group: dense nodes, ways, relations
Block = TypeVar("Block")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the blobs of each kind of objects start, and their sizes."""

    nodes: list[Span]
    ways: list[Span]
    relations: list[Span]


def layout_of(file: BinaryIO) -> Layout:
    """
    Tell the blobs of nodes from those of ways and of relations, in a file that is in this order.

    Only some of the blobs are looked at, as in a dictionary: whoever reads them sees if they
    are what they are taken for.

    Raises
    ------
    UnknownPbf
        The file is cut short, of another format, or asks for what is not known here.
    """
    spans = blob_spans(file)
    with known():
        ways, relations = (
            bisect_left(spans, rank, key=lambda span: _rank(file, span)) for rank in (1, 2)
        )
    return Layout(spans[:ways], spans[ways:relations], spans[relations:])


def _rank(file: BinaryIO, span: Span) -> int:
    """Tell what the first group of a blob holds: 0 for nodes, 1 for ways, 2 for relations."""
    data = content_of(_blob(file, span))
    for field, start, stop in fields_of(data, 0, len(data)):
        if field == _GROUP and start < stop:
            return _RANK_OF[data[start] >> 3]
    raise UnknownPbf("empty block")


def blob_spans(file: BinaryIO) -> list[Span]:
    """
    Return where the blobs of the objects of a file start, and their sizes.

    Raises
    ------
    UnknownPbf
        The file is cut short, of another format, or asks for what is not known here.
    """
    spans: list[Span] = []
    size = file.seek(0, os.SEEK_END)
    at = file.seek(0)
    with known():
        while at < size:
            kind, start, length = _blob_header(file.read(4), file.read, at)
            at = start + length
            require(at <= size, "cut short")
            require(kind == (b"OSMData" if spans else b"OSMHeader"), "blob")
            spans.append((start, length))
            file.seek(at)
        require(spans, "empty")
        _require_known_features(content_of(_blob(file, spans[0])))
    return spans[1:]


def _blob(file: BinaryIO, span: Span) -> bytes:
    start, length = span
    file.seek(start)
    return file.read(length)


def _blob_header(size: bytes, read: Callable[[int], bytes], at: int) -> tuple[bytes, int, int]:
    (length,) = struct.unpack(">I", size)
    require(0 < length <= _MAX_HEADER, "header size")
    header = read(length)
    require(len(header) == length, "cut short")
    fields = {field: (start, stop) for field, start, stop in fields_of(header, 0, length)}
    start, stop = fields.get(1, (0, 0))
    n_bytes = fields.get(3, (0, 0))[0]
    require(0 < n_bytes <= _MAX_BLOB, "blob size")
    return header[start:stop], at + 4 + length, n_bytes


def _require_known_features(header: bytes) -> None:
    for field, start, stop in fields_of(header, 0, len(header)):
        require(field != 4 or header[start:stop] in _FEATURES, "feature")  # noqa: PLR2004 - required features


def read_ahead(
    file: BinaryIO, spans: Sequence[Span], decoded: Callable[[bytes], Block]
) -> Iterator[Block]:
    """Yield the blobs of a file, decoded by another thread while the last one is used."""
    waiting: deque[Future[Block]] = deque()
    with known(), ThreadPoolExecutor(1) as pool:
        for span in spans:
            waiting.append(pool.submit(decoded, _blob(file, span)))
            if len(waiting) > _N_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def content_of(blob: bytes) -> bytes:
    """Return what a blob holds, inflated."""
    fields = {field: (start, stop) for field, start, stop in fields_of(blob, 0, len(blob))}
    if fields.keys() <= {1, 2} and 1 in fields:
        return blob[slice(*fields[1])]
    require(fields.keys() == {2, 3}, "compression")
    size = fields[2][0]
    require(0 < size <= _MAX_BLOB, "blob size")
    inflating = zlib.decompressobj()
    content = inflating.decompress(blob[slice(*fields[3])], size + 1)
    require(inflating.eof and len(content) == size, "blob size")
    return content
