"""What is kept of an OpenStreetMap file, whatever reads it: plain values in, drafts out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely

from siting.categories import Excluded, Taxonomy
from siting.crs import FloatArray, IntArray
from siting.sources.osm_shapes import WayShape, entrance_points, outline, scattered
from siting.sources.osm_streets import StreetDraft
from siting.sources.osm_tags import NO_SET, Meaning, TagReader

Place = tuple[float, float]  # longitude, latitude

_AREA_RELATIONS = frozenset({"multipolygon", "boundary"})
_LINE_RELATIONS = frozenset({"route", "route_master", "superroute", "restriction"})


@dataclass(slots=True)
class OsmContent:
    """
    What one file holds.

    Parameters
    ----------
    streets
        Walked ways.
    marks
        Position of the set of walking tags of each node that has some.
    rows
        Rows of OSM_OBJECTS, by identifier.
    excluded
        Objects that would be services and are none, by identifier.
    n_broken
        Number of broken objects by kind, in French.
    latest
        Day of the last edit of a service; empty when unknown.
    near, outline
        Where streets were kept, in degrees, and positions of all streets of the file, kept or
        not; None where all of them were kept.
    """

    streets: StreetDraft = field(default_factory=StreetDraft)
    marks: dict[int, int] = field(default_factory=dict)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    excluded: dict[str, Excluded] = field(default_factory=dict)
    n_broken: Counter[str] = field(default_factory=Counter)
    latest: str = ""
    near: shapely.Geometry | None = None
    outline: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """An object of a file: its kind, identifier, tags, and day of last edit ("" if unknown)."""

    kind: str
    id: int
    tags: dict[str, str]
    edited_on: str


@dataclass(slots=True, kw_only=True)
class _Relation:
    """
    A relation that is a service, a walked area, or both, before its members are known.

    `row` is None when it is no service; its shape is that of `outline_ids`, or of `node_ids`
    without any. People walk along `street_ids`, whose tags are the set at `walk`.
    """

    row: dict[str, Any] | None
    is_area: bool
    outline_ids: list[int]
    node_ids: list[int]
    street_ids: list[int]
    walk: int

    @property
    def way_ids(self) -> set[int]:
        """Ways of which the shape is needed."""
        return {*self.outline_ids, *self.street_ids}


class OsmGathering:
    """
    Gathers a file, read in this order: relations, nodes, ways.

    Parameters
    ----------
    taxonomy
        What counts as a service.
    tags
        What tags mean.
    """

    def __init__(self, taxonomy: Taxonomy, tags: TagReader) -> None:
        self.content = OsmContent()
        self.tags = tags
        self._taxonomy = taxonomy
        self._relations: list[_Relation] = []
        self._members: dict[int, WayShape] = {}
        self._entrances: dict[int, Place] = {}
        self._outlines: dict[str, list[WayShape]] = {}
        self._broken_ways: set[int] = set()
        self._points: list[Place] = []
        self._at_points: list[dict[str, Any]] = []
        self._unplaced: dict[str, Excluded] = {}

    def add_relation(self, item: Item, members: Iterable[tuple[str, int, str]]) -> None:
        """Add a relation and its members: letter of their kind, identifier, role."""
        kind = item.tags.get("type")
        if kind in _LINE_RELATIONS:
            return
        walk = self.tags.street(item.tags) if kind == "multipolygon" else NO_SET
        row = self._service_row(item)
        if row is None and walk == NO_SET:
            return
        is_area = kind in _AREA_RELATIONS
        known = list(members)
        ways = [(ref, role) for letter, ref, role in known if letter == "w"]
        nodes = [ref for letter, ref, _ in known if letter == "n"]
        self._relations.append(
            _Relation(
                row=row,
                is_area=is_area,
                outline_ids=[ref for ref, role in ways if row and role in ("", "outer")],
                node_ids=[] if is_area else nodes,
                street_ids=[] if walk == NO_SET else [ref for ref, _ in ways],
                walk=walk,
            )
        )

    def walk_of_members(self) -> dict[int, int]:
        """Return the set of tags that each member has from its relation, `NO_SET` for none."""
        walks: dict[int, int] = {}
        for relation in self._relations:
            walks |= dict.fromkeys(relation.outline_ids, NO_SET)
        for relation in reversed(self._relations):
            walks |= dict.fromkeys(relation.street_ids, relation.walk)
        return walks

    def member_nodes(self) -> IntArray:
        """Return the nodes that relations may be placed by."""
        node_ids = [ref for relation in self._relations for ref in relation.node_ids]
        return np.array(node_ids, dtype=np.int64)

    def add_node(self, item: Item, meaning: Meaning, place: Place | None) -> None:
        """Add a node that means something; its place may be unknown."""
        if place is None:
            self.content.n_broken["nœuds sans position"] += 1
            return
        if meaning.walk != NO_SET:
            self.content.marks[item.id] = meaning.walk
        if meaning.is_entrance:
            self._entrances[item.id] = place
        row = self._service_row(item) if meaning.may_be_service else None
        if row is not None and not self._is_excluded(row):
            self._points.append(place)
            self._at_points.append(row)
            self.content.rows[row["osm_id"]] = row

    def add_way(self, item: Item, meaning: Meaning, shape: WayShape) -> None:
        """Add a way that may be a service, and may be walked too."""
        row = self._service_row(item)
        if row is None and meaning.walk == NO_SET:
            return
        geometry = None if row is None else shape.geometry()
        is_excluded = row is not None and geometry is not None and self._is_excluded(row)
        if meaning.walk != NO_SET or not is_excluded:
            self._count(item.id, shape)
        if meaning.walk != NO_SET:
            self.content.streets.add_runs(item.id, meaning.walk, shape.runs)
        if row is not None and geometry is not None and not is_excluded:
            entrances = entrance_points([shape], self._entrances)
            self.content.rows[row["osm_id"]] = row | {"geometry": geometry, "entrances": entrances}

    def add_street(self, way_id: int, walk: int, shape: WayShape) -> None:
        """Add a walked way, of which the file may not hold all nodes."""
        self._count(way_id, shape)
        self.content.streets.add_runs(way_id, walk, shape.runs)

    def add_member(self, way_id: int, walk: int, shape: WayShape) -> None:
        """Add a member of relations; `walk` is `NO_SET` unless it is walked with their tags."""
        self._members[way_id] = shape
        self._count(way_id, shape)
        if walk != NO_SET:
            self.content.streets.add_runs(way_id, walk, shape.runs)

    def finish(self, place_of: Callable[[int], Place | None]) -> OsmContent:
        """Give services their places and entrances, when all is read."""
        points = shapely.points(np.reshape(np.array(self._points, dtype=np.float64), (-1, 2)))
        for row, point in zip(self._at_points, points, strict=True):
            row["geometry"] = point
        for relation in self._relations:
            is_excluded = relation.row is not None and relation.row["osm_id"] in self._unplaced
            if not (is_excluded or relation.way_ids <= self._members.keys()):
                self.content.n_broken["relations dont des membres manquent"] += 1
            if relation.row is not None:
                self._add_shape(relation, relation.row, place_of)
        for osm_id, shapes in self._outlines.items():
            self.content.rows[osm_id]["entrances"] = entrance_points(shapes, self._entrances)
        return self.content

    def _add_shape(
        self, relation: _Relation, row: dict[str, Any], place_of: Callable[[int], Place | None]
    ) -> None:
        shapes = [self._members[ref] for ref in relation.outline_ids if ref in self._members]
        geometry = outline(shapes) if relation.is_area else scattered(shapes)
        is_drawn = geometry is not None
        if not is_drawn:
            places = [place for ref in relation.node_ids if (place := place_of(ref)) is not None]
            geometry = shapely.MultiPoint(places) if places else None
        if geometry is None:
            if row["osm_id"] not in self._unplaced:
                self.content.n_broken["relations sans aucune position"] += 1
        elif not self._is_excluded(row):
            self.content.rows[row["osm_id"]] = row | {"geometry": geometry}
            if is_drawn:
                self._outlines[row["osm_id"]] = shapes

    def _service_row(self, item: Item) -> dict[str, Any] | None:
        """Start the row of an object, without its geometry; None if it would be no service."""
        osm_id = f"{item.kind}/{item.id}"
        if self._taxonomy.categories_of(item.tags):
            self.content.latest = max(self.content.latest, item.edited_on)
        else:
            excluded = self._taxonomy.excluded(item.tags)
            if excluded is None:
                return None
            self._unplaced[osm_id] = excluded
        return {
            "osm_id": osm_id,
            "tags": item.tags,
            "observed_on": item.edited_on,
            "entrances": None,
        }

    def _is_excluded(self, row: dict[str, Any]) -> bool:
        """Tell if an object that has a place would be a service and is none; then note it."""
        excluded = self._unplaced.pop(row["osm_id"], None)
        if excluded is not None:
            self.content.excluded[row["osm_id"]] = excluded
        return excluded is not None

    def _count(self, way_id: int, shape: WayShape) -> None:
        if (shape.n_missing or shape.n_nodes < 2) and way_id not in self._broken_ways:  # noqa: PLR2004 - a line has two ends
            kind = "voies dont des nœuds manquent" if shape.n_missing else "voies d'un seul nœud"
            self.content.n_broken[kind] += 1
            self._broken_ways.add(way_id)
