"""Layers of points: what becomes of positions, attributes and files that are something else."""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as given_any
from hypothesis import strategies as st
from pyproj import Geod
from shapely.geometry import LineString, MultiPoint, Point, Polygon

from siting.errors import CrsError, DataError
from siting.export import gpkg_bytes, with_own_columns
from siting.sources.projects import Projects, read_projects
from siting.tables import SITES

SQUARE = Polygon([(2.4, 48.9), (2.5, 48.9), (2.5, 49.0)])
STREET = LineString([(2.4, 48.9), (2.5, 48.9)])
DRIVERS = {".gpkg": "GPKG", ".geojson": "GeoJSON"}

# Metres along a meridian from the equator, on the ellipsoid of the systems of France.
SOUTH_M = Geod(ellps="GRS80").inv(0, 0, 0, -20.9)[2]
NORTH_M = Geod(ellps="GRS80").inv(0, 0, 0, 16.2)[2]


def written(
    path: Path,
    shapes: list[object],
    *,
    crs: object = 4326,
    layer: str | None = None,
    **columns: Sequence[object],
) -> Path:
    """Write a layer; a GeoPackage keeps the layers it has."""
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs=crs)
    # The triggers of an index would need functions that a plain SQLite does not have.
    options: dict[str, object] = {"SPATIAL_INDEX": "NO"} if path.suffix == ".gpkg" else {}
    pyogrio.write_dataframe(frame, path, layer=layer, driver=DRIVERS[path.suffix], **options)
    return path


def geojson(tmp_path: Path, *features: object, **members: object) -> Path:
    path = tmp_path / "projets.geojson"
    content = {"type": "FeatureCollection", **members, "features": list(features)}
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def feature(geometry: object = None, **properties: object) -> dict[str, object]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def point(*place: object) -> dict[str, object]:
    return {"type": "Point", "coordinates": list(place)}


def read(path: Path, *, sheet: str | None = None, **columns: str) -> Projects:
    return read_projects(path, columns=columns, sheet=sheet)


def place(projects: Projects, at: int = 0) -> tuple[float, float]:
    row = projects.rows.iloc[at]
    return float(row["lon"]), float(row["lat"])


# Positions


@pytest.mark.parametrize("suffix", sorted(DRIVERS))
def test_points_and_codes_are_read_from_each_format(tmp_path: Path, suffix: str) -> None:
    path = written(
        tmp_path / f"projets{suffix}",
        [Point(2.489, 48.8935), Point(-61.5342, 16.2411)],
        nom=["Les Tilleuls", "Été"],
        adresse=["3 rue B", None],
        code_postal=["01500", "97110"],
        insee=["2A004", "01004"],
        siret=["00012345678901", "null"],
        places=[12, 7],
        cout=[1.5, 2.0],
    )
    projects = read(path)
    assert [place(projects, at) for at in (0, 1)] == [(2.489, 48.8935), (-61.5342, 16.2411)]
    assert projects.rows["label"].tolist() == ["Les Tilleuls", "Été"]
    assert projects.rows["code_postal"].tolist() == ["01500", "97110"]
    assert projects.rows["code_insee"].tolist() == ["2A004", "01004"]
    assert list(projects.rows.index) == ["ligne-0002", "ligne-0003"]
    assert projects.rows["coord_issue"].isna().all()
    own = projects.own.drop(columns="fid", errors="ignore")
    assert list(own.columns) == [
        *("nom", "adresse", "code_postal", "insee", "siret", "places", "cout"),
    ]
    assert own.fillna("").to_numpy().tolist() == [
        ["Les Tilleuls", "3 rue B", "01500", "2A004", "00012345678901", "12", "1.5"],
        ["Été", "", "97110", "01004", "null", "7", "2"],
    ]
    assert projects.sheet == "projets"
    assert projects.notes == ()


@pytest.mark.parametrize(
    ("epsg", "given", "expected", "tolerance_deg"),
    [
        (2154, (700_000, 6_600_000), (3.0, 46.5), 1e-9),  # origin of Lambert-93, by definition
        (2975, (500_000, 1e7 - 0.9996 * SOUTH_M), (57.0, -20.9), 1e-9),  # meridian of UTM 40 South
        (5490, (500_000, 0.9996 * NORTH_M), (-63.0, 16.2), 1e-9),  # meridian of UTM 20 North
        (3857, (6_378_137 * math.radians(3.25), 0), (3.25, 0.0), 1e-9),  # radius times angle
        (4171, (2.489, 48.8935), (2.489, 48.8935), 1e-9),  # RGF93 in degrees
        (27572, (600_000, 2_200_000), (2.337229, 46.8), 2e-3),  # meridian of Paris, 52 grads
        (4807, (0, 52), (2.337229, 46.8), 2e-3),  # the same in grads from Paris
    ],
)
def test_other_systems_become_wgs84_and_it_is_said(
    tmp_path: Path,
    epsg: int,
    given: tuple[float, float],
    expected: tuple[float, float],
    tolerance_deg: float,
) -> None:
    projects = read(written(tmp_path / "p.gpkg", [Point(given)], crs=epsg, nom=["A"]))
    assert place(projects) == pytest.approx(expected, abs=tolerance_deg)
    assert any("converties" in note for note in projects.notes)


@pytest.mark.parametrize("suffix", sorted(DRIVERS))
@pytest.mark.parametrize("shape", [Point(2.4, 48.9, 35.0), MultiPoint([(2.4, 48.9)])])
def test_height_does_not_matter_and_a_set_of_one_point_is_a_point(
    tmp_path: Path, suffix: str, shape: object
) -> None:
    assert place(read(written(tmp_path / f"p{suffix}", [shape], nom=["A"]))) == (2.4, 48.9)


@pytest.mark.parametrize("suffix", sorted(DRIVERS))
def test_row_without_geometry_stays_with_its_address(tmp_path: Path, suffix: str) -> None:
    shapes = [Point(2.4, 48.9), None, Point()]
    path = written(tmp_path / f"p{suffix}", shapes, adresse=["a", "3 rue B", "4 rue C"])
    rows = read(path).rows
    assert rows["address"].tolist() == ["a", "3 rue B", "4 rue C"]
    assert rows["lon"].isna().tolist() == [False, True, True]
    assert rows["coord_issue"].isna().all()


@pytest.mark.parametrize("suffix", sorted(DRIVERS))
def test_mixed_geometries_keep_their_rows_and_are_said(tmp_path: Path, suffix: str) -> None:
    shapes = [Point(2.4, 48.9), SQUARE, STREET, MultiPoint([(2.4, 48.9), (2.5, 48.9)])]
    path = written(tmp_path / f"p{suffix}", shapes, adresse=list("abcd"))
    projects = read(path)
    assert projects.rows["address"].tolist() == list("abcd")
    assert projects.rows["coord_issue"].fillna("").tolist() == ["", *["COORD_UNREADABLE"] * 3]
    assert projects.rows["lon"].isna().tolist() == [False, True, True, True]
    assert any("lignes 3, 4, 5" in note and "point unique" in note for note in projects.notes)


@pytest.mark.parametrize("suffix", sorted(DRIVERS))
@pytest.mark.parametrize("shape", [SQUARE, STREET, MultiPoint([(2, 48), (3, 48)])])
def test_layer_of_lines_or_areas_is_refused(tmp_path: Path, suffix: str, shape: object) -> None:
    path = written(tmp_path / f"p{suffix}", [shape, None], adresse=["a", "b"])
    with pytest.raises(DataError, match=r"polygones.*Centroïdes"):
        read(path)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (Point(48.9, 2.4), "inversées"),
        (Point(0, 0), "valent 0"),
        (Point(700_000, 6_600_000), "Lambert-93 (EPSG:2154)"),
        (Point(2, 48), "degrés entiers"),
    ],
)
def test_suspicious_points_are_flagged_and_not_used(
    tmp_path: Path, shape: Point, words: str
) -> None:
    projects = read(written(tmp_path / "p.geojson", [shape], nom=["A"]))
    assert projects.rows["coord_issue"].tolist() == ["COORD_SUSPECT"]
    assert projects.rows[["lon", "lat"]].isna().all(axis=None)
    assert any(words in note and "ligne 2" in note for note in projects.notes)


def test_origin_of_a_system_in_metres_is_a_missing_point(tmp_path: Path) -> None:
    shapes = [Point(0, 0), Point(700_000, 6_600_000)]
    projects = read(written(tmp_path / "p.gpkg", shapes, crs=2154, nom=["A", "B"]))
    assert projects.rows["coord_issue"].fillna("").tolist() == ["COORD_SUSPECT", ""]


def test_point_beyond_what_its_system_can_convert_is_unreadable(tmp_path: Path) -> None:
    shapes = [Point(1e300, 1e300), Point(700_000, 6_600_000)]
    projects = read(written(tmp_path / "p.gpkg", shapes, crs=2154, nom=["A", "B"]))
    assert projects.rows["coord_issue"].fillna("").tolist() == ["COORD_UNREADABLE", ""]


def test_geometry_wins_over_columns_of_coordinates(tmp_path: Path) -> None:
    path = written(tmp_path / "p.gpkg", [Point(2.4, 48.9)], lon=[1.5], lat=[43.5])
    projects = read(path)
    assert place(projects) == (2.4, 48.9)
    assert projects.own.iloc[0][["lon", "lat"]].tolist() == ["1.5", "43.5"]
    assert any("géométrie" in note and "« lon »" in note for note in projects.notes)


def test_columns_of_coordinates_serve_when_there_is_no_geometry(tmp_path: Path) -> None:
    path = written(tmp_path / "p.gpkg", [None], lon=[1.5], lat=[43.5])
    assert place(read(path)) == (1.5, 43.5)


def test_layer_that_does_not_say_its_system_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="crs"):
        written(tmp_path / "p.gpkg", [Point(2.4, 48.9)], crs=None, nom=["A"])
    with pytest.raises(CrsError, match="EPSG:4326"):
        read(tmp_path / "p.gpkg")


def test_system_that_is_tied_to_no_ground_is_refused(tmp_path: Path) -> None:
    plan = 'LOCAL_CS["Plan de masse",UNIT["metre",1]]'
    path = written(tmp_path / "p.gpkg", [Point(2.4, 48.9)], crs=plan, nom=["A"])
    with pytest.raises(CrsError, match=r"Plan de masse.*EPSG:4326"):
        read(path)


# Layers


@pytest.fixture
def several(tmp_path: Path) -> Path:
    """A GeoPackage as QGIS saves it: the projects, an area, styles, a table of communes."""
    path = tmp_path / "travail.gpkg"
    written(path, [Point(2.4, 48.9)], layer="projets", nom=["A"])
    written(path, [SQUARE], layer="secteurs", adresse=["x"])
    pyogrio.write_dataframe(pd.DataFrame({"styleName": ["a"]}), path, layer="layer_styles")
    written(path, [], layer="Vide", nom=[])
    return path


def test_the_only_layer_of_points_is_taken_and_the_others_are_said(several: Path) -> None:
    projects = read(several)
    assert projects.sheet == "projets"
    assert projects.rows["label"].tolist() == ["A"]
    (note,) = (note for note in projects.notes if "non lues" in note)
    assert all(f"« {title} »" in note for title in ("secteurs", "layer_styles", "Vide"))


def test_two_layers_of_points_are_a_question(several: Path) -> None:
    written(several, [Point(2.5, 48.9)], layer="projets 2024", nom=["B"])
    with pytest.raises(DataError, match=r"« projets », « projets 2024 ».*--sheet"):
        read(several)
    assert read(several, sheet="PROJETS 2024").rows["label"].tolist() == ["B"]
    assert read(several, sheet="projets").rows["label"].tolist() == ["A"]


@pytest.mark.parametrize(
    ("sheet", "words"),
    [("absente", "n'existe pas.*« projets »"), ("Vide", "pas de données"), ("secteurs", "polyg")],
)
def test_layer_that_cannot_be_read_is_refused(several: Path, sheet: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(several, sheet=sheet)


def test_table_without_geometry_is_a_table(tmp_path: Path) -> None:
    table = pd.DataFrame({"adresse": ["3 rue B"], "lon": ["2,4"], "lat": ["48,9"]})
    pyogrio.write_dataframe(table, tmp_path / "p.gpkg")
    projects = read(tmp_path / "p.gpkg")
    assert (projects.rows["address"].iloc[0], *place(projects)) == ("3 rue B", 2.4, 48.9)


@pytest.mark.parametrize("suffix", sorted(DRIVERS))
def test_empty_layer_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p{suffix}"
    frame = gpd.GeoDataFrame({"nom": pd.Series([], dtype="str")}, geometry=[], crs=4326)
    options = {"geometry_type": "Point"}
    pyogrio.write_dataframe(frame, path, driver=DRIVERS[suffix], **options)
    with pytest.raises(DataError, match="aucune couche"):
        read(path)


# Attributes


def test_values_become_what_a_person_would_type(tmp_path: Path) -> None:
    path = written(
        tmp_path / "p.gpkg",
        [Point(2.4, 48.9), Point(2.5, 48.9)],
        siret=pd.array([12345678901234, None], dtype="Int64"),
        ouvert=[True, False],
        le=pd.to_datetime(["2024-04-03 00:00", "2024-04-03 09:30"]),
        texte=["=1+1", "deux\r\nlignes"],
    )
    assert read(path).own.drop(columns="fid").fillna("").to_numpy().tolist() == [
        ["12345678901234", "VRAI", "2024-04-03", "=1+1"],
        ["", "FAUX", "2024-04-03 09:30:00+00:00", "deux\nlignes"],
    ]


def test_values_of_geojson_are_those_of_the_file(tmp_path: Path) -> None:
    path = geojson(
        tmp_path,
        feature(point(2.4, 48.9), a="2024-04-03", b=1004, c=12.0, d=[1, "é"], e={"x": None}),
        feature(point(2.5, 48.9), f=True, a=12345678901234567890, b=None),
    )
    own = read(path).own
    assert list(own.columns) == list("abcdef")
    assert own.fillna("").to_numpy().tolist() == [
        ["2024-04-03", "1004", "12", '[1, "é"]', '{"x": null}', ""],
        ["12345678901234567890", "", "", "", "", "VRAI"],
    ]


def test_number_of_an_entity_is_kept_and_never_taken_for_the_users_id(tmp_path: Path) -> None:
    path = written(tmp_path / "p.gpkg", [Point(2.4, 48.9)], identifiant=["P7"])
    projects = read(path)
    assert list(projects.rows.index) == ["P7"]
    assert projects.own["fid"].tolist() == ["1"]


def test_identifier_beside_the_attributes_of_geojson(tmp_path: Path) -> None:
    one = feature(point(2.4, 48.9), nom="A") | {"id": "P7"}
    assert list(read(geojson(tmp_path, one)).rows.index) == ["P7"]
    other = feature(point(2.4, 48.9), id="Q8") | {"id": 7}
    projects = read(geojson(tmp_path, other))
    assert list(projects.rows.index) == ["Q8"]
    assert projects.own.iloc[0].to_dict() == {"id (GeoJSON)": "7", "id": "Q8"}


def test_names_that_differ_by_case_are_both_kept(tmp_path: Path) -> None:
    path = geojson(tmp_path, feature(point(2.4, 48.9), Note="1", note="2", NOTE="3"))
    projects = read(path)
    assert projects.own.iloc[0].to_dict() == {"Note": "1", "note": "2", "NOTE": "3"}
    sites = with_own_columns(sites_of(projects), projects.own)
    again = tmp_path / "again.gpkg"
    again.write_bytes(gpkg_bytes({"sites": sites}, sources=[]))
    back = pyogrio.read_dataframe(again)
    assert sorted(back[[c for c in back if c.casefold().startswith("note")]].iloc[0]) == [*"123"]


def sites_of(projects: Projects) -> gpd.GeoDataFrame:
    """Return table SITES of projects that all give their position."""
    rows = projects.rows
    body = pd.DataFrame(index=rows.index, columns=SITES.column_names, dtype="object")
    body["geocode_status"], body["label"] = "provided", rows["label"]
    shapes = gpd.points_from_xy(rows["lon"], rows["lat"], crs=4326)
    return SITES.conform(gpd.GeoDataFrame(body, geometry=shapes))


CLASHES = ("latitude", "longitude", "result_score", "result_status", "geocode_status", "site_id")
CLASHES += ("geometry", "lon", "lat", "label", "fid", "saisi_lon", "Geocode_Score")


def test_columns_called_as_ours_survive_to_the_export(tmp_path: Path) -> None:
    one = feature(point(2.4, 48.9)) | {
        "properties": {name: f"de l'usager {name}" for name in CLASHES}
    }
    path = geojson(tmp_path, one)
    projects = read(path)
    sites = with_own_columns(sites_of(projects), projects.own)
    row = sites.iloc[0]
    assert (row.geometry.x, row.geometry.y) == (2.4, 48.9)
    assert row["geocode_status"] == "provided"
    values = {str(value): str(name) for name, value in row.items()}
    for name in CLASHES:
        kept = values[f"de l'usager {name}"]
        assert kept in {name, f"saisi_{name}", f"saisi_saisi_{name}"}
    assert {values[f"de l'usager {name}"] for name in ("latitude", "result_score")} == {
        *("latitude", "result_score"),
    }


def test_codes_come_back_from_our_own_geopackage(tmp_path: Path) -> None:
    first = read(
        written(tmp_path / "p.gpkg", [Point(2.4, 48.9)], insee=["01004"], siret=["00012345678901"])
    )
    sites = with_own_columns(sites_of(first), first.own)
    again = tmp_path / "again.gpkg"
    again.write_bytes(gpkg_bytes({"sites": sites}, sources=[]))
    second = read(again, code_insee="insee")
    assert second.rows["code_insee"].tolist() == ["01004"]
    assert second.own["siret"].tolist() == ["00012345678901"]
    assert place(second) == (2.4, 48.9)


def test_row_of_geojson_that_is_nothing_stays_a_row(tmp_path: Path) -> None:
    path = geojson(
        tmp_path,
        feature(point(2.4, 48.9), adresse="a"),
        None,
        {"type": "Feature", "properties": None, "geometry": "x"},
        feature(point("2.4", "48.9"), adresse="b"),
        feature(point(2.4), adresse="c"),
        feature(point(10**400, 48.9), adresse="d"),
        feature({"type": "Point", "coordinates": []}, adresse="e"),
        feature({"type": "GeometryCollection", "geometries": [point(2.4, 48.9)]}, adresse="f"),
    )
    rows = read(path).rows
    assert rows["address"].fillna("").tolist() == ["a", "", "", *"bcdef"]
    bad = "COORD_UNREADABLE"
    assert rows["coord_issue"].fillna("").tolist() == ["", "", "", bad, bad, bad, "", bad]


@pytest.mark.parametrize(
    "code",
    [
        *("urn:ogc:def:crs:EPSG::2154", "EPSG:2154", "http://www.opengis.net/def/crs/EPSG/0/2154"),
        "urn:ogc:def:crs:EPSG:8.9:2154",
    ],
)
def test_former_geojson_says_its_system(tmp_path: Path, code: str) -> None:
    crs = {"type": "name", "properties": {"name": code}}
    path = geojson(tmp_path, feature(point(700_000, 6_600_000)), crs=crs)
    assert place(read(path)) == pytest.approx((3.0, 46.5), abs=1e-9)


@pytest.mark.parametrize("name", ["urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326"])
def test_degrees_of_geojson_are_not_touched(tmp_path: Path, name: str) -> None:
    crs = {"type": "name", "properties": {"name": name}}
    projects = read(geojson(tmp_path, feature(point(2.4890001, 48.9)), crs=crs, name="mes lieux"))
    assert (*place(projects), projects.sheet) == (2.4890001, 48.9, "mes lieux")
    assert projects.notes == ()


@pytest.mark.parametrize(
    "crs",
    [
        {"type": "name", "properties": {"name": "EPSG:99999"}},
        {"type": "name", "properties": {"name": "+proj=lcc +nadgrids=http://example.org/a"}},
        {"type": "link", "properties": {"href": "http://example.org/crs"}},
        "EPSG:2154",
    ],
)
def test_system_of_geojson_that_is_no_code_is_refused(tmp_path: Path, crs: object) -> None:
    with pytest.raises(CrsError, match="inconnu"):
        read(geojson(tmp_path, feature(point(700_000, 6_600_000)), crs=crs))


def test_one_feature_is_a_layer_of_one(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text("\ufeff" + json.dumps(feature(point(2.4, 48.9))), encoding="utf-8")
    assert place(read(path)) == (2.4, 48.9)


@pytest.mark.parametrize("suffix", sorted(DRIVERS))
def test_points_without_any_attribute_are_rows(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path / f"p{suffix}", [Point(2.4, 48.9), Point(2.5, 48.9)])
    projects = read(path)
    assert projects.rows["lon"].tolist() == [2.4, 2.5]
    assert list(projects.own.columns) == (["fid"] if suffix == ".gpkg" else [])
    assert projects.own.index.equals(projects.rows.index)


# Files that are something else, damaged or hostile


NOT_GEOJSON = {
    "vide": (b"  ", "vide"),
    "html": (b"<!DOCTYPE html><html></html>", "pas un GeoJSON"),
    "csv": (b"nom;adresse\na;b\n", "pas un GeoJSON"),
    "zip": (b"PK\x03\x04\xff\xfe", "UTF-8"),
    "latin": ('{"type": "Feature", "é": 1}'.encode("cp1252"), "UTF-8"),
    "utf-16": ('{"type": "Feature"}'.encode("utf-16"), "UTF-8"),
    "coupé": (b'{"type": "FeatureCollection",\n"features": [{"type"', "ligne 2"),
    "lignes": (b'{"type": "Feature"}\n{"type": "Feature"}\n', "pas un GeoJSON"),
    "liste": (b"[]", "pas un GeoJSON"),
    "sans liste": (b'{"type": "FeatureCollection"}', "liste"),
    "faux": (b'{"type": "FeatureCollection", "features": {"a": 1}}', "liste"),
    "esri": (b'{"geometryType": "esriGeometryPoint", "features": []}', "pas un GeoJSON"),
    "topo": (b'{"type": "Topology", "objects": {}}', "pas un GeoJSON"),
    "gdal": (b'{"type": "gdal_streamed_alg", "command_line": "gdal vector"}', "pas un GeoJSON"),
    "nu": (b'{"type": "Point", "coordinates": [2, 48]}', "pas un GeoJSON"),
    "profond": (b"[" * 100_000, "abîmé|pas un GeoJSON"),
    "nombre": (b'{"type": "Feature", "properties": {"a": ' + b"9" * 5000 + b"}}", "abîmé"),
}


@pytest.mark.parametrize("kind", NOT_GEOJSON)
def test_what_is_no_geojson_is_refused_in_french(tmp_path: Path, kind: str) -> None:
    content, words = NOT_GEOJSON[kind]
    path = tmp_path / "p.geojson"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"p\.geojson : .*(?:{words})"):
        read(path)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"SQLite format 3\x00", b"SQLite format 3\x00" + b"\x01" * 4096),
        *(b"<html></html>", b"PK\x03\x04", b"nom;adresse\n", b'{"type": "Feature"}'),
        b"<OGRVRTDataSource><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTDataSource>",
    ],
)
def test_what_is_no_geopackage_is_refused_in_french(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.gpkg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"^p\.gpkg : "):
        read(path)


def test_another_sqlite_base_is_no_geopackage(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "p.gpkg")) as base:
        base.execute("CREATE TABLE projets (adresse TEXT)")
        base.commit()
    with pytest.raises(DataError, match="pas un GeoPackage"):
        read(tmp_path / "p.gpkg")


def test_view_that_never_ends_is_refused_before_it_runs(tmp_path: Path) -> None:
    path = written(tmp_path / "p.gpkg", [Point(2.4, 48.9)], layer="projets", nom=["A"])
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
    with closing(sqlite3.connect(path)) as base:
        base.execute(f"CREATE VIEW sans_fin AS {endless}")
        # A trigger of the same name does not hide the view.
        base.execute("CREATE TRIGGER sans_fin AFTER INSERT ON gpkg_contents BEGIN SELECT 1; END")
        base.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier) "
            "VALUES ('sans_fin', 'attributes', 'sans_fin')"
        )
        base.commit()
    with pytest.raises(DataError, match="vues"):
        read(path)


def test_more_layers_than_a_person_makes_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "p.gpkg", [Point(2.4, 48.9)], layer="projets", nom=["A"])
    with closing(sqlite3.connect(path)) as base:
        for number in range(200):
            base.execute(f"CREATE TABLE t{number} (fid INTEGER PRIMARY KEY, a TEXT)")
            base.execute(
                "INSERT INTO gpkg_contents (table_name, data_type, identifier) "
                "VALUES (?, 'attributes', ?)",
                (f"t{number}", f"t{number}"),
            )
        base.commit()
    with pytest.raises(DataError, match="plus de 200 couches"):
        read(path)


def test_more_entities_than_any_geocoder_takes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="200000 entités"):
        read(geojson(tmp_path, *[None] * 200_000))


def test_geopackage_that_qgis_has_closed_is_read_and_one_it_edits_is_not(tmp_path: Path) -> None:
    path = written(tmp_path / "p.gpkg", [Point(2.4, 48.9)], layer="projets", nom=["A"])
    with closing(sqlite3.connect(path)) as base:
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("UPDATE projets SET nom = 'B'")
        base.commit()
        with pytest.raises(DataError, match="fermez QGIS"):
            read(path)
    assert read(path).rows["label"].tolist() == ["B"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("https://example.org/a.gpkg", "adresse web"),
        ("http://example.org/a.geojson", "adresse web"),
        ("/vsicurl/http://example.org/a.gpkg", "adresse web"),
        ("/vsizip/a.zip/a.gpkg", "adresse web"),
        ("zip://a.zip!a.gpkg", "adresse web"),
        ("GPKG:/etc/passwd:a.gpkg", "adresse web"),
        ("absent.gpkg", "n'existe pas"),
        ("a.shp", "GeoPackage"),
        *(("a.kml", "GeoPackage"), ("a.fgb", "GeoPackage")),
        ("a.vrt", "extension"),
        ("a.gdb", "extension"),
    ],
)
def test_path_is_refused_in_french(path: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(Path(path))


def test_names_that_gdal_would_follow_are_plain_files(tmp_path: Path) -> None:
    path = written(tmp_path / "p.gpkg", [Point(2.4, 48.9)], nom=["A"])
    assert place(read(path.rename(tmp_path / "a.zip!b, layer=c.gpkg"))) == (2.4, 48.9)


@pytest.mark.parametrize("suffix", sorted(DRIVERS))
def test_file_cut_anywhere_is_rows_or_one_clear_error(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path / f"p{suffix}", [Point(2.4, 48.9)] * 3, nom=["A", "B", "é"])
    content = path.read_bytes()
    for size in range(0, len(content), max(1, len(content) // 40)):
        path.write_bytes(content[:size])
        with pytest.raises(DataError, match=rf"^p\{suffix} : "):
            read(path)


@pytest.mark.parametrize("suffix", sorted(DRIVERS))
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given_any(places=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_file_with_wrong_bytes_is_rows_or_one_clear_error(
    tmp_path: Path, suffix: str, places: list[tuple[float, int]]
) -> None:
    good = tmp_path / f"good{suffix}"
    if not good.exists():
        written(good, [Point(2.4, 48.9)] * 3, nom=["A", "B", "é"])
    content = bytearray(good.read_bytes())
    for share, value in places:
        content[int(share * (len(content) - 1))] = value
    bad = tmp_path / f"bad{suffix}"
    bad.write_bytes(content)
    with contextlib.suppress(DataError):
        projects = read(bad)
        assert projects.rows.index.equals(projects.own.index)
