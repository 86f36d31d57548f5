"""Files in .osm.pbf written block by block: millions of nodes in a second, or what no tool writes.

Format: wiki.openstreetmap.org/wiki/PBF_Format.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

NODES_PER_BLOCK = 8000


def number(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value: int) -> bytes:
    return number((value << 1) ^ (value >> 63))


def field(at: int, content: bytes) -> bytes:
    return number(at << 3 | 2) + number(len(content)) + content


def blob(kind: bytes, content: bytes) -> bytes:
    body = number(2 << 3) + number(len(content)) + field(3, zlib.compress(content, 1))
    head = field(1, kind) + number(3 << 3) + number(len(body))
    return len(head).to_bytes(4, "big") + head + body


def header() -> bytes:
    return blob(b"OSMHeader", field(4, b"OsmSchema-V0.6") + field(4, b"DenseNodes"))


def block(group: bytes, texts: Sequence[bytes] = ()) -> bytes:
    table = b"".join(field(1, text) for text in (b"", *texts))
    return blob(b"OSMData", field(1, table) + field(2, group))


def plain_nodes(first_id: int, lon: float, lat: float, *, n: int = NODES_PER_BLOCK) -> bytes:
    """Return a block of nodes without tags, whose identifiers follow, at one place."""
    step, still = zigzag(1), zigzag(0)
    ids = zigzag(first_id) + step * (n - 1)
    lats = zigzag(round(lat * 1e7)) + still * (n - 1)
    lons = zigzag(round(lon * 1e7)) + still * (n - 1)
    return block(field(2, field(1, ids) + field(8, lats) + field(9, lons)))


def nodes(places: Iterable[tuple[int, int, int]]) -> bytes:
    """Return a block of nodes without tags: identifier, and ten-millionths of a degree."""
    columns: list[list[bytes]] = [[], [], []]
    last = (0, 0, 0)
    for place in places:
        for column, value, before in zip(columns, place, last, strict=True):
            column.append(zigzag(value - before))
        last = place
    ids, lons, lats = (b"".join(column) for column in columns)
    return block(field(2, field(1, ids) + field(8, lats) + field(9, lons)))


def streets(ways: Iterable[tuple[int, Sequence[int]]]) -> bytes:
    """Return a block of streets: identifier, and nodes."""
    group = b""
    for way_id, refs in ways:
        deltas = b"".join(
            zigzag(ref - before) for before, ref in zip((0, *refs), refs, strict=False)
        )
        way = number(1 << 3) + number(way_id) + field(2, b"\1") + field(3, b"\2")
        group += field(3, way + field(8, deltas))
    return block(group, (b"highway", b"residential"))


def long_streets(first_id: int, first_node: int, *, n: int, n_nodes: int) -> bytes:
    """Return a block of streets whose identifiers follow, and so do all their nodes."""
    tags, steps = field(2, b"\1") + field(3, b"\2"), zigzag(1) * (n_nodes - 1)
    ways = (
        number(1 << 3)
        + number(first_id + at)
        + tags
        + field(8, zigzag(first_node + at * n_nodes) + steps)
        for at in range(n)
    )
    return block(b"".join(field(3, way) for way in ways), (b"highway", b"residential"))
