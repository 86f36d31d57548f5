"""Blobs of .osm.pbf files: where they are, and what they hold once inflated."""

from __future__ import annotations

import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from siting.sources.protobuf import Span, fields_of, known, require

# Limits that the format sets, in bytes.
_MAX_HEADER = 64 * 1024
_MAX_BLOB = 32 * 1024 * 1024
_FEATURES = frozenset({b"OsmSchema-V0.6", b"DenseNodes"})
_N_AHEAD = 4  # blocks that wait, decoded
Block = TypeVar("Block")


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
            require(at <= size, "cut short")
            require(kind == (b"OSMData" if spans else b"OSMHeader"), "blob")
            spans.append((start, length))
            file.seek(at)
        require(spans, "empty")
        start, length = spans[0]
        file.seek(start)
        _require_known_features(content_of(file.read(length)))
    return spans[1:]


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
