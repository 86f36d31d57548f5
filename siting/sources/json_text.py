"""JSON texts of any size, read value by value from their start."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import BinaryIO

_CHUNK_BYTES = 1_000_000
_AFTER_VALUE = re.compile(r"[ \t\n\r,:\]}]")
_BLANK = re.compile(r"[ \t\n\r]*")


class JsonText:
    """
    A JSON text of which a part is in memory, from the first character not read.

    What is read raises ValueError or RecursionError where the text is no JSON.

    Parameters
    ----------
    file
        The text, in UTF-8.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder(parse_constant=_no_number)
        self._text = ""
        self._at = 0
        self._first = b""
        self._is_over = False

    def next_sign(self) -> str:
        """Go to the next character that is not blank, and return it; empty at the end."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            self._at = self._at if blank is None else blank.end()
            if self._at < len(self._text) or self._is_over:
                return self._text[self._at : self._at + 1]
            self._read_more(_CHUNK_BYTES)

    def value(self) -> object:
        """Read a value, whatever it is."""
        n_bytes = _CHUNK_BYTES
        while True:
            self.next_sign()
            try:
                value, end = self._json.raw_decode(self._text, self._at)
            except ValueError:
                if self._is_over:
                    raise
            else:
                # "12" may be the start of 12.5, and "12." too.
                if self._is_over or _AFTER_VALUE.match(self._text, end):
                    self._at = end
                    return value
            self._read_more(n_bytes)
            n_bytes *= 2  # a value of any size is looked at a few times only

    def keys(self) -> Iterator[str]:
        """Yield the keys of an object; each time, the value is to be read."""
        for _ in self._parts("{", "}"):
            key = self.value()
            if not isinstance(key, str):
                raise ValueError("a key that is no text")  # noqa: TRY004 - of the text
            self._take(":")
            yield key

    def values(self) -> Iterator[object]:
        """Yield the values of an array."""
        for _ in self._parts("[", "]"):
            yield self.value()

    def what_is_wrong(self) -> str:
        """Say in French what a text that could not be read looks like."""
        if not self._first:
            return "elle est vide"
        if self._first == b"<":
            return "c'est une page web ou du XML, pas du JSON"
        rest = self._text[self._at :].rstrip()
        if self._is_over and not (rest and rest.endswith("}")):
            return "elle est coupée avant la fin"
        return "ce n'est pas du JSON, ou il est abîmé"

    def _parts(self, opening: str, closing: str) -> Iterator[None]:
        self._take(opening)
        if self.next_sign() == closing:
            self._take(closing)
            return
        yield
        while self._take("," + closing) == ",":
            yield

    def _take(self, signs: str) -> str:
        sign = self.next_sign()
        if not sign or sign not in signs:
            raise ValueError(f"{sign!r} in place of {signs!r}")
        self._at += 1
        return sign

    def _read_more(self, n_bytes: int) -> None:
        data = self._file.read(n_bytes)
        self._first = self._first or data.lstrip()[:1]
        self._is_over = not data
        self._text = self._text[self._at :] + self._decoder.decode(data, final=self._is_over)
        self._at = 0


def _no_number(_name: str) -> None:
    """Read NaN and Infinity, which are no JSON, as null."""
