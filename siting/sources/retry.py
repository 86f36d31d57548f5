"""How long a service is asked before giving up, and what its refusals say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """
    How long and how often a service is asked before giving up; seconds.

    Waits double from `first_wait_s` and are cut by a random half, so that several
    machines do not come back together. `silence_after_429_s` is the rule of the
    Géoplateforme: over the limit, every request is refused for five seconds.

    A file of many questions has limits of its own, `file_read_timeout_s` and `file_total_s`:
    addok answers nothing before the last row is done, at some 10 ms a row.
    No request is sent after the total time; the last one may end one read later.
    An answer over `largest_answer_bytes`, unpacked, is not read to its end.
    """

    n_attempts: int = 4
    first_wait_s: float = 1.0
    longest_wait_s: float = 30.0
    total_s: float = 60.0
    silence_after_429_s: float = 5.0
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 20.0
    file_read_timeout_s: float = 120.0
    file_total_s: float = 300.0
    largest_answer_bytes: int = 20_000_000


def is_odd_refusal(body: bytes) -> bool:
    """Tell a 400 of no geocoder: the national one says why in a `message`, addok in a `title`."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return True
    words = document if isinstance(document, dict) else {}
    is_national = words.get("code", 400) == 400 and isinstance(words.get("message"), str)  # noqa: PLR2004 - HTTP 400
    return not (is_national or isinstance(words.get("title"), str))


def retry_after_s(text: str, now_s: float) -> float | None:
    """Read the header `Retry-After`: seconds, or a date of HTTP; `now_s` is since the epoch."""
    if text.strip().isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, until.replace(tzinfo=until.tzinfo or UTC).timestamp() - now_s)


def excerpt(body: bytes) -> str:
    """Return the first words of an answer, for a message."""
    words = " ".join(body[:400].decode("utf-8", errors="replace").split())
    return f"« {words[:120]} »" if words else "réponse vide"
