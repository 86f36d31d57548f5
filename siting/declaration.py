"""Which current commune each project declares: by code first, by name second."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

import pandas as pd

from siting.addresses import Address, read_address
from siting.communes import CommuneNames, departements_of_postcode
from siting.tables import DECLARED, CommuneCheck


@dataclass(frozen=True, slots=True)
class Unrecognised:
    """A declared commune that is none, the sites that declare it, and what to ask of it."""

    name: str
    sites: tuple[str, ...]
    question: str


def declared_communes(
    projects: pd.DataFrame, *, register: pd.DataFrame, history: pd.DataFrame
) -> pd.DataFrame:
    """
    Resolve the commune that each project declares into a commune of today.

    The INSEE code decides when it exists or existed. Otherwise the name does
    (`communes.CommuneNames`), in the column or at the end of the address, with the postal
    code; a name alone counts if it is unique in France. A postal code alone never does:
    two out of three have several communes.

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


def unrecognised_communes(
    projects: pd.DataFrame,
    declared: pd.DataFrame,
    *,
    register: pd.DataFrame,
    history: pd.DataFrame,
) -> list[Unrecognised]:
    """
    List the communes declared by name or by code that could not be resolved.

    Parameters
    ----------
    projects, declared
        Tables `PROJECTS` and `DECLARED` of the same projects.
    register, history
        Tables `COMMUNE_REGISTER` and `COMMUNE_HISTORY` by which they were resolved.
    """
    lost = projects.loc[declared.index[declared["code_insee"].isna()]]
    asked = {
        site: (address.commune or str(code), address.postcode or address.cedex_postcode)
        for (site, address), code in zip(
            _addresses(lost).items(), lost["code_insee"].fillna(""), strict=True
        )
    }
    sites: dict[tuple[str, str], list[str]] = defaultdict(list)
    for site, (name, postcode) in asked.items():
        if name:
            sites[name, postcode].append(site)
    if not sites:
        return []
    names = _names({postcode for _, postcode in sites}, register=register, history=history)
    return [
        Unrecognised(name, tuple(ids), names.designated(name, postcode=postcode).question)
        for (name, postcode), ids in sites.items()
    ]


def _addresses(projects: pd.DataFrame) -> dict[str, Address]:
    texts = projects[["address", "code_postal", "commune"]].fillna("")
    return {
        str(site): read_address(address, postcode=postcode, commune=commune)
        for site, address, postcode, commune in texts.itertuples(name=None)
    }


def _codes_by_name(
    projects: pd.DataFrame, *, register: pd.DataFrame, history: pd.DataFrame
) -> dict[str, str]:
    """Code of each project whose commune has a name that can be only one."""
    asked = {
        site: address
        for site, address in _addresses(projects).items()
        if address.commune or address.tail
    }
    if not asked:
        return {}
    postcodes = {one.postcode or one.cedex_postcode for one in asked.values()}
    names = _names(postcodes, register=register, history=history)
    found = {
        site: names.designated(
            address.commune or address.tail,
            postcode=address.postcode or address.cedex_postcode,
            is_whole=not address.commune,
        ).commune
        for site, address in asked.items()
    }
    return {site: one.code for site, one in found.items() if one is not None}


def _names(postcodes: set[str], *, register: pd.DataFrame, history: pd.DataFrame) -> CommuneNames:
    """Index the communes that these postal codes may mean; all of France if one is empty."""
    if "" not in postcodes:
        departements = set[str]().union(*map(departements_of_postcode, postcodes))
        is_served = register["codes_postaux"].str.contains(
            "|".join(map(re.escape, postcodes)), na=False
        )
        register = register[is_served | register["code_dep"].isin(departements)]
        history = history[history["code_insee"].isin(register.index)]
    return CommuneNames.of(register, history)
