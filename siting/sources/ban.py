"""Base Adresse Nationale: the geocoder of the Géoplateforme, or one's own addok."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from siting.asking import Answer, Ask, Spot
from siting.errors import BadAnswer, DataError, SourceError
from siting.matching import Candidate
from siting.provenance import Provenance
from siting.sources import ban_csv
from siting.sources.ban_words import (
    candidate_of,
    clean_query,
    filters_of,
    lon_lat_of,
    member,
    nearest_of,
)
from siting.sources.endpoints import read_endpoint, read_retired_hosts
from siting.sources.http import HttpClient, RetryRule
from siting.sources.pace import Clock, Pace
from siting.sources.patience import Health, Outcome, ask_each, ask_in_files

__all__ = ["ROWS_PER_FILE", "BanGeocoder", "candidate_of", "clean_query"]

ROWS_PER_FILE = 1_000
_ADVICE = (
    "Vérifiez la connexion à internet et le proxy (HTTPS_PROXY), donnez un autre géocodeur avec "
    "--geocoder URL, ou continuez sans géocoder avec --geocoder none."
)
_N_CANDIDATES = "5"
_ENDS = ("/csv", "/search", "/reverse")  # of addresses copied from a documentation
_NOT_SENT = "texte sans lettre ni chiffre, ou trop court : non envoyé"
_NOT_ON_EARTH = "coordonnées hors du monde : non envoyées"
_NOT_READ = "texte que le géocodeur n'a pas cherché"

logger = logging.getLogger(__name__)


class BanGeocoder:
    """
    Ask a BAN geocoder for addresses, or for the address of places, over HTTP.

    Only the text of the address and the code of its commune leave this computer, or the
    coordinates of the place.

    Parameters
    ----------
    url
        Base URL, without `/search`; None for the Géoplateforme. A server with the
        same questions and answers is as good: addok, as ministries run it. A base path that
        ends with `/geocodage` has the files of the national service, any other those of addok.
    rate_per_s
        Most requests in a second, up to 45; None for 10. The service counts by IP
        address, and a whole office shares one.
    rule, clock, pace, allow_private
        See `siting.sources.http.HttpClient`.
    rows_per_file
        Questions in a file, 5,000 at most.

    Raises
    ------
    DataError
        If the address, the rate or the size of files cannot be used.
    """

    def __init__(  # noqa: PLR0913 - each has its default
        self,
        url: str | None = None,
        *,
        rate_per_s: float | None = None,
        rule: RetryRule | None = None,
        clock: Clock | None = None,
        pace: Pace | None = None,
        allow_private: bool = False,
        rows_per_file: int = ROWS_PER_FILE,
    ) -> None:
        self._endpoint = read_endpoint("geoplateforme")
        rate = self._endpoint.rate_per_s if rate_per_s is None else rate_per_s
        if not 0 < rate <= self._endpoint.rate_cap_per_s:
            raise DataError(
                f"{rate:g} demandes par seconde au géocodeur : choisissez plus de 0 et au plus "
                f"{self._endpoint.rate_cap_per_s:g}."
            )
        if not 1 <= rows_per_file <= ban_csv.MOST_ROWS:
            raise DataError(
                f"{rows_per_file} adresses par fichier envoyé : choisissez de 1 à "
                f"{ban_csv.MOST_ROWS}."
            )
        base_url = (url or self._endpoint.url).strip().rstrip("/")
        for end in _ENDS:
            base_url = base_url.removesuffix(end)
        self._clock = clock or Clock()
        self._client = HttpClient(
            base_url,
            advice=_ADVICE,
            rate_per_s=rate,
            rule=rule,
            clock=self._clock,
            pace=pace,
            allow_private=allow_private,
        )
        self._rows_per_file = rows_per_file
        self._is_national = ban_csv.is_national(self.url)
        self._health = Health(self.probe)
        self._note = _retirement(base_url)
        if self._note:
            logger.warning(self._note)

    @property
    def url(self) -> str:
        """Base URL asked."""
        return self._client.base_url

    def provenance(self) -> Provenance:
        """Say where positions come from, as of today; licence and attribution are BAN's."""
        is_default = self.url == self._endpoint.url
        return Provenance(
            source=self._endpoint.title if is_default else "Base Adresse Nationale (autre serveur)",
            url=self.url,
            licence=self._endpoint.licence,
            attribution=self._endpoint.attribution,
            retrieved_on=self._today(),
            note=self._note,
        )

    def probe(self) -> None:
        """
        Ask a question without any data of the user, to fail early and clearly.

        Raises
        ------
        SourceError
            As `HttpClient.fetch_json`; BadAnswer if the answer is no list of places.
        """
        self._found(Ask(query="mairie"))

    def answers(
        self, asks: Sequence[Ask], *, is_bulk: bool
    ) -> Iterator[tuple[Ask, Answer | SourceError]]:
        """
        Look for texts; each distinct ask comes back once, with its answer or its failure.

        A text that the service would refuse is not sent, and has no candidate; nor is a code
        of commune or a kind that it would refuse. What fails is asked once more, alone,
        before the end; after five failures in a row what is left fails unasked.

        Parameters
        ----------
        asks
            What to look for.
        is_bulk
            If they are sent by files, for the best candidate of each, else one by one, for
            five. What a file leaves unanswered is asked alone, and then has all its candidates.

        Raises
        ------
        SourceError
            If the service never answered.
        """
        sound = []
        for ask in dict.fromkeys(asks):
            if clean_query(ask.query):
                sound.append(ask)
            else:
                yield ask, self._answer((), note=_NOT_SENT)
        if is_bulk:
            yield from ask_in_files(
                ban_csv.files_of(sound, most_rows=self._rows_per_file),
                together=self._found_together,
                alone=self._found,
                health=self._health,
            )
        else:
            yield from ask_each(sound, alone=self._found, health=self._health)

    def addresses_at(
        self, spots: Sequence[Spot], *, is_bulk: bool
    ) -> Iterator[tuple[Spot, Answer | SourceError]]:
        """
        Look for the nearest address of each place; none is an answer too.

        The national service looks 200 m around, addok some 150 m and not in all directions
        alike. `Candidate.distance_m` says how far it is; there is no score. A place that is
        not on Earth is not sent.

        Parameters
        ----------
        spots, is_bulk
            As in `answers`.

        Raises
        ------
        SourceError
            If the service never answered.
        """
        sound = []
        for spot in dict.fromkeys(spots):
            if lon_lat_of(spot):
                sound.append(spot)
            else:
                yield spot, self._answer((), note=_NOT_ON_EARTH)
        if is_bulk:
            size = self._rows_per_file
            yield from ask_in_files(
                [tuple(sound[at : at + size]) for at in range(0, len(sound), size)],
                together=self._nearest_together,
                alone=self._nearest,
                health=self._health,
            )
        else:
            yield from ask_each(sound, alone=self._nearest, health=self._health)

    def search(
        self, query: str, *, citycode: str | None = None, kind: str | None = None
    ) -> tuple[Candidate, ...]:
        """
        Ask for one address; best candidate first, five at most.

        Raises
        ------
        SourceError
            As `probe`.
        """
        ask = Ask(query=query, citycode=citycode or "", kind=kind or "")
        return self._found(ask).candidates if clean_query(query) else ()

    def _found(self, ask: Ask) -> Answer:
        params = {"q": clean_query(ask.query), "limit": _N_CANDIDATES, "autocomplete": "0"}
        document = self._client.fetch_json("/search", params | filters_of(ask))
        return self._answer(self._candidates(document, candidate_of))

    def _nearest(self, spot: Spot) -> Answer:
        lon, lat = lon_lat_of(spot) or ("", "")
        document = self._client.fetch_json("/reverse", {"lon": lon, "lat": lat, "limit": "1"})
        return self._answer(self._candidates(document, nearest_of)[:1])

    def _found_together(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Outcome]]:
        upload = ban_csv.search_upload(asks, is_national=self._is_national)
        yield from zip(asks, self._outcomes(upload), strict=True)

    def _nearest_together(self, spots: Sequence[Spot]) -> Iterator[tuple[Spot, Outcome]]:
        places = [lon_lat_of(spot) or ("", "") for spot in spots]
        upload = ban_csv.reverse_upload(places, is_national=self._is_national)
        yield from zip(spots, self._outcomes(upload), strict=True)

    def _outcomes(self, upload: ban_csv.Upload) -> list[Outcome]:
        """Post a file; a row that the service failed, or answered badly, is a failure."""
        answer = self._client.post_file(
            upload.path, fields=upload.fields, file=("adresses.csv", upload.body)
        )
        rows = ban_csv.read_rows(upload, answer.body, answer.headers, url=self.url)
        return [self._outcome(row) for row in rows]

    def _outcome(self, row: ban_csv.Row) -> Outcome:
        if row.candidate is not None:
            return self._answer(
                (row.candidate,), is_whole=False, score_next=row.score_next, note=row.note
            )
        if row.status is ban_csv.RowStatus.NOT_FOUND:
            return self._answer((), is_whole=False)
        if row.status is ban_csv.RowStatus.SKIPPED:
            return self._answer((), is_whole=False, note=_NOT_READ)
        if row.status is ban_csv.RowStatus.OK:
            return self._bad_answer("contient une adresse sans position")
        return SourceError("Le géocodeur n'a pas traité cette ligne du fichier.", url=self.url)

    def _answer(
        self,
        candidates: tuple[Candidate, ...],
        *,
        is_whole: bool = True,
        score_next: float = math.nan,
        note: str = "",
    ) -> Answer:
        return Answer(
            candidates=candidates,
            asked_on=self._today(),
            endpoint=self.url,
            is_whole=is_whole,
            score_next=score_next,
            note=note,
        )

    def _candidates(
        self, document: object, read: Callable[[object], Candidate | None]
    ) -> tuple[Candidate, ...]:
        features = member(document, "features")
        if not isinstance(features, list):
            raise self._bad_answer("n'est pas une liste d'adresses")
        candidates = [read(feature) for feature in features]
        if None in candidates:
            raise self._bad_answer("contient une adresse sans position")
        return tuple(candidate for candidate in candidates if candidate is not None)

    def _bad_answer(self, what: str) -> BadAnswer:
        return BadAnswer(
            f"La réponse du géocodeur {self.url} {what}. Vérifiez que --geocoder donne l'adresse "
            "de base d'un géocodeur BAN (Géoplateforme ou addok).",
            url=self.url,
        )

    def _today(self) -> str:
        return datetime.fromtimestamp(self._clock.wall_s(), UTC).date().isoformat()


def _retirement(url: str) -> str:
    host = urlsplit(url).hostname
    retired = next((one for one in read_retired_hosts() if one.host == host), None)
    if retired is None:
        return ""
    successor = read_endpoint(retired.replaced_by).url
    return (
        f"Le géocodeur {retired.host} est officiellement arrêté depuis le {retired.retired_on} : "
        f"utilisez {successor}."
    )
