"""The fake geocoder as a plain addok, against the rules of a real one."""

import csv
import io
from collections.abc import Iterator

import pytest
from fakes.asker import CARNOT, PLACES, Asker, asking
from fakes.ban import fake_ban


@pytest.fixture(scope="module")
def plain() -> Iterator[Asker]:
    """A plain addok."""
    with fake_ban(PLACES, is_addok=True) as fake, asking(fake) as asker:
        yield asker


def test_addok_says_more_around_its_answers(plain: Asker) -> None:
    params = {"q": "12 rue carnot", "citycode": "93055", "autocomplete": "0"}
    said = plain.got("/search/", params).json()
    found = said.pop("features")
    assert said == {
        "type": "FeatureCollection",
        "version": "draft",
        "attribution": "BAN",
        "licence": "ETALAB-2.0",
        "query": "12 rue carnot",
        "filters": {"citycode": "93055"},
        "limit": 5,
    }
    assert found[0]["properties"]["label"] == CARNOT.label
    assert not {"_score", "_type"} & found[0]["properties"].keys()


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/search/", 400, {"title": "Missing parameter"}),
        ("/search/?q=ab", 200, {"query": "ab"}),
        ("/search/?q=" + "a" * 200, 200, {}),
        ("/search/?q=" + "a" * 201, 413, {"title": "Query too long, 201 chars, limit is 200"}),
        ("/search/?q=rue&limit=100", 200, {"limit": 100}),
        ("/search/?q=rue&limit=101", 400, {"title": "Invalid parameter"}),
        ("/search/?q=rue&lat=48,9&lon=2", 400, {"title": "Invalid parameter"}),
        ("/search/?q=rue&lat=48", 200, {}),
        ("/search/?q=rue&citycode=2a004", 200, {"features": []}),
        ("/reverse/?lon=2", 400, {"title": "Missing parameter"}),
        ("/reverse/?lon=2.4&lat=48.89", 200, {"limit": 1}),
        ("/reverse/?lon=2.4&lat=45", 200, {"features": []}),
        ("/geocodage/search?q=rue", 404, {"title": "404 Not Found"}),
    ],
)
def test_addok_has_rules_of_its_own(
    plain: Asker, path: str, status: int, said: dict[str, object]
) -> None:
    answer = plain.got(path)
    assert answer.status_code == status
    if said:
        assert said.items() <= answer.json().items()


def test_addok_has_no_limit(plain: Asker) -> None:
    assert set(plain.statuses(60)) == {200}


def test_a_file_of_addok_has_a_mark_and_no_status(plain: Asker) -> None:
    table = "id;q\n1;12 rue carnot, pantin\n2;carnot aa bb cc dd\n3;\n"
    answer = plain.posted("/search/csv/", table, [("columns", "q")])
    assert answer.headers["content-type"] == "text/csv; charset=utf-8-sig"
    assert "x-rows-count" not in answer.headers
    text = answer.content.decode()
    assert text.startswith("\ufeffid;q;latitude;longitude;result_label;result_score;")
    rows = list(csv.DictReader(io.StringIO(text[1:], newline=""), delimiter=";"))
    assert "result_status" not in rows[0]
    assert (rows[0]["latitude"], rows[0]["longitude"]) == ("48.89", "2.4")
    assert rows[0]["result_score"] == "0.95"  # 1.05 / 1.1, rounded
    assert (rows[0]["result_name"], rows[0]["result_street"]) == ("Rue Carnot", "")
    for row in rows[1:]:  # 0.5 or less, and nothing
        assert not any(value for name, value in row.items() if name not in {"id", "q"})


def test_addok_leaves_what_the_file_had_where_it_finds_nothing(plain: Asker) -> None:
    table = "id,q,latitude\n1,12 rue carnot,9\n2,zzz,7\n"
    rows = plain.rows("/search/csv/", table, [("columns", "q")])
    assert [row["latitude"] for row in rows] == ["48.89", "7"]


@pytest.mark.parametrize(("least", "is_found"), [("0.3", True), ("0.31", False), ("0.5", False)])
def test_addok_may_be_asked_for_lower_scores(plain: Asker, least: str, *, is_found: bool) -> None:
    """One word of four, and one of three of the name: (7 / 24 + 0.05) / 1.1, that is 0.31."""
    fields = [("columns", "q"), ("min_score", least)]
    (row,) = plain.rows("/search/csv/", "id,q\n1,vents aa bb cc\n", fields)
    assert bool(row["result_label"]) == is_found


@pytest.mark.parametrize(
    ("value", "kind"), [("housenumber", "housenumber"), ("street", "street"), ("", "street")]
)
def test_a_column_of_types_takes_doors_from_addok(plain: Asker, value: str, kind: str) -> None:
    fields = [("columns", "q"), ("type", "t")]
    (row,) = plain.rows("/search/csv/", f"q,t\n12 rue carnot pantin,{value}\n", fields)
    assert row["result_type"] == kind


@pytest.mark.parametrize(
    ("text", "status"), [("é" * 200, 200), ("é" * 201, 413), ("œ" * 15, 200), ("œ" * 16, 413)]
)
def test_addok_counts_signs_in_ascii(plain: Asker, text: str, status: int) -> None:
    assert plain.got("/search/", {"q": text}).status_code == status


def test_one_long_row_fails_a_whole_file_of_addok(plain: Asker) -> None:
    table = "id,q\n1,rue\n2," + "a" * 201 + "\n"
    answer = plain.posted("/search/csv/", table, [("columns", "q")])
    assert answer.status_code == 413
    assert answer.json()["title"] == "Query too long, 201 chars, limit is 200 (row number 2)"


@pytest.mark.parametrize(
    ("table", "title"),
    [
        (b"", "Empty file"),
        ("id,q\n1,é\n".encode("latin-1"), 'Unable to decode with encoding "utf-8-sig"'),
        (b"id,q\n1,a\n", "Cannot found column 'adresse' in columns ['id', 'q']"),
    ],
)
def test_a_file_that_addok_cannot_use_is_refused(plain: Asker, table: bytes, title: str) -> None:
    answer = plain.posted("/search/csv/", table, [("columns", "adresse")])
    assert (answer.status_code, answer.json()["title"]) == (400, title)


def test_a_reverse_file_of_addok(plain: Asker) -> None:
    rows = plain.rows("/reverse/csv/", "id,lon,lat\n1,2.4,48.89\n2,2.4,45\n3,,\n")
    assert [row["result_label"] for row in rows] == [CARNOT.label, "", ""]
    assert (rows[0]["result_latitude"], rows[0]["result_distance"]) == ("48.89", "0")
    assert not {"result_score", "result_status", "latitude"} & rows[0].keys()
