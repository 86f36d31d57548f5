"""The map of a study: sites, the nearest service of each family, and the walk to it."""

from __future__ import annotations

from collections.abc import Hashable

import folium
import geopandas as gpd
import pandas as pd

from siting.labels import count_text, counted, minutes_text
from siting.maps.isochrones import (
    ISOCHRONE_COLOUR,
    MAX_ISOCHRONE_POINTS,
    legend_opacity,
    limit_style,
)
from siting.maps.layers import (
    KIND_COLOURS,
    MAX_MARKERS,
    MAX_WALK_POINTS,
    family_styles,
    has_isochrones,
    has_walks,
    shows_all_isochrones,
    study_data,
)
from siting.maps.page import (
    MAX_ROWS,
    MapNotes,
    PagePart,
    TableTwin,
    call_name,
    drawn_bounds,
    map_page,
    script_json,
    sentence,
)
from siting.maps.view import StudyView, commune_text, located, position_text
from siting.tables import ACCESS, ISOCHRONES, SERVICES, SITES, VERDICTS, WALKS
from siting.taxonomy import Taxonomy
from siting.walkers import WalkProfile

CREDIT = (
    "© les contributeurs d'OpenStreetMap, ODbL ; adresses : Base Adresse Nationale, "
    "Licence Ouverte 2.0"
)
_MAX_LISTED = 10  # sites listed beside the map

# Kinds of sites: words of the legend.
_KINDS = {
    "sure": "adresse trouvée ou coordonnées fournies",
    "review": "à vérifier : adresse approchée, ou autre commune que celle déclarée",
    "doubt": "à vérifier : position écartée ou incertaine",
    "off": "trop loin de toute rue cartographiée, rien n'est mesuré",
}
_DOUBTFUL = ["review", "doubt"]


def study_map(  # noqa: PLR0913 - the tables of one study
    sites: gpd.GeoDataFrame,
    services: gpd.GeoDataFrame,
    access: pd.DataFrame,
    walks: gpd.GeoDataFrame,
    *,
    notes: MapNotes,
    taxonomy: Taxonomy,
    isochrones: gpd.GeoDataFrame | None = None,
    access_strict: pd.DataFrame | None = None,
    profile: WalkProfile | None = None,
    register_remarks: pd.Series | None = None,
    in_register_only: frozenset[str] = frozenset(),
    mapped_on: str = "",
) -> folium.Map:
    """
    Map sites with the nearest service of each family, the walk to it and the isochrones.

    Sites are numbered in the order of the table. A site without position, or too far from any
    street, is listed beside the map. Above `MAX_MARKERS` sites they are drawn as dots and
    services are left out; above `MAX_WALK_POINTS` points walks are left out, and the page says
    so. Isochrones are simplified for the screen only; those of all sites are shown when the
    page opens if there are at most `MAX_SITES_AT_ONCE` of these, else those of the site that
    the reader opens; above `MAX_ISOCHRONE_POINTS` points they are left out, and the page says
    so. The table under the map says the same in words.

    Parameters
    ----------
    sites, services, access, walks
        Tables `SITES`, `SERVICES`, `ACCESS`, `WALKS`.
    notes
        Sources and remarks.
    taxonomy
        French names of families and categories.
    isochrones
        Table `ISOCHRONES`; other sites in it are left out.
    access_strict
        Table `ACCESS` measured with what is not known to be fit closed: its results are given
        beside those of `access`, with what is known of each walk.
    profile
        Who walks. For a walker that avoids what is unfit, the page tells what is known of each
        walk; for another one, it tells which file does.
    register_remarks
        What registers say of each service, in French; None when none was read.
    in_register_only
        Services that a register alone knows: they are drawn hollow, and said so in words.
    mapped_on
        ISO date of the map: services that are old by then are said to be confirmed.

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
        pack=notes.pack,
        verdicts=None if notes.verdicts is None else VERDICTS.conform(notes.verdicts),
        isochrones=None if isochrones is None else _conform(isochrones),
        access_strict=None if access_strict is None else ACCESS.conform(access_strict),
        profile=profile,
        register_remarks=register_remarks,
        in_register_only=in_register_only,
        mapped_on=mapped_on,
    )
    drawn = [view.sites.geometry, view.walks.geometry]
    if shows_all_isochrones(view):
        drawn.append(view.light_isochrones.geometry)
    return map_page(
        title=study_title(view.kinds),
        bounds=drawn_bounds(pd.concat(drawn).to_numpy()),
        credit=CREDIT,
        notes=notes,
        table=_table(view),
        layers=PagePart("study.html.j2", _content(view, notes)),
    )


def _conform(isochrones: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(ISOCHRONES.conform(isochrones))


def study_title(kinds: pd.Series) -> str:
    """Return the title of a study: how many sites were measured, and why the others were not."""
    if kinds.empty:
        return "Aucun site étudié"
    counts = kinds.value_counts()
    n_off, n_absent = int(counts.get("off", 0)), int(counts.get("absent", 0))
    measured = counted(len(kinds) - n_off - n_absent, "mesuré")
    n_doubtful = int(kinds.isin(_DOUBTFUL).sum())
    if n_doubtful:
        measured += f" (dont {count_text(n_doubtful)} à vérifier)"
    parts = [measured]
    if n_off:
        parts.append(f"{count_text(n_off)} trop loin de toute rue")
    if n_absent:
        parts.append(f"{count_text(n_absent)} sans position")
    return f"{counted(len(kinds), 'site')} : {', '.join(parts)}"


def _content(view: StudyView, notes: MapNotes) -> dict[str, object]:
    counts = view.kinds.value_counts()
    return {
        "kinds": [
            (kind, sentence(words), count_text(int(counts[kind])))
            for kind, words in _KINDS.items()
            if kind in counts and kind in KIND_COLOURS
        ],
        "not_walked": [sentence(text) for text in _not_walked(view)],
        "families": family_styles(view.taxonomy),
        "hollow": _hollow_shapes(view),
        "isochrones": _isochrone_legend(view) if has_isochrones(view) else [],
        "times": ", ".join(map(str, view.times)),
        "shows_all": shows_all_isochrones(view),
        "remarks": [sentence(one) for one in (*_call(view), *notes.remarks, *_remarks(view))],
        "data": script_json(study_data(view)),
    }


def _hollow_shapes(view: StudyView) -> list[object]:
    """Return the shapes of the families whose nearest service is in a register alone."""
    is_only = view.nearest["service_id"].isin(view.in_register_only)
    families = set(view.nearest.index[is_only].get_level_values("family"))
    styles = zip(view.families, family_styles(view.taxonomy), strict=True)
    return [style["shape"] for family, style in styles if family in families]


def _isochrone_legend(view: StudyView) -> list[dict[str, object]]:
    """Return how each time is drawn, with the layers of the longer ones under it."""
    n_times = len(view.times)
    return [
        {
            "minutes": minutes,
            "colour": ISOCHRONE_COLOUR,
            "opacity": legend_opacity(level, n_times),
            "limit": limit_style(level),
        }
        for level, minutes in enumerate(view.times)
    ]


def _call(view: StudyView) -> list[str]:
    """Name the call, and who set its thresholds."""
    if view.pack is None or view.verdicts is None:
        return []
    name = call_name(view.pack)
    where = "dans le tableau et dans la bulle de chaque site ; tous les avis sont dans study.xlsx"
    texts = [
        f"Avis selon {name} : {view.pack.title}.",
        f"Les avis sur les services proches sont {where}.",
    ]
    authors = dict.fromkeys(one.threshold_author for one in view.near_requirements)
    if authors:
        texts.append(f"Seuils en minutes fixés par : {', '.join(authors)}.")
    return texts


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
    if len(view.light_isochrones) and not has_isochrones(view):
        remarks.append(
            "Les zones atteintes à pied ne sont pas dessinées (plus de "
            f"{count_text(MAX_ISOCHRONE_POINTS)} points) : elles sont dans study.gpkg."
        )
    return [*remarks, *_fitness_remarks(view)]


def _fitness_remarks(view: StudyView) -> list[str]:
    """Say what is known of the metres of the walks, or where it is told."""
    if view.profile is None:
        return []
    whom = "pour ce marcheur" if view.profile.restrictions.steps else "en fauteuil roulant"
    if not view.tells_fitness:
        where = (
            f"Ce que la carte dit praticable ou impraticable {whom} le long de chaque trajet est "
            "dans access.csv (fit_m, unfit_m, unknown_m)."
        )
        is_known = (view.access[["fit_m", "unfit_m"]] > 0).any(axis=None)
        return [where] if is_known else []
    words = (
        f"Praticable : la carte dit que la voie convient {whom} (sol, largeur, bordures) ; "
        "inconnu : elle n'en dit rien, ce qui n'est pas dire que la voie convient."
    )
    if view.times:
        words += " Les zones atteintes à pied comptent aussi ce qui est inconnu."
    both = (
        "En ne comptant que les voies connues praticables, celles dont rien n'est dit sont "
        "fermées ; la réalité est entre les deux résultats."
    )
    return [words] if view.access_strict is None else [words, both]


def _not_walked(view: StudyView) -> list[str]:
    """List the sites from which no walk starts, with the reason."""
    texts = []
    for site_id, kind in view.kinds[view.kinds.isin(["absent", "off"])].items():
        is_off = kind == "off"
        why = "trop loin de toute rue" if is_off else position_text(view.record[site_id])
        texts.append(f"{view.named(site_id)} : {why}")
    left_out = len(texts) - _MAX_LISTED
    if left_out > 0:
        texts[_MAX_LISTED:] = [
            f"et {counted(left_out, 'autre')}, dans le tableau ou dans les fichiers"
        ]
    return texts


def _table(view: StudyView) -> TableTwin:
    rows = [_row(view, site_id) for site_id in view.sites.index[:MAX_ROWS]]
    verdicts = (
        f"Avis, {one.label} : {minutes_text(one.threshold_min or 0)} au plus"
        for one in view.near_requirements
    )
    header = ("N°", "Site", "Identifiant", "Commune", "Position")
    families = (family.label for family in view.taxonomy.families)
    area = [view.area_header] if view.times else []
    return TableTwin(
        caption=(
            "Pour chaque site et chaque famille, le service le plus proche à pied parmi ceux qui "
            "comptent pour la famille."
        ),
        header=(*header, *families, *area, *verdicts),
        rows=rows,
        n_rows=len(view.sites),
    )


def _row(view: StudyView, site_id: Hashable) -> tuple[str, tuple[str, ...]]:
    site = view.record[site_id]
    number = str(view.number[site_id])
    near = [view.sentence_in_full(site_id, family) for family in view.families]
    area = [view.reached_area(site_id)] if view.times else []
    verdicts = [view.verdict_word(site_id, one) for one in view.near_requirements]
    place = (commune_text(site), position_text(site))
    cells = (number, view.label[site_id], str(site_id), *place, *near, *area, *verdicts)
    return "" if view.kinds[site_id] == "absent" else number, cells
