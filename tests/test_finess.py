"""FINESS in its forms, and what its coordinates are worth: each row against its commune."""

from __future__ import annotations

import csv
import gzip
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Geod, Transformer

from siting.crs import TERRITORIES, WGS84, Territory
from siting.errors import DataError
from siting.register_places import BORDER_M, Reading, settled_places
from siting.sources.finess import finess_file, read_finess_feed, read_finess_lines
from siting.sources.reference import read_communes
from siting.sources.register_file import read_register
from siting.taxonomy import read_taxonomy

TAXONOMY = read_taxonomy()
OCCITANIE = (
    Path(__file__).parents[2] / "shared" / "data" / "finess_services" / "finess_occitanie.csv"
)
BONDY = (2.48, 48.90)
# A place of a town of each territory: INSEE code, département of FINESS, legal system.
TOWNS = {
    "93010": (*BONDY, "93", 2154),
    "97101": (-61.50, 16.27, "9A", 5490),
    "97209": (-61.07, 14.61, "9B", 5490),
    "97302": (-52.33, 4.93, "9C", 2972),
    "97411": (55.45, -20.90, "9D", 2975),
    "97502": (-56.18, 46.78, "9E", 4467),
    "97611": (45.22, -12.78, "9F", 4471),
}


def metres(lon: float, lat: float, epsg: int = 2154) -> tuple[float, float]:
    x, y = Transformer.from_crs(4326, epsg, always_xy=True).transform(lon, lat)
    return float(x), float(y)


def outlines(*codes: str) -> gpd.GeoSeries:
    known = read_communes(["93", "971", "972", "973", "974", "976"])
    return gpd.GeoSeries(known.geometry.reindex(list(codes)).reset_index(drop=True), crs=WGS84)


# --- which reading is right --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pair", "reading"),
    [
        (BONDY, Reading.AS_GIVEN),
        (BONDY[::-1], Reading.SWAPPED),
        (metres(*BONDY), Reading.METRIC),
        (metres(*BONDY)[::-1], Reading.METRIC_SWAPPED),
    ],
)
def test_the_reading_that_lies_in_the_commune_is_right(
    pair: tuple[float, float], reading: Reading
) -> None:
    """The two published traps: X and Y exchanged, Lambert-93 beside WGS84 in one column."""
    found = settled_places(np.array([pair[0]]), np.array([pair[1]]), outlines("93010"))
    assert found.reading[0] == reading
    assert (found.lon[0], found.lat[0]) == pytest.approx(BONDY, abs=1e-8)
    assert bool(found.note[0]) == (reading != Reading.AS_GIVEN)


def test_rows_of_one_column_may_be_in_four_ways() -> None:
    pairs = np.array([BONDY, BONDY[::-1], metres(*BONDY), metres(*BONDY)[::-1]])
    found = settled_places(pairs[:, 0], pairs[:, 1], outlines(*["93010"] * 4))
    assert found.lon == pytest.approx([BONDY[0]] * 4)
    assert found.lat == pytest.approx([BONDY[1]] * 4)


@pytest.mark.parametrize("code", TOWNS)
def test_overseas_metres_are_those_of_the_territory(code: str) -> None:
    lon, lat, _, epsg = TOWNS[code]
    x, y = metres(lon, lat, epsg)
    found = settled_places(np.array([x, y]), np.array([y, x]), outlines(code, code))
    assert found.lon == pytest.approx([lon, lon], abs=1e-6)
    assert found.lat == pytest.approx([lat, lat], abs=1e-6)
    assert list(found.reading) == [Reading.METRIC, Reading.METRIC_SWAPPED]


@pytest.mark.parametrize(
    ("x", "y", "why"),
    [
        (math.nan, 48.9, "sans coordonnées"),
        (0.0, 0.0, "coordonnées nulles (0, 0)"),
        (214.7, 48.9, "coordonnées qui ne tombent dans aucun territoire français : non utilisées"),
        (13.4, 52.5, "coordonnées qui ne tombent dans aucun territoire français : non utilisées"),
        (2.3333, 48.8667, "km de la commune déclarée : non utilisée"),  # Paris, declared Bondy
    ],
)
def test_what_is_never_right_has_no_place_and_says_why(x: float, y: float, why: str) -> None:
    found = settled_places(np.array([x]), np.array([y]), outlines("93010"))
    assert not found.is_placed.any()
    assert found.reading[0] == Reading.NONE
    assert found.note[0].endswith(why)


def test_a_place_is_right_up_to_the_known_error_of_boundaries() -> None:
    """East of a square commune, metres are drawn by another library than the one that measures."""
    lon, lat, _ = Geod(ellps="WGS84").fwd(
        [2.5] * 2, [48.9] * 2, [90] * 2, BORDER_M + np.array([-1, 1])
    )
    square = gpd.GeoSeries([shapely.box(2.4, 48.8, 2.5, 49.0)] * 2, crs=WGS84)
    found = settled_places(np.array(lon), np.array(lat), square)
    assert found.is_placed.tolist() == [True, False]
    assert found.note[1] == "position à 0,3 km de la commune déclarée : non utilisée"


def test_a_system_may_be_imposed() -> None:
    """Conic zones are in no list of legal systems: without `crs` they are no reading."""
    x, y = metres(*BONDY, 3949)
    pair = np.array([x]), np.array([y])
    assert not settled_places(*pair, outlines("93010")).is_placed.any()
    found = settled_places(*pair, outlines("93010"), crs=CRS.from_epsg(3949))
    assert (found.lon[0], found.lat[0]) == pytest.approx(BONDY, abs=1e-8)
    swapped = settled_places(*pair[::-1], outlines("93010"), crs=CRS.from_epsg(3949))
    assert swapped.reading[0] == Reading.SWAPPED


def inside(territory: Territory) -> st.SearchStrategy[tuple[Territory, float, float]]:
    west, south, east, north = territory.bounds
    edge = 1e-6  # converted there and back, a place of the very edge may fall out of the box
    return st.tuples(
        st.just(territory),
        st.floats(west + edge, east - edge),
        st.floats(south + edge, north - edge),
    )


@settings(max_examples=60, deadline=None)
@given(st.one_of(*map(inside, TERRITORIES)), st.sampled_from(list(Reading)[1:]))
def test_without_commune_a_place_of_france_is_read_back_or_not_at_all(
    place: tuple[Territory, float, float], reading: Reading
) -> None:
    """Any place of any territory, written in any of the four ways; never another place."""
    territory, lon, lat = place
    is_metric = reading in (Reading.METRIC, Reading.METRIC_SWAPPED)
    pair = metres(lon, lat, territory.epsg) if is_metric else (lon, lat)
    if reading in (Reading.SWAPPED, Reading.METRIC_SWAPPED):
        pair = pair[::-1]
    none = gpd.GeoSeries([None], crs=WGS84)
    found = settled_places(np.array([pair[0]]), np.array([pair[1]]), none)
    if is_metric and territory.name == "Guyane" and not found.is_placed.any():
        assert found.note[0] == "deux lectures possibles des coordonnées : non utilisées"
        return
    assert found.reading[0] == reading
    assert (found.lon[0], found.lat[0]) == pytest.approx((lon, lat), abs=1e-6)


def test_metres_of_guyane_may_be_read_in_two_ways() -> None:
    """In Maripasoula, 18,000 km2 wide, 250 km east and 350 km north or the other way round."""
    convert = Transformer.from_crs(2972, 4326, always_xy=True)
    sides = [convert.transform(*pair) for pair in ((250e3, 350e3), (350e3, 250e3))]
    west, south, east, north = (f(c) for f in (min, max) for c in zip(*sides, strict=True))
    wide = gpd.GeoSeries([shapely.box(west, south, east, north).buffer(0.1)], crs=WGS84)
    found = settled_places(np.array([250e3]), np.array([350e3]), wide)
    assert not found.is_placed.any()
    assert found.note[0] == "deux lectures possibles des coordonnées : non utilisées"
    narrow = gpd.GeoSeries([shapely.Point(sides[0]).buffer(0.1)], crs=WGS84)
    found = settled_places(np.array([250e3]), np.array([350e3]), narrow)
    assert (found.lon[0], found.lat[0]) == pytest.approx(sides[0], abs=1e-6)


# --- the former extraction ---------------------------------------------------------------------


def establishment(number: str, name: str, category: str, dep: str, commune: str) -> str:
    cells = ["structureet", number, "930000000", name, "", "", "", "12", "R", "DE LA GARE", "", ""]
    cells += [
        commune,
        dep,
        "X",
        "93140 BONDY",
        "",
        "",
        category,
        "libelle",
        "1",
        "x",
        "",
        "",
        "",
        "",
    ]
    return ";".join([*cells, "", "", "2001-01-01", "", "2020-01-01", ""])


def place(number: str, x: object, y: object, source: str = "1,ATLASANTE,96,BAN,EPSG:2154 X") -> str:
    return f"geolocalisation;{number};{x};{y};{source};2026-05-04"


@pytest.fixture
def lines() -> list[str]:
    x, y = metres(*BONDY)
    return [
        "finess;etalab;98;2026-05-04",
        establishment("930000001", "PHARMACIE DÉ À COUDRE", "620", "93", "010"),
        establishment("930000002", "EHPAD LES LILAS", "500", "93", "010"),
        establishment("930000003", "CENTRE", "124", "93", "010"),
        establishment("930000004", "IME", "183", "93", "010"),
        establishment("930000005", "PHARMACIE SANS LIEU", "620", "93", "010"),
        *(
            establishment(f"{code}0001", f"PHARMACIE {code}", "620", dep, code[2:])
            for code, (_, _, dep, _) in TOWNS.items()
            if code.startswith("97")
        ),
        place("930000001", x, y),
        place("930000002", y, x),
        place("930000003", x, y, "4,ATLASANTE,.,ADMIN-EXPRESS-2023,EPSG:2154 X"),
        place("930000099", x, y),
        *(
            place(f"{code}0001", *metres(lon, lat, epsg))
            for code, (lon, lat, _, epsg) in TOWNS.items()
            if code.startswith("97")
        ),
    ]


def written(path: Path, lines: list[str], encoding: str = "utf-8") -> Path:
    path.write_bytes("\r\n".join([*lines, ""]).encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "iso-8859-15"])
def test_the_former_extraction_is_read_whole(
    tmp_path: Path, lines: list[str], encoding: str
) -> None:
    path = written(tmp_path / "etalab-cs1100507.csv", lines, encoding)
    found = read_register(path, taxonomy=TAXONOMY)
    table = found.table
    assert (found.name, found.title, found.distance_m) == ("finess", "FINESS", 200.0)
    assert table.loc["finess/930000001", "name"] == "PHARMACIE DÉ À COUDRE"
    assert table.loc["finess/930000001", "address"] == "12 R DE LA GARE 93140 BONDY"
    assert table.loc["finess/930000001", "references"] == "ref:FR:FINESS=930000001"
    assert set(table["vintage"]) == {"2026-05-04"}
    assert set(table["status"]) == {"unknown"}  # closed ones stay in it for years
    for code, (lon, lat, _, _) in TOWNS.items():
        key = "finess/930000001" if code == "93010" else f"finess/{code}0001"
        assert table.loc[key, "code_insee"] == code
        assert table.loc[key, ["lon", "lat"]].to_list() == pytest.approx([lon, lat], abs=1e-6)
    assert found.area == {"93", "971", "972", "973", "974", "975", "976"}


def test_each_row_says_what_was_put_right_and_what_is_lost(
    tmp_path: Path, lines: list[str]
) -> None:
    path = written(tmp_path / "finess.csv", lines)
    found = read_register(path, taxonomy=TAXONOMY, departements=["93"])
    table = found.table
    assert table["categories"].to_dict() == {
        "finess/930000001": "pharmacie",
        "finess/930000002": "ehpad",
        "finess/930000003": "centre_sante",
        "finess/930000005": "pharmacie",
    }
    assert table["position"].to_list() == ["coordinates", "coordinates", "commune", "commune"]
    assert "inversées" in table.loc["finess/930000002", "note"]
    assert table.loc["finess/930000003", "note"].startswith("position au centre de la commune")
    assert table.loc["finess/930000005", "note"] == "sans coordonnées"
    assert table["lon"].notna().sum() == 2
    assert found.left_out["reason"].to_list() == [
        "catégorie « 183 » : hors des catégories de services"
    ]
    assert found.left_out.index.to_list() == [5]  # line of the file
    assert found.area == {"93"}
    assert "Positions d'établissements absents du fichier : 1, non lues." in found.notes
    assert "Lignes d'autres départements, non lues : 6." in found.notes


def test_a_quotation_mark_left_open_spoils_no_other_line(tmp_path: Path, lines: list[str]) -> None:
    lines[2] = lines[2].replace("EHPAD LES LILAS", '"LES LILAS')
    lines[3] = lines[3].replace("CENTRE", '"CENTRE ""A"" ; B"')
    read = read_finess_lines(written(tmp_path / "finess.csv", lines))
    names = [row[2] for row in read.file.rows]
    assert len(names) == 11
    assert names[2] == 'CENTRE "A" ; B'
    assert read.vintage == "2026-05-04"


def test_the_same_columns_with_a_header_are_the_same_register(tmp_path: Path) -> None:
    x, y = metres(*BONDY)
    path = tmp_path / "finess_etablissements.csv"
    path.write_text(
        "nofinesset;rs;rslongue;commune;departement;categetab;coordxet;coordyet;sourcecoordet\n"
        f"30000001;PHARMACIE;;010;93;620;{x};{y};1,ATLASANTE,96,BAN,EPSG:2154\n"
        f"30000002;PHARMACIE;;101;9A;620;;;\n",
        encoding="utf-8",
    )
    table = read_register(path, taxonomy=TAXONOMY).table
    assert table["code_insee"].to_dict() == {
        "finess/030000001": "93010",
        "finess/030000002": "97101",
    }
    assert table["lon"].notna().to_list() == [True, False]


def test_lines_without_any_establishment_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "finess.csv", ["finess;etalab;98;2026-05-04", place("1", 2, 3)])
    with pytest.raises(DataError, match="aucune ligne « structureet »"):
        read_register(path, taxonomy=TAXONOMY)


# --- FINESS+ -----------------------------------------------------------------------------------


def ege(number: str, pairs: dict[str, object], **fields: str) -> dict[str, Any]:
    address = {
        "usageAdresse": "03",
        "cogCommune": "93010",
        "ligneQuatre": "12 RUE DE LA GARE",
        "codePostal": "93140",
        "ligneAcheminement": "BONDY",
        "coordonneesGeographique": {"cleInInteropBAN": "93010_1234_00012", **pairs},
    }
    return {
        "informationsGeneralesEGE": {"numFinessEge": number, "nomEgeLong": f"PHARMACIE {number}"},
        "categorieentiteGeographiqueExercice": "620",
        "adresse": [address],
        "etatObjet": "A",
        **fields,
    }


def degrees(lon: object, lat: object) -> dict[str, object]:
    return {"directionLongitude": lon, "directionLatitude": lat}


def feed(*establishments: dict[str, Any], padding: str = "") -> str:
    persons = [
        {"informationsGeneralesPMEJ": {"x": padding}, "ege": [one]} for one in establishments
    ]
    top = {"schemaVersion": "v1.0.0", "generatedAt": "2026-09-11T02:00:00Z", "gcc": [], "gco": []}
    return json.dumps({**top, "pmej": [*persons, {"ege": []}, {}]}, ensure_ascii=False, indent=1)


def test_both_pairs_of_the_feed_are_tried_whatever_their_names(tmp_path: Path) -> None:
    x, y = metres(*BONDY)
    lon, lat = BONDY
    closed = ege("930000004", degrees(lon, lat), etatObjet="I")
    ended = ege("930000005", degrees(lon, lat))
    ended["informationsGeneralesEGE"]["dateFermeture"] = "2026-01-01"
    vague = ege("930000006", {"cleInInteropBAN": "93010", **degrees(lon, lat)})
    street = ege("930000007", {"cleInInteropBAN": "93010_1234", **degrees(lon, lat)})
    elsewhere = ege("930000008", degrees(str(lon), str(lat)))
    welcome = {
        "usageAdresse": "06",
        "cogCommune": "75056",
        "coordonneesGeographique": degrees(1, 2),
    }
    elsewhere["adresse"].insert(0, welcome)
    path = tmp_path / "finess-structures-journalier-20260911.json"
    path.write_text(
        feed(
            # As published: Lambert-93 exchanged in X and Y, degrees beside.
            ege("930000001", {"coordonneeX": f"{y}", "coordonneeY": f"{x}", **degrees(lon, lat)}),
            # The other way round: degrees under X and Y, metres under the names of degrees.
            ege("930000002", {"coordonneeX": lon, "coordonneeY": lat, **degrees(y, x)}),
            # One pair only, exchanged.
            ege("930000003", {"coordonneeX": y, "coordonneeY": x}),
            *(closed, ended, vague, street, elsewhere),
            ege("930000009", {}),
        ),
        encoding="utf-8",
    )
    found = read_register(path, taxonomy=TAXONOMY)
    table = found.table.rename(index=lambda key: key[-1])
    assert table["lon"].notna().to_dict() == {
        **dict.fromkeys("1234578", True),
        **dict.fromkeys("69", False),
    }
    placed = table.dropna(subset="lon")
    assert placed["lon"].to_numpy() == pytest.approx([lon] * 7, abs=1e-7)
    assert placed["lat"].to_numpy() == pytest.approx([lat] * 7, abs=1e-7)
    assert table["status"].to_dict() == {
        **dict.fromkeys("1236789", "open"),
        **dict.fromkeys("45", "closed"),
    }
    assert table.loc["7", "position"] == "address"
    assert table.loc["6", "position"] == table.loc["9", "position"] == "commune"
    assert table["note"].notna().to_dict() == {
        **dict.fromkeys("14578", False),
        **dict.fromkeys("2369", True),
    }
    assert set(table["vintage"]) == {"2026-09-11"}
    assert table.loc["1", "address"] == "12 RUE DE LA GARE 93140 BONDY"
    assert found.provenance.attribution == "FINESS (Agence du numérique en santé)"


def test_a_compressed_feed_of_many_chunks_is_gone_through(tmp_path: Path) -> None:
    """Three megabytes: persons are cut anywhere by the megabyte, é and ] included."""
    numbers = [f"93{n:07d}" for n in range(600)]
    text = feed(*(ege(n, degrees(*BONDY)) for n in numbers), padding='é]},{"pmej":[' * 200)
    assert len(text) > 1024**2
    path = tmp_path / "finess.json.gz"
    path.write_bytes(gzip.compress(text.encode()))
    read = read_finess_feed(path)
    assert [row[0] for row in read.file.rows] == numbers
    assert read.vintage == "2026-09-11"


@pytest.mark.parametrize("share", [0.2, 0.5, 0.97])
def test_a_feed_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    text = feed(*(ege(f"93{n:07d}", degrees(*BONDY)) for n in range(50)))
    path = tmp_path / "finess.json"
    path.write_text(text[: int(len(text) * share)], encoding="utf-8")
    with pytest.raises(DataError, match=r"finess\.json : le flux FINESS\+ est abîmé ou incomplet"):
        read_finess_feed(path)
    packed = tmp_path / "finess.json.gz"
    content = gzip.compress(text.encode())
    packed.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match="incomplet"):
        read_finess_feed(packed)


@pytest.mark.parametrize(
    "text",
    [
        '{"schemaVersion": "1", "gcc": []}',
        '{"pmej": []}',
        '{"pmej": [1, "x", null, {"ege": "x"}, {"ege": [3]}]}',
        '{"pmej": [' + "[" * 100_000 + "]}",
    ],
)
def test_a_feed_without_establishment_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "finess.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="FINESS"):
        read_finess_feed(path)


def test_other_files_are_no_finess(tmp_path: Path) -> None:
    for name, text in {
        "places.geojson": '{"type": "FeatureCollection", "features": []}',
        "places.json": '{"type": "FeatureCollection", "features": []}',
        "list.csv": "nom;adresse\nfiness;x\n",
        "empty.csv": "",
        "broken.json.gz": "\x1f\x8bnothing",
    }.items():
        path = tmp_path / name
        path.write_bytes(text.encode("latin-1"))
        assert finess_file(path) is None


# --- the real file -----------------------------------------------------------------------------


@pytest.mark.skipif(not OCCITANIE.exists(), reason="needs ../shared/data/finess_services")
def test_occitanie_is_read_to_the_last_row() -> None:
    found = read_register(OCCITANIE, taxonomy=TAXONOMY)
    with OCCITANIE.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    codes = {row["numero finess etablissement"]: row["categetab"] for row in rows}
    expected = Counter(
        category.id
        for code in codes.values()
        for category in TAXONOMY.categories
        if code in category.finess
    )
    assert len(found.table) + len(found.left_out) == len(rows) == 13_747
    assert found.table["categories"].value_counts().to_dict() == expected
    assert expected["pharmacie"] >= 1_888  # of code 620 alone
    assert found.table["lon"].notna().all()
    assert found.table["note"].isna().all()
    assert len(found.area) == 13


@pytest.mark.skipif(not OCCITANIE.exists(), reason="needs ../shared/data/finess_services")
def test_occitanie_written_in_other_ways_comes_back(tmp_path: Path) -> None:
    """Every third row exchanged, every third in Lambert-93: each is where it was."""
    found = read_register(OCCITANIE, taxonomy=TAXONOMY, departements=["09"])
    table = found.table.reset_index()
    x, y = Transformer.from_crs(4326, 2154, always_xy=True).transform(table["lon"], table["lat"])
    way = np.arange(len(table)) % 3
    shown = table.assign(
        x=np.select([way == 0, way == 1], [table["lat"], x], table["lon"]),
        y=np.select([way == 0, way == 1], [table["lon"], y], table["lat"]),
    )
    path = tmp_path / "finess.csv"
    path.write_text(
        "numero finess etablissement;raison_sociale;categetab;latitude;longitude;code_insee\n"
        + "".join(
            f"{one.register_id[7:]};{n};620;{one.y};{one.x};{one.code_insee}\n"
            for n, one in enumerate(shown.itertuples())
        ),
        encoding="utf-8",
    )
    back = read_register(path, taxonomy=TAXONOMY).table
    assert back["lon"].to_numpy() == pytest.approx(table["lon"].to_numpy(), abs=1e-7)
    assert back["lat"].to_numpy() == pytest.approx(table["lat"].to_numpy(), abs=1e-7)
    n_rows = len(table)
    assert back["note"].str.contains("inversées").sum() == (n_rows + 2) // 3
    assert back["note"].str.contains("mètres").sum() == (n_rows + 1) // 3
