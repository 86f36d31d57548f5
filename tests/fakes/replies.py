"""Answers, right ones and refusals, as the service words them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is answered."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_chunked: bool = False


class Refused(Exception):
    """A request that is answered by an error."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.body)
        self.reply = reply


def json_reply(document: object, *, status: int = 200) -> Reply:
    headers = {"content-type": "application/json; charset=utf-8"}
    return Reply(status=status, headers=headers, body=json.dumps(document).encode())


def page(status: int, text: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Return an answer in HTML, as machines in front of the service give."""
    body = f"<html><head><title>{text}</title></head><body><h1>{text}</h1></body></html>"
    said = {"content-type": "text/html"} | dict(headers or {})
    return Reply(status=status, headers=said, body=body.encode())


def too_many(retry_after: str) -> Reply:
    """Return the refusal of the rate limit; `retry_after` may be seconds or a date of HTTP."""
    return page(429, "429 Too Many Requests", {"retry-after": retry_after})


def refusal(status: int, message: str, *detail: str) -> Reply:
    """Return an error as the service words it."""
    said = {"code": status, "message": message} | ({"detail": detail} if detail else {})
    return json_reply(said, status=status)
