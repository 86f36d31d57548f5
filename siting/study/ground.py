"""What sites stand on: streets and services, of OpenStreetMap files or of an area that is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely

from siting.crs import WGS84, by_territory
from siting.errors import OptionError
from siting.network import WalkNetwork, walk_network
from siting.provenance import Provenance
from siting.references import osm_references
from siting.relief import SMOOTHED_M, smoothed_along, with_decks
from siting.services import services_from_osm
from siting.sources.area_store import read_area
from siting.sources.heights import read_heights
from siting.sources.osm_file import read_osm, require_osm_file
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
        One provenance per OpenStreetMap file.
    others
        Where heights come from.
    inputs
        SHA-256 of each OpenStreetMap file, by its path or its name.
    n_broken
        Number of broken objects by kind, in French.
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
    notes: tuple[str, ...] = ()

    @property
    def mapped_on(self) -> str:
        """Day of the oldest file of the map; empty when one does not tell its own."""
        days = [source.data_timestamp[:10] for source in self.osm]
        return min(days) if all(days) else ""


def require_ground(osm: Sequence[Path], area: Path | None) -> None:
    """
    Refuse, before any question is asked, what `ground_of_files` or `ground_of_area` would refuse.

    Raises
    ------
    OptionError
        Both files and an area are given.
    DataError
        A file is missing, or of another kind.
    """
    if osm and area is not None:
        raise OptionError(
            "--area et --osm disent tous deux où sont les rues : donnez l'un ou l'autre."
        )
    for path in osm:
        require_osm_file(path)


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


def ground_of_files(
    osm: Sequence[Path],
    *,
    taxonomy: Taxonomy,
    heights: Sequence[Path] = (),
    within: shapely.Geometry | None = None,  # noqa: ARG001
) -> Ground:
    """
    Read streets and services; with files of heights, slopes count.

    What lies outside of `within` (degrees) is left unread. Bridges and tunnels are even between
    their ends, and heights are averaged over `siting.relief.SMOOTHED_M` of street.

    Raises
    ------
    DataError, CrsError, OptionError
        A file cannot be used: see `siting.sources.osm_file.read_osm` and
        `siting.sources.heights.read_heights`.
    NetworkError
        There is no street.
    """
    extract = read_osm(osm, taxonomy=taxonomy)
    ways, others, notes = _relieved(extract.ways, heights)
    services = services_from_osm(extract.objects, taxonomy).sort_index()
    return Ground(
        network=walk_network(ways, coverage=extract.coverage),
        services=services,
        references=osm_references(services, extract.objects, keys=taxonomy.identity_keys),
        osm=extract.provenance,
        others=others,
        inputs={str(p): one.sha256 for p, one in zip(osm, extract.provenance, strict=True)},
        n_broken=extract.n_broken,
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
