"""One register against the services of the map: which row is which service, one to one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from siting.crs import FloatArray, IntArray
from siting.register_names import NameMatch, name_matcher
from siting.register_pairs import Pairs, measured, near_pairs, one_to_one
from siting.register_sides import (
    BoolArray,
    Side,
    TextArray,
    alike_columns,
    is_open,
    kind_columns,
    row_side,
)
from siting.register_tables import MatchReason, Register
from siting.taxonomy import Taxonomy

# What a pair rests on, the surest first: its place in this list is its rank.
_REASONS = (
    MatchReason.SAME_REFERENCE,
    MatchReason.SAME_NAME,  # word for word
    MatchReason.SAME_NAME,  # names that agree
    MatchReason.SAME_NAME,  # the same, in a category that the map does not tell from it
    MatchReason.NO_NAME,
    MatchReason.SAME_SPOT,
    MatchReason.ALONE,
    MatchReason.SAME_COMMUNE,
)
_REFERENCE, _SAME, _AGREE, _ALIKE, _NO_NAME, _SPOT, _ALONE, _COMMUNE = range(len(_REASONS))
_NO_PROOF = len(_REASONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRule:
    """
    When a row and a service of different names are one.

    Parameters
    ----------
    same_spot_m
        At most this far apart they are one, whatever their names: registers give the name of
        the owner or that of the law, and a geocoder misses the door by the width of a plot.
        Siting's own choice; below 0 for never.
    joins_alone
        If they are one when each is the only one of its category that the other has within
        the distance of the register: to be two, each list would have to miss the other's.
    """

    same_spot_m: float = 30.0
    joins_alone: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """
    What one register says.

    Parameters
    ----------
    row
        Position in REGISTER of the row of each service; -1 for none.
    reason
        `MatchReason` of each service.
    metres
        From each service to its row; NaN without one, or when it has no place.
    is_unmatched
        For each row of REGISTER: not closed, and of no service.
    """

    row: IntArray
    reason: TextArray
    metres: FloatArray
    is_unmatched: BoolArray


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparison:
    """Services, rows of a register, which of these are not closed, and how to judge."""

    services: Side
    rows: Side
    is_open: BoolArray
    alike: BoolArray
    name_match: Callable[[str, str, str], NameMatch]
    commune_names: Mapping[str, str]
    rule: JoinRule

    def sharing(self) -> Pairs:
        """Return the services and rows, closed ones too, that share a reference."""
        ours, theirs = self.services.references, self.rows.references
        left = pd.DataFrame({"left": ours.index, "reference": ours.to_numpy()})
        right = pd.DataFrame({"right": theirs.index, "reference": theirs.to_numpy()})
        both = left.merge(right, on="reference").drop_duplicates(["left", "right"])
        sides = both["left"].to_numpy(np.int64), both["right"].to_numpy(np.int64)
        return measured(self.services.shapes, self.rows.shapes, *sides)

    def near(self, within_m: float) -> Pairs:
        """Return the open rows near each service, by the nearest of its platforms."""
        found = near_pairs(self.services.shapes, self.rows.shapes, within_m=within_m)
        found = found.kept(self.is_open[found.right])
        unit = self.services.unit[found.left]
        order = np.lexsort((found.metres, found.right, unit))
        _, first = np.unique(np.stack([unit, found.right])[:, order], axis=1, return_index=True)
        kept = found.kept(order[first])
        return kept._replace(left=self.services.unit[kept.left])

    def ranks(self, near: Pairs) -> IntArray:
        """Rank pairs that are near by what they rest on."""
        kinds = self.services.kinds[near.left], self.rows.kinds[near.right]
        is_same = (kinds[0] & kinds[1]).any(axis=1)
        is_alike = (kinds[0] & (kinds[1] @ self.alike)).any(axis=1)
        names = self.names(near)
        n_left = np.bincount(near.left[is_same], minlength=len(self.services.unit))
        n_right = np.bincount(near.right[is_same], minlength=len(self.rows.unit))
        is_alone = (n_left[near.left] == 1) & (n_right[near.right] == 1) & self.rule.joins_alone
        proofs = {
            _SAME: is_same & (names == NameMatch.SAME),
            _AGREE: is_same & (names == NameMatch.AGREE),
            _ALIKE: is_alike & (names <= NameMatch.AGREE),
            _NO_NAME: is_same & (names == NameMatch.UNKNOWN),
            _SPOT: is_alike & (near.metres <= self.rule.same_spot_m),
            _ALONE: is_same & is_alone,
        }
        return np.select(list(proofs.values()), list(proofs), default=_NO_PROOF)

    def in_commune(self) -> Pairs:
        """Return the rows without place and the services that alone may be them, by name."""
        is_lost = self.is_open & self.rows.shapes.isna().to_numpy()
        is_unit = self.services.unit == np.arange(len(self.services.unit))
        is_somewhere = self.services.code_insee != ""
        both = self.services.with_kind(is_unit & is_somewhere).merge(
            self.rows.with_kind(is_lost), on=["code_insee", "kind"]
        )
        both = both.drop_duplicates(["position_x", "position_y"])
        left, right = (both[f"position_{side}"].to_numpy(np.int64) for side in "xy")
        pairs = Pairs(left, right, np.full(len(left), np.nan))
        pairs = pairs.kept(self.names(pairs) <= NameMatch.AGREE)
        is_only = [np.bincount(side, minlength=1)[side] == 1 for side in (pairs.left, pairs.right)]
        return pairs.kept(is_only[0] & is_only[1])

    def names(self, pairs: Pairs) -> IntArray:
        """Compare the names of pairs."""
        names = self.services.names[pairs.left], self.rows.names[pairs.right]
        communes = (self.commune_names.get(code, "") for code in self.rows.code_insee[pairs.right])
        found = map(self.name_match, *names, communes)
        return np.fromiter(found, dtype=np.int64, count=len(pairs.left))


def compared(
    services: Side,
    register: Register,
    *,
    taxonomy: Taxonomy,
    commune_names: Mapping[str, str],
    rule: JoinRule,
) -> Compared:
    """
    Find the row of each service; no row and no service is in two pairs.

    A pair rests on, the surest first and then the nearest:

    1. the same official reference, however far: the map's place was seen on the ground;
    2. within `register.distance_m`: the same category, and the same name; or names that agree
       (`siting.register_names`); or names that agree and a category that the map does not
       tell from it; or the same category and, on one side, no name of its own;
    3. the same spot, or alone of their category (`JoinRule`), whatever the names;
    4. for a row without place: the same category and commune and names that agree, when no
       other row and no other service there does so.

    A service that carries the reference of an open row is joined to it or to none. Closed rows
    are looked at for their references only. The order of the rows changes nothing.

    Parameters
    ----------
    services
        The services.
    register
        The register.
    taxonomy
        Labels of the categories.
    commune_names
        Names of the communes by code: they make no service of its own.
    rule
        When names do not matter.

    References
    ----------
    Osmose (osm-fr/osmose-backend, analysers of FINESS, La Poste and stations) compares by
    reference, else by distance alone: 200 m, 1,000 m and 500 m.
    """
    labels = [one.label for one in taxonomy.categories if one.id in register.categories]
    comparison = _Comparison(
        services=services,
        rows=row_side(register.table, taxonomy),
        is_open=is_open(register.table),
        alike=alike_columns(register.alike, taxonomy),
        name_match=name_matcher(labels),
        commune_names=commune_names,
        rule=rule,
    )
    shared = comparison.sharing()
    is_open_pair = comparison.is_open[shared.right]
    near = comparison.near(register.distance_m)
    lost = comparison.in_commune()
    ranks = (
        np.where(is_open_pair, _REFERENCE, _NO_PROOF),
        comparison.ranks(near),
        np.full(len(lost.left), _COMMUNE),
    )
    is_referring = np.isin(np.arange(len(services.unit)), shared.left[is_open_pair])
    pairs = Pairs(*(np.concatenate(sides) for sides in zip(shared, near, lost, strict=True)))
    rank = np.concatenate(ranks)
    rank = np.where(is_referring[pairs.left] & (rank != _REFERENCE), _NO_PROOF, rank)
    order = np.lexsort(
        (
            comparison.rows.order[pairs.right],
            services.order[pairs.left],
            np.nan_to_num(pairs.metres),
            rank,
        )
    )
    order = order[rank[order] < _NO_PROOF]
    chosen = order[one_to_one(pairs.left[order], pairs.right[order])]
    is_closed_there = np.isin(np.arange(len(services.unit)), shared.left[~is_open_pair])
    found = _result(comparison, pairs.kept(chosen), rank[chosen])
    without = _reasons_without(comparison, register, taxonomy, is_unmatched=found.is_unmatched)
    without = np.where(is_closed_there, MatchReason.CLOSED_IN_REGISTER, without)
    reason = np.where(found.row >= 0, found.reason, without)[services.unit]
    return replace(found, reason=reason.astype(object))


def _result(comparison: _Comparison, chosen: Pairs, rank: IntArray) -> Compared:
    """Give the row of a service to all the rows of SERVICES that are it."""
    unit = comparison.services.unit
    row = np.full(len(unit), -1, dtype=np.int64)
    metres = np.full(len(unit), np.nan)
    reason = np.full(len(unit), None, dtype=object)
    row[chosen.left], metres[chosen.left] = chosen.right, chosen.metres
    reason[chosen.left] = [_REASONS[at] for at in rank]
    is_matched = np.isin(np.arange(len(comparison.is_open)), chosen.right)
    return Compared(
        row=row[unit],
        reason=reason[unit],
        metres=metres[unit],
        is_unmatched=comparison.is_open & ~is_matched,
    )


def _reasons_without(
    comparison: _Comparison, register: Register, taxonomy: Taxonomy, *, is_unmatched: BoolArray
) -> TextArray:
    """Say of each service why it would have no row."""
    services, rows = comparison.services, comparison.rows
    covered = kind_columns(register.categories, taxonomy)
    is_covered: BoolArray = np.any(services.kinds & covered, axis=1)
    lost = rows.with_kind(is_unmatched & rows.shapes.isna().to_numpy() & (rows.code_insee != ""))
    lost = lost[["code_insee", "kind"]].drop_duplicates()
    there = services.with_kind(is_covered).merge(lost, on=["code_insee", "kind"])
    answers = {
        MatchReason.UNPLACED_ROW: np.isin(np.arange(len(is_covered)), there["position"].to_numpy()),
        MatchReason.NOT_IN_REGISTER: is_covered & register.covers(services.code_insee),
        MatchReason.OUTSIDE_AREA: is_covered,
        MatchReason.OTHER_CATEGORY: ~is_covered,
    }
    first = np.argmax(np.stack(list(answers.values())), axis=0)
    reasons: TextArray = np.array([*answers], dtype=object)[first]
    return reasons
