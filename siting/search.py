"""Searches from places on a network: shared out over the cores, each in a room of its own.

A search is bounded by an effort (metres on the flat that take as long) and settles every
junction within it once; all that is near comes out of that one search.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np

from siting.compiled import searching
from siting.compiled.searching import NOWHERE, Doors, Edges, Places, Ranks, Room
from siting.crs import FloatArray, IntArray
from siting.errors import NetworkError
from siting.graph import WalkGraph
from siting.grid import Int32Array
from siting.network import Snaps
from siting.targets import Targets

_BATCH = 64  # places searched between two words of progress, by one thread


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far to search, in metres on the flat: in all, to rank, and to count."""

    searched_m: float
    ranked_m: float
    counted_m: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """
    What is near places, one row per place.

    By category and rank: `effort_m` (NaN for none), `target` (-1 for none) and metres by fitness,
    connectors left out (`fit_m`, `unknown_m`, `unfit_m`). By category and counted limit:
    `n_groups`.
    """

    effort_m: FloatArray
    target: Int32Array
    fit_m: FloatArray
    unknown_m: FloatArray
    unfit_m: FloatArray
    n_groups: Int32Array

    def of_places(self, of_point: IntArray) -> Near:
        """Return what is near points, given the place of each (-1 for nowhere)."""
        somewhere = of_point >= 0

        def given(values: np.ndarray, nowhere: float) -> np.ndarray:
            taken = np.full((len(of_point), *values.shape[1:]), nowhere, dtype=values.dtype)
            taken[somewhere] = values[of_point[somewhere]]
            return taken

        return Near(
            effort_m=given(self.effort_m, np.nan),
            target=given(self.target, NOWHERE),
            fit_m=given(self.fit_m, np.nan),
            unknown_m=given(self.unknown_m, np.nan),
            unfit_m=given(self.unfit_m, np.nan),
            n_groups=given(self.n_groups, 0),
        )


def places_of(snaps: Snaps) -> tuple[Places, IntArray]:
    """
    Gather the points that stand at one place: they share a search.

    Returns
    -------
    places
        Distinct places, neighbours in the order of edges.
    of_point
        Place of each point, -1 for a point that is off the network.
    """
    on = np.flatnonzero(snaps.is_on)
    rows = np.column_stack([snaps.edge[on], snaps.along_m[on], snaps.snap_m[on]])
    distinct, of = np.unique(rows, axis=0, return_inverse=True)
    of_point = np.full(len(snaps.edge), -1, dtype=np.int64)
    of_point[on] = of.ravel()
    places = Places(
        edge=distinct[:, 0].astype(np.int64),
        along_m=np.ascontiguousarray(distinct[:, 1]),
        snap_m=np.ascontiguousarray(distinct[:, 2]),
    )
    return places, of_point


def doors_of(targets: Targets, edges: Edges, n_nodes: int) -> tuple[Doors, IntArray]:
    """
    Lay targets out by junction and by edge; groups are numbered without gaps.

    Returns
    -------
    doors
        The targets, those off the network being nowhere.
    group
        Position of each group in the table of services (`Targets.group`).
    """
    group, number = np.unique(targets.group, return_inverse=True)
    door = np.flatnonzero(targets.snaps.is_on)
    edge, along_m = targets.snaps.edge[door], targets.snaps.along_m[door]
    snap_m = targets.snaps.snap_m
    rest_m = np.maximum(edges.length_m[edge] - along_m, 0.0)
    tail = np.concatenate([edges.u[edge], edges.v[edge]])
    gap_m = np.concatenate([along_m, rest_m])
    pace = np.concatenate([edges.along[edge], edges.against[edge]])
    pace[gap_m == 0.0] = 0.0  # at the end itself, no metre of the edge is walked
    twice = np.concatenate([door, door])
    entry = np.flatnonzero((tail != NOWHERE) & np.isfinite(pace))
    entry = entry[np.argsort(tail[entry], kind="stable")]
    by_edge = np.argsort(edge, kind="stable")
    n_edges = len(edges.length_m)
    doors = Doors(
        group=number.ravel().astype(np.int32),
        edge=targets.snaps.edge.astype(np.int32),
        along_m=targets.snaps.along_m,
        snap_m=snap_m,
        node_start=np.searchsorted(tail[entry], np.arange(n_nodes + 1)).astype(np.int64),
        node_tail=tail[entry].astype(np.int32),
        node_door=twice[entry].astype(np.int32),
        node_effort=gap_m[entry] * pace[entry] + snap_m[twice[entry]],
        node_m=gap_m[entry],
        edge_start=np.searchsorted(edge[by_edge], np.arange(n_edges + 1)).astype(np.int64),
        edge_door=door[by_edge].astype(np.int32),
    )
    return doors, group


def rank_near(  # noqa: PLR0913 - what is asked, of what, from where
    graph: WalkGraph,
    places: Places,
    doors: Doors,
    *,
    categories_of_group: tuple[IntArray, IntArray],
    n_categories: int,
    n_ranks: int,
    limits: Limits,
    on_progress: Callable[[int, int], None] | None = None,
) -> Near:
    """
    Find, for each place and category, the nearest groups, and count those within limits.

    Parameters
    ----------
    graph, places, doors
        Network and walker, where walks begin, what they lead to.
    categories_of_group
        Categories of each group, in compressed rows: starts, then categories.
    n_categories, n_ranks
        How many categories there are, how many groups are ranked in each.
    limits
        How far to search.
    on_progress
        Called with the first and last of the places that are done.
    """
    shape = (len(places.edge), n_categories)
    ranks = Ranks(
        effort=np.full((*shape, n_ranks), np.nan),
        door=np.full((*shape, n_ranks), NOWHERE, dtype=np.int32),
        metres=np.full((*shape, n_ranks, 3), np.nan),
    )
    n_within = np.zeros((*shape, len(limits.counted_m)), dtype=np.int32)
    bounds = (limits.searched_m, limits.ranked_m, np.array(limits.counted_m, dtype=np.float64))
    start, category = categories_of_group
    of_group = start.astype(np.int64), category.astype(np.int32)

    def rank(first: int, last: int, room: Room) -> None:
        searching.rank_groups(
            graph.arcs,
            graph.edges,
            places,
            doors,
            of_group,
            bounds,
            room,
            first,
            last,
            ranks,
            n_within,
        )

    for first, last in _shared_out(len(places.edge), rank, graph, doors):
        if on_progress is not None:
            on_progress(first, last)
    fit_m, unknown_m, unfit_m = np.moveaxis(ranks.metres, -1, 0)
    return Near(
        effort_m=ranks.effort,
        target=ranks.door,
        fit_m=fit_m,
        unknown_m=unknown_m,
        unfit_m=unfit_m,
        n_groups=n_within,
    )


def efforts_m(graph: WalkGraph, places: Places, doors: Doors, *, searched_m: float) -> FloatArray:
    """Return the effort from each place (row) to each group (column), inf beyond the limit."""
    n_groups = int(doors.group.max()) + 1 if len(doors.group) else 0
    efforts = np.full((len(places.edge), n_groups), np.inf)

    def measure(first: int, last: int, room: Room) -> None:
        searching.efforts_to_groups(
            graph.arcs,
            graph.edges,
            places,
            doors,
            searched_m,
            room,
            first,
            last,
            efforts[first:last],
        )

    for _ in _shared_out(len(places.edge), measure, graph, doors):
        pass
    return efforts


class Walker:
    """One search at a time, whose tree of shortest walks is then read."""

    def __init__(self, graph: WalkGraph) -> None:
        """Make room for searches on a graph."""
        self.graph = graph
        self._room = _room(graph, 0)
        self.settled: IntArray = np.empty(0, dtype=np.int32)

    def search(self, edge: int, along_m: float, snap_m: float, *, searched_m: float) -> None:
        """Settle the junctions within an effort of a place; `settled` lists them, nearest first."""
        searching.clear(self._room, len(self.settled), 0)
        n_settled = searching.search(
            self.graph.arcs,
            self.graph.edges,
            edge,
            along_m,
            snap_m,
            searched_m,
            self._room,
            into_dead_ends=True,
        )
        self.settled = self._room.settled[:n_settled].copy()

    @property
    def effort_m(self) -> FloatArray:
        """Effort to each junction, inf where it was not settled."""
        return self._room.best

    def arcs_to(self, node: int) -> tuple[list[int], int]:
        """
        Return the arcs walked to a settled junction, in order, and the end walked from.

        The end is 0 when the walk leaves the first edge by its first node, else 1.

        Raises
        ------
        NetworkError
            If the junction was not settled.
        """
        if not np.isfinite(self._room.best[node]):
            raise NetworkError(f"The junction {node} is not within reach.")
        arcs = []
        arc = int(self._room.by_arc[node])
        while arc >= 0:
            arcs.append(arc)
            arc = int(self._room.by_arc[self.graph.arcs.tail[arc]])
        return arcs[::-1], -1 - arc


def _room(graph: WalkGraph, n_groups: int) -> Room:
    n_nodes, n_arcs = graph.network.n_nodes, len(graph.arcs.head)
    return Room(
        best=np.full(n_nodes, np.inf),
        by_arc=np.zeros(n_nodes, dtype=np.int32),
        keys=np.empty(n_arcs + 2),
        nodes=np.empty(n_arcs + 2, dtype=np.int32),
        settled=np.empty(n_nodes, dtype=np.int32),
        group_effort=np.empty(n_groups),
        group_door=np.full(n_groups, NOWHERE, dtype=np.int32),
        group_entry=np.empty(n_groups, dtype=np.int32),
        found=np.empty(n_groups, dtype=np.int32),
        seed_node=np.empty(2, dtype=np.int32),
        seed_effort=np.empty(2),
        seed_m=np.empty(2),
    )


def _shared_out(
    n_places: int, work: Callable[[int, int, Room], None], graph: WalkGraph, doors: Doors
) -> Iterator[tuple[int, int]]:
    """Do `work` on runs of places, one thread a core; yield each run that is done."""
    n_groups = int(doors.group.max()) + 1 if len(doors.group) else 0
    runs = [(first, min(first + _BATCH, n_places)) for first in range(0, n_places, _BATCH)]
    n_threads = max(1, min(os.cpu_count() or 1, len(runs)))
    rooms: SimpleQueue[Room] = SimpleQueue()
    for _ in range(n_threads):
        rooms.put(_room(graph, n_groups))

    def run(first: int, last: int) -> tuple[int, int]:
        room = rooms.get()
        try:
            work(first, last, room)
        finally:
            rooms.put(room)
        return first, last

    with ThreadPoolExecutor(n_threads) as threads:
        for done in as_completed([threads.submit(run, *one) for one in runs]):
            yield done.result()
