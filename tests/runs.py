"""Whole runs of the command line for tests: in this process, or in others that can be killed."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes.asked import Asked
from fakes.index import Place, Town

from siting.cli import main

BONDY = Town(citycodes=("93010",), postcode="93140", city="Bondy")
STREETS = ("Rue Carnot", "Rue de l'Été", "Avenue du 8 Mai 1945", "Chemin Vert", "Place Neuve")
N_DOORS = 60
DAY_S = 86_400.0
# A grid well inside of Bondy: doors are 7 m apart, streets 110 m.
DOORS = [
    Place(
        name=name,
        housenumber=str(number),
        town=BONDY,
        lon=round(2.478 + number * 0.0001, 6),
        lat=round(48.899 + rank * 0.001, 6),
    )
    for rank, name in enumerate(STREETS)
    for number in range(1, N_DOORS + 1)
]
PLACES = [
    *DOORS,
    *(
        Place(name=name, kind="street", town=BONDY, lon=2.48, lat=round(48.899 + rank * 0.001, 6))
        for rank, name in enumerate(STREETS)
    ),
    Place(name="Bondy", kind="municipality", town=BONDY, lon=2.4838, lat=48.9022),
]
# It does a run first, so that nothing is left to be imported; its clock stands at noon, so that
# no run sees another date than the one before. Nothing but this computer can be reached.
_STARTER = """
import json, os, sys, time
import pytest_socket
from siting.cli import main
pytest_socket.socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)
now_s, ahead_s = time.time, 43200 - time.time() % 86400
time.time = lambda: now_s() + ahead_s
orders = map(json.loads, sys.stdin)
sys.argv = next(orders)
said, sys.stdout = sys.stdout, open(os.devnull, "w")
try:
    main()
except SystemExit:
    sys.stdout = said
print("ready", flush=True)
for order in orders:
    if "wait" in order:
        print(os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1]), flush=True)
        continue
    child = os.fork()
    if child == 0:
        said = os.open(order["said"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(said, 1)
        os.dup2(said, 2)
        os.environ |= order["environment"]
        sys.argv = order["words"]
        main()
    print(child, flush=True)
"""


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def counts(self) -> dict[str, int]:
        """Sites by status, as the summary has them, and their total."""
        lines = self.out.partition("Sites\n")[2].splitlines()
        found = (line.rpartition(" ") for line in lines if line.startswith("  "))
        return {label.strip(): int(count) for label, _, count in found}


def siting(*words: object) -> Said:
    """Run the command line in this process."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["siting", *map(str, words)]
    try:
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
            main()
    finally:
        sys.argv = before
    assert isinstance(end.value.code, int)
    return Said(end.value.code, out.getvalue(), err.getvalue())


class QuickTime:
    """
    The time of this process, in which nobody sleeps: what is waited for is there.

    It begins at noon, so that no run sees another date than the one before.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.slept_s = 0.0
        now_s = time.monotonic
        origin_s = time.time() // DAY_S * DAY_S + DAY_S / 2 - now_s()
        patch.setattr(time, "sleep", self._sleep)
        patch.setattr(time, "monotonic", lambda: now_s() + self.slept_s)
        patch.setattr(time, "time", lambda: origin_s + now_s() + self.slept_s)

    def _sleep(self, seconds: float) -> None:
        self.slept_s += seconds


@dataclass(frozen=True, slots=True)
class Started:
    """A run in a process of its own."""

    starter: Starter
    pid: int

    def kill(self) -> None:
        """End it without a warning; one that has ended is left as it is."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Return its exit code, or the signal that ended it, negative."""
        return self.starter.order({"wait": self.pid})


class Starter:
    """Starts commands in processes of their own, at once: a process that is ready forks."""

    def __init__(self, process: subprocess.Popen[str], said: Path) -> None:
        self._process = process
        self._said = said

    def order(self, order: Mapping[str, object] | Sequence[str]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def start(self, *words: object, cache: Path) -> Started:
        """Start a command; what it says is in one file with the others."""
        environment = {"SITING_CACHE": str(cache), "SITING_TRACE": "1"}
        command = ["siting", *map(str, words)]
        order = {"words": command, "environment": environment, "said": str(self._said)}
        return Started(self, self.order(order))


@contextmanager
def starter(folder: Path) -> Iterator[Starter]:
    """Have a process that starts others for a while; `folder` is its own."""
    projects = write_projects(folder / "premier.csv", ["12 rue Carnot", "BP 12"])
    first = ["siting", "geocode", str(projects), "--geocoder", "none", "--out"]
    with subprocess.Popen(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", _STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([*first, str(folder / "premier-trouve.csv")]) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"
        yield Starter(process, folder / "said.txt")


def addresses(n_rows: int) -> list[str]:
    """
    Return as many different texts; in twenty, seventeen are doors as they are.

    The others have a suffix, a number or a name that is not there.
    """
    texts = []
    for rank in range(n_rows):
        door = DOORS[rank * 7 % len(DOORS)]
        unlike = {
            3: f"{door.housenumber} bis {door.name}",
            9: f"{N_DOORS + rank} {door.name}",
            15: f"{rank} rue des Inconnus",
        }
        texts.append(unlike.get(rank % 20, door.full_name))
    return texts


def write_projects(path: Path, texts: Iterable[str]) -> Path:
    """Write a file of projects in Bondy, sites `r0`, `r1`..., one an address."""
    rows = (f'r{rank};"{text}";Bondy;93140\n' for rank, text in enumerate(texts))
    path.write_text("id;adresse;commune;code_postal\n" + "".join(rows), encoding="utf-8")
    return path


def questions(asked: Iterable[Asked]) -> Counter[tuple[str, ...]]:
    """Count what was asked of a service, a row of a file as one question; the probe left out."""
    words = ("q", "citycode", "type", "lon", "lat", "longitude", "latitude")
    found: Counter[tuple[str, ...]] = Counter()
    for one in asked:
        way = one.path.strip("/").removeprefix("geocodage/")
        single = {name: values[-1] for name, values in one.params.items()}
        for row in one.table if one.file else [single]:
            found[way, *(row[name] for name in words if row.get(name))] += 1
    del found["search", "mairie"]
    return found


def rows_of(path: Path) -> list[dict[str, str]]:
    """Read a CSV file that a run wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def results(folder: Path) -> dict[str, bytes]:
    """Return the result files of a folder, without manifests and what a killed run left."""
    return {
        path.name: path.read_bytes()
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".") and path.suffix != ".json"
    }
