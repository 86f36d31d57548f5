"""The rows of a register's file as text, field by field, and those that are no service."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from siting.crs import FloatArray
from siting.errors import DataError
from siting.names import plain_key
from siting.sources.cells import decimal_number, insee_code, plain_text, postcode
from siting.sources.columns import Outline, column_list
from siting.sources.finess import finess_file, with_codes_insee
from siting.sources.register_map import RegisterMap, chosen_map, shipped_maps
from siting.sources.table_file import TableFile, read_table_file
from siting.taxonomy import Taxonomy

_DAY = re.compile(r"(?<!\d)(20\d\d)[-_. ]?(0[1-9]|1[0-2])[-_. ]?(0[1-9]|[12]\d|3[01])(?!\d)")
_ISO_DAY = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?!\d)")
_FRENCH_DAY = re.compile(r"(0[1-9]|[12]\d|3[01])/(0[1-9]|1[0-2])/(\d{4})(?!\d)")
_BREAKS = re.compile(r"[\s;=]+")  # what would split a list of identifiers


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRows:
    """
    Rows of a file, as its mapping reads them.

    Parameters
    ----------
    layout
        The mapping, the user's own or one that is shipped.
    file
        The file.
    vintage
        Date that the file, or its name, gives itself; "" for none.
    rows
        One row for each row of the file: `row_number`, `id`, `name`, `address`, `code_postal`,
        `commune`, `departement`, `code_insee`, `category`, `status`, `precision`, `vintage`, and
        `left_out`, the reason why it is no service ("" for none).
    pairs
        Coordinates of each row, as numbers: the pairs to try, in turn.
    """

    layout: RegisterMap
    file: TableFile
    vintage: str
    rows: pd.DataFrame
    pairs: tuple[tuple[FloatArray, FloatArray], ...]


def read_register_rows(
    path: Path, *, taxonomy: Taxonomy, mappings: Sequence[RegisterMap]
) -> RegisterRows:
    """
    Read a file with the user's mapping that suits it, or the shipped one that recognises it.

    Raises
    ------
    DataError
        The file cannot be read; no mapping suits it.
    """
    maps = shipped_maps(taxonomy)
    file, vintage = _table(path, mappings, maps)
    layout = chosen_map(file.header, mappings, maps)
    if layout is None:
        raise _unrecognised(path, file.header, mappings, maps)
    cells = _Cells(file, layout)
    named = _DAY.search(path.stem)
    return RegisterRows(
        layout=layout,
        file=file,
        vintage=vintage or ("-".join(named.groups()) if named else ""),
        rows=_rows(cells, layout),
        pairs=tuple(cells.pairs()),
    )


def _table(
    path: Path, own: Sequence[RegisterMap], maps: Mapping[str, RegisterMap]
) -> tuple[TableFile, str]:
    """Read the file, whatever its form, and the date that it gives itself."""

    def suits(outline: Outline) -> bool:
        return chosen_map(outline.header, own, maps) is not None

    finess = finess_file(path) if path.is_file() else None
    if finess is not None:
        return finess.file, finess.vintage
    return with_codes_insee(read_table_file(path, suits=suits, long_rows="kept")), ""


def _unrecognised(
    path: Path,
    header: Sequence[str],
    own: Sequence[RegisterMap],
    maps: Mapping[str, RegisterMap],
) -> DataError:
    """Say what is missing for the nearest of the user's mappings, or that one is needed."""
    if own:
        nearest = min(own, key=lambda one: len(one.missing_columns(header)))
        return DataError(
            f"{path.name} : colonnes du fichier de correspondance {Path(nearest.file).name} "
            f"absentes du registre : {column_list(nearest.missing_columns(header))}. Colonnes du "
            f"registre : {column_list(header)}."
        )
    return DataError(
        f"{path.name} : ce registre n'est pas reconnu. Décrivez ses colonnes dans un petit "
        f"fichier TOML (--register-map). Colonnes : {column_list(header)}. Registres "
        f"reconnus : {', '.join(maps)}."
    )


class _Cells:
    """
    Cells of a file, by field of its mapping.

    Parameters
    ----------
    file, layout
        The file, and which of its columns is what; a column that is not there holds nothing.
    """

    def __init__(self, file: TableFile, layout: RegisterMap) -> None:
        self.file = file
        self._layout = layout
        self._position = {plain_key(name): at for at, name in reversed([*enumerate(file.header)])}

    def column(self, name: str) -> list[str]:
        """Return the texts of one column."""
        at = self._position.get(plain_key(name))
        if at is None:
            return [""] * len(self.file.rows)
        return [plain_text(row[at]) for row in self.file.rows]

    def first(self, field: str) -> list[str]:
        """Return, for each row, the first text of a field that is filled."""
        columns = [self.column(name) for name in self._layout.columns.get(field, ())]
        return [next(filter(None, texts), "") for texts in self._by_row(columns)]

    def joined(self, field: str) -> list[str]:
        """Return, for each row, the texts of a field in one line."""
        columns = [self.column(name) for name in self._layout.columns.get(field, ())]
        return [" ".join(filter(None, texts)) for texts in self._by_row(columns)]

    def pairs(self) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Yield the pairs of coordinates, that of the layer first when there is one."""
        if self.file.points:
            yield (
                _numbers(lon for lon, _ in self.file.points),
                _numbers(lat for _, lat in self.file.points),
            )
        columns = self._layout.columns
        for lon, lat in zip(columns.get("lon", ()), columns.get("lat", ()), strict=True):
            yield _numbers(self.column(lon)), _numbers(self.column(lat))

    def _by_row(self, columns: Sequence[Sequence[str]]) -> Iterable[Sequence[str]]:
        return zip(*columns, strict=True) if columns else [()] * len(self.file.rows)


def _rows(cells: _Cells, layout: RegisterMap) -> pd.DataFrame:
    file = cells.file
    rows = pd.DataFrame(
        {
            "row_number": file.row_numbers,
            "id": [_identifier(text, layout.id_width) for text in cells.first("id")],
            "name": cells.first("name"),
            "address": cells.joined("address"),
            "code_postal": [postcode(text) for text in cells.first("code_postal")],
            "commune": cells.first("commune"),
            "departement": cells.first("departement"),
            "code_insee": [insee_code(text) for text in cells.first("code_insee")],
            "category": _categories(cells, layout),
            "status": [
                layout.statuses.get(plain_key(text), layout.status)
                for text in cells.first("status")
            ],
            "precision": [_precision(text, layout) for text in cells.first("precision")],
            "vintage": [_day(text) for text in cells.first("vintage")],
        }
    )
    rows["left_out"] = ""
    for reason, is_out in _left_out(cells, rows, layout):
        rows["left_out"] = rows["left_out"].mask(is_out & (rows["left_out"] == ""), reason)
    return rows


def _categories(cells: _Cells, layout: RegisterMap) -> list[str]:
    if layout.category:
        return [layout.category] * len(cells.file.rows)
    return [layout.categories.get(plain_key(text), "") for text in cells.first("category")]


def _left_out(
    cells: _Cells, rows: pd.DataFrame, layout: RegisterMap
) -> Iterator[tuple[str | pd.Series, pd.Series]]:
    """Yield reasons to leave rows out, and the rows."""
    shifted = rows["row_number"].isin(cells.file.long_rows)
    yield "cases décalées : la ligne a plus de cases que l'en-tête", shifted
    for rule in layout.left_out:
        texts = pd.Series(cells.column(rule.column))
        yield rule.reason, texts.map(plain_key).isin(rule.values)
    code = pd.Series(cells.first("category"))
    yield "catégorie non renseignée", (rows["category"] == "") & (code == "")
    yield "catégorie « " + code + " » : hors des catégories de services", rows["category"] == ""


def _precision(text: str, layout: RegisterMap) -> str:
    """
    Tell what a position is worth from what the register says of it; "" when it says nothing.

    The text, or a part of it between two commas, begins with the words of the mapping.
    """
    parts = [f"{plain_key(part)} " for part in text.split(",")] if layout.precisions else []
    found = (
        position
        for words, position in layout.precisions.items()
        if any(part.startswith(f"{words} ") for part in parts)
    )
    return next(found, "")


def _identifier(text: str, width: int) -> str:
    """Return an identifier without what would split a list of them, its lost zeros put back."""
    code = _BREAKS.sub("-", text)
    return code.zfill(width) if code.isdigit() else code


def _day(text: str) -> str:
    """Read a day, ISO or French, as ISO; "" if it is not one."""
    if _ISO_DAY.match(text):
        return text[:10]
    found = _FRENCH_DAY.match(text)
    return "-".join(reversed(found.groups())) if found else ""


def _numbers(cells: Iterable[str]) -> FloatArray:
    return np.array([decimal_number(cell) for cell in cells], dtype=np.float64)
