"""Bytes of an XLSX workbook -> numbered rows of text of its first sheet that holds a table."""

from __future__ import annotations

import datetime as dt
import io
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import ParseError

import openpyxl
from defusedxml import DefusedXmlException
from openpyxl.utils.exceptions import InvalidFileException

from siting.errors import DataError

NumberedRow = tuple[int, tuple[str, ...]]

# Hostile or absurd workbooks are refused before they cost memory or time.
_MAX_MEMBERS = 2_000
_MAX_UNPACKED_BYTES = 512 * 1024**2
_MAX_RATIO = 200  # repetitive sheets reach about 50
_MAX_ROWS = 200_000  # also the limit of the national geocoder for one file
_MAX_CELLS = 10_000_000

# What a damaged workbook makes openpyxl raise: it has no error of its own for that.
_UNREADABLE = (
    InvalidFileException,
    DefusedXmlException,
    zipfile.BadZipFile,
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


@dataclass(slots=True)
class _Gaps:
    """Cells that are shown in Excel but hold no usable value."""

    n_errors: int = 0
    n_formulas: int = 0

    def notes(self) -> Iterator[str]:
        if self.n_errors:
            yield f"{self.n_errors} case(s) en erreur (#N/A, #REF!, ...) : lues comme vides."
        if self.n_formulas:
            yield (
                f"{self.n_formulas} case(s) contiennent une formule dont le résultat n'est pas "
                "enregistré : lues comme vides. Ouvrez le classeur dans votre tableur et "
                "enregistrez-le à nouveau."
            )


def workbook_sheet(content: bytes, *, name: str) -> Sheet:
    """
    Read the first visible sheet that holds a header and at least one row.

    Numbers become text without `.0`, dates ISO text; cells in error and formulas without
    a saved result are empty, with a note. Blank rows count but are not kept.

    Parameters
    ----------
    content
        The whole file.
    name
        Name of the file, for the messages.

    Raises
    ------
    DataError
        Not a workbook, a workbook that is locked, damaged, hostile or too large, or
        without any table.
    """
    _refuse_hostile(content, name=name)
    try:
        with warnings.catch_warnings():
            # openpyxl warns, in English, of features that do not touch the values of cells.
            warnings.simplefilter("ignore", UserWarning)
            return _first_table(content, name=name)
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


def _first_table(content: bytes, *, name: str) -> Sheet:
    values = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    formulas = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
    try:
        sheets = [s for s in values.worksheets if s.sheet_state == "visible"] or values.worksheets
        for sheet in sheets:
            gaps = _Gaps()
            both = (sheet, formulas[sheet.title])
            for one in both:
                one.reset_dimensions()  # the size written in the file may be wrong
            rows = tuple(_rows(*(one.iter_rows() for one in both), gaps=gaps, name=name))
            if len(rows) > 1:
                others = [s.title for s in values.worksheets if s is not sheet]
                return Sheet(
                    name=sheet.title,
                    rows=rows,
                    notes=(*_sheet_note(sheet.title, others), *gaps.notes()),
                )
    finally:
        values.close()
        formulas.close()
    raise DataError(
        f"{name} : aucune feuille ne contient un en-tête suivi d'au moins une ligne. "
        "Mettez les noms des colonnes sur la première ligne, un projet par ligne ensuite."
    )


def _sheet_note(title: str, others: Sequence[str]) -> Iterator[str]:
    if others:
        names = ", ".join(f"« {other} »" for other in others)
        yield f"Feuille lue : « {title} ». Autres feuilles, non lues : {names}."


def _rows(
    values: Iterable[Sequence[object]],
    formulas: Iterable[Sequence[object]],
    *,
    gaps: _Gaps,
    name: str,
) -> Iterator[NumberedRow]:
    n_cells = 0
    for number, (row, formula_row) in enumerate(zip(values, formulas, strict=True), start=1):
        n_cells += len(row)
        if number > _MAX_ROWS or n_cells > _MAX_CELLS:
            raise DataError(
                f"{name} : la feuille dépasse {_MAX_ROWS} lignes ou {_MAX_CELLS} cases. "
                "Supprimez les lignes et colonnes inutiles, ou partagez-la en plusieurs fichiers."
            )
        texts = [_cell_text(cell, gaps) for cell in row]
        gaps.n_formulas += sum(
            getattr(formula, "data_type", "") == "f" and getattr(cell, "value", None) is None
            for cell, formula in zip(row, formula_row, strict=True)
        )
        while texts and not texts[-1]:
            texts.pop()
        if texts:
            yield number, tuple(texts)


def _cell_text(cell: object, gaps: _Gaps) -> str:
    if getattr(cell, "data_type", "") == "e":
        gaps.n_errors += 1
        return ""
    return _text(getattr(cell, "value", None))


def _text(value: object) -> str:
    """Write a value as a person would type it: 12 not 12.0, 2024-04-03, VRAI."""
    match value:
        case None:
            return ""
        case bool():
            return "VRAI" if value else "FAUX"
        case float() if value.is_integer():
            return str(int(value))
        case dt.datetime() if value.time() == dt.time.min:
            return value.date().isoformat()
        case dt.datetime():
            return value.isoformat(sep=" ", timespec="seconds")
        case _:
            return str(value).replace("\r\n", "\n").replace("\r", "\n")
