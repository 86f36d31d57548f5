"""The text of a rule pack -> RulePack, or all that is wrong in it, each with its line.

The package's packs and those that a department writes are read alike.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from siting.errors import DataError
from siting.establishments import KINDS
from siting.rule_packs import DATE_UNIT, Measure, Operator, Reading, Requirement, RulePack
from siting.tables import RequirementKind
from siting.toml_text import Where, parsed

_Closed = TypeVar("_Closed", bound=StrEnum)

QPV_VINTAGES = ("2015", "2024")
_PACK_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_REQUIREMENT_ID = re.compile(r"[a-z][a-z0-9_]*")
_PUBLISHED = re.compile(r"(\d{4}(-\d{2}(-\d{2})?)?)?")
_DEPARTEMENT = re.compile(r"0[1-9]|[1-8]\d|9[0-5]|2[AB]|97[1-6]|98[678]")

_PACK_TEXTS = ("id", "title", "issuer", "published")
_PACK_OTHERS = ("url", "source", "listed_communes")
_TEXTS = ("id", "label", "article", "quote")
_COMMON = (*_TEXTS, "kind", "measure")
_MINUTES = ("threshold_min", "threshold_author")
_METRES = ("threshold_m", "threshold_author")
_NUMBER = ("columns", "operator", "threshold", "unit", "threshold_author")

# What a requirement must have beside `_COMMON`, by its measure; `limits` may always be there.
_FIELDS: Mapping[Measure, tuple[str, ...]] = {
    Measure.FAMILY_NEAR: ("family", *_MINUTES),
    Measure.FAMILIES_NEAR: ("families", "reading", *_MINUTES),
    Measure.RURAL_SERVED: ("families", *_MINUTES),
    Measure.QPV: ("qpv_vintage", *_METRES),
    Measure.ESTABLISHMENT_APART: ("establishments", *_METRES),
    Measure.DECLARED_NUMBER: _NUMBER,
    Measure.DECLARED_WHEN: _NUMBER,
}
_OPTIONAL: Mapping[Measure, tuple[str, ...]] = {
    Measure.DECLARED: ("columns",),
    Measure.DECLARED_NUMBER: ("alternative",),
}


@dataclass(frozen=True, slots=True)
class CheckedPack:
    """
    A rule pack as it was read.

    `pack` is None when there are `problems`: sentences in French, each with its line, in the
    order of the file.
    """

    pack: RulePack | None
    problems: tuple[str, ...]


def checked_pack(text: str, *, name: str, families: Collection[str]) -> CheckedPack:
    """
    Read the text of a rule pack, and find all that is wrong in it.

    Parameters
    ----------
    text
        TOML, such as the files of ``siting/packs``.
    name
        Name of the file, for messages.
    families
        Families of services that are known.
    """
    try:
        content, where = parsed(text, name=name)
    except DataError as error:
        return CheckedPack(None, (str(error),))
    reader = _Reader(families=tuple(families))
    pack = _pack(reader, content, where)
    told = sorted(reader.problems, key=lambda one: one[0])
    problems = tuple(dict.fromkeys(message for _, message in told))
    return CheckedPack(None if problems else pack, problems)


def _pack(reader: _Reader, content: Mapping[str, Any], where: Where) -> RulePack:
    reader.keys(content, (*_PACK_TEXTS, "departements", "requirement"), _PACK_OTHERS, where)
    reader.shaped(content, "id", _PACK_ID, where, like="ville-habitat-2026")
    reader.shaped(content, "published", _PUBLISHED, where, like="2026, 2026-03 ou 2026-03-15")
    for name in ("title", "issuer", "url", "source"):
        reader.text(content, name, where)
    departements = reader.texts(content, "departements", where, may_be_empty=True)
    for at, code in enumerate(departements):
        if not _DEPARTEMENT.fullmatch(code):
            reader.refuse(
                where.at("departements", at),
                f"« {code} » n'est pas un code de département, comme 93, 2A ou 974.",
            )
    listed = reader.texts(content, "listed_communes", where)
    requirements = _requirements(reader, content, where)
    if not listed and any(one.measure is Measure.COMMUNE_LISTED for one in requirements):
        reader.refuse(
            where,
            "la clé « listed_communes » manque : une exigence porte sur les communes listées.",
        )
    return RulePack(
        **{name: str(content.get(name, "")) for name in (*_PACK_TEXTS, "url", "source")},
        departements=departements,
        listed_communes=listed,
        requirements=tuple(requirements),
    )


def _requirements(
    reader: _Reader, content: Mapping[str, Any], where: Where
) -> Sequence[Requirement]:
    entries = content.get("requirement", [])
    if not isinstance(entries, list) or not all(isinstance(one, Mapping) for one in entries):
        reader.refuse(
            where.at("requirement"), "les exigences s'écrivent en sections [[requirement]]."
        )
        return ()
    found, known = [], set[str]()
    for at, entry in enumerate(entries):
        what = f"exigence « {entry.get('id', '?')} »"
        place = where.at("requirement", at, what=what)
        one = _requirement(reader, entry, place)
        if one is not None:
            found.append(one)
            if one.id in known:
                reader.refuse(place.at("id"), "cet identifiant est déjà celui d'une autre.")
            known.add(one.id)
    return found


def _requirement(reader: _Reader, entry: Mapping[str, Any], where: Where) -> Requirement | None:
    n_before = len(reader.problems)
    measure = reader.member(Measure, entry, "measure", where)
    fields, optional = _keys(measure)
    reader.keys(entry, (*_COMMON, *fields), optional, where)
    reader.shaped(entry, "id", _REQUIREMENT_ID, where, like="services_publics")
    for name in (*_TEXTS[1:], "threshold_author", "unit", "alternative", "limits"):
        reader.text(entry, name, where)
    kind = reader.member(RequirementKind, entry, "kind", where)
    operator = reader.member(Operator, entry, "operator", where)
    family = reader.known(entry, "family", reader.families, where)
    families = reader.all_known(entry, "families", reader.families, where)
    reading = reader.member(Reading, entry, "reading", where)
    threshold_min = reader.positive(entry, "threshold_min", where, unit="minutes")
    threshold_m = reader.positive(entry, "threshold_m", where, unit="mètres")
    vintage = reader.known(entry, "qpv_vintage", QPV_VINTAGES, where)
    establishments = reader.all_known(entry, "establishments", KINDS, where)
    columns = reader.texts(entry, "columns", where)
    threshold = reader.thresholds(entry, operator, where)
    if len(reader.problems) > n_before or measure is None or kind is None:
        return None
    texts = (*_TEXTS, "threshold_author", "unit", "alternative", "limits")
    return Requirement(
        **{name: str(entry.get(name, "")) for name in texts},
        kind=kind,
        measure=measure,
        family=family,
        families=families,
        reading=reading or Reading.ALL,
        threshold_min=threshold_min,
        threshold_m=threshold_m,
        operator=operator,
        threshold=threshold,
        qpv_vintage=vintage,
        establishments=establishments,
        columns=columns,
    )


def _keys(measure: Measure | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the keys that a requirement must have beside `_COMMON`, and those that it may."""
    if measure is None:  # all of them: which one is wrong is not known
        known = [*_FIELDS.values(), *_OPTIONAL.values()]
        return (), ("limits", *dict.fromkeys(name for names in known for name in names))
    return _FIELDS.get(measure, ()), ("limits", *_OPTIONAL.get(measure, ()))


@dataclass(slots=True)
class _Reader:
    """Takes values out of a pack, and notes what is wrong with its line."""

    families: tuple[str, ...]
    problems: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, where: Where, message: str) -> None:
        self.problems.append((where.line, str(where.refusal(message))))

    def keys(
        self,
        entry: Mapping[str, Any],
        required: Sequence[str],
        optional: Sequence[str],
        where: Where,
    ) -> None:
        for name in required:
            if name not in entry:
                self.refuse(where, f"clé manquante : « {name} ».")
        for name in entry:
            if name not in required and name not in optional:
                known = ", ".join((*required, *optional))
                self.refuse(where.at(name), f"clé inconnue ici : « {name} ». Clés : {known}.")

    def text(self, entry: Mapping[str, Any], name: str, where: Where) -> None:
        value = entry.get(name, "-")
        if not isinstance(value, str) or not value.strip():
            self.refuse(where.at(name), f"clé « {name} » : il faut un texte entre guillemets.")

    def shaped(
        self,
        entry: Mapping[str, Any],
        name: str,
        shape: re.Pattern[str],
        where: Where,
        *,
        like: str,
    ) -> None:
        value = entry.get(name)
        if name in entry and not (isinstance(value, str) and shape.fullmatch(value)):
            self.refuse(
                where.at(name), f"clé « {name} » : « {value} » n'est pas de la forme {like}."
            )

    def texts(
        self, entry: Mapping[str, Any], name: str, where: Where, *, may_be_empty: bool = False
    ) -> tuple[str, ...]:
        if name not in entry:
            return ()
        values = entry[name]
        is_list = isinstance(values, list) and all(
            isinstance(one, str) and one.strip() for one in values
        )
        if not is_list or not (values or may_be_empty):
            self.refuse(
                where.at(name), f"clé « {name} » : il faut une liste de textes entre guillemets."
            )
            return ()
        return tuple(values)

    def member(
        self, closed: type[_Closed], entry: Mapping[str, Any], name: str, where: Where
    ) -> _Closed | None:
        value = self.known(entry, name, [one.value for one in closed], where)
        return closed(value) if value else None

    def known(
        self, entry: Mapping[str, Any], name: str, values: Collection[str], where: Where
    ) -> str:
        """Return a text that must be one of some values; empty without, or when it is not."""
        value = entry.get(name)
        if name not in entry or (isinstance(value, str) and value in values):
            return value or ""
        self.refuse(
            where.at(name),
            f"clé « {name} » : « {value} » n'est pas une valeur permise. "
            f"Valeurs permises : {', '.join(values)}.",
        )
        return ""

    def all_known(
        self, entry: Mapping[str, Any], name: str, values: Collection[str], where: Where
    ) -> tuple[str, ...]:
        given = self.texts(entry, name, where)
        for at, value in enumerate(given):
            if value not in values:
                self.refuse(
                    where.at(name, at),
                    f"clé « {name} » : « {value} » n'est pas une valeur permise. "
                    f"Valeurs permises : {', '.join(values)}.",
                )
        return given

    def positive(
        self, entry: Mapping[str, Any], name: str, where: Where, *, unit: str
    ) -> float | None:
        if name not in entry:
            return None
        value = entry[name]
        if _is_number(value) and value > 0:
            return float(value)
        self.refuse(
            where.at(name),
            f"clé « {name} » : « {value} » n'est pas un nombre de {unit} positif "
            "(sans guillemets, avec un point pour les décimales).",
        )
        return None

    def thresholds(
        self, entry: Mapping[str, Any], operator: Operator | None, where: Where
    ) -> tuple[float, ...]:
        """Read the numbers, or the dates, that a declaration is compared with."""
        if "threshold" not in entry or operator is None:
            return ()
        given = entry["threshold"]
        values = given if isinstance(given, list) else [given]
        is_date = entry.get("unit") == DATE_UNIT
        place = where.at("threshold")
        numbers = tuple(_ordinal(one, is_date=is_date) for one in values)
        if any(math.isnan(one) for one in numbers):
            like = "une date comme 2026-12-31" if is_date else "un nombre comme 65"
            self.refuse(place, f"clé « threshold » : il faut {like}, sans guillemets.")
        elif operator is Operator.BETWEEN:
            if len(numbers) != 2 or numbers[0] > numbers[1]:  # noqa: PLR2004 - two ends
                self.refuse(place, "clé « threshold » : « between » demande [le moins, le plus].")
        elif len(numbers) != 1:
            self.refuse(place, f"clé « threshold » : « {operator} » demande un seul nombre.")
        return numbers


def _is_number(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)


def _ordinal(value: object, *, is_date: bool) -> float:
    """Return a number, or a date in ordinal days; NaN for anything else."""
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return float(value.toordinal()) if is_date else math.nan
    is_number = not isinstance(value, bool) and isinstance(value, int | float)
    return float(value) if is_number and not is_date else math.nan  # type: ignore[arg-type]
