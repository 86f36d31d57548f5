"""One cell of a person's table -> text, code or number, by strict rules; no guess, no locale."""

from __future__ import annotations

import datetime as dt
import json
import math
import re

# Codes in force or once in force (facts checked on the official register): Corsica is 2A and
# 2B, overseas 97 and 98; 20xxx and 96xxx never name a commune.
_INSEE = re.compile(
    r"(?:(?:0[1-9]|1[0-9]|2[1-9AB]|[3-8][0-9]|9[0-5])[0-9]{3}|97[1-8][0-9]{2}|98[46-9][0-9]{2})"
)
_POSTCODE = re.compile(r"([0-9]{5})(?:CEDEX[0-9]*)?")
_LOST_ZERO = re.compile(r"[0-9]{4}(?![0-9])")
_DECIMALS_OF_A_CODE = re.compile(r"\.0+$")

_MINUS = str.maketrans(dict.fromkeys("\N{MINUS SIGN}\N{HYPHEN}\N{NON-BREAKING HYPHEN}–", "-"))
_GROUPED = re.compile(r"(?<=[0-9]) (?=[0-9]{3}(?![0-9]))")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]*)?(?:[eE][+-]?[0-9]{1,2})?|[+-]?[.,][0-9]+")

# 48°54'12"N, N 48.9, 48 54 12 N: degrees that are not one decimal number.
_SEXAGESIMAL = re.compile(
    r".*[0-9]\s*[°º'’′].*|[NSEOW]\s*[0-9][0-9.,\s]*|[0-9][0-9.,\s]*[NSEOW]", re.IGNORECASE
)
# "48.9, 2.4", "48,9 ; 2,4", "POINT(2.4 48.9)": two numbers with decimals in one cell.
_TWO_NUMBERS = re.compile(
    r"(?:POINT\s*)?[(\[]?\s*[+-]?[0-9]+[.,][0-9]+(?:\s*[,;]\s*|\s+)[+-]?[0-9]+[.,][0-9]+\s*[)\]]?",
    re.IGNORECASE,
)


def plain_text(cell: str) -> str:
    """Join the words of a cell with one space; line breaks and hard spaces are spaces."""
    return " ".join(cell.replace("\N{ZERO WIDTH NO-BREAK SPACE}", "").split())


def insee_code(cell: str) -> str:
    """
    Read the INSEE code of a commune, its lost zero put back; empty if there is none.

    `1004`, `1004.0` and ` 01004 ` are 01004; `2a004` is 2A004.
    """
    code = _compact_code(cell)
    return code if _INSEE.fullmatch(code) else ""


def postcode(cell: str) -> str:
    """Read a French postal code, its lost zero put back, CEDEX left out; empty if none."""
    found = _POSTCODE.fullmatch(_compact_code(cell))
    return found[1] if found else ""


def has_lost_zero(cell: str) -> bool:
    """Tell if a code was written with four digits, its first zero lost by a spreadsheet."""
    compact = _DECIMALS_OF_A_CODE.sub("", "".join(cell.split()))
    return _LOST_ZERO.match(compact) is not None


def decimal_number(cell: str) -> float:
    """
    Read a number written in French or in English; NaN if it is not one.

    The decimal mark is a comma or a point, thousands may be set apart by (hard, thin)
    spaces, the minus may be typographic. Only ASCII digits are digits: full-width digits,
    `1_000`, `inf` and `nan` are not numbers.
    """
    text = _GROUPED.sub("", plain_text(cell)).translate(_MINUS)
    if not _NUMBER.fullmatch(text):
        return math.nan
    value = float(text.replace(",", "."))
    return value if math.isfinite(value) else math.nan


def is_sexagesimal(cell: str) -> bool:
    """Tell if a cell holds degrees with minutes, a degree sign or a letter, as 48°54'N."""
    return _SEXAGESIMAL.fullmatch(plain_text(cell)) is not None


def has_two_numbers(cell: str) -> bool:
    """Tell if a cell holds two numbers with decimals, as `48.9, 2.4`; `48,9` is one."""
    text = plain_text(cell).translate(_MINUS)
    return math.isnan(decimal_number(text)) and _TWO_NUMBERS.fullmatch(text) is not None


def typed_text(value: object) -> str:
    """
    Write a value as a person would type it: 12 not 12.0, 2024-04-03, VRAI.

    Values come from a workbook or from a layer: numbers, dates, booleans, text; lists and
    other compound values become JSON, bytes their hexadecimal digits.
    """
    match value:
        case None:
            text = ""
        case bool():
            text = "VRAI" if value else "FAUX"
        case float() if value.is_integer():
            text = str(int(value))
        case dt.datetime() if value.time() == dt.time.min:
            text = value.date().isoformat()
        case dt.datetime():
            text = value.isoformat(sep=" ", timespec="seconds")
        case bytes():
            text = value.hex()
        case list() | dict():
            text = json.dumps(value, ensure_ascii=False, default=typed_text)
        case _:
            text = str(value).replace("\r\n", "\n").replace("\r", "\n")
    return text


def _compact_code(cell: str) -> str:
    compact = _DECIMALS_OF_A_CODE.sub("", "".join(plain_text(cell).split())).upper()
    return f"0{compact}" if _LOST_ZERO.match(compact) else compact
