"""The whole chain on a village drawn by the test: every figure by arithmetic.

The village is the grid of `conftest`: five by five streets, 100 m apart, and an island of one
street that meets nothing. East is x, north is y, in metres from the south-west corner.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from conftest import village_streets
from pyproj import Geod

from siting.errors import CrsError, DataError, OptionError, OutputError
from siting.study import (
    GeocoderOptions,
    Invocation,
    ProjectsFile,
    Study,
    StudyOptions,
    duplicates,
    geocoding_session,
    sample,
    study,
    study_files,
    territory,
    undated,
    unexpected,
    write_study,
)
from siting.tables import ACCESS, REACH, SERVICES, SITES, VERDICTS, WALKS

GEOD = Geod(ellps="WGS84")
BONDY = (2.48, 48.9)  # Seine-Saint-Denis
COMBOURG = (-1.7525, 48.4115)  # Petite ville de demain since 28 May 2021
LE_PORT = (55.2950, -20.9380)  # La Réunion
ABYMES = (-61.5080, 16.2700)  # Guadeloupe
SENIOR_M_PER_MIN = 48.0  # 0.8 m/s

SERVICES_AT = {
    "bakery": (300.0, 40.0, {"shop": "bakery", "name": "Au Bon Pain"}),
    "pharmacy": (0.0, 200.0, {"amenity": "pharmacy", "name": "Pharmacie du Centre"}),
    "bus": (100.0, 0.0, {"highway": "bus_stop", "name": "Mairie"}),
    "townhall": (400.0, 400.0, {"amenity": "townhall", "name": "Mairie"}),
}
SITES_AT = {
    "corner": (0.0, 0.0),
    "middle": (50.0, 100.0),  # in the middle of a street
    "island": (50.0, 705.0),  # 5 m from the street that meets nothing
    "far": (0.0, 1500.0),
    "nowhere": None,
}
# Four lanes far away: the data hold what lies between them, so the village is not on their edge.
HAMLETS = {
    9000 + 10 * n: [(9000 + 10 * n, x, y), (9001 + 10 * n, x + 10.0, y)]
    for n, (x, y) in enumerate(
        [(-2900.0, -2900.0), (3300.0, -2900.0), (3300.0, 3300.0), (-2900.0, 3300.0)]
    )
}
# walk from each site to each service, in metres: along the grid
WALKS_M = {
    ("corner", "boulangerie"): 300 + 40,
    ("corner", "pharmacie"): 200,
    ("corner", "arret_bus"): 100,
    ("corner", "mairie"): 400 + 400,
    ("middle", "boulangerie"): 250 + 60,
    ("middle", "pharmacie"): 50 + 100,
    ("middle", "arret_bus"): 50 + 100,
    ("middle", "mairie"): 350 + 300,
}


def placed(corner: tuple[float, float], x_m: float, y_m: float) -> tuple[float, float]:
    lon, lat, _ = GEOD.fwd(*corner, 0.0, y_m)
    lon, lat, _ = GEOD.fwd(lon, lat, 90.0, x_m)
    return round(float(lon), 7), round(float(lat), 7)


def osm_node(number: int, lon: float, lat: float, tags: dict[str, str]) -> str:
    inside = "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())
    return f'<node id="{number}" lat="{lat:.7f}" lon="{lon:.7f}" version="1">{inside}</node>'


def draw_village(path: Path, corner: tuple[float, float], *, services: bool = True) -> Path:
    """Write the village as an OpenStreetMap file, with 3 km of known land around it."""
    streets = village_streets() | HAMLETS
    joints = {number: (x, y) for street in streets.values() for number, x, y in street}
    nodes = [osm_node(n, *placed(corner, x, y), {}) for n, (x, y) in joints.items()]
    if services:
        nodes += [
            osm_node(5000 + at, *placed(corner, x, y), tags)
            for at, (x, y, tags) in enumerate(SERVICES_AT.values())
        ]
    ways = [
        f'<way id="{way}" version="1">'
        + "".join(f'<nd ref="{number}"/>' for number, _, _ in street)
        + '<tag k="highway" v="residential"/></way>'
        for way, street in streets.items()
    ]
    (west, south), (east, north) = placed(corner, -3000, -3000), placed(corner, 3400, 3400)
    bounds = f'<bounds minlat="{south}" minlon="{west}" maxlat="{north}" maxlon="{east}"/>'
    path.write_text(
        f'<?xml version="1.0"?><osm version="0.6">{bounds}{"".join([*nodes, *ways])}</osm>',
        encoding="utf-8",
    )
    return path


def project_file(
    path: Path, places: dict[str, tuple[float, float] | None], corner: tuple[float, float]
) -> Path:
    rows = ["id;nom;porteur;lon;lat"]
    for name, place in places.items():
        lon, lat = ("", "") if place is None else placed(corner, *place)
        rows.append(f"{name};Projet {name};Mairie;{lon};{lat}".replace(".", ","))
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def studied(folder: Path, corner: tuple[float, float], **options: object) -> Study:
    return study(
        ProjectsFile(path=project_file(folder / "sites.csv", SITES_AT, corner)),
        options=StudyOptions(osm=(draw_village(folder / "village.osm", corner),), **options),  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def bondy(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return studied(tmp_path_factory.mktemp("bondy"), BONDY, call="ssd-avp-2025")


@pytest.fixture(scope="module")
def combourg(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return studied(tmp_path_factory.mktemp("combourg"), COMBOURG, call="pvd-fabrique-2021")


def walk(result: Study, site: str, category: str, rank: int = 1) -> pd.Series:
    return result.access.loc[(site, category, rank)]


def verdict(result: Study, site: str, requirement: str) -> str:
    assert result.verdicts is not None
    return str(result.verdicts.loc[(site, requirement), "verdict"])


def test_one_row_of_the_file_is_one_site_in_its_order(bondy: Study) -> None:
    assert list(bondy.sites.index) == list(SITES_AT)
    assert list(bondy.sites["porteur"]) == ["Mairie"] * len(SITES_AT)
    assert bondy.sites["geocode_status"].to_dict() == {
        "corner": "provided",
        "middle": "provided",
        "island": "provided",
        "far": "provided",
        "nowhere": "skipped",
    }
    assert bondy.needs_attention


def test_every_table_keeps_its_contract(bondy: Study, combourg: Study) -> None:
    for result in (bondy, combourg):
        own = [name for name in result.sites if name not in (*SITES.column_names, "geometry")]
        assert own[:3] == ["id", "nom", "porteur"]
        sites = SITES.conform(result.sites)
        pd.testing.assert_frame_equal(sites, result.sites, check_like=True)
        tables = [(ACCESS, result.access), (REACH, result.reach), (VERDICTS, result.verdicts)]
        for table, frame in [*tables, (SERVICES, result.services), (WALKS, result.walks)]:
            assert frame is not None
            pd.testing.assert_frame_equal(table.conform(frame), frame)


def test_access_is_complete(bondy: Study) -> None:
    n_categories = 73 - 4  # of 73 categories, 4 come to people: no distance to them
    assert len(bondy.access) == len(SITES_AT) * n_categories * 3
    assert len(bondy.reach) == len(SITES_AT) * n_categories * 3  # 5, 10 and 15 minutes
    assert bondy.access["access_status"].notna().all()
    is_reached = bondy.access["access_status"] == "reached"
    assert (bondy.access["walk_m"].notna() == is_reached).all()


@pytest.mark.parametrize(("site", "category"), WALKS_M)
def test_walks_are_arithmetic(bondy: Study, site: str, category: str) -> None:
    found = walk(bondy, site, category)
    expected_m = WALKS_M[site, category]
    assert found["access_status"] == "reached"
    assert found["walk_m"] == pytest.approx(expected_m, abs=0.1)
    assert found["walk_min"] == pytest.approx(expected_m / SENIOR_M_PER_MIN, abs=0.01)
    assert found["line_m"] <= found["walk_m"] + 1e-6


def test_the_bakery_is_seven_minutes_away(bondy: Study) -> None:
    """340 m at 2.88 km/h, which is 48 m a minute: 7.1 min; as the crow flies, 302.7 m."""
    found = walk(bondy, "corner", "boulangerie")
    assert found["service_name"] == "Au Bon Pain"
    assert found["walk_min"] == pytest.approx(7.1, abs=0.05)
    assert found["line_m"] == pytest.approx(np.hypot(300, 40), abs=0.1)


def test_what_is_not_reached_says_why(bondy: Study) -> None:
    """A village cut out of a town proves nothing absent: there is nothing to compare it with."""
    assert walk(bondy, "corner", "boulangerie", 2)["access_status"] == "not_mapped"
    assert walk(bondy, "corner", "marche")["access_status"] == "not_mapped"
    assert walk(bondy, "island", "boulangerie")["access_status"] == "no_path"
    assert walk(bondy, "island", "boulangerie")["snap_m"] == pytest.approx(5.0, abs=0.1)
    assert walk(bondy, "far", "boulangerie")["access_status"] == "off_network"
    assert walk(bondy, "nowhere", "boulangerie")["access_status"] == "no_location"


def test_counts_are_those_of_the_walks(bondy: Study) -> None:
    """
    340 m: not within 5 min (240 m), within 10 (480 m); 800 m: not within 15 (720 m).

    None found is no number where the map is not known to be complete.
    """
    counts = bondy.reach["n_services"].astype("float64").fillna(-1)
    assert [counts.loc["corner", "boulangerie", m] for m in (5, 10, 15)] == [-1, 1, 1]
    assert [counts.loc["corner", "mairie", m] for m in (5, 10, 15)] == [-1, -1, -1]
    counts = bondy.reach["n_services"]
    assert pd.isna(counts.loc["island", "boulangerie", 15])
    assert pd.isna(counts.loc["far", "boulangerie", 15])
    assert pd.isna(counts.loc["nowhere", "boulangerie", 15])


def test_drawn_walks_are_as_long_as_they_say(bondy: Study) -> None:
    drawn = bondy.walks
    lengths_m = [GEOD.geometry_length(line) for line in drawn.geometry]
    assert lengths_m == pytest.approx(drawn["walk_m"].to_numpy(), abs=0.05)
    assert set(drawn.index.get_level_values("site_id")) == {"corner", "middle"}
    nearest = drawn.loc["corner"]["walk_m"].to_dict()
    assert nearest == pytest.approx(
        {"commerces": 200, "transports": 100, "services_publics": 800, "sante_social": 200},
        abs=0.1,
    )


def test_a_walk_starts_at_the_site_and_ends_at_the_service(bondy: Study) -> None:
    for (site, _), row in bondy.walks.iterrows():
        start, end = row.geometry.coords[0], row.geometry.coords[-1]
        place = bondy.sites.geometry[site]
        service = bondy.services.geometry[row["service_id"]]
        assert start == pytest.approx((place.x, place.y), abs=1e-9)
        assert end == pytest.approx((service.x, service.y), abs=1e-9)


def test_verdicts_of_the_call_of_seine_saint_denis(bondy: Study) -> None:
    """Bondy is not one of the communes listed; the town hall is 16.7 minutes away."""
    assert verdict(bondy, "corner", "commerces") == "rempli"
    assert verdict(bondy, "corner", "sante_social") == "rempli"
    assert verdict(bondy, "corner", "transports") == "rempli"
    assert verdict(bondy, "corner", "services_publics") == "a_verifier"  # some are seldom mapped
    assert verdict(bondy, "middle", "services_publics") == "rempli"  # 650 m, 13.5 min
    assert verdict(bondy, "corner", "commune_listee") == "hors_champ"  # a preference, not a fault
    assert not bondy.sites.loc["corner", "is_listed_unserved"]
    assert verdict(bondy, "far", "commerces") == "a_verifier"
    assert verdict(bondy, "nowhere", "commerces") == "a_verifier"
    assert bondy.verdicts is not None
    assert bondy.pack is not None
    assert len(bondy.verdicts) == len(SITES_AT) * len(bondy.pack.requirements)


def test_a_call_says_nothing_outside_of_its_territory(tmp_path: Path) -> None:
    abroad = studied(tmp_path, COMBOURG, call="ssd-avp-2025")
    assert abroad.verdicts is not None
    located = abroad.verdicts.drop("nowhere", level="site_id")
    assert set(located["verdict"]) == {"hors_champ"}
    assert abroad.sites["is_listed_unserved"].isna().all()


@pytest.fixture(scope="module")
def adult(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("adult")
    return studied(folder, BONDY, call="pvd-fabrique-2021", walker="standard")


def test_verdicts_of_the_national_call(combourg: Study, adult: Study) -> None:
    """Combourg is a Petite ville de demain, Bondy is not."""
    assert set(combourg.sites["commune"].dropna()) == {"Combourg"}
    assert verdict(combourg, "corner", "commune_pvd") == "rempli"
    assert verdict(combourg, "corner", "commerces") == "rempli"
    assert verdict(combourg, "corner", "foncier") == "declaratif"
    assert verdict(adult, "corner", "commune_pvd") == "non_rempli"
    assert verdict(adult, "corner", "services_publics") == "rempli"  # 800 m at 72 m a minute


def test_a_threshold_changes_the_verdict_and_its_author(tmp_path: Path) -> None:
    """The bus stop is 100 m away, 2.08 minutes; the pharmacy 200 m, 4.17 minutes."""
    chosen = {"transports": 2, "commerces": 4.2, "sante_social": 4.1}
    result = studied(tmp_path, BONDY, call="ssd-avp-2025", thresholds=chosen)
    assert verdict(result, "corner", "transports") == "a_verifier"  # nothing to compare with
    assert verdict(result, "corner", "commerces") == "rempli"
    assert verdict(result, "corner", "sante_social") == "a_verifier"  # some are seldom mapped
    assert result.verdicts is not None
    row = result.verdicts.loc[("corner", "commerces")]
    assert "4,2" in row["threshold"]
    assert "siting" not in row["threshold_author"]
    unchanged = result.verdicts.loc[("corner", "services_publics")]
    assert "15" in unchanged["threshold"]
    assert "siting" in unchanged["threshold_author"]


def test_a_walker_changes_minutes_and_nothing_else(bondy: Study, adult: Study) -> None:
    """The same metres at 72 m a minute instead of 48: two thirds of the time."""
    for site, category in WALKS_M:
        slow, quick = walk(bondy, site, category), walk(adult, site, category)
        assert quick["walk_m"] == pytest.approx(slow["walk_m"])
        assert quick["walk_min"] == pytest.approx(slow["walk_min"] * 2 / 3)


@pytest.fixture(scope="module")
def in_seven_minutes(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return studied(tmp_path_factory.mktemp("short"), BONDY, cutoff_min=7)


def test_a_shorter_cutoff_loses_what_is_further_and_says_so(in_seven_minutes: Study) -> None:
    """Seven minutes are 336 m: the bakery, at 340 m, is just beyond."""
    bakery = walk(in_seven_minutes, "corner", "boulangerie")
    assert bakery["access_status"] == "beyond_cutoff"
    assert walk(in_seven_minutes, "corner", "pharmacie")["walk_m"] == pytest.approx(200, abs=0.1)


def test_services_beyond_the_cutoff_are_counted_all_the_same(in_seven_minutes: Study) -> None:
    """The bakery at 340 m is 7.1 min away: no rank with a cut-off of 7, but one within 10."""
    counts = in_seven_minutes.reach["n_services"].sort_index()
    assert counts.loc[("corner", "boulangerie")].to_list()[1:] == [1, 1]  # 10, 15 min


@pytest.mark.parametrize("corner", [LE_PORT, ABYMES], ids=["Port", "Abymes"])
def test_a_metre_is_a_metre_everywhere_in_france(
    corner: tuple[float, float], tmp_path: Path
) -> None:
    result = studied(tmp_path, corner)
    for (site, category), expected_m in WALKS_M.items():
        assert walk(result, site, category)["walk_m"] == pytest.approx(expected_m, rel=0.001)


def test_two_territories_in_one_study_are_refused(tmp_path: Path) -> None:
    """No projection serves both; the message says to make two studies, in plain numbers."""
    osm = (
        draw_village(tmp_path / "bondy.osm", BONDY),
        draw_village(tmp_path / "reunion.osm", LE_PORT),
    )
    text = osm[1].read_text(encoding="utf-8")
    for word in ('node id="', 'way id="', 'ref="'):  # another village: other numbers
        text = text.replace(word, word + "7")
    osm[1].write_text(text, encoding="utf-8")
    projects = project_file(tmp_path / "projets.csv", SITES_AT, BONDY)
    with pytest.raises(CrsError, match="une étude par territoire") as refusal:
        study(ProjectsFile(path=projects), options=StudyOptions(osm=osm))
    assert "np." not in str(refusal.value)


def test_the_walk_of_any_site_of_the_grid(tmp_path: Path) -> None:
    """From a place on an east-west street, no walk on a grid is shorter than |dx| + |dy|."""
    random = np.random.default_rng(93010)
    places = zip(random.uniform(0, 400, 40), random.integers(0, 5, 40), strict=True)
    on_street = {f"s{at}": (float(x), row * 100.0) for at, (x, row) in enumerate(places)}
    result = study(
        ProjectsFile(path=project_file(tmp_path / "projets.csv", on_street, BONDY)),
        options=StudyOptions(osm=(draw_village(tmp_path / "village.osm", BONDY),)),
    )
    assert list(result.sites.index) == list(on_street)
    for name, (x, y) in on_street.items():
        found = walk(result, name, "pharmacie")["walk_m"]
        assert found == pytest.approx(x + abs(y - 200), abs=0.2)


def test_a_village_without_any_service_is_still_a_study(tmp_path: Path) -> None:
    osm = draw_village(tmp_path / "bare.osm", BONDY, services=False)
    result = study(
        ProjectsFile(path=project_file(tmp_path / "p.csv", SITES_AT, BONDY)),
        options=StudyOptions(osm=(osm,), call="ssd-avp-2025"),
    )
    statuses = result.access.xs("corner", level="site_id")["access_status"]
    assert set(statuses) == {"not_mapped"}
    assert result.walks.empty
    assert verdict(result, "corner", "commerces") == "a_verifier"
    assert set(study_files(result)) >= {"map.html", "study.gpkg", "study.xlsx", "access.csv"}


def one_row_study(folder: Path, content: str, **options: object) -> Study:
    projects = folder / "projets.csv"
    projects.write_text(content, encoding="utf-8")
    osm = draw_village(folder / "village.osm", BONDY)
    return study(
        ProjectsFile(path=projects),
        options=StudyOptions(osm=(osm,), **options),  # type: ignore[arg-type]
    )


LOST = {  # row -> status and reason
    "A;2 RUE L 'EST ' B;;": ("skipped", "OFFLINE"),
    "B;;48,9;2,48": ("review", "COORD_SUSPECT"),  # swapped
    "C;;652000;6862000": ("review", "COORD_SUSPECT"),  # Lambert-93
    "D;;0;0": ("review", "COORD_SUSPECT"),
    "E;;2,48;quarante": ("review", "COORD_UNREADABLE"),
    "F;;;": ("skipped", "EMPTY_ROW"),
    "G;;-3,7038;40,4168": ("provided", "COORDINATES_GIVEN"),  # Madrid
}


def test_a_file_without_any_site_in_france_is_a_study_all_the_same(tmp_path: Path) -> None:
    """A bad row is data, also when no row is good: nothing is measured, everything says why."""
    content = "\n".join(["id;adresse;lon;lat", *LOST])
    result = one_row_study(tmp_path, content, call="ssd-avp-2025")
    columns = result.sites[["geocode_status", "geocode_reason"]]
    assert [tuple(row) for row in columns.to_numpy()] == list(LOST.values())
    assert set(result.access["access_status"]) == {"no_location", "off_network"}
    assert result.needs_attention
    assert set(study_files(result)) >= {"map.html", "study.gpkg", "study.xlsx", "access.csv"}


def test_sites_at_one_place_are_told_together(bondy: Study) -> None:
    twice = bondy.sites.geometry.where(bondy.sites.index != "middle", bondy.sites.geometry["far"])
    assert duplicates(bondy.sites) == []
    assert duplicates(bondy.sites.set_geometry(twice)) == [["middle", "far"]]


def test_a_site_far_from_streets_is_told(bondy: Study) -> None:
    assert any("far" in note and "200 m" in note for note in bondy.notes)


@pytest.mark.parametrize("cutoff_min", [0, -5, 120.5, float("nan"), float("inf")])
def test_a_cutoff_that_makes_no_sense_is_refused_before_any_file_is_read(cutoff_min: float) -> None:
    options = StudyOptions(osm=(Path("absent.osm"),), cutoff_min=cutoff_min)
    with pytest.raises(OptionError, match="--cutoff-min"):
        study(ProjectsFile(path=Path("absent.csv")), options=options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"walker": "piéton"}, "inconnu"),
        ({"call": "absent"}, "inconnu"),
        ({"thresholds": {"commerces": 10}}, "ajoutez --call"),
        ({"call": "ssd-avp-2025", "thresholds": {"commerces": 40}}, "--cutoff-min"),
        ({"call": "ssd-avp-2025", "thresholds": {"parking": 10}}, "parking"),
        ({"call": "ssd-avp-2025", "thresholds": {"commerces": float("nan")}}, "positif"),
        ({"call": "ssd-avp-2025", "thresholds": {"commerces": float("inf")}}, "positif"),
        ({"call": "ssd-avp-2025", "cutoff_min": 14}, "--cutoff-min"),
    ],
)
def test_a_wrong_option_is_refused_before_any_file_is_read(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        study(
            ProjectsFile(path=Path("absent.csv")),
            options=StudyOptions(osm=(Path("absent.osm"),), **options),  # type: ignore[arg-type]
        )


def test_a_map_that_is_not_there_is_said_before_any_question(tmp_path: Path) -> None:
    absent = tmp_path / "carte.osm"
    with pytest.raises(DataError, match=r"carte\.osm"):
        study(ProjectsFile(path=Path("absent.csv")), options=StudyOptions(osm=(absent,)))


@pytest.mark.parametrize(
    ("options", "is_asked"),
    [
        ({"is_offline": True}, False),
        ({"url": "none"}, False),
        ({"url": "https://data.geopf.fr/geocodage", "is_offline": True}, False),
        ({"url": "http://127.0.0.1:7878", "is_offline": True}, True),
        ({}, True),
    ],
)
def test_nobody_is_asked_offline_but_this_computer(
    options: dict[str, object], *, is_asked: bool
) -> None:
    with geocoding_session(GeocoderOptions(**options)) as session:  # type: ignore[arg-type]
        assert (session.geocoder is not None) == is_asked


def test_a_territory_without_inventory_says_nothing_of_what_exists() -> None:
    result = territory(["93", "93"], call="ssd-avp-2025")
    assert len(result.communes) == 39
    assert set(result.communes["code_dep"]) == {"93"}
    assert result.coverage["is_served"].isna().all()
    assert result.coverage["n_inclusive_open"].isna().all()
    assert int(result.coverage["is_listed_unserved"].sum()) == 19
    assert result.coverage.loc["93066", "delegated_listed"] == "93059 Pierrefitte-sur-Seine"
    assert not result.coverage.loc["93066", "is_listed_unserved"]


def test_an_inventory_counts_what_it_can_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "inventaire.csv"
    path.write_text(
        "nom;commune;code_insee;statut\n"
        "a;Bondy;93010;Ouverte\n"
        "b;Bondy;;EN PROJET\n"
        "c;Pierrefitte-sur-Seine;93059;ouvert\n"
        "d;Bondy;93010;fermé\n"
        "e;Bondy;93010;\n"
        "f;Nulle part;;ouvert\n"
        "g;Reims;51454;ouvert\n",
        encoding="utf-8",
    )
    result = territory(["93"], inventory_file=path)
    assert result.coverage.loc["93010", "n_inclusive_open"] == 1
    assert result.coverage.loc["93010", "n_inclusive_planned"] == 1
    assert result.coverage.loc["93066", "n_inclusive_open"] == 1
    assert int(result.coverage["n_inclusive_open"].sum()) == 2
    assert result.inventory is not None
    assert len(result.inventory) == 7
    assert result.n_uncounted == 3
    assert any("hors de ce territoire : 1" in note for note in result.notes)


@pytest.mark.parametrize("code", ["999", "1", "2a", "20", "", "Marne"])
def test_an_unknown_departement_is_refused(code: str) -> None:
    with pytest.raises(DataError, match="Département inconnu"):
        territory([code])


def test_a_result_never_replaces_a_file_it_was_made_from(bondy: Study) -> None:
    projects = Path(next(iter(bondy.inputs)))
    before = {path.name: path.read_bytes() for path in projects.parent.iterdir()}
    assert "sites.csv" in before
    invocation = Invocation.now("siting", "study", parameters={})
    with pytest.raises(OutputError, match="serait remplacé"):
        write_study(bondy, projects.parent, invocation=invocation, overwrite=True)
    assert {path.name: path.read_bytes() for path in projects.parent.iterdir()} == before


def test_only_the_manifest_tells_when_a_service_was_asked(bondy: Study) -> None:
    with geocoding_session(GeocoderOptions()) as session:
        (asked,) = session.sources
    assert asked.retrieved_on
    assert [source.retrieved_on for source in undated([asked])] == [""]
    assert undated(bondy.sources) == bondy.sources  # files: their dates do not move


def test_the_sample_tells_what_differs(bondy: Study) -> None:
    differences = unexpected(bondy, sample().expected)
    assert any("BEA-1" in line for line in differences)


def test_the_workbook_explains_every_code_of_its_sheets(in_seven_minutes: Study) -> None:
    content = study_files(in_seven_minutes)["study.xlsx"]
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
    told = {(row[0].value, row[1].value) for row in book["Lisez-moi"].iter_rows(max_col=2)}
    access = in_seven_minutes.access
    categories = access.index.get_level_values("category").unique()
    families = {one for held in access["families"].unique() for one in held.split(";")}
    codes = {("category", one) for one in categories} | {("families", one) for one in families}
    if in_seven_minutes.verdicts is not None:
        requirements = in_seven_minutes.verdicts.index.get_level_values("requirement_id")
        codes |= {("requirement_id", one) for one in requirements.unique()}
    assert codes <= told
