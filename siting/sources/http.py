"""The one HTTP client: polite, patient within bounds, and clear when it gives up."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
import urllib3

from siting import __version__
from siting.errors import BadAnswer, RateLimited, SourceError, SourceUnavailable
from siting.sources.connections import checked_pools
from siting.sources.hosts import RefusedAddress, checked_url, is_loopback
from siting.sources.pace import Clock, OwnPace, Pace
from siting.sources.retry import RetryRule, excerpt, is_odd_refusal, retry_after_s

__all__ = ["USER_AGENT", "HttpAnswer", "HttpClient", "RetryRule", "checked_url", "is_loopback"]

USER_AGENT = f"siting/{__version__}"
_RETRIED = frozenset({429, 500, 502, 503, 504})
_OK, _ODD, _TOO_MANY = 200, 400, 429
_REDIRECTS = range(300, 400)
_MOST_REDIRECTS = 3
_CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """Body and headers of an answer that was accepted; names of headers in any case."""

    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reply(HttpAnswer):
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """A request, the address to name in messages, and how long it may take."""

    request: requests.Request
    url: str
    read_timeout_s: float
    deadline_s: float


class HttpClient:
    """
    Ask one service: JSON documents, texts, forms, and files of many questions.

    The address really connected to is checked each time (`siting.sources.connections`),
    except behind a proxy. Redirections are followed inside the same host only.

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
    pace
        Who else asks this service, and when one's turn is; by default nobody else does.
    allow_private
        If the service may stand in a private network; this computer always may.
    user_agent
        Who asks, as the service sees it.

    Raises
    ------
    OptionError
        If the address cannot be used.
    """

    def __init__(  # noqa: PLR0913 - each has its default
        self,
        base_url: str,
        *,
        advice: str,
        rate_per_s: float,
        rule: RetryRule | None = None,
        clock: Clock | None = None,
        pace: Pace | None = None,
        allow_private: bool = False,
        user_agent: str = USER_AGENT,
    ) -> None:
        self.base_url = checked_url(base_url, allow_private=allow_private)
        self._advice = advice
        self._rule = rule or RetryRule()
        self._clock = clock or Clock()
        self._pace = pace or OwnPace(self._clock)
        parts, is_own = urlsplit(self.base_url), is_loopback(self.base_url)
        self._host = parts.hostname or ""
        # Several servers of this computer are several services.
        self._turns_of = parts.netloc if is_own else self._host
        self._spacing_s = 0.0 if is_own else 1.0 / rate_per_s
        self._jitter = random.Random()  # noqa: S311 - spreads waits, hides nothing
        self._session = requests.Session()
        self._session.trust_env = not is_own  # no proxy to oneself
        self._session.headers.update({"User-Agent": user_agent, "Accept": "application/json"})
        adapter = requests.adapters.HTTPAdapter()
        adapter.poolmanager.pool_classes_by_scheme = checked_pools(allow_private=allow_private)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)

    def fetch_json(self, path: str, params: Mapping[str, str]) -> object:
        """
        Fetch a JSON document with GET.

        Connection errors and statuses 429, 500, 502, 503 and 504 are tried again, and once
        a 400 that is not in the words of the service (a front server that lost it);
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
            If it refuses the request, or stands at an address that may not be asked.
        """
        answer = self._asked("GET", path, params=dict(params))
        try:
            document: object = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise BadAnswer(
                f"Le service {self._host} a répondu autre chose que des données (souvent une "
                f"page de connexion ou de panne : {excerpt(answer.body)}). {self._advice}",
                url=f"{self.base_url}{path}",
                status=_OK,
            ) from error
        return document

    def fetch_text(self, path: str) -> str:
        """
        Fetch a page of text (UTF-8) with GET, whatever it says.

        Raises
        ------
        SourceError
            As `fetch_json`.
        """
        return self._asked("GET", path).body.decode("utf-8", errors="replace")

    def post_form(self, path: str, fields: Mapping[str, str]) -> HttpAnswer:
        """
        Post the fields of a form (URL-encoded), and take what comes back as it is.

        Raises
        ------
        SourceError
            As `fetch_json`.
        """
        return self._asked("POST", path, data=dict(fields))

    def post_file(
        self, path: str, *, fields: Sequence[tuple[str, str]], file: tuple[str, bytes]
    ) -> HttpAnswer:
        """
        Post a file and fields (multipart/form-data), and take what comes back as it is.

        Parameters
        ----------
        path
            After the base URL.
        fields
            Names and values, sent in this order; a name may come several times.
        file
            Name and content of the CSV file; its field is `data`, as geocoders have it.

        Raises
        ------
        SourceError
            As `fetch_json`.
        """
        url = f"{self.base_url}{path}"
        return self._long(
            requests.Request(
                "POST",
                url,
                headers={"Accept": "text/csv, application/json"},
                data=list(fields),
                files=[("data", (*file, "text/csv"))],
            )
        )

    def fetch_file(self, path: str) -> HttpAnswer:
        """
        Fetch a file with GET, whatever it is, with the time limits of files.

        Raises
        ------
        SourceError
            As `fetch_json`.
        """
        url = f"{self.base_url}{path}"
        return self._long(requests.Request("GET", url, headers={"Accept": "*/*"}))

    def _long(self, request: requests.Request) -> HttpAnswer:
        order = _Order(
            request=request,
            url=request.url,
            read_timeout_s=self._rule.file_read_timeout_s,
            deadline_s=self._clock.now_s() + self._rule.file_total_s,
        )
        reply = self._answer(order)
        return HttpAnswer(body=reply.body, headers=reply.headers)

    def _asked(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        data: dict[str, str] | None = None,
    ) -> HttpAnswer:
        url = f"{self.base_url}{path}"
        order = _Order(
            request=requests.Request(method, url, params=params, data=data),
            url=url,
            read_timeout_s=self._rule.read_timeout_s,
            deadline_s=self._clock.now_s() + self._rule.total_s,
        )
        reply = self._answer(order)
        return HttpAnswer(body=reply.body, headers=reply.headers)

    def _answer(self, order: _Order) -> _Reply:
        """Ask until there is an answer, a final refusal, or no time left."""
        failure: SourceError | None = None
        for n_tried in range(self._rule.n_attempts):
            if failure is not None and not self._back_off(n_tried, order):
                break
            wait_s = self._wait_turn(order)
            if wait_s > 0:
                failure = failure or self._rate_limited(order.url, wait_s)
                break
            try:
                reply = self._reply(order)
            except SourceUnavailable as error:
                failure = error
                continue
            if reply.status == _OK:
                return reply
            is_first_oddity = failure is None or failure.status != _ODD
            failure = self._refusal(reply, order.url)
            if not (reply.status in _RETRIED or (is_first_oddity and _is_odd(reply))):
                break
        raise failure or self._rate_limited(order.url, None)

    def _reply(self, order: _Order) -> _Reply:
        timeouts = (self._rule.connect_timeout_s, order.read_timeout_s)
        try:
            request = self._session.prepare_request(order.request)
            settings = self._session.merge_environment_settings(
                request.url, proxies={}, stream=True, verify=None, cert=None
            )
            for _ in range(_MOST_REDIRECTS):
                with self._session.send(
                    request, timeout=timeouts, allow_redirects=False, **settings
                ) as response:
                    if response.status_code not in _REDIRECTS:
                        return _Reply(
                            status=response.status_code,
                            headers=response.headers,
                            body=self._body(response, order),
                        )
                    request = self._redirected(response, order.url)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise self._unreachable(order.url, error) from error
        except RefusedAddress as error:
            message = f"Le service {self._host} n'est pas interrogé : {error}."
            raise SourceError(message, url=order.url) from error
        raise BadAnswer(f"Le service {self._host} redirige sans fin. {self._advice}", url=order.url)

    def _body(self, response: requests.Response, order: _Order) -> bytes:
        """Read what comes, as it comes: a trickle is seen, and so is a flood."""
        body = bytearray()
        while data := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            body += data
            if len(body) > self._rule.largest_answer_bytes:
                raise BadAnswer(
                    f"La réponse du service {self._host} est démesurée. {self._advice}",
                    url=order.url,
                )
            if self._clock.now_s() > order.deadline_s:
                raise SourceUnavailable(
                    f"Le service {self._host} répond trop lentement. {self._advice}",
                    url=order.url,
                )
        return bytes(body)

    def _refusal(self, reply: _Reply, url: str) -> SourceError:
        """Say what a status other than 200 means, and keep the silence that it asks for."""
        status = reply.status
        if status not in _RETRIED:
            return SourceError(
                f"Le service {self._host} refuse la demande (HTTP {status} : "
                f"{excerpt(reply.body)}). {self._advice}",
                url=url,
                status=status,
            )
        asked_s = retry_after_s(reply.headers.get("Retry-After", ""), self._clock.wall_s())
        least_s = self._rule.silence_after_429_s if status == _TOO_MANY else 0.0
        self._pace.silence(self._turns_of, seconds=max(asked_s or 0.0, least_s))
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
        """Return the request to send next: as asked, to the same host."""
        following = response.next
        target = urlsplit((following.url if following is not None else "") or "")
        is_safe = target.scheme in {"https", urlsplit(self.base_url).scheme}
        if (
            following is None
            or target.hostname != self._host
            or not is_safe
            or following.method != response.request.method  # a file posted would be lost
        ):
            raise BadAnswer(
                f"Le service {self._host} renvoie vers {target.hostname or 'nulle part'} : le "
                "réseau demande peut-être une connexion (portail, proxy), ou l'adresse a changé. "
                f"{self._advice}",
                url=url,
                status=response.status_code,
            )
        return following

    def _unreachable(self, url: str, error: Exception) -> SourceUnavailable:
        if isinstance(error, requests.exceptions.ProxyError):
            cause = "le proxy ne répond pas ou refuse : vérifiez HTTPS_PROXY"
        elif isinstance(error, requests.exceptions.SSLError):
            cause = "son certificat n'est pas reconnu : donnez celui du réseau (REQUESTS_CA_BUNDLE)"
        elif isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
            cause = "délai dépassé"
        else:
            cause = "connexion impossible"
        return SourceUnavailable(
            f"Le service {self._host} ne répond pas ({cause}). {self._advice}", url=url
        )

    def _wait_turn(self, order: _Order) -> float:
        """Wait for one's turn and return zero, or at once the seconds it is too far off."""
        while True:
            left_s = max(0.0, order.deadline_s - self._clock.now_s())
            wait_s = self._pace.reserve_s(
                self._turns_of, spacing_s=self._spacing_s, longest_s=left_s
            )
            if wait_s > left_s:
                return wait_s
            if wait_s > 0:
                self._clock.wait(wait_s)
            if self._pace.silence_s(self._turns_of) <= 0:
                return 0.0

    def _back_off(self, n_tried: int, order: _Order) -> bool:
        """Wait before the next try; False, at once, when it would come too late."""
        longest_s = min(self._rule.first_wait_s * 2 ** (n_tried - 1), self._rule.longest_wait_s)
        wait_s = longest_s * self._jitter.uniform(0.5, 1.0)
        if self._clock.now_s() + wait_s > order.deadline_s:
            return False
        self._clock.wait(wait_s)
        return True


def _is_odd(reply: _Reply) -> bool:
    return reply.status == _ODD and is_odd_refusal(reply.body)
