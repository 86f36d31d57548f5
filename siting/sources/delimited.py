"""Bytes of a delimited text file (CSV, TSV) -> numbered rows of text, nothing guessed by value."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from siting.errors import DataError

NumberedRow = tuple[int, tuple[str, ...]]

# A table larger than that is refused before it costs memory or time.
MAX_ROWS = 200_000  # also the limit of the national geocoder for one file
MAX_CELLS = 10_000_000

DELIMITERS = {";": "point-virgule", ",": "virgule", "\t": "tabulation", "|": "barre verticale"}

# A delimiter is believed when the header and at least half of the first rows agree on it.
_SCORED_ROWS = 1000
_LEAST_AGREEMENT_SHARE = 0.5

_SEEN_BYTES = 200  # where UTF-16 without a mark betrays itself: one byte in two is NUL

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # starts as the UTF-16 mark does: must come before it
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SIGNATURES = (
    (b"PK\x03\x04", "un fichier compressé (classeur Excel, LibreOffice ou zip)"),
    (b"PK\x05\x06", "un fichier compressé vide (zip)"),
    (b"\xd0\xcf\x11\xe0", "un ancien classeur Excel (.xls)"),
    (b"%PDF", "un document PDF"),
    (b"\x1f\x8b", "un fichier compressé (gzip)"),
    (b"SQLite format 3", "une base SQLite ou GeoPackage"),
    (b"fgb\x03fgb", "une couche FlatGeobuf"),
    (b"\x89PNG", "une image"),
    (b"{\\rtf", "un document RTF"),
)
_MARKUP = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*(?:<[!?a-z]|\[?\s*\{\s*\")", re.IGNORECASE)
_EXCEL_HINT = re.compile(r"sep=([;,\t|])\n")  # first line that some exports write for Excel
# C1 controls; UTF-8 read as Latin-1; "prŽnom" and "B‚thune": Excel's "CSV (Macintosh)" and
# "CSV (MS-DOS)" read as Windows-1252, whose quotes and capitals stand inside no French word.
_SPOILT_ACCENTS = re.compile(r"[\x80-\x9f]|Ã[\x80-\xbf]|(?<=[a-zA-Z])[‚ƒ„†‡ˆ‰ŠŽ](?=[a-z])")
_SAVE_AS = (
    "Enregistrez-le depuis votre tableur au format « CSV UTF-8 » ou « Classeur Excel (.xlsx) »."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delimited:
    """
    Rows of a delimited text file, the header first.

    Each row comes with its number in a spreadsheet: a quoted line break does not start a
    row, a blank line counts but is not kept. `delimiter` is empty for one column.
    """

    rows: tuple[NumberedRow, ...]
    encoding: str
    delimiter: str
    notes: tuple[str, ...]


def delimited_rows(content: bytes, *, name: str) -> Delimited:
    """
    Decode a delimited text file and split it into rows of text.

    The encoding is the one of the byte order mark, else strict UTF-8, else Windows-1252.
    The delimiter is the one of `; , tab |` that gives most rows the width of the header, else
    the one that gives most rows a same, larger width: names are missing in the header.
    Line ends, quoted ones included, become line feeds. Values are never interpreted.

    Parameters
    ----------
    content
        The whole file.
    name
        Name of the file, for the messages.

    Raises
    ------
    DataError
        Not a text, no known encoding, NUL character, undecidable delimiter, a quotation
        mark that is not closed, more than `MAX_ROWS` rows or `MAX_CELLS` cells.
    """
    _refuse_other_formats(content, name=name)
    text, encoding = _decoded(content, name=name)
    _refuse_nul(text, name=name)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    notes = []
    if spoilt := _SPOILT_ACCENTS.search(text):
        line = text.count("\n", 0, spoilt.start()) + 1
        notes.append(
            f"Des accents semblent abîmés dans le fichier d'origine (par exemple ligne {line}) : "
            "vérifiez-les et enregistrez-le en « CSV UTF-8 »."
        )
    hint = _EXCEL_HINT.match(text)
    text = text[hint.end() :] if hint else text
    delimiter = hint[1] if hint else _delimiter(text, name=name)
    rows = tuple(_strict_rows(text, delimiter or ";", name=name))
    if not rows:
        raise DataError(f"{name} : le fichier est vide.")
    return Delimited(
        rows=rows,
        encoding=encoding,
        delimiter=delimiter,
        notes=tuple(notes),
    )


def _refuse_other_formats(content: bytes, *, name: str) -> None:
    for signature, kind in _SIGNATURES:
        if content.startswith(signature):
            raise DataError(f"{name} : ce n'est pas un fichier CSV mais {kind}. {_SAVE_AS}")
    if _MARKUP.match(content):
        raise DataError(
            f"{name} : ce n'est pas un fichier CSV mais une page web, un XML ou un JSON "
            f"(téléchargement manqué ?). {_SAVE_AS}"
        )


def _decoded(content: bytes, *, name: str) -> tuple[str, str]:
    marked = [encoding for mark, encoding in _BOMS if content.startswith(mark)]
    start = content[:_SEEN_BYTES]
    if not marked and max(start[::2].count(0), start[1::2].count(0)) > len(start) / 4:
        raise DataError(
            f"{name} : le fichier semble être en UTF-16 sans marque d'ordre (BOM), "
            f"il ne peut pas être lu sûrement. {_SAVE_AS}"
        )
    for encoding in marked[:1] or ("utf-8", "cp1252"):
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    tried = ", ".join(marked[:1] or ("UTF-8", "Windows-1252"))
    raise DataError(f"{name} : encodage du texte inconnu (essayés : {tried}). {_SAVE_AS}")


def _refuse_nul(text: str, *, name: str) -> None:
    position = text.find("\x00")
    if position >= 0:
        line = len(re.findall(r"\r\n|\r|\n", text[:position])) + 1
        raise DataError(
            f"{name} : la ligne {line} contient un octet nul (NUL), le fichier est abîmé ou "
            f"n'est pas un texte. {_SAVE_AS}"
        )


def _records(text: str, delimiter: str, *, strict: bool) -> Iterator[list[str]]:
    """Yield the records, blank lines included as empty lists."""
    for record in csv.reader(io.StringIO(text), delimiter=delimiter, strict=strict):
        yield [] if len(record) == 1 and record[0].isspace() else record


def _strict_rows(text: str, delimiter: str, *, name: str) -> Iterator[NumberedRow]:
    number = n_cells = 0
    try:
        for number, record in enumerate(_records(text, delimiter, strict=True), start=1):
            n_cells += len(record)
            if number > MAX_ROWS or n_cells > MAX_CELLS:
                raise DataError(
                    f"{name} : le fichier dépasse {MAX_ROWS} lignes ou {MAX_CELLS} cases. "
                    "Partagez-le en plusieurs fichiers."
                )
            if record:
                yield number, tuple(record)
    except csv.Error as error:
        raise DataError(
            f"{name} : la ligne {number + 1} est mal formée : un guillemet n'y est pas refermé, "
            "ou est suivi de texte. Doublez les guillemets à l'intérieur d'une case (\"\")."
        ) from error


def _refuse_open_quote(text: str, delimiter: str, *, name: str) -> None:
    """Name the row of a quotation mark that is not closed: it swallows those that follow."""
    for _ in _strict_rows(text, delimiter, name=name):
        pass


def _widths(text: str, delimiter: str) -> list[int]:
    """Count the cells of the header and of the first rows, as far as they can be read."""
    widths: list[int] = []
    try:
        for record in _records(text, delimiter, strict=False):
            if record:
                widths.append(len(record))
            if len(widths) > _SCORED_ROWS:
                break
    except csv.Error:
        return widths
    return widths


def _score(widths: list[int]) -> tuple[bool, float, int] | None:
    """
    Tell how well a delimiter splits, None if it does not: better scores are larger.

    Rows as wide as the header come first, then rows that are all wider than it.
    """
    header, *others = widths or [0]
    if header <= 1:
        return None
    (usual, _), *_ = Counter(others or [header]).most_common(1)
    agreed = sum(width == header for width in others) / len(others) if others else 1.0
    if agreed >= _LEAST_AGREEMENT_SHARE:
        return True, agreed, header
    wider = sum(width == usual for width in others) / len(others)
    return (False, wider, header) if usual > header and wider >= _LEAST_AGREEMENT_SHARE else None


def _delimiter(text: str, *, name: str) -> str:
    """Choose the delimiter, empty for a file of one column."""
    scores = {}
    splitting = []
    for rank, delimiter in enumerate(DELIMITERS):
        widths = _widths(text, delimiter)
        score = _score(widths)
        if score is not None:
            scores[delimiter] = (*score, -rank)
        if widths and widths[0] > 1 and any(width > 1 for width in widths[1:]):
            splitting.append(delimiter)
    if scores:
        return max(scores, key=scores.__getitem__)
    for delimiter in splitting:
        _refuse_open_quote(text, delimiter, name=name)
    if splitting:
        tried = ", ".join(DELIMITERS.values())
        raise DataError(
            f"{name} : le séparateur des colonnes n'a pas pu être reconnu (essayés : {tried}) : "
            f"trop de lignes n'ont pas autant de cases que l'en-tête. {_SAVE_AS}"
        )
    return ""
