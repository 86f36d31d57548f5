"""The command line as a planner meets it: French, exit codes, nothing lost, nothing half done.

Commands run through `main()`, which turns errors into messages and exit codes, in this process
for speed; what depends on a process of its own (bytes, characters) has one.
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import openpyxl
import pytest
from conftest import at

from siting.cli import ALL_WELL, STOPPED, TO_REVIEW, WRONG_USAGE, main
from siting.french import french_usage

MONACO = Path(__file__).parents[1] / "data" / "sample" / "monaco.osm.pbf"
COMMANDS = (
    *(["study"], ["territory"], ["geocode"], ["calls"], ["data"], ["demo"]),
    *(["calls", word] for word in ("list", "show", "check", "new")),
    *(["cache", "show"], ["cache", "purge"], []),
    *(["area", word] for word in ("add", "list", "show", "remove")),
    *(["geocoder", word] for word in ("load", "start", "stop", "status")),
    *(["data", word] for word in ("list", "import", "update", "diff", "remove")),
)
STUDY_FILES = {
    *("sites.csv", "geocoding.csv", "access.csv", "reach.csv", "study.gpkg", "study.xlsx"),
    *("map.html", "manifest.json"),
    *("absence.csv", "completeness.csv", "completeness.html", "excluded.csv"),
}
REVIEW_FILES = {"to_review.csv", "to_review.xlsx", "to_review.html"}
TERRITORY_FILES = {"communes.csv", "territory.gpkg", "territory.xlsx", "map.html", "manifest.json"}
ENGLISH = re.compile(
    r"\b(show this|message|required|commands?\b|missing|invalid|default|error|try|for help|"
    r"bool|path|text|float|no such|unexpected|args)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


Run = Callable[..., Answer]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("SITING_TRACE", "1")  # a defect shows its traceback, and fails the test

    def command(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["siting", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return Answer(end.value.code, said.out, said.err)

    return command


def draw_street(path: Path, *, is_walkable: bool = True) -> Path:
    """Write one street of 400 m from the corner of the village, with a bakery at its end."""
    joints = [at(x, 0.0) for x in (0.0, 100.0, 400.0)]
    bakery = '<tag k="shop" v="bakery"/><tag k="name" v="Fournil"/>'
    nodes = "".join(
        f'<node id="{n}" lon="{lon:.7f}" lat="{lat:.7f}" version="1">{bakery * (n == 3)}</node>'
        for n, (lon, lat) in enumerate(joints, start=1)
    )
    refs = '<nd ref="1"/><nd ref="2"/><nd ref="3"/>'
    kind = "highway" if is_walkable else "waterway"
    way = f'<way id="1" version="1">{refs}<tag k="{kind}" v="residential"/></way>'
    path.write_text(f'<?xml version="1.0"?><osm version="0.6">{nodes}{way}</osm>', encoding="utf-8")
    return path


LON, LAT = at(0.0, 0.0)
GOOD = f"id;nom;lon;lat\nA;Foch;{LON:.6f};{LAT:.6f}\n"


@pytest.fixture
def osm(tmp_path: Path) -> Path:
    return draw_street(tmp_path / "rue.osm")


@pytest.fixture
def projects(tmp_path: Path) -> Path:
    path = tmp_path / "projets.csv"
    path.write_text(GOOD, encoding="utf-8")
    return path


def sites_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "sites.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# Help and usage


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: " ".join(words) or "siting")
def test_help_is_in_french(run: Run, command: list[str]) -> None:
    for option in ("--help", "-h"):
        answer = run(*command, option)
        assert answer.code == ALL_WELL
        assert answer.err == ""
        assert "Affiche cette aide." in answer.out
        words = re.sub(r"--[a-z-]+|\[OPTIONS\]", "", answer.out)
        assert ENGLISH.findall(words) == []


@pytest.mark.parametrize("command", [[], ["calls"]])
def test_a_group_alone_shows_its_help_and_no_empty_error(run: Run, command: list[str]) -> None:
    answer = run(*command)
    assert answer.code == WRONG_USAGE
    assert "Commandes" in answer.out
    assert answer.err == ""


def test_version(run: Run) -> None:
    assert run("--version") == Answer(ALL_WELL, f"siting {version('siting')}\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["etude"], "Commande inconnue : etude."),
        (["calls", "montre"], "Commande inconnue : montre."),
        (["study"], "Il manque l'option --out."),
        (["study", "--out", "o"], "Dites quoi étudier"),
        (["study", "p.csv", "--sector", "s.geojson", "--out", "o"], "Dites quoi étudier"),
        (["study", "p.csv"], "Il manque l'option --out."),
        (["study", "p.csv", "--out"], "L'option --out attend une valeur."),
        (["study", "p.csv", "q.csv", "--out", "o"], "Argument en trop : q.csv."),
        (["study", "p.csv", "--osmm", "o"], "Option inconnue : --osmm."),
        (["study", "p.csv", "-x"], "Option inconnue : -x."),
        (["study", "p.csv", "--out", "o", "--overwrite=1"], "--overwrite ne prend pas de valeur."),
        (["study", "p.csv", "--out", "o", "--cutoff-min", "dix"], "--cutoff-min attend un nombre."),
        (["study", "p.csv", "--out", "o"], "veut savoir qui l'interroge"),
        (["territory", "--out", "o"], "Dites où : --departement CODE"),
        (["territory", "--france", "--departement", "93", "--out", "o"], "Dites où"),
        (["territory", "--france", "--area", "a", "--out", "o"], "ajoutez --inventory"),
        (["calls", "show"], "Il manque l'argument APPEL."),
        (["calls", "show", "absent"], "Appels connus : logement-choisi-2016, "),
        (["calls", "show", "../packs/ssd-avp-2025"], "inconnu"),
        (["geocode", "p.csv", "--out", "sites.xls"], "en .csv ou .xlsx"),
    ],
)
def test_a_wrong_command_line_is_told_in_french(
    run: Run, arguments: list[str], message: str
) -> None:
    answer = run(*arguments)
    assert answer.code == WRONG_USAGE
    assert message in answer.err
    assert "siting --help" in answer.err
    assert answer.out == ""
    assert ENGLISH.findall(re.sub(r"--[a-z-]+|« .* »", "", answer.err)) == []


def test_what_typer_says_is_never_lost() -> None:
    """A message of a later release, without a French form yet, is shown as it is."""
    assert french_usage("Something new {0}.") == "Something new {0}."
    assert french_usage("Invalid value for '--out': a  new\nreason") == "--out : a new reason"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--walker", "velo"], "Profil de marche inconnu : « velo »"),
        (["--call", "absent"], "Appels connus"),
        (["--cutoff-min", "0"], "--cutoff-min vaut 0"),
        (["--cutoff-min", "-5"], "--cutoff-min vaut -5"),
        (["--cutoff-min", "121"], "au plus 120"),
        (["--cutoff-min", "nan"], "--cutoff-min vaut nan"),
        (["--threshold", "commerces=10"], "ajoutez --call"),
        (["--call", "ssd-avp-2025", "--threshold", "commerces=40"], "allongez --cutoff-min"),
        (["--call", "ssd-avp-2025", "--threshold", "parking=10"], "Exigences réglables"),
        (["--call", "ssd-avp-2025", "--threshold", "commerces"], "EXIGENCE=MINUTES"),
        (["--call", "ssd-avp-2025", "--threshold", "commerces="], "EXIGENCE=MINUTES"),
        (["--call", "ssd-avp-2025", "--threshold", "=10"], "EXIGENCE=MINUTES"),
        (["--call", "ssd-avp-2025", "--threshold", "commerces=dix"], "un nombre de minutes"),
        (["--call", "ssd-avp-2025", "--threshold", "commerces=-1"], "positif"),
        (
            ["--call", "ssd-avp-2025", *("--threshold", "commerces=5") * 2],
            "donné deux fois",
        ),
        (["--column", "adresse"], "CHAMP=NOM"),
        (["--column", "rue=VOIE"], "« rue » n'est pas un champ connu"),
    ],
)
def test_an_option_that_means_nothing_is_refused_and_nothing_is_written(
    run: Run, osm: Path, projects: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    out = tmp_path / "etude"
    answer = run("study", projects, "--osm", osm, "--out", out, "--offline", *options)
    assert answer.code == WRONG_USAGE
    assert message in answer.err
    assert not out.exists()


# A study


def test_two_maps_count_once_what_is_in_both(
    run: Run, osm: Path, projects: Path, tmp_path: Path
) -> None:
    """400 m of street at 48 m a minute: 8.3 minutes; one bakery, be it drawn twice."""
    out = tmp_path / "etude"
    words = ["--osm", osm, "--osm", draw_street(tmp_path / "encore.osm")]
    assert run("study", projects, *words, "--out", out, "--offline").code == ALL_WELL
    with (out / "access.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["access_status"] == "reached"]
    assert [(row["category"], row["service_name"]) for row in rows] == [("boulangerie", "Fournil")]
    assert float(rows[0]["walk_m"]) == pytest.approx(400, abs=0.1)
    assert float(rows[0]["walk_min"]) == pytest.approx(400 / 48, abs=0.1)


MIXED = {  # row of the file -> status and reason expected
    f"a/b;Mairie;;;{LON};{LAT}": ("provided", "COORDINATES_GIVEN"),
    f"A/B;casse;;;{LON};{LAT}": ("provided", "COORDINATES_GIVEN"),
    f"../x;chemin;;;{LON};{LAT}": ("provided", "COORDINATES_GIVEN"),
    "inv;inversées;;;48,9;2,48": ("review", "COORD_SUSPECT"),
    "lam;Lambert;;;652000;6862000": ("review", "COORD_SUSPECT"),
    "zero;zéro;;;0;0": ("review", "COORD_SUSPECT"),
    "mot;mot;;;2,48;quarante": ("review", "COORD_UNREADABLE"),
    "est;2 RUE L 'EST ' B;2 RUE L 'EST ' B;;;": ("skipped", "OFFLINE"),
    "vide;;;;;": ("skipped", "EMPTY_ROW"),
    "🏠;🏡 <script>alert(1)</script>;;1004;5,38;46,15": ("provided", None),
    f"=1+1;=cmd|' /C calc'!A0;;93010;{LON};{LAT}": ("provided", "COORDINATES_GIVEN"),
    "old;Pierrefitte;;93059;2,3614;48,9659": ("provided", "COORDINATES_GIVEN"),
    "plm;Paris 2e;;75102;2,3413;48,8686": ("provided", "COORDINATES_GIVEN"),
    "reu;La Réunion;;97411;55,4481;-20,8789": ("provided", "COORDINATES_GIVEN"),
    "gua;Guadeloupe;;97120;-61,5342;16,2411": ("provided", "COORDINATES_GIVEN"),
    "mad;Madrid;;;-3,7038;40,4168": ("provided", "COORDINATES_GIVEN"),
    f"long;{'é' * 40_000};;;{LON};{LAT}": ("provided", "COORDINATES_GIVEN"),
}
OWN = "note;fid;geometry;label;site_id;Note;walk_m"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study of a file as offices send them, run in a process of its own."""
    folder = tmp_path_factory.mktemp("mixed")
    rows = [f"{row};n{at};{at};POINT(0 0);l{at};s{at};N{at};12" for at, row in enumerate(MIXED)]
    (folder / "projets.csv").write_text(
        "\r\n".join([f"id;nom;adresse;code_insee;lon;lat;{OWN}", *rows]), encoding="utf-8"
    )
    draw_street(folder / "rue.osm")
    answer = in_a_process(folder, "etude", hash_seed="1")
    assert answer.returncode == TO_REVIEW, answer.stderr.decode()
    assert answer.stderr == b""
    return folder


MOVED_CLOCK = """
import datetime, time
import geopandas, pandas, pyarrow, pyogrio  # compiled: they need the true classes
real, days = datetime.datetime, datetime.timedelta(days=40)
class Moved(real):
    @classmethod
    def now(cls, tz=None):
        return real.now(tz) + days
class MovedDay(datetime.date):
    @classmethod
    def today(cls):
        return real.now().date() + days
datetime.datetime, datetime.date = Moved, MovedDay
now_s = time.time
time.time = lambda: now_s() + days.total_seconds()
from siting.cli import main
main()
"""


def in_a_process(
    folder: Path, out: str, *, hash_seed: str, start: tuple[str, ...] = ("-m", "siting")
) -> subprocess.CompletedProcess[bytes]:
    words = ["study", "projets.csv", "--osm", "rue.osm", "--out", out, "--offline"]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, *start, *words, "--call", "pvd-fabrique-2021"],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=False,
    )


def test_as_many_rows_come_out_in_their_order(mixed: Path) -> None:
    found = sites_of(mixed / "etude")
    assert len(found) == len(MIXED)
    for row, given, (status, reason) in zip(found, MIXED, MIXED.values(), strict=True):
        assert row["geocode_status"] == status, given
        assert reason is None or row["geocode_reason"] == reason, given
    assert [row["note"] for row in found] == [f"n{rank}" for rank in range(len(MIXED))]


def test_ids_are_kept_where_they_are_unique(mixed: Path) -> None:
    ids = [row["site_id"] for row in sites_of(mixed / "etude")]
    assert ids[:4] == ["ligne-0002", "ligne-0003", "../x", "inv"]
    assert len({name.casefold() for name in ids}) == len(ids)


def test_communes_are_those_of_today(mixed: Path) -> None:
    rows = {row["id"]: row for row in sites_of(mixed / "etude")}
    found = {name: (row["code_insee"], row["commune_check"]) for name, row in rows.items()}
    assert found["old"] == ("93066", "same_after_merge")
    assert found["plm"] == ("75056", "arrondissement")
    assert found["reu"] == ("97411", "same")
    assert found["gua"] == ("97120", "same")
    assert found["mad"] == ("", "outside_france")


def test_the_planners_columns_are_there_whatever_their_names(mixed: Path) -> None:
    row = sites_of(mixed / "etude")[0]
    assert (row["fid"], row["saisi_geometry"], row["saisi_label"]) == ("0", "POINT(0 0)", "l0")
    assert (row["saisi_site_id"], row["Note"], row["walk_m"]) == ("s0", "N0", "12")
    assert row["saisi_lon"] == str(LON)


def test_no_cell_is_a_formula_and_no_name_runs_in_the_map(mixed: Path) -> None:
    book = openpyxl.load_workbook(mixed / "etude" / "study.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert len(cells) > 1000
    assert {cell.data_type for cell in cells} <= {"s", "n", "b"}
    rows = {row["note"]: row for row in sites_of(mixed / "etude")}
    assert not rows["n10"]["nom"].startswith("=")
    page = (mixed / "etude" / "map.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page


def test_the_same_files_give_the_same_bytes_another_day(mixed: Path) -> None:
    """Another process, another order of hashing, a clock forty days later."""
    answer = in_a_process(mixed, "plus-tard", hash_seed="2", start=("-c", MOVED_CLOCK))
    assert answer.returncode == TO_REVIEW, answer.stderr.decode()
    names = {path.name for path in (mixed / "etude").iterdir()}
    assert names == STUDY_FILES | REVIEW_FILES | {"verdicts.csv"}
    different = {
        name
        for name in names
        if (mixed / "etude" / name).read_bytes() != (mixed / "plus-tard" / name).read_bytes()
    }
    assert different == {"manifest.json"}
    days = [
        json.loads((mixed / out / "manifest.json").read_text())["started_at"][:10]
        for out in ("etude", "plus-tard")
    ]
    assert days[0] != days[1]


def test_the_summary_adds_up_and_names_ids_as_they_are_written(
    run: Run, osm: Path, tmp_path: Path
) -> None:
    """`:house:` and `[red]` mean something to the library that prints, not to the planner."""
    path = tmp_path / "projets.csv"
    path.write_text(GOOD + ":house:;x;0;0\n[red]x[/];x;0;0\nC;;;\nD;y;mot;mot\n", encoding="utf-8")
    words = ["--osm", osm, "--out", tmp_path / "o", "--offline", "--call", "ssd-avp-2025"]
    answer = run("study", path, *words)
    assert answer.code == TO_REVIEW
    sites, verdicts = re.findall(r"((?:  \S.*? +\d+\n)+)", answer.out)
    for block in (sites, verdicts):
        *counts, total = [int(number) for number in re.findall(r"(\d+)\n", block)]
        assert sum(counts) == total
    assert re.search(r"total +5\n", sites)
    assert ":house:, [red]x[/]" in answer.out


def test_a_terminal_with_few_characters_stops_nothing() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "siting", "calls", "list"],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert (answer.returncode, answer.stderr) == (ALL_WELL, b"")
    assert b"publi?" in answer.stdout


# Files that cannot be used


UNUSABLE = {
    "vide.csv": (b"", "vide"),
    "blancs.csv": (b"\n\n  \n", "vide"),
    "entete.csv": (b"id;nom;lon;lat\n", "en-tête"),
    "nul.csv": (GOOD.encode().replace(b"Foch", b"Fo\0ch"), "octet nul"),
    "utf16.csv": (GOOD.encode("utf-16-le"), "UTF-16 sans marque"),
    "double.csv": (b"nom;nom;lon;lat\nA;B;2;48\n", "présente plusieurs fois"),
    "guillemet.csv": (b'id;nom;lon;lat\nA;"Foch;2,48;48,9\nB;x;2,48;48,9\n', "guillemet"),
    "court.csv": (b'id;nom;lon;lat\nA;"Foch;2,48;48,9\n', "guillemet"),
    "ailleurs.csv": (b"a;b\n1;2\n", "aucune colonne ne dit où"),
    "titre.csv": (b"Mes projets;;\nnom;lon;lat\nA;2,4;48,9\n", "est un titre"),
    "page.csv": (b"<!DOCTYPE html><html>", "une page web"),
    "document.csv": (b"%PDF-1.4", "un document PDF"),
    "classeur.xlsx": (b"id;lon;lat\n", "n'est pas un classeur"),
    "feuille.ods": (b"PK", "Enregistrer sous"),
    "couche.gpkg": (b"SQLite format 3", "QGIS"),
    "sans-extension": (b"id", "extension"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_file_of_projects_that_cannot_be_used_says_how_to_mend_it(
    run: Run, tmp_path: Path, name: str
) -> None:
    content, message = UNUSABLE[name]
    path = tmp_path / name
    path.write_bytes(content)
    answer = run("geocode", path, "--out", tmp_path / "sites.csv", "--geocoder", "none")
    assert answer.code == STOPPED
    assert message in answer.err
    assert name in answer.err
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "sites.csv").exists()


def test_a_workbook_with_a_title_above_its_header(run: Run, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in (["Projets 2025"], [], ["nom", "lon", "lat"], ["Foch", 2.48, 48.9]):
        sheet.append(row)
    book.save(tmp_path / "p.xlsx")
    answer = run("geocode", tmp_path / "p.xlsx", "--out", tmp_path / "s.csv", "--geocoder", "none")
    assert answer.code == STOPPED
    assert "« Projets 2025 »" in answer.err
    assert "supprimez-la" in answer.err


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.replace(";", "\t").encode("utf-16"),
        lambda text: text.replace("\n", "\r\n").encode("cp1252"),
    ],
    ids=["UTF-16 and tabs", "Windows"],
)
def test_every_usual_dialect_reads_the_same(
    run: Run, tmp_path: Path, encode: Callable[[str], bytes]
) -> None:
    path, out = tmp_path / "projets.csv", tmp_path / "out" / "sites.csv"
    path.write_bytes(
        encode("id;nom;adresse;code_insee;lon;lat\nA;Été;rue de l'Œil;1004;5,36;45,96\n")
    )
    answer = run("geocode", path, "--out", out, "--geocoder", "none")
    assert answer.code in {ALL_WELL, TO_REVIEW}
    assert "zéro perdu" in answer.out
    (row,) = sites_of(out.parent)
    assert (row["label"], row["address"]) == ("Été", "rue de l'Œil")
    assert (float(row["lon"]), float(row["lat"])) == (5.36, 45.96)
    assert (row["code_insee"], row["commune_check"]) == ("01004", "same")


BROKEN_MAPS = {
    "tronque.osm.pbf": lambda: MONACO.read_bytes()[:200_000],
    "vide.osm.pbf": lambda: b"",
    "vide.osm": lambda: b"",
    "page.osm": lambda: b"<!DOCTYPE html><html><body>Too many requests</body></html>",
    "octets.osm.gz": lambda: bytes(range(256)),
    "coupe.osm": lambda: b'<?xml version="1.0"?><osm version="0.6"><node id="1" lat="48',
    "sans-rue.osm": lambda: b'<?xml version="1.0"?><osm version="0.6"></osm>',
    "carte.json": lambda: b"{}",
}


@pytest.mark.parametrize("name", BROKEN_MAPS)
def test_a_map_that_cannot_be_read_stops_everything(
    run: Run, projects: Path, tmp_path: Path, name: str
) -> None:
    path, out = tmp_path / name, tmp_path / "etude"
    path.write_bytes(BROKEN_MAPS[name]())
    answer = run("study", projects, "--osm", path, "--out", out, "--offline")
    assert answer.code == STOPPED
    assert answer.err.startswith("Erreur : ")
    assert answer.err.count("\n") == 1
    assert re.search(
        "illisible|n'est pas un(e réponse d'Overpass| fichier OpenStreetMap)|aucune voie",
        answer.err,
    )
    assert not out.exists()


def test_a_map_or_projects_that_are_not_there(run: Run, osm: Path, tmp_path: Path) -> None:
    out = tmp_path / "etude"
    for words in (("absent.csv", "--osm", osm), ("absent.csv", "--osm", tmp_path / "absent.osm")):
        answer = run("study", *words, "--out", out, "--offline")
        assert answer.code == STOPPED
        assert "n'existe pas" in answer.err
        assert not out.exists()


# Where results go


def test_a_study_where_all_is_well_in_a_folder_that_holds_something(
    run: Run, osm: Path, projects: Path, tmp_path: Path
) -> None:
    out = tmp_path / "etude"
    out.mkdir()
    (out / "notes.txt").write_text("à moi", encoding="utf-8")
    words = ["study", projects, "--osm", osm, "--out", out, "--offline"]
    refused = run(*words)
    assert refused.code == STOPPED
    assert "n'est pas vide" in refused.err
    assert "--overwrite" in refused.err
    assert [path.name for path in out.iterdir()] == ["notes.txt"]
    answer = run(*words, "--overwrite")
    assert answer.code == ALL_WELL
    assert answer.err == ""  # no progress bar where there is no terminal
    assert re.search(r"total +1\n", answer.out)
    assert str(out / "map.html") in answer.out
    assert {path.name for path in out.iterdir()} == STUDY_FILES | {"notes.txt"}
    assert (out / "notes.txt").read_text(encoding="utf-8") == "à moi"
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["parameters"]["walker"] == "senior"


def test_an_output_that_is_a_file_is_refused(
    run: Run, osm: Path, projects: Path, tmp_path: Path
) -> None:
    file = tmp_path / "resultat"
    file.write_text("à moi", encoding="utf-8")
    for out in (file, file / "sous-dossier"):
        answer = run("study", projects, "--osm", osm, "--out", out, "--offline", "--overwrite")
        assert answer.code == STOPPED
        assert answer.err.startswith("Erreur : ")
    assert file.read_text(encoding="utf-8") == "à moi"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator writes everywhere"
)
def test_a_read_only_folder_is_refused(run: Run, osm: Path, projects: Path, tmp_path: Path) -> None:
    out = tmp_path / "etude"
    out.mkdir(mode=0o500)
    answer = run("study", projects, "--osm", osm, "--out", out, "--offline")
    assert answer.code == STOPPED
    assert "dossier protégé" in answer.err


def test_a_geocoding_never_replaces_its_own_input(run: Run, projects: Path, tmp_path: Path) -> None:
    words = ["geocode", projects, "--geocoder", "none", "--overwrite", "--out"]
    answer = run(*words, tmp_path / "." / projects.name)
    assert answer.code == WRONG_USAGE
    assert "votre fichier de projets" in answer.err
    assert projects.read_text(encoding="utf-8") == GOOD


def test_geocode_writes_one_file(run: Run, projects: Path, tmp_path: Path) -> None:
    words = ["geocode", projects, "--geocoder", "none", "--out", tmp_path / "sites.xlsx"]
    assert run(*words).code == ALL_WELL
    before = (tmp_path / "sites.xlsx").read_bytes()
    again = run(*words)
    assert again.code == STOPPED
    assert "existe déjà" in again.err
    assert run(*words, "--overwrite").code == ALL_WELL
    assert (tmp_path / "sites.xlsx").read_bytes() == before


# Territories, calls, data, demonstration


def test_an_inventory_with_odd_rows_is_counted_and_told(run: Run, tmp_path: Path) -> None:
    inventory = tmp_path / "inventaire.csv"
    inventory.write_text(
        "nom;commune;code_insee;statut\na;Bondy;93010;ouvert\nb;Nulle part;;🏠\n", encoding="utf-8"
    )
    words = ["territory", "--departement", "93", "--inventory", inventory, "--call", "ssd-avp-2025"]
    answer = run(*words, "--out", tmp_path / "o")
    assert answer.code == TO_REVIEW
    assert answer.err == ""
    assert "Seine-Saint-Denis : 39 communes" in answer.out
    assert "ssd-avp-2025 : 19" in answer.out
    assert "non comptées : 1" in answer.out
    with (tmp_path / "o" / "communes.csv").open(encoding="utf-8", newline="") as file:
        served = [row["code_insee"] for row in csv.DictReader(file) if row["is_served"] == "True"]
    assert served == ["93010"]
    inventory.write_text("a;b\n1;2\n", encoding="utf-8")
    refused = run(*words, "--out", tmp_path / "p")
    assert refused.code == STOPPED
    assert "« statut »" in refused.err
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("code", "message"), [("999", "inconnu"), ("1", "« 01 » (Ain)"), ("2a", "« 2A »")]
)
def test_an_unknown_departement_says_which_one_was_meant(
    run: Run, tmp_path: Path, code: str, message: str
) -> None:
    answer = run("territory", "--departement", code, "--out", tmp_path / "o")
    assert answer.code in {STOPPED, WRONG_USAGE}
    assert message in answer.err
    assert not (tmp_path / "o").exists()


def test_calls(run: Run) -> None:
    listed = run("calls", "list")
    assert listed.code == ALL_WELL
    assert {"pvd-fabrique-2021", "ssd-avp-2025"} <= set(listed.out.split())
    shown = run("calls", "show", "ssd-avp-2025")
    assert shown.code == ALL_WELL
    assert "Pierrefitte-sur-Seine" in shown.out
    assert "siting (à confirmer par le département)" in shown.out
    assert "15 min" in shown.out


def test_data(run: Run) -> None:
    answer = run("data")
    assert answer.code == ALL_WELL
    assert "Licence Ouverte" in answer.out
    assert "ABÎMÉ" not in answer.out


def test_the_demonstration(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    answer = run("demo", "--out", out)
    assert answer.code == ALL_WELL
    assert answer.err == ""
    assert "L'exemple donne le résultat attendu." in answer.out
    assert "Sites au même endroit (doublon ?) : ligne-0003, ligne-0011." in answer.out
    assert {path.name for path in out.iterdir()} == {"etude", "territoire-93", "territoire-51"}
    names = {path.name for path in (out / "etude").iterdir()}
    assert names == STUDY_FILES | REVIEW_FILES | {"verdicts.csv"}
    for folder in ("territoire-93", "territoire-51"):
        assert {path.name for path in (out / folder).iterdir()} == TERRITORY_FILES
    given = (MONACO.parent / "projets.csv").read_text(encoding="utf-8").splitlines()[1:]
    found = sites_of(out / "etude")
    assert [row["nom"] for row in found] == [row.split(";")[1] for row in given]
    assert len(found) == 10
    again = run("demo", "--out", out)
    assert again.code == STOPPED
    assert "--overwrite" in again.err
