"""Access of very many sites: every address of a département, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import geopandas as gpd
import pandas as pd

from siting.access import AccessRule, CategoryInfo, accessibility
from siting.export import write_parquet
from siting.graph import walk_graph
from siting.network import WalkNetwork
from siting.targets import service_targets

BATCH = 2_000  # sites in memory at once


def write_access(  # noqa: PLR0913 - what is measured, how, where it is written
    sites: gpd.GeoDataFrame,
    services: gpd.GeoDataFrame,
    network: WalkNetwork,
    *,
    categories: Mapping[str, CategoryInfo],
    rule: AccessRule,
    out: Path,
    overwrite: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> dict[str, int]:
    """
    Measure the access of many sites, and write it as Parquet while it goes.

    The rows are those of `siting.access.accessibility`, in the order of `sites`; the memory
    does not grow with the number of sites.

    Parameters
    ----------
    sites, services, network, categories, rule
        As for `siting.access.accessibility`.
    out
        Folder of `access.parquet` and `reach.parquet`.
    overwrite
        If files that are already there are replaced.
    on_progress
        Called with the number of sites done since the last call.

    Returns
    -------
    n_rows
        Rows written, by table.

    Raises
    ------
    CrsError
        If a layer has no CRS, or is not in WGS84.
    OutputError
        The files exist, or cannot be written; nothing is left half written.
    """
    services = services.sort_index()
    targets = service_targets(
        services,
        network,
        limit_m=rule.snap_limit_m,
        rank=walk_graph(network, rule.profile).rank,
    )

    def batches() -> Iterator[dict[str, pd.DataFrame]]:
        for first in range(0, len(sites), BATCH):
            measured = accessibility(
                sites.iloc[first : first + BATCH],
                services,
                network,
                categories=categories,
                rule=rule,
                targets=targets,
                on_progress=on_progress,
            )
            yield {"access": measured.access, "reach": measured.reach}

    return write_parquet(batches(), out, overwrite=overwrite)
