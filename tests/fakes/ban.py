"""
The national geocoding service on loopback, for a test: its rules, faults and limits.

`fake_ban(places)` answers `/geocodage/search`, `/reverse`, `/search/csv` and `/reverse/csv` as the
Géoplateforme does; `is_addok=True` makes it a plain addok 1.3 with addok-csv 1.1 (`/search/`...).
A test says what goes wrong (`order`), and looks at what was asked (`asked`, `holding`, `busiest`).

The rules are those of the public code of the service (gpf-geocodeur: `api/params`, `api/csv`,
`batch/stream`, `lib/spatial-index`, and its acceptance tests), of a real addok, and the limits of
use published on cartes.gouv.fr. Scores are not addok's: see `Index.found`.

What is not here answers 501, so that no test passes by luck: parcels, points of interest,
`searchgeom`, `returntruegeometry`; `/batch`, `/completion` and asynchronous projects are 404.

Places are in `fakes.index`, what goes wrong in `fakes.faults`, time in `fakes.clock`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fakes.addok import Addok
from fakes.control import FakeBan
from fakes.dialect import Dialect
from fakes.index import Index, Place
from fakes.national import National
from fakes.server import Server
from siting.sources.pace import Clock

__all__ = ["RATE_PER_S", "FakeBan", "fake_ban"]

RATE_PER_S = 50


@contextmanager
def fake_ban(
    places: Sequence[Place],
    *,
    clock: Clock | None = None,
    is_addok: bool = False,
    rate_per_s: float | None = RATE_PER_S,
    largest_limit: int = 20,
    seed: int = 0,
) -> Iterator[FakeBan]:
    """
    Serve these places for a while; `url` is what a client is given.

    Parameters
    ----------
    places
        The index.
    clock
        Time of the server; the computer's by default. Share it with the client.
    is_addok
        Be a plain addok, which has no limit, and no `/geocodage` in its address.
    rate_per_s
        Requests allowed in a second; None for no limit.
    largest_limit
        Most candidates in an answer: 20 for the code of 2023, 50 for that of 2025.
    seed
        Of what is drawn: which requests are the share that meets a fault.
    """
    index = Index(places)
    fake = FakeBan(
        clock or Clock(),
        base="" if is_addok else "/geocodage",
        rate_per_s=None if is_addok else rate_per_s,
        seed=seed,
    )
    dialect: Dialect = National(index, largest_limit=largest_limit)
    if is_addok:
        dialect = Addok(index)
    with Server(fake, dialect) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        fake.url = f"http://127.0.0.1:{server.server_port}{fake.base}"
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
            server.end_connections()
    if fake.crashes:
        raise fake.crashes[0]
