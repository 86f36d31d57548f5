"""The priority list: unserved communes by need and by anchoring, and what the weights change."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.tables import CODE_INSEE, COMMUNES, Column, Table

# Weights of need, the rest being that of anchoring, between which ranks are compared.
WEIGHTS = tuple(step / 20 for step in range(21))
NEED_WEIGHT = 0.5  # of the list itself: both terms alike, until the department says otherwise

PRIORITY = Table(
    "PRIORITY",
    (CODE_INSEE,),
    (
        Column("nom", "text", "name of the commune"),
        Column("priority_rank", "integer", "1 first; ties by code"),
        Column("best_rank", "integer", "best rank whatever the weights"),
        Column("worst_rank", "integer", "worst rank whatever the weights"),
        Column("people_65_far", "number", "people aged 65+ near no open home: the need", "people"),
        Column("need", "number", "need, of that of the commune with most", "0-1"),
        Column("anchoring", "number", "mean of the shares near each family", "0-1"),
        Column("need_rank", "integer", "rank by need alone"),
        Column("anchoring_rank", "integer", "rank by anchoring alone; empty where not measured"),
    ),
)


def priority(
    communes: gpd.GeoDataFrame,
    *,
    is_served: pd.Series,
    people_far: pd.Series,
    shares: Mapping[str, pd.Series],
) -> pd.DataFrame:
    """
    Rank the unserved communes by need and by anchoring.

    Need is the number of people aged 65 or more near no open home, over that of the commune with
    most; anchoring the mean of the shares of them who have each family of services near. The score
    is their mean, half and half (`NEED_WEIGHT`); `best_rank` and `worst_rank` tell how far the
    rank moves when need weighs from nothing to everything. Need alone ranks as soon as the
    anchoring of one ranked commune is not known: a gap is no zero.

    Parameters
    ----------
    communes
        Table COMMUNES.
    is_served
        If each has an open home; an unknown one is not ranked.
    people_far
        People aged 65+ near no open home, by commune; empty where unknown, and then not ranked.
    shares
        Share near each family, by commune; empty mapping when it was not measured.

    Returns
    -------
    priority
        Table PRIORITY of the communes that are ranked, first first.

    Raises
    ------
    DataError
        `communes` is not as its contract says.
    """
    held = COMMUNES.conform(communes)
    unserved = ~is_served.reindex(held.index).astype("boolean")
    far = people_far.reindex(held.index).astype("float64")
    codes = held.index[unserved.fillna(value=False) & far.notna()].sort_values()
    far = far.reindex(codes)
    most = far.max() if len(far) else 0.0
    need = far / most if most > 0 else far * 0.0
    anchoring = _anchoring(shares, codes)
    is_measured = anchoring.notna()
    weights = WEIGHTS if is_measured.all() else (1.0,)
    by_need = _ranks(need)
    ranks = np.array([_score_ranks(need, anchoring, weight) for weight in weights])
    ranks = ranks.reshape(len(weights), len(codes))
    table = pd.DataFrame(
        {
            "nom": held["nom"].reindex(codes),
            "priority_rank": _score_ranks(
                need, anchoring, NEED_WEIGHT if is_measured.all() else 1.0
            ),
            "best_rank": ranks.min(axis=0),
            "worst_rank": ranks.max(axis=0),
            "people_65_far": far,
            "need": need,
            "anchoring": anchoring,
            "need_rank": by_need,
            "anchoring_rank": pd.Series(_ranks(anchoring.fillna(-1.0)), codes)
            .astype("Int64")
            .where(is_measured),
        },
        index=codes,
    )
    return PRIORITY.conform(table.sort_values("priority_rank").rename_axis("code_insee"))


def _anchoring(shares: Mapping[str, pd.Series], codes: pd.Index) -> pd.Series:
    """Return the mean of the shares near each family; empty where one is not known."""
    if not shares:
        return pd.Series(np.nan, index=codes, dtype="float64")
    table = pd.DataFrame({family: share.reindex(codes) for family, share in shares.items()})
    return table.mean(axis=1, skipna=False)


def _score_ranks(
    need: pd.Series, anchoring: pd.Series, weight: float
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Rank by need and anchoring; a weight of 1 leaves anchoring out, be it known or not."""
    return _ranks(need if weight == 1.0 else weight * need + (1 - weight) * anchoring)


def _ranks(score: pd.Series) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Rank from 1, highest first, ties by position."""
    order = np.argsort(-score.to_numpy(np.float64), kind="stable")
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    return ranks
