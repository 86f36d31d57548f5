"""The text of an address: made plain to read, and what is cut out of it."""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

EDGES = " ,;:/-."  # signs that may stand at the ends of a part, and are none of it
_LONGEST_TEXT = 500  # no address is longer: what follows is a note
_SIGNS = str.maketrans(
    {
        **dict.fromkeys("’‘ʼ‛`´ʹ＇", "'"),
        **dict.fromkeys('«»“”„‟"', " "),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("\r\v\f\x1c\x1d\x1e\x85\u2028\u2029;|•·", "\n"),
    }
)
_BREAK = re.compile(r"(?i)<br\s{0,9}/?>")
_NEW_LINE = re.compile(r"\s*\n\s*")
# A postal code stuck to a word: rue Carnot93140 Bondy, 93140Bondy.
_GLUED_CODE = re.compile(
    r"(?<=[^\W\d_])(?=(?:0[1-9]|[1-8][0-9]|9[0-8])[0-9]{3}(?![0-9]))"
    r"|(?<=[0-9]{5})(?<![0-9]{6})(?=[^\W\d_])"
)
_LINK_AT_END = re.compile(r"(?:^|[\s(-])(?:(?:[aà]|au|aux|de|des|du|en|la|le|les|sur) *|[dl]' *)$")
_LONGEST_LINK = 6  # a space before, a link of three letters, spaces after


@dataclass(frozen=True, slots=True)
class Reading:
    """A text being read, and what was cut out of it, as written."""

    text: str
    left_out: tuple[str, ...] = ()

    def without(self, pattern: re.Pattern[str], *, unless_a_name: bool = False) -> Reading:
        """
        Cut what a pattern finds in the folded text, and end the line there.

        With `unless_a_name`, what an article or a link introduces stays: the *porte 2* of
        *rue de la Porte 2*.
        """
        plain = folded(self.text)
        kept, cut, end = list[str](), list[str](), 0
        for found in pattern.finditer(plain):
            start = found.start()
            if unless_a_name and is_after_link(plain, start):
                continue
            kept += [self.text[end:start], "\n"]
            cut.append(self.text[start : found.end()])
            end = found.end()
        if not cut:
            return self
        return Reading("".join([*kept, self.text[end:]]), (*self.left_out, *cut))


def visible_text(text: str) -> str:
    """
    Return the text as it is read: one kind of space, apostrophe and dash, lines kept.

    HTML entities are decoded, letters composed (NFKC), quotation marks and invisible
    signs dropped, a postal code stuck to a word is set apart; no more than 500 signs are
    read.
    """
    decoded = _BREAK.sub("\n", html.unescape(text[: 2 * _LONGEST_TEXT]).translate(_SIGNS))
    composed = unicodedata.normalize("NFKC", decoded)
    if not composed.isprintable():
        composed = "".join(map(_visible_sign, composed))
    spaced = _NEW_LINE.sub("\n", re.sub(r"[^\S\n]+", " ", composed))
    return _GLUED_CODE.sub(" ", spaced[:_LONGEST_TEXT]).strip()


def folded(text: str) -> str:
    """
    Fold letters to small ones without accent, one for one: places in both texts agree.

    *À* stays *à*: it is not the letter of *12 a*.
    """
    return text.lower() if text.isascii() else "".join(map(_folded_sign, text))


def is_after_link(plain: str, at: int) -> bool:
    """Tell if a folded text has an article or a link just before a place: *de la*, *d'*."""
    return _LINK_AT_END.search(plain, max(0, at - _LONGEST_LINK), at) is not None


def in_order(left_out: list[str], text: str) -> tuple[str, ...]:
    """Put what was left out in the order of the text, each once."""
    written = (" ".join(one.split()).strip(EDGES) for one in left_out)
    return tuple(sorted(dict.fromkeys(filter(None, written)), key=text.find))


def _visible_sign(sign: str) -> str:
    category = unicodedata.category(sign)
    if sign == "\n" or category[0] not in "CZ":
        return sign
    return "" if category == "Cf" else " "


@lru_cache(maxsize=4096)
def _folded_sign(sign: str) -> str:
    plain = unicodedata.normalize("NFD", sign)[0].lower()
    return "à" if sign in "àÀ" else plain if len(plain) == 1 else sign
