"""The verdict of each site on each requirement of a call for projects.

A pack never applies outside of its territory, and no call gives a number of minutes: the
output says who set each threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import geopandas as gpd
import pandas as pd

from siting.call_rules import Grounds, Rule, Walking
from siting.errors import DataError, OptionError
from siting.findings import Finding, joined_text, outside_finding, unlocated_finding
from siting.labels import minutes_text
from siting.places import CallTerritory, Place, site_places
from siting.rule_packs import (
    PLACELESS,
    USER_AUTHOR,
    Measure,
    Operator,
    Reading,
    Requirement,
    RulePack,
    with_thresholds,
)
from siting.tables import VERDICTS

__all__ = [
    "USER_AUTHOR",
    "Measure",
    "Operator",
    "Reading",
    "Requirement",
    "RulePack",
    "Walking",
    "require_searched",
    "verdicts",
    "with_thresholds",
]


def verdicts(  # noqa: PLR0913 - the tables of a study, and what is asked of them
    sites: gpd.GeoDataFrame,
    access: pd.DataFrame,
    services: pd.DataFrame,
    *,
    pack: RulePack,
    walking: Walking,
    territory: CallTerritory,
    declared: pd.DataFrame | None = None,
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
        Communes of the sites, and the layers that are installed.
    declared
        The columns of the file of projects, as text, by `site_id`: what applicants declare.

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
    grounds = Grounds(
        sites=sites,
        access=access,
        services=services,
        walking=walking,
        territory=territory,
        declared=declared,
    )
    rules = [grounds.rule(one) for one in pack.requirements]
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
        for family in one.asked_families:
            if family not in known:
                raise DataError(
                    f"L'appel {pack.id}, exigence « {one.id} » : la famille de services "
                    f"« {family} » est inconnue. Familles : {', '.join(known)}."
                )
        if one.threshold_min > walking.cutoff_min:
            raise OptionError(
                f"L'exigence « {one.id} » demande {minutes_text(one.threshold_min)}, mais les "
                f"services ne sont cherchés que jusqu'à {minutes_text(walking.cutoff_min)} : "
                "allongez --cutoff-min ou baissez --threshold."
            )


def _cells(requirement: Requirement, finding: Finding, walking: Walking) -> tuple[str, ...]:
    """Lay a finding out in the order of the columns of `VERDICTS`."""
    threshold = requirement.threshold_text
    if requirement.threshold_min is not None:
        threshold = f"{threshold} à pied ({walking.walker_label})"
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
        return rule(place) if requirement.measure in PLACELESS else unlocated_finding(place)
    if not place.is_inside and not place.guard_doubt:
        return outside_finding(place, departements)
    finding = rule(place).doubted(place.guard_doubt)
    return replace(finding, evidence=joined_text(finding.evidence, requirement.limits))
