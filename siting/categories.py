"""Families and categories of services, and which of them the tags of an object have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from siting.selectors import Selector, listed_values
from siting.tables import ExclusionKind

Mapped = Literal["good", "poor"]


@dataclass(frozen=True, slots=True)
class Family:
    """One of the families of services that the calls name."""

    id: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """
    A category of service.

    Parameters
    ----------
    id, label
        Identifier (ASCII) and French name, singular.
    families
        Families in which it is shown.
    counts_for
        Those for which one such service within reach makes the family near.
    selectors
        Tags that make an object one of these services; none when OSM has no tag for it.
    entrances
        Tags of the doors of such a service, mapped as objects of their own.
    mapping
        If its absence from OSM means absence (`good`), or nothing (`poor`).
    is_area_service
        If it comes to people over an area: where its office is, is no distance to it.
    is_stop
        If it is a stop of public transport, made of several platforms.
    merge_same_name_m, merge_unnamed_m
        Distance under which two objects are one service: with the same name; when one has
        no name. In metres.
    bpe, finess
        Codes of the same thing in two national registers.
    """

    id: str
    label: str
    families: tuple[str, ...]
    selectors: tuple[Selector, ...]
    counts_for: tuple[str, ...] = ()
    entrances: tuple[Selector, ...] = ()
    mapping: Mapped = "good"
    is_area_service: bool = False
    is_stop: bool = False
    merge_same_name_m: float = 50.0
    merge_unnamed_m: float = 15.0
    bpe: tuple[str, ...] = ()
    finess: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Excluded:
    """Why an object is no service, and the category it would be of; none for a vacant shop."""

    kind: ExclusionKind
    category: str


@dataclass(frozen=True)
class Taxonomy:
    """
    Families and categories of services, and the tags by which OSM objects are recognised.

    Parameters
    ----------
    families, categories
        In the order in which they are shown.
    exclusions
        Tags of what is closed or not open to the public, never a service; with the reason.
    prefixes
        Prefixes of keys of what is no more, or not yet, such as ``disused:``; with the reason.
    identity_keys
        OSM keys whose value identifies a service, the most trusted first.
    own_file
        Name of the user's file that completes that of the package; empty without.
    """

    families: tuple[Family, ...]
    categories: tuple[Category, ...]
    exclusions: tuple[tuple[ExclusionKind, Selector], ...] = ()
    prefixes: tuple[tuple[str, ExclusionKind], ...] = ()
    identity_keys: tuple[str, ...] = ()
    own_file: str = ""

    def categories_of(self, tags: Mapping[str, str]) -> tuple[str, ...]:
        """
        Return the categories of an object, in the order of the taxonomy; empty for no service.

        What is closed (vacant, disused, abandoned) or private is no service. Keys with a
        life-cycle prefix, such as ``disused:shop``, are other keys and select nothing.
        """
        found = self._matching(tags, self._by_tag)
        return () if found and self.exclusion(tags) is not None else found

    def entrance_of(self, tags: Mapping[str, str]) -> tuple[str, ...]:
        """Return the categories of service of which an object is a door, not the place itself."""
        found = self._matching(tags, self._by_entrance_tag)
        return () if found and self.exclusion(tags) is not None else found

    def exclusion(self, tags: Mapping[str, str]) -> ExclusionKind | None:
        """Return why the tags say closed or not open to the public; none if they do not."""
        kinds = (kind for kind, selector in self.exclusions if selector.matches_whole(tags))
        return next(kinds, None)

    def excluded(self, tags: Mapping[str, str]) -> Excluded | None:
        """
        Tell why an object that would be a service is none; None for a service, or anything else.

        It would be one but for an exclusion, or without the prefix of its key
        (``disused:shop=bakery``), or is a vacant shop that does not say what it was. Of several
        categories, the first.
        """
        kind = self.exclusion(tags)
        if found := self._matching(tags, self._by_tag):
            return None if kind is None else Excluded(kind, found[0])
        for prefix, reason in self.prefixes:
            bare = {k.removeprefix(prefix): v for k, v in tags.items() if k.startswith(prefix)}
            if bare and (found := self._matching({**tags, **bare}, self._by_tag)):
                return Excluded(reason, found[0])
        return Excluded(kind, "") if kind is ExclusionKind.VACANT else None

    @property
    def walked_to(self) -> tuple[Category, ...]:
        """Categories of which a walk is measured: not the services that come to people."""
        return tuple(one for one in self.categories if not one.is_area_service)

    @cached_property
    def keys(self) -> frozenset[str]:
        """OSM keys without any of which an object cannot be a service (a coarse filter)."""
        return frozenset(key for index in (self._by_tag, self._by_entrance_tag) for key in index)

    @cached_property
    def values(self) -> Mapping[str, frozenset[str]]:
        """By key, the values of which every service, door or vacant shop has at least one."""
        selectors = [
            *(one for each in self.categories for one in (*each.selectors, *each.entrances)),
            *(one for kind, one in self.exclusions if kind is ExclusionKind.VACANT),
        ]
        values: dict[str, set[str]] = {}
        for selector in selectors:
            values.setdefault(selector.anchor.key, set()).update(selector.anchor.accepted)
        return {key: frozenset(found) for key, found in sorted(values.items())}

    @cached_property
    def prefixed_values(self) -> Mapping[str, frozenset[str]]:
        """By prefixed key, the same values; keys of references, such as wikidata, left out."""
        return {
            f"{prefix}{key}": values
            for prefix, _ in self.prefixes
            for key, values in self.values.items()
            if ":" not in key
        }

    @cached_property
    def category(self) -> Mapping[str, Category]:
        """Categories by identifier."""
        return {category.id: category for category in self.categories}

    @cached_property
    def _by_tag(self) -> _Index:
        return _index([category.selectors for category in self.categories])

    @cached_property
    def _by_entrance_tag(self) -> _Index:
        return _index([category.entrances for category in self.categories])

    def _matching(self, tags: Mapping[str, str], index: _Index) -> tuple[str, ...]:
        found = {
            position
            for key in tags.keys() & index.keys()
            for value in listed_values(tags[key])
            for position, selector in index[key].get(value, ())
            if selector.matches(tags)
        }
        return tuple(self.categories[position].id for position in sorted(found))


_Index = dict[str, dict[str, list[tuple[int, Selector]]]]


def _index(selectors_by_category: list[tuple[Selector, ...]]) -> _Index:
    index: _Index = {}
    for position, selectors in enumerate(selectors_by_category):
        for selector in selectors:
            for value in selector.anchor.accepted:
                by_value = index.setdefault(selector.anchor.key, {})
                by_value.setdefault(value, []).append((position, selector))
    return index
