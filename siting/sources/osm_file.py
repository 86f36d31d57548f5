"""OpenStreetMap files (.osm, .osm.gz, .osm.bz2, .osm.pbf) to walkable ways and service objects.

A broken object never stops a read: it is counted by kind. A broken file stops it at once.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import geopandas as gpd
import osmium
import pandas as pd
import shapely
from osmium.osm import NOTHING

from siting.crs import WGS84
from siting.errors import DataError
from siting.provenance import Provenance
from siting.sources.osm_content import OsmContent
from siting.sources.osm_scan import scan
from siting.sources.osm_streets import ways_of
from siting.sources.osm_tags import TagSets
from siting.tables import OSM_OBJECTS
from siting.taxonomy import Taxonomy
from siting.ways import Ways

SUFFIXES = (".osm", ".osm.gz", ".osm.bz2", ".osm.pbf")

_HEAD_BYTES = 4096
_OSM_BASE = re.compile(rb'osm_base="([0-9TZ:.+-]{10,30})"')


@dataclass(frozen=True, slots=True, kw_only=True)
class OsmExtract:
    """
    What one reading of OpenStreetMap files gives.

    Parameters
    ----------
    ways
        Walkable ways and ferries (`siting.walkable`), in the order of their identifiers; the
        members of a walkable multipolygon have its tags. A way is cut where the file does not
        hold one of its nodes: no street is drawn across the gap.
    objects
        Table OSM_OBJECTS: all that the taxonomy takes for a service.
    coverage
        Area of the files in degrees: the box of the header of each, or the hull of its
        streets when the header is silent.
    n_broken
        Number of broken objects by kind, in French.
    provenance
        One per file.
    """

    ways: Ways
    objects: gpd.GeoDataFrame
    coverage: shapely.Geometry
    n_broken: Mapping[str, int]
    provenance: tuple[Provenance, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """What a file says of itself: its area and the date of its data, when it does."""

    box: shapely.Geometry | None
    timestamp: str


def read_osm(paths: Sequence[Path], *, taxonomy: Taxonomy) -> OsmExtract:
    """
    Read OpenStreetMap files.

    An object that stands in several files is taken once: from the first of them, or, for a
    way that the edge of a file cuts, from the one that holds most of its nodes.

    Parameters
    ----------
    paths
        Files ending in one of `SUFFIXES`.
    taxonomy
        What counts as a service.

    Raises
    ------
    DataError
        A file is missing, of another kind, empty, damaged or cut short (in French).
    """
    walk_sets = TagSets()
    contents = [_content(path, taxonomy, walk_sets) for path in paths]
    headers = [_header(path) for path in paths]
    tag_sets = walk_sets.sets()
    rows: dict[str, dict[str, Any]] = {}
    marks: dict[int, int] = {}
    n_broken: Counter[str] = Counter()
    for content in reversed(contents):
        rows |= content.rows
        marks |= content.marks
        n_broken += content.n_broken
    areas = [
        header.box if header.box is not None else content.streets.hull(tag_sets)
        for header, content in zip(headers, contents, strict=True)
    ]
    return OsmExtract(
        ways=ways_of([content.streets for content in contents], tag_sets=tag_sets, marks=marks),
        objects=_objects(rows),
        coverage=shapely.union_all(areas),
        n_broken=dict(sorted(n_broken.items())),
        provenance=tuple(
            _provenance(path, stated=header.timestamp, latest=content.latest)
            for path, header, content in zip(paths, headers, contents, strict=True)
        ),
    )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what libosmium says of a damaged file into a message for its owner."""
    try:
        yield
    except (RuntimeError, UnicodeDecodeError, osmium.InvalidLocationError) as error:
        raise DataError(
            f"Le fichier OpenStreetMap « {path.name} » est illisible : vide, abîmé, incomplet, ou "
            f"d'un autre format ({error}). Téléchargez-le de nouveau ; formats lus : "
            f"{', '.join(SUFFIXES)}."
        ) from error


def _content(path: Path, taxonomy: Taxonomy, walk_sets: TagSets) -> OsmContent:
    _require_osm_file(path)
    with _readable(path):
        return scan(path, taxonomy=taxonomy, walk_sets=walk_sets)


def _require_osm_file(path: Path) -> None:
    if not path.name.lower().endswith(SUFFIXES):
        raise DataError(
            f"« {path.name} » n'est pas un fichier OpenStreetMap ; formats lus : "
            f"{', '.join(SUFFIXES)}."
        )
    if not path.is_file():
        raise DataError(f"Le fichier OpenStreetMap « {path} » n'existe pas.")


def _objects(rows: Mapping[str, dict[str, Any]]) -> gpd.GeoDataFrame:
    if not rows:
        return OSM_OBJECTS.empty()
    frame = pd.DataFrame(sorted(rows.values(), key=lambda row: str(row["osm_id"])))
    return OSM_OBJECTS.conform(gpd.GeoDataFrame(frame, geometry="geometry", crs=WGS84))


def _header(path: Path) -> _Header:
    """Read the box and the date of the data: of a .pbf header, else of Overpass's `meta`."""
    with _readable(path), osmium.io.Reader(path, NOTHING) as reader:
        header = reader.header()
    box = header.box()
    area = None
    if box.valid():
        west_south, east_north = box.bottom_left, box.top_right
        area = shapely.box(west_south.lon, west_south.lat, east_north.lon, east_north.lat)
    stated = header.get("osmosis_replication_timestamp") or header.get("timestamp")
    return _Header(box=area, timestamp=str(stated) if stated else _overpass_timestamp(path))


def _overpass_timestamp(path: Path) -> str:
    with _opened(path) as file:
        found = _OSM_BASE.search(file.read(_HEAD_BYTES))
    return found.group(1).decode("ascii") if found else ""


def _provenance(path: Path, *, stated: str, latest: str) -> Provenance:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    note = "" if stated else "date de la dernière modification d'un service, faute de mieux"
    return Provenance(
        source=f"OpenStreetMap, fichier {path.name}",
        url="https://www.openstreetmap.org/copyright",
        licence="ODbL 1.0",
        attribution="© les contributeurs d'OpenStreetMap",
        data_timestamp=stated or latest,
        sha256=sha256,
        note=note if stated or latest else "le fichier ne dit pas sa date",
    )


def _opened(path: Path) -> BinaryIO:
    if path.suffix.lower() == ".gz":
        return cast("BinaryIO", gzip.open(path))
    if path.suffix.lower() == ".bz2":
        return cast("BinaryIO", bz2.open(path))
    return path.open("rb")
