"""Another way to the same numbers: every node, every segment, networkx, brute force.

Nothing is contracted, nothing indexed. Each place is inserted in the graph as a node that
splits the segment nearest to it, found by looking at all of them on a local plane.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from itertools import pairwise

import networkx as nx
import numpy as np
from pyproj import Geod

_GEOD = Geod(ellps="WGS84")
_TINY_M = 500.0  # a piece of network with less street is a tiny island
_DETOUR_M = 50.0  # how much further than an island the street that is taken may be
_LIMIT_M = 200.0
Place = tuple[float, float]


def _metres(a: Place, b: Place) -> float:
    return float(_GEOD.inv(*a, *b)[2])


def _east_per_north(lat: float) -> float:
    """Return the metres of a degree east over those of a degree north, on the ellipsoid."""
    latitude = math.radians(lat)
    return math.cos(latitude) * (1 - _GEOD.es * math.sin(latitude) ** 2) / (1 - _GEOD.es)


class SplitGraph:
    """A graph of the nodes of ways, in which places are inserted."""

    def __init__(
        self,
        streets: Mapping[int, list[tuple[int, float, float]]],
        closed: Collection[int] = (),
        one_way: Collection[int] = (),
    ) -> None:
        """
        Take ways as lists of (node id, longitude, latitude).

        Nobody goes through the nodes that are `closed`: each segment ends at a node of its
        own. Ways that are `one_way` are walked along their drawing only.
        """
        self.graph = nx.DiGraph()
        self.places: dict[object, Place] = {}
        self.segments: list[tuple[object, object]] = []
        self.is_one_way: list[bool] = []
        for way, street in streets.items():
            for (tail, *a), (head, *b) in pairwise(street):
                if tail == head:
                    continue
                number = len(self.segments)
                ends = [(n, number) if n in closed else n for n in (tail, head)]
                self.places[ends[0]], self.places[ends[1]] = (a[0], a[1]), (b[0], b[1])
                self.segments.append((ends[0], ends[1]))
                self.is_one_way.append(way in one_way)
                self._join(*ends, _metres((a[0], a[1]), (b[0], b[1])), one_way=way in one_way)
        ends = np.array([[*self.places[a], *self.places[b]] for a, b in self.segments])
        self.a, self.b = ends[:, :2], ends[:, 2:]
        self.inserted: dict[int, list[tuple[float, object]]] = {}
        self.on_island = self._islands()

    def _islands(self) -> np.ndarray:
        """Tell the segments of tiny islands."""
        pieces = list(nx.weakly_connected_components(self.graph))
        links = self.graph.to_undirected()
        street_m = [links.subgraph(piece).size(weight="weight") for piece in pieces]
        tiny = [m < _TINY_M and m < max(street_m) for m in street_m]
        island = {
            node for piece, is_tiny in zip(pieces, tiny, strict=True) if is_tiny for node in piece
        }
        return np.array([tail in island for tail, _ in self.segments])

    def _join(self, tail: object, head: object, length_m: float, *, one_way: bool = False) -> None:
        for a, b in ((tail, head),) if one_way else ((tail, head), (head, tail)):
            known = self.graph.get_edge_data(a, b, {"weight": math.inf})["weight"]
            self.graph.add_edge(a, b, weight=min(known, length_m))

    def insert(self, name: object, place: Place) -> float:
        """Join a place to its street; return the length of the connector in metres."""
        scale = np.array([_east_per_north(place[1]), 1.0])
        a, b, p = (self.a - place) * scale, (self.b - place) * scale, np.zeros(2)
        d = b - a
        share = np.clip(((p - a) * d).sum(1) / np.maximum((d * d).sum(1), 1e-30), 0, 1)
        gap = np.hypot(*(a + share[:, None] * d).T)
        gap_m = gap * _metres((place[0], place[1] - 0.5), (place[0], place[1] + 0.5))
        best = int(np.argmin(gap_m))
        mainland_m = np.where(self.on_island, np.inf, gap_m)
        other = int(np.argmin(mainland_m))
        is_near = mainland_m[other] <= _LIMIT_M or gap_m[best] > _LIMIT_M
        if mainland_m[other] <= gap_m[best] + _DETOUR_M and is_near:
            best = other
        foot = self.a[best] + share[best] * (self.b[best] - self.a[best])
        joint = ("joint", name)
        self.places[joint] = (float(foot[0]), float(foot[1]))
        self.inserted.setdefault(best, []).append((float(share[best]), joint))
        snap_m = _metres(place, self.places[joint])
        self._join(name, joint, snap_m)
        return snap_m

    def split(self) -> None:
        """Lay the inserted joints along their segments, once all places are in."""
        for segment, joints in self.inserted.items():
            tail, head = self.segments[segment]
            chain = [tail, *[j for _, j in sorted(joints, key=lambda at: at[0])], head]
            for one, other in pairwise(chain):
                length_m = _metres(self.places[one], self.places[other])
                self._join(one, other, length_m, one_way=self.is_one_way[segment])

    def walks_m(self, name: object) -> dict[object, float]:
        """Measure metres from an inserted place to everything."""
        return dict(nx.single_source_dijkstra_path_length(self.graph, name))
