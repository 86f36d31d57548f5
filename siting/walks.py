"""The walked lines: how people go from a site to its nearest service of each family."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.crs import WGS84, FloatArray, IntArray, require_crs
from siting.graph import WalkGraph
from siting.search import Walker
from siting.tables import WALKS, AccessStatus
from siting.targets import service_targets

_SAME_PLACE_DEG = 1e-9  # a tenth of a millimetre


def nearest_by_family(
    access: pd.DataFrame, family_categories: Mapping[str, Collection[str]]
) -> pd.DataFrame:
    """
    Keep, for each site and family, the nearest service of the family's categories.

    Parameters
    ----------
    access
        Table ACCESS.
    family_categories
        Categories that stand for each family. Of two services at the same distance, the one
        whose category comes first in `access` is kept.

    Returns
    -------
    nearest
        Rows of `access` with their index as columns, and the column `family`; a family of
        which nothing is reached has no row.
    """
    first = access[access.index.get_level_values("rank") == 1].reset_index()
    reached = first[first["access_status"] == AccessStatus.REACHED]
    rows = [
        reached[reached["category"].isin(set(categories))]
        .sort_values("walk_m", kind="stable")
        .drop_duplicates("site_id")
        .assign(family=family)
        for family, categories in family_categories.items()
    ]
    return pd.concat(rows, ignore_index=True) if rows else reached.assign(family="")


def walks(
    nearest: pd.DataFrame,
    sites: gpd.GeoDataFrame,
    services: gpd.GeoDataFrame,
    graph: WalkGraph,
    *,
    snap_limit_m: float,
) -> gpd.GeoDataFrame:
    """
    Draw the walk from each site to each of the services chosen for it.

    The line starts at the site, joins the network, follows it, and leaves it for the
    service: its ellipsoidal length is `walk_m`. Of equal walks one is drawn. Any chosen pairs of
    sites and services may be drawn, if they are given as rows of `nearest`.

    Parameters
    ----------
    nearest
        Rows of `nearest_by_family`.
    sites, services
        Tables SITES and SERVICES, as measured.
    graph
        The network and walker measured with (`siting.graph.walk_graph`).
    snap_limit_m
        The snapping limit of the measure, in metres.

    Returns
    -------
    walks
        Table WALKS: one row per row of `nearest`, sorted by site (in the order of `sites`)
        and family (in the order of `nearest`).

    Raises
    ------
    CrsError
        If a layer has no CRS, or is not in WGS84.
    """
    require_crs(sites, "sites")
    rank = nearest["site_id"].map(pd.Series(range(len(sites)), index=sites.index))
    nearest = nearest.assign(rank=rank).sort_values("rank", kind="stable")
    if nearest.empty:
        return WALKS.empty()
    walked = sites.loc[nearest["site_id"].unique()]
    chosen = services.loc[sorted(nearest["service_id"].unique())]
    drawn = _Drawing(walked, chosen, graph, snap_limit_m=snap_limit_m)
    site = walked.index.get_indexer(nearest["site_id"])
    service = chosen.index.get_indexer(nearest["service_id"])
    lines = drawn.lines(site, service, longest_m=graph.profile.metres(_longest_min(nearest)))
    columns = [*WALKS.index_names, *WALKS.column_names]
    return WALKS.conform(gpd.GeoDataFrame(nearest[columns], geometry=lines, crs=WGS84))


def _longest_min(nearest: pd.DataFrame) -> float:
    """Return the longest walk to draw, in minutes, and a little more: sums are rounded."""
    return float(nearest["walk_min"].max()) * (1 + 1e-9) + 1e-6


class _Drawing:
    """Sites and services placed on a network, and the searches that join them."""

    def __init__(
        self,
        sites: gpd.GeoDataFrame,
        services: gpd.GeoDataFrame,
        graph: WalkGraph,
        *,
        snap_limit_m: float,
    ) -> None:
        network = graph.network
        self.graph = graph
        self.site_lon_lat = shapely.get_coordinates(sites.geometry.to_numpy())
        lon, lat = self.site_lon_lat.T
        self.snaps = network.snap(lon, lat, limit_m=snap_limit_m, rank=graph.rank)
        self.targets = service_targets(services, network, limit_m=snap_limit_m, rank=graph.rank)
        self.walker = Walker(graph)

    def lines(
        self, site: IntArray, service: IntArray, *, longest_m: float
    ) -> list[shapely.LineString]:
        """Return one line per pair of a site and a service, by their positions."""
        drawn: dict[int, shapely.LineString] = {}
        for at in np.unique(site):
            edge = int(self.snaps.edge[at])
            along_m, snap_m = float(self.snaps.along_m[at]), float(self.snaps.snap_m[at])
            self.walker.search(edge, along_m, snap_m, searched_m=longest_m)
            for pair in np.flatnonzero(site == at):
                drawn[int(pair)] = self._line(int(at), int(service[pair]))
        return [drawn[pair] for pair in range(len(site))]

    def _line(self, site: int, service: int) -> shapely.LineString:
        """Draw the walk to the nearest place where a service is reached."""
        options = [
            (*self._best_way(site, int(target)), int(target))
            for target in np.flatnonzero(self.targets.service == service)
        ]
        _, end, target = min(options, key=lambda option: (option[0], option[2]))
        door = [[self.targets.lon[target], self.targets.lat[target]]]
        pieces = self._pieces(site, target, end)
        places = np.concatenate([self.site_lon_lat[[site]], *pieces, np.array(door)])
        moves = np.append(True, np.abs(np.diff(places, axis=0)).max(axis=1) > _SAME_PLACE_DEG)
        return shapely.LineString(places[moves] if moves.sum() > 1 else places[[0, -1]])

    def _best_way(self, site: int, target: int) -> tuple[float, int]:
        """Return the effort to a target, and the end of its edge it is reached by (-1: neither)."""
        edges, snaps = self.graph.edges, self.targets.snaps
        edge, along_m = int(snaps.edge[target]), float(snaps.along_m[target])
        if edge < 0:
            return np.inf, -1
        options = []
        if edge == self.snaps.edge[site]:
            gap_m = along_m - float(self.snaps.along_m[site])
            pace = float((edges.along if gap_m > 0 else edges.against)[edge])
            walked_m = abs(gap_m) * pace if gap_m else 0.0
            options.append((float(self.snaps.snap_m[site]) + walked_m, -1))
        ends = (
            (edges.u[edge], along_m, edges.along[edge]),
            (
                edges.v[edge],
                float(edges.length_m[edge]) - along_m,
                edges.against[edge],
            ),
        )
        for end, (node, gap_m, pace) in enumerate(ends):
            if node >= 0 and (gap_m <= 0 or np.isfinite(pace)):
                last_m = gap_m * pace if gap_m > 0 else 0.0
                options.append((float(self.walker.effort_m[node] + last_m), end))
        effort_m, end = min(options, default=(np.inf, -1))
        return effort_m + float(snaps.snap_m[target]), end

    def _pieces(self, site: int, target: int, end: int) -> list[FloatArray]:
        """Return the pieces of edges walked between a site and a target, in order."""
        network, snaps, arcs = self.graph.network, self.targets.snaps, self.graph.arcs
        edge, along_m = int(snaps.edge[target]), float(snaps.along_m[target])
        first_edge, first_m = int(self.snaps.edge[site]), float(self.snaps.along_m[site])
        if end < 0:
            return [network.piece(edge, first_m, along_m)]
        walked, left_by = self.walker.arcs_to(int((network.u, network.v)[end][edge]))
        pieces = [network.piece(first_edge, first_m, self._end_m(first_edge, left_by))]
        for arc in walked:
            at = int(arcs.edge[arc])
            # Arcs of one edge both ways differ by their tail; a loop may be drawn either way.
            forward = network.u[at] == arcs.tail[arc]
            length_m = float(network.length_m[at])
            pieces.append(network.piece(at, *((0.0, length_m) if forward else (length_m, 0.0))))
        return [*pieces, network.piece(edge, self._end_m(edge, end), along_m)]

    def _end_m(self, edge: int, end: int) -> float:
        return float(self.graph.network.length_m[edge]) if end else 0.0
