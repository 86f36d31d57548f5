"""Shapes of OpenStreetMap ways and relations, from the nodes that a file does hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import shapely
from osmium.osm.types import Way

Node = tuple[int, float, float]  # node id, longitude, latitude

_RING_SIZE = 4  # positions of the smallest closed ring, the first one repeated


@dataclass(slots=True)
class WayShape:
    """A way: its known nodes, in runs between missing ones."""

    runs: list[list[Node]]
    n_missing: int
    is_ring: bool

    @property
    def n_nodes(self) -> int:
        """Number of known nodes."""
        return sum(map(len, self.runs))

    def geometry(self) -> shapely.Geometry | None:
        """Return its polygon, line or point; None when no node is known."""
        if self.is_ring:
            ring = shapely.Polygon([point[1:] for point in self.runs[0]])
            return ring if ring.is_valid else ring.exterior
        parts = [
            shapely.LineString([point[1:] for point in run]) for run in self.runs if len(run) > 1
        ]
        if parts:
            return parts[0] if len(parts) == 1 else shapely.MultiLineString(parts)
        return shapely.Point(self.runs[0][0][1:]) if self.runs else None


def way_shape(way: Way) -> WayShape:
    """Copy the shape of a way whose nodes were given their positions."""
    nodes: list[Node | None] = []
    for node in way.nodes:
        location = node.location
        nodes.append((node.ref, location.lon, location.lat) if location.valid() else None)
    return shape_of(nodes, is_closed=way.is_closed())


def shape_of(nodes: Sequence[Node | None], *, is_closed: bool) -> WayShape:
    """Lay out the nodes of a way, None for those that are missing."""
    runs: list[list[Node]] = [[]]
    for node in nodes:
        if node is not None:
            runs[-1].append(node)
        elif runs[-1]:
            runs.append([])
    runs = [run for run in runs if run]
    n_missing = sum(node is None for node in nodes)
    is_ring = is_closed and n_missing == 0 and len(nodes) >= _RING_SIZE
    return WayShape(runs=runs, n_missing=n_missing, is_ring=is_ring)


def outline(shapes: Sequence[WayShape]) -> shapely.Geometry | None:
    """Join the outer ways of an area; what does not close stays a line, and is not lost."""
    lines = scattered(shapes)
    if lines is None:
        return None
    areas = shapely.get_parts(shapely.polygonize(shapely.get_parts(lines)))
    return shapely.multipolygons(areas) if len(areas) else lines


def scattered(shapes: Sequence[WayShape]) -> shapely.Geometry | None:
    """Put the lines of ways together as they are; None when they have none."""
    lines = [
        shapely.LineString([point[1:] for point in run])
        for shape in shapes
        for run in shape.runs
        if len(run) > 1
    ]
    return shapely.MultiLineString(lines) if lines else None


def entrance_points(
    shapes: Sequence[WayShape], entrances: Mapping[int, tuple[float, float]]
) -> shapely.MultiPoint | None:
    """Return the entrances that lie on ways, given the entrances of the file by node."""
    doors = {
        entrances[node_id]
        for shape in shapes
        for run in shape.runs
        for node_id, _, _ in run
        if node_id in entrances
    }
    return shapely.MultiPoint(sorted(doors)) if doors else None
