"""What a BAN geocoder takes for a question, and the words of its answers."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace

from siting.asking import Ask, Spot
from siting.matching import Candidate

KINDS = frozenset({"housenumber", "street", "locality", "municipality"})
_SHORTEST_QUERY, _LONGEST_QUERY = 3, 200  # what the service accepts
# addok counts the signs of the text in plain ASCII, and its library Unidecode (1.4) writes one
# sign of the first plane in 13 at most; a letter with accents stays one.
_WIDEST_SIGN = 13
_CITYCODE = re.compile(r"\d{5}|\d[AB]\d{3}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d+(\.\d*)?(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_LAST_OF_BMP = "\uffff"
_LARGEST = 1e7  # no degree, score or distance in metres comes near; no float lacks an integer


def clean_query(text: str) -> str:
    """
    Make a text that the service accepts: 3 to 200 signs, a letter or a digit first.

    Signs that are not written (controls, emojis) become spaces; what is too long is cut
    at a word. Empty when there is too little left to ask for.
    """
    visible = "".join(
        " " if unicodedata.category(c)[0] in "CZ" or c > _LAST_OF_BMP else c
        for c in unicodedata.normalize("NFC", text)
    )
    words = " ".join(visible.split())
    start = next((rank for rank, c in enumerate(words) if _may_start(c)), len(words))
    words = _cut(words[start:])
    return words if len(words) >= _SHORTEST_QUERY else ""


def filters_of(ask: Ask) -> dict[str, str]:
    """Return the limits of a question, by parameter; one that the service refuses is left out."""
    filters = {}
    if _CITYCODE.fullmatch(ask.citycode):
        filters["citycode"] = ask.citycode
    if ask.kind in KINDS:
        filters["type"] = ask.kind
    return filters


def lon_lat_of(spot: Spot) -> tuple[str, str] | None:
    """Write a place as the service reads it; None when it is nowhere on Earth."""
    if not (abs(spot.lon) <= 180 and abs(spot.lat) <= 90):  # noqa: PLR2004 - degrees
        return None
    return f"{spot.lon:.6f}", f"{spot.lat:.6f}"


def candidate_of(feature: object) -> Candidate | None:
    """
    Read one GeoJSON feature, whatever it lacks; None when it has no usable position.

    Of a list, the first value is taken; a value of another type than documented is as
    good as missing; a score outside of 0-1 is brought back to its bound.
    """
    properties = member(feature, "properties")
    lon_lat = member(member(feature, "geometry"), "coordinates")
    if not isinstance(lon_lat, list) or len(lon_lat) not in {2, 3}:
        return None
    lon, lat = _number(lon_lat[0]), _number(lon_lat[1])
    if not (abs(lon) <= 180 and abs(lat) <= 90):  # noqa: PLR2004 - degrees; False for NaN
        return None
    score = _number(member(properties, "score"))
    return Candidate(
        label=_text(properties, "label") or _text(properties, "name"),
        lon=lon,
        lat=lat,
        score=score if math.isnan(score) else min(max(score, 0.0), 1.0),
        kind=_text(properties, "type"),
        name=_text(properties, "name"),
        street=_text(properties, "street"),
        housenumber=_text(properties, "housenumber"),
        citycode=_text(properties, "citycode").upper(),
        oldcitycode=_text(properties, "oldcitycode").upper(),
        city=_text(properties, "city"),
        postcode=_text(properties, "postcode"),
    )


def nearest_of(feature: object) -> Candidate | None:
    """
    Read one feature of a reverse search.

    Its score says nothing but the distance again (1 less a ten-thousandth of the metres),
    and is left out.
    """
    candidate = candidate_of(feature)
    distance_m = _number(member(member(feature, "properties"), "distance"))
    if candidate is None:
        return None
    return replace(
        candidate, score=math.nan, distance_m=distance_m if distance_m >= 0 else math.nan
    )


def feature_of(row: Mapping[str, str], *, lon: str, lat: str) -> dict[str, object]:
    """
    Rebuild the feature of which a CSV answer shows the fields, as `result_` and the name.

    addok gives the street alone as the name of a number, the national service gives both:
    the feature has both, as a single question would.
    """
    properties: dict[str, object] = {
        name.removeprefix("result_"): value.strip()
        for name, value in row.items()
        if name.startswith("result_")
    }
    properties |= {name: number_of(row.get(f"result_{name}", "")) for name in ("score", "distance")}
    kind, name = properties.get("type"), properties.get("name", "")
    if kind in {"housenumber", "street"} and not properties.get("street"):
        properties["street"] = name
    number = str(properties.get("housenumber", ""))
    if kind == "housenumber" and number and not str(name).startswith(number):
        properties["name"] = f"{number} {name}"
    coordinates = [number_of(lon), number_of(lat)]
    return {"geometry": {"coordinates": coordinates}, "properties": properties}


def number_of(text: str) -> float:
    """Read a number with a point, as programs write it; NaN for anything else."""
    return float(text) if _DECIMAL.fullmatch(text.strip()) else math.nan


def member(value: object, name: str) -> object:
    """Return a member of a JSON object; None for what is no object, or lacks it."""
    return value.get(name) if isinstance(value, dict) else None


def _cut(words: str) -> str:
    """Cut a text that is too long, at a word if there is one."""
    n_signs = width = 0
    for sign in words:
        width += 1 if unicodedata.normalize("NFD", sign)[0].isascii() else _WIDEST_SIGN
        if width > _LONGEST_QUERY:
            break
        n_signs += 1
    if n_signs == len(words):
        return words
    whole = words[: n_signs + 1].rpartition(" ")[0]
    return (whole or words)[:n_signs].rstrip()


def _may_start(sign: str) -> bool:
    """Tell what the service takes for a letter (it has two cases) or a digit."""
    return sign in "0123456789" or sign.lower() != sign.upper()


def _text(properties: object, name: str) -> str:
    value = member(properties, name)
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return " ".join(str(value).split())


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value) if abs(value) < _LARGEST else math.nan
