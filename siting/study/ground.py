"""What sites stand on: streets and services, of files, of Overpass or of an area that is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely

from siting.census import excluded_table
from siting.crs import WGS84, by_territory, metric_crs
from siting.errors import DataError, OptionError
from siting.labels import date_text
from siting.network import WalkNetwork, walk_network
from siting.provenance import Provenance
from siting.references import osm_references
from siting.relief import SMOOTHED_M, smoothed_along, with_decks
from siting.services import services_from_osm
from siting.sources.area_store import read_area
from siting.sources.heights import read_heights
from siting.sources.osm_file import OsmExtract, read_osm, require_osm_file
from siting.sources.overpass import OverpassSession, overpass_extract
from siting.tables import EXCLUDED
from siting.taxonomy import Taxonomy
from siting.ways import Ways

MARGIN_SHARE = 0.05  # of the radius around sites, read beyond what a walk can reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """
    Streets and services, and where they come from.

    Parameters
    ----------
    network, services
        Walking network; table SERVICES, in the order of its identifiers.
    references
        Table REFERENCES of these services.
    osm
        One provenance per OpenStreetMap file, or that of Overpass.
    others
        Where heights come from.
    inputs
        SHA-256 of each OpenStreetMap file, by its path or its name; of the answers of Overpass.
    n_broken
        Number of broken objects by kind, in French.
    excluded
        Table EXCLUDED.
    notes
        Remarks in French.
    """

    network: WalkNetwork
    services: gpd.GeoDataFrame
    references: pd.DataFrame
    osm: tuple[Provenance, ...]
    others: tuple[Provenance, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    n_broken: Mapping[str, int] = field(default_factory=dict)
    excluded: pd.DataFrame = field(default_factory=EXCLUDED.empty)
    notes: tuple[str, ...] = ()

    @property
    def mapped_on(self) -> str:
        """Day of the oldest file of the map; empty when one does not tell its own."""
        days = [source.data_timestamp[:10] for source in self.osm]
        return min(days) if all(days) else ""


def require_ground(
    osm: Sequence[Path], area: Path | None, overpass: OverpassSession | None
) -> None:
    """
    Refuse, before any question is asked, what the function that reads the ground would refuse.

    Raises
    ------
    OptionError
        Both files and an area are given; neither is, and nobody may be asked for the map.
    DataError
        A file is missing, or of another kind.
    """
    if osm and area is not None:
        raise OptionError(
            "--area et --osm disent tous deux où sont les rues : donnez l'un ou l'autre."
        )
    for path in osm:
        require_osm_file(path)
    if osm or area is not None:
        return
    if overpass is None:
        raise OptionError(
            "Rien ne dit où sont les rues : donnez un fichier OpenStreetMap (--osm), une zone "
            "gardée (--area) ou un serveur Overpass."
        )
    overpass.require_askable()


def surroundings(sites: gpd.GeoDataFrame, *, radius_m: float) -> shapely.Geometry | None:
    """
    Return what lies within a straight distance of the sites, in degrees; None without position.

    A walk of `radius_m` metres never leaves it. It is a margin wider than asked, by
    `MARGIN_SHARE`, so that what stands on its edge is read whole.
    """
    located = sites.geometry[~sites.geometry.isna()]
    discs = [
        points.to_crs(crs).buffer(radius_m * (1 + MARGIN_SHARE)).to_crs(WGS84).union_all()
        for crs, points in by_territory(located)
    ]
    return shapely.union_all(discs) if discs else None


def ground_around(
    within: shapely.Geometry | None,
    *,
    osm: Sequence[Path],
    area: Path | None,
    overpass: OverpassSession | None,
    taxonomy: Taxonomy,
    heights: Sequence[Path],
) -> Ground:
    """
    Return the ground of an area that is kept, else of files, else of Overpass.

    Raises
    ------
    SitingError
        As `require_ground`, `ground_of_area`, `ground_of_files` or `ground_of_overpass`.
    """
    if area is not None:
        return ground_of_area(area, taxonomy=taxonomy, heights=heights)
    if osm or overpass is None:
        around = shapely.Polygon() if within is None else within
        return ground_of_files(osm, taxonomy=taxonomy, heights=heights, within=around)
    return ground_of_overpass(within, taxonomy=taxonomy, session=overpass, heights=heights)


def ground_of_files(
    osm: Sequence[Path],
    *,
    taxonomy: Taxonomy,
    heights: Sequence[Path] = (),
    within: shapely.Geometry | None = None,
) -> Ground:
    """
    Read streets and services; with files of heights, slopes count.

    Of the streets, those that walks inside of `within` (degrees) depend on are kept, of all that
    the files hold; the rest is that of the files. Bridges and tunnels are even between their
    ends, and heights are averaged over `siting.relief.SMOOTHED_M` of street.

    Raises
    ------
    DataError, CrsError, OptionError
        A file cannot be used: see `siting.sources.osm_file.read_osm` and
        `siting.sources.heights.read_heights`.
    NetworkError
        There is no street.
    """
    extract = read_osm(osm, taxonomy=taxonomy, within=within)
    return _ground_of(extract, list(map(str, osm)), taxonomy=taxonomy, heights=heights)


def ground_of_overpass(
    within: shapely.Geometry | None,
    *,
    taxonomy: Taxonomy,
    session: OverpassSession,
    heights: Sequence[Path] = (),
) -> Ground:
    """
    Ask Overpass for the streets and services of an area in degrees; slopes as `ground_of_files`.

    More is read than the area: boxes around its parts (`siting.sources.overpass_query`). Remarks
    tell the dates of the map, and what became of kept answers.

    Parameters
    ----------
    within
        Where the sites are (`surroundings`).
    taxonomy
        What counts as a service.
    session
        Whom to ask, and where answers are kept.
    heights
        Files of heights.

    Raises
    ------
    DataError
        There is no area, or it is too large to be asked (`siting.sources.overpass.OverpassRule`).
    CrsError
        It spreads over more than one territory.
    OptionError, SourceError
        See `siting.sources.overpass.overpass_extract`; heights as `ground_of_files`.
    NetworkError
        There is no street.
    """
    if within is None:
        raise DataError(
            "Aucun site n'a de position : il n'y a pas d'endroit dont demander la carte. Corrigez "
            "les adresses (siting geocode PROJETS --out positions.xlsx dit ce qui ne va pas), ou "
            "donnez des coordonnées."
        )
    west, south, east, north = within.bounds
    metric_crs((west, south, east, north))  # refuses what could not be measured, before asking
    extract = overpass_extract(within, taxonomy=taxonomy, session=session)
    (source,) = extract.provenance
    ground = _ground_of(extract, [source.source], taxonomy=taxonomy, heights=heights)
    return replace(ground, notes=(_map_note(source), *session.notes, *ground.notes))


def _map_note(source: Provenance) -> str:
    dated = f" du {date_text(source.data_timestamp)}" if source.data_timestamp else " sans date"
    note = f" ({source.note})" if source.note else ""
    return (
        f"Carte{dated}, reçue le {date_text(source.retrieved_on)} : {source.source}{note}. "
        "Ce qui a été ajouté à OpenStreetMap depuis n'y est pas."
    )


def _ground_of(
    extract: OsmExtract, names: Sequence[str], *, taxonomy: Taxonomy, heights: Sequence[Path]
) -> Ground:
    """Make the ground of what was read; `names` are those of its sources in the manifest."""
    ways, others, notes = _relieved(extract.ways, heights)
    services = services_from_osm(extract.objects, taxonomy).sort_index()
    return Ground(
        network=walk_network(ways, coverage=extract.covered, excerpt=extract.excerpt),
        services=services,
        references=osm_references(services, extract.objects, keys=taxonomy.identity_keys),
        osm=extract.provenance,
        others=others,
        inputs={name: one.sha256 for name, one in zip(names, extract.provenance, strict=True)},
        n_broken=extract.n_broken,
        excluded=excluded_table(extract.excluded.values()),
        notes=notes,
    )


def ground_of_area(folder: Path, *, taxonomy: Taxonomy, heights: Sequence[Path] = ()) -> Ground:
    """
    Open an area that is kept (`siting.sources.area_store`).

    Raises
    ------
    OptionError
        Heights are given: an area is built without.
    DataError
        No area there; one of another version of siting, or damaged.
    """
    if heights:
        raise OptionError("--heights ne va pas avec --area : donnez le fichier avec --osm.")
    area = read_area(folder, taxonomy=taxonomy)
    return Ground(
        network=area.network,
        services=area.services,
        references=area.references,
        osm=area.provenance,
        inputs={one.source: one.sha256 for one in area.provenance},
        n_broken=area.n_broken,
        excluded=area.excluded,
    )


def _relieved(
    ways: Ways, paths: Sequence[Path]
) -> tuple[Ways, tuple[Provenance, ...], tuple[str, ...]]:
    """Give ways their heights; return where these come from, and remarks."""
    if not paths:
        return ways, (), ()
    found = read_heights(ways.lon, ways.lat, paths)
    raised = with_decks(replace(ways, height_m=found.height_m))
    share = round(100 * (1.0 - found.n_missing / max(len(found.height_m), 1)))
    note = (
        f"Pentes prises en compte : hauteur connue en {share} % des points des rues, lissée sur "
        f"{SMOOTHED_M:g} m ; là où elle manque, la rue est comptée plate."
    )
    return smoothed_along(raised, window_m=SMOOTHED_M), found.provenance, (note, *found.notes)
