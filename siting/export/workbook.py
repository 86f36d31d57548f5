"""The workbook that a French office opens: one sheet a table, and one that explains them."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
import xlsxwriter
from pandas.api.types import is_bool_dtype, is_float_dtype, is_integer_dtype
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from siting.export.cells import DECIMALS, as_text, contract_columns, printable, tabular
from siting.export.columns import CLOSED_LISTS, MEANINGS, UNITS
from siting.labels import LABELS, counted, date_text
from siting.provenance import Provenance
from siting.tables import Table

README = "Lisez-moi"
MAX_ROWS = 1_048_575  # rows of data under the header: the limit of the XLSX format
MAX_TEXT = 32_767  # characters of a cell: the limit of the XLSX format
_CUT = " […] (texte coupé)"
_TITLE_LENGTH = 31  # longest sheet name of the format
# The format dates a workbook at its creation; a fixed date keeps equal results equal bytes.
_CREATED = dt.datetime(1980, 1, 1)  # noqa: DTZ001 - the format has no time zone
_WIDTH_SAMPLE = 500
_WIDTHS = (8, 48)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """
    One table of the workbook.

    Parameters
    ----------
    title
        Name of the sheet, in French.
    note
        What the sheet holds, one sentence in French.
    frame, table
        Rows, and the contract they follow.
    words
        Codes of the sheet that are not in a closed list: column, code, meaning in French.
    """

    title: str
    note: str
    frame: pd.DataFrame
    table: Table
    words: Sequence[tuple[str, str, str]] = ()


def xlsx_bytes(
    sheets: Sequence[Sheet],
    *,
    title: str,
    sources: Sequence[Provenance],
    left_out: Sequence[Sheet] = (),
) -> bytes:
    """
    Write tables as a workbook, after a sheet that explains sheets, columns, values and sources.

    Numbers stay numbers, codes text, booleans become oui, non or empty; no text is ever a
    formula or a link. A table longer than a sheet goes on in a numbered one; a text longer
    than a cell is cut, and says so.

    Parameters
    ----------
    sheets
        Tables, in order.
    title
        Title of the study, in French.
    sources
        Where the data come from; retrieval dates are left to the manifest.
    left_out
        Tables too long for a workbook that opens: the first sheet says that their CSV file
        holds them.
    """
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(buffer, options) as book:
        book.set_properties({"title": cell_text(title), "created": _CREATED})
        header = book.add_format({"bold": True, "bottom": 1, "bg_color": "#E8EEF4"})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        _write_readme(
            book.add_worksheet(README),
            [*_readme(sheets, title, sources, left_out)],
            header,
            wrapped,
        )
        for sheet in sheets:
            flat = tabular(sheet.frame, sheet.table)
            formats = _number_formats(book, sheet.table)
            for name, start, stop in sheet_parts(sheet.title, len(flat)):
                worksheet = book.add_worksheet(name)
                _write_table(worksheet, flat.iloc[start:stop], header, formats)
    return buffer.getvalue()


def sheet_parts(title: str, n_rows: int) -> list[tuple[str, int, int]]:
    """Cut rows into sheets: name, first row and end of each; an empty table has one sheet."""
    starts = range(0, max(n_rows, 1), MAX_ROWS)
    parts = []
    for number, start in enumerate(starts, start=1):
        suffix = f" ({number})" if number > 1 else ""
        name = title[: _TITLE_LENGTH - len(suffix)] + suffix
        parts.append((name, start, min(start + MAX_ROWS, n_rows)))
    return parts


def cell_text(text: str) -> str:
    """Return a text as a cell holds it: printable, cut with a mark when too long."""
    clean = str(printable(pd.Series([text], dtype="str")).iloc[0])
    return clean if len(clean) <= MAX_TEXT else clean[: MAX_TEXT - len(_CUT)] + _CUT


def _number_formats(book: xlsxwriter.Workbook, table: Table) -> dict[str, Format]:
    formats = {
        unit: book.add_format({"num_format": f"0.{'0' * decimals}"})
        for unit, decimals in DECIMALS.items()
    }
    return {
        column.name: formats[column.unit]
        for column in contract_columns(table)
        if column.kind == "number" and column.unit in formats
    }


def _write_table(
    worksheet: Worksheet, rows: pd.DataFrame, header: Format, formats: dict[str, Format]
) -> None:
    for at, name in enumerate(rows.columns):
        worksheet.write_string(0, at, cell_text(str(name)), header)
        worksheet.write_comment(0, at, MEANINGS.get(name, "colonne de votre fichier"))
        cells = _cells(rows[name])
        worksheet.set_column(at, at, _width(str(name), cells), formats.get(name))
        for line, cell in enumerate(cells, start=1):
            if isinstance(cell, str):
                worksheet.write_string(line, at, cell)
            elif cell is not None:
                worksheet.write_number(line, at, cell)
    worksheet.freeze_panes(1, 1)
    worksheet.autofilter(0, 0, len(rows), max(len(rows.columns) - 1, 0))
    worksheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})


def _cells(values: pd.Series) -> list[str | float | None]:
    """Turn a column into what cells hold: text, number, or None for an empty cell."""
    if is_bool_dtype(values.dtype):
        words = values.astype("object").map({True: "oui", False: "non"})
        return [None if pd.isna(word) else str(word) for word in words]
    if is_integer_dtype(values.dtype) or is_float_dtype(values.dtype):
        return [None if pd.isna(value) else float(value) for value in values]
    clean = printable(as_text(values))
    long = clean.str.len() > MAX_TEXT
    clean = clean.mask(long.fillna(value=False), clean.str.slice(0, MAX_TEXT - len(_CUT)) + _CUT)
    return [None if pd.isna(text) else str(text) for text in clean]


def _width(name: str, cells: Sequence[str | float | None]) -> int:
    texts = (cell for cell in cells[:_WIDTH_SAMPLE] if isinstance(cell, str))
    longest = max((len(text) for text in texts), default=0)
    narrowest, widest = _WIDTHS
    return min(max(longest + 1, len(name) + 4, narrowest), widest)


def _write_readme(
    worksheet: Worksheet, lines: Sequence[tuple[str, ...]], header: Format, wrapped: Format
) -> None:
    worksheet.set_column(0, 1, 30, wrapped)
    worksheet.set_column(2, 2, 22, wrapped)
    worksheet.set_column(3, 3, 80, wrapped)
    for number, line in enumerate(lines):
        style = header if len(line) == 1 else None
        for at, cell in enumerate(line):
            worksheet.write_string(number, at, cell_text(cell), style)


def _readme(
    sheets: Sequence[Sheet], title: str, sources: Sequence[Provenance], left_out: Sequence[Sheet]
) -> Iterator[tuple[str, ...]]:
    """Yield the lines of the explaining sheet; a line of one cell is a heading."""
    yield (title,)
    yield ("", "")
    yield ("Feuilles",)
    for sheet in sheets:
        yield (sheet.title, counted(len(sheet.frame), "ligne"), "", sheet.note)
    for sheet in left_out:
        where = f"trop long pour ce classeur : tout est dans le fichier {sheet.title}.csv"
        yield (sheet.title, counted(len(sheet.frame), "ligne"), "absente ici", where)
    yield ("", "")
    yield ("Colonnes (feuille, colonne, unité, signification)",)
    for sheet in sheets:
        yield from _column_lines(sheet)
    yield ("Cellule vide", "", "", "non mesuré, non connu ou sans objet ; jamais zéro")
    yield ("", "")
    yield ("Valeurs (colonne, valeur, signification)",)
    yield from _value_lines(
        frozenset(name for sheet in sheets for name in sheet.table.column_names)
    )
    for sheet in sheets:
        yield from ((column, code, "", meaning) for column, code, meaning in sheet.words)
    yield ("", "")
    yield ("Sources (source, licence, état des données, mention obligatoire)",)
    for source in sources:
        state = date_text(source.data_timestamp) or "date inconnue"
        mention = " ; ".join(filter(None, (source.attribution, source.url, source.note)))
        yield (source.source, source.licence, state, mention)


def _column_lines(sheet: Sheet) -> Iterator[tuple[str, ...]]:
    for column in contract_columns(sheet.table):
        unit = UNITS.get(column.unit, column.unit)
        yield (sheet.title, column.name, unit, MEANINGS[column.name])
    if sheet.table.is_open:
        yield (sheet.title, "(les suivantes)", "", "colonnes de votre fichier, inchangées")


def _value_lines(shown: frozenset[str]) -> Iterator[tuple[str, ...]]:
    for name, closed in CLOSED_LISTS.items():
        if name in shown:
            for member in closed:
                yield (name, member.value, "", LABELS[closed][member])
