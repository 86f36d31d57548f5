"""The journal: what is kept is given back as it was, what is damaged is never believed."""

import hashlib
import json
import math
import os
import random
import resource
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.asking import Answer, Ask, Spot
from siting.errors import DataError, OutputError
from siting.matching import Candidate
from siting.sources.journal import Journal
from siting.sources.journal_file import default_cache_folder
from siting.sources.journal_text import Mode, answer_from, answer_text, key_of

URL = "https://geocodeur.test/geocodage"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
MAIRIE = Ask(query="mairie", citycode="93010")
FOUND = Answer(
    candidates=(
        Candidate(label="Mairie 93140 Bondy", lon=2.4838, lat=48.9022, score=0.97),
        Candidate(label="Rue de la Mairie", lon=2.5, lat=48.9, kind="street", citycode="93010"),
    ),
    asked_on="2026-01-31",
    endpoint=URL,
)


class Search(TypedDict):
    """Who is asked, and how."""

    endpoint: str
    mode: Mode


SEARCH = Search(endpoint=URL, mode=Mode.SEARCH)


def asks(n_asks: int) -> list[Ask]:
    return [Ask(query=f"{rank} rue de l'Été", citycode="93010") for rank in range(n_asks)]


def answer_to(ask: Ask) -> Answer:
    return Answer(
        candidates=(Candidate(label=f"{ask.query} 93140 Bondy", lon=2.5, lat=48.9, score=0.9),),
        asked_on="2026-01-31",
        endpoint=URL,
    )


def filled(path: Path, n_answers: int, *, at: datetime = NOON) -> None:
    with Journal(path) as journal:
        journal.record(
            [(ask, answer_to(ask)) for ask in asks(n_answers)],
            endpoint=URL,
            mode=Mode.SEARCH,
            asked_at=at,
        )


def known(path: Path, n_asks: int) -> dict[Ask, Answer]:
    with Journal(path) as journal:
        return journal.known(asks(n_asks), **SEARCH)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "journal.sqlite"


def bytes_around(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


# What is kept


TEXTS = st.one_of(
    st.text(max_size=12),
    st.text(st.characters(categories=["Cs", "Cc", "Zs", "So"]), max_size=4),  # surrogates too
    st.sampled_from(["null", "NaN", "\0", "\ud83d\ude00", "😀", "é", "e\u0301"]),
)
NUMBERS = st.one_of(st.floats(), st.just(math.nan), st.integers(min_value=-9, max_value=9))
CANDIDATES = st.builds(
    Candidate,
    label=TEXTS,
    lon=NUMBERS,
    lat=NUMBERS,
    score=NUMBERS,
    kind=TEXTS,
    name=TEXTS,
    citycode=TEXTS,
    distance_m=NUMBERS,
)
ANSWERS = st.builds(
    Answer,
    candidates=st.lists(CANDIDATES, max_size=3).map(tuple),
    asked_on=TEXTS,
    endpoint=TEXTS,
    is_whole=st.booleans(),
    score_next=NUMBERS,
    note=TEXTS,
)
SPOTS = st.builds(
    Spot,
    lon=st.floats(allow_nan=False, min_value=-180, max_value=180),
    lat=st.floats(allow_nan=False, min_value=-90, max_value=90),
)


def plain(answer: Answer | None) -> object:
    """Return an answer that can be compared: one NaN is like another."""
    return None if answer is None else json.loads(json.dumps(asdict(answer)), parse_constant=str)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    with Journal(tmp_path_factory.mktemp("shared") / "journal.sqlite") as journal:
        yield journal


@settings(max_examples=150, deadline=None)
@given(query=TEXTS, code=TEXTS, answer=ANSWERS, mode=st.sampled_from(Mode))
def test_answers_come_back_as_they_were(
    query: str, code: str, answer: Answer, mode: Mode, shared: Journal
) -> None:
    ask = Ask(query=query, citycode=code)
    shared.record([(ask, answer)], endpoint=URL, mode=mode, asked_at=NOON)
    back = shared.known([ask], endpoint=URL, mode=mode)
    assert plain(back.get(ask)) == plain(answer)


@settings(max_examples=50, deadline=None)
@given(spot=SPOTS, answer=ANSWERS)
def test_so_do_addresses_of_places(spot: Spot, answer: Answer, shared: Journal) -> None:
    shared.record([(spot, answer)], endpoint=URL, mode=Mode.REVERSE, asked_at=NOON)
    back = shared.known([spot], endpoint=URL, mode=Mode.REVERSE)
    assert plain(back.get(spot)) == plain(answer)


@settings(max_examples=200, deadline=None)
@given(one=st.builds(Ask, query=TEXTS, citycode=TEXTS, kind=TEXTS), two=TEXTS)
def test_keys_are_equal_when_questions_are(one: Ask, two: str) -> None:
    other = Ask(query=two, citycode=one.citycode, kind=one.kind)
    is_same = key_of(one, endpoint=URL, mode=Mode.CSV) == key_of(other, endpoint=URL, mode=Mode.CSV)
    assert is_same == (one == other)


def test_a_key_is_the_digest_of_a_text_that_never_changes() -> None:
    """A journal is read by later versions: this is what they must write."""
    told = '["https://geocodeur.test/geocodage","search",{"citycode":"93010","query":"mairie"}]'
    assert key_of(MAIRIE, **SEARCH) == hashlib.sha256(told.encode()).digest()
    told = '["https://geocodeur.test/geocodage","reverse",{"lat":0.0,"lon":2.0}]'
    for spot in (Spot(lon=2, lat=0.0), Spot(lon=2.0, lat=-0.0)):
        key = key_of(spot, endpoint=URL, mode=Mode.REVERSE)
        assert key == hashlib.sha256(told.encode()).digest()


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"null", b"[]", b"{}", b"\xff", b"[" * 100_000),
        *(b'{"candidates":1}', b'{"candidates":[{}]}', b'{"candidates":[],"lost":1}'),
        b'{"candidates":[{"label":"a","lon":"x","lat":1}]}',
    ],
)
def test_what_is_not_an_answer_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        answer_from(text)


def test_what_has_its_default_value_is_not_written() -> None:
    answer = Answer(candidates=(Candidate(label="Mairie", lon=2.5, lat=math.nan),))
    assert answer_text(answer) == b'{"candidates":[{"label":"Mairie","lat":null,"lon":2.5}]}'


def test_each_way_to_ask_and_each_service_has_its_own_answers(path: Path) -> None:
    with Journal(path) as journal:
        journal.record([(MAIRIE, FOUND)], **SEARCH, asked_at=NOON)
        assert journal.known([MAIRIE], **SEARCH) == {MAIRIE: FOUND}
        assert journal.known([MAIRIE], endpoint=URL, mode=Mode.CSV) == {}
        assert journal.known([MAIRIE], endpoint="https://autre.test", mode=Mode.SEARCH) == {}
        everywhere = Ask(query="mairie")
        assert journal.known([everywhere], **SEARCH) == {}


def test_a_new_answer_takes_the_place_of_the_former(path: Path) -> None:
    nothing = Answer(candidates=(), asked_on="2026-02-01")
    with Journal(path) as journal:
        for answer in (FOUND, nothing):
            journal.record([(MAIRIE, answer)], **SEARCH, asked_at=NOON)
        assert journal.known([MAIRIE], **SEARCH) == {MAIRIE: nothing}
        assert journal.summary().n_answers == 1


def test_answers_are_found_in_the_next_run(path: Path) -> None:
    filled(path, 50)
    assert known(path, 60) == {ask: answer_to(ask) for ask in asks(50)}


def test_old_answers_are_left_out_on_demand(path: Path) -> None:
    filled(path, 2)
    with Journal(path) as journal:

        def n_known(since: str) -> int:
            return len(journal.known(asks(2), **SEARCH, since=since))

        assert n_known("2026-01-31T12:00:00+00:00") == 2
        assert n_known("2026-01-31T12:00:01+00:00") == 0


def test_times_are_compared_in_one_zone(path: Path) -> None:
    paris_noon = NOON.astimezone() - timedelta(hours=1)
    filled(path, 1, at=paris_noon)
    with Journal(path) as journal:
        assert journal.summary().oldest == "2026-01-31T11:00:00+00:00"


def test_settled_enquiries_are_remembered_without_their_text(path: Path) -> None:
    with Journal(path) as journal:
        journal.settle("12 rue du Secret", asked_on="2026-01-31")
    assert b"Secret" not in bytes_around(path)
    with Journal(path) as journal:
        assert journal.is_settled("12 rue du Secret")
        assert not journal.is_settled("13 rue du Secret")
        assert journal.is_settled("12 rue du Secret", since="2026-01-31")
        assert not journal.is_settled("12 rue du Secret", since="2026-02-01")
        # the day is known, not the hour: in doubt, it is too old
        assert not journal.is_settled("12 rue du Secret", since="2026-01-31T00:00:01+00:00")


def test_the_summary_counts_by_service(path: Path) -> None:
    filled(path, 3)
    with Journal(path) as journal:
        later = NOON + timedelta(days=1)
        journal.record(
            [(MAIRIE, FOUND)], endpoint="http://127.0.0.1", mode=Mode.CSV, asked_at=later
        )
        journal.settle("a", asked_on="2026-01-31")
        summary = journal.summary()
    assert summary.n_answers == 4
    assert summary.n_by_endpoint == {"http://127.0.0.1": 1, URL: 3}
    assert summary.n_settled == 1
    assert summary.oldest == "2026-01-31T12:00:00+00:00"
    assert summary.newest == "2026-02-01T12:00:00+00:00"
    assert summary.size_bytes > 1000


def test_the_summary_of_nothing(path: Path) -> None:
    with Journal(path) as journal:
        summary = journal.summary()
    assert (summary.n_answers, summary.n_settled) == (0, 0)
    assert (summary.oldest, summary.newest, summary.n_by_endpoint) == ("", "", {})


# What is purged


SECRET = b"142 rue du Colonel Secret"


def filled_with_a_secret(path: Path) -> None:
    filled(path, 200)
    secret = Ask(query=SECRET.decode())
    with Journal(path) as journal:
        journal.record(
            [(secret, answer_to(secret))],
            endpoint=URL,
            mode=Mode.CSV,
            asked_at=NOON - timedelta(days=90),
        )
        journal.settle("an old one", asked_on=(NOON - timedelta(days=90)).date().isoformat())
        journal.settle("a new one", asked_on=NOON.date().isoformat())
    assert SECRET in bytes_around(path)


def test_what_is_purged_is_gone_from_the_file(path: Path) -> None:
    filled_with_a_secret(path)
    with Journal(path) as journal:
        size_bytes = journal.summary().size_bytes
        assert journal.purge(before=None) == 201
        assert SECRET not in bytes_around(path)
        assert "Été".encode() not in bytes_around(path)
        assert journal.summary().n_answers == 0
        assert journal.summary().size_bytes < size_bytes
        assert not journal.is_settled("a new one")
    assert SECRET not in bytes_around(path)


def test_old_answers_are_purged_with_the_enquiries_that_rest_on_them(path: Path) -> None:
    filled_with_a_secret(path)
    with Journal(path) as journal:
        assert journal.purge(before=NOON - timedelta(days=30)) == 1
        assert SECRET not in bytes_around(path)
        assert not journal.is_settled("an old one")
        assert journal.is_settled("a new one")
    assert len(known(path, 200)) == 200


def test_nothing_to_purge(path: Path) -> None:
    with Journal(path) as journal:
        assert journal.purge(before=None) == 0


def test_a_purge_says_when_another_run_keeps_traces(path: Path) -> None:
    filled_with_a_secret(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other, Journal(path) as journal:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM answers").fetchone()
        with pytest.raises(OutputError, match="Fermez-le, puis recommencez"):
            journal.purge(before=None)
        other.execute("ROLLBACK")
        assert journal.purge(before=None) == 0
        assert SECRET not in bytes_around(path)


def test_damaged_journals_are_purged_too(path: Path) -> None:
    filled_with_a_secret(path)
    path.write_bytes(b"x" + path.read_bytes()[1:])
    with Journal(path) as journal:
        assert SECRET in bytes_around(path)
        assert journal.purge(before=None) == 0
        assert SECRET not in bytes_around(path)


# What is damaged


def closed_journal(path: Path) -> bytes:
    filled(path, 30)
    return path.read_bytes()


@pytest.mark.parametrize("rank", range(16))
def test_a_truncated_journal_is_moved_aside_or_right(
    rank: int, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = closed_journal(path)
    cuts = [*range(1, 120, 24), *range(1000, len(content), len(content) // 10), len(content) - 1]
    cut = content[: cuts[rank]]
    path.write_bytes(cut)
    with Journal(path) as journal:
        found = journal.known(asks(30), **SEARCH)
        assert journal.note in caplog.text
        if not journal.note:  # a file of one byte is a new one; the last byte is that of a row
            assert len(found) == {1: 0, len(content) - 1: 29}[len(cut)]
            return
        assert "abîmé" in journal.note
    assert found == {}
    aside = [file for file in path.parent.iterdir() if ".damaged-" in file.name]
    assert [file.read_bytes() for file in aside] == [cut]
    filled(path, 2)
    assert len(known(path, 30)) == 2


def test_an_empty_file_is_a_new_journal(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with Journal(path) as journal:
        assert journal.note == ""
    filled(path, 2)
    assert len(known(path, 3)) == 2


@pytest.mark.parametrize("content", [b"<html>Portail</html>", b"\0" * 5000, os.urandom(9000)])
def test_what_is_no_journal_at_all_is_moved_aside(content: bytes, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with Journal(path) as journal:
        assert "abîmé" in journal.note
    filled(path, 2)
    assert len(known(path, 3)) == 2


def test_a_changed_byte_is_never_believed(path: Path) -> None:
    content = closed_journal(path)
    right = {ask: answer_to(ask) for ask in asks(30)}
    chance = random.Random(4)  # noqa: S311 - a seed for the test
    n_right = 0
    for position in [*range(16, 100), *chance.sample(range(100, len(content)), 120)]:
        changed = bytearray(content)
        changed[position] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        try:
            found = known(path, 30)
        except DataError:
            assert 60 <= position < 72  # the version of the file, or whose it is
            continue
        assert found.items() <= right.items()
        n_right += found == right
    assert n_right > 30  # most bytes are room between rows


@pytest.mark.parametrize("column", ["endpoint", "asked", "answer", "asked_at", "version"])
@pytest.mark.parametrize("value", ["x'fffe'", "CAST(x'fffe' AS TEXT)", "'9999'", "42", "x''"])
def test_a_changed_row_is_asked_again(column: str, value: str, path: Path) -> None:
    one, two = asks(2)
    filled(path, 2)
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(f"UPDATE answers SET {column} = {value} WHERE rowid = 1")  # noqa: S608
    with Journal(path) as journal:
        found = journal.known([one, two], **SEARCH)
        assert journal.note == ""
        assert found[two] == answer_to(two)
        assert (one in found) == (column in {"endpoint", "version"})  # said in the summary only
        assert journal.summary().n_answers == 2


@pytest.mark.parametrize(
    "change",
    ["DROP TABLE claims", "ALTER TABLE settled RENAME TO s", "ALTER TABLE answers ADD COLUMN x"],
)
def test_tables_of_another_form_are_moved_aside(change: str, path: Path) -> None:
    filled(path, 2)
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(change)
    with Journal(path) as journal:
        assert "abîmé" in journal.note
    assert known(path, 2) == {}


@pytest.mark.parametrize("share", [step / 8 for step in range(9)])
def test_a_truncated_log_keeps_what_is_whole(share: float, path: Path, tmp_path: Path) -> None:
    """Files as a machine that stops leaves them: the newest answers are in the log beside."""
    with Journal(path) as journal:
        for ask in asks(30):
            journal.record([(ask, answer_to(ask))], **SEARCH, asked_at=NOON)
        log = path.with_name(f"{path.name}-wal").read_bytes()
        copy = tmp_path / "copy" / path.name
        copy.parent.mkdir()
        copy.write_bytes(path.read_bytes())
    copy.with_name(f"{path.name}-wal").write_bytes(log[: int(share * len(log))])
    found = known(copy, 30)
    n_found = len(found)
    assert found == {ask: answer_to(ask) for ask in asks(n_found)}
    assert n_found == 30 if share == 1 else n_found < 30


def test_damage_that_comes_during_a_run_does_not_stop_it(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filled(path, 500)
    with Journal(path) as journal:
        with Journal(path) as other:  # so that pages are read again
            other.record([(MAIRIE, FOUND)], **SEARCH, asked_at=NOON)
        size_bytes = path.stat().st_size
        path.write_bytes(path.read_bytes()[:4096] + os.urandom(size_bytes - 4096))
        found = journal.known(asks(500), **SEARCH)
        assert found.items() <= {ask: answer_to(ask) for ask in asks(500)}.items()
        journal.record([(MAIRIE, FOUND)], **SEARCH, asked_at=NOON)
        assert journal.known([MAIRIE], **SEARCH) == {MAIRIE: FOUND}
        assert "inutilisable (fichier abîmé)" in journal.note
        assert journal.note in caplog.text


def test_the_journal_of_another_version_is_left_as_it_is(path: Path) -> None:
    filled(path, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA user_version = 7")
    content = path.read_bytes()
    with pytest.raises(DataError, match=r"autre version de siting \(format 7"):
        Journal(path)
    assert path.read_bytes() == content


def test_the_file_of_another_program_is_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("CREATE TABLE budget (euros)")
    content = path.read_bytes()
    with pytest.raises(DataError, match="n'est pas un journal"):
        Journal(path)
    assert path.read_bytes() == content
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("SELECT * FROM budget").fetchall() == []


# Where nothing can be written


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """Take away the right to write; from root by becoming nobody."""
    was_root = os.geteuid() == 0
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o555)
    if was_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if was_root:
            os.seteuid(0)
        folder.chmod(0o755)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Return a folder that all users may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_journal_that_can_only_be_read_is_read(
    open_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = open_folder / "journal.sqlite"
    filled(path, 5)
    with unwritable(open_folder), Journal(path) as journal:
        assert len(journal.known(asks(9), **SEARCH)) == 5
        journal.record([(MAIRIE, FOUND)], **SEARCH, asked_at=NOON)
        assert journal.known([MAIRIE], **SEARCH) == {MAIRIE: FOUND}
        taken = journal.take(asks(6), **SEARCH)
        assert (len(taken.known), taken.mine, taken.others) == (5, asks(6)[5:], [])
        assert "redemandées la prochaine fois" in journal.note
        with pytest.raises(OutputError, match="inutilisable"):
            journal.purge(before=None)
    assert len(caplog.records) == 1
    assert len(known(path, 9)) == 5


def test_a_folder_that_cannot_be_written_is_said_and_the_run_goes_on(open_folder: Path) -> None:
    with unwritable(open_folder), Journal(open_folder / "cache" / "journal.sqlite") as journal:
        assert "inutilisable" in journal.note
        assert "SITING_CACHE" in journal.note
        journal.record([(MAIRIE, FOUND)], **SEARCH, asked_at=NOON)
        assert journal.known([MAIRIE], **SEARCH) == {MAIRIE: FOUND}
    assert list(open_folder.iterdir()) == []


@pytest.mark.parametrize("name", ["file/journal.sqlite", "file/deep/journal.sqlite", "folder"])
def test_a_path_that_cannot_be_is_said(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with Journal(tmp_path / name) as journal:
        assert "inutilisable" in journal.note
        journal.settle("a", asked_on="2026-01-31")
        assert journal.is_settled("a")


@contextmanager
def files_at_most(size_bytes: int) -> Iterator[None]:
    """Let no file grow over a size, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size_bytes", [0, 4096, 20_000, 33_000, 200_000])
def test_a_full_disk_is_said_and_the_run_goes_on(
    size_bytes: int, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with files_at_most(size_bytes), Journal(path) as journal:
        for ask in asks(400):
            journal.record([(ask, answer_to(ask))], **SEARCH, asked_at=NOON)
        assert len(journal.known(asks(400), **SEARCH)) == 400
        assert "Vérifiez la place libre" in journal.note
    assert len(caplog.records) == 1
    caplog.clear()
    found = known(path, 400)
    assert len(found) < 400
    assert found == {ask: answer_to(ask) for ask in asks(len(found))}
    filled(path, 400)
    assert len(known(path, 400)) == 400
    assert caplog.text == ""


# Who may read


def test_the_journal_is_its_owners(path: Path) -> None:
    with Journal(path) as journal:
        journal.record([(MAIRIE, FOUND)], **SEARCH, asked_at=NOON)
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        modes = {
            file.name: stat.S_IMODE(file.stat().st_mode)
            for file in path.parent.iterdir()
            if file.stat().st_size
        }
    assert len(modes) == 3  # the file, its log, the index of the log
    assert set(modes.values()) == {0o600}


def test_a_journal_leaves_nothing_but_itself(path: Path) -> None:
    with Journal(path) as journal:
        journal.take(asks(3), **SEARCH)
    assert {file.name for file in path.parent.iterdir()} == {path.name, f"{path.name}.lock"}


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({"SITING_CACHE": "/data/cache", "XDG_CACHE_HOME": "/xdg"}, "linux", "/data/cache"),
        ({"SITING_CACHE": "", "XDG_CACHE_HOME": "/xdg"}, "linux", "/xdg/siting"),
        ({"XDG_CACHE_HOME": "relative"}, "linux", "~/.cache/siting"),
        ({}, "linux", "~/.cache/siting"),
        ({"XDG_CACHE_HOME": "/xdg"}, "darwin", "~/Library/Caches/siting"),
        ({}, "win32", "~/AppData/Local/siting"),
    ],
)
def test_the_cache_is_where_the_system_puts_caches(
    environment: dict[str, str], platform: str, expected: str
) -> None:
    assert default_cache_folder(environment, platform=platform) == Path(expected).expanduser()
