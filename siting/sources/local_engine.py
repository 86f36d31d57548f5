"""A geocoder of one's own: BAN files of a département in addok, on this computer only.

No address leaves the computer. It is the engine of the national service (addok, with the same
settings) on the same data, so that it gives the same answers as far as the files say the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from siting.errors import DataError
from siting.provenance import Provenance
from siting.sources import engine_files, engine_processes
from siting.sources.endpoints import read_endpoint
from siting.sources.engine_files import LoadedEngine, RunningState
from siting.sources.engine_processes import REDIS, SERVER

START_TIMEOUT_S = 120.0  # redis reads the indexes of a large département in some seconds
_POLL_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatus:
    """
    State of the engine of a folder.

    `loaded` is None when nothing is loaded. `is_running` tells that all its processes are
    there, busy or not; then `url` is its base URL, `started_at` the ISO date and time (UTC)
    and `memory_mib` what the processes hold. `note` says in French what is wrong.
    """

    folder: Path
    loaded: LoadedEngine | None
    is_running: bool
    url: str = ""
    started_at: str = ""
    memory_mib: float = 0.0
    note: str = ""


def default_engine_folder() -> Path:
    """Return where the engine of a user is, unless told otherwise (XDG Base Directory)."""
    told = Path(os.environ.get("XDG_DATA_HOME", ""))
    base = told if told.is_absolute() else Path.home() / ".local" / "share"
    return base / "siting" / "geocoder"


def start_engine(folder: Path, *, port: int = 0) -> str:
    """
    Start the engine of a folder, if it does not run already; return its base URL.

    It runs until `stop_engine`, after the end of this process and of its terminal.

    Parameters
    ----------
    folder
        Where an engine was loaded.
    port
        Port of 127.0.0.1; 0 for one that is free. An engine that runs keeps the port it has.

    Raises
    ------
    OptionError
        No engine can run here, or the port is taken.
    DataError
        Nothing is loaded there, or it is damaged.
    OutputError
        The folder cannot be written to, or another command uses it.
    SourceUnavailable
        It did not start in time; the message names the log.
    """
    engine_processes.require_available()
    folder = folder.absolute()
    loaded = engine_files.read_loaded(folder)
    if loaded is None:
        raise engine_files.no_engine(folder)
    with engine_files.locked(folder), engine_files.writing(folder):
        state = engine_files.read_state(folder)
        if state and engine_processes.is_complete(state.mark, state.pids):
            return state.url
        end_all(folder)
        return _started(folder, engine_files.data_path(folder, loaded), port=port)


def stop_engine(folder: Path) -> bool:
    """
    Stop the engine of a folder; tell if anything of it was running.

    Only processes that `start_engine` started for this folder are ended.

    Raises
    ------
    OptionError
        No engine can run here.
    OutputError
        Another command uses the folder, or it cannot be written to.
    """
    engine_processes.require_available()
    folder = folder.absolute()
    if not folder.is_dir():
        return False
    with engine_files.locked(folder), engine_files.writing(folder):
        return end_all(folder)


def engine_status(folder: Path) -> EngineStatus:
    """
    Tell what is loaded in a folder and whether it runs; ask nothing to the engine.

    Raises
    ------
    OptionError
        No engine can run here.
    """
    engine_processes.require_available()
    folder = folder.absolute()
    loaded, note = None, ""
    try:
        loaded = engine_files.read_loaded(folder)
    except DataError as error:
        note = str(error)
    state = engine_files.read_state(folder)
    if state is None:
        return EngineStatus(folder=folder, loaded=loaded, is_running=False, note=note)
    if not engine_processes.is_complete(state.mark, state.pids):
        note = note or "Le géocodeur ne s'est pas arrêté normalement : relancez-le."
        return EngineStatus(folder=folder, loaded=loaded, is_running=False, note=note)
    return EngineStatus(
        folder=folder,
        loaded=loaded,
        is_running=True,
        url=state.url,
        started_at=state.started_at,
        memory_mib=engine_processes.memory_mib(state.mark),
        note=note,
    )


def engine_provenance(loaded: LoadedEngine) -> tuple[Provenance, ...]:
    """Say where the addresses of an engine come from, file by file."""
    national = read_endpoint("geoplateforme")
    return tuple(
        Provenance(
            source=f"Base Adresse Nationale, fichier {file.name}",
            licence=national.licence,
            attribution=national.attribution,
            retrieved_on=file.modified_on,
            sha256=file.sha256,
            note=f"chargé le {loaded.loaded_at[:10]} dans un géocodeur local",
        )
        for file in loaded.files
    )


def engine_fingerprint(loaded: LoadedEngine) -> str:
    """Return a text that is the same for engines that give the same answers, on any port."""
    told = [sorted(file.sha256 for file in loaded.files), sorted(loaded.versions.items())]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _started(folder: Path, data: Path, *, port: int) -> str:
    """Start the servers; nothing of them is left when they do not answer in time."""
    with closing(engine_processes.open_port(port)) as server:
        opened: int = server.getsockname()[1]
        log = engine_files.new_log(folder, engine_files.SERVERS_LOG)
        commands = {
            REDIS: engine_processes.redis_command(data, is_saved=False),
            SERVER: engine_processes.server_command(data, descriptor=server.fileno()),
        }
        try:
            pids = {
                name: engine_processes.start_detached(command, data, log=log)
                for name, command in commands.items()
            }
            mark = engine_files.mark_of(data)
            state = RunningState(mark=mark, port=opened, started_at=_now(), pids=pids)
            engine_files.write_state(folder, state)
            server.close()  # from here on, a port that answers is a server that lives
            _wait_for_answers(state, log)
        except BaseException:
            end_all(folder)
            raise
    return state.url


def _wait_for_answers(state: RunningState, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    seen: set[int] = set()
    while not engine_processes.is_healthy(state.port):
        pids = {process.pid for process in engine_processes.processes(state.mark)}
        seen |= pids
        # gunicorn starts again, for ever, workers that die as they load addok.
        is_dying = len(seen) > len(state.pids) + 2 * engine_processes.N_WORKERS
        is_dead = not set(state.pids.values()) <= pids
        if is_dead or is_dying or time.monotonic() > deadline:
            raise engine_processes.failed("Le géocodeur local n'a pas démarré", log)
        time.sleep(_POLL_S)


def end_all(folder: Path) -> bool:
    """End all that runs for a folder, known from its state or not; tell if there was anything."""
    ended = [engine_processes.end_processes(mark) for mark in engine_files.marks(folder)]
    engine_files.remove_state(folder)
    return any(ended)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
