"""A table that a person made (CSV, XLSX, a layer of points) -> header and rows of text.

Everything is text: `01004`, `2A004`, `NA` and `null` stay what was typed. A bad file is
refused with what to do about it; a short row is completed; nothing is dropped in silence.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from siting.errors import DataError
from siting.sources.columns import Suits, chosen_title
from siting.sources.delimited import MAX_CELLS, NumberedRow, delimited_rows
from siting.sources.layer_file import LAYER_SUFFIXES, layer_rows
from siting.sources.workbook import workbook_sheet

LongRows = Literal["refused", "kept"]

_TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
_WORKBOOK_SUFFIXES = (".xlsx", ".xlsm")
_MAX_BYTES = 50 * 1024**2  # also the limit of the national geocoder for one file
_REMOTE = re.compile(r"(?:[a-z][a-z0-9+.-]+:[/\\]|[/\\]vsi)", re.IGNORECASE)
_SHOWN_ROWS = 5

_SAVE_SPREADSHEET = (
    "Ouvrez-le dans votre tableur, puis Fichier > Enregistrer sous > « CSV UTF-8 » ou "
    "« Classeur Excel (.xlsx) »."
)
_SAVE_LAYER = (
    "Dans QGIS : clic droit sur la couche > Exporter > Sauvegarder les entités sous, format "
    "GeoPackage."
)
_SAVE_AS = {
    **dict.fromkeys((".xls", ".xlsb", ".ods", ".numbers"), _SAVE_SPREADSHEET),
    **dict.fromkeys((".shp", ".fgb", ".kml", ".kmz", ".tab", ".mif", ".gml"), _SAVE_LAYER),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFile:
    """
    A header and its rows, as text.

    Parameters
    ----------
    name
        Name of the file, for messages.
    header
        Names of the columns as written, blanks around them removed; may repeat.
    rows
        Cells of each record, as many as there are columns, exactly as written.
    row_numbers
        Row of each record in a spreadsheet; the header is row 1 unless blank lines
        come before it, and blank lines count.
    encoding, delimiter
        How a text file was read; empty for a workbook, `delimiter` also for one column.
    sheet
        Sheet of a workbook, or layer, that was read.
    sha256
        Fingerprint of the bytes read.
    long_rows
        Row numbers of the records of a text file that have more cells than the header (or,
        blank ones counted, than most rows too), if they were to be kept: their cells may stand
        under the wrong name.
    points
        Longitude and latitude (WGS84) of each record of a layer, as text; both empty for a
        record without geometry, `NOT_A_POINT` for a line or an area. Empty if no record
        has a geometry.
    notes
        What was put right while reading, in French.
    """

    name: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    row_numbers: tuple[int, ...]
    encoding: str
    delimiter: str
    sheet: str
    sha256: str
    notes: tuple[str, ...]
    long_rows: tuple[int, ...] = ()
    points: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """Rows of a file, the header first, whatever its format."""

    rows: tuple[NumberedRow, ...]
    notes: tuple[str, ...]
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    points: tuple[tuple[str, str], ...] = ()


def read_table_file(
    path: Path,
    *,
    sheet: str | None = None,
    suits: Suits | None = None,
    long_rows: LongRows = "refused",
) -> TableFile:
    """
    Read a CSV (any usual French dialect), an XLSX file or a layer of points as text.

    Parameters
    ----------
    path
        A regular file on this computer, up to 50 MiB: .csv, .tsv, .txt, .xlsx, .xlsm, .gpkg,
        .geojson or .json.
    sheet
        Sheet or layer to read, None to choose: see `siting.sources.columns.chosen_title`.
    suits
        Tells a sheet that may be the table looked for, when several have rows; None to
        take the first of these.
    long_rows
        What becomes of the rows of a text file that have more cells than the header. When
        kept, the cells that are too many form columns named after their letter.

    Returns
    -------
    table
        At least one row.

    Raises
    ------
    DataError
        The file cannot be opened, is of another format, is empty or only a header, has
        several sheets to choose from, or has a row with more cells than the header that
        is not to be kept. The message is in French and says how to mend it.
    """
    content = _content(path)
    table = _table(content, path, sheet=sheet, suits=suits)
    (_, header), *records = table.rows
    if not records:
        raise DataError(
            f"{path.name} : le fichier n'a qu'une ligne d'en-tête, sans aucune ligne de données. "
            "Ajoutez une ligne par projet ou par lieu sous les noms des colonnes."
        )
    rows, long = _squared(records, width=len(header), name=path.name, long_rows=long_rows)
    header = (*header, *("",) * (len(rows[0]) - len(header)))
    names, rows, header_notes = _named_columns(header, rows)
    n_named = len(table.rows[0][1])
    short = [number for number, cells in records if len(cells) < n_named]
    wide = [number for number, cells in records if _filled_width(cells) > n_named]
    return TableFile(
        name=path.name,
        header=names,
        rows=rows,
        row_numbers=tuple(number for number, _ in records),
        encoding=table.encoding,
        delimiter=table.delimiter,
        sheet=table.sheet,
        sha256=hashlib.sha256(content).hexdigest(),
        notes=(*table.notes, *_width_notes(short, wide), *header_notes),
        long_rows=long,
        points=table.points,
    )


def row_list(row_numbers: Sequence[int]) -> str:
    """Write row numbers for a message: the first five, then how many more."""
    shown = ", ".join(str(number) for number in row_numbers[:_SHOWN_ROWS])
    more = len(row_numbers) - _SHOWN_ROWS
    word = "ligne" if len(row_numbers) == 1 else "lignes"
    return f"{word} {shown}" + (f" et {more} de plus" if more > 0 else "")


def _content(path: Path) -> bytes:
    if _REMOTE.match(str(path)):
        raise DataError(
            f"{path} : une adresse web ou un chemin virtuel ne peut pas être lu. "
            "Téléchargez le fichier sur votre ordinateur, puis donnez son chemin."
        )
    suffix = path.suffix.lower()
    if suffix in _SAVE_AS:
        raise DataError(f"{path.name} : le format {suffix} n'est pas lu. {_SAVE_AS[suffix]}")
    if suffix not in (*_TEXT_SUFFIXES, *_WORKBOOK_SUFFIXES, *LAYER_SUFFIXES):
        raise DataError(
            f"{path.name} : extension « {suffix} » inconnue ; sont lus .csv, .tsv, .txt, .xlsx, "
            f".gpkg et .geojson. {_SAVE_SPREADSHEET}"
        )
    try:
        if not path.is_file():
            raise DataError(f"{path} : ce fichier n'existe pas, ou n'est pas un fichier ordinaire.")
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(
                f"{path.name} : le fichier dépasse {_MAX_BYTES // 1024**2} Mio. "
                "Partagez-le en plusieurs fichiers."
            )
        if suffix == ".gpkg" and _is_being_edited(path):
            raise DataError(
                f"{path.name} : ce GeoPackage est ouvert dans un autre logiciel, et ses dernières "
                "modifications n'y sont pas encore écrites. Enregistrez-les et fermez QGIS, puis "
                "recommencez."
            )
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path.name} : le fichier ne peut pas être ouvert ({error.strerror}). Fermez-le dans "
            "votre tableur et vérifiez vos droits de lecture."
        ) from error


def _is_being_edited(path: Path) -> bool:
    """Tell if a GeoPackage has changes in the journal beside it (SQLite's write-ahead log)."""
    journal = path.with_name(f"{path.name}-wal")
    return journal.is_file() and journal.stat().st_size > 0


def _table(content: bytes, path: Path, *, sheet: str | None, suits: Suits | None) -> _Table:
    suffix, name = path.suffix.lower(), path.name
    choose = functools.partial(chosen_title, wanted=sheet, suits=suits, name=name)
    if suffix in _WORKBOOK_SUFFIXES:
        found = workbook_sheet(content, name=name, choose=functools.partial(choose, kind="feuille"))
        # In a workbook a cell stands in its column, so what is beyond the header is no shift.
        (number, header), *records = found.rows
        widest = max(len(cells) for _, cells in found.rows)
        header = (*header, *("",) * (widest - len(header)))
        return _Table(rows=((number, header), *records), notes=found.notes, sheet=found.name)
    if suffix in LAYER_SUFFIXES:
        layer = layer_rows(
            content, name=name, suffix=suffix, choose=functools.partial(choose, kind="couche")
        )
        return _Table(rows=layer.rows, notes=layer.notes, sheet=layer.name, points=layer.points)
    if sheet is not None:
        raise DataError(
            f"{name} : --sheet {sheet} : un fichier {suffix} n'a pas de feuilles. "
            "Retirez cette option, ou donnez le classeur ou le GeoPackage."
        )
    text = delimited_rows(content, name=name)
    return _Table(
        rows=text.rows, notes=text.notes, encoding=text.encoding, delimiter=text.delimiter
    )


def _squared(
    records: Sequence[NumberedRow], *, width: int, name: str, long_rows: LongRows
) -> tuple[tuple[tuple[str, ...], ...], tuple[int, ...]]:
    """
    Give all rows the same width, that of the header or of the longest row that is kept.

    Blank cells at the end of a row do not make it wider. Returns the rows, and the numbers
    of those that are long: with more cells than the header that hold something, or with more
    cells, be they blank, than the header and than most rows.
    """
    filled = {number: _filled_width(cells) for number, cells in records}
    usual, _ = Counter(len(cells) for _, cells in records).most_common(1)[0]
    wide = [number for number, n_cells in filled.items() if n_cells > width]
    if wide and long_rows == "refused":
        raise DataError(
            f"{name} : la ligne {wide[0]} a {filled[wide[0]]} cases, l'en-tête en a {width}. "
            "Mettez entre guillemets les cases qui contiennent le séparateur, ou nommez la "
            "colonne manquante."
        )
    long = tuple(
        number
        for number, cells in records
        if filled[number] > width or len(cells) > max(width, usual)
    )
    widest = max(width, *filled.values())
    if widest * len(records) > MAX_CELLS:
        raise DataError(
            f"{name} : la ligne {max(filled, key=filled.__getitem__)} a {widest} cases, bien plus "
            "que les autres. Vérifiez-la, ou partagez le fichier."
        )
    rows = tuple((*cells[:widest], *("",) * (widest - len(cells))) for _, cells in records)
    return rows, long


def _filled_width(cells: Sequence[str]) -> int:
    """Count the cells of a row up to the last that is not blank."""
    return next((at for at in range(len(cells), 0, -1) if cells[at - 1].strip()), 0)


def _width_notes(short: Sequence[int], wide: Sequence[int]) -> tuple[str, ...]:
    notes = []
    if short:
        notes.append(
            f"Moins de cases que l'en-tête ({row_list(short)}) : les cases manquantes sont lues "
            "vides."
        )
    if wide:
        notes.append(
            f"Plus de cases que l'en-tête ({row_list(wide)}) : les cases de trop sont gardées "
            "dans des colonnes à part. Mettez entre guillemets les cases qui contiennent le "
            "séparateur."
        )
    return tuple(notes)


def _named_columns(
    header: Sequence[str], rows: Sequence[tuple[str, ...]]
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """Name the columns without header after their letter; drop them if they hold nothing."""
    names = [name.replace("\N{ZERO WIDTH NO-BREAK SPACE}", "").strip() for name in header]
    kept = [at for at, name in enumerate(names) if name or any(row[at].strip() for row in rows)]
    unnamed = [f"Colonne {_letters(at)}" for at in kept if not names[at]]
    notes = (f"Colonnes sans en-tête, nommées {', '.join(unnamed)}.",) if unnamed else ()
    shown = tuple(names[at] or f"Colonne {_letters(at)}" for at in kept)
    return shown, tuple(tuple(row[at] for at in kept) for row in rows), notes


def _letters(position: int) -> str:
    """Name a column as a spreadsheet does: 0 is A, 26 is AA."""
    head, last = divmod(position, 26)
    return (_letters(head - 1) if head else "") + chr(ord("A") + last)
