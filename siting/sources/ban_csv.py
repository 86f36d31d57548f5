"""Files of many questions for a BAN geocoder: how they are written, and their answers read.

Two dialects. The national service (`POST /search/csv`, `/reverse/csv`) works by blocks of 100
rows, says in `result_status` what became of each, and repeats in the header `x-rows-count` how
many rows it read; it sends its status 200 before the work, so that a failure cuts the body. A
plain addok with addok-csv (`/search/csv/`) answers at the end, with a byte order mark and
without `result_status`; one row that it refuses fails the file.

Only a row number, the text and the limits asked for are written: the service would use any
column called `latitude` or `lon` as a place, and overwrite columns called as its own.
"""

from __future__ import annotations

import csv
import io
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from siting.asking import Ask
from siting.errors import BadAnswer
from siting.matching import Candidate
from siting.sources.ban_words import (
    candidate_of,
    clean_query,
    feature_of,
    filters_of,
    nearest_of,
    number_of,
)

# The service takes 200,000 rows and 50 MiB. A row has 200 signs of three bytes at most, quotes
# doubled, and less than 60 bytes around them: 5,000 rows are under 3.4 MB.
MOST_ROWS = 5_000
_ROW = "n"
_NATIONAL_PATH = "/geocodage"
_PLACE = ("longitude", "latitude")
_RESULTS = (
    *("result_label", "result_score", "result_type", "result_housenumber", "result_name"),
    *("result_city", "result_citycode"),
)
_MORE_RESULTS = ("result_score_next", "result_street", "result_postcode", "result_oldcitycode")
_ADDOK_RESULTS = ("result_label", "result_score", "result_type", "result_housenumber")
_NEAREST = ("result_longitude", "result_latitude", "result_label", "result_distance")
_STATUS = "result_status"
_ODD_SCORE_NOTE = "score 1 dans une réponse groupée : parfait, ou absent"


class RowStatus(StrEnum):
    """What became of a row, in the words of the national service."""

    OK = "ok"
    NOT_FOUND = "not-found"
    SKIPPED = "skipped"
    ERROR = "error"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file to post: where, with which fields, and what its answer must have."""

    path: str
    fields: tuple[tuple[str, str], ...]
    body: bytes
    n_rows: int
    columns: frozenset[str]
    is_reverse: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    The answer to one row.

    Without a candidate, a status `ok` is an answer that cannot be used. `score_next` is 0
    when there is no second candidate, NaN when the service does not tell.
    """

    status: RowStatus
    candidate: Candidate | None
    score_next: float = math.nan
    note: str = ""


def is_national(url: str) -> bool:
    """Tell the dialect from the base URL of a geocoder."""
    return urlsplit(url).path.rstrip("/").endswith(_NATIONAL_PATH)


def files_of(asks: Sequence[Ask], *, most_rows: int) -> Iterator[tuple[Ask, ...]]:
    """
    Share questions out into files, in their order but for `kind`: one kind a file.

    addok looks for no number in any row of a file that has a column for the type, be it
    empty in that row.
    """
    by_kind = defaultdict(list)
    for ask in asks:
        by_kind[filters_of(ask).get("type", "")].append(ask)
    for same in by_kind.values():
        for start in range(0, len(same), most_rows):
            yield tuple(same[start : start + most_rows])


def search_upload(asks: Sequence[Ask], *, is_national: bool) -> Upload:
    """
    Write a file of addresses to look for, all of one kind (`files_of`).

    Limits are checked here, for in a file the service does not: with a code it does not
    know it finds nothing, and says no more. A limit that no row has makes no column.
    """
    rows = [{"q": clean_query(ask.query)} | filters_of(ask) for ask in asks]
    limits = [name for name in ("citycode", "type") if any(name in row for row in rows)]
    fields = [("columns", "q"), *((name, name) for name in limits)]
    if is_national:
        results = (*_PLACE, *_RESULTS, *_MORE_RESULTS, _STATUS)
        # The status last: then a line that is cut is seen, even without an end of line.
        fields += [("result_columns", name) for name in results]
        needed = {*_PLACE, *_RESULTS, _STATUS}
    else:
        fields += _ADDOK_FORMAT
        # Else it keeps results at or under 0.5 to itself.
        fields.append(("min_score", "0"))
        needed = {*_PLACE, *_ADDOK_RESULTS}
    return Upload(
        path="/search/csv" if is_national else "/search/csv/",
        fields=tuple(fields),
        body=_written(["q", *limits], rows),
        n_rows=len(rows),
        columns=frozenset({_ROW} | needed),
        is_reverse=False,
    )


def reverse_upload(places: Sequence[tuple[str, str]], *, is_national: bool) -> Upload:
    """
    Write a file of places, longitude and latitude in degrees, whose address is asked for.

    Both dialects find the columns by their names.
    """
    rows = [dict(zip(_PLACE, place, strict=True)) for place in places]
    return Upload(
        path="/reverse/csv" if is_national else "/reverse/csv/",
        fields=() if is_national else _ADDOK_FORMAT,
        body=_written([*_PLACE], rows),
        n_rows=len(rows),
        columns=frozenset({_ROW, *_NEAREST} | ({_STATUS} if is_national else set())),
        is_reverse=True,
    )


def read_rows(
    upload: Upload, body: bytes, headers: Mapping[str, str], *, url: str
) -> tuple[Row, ...]:
    """
    Read the answer to a file, in the order of its rows.

    A score of exactly 1 beside a second candidate is noted: the national service writes 1
    for a score that is missing too.

    Parameters
    ----------
    upload
        What was posted.
    body, headers
        What came back.
    url
        Base URL of the geocoder, for the message.

    Raises
    ------
    BadAnswer
        If the answer is not whole: all rows, their numbers, the columns, and the count that
        the service tells.
    """
    rows = _read(upload, body, headers, url=url)
    return tuple(map(_nearest if upload.is_reverse else _found, rows))


def _found(row: Mapping[str, str]) -> Row:
    status = _status(row)
    candidate = candidate_of(feature_of(row, lon=row["longitude"], lat=row["latitude"]))
    told = row.get("result_score_next")
    score_next = math.nan if told is None else number_of(told or "0")
    if not 0 <= score_next <= 1:
        score_next = math.nan
    is_odd = _STATUS in row and candidate is not None and candidate.score == 1
    return Row(
        status=status,
        candidate=candidate if status is RowStatus.OK else None,
        score_next=score_next,
        note=_ODD_SCORE_NOTE if is_odd and score_next > 0 else "",
    )


def _nearest(row: Mapping[str, str]) -> Row:
    # Some versions of the national service leave the results empty and write over the place.
    lon = row["result_longitude"] or row["longitude"]
    lat = row["result_latitude"] or row["latitude"]
    status, candidate = _status(row), nearest_of(feature_of(row, lon=lon, lat=lat))
    if status is RowStatus.SKIPPED:  # a longitude of 0, Greenwich, is taken for none
        status = RowStatus.ERROR
    return Row(status=status, candidate=candidate if status is RowStatus.OK else None)


def _status(row: Mapping[str, str]) -> RowStatus:
    """Read the status; addok has none, and leaves everything empty when it finds nothing."""
    if _STATUS in row:
        return RowStatus(row[_STATUS])
    return RowStatus.OK if row["result_label"] or row["result_type"] else RowStatus.NOT_FOUND


def _written(columns: list[str], rows: Sequence[Mapping[str, str]]) -> bytes:
    """Write UTF-8, commas, quotes everywhere, LF: nothing is left to be guessed."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(
        text, [_ROW, *columns], restval="", quoting=csv.QUOTE_ALL, lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows({_ROW: str(number)} | dict(row) for number, row in enumerate(rows))
    return text.getvalue().encode()


def _read(
    upload: Upload, body: bytes, headers: Mapping[str, str], *, url: str
) -> list[dict[str, str]]:
    """Return the rows by their numbers, if all is there."""
    try:
        rows = _rows(upload, body)
        told = headers.get("x-rows-count", "").strip()
        _require(
            not told.isdecimal() or int(told) == upload.n_rows,
            f"{told} lignes lues par le service au lieu de {upload.n_rows}",
        )
    except (ValueError, csv.Error) as error:
        raise BadAnswer(
            "La réponse du géocodeur à un fichier d'adresses est incomplète, ou n'en est pas une "
            f"({error}).",
            url=f"{url}{upload.path}",
        ) from error
    return [rows[number] for number in map(str, range(upload.n_rows))]


def _rows(upload: Upload, body: bytes) -> dict[str, dict[str, str]]:
    """Return the rows of an answer by number; ValueError says what is not as it should be."""
    text = body.decode("utf-8-sig")
    header, *lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    missing = sorted(upload.columns - set(header))
    _require(not missing, f"colonnes manquantes : {', '.join(missing)}")
    _require(len(set(header)) == len(header), "colonnes en double")
    _require(all(len(line) == len(header) for line in lines), "ligne coupée")
    # Without an end of line, a status that is known shows that the last line is whole.
    _require(text.endswith(("\n", "\r")) or header[-1] == _STATUS, "dernière ligne coupée")
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    by_number = {row[_ROW]: row for row in rows}
    is_whole = set(by_number) == set(map(str, range(upload.n_rows)))
    _require(is_whole and len(rows) == upload.n_rows, f"{len(rows)} lignes pour {upload.n_rows}")
    statuses = {row.get(_STATUS, "ok") for row in rows}
    _require(statuses <= set(RowStatus), "statut inconnu")
    return by_number


def _require(is_so: bool, fault: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not is_so:
        raise ValueError(fault)


# addok-csv guesses them from the text, and an apostrophe may look like a quote.
_ADDOK_FORMAT = (("delimiter", ","), ("quote", '"'))
