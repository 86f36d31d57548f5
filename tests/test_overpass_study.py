"""Studies and kept areas whose map comes from Overpass, by the command line; P19 to P25, P29."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from conftest import at, village_streets
from fakes.asked import Asked
from fakes.faults import GATEWAY_TIMEOUT, PORTAL, Fault
from fakes.overpass import (
    BAD_QUERY,
    FORBIDDEN,
    NOT_ACCEPTABLE,
    TIMED_OUT,
    TOO_MANY,
    FakeOverpass,
    fake_overpass,
    remarked,
)
from fakes.overpass_ql import run
from fakes.overpass_world import Thing, World, document, elements, xml_of
from runs import QuickTime, Said, results, rows_of, siting

from siting import __version__
from siting.cli import ALL_WELL, STOPPED, WRONG_USAGE
from siting.crs import GEOD, WGS84
from siting.errors import CrsError, DataError, OptionError
from siting.sources.osm_cache import CachedAnswer, OsmCache, key_of
from siting.sources.overpass_query import boxes_around, question
from siting.study import (
    OverpassOptions,
    ProjectsFile,
    Study,
    StudyOptions,
    add_area_around,
    around,
    cache_folder,
    kept_area,
    overpass_session,
    study,
)
from siting.study.ground import ground_of_overpass, surroundings
from siting.taxonomy import read_taxonomy

CONTACT = "habitat@departement.example"
MONACO = Path(__file__).parents[1] / "data" / "sample" / "monaco.osm.pbf"
SHOPS = {
    5001: (300.0, 40.0, {"shop": "bakery", "name": "Au Bon Pain"}),
    5002: (0.0, 200.0, {"amenity": "pharmacy", "name": "Pharmacie du Centre"}),
}
# By the grid of streets, 100 m apart: three blocks east and 40 m north; two blocks north.
WALKS_M = {"boulangerie": 300 + 40, "pharmacie": 200}
BONDY_KM2 = 5.5
LON, LAT = (round(degrees, 7) for degrees in at(0.0, 0.0))


def village_world() -> World:
    """The village of `conftest`, as OpenStreetMap has it."""
    streets = village_streets()
    joints = {number: (x, y) for street in streets.values() for number, x, y in street}
    places = {number: (*place, {}) for number, place in joints.items()} | SHOPS
    return World.of(
        [
            *(
                Thing(kind="node", id=n, lon=round(at(x, y)[0], 7), lat=round(at(x, y)[1], 7),
                      tags=tags, timestamp="2025-06-01T10:00:00Z")
                for n, (x, y, tags) in places.items()
            ),
            *(
                Thing(kind="way", id=way, refs=tuple(n for n, _, _ in street),
                      tags={"highway": "residential"})
                for way, street in streets.items()
            ),
        ]
    )  # fmt: skip


VILLAGE = village_world()


@pytest.fixture
def server() -> Iterator[FakeOverpass]:
    with fake_overpass(VILLAGE) as fake:
        yield fake


@pytest.fixture
def projects(tmp_path: Path) -> Path:
    return write_projects(tmp_path)


def write_projects(folder: Path) -> Path:
    """Write a file of one project, at the south-west corner of the village."""
    path = folder / "projets.csv"
    path.write_text(f"id;nom;porteur;lon;lat\nA;Les Lilas;Mme Secret;{LON};{LAT}\n")
    return path


Run = Callable[..., Said]


@pytest.fixture
def studied(server: FakeOverpass, projects: Path, tmp_path: Path) -> Run:
    """Return the command that studies the projects with the map of this server."""

    def command(*options: object, url: str | None = None) -> Said:
        words = ("study", projects, "--out", tmp_path / "etude", "--geocoder", "none")
        return siting(*words, "--overpass-url", url or server.url, *options)

    return command


def walks_m(access: pd.DataFrame) -> dict[str, float]:
    first = access[access["walk_m"].notna()].reset_index()
    return dict(zip(first["category"], first["walk_m"], strict=True))


# --- A study asks Overpass by default ---------------------------------------------------------


@dataclass(frozen=True)
class Runs:
    """The same study three times: from Overpass, once more, and from a file of the same map."""

    said: tuple[Said, ...]
    asked: tuple[Asked, ...]
    url: str
    folder: Path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    folder = tmp_path_factory.mktemp("runs")
    file = xml_of(document(elements(VILLAGE, VILLAGE.things, mode="meta")), folder / "village.osm")
    words = ("study", write_projects(folder), "--geocoder", "none", "--out")
    with pytest.MonkeyPatch.context() as patch, fake_overpass(VILLAGE) as server:
        patch.setenv("SITING_CACHE", str(folder / "cache"))
        patch.setenv("SITING_CONTACT", CONTACT)
        said = (
            siting(*words, folder / "un", "--overpass-url", server.url),
            siting(*words, folder / "deux", "--overpass-url", server.url),
            siting(*words, folder / "fichier", "--osm", file),
        )
        yield Runs(said, tuple(server.questions), server.url, folder)


def test_without_a_file_the_map_around_the_sites_is_asked(runs: Runs) -> None:
    said = runs.said[0]
    assert said.code == ALL_WELL, said.err
    walked = {
        row["category"]: float(row["walk_m"])
        for row in rows_of(runs.folder / "un" / "access.csv")
        if row["walk_m"]
    }
    assert walked == pytest.approx(WALKS_M, abs=0.5)
    assert "Carte du 31 janvier 2026, reçue le" in said.out
    assert f"OpenStreetMap, par Overpass ({runs.url[7:-4]})" in said.out


def test_the_manifest_says_whom_the_map_is_from_and_not_who_asked(runs: Runs) -> None:
    manifest = json.loads((runs.folder / "un" / "manifest.json").read_text())
    (source,) = (one for one in manifest["sources"] if "Overpass" in one["source"])
    assert (source["url"], source["data_timestamp"]) == (runs.url, "2026-01-31T00:00:00Z")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", source["retrieved_on"])
    assert manifest["inputs"][source["source"]] == source["sha256"]
    assert CONTACT not in json.dumps(manifest)


def test_only_boxes_around_the_sites_leave(runs: Runs) -> None:
    asked = runs.asked[0]
    assert asked.headers["user-agent"] == f"siting/{__version__} (+{CONTACT})"
    text = parse_qs(asked.body.decode())["data"][0]
    assert not re.search("Lilas|Secret", text)
    (box,) = set(re.findall(r"\(([\d.,]+)\);", text))
    south, west, north, east = map(float, box.split(","))
    # 30 minutes at 48 m a minute, and 200 m to a street, with a margin of 5 %
    reach_m = (30 * 48 + 200) * 1.05
    for edge in ((west, LAT), (east, LAT), (LON, south), (LON, north)):
        assert GEOD.inv(LON, LAT, *edge)[2] == pytest.approx(reach_m, abs=25)


def test_the_same_command_again_asks_nothing_and_gives_the_same_bytes(runs: Runs) -> None:
    assert len(runs.asked) == 1
    assert results(runs.folder / "un") == results(runs.folder / "deux")


def test_a_town_studied_from_overpass_and_from_a_file_is_the_same(runs: Runs) -> None:
    """All but where the map ends: a file does not tell it, and its streets do."""
    one, other = results(runs.folder / "un"), results(runs.folder / "fichier")
    for name in ("sites.csv", "reach.csv"):
        assert one[name] == other[name]
    asked, read = (rows_of(runs.folder / run / "access.csv") for run in ("un", "fichier"))
    assert {row.pop("edge_limited") for row in asked} == {"False"}
    assert {row.pop("edge_limited") for row in read} == {"True"}  # it stands on the edge
    assert asked == read


def test_what_became_of_kept_answers_is_said(server: FakeOverpass, projects: Path) -> None:
    def studied(**options: object) -> Study:
        chosen = OverpassOptions(**{"url": server.url, **options})
        session = overpass_session(chosen, cache=cache_folder())
        return study(ProjectsFile(path=projects), overpass=session, options=StudyOptions())

    first = studied()
    (entry,) = (cache_folder() / "overpass").glob("*.answer")
    entry.write_bytes(entry.read_bytes()[:-1])
    again = studied()
    assert any("abîmée : elle ne sert pas, et est mise de côté" in note for note in again.notes)
    assert len(server.questions) == 2
    assert walks_m(again.access) == walks_m(first.access) == pytest.approx(WALKS_M, abs=0.5)
    studied(max_age_days=0)
    assert len(server.questions) == 3


# --- What goes wrong is one message, and nothing is written -----------------------------------


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (TOO_MANY, "reçoit trop de demandes"),
        (GATEWAY_TIMEOUT, "est en panne ou en maintenance (HTTP 504)"),
        (NOT_ACCEPTABLE, "refuse ce programme"),
        (BAD_QUERY, "ne comprend pas la question"),
        (FORBIDDEN, "refuse de répondre à ce réseau"),
        (remarked(TIMED_OUT, *elements(VILLAGE, VILLAGE.things)), "n'a pas pu finir sa réponse"),
        (PORTAL, "a répondu autre chose que des données"),
    ],
)
def test_a_failure_is_one_message_and_nothing_written(
    studied: Run,
    server: FakeOverpass,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fault: Fault,
    message: str,
) -> None:
    time = QuickTime(monkeypatch)
    server.control.order(fault)
    said = studied()
    assert said.code == STOPPED
    (error,) = (line for line in said.err.splitlines() if line.startswith("Erreur"))
    assert message in error
    assert "--osm FICHIER" in error
    assert "Traceback" not in said.err
    assert not (tmp_path / "etude").exists()
    assert list((cache_folder() / "overpass").glob("*.answer")) == []
    assert time.slept_s <= 600


def test_a_public_server_is_not_asked_without_a_contact(
    studied: Run, projects: Path, tmp_path: Path
) -> None:
    for said in (
        siting("study", projects, "--out", tmp_path / "etude"),
        studied(url="https://overpass.example.org/api"),
        siting("area", "add", "bondy", "--overpass", "--commune", "93010"),
    ):
        assert said.code == WRONG_USAGE
        assert "--contact, ou dans la variable SITING_CONTACT" in said.err
    assert not (tmp_path / "etude").exists()


def test_a_contact_that_is_none_is_refused(studied: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITING_CONTACT", "moi")
    said = studied()
    assert said.code == WRONG_USAGE
    assert "n'est pas une adresse où vous joindre" in said.err


def test_a_server_and_a_file_do_not_go_together(studied: Run) -> None:
    for options in (("--osm", MONACO), ("--area", "bondy")):
        said = studied(*options)
        assert said.code == WRONG_USAGE
        assert "--overpass-url ne sert que sans --osm ni --area" in said.err


def test_sites_without_position_have_no_map(
    studied: Run, server: FakeOverpass, projects: Path
) -> None:
    projects.write_text("id;adresse;commune\nA;rue Carnot;Bondy\n")
    said = studied()
    assert said.code == STOPPED
    assert "Aucun site n'a de position" in said.err
    assert server.questions == []


def test_sites_all_over_france_need_a_file(
    studied: Run, server: FakeOverpass, projects: Path
) -> None:
    """Each site alone is a box of some 12 km2; 64 boxes are asked at most."""
    places = [(2.345 + n % 9 / 10, 45.678 + n // 9 / 10) for n in range(65)]
    projects.write_text("id;lon;lat\n" + "".join(f"S;{lon};{lat}\n" for lon, lat in places))
    said = studied()
    assert said.code == STOPPED
    assert "trop grande" in said.err
    assert "en 65 morceaux, pour 64 au plus" in said.err
    assert ".osm.pbf (https://download.geofabrik.de)" in said.err
    assert server.questions == []


def test_thousands_of_sites_are_refused_before_their_boxes_are_looked_for(
    server: FakeOverpass,
) -> None:
    places = shapely.points([(n % 50 / 10, 44 + n // 50 / 10) for n in range(2500)])
    sites = gpd.GeoDataFrame(geometry=places, crs=WGS84)
    session = overpass_session(OverpassOptions(url=server.url), cache=None)
    with pytest.raises(DataError, match=r"trop grande .*\(\d{5} km²\)"):
        ground_of_overpass(
            surroundings(sites, radius_m=1640), taxonomy=read_taxonomy(), session=session
        )
    assert server.questions == []


def test_sites_of_two_territories_are_refused_before_they_are_asked(
    server: FakeOverpass, projects: Path
) -> None:
    projects.write_text("id;lon;lat\nA;2.48;48.9\nB;55.295;-20.938\n")
    session = overpass_session(OverpassOptions(url=server.url), cache=None)
    with pytest.raises(CrsError, match="une étude par territoire"):
        study(ProjectsFile(path=projects), overpass=session, options=StudyOptions())
    assert server.questions == []


def test_a_study_with_nobody_to_ask_and_no_file_is_refused(projects: Path) -> None:
    with pytest.raises(OptionError, match="Rien ne dit où sont les rues"):
        study(ProjectsFile(path=projects), options=StudyOptions())


# --- Offline ----------------------------------------------------------------------------------


def test_offline_the_map_that_was_kept_is_used_and_said(projects: Path, tmp_path: Path) -> None:
    words = ("study", projects, "--out", tmp_path / "etude", "--offline", "--geocoder", "none")
    said = siting(*words)
    assert said.code == STOPPED
    assert "n'a pas été gardée" in said.err
    assert "--osm ou une zone gardée avec --area" in said.err
    assert not (tmp_path / "etude").exists()
    keep_public_answer()
    said = siting(*words)
    assert said.code == ALL_WELL, said.err
    assert "Carte du 31 décembre 2025, reçue le 1er janvier 2026" in said.out
    assert "hors ligne : réponses gardées depuis le 2026-01-01" in said.out
    assert "au-delà de la limite de 30 jours" in said.out


def keep_public_answer() -> None:
    """Keep what a public server answered about the surroundings of the site, long ago."""
    site = gpd.GeoDataFrame(geometry=[shapely.Point(LON, LAT)], crs=WGS84)
    within = surroundings(site, radius_m=30 * 48 + 200)
    assert within is not None
    (box,) = boxes_around(within)
    asked = question(box, read_taxonomy())
    answer = CachedAnswer(
        question=asked,
        host="overpass-api.de",
        retrieved_at="2026-01-01T00:00:00+00:00",
        data_timestamp="2025-12-31T00:00:00Z",
        made_with="0.1.0",
        body=json.dumps(document(run(asked, VILLAGE).printed)).encode(),
    )
    OsmCache(cache_folder() / "overpass").keep(key_of(asked), answer)


# --- Areas that are kept ----------------------------------------------------------------------


def test_an_area_around_a_commune_is_built_once_and_studied(
    server: FakeOverpass, projects: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SITING_AREAS", str(tmp_path / "zones"))
    words = ("area", "add", "bondy", "--overpass", "--commune", "Bondy")
    said = siting(*words, "--overpass-url", server.url, "--contact", CONTACT)
    assert said.code == ALL_WELL, said.err
    assert "état au 31 janvier 2026, ODbL 1.0" in said.out
    assert "Bondy (93010) et 2,5 km autour" in said.out
    n_asked = len(server.questions)
    told = siting("area", "show", "bondy").out
    assert "Bondy (93010) et 2,5 km autour" in told
    kept = kept_area("bondy")
    result = study(ProjectsFile(path=projects), options=StudyOptions(area=kept.folder))
    assert walks_m(result.access) == pytest.approx(WALKS_M, abs=0.5)
    assert len(server.questions) == n_asked
    assert any("par Overpass" in name for name in result.inputs)


def test_an_area_around_a_point_is_built(
    server: FakeOverpass, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SITING_AREAS", str(tmp_path / "zones"))
    words = ("area", "add", "centre", "--overpass", "--overpass-url", server.url)
    said = siting(*words, "--around", "2,48 ; 48,9", "--radius-km", "0.3")
    assert said.code == ALL_WELL, said.err
    assert "2.48,48.9 et 0,3 km autour" in said.out
    said = siting(*words, "--around", "2.48,48.9", "--offline")
    assert said.code == STOPPED  # the name is taken, and nobody is asked
    assert "contient déjà une zone" in said.err
    assert len(server.questions) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "Dites d'où vient la carte"),
        (["--osm", MONACO, "--overpass"], "l'un ou l'autre"),
        (["--overpass"], "Dites où, après --overpass"),
        (["--osm", MONACO, "--commune", "93010"], "ne vont qu'avec --overpass"),
        (["--overpass", "--commune", "99999"], "Donnez le code INSEE"),
        (["--overpass", "--commune", "Saint-Denis"], "Saint-Denis (93066)"),
        (["--overpass", "--around", "Bondy"], "donnez longitude et latitude en degrés"),
        (["--overpass", "--around", "48.9,2.48"], "sans doute inversées ; donnez 2.48,48.9"),
        (["--overpass", "--around", "-70,40"], "n'est pas en France"),
        (["--overpass", "--commune", "93010", "--radius-km", "0"], "--radius-km 0"),
        (["--overpass", "--commune", "93010", "--radius-km", "300"], "au plus 30"),
        (["--overpass", "--commune", "93010", "--max-age", "-1"], "--max-age -1"),
    ],
)
def test_a_wrong_area_is_told(options: list[object], message: str) -> None:
    said = siting("area", "add", "ici", *options, "--overpass-url", "http://127.0.0.1:9/api")
    assert said.code == WRONG_USAGE
    assert message in said.err


def test_an_area_of_another_territory_is_refused_before_it_is_asked(server: FakeOverpass) -> None:
    session = overpass_session(OverpassOptions(url=server.url), cache=None)
    where = around(["2.48,48.9", "55.295,-20.938"], [], radius_km=1)
    with pytest.raises(CrsError):
        add_area_around("deux", where, session=session, overwrite=False, with_ferries=False)
    assert server.questions == []


def test_what_is_around_a_point_is_a_disc() -> None:
    where = around(["2.48,48.9"], [], radius_km=2)
    west, south, east, north = where.area.bounds
    assert GEOD.inv(west, 48.9, east, 48.9)[2] == pytest.approx(4000, abs=5)
    assert GEOD.inv(2.48, south, 2.48, north)[2] == pytest.approx(4000, abs=5)


def test_what_is_around_a_commune_holds_it() -> None:
    near, far = (around([], ["93010"], radius_km=radius).area for radius in (0.001, 1))
    km2 = [abs(GEOD.geometry_area_perimeter(area)[0]) / 1e6 for area in (near, far)]
    assert km2[0] == pytest.approx(BONDY_KM2, rel=0.05)
    # a strip of 1 km along an outline of some 11 km, and the quarters of a disc at its corners
    assert km2[1] > BONDY_KM2 + 8
    assert far.contains(near)


def test_a_former_commune_stands_for_that_of_today() -> None:
    where = around([], ["14011"], radius_km=1)
    assert where.label == "Anctoville (14011, dans 14581) et 1 km autour"


# --- What is kept -----------------------------------------------------------------------------


def test_kept_maps_are_shown_and_purged() -> None:
    keep_public_answer()
    folder = cache_folder() / "overpass"
    said = siting("cache", "show")
    assert f"Cartes reçues d'Overpass : {folder}" in said.out
    assert "Réponses gardées : 1\nDe 1er janvier 2026 à 1er janvier 2026\n" in said.out
    assert f"0 réponse effacée de {folder}" in siting("cache", "purge", "--older-than", "9999").out
    assert f"1 réponse effacée de {folder}" in siting("cache", "purge").out
    assert list(folder.glob("*.answer*")) == []
    assert "Réponses gardées : 0" in siting("cache", "show").out.partition("Overpass")[2]
