"""The two forms of FINESS that are no table: lines of two kinds, and the JSON of FINESS+.

Both become a header and rows of text, which `siting.sources.register_file` reads like any
other register. Nothing is put right here: what coordinates are worth is told by the commune of
each row (`siting.register_places`).
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from siting.errors import DataError
from siting.sources.table_file import TableFile

_FIRST_LINE = re.compile(rb"\s*(?:\xef\xbb\xbf)?finess;(?:etalab|finess-plus);")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MAX_LINES_BYTES = 200 * 1024**2  # the whole of France is 40 MB

# Names of the fields of the two kinds of lines, in their order (guide of cs1100507).
_ESTABLISHMENT = (
    *("nofinesset", "nofinessej", "rs", "rslongue", "complrs", "compldistrib", "numvoie"),
    *("typvoie", "voie", "compvoie", "lieuditbp", "commune", "departement", "libdepartement"),
    *("ligneacheminement", "telephone", "telecopie", "categetab"),
)
_PLACE = ("coordxet", "coordyet", "sourcecoordet")
# FINESS writes the overseas départements with a letter: the commune has the rest of the code.
_OVERSEAS = {**dict.fromkeys(("9A", "9B", "9C", "9D", "9E", "9F"), "97"), "9J": "98"}

_GZIP = b"\x1f\x8b"
_HEAD_BYTES = 4096
_FEED = re.compile(r'"(?:pmej|gcc|gco|schemaVersion)"\s*:')
_FEED_START = re.compile(r'"pmej"\s*:\s*\[')
_GENERATED = re.compile(r'"generatedAt"\s*:\s*"(\d{4}-\d{2}-\d{2})')
_SEPARATORS = re.compile(r"[\s,]*")
_CHUNK_CHARS = 1024**2
_MAX_FEED_CHARS = 3 * 1024**3  # the whole of France is 715 MB once expanded
_LONGEST_CHARS = 64 * 1024**2  # of one legal person, with all its establishments
_IN_USE = "03"  # address of the place where the establishment works (TRE_R377)
# Number of parts of a key of the Base Adresse Nationale: commune, street, number.
_PRECISIONS = {1: "commune", 2: "voie", 3: "numero"}
_FEED_HEADER = (
    *("numFinessEge", "nomEgeLong", "nomEgeCourt", "categorieentiteGeographiqueExercice"),
    *("etat", "ligneQuatre", "codePostal", "ligneAcheminement", "cogCommune"),
    *("coordonneeX", "coordonneeY", "directionLongitude", "directionLatitude", "precision"),
)
_Json = Any  # what a feed holds: nothing is sure of it


@dataclass(frozen=True, slots=True)
class FinessFile:
    """FINESS laid out as a table, and the date it gives itself (ISO; "" for none)."""

    file: TableFile
    vintage: str


def finess_file(path: Path) -> FinessFile | None:
    """
    Read a file of FINESS that is no table; None if it is not one.

    Parameters
    ----------
    path
        An ordinary file.

    Raises
    ------
    DataError
        It is such a file, but cannot be read whole.
    """
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if _FIRST_LINE.match(head):
        return read_finess_lines(path)
    if path.name.lower().endswith((".json", ".json.gz")) and _is_feed(path):
        return read_finess_feed(path)
    return None


def read_finess_lines(path: Path) -> FinessFile:
    """
    Read the former extraction: lines `structureet`, then lines `geolocalisation`.

    An establishment without a line of the second kind has no coordinates. Text is UTF-8, else
    ISO 8859-15; columns of no use here are left out; `code_insee` is made of département
    and commune.

    Raises
    ------
    DataError
        The file is too large, or has no establishment.
    """
    if path.stat().st_size > _MAX_LINES_BYTES:
        raise DataError(
            f"{path.name} : le fichier dépasse {_MAX_LINES_BYTES // 1024**2} Mio, ce n'est pas une "
            "extraction de FINESS."
        )
    content = path.read_bytes()
    establishments = dict[str, tuple[int, tuple[str, ...]]]()
    places = dict[str, tuple[str, ...]]()
    vintage = ""
    n_twice = 0
    for number, cells in enumerate(_split_lines(_decoded(content)), start=1):
        kind, key, rest = cells[0], (cells[1] if len(cells) > 1 else ""), cells[2:]
        if kind == "structureet":
            n_twice += key in establishments
            establishments.setdefault(key, (number, _fitted((key, *rest), _ESTABLISHMENT)))
        elif kind == "geolocalisation":
            places.setdefault(key, _fitted(rest, _PLACE))
        elif kind == "finess":
            vintage = next(filter(_DAY.fullmatch, cells), "")
    if not establishments:
        raise DataError(f"{path.name} : aucune ligne « structureet » : ce n'est pas FINESS.")
    nowhere = ("",) * len(_PLACE)
    file = TableFile(
        name=path.name,
        header=(*_ESTABLISHMENT, *_PLACE),
        rows=tuple((*row, *places.get(key, nowhere)) for key, (_, row) in establishments.items()),
        row_numbers=tuple(number for number, _ in establishments.values()),
        encoding="",
        delimiter=";",
        sheet="",
        sha256=hashlib.sha256(content).hexdigest(),
        notes=tuple(_line_notes(n_twice, len(places.keys() - establishments.keys()))),
    )
    return FinessFile(with_codes_insee(file), vintage)


def with_codes_insee(file: TableFile) -> TableFile:
    """
    Add the column `code_insee` to a FINESS table that has a département and a commune instead.

    Overseas, 9A and 101 are 97101. A table of anything else, or that has the column, is
    returned as it is.
    """
    columns = {name: at for at, name in enumerate(file.header)}
    if not {"nofinesset", "departement", "commune"} <= columns.keys() or "code_insee" in columns:
        return file
    cells = ((row[columns["departement"]], row[columns["commune"]]) for row in file.rows)
    codes = [f"{_OVERSEAS.get(dep, dep)}{commune.zfill(3)}" for dep, commune in cells]
    return replace(
        file,
        header=(*file.header, "code_insee"),
        rows=tuple((*row, code) for row, code in zip(file.rows, codes, strict=True)),
    )


def read_finess_feed(path: Path) -> FinessFile:
    """
    Read FINESS+ (`finess-structures-*.json`, be it compressed): one row for each establishment.

    The file is gone through, never held whole. The address is the one where the establishment
    works (`usageAdresse` 03), else the first. Both pairs of coordinates are kept as they
    are. A closed establishment is kept, with `etat` « ferme » or « I ».

    Raises
    ------
    DataError
        The file is damaged, too large once expanded, or has no establishment.
    """
    rows = list[tuple[str, ...]]()
    feed = _Feed(path)
    try:
        for person in feed.persons():
            establishments = person.get("ege") if isinstance(person, dict) else None
            rows += [_feed_row(one) for one in _dicts(establishments)]
    except DataError:
        raise
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        raise DataError(
            f"{path.name} : le flux FINESS+ est abîmé ou incomplet (téléchargement interrompu ?). "
            "Téléchargez-le de nouveau."
        ) from error
    if not rows:
        raise DataError(f"{path.name} : aucun établissement dans ce flux FINESS+.")
    file = TableFile(
        name=path.name,
        header=_FEED_HEADER,
        rows=tuple(rows),
        row_numbers=tuple(range(1, len(rows) + 1)),
        encoding="utf-8",
        delimiter="",
        sheet="",
        sha256=_sha256(path),
        notes=(),
    )
    return FinessFile(file, feed.vintage)


class _Feed:
    """A feed that is read from its start to its end, once; `vintage` is known on the way."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.vintage = ""

    def persons(self) -> Iterator[_Json]:
        """Yield the legal persons, one at a time."""
        decoder = json.JSONDecoder()
        with _opened(self._path) as stream:
            text, at = self._from_start(stream), 0
            n_read = len(text)
            while True:
                blank = _SEPARATORS.match(text, at)
                at = blank.end() if blank else at
                if text.startswith("]", at):
                    return
                try:
                    person, at = decoder.raw_decode(text, at)
                except json.JSONDecodeError:
                    more = stream.read(_CHUNK_CHARS)
                    text, at, n_read = text[at:] + more, 0, n_read + len(more)
                    if not more or len(text) > _LONGEST_CHARS or n_read > _MAX_FEED_CHARS:
                        raise
                else:
                    yield person

    def _from_start(self, stream: TextIOWrapper) -> str:
        """Read up to the first legal person, and the date of the feed."""
        text = ""
        for chunk in iter(lambda: stream.read(_CHUNK_CHARS), ""):
            text += chunk
            dated = _GENERATED.search(text)
            self.vintage = self.vintage or (dated[1] if dated else "")
            found = _FEED_START.search(text)
            if found:
                return text[found.end() :]
            text = text[-_HEAD_BYTES:]
        raise DataError(f"{self._path.name} : ce flux FINESS+ n'a pas de liste « pmej ».")


def _opened(path: Path) -> TextIOWrapper:
    with path.open("rb") as stream:
        is_compressed = stream.read(len(_GZIP)) == _GZIP
    if is_compressed:
        return TextIOWrapper(gzip.open(path), encoding="utf-8-sig")
    return path.open(encoding="utf-8-sig")


def _is_feed(path: Path) -> bool:
    try:
        with _opened(path) as stream:
            return _FEED.search(stream.read(_HEAD_BYTES)) is not None
    except (OSError, EOFError, zlib.error, UnicodeDecodeError):
        return False


def _feed_row(establishment: Mapping[str, _Json]) -> tuple[str, ...]:
    """Return the cells of one establishment, in the order of `_FEED_HEADER`."""
    about = next(_dicts([establishment.get("informationsGeneralesEGE")]), {})
    addresses = list(_dicts(establishment.get("adresse")))
    at_work = [one for one in addresses if one.get("usageAdresse") == _IN_USE]
    address = (at_work or addresses or [{}])[0]
    place = next(_dicts([address.get("coordonneesGeographique")]), {})
    key = _text(place.get("cleInInteropBAN"))
    known = {
        **{name: _text(about.get(name)) for name in _FEED_HEADER[:3]},
        **{name: _text(address.get(name)) for name in _FEED_HEADER[5:9]},
        **{name: _text(place.get(name)) for name in _FEED_HEADER[9:13]},
        "categorieentiteGeographiqueExercice": _text(
            establishment.get("categorieentiteGeographiqueExercice")
        ),
        "etat": "ferme" if about.get("dateFermeture") else _text(establishment.get("etatObjet")),
        "precision": _PRECISIONS.get(key.count("_") + 1, "") if key else "",
    }
    return tuple(known[name] for name in _FEED_HEADER)


def _dicts(value: _Json) -> Iterator[Mapping[str, _Json]]:
    """Yield the objects of a list; nothing of what is no list."""
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())


def _text(value: _Json) -> str:
    """Return a text or a number as text; a list of one is what it holds."""
    if isinstance(value, list):
        return _text(value[0]) if len(value) == 1 else ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("iso-8859-15")


def _split_lines(text: str) -> Iterator[Sequence[str]]:
    """Split each line; a quotation mark left open spoils its own line only."""
    for line in text.split("\n"):  # and not at the NEL of a badly encoded text
        cells = next(csv.reader([line], delimiter=";"), [""]) if '"' in line else line.split(";")
        yield [cell.strip() for cell in cells]


def _fitted(cells: Iterable[str], names: Sequence[str]) -> tuple[str, ...]:
    """Cut a line, or complete it, to the fields that have names."""
    kept = tuple(cells)[: len(names)]
    return (*kept, *("",) * (len(names) - len(kept)))


def _line_notes(n_twice: int, n_lost: int) -> Iterator[str]:
    if n_twice:
        yield f"Établissements présents plusieurs fois : {n_twice}, lus une fois."
    if n_lost:
        yield f"Positions d'établissements absents du fichier : {n_lost}, non lues."


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
