"""What people decided of sites, and what becomes of these before and after geocoding."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from siting.errors import DataError
from siting.review import declared_places
from siting.tables import PROJECTS, SITE_ID, SITES, Column, GeocodeReason, GeocodeStatus, Table

_SHOWN = 12
# A spreadsheet gets `'` before a text that it would run: see siting.export.csv_bytes.
_GUARD = re.compile(r"\A'(?=[=+\-@＝＋－＠])")


class Decision(StrEnum):
    """What a person decided of a site."""

    POSITION = "position"
    ADDRESS = "address"
    NONE = "none"


DECISIONS = Table(
    "DECISIONS",
    (SITE_ID,),
    (
        Column("address", "text", "address as given, when the person decided"),
        Column("commune", "text", "commune as REVIEW had it, when the person decided"),
        Column(
            "decision", "text", "what was decided", allowed=tuple(one.value for one in Decision)
        ),
        Column("lon", "number", "longitude decided", "degree"),
        Column("lat", "number", "latitude decided", "degree"),
        Column("label", "text", "address of the proposal chosen"),
        Column("new_address", "text", "address to look for instead of the one given"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """
    A file that a person filled in.

    Parameters
    ----------
    decided
        Table `DECISIONS`, sites named as the file does; rows without decision are left out.
    notes
        What was not applied and why, and what is still to decide, in French.
    sha256
        Fingerprint of the file.
    """

    decided: pd.DataFrame
    notes: tuple[str, ...]
    sha256: str


class WithReview(NamedTuple):
    """Table `PROJECTS` to geocode, table `DECISIONS` that were applied, notes in French."""

    projects: pd.DataFrame
    decisions: pd.DataFrame
    notes: tuple[str, ...]


def with_review(projects: pd.DataFrame, reviewed: Sequence[Reviewed]) -> WithReview:
    """
    Give projects what people decided of them, before they are geocoded.

    A decision counts if site, address and commune are still those of the project. A position
    takes the place of the coordinates given, hence of the address too. An address that was
    put right takes the place of the address and of any coordinates, and is judged as any
    other. When several files decide of a site, the last one does.

    Parameters
    ----------
    projects
        Table `PROJECTS`.
    reviewed
        Files, the latest last.

    Returns
    -------
    with_review
        Projects in the same order; the decisions that count, with the address as given, for
        `settled_by_review`; notes on those that do not.
    """
    decided = pd.concat([DECISIONS.empty(), *(one.decided for one in reviewed)])
    site = _sites_named(decided.index, projects.index)
    known = decided[site.notna().to_numpy()].set_axis(pd.Index(site.dropna(), name="site_id"))
    given = projects.reindex(known.index)
    is_same = _is_same(known["address"], given["address"])
    is_same &= _is_same(known["commune"], declared_places(given))
    kept = known.assign(address=given["address"].to_numpy())[is_same]
    kept = kept[~kept.index.duplicated(keep="last")]
    decisions = DECISIONS.conform(kept.reindex(projects.index.intersection(kept.index)))
    return WithReview(
        projects=_decided_projects(projects, decisions),
        decisions=decisions,
        notes=_notes(lost=decided.index[site.isna()], changed=known.index[~is_same]),
    )


def _decided_projects(projects: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    changed = projects.copy()
    by = decisions["decision"]
    placed, corrected = (by.index[by == one] for one in (Decision.POSITION, Decision.ADDRESS))
    changed.loc[placed, ["lon", "lat"]] = decisions.loc[placed, ["lon", "lat"]]
    changed.loc[corrected, ["lon", "lat"]] = float("nan")
    changed.loc[corrected, "address"] = decisions.loc[corrected, "new_address"]
    changed.loc[placed.union(corrected), "coord_issue"] = pd.NA
    return PROJECTS.conform(changed)


def settled_by_review(sites: gpd.GeoDataFrame, decisions: pd.DataFrame) -> gpd.GeoDataFrame:
    """
    Say of sites that a person settled them, once `geocode` has placed them.

    A position decided is `provided`; the label of the proposal chosen, if it was one, is the
    address found. A site of which no proposal is right is `rejected` and keeps no position,
    nor commune. Both have the reason `REVIEWED`. An address put right leaves the judgement of
    the geocoder, and SITES has the address as given again.

    Parameters
    ----------
    sites
        Table `SITES` as `geocode` leaves it, before its communes are settled.
    decisions
        Table `DECISIONS` of `with_review`.

    Returns
    -------
    sites
        Table `SITES`, same rows in the same order.

    Raises
    ------
    DataError
        A decision is of a site that is not there.
    """
    unknown = decisions.index.difference(sites.index)
    if len(unknown):
        raise DataError(f"Table DECISIONS: site {unknown[0]!r} is not in SITES.")
    row = decisions.reindex(sites.index)
    is_placed, is_corrected, is_rejected = (
        (row["decision"] == one).to_numpy(dtype=bool)
        for one in (Decision.POSITION, Decision.ADDRESS, Decision.NONE)
    )
    settled = sites.assign(
        address=sites["address"].mask(is_corrected, row["address"]),
        geocode_status=sites["geocode_status"]
        .mask(is_placed, GeocodeStatus.PROVIDED.value)
        .mask(is_rejected, GeocodeStatus.REJECTED.value),
        geocode_reason=sites["geocode_reason"].mask(
            is_placed | is_rejected, GeocodeReason.REVIEWED.value
        ),
        matched_label=sites["matched_label"].mask(is_placed & row["label"].notna(), row["label"]),
        code_insee=sites["code_insee"].mask(is_rejected),
        commune=sites["commune"].mask(is_rejected),
    ).set_geometry(sites.geometry.where(~is_rejected))
    return gpd.GeoDataFrame(SITES.conform(settled))


def review_counts(decisions: pd.DataFrame) -> dict[str, int]:
    """Count what people decided, for the manifest."""
    counts = decisions["decision"].value_counts()
    words = {
        Decision.POSITION: "sites placés par une personne",
        Decision.NONE: "sites écartés par une personne",
        Decision.ADDRESS: "adresses corrigées par une personne",
    }
    return {text: int(counts.get(one, 0)) for one, text in words.items()}


def unguarded(text: str) -> str:
    """Take away the ``'`` that was put before a text that a spreadsheet would run."""
    return _GUARD.sub("", text)


def _is_same(read: pd.Series, given: pd.Series) -> npt.NDArray[np.bool_]:
    """Tell, row by row, if a text of the file is the one given, through a spreadsheet or not."""
    pairs = zip(read.fillna(""), given.fillna(""), strict=True)
    return np.array([_key(one) in (_key(other), _saved(other)) for one, other in pairs], dtype=bool)


def _key(text: str) -> str:
    """Reduce a text to what is seen of it: blanks are one space, ``'`` in front is gone."""
    composed = unicodedata.normalize("NFC", text)
    visible = "".join(c for c in composed if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join(visible.split()).lstrip("'")


def _saved(text: str) -> str:
    """Return the same once saved in Windows-1252, where what that has not is ``?``."""
    return _key(text.encode("cp1252", "replace").decode("cp1252"))


def _sites_named(names: pd.Index, site_ids: pd.Index) -> pd.Series:
    """
    Find the site that each name stands for; missing if there is none.

    A name may have lost characters in a spreadsheet, or zeros before its digits: it is then the
    only site that it may be.
    """
    readings: tuple[Callable[[str], str], ...] = (str, _key, _saved, _number)
    found = pd.Series(index=range(len(names)), dtype="str")
    for reading in readings:
        ids = _only_ones(reading, site_ids)
        found = found.fillna(pd.Series([ids.get(reading(name)) for name in names], dtype="str"))
    return found.set_axis(names)


def _only_ones(reading: Callable[[str], str], site_ids: pd.Index) -> dict[str, str]:
    """Return the sites by what is read of their identifiers, those that nothing tells left out."""
    n_sites = Counter(map(reading, site_ids))
    return {text: one for one in site_ids if n_sites[text := reading(one)] == 1 and text}


def _number(text: str) -> str:
    """Return digits without the zeros before them; empty for anything else."""
    key = _key(text)
    return (key.lstrip("0") or "0") if key.isascii() and key.isdigit() else ""


def _notes(*, lost: pd.Index, changed: pd.Index) -> tuple[str, ...]:
    notes = []
    if len(lost):
        notes.append(
            f"Décisions non appliquées, site absent du fichier des projets : {_some(lost)}. "
            "Un tableur a pu changer ces identifiants (zéros, dates)."
        )
    if len(changed):
        notes.append(
            "Décisions non appliquées, l'adresse ou la commune de la ligne a changé depuis : "
            f"{_some(changed)}. Vérifiez ces lignes à nouveau ; des accents abîmés par un tableur "
            "comptent comme un changement."
        )
    return tuple(notes)


def _some(ids: pd.Index) -> str:
    shown = ", ".join(map(str, ids[:_SHOWN]))
    return shown if len(ids) <= _SHOWN else f"{shown}… ({len(ids)} sites)"
