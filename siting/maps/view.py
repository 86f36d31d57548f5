"""What a map says of each site: how sure its place is, and the nearest service of each family."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property

import geopandas as gpd
import pandas as pd

from siting.calls import Measure, Requirement, RulePack
from siting.freshness import to_confirm
from siting.labels import LABELS, hectares_text, long_date, metres_text, minutes_text
from siting.maps.isochrones import light_isochrones
from siting.tables import (
    ISOCHRONES,
    SITES,
    WALKS,
    AccessStatus,
    CommuneCheck,
    GeocodeReason,
    GeocodeStatus,
    Verdict,
)
from siting.taxonomy import Taxonomy
from siting.walkers import WalkProfile

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

# What is known of the metres of a walk: words of one of them.
_FITNESS = {"fit_m": "praticable", "unfit_m": "impraticable", "unknown_m": "inconnu"}
_NOT_ON_MAP = ", registre seulement"  # after the category of a service that no map shows
_LEAST_M, _LEAST_PLURAL_M = 0.5, 1.5  # rounded to 1 m, to 2 m

# Why there is no walk, for a walker that keeps off what is unfit, or off what is not known to be
# fit: the general words would say that there is no street at all.
_AVOIDING: Mapping[str, str] = {
    AccessStatus.NO_PATH: "aucun trajet qui évite ce que la carte dit impraticable",
    AccessStatus.OFF_NETWORK: "le site est trop loin de toute rue praticable ou inconnue",
}
_STRICT: Mapping[str, str] = {
    AccessStatus.NO_PATH: "aucun trajet",
    AccessStatus.OFF_NETWORK: "aucune n'est assez près du site",
}


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
        `walk_min`, `access_status`, `edge_limited`, `fit_m`, `unfit_m`, `unknown_m`, as in
        table `ACCESS`.
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
    keys = ["site_id", "category", "service_id"]
    known = first[[*keys, *_FITNESS]].drop_duplicates(keys)
    return (
        nearest.reset_index()
        .merge(known, how="left", on=keys, validate="many_to_one")
        .set_index(["site_id", "family"])
    )


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
    """
    Nearest service of a family: its identifier (empty when there is none), name and walk.

    `fitness` is what is known of the metres of the walk; empty where it is not asked.
    """

    service_id: str
    service: str
    walk: str
    fitness: str = ""

    @property
    def sentence(self) -> str:
        """Service and walk, or why there is none."""
        return f"{self.service} : {self.walk}" if self.service_id else self.walk


_NOT_MEASURED = Near(service_id="", service="", walk="non mesuré")


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
    isochrones: gpd.GeoDataFrame | None = None
    access_strict: pd.DataFrame | None = None
    profile: WalkProfile | None = None
    register_remarks: pd.Series | None = None
    in_register_only: frozenset[str] = frozenset()
    mapped_on: str = ""

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
    def _to_confirm(self) -> pd.Series:
        return to_confirm(self.services, mapped_on=self.mapped_on).fillna(value=False)

    def confirm_text(self, service_id: Hashable) -> str:
        """Say that a service is to be confirmed, and how old what is known of it is; else empty."""
        if not self._to_confirm.get(service_id, default=False):
            return ""
        day = long_date(str(self.services.loc[service_id, "observed_on"]))
        return f"À confirmer : rien de plus récent que le {day}."

    def register_remark(self, service_id: Hashable) -> str:
        """Word what registers say of a service; empty where they say nothing."""
        return "" if self.register_remarks is None else str(self.register_remarks[service_id])

    @cached_property
    def near(self) -> Mapping[tuple[Hashable, str], Near]:
        """Nearest service in words, by site and family."""
        words = _AVOIDING if self.avoids_unfit else {}
        return self._worded(self.nearest, {**LABELS[AccessStatus], **words})

    @cached_property
    def _near_strict(self) -> Mapping[tuple[Hashable, str], Near]:
        """Nearest service along ways known to be fit, in words."""
        if self.access_strict is None:
            return {}
        walks = gpd.GeoDataFrame(WALKS.empty())
        nearest = nearest_by_family(self.access_strict, walks, self.taxonomy)
        return self._worded(nearest, {**LABELS[AccessStatus], **_STRICT})

    @property
    def avoids_unfit(self) -> bool:
        """If what is unfit is closed to the walker."""
        return self.profile is not None and self.profile.avoids_unfit

    @property
    def tells_fitness(self) -> bool:
        """If each walk tells how many of its metres are fit."""
        return self.avoids_unfit or self.access_strict is not None

    @cached_property
    def times(self) -> list[int]:
        """Minutes of the isochrones, shortest first; none without isochrones."""
        if self.isochrones is None:
            return []
        return sorted({int(one) for one in self.isochrones.index.unique(level="minutes")})

    @property
    def area_header(self) -> str:
        """What `reached_area` words."""
        return f"Surface atteinte à pied ({' / '.join(map(str, self.times))} min)"

    @cached_property
    def light_isochrones(self) -> gpd.GeoDataFrame:
        """Isochrones of these sites as a page draws them, as `light_isochrones` says."""
        if self.isochrones is None:
            return gpd.GeoDataFrame(ISOCHRONES.empty())
        is_here = self.isochrones.index.get_level_values("site_id").isin(self.sites.index)
        return light_isochrones(self.isochrones[is_here])

    @cached_property
    def _area_m2(self) -> Mapping[tuple[Hashable, int], float]:
        return {} if self.isochrones is None else dict(self.isochrones["area_m2"].items())

    def reached_area(self, site_id: Hashable) -> str:
        """Word the areas reached from a site; a dash where nothing was measured."""
        if self.kinds[site_id] in ("absent", "off"):
            return "—"
        words = [_area_text(self._area_m2.get((site_id, one), math.nan)) for one in self.times]
        return " / ".join(words if len(set(words)) > 1 else words[:1])

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
        return self.near.get((site_id, family), _NOT_MEASURED)

    def walk_in_full(self, site_id: Hashable, family: str) -> str:
        """
        Word the walk to the nearest service, with what is known of its metres where asked.

        Where there is a measure along ways known to be fit only, its result follows.
        """
        near = self.nearest_service(site_id, family)
        if not (self.tells_fitness and near.service_id):
            return near.walk
        text = f"{near.walk} ({near.fitness})" if near.fitness else near.walk
        if self.access_strict is None:
            return text
        strict = self._near_strict.get((site_id, family), _NOT_MEASURED)
        is_other = strict.service_id not in ("", near.service_id)
        other = f"{strict.service}, {strict.walk}" if is_other else strict.walk
        return f"{text} ; en ne comptant que les voies connues praticables : {other}"

    def sentence_in_full(self, site_id: Hashable, family: str) -> str:
        """Word the nearest service and the walk, as `walk_in_full`."""
        near = self.nearest_service(site_id, family)
        walk = self.walk_in_full(site_id, family)
        return f"{near.service} : {walk}" if near.service_id else walk

    def _worded(
        self, nearest: pd.DataFrame, words: Mapping[str, str]
    ) -> dict[tuple[Hashable, str], Near]:
        """Word rows of `nearest_by_family`, the status of those not reached by `words`."""
        limited = nearest["edge_limited"].fillna(value=False).astype(bool)
        rows = nearest.assign(edge_limited=limited)
        near = [self._near(row, words) for row in rows.to_dict("records")]
        return dict(zip(rows.index, near, strict=True))

    def _near(self, row: Mapping[str, object], words: Mapping[str, str]) -> Near:
        status = AccessStatus(str(row["access_status"]))
        star = " *" if row["edge_limited"] else ""
        if status is not AccessStatus.REACHED:
            return Near(service_id="", service="", walk=f"{words[status]}{star}")
        known = self.taxonomy.category.get(str(row["category"]))
        category = known.label if known else str(row["category"])
        name, service_id = row["service_name"], str(row["service_id"])
        if service_id in self.in_register_only:
            category += _NOT_ON_MAP
        return Near(
            service_id=service_id,
            service=f"{name} ({category})" if isinstance(name, str) else category,
            walk=f"{metres_text(_number(row['walk_m']))}, "
            f"{minutes_text(_number(row['walk_min']))}{star}",
            fitness=_fitness_text(row),
        )


def _fitness_text(row: Mapping[str, object]) -> str:
    """Word how many metres are fit, unfit, unknown; what rounds to none is left out."""
    parts = []
    for name, word in _FITNESS.items():
        metres = _number(row[name])
        if metres >= _LEAST_M:
            parts.append(f"{metres_text(metres)} {word}{'s' if metres >= _LEAST_PLURAL_M else ''}")
    return f"dont {', '.join(parts)}" if parts else ""


def _area_text(area_m2: float) -> str:
    if math.isnan(area_m2):
        return "—"
    return hectares_text(area_m2) if area_m2 > 0 else "aucune"


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
