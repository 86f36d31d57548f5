"""OpenStreetMap files (.osm, .osm.gz, .osm.bz2, .osm.pbf, .json) to walkable ways and services.

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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import shapely
from osmium.osm import NOTHING

from siting.categories import Excluded
from siting.crs import WGS84
from siting.errors import DataError
from siting.extent import Asked, Coverage, Excerpt
from siting.garbage import no_collection
from siting.provenance import Provenance
from siting.sources.osm_clip import StreetClip, clip_content
from siting.sources.osm_content import OsmContent, OsmGathering
from siting.sources.osm_json import JsonAnswer, content_of, read_answer, require_whole
from siting.sources.osm_scan import scan
from siting.sources.osm_sizes import require_readable_size
from siting.sources.osm_streets import ways_of
from siting.sources.osm_tags import TagReader, TagSets
from siting.tables import OSM_OBJECTS
from siting.taxonomy import Taxonomy
from siting.ways import Ways

SUFFIXES = (".osm", ".osm.gz", ".osm.bz2", ".osm.pbf", ".json")

_NOTHING = shapely.GeometryCollection()
_END_BYTES = 4096
_CHUNK_BYTES = 1_000_000
_OSM_BASE = re.compile(rb'osm_base="([0-9TZ:.+-]{10,30})"')
_REMARK = re.compile(rb"<remark>\s*(runtime error.*?)\s*</remark>", re.DOTALL)


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
    excluded
        Objects that would be services and are none, by identifier.
    coverage
        Area of the files in degrees: the box of the header of each, or the hull of its
        streets when the header is silent.
    n_broken
        Number of broken objects by kind, in French.
    provenance
        One per file.
    excerpt
        What the ways are of all those of the files, when only some were wanted; None for all.
    is_asked
        If all of the coverage was asked for, and answered: where it is empty, so is the map.
    """

    ways: Ways
    objects: gpd.GeoDataFrame
    coverage: shapely.Geometry
    n_broken: Mapping[str, int]
    provenance: tuple[Provenance, ...]
    excerpt: Excerpt | None = None
    excluded: Mapping[str, Excluded] = field(default_factory=dict)
    is_asked: bool = False

    @property
    def covered(self) -> Coverage:
        """Return what the extent of its network is drawn from."""
        return Asked(self.coverage) if self.is_asked else self.coverage


@dataclass(frozen=True, slots=True, kw_only=True)
class OsmReading:
    """
    One file, or one download, once it is read.

    Parameters
    ----------
    content
        What it holds.
    area
        Area that it covers, in degrees; None for the hull of its streets.
    provenance
        Where it comes from.
    """

    content: OsmContent
    area: shapely.Geometry | None
    provenance: Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """What a file says of itself: its area, the date of its data, why it is not whole."""

    box: shapely.Geometry | None
    timestamp: str
    remark: str = ""


@no_collection()
def read_osm(
    paths: Sequence[Path], *, taxonomy: Taxonomy, within: shapely.Geometry | None = None
) -> OsmExtract:
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
    within
        Area in degrees that walks do not leave. Of the ways, those that touch it are kept, and
        what walks inside of it depend on (`siting.sources.osm_clip`): a walk there is the one
        found with all ways. Ways are whole; services, coverage and counts of broken objects
        are those of the files all the same. None for all ways.

    Raises
    ------
    DataError
        A file is missing, of another kind, empty, damaged, cut short or too large (in French).

    Notes
    -----
    Memory is bounded by what is kept, and by the sizes that `siting.sources.osm_sizes` sets:
    docs/decisions/0020-clipped-reading.md has the figures.
    """
    walk_sets = TagSets()
    readings = [_reading(path, taxonomy, walk_sets, within) for path in paths]
    return extract_of(readings, walk_sets)


def extract_of(readings: Sequence[OsmReading], walk_sets: TagSets) -> OsmExtract:
    """
    Join what was read.

    Parameters
    ----------
    readings
        An object that stands in several of them is taken as `read_osm` says.
    walk_sets
        The sets of walking tags that all of them refer to.
    """
    tag_sets = walk_sets.sets()
    rows: dict[str, dict[str, Any]] = {}
    excluded: dict[str, Excluded] = {}
    marks: dict[int, int] = {}
    n_broken: Counter[str] = Counter()
    for reading in reversed(readings):
        rows |= reading.content.rows
        excluded |= reading.content.excluded
        marks |= reading.content.marks
        n_broken += reading.content.n_broken
    areas = [
        _hull(reading.content, tag_sets) if reading.area is None else reading.area
        for reading in readings
    ]
    streets = [reading.content.streets for reading in readings]
    return OsmExtract(
        ways=ways_of(streets, tag_sets=tag_sets, marks=marks),
        objects=_objects(rows),
        excluded=excluded,
        coverage=shapely.union_all(areas),
        n_broken=dict(sorted(n_broken.items())),
        provenance=tuple(reading.provenance for reading in readings),
        excerpt=_excerpt([reading.content for reading in readings]),
    )


def _hull(content: OsmContent, tag_sets: Sequence[Mapping[str, str]]) -> shapely.Geometry:
    """Return the convex hull of the streets of a file, kept or not."""
    if content.outline is None:
        return content.streets.hull(tag_sets)
    line = shapely.linestrings(content.outline) if len(content.outline) else _NOTHING
    return shapely.convex_hull(line)


def _excerpt(contents: Sequence[OsmContent]) -> Excerpt | None:
    nears = [content.near for content in contents if content.near is not None]
    outlines = [content.outline for content in contents if content.outline is not None]
    if not nears:
        return None
    near = shapely.intersection_all(np.array(nears, dtype=np.object_))
    return Excerpt(near=near, outline=np.concatenate(outlines))


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


def _reading(
    path: Path, taxonomy: Taxonomy, walk_sets: TagSets, within: shapely.Geometry | None
) -> OsmReading:
    require_osm_file(path)
    require_readable_size(path, is_clipped=within is not None)
    if path.suffix.lower() == ".json":
        answer = _json_answer(path)
        header = _Header(box=answer.box, timestamp=answer.timestamp, remark=answer.remark)
        content = content_of([answer], OsmGathering(taxonomy, TagReader(taxonomy, walk_sets)))
        if within is not None:
            clip_content(content, StreetClip(within, walk_sets))
    else:
        with _readable(path):
            content = scan(path, taxonomy=taxonomy, walk_sets=walk_sets, within=within)
        header = _header(path)
    require_whole(header.remark, name=path.name)
    return OsmReading(
        content=content,
        area=header.box,
        provenance=_provenance(path, stated=header.timestamp, latest=content.latest),
    )


def _json_answer(path: Path) -> JsonAnswer:
    try:
        with path.open("rb") as file:
            return read_answer(file, name=path.name)
    except OSError as error:
        raise DataError(
            f"Le fichier OpenStreetMap « {path.name} » ne peut pas être lu ({error.strerror}) : "
            "vérifiez vos droits."
        ) from error


def require_osm_file(path: Path) -> None:
    """
    Refuse a path that is no OpenStreetMap file by its name, or is not there.

    Raises
    ------
    DataError
        In French, for the owner of the file.
    """
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
    """Read the box of a file, and the date of its data where Overpass or the header says it."""
    with _readable(path), osmium.io.Reader(path, NOTHING) as reader:
        header = reader.header()
    box = header.box()
    area = None
    if box.valid():
        west_south, east_north = box.bottom_left, box.top_right
        area = shapely.box(west_south.lon, west_south.lat, east_north.lon, east_north.lat)
    stated = header.get("osmosis_replication_timestamp") or header.get("timestamp")
    is_text = path.suffix.lower() != ".pbf"
    timestamp, remark = _overpass_words(path) if is_text and not stated else ("", "")
    return _Header(box=area, timestamp=str(stated or timestamp), remark=remark)


def _overpass_words(path: Path) -> tuple[str, str]:
    """Return the date and the remark of a file that Overpass wrote: at its start, and its end."""
    with _opened(path) as file:
        end = file.read(_END_BYTES)
        found = _OSM_BASE.search(end)
        if found is None:
            return "", ""
        if path.suffix.lower() == ".osm":
            file.seek(max(_END_BYTES, path.stat().st_size - _END_BYTES))
        while data := file.read(_CHUNK_BYTES):
            end = (end + data)[-_END_BYTES:]
    remark = _REMARK.search(end)
    said = remark.group(1).decode("utf-8", "replace") if remark else ""
    return found.group(1).decode("ascii"), said


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
