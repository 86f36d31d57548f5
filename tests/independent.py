"""Another way to the same numbers: every node, every segment, networkx, brute force.

Nothing is contracted, nothing indexed. Each place is inserted in the graph as a node that
splits the segment nearest to it, found by looking at all of them on a local plane.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

import networkx as nx
import numpy as np
from pyproj import Geod

_GEOD = Geod(ellps="WGS84")
Place = tuple[float, float]


def _metres(a: Place, b: Place) -> float:
    return float(_GEOD.inv(*a, *b)[2])


def _east_per_north(lat: float) -> float:
    """Return the metres of a degree east over those of a degree north, on the ellipsoid."""
    latitude = math.radians(lat)
    return math.cos(latitude) * (1 - _GEOD.es * math.sin(latitude) ** 2) / (1 - _GEOD.es)


class SplitGraph:
    """A graph of the nodes of ways, in which places are inserted."""

    def __init__(self, streets: Mapping[int, list[tuple[int, float, float]]]) -> None:
        """Take ways as lists of (node id, longitude, latitude)."""
        self.graph = nx.Graph()
        self.places: dict[object, Place] = {}
        self.segments: list[tuple[int, int]] = []
        for street in streets.values():
            self.places |= {node: (lon, lat) for node, lon, lat in street}
            for (tail, *a), (head, *b) in pairwise(street):
                if tail != head:
                    self.segments.append((tail, head))
                    self._join(tail, head, _metres((a[0], a[1]), (b[0], b[1])))
        ends = np.array([[*self.places[a], *self.places[b]] for a, b in self.segments])
        self.a, self.b = ends[:, :2], ends[:, 2:]
        self.inserted: dict[int, list[tuple[float, object]]] = {}

    def _join(self, tail: object, head: object, length_m: float) -> None:
        known = self.graph.get_edge_data(tail, head, {"weight": math.inf})["weight"]
        self.graph.add_edge(tail, head, weight=min(known, length_m))

    def insert(self, name: object, place: Place) -> float:
        """Join a place to the nearest segment; return the length of the connector in metres."""
        scale = np.array([_east_per_north(place[1]), 1.0])
        a, b, p = (self.a - place) * scale, (self.b - place) * scale, np.zeros(2)
        d = b - a
        share = np.clip(((p - a) * d).sum(1) / np.maximum((d * d).sum(1), 1e-30), 0, 1)
        gap = np.hypot(*(a + share[:, None] * d).T)
        best = int(np.argmin(gap))
        foot = self.a[best] + share[best] * (self.b[best] - self.a[best])
        joint = ("joint", name)
        self.places[joint] = (float(foot[0]), float(foot[1]))
        self.inserted.setdefault(best, []).append((float(share[best]), joint))
        snap_m = _metres(place, self.places[joint])
        self.graph.add_edge(name, joint, weight=snap_m)
        return snap_m

    def split(self) -> None:
        """Lay the inserted joints along their segments, once all places are in."""
        for segment, joints in self.inserted.items():
            tail, head = self.segments[segment]
            chain = [tail, *[j for _, j in sorted(joints, key=lambda at: at[0])], head]
            for one, other in pairwise(chain):
                self._join(one, other, _metres(self.places[one], self.places[other]))

    def walks_m(self, name: object) -> dict[object, float]:
        """Measure metres from an inserted place to everything."""
        return dict(nx.single_source_dijkstra_path_length(self.graph, name))
