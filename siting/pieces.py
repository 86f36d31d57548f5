"""Pieces of network that nothing joins to the rest: mainland, and tiny islands."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from siting.crs import FloatArray
from siting.grid import ISLAND, MAINLAND, Int32Array, RankArray

# A component with less street than this, in metres, is a tiny island: a courtyard, a piece of
# path that nothing joins. Not the largest component, were it shorter.
TINY_ISLAND_M = 500.0


def components(
    u: Int32Array,
    v: Int32Array,
    is_closed: npt.NDArray[np.bool_],
    *,
    is_open: npt.NDArray[np.bool_] | None = None,
) -> Int32Array:
    """
    Tell by number which piece of network each edge is of; closed nodes join no edge to another.

    An edge that is not open (`is_open`; by default all are) is a piece by itself. One-way
    edges count as joined both ways.
    """
    n_nodes, n_edges = len(is_closed), len(u)
    shut = np.zeros(n_edges, dtype=bool) if is_open is None else ~is_open
    tail = np.where(shut | is_closed[u], n_nodes + np.arange(n_edges), u)
    head = np.where(shut | is_closed[v], n_nodes + n_edges + np.arange(n_edges), v)
    size = n_nodes + 2 * n_edges
    links = sparse.coo_array((np.ones(n_edges, dtype=np.int8), (tail, head)), shape=(size, size))
    _, labels = sparse.csgraph.connected_components(links, directed=False)
    _, component = np.unique(labels[tail], return_inverse=True)
    return component.astype(np.int32)


def island_ranks(component: Int32Array, length_m: FloatArray) -> RankArray:
    """Tell edges of tiny islands (`TINY_ISLAND_M`) from those of the mainland."""
    street_m = np.bincount(component, weights=length_m)
    is_tiny = street_m < TINY_ISLAND_M
    is_tiny[np.argmax(street_m)] = False
    return np.where(is_tiny[component], ISLAND, MAINLAND).astype(np.int8)
