"""
Compare what reading an OpenStreetMap extract costs: siting, pyrosm, osmium-tool; time and memory.

    pip install pyrosm; apt-get install osmium-tool
    python benchmarks/reading.py --k 6 16 --runs 3

The extracts are those of `extracts.py`: k x k towns made of copies of the sample, renumbered by
`osmium renumber` (the tables of osmium-tool are as long as the largest identifier). Each reader is
in a process of its own, start of Python included; the quickest run is told, and the largest peak
of memory. CPU seconds are those of the process and its threads: on a busy machine they say more
than the wall clock.

siting, whole
    `read_osm`: streets and services of the whole file.
siting, three towns
    The same, with the streets around three places, 2.5 km to each side, and all services.
pyrosm, whole
    `get_network("walking")` and `get_data_by_custom_criteria`, with the tags of `peers.py`.
pyrosm, whole, again
    The same a second time: pyrosm keeps what it read in the folder of temporary files, which is
    an empty one for all other runs. (siting keeps areas on demand: `siting area add`.)
pyrosm, one box
    The same with `bounding_box`: one of the three places. pyrosm takes one box, not three.
osmium tags-filter
    `osmium tags-filter` with the keys of siting's taxonomy and `w/highway`: a smaller file, that
    has to be read still.
osmium extract
    `osmium extract` of the three boxes, ways whole: three small files, as above.

A process may take ``--memory-gib`` of address space; more is told as out of memory.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import osmium
from extracts import SAMPLE, check_sample, write_extract

HALF_SIDE_DEG = (0.0345, 0.0225)  # 2.5 km at the latitude of the extracts
TOWNS = ((0.2, 0.3), (0.5, 0.6), (0.8, 0.5))  # shares of the width and height of an extract
GIB = 1 << 30
AGAIN = "pyrosm, whole, again"
KIB_PER_MIB = 1024

SITING = """
import sys
from pathlib import Path
import shapely
from siting.sources.osm_file import read_osm
from siting.taxonomy import read_taxonomy
boxes = [shapely.box(*map(float, text.split(","))) for text in sys.argv[2:]]
within = shapely.union_all(boxes) if boxes else None
extract = read_osm([Path(sys.argv[1])], taxonomy=read_taxonomy(), within=within)
print(len(set(extract.ways.way_id.tolist())), len(extract.objects))
"""
PYROSM = """
import sys
sys.path.insert(0, sys.argv[2])
from peers import CATEGORIES
from pyrosm import OSM
box = [float(side) for side in sys.argv[3].split(",")] if len(sys.argv) > 3 else None
osm = OSM(sys.argv[1], bounding_box=box)
edges = osm.get_network(network_type="walking")
wanted = {}
for category in CATEGORIES:
    wanted.setdefault(category.key, []).extend(category.values)
objects = osm.get_data_by_custom_criteria(custom_filter=wanted, filter_type="keep")
print(edges.id.nunique(), len(objects))
"""


@dataclass(frozen=True, slots=True)
class Run:
    """What one process cost; `said` is what it printed, or why it failed."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    said: str


def renumbered_extract(folder: Path, k: int) -> Path:
    """Make an extract where it is not there yet, and return its path."""
    extract = folder / f"k{k}-renumbered.osm.pbf"
    if not extract.exists():
        plain = folder / f"k{k}.osm.pbf"
        if not plain.exists():
            write_extract(check_sample(SAMPLE), k, plain)
        subprocess.run(["osmium", "renumber", "-o", str(extract), str(plain)], check=True)  # noqa: S603, S607 - our own files
    return extract


def boxes_of(extract: Path) -> list[str]:
    """Return the boxes of the three places in an extract, as west,south,east,north."""
    lon_lat = [
        (node.lon, node.lat)
        for node in osmium.FileProcessor(str(extract), osmium.osm.NODE)
        if node.id % 97 == 0
    ]
    (west, east), (south, north) = ((min(one), max(one)) for one in zip(*lon_lat, strict=True))
    width, height = HALF_SIDE_DEG
    boxes = []
    for share_x, share_y in TOWNS:
        lon, lat = west + share_x * (east - west), south + share_y * (north - south)
        boxes.append(f"{lon - width:.4f},{lat - height:.4f},{lon + width:.4f},{lat + height:.4f}")
    return boxes


def commands(extract: Path, folder: Path) -> dict[str, Sequence[str]]:
    """Return the command of each reader."""
    from siting.taxonomy import read_taxonomy  # noqa: PLC0415 - not in the processes measured

    boxes = boxes_of(extract)
    here = str(Path(__file__).parent)
    keys = [f"nwr/{key}" for key in sorted(read_taxonomy().values)]
    config = folder / "boxes.json"
    parts = ",".join(
        f'{{"output": "town{at}.osm.pbf", "bbox": [{box}]}}' for at, box in enumerate(boxes)
    )
    config.write_text(f'{{"directory": "{folder}", "extracts": [{parts}]}}', encoding="utf-8")
    output = str(folder / "filtered.osm.pbf")
    siting = [sys.executable, "-c", SITING, str(extract)]
    pyrosm = [sys.executable, "-c", PYROSM, str(extract), here]
    return {
        "siting, whole": siting,
        "siting, three towns": [*siting, *boxes],
        "pyrosm, whole": pyrosm,
        AGAIN: pyrosm,
        "pyrosm, one box": [*pyrosm, boxes[1]],
        "osmium tags-filter": [
            *("osmium", "tags-filter", "--overwrite", "-o", output, str(extract)),
            *("w/highway", *keys),
        ],
        "osmium extract": ["osmium", "extract", "--overwrite", "-c", str(config), str(extract)],
    }


def measured(command: Sequence[str], *, memory_gib: float, temporary: Path | None) -> Run:
    """Run a command with a bound on its address space, and tell what it cost."""
    if temporary is None:
        with tempfile.TemporaryDirectory() as folder:
            return measured(command, memory_gib=memory_gib, temporary=Path(folder))
    bound = ["prlimit", f"--as={int(memory_gib * GIB)}"]
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complaints:
        start_s = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own commands
            [*bound, *command],
            stdout=said,
            stderr=complaints,
            env=os.environ | {"TMPDIR": str(temporary)},
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start_s
        process.returncode = os.waitstatus_to_exitcode(status)
        (complaints if process.returncode else said).seek(0)
        lines = (complaints if process.returncode else said).read().decode().strip().splitlines()
    last = lines[-1] if lines else ""
    return Run(
        wall_s,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / KIB_PER_MIB,
        f"failed: {last[:80]}" if process.returncode else last,
    )


def main() -> None:
    """Print one table for each extract."""
    parser = argparse.ArgumentParser(description="What reading an extract costs.")
    parser.add_argument("--k", type=int, nargs="+", default=[6])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory-gib", type=float, default=16.0)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "extracts")
    parser.add_argument("--only", nargs="*", default=[], help="names of readers, or their starts")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    print(_machine())
    for k in options.k:
        extract = renumbered_extract(options.folder, k)
        print(f"\n**{extract.name}, {extract.stat().st_size / 1e6:.0f} MB**\n")
        print("| reader | wall, s | CPU, s | peak, MiB | ways, objects |\n|---|---:|---:|---:|---|")
        with tempfile.TemporaryDirectory() as folder:
            for name, command in commands(extract, Path(folder)).items():
                if options.only and not name.startswith(tuple(options.only)):
                    continue
                kept = Path(folder) if name == AGAIN else None
                if kept is not None:
                    measured(command, memory_gib=options.memory_gib, temporary=kept)
                runs = [
                    measured(command, memory_gib=options.memory_gib, temporary=kept)
                    for _ in range(options.runs)
                ]
                best = min(runs, key=lambda run: run.cpu_s)
                print(
                    f"| {name} | {min(run.wall_s for run in runs):.1f} | {best.cpu_s:.1f} "
                    f"| {max(run.peak_mib for run in runs):,.0f} | {best.said} |",
                    flush=True,
                )


def _machine() -> str:
    found = []
    for package in ("siting", "numpy", "osmium", "shapely", "pyrosm"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return f"Python {platform.python_version()}; {', '.join(found)}; {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
