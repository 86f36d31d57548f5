"""What `siting geocode` promises of any run: what leaves, what stays, who is asked, who decides."""

import csv
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import geopandas as gpd
import openpyxl
import pytest
from fakes import faults
from fakes.ban import FakeBan, fake_ban
from runs import PLACES, QuickTime, addresses, questions, results, rows_of, siting, write_projects

from siting.asking import Ask
from siting.cli import ALL_WELL, STOPPED, TO_REVIEW, WRONG_USAGE
from siting.sources.journal_text import Mode
from siting.sources.projects import read_projects
from siting.study.session import GeocoderOptions, geocoding_session, open_journal


@pytest.fixture(scope="module")
def service() -> Iterator[FakeBan]:
    with fake_ban(PLACES, rate_per_s=None) as fake:
        yield fake


@pytest.fixture
def fake(service: FakeBan) -> FakeBan:
    """A service that was asked nothing yet."""
    service.heal()
    service.asked.clear()
    return service


def words_of(fake: FakeBan, projects: Path, out: Path) -> tuple[object, ...]:
    out.parent.mkdir(exist_ok=True)
    return ("geocode", projects, "--out", out, "--geocoder", fake.url)


def statuses(path: Path) -> dict[str, tuple[str, str]]:
    return {row["site_id"]: (row["geocode_status"], row["geocode_reason"]) for row in rows_of(path)}


# What leaves, what stays


HEADER = ["nom", "adresse", "commune", "code_postal", "tel", "tel", "siret", "latitude"]
HEADER += ["result_score", "geocode_status", "saisi_commune", "lieu", "id"]
ODD = (
    " CANARI  deux espaces ",
    'CANARI "guillemets"',
    "CANARI, virgule ; et point",
    "CANARI\nà la ligne",
    "CANARI\u00a0insécable",
    *("007 CANARI", "NA", "nan", "2A004", "1e5", "00012345678901"),
)


def odd_rows(n_rows: int) -> list[list[str]]:
    """Return rows whose cells must come back as they are; one in nine is empty."""
    rows = []
    for rank, text in enumerate(addresses(n_rows)):
        odd = [ODD[(rank + at) % len(ODD)] for at in range(len(HEADER))]
        own = [f"CANARI {rank}", text, "Bondy", "93140", *odd[4:-1], f"CANARI-{rank}"]
        rows.append([""] * len(HEADER) if rank % 9 == 5 else own)
    return rows


def write_rows(path: Path, header: list[str], rows: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";", lineterminator="\n").writerows([header, *rows])
    return path


@pytest.mark.parametrize("n_rows", [30, 205], ids=["one by one", "by files"])
def test_only_addresses_leave_and_all_the_rest_comes_back(
    n_rows: int, fake: FakeBan, tmp_path: Path
) -> None:
    given = odd_rows(n_rows)
    projects = write_rows(tmp_path / "CANARI.csv", HEADER, given)
    out = tmp_path / "CANARI" / "positions.csv"
    assert siting(*words_of(fake, projects, out)).code == TO_REVIEW
    assert len(fake.asked) > 2
    assert fake.holding("CANARI") == []
    assert fake.holding("00012345678901") == []
    with out.open(encoding="utf-8", newline="") as file:
        header, *found = list(csv.reader(file))
    assert [row[-len(HEADER) :] for row in found] == given
    assert header[-len(HEADER) :] == [
        *("nom", "adresse", "saisi_commune", "code_postal", "tel", "tel (2)", "siret", "latitude"),
        *("result_score", "saisi_geocode_status", "saisi_saisi_commune", "lieu", "id"),
    ]
    empty = [row[header.index("geocode_reason")] for row in found[5::9]]
    assert set(empty) == {"EMPTY_ROW"}
    assert found[0][header.index("geocode_status")] == "ok"


def test_a_workbook_comes_back_too(fake: FakeBan, tmp_path: Path) -> None:
    given = odd_rows(20)
    book = openpyxl.Workbook()
    for row in [HEADER, *given]:
        book.active.append(row)
    book.save(tmp_path / "CANARI.xlsx")
    given = [row for row in given if any(row)]  # an empty row of a sheet is no row
    out = tmp_path / "positions.xlsx"
    words = words_of(fake, tmp_path / "CANARI.xlsx", out)
    assert siting(*words).code == TO_REVIEW
    assert fake.asked
    assert fake.holding("CANARI") == []
    header, *found = openpyxl.load_workbook(out)["sites"].iter_rows(values_only=True)
    own = [[cell or "" for cell in row[-len(HEADER) :]] for row in found]
    assert own == given
    assert header[-4:] == ("saisi_geocode_status", "saisi_saisi_commune", "lieu", "id")


CODES = {"insee": "01004", "corse": "2A004", "siret": "00012345678901", "dep": "01", "lot": "007"}


@pytest.mark.parametrize(
    ("read", "written"),
    [(".csv", ".xlsx"), (".xlsx", ".csv"), (".gpkg", ".csv"), (".geojson", ".xlsx")],
)
def test_codes_stay_text_from_any_file_to_any_file(read: str, written: str, tmp_path: Path) -> None:
    projects, out = tmp_path / f"projets{read}", tmp_path / f"positions{written}"
    if read in {".csv", ".xlsx"}:
        header, row = [*CODES, "lon", "lat"], [*CODES.values(), "2.48", "48.9"]
        book = openpyxl.Workbook()
        book.active.append(header)
        book.active.append(row)
        book.save(projects) if read == ".xlsx" else write_rows(projects, header, [row])
    else:
        layer = gpd.GeoDataFrame([CODES], geometry=gpd.points_from_xy([2.48], [48.9]), crs=4326)
        layer.to_file(projects)
    words = ("--geocoder", "none", "--column", "code_insee=insee")
    assert siting("geocode", projects, "--out", out, *words).code == TO_REVIEW  # not in 01004
    sheet = "sites" if written == ".xlsx" else None
    again = read_projects(out, columns={"code_insee": "insee"}, sheet=sheet)
    assert {name: again.own[name].item() for name in CODES} == CODES
    assert again.rows["code_insee"].item() == "01004"


FORMULAS = ("=1+1", "+33 1", "-2+3", "@SUM(A1)", "\t=1", "=cmd|' /C calc'!A0", "＝1+1")


def test_no_cell_of_any_result_is_a_formula(fake: FakeBan, tmp_path: Path) -> None:
    """In names, addresses and free cells: of the results, and of the file to fill in."""
    rows = [[one, f"{one} 4 rue des Inconnus", "Bondy", one] for one in FORMULAS]
    projects = write_rows(tmp_path / "p.csv", ["nom", "adresse", "commune", "=note"], rows)
    assert siting(*words_of(fake, projects, tmp_path / "positions.csv")).code == TO_REVIEW
    written = [path for path in tmp_path.glob("positions*") if path.suffix in {".csv", ".xlsx"}]
    assert len(written) == 4
    for path in written:
        if path.suffix == ".xlsx":
            book = openpyxl.load_workbook(path)
            assert all(cell.data_type != "f" for page in book for row in page for cell in row)
        else:
            cells = [cell for row in csv.reader(io.StringIO(path.read_text())) for cell in row]
            assert not [cell for cell in cells if cell[:1] in tuple("=+@\t＝")]
            assert not [cell for cell in cells if cell[:1] == "-"]


# Who is asked


@contextmanager
def proxy() -> Iterator[tuple[str, list[str]]]:
    """Be the only way to the world, and refuse it: yield one's address and the hosts asked for."""
    hosts: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            hosts.append(self.path)
            self.send_error(502)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", hosts
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("words", "host", "said"),
    [
        ((), "data.geopf.fr:443", "data.geopf.fr ne répond pas"),
        (
            ("--geocoder", "https://api-adresse.data.gouv.fr"),
            "api-adresse.data.gouv.fr:443",
            "est officiellement arrêté depuis le 2026-01-31",
        ),
    ],
)
def test_the_geoplateforme_is_asked_and_the_old_host_only_when_it_is_named(
    words: tuple[str, ...],
    host: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    QuickTime(monkeypatch)
    projects = write_projects(tmp_path / "p.csv", ["12 rue Carnot"])
    with proxy() as (url, hosts):
        monkeypatch.setenv("HTTPS_PROXY", url)
        told = siting("geocode", projects, "--out", tmp_path / "o.csv", *words)
    assert told.code == STOPPED
    assert set(hosts) == {host}
    assert said in told.err + caplog.text
    assert not (tmp_path / "o.csv").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--geocoder", "http://10.0.0.1:7878"), WRONG_USAGE, "--private-network"),
        (("--geocoder", "https://intranet/geocodage"), WRONG_USAGE, "--private-network"),
        (("--geocoder", "http://169.254.169.254/latest"), WRONG_USAGE, "n'est pas celle d'un"),
        (("--geocoder", "http://data.geopf.fr/geocodage"), WRONG_USAGE, "https://"),
        (("--geocoder", "https://moi:secret@data.geopf.fr"), WRONG_USAGE, "retirez-les"),
        (("--geocoder", "file:///etc/passwd"), WRONG_USAGE, "n'est pas une adresse web"),
        (("--rate", "46"), STOPPED, "au plus 45"),
        (("--rate", "0"), STOPPED, "plus de 0"),
        (("--max-age", "-1"), WRONG_USAGE, "--max-age"),
    ],
)
def test_a_service_that_may_not_be_asked_is_refused_before_any_request(
    words: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    projects = write_projects(tmp_path / "p.csv", ["12 rue Carnot"])
    told = siting("geocode", projects, "--out", tmp_path / "o.csv", *words)
    assert told.code == code
    assert said in told.err
    assert "secret" not in told.err
    assert not (tmp_path / "o.csv").exists()


# What is known is not asked again


@pytest.fixture(params=[40, 205], ids=["one by one", "by files"])
def found(request: pytest.FixtureRequest, fake: FakeBan, tmp_path: Path) -> tuple[Path, Path]:
    """A file of projects, and the folder of what was found for it; nothing is asked any more."""
    projects = write_projects(tmp_path / "projets.csv", addresses(request.param))
    out = tmp_path / "first" / "positions.csv"
    assert siting(*words_of(fake, projects, out)).code == TO_REVIEW
    fake.asked.clear()
    return projects, out.parent


def test_other_thresholds_judge_again_without_a_request(
    found: tuple[Path, Path], fake: FakeBan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    projects, first = found
    rule = tmp_path / "seuils.toml"
    rule.write_text("ok_score = 1\nok_score_same_street = 0.99\n")
    out = tmp_path / "second" / "positions.csv"
    told = siting(*words_of(fake, projects, out), "--geocode-rule", rule)
    assert fake.asked == []
    before, after = rows_of(first / "positions.csv"), rows_of(out)
    assert "ok" in {was["geocode_status"] for was in before}
    for was, row in zip(before, after, strict=True):
        if was["geocode_status"] == "ok":  # no door has more than 0.9545
            assert row == was | {"geocode_status": "review", "geocode_reason": "LOW_SCORE"}
    assert told.counts["total"] == len(before)
    for folder, ok_score in ((first, 0.8), (out.parent, 1.0)):
        manifest = json.loads((folder / "positions.manifest.json").read_text())
        assert manifest["parameters"]["geocode_rule"]["ok_score"] == ok_score
        asked, communes, *_ = manifest["sources"]
        assert (asked["url"], communes["data_timestamp"]) == (fake.url, "COG 2026")
    # Who asks with these thresholds from the start judges alike.
    monkeypatch.setenv("SITING_CACHE", str(tmp_path / "new cache"))
    fresh = tmp_path / "third" / "positions.csv"
    siting(*words_of(fake, projects, fresh), "--geocode-rule", rule)
    assert fake.asked
    same = ("geocode_status", "geocode_reason", "lon", "lat", "matched_label")
    for row, right in zip(after, rows_of(fresh), strict=True):
        assert {name: row[name] for name in same} == {name: right[name] for name in same}


def test_offline_gives_what_the_journal_has(fake: FakeBan, tmp_path: Path) -> None:
    """The journal is that of the Géoplateforme: a server of this computer is asked offline."""
    texts = addresses(30)
    projects, first = write_projects(tmp_path / "p.csv", texts), tmp_path / "first.csv"
    siting(*words_of(fake, projects, first))
    with open_journal() as journal:
        for way, query, citycode, *kind in [(*key, "") for key in questions(fake.asked)]:
            ask = Ask(query=query, citycode=citycode, kind="".join(kind))
            known = journal.known([ask], endpoint=fake.url, mode=Mode(way))
            journal.record(
                known.items(),
                endpoint="https://data.geopf.fr/geocodage",
                mode=Mode(way),
                asked_at=datetime.now(UTC) - timedelta(days=400),
            )
    write_projects(projects, [*texts, "7 rue Nouvelle"])
    told = siting("geocode", projects, "--out", tmp_path / "offline.csv", "--offline")
    assert told.code == TO_REVIEW
    *found, last = rows_of(tmp_path / "offline.csv")
    assert found == rows_of(first)
    assert (last["geocode_status"], last["geocode_reason"]) == ("skipped", "OFFLINE")


def test_a_question_with_an_old_answer_is_no_more_settled(tmp_path: Path) -> None:
    old = (datetime.now(UTC) - timedelta(days=40)).date().isoformat()
    for max_age_days, is_settled in ((30.0, False), (50.0, True), (None, True)):
        options = GeocoderOptions(cache=tmp_path, max_age_days=max_age_days)
        with geocoding_session(options) as session:
            assert session.known is not None
            session.known.recall.settle("question", asked_on=old)
            assert session.known.recall.is_settled("question") == is_settled


def test_rows_that_a_person_settles_change_nothing_for_the_others(
    fake: FakeBan, tmp_path: Path
) -> None:
    """Two hundred rows go by files; reviewed, they are fewer to ask, and none is asked again."""
    out = tmp_path / "positions.csv"
    words = words_of(fake, write_projects(tmp_path / "p.csv", addresses(201)), out)
    assert siting(*words).code == TO_REVIEW
    n_first = len(statuses(out))
    to_review = rows_of(tmp_path / "positions.to_review.csv")
    fill(tmp_path / "fait.csv", [row | {"choix": "aucune"} for row in to_review])
    fake.asked.clear()
    assert siting(*words, "--reviewed", tmp_path / "fait.csv", "--overwrite").code == ALL_WELL
    assert fake.asked == []
    assert n_first == len(statuses(out)) == 201
    # The files of rows to review are those of the run before: there is nothing to review now.
    assert {path.name for path in tmp_path.glob("positions*")} == {
        *("positions.csv", "positions.geocoding.csv", "positions.manifest.json"),
    }


# A person decides


def fill(path: Path, rows: list[dict[str, str]]) -> None:
    """Save rows as a French spreadsheet does: semicolons, decimal commas, Windows-1252."""
    with path.open("w", encoding="cp1252", newline="", errors="replace") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";", lineterminator="\r\n")
        writer.writeheader()
        for row in rows:
            numbers = {name for name in row if name[:4] in {"lon_", "lat_", "scor"}}
            writer.writerow({k: v.replace(".", ",") if k in numbers else v for k, v in row.items()})


DECIDED = {
    "r0": {"choix": "1"},
    "r1": {"lon_retenue": "2.4811", "lat_retenue": "48.9011"},
    "r2": {"adresse_corrigee": "14 rue Carnot"},
    "r3": {"choix": "aucune", "remarque": "jardin"},
}


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_what_a_person_decides_settles_the_rows(suffix: str, fake: FakeBan, tmp_path: Path) -> None:
    texts = ["12 bis rue Carnot", "99 chemin Vert", "5 rue des Inconnus", "8 bis chemin Vert"]
    projects = write_projects(tmp_path / "p.csv", [*texts, "99 rue Carnot", "7 rue Carnot"])
    out = tmp_path / "positions.csv"
    words = words_of(fake, projects, out)
    assert siting(*words).code == TO_REVIEW
    to_review = tmp_path / f"positions.to_review{suffix}"
    done = tmp_path / f"fait{suffix}"
    if suffix == ".xlsx":
        book = openpyxl.load_workbook(to_review)
        sheet = book["to_review"]
        header = [cell.value for cell in sheet[1]]
        for row in sheet.iter_rows(min_row=2):
            decided = DECIDED.get(str(row[0].value), {})
            for name, value in decided.items():
                cell = row[header.index(name)]
                cell.value = float(value) if name[:3] in {"lon", "lat"} else value
        book.save(done)
    else:
        fill(done, [row | DECIDED.get(row["site_id"], {}) for row in rows_of(to_review)])
    fake.asked.clear()
    told = siting(*words, "--reviewed", done, "--resume")
    assert told.code == TO_REVIEW  # nobody decided of r4
    assert statuses(out) == {
        "r0": ("provided", "REVIEWED"),
        "r1": ("provided", "REVIEWED"),
        "r2": ("ok", "MATCHED"),
        "r3": ("rejected", "REVIEWED"),
        "r4": ("review", "NUMBER_NOT_FOUND"),
        "r5": ("ok", "MATCHED"),
    }
    r0, r1, r2, r3, *_ = rows_of(out)
    assert (r0["lon"], r0["lat"], r0["matched_label"]) == (
        *("2.4792000", "48.8990000", "12 Rue Carnot 93140 Bondy"),
    )
    assert (r1["lon"], r1["lat"]) == ("2.4811000", "48.9011000")
    assert (r2["lon"], r2["address"]) == ("2.4794000", "5 rue des Inconnus")
    assert (r3["lon"], r3["code_insee"]) == ("", "")
    assert set(questions(fake.asked)) == {
        ("search", "14 rue Carnot", "93010"),
        *(("reverse", *place) for place in (("2.479200", "48.899000"), ("2.481100", "48.901100"))),
    }
    manifest = json.loads((tmp_path / "positions.manifest.json").read_text())
    counts = manifest["counts"]
    assert counts["sites placés par une personne"] == 2
    assert counts["sites écartés par une personne"] == 1
    assert counts["adresses corrigées par une personne"] == 1
    assert str(done) in manifest["inputs"]
    assert [row["site_id"] for row in rows_of(tmp_path / "positions.to_review.csv")] == ["r4"]


# Coordinates that are given


def test_given_coordinates_get_their_address_once_and_odd_ones_are_not_used(
    fake: FakeBan, tmp_path: Path
) -> None:
    rows = {
        "12 rue Carnot": ("2,4792", "48,899"),
        "20 m north of it": ("2.4792", "48.89918"),
        "in the fields": ("2.6", "48.9"),
        "swapped": ("48.899", "2.4792"),
        "zero": ("0", "0"),
        "Lambert-93": ("661828.3", "6866857.1"),
        "text": ("est", "nord"),
    }
    projects = write_rows(
        tmp_path / "p.csv", ["nom", "lon", "lat"], [[name, *place] for name, place in rows.items()]
    )
    out = tmp_path / "positions.csv"
    words = words_of(fake, projects, out)
    told = siting(*words)
    assert told.code == TO_REVIEW
    found = {row["nom"]: row for row in rows_of(out)}
    assert [row["geocode_status"] for row in found.values()] == ["provided"] * 3 + ["review"] * 4
    assert [row["geocode_reason"] for row in found.values()] == [
        *("COORDINATES_GIVEN", "COORDINATES_GIVEN", "NOTHING_WITHIN_200M"),
        *("COORD_SUSPECT", "COORD_SUSPECT", "COORD_SUSPECT", "COORD_UNREADABLE"),
    ]
    assert {row["lon"] for row in list(found.values())[3:]} == {""}
    assert {row["geocode_score"] for row in found.values()} == {""}
    label = "12 Rue Carnot 93140 Bondy"
    assert [row["matched_label"] for row in found.values()] == [label, label, *[""] * 5]
    requests = rows_of(tmp_path / "positions.geocoding.csv")
    assert [row["distance_m"] for row in requests] == ["0.0", "20.0", *[""] * 5]
    assert sum(questions(fake.asked).values()) == 3
    assert {asked.path for asked in fake.asked} == {"/geocodage/reverse"}
    before = results(tmp_path)
    fake.asked.clear()
    siting(*words, "--resume")
    assert fake.asked == []
    assert results(tmp_path) == before


def test_a_nearest_address_that_failed_is_asked_again_and_nothing_else(
    fake: FakeBan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    QuickTime(monkeypatch)
    places = [["a", "2.4792", "48.899"], ["b", "2.4794", "48.899"], ["c", "2.4796", "48.899"]]
    projects = write_rows(tmp_path / "p.csv", ["nom", "lon", "lat"], places)
    fake.order(faults.BAD_GATEWAY, holding="2.4794")
    words = words_of(fake, projects, tmp_path / "o.csv")
    assert siting(*words).code == ALL_WELL  # a help, never needed
    notes = [row["note"] for row in rows_of(tmp_path / "o.geocoding.csv")]
    assert notes[0] == notes[2] == ""
    assert "n'a pas répondu" in notes[1]
    fake.heal()
    fake.asked.clear()
    assert siting(*words, "--resume").code == ALL_WELL
    assert questions(fake.asked) == {("reverse", "2.479400", "48.899000"): 1}
    assert [row["matched_label"][:2] for row in rows_of(tmp_path / "o.csv")] == ["12", "14", "16"]


@pytest.mark.parametrize("option", ["--resume", "--overwrite"])
def test_a_file_that_a_person_filled_in_is_never_replaced(
    option: str, fake: FakeBan, tmp_path: Path
) -> None:
    projects = write_projects(tmp_path / "p.csv", ["99 rue Carnot", "7 rue Carnot"])
    out = tmp_path / "positions.csv"
    words = words_of(fake, projects, out)
    assert siting(*words).code == TO_REVIEW
    to_review = tmp_path / "positions.to_review.csv"
    fill(to_review, [row | {"choix": "aucune"} for row in rows_of(to_review)])
    before = to_review.read_bytes()
    fake.asked.clear()
    told = siting(*words, option, "--reviewed", to_review)
    assert told.code == STOPPED
    assert "Donnez-lui un autre nom" in told.err
    assert fake.asked == []  # it is said at once
    assert to_review.read_bytes() == before


@pytest.mark.parametrize("name", ["positions.geocoding.csv", "positions.to_review.csv"])
def test_a_file_of_the_user_beside_the_result_is_refused_at_once(
    name: str, fake: FakeBan, tmp_path: Path
) -> None:
    projects = write_projects(tmp_path / "p.csv", ["7 rue Carnot"])
    (tmp_path / name).write_text("à moi", encoding="utf-8")
    told = siting(*words_of(fake, projects, tmp_path / "positions.csv"))
    assert (told.code, "existe déjà" in told.err) == (STOPPED, True)
    assert fake.asked == []
