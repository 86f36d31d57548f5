"""A real addok, the engine of the national geocoder, on loopback for the time of a test.

Needs the `geocoder` extra in the running interpreter; `why_missing` tells if it is not there.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from siting.sources.engine_load import load_engine
from siting.sources.engine_processes import why_unavailable as why_missing
from siting.sources.local_engine import start_engine, stop_engine

__all__ = ["addok_server", "why_missing"]


@contextmanager
def addok_server(documents: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """Serve these documents (one a street or a commune); yield the base URL."""
    with tempfile.TemporaryDirectory(prefix="addok-") as name:
        lines = Path(name) / "addresses.ndjson"
        lines.write_text("\n".join(json.dumps(line) for line in documents), encoding="utf-8")
        folder = Path(name) / "engine"
        load_engine([lines], folder)
        try:
            yield start_engine(folder)
        finally:
            stop_engine(folder)
