"""Official registers beside OpenStreetMap: what is in both, on the map only, in a register only.

Tables in, tables out: `siting.sources.register_file` reads the files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.borders import holding
from siting.crs import WGS84
from siting.labels import date_text
from siting.references import REFERENCES, osm_references
from siting.register_match import Compared, JoinRule, compared
from siting.register_sides import BoolArray, TextArray, service_side
from siting.register_tables import (
    LEFT_OUT,
    MATCH_LABELS,
    MATCHES,
    REASON_LABELS,
    REGISTER,
    MatchReason,
    Register,
    RegisterMatch,
    RegisterPosition,
    RegisterStatus,
)
from siting.tables import SERVICES, Observation
from siting.taxonomy import Taxonomy

__all__ = [
    "LEFT_OUT",
    "MATCHES",
    "MATCH_LABELS",
    "REASON_LABELS",
    "REFERENCES",
    "REGISTER",
    "JoinRule",
    "Joined",
    "MatchReason",
    "Register",
    "RegisterMatch",
    "RegisterPosition",
    "RegisterStatus",
    "joined",
    "osm_references",
]

_RANK = {reason: rank for rank, reason in enumerate(MatchReason)}
_MATCH_OF = {
    **dict.fromkeys(MatchReason, RegisterMatch.BOTH),
    MatchReason.NOT_ON_MAP: RegisterMatch.REGISTER_ONLY,
    MatchReason.CLOSED_IN_REGISTER: RegisterMatch.OSM_ONLY,
    MatchReason.NOT_IN_REGISTER: RegisterMatch.OSM_ONLY,
    **dict.fromkeys(
        (MatchReason.UNPLACED_ROW, MatchReason.OUTSIDE_AREA, MatchReason.OTHER_CATEGORY),
        RegisterMatch.NOT_COMPARED,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """
    Services of the map and of the registers.

    Parameters
    ----------
    services
        Table SERVICES: those of the map, unchanged and in their order, then those that a
        register alone knows (`service_id` is their `register_id`, `source` the title and the
        date of the register, `observed_on` its vintage). They count like the others.
    matches
        Table MATCHES: one row for each of them, in the same order.
    unplaced
        Table REGISTER: rows of the communes of the data that match no service and cannot be one,
        for want of a position.
    notes
        Counts of each register, in French.
    """

    services: gpd.GeoDataFrame
    matches: pd.DataFrame
    unplaced: pd.DataFrame
    notes: tuple[str, ...]


def joined(  # noqa: PLR0913 - the three tables, where the map ends, what it refers to, how to judge
    services: gpd.GeoDataFrame,
    registers: Sequence[Register],
    communes: gpd.GeoDataFrame,
    *,
    taxonomy: Taxonomy,
    extent: shapely.Geometry | None,
    references: pd.DataFrame | None = None,
    rule: JoinRule | None = None,
) -> Joined:
    """
    Compare the services of the map with the rows of official registers, one to one.

    A service and a row are the same when they have the same official reference, wherever they
    are; else when they are of the same category, near, and their names do not contradict each
    other: `siting.register_match.compared` has the whole rule. The platforms of a stop are one
    service. Each register is compared in turn: what the first alone knows, the second may know.

    A service that has no row is `osm_only` where a register covers its category and its
    commune, `not_compared` elsewhere, and also where a row of its commune without position
    may be it. A row without service is `register_only` inside of `extent`, and nothing
    outside, where the map was not read.

    Parameters
    ----------
    services
        Table SERVICES of the map.
    registers
        Registers, the most trusted first.
    communes
        Table COMMUNES around them: a service outside of all is in the area of no register.
    taxonomy
        Categories and their labels.
    extent
        Area that the map covers, in degrees; None for everywhere.
    references
        Table REFERENCES of the services (`osm_references`); None if they are not known.
    rule
        How to judge.

    Raises
    ------
    DataError, CrsError
        A table is not as its contract says.
    """
    held = gpd.GeoDataFrame(SERVICES.conform(services))
    known = REFERENCES.empty() if references is None else REFERENCES.conform(references)
    codes = _communes_of(held, communes)
    here = communes.index[_is_touched(communes, extent)]
    names = communes["nom"].to_dict()
    outcomes = [_nothing_said(held)]
    unplaced, notes = [REGISTER.empty()], list[str]()
    for given in registers:
        table = REGISTER.conform(given.table)
        register = replace(given, table=table)
        side = service_side(held, codes, known, taxonomy)
        found = compared(
            side, register, taxonomy=taxonomy, commune_names=names, rule=rule or JoinRule()
        )
        is_here = _is_within(table, extent)
        new = table[found.is_unmatched & is_here]
        lost = table[found.is_unmatched & table["lon"].isna() & table["code_insee"].isin(here)]
        n_out = int((found.is_unmatched & ~is_here & table["lon"].notna()).sum())
        counts = {"n_new": len(new), "n_lost": len(lost), "n_out": n_out}
        notes.append(_note(register, found, held, **counts))
        outcomes += [_said(held, found, table), _newcomers(new)]
        unplaced.append(lost)
        held = gpd.GeoDataFrame(pd.concat([held, _as_services(new, register)]))
        codes = np.concatenate([codes, new["code_insee"].fillna("").to_numpy(dtype=object)])
        known = pd.concat([known, _references_of(new)])
    return Joined(
        services=gpd.GeoDataFrame(SERVICES.conform(held)),
        matches=_matches(held.index, pd.concat(outcomes)),
        unplaced=REGISTER.conform(pd.concat(unplaced)),
        notes=tuple(notes),
    )


def _communes_of(services: gpd.GeoDataFrame, communes: gpd.GeoDataFrame) -> TextArray:
    """Return the commune in which the middle of each service lies; "" outside of all."""
    drawn = communes[communes.geometry.notna()]
    codes = np.full(len(services), "", dtype=object)
    if drawn.empty or services.empty:
        return codes
    number = holding(services.geometry.representative_point(), drawn)
    codes[number >= 0] = drawn.index.to_numpy(dtype=object)[number[number >= 0]]
    return codes


def _is_touched(communes: gpd.GeoDataFrame, extent: shapely.Geometry | None) -> BoolArray:
    """Tell the communes that the data may cover, in part at least."""
    if extent is None:
        return np.ones(len(communes), dtype=bool)
    return np.asarray(shapely.intersects(extent, communes.geometry.to_numpy()), dtype=bool)


def _is_within(table: pd.DataFrame, extent: shapely.Geometry | None) -> BoolArray:
    """Tell the rows of REGISTER that have a place, in the data."""
    lon, lat = table["lon"].to_numpy(), table["lat"].to_numpy()
    is_placed = np.isfinite(lon)
    if extent is None:
        return np.asarray(is_placed)
    shapely.prepare(extent)
    return np.asarray(is_placed & shapely.intersects_xy(extent, lon, lat))


def _as_services(rows: pd.DataFrame, register: Register) -> gpd.GeoDataFrame:
    """Return rows of REGISTER as rows of SERVICES."""
    services = rows[["categories", "name"]].assign(
        merged_ids="",
        source=[_dated(register.title, day) for day in rows["vintage"].fillna("")],
        observed_on=rows["vintage"],
        observed_by=Observation.LISTED.value,
        wheelchair="unknown",
        geometry=gpd.points_from_xy(rows["lon"], rows["lat"], crs=WGS84),
    )
    return gpd.GeoDataFrame(SERVICES.conform(services.rename_axis("service_id")))


def _dated(title: str, vintage: str) -> str:
    return f"{title} ({date_text(vintage) or 'date inconnue'})"


def _references_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the table REFERENCES of rows of REGISTER, under their own ids."""
    each = rows["references"].dropna().str.split(";").explode()
    return pd.DataFrame(
        index=pd.MultiIndex.from_arrays([each.index, each], names=REFERENCES.index_names)
    )


def _said(services: gpd.GeoDataFrame, found: Compared, table: pd.DataFrame) -> pd.DataFrame:
    """Lay out what one register says of each service."""
    has_row = found.row >= 0
    rows = table.iloc[found.row[has_row]]
    said = _nothing_said(services).assign(reason=found.reason, metres=found.metres)
    said.loc[has_row, "register_id"] = rows.index.to_numpy(dtype=object)
    said.loc[has_row, "categories"] = rows["categories"].to_numpy(dtype=object)
    return said


def _newcomers(rows: pd.DataFrame) -> pd.DataFrame:
    """Lay out what a register says of the services that it alone knows."""
    return _nothing_said(rows).assign(
        reason=MatchReason.NOT_ON_MAP,
        register_id=rows.index.to_numpy(dtype=object),
        metres=0.0,
        categories=rows["categories"].to_numpy(dtype=object),
    )


def _nothing_said(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "reason": np.full(len(rows), MatchReason.OTHER_CATEGORY, dtype=object),
            "register_id": np.full(len(rows), "", dtype=object),
            "metres": np.full(len(rows), np.nan),
            "categories": np.full(len(rows), "", dtype=object),
        },
        index=pd.Index(rows.index, name="service_id"),
    )


def _matches(index: pd.Index, said: pd.DataFrame) -> pd.DataFrame:
    """Gather what all registers say of each service: the surest answer first."""
    order = said["reason"].map(_RANK).to_numpy().argsort(kind="stable")
    by_service = said.iloc[order].groupby(level=0, sort=False)
    rows = said[said["register_id"] != ""].groupby(level=0, sort=False)
    is_born = index.isin(said.index[said["reason"] == MatchReason.NOT_ON_MAP])
    reason = by_service["reason"].first().reindex(index)
    reason = reason.mask(is_born, MatchReason.NOT_ON_MAP)
    match = reason.map(_MATCH_OF)
    return MATCHES.conform(
        pd.DataFrame(
            {
                "register_match": match,
                "register_reason": reason,
                "register_ids": rows["register_id"].agg(";".join).reindex(index),
                "register_m": rows["metres"].first().reindex(index),
                "register_categories": rows["categories"].agg(_union).reindex(index),
            }
        ).rename_axis("service_id")
    )


def _union(lists: Iterable[str]) -> str:
    return ";".join(dict.fromkeys(one for text in lists for one in text.split(";")))


def _note(
    register: Register,
    found: Compared,
    services: gpd.GeoDataFrame,
    *,
    n_new: int,
    n_lost: int,
    n_out: int,
) -> str:
    """Count what one register says, in French."""
    alone = services.index[(found.reason == MatchReason.NOT_IN_REGISTER)]
    text = (
        f"{_dated(register.title, register.provenance.data_timestamp)} : "
        f"services retrouvés {len(np.unique(found.row[found.row >= 0]))}, "
        f"objets de la carte sans ligne du registre {len(alone)}, "
        f"lignes du registre sans objet sur la carte {n_new} (comptées)"
    )
    if n_lost:
        text += f", sans position {n_lost} (non comptées)"
    return text + (f", hors de la carte étudiée {n_out}." if n_out else ".")
