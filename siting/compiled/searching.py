"""Shortest walks, compiled by numba: their callers are in `siting.search`.

Costs are efforts: metres on the flat that take as long as the walk. For a walker without
penalty they are the metres themselves. A door is a place where a group (a service) is reached.

A literal and a variable are two types for numba, and a function called with both is compiled
twice: hence `np.int64(0)` where a number begins, and `np.bool_`.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from siting.compiled import CALLED, INNER

NOWHERE = -1


class Arcs(NamedTuple):
    """
    Arcs by tail node: `start`; per arc its head, tail, edge, effort, metres and fitness.

    `is_blind` tells the arcs to a node where nothing but their own street ends.
    """

    start: np.ndarray
    head: np.ndarray
    tail: np.ndarray
    edge: np.ndarray
    effort: np.ndarray
    length_m: np.ndarray
    fitness: np.ndarray
    is_blind: np.ndarray


class Edges(NamedTuple):
    """Per edge: end nodes (-1 where closed), metres, efforts per metre each way, fitness."""

    u: np.ndarray
    v: np.ndarray
    length_m: np.ndarray
    along: np.ndarray
    against: np.ndarray
    fitness: np.ndarray


class Places(NamedTuple):
    """Per place where a walk begins: edge, metres along it, metres of connector."""

    edge: np.ndarray
    along_m: np.ndarray
    snap_m: np.ndarray


class Doors(NamedTuple):
    """
    Per door: group, edge, metres along it, metres of connector.

    `node_*` list, by node (`node_tail`), the doors on its edges, with the effort from the node to
    the door and the metres to its foot; `edge_*` list them by edge.
    """

    group: np.ndarray
    edge: np.ndarray
    along_m: np.ndarray
    snap_m: np.ndarray
    node_start: np.ndarray
    node_tail: np.ndarray
    node_door: np.ndarray
    node_effort: np.ndarray
    node_m: np.ndarray
    edge_start: np.ndarray
    edge_door: np.ndarray


class Room(NamedTuple):
    """
    What a search works in, one per thread.

    By node: `best` effort (inf before and between searches), `by_arc` (-1 - i for the end i of
    the first edge); a heap; `settled` nodes. By group: effort,
    door (-1 for none), entry in the doors by node (-1 along the first edge); groups `found`.
    Per end of the first edge: node, effort, metres.
    """

    best: np.ndarray
    by_arc: np.ndarray
    keys: np.ndarray
    nodes: np.ndarray
    settled: np.ndarray
    group_effort: np.ndarray
    group_door: np.ndarray
    group_entry: np.ndarray
    found: np.ndarray
    seed_node: np.ndarray
    seed_effort: np.ndarray
    seed_m: np.ndarray


class Ranks(NamedTuple):
    """Results by place, category and rank: effort, door (-1 for none), metres by fitness."""

    effort: np.ndarray
    door: np.ndarray
    metres: np.ndarray


@njit(**INNER)
def push(keys, nodes, n, key, node):
    """Put a node on a heap of `n` entries, each with four below it; return the new number."""
    i = n
    while i > 0:
        parent = (i - 1) >> 2
        if keys[parent] <= key:
            break
        keys[i] = keys[parent]
        nodes[i] = nodes[parent]
        i = parent
    keys[i] = key
    nodes[i] = node
    return n + 1


@njit(**INNER)
def drop_first(keys, nodes, n):
    """Take the first entry off a heap of `n` entries; return the new number."""
    n -= 1
    key, node = keys[n], nodes[n]
    i = 0
    while True:
        child = 4 * i + 1
        if child >= n:
            break
        least = keys[child]
        for other in range(child + 1, min(child + 4, n)):
            if keys[other] < least:
                least, child = keys[other], other
        if least >= key:
            break
        keys[i] = least
        nodes[i] = nodes[child]
        i = child
    keys[i] = key
    nodes[i] = node
    return n


@njit(**CALLED)
def search(arcs, edges, edge, along_m, snap_m, limit, room, into_dead_ends):
    """
    Settle every node within `limit` of a place, in order of effort; return how many.

    What stands on a street is reached from either of its ends: without `into_dead_ends`, the far
    ends of blind streets are left out.
    """
    length_m = edges.length_m[edge]
    room.seed_node[0], room.seed_node[1] = edges.u[edge], edges.v[edge]
    room.seed_m[0], room.seed_m[1] = along_m, length_m - along_m
    room.seed_effort[0], room.seed_effort[1] = snap_m, snap_m
    if along_m > 0.0:  # the end of a street that one may not walk is still left through it
        room.seed_effort[0] += edges.against[edge] * along_m
    if length_m - along_m > 0.0:
        room.seed_effort[1] += edges.along[edge] * (length_m - along_m)
    best, by_arc, keys, nodes = room.best, room.by_arc, room.keys, room.nodes
    n_heap, n_settled = np.int64(0), np.int64(0)
    for i in range(2):
        node, effort = room.seed_node[i], room.seed_effort[i]
        if node >= 0 and effort <= limit and effort < best[node]:
            best[node] = effort
            by_arc[node] = -1 - i
            n_heap = push(keys, nodes, n_heap, effort, node)
    while n_heap > 0:
        key, node = keys[0], nodes[0]
        n_heap = drop_first(keys, nodes, n_heap)
        if key > best[node]:
            continue  # settled already: a node is pushed again for less effort only
        room.settled[n_settled] = node
        n_settled += 1
        for arc in range(arcs.start[node], arcs.start[node + 1]):
            if arcs.is_blind[arc] and not into_dead_ends:
                continue
            effort = key + arcs.effort[arc]
            other = arcs.head[arc]
            if effort <= limit and effort < best[other]:
                best[other] = effort
                by_arc[other] = arc
                n_heap = push(keys, nodes, n_heap, effort, other)
    return n_settled


@njit(**CALLED)
def clear(room, n_settled, n_found):
    """Make a room ready for the next search."""
    for i in range(n_settled):
        room.best[room.settled[i]] = np.inf
    for i in range(n_found):
        room.group_door[room.found[i]] = NOWHERE


@njit(**INNER)
def add_walked(arcs, edges, edge, node, room, metres):
    """Add the metres by fitness of the walk to a settled node, connectors left out."""
    arc = room.by_arc[node]
    while arc >= 0:
        metres[arcs.fitness[arc]] += arcs.length_m[arc]
        arc = room.by_arc[arcs.tail[arc]]
    metres[edges.fitness[edge]] += room.seed_m[-1 - arc]


@njit(**INNER)
def keep_better(room, n_found, group, door, entry, effort):
    """Note a door of a group if it is nearer than the one known; return the groups found."""
    known = room.group_door[group]
    if known == NOWHERE:
        room.found[n_found] = group
        n_found += 1
    elif effort > room.group_effort[group] or (
        effort == room.group_effort[group] and door >= known
    ):
        return n_found
    room.group_effort[group] = effort
    room.group_door[group] = door
    room.group_entry[group] = entry
    return n_found


@njit(**INNER)
def find_groups(edges, doors, edge, along_m, snap_m, limit, room, n_settled):
    """Find the nearest door of each group, from the nodes settled; return how many groups."""
    n_found = np.int64(0)
    for i in range(n_settled):
        node = room.settled[i]
        for entry in range(doors.node_start[node], doors.node_start[node + 1]):
            effort = room.best[node] + doors.node_effort[entry]
            if effort <= limit:
                door = doors.node_door[entry]
                n_found = keep_better(
                    room, n_found, doors.group[door], door, np.int64(entry), effort
                )
    for k in range(doors.edge_start[edge], doors.edge_start[edge + 1]):
        door = doors.edge_door[k]
        gap_m = doors.along_m[door] - along_m
        pace = edges.along[edge] if gap_m > 0.0 else edges.against[edge]
        if gap_m == 0.0:
            pace = min(edges.along[edge], edges.against[edge])
        if np.isfinite(pace):
            effort = snap_m + abs(gap_m) * pace + doors.snap_m[door]
            if effort <= limit:
                n_found = keep_better(room, n_found, doors.group[door], door, np.int64(-1), effort)
    return n_found


@njit(**CALLED)
def rank_groups(arcs, edges, places, doors, of_group, limits, room, first, last, ranks, n_within):
    """
    Rank the groups of each category around places `first` to `last`, and count them.

    `of_group`: start by group, categories. `limits`: effort searched, effort ranked, efforts
    counted. Equal efforts are ranked by group.
    """
    group_start, group_category = of_group
    searched, ranked, counted = limits
    n_ranks = ranks.effort.shape[2]
    n_categories = ranks.effort.shape[1]
    for place in range(first, last):
        edge, along_m, snap_m = places.edge[place], places.along_m[place], places.snap_m[place]
        n_settled = search(
            arcs, edges, edge, along_m, snap_m, searched, room, into_dead_ends=np.bool_(0)
        )
        n_found = find_groups(edges, doors, edge, along_m, snap_m, searched, room, n_settled)
        for i in range(n_found):
            group = room.found[i]
            effort, door = room.group_effort[group], room.group_door[group]
            for k in range(group_start[group], group_start[group + 1]):
                category = group_category[k]
                for m in range(counted.size):
                    if effort <= counted[m]:
                        n_within[place, category, m] += 1
                if effort > ranked:
                    continue
                rank = n_ranks
                while rank > 0:
                    other = ranks.door[place, category, rank - 1]
                    if other >= 0:
                        known = ranks.effort[place, category, rank - 1]
                        if known < effort or (known == effort and doors.group[other] < group):
                            break
                    rank -= 1
                if rank == n_ranks:
                    continue
                for worse in range(n_ranks - 1, rank, -1):
                    ranks.effort[place, category, worse] = ranks.effort[place, category, worse - 1]
                    ranks.door[place, category, worse] = ranks.door[place, category, worse - 1]
                ranks.effort[place, category, rank] = effort
                ranks.door[place, category, rank] = door
        for category in range(n_categories):
            for rank in range(n_ranks):
                door = ranks.door[place, category, rank]
                if door < 0:
                    break
                entry = room.group_entry[doors.group[door]]
                metres = ranks.metres[place, category, rank]
                metres[:] = 0.0
                if entry >= 0:
                    metres[edges.fitness[doors.edge[door]]] += doors.node_m[entry]
                    add_walked(arcs, edges, edge, doors.node_tail[entry], room, metres)
                else:
                    metres[edges.fitness[edge]] += abs(doors.along_m[door] - along_m)
        clear(room, n_settled, n_found)


@njit(**CALLED)
def efforts_to_groups(arcs, edges, places, doors, searched, room, first, last, efforts):
    """Write the effort from places `first` to `last` to every group found (rows from 0)."""
    for place in range(first, last):
        edge, along_m, snap_m = places.edge[place], places.along_m[place], places.snap_m[place]
        n_settled = search(
            arcs, edges, edge, along_m, snap_m, searched, room, into_dead_ends=np.bool_(0)
        )
        n_found = find_groups(edges, doors, edge, along_m, snap_m, searched, room, n_settled)
        for i in range(n_found):
            efforts[place - first, room.found[i]] = room.group_effort[room.found[i]]
        clear(room, n_settled, n_found)
