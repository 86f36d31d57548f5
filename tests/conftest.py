"""The village: a grid of streets whose every distance is arithmetic, shared by the tests.

Five by five streets, 100 m apart, drawn with geodesics from its south-west corner. East is
x, north is y, in metres. North of the village lies an island of the network, one street of
100 m that meets nothing.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from pyproj import Geod

from siting.crs import WGS84
from siting.network import WalkNetwork, walk_network
from siting.ways import Ways

CORNER = (2.48, 48.9)  # longitude and latitude of the south-west corner
STEP_M = 100.0
SIDE = 5  # streets each way
_GEOD = Geod(ellps="WGS84")


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the journal, geocoder and address of the person who runs the tests out of them."""
    monkeypatch.setenv("SITING_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
    monkeypatch.delenv("SITING_DATA", raising=False)
    monkeypatch.delenv("SITING_CONTACT", raising=False)


def at(x_m: float, y_m: float) -> tuple[float, float]:
    """Return longitude and latitude of a place of the village, metres east and north."""
    lon, lat, _ = _GEOD.fwd(*CORNER, 0.0, y_m)
    lon, lat, _ = _GEOD.fwd(lon, lat, 90.0, x_m)
    return float(lon), float(lat)


def ways(
    streets: dict[int, list[tuple[int, float, float]]],
    tags: dict[int, dict[str, str]] | None = None,
    nodes: dict[int, dict[str, str]] | None = None,
) -> Ways:
    """
    Lay streets out as flat arrays: way id -> list of (node id, metres east, metres north).

    `tags` are those of ways (a footway by default), `nodes` those of nodes that have some.
    """
    footway = {"highway": "footway"}
    tags, nodes = tags or {}, nodes or {}
    sets = [footway, *tags.values(), *nodes.values()]
    points = [point for street in streets.values() for point in street]
    lon, lat = np.array([at(x, y) for _, x, y in points]).reshape(-1, 2).T
    return Ways(
        way_id=np.array(list(streets), dtype=np.int64),
        offset=np.concatenate([[0], np.cumsum([len(s) for s in streets.values()])]).astype(int),
        node_id=np.array([node for node, _, _ in points], dtype=np.int64),
        lon=lon,
        lat=lat,
        tags=np.array([sets.index(tags.get(way, footway)) for way in streets], dtype=np.int64),
        tag_sets=tuple(sets),
        marked_node=np.array(sorted(nodes), dtype=np.int64),
        marked_tags=np.array([sets.index(nodes[node]) for node in sorted(nodes)], dtype=np.int64),
    )


def bare_ways(
    way_id: list[int], offset: list[int], node_id: list[int], lon: list[float], lat: list[float]
) -> Ways:
    """Return footways given in degrees, without any other tag."""
    return Ways(
        way_id=np.array(way_id, dtype=np.int64),
        offset=np.array(offset, dtype=np.int64),
        node_id=np.array(node_id, dtype=np.int64),
        lon=np.array(lon, dtype=np.float64),
        lat=np.array(lat, dtype=np.float64),
        tags=np.zeros(len(way_id), dtype=np.int64),
        tag_sets=({"highway": "footway"},),
        marked_node=np.empty(0, dtype=np.int64),
        marked_tags=np.empty(0, dtype=np.int64),
    )


def village_streets() -> dict[int, list[tuple[int, float, float]]]:
    """Return the streets of the village: node (column, row) is 10 x column + row."""
    axis = range(SIDE)
    streets = {1 + row: [(10 * c + row, c * STEP_M, row * STEP_M) for c in axis] for row in axis}
    streets |= {11 + c: [(10 * c + row, c * STEP_M, row * STEP_M) for row in axis] for c in axis}
    streets[99] = [(900, 0.0, 700.0), (901, 100.0, 700.0)]  # the island
    return streets


@pytest.fixture(scope="session")
def village() -> WalkNetwork:
    """The walking network of the village."""
    return walk_network(ways(village_streets()))


def points(places: dict[str, tuple[float, float] | None], name: str) -> gpd.GeoDataFrame:
    """Return a layer of places given in metres; None is a place without location."""
    lon_lat = np.array([(np.nan, np.nan) if p is None else at(*p) for p in places.values()])
    lon_lat = lon_lat.reshape(-1, 2)
    shapes = gpd.points_from_xy(lon_lat[:, 0], lon_lat[:, 1], crs=WGS84)
    layer = gpd.GeoDataFrame(geometry=shapes, index=list(places)).rename_axis(name)
    return layer.set_geometry(layer.geometry.where(~np.isnan(lon_lat[:, 0])))
