"""How inclusive housing covers a territory, what one home more would bring, and where first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely

from siting.access import AccessRule
from siting.crs import WGS84
from siting.demand import DemandBasis, demand, whole_in
from siting.gain import Nearness, gains, nearest_home
from siting.priority import priority
from siting.shares import FAMILY_SHARES, family_shares, home_shares, shares_by_family
from siting.sources.area_files import sha256_of
from siting.sources.ban_files import Numbered, open_ban_file
from siting.sources.walker_file import chosen_profile
from siting.study.ground import Ground, ground_of_area
from siting.study.locate import Report, silent
from siting.tables import InventoryStatus
from siting.taxonomy import Taxonomy, read_taxonomy

_BASES = {
    DemandBasis.ADDRESSES: "entre les adresses du fichier",
    DemandBasis.STREETS: "le long des rues habitées de la zone",
    DemandBasis.COMMUNE: "en un seul point au milieu de la commune",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MaillageOptions:
    """
    What is known of the territory beside its communes, and what near means.

    Parameters
    ----------
    area
        Folder of an area that is kept: walks are measured where it holds communes whole.
    addresses
        Files of the Base Adresse Nationale: people are shared out between addresses.
    walker
        Walking profile, or the path of a TOML file.
    nearness
        Limits: minutes of walk, or straight kilometres.
    """

    area: Path | None = None
    addresses: tuple[Path, ...] = ()
    walker: str = "senior"
    nearness: Nearness = field(default_factory=Nearness)


@dataclass(frozen=True, slots=True, kw_only=True)
class Maillage:
    """
    How a territory is covered.

    Tables `home_shares` (HOME_SHARES), `family_shares` (FAMILY_SHARES), `priority` (PRIORITY) and
    `gains` (GAIN: projects first, then every commune without open home). `notes` say what was
    measured and how, in French; `inputs` are the SHA-256 of files.
    """

    home_shares: pd.DataFrame
    family_shares: pd.DataFrame
    priority: pd.DataFrame
    gains: pd.DataFrame
    notes: tuple[str, ...]
    inputs: Mapping[str, str]


def maillage(
    communes: gpd.GeoDataFrame,
    coverage: pd.DataFrame,
    homes: gpd.GeoDataFrame,
    *,
    projects: gpd.GeoDataFrame | None = None,
    options: MaillageOptions,
    report: Report = silent,
) -> Maillage:
    """
    Tell how a territory is covered by inclusive housing, and where a home more would change most.

    Parameters
    ----------
    communes, coverage
        Tables COMMUNES and COVERAGE of the territory.
    homes
        Table HOMES: homes by state, with their position.
    projects
        Table SITES of projects to weigh.
    options
        What else is known.
    report
        Told of progress.

    Raises
    ------
    DataError, OptionError
        A file or the area cannot be used; the walker is unknown.
    """
    taxonomy = read_taxonomy()
    profile = chosen_profile(options.walker)
    nearness = options.nearness
    rule = AccessRule(profile=profile, cutoff_min=nearness.minutes, n_ranks=1)
    report("Habitants de 65 ans et plus", 0, 0)
    addresses, inputs = _addresses(options.addresses)
    ground = None if options.area is None else ground_of_area(options.area, taxonomy=taxonomy)
    network = None if ground is None else ground.network
    people = demand(communes, addresses=addresses, network=network)
    whole = communes.index[:0] if network is None else whole_in(communes, network)
    report("Distance à l'habitat inclusif le plus proche", 0, 0)
    is_walked = len(whole) > 0 and set(whole) >= set(people["code_insee"])
    where = homes[homes.geometry.notna()]
    sure = where[where["position"] != "commune"] if is_walked else where
    by_state = {
        state: gpd.GeoSeries(sure.geometry[sure["status"] == state], crs=WGS84)
        for state in (InventoryStatus.OPEN, InventoryStatus.PLANNED)
    }
    opened = by_state[InventoryStatus.OPEN]
    nearest = nearest_home(people, opened, network=network if is_walked else None, rule=rule)
    shares = home_shares(nearest, is_walked=is_walked and len(opened) > 0)
    near = nearest["walk_min"] <= nearness.minutes
    if not is_walked:
        near = nearest["line_km"] <= nearness.line_km
    far = nearest["people_65"].where(~near, 0.0)
    people_far = far.groupby(nearest["code_insee"]).sum(min_count=1)
    report("Services proches des habitants", 0, 0)
    families = _families(people, ground, whole, taxonomy=taxonomy, rule=rule, nearness=nearness)
    report("Gain de chaque lieu", 0, 0)
    candidates = _candidates(communes, coverage, projects)
    return Maillage(
        home_shares=shares,
        family_shares=families,
        priority=priority(
            communes,
            is_served=coverage["is_served"],
            people_far=people_far,
            shares=shares_by_family(families) if len(families) else {},
        ),
        gains=gains(
            people,
            candidates,
            homes=opened,
            planned=by_state[InventoryStatus.PLANNED],
            network=network if is_walked else None,
            rule=rule,
            nearness=nearness,
        ),
        notes=tuple(
            _notes(
                people,
                where,
                n_walked=len(sure),
                is_walked=is_walked,
                has_area=network is not None,
                n_anchored=families.index.get_level_values("code_insee").nunique(),
                text=nearness.text(is_walked=is_walked),
                walker=profile.label,
            )
        ),
        inputs={**inputs, **({} if ground is None else ground.inputs)},
    )


def _addresses(paths: Sequence[Path]) -> tuple[gpd.GeoSeries | None, dict[str, str]]:
    """Read the positions of addresses; rows without number stand for streets, and do not count."""
    if not paths:
        return None, {}
    lon_lat = [
        (row.place.lon, row.place.lat)
        for path in paths
        for row in open_ban_file(path).rows()
        if isinstance(row, Numbered)
    ]
    points = shapely.points(lon_lat) if lon_lat else []
    return gpd.GeoSeries(points, crs=WGS84), {str(path): sha256_of(path) for path in paths}


def _families(
    people: gpd.GeoDataFrame,
    ground: Ground | None,
    whole: pd.Index,
    *,
    taxonomy: Taxonomy,
    rule: AccessRule,
    nearness: Nearness,
) -> pd.DataFrame:
    """Measure who has services near, in the communes that the area holds whole."""
    here = people[people["code_insee"].isin(whole)]
    if ground is None or here.empty:
        return FAMILY_SHARES.empty()
    return family_shares(
        here,
        ground.services,
        ground.network,
        taxonomy=taxonomy,
        rule=replace(rule, reach_min=(5,)),
        minutes=nearness.minutes,
    )


def _candidates(
    communes: gpd.GeoDataFrame, coverage: pd.DataFrame, projects: gpd.GeoDataFrame | None
) -> gpd.GeoDataFrame:
    """Return where one home more is imagined: the projects, and each commune without open home."""
    unserved = ~coverage["is_served"].astype("boolean").fillna(value=True)
    free = communes[unserved.reindex(communes.index).to_numpy(bool) & communes.geometry.notna()]
    middles = gpd.GeoDataFrame(
        {"label": free["nom"].to_numpy(), "code_insee": free.index.to_numpy()},
        index="commune-" + free.index,
        geometry=free.geometry.representative_point().to_numpy(),
        crs=WGS84,
    )
    if projects is None:
        return middles
    placed = projects[projects.geometry.notna()]
    named = placed[["label", "code_insee"]].assign(
        label=placed["label"].fillna(pd.Series(placed.index, index=placed.index))
    )
    layer = gpd.GeoDataFrame(named, geometry=placed.geometry.to_numpy(), crs=WGS84)
    return gpd.GeoDataFrame(pd.concat([layer, middles]), crs=WGS84)


def _notes(  # noqa: PLR0913 - what was measured, and how
    people: gpd.GeoDataFrame,
    homes: gpd.GeoDataFrame,
    *,
    n_walked: int,
    is_walked: bool,
    has_area: bool,
    n_anchored: int,
    text: str,
    walker: str,
) -> list[str]:
    bases = people.drop_duplicates("code_insee")["basis"].value_counts()
    told = ", ".join(
        f"{words} ({bases[basis]} communes)" for basis, words in _BASES.items() if basis in bases
    )
    who = f" ({walker})" if is_walked else ""
    chosen = "limite choisie par siting, à confirmer par le département (--near-min, --near-km)"
    notes = [
        f"Proche veut dire {text}{who} : {chosen}.",
        f"Les habitants de 65 ans et plus d'une commune (INSEE) sont répartis {told}.",
    ]
    if has_area and not is_walked:
        notes.append(
            "La zone ne contient pas en entier toutes les communes : les distances à l'habitat "
            "inclusif sont à vol d'oiseau."
        )
    n_communes = people["code_insee"].nunique()
    if has_area and n_anchored < n_communes:
        notes.append(
            f"Services proches mesurés dans {n_anchored} communes sur {n_communes}, celles que la "
            "zone contient en entier : le rang de priorité est par besoin seul s'il en manque une."
        )
    n_unknown = int(people.loc[people["people_65"].isna(), "code_insee"].nunique())
    if n_unknown:
        notes.append(
            "Communes dont le nombre d'habitants de 65 ans et plus est inconnu, comptées pour "
            f"personne et non classées : {n_unknown}."
        )
    n_coarse = int((homes["position"] == "commune").sum())
    if n_coarse and is_walked:
        notes.append(
            f"Lieux de l'inventaire connus à la commune seulement, sans adresse : {n_coarse} ; "
            f"ils ne comptent pas dans les trajets ({n_walked} comptent)."
        )
    elif n_coarse:
        notes.append(
            f"Lieux de l'inventaire connus à la commune seulement : {n_coarse} ; placés au milieu "
            "de leur commune."
        )
    return notes
