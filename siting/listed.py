"""Communes that a call lists as without inclusive housing, whatever has become of them since.

A commune of the list that has merged is today a part of a larger one: only that part is
listed. Codes decide, names are only read and shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from siting.errors import DataError
from siting.names import commune_key

_ARTICLES = frozenset({"l", "le", "la", "les"})


@dataclass(frozen=True, slots=True)
class FormerListed:
    """A former commune that a call lists: it is now a part of the commune `code_insee`."""

    code_insee_old: str
    nom: str
    code_insee: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCommunes:
    """
    Communes that a call lists as without inclusive housing, by current codes.

    Parameters
    ----------
    codes
        Current communes listed whole.
    former
        Former communes listed: only that part of the current commune is listed.
    departements
        Where the list means something; empty for the whole country.
    """

    codes: frozenset[str]
    former: tuple[FormerListed, ...]
    departements: tuple[str, ...]

    def covers(self, code_insee: pd.Series) -> pd.Series:
        """Tell, for each commune code, if the list says something there; False without code."""
        return is_within(code_insee, self.departements)

    def lists(self, code_insee: pd.Series, former_code_insee: pd.Series) -> pd.Series:
        """Tell if each place is listed, by its commune or its former one; empty outside."""
        is_part = self.lists_part(code_insee, former_code_insee)
        listed = (code_insee.isin(self.codes) | is_part).astype("boolean")
        return listed.where(self.covers(code_insee))

    def lists_part(self, code_insee: pd.Series, former_code_insee: pd.Series) -> pd.Series:
        """Tell if each former commune is listed, and lies in that present commune."""
        listed = {(part.code_insee, part.code_insee_old) for part in self.former}
        pairs = zip(code_insee, former_code_insee, strict=True)
        return pd.Series([pair in listed for pair in pairs], code_insee.index, dtype=bool)


def departement_of(code_insee: pd.Series) -> pd.Series:
    """Take the code of the département from INSEE codes: two characters, three overseas."""
    overseas = code_insee.str.startswith(("97", "98"), na=False)
    return code_insee.str[:2].where(~overseas, code_insee.str[:3])


def is_within(code_insee: pd.Series, departements: Sequence[str]) -> pd.Series:
    """Tell which communes lie in some of the départements (no one named: in France)."""
    if not departements:
        return code_insee.notna()
    return departement_of(code_insee).isin(list(departements))


def resolve_listed(
    names: Sequence[str],
    *,
    register: pd.DataFrame,
    history: pd.DataFrame,
    departements: Sequence[str],
) -> ListedCommunes:
    """
    Find the communes that a call names, whatever has become of them.

    A name is looked for in the départements of the call among the current communes, then
    among the former ones; first as it is written (`names.commune_key`), then without its
    article, then as the beginning of one single name (Saint-Ouen is Saint-Ouen-sur-Seine).
    An INSEE code is taken as it is.

    Parameters
    ----------
    names
        Names or INSEE codes, as the call writes them.
    register, history
        Tables `COMMUNE_REGISTER` and `COMMUNE_HISTORY`.
    departements
        Codes of the départements of the call; empty for the whole country.

    Raises
    ------
    DataError
        If a name is unknown, or is that of several communes.
    """
    known = _known_communes(register, history, departements)
    found = [_named_commune(name, known) for name in names]
    unknown = [name for name, rows in zip(names, found, strict=True) if len(rows) == 0]
    several = [name for name, rows in zip(names, found, strict=True) if len(rows) > 1]
    if unknown or several:
        raise DataError(
            "La liste de communes de l'appel ne peut pas être lue : "
            + "; ".join(
                [f"« {name} » est introuvable" for name in unknown]
                + [f"« {name} » désigne plusieurs communes" for name in several]
            )
            + ". Écrivez le nom officiel ou le code INSEE dans le fichier de l'appel."
        )
    rows = pd.concat([known.iloc[:0], *found]).drop_duplicates("code")
    former = rows[rows["is_former"]].sort_values("code")
    return ListedCommunes(
        codes=frozenset(rows.loc[~rows["is_former"], "code"]),
        former=tuple(
            FormerListed(*part)
            for part in former[["code", "nom", "code_insee"]].itertuples(index=False, name=None)
        ),
        departements=tuple(departements),
    )


def _known_communes(
    register: pd.DataFrame, history: pd.DataFrame, departements: Sequence[str]
) -> pd.DataFrame:
    """Stack current and former communes of the départements, with the keys of their names."""
    current = pd.DataFrame(
        {"code": register.index, "code_insee": register.index, "nom": register["nom"].to_numpy()}
    ).assign(is_former=False)
    former = pd.DataFrame(
        {"code": history.index, "code_insee": history["code_insee"], "nom": history["nom"]}
    ).assign(is_former=True)
    former = former[~former["code"].isin(register.index)]
    known = pd.concat([current, former], ignore_index=True)
    known = known[is_within(known["code_insee"], departements)]
    key = known["nom"].fillna("").map(commune_key)
    return known.assign(key=key, bare_key=key.map(_without_article))


def _without_article(key: str) -> str:
    first, _, rest = key.partition(" ")
    return rest if first in _ARTICLES and rest else key


def _named_commune(name: str, known: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows that the name designates: current communes before former ones."""
    key = commune_key(name)
    bare_key = _without_article(key)
    for matches in (
        known["code"] == name,
        known["key"] == key,
        known["bare_key"] == bare_key,
        known["bare_key"].str.startswith(f"{bare_key} "),
    ):
        rows = known[matches]
        current = rows[~rows["is_former"]]
        if len(rows):
            return current if len(current) else rows
    return known.iloc[:0]
