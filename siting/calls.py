"""Rule packs of the calls for projects, and the verdict of each site on each requirement.

A pack never applies outside of its territory, and no call gives a number of minutes: the
output says who set each threshold. Nothing here opens a file: `sources.packs` reads them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import geopandas as gpd
import pandas as pd

from siting.errors import DataError, OptionError
from siting.findings import (
    Finding,
    address_finding,
    declared_finding,
    listed_finding,
    near_finding,
    outside_finding,
    pvd_finding,
    unlocated_finding,
)
from siting.labels import minutes_text
from siting.nearness import nearest_services
from siting.places import CallTerritory, Place, site_places
from siting.tables import VERDICTS, RequirementKind
from siting.taxonomy import Taxonomy

USER_AUTHOR = "utilisateur (--threshold)"

Rule = Callable[[Place], Finding]


class Measure(StrEnum):
    """What is measured to judge a requirement."""

    ADDRESS_PRECISION = "address_precision"
    FAMILY_NEAR = "family_near"
    COMMUNE_LISTED = "commune_listed"
    COMMUNE_PVD = "commune_pvd"
    DECLARED = "declared"


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
    threshold_min, threshold_author
        Longest walk, in minutes, and who set it; only for `family_near`.
    """

    id: str
    label: str
    article: str
    quote: str
    kind: RequirementKind
    measure: Measure
    family: str = ""
    threshold_min: float | None = None
    threshold_author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePack:
    """
    The rules of one call.

    Parameters
    ----------
    published
        ISO date, year and month, or year, as far as the call tells.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Walking:
    """
    How walks were measured.

    Parameters
    ----------
    taxonomy
        Tells which categories count for a family.
    walker_label
        French name of the walker whose minutes are in `ACCESS`.
    cutoff_min
        Longest walk searched, in minutes: nothing is known beyond.
    mapped_on
        ISO date of the map; empty when unknown.
    access_strict
        Table `ACCESS` by ways known to be fit alone, for a walker that avoids what is unfit.
    absence
        Table ABSENCE: what not finding a service is worth; None to go by the taxonomy alone.
    register_remarks
        What registers say of each service, in French; None when none was read.
    """

    taxonomy: Taxonomy
    walker_label: str
    cutoff_min: float
    mapped_on: str = ""
    access_strict: pd.DataFrame | None = None
    absence: pd.DataFrame | None = None
    register_remarks: pd.Series | None = None


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
                f"Exigences réglables : {', '.join(timed)}."
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


def verdicts(
    sites: gpd.GeoDataFrame,
    access: pd.DataFrame,
    services: pd.DataFrame,
    *,
    pack: RulePack,
    walking: Walking,
    territory: CallTerritory,
) -> pd.DataFrame:
    """
    Judge each site on each requirement of a call.

    A verdict is `a_verifier`, with the reason, when the position or the commune of the site
    is in doubt: not found, found imprecisely, in another commune than declared, or within
    50 m of a commune for which the answer would differ (unless the address found and the
    declaration agree on the commune). So is it when the walk of a walker that avoids what is
    unfit uses ways of which the map does not tell (`Walking.access_strict`).

    Parameters
    ----------
    sites, access, services
        Tables `SITES` (communes settled), `ACCESS` and `SERVICES`.
    pack
        Rules, with the user's thresholds (`with_thresholds`).
    walking
        How the walks of `access` were measured.
    territory
        Communes of the sites.

    Returns
    -------
    verdicts
        Table `VERDICTS`: all the requirements of the pack for each site, in order.

    Raises
    ------
    DataError
        If a threshold is longer than the longest walk searched, a family of the pack is
        unknown to the taxonomy, or `access` lacks a site.
    """
    require_searched(pack, walking)
    rules = [
        _rule(one, sites, access, services, walking=walking, territory=territory)
        for one in pack.requirements
    ]
    rows = [
        (place.site_id, *_cells(one, _finding(place, one, rule, pack.departements), walking))
        for place in site_places(sites, territory, departements=pack.departements)
        for one, rule in zip(pack.requirements, rules, strict=True)
    ]
    columns = [*VERDICTS.index_names, *VERDICTS.column_names]
    return VERDICTS.conform(pd.DataFrame(rows, columns=columns))


def require_searched(pack: RulePack, walking: Walking) -> None:
    """
    Check, before anything long is computed, that the thresholds of a pack can be judged.

    Raises
    ------
    DataError
        If a threshold is longer than the longest walk searched, or a family of the pack is
        unknown to the taxonomy.
    """
    known = [family.id for family in walking.taxonomy.families]
    for one in pack.requirements:
        if one.threshold_min is None:
            continue
        if one.family not in known:
            raise DataError(
                f"L'appel {pack.id}, exigence « {one.id} » : la famille de services "
                f"« {one.family} » est inconnue. Familles : {', '.join(known)}."
            )
        if one.threshold_min > walking.cutoff_min:
            raise OptionError(
                f"L'exigence « {one.id} » demande {minutes_text(one.threshold_min)}, mais les "
                f"services ne sont cherchés que jusqu'à {minutes_text(walking.cutoff_min)} : "
                "allongez --cutoff-min ou baissez --threshold."
            )


def _cells(requirement: Requirement, finding: Finding, walking: Walking) -> tuple[str, ...]:
    """Lay a finding out in the order of the columns of `VERDICTS`."""
    threshold = ""
    if requirement.threshold_min is not None:
        threshold = f"{minutes_text(requirement.threshold_min)} à pied ({walking.walker_label})"
    return (
        requirement.id,
        finding.verdict.value,
        requirement.kind.value,
        finding.measure,
        threshold,
        requirement.threshold_author,
        requirement.article,
        requirement.quote,
        finding.evidence,
    )


def _finding(
    place: Place, requirement: Requirement, rule: Rule, departements: Sequence[str]
) -> Finding:
    """Tell first if the call applies where the site is, then what its rule says."""
    if not place.is_located:
        is_for_all = requirement.measure in (Measure.DECLARED, Measure.ADDRESS_PRECISION)
        return rule(place) if is_for_all else unlocated_finding(place)
    if not place.is_inside and not place.guard_doubt:
        return outside_finding(place, departements)
    return rule(place).doubted(place.guard_doubt)


def _rule(
    requirement: Requirement,
    sites: gpd.GeoDataFrame,
    access: pd.DataFrame,
    services: pd.DataFrame,
    *,
    walking: Walking,
    territory: CallTerritory,
) -> Rule:
    """Prepare what judges any located place on one requirement."""
    match requirement.measure:
        case Measure.FAMILY_NEAR:
            by_measure = [
                nearest_services(
                    sites,
                    measured,
                    services,
                    taxonomy=walking.taxonomy,
                    family=requirement.family,
                    mapped_on=walking.mapped_on,
                    absence=walking.absence,
                    remarks=walking.register_remarks,
                )
                for measured in (access, walking.access_strict)
                if measured is not None
            ]
            nearest, strict = by_measure[0], by_measure[1] if len(by_measure) > 1 else {}
            limits = {
                "threshold_min": requirement.threshold_min or 0.0,
                "cutoff_min": walking.cutoff_min,
            }
            return lambda place: near_finding(
                place, nearest[place.site_id], strict=strict.get(place.site_id), **limits
            )
        case Measure.COMMUNE_LISTED:
            codes = territory.listed.codes if territory.listed is not None else frozenset()
            return lambda place: listed_finding(place, is_by_commune=place.code_insee in codes)
        case Measure.COMMUNE_PVD:
            return lambda place: pvd_finding(place, list_on=territory.pvd_list_on)
        case Measure.ADDRESS_PRECISION:
            return address_finding
        case Measure.DECLARED:
            return lambda _: declared_finding()
