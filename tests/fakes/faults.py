"""What can go wrong with an answer, ready to be ordered."""

from __future__ import annotations

import random
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field

from fakes.replies import Reply, page, refusal, too_many
from fakes.tables import Rows

ABSENT = object()  # as a value of `with_fields`: the field is left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with an answer; all the rest of it is right."""

    reply: Reply | None = None  # said in place of the answer
    fields: Mapping[str, object] = field(default_factory=dict)  # put over what the engine found
    blocks: Container[int] = ()  # blocks of 100 rows that fail, from 0
    poison: str = ""  # a block with this text in a row fails
    rows: Callable[[Rows], Rows] | None = None  # changes the table before it is written
    headers: Mapping[str, str] = field(default_factory=dict)
    has_bom: bool = False
    cut_at: int | None = None  # the body stops at this byte
    is_told: bool = False  # one can see that the body is cut: more was announced
    is_reset: bool = False  # the connection is then reset; before the head, without `cut_at`
    is_mute: bool = False  # the connection then stays open for ever, as above
    drip: tuple[int, float] | None = None  # bytes at a time, and seconds of the clock for each


_TIMED_OUT_WITHIN = (
    '<ows:ExceptionReport version="2.0.0"><ows:Exception exceptionCode="NoApplicableCode">'
    "<ows:ExceptionText>Unable to obtain connection: connect timed out</ows:ExceptionText>"
    "</ows:Exception></ows:ExceptionReport>"
)
TOO_MANY = Fault(reply=too_many("5"))
SERVER_ERROR = Fault(reply=refusal(500, "An unexpected error has occurred"))
BAD_GATEWAY = Fault(reply=page(502, "502 Bad Gateway"))
UNAVAILABLE = Fault(reply=page(503, "503 Service Unavailable"))
GATEWAY_TIMEOUT = Fault(reply=page(504, "504 Gateway Time-out"))
WRAPPED_TIMEOUT = Fault(
    reply=Reply(
        status=400, headers={"content-type": "application/xml"}, body=_TIMED_OUT_WITHIN.encode()
    )
)
PORTAL = Fault(reply=page(200, "Connexion au réseau"))
PORTAL_REDIRECT = Fault(reply=page(302, "Found", {"location": "http://portail.invalid/connexion"}))
RESET = Fault(is_reset=True)
MUTE = Fault(is_mute=True)
BOM = Fault(has_bom=True)


def cut(at: int, *, is_told: bool = False) -> Fault:
    """Stop the body at this byte, with status 200; nothing tells it but the content."""
    return Fault(cut_at=at, is_told=is_told)


def drip(n_bytes: int, gap_s: float) -> Fault:
    """Send the body piece by piece, each taking this long."""
    return Fault(drip=(n_bytes, gap_s))


def failing_blocks(*ranks: int) -> Fault:
    """Let the whole of these blocks of 100 rows be `error`."""
    return Fault(blocks=ranks)


def poison(text: str) -> Fault:
    """Let each block fail that has this text in a row: whoever asks it alone sees who did it."""
    return Fault(poison=text)


def with_fields(fields: Mapping[str, object]) -> Fault:
    """Put these values, lists or nulls in place of what the engine finds; `ABSENT` takes out."""
    return Fault(fields=fields)


def without_row(rank: int) -> Fault:
    """Leave a row out (from 0): its id is missing."""
    return Fault(rows=lambda rows: rows[:rank] + rows[rank + 1 :])


def row_twice(rank: int) -> Fault:
    """Give a row twice: one too many."""
    return Fault(rows=lambda rows: rows[: rank + 1] + rows[rank:])


def row_replaced(rank: int, *, by: int) -> Fault:
    """Give a row in place of another: the count is right, the ids are not."""
    return Fault(rows=lambda rows: [*rows[:rank], rows[by], *rows[rank + 1 :]])


def rows_mixed(seed: int) -> Fault:
    """Give all rows, in another order."""
    mixer = random.Random(seed)  # noqa: S311 - mixes, hides nothing
    return Fault(rows=lambda rows: mixer.sample(rows, len(rows)))


def without_column(name: str) -> Fault:
    """Leave a column out."""
    return Fault(rows=lambda rows: [{k: v for k, v in row.items() if k != name} for row in rows])


def row_count(n: int) -> Fault:
    """Announce this number of rows."""
    return Fault(headers={"x-rows-count": str(n)})
