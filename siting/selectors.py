"""Conditions on OpenStreetMap tags, and how a taxonomy file writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from siting.names import plain_key
from siting.toml_text import Where


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

    def matches_whole(self, tags: Mapping[str, str]) -> bool:
        """Tell if every condition of `all_of` holds, values being taken whole, not as lists."""
        return all(condition.holds_whole(tags) for condition in self.all_of)


def selector_from(entry: object, where: Where) -> Selector:
    """
    Read a selector as a TOML table writes it.

    Raises
    ------
    DataError
        Not a table; a condition, or a regular expression, that cannot be read; no plain value.
    """
    if not isinstance(entry, Mapping) or not isinstance(entry.get("not", {}), Mapping):
        raise where.refusal('il faut un sélecteur entre accolades, comme { shop = "bakery" }.')
    selector = Selector(
        all_of=tuple(_condition(k, value, where) for k, value in entry.items() if k != "not"),
        none_of=tuple(_condition(k, value, where) for k, value in entry.get("not", {}).items()),
    )
    if not any(condition.accepted for condition in selector.all_of):
        raise where.refusal(
            f"le sélecteur {dict(entry)} ne fixe aucune valeur : il en faut une en toutes lettres, "
            'comme { shop = "bakery" }.'
        )
    return selector


def _condition(key: str, value: object, where: Where) -> Condition:
    match value:
        case "*":
            return Condition(key)
        case str():
            return Condition(key, frozenset({value}))
        case [_, *_] if all(isinstance(one, str) for one in value):
            return Condition(key, frozenset(str(one) for one in value))
        case {"matches": str(pattern), **others} if not others:
            return Condition(key, pattern=_pattern(pattern, where))
        case _:
            raise where.refusal(
                f"la condition {key} = {value!r} est illisible : il faut un texte entre guillemets "
                'ou une liste de textes, "*", ou { matches = "..." }.'
            )


def _pattern(pattern: str, where: Where) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise where.refusal(f"l'expression {pattern!r} est illisible ({error}).") from error
