"""The rules of the Géoplateforme."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from fakes.asked import Asked, Form
from fakes.dialect import ADDRESS_FIELDS, TRUE_WORDS, Dialect, changed, feature, plain_filters
from fakes.faults import Fault
from fakes.index import Filters, Found, Index
from fakes.replies import Refused, Reply, json_reply, refusal
from fakes.tables import Rows, Sheet, cell, read_sheet, written

MOST_ROWS = 200_000
LARGEST_FILE_BYTES = 50 * 2**20
BLOCK_ROWS = 100
_PARCEL = {
    "departmentcode": "[0-9]{2}|2[AB]",
    "municipalitycode": "[0-9]{2,3}",
    "oldmunicipalitycode": "[0-9]{3}",
    "districtcode": "[0-9]{3}",
    "section": "[0-9]{1,2}|0?[A-Z]|[A-Z]{2}",
    "number": "[0-9]{1,4}",
    "sheet": "[0-9]{1,2}",
}
_INDEXES = ("address", "poi", "parcel")
_KINDS = ("housenumber", "street", "locality", "municipality")
_COLUMN_FILTERS = ("citycode", "postcode", "type", "category", *_PARCEL, "lon", "lat")


def _may_be_asked(text: str) -> bool:
    """Tell what `q` may be; lengths are those of JavaScript, in units of UTF-16."""
    units = len(text.encode("utf-16-le")) // 2
    first = text[:1]
    is_letter = first.lower() != first.upper() and first <= "\uffff"
    return 3 <= units <= 200 and (is_letter or first in "0123456789")


class National(Dialect):
    """The rules of the Géoplateforme."""

    least_score = 0.3

    def __init__(self, index: Index, *, largest_limit: int) -> None:
        self._index = index
        self._largest_limit = largest_limit

    def _search(self, asked: Asked, fault: Fault) -> Reply:
        params = self._checked(asked)
        if "q" not in params:
            raise _bad("q: required param")
        filters, query = self._filters(params), params["q"]
        if len(filters.citycodes) > 1:
            query += " " + params["city"]
        found = self._index.found(
            query,
            filters,
            lon_lat=_lon_lat(params),
            is_typing=params.get("autocomplete", "true").lower() in TRUE_WORDS,
        )
        kept = [one for one in found if one.score >= self.least_score]
        return self._collection(kept, params, fault)

    def _reverse(self, asked: Asked, fault: Fault) -> Reply:
        params = self._checked(asked)
        lon_lat = _lon_lat(params)
        if lon_lat is None:
            raise _bad("At least lon/lat or searchgeom must be defined")
        found = self._index.near(lon_lat, self._filters(params), radii_m=(100, 200))
        return self._collection(found, params, fault)

    def _collection(self, found: list[Found], params: dict[str, str], fault: Fault) -> Reply:
        features = [
            feature(one, fault, {"_score": one.score, "_type": "address"})
            for one in found[: int(params.get("limit", "10"))]
        ]
        return json_reply({"type": "FeatureCollection", "features": features})

    def _checked(self, asked: Asked) -> dict[str, str]:
        """Return the parameters that say something, the last of each, once they are right."""
        said = {name.strip(): values[-1].strip() for name, values in asked.params.items()}
        params = {name: value for name, value in said.items() if value}
        wrong = [f"{name}: {text}" for name, text in self._wrong(params) if text]
        if wrong:
            raise _bad(*wrong)
        if ("lon" in params) != ("lat" in params):
            raise _bad("lon/lat must be present together if defined")
        if "q" in params and _PARCEL.keys() & params:
            raise _bad("q param and structured search cannot be used together")
        if "city" in params and "parcel" in params.get("index", ""):
            raise _bad("city cannot be used with parcel index")
        if "city" in params and "citycode" in params:
            raise _bad("city and citycode params cannot be used together")
        is_elsewhere = params.get("index", "address") != "address" or _PARCEL.keys() & params
        if is_elsewhere or "searchgeom" in params or params.get("returntruegeometry") in TRUE_WORDS:
            raise Refused(refusal(501, "Not in this fake"))
        return params

    def _wrong(self, params: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with each parameter."""
        rules: dict[str, Callable[[str], str]] = {
            "index": lambda v: _unexpected([one.strip() for one in v.split(",")], _INDEXES),
            "searchgeom": _wrong_object,
            "q": lambda v: (
                ""
                if _may_be_asked(v)
                else "must contain between 3 and 200 chars and start with a number or a letter"
            ),
            "limit": self._wrong_limit,
            "lon": lambda v: _wrong_degrees(v, 180),
            "lat": lambda v: _wrong_degrees(v, 90),
            "type": lambda v: _unexpected([v], _KINDS),
            "postcode": lambda v: _unlike(v, "[0-9]{5}", "must contain 5 digits"),
            "citycode": lambda v: _unlike(v, "[0-9]{5}|[0-9][AB][0-9]{3}", "not valid"),
            "city": self._wrong_city,
            "returntruegeometry": _wrong_boolean,
            "autocomplete": _wrong_boolean,
            **{name: functools.partial(_unlike, form=form) for name, form in _PARCEL.items()},
        }
        return ((name, rule(params[name])) for name, rule in rules.items() if name in params)

    def _wrong_limit(self, value: str) -> str:
        if not re.fullmatch("[+-]?[1-9][0-9]*|0", value):
            return "unable to parse value as integer"
        is_right = 1 <= int(value) <= self._largest_limit
        return "" if is_right else f"must be an integer between 1 and {self._largest_limit}"

    def _wrong_city(self, value: str) -> str:
        if len(value) > 50:
            return "must contain between 1 and 50 chars"
        return "" if self._index.city_codes(value) else "No matching cities found"

    def _filters(self, params: Mapping[str, str]) -> Filters:
        codes = {params["citycode"]} if "citycode" in params else set()
        return Filters(
            kind=params.get("type", ""),
            postcode=params.get("postcode", ""),
            citycodes=codes or self._index.city_codes(params.get("city", "")),
        )

    def _csv(self, asked: Asked, fault: Fault, *, is_reverse: bool) -> Reply:
        sheet = self._sheet(asked)
        columns, given = _options(sheet, asked.form)
        blank = dict.fromkeys(default_columns(is_reverse=is_reverse), "")
        wanted = asked.form.get("result_columns") or list(blank)
        rows: Rows = []
        for start in range(0, len(sheet.rows), BLOCK_ROWS):
            block = sheet.rows[start : start + BLOCK_ROWS]
            is_failing = start // BLOCK_ROWS in fault.blocks or _is_poisoned(block, fault)
            for row in block:
                result = {"result_status": "error"}
                if not is_failing:
                    found = self._row(row, columns, given, is_reverse=is_reverse)
                    result = _result(found, fault, is_reverse=is_reverse)
                full = blank | result | {"result_index": "address"}
                rows.append(row | {name: full[name] for name in wanted if name in full})
        name = asked.file[0].rpartition(".")[0] or asked.file[0] if asked.file else ""
        headers = {
            "content-type": "text/csv",
            "content-disposition": f'attachment; filename="{name}-geocoded.csv"',
            "x-rows-count": str(len(sheet.rows)),
        }
        body = written(fault.rows(rows) if fault.rows else rows, sheet).encode()
        return Reply(headers=headers, body=body, is_chunked=True)

    def _sheet(self, asked: Asked) -> Sheet:
        """Read the file sent, within the limits."""
        if asked.file is None:
            raise Refused(refusal(400, "A CSV file must be provided in data field"))
        if len(asked.file[1]) > LARGEST_FILE_BYTES:
            raise Refused(refusal(400, "File too large"))
        try:
            sheet = read_sheet(asked.file[1])
        except ValueError as error:
            raise Refused(refusal(400, f"Errors in CSV file: {error}")) from error
        if len(sheet.rows) > MOST_ROWS:
            raise Refused(refusal(400, "Too many rows in CSV file"))
        return sheet

    def _row(
        self,
        row: Mapping[str, str],
        columns: Sequence[str],
        given: Mapping[str, str],
        *,
        is_reverse: bool,
    ) -> list[Found] | None:
        """Answer for one row; None when it is skipped. Values of filters are not looked at."""
        said = {name: row[column] for name, column in given.items() if row[column]}
        filters = plain_filters(said)
        lon = _js_number(row, given.get("lon"), ("longitude", "lon", "lng", "long"))
        lat = _js_number(row, given.get("lat"), ("latitude", "lat"))
        lon_lat = (lon, lat) if lon and lat else None  # zero counts as nothing
        if is_reverse:
            if lon_lat is None:
                return None
            return self._index.near(lon_lat, filters, radii_m=(100, 200))
        query = " ".join(row[column].strip() for column in columns).strip()
        if not _may_be_asked(query):
            return None
        found = self._index.found(query, filters, lon_lat=lon_lat)
        return [one for one in found if one.score >= self.least_score]


def _options(sheet: Sheet, form: Form) -> tuple[list[str], dict[str, str]]:
    """Return the columns that make the query, and those of filters and positions."""
    columns = form.get("columns") or sheet.columns
    if not set(columns) <= set(sheet.columns):
        raise Refused(refusal(400, "At least one given column name is unknown"))
    given = {name: form[name][-1] for name in _COLUMN_FILTERS if form.get(name, [""])[-1]}
    for name, column in given.items():
        if column not in sheet.columns:
            raise Refused(refusal(400, f"Unknown column name for {name}"))
    indexes = form.get("indexes", [])
    for index in indexes:
        if index not in _INDEXES:
            raise Refused(refusal(400, f"Unsupported index type: {index}"))
    if set(indexes) - {"address"} or given.keys() & {*_PARCEL, "category"}:
        raise Refused(refusal(501, "Not in this fake"))
    return columns, given


def _is_poisoned(rows: Rows, fault: Fault) -> bool:
    return bool(fault.poison) and any(fault.poison in " ".join(row.values()) for row in rows)


def default_columns(*, is_reverse: bool) -> list[str]:
    """Return the columns that the service adds, when it is not asked for others."""
    place = ["longitude", "latitude", "result_score", "result_score_next"]
    if is_reverse:
        place = ["result_longitude", "result_latitude", "result_distance"]
    return [*place, *(f"result_{name}" for name in ADDRESS_FIELDS), "result_status"]


def _result(found: list[Found] | None, fault: Fault, *, is_reverse: bool) -> dict[str, str]:
    """Return the columns that say what was found."""
    if not found:
        return {"result_status": "skipped" if found is None else "not-found"}
    best = found[0]
    where: dict[str, object] = {"lon": best.place.lon, "lat": best.place.lat}
    fields = changed(best.fields | where, fault)
    fields["score"] = fields.get("score") or 1  # the service does so
    if len(found) > 1:
        fields["score_next"] = found[1].score
    places = {"lon": "longitude", "lat": "latitude"}
    prefix = "result_" if is_reverse else ""
    cells = {prefix + places[name]: cell(fields.pop(name, None)) for name in places}
    cells |= {f"result_{name}": cell(value) for name, value in fields.items()}
    return cells | {"result_status": "ok"}


def _bad(*detail: str) -> Refused:
    return Refused(refusal(400, "Failed parsing query", *detail))


def _unlike(value: str, form: str, text: str = "not valid") -> str:
    return "" if re.fullmatch(form, value) else text


def _unexpected(values: list[str], allowed: Collection[str]) -> str:
    return next((f"unexpected value '{one}'" for one in values if one and one not in allowed), "")


def _wrong_boolean(value: str) -> str:
    is_right = value.lower() in {*TRUE_WORDS, "0", "false", "no"}
    return "" if is_right else "unable to parse value as boolean"


def _wrong_object(value: str) -> str:
    try:
        is_object = isinstance(json.loads(value), dict | list)
    except ValueError:
        is_object = False
    return "" if is_object else "unable to parse value as valid JSON or GeoJSON object"


def _wrong_degrees(value: str, most: int) -> str:
    if not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]*)?", value):
        return "unable to parse value as float"
    is_right = abs(float(value)) <= most
    return "" if is_right else f"must be a float between -{most} and {most}"


def _lon_lat(params: Mapping[str, str]) -> tuple[float, float] | None:
    return (float(params["lon"]), float(params["lat"])) if "lon" in params else None


def _js_number(row: Mapping[str, str], given: str | None, known: Sequence[str]) -> float:
    """Read a column, that given or the first one known with a value, as `parseFloat` does."""
    text = row[given] if given else next((row[name] for name in known if row.get(name)), "")
    number = re.match(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text)
    return float(number[0]) if number else 0.0
