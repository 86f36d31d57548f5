"""How a run was made, and the text of its map page."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version

import folium

from siting.provenance import Provenance

_LIBRARIES = (
    "folium",
    "geopandas",
    "numba",
    "numpy",
    "osmium",
    "pandas",
    "pyarrow",
    "pyogrio",
    "pyproj",
    "requests",
    "scipy",
    "shapely",
    "xlsxwriter",
)

# Where folium declares an element: a variable, a function or an id ending in 128 random bits.
_DECLARED = re.compile(r'(?:\bvar |\bfunction |\bid=")\w*?_([0-9a-f]{32})\b')

Parameter = str | int | float | bool | None | Sequence[str] | Mapping[str, str | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """
    One run of the tool.

    Parameters
    ----------
    command
        Words of the command line, the program's name first.
    parameters
        Value of each option, defaults included.
    inputs
        SHA-256 of each file read, by its path as given.
    sources
        Origin of all data used.
    counts
        What was counted on the way (rows, services, control characters left out...).
    started_at, finished_at
        Moments with their time zone.
    """

    command: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    inputs: Mapping[str, str]
    sources: tuple[Provenance, ...]
    counts: Mapping[str, int]
    started_at: datetime
    finished_at: datetime


def manifest_bytes(run: Run, *, outputs: Mapping[str, bytes]) -> bytes:
    """
    Describe a run as JSON: command, versions, parameters, sources, hashes of all files.

    Parameters
    ----------
    run
        The run; its dates appear in this file only.
    outputs
        Content of the other files written, by name.
    """
    manifest = {
        "command": list(run.command),
        "versions": {
            "siting": version("siting"),
            "python": platform.python_version(),
            **{library: version(library) for library in _LIBRARIES},
        },
        "parameters": dict(run.parameters),
        "inputs": dict(run.inputs),
        "sources": [asdict(source) for source in run.sources],
        "counts": dict(run.counts),
        "outputs": {name: hashlib.sha256(outputs[name]).hexdigest() for name in sorted(outputs)},
        "started_at": run.started_at.isoformat(timespec="seconds"),
        "finished_at": run.finished_at.isoformat(timespec="seconds"),
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=2, allow_nan=False, default=list)
    return f"{text}\n".encode()


def html_bytes(page: folium.Map) -> bytes:
    """
    Render a map as a page whose bytes depend on its content only.

    folium names its elements at random; here they are numbered in the order of the page.
    """
    html = str(page.get_root().render()).replace("<html>", '<html lang="fr">', 1)
    for number, identifier in enumerate(dict.fromkeys(_DECLARED.findall(html)), start=1):
        html = html.replace(identifier, str(number))
    return "\n".join(line.rstrip() for line in html.splitlines() if line.strip()).encode() + b"\n"
