"""Which services are on the piece of network that a site is on, be they near or far."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely

from siting.crs import IntArray
from siting.graph import WalkGraph
from siting.grid import UNUSABLE
from siting.targets import Targets

_NO_PIECE = -1


class LinkedPieces(NamedTuple):
    """
    Pieces of network by number: of each edge, and of each target; -1 for none.

    `open_piece` is the one that goes on into streets that were left out, -1 where none does.
    """

    of_edge: IntArray
    of_target: IntArray
    open_piece: int


def linked_pieces(graph: WalkGraph, targets: Targets) -> LinkedPieces:
    """
    Tell what hangs together for a walker.

    Where streets of the data were left out (`WalkNetwork.near`), the pieces that go on into
    them are taken for one, and targets further away are taken to be on it: what leads nowhere
    there is not known.
    """
    network, snaps = graph.network, targets.snaps
    of_edge = np.asarray(graph.component, dtype=np.int64)
    open_piece = _NO_PIECE
    is_far = np.zeros(len(targets.lon), dtype=bool)
    if network.near is not None:
        shapely.prepare(network.near)
        is_out = ~shapely.contains_xy(network.near, network.lon, network.lat)
        n_out = np.concatenate([[0], np.cumsum(is_out)])
        goes_on = (n_out[network.stop + 1] > n_out[network.start]) & (graph.rank != UNUSABLE)
        open_pieces = np.unique(of_edge[goes_on])
        if len(open_pieces):
            open_piece = int(open_pieces[0])
            of_edge = np.where(np.isin(of_edge, open_pieces), open_piece, of_edge)
        is_far = ~shapely.contains_xy(network.near, targets.lon, targets.lat)
    of_target = np.where(is_far, open_piece, _NO_PIECE)
    of_target[snaps.is_on] = of_edge[snaps.edge[snaps.is_on]]
    return LinkedPieces(of_edge, of_target, open_piece)
