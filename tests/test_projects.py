import itertools
import math
from pathlib import Path

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siting.errors import DataError, OptionError
from siting.export import csv_bytes, with_own_columns
from siting.sources.cells import (
    decimal_number,
    has_lost_zero,
    has_two_numbers,
    insee_code,
    is_sexagesimal,
    postcode,
)
from siting.sources.coordinates import metric_systems
from siting.sources.projects import Projects, file_name, read_projects
from siting.tables import PROJECTS, SITES

SHARED = Path(__file__).parents[2] / "shared"


def read(tmp_path: Path, text: str, **columns: str) -> Projects:
    path = tmp_path / "projets.csv"
    path.write_bytes(text.encode())
    return read_projects(path, columns=columns)


def test_usual_file(tmp_path: Path) -> None:
    projects = read(
        tmp_path,
        "Identifiant;Nom du projet;Adresse;CP;Ville;Code_INSEE;Longitude;LATITUDE;Places\n"
        "A1;Les Tilleuls;2 RUE L 'EST ' B;1500;Ambérieu-en-Bugey;1004;;;12\n"
        "B2;;;;;;2,489;48,8935;\n",
    )
    rows = projects.rows
    assert list(rows.index) == ["A1", "B2"]
    assert rows.loc["A1", "label"] == "Les Tilleuls"
    assert rows.loc["A1", "address"] == "2 RUE L 'EST ' B"
    assert rows.loc["A1", "code_postal"] == "01500"
    assert rows.loc["A1", "code_insee"] == "01004"
    assert rows.loc["B2", ["lon", "lat"]].tolist() == [2.489, 48.8935]
    assert rows["coord_issue"].isna().all()
    assert list(rows["row_number"]) == [2, 3]
    assert list(projects.own.columns) == [
        *("Identifiant", "Nom du projet", "Adresse", "CP", "Ville", "Code_INSEE"),
        *("Longitude", "LATITUDE", "Places"),
    ]
    assert projects.own.loc["A1", ["CP", "Places"]].tolist() == ["1500", "12"]
    assert projects.own.loc["B2", "Longitude"] == "2,489"
    assert projects.recognised["commune"] == "Ville"
    assert any("Code INSEE" in note and "ligne 2" in note for note in projects.notes)


def test_table_obeys_its_contract(tmp_path: Path) -> None:
    projects = read(tmp_path, "adresse\nrue X\n")
    pd.testing.assert_frame_equal(PROJECTS.conform(projects.rows), projects.rows)
    assert list(projects.rows.columns) == PROJECTS.column_names
    assert projects.own.index.equals(projects.rows.index)


WORDS = st.text(st.characters(codec="utf-8", exclude_characters='\r\n\x00"'), max_size=6)


@given(st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=6))
def test_as_many_rows_out_as_in_untouched(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    lines = ["id;adresse;latitude;result_score"]
    lines += [f'"{one}";"{two}";"{three}";"{two}"' for one, two, three in rows]
    projects = read(tmp_path_factory.mktemp("p"), "\ufeff" + "\n".join(lines))
    assert len(projects.rows) == len(projects.own) == len(rows)
    assert projects.rows.index.equals(projects.own.index)
    assert projects.rows.index.is_unique
    expected = [(one, two, three, two) for one, two, three in rows]
    assert [tuple(row) for row in projects.own.fillna("").to_numpy()] == expected


def test_ids_not_filled_or_not_unique_are_row_numbers(tmp_path: Path) -> None:
    projects = read(
        tmp_path, "id;adresse\nA;x\n;x\nB;x\nb;x\nligne-0003;x\nA b;x\n\nligne-0003-2;x\n"
    )
    assert list(projects.rows.index) == [
        *("A", "ligne-0003-3", "ligne-0004", "ligne-0005", "ligne-0003", "A b", "ligne-0003-2"),
    ]
    assert any("lignes 3, 4, 5" in note for note in projects.notes)


def test_without_id_column_rows_are_numbered(tmp_path: Path) -> None:
    projects = read(tmp_path, "adresse\nrue X\n\nrue X\n")
    assert list(projects.rows.index) == ["ligne-0002", "ligne-0004"]
    assert projects.notes == ()


@pytest.mark.parametrize(
    ("lon", "lat", "issue"),
    [
        ("2,489", "48,8935", None),
        ("-1.5", "47.2", None),
        ("\N{MINUS SIGN}1.5", "47.2", None),
        ("2.489\N{NO-BREAK SPACE}", "\N{THIN SPACE}48.8935", None),
        ("0", "48.9", None),
        ("7,42", "43,73", None),  # Monaco
        ("-3.7038", "40.4168", None),  # Madrid
        ("55.45", "-20.88", None),  # Saint-Denis de La Réunion
        ("", "", None),
        ("2.489", "", "COORD_UNREADABLE"),
        ("", "48.8", "COORD_UNREADABLE"),
        ("à voir", "48.8", "COORD_UNREADABLE"),
        ("nan", "nan", "COORD_UNREADABLE"),
        ("inf", "48.8", "COORD_UNREADABLE"),
        ("1_0", "48.8", "COORD_UNREADABLE"),
        ("\N{FULLWIDTH DIGIT TWO}", "48.8", "COORD_UNREADABLE"),
        ("9" * 400, "48.8", "COORD_UNREADABLE"),
        ("2.48.9", "48.8", "COORD_UNREADABLE"),
        ("0", "0.0", "COORD_SUSPECT"),
        ("48.8935", "2.489", "COORD_SUSPECT"),  # swapped
        ("-20.88", "55.45", "COORD_SUSPECT"),  # swapped, La Réunion
        ("652 469,02", "6862035", "COORD_SUSPECT"),  # Lambert-93
        ("181", "48.8", "COORD_SUSPECT"),
        ("2", "-90.5", "COORD_SUSPECT"),
        ("2", "48", "COORD_SUSPECT"),  # degrees cut at their decimal comma
        ("55.45", "20.88", "COORD_SUSPECT"),  # La Réunion without its sign
        ("61.53", "16.24", "COORD_SUSPECT"),  # Guadeloupe without its sign
        ("2489000", "48893500", "COORD_SUSPECT"),  # the decimal point is lost
    ],
)
def test_coordinates(tmp_path: Path, lon: str, lat: str, issue: str | None) -> None:
    row = read(tmp_path, f"lon;lat;nom\n{lon};{lat};x\n").rows.iloc[0]
    if issue is None:
        assert pd.isna(row["coord_issue"])
        assert math.isnan(row["lon"]) == (lon == "")
    else:
        assert row["coord_issue"] == issue
        assert math.isnan(row["lon"])
        assert math.isnan(row["lat"])


@pytest.mark.parametrize(
    ("lon", "lat", "words"),
    [
        ("0", "0", "valent 0"),
        ("48,9", "2,4", "inversées"),
        ("55,45", "20,88", "signe"),
        ("2", "48", "degrés entiers"),
        ("2489", "48893", "limites"),
        ("652469", "6862035", "sans doute en Lambert-93 (EPSG:2154), pas en degrés"),
        ("652 469,02", "6 862 035,7", "sans doute en Lambert-93 (EPSG:2154), pas"),
        ("6862035", "652469", "Lambert-93 (EPSG:2154, x et y inversés)"),
        ("656000", "1796000", "UTM 20 Nord, Antilles (EPSG:5490) ou Lambert II étendu"),
        ("339000", "7690000", "UTM 40 Sud, La Réunion (EPSG:2975)"),
        ("355000", "545000", "UTM 22 Nord, Guyane (EPSG:2972)"),
        ("520000", "8585000", "UTM 38 Sud, Mayotte (EPSG:4471)"),
        ("560000", "5180000", "UTM 21 Nord, Saint-Pierre-et-Miquelon (EPSG:4467)"),
        ("1652000", "8188000", "Lambert CC49 (EPSG:3949)"),
        ("48°54'12\"", "2°29'20\"", "minutes et secondes"),
        ("2°29′20″ E", "48°54′12″ N", "minutes et secondes"),
        ("E2.489", "N48.89", "une lettre"),
        ("48.9, 2.4", "", "deux nombres"),
        ("", "48,9 ; 2,4", "deux nombres"),
        ("POINT(2.4 48.9)", "", "deux nombres"),
        ("2.4", "", "il manque"),
        ("à voir", "48.9", "pas deux nombres"),
    ],
)
def test_what_is_wrong_with_coordinates_is_said_with_the_row(
    tmp_path: Path, lon: str, lat: str, words: str
) -> None:
    lon, lat = (cell.replace('"', '""') for cell in (lon, lat))
    projects = read(tmp_path, f'lon;lat;adresse\n2,4;48,9;a\n"{lon}";"{lat}";x\n')
    assert projects.rows["coord_issue"].isna().tolist() == [True, False]
    assert projects.rows["lon"].isna().tolist() == [False, True]
    assert projects.rows["address"].tolist() == ["a", "x"]
    (note,) = projects.notes
    assert note.startswith("Coordonnées non utilisées (ligne 3) : ")
    assert words in note


def test_rows_with_the_same_trouble_are_listed_together(tmp_path: Path) -> None:
    rows = ["48,9;2,4", "2,4;48,9", "0;0", "48,8;2,3", "x;y", ";"]
    projects = read(tmp_path, "lon;lat\n" + "\n".join(rows) + "\n")
    assert [note.partition(" : ")[0] for note in projects.notes] == [
        f"Coordonnées non utilisées ({rows})" for rows in ("ligne 6", "ligne 4", "lignes 2, 5")
    ]


def test_lambert_93_is_always_recognised() -> None:
    lon, lat = (axis.ravel() for axis in np.meshgrid(np.arange(-5, 9.5), np.arange(42, 51)))
    shapes = gpd.GeoSeries.from_xy(lon, lat, crs=4326).to_crs(2154)
    names = metric_systems(shapes.x.to_numpy(), shapes.y.to_numpy())
    assert all("Lambert-93 (EPSG:2154)" in name for name in names)


def test_metres_of_nowhere_have_no_name() -> None:
    assert metric_systems(np.array([12.0, 1e8]), np.array([15.0, 1e8])) == ["", ""]


@pytest.mark.parametrize(
    "cell", ["48,9", "48.9", "1 200", "-1,5", "2.48.9", "", "x", "2 mars", "12/2024", "12 14"]
)
def test_one_number_or_none_is_not_two(cell: str) -> None:
    assert not has_two_numbers(cell)


@pytest.mark.parametrize("cell", ["48,9", "48.9", "Nord", "", "2 E 3", "N", "12 rue d'Arras"])
def test_what_is_not_sexagesimal(cell: str) -> None:
    assert not is_sexagesimal(cell)


@given(st.floats(-180, 180))
def test_a_number_is_read_back(value: float) -> None:
    assert decimal_number(f"{value:.9f}") == float(f"{value:.9f}")
    assert decimal_number(f"{value:.9f}".replace(".", ",")) == float(f"{value:.9f}")


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        *(("01004", "01004"), ("1004", "01004"), ("1004.0", "01004"), (" 93 066 ", "93066")),
        *(("2a004", "2A004"), ("97411", "97411"), ("98735", "98735")),
        *(("20004", ""), ("96001", ""), ("98501", ""), ("99138", ""), ("104", ""), ("", "")),
        *(("930661", ""), ("Bondy", ""), ("\N{FULLWIDTH DIGIT NINE}3066", "")),
    ],
)
def test_insee_code(cell: str, code: str) -> None:
    assert insee_code(cell) == code


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        *(("93140", "93140"), ("1000", "01000"), ("1000.0", "01000"), ("93140 CEDEX 2", "93140")),
        *(("20 090", "20090"), ("931", ""), ("F93140", ""), ("931400", "")),
    ],
)
def test_postcode(cell: str, code: str) -> None:
    assert postcode(cell) == code


def test_lost_zero() -> None:
    assert [has_lost_zero(cell) for cell in ("1004", "1004.0", "01004", "2A004", "")] == [
        *(True, True, False, False, False),
    ]


def test_codes_that_are_not_codes_are_left_out_and_said(tmp_path: Path) -> None:
    projects = read(tmp_path, "adresse;insee\nx;99138\ny;93010\n")
    assert projects.rows["code_insee"].fillna("").tolist() == ["", "93010"]
    assert any("Code INSEE illisible" in note and "ligne 2" in note for note in projects.notes)
    assert projects.own["insee"].tolist() == ["99138", "93010"]


def test_address_is_joined_from_the_columns_of_a_ban_export(tmp_path: Path) -> None:
    projects = read(
        tmp_path,
        "numero;rep;nom_voie;nom_commune\n12;bis;rue du Four;Bondy\n7.0;;Allée A;Bondy\n"
        "99999;;Le Moulin;Bondy\n5;;;Bondy\n",
    )
    assert projects.rows["address"].fillna("").tolist() == [
        *("12 bis rue du Four", "7 Allée A", "Le Moulin", ""),
    ]
    assert projects.recognised["adresse"] == "numero + rep + nom_voie"
    assert "id" not in projects.recognised


def test_number_column_is_an_id_when_there_is_an_address(tmp_path: Path) -> None:
    projects = read(tmp_path, "N°;voie;adresse\n7;rue A;7 rue A\n")
    assert list(projects.rows.index) == ["7"]
    assert projects.rows["address"].tolist() == ["7 rue A"]


def test_named_columns_win(tmp_path: Path) -> None:
    projects = read(
        tmp_path, "adresse;Où ça ?;x\nsiège;3 rue B;a\n", adresse="ou ca", nom="adresse"
    )
    assert projects.rows["address"].tolist() == ["3 rue B"]
    assert projects.rows["label"].tolist() == ["siège"]


def test_exact_name_wins_over_variants(tmp_path: Path) -> None:
    assert read(tmp_path, "ville;Commune\na;b\n").recognised["commune"] == "Commune"


def test_x_and_y_are_taken_when_they_are_degrees(tmp_path: Path) -> None:
    assert read(tmp_path, "x;y\n2.489;48.8935\n").rows["lon"].tolist() == [2.489]


def test_x_and_y_in_metres_are_left_out_and_said(tmp_path: Path) -> None:
    projects = read(tmp_path, "adresse;X;Y\na;652469;6862035\n")
    assert projects.rows[["lon", "lat", "coord_issue"]].isna().all(axis=None)
    assert any("degrés" in note for note in projects.notes)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ("652469", "6862035", "sans doute en Lambert-93 (EPSG:2154)"),
        ("339000", "7690000", "La Réunion (EPSG:2975)"),
        ("12", "1500", "ne sont pas en degrés :"),
    ],
)
def test_columns_x_and_y_in_metres_are_named(tmp_path: Path, x: str, y: str, words: str) -> None:
    (note,) = read(tmp_path, f"adresse;X;Y\na;{x};{y}\n").notes
    assert words in note
    with pytest.raises(DataError) as caught:
        read(tmp_path, f"nom;X;Y\na;{x};{y}\n")
    assert words in str(caught.value)


def test_columns_x_and_y_that_are_empty_say_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "adresse;X;Y\na;;\n").notes == ()


def test_column_of_two_coordinates_is_not_read_and_said(tmp_path: Path) -> None:
    text = 'adresse,geo_point_2d,budget\na,"48.9, 2.4",1 200\nb,,\nc,"48.8, 2.3",3\n'
    projects = read(tmp_path, text)
    (note,) = projects.notes
    assert "« geo_point_2d »" in note
    assert "« budget »" not in note
    assert projects.own["geo_point_2d"].fillna("").tolist() == ["48.9, 2.4", "", "48.8, 2.3"]


def test_longitude_alone_is_left_out_and_said(tmp_path: Path) -> None:
    projects = read(tmp_path, "adresse;lon\na;2.4\n")
    assert projects.rows[["lon", "coord_issue"]].isna().all(axis=None)
    assert any("--column lat=NOM" in note for note in projects.notes)


def test_duplicate_headers_that_do_not_matter_are_numbered(tmp_path: Path) -> None:
    projects = read(tmp_path, "adresse;Note;Note;Note (2)\na;1;2;3\n")
    assert projects.own.iloc[0].to_dict() == {
        "adresse": "a",
        "Note": "1",
        "Note (3)": "2",
        "Note (2)": "3",
    }
    assert any("« Note (3) »" in note for note in projects.notes)


@pytest.mark.parametrize(
    ("text", "columns", "words"),
    [
        ("adresse;adresse\na;b\n", {}, "plusieurs fois"),
        ("id;adresse;id\na;b;c\n", {}, "plusieurs fois"),
        ("adresse du projet;adresse postale\na;b\n", {}, "--column adresse=NOM"),
        ("ville;localité\na;b\n", {}, "--column commune=NOM"),
        ("projet;budget\na;b\n", {}, "« projet », « budget »"),
        ("nom;cp\na;93140\n", {}, "aucune colonne"),
        ("adresse\na\n", {"rue": "adresse"}, "champ connu"),
        ("adresse;b\na;b\n", {"adresse": "voie"}, "« adresse », « b »"),
        ("adresse\n", {}, "en-tête"),
    ],
)
def test_bad_file_is_refused_in_french(
    tmp_path: Path, text: str, columns: dict[str, str], words: str
) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, text, **columns)
    assert words in str(caught.value)


# One table, whatever its dialect


WIDE = (
    ("id", "nom", "adresse", "cp", "commune", "lon", "lat", "note"),
    ("1", "L’œuvre d'Élise", "12 bis, rue du « Four »", "01500", "Ambérieu", "5,3561", "45,9", ""),
    ("2", 'Le "Parc"', "3; allée | B\tC", "2A004", "Ajaccio", "8.7", "41.9", "ligne\nligne"),
    ("3", "NA", "", "1000", "null", "", "", "=1+1"),
)
DIALECTS = list(
    itertools.product(("utf-8", "utf-8-sig", "cp1252", "utf-16"), ";,\t|", ("\n", "\r\n", "\r"))
)


def dialect(encoding: str, delimiter: str, end: str) -> bytes:
    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""').replace("\n", end) + '"'

    return "".join(delimiter.join(map(quoted, row)) + end for row in WIDE).encode(encoding)


def test_forty_eight_dialects_give_one_table(tmp_path: Path) -> None:
    assert len(DIALECTS) == 48
    path = tmp_path / "p.csv"
    found = []
    for encoding, delimiter, end in DIALECTS:
        path.write_bytes(dialect(encoding, delimiter, end))
        found.append(read_projects(path, columns={}))
    first = found[0]
    assert first.rows["lon"].fillna(0).tolist() == [5.3561, 8.7, 0]
    assert first.rows["address"].fillna("").tolist() == [
        *("12 bis, rue du « Four »", "3; allée | B C", ""),
    ]
    assert [tuple(row) for row in first.own.fillna("").to_numpy()] == list(WIDE[1:])
    for other in found[1:]:
        pd.testing.assert_frame_equal(other.rows, first.rows)
        pd.testing.assert_frame_equal(other.own, first.own)
        assert other.notes == first.notes


def test_a_workbook_of_text_is_the_same_table(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in WIDE:
        book.active.append(row)
    book.active["H4"].data_type = "s"  # else openpyxl writes a formula
    book.save(tmp_path / "p.xlsx")
    (tmp_path / "p.csv").write_bytes(dialect("utf-8", ";", "\n"))
    sheet, text = (read_projects(tmp_path / f"p.{e}", columns={}) for e in ("xlsx", "csv"))
    pd.testing.assert_frame_equal(sheet.rows, text.rows)
    pd.testing.assert_frame_equal(sheet.own, text.own)


# Rows with more cells than the header


HEADER = "nom,adresse,cp,commune,note"


def test_remark_that_was_cut_moves_nothing(tmp_path: Path) -> None:
    text = f"{HEADER}\nA,3 rue B,93140,Bondy,vu\nB,4 rue C,93140,Bondy,appeler, puis revoir\n"
    projects = read(tmp_path, text)
    assert projects.shifted == ()
    assert projects.rows["address"].tolist() == ["3 rue B", "4 rue C"]
    assert projects.rows["commune"].tolist() == ["Bondy", "Bondy"]
    assert projects.own["Colonne F"].fillna("").tolist() == ["", " puis revoir"]
    assert any("(ligne 3)" in note and "Plus de cases" in note for note in projects.notes)


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (HEADER, "B,4, rue C,93140,Bondy,"),  # cut in the address
        (HEADER, "B,4, rue C,93140,Bondy,vu"),
        (HEADER, "Les Tilleuls, bât. B,4 rue C,93140,Bondy,vu"),  # cut in the name
        (HEADER, "B,,,93140,Bondy,vu"),  # an empty cell too many
        (HEADER, "B,4 rue C,,93140,Bondy,vu"),
        ("nom,adresse,commune", "B,4 rue C,Bondy,vu"),  # no code to be sure
        ("nom,cp,adresse", "B,93140,4,rue C"),  # the address itself is cut
        ("nom,adresse,cp,insee,commune", "B,4, rue C,93140,93010,Bondy"),
        ("nom,cp,commune,lon,lat", "B,93140,Bondy,2,48,48,89"),  # decimal commas
        ("nom,cp,commune,lon,lat,note", "B,93140,Bondy,2,48,48,89"),
        ("nom,dossier,cp,commune", "B, b,12345,93140,Bondy"),
        ("nom,numero,voie,cp", "B,4,rue C, D,93140"),
    ],
)
def test_row_that_may_be_shifted_is_kept_and_not_placed(
    tmp_path: Path, header: str, row: str
) -> None:
    blank = "," * header.count(",")
    projects = read(tmp_path, f"{header}\n{row}\nA{blank}\nC{blank}\n")
    assert projects.shifted == ("ligne-0002",)
    placed = projects.rows.drop(columns=["row_number", "label", "coord_issue"])
    assert placed.isna().all(axis=None)
    assert projects.rows["coord_issue"].fillna("").tolist() == ["SHIFTED_ROW", "", ""]
    assert projects.rows["label"].iloc[0] == row.partition(",")[0]
    kept = [cell for cell in projects.own.fillna("").iloc[0] if cell]
    assert kept == [cell for cell in row.split(",") if cell]
    assert any("décalées (ligne 2)" in note for note in projects.notes)


def test_long_row_is_sound_up_to_its_last_code(tmp_path: Path) -> None:
    text = "nom;adresse;commune;insee\nA;3 rue B;Bondy;93010;x\nB;4 rue C;Bondy;93010\n"
    projects = read(tmp_path, text)
    assert projects.shifted == ()
    assert projects.rows["address"].tolist() == ["3 rue B", "4 rue C"]


@pytest.mark.parametrize(
    "text",
    [
        "adresse,cp,commune\n1,3 rue B,93140,Bondy\n2,4 rue C,93140,Bondy\n",  # R's row names
        "adresse, ville\n12, rue X, Bondy\n14, rue X, Bondy\n",  # one column, with commas
    ],
)
def test_table_whose_rows_are_all_shifted_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"p.*: la plupart des lignes.*\(lignes 2, 3\)"):
        read(tmp_path, text)


@given(
    st.lists(st.sampled_from(["a", "b,c", "1,5", "x,y,z", ""]), min_size=4, max_size=4),
    st.integers(0, 3),
)
def test_an_unquoted_comma_never_moves_an_address(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str], at: int
) -> None:
    """Whatever cell is cut, a row that is placed has its own address and code."""
    cells[at] = ("nom", "9 rue des Lilas", "93140", "Bondy")[at]
    good = ("nom", "9 rue des Lilas", "93140", "Bondy")
    row = [cell or word for cell, word in zip(cells, good, strict=True)]
    text = "nom,adresse,cp,commune\n" + ",".join(row) + "\n" + "x,,,\n" * 3
    projects = read(tmp_path_factory.mktemp("p"), text)
    if "ligne-0002" not in projects.shifted:
        texts = ["address", "code_postal", "commune"]
        found = projects.rows[texts].fillna("").iloc[0]
        assert found["address"] == row[1]
        assert found["code_postal"] == postcode(row[2])
        assert found["commune"] in row[3]


# Sheets


def test_the_sheet_of_projects_is_found_among_others(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Lisez-moi"
    for row in (["Mode d'emploi"], ["Une ligne par projet"]):
        book.active.append(row)
    for title, header in (("Projets", ["Nom", "LIB"]), ("Budget", ["Poste", "Montant"])):
        sheet = book.create_sheet(title)
        sheet.append(header)
        sheet.append(["A", "3 rue B"])
    path = tmp_path / "p.xlsx"
    book.save(path)
    with pytest.raises(DataError, match=r"« Lisez-moi », « Projets », « Budget »"):
        read_projects(path, columns={})
    projects = read_projects(path, columns={"adresse": "lib"})
    assert (projects.sheet, projects.rows["address"].tolist()) == ("Projets", ["3 rue B"])
    assert any("« Budget »" in note for note in projects.notes)
    assert read_projects(path, columns={"adresse": "Poste"}, sheet="budget").sheet == "Budget"
    book["Projets"]["B1"] = "Adresse"
    book.save(path)
    assert read_projects(path, columns={}).sheet == "Projets"
    with pytest.raises(OptionError, match="champ connu"):
        read_projects(path, columns={"rue": "LIB"}, sheet="Projets")


# Columns that are called as ours


TAKEN = (
    *("latitude", "longitude", "result_score", "result_label", "geocode_status", "site_id"),
    *("geometry", "LON", "Lat", "label", "commune_check", "saisi_label", "code_insee", "index"),
)


def test_columns_called_as_ours_survive_to_the_export(tmp_path: Path) -> None:
    cells = {name: f"<{name}>" for name in TAKEN}
    text = "\n".join(";".join(["3 rue B", *row, "2,4", "48,9"]) for row in (cells, cells.values()))
    text = text.replace("3 rue B", "adresse", 1).replace("2,4;48,9", "x;y", 1)
    # No column of theirs is a coordinate: the user says which are.
    projects = read(tmp_path, text, lon="x", lat="y", code_insee="saisi_label", nom="index")
    assert list(projects.own.columns) == ["adresse", *TAKEN, "x", "y"]
    body = pd.DataFrame(index=projects.rows.index, columns=SITES.column_names, dtype="object")
    body["geocode_status"] = "provided"
    shapes = gpd.points_from_xy(projects.rows["lon"], projects.rows["lat"], crs=4326)
    sites = with_own_columns(SITES.conform(gpd.GeoDataFrame(body, geometry=shapes)), projects.own)
    row = sites.drop(columns="geometry").astype("object").iloc[0]
    kept = {str(value): str(name) for name, value in row.items()}
    assert {name: kept[cell] for name, cell in cells.items()} == {
        **{name: name for name in ("latitude", "longitude", "result_score", "result_label")},
        **{name: f"saisi_{name}" for name in ("geocode_status", "site_id", "geometry")},
        **{name: f"saisi_{name}" for name in ("LON", "Lat", "commune_check", "code_insee")},
        "label": "saisi_label",
        "saisi_label": "saisi_saisi_label",
        "index": "index",
    }
    assert (row["geocode_status"], sites.geometry.iloc[0].x) == ("provided", 2.4)
    written = csv_bytes(sites, SITES).decode()
    assert all(cell in written for cell in cells.values())


def test_missing_words_stay_text(tmp_path: Path) -> None:
    projects = read(tmp_path, "adresse;commune\nNA;None\nnull;nan\n")
    assert projects.rows["address"].tolist() == ["NA", "null"]
    assert projects.rows["commune"].tolist() == ["None", "nan"]


def test_workbook_equals_text_file(tmp_path: Path) -> None:
    text = read(tmp_path, "id;adresse;code_insee;lon;lat\n1;rue X;1004;2.5;48.9\n")
    book = openpyxl.Workbook()
    book.active.append(["id", "adresse", "code_insee", "lon", "lat"])
    book.active.append([1, "rue X", 1004, 2.5, 48.9])
    book.save(tmp_path / "p.xlsx")
    sheet = read_projects(tmp_path / "p.xlsx", columns={})
    pd.testing.assert_frame_equal(sheet.rows, text.rows)
    pd.testing.assert_frame_equal(sheet.own, text.own)


@pytest.mark.parametrize("site_id", ["ligne-0002", "A1", "93.010_b", "x" * 80])
def test_plain_id_is_its_own_file_name(site_id: str) -> None:
    assert file_name(site_id) == site_id


@pytest.mark.parametrize(
    "site_id",
    [
        *("CON", "nul.txt", "lpt1", "a/b", "..", "../../etc/passwd", "a\\b", "fin.", ".caché"),
        *("a b", "Épinay", "x" * 81, "日本", "-x", "a:b*?", 'a"<b>|', "COM¹"),
    ],
)
def test_other_ids_are_made_safe(site_id: str) -> None:
    name = file_name(site_id)
    assert name != site_id
    assert len(name) <= 100
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


@given(st.lists(st.text(min_size=1, max_size=12), unique_by=str.casefold, max_size=8))
def test_two_ids_never_share_a_file(ids: list[str]) -> None:
    assert len({file_name(one).casefold() for one in ids}) == len(ids)


@pytest.mark.skipif(
    not (SHARED / "data/addresses").exists(), reason="needs the shared test data beside the project"
)
def test_real_ban_export() -> None:
    projects = read_projects(SHARED / "data/addresses/ban_bondy_93010.csv", columns={})
    assert len(projects.rows) == 8413
    assert projects.rows.index[0] == "93010_i7xf1o_00001"
    assert projects.rows.iloc[0][["address", "code_insee"]].tolist() == [
        *("1 Allee Marguerite Duras", "93010"),
    ]
    assert projects.rows["coord_issue"].isna().all()
    assert projects.rows["lon"].between(2.4, 2.6).all()
