"""Which commune each row of an inventory is in: by its code, else by its name."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pandas as pd

from siting.communes import Commune, CommuneNames, departements_of_postcode
from siting.names import commune_key
from siting.sources.cells import insee_code, postcode

UNSAID = "Ni commune ni code INSEE : ajoutez l'un ou l'autre."

_DEPARTEMENT = re.compile(r"(97[1-8]|98[46-8]|2[AB]|[0-9]{1,2})(?![0-9A-Z])")


@dataclass(frozen=True, slots=True)
class Declared:
    """Where a row says the place is."""

    name: str
    code_insee: str
    code_postal: str
    departements: tuple[str, ...]

    def may_be_in(self, departements: Collection[str]) -> bool:
        """Tell if the row does not say that the place is elsewhere."""
        said = self.departements or departements_of_postcode(self.code_postal)
        return not (departements and said) or not set(said).isdisjoint(departements)


@dataclass(frozen=True, slots=True)
class Located:
    """Commune found, or why there is none."""

    code_insee: str = ""
    former_code_insee: str = ""
    issue: str = ""


def declared(commune: str, code: str, code_postal: str, departement: str) -> Declared:
    """Read the cells of a row that say where its place is."""
    named = _DEPARTEMENT.match(departement.upper())
    # A code that is not one is shown as it is: it must not be silently left out.
    return Declared(
        name=commune,
        code_insee=insee_code(code) or code,
        code_postal=postcode(code_postal),
        departements=(named[1].zfill(2),) if named else (),
    )


@dataclass(frozen=True, slots=True)
class Communes:
    """Communes by code and by name, today's and former ones."""

    official: Mapping[str, str]
    departements: Mapping[str, str]
    current_codes: Mapping[str, str]
    names: CommuneNames

    @classmethod
    def of(cls, register: pd.DataFrame, history: pd.DataFrame) -> Communes:
        """Index both tables."""
        return cls(
            official=register["nom"].to_dict(),
            departements=register["code_dep"].to_dict(),
            current_codes=history["code_insee"].to_dict(),
            names=CommuneNames.of(register, history),
        )

    def located(self, row: Declared, *, within: tuple[str, ...]) -> Located:
        """Find the commune of a row by its code, else by its name."""
        if row.code_insee:
            return self._by_code(row)
        if row.name:
            return self._by_name(row, within=within)
        return Located(issue=UNSAID)

    def _by_code(self, row: Declared) -> Located:
        code = row.code_insee
        current = code if code in self.official else self.current_codes.get(code, "")
        if not current:
            return Located(issue=f"Code INSEE « {code} » inconnu : corrigez-le ou laissez-le vide.")
        named = self.names.designated(row.name, departements=(self.departements[current],)).commune
        if self._is_another(row.name, current, named):
            return Located(
                issue=f"Le code INSEE {code} n'est pas celui de « {row.name} » "
                f"mais de « {self.official[current]} » : corrigez l'un ou l'autre."
            )
        return Located(current, code if code != current else _former_code(named))

    def _is_another(self, name: str, code: str, named: Commune | None) -> bool:
        """Tell if a name is that of another commune: a neighbour, else one far away."""
        if named is not None:
            return named.code_insee != code
        bearers = self.names.bearers(name)
        words, official = (set(commune_key(text).split()) for text in (name, self.official[code]))
        is_short = words <= official or official <= words
        return bool(bearers) and not is_short and all(one.code_insee != code for one in bearers)

    def _by_name(self, row: Declared, *, within: tuple[str, ...]) -> Located:
        departements = row.departements or (() if row.code_postal else within)
        meant = self.names.designated(row.name, postcode=row.code_postal, departements=departements)
        if meant.commune is not None:
            return Located(meant.commune.code_insee, _former_code(meant.commune))
        if meant.several:
            return Located(
                issue=f"Plusieurs communes peuvent s'appeler « {row.name} ». {meant.question} "
                "Ajoutez le code INSEE ou le code postal."
            )
        said = departements or departements_of_postcode(row.code_postal)
        where = f" dans le département {' ou '.join(said)}" if said else ""
        mend = meant.question or "Corrigez le nom, ou ajoutez le code INSEE ou le code postal."
        return Located(issue=f"Commune « {row.name} » inconnue{where}. {mend}")


def _former_code(commune: Commune | None) -> str:
    """Return the code of a former commune; empty for a commune of today."""
    return commune.code if commune is not None and commune.is_former else ""
