"""The map of a study: sites, the nearest service of each family, and the walk to it."""

from __future__ import annotations

from collections.abc import Hashable

import folium
import geopandas as gpd
import pandas as pd

from siting.maps.layers import (
    KIND_COLOURS,
    MAX_MARKERS,
    MAX_WALK_POINTS,
    family_styles,
    has_walks,
    study_data,
)
from siting.maps.page import (
    MAX_ROWS,
    MapNotes,
    PagePart,
    TableTwin,
    count_text,
    drawn_bounds,
    map_page,
    map_text,
    script_json,
)
from siting.maps.view import StudyView, commune_text, located, position_text
from siting.tables import ACCESS, SERVICES, SITES, WALKS
from siting.taxonomy import Taxonomy

CREDIT = (
    "© les contributeurs d'OpenStreetMap, ODbL ; adresses : Base Adresse Nationale, "
    "Licence Ouverte 2.0"
)
_MAX_LISTED = 40  # sites listed beside the map

# Kinds of sites: words of the legend, words of the title.
_KINDS = {
    "sure": ("adresse trouvée ou coordonnées fournies", "à la position sûre"),
    "review": ("adresse à vérifier", "à vérifier"),
    "doubt": ("position écartée ou incertaine", "à la position incertaine"),
    "off": ("trop loin de toute rue cartographiée", "trop loin de toute rue"),
    "absent": ("sans position", "sans position"),
}


def study_map(
    sites: gpd.GeoDataFrame,
    services: gpd.GeoDataFrame,
    access: pd.DataFrame,
    walks: gpd.GeoDataFrame,
    *,
    notes: MapNotes,
    taxonomy: Taxonomy,
) -> folium.Map:
    """
    Map sites with the nearest service of each family and the walk to it.

    Sites are numbered in the order of the table. A site without position, or too far from any
    street, is listed beside the map. Above `MAX_MARKERS` sites they are drawn as dots and
    services are left out; above `MAX_WALK_POINTS` points walks are left out, and the page says
    so. The table under the map says the same in words.

    Parameters
    ----------
    sites, services, access, walks
        Tables `SITES`, `SERVICES`, `ACCESS`, `WALKS`.
    notes
        Sources and remarks.
    taxonomy
        French names of families and categories.

    Raises
    ------
    DataError, CrsError
        A table breaks its contract.
    """
    lines = gpd.GeoDataFrame(WALKS.conform(walks))
    view = StudyView(
        sites=gpd.GeoDataFrame(SITES.conform(sites)),
        services=gpd.GeoDataFrame(SERVICES.conform(services)),
        access=ACCESS.conform(access),
        walks=lines[located(lines)],
        taxonomy=taxonomy,
    )
    drawn = pd.concat([view.sites.geometry, view.walks.geometry]).to_numpy()
    return map_page(
        title=study_title(view.kinds),
        bounds=drawn_bounds(drawn),
        credit=CREDIT,
        notes=notes,
        table=_table(view),
        layers=PagePart("study.html.j2", _content(view, notes)),
    )


def study_title(kinds: pd.Series) -> str:
    """Return the title of a study: how many sites, and what their positions are worth."""
    n_sites = len(kinds)
    counts = kinds.value_counts()
    parts = [
        f"{count_text(int(counts[kind]))} {words[1]}"
        for kind, words in _KINDS.items()
        if kind in counts
    ]
    head = "1 site étudié" if n_sites == 1 else f"{count_text(n_sites)} sites étudiés"
    return f"{head} : {', '.join(parts)}" if n_sites else "Aucun site étudié"


def _content(view: StudyView, notes: MapNotes) -> dict[str, object]:
    counts = view.kinds.value_counts()
    return {
        "kinds": [
            (kind, map_text(words[0]), count_text(int(counts[kind])))
            for kind, words in _KINDS.items()
            if kind in counts and kind in KIND_COLOURS
        ],
        "not_walked": [map_text(text) for text in _not_walked(view)],
        "families": family_styles(view.taxonomy),
        "remarks": [map_text(remark) for remark in (*notes.remarks, *_remarks(view))],
        "data": script_json(study_data(view)),
    }


def _remarks(view: StudyView) -> list[str]:
    """Say what the map leaves out."""
    remarks = []
    if view.nearest["edge_limited"].fillna(value=False).any():
        remarks.append("* Un service plus proche peut exister hors des données étudiées.")
    if not has_walks(view):
        remarks.append(
            f"Les trajets ne sont pas dessinés (plus de {count_text(MAX_WALK_POINTS)} points) : "
            "ils sont dans study.gpkg."
        )
    if len(view.sites) > MAX_MARKERS:
        remarks.append(
            f"Les services ne sont pas dessinés (plus de {count_text(MAX_MARKERS)} sites) : "
            "ils sont dans study.gpkg."
        )
    return remarks


def _not_walked(view: StudyView) -> list[str]:
    """List the sites from which no walk starts, with the reason."""
    texts = []
    for site_id, kind in view.kinds[view.kinds.isin(["absent", "off"])].items():
        why = _KINDS["off"][0] if kind == "off" else position_text(view.record[site_id])
        texts.append(f"{view.number[site_id]}. {view.label[site_id]} : {why}")
    left_out = len(texts) - _MAX_LISTED
    if left_out > 0:
        texts[_MAX_LISTED:] = [f"et {left_out} autres, dans le tableau ou dans les fichiers"]
    return texts


def _table(view: StudyView) -> TableTwin:
    rows = [_row(view, site_id) for site_id in view.sites.index[:MAX_ROWS]]
    return TableTwin(
        caption=(
            "Pour chaque site et chaque famille, le service le plus proche à pied parmi ceux qui "
            "comptent pour la famille."
        ),
        header=("N°", "Site", "Commune", "Position", *(f.label for f in view.taxonomy.families)),
        rows=rows,
        n_rows=len(view.sites),
    )


def _row(view: StudyView, site_id: Hashable) -> tuple[str, tuple[str, ...]]:
    site = view.record[site_id]
    number = str(view.number[site_id])
    near = [view.nearest_service(site_id, family).sentence for family in view.families]
    cells = (number, view.label[site_id], commune_text(site), position_text(site), *near)
    return "" if view.kinds[site_id] == "absent" else number, cells
