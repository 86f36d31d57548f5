"""Layers for a geographic information system, in one GeoPackage."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio

from siting.export.cells import as_text, printable
from siting.labels import date_text
from siting.provenance import Provenance

# GDAL stamps layers with the date of writing; this fixed one keeps equal results equal bytes.
_DATE = "1980-01-01T00:00:00.000Z"
_RESERVED = ("fid", "geom")


def gpkg_bytes(layers: Mapping[str, gpd.GeoDataFrame], *, sources: Sequence[Provenance]) -> bytes:
    """
    Write layers as one GeoPackage, with sources and licences in its metadata.

    The index becomes columns. Rows without position are kept, with an empty geometry. Names of
    columns that differ only by case, and `fid` and `geom`, which the format keeps for itself,
    get the suffix `_2`, `_3`...

    Parameters
    ----------
    layers
        Contract tables with geometry, in WGS84, by layer name.
    sources
        Where the data come from: written as metadata of the file, without retrieval dates.
    """
    credits_ = {
        f"source_{number}": " — ".join(
            filter(
                None,
                (
                    source.source,
                    source.attribution,
                    source.licence,
                    date_text(source.data_timestamp),
                    source.note,
                ),
            )
        )
        for number, source in enumerate(sources, start=1)
    }
    with tempfile.TemporaryDirectory() as folder, _fixed_date():
        path = Path(folder) / "layers.gpkg"
        for number, (name, layer) in enumerate(layers.items()):
            flat = _flat(layer)
            pyogrio.write_dataframe(
                flat,
                path,
                layer=name,
                driver="GPKG",
                append=number > 0,
                geometry_type=_geometry_type(flat),
                dataset_metadata=credits_ if number == 0 else None,
                layer_metadata=credits_ or None,
            )
        return path.read_bytes()


def column_names(wanted: Sequence[str]) -> list[str]:
    """Return column names that a GeoPackage accepts: unique whatever the case, none reserved."""
    taken = set(_RESERVED)
    names = []
    for base in wanted:
        stem = base or "colonne"
        name, number = stem, 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}_{number}"
        taken.add(name.casefold())
        names.append(name)
    return names


def _flat(layer: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    flat = layer.reset_index()
    body = pd.DataFrame(flat.drop(columns="geometry"))
    for name in body.columns:
        if body[name].dtype.kind not in "biuf":
            body[name] = printable(as_text(body[name]))
    body.columns = pd.Index(column_names([str(name) for name in body.columns]))
    return gpd.GeoDataFrame(body, geometry=flat.geometry.to_numpy(), crs=layer.crs)


def _geometry_type(layer: gpd.GeoDataFrame) -> str:
    """Return the one type of the geometries, or Unknown (any) when they are mixed or absent."""
    kinds = set(layer.geometry.geom_type.dropna())
    return str(kinds.pop()) if len(kinds) == 1 else "Unknown"


@contextmanager
def _fixed_date() -> Iterator[None]:
    former = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _DATE})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": former})
