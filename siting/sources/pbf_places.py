"""Places of the nodes that are asked for, and of no other: most nodes are of no street."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from siting.crs import FloatArray, IntArray
from siting.sources.osm_content import Place
from siting.sources.pbf import Nodes

UNITS_PER_DEGREE = 10_000_000.0
_MAX_LON, _MAX_LAT = 1_800_000_000, 900_000_000
_NOWHERE = np.iinfo(np.int32).min


class NodePlaces:
    """
    Places of nodes by their identifiers: 16 bytes for each, in memory.

    Parameters
    ----------
    asked
        Identifiers of the nodes whose places are kept, in any order and any number of times.
    """

    def __init__(self, asked: list[IntArray]) -> None:
        ids = np.concatenate([np.zeros(0, dtype=np.int64), *asked])
        ids.sort()
        self._ids = ids[np.append(ids[1:] != ids[:-1], True)[: len(ids)]]
        self._units = np.full((len(self._ids), 2), _NOWHERE, dtype=np.int32)

    def add(self, nodes: Nodes) -> None:
        """Add those of some nodes, in the order of their identifiers, that are asked for."""
        if not len(nodes.id):
            return
        first, last = np.searchsorted(self._ids, [nodes.id[0], nodes.id[-1] + 1])
        ids = self._ids[first:last]
        at = np.searchsorted(nodes.id, ids)
        is_found = (nodes.id[at] == ids) & is_on_earth(nodes)[at]
        self._units[first:last, 0][is_found] = nodes.lon[at[is_found]]
        self._units[first:last, 1][is_found] = nodes.lat[at[is_found]]

    def find(self, node_ids: IntArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        """Return the places of nodes, a row of longitude and latitude for each, and if known."""
        if not len(self._ids):
            return np.zeros((len(node_ids), 2)), np.zeros(len(node_ids), dtype=bool)
        at = np.minimum(np.searchsorted(self._ids, node_ids), len(self._ids) - 1)
        units = self._units[at]
        return units / UNITS_PER_DEGREE, (self._ids[at] == node_ids) & (units[:, 0] != _NOWHERE)

    def place_of(self, node_id: int) -> Place | None:
        """Return the place of one node, None if it is not known."""
        (place,), (is_known,) = self.find(np.array([node_id], dtype=np.int64))
        return (float(place[0]), float(place[1])) if is_known else None


def is_on_earth(nodes: Nodes) -> npt.NDArray[np.bool_]:
    """Tell the nodes whose longitude and latitude are some."""
    has_lon = (nodes.lon >= -_MAX_LON) & (nodes.lon <= _MAX_LON)
    return np.asarray(has_lon & (nodes.lat >= -_MAX_LAT) & (nodes.lat <= _MAX_LAT))
