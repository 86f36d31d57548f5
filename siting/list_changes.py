"""What differs between two vintages of an official list, and why.

A code that appears or disappears is not always news: communes merge, and names are written
otherwise. Each difference says which it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import pandas as pd

from siting.names import commune_key, plain_key
from siting.tables import Column, Table


class ListChange(StrEnum):
    """What becomes of a row of a list."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class ChangeReason(StrEnum):
    """Why: a real change of the list, or only of how it says the same."""

    REAL = "real"
    MERGED = "merged"
    UNKNOWN_CODE = "unknown_code"
    RENAMED = "renamed"
    RESPELLED = "respelled"
    VALUE = "value"
    OUTLINE = "outline"


CHANGE_LABELS: Mapping[str, str] = MappingProxyType(
    {ListChange.ADDED: "ajouté", ListChange.REMOVED: "retiré", ListChange.CHANGED: "changé"}
)
CHANGE_REASON_LABELS: Mapping[str, str] = MappingProxyType(
    {
        ChangeReason.REAL: "changement réel",
        ChangeReason.MERGED: "fusion de communes",
        ChangeReason.UNKNOWN_CODE: "code qui n'est celui d'aucune commune",
        ChangeReason.RENAMED: "nom changé",
        ChangeReason.RESPELLED: "nom écrit autrement",
        ChangeReason.VALUE: "valeur changée",
        ChangeReason.OUTLINE: "contour changé",
    }
)

LIST_CHANGES = Table(
    "LIST_CHANGES",
    (Column("code", "text", "code of the row in the list: INSEE, QPV, identifier of a register"),),
    (
        Column("change", "text", "what becomes of it", allowed=tuple(ListChange)),
        Column("reason", "text", "why", allowed=tuple(ChangeReason)),
        Column("nom", "text", "name of the commune, quarter or establishment"),
        Column("before", "text", "what the former list said of it"),
        Column("after", "text", "what the new list says of it"),
        Column("why", "text", "the explanation, in French"),
    ),
)

# What is compared: rows by code, their name, what else the list says, and their outline.
LISTING = Table(
    "LISTING",
    (Column("code", "text", "code of the row in the list"),),
    (
        Column("nom", "text", "its name; empty when the list has none"),
        Column("value", "text", "what the list says of it, as text"),
        Column("outline", "text", "fingerprint of its outline; empty without one"),
    ),
)


@dataclass(frozen=True, slots=True)
class KnownCommunes:
    """Names of the communes of today by code, and the current code of former ones."""

    names: Mapping[str, str]
    today: Mapping[str, str]

    def now(self, code: str) -> str:
        """Return the code of the commune of today in which this one lies (maybe itself)."""
        return self.today.get(code, code)

    def label(self, code: str) -> str:
        """Write the name and code of a commune of today."""
        return f"{self.names[code]} ({code})" if code in self.names else code


def list_changes(
    before: pd.DataFrame, after: pd.DataFrame, *, communes: KnownCommunes | None = None
) -> pd.DataFrame:
    """
    Compare two vintages of a list, row by row.

    Parameters
    ----------
    before, after
        Tables `LISTING` of the two vintages.
    communes
        Given when the codes are those of communes: a merger is then told from a real change.

    Returns
    -------
    changes
        Table `LIST_CHANGES`: removed, added, then changed rows, by code. A row that says the
        same in both is not in it; a value that one of the two lists does not have at all, for
        any row, is not compared.
    """
    has_names = _has(before, after, "nom")
    has_values = _has(before, after, "value")
    rows = [
        *_gone(before, after, communes),
        *_new(before, after, communes),
        *_kept(before, after, has_names=has_names, has_values=has_values),
    ]
    columns = [*LIST_CHANGES.index_names, *LIST_CHANGES.column_names]
    return LIST_CHANGES.conform(pd.DataFrame(rows, columns=columns))


def change_counts(changes: pd.DataFrame) -> dict[tuple[str, str], int]:
    """Count the rows of `LIST_CHANGES` by change and reason, in the order of the closed lists."""
    counts = changes.groupby(["change", "reason"]).size().to_dict()
    return {
        (change.value, reason.value): int(counts[change, reason])
        for change in (ListChange.REMOVED, ListChange.ADDED, ListChange.CHANGED)
        for reason in ChangeReason
        if (change, reason) in counts
    }


_Row = tuple[str, str, str, str, str, str, str]


def _has(before: pd.DataFrame, after: pd.DataFrame, column: str) -> bool:
    return bool(before[column].notna().any() and after[column].notna().any())


def _gone(
    before: pd.DataFrame, after: pd.DataFrame, communes: KnownCommunes | None
) -> Iterator[_Row]:
    """Tell of each code that the new list has no more."""
    kept = set() if communes is None else {communes.now(code) for code in after.index}
    for code in sorted(set(before.index) - set(after.index)):
        reason, why = ChangeReason.REAL, "n'est plus dans la liste"
        if communes is not None:
            reason, why = _why_gone(code, communes, kept)
        nom, value = _told(before, code, communes)
        yield code, ListChange.REMOVED, reason, nom, value, "", why


def _why_gone(code: str, communes: KnownCommunes, kept: set[str]) -> tuple[ChangeReason, str]:
    today = communes.now(code)
    if today not in communes.names:
        why = f"aucune commune de France n'a ni n'a eu le code {code} (ligne d'essai, ou erreur)"
        return ChangeReason.UNKNOWN_CODE, why
    if today in kept:
        how = "fait aujourd'hui partie de" if today != code else "est nommée par une partie de"
        return ChangeReason.MERGED, f"{how} {communes.label(today)}, qui est dans la liste"
    if today != code:
        why = f"fait aujourd'hui partie de {communes.label(today)}, qui n'est pas dans la liste"
        return ChangeReason.REAL, why
    return ChangeReason.REAL, "la commune existe toujours : elle est sortie de la liste"


def _new(
    before: pd.DataFrame, after: pd.DataFrame, communes: KnownCommunes | None
) -> Iterator[_Row]:
    """Tell of each code that the former list did not have."""
    parts = defaultdict[str, list[str]](list)
    if communes is not None:
        for code in before.index:
            parts[communes.now(code)].append(code)
    for code in sorted(set(after.index) - set(before.index)):
        reason, why = ChangeReason.REAL, "n'était pas dans la liste"
        if communes is not None:
            reason, why = _why_new(code, communes, parts)
        nom, value = _told(after, code, communes)
        yield code, ListChange.ADDED, reason, nom, "", value, why


def _why_new(
    code: str, communes: KnownCommunes, parts: Mapping[str, list[str]]
) -> tuple[ChangeReason, str]:
    today = communes.now(code)
    if today not in communes.names:
        why = f"aucune commune de France n'a ni n'a eu le code {code} (ligne d'essai, ou erreur)"
        return ChangeReason.UNKNOWN_CODE, why
    if today in parts:
        listed = ", ".join(sorted(parts[today]))
        return ChangeReason.MERGED, f"était déjà dans la liste sous un autre code : {listed}"
    return ChangeReason.REAL, "la commune est entrée dans la liste"


def _kept(
    before: pd.DataFrame, after: pd.DataFrame, *, has_names: bool, has_values: bool
) -> Iterator[_Row]:
    """Tell what changed of the rows that both lists have."""
    both = before.add_suffix("_old").join(after.add_suffix("_new"), how="inner")
    both = both.sort_index().fillna("")
    for row in both.itertuples():
        told = (row.value_old, row.value_new)
        if has_names and plain_key(row.nom_old) != plain_key(row.nom_new):
            is_same = commune_key(row.nom_old) == commune_key(row.nom_new)
            yield _changed(row, _name_reason(is_same=is_same), row.nom_old, row.nom_new)
        elif has_values and told[0] != told[1]:
            yield _changed(row, ChangeReason.VALUE, *told)
        elif row.outline_old != row.outline_new:
            yield _changed(row, ChangeReason.OUTLINE, "", "")
        elif has_names and row.nom_old != row.nom_new:
            yield _changed(row, ChangeReason.RESPELLED, row.nom_old, row.nom_new)


def _name_reason(*, is_same: bool) -> ChangeReason:
    return ChangeReason.RESPELLED if is_same else ChangeReason.RENAMED


def _changed(row: object, reason: ChangeReason, old: str, new: str) -> _Row:
    code, nom = row.Index, row.nom_new or row.nom_old  # type: ignore[attr-defined]
    return code, ListChange.CHANGED, reason, nom, old, new, CHANGE_REASON_LABELS[reason]


def _told(listing: pd.DataFrame, code: str, communes: KnownCommunes | None) -> tuple[str, str]:
    """Return the name of a row, that of the register when the list has none, and its value."""
    row = listing.loc[code].fillna("")
    nom = row["nom"] or ("" if communes is None else communes.names.get(communes.now(code), ""))
    return nom, row["value"]
