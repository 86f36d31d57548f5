"""What an applicant declares in columns of the file of projects, compared with a call.

A declared number that meets a requirement is still a declaration: the evidence says so.
"""

from __future__ import annotations

import datetime as dt
import re

from siting.findings import Finding, declared_finding
from siting.labels import date_text
from siting.rule_packs import DATE_UNIT, Operator, Requirement, number_text
from siting.tables import RequirementKind, Verdict

Range = tuple[float, float]  # smallest and largest that a cell may mean

_NUMBER = re.compile(
    r"([0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3})+|[0-9]+)(?:[.,]([0-9]+))?\s*([^\W\d]+|€|%)?( et plus)?"
)
_UNITS = {"an": "ans", "ans": "ans", "personne": "personnes", "habitant": "habitants"}
_YEAR = re.compile(r"[12][0-9]{3}")
_MONTH = re.compile(r"(?:([12][0-9]{3})-(0[1-9]|1[0-2])|(0?[1-9]|1[0-2])/([12][0-9]{3}))")
_DAY = re.compile(r"([0-3]?[0-9])/([01]?[0-9])/([12][0-9]{3})")
_MIDNIGHT = re.compile(r"[ T]00:00(:00)?$")  # what a workbook adds to a day
_DECEMBER = 12


def declared_text_finding(cell: str, column: str) -> Finding:
    """Say what the applicant declares, which nothing here can check."""
    if not cell:
        return declared_finding()
    return Finding(Verdict.DECLARATIF, f"déclaré : « {cell} »", _of_column(column))


def declared_number_finding(requirement: Requirement, cell: str, column: str) -> Finding:
    """
    Compare a declared number, or date, with the threshold of a requirement.

    Without a number it is `declaratif`; a cell that cannot be read, or that may be on either
    side (a year, for a date in it), is `a_verifier`. A number that does not do is
    `a_verifier` too where the call says what else may do, or only informs.
    """
    if not cell:
        return _undeclared(requirement)
    said = _range(cell, requirement)
    if said is None:
        return _unreadable(cell, column)
    measure = f"{_worded(said, requirement)} selon le porteur"
    evidence = f"{_of_column(column)}, non vérifié"
    low, high = (_holds(requirement, value) for value in said)
    if low and high:
        return Finding(Verdict.REMPLI, measure, evidence)
    if low or high or _spans(requirement, said):
        return Finding(Verdict.A_VERIFIER, measure, f"date à préciser ; {evidence}")
    if requirement.alternative:
        return Finding(Verdict.A_VERIFIER, measure, f"{requirement.alternative} ; {evidence}")
    is_advice = requirement.kind is RequirementKind.INFORMATION
    verdict = Verdict.A_VERIFIER if is_advice else Verdict.NON_REMPLI
    return Finding(verdict, measure, evidence)


def declared_when_finding(requirement: Requirement, cell: str, column: str) -> Finding:
    """
    Say if a declared requirement applies at all, from a declared number.

    It is `hors_champ` when the number is beyond the threshold, `declaratif` otherwise.
    """
    if not cell:
        return _undeclared(requirement)
    said = _range(cell, requirement)
    if said is None:
        return _unreadable(cell, column)
    measure = f"{_worded(said, requirement)} selon le porteur"
    if any(_holds(requirement, value) for value in said) or _spans(requirement, said):
        return Finding(
            Verdict.DECLARATIF, f"s'applique : {measure}", f"à déclarer ; {_of_column(column)}"
        )
    return Finding(Verdict.HORS_CHAMP, f"ne s'applique pas : {measure}", _of_column(column))


def _undeclared(requirement: Requirement) -> Finding:
    asked = f"colonne « {requirement.columns[0]} » absente du fichier, ou vide"
    return Finding(Verdict.DECLARATIF, declared_finding().measure, asked)


def _unreadable(cell: str, column: str) -> Finding:
    return Finding(Verdict.A_VERIFIER, f"valeur illisible : « {cell} »", _of_column(column))


def _of_column(column: str) -> str:
    return f"déclaré par le porteur, colonne « {column} » du fichier"


def _worded(said: Range, requirement: Requirement) -> str:
    low, high = said
    if requirement.unit == DATE_UNIT:
        first, last = (dt.date.fromordinal(int(one)) for one in said)
        if first == last:
            return number_text(low, DATE_UNIT)
        return date_text(str(first.year) if first.month != last.month else f"{first:%Y-%m}")
    return f"{number_text(high, requirement.unit)} {requirement.unit}"


def _holds(requirement: Requirement, value: float) -> bool:
    first = requirement.threshold[0]
    match requirement.operator:
        case Operator.MORE:
            return value > first
        case Operator.AT_LEAST:
            return value >= first
        case Operator.LESS:
            return value < first
        case Operator.AT_MOST:
            return value <= first
        case _:
            return first <= value <= requirement.threshold[1]


def _spans(requirement: Requirement, said: Range) -> bool:
    """Tell if what is asked for lies between the smallest and the largest that a cell means."""
    is_between = requirement.operator is Operator.BETWEEN
    return is_between and said[0] < requirement.threshold[0] and said[1] > requirement.threshold[1]


def _range(cell: str, requirement: Requirement) -> Range | None:
    """Read a cell: 67, 67 ans, 1 200 €, 12/2026; None when it is nothing like that."""
    text = " ".join(cell.split())
    if requirement.unit == DATE_UNIT:
        return _days(text)
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    whole, decimals, unit, more = found.groups()
    word = "" if unit is None else unit.casefold()
    if word and requirement.unit not in (word, f"{word}s", _UNITS.get(word)):
        return None
    if more and requirement.operator not in (Operator.MORE, Operator.AT_LEAST):
        return None
    value = float(re.sub(r"\s", "", whole) + f".{decimals or 0}")
    return value, value


def _days(text: str) -> Range | None:
    """Read a day, a month or a year as its first and last days, in ordinal days."""
    try:
        if found := _DAY.fullmatch(text):
            day = dt.date(int(found[3]), int(found[2]), int(found[1]))
            return day.toordinal(), day.toordinal()
        if found := _MONTH.fullmatch(text):
            year, month = int(found[1] or found[4]), int(found[2] or found[3])
            first = dt.date(year, month, 1)
            after = dt.date(year + month // _DECEMBER, month % _DECEMBER + 1, 1)
            return first.toordinal(), after.toordinal() - 1
        if _YEAR.fullmatch(text):
            year = int(text)
            return dt.date(year, 1, 1).toordinal(), dt.date(year, 12, 31).toordinal()
        day = dt.date.fromisoformat(_MIDNIGHT.sub("", text))
    except ValueError:
        return None
    return day.toordinal(), day.toordinal()
