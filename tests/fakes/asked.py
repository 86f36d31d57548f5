"""Requests as they arrived."""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from fakes.tables import Rows, read_sheet

Form = Mapping[str, list[str]]


@dataclass(kw_only=True)
class Asked:
    """One request as it arrived, and the status of what was answered (0 if nothing was)."""

    rank: int  # from 1
    time_s: float
    method: str
    path: str
    params: dict[str, list[str]]
    headers: dict[str, str]  # names in small letters
    body: bytes
    status: int = 0

    @functools.cached_property
    def form(self) -> dict[str, list[str]]:
        """Fields of the form, but its file."""
        form = defaultdict(list)
        for name, filename, content in self._parts:
            if filename is None:
                form[name].append(content.decode())
        return dict(form)

    @functools.cached_property
    def file(self) -> tuple[str, bytes] | None:
        """Name and content of the file `data`."""
        found = ((filename, c) for name, filename, c in self._parts if name == "data")
        return next(((filename, content) for filename, content in found if filename), None)

    @functools.cached_property
    def table(self) -> Rows:
        """Rows of the file that was sent."""
        return [] if self.file is None else read_sheet(self.file[1]).rows

    def holds(self, text: str) -> bool:
        """Tell if the request says this, wherever in it."""
        said = [unquote(self.path), *self.headers.values(), self.body.decode(errors="replace")]
        said += [part for name, values in self.params.items() for part in (name, *values)]
        return any(text in part for part in said)

    @functools.cached_property
    def _parts(self) -> list[tuple[str, str | None, bytes]]:
        boundary = re.search(r'boundary="?([^";]+)', self.headers.get("content-type", ""))
        if boundary is None:
            return []
        parts = []
        for part in (b"\r\n" + self.body).split(f"\r\n--{boundary[1]}".encode())[1:-1]:
            head, _, content = part.partition(b"\r\n\r\n")
            found = dict(re.findall(r'\b(name|filename)="([^"]*)"', head.decode()))
            parts.append((found.get("name", ""), found.get("filename"), content))
        return parts
