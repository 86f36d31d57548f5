"""What the terminal shows: progress, summaries, errors. Nothing else writes to the screen."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

_PATIENCE_S = 2.0  # a bar appears after that, never before


def output() -> Console:
    """Return the console of results: plain text when it is not a terminal."""
    return Console(highlight=False, soft_wrap=True, emoji=False)


def stderr() -> Console:
    """Return the console of progress and errors."""
    return Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def accept_any_text() -> None:
    """Let a terminal that knows few characters show `?` for the others, rather than stop a run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def show_error(message: str) -> None:
    """Say on one line what went wrong."""
    stderr().print(f"[bold red]Erreur :[/] {escape(message)}")


def show_usage_error(message: str) -> None:
    """Say what is wrong in the command line, and where help is."""
    show_error(message)
    stderr().print("L'aide : siting --help, ou siting COMMANDE --help.")


def show_lines(lines: Iterable[str]) -> None:
    """Print lines as they are."""
    for line in lines:
        output().print(escape(line))


def show_files(out: Path, names: Sequence[str]) -> None:
    """Say which files were written, and which page to open first: the map, if there is one."""
    show_lines(["", f"Résultats dans {out} : {', '.join(sorted(names))}"])
    pages = sorted((name for name in names if name.endswith(".html")), key="map.html".__ne__)
    show_lines([f"À ouvrir d'abord : {out / page}" for page in pages[:1]])


def show_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table of texts."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in header:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console = output()
    if not console.is_terminal:
        console.width = 160
    console.print(table)


class Stages:
    """Progress of a run, stage by stage; a bar shows once a run has lasted `_PATIENCE_S`."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)
        self._stage = ""
        self._started_s = time.monotonic()

    def __call__(self, stage: str, n_done: int, n_all: int) -> None:
        """Tell which stage runs, and how far it is (`n_all` is 0 when that is unknown)."""
        if not self._progress.live.is_started and not self._progress.disable:
            if time.monotonic() - self._started_s < _PATIENCE_S:
                return
            self._progress.start()
        self._progress.update(self._task, description=stage, completed=n_done, total=n_all or None)


@contextmanager
def stages() -> Iterator[Stages]:
    """Show progress on a terminal while the block runs; show nothing elsewhere."""
    console = stderr()
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    try:
        yield Stages(progress)
    finally:
        progress.stop()
