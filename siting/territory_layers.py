"""Layers of a territory that a person installs: priority quarters, density grid, programmes.

The tables, and how a list of an older year is brought to the communes of today. Nothing here
opens a file: `sources.layer_files` reads them, `sources.installed` keeps them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

import pandas as pd

from siting.tables import CODE_INSEE, Column, Table

QPV = Table(
    "QPV",
    (
        Column(
            "code_qp",
            "text",
            "code of the priority quarter; ;-list where the file draws several as one area",
        ),
    ),
    (
        Column("nom", "text", "its name, as in the file"),
        Column("codes_insee", "text", "communes in which it lies, ;-list; empty when not told"),
        Column("vintage", "text", "generation of the quarters", allowed=("2015", "2024")),
    ),
    geometry="outline",
)

DENSITY = Table(
    "DENSITY",
    (CODE_INSEE,),
    (
        Column(
            "density_class",
            "integer",
            "class of INSEE's grid of 7 levels, 1 the densest; empty when the file has fewer "
            "levels, or when the parts of a merged commune differ",
        ),
        Column("density_label", "text", "wording of the class, as in the file"),
        Column(
            "is_rural",
            "boolean",
            "rural for INSEE: classes 5 to 7 of 7, 3 and 4 of 4, 3 of 3; empty when the parts "
            "of a merged commune differ",
        ),
    ),
)

PROGRAMME = Table(
    "PROGRAMME",
    (CODE_INSEE,),
    (
        Column("nom", "text", "name of the commune, as in the list"),
        Column("signed_on", "text", "ISO date of its signature; empty when the list has none"),
    ),
)

# INSEE, grille communale de densité à 7 niveaux: class -> wording.
DENSITY_LABELS: Mapping[int, str] = MappingProxyType(
    {
        1: "Grands centres urbains",
        2: "Centres urbains intermédiaires",
        3: "Ceintures urbaines",
        4: "Petites villes",
        5: "Bourgs ruraux",
        6: "Rural à habitat dispersé",
        7: "Rural à habitat très dispersé",
    }
)
FIRST_RURAL_CLASS = 5


def programme_today(
    listed: pd.DataFrame, *, history: Mapping[str, str], current: Collection[str]
) -> pd.DataFrame:
    """
    Bring a list of communes to those of today.

    A commune that has merged makes the one it lies in listed, whole: a programme is one of
    the commune that signed, and its successor keeps what was signed.

    Parameters
    ----------
    listed
        Table `PROGRAMME`, by the codes of the list, whatever their year.
    history
        Code that is no commune today -> code of the commune in which it lies.
    current
        Codes of the communes of today; a code that is neither is left out.

    Returns
    -------
    programme
        Table `PROGRAMME` by current code; of several communes merged into one, the first
        signature, and the name of the one whose code remains.
    """
    rows = listed.reset_index()
    rows["today"] = rows["code_insee"].map(history).fillna(rows["code_insee"])
    rows = rows[[code in current for code in rows["today"]]]
    rows = rows.assign(is_other=rows["today"] != rows["code_insee"])
    rows = rows.sort_values(["is_other", "code_insee"], kind="stable")
    names = rows.groupby("today", sort=True)["nom"].first()
    signed_on = rows.sort_values("signed_on").groupby("today")["signed_on"].first()
    merged = pd.DataFrame({"nom": names, "signed_on": signed_on.reindex(names.index)})
    return PROGRAMME.conform(merged.rename_axis("code_insee").reset_index())


def density_today(
    levels: pd.DataFrame, *, history: Mapping[str, str], current: Collection[str]
) -> pd.DataFrame:
    """
    Bring a density grid to the communes of today.

    INSEE classes a merged commune anew, from its whole territory: until then its class is
    that of its parts when they agree, and is not known when they do not.

    Parameters
    ----------
    levels
        Table `DENSITY`, by the codes of the grid.
    history, current
        As for `programme_today`.

    Returns
    -------
    levels
        Table `DENSITY` by current code; a commune that the grid does not have is no row.
    """
    rows = levels.reset_index()
    rows["code_insee"] = rows["code_insee"].map(history).fillna(rows["code_insee"])
    rows = rows[[code in current for code in rows["code_insee"]]]
    is_alone = ~rows["code_insee"].duplicated(keep=False)
    by_today = rows[~is_alone].groupby("code_insee", sort=True)
    merged = pd.DataFrame({name: by_today[name].first() for name in DENSITY.column_names})
    for name in DENSITY.column_names:
        n_values = by_today[name].nunique(dropna=False)
        merged[name] = merged[name].where(n_values == 1)
    both = pd.concat([rows[is_alone], merged.reset_index()]).sort_values("code_insee")
    return DENSITY.conform(both)
