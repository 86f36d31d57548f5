"""How near services are on foot: the three nearest of each category, and how many within minutes.

One bounded search leaves from all sites at once and serves every category; nothing is
searched pair by pair. Sites and services sit on edges, not on nodes: the walk counts the
straight connectors at both ends, and a walk between two places of one edge stays on it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from siting.crs import FloatArray, IntArray, geodesic_m, require_crs
from siting.network import Snaps, WalkNetwork
from siting.tables import ACCESS, REACH, AccessStatus, Table
from siting.targets import Targets, service_groups, service_targets
from siting.walkers import WalkProfile

N_RANKS = 3
_CHUNK_BYTES = 128 * 2**20  # memory of one matrix of distances


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRule:
    """
    Options of a measure of access.

    Parameters
    ----------
    profile
        Walker: its speed turns minutes into metres.
    cutoff_min
        Longest walk to a ranked service, in minutes.
    reach_min
        Walking times for which services are counted, be they longer than the cut-off.
    snap_limit_m
        A site or a service further than this from any edge is off the network. 200 m is
        siting's own choice: beyond it the straight connector would outweigh the measure.
    """

    profile: WalkProfile
    cutoff_min: float = 30.0
    reach_min: tuple[int, ...] = (5, 10, 15)
    snap_limit_m: float = 200.0

    @property
    def cutoff_m(self) -> float:
        """Longest walk of which `ACCESS` tells, in metres."""
        return self.profile.metres(self.cutoff_min)

    @property
    def searched_m(self) -> float:
        """Longest walk searched, in metres: services may be counted beyond the cut-off."""
        return self.profile.metres(max((self.cutoff_min, *self.reach_min)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryInfo:
    """What the measure must know of a category: its families, and if OSM maps it reliably."""

    families: str
    is_reliably_mapped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Accessibility:
    """The two tables of one sweep: `access` (table ACCESS) and `reach` (table REACH)."""

    access: pd.DataFrame
    reach: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """Distinct places where sites stand on the network; `of_site` is -1 for a site off it."""

    edge: IntArray
    along_m: FloatArray
    of_site: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class _Members:
    """The services of each category: `columns` are positions among groups that have a target."""

    names: list[str]
    families: npt.NDArray[np.object_]
    columns: list[IntArray]
    n_services: IntArray
    is_reliably_mapped: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Near:
    """Per site, category and rank: metres and target (-1 if none); per minutes: counts."""

    walk_m: FloatArray
    target: IntArray
    n_services: FloatArray


def accessibility(
    sites: gpd.GeoDataFrame,
    services: gpd.GeoDataFrame,
    network: WalkNetwork,
    *,
    categories: Mapping[str, CategoryInfo],
    rule: AccessRule,
    on_progress: Callable[[int], None] | None = None,
) -> Accessibility:
    """
    Walk from each site to the three nearest services of each category, and count services.

    `walk_m` follows the walkable network and includes the straight connectors from the site
    and to the service; slopes, crossings, kerbs and waiting times are ignored. `walk_min`
    is that length at the constant speed of the walker. Services at the same distance are
    ranked by their identifier.

    Parameters
    ----------
    sites, services
        Tables SITES and SERVICES.
    network
        Walking network. What lies outside of its extent is not known: `edge_limited` says
        where a nearer service could be there, since it is at least as far as the border.
    categories
        All the categories asked for, with their families.
    rule
        Walker, cut-off, counted walking times, snapping limit.
    on_progress
        Called with the number of sites done since the last call.

    Returns
    -------
    accessibility
        Tables ACCESS (three ranks for every site and category, none missing) and REACH.
        A rank that is not `reached` says why: fewer services than the rank in the data
        (`no_service`, or `not_mapped` where OpenStreetMap is known to map the category
        badly), fewer on the same component of the network (`no_path`), or further than the
        cut-off (`beyond_cutoff`). Counts are empty where they could not be measured.

    Raises
    ------
    CrsError
        If a layer has no CRS, or is not in WGS84.

    References
    ----------
    Geurs & van Wee (2004), J. Transport Geography 12:127-140: distance and contour measures.
    """
    require_crs(sites, "sites")
    services = services.sort_index()
    lon, lat = sites.geometry.x.to_numpy(np.float64), sites.geometry.y.to_numpy(np.float64)
    snaps = network.snap(lon, lat, limit_m=rule.snap_limit_m)
    targets = service_targets(services, network, limit_m=rule.snap_limit_m)
    members = _members(services, targets, categories)
    near = _nearest(network, snaps, targets, members, rule=rule, on_progress=on_progress)
    n_linked = _n_linked(network, snaps, targets, members)
    is_reached = near.target >= 0
    status = _statuses(is_reached, n_linked, members)
    status[~snaps.is_on] = AccessStatus.OFF_NETWORK
    status[np.isnan(lon)] = AccessStatus.NO_LOCATION
    known_m = np.where(is_reached, near.walk_m, rule.cutoff_m)
    table = pd.DataFrame(
        {
            "families": np.tile(np.repeat(members.families, N_RANKS), len(sites)),
            **_identities(services, targets, near.target),
            "walk_m": near.walk_m.ravel(),
            "line_m": _lines_m(lon, lat, targets, near.target),
            "walk_min": rule.profile.minutes(near.walk_m).ravel(),
            "snap_m": np.repeat(snaps.snap_m, len(members.names) * N_RANKS),
            "access_status": status.ravel(),
            "edge_limited": (known_m > network.inside_m(lon, lat)[:, None, None]).ravel(),
        },
        index=_product(ACCESS, sites.index, members.names, range(1, N_RANKS + 1)),
    )
    n_services = np.where(np.isin(status[:, :, :1], _UNCOUNTED), np.nan, near.n_services)
    counts = pd.DataFrame(
        {"n_services": n_services.ravel()},
        index=_product(REACH, sites.index, members.names, rule.reach_min),
    )
    return Accessibility(access=ACCESS.conform(table), reach=REACH.conform(counts))


def origins_of(snaps: Snaps) -> Origins:
    """Gather the sites that stand at the same place of the network."""
    on = np.flatnonzero(snaps.is_on)
    places, of = np.unique(
        np.column_stack([snaps.edge[on], snaps.along_m[on]]), axis=0, return_inverse=True
    )
    of_site = np.full(len(snaps.edge), -1, dtype=np.int64)
    of_site[on] = of.ravel()
    return Origins(edge=places[:, 0].astype(np.int64), along_m=places[:, 1], of_site=of_site)


def search_graph(network: WalkNetwork, origins: Origins) -> sparse.csr_array:
    """
    Return the graph of the network with one more node per origin, in metres.

    Origin `k` is node `n_nodes + k`: arcs leave it for both ends of its edge and none
    enters it, so that nobody walks through a site. Of parallel edges the shortest stays;
    the arrays are laid out here because scipy's COO to CSR conversion adds repeated arcs.
    """
    n_nodes = network.n_nodes
    origin = n_nodes + np.arange(len(origins.edge))
    u, v, length_m = network.u, network.v, network.length_m
    rest_m = np.maximum(length_m[origins.edge] - origins.along_m, 0.0)
    tail = np.concatenate([u, v, origin, origin])
    head = np.concatenate([v, u, u[origins.edge], v[origins.edge]])
    arc_m = np.concatenate([length_m, length_m, origins.along_m, rest_m])
    order = np.lexsort((arc_m, head, tail))
    tail, head, arc_m = tail[order], head[order], arc_m[order]
    keep = np.ones(len(tail), dtype=bool)
    keep[1:] = (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])
    size = n_nodes + len(origin)
    starts = np.searchsorted(tail[keep], np.arange(size + 1))
    return sparse.csr_array((arc_m[keep], head[keep], starts), shape=(size, size))


def chunks(origins: Origins, *, row_bytes: int) -> Iterator[slice]:
    """Cut origins in runs whose matrix of distances stays within a bounded memory."""
    n_origins = len(origins.edge)
    step = max(1, _CHUNK_BYTES // max(row_bytes, 1))
    for first in range(0, n_origins, step):
        yield slice(first, min(first + step, n_origins))


def target_walks_m(
    from_origin: FloatArray, origins: Origins, chunk: slice, network: WalkNetwork, snaps: Snaps
) -> FloatArray:
    """
    Measure metres on the network from the origins of a chunk to targets, without connectors.

    A target is reached through either end of its edge, or straight along the edge when the
    origin stands on it too. Targets off the network are at inf.
    """
    edge, along_m = snaps.edge, snaps.along_m
    walk_m = np.minimum(
        from_origin[:, network.u[edge]] + along_m,
        from_origin[:, network.v[edge]] + (network.length_m[edge] - along_m),
    )
    origin, target = np.nonzero(origins.edge[chunk][:, None] == edge[None, :])
    direct_m = np.abs(origins.along_m[chunk][origin] - along_m[target])
    walk_m[origin, target] = np.minimum(walk_m[origin, target], direct_m)
    walk_m[:, edge < 0] = np.inf
    return walk_m


_UNCOUNTED = (AccessStatus.OFF_NETWORK, AccessStatus.NO_LOCATION, AccessStatus.NOT_MAPPED)


def _members(
    services: gpd.GeoDataFrame, targets: Targets, categories: Mapping[str, CategoryInfo]
) -> _Members:
    has_target = np.unique(targets.group)
    held = services["categories"].str.split(";")
    group = np.repeat(service_groups(services), held.str.len())
    of = pd.Series(group, index=held.explode())
    groups = of.groupby(level=0).agg(np.unique).to_dict()
    positions = [groups.get(name, np.empty(0, dtype=np.int64)) for name in categories]
    return _Members(
        names=list(categories),
        families=np.array([info.families for info in categories.values()], dtype=object),
        columns=[np.flatnonzero(np.isin(has_target, at)) for at in positions],
        n_services=np.array([len(at) for at in positions], dtype=np.int64),
        is_reliably_mapped=np.array(
            [info.is_reliably_mapped for info in categories.values()], dtype=bool
        ),
    )


def _nearest(
    network: WalkNetwork,
    snaps: Snaps,
    targets: Targets,
    members: _Members,
    *,
    rule: AccessRule,
    on_progress: Callable[[int], None] | None,
) -> _Near:
    shape = (len(snaps.edge), len(members.names), N_RANKS)
    near = _Near(
        walk_m=np.full(shape, np.nan),
        target=np.full(shape, -1, dtype=np.int64),
        n_services=np.zeros((*shape[:2], len(rule.reach_min))),
    )
    first = np.unique(targets.group, return_index=True)[1]
    for site, total_m in _total_walks(network, snaps, targets, longest_m=rule.searched_m):
        best_m, best_target = _best_by_service(total_m, first)
        for position, columns in enumerate(members.columns):
            held_m = best_m[:, columns]
            order = np.argsort(held_m, axis=1, kind="stable")[:, :N_RANKS]
            walk_m = np.take_along_axis(held_m, order, axis=1)
            target = np.take_along_axis(best_target[:, columns], order, axis=1)
            ranks = slice(0, order.shape[1])
            is_reached = walk_m <= rule.cutoff_m
            near.walk_m[site, position, ranks] = np.where(is_reached, walk_m, np.nan)
            near.target[site, position, ranks] = np.where(is_reached, target, -1)
            for column, minutes in enumerate(rule.reach_min):
                within = held_m <= rule.profile.metres(minutes)
                near.n_services[site, position, column] = within.sum(axis=1)
        if on_progress is not None:
            on_progress(len(site))
    return near


def _total_walks(
    network: WalkNetwork, snaps: Snaps, targets: Targets, *, longest_m: float
) -> Iterator[tuple[IntArray, FloatArray]]:
    """
    Yield, for chunks of sites, their positions and total metres to every target.

    Sites off the network are never yielded; sites at one place of it share one search.
    A total over `longest_m` is inf.
    """
    origins = origins_of(snaps)
    graph = search_graph(network, origins)
    for chunk in chunks(origins, row_bytes=8 * (graph.shape[0] + 8 * len(targets.service))):
        from_origin = csgraph.dijkstra(
            graph, indices=network.n_nodes + np.arange(chunk.start, chunk.stop), limit=longest_m
        )
        walk_m = target_walks_m(from_origin, origins, chunk, network, targets.snaps)
        site = np.flatnonzero((origins.of_site >= chunk.start) & (origins.of_site < chunk.stop))
        total_m = walk_m[origins.of_site[site] - chunk.start]
        total_m += snaps.snap_m[site][:, None]
        total_m += np.where(targets.snaps.is_on, targets.snaps.snap_m, np.inf)
        total_m[total_m > longest_m] = np.inf
        yield site, total_m


def _best_by_service(total_m: FloatArray, first: IntArray) -> tuple[FloatArray, IntArray]:
    """Keep, of the targets of each service, the nearest one (the first of equals)."""
    n_targets = total_m.shape[1]
    if not n_targets:
        return total_m, np.empty(total_m.shape, dtype=np.int64)
    best_m = np.minimum.reduceat(total_m, first, axis=1)
    spread_m = np.repeat(best_m, np.diff(np.append(first, n_targets)), axis=1)
    position = np.where(total_m == spread_m, np.arange(n_targets), n_targets)
    return best_m, np.minimum.reduceat(position, first, axis=1)


def _n_linked(network: WalkNetwork, snaps: Snaps, targets: Targets, members: _Members) -> IntArray:
    """Count, for each site and category, the services on the component of the site."""
    component = np.where(targets.snaps.is_on, network.component[network.u[targets.snaps.edge]], -1)
    column = np.unique(targets.group, return_inverse=True)[1]
    pairs = np.unique(np.column_stack([column, component])[component >= 0], axis=0)
    of_site = np.where(snaps.is_on, network.component[network.u[snaps.edge]], 0)
    n_components = int(network.component.max()) + 1
    linked = np.zeros((len(of_site), len(members.names)), dtype=np.int64)
    for position, columns in enumerate(members.columns):
        held = pairs[np.isin(pairs[:, 0], columns), 1]
        linked[:, position] = np.bincount(held, minlength=n_components)[of_site]
    return linked


def _statuses(
    is_reached: npt.NDArray[np.bool_], n_linked: IntArray, members: _Members
) -> npt.NDArray[np.object_]:
    rank = np.arange(1, N_RANKS + 1)
    unknown = np.where(
        members.is_reliably_mapped, AccessStatus.NO_SERVICE.value, AccessStatus.NOT_MAPPED.value
    )
    status = np.where(
        n_linked[:, :, None] < rank,
        AccessStatus.NO_PATH.value,
        AccessStatus.BEYOND_CUTOFF.value,
    ).astype(object)
    too_few = members.n_services[:, None] < rank
    status = np.where(too_few, unknown[:, None], status)
    return np.where(is_reached, AccessStatus.REACHED.value, status)


def _identities(
    services: gpd.GeoDataFrame, targets: Targets, target: IntArray
) -> dict[str, npt.NDArray[np.object_]]:
    """Name the services of the targets reached (-1 for none)."""
    service = np.append(targets.service, -1)[target.ravel()]
    names = np.append(services["name"].to_numpy(object), np.nan)
    ids = np.append(services.index.to_numpy(object), np.nan)
    return {"service_id": ids[service], "service_name": names[service]}


def _lines_m(lon: FloatArray, lat: FloatArray, targets: Targets, target: IntArray) -> FloatArray:
    """Measure straight metres from each site to the targets it reaches (NaN for none)."""
    site = np.repeat(np.arange(len(lon)), target[0].size if len(target) else 0)
    to_lon = np.append(targets.lon, np.nan)[target.ravel()]
    to_lat = np.append(targets.lat, np.nan)[target.ravel()]
    return geodesic_m(lon[site], lat[site], to_lon, to_lat)


def _product(table: Table, *levels: Iterable[Hashable]) -> pd.MultiIndex:
    return pd.MultiIndex.from_product(levels, names=table.index_names)
