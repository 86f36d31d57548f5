"""
Rewrite `docs/commandes.md`: the help text of every command, as a terminal shows it.

    python data/scripts/build_commands.py

A test compares the file with what the commands say. The width is fixed, so that the page does
not depend on the terminal it was made in.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "commandes.md"
COMMANDS = (
    "",
    "study",
    "territory",
    "geocode",
    "area",
    "area add",
    "area list",
    "area show",
    "area remove",
    "cache",
    "cache show",
    "cache purge",
    "geocoder",
    "geocoder load",
    "geocoder start",
    "geocoder stop",
    "geocoder status",
    "calls",
    "calls list",
    "calls show",
    "calls check",
    "calls new",
    "data",
    "data list",
    "data import",
    "data update",
    "data diff",
    "data remove",
    "demo",
)
_WIDTH = "88"
_HEADER = """\
# Les commandes

<!-- written by data/scripts/build_commands.py from the help texts of siting/cli.py -->

Ce que chaque commande répond à `--help`. Le [guide](guide.md) explique quand s'en servir.
"""
_DECORATING = frozenset(
    {"FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "TERMINAL_WIDTH", "CLICOLOR_FORCE"}
)
_SAY_HELP = "import sys; from siting.cli import main; sys.argv[0] = 'siting'; main()"


def help_text(command: str) -> str:
    """Return what a command says of itself, in a process of its own: 88 columns, no colour."""
    kept = {name: value for name, value in os.environ.items() if name not in _DECORATING}
    told = subprocess.run(  # noqa: S603 - our own interpreter, our own arguments
        [sys.executable, "-X", "utf8", "-c", _SAY_HELP, *command.split(), "--help"],
        env=kept | {"COLUMNS": _WIDTH, "NO_COLOR": "1", "TERM": "dumb"},
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    return "\n".join(line.rstrip() for line in told.stdout.splitlines()).strip("\n")


def commands_page() -> str:
    """Return the whole page."""
    with ThreadPoolExecutor() as pool:
        texts = list(pool.map(help_text, COMMANDS))
    parts = [
        f"## {f'siting {command}'.strip()}\n\n```text\n{text}\n```\n"
        for command, text in zip(COMMANDS, texts, strict=True)
    ]
    return "\n".join([_HEADER, *parts])


if __name__ == "__main__":
    PAGE.write_text(commands_page(), encoding="utf-8", newline="\n")
    print(f"{PAGE.name}: {len(COMMANDS)} commands")
