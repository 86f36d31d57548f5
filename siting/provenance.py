"""Where a figure comes from: carried by every source, printed on every output."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """
    Origin, licence and dates of one source of data.

    Dates are ISO 8601 text; an empty text means unknown, and outputs say so.
    `data_timestamp` is the state of the world the data describes (the OSM
    timestamp, the vintage of a register); `retrieved_on` is when it was fetched.
    """

    source: str
    url: str = ""
    licence: str
    attribution: str
    retrieved_on: str = ""
    data_timestamp: str = ""
    sha256: str = ""
    note: str = ""
