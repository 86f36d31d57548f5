"""Notebooks: what they may hold, that they run offline, and what they find.

The example maps are checked here too, since the notebooks compute the studies they show.
"""

from __future__ import annotations

import ast
import base64
import json
import re
import runpy
import struct
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from siting.study import sample

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MAX_CELLS, MAX_LINES, MAX_PNG_BYTES = 15, 10, 120_000

# Signature dates as published by the ANCT, for three of the ten.
SIGNED_51 = {"51217": "1er septembre 2021", "51250": "15 juillet 2021", "51535": "8 juillet 2021"}


@dataclass(frozen=True, slots=True)
class Run:
    """A notebook that ran: its variables, and the value that each cell ends with."""

    variables: dict[str, Any]
    shown: dict[str, Any]


def read(name: str) -> dict[str, Any]:
    return json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def code_of(path: Path) -> str:
    return "\n".join(source(c) for c in read(path.name)["cells"] if c["cell_type"] == "code")


def run(name: str, folder: Path) -> Run:
    """Run the code cells in order, from `folder`; a cell that ends with an expression shows it."""
    done = Run({"__name__": "__main__"}, {})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(tempfile, "tempdir", str(folder))
        for cell in read(name)["cells"]:
            if cell["cell_type"] == "code":
                done.shown[cell["id"]] = run_cell(cell, done.variables)
    return done


def run_cell(cell: dict[str, Any], variables: dict[str, Any]) -> object:
    tree = ast.parse(source(cell))
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, cell["id"], "exec"), variables)  # noqa: S102 - our own notebooks
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), cell["id"], "eval"), variables)  # noqa: S307


@pytest.fixture(scope="module")
def proximity(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run("01_proximity.ipynb", tmp_path_factory.mktemp("proximity"))


@pytest.fixture(scope="module")
def territory(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run("02_territory.ipynb", tmp_path_factory.mktemp("territory"))


def test_the_two_notebooks_are_there() -> None:
    assert {path.name for path in NOTEBOOKS} >= {"01_proximity.ipynb", "02_territory.ipynb"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestShape:
    def test_format_is_4_5_with_cell_ids_and_the_usual_kernel(self, path: Path) -> None:
        notebook = read(path.name)
        assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
        assert notebook["metadata"]["kernelspec"]["name"] == "python3"
        ids = [cell["id"] for cell in notebook["cells"]]
        assert len(set(ids)) == len(ids)
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", one) for one in ids)

    def test_it_is_short(self, path: Path) -> None:
        cells = read(path.name)["cells"]
        assert len(cells) <= MAX_CELLS
        n_lines = {cell["id"]: len(source(cell).splitlines()) for cell in cells}
        assert {one: n for one, n in n_lines.items() if n > MAX_LINES} == {}

    def test_it_opens_with_its_question(self, path: Path) -> None:
        first = read(path.name)["cells"][0]
        assert first["cell_type"] == "markdown"
        assert first["source"][0].startswith("# ")
        assert first["source"][0].rstrip().endswith("?")

    def test_it_defines_nothing_and_uses_public_names_only(self, path: Path) -> None:
        code = code_of(path)
        nodes = list(ast.walk(ast.parse(code)))
        made = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        assert not [node for node in nodes if isinstance(node, made)]
        names = [node.attr for node in nodes if isinstance(node, ast.Attribute)]
        names += [a.name for n in nodes if isinstance(n, ast.ImportFrom) for a in n.names]
        assert not [name for name in names if name.startswith("_")]
        assert max(map(len, code.splitlines())) <= 100

    def test_it_imports_what_is_installed_with_siting_only(self, path: Path) -> None:
        nodes = list(ast.walk(ast.parse(code_of(path))))
        modules = {str(n.module) for n in nodes if isinstance(n, ast.ImportFrom)}
        modules |= {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
        assert {module.split(".")[0] for module in modules} <= {
            "dataclasses",
            "pandas",
            "pathlib",
            "siting",
            "tempfile",
        }

    def test_the_only_output_is_one_last_image(self, path: Path) -> None:
        cells = [cell for cell in read(path.name)["cells"] if cell["cell_type"] == "code"]
        assert all(cell["execution_count"] is None for cell in cells)
        assert all(cell["outputs"] == [] for cell in cells[:-1])
        (output,) = cells[-1]["outputs"]
        assert output["output_type"] == "display_data"
        assert set(output["data"]) == {"image/png", "text/plain"}
        png = base64.b64decode(output["data"]["image/png"])
        assert png.startswith(b"\x89PNG\r\n\x1a\n")
        assert len(png) < MAX_PNG_BYTES
        width, height = struct.unpack(">II", png[16:24])
        assert min(width, height) >= 500


class TestProximity:
    def test_every_project_of_the_sample_is_there_in_order(self, proximity: Run) -> None:
        wanted = tomllib.loads(sample().expected.read_text(encoding="utf-8"))["site"]
        assert list(proximity.shown["sites"].index) == list(wanted)
        assert list(proximity.shown["sites"]["commune"].fillna("")) == [
            *("Beausoleil", "Beausoleil", "Cap-d'Ail", "Cap-d'Ail", "Roquebrune-Cap-Martin"),
            *("", "", "La Turbie", "", "Beausoleil"),
        ]

    def test_minutes_are_metres_at_the_speed_of_the_walker(self, proximity: Run) -> None:
        nearest = proximity.shown["par-famille"]
        assert len(nearest) == 8 * 4  # eight sites reach the four families
        assert (nearest["walk_min"] - nearest["walk_m"] / 48).abs().max() < 0.1  # 48 m a minute

    def test_counts_grow_with_time_and_are_empty_where_not_measured(self, proximity: Run) -> None:
        counts = proximity.shown["comptes"]
        assert counts.loc[["TUR-1", "ADR-1"]].isna().all(axis=None)
        for _, category in counts.drop(["TUR-1", "ADR-1"]).T.groupby(level="category"):
            assert (category.diff().dropna() >= 0).all(axis=None)

    def test_each_category_of_each_site_has_one_reason(self, proximity: Run) -> None:
        reasons = proximity.shown["raisons"]
        n_categories = len(proximity.variables["senior"].taxonomy.walked_to)
        assert n_categories == 69  # as the text says
        assert (reasons.sum(axis=1) == n_categories).all()
        assert reasons.loc["TUR-1", "le site est trop loin de toute rue cartographiée"] == 69
        assert reasons.loc["ADR-1", "site sans position"] == 69
        assert reasons.loc["TUR-1", "atteint"] == reasons.loc["ADR-1", "atteint"] == 0
        assert (reasons.loc[["CAP-1", "CAP-2"], "atteint"] > 0).all()

    def test_the_faster_walker_takes_two_thirds_of_the_time(self, proximity: Run) -> None:
        minutes = proximity.variables["minutes"].dropna()
        ratio = minutes["personne âgée"] / minutes["adulte sans gêne"]
        assert ratio.min() == pytest.approx(1.5)
        assert ratio.max() == pytest.approx(1.5)
        within = proximity.shown["comparaison"]
        assert (within["adulte sans gêne"] >= within["personne âgée"]).all()
        assert within.max(axis=None) <= 4

    def test_verdicts_are_what_the_text_says(self, proximity: Run) -> None:
        verdicts = proximity.shown["verdicts"]
        assert (verdicts.loc[["MON-1", "MON-2"]] == "hors champ").all(axis=None)
        in_france = verdicts.drop(["MON-1", "MON-2", "ADR-1"])
        assert set(in_france["commune_pvd"]) == {"non rempli"}
        doubtful = ["BEA-1", "ROQ-1"]
        assert set(verdicts.loc[doubtful, "sante_social"]) == {"à vérifier"}
        walks = proximity.variables["senior"].walks.xs("sante_social", level="family")
        assert (walks.loc[doubtful, "walk_min"] > 15).all()

    def test_the_place_to_be_checked_is_still_there(self, proximity: Run) -> None:
        nearest = proximity.shown["par-famille"]
        odd = nearest[nearest["service_name"] == "Farmacy des Anglais"]
        assert list(odd.index.get_level_values("site_id")) == ["BEA-1", "ROQ-1"]
        assert set(odd["category"]) == {"Hôpital"}


class TestTerritory:
    def test_39_communes_19_listed(self, territory: Run) -> None:
        assert territory.shown["liste"] == (
            "Seine-Saint-Denis : 39 communes, dont 19 listées non pourvues"
        )
        unserved = territory.shown["communes-listees"]
        assert list(unserved["priority_rank"]) == list(range(1, 20))
        assert unserved["population_65"].is_monotonic_decreasing

    def test_pierrefitte_is_listed_inside_saint_denis(self, territory: Run) -> None:
        partly = territory.shown["pierrefitte"]
        assert list(partly.index) == ["93066"]
        assert partly.loc["93066", "delegated_listed"] == "93059 Pierrefitte-sur-Seine"
        assert not partly.loc["93066", "is_listed_unserved"]
        assert len(territory.variables["listed"].pack.listed_communes) == 20

    def test_the_list_is_compared_with_the_inventory(self, territory: Run) -> None:
        # Listed: Stains is served, 18 agree. Not listed (20): Montreuil is served and agrees, a
        # part of Saint-Denis is listed and served, Bobigny cannot be compared, 17 are left.
        counts = territory.shown["rapprochement"]
        assert counts.to_dict() == {
            "la liste et l'inventaire concordent": 18 + 1,
            "non listée, mais non pourvue selon l'inventaire": 17,
            "non comparable": 1,
            "listée, mais pourvue selon l'inventaire": 2,
        }

    def test_communes_of_the_inventory(self, territory: Run) -> None:
        places = territory.shown["communes-avec-lieux"].set_index("nom")
        n_open = {"Bobigny": 0, "Montreuil": 1, "Pantin": 0, "Saint-Denis": 1, "Stains": 1}
        assert places["n_inclusive_open"].to_dict() == n_open
        assert places.loc["Pantin", "n_inclusive_planned"] == 1
        assert pd.isna(places.loc["Bobigny", "is_served"])
        assert territory.shown["lignes"]["issue"].notna().sum() == 1

    def test_the_inventory_says_that_it_is_invented(self, territory: Run) -> None:
        assert territory.variables["inventory_file"].name == "inventaire-invente.csv"
        assert territory.shown["lignes"]["label"].str.contains("inventé").all()

    def test_ten_small_towns_in_marne_with_their_dates(self, territory: Run) -> None:
        signed = territory.shown["marne"]
        assert len(signed) == 10
        assert signed["signature"].notna().all()
        assert {code: signed.loc[code, "signature"] for code in SIGNED_51} == SIGNED_51


class TestExampleMaps:
    def test_they_are_what_the_code_gives(self, proximity: Run, territory: Run) -> None:
        script = runpy.run_path(str(ROOT / "data" / "scripts" / "example_maps.py"))
        pages = script["example_maps"](
            proximity.variables["senior"],
            {"93": territory.variables["listed"], "51": territory.variables["marne"]},
        )
        is_same = {
            name: page == (ROOT / "maps" / name).read_bytes() for name, page in pages.items()
        }
        assert all(is_same.values()), "Rebuild them: python data/scripts/example_maps.py"
        assert {path.name for path in (ROOT / "maps").glob("*.html")} == set(pages)

    def test_the_readme_names_each_of_them(self) -> None:
        readme = (ROOT / "maps" / "README.md").read_text(encoding="utf-8")
        for path in (ROOT / "maps").glob("*.html"):
            assert f"`{path.name}`" in readme
        assert "python data/scripts/example_maps.py" in readme
