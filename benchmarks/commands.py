"""
Time the commands a planner runs, with their peak memory and the size of their maps.

Run from a checkout where siting is installed: ``python benchmarks/commands.py``. The towns of
Redon and Bondy are read beside the checkout, and left out where they are absent. Each command
runs in a process of its own, once to warm the disk cache and then three times; the median is
told. Sites are on a regular grid, so that a run can be done again.
"""

from __future__ import annotations

import csv
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

TOWNS = Path(__file__).parents[2] / "shared" / "data" / "osm"
SIDE = 5  # sites on a grid of 5 x 4
N_RUNS = 3
MIB = 1024  # kibibytes, as Linux counts them
TO_REVIEW = 3  # exit code of a study with rows to look at


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One command: its name in the table, its words, and the maps it writes."""

    name: str
    words: Sequence[str]
    maps: Sequence[Path] = ()


def grid(path: Path, box: tuple[float, float, float, float]) -> Path:
    """Write twenty sites on a grid inside a box (west, south, east, north)."""
    west, south, east, north = box
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["nom", "lon", "lat"])
        for column in range(SIDE):
            for row in range(SIDE - 1):
                lon = west + (column + 0.5) / SIDE * (east - west)
                lat = south + (row + 0.5) / (SIDE - 1) * (north - south)
                writer.writerow([f"Site {column}-{row}", f"{lon:.6f}", f"{lat:.6f}"])
    return path


def jobs(folder: Path) -> Iterator[Job]:
    """Yield the commands to time; their results go under `folder`."""
    yield Job(name="`siting --help`", words=["--help"])
    demo = folder / "demo"
    pages = [demo / "etude", demo / "territoire-93", demo / "territoire-51"]
    yield Job(
        name="`siting demo`",
        words=["demo", "--out", str(demo), "--overwrite"],
        maps=[page / "map.html" for page in pages],
    )
    towns = {
        "Redon": ("redon_centre.osm", (-2.0925, 47.6465, -2.0805, 47.6528), "pvd-fabrique-2021"),
        "Bondy": ("bondy_nord_93.osm", (2.4785, 48.9070, 2.4905, 48.9126), "ssd-avp-2025"),
    }
    for town, (osm, box, call) in towns.items():
        if not (TOWNS / osm).exists():
            continue
        sites = grid(folder / f"{town}.csv", box)
        out = folder / town
        words = ["study", str(sites), "--osm", str(TOWNS / osm), "--call", call]
        words += ["--geocoder", "none", "--out", str(out), "--overwrite"]
        yield Job(name=f"study of 20 sites, {town}", words=words, maps=[out / "map.html"])


def run(words: Sequence[str]) -> tuple[float, float]:
    """Run a command in a process of its own; return its wall seconds and peak mebibytes."""
    probe = (
        "import resource, subprocess, sys;"
        "code = subprocess.run([sys.executable, '-m', 'siting', *sys.argv[1:]],"
        " stdout=subprocess.DEVNULL).returncode;"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss);"
        "sys.exit(code)"
    )
    start_s = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", probe, *words], capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, TO_REVIEW):
        raise RuntimeError(done.stderr)
    return time.perf_counter() - start_s, int(done.stdout) / MIB


def main() -> None:
    """Print the table."""
    libraries = ("siting", "geopandas", "osmium", "pandas", "scipy", "shapely", "folium")
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}; ", end="")
    print(", ".join(f"{name} {version(name)}" for name in libraries), end="\n\n")
    print("| command | wall, s | peak memory, MiB | maps, kB |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for job in jobs(Path(folder)):
            run(job.words)
            runs = [run(job.words) for _ in range(N_RUNS)]
            wall_s = statistics.median(one[0] for one in runs)
            peak_mib = max(one[1] for one in runs)
            sizes = ", ".join(f"{page.stat().st_size / 1000:.0f}" for page in job.maps)
            print(f"| {job.name} | {wall_s:.2f} | {peak_mib:.0f} | {sizes} |", flush=True)


if __name__ == "__main__":
    main()
