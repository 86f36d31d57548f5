"""The map of doubts: in which communes absence from OpenStreetMap is absence, and of what."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import folium
import geopandas as gpd
import pandas as pd

from siting.labels import LABELS, count_text, counted
from siting.maps.areas import StyledAreas, areas_map
from siting.maps.page import MapNotes
from siting.tables import COMMUNES, MapEvidence
from siting.taxonomy import Taxonomy

_CREDIT = "Services : © les contributeurs d'OpenStreetMap, ODbL ; limites : IGN Admin Express"
_WHY = "Raison la plus fréquente"
_READING = (
    "Chiffres par famille : catégories qui comptent, dont l'absence serait prouvée. Le détail est "
    "dans la feuille completeness."
)

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
    return areas_map(
        StyledAreas(
            areas=table,
            styles=_STYLES,
            style=style,
            columns=(*shares.columns, _WHY),
            cells=_cells(shares, _reasons(completeness, taxonomy)),
            kind="Commune",
            caption="Les communes de la carte, les plus douteuses d'abord.",
            credit=_CREDIT,
            remark=_READING,
        ),
        title=title,
        notes=notes,
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
