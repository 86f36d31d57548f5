"""Whom a run asks for addresses and for the map, what was answered before, how it is judged."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from siting.asking import Answer, Ask, Geocoder, Spot
from siting.errors import OptionError, SourceError
from siting.geocode import GeocodeRule, Known
from siting.provenance import Provenance
from siting.sources.ban import BanGeocoder
from siting.sources.http import is_loopback
from siting.sources.journal import Journal
from siting.sources.journal_file import default_cache_folder
from siting.sources.journaled import JournaledGeocoder
from siting.sources.local_engine import (
    EngineStatus,
    default_engine_folder,
    engine_fingerprint,
    engine_provenance,
    engine_status,
)
from siting.sources.osm_cache import OsmCache
from siting.sources.overpass import OverpassOptions, OverpassSession
from siting.sources.pace import Clock, SharedPace

JOURNAL, PACE, OVERPASS = "geocodage.sqlite", "rythme.sqlite", "overpass"
MAX_AGE_DAYS = 30.0  # the national address base is refreshed each week


@dataclass(frozen=True, slots=True, kw_only=True)
class GeocoderOptions:
    """
    Whom to ask for addresses, as the command line names it.

    Parameters
    ----------
    url
        Base URL of a geocoder; None for the Géoplateforme; "local" for the engine that runs on
        this computer; "none" for nobody, not even the journal.
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

    `sources` says where positions come from, `journal` keeps the answers (None for no journal).
    """

    geocoder: Geocoder | None = None
    known: Known | None = None
    rule: GeocodeRule = field(default_factory=GeocodeRule)
    sources: tuple[Provenance, ...] = ()
    journal: Journal | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to say of the journal by now, in French."""
        return (self.journal.note,) if self.journal is not None and self.journal.note else ()


def cache_folder() -> Path:
    """Return the folder of the journal of this user: `SITING_CACHE`, or the system's place."""
    return default_cache_folder(os.environ, platform=sys.platform)


@dataclass(frozen=True, slots=True)
class _LocalEngine:
    """The engine of this computer, known by what it holds: its port changes."""

    service: BanGeocoder
    url: str

    def answers(
        self, asks: Sequence[Ask], *, is_bulk: bool
    ) -> Iterator[tuple[Ask, Answer | SourceError]]:
        for ask, answer in self.service.answers(asks, is_bulk=is_bulk):
            yield ask, self._named(answer)

    def addresses_at(
        self, spots: Sequence[Spot], *, is_bulk: bool
    ) -> Iterator[tuple[Spot, Answer | SourceError]]:
        for spot, answer in self.service.addresses_at(spots, is_bulk=is_bulk):
            yield spot, self._named(answer)

    def _named(self, answer: Answer | SourceError) -> Answer | SourceError:
        return replace(answer, endpoint=self.url) if isinstance(answer, Answer) else answer


@dataclass(frozen=True, slots=True)
class _Recent:
    """What was asked to its end, with answers that are recent enough."""

    journal: Journal
    since: str

    def is_settled(self, key: str) -> bool:
        return self.journal.is_settled(key, since=self.since)

    def settle(self, key: str, *, asked_on: str) -> None:
        self.journal.settle(key, asked_on=asked_on)


def overpass_session(options: OverpassOptions, *, cache: Path | None) -> OverpassSession:
    """
    Return whom to ask for the map.

    Parameters
    ----------
    options
        Server, contact, age of kept answers.
    cache
        Folder of this user (`cache_folder`); None to keep nothing, which also leaves each run
        with a pace of its own.

    Raises
    ------
    OptionError
        A server or the contact cannot be used.
    """
    if cache is None:
        return OverpassSession(options)
    folder = cache / OVERPASS
    pace = SharedPace(folder / PACE, Clock())
    return OverpassSession(options, cache=OsmCache(folder), pace=pace)


def open_map_cache() -> OsmCache:
    """Return the answers of Overpass that this user keeps."""
    return OsmCache(cache_folder() / OVERPASS)


def open_journal() -> Journal:
    """Open the journal of this user; it is closed as a context manager."""
    return Journal(cache_folder() / JOURNAL)


@contextmanager
def geocoding_session(options: GeocoderOptions) -> Iterator[GeocodingSession]:
    """
    Open what is needed to geocode, for the time of a run.

    Raises
    ------
    OptionError
        If no engine runs on this computer, and it is the one asked for.
    DataError
        If the URL, the rate or the journal cannot be used.
    """
    if options.url == "none":
        yield GeocodingSession(rule=options.rule)
        return
    with ExitStack() as stack:
        journal = None
        if options.cache is not None:
            journal = stack.enter_context(Journal(options.cache / JOURNAL))
        engine = _running_engine() if options.url == "local" else None
        url = options.url if engine is None else engine.url
        is_asked = not options.is_offline or (url is not None and is_loopback(url))
        if not is_asked and journal is None:
            yield GeocodingSession(rule=options.rule)
            return
        service = BanGeocoder(
            url,
            rate_per_s=options.rate_per_s,
            pace=None if journal is None else SharedPace(journal.path.with_name(PACE), Clock()),
            allow_private=options.is_private_allowed,
        )
        yield _session(service, engine, journal, options, is_asked=is_asked)


def _running_engine() -> EngineStatus:
    engine = engine_status(default_engine_folder())
    if not engine.is_running or engine.loaded is None:
        raise OptionError(
            "--geocoder local : aucun géocodeur ne tourne sur cet ordinateur. "
            f"{engine.note or 'Lancez-le avec siting geocoder start.'}"
        )
    return engine


def _session(
    service: BanGeocoder,
    engine: EngineStatus | None,
    journal: Journal | None,
    options: GeocoderOptions,
    *,
    is_asked: bool,
) -> GeocodingSession:
    asked: Geocoder = service
    sources: tuple[Provenance, ...] = (service.provenance(),)
    if engine is not None and engine.loaded is not None:
        asked = _LocalEngine(service, f"local:{engine_fingerprint(engine.loaded)[:16]}")
        sources = engine_provenance(engine.loaded)
    if journal is None:
        return GeocodingSession(geocoder=asked, rule=options.rule, sources=sources)

    def journaled(geocoder: Geocoder | None) -> JournaledGeocoder:
        return JournaledGeocoder(
            geocoder,
            journal,
            max_age_days=options.max_age_days if is_asked else None,
            now=lambda: datetime.now(UTC),
            endpoint=asked.url,
        )

    kept = journaled(None)
    return GeocodingSession(
        geocoder=journaled(asked) if is_asked else kept,
        known=Known(geocoder=kept, recall=_Recent(journal, kept.since)),
        rule=options.rule,
        sources=sources,
        journal=journal,
    )
