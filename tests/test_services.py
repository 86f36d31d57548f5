"""OSM objects to services. Positions are metres in Lambert-93 from a corner in Redon."""

import random
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from siting.errors import CrsError, DataError
from siting.services import services_from_osm
from siting.sources.osm_file import read_osm
from siting.tables import OSM_OBJECTS, SERVICES
from siting.targets import service_groups
from siting.taxonomy import read_taxonomy

TAXONOMY = read_taxonomy()
X, Y = 320_000.0, 6_740_000.0
TO_WGS84 = Transformer.from_crs(2154, 4326, always_xy=True)

Row = tuple[Any, ...]  # id, shape in degrees, tags[, entrances[, edit date]]
Edited = tuple[dict[str, str], str]  # tags, edit date
Drawn = list[tuple[int, dict[str, str], str, str, bool]]
SHARED = Path(__file__).parents[2] / "shared" / "data" / "osm"


def placed(shape: shapely.Geometry) -> shapely.Geometry:
    """Move a shape given in metres to Redon, in degrees."""
    return shapely.transform(
        shape, lambda xy: np.column_stack(TO_WGS84.transform(xy[:, 0] + X, xy[:, 1] + Y))
    )


def at(x: float, y: float = 0.0) -> shapely.Point:
    return placed(shapely.Point(x, y))


def block(x: float, y: float, size: float) -> shapely.Polygon:
    return placed(shapely.box(x, y, x + size, y + size))


def osm(*rows: Row) -> gpd.GeoDataFrame:
    """Build OSM_OBJECTS."""
    full = [(*row, None, "")[:5] if len(row) == 3 else (*row, "")[:5] for row in rows]
    frame = pd.DataFrame(full, columns=["osm_id", "geometry", "tags", "entrances", "observed_on"])
    return OSM_OBJECTS.conform(gpd.GeoDataFrame(frame, geometry="geometry", crs=4326))


def services(*rows: Row) -> gpd.GeoDataFrame:
    return services_from_osm(osm(*rows), TAXONOMY)


def groups(*rows: Row) -> list[set[str]]:
    """Sets of the ids that became one service."""
    table = services(*rows)
    merged = table["merged_ids"].fillna("").str.split(";")
    found = [frozenset({one, *others} - {""}) for one, others in merged.items()]
    return [set(ids) for ids in dict.fromkeys(found)]


BAKERY = {"shop": "bakery", "name": "Au Bon Pain"}


def test_one_object_is_one_service() -> None:
    table = services(
        ("node/1", at(0), BAKERY | {"wheelchair": "limited"}, None, "2023-05-06"),
        ("node/2", at(500), {"highway": "residential", "name": "Rue du Port"}),
    )
    assert table.index.tolist() == ["node/1"]
    row = table.loc["node/1"]
    assert row["categories"] == "boulangerie"
    assert row["name"] == "Au Bon Pain"
    assert pd.isna(row["merged_ids"])
    assert row["source"] == "OpenStreetMap"
    assert row["observed_on"] == "2023-05-06"
    assert row["wheelchair"] == "limited"
    assert row.geometry == at(0)


def test_no_object_and_no_service_keep_the_columns() -> None:
    for table in (
        services_from_osm(OSM_OBJECTS.empty(), TAXONOMY),
        services(("node/1", at(0), {"amenity": "bench"})),
    ):
        assert len(table) == 0
        assert list(table.columns) == [*SERVICES.column_names, "geometry"]
        assert table.index.name == "service_id"
        assert table.crs == 4326


def test_an_object_without_a_place_is_left_out() -> None:
    assert services(("node/1", None, BAKERY), ("node/2", at(0), BAKERY)).index.tolist() == [
        "node/2"
    ]


def test_the_input_is_not_changed() -> None:
    objects = osm(("way/2", block(0, 0, 20), BAKERY), ("node/1", at(5, 5), BAKERY))
    before = objects.copy()
    services_from_osm(objects, TAXONOMY)
    assert_geodataframe_equal(objects, before)


def test_bakery_as_node_and_as_way_inside_a_supermarket_is_one_bakery() -> None:
    table = services(
        ("way/10", block(0, 0, 80), {"shop": "supermarket", "name": "Hyper U"}),
        ("node/1", at(15, 15), BAKERY),
        ("way/11", block(10, 10, 10), BAKERY),
    )
    assert table["categories"].to_dict() == {"way/10": "supermarche", "way/11": "boulangerie"}
    assert table.loc["way/11", "merged_ids"] == "node/1"
    assert table.geometry["way/11"] == block(10, 10, 10)


def test_platform_stop_position_and_bus_stop_are_one_stop_with_a_row_for_each_platform() -> None:
    name = {"name": "Mairie", "bus": "yes"}
    table = services(
        ("node/1", at(0, 0), {"public_transport": "stop_position"} | name),
        ("node/2", at(0, 5), {"public_transport": "platform"} | name),
        ("node/3", at(0, 6), {"highway": "bus_stop"} | name),
        ("node/4", at(10, -5), {"highway": "bus_stop", "public_transport": "platform"} | name),
    )
    assert table.index.tolist() == ["node/2", "node/3", "node/4"]  # not the stop_position
    assert table.loc["node/2", "merged_ids"] == "node/3;node/4"
    assert table.loc["node/4", "merged_ids"] == "node/2;node/3"
    assert table.geometry["node/4"] == at(10, -5)  # where a walk that cites node/4 ends
    assert service_groups(table).tolist() == [0, 0, 0]  # one service


def test_a_stop_known_by_its_track_only_is_there_and_gives_way_to_platforms() -> None:
    track = {"highway": "bus_stop", "public_transport": "stop_position", "name": "Quai"}
    assert services(("node/1", at(0), track)).geometry["node/1"] == at(0)
    both = services(
        ("node/1", at(0), track), ("node/2", at(0, 5), {"highway": "bus_stop", "name": "Quai"})
    )
    assert both.geometry["node/2"] == at(0, 5)
    assert both.loc["node/2", "merged_ids"] == "node/1"


def test_a_platform_drawn_as_a_line_is_one_stop_with_its_pole() -> None:
    line = placed(shapely.LineString([(0, 10), (12, 10)]))
    tags = {"highway": "platform", "name": "Quai"}
    table = services(("way/7", line, tags), ("node/1", at(0, 0), tags))
    assert table.geometry["node/1"] == at(0, 0)
    assert table.geometry["way/7"] == line
    assert service_groups(table).tolist() == [0, 0]
    alone = services(("way/7", line, tags))
    assert alone.geometry["way/7"] == line


@pytest.mark.parametrize(("metres", "n_services"), [(0, 1), (49.9, 1), (50.1, 2), (300, 2)])
def test_same_name_within_50_metres(metres: float, n_services: int) -> None:
    assert len(groups(("node/1", at(0), BAKERY), ("node/2", at(metres), BAKERY))) == n_services


@pytest.mark.parametrize(("metres", "n_services"), [(79.9, 1), (80.1, 2)])
def test_stops_of_one_name_within_80_metres(metres: float, n_services: int) -> None:
    stop = {"highway": "bus_stop", "name": "Gare SNCF"}
    assert len(groups(("node/1", at(0), stop), ("node/2", at(metres), stop))) == n_services


@pytest.mark.parametrize(("metres", "n_services"), [(14.9, 1), (15.1, 2)])
@pytest.mark.parametrize("other", [{"shop": "bakery"}, BAKERY])
def test_without_a_name_within_15_metres(
    metres: float, n_services: int, other: dict[str, str]
) -> None:
    rows = ("node/1", at(0), {"shop": "bakery"}), ("node/2", at(metres), other)
    assert len(groups(*rows)) == n_services


def test_an_area_is_at_0_metres_from_what_is_inside_even_large() -> None:
    hall = {"amenity": "hospital", "name": "Hôpital"}
    assert groups(("way/1", block(0, 0, 400), hall), ("node/1", at(200, 200), hall)) == [
        {"way/1", "node/1"}
    ]


def test_names_are_compared_without_case_accent_or_punctuation() -> None:
    cafe = {"amenity": "cafe"}
    assert (
        len(
            groups(
                ("node/1", at(0), cafe | {"name": "L’Écluse"}),
                ("node/2", at(20), cafe | {"name": "L'ECLUSE"}),
            )
        )
        == 1
    )


def test_different_names_are_never_one_service_even_at_0_metres() -> None:
    rows = (
        ("way/1", block(0, 0, 20), {"amenity": "bank", "name": "Banque A"}),
        ("node/1", at(5, 5), {"amenity": "bank", "name": "Banque B"}),
    )
    assert len(groups(*rows)) == 2


def test_different_categories_are_never_one_service() -> None:
    assert (
        len(groups(("node/1", at(0), BAKERY), ("node/2", at(1), BAKERY | {"shop": "butcher"}))) == 2
    )


def test_a_nameless_object_between_two_names_joins_the_nearer_only() -> None:
    table = groups(
        ("node/1", at(0), {"amenity": "pharmacy", "name": "A"}),
        ("node/2", at(10), {"amenity": "pharmacy"}),
        ("node/3", at(18), {"amenity": "pharmacy", "name": "B"}),
    )
    assert table == [{"node/1"}, {"node/2", "node/3"}]


def test_same_reference_is_one_service_whatever_the_names() -> None:
    tags = {"amenity": "pharmacy", "ref:FR:FINESS": "350000001"}
    near = groups(
        ("node/1", at(0), tags | {"name": "Pharmacie du Port"}),
        ("way/2", block(190, 0, 10), tags | {"name": "Pharmacie Morin"}),
    )
    assert near == [{"way/2", "node/1"}]
    far = groups(("node/1", at(0), tags), ("node/2", at(201), tags))
    assert len(far) == 2


@pytest.mark.parametrize(
    "key",
    ["ref:FR:FINESS", "ref:FR:LaPoste", "ref:UAI", "ref:FR:SIRET", "uic_ref", "wikidata"],
)
def test_different_references_are_never_one_service(key: str) -> None:
    rows = [(f"node/{n}", at(n), BAKERY | {key: f"R{n}"}) for n in (1, 2)]
    assert len(groups(*rows)) == 2


def test_two_references_are_not_joined_through_a_third_object() -> None:
    table = groups(
        ("node/1", at(0), BAKERY | {"ref:FR:SIRET": "1"}),
        ("node/2", at(20), BAKERY),
        ("node/3", at(30), BAKERY | {"ref:FR:SIRET": "2"}),
    )
    assert table == [{"node/1"}, {"node/2", "node/3"}]


def test_the_most_trusted_reference_decides() -> None:
    first = BAKERY | {"ref:FR:FINESS": "1", "wikidata": "Q1"}
    second = BAKERY | {"ref:FR:FINESS": "1", "wikidata": "Q2"}
    third = BAKERY | {"ref:FR:FINESS": "2", "wikidata": "Q1"}
    assert len(groups(("node/1", at(0), first), ("node/2", at(1), second))) == 1
    assert len(groups(("node/1", at(0), first), ("node/2", at(1), third))) == 2


def test_a_list_of_references_shares_one() -> None:
    stop = {"highway": "bus_stop", "name": "Jean Moulin"}
    assert (
        len(
            groups(
                ("node/1", at(0), stop | {"uic_ref": "19050;37627"}),
                ("node/2", at(90), stop | {"uic_ref": "37627"}),
            )
        )
        == 1
    )


def test_an_area_with_entrances_is_its_entrances() -> None:
    doors = shapely.MultiPoint([at(0, 3), at(20, 3)])
    table = services(
        ("way/5", block(0, 0, 20), BAKERY, doors),
        ("node/1", at(5, 5), BAKERY),
    )
    assert table.index.tolist() == ["way/5"]
    assert table.geometry["way/5"].equals(doors)


def test_the_kept_object_has_entrances_else_an_area_else_the_lowest_number() -> None:
    door = shapely.MultiPoint([at(0, 3)])
    assert services(
        ("way/4", block(0, 0, 20), BAKERY),
        ("way/5", block(0, 0, 20), BAKERY, door),
    ).index.tolist() == ["way/5"]
    assert services(("way/4", block(0, 0, 20), BAKERY), ("node/5", at(5), BAKERY)).index[0] == (
        "way/4"
    )
    assert services(("node/10", at(0), BAKERY), ("node/9", at(5), BAKERY)).index[0] == "node/9"


def test_a_station_is_reached_at_its_own_doors() -> None:
    table = services(
        ("node/1", at(0), {"railway": "station", "name": "Gare de Redon", "uic_ref": "87471300"}),
        ("node/2", at(40), {"railway": "train_station_entrance", "wheelchair": "yes"}),
        ("node/3", at(199), {"railway": "subway_entrance", "name": "Rue du Port"}),
    )
    assert table.index.tolist() == ["node/1"]
    assert table.loc["node/1", ["categories", "name", "wheelchair"]].tolist() == [
        "gare",
        "Gare de Redon",
        "unknown",
    ]
    assert table.geometry["node/1"].equals(shapely.MultiPoint([at(40), at(199)]))


def test_a_door_goes_to_the_nearest_station_and_stands_alone_without_one() -> None:
    subway = {"railway": "station", "station": "subway"}
    table = services(
        ("node/1", at(0), subway | {"name": "A"}),
        ("node/2", at(300), subway | {"name": "B"}),
        ("node/3", at(170), {"railway": "subway_entrance", "name": "Sortie 1"}),
        ("node/4", at(900), {"railway": "subway_entrance", "name": "Sortie 9"}),
    )
    assert table["merged_ids"].dropna().to_dict() == {"node/2": "node/3"}
    assert table.geometry["node/2"] == at(170)
    assert table.loc["node/4", ["categories", "name"]].tolist() == ["station_metro", "Sortie 9"]


def test_a_door_between_two_stations_goes_to_the_first_by_number() -> None:
    subway = {"railway": "station", "station": "subway"}
    table = services(
        ("node/10", at(0), subway | {"name": "A"}),
        ("node/9", at(200), subway | {"name": "B"}),
        ("node/3", at(100), {"railway": "subway_entrance"}),
    )
    assert table["merged_ids"].dropna().to_dict() == {"node/9": "node/3"}


@pytest.mark.parametrize(("metres", "n_services"), [(200, 1), (200.01, 2)])
def test_a_door_is_at_most_200_metres_from_its_station(metres: float, n_services: int) -> None:
    rows = (
        ("node/1", at(0), {"railway": "station", "name": "Gare"}),
        ("node/2", at(metres), {"railway": "train_station_entrance"}),
    )
    assert len(groups(*rows)) == n_services


def test_categories_of_the_joined_are_all_kept_in_the_order_of_the_taxonomy() -> None:
    table = services(
        ("node/1", at(0), {"amenity": "atm", "name": "LCL"}),
        ("node/2", at(10), {"amenity": "bank", "atm": "yes", "name": "LCL"}),
    )
    assert table["categories"].tolist() == ["banque;dab"]


@pytest.mark.parametrize(
    ("first", "second", "expected", "by"),
    [
        (({}, "2020-01-01"), ({}, "2022-02-02"), "2022-02-02", "edited"),
        (({"check_date": "2019-05-05"}, "2024-01-01"), ({}, "2022-02-02"), "2019-05-05", "checked"),
        (
            ({"check_date": "2019-05-05"}, ""),
            ({"survey:date": "2021-06-07"}, ""),
            "2021-06-07",
            "checked",
        ),
        (
            ({"check_date": "2021"}, "2018-01-01"),
            ({"survey:date": "hier"}, ""),
            "2018-01-01",
            "edited",
        ),
        (({}, ""), ({}, ""), None, "undated"),
    ],
)
def test_observed_on_is_the_last_check_else_the_last_edit(
    first: Edited, second: Edited, expected: str | None, by: str
) -> None:
    rows = [
        (f"node/{n}", at(n), BAKERY | tags, None, day)
        for n, (tags, day) in enumerate((first, second))
    ]
    (found,) = services(*rows)[["observed_on", "observed_by"]].itertuples(index=False)
    assert (None if pd.isna(found.observed_on) else found.observed_on) == expected
    assert found.observed_by == by


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("yes", "", "yes"),
        ("designated", "yes", "yes"),
        ("no", "no", "no"),
        ("yes", "no", "unknown"),
        ("no;yes", "", "unknown"),
        ("bof", "", "unknown"),
        ("", "", "unknown"),
    ],
)
def test_wheelchair_is_never_guessed(one: str, other: str, expected: str) -> None:
    rows = [
        (f"node/{n}", at(n), BAKERY | ({"wheelchair": v} if v else {}))
        for n, v in enumerate((one, other))
    ]
    assert services(*rows)["wheelchair"].tolist() == [expected]


def test_the_brand_stands_for_a_missing_name() -> None:
    table = services(("node/1", at(0), {"shop": "bakery", "brand": "Paul"}))
    assert table["name"].tolist() == ["Paul"]


def test_the_order_of_rows_is_that_of_osm_numbers() -> None:
    table = services(
        ("way/3", block(300, 0, 9), BAKERY),
        ("node/20", at(600), BAKERY),
        ("relation/1", block(900, 0, 9), BAKERY),
        ("node/3", at(0), BAKERY),
    )
    assert table.index.tolist() == ["node/3", "node/20", "way/3", "relation/1"]


def test_an_area_that_crosses_itself_is_still_a_service() -> None:
    bow = placed(shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)]))
    assert groups(("way/1", bow, BAKERY), ("node/1", at(12, 5), BAKERY)) == [{"way/1", "node/1"}]


def test_overseas_distances_are_metres() -> None:
    rows = [("node/1", shapely.Point(55.45, -20.88), BAKERY)]
    for n, metres in ((2, 45), (3, 110)):  # 1 degree of latitude is 110.7 km there
        rows.append((f"node/{n}", shapely.Point(55.45, -20.88 + metres / 110_700), BAKERY))
    assert groups(*rows) == [{"node/1", "node/2"}, {"node/3"}]


def test_wrong_inputs_are_refused() -> None:
    objects = osm(("node/1", at(0), BAKERY))
    with pytest.raises(DataError, match="tags"):
        services_from_osm(objects.drop(columns="tags"), TAXONOMY)
    with pytest.raises(CrsError, match="4326"):
        services_from_osm(objects.to_crs(2154), TAXONOMY)
    with pytest.raises(DataError, match="twice"):
        services_from_osm(pd.concat([objects, objects]), TAXONOMY)
    with pytest.raises(CrsError, match="une étude par territoire"):
        services(("node/1", at(0), BAKERY), ("node/2", shapely.Point(55.4, -20.9), BAKERY))


KINDS = (
    {"highway": "bus_stop"},
    {"shop": "bakery"},
    {"amenity": "bank", "atm": "yes"},
    {"amenity": "atm"},
    {"railway": "station"},
    {"railway": "train_station_entrance"},
)
OBJECTS = st.lists(
    st.tuples(
        st.integers(0, 12),  # 10 m steps: distances tie often, on purpose
        st.sampled_from(KINDS),
        st.sampled_from(["", "A", "B"]),
        st.sampled_from(["", "1", "2"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=9,
)


def random_objects(drawn: Drawn) -> gpd.GeoDataFrame:
    return osm(
        *(
            (
                f"{'way' if is_area else 'node'}/{number}",
                block(step * 10, 0, 8) if is_area else at(step * 10),
                tags | ({"name": name} if name else {}) | ({"wikidata": ref} if ref else {}),
            )
            for number, (step, tags, name, ref, is_area) in enumerate(drawn)
        )
    )


@settings(max_examples=25, deadline=None)
@given(OBJECTS, st.randoms(use_true_random=False))
def test_the_order_of_objects_does_not_matter(drawn: Drawn, rng: random.Random) -> None:
    objects = random_objects(drawn)
    shuffled = objects.iloc[rng.sample(range(len(objects)), len(objects))]
    assert_geodataframe_equal(
        services_from_osm(objects, TAXONOMY), services_from_osm(shuffled, TAXONOMY)
    )


@settings(max_examples=25, deadline=None)
@given(OBJECTS)
def test_nothing_is_lost_nor_counted_twice_and_references_never_mix(drawn: Drawn) -> None:
    objects = random_objects(drawn)
    table = services_from_osm(objects, TAXONOMY)
    others = table["merged_ids"].fillna("").str.split(";")
    members = {frozenset({one, *ids} - {""}) for one, ids in others.items()}
    assert sorted(osm_id for group in members for osm_id in group) == sorted(objects.index)
    for group in members:
        tags = [objects.tags[osm_id] for osm_id in group]
        tags = [one for one in tags if one.get("railway") != "train_station_entrance"]
        assert len({one["wikidata"] for one in tags if "wikidata" in one}) <= 1


@pytest.mark.skipif(not SHARED.exists(), reason="the towns of ../shared are not on this machine")
def test_the_centre_of_redon() -> None:
    """Expected values read by eye in the file: 7 poles of 4 stops, a station and its hall."""
    objects = read_osm([SHARED / "redon_centre.osm"], taxonomy=TAXONOMY).objects
    table = services_from_osm(objects, TAXONOMY)
    stops = table[table["categories"] == "arret_bus"]
    assert len(stops) == 7
    assert stops["name"].value_counts().to_dict() == {
        "Gare SNCF": 2,
        "La Digue": 2,
        "Parc Anger": 2,
        "Tribunal": 1,
    }
    assert len(set(service_groups(stops))) == 4
    station = table.loc["node/4325220462"]
    assert station["merged_ids"] == "node/4979756095"  # its train_station_entrance
    assert station.geometry == objects.geometry["node/4979756095"]
    post_office = table.loc["way/122531532"]
    assert post_office["categories"] == "dab;bureau_poste"
    assert post_office.geometry.geom_type == "Polygon"
    library = table.loc["way/122531455"]
    assert library.geometry == objects.entrances["way/122531455"].geoms[0]
    assert (table["categories"] == "pharmacie").sum() == 4
