"""Which commune a name designates: the one resolver of the package.

Codes decide; a name is read only where no code is given. It never chooses between two
communes: it names them instead.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from siting.names import commune_key

_ARTICLES = frozenset({"l", "le", "la", "les"})
_NOT_LAST = _ARTICLES | {"saint", "sainte", "sur", "sous", "en", "de", "du", "des", "d", "aux"}
_SHORT_LINK = re.compile(r"(?i)\s*(?:(?<=[\s-])s\s*/(?!\s*s\b)|(?<=[\s-])s(?=[\s.-])|/)[\s.-]*")
_SHORT_SOUS = re.compile(r"(?i)(?<=[\s-])(?:ss\s*/|ss\b|s\s*/\s*s\b)[\s./-]*")
_CEDEX = re.compile(r"(?i)\bcedex\b.*")
_ARRONDISSEMENT = re.compile(r"(paris|lyon|marseille) 0?(\d{1,2}) ?(?:er|e|eme|nd)?(?: arr[a-z]*)?")
_SHOWN = 5
_LIKENESS = 0.8  # two letters out of ten; Bondi is Bondy, Drancy is not Nancy


@dataclass(frozen=True, slots=True)
class Commune:
    """
    A commune of today, or a former one (`is_former`) that is now a part of `code_insee`.

    `code` is its own code, today's or the old one; postal codes are those of today's.
    """

    code: str
    nom: str
    code_insee: str
    code_dep: str
    postcodes: frozenset[str]
    is_former: bool
    key: str

    @property
    def label(self) -> str:
        """Name and code, as a message shows them."""
        return f"{self.nom} ({self.code})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Designation:
    """
    What a name designates: one commune, or None.

    `several` are the communes between which it does not choose; `alike`, when it
    designates nothing, those whose names are written almost so.
    """

    commune: Commune | None = None
    several: tuple[Commune, ...] = ()
    alike: tuple[Commune, ...] = ()

    @property
    def question(self) -> str:
        """Ask in French which commune is meant; empty when there is nothing to propose."""
        proposed = [one.label for one in self.several or self.alike]
        if not proposed:
            return ""
        more = "…" if len(proposed) > _SHOWN else ""
        return f"Vouliez-vous dire : {', '.join(proposed[:_SHOWN])}{more} ?"


@dataclass(frozen=True, slots=True)
class CommuneNames:
    """Communes of today and former ones, by name, département and postal code."""

    by_key: Mapping[str, Sequence[Commune]]
    by_departement: Mapping[str, Sequence[Commune]]
    by_postcode: Mapping[str, Sequence[Commune]]

    @classmethod
    def of(cls, register: pd.DataFrame, history: pd.DataFrame) -> CommuneNames:
        """
        Index the tables `COMMUNE_REGISTER` and `COMMUNE_HISTORY`.

        A former commune is where today's is. One whose name is not known cannot be named.
        """
        by_key = defaultdict[str, list[Commune]](list)
        by_departement = defaultdict[str, list[Commune]](list)
        by_postcode = defaultdict[str, list[Commune]](list)
        for one in _communes(register, history):
            by_key[one.key].append(one)
            by_departement[one.code_dep].append(one)
            for postcode in one.postcodes:
                by_postcode[postcode].append(one)
        return cls(dict(by_key), dict(by_departement), dict(by_postcode))

    def of_code(self, code: str, *, departements: Collection[str] = ()) -> Commune | None:
        """Return the commune of an INSEE code, today's before a former one; None if unknown."""
        coded = [
            one
            for departement in departements or self.by_departement
            for one in self.by_departement.get(departement, ())
            if one.code == code
        ]
        return min(coded, key=lambda one: one.is_former, default=None)

    def bearers(self, name: str) -> list[Commune]:
        """Return the communes of France, today's and former, that bear exactly this name."""
        return [one for key in _keys(name) for one in self.by_key.get(key, ())]

    def designated(
        self,
        name: str,
        *,
        postcode: str = "",
        departements: Collection[str] = (),
        is_whole: bool = False,
    ) -> Designation:
        """
        Find the commune that a name designates.

        The name is compared whole (`names.commune_key`; `s/` and `/` are *sur* or *sous*),
        then without its article, then as the beginning of one single name (Saint-Ouen is
        Saint-Ouen-sur-Seine). A commune of today comes before a former one of the same
        name. Without postal code nor département, a name counts if it is whole and there
        is only one in France.

        Parameters
        ----------
        name
            Name in any spelling.
        postcode
            Postal code. Where no commune that it serves has that name, those of its
            département are tried, by whole names only unless the code serves none (CEDEX).
        departements
            Codes of the départements where the commune is; empty if that is not known.
        is_whole
            If the beginning of a name is not enough.
        """
        if not postcode and not departements:
            return _only(self.bearers(name), today_first=False)
        keys = _keys(name)
        served = [
            one
            for one in self.by_postcode.get(postcode, ())
            if not departements or one.code_dep in departements
        ]
        near = [
            one
            for code in dict.fromkeys(departements or departements_of_postcode(postcode))
            for one in self.by_departement.get(code, ())
        ]
        is_known = postcode in self.by_postcode
        found = _named(keys, served, is_whole=is_whole) or _named(
            keys, near, is_whole=is_whole or is_known
        )
        return _only(found, today_first=True) if found else Designation(alike=_alike(keys, near))


def departement_of(code_insee: str) -> str:
    """Cut the departement out of an INSEE code: two characters, three overseas."""
    return code_insee[: 3 if code_insee[:2] in {"97", "98"} else 2]


def departements_of_postcode(postcode: str) -> tuple[str, ...]:
    """Departements that a postal code usually points to; Corsica has one prefix for two."""
    if not postcode:
        return ()
    return ("2A", "2B") if postcode.startswith("20") else (departement_of(postcode),)


def _communes(register: pd.DataFrame, history: pd.DataFrame) -> Iterable[Commune]:
    """Give the communes of today, then the former ones that have a name."""
    posts = {
        code: frozenset(text.split(";")) - {""}
        for code, text in register["codes_postaux"].fillna("").items()
    }
    departements = register["code_dep"].to_dict()
    former = history.dropna(subset=["nom"])
    for table, current in ((register, register.index), (former, former["code_insee"])):
        for code, nom, today in zip(table.index, table["nom"], current, strict=True):
            yield Commune(
                code=code,
                nom=nom,
                code_insee=today,
                code_dep=departements.get(today, departement_of(today)),
                postcodes=posts.get(today, frozenset()),
                is_former=table is former,
                key=commune_key(nom),
            )


def _keys(name: str) -> list[str]:
    """Give the keys of a name: two where a short link may be *sur* or *sous*."""
    written = _SHORT_SOUS.sub(" sous ", _CEDEX.sub("", name))
    texts = [_SHORT_LINK.sub(f" {link} ", written) for link in ("sur", "sous")]
    keys = map(commune_key, texts)
    return list(dict.fromkeys(_arrondissement_key(key) for key in keys if key))


def _arrondissement_key(key: str) -> str:
    """Spell out the arrondissement of a city: Paris 2, Lyon 3e, Marseille 01."""
    found = _ARRONDISSEMENT.fullmatch(key)
    if not found:
        return key
    number = int(found[2])
    return f"{found[1]} {number}{'er' if number == 1 else 'e'} arrondissement"


def _without_article(key: str) -> str:
    first, _, rest = key.partition(" ")
    return rest if first in _ARTICLES and rest else key


def _named(keys: Sequence[str], communes: Sequence[Commune], *, is_whole: bool) -> list[Commune]:
    """Keep the communes that a name may designate: by its best reading only."""
    bare_keys = {_without_article(key) for key in keys}
    exact = [one for one in communes if one.key in keys]
    bare = exact or [one for one in communes if _without_article(one.key) in bare_keys]
    if bare or is_whole:
        return bare
    heads = tuple(f"{key} " for key in bare_keys if key.rpartition(" ")[2] not in _NOT_LAST)
    return [one for one in communes if _without_article(one.key).startswith(heads)]


def _only(communes: Sequence[Commune], *, today_first: bool) -> Designation:
    """Return the commune meant, if all of them lie in one commune of today."""
    today = [one for one in communes if not one.is_former]
    meant = today if today and today_first else communes
    if len({one.code_insee for one in meant}) != 1:
        return Designation(several=tuple(meant))
    return Designation(commune=today[0] if today else meant[0])


def _alike(keys: Sequence[str], communes: Sequence[Commune]) -> tuple[Commune, ...]:
    """Return the communes whose names, or their beginnings, are written almost so."""
    found = dict[str, Commune]()
    for key in map(_without_article, keys):
        n_words = key.count(" ") + 1
        named = defaultdict[str, list[Commune]](list)
        for one in communes:
            words = _without_article(one.key).split()
            for text in {" ".join(words), " ".join(words[:n_words])}:
                named[text].append(one)
        close = difflib.get_close_matches(key, named, n=_SHOWN, cutoff=_LIKENESS)
        found |= {one.code: one for text in close for one in named[text]}
    return tuple(found.values())
