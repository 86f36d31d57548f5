"""
The state of an inclusive-housing place, as departments write it.

A *convention* is an agreement to pay: it is signed before the place opens as often as after. A
place that is *conventionné* is therefore planned, unless its row says that it is open, by its
state (*conventionné et ouvert*) or by a day of opening that is over.
"""

from __future__ import annotations

import re

from siting.names import plain_key
from siting.tables import InventoryStatus

_OPEN = ("ouvert", "en service", "actif", "active", "en activité", "en fonctionnement")
_PLANNED = (
    *("conventionné", "projet", "en projet", "en cours", "programmé", "prévu", "planifié"),
    *("en construction", "en travaux", "à venir"),
)
_AGREED = ("conventionne", "conventionnee", "conventionnes", "conventionnees")
_AGREED_AND = re.compile(
    rf"(?:\b(?:et|mais|deja) )*\b(?:{'|'.join(_AGREED)})\b(?: (?:et|mais|deja)\b)*"
)
_CLOSED = re.compile(
    r"ferme(?:e?s?|ture)(?: (?:definitive|temporaire|provisoire)(?:ment)?)?"
    r"|fermee?s? (?:depuis|en|le|fin|debut)? ?[a-z]* ?[\d ]*20\d\d"
    r"|arretee?s?|cessation|abandonnee?s?"
)
_ENDING = re.compile(r"e*s?$")  # feminine and plural: ouvertes, conventionnée
_DATED = re.compile(
    r"(?P<what>(?:ouvert(?:e?s?|ure)|livraison|mise en service|prevue?s?|projet|en projet)\b)"
    r"(?: (?:prevue?s?|pour|en|depuis|a partir de|le|fin|debut|courant|mi|t[1-4]|s[12]|"
    r"\d{1,2}|[1-4](?:er|e|eme)|trimestre|semestre|janvier|fevrier|mars|avril|mai|juin|juillet|"
    r"aout|septembre|octobre|novembre|decembre))*(?: (?P<year>20\d\d))?"
)


def is_closed(cell: str) -> bool:
    """Tell if a place has closed, or its project has been given up: it is not one any more."""
    return _CLOSED.fullmatch(plain_key(cell)) is not None


def inventory_status(cell: str, *, this_year: int) -> tuple[InventoryStatus, str]:
    """
    Read the state of a place, and why (in French) it is unknown when it is.

    An opening announced for this year or later is planned; one announced for a year that
    is over is of unknown state.
    """
    key = plain_key(cell)
    said = " ".join(_AGREED_AND.sub(" ", key, count=1).split()) or key
    status = _STATUSES.get(_stem(said)) or _dated_status(said, this_year)
    if status is not None:
        return status, ""
    issue = (
        f"Statut « {cell} » : on ne sait pas si le lieu est ouvert, il n'est pas compté. "
        "Écrivez « ouvert », « en projet » ou « fermé »."
    )
    unsaid = "Statut non renseigné : écrivez « ouvert » ou « en projet »."
    return InventoryStatus.UNKNOWN, issue if cell else unsaid


def status_at_opening(
    cell: str, opened_on: str, *, is_announced: bool, this_year: int
) -> tuple[InventoryStatus, str]:
    """
    Read the state of a place beside the day of its opening; why it is unknown when it is.

    A place that is open, and would open in a year to come, is of unknown state. So is one to
    come whose year of opening is over; but one that is *conventionné* is open then, unless
    the day was only announced.

    Parameters
    ----------
    cell
        State as given.
    opened_on
        ISO day, month or year of the opening; empty if not known.
    is_announced
        If the file says that its days of opening are announced ones.
    this_year
        Year from which an announced opening is still to come.
    """
    status, issue = inventory_status(cell, this_year=this_year)
    if not opened_on or issue:
        return status, issue
    year = int(opened_on[:4])
    is_agreed = plain_key(cell) in _AGREED
    if status is InventoryStatus.PLANNED and year < this_year and is_agreed and not is_announced:
        return InventoryStatus.OPEN, ""
    is_odd = year > this_year if status is InventoryStatus.OPEN else year < this_year
    if not is_odd:
        return status, ""
    return InventoryStatus.UNKNOWN, (
        f"Statut « {cell} » et ouverture en {year} : on ne sait pas si le lieu est ouvert, il "
        "n'est pas compté. Corrigez l'un ou l'autre."
    )


def _dated_status(key: str, this_year: int) -> InventoryStatus | None:
    found = _DATED.fullmatch(key)
    if not found:
        return None
    is_past = found["year"] is not None and int(found["year"]) < this_year
    if found["what"].startswith("ouvert") and found["what"] != "ouverture":
        is_begun = found["year"] is not None and int(found["year"]) <= this_year
        return InventoryStatus.OPEN if is_begun else None
    is_announced = found["year"] is not None or "prevu" in key
    return InventoryStatus.PLANNED if is_announced and not is_past else None


def _stem(status: str) -> str:
    return _ENDING.sub("", plain_key(status))


_STATUSES = {
    **{_stem(word): InventoryStatus.OPEN for word in _OPEN},
    **{_stem(word): InventoryStatus.PLANNED for word in _PLANNED},
}
