"""Every word that outputs show has its French wording."""

from enum import StrEnum

import pandas as pd
import pytest

from siting import home_words, register_tables, tables
from siting.errors import DataError
from siting.labels import (
    LABELS,
    bound_spaces,
    counted,
    date_text,
    long_date,
    metres_text,
    minutes_text,
    short_date,
)

CLOSED = [
    value
    for value in vars(tables).values()
    if isinstance(value, type) and issubclass(value, StrEnum) and value is not StrEnum
]
CLOSED += [register_tables.RegisterMatch, register_tables.MatchReason]
CLOSED += [home_words.HomePosition, home_words.DiffusStatus]


@pytest.mark.parametrize("closed", CLOSED, ids=lambda closed: closed.__name__)
def test_each_member_of_each_closed_list_has_one_wording(closed: type[StrEnum]) -> None:
    assert set(LABELS[closed]) == set(closed)
    words = list(LABELS[closed].values())
    assert len(set(words)) == len(words)
    assert all(word == word.strip() and word for word in words)


def test_no_list_is_worded_that_no_table_has() -> None:
    assert set(LABELS) == set(CLOSED)


def test_a_column_is_worded_by_map() -> None:
    column = pd.Series(["a_verifier", "rempli"])
    assert column.map(LABELS[tables.Verdict]).tolist() == ["à vérifier", "rempli"]


@pytest.mark.parametrize(
    ("minutes", "text"),
    [(6.34, "6,3 min"), (15, "15 min"), (15.04, "15 min"), (0.06, "0,1 min"), (0, "0 min")],
)
def test_minutes_are_worded_to_the_tenth_with_a_comma(minutes: float, text: str) -> None:
    assert minutes_text(minutes) == text


@pytest.mark.parametrize(
    ("metres", "text"), [(305.4, "305 m"), (0.2, "0 m"), (1250, "1\N{NO-BREAK SPACE}250 m")]
)
def test_metres_are_worded_whole(metres: float, text: str) -> None:
    assert metres_text(metres) == text


def test_dates_are_worded_in_french() -> None:
    assert short_date("2021-03-12") == "12/03/2021"
    assert long_date("2024-09-16") == "16 septembre 2024"
    assert long_date("2025-01-01") == "1er janvier 2025"


@pytest.mark.parametrize(
    ("text", "worded"),
    [
        ("2023-12-26T21:21:22Z", "26 décembre 2023"),
        ("2025-10", "octobre 2025"),
        ("2021", "2021"),
        ("COG 2026", "COG 2026"),
        ("2025-13", "2025-13"),
        ("", ""),
    ],
)
def test_dates_are_worded_as_far_as_they_are_known(text: str, worded: str) -> None:
    assert date_text(text) == worded


def test_spaces_that_no_line_end_replaces() -> None:
    bound = bound_spaces("a : « b » ; c ? 3 145 m, http://d:8").replace("\N{NO-BREAK SPACE}", "~")
    assert bound == "a~: «~b~»~; c~? 3~145 m, http://d:8"


def test_nouns_agree_with_their_number() -> None:
    assert [counted(n, "commune") for n in (0, 1, 2)] == ["0 commune", "1 commune", "2 communes"]


@pytest.mark.parametrize("text", ["", "12/03/2021", "2021-13-01"])
def test_what_is_not_an_iso_date_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="n'est pas une date"):
        short_date(text)
