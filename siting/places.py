"""Where each site is, as a call sees it: in its territory, listed, in a programme, or in doubt.

A site near a border is in doubt when the answer would differ on the other side, unless the
address found and the commune declared agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import geopandas as gpd
import pandas as pd

from siting.communes import departement_of
from siting.coverage import inventory_counts
from siting.labels import LABELS, metres_text
from siting.listed import ListedCommunes, is_within
from siting.tables import (
    CommuneCheck,
    GeocodeReason,
    GeocodeStatus,
    InventoryStatus,
    Precision,
)

COARSE = (Precision.STREET, Precision.LOCALITY, Precision.MUNICIPALITY)

_SAME = (CommuneCheck.SAME, CommuneCheck.SAME_AFTER_MERGE, CommuneCheck.ARRONDISSEMENT)
_FOUND = (GeocodeStatus.OK, GeocodeStatus.REVIEW)
_SITE_TEXTS = {
    "address": "address",
    "matched_label": "matched_label",
    "status": "geocode_status",
    "reason": "geocode_reason",
    "precision": "geocode_precision",
    "check": "commune_check",
    "code_insee": "code_insee",
    "commune": "commune",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLayer:
    """
    A layer of the territory that a person installed.

    Parameters
    ----------
    table
        Its contract table.
    said
        What it is and of when, in French.
    area
        Codes of the départements, or of the communes, that it knows; empty for the whole
        country.
    """

    table: pd.DataFrame
    said: str
    area: frozenset[str] = frozenset()

    def covers(self, code_insee: str) -> bool:
        """Tell if the layer says something of a commune."""
        return not self.area or not self.area.isdisjoint((code_insee, departement_of(code_insee)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTerritory:
    """
    What is known of the communes where the sites are.

    Parameters
    ----------
    site_communes, communes
        Tables `SITE_COMMUNES` of the sites, and `COMMUNES` with those around them.
    listed
        The communes that the pack lists; None if it lists none.
    pvd_list_on
        ISO date of the list of *Petites villes de demain* in `communes`.
    inventory
        Table `INVENTORY` of existing inclusive housing; None without one.
    qpv
        Tables `QPV` of the priority quarters, by the vintage that a pack asks for; those that
        are not installed are missing.
    density
        Table `DENSITY`; None when it is not installed.
    establishments
        Table `REGISTER` of medico-social establishments; None when no register is known.
    """

    site_communes: pd.DataFrame
    communes: pd.DataFrame
    listed: ListedCommunes | None
    pvd_list_on: str
    inventory: pd.DataFrame | None = None
    qpv: Mapping[str, CallLayer] = field(default_factory=dict)
    density: CallLayer | None = None
    establishments: CallLayer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    What is known of where a site is; missing texts are empty.

    Parameters
    ----------
    site_id, address, matched_label, status, reason, precision, check, code_insee, commune
        From table `SITES`.
    is_inside
        If the call applies in the commune of the site.
    is_pvd, pvd_on, is_listed
        Answers for that commune; None when unknown.
    former_commune
        Former commune in which the site lies.
    guard_border, pvd_border, listed_border
        How far the commune is in which the answer would differ; empty beyond 50 m.
    part_border
        The same between the parts of a merged commune, of which only one is listed.
    border_code_insee, border
        The other commune within 50 m, and how far it is; empty without any.
    inventory_text
        What the inventory holds in the commune; empty without inventory.
    """

    site_id: str
    is_located: bool
    address: str
    matched_label: str
    status: str
    reason: str
    precision: str
    check: str
    code_insee: str
    commune: str
    is_inside: bool
    is_pvd: bool | None
    pvd_on: str
    is_listed: bool | None
    former_commune: str
    guard_border: str
    pvd_border: str
    listed_border: str
    part_border: str
    border_code_insee: str
    border: str
    inventory_text: str

    @property
    def commune_text(self) -> str:
        """Name and code of the commune."""
        return f"{self.commune} ({self.code_insee})" if self.code_insee else "hors de France"

    @property
    def reason_text(self) -> str:
        """Reason of the geocoding status, as a sentence."""
        return LABELS[GeocodeReason].get(self.reason, "la position n'est pas connue")

    @property
    def is_commune_confirmed(self) -> bool:
        """If the address found and the declaration agree on the commune."""
        return self.status in _FOUND and self.check in _SAME

    @property
    def position_doubt(self) -> str:
        """Why walks from this position may not be those of the site; empty if sure."""
        if self.status == GeocodeStatus.OK and self.precision in COARSE:
            return f"la position n'est précise que {LABELS[Precision][self.precision]}"
        return self._remark(sure=self.status == GeocodeStatus.OK)

    @property
    def guard_doubt(self) -> str:
        """Why the call may apply here and not there, or the contrary; empty if sure."""
        if self.is_inside and not self.guard_border:
            return ""
        return self._commune_doubt(self.guard_border)

    @property
    def pvd_doubt(self) -> str:
        """Why the answer on the programme may be another; empty if sure."""
        return self._commune_doubt(self.pvd_border)

    @property
    def listed_doubt(self) -> str:
        """Why the answer on the list of the call may be another; empty if sure."""
        return self.part_border or self._commune_doubt(self.listed_border)

    def commune_doubt(self, *, matters: bool) -> str:
        """Why the site may be in the other commune near, if that `matters`; empty if sure."""
        return self._commune_doubt(self.border if matters else "")

    def _commune_doubt(self, border: str) -> str:
        if self.is_commune_confirmed:
            return ""
        return border or self._remark(sure=False)

    def _remark(self, *, sure: bool) -> str:
        """Word the reason for which geocoding does not vouch for the row."""
        if self.check == CommuneCheck.DIFFERENT:
            return LABELS[GeocodeReason][GeocodeReason.COMMUNE_MISMATCH]
        if sure or self.status in (GeocodeStatus.OK, GeocodeStatus.PROVIDED):
            return ""
        return self.reason_text


def site_places(
    sites: gpd.GeoDataFrame, territory: CallTerritory, *, departements: Sequence[str]
) -> list[Place]:
    """
    Gather what is known of where each site is, for a call limited to some départements.

    Parameters
    ----------
    sites
        Table `SITES`, communes settled.
    territory
        Communes of the same sites.
    departements
        Territory of the call; empty for the whole country.

    Returns
    -------
    places
        One per site, in the order of `sites`.
    """
    around = territory.site_communes.reindex(sites.index)
    own = sites["code_insee"]
    ground = pd.DataFrame(
        {
            "site_id": sites.index,
            "is_located": ~(sites.geometry.isna() | sites.geometry.is_empty),
            **{field: sites[column].fillna("") for field, column in _SITE_TEXTS.items()},
            "former_commune": around["former_commune"].fillna(""),
            "inventory_text": _inventory_text(own, territory.inventory),
            "is_inside": is_within(own, departements),
            "is_pvd": _or_none(sites["is_pvd"]),
            "pvd_on": own.map(territory.communes["pvd_on"]).astype("object").fillna(""),
            "is_listed": _or_none(sites["is_listed_unserved"]),
            **_borders(sites, around, territory, departements),
        },
        index=sites.index,
    )
    return [Place(**row) for row in ground.to_dict("records")]


def _inventory_text(code_insee: pd.Series, inventory: pd.DataFrame | None) -> pd.Series:
    """Word how many places of the inventory are in the same commune, by state."""
    if inventory is None:
        return pd.Series("", index=code_insee.index)
    counts = inventory_counts(pd.Index(code_insee.dropna().unique()), inventory)
    words = {
        code: "inventaire fourni, dans la commune : "
        + ", ".join(
            f"{LABELS[InventoryStatus][status]} {row[f'n_{status.value}']}"
            for status in InventoryStatus
        )
        for code, row in counts.iterrows()
    }
    return code_insee.map(words).fillna("")


def _or_none(flags: pd.Series) -> pd.Series:
    return flags.astype("object").where(flags.notna(), None)


def _borders(
    sites: gpd.GeoDataFrame,
    around: pd.DataFrame,
    territory: CallTerritory,
    departements: Sequence[str],
) -> dict[str, pd.Series]:
    """Word how far the border is, where the answer would be another one across it."""
    own, other, part = sites["code_insee"], around["border_code_insee"], around["part_code_insee"]
    is_pvd_there = other.map(territory.communes["is_pvd"].astype("boolean"))
    is_inside, is_inside_there = is_within(own, departements), is_within(other, departements)
    near = _near_text(around["border_m"], around["border_commune"].radd("la commune de "))
    borders = {
        "guard_border": near.where(other.notna() & (is_inside != is_inside_there), ""),
        "pvd_border": near.where(_may_differ(sites["is_pvd"], is_pvd_there), ""),
        "listed_border": pd.Series("", index=sites.index),
        "part_border": pd.Series("", index=sites.index),
        "border_code_insee": other.fillna(""),
        "border": near.where(other.notna(), ""),
    }
    listed = territory.listed
    if listed is None:
        return borders
    is_listed = sites["is_listed_unserved"]
    borders["listed_border"] = near.where(_may_differ(is_listed, listed.lists(other, part)), "")
    is_own_part = (part == own) | listed.lists_part(own, part)
    near_part = _near_text(around["part_m"], "une partie de la commune où la réponse diffère")
    borders["part_border"] = near_part.where(
        is_own_part & _may_differ(is_listed, listed.lists(own, part)), ""
    )
    return borders


def _may_differ(here: pd.Series, there: pd.Series) -> pd.Series:
    """Tell where two answers are not known to be the same."""
    is_same = here.astype("boolean") == there.astype("boolean")
    return ~is_same.fillna(value=False).astype(bool)


def _near_text(gap_m: pd.Series, what: pd.Series | str) -> pd.Series:
    """Word a distance to something; empty where there is none in reach."""
    text = "le site est à " + gap_m.fillna(0).map(metres_text).astype("object") + " de " + what
    return text.where(gap_m.notna(), "")
