"""The postal code of an address, the commune written beside it, and the country."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from siting import address_words as words
from siting.address_text import EDGES, Reading, folded, visible_text
from siting.names import plain_key

_MOST_CODES = 5  # one of the place, one of the CEDEX: more is no address
# 75011, F-75011, CP 75011, 75 011 Paris; and 2B238, an INSEE code where a postal one is asked.
_CODE = re.compile(
    r"(?:(?<![a-z0-9])(?:fr?[\s-]{0,3}|c\.?p\.?\s*:?\s*))?(?<![0-9])(?P<code>"
    r"(?:0[1-9]|[1-8][0-9]|9[0-8])(?:[0-9]{3}|\s[0-9]{3}(?=\s[a-z]))|(?<![a-z])2[ab][0-9]{3})"
    r"(?![0-9])"
)
_NAME = re.compile(r"[\s,:-]*(?P<name>[^\W\d][^,\n]*)")
_NOT_A_NAME = re.compile(rf"(?:{words.SUFFIXES}|{words.WAY}|{words.MONTH})(?!\w)")
_SEPARATOR = re.compile(r"[,\n]")
_FRANCE_AT_END = re.compile(r"(?<!\ben)\sfrance$")


@dataclass(frozen=True, slots=True)
class Place:
    """A postal code written in a text, with the commune beside it; `is_cedex` if it is one."""

    code: str = ""
    name: str = ""
    is_cedex: bool = False


def places_apart(reading: Reading) -> tuple[Reading, list[Place]]:
    """
    Set apart each postal code with the commune beside it, and CEDEX.

    The commune follows its code, or comes before it after a comma (*Bondy 93140*).
    """
    text, plain = reading.text, folded(reading.text)
    codes = [found for found in _CODE.finditer(plain) if _is_code(found, plain)][-_MOST_CODES:]
    cedexes = [found.start() for found in words.CEDEX.finditer(plain)]
    places, kept, end = list[Place](), "", 0
    for rank, found in enumerate(codes):
        limit = codes[rank + 1].start() if rank + 1 < len(codes) else len(plain)
        first = found.start() if len(codes) > 1 else 0
        before = text[end : found.start()].rstrip()
        start, stop = _commune_after(plain, found.end(), limit, before=kept + before)
        is_beside = start < stop and not _SEPARATOR.search(plain, found.end(), start)
        own = "" if is_beside else _commune_before(kept + before)
        places.append(
            Place(
                code="".join(found["code"].split()),
                name=(own or text[start:stop]).strip(EDGES),
                is_cedex=any(first <= at < limit for at in cedexes),
            )
        )
        kept += before[: len(before) - len(own)] + "\n"
        end = found.end() if own else stop
    return replace(reading, text=kept + text[end:]).without(words.CEDEX), places


def chosen_place(places: list[Place]) -> tuple[Place, str]:
    """Choose the code of a place, and the CEDEX code if one is written."""
    cedex = next((one for one in reversed(places) if one.is_cedex), Place())
    true = [one for one in places if not one.is_cedex]
    named = [one for one in true if one.name] or true or [cedex]
    return named[-1], cedex.code


def commune_name(text: str) -> str:
    """Return the name in a column of communes: without postal code, CEDEX or parentheses."""
    line = re.sub(r"\([^()]*\)|^\s*[0-9]{5}(?![0-9])", " ", visible_text(text))
    return " ".join(Reading(line).without(words.CEDEX).text.split()).strip(EDGES)


def is_country(name: str) -> bool:
    """Tell if a name is that of a country that is not France."""
    return plain_key(name) in words.COUNTRIES


def named_country(parts: list[str], place: Place) -> str:
    """Return the foreign country that ends an address without French postal code."""
    if place.code.startswith("980"):
        return place.name or place.code
    if place.code or not parts:
        return place.name if is_country(place.name) else ""
    if len(parts) > 1 and is_country(parts[-1]):
        return parts[-1]
    head, _, last = parts[-1].rpartition(" ")
    return last if re.search(r"\b[0-9]{4}\s", head) and is_country(last) else ""


def _is_code(found: re.Match[str], plain: str) -> bool:
    """Tell the code of *75 011 Paris* from other numbers in two pieces."""
    if " " not in found["code"]:
        return True
    after = plain[found.end() :].lstrip()
    has_words_before = re.search(r"[a-z]", plain[: found.start()]) is not None
    return has_words_before and not _NOT_A_NAME.match(after)


def _has_street(plain: str) -> bool:
    lines = [line.strip() for line in _SEPARATOR.split(plain)]
    return words.NUMBERED_ROAD.search(plain) is not None or any(
        words.NUMBERED.match(line) or words.ROAD_AT_HEAD.match(line) for line in lines
    )


def _commune_before(text: str) -> str:
    """Return the commune of *12 rue Carnot, Bondy 93140*; empty if there is no street before."""
    head, _, name = text.replace("\n", ",").rpartition(",")
    plain = folded(name).strip()
    is_name = bool(plain) and not re.search(r"[0-9]", plain) and not words.WAY_AT_HEAD.match(plain)
    return name.strip() if is_name and _has_street(folded(head)) else ""


def _commune_after(plain: str, start: int, limit: int, *, before: str) -> tuple[int, int]:
    """Return where the commune after a postal code begins and ends."""
    found = _NAME.match(plain, start, limit)
    if not found:
        return start, start
    begin, end = found.span("name")
    has_street = _has_street(folded(before))
    if words.WAY_AT_HEAD.match(plain, begin) and not has_street:
        return start, start
    stops = [
        after.start()
        for pattern in (words.CEDEX, words.NUMBERED_WAY, words.AFTER_STREET)
        if (after := pattern.search(plain, begin, end))
    ]
    road = None if has_street else words.ROAD_INSIDE.search(plain, begin, end)
    if road and not words.BEFORE_NAME.search(plain, begin, road.start()):
        stops.append(road.start())
    stop = min([*stops, end])
    country = _FRANCE_AT_END.search(plain[begin:stop].rstrip(EDGES))
    return begin, begin + country.start() if country else stop
