import math
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siting.errors import DataError
from siting.sources.cells import decimal_number, has_lost_zero, insee_code, postcode
from siting.sources.projects import Projects, file_name, read_projects
from siting.tables import PROJECTS

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


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared test data beside the project")
def test_real_ban_export() -> None:
    projects = read_projects(SHARED / "data/addresses/ban_bondy_93010.csv", columns={})
    assert len(projects.rows) == 8413
    assert projects.rows.index[0] == "93010_i7xf1o_00001"
    assert projects.rows.iloc[0][["address", "code_insee"]].tolist() == [
        *("1 Allee Marguerite Duras", "93010"),
    ]
    assert projects.rows["coord_issue"].isna().all()
    assert projects.rows["lon"].between(2.4, 2.6).all()
