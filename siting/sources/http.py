"""The one HTTP client: polite, patient within bounds, and clear when it gives up."""

from __future__ import annotations

import ipaddress
import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests

from siting import __version__
from siting.errors import (
    BadAnswer,
    OptionError,
    RateLimited,
    SourceError,
    SourceUnavailable,
)

USER_AGENT = f"siting/{__version__}"
_RETRIED = frozenset({429, 500, 502, 503, 504})
_TOO_MANY = 429
_OK = 200
_REDIRECTS = range(300, 400)
_MOST_REDIRECTS = 3
_LARGEST_ANSWER_BYTES = 20_000_000
_CHUNK_BYTES = 65_536
_PRIVATE_SUFFIXES = (".localhost", ".local", ".lan", ".internal", ".intranet", ".home.arpa")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """
    How long and how often a service is asked before giving up; seconds.

    Waits double from `first_wait_s` and are cut by a random half, so that several
    machines do not come back together. `silence_after_429_s` is the rule of the
    Géoplateforme: over the limit, every request is refused for five seconds.
    """

    n_attempts: int = 4
    first_wait_s: float = 1.0
    longest_wait_s: float = 30.0
    total_s: float = 60.0
    silence_after_429_s: float = 5.0
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 20.0


class Clock:
    """Time as the client sees it, in seconds; tests give another one."""

    def now_s(self) -> float:
        """Seconds from some origin, never going back."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Do nothing for that long."""
        time.sleep(seconds)


class HttpClient:
    """
    Ask one service for JSON documents.

    Parameters
    ----------
    base_url
        Address of the service, checked by `checked_url`.
    advice
        What the user can do when the service cannot be used, in French, as a sentence.
    rate_per_s
        Most requests in a second; a server on this computer is not slowed down.
    rule
        Retries and time limits.
    clock
        Time; the system's by default.
    """

    def __init__(
        self,
        base_url: str,
        *,
        advice: str,
        rate_per_s: float,
        rule: RetryRule | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.base_url = checked_url(base_url)
        self._advice = advice
        self._rule = rule or RetryRule()
        self._clock = clock or Clock()
        self._host = urlsplit(self.base_url).hostname or ""
        self._spacing_s = 0.0 if is_loopback(self.base_url) else 1.0 / rate_per_s
        self._not_before_s = self._clock.now_s()
        self._jitter = random.Random()  # noqa: S311 - spreads waits, hides nothing
        self._session = requests.Session()
        self._session.trust_env = not is_loopback(self.base_url)  # no proxy to oneself
        self._session.headers.update({"User-Agent": USER_AGENT, "Accept": "application/json"})

    def fetch_json(self, path: str, params: Mapping[str, str]) -> object:
        """
        Fetch a JSON document with GET.

        Connection errors and statuses 429, 500, 502, 503 and 504 are tried again;
        anything else is final.

        Raises
        ------
        SourceUnavailable
            If the service cannot be reached, or is out of order, after the retries.
        RateLimited
            If it asks for a longer silence than the time allowed.
        BadAnswer
            If it answers something else than JSON, or sends elsewhere.
        SourceError
            If it refuses the request.
        """
        url = f"{self.base_url}{path}"
        deadline_s = self._clock.now_s() + self._rule.total_s
        failure: SourceError
        for n_tried in range(1, self._rule.n_attempts + 1):
            self._wait_turn(url, deadline_s)
            try:
                return self._fetch_once(url, params, deadline_s)
            except (SourceUnavailable, RateLimited) as error:
                failure = error
            if n_tried < self._rule.n_attempts and not self._back_off(n_tried, deadline_s):
                break
        raise failure

    def _fetch_once(self, url: str, params: Mapping[str, str], deadline_s: float) -> object:
        timeouts = (self._rule.connect_timeout_s, self._rule.read_timeout_s)
        try:
            request = self._session.prepare_request(requests.Request("GET", url, params=params))
            settings = self._session.merge_environment_settings(
                request.url, proxies={}, stream=True, verify=None, cert=None
            )
            for _ in range(_MOST_REDIRECTS):
                with self._session.send(
                    request, timeout=timeouts, allow_redirects=False, **settings
                ) as response:
                    if response.status_code not in _REDIRECTS:
                        return self._document(response, url, deadline_s)
                    request = self._redirected(response, url)
        except requests.RequestException as error:
            raise self._unreachable(url, error) from error
        raise BadAnswer(f"Le service {self._host} redirige sans fin. {self._advice}", url=url)

    def _document(self, response: requests.Response, url: str, deadline_s: float) -> object:
        body = self._body(response, url, deadline_s)
        status = response.status_code
        if status in _RETRIED:
            raise self._refused_for_now(response, url)
        if status == _OK:
            try:
                return json.loads(body)
            except (ValueError, RecursionError) as error:
                raise BadAnswer(
                    f"Le service {self._host} a répondu autre chose que des données (souvent une "
                    f"page de connexion ou de panne : {_excerpt(body)}). {self._advice}",
                    url=url,
                    status=status,
                ) from error
        raise SourceError(
            f"Le service {self._host} refuse la demande (HTTP {status} : {_excerpt(body)}). "
            f"{self._advice}",
            url=url,
            status=status,
        )

    def _body(self, response: requests.Response, url: str, deadline_s: float) -> bytes:
        body = bytearray()
        for chunk in response.iter_content(_CHUNK_BYTES):
            body += chunk
            if len(body) > _LARGEST_ANSWER_BYTES:
                raise BadAnswer(
                    f"La réponse du service {self._host} est démesurée. {self._advice}", url=url
                )
            if self._clock.now_s() > deadline_s:
                raise SourceUnavailable(
                    f"Le service {self._host} répond trop lentement. {self._advice}", url=url
                )
        return bytes(body)

    def _refused_for_now(self, response: requests.Response, url: str) -> SourceError:
        """Note the silence asked for, and say who asked."""
        status = response.status_code
        asked_s = _retry_after_s(response.headers.get("Retry-After", ""))
        least_s = self._rule.silence_after_429_s if status == _TOO_MANY else 0.0
        silence_s = max(asked_s or 0.0, least_s)
        self._not_before_s = max(self._not_before_s, self._clock.now_s() + silence_s)
        if status == _TOO_MANY:
            return self._rate_limited(url, asked_s)
        return SourceUnavailable(
            f"Le service {self._host} est en panne ou en maintenance (HTTP {status}). "
            f"Réessayez plus tard. {self._advice}",
            url=url,
            status=status,
        )

    def _rate_limited(self, url: str, retry_after_s: float | None) -> RateLimited:
        return RateLimited(
            f"Le service {self._host} reçoit trop de demandes de ce réseau (HTTP 429). "
            f"Attendez quelques minutes avant de relancer. {self._advice}",
            url=url,
            status=_TOO_MANY,
            retry_after_s=retry_after_s,
        )

    def _redirected(self, response: requests.Response, url: str) -> requests.PreparedRequest:
        following = response.next
        target = urlsplit((following.url if following is not None else "") or "")
        is_safe = target.scheme in {"https", urlsplit(self.base_url).scheme}
        if following is None or target.hostname != self._host or not is_safe:
            raise BadAnswer(
                f"Le service {self._host} renvoie vers {target.hostname or 'nulle part'} : le "
                "réseau demande peut-être une connexion (portail, proxy), ou l'adresse a changé. "
                f"{self._advice}",
                url=url,
                status=response.status_code,
            )
        return following

    def _unreachable(self, url: str, error: requests.RequestException) -> SourceError:
        if isinstance(error, requests.exceptions.ProxyError):
            cause = "le proxy ne répond pas ou refuse : vérifiez HTTPS_PROXY"
        elif isinstance(error, requests.exceptions.SSLError):
            cause = "son certificat n'est pas reconnu : donnez celui du réseau (REQUESTS_CA_BUNDLE)"
        elif isinstance(error, requests.Timeout):
            cause = "délai dépassé"
        else:
            cause = "connexion impossible"
        return SourceUnavailable(
            f"Le service {self._host} ne répond pas ({cause}). {self._advice}", url=url
        )

    def _wait_turn(self, url: str, deadline_s: float) -> None:
        now_s = self._clock.now_s()
        if self._not_before_s > deadline_s:
            raise self._rate_limited(url, self._not_before_s - now_s)
        if self._not_before_s > now_s:
            self._clock.wait(self._not_before_s - now_s)
        self._not_before_s = max(self._not_before_s, self._clock.now_s()) + self._spacing_s

    def _back_off(self, n_tried: int, deadline_s: float) -> bool:
        """Put the next try off; False when it would come too late."""
        wait_s = min(self._rule.first_wait_s * 2 ** (n_tried - 1), self._rule.longest_wait_s)
        next_s = self._clock.now_s() + wait_s * self._jitter.uniform(0.5, 1.0)
        self._not_before_s = max(self._not_before_s, next_s)
        return self._not_before_s <= deadline_s


def checked_url(url: str) -> str:
    """
    Return the base URL of a service without its last slash, or refuse it.

    The address must be https; http is for this computer and for private networks, where
    one's own server is legitimate.

    Raises
    ------
    OptionError
        Not an address, credentials in it, or http to a public host.
    """
    text = url.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        host, has_port = parts.hostname or "", parts.port is not None
    except ValueError as error:
        raise OptionError(f"L'adresse de service {url!r} n'est pas lisible : {error}.") from error
    if parts.scheme not in {"http", "https"} or not host or (has_port and parts.port == 0):
        raise OptionError(
            f"L'adresse de service {url!r} n'est pas une adresse web : "
            "écrivez-la en entier, par exemple https://data.geopf.fr/geocodage."
        )
    if parts.username is not None or parts.password is not None:
        raise OptionError(
            "L'adresse de service contient un nom d'utilisateur ou un mot de passe : retirez-les."
        )
    if parts.query or parts.fragment:
        raise OptionError(f"L'adresse de service {url!r} ne doit contenir ni « ? » ni « # ».")
    if parts.scheme == "http" and not _is_private(host):
        raise OptionError(
            f"L'adresse de service {url!r} n'est pas protégée : utilisez https:// "
            "(http:// est accepté pour un serveur de votre propre réseau)."
        )
    if _is_link_local(host):
        raise OptionError(f"L'adresse de service {url!r} n'est pas celle d'un serveur.")
    return text


def is_loopback(url: str) -> bool:
    """Tell if a URL stays on this computer."""
    host = urlsplit(url).hostname or ""
    address = _ip(host)
    return host == "localhost" if address is None else address.is_loopback


def _is_private(host: str) -> bool:
    address = _ip(host)
    if address is not None:
        return address.is_private
    return "." not in host or host.endswith(_PRIVATE_SUFFIXES)


def _is_link_local(host: str) -> bool:
    address = _ip(host)
    return address is not None and (address.is_link_local or address.is_unspecified)


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _retry_after_s(text: str) -> float | None:
    """Read the header `Retry-After`: seconds, or a date of HTTP."""
    if text.strip().isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _excerpt(body: bytes) -> str:
    """First words of an answer, for a message."""
    words = " ".join(body[:400].decode("utf-8", errors="replace").split())
    return f"« {words[:120]} »" if words else "réponse vide"
