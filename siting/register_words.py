"""What registers say of each service, in French words for evidence, maps and tables."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from siting.register_tables import MatchReason, RegisterMatch

_OF_MAP_ONLY = {
    MatchReason.NOT_IN_REGISTER: "absent du registre officiel",
    MatchReason.CLOSED_IN_REGISTER: "fermé selon un registre officiel",
}


def register_remarks(matches: pd.DataFrame, titles: Mapping[str, str]) -> pd.Series:
    """
    Word, for each service, what the registers say of it.

    Parameters
    ----------
    matches
        Table MATCHES.
    titles
        Title of each register by its name, which begins the ids of its rows.

    Returns
    -------
    remarks
        By `service_id`: "confirmé par un registre (FINESS)", "présent dans un registre seulement
        (FINESS)", "absent du registre officiel"; "" for what no register was compared with.
    """
    remarks = [
        _remark(match, reason, _named(ids, titles))
        for match, reason, ids in zip(
            matches["register_match"],
            matches["register_reason"],
            matches["register_ids"].fillna(""),
            strict=True,
        )
    ]
    return pd.Series(remarks, index=matches.index, dtype="str")


def in_register_only(matches: pd.DataFrame) -> frozenset[str]:
    """Return the ids of the services that the map does not have."""
    is_only = matches["register_match"] == RegisterMatch.REGISTER_ONLY
    return frozenset(matches.index[is_only])


def _remark(match: str, reason: str, registers: list[str]) -> str:
    named = f"{_numbered(len(registers))} ({', '.join(registers)})"
    if match == RegisterMatch.BOTH:
        return f"confirmé par {named}"
    if match == RegisterMatch.REGISTER_ONLY:
        return f"présent dans {named.replace(' (', ' seulement (', 1)}"
    return _OF_MAP_ONLY.get(MatchReason(reason), "")


def _numbered(n_registers: int) -> str:
    return "un registre" if n_registers == 1 else f"{n_registers} registres"


def _named(ids: str, titles: Mapping[str, str]) -> list[str]:
    """Return the titles of the registers of a ;-list of ids, once each."""
    names = (one.partition("/")[0] for one in ids.split(";") if one)
    return list(dict.fromkeys(titles.get(name, name) for name in names))
