"""Whom a run asks for addresses, what was answered before, and how answers are judged."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from siting.asking import Geocoder
from siting.geocode import GeocodeRule, Known
from siting.provenance import Provenance
from siting.sources.ban import BanGeocoder
from siting.sources.http import is_loopback
from siting.sources.journal import Journal
from siting.sources.journal_file import default_cache_folder
from siting.sources.journaled import JournaledGeocoder
from siting.sources.pace import Clock, SharedPace

JOURNAL, PACE = "geocodage.sqlite", "rythme.sqlite"
MAX_AGE_DAYS = 30.0  # the national address base is refreshed each week


@dataclass(frozen=True, slots=True, kw_only=True)
class GeocoderOptions:
    """
    Whom to ask for addresses, as the command line names it.

    Parameters
    ----------
    url
        Base URL of a geocoder; None for the Géoplateforme; "none" for nobody, not even the
        journal.
    is_offline
        If nothing but a server of this very computer may be asked: what the journal has,
        whatever its age, is all there is to know else.
    is_private_allowed
        If the URL may be that of a private network.
    rate_per_s
        Most requests in a second; None for the service's default.
    cache
        Folder of the journal; None for no journal.
    max_age_days
        Answers that are older are asked again; None for answers of any age.
    rule
        Thresholds of the judgement.
    """

    url: str | None = None
    is_offline: bool = False
    is_private_allowed: bool = False
    rate_per_s: float | None = None
    cache: Path | None = None
    max_age_days: float | None = MAX_AGE_DAYS
    rule: GeocodeRule = field(default_factory=GeocodeRule)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeocodingSession:
    """
    Whom to ask (None for nobody), what is known, how to judge; made by `geocoding_session`.

    `sources` says where positions come from, `notes` what there is to say of the journal.
    """

    geocoder: Geocoder | None = None
    known: Known | None = None
    rule: GeocodeRule = field(default_factory=GeocodeRule)
    sources: tuple[Provenance, ...] = ()
    notes: tuple[str, ...] = ()


def cache_folder() -> Path:
    """Return the folder of the journal of this user: `SITING_CACHE`, or the system's place."""
    return default_cache_folder(os.environ, platform=sys.platform)


@contextmanager
def geocoding_session(options: GeocoderOptions) -> Iterator[GeocodingSession]:
    """
    Open what is needed to geocode, for the time of a run.

    Raises
    ------
    DataError
        If the URL, the rate or the journal cannot be used.
    """
    is_asked = options.url != "none" and not (
        options.is_offline and (options.url is None or not is_loopback(options.url))
    )
    with ExitStack() as stack:
        journal = None
        if options.cache is not None and options.url != "none":
            journal = stack.enter_context(Journal(options.cache / JOURNAL))
        if options.url == "none" or not (is_asked or journal):
            yield GeocodingSession(rule=options.rule)
            return
        pace = None if journal is None else SharedPace(journal.path.with_name(PACE), Clock())
        service = BanGeocoder(
            None if options.url == "none" else options.url,
            rate_per_s=options.rate_per_s,
            pace=pace,
            allow_private=options.is_private_allowed,
        )
        yield _session(service, journal, options, is_asked=is_asked)


def _session(
    service: BanGeocoder, journal: Journal | None, options: GeocoderOptions, *, is_asked: bool
) -> GeocodingSession:
    if journal is None:
        return GeocodingSession(
            geocoder=service, rule=options.rule, sources=(service.provenance(),)
        )

    def journaled(geocoder: Geocoder | None) -> JournaledGeocoder:
        return JournaledGeocoder(
            geocoder,
            journal,
            max_age_days=None if geocoder is None and not is_asked else options.max_age_days,
            now=lambda: datetime.now(UTC),
            endpoint=service.url,
        )

    kept = journaled(None)
    return GeocodingSession(
        geocoder=journaled(service) if is_asked else kept,
        known=Known(geocoder=kept, recall=journal),
        rule=options.rule,
        sources=(service.provenance(),),
        notes=(journal.note,) if journal.note else (),
    )
