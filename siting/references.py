"""Official references of services, such as their FINESS number, from the tags of their objects."""

from __future__ import annotations

from collections.abc import Iterable

import geopandas as gpd
import pandas as pd

from siting.tables import OSM_OBJECTS, SERVICES, Column, Table
from siting.taxonomy import listed_values

REFERENCES = Table(
    "REFERENCES",
    (
        Column("service_id", "text", "service"),
        Column("reference", "text", "OpenStreetMap key and value, as ref:FR:FINESS=310000001"),
    ),
    (),
)


def osm_references(
    services: gpd.GeoDataFrame, objects: gpd.GeoDataFrame, *, keys: Iterable[str]
) -> pd.DataFrame:
    """
    Gather the official references of services from the tags of their objects.

    Parameters
    ----------
    services
        Table SERVICES.
    objects
        Table OSM_OBJECTS that they were made from: a service has the references of its own
        object and of those merged into it.
    keys
        OpenStreetMap keys, such as `Taxonomy.identity_keys`.

    Returns
    -------
    references
        Table REFERENCES.
    """
    tags = OSM_OBJECTS.conform(objects)["tags"].to_dict()
    wanted = tuple(keys)
    rows = {
        (service_id, f"{key}={value}"): None
        for service_id, merged in SERVICES.conform(services)["merged_ids"].fillna("").items()
        for osm_id in (service_id, *filter(None, merged.split(";")))
        for key in wanted
        for value in listed_values(tags.get(osm_id, {}).get(key, ""))
    }
    return REFERENCES.conform(pd.DataFrame(rows.keys(), columns=REFERENCES.index_names))
