"""Services that `siting` may contact: address, licence, limits, as dated data."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """
    One service of `endpoints.toml`.

    `rate_per_s` is the most requests in a second by default, `rate_cap_per_s` the most that
    may be set; `checked_on` is the ISO date the address and limits were last verified.
    """

    title: str
    url: str
    licence: str
    attribution: str
    documentation: str
    rate_per_s: float
    rate_cap_per_s: float
    checked_on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetiredHost:
    """A host that was switched off on `retired_on` (ISO); `replaced_by` names an endpoint."""

    host: str
    retired_on: str
    replaced_by: str


def read_endpoint(name: str) -> Endpoint:
    """Read one service of `endpoints.toml`; an unknown name is a KeyError."""
    return Endpoint(**_document()["services"][name])


def read_retired_hosts() -> tuple[RetiredHost, ...]:
    """Read the hosts that are never a default any more."""
    return tuple(RetiredHost(**host) for host in _document()["retired"])


def _document() -> dict[str, Any]:
    text = resources.files("siting.sources").joinpath("endpoints.toml").read_text("utf-8")
    return tomllib.loads(text)
