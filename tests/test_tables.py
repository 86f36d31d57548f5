"""Contract tables: what they accept, what they refuse, what they leave alone."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from siting import tables
from siting.crs import WGS84
from siting.errors import CrsError, DataError
from siting.tables import ACCESS, REACH, SERVICES, SITES, Column, Table

ALL = {name: table for name, table in vars(tables).items() if isinstance(table, Table)}

PLACES = Table(
    "PLACES",
    (Column("place_id", "text", "its name"),),
    (
        Column("code", "text", "a code"),
        Column("n_beds", "integer", "beds"),
        Column("walk_m", "number", "a walk", "m"),
        Column("is_open", "boolean", "if it is open"),
        Column("state", "text", "a closed list", allowed=("new", "old")),
    ),
)
ROWS = pd.DataFrame(
    {
        "place_id": ["b", "a"],
        "code": ["01004", ""],
        "n_beds": [3, None],
        "walk_m": [340, np.nan],
        "is_open": [True, None],
        "state": ["new", ""],
    }
)


def changed(**columns: object) -> pd.DataFrame:
    return ROWS.assign(**columns)


def test_rows_come_out_typed_in_their_order() -> None:
    out = PLACES.conform(ROWS)
    assert list(out.index) == ["b", "a"]
    assert list(out.columns) == PLACES.column_names
    assert out["code"].iloc[0] == "01004"
    assert {name: str(out[name].dtype) for name in out} == {
        "code": "str",
        "n_beds": "Int64",
        "walk_m": "float64",
        "is_open": "boolean",
        "state": "str",
    }


def test_what_is_missing_is_missing_and_never_zero_nor_false_nor_empty_text() -> None:
    assert PLACES.conform(ROWS).loc["a"].isna().all()


def test_the_input_is_unchanged() -> None:
    before = ROWS.copy()
    PLACES.conform(ROWS)
    pd.testing.assert_frame_equal(ROWS, before)


def test_the_order_of_columns_does_not_matter() -> None:
    shuffled = ROWS[ROWS.columns[::-1]]
    pd.testing.assert_frame_equal(PLACES.conform(shuffled), PLACES.conform(ROWS))


def test_the_key_may_be_the_index() -> None:
    expected = PLACES.conform(ROWS)
    pd.testing.assert_frame_equal(PLACES.conform(ROWS.set_index("place_id")), expected)
    pd.testing.assert_frame_equal(PLACES.conform(expected), expected)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (ROWS.drop(columns="code"), r"missing columns \['code'\]"),
        (ROWS.drop(columns="place_id"), r"missing columns \['place_id'\]"),
        (changed(note="x"), r"unknown columns \['note'\]"),
        (changed(n_beds=["three", 1]), "n_beds is not of kind integer"),
        (changed(n_beds=[1.5, 1]), "n_beds is not of kind integer"),
        (changed(walk_m=["far", 1]), "walk_m is not of kind number"),
        (changed(walk_m=[np.inf, 1.0]), "infinite"),
        (changed(is_open=["yes", "no"]), "is_open is not of kind boolean"),
        (changed(state=["new", "ruined"]), "ruined"),
        (changed(place_id=["a", "a"]), "'a',"),
        (changed(place_id=["a", None]), "is empty"),
        (changed(place_id=["a", ""]), "is empty"),
        (pd.concat([ROWS, ROWS[["code"]]], axis=1), "present twice"),
    ],
)
def test_a_wrong_table_is_refused_by_name(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message) as refusal:
        PLACES.conform(frame)
    assert "Table PLACES" in str(refusal.value)


@pytest.mark.parametrize("name", ALL)
def test_an_empty_table_keeps_its_columns_and_types(name: str) -> None:
    table = ALL[name]
    empty = table.empty()
    assert len(empty) == 0
    assert list(empty.index.names) == table.index_names
    geometry = [] if table.geometry is None else ["geometry"]
    assert list(empty.columns) == [*table.column_names, *geometry]
    kinds = {"text": "str", "integer": "Int64", "number": "float64", "boolean": "boolean"}
    for column in table.columns:
        assert str(empty[column.name].dtype) == kinds.get(column.kind, "object")
    if table.geometry is not None:
        assert empty.crs == WGS84
    pd.testing.assert_frame_equal(table.conform(empty), empty)


@pytest.mark.parametrize("name", ALL)
def test_every_column_says_what_it_is(name: str) -> None:
    table = ALL[name]
    assert table.name == name
    names = [*table.index_names, *table.column_names]
    assert len(set(names)) == len(names)
    for column in (*table.index, *table.columns):
        assert column.meaning
        for ending, unit in {"_m": "m", "_min": "min", "_share": "0-1"}.items():
            if column.kind == "number" and column.name.endswith(ending):
                assert column.unit == unit, column.name
        if column.name.startswith(("is_", "has_")):
            assert column.kind == "boolean"
        if column.name.startswith("n_"):
            assert column.kind == "integer"


@pytest.mark.parametrize("name", ALL)
def test_a_column_means_the_same_in_every_table(name: str) -> None:
    kinds = {c.name: c.kind for t in ALL.values() for c in (*t.index, *t.columns)}
    assert all(kinds[c.name] == c.kind for c in (*ALL[name].index, *ALL[name].columns))


def test_a_code_of_a_commune_is_text_everywhere() -> None:
    codes = [c for t in ALL.values() for c in (*t.index, *t.columns) if c.name.startswith("code_")]
    assert len(codes) >= 10
    assert {column.kind for column in codes} == {"text"}


def sites(crs: object = WGS84, **columns: object) -> gpd.GeoDataFrame:
    body = dict.fromkeys(SITES.column_names) | {"site_id": ["s1"], **columns}
    return gpd.GeoDataFrame(body, geometry=[shapely.Point(2.35, 48.85)], crs=crs)


def test_the_planners_own_columns_follow_those_of_the_contract() -> None:
    out = SITES.conform(sites(porteur=["Mairie"], notes=["x"]))
    assert list(out.columns) == [*SITES.column_names, "porteur", "notes", "geometry"]


def test_a_closed_table_refuses_them() -> None:
    body = {name: ["x"] for name in ("category", "porteur")}
    with pytest.raises(DataError, match="missing columns"):
        REACH.conform(pd.DataFrame(body))


def test_a_layer_must_be_in_wgs84() -> None:
    with pytest.raises(CrsError, match="no CRS"):
        SITES.conform(sites(crs=None))
    with pytest.raises(CrsError, match="EPSG:2154"):
        SITES.conform(sites().to_crs(2154))


def test_sites_without_any_position_are_still_a_layer() -> None:
    lost = sites().set_geometry(gpd.GeoSeries([None], crs=None))
    out = SITES.conform(lost)
    assert out.crs == WGS84
    assert out.geometry.isna().all()


def test_a_layer_with_rows_must_have_a_geometry() -> None:
    body = {name: ["x"] for name in ("service_id", *SERVICES.column_names)}
    with pytest.raises(DataError, match="geometry column is missing"):
        SERVICES.conform(pd.DataFrame(body).assign(wheelchair="yes"))


def test_a_key_of_several_columns_is_unique_as_a_whole() -> None:
    body = pd.DataFrame(
        {
            "site_id": ["s1", "s1"],
            "category": ["pharmacy", "pharmacy"],
            "minutes": [5, 10],
            "n_services": [0, 1],
        }
    )
    assert len(REACH.conform(body)) == 2
    with pytest.raises(DataError, match="there twice"):
        REACH.conform(body.assign(minutes=5))


def test_a_status_out_of_the_closed_list_is_refused() -> None:
    frame = ACCESS.empty().reset_index()
    row = {"site_id": "s", "category": "c", "rank": 1, "access_status": "unreachable"}
    with pytest.raises(DataError, match="unreachable"):
        ACCESS.conform(pd.DataFrame([row]).reindex(columns=frame.columns))
