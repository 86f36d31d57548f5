"""Files sent to the fake national geocoder against the published rules of the true one."""

import csv
import io
from collections.abc import Iterator

import pytest
from fakes.asker import CARNOT, PLACES, Asker, asking
from fakes.ban import fake_ban

ADDED = {
    *("longitude", "latitude", "result_score", "result_score_next", "result_label"),
    *("result_type", "result_id", "result_housenumber", "result_name", "result_street"),
    *("result_postcode", "result_city", "result_context", "result_citycode"),
    *("result_oldcitycode", "result_oldcity", "result_district", "result_status"),
}


@pytest.fixture(scope="module")
def true() -> Iterator[Asker]:
    """The service when all goes well, without its limit."""
    with fake_ban(PLACES, rate_per_s=None) as fake, asking(fake) as asker:
        yield asker


def test_a_file_comes_back_with_its_columns_and_the_known_ones(true: Asker) -> None:
    answer = true.posted("/search/csv", "id,q\n7,12 rue carnot pantin\n", [("columns", "q")])
    assert answer.headers["content-type"] == "text/csv"
    assert answer.headers["content-disposition"] == 'attachment; filename="adresses-geocoded.csv"'
    assert answer.headers["x-rows-count"] == "1"
    assert not answer.content.startswith(b"\xef\xbb\xbf")
    header, row = csv.reader(io.StringIO(answer.content.decode()))
    assert header[:2] == ["id", "q"]
    assert set(header[2:]) == ADDED
    found = dict(zip(header, row, strict=True))
    assert (found["id"], found["longitude"], found["latitude"]) == ("7", "2.4", "48.89")
    assert found["result_label"] == CARNOT.label
    assert float(found["result_score"]) == (1 + 0.05) / 1.1  # nothing is rounded
    assert 0 < float(found["result_score_next"]) < float(found["result_score"])


def test_a_reverse_file_has_its_own_columns(true: Asker) -> None:
    rows = true.rows("/reverse/csv", "id,lon,lat\n1,2.4,48.89\n2,2.4,0\n3,,\n4,2.4,45\n")
    assert {"result_longitude", "result_latitude", "result_distance"} <= rows[0].keys()
    assert not {"longitude", "latitude", "result_score", "result_score_next"} & rows[0].keys()
    assert [row["result_status"] for row in rows] == ["ok", "skipped", "skipped", "not-found"]
    assert (rows[0]["result_label"], rows[0]["result_distance"]) == (CARNOT.label, "0")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("12 rue carnot", "ok"),
        ("xxx x x xxxx", "not-found"),
        ("", "skipped"),
        ("ab", "skipped"),
        ("« rue", "skipped"),
        ("a" * 200, "not-found"),
        ("a" * 201, "skipped"),
    ],
)
def test_each_row_has_a_status(true: Asker, query: str, status: str) -> None:
    (row,) = true.rows("/search/csv", f"id,q\n1,{query}\n", [("columns", "q")])
    assert row["result_status"] == status
    assert bool(row["result_label"]) == (status == "ok")


@pytest.mark.parametrize(
    ("table", "fields", "message"),
    [
        ("q\nrue carnot\n", [], "Errors in CSV file: UndetectableDelimiter"),
        ("a,b\n1\n", [], "Errors in CSV file: TooFewFields"),
        ("a,b\n1,2,3\n", [], "Errors in CSV file: TooManyFields"),
        ("a,b\n1,2\n", [("columns", "q")], "At least one given column name is unknown"),
        ("a,b\n1,2\n", [("citycode", "c")], "Unknown column name for citycode"),
        ("a,b\n1,2\n", [("lat", "c")], "Unknown column name for lat"),
        ("a,b\n1,2\n", [("indexes", "plop")], "Unsupported index type: plop"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(
    true: Asker, table: str, fields: list[tuple[str, str]], message: str
) -> None:
    answer = true.posted("/search/csv", table, fields)
    assert (answer.status_code, answer.json()) == (400, {"code": 400, "message": message})


def test_a_file_must_be_given(true: Asker) -> None:
    answer = true.session.post(true.fake.url + "/search/csv", data={"columns": "q"}, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["message"] == "A CSV file must be provided in data field"


def test_two_hundred_thousand_rows_and_no_more(true: Asker) -> None:
    """As the acceptance tests do: the next check that fails tells that this one passed."""
    most, columns = "a,b\n" * 200_001, [("columns", "foo")]
    unknown = true.posted("/search/csv", most, columns).json()["message"]
    assert unknown == "At least one given column name is unknown"
    too_many = true.posted("/search/csv", most + "a,b\n", columns).json()["message"]
    assert too_many == "Too many rows in CSV file"


def test_fifty_mebibytes_and_no_more(true: Asker) -> None:
    """What is no more is read: the trouble is another."""
    content = b"a" * 50 * 2**20
    messages = [true.posted("/search/csv", c).json()["message"] for c in (content, content + b"a")]
    assert messages == ["Errors in CSV file: UndetectableDelimiter", "File too large"]


def test_all_columns_make_the_query_when_none_is_named(true: Asker) -> None:
    named = true.rows(
        "/search/csv", "a,b,c\nxxx,12,rue carnot\n", [("columns", "b"), ("columns", "c")]
    )
    unnamed = true.rows("/search/csv", "a,b,c\nxxx,12,rue carnot\n")
    assert float(named[0]["result_score"]) > float(unnamed[0]["result_score"])


def test_columns_are_joined_in_the_order_asked(true: Asker) -> None:
    table = "a,b\nrue carnot,« 12\n"
    both = [[("columns", "a"), ("columns", "b")], [("columns", "b"), ("columns", "a")]]
    statuses = [true.rows("/search/csv", table, fields)[0]["result_status"] for fields in both]
    assert statuses == ["ok", "skipped"]


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "iso8859-15"])
def test_dialects_are_guessed_and_kept_but_the_answer_is_utf_8(
    true: Asker, delimiter: str, newline: str, encoding: str
) -> None:
    euro = "€" if encoding != "latin-1" else ""
    lines = [f"id{delimiter}éléphant{euro}", f"1{delimiter}Cours Napoléon"]
    table = newline.join([*lines, ""]).encode(encoding)
    answer = true.posted("/search/csv", table, [("columns", f"éléphant{euro}")])
    text = answer.content.decode()
    header, row, last = text.split(newline)
    assert header.startswith(lines[0] + delimiter)
    assert row.startswith(lines[1] + delimiter)
    assert "9 Cours Napoléon" not in row  # the number was not asked for
    assert last == ""


def test_cells_with_signs_of_the_format_come_back_whole(true: Asker) -> None:
    table = 'id,q\n"a;1","12, rue ""Carnot""\nPantin"\n'
    (row,) = true.rows("/search/csv", table, [("columns", "q")])
    assert (row["id"], row["q"]) == ("a;1", '12, rue "Carnot"\nPantin')
    assert row["result_label"] == CARNOT.label


@pytest.mark.parametrize(
    ("header", "values", "is_used"),
    [
        ("lon,lat", "2.36,48.96", True),
        ("lng,latitude", "2.36,48.96", True),
        ("long,lat", "2.36,48.96", True),
        ("longitude,latitude", "2.36,48.96", True),
        ("longitude,lon,lat", ",2.36,48.96", True),  # the first that says something
        ("x,y", "2.36,48.96", False),
        ("lon,lat", '"2,36","48,96"', True),  # read as 2 and 48
        ("lon,lat", "0,48.96", False),
        ("lon,lat", ",48.96", False),
        ("lon,lat", "abc,48.96", False),
        ("lon,lon2", "2.36,48.96", False),
    ],
)
def test_columns_named_as_coordinates_are_used_unasked(
    true: Asker, header: str, values: str, *, is_used: bool
) -> None:
    table = f"q,{header}\n12 rue carnot,{values}\n"
    wanted = [("columns", "q"), ("result_columns", "result_score")]
    (row,) = true.rows("/search/csv", table, wanted)
    assert (float(row["result_score"]) != pytest.approx(1.05 / 1.1)) == is_used


def test_a_decimal_comma_is_cut_there(true: Asker) -> None:
    """`48,96` is 48: a hundred kilometres south, and nothing says so."""
    wanted = [("columns", "q"), ("result_columns", "result_distance")]
    table = 'q,lon,lat\n12 rue carnot,"2,36","48,96"\n'
    (row,) = true.rows("/search/csv", table, wanted)
    assert int(row["result_distance"]) > 90_000


def test_coordinates_may_be_in_columns_of_other_names(true: Asker) -> None:
    fields = [("columns", "q"), ("lon", "x"), ("lat", "y")]
    (row,) = true.rows("/search/csv", "q,x,y\n12 rue carnot,2.36,48.96\n", fields)
    assert row["result_citycode"] == "93066"


def test_columns_of_the_same_name_are_overwritten(true: Asker) -> None:
    table = "latitude,q,result_score,result_label\n45,12 rue carnot,mine,a\n46,xxx xxx,mine,b\n"
    rows = true.rows("/search/csv", table, [("columns", "q")])
    assert [list(row)[:4] for row in rows] == [
        ["latitude", "q", "result_score", "result_label"]
    ] * 2
    assert [row["latitude"] for row in rows] == ["48.89", ""]
    assert [row["result_label"] for row in rows] == [CARNOT.label, ""]
    assert rows[1]["result_score"] == ""


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("citycode", "93055", "ok"),
        ("citycode", "93059", "ok"),
        ("citycode", "", "ok"),
        ("citycode", "1004", "not-found"),  # a 400 of GET
        ("postcode", "9350", "not-found"),
        ("type", "plop", "not-found"),
        ("type", "street", "ok"),
    ],
)
def test_filters_of_a_file_are_not_validated(
    true: Asker, name: str, value: str, status: str
) -> None:
    fields = [("columns", "q"), (name, "f")]
    (row,) = true.rows("/search/csv", f"q,f\n12 rue carnot,{value}\n", fields)
    assert row["result_status"] == status


def test_result_columns_are_those_asked_for(true: Asker) -> None:
    fields = [("columns", "q")]
    fields += [("result_columns", f"result_{name}") for name in ("x", "status", "index", "zz")]
    (row,) = true.rows("/search/csv", "id,q\n1,12 rue carnot pantin\n", fields)
    assert list(row) == ["id", "q", "result_x", "result_status", "result_index"]
    assert row["result_index"] == "address"


def test_a_file_without_rows_gives_nothing(true: Asker) -> None:
    answer = true.posted("/search/csv", "id,q\n")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["x-rows-count"] == "0"
