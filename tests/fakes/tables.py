"""CSV files as the service reads and writes them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

DELIMITERS = ",;\t|"
_PREVIEW_SIGNS = 2**20
Rows = list[dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table as it was sent: all is text."""

    columns: list[str]
    rows: Rows
    delimiter: str
    newline: str


def read_sheet(data: bytes) -> Sheet:
    """
    Read a CSV file, guessing its encoding, delimiter and line ends; blank lines are skipped.

    Raises ValueError with the word that the service has for the trouble.
    """
    text = _decoded(data)
    newline = (re.search(r"\r\n|\n|\r", text) or ["\n"])[0]
    delimiter = _delimiter(text)
    header, *lines = list(_lines(text, delimiter)) or [[""]]
    for line in lines:
        if len(line) != len(header):
            raise ValueError("TooFewFields" if len(line) < len(header) else "TooManyFields")
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    return Sheet(columns=header, rows=rows, delimiter=delimiter, newline=newline)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        if re.search(b"[\x80-\x9f]", data):
            return data.decode("cp1252", errors="replace")
        return data.decode("iso8859-15")


def _lines(text: str, delimiter: str) -> Iterator[list[str]]:
    ends_by_cr = "\n" not in text
    source = text.splitlines(keepends=True) if ends_by_cr else io.StringIO(text, newline="")
    return (line for line in csv.reader(source, delimiter=delimiter) if line)


def _delimiter(text: str) -> str:
    """Choose by the first ten lines: the same number of fields, at least two, in each."""
    start = text[:_PREVIEW_SIGNS]
    n_lines = 10 if start == text else len(re.findall(r"\r\n|\n|\r", start))  # whole ones
    for delimiter in DELIMITERS:
        counts = [len(line) for line in islice(_lines(start, delimiter), min(n_lines, 10))]
        if counts and counts[0] > 1 and len(set(counts)) == 1:
            return delimiter
    ragged = [delimiter for delimiter in DELIMITERS if delimiter in start.split("\n", 1)[0]]
    if not ragged:
        raise ValueError("UndetectableDelimiter")
    return ragged[0]


def written(rows: Rows, sheet: Sheet) -> str:
    """Write a table; its columns are those of its first row, as the real writer does."""
    if not rows:
        return ""
    out = io.StringIO()
    writer = csv.DictWriter(
        out,
        list(rows[0]),
        delimiter=sheet.delimiter,
        lineterminator=sheet.newline,
        extrasaction="ignore",
    )
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def cell(value: object) -> str:
    """Write a value as JavaScript does; of a list, its first."""
    if isinstance(value, list):
        value = value[0] if value else None
    if value is None:
        return ""
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
