import codecs
import datetime as dt
import hashlib
import io
import itertools
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siting.errors import DataError
from siting.sources.delimited import delimited_rows
from siting.sources.table_file import read_table_file, row_list

HEADER = ("nom", "adresse", "œuvre")
ROWS = (
    ("Les Tilleuls", "2 RUE L 'EST ' B", "été"),
    ("Le « Parc »", '12, rue du "Four"; bât. B | C\tD', "NA"),
    ("", "ligne un\nligne deux", "01004"),
)


def written(tmp_path: Path, content: bytes, name: str = "projets.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def delimited(rows: tuple[tuple[str, ...], ...], delimiter: str, end: str) -> str:
    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""').replace("\n", end) + '"' if cell else ""

    return "".join(delimiter.join(map(quoted, row)) + end for row in rows)


def workbook(path: Path, *sheets: tuple[str, list[list[object]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize(
    ("encoding", "delimiter", "end"),
    list(
        itertools.product(
            ["utf-8", "utf-8-sig", "cp1252", "utf-16"], [";", ",", "\t", "|"], ["\n", "\r\n", "\r"]
        )
    ),
)
def test_every_dialect_gives_the_same_table(
    tmp_path: Path, encoding: str, delimiter: str, end: str
) -> None:
    content = delimited((HEADER, *ROWS), delimiter, end).encode(encoding)
    table = read_table_file(written(tmp_path, content))
    assert table.header == HEADER
    assert table.rows == ROWS
    assert table.row_numbers == (2, 3, 4)
    assert (table.encoding, table.delimiter, table.sheet) == (encoding, delimiter, "")
    assert table.sha256 == hashlib.sha256(content).hexdigest()
    assert table.notes == ()


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=8)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=5), st.sampled_from(";,\t|"))
def test_no_cell_is_lost_or_changed(rows: list[tuple[str, str, str]], delimiter: str) -> None:
    text = delimited((HEADER, *rows), delimiter, "\n")
    read = delimited_rows(text.encode("utf-8-sig"), name="x.csv")
    assert [cells for _, cells in read.rows] == [HEADER, *rows]


@given(st.binary(max_size=300))
def test_any_bytes_give_rows_or_one_clear_error(content: bytes) -> None:
    try:
        rows = delimited_rows(content, name="x.csv").rows
    except DataError:
        return
    assert [number for number, _ in rows] == sorted({number for number, _ in rows})


@pytest.mark.parametrize("cell", ["2 RUE L 'EST ' B", "12, rue X, 93140 Bondy", "rue d'Arras"])
def test_one_column(tmp_path: Path, cell: str) -> None:
    table = read_table_file(written(tmp_path, f"adresse\n{cell}\n{cell}\n".encode()))
    assert (table.header, table.rows, table.delimiter) == (("adresse",), ((cell,), (cell,)), "")


def test_blank_lines_count_but_are_no_rows_and_empty_cells_are(tmp_path: Path) -> None:
    table = read_table_file(written(tmp_path, b"a;b\n1;2\n\n  \n;\n3;4\n"))
    assert table.rows == (("1", "2"), ("", ""), ("3", "4"))
    assert table.row_numbers == (2, 5, 6)


def test_short_row_is_completed_with_a_note(tmp_path: Path) -> None:
    table = read_table_file(written(tmp_path, b"a;b;c\n1;2;3\n4;5\n"))
    assert table.rows[1] == ("4", "5", "")
    assert "(ligne 3)" in table.notes[0]


def test_separator_at_the_end_of_lines_loses_nothing(tmp_path: Path) -> None:
    table = read_table_file(written(tmp_path, b"a;b;\n1;2;\n3;4;;\n"))
    assert (table.header, table.rows) == (("a", "b"), (("1", "2"), ("3", "4")))


def test_column_without_header_is_named_after_its_letter(tmp_path: Path) -> None:
    table = read_table_file(written(tmp_path, b"a;;c\n1;seul;3\n"))
    assert table.header == ("a", "Colonne B", "c")
    assert "Colonne B" in table.notes[0]


def test_excel_hint_is_followed(tmp_path: Path) -> None:
    table = read_table_file(written(tmp_path, b"sep=|\na|b\n1;1|2\n"))
    assert (table.header, table.rows, table.row_numbers) == (("a", "b"), (("1;1", "2"),), (2,))


def test_spoilt_accents_are_said(tmp_path: Path) -> None:
    content = "a;b\nx;y\nÉtang;été\n".encode().decode("cp1252", "replace").encode()
    assert "ligne 3" in read_table_file(written(tmp_path, content)).notes[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "vide"),
        (codecs.BOM_UTF8, "vide"),
        (b" \r\n \n", "vide"),
        (b"nom;adresse\n", "en-tête"),
        (b"a;b\n1;2\n3;4;5\n", "ligne 3"),
        (b'a;b\n1;2\n"3;4\n5;6\n', "ligne 3"),
        (b'a;b\n1;2\n"3"x;4\n', "ligne 3"),
        (b"a;b\r\n1;2\r\n3;\x00\r\n", "ligne 3"),
        ("a;b\n1;2\n".encode("utf-16-le"), "UTF-16"),
        (codecs.BOM_UTF16_LE + b"a\x00;", "encodage"),
        (b"a;b\n\x81;\x8d\n", "encodage"),
        (b"a,b,c,d\n1\n2\n3\n4,5\n", "séparateur"),
        (b"<!DOCTYPE html><html></html>", "page web"),
        (b'{"type": "FeatureCollection"}', "JSON"),
        (b"PK\x03\x04aaaa", "compressé"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ".xls"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_bad_text_file_is_refused_in_french(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(DataError, match=r"^projets\.csv : ") as caught:
        read_table_file(written(tmp_path, content))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("https://example.org/a.csv", "adresse web"),
        ("/vsicurl/https://example.org/a.csv", "adresse web"),
        ("absent.csv", "n'existe pas"),
        (".", "extension"),
        ("a.xls", "Enregistrer sous"),
        ("a.ODS", "Enregistrer sous"),
        ("a.gpkg", "QGIS"),
        ("a.geojson", "QGIS"),
        ("a.docx", "extension"),
    ],
)
def test_path_is_refused_in_french(path: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_table_file(Path(path))


def test_folder_is_not_a_file(tmp_path: Path) -> None:
    (tmp_path / "dossier.csv").mkdir()
    with pytest.raises(DataError, match="fichier ordinaire"):
        read_table_file(tmp_path / "dossier.csv")


def test_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "grand.csv"
    with path.open("wb") as stream:
        stream.truncate(51 * 1024**2)  # a sparse file: nothing is written
    with pytest.raises(DataError, match="50 Mio"):
        read_table_file(path)


def test_workbook_values_become_what_a_person_would_type(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "p.xlsx",
        ("Vide", []),
        (
            "Projets",
            [
                ["nom", "insee", "lon", "date", "note", None],
                ["A", 1004, 2.35, dt.datetime(2024, 4, 3), True, None],  # noqa: DTZ001
                [],
                ["NA", 93010.0, -1, dt.datetime(2024, 4, 3, 9, 30), None, "seul"],  # noqa: DTZ001
            ],
        ),
    )
    table = read_table_file(path)
    assert table.header == ("nom", "insee", "lon", "date", "note", "Colonne F")
    assert table.rows == (
        ("A", "1004", "2.35", "2024-04-03", "VRAI", ""),
        ("NA", "93010", "-1", "2024-04-03 09:30:00", "", "seul"),
    )
    assert table.row_numbers == (2, 4)
    assert (table.sheet, table.encoding, table.delimiter) == ("Projets", "", "")
    assert any("« Projets »" in note and "« Vide »" in note for note in table.notes)


def test_errors_and_unsaved_formulas_of_a_workbook_are_empty_and_said(tmp_path: Path) -> None:
    path = workbook(tmp_path / "p.xlsx", ("P", [["a", "b"], ["=1+1", "x"], ["#N/A", "y"]]))
    table = read_table_file(path)
    assert table.rows == (("", "x"), ("", "y"))
    assert any("formule" in note for note in table.notes)
    assert any("#N/A" in note for note in table.notes)


def zipped(size: int, n_members: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(n_members):
            archive.writestr(f"xl/{number}.xml", b"0" * size)
    return buffer.getvalue()


def with_sheet_xml(path: Path, xml: bytes) -> bytes:
    """Replace the first sheet of a workbook by `xml`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w") as new:
        for member in old.infolist():
            is_sheet = member.filename == "xl/worksheets/sheet1.xml"
            new.writestr(member.filename, xml if is_sheet else old.read(member))
    return buffer.getvalue()


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    b'<sheetData><row r="1"><c t="inlineStr"><is><t>&b;</t></is></c></row></sheetData></worksheet>'
)
FAR_ROW = (
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    b'<sheetData><row r="999999999999"><c r="A999999999999"><v>1</v></c></row></sheetData>'
    b"</worksheet>"
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "vide"),
        (b"nom;adresse\n", "pas un classeur"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "mot de passe"),
        (zipped(10, 1), "abîmé"),
        (zipped(10, 1)[:-10], "pas un classeur"),
        (zipped(5_000_000, 1), "anormale"),
        (zipped(1, 2001), "anormale"),
    ],
)
def test_bad_workbook_is_refused_in_french(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_table_file(written(tmp_path, content, "p.xlsx"))


@pytest.mark.parametrize(("xml", "words"), [(LAUGHS, "abîmé"), (FAR_ROW, "dépasse")])
def test_hostile_sheet_is_refused(tmp_path: Path, xml: bytes, words: str) -> None:
    good = workbook(tmp_path / "p.xlsx", ("P", [["a"], ["b"]]))
    with pytest.raises(DataError, match=words):
        read_table_file(written(tmp_path, with_sheet_xml(good, xml), "h.xlsx"))


def test_workbook_without_its_parts_is_refused(tmp_path: Path) -> None:
    good = workbook(tmp_path / "p.xlsx", ("P", [["a"], ["b"]]))
    buffer = io.BytesIO()
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(buffer, "w") as new:
        for member in old.infolist():
            new.writestr(member.filename, old.read(member).replace(b"sheet.main+xml", b"x"))
    with pytest.raises(DataError, match="abîmé"):
        read_table_file(written(tmp_path, buffer.getvalue(), "h.xlsx"))


def test_workbook_without_a_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="aucune feuille"):
        read_table_file(workbook(tmp_path / "p.xlsx", ("P", [["nom", "adresse"]])))


def test_row_list_shows_five() -> None:
    assert row_list([4]) == "ligne 4"
    assert row_list([2, 3, 4, 5, 6, 7, 8]) == "lignes 2, 3, 4, 5, 6 et 2 de plus"
