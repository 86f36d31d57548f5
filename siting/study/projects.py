"""The study of a project file: position, services on foot, communes, verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import geopandas as gpd
import pandas as pd

from siting import calls
from siting.absence import with_evidence
from siting.access import Accessibility, AccessRule, CategoryInfo, accessibility
from siting.census import service_notes
from siting.errors import OptionError
from siting.graph import WalkGraph, walk_graph
from siting.provenance import Provenance
from siting.reached import isochrones
from siting.review import needs_attention
from siting.sources.overpass import OverpassSession
from siting.sources.packs import chosen_pack, pack_inputs
from siting.sources.taxonomy_file import chosen_taxonomy, taxonomy_inputs
from siting.sources.walker_file import chosen_profile, walker_inputs
from siting.study.call_layers import call_layers, call_territory
from siting.study.evidence import MapWorth, map_worth
from siting.study.ground import ground_around, require_ground, surroundings
from siting.study.inventory import (
    LocatedInventory,
    ensemble_walks,
    located_inventory,
    project_addresses,
)
from siting.study.locate import (
    GivenProjects,
    ProjectsFile,
    Report,
    geocode,
    silent,
)
from siting.study.registers import StudyRegisters, register_files, study_registers
from siting.study.remarks import site_remarks
from siting.study.session import GeocodingSession
from siting.tables import AccessStatus
from siting.targets import service_groups, service_targets
from siting.taxonomy import Taxonomy
from siting.walkers import WalkProfile
from siting.walks import nearest_by_family, walks

MAX_ISOCHRONES = 100  # sites of which isochrones are drawn: about a second each
_NOT_DRAWN = f"Isochrones non tracées : plus de {MAX_ISOCHRONES} sites."
LONGEST_MIN = 120.0  # longest cut-off that makes sense on foot


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyOptions:
    """
    Options of a study, as the command line names them.

    Parameters
    ----------
    osm, area
        OpenStreetMap files, or the folder of an area that was kept; with neither, Overpass is
        asked for the map around the sites.
    call
        Identifier of a call for projects, or the path of a TOML file that describes one; None to
        judge nothing.
    walker
        Identifier of a walking profile, or the path of a TOML file that describes one.
    thresholds
        Minutes by requirement of the call, instead of those of its rule pack.
    cutoff_min
        Longest walk searched, in minutes.
    inventory
        File of existing inclusive housing: what it holds in the commune of each site is
        told beside the call's list of communes.
    heights
        Files or folders of heights of the terrain; without, streets are flat.
    taxonomy
        TOML file of the user's own categories.
    registers, register_maps
        Files of official registers, the most trusted first, and TOML files that describe those
        that the package does not recognise.
    """

    osm: tuple[Path, ...] = ()
    area: Path | None = None
    call: str | None = None
    walker: str = "senior"
    thresholds: Mapping[str, float] = field(default_factory=dict)
    cutoff_min: float = 30.0
    inventory: Path | None = None
    heights: tuple[Path, ...] = ()
    taxonomy: Path | None = None
    registers: tuple[Path, ...] = ()
    register_maps: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """
    Result of a study.

    Tables `sites` (SITES, with the user's own columns), `requests` (GEOCODING), `review`
    (REVIEW: what a person must look at), `services`
    (SERVICES), `access` (ACCESS), `reach` (REACH), `walks` (WALKS), `isochrones` (ISOCHRONES,
    None when there are too many sites) and `verdicts` (VERDICTS, None without call). `strict`
    has ACCESS and REACH by ways known to be fit alone, for a walker that avoids what is unfit
    (None for others). `excluded` (EXCLUDED) counts what is no service. `worth` tells what not
    finding a service is worth.
    `registers` is what registers say of the services, None when none was given; `diffus`
    (DIFFUS) measures the projects of several addresses.
    `notes` are remarks in French, `inputs` the SHA-256 of each file read, `counts` what
    was counted on the way. `sector` (SECTOR) sums the cells of a sector up, None for projects.
    """

    sites: gpd.GeoDataFrame
    requests: pd.DataFrame
    review: pd.DataFrame
    services: gpd.GeoDataFrame
    access: pd.DataFrame
    reach: pd.DataFrame
    strict: Accessibility | None
    excluded: pd.DataFrame
    mapped_on: str
    worth: MapWorth
    registers: StudyRegisters | None
    diffus: pd.DataFrame
    walks: gpd.GeoDataFrame
    isochrones: gpd.GeoDataFrame | None
    verdicts: pd.DataFrame | None
    pack: calls.RulePack | None
    profile: WalkProfile
    taxonomy: Taxonomy
    options: StudyOptions
    sources: tuple[Provenance, ...]
    notes: tuple[str, ...]
    inputs: Mapping[str, str]
    counts: Mapping[str, int]
    sector: pd.DataFrame | None = None

    @property
    def needs_attention(self) -> bool:
        """If someone must look at a row: position not sure or missing, or off the network."""
        if self.sector is not None:  # a cell in the fields is no error
            return False
        is_off = self.access["access_status"] == AccessStatus.OFF_NETWORK
        return bool(needs_attention(self.sites).any() or is_off.any())


def study(
    file: ProjectsFile | GivenProjects,
    *,
    geocoder: GeocodingSession | None = None,
    overpass: OverpassSession | None = None,
    options: StudyOptions,
    report: Report = silent,
) -> Study:
    """
    Study the sites of a file: where they are, what is near on foot, what the call says.

    Parameters
    ----------
    file
        The planner's file, or projects that no file lists.
    geocoder
        Whom to ask for addresses, and how to judge (`geocoding_session`); None for nobody.
    overpass
        Whom to ask for the map (`overpass_session`), without files nor area; None for nobody.
    options
        OpenStreetMap files, call, walker, cut-off...
    report
        Told of progress.

    Returns
    -------
    study
        One site per row of the file, in its order, whatever became of each.

    Raises
    ------
    DataError
        A file cannot be used, or an option makes no sense.
    SourceError
        The geocoder never answers, or Overpass gives no whole answer.
    """
    profile = chosen_profile(options.walker)
    pack = _pack(options)
    taxonomy = chosen_taxonomy(options.taxonomy)
    walking = calls.Walking(
        taxonomy=taxonomy, walker_label=profile.label, cutoff_min=options.cutoff_min
    )
    if pack is not None:
        calls.require_searched(pack, walking)
    rule = AccessRule(profile=profile, cutoff_min=options.cutoff_min)
    require_ground(options.osm, options.area, overpass)
    given = register_files(options.registers, options.register_maps, taxonomy=taxonomy)
    located = geocode(file, geocoder=geocoder, pack=pack, report=report)
    sites = located.sites
    inventory = _inventory(options.inventory, located.communes)
    report("Lecture d'OpenStreetMap", 0, 0)
    ground = ground_around(
        surroundings(sites, radius_m=rule.limits.searched_m + rule.snap_limit_m),
        osm=options.osm,
        area=options.area,
        overpass=overpass,
        taxonomy=taxonomy,
        heights=options.heights,
    )
    registers = study_registers(given, ground, taxonomy=taxonomy, geocoder=geocoder, report=report)
    if registers is not None:
        ground = replace(ground, services=registers.joined.services)
    services = ground.services
    graph = walk_graph(ground.network, profile)
    measured, strict = _measured(sites, services, graph, taxonomy, rule=rule, report=report)
    worth = map_worth(
        ground,
        sites.geometry,
        taxonomy=taxonomy,
        radius_m=rule.cutoff_m,
        compared=None if registers is None else registers.compared,
    )
    measured = with_evidence(measured, worth.absence)
    strict = None if strict is None else with_evidence(strict, worth.absence)
    nearest = nearest_by_family(measured.access, _counting_categories(taxonomy))
    layers = call_layers(
        pack,
        set(located.communes["code_dep"]),
        taxonomy=taxonomy,
        given=options.registers,
        registers=registers,
    )
    report("Tracé des marches", 0, 0)
    drawn = walks(nearest, sites, services, graph, snap_limit_m=rule.snap_limit_m)
    reached = _isochrones(sites, graph, rule=rule, report=report)
    report("Mise en forme", 0, 0)
    return Study(
        sites=located.sites_as_given,
        requests=located.requests,
        review=located.review,
        services=services,
        access=measured.access,
        reach=measured.reach,
        strict=strict,
        excluded=ground.excluded,
        mapped_on=ground.mapped_on,
        worth=worth,
        registers=registers,
        diffus=ensemble_walks(
            project_addresses(located), network=ground.network, walker=options.walker
        ),
        walks=drawn,
        isochrones=reached,
        verdicts=None
        if pack is None
        else calls.verdicts(
            sites,
            measured.access,
            services,
            pack=pack,
            walking=replace(
                walking,
                mapped_on=ground.mapped_on,
                access_strict=None if strict is None else strict.access,
                absence=worth.absence,
                register_remarks=None if registers is None else registers.remarks,
            ),
            territory=call_territory(located, inventory, layers),
            declared=located.projects.own,
        ),
        pack=pack,
        profile=profile,
        taxonomy=taxonomy,
        options=options,
        sources=(
            *(*ground.osm, *ground.others),
            *(() if registers is None else registers.sources),
            *layers.sources,
            *located.sources,
        ),
        notes=(
            *located.notes,
            *ground.notes,
            *(() if inventory is None else inventory.reading_notes),
            *site_remarks(sites, measured.access, ground.n_broken),
            *(() if reached is not None else (_NOT_DRAWN,)),
            *service_notes(services, ground.excluded, taxonomy, mapped_on=ground.mapped_on),
            *(() if registers is None else registers.notes),
        ),
        inputs={
            **located.inputs,
            **walker_inputs(options.walker),
            **pack_inputs(options.call),
            **taxonomy_inputs(options.taxonomy),
            **ground.inputs,
            **({} if given is None else given.inputs),
            **({} if inventory is None else {str(options.inventory): inventory.sha256}),
        },
        counts={
            **located.counts,
            "services": len(set(service_groups(services))),
            **({} if registers is None else registers.counts),
            **ground.n_broken,
        },
    )


class _Counter:
    """Turn numbers of sites just done into progress."""

    def __init__(self, stage: str, n_all: int, report: Report) -> None:
        self.stage, self.n_all, self.report = stage, n_all, report
        self.n_done = 0
        report(stage, 0, n_all)

    def __call__(self, n_more: int) -> None:
        self.n_done += n_more
        self.report(self.stage, self.n_done, self.n_all)


def _pack(options: StudyOptions) -> calls.RulePack | None:
    if not 0 < options.cutoff_min <= LONGEST_MIN:
        raise OptionError(
            f"--cutoff-min vaut {options.cutoff_min:g} : donnez une durée de marche en minutes, "
            f"plus de 0 et au plus {LONGEST_MIN:g}."
        )
    if options.call is None:
        if options.thresholds:
            raise OptionError("--threshold règle une exigence d'un appel : ajoutez --call.")
        return None
    return calls.with_thresholds(chosen_pack(options.call), options.thresholds)


def _measured(
    sites: gpd.GeoDataFrame,
    services: gpd.GeoDataFrame,
    graph: WalkGraph,
    taxonomy: Taxonomy,
    *,
    rule: AccessRule,
    report: Report,
) -> tuple[Accessibility, Accessibility | None]:
    """Measure access; for who avoids what is unfit, by ways known to be fit alone too."""
    targets = service_targets(services, graph.network, limit_m=rule.snap_limit_m, rank=graph.rank)

    def measured(stage: str, one: AccessRule) -> Accessibility:
        return accessibility(
            sites,
            services,
            graph.network,
            categories=_category_infos(taxonomy),
            rule=one,
            targets=targets,
            on_progress=_Counter(stage, len(sites), report),
        )

    lenient = measured("Marche vers les services", rule)
    if not rule.profile.avoids_unfit:
        return lenient, None
    return lenient, measured("Par les voies connues praticables", replace(rule, is_strict=True))


def _isochrones(
    sites: gpd.GeoDataFrame, graph: WalkGraph, *, rule: AccessRule, report: Report
) -> gpd.GeoDataFrame | None:
    if len(sites) > MAX_ISOCHRONES:
        return None
    return isochrones(
        sites,
        graph,
        minutes=rule.reach_min,
        snap_limit_m=rule.snap_limit_m,
        on_progress=_Counter("Isochrones", len(sites), report),
    )


def _category_infos(taxonomy: Taxonomy) -> dict[str, CategoryInfo]:
    return {
        category.id: CategoryInfo(
            families=";".join(category.families), is_reliably_mapped=category.mapping == "good"
        )
        for category in taxonomy.walked_to
    }


def _counting_categories(taxonomy: Taxonomy) -> dict[str, list[str]]:
    return {
        family.id: [one.id for one in taxonomy.categories if family.id in one.counts_for]
        for family in taxonomy.families
    }


def _inventory(path: Path | None, communes: gpd.GeoDataFrame) -> LocatedInventory | None:
    """Read the inventory without asking anybody: it is only counted by commune."""
    if path is None:
        return None
    departements = sorted(communes["code_dep"].unique())
    return located_inventory(path, departements=departements, geocoder=None)
