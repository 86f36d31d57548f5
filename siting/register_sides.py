"""The two sides of a comparison, laid out as arrays: services of the map, rows of a register."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from siting.crs import WGS84, IntArray
from siting.register_tables import RegisterStatus
from siting.targets import service_groups
from siting.taxonomy import Taxonomy

BoolArray = npt.NDArray[np.bool_]
TextArray = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """
    Services, or rows of a register: one position for each row of the table.

    Parameters
    ----------
    shapes
        Where they are, in WGS84; missing for a row without place.
    names
        Their names, "" for none.
    code_insee
        Their communes, "" when unknown.
    kinds
        Their categories: a column for each category of the taxonomy.
    order
        Their ranks by identifier, which decide between equals.
    unit
        Position of the one that stands for the service: the platforms of a stop are one.
    references
        Their official references (key=value); the index holds the position in `unit`.
    """

    shapes: gpd.GeoSeries
    names: TextArray
    code_insee: TextArray
    kinds: BoolArray
    order: IntArray
    unit: IntArray
    references: pd.Series

    def with_kind(self, where: BoolArray) -> pd.DataFrame:
        """Return `position`, `code_insee` and `kind` of some, a row for each kind of each."""
        position, kind = np.nonzero(self.kinds & where[:, None])
        return pd.DataFrame(
            {"position": position, "code_insee": self.code_insee[position], "kind": kind}
        )


def service_side(
    services: gpd.GeoDataFrame, code_insee: TextArray, references: pd.DataFrame, taxonomy: Taxonomy
) -> Side:
    """Lay out a table SERVICES; `references` is a table REFERENCES."""
    order = _order(services.index)
    unit = _representatives(service_groups(services), order)
    at = services.index.get_indexer(references.index.get_level_values("service_id"))
    values = references.index.get_level_values("reference").to_numpy(dtype=object)
    return Side(
        shapes=services.geometry.reset_index(drop=True),
        names=services["name"].fillna("").to_numpy(dtype=object),
        code_insee=code_insee,
        kinds=_kinds(services["categories"], taxonomy),
        order=order,
        unit=unit,
        references=pd.Series(values[at >= 0], index=unit[at[at >= 0]], dtype="object"),
    )


def row_side(table: pd.DataFrame, taxonomy: Taxonomy) -> Side:
    """Lay out a table REGISTER."""
    points = gpd.GeoSeries(gpd.points_from_xy(table["lon"], table["lat"]), crs=WGS84)
    positions = np.arange(len(table), dtype=np.int64)
    each = pd.Series(table["references"].to_numpy(dtype=object), index=positions)
    return Side(
        shapes=points.where(table["lon"].notna().to_numpy()),
        names=table["name"].fillna("").to_numpy(dtype=object),
        code_insee=table["code_insee"].fillna("").to_numpy(dtype=object),
        kinds=_kinds(table["categories"], taxonomy),
        order=_order(table.index),
        unit=positions,
        references=each.dropna().str.split(";").explode(),
    )


def is_open(table: pd.DataFrame) -> BoolArray:
    """Tell the rows of REGISTER that are not closed."""
    return np.asarray(table["status"] != RegisterStatus.CLOSED, dtype=bool)


def kind_columns(categories: frozenset[str], taxonomy: Taxonomy) -> BoolArray:
    """Tell which columns of `Side.kinds` are of some categories."""
    return np.array([one.id in categories for one in taxonomy.categories], dtype=bool)


def alike_columns(groups: tuple[frozenset[str], ...], taxonomy: Taxonomy) -> BoolArray:
    """Tell, for each pair of columns of `Side.kinds`, if they are alike; each is like itself."""
    alike = np.eye(len(taxonomy.categories), dtype=bool)
    for group in groups:
        of_group = kind_columns(group, taxonomy)
        alike |= of_group[:, None] & of_group
    return alike


def _order(index: pd.Index) -> IntArray:
    return np.argsort(np.argsort(index.to_numpy(dtype=object), kind="stable")).astype(np.int64)


def _representatives(group: IntArray, order: IntArray) -> IntArray:
    """Return, for each row, the row of its group whose identifier comes first."""
    by_order = np.argsort(order)
    found, first = np.unique(group[by_order], return_index=True)
    return by_order[first][np.searchsorted(found, group)].astype(np.int64)


def _kinds(categories: pd.Series, taxonomy: Taxonomy) -> BoolArray:
    column = {one.id: at for at, one in enumerate(taxonomy.categories)}
    kinds = np.zeros((len(categories), len(column)), dtype=bool)
    each = categories.reset_index(drop=True).str.split(";").explode().map(column).dropna()
    kinds[each.index.to_numpy(dtype=np.int64), each.to_numpy(dtype=np.int64)] = True
    return kinds
