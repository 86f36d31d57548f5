"""Registers in a whole study, on the village of `conftest`: every figure by arithmetic.

East is x, north is y, in metres from the south-west corner of the village, in Bondy (93010).
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from conftest import at, village_streets
from fakes.ban import FakeBan, fake_ban
from runs import PLACES, rows_of, siting

from siting.crs import geodesic_m
from siting.errors import DataError, OptionError
from siting.export import SERVICE_MATCHES, services_with_matches
from siting.register_tables import MATCHES, SET_ASIDE
from siting.register_words import register_remarks
from siting.study import (
    ProjectsFile,
    Study,
    StudyOptions,
    add_area,
    kept_area,
    study,
    study_files,
)
from siting.study.ground import Ground, ground_of_area, ground_of_files
from siting.study.registers import StudyRegisters, register_files, study_registers
from siting.taxonomy import read_taxonomy

TAXONOMY = read_taxonomy()

SHARED = Path(__file__).parents[2] / "shared" / "data"
FRANCE_SERVICES = SHARED / "finess_services" / "france_services_2024-08-01.csv"
STATIONS = SHARED / "gtfs" / "sncf_liste_des_gares_2025.csv"

ON_MAP = {
    "pharmacy": (100.0, 0.0, {"amenity": "pharmacy", "name": "A", "ref:FR:FINESS": "930000001"}),
    "bakery": (400.0, 400.0, {"shop": "bakery", "name": "Au Blé"}),
}
LANES = {  # far away: the data hold what lies between them
    9000 + 10 * n: [(9000 + 10 * n, x, y), (9001 + 10 * n, x + 10.0, y)]
    for n, (x, y) in enumerate([(-2500.0, -2500.0), (2500.0, -2500.0), (0.0, 2500.0)])
}
FINESS_HEADER = "numero finess etablissement,rslongue,categetab,latitude,longitude,code_insee"
MAPPING = """
register = "mairie"
title = "Liste de la mairie"
[category]
"épicerie" = "superette_epicerie"
[columns]
name = "Enseigne"
address = "Où"
category = "Genre"
"""


def draw(path: Path) -> Path:
    """Write the village, a pharmacy with its FINESS number, and a bakery."""
    streets = village_streets() | LANES
    places = {n: (x, y, {}) for street in streets.values() for n, x, y in street}
    places |= {5000 + n: place for n, place in enumerate(ON_MAP.values())}
    nodes = "".join(
        f'<node id="{n}" lon="{at(x, y)[0]:.7f}" lat="{at(x, y)[1]:.7f}" version="1">'
        + "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())
        + "</node>"
        for n, (x, y, tags) in places.items()
    )
    ways = "".join(
        f'<way id="{way}" version="1">'
        + "".join(f'<nd ref="{n}"/>' for n, _, _ in street)
        + '<tag k="highway" v="residential"/></way>'
        for way, street in streets.items()
    )
    path.write_text(f'<?xml version="1.0"?><osm version="0.6">{nodes}{ways}</osm>', "utf-8")
    return path


def finess(path: Path, *rows: tuple[str, str, str, tuple[float, float] | None, str]) -> Path:
    """Write a register: number, name, FINESS category, place in metres or None, commune."""
    lines = [FINESS_HEADER]
    for number, name, category, place, commune in rows:
        lon, lat = ("", "") if place is None else (f"{one:.7f}" for one in at(*place))
        lines.append(f"{number},{name},{category},{lat},{lon},{commune}")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the map, two sites and a register of six rows."""
    folder = tmp_path_factory.mktemp("registers")
    draw(folder / "village.osm")
    sites = {"west": at(0.0, 0.0), "east": at(400.0, 0.0)}
    rows = [f"{name};{lon:.7f};{lat:.7f}" for name, (lon, lat) in sites.items()]
    (folder / "sites.csv").write_text("\n".join(["id;lon;lat", *rows]), encoding="utf-8")
    finess(
        folder / "finess_2026-05-04.csv",
        ("930000001", "PHARMACIE A", "620", (120.0, 0.0), "93010"),
        ("930000002", "PHARMACIE DE LA GARE", "620", (300.0, 0.0), "93010"),
        ("930000003", "PHARMACIE PERDUE", "620", None, "93010"),
        ("930000004", "TOUT AUTRE CHOSE", "999", (0.0, 0.0), "93010"),
        ("930000005", "PHARMACIE LOINTAINE", "620", (1_220.0, 4_780.0), "93005"),
        ("310000001", "PHARMACIE DE TOULOUSE", "620", None, "31555"),
    )
    return folder


def studied(folder: Path, **options: object) -> Study:
    given = {"osm": (folder / "village.osm",), "call": "ssd-avp-2025"} | options
    return study(ProjectsFile(path=folder / "sites.csv"), options=StudyOptions(**given))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def with_finess(folder: Path) -> Study:
    return studied(folder, registers=(folder / "finess_2026-05-04.csv",))


@pytest.fixture(scope="module")
def pages(with_finess: Study) -> dict[str, bytes]:
    return study_files(with_finess)


@pytest.fixture(scope="module")
def ground(folder: Path) -> Ground:
    return ground_of_files([folder / "village.osm"], taxonomy=TAXONOMY)


def compared(ground: Ground, *paths: Path, maps: Sequence[Path] = ()) -> StudyRegisters:
    """Compare registers with the map, without walking anywhere."""
    files = register_files(paths, maps, taxonomy=TAXONOMY)
    found = study_registers(files, ground, taxonomy=TAXONOMY)
    assert found is not None
    return found


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


# --- what is counted ---------------------------------------------------------------------------


def test_a_service_of_the_register_alone_counts_and_is_walked_to(with_finess: Study) -> None:
    pharmacies = with_finess.access.xs("pharmacie", level="category")
    found = {
        key: (row["service_id"], round(row["walk_m"]))
        for key, row in pharmacies.iterrows()
        if row["access_status"] == "reached"
    }
    gare = "finess/930000002"
    assert found == {
        ("west", 1): ("node/5000", 100),
        ("west", 2): (gare, 300),
        ("east", 1): (gare, 100),
        ("east", 2): ("node/5000", 300),
    }
    new = with_finess.services.loc[gare]
    assert (new["source"], new["observed_on"]) == ("FINESS (4 mai 2026)", "2026-05-04")
    assert with_finess.counts["services"] == 3
    assert with_finess.counts["services dans un registre seulement"] == 1
    assert with_finess.counts["services sur la carte et dans un registre"] == 1


def test_each_service_says_where_it_is_known(with_finess: Study) -> None:
    assert with_finess.registers is not None
    said = with_finess.registers.joined.matches[["register_match", "register_reason"]]
    assert dict(zip(said.index, said.itertuples(index=False, name=None), strict=True)) == {
        "finess/930000002": ("register_only", "not_on_map"),
        "node/5000": ("both", "same_reference"),
        "node/5001": ("not_compared", "other_category"),
    }
    assert list(said.index) == list(with_finess.services.index)
    compared = with_finess.registers.compared
    assert "pharmacie" in compared.registers[0].categories
    assert compared.registers[0].area == frozenset({"93"})
    assert list(compared.unplaced.index) == ["finess/930000003"]


def test_evidence_says_what_registers_say(with_finess: Study) -> None:
    assert with_finess.verdicts is not None
    evidence = with_finess.verdicts["evidence"].fillna("")
    said = {site: " ".join(evidence.xs(site, level="site_id")) for site in ("west", "east")}
    assert (
        "A (Pharmacie) ; OpenStreetMap node/5000, carte sans date, confirmé par un registre"
        in (said["west"])
    )
    assert (
        "PHARMACIE DE LA GARE (Pharmacie) ; FINESS (4 mai 2026) finess/930000002, présent dans un "
        "registre seulement (FINESS)"
    ) in said["east"]


def test_no_row_is_lost(with_finess: Study) -> None:
    assert with_finess.registers is not None
    aside = SET_ASIDE.conform(with_finess.registers.set_aside)
    assert aside["aside"].to_dict() == {
        ("finess", "finess/930000003"): "sans coordonnées",
        ("finess", "ligne 5"): "catégorie « 999 » : hors des catégories de services",
    }
    assert with_finess.counts["lignes de registre laissées de côté"] == 2
    notes = " ".join(with_finess.notes)
    assert (
        "FINESS (4 mai 2026) : services retrouvés 1, objets de la carte sans ligne du registre 0, "
        "lignes du registre sans objet sur la carte 1 (comptées), sans position 1 (non comptées), "
        "hors de la carte étudiée 1."
    ) in notes
    assert "FINESS : Lignes d'autres départements, non lues : 1." in notes


def test_the_register_is_named_dated_and_hashed(with_finess: Study, folder: Path) -> None:
    path = folder / "finess_2026-05-04.csv"
    (source,) = (one for one in with_finess.sources if one.source == "FINESS")
    assert source.data_timestamp == "2026-05-04"
    assert with_finess.inputs[str(path)] == source.sha256
    assert len(source.sha256) == 64


# --- files -------------------------------------------------------------------------------------


def test_files_show_it(pages: dict[str, bytes]) -> None:
    files = pages
    rows = {row["service_id"]: row for row in table(files["services.csv"])}
    new = rows["finess/930000002"]
    lon, lat = at(300.0, 0.0)
    assert (float(new["lon"]), float(new["lat"])) == pytest.approx((lon, lat), abs=1e-6)
    assert (new["register_match"], new["register_ids"]) == ("register_only", "finess/930000002")
    assert rows["node/5000"]["register_m"] == "20.0"  # from 100 to 120 m east
    assert [row["row"] for row in table(files["registers_left_out.csv"])] == [
        *("finess/930000003", "ligne 5"),
    ]
    book = openpyxl.load_workbook(io.BytesIO(files["study.xlsx"]), read_only=True)
    assert {"services", "registers_left_out"} <= set(book.sheetnames)
    lines = book["Lisez-moi"].iter_rows(values_only=True)
    readme = " ".join(str(cell) for line in lines for cell in line if cell)
    assert "dans un registre officiel seulement" in readme
    assert "4 mai 2026" in readme


def test_the_map_marks_it_in_words_and_by_its_shape(pages: dict[str, bytes]) -> None:
    page = pages["map.html"].decode()
    data = json.loads(re.search(r"var data = (\{.*\});", page)[1])  # type: ignore[index]
    services = {
        one["properties"]["link"]: one["properties"] for one in data["services"]["features"]
    }
    assert services[""]["alone"] is True
    assert "PHARMACIE DE LA GARE (Pharmacie, registre seulement)" in services[""]["name"]
    assert services[""]["source"] == (
        "Registre seulement, absent de la carte. Source : FINESS (4 mai 2026)."
    )
    known = services["https://www.openstreetmap.org/node/5000"]
    assert (known["alone"], known["source"]) == (False, "Confirmé par un registre (FINESS).")
    assert "connu d'un registre seulement, absent de la carte" in page
    assert "PHARMACIE DE LA GARE (Pharmacie, registre seulement) : 100" in page


def test_without_register_there_is_nothing_to_say(ground: Ground) -> None:
    assert register_files((), (), taxonomy=TAXONOMY) is None
    assert study_registers(None, ground, taxonomy=TAXONOMY) is None


def test_an_area_that_is_kept_gives_the_same(ground: Ground, folder: Path) -> None:
    add_area("village", [folder / "village.osm"], overwrite=True, with_ferries=False)
    kept = ground_of_area(kept_area("village").folder, taxonomy=TAXONOMY)
    pd.testing.assert_frame_equal(kept.references, ground.references)
    assert kept.references.index.to_list() == [("node/5000", "ref:FR:FINESS=930000001")]
    path = folder / "finess_2026-05-04.csv"
    one, other = compared(ground, path), compared(kept, path)
    pd.testing.assert_frame_equal(one.joined.services, other.joined.services)
    pd.testing.assert_frame_equal(one.joined.matches, other.joined.matches)
    pd.testing.assert_frame_equal(one.set_aside, other.set_aside)
    assert (one.notes, one.sources) == (other.notes, other.sources)


def test_services_and_matches_must_be_of_the_same() -> None:
    empty = SERVICE_MATCHES.empty()
    services = empty.drop(columns=MATCHES.column_names)
    assert services_with_matches(services, MATCHES.empty()).empty
    row = dict.fromkeys(MATCHES.column_names) | {
        "service_id": "node/1",
        "register_match": "both",
        "register_reason": "same_name",
    }
    with pytest.raises(DataError, match="not of the same services"):
        services_with_matches(services, MATCHES.conform(pd.DataFrame([row])))


def test_words_of_several_registers() -> None:
    rows = [
        ("a", "both", "same_name", "finess/1;laposte/2"),
        ("b", "register_only", "not_on_map", "finess/1;finess/3"),
        ("c", "osm_only", "not_in_register", None),
        ("d", "osm_only", "closed_in_register", None),
        ("e", "not_compared", "unplaced_row", None),
    ]
    columns = ["service_id", "register_match", "register_reason", "register_ids"]
    frame = pd.DataFrame(rows, columns=columns).assign(register_m=0.0, register_categories="")
    said = register_remarks(MATCHES.conform(frame), {"finess": "FINESS", "laposte": "La Poste"})
    assert said.to_list() == [
        "confirmé par 2 registres (FINESS, La Poste)",
        "présent dans un registre seulement (FINESS)",
        "absent du registre officiel",
        "fermé selon un registre officiel",
        "",
    ]


# --- several registers, one's own --------------------------------------------------------------


def test_two_files_of_one_register_are_told_apart(
    ground: Ground, folder: Path, tmp_path: Path
) -> None:
    other = finess(
        tmp_path / "finess_2026-06-01.csv",
        ("930000002", "PHARMACIE DE LA GARE", "620", (300.0, 0.0), "93010"),
        ("930000009", "PHARMACIE DU NORD", "620", (0.0, 400.0), "93010"),
    )
    found = compared(ground, folder / "finess_2026-05-04.csv", other).joined
    ids = set(found.services.index)
    assert ids == {"node/5000", "node/5001", "finess/930000002", "finess_2/930000009"}
    both = found.matches.loc["finess/930000002"]
    assert both["register_ids"] == "finess/930000002;finess_2/930000002"
    assert both["register_match"] == "register_only"


@pytest.fixture
def fake() -> Iterator[FakeBan]:
    with fake_ban(PLACES) as one:
        yield one


def test_a_list_of_addresses_from_excel_is_placed_by_the_geocoder(
    fake: FakeBan, folder: Path, tmp_path: Path
) -> None:
    text = (
        "Enseigne;Genre;Où\n"
        "Épicerie de l'Été;épicerie;34 rue de l'Été 93140 Bondy\n"
        "Épicerie perdue;épicerie;3 rue Introuvable 93140 Bondy\n"
        "Épicerie sans rien;épicerie;\n"
        "Fleurs;fleuriste;2 rue Carnot 93140 Bondy\n"
    )
    (tmp_path / "liste_2026-03-01.csv").write_bytes(text.encode("cp1252"))
    (tmp_path / "liste.toml").write_text(MAPPING, encoding="utf-8")
    out = tmp_path / "etude"
    said = siting(
        *("study", folder / "sites.csv", "--osm", folder / "village.osm", "--out", out),
        *("--geocoder", fake.url, "--register", tmp_path / "liste_2026-03-01.csv"),
        *("--register-map", tmp_path / "liste.toml"),
    )
    assert said.code == 0, said.err
    (new,) = (row for row in rows_of(out / "services.csv") if row["service_id"][:4] != "node")
    assert (new["name"], new["source"]) == (
        *("Épicerie de l'Été", "Liste de la mairie (1er mars 2026)"),
    )
    door = next(p for p in PLACES if (p.name, p.housenumber) == ("Rue de l'Été", "34"))
    (walk,) = (
        row
        for row in rows_of(out / "access.csv")
        if (row["site_id"], row["category"], row["rank"]) == ("west", "superette_epicerie", "1")
    )
    # the street of the south runs along the parallel of the door
    site = at(0.0, 0.0)
    expected_m = geodesic_m(*(pd.Series([one]).to_numpy() for one in (*site, door.lon, door.lat)))
    assert float(walk["walk_m"]) == pytest.approx(expected_m[0], abs=1.0)
    aside = {row["name"]: row["aside"] for row in rows_of(out / "registers_left_out.csv")}
    assert set(aside) == {"Épicerie perdue", "Épicerie sans rien", "Fleurs"}
    assert aside["Épicerie sans rien"] == "sans coordonnées"
    assert aside["Épicerie perdue"] == "la rue n'a pas été trouvée : vérifiez son orthographe"
    assert "placés par leur adresse : 1" in said.out
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert {Path(path).name for path in manifest["inputs"]} >= {
        "liste_2026-03-01.csv",
        "liste.toml",
    }
    asked = {one.params["q"][-1] for one in fake.asked if "q" in one.params}
    assert not any("Épicerie" in text for text in asked)  # addresses leave, names do not


# --- what is refused, and how it is said -------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--register-map", "liste.toml"], 2, "ajoutez --register FICHIER"),
        (["--register", "absent.csv"], 1, "absent.csv » n'existe pas"),
        (["--register", "f.csv", "--register", "f.csv"], 2, "donné deux fois"),
        (["--register", "f.csv", "--register-map", "absent.toml"], 1, "absent.toml » n'existe pas"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_read(
    folder: Path, tmp_path: Path, words: list[str], code: int, message: str
) -> None:
    (tmp_path / "f.csv").write_bytes((folder / "finess_2026-05-04.csv").read_bytes())
    given = [word if word.startswith("--") else tmp_path / word for word in words]
    said = siting(
        *("study", folder / "sites.csv", "--osm", folder / "village.osm"),
        *("--out", tmp_path / "etude", "--geocoder", "none", *given),
    )
    assert said.code == code
    assert re.search(message, " ".join(said.err.split()))
    assert not (tmp_path / "etude").exists()


def test_a_file_and_a_mapping_that_do_not_suit_are_refused(
    ground: Ground, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "liste.toml").write_text(MAPPING, encoding="utf-8")
    unknown, known = folder / "sites.csv", folder / "finess_2026-05-04.csv"
    with pytest.raises(DataError, match=r"n'est pas reconnu.*--register-map"):
        compared(ground, unknown)
    with pytest.raises(DataError, match=r"liste\.toml absentes du registre : « Enseigne »"):
        compared(ground, unknown, maps=[tmp_path / "liste.toml"])
    with pytest.raises(OptionError, match="ne décrit aucun des registres"):
        compared(ground, known, maps=[tmp_path / "liste.toml"])


def test_a_register_of_elsewhere_is_said(ground: Ground, tmp_path: Path) -> None:
    found = compared(
        ground, finess(tmp_path / "finess.csv", ("310000001", "X", "620", None, "31555"))
    )
    assert "aucune ligne dans les départements de la carte" in found.notes[0]
    said = found.joined.matches["register_reason"].to_dict()
    assert said == {"node/5000": "outside_area", "node/5001": "other_category"}


def test_maps_are_chosen_by_their_columns(ground: Ground, folder: Path, tmp_path: Path) -> None:
    """A mapping describes one of the files; the other is recognised by itself."""
    rows = "Enseigne;Genre;Où\nÉpicerie;épicerie;2 rue Carnot 93140 Bondy\n"
    (tmp_path / "liste.csv").write_text(rows, encoding="utf-8")
    (tmp_path / "liste.toml").write_text(MAPPING, encoding="utf-8")
    files = (tmp_path / "liste.csv", folder / "finess_2026-05-04.csv")
    found = compared(ground, *files, maps=[tmp_path / "liste.toml"])
    assert [one.name for one in found.registers] == ["mairie", "finess"]
    assert found.registers[0].provenance.note == "fichier liste.csv, décrit par liste.toml"
    # its address names its commune, and nobody was asked where it is
    aside = found.set_aside.loc[("mairie", "mairie/ligne-0002")]
    assert aside["code_insee"] == "93010"


# --- real registers ----------------------------------------------------------------------------


@pytest.mark.skipif(not FRANCE_SERVICES.exists(), reason="shared data not mounted")
def test_the_real_registers_of_redon() -> None:
    ground = ground_of_files([SHARED / "osm" / "redon_centre.osm"], taxonomy=TAXONOMY)
    found = compared(ground, FRANCE_SERVICES, STATIONS)
    matches = found.joined.matches
    (station,) = matches.index[matches["register_match"] == "both"]
    assert matches.loc[station, "register_ids"] == "sncf/87471300"
    assert found.remarks[station] == "confirmé par un registre (Liste des gares (SNCF Réseau))"
