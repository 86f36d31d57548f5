"""TOML written by a person: read, and refused with the line of what is wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from siting.errors import DataError

KeyPath = tuple[str | int, ...]

_SIGN = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*'
    r"|\n|[\[\]{},=.]|[^\S\n]+|[^\s\[\]{},=.\"'#]+",
    re.DOTALL,
)
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_OPENING, _CLOSING = "[{", "]}"


@dataclass(frozen=True, slots=True)
class Where:
    """
    A place in a TOML text.

    Parameters
    ----------
    name
        Name of the file, as messages give it.
    lines
        Line of each key, of each section and of each item of a list, by their path.
    path
        Keys, and positions in lists (from 0), that lead to the place.
    what
        What is there, in French; empty for the file itself.
    """

    name: str
    lines: dict[KeyPath, int]
    path: KeyPath = ()
    what: str = ""

    def at(self, *keys: str | int, what: str = "") -> Where:
        """Return a place inside of this one."""
        return Where(self.name, self.lines, (*self.path, *keys), what or self.what)

    @property
    def line(self) -> int:
        """Line of the place, else of what holds it; 1 for the file itself."""
        for size in range(len(self.path), 0, -1):
            if self.path[:size] in self.lines:
                return self.lines[self.path[:size]]
        return 1

    def refusal(self, message: str) -> DataError:
        """Return the error that says what is wrong there, in French."""
        what = f", {self.what}" if self.what else ""
        return DataError(f"{self.name}, ligne {self.line}{what} : {message}")


def parsed(text: str, *, name: str) -> tuple[dict[str, Any], Where]:
    """
    Read a TOML text; return its content, and where things are in it.

    Raises
    ------
    DataError
        It is not TOML (the message gives the line, in French).
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.search(str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        reason = _AT_LINE.sub("", str(error)).removesuffix(" (at end of document)").strip()
        raise DataError(
            f"{name}, ligne {line} : ce n'est pas un fichier TOML ({reason}). Vérifiez les "
            "guillemets, les crochets et les virgules de cette ligne et de la précédente."
        ) from error
    return content, Where(name, _Scan(text).lines)


@dataclass(slots=True)
class _Scan:
    """Goes through a valid TOML text once, and notes the line of each thing in it."""

    text: str
    lines: dict[KeyPath, int] = field(default_factory=dict)
    _table: KeyPath = ()
    _counts: dict[KeyPath, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        signs = self._signs()
        for sign, line in signs:
            if sign == "[":
                self._header(signs, line)
            elif sign != "\n":
                path = (*self._table, *self._key(sign, signs))
                self.lines.setdefault(path, line)
                self._value(path, signs)

    def _signs(self) -> Iterator[tuple[str, int]]:
        line = 1
        for found in _SIGN.finditer(self.text):
            sign = found[0]
            if sign == "\n" or not (sign.isspace() or sign.startswith("#")):
                yield sign, line
            line += sign.count("\n")

    def _header(self, signs: Iterator[tuple[str, int]], line: int) -> None:
        """Note a section: `[name]`, or the next item of `[[name]]`."""
        keys, n_open = [], 1
        while n_open:
            sign, _ = next(signs)
            n_open += (sign == "[") - (sign == "]")
            if sign not in "[].":
                keys.append(_bare(sign))
            is_list = sign == "]" and n_open == 1
            if is_list:
                break
        path = (*self._inside(tuple(keys[:-1])), keys[-1])
        if n_open:  # of the two brackets that close [[name]], one is left
            next(signs)
            at = self._counts[path] = self._counts.get(path, -1) + 1
            path = (*path, at)
        self._table = path
        self.lines.setdefault(path, line)

    def _inside(self, keys: tuple[str, ...]) -> KeyPath:
        """Return the path of a section, where a list stands for its last item so far."""
        path: KeyPath = ()
        for key in keys:
            path = (*path, key)
            if path in self._counts:
                path = (*path, self._counts[path])
        return path

    def _key(self, first: str, signs: Iterator[tuple[str, int]]) -> list[str]:
        keys = [_bare(first)]
        for sign, _ in signs:
            if sign == "=":
                break
            if sign != ".":
                keys.append(_bare(sign))
        return keys

    def _value(self, path: KeyPath, signs: Iterator[tuple[str, int]]) -> None:
        """Pass over a value; if it is a list, note the line of each item."""
        depth, at, is_list, is_ahead = 0, -1, False, False
        for sign, line in signs:
            if sign == "\n":
                if not depth:
                    return
                continue
            if is_list and is_ahead and sign not in ",]":
                at += 1
                self.lines[*path, at] = line
                is_ahead = False
            is_first = not depth
            depth += (sign in _OPENING) - (sign in _CLOSING)
            if is_first and sign == "[":
                is_list = True
            if depth == 1 and (sign == "," or is_first):
                is_ahead = True


def _bare(sign: str) -> str:
    return sign[1:-1] if sign[0] in "\"'" else sign
