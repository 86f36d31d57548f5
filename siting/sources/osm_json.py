"""The JSON that Overpass returns, read as it comes: nothing in it is taken on trust.

Any `out` that gives nodes their places will do (`body`, `meta`, `skel`, `geom`, in any order), and
so does the JSON of the OpenStreetMap API. An object that is not as it should be is counted.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, BinaryIO

import shapely

from siting.errors import DataError
from siting.sources.json_text import JsonText
from siting.sources.osm_content import Item, OsmContent, OsmGathering, Place
from siting.sources.osm_shapes import WayShape, shape_of
from siting.sources.osm_tags import NO_SET

MALFORMED = "objets mal formés"

_DATE = re.compile(r"[0-9TZ:.+-]{10,30}")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # no text: no file can hold it
_LARGEST_ID = 2**63 - 1
_UNITS_PER_DEGREE = 10_000_000  # the precision of OpenStreetMap
_DRAWN_ID = -(2**62)  # below the identifiers of nodes: of those of a line that names none
_LETTERS = {"node": "n", "way": "w", "relation": "r"}
# What a server says of its answer without taking it back (`runtime_remark` in its source).
_HARMLESS = re.compile(r"\s*runtime remark:(?!.*(?:error|time|memory))", re.IGNORECASE | re.DOTALL)


@dataclass(slots=True)
class _Found:
    """An object as it was found; what the answer leaves out is None, or version 0."""

    version: int
    edited_on: str
    tags: dict[str, str] | None
    refs: list[int | None] | None = None  # nodes of a way, None for one that is no identifier
    members: list[tuple[str, int, str]] | None = None


@dataclass(slots=True)
class JsonAnswer:
    """
    What one answer holds, before anybody says what it means.

    Parameters
    ----------
    timestamp
        Date of the data, ISO; empty when the answer does not tell it.
    remark
        Why the answer is not whole, in the words of the server; empty when it is.
    box
        Area that the answer says to cover, in degrees.
    places
        Places of nodes that are somewhere on Earth.
    nodes, ways, relations
        Objects by identifier; nodes with tags only.
    drawn
        Lines of members of relations, by way, from an answer that draws them (`out geom`).
    n_broken
        Number of broken objects by kind, in French.
    """

    timestamp: str = ""
    remark: str = ""
    box: shapely.Geometry | None = None
    places: dict[int, Place] = field(default_factory=dict)
    nodes: dict[int, _Found] = field(default_factory=dict)
    ways: dict[int, _Found] = field(default_factory=dict)
    relations: dict[int, _Found] = field(default_factory=dict)
    drawn: dict[int, list[Place | None]] = field(default_factory=dict)
    n_broken: Counter[str] = field(default_factory=Counter)


def read_answer(file: BinaryIO, *, name: str) -> JsonAnswer:
    """
    Read the JSON of one answer, whether it is whole or not: see its `remark`.

    The text is never whole in memory; what is kept of it takes about four times its size.

    Parameters
    ----------
    file
        Bytes of the answer, UTF-8.
    name
        What to call it in messages.

    Raises
    ------
    DataError
        It is no JSON, is cut short, or is not an answer of Overpass (in French).
    """
    text = JsonText(file)
    answer = JsonAnswer()
    try:
        has_elements = _read(text, answer)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"La réponse d'Overpass « {name} » est illisible : {text.what_is_wrong()}. "
            "Téléchargez-la de nouveau."
        ) from error
    if not has_elements:
        raise DataError(
            f"« {name} » n'est pas une réponse d'Overpass : ce JSON n'a pas de liste « elements ». "
            "Demandez du JSON à Overpass ([out:json]), ou donnez un fichier .osm ou .osm.pbf."
        )
    return answer


def require_whole(remark: str, *, name: str) -> None:
    """
    Refuse an answer that the server says it could not finish: what it holds is a part.

    Raises
    ------
    DataError
        There is a remark.
    """
    if remark:
        raise DataError(
            f"La réponse d'Overpass « {name} » est incomplète ; le serveur le dit : "
            f"« {remark[:200]} ». Demandez une zone plus petite, ou un délai plus long."
        )


def content_of(answers: Sequence[JsonAnswer], gathering: OsmGathering) -> OsmContent:
    """
    Tell what is walked and what is a service in answers taken together.

    An object that stands several times is taken once: in its last version, else with what
    one reading says and the other leaves out, the first deciding between them.

    Parameters
    ----------
    answers
        Whole ones.
    gathering
        Where objects are added; of no use afterwards.
    """
    whole = _joined(answers)
    for number, relation in sorted(whole.relations.items()):
        gathering.add_relation(_item("relation", number, relation), relation.members or ())
    for number, node in sorted(whole.nodes.items()):
        item = _item("node", number, node)
        meaning = gathering.tags.node(item.tags)
        if meaning is not None:
            gathering.add_node(item, meaning, whole.places.get(number))
    _add_ways(whole, gathering)
    gathering.content.n_broken += whole.n_broken
    return gathering.finish(whole.places.get)


def _add_ways(whole: JsonAnswer, gathering: OsmGathering) -> None:
    walk_of_member = gathering.walk_of_members()
    for number, way in sorted(whole.ways.items()):
        item = _item("way", number, way)
        meaning = gathering.tags.way(item.tags)
        is_member = number in walk_of_member
        if not (is_member or meaning.may_be_service or meaning.walk != NO_SET):
            continue
        shape = _shape(way.refs, whole.places)
        if is_member:
            is_other = "highway" not in item.tags and meaning.walk == NO_SET
            gathering.add_member(number, walk_of_member[number] if is_other else NO_SET, shape)
        if meaning.may_be_service:
            gathering.add_way(item, meaning, shape)
        elif meaning.walk != NO_SET:
            gathering.add_street(number, meaning.walk, shape)
    for number in sorted(walk_of_member.keys() & whole.drawn.keys() - whole.ways.keys()):
        if walk_of_member[number] != NO_SET:  # where it meets other streets is not known
            gathering.content.n_broken["voies sans liste de nœuds"] += 1
        gathering.add_member(number, NO_SET, _drawn_shape(whole.drawn[number]))


def _shape(refs: Sequence[int | None] | None, places: Mapping[int, Place]) -> WayShape:
    if refs is None:
        return shape_of([None], is_closed=False)
    nodes = [
        None if ref is None or (place := places.get(ref)) is None else (ref, *place) for ref in refs
    ]
    return shape_of(nodes, is_closed=bool(refs) and refs[0] == refs[-1])


def _drawn_shape(line: Sequence[Place | None]) -> WayShape:
    nodes = [None if place is None else (_DRAWN_ID - at, *place) for at, place in enumerate(line)]
    return shape_of(nodes, is_closed=bool(line) and line[0] == line[-1])


def _item(kind: str, number: int, found: _Found) -> Item:
    return Item(kind, number, found.tags or {}, found.edited_on)


def _joined(answers: Sequence[JsonAnswer]) -> JsonAnswer:
    if len(answers) == 1:
        return answers[0]
    whole = JsonAnswer()
    for answer in answers:
        whole.n_broken += answer.n_broken
        for number, place in answer.places.items():
            whole.places.setdefault(number, place)
        for number, line in answer.drawn.items():
            whole.drawn.setdefault(number, line)
        for name in ("nodes", "ways", "relations"):
            table: dict[int, _Found] = getattr(whole, name)
            for number, found in getattr(answer, name).items():
                if _keep(table, number, found) and number in answer.places and name == "nodes":
                    whole.places[number] = answer.places[number]
    return whole


def _keep(table: dict[int, _Found], number: int, found: _Found) -> bool:
    """Add a reading of an object to those there are; tell if it replaces them."""
    former = table.get(number)
    if former is None or found.version > former.version:
        table[number] = found
        return former is not None
    if found.version == former.version:
        former.tags = found.tags if former.tags is None else former.tags
        former.refs = found.refs if former.refs is None else former.refs
        former.members = found.members if former.members is None else former.members
        former.edited_on = former.edited_on or found.edited_on
    return False


def _read(text: JsonText, answer: JsonAnswer) -> bool:
    """Read an answer; tell if it has a list of elements."""
    elements = _Elements(answer)
    has_elements = False
    for key in text.keys():  # noqa: SIM118 - not a dict
        if key == "elements" and text.next_sign() == "[":
            has_elements = True
            for element in text.values():
                elements.add(element)
        else:
            _read_head(key, text.value(), answer)
    if text.next_sign():
        raise ValueError("more than one document")
    return has_elements


def _read_head(key: str, value: object, answer: JsonAnswer) -> None:
    """Take note of what an answer says of itself."""
    if key == "remark" and value:
        said = value if isinstance(value, str) else json.dumps(value)
        answer.remark = "" if _HARMLESS.match(said) else " ".join(said.split())
    elif key == "osm3s" and isinstance(value, dict):
        said = str(value.get("timestamp_osm_base"))
        answer.timestamp = said if _DATE.fullmatch(said) else ""
    elif key == "bounds" and isinstance(value, dict):
        low = _place(value.get("minlon"), value.get("minlat"))
        high = _place(value.get("maxlon"), value.get("maxlat"))
        answer.box = shapely.box(*low, *high) if low and high else None


class _Elements:
    """Takes the elements of an answer, one by one."""

    def __init__(self, answer: JsonAnswer) -> None:
        self._answer = answer
        self._is_sound = True
        self._add: dict[object, Callable[[int, dict[str, Any]], None]] = {
            "node": self._add_node,
            "way": self._add_way,
            "relation": self._add_relation,
        }

    def add(self, element: object) -> None:
        """Add an element, or what can be read of it."""
        if not isinstance(element, dict):
            self._answer.n_broken[MALFORMED] += 1
            return
        kind, number = element.get("type"), element.get("id")
        add = self._add.get(kind) if isinstance(kind, str) else None
        self._is_sound = kind in ("count", "area") or (add is not None and _is_id(number))
        is_there = element.get("visible", True) is not False
        if add is not None and isinstance(number, int) and self._is_sound and is_there:
            add(number, element)
        if not self._is_sound:
            self._answer.n_broken[MALFORMED] += 1

    def _add_node(self, number: int, element: dict[str, Any]) -> None:
        place = _place(element.get("lon"), element.get("lat"))
        places = self._answer.places
        if "tags" not in element and number not in self._answer.nodes:
            if place is not None:
                places.setdefault(number, place)
            return
        is_newer = _keep(self._answer.nodes, number, self._found(element))
        if place is not None and (is_newer or number not in places):
            places[number] = place

    def _add_way(self, number: int, element: dict[str, Any]) -> None:
        found = self._found(element)
        refs = self._list_of(element, "nodes")
        if refs is not None:
            found.refs = [ref if _is_id(ref) else None for ref in refs]
            self._is_sound &= None not in found.refs
            line = self._line(element)
            if line is not None and len(line) == len(found.refs):
                for ref, place in zip(found.refs, line, strict=True):
                    if ref is not None and place is not None:
                        self._answer.places.setdefault(ref, place)
        _keep(self._answer.ways, number, found)

    def _add_relation(self, number: int, element: dict[str, Any]) -> None:
        found = self._found(element)
        members = self._list_of(element, "members")
        if members is not None:
            found.members = []
            for member in members:
                if isinstance(member, dict) and _is_member(member):
                    role = member.get("role", "")
                    found.members.append((_LETTERS[member["type"]], member["ref"], str(role)))
                    self._add_drawn(member)
                else:
                    self._is_sound = False
        _keep(self._answer.relations, number, found)

    def _add_drawn(self, member: dict[str, Any]) -> None:
        """Take the line of a member that is a way, or the place of one that is a node."""
        ref = member["ref"]
        if member["type"] == "way" and (line := self._line(member)) is not None:
            self._answer.drawn.setdefault(ref, line)
        place = _place(member.get("lon"), member.get("lat"))
        if member["type"] == "node" and place is not None:
            self._answer.places.setdefault(ref, place)

    def _line(self, element: dict[str, Any]) -> list[Place | None] | None:
        """Read the geometry of a line, None where the answer leaves a node out."""
        points = self._list_of(element, "geometry")
        if points is None:
            return None
        return [
            _place(point.get("lon"), point.get("lat")) if isinstance(point, dict) else None
            for point in points
        ]

    def _found(self, element: dict[str, Any]) -> _Found:
        version, said = element.get("version"), element.get("timestamp")
        return _Found(
            version=version if isinstance(version, int) else 0,
            edited_on=_day(said) if isinstance(said, str) else "",
            tags=self._tags(element),
        )

    def _tags(self, element: dict[str, Any]) -> dict[str, str] | None:
        given = element.get("tags")
        if given is None:
            return None
        if not isinstance(given, dict):
            self._is_sound = False
            return None
        tags = {_text(key): _text(said) for key, said in given.items() if isinstance(said, str)}
        self._is_sound &= len(tags) == len(given)
        return tags

    def _list_of(self, element: dict[str, Any], key: str) -> list[Any] | None:
        values = element.get(key)
        if values is None:
            return None
        self._is_sound &= isinstance(values, list)
        return values if isinstance(values, list) else None


def _is_id(value: object) -> bool:
    return type(value) is int and -_LARGEST_ID <= value <= _LARGEST_ID  # a bool is no number


def _is_member(member: dict[str, Any]) -> bool:
    return str(member.get("type")) in _LETTERS and _is_id(member.get("ref"))


def _place(lon: object, lat: object) -> Place | None:
    """Return a place on Earth to the precision of OpenStreetMap; None if there is none."""
    if not (isinstance(lon, float | int) and isinstance(lat, float | int)):
        return None
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):  # noqa: PLR2004 - the Earth
        return None
    units = round(lon * _UNITS_PER_DEGREE), round(lat * _UNITS_PER_DEGREE)
    return units[0] / _UNITS_PER_DEGREE, units[1] / _UNITS_PER_DEGREE


def _text(value: str) -> str:
    return value if value.isascii() else _LONE_SURROGATE.sub("\ufffd", value)


def _day(timestamp: str) -> str:
    try:
        return date.fromisoformat(timestamp[:10]).isoformat()
    except ValueError:
        return ""
