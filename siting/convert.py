"""The walking network from and to osmnx: a graph of networkx whose edges have a length in metres.

osmnx keeps one edge for each direction of walking; the network keeps one edge, and the
directions in which it is walked.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from siting.crs import WGS84, FloatArray, IntArray, geodesic_m
from siting.errors import CrsError, NetworkError, OptionError
from siting.network import WalkNetwork, joined_streets
from siting.walkable import WAY_KEYS, directions, node_tags
from siting.ways import Streets

# Lengths of the two directions of one street are sums made in two orders: they differ by that.
_SAME_LENGTH = 1e-9

_DIRECTION_KEYS = ("oneway:foot", "foot:forward", "foot:backward", "conveying")
_ONE_WAY = {"oneway:foot": "yes"}
# Of several values along one edge, the one that closes it to some walkers is kept.
_WORST = {"highway": "steps", "wheelchair": "no"}


class OsmnxGraph(Protocol):
    """What is used of a `networkx.MultiDiGraph` made by osmnx."""

    graph: dict[str, Any]
    nodes: Callable[..., Iterable[tuple[Any, dict[str, Any]]]]
    edges: Callable[..., Iterable[tuple[Any, Any, Any, dict[str, Any]]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nodes:
    """Nodes in the order of their identifiers, with their place in the CRS of the graph."""

    node_id: IntArray
    places: FloatArray
    tags: Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arc:
    """One direction of a street: positions of its nodes, and its line from `u` to `v`."""

    u: int
    v: int
    length_m: float
    way_ids: tuple[int, ...]
    line: FloatArray
    is_reversed: bool
    tags: Mapping[str, str]


def network_from_osmnx(graph: OsmnxGraph) -> WalkNetwork:
    """
    Take over a graph of osmnx: all of its edges are walked, whatever their tags.

    The length of an edge is its `length`, be its line longer or shorter. Two edges between the
    same nodes in opposite directions, with the same `osmid`, length and line, are one street,
    walked both ways; an edge that stands alone is walked one way (`oneway:foot=yes`), so that a
    graph is best made with ``network_type="walk"``. Parallel edges, loops and all components
    stay; nodes without edge do not. Of an edge made of several ways, `way_id` is the smallest
    `osmid`, and tags are lists (``asphalt;gravel``), but `highway=steps` and `wheelchair=no`
    win. Heights are not taken.

    Parameters
    ----------
    graph
        A `networkx.MultiDiGraph`: integer nodes with `x` and `y` in the CRS `graph["crs"]`,
        edges with `length` in metres, and `geometry`, `osmid` and tags or not.

    Raises
    ------
    NetworkError
        A node without integer identifier or without place; an edge whose length is missing,
        negative, or not a finite number; no edge at all.
    CrsError
        The CRS is missing or unknown, or the graph spreads over more than one projection can
        serve.
    """
    to_degrees = _to_degrees(graph.graph.get("crs"))
    nodes = _nodes(graph)
    streets = _streets(list(_arcs(graph, nodes)))
    if not streets:
        raise NetworkError("Le graphe ne contient aucune arête.")
    arcs = [arc for arc, _ in streets]
    sets: dict[tuple[tuple[str, str], ...], int] = {}
    tags = [_number(sets, {**arc.tags, **({} if both else _ONE_WAY)}) for arc, both in streets]
    of_nodes = [_number(sets, tags) if tags else -1 for tags in nodes.tags]
    x, y = np.concatenate([arc.line for arc in arcs]).T
    lon, lat = to_degrees.transform(x, y, errcheck=False)
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise CrsError("Le graphe sort du domaine de son système de coordonnées (`crs`).")
    after = np.cumsum([len(arc.line) for arc in arcs])
    start, stop = np.concatenate([[0], after[:-1]]), after - 1
    length_m = np.array([arc.length_m for arc in arcs])
    return joined_streets(
        Streets(
            tag_sets=tuple(dict(items) for items in sets),
            node_id=nodes.node_id,
            node_tags=np.array(of_nodes, dtype=np.int64),
            tail=np.array([arc.u for arc in arcs], dtype=np.int64),
            head=np.array([arc.v for arc in arcs], dtype=np.int64),
            start=start,
            stop=stop,
            length_m=length_m,
            way_id=np.array([arc.way_ids[0] for arc in arcs], dtype=np.int64),
            tags=np.array(tags, dtype=np.int64),
            lon=lon,
            lat=lat,
            cum_m=_cumulated_m(lon, lat, start, stop, length_m),
        )
    )


def network_to_osmnx(network: WalkNetwork) -> OsmnxGraph:
    """
    Return a network as a graph of osmnx, in degrees, one edge for each direction walked.

    Nodes are OpenStreetMap identifiers with `x`, `y` and their tags; edges have `osmid`,
    `oneway`, `reversed`, `length` in metres, `geometry`, and the tags that matter to a walk. An
    edge closed both ways is left out. networkx goes through nodes that nobody walks through
    (locked gates): their tags tell them. Heights are not given.

    Returns
    -------
    graph
        A `networkx.MultiDiGraph`.

    Raises
    ------
    OptionError
        If networkx is not installed.
    """
    try:
        networkx = importlib.import_module("networkx")
    except ImportError as error:
        raise OptionError(
            "Un graphe osmnx demande la bibliothèque networkx, qui n'est pas installée : "
            "installez-la, par exemple avec « pip install networkx »."
        ) from error
    graph = networkx.MultiDiGraph(crs="epsg:4326", simplified=True)
    at = np.empty(network.n_nodes, dtype=np.int64)
    at[network.v], at[network.u] = network.stop, network.start
    columns = (network.node_id, network.lon[at], network.lat[at], network.node_tags)
    for node, x, y, tags in zip(*(column.tolist() for column in columns), strict=True):
        graph.add_node(node, x=x, y=y, **({} if tags < 0 else network.tag_sets[tags]))
    graph.add_edges_from(_directed_edges(network))
    made: OsmnxGraph = graph
    return made


def _directed_edges(network: WalkNetwork) -> Iterator[tuple[int, int, dict[str, Any]]]:
    places = np.column_stack([network.lon, network.lat])
    columns = (
        *(network.node_id[network.u], network.node_id[network.v], network.length_m),
        *(network.way_id, network.tags, network.start, network.stop),
    )
    for u, v, length_m, way, tags, start, stop in zip(
        *(column.tolist() for column in columns), strict=True
    ):
        said = network.tag_sets[tags]
        along, against = directions(said)
        line = shapely.linestrings(places[start : stop + 1])
        known = {"osmid": way, **said, "oneway": not (along and against), "length": length_m}
        if along:
            yield u, v, {**known, "reversed": False, "geometry": line}
        if against:
            yield v, u, {**known, "reversed": True, "geometry": shapely.reverse(line)}


def _to_degrees(crs: object) -> Transformer:
    if crs is None:
        raise CrsError("Le graphe ne dit pas son système de coordonnées : donnez graph['crs'].")
    try:
        return Transformer.from_crs(CRS.from_user_input(crs), WGS84, always_xy=True)
    except CRSError as error:
        raise CrsError(f"Le système de coordonnées du graphe est inconnu : {crs!r}.") from error


def _nodes(graph: OsmnxGraph) -> _Nodes:
    found = sorted(
        ((_node_id(name), data) for name, data in graph.nodes(data=True)), key=lambda one: one[0]
    )
    places = np.array(
        [(_number_or_nan(data.get("x")), _number_or_nan(data.get("y"))) for _, data in found]
    ).reshape(-1, 2)
    lost = np.flatnonzero(~np.isfinite(places).all(axis=1))
    if len(lost):
        raise NetworkError(
            f"Le nœud {found[lost[0]][0]} du graphe est sans coordonnées : donnez-lui x et y."
        )
    return _Nodes(
        node_id=np.array([node for node, _ in found], dtype=np.int64),
        places=places,
        tags=[node_tags(_texts(data)) for _, data in found],
    )


def _node_id(name: object) -> int:
    if not isinstance(name, int | np.integer):
        raise NetworkError(
            f"Le nœud {name!r} du graphe n'est pas un entier : renumérotez les nœuds, par exemple "
            "avec networkx.convert_node_labels_to_integers."
        )
    return int(name)


def _arcs(graph: OsmnxGraph, nodes: _Nodes) -> Iterator[_Arc]:
    at = {node: position for position, node in enumerate(nodes.node_id.tolist())}
    for number, (tail, head, key, data) in enumerate(graph.edges(keys=True, data=True)):
        u, v = at[tail], at[head]
        name = f"({tail}, {head}, {key})"
        tags = _texts({one: data[one] for one in WAY_KEYS if one in data})
        yield _Arc(
            u=u,
            v=v,
            length_m=_length_m(data, name),
            # without identifier, each edge is a way of its own
            way_ids=_way_ids(data.get("osmid")) or (-1 - number,),
            line=_line(data.get("geometry"), nodes.places[[u, v]], name),
            is_reversed=data.get("reversed") is True,
            tags={one: text for one, text in tags.items() if one not in _DIRECTION_KEYS},
        )


def _length_m(data: Mapping[str, Any], name: str) -> float:
    if data.get("length") is None:
        raise NetworkError(
            f"L'arête {name} du graphe n'a pas de longueur : donnez-lui `length`, en mètres "
            "(osmnx.distance.add_edge_lengths)."
        )
    length_m = _number_or_nan(data["length"])
    if not (math.isfinite(length_m) and length_m >= 0.0):
        raise NetworkError(
            f"La longueur de l'arête {name} du graphe vaut {data['length']!r} : il faut un nombre "
            "de mètres, positif ou nul."
        )
    return length_m


def _number_or_nan(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan


def _way_ids(value: object) -> tuple[int, ...]:
    values = value if isinstance(value, list | tuple | set) else [value]
    return tuple(sorted({int(one) for one in values if isinstance(one, int | np.integer)}))


def _line(geometry: shapely.Geometry | None, ends: FloatArray, name: str) -> FloatArray:
    """Return the places of an edge, from its first node to its last: straight without geometry."""
    if not isinstance(geometry, shapely.LineString) or geometry.is_empty:
        return ends
    line: FloatArray = shapely.get_coordinates(geometry)
    if not np.isfinite(line).all():
        raise NetworkError(f"La ligne de l'arête {name} du graphe a un point sans coordonnées.")
    as_drawn = math.dist(line[0], ends[0]) + math.dist(line[-1], ends[1])
    turned = math.dist(line[-1], ends[0]) + math.dist(line[0], ends[1])
    return line if as_drawn <= turned else line[::-1]


def _texts(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags among the attributes, lists being written as OpenStreetMap does."""
    texts = {}
    for key, value in data.items():
        several = value if isinstance(value, list | tuple | set) else [value]
        parts = sorted({one for one in several if isinstance(one, str)})
        if parts:
            texts[key] = _one_text(key, parts)
    return texts


def _one_text(key: str, parts: Sequence[str]) -> str:
    if _WORST.get(key) in parts:
        return _WORST[key]
    return parts[0] if key == "highway" else ";".join(parts)


def _number(sets: dict[tuple[tuple[str, str], ...], int], tags: Mapping[str, str]) -> int:
    """Return the number of a set of tags, a new one being added."""
    return sets.setdefault(tuple(tags.items()), len(sets))


def _streets(arcs: Sequence[_Arc]) -> list[tuple[_Arc, bool]]:
    """Join directions of one street; tell which streets are walked both ways."""
    alike: dict[tuple[object, ...], list[int]] = {}
    is_forth: list[bool | None] = []
    for at, arc in enumerate(arcs):
        key, forth = _outline(arc)
        is_forth.append(forth)
        alike.setdefault(key, []).append(at)
    streets = []
    for group in alike.values():
        waiting: list[int] = []
        for at in sorted(group, key=lambda at: arcs[at].length_m):
            other = next((one for one in waiting if _are_opposite(one, at, arcs, is_forth)), None)
            if other is None:
                waiting.append(at)
            else:
                waiting.remove(other)
                drawn = min(at, other, key=lambda one: (arcs[one].is_reversed, one))
                streets.append((drawn, True))
        streets += [(at, False) for at in waiting]
    streets.sort(key=lambda street: (arcs[street[0]].way_ids[0], street[0]))
    return [(arcs[at], both) for at, both in streets]


def _outline(arc: _Arc) -> tuple[tuple[object, ...], bool | None]:
    """Return what both directions of a street share, and which one this is; none for either."""
    there, back = arc.line.tobytes(), arc.line[::-1].tobytes()
    if arc.u != arc.v:
        forth: bool | None = arc.u < arc.v
    else:
        forth = None if there == back else there < back
    key = (min(arc.u, arc.v), max(arc.u, arc.v), arc.way_ids, back if forth is False else there)
    return key, forth


def _are_opposite(
    one: int, other: int, arcs: Sequence[_Arc], is_forth: Sequence[bool | None]
) -> bool:
    turned = is_forth[one] is None or is_forth[one] is not is_forth[other]
    lengths_m = arcs[one].length_m, arcs[other].length_m
    return turned and math.isclose(*lengths_m, rel_tol=_SAME_LENGTH, abs_tol=_SAME_LENGTH)


def _cumulated_m(
    lon: FloatArray, lat: FloatArray, start: IntArray, stop: IntArray, length_m: FloatArray
) -> FloatArray:
    """
    Share the length of each edge out along its line, edges being laid end to end.

    Sums are rounded down, so that no place lies beyond the end of its edge.
    """
    size = stop - start + 1
    edge = np.repeat(np.arange(len(start)), size)
    step_m = np.zeros(len(lon))
    step_m[1:] = geodesic_m(lon[:-1], lat[:-1], lon[1:], lat[1:])
    step_m[start] = 0.0
    is_dot = (np.bincount(edge, weights=step_m) == 0.0)[edge]  # all at one place: shared evenly
    step_m[is_dot] = 1.0
    step_m[start] = 0.0
    drawn_m = np.cumsum(step_m)
    drawn_m -= drawn_m[start][edge]
    along_m = drawn_m * (length_m / drawn_m[stop])[edge]
    along_m[stop] = length_m
    along_m = np.minimum(along_m, length_m[edge])
    before_m = np.concatenate([[0.0], np.cumsum(length_m)[:-1]])[edge]
    cum_m = before_m + along_m
    return np.asarray(np.where(cum_m - before_m > along_m, np.nextafter(cum_m, 0.0), cum_m))
