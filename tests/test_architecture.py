"""The import rules of the package, read from its syntax: who may touch what."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import siting

PACKAGE = Path(siting.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# Tables go in, tables come out: no file, no network, no map.
PURE = (
    *("network", "access", "targets", "walks", "territory", "borders", "calls", "findings"),
    *("call_rules", "rule_packs", "findings_declared", "findings_territory", "quarters"),
    *("establishments", "coverage", "homes", "home_words", "twins"),
    *("nearness", "places", "listed", "services", "categories", "selectors", "toml_text"),
    *("census", "freshness", "territory_layers", "list_changes", "reconciled"),
    *("ways", "pieces", "extent", "reached", "compiled/searching", "compiled/snapping"),
    *(
        "graph",
        "linked",
        "grid",
        "search",
        "isochrones",
        "measures",
        "walkable",
        "walkers",
        "convert",
    ),
    *("addresses", "matching", "enquiry", "rounds", "geocode", "review", "decisions", "relief"),
    *("registers", "register_tables", "register_match", "register_sides", "register_pairs"),
    *("register_names", "register_places", "register_addresses", "references"),
)
NETWORK_LIBRARIES = {"requests", "urllib", "http", "socket", "osmnx"}
FILE_LIBRARIES = {"osmium", "openpyxl", "pyogrio", "xlsxwriter", "zipfile", "tempfile", "shutil"}
FILE_LIBRARIES |= {"rasterio"}
MAP_LIBRARIES = {"folium", "branca", "jinja2"}
HEAVY = {"geopandas", "folium", "pandas", "numpy", "shapely", "pyproj", "scipy", "osmium"}

READS = {"open", "read_bytes", "read_text", "iterdir", "glob", "rglob", "is_file", "stat"}
READS |= {"read_csv", "read_parquet", "read_file", "read_excel", "read_json", "load_workbook"}
STORES = {  # what is kept between runs: areas, answers, layers, the local geocoder
    f"siting/sources/{name}"
    for name in (
        "area_files",
        "engine_files",
        "engine_load",
        "installed_files",
        "journal",
        "osm_cache",
    )
}
WRITES = {"write_bytes", "write_text", "mkdir", "unlink", "rmtree", "mkdtemp", "touch", "rmdir"}
WRITES |= {"to_csv", "to_file", "to_excel", "to_parquet", "to_json", "save", "write_dataframe"}

# Files of the package itself, which `importlib.resources` finds wherever it is installed, be
# it a zip: not input of the user, and nothing that changes from run to run.
SHIPPED = {
    f"resources.files('siting').joinpath('{name}').read_text"
    for name in ("taxonomy.toml", "walkers.toml")
}


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE.parent).with_suffix("").as_posix()


def modules_but(*folders: str) -> list[Path]:
    return [path for path in MODULES if not name_of(path).startswith(folders)]


@functools.cache
def syntax(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> set[str]:
    """Return the full names of the modules that a module imports, wherever in it."""
    names = set()
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return names


def libraries(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


def called(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the last word and the whole text of each call."""
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Call):
            text = ast.unparse(node.func)
            yield text.rpartition(".")[2], text


def calls_of(path: Path, words: set[str]) -> list[str]:
    return [text for word, text in called(path) if word in words and text not in SHIPPED]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_the_package_is_seen() -> None:
    assert len(MODULES) > 40
    assert "requests" in libraries(PACKAGE / "sources" / "http.py")
    assert calls_of(PACKAGE / "export" / "folder.py", WRITES)
    assert calls_of(PACKAGE / "sources" / "table_file.py", READS)


@pytest.mark.parametrize("name", PURE)
def test_computations_touch_neither_network_nor_files_nor_maps(name: str) -> None:
    path = PACKAGE / f"{name}.py"
    assert not libraries(path) & (NETWORK_LIBRARIES | FILE_LIBRARIES | MAP_LIBRARIES)
    assert not calls_of(path, READS | WRITES)
    outer = ("siting.sources", "siting.export", "siting.maps", "siting.study", "siting.cli")
    assert not [module for module in imported(path) if module.startswith(outer)]


def test_only_sources_ask_the_network() -> None:
    assert {
        name_of(path): found
        for path in modules_but("siting/sources/")
        if (found := libraries(path) & NETWORK_LIBRARIES)
    } == {}


def test_only_one_module_speaks_http() -> None:
    speaking = {name_of(path) for path in MODULES if "requests" in libraries(path)}
    assert speaking == {"siting/sources/http"}


def test_only_sources_read_files() -> None:
    """What `export` reads back is its own: the former manifest, the GeoPackage just made."""
    assert {
        name_of(path): found
        for path in modules_but("siting/sources/", "siting/export/")
        if (found := calls_of(path, READS))
    } == {}


def test_only_export_and_the_stored_areas_write_files() -> None:
    assert {
        name_of(path): found
        for path in modules_but("siting/export/", *STORES)
        if (found := calls_of(path, WRITES))
    } == {}


def test_only_sources_and_export_know_file_formats() -> None:
    assert {
        name_of(path): found
        for path in modules_but("siting/sources/", "siting/export/")
        if (found := libraries(path) & FILE_LIBRARIES)
    } == {}


def test_only_what_makes_or_passes_maps_knows_folium() -> None:
    """`study` hands pages over, `export` writes them and tells folium's version."""
    assert {
        name_of(path): found
        for path in modules_but("siting/maps/", "siting/export/", "siting/study/")
        if (found := libraries(path) & MAP_LIBRARIES)
    } == {}


def test_nobody_imports_the_command_line() -> None:
    importers = {name_of(path) for path in MODULES if "siting.cli" in imported(path)}
    assert importers == {"siting/__main__"}


def test_only_the_command_line_uses_the_screen() -> None:
    importers = {name_of(path) for path in MODULES if "siting.screen" in imported(path)}
    assert importers == {
        "siting/cli",
        "siting/cli_area",
        "siting/cli_calls",
        "siting/cli_data",
        "siting/cli_geocoding",
        "siting/cli_territory",
    }
    printing = {name_of(path) for path in MODULES if calls_of(path, {"print"})}
    assert printing == {"siting/screen"}


def test_no_drawer_of_odds_and_ends() -> None:
    assert not [path for path in MODULES if re.search("util|helper|misc|common", path.stem)]


def test_functions_say_what_they_return_or_do() -> None:
    """`get_params` is typer's own name for what two classes of ours redefine."""
    banned = re.compile(r"_*(get|process|handle|do)(_|$)")
    named = {f"{name_of(p)}:{f.name}" for p in MODULES for f in functions(p)}
    found = {name for name in named if banned.match(name.rpartition(":")[2])}
    assert found == {"siting/french:get_params"}


def test_every_module_says_what_it_is() -> None:
    assert [name_of(path) for path in MODULES if not ast.get_docstring(syntax(path))] == []


def test_public_functions_are_documented() -> None:
    undocumented = [
        f"{name_of(path)}:{function.name}"
        for path in MODULES
        for function in syntax(path).body
        if isinstance(function, ast.FunctionDef)
        and not function.name.startswith("_")
        and not ast.get_docstring(function)
    ]
    assert undocumented == []


def test_modules_have_one_subject() -> None:
    """About 350 lines; contract tables and the taxonomy are lists, which read in one go."""
    long = {p.name for p in MODULES if len(p.read_text(encoding="utf-8").splitlines()) > 400}
    assert long <= {"tables.py"}


def test_nothing_heavy_is_loaded_before_a_command_needs_it() -> None:
    code = "import sys, siting.cli; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)  # noqa: S603 - ours
    assert not set(answer.stdout.decode().split()) & HEAVY
