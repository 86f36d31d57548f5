"""The walked lines: how people go from a site to its nearest service of each family."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.sparse import csgraph

from siting.access import chunks, origins_of, search_graph, target_walks_m
from siting.crs import WGS84, FloatArray, IntArray, require_crs
from siting.network import WalkNetwork
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
    network: WalkNetwork,
    *,
    snap_limit_m: float,
) -> gpd.GeoDataFrame:
    """
    Draw the walk from each site to each of the services chosen for it.

    The line starts at the site, joins the network, follows it, and leaves it for the
    service: its ellipsoidal length is `walk_m`. Of equal walks one is drawn.

    Parameters
    ----------
    nearest
        Rows of `nearest_by_family`.
    sites, services
        Tables SITES and SERVICES, as measured.
    network
        The network measured on.
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
    drawn = _Drawing(walked, chosen, network, snap_limit_m=snap_limit_m)
    site = walked.index.get_indexer(nearest["site_id"])
    service = chosen.index.get_indexer(nearest["service_id"])
    lines = drawn.lines(site, service, longest_m=float(nearest["walk_m"].max()))
    columns = [*WALKS.index_names, *WALKS.column_names]
    return WALKS.conform(gpd.GeoDataFrame(nearest[columns], geometry=lines, crs=WGS84))


class _Drawing:
    """Sites and services placed on a network, and the searches that join them."""

    def __init__(
        self,
        sites: gpd.GeoDataFrame,
        services: gpd.GeoDataFrame,
        network: WalkNetwork,
        *,
        snap_limit_m: float,
    ) -> None:
        self.network = network
        self.site_lon_lat = shapely.get_coordinates(sites.geometry.to_numpy())
        lon, lat = self.site_lon_lat.T
        self.snaps = network.snap(lon, lat, limit_m=snap_limit_m)
        self.origins = origins_of(self.snaps)
        self.targets = service_targets(services, network, limit_m=snap_limit_m)
        key = self._key(network.u, network.v)
        order = np.lexsort((network.length_m, key))
        self.hop_key, first = np.unique(key[order], return_index=True)
        self.hop_edge = order[first]

    def _key(self, u: IntArray, v: IntArray) -> IntArray:
        """Give each pair of junctions one number, whatever their order."""
        return np.asarray(np.minimum(u, v) * self.network.n_nodes + np.maximum(u, v))

    def lines(
        self, site: IntArray, service: IntArray, *, longest_m: float
    ) -> list[shapely.LineString]:
        """Return one line per pair of a site and a service, by their positions."""
        graph = search_graph(self.network, self.origins)
        origin = self.origins.of_site[site]
        drawn: dict[int, shapely.LineString] = {}
        for chunk in chunks(self.origins, row_bytes=12 * graph.shape[0]):
            from_origin, previous = csgraph.dijkstra(
                graph,
                indices=self.network.n_nodes + np.arange(chunk.start, chunk.stop),
                limit=longest_m,
                return_predecessors=True,
            )
            walk_m = target_walks_m(
                from_origin, self.origins, chunk, self.network, self.targets.snaps
            )
            for pair in np.flatnonzero((origin >= chunk.start) & (origin < chunk.stop)):
                row = origin[pair] - chunk.start
                target = self._best(walk_m[row], int(service[pair]))
                path = self._path(from_origin[row], previous[row], int(origin[pair]), target)
                drawn[int(pair)] = self._line(int(site[pair]), target, path)
        return [drawn[pair] for pair in range(len(site))]

    def _best(self, walk_m: FloatArray, service: int) -> int:
        own = np.flatnonzero(self.targets.service == service)
        total_m = walk_m[own] + self.targets.snaps.snap_m[own]
        return int(own[np.nanargmin(np.where(np.isfinite(total_m), total_m, np.nan))])

    def _path(
        self, from_origin: FloatArray, previous: IntArray, origin: int, target: int
    ) -> list[FloatArray]:
        """Return the pieces of edges walked between an origin and a target, in order."""
        network, snaps = self.network, self.targets.snaps
        edge, along_m = int(snaps.edge[target]), float(snaps.along_m[target])
        start_edge, start_m = int(self.origins.edge[origin]), float(self.origins.along_m[origin])
        by_u_m = from_origin[network.u[edge]] + along_m
        by_v_m = from_origin[network.v[edge]] + network.length_m[edge] - along_m
        if edge == start_edge and abs(start_m - along_m) <= min(by_u_m, by_v_m):
            return [network.piece(edge, start_m, along_m)]
        last_end_m = 0.0 if by_u_m <= by_v_m else float(network.length_m[edge])
        node = int((network.u if by_u_m <= by_v_m else network.v)[edge])
        pieces = [network.piece(edge, last_end_m, along_m)]
        while previous[node] < network.n_nodes:
            before = int(previous[node])
            pieces.append(self._hop(before, node))
            node = before
        length_m = float(network.length_m[start_edge])
        ends = [(start_m, 0.0, network.u), (length_m - start_m, length_m, network.v)]
        _, end_m = min((walk, end) for walk, end, side in ends if side[start_edge] == node)
        pieces.append(network.piece(start_edge, start_m, end_m))
        return pieces[::-1]

    def _hop(self, tail: int, head: int) -> FloatArray:
        """Return the shortest edge from one junction to the next, walked that way."""
        key = self._key(np.array([tail]), np.array([head]))
        edge = int(self.hop_edge[np.searchsorted(self.hop_key, key)[0]])
        length_m = float(self.network.length_m[edge])
        forward = self.network.u[edge] == tail
        return self.network.piece(edge, *((0.0, length_m) if forward else (length_m, 0.0)))

    def _line(self, site: int, target: int, pieces: list[FloatArray]) -> shapely.LineString:
        door = [[self.targets.lon[target], self.targets.lat[target]]]
        places = np.concatenate([self.site_lon_lat[[site]], *pieces, np.array(door)])
        moves = np.append(True, np.abs(np.diff(places, axis=0)).max(axis=1) > _SAME_PLACE_DEG)
        return shapely.LineString(places[moves] if moves.sum() > 1 else places[[0, -1]])
