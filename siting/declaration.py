"""Which current commune each project declares: by code first, by name second."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from siting.addresses import Address, read_address
from siting.names import commune_key
from siting.tables import DECLARED, CommuneCheck

_ARRONDISSEMENT = re.compile(r"(paris|lyon|marseille) 0?(\d{1,2}) ?(?:er|e|eme|nd)?(?: arr.*)?")
_FIRST_ARRONDISSEMENT = {"paris": 75101, "lyon": 69381, "marseille": 13201}


@dataclass(frozen=True, slots=True)
class _Named:
    """A commune of today or of yesterday that bears a name."""

    code: str
    current: str
    postcodes: frozenset[str]


def declared_communes(
    projects: pd.DataFrame, *, register: pd.DataFrame, history: pd.DataFrame
) -> pd.DataFrame:
    """
    Resolve the commune that each project declares into a commune of today.

    The INSEE code decides when it exists or existed. Otherwise the name does, in the
    column or at the end of the address, with the postal code (then the departement of
    the postal code, for a CEDEX code belongs to no commune); a name alone counts if it is
    unique in France. A postal code alone never does: two out of three have several communes.

    Parameters
    ----------
    projects
        Table `PROJECTS`.
    register, history
        Tables `COMMUNE_REGISTER` and `COMMUNE_HISTORY`, of the same vintage.

    Returns
    -------
    declared
        Table `DECLARED`, in the order of `projects`; empty where nothing could be resolved.
    """
    current = history["code_insee"].to_dict()
    known = set(register.index)
    codes = {
        site: code
        for site, code in projects["code_insee"].dropna().items()
        if code in known or code in current
    }
    unresolved = projects.loc[[site for site in projects.index if site not in codes]]
    codes |= _codes_by_name(unresolved, register=register, history=history)

    declared = pd.DataFrame({"declared_code": pd.Series(codes, dtype="str")}, projects.index)
    is_current = declared["declared_code"].isin(known)
    mapped = declared["declared_code"].map(current)
    declared["code_insee"] = declared["declared_code"].where(is_current, mapped)
    kind = declared["declared_code"].map(history["kind"])
    declared["relation"] = (
        pd.Series(CommuneCheck.SAME_AFTER_MERGE.value, declared.index, dtype="str")
        .mask(kind == "arrondissement", CommuneCheck.ARRONDISSEMENT.value)
        .mask(is_current, CommuneCheck.SAME.value)
        .where(declared["code_insee"].notna())
    )
    declared["commune"] = declared["code_insee"].map(register["nom"])
    return DECLARED.conform(declared)


def departement_of(code_insee: str) -> str:
    """Cut the departement out of an INSEE code: two characters, three overseas."""
    return code_insee[: 3 if code_insee[:2] in {"97", "98"} else 2]


def _codes_by_name(
    projects: pd.DataFrame, *, register: pd.DataFrame, history: pd.DataFrame
) -> dict[object, str]:
    """Code of each project whose commune has a name that can be only one."""
    texts = projects[["address", "code_postal", "commune"]].fillna("")
    asked = {
        site: read_address(address, postcode=postcode, commune=commune)
        for site, address, postcode, commune in texts.itertuples(name=None)
    }
    asked = {site: address for site, address in asked.items() if address.commune or address.tail}
    if not asked:
        return {}
    near = _near(register, {one.postcode or one.cedex_postcode for one in asked.values()})
    names = _names(near, history[history["code_insee"].isin(near.index)])
    found = {site: _code_of(address, names) for site, address in asked.items()}
    return {
        site: code
        for site, code in found.items()
        if code in register.index or code in history.index
    }


def _near(register: pd.DataFrame, postcodes: set[str]) -> pd.DataFrame:
    """Communes that these postal codes may mean; all of France if one is empty."""
    if "" in postcodes:
        return register
    departements = set[str]().union(*map(_departements, postcodes))
    is_served = register["codes_postaux"].str.contains(
        "|".join(map(re.escape, postcodes)), na=False
    )
    return register[is_served | register.index.map(departement_of).isin(departements)]


def _names(register: pd.DataFrame, history: pd.DataFrame) -> dict[str, list[_Named]]:
    """Communes by key of their name, those of today before those of yesterday."""
    postcodes = {
        code: frozenset(text.split(";"))
        for code, text in register["codes_postaux"].dropna().items()
    }
    names: dict[str, list[_Named]] = defaultdict(list)
    former = history.dropna(subset=["nom"])
    for table, current in ((register, register.index), (former, former["code_insee"])):
        for code, name, today in zip(table.index, table["nom"], current, strict=True):
            named = _Named(code, today, postcodes.get(today, frozenset()))
            names[commune_key(name)].append(named)
    return names


def _code_of(address: Address, names: dict[str, list[_Named]]) -> str:
    key = commune_key(address.commune or address.tail)
    numbered = _ARRONDISSEMENT.fullmatch(key)
    if numbered:
        return str(_FIRST_ARRONDISSEMENT[numbered[1]] + int(numbered[2]) - 1)
    postcode = address.postcode or address.cedex_postcode
    bearers = names.get(key, [])
    if not postcode:
        return _only_one(bearers)
    exact = [one for one in bearers if postcode in one.postcodes]
    near = [one for one in bearers if departement_of(one.current) in _departements(postcode)]
    today = [one for one in exact if one.code == one.current]
    return _only_one(today) or _only_one(exact) or ("" if exact else _only_one(near))


def _only_one(bearers: Iterable[_Named]) -> str:
    """Code of the first bearer, if all of them lie in one commune of today."""
    listed = list(bearers)
    return listed[0].code if len({one.current for one in listed}) == 1 else ""


def _departements(postcode: str) -> set[str]:
    """Departements that a postal code usually points to; Corsica has one prefix for two."""
    return {"2A", "2B"} if postcode.startswith("20") else {departement_of(postcode)}
