"""A table that a person made in a spreadsheet (CSV or XLSX) -> header and rows of text.

Everything is text: `01004`, `2A004`, `NA` and `null` stay what was typed. A bad file is
refused with what to do about it; a short row is completed; nothing is dropped in silence.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from siting.errors import DataError
from siting.sources.delimited import NumberedRow, delimited_rows
from siting.sources.workbook import workbook_sheet

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
    "Dans QGIS : clic droit sur la couche > Exporter > Sauvegarder les entités sous, format CSV, "
    "SCR EPSG:4326, géométrie AS_XY."
)
_SAVE_AS = {
    ".xls": _SAVE_SPREADSHEET,
    ".xlsb": _SAVE_SPREADSHEET,
    ".ods": _SAVE_SPREADSHEET,
    ".numbers": _SAVE_SPREADSHEET,
    ".gpkg": _SAVE_LAYER,
    ".geojson": _SAVE_LAYER,
    ".json": _SAVE_LAYER,
    ".shp": _SAVE_LAYER,
    ".kml": _SAVE_LAYER,
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
        Sheet of a workbook that was read.
    sha256
        Fingerprint of the bytes read.
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


def read_table_file(path: Path) -> TableFile:
    """
    Read a CSV (any usual French dialect) or XLSX file as text.

    Parameters
    ----------
    path
        A regular file on this computer, .csv, .tsv, .txt, .xlsx or .xlsm, up to 50 MiB.

    Returns
    -------
    table
        At least one column and one row.

    Raises
    ------
    DataError
        The file cannot be opened, is of another format, is empty or only a header, or a
        row has more cells than the header. The message is in French and says how to mend it.
    """
    content = _content(path)
    if path.suffix.lower() in _WORKBOOK_SUFFIXES:
        sheet = workbook_sheet(content, name=path.name)
        (_, header), *records = sheet.rows
        widest = max(len(cells) for _, cells in sheet.rows)
        header = (*header, *("",) * (widest - len(header)))
        notes, encoding, delimiter, title = sheet.notes, "", "", sheet.name
    else:
        text = delimited_rows(content, name=path.name)
        (_, header), *records = text.rows
        notes, encoding, delimiter, title = text.notes, text.encoding, text.delimiter, ""
    if not records:
        raise DataError(
            f"{path.name} : le fichier n'a qu'une ligne d'en-tête, sans aucune ligne de données. "
            "Ajoutez une ligne par projet ou par lieu sous les noms des colonnes."
        )
    rows, short_note = _padded(records, width=len(header), name=path.name)
    names, rows, header_notes = _named_columns(header, rows)
    return TableFile(
        name=path.name,
        header=names,
        rows=rows,
        row_numbers=tuple(number for number, _ in records),
        encoding=encoding,
        delimiter=delimiter,
        sheet=title,
        sha256=hashlib.sha256(content).hexdigest(),
        notes=(*notes, *short_note, *header_notes),
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
    if suffix not in (*_TEXT_SUFFIXES, *_WORKBOOK_SUFFIXES):
        raise DataError(
            f"{path.name} : extension « {suffix} » inconnue ; sont lus .csv, .tsv, .txt et .xlsx. "
            f"{_SAVE_SPREADSHEET}"
        )
    try:
        if not path.is_file():
            raise DataError(f"{path} : ce fichier n'existe pas, ou n'est pas un fichier ordinaire.")
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(
                f"{path.name} : le fichier dépasse {_MAX_BYTES // 1024**2} Mio. "
                "Partagez-le en plusieurs fichiers."
            )
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path.name} : le fichier ne peut pas être ouvert ({error.strerror}). Fermez-le dans "
            "votre tableur et vérifiez vos droits de lecture."
        ) from error


def _padded(
    records: Sequence[NumberedRow], *, width: int, name: str
) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """Give every row the width of the header; a longer one is refused unless its end is empty."""
    rows, short = [], []
    for number, cells in records:
        if any(cells[width:]):
            raise DataError(
                f"{name} : la ligne {number} a {len(cells)} cases, l'en-tête en a {width}. "
                "Mettez entre guillemets les cases qui contiennent le séparateur, ou nommez la "
                "colonne manquante."
            )
        if len(cells) < width:
            short.append(number)
        rows.append((*cells[:width], *("",) * (width - len(cells))))
    return tuple(rows), _short_note(short)


def _short_note(short: Sequence[int]) -> tuple[str, ...]:
    if not short:
        return ()
    return (
        f"Moins de cases que l'en-tête ({row_list(short)}) : les cases manquantes sont lues vides.",
    )


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
