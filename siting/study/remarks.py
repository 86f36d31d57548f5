"""Remarks of a study, in French: places of the sites, the walker, the date of the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import geopandas as gpd
import pandas as pd

from siting.labels import date_text
from siting.provenance import Provenance
from siting.study.locate import duplicates, id_list
from siting.tables import AccessStatus
from siting.walkers import WalkProfile

SNAP_NOTICE_M = 50.0  # a site further than this from the network is said, not refused
_UNLINKED = {AccessStatus.NO_PATH.value}
_ABSENT = {AccessStatus.NO_SERVICE.value, AccessStatus.NOT_MAPPED.value}
_SHOWN = 12  # groups named in remarks; the tables hold all of them


def site_remarks(
    sites: gpd.GeoDataFrame, access: pd.DataFrame, n_broken: Mapping[str, int]
) -> list[str]:
    """
    Say which sites share a place, or stand where little or nothing can be measured.

    Parameters
    ----------
    sites, access
        Tables SITES and ACCESS.
    n_broken
        Number of broken objects of the map by kind, in French.
    """
    groups = duplicates(sites)
    notes = [f"Sites au même endroit (doublon ?) : {id_list(group)}." for group in groups[:_SHOWN]]
    if len(groups) > _SHOWN:
        notes.append(f"{len(groups) - _SHOWN} autres endroits portent plusieurs sites.")
    first = access.groupby(level="site_id", sort=False).first()
    off = first.index[first["access_status"] == AccessStatus.OFF_NETWORK]
    if len(off):
        notes.append(
            "Trop loin de toute rue des données (plus de 200 m), rien n'y est mesuré : "
            f"{id_list(off)}."
        )
    far = first.index[(first["snap_m"] > SNAP_NOTICE_M) & ~first.index.isin(off)]
    if len(far):
        notes.append(f"À plus de {SNAP_NOTICE_M:g} m de la rue la plus proche : {id_list(far)}.")
    cut_off = access["access_status"].groupby(level="site_id", sort=False).agg(set)
    alone = cut_off.index[[_UNLINKED <= seen <= _UNLINKED | _ABSENT for seen in cut_off]]
    if len(alone):
        notes.append(
            "Au bord d'une rue isolée du reste du réseau cartographié (souvent la limite des "
            f"données), aucun service n'y est accessible : {id_list(alone)}."
        )
    if n_broken:
        counts = ", ".join(f"{count} {kind}" for kind, count in n_broken.items())
        notes.append(f"Objets OpenStreetMap incomplets, lus autant que possible : {counts}.")
    return notes


def pace_remarks(profile: WalkProfile, *, has_heights: bool) -> list[str]:
    """Say what slows the walker down or stops them, and what is not taken into account."""
    slower = []
    if profile.steps_kmh is not None and not profile.avoids_unfit:
        slower.append(f"les escaliers à {kmh_text(profile.steps_kmh)}")
    if profile.crossing_s > 0:
        slower.append(f"{profile.crossing_s:g} s par traversée cartographiée".replace(".", ","))
    texts = [f"Comptés en plus : {', '.join(slower)}."] if slower else []
    if profile.avoids_unfit:
        texts.append(
            "Évités : escaliers et voies que la carte dit impraticables. Là où elle ne dit rien, "
            "deux résultats : en passant quand même, et par les seules voies connues praticables."
        )
    ignored = ["temps d'attente", "repos"]
    if not slower and not profile.avoids_unfit:
        ignored.insert(0, "marches, traversées")
    if not has_heights:
        ignored.insert(0, "pentes (hauteurs non fournies)")
    return [*texts, f"Pas pris en compte : {', '.join(ignored)}."]


def kmh_text(speed_kmh: float) -> str:
    """Word a speed, to the hundredth: 2,88 km/h."""
    return f"{speed_kmh:.2f} km/h".replace(".", ",")


def map_dates(sources: Sequence[Provenance]) -> list[str]:
    """Tell the age of each OpenStreetMap file, and how it is known."""
    files = [source for source in sources if source.source.startswith("OpenStreetMap")]
    texts = []
    for file in files:
        where = f" ({file.source.partition(', ')[2]})" if len(files) > 1 else ""
        state = date_text(file.data_timestamp)
        age = f"état au {state}" if state else "date inconnue"
        note = f" ({file.note})" if file.note else ""
        texts.append(f"Carte OpenStreetMap{where} : {age}{note}.")
    return list(dict.fromkeys(texts))
