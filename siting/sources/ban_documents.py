"""Rows of BAN files -> documents of addok: streets with their numbers, lieux-dits, communes.

Documents have the form of those that the national geocoder is made of (ban-plateforme,
`lib/distribute/writers/addok`): the code and name of a former commune stand beside those of
today's, an arrondissement of Paris, Lyon or Marseille beside the commune it is in. Rows are
sorted in a file on the disk: what is in memory is one street.
"""

from __future__ import annotations

import math
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from siting.names import plain_key
from siting.sources.addok_documents import Document, checked_document, filled, folded_number
from siting.sources.ban_files import BanFile, LeftOut, Numbered, Place, Row

_OVERSEAS = ("97", "98")

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE addresses (
    street TEXT, folded TEXT, number TEXT, id TEXT, lon REAL, lat REAL, postcode TEXT,
    locality TEXT, PRIMARY KEY (street, folded)
) WITHOUT ROWID;
CREATE TABLE places (
    id TEXT PRIMARY KEY, is_street INTEGER, key TEXT, name TEXT, citycode TEXT, city TEXT,
    lon REAL, lat REAL, postcode TEXT, oldcitycode TEXT, oldcity TEXT
) WITHOUT ROWID;
CREATE INDEX places_key ON places (citycode, key);
"""
_ADD_PLACE = "INSERT OR IGNORE INTO places VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_ADDRESS = "INSERT OR IGNORE INTO addresses VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_ID_OF_NUMBER = "SELECT id FROM addresses WHERE street = ? AND folded = ?"
_PLACE = ("id", "name", "citycode", "city", "lon", "lat", "postcode", "oldcitycode", "oldcity")
_PLACE_COLUMNS = ", ".join(f"p.{name}" for name in _PLACE)
_STREETS = f"""
SELECT {_PLACE_COLUMNS}, a.number, a.id, a.lon, a.lat, a.postcode
FROM addresses a JOIN places p ON p.id = a.street ORDER BY a.street
"""  # noqa: S608 - columns of ours, as below
_LOCALITIES = f"SELECT {_PLACE_COLUMNS} FROM places p WHERE NOT is_street ORDER BY p.id"  # noqa: S608
_NAMED_LOCALITIES = f"""
SELECT p.citycode, a.locality, {_PLACE_COLUMNS}, a.lon, a.lat
FROM addresses a JOIN places p ON p.id = a.street WHERE a.locality != ''
ORDER BY p.citycode, a.locality, a.street, a.folded
"""  # noqa: S608
_POSITIONS = """
SELECT p.citycode, p.city, a.postcode, a.lon, a.lat
FROM addresses a JOIN places p ON p.id = a.street
UNION ALL SELECT citycode, city, postcode, lon, lat FROM places WHERE NOT is_street
"""
_COMMUNES = f"""
SELECT citycode, MIN(city), postcode, COUNT(*), SUM(lon), SUM(lat) FROM ({_POSITIONS})
GROUP BY citycode, postcode ORDER BY citycode, COUNT(*) DESC, postcode
"""  # noqa: S608
_DOUBLE_KEYS = """
SELECT citycode, key FROM places WHERE is_street GROUP BY citycode, key HAVING COUNT(*) > 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommuneFacts:
    """
    What BAN files do not say of communes.

    `populations` by INSEE code, `departements` names by code, `wholes` the commune that each
    municipal arrondissement is in, `names` of those communes.
    """

    populations: Mapping[str, int]
    departements: Mapping[str, str]
    wholes: Mapping[str, str]
    names: Mapping[str, str]

    def context(self, citycode: str) -> str:
        """Return the code and name of the département, as labels of BAN show them."""
        code = citycode[: 3 if citycode.startswith(_OVERSEAS) else 2]
        return ", ".join(filter(None, (code, self.departements.get(code, ""))))

    def population(self, citycode: str) -> int:
        """Return the inhabitants of a commune (of an arrondissement: of its commune), or 0."""
        return self.populations.get(self.wholes.get(citycode, citycode), 0)


def importance(population: int, *, n_numbers: int) -> float:
    """
    Return the weight of a place among its namesakes, from 0 to about 1.

    References
    ----------
    ban-plateforme, `lib/distribute/writers/addok`: (ln(1 + population / 3) + ln(1 + numbers)) / 20.
    """
    return round((math.log(1 + population / 3) + math.log(1 + n_numbers)) / 20, 5)


def documents(
    files: Sequence[BanFile], *, communes: CommuneFacts, workspace: Path
) -> Iterator[Document]:
    """
    Make the documents of some BAN files; each place once, whatever files it is in.

    Parameters
    ----------
    files
        Files to read; what is left out is counted in each.
    communes
        Populations and names.
    workspace
        A file to make and to use meanwhile, of about the size of the files.

    Raises
    ------
    DataError
        A file is cut or damaged.
    """
    with closing(sqlite3.connect(workspace)) as database:
        database.executescript(_TABLES)
        sorting = _Sorting(database)
        for file in files:
            for row in file.rows():
                taken = sorting.take(row, file.left_out)
                if isinstance(taken, LeftOut):
                    file.left_out[taken] += 1
                elif taken is not None:
                    yield taken
        for document in _staged(database, communes):
            if document["id"] not in sorting.documents:  # of a file of documents too
                yield document


class _Sorting:
    """Rows put in order in a database; `documents` are the identifiers of those of other files."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.documents: set[object] = set()
        self._streets: set[str] = set()
        self._database = database

    def take(self, row: Row, left_out: Counter[LeftOut]) -> Document | LeftOut | None:
        """Keep a row; return a document, which needs no sorting, or why the row is left out."""
        if isinstance(row, Numbered):
            if row.street not in self._streets:
                self._streets.add(row.street)
                self._is_new_place(row.place, street=row.street)
            return self._why_not_numbered(row)
        if isinstance(row, Place):
            return None if self._is_new_place(row) else LeftOut.TWICE
        document = checked_document(row, left_out)
        if isinstance(document, LeftOut):
            return document
        if document["id"] in self.documents:
            return LeftOut.TWICE
        self.documents.add(document["id"])
        return document

    def _is_new_place(self, place: Place, *, street: str = "") -> bool:
        """Keep a lieu-dit, or the street of an address; tell if it was not there yet."""
        kept = (
            street or place.id or f"{place.citycode}_{plain_key(place.name)}",
            bool(street),
            plain_key(place.name),
            *(place.name, place.citycode, place.city, place.lon, place.lat),
            *(place.postcode, place.oldcitycode, place.oldcity),
        )
        return self._database.execute(_ADD_PLACE, kept).rowcount == 1

    def _why_not_numbered(self, row: Numbered) -> LeftOut | None:
        """Keep an address; say why it is not kept when its number is there already."""
        key, place = (row.street, folded_number(row.number)), row.place
        kept = (*key, row.number, place.id, place.lon, place.lat, place.postcode, row.locality)
        if self._database.execute(_ADD_ADDRESS, kept).rowcount == 1:
            return None
        there = self._database.execute(_ID_OF_NUMBER, key).fetchone()
        return LeftOut.TWICE if there == (place.id,) else LeftOut.SAME_NUMBER


def _staged(database: sqlite3.Connection, communes: CommuneFacts) -> Iterator[Document]:
    doubles = set(database.execute(_DOUBLE_KEYS))
    for _, rows in groupby(database.execute(_STREETS), key=itemgetter(0)):
        yield _street([*rows], doubles=doubles, communes=communes)
    for row in database.execute(_LOCALITIES):
        yield _locality(Place(**dict(zip(_PLACE, row, strict=True))), communes=communes)
    named = database.execute(_NAMED_LOCALITIES)
    for (citycode, name), rows in groupby(named, key=itemgetter(0, 1)):
        key = plain_key(name)
        asked = "SELECT 1 FROM places WHERE citycode = ? AND key = ?"
        if key and not database.execute(asked, (citycode, key)).fetchone():
            place = _named_locality([row[1:] for row in rows], key=key)
            yield _locality(place, communes=communes)
    yield from _municipalities(database, communes)


def _street(
    rows: Sequence[tuple[Any, ...]],
    *,
    doubles: Collection[tuple[str, str]],
    communes: CommuneFacts,
) -> Document:
    """Make the document of a street; a number whose postal code is another carries its own."""
    place = Place(**dict(zip(_PLACE, rows[0], strict=False)))
    numbers = sorted((row[len(_PLACE) :] for row in rows), key=lambda row: (len(row[0]), row[0]))
    lon, lat = _middle([row[2:4] for row in numbers])
    postcodes = [code for code, _ in Counter(row[4] for row in numbers if row[4]).most_common()]
    is_double = (place.citycode, plain_key(place.name)) in doubles
    middle = replace(place, lon=lon, lat=lat)
    return {
        **_described(middle, communes=communes, is_former_named=is_double),
        **filled({"postcode": postcodes}),
        "type": "street",
        "importance": importance(communes.population(place.citycode), n_numbers=len(numbers)),
        "housenumbers": {
            number: {"id": id_, "lon": lon, "lat": lat}
            | ({"postcode": postcode} if postcode not in ("", *postcodes[:1]) else {})
            for number, id_, lon, lat, postcode in numbers
        },
    }


def _named_locality(rows: Sequence[tuple[Any, ...]], *, key: str) -> Place:
    """Place a lieu-dit that only addresses name, among them; its name is the first cell."""
    name, *first = rows[0]
    place = Place(**dict(zip(_PLACE, first, strict=False)))
    lon, lat = _middle([row[-2:] for row in rows])
    id_ = f"{place.citycode}_{key.replace(' ', '-')}"
    return replace(place, id=id_, name=name, lon=lon, lat=lat)


def _locality(place: Place, *, communes: CommuneFacts) -> Document:
    weight = importance(communes.population(place.citycode), n_numbers=1)
    described = _described(place, communes=communes, is_former_named=True)
    return described | {"type": "locality", "importance": weight}


def _municipalities(database: sqlite3.Connection, communes: CommuneFacts) -> Iterator[Document]:
    """Make the documents of communes, and of those whose arrondissements were read."""
    wholes = defaultdict[str, list[tuple[Any, ...]]](list)
    for citycode, found in groupby(database.execute(_COMMUNES), key=itemgetter(0)):
        rows = [*found]
        yield _municipality(citycode, rows[0][1], rows, communes=communes)
        if citycode in communes.wholes:
            wholes[communes.wholes[citycode]] += rows
    for citycode, rows in wholes.items():
        yield _municipality(citycode, communes.names[citycode], rows, communes=communes)


def _municipality(
    citycode: str, name: str, rows: Sequence[tuple[Any, ...]], *, communes: CommuneFacts
) -> Document:
    """Place a commune at the mean of its addresses; rows are sums by postal code."""
    n_places = sum(row[3] for row in rows)
    place = Place(
        id=citycode,
        name=name,
        citycode=citycode,
        city=name,
        lon=round(sum(row[4] for row in rows) / n_places, 6),
        lat=round(sum(row[5] for row in rows) / n_places, 6),
    )
    return {
        **_described(place, communes=communes, is_former_named=False),
        **filled({"postcode": [row[2] for row in rows]}),
        "type": "municipality",
        "importance": importance(communes.population(citycode), n_numbers=0),
    }


def _described(place: Place, *, communes: CommuneFacts, is_former_named: bool) -> Document:
    """Return what documents of all types say of a place; the first of several values is shown."""
    whole = communes.wholes.get(place.citycode, "")
    former = f"{place.name} ({place.oldcity})" if is_former_named and place.oldcity else ""
    words = {
        "name": (former, place.name),
        "postcode": (place.postcode,),
        "citycode": (place.citycode, whole, place.oldcitycode),
        "city": (communes.names.get(whole, ""), place.city, place.oldcity),
        "oldcitycode": (place.oldcitycode,),
        "oldcity": (place.oldcity,),
        "district": (place.city if whole else "",),
        "context": (communes.context(place.citycode),),
    }
    return {"id": place.id, **filled(words), "lon": place.lon, "lat": place.lat}


def _middle(positions: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the position that is nearest to the mean of all: it lies on the street."""
    mean_lon = sum(lon for lon, _ in positions) / len(positions)
    mean_lat = sum(lat for _, lat in positions) / len(positions)
    narrowing = math.cos(math.radians(mean_lat))

    def off(position: tuple[float, float]) -> float:
        return math.hypot((position[0] - mean_lon) * narrowing, position[1] - mean_lat)

    return min(positions, key=off)
