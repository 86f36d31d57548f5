"""Whole answers of Overpass, and what is told of them: whom they are from, their dates, hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from siting.provenance import Provenance
from siting.sources.endpoints import read_endpoint
from siting.sources.osm_cache import CachedAnswer
from siting.sources.osm_json import JsonAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    A whole answer, and what is known of it.

    Parameters
    ----------
    answer
        What it holds.
    facts
        Whom it is from, and its dates; its body is left out.
    sha256
        Hash of the body.
    is_kept
        If it was kept, and not asked now.
    is_old
        If it was kept for longer than is allowed.
    """

    answer: JsonAnswer
    facts: CachedAnswer
    sha256: str
    is_kept: bool = False
    is_old: bool = False


def part_of(answer: JsonAnswer, facts: CachedAnswer) -> Part:
    """Return an answer with its hash, and without its body."""
    digest = hashlib.sha256(facts.body).hexdigest()
    return Part(answer=answer, facts=replace(facts, body=b""), sha256=digest)


def provenance_of(
    parts: Sequence[Part], *, url: str, is_offline: bool, max_age_days: float | None
) -> Provenance:
    """
    Tell where an extract comes from: the oldest of its dates, and the hash of its answers.

    The hash of one answer is its SHA-256; that of several, the SHA-256 of theirs in a row. What is
    told is the same of an answer that was just given and, later, of the same one that was kept:
    the day when it was given.

    Parameters
    ----------
    parts
        The answers.
    url
        Base address of the server.
    is_offline
        If kept answers were all there was.
    max_age_days
        How long answers are kept; None for ever.
    """
    endpoint = read_endpoint("overpass")
    facts = [part.facts for part in parts]
    digests = [part.sha256 for part in parts]
    hosts = ", ".join(sorted({one.host for one in facts}))
    days = sorted({one.data_timestamp for one in facts})
    notes = [*_notes(parts, is_offline=is_offline, max_age_days=max_age_days), *_day_notes(days)]
    return Provenance(
        source=f"OpenStreetMap, par Overpass ({hosts})",
        url=url,
        licence=endpoint.licence,
        attribution=endpoint.attribution,
        retrieved_on=min(one.retrieved_at for one in facts)[:10],
        data_timestamp=days[0],
        sha256=digests[0]
        if len(digests) == 1
        else hashlib.sha256("".join(digests).encode()).hexdigest(),
        note=" ; ".join(notes),
    )


def _notes(parts: Sequence[Part], *, is_offline: bool, max_age_days: float | None) -> Iterator[str]:
    kept = sorted(part.facts.retrieved_at for part in parts if part.is_kept)
    if kept and is_offline:
        yield f"hors ligne : réponses gardées depuis le {kept[0][:10]}"
    if any(part.is_old for part in parts):
        yield f"au-delà de la limite de {max_age_days:g} jours"


def _day_notes(days: Sequence[str]) -> Iterator[str]:
    if "" in days:
        yield "une réponse ne dit pas la date de ses données"
    elif days[0][:10] != days[-1][:10]:
        yield f"données du {days[0][:10]} au {days[-1][:10]} selon les endroits"
