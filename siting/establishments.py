"""Medico-social establishments of a register (FINESS), and which one stands where a site does.

Where somebody lives in an establishment is not a service that one walks to: most of these
kinds have no category of their own in the taxonomy, and FINESS is read for them apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from siting.addresses import Address, read_address, same_suffix
from siting.categories import Category, Taxonomy
from siting.crs import geodesic_m
from siting.names import street_key
from siting.register_tables import RegisterStatus

SEARCHED_M = 2_000.0  # beyond, an establishment is only said to be far
_DEGREE_M = 110_000.0  # a degree of latitude is never shorter than 110.5 km

# Categories of FINESS (nomenclature TRE_R66) that the taxonomy of services does not have.
_OTHERS = (
    ("residence_sociale", "Résidence sociale ou foyer de travailleurs", ("256", "257", "259")),
    ("pension_de_famille", "Maison-relais ou pension de famille", ("258",)),
    ("residence_hoteliere", "Résidence hôtelière à vocation sociale", ("216",)),
    ("lieu_de_vie", "Lieu de vie et d'accueil", ("462",)),
    (
        "hebergement_social",
        "Centre d'hébergement ou d'accueil social",
        ("214", "219", "442", "443"),
    ),
    (
        "etablissement_enfance_handicapee",
        "Établissement pour enfants handicapés",
        ("183", "186", "188", "189", "190", "192", "194", "195", "196", "238", "377", "390"),
    ),
    ("soins_residentiels", "Lits ou appartements de soins", ("165", "180", "213", "412")),
    ("addictologie", "Centre d'addictologie ou de réduction des risques", ("178", "197")),
    ("readaptation", "Établissement de réadaptation professionnelle", ("198", "249")),
    ("experimental_age", "Établissement expérimental pour personnes âgées", ("381",)),
    ("experimental_handicap", "Établissement expérimental pour adultes handicapés", ("379",)),
    ("soins_longue_duree", "Unité de soins de longue durée", ("362",)),
)

# What a rule pack may name: kinds of the taxonomy where one lives or is received, and the others.
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "ehpad": "EHPAD",
        "ehpa": "Établissement d'hébergement pour personnes âgées (EHPA)",
        "residence_autonomie": "Résidence autonomie",
        "foyer_handicap": "Foyer ou maison d'accueil pour adultes handicapés",
        "accueil_jour_personnes_agees": "Accueil de jour pour personnes âgées",
        "accueil_jour_handicap": "Accueil de jour pour personnes handicapées",
        "esat": "Établissement de travail protégé (ESAT)",
        **{kind: label for kind, label, _ in _OTHERS},
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """
    The establishment that stands where a site does, else the nearest one.

    Parameters
    ----------
    name
        Its name and kind; empty when none is known within `SEARCHED_M`.
    gap_m
        Metres between them, NaN when the register does not place it.
    has_same_address
        If the register gives it the address of the site.
    n_unplaced
        Establishments of the commune that have neither a place nor an address.
    """

    name: str
    gap_m: float
    has_same_address: bool
    n_unplaced: int


def with_establishments(taxonomy: Taxonomy) -> Taxonomy:
    """Add to a taxonomy the kinds of establishment that it does not have, to read FINESS with."""
    taken = {code for one in taxonomy.categories for code in one.finess}
    others = tuple(
        Category(id=kind, label=label, families=(), selectors=(), finess=codes)
        for kind, label, finess in _OTHERS
        if kind not in taxonomy.category
        and (codes := tuple(code for code in finess if code not in taken))
    )
    return replace(taxonomy, categories=(*taxonomy.categories, *others))


def neighbours(
    sites: gpd.GeoDataFrame, establishments: pd.DataFrame, *, kinds: Collection[str]
) -> dict[str, Neighbour]:
    """
    Find, for each located site, the establishment at its address or the nearest one.

    Closed ones do not count; those of unknown state do. Parcels are not compared: two
    buildings of one parcel, far apart and with different addresses, are strangers.

    Parameters
    ----------
    sites
        Table `SITES`.
    establishments
        Table `REGISTER`.
    kinds
        Which categories of it matter.

    Returns
    -------
    found
        By `site_id`.
    """
    is_open = establishments["status"] != RegisterStatus.CLOSED
    is_kind = [
        not set(kinds).isdisjoint(text.split(";"))
        for text in establishments["categories"].fillna("")
    ]
    rows = establishments[is_open & np.array(is_kind, dtype=bool)]
    known = _Known.of(rows, kinds)
    located = sites[~(sites.geometry.isna() | sites.geometry.is_empty)]
    return {
        str(site_id): known.neighbour(site, point.x, point.y)
        for site_id, site, point in zip(
            located.index, located.to_dict("records"), located.geometry, strict=True
        )
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The establishments that matter: names, places, and the addresses of each commune."""

    names: list[str]
    lon: npt.NDArray[np.float64]
    lat: npt.NDArray[np.float64]
    addresses: Mapping[object, list[tuple[int, Address]]]
    n_unplaced: Mapping[object, int]

    @classmethod
    def of(cls, rows: pd.DataFrame, kinds: Collection[str]) -> _Known:
        numbered = rows.reset_index(drop=True)
        is_lost = numbered["lon"].isna() & numbered["address"].isna()
        addresses = defaultdict[object, list[tuple[int, Address]]](list)
        for at, text in numbered["address"].dropna().items():
            addresses[numbered["code_insee"][at]].append((int(str(at)), read_address(text)))
        return cls(
            names=[_name(row, kinds) for _, row in rows.iterrows()],
            lon=numbered["lon"].to_numpy(dtype=float),
            lat=numbered["lat"].to_numpy(dtype=float),
            addresses=addresses,
            n_unplaced=numbered.loc[is_lost, "code_insee"].value_counts().to_dict(),
        )

    def neighbour(self, site: Mapping[str, object], lon: float, lat: float) -> Neighbour:
        gap_m = self._gaps_m(lon, lat)
        at, is_same = self._at_address(site), True
        if at < 0:
            is_same = False
            at = -1 if np.isnan(gap_m).all() else int(np.nanargmin(gap_m))
        return Neighbour(
            name=self.names[at] if at >= 0 else "",
            gap_m=float(gap_m[at]) if at >= 0 else np.nan,
            has_same_address=is_same,
            n_unplaced=self.n_unplaced.get(site["code_insee"], 0),
        )

    def _at_address(self, site: Mapping[str, object]) -> int:
        """Find the establishment at the address of a site; -1 for none."""
        here = self.addresses.get(site["code_insee"], [])
        address = _first_address(site) if here else None
        if address is None:
            return -1
        return next((at for at, other in here if _is_same(address, other)), -1)

    def _gaps_m(self, lon: float, lat: float) -> npt.NDArray[np.float64]:
        """Measure from a point; NaN for those not placed, or beyond `SEARCHED_M`."""
        tall = SEARCHED_M / _DEGREE_M
        wide = tall / np.cos(np.radians(lat))
        is_near = (np.abs(self.lat - lat) <= tall) & (np.abs(self.lon - lon) <= wide)
        metres = np.full(len(self.names), np.nan)
        n_near = int(is_near.sum())
        if n_near:
            here = np.full(n_near, lon), np.full(n_near, lat)
            metres[is_near] = geodesic_m(*here, self.lon[is_near], self.lat[is_near])
        return np.where(metres <= SEARCHED_M, metres, np.nan)


def _first_address(site: Mapping[str, object]) -> Address | None:
    """Read the address found, else the one declared; None without number and street."""
    texts = (site["matched_label"], site["address"])
    readable: Iterable[str] = (text for text in texts if isinstance(text, str) and text)
    for text in readable:
        address = read_address(text)
        if address.number and address.street:
            return address
    return None


def _is_same(one: Address, other: Address) -> bool:
    """Tell if two addresses of a commune are the same door."""
    return (
        one.number == other.number
        and same_suffix(one.suffix, other.suffix)
        and street_key(one.street) == street_key(other.street)
    )


def _name(row: pd.Series, kinds: Collection[str]) -> str:
    kind = next(one for one in str(row["categories"]).split(";") if one in kinds)
    name = row["name"] if isinstance(row["name"], str) else "sans nom"
    return f"{name} ({KINDS[kind]} ; {row.name})"
