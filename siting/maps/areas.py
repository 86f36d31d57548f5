"""A map of areas in a few styles, and its table: what maps of communes and départements share."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import folium
import geopandas as gpd
import pandas as pd
import shapely

from siting.labels import count_text
from siting.maps.page import (
    MAX_ROWS,
    MapNotes,
    PagePart,
    TableTwin,
    drawn_bounds,
    map_page,
    map_text,
    script_json,
    sentence,
)
from siting.maps.territory import geojson, simplified
from siting.maps.view import located

_DECIMALS = 5  # about a metre


@dataclass(frozen=True, slots=True, kw_only=True)
class StyledAreas:
    """
    Areas to draw.

    Parameters
    ----------
    areas
        Polygons in WGS84 by code, with `nom`.
    styles, style
        Words of the legend by style (`strong`, `partial`, `calm`, `unknown`), those in evidence
        first; style of each area.
    columns, cells
        Headers and texts of what is told of each area, after its code and name.
    kind
        What an area is, in French, as the header of its name.
    caption
        Caption of the table, a sentence.
    credit
        Credit that the licences ask for.
    remark
        How to read the figures; empty for nothing.
    bounds
        West, south, east, north of what is shown first; None for all the areas.
    """

    areas: gpd.GeoDataFrame
    styles: Mapping[str, str]
    style: pd.Series
    columns: Sequence[str]
    cells: Mapping[Hashable, tuple[str, ...]]
    kind: str
    caption: str
    credit: str
    remark: str = ""
    bounds: tuple[float, float, float, float] | None = None


def areas_map(drawn: StyledAreas, *, title: str, notes: MapNotes) -> folium.Map:
    """Return the page of a map of areas; an area without outline is in the table alone."""
    return map_page(
        title=title,
        bounds=drawn.bounds or drawn_bounds(drawn.areas.geometry.to_numpy()),
        credit=drawn.credit,
        notes=notes,
        table=_table(drawn),
        layers=PagePart("territory.html.j2", _content(drawn, notes)),
    )


def _content(drawn: StyledAreas, notes: MapNotes) -> dict[str, object]:
    counts = drawn.style.value_counts()
    remarks = [text for text in (drawn.remark, *notes.remarks) if text]
    return {
        "heading": f"{drawn.kind}s",
        "styles": [
            (one, sentence(words), count_text(int(counts[one])))
            for one, words in drawn.styles.items()
            if one in counts
        ],
        "has_parts": False,
        "has_pvd": False,
        "listed": [],
        "most_people": "",
        "remarks": [sentence(text) for text in remarks],
        "data": script_json(
            {
                "columns": [map_text(name) for name in drawn.columns],
                "styles": {one: map_text(words) for one, words in drawn.styles.items()},
                "marks": {},
                "communes": {"type": "FeatureCollection", "features": _features(drawn)},
            }
        ),
    }


def _features(drawn: StyledAreas) -> list[dict[str, object]]:
    table = drawn.areas[located(drawn.areas)]
    if table.empty:
        return []
    inside = shapely.get_coordinates(table.geometry.representative_point()).round(_DECIMALS)
    shapes = simplified(table.geometry)
    return [
        {
            "type": "Feature",
            "properties": {
                "code": map_text(code),
                "name": map_text(nom),
                "style": drawn.style[code],
                "pvd": False,
                "listed": "",
                "labelled": True,
                "at": [lat, lon],
                "people": 0,
                "cells": [map_text(cell) for cell in drawn.cells[code]],
            },
            "geometry": geojson(shapes[code]),
        }
        for (code, nom), (lon, lat) in zip(table["nom"].items(), inside.tolist(), strict=True)
    ]


def _table(drawn: StyledAreas) -> TableTwin:
    """Return the areas in evidence first, then the others, by name."""
    rank = {one: order for order, one in enumerate(drawn.styles)}
    order = pd.DataFrame({"rank": drawn.style.map(rank), "nom": drawn.areas["nom"]})
    rows = [
        (str(code), (str(code), str(nom), drawn.styles[drawn.style[code]], *drawn.cells[code]))
        for code, nom in order.sort_values(["rank", "nom"])["nom"].head(MAX_ROWS).items()
    ]
    return TableTwin(
        caption=drawn.caption,
        header=("Code", drawn.kind, "Sur la carte", *drawn.columns),
        rows=rows,
        n_rows=len(drawn.areas),
    )
