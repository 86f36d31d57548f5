"""The study of some départements: their communes, flagged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pandas as pd

from siting.calls import RulePack
from siting.coverage import commune_coverage
from siting.provenance import Provenance
from siting.review import REVIEW
from siting.shares import with_shares
from siting.sources.packs import chosen_pack, pack_inputs
from siting.sources.reference import (
    layer_provenance,
    read_commune_history,
    read_commune_register,
    read_communes,
    read_departements,
    read_former_communes,
)
from siting.sources.table_file import row_list
from siting.study.commune_lists import installed_lists
from siting.study.inventory import LocatedInventory, area_walks, located_inventory
from siting.study.locate import ProjectsFile, Report, geocode, listed_communes, silent
from siting.study.maillage import Maillage, MaillageOptions, maillage
from siting.study.session import GeocodingSession

_MOST_NAMES = 8  # of départements, in a title
_LAYERS = ("communes", "boundaries", "population_65", "pvd")


@dataclass(frozen=True, slots=True, kw_only=True)
class TerritoryStudy:
    """
    Result of the study of some départements.

    Tables `communes` (COMMUNES) and `coverage` (COVERAGE) of the same communes, and
    `inventory` (INVENTORY, None when none is given). `located` is the same inventory, placed,
    with its homes (HOMES); `diffus` (DIFFUS) measures those of several addresses; `maillage`
    tells how homes cover the territory (None without inventory); `lists` (COMMUNE_LISTS) what
    installed lists say; `former` (FORMER_COMMUNES) are its former communes. `place` names the
    territory in French; `notes` are remarks in French, `inputs` the SHA-256 of each file read.
    """

    place: str
    communes: gpd.GeoDataFrame
    coverage: pd.DataFrame
    inventory: pd.DataFrame | None
    located: LocatedInventory | None
    diffus: pd.DataFrame | None
    maillage: Maillage | None
    lists: pd.DataFrame | None
    former: gpd.GeoDataFrame
    pack: RulePack | None
    sources: tuple[Provenance, ...]
    notes: tuple[str, ...]
    inputs: Mapping[str, str]

    @property
    def n_uncounted(self) -> int:
        """Places of the inventory whose commune or state could not be told."""
        return 0 if self.inventory is None else int(self.inventory["issue"].notna().sum())

    @property
    def review(self) -> pd.DataFrame:
        """Table REVIEW of the addresses of the inventory."""
        return REVIEW.empty() if self.located is None else self.located.review

    @property
    def needs_attention(self) -> bool:
        """If someone must look at a row of the inventory: uncounted, or its address not sure."""
        return self.n_uncounted > 0 or len(self.review) > 0

    @property
    def counts(self) -> dict[str, int]:
        """What was counted: communes, places of the inventory, those left uncounted."""
        places = 0 if self.inventory is None else len(self.inventory)
        return {"communes": len(self.communes), "places": places, "uncounted": self.n_uncounted}


def territory(  # noqa: PLR0913 - one parameter a file, and whom to ask
    departements: Sequence[str],
    *,
    inventory_file: Path | None = None,
    geocoder: GeocodingSession | None = None,
    reviewed: Sequence[Path] = (),
    call: str | None = None,
    projects: ProjectsFile | None = None,
    options: MaillageOptions | None = None,
    report: Report = silent,
) -> TerritoryStudy:
    """
    Flag the communes of some départements.

    Parameters
    ----------
    departements
        Codes (`93`, `2A`, `974`); a code given twice counts once.
    inventory_file
        The department's list of existing inclusive housing; without it nothing is said of
        which communes have some.
    geocoder
        Whom to ask for the addresses of the inventory; None for nobody.
    reviewed
        Files of its addresses to review, filled in by a person; the latest last.
    call
        Call whose list of communes is compared, or the path of its TOML file; None for none.
    projects
        Projects whose gain is measured beside that of each unserved commune.
    options
        What is known of the territory besides, and what near means.
    report
        Told of progress.

    Raises
    ------
    DataError
        Unknown département or call, or a file that cannot be used.
    SourceError
        The geocoder never answers.
    """
    codes = list(dict.fromkeys(departements))
    communes = read_communes(codes)
    register, history = read_commune_register(), read_commune_history()
    pack = None if call is None else chosen_pack(call)
    found = None
    if inventory_file is not None:
        found = located_inventory(
            inventory_file,
            departements=codes,
            geocoder=geocoder,
            reviewed=reviewed,
            report=report,
        )
    coverage = commune_coverage(
        communes,
        inventory=None if found is None else found.places,
        listed=listed_communes(pack, register=register, history=history),
    )
    covered = None
    inputs = {} if found is None else dict(found.inputs)
    if found is not None:
        sites = None
        if projects is not None:
            placed = geocode(projects, geocoder=geocoder, report=report)
            sites, inputs = placed.sites, inputs | dict(placed.inputs)
        covered = maillage(
            communes,
            coverage,
            found.homes,
            projects=sites,
            options=options or MaillageOptions(),
            report=report,
        )
        coverage = with_shares(coverage, covered.home_shares)
        inputs |= covered.inputs
    names = read_departements()
    lists, list_sources = installed_lists(communes)
    return TerritoryStudy(
        place=_joined([names[code] for code in codes]),
        communes=communes,
        coverage=coverage,
        inventory=None if found is None else found.places,
        located=found,
        diffus=None
        if found is None
        else area_walks(found.addresses, area=None if options is None else options.area),
        maillage=covered,
        lists=lists,
        former=read_former_communes(codes),
        pack=pack,
        sources=tuple(
            dict.fromkeys(
                (
                    *map(layer_provenance, _LAYERS),
                    *list_sources,
                    *(() if found is None else found.sources),
                )
            )
        ),
        notes=(
            *_notes(codes, communes, pack, found),
            *(() if covered is None else covered.notes),
        ),
        inputs={**inputs, **pack_inputs(call)},
    )


def all_departements() -> list[str]:
    """Return the codes of all the départements, those without commune left out."""
    return list(read_departements())


def _joined(names: Sequence[str]) -> str:
    if len(names) > _MOST_NAMES:
        return f"France, {len(names)} départements et collectivités"
    return " et ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _notes(
    codes: Sequence[str],
    communes: gpd.GeoDataFrame,
    pack: RulePack | None,
    found: LocatedInventory | None,
) -> list[str]:
    notes = []
    if pack is not None:
        outside = [code for code in codes if pack.departements and code not in pack.departements]
        if outside:
            notes.append(
                f"L'appel {pack.id} ne s'applique pas ici ({', '.join(outside)}) : "
                "sa liste n'y est pas comparée."
            )
        elif not pack.listed_communes:
            notes.append(f"L'appel {pack.id} ne liste pas de communes non pourvues.")
    if found is None:
        notes.append(
            "Sans inventaire des habitats inclusifs existants, rien n'est dit des communes déjà "
            "pourvues."
        )
        return notes
    elsewhere = found.places["code_insee"].notna() & ~found.places["code_insee"].isin(
        communes.index
    )
    notes.extend(found.notes)
    notes.extend(_reserve(found.unlocated))
    if elsewhere.any():
        notes.append(f"Lieux de l'inventaire hors de ce territoire : {elsewhere.sum()}.")
    return notes


def _reserve(unlocated: Sequence[int]) -> list[str]:
    """Say that a commune without known place may have one of those that are not located."""
    if not unlocated:
        return []
    rows = row_list(unlocated)
    one = (
        f"Un lieu de l'inventaire, ouvert ou d'état inconnu, n'a pas pu être situé ({rows}) : la "
        "commune où il se trouve est peut-être comptée à tort comme non pourvue."
    )
    several = (
        f"{len(unlocated)} lieux de l'inventaire, ouverts ou d'état inconnu, n'ont pas pu être "
        f"situés ({rows}) : les communes où ils se trouvent sont peut-être comptées à tort comme "
        "non pourvues."
    )
    return [one if len(unlocated) == 1 else several]
