"""What is a service: OpenStreetMap tags to categories, and categories to families.

The content is data, in ``taxonomy.toml`` beside this module, where each choice has its
reason; this module reads it, checks it and answers which categories a set of tags has.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from importlib import resources
from typing import Any, Literal

from siting.errors import DataError
from siting.names import plain_key

Mapped = Literal["good", "poor"]

_ID = re.compile(r"[a-z][a-z0-9_]*")


def listed_values(value: str) -> list[str]:
    """Split an OSM value such as ``bakery; pastry`` into its parts."""
    return [part.strip() for part in value.split(";") if part.strip()]


@dataclass(frozen=True, slots=True)
class Condition:
    """
    One condition on one key.

    Parameters
    ----------
    key
        OSM key.
    accepted
        Values that satisfy it; none means any value.
    pattern
        Regular expression on the words of the text (`siting.names.plain_key`), instead of values.
    """

    key: str
    accepted: frozenset[str] = frozenset()
    pattern: re.Pattern[str] | None = None

    def holds(self, tags: Mapping[str, str]) -> bool:
        """Tell if tags satisfy the condition, an OSM list being one or another of its parts."""
        value = tags.get(self.key)
        if value is None:
            return False
        if self.pattern is not None:
            return self.pattern.search(plain_key(value)) is not None
        return not self.accepted or not self.accepted.isdisjoint(listed_values(value))

    def holds_whole(self, tags: Mapping[str, str]) -> bool:
        """Tell if tags satisfy the condition, the value being taken whole, not as a list."""
        value = tags.get(self.key)
        return value is not None and (not self.accepted or value.strip().lower() in self.accepted)


@dataclass(frozen=True, slots=True)
class Selector:
    """One way to be of a category: every condition of `all_of` holds, none of `none_of`."""

    all_of: tuple[Condition, ...]
    none_of: tuple[Condition, ...] = ()

    @property
    def anchor(self) -> Condition:
        """First condition with values: the one objects are looked up by."""
        return next(condition for condition in self.all_of if condition.accepted)

    def matches(self, tags: Mapping[str, str]) -> bool:
        """Tell if tags are those of the category."""
        return all(condition.holds(tags) for condition in self.all_of) and not any(
            condition.holds(tags) for condition in self.none_of
        )


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
    is_stop: bool = False
    merge_same_name_m: float = 50.0
    merge_unnamed_m: float = 15.0
    bpe: tuple[str, ...] = ()
    finess: tuple[str, ...] = ()


@dataclass(frozen=True)
class Taxonomy:
    """
    Families and categories of services, and the tags by which OSM objects are recognised.

    Parameters
    ----------
    families, categories
        In the order in which they are shown.
    exclusions
        Tags of what is closed or not open to the public: never a service.
    identity_keys
        OSM keys whose value identifies a service, the most trusted first.
    """

    families: tuple[Family, ...]
    categories: tuple[Category, ...]
    exclusions: tuple[Selector, ...] = ()
    identity_keys: tuple[str, ...] = ()

    def categories_of(self, tags: Mapping[str, str]) -> tuple[str, ...]:
        """
        Return the categories of an object, in the order of the taxonomy; empty for no service.

        What is closed (vacant, disused, abandoned) or private is no service. Keys with a
        life-cycle prefix, such as ``disused:shop``, are other keys and select nothing.
        """
        return self._matching(tags, self._by_tag)

    def entrance_of(self, tags: Mapping[str, str]) -> tuple[str, ...]:
        """Return the categories of service of which an object is a door, not the place itself."""
        return self._matching(tags, self._by_entrance_tag)

    def is_excluded(self, tags: Mapping[str, str]) -> bool:
        """Tell if the tags say closed or not open to the public."""
        return any(
            all(condition.holds_whole(tags) for condition in selector.all_of)
            for selector in self.exclusions
        )

    @cached_property
    def keys(self) -> frozenset[str]:
        """OSM keys without any of which an object cannot be a service (a coarse filter)."""
        return frozenset(key for index in (self._by_tag, self._by_entrance_tag) for key in index)

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
        if not found or self.is_excluded(tags):
            return ()
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


def read_taxonomy() -> Taxonomy:
    """
    Read the taxonomy that the package carries.

    Raises
    ------
    DataError
        If the file has been changed into something inconsistent.
    """
    text = resources.files("siting").joinpath("taxonomy.toml").read_text(encoding="utf-8")
    return taxonomy_from_toml(text)


def taxonomy_from_toml(text: str) -> Taxonomy:
    """
    Build a taxonomy from the text of a TOML file such as ``taxonomy.toml``.

    Raises
    ------
    DataError
        Not TOML; unknown or missing field; duplicated or badly written identifier; unknown
        family; `counts_for` not among the families; selector without any plain value;
        regular expression that cannot be read.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DataError(
            f"La taxonomie des services n'est pas un fichier TOML : {error}."
        ) from error
    _require_known(content, {"family", "category", "exclusions", "identity_keys"}, "le fichier")
    families = tuple(_family(entry) for entry in content.get("family", []))
    categories = tuple(_category(entry) for entry in content.get("category", []))
    _require_distinct([family.id for family in families], "famille")
    _require_distinct([category.id for category in categories], "catégorie")
    _require_families(categories, {family.id for family in families})
    return Taxonomy(
        families=families,
        categories=categories,
        exclusions=tuple(_exclusion(entry) for entry in content.get("exclusions", [])),
        identity_keys=tuple(content.get("identity_keys", [])),
    )


def _family(entry: Mapping[str, Any]) -> Family:
    where = f"la famille {entry.get('id', '?')!r}"
    _require_known(entry, {"id", "label"}, where)
    _require_present(entry, {"id", "label"}, where)
    return Family(id=entry["id"], label=entry["label"])


def _category(entry: Mapping[str, Any]) -> Category:
    where = f"la catégorie {entry.get('id', '?')!r}"
    _require_known(entry, {field.name for field in fields(Category)}, where)
    _require_present(entry, {"id", "label", "families", "selectors"}, where)
    if entry.get("mapping", "good") not in ("good", "poor"):
        raise DataError(f"Taxonomie, {where} : `mapping` vaut good ou poor.")
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()
    }
    for name in ("selectors", "entrances"):
        values[name] = tuple(_selector(selector, where) for selector in entry.get(name, []))
    return Category(**values)


def _selector(entry: Mapping[str, Any], where: str) -> Selector:
    positive = {key: value for key, value in entry.items() if key != "not"}
    selector = Selector(
        all_of=tuple(_condition(key, value, where) for key, value in positive.items()),
        none_of=tuple(_condition(key, value, where) for key, value in entry.get("not", {}).items()),
    )
    if not any(condition.accepted for condition in selector.all_of):
        raise DataError(f"Taxonomie, {where} : le sélecteur {dict(entry)} ne fixe aucune valeur.")
    return selector


def _exclusion(entry: Mapping[str, Any]) -> Selector:
    where = "les exclusions"
    return Selector(all_of=tuple(_condition(key, value, where) for key, value in entry.items()))


def _condition(key: str, value: object, where: str) -> Condition:
    match value:
        case "*":
            return Condition(key)
        case str():
            return Condition(key, frozenset({value}))
        case [str(), *_]:
            return Condition(key, frozenset(str(one) for one in value))
        case {"matches": str(pattern), **others} if not others:
            return Condition(key, pattern=_pattern(pattern, where))
        case _:
            raise DataError(f"Taxonomie, {where} : la condition {key} = {value!r} est illisible.")


def _pattern(pattern: str, where: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise DataError(
            f"Taxonomie, {where} : l'expression {pattern!r} est illisible ({error})."
        ) from error


def _require_known(entry: Mapping[str, Any], known: Collection[str], where: str) -> None:
    unknown = sorted(set(entry) - set(known))
    if unknown:
        raise DataError(f"Taxonomie, {where} : champs inconnus {unknown}.")


def _require_present(entry: Mapping[str, Any], wanted: Collection[str], where: str) -> None:
    missing = sorted(set(wanted) - set(entry))
    if missing:
        raise DataError(f"Taxonomie, {where} : champs manquants {missing}.")


def _require_distinct(ids: list[str], what: str) -> None:
    for position, one in enumerate(ids):
        if one in ids[:position]:
            raise DataError(f"Taxonomie : la {what} {one!r} est définie deux fois.")
        if not _ID.fullmatch(one):
            raise DataError(
                f"Taxonomie : l'identifiant {one!r} n'est pas fait de lettres minuscules sans "
                "accent, de chiffres et de _."
            )


def _require_families(categories: tuple[Category, ...], families: Collection[str]) -> None:
    for category in categories:
        unknown = sorted(set(category.families) - set(families))
        if unknown or not category.families:
            raise DataError(
                f"Taxonomie, la catégorie {category.id!r} : familles {unknown or 'absentes'} ; "
                f"les familles sont {sorted(families)}."
            )
        stray = sorted(set(category.counts_for) - set(category.families))
        if stray:
            raise DataError(
                f"Taxonomie, la catégorie {category.id!r} : compte pour {stray}, "
                "où elle n'est pas rangée."
            )
