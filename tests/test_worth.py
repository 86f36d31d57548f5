"""What a study says of what it does not find, on a département drawn by the test.

The communes of Seine-Saint-Denis have their real outlines and populations. Services are drawn in
the middle of each in proportion to its inhabitants, save where the test leaves them out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest

from siting.sources.reference import read_communes
from siting.study import (
    Invocation,
    ProjectsFile,
    Study,
    StudyOptions,
    add_area,
    area_report,
    report_lines,
    study,
    study_files,
    write_area_report,
)

# One of each for so many inhabitants: 5 categories of the four families.
PEOPLE_FOR_ONE = {
    "pharmacie": (2_500, {"amenity": "pharmacy"}),
    "boulangerie": (2_000, {"shop": "bakery"}),
    "arret_bus": (1_000, {"highway": "bus_stop"}),
    "mairie": (15_000, {"amenity": "townhall"}),
    "dentiste": (4_000, {"amenity": "dentist"}),
}
MONTREUIL, NOISY_LE_SEC = "93048", "93053"


@pytest.fixture(scope="module")
def communes() -> gpd.GeoDataFrame:
    return read_communes(["93"])


def draw(
    path: Path,
    communes: gpd.GeoDataFrame,
    *,
    without: Collection[tuple[str, str]],
    lanes: str = "residential",
) -> Path:
    """Write lanes on a grid of 2 km, one street through each commune, and the services."""
    west, south, east, north = communes.total_bounds
    lines = [
        [(lon, lat), (lon + 0.0005, lat)]
        for lon in np.arange(west - 0.03, east + 0.03, 0.027)
        for lat in np.arange(south - 0.02, north + 0.02, 0.018)
    ]
    nodes, ways = [], []
    n_lanes = len(lines)
    middles = communes.geometry.representative_point()
    lines += [[(at.x - 0.002, at.y), (at.x + 0.002, at.y)] for at in middles]
    for line in lines:
        refs = ""
        for lon, lat in line:
            nodes.append(f'<node id="{len(nodes) + 1}" lat="{lat:.7f}" lon="{lon:.7f}"/>')
            refs += f'<nd ref="{len(nodes)}"/>'
        kind = lanes if len(ways) < n_lanes else "residential"
        ways.append(f'<way id="{len(ways) + 1}">{refs}<tag k="highway" v="{kind}"/></way>')
    for code, middle in middles.items():
        for category, (people, tags) in PEOPLE_FOR_ONE.items():
            n = 0 if (code, category) in without else communes["population"][code] // people
            for one in range(n):
                lon, lat = middle.x - 0.0015 + 0.003 * one / n, middle.y + 0.00005
                told = "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())
                told += f'<tag k="name" v="{category} {one}"/>'
                nodes.append(
                    f'<node id="{len(nodes) + 1}" lat="{lat:.7f}" lon="{lon:.7f}">{told}</node>'
                )
    bounds = (
        f'<bounds minlat="{south - 0.1}" minlon="{west - 0.1}" '
        f'maxlat="{north + 0.1}" maxlon="{east + 0.1}"/>'
    )
    path.write_text(
        f'<?xml version="1.0"?><osm version="0.6">{bounds}{"".join([*nodes, *ways])}</osm>',
        encoding="utf-8",
    )
    return path


@dataclass(frozen=True)
class Drawn:
    """The map of a département, and a study on it of one site in the middle of some communes."""

    osm: Path
    study: Study


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory, communes: gpd.GeoDataFrame) -> Drawn:
    """No pharmacy in Montreuil, where 44 are expected; none of anything in Noisy-le-Sec."""
    folder = tmp_path_factory.mktemp("departement")
    without = {(MONTREUIL, "pharmacie"), *((NOISY_LE_SEC, one) for one in PEOPLE_FOR_ONE)}
    osm = draw(folder / "93.osm", communes, without=without)
    return Drawn(osm, studied(folder, communes, osm))


def studied(folder: Path, communes: gpd.GeoDataFrame, osm: Path, **options: object) -> Study:
    """Study sites in the middle of communes, in the street of each, by a walk of 2 minutes."""
    middles = communes.geometry.representative_point()
    sites: Mapping[str, str] = {"montreuil": MONTREUIL, "noisy": NOISY_LE_SEC, "bondy": "93010"}
    rows = [f"{name};{middles[code].x:.6f};{middles[code].y:.6f}" for name, code in sites.items()]
    projects = folder / "projets.csv"
    projects.write_text("\n".join(["id;lon;lat", *rows]) + "\n", encoding="utf-8")
    chosen = {"osm": (osm,), "call": "ssd-avp-2025", "cutoff_min": 15.0, **options}
    return study(
        ProjectsFile(path=projects),
        options=StudyOptions(**chosen),  # type: ignore[arg-type]
    )


def kind(found: Study, site: str, category: str) -> str:
    return str(found.worth.absence.loc[(site, category), "map_evidence"])


def test_what_comparable_communes_have_is_missed_where_it_is_not_there(drawn: Drawn) -> None:
    assert kind(drawn.study, "montreuil", "pharmacie") == "fewer_than_comparable"
    assert kind(drawn.study, "noisy", "pharmacie") == "barely_mapped"
    assert kind(drawn.study, "bondy", "pharmacie") == "as_comparable"


def test_a_count_of_none_is_kept_where_the_map_is_known_to_be_complete(
    drawn: Drawn, communes: gpd.GeoDataFrame
) -> None:
    """Nobody has a fishmonger: not in the comparable communes either, so nothing is proven."""
    counts = drawn.study.reach["n_services"].xs(15, level="minutes")
    assert counts.loc[("bondy", "pharmacie")] == communes["population"]["93010"] // 2_500
    assert counts.isna().loc[("montreuil", "pharmacie")]
    assert counts.isna().loc[("bondy", "poissonnerie")]
    assert kind(drawn.study, "bondy", "poissonnerie") == "nothing_to_compare"


def test_a_commune_that_is_barely_mapped_is_no_ground_for_a_refusal(drawn: Drawn) -> None:
    verdicts = drawn.study.verdicts
    assert verdicts is not None
    assert verdicts.loc[("bondy", "transports"), "verdict"] == "rempli"
    noisy = verdicts.loc[("noisy", "transports")]
    assert noisy["verdict"] == "a_verifier"
    assert "commune peu cartographiée" in noisy["evidence"]


def test_the_doubts_are_in_the_files(drawn: Drawn) -> None:
    files = study_files(drawn.study)
    assert b"fewer_than_comparable" in files["absence.csv"]
    assert files["completeness.csv"].count(b"\n93048,") == len(drawn.study.taxonomy.categories)
    page = files["completeness.html"].decode()
    assert "Montreuil" in page
    assert "ne prouve pas toujours" in page


def test_a_report_tells_of_every_commune_of_an_area(
    drawn: Drawn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, communes: gpd.GeoDataFrame
) -> None:
    monkeypatch.setenv("SITING_AREAS", str(tmp_path / "zones"))
    add_area("dep-93", [drawn.osm], overwrite=False, with_ferries=False)
    found = area_report("dep-93")
    told = found.completeness.index.get_level_values("code_insee")
    assert set(communes.index) <= set(told)
    n_pharmacies = sum(n // 2_500 for n in communes["population"].drop([MONTREUIL, NOISY_LE_SEC]))
    row = found.categories.loc["pharmacie"]
    assert row["n_services"] == n_pharmacies
    assert row["n_communes"] == len(communes) - 2
    assert report_lines(found)[0].startswith(f"Zone dep-93 : {len(set(told))} communes")
    names = write_area_report(
        found,
        tmp_path / "rapport",
        invocation=Invocation.now("siting", "area report", parameters={}),
        overwrite=False,
    )
    assert set(names) >= {"completeness.html", "completeness.xlsx", "categories.csv"}
