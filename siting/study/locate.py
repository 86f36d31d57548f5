"""From the planner's file to settled sites: read, geocode, settle communes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import pandas as pd

from siting import territory
from siting.calls import RulePack
from siting.decisions import review_counts, settled_by_review, with_review
from siting.declaration import Unrecognised, declared_communes, unrecognised_communes
from siting.export import with_own_columns
from siting.geocode import geocode as geocoded
from siting.listed import ListedCommunes, resolve_listed
from siting.provenance import Provenance
from siting.review import review_rows
from siting.sources.projects import Projects, read_projects
from siting.sources.reference import (
    layer_provenance,
    read_commune_history,
    read_commune_register,
    read_communes_around,
    read_former_communes,
)
from siting.sources.review_file import read_reviewed
from siting.study.session import GeocodingSession

Report = Callable[[str, int, int], None]  # stage in French, done, in all (0 when unknown)

_LAYERS = ("communes", "boundaries", "former_communes", "pvd")
_SHOWN = 12


def silent(stage: str, n_done: int, n_all: int) -> None:
    """Take progress and tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """
    Sites of a project file, with their communes.

    Tables `sites` (SITES, without the user's own columns), `site_communes` (SITE_COMMUNES)
    and `communes` (COMMUNES around the sites); `projects` is the file as read, `inputs` the
    SHA-256 of each file, `listed`
    the communes that the call lists, `sources` whom positions and communes come from;
    `notes` are remarks in French on the file and on the communes it declares. Tables
    `requests` (GEOCODING) tells how positions were found, `review` (REVIEW) what a person
    must look at; `counts` is what was counted on the way.
    """

    projects: Projects
    inputs: Mapping[str, str]
    counts: Mapping[str, int]
    sites: gpd.GeoDataFrame
    requests: pd.DataFrame
    review: pd.DataFrame
    site_communes: pd.DataFrame
    communes: gpd.GeoDataFrame
    listed: ListedCommunes | None
    sources: tuple[Provenance, ...]
    notes: tuple[str, ...]

    @property
    def sites_as_given(self) -> gpd.GeoDataFrame:
        """Table SITES with the user's own columns."""
        return with_own_columns(self.sites, self.projects.own)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectsFile:
    """
    The planner's file of projects, and what must be known to read it.

    Parameters
    ----------
    path
        CSV, XLSX, GeoPackage or GeoJSON file, one project per row.
    columns
        Column of the file by field (`adresse`, `commune`, ...), where its name is unusual.
    sheet
        Sheet or layer to read, where there are several.
    reviewed
        Files of rows to review, filled in by a person; the latest last.
    """

    path: Path
    columns: Mapping[str, str] = field(default_factory=dict)
    sheet: str | None = None
    reviewed: Sequence[Path] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenProjects:
    """
    Projects that no file lists, such as the cells of a sector.

    Parameters
    ----------
    projects
        The projects.
    inputs
        SHA-256 of the files that they come from.
    reviewed
        As for `ProjectsFile`.
    """

    projects: Projects
    inputs: Mapping[str, str] = field(default_factory=dict)
    reviewed: Sequence[Path] = ()


def geocode(
    file: ProjectsFile | GivenProjects,
    *,
    geocoder: GeocodingSession | None,
    pack: RulePack | None = None,
    report: Report = silent,
) -> Located:
    """
    Place the projects of a file, and settle the commune of each.

    Parameters
    ----------
    file
        The planner's file, or projects that no file lists.
    geocoder
        Whom to ask for addresses, and how to judge (`geocoding_session`); None for nobody.
    pack
        Call whose list of communes flags the sites, None for none.
    report
        Told of progress.

    Returns
    -------
    located
        One site per row of the file, in its order, whatever became of each.

    Raises
    ------
    DataError
        The file cannot be used.
    SourceError
        The geocoder never answers.
    """
    session = geocoder or GeocodingSession()
    given = _given(file)
    projects = given.projects
    register, history = read_commune_register(), read_commune_history()
    reviewed = {str(path): read_reviewed(path) for path in file.reviewed}
    rows, decisions, review_notes = with_review(projects.rows, list(reviewed.values()))
    declared = declared_communes(rows, register=register, history=history)
    report("Géocodage", 0, len(rows))
    placed = geocoded(
        rows,
        session.geocoder,
        declared=declared,
        history=history,
        rule=session.rule,
        known=session.known,
        on_row=lambda n_done, n_all: report("Géocodage", n_done, n_all),
    )
    sites = settled_by_review(placed.sites, decisions)
    report("Communes", 0, 0)
    communes = read_communes_around(sites.geometry)
    former = read_former_communes(sorted(communes["code_dep"].unique()))
    around = territory.site_communes(sites.geometry, communes=communes, former=former)
    listed = listed_communes(pack, register=register, history=history)
    settled = territory.settled_sites(
        sites, around, declared=declared, communes=communes, history=history, listed=listed
    )
    return Located(
        projects=projects,
        inputs={
            **given.inputs,
            **{path: one.sha256 for path, one in reviewed.items()},
        },
        counts={
            "sites": len(settled),
            "textes auxquels un géocodeur a répondu": int(placed.requests["n_asked"].sum()),
            **review_counts(decisions),
        },
        sites=settled,
        requests=placed.requests,
        review=review_rows(projects.rows, settled, placed.requests, placed.candidates),
        site_communes=around,
        communes=communes,
        listed=listed,
        sources=(
            *session.sources,
            *map(layer_provenance, _LAYERS),
        ),
        notes=(
            *session.notes,
            *projects.notes,
            *(note for one in reviewed.values() for note in one.notes),
            *review_notes,
            *_declaration_notes(
                unrecognised_communes(projects.rows, declared, register=register, history=history)
            ),
        ),
    )


def _given(file: ProjectsFile | GivenProjects) -> GivenProjects:
    if isinstance(file, GivenProjects):
        return file
    projects = read_projects(file.path, columns=file.columns, sheet=file.sheet)
    return GivenProjects(projects=projects, inputs={str(file.path): projects.sha256})


def _declaration_notes(unrecognised: Sequence[Unrecognised]) -> list[str]:
    """Name the communes declared that are none, with the sites and what may be meant."""
    notes = [
        f"Commune déclarée non reconnue : « {one.name} » "
        f"({'site' if len(one.sites) == 1 else 'sites'} {id_list(one.sites)}). "
        + (one.question or "Corrigez le nom, ou ajoutez le code postal ou le code INSEE.")
        for one in unrecognised[:_SHOWN]
    ]
    if len(unrecognised) > _SHOWN:
        rest = [site for one in unrecognised[_SHOWN:] for site in one.sites]
        notes.append(f"Autres communes déclarées non reconnues : sites {id_list(rest)}.")
    return notes


def listed_communes(
    pack: RulePack | None, *, register: pd.DataFrame, history: pd.DataFrame
) -> ListedCommunes | None:
    """Return the communes that a call lists as without inclusive housing; None if it lists none."""
    if pack is None or not pack.listed_communes:
        return None
    return resolve_listed(
        pack.listed_communes, register=register, history=history, departements=pack.departements
    )


def duplicates(sites: gpd.GeoDataFrame) -> list[list[str]]:
    """Return the groups of sites that stand at the very same place, in the order of the file."""
    located = sites[~(sites.geometry.isna() | sites.geometry.is_empty)]
    groups = located.groupby([located.geometry.x, located.geometry.y], sort=False).groups
    return [list(group) for group in groups.values() if len(group) > 1]


def id_list(ids: Sequence[str] | pd.Index) -> str:
    """Name sites in a sentence: the first dozen, and how many there are."""
    shown = ", ".join(map(str, ids[:_SHOWN]))
    return shown if len(ids) <= _SHOWN else f"{shown}… ({len(ids)} sites)"
