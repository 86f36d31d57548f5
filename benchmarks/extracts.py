"""
Extracts of any size, made of copies of one small town, to measure how times grow.

    python benchmarks/extracts.py data/sample/monaco.osm.pbf 3 k3.osm.pbf

The source is the extract of Monaco that the project ships (2,852 `highway` ways). Two copies side
by side are a town of 5,704; `k` times `k` such towns (2k columns, k rows) have 5.7k ways for k = 1,
51k for k = 3, 205k for k = 6, and a few that join the copies. A copy is moved by the extent of the
streets, in degrees: its streets are the source's but for their length from west to east, which
shrinks with the latitude (0.4 % over six rows). The source must have a location for every node of
a street, as extracts with complete ways do.

Every copy has its own nodes, ways and relations; the same source and k give the same objects. The
ways that join two copies are 1.0 to 1.8 km long here: Monaco lies aslant, so that its copies touch
by their extents and not by their streets.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import osmium
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

SAMPLE = Path(__file__).parents[1] / "data" / "sample" / "monaco.osm.pbf"
# The sample's digest: times of two versions compare only on the same streets.
SAMPLE_SHA256 = "1fdee8b72c48f932cab3aa9f1f74f87dfd954509a3b47cb932556d827189b97c"

# More than any identifier of OSM today (1.3e10 nodes): identifiers of two copies never meet.
ID_STRIDE = 1 << 34
COPIES_PER_TOWN = 2
JOINS_PER_SIDE = 3
# One UTM zone is 6 degrees wide; past two, distances in one projection are wrong.
MAX_WIDTH_DEG = 12.0
SITE_SEED = 20250101
# About 20 m: off the street, as an address is.
SITE_OFFSET_DEG = 0.0002
MAX_LATITUDE_DEG = 84.0

# Streets that anybody may walk along: the ends of joining ways are among their nodes.
JOINABLE = frozenset(
    {
        "footway",
        "living_street",
        "path",
        "pedestrian",
        "residential",
        "secondary",
        "service",
        "tertiary",
        "unclassified",
    }
)
CLOSED = frozenset({"no", "private", "customers"})


class ExtractError(Exception):
    """The source is not the one expected, or its copies would not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One object of the source; `place` holds a node's longitude and latitude."""

    osm_id: int
    version: int
    timestamp: datetime
    tags: dict[str, str]
    place: tuple[float, float] | None = None
    refs: tuple[int, ...] = ()
    members: tuple[tuple[str, int, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """The objects of a source, in the order of their identifiers."""

    nodes: list[Item]
    ways: list[Item]
    relations: list[Item]

    @property
    def places(self) -> dict[int, tuple[float, float]]:
        """Longitude and latitude of each node, by identifier."""
        return {node.osm_id: node.place for node in self.nodes if node.place is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One copy of the town: its rank, its column and row, how far it is moved."""

    rank: int
    column: int
    row: int
    east_deg: float
    north_deg: float

    def moved(self, osm_id: int) -> int:
        """Return the identifier that an object of the source has in this copy."""
        return osm_id + self.rank * ID_STRIDE


def read_town(path: Path) -> Town:
    """Return all the objects of an extract."""
    nodes, ways, relations = [], [], []
    for entity in osmium.FileProcessor(str(path)):
        head = {
            "osm_id": entity.id,
            "version": entity.version,
            "timestamp": entity.timestamp,
            "tags": dict(entity.tags),
        }
        if entity.is_node():
            nodes.append(Item(**head, place=(entity.location.lon, entity.location.lat)))
        elif entity.is_way():
            ways.append(Item(**head, refs=tuple(node.ref for node in entity.nodes)))
        else:
            members = tuple((member.type, member.ref, member.role) for member in entity.members)
            relations.append(Item(**head, members=members))
    return Town(
        nodes=sorted(nodes, key=lambda item: item.osm_id),
        ways=sorted(ways, key=lambda item: item.osm_id),
        relations=sorted(relations, key=lambda item: item.osm_id),
    )


def street_extent(town: Town) -> np.ndarray:
    """Return west, south, east and north of all `highway` ways, in degrees."""
    places = town.places
    refs = {ref for way in town.ways if "highway" in way.tags for ref in way.refs}
    points = np.array([places[ref] for ref in sorted(refs)])
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def is_joinable(tags: Mapping[str, str]) -> bool:
    """Tell if a way is a street or path that anybody may walk along."""
    return (
        tags.get("highway") in JOINABLE
        and tags.get("access") not in CLOSED
        and tags.get("foot") not in CLOSED
    )


def joinable_nodes(town: Town) -> list[int]:
    """
    Return the nodes of the largest connected part of the streets open to anybody.

    A join that ended on a path of its own would join nothing.
    """
    streets = [way.refs for way in town.ways if is_joinable(way.tags)]
    names = sorted({ref for refs in streets for ref in refs})
    rank = {ref: position for position, ref in enumerate(names)}
    pairs = np.array([(rank[a], rank[b]) for refs in streets for a, b in itertools.pairwise(refs)])
    links = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(names), len(names)))
    _, part = connected_components(links, directed=False)
    largest = np.bincount(part).argmax()
    return [ref for ref, number in zip(names, part, strict=True) if number == largest]


def closest_pairs(town: Town, nodes: list[int], *, shift: np.ndarray) -> list[tuple[int, int]]:
    """
    Return pairs (node of a copy, node of the copy moved by `shift`) that lie close together.

    The side that the two copies share is cut in `JOINS_PER_SIDE` equal bands, and each gives the
    closest pair whose two nodes are in it, as the crow flies.
    """
    places = town.places
    points = np.array([places[ref] for ref in nodes])
    scale = np.array([np.cos(np.deg2rad(points[:, 1].mean())), 1.0])
    along = points[:, int(shift[0] != 0)]
    edges = np.linspace(along.min(), along.max(), JOINS_PER_SIDE + 1)
    band = np.clip(np.searchsorted(edges, along, side="right") - 1, 0, JOINS_PER_SIDE - 1)
    pairs = []
    for number in range(JOINS_PER_SIDE):
        (ranks,) = np.nonzero(band == number)
        here = points[ranks] * scale
        gap, nearest = cKDTree(here + shift * scale).query(here)
        start = int(gap.argmin())
        pairs.append((nodes[ranks[start]], nodes[ranks[nearest[start]]]))
    return pairs


def copies(extent: np.ndarray, k: int) -> list[Copy]:
    """
    Return the copies of the town, row by row from the south-west.

    Raises
    ------
    ExtractError
        If they would be wider than two UTM zones, or reach the pole.
    """
    width, height = extent[2:] - extent[:2]
    columns = COPIES_PER_TOWN * k
    if columns * width > MAX_WIDTH_DEG or extent[1] + k * height > MAX_LATITUDE_DEG:
        raise ExtractError(f"{columns} x {k} copies are too many: they would leave the zone.")
    return [
        Copy(
            rank=row * columns + column,
            column=column,
            row=row,
            east_deg=column * width,
            north_deg=row * height,
        )
        for row in range(k)
        for column in range(columns)
    ]


def joining_ways(
    town: Town, placed: list[Copy], extent: np.ndarray
) -> Iterator[osmium.osm.mutable.Way]:
    """Yield the ways that join each copy to those east and north of it."""
    nodes = joinable_nodes(town)
    width, height = extent[2:] - extent[:2]
    pairs = {
        (1, 0): closest_pairs(town, nodes, shift=np.array([width, 0.0])),
        (0, 1): closest_pairs(town, nodes, shift=np.array([0.0, height])),
    }
    at = {(copy.column, copy.row): copy for copy in placed}
    # After every copied way: the file stays sorted.
    numbers = itertools.count((len(placed) + 1) * ID_STRIDE)
    for copy in placed:
        for (columns, rows), ends in pairs.items():
            other = at.get((copy.column + columns, copy.row + rows))
            if other is None:
                continue
            for start, end in ends:
                yield osmium.osm.mutable.Way(
                    id=next(numbers),
                    version=1,
                    timestamp=town.ways[0].timestamp,
                    tags={"highway": "residential", "name": "Raccord"},
                    nodes=[copy.moved(start), other.moved(end)],
                )


def _write_nodes(writer: osmium.SimpleWriter, town: Town, copy: Copy) -> None:
    for item in town.nodes:
        longitude, latitude = item.place or (0.0, 0.0)
        writer.add_node(
            osmium.osm.mutable.Node(
                id=copy.moved(item.osm_id),
                version=item.version,
                timestamp=item.timestamp,
                tags=item.tags,
                location=(longitude + copy.east_deg, latitude + copy.north_deg),
            )
        )


def _write_ways(writer: osmium.SimpleWriter, town: Town, copy: Copy) -> None:
    for item in town.ways:
        writer.add_way(
            osmium.osm.mutable.Way(
                id=copy.moved(item.osm_id),
                version=item.version,
                timestamp=item.timestamp,
                tags=item.tags,
                nodes=[copy.moved(ref) for ref in item.refs],
            )
        )


def _write_relations(writer: osmium.SimpleWriter, town: Town, copy: Copy) -> None:
    for item in town.relations:
        writer.add_relation(
            osmium.osm.mutable.Relation(
                id=copy.moved(item.osm_id),
                version=item.version,
                timestamp=item.timestamp,
                tags=item.tags,
                members=[(kind, copy.moved(ref), role) for kind, ref, role in item.members],
            )
        )


def check_sample(path: Path = SAMPLE) -> Path:
    """
    Return the path of the sample.

    Raises
    ------
    ExtractError
        If it is not the one the published times were measured on.
    """
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != SAMPLE_SHA256:
        raise ExtractError(f"{path} has SHA-256 {digest}, not the pinned {SAMPLE_SHA256}.")
    return path


def write_extract(source: Path, k: int, output: Path) -> int:
    """Write k x k towns made of copies of `source`, and return the number of `highway` ways."""
    town = read_town(source)
    extent = street_extent(town)
    placed = copies(extent, k)
    joins = list(joining_ways(town, placed, extent))
    partial = output.with_name(f"partial-{output.name}")
    partial.unlink(missing_ok=True)
    with osmium.SimpleWriter(str(partial)) as writer:
        for copy in placed:
            _write_nodes(writer, town, copy)
        for copy in placed:
            _write_ways(writer, town, copy)
        for way in joins:
            writer.add_way(way)
        for copy in placed:
            _write_relations(writer, town, copy)
    partial.replace(output)
    streets = sum("highway" in way.tags for way in town.ways)
    return streets * len(placed) + len(joins)


def write_sites(extract: Path, n_sites: int, output: Path) -> None:
    """
    Write sites drawn at random beside the nodes of the streets of an extract.

    The sites of a smaller number are the first ones of a larger.
    """
    places: dict[int, tuple[float, float]] = {}
    for way in osmium.FileProcessor(str(extract)).with_locations():
        if way.is_way() and is_joinable(way.tags):
            places |= {node.ref: (node.lon, node.lat) for node in way.nodes}
    points = np.array([places[ref] for ref in sorted(places)])
    random = np.random.default_rng(SITE_SEED)
    drawn = points[random.permutation(len(points))[:n_sites]]
    drawn += random.uniform(-SITE_OFFSET_DEG, SITE_OFFSET_DEG, size=drawn.shape)
    with output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["site_id", "lon", "lat"])
        writer.writerows(
            [f"s{rank:06d}", f"{lon:.7f}", f"{lat:.7f}"] for rank, (lon, lat) in enumerate(drawn)
        )


def main() -> None:
    """Write one extract."""
    parser = argparse.ArgumentParser(description="Write an extract of k x k copies of a town.")
    parser.add_argument("source", type=Path, help=".osm.pbf file to copy, such as the sample")
    parser.add_argument("k", type=int, help="towns on one side: 1, 3 and 6 are the published ones")
    parser.add_argument("output", type=Path, help=".osm.pbf file to write")
    options = parser.parse_args()
    ways = write_extract(options.source, options.k, options.output)
    print(f"{options.output}: {ways} highway ways")


if __name__ == "__main__":
    main()
