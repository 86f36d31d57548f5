"""What the tags of OpenStreetMap objects mean for a walk: each distinct set is judged once.

A country has millions of ways and some hundred sets of tags that matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from osmium.osm.types import TagList

from siting.categories import Taxonomy
from siting.selectors import listed_values
from siting.walkable import (
    MARKING_KEYS,
    WAY_KEYS,
    is_ferry,
    is_walkable,
    node_tags,
    way_tags,
)

NO_SET = -1

# Doors that a visitor does not walk in through (wiki.openstreetmap.org/wiki/Key:entrance).
_NOT_ENTRANCES = frozenset({"no", "emergency", "exit", "garage", "service"})
_CLOSED = frozenset({"no", "private"})

# Keys that most objects have. They are asked first, for speed only: the tags of an object need
# not be gone through further once as many were found as it has.
_FREQUENT_ON_WAYS = (
    *("highway", "surface", "name", "lit", "oneway", "footway", "lanes", "maxspeed", "layer"),
    *("smoothness", "incline", "crossing", "tunnel", "sidewalk", "source", "foot", "bicycle"),
    *("service", "access", "tracktype", "junction", "noname", "ref"),
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """
    What a set of tags says.

    `walk` is the position of the tags that matter to a walk among the sets of a `TagSets`,
    or `NO_SET`: the way is not walked, the node changes nothing. `may_be_service` is coarse:
    the taxonomy decides on all the tags, and may find that it is one no more, or not yet.
    """

    walk: int
    may_be_service: bool
    is_entrance: bool = False


class TagSets:
    """Distinct sets of tags, numbered as they come."""

    def __init__(self) -> None:
        self._positions: dict[tuple[tuple[str, str], ...], int] = {}

    def position(self, tags: Mapping[str, str]) -> int:
        """Return the number of a set, whatever the order of its tags; a new set is added."""
        return self._positions.setdefault(tuple(sorted(tags.items())), len(self._positions))

    def sets(self) -> list[dict[str, str]]:
        """Return the sets in the order of their numbers, each with its keys in order."""
        return [dict(items) for items in self._positions]


class TagReader:
    """
    Reads the tags of nodes and ways off a file.

    Parameters
    ----------
    taxonomy
        What counts as a service.
    walk_sets
        Where the sets of walking tags are added.
    """

    def __init__(self, taxonomy: Taxonomy, walk_sets: TagSets) -> None:
        self._walk_sets = walk_sets
        prefixed = taxonomy.prefixed_values
        self._service_values = {**taxonomy.values, **prefixed}
        self._prefixed = frozenset(prefixed)
        self._plain_order = _asking_order(_FREQUENT_ON_WAYS, (*WAY_KEYS, *taxonomy.values))
        self._other_order = (*self._plain_order, *((key, True) for key in prefixed))
        self._marks = (*MARKING_KEYS, "entrance", *taxonomy.values)
        self.relation_keys = ("highway", *self._service_values)
        self.way_keys = (*self.relation_keys, "route")
        self.node_keys = (*self._marks, *prefixed)
        self._ways: dict[tuple[str, ...], Meaning] = {}
        self._is_dull_node: dict[tuple[str | None, ...], bool] = {}

    def way(self, tags: TagList | Mapping[str, str]) -> Meaning:
        """Tell what the tags of a way mean; a street is not asked what it was before."""
        is_plain = "highway" in tags or self._prefixed.isdisjoint(_keys(tags))
        found = _found(tags, self._plain_order if is_plain else self._other_order)
        meaning = self._ways.get(found)
        if meaning is None:
            meaning = self._ways[found] = self._way_meaning(dict(_pairs(found)))
        return meaning

    def node(self, tags: Mapping[str, str]) -> Meaning | None:
        """Tell what the tags of a node mean; None, at once, for most of them: nothing."""
        values = tuple(map(tags.get, self._marks))
        is_dull = self._is_dull_node.get(values)
        if is_dull is None:
            given = {k: v for k, v in zip(self._marks, values, strict=True) if v is not None}
            is_marked = any(key in given for key in ("entrance", *MARKING_KEYS))
            is_dull = self._is_dull_node[values] = not (is_marked or self._may_be_service(given))
        is_plain = is_dull and self._prefixed.isdisjoint(tags)
        return None if is_plain else self._node_meaning(tags)

    def speaks(self, key: str, value: str) -> bool:
        """Tell if one tag is enough for a node to mean something; `node` judges all its tags."""
        values = self._service_values.get(key, frozenset())
        is_mark = key == "entrance" or key in MARKING_KEYS
        return is_mark or not values.isdisjoint(listed_values(value))

    def street(self, tags: Mapping[str, str]) -> int:
        """Return the number of the set of walking tags of a street, `NO_SET` if it is not one."""
        return self._walk_sets.position(way_tags(tags)) if is_walkable(tags) else NO_SET

    def _way_meaning(self, tags: Mapping[str, str]) -> Meaning:
        is_walked = is_walkable(tags) or is_ferry(tags)
        walk = self._walk_sets.position(way_tags(tags)) if is_walked else NO_SET
        return Meaning(walk, self._may_be_service(tags))

    def _node_meaning(self, tags: Mapping[str, str]) -> Meaning:
        marks = node_tags(tags)
        walk = self._walk_sets.position(marks) if marks else NO_SET
        return Meaning(walk, self._may_be_service(tags), _is_entrance(tags))

    def _may_be_service(self, tags: Mapping[str, str]) -> bool:
        return any(
            not self._service_values[key].isdisjoint(listed_values(value))
            for key, value in tags.items()
            if key in self._service_values
        )


def _asking_order(frequent: Iterable[str], kept: Iterable[str]) -> tuple[tuple[str, bool], ...]:
    wanted = dict.fromkeys(kept)
    return tuple((key, key in wanted) for key in dict.fromkeys((*frequent, *wanted)))


def _keys(tags: TagList | Mapping[str, str]) -> Iterable[str]:
    return (tag.k for tag in tags) if isinstance(tags, TagList) else tags


def _found(
    tags: TagList | Mapping[str, str], order: tuple[tuple[str, bool], ...]
) -> tuple[str, ...]:
    """Return the tags to keep, keys and values by turns: a loop over all of them is slower."""
    n_left = len(tags)
    value_of = tags.get
    found: list[str] = []
    for key, is_kept in order:
        value = value_of(key)
        if value is not None:
            if is_kept:
                found += (key, value)
            n_left -= 1
            if n_left == 0:
                break
    return tuple(found)


def _pairs(found: tuple[str, ...]) -> Iterable[tuple[str, str]]:
    return zip(found[::2], found[1::2], strict=True)


def _is_entrance(tags: Mapping[str, str]) -> bool:
    kind = tags.get("entrance")
    return kind is not None and kind not in _NOT_ENTRANCES and tags.get("access") not in _CLOSED
