"""The nearest service of a family: one line per site out of the long table of walks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from siting.errors import DataError
from siting.freshness import to_confirm
from siting.labels import short_date
from siting.tables import AccessStatus, MapEvidence, Observation
from siting.taxonomy import Category, Taxonomy
from siting.walks import nearest_by_family

CONFIRM_TEXT = " (à confirmer : plus de trois ans avant la carte)"
_OSM_ID = r"(?:node|way|relation)/[0-9]+"
_ISO_DATE = r"^(\d{4})-(\d{2})-(\d{2})$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """
    Nearest service of a family, for one site.

    Parameters
    ----------
    walk_min, walk_m
        Minutes and metres of the walk, NaN if no service is reached.
    snap_m
        Metres from the site to the network, NaN if unknown.
    service
        French words for the service: name, category, identifier, source and date.
    statuses
        Access statuses met over the categories that count for the family.
    is_edge_limited
        If a nearer service may lie outside of the data.
    absences
        Name and `MapEvidence` of the categories that count and of which nothing is reached:
        where the map may miss them, a far one says nothing of a near one.
    """

    walk_min: float
    walk_m: float
    snap_m: float
    service: str
    statuses: frozenset[str]
    is_edge_limited: bool
    absences: tuple[tuple[str, str], ...]

    @property
    def is_reached(self) -> bool:
        """If a service of the family is reached."""
        return self.walk_min >= 0


def nearest_services(  # noqa: PLR0913 - the tables of a study, and what is asked of them
    sites: pd.DataFrame,
    access: pd.DataFrame,
    services: pd.DataFrame,
    *,
    taxonomy: Taxonomy,
    family: str,
    mapped_on: str = "",
    absence: pd.DataFrame | None = None,
    remarks: pd.Series | None = None,
) -> dict[str, Nearest]:
    """
    Find, for each site, the service of a family that is nearest on foot.

    Only the categories that count for the family are looked at; one of them is enough.

    Parameters
    ----------
    sites, access, services
        Tables `SITES`, `ACCESS` and `SERVICES`.
    taxonomy, family
        Which categories count for which family.
    mapped_on
        ISO date of the map the services are from; empty when unknown.
    absence
        Table ABSENCE of these sites; None to doubt those categories alone that the taxonomy
        says to be badly mapped, and to say nothing of the others.
    remarks
        What registers say of each service, in French (`register_words.register_remarks`);
        None when none was read.

    Returns
    -------
    nearest
        By `site_id`, for each site.

    Raises
    ------
    DataError
        If `access` has no row for a site and the family.
    """
    if sites.empty:
        return {}
    counting = [category for category in taxonomy.categories if family in category.counts_for]
    labels = {category.id: category.label for category in counting}
    rows = access.reset_index()
    rows = rows[(rows["rank"] == 1) & rows["category"].isin(list(labels))]
    rows = rows.assign(category_label=rows["category"].map(labels))
    absent = sites.index.difference(rows["site_id"])
    if len(absent):
        raise DataError(f"ACCESS has no walk for site {absent[0]!r} and family {family!r}.")
    if absence is None:
        evidence = rows["category"].map(_said_by_taxonomy(counting))
    else:
        pairs = pd.MultiIndex.from_frame(rows[["site_id", "category"]])
        evidence = absence["map_evidence"].reindex(pairs).set_axis(rows.index)
    is_absent = (rows["access_status"] != AccessStatus.REACHED) & evidence.notna()
    names = pd.Series(zip(rows["category_label"], evidence, strict=True), rows.index)
    by_site = rows.assign(absence=names.where(is_absent)).groupby("site_id")
    found = pd.DataFrame(
        {
            "snap_m": by_site["snap_m"].min(),
            "statuses": by_site["access_status"].agg(frozenset),
            "is_edge_limited": by_site["edge_limited"].any().astype(bool),
            "absences": by_site["absence"].agg(lambda names: tuple(names.dropna())),
        }
    ).join(_best(access, services, {family: list(labels)}, labels, mapped_on, remarks))
    found["service"] = found["service"].fillna("")
    return {
        str(site_id): Nearest(**row)
        for site_id, row in zip(found.index, found.to_dict("records"), strict=True)
    }


def _said_by_taxonomy(categories: Iterable[Category]) -> dict[str, str]:
    return {one.id: MapEvidence.RARELY_MAPPED.value for one in categories if one.mapping == "poor"}


def _best(
    access: pd.DataFrame,
    services: pd.DataFrame,
    family_categories: Mapping[str, Collection[str]],
    labels: Mapping[str, str],
    mapped_on: str,
    remarks: pd.Series | None,
) -> pd.DataFrame:
    """Word the nearest service of each site that reaches one: the one that maps draw."""
    best = nearest_by_family(access, family_categories).set_index("site_id")
    known = services.assign(is_old=to_confirm(services, mapped_on=mapped_on))
    known = known[["source", "observed_on", "observed_by", "is_old"]]
    known = known.reindex(best["service_id"]).set_index(best.index)
    seen_on = known["observed_on"].str.replace(_ISO_DATE, r"\3/\2/\1", regex=True)
    verb = known["observed_by"].eq(Observation.CHECKED).map({True: "vérifié", False: "mis à jour"})
    dates = f", carte du {short_date(mapped_on)}" if mapped_on else ", carte sans date"
    dates = dates + (", objet " + verb + " le " + seen_on).fillna("")
    dates = dates + known["is_old"].fillna(value=False).map({True: CONFIRM_TEXT, False: ""})
    is_of_map = best["service_id"].str.fullmatch(_OSM_ID)
    parts = (
        best["service_name"].fillna("sans nom"),
        " (",
        best["category"].map(labels),
        ") ; ",
        known["source"].fillna("source inconnue"),
        " ",
        best["service_id"],
        dates.where(is_of_map, ""),  # the source of a register tells its own date
        _said(best["service_id"], remarks),
    )
    service = pd.Series("", index=best.index, dtype="str")
    for part in parts:
        service = service + part
    return best[["walk_min", "walk_m"]].assign(service=service)


def _said(service_id: pd.Series, remarks: pd.Series | None) -> pd.Series:
    """Return what registers say of services, after a comma; empty where they say nothing."""
    if remarks is None:
        return pd.Series("", index=service_id.index, dtype="str")
    said = service_id.map(remarks).fillna("")
    return (", " + said).mask(said == "", "")
