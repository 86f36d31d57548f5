"""A map read from a .osm file without libosmium, and printed as Overpass prints it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from xml.etree import ElementTree as ET

import shapely

Key = tuple[str, int]  # kind and identifier
KINDS = ("node", "way", "relation")

OSM_BASE = "2026-01-31T00:00:00Z"


@dataclass(frozen=True, kw_only=True)
class Thing:
    """A node, a way or a relation, as in the file."""

    kind: str
    id: int
    tags: Mapping[str, str] = field(default_factory=dict)
    version: int = 1
    timestamp: str = ""
    lon: float | None = None
    lat: float | None = None
    refs: tuple[int, ...] = ()
    members: tuple[tuple[str, int, str], ...] = ()  # kind, identifier, role

    @property
    def key(self) -> Key:
        return self.kind, self.id


@dataclass(frozen=True)
class World:
    """Things by kind and identifier."""

    things: Mapping[Key, Thing]
    _within: dict[bytes, set[Key]] = field(
        default_factory=dict, compare=False
    )  # what was looked for

    @classmethod
    def of(cls, things: Iterable[Thing]) -> World:
        return cls({thing.key: thing for thing in things})

    @classmethod
    def from_file(cls, path: Path) -> World:
        root = ET.parse(path).getroot()  # noqa: S314 - a file of ours
        return cls.of(_thing(element) for kind in KINDS for element in root.iter(kind))

    def place(self, node_id: int) -> tuple[float, float] | None:
        node = self.things.get(("node", node_id))
        return (
            None if node is None or node.lon is None or node.lat is None else (node.lon, node.lat)
        )

    def below(self, keys: Collection[Key]) -> set[Key]:
        """Members of relations and nodes of ways, as `>` gives them."""
        found = {
            (kind, ref)
            for key in keys
            for kind, ref, _ in self.things[key].members
            if kind != "relation"
        }
        found = {key for key in found if key in self.things}
        ways = {key for key in (*keys, *found) if key[0] == "way"}
        nodes = {("node", ref) for key in ways for ref in self.things[key].refs}
        return found | {key for key in nodes if key in self.things}

    def within(self, area: shapely.Geometry) -> set[Key]:
        """What lies in an area or crosses it, by its nodes and the lines between them."""
        found = self._within.get(area.wkb)
        if found is None:
            found = self._within[area.wkb] = self._found_within(area)
        return found

    def _found_within(self, area: shapely.Geometry) -> set[Key]:
        shapely.prepare(area)
        drawn = {key for key, shape in self._shapes.items() if area.intersects(shape)}
        relations = {
            key
            for key, thing in self.things.items()
            if any((kind, ref) in drawn for kind, ref, _ in thing.members)
        }
        return drawn | relations

    @cached_property
    def _shapes(self) -> dict[Key, shapely.Geometry]:
        shapes: dict[Key, shapely.Geometry] = {}
        for key, thing in self.things.items():
            refs = (thing.id,) if thing.kind == "node" else thing.refs
            places = [place for ref in refs if (place := self.place(ref)) is not None]
            if places:
                one = len(places) == 1
                shapes[key] = shapely.Point(places[0]) if one else shapely.LineString(places)
        return shapes


def elements(
    world: World, keys: Iterable[Key], *, mode: str = "body", has_geometry: bool = False
) -> list[dict[str, object]]:
    """Print things as `out` does: nodes, ways, relations, each by identifier."""
    ordered = sorted(keys, key=lambda key: (KINDS.index(key[0]), key[1]))
    return [_element(world, world.things[key], mode, has_geometry=has_geometry) for key in ordered]


def document(found: list[dict[str, object]], **more: object) -> dict[str, object]:
    """Lay elements out as an answer."""
    head = {
        "version": 0.6,
        "generator": "Overpass API 0.7.62.5 1bd436f1",
        "osm3s": {"timestamp_osm_base": OSM_BASE, "copyright": "OpenStreetMap, ODbL."},
    }
    return head | {"elements": found} | more


def json_of(world: World, *, mode: str = "meta") -> bytes:
    """Print a whole world as one answer."""
    return json.dumps(document(elements(world, world.things, mode=mode))).encode()


def xml_of(answer: Mapping[str, object], path: Path) -> Path:
    """Write the elements of an answer as a .osm file."""
    root = ET.Element("osm", version="0.6", generator="test")
    ET.SubElement(root, "meta", osm_base=str(answer["osm3s"]["timestamp_osm_base"]))  # type: ignore[index]
    for one in answer["elements"]:  # type: ignore[attr-defined]
        names = ("id", "lat", "lon", "version", "timestamp")
        said = {name: str(one[name]) for name in names if name in one}
        element = ET.SubElement(root, one["type"], {"version": "1"} | said)
        for ref in one.get("nodes", ()):
            ET.SubElement(element, "nd", ref=str(ref))
        for member in one.get("members", ()):
            ET.SubElement(element, "member", {k: str(v) for k, v in member.items()})
        for key, value in one.get("tags", {}).items():
            ET.SubElement(element, "tag", k=key, v=value)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    return path


def _thing(element: ET.Element) -> Thing:
    said = element.attrib
    return Thing(
        kind=element.tag,
        id=int(said["id"]),
        tags={tag.attrib["k"]: tag.attrib["v"] for tag in element.iter("tag")},
        version=int(said.get("version", "1")),
        timestamp=said.get("timestamp", ""),
        lon=float(said["lon"]) if "lon" in said else None,
        lat=float(said["lat"]) if "lat" in said else None,
        refs=tuple(int(nd.attrib["ref"]) for nd in element.iter("nd")),
        members=tuple(
            (member.attrib["type"], int(member.attrib["ref"]), member.attrib["role"])
            for member in element.iter("member")
        ),
    )


def _element(world: World, thing: Thing, mode: str, *, has_geometry: bool) -> dict[str, object]:
    element: dict[str, object] = {"type": thing.kind, "id": thing.id}
    if thing.kind == "node":
        element |= {"lat": thing.lat, "lon": thing.lon}
    if mode == "meta":
        element |= {"version": thing.version, "user": "someone", "uid": 1, "changeset": 1}
        element |= {"timestamp": thing.timestamp} if thing.timestamp else {}
    if thing.kind == "way":
        element["nodes"] = list(thing.refs)
    if thing.kind == "relation":
        element["members"] = [
            {"type": kind, "ref": ref, "role": role} for kind, ref, role in thing.members
        ]
    if has_geometry:
        _draw(world, thing, element)
    if thing.tags and mode != "skel":
        element["tags"] = dict(thing.tags)
    return element


def _draw(world: World, thing: Thing, element: dict[str, object]) -> None:
    if thing.kind == "way":
        element["geometry"] = [_lat_lon(world.place(ref)) for ref in thing.refs]
    for member in element.get("members", ()):  # type: ignore[attr-defined]
        if member["type"] == "node" and (place := _lat_lon(world.place(member["ref"]))):
            member.update(place)
        if member["type"] == "way" and ("way", member["ref"]) in world.things:
            refs = world.things["way", member["ref"]].refs
            member["geometry"] = [_lat_lon(world.place(ref)) for ref in refs]


def _lat_lon(place: tuple[float, float] | None) -> dict[str, float] | None:
    return None if place is None else {"lat": place[1], "lon": place[0]}
