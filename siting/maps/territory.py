"""The map of a territory: which communes have, lack or are said to lack inclusive housing."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.errors import DataError
from siting.labels import LABELS, count_text, counted, long_date
from siting.maps.page import (
    MAX_ROWS,
    MapNotes,
    PagePart,
    TableTwin,
    call_name,
    drawn_bounds,
    map_page,
    map_text,
    script_json,
    sentence,
)
from siting.maps.view import located
from siting.tables import COMMUNES, COVERAGE, ListDifference

CREDIT = "Limites : IGN Admin Express ; population : INSEE ; programmes : ANCT, Licence Ouverte 2.0"

MAX_POINTS = 25_000  # of boundaries in one page: about 0.5 MB
_TOLERANCES_M = (10, 20, 40, 80, 160, 320, 640)  # of Web Mercator: 20 is a pixel at zoom 13
_DECIMALS = 5  # about a metre
_PART_DEG = 1e-4  # about 10 m
_MAX_LABELS = 60  # communes all named on the map; beyond, only those in evidence

# What a commune is, for the map in hand: style, words of the legend.
_Styles = dict[str, str]
_SERVED: _Styles = {
    "strong": "sans habitat inclusif ouvert",
    "partial": "en projet seulement",
    "calm": "avec un habitat inclusif ouvert",
    "unknown": "sans donnée",
}
_LISTED: _Styles = {
    "strong": "listée par l'appel comme sans habitat inclusif",
    "partial": "liste une commune déléguée : une partie seulement est listée",
    "calm": "non listée",
    "unknown": "sans donnée",
}
_PVD: _Styles = {
    "strong": "Petite ville de demain",
    "calm": "hors du programme",
    "unknown": "sans donnée",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """
    What a territory map is about.

    Parameters
    ----------
    styles
        Words of the legend, by style.
    style
        Style of each commune.
    title
        Message of the map, a sentence without the place.
    has_people
        If a circle shows the number of people aged 65 or more.
    listed, marks
        Communes that bear the mark of the call's list, `whole` or `part`, beside their style;
        words of the legend, by mark.
    """

    styles: _Styles
    style: pd.Series
    title: str
    has_people: bool = False
    listed: Mapping[Hashable, str] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)


def territory_map(
    communes: gpd.GeoDataFrame,
    coverage: pd.DataFrame,
    *,
    place: str,
    notes: MapNotes,
    former: gpd.GeoDataFrame | None = None,
) -> folium.Map:
    """
    Map communes by what is known of their inclusive housing.

    What is shown follows the data: with an inventory, open and planned places; else, with a
    call, the communes it lists; else, Petites villes de demain and people aged 65 or more. No
    data is drawn apart from no. Boundaries are simplified for the screen only.

    Parameters
    ----------
    communes, coverage
        Tables `COMMUNES` and `COVERAGE`, of the same communes.
    place
        Name of the territory, in French.
    notes
        Sources and remarks.
    former
        Table `FORMER_COMMUNES`: those that the call lists, of which the rest of the present
        commune is not listed, are drawn.

    Raises
    ------
    DataError
        The tables are not of the same communes, or break their contracts.
    """
    communes = gpd.GeoDataFrame(COMMUNES.conform(communes))
    coverage = COVERAGE.conform(coverage)
    if set(coverage.index) != set(communes.index):
        raise DataError("COMMUNES and COVERAGE are not of the same communes.")
    table = gpd.GeoDataFrame(communes.join(coverage))
    theme = territory_theme(table, call="l'appel" if notes.pack is None else call_name(notes.pack))
    return map_page(
        title=f"{place} : {theme.title}",
        bounds=drawn_bounds(table.geometry.to_numpy()),
        credit=CREDIT,
        notes=notes,
        table=_table(table, theme),
        layers=PagePart("territory.html.j2", _content(table, theme, notes, former)),
    )


def _content(
    table: gpd.GeoDataFrame, theme: Theme, notes: MapNotes, former: gpd.GeoDataFrame | None
) -> dict[str, object]:
    parts = _listed_parts(table, former)
    drawn = located(table)
    counts = theme.style.value_counts()
    remarks = list(notes.remarks)
    if not drawn.all():
        remarks.append(
            f"Sans contour, donc absentes de la carte : {counted(int((~drawn).sum()), 'commune')}."
        )
    return {
        "heading": "Communes",
        "styles": [
            (style, sentence(words), count_text(int(counts[style])))
            for style, words in theme.styles.items()
            if style in counts
        ],
        "has_pvd": theme.styles is not _PVD and bool(_is_true(table["is_pvd"]).any()),
        "listed": [
            (mark, sentence(words), count_text(sum(one == mark for one in theme.listed.values())))
            for mark, words in theme.marks.items()
            if mark in theme.listed.values()
        ],
        "most_people": _most_people(table) if theme.has_people else "",
        "remarks": [sentence(remark) for remark in remarks],
        "has_parts": bool(parts),
        "data": script_json(_data(table[drawn], theme) | {"parts": parts}),
    }


def _listed_parts(
    table: gpd.GeoDataFrame, former: gpd.GeoDataFrame | None
) -> list[dict[str, object]]:
    """Return the outlines of the former communes that the call lists."""
    if former is None:
        return []
    said = table["delegated_listed"].dropna().str.split(";").explode()
    codes = [code for code in said.str.split(" ").str[0] if code in former.index]
    drawn = former.loc[codes]
    return [
        {
            "type": "Feature",
            "properties": {"name": map_text(nom)},
            "geometry": geojson(shapely.simplify(shape, _PART_DEG)),
        }
        for nom, shape in zip(drawn["nom"], drawn.geometry, strict=True)
    ]


def territory_theme(table: pd.DataFrame, *, call: str = "l'appel") -> Theme:
    """Return what the map shows of communes beside their coverage, from the data there are."""
    if table["is_served"].notna().any():
        return _served_theme(table, call)
    if table["is_listed_unserved"].notna().any() or table["delegated_listed"].notna().any():
        return _listed_theme(table, call)
    style = _styled(table["is_pvd"], "calm")
    n_pvd = int((style == "strong").sum())
    are = "est une Petite ville de demain" if n_pvd <= 1 else "sont des Petites villes de demain"
    return Theme(
        styles=_PVD, style=style, title=f"{_share(n_pvd, len(table))} {are}", has_people=True
    )


def _served_theme(table: pd.DataFrame, call: str) -> Theme:
    style = _styled(~table["is_served"], "calm")
    planned = _is_true(table["n_inclusive_planned"] > 0)
    style = style.mask((style == "strong") & planned, "partial")
    n_without = int(style.isin(["strong", "partial"]).sum())
    have = "n'a" if n_without <= 1 else "n'ont"
    title = f"{_share(n_without, len(table))} {have} aucun habitat inclusif ouvert connu"
    is_listed = _is_true(table["is_listed_unserved"])
    n_listed = int(is_listed.sum())
    if n_listed:
        title += f" ; {count_text(n_listed)} {_are_listed(n_listed)} par {call}"
    listed = dict.fromkeys(table.index[table["delegated_listed"].notna()], "part")
    listed |= dict.fromkeys(table.index[is_listed], "whole")
    return Theme(
        styles=_SERVED,
        style=style,
        title=title,
        listed=listed,
        marks={
            "whole": f"listée par {call} comme sans habitat inclusif",
            "part": f"une ancienne commune seulement est listée par {call}",
        },
    )


def _are_listed(count: int) -> str:
    return "est listée" if count <= 1 else "sont listées"


def _listed_theme(table: pd.DataFrame, call: str) -> Theme:
    style = _styled(table["is_listed_unserved"], "calm")
    delegated = table["delegated_listed"].notna()
    style = style.mask(delegated & (style != "strong"), "partial")
    n_listed, n_partial = int((style == "strong").sum()), int((style == "partial").sum())
    are = _are_listed(n_listed)
    title = f"{_share(n_listed, len(table))} {are} par {call} comme sans habitat inclusif"
    if n_partial:
        one = "une autre l'est" if n_partial == 1 else f"{n_partial} autres le sont"
        title += f" ; {one} pour une ancienne commune seulement"
    words = _LISTED | {"strong": f"listée par {call} comme sans habitat inclusif"}
    return Theme(styles=words, style=style, title=title)


def _styled(flag: pd.Series, otherwise: str) -> pd.Series:
    """Return `strong` where true, `otherwise` where false, `unknown` where empty."""
    style = pd.Series("unknown", index=flag.index)
    return style.mask(_is_true(flag), "strong").mask(_is_true(~flag), otherwise)


def _share(n_some: int, n_all: int) -> str:
    return f"{counted(n_some, 'commune')} sur {count_text(n_all)}"


def simplified(boundaries: gpd.GeoSeries) -> gpd.GeoSeries:
    """
    Simplify touching boundaries for a screen, at most `MAX_POINTS` points in all if possible.

    Neighbours keep the same common border (Visvalingam-Whyatt on the coverage). Positions are
    rounded to a metre: for drawing only.
    """
    projected = boundaries.to_crs(3857)
    shapes = projected.to_numpy()
    for tolerance_m in _TOLERANCES_M:
        lighter = shapely.coverage_simplify(shapes, tolerance_m)
        if shapely.get_num_coordinates(lighter).sum() <= MAX_POINTS:
            break
    return gpd.GeoSeries(lighter, index=boundaries.index, crs=3857).to_crs(boundaries.crs)


def _most_people(table: pd.DataFrame) -> str:
    most = table["population_65"].max()
    return "" if pd.isna(most) else count_text(int(most))


def _data(table: gpd.GeoDataFrame, theme: Theme) -> dict[str, object]:
    is_pvd = _is_true(table["is_pvd"])
    labelled = theme.style.isin(["strong", "partial"]) | is_pvd | (len(table) <= _MAX_LABELS)
    inside = shapely.get_coordinates(table.geometry.representative_point()).round(_DECIMALS)
    people = table["population_65"] if theme.has_people else pd.Series(pd.NA, index=table.index)
    shapes = simplified(table.geometry)
    cells = _cells(table)
    features = [
        {
            "type": "Feature",
            "properties": {
                "code": map_text(code),
                "name": map_text(nom),
                "style": theme.style[code],
                "pvd": bool(is_pvd[code]),
                "listed": theme.listed.get(code, ""),
                "labelled": bool(labelled[code]),
                "at": [lat, lon],
                "people": 0 if pd.isna(people[code]) else int(people[code]),
                "cells": [map_text(cell) for cell in cells[code]],
            },
            "geometry": geojson(shapes[code]),
        }
        for (code, nom), (lon, lat) in zip(table["nom"].items(), inside.tolist(), strict=True)
    ]
    return {
        "columns": [map_text(_WORDS[name]) for name in _shown(table)],
        "styles": {style: map_text(words) for style, words in theme.styles.items()},
        "marks": {mark: map_text(words) for mark, words in theme.marks.items()},
        "communes": {"type": "FeatureCollection", "features": features},
    }


def _is_true(flag: pd.Series) -> pd.Series:
    """Tell where a flag of three values is true."""
    return flag.fillna(value=False).astype(bool)


def geojson(shape: shapely.Geometry) -> dict[str, object]:
    """Return a polygon or several as GeoJSON, rounded to about a metre: for drawing only."""
    polygons = [
        [
            np.round(shapely.get_coordinates(ring), _DECIMALS).tolist()
            for ring in (part.exterior, *part.interiors)
        ]
        for part in shapely.get_parts(shape)
    ]
    return {"type": "MultiPolygon", "coordinates": polygons}


# Columns after code and name: words of the header, how a cell is worded.
_WORDS = {
    "is_served": "Habitat inclusif ouvert",
    "n_inclusive_open": "Lieux ouverts",
    "n_inclusive_planned": "Lieux en projet",
    "is_listed_unserved": "Listée par l'appel",
    "delegated_listed": "Anciennes communes listées",
    "list_difference": "Liste et inventaire",
    "priority_rank": "Rang de priorité",
    "is_pvd": "Petite ville de demain",
    "population": "Population",
    "population_65": "65 ans et plus",
}


def _shown(table: pd.DataFrame) -> list[str]:
    """Return the columns that hold something; a column that was not computed is left out."""
    return [name for name in _WORDS if table[name].notna().any()]


def _cells(table: pd.DataFrame) -> Mapping[Hashable, tuple[str, ...]]:
    """Word the columns of `_shown`, by commune."""
    words = {name: [_cell(name, value) for value in table[name]] for name in _shown(table)}
    if "is_pvd" in words:
        words["is_pvd"] = [
            f"{word}, depuis le {long_date(day)}" if isinstance(day, str) else word
            for word, day in zip(words["is_pvd"], table["pvd_on"], strict=True)
        ]
    lines = list(zip(*words.values(), strict=True)) or [()] * len(table)
    return dict(zip(table.index, lines, strict=True))


def _cell(name: str, value: object) -> str:
    if pd.isna(value):
        return "sans donnée" if name.startswith(("is_", "n_", "population")) else ""
    if name == "list_difference":
        return LABELS[ListDifference][str(value)]
    if name.startswith("is_"):
        return "oui" if value else "non"
    return value if isinstance(value, str) else count_text(int(str(value)))


def _table(table: gpd.GeoDataFrame, theme: Theme) -> TableTwin:
    """Return the communes in evidence first, then the others, by name."""
    rank = {style: order for order, style in enumerate(theme.styles)}
    order = pd.DataFrame({"rank": theme.style.map(rank), "nom": table["nom"]})
    cells = _cells(table)
    rows = [
        (str(code), (str(code), str(nom), theme.styles[theme.style[code]], *cells[code]))
        for code, nom in order.sort_values(["rank", "nom"])["nom"].head(MAX_ROWS).items()
    ]
    return TableTwin(
        caption="Les communes de la carte, celles mises en évidence d'abord.",
        header=("Code", "Commune", "Sur la carte", *(_WORDS[name] for name in _shown(table))),
        rows=rows,
        n_rows=len(table),
    )
