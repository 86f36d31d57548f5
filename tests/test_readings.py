"""Project descriptions written from the texts of the calls, and a careful person's verdicts.

Each file of `readings` tells a project in words, what is declared and measured of it, and the
verdict on each requirement that is not left to the applicant's file, with its reason. Communes,
borders and programmes are the real ones; minutes and metres are those of the description.
"""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import MultiPolygon, Polygon, box

from siting.calls import Measure, RulePack, Walking, verdicts
from siting.crs import GEOD, WGS84
from siting.places import CallLayer
from siting.register_tables import REGISTER
from siting.rule_packs import PLACELESS
from siting.sources.packs import list_packs, read_pack
from siting.study.call_layers import CallLayers, call_territory
from siting.study.locate import Located, ProjectsFile, geocode
from siting.tables import ACCESS, SERVICES
from siting.taxonomy import read_taxonomy
from siting.territory_layers import DENSITY, QPV

FOLDER = Path(__file__).parent / "readings"
FILES = sorted(FOLDER.glob("*.toml"))


def reading(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def located(told: dict[str, Any], pack: RulePack, folder: Path) -> Located:
    columns = {**told["site"], **told["declared"]}
    path = folder / "projets.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerows([columns.keys(), columns.values()])
    return geocode(ProjectsFile(path=path), geocoder=None, pack=pack)


def access(walks: dict[str, float], site_id: str) -> pd.DataFrame:
    """One service for each family: the first category that counts for it."""
    rows = []
    for family in read_taxonomy().families:
        category = next(one for one in read_taxonomy().categories if family.id in one.counts_for).id
        minutes = walks.get(family.id, np.nan)
        rows.append(
            {
                "site_id": site_id,
                "category": category,
                "rank": 1,
                "families": family.id,
                "service_id": f"node/{len(rows)}" if family.id in walks else "",
                "service_name": family.label,
                "walk_m": minutes * 48,  # 2.88 km/h
                "line_m": minutes * 40,
                "walk_min": minutes,
                "snap_m": 4.0,
                "access_status": "reached" if family.id in walks else "no_service",
                "edge_limited": False,
                "fit_m": np.nan,
                "unfit_m": np.nan,
                "unknown_m": np.nan,
            }
        )
    return ACCESS.conform(pd.DataFrame(rows))


def north_of(lon: float, lat: float, metres: float) -> float:
    return GEOD.fwd(lon, lat, 0.0, metres)[1]


def layers(told: dict[str, Any], code_insee: str) -> CallLayers:
    """Draw what the description tells around the site: quarters, an EHPAD, the density."""
    lon, lat, given = told["site"]["lon"], told["site"]["lat"], told["layers"]
    quarters = {}
    for vintage in ("2015", "2024"):
        if f"quarter_{vintage}_m" in given:
            metres, side = given[f"quarter_{vintage}_m"]
            edge = north_of(lon, lat, metres)
            south, north = (lat - 0.01, edge) if side == "inside" else (edge, edge + 0.01)
            drawn = box(lon - 0.01, south, lon + 0.01, north)
            quarters[vintage] = quarter_layer(drawn, vintage, code_insee)
    density = None
    if "density" in given:
        level, label = given["density"]
        row = {"code_insee": code_insee, "density_class": level, "density_label": label}
        table = DENSITY.conform(pd.DataFrame([{**row, "is_rural": level >= 5}]))
        density = CallLayer(table=table, said="grille de densité")
    establishments = None
    if "establishment_m" in given:
        establishments = register_layer(lon, north_of(lon, lat, given["establishment_m"]))
    return CallLayers(qpv=quarters, density=density, establishments=establishments)


def quarter_layer(drawn: Polygon, vintage: str, code_insee: str) -> CallLayer:
    fields = {"code_qp": ["QP000001"], "nom": ["Quartier"], "codes_insee": [code_insee]}
    table = gpd.GeoDataFrame(
        {**fields, "vintage": [vintage]}, geometry=[MultiPolygon([drawn])], crs=WGS84
    )
    return CallLayer(table=QPV.conform(table), said=f"quartiers de {vintage}")


def register_layer(lon: float, lat: float) -> CallLayer:
    row = {
        "register_id": "finess/000000001",
        "categories": "ehpad",
        "name": "Résidence",
        "lon": lon,
        "lat": lat,
        "position": "coordinates",
        "status": "unknown",
        "register": "finess",
    }
    blank = dict.fromkeys(REGISTER.column_names, "")
    table = REGISTER.conform(pd.DataFrame([{**blank, **row}]))
    return CallLayer(table=table, said="FINESS")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_verdicts_are_those_of_a_careful_reading(path: Path, tmp_path: Path) -> None:
    told = reading(path)
    pack = read_pack(told["call"])
    found = located(told, pack, tmp_path)
    site_id = str(found.sites.index[0])
    code_insee = str(found.sites["code_insee"].iloc[0])
    table = verdicts(
        found.sites,
        access(told["walks"], site_id),
        SERVICES.empty(),
        pack=pack,
        walking=Walking(taxonomy=read_taxonomy(), walker_label="senior", cutoff_min=30),
        territory=call_territory(found, None, layers(told, code_insee)),
        declared=found.projects.own,
    ).loc[site_id]
    read = {one["requirement"]: one["verdict"] for one in told["reading"]}
    left = {one.id: "declaratif" for one in pack.requirements if one.id not in read}
    expected = left | read
    assert {one: table["verdict"][one] for one in expected} == expected
    assert set(expected) == set(table.index)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_measured_requirement_was_read_with_a_reason(path: Path) -> None:
    told = reading(path)
    requirements = read_pack(told["call"]).requirements
    judged = {one.id for one in requirements if one.measure is not Measure.DECLARED}
    measured = {one.id for one in requirements if one.measure not in PLACELESS}
    read = [one["requirement"] for one in told["reading"]]
    assert len(read) == len(set(read))
    assert measured <= set(read) <= judged
    assert all(one["why"].endswith(".") for one in told["reading"])
    assert len(told["description"].split()) > 25


def test_each_call_has_a_description() -> None:
    assert {reading(path)["call"] for path in FILES} == set(list_packs())
