"""What the map is worth around the sites of a study: completeness, and absence."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import pandas as pd

from siting.absence import absence, within_reach
from siting.completeness import Compared, completeness
from siting.crs import WGS84
from siting.sources.reference import read_communes_around
from siting.study.ground import Ground
from siting.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True, kw_only=True)
class MapWorth:
    """
    What the map is worth around sites.

    Parameters
    ----------
    completeness
        Table COMPLETENESS of the communes within reach of the sites.
    absence
        Table ABSENCE of the sites.
    communes
        Table COMMUNES of `completeness`.
    """

    completeness: pd.DataFrame
    absence: pd.DataFrame
    communes: gpd.GeoDataFrame


def map_worth(
    ground: Ground,
    points: gpd.GeoSeries,
    *,
    taxonomy: Taxonomy,
    radius_m: float,
    compared: Compared | None = None,
) -> MapWorth:
    """
    Tell what the map is worth within reach of sites.

    Parameters
    ----------
    ground
        Streets and services; every commune that its data holds whole is compared with.
    points
        Points of the sites in WGS84, by `site_id`.
    taxonomy
        Categories to tell of.
    radius_m
        Longest walk, in metres.
    compared
        What registers said of the services, if some were compared.

    Raises
    ------
    DataError
        The reference data of siting is damaged.
    """
    extent = gpd.GeoSeries([ground.network.extent], crs=ground.network.crs).to_crs(WGS84)
    communes = read_communes_around(extent)
    codes = set(within_reach(points, communes, radius_m=radius_m)["code_insee"])
    known = completeness(
        ground.services,
        communes,
        taxonomy=taxonomy,
        extent=extent.iloc[0],
        mapped_on=ground.mapped_on,
        compared=compared,
        told=codes,
    )
    categories = [category.id for category in taxonomy.walked_to]
    found = absence(points, communes, known, radius_m=radius_m, categories=categories)
    return MapWorth(
        completeness=known,
        absence=found,
        communes=communes[communes.index.isin(known.index.get_level_values("code_insee"))],
    )
