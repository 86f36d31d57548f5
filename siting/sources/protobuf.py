"""Messages of protocol buffers, as .osm.pbf files hold them: numbers, fields, texts.

Format: protobuf.dev/programming-guides/encoding. What is damaged raises `UnknownPbf`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from siting.compiled import reading
from siting.crs import IntArray

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.uint64]
Span = tuple[int, int]

_NUMBER = 0  # kind of fields of protocol buffers; BYTES is another
BYTES = 2
_SKIPPED = {1: 8, 5: 4}  # bytes of the other kinds
MAX_NUMBER = 10  # bytes of the longest number
MORE = 128  # set in all bytes of a number but the last


class UnknownPbf(Exception):
    """A file holds something that is not read here, or is damaged."""


@contextmanager
def known() -> Iterator[None]:
    """Turn what damaged bytes lead to into `UnknownPbf`."""
    try:
        yield
    except (LookupError, ValueError, OverflowError, struct.error, zlib.error) as error:
        raise UnknownPbf(str(error)) from error


def require(is_known: object, what: str) -> None:
    """Refuse what is not known here; `what` is not."""
    if not is_known:
        raise UnknownPbf(what)


def read_number(data: bytes, at: int) -> tuple[int, int]:
    """Read a number, and tell where it ends."""
    number = data[at]
    if number < MORE:
        return number, at + 1
    number = 0
    for n in range(MAX_NUMBER):
        byte = data[at + n]
        number |= (byte & 127) << (7 * n)
        if byte < MORE:
            return number, at + n + 1
    raise UnknownPbf("number")


def fields_of(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the fields of a message: number, then value and 0, or where it starts and stops."""
    while at < end:
        key, at = read_number(data, at)
        field, kind = key >> 3, key & 7
        if kind == _NUMBER:
            value, at = read_number(data, at)
            yield field, value, 0
            continue
        size = _SKIPPED.get(kind, 0)
        if kind == BYTES:
            size, at = read_number(data, at)
        else:
            require(size, "kind of field")
        require(at + size <= end, "field too long")
        if kind == BYTES:
            yield field, at, at + size
        at += size
    require(at == end, "message too long")


def read_numbers(data: Bytes) -> tuple[Numbers, IntArray]:
    """Decode numbers that follow one another; return where each ends, too."""
    n_numbers = np.count_nonzero(data < MORE)
    numbers = np.empty(n_numbers, dtype=np.uint64)
    ends = np.empty(n_numbers, dtype=np.int64)
    require(reading.read_numbers(data, numbers, ends) == n_numbers > 0, "number")
    return numbers, ends


def message_spans(data: bytes, at: int, end: int) -> IntArray:
    """Return where messages start and stop, that follow one another and are of one field."""
    require(data[at] & 7 == BYTES and data[at] < MORE, "field")
    spans = np.empty(((end - at) // 2, 2), dtype=np.int64)
    n_spans = reading.message_spans(np.frombuffer(data, dtype=np.uint8), at, end, spans)
    require(n_spans > 0, "messages")
    return spans[:n_spans]


def signed(numbers: Numbers) -> IntArray:
    """Undo the zigzag of signed numbers."""
    return (numbers >> np.uint64(1)).astype(np.int64) ^ -(numbers & np.uint64(1)).astype(np.int64)


def laid_out(start: IntArray, size: IntArray) -> IntArray:
    """Return the positions of runs, end to end."""
    return np.repeat(start - (np.cumsum(size) - size), size) + np.arange(size.sum())


def parts_of(data: bytes, start: int, stop: int, allowed: set[int]) -> dict[int, Span]:
    """Return where the fields of a message are; each at most once."""
    spans = list(fields_of(data, start, stop))
    parts = {field: (first, last) for field, first, last in spans}
    require(len(parts) == len(spans) and parts.keys() <= allowed, "fields")
    require(all(last for _, last in parts.values()), "kind of field")
    return parts


def numbers_in(data: bytes, span: Span | None) -> Numbers:
    """Read the numbers of a part of a message; none where there is no part."""
    start, stop = span or (0, 0)
    if start == stop:
        return np.zeros(0, dtype=np.uint64)
    return read_numbers(np.frombuffer(data, np.uint8, stop - start, start))[0]


def packed(data: bytes, span: Span | None) -> list[int]:
    """Read the numbers of a short part of a message."""
    numbers = []
    at, stop = span or (0, 0)
    while at < stop:
        number, at = read_number(data, at)
        numbers.append(number)
    require(at == stop, "number")
    return numbers


def text(data: bytes) -> str:
    """
    Decode a text of a block.

    Raises
    ------
    RuntimeError
        It is damaged. libosmium is not asked then: a NUL inside a text ends its process.
    """
    if b"\0" in data:
        raise RuntimeError("NUL inside a text")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RuntimeError(str(error)) from error
