"""Reference data shipped with the package: communes, boundaries, programmes, people aged 65+.

Files, origins, licences and known limits are described in `data/README.md`; the
manifest beside the files says the same to the software. Codes are text throughout.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from siting.crs import WGS84, require_crs
from siting.errors import OptionError
from siting.provenance import Provenance
from siting.sources import shipped
from siting.sources.installed import newer_pvd, newer_pvd_provenance
from siting.sources.shipped import (
    damaged_file,
    data_folder,
    layer_path,
    read_reference_csv,
    reference_layers,
    reference_manifest,
)
from siting.tables import COMMUNE_HISTORY, COMMUNE_REGISTER, COMMUNES, FORMER_COMMUNES

__all__ = [
    "data_folder",
    "layer_provenance",
    "read_commune_history",
    "read_commune_register",
    "read_communes",
    "read_communes_around",
    "read_departements",
    "read_epci",
    "read_former_communes",
    "reference_layers",
]

# A simplified boundary may leave a border site out of its own commune: departements are
# searched that far around a site. Far over the largest error measured (see data/README.md).
_AROUND_DEG = 0.02

_WHY_NO_POPULATION_65 = {
    "": "",
    "not_in_source": "inconnus (territoire absent de la source)",
    "boundary_changed": "inconnus (limites changées depuis 2023)",
}


def layer_provenance(layer: str) -> Provenance:
    """
    Return the origin of the layer that is in use: for `pvd`, the installed list if it is newer.

    Raises
    ------
    DataError
        If there is no such layer, or the installed one is damaged.
    """
    newer = newer_pvd_provenance() if layer == "pvd" else None
    return newer or shipped.layer_provenance(layer)


def read_commune_register() -> pd.DataFrame:
    """
    Return every current commune of France, overseas included, with or without a polygon.

    Populations are municipal: reference year 2023, Mayotte 2017, and years of their own
    in the collectivities beyond the départements.

    Returns
    -------
    register
        Table `COMMUNE_REGISTER`, by code.

    Raises
    ------
    DataError
        If the file is absent or damaged.
    """
    return COMMUNE_REGISTER.conform(_communes().drop(columns="population_year"))


def read_commune_history() -> pd.DataFrame:
    """
    Return the codes that are not a commune today, with the commune each lies in.

    Some are half a century old (75066 was Saint-Denis before 1968); dates of merger are
    not in the source.

    Returns
    -------
    history
        Table `COMMUNE_HISTORY`, by old code.

    Raises
    ------
    DataError
        If the file is absent or damaged.
    """
    return COMMUNE_HISTORY.conform(read_reference_csv("commune_history"))


def register_year() -> int:
    """
    Return the year of the register of communes.

    It stands for the present year where a date must be told past or coming, so that the same
    files give the same results whenever they are read.
    """
    return int(layer_provenance("communes").data_timestamp.removeprefix("COG "))


def read_departements() -> dict[str, str]:
    """Return the names of the départements and overseas collectivities, by code."""
    table = read_reference_csv("departements")
    return dict(zip(table["code_dep"], table["nom"], strict=True))


def read_epci() -> dict[str, str]:
    """Return the names of the EPCI with own taxation, by SIREN code."""
    table = read_reference_csv("epci")
    return dict(zip(table["code_epci"], table["nom"], strict=True))


def read_communes(departements: Sequence[str]) -> gpd.GeoDataFrame:
    """
    Return the current communes of some départements, with all that is known of each.

    Boundaries are simplified: a point near one may fall on its wrong side. A commune
    without polygon (the collectivities beyond the départements) is a row without geometry.
    People aged 65+ are empty where the source cannot tell; `vintage` says why.

    Parameters
    ----------
    departements
        Codes, as "01", "2A", "974"; order and repeats do not matter.

    Returns
    -------
    communes
        Table `COMMUNES`, by code.

    Raises
    ------
    OptionError
        If a code is unknown, or a file is absent or damaged.
    """
    codes = _known_departements(departements)
    if not codes:
        return COMMUNES.empty()
    communes = _communes()
    communes = communes[communes["code_dep"].isin(codes)]
    communes = communes.merge(_population_65(), on="code_insee", how="left", validate="1:1")
    pvd_on, pvd_vintage = _pvd_in_use()
    communes["is_pvd"] = communes["code_insee"].isin(pvd_on.index)
    communes["pvd_on"] = communes["code_insee"].map(pvd_on)
    communes["vintage"] = _vintages(communes, pvd_vintage)
    polygons = _read_polygons("boundaries", codes)
    communes = communes.merge(polygons, on="code_insee", how="left", validate="1:1")
    layer = gpd.GeoDataFrame(communes, geometry="geometry", crs=WGS84)
    return COMMUNES.conform(layer.drop(columns=["codes_postaux", "population_year", "why"]))


def read_communes_around(points: gpd.GeoSeries) -> gpd.GeoDataFrame:
    """
    Return the communes of every département that has one within about two kilometres of a point.

    "Near" compares boxes, not outlines: no commune that holds or borders a point is left
    out, and some départements come along for nothing.

    Parameters
    ----------
    points
        Positions, or areas, in WGS84, anywhere on Earth; missing and empty ones are ignored.

    Returns
    -------
    communes
        Table `COMMUNES`; empty when all points are far from France.

    Raises
    ------
    CrsError
        If the points are not in WGS84.
    DataError
        If a file is absent or damaged.
    """
    require_crs(points, "points")
    located = points[~(points.isna() | points.is_empty)]
    if located.empty:
        return COMMUNES.empty()
    boxes = _read_boxes()
    around = shapely.box(
        boxes["bbox.xmin"] - _AROUND_DEG,
        boxes["bbox.ymin"] - _AROUND_DEG,
        boxes["bbox.xmax"] + _AROUND_DEG,
        boxes["bbox.ymax"] + _AROUND_DEG,
    )
    _, hits = shapely.STRtree(around).query(located.to_numpy(), predicate="intersects")
    codes = boxes["code_dep"].iloc[hits]
    return read_communes(sorted(set(codes)))


def read_former_communes(departements: Sequence[str]) -> gpd.GeoDataFrame:
    """
    Return the communes that disappeared since 1 January 2024 in some départements.

    Parameters
    ----------
    departements
        Codes of the départements of the current communes.

    Returns
    -------
    former
        Table `FORMER_COMMUNES`, by old code. Older mergers are in the history only.

    Raises
    ------
    DataError
        If a code is unknown, or a file is absent or damaged.
    """
    codes = _known_departements(departements)
    if not codes:
        return FORMER_COMMUNES.empty()
    return FORMER_COMMUNES.conform(_read_polygons("former_communes", codes))


def _read_boxes() -> pd.DataFrame:
    """Return the département and the box, in degrees, of each commune that has a polygon."""
    path = layer_path("boundaries")
    try:
        table = pq.read_table(path, columns=["code_dep", "bbox"])
    except (OSError, pa.ArrowException) as error:
        raise damaged_file(path) from error
    return table.flatten().to_pandas()


def _read_polygons(layer: str, departements: set[str]) -> gpd.GeoDataFrame:
    path = layer_path(layer)
    try:
        polygons = gpd.read_parquet(path, filters=[("code_dep", "in", sorted(departements))])
    except (OSError, pa.ArrowException) as error:
        raise damaged_file(path) from error
    return polygons.drop(columns=["code_dep", "bbox"], errors="ignore")


def _communes() -> pd.DataFrame:
    communes = read_reference_csv("communes")
    communes["population"] = pd.to_numeric(communes["population"]).astype("Int64")
    return communes


def _population_65() -> pd.DataFrame:
    table = read_reference_csv("population_65").rename(columns={"unknown_because": "why"})
    return table.assign(population_65=pd.to_numeric(table["population_65"]).astype("Int64"))


def _pvd_in_use() -> tuple[pd.Series, str]:
    """
    Return the first signature date of each current commune of the list, and its vintage.

    The list is the installed one when it is newer than the shipped one. A date is missing if
    it is not known.
    """
    newer = newer_pvd()
    if newer is not None:
        return newer.table["signed_on"], newer.provenance.data_timestamp
    listed = read_reference_csv("pvd")
    now = read_reference_csv("commune_history").set_index("code_insee_old")["code_insee"]
    code = listed["code_insee"].map(now).fillna(listed["code_insee"])
    signed_on = listed["date_signature"].mask(listed["date_signature"] == "")
    return signed_on.groupby(code).min(), reference_manifest()["pvd"].vintage


def _vintages(communes: pd.DataFrame, pvd_vintage: str) -> pd.Series:
    """Say, commune by commune, of when its code and figures are, and why one is missing."""
    layers = reference_manifest()
    year = communes["population_year"].where(communes["population_year"] != "", "d'année inconnue")
    year = year.where(communes["population"].notna(), "inconnue")
    people_65 = communes["why"].map(_WHY_NO_POPULATION_65)
    people_65 = people_65.where(people_65 != "", layers["population_65"].vintage)
    return (
        f"{layers['communes'].vintage} ; population "
        + year
        + " ; 65 ans et plus "
        + people_65
        + f" ; Petites villes de demain {pvd_vintage}"
    )


def _known_departements(departements: Sequence[str]) -> set[str]:
    """Return the codes asked for, refusing unknown ones with what was probably meant."""
    names = read_departements()
    for code in departements:
        if code not in names:
            raise OptionError(
                f"Département inconnu : « {code} ».{_departement_hint(str(code), names)} "
                "Donnez un code : 01 à 95, 2A, 2B ou 971 à 976."
            )
    return set(departements)


def _departement_hint(given: str, names: dict[str, str]) -> str:
    """Suggest the codes of a département whose code or name is close to what was given."""
    text = given.strip().upper()
    if text == "20":
        near = ["2A", "2B"]
    elif text.zfill(2) in names:
        near = [text.zfill(2)]
    else:
        folded = {name.casefold(): code for code, name in names.items()}
        close = difflib.get_close_matches(given.strip().casefold(), folded, n=2, cutoff=0.75)
        near = [folded[name] for name in close]
    if not near:
        return ""
    suggestions = " ou ".join(f"« {code} » ({names[code]})" for code in near)
    return f" Vouliez-vous dire {suggestions} ?"
