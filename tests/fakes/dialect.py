"""What the two kinds of server have in common."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from fakes.asked import Asked
from fakes.faults import ABSENT, Fault
from fakes.index import Filters, Found
from fakes.replies import Refused, Reply, page

TRUE_WORDS = ("1", "true", "yes")
ADDRESS_FIELDS = (
    *("label", "type", "id", "housenumber", "name", "street", "postcode", "city", "context"),
    *("citycode", "oldcitycode", "oldcity", "district"),
)


class Dialect:
    """What both kinds of server have in common: four addresses, with or without a last slash."""

    def reply(self, asked: Asked, path: str, fault: Fault) -> Reply:
        """Answer a request."""
        answers: dict[tuple[str, str], Callable[[Asked, Fault], Reply]] = {
            ("GET", "/search"): self._search,
            ("GET", "/reverse"): self._reverse,
            ("POST", "/search/csv"): functools.partial(self._csv, is_reverse=False),
            ("POST", "/reverse/csv"): functools.partial(self._csv, is_reverse=True),
        }
        answer = answers.get((asked.method, path.removesuffix("/")))
        if answer is None:
            return self._unknown(asked)
        try:
            return answer(asked, fault)
        except Refused as refused:
            return refused.reply

    def _unknown(self, asked: Asked, /) -> Reply:
        return page(404, f"Cannot {asked.method} {asked.path}")

    def _search(self, asked: Asked, fault: Fault) -> Reply:
        raise NotImplementedError

    def _reverse(self, asked: Asked, fault: Fault) -> Reply:
        raise NotImplementedError

    def _csv(self, asked: Asked, fault: Fault, *, is_reverse: bool) -> Reply:
        raise NotImplementedError


def changed(fields: Mapping[str, object], fault: Fault) -> dict[str, object]:
    return {k: v for k, v in (dict(fields) | dict(fault.fields)).items() if v is not ABSENT}


def feature(found: Found, fault: Fault, more: dict[str, object]) -> dict[str, object]:
    point = {"type": "Point", "coordinates": [found.place.lon, found.place.lat]}
    fields = changed(found.fields | more, fault)
    geometry = fields.pop("geometry", point)
    return {"type": "Feature", "geometry": geometry, "properties": fields}


def plain_filters(said: Mapping[str, str]) -> Filters:
    code = said.get("citycode", "")
    return Filters(
        kind=said.get("type", ""),
        postcode=said.get("postcode", ""),
        citycodes=[code] if code else [],
    )
