"""What is a service: OpenStreetMap tags to categories, and categories to families.

The content is data, in ``taxonomy.toml`` beside this module, where each choice has its
reason; this module reads it, completed by the user's own, and checks it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from importlib import resources
from typing import Any

from siting.categories import Category, Excluded, Family, Taxonomy
from siting.selectors import listed_values, selector_from
from siting.tables import ExclusionKind
from siting.toml_text import Where, parsed

__all__ = ["Category", "Excluded", "Family", "Taxonomy", "listed_values", "own_taxonomy"]
__all__ += ["read_taxonomy", "taxonomy_from_toml"]

_ID = re.compile(r"[a-z][a-z0-9_]*")
_NAME = "taxonomy.toml"
_LONGEST_M = 1_000.0  # two objects further apart are never one service
_REQUIRED = ("id", "label", "families", "selectors")
_LISTS = ("families", "counts_for", "bpe", "finess")


def read_taxonomy() -> Taxonomy:
    """
    Read the taxonomy that the package carries.

    Raises
    ------
    DataError
        If the file has been changed into something inconsistent.
    """
    return taxonomy_from_toml(_shipped_text())


def own_taxonomy(text: str, *, name: str) -> Taxonomy:
    """
    Complete the taxonomy of the package with categories of the user's own.

    A category whose identifier is known takes the fields that are given, each as a whole (a
    list replaces the list), and keeps the others and its place. Another one is new, and comes
    last; its families are those of the package.

    Parameters
    ----------
    text
        TOML, with sections ``[[category]]`` such as those of ``taxonomy.toml`` and nothing else.
    name
        Name of the file, for messages.

    Raises
    ------
    DataError
        As `taxonomy_from_toml`; the message gives the line.
    """
    own, where = parsed(text, name=name)
    shipped, _ = parsed(_shipped_text(), name=_NAME)
    _require_known(own, ("category",), where)
    entries = {entry["id"]: (entry, where) for entry in shipped["category"]}
    placed = _placed(own, "category", where)
    _require_distinct([(entry.get("id"), at) for entry, at in placed])
    for entry, at in placed:
        base, _ = entries.get(entry["id"], ({}, at))
        entries[entry["id"]] = ({**base, **entry}, at)
    return replace(_taxonomy(shipped, where, tuple(entries.values())), own_file=name)


def taxonomy_from_toml(text: str, *, name: str = _NAME) -> Taxonomy:
    """
    Build a taxonomy from the text of a TOML file such as ``taxonomy.toml``.

    Raises
    ------
    DataError
        Not TOML; unknown or missing field; field of another kind; duplicated or badly written
        identifier; unknown family; `counts_for` not among the families, or of a service that
        comes to people; selector without any plain value; regular expression that cannot be
        read. The message gives the line.
    """
    content, where = parsed(text, name=name)
    known = ("family", "category", "exclusions", "prefixes", "identity_keys")
    _require_known(content, known, where)
    placed = _placed(content, "category", where)
    _require_distinct([(entry.get("id"), at) for entry, at in placed])
    return _taxonomy(content, where, placed)


def _shipped_text() -> str:
    return resources.files("siting").joinpath("taxonomy.toml").read_text(encoding="utf-8")


def _taxonomy(
    content: Mapping[str, Any], where: Where, placed: Iterable[tuple[Mapping[str, Any], Where]]
) -> Taxonomy:
    families = _placed(content, "family", where)
    _require_distinct([(entry.get("id"), at) for entry, at in families])
    known = tuple(_family(entry, at) for entry, at in families)
    ids = tuple(family.id for family in known)
    return Taxonomy(
        families=known,
        categories=tuple(_category(entry, at, families=ids) for entry, at in placed),
        exclusions=tuple(
            (ExclusionKind(kind), selector_from(entry, where.at("exclusions", kind, at)))
            for kind, entries in content.get("exclusions", {}).items()
            for at, entry in enumerate(entries)
        ),
        prefixes=tuple(
            (f"{prefix}:", ExclusionKind(kind))
            for kind, prefixes in content.get("prefixes", {}).items()
            for prefix in prefixes
        ),
        identity_keys=tuple(content.get("identity_keys", [])),
    )


def _placed(
    content: Mapping[str, Any], section: str, where: Where
) -> tuple[tuple[Mapping[str, Any], Where], ...]:
    """Return the items of a list of sections, each with where it is."""
    entries = content.get(section, [])
    if not isinstance(entries, list) or not all(isinstance(one, Mapping) for one in entries):
        raise where.at(section).refusal(f"il faut des sections [[{section}]].")
    noun = "la famille" if section == "family" else "la catégorie"
    return tuple(
        (entry, where.at(section, at, what=f"{noun} {entry.get('id', '?')!r}"))
        for at, entry in enumerate(entries)
    )


def _family(entry: Mapping[str, Any], where: Where) -> Family:
    _require_known(entry, ("id", "label"), where)
    _require_present(entry, ("id", "label"), where)
    return Family(id=entry["id"], label=entry["label"])


def _category(entry: Mapping[str, Any], where: Where, *, families: Sequence[str]) -> Category:
    _require_known(entry, [field.name for field in fields(Category)], where)
    _require_present(entry, _REQUIRED, where)
    values: dict[str, Any] = {
        name: _field(name, value, where.at(name)) for name, value in entry.items()
    }
    category = Category(**values)
    unknown = sorted(set(category.families) - set(families))
    if unknown or not category.families:
        raise where.at("families").refusal(
            f"familles {unknown or 'absentes'} ; les familles sont {sorted(families)}."
        )
    stray = sorted(set(category.counts_for) - set(category.families))
    if stray:
        raise where.at("counts_for").refusal(f"compte pour {stray}, où elle n'est pas rangée.")
    if category.is_area_service and category.counts_for:
        raise where.at("counts_for").refusal(
            "un service qui vient à domicile (is_area_service) n'est pas à une distance : il ne "
            "compte pour aucune famille."
        )
    return category


def _field(name: str, value: object, where: Where) -> object:
    """Check one field of a category, and return it as `Category` holds it."""
    if name in ("selectors", "entrances"):
        if not isinstance(value, list):
            raise where.refusal(f"{name} est une liste de sélecteurs, entre crochets.")
        return tuple(selector_from(one, where.at(at)) for at, one in enumerate(value))
    if name in _LISTS:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise where.refusal(f"{name} est une liste de textes, entre crochets et guillemets.")
        return tuple(value)
    is_right, form = _form(name, value)
    if not is_right:
        raise where.refusal(f"{name} = {value!r} : il faut {form}.")
    return value


def _form(name: str, value: object) -> tuple[bool, str]:
    """Tell if the value of a plain field has the form it must have; name that form in French."""
    if name.startswith("is_"):
        return isinstance(value, bool), "true ou false"
    if name == "mapping":
        return value in ("good", "poor"), "good ou poor"
    if name.endswith("_m"):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        is_right = is_number and 0 <= float(str(value)) <= _LONGEST_M
        return is_right, f"un nombre de mètres, de 0 à {_LONGEST_M:g}"
    return isinstance(value, str) and bool(value.strip()), "un texte entre guillemets"


def _require_known(entry: Mapping[str, Any], known: Iterable[str], where: Where) -> None:
    names = list(known)
    unknown = [name for name in entry if name not in names]
    if unknown:
        raise where.at(unknown[0]).refusal(
            f"champs inconnus {unknown} ; les champs sont {', '.join(names)}."
        )


def _require_present(entry: Mapping[str, Any], wanted: Iterable[str], where: Where) -> None:
    missing = [name for name in wanted if name not in entry]
    if missing:
        raise where.refusal(f"champs manquants {missing}.")


def _require_distinct(found: Sequence[tuple[object, Where]]) -> None:
    """Refuse an identifier that is absent, badly written, or there twice."""
    seen: set[str] = set()
    for one, where in found:
        if one is None:
            raise where.refusal("champs manquants ['id'].")
        if not isinstance(one, str) or not _ID.fullmatch(one):
            raise where.at("id").refusal(
                f"l'identifiant {one!r} n'est pas fait de lettres minuscules sans accent, de "
                "chiffres et de _."
            )
        if one in seen:
            raise where.at("id").refusal(f"{one!r} est définie deux fois.")
        seen.add(one)
