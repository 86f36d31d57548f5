"""Documents of addok as BAN publishes them: what of them is kept, and why some are not.

A document that addok cannot hold (no position, a value of another type) would stop its load or
its answers: it is left out here, and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from siting.names import plain_key
from siting.sources.ban_files import LeftOut, lon_lat

Document = dict[str, object]

_MOST_IMPORTANCE = 2  # about 1 for the largest street of Paris
# The last three are of indexes older than BAN's own.
_KINDS = ("street", "locality", "municipality", "city", "town", "village")
_WORDS = ("name", "postcode", "citycode", "city", "oldcitycode", "oldcity", "district", "context")
# addok holds a number under its folded suffix: 5 bis and 5 b of a street are one to it.
_SHORT_SUFFIX = {"bis": "b", "ter": "t", "quater": "q", "quinquies": "c", "sexies": "s"}


def checked_document(row: Mapping[str, object], left_out: Counter[LeftOut]) -> Document | LeftOut:
    """
    Keep of a document what addok can hold, so that one bad document never stops the others.

    A number without position is left out and counted; the document stays.
    """
    words = {key: _texts(row.get(key)) for key in _WORDS}
    position = lon_lat(row.get("lon"), row.get("lat"))
    missing = {
        LeftOut.KIND: row.get("type") in _KINDS,
        LeftOut.NAME: bool(words["name"]),
        LeftOut.COMMUNE: bool(words["citycode"]),
    }
    for reason, is_there in missing.items():
        if not is_there:
            return reason
    if position is None:
        return LeftOut.POSITION
    numbers, weight = row.get("housenumbers"), row.get("importance")
    is_weight = isinstance(weight, int | float) and 0 <= weight <= _MOST_IMPORTANCE
    kept = _checked_numbers(numbers, left_out) if isinstance(numbers, dict) else {}
    return {
        "id": str(row.get("id") or f"{words['citycode'][0]}_{plain_key(words['name'][0])}"),
        "type": row["type"],
        **filled(words),
        "importance": weight if is_weight else 0.0,
        "lon": position[0],
        "lat": position[1],
        **({"housenumbers": kept} if kept else {}),
    }


def _checked_numbers(numbers: Mapping[str, object], left_out: Counter[LeftOut]) -> Document:
    kept: Document = {}
    folded = set()
    for number, told in numbers.items():
        facts = told if isinstance(told, dict) else {}
        position = lon_lat(facts.get("lon"), facts.get("lat"))
        if position is None:
            left_out[LeftOut.POSITION] += 1
        elif folded_number(number) in folded:
            left_out[LeftOut.SAME_NUMBER] += 1
        else:
            folded.add(folded_number(number))
            postcode = _texts(facts.get("postcode"))[:1]
            kept[number] = {"id": str(facts.get("id") or ""), "lon": position[0]} | {
                "lat": position[1],
                **({"postcode": postcode[0]} if postcode else {}),
            }
    return kept


def _texts(value: object) -> list[str]:
    """Read a text, a number, or a list of them, as texts that are not empty."""
    values = value if isinstance(value, list) else [value]
    read = (str(one).strip() for one in values if isinstance(one, str | int))
    return [text for text in read if text]


def folded_number(number: str) -> str:
    """Return a number as addok holds it: `5 bis` and `5b` are one."""
    found = re.fullmatch(r"(\d*)(.*)", number.casefold().replace(" ", ""), re.DOTALL)
    return found[1] + _SHORT_SUFFIX.get(found[2], found[2]) if found else number


def filled(words: Mapping[str, Sequence[str]]) -> Document:
    """Leave out what is empty: addok takes the first of any list."""
    filled = {key: [*filter(None, values)] for key, values in words.items()}
    return {key: values for key, values in filled.items() if values}
