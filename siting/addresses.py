"""What a French postal address says: number, suffix, street, postal code, commune."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from siting.names import commune_key, street_key

# Boxes and CEDEX are places of delivery, not places one walks from.
_BOX = re.compile(
    r"\b(?:b\.?\s?p\.?|c\.?\s?s\.?|tsa|cidex)\s*(?:n[°ºo]?\s*)?\d{1,5}\b", re.IGNORECASE
)
_CEDEX = re.compile(r"\bc[eé]dex\b\s*\d{0,2}\b", re.IGNORECASE)
# The country, not the France of *avenue Anatole France* nor of *Roissy en France*.
_COUNTRY = re.compile(r",\s*france$", re.IGNORECASE)
_COUNTRY_AFTER_COMMUNE = re.compile(r"(?<!\ben)\s+france\s*$", re.IGNORECASE)
_POSTCODE_AND_AFTER = re.compile(r"(?:^|[\s,;(-])(?:F-?)?(\d{5})(?:[\s,]+(\D[^,;()]*))?[\s),]*$")

_SUFFIX = r"bis|ter|quater|quinquies|sexies"
_WAY = (
    r"(?:rue|r|avenue|ave?|boulevard|boul|bv?l?v?d|place|pl|chemin|che?m?|impasse|imp|all[eé]es?|all"
    r"|route|rte|quai|cours|crs|square|sq|passage|pass?|villa|cit[eé]|sente|sentier|voie|ruelle|rle"
    r"|r[eé]sidence|r[eé]s|lotissement|lot|hameau|ham|faubourg|fb?g|esplanade|espl?|promenade|prom"
    r"|venelle|mont[eé]e|rond|mail|clos|parvis|traverse|trav|chauss[eé]e|sentes|domaine|dom)\b\.?"
)
_NUMBER = (
    rf"(?P<number>\d{{1,4}})(?:\s*(?P<word>{_SUFFIX})\b|(?P<glued>[a-z])\b(?!')"
    rf"|\s+(?P<letter>[a-z])(?=[\s,]+{_WAY}\s))?"
)
_OTHER_NUMBERS = rf"(?:\s*(?:[-/,&]|à|et)\s*\d{{1,4}}\s*(?:{_SUFFIX}|[a-z]\b)?)*"
_NUMBERED = re.compile(
    rf"^(?:n[°ºo]\s*)?{_NUMBER}{_OTHER_NUMBERS}[\s,]+(?P<street>\D.*)$", re.IGNORECASE
)
_NUMBERED_WAY = re.compile(
    rf"\b(?:n[°ºo]\s*)?{_NUMBER}{_OTHER_NUMBERS}[\s,]+(?P<street>{_WAY}\s.+)$", re.IGNORECASE
)
_DATE = re.compile(
    r"^\s*(?:janv|f[eé]vr|mars|avril|mai\b|juin|juil|ao[uû]t|sept|oct|nov|d[eé]c)", re.IGNORECASE
)
_WAY_AT_HEAD = re.compile(rf"^{_WAY}\s", re.IGNORECASE)
_COMPLEMENT = re.compile(
    r"(?:^|\s)(?:b[aâ]t(?:iment)?|app?t|appartement|esc(?:alier)?|étage)\b\.?.*$", re.IGNORECASE
)
_FOLDED_SUFFIX = {"bis": "b", "ter": "t", "quater": "q", "quinquies": "c", "sexies": "s"}
_LONGEST_LINE = 500  # no address is longer: what follows is a note
_FEWEST_SIGNS = 3  # what the national service asks for
_LINKS = {"a", "au", "aux", "d", "de", "des", "du", "en", "et", "l", "la", "le", "les", "sur"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """
    One address, as the parts a geocoder is asked for and judged against.

    `number` has its digits only, `suffix` as written; `postcode` is empty when it is a
    CEDEX one (`cedex_postcode` then), which is not the code of a place. `tail` is the
    text after the last comma, a commune perhaps. `is_box_only` says that nothing but a
    postal box was given.
    """

    number: str = ""
    suffix: str = ""
    street: str = ""
    postcode: str = ""
    commune: str = ""
    cedex_postcode: str = ""
    tail: str = ""
    is_box_only: bool = False

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
        """Tell if there is enough to ask for: three letters or digits, one letter at least."""
        signs = [c for c in self.line if c.isalnum()]
        return len(signs) >= _FEWEST_SIGNS and any(c.isalpha() for c in signs)


def read_address(text: str, *, postcode: str = "", commune: str = "") -> Address:
    """
    Read an address written on one line, with or without its postal code and commune.

    What the columns `postcode` and `commune` say wins over the text, and the text is not
    repeated. Buildings, floors, postal boxes and CEDEX are left out. Of several numbers
    (`12-14`), the first is kept.
    """
    line = _one_line(text)
    is_cedex = bool(_CEDEX.search(f"{line} {commune}"))
    line, n_boxes = _BOX.subn(" ", _CEDEX.sub(" ", _COUNTRY.sub("", line)))
    line = line.strip(" ,;-")
    found = _POSTCODE_AND_AFTER.search(line)
    written_postcode, written_commune = (found[1], found[2] or "") if found else ("", "")
    line = line[: found.start()] if found else line
    written_commune = _COUNTRY_AFTER_COMMUNE.sub("", written_commune)
    name = _commune_name(commune) or _commune_name(written_commune)
    code = postcode or written_postcode
    number, suffix, street, tail = _street_line(line, name)
    return Address(
        number=number,
        suffix=suffix,
        street=street,
        postcode="" if is_cedex else code,
        commune=name,
        cedex_postcode=code if is_cedex else "",
        tail=tail,
        is_box_only=n_boxes > 0 and not street_key(line),
    )


def same_suffix(one: str, other: str) -> bool:
    """Tell if two suffixes are the same door: `bis` and `B` are, in the BAN and in addok."""
    folded = [_FOLDED_SUFFIX.get(text.casefold(), text.casefold()) for text in (one, other)]
    return folded[0] == folded[1]


def split_number(text: str) -> tuple[str, str]:
    """Split the house number of an answer: `12 bis`, `12bis`, `12B` -> digits, suffix."""
    found = re.fullmatch(r"\s*0*(\d+)\s*([^\W\d]*)\s*", text)
    return (found[1], found[2]) if found else (text.strip(), "")


def _one_line(text: str) -> str:
    visible = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    return " ".join(visible.replace("’", "'").split())[:_LONGEST_LINE]


def _commune_name(text: str) -> str:
    return _CEDEX.sub(" ", re.sub(r"\(.*?\)|^\s*\d{5}\b", " ", _one_line(text))).strip(" ,;-")


def _street_line(text: str, commune: str) -> tuple[str, str, str, str]:
    """Split into number, suffix, street, and what follows the last comma."""
    written = re.split(r"(?i)(?<!\d)(?<!bis)(?<!ter)\s*[,;]\s*|\s+[-–]\s+", " ".join(text.split()))
    parts = [part for text in written if (part := _COMPLEMENT.sub("", text).strip(" ,;-"))]
    numbered = next((found for part in parts if (found := _numbered(part))), None)
    tail = parts[-1] if len(parts) > 1 and not re.search(r"^\d|\d{3}", parts[-1]) else ""
    if numbered:
        suffix = numbered["word"] or numbered["glued"] or numbered["letter"] or ""
        street = _without_commune(numbered["street"], commune)
        return str(int(numbered["number"])), suffix, street, tail
    way = next((part for part in parts if _WAY_AT_HEAD.match(part)), parts[0] if parts else "")
    return "", "", _without_commune(way, commune), tail


def _numbered(part: str) -> re.Match[str] | None:
    at_head = _NUMBERED.match(part)
    if at_head and not _DATE.match(at_head["street"]):
        return at_head
    return _NUMBERED_WAY.search(part)


def _without_commune(street: str, commune: str) -> str:
    """Cut the commune at the end of a street, but not the Paris of *rue de Paris*."""
    name = commune_key(commune)
    words = street.split()
    for n_words in range(2, len(words) if name else 0):
        last_word = commune_key(words[n_words - 1]).rpartition(" ")[2]
        if commune_key(" ".join(words[n_words:])) == name and last_word not in _LINKS:
            return " ".join(words[:n_words]).rstrip(" ,;-")
    return street


def _spelled(street: str) -> str:
    first, _, rest = street.partition(" ")
    if not rest or not first.rstrip(".").isalpha():
        return street
    kind = street_key(f"{first} x").removesuffix(" x")
    return f"{first if kind == commune_key(first) else kind} {rest}"
