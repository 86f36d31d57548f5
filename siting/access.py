"""How near services are on foot: the nearest of each category, and how many within minutes.

One bounded search leaves from each distinct place of a site and serves every category; nothing
is searched pair by pair. Sites and services sit on edges, not on nodes: the walk counts the
straight connectors at both ends, and a walk between two places of one edge stays on it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from siting.crs import FloatArray, IntArray, geodesic_m, require_crs
from siting.errors import DataError
from siting.graph import WalkGraph, walk_graph
from siting.grid import UNUSABLE, Int32Array
from siting.linked import linked_pieces
from siting.network import Snaps, WalkNetwork
from siting.search import Limits, Near, doors_of, efforts_m, places_of, rank_near
from siting.tables import ACCESS, OD_MATRIX, REACH, AccessStatus, Table
from siting.targets import Targets, service_groups, service_targets
from siting.walkers import WalkProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRule:
    """
    Options of a measure of access.

    Parameters
    ----------
    profile
        Walker: its speed turns minutes into metres, its restrictions close ways.
    cutoff_min
        Longest walk to a ranked service, in minutes.
    reach_min
        Walking times for which services are counted, be they longer than the cut-off.
    n_ranks
        How many services are ranked in each category.
    snap_limit_m
        A site or a service further than this from any edge is off the network. 200 m is
        siting's own choice: beyond it the straight connector would outweigh the measure.
    is_strict
        If ways of which it is not known that they are fit for the walker are closed too;
        for walkers that avoid what is unfit only.
    """

    profile: WalkProfile
    cutoff_min: float = 30.0
    reach_min: tuple[int, ...] = (5, 10, 15)
    n_ranks: int = 3
    snap_limit_m: float = 200.0
    is_strict: bool = False

    @property
    def cutoff_m(self) -> float:
        """Longest walk of which `ACCESS` tells, in metres on the flat."""
        return self.profile.metres(self.cutoff_min)

    @property
    def limits(self) -> Limits:
        """How far to search, in metres on the flat: services may be counted beyond the cut-off."""
        return Limits(
            searched_m=self.profile.metres(max((self.cutoff_min, *self.reach_min))),
            ranked_m=self.cutoff_m,
            counted_m=tuple(self.profile.metres(minutes) for minutes in self.reach_min),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryInfo:
    """What the measure must know of a category: its families, and if OSM maps it reliably."""

    families: str
    is_reliably_mapped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Accessibility:
    """The two tables of one measure: `access` (table ACCESS) and `reach` (table REACH)."""

    access: pd.DataFrame
    reach: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class _Members:
    """The groups of each category: `number` in `category` pairs, and how many groups there are."""

    names: list[str]
    families: list[str]
    number: IntArray
    category: IntArray
    n_services: IntArray
    n_unplaced: IntArray  # those without any target
    is_reliably_mapped: npt.NDArray[np.bool_]


_OD_BATCH = 256  # sites whose efforts to all services are in memory at once
_STATUSES = tuple(AccessStatus)
_UNCOUNTED = (AccessStatus.OFF_NETWORK, AccessStatus.NO_LOCATION, AccessStatus.NOT_MAPPED)


def accessibility(  # noqa: PLR0913 - targets are given by stored areas
    sites: gpd.GeoDataFrame,
    services: gpd.GeoDataFrame,
    network: WalkNetwork,
    *,
    categories: Mapping[str, CategoryInfo],
    rule: AccessRule,
    targets: Targets | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Accessibility:
    """
    Walk from each site to the nearest services of each category, and count services.

    The walk is the one that takes the walker least time among those that it may take; for a
    walker without penalty, the shortest. `walk_m` is its length, straight connectors from
    the site and to the service included; `walk_min` its time, with what steps, crossings and
    slopes (where heights are given) add for this walker. Waiting and rests are ignored.
    `fit_m`, `unfit_m` and `unknown_m` share `walk_m` out by what tags say of the ways for
    this walker; connectors are unknown. Services at the same distance are ranked by their
    identifier.

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
    targets
        Where the services are reached (`siting.targets.service_targets`), if it is known
        already for these services, sorted by identifier, this walker and this snapping limit.
    on_progress
        Called with the number of sites done since the last call.

    Returns
    -------
    accessibility
        Tables ACCESS (all ranks for every site and category, none missing) and REACH.
        A rank that is not `reached` says why: fewer services than the rank in the data
        (`no_service`, or `not_mapped` where OpenStreetMap is known to map the category
        badly), fewer on the piece of network of the site (`no_path`), or further than the
        cut-off (`beyond_cutoff`). Counts are empty where they could not be measured.

    Raises
    ------
    CrsError
        If a layer has no CRS, or is not in WGS84.
    DataError
        If `targets` are given for services that are not sorted.

    References
    ----------
    Geurs & van Wee (2004), J. Transport Geography 12:127-140: distance and contour measures.
    """
    require_crs(sites, "sites")
    if targets is not None and not services.index.is_monotonic_increasing:
        raise DataError("`services` must be sorted by identifier when `targets` are given.")
    graph = walk_graph(network, rule.profile)
    lon, lat = sites.geometry.x.to_numpy(np.float64), sites.geometry.y.to_numpy(np.float64)
    snaps = network.snap(lon, lat, limit_m=rule.snap_limit_m, rank=graph.rank)
    if targets is None:
        services = services.sort_index()
        targets = service_targets(services, network, limit_m=rule.snap_limit_m, rank=graph.rank)
    if rule.is_strict:
        graph = walk_graph(network, rule.profile, is_strict=True)
    members = _members(services, targets, categories)
    near = _near(graph, snaps, targets, members, rule=rule, on_progress=on_progress)
    is_reached = near.target >= 0
    status = _statuses(is_reached, _n_linked(graph, snaps, targets, members), members)
    status[~snaps.is_on] = _STATUSES.index(AccessStatus.OFF_NETWORK)
    status[np.isnan(lon)] = _STATUSES.index(AccessStatus.NO_LOCATION)
    snap_m = np.repeat(snaps.snap_m, status[0].size if len(status) else 0)
    straight_m = snap_m + np.append(targets.snaps.snap_m, np.nan)[near.target.ravel()]
    unknown_m = near.unknown_m.ravel() + straight_m
    known_m = np.where(is_reached, near.effort_m, rule.cutoff_m)
    inside_m = graph.least_effort * network.inside_m(lon, lat)[:, None, None]
    table = pd.DataFrame(
        {
            "families": _taken(members.families, _category_of(status)),
            **_identities(services, targets, near.target),
            "walk_m": near.fit_m.ravel() + near.unfit_m.ravel() + unknown_m,
            "line_m": _lines_m(lon, lat, targets, near.target),
            "walk_min": rule.profile.minutes(near.effort_m).ravel(),
            "snap_m": snap_m,
            "access_status": _taken(list(_STATUSES), status.ravel()),
            "edge_limited": (known_m > inside_m).ravel(),
            "fit_m": near.fit_m.ravel(),
            "unfit_m": near.unfit_m.ravel(),
            "unknown_m": unknown_m,
        },
        index=_product(ACCESS, sites.index, members.names, range(1, rule.n_ranks + 1)),
    )
    uncounted = np.isin(status[:, :, :1], [_STATUSES.index(one) for one in _UNCOUNTED])
    n_services = pd.array(near.n_groups.ravel(), dtype="Int64")
    n_services[np.broadcast_to(uncounted, near.n_groups.shape).ravel()] = pd.NA
    counts = pd.DataFrame(
        {"n_services": n_services},
        index=_product(REACH, sites.index, members.names, rule.reach_min),
    )
    return Accessibility(access=ACCESS.conform(table), reach=REACH.conform(counts))


def od_matrix(
    sites: gpd.GeoDataFrame,
    services: gpd.GeoDataFrame,
    network: WalkNetwork,
    *,
    rule: AccessRule,
) -> pd.DataFrame:
    """
    Measure the minutes from each site to each service within the longest walk searched.

    Parameters
    ----------
    sites
        Table SITES, or any layer of points with a unique index.
    services
        Table SERVICES. Rows that are one service (platforms of a stop) are one destination,
        named after the first of them.
    network, rule
        As for `accessibility`.

    Returns
    -------
    od_matrix
        Table OD_MATRIX, as r5py writes it: `from_id`, `to_id`, `travel_time` in minutes. A
        pair further than the longest walk searched, or without a walk, has no row.

    Raises
    ------
    CrsError
        If a layer has no CRS, or is not in WGS84.
    """
    require_crs(sites, "sites")
    graph = walk_graph(network, rule.profile)
    services = services.sort_index()
    lon, lat = sites.geometry.x.to_numpy(np.float64), sites.geometry.y.to_numpy(np.float64)
    snaps = network.snap(lon, lat, limit_m=rule.snap_limit_m, rank=graph.rank)
    targets = service_targets(services, network, limit_m=rule.snap_limit_m, rank=graph.rank)
    if rule.is_strict:
        graph = walk_graph(network, rule.profile, is_strict=True)
    places, of_site = places_of(snaps)
    doors, group = doors_of(targets, graph.edges, network.n_nodes)
    rows = []
    for first in range(0, len(sites), _OD_BATCH):
        site = np.arange(first, min(first + _OD_BATCH, len(sites)))
        site = site[of_site[site] >= 0]
        held, of = np.unique(of_site[site], return_inverse=True)
        batch = places._replace(
            edge=places.edge[held], along_m=places.along_m[held], snap_m=places.snap_m[held]
        )
        efforts = efforts_m(graph, batch, doors, searched_m=rule.limits.searched_m)[of.ravel()]
        at, number = np.nonzero(np.isfinite(efforts))
        minutes = rule.profile.minutes(efforts[at, number])
        rows.append(
            pd.DataFrame(
                {
                    "from_id": sites.index.to_numpy()[site[at]],
                    "to_id": services.index.to_numpy()[group[number]],
                    "travel_time": minutes,
                }
            )
        )
    return OD_MATRIX.conform(pd.concat(rows, ignore_index=True)) if rows else OD_MATRIX.empty()


def _members(
    services: gpd.GeoDataFrame, targets: Targets, categories: Mapping[str, CategoryInfo]
) -> _Members:
    held = services["categories"].str.split(";")
    group = np.repeat(service_groups(services), held.str.len())
    category = pd.Index(list(categories)).get_indexer(held.explode())
    pairs = np.unique(np.column_stack([group, category])[category >= 0], axis=0)
    has_target = np.unique(targets.group)
    number = np.searchsorted(has_target, pairs[:, 0])
    is_placed = np.isin(pairs[:, 0], has_target)
    infos = categories.values()
    return _Members(
        names=list(categories),
        families=[info.families for info in infos],
        number=number[is_placed],
        category=pairs[is_placed, 1],
        n_services=np.bincount(pairs[:, 1], minlength=len(categories)),
        n_unplaced=np.bincount(pairs[~is_placed, 1], minlength=len(categories)),
        is_reliably_mapped=np.array([info.is_reliably_mapped for info in infos], dtype=bool),
    )


def _near(
    graph: WalkGraph,
    snaps: Snaps,
    targets: Targets,
    members: _Members,
    *,
    rule: AccessRule,
    on_progress: Callable[[int], None] | None,
) -> Near:
    """Search from the distinct places of sites, and give each site what its place found."""
    places, of_site = places_of(snaps)
    doors, group = doors_of(targets, graph.edges, graph.network.n_nodes)
    n_sites_at = np.bincount(of_site[of_site >= 0], minlength=len(places.edge))

    def tell(first: int, last: int) -> None:
        if on_progress is not None:
            on_progress(int(n_sites_at[first:last].sum()))

    near = rank_near(
        graph,
        places,
        doors,
        categories_of_group=(
            np.searchsorted(members.number, np.arange(len(group) + 1)),
            members.category,
        ),
        n_categories=len(members.names),
        n_ranks=rule.n_ranks,
        limits=rule.limits,
        on_progress=tell,
    )
    return near.of_places(of_site)


def _n_linked(graph: WalkGraph, snaps: Snaps, targets: Targets, members: _Members) -> IntArray:
    """Count, for each site and category, the services on the piece of network of the site."""
    pieces = linked_pieces(graph, targets)
    _, number = np.unique(targets.group, return_inverse=True)
    joined = pd.DataFrame({"number": number.ravel(), "piece": pieces.of_target})
    joined = joined[joined["piece"] >= 0]
    held = pd.DataFrame({"number": members.number, "category": members.category})
    pairs = joined.drop_duplicates().merge(held, on="number")
    n_pieces = int(pieces.of_edge.max()) + 1
    cell = pairs["piece"].to_numpy() * len(members.names) + pairs["category"].to_numpy()
    linked = np.bincount(cell, minlength=n_pieces * len(members.names)).reshape(n_pieces, -1)
    if pieces.open_piece >= 0:
        linked[pieces.open_piece] += members.n_unplaced
    n_linked = linked[np.where(snaps.is_on, pieces.of_edge[snaps.edge], 0)]
    n_linked[graph.rank[snaps.edge] == UNUSABLE] = 0  # nobody leaves a street that is closed
    return np.asarray(n_linked)


def _statuses(is_reached: npt.NDArray[np.bool_], n_linked: IntArray, members: _Members) -> IntArray:
    """Return positions in `_STATUSES`."""
    of = {status: position for position, status in enumerate(_STATUSES)}
    rank = np.arange(1, is_reached.shape[2] + 1)
    unknown = np.where(
        members.is_reliably_mapped, of[AccessStatus.NO_SERVICE], of[AccessStatus.NOT_MAPPED]
    )
    is_cut_off = n_linked[:, :, None] < rank
    status = np.where(is_cut_off, of[AccessStatus.NO_PATH], of[AccessStatus.BEYOND_CUTOFF])
    too_few = members.n_services[:, None] < rank
    status = np.where(too_few, unknown[:, None], status)
    return np.where(is_reached, of[AccessStatus.REACHED], status)


def _category_of(status: IntArray) -> IntArray:
    n_sites, n_categories, n_ranks = status.shape
    return np.tile(np.repeat(np.arange(n_categories), n_ranks), n_sites)


def _taken(texts: Iterable[str | float], position: IntArray) -> pd.api.extensions.ExtensionArray:
    """Take texts by position, -1 for none."""
    array = pd.array(list(texts), dtype="str")
    return array.take(np.asarray(position, dtype=np.intp), allow_fill=True)


def _identities(
    services: gpd.GeoDataFrame, targets: Targets, target: Int32Array
) -> dict[str, pd.api.extensions.ExtensionArray]:
    """Name the services of the targets reached (-1 for none)."""
    service = np.append(targets.service, -1)[target.ravel()]
    return {
        "service_id": _taken(services.index, service),
        "service_name": _taken(services["name"], service),
    }


def _lines_m(lon: FloatArray, lat: FloatArray, targets: Targets, target: Int32Array) -> FloatArray:
    """Measure straight metres from each site to the targets it reaches (NaN for none)."""
    reached = np.flatnonzero(target.ravel() >= 0)
    site = reached // max(target[0].size if len(target) else 1, 1)
    at = target.ravel()[reached]
    lines_m = np.full(target.size, np.nan)
    lines_m[reached] = geodesic_m(lon[site], lat[site], targets.lon[at], targets.lat[at])
    return lines_m


def _product(table: Table, *levels: Iterable[Hashable]) -> pd.MultiIndex:
    return pd.MultiIndex.from_product(levels, names=table.index_names)
