"""How each requirement of a call is judged: what is prepared for all sites, then one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import geopandas as gpd
import pandas as pd

from siting.establishments import neighbours
from siting.findings import (
    Finding,
    address_finding,
    listed_finding,
    near_finding,
    pvd_finding,
)
from siting.findings_declared import (
    declared_number_finding,
    declared_text_finding,
    declared_when_finding,
)
from siting.findings_territory import (
    FamilyFinding,
    establishment_finding,
    families_finding,
    not_installed_finding,
    quarter_finding,
    rural_commune_finding,
    rural_finding,
)
from siting.names import plain_key
from siting.nearness import Nearest, nearest_services
from siting.places import CallTerritory, Place
from siting.quarters import quarters_near
from siting.rule_packs import Measure, Requirement
from siting.tables import RequirementKind
from siting.taxonomy import Taxonomy

Rule = Callable[[Place], Finding]


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


@dataclass(frozen=True, kw_only=True)
class Grounds:
    """
    What all the requirements of a call are judged from.

    Parameters
    ----------
    sites, access, services
        Tables `SITES`, `ACCESS` and `SERVICES`.
    declared
        The columns of the file of projects, as text, by `site_id`; None without any.
    """

    sites: gpd.GeoDataFrame
    access: pd.DataFrame
    services: pd.DataFrame
    walking: Walking
    territory: CallTerritory
    declared: pd.DataFrame | None = None
    _near: dict[str, list[dict[str, Nearest]]] = field(init=False, repr=False, default_factory=dict)

    def rule(self, requirement: Requirement) -> Rule:
        """Prepare what judges any located place on one requirement."""
        by_measure: Mapping[Measure, Callable[[Requirement], Rule]] = {
            Measure.FAMILY_NEAR: lambda one: self._near_rule(one, one.family),
            Measure.FAMILIES_NEAR: self._families_rule,
            Measure.RURAL_SERVED: self._rural_rule,
            Measure.QPV: self._quarter_rule,
            Measure.ESTABLISHMENT_APART: self._establishment_rule,
            Measure.ADDRESS_PRECISION: lambda _: address_finding,
            Measure.COMMUNE_LISTED: lambda _: self._listed_rule(),
            Measure.COMMUNE_PVD: lambda _: self._pvd_rule(),
            Measure.COMMUNE_RURAL: lambda _: self._rural_commune_rule(),
        }
        return by_measure.get(requirement.measure, self._declared_rule)(requirement)

    def _listed_rule(self) -> Rule:
        listed = self.territory.listed
        codes = frozenset[str]() if listed is None else listed.codes
        return lambda place: listed_finding(place, is_by_commune=place.code_insee in codes)

    def _pvd_rule(self) -> Rule:
        return lambda place: pvd_finding(place, list_on=self.territory.pvd_list_on)

    def _rural_commune_rule(self) -> Rule:
        return lambda place: rural_commune_finding(place, self.territory.density)

    def _families_rule(self, requirement: Requirement) -> Rule:
        found = self._family_findings(requirement)
        return lambda place: families_finding(found(place), requirement.reading)

    def _rural_rule(self, requirement: Requirement) -> Rule:
        found, density = self._family_findings(requirement), self.territory.density
        return lambda place: rural_finding(place, density, found(place))

    def _near_rule(self, requirement: Requirement, family: str) -> Rule:
        if family not in self._near:
            self._near[family] = self._nearest(family)
        nearest, *strict = self._near[family]
        limits = {
            "threshold_min": requirement.threshold_min or 0.0,
            "cutoff_min": self.walking.cutoff_min,
        }
        return lambda place: near_finding(
            place,
            nearest[place.site_id],
            strict=strict[0].get(place.site_id) if strict else None,
            **limits,
        )

    def _nearest(self, family: str) -> list[dict[str, Nearest]]:
        """Find the nearest services; where asked, by ways known to be fit alone too."""
        walking = self.walking
        return [
            nearest_services(
                self.sites,
                measured,
                self.services,
                taxonomy=walking.taxonomy,
                family=family,
                mapped_on=walking.mapped_on,
                absence=walking.absence,
                remarks=walking.register_remarks,
            )
            for measured in (self.access, walking.access_strict)
            if measured is not None
        ]

    def _family_findings(self, requirement: Requirement) -> Callable[[Place], list[FamilyFinding]]:
        labels = {one.id: one.label for one in self.walking.taxonomy.families}
        rules = [(labels[one], self._near_rule(requirement, one)) for one in requirement.families]
        return lambda place: [FamilyFinding(label, rule(place)) for label, rule in rules]

    def _quarter_rule(self, requirement: Requirement) -> Rule:
        layer = self.territory.qpv.get(requirement.qpv_vintage)
        if layer is None:
            what = f"quartiers prioritaires (liste de {requirement.qpv_vintage})"
            command = f"siting data import qpv_{requirement.qpv_vintage} FICHIER"
            missing = not_installed_finding(what, command)
            return lambda _: missing
        communes = gpd.GeoDataFrame(self.territory.communes)
        found = quarters_near(self.sites, gpd.GeoDataFrame(layer.table), communes)
        edge_m = requirement.threshold_m or 0.0
        is_required = requirement.kind is RequirementKind.ELIGIBILITY
        return lambda place: quarter_finding(
            place, layer, found[place.site_id], edge_m=edge_m, is_required=is_required
        )

    def _establishment_rule(self, requirement: Requirement) -> Rule:
        layer = self.territory.establishments
        if layer is None:
            command = "siting data import finess FICHIER, ou --register FICHIER"
            missing = not_installed_finding("registre FINESS", command)
            return lambda _: missing
        found = neighbours(self.sites, layer.table, kinds=requirement.establishments)
        return lambda place: establishment_finding(
            place,
            layer,
            found[place.site_id],
            threshold_m=requirement.threshold_m or 0.0,
        )

    def _declared_rule(self, requirement: Requirement) -> Rule:
        column, cells = self._declared_cells(requirement)

        def judge(place: Place) -> Finding:
            cell = cells.get(place.site_id, "")
            if requirement.measure is Measure.DECLARED_NUMBER:
                return declared_number_finding(requirement, cell, column)
            if requirement.measure is Measure.DECLARED_WHEN:
                return declared_when_finding(requirement, cell, column)
            return declared_text_finding(cell, column)

        return judge

    def _declared_cells(self, requirement: Requirement) -> tuple[str, Mapping[str, str]]:
        """Find the first column of the file that a requirement names, and its texts by site."""
        if self.declared is None:
            return "", {}
        wanted = {plain_key(one): rank for rank, one in enumerate(requirement.columns)}
        known = {plain_key(str(one)): str(one) for one in reversed(self.declared.columns)}
        found = sorted(wanted.keys() & known.keys(), key=wanted.__getitem__)
        if not found:
            return "", {}
        column = known[found[0]]
        cells = self.declared[column].fillna("").astype("str").str.strip()
        return column, {str(site_id): text for site_id, text in cells.items()}
