"""Bytes of an XLSX workbook -> numbered rows of text of one of its sheets."""

from __future__ import annotations

import io
import itertools
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ExpatError

from defusedxml import DefusedXmlException
from openpyxl.reader.excel import ExcelReader
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from siting.errors import DataError
from siting.sources.cells import typed_text
from siting.sources.columns import Choice, Outline, unread_note
from siting.sources.delimited import MAX_CELLS, MAX_ROWS, NumberedRow
from siting.sources.sheet_marks import Block, SheetMarks, sheet_marks

# Hostile or absurd workbooks are refused before they cost memory or time.
_MAX_MEMBERS = 2_000
_MAX_UNPACKED_BYTES = 512 * 1024**2
_MAX_RATIO = 200  # repetitive sheets reach about 50

_ZEROS = re.compile(r"0{2,}")  # number format of a code, 00000: what Excel shows keeps its zero
_ESCAPED = re.compile(r"_x000([9ad])_", re.IGNORECASE)  # OOXML's tab and line ends, left as such
_SHOWN = 5

# What a damaged workbook makes openpyxl raise: it has no error of its own for that.
_UNREADABLE = (
    InvalidFileException,
    DefusedXmlException,
    zipfile.BadZipFile,
    ExpatError,
    ParseError,
    zlib.error,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    NotImplementedError,
    OSError,
    OverflowError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Rows of one sheet, the header first, each with its row number in the workbook."""

    name: str
    rows: tuple[NumberedRow, ...]
    notes: tuple[str, ...]


def workbook_sheet(content: bytes, *, name: str, choose: Choice) -> Sheet:
    """
    Read a sheet of a workbook as text.

    Numbers become text without `.0`, with the zeros of a format such as `00000`; dates
    become ISO text. A cell merged with those below gives them its value, as the sheet
    shows. Cells in error and formulas without a saved result are empty. Hidden rows and
    columns are read as others. All that is said in the notes. Blank rows count but are
    not kept.

    Parameters
    ----------
    content
        The whole file.
    name
        Name of the file, for the messages.
    choose
        Picks the title of the sheet to read among the outlines of all.

    Raises
    ------
    DataError
        Not a workbook, a workbook that is locked, damaged, hostile or too large, or no
        sheet to choose.
    """
    _refuse_hostile(content, name=name)
    try:
        with warnings.catch_warnings():
            # openpyxl warns, in English, of features that do not touch the values of cells.
            warnings.simplefilter("ignore", UserWarning)
            return _read_sheet(content, name=name, choose=choose)
    except DataError:
        raise
    except _UNREADABLE as error:
        raise DataError(
            f"{name} : le classeur est abîmé et ne peut pas être lu. Ouvrez-le dans votre tableur "
            "et enregistrez-le à nouveau au format .xlsx ou « CSV UTF-8 »."
        ) from error


def _refuse_hostile(content: bytes, *, name: str) -> None:
    if not content:
        raise DataError(f"{name} : le fichier est vide.")
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise DataError(
            f"{name} : le classeur est protégé par un mot de passe, ou c'est un ancien .xls. "
            "Enregistrez-le sans mot de passe au format « Classeur Excel (.xlsx) »."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DataError(
            f"{name} : ce n'est pas un classeur Excel (.xlsx), ou il est incomplet. "
            "Ouvrez-le dans votre tableur et enregistrez-le à nouveau."
        ) from error
    unpacked = sum(member.file_size for member in members)
    ratio = unpacked / max(1, len(content))
    if len(members) > _MAX_MEMBERS or unpacked > _MAX_UNPACKED_BYTES or ratio > _MAX_RATIO:
        raise DataError(
            f"{name} : le classeur se déploie de façon anormale ({len(members)} éléments, "
            f"{unpacked / 1024**2:.0f} Mo) ; il n'est pas ouvert. Copiez la feuille utile dans un "
            "classeur neuf."
        )


def _read_sheet(content: bytes, *, name: str, choose: Choice) -> Sheet:
    reader = ExcelReader(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    reader.read()
    book = reader.wb
    try:
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # the size written in the file may be wrong
        outlines = [
            _outline(
                sheet.title,
                itertools.islice(_rows(sheet.iter_rows(), errors=[], name=name), 2),
                is_hidden=sheet.sheet_state != "visible",
            )
            for sheet in book.worksheets
        ]
        title = choose(outlines)
        errors: list[int] = []
        rows = tuple(_rows(book[title].iter_rows(), errors=errors, name=name))
        parts = {sheet.name: str(rel.target) for sheet, rel in reader.parser.find_sheets()}
        with reader.archive.open(parts[title]) as stream:
            marks = sheet_marks(stream)
    finally:
        book.close()
    rows, merged = _merged_down(rows, marks.merged, name=name)
    return Sheet(
        name=title,
        rows=rows,
        notes=(
            *unread_note(outlines, title, kind="feuille"),
            *_notes(rows, marks, n_errors=len(errors), merged=merged),
        ),
    )


def _outline(title: str, rows: Iterable[NumberedRow], *, is_hidden: bool) -> Outline:
    (_, header), *others = [*rows] or [(0, ())]
    return Outline(title=title, header=header, has_rows=bool(others), is_hidden=is_hidden)


def _notes(
    rows: Sequence[NumberedRow], marks: SheetMarks, *, n_errors: int, merged: Sequence[Block]
) -> Iterator[str]:
    if n_errors:
        yield f"{n_errors} case(s) en erreur (#N/A, #REF!, ...) : lues comme vides."
    if marks.n_unsaved_formulas:
        yield (
            f"{marks.n_unsaved_formulas} case(s) contiennent une formule dont le résultat n'est "
            "pas enregistré : lues comme vides. Ouvrez le classeur dans votre tableur et "
            "enregistrez-le à nouveau."
        )
    if merged:
        names = _few([block.name for block in merged])
        yield (
            f"Cases fusionnées ({names}) : leur valeur est reprise sur chacune des lignes "
            "qu'elles couvrent."
        )
    numbers = {number for number, _ in rows}
    hidden = [str(number) for number in marks.hidden_rows if number in numbers]
    if hidden:
        yield f"Lignes masquées (filtre ?), lues comme les autres : {_few(hidden)}."
    widest = max(len(cells) for _, cells in rows)
    letters = [get_column_letter(at) for at in marks.hidden_columns if at <= widest]
    if letters:
        yield f"Colonnes masquées, lues comme les autres : {_few(letters)}."


def _few(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" et {more} de plus" if more > 0 else "")


def _rows(
    values: Iterable[Sequence[object]], *, errors: list[int], name: str
) -> Iterator[NumberedRow]:
    """Yield the rows that hold something; the number of each error goes to `errors`."""
    n_cells = 0
    for number, row in enumerate(values, start=1):
        n_cells += len(row)
        if number > MAX_ROWS or n_cells > MAX_CELLS:
            raise _too_large(name)
        errors += [number for cell in row if getattr(cell, "data_type", "") == "e"]
        texts = [_cell_text(cell) for cell in row]
        while texts and not texts[-1]:
            texts.pop()
        if texts:
            yield number, tuple(texts)


def _too_large(name: str) -> DataError:
    return DataError(
        f"{name} : la feuille dépasse {MAX_ROWS} lignes ou {MAX_CELLS} cases. "
        "Supprimez les lignes et colonnes inutiles, ou partagez-la en plusieurs fichiers."
    )


def _merged_down(
    rows: tuple[NumberedRow, ...], blocks: Iterable[Block], *, name: str
) -> tuple[tuple[NumberedRow, ...], list[Block]]:
    """
    Give the value of merged cells to all the rows they cover, in their first column.

    Blocks that start in the header, or above, are left as they are. Returns the rows, and
    the blocks that gave something.
    """
    found = {number: list(cells) for number, cells in rows}
    header = rows[0][0]
    n_steps = 0
    used = []
    for block in blocks:
        top = found.get(block.first_row, [])
        value = top[block.column - 1] if block.column <= len(top) else ""
        if block.first_row <= header or not value:
            continue
        n_steps += block.last_row - block.first_row
        if n_steps > MAX_CELLS:
            raise _too_large(name)
        below = [found[at] for at in range(block.first_row + 1, block.last_row + 1) if at in found]
        for cells in below:
            cells.extend([""] * (block.column - len(cells)))
            cells[block.column - 1] = cells[block.column - 1] or value
        used += [block] if below else []
    return tuple((number, tuple(cells)) for number, cells in found.items()), used


def _cell_text(cell: object) -> str:
    if getattr(cell, "data_type", "") == "e":
        return ""
    value = getattr(cell, "value", None)
    if isinstance(value, str):
        value = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)
    text = typed_text(value)
    zeros = str(getattr(cell, "number_format", "")) if type(value) is int else ""
    return text.zfill(len(zeros)) if _ZEROS.fullmatch(zeros) else text
