import codecs
import datetime as dt
import hashlib
import io
import itertools
import zipfile
from pathlib import Path

import openpyxl
import pytest
from defusedxml import EntitiesForbidden
from hypothesis import given
from hypothesis import strategies as st

from siting.errors import DataError
from siting.sources.delimited import delimited_rows
from siting.sources.sheet_marks import sheet_marks
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


def test_mixed_line_ends_are_one_kind_of_line_end(tmp_path: Path) -> None:
    table = read_table_file(written(tmp_path, b'a;b\r\n1;2\n3;4\r5;"6\r\n7\r8"\n\r9;10'))
    assert table.rows == (("1", "2"), ("3", "4"), ("5", "6\n7\n8"), ("9", "10"))
    assert table.row_numbers == (2, 3, 4, 6)


def test_only_line_feeds_and_returns_end_a_line(tmp_path: Path) -> None:
    odd = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
    table = read_table_file(written(tmp_path, f"a;b\nx{odd}y;z\n".encode()))
    assert table.rows == ((f"x{odd}y", "z"),)


def test_header_of_blanks_and_header_without_end_of_line(tmp_path: Path) -> None:
    assert read_table_file(written(tmp_path, b" a ; ;b\nx;;z")).header == ("a", "b")


@pytest.mark.parametrize("encoding", ["mac-roman", "cp850"])
def test_other_encodings_of_excel_are_refused_or_said(tmp_path: Path, encoding: str) -> None:
    """Excel's "CSV (Macintosh)" and "CSV (MS-DOS)": read as Windows-1252 they spoil accents."""
    for word in ("Béthune", "Mézières", "Besançon", "Île", "prénom"):
        content = f"nom;adresse\nA;rue de {word}\n".encode(encoding)
        try:
            notes = read_table_file(written(tmp_path, content)).notes
        except DataError as error:
            notes = (str(error),)
        assert word == "Île" or any("accents" in n or "encodage" in n for n in notes), word


def test_usual_french_typography_is_no_spoilt_accent(tmp_path: Path) -> None:
    text = "a;b\n« l’été… »;5\u202f€ – œuvre “x” ‚y‘ d’Arc Šimon\n"
    assert read_table_file(written(tmp_path, text.encode())).notes == ()


# Rows that are longer than the header


def test_long_row_is_kept_when_asked_and_nothing_is_lost(tmp_path: Path) -> None:
    path = written(tmp_path, b"a;b\n1;2;;\n3;4;5;6\n7;8; \n9\n")
    table = read_table_file(path, long_rows="kept")
    assert table.header == ("a", "b", "Colonne C", "Colonne D")
    assert table.rows == (
        *(("1", "2", "", ""), ("3", "4", "5", "6"), ("7", "8", " ", ""), ("9", "", "", "")),
    )
    assert table.long_rows == (3,)
    assert any("Plus de cases" in note and "(ligne 3)" in note for note in table.notes)
    assert any("Moins de cases" in note and "(ligne 5)" in note for note in table.notes)


def test_header_that_lacks_names_everywhere_still_shows_its_delimiter(tmp_path: Path) -> None:
    path = written(tmp_path, b"a;b\n1;2;3,5\n4;5;6,5\n")
    table = read_table_file(path, long_rows="kept")
    assert (table.delimiter, table.long_rows) == (";", (2, 3))
    assert table.rows == (("1", "2", "3,5"), ("4", "5", "6,5"))


def test_row_of_a_million_separators_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, b"a;b\n" + b"1;2\n" * 20 + b"x;" + b";" * 999_999 + b"x\n")
    with pytest.raises(DataError, match="ligne 22 a 1000001 cases"):
        read_table_file(path, long_rows="kept")


def test_table_larger_than_any_geocoder_takes_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, b"a\n" + b"1\n" * 200_000)
    with pytest.raises(DataError, match="200000 lignes"):
        read_table_file(path)
    assert len(read_table_file(written(tmp_path, b"a\n" + b"1\n" * 199_999)).rows) == 199_999


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
        (b"\r\n <table><tr><td>nom</td></tr></table>", "page web"),
        (b"<meta charset=utf-8><table>", "page web"),
        (b"<!-- export --><table>", "page web"),
        (b'<?xml version="1.0"?><Workbook>', "XML"),
        (b'[{"nom": "A"}]', "JSON"),
        (b"PK\x05\x06" + bytes(18), "compressé"),
        (b"{\\rtf1 nom}", "RTF"),
        (b"SQLite format 3\x00", "GeoPackage"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"a;b\n" + b"x" * 200_000 + b";" + b"y" * 200_000, "ligne 2"),
        (b'a;b\n"1;2\n' + b"3;4\n" * 50_000, "ligne 2"),
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
        ("a.numbers", "Enregistrer sous"),
        ("a.shp", "QGIS"),
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


SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def book_of(tmp_path: Path, xml: str, *, name: str = "p.xlsx") -> Path:
    """Write a workbook whose only sheet holds this XML: openpyxl cannot write all of it."""
    good = workbook(tmp_path / "good.xlsx", ("P", [["a"], ["b"]]))
    text = f'<worksheet xmlns="{SHEET}">{xml}</worksheet>'
    return written(tmp_path, with_sheet_xml(good, text.encode()), name)


def texts(*rows: str) -> str:
    """Write rows of cells of text, separated by blanks; `-` is no cell."""
    lines = []
    for number, row in enumerate(rows, start=1):
        cells = "".join(
            f'<c r="{chr(65 + at)}{number}" t="inlineStr"><is><t>{cell}</t></is></c>'
            for at, cell in enumerate(row.split())
            if cell != "-"
        )
        lines.append(f'<row r="{number}">{cells}</row>')
    return f"<sheetData>{''.join(lines)}</sheetData>"


def test_the_zero_that_a_number_format_shows_is_kept(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["cp", "dossier", "montant", "siret"])
    book.active.append([1000, 12, 1000, 12345678901234.0])
    book.active["A2"].number_format = "00000"
    book.active["B2"].number_format = "0000000"
    book.active["C2"].number_format = "0.00"
    book.save(tmp_path / "p.xlsx")
    assert read_table_file(tmp_path / "p.xlsx").rows == (
        ("01000", "0000012", "1000", "12345678901234"),
    )


def test_text_that_looks_like_an_error_or_a_number_is_text(tmp_path: Path) -> None:
    xml = texts("a b c", "#N/A 01004 1,5")
    assert read_table_file(book_of(tmp_path, xml)).rows == (("#N/A", "01004", "1,5"),)


def test_line_ends_of_a_cell_are_those_of_the_text_file(tmp_path: Path) -> None:
    xml = texts("a b", "x_x000D_&#10;y z_x000d_")
    assert read_table_file(book_of(tmp_path, xml)).rows == (("x\ny", "z\n"),)


def test_merged_cells_give_their_value_to_the_rows_they_cover(tmp_path: Path) -> None:
    xml = texts("nom commune note", "A Bondy x", "B - y", "C - z", "D Pantin -")
    merged = "".join(f'<mergeCell ref="{ref}"/>' for ref in ("B2:B4", "C4:C5", "A1:A2", "A5:B5"))
    table = read_table_file(book_of(tmp_path, f"{xml}<mergeCells>{merged}</mergeCells>"))
    assert table.rows == (
        *(("A", "Bondy", "x"), ("B", "Bondy", "y"), ("C", "Bondy", "z"), ("D", "Pantin", "z")),
    )
    (note,) = (note for note in table.notes if "fusionnées" in note)
    assert "(B2:B4, C4:C5)" in note


def test_hidden_rows_and_columns_are_read_and_said(tmp_path: Path) -> None:
    xml = texts("nom note", "A x", "B y").replace('<row r="3"', '<row r="3" hidden="1"')
    hidden = '<cols><col min="2" max="16384" hidden="true"/></cols>'
    table = read_table_file(book_of(tmp_path, hidden + xml))
    assert table.rows == (("A", "x"), ("B", "y"))
    assert any("Lignes masquées" in note and note.endswith(" : 3.") for note in table.notes)
    assert any("Colonnes masquées" in note and note.endswith(" : B.") for note in table.notes)


@pytest.mark.parametrize(
    ("cell", "text", "is_said"),
    [
        ('<c r="A2"><f>1+1</f><v>2</v></c>', "2", False),
        ('<c r="A2"><f>1+1</f><v></v></c>', "", True),
        ('<c r="A2"><f>1+1</f></c>', "", True),
        ('<c r="A2"><f/></c>', "", True),
        ('<c r="A2" t="str"><f>A1&amp;""</f><v>x</v></c>', "x", False),
        ('<c r="A2" t="str"><f>IF(1,"","a")</f><v></v></c>', "", False),  # an empty text
        ('<c r="A2" t="b"><f>1=1</f><v>1</v></c>', "VRAI", False),
    ],
)
def test_saved_results_of_formulas_are_read(
    tmp_path: Path,
    cell: str,
    text: str,
    is_said: bool,  # noqa: FBT001 - a case of the table
) -> None:
    other = '<c r="B2" t="inlineStr"><is><t>y</t></is></c>'
    xml = texts("a b").replace("</sheetData>", f'<row r="2">{cell}{other}</row></sheetData>')
    table = read_table_file(book_of(tmp_path, xml))
    assert table.rows == ((text, "y"),)
    assert any("formule" in note for note in table.notes) == is_said


def test_workbook_of_1904_keeps_its_dates(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    book.active.append(["le", "b"])
    book.active.append([dt.date(2024, 4, 3), dt.time(9, 30)])
    book.save(tmp_path / "p.xlsx")
    assert read_table_file(tmp_path / "p.xlsx").rows == (("2024-04-03", "09:30:00"),)


# Several sheets


NOTICE = ("Notice", [["Lisez-moi"], ["une ligne par projet"]])
PROJECTS = ("Projets 2024", [["nom", "adresse"], ["A", "3 rue B"]])


def test_a_sheet_is_chosen_by_name_whatever_its_case(tmp_path: Path) -> None:
    path = workbook(tmp_path / "p.xlsx", NOTICE, PROJECTS)
    for sheet in ("Projets 2024", "projets_2024", " PROJETS 2024"):
        table = read_table_file(path, sheet=sheet)
        assert (table.sheet, table.rows) == ("Projets 2024", (("A", "3 rue B"),))
    assert read_table_file(path, sheet="Notice").rows == (("une ligne par projet",),)


def test_the_only_sheet_that_suits_is_taken(tmp_path: Path) -> None:
    path = workbook(tmp_path / "p.xlsx", NOTICE, PROJECTS)
    table = read_table_file(path, suits=lambda sheet: "adresse" in sheet.header)
    assert table.sheet == "Projets 2024"
    assert any("non lues : « Notice »" in note for note in table.notes)
    assert read_table_file(path).sheet == "Notice"  # nothing says what is looked for


@pytest.mark.parametrize("header", ["adresse", "autre"])
def test_several_sheets_that_suit_or_none_are_a_question(tmp_path: Path, header: str) -> None:
    path = workbook(tmp_path / "p.xlsx", *(("A B"[at], [[header], ["x"]]) for at in (0, 2)))
    with pytest.raises(DataError, match=r"« A », « B ».*--sheet NOM"):
        read_table_file(path, suits=lambda sheet: "adresse" in sheet.header)


def test_hidden_sheet_is_read_only_when_it_is_named(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Visible"
    book.active.append(["adresse"])
    hidden = book.create_sheet("Archive")
    hidden.append(["adresse"])
    hidden.append(["vieille"])
    hidden.sheet_state = "hidden"
    book.save(tmp_path / "p.xlsx")
    with pytest.raises(DataError, match=r"aucune feuille visible.*« Archive » \(masquée\)"):
        read_table_file(tmp_path / "p.xlsx")
    assert read_table_file(tmp_path / "p.xlsx", sheet="Archive").rows == (("vieille",),)


@pytest.mark.parametrize(
    ("sheet", "words"),
    [("Budget", "n'existe pas.*« Notice », « Vide »"), ("Vide", "pas de données")],
)
def test_sheet_that_cannot_be_read_is_refused(tmp_path: Path, sheet: str, words: str) -> None:
    path = workbook(tmp_path / "p.xlsx", NOTICE, ("Vide", []))
    with pytest.raises(DataError, match=words):
        read_table_file(path, sheet=sheet)


def test_text_file_has_no_sheets(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="pas de feuilles"):
        read_table_file(written(tmp_path, b"a;b\n1;2\n"), sheet="P")


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


@pytest.mark.parametrize(
    "xml",
    [
        "<sheetData><row><c><v>1</row></sheetData>",
        '<sheetData><row r="x"><c r="A1"><v>1</v></c></row></sheetData>',
        '<sheetData><row r="1"><c r="A1" t="s"><v>99</v></c></row></sheetData>',
        '<sheetData><row r="1"><c r="A1" t="n"><v>1 2</v></c></row></sheetData>',
        '<sheetData><row r="1" hidden="1"/><row hidden="1" r="z"/></sheetData>',
        texts("a", "b") + '<cols><col hidden="1" min="z" max="2"/></cols>',
        texts("a", "b") + '<mergeCells><mergeCell ref="ZZZ2:ZZZ3"/></mergeCells>',
    ],
)
def test_damaged_sheet_is_rows_or_one_clear_error(tmp_path: Path, xml: str) -> None:
    try:
        rows = read_table_file(book_of(tmp_path, xml)).rows
    except DataError as error:
        assert "p.xlsx : " in str(error)  # noqa: PT017 - either is right
    else:
        assert rows == (("b",),)


def test_merged_cells_without_number_are_refused(tmp_path: Path) -> None:
    many = '<mergeCell ref="A3:A200000"/>' * 60
    cells = "".join(f'<row r="{at}"><c r="A{at}"><v>1</v></c></row>' for at in (1, 3, 199_999))
    xml = f"<sheetData>{cells}</sheetData><mergeCells>{many}</mergeCells>"
    with pytest.raises(DataError, match="dépasse"):
        read_table_file(book_of(tmp_path, xml))


@pytest.mark.parametrize(("xml", "words"), [(LAUGHS, "abîmé"), (FAR_ROW, "dépasse")])
def test_hostile_sheet_is_refused(tmp_path: Path, xml: bytes, words: str) -> None:
    good = workbook(tmp_path / "p.xlsx", ("P", [["a"], ["b"]]))
    with pytest.raises(DataError, match=words):
        read_table_file(written(tmp_path, with_sheet_xml(good, xml), "h.xlsx"))


def test_marks_of_a_sheet_refuse_entities_by_themselves() -> None:
    with pytest.raises(EntitiesForbidden):
        sheet_marks(io.BytesIO(LAUGHS))


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
