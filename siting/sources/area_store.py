"""Areas built once and kept: walking network, services and where they are reached, in one folder.

Opening one costs a small part of building it: arrays are read from the disk when they are
first used. An area of another version of siting is never opened: it is built again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from siting.census import excluded_table
from siting.errors import DataError
from siting.grid import SegmentGrid
from siting.network import Snaps, WalkNetwork, walk_network
from siting.provenance import Provenance
from siting.references import REFERENCES, osm_references
from siting.services import services_from_osm
from siting.sources.area_files import (
    Array,
    other_taxonomy,
    other_version,
    read_files,
    read_index,
    require_room,
    sha256_of,
    verify_files,
    write_files,
)
from siting.sources.osm_file import OsmExtract, read_osm
from siting.tables import EXCLUDED, SERVICES
from siting.targets import Targets, service_targets
from siting.taxonomy import Taxonomy
from siting.walkers import WalkProfile

# What decides the content of an area: the modules that build it, and all that they import.
BUILDERS = (
    *("compiled/reading.py", "compiled/snapping.py"),
    *("crs.py", "errors.py", "extent.py"),
    *("garbage.py", "grid.py", "names.py", "network.py", "pieces.py"),
    *("provenance.py", "references.py", "selectors.py", "services.py"),
    *("sources/json_text.py", "sources/osm_content.py"),
    *("sources/osm_clip.py", "sources/osm_file.py", "sources/osm_json.py", "sources/osm_sizes.py"),
    *("sources/osm_scan.py", "sources/pbf.py", "sources/pbf_blobs.py"),
    *("sources/pbf_places.py", "sources/pbf_scan.py", "sources/protobuf.py"),
    *("sources/osm_shapes.py", "sources/osm_streets.py", "sources/osm_tags.py", "tables.py"),
    *("categories.py", "targets.py", "taxonomy.py", "toml_text.py", "walkable.py", "ways.py"),
)

_LIBRARIES = ("siting", "numpy", "osmium", "pyproj", "shapely")


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """
    A walking network, its services, and where they are reached.

    Parameters
    ----------
    network
        Walking network.
    services
        Table SERVICES, in the order of its identifiers.
    references
        Table REFERENCES of these services.
    targets
        Where these services are reached, by who walks anywhere (see `targets_for`).
    snap_limit_m, with_ferries
        What the area was built with: longest connector of `targets`; if ferries are walked.
    coverage
        Area of the map in degrees.
    n_broken, excluded
        Number of broken objects by kind, in French; table EXCLUDED.
    provenance
        One per OpenStreetMap file, or that of Overpass.
    content_key, own_file
        What decides the content besides the files (see `content_key`); name of the file of
        the user's own categories, empty without.
    """

    network: WalkNetwork
    services: gpd.GeoDataFrame
    references: pd.DataFrame
    targets: Targets
    snap_limit_m: float
    with_ferries: bool
    coverage: shapely.Geometry
    n_broken: Mapping[str, int]
    excluded: pd.DataFrame
    provenance: tuple[Provenance, ...]
    content_key: str
    own_file: str = ""

    def targets_for(self, profile: WalkProfile, *, snap_limit_m: float) -> Targets | None:
        """Return the targets if they are those of this walker and limit, none if not."""
        is_same = not profile.avoids_unfit and snap_limit_m == self.snap_limit_m
        return self.targets if is_same else None


def content_key(taxonomy: Taxonomy) -> str:
    """
    Return the SHA-256 of the source of `BUILDERS` and of a taxonomy.

    Two areas of the same files and options, and with the same key, are the same. Versions of
    the libraries are written in the store but are not in the key: they move coordinates by
    less than is measured.
    """
    listed = json.dumps(asdict(taxonomy) | {"own_file": ""}, default=_plain)
    return hashlib.sha256(f"{_builders_sha256()} {listed}".encode()).hexdigest()


def build_area(
    osm: Sequence[Path],
    *,
    taxonomy: Taxonomy,
    snap_limit_m: float = 200.0,
    with_ferries: bool = False,
) -> Area:
    """
    Build an area from OpenStreetMap files, and write nothing.

    Parameters
    ----------
    osm
        Files that `siting.sources.osm_file.read_osm` reads.
    taxonomy
        What counts as a service.
    snap_limit_m
        A service further than this from any street is not on the network.
    with_ferries
        As for `siting.network.walk_network`.

    Raises
    ------
    DataError
        A file is missing or damaged.
    NetworkError, CrsError
        The files hold no walkable way; they spread over more than one territory.
    """
    extract = read_osm(osm, taxonomy=taxonomy)
    return area_of(extract, taxonomy=taxonomy, snap_limit_m=snap_limit_m, with_ferries=with_ferries)


def area_of(
    extract: OsmExtract,
    *,
    taxonomy: Taxonomy,
    snap_limit_m: float = 200.0,
    with_ferries: bool = False,
) -> Area:
    """
    Build an area from what was read of OpenStreetMap, in files or by Overpass.

    Parameters
    ----------
    extract
        What was read, with the same taxonomy.
    taxonomy, snap_limit_m, with_ferries
        As for `build_area`.

    Raises
    ------
    NetworkError, CrsError
        As `build_area`.
    """
    network = walk_network(extract.ways, coverage=extract.covered, with_ferries=with_ferries)
    services = services_from_osm(extract.objects, taxonomy).sort_index()
    return Area(
        network=network,
        services=services,
        references=osm_references(services, extract.objects, keys=taxonomy.identity_keys),
        targets=service_targets(services, network, limit_m=snap_limit_m),
        snap_limit_m=snap_limit_m,
        with_ferries=with_ferries,
        coverage=extract.coverage,
        n_broken=extract.n_broken,
        excluded=excluded_table(extract.excluded.values()),
        provenance=extract.provenance,
        content_key=content_key(taxonomy),
        own_file=taxonomy.own_file,
    )


def open_or_build(
    osm: Sequence[Path],
    folder: Path,
    *,
    taxonomy: Taxonomy,
    snap_limit_m: float = 200.0,
    with_ferries: bool = False,
) -> Area:
    """
    Open the area of a folder if it is that of these files and options, else build and keep it.

    Files are the same when their SHA-256 are, whatever their names and dates. A store that is
    damaged or of another version is replaced.

    Parameters
    ----------
    osm, taxonomy, snap_limit_m, with_ferries
        As for `build_area`.
    folder
        Where the area is kept; made if needed.

    Raises
    ------
    DataError, NetworkError, CrsError
        As `build_area`.
    OutputError
        As `write_area`.
    """
    require_room(folder, overwrite=True)
    try:
        area = read_area(folder, taxonomy=taxonomy)
        options = area.snap_limit_m, area.with_ferries
        if options == (snap_limit_m, with_ferries) and _is_of(area, osm):
            return area
    except DataError:
        pass  # it says to build the area again, which is done
    area = build_area(osm, taxonomy=taxonomy, snap_limit_m=snap_limit_m, with_ferries=with_ferries)
    write_area(area, folder, overwrite=True)
    return area


def write_area(area: Area, folder: Path, *, overwrite: bool) -> None:
    """
    Keep an area in a folder.

    Parameters
    ----------
    area
        The area; one that was opened from the same folder stays usable.
    folder
        Where to write; made if needed.
    overwrite
        If an area that is there is replaced.

    Raises
    ------
    OutputError
        The folder is a file, holds an area and `overwrite` is false, or holds something else;
        a protected folder; a full disk.
    """
    write_files(
        folder,
        _described(area),
        arrays=_arrays(area),
        tables={"services": area.services, "references": area.references},
        overwrite=overwrite,
    )


def read_area(folder: Path, *, taxonomy: Taxonomy | None = None) -> Area:
    """
    Open an area that was kept.

    Sizes, types and shapes of all files are checked. Their content is not, which would take as
    long as reading them all: see `verify_area`.

    Parameters
    ----------
    folder
        Where `write_area` put it.
    taxonomy
        What the area must count as a service; None for what it was built with.

    Raises
    ------
    DataError
        No area there; one of another version of siting or of another taxonomy; a file missing,
        cut, or of another form.
    """
    index = read_index(folder)
    if index.get("builders") != _builders_sha256():
        raise other_version(folder, index)
    if taxonomy is not None and index["content_key"] != content_key(taxonomy):
        raise other_taxonomy(folder, index)
    arrays, tables = read_files(folder, index)
    return Area(
        network=_network(index, arrays),
        services=SERVICES.conform(tables["services"]),
        references=REFERENCES.conform(tables["references"]),
        targets=Targets(snaps=Snaps(**_part(arrays, "snaps")), **_part(arrays, "targets")),
        snap_limit_m=index["snap_limit_m"],
        with_ferries=index["with_ferries"],
        coverage=shapely.from_wkb(bytes.fromhex(index["coverage"])),
        n_broken=index["n_broken"],
        excluded=EXCLUDED.conform(pd.DataFrame(index["excluded"])),
        provenance=tuple(Provenance(**facts) for facts in index["provenance"]),
        content_key=index["content_key"],
        own_file=index["own_file"],
    )


def verify_area(folder: Path) -> None:
    """
    Read all the files of an area, and refuse it when one is not as it was written.

    Raises
    ------
    DataError
        No area there; a file missing, or whose SHA-256 is another.
    """
    verify_files(folder)


@functools.cache  # one answer while the program runs: its code does not change with the files
def _builders_sha256() -> str:
    digest = hashlib.sha256()
    for name in BUILDERS:
        digest.update(resources.files("siting").joinpath(name).read_bytes())
    return digest.hexdigest()


def _plain(value: object) -> object:
    """Write what JSON has no word for: sets and regular expressions of a taxonomy."""
    if isinstance(value, re.Pattern):
        return value.pattern
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(type(value))


def _is_of(area: Area, osm: Sequence[Path]) -> bool:
    known = [one.sha256 for one in area.provenance]
    return all(path.is_file() for path in osm) and [sha256_of(path) for path in osm] == known


def _described(area: Area) -> dict[str, Any]:
    """Return all of an area but its arrays and its services."""
    network, grid = area.network, area.network.grid
    return {
        "content_key": area.content_key,
        "builders": _builders_sha256(),
        "own_file": area.own_file,
        "made_with": {name: version(name) for name in _LIBRARIES},
        "snap_limit_m": area.snap_limit_m,
        "with_ferries": area.with_ferries,
        "provenance": [asdict(one) for one in area.provenance],
        "n_broken": dict(area.n_broken),
        "excluded": area.excluded.reset_index().to_dict("list"),
        "crs": network.crs.to_string(),
        "extent": shapely.to_wkb(network.extent).hex(),
        "coverage": shapely.to_wkb(area.coverage).hex(),
        "grid": {"origin": list(grid.origin), "cell_m": grid.cell_m, "shape": list(grid.shape)},
        "tag_sets": [dict(tags) for tags in network.tag_sets],
    }


def _arrays(area: Area) -> dict[str, Array]:
    """Return the arrays of an area, by part and field."""
    found: dict[str, Array] = {}
    for part, values in (
        ("network", area.network),
        ("grid", area.network.grid),
        ("targets", area.targets),
        ("snaps", area.targets.snaps),
    ):
        for field in fields(values):
            array = getattr(values, field.name)
            if isinstance(array, np.ndarray):
                found[f"{part}.{field.name}"] = array
    return found


def _part(arrays: Mapping[str, Array], part: str) -> dict[str, Any]:
    """Return the arrays of one part, by field."""
    named = {name.partition("."): array for name, array in arrays.items()}
    return {field: array for (of, _, field), array in named.items() if of == part}


def _network(index: Mapping[str, Any], arrays: Mapping[str, Array]) -> WalkNetwork:
    west, south = index["grid"]["origin"]
    n_columns, n_rows = index["grid"]["shape"]
    return WalkNetwork(
        crs=CRS.from_user_input(index["crs"]),
        extent=shapely.from_wkb(bytes.fromhex(index["extent"])),
        tag_sets=tuple(index["tag_sets"]),
        grid=SegmentGrid(
            origin=(west, south),
            cell_m=index["grid"]["cell_m"],
            shape=(n_columns, n_rows),
            **_part(arrays, "grid"),
        ),
        **{"height_m": None, **_part(arrays, "network")},
    )
