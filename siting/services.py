"""From OpenStreetMap objects to services: classified, and each one there once.

A shop drawn as a building and as a point inside it, or a bus stop with its two platforms,
is one service. Objects are joined by reference, else by name and distance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from siting.categories import Category, Taxonomy
from siting.crs import WGS84, metric_crs
from siting.garbage import no_collection
from siting.names import plain_key
from siting.selectors import listed_values
from siting.tables import OSM_OBJECTS, SERVICES, Observation

SOURCE = "OpenStreetMap"

# Osmose compares FINESS with OSM within 200 m: further apart, one of two references is wrong.
SAME_REF_M = 200.0
# A door further than this from a station leads elsewhere, or to a station out of the data.
ENTRANCE_M = 200.0
_MILLIMETRE_M = 0.001  # distances are rounded to it, so that equal ones are equal everywhere

_CHECKED_ON = ("check_date", "survey:date")
_KINDS = ("node", "way", "relation")
_AREAS = ("Polygon", "MultiPolygon")
_WHEELCHAIR = {"yes": "yes", "designated": "yes", "limited": "limited", "no": "no"}

_Geometries = npt.NDArray[np.object_]
_Positions = npt.NDArray[np.int64]
_Pair = tuple[int, float, int, int]  # rank of the reason (0 first), metres, place, other place


class _Standing(IntEnum):
    """How well an object stands for its service, the best first."""

    ENTRANCES = 0
    AREA = 1
    POINT = 2
    TRACK = 3  # where the vehicle stops, not where one waits
    DOOR = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """One object that is a service, or a door of one; `name_key` is its name made comparable."""

    osm_id: str
    tags: Mapping[str, str]
    categories: tuple[str, ...]
    doors_of: tuple[str, ...]
    name_key: str
    references: Mapping[str, frozenset[str]]
    geometry: shapely.Geometry
    entrances: shapely.Geometry | None
    edited_on: str

    @property
    def name(self) -> str:
        """Name on the map, else brand."""
        return _label(self.tags)

    @property
    def standing(self) -> _Standing:
        """How well it stands for the service."""
        if self.doors_of:
            return _Standing.DOOR
        if self.tags.get("public_transport") == "stop_position":
            return _Standing.TRACK
        if self.entrances is not None:
            return _Standing.ENTRANCES
        return _Standing.AREA if self.geometry.geom_type in _AREAS else _Standing.POINT


@dataclass(slots=True)
class _Group:
    """Places joined so far, with the names and references found among them."""

    members: list[int]
    names: set[str]
    references: dict[str, set[str]]

    def contradicts(self, other: _Group, identity_keys: Sequence[str]) -> bool:
        """Tell if two groups differ by the first reference both carry, else by name."""
        for key in identity_keys:
            if key in self.references and key in other.references:
                return self.references[key].isdisjoint(other.references[key])
        return bool(self.names and other.names) and self.names.isdisjoint(other.names)

    def absorb(self, other: _Group) -> None:
        """Take the places, names and references of another group."""
        self.members += other.members
        self.names |= other.names
        for key, values in other.references.items():
            self.references.setdefault(key, set()).update(values)


@no_collection()
def services_from_osm(objects: gpd.GeoDataFrame, taxonomy: Taxonomy) -> gpd.GeoDataFrame:
    """
    Classify OpenStreetMap objects, and join those that are one and the same service.

    Two objects of one category are one service when they share a reference (FINESS, La
    Poste, UIC...) within 200 m, else when they have the same name within 50 m (80 m for
    stops), or when one has no name, within 15 m; an area is at 0 m from what is inside.
    Nearest pairs are joined first, and never two that differ by reference or by name, not
    even through a third. A door mapped on its own (underground, railway) goes to its
    nearest station, within 200 m.

    The service is where one goes in: its entrances, else the outline of its area, else its
    point. A stop of several platforms has a row for each, so that a walk ends at the object
    it cites: they name each other in `merged_ids`, and count as one service. Opening hours
    and quality are ignored.

    Parameters
    ----------
    objects
        Table OSM_OBJECTS; objects that are no service, or have no place, are left out.
    taxonomy
        What counts as a service.

    Returns
    -------
    services
        Table SERVICES, sorted by kind and number of OSM object: the same whatever the order
        of `objects`. `name` falls back on the brand; `observed_on` is the last day that a
        mapper says to have checked, else that of the last edit (`observed_by` says which);
        `wheelchair` is `unknown` where tags say nothing, or contradict each other.

    Raises
    ------
    DataError
        If `objects` is not a table OSM_OBJECTS.
    CrsError
        If it is not in WGS84, or spans more than one territory.
    """
    places = _places(OSM_OBJECTS.conform(objects), taxonomy)
    if not places:
        return SERVICES.empty()
    pairs = sorted(_pairs(places, taxonomy))
    groups = _groups(places, pairs, taxonomy.identity_keys)
    rows = [
        row
        for members in groups
        for row in _service_rows([places[at] for at in sorted(members)], taxonomy)
    ]
    rows.sort(key=lambda row: _id_key(row["service_id"]))
    return SERVICES.conform(gpd.GeoDataFrame(rows, geometry="geometry", crs=WGS84))


def _places(objects: gpd.GeoDataFrame, taxonomy: Taxonomy) -> list[_Place]:
    located = objects[~(objects.geometry.isna() | objects.geometry.is_empty)]
    columns = (located[name] for name in ("tags", "entrances", "observed_on", "geometry"))
    places = []
    for osm_id, tags, entrances, day, geometry in zip(located.index, *columns, strict=True):
        categories = taxonomy.categories_of(tags)
        if not categories:
            continue
        doors_of = taxonomy.entrance_of(tags)
        place = _Place(
            osm_id=osm_id,
            tags=tags,
            categories=categories,
            doors_of=doors_of,
            # A door is named after the street it opens on: its name says nothing of the station.
            name_key="" if doors_of else plain_key(_label(tags)),
            references={} if doors_of else _references(tags, taxonomy.identity_keys),
            geometry=geometry,
            entrances=entrances,
            edited_on=day if isinstance(day, str) else "",
        )
        places.append(place)
    return sorted(places, key=lambda place: _id_key(place.osm_id))


def _label(tags: Mapping[str, str]) -> str:
    return (tags.get("name") or tags.get("brand") or "").strip()


def _references(tags: Mapping[str, str], keys: Iterable[str]) -> dict[str, frozenset[str]]:
    found = {key: frozenset(listed_values(tags[key])) for key in keys if key in tags}
    return {key: values for key, values in found.items() if values}


def _id_key(osm_id: str) -> tuple[int, int, str]:
    """Sort nodes before ways before relations, and ``node/2`` before ``node/10``."""
    kind, _, number = osm_id.partition("/")
    return _KINDS.index(kind) if kind in _KINDS else len(_KINDS), len(number), osm_id


def _projected(places: Sequence[_Place]) -> _Geometries:
    layer = gpd.GeoSeries([place.geometry for place in places], crs=WGS84)
    west, south, east, north = (float(bound) for bound in layer.total_bounds)
    metric = layer.to_crs(metric_crs((west, south, east, north)))
    return np.asarray(metric.to_numpy(), dtype=np.object_)


def _pairs(places: Sequence[_Place], taxonomy: Taxonomy) -> Iterator[_Pair]:
    """Yield the pairs that may be one service: doors, same reference, same name, no name."""
    shapes = _projected(places)
    names = np.array([place.name_key for place in places], dtype=np.object_)
    held: dict[str, list[int]] = {}
    for at, place in enumerate(places):
        for category in dict.fromkeys(place.categories + place.doors_of):
            held.setdefault(category, []).append(at)
    for category, positions in held.items():
        among = np.array(positions, dtype=np.int64)
        yield from _door_pairs(places, shapes, among, category)
        yield from _reference_pairs(places, shapes, among, taxonomy.identity_keys)
        yield from _name_pairs(names, shapes, among, taxonomy.category[category])


def _door_pairs(
    places: Sequence[_Place], shapes: _Geometries, among: _Positions, category: str
) -> Iterator[_Pair]:
    """Yield each door with its nearest station; of two at the same millimetre, the first."""
    is_door = np.array([bool(places[at].doors_of) for at in among])
    doors = among[[category in places[at].doors_of for at in among]]
    stations = among[~is_door]
    door, station = shapely.STRtree(shapes[stations]).query(
        shapes[doors], predicate="dwithin", distance=ENTRANCE_M + _MILLIMETRE_M
    )
    door, station = doors[door], stations[station]
    metres = np.round(shapely.distance(shapes[door], shapes[station]), 3)
    order = np.lexsort((station, metres, door))
    _, first = np.unique(door[order], return_index=True)
    for at in order[first]:
        if metres[at] <= ENTRANCE_M:
            yield 0, float(metres[at]), int(door[at]), int(station[at])


def _reference_pairs(
    places: Sequence[_Place],
    shapes: _Geometries,
    among: _Positions,
    identity_keys: Sequence[str],
) -> Iterator[_Pair]:
    referenced = np.array([at for at in among if places[at].references], dtype=np.int64)
    for one, other, metres in zip(*_near(shapes, referenced, SAME_REF_M), strict=True):
        first, second = places[one].references, places[other].references
        shared = next((key for key in identity_keys if key in first and key in second), None)
        if shared is not None and not first[shared].isdisjoint(second[shared]):
            yield 1, float(metres), int(one), int(other)


def _name_pairs(
    names: npt.NDArray[np.object_], shapes: _Geometries, among: _Positions, category: Category
) -> Iterator[_Pair]:
    reach_m = max(category.merge_same_name_m, category.merge_unnamed_m)
    one, other, metres = _near(shapes, among, reach_m)
    is_named = (names[one] != "") & (names[other] != "")
    is_same = is_named & (names[one] == names[other]) & (metres <= category.merge_same_name_m)
    is_near = ~is_named & (metres <= category.merge_unnamed_m)
    for reason, kept in ((2, is_same), (3, is_near)):
        for at in np.flatnonzero(kept):
            yield reason, float(metres[at]), int(one[at]), int(other[at])


def _near(
    shapes: _Geometries, among: _Positions, reach_m: float
) -> tuple[_Positions, _Positions, npt.NDArray[np.float64]]:
    """Return the pairs of places at most `reach_m` apart, each once, and their metres."""
    held = shapes[among]
    one, other = shapely.STRtree(held).query(held, predicate="dwithin", distance=reach_m)
    once = one < other
    one, other = one[once], other[once]
    return among[one], among[other], np.round(shapely.distance(held[one], held[other]), 3)


def _groups(
    places: Sequence[_Place], pairs: Iterable[_Pair], identity_keys: Sequence[str]
) -> list[list[int]]:
    """Join pairs in order, unless the groups they belong to by then contradict each other."""
    group_of = [
        _Group(
            members=[at],
            names={place.name_key} - {""},
            references={key: set(values) for key, values in place.references.items()},
        )
        for at, place in enumerate(places)
    ]
    for _, _, one, other in pairs:
        into, joining = group_of[one], group_of[other]
        if into is joining or into.contradicts(joining, identity_keys):
            continue
        into.absorb(joining)
        for at in joining.members:
            group_of[at] = into
    return [group.members for at, group in enumerate(group_of) if at == min(group.members)]


def _service_rows(members: Sequence[_Place], taxonomy: Taxonomy) -> list[dict[str, Any]]:
    """Describe the service that places are: a row of SERVICES, or one for each platform."""
    ordered = sorted(members, key=lambda place: place.standing)
    proper = [place for place in ordered if not place.doors_of] or ordered
    found = {category for place in proper for category in place.categories}
    categories = [category for category in taxonomy.categories if category.id in found]
    common = {
        "categories": ";".join(category.id for category in categories),
        "name": next((place.name for place in [*proper, *ordered] if place.name), ""),
        "source": SOURCE,
        **_observation(proper),
        "wheelchair": _wheelchair(proper),
    }
    platforms = [place for place in ordered if place.standing in (_Standing.AREA, _Standing.POINT)]
    has_doors = any(place.doors_of or place.entrances is not None for place in ordered)
    is_stop = any(category.is_stop for category in categories)
    cited = platforms if is_stop and platforms and not has_doors else ordered[:1]
    return [
        common
        | {
            "service_id": one.osm_id,
            "merged_ids": _id_list(place for place in ordered if place is not one),
            "geometry": _doors(ordered) if has_doors else one.geometry,
        }
        for one in cited
    ]


def _id_list(places: Iterable[_Place]) -> str:
    return ";".join(sorted((place.osm_id for place in places), key=_id_key))


def _doors(places: Sequence[_Place]) -> shapely.Geometry:
    """Return the doors of a service."""
    doors = [place.entrances for place in places if place.entrances is not None]
    return _points([*doors, *(place.geometry for place in places if place.doors_of)])


def _points(shapes: Sequence[shapely.Geometry]) -> shapely.Geometry:
    """Gather points, and the vertices of lines and areas, into one geometry."""
    distinct = np.unique(shapely.get_coordinates(shapes), axis=0)
    return shapely.Point(distinct[0]) if len(distinct) == 1 else shapely.MultiPoint(distinct)


def _observation(places: Sequence[_Place]) -> dict[str, str]:
    """Tell the last day that a mapper says to have checked, else that of the last edit."""
    said = (place.tags[key] for place in places for key in _CHECKED_ON if key in place.tags)
    checked_on = max(filter(_is_day, said), default="")
    if checked_on:
        return {"observed_on": checked_on, "observed_by": Observation.CHECKED.value}
    edited_on = max(place.edited_on for place in places)
    by = Observation.EDITED if edited_on else Observation.UNDATED
    return {"observed_on": edited_on, "observed_by": by.value}


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _wheelchair(places: Sequence[_Place]) -> str:
    values = {
        _WHEELCHAIR.get(value, "unknown")
        for place in places
        for value in listed_values(place.tags.get("wheelchair", ""))
    }
    return values.pop() if len(values) == 1 else "unknown"
