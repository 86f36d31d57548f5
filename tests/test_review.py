"""The review loop: what a person gets, fills in with a spreadsheet, and what becomes of it."""

from __future__ import annotations

import csv
import functools
import io
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from places import HISTORY, REGISTER, projects
from test_maps import NODE_HARNESS, NOTES, PAYLOADS, Reader, drawn_data, plain, strings

from siting import export, territory
from siting.asking import Answer, Ask, Spot
from siting.decisions import (
    DECISIONS,
    Reviewed,
    WithReview,
    review_counts,
    settled_by_review,
    with_review,
)
from siting.errors import DataError, SourceError
from siting.geocode import Geocoding, declared_communes, geocode
from siting.maps import MapNotes
from siting.maps.page import MAX_ROWS
from siting.maps.review import review_map
from siting.matching import Candidate
from siting.provenance import Provenance
from siting.review import AS_GIVEN, REVIEW, needs_attention, review_rows
from siting.sources.review_file import read_reviewed
from siting.tables import CANDIDATES, COMMUNES, GEOCODING, SITE_COMMUNES, SITES

CARNOT = "Rue Carnot 93140 Bondy"


def address(number: str, street: str, lon: float, lat: float, **more: object) -> Candidate:
    """Return an address of Bondy."""
    known = {
        "label": f"{number} {street} 93140 Bondy".strip(),
        "score": 0.9,
        "kind": "housenumber" if number else "street",
        "citycode": "93010",
        "city": "Bondy",
        "postcode": "93140",
    }
    name = f"{number} {street}".strip()
    fields = known | {"name": name, "street": street, "housenumber": number} | more
    return Candidate(lon=lon, lat=lat, **fields)


TOWN = address("", "", 2.47, 48.90, label="Bondy", kind="municipality", name="Bondy")
KNOWN = {
    "12 rue carnot": (
        address("14", "Rue Carnot", 2.481, 48.901, score=0.7),
        address("", "Rue Carnot", 2.482, 48.902, score=0.65),
        TOWN,
        address("16", "Rue Carnot", 2.4830001, 48.9030001, score=0.6),
        address("18", "Rue Carnot", 2.484, 48.904, score=0.55),
    ),
    "3 avenue pasteur": (
        address("3", "Avenue Pasteur", 2.49, 48.91, label="3 Avenue Pasteur (A)"),
        address("3", "Avenue Pasteur", 2.50, 48.92, label="3 Avenue Pasteur (B)"),
    ),
    "5 rue carnot": (address("5", "Rue Carnot", 2.485, 48.905, score=0.95),),
}


@dataclass(frozen=True)
class Knows:
    """A geocoder that knows a few addresses by the words that a text begins with."""

    known: Mapping[str, tuple[Candidate, ...]]
    url: str = "http://127.0.0.1/knows"

    def answers(
        self, asks: Sequence[Ask], *, is_bulk: bool
    ) -> Iterator[tuple[Ask, Answer | SourceError]]:
        for ask in asks:
            found = [
                places
                for text, places in self.known.items()
                if ask.query.casefold().startswith(text) and not ask.kind
            ]
            yield ask, Answer(candidates=found[0] if found else (), is_whole=not is_bulk)

    def addresses_at(
        self, spots: Sequence[Spot], *, is_bulk: bool
    ) -> Iterator[tuple[Spot, Answer | SourceError]]:
        for spot in spots:
            yield spot, Answer(candidates=(), is_whole=not is_bulk)


def placed(table: pd.DataFrame) -> Geocoding:
    declared = declared_communes(table, register=REGISTER, history=HISTORY)
    return geocode(table, Knows(KNOWN), declared=declared, history=HISTORY)


def rows_of(table: pd.DataFrame) -> pd.DataFrame:
    """Return what is to be reviewed of projects after one geocoding."""
    found = placed(table)
    return review_rows(table, found.sites, found.requests, found.candidates)


CARNOT_ROW = {"label": "Les Tilleuls", "address": "12 rue Carnot", "commune": "Bondy"}
PASTEUR_ROW = {"label": "L'Œillet", "address": "3 avenue Pasteur", "commune": "Bondy"}
A_FEW = projects(
    CARNOT_ROW | {"code_postal": "93140", "code_insee": "93010"},
    PASTEUR_ROW,
    {"address": "99 rue du Bout", "commune": "Bondy"},
    {"address": "5 rue Carnot", "commune": "Bondy"},
    {"address": "1 rue inconnue", "commune": "Bondy"},
    {"address": "2 rue inconnue", "commune": "Bondy"},
)


class TestRows:
    def test_only_rows_that_need_someone_are_there_in_their_order(self) -> None:
        review = rows_of(A_FEW)
        assert list(review.index) == ["p1", "p2", "p3", "p5", "p6"]
        assert list(review["ligne"]) == [2, 3, 4, 6, 7]

    def test_a_row_says_what_was_asked_and_why_it_is_there(self) -> None:
        row = rows_of(A_FEW).loc["p1"]
        assert row["nom"] == "Les Tilleuls"
        assert row["adresse"] == "12 rue Carnot"
        assert row["commune_declaree"] == "93140 Bondy (INSEE 93010)"
        assert row["motif"] == "le numéro trouvé n'est pas celui demandé"
        assert row["statut"] == "adresse à vérifier"
        assert row["adresse_envoyee"].startswith("12 rue Carnot")

    def test_the_first_three_addresses_are_proposed_but_no_town(self) -> None:
        row = rows_of(A_FEW).loc["p1"]
        labels = [row[f"proposition_{number}"] for number in (1, 2, 3)]
        assert labels == [f"14 {CARNOT}", CARNOT, f"16 {CARNOT}"]
        assert (row["lon_2"], row["lat_2"], row["score_2"]) == (2.482, 48.902, 0.65)
        assert row["commune_1"] == "Bondy (93010)"

    def test_what_is_to_be_filled_in_is_empty(self) -> None:
        asked = ["choix", "lon_retenue", "lat_retenue", "adresse_corrigee", "remarque"]
        assert list(REVIEW.column_names)[-5:] == asked
        assert rows_of(A_FEW)[asked].isna().all(axis=None)

    def test_a_position_that_stands_in_another_commune_is_proposed(self) -> None:
        table = projects(
            {"lon": 2.49, "lat": 48.91, "commune": "Pantin"},
            {"address": "5 rue Carnot", "commune": "Bondy"},
        )
        found = placed(table)
        sites = found.sites.assign(
            geocode_status=["provided", "review"],
            geocode_reason="COMMUNE_MISMATCH",
            code_insee="93010",
            commune="Bondy",
        )
        review = review_rows(table, SITES.conform(sites), found.requests, found.candidates)
        assert list(review["proposition_1"]) == [AS_GIVEN, f"5 {CARNOT}"]
        assert list(review["lon_1"]) == [2.49, 2.485]
        assert list(review["commune_1"]) == ["Bondy (93010)"] * 2
        assert review["proposition_2"].isna().all()

    @pytest.mark.parametrize(
        ("row", "words"),
        [
            ({"code_insee": "01004"}, "(INSEE 01004)"),
            ({"code_postal": "01500"}, "01500 (code postal)"),
            ({"commune": "Bondy"}, "Bondy"),
        ],
    )
    def test_codes_stand_beside_words(self, row: dict[str, object], words: str) -> None:
        review = rows_of(projects(row | {"address": "1 rue inconnue"}))
        assert review["commune_declaree"].item() == words

    def test_nothing_to_review_is_an_empty_table(self) -> None:
        review = rows_of(projects({"address": "5 rue Carnot", "commune": "Bondy"}))
        assert review.empty
        pd.testing.assert_frame_equal(review, REVIEW.empty())
        nothing = review_rows(projects(), SITES.empty(), GEOCODING.empty(), CANDIDATES.empty())
        assert nothing.empty

    @pytest.mark.parametrize(
        ("status", "reason", "expected"),
        [
            ("ok", "MATCHED", False),
            ("ok", "NEAR_BORDER", False),
            ("provided", "COORDINATES_GIVEN", False),
            ("provided", "COMMUNE_MISMATCH", True),
            ("review", "LOW_SCORE", True),
            ("rejected", "LOW_SCORE", True),
            ("error", "SERVICE_ERROR", True),
            ("skipped", "OFFLINE", True),
            ("rejected", "REVIEWED", False),
            ("provided", "REVIEWED", False),
        ],
    )
    def test_who_needs_attention(self, status: str, reason: str, *, expected: bool) -> None:
        sites = pd.DataFrame({"geocode_status": [status], "geocode_reason": [reason]})
        assert needs_attention(sites).item() is expected


Cells = Mapping[str, Mapping[str, str]]  # by site, by column


def filled(content: bytes, changes: Cells) -> list[list[str]]:
    """Return the cells of a CSV of ours once a person has filled some in."""
    header, *rows = csv.reader(io.StringIO(content.decode()))
    for row in rows:
        for name, cell in changes.get(row[0], {}).items():
            row[header.index(name)] = cell
    return [header, *rows]


def saved_as_is(cells: Sequence[Sequence[str]], folder: Path) -> Path:
    """Save as we write it: UTF-8, comma, decimal point."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(cells)
    path = folder / "to_review.csv"
    path.write_bytes(text.getvalue().encode())
    return path


def saved_in_french(cells: Sequence[Sequence[str]], folder: Path) -> Path:
    """Save as a French spreadsheet does: Windows-1252, semicolon, CRLF, decimal comma."""
    number = re.compile(r"-?[0-9]+\.[0-9]+")
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    for row in cells:
        writer.writerow([c.replace(".", ",") if number.fullmatch(c) else c for c in row])
    path = folder / "relu.csv"
    path.write_bytes(text.getvalue().encode("cp1252", "replace"))
    return path


def saved_as_workbook(cells: Sequence[Sequence[str]], folder: Path) -> Path:
    """Save as a workbook: a sheet of explanations first, numbers as numbers."""
    book = openpyxl.Workbook()
    book.active.title = "Lisez-moi"
    for line in (["Feuilles"], ["a_verifier", "2 lignes"], ["Cellule vide", "inconnu"]):
        book.active.append(line)
    sheet = book.create_sheet("a_verifier")
    header, *rows = cells
    sheet.append(list(header))
    for row in rows:
        sheet.append([float(c) if re.fullmatch(r"-?[0-9.]+", c) else c or None for c in row])
    path = folder / "relu.xlsx"
    book.save(path)
    return path


Save = Callable[[Sequence[Sequence[str]], Path], Path]
SAVED: list[Save] = [saved_as_is, saved_in_french, saved_as_workbook]


def review_of(table: pd.DataFrame, changes: Cells, folder: Path) -> Reviewed:
    """Return what is read of the review of projects, filled in and saved in French."""
    cells = filled(export.csv_bytes(rows_of(table), REVIEW), changes)
    return read_reviewed(saved_in_french(cells, folder))


@functools.cache
def one_row(*, is_carnot: bool = True) -> bytes:
    """Return the review of one project."""
    return export.csv_bytes(rows_of(projects(CARNOT_ROW if is_carnot else PASTEUR_ROW)), REVIEW)


def one_reviewed(cells: Mapping[str, str], folder: Path) -> Reviewed:
    """Return what is read of the review of one project, filled in and saved in French."""
    return read_reviewed(saved_in_french(filled(one_row(), {"p1": cells}), folder))


def settled(table: pd.DataFrame, applied: WithReview) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Geocode again after a review; return the sites, and what is still to review."""
    found = placed(applied.projects)
    sites = settled_by_review(found.sites, applied.decisions)
    return sites, review_rows(table, sites, found.requests, found.candidates)


CHANGES: Cells = {
    "p1": {"choix": "3", "remarque": "vu sur place"},
    "p2": {"adresse_corrigee": "5 rue Carnot"},
    "p3": {"choix": "aucune"},
    "p5": {"lon_retenue": "2.4801234", "lat_retenue": "48.9001234"},
}


class TestLoop:
    @pytest.mark.parametrize("saved", SAVED)
    def test_what_a_person_decides_settles_the_rows(self, saved: Save, tmp_path: Path) -> None:
        cells = filled(export.csv_bytes(rows_of(A_FEW), REVIEW), CHANGES)
        path = saved(cells, tmp_path)
        reviewed = read_reviewed(path)
        applied = with_review(A_FEW, [reviewed])
        sites, left = settled(A_FEW, applied)
        assert list(sites.index) == list(A_FEW.index)
        assert list(sites["geocode_status"]) == [
            *("provided", "ok", "rejected", "ok", "provided", "not_found")
        ]
        assert list(sites["geocode_reason"]) == [
            *("REVIEWED", "MATCHED", "REVIEWED", "MATCHED", "REVIEWED", "NO_CANDIDATE")
        ]
        assert sites.loc["p1", "matched_label"] == f"16 {CARNOT}"
        assert sites.loc["p1"].geometry.coords[0] == (2.4830001, 48.9030001)
        assert sites.loc["p2", "matched_label"] == f"5 {CARNOT}"
        assert sites.loc["p2", "address"] == "3 avenue Pasteur"
        assert sites.loc["p2"].geometry.coords[0] == (2.485, 48.905)
        assert sites.loc["p3"].geometry is None
        assert sites.loc["p5"].geometry.coords[0] == (2.4801234, 48.9001234)
        assert pd.isna(sites.loc["p5", "matched_label"])
        assert list(left.index) == ["p6"]
        assert applied.notes == ()
        assert reviewed.notes[-1] == f"{path.name} : ligne 6. Sans décision, encore à vérifier."
        assert review_counts(applied.decisions) == {
            "sites placés par une personne": 2,
            "sites écartés par une personne": 1,
            "adresses corrigées par une personne": 1,
        }

    def test_a_file_nobody_filled_in_changes_nothing(self, tmp_path: Path) -> None:
        reviewed = review_of(A_FEW, {}, tmp_path)
        assert reviewed.decided.empty
        (note,) = reviewed.notes
        assert note == "relu.csv : lignes 2, 3, 4, 5, 6. Sans décision, encore à vérifier."
        applied = with_review(A_FEW, [reviewed])
        pd.testing.assert_frame_equal(applied.projects, A_FEW)
        sites, _ = settled(A_FEW, applied)
        pd.testing.assert_frame_equal(sites, placed(A_FEW).sites)
        assert sum(review_counts(applied.decisions).values()) == 0

    def test_without_file_nothing_changes(self) -> None:
        applied = with_review(A_FEW, [])
        pd.testing.assert_frame_equal(applied.projects, A_FEW)
        pd.testing.assert_frame_equal(applied.decisions, DECISIONS.empty())

    def test_inputs_are_unchanged(self, tmp_path: Path) -> None:
        before, reviewed = A_FEW.copy(), review_of(A_FEW, CHANGES, tmp_path)
        decided = reviewed.decided.copy()
        applied = with_review(A_FEW, [reviewed])
        found = placed(applied.projects)
        sites = found.sites.copy()
        settled_by_review(found.sites, applied.decisions)
        pd.testing.assert_frame_equal(A_FEW, before)
        pd.testing.assert_frame_equal(reviewed.decided, decided)
        pd.testing.assert_frame_equal(found.sites, sites)

    def test_the_next_file_adds_to_the_first_and_wins_over_it(self, tmp_path: Path) -> None:
        first = review_of(A_FEW, {"p1": {"choix": "1"}, "p3": {"choix": "aucune"}}, tmp_path)
        second = review_of(A_FEW, {"p1": {"choix": "2"}, "p2": {"choix": "2"}}, tmp_path)
        applied = with_review(A_FEW, [first, second])
        assert list(applied.decisions.index) == ["p1", "p2", "p3"]
        assert list(applied.decisions["decision"]) == ["position", "position", "none"]
        assert list(applied.decisions["lon"][:2]) == [2.482, 2.50]

    def test_a_corrected_address_takes_the_place_of_wrong_coordinates(self, tmp_path: Path) -> None:
        suspect = {"address": "9 rue inconnue", "commune": "Bondy", "coord_issue": "COORD_SUSPECT"}
        given = {"address": "9 rue inconnue", "commune": "Bondy", "lon": 2.6, "lat": 48.8}
        table = projects(suspect, given)
        cells = filled(
            export.csv_bytes(rows_of(projects(suspect, suspect)), REVIEW),
            {one: {"adresse_corrigee": "5 rue Carnot"} for one in table.index},
        )
        applied = with_review(table, [read_reviewed(saved_as_is(cells, tmp_path))])
        sites, left = settled(table, applied)
        assert list(sites["geocode_status"]) == ["ok", "ok"]
        assert list(sites["address"]) == ["9 rue inconnue"] * 2
        assert left.empty

    def test_coordinates_of_the_file_are_confirmed_by_their_number(self, tmp_path: Path) -> None:
        table = projects({"lon": 2.49, "lat": 48.91, "commune": "Pantin"})
        found = placed(table)
        sites = SITES.conform(found.sites.assign(geocode_reason="COMMUNE_MISMATCH"))
        review = review_rows(table, sites, found.requests, found.candidates)
        cells = filled(export.csv_bytes(review, REVIEW), {"p1": {"choix": "1"}})
        applied = with_review(table, [read_reviewed(saved_in_french(cells, tmp_path))])
        again, _ = settled(table, applied)
        assert again["geocode_reason"].item() == "REVIEWED"
        assert pd.isna(again["matched_label"].item())  # no address was chosen
        assert again.geometry.item().coords[0] == (2.49, 48.91)

    def test_a_place_in_another_commune_stays_settled(self, tmp_path: Path) -> None:
        table = projects(CARNOT_ROW)
        applied = with_review(table, [review_of(table, {"p1": {"choix": "1"}}, tmp_path)])
        sites, _ = settled(table, applied)
        pantin = COMMUNES.conform(
            gpd.GeoDataFrame(
                {name: [None] for name in COMMUNES.column_names}
                | {"code_insee": ["93055"], "nom": ["Pantin"]},
                geometry=[shapely.MultiPolygon([shapely.box(2.4, 48.8, 2.6, 49.0)])],
                crs=4326,
            )
        )
        around = SITE_COMMUNES.conform(
            pd.DataFrame(
                {name: [None] for name in SITE_COMMUNES.column_names}
                | {"site_id": ["p1"], "code_insee": ["93055"], "commune": ["Pantin"]}
            )
        )
        final = territory.settled_sites(
            sites,
            around,
            declared=declared_communes(table, register=REGISTER, history=HISTORY),
            communes=gpd.GeoDataFrame(pantin),
            history=HISTORY,
            listed=None,
        )
        assert final["commune"].item() == "Pantin"
        assert final["commune_check"].item() == "different"
        assert final["geocode_reason"].item() == "REVIEWED"
        assert not needs_attention(final).any()

    def test_a_decision_of_no_site_is_refused(self, tmp_path: Path) -> None:
        applied = with_review(A_FEW, [review_of(A_FEW, CHANGES, tmp_path)])
        with pytest.raises(DataError, match="'p1' is not in SITES"):
            settled_by_review(placed(A_FEW).sites.iloc[1:], applied.decisions)


class TestReading:
    @pytest.mark.parametrize(
        ("cells", "words"),
        [
            ({"choix": "4"}, "« choix » n'est ni 1, 2, 3, ni « aucune »"),
            ({"choix": "oui"}, "« choix » n'est ni 1, 2, 3, ni « aucune »"),
            ({"choix": "1 ou 2"}, "« choix » n'est ni 1, 2, 3, ni « aucune »"),
            ({"choix": "1", "proposition_1": "", "lon_1": "", "lat_1": ""}, "n'est pas dans la"),
            ({"choix": "1", "lon_1": "24810000"}, "proposition choisie sont illisibles ou hors"),
            ({"choix": "1", "lat_1": ""}, "proposition choisie sont illisibles ou hors"),
            ({"lon_retenue": "2.48"}, "l'une des deux est vide"),
            ({"lat_retenue": "48.9"}, "l'une des deux est vide"),
            ({"lon_retenue": "ici", "lat_retenue": "48.9"}, "n'est pas un nombre de degrés"),
            ({"lon_retenue": "2.48", "lat_retenue": "48°54'N"}, "n'est pas un nombre de degrés"),
            ({"lon_retenue": "2.4, 48.9", "lat_retenue": "48.9"}, "n'est pas un nombre"),
            ({"lon_retenue": "48.9", "lat_retenue": "2.48"}, "hors de France"),
            ({"lon_retenue": "0", "lat_retenue": "0"}, "hors de France"),
            ({"lon_retenue": "655000", "lat_retenue": "6865000"}, "hors de France"),
            ({"lon_retenue": "13.4", "lat_retenue": "52.5", "choix": "aucune"}, "hors de France"),
            (
                {"choix": "1", "lon_retenue": "2.482", "lat_retenue": "48.902"},
                "désignent deux endroits",
            ),
            (
                {"choix": "5", "lon_retenue": "2.482", "lat_retenue": "48.902"},
                "« choix » n'est ni 1, 2, 3, ni « aucune »",
            ),
            ({"site_id": "", "choix": "1"}, "« site_id » est vide"),
        ],
    )
    def test_what_contradicts_itself_is_not_applied_but_said(
        self, cells: Mapping[str, str], words: str, tmp_path: Path
    ) -> None:
        reviewed = one_reviewed(cells, tmp_path)
        pd.testing.assert_frame_equal(reviewed.decided, DECISIONS.empty())
        (note,) = reviewed.notes
        assert note.startswith("relu.csv : ligne 2. ")
        assert words in note
        assert note.endswith("Décision non appliquée, ligne encore à vérifier.")

    def test_what_is_not_applied_is_still_to_review(self, tmp_path: Path) -> None:
        table = projects(CARNOT_ROW)
        sites, left = settled(table, with_review(table, [one_reviewed({"choix": "4"}, tmp_path)]))
        assert list(left.index) == ["p1"]
        assert sites["geocode_status"].item() == "review"

    def test_a_third_candidate_that_is_not_there_cannot_be_chosen(self, tmp_path: Path) -> None:
        cells = filled(one_row(is_carnot=False), {"p1": {"choix": "3"}})
        reviewed = read_reviewed(saved_in_french(cells, tmp_path))
        assert reviewed.decided.empty
        assert "La proposition choisie n'est pas dans la ligne." in reviewed.notes[0]

    @pytest.mark.parametrize(
        ("cells", "lon"),
        [
            ({"choix": "2"}, 2.482),
            ({"choix": " 2,0 "}, 2.482),
            ({"choix": "Proposition 2"}, 2.482),
            ({"choix": "2", "lon_retenue": "2.482", "lat_retenue": "48.902"}, 2.482),
            ({"choix": "3", "lon_retenue": "2.48300", "lat_retenue": "48.90300"}, 2.4830001),
            ({"choix": "aucune", "lon_retenue": "2,5", "lat_retenue": "48,9"}, 2.5),
            ({"lon_retenue": "55.45", "lat_retenue": "-20.9"}, 55.45),
        ],
    )
    def test_a_position_that_is_clear_is_taken(
        self, cells: Mapping[str, str], lon: float, tmp_path: Path
    ) -> None:
        reviewed = one_reviewed(cells, tmp_path)
        assert reviewed.notes == ()
        assert reviewed.decided["decision"].item() == "position"
        assert reviewed.decided["lon"].item() == lon

    @pytest.mark.parametrize("word", ["aucune", "AUCUNE", "Aucune.", "aucun", "aucune proposition"])
    def test_none_is_read_as_people_write_it(self, word: str, tmp_path: Path) -> None:
        reviewed = one_reviewed({"choix": word}, tmp_path)
        assert reviewed.decided["decision"].item() == "none"

    def test_none_beside_an_address_is_that_address(self, tmp_path: Path) -> None:
        cells = {"choix": "aucune", "adresse_corrigee": "5 rue Carnot"}
        reviewed = one_reviewed(cells, tmp_path)
        assert reviewed.decided["decision"].item() == "address"
        assert reviewed.decided["new_address"].item() == "5 rue Carnot"

    def test_a_position_wins_over_an_address_and_that_is_said(self, tmp_path: Path) -> None:
        cells = {"choix": "1", "adresse_corrigee": "5 rue Carnot"}
        reviewed = one_reviewed(cells, tmp_path)
        assert reviewed.decided["decision"].item() == "position"
        assert pd.isna(reviewed.decided["new_address"].item())
        assert "« adresse_corrigee » n'est pas cherchée" in reviewed.notes[0]

    def test_a_site_decided_twice_is_not_decided(self, tmp_path: Path) -> None:
        header, row, other = filled(
            export.csv_bytes(rows_of(projects(CARNOT_ROW, PASTEUR_ROW)), REVIEW),
            {"p1": {"choix": "1"}, "p2": {"choix": "1"}},
        )
        twice = list(row)
        twice[header.index("choix")] = "2"
        reviewed = read_reviewed(saved_in_french([header, row, twice, other], tmp_path))
        assert list(reviewed.decided.index) == ["p2"]
        assert "lignes 2, 3. Le même « site_id » porte plusieurs décisions" in reviewed.notes[0]
        undecided = [*row[: header.index("choix")], "", *row[header.index("choix") + 1 :]]
        once = read_reviewed(saved_in_french([header, undecided, twice], tmp_path))
        assert once.decided["lon"].item() == 2.482

    def test_headers_are_known_whatever_their_case_and_accents(self, tmp_path: Path) -> None:
        header, row = filled(one_row(), {"p1": {"choix": "1"}})
        named = [name.replace("_", " ").upper() for name in header]
        named[header.index("adresse_corrigee")] = "Adresse corrigée"
        reviewed = read_reviewed(saved_in_french([named, row], tmp_path))
        assert reviewed.decided["label"].item() == f"14 {CARNOT}"

    @pytest.mark.parametrize("header", [["adresse", "commune"], ["site_id", "choix", "lon_1"]])
    def test_another_file_is_refused(self, header: list[str], tmp_path: Path) -> None:
        with pytest.raises(DataError, match="ce n'est pas un fichier de lignes à vérifier"):
            read_reviewed(saved_as_is([header, ["1"] * len(header)], tmp_path))

    def test_the_file_is_known_by_its_hash(self, tmp_path: Path) -> None:
        one = one_reviewed({}, tmp_path).sha256
        other = one_reviewed({"choix": "1"}, tmp_path).sha256
        assert len(one) == 64
        assert one != other


class TestChangedRows:
    @pytest.mark.parametrize(
        "change",
        [
            {"address": "12 rue de la Paix"},
            {"commune": "Pantin"},
            {"code_postal": "93500"},
            {"code_insee": "93055"},
        ],
    )
    def test_a_decision_on_another_row_does_not_count(
        self, change: dict[str, object], tmp_path: Path
    ) -> None:
        reviewed = one_reviewed({"choix": "1"}, tmp_path)
        now = projects(CARNOT_ROW | change)
        applied = with_review(now, [reviewed])
        assert applied.decisions.empty
        assert "a changé depuis : p1." in applied.notes[0]
        pd.testing.assert_frame_equal(applied.projects, now)

    def test_rows_may_move_and_be_added(self, tmp_path: Path) -> None:
        reviewed = review_of(A_FEW, {"p2": {"choix": "1"}}, tmp_path)
        moved = A_FEW.iloc[::-1].assign(row_number=range(12, 18))
        assert list(with_review(moved, [reviewed]).decisions.index) == ["p2"]

    def test_a_site_that_is_gone_is_said(self, tmp_path: Path) -> None:
        changes = {one: {"choix": "1"} for one in ("p1", "p2")}
        reviewed = review_of(A_FEW, changes, tmp_path)
        applied = with_review(A_FEW.iloc[1:], [reviewed])
        assert list(applied.decisions.index) == ["p2"]
        assert "site absent du fichier des projets : p1." in applied.notes[0]

    def test_many_sites_are_counted(self, tmp_path: Path) -> None:
        table = projects(*[CARNOT_ROW] * 15)
        reviewed = review_of(table, {one: {"choix": "1"} for one in table.index}, tmp_path)
        (note,) = with_review(table.iloc[:0], [reviewed]).notes
        assert "p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11, p12… (15 sites)" in note


def none_chosen(table: pd.DataFrame) -> list[list[str]]:
    """Return the cells of the review of projects that nobody looked for, none chosen anywhere."""
    body = dict.fromkeys(SITES.column_names) | {"geocode_status": "skipped"}
    sites = gpd.GeoDataFrame(body, index=table.index, geometry=[None] * len(table), crs=4326)
    requests = GEOCODING.conform(pd.DataFrame(index=table.index, columns=GEOCODING.column_names))
    review = review_rows(table, SITES.conform(sites), requests, CANDIDATES.empty())
    header, *rows = filled(export.csv_bytes(review, REVIEW), {})
    for row in rows:
        row[header.index("choix")] = "aucune"
    return [header, *rows]


# Texts that a spreadsheet may change, or that a CSV of ours guards against it.
SPOILT = (
    *("=1+1", "+33 rue A", "-2 rue A", "@SUM(A1)", "＝1", "'=2", "'s Heeren", '"12" rue'),
    *("12 rue Œuvre", "e\u0301cole", "Łódź", "a\x07b", "c\u200bd", "12 rue, ; A", "N/A"),
)
# What no spreadsheet can hold is left out: U+FFFE and U+FFFF.
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\ufffe\uffff"), max_size=12)


class TestSpreadsheets:
    """What spreadsheets do to texts must not undo a decision, nor give it to another site."""

    @staticmethod
    def named(*site_ids: str) -> pd.DataFrame:
        table = projects(*[CARNOT_ROW] * len(site_ids))
        return table.set_axis(pd.Index(site_ids, name="site_id", dtype="str"))

    def test_zeros_lost_before_a_number(self, tmp_path: Path) -> None:
        table = self.named("007", "012")
        changes = {"007": {"choix": "1", "site_id": "7"}, "012": {"choix": "2", "site_id": "12"}}
        applied = with_review(table, [review_of(table, changes, tmp_path)])
        assert list(applied.decisions.index) == ["007", "012"]
        assert list(applied.decisions["lon"]) == [2.481, 2.482]

    def test_a_number_that_is_a_site_is_that_site(self, tmp_path: Path) -> None:
        table = self.named("07", "7", "0010", "010")
        changes = {"7": {"choix": "1"}, "010": {"site_id": "10", "choix": "1"}}
        applied = with_review(table, [review_of(table, changes, tmp_path)])
        assert list(applied.decisions.index) == ["7"]
        assert "site absent du fichier des projets : 10." in applied.notes[0]

    @pytest.mark.parametrize("saved", SAVED)
    def test_a_text_comes_back_as_it_was(self, saved: Save, tmp_path: Path) -> None:
        table = projects(*[{"address": one, "commune": one, "label": one} for one in SPOILT])
        table = table.set_axis(pd.Index(SPOILT, name="site_id", dtype="str"))
        applied = with_review(table, [read_reviewed(saved(none_chosen(table), tmp_path))])
        assert applied.notes == ()
        assert list(applied.decisions.index) == list(SPOILT)

    @settings(deadline=None, max_examples=8)
    @given(
        st.lists(TEXTS, min_size=1, max_size=20), st.sampled_from([saved_as_is, saved_in_french])
    )
    def test_any_text_comes_back(self, texts: list[str], saved: Save) -> None:
        rows = [" ".join(text.split()) for text in texts]
        table = projects(*[{"address": text, "commune": text} for text in rows])
        with tempfile.TemporaryDirectory() as folder:
            applied = with_review(table, [read_reviewed(saved(none_chosen(table), Path(folder)))])
        assert list(applied.decisions.index) == list(table.index)


def a_review(text: str = "") -> pd.DataFrame:
    """Rows with three, two (one at the place of another row) and no proposal."""
    index = pd.Index([f"s{number}{text}" for number in (1, 2, 3)], name="site_id")
    body = pd.DataFrame(index=index, columns=REVIEW.column_names)
    body = body.assign(
        ligne=[12, 30, 31],
        nom=[f"L'Œillet{text}", None, f"Trois{text}"],
        adresse=f"1 rue A{text}",
        commune_declaree=f"93140 Bondy{text}",
        motif=f"plusieurs adresses conviennent{text}",
        statut=f"adresse à vérifier{text}",
        adresse_envoyee=f"1 rue A envoyée{text}",
        remarque=text or None,
    )
    for number, lon in ((1, 2.0), (2, 2.001), (3, 2.02)):
        shown = [True, number < 3, False]
        cells = {
            f"proposition_{number}": f"{number} Rue A{text}",
            f"commune_{number}": f"Bondy (93010){text}",
            f"lon_{number}": lon,
            f"lat_{number}": 48.0,
            f"score_{number}": 0.7,
        }
        for name, cell in cells.items():
            body[name] = [cell if is_shown else None for is_shown in shown]
    body.loc[index[1], "score_2"] = None
    return REVIEW.conform(body)


def page_of(review: pd.DataFrame, notes: MapNotes = NOTES) -> str:
    return export.html_bytes(review_map(review, notes=notes)).decode()


@functools.cache
def clean_page() -> str:
    return page_of(a_review())


@functools.cache
def attacked_page(payload: str) -> str:
    source = Provenance(source=payload, licence=payload, attribution=payload, note=payload)
    return page_of(a_review(payload), MapNotes(sources=(source,), remarks=(payload,)))


class TestMap:
    def test_the_title_is_a_sentence(self) -> None:
        title = "3 lignes à vérifier\N{NO-BREAK SPACE}: 2 avec des propositions, 1 sans"
        assert f"<h1>{title}</h1>" in clean_page()

    def test_proposals_are_told_by_shape_and_number(self) -> None:
        page = clean_page()
        text = plain(Reader(page).text)
        assert "première proposition : 2" in text
        assert "deuxième : 2" in text
        assert "troisième : 1" in text
        for number in (1, 2, 3):
            assert f'<symbol id="proposal-{number}"' in page
            assert f'<use href="#proposal-{number}"/>' in page

    def test_each_proposal_is_drawn_at_its_place(self) -> None:
        rows = drawn_data(clean_page())["rows"]
        assert [row["line"] for row in rows] == ["12", "30"]
        assert [[one["number"], *one["at"]] for one in rows[0]["proposals"]] == [
            *([1, 48.0, 2.0], [2, 48.0, 2.001], [3, 48.0, 2.02])
        ]
        # The second row has the places of the first: its symbols are drawn beside.
        assert [one["shift"] for row in rows for one in row["proposals"]] == [0, 0, 0, 1, 1]

    def test_the_popup_says_what_was_asked_and_found(self) -> None:
        (row, other) = drawn_data(clean_page())["rows"]
        assert row["name"] == "Ligne 12 : L&#x27;Œillet"
        assert other["name"] == "Ligne 30 : s2"
        assert dict(row["asked"]) == {
            "Identifiant": "s1",
            "Adresse donnée": "1 rue A",
            "Commune déclarée": "93140 Bondy",
            "Adresse envoyée": "1 rue A envoyée",
            "Résultat": "adresse à vérifier : plusieurs adresses conviennent",
        }
        assert dict(row["proposals"][1]["rows"]) == {
            "Proposition 2": "2 Rue A",
            "Commune": "Bondy (93010)",
            "Position": "lon 2,001000 / lat 48,000000",
            "Note du géocodeur": "0,70",
        }
        assert "Note du géocodeur" not in dict(other["proposals"][1]["rows"])
        assert row["proposals"][2]["name"] == "Ligne 12, proposition 3 : 3 Rue A"

    def test_the_table_says_the_same(self) -> None:
        page = clean_page()
        rows = re.findall(r"<tr><td>\d+</td>.*?</tr>", page)
        cells = [
            [plain(Reader(cell).text) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)]
            for row in rows
        ]
        assert cells[0] == [
            *("12", "L'Œillet", "s1", "1 rue A", "93140 Bondy", "1 rue A envoyée"),
            "adresse à vérifier : plusieurs adresses conviennent",
            "1 Rue A ; Bondy (93010) ; lon 2,000000 / lat 48,000000 ; note 0,70",
            "2 Rue A ; Bondy (93010) ; lon 2,001000 / lat 48,000000 ; note 0,70",
            "3 Rue A ; Bondy (93010) ; lon 2,020000 / lat 48,000000 ; note 0,70",
        ]
        assert cells[1][-2:] == ["2 Rue A ; Bondy (93010) ; lon 2,001000 / lat 48,000000", ""]
        assert cells[2][:2] == ["31", "Trois"]

    def test_a_row_without_proposal_is_in_the_table_and_the_legend_only(self) -> None:
        page = clean_page()
        keys = [attrs["data-key"] for tag, attrs in Reader(page).tags if tag == "button"]
        assert keys == [row["key"] for row in drawn_data(page)["rows"]] == ["1", "2"]
        text = plain(Reader(page).text)
        assert "Ligne 31, Trois : plusieurs adresses conviennent" in text

    def test_the_page_says_how_to_answer(self) -> None:
        text = plain(Reader(clean_page()).text)
        for words in ("« choix »", "« aucune »", "--reviewed", "lon_retenue", "adresse_corrigee"):
            assert words in text

    def test_basemap_and_credit_follow_the_other_maps(self) -> None:
        notes = MapNotes(sources=NOTES.sources, has_basemap=False)
        assert "data.geopf.fr" in clean_page()
        assert "data.geopf.fr" not in page_of(a_review(), notes)
        assert "Adresses : Base Adresse Nationale, Licence Ouverte 2.0" in plain(clean_page())

    def test_only_the_first_rows_of_many_are_shown(self) -> None:
        one = a_review().iloc[:1]
        many = pd.concat([one.rename(index={"s1": f"s{at}"}) for at in range(MAX_ROWS + 5)])
        page = plain(page_of(many))
        assert len(drawn_data(page)["rows"]) == MAX_ROWS
        assert f"<h1>{MAX_ROWS + 5} lignes à vérifier" in page
        assert f"Seules les {MAX_ROWS} premières lignes sont sur la carte." in page

    def test_many_rows_without_proposal_are_counted(self) -> None:
        one = a_review().iloc[2:]
        many = pd.concat([one.rename(index={"s3": f"s{at}"}) for at in range(13)])
        page = plain(page_of(many))
        assert "et 3 autres, dans le tableau" in page
        assert drawn_data(page)["rows"] == []

    def test_an_empty_table_makes_a_page(self) -> None:
        assert "<h1>Aucune ligne à vérifier</h1>" in page_of(REVIEW.empty())

    def test_the_same_rows_give_the_same_bytes_and_are_unchanged(self) -> None:
        review = a_review()
        assert page_of(review) == clean_page()
        pd.testing.assert_frame_equal(review, a_review())

    def test_a_table_that_breaks_its_contract_is_refused(self) -> None:
        with pytest.raises(DataError, match="missing columns"):
            review_map(a_review().drop(columns="motif"), notes=NOTES)


class TestAttacks:
    @pytest.mark.parametrize("payload", PAYLOADS)
    def test_no_text_becomes_markup_or_code(self, payload: str) -> None:
        reader = Reader(attacked_page(payload))
        ours = {tag for tag, _ in Reader(clean_page()).tags}
        assert {tag for tag, _ in reader.tags} <= ours
        assert not [name for _, attrs in reader.tags for name in attrs if name.startswith("on")]
        links = [a[name] for _, a in reader.tags for name in ("href", "src") if name in a]
        assert all(link.startswith(("https://", "#")) for link in links if link)
        decoded = strings(drawn_data(attacked_page(payload)))
        assert any("pwned" in one or "7*7" in one for one in decoded)  # it did get there
        for one in decoded:
            assert not set(one) & set("<>`${}\\\"'")

    @pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
    def test_page_scripts_run_without_running_the_payloads(self, tmp_path: Path) -> None:
        payloads = [*PAYLOADS, " ".join(PAYLOADS)]
        for number, payload in enumerate(payloads):
            scripts = "\n".join(Reader(attacked_page(payload)).scripts)
            (tmp_path / f"{number}.js").write_text(scripts)
        (tmp_path / "run.js").write_text(NODE_HARNESS)
        done = subprocess.run(  # noqa: S603 - our own script
            [shutil.which("node") or "", "run.js"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        assert result["pwned"] == []
        shown = [one for one in result["html"] if "<" in one]
        assert len(shown) >= 10 * len(payloads)  # five icons and five popups a page
        for one in shown:
            for tag, attributes in Reader(one).tags:
                assert tag in {"strong", "table", "tr", "th", "td", "svg", "use", "b", "span"}
                assert not [name for name in attributes if name.startswith("on")]
                assert (attributes.get("href") or "#").startswith("#")
