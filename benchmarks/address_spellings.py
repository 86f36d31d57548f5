"""
The ways in which people write an address of the BAN, each as the row of a projects file.

Used by `geocoding.py`. A spelling that needs a choice draws it from the address, so that it is
the same on each run. It does not apply to an address that it would leave as it is.
"""

from __future__ import annotations

import random
import re
import unicodedata
import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from siting.addresses import same_suffix
from siting.names import plain_key

Row = dict[str, str]

SHORT_WAYS = {
    "allée": "all",
    "avenue": "av",
    "boulevard": "bd",
    "chemin": "ch",
    "cours": "crs",
    "impasse": "imp",
    "passage": "pass",
    "place": "pl",
    "résidence": "res",
    "route": "rte",
    "rue": "r",
    "ruelle": "rle",
    "square": "sq",
}
SHORT_TITLES = {
    "docteur": "Dr",
    "général": "Gal",
    "grand": "Gd",
    "maréchal": "Mal",
    "professeur": "Pr",
    "saint": "St",
    "sainte": "Ste",
    "sergent": "Sgt",
}
SPELLED_OUT = {"av": "avenue", "mal": "marechal", "pl": "place"}
OTHER_WAYS = ("Rue", "Avenue", "Boulevard", "Allée", "Place", "Impasse")
SUFFIXES = ("bis", "ter", "quater", "c", "d")
ARTICLES = re.compile(r"(?i)\b(?:(?:du|des|de la|de)\s|(?:de l|d)[’'])")
FAR_FROM = 7  # numbers between that of an address and one that is not there, at most
SHORTEST_WORD = 4  # letters of a word with a typing error
SHORTEST_NAME = 2  # words before the last one of a street that is given another
LINKS = {"a", "au", "aux", "d", "de", "des", "du", "en", "et", "l", "la", "le", "les"}
NEIGHBOURS = (("93500", "Pantin"), ("93600", "Aulnay-sous-Bois"))
INSIDE = (
    "Bât. B, {}",
    "Résidence Les Lilas, {}",
    "Appt 34 - {}",
    "{}, 3e étage",
    "{} escalier C porte 4",
    "{} - Bâtiment A2 - RDC",
    "Chez M. Dupont, {}",
    "{}, immeuble Le Mistral",
    "MAIRIE ANNEXE\n{}",
    "{} (au fond de la cour)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An address of the file: what is right."""

    number: str
    suffix: str
    street: str
    postcode: str
    city: str
    citycode: str
    lon: float
    lat: float

    @classmethod
    def of(
        cls, number: str, *, street: str, place: Sequence[str], at: tuple[float, float]
    ) -> Known:
        """Make an address; `number` has its suffix, `place` is postal code, commune, its code."""
        digits = re.match(r"\d+", number)
        end = digits.end() if digits else 0
        postcode, city, citycode = place
        lon, lat = at
        return cls(
            number=number[:end],
            suffix=number[end:],
            street=street,
            postcode=postcode,
            city=city,
            citycode=citycode,
            lon=lon,
            lat=lat,
        )

    @property
    def name(self) -> str:
        """Words of the street, `av` being `avenue`."""
        return _name(self.street)

    def is_named(self, label: str) -> bool:
        """Tell if a label is that of the street."""
        return label == f"{self.street} {self.postcode} {self.city}"

    def is_door(self, number: str, suffix: str) -> bool:
        """Tell if this is that door, `b` being `bis`."""
        return self.number == number and same_suffix(self.suffix, suffix)

    @property
    def line(self) -> str:
        """Number, glued suffix and street, as the BAN writes them."""
        return f"{self.number}{self.suffix} {self.street}"

    @property
    def label(self) -> str:
        """Label of the address, as the engine writes it."""
        return f"{self.line} {self.postcode} {self.city}"

    @property
    def door(self) -> str:
        """Number and suffix as they are mostly written."""
        return f"{self.number} {self.suffix}".strip()

    def chance(self, salt: str) -> random.Random:
        """Return choices that are the same on each run."""
        return random.Random(zlib.crc32(f"{salt} {self.label}".encode()))  # noqa: S311 - no secret


@dataclass(frozen=True, slots=True)
class Streets:
    """All the addresses, by label; the doors of each street; names, articles left out."""

    by_label: dict[str, Known]
    doors: dict[str, list[Known]]
    names: frozenset[str]

    @classmethod
    def of(cls, known: Sequence[Known]) -> Streets:
        """Index addresses."""
        doors = defaultdict(list)
        for one in known:
            doors[one.name].append(one)
        names = frozenset(map(_without_articles, doors))
        return cls({one.label: one for one in known}, dict(doors), names)

    def has(self, one: Known, number: str, suffix: str) -> bool:
        """Tell if the street of an address has that door too."""
        return any(door.is_door(number, suffix) for door in self.doors[one.name])

    def is_named(self, street: str) -> bool:
        """Tell if a street has that name, articles apart."""
        return _without_articles(_name(street)) in self.names


def _name(street: str) -> str:
    """Reduce a street to its words, without what the BAN writes now short, now long."""
    return " ".join(SPELLED_OUT.get(word, word) for word in plain_key(street).split())


def _without_articles(name: str) -> str:
    return " ".join(word for word in name.split() if word not in LINKS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """
    A way of writing; `row` returns None for an address to which it does not apply.

    `is_there` tells if what is written is an address of the file.
    """

    name: str
    row: Callable[[Known, Streets], Row | None]
    is_there: bool = True


def _row(one: Known, address: str, **cells: str) -> Row:
    return {"address": address, "code_postal": one.postcode, "commune": one.city} | cells


def _whole(address: str) -> Row:
    return {"address": address, "code_postal": "", "commune": ""}


def _changed(one: Known, street: str) -> Row | None:
    return None if street == one.street else _row(one, f"{one.number}{one.suffix} {street}")


def _bare(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.replace("’", "'"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _exact(one: Known, _: Streets) -> Row:
    return _row(one, one.line)


def _upper(one: Known, _: Streets) -> Row:
    return _row(one, one.line.upper(), commune=one.city.upper())


def _capitals(one: Known, _: Streets) -> Row:
    return _row(one, _bare(f"{one.door} {one.street}").upper(), commune=_bare(one.city).upper())


def _no_accents(one: Known, _: Streets) -> Row:
    return _row(one, _bare(one.line).lower())


def _one_text(one: Known, _: Streets) -> Row:
    return _whole(f"{one.door} {one.street}, {one.postcode} {one.city}")


def _short_way(one: Known, _: Streets) -> Row | None:
    way, _, name = one.street.partition(" ")
    short = {plain_key(long): short for long, short in SHORT_WAYS.items()}.get(plain_key(way))
    end = one.chance("way").choice((" ", ". "))
    return _row(one, f"{one.door} {short}{end}{name}") if short and name else None


def _short_titles(one: Known, _: Streets) -> Row | None:
    other = {plain_key(long): short for long, short in SHORT_TITLES.items()} | SPELLED_OUT
    words = re.split(r"([ -])", one.street)
    return _changed(one, "".join(other.get(plain_key(word), word) for word in words))


def _no_articles(one: Known, _: Streets) -> Row | None:
    return _changed(one, ARTICLES.sub("", one.street))


def _suffix_written(form: Callable[[str], str]) -> Callable[[Known, Streets], Row | None]:
    def row(one: Known, _: Streets) -> Row | None:
        return _row(one, f"{one.number}{form(one.suffix)} {one.street}") if one.suffix else None

    return row


def _swapped(one: Known, _: Streets) -> Row:
    link = one.chance("swap").choice((", ", " ", " n° "))
    return _row(one, f"{one.street}{link}{one.door}")


def _commune_first(one: Known, _: Streets) -> Row:
    place = one.chance("first").choice((f"{one.postcode} {one.city}, ", f"{one.city.upper()} - "))
    return _whole(f"{place}{one.door} {one.street}")


def _typing_error(kind: str) -> Callable[[Known, Streets], Row | None]:
    def row(one: Known, _: Streets) -> Row | None:
        chance = one.chance(kind)
        words = list(re.finditer(r"[^\W\d_]+", one.street))[1:]
        long = [word for word in words if len(word[0]) >= SHORTEST_WORD]
        if not long:
            return None
        word = chance.choice(long)
        at = word.start() + chance.randrange(1, len(word[0]) - 1)
        return _changed(one, _with_error(one.street, at, kind, chance))

    return row


def _with_error(text: str, at: int, kind: str, chance: random.Random) -> str:
    other = chance.choice("abcdefghijklmnopqrstuvwxyz")
    written = {
        "dropped": "",
        "doubled": text[at] * 2,
        "swapped": text[at + 1] + text[at],
        "replaced": other,
    }[kind]
    return text[:at] + written + text[at + (2 if kind == "swapped" else 1) :]


def _wrong_postcode(one: Known, _: Streets) -> Row:
    return _row(one, one.line, code_postal=f"{one.postcode[:2]}{(int(one.postcode[2:]) + 10):03d}")


def _no_postcode(one: Known, _: Streets) -> Row:
    return _row(one, one.line, code_postal="")


def _no_commune(one: Known, _: Streets) -> Row:
    return _row(one, one.line, commune="")


def _inside(one: Known, _: Streets) -> Row:
    return _row(one, one.chance("inside").choice(INSIDE).format(f"{one.door} {one.street}"))


def _cedex(one: Known, _: Streets) -> Row:
    code, n = f"{one.postcode[:3]}41", one.chance("cedex").choice(("", " 1", " 2"))
    if one.chance("columns").random() < 1 / 2:
        return _whole(f"{one.door} {one.street}, BP 12, {code} {one.city.upper()} CEDEX{n}")
    return _row(one, f"{one.door} {one.street}", code_postal=code, commune=f"{one.city} Cedex{n}")


def _range(one: Known, _: Streets) -> Row:
    link = one.chance("range").choice(("-", "/", " - ", " à ", " et "))
    return _row(one, f"{one.door}{link}{int(one.number) + 2} {one.street}")


def _no_such_number(one: Known, streets: Streets) -> Row | None:
    near = [str(int(one.number) + more) for more in range(1, FAR_FROM)]
    taken = {door.number for door in streets.doors[one.name]}
    free = [number for number in near if number not in taken]
    return _row(one, f"{free[0]} {one.street}") if free else None


def _no_such_suffix(one: Known, streets: Streets) -> Row | None:
    free = (mark for mark in SUFFIXES if not streets.has(one, one.number, mark))
    mark = next(free, None)
    return None if mark is None else _row(one, f"{one.number} {mark} {one.street}")


def _no_such_bare_number(one: Known, streets: Streets) -> Row | None:
    is_there = streets.has(one, one.number, "")
    return None if is_there else _row(one, f"{one.number} {one.street}")


def _other_way(one: Known, streets: Streets) -> Row | None:
    way, _, name = one.street.partition(" ")
    free = [
        other
        for other in OTHER_WAYS
        if plain_key(other) != plain_key(way) and not streets.is_named(f"{other} {name}")
    ]
    return _row(one, f"{one.door} {one.chance('way').choice(free)} {name}")


def _other_name(one: Known, streets: Streets) -> Row | None:
    """Give a street the last word of another one: nobody has that name, of words that are."""
    chance, words = one.chance("name"), one.street.split()[:-1]
    if len(_without_articles(_name(" ".join(words))).split()) < SHORTEST_NAME:
        return None
    lasts = {other.street.split()[-1] for other in streets.by_label.values()}
    free = [last for last in sorted(lasts) if not streets.is_named(" ".join([*words, last]))]
    return _row(one, f"{one.door} {' '.join(words)} {chance.choice(free)}")


def _other_commune(one: Known, _: Streets) -> Row:
    code, name = one.chance("commune").choice(NEIGHBOURS)
    return _row(one, one.line, code_postal=code, commune=name)


SPELLINGS = (
    Spelling(name="as the BAN writes it", row=_exact),
    Spelling(name="upper case", row=_upper),
    Spelling(name="upper case, no accents", row=_capitals),
    Spelling(name="lower case, no accents", row=_no_accents),
    Spelling(name="all in one cell", row=_one_text),
    Spelling(name="kind of way abbreviated", row=_short_way),
    Spelling(name="titles abbreviated or spelled out", row=_short_titles),
    Spelling(name="no *de*, *du*, *des*", row=_no_articles),
    Spelling(name="suffix apart: 12 bis", row=_suffix_written(lambda mark: f" {mark}")),
    Spelling(
        name="suffix as a letter: 12 B", row=_suffix_written(lambda mark: f" {mark[0].upper()}")
    ),
    Spelling(name="suffix as 12 Bis,", row=_suffix_written(lambda mark: f" {mark.title()},")),
    Spelling(name="street, then number", row=_swapped),
    Spelling(name="commune first", row=_commune_first),
    Spelling(name="a letter dropped", row=_typing_error("dropped")),
    Spelling(name="a letter doubled", row=_typing_error("doubled")),
    Spelling(name="two letters swapped", row=_typing_error("swapped")),
    Spelling(name="a letter replaced", row=_typing_error("replaced")),
    Spelling(name="wrong postal code", row=_wrong_postcode),
    Spelling(name="no postal code", row=_no_postcode),
    Spelling(name="no commune", row=_no_commune),
    Spelling(name="building, floor, person", row=_inside),
    Spelling(name="CEDEX", row=_cedex),
    Spelling(name="range: 12-14", row=_range),
    Spelling(name="a number that is not there", row=_no_such_number, is_there=False),
    Spelling(name="a suffix that is not there", row=_no_such_suffix, is_there=False),
    Spelling(name="a number there only with a suffix", row=_no_such_bare_number, is_there=False),
    Spelling(name="another kind of way", row=_other_way, is_there=False),
    Spelling(name="another last word of the street", row=_other_name, is_there=False),
    Spelling(name="a neighbouring commune", row=_other_commune, is_there=False),
)
