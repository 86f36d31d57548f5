"""How questions and answers are written in the journal: keys, JSON, rows that prove sound."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from siting import __version__
from siting.asking import Answer, Ask, Spot
from siting.matching import Candidate

Row = tuple[bytes, str, str, bytes, bytes, str, str, bytes]  # columns of table `answers`

_NUMBERS = frozenset({"lon", "lat", "score", "score_next", "distance_m"})


class Mode(StrEnum):
    """Ways to ask; the same question has one answer in each."""

    SEARCH = "search"
    CSV = "csv"
    REVERSE = "reverse"
    REVERSE_CSV = "reverse_csv"


def key_of(asked: Ask | Spot, *, endpoint: str, mode: Mode) -> bytes:
    """Return the SHA-256 of a question, the base URL asked, and the way it was asked."""
    return hashlib.sha256(_written([endpoint, mode, _told(asked)])).digest()


def row_of(asked: Ask | Spot, answer: Answer, *, endpoint: str, mode: Mode, asked_at: str) -> Row:
    """Write a question and its answer as a row of the journal."""
    key = key_of(asked, endpoint=endpoint, mode=mode)
    question, text = _written(_told(asked)), answer_text(answer)
    digest = _digest(key, question, text, asked_at)
    return key, endpoint, mode.value, question, text, asked_at, __version__, digest


def answer_of(row: Row) -> Answer:
    """
    Read the answer of a row.

    Raises
    ------
    ValueError
        If the row is not as it was written: a disk may have changed it.
    """
    key, _, _, question, text, asked_at, _, digest = row
    try:
        is_sound = digest == _digest(key, question, text, asked_at)
    except (TypeError, AttributeError) as error:
        raise ValueError("a column of another type") from error
    if not is_sound:
        raise ValueError("a row that was changed")
    return answer_from(text)


def answer_text(answer: Answer) -> bytes:
    """Write an answer as JSON; what has its default value is left out, NaN is null."""
    return _written({**_told(answer), "candidates": [_told(one) for one in answer.candidates]})


def answer_from(text: bytes) -> Answer:
    """
    Read an answer written by `answer_text`.

    Raises
    ------
    ValueError
        If the text is not that of an answer, or has what this version does not know.
    """
    try:
        told = json.loads(text.decode("utf-8", "surrogatepass"))
        candidates = tuple(Candidate(**_floated(one)) for one in told.pop("candidates"))
        return Answer(candidates=candidates, **_floated(told))
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError("the text of something else") from error


def utc_text(time: datetime) -> str:
    """Write a time as the journal does: ISO, UTC, to the second; texts sort as times do."""
    return time.astimezone(UTC).isoformat(timespec="seconds")


def _digest(key: bytes, question: bytes, text: bytes, asked_at: str) -> bytes:
    return hashlib.sha256(b"\0".join((key, question, text, asked_at.encode()))).digest()


def _told(value: Answer | Ask | Candidate | Spot) -> dict[str, Any]:
    """Return the fields of a value that are not at their default; candidates left out."""
    told = {}
    for name, default, is_number in _FIELDS[type(value)]:
        content = getattr(value, name)
        if is_number:
            content = _number(content)
        if content != default:
            told[name] = content
    return told


def _number(content: float) -> float | None:
    """Return equal numbers in one way: 2 as 2.0, -0.0 as 0.0, NaN as None."""
    return None if math.isnan(content) else float(content) + 0.0


def _floated(told: dict[str, Any]) -> dict[str, Any]:
    return {
        name: (math.nan if content is None else float(content)) if name in _NUMBERS else content
        for name, content in told.items()
    }


def _fields_of(kind: type[Answer | Ask | Candidate | Spot]) -> tuple[tuple[str, object, bool], ...]:
    """Return name and default of each field, and if it is a number; defaults of numbers are NaN."""
    return tuple(
        (one.name, None if isinstance(one.default, float) else one.default, one.name in _NUMBERS)
        for one in fields(kind)
        if one.name != "candidates"
    )


def _written(value: object) -> bytes:
    """Write JSON, always the same; a half of a surrogate pair is kept as it is."""
    return _JSON.encode(value).encode("utf-8", "surrogatepass")


_JSON = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
_FIELDS = {kind: _fields_of(kind) for kind in (Answer, Ask, Candidate, Spot)}
