"""Rule packs: what a call for projects requires, and what is measured for each requirement.

Nothing here opens a file: `sources.packs` reads them.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from siting.errors import OptionError
from siting.labels import metres_text, minutes_text, short_date
from siting.tables import RequirementKind

USER_AUTHOR = "utilisateur (--threshold)"
DATE_UNIT = "date"  # thresholds of dates are ordinal days


class Measure(StrEnum):
    """What is measured to judge a requirement."""

    ADDRESS_PRECISION = "address_precision"
    FAMILY_NEAR = "family_near"
    FAMILIES_NEAR = "families_near"
    RURAL_SERVED = "rural_served"
    COMMUNE_LISTED = "commune_listed"
    COMMUNE_PVD = "commune_pvd"
    COMMUNE_RURAL = "commune_rural"
    QPV = "qpv"
    ESTABLISHMENT_APART = "establishment_apart"
    DECLARED = "declared"
    DECLARED_NUMBER = "declared_number"
    DECLARED_WHEN = "declared_when"


# What `siting calls show` says of each measure.
MEASURE_LABELS: Mapping[Measure, str] = MappingProxyType(
    {
        Measure.ADDRESS_PRECISION: "adresse trouvée au numéro",
        Measure.FAMILY_NEAR: "marche au service le plus proche",
        Measure.FAMILIES_NEAR: "marche, plusieurs familles",
        Measure.RURAL_SERVED: "ruralité et marche",
        Measure.COMMUNE_LISTED: "commune listée par l'appel",
        Measure.COMMUNE_PVD: "Petites villes de demain",
        Measure.COMMUNE_RURAL: "commune rurale",
        Measure.QPV: "quartier prioritaire",
        Measure.ESTABLISHMENT_APART: "établissements de FINESS",
        Measure.DECLARED: "déclaratif",
        Measure.DECLARED_NUMBER: "nombre déclaré, comparé",
        Measure.DECLARED_WHEN: "déclaratif selon un nombre",
    }
)


class Reading(StrEnum):
    """How a list of families is read: each is asked for, one is enough, or the text leaves both."""

    ALL = "all"
    ANY = "any"
    BOTH = "both"


class Operator(StrEnum):
    """How a declared number is compared; `between` includes both ends."""

    MORE = ">"
    AT_LEAST = ">="
    LESS = "<"
    AT_MOST = "<="
    BETWEEN = "between"


# What can be told without knowing where the site is.
PLACELESS = frozenset(
    {
        Measure.ADDRESS_PRECISION,
        Measure.DECLARED,
        Measure.DECLARED_NUMBER,
        Measure.DECLARED_WHEN,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """
    One requirement of a call.

    Parameters
    ----------
    id, label
        Identifier (ASCII) and short French name.
    article, quote
        Where it is in the call, and an exact extract of its text.
    family
        Family of services that must be near; only for `family_near`.
    families, reading
        Families of services that must be near, and how their list is read.
    threshold_min
        Longest walk to services, in minutes.
    threshold_m
        How near the edge of a quarter is a doubt, or an establishment is too near, in metres.
    operator, threshold, unit
        What a declared number is compared with: one number, or two for `between`, in `unit`
        (ordinal days for a date).
    threshold_author
        Who set the threshold.
    qpv_vintage
        Year of the list of quarters that the call means.
    establishments
        Kinds of establishment (`establishments.KINDS`) that the site must stand apart from.
    columns
        Names, in the file of projects, of the column where it is declared.
    alternative
        What else may meet the requirement where the number does not.
    limits
        What the measure cannot see, told with each verdict.
    """

    id: str
    label: str
    article: str
    quote: str
    kind: RequirementKind
    measure: Measure
    family: str = ""
    families: tuple[str, ...] = ()
    reading: Reading = Reading.ALL
    threshold_min: float | None = None
    threshold_m: float | None = None
    operator: Operator | None = None
    threshold: tuple[float, ...] = ()
    unit: str = ""
    threshold_author: str = ""
    qpv_vintage: str = ""
    establishments: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    alternative: str = ""
    limits: str = ""

    @property
    def asked_families(self) -> tuple[str, ...]:
        """Families of services that are looked for."""
        return (self.family,) if self.family else self.families

    @property
    def threshold_text(self) -> str:
        """The threshold in French, with its unit; empty without any."""
        if self.threshold_min is not None:
            return minutes_text(self.threshold_min)
        if self.threshold_m is not None:
            return metres_text(self.threshold_m)
        if self.operator is None:
            return ""
        numbers = [number_text(one, self.unit) for one in self.threshold]
        unit = "" if self.unit == DATE_UNIT else f" {self.unit}"
        if self.operator is Operator.BETWEEN:
            return f"de {numbers[0]} à {numbers[1]}{unit}"
        return f"{_SIGNS[self.operator]} {numbers[0]}{unit}"

    @property
    def limit_text(self) -> str:
        """The threshold with how it is compared: ≤ 15 min, ≥ 65 ans, > 30 m."""
        if self.threshold_min is not None:
            return f"≤ {self.threshold_text}"
        return f"> {self.threshold_text}" if self.threshold_m is not None else self.threshold_text


_SIGNS = {Operator.MORE: ">", Operator.AT_LEAST: "≥", Operator.LESS: "<", Operator.AT_MOST: "≤"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePack:
    """
    The rules of one call.

    Parameters
    ----------
    published
        ISO date, year and month, or year, as far as the call tells; empty if it does not.
    departements
        Territory outside of which the pack never applies; empty for the whole country.
    listed_communes
        Communes that the call lists as without inclusive housing, as it writes them.
    """

    id: str
    title: str
    issuer: str
    published: str
    departements: tuple[str, ...]
    requirements: tuple[Requirement, ...]
    listed_communes: tuple[str, ...] = ()
    url: str = ""
    source: str = ""

    def asks(self, measure: Measure) -> bool:
        """Tell if a requirement of the pack is judged by that measure."""
        return any(one.measure is measure for one in self.requirements)


def number_text(number: float, unit: str) -> str:
    """Word a threshold or a declared number, without its unit: 65; 2,5; 31/12/2026 for a date."""
    if unit == DATE_UNIT:
        return short_date(dt.date.fromordinal(int(number)).isoformat())
    return f"{number:.0f}" if number == int(number) else f"{number:g}".replace(".", ",")


def with_thresholds(pack: RulePack, thresholds: Mapping[str, float]) -> RulePack:
    """
    Replace thresholds of a pack by the user's own, in minutes by requirement identifier.

    Raises
    ------
    OptionError
        If a requirement is unknown or has no minutes, or if a threshold is not positive.
    """
    timed = [one.id for one in pack.requirements if one.threshold_min is not None]
    for requirement_id, minutes in thresholds.items():
        if requirement_id not in timed:
            raise OptionError(
                f"L'appel {pack.id} n'a pas de durée à régler pour « {requirement_id} ». "
                f"Exigences réglables : {', '.join(timed) or 'aucune'}."
            )
        if not (math.isfinite(minutes) and minutes > 0):
            raise OptionError(
                f"La durée de « {requirement_id} » doit être un nombre de minutes positif, "
                f"et non {minutes}."
            )
    return replace(
        pack,
        requirements=tuple(
            replace(one, threshold_min=thresholds[one.id], threshold_author=USER_AUTHOR)
            if one.id in thresholds
            else one
            for one in pack.requirements
        ),
    )
