"""One server of Overpass: asked one thing at a time, again when it is busy, never in a loop.

The public servers are lent by volunteers. Their rules (github.com/drolbr/Overpass-API/issues/791):
a User-Agent that says who asks, no requests side by side, half a minute at least after 429. A
server that could not finish says so in a `remark`, with status 200: its answer is no answer.
"""

from __future__ import annotations

import io
import logging
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from siting import __version__
from siting.errors import (
    BadAnswer,
    DataError,
    OptionError,
    RateLimited,
    SourceError,
    SourceUnavailable,
)
from siting.sources.endpoints import read_endpoint
from siting.sources.hosts import is_private_host
from siting.sources.http import USER_AGENT, HttpClient, RetryRule, is_loopback
from siting.sources.osm_json import JsonAnswer, read_answer
from siting.sources.overpass_query import settings
from siting.sources.pace import Clock, Pace

CONTACT_OPTION, CONTACT_VARIABLE = "--contact", "SITING_CONTACT"
_FILE_ADVICE = (
    "À défaut d'Overpass, téléchargez l'extrait de la région (https://download.geofabrik.de) et "
    "donnez-le avec --osm FICHIER."
)
ADVICE = f"Réessayez plus tard. {_FILE_ADVICE}"

_REFUSALS = {
    400: "ne comprend pas la question. Si vous avez votre propre liste de services, vérifiez ses "
    "valeurs ; sinon c'est un défaut de siting, à signaler.",
    403: "refuse de répondre à ce réseau. Ne relancez pas en boucle : écrivez à ses opérateurs si "
    "cela dure.",
    406: "refuse ce programme. Vérifiez l'adresse où vous joindre "
    f"({CONTACT_OPTION} ou {CONTACT_VARIABLE}), et ne relancez pas en boucle.",
}
_BUSY = frozenset({200, 429, 500, 502, 503, 504})  # 200 with a remark that blames the server
_TOO_MUCH = re.compile(r"timed out|memory", re.IGNORECASE)  # a smaller box asks for less of both
_CONTACT = re.compile(r"[!#-'*-;=?-~]+(@|://)[!#-'*-;=?-~]+")  # fit for a header, in brackets
_LONGEST_CONTACT = 200
_SLOT = re.compile(r"^Slot available after:.*, in (-?\d{1,6}) seconds", re.MULTILINE)
_FREE = re.compile(r"^[1-9]\d* slots? available now", re.MULTILINE)
_UNREACHED_TRIES, _UNREACHED_WAIT_S = 2, 5.0  # of a server that gives no answer at all
_EXTRA_S = 150.0  # an answer is sent after its computation; the queue of the server comes before

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverpassRule:
    """
    How much is asked of Overpass, and for how long.

    A question that meets 429, 500, 502, 503 or 504 is asked again, `n_retries` times at most: after
    `first_wait_s` (the operators want 30 s), then twice as long each time up to `longest_wait_s`;
    not once `total_s` are over. `timeout_s` and `maxsize_bytes` are what a question says that it
    may cost, by default what Overpass itself supposes.

    A box over `largest_part_km2` is asked in parts, and so is one that costs too much, down to
    `smallest_part_km2`. More than `most_questions` are not asked in a row: cutting a region in
    boxes is what the operators call abuse, and extracts are there for it.
    """

    n_retries: int = 5
    first_wait_s: float = 30.0
    longest_wait_s: float = 120.0
    total_s: float = 600.0
    timeout_s: int = 180
    maxsize_bytes: int = 536_870_912
    largest_part_km2: float = 100.0
    smallest_part_km2: float = 1.0
    most_questions: int = 64
    largest_answer_bytes: int = 400_000_000

    @property
    def most_km2(self) -> float:
        """Area that cannot be asked whole, however its boxes lie."""
        return self.most_questions * self.largest_part_km2


class TooMuch(Exception):
    """A question costs the server more than it gives; the message is its remark."""


class OverpassServer:
    """
    Ask one server.

    Parameters
    ----------
    url
        Base address (`.../api`); what ends in `/interpreter` is understood.
    contact
        E-mail or web address of who asks; may be empty for one's own server.
    rule
        Limits.
    clock, pace, allow_private
        See `siting.sources.http.HttpClient`.

    Raises
    ------
    OptionError
        The address or the contact cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        contact: str,
        rule: OverpassRule,
        clock: Clock,
        pace: Pace | None,
        allow_private: bool,
    ) -> None:
        self._rule = rule
        self._clock = clock
        self._contact = contact
        self._client = HttpClient(
            url.strip().rstrip("/").removesuffix("/interpreter"),
            advice=_FILE_ADVICE,
            rate_per_s=read_endpoint("overpass").rate_per_s,
            rule=RetryRule(
                n_attempts=1,
                total_s=rule.timeout_s + 2 * _EXTRA_S,
                silence_after_429_s=rule.first_wait_s,
                read_timeout_s=rule.timeout_s + _EXTRA_S,
                largest_answer_bytes=rule.largest_answer_bytes,
            ),
            clock=clock,
            pace=pace,
            allow_private=allow_private,
            user_agent=_user_agent(contact),
        )
        self.url = self._client.base_url
        self.host = urlsplit(self.url).netloc

    @property
    def is_public(self) -> bool:
        """If it is not this computer, nor in a private network."""
        return not (is_loopback(self.url) or is_private_host(urlsplit(self.url).hostname or ""))

    def require_contact(self) -> None:
        """
        Refuse to ask a public server namelessly.

        Raises
        ------
        OptionError
            It is one, and there is no contact.
        """
        if self.is_public and not self._contact:
            raise OptionError(
                f"Le serveur {self.host} veut savoir qui l'interroge : donnez une adresse où vous "
                f"joindre (e-mail ou page web) avec {CONTACT_OPTION}, ou dans la variable "
                f"{CONTACT_VARIABLE} ; elle n'est envoyée qu'aux serveurs Overpass. {_FILE_ADVICE}"
            )

    def ask(self, question: str) -> tuple[bytes, JsonAnswer]:
        """
        Return a whole answer, as it came and as it reads.

        Raises
        ------
        TooMuch
            The server could not finish, for want of time or of memory.
        OptionError
            It is a public server, and there is no contact.
        RateLimited
            It asks for more patience than there is.
        SourceUnavailable
            It is out of order, or cannot be reached.
        BadAnswer
            It answers something else than Overpass.
        SourceError
            It refuses.
        """
        self.require_contact()
        end_s = self._clock.now_s() + self._rule.total_s
        n_tries = 0
        while True:
            n_tries += 1
            try:
                return self._answer(question)
            except SourceError as error:
                wait_s = self._wait_s(error, n_tries)
                if wait_s is None or self._clock.now_s() + wait_s > end_s:
                    raise self._explained(error) from error
                logger.warning(
                    "Overpass (%s) est occupé ou ne répond pas (%s) : nouvel essai dans %.0f s.",
                    *(self.host, error.status or "pas de réponse", wait_s),
                )
                self._clock.wait(wait_s)
                if isinstance(error, RateLimited):
                    self._wait_for_slot(end_s)

    def _answer(self, question: str) -> tuple[bytes, JsonAnswer]:
        cost = settings(timeout_s=self._rule.timeout_s, maxsize_bytes=self._rule.maxsize_bytes)
        body = self._client.post_form("/interpreter", {"data": cost + question}).body
        url = f"{self.url}/interpreter"
        try:
            answer = read_answer(io.BytesIO(body), name=self.host)
        except DataError as error:
            if body[:1] == b"{":
                message = f"La réponse d'Overpass ({self.host}) est arrivée coupée. {ADVICE}"
                raise SourceUnavailable(message, url=url) from error
            raise BadAnswer(
                f"Le serveur {self.host} a répondu autre chose que des données (souvent une page "
                f"de connexion ou de panne). {ADVICE}",
                url=url,
                status=200,
            ) from error
        if answer.remark and _TOO_MUCH.search(answer.remark):
            raise TooMuch(answer.remark)
        if answer.remark:
            raise SourceUnavailable(
                f"Le serveur {self.host} n'a pas pu finir sa réponse : « {answer.remark[:200]} ». "
                f"{ADVICE}",
                url=url,
                status=200,
            )
        return body, answer

    def _wait_s(self, error: SourceError, n_tries: int) -> float | None:
        """Return the wait before another try; None if there is none to make."""
        if isinstance(error, SourceUnavailable) and error.status is None:
            return _UNREACHED_WAIT_S if n_tries < _UNREACHED_TRIES else None
        is_busy = error.status in _BUSY and not isinstance(error, BadAnswer)
        if not is_busy or n_tries > self._rule.n_retries:
            return None
        asked_s = error.retry_after_s if isinstance(error, RateLimited) else None
        doubled_s = self._rule.first_wait_s * 2.0 ** (n_tries - 1)
        return max(min(doubled_s, self._rule.longest_wait_s), asked_s or 0.0)

    def _wait_for_slot(self, end_s: float) -> None:
        """
        Ask the server when one's turn comes, after a refusal, and wait for it.

        Raises
        ------
        RateLimited
            It comes too late.
        """
        try:
            status = self._client.fetch_text("/status")
        except SourceError:
            return
        waits_s = [float(found) for found in _SLOT.findall(status)]
        if _FREE.search(status) or not waits_s:
            return
        wait_s = max(min(waits_s), 0.0) + 1.0
        if self._clock.now_s() + wait_s > end_s:
            raise RateLimited(
                f"Le serveur {self.host} ne répond pas à ce réseau avant {wait_s:.0f} s. {ADVICE}",
                url=self.url,
                status=429,
                retry_after_s=wait_s,
            )
        self._clock.wait(wait_s)

    def _explained(self, error: SourceError) -> SourceError:
        reason = _REFUSALS.get(error.status or 0)
        if reason is None:
            return error
        return SourceError(
            f"Le serveur {self.host} {reason} (HTTP {error.status}.) {_FILE_ADVICE}",
            url=error.url,
            status=error.status,
        )


def _user_agent(contact: str) -> str:
    """Return who asks; a User-Agent of a library, or another's, is refused by the servers."""
    if not contact:
        return USER_AGENT
    if len(contact) > _LONGEST_CONTACT or not _CONTACT.fullmatch(contact):
        raise OptionError(
            f"{CONTACT_OPTION} {contact[:_LONGEST_CONTACT]!r} n'est pas une adresse où vous "
            "joindre : donnez un e-mail (vous@departement.fr) ou une page web (https://...), sans "
            "espace ni accent."
        )
    return f"siting/{__version__} (+{contact})"
