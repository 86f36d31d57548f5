"""The file that a person filled in, as a French spreadsheet saves it -> table DECISIONS."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from siting.crs import geodesic_m, in_french_territory
from siting.decisions import DECISIONS, Decision, Reviewed, unguarded
from siting.errors import DataError
from siting.names import plain_key
from siting.review import AS_GIVEN, REVIEW
from siting.sources.cells import decimal_number, plain_text
from siting.sources.columns import Field, Outline, column_list, recognised_columns
from siting.sources.table_file import TableFile, read_table_file, row_list

# A header matches whatever its case, accents and underscores: see `recognised_columns`.
_FIELDS = tuple(
    Field(name, (plain_key(name),)) for name in (*REVIEW.index_names, *REVIEW.column_names)
)
_REQUIRED = ("site_id", "adresse", "commune_declaree")
_TO_FILL_IN = ("choix", "lon_retenue", "lat_retenue", "adresse_corrigee")

_NONE = frozenset({"aucune", "aucun", "aucune proposition"})
_NUMBER = re.compile(r"(?:proposition )?([1-3])(?:[.,]0+)?", re.IGNORECASE)
_SAME_PLACE_M = 1.0  # coordinates rounded to five decimals are still the same place

_ONE_MISSING = "« lon_retenue » et « lat_retenue » vont ensemble, et l'une des deux est vide."
_NOT_NUMBERS = "« lon_retenue » ou « lat_retenue » n'est pas un nombre de degrés lisible."
_ABROAD = "Les coordonnées retenues sont hors de France : vérifiez-les (lon et lat inversées ?)."
_NO_CHOICE = "« choix » n'est ni 1, 2, 3, ni « aucune »."
_NOT_THERE = "La proposition choisie n'est pas dans la ligne."
_SPOILT = "Les coordonnées de la proposition choisie sont illisibles ou hors de France."
_TWO_PLACES = "« choix » et les coordonnées retenues désignent deux endroits : gardez l'un d'eux."
_TWICE = "Le même « site_id » porte plusieurs décisions : gardez-en une."
_NO_SITE = "« site_id » est vide."
_REFUSED = "Décision non appliquée, ligne encore à vérifier."
_UNDECIDED = "Sans décision, encore à vérifier."
_NOT_SOUGHT = "« adresse_corrigee » n'est pas cherchée : la position retenue l'emporte."


class _Contradiction(Exception):
    """What a row says cannot be applied; the message says why, in French."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in degrees, with the address of the proposal that it is, if it is one."""

    lon: float
    lat: float
    label: str = ""

    @property
    def is_in_france(self) -> bool:
        """Tell if the place may be in France; NaN is not."""
        return bool(in_french_territory(np.array([self.lon]), np.array([self.lat]))[0])

    def distance_m(self, other: _Place) -> float:
        """Return the metres to another place."""
        ends = (np.array([one]) for one in (self.lon, self.lat, other.lon, other.lat))
        return float(geodesic_m(*ends)[0])


def read_reviewed(path: Path) -> Reviewed:
    """
    Read what a person decided in a file of REVIEW rows.

    A row is decided by `choix` (the place of that proposal), by `lon_retenue` and
    `lat_retenue`, by `adresse_corrigee`, or by `choix` alone when it is `aucune`: then the site
    has no position. A place wins over an address put right; `aucune` beside one of them says
    no more than they do. A row that contradicts itself is not applied, nor is a site that has
    two decisions; the notes say which rows and why. `remarque` is not read.

    Parameters
    ----------
    path
        CSV or XLSX file, see `read_table_file`: any French dialect, decimal commas.

    Raises
    ------
    DataError
        The file cannot be read, or is not such a file.
    """
    file = read_table_file(path, suits=_is_review)
    rows = _rows(file)
    filled = [any(row[name] for name in _TO_FILL_IN) for row in rows]
    n_decided = Counter(
        row["site_id"] for row, is_filled in zip(rows, filled, strict=True) if is_filled
    )
    remarks: dict[str, list[int]] = defaultdict(list)
    decided = []
    for number, row, is_filled in zip(file.row_numbers, rows, filled, strict=True):
        if not is_filled:
            remarks[_UNDECIDED].append(number)
            continue
        try:
            decision = _decision(row, is_twice=n_decided[row["site_id"]] > 1)
        except _Contradiction as contradiction:
            remarks[f"{contradiction} {_REFUSED}"].append(number)
            continue
        if row["adresse_corrigee"] and decision["decision"] == Decision.POSITION:
            remarks[_NOT_SOUGHT].append(number)
        decided.append(decision)
    found = f"{file.name} : "
    return Reviewed(
        decided=DECISIONS.conform(pd.DataFrame(decided)) if decided else DECISIONS.empty(),
        notes=(
            *(found + note for note in file.notes),
            *(f"{found}{row_list(numbers)}. {remark}" for remark, numbers in remarks.items()),
        ),
        sha256=file.sha256,
    )


def _is_review(outline: Outline) -> bool:
    """Tell if a sheet may be the one that was filled in."""
    keys = {plain_key(name) for name in outline.header}
    return {plain_key(name) for name in (*_REQUIRED, "choix")} <= keys


def _rows(file: TableFile) -> list[dict[str, str]]:
    """Return the cells of each row by name, as text; a column that is not there is empty."""
    at = recognised_columns(file.header, _FIELDS, columns={}, name=file.name).positions
    if not (set(_REQUIRED) <= at.keys() and at.keys() & set(_TO_FILL_IN)):
        raise DataError(
            f"{file.name} : ce n'est pas un fichier de lignes à vérifier, ou des colonnes en ont "
            f"été retirées. Il faut {column_list(_REQUIRED)}, telles que le programme les a "
            f"écrites, et au moins une de {column_list(_TO_FILL_IN)}. Colonnes lues : "
            f"{column_list(file.header)}."
        )
    return [
        {
            field.name: unguarded(plain_text(row[at[field.name]])) if field.name in at else ""
            for field in _FIELDS
        }
        for row in file.rows
    ]


def _decision(row: Mapping[str, str], *, is_twice: bool) -> dict[str, object]:
    """
    Return the decision of a row, as `DECISIONS` has it.

    Raises
    ------
    _Contradiction
        It cannot be applied.
    """
    if not row["site_id"]:
        raise _Contradiction(_NO_SITE)
    if is_twice:
        raise _Contradiction(_TWICE)
    place = _agreed(_chosen(row), _typed(row))
    decision = Decision.NONE
    if place is not None:
        decision = Decision.POSITION
    elif row["adresse_corrigee"]:
        decision = Decision.ADDRESS
    return {
        "site_id": row["site_id"],
        "address": row["adresse"],
        "commune": row["commune_declaree"],
        "decision": decision.value,
        "lon": math.nan if place is None else place.lon,
        "lat": math.nan if place is None else place.lat,
        "label": "" if place is None else place.label,
        "new_address": row["adresse_corrigee"] if decision is Decision.ADDRESS else "",
    }


def _chosen(row: Mapping[str, str]) -> _Place | None:
    """Return the place of the proposal chosen; None if `choix` is empty or `aucune`."""
    choice = row["choix"]
    if not choice or plain_key(choice) in _NONE:
        return None
    number = _NUMBER.fullmatch(choice)
    if number is None:
        raise _Contradiction(_NO_CHOICE)
    label, lon, lat = (row[f"{name}_{number[1]}"] for name in ("proposition", "lon", "lat"))
    if not (label or lon or lat):
        raise _Contradiction(_NOT_THERE)
    label = "" if label == AS_GIVEN else label
    place = _Place(decimal_number(lon), decimal_number(lat), label)
    if not place.is_in_france:
        raise _Contradiction(_SPOILT)
    return place


def _typed(row: Mapping[str, str]) -> _Place | None:
    """Return the place that a person typed; None without coordinates."""
    lon, lat = row["lon_retenue"], row["lat_retenue"]
    if not (lon or lat):
        return None
    if not (lon and lat):
        raise _Contradiction(_ONE_MISSING)
    place = _Place(decimal_number(lon), decimal_number(lat))
    if math.isnan(place.lon) or math.isnan(place.lat):
        raise _Contradiction(_NOT_NUMBERS)
    if not place.is_in_france:
        raise _Contradiction(_ABROAD)
    return place


def _agreed(chosen: _Place | None, typed: _Place | None) -> _Place | None:
    """Return the place decided: the proposal when both are the same place."""
    if chosen and typed and chosen.distance_m(typed) > _SAME_PLACE_M:
        raise _Contradiction(_TWO_PLACES)
    return chosen or typed
