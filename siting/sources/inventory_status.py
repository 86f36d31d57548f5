"""The state of an inclusive-housing place, as departments write it."""

from __future__ import annotations

import re

from siting.names import plain_key
from siting.tables import InventoryStatus

_OPEN = ("ouvert", "en service", "actif", "active", "en activité", "en fonctionnement")
_PLANNED = (
    *("conventionné", "projet", "en projet", "en cours", "programmé", "prévu", "planifié"),
    *("en construction", "en travaux", "à venir"),
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
    status = _STATUSES.get(_stem(cell)) or _dated_status(plain_key(cell), this_year)
    if status is not None:
        return status, ""
    issue = (
        f"Statut « {cell} » : on ne sait pas si le lieu est ouvert, il n'est pas compté. "
        "Écrivez « ouvert », « en projet » ou « fermé »."
    )
    unsaid = "Statut non renseigné : écrivez « ouvert » ou « en projet »."
    return InventoryStatus.UNKNOWN, issue if cell else unsaid


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
