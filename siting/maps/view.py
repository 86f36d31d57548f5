"""What a map says of each site: how sure its place is, and the nearest service of each family."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property

import geopandas as gpd
import pandas as pd

from siting.calls import Measure, Requirement, RulePack
from siting.labels import LABELS, metres_text, minutes_text
from siting.tables import (
    SITES,
    AccessStatus,
    CommuneCheck,
    GeocodeReason,
    GeocodeStatus,
    Verdict,
)
from siting.taxonomy import Taxonomy

_SURE = (GeocodeStatus.OK, GeocodeStatus.PROVIDED)
_OTHER_PLACE = (GeocodeReason.COMMUNE_MISMATCH, GeocodeReason.DEPARTEMENT_MISMATCH)

# When no category of a family is reached, the status that tells the reader most comes first.
_ORDER = {
    AccessStatus.REACHED: 0,
    AccessStatus.NO_LOCATION: 1,
    AccessStatus.OFF_NETWORK: 2,
    AccessStatus.BEYOND_CUTOFF: 3,
    AccessStatus.NO_PATH: 4,
    AccessStatus.NO_SERVICE: 5,
    AccessStatus.NOT_MAPPED: 6,
}
_TAKEN = ["category", "service_id", "service_name", "walk_m", "walk_min"]


def nearest_by_family(
    access: pd.DataFrame, walks: gpd.GeoDataFrame, taxonomy: Taxonomy
) -> pd.DataFrame:
    """
    Return, for each site and family, the nearest service that counts, or why there is none.

    Categories shown in a family without counting for it (`Category.counts_for`) are left out,
    as in the verdicts. The service of a walk is the one kept, so that text and line agree.

    Returns
    -------
    nearest
        Index (`site_id`, `family`); `category`, `service_id`, `service_name`, `walk_m`,
        `walk_min`, `access_status`, `edge_limited`, as in table `ACCESS`.
    """
    counts_for = {category.id: list(category.counts_for) for category in taxonomy.categories}
    first = access[access.index.get_level_values("rank") == 1].reset_index()
    first = first.assign(
        family=first["category"].map(counts_for), order=first["access_status"].map(_ORDER)
    )
    first = first.explode("family").dropna(subset="family")
    first = first.sort_values(["site_id", "family", "order", "walk_m"], kind="stable")
    nearest = first.drop_duplicates(["site_id", "family"]).set_index(["site_id", "family"])
    nearest = nearest[[*_TAKEN, "access_status", "edge_limited"]]
    drawn = nearest.index.intersection(walks.index)
    nearest.loc[drawn, _TAKEN] = walks.loc[drawn, _TAKEN]
    nearest.loc[drawn, "access_status"] = AccessStatus.REACHED.value
    return nearest


def site_kinds(sites: gpd.GeoDataFrame, access: pd.DataFrame) -> pd.Series:
    """
    Sort sites by what their place on the map is worth.

    Returns
    -------
    kinds
        `sure`, `review` (the geocoder doubts, or the commune is not the one declared), `doubt`
        (a position that was set aside), `off` (located, but too far from any street) or
        `absent` (no position), indexed as `sites`.
    """
    status = sites["geocode_status"]
    kinds = pd.Series("doubt", index=sites.index)
    kinds[status.isin([one.value for one in _SURE])] = "sure"
    elsewhere = sites["commune_check"] == CommuneCheck.DIFFERENT
    elsewhere |= sites["geocode_reason"].isin([one.value for one in _OTHER_PLACE])
    kinds[(status == GeocodeStatus.REVIEW) | ((kinds == "sure") & elsewhere)] = "review"
    off = access.index[access["access_status"] == AccessStatus.OFF_NETWORK]
    kinds[sites.index.isin(off.get_level_values("site_id"))] = "off"
    kinds[~located(sites)] = "absent"
    return kinds


def located(layer: gpd.GeoDataFrame) -> pd.Series:
    """Tell which rows have a geometry."""
    return ~(layer.geometry.isna() | layer.geometry.is_empty)


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """Nearest service of a family: its identifier (empty when there is none), name and walk."""

    service_id: str
    service: str
    walk: str

    @property
    def sentence(self) -> str:
        """Service and walk, or why there is none."""
        return f"{self.service} : {self.walk}" if self.service_id else self.walk


@dataclass(frozen=True, kw_only=True)
class StudyView:
    """Tables of a study, with what its map derives from them."""

    sites: gpd.GeoDataFrame
    services: gpd.GeoDataFrame
    access: pd.DataFrame
    walks: gpd.GeoDataFrame
    taxonomy: Taxonomy
    pack: RulePack | None = None
    verdicts: pd.DataFrame | None = None

    @cached_property
    def families(self) -> list[str]:
        """Identifiers of the families, in the order in which they are shown."""
        return [family.id for family in self.taxonomy.families]

    @cached_property
    def number(self) -> Mapping[Hashable, int]:
        """Number of each site on the map: its place in the table."""
        return {site_id: at for at, site_id in enumerate(self.sites.index, start=1)}

    @cached_property
    def kinds(self) -> pd.Series:
        """What the place of each site is worth, as `site_kinds` says."""
        return site_kinds(self.sites, self.access)

    @cached_property
    def nearest(self) -> pd.DataFrame:
        """Nearest services, as `nearest_by_family` says."""
        return nearest_by_family(self.access, self.walks, self.taxonomy)

    @cached_property
    def near(self) -> Mapping[tuple[Hashable, str], Near]:
        """Nearest service in words, by site and family."""
        limited = self.nearest["edge_limited"].fillna(value=False).astype(bool)
        rows = self.nearest.assign(edge_limited=limited)
        return dict(zip(rows.index, map(self._near, rows.to_dict("records")), strict=True))

    @cached_property
    def record(self) -> Mapping[Hashable, Mapping[str, object]]:
        """Contract columns of each site."""
        body = pd.DataFrame(self.sites[SITES.column_names])
        return dict(zip(body.index, body.to_dict("records"), strict=True))

    @cached_property
    def label(self) -> Mapping[Hashable, str]:
        """Name of each site: its label, else its identifier."""
        return dict(self.sites["label"].fillna(self.sites.index.to_series()))

    def named(self, site_id: Hashable) -> str:
        """Return number, name and identifier of a site; the identifier is that of the files."""
        label = self.label[site_id]
        known = f" ({site_id})" if label != site_id else ""
        return f"{self.number[site_id]}. {label}{known}"

    @cached_property
    def near_requirements(self) -> tuple[Requirement, ...]:
        """Requirements of the call on services near; none without verdicts."""
        if self.pack is None or self.verdicts is None:
            return ()
        near = (one for one in self.pack.requirements if one.measure is Measure.FAMILY_NEAR)
        return tuple(near)

    @cached_property
    def _verdict(self) -> Mapping[tuple[Hashable, str], str]:
        table = self.verdicts
        return {} if table is None else dict(table["verdict"].items())

    def verdict_word(self, site_id: Hashable, requirement: Requirement) -> str:
        """Word the verdict on a requirement; `sans avis` when the table has none."""
        verdict = self._verdict.get((site_id, requirement.id))
        return "sans avis" if verdict is None else LABELS[Verdict][Verdict(verdict)]

    def nearest_service(self, site_id: Hashable, family: str) -> Near:
        """Return the nearest service of a family; `non mesuré` when the table has none."""
        return self.near.get((site_id, family), Near(service_id="", service="", walk="non mesuré"))

    def _near(self, row: Mapping[str, object]) -> Near:
        status = AccessStatus(str(row["access_status"]))
        star = " *" if row["edge_limited"] else ""
        if status is not AccessStatus.REACHED:
            return Near(service_id="", service="", walk=f"{LABELS[AccessStatus][status]}{star}")
        known = self.taxonomy.category.get(str(row["category"]))
        category = known.label if known else str(row["category"])
        name = row["service_name"]
        return Near(
            service_id=str(row["service_id"]),
            service=f"{name} ({category})" if isinstance(name, str) else category,
            walk=f"{metres_text(_number(row['walk_m']))}, "
            f"{minutes_text(_number(row['walk_min']))}{star}",
        )


def _number(value: object) -> float:
    return float(str(value))


def position_text(site: Mapping[str, object]) -> str:
    """Word what the position of a site is worth and why."""
    status, reason = site["geocode_status"], site["geocode_reason"]
    parts = []
    if isinstance(status, str):
        parts.append(LABELS[GeocodeStatus][status])
    if isinstance(reason, str):
        parts.append(LABELS[GeocodeReason][reason])
    return " : ".join(parts)


def commune_text(site: Mapping[str, object]) -> str:
    """Word the commune of a site, and how it compares with the one declared."""
    check = site["commune_check"]
    known = [name for name in (site["commune"], site["code_insee"]) if isinstance(name, str)]
    if isinstance(check, str) and check not in (CommuneCheck.SAME, CommuneCheck.UNDECLARED):
        known.append(LABELS[CommuneCheck][check])
    return ", ".join(known) or "inconnue"
