"""What a study says of services besides walks: those that come to people, and what is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import geopandas as gpd
import pandas as pd

from siting.categories import Excluded, Taxonomy
from siting.freshness import CONFIRM_DAYS, to_confirm
from siting.labels import count_text, counted
from siting.tables import EXCLUDED, ExclusionKind
from siting.targets import service_groups

UNKNOWN = "unknown"  # category of a vacant shop that does not say what it was
UNKNOWN_WORDS = ("category", UNKNOWN, "local commercial vide, dont la carte ne dit pas l'usage")
AREA_WORDS = "zone d'intervention, non mesurée à pied"
_SHOWN = 5  # names of services in one remark; the layer of services holds all of them
_COUNTED = {
    ExclusionKind.VACANT: ("local commercial vide", "locaux commerciaux vides"),
    ExclusionKind.CLOSED: ("fermé ou disparu", "fermés ou disparus"),
    ExclusionKind.PLANNED: ("en projet ou en construction", "en projet ou en construction"),
    ExclusionKind.PRIVATE: ("non ouvert au public", "non ouverts au public"),
}


def excluded_table(excluded: Iterable[Excluded]) -> pd.DataFrame:
    """Count the objects that are no service, by reason and category, as table EXCLUDED."""
    order = {kind.value: at for at, kind in enumerate(ExclusionKind)}
    counts: dict[tuple[str, str], int] = {}
    for one in excluded:
        key = (one.kind.value, one.category or UNKNOWN)
        counts[key] = counts.get(key, 0) + 1
    rows = sorted(counts.items(), key=lambda row: (order[row[0][0]], row[0][1]))
    return EXCLUDED.conform(
        pd.DataFrame(
            [(*key, count) for key, count in rows],
            columns=[*EXCLUDED.index_names, *EXCLUDED.column_names],
        )
    )


def service_notes(
    services: gpd.GeoDataFrame, excluded: pd.DataFrame, taxonomy: Taxonomy, *, mapped_on: str
) -> list[str]:
    """
    Tell in French what no walk tells: services that come to people, what is none, what is old.

    Parameters
    ----------
    services, excluded
        Tables SERVICES (rows that are one service count once) and EXCLUDED.
    taxonomy
        Categories and families of both.
    mapped_on
        ISO date of the map; empty when unknown.
    """
    return [
        *_area_service_notes(services, taxonomy),
        *_excluded_notes(excluded, taxonomy),
        *_freshness_notes(services, mapped_on),
    ]


def _area_service_notes(services: gpd.GeoDataFrame, taxonomy: Taxonomy) -> Iterator[str]:
    """Name the services of which no distance is measured."""
    held = services.assign(category=services["categories"].str.split(";")).explode("category")
    for category in taxonomy.categories:
        names = held.loc[held["category"] == category.id, "name"].fillna("sans nom").tolist()
        if category.is_area_service and names:
            more = f" et {len(names) - _SHOWN} autres" if len(names) > _SHOWN else ""
            yield (
                f"{category.label} ({AREA_WORDS}) : {len(names)} dans les données : "
                f"{', '.join(names[:_SHOWN])}{more}."
            )


def _excluded_notes(excluded: pd.DataFrame, taxonomy: Taxonomy) -> Iterator[str]:
    """Count the objects that are no service, by reason, then by family."""
    total = excluded["n_objects"].groupby(level="exclusion").sum()
    kinds = [
        counted(int(total[kind]), *words) for kind, words in _COUNTED.items() if kind in total.index
    ]
    category = excluded.index.get_level_values("category")
    first = {one.id: one.families[0] for one in taxonomy.categories} | {UNKNOWN: "commerces"}
    by_family = excluded["n_objects"].groupby(category.map(first)).sum()
    families = [
        f"{family.label} : {count_text(int(by_family[family.id]))}"
        for family in taxonomy.families
        if family.id in by_family.index
    ]
    if kinds:
        yield (
            f"Dans toutes les données, pas comptés comme services : {', '.join(kinds)} "
            f"({' ; '.join(families)})."
        )


def _freshness_notes(services: gpd.GeoDataFrame, mapped_on: str) -> Iterator[str]:
    """Count the services to be confirmed."""
    once = ~pd.Series(service_groups(services), index=services.index).duplicated()
    is_old = to_confirm(services, mapped_on=mapped_on)[once].fillna(value=False)
    if is_old.any():
        yield (
            f"À confirmer : {counted(int(is_old.sum()), 'service')} sur "
            f"{count_text(int(once.sum()))}, dont la dernière vérification ou modification a plus "
            f"de trois ans ({count_text(CONFIRM_DAYS)} jours) à la date de la carte."
        )


def marked(
    services: pd.DataFrame, *, taxonomy: Taxonomy, mapped_on: str
) -> Mapping[str, pd.Series]:
    """
    Return the marks that layers of services carry beside the table.

    Returns
    -------
    marks
        `to_confirm` (`siting.freshness.to_confirm`) and `is_area_service` (all its categories
        are of services that come to people), indexed as `services`.
    """
    areas = {one.id for one in taxonomy.categories if one.is_area_service}
    held = services["categories"].str.split(";")
    return {
        "to_confirm": to_confirm(services, mapped_on=mapped_on),
        "is_area_service": held.map(areas.issuperset).astype("boolean"),
    }
