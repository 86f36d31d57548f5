"""A real addok loaded with a small département, started, asked, broken and stopped."""

import csv
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
from ban_samples import ADDRESSES, ban_files, table

from siting.errors import DataError, OptionError, OutputError, SourceUnavailable
from siting.sources import engine_files, engine_processes
from siting.sources.engine_load import load_engine
from siting.sources.engine_processes import REDIS, SERVER, why_unavailable
from siting.sources.local_engine import (
    default_engine_folder,
    engine_fingerprint,
    engine_provenance,
    engine_status,
    start_engine,
    stop_engine,
)

needs_addok = pytest.mark.skipif(bool(why_unavailable()), reason=why_unavailable() or "it is there")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an engine, never started: copy it to break it."""
    folder = tmp_path_factory.mktemp("loaded")
    load_engine(ban_files(tmp_path_factory.mktemp("files")), folder)
    return folder


@pytest.fixture(scope="module")
def url(loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start an engine in a folder too long for a socket, with spaces and accents."""
    folder = tmp_path_factory.mktemp("asked") / ("département " * 15) / "géocodeur"
    shutil.copytree(loaded, folder)
    yield start_engine(folder)
    stop_engine(folder)


@pytest.fixture
def engine(loaded: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder of one's own; nothing of it runs after the test."""
    folder = tmp_path / "engine"
    shutil.copytree(loaded, folder)
    yield folder
    if folder.exists():
        stop_engine(folder)


def running(folder: Path) -> list[psutil.Process]:
    return [
        process
        for mark in engine_files.marks(folder)
        for process in engine_processes.processes(mark)
    ]


def best(url: str, query: str, **filters: str) -> dict[str, object]:
    asked = {"q": query, "autocomplete": "0", **filters}
    answer = requests.get(f"{url}/search/", params=asked, timeout=10).json()
    return dict(answer["features"][0]["properties"]) if answer["features"] else {}


@needs_addok
@pytest.mark.parametrize(
    ("query", "filters", "expected"),
    [
        ("12 rue de la République", {}, ("housenumber", "93066_7890_00012")),
        ("62 bis rue de la republique saint denis", {}, ("housenumber", "93066_7890_00062_bis")),
        ("62 B R DE LA REPUBLIQUE 93200", {}, ("housenumber", "93066_7890_00062_bis")),
        ("rue de la République", {}, ("street", "93066_7890")),
        ("5 rue de Paris", {"postcode": "93380"}, ("housenumber", "93059_6781_00005")),
        ("5 rue de Paris", {"citycode": "93059"}, ("housenumber", "93059_6781_00005")),
        ("5 rue de Paris Pierrefitte", {}, ("housenumber", "93059_6781_00005")),
        ("4 rue de la paix", {"citycode": "75056"}, ("housenumber", "75102_7061_00004")),
        ("4 rue de la paix Paris", {"citycode": "75102"}, ("housenumber", "75102_7061_00004")),
        ("Les Quatre Vents", {}, ("locality", "93066_les-quatre-vents")),
        ("Le Moulin Neuf", {"type": "locality"}, ("locality", "93066_b012")),
        ("Saint-Denis", {"type": "municipality"}, ("municipality", "93066")),
        ("Paris", {"type": "municipality", "citycode": "75056"}, ("municipality", "75056")),
        ("4 rue de la paix", {"citycode": "93066"}, None),
    ],
)
def test_what_was_loaded_is_found(
    url: str, query: str, filters: dict[str, str], expected: tuple[str, str] | None
) -> None:
    found = best(url, query, **filters)
    place = (found["type"], found["id"]) if found else None
    if expected:
        assert place == expected
    else:
        assert place is None or str(place[1]).startswith("93066")


@needs_addok
def test_an_answer_names_the_commune_of_today_and_the_former_one(url: str) -> None:
    found = best(url, "7 rue de Paris", citycode="93066")
    names = ["housenumber", "citycode", "city", "oldcitycode", "oldcity", "postcode", "context"]
    assert [found[name] for name in names] == [
        *("7", "93066", "Saint-Denis", "93059", "Pierrefitte-sur-Seine", "93380"),
        "93, Seine-Saint-Denis",
    ]
    found = best(url, "4 rue de la paix", citycode="75056")
    assert (found["city"], found["district"]) == ("Paris", "Paris 2e Arrondissement")


@needs_addok
def test_the_nearest_address_of_a_place(url: str) -> None:
    asked = {"lon": "2.3521", "lat": "48.935"}
    answer = requests.get(f"{url}/reverse/", params=asked, timeout=10).json()
    found = answer["features"][0]["properties"]
    assert found["id"] == "93066_7890_00012"
    assert found["distance"] == 7  # 0.0001 degree of longitude at 48.935 N


@needs_addok
def test_files_of_many_rows(url: str) -> None:
    rows = "row,q,code\n1,12 rue de la République,93066\n2,5 rue de Paris,93059\n3,xyzzy,93066\n"
    answer = requests.post(
        f"{url}/search/csv/",
        files={"data": ("rows.csv", rows.encode(), "text/csv")},
        data={"columns": "q", "citycode": "code", "delimiter": ","},
        timeout=30,
    )
    read = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(row["row"], row["result_id"]) for row in read] == [
        ("1", "93066_7890_00012"),
        ("2", "93059_6781_00005"),
        ("3", ""),
    ]
    answer = requests.post(
        f"{url}/reverse/csv/",
        files={"data": ("rows.csv", b"row,lat,lon\n1,48.935,2.3521\n", "text/csv")},
        timeout=30,
    )
    (row,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert row["result_id"] == "93066_7890_00012"


@needs_addok
def test_what_is_loaded_is_told(loaded: Path) -> None:
    status = engine_status(loaded)
    assert (status.is_running, status.url, status.note) == (False, "", "")
    assert status.loaded is not None
    # 5 streets, 2 lieux-dits, the communes 93066, 75102 and 75056.
    assert (status.loaded.n_documents, status.loaded.n_addresses) == (10, 9)
    assert [(file.name, file.n_rows) for file in status.loaded.files] == [
        ("adresses-93.csv.gz", 9),
        ("lieux-dits-93-beta.csv", 1),
    ]
    (first, _) = engine_provenance(status.loaded)
    assert first.source == "Base Adresse Nationale, fichier adresses-93.csv.gz"
    assert first.sha256 == status.loaded.files[0].sha256
    assert len(engine_fingerprint(status.loaded)) == 64


@needs_addok
def test_started_twice_runs_once_and_stops(engine: Path) -> None:
    url = start_engine(engine)
    n_processes = len(running(engine))
    assert start_engine(engine) == url
    status = engine_status(engine)
    assert (status.is_running, status.url) == (True, url)
    assert 10 < status.memory_mib < 1000
    assert len(running(engine)) == n_processes == 1 + 1 + engine_processes.N_WORKERS
    with pytest.raises(DataError, match="en marche"):
        load_engine(ban_files(engine.parent), engine, overwrite=True)
    assert stop_engine(engine)
    assert running(engine) == []
    assert not engine_status(engine).is_running
    assert not stop_engine(engine)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/health", timeout=5)


@needs_addok
def test_two_commands_start_one_engine(engine: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from siting.sources.local_engine import *; "
        "print(start_engine(Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(engine)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]  # noqa: S603
    urls = {process.communicate(timeout=60)[0].decode().strip() for process in both}
    assert urls == {engine_status(engine).url}
    assert len(running(engine)) == 2 + engine_processes.N_WORKERS


@needs_addok
@pytest.mark.parametrize("name", [REDIS, SERVER])
def test_a_process_that_was_killed_is_seen_and_started_again(engine: Path, name: str) -> None:
    start_engine(engine)
    state = engine_files.read_state(engine)
    assert state is not None
    os.kill(state.pids[name], signal.SIGKILL)
    deadline = time.monotonic() + 10
    while engine_status(engine).is_running and time.monotonic() < deadline:
        time.sleep(0.02)
    status = engine_status(engine)
    assert (status.is_running, status.url) == (False, "")
    assert "relancez-le" in status.note
    assert best(start_engine(engine), "12 rue de la République")
    assert len(running(engine)) == 2 + engine_processes.N_WORKERS


@needs_addok
def test_a_number_given_to_another_program_is_not_ours(engine: Path) -> None:
    (data,) = engine.glob("data-*")
    with subprocess.Popen(["/bin/sleep", "60"]) as other:
        state = engine_files.RunningState(
            mark=engine_files.mark_of(data),
            port=1,
            started_at="2026-01-01T00:00:00+00:00",
            pids={REDIS: other.pid, SERVER: other.pid},
        )
        engine_files.write_state(engine, state)
        assert not engine_status(engine).is_running
        assert not stop_engine(engine)
        assert other.poll() is None
        other.kill()


@needs_addok
def test_a_copy_is_another_engine(engine: Path, tmp_path: Path) -> None:
    url = start_engine(engine)
    copy = tmp_path / "copy"
    shutil.copytree(engine, copy, ignore=shutil.ignore_patterns("*.sock"))
    assert not engine_status(copy).is_running
    assert not stop_engine(copy)
    assert engine_status(engine).url == url


@needs_addok
def test_what_the_user_has_set_for_other_servers_is_not_read(
    engine: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gunicorn.conf.py").write_text("raise SystemExit(9)", encoding="utf-8")
    (tmp_path / "redis.py").write_text("raise SystemExit(9)", encoding="utf-8")
    monkeypatch.setenv("ADDOK_FILTERS", "type")
    monkeypatch.setenv("REDIS_DB_INDEXES", "3")
    monkeypatch.setenv("SQLITE_DB_PATH", "/nowhere/addok.db")
    monkeypatch.setenv("WEB_CONCURRENCY", "7")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    start_engine(engine)
    assert len(running(engine)) == 2 + engine_processes.N_WORKERS


@needs_addok
def test_an_engine_that_does_not_start_says_where_to_look(engine: Path) -> None:
    (conf,) = engine.glob("data-*/addok.conf")
    conf.write_text("FILTERS = [", encoding="utf-8")
    with pytest.raises(SourceUnavailable, match=r"servers\.log"):
        start_engine(engine)
    assert running(engine) == []
    assert "was never closed" in (engine / "servers.log").read_text(encoding="utf-8")


@needs_addok
def test_a_port_that_is_taken(engine: Path, url: str) -> None:
    port = int(url.rpartition(":")[2])
    for refused in (port, 70_000, -1):
        with pytest.raises(OptionError, match="port"):
            start_engine(engine, port=refused)
    assert running(engine) == []


@needs_addok
@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 99}', '{"format": 1, "files": [1]}'])
def test_a_damaged_description(tmp_path: Path, text: str) -> None:
    (tmp_path / "engine.json").write_text(text, encoding="utf-8")
    assert "abîmé" in engine_status(tmp_path).note
    with pytest.raises(DataError, match="abîmé"):
        start_engine(tmp_path)


@needs_addok
def test_nothing_loaded(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="siting geocoder load"):
        start_engine(tmp_path)
    assert engine_status(tmp_path / "absent").loaded is None
    assert not stop_engine(tmp_path / "absent")
    with pytest.raises(DataError, match="Aucun fichier"):
        load_engine([], tmp_path)


@needs_addok
def test_a_load_that_fails_leaves_the_engine(engine: Path, tmp_path: Path) -> None:
    held = sorted(path.name for path in engine.rglob("*"))
    good = ban_files(tmp_path)[0].read_bytes()
    spoilt = {
        "cut.csv.gz": (good[:-9], "coupé ou abîmé"),
        "other.csv": (b"a;b\n1;2\n", "colonnes absentes"),
        "none.csv": (table([]).encode(), r"Aucune adresse utilisable \(none\.csv : 0 lignes\)"),
        "bad.csv": (table([ADDRESSES[0] | {"lon": ""}]).encode(), "position absente"),
    }
    for name, (content, told) in spoilt.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=told):
            load_engine([tmp_path / name], engine, overwrite=True)
        assert sorted({path.name for path in engine.rglob("*")} - {"engine.lock"}) == [
            name for name in held if name != "engine.lock"
        ]


@needs_addok
def test_where_an_engine_may_not_go(engine: Path, tmp_path: Path) -> None:
    files = ban_files(tmp_path)
    with pytest.raises(OutputError, match="--overwrite"):
        load_engine(files, engine)
    with pytest.raises(OutputError, match="n'est pas vide"):
        load_engine(files, tmp_path, overwrite=True)
    with pytest.raises(OutputError, match="est un fichier"):
        load_engine(files, files[0], overwrite=True)


@needs_addok
def test_a_load_that_is_killed_leaves_the_former_engine(engine: Path, tmp_path: Path) -> None:
    former = engine_status(engine).loaded
    code = (
        "import sys; from pathlib import Path; from siting.sources.engine_load import load_engine; "
        "load_engine([Path(sys.argv[1])], Path(sys.argv[2]), overwrite=True)"
    )
    command = [sys.executable, "-c", code, str(ban_files(tmp_path)[0]), str(engine)]
    with subprocess.Popen(command) as load:  # noqa: S603
        while not running(engine):  # redis of the load
            assert load.poll() is None
            time.sleep(0.01)
        load.kill()
    assert engine_status(engine).loaded == former
    assert len(list(engine.glob("data-*"))) == 2
    loaded = load_engine(ban_files(tmp_path)[:1], engine, overwrite=True)
    assert (loaded.n_addresses, [file.n_rows for file in loaded.files]) == (9, [9])
    assert [path.name for path in engine.glob("data-*")] == [loaded.data]
    assert running(engine) == []
    assert [
        word
        for one in psutil.process_iter(["cmdline"])
        for word in one.info["cmdline"] or ()
        if str(engine) in word
    ] == []


@pytest.mark.parametrize(
    ("system", "python", "absent", "told"),
    [
        ("posix", (3, 11), [], ""),
        ("nt", (3, 11), [], "WSL"),
        ("posix", (3, 12), [], r"demande Python 3\.11 .* ici Python 3\.12\. Installez-la"),
        ("posix", (3, 11), ["addok"], r"absents : addok\. Installez-la : pip install"),
    ],
)
def test_why_no_engine_can_run(
    system: str, python: tuple[int, int], absent: list[str], told: str
) -> None:
    why = engine_processes._why(system=system, python=python, absent=absent)
    assert re.search(told, why) if told else why == ""


def test_the_folder_of_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert default_engine_folder() == Path("/data/siting/geocoder")
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/me")
    assert default_engine_folder() == Path("/home/me/.local/share/siting/geocoder")
