"""What the readers of layers share: a table under lines of title, days, vintages, remarks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from siting.sources.cells import plain_text
from siting.sources.columns import Field, Outline, recognised_columns
from siting.sources.table_file import TableFile, read_table_file

_TITLE_LINES = 12  # INSEE's workbooks have four above the header
_ISO_DAY = re.compile(r"(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?!\d)")
_FRENCH_DAY = re.compile(r"(0?[1-9]|[12]\d|3[01])[/-](0?[1-9]|1[0-2])[/-](\d{4})(?!\d)")

_YEAR = r"(?<!\d)(20\d\d)"
_VINTAGES = (
    re.compile(rf"{_YEAR}[-_. ]?(0[1-9]|1[0-2])[-_. ]?(0[1-9]|[12]\d|3[01])(?!\d)"),
    re.compile(rf"{_YEAR}[-_. ](0[1-9]|1[0-2])(?!\d)"),
    re.compile(rf"(cog)[-_ ]?{_YEAR[7:]}(?!\d)", re.IGNORECASE),
    re.compile(rf"{_YEAR}(?!\d)"),
)
_SHOWN = 5

IsHeader = Callable[[Sequence[str]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFile:
    """
    What the file of a layer holds.

    Parameters
    ----------
    table
        Its table (`PROGRAMME`, `DENSITY` or `QPV`), by the codes of the file; None for a
        register, which is read where it is used.
    listing
        Table `LISTING`: its rows, to compare with those of another vintage.
    vintage
        Date or year that the file, or its name, gives itself; "" for none.
    sha256
        Fingerprint of the file.
    notes
        What could not be used, and what was put right, in French.
    """

    table: pd.DataFrame | None
    listing: pd.DataFrame
    vintage: str
    sha256: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTable:
    """Columns of a file that were recognised, by field, with what `TableFile` tells of it."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    positions: Mapping[str, int]
    sha256: str
    notes: tuple[str, ...]

    def column(self, field: str) -> list[str]:
        """Return the texts of a field; empty texts when the file has no such column."""
        at = self.positions.get(field)
        return [""] * len(self.rows) if at is None else [plain_text(row[at]) for row in self.rows]


def layer_table(path: Path, *, is_header: IsHeader, fields: Sequence[Field]) -> LayerTable:
    """
    Read a table whose header is its first row, or the first of the next that is one.

    Parameters
    ----------
    path
        The file (`siting.sources.table_file`).
    is_header
        Tells a header of the layer.
    fields
        Columns to recognise.

    Raises
    ------
    DataError
        As `read_table_file` and `recognised_columns`.
    """

    def suits(outline: Outline) -> bool:
        return is_header(outline.header) or "commun" in outline.title.casefold()

    file = read_table_file(path, suits=suits, long_rows="kept")
    header, rows = _under_titles(file, is_header)
    found = recognised_columns(header, fields, columns={}, name=path.name)
    return LayerTable(
        header=header,
        rows=rows,
        positions=found.positions,
        sha256=file.sha256,
        notes=file.notes if header is file.header else (),
    )


def iso_day(text: str) -> str:
    """Read a day, ISO or French (12/03/2021, 12-03-2021), as ISO; "" if it is not one."""
    if iso := _ISO_DAY.match(text):
        return "-".join(iso.groups())
    if french := _FRENCH_DAY.match(text):
        day, month, year = french.groups()
        return f"{year}-{month.zfill(2)}-{day.zfill(2)}"
    return ""


def named_vintage(name: str) -> str:
    """Return the day, month, year or year of the geographic code in the name of a file."""
    for pattern in _VINTAGES:
        found = pattern.search(name)
        if found:
            parts = [part for part in found.groups() if part]
            is_cog = parts[0].lower() == "cog"
            return f"COG {parts[1]}" if is_cog else "-".join(parts)
    return ""


def told_rows(what: str, lines: Sequence[str] | pd.Series) -> tuple[str, ...]:
    """Say which rows could not be used; nothing when there is none."""
    texts = [text.strip() or "(vide)" for text in lines]
    if not texts:
        return ()
    more = f" et {len(texts) - _SHOWN} de plus" if len(texts) > _SHOWN else ""
    return (f"{what} : {', '.join(texts[:_SHOWN])}{more}.",)


def _under_titles(
    file: TableFile, is_header: IsHeader
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the header and the rows under it; the first row when none looks like a header."""
    if not is_header(file.header):
        for at, row in enumerate(file.rows[:_TITLE_LINES]):
            if is_header(row) and len(file.rows) > at + 1:
                return tuple(map(plain_text, row)), file.rows[at + 1 :]
    return file.header, file.rows
