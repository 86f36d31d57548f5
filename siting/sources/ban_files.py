"""Files of the Base Adresse Nationale, as published for a département -> rows, one by one.

Three forms are read, compressed with gzip or not: the addresses as CSV (adresses-XX.csv), the
lieux-dits as CSV (lieux-dits-XX-beta.csv), and the documents of addok (adresses-addok-XX.ndjson,
once called sjson). Columns are those of the CSV export of BAN from 2019 to 2026; columns that
came later (identifiers of BAN, parcels) are not needed and not read. A bad row is left out and
counted; a file that is something else is refused.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from siting.errors import DataError

_GZIP = b"\x1f\x8b"
_LONGEST_LINE = 16 * 1024**2  # a street of 100,000 numbers, as a document
# BAN files are 7 to 10 times smaller when compressed; nothing honest is 60 times.
_MOST_EXPANSION = 60
_ALWAYS_ALLOWED = 64 * 1024**2
_DELIMITERS = (";", ",", "\t")
_NOT_A_NUMBER = 99_999  # what the BAL format writes for a lieu-dit without numbers
_SHOWN_REASONS = 3

_CITYCODE = re.compile(r"\d{5}|\d[AB]\d{3}")
_POSTCODE = re.compile(r"\d{5}")
_NUMBER = re.compile(r"[0-9]{1,5}")
_STREET_OF_ID = re.compile(r"([0-9AB]{5}_[0-9A-Za-z]{4,})(?:_|$)")

_PLACE = ("id", "code_insee", "nom_commune", "lon", "lat")
_OPTIONAL = ("rep", "code_postal", "code_insee_ancienne_commune", "nom_ancienne_commune", "nom_ld")
_WHICH = (
    "Donnez un fichier de la Base Adresse Nationale pour un département : adresses-XX.csv.gz, "
    "lieux-dits-XX-beta.csv.gz ou adresses-addok-XX.ndjson.gz."
)
_AGAIN = "Le fichier est coupé ou abîmé : téléchargez-le de nouveau."


class FileKind(StrEnum):
    """What a BAN file holds."""

    ADDRESSES = "adresses"
    LOCALITIES = "lieux-dits"
    DOCUMENTS = "documents addok"


class LeftOut(StrEnum):
    """Why a row is not loaded, in French."""

    CELLS = "nombre de cases différent de l'en-tête"
    TEXT = "caractères illisibles"
    COMMUNE = "commune absente ou mal écrite"
    POSITION = "position absente ou impossible"
    NAME = "voie ou lieu-dit sans nom"
    NUMBER = "numéro mal écrit"
    JSON = "ligne qui n'est pas un document JSON"
    KIND = "document d'un type inconnu"
    TWICE = "déjà lu (même identifiant)"
    SAME_NUMBER = "numéro déjà lu dans la voie"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A lieu-dit, or what an address says of its street: names, codes, position in degrees."""

    id: str
    name: str
    citycode: str
    city: str
    lon: float
    lat: float
    postcode: str = ""
    oldcitycode: str = ""
    oldcity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """An address: the place it is, its number with suffix (`62bis`), its street and lieu-dit."""

    place: Place
    number: str
    street: str
    locality: str


Row = Numbered | Place | Mapping[str, object]


@dataclass(slots=True, kw_only=True)
class BanFile:
    """
    One file: what it is, and once its rows were read, how many were and why some were not.

    `modified_on` is the date of the file on this computer (ISO), the nearest there is to the
    date of its content.
    """

    path: Path
    kind: FileKind
    sha256: str
    modified_on: str
    header: tuple[str, ...] = ()
    delimiter: str = ""
    n_rows: int = 0
    left_out: Counter[LeftOut] = field(default_factory=Counter)

    def rows(self) -> Iterator[Row]:
        """
        Yield the rows: `Numbered`, `Place` (a lieu-dit) or the document as it is written.

        Memory holds one row at a time. Documents are checked by who takes them.

        Raises
        ------
        DataError
            The file is cut or damaged, or grows too much when it is decompressed.
        """
        self.n_rows, self.left_out = 0, Counter()
        lines = _lines(self.path)
        if self.kind is not FileKind.DOCUMENTS:
            next(lines)
        for line in lines:
            if not line.strip():
                continue
            self.n_rows += 1
            row = self._row(line)
            if isinstance(row, LeftOut):
                self.left_out[row] += 1
            else:
                yield row

    def reasons(self) -> str:
        """Say in French the commonest reasons why rows were left out; empty if none was."""
        common = self.left_out.most_common(_SHOWN_REASONS)
        return " ; ".join(f"{reason} ({count})" for reason, count in common)

    def _row(self, line: str) -> Row | LeftOut:
        if "\N{REPLACEMENT CHARACTER}" in line:
            return LeftOut.TEXT
        if self.kind is FileKind.DOCUMENTS:
            return _json_row(line)
        cells = _cells(line, self.delimiter)
        if len(cells) != len(self.header):
            return LeftOut.CELLS
        row = dict(zip(self.header, cells, strict=True))
        if self.kind is FileKind.LOCALITIES:
            return _place(row, name=row["nom_lieu_dit"])
        return _numbered(row)


def open_ban_file(path: Path) -> BanFile:
    """
    Recognise a BAN file by its first line, whatever its name.

    Raises
    ------
    DataError
        No such file, an empty one, another format, or columns that are missing.
    """
    if not path.is_file():
        raise DataError(f"{path} : ce fichier n'existe pas, ou n'est pas un fichier ordinaire.")
    first = next(_lines(path), "").removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    if not first.strip():
        raise DataError(f"{path.name} : le fichier est vide. {_WHICH}")
    header: tuple[str, ...] = ()
    delimiter = ""
    if first.lstrip().startswith("{"):
        kind = FileKind.DOCUMENTS
    else:
        kind, delimiter, header = _table_kind(first, name=path.name)
    with _readable(path), path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return BanFile(
        path=path,
        kind=kind,
        sha256=sha256,
        modified_on=modified.date().isoformat(),
        header=header,
        delimiter=delimiter,
    )


def _table_kind(first: str, *, name: str) -> tuple[FileKind, str, tuple[str, ...]]:
    if "\x00" in first or first.startswith(("PK", "<")):
        raise DataError(
            f"{name} : ce n'est pas un texte CSV (archive, classeur ou page web). {_WHICH}"
        )
    missing: Sequence[str] = ()
    for delimiter in _DELIMITERS:
        header = tuple(cell.strip() for cell in _cells(first, delimiter))
        if "nom_lieu_dit" in header:
            kind, own = FileKind.LOCALITIES, ["nom_lieu_dit"]
        else:
            kind, own = FileKind.ADDRESSES, ["numero", "nom_voie"]
        absent = [column for column in (*_PLACE, *own) if column not in header]
        if not absent:
            return kind, delimiter, header
        if not missing or len(absent) < len(missing):
            missing = absent
    raise DataError(
        f"{name} : ce n'est pas un export CSV de la Base Adresse Nationale ; colonnes absentes : "
        f"{', '.join(missing)}. {_WHICH}"
    )


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file, decompressed and decoded, within the limits of this module."""
    with _readable(path), path.open("rb") as raw:
        is_compressed = raw.read(2) == _GZIP
        raw.seek(0)
        stream: BinaryIO = gzip.GzipFile(fileobj=raw) if is_compressed else raw  # type: ignore[assignment]
        allowed = max(_ALWAYS_ALLOWED, path.stat().st_size * _MOST_EXPANSION)
        while line := stream.readline(_LONGEST_LINE):
            allowed -= len(line)
            if len(line) == _LONGEST_LINE or allowed < 0:
                raise DataError(
                    f"{path.name} : une ligne, ou le fichier décompressé, est bien plus long que "
                    f"dans un fichier de la Base Adresse Nationale. {_WHICH}"
                )
            yield line.decode("utf-8", "replace")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path.name} : {_AGAIN}") from error
    except OSError as error:
        raise DataError(
            f"{path.name} : le fichier ne peut pas être lu ({error.strerror or error})."
        ) from error


def _cells(line: str, delimiter: str) -> list[str]:
    """Split one line; a quotation mark that is not closed spoils its own line only."""
    try:
        return next(csv.reader((line.rstrip("\r\n"),), delimiter=delimiter), [])
    except csv.Error:
        return []


def _json_row(line: str) -> Mapping[str, object] | LeftOut:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return LeftOut.JSON
    return row if isinstance(row, dict) else LeftOut.JSON


def _numbered(row: Mapping[str, str]) -> Row | LeftOut:
    place = _place(row, name=row["nom_voie"])
    if isinstance(place, LeftOut):
        return place
    text = row["numero"].strip()
    if not _NUMBER.fullmatch(text):
        return LeftOut.NUMBER
    if int(text) == _NOT_A_NUMBER:
        return place
    suffix = _optional(row, "rep").casefold().replace(" ", "")
    found = _STREET_OF_ID.match(place.id)
    return Numbered(
        place=place,
        number=f"{int(text)}{suffix}",
        street=found[1] if found else f"{place.citycode}_{place.name.casefold()}",
        locality=_optional(row, "nom_ld"),
    )


def _place(row: Mapping[str, str], *, name: str) -> Place | LeftOut:
    citycode, city = row["code_insee"].strip(), row["nom_commune"].strip()
    if not _CITYCODE.fullmatch(citycode) or not city:
        return LeftOut.COMMUNE
    if not name.strip():
        return LeftOut.NAME
    position = lon_lat(row["lon"], row["lat"])
    if position is None:
        return LeftOut.POSITION
    postcode, oldcitycode, oldcity = (_optional(row, column) for column in _OPTIONAL[1:4])
    is_former = bool(_CITYCODE.fullmatch(oldcitycode)) and oldcitycode != citycode
    return Place(
        id=row["id"].strip(),
        name=name.strip(),
        citycode=citycode,
        city=city,
        lon=position[0],
        lat=position[1],
        postcode=postcode if _POSTCODE.fullmatch(postcode) else "",
        oldcitycode=oldcitycode if is_former else "",
        oldcity=oldcity if is_former else "",
    )


def _optional(row: Mapping[str, str], column: str) -> str:
    """Read a cell that may be empty; R writes NA there when it rewrites a file."""
    text = row.get(column, "").strip()
    return "" if text == "NA" else text


def lon_lat(lon: object, lat: object) -> tuple[float, float] | None:
    """Return a position in degrees, or None for what is no place: text, infinite, 0 and 0."""
    try:
        x, y = float(lon), float(lat)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    is_place = math.isfinite(x) and math.isfinite(y) and abs(x) <= 180 and abs(y) <= 90  # noqa: PLR2004
    return (x, y) if is_place and (x, y) != (0.0, 0.0) else None
