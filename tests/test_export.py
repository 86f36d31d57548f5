"""Files that leave the tool: their bytes, their safety, and how they are put in place."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import warnings
from pathlib import Path

import folium
import geopandas as gpd
import openpyxl
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from siting import export
from siting.errors import DataError, OutputError
from siting.export import columns, geopackage, workbook
from siting.homes import DIFFUS, HOMES
from siting.provenance import Provenance
from siting.tables import (
    ACCESS,
    COMMUNES,
    COVERAGE,
    INVENTORY,
    ISOCHRONES,
    OD_MATRIX,
    REACH,
    SERVICES,
    SITES,
    VERDICTS,
    WALKS,
    Table,
)

OSM = Provenance(
    source="OpenStreetMap",
    licence="ODbL 1.0",
    attribution="© les contributeurs d'OpenStreetMap",
    data_timestamp="2023-12-25",
    retrieved_on="2026-01-02",
)
FORMULAS = ["=1+1", '=HYPERLINK("http://x","y")', "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "＝1+1"]


def a_sites() -> gpd.GeoDataFrame:
    """Two sites: one placed, one without position; the ids keep their zeros."""
    frame = pd.DataFrame(
        {
            "site_id": ["007", "2A004"],
            "label": ["Résidence « L'Œuvre »", None],
            "address": ["1, rue A;B", "ligne 1\r\nligne 2"],
            "geocode_status": ["ok", "skipped"],
            "geocode_reason": ["MATCHED", "OFFLINE"],
            "geocode_precision": ["housenumber", "none"],
            "geocode_score": [0.87654321, None],
            "matched_label": ["1 Rue A", None],
            "code_insee": ["01004", None],
            "commune": ["Ambérieu-en-Bugey", None],
            "commune_check": ["same", "undeclared"],
            "is_pvd": [True, None],
            "is_listed_unserved": [False, None],
            "siret": ["01234567890123", "-3.5"],
        }
    )
    points = gpd.GeoSeries([shapely.Point(5.123456789, 46.0), None], crs=4326)
    return gpd.GeoDataFrame(SITES.conform(gpd.GeoDataFrame(frame, geometry=points)))


def a_access() -> pd.DataFrame:
    rows = [("007", "pharmacie", rank, "sante_social") for rank in (1, 2, 3)]
    frame = pd.DataFrame(rows, columns=["site_id", "category", "rank", "families"])
    frame["service_id"] = ["node/1", None, None]
    frame["service_name"] = ["=1+1", None, None]
    frame["walk_m"] = [340.04, None, None]
    frame["line_m"] = [300.0, None, None]
    frame["walk_min"] = [7.0841, None, None]
    frame["snap_m"] = [-0.01, -0.01, -0.01]
    frame["access_status"] = ["reached", "beyond_cutoff", "beyond_cutoff"]
    frame["edge_limited"] = [False, True, None]
    frame["fit_m"] = [250.04, None, None]
    frame["unfit_m"] = [0.0, None, None]
    frame["unknown_m"] = [90.0, None, None]
    return ACCESS.conform(frame)


def read_back(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))


class TestCsv:
    def test_columns_are_the_contract_then_position_then_own(self) -> None:
        header = read_back(export.csv_bytes(a_sites(), SITES))[0]
        assert header == ["site_id", *SITES.column_names, "lon", "lat", "siret"]

    def test_dialect(self) -> None:
        content = export.csv_bytes(a_sites(), SITES)
        assert not content.startswith(b"\xef\xbb\xbf")
        assert b"\r" not in content
        assert content.endswith(b"\n")
        assert "Résidence « L'Œuvre »".encode() in content

    def test_cells(self) -> None:
        header, first, second = read_back(export.csv_bytes(a_sites(), SITES))
        placed = dict(zip(header, first, strict=True))
        unplaced = dict(zip(header, second, strict=True))
        assert placed["site_id"] == "007"
        assert placed["code_insee"] == "01004"
        assert placed["siret"] == "01234567890123"
        assert placed["geocode_score"] == "0.8765"
        assert (placed["lon"], placed["lat"]) == ("5.1234568", "46.0000000")
        assert (placed["is_pvd"], placed["is_listed_unserved"]) == ("True", "False")
        assert unplaced["is_pvd"] == unplaced["lon"] == unplaced["geocode_score"] == ""
        assert unplaced["address"] == "ligne 1\nligne 2"

    def test_numbers_are_rounded_by_their_unit(self) -> None:
        header, first, second, _ = read_back(export.csv_bytes(a_access(), ACCESS))
        row = dict(zip(header, first, strict=True))
        assert (row["rank"], row["walk_m"], row["walk_min"]) == ("1", "340.0", "7.08")
        assert row["snap_m"] == "0.0"  # not "-0.0"
        assert [row[name] for name in ("fit_m", "unfit_m", "unknown_m")] == ["250.0", "0.0", "90.0"]
        assert dict(zip(header, second, strict=True))["walk_m"] == ""

    @pytest.mark.parametrize("payload", [*FORMULAS, "\t=1", "\r=1", "\n=1"])
    def test_no_cell_is_a_formula(self, payload: str) -> None:
        sites = a_sites()
        sites["label"] = [payload, payload]
        sites[payload] = [payload, "x"]
        table = read_back(export.csv_bytes(sites, SITES))
        guarded = [cell for row in table for cell in row if payload.strip() in cell]
        assert len(guarded) == 4
        assert all(cell.startswith("'") for cell in guarded)

    @pytest.mark.parametrize("number", ["-3.5", "+12", "-7", "-3,5"])
    def test_numbers_stay_numbers(self, number: str) -> None:
        sites = a_sites()
        sites["siret"] = [number, number]
        assert [row[-1] for row in read_back(export.csv_bytes(sites, SITES))[1:]] == [number] * 2

    def test_control_characters_are_removed_and_counted(self) -> None:
        sites = a_sites()
        sites["label"] = ["a\x0bb\x00c", "tab\tok"]
        assert export.n_control_characters(sites) == 2
        rows = read_back(export.csv_bytes(sites, SITES))
        assert [row[1] for row in rows[1:]] == ["abc", "tab\tok"]

    @settings(max_examples=30, deadline=None)
    @given(texts=st.lists(st.text(max_size=12), min_size=2, max_size=2))
    def test_any_text_comes_back(self, texts: list[str]) -> None:
        sites = a_sites()
        sites["own"] = pd.array(texts, dtype="str")
        rows = read_back(export.csv_bytes(sites, SITES))
        assert len(rows) == 3
        for row, text in zip(rows[1:], texts, strict=True):
            clean = text.replace("\r\n", "\n").replace("\r", "\n")
            kept = "".join(c for c in clean if c in "\t\n" or c >= " ")
            kept = kept.replace("\x7f", "").replace("\ufffe", "").replace("\uffff", "")
            assert row[-1] in (kept, f"'{kept}")

    @pytest.mark.parametrize("table", [SITES, ACCESS, REACH, VERDICTS, columns.COMMUNE_COVERAGE])
    def test_an_empty_table_keeps_its_header(self, table: Table) -> None:
        rows = read_back(export.csv_bytes(table.empty(), table))
        position = ["lon", "lat"] if table is SITES else []
        assert rows == [[*table.index_names, *table.column_names, *position]]

    def test_input_is_unchanged(self) -> None:
        sites = a_sites()
        export.csv_bytes(sites, SITES)
        pd.testing.assert_frame_equal(sites, a_sites())

    def test_a_frame_out_of_contract_is_refused(self) -> None:
        with pytest.raises(DataError, match="missing columns"):
            export.csv_bytes(a_access().drop(columns="walk_m"), ACCESS)


class TestOwnColumns:
    def test_clashes_get_a_prefix(self) -> None:
        own = pd.DataFrame(
            {"label": ["x", "y"], "lon": ["1", "2"], "note": ["a", "b"], "saisi_lon": ["c", "d"]},
            index=pd.Index(["2A004", "007"], name="site_id"),
        )
        sites = a_sites()
        out = export.with_own_columns(sites, own)
        added = ["saisi_label", "saisi_lon", "note", "saisi_saisi_lon"]
        assert list(out.columns) == [*sites.columns, *added]
        assert list(out.index) == ["007", "2A004"]
        assert list(out["saisi_label"]) == ["y", "x"]
        assert out.crs == sites.crs
        header = read_back(export.csv_bytes(out, SITES))[0]
        assert header[-5:] == ["siret", *added]

    def test_names_that_differ_by_case_clash(self) -> None:
        own = pd.DataFrame({"Commune": ["x", "y"]}, index=pd.Index(["007", "2A004"]))
        assert list(export.with_own_columns(a_sites(), own).columns)[-1] == "saisi_Commune"

    def test_other_sites_are_refused(self) -> None:
        with pytest.raises(DataError, match="same sites"):
            export.with_own_columns(a_sites(), pd.DataFrame({"a": ["1"]}, index=["007"]))

    def test_an_unprefixed_clash_is_refused(self) -> None:
        with pytest.raises(DataError, match="lon"):
            export.csv_bytes(a_sites().assign(lon=["1", "2"]), SITES)


class TestCommunes:
    def test_coverage_stands_beside_communes(self) -> None:
        communes = a_communes()
        coverage = a_coverage()
        out = export.communes_with_coverage(communes, coverage.iloc[::-1])
        assert list(out.index) == ["93066", "93059"]
        assert list(out["is_listed_unserved"]) == [False, True]
        header = read_back(export.csv_bytes(out, export.COMMUNE_COVERAGE))[0]
        assert header == ["code_insee", *COMMUNES.column_names, *COVERAGE.column_names]

    def test_other_communes_are_refused(self) -> None:
        with pytest.raises(DataError, match="same communes"):
            export.communes_with_coverage(a_communes(), a_coverage().iloc[:1])


def a_communes() -> gpd.GeoDataFrame:
    frame = pd.DataFrame(
        {
            "code_insee": ["93066", "93059"],
            "nom": ["Saint-Denis", "Ailleurs"],
            "code_dep": "93",
            "code_epci": "200054781",
            "population": [150000, 30000],
            "population_65": [11414, None],
            "is_pvd": False,
            "pvd_on": None,
            "vintage": "COG 2026",
        }
    )
    squares = [shapely.MultiPolygon([shapely.box(x, 48, x + 1, 49)]) for x in (2, 3)]
    return gpd.GeoDataFrame(COMMUNES.conform(gpd.GeoDataFrame(frame, geometry=squares, crs=4326)))


def a_coverage() -> pd.DataFrame:
    frame = pd.DataFrame(index=pd.Index(["93066", "93059"], name="code_insee"))
    for name in COVERAGE.column_names:
        frame[name] = None
    frame["is_listed_unserved"] = [False, True]
    return COVERAGE.conform(frame)


def a_book() -> openpyxl.Workbook:
    sheets = [
        export.Sheet(title="Sites", note="Un site par ligne.", frame=a_sites(), table=SITES),
        export.Sheet(title="Accès", note="Les services.", frame=a_access(), table=ACCESS),
    ]
    content = export.xlsx_bytes(sheets, title="Étude", sources=[OSM])
    return openpyxl.load_workbook(io.BytesIO(content))


class TestXlsx:
    def test_sheets_and_header(self) -> None:
        book = a_book()
        assert book.sheetnames == ["Lisez-moi", "Sites", "Accès"]
        sheet = book["Sites"]
        assert sheet.freeze_panes == "B2"
        assert sheet.auto_filter.ref == "A1:P3"  # 16 columns, 2 rows
        assert [cell.value for cell in sheet[1]][:2] == ["site_id", "label"]

    def test_cells_have_their_kind(self) -> None:
        sheet = a_book()["Sites"]
        row = dict(zip([cell.value for cell in sheet[1]], sheet[2], strict=True))
        assert (row["site_id"].value, row["site_id"].data_type) == ("007", "s")
        assert (row["code_insee"].value, row["siret"].value) == ("01004", "01234567890123")
        assert (row["is_pvd"].value, row["is_listed_unserved"].value) == ("oui", "non")
        assert (row["lat"].value, row["lat"].data_type) == (46.0, "n")
        other = dict(zip(row, sheet[3], strict=True))
        assert other["is_pvd"].value is None
        walks = a_book()["Accès"]
        header = [cell.value for cell in walks[1]]
        assert walks.cell(2, header.index("walk_m") + 1).value == pytest.approx(340.0)

    def test_no_cell_is_a_formula_or_a_link(self) -> None:
        sites = a_sites()
        for number, payload in enumerate([*FORMULAS, "http://example.org", "a\x0bb", "\x1b"]):
            sites[f"own{number}"] = payload
        sites["=1+1"] = "x"
        sheets = [export.Sheet(title="Sites", note="=1+1", frame=sites, table=SITES)]
        book = openpyxl.load_workbook(
            io.BytesIO(export.xlsx_bytes(sheets, title="=1+1", sources=[]))
        )
        cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
        assert {cell.data_type for cell in cells} <= {"s", "n"}
        assert not [cell for cell in cells if cell.hyperlink]
        texts = {cell.value for cell in cells}
        assert {*FORMULAS, "ab"} <= texts

    def test_the_first_sheet_explains_all(self) -> None:
        text = "\n".join(
            " | ".join(str(cell.value or "") for cell in row)
            for row in a_book()["Lisez-moi"].iter_rows()
        )
        for name in [*SITES.column_names, *ACCESS.column_names, "lon", "lat"]:
            assert f"| {name} |" in text
        assert "geocode_status | review |  | adresse à vérifier" in text
        assert "access_status | no_path |" in text
        assert "mètres" in text
        assert "Accès | fit_m | mètres | partie du trajet que la carte dit praticable" in text
        assert "Accès | unknown_m | mètres | partie dont la carte ne dit rien" in text
        assert "© les contributeurs d'OpenStreetMap" in text
        assert "25 décembre 2023" in text
        assert "2026-01-02" not in text  # dates of the run are in the manifest only

    @pytest.mark.parametrize(
        "table",
        [
            *(SITES, ACCESS, REACH, VERDICTS, SERVICES, WALKS, ISOCHRONES, OD_MATRIX),
            *(columns.COMMUNE_COVERAGE, INVENTORY, HOMES, DIFFUS),
        ],
    )
    def test_every_column_has_its_french_meaning_and_unit(self, table: Table) -> None:
        assert {*table.index_names, *table.column_names} <= set(columns.MEANINGS)
        units = {column.unit for column in (*table.index, *table.columns)}
        assert units - {""} <= set(columns.UNITS)

    def test_long_tables_go_on_in_a_numbered_sheet(self) -> None:
        assert workbook.sheet_parts("Accès", 0) == [("Accès", 0, 0)]
        assert workbook.sheet_parts("Accès", 1_048_575) == [("Accès", 0, 1_048_575)]
        assert workbook.sheet_parts("A" * 40, 1_048_576) == [
            ("A" * 31, 0, 1_048_575),
            ("A" * 27 + " (2)", 1_048_575, 1_048_576),
        ]

    def test_a_long_text_is_cut_and_says_so(self) -> None:
        sites = a_sites()
        sites["own"] = ["x" * 32_768, "x" * 32_767]
        sheets = [export.Sheet(title="Sites", note="", frame=sites, table=SITES)]
        book = openpyxl.load_workbook(io.BytesIO(export.xlsx_bytes(sheets, title="", sources=[])))
        cut, whole = (book["Sites"].cell(row, book["Sites"].max_column).value for row in (2, 3))
        assert len(cut) == 32_767
        assert cut.endswith("(texte coupé)")
        assert whole == "x" * 32_767


class TestGeoPackage:
    def test_layers_read_back(self, tmp_path: Path) -> None:
        services = SERVICES.conform(
            gpd.GeoDataFrame(
                {
                    "service_id": ["node/1", "way/2"],
                    "categories": ["pharmacie", "mairie"],
                    "name": ["Pharmacie", None],
                    "merged_ids": None,
                    "source": "OpenStreetMap",
                    "observed_on": "2023-01-01",
                    "observed_by": "edited",
                    "wheelchair": "unknown",
                },
                geometry=[shapely.Point(2, 48), shapely.box(2, 48, 2.1, 48.1)],
                crs=4326,
            )
        )
        path = tmp_path / "study.gpkg"
        path.write_bytes(
            export.gpkg_bytes(
                {"sites": a_sites(), "services": services, "walks": WALKS.empty()}, sources=[OSM]
            )
        )
        assert [name for name, _ in pyogrio.list_layers(path)] == ["sites", "services", "walks"]
        sites = pyogrio.read_dataframe(path, layer="sites")
        assert list(sites["site_id"]) == ["007", "2A004"]
        assert sites["code_insee"].iloc[0] == "01004"
        assert sites["is_pvd"].iloc[0] == 1
        assert sites.geometry.isna().tolist() == [False, True]
        assert sites.crs == 4326
        read = pyogrio.read_dataframe(path, layer="services")
        assert read.geometry.geom_type.tolist() == ["Point", "Polygon"]
        info = pyogrio.read_info(path, layer="sites")
        assert info["geometry_type"] == "Point"
        assert "OpenStreetMap" in info["layer_metadata"]["source_1"]
        assert "ODbL" in info["dataset_metadata"]["source_1"]
        assert pyogrio.read_info(path, layer="walks")["features"] == 0

    def test_reserved_and_twin_names(self, tmp_path: Path) -> None:
        wanted = ["site_id", "fid", "FID", "Name", "name", "geom", ""]
        assert geopackage.column_names(wanted) == [
            "site_id",
            "fid_2",
            "FID_3",
            "Name",
            "name_2",
            "geom_2",
            "colonne",
        ]
        sites = a_sites().assign(fid=["a", "b"], Name=["c", "d"], name=["e", "f"])
        path = tmp_path / "study.gpkg"
        path.write_bytes(export.gpkg_bytes({"sites": sites}, sources=[]))
        read = pyogrio.read_dataframe(path)
        assert list(read["fid_2"]) == ["a", "b"]
        assert list(read["name_2"]) == ["e", "f"]

    def test_it_is_a_sound_database(self, tmp_path: Path) -> None:
        path = tmp_path / "study.gpkg"
        path.write_bytes(export.gpkg_bytes({"sites": a_sites()}, sources=[OSM]))
        with sqlite3.connect(path) as base:
            assert base.execute("pragma integrity_check").fetchone() == ("ok",)
            dates = base.execute("select last_change from gpkg_contents").fetchall()
        base.close()
        assert dates == [("1980-01-01T00:00:00.000Z",)]


def a_map() -> folium.Map:
    page = folium.Map(location=[48.0, 2.0], tiles=None)
    folium.Marker([48.0, 2.0], popup="ab" * 16).add_to(page)
    return page


class TestHtml:
    def test_two_renderings_are_equal(self) -> None:
        assert export.html_bytes(a_map()) == export.html_bytes(a_map())

    def test_only_the_random_names_change(self) -> None:
        content = export.html_bytes(a_map()).decode()
        assert "map_1" in content
        assert "ab" * 16 in content


class TestManifest:
    RUN = export.Run(
        command=("siting", "study", "projets.csv"),
        parameters={"walker": "senior", "cutoff_min": 30.0, "osm": ("a.pbf",), "call": None},
        inputs={"projets.csv": "ab" * 32},
        sources=(OSM,),
        counts={"sites": 2},
        started_at=dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        finished_at=dt.datetime(2026, 1, 2, 3, 4, 6, tzinfo=dt.UTC),
    )

    def test_it_tells_how_the_run_was_made(self) -> None:
        outputs = {"sites.csv": b"a", "access.csv": b"b"}
        manifest = json.loads(export.manifest_bytes(self.RUN, outputs=outputs))
        assert manifest["command"] == ["siting", "study", "projets.csv"]
        assert manifest["parameters"]["osm"] == ["a.pbf"]
        assert manifest["inputs"] == {"projets.csv": "ab" * 32}
        assert manifest["outputs"]["sites.csv"] == hashlib.sha256(b"a").hexdigest()
        assert manifest["sources"][0]["retrieved_on"] == "2026-01-02"
        assert manifest["started_at"] == "2026-01-02T03:04:05+00:00"
        assert {"siting", "python", "geopandas"} <= set(manifest["versions"])


class TestFolder:
    FILES = {"sites.csv": b"new sites", "fiches/a.html": b"new fiche", "manifest.json": b"{}"}  # noqa: RUF012

    def test_files_are_in_place_and_nothing_else(self, tmp_path: Path) -> None:
        out = tmp_path / "deep" / "out"
        export.write_folder(out, self.FILES, overwrite=False)
        assert contents(out) == self.FILES

    def test_a_folder_that_holds_something_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("mine")
        with pytest.raises(OutputError, match=r"n'est pas vide.*--overwrite"):
            export.check_folder(tmp_path, overwrite=False)
        with pytest.raises(OutputError, match="n'est pas vide"):
            export.write_folder(tmp_path, self.FILES, overwrite=False)
        assert contents(tmp_path) == {"notes.txt": b"mine"}

    def test_overwrite_touches_only_our_files(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("mine")
        (tmp_path / "sites.csv").write_text("old")
        export.write_folder(tmp_path, self.FILES, overwrite=True)
        assert contents(tmp_path) == {**self.FILES, "notes.txt": b"mine"}

    def test_results_of_the_former_run_do_not_mix_with_these(self, tmp_path: Path) -> None:
        hashes = {name: hashlib.sha256(b"old").hexdigest() for name in ("verdicts.csv", "kept.csv")}
        old = {
            "verdicts.csv": b"old",
            "kept.csv": b"changed by hand",
            "manifest.json": json.dumps({"outputs": hashes}).encode(),
        }
        export.write_folder(tmp_path, old, overwrite=False)
        export.write_folder(tmp_path, self.FILES, overwrite=True)
        assert contents(tmp_path) == {**self.FILES, "kept.csv": b"changed by hand"}

    @pytest.mark.parametrize("manifest", [b"[]", b"{}", b'{"outputs": 3}', b"\xff", b""])
    def test_a_foreign_manifest_is_harmless(self, tmp_path: Path, manifest: bytes) -> None:
        (tmp_path / "manifest.json").write_bytes(manifest)
        export.write_folder(tmp_path, self.FILES, overwrite=True)
        assert contents(tmp_path) == self.FILES

    def test_what_a_crash_left_is_no_result(self, tmp_path: Path) -> None:
        (tmp_path / ".siting-abc").mkdir()
        (tmp_path / ".siting-abc" / "sites.csv").write_text("half")
        export.check_folder(tmp_path, overwrite=False)
        export.write_folder(tmp_path, self.FILES, overwrite=False)
        assert contents(tmp_path) == self.FILES

    def test_checking_writes_nothing(self, tmp_path: Path) -> None:
        export.check_folder(tmp_path / "a" / "b", overwrite=False)
        assert not list(tmp_path.iterdir())

    def test_a_file_in_place_of_the_folder(self, tmp_path: Path) -> None:
        (tmp_path / "out").write_text("mine")
        with pytest.raises(OutputError, match="est un fichier"):
            export.check_folder(tmp_path / "out", overwrite=True)
        with pytest.raises(OutputError, match="est un fichier"):
            export.check_folder(tmp_path / "out" / "sub", overwrite=True)

    @pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "..\\x", "C:x", ""])
    def test_no_name_leaves_the_folder(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(OutputError, match="sort du dossier"):
            export.write_folder(tmp_path / "out", {name: b""}, overwrite=True)
        assert not list(tmp_path.iterdir())

    def test_a_file_open_elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(source: Path, target: Path) -> None:
            raise PermissionError(13, "Access is denied", str(target), None, str(source))

        (tmp_path / "sites.csv").write_text("old")
        monkeypatch.setattr(os, "replace", refuse)  # what Windows does while Excel holds the file
        with pytest.raises(OutputError, match="Excel"):
            export.write_folder(tmp_path, self.FILES, overwrite=True)
        assert (tmp_path / "sites.csv").read_text() == "old"

    def test_a_full_disk(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        (tmp_path / "sites.csv").write_text("old")
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match="place libre"):
            export.write_folder(tmp_path, self.FILES, overwrite=True)
        assert (tmp_path / "sites.csv").read_text() == "old"

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork to kill a copy of this process")
    @pytest.mark.parametrize("step", range(8))
    def test_killed_at_any_step(self, tmp_path: Path, step: int) -> None:
        old = dict.fromkeys(self.FILES, b"old")
        export.write_folder(tmp_path, old, overwrite=False)
        killed = killed_while_writing(tmp_path, self.FILES, step)
        assert killed == (step < 6)  # three writes to disk, three moves
        for name, content in contents(tmp_path).items():
            if not name.startswith("."):
                assert content in (b"old", self.FILES[name])
        export.write_folder(tmp_path, self.FILES, overwrite=True)
        assert contents(tmp_path) == self.FILES


def killed_while_writing(out: Path, files: dict[str, bytes], step: int) -> bool:
    """Write in a child killed by SIGKILL before its `step`-th flush or move; tell if it was."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of other tests
        child = os.fork()
    if child == 0:
        left = step

        def counted(call: object) -> object:
            def wrapper(*arguments: object) -> object:
                nonlocal left
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1
                return call(*arguments)  # type: ignore[operator]

            return wrapper

        os.fsync, os.replace = counted(os.fsync), counted(os.replace)  # type: ignore[assignment]
        export.write_folder(out, files, overwrite=True)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


class TestFile:
    def test_whole_and_not_twice(self, tmp_path: Path) -> None:
        path = tmp_path / "sites.csv"
        export.write_file(path, b"one", overwrite=False)
        with pytest.raises(OutputError, match=r"existe déjà.*--overwrite"):
            export.write_file(path, b"two", overwrite=False)
        export.write_file(path, b"two", overwrite=True)
        assert contents(tmp_path) == {"sites.csv": b"two"}

    def test_a_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="est un dossier"):
            export.write_file(tmp_path, b"", overwrite=True)


def hashes() -> dict[str, str]:
    """Hash every format of the same results."""
    sheet = export.Sheet(title="Sites", note="", frame=a_sites(), table=SITES)
    contents_ = {
        "csv": export.csv_bytes(a_sites(), SITES),
        "xlsx": export.xlsx_bytes([sheet], title="", sources=[OSM]),
        "gpkg": export.gpkg_bytes({"sites": a_sites()}, sources=[OSM]),
        "html": export.html_bytes(a_map()),
    }
    return {name: hashlib.sha256(content).hexdigest() for name, content in contents_.items()}


def test_same_inputs_same_bytes_in_another_process() -> None:
    code = "import json, test_export; print(json.dumps(test_export.hashes()))"
    other = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "Pacific/Noumea"},
        capture_output=True,
        check=True,
        text=True,
    )
    assert json.loads(other.stdout) == hashes()
