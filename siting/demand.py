"""Where people aged 65 or more live, as well as it is known: points that share a commune's out.

The number of people is known by commune. Within it they are shared out evenly between its
addresses, else along its residential streets, else they all stand at one point; `basis` says which.
"""

from __future__ import annotations

from enum import StrEnum

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.borders import holding
from siting.crs import WGS84, require_crs
from siting.network import WalkNetwork
from siting.tables import CODE_INSEE, COMMUNES, Column, Table

WHOLE_SHARE = 0.95  # of the area of a commune, in the data, for it to be whole there
STREET_STEP_M = 100.0  # one point for so many metres of residential street
_RESIDENTIAL = frozenset(("residential", "living_street", "unclassified", "tertiary"))


class DemandBasis(StrEnum):
    """What the people of a commune are shared out between, the finest first."""

    ADDRESSES = "addresses"
    STREETS = "streets"
    COMMUNE = "commune"


DEMAND = Table(
    "DEMAND",
    (Column("demand_id", "text", "point where people are counted"),),
    (
        CODE_INSEE,
        Column("people_65", "number", "people aged 65 or more; empty where unknown", "people"),
        Column("basis", "text", "what they are shared out between", allowed=tuple(DemandBasis)),
    ),
    geometry="Point",
)


def demand(
    communes: gpd.GeoDataFrame,
    *,
    addresses: gpd.GeoSeries | None = None,
    network: WalkNetwork | None = None,
) -> gpd.GeoDataFrame:
    """
    Share the people aged 65 or more of each commune out between points.

    Everyone of a commune is shared out evenly between its addresses; where it has none, between
    points `STREET_STEP_M` apart along the streets where people live (`highway` of residential
    kind) that the network has in it; where it has none either, or is not whole in the data of the
    network, at its representative point. People live more densely in centres, and in homes for the
    old, than an even share says: shares of a commune are estimates.

    Parameters
    ----------
    communes
        Table COMMUNES; one without polygon has no point.
    addresses
        Points of addresses in WGS84; those outside of the communes are left out.
    network
        Walking network of an area.

    Returns
    -------
    demand
        Table DEMAND, by commune.

    Raises
    ------
    CrsError, DataError
        A layer is not in WGS84, or is not as its contract says.
    """
    held = gpd.GeoDataFrame(COMMUNES.conform(communes)).sort_index()
    held = held[held.geometry.notna()]
    parts = []
    if addresses is not None:
        require_crs(addresses, "addresses")
        points = addresses[~(addresses.isna() | addresses.is_empty)]
        parts.append(_inside(points, held, DemandBasis.ADDRESSES))
    if network is not None:
        whole = held.loc[whole_in(held, network)]
        parts.append(_inside(street_points(network), whole, DemandBasis.STREETS))
    middles = gpd.GeoSeries(held.geometry.representative_point(), crs=WGS84)
    parts.append(
        gpd.GeoDataFrame(
            {"code_insee": held.index, "basis": DemandBasis.COMMUNE.value},
            geometry=middles.to_numpy(),
            crs=WGS84,
        )
    )
    points = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=WGS84)
    rank = points["basis"].map({one.value: at for at, one in enumerate(DemandBasis)})
    points = points[rank == rank.groupby(points["code_insee"]).transform("min")]
    points = points.sort_values("code_insee", kind="stable")
    n_points = points.groupby("code_insee")["basis"].transform("size")
    people = points["code_insee"].map(held["population_65"].astype("float64"))
    ids = points["code_insee"] + "-" + (points.groupby("code_insee").cumcount() + 1).astype("str")
    return gpd.GeoDataFrame(
        DEMAND.conform(points.assign(demand_id=ids, people_65=people / n_points))
    )


def street_points(network: WalkNetwork) -> gpd.GeoSeries:
    """Return a point for every `STREET_STEP_M` of residential street, one an edge at least."""
    is_residential = np.array(
        [tags.get("highway") in _RESIDENTIAL for tags in network.tag_sets], dtype=bool
    )
    edges = np.flatnonzero(is_residential[network.tags])
    n_points = np.maximum(1, np.round(network.length_m[edges] / STREET_STEP_M)).astype(np.int64)
    edge = np.repeat(edges, n_points)
    first = np.repeat(np.cumsum(n_points) - n_points, n_points)
    share = (np.arange(len(edge)) - first + 0.5) / np.repeat(n_points, n_points)
    lon, lat = network.position(edge, share * network.length_m[edge])
    return gpd.GeoSeries(shapely.points(lon, lat), crs=WGS84)


def _inside(
    points: gpd.GeoSeries, communes: gpd.GeoDataFrame, basis: DemandBasis
) -> gpd.GeoDataFrame:
    at = holding(points, communes) if len(communes) else np.full(len(points), -1)
    kept = points[at >= 0]
    codes = communes.index.to_numpy()[at[at >= 0]] if len(communes) else []
    return gpd.GeoDataFrame(
        {"code_insee": codes, "basis": basis.value}, geometry=kept.to_numpy(), crs=WGS84
    )


def whole_in(communes: gpd.GeoDataFrame, network: WalkNetwork) -> pd.Index:
    """Return the codes of the communes that the data of a network holds, to 5 % of their area."""
    held = communes[communes.geometry.notna()]
    shapes = shapely.make_valid(held.to_crs(network.crs).geometry.to_numpy())
    inside = shapely.area(shapely.intersection(shapes, network.extent)) / shapely.area(shapes)
    return held.index[inside >= WHOLE_SHARE]
