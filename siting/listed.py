"""Communes that a call lists as without inclusive housing, whatever has become of them since.

A commune of the list that has merged is today a part of a larger one: only that part is
listed. Codes decide, names are only read and shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from siting.communes import CommuneNames, Designation
from siting.errors import DataError


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

    A name is looked for in the départements of the call, among communes of today and former
    ones (`communes.CommuneNames.designated`). An INSEE code is taken as it is.

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
    known = CommuneNames.of(register, history)
    found = [_named(name, known, departements=departements) for name in names]
    unclear = [
        f"« {name} » {'désigne plusieurs communes' if one.several else 'est introuvable'}"
        + (f" ({one.question})" if one.question else "")
        for name, one in zip(names, found, strict=True)
        if one.commune is None
    ]
    if unclear:
        raise DataError(
            f"La liste de communes de l'appel ne peut pas être lue : {'; '.join(unclear)}. "
            "Écrivez le nom officiel ou le code INSEE dans le fichier de l'appel."
        )
    communes = {one.commune.code: one.commune for one in found if one.commune is not None}
    return ListedCommunes(
        codes=frozenset(code for code, one in communes.items() if not one.is_former),
        former=tuple(
            FormerListed(code, one.nom, one.code_insee)
            for code, one in sorted(communes.items())
            if one.is_former
        ),
        departements=tuple(departements),
    )


def _named(name: str, known: CommuneNames, *, departements: Sequence[str]) -> Designation:
    """Find the commune of a code, today's before a former one, else of a name."""
    coded = known.of_code(name, departements=departements)
    if coded is not None:
        return Designation(commune=coded)
    return known.designated(name, departements=departements)
