"""What is told of services besides walks: what is none, what comes to people, what is old."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from siting.categories import Excluded
from siting.census import excluded_table, marked, service_notes
from siting.freshness import CONFIRM_DAYS, to_confirm
from siting.tables import EXCLUDED, SERVICES, ExclusionKind
from siting.taxonomy import read_taxonomy

TAXONOMY = read_taxonomy()
MAPPED_ON = "2026-01-31"


def services(*rows: tuple[str, str, str, str]) -> gpd.GeoDataFrame:
    """Build SERVICES from categories, name, merged identifiers and date."""
    table = pd.DataFrame(rows, columns=["categories", "name", "merged_ids", "observed_on"])
    table = table.assign(
        service_id=[f"node/{at}" for at in range(len(rows))],
        source="OpenStreetMap",
        observed_by="edited",
        wheelchair="unknown",
    )
    places = [shapely.Point(2, 48)] * len(rows)
    return gpd.GeoDataFrame(SERVICES.conform(gpd.GeoDataFrame(table, geometry=places, crs=4326)))


def notes(table: gpd.GeoDataFrame, *excluded: Excluded, mapped_on: str = MAPPED_ON) -> list[str]:
    return service_notes(table, excluded_table(excluded), TAXONOMY, mapped_on=mapped_on)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2023-01-30", True),  # 1,097 days before: three years are 365 + 365 + 366 days
        ("2023-01-31", False),  # 1,096 days before
        ("2026-02-01", False),
        ("2019", None),
        ("", None),
    ],
)
def test_old_is_more_than_three_years_before_the_map(day: str, *, expected: bool | None) -> None:
    assert CONFIRM_DAYS == 365 + 365 + 366
    (found,) = to_confirm(services(("boulangerie", "", "", day)), mapped_on=MAPPED_ON)
    assert (None if pd.isna(found) else bool(found)) == expected


def test_without_a_date_of_the_map_nothing_is_said_to_be_old() -> None:
    table = services(("boulangerie", "", "", "2001-01-01"))
    assert to_confirm(table, mapped_on="").isna().all()
    assert notes(table, mapped_on="") == []
    assert to_confirm(services(), mapped_on=MAPPED_ON).empty


def test_old_services_are_counted_once() -> None:
    """Two platforms are one stop; two services of three are old."""
    table = services(
        ("arret_bus", "Gare", "node/1", "2020-01-01"),
        ("arret_bus", "Gare", "node/0", "2020-01-01"),
        ("boulangerie", "Au Blé", "", "2022-12-31"),
        ("mairie", "Mairie", "", "2025-01-01"),
    )
    (note,) = notes(table)
    assert note.startswith("À confirmer : 2 services sur 3, ")


def test_excluded_objects_are_counted_by_reason_and_category() -> None:
    closed, planned = ExclusionKind.CLOSED, ExclusionKind.PLANNED
    found = [
        *(Excluded(planned, "pharmacie"), Excluded(ExclusionKind.VACANT, "")),
        *(Excluded(closed, "ecole"), Excluded(closed, "boulangerie"), Excluded(closed, "ecole")),
    ]
    table = excluded_table(found)
    assert table.equals(EXCLUDED.conform(table))
    assert table["n_objects"].to_dict() == {
        ("vacant", "unknown"): 1,
        ("closed", "boulangerie"): 1,
        ("closed", "ecole"): 2,
        ("planned", "pharmacie"): 1,
    }
    (note,) = notes(services(), *found)
    assert note == (
        "Dans toutes les données, pas comptés comme services : 1 local commercial vide, 3 fermés "
        "ou disparus, 1 en projet ou en construction (Commerces : 3 ; Services publics : 2)."
    )


def test_nothing_excluded_is_an_empty_table_and_no_note() -> None:
    assert excluded_table([]).empty
    assert list(excluded_table([]).columns) == EXCLUDED.column_names
    assert notes(services()) == []


def test_services_that_come_to_people_are_named_and_marked() -> None:
    table = services(
        ("ssiad", "SSIAD de Redon", "", "2025-01-01"),
        ("ccas;ssiad", "", "", "2025-01-01"),
        ("pharmacie", "Pharmacie", "", "2020-01-01"),
    )
    note = notes(table)[0]
    assert note == (
        "Soins infirmiers à domicile (SSIAD) (zone d'intervention, non mesurée à pied) : 2 dans "
        "les données : SSIAD de Redon, sans nom."
    )
    marks = marked(table, taxonomy=TAXONOMY, mapped_on=MAPPED_ON)
    assert marks["is_area_service"].tolist() == [True, False, False]  # a CCAS is walked to
    assert marks["to_confirm"].tolist() == [False, False, True]
