"""BAN files read row by row, and the documents that are made of them."""

import gzip
import json
import math
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from ban_samples import (
    ADDRESSES,
    COLUMNS,
    LOCALITIES,
    REPUBLIQUE,
    SAINT_DENIS,
    address,
    ban_files,
    table,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siting.errors import DataError
from siting.sources.addok_documents import Document
from siting.sources.ban_documents import CommuneFacts, documents, importance
from siting.sources.ban_files import BanFile, FileKind, LeftOut, open_ban_file

FACTS = CommuneFacts(
    populations={"93066": 3000, "75056": 300_000},
    departements={"93": "Seine-Saint-Denis", "75": "Paris", "974": "La Réunion"},
    wholes={"75102": "75056", "75103": "75056"},
    names={"75056": "Paris", "93066": "Saint-Denis"},
)
GOOD = address("1", REPUBLIQUE, (2.351, 48.935), SAINT_DENIS)


def made(folder: Path, *paths: Path) -> tuple[dict[object, Document], list[BanFile]]:
    """Make the documents of some files, by identifier."""
    files = [open_ban_file(path) for path in paths]
    workspace = folder / "rows.db"
    workspace.unlink(missing_ok=True)
    read = list(documents(files, communes=FACTS, workspace=workspace))
    by_id = {document["id"]: document for document in read}
    assert len(by_id) == len(read)
    return by_id, files


def of_rows(folder: Path, rows: Iterable[dict[str, str]]) -> tuple[dict[object, Document], BanFile]:
    path = folder / "adresses.csv"
    path.write_text(table(rows), encoding="utf-8")
    read, (file,) = made(folder, path)
    return read, file


def of_lines(folder: Path, *lines: object) -> tuple[dict[object, Document], BanFile]:
    """Make the documents of a file of documents; a text is a line as it is."""
    path = folder / "adresses-addok.ndjson"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts), encoding="utf-8")
    read, (file,) = made(folder, path)
    return read, file


def test_a_street_has_its_numbers(tmp_path: Path) -> None:
    read, files = made(tmp_path, *ban_files(tmp_path))
    street = read["93066_7890"]
    assert street["type"] == "street"
    assert street["name"] == ["Rue de la République"]
    assert street["context"] == ["93, Seine-Saint-Denis"]
    assert street["housenumbers"] == {
        "1": {"id": "93066_7890_00001", "lon": 2.351, "lat": 48.935},
        "12": {"id": "93066_7890_00012", "lon": 2.352, "lat": 48.935},
        "62": {"id": "93066_7890_00062", "lon": 2.354, "lat": 48.935},
        "62bis": {"id": "93066_7890_00062_bis", "lon": 2.355, "lat": 48.935},
    }
    # Mean of 2.351, 2.352, 2.354 and 2.355: 2.353; 2.352 and 2.354 are as near.
    assert street["lon"] in {2.352, 2.354}
    assert [(file.kind, file.n_rows) for file in files] == [
        (FileKind.ADDRESSES, 9),
        (FileKind.LOCALITIES, 1),
    ]
    assert not any(file.left_out for file in files)


def test_what_stands_for_a_former_commune_and_an_arrondissement(tmp_path: Path) -> None:
    read, _ = made(tmp_path, *ban_files(tmp_path))
    former = read["93059_6781"]
    assert former["name"] == ["Rue de Paris (Pierrefitte-sur-Seine)", "Rue de Paris"]
    assert former["citycode"] == ["93066", "93059"]
    assert former["city"] == ["Saint-Denis", "Pierrefitte-sur-Seine"]
    assert (former["oldcitycode"], former["oldcity"]) == (["93059"], ["Pierrefitte-sur-Seine"])
    assert read["93066_6780"]["name"] == ["Rue de Paris"]
    paris = read["75102_7061"]
    assert paris["citycode"] == ["75102", "75056"]
    assert paris["city"] == ["Paris", "Paris 2e Arrondissement"]
    assert paris["district"] == ["Paris 2e Arrondissement"]


def test_lieux_dits_of_their_file_and_of_addresses(tmp_path: Path) -> None:
    read, _ = made(tmp_path, *ban_files(tmp_path))
    assert (read["93066_b012"]["type"], read["93066_b012"]["lon"]) == ("locality", 2.38)
    named = read["93066_les-quatre-vents"]
    assert (named["name"], named["lon"], named["lat"]) == (["Les Quatre Vents"], 2.37, 48.94)


def test_a_lieu_dit_that_is_a_street_too_is_there_once(tmp_path: Path) -> None:
    row = GOOD | {"nom_ld": "RUE DE LA REPUBLIQUE"}
    read, _ = of_rows(tmp_path, [row])
    assert set(read) == {"93066_7890", "93066"}


def test_communes_are_at_the_mean_of_their_addresses(tmp_path: Path) -> None:
    read, _ = made(tmp_path, *ban_files(tmp_path))
    town = read["93066"]
    lons = [float(row["lon"]) for row in (*ADDRESSES[:8], *LOCALITIES)]
    assert town["type"] == "municipality"
    assert town["lon"] == pytest.approx(sum(lons) / 9)
    assert town["postcode"] == ["93200", "93380"]  # 7 places, then 2
    assert (read["75056"]["name"], read["75056"]["citycode"]) == (["Paris"], ["75056"])
    assert read["75102"]["name"] == ["Paris 2e Arrondissement"]


def test_importance_is_that_of_the_national_index(tmp_path: Path) -> None:
    read, _ = made(tmp_path, *ban_files(tmp_path))
    street = (math.log(1 + 3000 / 3) + math.log(1 + 4)) / 20
    assert read["93066_7890"]["importance"] == pytest.approx(street, abs=1e-5)
    assert read["93066"]["importance"] == pytest.approx(math.log(1001) / 20, abs=1e-5)
    assert importance(0, n_numbers=0) == 0


def test_a_number_of_another_postal_code_carries_it(tmp_path: Path) -> None:
    street = ("93066_7890", "Rue de la République")
    rows = [
        address("1", street, (2.1, 48.1), SAINT_DENIS),
        address("2", street, (2.2, 48.1), SAINT_DENIS),
        address("3", street, (2.3, 48.1), SAINT_DENIS | {"code_postal": "93210"}),
    ]
    read, _ = of_rows(tmp_path, rows)
    assert read["93066_7890"]["postcode"] == ["93200", "93210"]
    assert read["93066_7890"]["housenumbers"] == {
        "1": {"id": "93066_7890_00001", "lon": 2.1, "lat": 48.1},
        "2": {"id": "93066_7890_00002", "lon": 2.2, "lat": 48.1},
        "3": {"id": "93066_7890_00003", "lon": 2.3, "lat": 48.1, "postcode": "93210"},
    }


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    expected, _ = of_rows(tmp_path, ADDRESSES)
    for turn in range(1, len(ADDRESSES)):
        rows = [*ADDRESSES[turn:], *ADDRESSES[:turn]]
        assert of_rows(tmp_path, rows)[0] == expected


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("start", ["", "\N{ZERO WIDTH NO-BREAK SPACE}"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_dialects_give_the_same_documents(
    tmp_path: Path, delimiter: str, start: str, end: str
) -> None:
    expected, _ = of_rows(tmp_path, ADDRESSES)
    columns = ("", *COLUMNS, "id_ban_adresse")  # a rank before, what came in 2023 after
    text = table(ADDRESSES, columns=columns, delimiter=delimiter)
    path = tmp_path / "adresses-93.csv"
    path.write_bytes((start + text.replace("\n", end)).encode())
    assert made(tmp_path, path)[0] == expected


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        ({"code_insee": "9306"}, LeftOut.COMMUNE),
        ({"nom_commune": ""}, LeftOut.COMMUNE),
        ({"nom_voie": " "}, LeftOut.NAME),
        ({"lon": ""}, LeftOut.POSITION),
        ({"lat": "48,93"}, LeftOut.POSITION),
        ({"lat": "nan"}, LeftOut.POSITION),
        ({"lon": "0", "lat": "0"}, LeftOut.POSITION),
        ({"lon": "654321.1"}, LeftOut.POSITION),
        ({"numero": "12A"}, LeftOut.NUMBER),
        ({"numero": ""}, LeftOut.NUMBER),
        (
            {"nom_voie": "Rue du G\N{REPLACEMENT CHARACTER}n\N{REPLACEMENT CHARACTER}ral"},
            LeftOut.TEXT,
        ),
        ({"id": "93066_7890_00001"}, LeftOut.TWICE),
        ({"id": "93066_7890_00099", "numero": "1"}, LeftOut.SAME_NUMBER),
        ({"id": "93066_7890_00062_b", "numero": "62", "rep": "B"}, LeftOut.SAME_NUMBER),
    ],
)
def test_a_bad_row_is_counted_and_the_others_are_there(
    tmp_path: Path, spoilt: dict[str, str], reason: LeftOut
) -> None:
    bad = ADDRESSES[0] | {"id": "93066_7890_00001"} | spoilt
    read, file = of_rows(tmp_path, [*ADDRESSES, bad])
    assert file.left_out == {reason: 1}
    assert file.n_rows == 10
    assert read == of_rows(tmp_path, ADDRESSES)[0]


def test_ragged_lines_and_quotation_marks_spoil_their_own_line(tmp_path: Path) -> None:
    path = tmp_path / "adresses.csv"
    lines = table(ADDRESSES).splitlines()
    path.write_text("\n".join([*lines, 'a;"b', "x;y", "", lines[1] + ";"]), encoding="utf-8")
    read, (file,) = made(tmp_path, path)
    assert file.left_out == {LeftOut.CELLS: 3}
    assert read == of_rows(tmp_path, ADDRESSES)[0]


def test_a_lieu_dit_among_the_addresses_has_no_number(tmp_path: Path) -> None:
    row = address("99999", ("93066_b013", "La Ferme"), (2.4, 48.9), SAINT_DENIS)
    read, _ = of_rows(tmp_path, [GOOD, row])
    assert read["93066_b013_99999"]["type"] == "locality"


def test_an_identifier_of_another_form_still_makes_a_street(tmp_path: Path) -> None:
    rows = [GOOD | {"id": "", "numero": number} for number in ("1", "2")]
    read, _ = of_rows(tmp_path, rows)
    numbers = read["93066_rue de la république"]["housenumbers"]
    assert isinstance(numbers, dict)
    assert set(numbers) == {"1", "2"}


def test_na_is_no_name_of_a_former_commune(tmp_path: Path) -> None:
    row = GOOD | {"code_insee_ancienne_commune": "NA", "nom_ancienne_commune": "NA", "nom_ld": "NA"}
    read, _ = of_rows(tmp_path, [row])
    assert "oldcity" not in read["93066_7890"]
    assert set(read) == {"93066_7890", "93066"}


def test_the_same_file_twice_changes_nothing(tmp_path: Path) -> None:
    paths = ban_files(tmp_path)
    once, _ = made(tmp_path, *paths)
    twice, files = made(tmp_path, *paths, *paths)
    assert twice == once
    assert [file.left_out for file in files[2:]] == [{LeftOut.TWICE: 9}, {LeftOut.TWICE: 1}]


def test_documents_are_taken_as_they_are(tmp_path: Path) -> None:
    given, _ = made(tmp_path, *ban_files(tmp_path))
    read, file = of_lines(tmp_path, *given.values())
    assert read == given
    assert (file.kind, file.n_rows) == (FileKind.DOCUMENTS, len(given))


STREET: Document = {
    "id": "93066_1",
    "type": "street",
    "name": "Rue A",
    "citycode": "93066",
    "lon": 2.0,
    "lat": 48.0,
}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", LeftOut.JSON),
        ("[1]", LeftOut.JSON),
        ("[" * 100_000, LeftOut.JSON),
        (STREET | {"type": ["street"]}, LeftOut.KIND),
        (STREET | {"name": None}, LeftOut.NAME),
        (STREET | {"citycode": []}, LeftOut.COMMUNE),
        (STREET | {"lon": "x"}, LeftOut.POSITION),
        (STREET | {"lat": None}, LeftOut.POSITION),
        (STREET, LeftOut.TWICE),
    ],
)
def test_a_bad_document_is_counted(tmp_path: Path, line: object, reason: LeftOut) -> None:
    read, file = of_lines(tmp_path, STREET, line)
    assert file.left_out == {reason: 1}
    assert set(read) == {"93066_1"}


def test_what_addok_cannot_hold_is_taken_off_a_document(tmp_path: Path) -> None:
    place = {"lon": 2, "lat": 48}
    odd = STREET | {
        "_action": "delete",
        "_id": "x",
        "importance": "large",
        "postcode": [93200, None, {"a": 1}],
        "oldcity": None,
        "housenumbers": {"1": place, "5 bis": place, "5B": place, "7": {}, "8": None},
    }
    read, file = of_lines(tmp_path, odd)
    assert read["93066_1"] == {
        "id": "93066_1",
        "type": "street",
        "name": ["Rue A"],
        "citycode": ["93066"],
        "postcode": ["93200"],
        "importance": 0.0,
        "lon": 2.0,
        "lat": 48.0,
        "housenumbers": {
            "1": {"id": "", "lon": 2.0, "lat": 48.0},
            "5 bis": {"id": "", "lon": 2.0, "lat": 48.0},
        },
    }
    assert file.left_out == {LeftOut.POSITION: 2, LeftOut.SAME_NUMBER: 1}


def test_streets_in_both_forms_are_there_once(tmp_path: Path) -> None:
    paths = ban_files(tmp_path)
    expected, _ = made(tmp_path, *paths)
    lines = tmp_path / "adresses-addok-93.ndjson.gz"
    text = "\n".join(json.dumps(document) for document in expected.values())
    lines.write_bytes(gzip.compress(text.encode()))
    assert made(tmp_path, *paths, lines)[0] == expected


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "vide"),
        (b"\n", "vide"),
        (b"nom;adresse\na;b\n", "colonnes absentes : id, code_insee"),
        (table([], columns=[*COLUMNS[:12], "lat"]).encode(), "colonnes absentes : lon"),
        (b"<!DOCTYPE html><html>", "archive, classeur ou page web"),
        (b"\x00\x01;\x00", "archive, classeur ou page web"),
        (gzip.compress(table(ADDRESSES).encode())[:-12], "coupé ou abîmé"),
        (gzip.compress(b"id;x\n")[:4] + b"spoilt", "coupé ou abîmé"),
        (b"\x1f\x8b", "coupé ou abîmé"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "adresses-93.csv.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=told):
        made(tmp_path, path)


def test_a_file_that_is_not_there_a_folder_and_an_archive_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "adresses-93.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("adresses-93.csv", table(ADDRESSES))
    for path in (tmp_path, tmp_path / "nothing.csv", Path("/vsicurl/http://127.0.0.1/a.csv")):
        with pytest.raises(DataError, match="n'existe pas"):
            open_ban_file(path)
    with pytest.raises(DataError, match="archive"):
        open_ban_file(archive)


def test_a_file_made_to_fill_the_disk_is_refused(tmp_path: Path) -> None:
    start = table([GOOD]).encode()
    for filler in (b" " * (80 * 1024**2), (b" " * 1023 + b"\n") * (80 * 1024)):
        path = tmp_path / "adresses-93.csv.gz"
        path.write_bytes(gzip.compress(start + filler, compresslevel=1))
        with pytest.raises(DataError, match="bien plus long"):
            made(tmp_path, path)


_CELL = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=9)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.sampled_from(COLUMNS), _CELL | st.sampled_from(["1", "93066"]))))
def test_every_row_is_a_document_or_counted(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    path = tmp_path / "adresses.csv"
    lines = [";".join(row.get(column, "") for column in COLUMNS) for row in rows]
    path.write_text("\n".join([";".join(COLUMNS), *lines]), encoding="utf-8", newline="")
    file = open_ban_file(path)
    assert len(list(file.rows())) + file.left_out.total() == file.n_rows
