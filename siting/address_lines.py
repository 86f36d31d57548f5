"""The lines of a French address: what is no place is cut out, the commune is set apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

from siting import address_words as words
from siting.address_places import (
    Place,
    chosen_place,
    is_country,
    named_country,
    places_apart,
)
from siting.address_text import EDGES, Reading, folded, visible_text
from siting.names import plain_key

_PARENTHESES = re.compile(r"\(([^()]*)\)")
_ONLY_CODE = re.compile(r"[0-9]{5}")
_ONLY_WAY = re.compile(words.WAY)
_DASH = re.compile(r"\s-\s|\s/\s|(?<=[^\W\d_]{3})/(?=[^\W\d_]{3})")
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """
    The parts of an address between its separators, without what is no place.

    `place` is the postal code and the commune written with it, `cedex_code` the CEDEX one
    when there is one; `has_cedex` tells if the word is there. `country` is the foreign
    country named, as written.
    """

    parts: tuple[str, ...]
    place: Place
    cedex_code: str
    has_cedex: bool
    country: str
    n_boxes: int
    left_out: tuple[str, ...]


def address_lines(text: str) -> Lines:
    """Cut an address into its lines, and set apart its postal code, commune and country."""
    reading = _without_parentheses(visible_text(text))
    for pattern in (words.LINK, words.PHONE, words.COORDINATES):
        reading = reading.without(pattern)
    boxless = reading.without(words.BOX)
    n_boxes = len(boxless.left_out) - len(reading.left_out)
    reading = boxless.without(words.PARCEL).without(words.NOT_SAID)
    reading = reading.without(words.INSIDE, unless_a_name=True).without(words.NO_NUMBER)
    at_home = reading.without(words.FOREIGN_CODE)
    country = "" if at_home is reading else at_home.left_out[-1]
    reading, places = places_apart(at_home)
    place, cedex_code = chosen_place(places)
    unread = [one.code.upper() for one in places if one.code not in {place.code, cedex_code}]
    pieces, dropped = _pieces(reading.text)
    parts = _joined(pieces)
    return Lines(
        parts=tuple(part for part in parts if len(parts) == 1 or not _is_any_country(part)),
        place=place,
        cedex_code=cedex_code,
        has_cedex=words.CEDEX.search(folded(at_home.text)) is not None,
        country=country or named_country(parts, place),
        n_boxes=n_boxes,
        left_out=(*reading.left_out, *unread, *dropped),
    )


def says_nothing(part: str) -> bool:
    """Tell if a part of an address is no place: *néant*, *AB 123*, *?*."""
    is_plot = words.PLOTS_ONLY.fullmatch(folded(part)) is not None
    key = plain_key(part)
    return bool(part) and (is_plot or not key or key in words.NOTHING_SAID)


def ends_a_name(before: str) -> bool:
    """Tell if the number after is of a name: the 1945 of *8 mai 1945*, the 20 of *RN 20*."""
    patterns = (words.MONTH_AT_END, words.NUMBERED_ROAD_AT_END, words.OF_A_NAME)
    return any(pattern.search(before) for pattern in patterns)


def _is_any_country(part: str) -> bool:
    return plain_key(part) == "france" or is_country(part)


def _without_parentheses(text: str) -> Reading:
    """
    Open the parentheses that hold a place, cut the others.

    *8 mai 1945 (place du)* is *place du 8 mai 1945*.
    """
    kept, left_out, end = "", list[str](), 0
    for found in _PARENTHESES.finditer(text):
        kept += text[end : found.start()]
        end = found.end()
        content = found[1].strip()
        if _ONLY_CODE.fullmatch(content):
            kept += f" {content}\n"
        elif _is_way_of_a_name(folded(content)):
            kept = _turned(kept, content)
        elif _is_place(content):
            kept += f"\n{content}\n"
        else:
            left_out.append(content)
            kept += "\n"
    return Reading(re.sub(r"[()\[\]{}]", "\n", kept + text[end:]), tuple(left_out))


def _is_way_of_a_name(plain: str) -> bool:
    if _ONLY_WAY.fullmatch(plain):
        return True
    is_way = words.WAY_AT_HEAD.match(plain) is not None
    return is_way and words.BEFORE_NAME.search(plain) is not None


def _is_place(content: str) -> bool:
    """Tell the commune or street of *(Bondy)*, *(12 rue Carnot)* from a note."""
    plain = folded(content)
    if words.NUMBERED_WAY.search(plain) or words.WAY_AT_HEAD.match(plain):
        return True
    is_name = content[:1].isupper() and not re.search(r"[0-9]", plain)
    return is_name and not words.NOTE_AT_HEAD.match(plain)


def _turned(before: str, way: str) -> str:
    """Put a kind of way in front of its name: *Carnot (rue)*."""
    head = before.rstrip()
    start = max(head.rfind(sign) for sign in ",\n") + 1
    name = head[start:].strip()
    number = words.NUMBERED.match(folded(name))
    if number and not words.MONTH_AT_HEAD.match(folded(name), number.end()):
        return f"{head[:start]} {name[: number.end()]}{way} {name[number.end() :]}"
    return f"{head[:start]} {way} {name}"


def _pieces(text: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Split at commas, lines and dashes: each piece with its separator, and what says nothing."""
    split = re.split(r"([,\n])", _with_lines(text))
    pieces, dropped = list[tuple[str, str]](), list[str]()
    for piece, separator in zip(split[::2], [*split[1::2], ""], strict=True):
        part = " ".join(piece.split()).strip(EDGES)
        none = words.NO_NUMBER_AT_HEAD.match(folded(part))
        named = part[none.end() :].strip(EDGES) if none else part
        dropped.append(part[: len(part) - len(named)])
        if says_nothing(named):
            dropped.append(named)
        elif named:
            pieces.append((named, separator))
    return pieces, dropped


def _with_lines(text: str) -> str:
    """Make lines of what dashes and bars separate: not *Saint - Denis*."""
    plain = folded(text)
    kept, end = "", 0
    for found in _DASH.finditer(plain):
        if not words.BEFORE_DASH.search(plain, max(0, found.start() - 12), found.start()):
            kept += text[end : found.start()] + "\n"
            end = found.end()
    return kept + text[end:]


def _joined(pieces: list[tuple[str, str]]) -> list[str]:
    """Put a number with its street: what follows it, or a street before it that has none."""
    parts, separator = list[str](), ""
    for part, next_separator in [*pieces, ("", "")]:
        is_way = words.WAY_AT_HEAD.match(folded(part))
        if parts[1:] and not is_way and _is_number(parts[-1]) and _takes_number(parts[-2]):
            parts[-2:] = [f"{parts[-2]}\n{parts[-1]}"]
        elif part and parts and _goes_on(parts[-1], separator, part):
            parts[-1] += f"{separator}{part}"
            part = ""  # noqa: PLW2901 - it is read
        parts += [part] if part else []
        separator = next_separator
    return parts


def _is_number(part: str) -> bool:
    return words.NUMBERS.fullmatch(folded(part)) is not None


def _takes_number(part: str) -> bool:
    """Tell if a part is a street that may have its number after it."""
    plain = folded(part)
    is_street = words.ROAD_AT_HEAD.match(plain) and not words.NUMBERED_ROAD_AT_HEAD.match(plain)
    return bool(is_street) and "\n" not in part


def _goes_on(part: str, separator: str, following: str) -> bool:
    """Tell if a part that ends with a number is the beginning of the next one."""
    if _is_number(part):
        return _LETTER.search(following) is not None or _is_number(following)
    plain = folded(part)
    found = None if words.ROAD_AT_HEAD.match(plain) else words.NUMBER_AT_END.search(plain)
    return (
        separator == ","
        and found is not None
        and not ends_a_name(plain[: found.start()])
        and words.NAMED_ROAD_AT_HEAD.match(folded(following)) is not None
    )
