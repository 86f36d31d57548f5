"""Who is near inclusive housing, and how many more would be with one home more.

People are those of table DEMAND. Near is within minutes of walk where a walking network is known,
within a straight distance elsewhere. Tables in, tables out.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from siting.access import AccessRule, od_matrix
from siting.crs import GEOD, FloatArray, require_crs
from siting.demand import DEMAND
from siting.network import WalkNetwork
from siting.tables import CODE_INSEE, SERVICES, Column, Table

_CHUNK = 2_000  # points whose distances to all homes are in memory at once
BoolArray = npt.NDArray[np.bool_]

NEAREST_HOME = Table(
    "NEAREST_HOME",
    (Column("demand_id", "text", "point where people are counted"),),
    (
        CODE_INSEE,
        Column("people_65", "number", "people aged 65 or more", "people"),
        Column("line_km", "number", "straight line to the nearest open home; empty without", "km"),
        Column("walk_min", "number", "walk to the nearest one; empty beyond the search", "min"),
    ),
)

GAIN = Table(
    "GAIN",
    (Column("candidate_id", "text", "project, or commune, where one home more is imagined"),),
    (
        Column("label", "text", "its name"),
        CODE_INSEE,
        Column("people_65_near", "number", "people aged 65+ near it", "people"),
        Column("gain_people_65", "number", "of them, those near no open home today", "people"),
        Column(
            "gain_after_planned", "number", "of them, those near no planned one either", "people"
        ),
        Column("gain_rank", "integer", "1 gains most; ties by identifier"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearness:
    """
    What near means.

    Parameters
    ----------
    minutes
        Longest walk, where there is a network.
    line_km
        Longest straight line, where there is none. 5 km is siting's own choice: no call
        gives a distance, and the department may set its own.
    """

    minutes: float = 15.0
    line_km: float = 5.0

    def text(self, *, is_walked: bool) -> str:
        """Say the limit in French."""
        if is_walked:
            return f"{self.minutes:g} minutes à pied"
        return f"{self.line_km:g} km à vol d'oiseau".replace(".", ",")


def lines_km(points: gpd.GeoSeries, homes: gpd.GeoSeries) -> FloatArray:
    """Return the straight kilometres from each point (row) to each home, on the ellipsoid."""
    x, y = homes.x.to_numpy(np.float64), homes.y.to_numpy(np.float64)
    lon, lat = points.x.to_numpy(np.float64), points.y.to_numpy(np.float64)
    n_homes = len(homes)
    _, _, metres = GEOD.inv(
        np.repeat(lon, n_homes), np.repeat(lat, n_homes), np.tile(x, len(lon)), np.tile(y, len(lat))
    )
    return np.asarray(metres, dtype=np.float64).reshape(len(lon), n_homes) / 1_000


def nearest_home(
    demand: gpd.GeoDataFrame,
    homes: gpd.GeoSeries,
    *,
    network: WalkNetwork | None,
    rule: AccessRule,
) -> pd.DataFrame:
    """
    Measure how far people are from the nearest inclusive home.

    Parameters
    ----------
    demand
        Table DEMAND.
    homes
        Points of the homes that count, in WGS84.
    network
        Walking network; None for straight lines alone.
    rule
        Walker, and longest walk searched.

    Returns
    -------
    nearest
        Table NEAREST_HOME, in the order of `demand`.

    Raises
    ------
    CrsError, DataError
        A layer is not in WGS84, or is not as its contract says.
    """
    held = gpd.GeoDataFrame(DEMAND.conform(demand))
    require_crs(homes, "homes")
    line_km = np.full(len(held), np.nan)
    if len(homes):
        for first in range(0, len(held), _CHUNK):
            part = held.geometry.iloc[first : first + _CHUNK]
            line_km[first : first + _CHUNK] = lines_km(part, homes).min(axis=1)
    walk_min = pd.Series(np.nan, index=held.index)
    if network is not None and len(homes):
        pairs = _walks(held.geometry, homes, network, rule)
        walk_min = pairs.groupby("from_id")["travel_time"].min().reindex(held.index)
    return NEAREST_HOME.conform(
        pd.DataFrame(
            {
                "code_insee": held["code_insee"],
                "people_65": held["people_65"],
                "line_km": line_km,
                "walk_min": walk_min,
            },
            index=held.index,
        )
    )


def gains(  # noqa: PLR0913 - people, homes of two states, candidates, streets, limits
    demand: gpd.GeoDataFrame,
    candidates: gpd.GeoDataFrame,
    *,
    homes: gpd.GeoSeries,
    planned: gpd.GeoSeries,
    network: WalkNetwork | None,
    rule: AccessRule,
    nearness: Nearness,
) -> pd.DataFrame:
    """
    Count the people who would come near inclusive housing with one home more, and are not today.

    Each candidate is counted alone: two neighbours gain the same people, and their gains do not
    add up.

    Parameters
    ----------
    demand
        Table DEMAND; points of unknown population count for nobody.
    candidates
        Points in WGS84, by identifier, with `label` and `code_insee`.
    homes, planned
        Points of the open homes, and of those that are planned.
    network
        Walking network; None to measure straight lines.
    rule
        Walker.
    nearness
        Limits.

    Returns
    -------
    gains
        Table GAIN, in the order of `candidates`.

    Raises
    ------
    CrsError, DataError
        A layer is not in WGS84, or is not as its contract says.
    """
    held = gpd.GeoDataFrame(DEMAND.conform(demand))
    require_crs(candidates, "candidates")
    people = held["people_65"].fillna(0.0).to_numpy(np.float64)
    near = [
        _is_near(held.geometry, places, network=network, rule=rule, nearness=nearness)
        for places in (candidates.geometry, homes, planned)
    ]
    has_home: BoolArray = np.asarray(near[1].any(axis=1))
    has_any: BoolArray = np.asarray(has_home | near[2].any(axis=1))
    gained = people @ (near[0] & ~has_home[:, None])
    table = pd.DataFrame(
        {
            "label": candidates["label"],
            "code_insee": candidates["code_insee"],
            "people_65_near": people @ near[0],
            "gain_people_65": gained,
            "gain_after_planned": people @ (near[0] & ~has_any[:, None]),
        },
        index=candidates.index.rename("candidate_id"),
    )
    order = table.sort_index().sort_values("gain_people_65", ascending=False, kind="stable").index
    rank = pd.Series(range(1, len(order) + 1), index=order, dtype="Int64")
    return GAIN.conform(table.assign(gain_rank=rank.reindex(table.index)))


def _is_near(
    points: gpd.GeoSeries,
    places: gpd.GeoSeries,
    *,
    network: WalkNetwork | None,
    rule: AccessRule,
    nearness: Nearness,
) -> BoolArray:
    """Tell, for each point (row), which places are within the limit."""
    is_near: BoolArray = np.zeros((len(points), len(places)), dtype=np.bool_)
    if not len(places):
        return is_near
    if network is None:
        for first in range(0, len(points), _CHUNK):
            part = points.iloc[first : first + _CHUNK]
            is_near[first : first + _CHUNK] = lines_km(part, places) <= nearness.line_km
        return is_near
    pairs = _walks(points, places, network, rule)
    pairs = pairs[pairs["travel_time"] <= nearness.minutes]
    at = points.index.get_indexer(pairs["from_id"]), pairs["to_id"].astype("int64").to_numpy()
    is_near[at] = True
    return is_near


def _walks(
    points: gpd.GeoSeries, places: gpd.GeoSeries, network: WalkNetwork, rule: AccessRule
) -> pd.DataFrame:
    """Return the walks from points to places (numbered), within the longest walk searched."""
    sites = gpd.GeoDataFrame(index=points.index, geometry=points.to_numpy(), crs=points.crs)
    return od_matrix(sites, _as_services(places), network, rule=rule).reset_index()


def _as_services(places: gpd.GeoSeries) -> gpd.GeoDataFrame:
    blank = pd.DataFrame(index=pd.RangeIndex(len(places)), columns=SERVICES.column_names)
    # One width for all numbers, for services are sorted by identifier.
    ids = blank.index.astype("str").str.zfill(9)
    table = gpd.GeoDataFrame(blank, geometry=places.to_numpy(), crs=places.crs)
    return gpd.GeoDataFrame(SERVICES.conform(table.set_axis(ids.rename("service_id"))))
