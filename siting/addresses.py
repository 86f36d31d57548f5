"""What a French postal address says: number, suffix, street, postal code, commune."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from siting import address_words as words
from siting.address_lines import Lines, address_lines, ends_a_name, says_nothing
from siting.address_places import commune_name
from siting.address_text import EDGES, folded, in_order, visible_text
from siting.names import commune_key, street_key

_FOLDED_SUFFIX = {"bis": "b", "ter": "t", "quater": "q", "quinquies": "c", "sexies": "s"}
_FEWEST_SIGNS = 3  # what the national service asks for
_LINKS = {"a", "au", "aux", "d", "de", "des", "du", "en", "et", "l", "la", "le", "les", "sur"}
_BETWEEN = {"ch", "chem", "chemin", "route", "rte", "sente", "sentier", "voie"}
_ONE_NUMBER = re.compile(rf"(?i)[0-9]+(?:\s?(?:{words.SUFFIXES}|[a-z])\b)?|{words.SUFFIXES}")
_MOST_WORDS = 12  # no name of a commune has more


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """
    One address, as the parts a geocoder is asked for and judged against.

    `number` has its digits only, `suffix` as written; `postcode` is empty when it is a
    CEDEX one (`cedex_postcode` then), which is not the code of a place. `tail` is the
    text after the last comma, a commune perhaps. `is_box_only` says that nothing but a
    postal box was given, `country` that the address is in another country.

    What is not asked for is kept as written: the `other_numbers` of a range, and in
    `left_out` the boxes, buildings, floors, notes and second streets. Two addresses that
    ask for the same are equal, whatever they leave out.
    """

    number: str = ""
    suffix: str = ""
    street: str = ""
    postcode: str = ""
    commune: str = ""
    cedex_postcode: str = ""
    tail: str = ""
    is_box_only: bool = False
    country: str = ""
    other_numbers: tuple[str, ...] = field(default=(), compare=False)
    left_out: tuple[str, ...] = field(default=(), compare=False)

    @property
    def line(self) -> str:
        """Number, suffix and street; the suffix is glued, as labels of the BAN write it."""
        return f"{self.number}{self.suffix} {self.street}".strip()

    @property
    def spelled_line(self) -> str:
        """The same with the kind of way spelled out: for a score, `av` is not `avenue`."""
        return f"{self.number}{self.suffix} {_spelled(self.street)}".strip()

    @property
    def is_usable(self) -> bool:
        """
        Tell if there is enough to ask for: three letters or digits, one letter at least.

        An address in another country is not: the geocoder knows none, and finds a street
        of the same name in France.
        """
        signs = [c for c in self.line if c.isalnum()]
        is_long = len(signs) >= _FEWEST_SIGNS and any(c.isalpha() for c in signs)
        return is_long and not self.country

    @property
    def remark(self) -> str:
        """Say in French what the question to the geocoder leaves out; empty if nothing."""
        said = []
        if self.other_numbers:
            others = ", ".join(self.other_numbers)
            said.append(f"numéro {self.number}{self.suffix} retenu, sans {others}")
        if self.left_out:
            said.append(f"non demandé : {', '.join(self.left_out)}")
        return " ; ".join(said)


@dataclass(frozen=True, slots=True)
class _Street:
    """A street read in one part of an address; a smaller `rank` is a better one."""

    rank: int
    street: str = ""
    number: str = ""
    suffix: str = ""
    other_numbers: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def read_address(text: str, *, postcode: str = "", commune: str = "") -> Address:
    """
    Read an address, with or without its postal code and commune.

    What the columns `postcode` and `commune` say wins over the text, and the text is not
    repeated. Buildings, floors, persons, notes, telephone numbers, parcels, coordinates,
    postal boxes and CEDEX are left out. Of several numbers (`12-14`), the first is kept;
    of several streets, the first that has a number. Nothing is corrected or added: each
    letter of the street was in the text.

    The cost grows with the length of the text, of which 500 signs are read.

    References
    ----------
    AFNOR NF Z10-011, for the lines of an address; addok-france, whose forms of CEDEX, boxes
    and *lieu-dit* are read here too.
    """
    lines = address_lines(text)
    column = commune_name(commune)
    name = column or lines.place.name
    streets = [(rank, one) for rank, part in enumerate(lines.parts) for one in _streets(part, name)]
    at, best = min(streets, key=lambda ranked: ranked[1].rank, default=(-1, _Street(9)))
    last = lines.parts[-1] if len(lines.parts) > 1 and at != len(lines.parts) - 1 else ""
    is_commune = not re.search(r"^\d|\d{3}", last) and not words.WAY_AT_HEAD.match(folded(last))
    tail = last if is_commune else ""
    street, name = _without_commune(best.street, name)
    if not best.number and says_nothing(street):
        best, street = replace(best, left_out=(*best.left_out, street)), ""
    if not best.number and commune_key(street) == commune_key(name):
        street = ""
    others = [part for rank, part in enumerate(lines.parts) if rank != at and part != tail]
    code, cedex_code = _codes(lines, postcode, commune)
    left_out = [*lines.left_out, *best.left_out, *others, *_contradicted(lines, code, column)]
    return Address(
        number=best.number,
        suffix=best.suffix,
        street=street,
        postcode=code,
        commune=name,
        cedex_postcode=cedex_code,
        tail=tail,
        is_box_only=lines.n_boxes > 0 and not street_key(street),
        country=lines.country,
        other_numbers=best.other_numbers,
        left_out=in_order(left_out, visible_text(text)),
    )


def same_suffix(one: str, other: str) -> bool:
    """Tell if two suffixes are the same door: `bis` and `B` are, in the BAN and in addok."""
    marks = [_FOLDED_SUFFIX.get(text.casefold(), text.casefold()) for text in (one, other)]
    return marks[0] == marks[1]


def split_number(text: str) -> tuple[str, str]:
    """Split the house number of an answer: `12 bis`, `12bis`, `12B` -> digits, suffix."""
    found = re.fullmatch(r"\s*0*(\d+)\s*([^\W\d]*)\s*", text)
    return (found[1], found[2]) if found else (text.strip(), "")


def _codes(lines: Lines, postcode: str, commune: str) -> tuple[str, str]:
    """Return the postal code of the place and the CEDEX code, each empty if there is none."""
    column = postcode.strip()
    written = lines.place.code if lines.place.code.isdecimal() else ""
    if words.CEDEX.search(folded(f"{postcode} {commune}")):
        return "", column or lines.cedex_code or written
    if not lines.has_cedex or (not lines.place.is_cedex and written):
        return column or written, lines.cedex_code
    if column and lines.cedex_code not in {"", column}:
        return column, lines.cedex_code
    return "", column or lines.cedex_code


def _contradicted(lines: Lines, code: str, commune: str) -> Iterator[str]:
    """Give the postal code and the commune of the text that the columns overrule."""
    written, name = lines.place.code, lines.place.name
    if written not in {code, lines.cedex_code}:
        yield written.upper()
    keys = commune_key(name), commune_key(commune)
    if all(keys) and not keys[0].startswith(keys[1]) and not keys[1].startswith(keys[0]):
        yield name


def _streets(part: str, commune: str) -> Iterator[_Street]:
    """Give the streets that one part of an address in this commune may name."""
    plain = folded(part)
    alone = words.NUMBERS.fullmatch(plain)
    if alone:
        yield _numbered(part, alone, len(part), rank=8)
        return
    marks = [
        found
        for found in words.NUMBERED_WAY.finditer(plain)
        if _digits(found["number"]) and not ends_a_name(plain[: found.start()].rstrip(EDGES))
    ]
    for rank, found in enumerate(marks):
        stop = marks[rank + 1].start() if rank + 1 < len(marks) else len(part)
        is_road = words.ROAD_AT_HEAD.match(plain, found.end())
        yield _numbered(part, found, stop, rank=0 if is_road else 1)
    at_head = words.NUMBERED.match(plain)
    if at_head and not words.MONTH_AT_HEAD.match(plain, at_head.end()):
        yield _numbered(part, at_head, len(part), rank=1)
    elif not marks:
        yield _unnumbered(part, commune)


def _numbered(part: str, found: re.Match[str], stop: int, *, rank: int) -> _Street:
    name, _, beyond = part[found.end() : stop].partition("\n")
    street, after = _trimmed(name)
    number, suffix = _digits(part[slice(*found.span("number"))]), ""
    for group in ("word", "glued", "letter"):
        suffix = suffix or part[slice(*found.span(group))]
    others = " ".join(part[slice(*found.span("others"))].split())
    return _Street(
        rank=rank,
        street=street,
        number=number,
        suffix=suffix if number else "",
        other_numbers=tuple(_ONE_NUMBER.findall(others)),
        left_out=(part[: found.start()], after, beyond, part[stop:]),
    )


def _unnumbered(part: str, commune: str) -> _Street:
    """Read a part without number in front; it may come at the end: *rue Carnot 12*."""
    plain = folded(part)
    has_road_name = bool(words.NUMBERED_ROAD_AT_HEAD.match(plain))
    is_road = not has_road_name and bool(words.ROAD_AT_HEAD.match(plain))
    start = 0 if is_road or has_road_name else _road_inside(plain)
    is_road = is_road or start > 0
    name, _, alone = part[start:].partition("\n")
    if not words.NUMBERS.fullmatch(folded(alone)):
        name, alone = part[start:], ""
    street, after = _trimmed(name)
    if after and says_nothing(street):
        found = _unnumbered(after, commune)
        return replace(found, left_out=(part[:start], street, *found.left_out))
    if words.PERSON_AT_HEAD.match(folded(street)):
        return _Street(rank=9, left_out=(part,))
    if is_road and not alone:
        street, alone = _house_at_end(_without_commune(street, commune)[0])
    house = words.NUMBERS.fullmatch(folded(alone))
    rank = 2 if is_road else 3 if has_road_name or words.WAY_AT_HEAD.match(plain) else 4
    one = _numbered(alone, house, len(alone), rank=rank) if house else _Street(rank)
    return replace(one, street=street, left_out=(part[:start], after))


def _house_at_end(street: str) -> tuple[str, str]:
    """Split a street and the number after it, which may be empty."""
    plain = folded(street)
    found = words.NUMBER_AT_END.search(plain)
    if not found or not _is_house(plain, found):
        return street, ""
    return street[: found.start()].rstrip(EDGES), street[found.end("before") :]


def _is_house(street: str, found: re.Match[str]) -> bool:
    """Tell the 12 of *rue Carnot 12* from the 20 of *RN 20* and the 4 of *rue Henri 4*."""
    before = street[: found.start()]
    number = found["number"].lstrip("0")
    if not number or words.YEAR.fullmatch(number) or words.BEFORE_NAME.search(f"{before} "):
        return False
    patterns = (words.KING_AT_END, words.PLACE_AT_END)
    is_name = ends_a_name(before) or any(pattern.search(before) for pattern in patterns)
    return bool(words.ROAD_AT_HEAD.match(before)) and not is_name


def _road_inside(plain: str) -> int:
    """Return where a street begins after something else: *Mairie place Carnot*; 0 if not."""
    for found in words.ROAD_INSIDE.finditer(plain):
        before = plain[: found.start()]
        if not words.BEFORE_NAME.search(before) and not words.ORDINAL_AT_END.search(before):
            return found.start()
    return 0


def _digits(number: str) -> str:
    """Write a number without zeros in front; number 0 is none."""
    return number.lstrip("0")


def _trimmed(street: str) -> tuple[str, str]:
    """Cut what follows the name of a street: *rue Carnot | résidence Les Lilas*."""
    street = " ".join(street.split())
    plain = folded(street)
    lieu_dit = words.LIEU_DIT.match(plain)
    start = lieu_dit.end() if lieu_dit else 0
    for found in words.AFTER_STREET.finditer(plain, start):
        before = plain[start : found.start()].strip()
        is_name = " " in before or words.WHOLE_NAME.fullmatch(before)
        if is_name and not words.BEFORE_NAME.search(f"{before} "):
            cut = found.start()
            return street[start:cut].strip(EDGES), street[cut:].strip(EDGES)
    return street[start:].strip(EDGES), ""


def _without_commune(street: str, commune: str) -> tuple[str, str]:
    """
    Cut the commune at the end of a street, but not the Paris of *rue de Paris*.

    Returns the street and the commune: where none was known, the city and arrondissement
    that were cut.
    """
    name = commune_key(commune)
    names = {name, words.ARRONDISSEMENT.sub("", name)}
    written = street.split()
    n_most = min(name.count(" ") + 2, _MOST_WORDS) if name else 0
    for n_words in range(max(1, len(written) - n_most), len(written)):
        n_kept = _n_before(written, n_words)
        if n_kept and commune_key(" ".join(written[n_words:])) in names:
            return _without_commune(" ".join(written[:n_kept]).rstrip(EDGES), commune)
    city = words.PLM_AT_END.search(folded(street))
    before = street[: city.start()] if city else ""
    if not city or " " not in before or words.BEFORE_NAME.search(f"{folded(before)} "):
        return street, commune
    cut = before.rstrip(EDGES), commune or street[city.start() :].strip()
    return _without_commune(*cut)


def _n_before(written: list[str], n_words: int) -> int:
    """Count the words before a commune: *rue Richan | à Lyon*; 0 if it ends their name."""
    if n_words == 1:
        return 1 if says_nothing(written[0]) else 0
    link = commune_key(written[n_words - 1]).rpartition(" ")[2]
    if link not in _LINKS:
        return n_words
    is_to = link == "a" and n_words > 2 and commune_key(written[0]) not in _BETWEEN  # noqa: PLR2004
    return n_words - 1 if is_to else 0


def _spelled(street: str) -> str:
    first, _, rest = street.partition(" ")
    if not rest or not first.rstrip(".").isalpha():
        return street
    kind = street_key(f"{first} x").removesuffix(" x")
    return f"{first if kind == commune_key(first) else kind} {rest}"
