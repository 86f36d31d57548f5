"""The communes that a list names, against the register: which are written otherwise, or merged.

Names alone never decide between two communes: such a name stays without commune, and is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

import pandas as pd

from siting.communes import Commune, CommuneNames, Designation
from siting.names import commune_key
from siting.tables import Column, Table


class NameMatch(StrEnum):
    """How what a list writes designates a commune."""

    SAME = "same"
    CODE = "code"
    SPELLING = "spelling"
    SHORTENED = "shortened"
    FORMER = "former"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"


MATCH_LABELS: Mapping[str, str] = MappingProxyType(
    {
        NameMatch.SAME: "nom officiel",
        NameMatch.CODE: "code INSEE",
        NameMatch.SPELLING: "écrit autrement",
        NameMatch.SHORTENED: "nom abrégé",
        NameMatch.FORMER: "commune fusionnée depuis",
        NameMatch.AMBIGUOUS: "plusieurs communes de ce nom",
        NameMatch.UNKNOWN: "aucune commune de ce nom",
    }
)

RECONCILED = Table(
    "RECONCILED",
    (Column("rank", "integer", "place in the list, from 1"),),
    (
        Column("written", "text", "name or code as the list writes it"),
        Column("match", "text", "how it designates a commune", allowed=tuple(NameMatch)),
        Column("code_listed", "text", "code of the commune listed, today's or a former one"),
        Column("nom", "text", "its official name"),
        Column("code_insee", "text", "commune of today in which it lies"),
        Column("why", "text", "what differs, in French; empty when nothing does"),
    ),
)


def reconciled_list(
    names: Sequence[str],
    *,
    register: pd.DataFrame,
    history: pd.DataFrame,
    departements: Sequence[str],
) -> pd.DataFrame:
    """
    Find the commune of each name or code of a list, and say what differs from the register.

    Parameters
    ----------
    names
        Names or INSEE codes, as the list writes them.
    register, history
        Tables `COMMUNE_REGISTER` and `COMMUNE_HISTORY`.
    departements
        Where the communes are; empty for the whole country, where a name counts only if it is
        whole and that of one commune.

    Returns
    -------
    reconciled
        Table `RECONCILED`, one row per name, in their order.
    """
    known = CommuneNames.of(register, history)
    today = register["nom"].to_dict()
    rows = [
        (rank, *_row(name, known, today, departements)) for rank, name in enumerate(names, start=1)
    ]
    columns = [*RECONCILED.index_names, *RECONCILED.column_names]
    return RECONCILED.conform(pd.DataFrame(rows, columns=columns))


def reconciled_lines(reconciled: pd.DataFrame) -> Iterator[str]:
    """Yield how many names of a list are official ones, and what each of the others is."""
    counts = reconciled["match"].value_counts()
    told = ", ".join(
        f"{MATCH_LABELS[match]} {counts[match]}" for match in NameMatch if match in counts
    )
    yield f"Communes listées ({len(reconciled)}) : {told}"
    for _, row in reconciled[reconciled["why"].notna()].iterrows():
        yield f"  « {row['written']} » : {row['why']}"


_Row = tuple[str, NameMatch, str, str, str, str]


def _row(
    name: str, known: CommuneNames, today: Mapping[str, str], departements: Sequence[str]
) -> _Row:
    coded = known.of_code(name, departements=departements)
    found = (
        known.designated(name, departements=departements)
        if coded is None
        else Designation(commune=coded)
    )
    one = found.commune
    if one is None:
        match = NameMatch.AMBIGUOUS if found.several else NameMatch.UNKNOWN
        why = f"{MATCH_LABELS[match]}. {found.question}".strip()
        return name, match, "", "", "", why
    match = _match(name, one, is_code=coded is not None)
    return name, match, one.code, one.nom, one.code_insee, _why(match, one, today)


def _match(name: str, one: Commune, *, is_code: bool) -> NameMatch:
    if one.is_former:
        return NameMatch.FORMER
    if is_code:
        return NameMatch.CODE
    if name == one.nom:
        return NameMatch.SAME
    return NameMatch.SPELLING if commune_key(name) == one.key else NameMatch.SHORTENED


def _why(match: NameMatch, one: Commune, today: Mapping[str, str]) -> str:
    if match is NameMatch.FORMER:
        return (
            f"{one.label} fait aujourd'hui partie de {today.get(one.code_insee, '')} "
            f"({one.code_insee}) ; seule cette partie est listée"
        )
    if match in (NameMatch.SPELLING, NameMatch.SHORTENED):
        return f"{MATCH_LABELS[match]}, c'est {one.label}"
    return ""
