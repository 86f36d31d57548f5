"""What a sheet of a workbook says beside its values: hidden rows, merged cells, lost results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO
from xml.parsers import expat

from defusedxml import EntitiesForbidden
from openpyxl.utils import column_index_from_string

_MAX_COLUMNS = 16_384  # of a sheet of Excel
_MERGED = re.compile(r"([A-Z]{1,3})([0-9]{1,7}):[A-Z]{1,3}([0-9]{1,7})")
_TRUE = {"1", "true"}


@dataclass(frozen=True, slots=True)
class Block:
    """Cells merged over several rows: their name as `B2:C4`, rows, and first column from 1."""

    name: str
    first_row: int
    last_row: int
    column: int


@dataclass(slots=True)
class SheetMarks:
    """
    Marks of a sheet.

    Parameters
    ----------
    hidden_rows, hidden_columns
        Numbers, from 1.
    merged
        Merged cells that go over several rows.
    n_unsaved_formulas
        Formulas whose result was not saved; a result that is an empty text is one.
    """

    hidden_rows: list[int] = field(default_factory=list)
    hidden_columns: list[int] = field(default_factory=list)
    merged: list[Block] = field(default_factory=list)
    n_unsaved_formulas: int = 0


def sheet_marks(stream: IO[bytes]) -> SheetMarks:
    """
    Read the marks of a sheet from its XML, without keeping it in memory.

    Parameters
    ----------
    stream
        The part of the workbook that holds the sheet.

    Raises
    ------
    EntitiesForbidden
        The XML declares an entity, which no office program writes.
    expat.ExpatError
        It is no XML.
    """
    marks = SheetMarks()
    reading = _Reading(marks)
    parser = expat.ParserCreate()
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.text
    parser.EntityDeclHandler = _refuse_entity
    parser.ParseFile(stream)
    return marks


class _Reading:
    """Follows the elements of a sheet; a cell is told from the next by its end."""

    def __init__(self, marks: SheetMarks) -> None:
        self._marks = marks
        self._has_formula = False
        self._has_value = False
        self._is_text = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        match tag.rpartition(":")[2]:
            case "c":
                self._has_formula = self._has_value = False
                self._is_text = attributes.get("t") == "str"
            case "f":
                self._has_formula = True
            case "row" if attributes.get("hidden") in _TRUE:
                self._marks.hidden_rows.append(int(attributes.get("r", "0")))
            case "col" if attributes.get("hidden") in _TRUE:
                first, last = int(attributes["min"]), int(attributes["max"])
                self._marks.hidden_columns.extend(range(first, min(last, _MAX_COLUMNS) + 1))
            case "mergeCell":
                self._merge(attributes.get("ref", ""))

    def end(self, tag: str) -> None:
        match tag.rpartition(":")[2]:
            case "c" if self._has_formula and not self._has_value and not self._is_text:
                self._marks.n_unsaved_formulas += 1
            case "f":
                self._has_value = False  # what was read until now is the formula

    def text(self, data: str) -> None:
        self._has_value = self._has_value or bool(data.strip())

    def _merge(self, name: str) -> None:
        found = _MERGED.fullmatch(name)
        if found and int(found[3]) > int(found[2]):
            column = column_index_from_string(found[1])
            self._marks.merged.append(Block(name, int(found[2]), int(found[3]), column))


def _refuse_entity(name: str, *_: object) -> None:
    raise EntitiesForbidden(name, None, None, None, None, None)
