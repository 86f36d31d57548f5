"""Cells of an inventory: places, day of opening, common room; what cannot be read is None."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from siting.names import plain_key
from siting.sources.cells import plain_text

Value = TypeVar("Value")

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            *(("janvier", "janv"), ("fevrier", "fev"), ("mars",), ("avril", "avr"), ("mai",)),
            *(("juin",), ("juillet", "juil"), ("aout",), ("septembre", "sept")),
            *(("octobre", "oct"), ("novembre", "nov"), ("decembre", "dec")),
        ),
        start=1,
    )
    for name in names
}
_PLACES = re.compile(r"([0-9]{1,4})(?:[.,]0+)?(?: ?(?:places?|personnes?|habitants?|pers))?")
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2})(?:[T ][0-9:.]+Z?)?)?")
_SLASHED = re.compile(r"(?:([0-9]{1,2})[/.-])?([0-9]{1,2})[/.-]([0-9]{4}|[0-9]{2})")
_WORDED = re.compile(r"(?:(?:le )?(?:([0-9]{1,2})(?:er)? )?)([a-z]+) ([0-9]{4})")
_YEAR = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}(?![0-9])")
_CENTURY = 100  # a year below has two digits: 69 is 2069, 70 is 1970
_CENTURY_ENDS = 70

_ROOM = re.compile(r"\b(?:espaces?|salles?|local|locaux|pieces?|lieux?|salons?|cuisines?)\b")
_COMMON = re.compile(r"\b(?:communs?|communes?|partagee?s?|collecti(?:f|ve)s?|convivialite)\b")
_HOUSING = re.compile(
    r"\b(?:logements?|appartements?|apparts?|studios?|maisons?|habitations?|domiciles?|"
    r"pavillons?|colocations?|t[1-6]|f[1-6])\b"
)
_YES, _NO = {"oui", "x", "vrai", "true", "1", "o"}, {"", "non", "faux", "false", "0", "n"}


def readable(cells: Sequence[str], read: Callable[[str], Value | None]) -> list[Value | None]:
    """Read a column, each distinct cell once; None for what is empty or cannot be read."""
    found = {cell: read(cell) for cell in set(cells)}
    return [found[cell] for cell in cells]


def places_cell(cell: str) -> int | None:
    """Read a number of places: 8, 8 places, 8 pers.; None for anything else."""
    found = _PLACES.fullmatch(plain_text(cell).casefold().rstrip("."))
    return int(found[1]) if found else None


def opening_cell(cell: str) -> str | None:
    """
    Read when a home opened, or will: an ISO day, month or year; None if it tells none.

    Days are read as they are written in France, day first. A text that names one year and
    no readable day (T2 2026, fin 2026) gives that year.
    """
    text = plain_text(cell)
    iso = _ISO.fullmatch(text)
    if iso:
        return _date(iso[1], iso[2], iso[3])
    slashed = _SLASHED.fullmatch(text)
    if slashed and (slashed[1] or int(slashed[3]) >= _CENTURY):
        return _date(slashed[3], slashed[2], slashed[1])
    key = plain_key(text)
    worded = _WORDED.fullmatch(key)
    if worded and worded[2] in _MONTHS:
        return _date(worded[3], str(_MONTHS[worded[2]]), worded[1])
    years = set(_YEAR.findall(key))
    return years.pop() if len(years) == 1 else None


def common_room_cell(cell: str) -> bool | None:
    """
    Tell if a row is the common room of a home: espace commun, salle partagée, oui.

    Housing is not one, be it shared (*logement partagé*), nor is an empty cell; None for
    another use (*bureau*).
    """
    key = plain_key(cell)
    is_common = _COMMON.search(key) is not None
    if key in _YES or (is_common and _ROOM.search(key)):
        return True
    if key in _NO or _HOUSING.search(key):
        return False
    return True if is_common else None


def _date(year: str, month: str, day: str | None) -> str | None:
    """Return an ISO date, to the month without day; None for a day that does not exist."""
    full = int(year)
    if full < _CENTURY:
        full += 2000 if full < _CENTURY_ENDS else 1900
    try:
        checked = dt.date(full, int(month), int(day or 1))
    except ValueError:
        return None
    return checked.isoformat() if day else checked.isoformat()[:7]
