"""Keys under which two spellings of a French commune or street are the same name.

A key is made to be compared, never to be shown. Two different communes may share one:
compare codes first, names second.
"""

from __future__ import annotations

import re
import unicodedata

_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o"})  # what NFKD does not split
_SHORT_SUR = re.compile(r"\bs\s?/\s?(s\b)?\s?")  # "Rosny s/s Bois", "Épinay s/ Seine"

_SAINTS = {"st": "saint", "ste": "sainte", "sts": "saints", "stes": "saintes"}

# Kinds of way as they are usually shortened; some are words of their own elsewhere in a name,
# so they are read at the head of the street only.
_WAY_KINDS = {
    "all": "allee",
    "av": "avenue",
    "ave": "avenue",
    "bd": "boulevard",
    "bld": "boulevard",
    "blvd": "boulevard",
    "boul": "boulevard",
    "bvd": "boulevard",
    "ch": "chemin",
    "che": "chemin",
    "chem": "chemin",
    "crs": "cours",
    "dom": "domaine",
    "esp": "esplanade",
    "espl": "esplanade",
    "ham": "hameau",
    "imp": "impasse",
    "lot": "lotissement",
    "mte": "montee",
    "pas": "passage",
    "pass": "passage",
    "pl": "place",
    "prom": "promenade",
    "psg": "passage",
    "q": "quai",
    "r": "rue",
    "res": "residence",
    "rle": "ruelle",
    "rpt": "rond point",
    "rte": "route",
    "sq": "square",
    "trav": "traverse",
    "ven": "venelle",
    "vla": "villa",
    "za": "zone artisanale",
    "zi": "zone industrielle",
}
# Roads called by their number, as a word of its own or not: RN 20, D12.
_NUMBERED_ROADS = {
    "cr": "chemin rural",
    "d": "route departementale",
    "n": "route nationale",
    "rd": "route departementale",
    "rn": "route nationale",
    "vc": "voie communale",
}
_TITLES = {
    "cdt": "commandant",
    "cmdt": "commandant",
    "cne": "capitaine",
    "col": "colonel",
    "dr": "docteur",
    "fbg": "faubourg",
    "fg": "faubourg",
    "gal": "general",
    "gd": "grand",
    "gde": "grande",
    "gen": "general",
    "lt": "lieutenant",
    "mal": "marechal",
    "mgr": "monseigneur",
    "mlle": "mademoiselle",
    "mme": "madame",
    "nd": "notre dame",
    "pdt": "president",
    "pr": "professeur",
    "prof": "professeur",
    "sgt": "sergent",
}
_WAY_WORDS = {word for kind in _WAY_KINDS.values() for word in kind.split()} | {"cite", "voie"}
_MONTHS = {
    *("janvier", "fevrier", "mars", "avril", "mai", "juin"),
    *("juillet", "aout", "septembre", "octobre", "novembre", "decembre"),
}
_DAYS = (
    *("premier", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze"),
    *("douze", "treize", "quatorze", "quinze", "seize", "dix sept", "dix huit", "dix neuf"),
    *("vingt", "vingt et un", "vingt deux", "vingt trois", "vingt quatre", "vingt cinq"),
    *("vingt six", "vingt sept", "vingt huit", "vingt neuf", "trente"),
)
_DAY_NUMBERS = {name: str(day) for day, name in enumerate(_DAYS, start=1)} | {"1er": "1"}
_ROAD_NUMBER = re.compile(r"([a-z]{1,2}) ?(\d{1,4}[a-z]?)")
_NUMBER = re.compile(r"\d+(?:[a-z]|bis|ter|quater|quinquies)?")
_SUFFIXES = {"bis", "ter", "quater", "quinquies"}


def plain_key(text: str) -> str:
    """
    Reduce a text to its words, without case, accent, ligature, punctuation or invisible mark.

    Words are in lower case, separated by one space; the key is empty if there is none.
    """
    return " ".join(_words(_folded(text)))


def commune_key(name: str) -> str:
    """
    Reduce the name of a commune to what makes it that commune.

    Case, accents, ligatures, apostrophes, hyphens, spaces and invisible characters do
    not count; `St` and `Ste` are spelled out, `s/` and `s/s` read as *sur* and *sous*.
    Articles are kept: Le Mans is not Mans. A key may name several communes.

    Parameters
    ----------
    name
        Name in any spelling.

    Returns
    -------
    key
        Words in lower case, separated by one space; empty if the name has no letter or digit.
    """
    short = _SHORT_SUR.sub(lambda found: " sous " if found[1] else " sur ", _folded(name))
    return " ".join(_SAINTS.get(word, word) for word in _words(short))


def street_key(text: str) -> str:
    """
    Reduce a street, with or without its number, to the words of its name.

    As `commune_key`, and the kind of way and usual titles are spelled out (`av.`, `Bd`,
    `Gal`, `RN 20`), the number in front and its suffix are left out (`12 bis`, `12-14`,
    `n° 3`), and so is *lieu-dit*. A date is not a number: the 8 of *8 mai 1945* stays, and
    *onze novembre* is *11 novembre*.

    Parameters
    ----------
    text
        Name of a street, or first line of an address without postal code and commune.

    Returns
    -------
    key
        Words in lower case, separated by one space; empty if there is nothing but a number.
    """
    words = _without_lieu_dit(_without_number(_dated(_words(_folded(text)))))
    if words[:2] in (["rd", "pt"], ["rd", "point"]):
        words = ["rpt", *words[2:]]
    spelled = _numbered_road(words) or [
        *(_WAY_KINDS.get(word, word) for word in words[:1]),
        *words[1:],
    ]
    return " ".join({**_SAINTS, **_TITLES}.get(word, word) for word in spelled)


def _folded(text: str) -> str:
    if text.isascii():
        return text.casefold()
    visible = "".join(c for c in text if unicodedata.category(c) != "Cf")
    lower = unicodedata.normalize("NFKC", visible).casefold().translate(_LIGATURES)
    return "".join(c for c in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(c))


def _words(folded: str) -> list[str]:
    return re.findall(r"[^\W_]+", folded)


def _dated(words: list[str]) -> list[str]:
    """Write the days of dates in digits: *onze novembre*, *1er mai*."""
    dated = list[str]()
    for word in words:
        if word in _MONTHS:
            ends = (" ".join(dated[-n_words:]) for n_words in (3, 2, 1))
            day = next((end for end in ends if end in _DAY_NUMBERS), "")
            dated[len(dated) - len(day.split()) :] = [_DAY_NUMBERS[day]] if day else []
        dated.append(word)
    return dated


def _without_lieu_dit(words: list[str]) -> list[str]:
    n_words = 2 if words[:2] in (["lieu", "dit"], ["lieux", "dits"]) else 1
    is_said = n_words > 1 or words[:1] in (["ld"], ["lieudit"])
    return words[n_words:] if is_said and len(words) > n_words else words


def _numbered_road(words: list[str]) -> list[str]:
    """Spell out a road called by its number; empty if it is not one."""
    found = _ROAD_NUMBER.fullmatch(" ".join(words[:2])) or _ROAD_NUMBER.fullmatch(
        " ".join(words[:1])
    )
    if not found or found[1] not in _NUMBERED_ROADS:
        return []
    n_words = found[0].count(" ") + 1
    return [_NUMBERED_ROADS[found[1]], found[2], *words[n_words:]]


def _without_number(words: list[str]) -> list[str]:
    """Drop the numbers in front: 12, 12 bis, 12 14, 12 et 14, n 12."""
    rest = words
    if len(rest) > 1 and rest[0] in {"n", "no", "numero"} and _NUMBER.fullmatch(rest[1]):
        rest = rest[1:]
    while rest and _NUMBER.fullmatch(rest[0]) and not _MONTHS.intersection(rest[1:2]):
        rest = rest[1:]
        if rest and (rest[0] in _SUFFIXES or _is_letter_suffix(rest)):
            rest = rest[1:]
        if len(rest) > 1 and rest[0] in {"et", "a"} and _NUMBER.fullmatch(rest[1]):
            rest = rest[1:]
    return rest


def _is_letter_suffix(words: list[str]) -> bool:
    """Tell the B of *12 B rue X* from the R of *12 R Victor Hugo* and the L of *8 L'Orée*."""
    if len(words) == 1 or len(words[0]) > 1:
        return False
    return words[1] in _WAY_WORDS or (words[0] != "r" and words[1] in _WAY_KINDS)
