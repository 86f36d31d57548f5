"""The rules of a plain addok with its CSV plugin."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace

from fakes.asked import Asked, Form
from fakes.dialect import ADDRESS_FIELDS, TRUE_WORDS, Dialect, changed, feature, plain_filters
from fakes.faults import Fault
from fakes.index import Filters, Found, Index
from fakes.replies import Refused, Reply, json_reply
from fakes.tables import Rows, Sheet, cell, written


class Addok(Dialect):
    """The rules of a plain addok with its CSV plugin."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def _unknown(self, _: Asked) -> Reply:
        return _untitled(404, "404 Not Found").reply

    def _search(self, asked: Asked, fault: Fault) -> Reply:
        params = {name: values[-1] for name, values in asked.params.items()}
        query = params.get("q", "")
        if not query:
            raise _untitled(400, "Missing parameter", 'The "q" parameter is required.')
        limit = int(params.get("limit") or 5)
        if not 1 <= limit <= 100:
            text = 'The "limit" parameter is invalid. out of range (1..100)'
            raise _untitled(400, "Invalid parameter", text)
        lon_lat = _addok_lon_lat(params)
        found = self._found(query, plain_filters(params), lon_lat, params=params)
        return self._collection(found[:limit], params | {"limit": str(limit)}, fault)

    def _reverse(self, asked: Asked, fault: Fault) -> Reply:
        params = {name: values[-1] for name, values in asked.params.items()}
        for name in ("lon", "lat"):
            if name not in params:
                raise _untitled(400, "Missing parameter", f'The "{name}" parameter is required.')
        lon_lat = _addok_lon_lat(params) or (0.0, 0.0)
        found = self._index.near(lon_lat, plain_filters(params), radii_m=(150,))
        limit = int(params.get("limit") or 1)
        return self._collection(found[:limit], params | {"limit": str(limit)}, fault)

    def _found(
        self,
        query: str,
        filters: Filters,
        lon_lat: tuple[float, float] | None,
        *,
        params: Mapping[str, str],
        where: str = "",
    ) -> list[Found]:
        n_signs = _ascii_length(query.strip())
        if n_signs > 200:
            raise _untitled(413, f"Query too long, {n_signs} chars, limit is 200{where}")
        is_typing = params.get("autocomplete", "1") in TRUE_WORDS
        return self._index.found(query, filters, lon_lat=lon_lat, is_typing=is_typing)

    def _collection(self, found: list[Found], params: Mapping[str, str], fault: Fault) -> Reply:
        named = {k: v for k, v in params.items() if k in {"citycode", "postcode", "type"}}
        document: dict[str, object] = {
            "type": "FeatureCollection",
            "version": "draft",
            "features": [feature(one, fault, {}) for one in found],
            "attribution": "BAN",
            "licence": "ETALAB-2.0",
        }
        document |= {"query": params["q"]} if "q" in params else {}
        document |= {"filters": named} if named else {}
        return json_reply(document | {"limit": int(params["limit"])})

    def _csv(self, asked: Asked, fault: Fault, *, is_reverse: bool) -> Reply:
        if asked.file is None:
            raise _untitled(400, "Missing file")
        try:
            text = asked.file[1].decode("utf-8-sig").replace("\r", "").replace("\n", "\r\n")
        except UnicodeDecodeError as error:
            title = 'Unable to decode with encoding "utf-8-sig"'
            raise _untitled(400, title, str(error)) from error
        if not text:
            raise _untitled(400, "Empty file")
        said = {name: values[-1] for name, values in asked.form.items()}
        delimiter = said.get("delimiter") or _sniffed(text)
        reader = csv.DictReader(
            io.StringIO(text, newline=""), delimiter=delimiter, quotechar=said.get("quote", '"')
        )
        known = list(reader.fieldnames or [])
        columns = asked.form.get("columns") or known
        for column in columns:
            if column not in known:
                raise _untitled(400, f"Cannot found column '{column}' in columns {known}")
        added = [name for name in addok_columns(is_reverse=is_reverse) if name not in known]
        blank = dict.fromkeys([*known, *added], "")
        rows: Rows = []
        for rank, line in enumerate(reader, start=1):
            row = {name: line.get(name) or "" for name in known}
            if is_reverse:
                found = self._row_near(row, asked.form)
            else:
                found = self._row_found(row, columns, asked.form, rank=rank)
            result = _addok_result(found, fault, is_reverse=is_reverse)
            rows.append(blank | row | {k: v for k, v in result.items() if k in blank})
        sheet = Sheet(columns=known, rows=rows, delimiter=delimiter, newline="\r\n")
        body = written(fault.rows(rows) if fault.rows else rows, sheet)
        headers = {"content-type": "text/csv; charset=utf-8-sig"}
        return Reply(headers=headers, body=body.encode("utf-8-sig"))

    def _row_found(
        self, row: Mapping[str, str], columns: Sequence[str], form: Form, *, rank: int
    ) -> list[Found]:
        lon_lat = None
        if form.get("lon") and form.get("lat"):
            lon, lat = (row.get(form[name][-1], "") for name in ("lon", "lat"))
            lon_lat = (float(lon), float(lat)) if lon and lat else None
        found = self._found(
            " ".join(row[column] for column in columns),
            _row_filters(row, form),
            lon_lat,
            params={"autocomplete": "0"},
            where=f" (row number {rank})",
        )
        least = float(form.get("min_score", ["0.5"])[-1])
        return found if found and round(found[0].score, 2) > least else []

    def _row_near(self, row: Mapping[str, str], form: Form) -> list[Found]:
        lat = row.get("latitude", row.get("lat", ""))
        lon = row.get("longitude", row.get("lon", row.get("lng", row.get("long", ""))))
        try:
            lon_lat = float(lon), float(lat)
        except ValueError:
            return []
        return self._index.near(lon_lat, _row_filters(row, form), radii_m=(150,))


def addok_columns(*, is_reverse: bool) -> list[str]:
    """Return the columns that addok-csv adds, with the fields of the BAN."""
    first = ["latitude", "longitude", "result_label", "result_score", "result_score_next"]
    if is_reverse:
        first = ["result_latitude", "result_longitude", "result_label", "result_distance"]
    return [*first, *(f"result_{name}" for name in ADDRESS_FIELDS if name != "label")]


def _addok_result(found: list[Found], fault: Fault, *, is_reverse: bool) -> dict[str, str]:
    """Return the columns that say what was found; if nothing was, what the file had stays."""
    if not found:
        return {}
    place = found[0].place
    own: dict[str, object] = {"name": place.name, "street": "", "lon": place.lon, "lat": place.lat}
    fields = changed(found[0].fields | own, fault)
    cells = {f"result_{name}": cell(fields.get(name)) for name in (*ADDRESS_FIELDS, "distance")}
    prefix = "result_" if is_reverse else ""
    cells |= {prefix + "longitude": cell(fields.get("lon"))}
    cells |= {prefix + "latitude": cell(fields.get("lat"))}
    scores = [cell(round(one.score, 2)) for one in found[:2]]
    return cells | dict(zip(("result_score", "result_score_next"), [*scores, "0"], strict=False))


def _ascii_length(text: str) -> int:
    """
    Count signs as addok does, in plain ASCII, at worst.

    What is not ASCII without its accents counts for 13: no sign of the first plane is longer
    once written by Unidecode, which addok uses and this fake does not.
    """
    firsts = (unicodedata.normalize("NFD", sign)[0] for sign in text)
    return sum(1 if first.isascii() else 13 for first in firsts)


def _sniffed(text: str) -> str:
    """Guess a delimiter as addok-csv does, wrong as it may be."""
    try:
        delimiter = csv.Sniffer().sniff(text).delimiter
    except csv.Error:
        delimiter = ","
    if delimiter.isalnum() or delimiter == "\r":
        return next(sign for sign in ";,\t|~^°" if sign not in text)
    return delimiter


def _untitled(status: int, title: str, description: str = "") -> Refused:
    said = {"title": title} | ({"description": description} if description else {})
    body = json.dumps(said).encode()
    return Refused(Reply(status=status, headers={"content-type": "application/json"}, body=body))


def _addok_lon_lat(params: Mapping[str, str]) -> tuple[float, float] | None:
    numbers = []
    for name in ("lon", "lat"):
        try:
            numbers.append(float(params.get(name) or 0))
        except ValueError as error:
            text = f'The "{name}" parameter is invalid. invalid value'
            raise _untitled(400, "Invalid parameter", text) from error
    return (numbers[0], numbers[1]) if all(numbers) else None


def _row_filters(row: Mapping[str, str], form: Form) -> Filters:
    """Return the limits of a row; a column of types, be it empty, takes the doors away."""
    named = {name: form[name][-1] for name in ("citycode", "postcode", "type") if form.get(name)}
    said = {name: row.get(column, "") for name, column in named.items()}
    return replace(plain_filters(said), has_doors=said.get("type") in {None, "housenumber"})
