"""The department's inventory, placed: its homes, where each is, and what is not sure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import pandas as pd

from siting.access import AccessRule
from siting.crs import WGS84
from siting.home_words import HomePosition
from siting.homes import diffus, homes
from siting.network import WalkNetwork
from siting.provenance import Provenance
from siting.review import REVIEW
from siting.sources.area_store import read_area
from siting.sources.inventory import (
    Inventory,
    line_numbers,
    may_be_twins,
    read_inventory,
    twin_names,
    with_duplicates,
)
from siting.sources.inventory_columns import project_ensembles
from siting.sources.inventory_communes import UNSAID
from siting.sources.reference import (
    read_commune_history,
    read_commune_register,
    read_communes,
    read_departements,
    read_former_communes,
    register_year,
)
from siting.sources.table_file import row_list
from siting.sources.walker_file import chosen_profile
from siting.study.locate import GivenProjects, Located, Report, geocode, silent
from siting.study.session import GeocodingSession
from siting.tables import INVENTORY, GeocodeReason, GeocodeStatus
from siting.twins import earliest_within

LONGEST_WALK_MIN = 60.0  # from a dwelling to its common room
_SURE = (GeocodeStatus.OK, GeocodeStatus.PROVIDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedInventory:
    """
    An inventory, with the position of its homes.

    Parameters
    ----------
    places
        Table INVENTORY: the rows of the file.
    homes
        Table HOMES: one row a home, without those that have closed and those listed twice.
    at
        `position` (`HomePosition`) and point of each row of `places`; the point of a commune is
        inside of it, and no more.
    review
        Table REVIEW: addresses that a person must look at.
    unlocated
        Lines of places, open or of unknown state, that are in no commune.
    reading_notes, notes
        Remarks in French: on the file and what is counted; on positions too.
    sha256, inputs
        Fingerprint of the file; of all the files read, by path.
    sources
        Whom positions come from; empty when no row had to be placed.
    """

    places: pd.DataFrame
    homes: gpd.GeoDataFrame
    at: gpd.GeoDataFrame
    review: pd.DataFrame
    unlocated: tuple[int, ...]
    reading_notes: tuple[str, ...]
    notes: tuple[str, ...]
    sha256: str
    inputs: Mapping[str, str]
    sources: tuple[Provenance, ...]

    @property
    def addresses(self) -> gpd.GeoDataFrame:
        """What `siting.homes.diffus` measures: rows of homes, points that are sure alone."""
        is_counted = self.places["duplicate_of"].isna() & self.places["ensemble"].notna()
        held = self.places.loc[is_counted, ["ensemble", "is_common_room"]]
        is_sure = self.at["position"].isin([HomePosition.ADDRESS, HomePosition.COORDINATES])
        points = self.at.geometry.where(is_sure).reindex(held.index)
        return gpd.GeoDataFrame(held, geometry=points, crs=WGS84)


def located_inventory(
    path: Path,
    *,
    departements: Sequence[str],
    geocoder: GeocodingSession | None,
    report: Report = silent,
    reviewed: Sequence[Path] = (),
) -> LocatedInventory:
    """
    Read an inventory and place its homes.

    Rows that have coordinates or an address are placed as projects are
    (`siting.study.locate.geocode`); a position that is not sure is never used. Nobody is asked
    unless a row has an address and no coordinates. A row that tells no commune gets that of its
    position, and a former commune is told where the position is well inside of it. Two rows of
    the same name and state within `siting.twins.SAME_PLACE_M` are one home.

    Parameters
    ----------
    path
        See `siting.sources.inventory.read_inventory`.
    departements
        Where to look for a name of commune.
    geocoder
        Whom to ask for addresses, and how to judge; None for nobody.
    report
        Told of progress.
    reviewed
        Files of rows to review, filled in by a person; the latest last.

    Raises
    ------
    DataError
        A file cannot be used.
    SourceError
        The geocoder never answers.
    """
    register = read_commune_register()
    read = read_inventory(
        path,
        register=register,
        history=read_commune_history(),
        this_year=register_year(),
        departements=departements,
    )
    located = _located(read, path, geocoder=geocoder, reviewed=reviewed, report=report)
    at = _positions(read.places.index, located)
    if located is not None:
        read = replace(read, places=_with_communes(read.places, located, at))
        read = replace(read, places=_with_twins(read.places, at))
    at = _with_middles(at, read.places, register)
    is_home = read.places["duplicate_of"].isna() & ~read.places.index.isin(list(read.closed))
    notes = (
        *read.notes,
        *(() if located is None else located.notes),
        *_position_notes(at[is_home], None if located is None else located.review),
    )
    return LocatedInventory(
        places=read.places,
        homes=homes(read.places[is_home], at[is_home]),
        at=at,
        review=REVIEW.empty() if located is None else located.review,
        unlocated=read.unlocated,
        reading_notes=read.notes,
        notes=tuple(dict.fromkeys(notes)),
        sha256=read.sha256,
        inputs={str(path): read.sha256} if located is None else located.inputs,
        sources=() if located is None else located.sources,
    )


def project_addresses(located: Located) -> gpd.GeoDataFrame:
    """
    Return what `ensemble_walks` measures in a project file: its columns `ensemble` and `usage`.

    Points that are not sure are left out; no row without both columns
    (`siting.sources.inventory_columns.project_ensembles`).
    """
    held = project_ensembles(located.projects.own)
    sites = located.sites.loc[held.index]
    return gpd.GeoDataFrame(held, geometry=sites.geometry.where(_is_sure(sites)), crs=WGS84)


def ensemble_walks(
    addresses: gpd.GeoDataFrame, *, network: WalkNetwork | None, walker: str = "senior"
) -> pd.DataFrame:
    """Return table DIFFUS of the addresses of homes of several ones; see `siting.homes.diffus`."""
    rule = AccessRule(profile=chosen_profile(walker), cutoff_min=LONGEST_WALK_MIN)
    return diffus(addresses, network=network, rule=rule)


def area_walks(addresses: gpd.GeoDataFrame, *, area: Path | None) -> pd.DataFrame:
    """
    Return table DIFFUS, with the walks by the streets of an area that is kept, if one is given.

    Raises
    ------
    DataError
        The area cannot be used.
    """
    network = None if area is None or addresses.empty else read_area(area).network
    return ensemble_walks(addresses, network=network)


def _located(
    read: Inventory,
    path: Path,
    *,
    geocoder: GeocodingSession | None,
    reviewed: Sequence[Path],
    report: Report,
) -> Located | None:
    """Place the rows that say where they are; None if none does."""
    rows = read.projects.rows
    is_given = rows["lon"].notna() & rows["lat"].notna()
    is_asked = rows["address"].notna() & ~is_given
    is_clear = (read.places["code_insee"].notna() | read.is_unsaid).to_numpy()
    is_counted = read.places["duplicate_of"].isna() & ~read.places.index.isin(list(read.closed))
    is_placed = (is_given | is_asked) & is_clear & is_counted.to_numpy()
    if not is_placed.any():
        return None
    kept = replace(read.projects, rows=rows[is_placed], own=read.projects.own[is_placed.to_numpy()])
    needs_asking = bool((is_asked & is_placed).any())
    return geocode(
        GivenProjects(projects=kept, inputs={str(path): read.sha256}, reviewed=reviewed),
        geocoder=geocoder if needs_asking else None,
        report=report,
    )


def _positions(ids: pd.Index, located: Located | None) -> gpd.GeoDataFrame:
    """Return the positions that are sure, and `NONE` elsewhere."""
    nothing = gpd.GeoSeries([None] * len(ids), index=ids, crs=WGS84)
    if located is None:
        return gpd.GeoDataFrame({"position": HomePosition.NONE.value}, index=ids, geometry=nothing)
    sites = located.sites
    sure = sites[_is_sure(sites)]
    is_given = sure["geocode_status"] == GeocodeStatus.PROVIDED
    position = pd.Series(HomePosition.NONE.value, index=ids)
    position[sure.index] = HomePosition.ADDRESS.value
    position[sure.index[is_given]] = HomePosition.COORDINATES.value
    points = gpd.GeoSeries(sure.geometry.reindex(ids), crs=WGS84)
    return gpd.GeoDataFrame({"position": position}, geometry=points).rename_axis("inventory_id")


def _is_sure(sites: gpd.GeoDataFrame) -> pd.Series:
    """Tell the sites whose position is that of their address, in the commune declared."""
    return (
        sites["geocode_status"].isin(_SURE)
        & (sites["geocode_reason"] != GeocodeReason.COMMUNE_MISMATCH)
        & ~(sites.geometry.isna() | sites.geometry.is_empty)
    )


def _with_communes(places: pd.DataFrame, located: Located, at: gpd.GeoDataFrame) -> pd.DataFrame:
    """Tell the commune of rows that tell none, and former communes, from sure positions."""
    is_sure = at["position"] != HomePosition.NONE
    found = located.sites["code_insee"].reindex(places.index).where(is_sure)
    around = located.site_communes.reindex(places.index)
    told = places.copy()
    is_unsaid = places["issue"].fillna("").str.startswith(UNSAID) & found.notna()
    told["code_insee"] = places["code_insee"].mask(is_unsaid, found)
    rest = places["issue"].fillna("").str.removeprefix(UNSAID).str.strip()
    told["issue"] = places["issue"].mask(is_unsaid, rest)
    is_inside = is_sure & around["part_m"].isna() & (around["code_insee"] == told["code_insee"])
    former = told["former_code_insee"].fillna(around["former_code_insee"].where(is_inside))
    return INVENTORY.conform(told.assign(former_code_insee=former))


def _with_twins(places: pd.DataFrame, at: gpd.GeoDataFrame) -> pd.DataFrame:
    """Mark rows of the same name and state that stand at the same place."""
    names = twin_names(places)
    keys = (names + "|" + places["status"]).where(may_be_twins(places) & (names != ""))
    is_sure = at["position"] != HomePosition.NONE
    found = earliest_within(keys, at.geometry.where(is_sure))
    if found.isna().all():
        return places
    known = places["duplicate_of"].astype("object")
    return with_duplicates(places, known.map(found).fillna(known).fillna(found))


def _with_middles(
    at: gpd.GeoDataFrame, places: pd.DataFrame, register: pd.DataFrame
) -> gpd.GeoDataFrame:
    """Place the other rows inside of their commune, of the former one where it is told."""
    missing = places[(at["position"] == HomePosition.NONE) & places["code_insee"].notna()]
    departements = set(missing["code_insee"].map(register["code_dep"]).dropna())
    known = sorted(departements & set(read_departements()))
    if not known:
        return at
    inside = pd.concat([read_communes(known).geometry, read_former_communes(known).geometry])
    inside = inside[~(inside.isna() | inside.is_empty)]
    middle = gpd.GeoSeries(inside, crs=WGS84).representative_point()
    point = missing["former_code_insee"].map(middle).astype("object")
    point = point.where(point.notna(), missing["code_insee"].map(middle).astype("object"))
    point = point[point.notna()]
    told = at.copy()
    told.loc[point.index, "position"] = HomePosition.COMMUNE.value
    told.loc[point.index, "geometry"] = gpd.GeoSeries(point, crs=WGS84)
    return told


def _position_notes(at: gpd.GeoDataFrame, review: pd.DataFrame | None) -> Iterator[str]:
    """Say which homes stand at no address of their own."""
    middles = line_numbers(at.index[at["position"] == HomePosition.COMMUNE])
    if middles:
        yield (
            f"Lieux sans position sûre, placés au milieu de leur commune : {len(middles)} "
            f"({row_list(middles)}). Les distances qui partent d'eux ne valent pas celles d'une "
            "adresse."
        )
    if review is not None and len(review):
        lines = line_numbers(review.index)
        yield (
            f"Adresses de l'inventaire à vérifier : {len(lines)} ({row_list(lines)}). Leur "
            "position n'est pas utilisée : voyez to_review.xlsx."
        )
