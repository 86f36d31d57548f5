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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

import geopandas as gpd
import osmium
import pandas as pd
import shapely
from osmium.filter import IdFilter, KeyFilter
from osmium.osm import NODE, RELATION, WAY, Way
from osmium.osm.types import OSMObject

from siting.crs import WGS84
from siting.errors import DataError
from siting.network import Ways, is_walkable
from siting.provenance import Provenance
from siting.sources.osm_shapes import Node, WayShape, entrance_points, flat_ways, outline, scattered
from siting.tables import OSM_OBJECTS
from siting.taxonomy import Taxonomy

SUFFIXES = (".osm", ".osm.gz", ".osm.bz2", ".osm.pbf")

# Doors that a visitor does not walk in through (wiki.openstreetmap.org/wiki/Key:entrance).
_NOT_ENTRANCES = frozenset({"no", "emergency", "exit", "garage", "service"})
_CLOSED = frozenset({"no", "private"})
_AREA_RELATIONS = frozenset({"multipolygon", "boundary"})
_LINE_RELATIONS = frozenset({"route", "route_master", "superroute", "restriction"})
_RING_SIZE = 4  # positions of the smallest closed ring, the first one repeated
_HEAD_BYTES = 4096
_OSM_BASE = re.compile(rb'osm_base="([0-9TZ:.+-]{10,30})"')


@dataclass(frozen=True, slots=True, kw_only=True)
class OsmExtract:
    """
    What one reading of OpenStreetMap files gives.

    Parameters
    ----------
    ways
        Walkable ways (`siting.network.is_walkable`). A way is cut where the file does not
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


@dataclass(slots=True)
class _Relation:
    """A relation that is a service, before its members are known."""

    row: dict[str, Any]
    is_area: bool
    way_ids: list[int]
    node_ids: list[int]


@dataclass(slots=True)
class _Gathered:
    """What the loops over one file gather; pyosmium's own objects do not outlive a step."""

    ways: dict[int, WayShape] = field(default_factory=dict)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    relations: list[_Relation] = field(default_factory=list)
    members: dict[int, WayShape] = field(default_factory=dict)
    entrances: dict[int, tuple[float, float]] = field(default_factory=dict)
    outlines: dict[str, list[WayShape]] = field(default_factory=dict)
    n_broken: Counter[str] = field(default_factory=Counter)
    latest: str = ""


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
    gathered = [_gathered(path, taxonomy) for path in paths]
    ways: dict[int, WayShape] = {}
    rows: dict[str, dict[str, Any]] = {}
    n_broken: Counter[str] = Counter()
    for part in reversed(gathered):
        ways |= {
            way_id: shape
            for way_id, shape in part.ways.items()
            if way_id not in ways or shape.n_nodes >= ways[way_id].n_nodes
        }
        rows |= part.rows
        n_broken += part.n_broken
    areas = [_area(path, part) for path, part in zip(paths, gathered, strict=True)]
    return OsmExtract(
        ways=flat_ways(ways),
        objects=_objects(rows),
        coverage=shapely.union_all(areas),
        n_broken=dict(sorted(n_broken.items())),
        provenance=tuple(
            _provenance(path, part) for path, part in zip(paths, gathered, strict=True)
        ),
    )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what libosmium says of a damaged file into a message for its owner."""
    try:
        yield
    except RuntimeError as error:
        raise DataError(
            f"Le fichier OpenStreetMap « {path.name} » est illisible : vide, abîmé, incomplet, ou "
            f"d'un autre format ({error}). Téléchargez-le de nouveau ; formats lus : "
            f"{', '.join(SUFFIXES)}."
        ) from error


def _gathered(path: Path, taxonomy: Taxonomy) -> _Gathered:
    _require_osm_file(path)
    gathered = _Gathered()
    with _readable(path):
        locations = _locations(path)
        _gather_relations(path, taxonomy, gathered)
        _gather_nodes_and_ways(path, taxonomy, locations, gathered)
        _gather_members(path, locations, gathered)
    for relation in gathered.relations:
        _add_relation(relation, locations, gathered)
    for osm_id, shapes in gathered.outlines.items():
        gathered.rows[osm_id]["entrances"] = entrance_points(shapes, gathered.entrances)
    return gathered


def _require_osm_file(path: Path) -> None:
    if not path.name.lower().endswith(SUFFIXES):
        raise DataError(
            f"« {path.name} » n'est pas un fichier OpenStreetMap ; formats lus : "
            f"{', '.join(SUFFIXES)}."
        )
    if not path.is_file():
        raise DataError(f"Le fichier OpenStreetMap « {path} » n'existe pas.")


def _locations(path: Path) -> osmium.index.LocationTable:
    """
    Return a table for the positions of nodes.

    It is filled beforehand for XML, where ways may come before their nodes (Overpass
    answers may); a .pbf file is sorted, and fills it as it is read.
    """
    table = osmium.index.create_map("flex_mem")
    if not path.name.lower().endswith(".pbf"):
        with osmium.io.Reader(path, NODE) as reader:
            osmium.apply(reader, osmium.NodeLocationsForWays(table))
    return table


def _gather_relations(path: Path, taxonomy: Taxonomy, gathered: _Gathered) -> None:
    wanted = KeyFilter(*taxonomy.keys)
    for relation in osmium.FileProcessor(path, RELATION).with_filter(wanted):
        tags = dict(relation.tags)
        if tags.get("type") in _LINE_RELATIONS or not taxonomy.categories_of(tags):
            continue
        is_area = tags.get("type") in _AREA_RELATIONS
        members = [(member.type, member.ref, member.role) for member in relation.members]
        gathered.relations.append(
            _Relation(
                row=_row(relation, tags, gathered),
                is_area=is_area,
                way_ids=[
                    ref for kind, ref, role in members if kind == "w" and role in ("", "outer")
                ],
                node_ids=[] if is_area else [ref for kind, ref, _ in members if kind == "n"],
            )
        )


def _gather_nodes_and_ways(
    path: Path, taxonomy: Taxonomy, locations: osmium.index.LocationTable, gathered: _Gathered
) -> None:
    wanted = KeyFilter("highway", "entrance", *taxonomy.keys)
    processor = osmium.FileProcessor(path, NODE | WAY).with_locations(locations)
    for item in processor.with_filter(wanted):
        if item.deleted:
            continue
        tags = dict(item.tags)
        is_service = bool(taxonomy.categories_of(tags))
        if item.is_node():
            _add_node(item, tags, gathered, is_service=is_service)
        else:
            _add_way(item, tags, gathered, is_service=is_service)


def _add_node(
    item: OSMObject, tags: dict[str, str], gathered: _Gathered, *, is_service: bool
) -> None:
    if not item.location.valid():
        gathered.n_broken["nœuds sans position"] += 1
        return
    if _is_entrance(tags):
        gathered.entrances[item.id] = (item.lon, item.lat)
    if is_service:
        row = _row(item, tags, gathered)
        gathered.rows[f"node/{item.id}"] = row | {"geometry": shapely.Point(item.lon, item.lat)}


def _add_way(
    item: OSMObject, tags: dict[str, str], gathered: _Gathered, *, is_service: bool
) -> None:
    walkable = is_walkable(tags)
    if not (walkable or is_service):
        return
    shape = _shape(item, gathered)
    if walkable:
        gathered.ways[item.id] = shape
    geometry = shape.geometry() if is_service else None
    if geometry is not None:
        gathered.rows[f"way/{item.id}"] = _row(item, tags, gathered) | {"geometry": geometry}
        gathered.outlines[f"way/{item.id}"] = [shape]


def _gather_members(path: Path, locations: osmium.index.LocationTable, gathered: _Gathered) -> None:
    """Read the ways that relations need: most of them have no tag that the taxonomy knows."""
    needed = {way_id for relation in gathered.relations for way_id in relation.way_ids}
    if not needed:
        return
    only_needed = IdFilter(needed)
    only_needed.enable_for(WAY)
    no_node = IdFilter([])
    no_node.enable_for(NODE)
    processor = osmium.FileProcessor(path, NODE | WAY).with_locations(locations)
    for way in processor.with_filter(only_needed).with_filter(no_node):
        gathered.members[way.id] = _shape(way, gathered)


def _shape(way: Way, gathered: _Gathered) -> WayShape:
    runs: list[list[Node]] = [[]]
    for node in way.nodes:
        location = node.location
        if location.valid():
            runs[-1].append((node.ref, location.lon, location.lat))
        elif runs[-1]:
            runs.append([])
    runs = [run for run in runs if run]
    n_known = sum(map(len, runs))
    if n_known < len(way.nodes):
        gathered.n_broken["voies dont des nœuds manquent"] += 1
    elif n_known < 2:  # noqa: PLR2004 - a line has two ends
        gathered.n_broken["voies d'un seul nœud"] += 1
    is_ring = len(runs) == 1 and n_known == len(way.nodes) >= _RING_SIZE and way.is_closed()
    return WayShape(runs=runs, is_ring=is_ring)


def _add_relation(
    relation: _Relation, locations: osmium.index.LocationTable, gathered: _Gathered
) -> None:
    shapes = [gathered.members[ref] for ref in relation.way_ids if ref in gathered.members]
    if len(shapes) < len(relation.way_ids):
        gathered.n_broken["relations dont des membres manquent"] += 1
    geometry = outline(shapes) if relation.is_area else scattered(shapes)
    if geometry is None:
        geometry = _node_points(relation.node_ids, locations)
    if geometry is None:
        gathered.n_broken["relations sans aucune position"] += 1
        return
    osm_id = str(relation.row["osm_id"])
    gathered.rows[osm_id] = relation.row | {"geometry": geometry}
    gathered.outlines[osm_id] = shapes


def _node_points(
    node_ids: list[int], locations: osmium.index.LocationTable
) -> shapely.Geometry | None:
    points = []
    for node_id in node_ids:
        try:
            location = locations.get(node_id)
        except KeyError:
            continue
        points.append((location.lon, location.lat))
    return shapely.MultiPoint(points) if points else None


def _is_entrance(tags: Mapping[str, str]) -> bool:
    kind = tags.get("entrance")
    return kind is not None and kind not in _NOT_ENTRANCES and tags.get("access") not in _CLOSED


def _row(item: OSMObject, tags: dict[str, str], gathered: _Gathered) -> dict[str, Any]:
    edited = item.timestamp
    observed_on = edited.date().isoformat() if edited.timestamp() > 0 else ""
    gathered.latest = max(gathered.latest, observed_on)
    kind = "node" if item.is_node() else "way" if item.is_way() else "relation"
    return {
        "osm_id": f"{kind}/{item.id}",
        "tags": tags,
        "observed_on": observed_on,
        "entrances": None,
    }


def _objects(rows: Mapping[str, dict[str, Any]]) -> gpd.GeoDataFrame:
    if not rows:
        return OSM_OBJECTS.empty()
    frame = pd.DataFrame(sorted(rows.values(), key=lambda row: str(row["osm_id"])))
    return OSM_OBJECTS.conform(gpd.GeoDataFrame(frame, geometry="geometry", crs=WGS84))


def _area(path: Path, gathered: _Gathered) -> shapely.Geometry:
    """Return the box that the header of a file tells, else the hull of the streets in it."""
    with _readable(path):
        box = osmium.FileProcessor(path).header.box()
    if box.valid():
        corners = (box.bottom_left.lon, box.bottom_left.lat, box.top_right.lon, box.top_right.lat)
        return shapely.box(*corners)
    places = [node[1:] for shape in gathered.ways.values() for run in shape.runs for node in run]
    return shapely.convex_hull(shapely.MultiPoint(places))


def _provenance(path: Path, gathered: _Gathered) -> Provenance:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    stated = _stated_timestamp(path)
    note = "" if stated else "date de la dernière modification d'un service, faute de mieux"
    return Provenance(
        source=f"OpenStreetMap, fichier {path.name}",
        url="https://www.openstreetmap.org/copyright",
        licence="ODbL 1.0",
        attribution="© les contributeurs d'OpenStreetMap",
        data_timestamp=stated or gathered.latest,
        sha256=sha256,
        note=note if stated or gathered.latest else "le fichier ne dit pas sa date",
    )


def _stated_timestamp(path: Path) -> str:
    """Return the date of the data that the file states: a .pbf header, or Overpass's `meta`."""
    header = osmium.FileProcessor(path).header
    stated = header.get("osmosis_replication_timestamp") or header.get("timestamp")
    if stated:
        return str(stated)
    with _opened(path) as file:
        found = _OSM_BASE.search(file.read(_HEAD_BYTES))
    return found.group(1).decode("ascii") if found else ""


def _opened(path: Path) -> BinaryIO:
    if path.suffix.lower() == ".gz":
        return cast("BinaryIO", gzip.open(path))
    if path.suffix.lower() == ".bz2":
        return cast("BinaryIO", bz2.open(path))
    return path.open("rb")
