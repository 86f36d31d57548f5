"""The pages say what the software does: commands, help texts, closed lists, links."""

import importlib.util
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from siting import summary, tables
from siting.study import DEMO_TERRITORIES, sample, territory, unexpected
from siting.taxonomy import read_taxonomy

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
CLOSED_LISTS = [
    one
    for one in vars(tables).values()
    if isinstance(one, type) and issubclass(one, StrEnum) and one is not StrEnum
]
LARGEST_IMAGE_BYTES = 150_000


def block(name: str) -> str:
    """Return the fenced block of the README that follows the HTML comment `name`."""
    found = re.search(rf"^<!-- {name} -->\n```\w+\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert found, f"the README has no block {name}"
    return found[1]


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    """Return what the Python example of the README leaves, run as it is written there."""
    names: dict[str, Any] = {}
    exec(block("python-example"), names)  # noqa: S102 - our own page
    return names


@pytest.fixture(scope="module")
def commands() -> ModuleType:
    """Return the script that writes docs/commandes.md."""
    path = ROOT / "data" / "scripts" / "build_commands.py"
    spec = importlib.util.spec_from_file_location("build_commands", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- README -----------------------------------------------------------------------------------


def test_the_two_commands_are_there_word_for_word() -> None:
    assert block("first-command") == "pip install . && siting demo\n"
    assert block("second-command") == 'pip install ".[dev,geocoder]" && pytest\n'


def test_the_output_quoted_is_what_the_demonstration_prints(example: dict[str, Any]) -> None:
    territories = {dep: territory([dep], call=call) for dep, call in DEMO_TERRITORIES.items()}
    printed = [*summary.study_lines(example["result"])]
    for flagged in territories.values():
        printed += summary.territory_lines(flagged)
    printed += summary.demo_lines(Path("demo-siting"), territories)
    printed += summary.check_lines(unexpected(example["result"], sample().expected))
    assert lines(block("demo-output")) == lines("\n".join(printed))


def test_the_python_example_gives_what_it_says(example: dict[str, Any]) -> None:
    assert example["walks"].index.get_level_values("rank").tolist() == [1, 2, 3]
    assert example["seine_saint_denis"].coverage["is_listed_unserved"].sum() == 19


def test_the_last_line_of_pytest_is_one() -> None:
    assert re.fullmatch(
        r"\d+ passed(, \d+ skipped)? in [\d.]+s \(\d:\d\d:\d\d\)\n", block("pytest-output")
    )


def test_the_number_of_badly_mapped_categories_is_current() -> None:
    categories = read_taxonomy().categories
    n_poor = sum(category.mapping == "poor" for category in categories)
    assert f"({n_poor} of {len(categories)})" in README
    assert f"{n_poor} des {len(categories)} catégories" in GUIDE


def test_every_place_named_in_the_readme_exists() -> None:
    named = set(re.findall(r"`((?:siting|data|docs)/[\w./*]+)`", README))
    assert len(named) > 20
    assert [name for name in sorted(named) if not list(ROOT.glob(name.rstrip("/")))] == []


# --- Help texts -------------------------------------------------------------------------------


def words(text: str) -> list[str]:
    """Return the words of a help page: boxes and line breaks are those of the typer installed."""
    return re.findall(r"[\w'.:;,()-]+", text)


def test_the_page_of_commands_is_current(commands: ModuleType) -> None:
    page = commands.PAGE.read_text(encoding="utf-8")
    assert words(page) == words(commands.commands_page())


def test_the_readme_names_every_command(commands: ModuleType) -> None:
    for command in commands.COMMANDS:
        assert f"siting {command}".strip() in README


# --- Guide ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", sorted({member.value for closed in CLOSED_LISTS for member in closed})
)
def test_every_closed_list_value_is_explained(value: str) -> None:
    assert f"`{value}`" in GUIDE


@pytest.mark.parametrize("table", ["SITES", "ACCESS", "REACH", "COVERAGE"])
def test_every_column_of_a_closed_list_is_named(table: str) -> None:
    for column in getattr(tables, table).columns:
        assert not column.allowed or f"`{column.name}`" in GUIDE


# --- All pages --------------------------------------------------------------------------------


def links(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the links of a page to files: path (empty for the page itself) and anchor."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"https?:|mailto:", target):
            path, _, anchor = target.partition("#")
            yield path, anchor


def anchors(page: Path) -> set[str]:
    """Return the anchors of the titles of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for path, anchor in links(page):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        assert target.is_relative_to(ROOT), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_path_of_a_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.])/(?:home|root|tmp|work|opt|usr|Users)/|[A-Z]:\\", text)


def test_every_decision_is_listed_and_numbered() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text("utf-8"))
    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))
    for name in listed:
        assert (folder / name).read_text(encoding="utf-8").startswith(f"# {name[:4]}. ")


def test_pictures_are_small() -> None:
    pictures = list((ROOT / "docs" / "images").iterdir())
    assert pictures
    for picture in pictures:
        assert picture.suffix == ".png"
        assert picture.stat().st_size < LARGEST_IMAGE_BYTES
