"""The planner's file of projects -> table PROJECTS, beside the planner's own columns."""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from siting.crs import FloatArray, in_french_territory
from siting.sources.cells import decimal_number, has_lost_zero, insee_code, plain_text, postcode
from siting.sources.columns import unique_header
from siting.sources.project_columns import (
    LAT_MAX_DEG,
    LON_MAX_DEG,
    joined_address,
    project_columns,
)
from siting.sources.table_file import read_table_file, row_list
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
    """

    rows: pd.DataFrame
    own: pd.DataFrame
    recognised: Mapping[str, str]
    notes: tuple[str, ...]
    sha256: str
    encoding: str
    delimiter: str
    sheet: str


def read_projects(path: Path, *, columns: Mapping[str, str]) -> Projects:
    """
    Read a file of projects, one row each, whatever is wrong in a row.

    Columns are recognised by their usual French names. Coordinates that are not degrees
    of a plausible place are not used and say why in `coord_issue`; codes that are not
    codes are left empty, with a note.

    Parameters
    ----------
    path
        CSV or XLSX file, see `read_table_file`.
    columns
        Field -> name of its column, for headers that are not recognised; fields are
        those of `siting.sources.project_columns.FIELDS`.

    Raises
    ------
    DataError
        The file cannot be read, a column named is not there, two columns could be the
        same field, or no column tells where the projects are.
    """
    file = read_table_file(path)
    found = project_columns(file, columns)
    header, header_notes = unique_header(file.header)

    def texts(field: str) -> list[str]:
        at = found.positions.get(field)
        return [""] * len(file.rows) if at is None else [plain_text(row[at]) for row in file.rows]

    site_ids, id_notes = _site_ids(texts("id"), file.row_numbers)
    lon, lat, issue = _coordinates(texts("lon"), texts("lat"))
    codes = {
        "code_postal": _codes(texts("code_postal"), postcode, file.row_numbers, "Code postal"),
        "code_insee": _codes(texts("code_insee"), insee_code, file.row_numbers, "Code INSEE"),
    }
    frame = pd.DataFrame(
        {
            "site_id": site_ids,
            "row_number": file.row_numbers,
            "label": texts("nom"),
            "address": joined_address(file, found.parts) if found.parts else texts("adresse"),
            "commune": texts("commune"),
            "lon": lon,
            "lat": lat,
            "coord_issue": issue,
            **{name: values for name, (values, _) in codes.items()},
        }
    )
    own = pd.DataFrame(file.rows, columns=list(header), dtype="str")
    code_notes = [note for _, notes in codes.values() for note in notes]
    return Projects(
        rows=PROJECTS.conform(frame),
        own=own.mask(own == "").set_index(pd.Index(site_ids, name="site_id", dtype="str")),
        recognised=found.named(header),
        notes=(*file.notes, *header_notes, *found.notes, *id_notes, *code_notes),
        sha256=file.sha256,
        encoding=file.encoding,
        delimiter=file.delimiter,
        sheet=file.sheet,
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


def _coordinates(
    lon_cells: Sequence[str], lat_cells: Sequence[str]
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.str_]]:
    """Read longitudes and latitudes; where they are not used, NaN and the reason."""
    lon = np.array([decimal_number(cell) for cell in lon_cells])
    lat = np.array([decimal_number(cell) for cell in lat_cells])
    is_given = np.array([bool(x or y) for x, y in zip(lon_cells, lat_cells, strict=True)])
    is_read = np.isfinite(lon) & np.isfinite(lat)
    is_suspect = is_read & (
        ((lon == 0) & (lat == 0))
        | (np.abs(lon) > LON_MAX_DEG)
        | (np.abs(lat) > LAT_MAX_DEG)
        | (~in_french_territory(lon, lat) & in_french_territory(lat, lon))
    )
    is_used = is_read & ~is_suspect
    issue = np.where(is_given & ~is_read, GeocodeReason.COORD_UNREADABLE.value, "")
    issue = np.where(is_suspect, GeocodeReason.COORD_SUSPECT.value, issue)
    return np.where(is_used, lon, np.nan), np.where(is_used, lat, np.nan), issue


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
