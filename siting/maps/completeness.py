"""The map of doubts: in which communes absence from OpenStreetMap is absence, and of what."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import folium
import geopandas as gpd
import pandas as pd
import shapely

from siting.labels import LABELS, count_text, counted
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
from siting.tables import COMMUNES, MapEvidence
from siting.taxonomy import Taxonomy

_CREDIT = "Services : © les contributeurs d'OpenStreetMap, ODbL ; limites : IGN Admin Express"
_WHY = "Raison la plus fréquente"
_DECIMALS = 5  # about a metre

_STYLES = {
    "strong": "ne pas trouver un service sur la carte n'y prouve rien",
    "partial": "cela prouve son absence pour une partie des catégories",
    "calm": "cela prouve son absence pour toutes les catégories qui comptent",
}


def completeness_map(
    completeness: pd.DataFrame,
    communes: gpd.GeoDataFrame,
    *,
    taxonomy: Taxonomy,
    notes: MapNotes,
) -> folium.Map:
    """
    Map communes by what finding no service there is worth.

    A commune is told by the categories that count for a family (`Category.counts_for`): the
    absence of how many of them would be proven. Cells tell it family by family.

    Parameters
    ----------
    completeness
        Table COMPLETENESS.
    communes
        Table COMMUNES: those of `completeness`.
    taxonomy
        Families and categories.
    notes
        Sources and remarks.

    Raises
    ------
    DataError
        A table breaks its contract.
    """
    table = gpd.GeoDataFrame(COMMUNES.conform(communes)).sort_index()
    shares = _shares(completeness, taxonomy).reindex(table.index)
    style = _style(shares)
    n_doubtful = int((style != "calm").sum())
    title = (
        f"Dans {counted(n_doubtful, 'commune')} sur {count_text(len(table))}, ne pas trouver un "
        "service sur la carte ne prouve pas toujours qu'il n'existe pas"
    )
    cells = _cells(shares, _reasons(completeness, taxonomy))
    return map_page(
        title=title,
        bounds=drawn_bounds(table.geometry.to_numpy()),
        credit=_CREDIT,
        notes=notes,
        table=_table(table, style, cells, [*shares.columns, _WHY]),
        layers=PagePart("territory.html.j2", _content(table, style, cells, shares, notes)),
    )


def _shares(completeness: pd.DataFrame, taxonomy: Taxonomy) -> pd.DataFrame:
    """Return, by commune and family, `proven` of `asked` categories as text sortable pairs."""
    columns = {}
    is_mapped = completeness["is_mapped"].astype(bool)
    is_mapped = is_mapped.reset_index().pivot_table(
        index="code_insee", columns="category", values="is_mapped", aggfunc="any"
    )
    for family in taxonomy.families:
        counting = [one.id for one in taxonomy.categories if family.id in one.counts_for]
        held = is_mapped.reindex(columns=counting, fill_value=False)
        columns[family.label] = pd.Series(
            list(zip(held.sum(axis=1).astype(int), [len(counting)] * len(held), strict=True)),
            index=held.index,
            dtype=object,
        )
    return pd.DataFrame(columns)


def _style(shares: pd.DataFrame) -> pd.Series:
    proven = shares.map(lambda pair: pair[0]).sum(axis=1)
    asked = shares.map(lambda pair: pair[1]).sum(axis=1)
    style = pd.Series("partial", index=shares.index)
    return style.mask(proven == 0, "strong").mask(proven == asked, "calm")


def _reasons(completeness: pd.DataFrame, taxonomy: Taxonomy) -> Mapping[Hashable, str]:
    """Return, by commune, why most categories that count are not proven; empty when all are."""
    counting = [one.id for one in taxonomy.categories if one.counts_for]
    doubts = completeness[~completeness["is_mapped"].astype(bool)]
    doubts = doubts[doubts.index.isin(counting, level="category")]
    commonest = doubts.groupby(level="code_insee")["map_evidence"].agg(
        lambda kinds: kinds.value_counts().index[0]
    )
    return {code: LABELS[MapEvidence][kind] for code, kind in commonest.items()}


def _cells(
    shares: pd.DataFrame, reasons: Mapping[Hashable, str]
) -> Mapping[Hashable, tuple[str, ...]]:
    return {
        code: (*(f"{proven} sur {asked}" for proven, asked in row), reasons.get(code, ""))
        for code, *row in shares.itertuples(name=None)
    }


def _content(
    table: gpd.GeoDataFrame,
    style: pd.Series,
    cells: Mapping[Hashable, tuple[str, ...]],
    shares: pd.DataFrame,
    notes: MapNotes,
) -> dict[str, object]:
    counts = style.value_counts()
    explained = (
        "Chiffres par famille : catégories qui comptent, dont l'absence serait prouvée. Le détail "
        "est dans la feuille completeness."
    )
    drawn = table[located(table)]
    return {
        "styles": [
            (one, sentence(words), count_text(int(counts[one])))
            for one, words in _STYLES.items()
            if one in counts
        ],
        "has_pvd": False,
        "listed": [],
        "most_people": "",
        "remarks": [sentence(text) for text in (explained, *notes.remarks)],
        "data": script_json(
            {
                "columns": [map_text(name) for name in (*shares.columns, _WHY)],
                "styles": {one: map_text(words) for one, words in _STYLES.items()},
                "marks": {},
                "communes": {
                    "type": "FeatureCollection",
                    "features": _features(drawn, style, cells),
                },
            }
        ),
    }


def _features(
    table: gpd.GeoDataFrame, style: pd.Series, cells: Mapping[Hashable, tuple[str, ...]]
) -> list[dict[str, object]]:
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
                "style": style[code],
                "pvd": False,
                "listed": "",
                "labelled": True,
                "at": [lat, lon],
                "people": 0,
                "cells": [map_text(cell) for cell in cells[code]],
            },
            "geometry": geojson(shapes[code]),
        }
        for (code, nom), (lon, lat) in zip(table["nom"].items(), inside.tolist(), strict=True)
    ]


def _table(
    table: gpd.GeoDataFrame,
    style: pd.Series,
    cells: Mapping[Hashable, tuple[str, ...]],
    columns: list[str],
) -> TableTwin:
    rank = {one: order for order, one in enumerate(_STYLES)}
    order = pd.DataFrame({"rank": style.map(rank), "nom": table["nom"]})
    rows = [
        (str(code), (str(code), str(nom), _STYLES[style[code]], *cells[code]))
        for code, nom in order.sort_values(["rank", "nom"])["nom"].head(MAX_ROWS).items()
    ]
    return TableTwin(
        caption="Les communes de la carte, les plus douteuses d'abord.",
        header=("Code", "Commune", "Sur la carte", *columns),
        rows=rows,
        n_rows=len(table),
    )
