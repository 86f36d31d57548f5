"""The planner's file of projects -> table PROJECTS, beside the planner's own columns."""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from siting.errors import DataError
from siting.sources.cells import has_lost_zero, insee_code, plain_text, postcode
from siting.sources.columns import unique_header
from siting.sources.coordinates import read_coordinates
from siting.sources.project_columns import (
    ProjectColumns,
    joined_address,
    may_hold_projects,
    project_columns,
    shifted_rows,
)
from siting.sources.table_file import TableFile, read_table_file, row_list
from siting.tables import PROJECTS, GeocodeReason

_FILE_NAME_MAX = 80
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_SAFE_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Projects:
    """
    Projects as the planner gives them.

    Parameters
    ----------
    rows
        Table `PROJECTS`: one row per row of the file, in its order, duplicates kept.
    own
        All the columns of the file as text, index `site_id`, empty cells missing.
    recognised
        Field of ours -> column(s) of the file it was read from.
    notes
        What was put right or left out, in French, to be shown to the planner.
    sha256, encoding, delimiter, sheet
        The file, as in `TableFile`.
    shifted
        Ids of the rows whose cells may stand under the wrong name (`shifted_rows`): they
        are whole in `own`; in `rows` they have neither address nor position, and the
        `coord_issue` of a position that cannot be read.
    """

    rows: pd.DataFrame
    own: pd.DataFrame
    recognised: Mapping[str, str]
    notes: tuple[str, ...]
    sha256: str
    encoding: str
    delimiter: str
    sheet: str
    shifted: tuple[str, ...] = ()


def read_projects(path: Path, *, columns: Mapping[str, str], sheet: str | None = None) -> Projects:
    """
    Read a file of projects, one row each, whatever is wrong in a row.

    Columns are recognised by their usual French names. Coordinates that are not degrees
    of a plausible place are not used and say why in `coord_issue`; codes that are not
    codes are left empty; a row whose cells may be shifted is not placed at all. All of it
    is said in the notes, with the rows.

    Parameters
    ----------
    path
        CSV or XLSX file, or layer of points, see `read_table_file`.
    columns
        Field -> name of its column, for headers that are not recognised; fields are
        those of `siting.sources.project_columns.FIELDS`.
    sheet
        Sheet of a workbook or layer of a GeoPackage; None for the only one that has rows,
        or the only one of these that tells where projects are.

    Raises
    ------
    DataError
        The file cannot be read, several sheets may be the one, a column named is not there,
        two columns could be the same field, no column tells where the projects are, or
        most rows are shifted.
    """
    file = read_table_file(
        path,
        sheet=sheet,
        suits=lambda outline: may_hold_projects(outline, columns),
        long_rows="kept",
    )
    return projects_of(file, columns=columns)


def projects_of(file: TableFile, *, columns: Mapping[str, str]) -> Projects:
    """
    Take projects from a file that was read as text; see `read_projects`.

    Raises
    ------
    DataError
        As `read_projects`, but for what reading a file may raise.
    """
    found = project_columns(file, columns)
    header, header_notes = unique_header(file.header)
    shifted = shifted_rows(file, found)
    if len(shifted) * 2 > len(file.rows):
        raise DataError(_most_are_shifted(file, shifted))
    site_ids, id_notes = _site_ids(_texts(file, found, "id"), file.row_numbers)
    rows, row_notes = _rows(file, found, site_ids=site_ids, shifted=shifted)
    own = pd.DataFrame(file.rows, columns=list(header), dtype="str")
    return Projects(
        rows=rows,
        own=own.mask(own == "").set_index(pd.Index(site_ids, name="site_id", dtype="str")),
        recognised=found.named(header),
        notes=(
            *(*file.notes, *header_notes, *found.notes, *id_notes),
            *(*_shifted_note(file, shifted), *row_notes),
        ),
        sha256=file.sha256,
        encoding=file.encoding,
        delimiter=file.delimiter,
        sheet=file.sheet,
        shifted=tuple(site_ids[at] for at in sorted(shifted)),
    )


def file_name(site_id: str) -> str:
    """
    Turn a `site_id` into a file name, without extension, that Windows and Linux accept.

    An id of ASCII letters, digits, `_`, `-` and `.` is its own name. Any other, one that is
    too long or that Windows reserves (`con`, `lpt1`), is simplified and followed by the start
    of its SHA-256, so two ids never share a name. Ids that differ by case alone are not made
    different here: `read_projects` never gives such ids.
    """
    is_plain = _SAFE_NAME.fullmatch(site_id) and not _RESERVED.fullmatch(site_id)
    if is_plain and len(site_id) <= _FILE_NAME_MAX:
        return site_id
    ascii_only = unicodedata.normalize("NFKD", site_id).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9_]+", "-", ascii_only).strip("-")[:_FILE_NAME_MAX]
    return f"{stem or 'site'}-{hashlib.sha256(site_id.encode()).hexdigest()[:10]}"


def _texts(file: TableFile, found: ProjectColumns, field: str) -> list[str]:
    at = found.positions.get(field)
    return [""] * len(file.rows) if at is None else [plain_text(row[at]) for row in file.rows]


def _rows(
    file: TableFile,
    found: ProjectColumns,
    *,
    site_ids: Sequence[str],
    shifted: AbstractSet[int],
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return table PROJECTS, with nothing that places a shifted row, and remarks."""

    def kept(cells: Sequence[str]) -> list[str]:
        return ["" if at in shifted else cell for at, cell in enumerate(cells)]

    def placing(field: str) -> list[str]:
        return kept(_texts(file, found, field))

    postcodes, postcode_notes = _codes(
        placing("code_postal"), postcode, file.row_numbers, "Code postal"
    )
    insee_codes, insee_notes = _codes(
        placing("code_insee"), insee_code, file.row_numbers, "Code INSEE"
    )
    lon, lat = zip(*file.points, strict=True) if file.points else (placing("lon"), placing("lat"))
    coordinates = read_coordinates(lon, lat)
    issues = [
        GeocodeReason.SHIFTED_ROW.value if at in shifted else str(issue)
        for at, issue in enumerate(coordinates.issue)
    ]
    frame = pd.DataFrame(
        {
            "site_id": site_ids,
            "row_number": file.row_numbers,
            "label": _texts(file, found, "nom"),
            "address": kept(joined_address(file, found.parts))
            if found.parts
            else placing("adresse"),
            "commune": placing("commune"),
            "code_postal": postcodes,
            "code_insee": insee_codes,
            "lon": coordinates.lon,
            "lat": coordinates.lat,
            "coord_issue": issues,
        }
    )
    unused = tuple(
        f"Coordonnées non utilisées ({_rows_named(file, rows)}) : {remark}."
        for remark, rows in coordinates.remarks
    )
    return PROJECTS.conform(frame), (*postcode_notes, *insee_notes, *unused)


def _rows_named(file: TableFile, positions: Iterable[int]) -> str:
    return row_list([file.row_numbers[at] for at in sorted(positions)])


def _shifted_note(file: TableFile, shifted: AbstractSet[int]) -> tuple[str, ...]:
    note = (
        f"Cases peut-être décalées ({_rows_named(file, shifted)}) : un séparateur "
        f"« {file.delimiter} » coupe sans doute une case. Ni l'adresse ni la position de ces "
        "lignes ne sont lues : corrigez-les et recommencez."
    )
    return (note,) if shifted else ()


def _most_are_shifted(file: TableFile, shifted: AbstractSet[int]) -> str:
    return (
        f"{file.name} : la plupart des lignes ont plus de cases que l'en-tête, et leurs cases "
        f"semblent décalées ({_rows_named(file, shifted)}). Donnez un nom à chaque colonne, la "
        "première comprise, ou mettez entre guillemets les cases qui contiennent le séparateur "
        f"« {file.delimiter} »."
    )


def _codes(
    cells: Sequence[str], read: Callable[[str], str], row_numbers: Sequence[int], kind: str
) -> tuple[list[str], tuple[str, ...]]:
    """Read a column of codes, and say which got their zero back and which are not codes."""
    codes = [read(cell) for cell in cells]
    found = list(zip(cells, codes, row_numbers, strict=True))
    mended = [number for cell, code, number in found if code and has_lost_zero(cell)]
    refused = [number for cell, code, number in found if cell and not code]
    notes = []
    if mended:
        notes.append(f"{kind} : le zéro perdu en tête est remis ({row_list(mended)}).")
    if refused:
        notes.append(f"{kind} illisible, laissé vide ({row_list(refused)}).")
    return codes, tuple(notes)


def _site_ids(given: Sequence[str], row_numbers: Sequence[int]) -> tuple[list[str], list[str]]:
    """Keep the ids that are filled and unique, case apart; name the others after their row."""
    counts = Counter(name.casefold() for name in given)
    kept = [name if counts[name.casefold()] == 1 else "" for name in given]
    taken = {name.casefold() for name in kept}
    ids = [name or _row_id(number, taken) for name, number in zip(kept, row_numbers, strict=True)]
    renamed = [number for name, number in zip(kept, row_numbers, strict=True) if not name]
    if not any(given) or not renamed:
        return ids, []
    return ids, [
        f"Identifiant vide ou en double : remplacé par le numéro de ligne ({row_list(renamed)})."
    ]


def _row_id(number: int, taken: AbstractSet[str]) -> str:
    row_id = f"ligne-{number:04d}"
    endings = itertools.chain([""], (f"-{again}" for again in itertools.count(2)))
    return next(row_id + ending for ending in endings if row_id + ending not in taken)
