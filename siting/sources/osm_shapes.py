"""Shapes of OpenStreetMap ways and relations, from the nodes that a file does hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from siting.network import Ways

Node = tuple[int, float, float]  # node id, longitude, latitude


@dataclass(slots=True)
class WayShape:
    """A way: its known nodes, in runs between missing ones."""

    runs: list[list[Node]]
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


def flat_ways(ways: Mapping[int, WayShape]) -> Ways:
    """Lay ways out in flat arrays, each run of known nodes being a way."""
    runs = [(way_id, run) for way_id, shape in ways.items() for run in shape.runs if len(run) > 1]
    points = np.array([point for _, run in runs for point in run], dtype=np.float64)
    points = points.reshape(-1, 3)
    node_ids = [point[0] for _, run in runs for point in run]  # not through floats: 64 bits
    sizes = [len(run) for _, run in runs]
    return Ways(
        way_id=np.array([way_id for way_id, _ in runs], dtype=np.int64),
        offset=np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]),
        node_id=np.array(node_ids, dtype=np.int64),
        lon=points[:, 1],
        lat=points[:, 2],
    )
