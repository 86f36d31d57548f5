"""Base Adresse Nationale: the geocoder of the Géoplateforme, or one's own addok."""

from __future__ import annotations

import logging
import math
import re
import unicodedata
from datetime import UTC, datetime
from urllib.parse import urlsplit

from siting.errors import BadAnswer, DataError
from siting.matching import Candidate
from siting.provenance import Provenance
from siting.sources.endpoints import read_endpoint, read_retired_hosts
from siting.sources.http import Clock, HttpClient, RetryRule

_ADVICE = (
    "Vérifiez la connexion à internet et le proxy (HTTPS_PROXY), donnez un autre géocodeur avec "
    "--geocoder URL, ou continuez sans géocoder avec --geocoder none."
)
_N_CANDIDATES = "5"
_SHORTEST_QUERY, _LONGEST_QUERY = 3, 200  # what the service accepts
_CITYCODE = re.compile(r"\d{5}|\d[AB]\d{3}")
_LAST_OF_BMP = "\uffff"

logger = logging.getLogger(__name__)


class BanGeocoder:
    """
    Ask a BAN geocoder for addresses, over HTTP.

    Only the text of the address and the code of its commune leave this computer.

    Parameters
    ----------
    url
        Base URL, without `/search`; None for the Géoplateforme. A server with the
        same questions and answers is as good: addok, as ministries run it.
    rate_per_s
        Most requests in a second, up to 45; None for 10. The service counts by IP
        address, and a whole office shares one.
    rule, clock
        See `siting.sources.http.HttpClient`.

    Raises
    ------
    DataError
        If the address or the rate cannot be used.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        rate_per_s: float | None = None,
        rule: RetryRule | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._endpoint = read_endpoint("geoplateforme")
        rate = self._endpoint.rate_per_s if rate_per_s is None else rate_per_s
        if not 0 < rate <= self._endpoint.rate_cap_per_s:
            raise DataError(
                f"{rate:g} demandes par seconde au géocodeur : choisissez plus de 0 et au plus "
                f"{self._endpoint.rate_cap_per_s:g}."
            )
        base_url = (url or self._endpoint.url).strip().rstrip("/").removesuffix("/search")
        self._client = HttpClient(base_url, advice=_ADVICE, rate_per_s=rate, rule=rule, clock=clock)
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
            retrieved_on=datetime.now(UTC).date().isoformat(),
            note=self._note,
        )

    def probe(self) -> None:
        """
        Ask a question without any data of the user, to fail early and clearly.

        Raises
        ------
        SourceError
            As `search`.
        """
        self.search("mairie")

    def search(
        self, query: str, *, citycode: str | None = None, kind: str | None = None
    ) -> tuple[Candidate, ...]:
        """
        Ask for an address; best candidate first, five at most.

        Parameters
        ----------
        query
            Address in one line; cleaned by `clean_query`. A text that the service would
            refuse is not sent, and has no candidate.
        citycode
            INSEE code to search in: nothing else comes back. Another form is not sent.
        kind
            Type to search for (`municipality`, `street`...).

        Raises
        ------
        SourceUnavailable, RateLimited, SourceError
            See `HttpClient.fetch_json`.
        BadAnswer
            If the answer is no list of places with positions.
        """
        text = clean_query(query)
        if not text:
            return ()
        params = {"q": text, "limit": _N_CANDIDATES, "autocomplete": "0"}
        if citycode and _CITYCODE.fullmatch(citycode):
            params["citycode"] = citycode
        if kind:
            params["type"] = kind
        return self._candidates(self._client.fetch_json("/search", params))

    def _candidates(self, answer: object) -> tuple[Candidate, ...]:
        features = answer.get("features") if isinstance(answer, dict) else None
        if not isinstance(features, list):
            raise self._bad_answer("n'est pas une liste d'adresses")
        candidates = [candidate_of(feature) for feature in features]
        if None in candidates:
            raise self._bad_answer("contient une adresse sans position")
        return tuple(candidate for candidate in candidates if candidate is not None)

    def _bad_answer(self, what: str) -> BadAnswer:
        return BadAnswer(
            f"La réponse du géocodeur {self.url} {what}. Vérifiez que --geocoder donne l'adresse "
            "de base d'un géocodeur BAN (Géoplateforme ou addok).",
            url=f"{self.url}/search",
        )


def clean_query(text: str) -> str:
    """
    Make a text that the service accepts: 3 to 200 signs, a letter or a digit first.

    Signs that are not written (controls, emojis) become spaces; what is too long is cut
    at a word. Empty when there is too little left to ask for.
    """
    visible = "".join(
        " " if unicodedata.category(c)[0] in "CZ" or c > _LAST_OF_BMP else c
        for c in unicodedata.normalize("NFC", text)
    )
    words = " ".join(visible.split())
    start = next((rank for rank, c in enumerate(words) if _may_start(c)), len(words))
    words = words[start:]
    if len(words) > _LONGEST_QUERY:
        whole = words[: _LONGEST_QUERY + 1].rpartition(" ")[0]
        words = (whole or words)[:_LONGEST_QUERY].rstrip()
    return words if len(words) >= _SHORTEST_QUERY else ""


def candidate_of(feature: object) -> Candidate | None:
    """
    Read one GeoJSON feature, whatever it lacks; None when it has no usable position.

    Of a list, the first value is taken; a value of another type than documented is as
    good as missing; a score outside of 0-1 is brought back to its bound.
    """
    properties = _member(feature, "properties")
    lon_lat = _member(_member(feature, "geometry"), "coordinates")
    if not isinstance(lon_lat, list) or len(lon_lat) not in {2, 3}:
        return None
    lon, lat = _number(lon_lat[0]), _number(lon_lat[1])
    if not (abs(lon) <= 180 and abs(lat) <= 90):  # noqa: PLR2004 - degrees; False for NaN
        return None
    score = _number(_member(properties, "score"))
    return Candidate(
        label=_text(properties, "label") or _text(properties, "name"),
        lon=lon,
        lat=lat,
        score=score if math.isnan(score) else min(max(score, 0.0), 1.0),
        kind=_text(properties, "type"),
        name=_text(properties, "name"),
        street=_text(properties, "street"),
        housenumber=_text(properties, "housenumber"),
        citycode=_text(properties, "citycode").upper(),
        oldcitycode=_text(properties, "oldcitycode").upper(),
        city=_text(properties, "city"),
        postcode=_text(properties, "postcode"),
    )


def _may_start(sign: str) -> bool:
    """Tell what the service takes for a letter (it has two cases) or a digit."""
    return sign in "0123456789" or sign.lower() != sign.upper()


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


def _member(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _text(properties: object, name: str) -> str:
    value = _member(properties, name)
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return " ".join(str(value).split())


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value) if abs(value) < _LARGEST else math.nan


_LARGEST = 1e6  # no degree and no score comes near; keeps out integers no float can hold
