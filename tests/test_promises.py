"""The table of promises names tests that exist; communes that changed, one and all."""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pytest
from places import projects

from siting.asking import Answer, Ask, Spot
from siting.errors import SourceError
from siting.geocode import declared_communes, geocode
from siting.matching import Candidate
from siting.sources.reference import read_commune_history, read_commune_register

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| (P\d\d) \| (.+) \|$", PAGE, re.MULTILINE))
PROMISES = [f"P{n:02}" for n in (*range(1, 30), *range(36, 39), *range(42, 46))]


def names_of_tests(path: Path) -> set[str]:
    """Return the names of the tests of a file, those of a class after its name."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}::{one.name}" for one in node.body if hasattr(one, "name")}
    return {name for name in names if name.rpartition("::")[2].startswith("test_")}


def test_the_table_has_every_promise_in_order() -> None:
    assert list(ROWS) == PROMISES


def test_every_test_named_exists_and_every_promise_names_some() -> None:
    named = re.findall(r"`(test_\w+\.py)::([\w:]+)`", PAGE)
    assert len(named) == PAGE.count("`test_")
    known = {file: names_of_tests(ROOT / "tests" / file) for file in {file for file, _ in named}}
    assert [f"{file}::{test}" for file, test in named if test not in known[file]] == []
    assert [promise for promise, row in ROWS.items() if "::" not in row] == []


# P13: codes that are no longer communes


class Today:
    """A geocoder that finds everything, at the code that a commune has today."""

    url = "http://127.0.0.1"

    def __init__(self, current: dict[str, str]) -> None:
        self._current = current

    def answers(
        self, asks: Sequence[Ask], *, is_bulk: bool
    ) -> Iterator[tuple[Ask, Answer | SourceError]]:
        assert not (asks and is_bulk)
        for ask in asks:
            yield ask, Answer(candidates=(self._place(ask),))

    def addresses_at(
        self, spots: Sequence[Spot], *, is_bulk: bool
    ) -> Iterator[tuple[Spot, Answer | SourceError]]:
        raise NotImplementedError

    def _place(self, ask: Ask) -> Candidate:
        return Candidate(
            label="12 Rue Carnot",
            lon=2.5,
            lat=48.9,
            score=0.95,
            kind="housenumber",
            street="Rue Carnot",
            housenumber="12",
            citycode=self._current.get(ask.citycode, ask.citycode),
        )


def checks(codes: list[str], current: dict[str, str]) -> pd.DataFrame:
    register, history = read_commune_register(), read_commune_history()
    table = projects(*({"address": "12 rue Carnot", "code_insee": code} for code in codes))
    declared = declared_communes(table, register=register, history=history)
    sites = geocode(
        table, Today(current), declared=declared, history=history, bulk_from=len(codes) + 1
    ).sites
    return sites.set_index(pd.Index(codes))


def test_every_code_that_was_a_commune_is_that_of_today() -> None:
    """All arrondissements, and one in ten of the four thousand others."""
    history = read_commune_history()
    is_plm = history["kind"] == "arrondissement"
    some = pd.concat([history[is_plm], history[~is_plm].iloc[::10]])
    sites = checks(list(some.index), history["code_insee"].to_dict())
    assert (sites["geocode_status"] == "ok").all()
    assert sites["code_insee"].tolist() == some["code_insee"].tolist()
    wanted = ["arrondissement"] * int(is_plm.sum())
    wanted += ["same_after_merge"] * (len(some) - len(wanted))
    assert sites["commune_check"].tolist() == wanted


@pytest.mark.parametrize(
    ("declared", "found", "check"),
    [
        ("75056", "75102", "arrondissement"),
        ("75102", "75056", "arrondissement"),
        ("75102", "75102", "arrondissement"),
        ("75102", "75103", "different"),
        ("14011", "14581", "same_after_merge"),
        ("14581", "14011", "same_after_merge"),
        ("89003", "89003", "same"),
        ("89003", "89004", "different"),
    ],
)
def test_old_and_new_codes_of_one_commune_agree(declared: str, found: str, check: str) -> None:
    site = checks([declared], dict.fromkeys((declared, "14581", "75056", ""), found))
    assert site["commune_check"].item() == check
    assert (site["geocode_status"].item() == "ok") == (check != "different")
