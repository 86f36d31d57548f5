"""What the terminal says of the layers that a person installs."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from siting.labels import counted, date_text
from siting.list_changes import (
    CHANGE_LABELS,
    CHANGE_REASON_LABELS,
    ChangeReason,
    ListChange,
    change_counts,
)
from siting.study.layers import LayerDifference, LayerInstalled
from siting.summary import TextTable

_SHOWN_CHANGES = 100  # of each kind of change that is news
_SHOWN_VALUES = 5  # of each kind that is not
_MANY = frozenset({ChangeReason.VALUE, ChangeReason.OUTLINE, ChangeReason.RESPELLED})


def installed_table(layers: pd.DataFrame) -> TextTable:
    """Lay the installed layers out: header and rows."""
    rows = [
        (
            str(name),
            str(one["n_rows"]) if one["state"] == "intact" else "",
            date_text(one["vintage"]) or "inconnu",
            one["licence"],
            one["origin"],
            one["sha256"][:12],
            "intact" if one["state"] == "intact" else "ABÎMÉ",
        )
        for name, one in layers.iterrows()
    ]
    header = ("couche installée", "lignes", "millésime", "licence", "origine", "sha256", "état")
    return header, rows


def installed_lines(result: LayerInstalled) -> Iterator[str]:
    """Yield what was installed, what of it could not be used, and if it is used."""
    described, kind = result.description, result.difference.kind
    yield (
        f"{kind.title} : {counted(described.n_rows, 'ligne installée', 'lignes installées')}, "
        f"millésime {date_text(described.vintage) or 'inconnu'}"
    )
    yield f"  {described.origin} ; sha256 {described.sha256} ; {kind.licence}"
    if kind.remark:
        yield f"  À savoir : {kind.remark}."
    if result.was_there:
        yield "  C'était déjà ce fichier qui était installé."
    if result.is_unused:
        yield (
            "• Cette liste n'est pas plus récente que celle du programme : c'est cette dernière "
            "qui sert."
        )


def difference_lines(difference: LayerDifference) -> Iterator[str]:
    """Yield how many rows differ from what was there, by kind and reason."""
    for note in difference.notes:
        yield f"• {note}"
    if difference.changes is None:
        yield (
            f"{difference.kind.title} : rien d'installé à comparer ; "
            f"{counted(difference.n_after, 'ligne')} dans ce fichier."
        )
        return
    yield (
        f"Différences avec {difference.former} : {difference.n_before} lignes avant, "
        f"{difference.n_after} après."
    )
    counts = change_counts(difference.changes)
    if not counts:
        yield "  aucune."
    for (change, reason), number in counts.items():
        what = CHANGE_REASON_LABELS[reason]
        yield f"  {counted(number, CHANGE_LABELS[change], CHANGE_LABELS[change] + 's')} : {what}"


def change_table(changes: pd.DataFrame) -> tuple[TextTable, int]:
    """
    Lay differences out: header and rows, and how many rows are left out.

    All that are news come, up to a hundred of each kind; a few of each of the others.
    """
    kept = [
        rows.head(_SHOWN_VALUES if reason in _MANY else _SHOWN_CHANGES)
        for (_, reason), rows in changes.groupby(["change", "reason"], sort=False)
    ]
    shown = pd.concat(kept) if kept else changes
    rows = [
        (
            str(code),
            one["nom"],
            CHANGE_LABELS[one["change"]],
            " → ".join(filter(None, (one["before"], one["after"])))
            if one["change"] == ListChange.CHANGED
            else "",
            one["why"],
        )
        for code, one in shown.fillna("").iterrows()
    ]
    return (("code", "nom", "", "avant → après", "explication"), rows), len(changes) - len(shown)
