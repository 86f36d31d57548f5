"""Geocoding against the real engine of the national geocoder, loaded with known streets."""

import csv
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from addok_server import addok_server, why_missing
from places import HISTORY, REGISTER, projects

from siting.asking import Answer, Ask
from siting.crs import geodesic_m
from siting.geocode import declared_communes, geocode
from siting.sources.ban import BanGeocoder

BONDY = Path(__file__).parents[2] / "shared" / "data" / "addresses" / "ban_bondy_93010.csv"

pytestmark = pytest.mark.skipif(bool(why_missing()), reason=why_missing() or "addok is there")


def street(
    name: str, place: tuple[str, str, str], lon_lat: tuple[float, float], *numbers: str
) -> dict[str, object]:
    """One street of the index; its numbers lie 0.001 degree of longitude apart."""
    citycode, postcode, city = place
    lon, lat = lon_lat
    return {
        "id": f"{citycode}_{postcode}_{name}",
        "type": "street",
        "name": name,
        "citycode": citycode,
        "postcode": postcode,
        "city": city,
        "importance": 0.4,
        "lon": lon,
        "lat": lat,
        "housenumbers": {
            number: {"id": number, "lon": lon + rank / 1000, "lat": lat}
            for rank, number in enumerate(numbers, start=1)
        },
    }


def town(citycode: str, postcode: str, city: str) -> dict[str, object]:
    place = street(city, (citycode, postcode, city), (2.0, 48.0))
    return place | {"type": "municipality", "housenumbers": {}}


SAINT_DENIS = ("93066", "93200", "Saint-Denis")
PIERREFITTE = ("93066", "93380", "Saint-Denis")
PANTIN = ("93055", "93500", "Pantin")
REIMS = ("51454", "51100", "Reims")
FORMER = {"oldcitycode": "93059", "oldcity": "Pierrefitte-sur-Seine"}
STREETS = [
    street("Rue de la République", SAINT_DENIS, (2.350, 48.935), "1", "12", "62", "62bis"),
    street("Boulevard Jules Guesde", SAINT_DENIS, (2.352, 48.937), "3", "5bis"),
    street("Rue de Paris", SAINT_DENIS, (2.354, 48.930), "5"),
    street("Rue de Paris", PIERREFITTE, (2.360, 48.965), "5", "7") | FORMER,
    street("Rue Victor Renelle", PIERREFITTE, (2.361, 48.963), "2") | FORMER,
    street("Avenue Jean Lolive", PANTIN, (2.400, 48.890), "10", "12"),
    street("Rue Hoche", PANTIN, (2.402, 48.892), "4"),
    street("Rue de Vesle", REIMS, (4.030, 49.253), "8"),
    street("Place Drouet d’Erlon", REIMS, (4.025, 49.256), "20"),
    street("Les Quatre Vents", REIMS, (4.050, 49.270)) | {"type": "locality"},
    street("Rue de la Paix", ("75102", "75002", "Paris"), (2.331, 48.869), "4"),
    town("93066", "93200", "Saint-Denis"),
    town("93055", "93500", "Pantin"),
    town("51454", "51100", "Reims"),
]


def bondy_rows() -> list[dict[str, str]]:
    if not BONDY.exists():
        return []
    with BONDY.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def bondy_streets() -> list[dict[str, object]]:
    by_street = defaultdict(list)
    for row in bondy_rows():
        by_street[row["nom_voie"]].append(row)
    return [
        street(name, ("93010", "93140", "Bondy"), (float(rows[0]["lon"]), float(rows[0]["lat"])))
        | {
            "housenumbers": {
                row["numero"] + row["rep"]: {
                    "id": row["id"],
                    "lon": float(row["lon"]),
                    "lat": float(row["lat"]),
                }
                for row in rows
            }
        }
        for name, rows in by_street.items()
    ]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with addok_server([*STREETS, *bondy_streets()]) as url:
        yield url


@pytest.fixture(scope="module")
def geocoder(url: str) -> BanGeocoder:
    geocoder = BanGeocoder(url)
    geocoder.probe()
    return geocoder


def sites_of(
    geocoder: BanGeocoder, *rows: dict[str, object], bulk_from: int = 10_000
) -> gpd.GeoDataFrame:
    table = projects(*rows)
    declared = declared_communes(table, register=REGISTER, history=HISTORY)
    found = geocode(table, geocoder, declared=declared, history=HISTORY, bulk_from=bulk_from)
    return found.sites


def judged(geocoder: BanGeocoder, **row: object) -> tuple[str, str, str, str]:
    """Status, reason, precision and commune check of one row."""
    site = pd.DataFrame(sites_of(geocoder, row)).iloc[0]
    names = ["geocode_status", "geocode_reason", "geocode_precision", "commune_check"]
    status, reason, precision, check = site[names].fillna("")
    return status, reason, precision, check


def off_m(sites: gpd.GeoDataFrame, lon: list[float], lat: list[float]) -> np.ndarray:
    x, y = sites.geometry.x.to_numpy(), sites.geometry.y.to_numpy()
    return geodesic_m(x, y, np.array(lon), np.array(lat))


@pytest.mark.parametrize(
    "address",
    [
        "12 rue de la République 93200 Saint-Denis",
        "12 RUE DE LA REPUBLIQUE 93200 SAINT DENIS",
        "12, rue de la République, 93205 SAINT-DENIS CEDEX 1",
        "12 r. de la Republique, 93200 St-Denis",
        "Résidence Les Lilas, bât. B, 12 rue de la République - 93200 Saint-Denis, France",
        "12-14 rue de la République BP 123 93200 Saint-Denis",
    ],
)
def test_one_place_written_in_many_ways(geocoder: BanGeocoder, address: str) -> None:
    site = sites_of(geocoder, {"address": address})
    assert site["geocode_status"].item() == "ok"
    assert site["commune"].item() == "Saint-Denis"
    assert off_m(site, [2.352], [48.935])[0] < 1


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            {"address": "62 bis rue de la République", "code_insee": "93066"},
            ("ok", "MATCHED", "housenumber", "same"),
        ),
        (
            {"address": "62B rue de la République", "code_insee": "93066"},
            ("ok", "MATCHED", "housenumber", "same"),
        ),
        (
            {"address": "62 ter rue de la République", "code_insee": "93066"},
            ("review", "SUFFIX_NOT_FOUND", "housenumber_without_suffix", "same"),
        ),
        (
            {"address": "5 boulevard Jules Guesde", "code_insee": "93066"},
            ("review", "NUMBER_NOT_FOUND", "street", "same"),
        ),
        (
            {"address": "900 rue de la République", "code_insee": "93066"},
            ("review", "NUMBER_NOT_FOUND", "street", "same"),
        ),
        (
            {"address": "rue de la République", "code_insee": "93066"},
            ("ok", "MATCHED", "street", "same"),
        ),
        (
            {"address": "Les Quatre Vents", "code_insee": "51454"},
            ("ok", "MATCHED", "locality", "same"),
        ),
        (
            {"address": "12 rue Jean Lolive", "code_insee": "93055"},
            ("review", "STREET_NOT_FOUND", "housenumber", "same"),
        ),
        (
            {"address": "xyzzy plugh", "commune": "Pantin"},
            ("review", "STREET_NOT_FOUND", "municipality", "same"),
        ),
        ({"commune": "Pantin"}, ("review", "NO_LOCATION", "municipality", "same")),
        (
            {"address": "4 rue de la Paix", "commune": "Paris", "code_postal": "75002"},
            ("ok", "MATCHED", "housenumber", "arrondissement"),
        ),
        (
            {"address": "4 rue de la Paix", "code_insee": "75102"},
            ("ok", "MATCHED", "housenumber", "arrondissement"),
        ),
        (
            {"address": "4 rue de la Paix", "code_insee": "75103"},
            ("review", "COMMUNE_MISMATCH", "housenumber", "different"),
        ),
        (
            {"address": "2 rue Victor Renelle", "code_insee": "93059"},
            ("ok", "MATCHED", "housenumber", "same_after_merge"),
        ),
        (
            {"address": "4 rue Hoche", "commune": "Bondy"},
            ("review", "COMMUNE_MISMATCH", "housenumber", "different"),
        ),
        (
            {"address": "8 rue de Vesle", "commune": "Pantin"},
            ("rejected", "DEPARTEMENT_MISMATCH", "housenumber", "different"),
        ),
        (
            {"address": "12 avenue Jean Lolive"},
            ("review", "AMBIGUOUS", "housenumber", "undeclared"),
        ),
        (
            {"address": "5 rue de Paris", "code_insee": "93066"},
            ("review", "AMBIGUOUS", "housenumber", "same"),
        ),
        (
            {"address": "5 rue de Paris", "code_insee": "93066", "code_postal": "93380"},
            ("ok", "MATCHED", "housenumber", "same"),
        ),
        (
            {"address": "5 rue de Paris", "code_insee": "93059"},
            ("review", "AMBIGUOUS", "housenumber", "same_after_merge"),
        ),
        ({"address": "BP 12, 93201 Saint-Denis Cedex"}, ("skipped", "NOT_GEOGRAPHIC", "none", "")),
    ],
)
def test_decision_table(
    geocoder: BanGeocoder, row: dict[str, object], expected: tuple[str, str, str, str]
) -> None:
    assert judged(geocoder, **row) == expected


def test_two_places_as_good_as_each_other_are_both_named(geocoder: BanGeocoder) -> None:
    site = sites_of(geocoder, {"address": "5 rue de Paris", "code_insee": "93066"})
    assert "93200" in site["matched_label"].item()
    assert "93380" in site["matched_label"].item()


def test_a_place_elsewhere_is_named_but_not_used(geocoder: BanGeocoder) -> None:
    site = sites_of(geocoder, {"address": "4 rue Hoche", "commune": "Bondy"})
    assert site["matched_label"].item() == "4 Rue Hoche 93500 Pantin"
    assert site.geometry.isna().item()
    assert site["code_insee"].isna().item()


def test_search_with_a_last_slash_answers_too(url: str) -> None:
    ask = Ask(query="12 rue de la République")
    ((_, answer),) = BanGeocoder(f"{url}/search/").answers([ask], is_bulk=False)
    assert isinstance(answer, Answer)
    assert len(answer.candidates) > 0


needs_bondy = pytest.mark.skipif(not BONDY.exists(), reason="needs ../shared/data/addresses")


def as_capitals(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text)
    return "".join(c for c in folded if not unicodedata.combining(c)).upper()


@needs_bondy
@pytest.mark.parametrize("is_capitals", [False, True])
def test_real_addresses_come_back_at_their_place(
    geocoder: BanGeocoder, *, is_capitals: bool
) -> None:
    rows = bondy_rows()[::40]  # 211 addresses, all streets and suffixes alike
    texts = [f"{row['numero']} {row['rep']} {row['nom_voie']}" for row in rows]
    sites = sites_of(
        geocoder,
        *(
            {"address": as_capitals(text) if is_capitals else text, "commune": "Bondy"}
            for text in texts
        ),
    )
    assert set(sites["geocode_status"]) == {"ok"}
    assert set(sites["code_insee"]) == {"93010"}
    lon_lat = [[float(row[name]) for row in rows] for name in ("lon", "lat")]
    assert off_m(sites, *lon_lat).max() < 5


@needs_bondy
def test_a_street_that_is_not_there_is_never_ok(geocoder: BanGeocoder) -> None:
    row = {"address": "2 RUE L 'EST ' B", "commune": "Bondy"}
    status, reason, *_ = judged(geocoder, **row)
    assert status in {"review", "rejected"}
    assert reason == "STREET_NOT_FOUND"


def in_bondy(*addresses: str) -> list[dict[str, object]]:
    return [{"address": address, "commune": "Bondy"} for address in addresses]


@needs_bondy
def test_files_and_single_questions_judge_alike(geocoder: BanGeocoder) -> None:
    rows = in_bondy(
        *(f"{row['numero']}{row['rep']} {row['nom_voie']}" for row in bondy_rows()[::200]),
        *("1 Allée des Ats", "2 Allee Rapheal", "5 Rue Paul Reyaud", "12 r du Progres"),
        *("5 Allee Marguerite", "3 bis Rue du Midi", "999 Rue du Midi", "2 Rue du Poager"),
    )
    pd.testing.assert_frame_equal(
        sites_of(geocoder, *rows, bulk_from=1).drop(columns="geocode_score"),
        sites_of(geocoder, *rows).drop(columns="geocode_score"),
    )


@needs_bondy
def test_a_number_that_a_street_has_not_is_never_ok(geocoder: BanGeocoder) -> None:
    numbers = defaultdict(set)
    for row in bondy_rows():
        numbers[row["nom_voie"]].add(int(row["numero"]))
    absent = {
        street: min(set(range(1, max(known) + 2)) - known)
        for street, known in list(numbers.items())[::8]
    }
    rows = in_bondy(*(f"{number} {street}" for street, number in absent.items()))
    sites = sites_of(geocoder, *rows)
    assert len(sites) > 40
    assert set(sites["geocode_status"]) == {"review"}
    assert set(sites["geocode_precision"]) == {"street"}


@needs_bondy
@pytest.mark.parametrize(
    "address",
    [
        "25 Allée Marguerite",  # Avenue Marguerite, and Allée Marguerite Duras
        "23 Avenue Marguerite Duras",
        "12 Avenue Léon",  # Allée Léon, and Avenue Léon Blum
        "33 Rue du Vieux Chalet",  # Rue du Chalet
        "3 Rue Michel",  # Rue Michelet
    ],
)
def test_a_street_whose_name_only_begins_or_ends_alike_is_never_ok(
    geocoder: BanGeocoder, address: str
) -> None:
    assert judged(geocoder, address=address, commune="Bondy")[0] == "review"


@needs_bondy
@pytest.mark.parametrize("address", ["23 Rue Jules Guesde Bondy", "23 Rue Jules Guesde 93140"])
def test_the_address_of_bondy_in_geocoder_tester(geocoder: BanGeocoder, address: str) -> None:
    """The suite says where it is (file `iledefrance/test_addresses.csv`), by another source."""
    site = sites_of(geocoder, {"address": address, "commune": "Bondy"})
    assert site["geocode_status"].item() == "ok"
    assert site["matched_label"].item() == "23 Rue Jules Guesde 93140 Bondy"
    assert off_m(site, [2.475792], [48.903883])[0] < 20
