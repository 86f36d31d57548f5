"""
Compare siting with the pipelines planners can install: same file, same sites, same services.

    pip install pandana pyrosm osmnx networkx scikit-learn
    python benchmarks/engines.py --quick

prints seconds per stage, peak memory, how times grow with the streets and with the sites, and how
far results differ, in Markdown. Without ``--quick``, three extracts are used, of 5.7k, 51k and 205k
`highway` ways (`extracts.py`); they are made once, in ``--folder``. The peers and what is measured
are described in `peers.py`. Where they cannot live beside siting, put them in an environment of
their own and give its interpreter: ``--peers-python PATH``.

Engines take turns, each in a process of its own. The fastest of its ``--runs`` is told.
Times leave the imports out of the total, and tell them apart.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from extracts import SAMPLE, check_sample, write_extract, write_sites

PEERS = Path(__file__).with_name("peers.py")
OURS = "siting"
RIVALS = ("pyrosm_pandana", "osmnx_networkx")
IMPORT = "import"
PLACES_APART_M = 50.0  # about the length of an edge: what snapping to nodes may change


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One extract and one number of sites."""

    k: int
    n_ways: int
    n_sites: int
    extract: Path
    sites: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one engine made of one case; `failure` is why there is nothing to tell."""

    engine: str
    case: Case
    seconds: dict[str, float] = field(default_factory=dict)
    peak_mib: float = float("nan")
    notes: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    results: Path | None = None
    failure: str = ""

    @property
    def total_s(self) -> float:
        """Seconds of all the stages but the imports."""
        if self.failure:
            return float("nan")
        return sum(spent for stage, spent in self.seconds.items() if stage != IMPORT)


def cases(options: argparse.Namespace) -> list[Case]:
    """
    Return the cases, making the extracts and the sites that `folder` does not hold.

    The first number of sites goes with every extract, the others with the first extract only.
    """
    options.folder.mkdir(parents=True, exist_ok=True)
    wanted = [(k, options.sites[0]) for k in options.k]
    wanted += [(options.k[0], n_sites) for n_sites in options.sites[1:]]
    made = []
    for k, n_sites in wanted:
        extract = options.folder / f"k{k}.osm.pbf"
        size = options.folder / f"k{k}-ways.txt"
        if not (extract.exists() and size.exists()):
            source = check_sample() if options.source == SAMPLE else options.source
            size.write_text(str(write_extract(source, k, extract)), encoding="utf-8")
        sites = options.folder / f"k{k}-sites{n_sites}.csv"
        if not sites.exists():
            write_sites(extract, n_sites, sites)
        n_ways = int(size.read_text(encoding="utf-8"))
        made.append(Case(k=k, n_ways=n_ways, n_sites=n_sites, extract=extract, sites=sites))
    return made


def measured(engine: str, case: Case, options: argparse.Namespace) -> Run:
    """Run an engine on a case, in a process of its own."""
    stem = options.folder / f"k{case.k}-sites{case.n_sites}-{engine}"
    times, results = stem.with_suffix(".json"), stem.with_suffix(".npz")
    python = sys.executable if engine == OURS else options.peers_python
    words = [python, PEERS, engine, case.extract, case.sites, times, results]
    words += ["--categories", options.categories, "--limit-s", options.limit_s]
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            [str(word) for word in words],
            capture_output=True,
            text=True,
            check=False,
            timeout=options.timeout_s,
        )
    except subprocess.TimeoutExpired:
        return Run(engine=engine, case=case, failure=f"more than {options.timeout_s:.0f} s")
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return Run(engine=engine, case=case, failure=reason)
    told = json.loads(times.read_text(encoding="utf-8"))
    return Run(
        engine=engine,
        case=case,
        seconds=told["seconds"],
        peak_mib=told["peak_mib"],
        notes=tuple(told["notes"]),
        versions={"python": told["python"], **told["versions"]},
        results=results,
    )


def fastest_runs(case: Case, options: argparse.Namespace) -> list[Run]:
    """
    Return the fastest run of each engine on a case.

    Engines take turns, so that a slow moment of the machine does not fall on one alone. One that
    fails is not tried again.
    """
    runs: dict[str, list[Run]] = {engine: [] for engine in options.engines}
    for turn in range(options.runs):
        for engine, done in runs.items():
            if any(run.failure for run in done):
                continue
            told = f"k = {case.k}, {case.n_sites} sites, turn {turn + 1}: {engine}"
            print(told, file=sys.stderr, flush=True)
            done.append(measured(engine, case, options))
    # A failure has no total: it is kept only where nothing else is.
    return [min(done, key=lambda run: (bool(run.failure), run.total_s)) for done in runs.values()]


def _rows(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a Markdown table, whose first row is its header."""
    for rank, cells in enumerate(rows):
        yield "| " + " | ".join(cells) + " |"
        if rank == 0:
            yield "|---" + "|---:" * (len(cells) - 1) + "|"


def stage_table(runs: Sequence[Run]) -> Iterator[str]:
    """Yield the lines that tell, for one case, the seconds of each stage and the memory."""
    stages = list(dict.fromkeys(stage for run in runs for stage in run.seconds))
    ours_s = next((run.total_s for run in runs if run.engine == OURS), float("nan"))
    rows = [["engine", *stages, "total without import", f"times {OURS}", "peak, MiB"]]
    for run in runs:
        if run.failure:
            rows.append([run.engine, *("" for _ in stages), run.failure, "", ""])
            continue
        spent = [f"{run.seconds[name]:.2f}" if name in run.seconds else "" for name in stages]
        ratio = f"{run.total_s / ours_s:.1f}" if np.isfinite(ours_s) else ""
        rows.append([run.engine, *spent, f"{run.total_s:.2f}", ratio, f"{run.peak_mib:.0f}"])
    yield from _rows(rows)
    yield from (f"{run.engine}: {note}." for run in runs for note in run.notes)


def growth_table(runs: Sequence[Run], *, measure: str) -> Iterator[str]:
    """
    Yield the lines that tell how total times grow with `measure` (`n_ways` or `n_sites`).

    The exponent of growth from one column to the next is in brackets: 1 is in proportion.
    """
    sizes = sorted({getattr(run.case, measure) for run in runs})
    rows = [[f"seconds for {measure} =", *(f"{size:,}" for size in sizes)]]
    for engine in dict.fromkeys(run.engine for run in runs):
        by_size = {getattr(run.case, measure): run.total_s for run in runs if run.engine == engine}
        totals_s = [by_size.get(size, float("nan")) for size in sizes]
        cells = [f"{totals_s[0]:.2f}"]
        for (small, large), (before_s, after_s) in zip(
            itertools.pairwise(sizes), itertools.pairwise(totals_s), strict=True
        ):
            exponent = np.log(after_s / before_s) / np.log(large / small)
            cells.append(f"{after_s:.2f} ({exponent:.2f})")
        rows.append([engine, *cells])
    yield from _rows(rows)


def agreement_table(runs: Sequence[Run]) -> Iterator[str]:
    """
    Yield the lines that compare each rival's results with those of siting, in one case.

    Walks are compared where both found one. Counts that differ by one at most are the same:
    siting joins the objects of one service.
    """
    ours = next(run for run in runs if run.engine == OURS)
    header = ["against siting", "a walk by both", "by one only", "median difference, m"]
    rows = [[*header, f"within {PLACES_APART_M:.0f} m", "counts that differ by one at most"]]
    own = np.load(ours.results)
    for run in runs:
        if run.engine == OURS or run.results is None:
            continue
        other = np.load(run.results)
        apart_m = np.abs(other["walk_m"] - own["walk_m"])
        both = np.isfinite(apart_m)
        one = np.isfinite(other["walk_m"]) ^ np.isfinite(own["walk_m"])
        apart = np.abs(other["counts"] - own["counts"])
        known = np.isfinite(apart)
        rows.append(
            [
                run.engine,
                f"{both.mean():.1%}",
                f"{one.mean():.1%}",
                f"{np.median(apart_m[both]):.1f}",
                f"{(apart_m[both] <= PLACES_APART_M).mean():.1%}",
                f"{(apart[known] <= 1).mean():.1%}",
            ]
        )
    yield from _rows(rows)


def _processor() -> str:
    """Return the model of the processor, where the system tells it."""
    told = Path("/proc/cpuinfo")
    if told.exists():
        for line in told.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def report(runs: Sequence[Run]) -> Iterator[str]:
    """Yield the lines of the whole report."""
    yield f"{platform.system()} {platform.machine()}, {_processor()}, {os.cpu_count()} threads"
    for engine in dict.fromkeys(run.engine for run in runs):
        told = next((run.versions for run in runs if run.engine == engine and run.versions), {})
        yield f"- {engine}: " + ", ".join(f"{name} {number}" for name, number in told.items())
    for case in dict.fromkeys(run.case for run in runs):
        here = [run for run in runs if run.case == case]
        yield f"\n## {case.n_ways:,} ways, {case.n_sites:,} sites (k = {case.k})\n"
        yield from stage_table(here)
        if any(run.engine == OURS and run.results for run in here):
            yield ""
            yield from agreement_table(here)
    first = runs[0].case
    for measure, fixed in (("n_ways", "n_sites"), ("n_sites", "k")):
        alike = [run for run in runs if getattr(run.case, fixed) == getattr(first, fixed)]
        if len({getattr(run.case, measure) for run in alike}) > 1:
            yield f"\n## Growth with {measure}\n"
            yield from growth_table(alike, measure=measure)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare siting with its peers.")
    parser.add_argument("--quick", action="store_true", help="the smallest extract only")
    parser.add_argument("--k", type=int, nargs="+", default=[1, 3, 6], help="sizes of extracts")
    parser.add_argument(
        "--sites",
        type=int,
        nargs="+",
        default=[2000, 500, 8000],
        help="numbers of sites: the first for every extract, the others for the first extract",
    )
    parser.add_argument("--categories", type=int, default=25, help="categories of service, up to")
    parser.add_argument("--engines", nargs="+", default=[OURS, *RIVALS], help="which to run")
    parser.add_argument("--runs", type=int, default=3, help="runs of each, the fastest is told")
    parser.add_argument("--limit-s", type=float, default=120.0, help="see peers.py")
    parser.add_argument("--timeout-s", type=float, default=1800.0, help="longest run of an engine")
    parser.add_argument("--source", type=Path, default=SAMPLE, help="extract to copy")
    parser.add_argument("--peers-python", default=sys.executable, help="interpreter of the peers")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(tempfile.gettempdir()) / "siting-benchmark",
        help="where extracts and results are kept",
    )
    options = parser.parse_args()
    if options.quick:
        options.k, options.sites = options.k[:1], options.sites[:1]
    return options


def main() -> None:
    """Run every engine on every case, and print the report."""
    options = _options()
    runs = [run for case in cases(options) for run in fastest_runs(case, options)]
    print("\n".join(report(runs)))


if __name__ == "__main__":
    main()
