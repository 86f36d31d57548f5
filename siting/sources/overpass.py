"""Overpass: the map around the sites, whole or not at all, and where answers are kept.

An area is asked in boxes, one after the other (`overpass_query`), of servers that are asked
politely (`overpass_server`). What they answer is kept (`osm_cache`), with its date.
"""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import shapely

from siting import __version__
from siting.errors import BadAnswer, DataError, NotAsked, SourceUnavailable
from siting.provenance import Provenance
from siting.sources.endpoints import read_endpoint
from siting.sources.http import is_loopback
from siting.sources.osm_cache import CachedAnswer, OsmCache, key_of
from siting.sources.osm_content import OsmGathering
from siting.sources.osm_file import OsmExtract, OsmReading, extract_of
from siting.sources.osm_json import JsonAnswer, content_of, read_answer
from siting.sources.osm_tags import TagReader, TagSets
from siting.sources.overpass_parts import Part, part_of, provenance_of
from siting.sources.overpass_query import Box, boxes_around, question, too_large
from siting.sources.overpass_server import (
    ADVICE,
    CONTACT_OPTION,
    CONTACT_VARIABLE,
    OverpassRule,
    OverpassServer,
    TooMuch,
)
from siting.sources.pace import Clock, Pace
from siting.taxonomy import Taxonomy

__all__ = [
    "CONTACT_OPTION",
    "CONTACT_VARIABLE",
    "MAX_AGE_DAYS",
    "OverpassOptions",
    "OverpassRule",
    "OverpassSession",
    "overpass_extract",
]

MAX_AGE_DAYS = 30.0
_CLOCKS_DIFFER = timedelta(days=1)  # an answer of later than that is of no date

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverpassOptions:
    """
    Whom to ask for the map, as the command line names it.

    Parameters
    ----------
    url
        Base address of a server (`.../api`); None for the public one.
    contact
        E-mail or web address of who asks, without which no public server is asked.
    mirrors
        Other servers with the same data, tried in this order when one is out of order; never to
        go faster, nor after a refusal.
    is_offline
        If nothing but a server of this very computer may be asked: kept answers, of any age, are
        all there is.
    is_private_allowed
        If a server may be that of a private network.
    max_age_days
        Answers that were kept for longer are asked again; None for any age.
    """

    url: str | None = None
    contact: str = ""
    mirrors: tuple[str, ...] = ()
    is_offline: bool = False
    is_private_allowed: bool = False
    max_age_days: float | None = MAX_AGE_DAYS


def overpass_extract(
    area: shapely.Geometry, *, taxonomy: Taxonomy, session: OverpassSession
) -> OsmExtract:
    """
    Fetch what `siting.sources.osm_file.read_osm` would read in a file of an area.

    Parameters
    ----------
    area
        Polygon or MultiPolygon in WGS84; boxes around its parts are asked, and covered.
    taxonomy
        What counts as a service.
    session
        Whom to ask, and where answers are kept.

    Raises
    ------
    DataError
        The area is not one, or is too large to be asked (`OverpassRule`).
    OptionError
        A public server would be asked without a contact.
    SourceError
        No whole answer could be had: see `OverpassSession.parts`.
    """
    boxes = boxes_around(area, most_km2=session.rule.most_km2)
    parts = session.parts(boxes, taxonomy)
    walk_sets = TagSets()
    gathering = OsmGathering(taxonomy, TagReader(taxonomy, walk_sets))
    reading = OsmReading(
        content=content_of([part.answer for part in parts], gathering),
        area=shapely.union_all([box.polygon for box in boxes]),
        provenance=session.provenance(parts),
    )
    return replace(extract_of([reading], walk_sets), is_asked=True)


class OverpassSession:
    """
    Whom to ask for the map, and what was answered before.

    Parameters
    ----------
    options
        As the user says.
    cache
        Where answers are kept; None to keep none.
    rule
        Limits.
    clock, pace
        See `siting.sources.http.HttpClient`.

    Raises
    ------
    OptionError
        A server or the contact cannot be used.
    """

    def __init__(
        self,
        options: OverpassOptions,
        *,
        cache: OsmCache | None = None,
        rule: OverpassRule | None = None,
        clock: Clock | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._options = options
        self._cache = cache
        self.rule = rule or OverpassRule()
        self._clock = clock or Clock()
        self._lock = threading.Lock()
        self._servers = [
            OverpassServer(
                url,
                contact=options.contact.strip(),
                rule=self.rule,
                clock=self._clock,
                pace=pace,
                allow_private=options.is_private_allowed,
            )
            for url in (options.url or read_endpoint("overpass").url, *options.mirrors)
        ]
        self._is_asked = not options.is_offline or is_loopback(self._servers[0].url)
        self._n_left = 0

    def require_askable(self) -> None:
        """
        Refuse, before anything is prepared, what could not be asked at all.

        Raises
        ------
        OptionError
            A public server would be asked without a contact.
        """
        if self._is_asked:
            for server in self._servers:
                server.require_contact()

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to say of kept answers by now, in French."""
        return () if self._cache is None else tuple(self._cache.notes)

    def parts(self, boxes: Sequence[Box], taxonomy: Taxonomy) -> list[Part]:
        """
        Return whole answers that cover boxes together: kept ones, else asked one by one.

        Raises
        ------
        DataError
            The boxes are too large.
        OptionError
            A public server would be asked without a contact.
        NotAsked
            Offline, an answer was not kept.
        BadAnswer
            The smallest box costs too much, or the answer is not one of Overpass.
        RateLimited, SourceUnavailable, SourceError
            See `OverpassServer.ask`.
        """
        asked = [
            part for box in boxes for part in box.parts(largest_km2=self.rule.largest_part_km2)
        ]
        self._n_left = self.rule.most_questions
        if len(asked) > self._n_left:
            raise too_large(
                f"{sum(box.km2 for box in boxes):.0f} km² en {len(asked)} morceaux, pour "
                f"{self._n_left} au plus"
            )
        return [part for box in asked for part in self._parts(box, taxonomy)]

    def provenance(self, parts: Sequence[Part]) -> Provenance:
        """Tell where an extract comes from: see `siting.sources.overpass_parts.provenance_of`."""
        return provenance_of(
            parts,
            url=self._servers[0].url,
            is_offline=not self._is_asked,
            max_age_days=self._options.max_age_days,
        )

    def _parts(self, box: Box, taxonomy: Taxonomy) -> list[Part]:
        """Return the answer to a box, or those to its halves where it costs too much."""
        known = self._known(box, taxonomy)
        if known is not None:
            return known
        if not self._is_asked:
            raise NotAsked(
                f"La carte de la zone {box} n'a pas été gardée, et personne n'est interrogé "
                "(--offline) : relancez une fois avec internet, ou donnez un fichier avec --osm "
                "ou une zone gardée avec --area.",
                url=self._servers[0].url,
            )
        try:
            return [self._asked(question(box, taxonomy))]
        except TooMuch as error:
            if not self._is_cut(box):
                raise BadAnswer(
                    f"Overpass n'a pas pu finir sa réponse, même sur {box.km2:.1f} km² : "
                    f"« {str(error)[:200]} ». {ADVICE}",
                    url=self._servers[0].url,
                    status=200,
                ) from error
            logger.warning(
                "Overpass n'a pas pu finir sur %.0f km² (%s) : la zone est demandée en deux fois.",
                *(box.km2, error),
            )
        return [part for half in box.halves() for part in self._parts(half, taxonomy)]

    def _is_cut(self, box: Box) -> bool:
        return box.km2 / 2 >= self.rule.smallest_part_km2

    def _known(self, box: Box, taxonomy: Taxonomy) -> list[Part] | None:
        """Return what was kept of a box, or of all its parts; None if anything is missing."""
        one = self._found(question(box, taxonomy))
        if one is not None and self._is_fit(one):
            return [one]
        if self._cache is None or not self._is_cut(box):
            return None
        known = []
        for half in box.halves():
            found = self._known(half, taxonomy)
            if found is None:
                return None
            known += found
        return known

    def _found(self, asked: str) -> Part | None:
        """Return the answer that was kept, of any age."""
        entry = None if self._cache is None else self._cache.find(self._key(asked), asked)
        if entry is None or self._cache is None:
            return None
        try:
            answer = read_answer(io.BytesIO(entry.body), name=entry.host)
            retrieved_at = datetime.fromisoformat(entry.retrieved_at)
            age = datetime.fromtimestamp(self._clock.wall_s(), UTC) - retrieved_at
        except (DataError, ValueError, TypeError):
            answer, age = JsonAnswer(remark="unreadable"), timedelta(0)
        if answer.remark:
            self._cache.set_aside(self._key(asked))
            return None
        days = self._options.max_age_days
        is_old = days is not None and (age < -_CLOCKS_DIFFER or age >= timedelta(days=days))
        return replace(part_of(answer, entry), is_kept=True, is_old=is_old)

    def _is_fit(self, part: Part) -> bool:
        return not (part.is_old and self._is_asked)

    def _asked(self, asked: str) -> Part:
        """Ask, one at a time on this computer, unless another run just did; keep the answer."""
        with self._turn():
            former = self._found(asked)
            if former is not None and self._is_fit(former):
                return former
            if former is not None:
                logger.warning(
                    "La carte gardée date du %s, au-delà de la limite de %g jours : elle est "
                    "redemandée (--offline l'utilise telle quelle).",
                    *(former.facts.retrieved_at[:10], self._options.max_age_days),
                )
            self._n_left -= 1
            if self._n_left < 0:
                raise too_large(f"plus de {self.rule.most_questions} morceaux")
            server, body, answer = self._answered(asked)
            now = datetime.fromtimestamp(self._clock.wall_s(), UTC)
            facts = CachedAnswer(
                question=asked,
                host=server.host,
                retrieved_at=now.isoformat(timespec="seconds"),
                data_timestamp=answer.timestamp,
                made_with=__version__,
                body=body,
            )
            if self._cache is not None:
                self._cache.keep(self._key(asked), facts)
            return part_of(answer, facts)

    def _answered(self, asked: str) -> tuple[OverpassServer, bytes, JsonAnswer]:
        """Ask the first server; leave it for the next one when it is out of order."""
        while True:
            server = self._servers[0]
            try:
                return server, *server.ask(asked)
            except SourceUnavailable as error:
                if len(self._servers) == 1:
                    raise
                del self._servers[0]
                logger.warning("%s Le serveur %s est essayé.", error, self._servers[0].host)

    def _key(self, asked: str) -> str:
        server = self._servers[0]
        return key_of(asked, own_server="" if server.is_public else server.url)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold the right to ask, among the runs that share the cache."""
        with ExitStack() as stack:
            stack.enter_context(self._lock)
            if self._cache is not None:
                try:
                    stack.enter_context(self._cache.turn(self._clock, longest_s=self.rule.total_s))
                except TimeoutError as error:
                    raise SourceUnavailable(
                        "Un autre siting interroge Overpass depuis trop longtemps sur cet "
                        "ordinateur : attendez qu'il ait fini, ou arrêtez-le.",
                        url=self._servers[0].url,
                    ) from error
            yield
