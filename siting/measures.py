"""Access measures of the literature, on a plain table of travel times between places.

The table `od` has one row per pair: `from_id` (where people start), `to_id` (where they go) and
`travel_time` in minutes, as r5py gives it. A pair whose time is NaN, and a pair that is not
there, are both "not reached". How far (`od`) is kept apart from how much (series by id).
Times are used in the direction given. Results have one row per origin, in the order asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.special import expit

from siting.crs import FloatArray, IntArray
from siting.errors import DataError, OptionError

Curve = Callable[[FloatArray], FloatArray]

_COLUMNS = ("from_id", "to_id", "travel_time")
_N_NAMED = 3  # ids that a message names


@dataclass(frozen=True, slots=True, kw_only=True)
class Decay:
    """
    How much a destination weighs, the longer it takes to reach it.

    `curve` turns minutes, known and zero or more, into weights; equal labels, equal decays.
    Those below have no default: a parameter holds for one place and one way of travelling.
    """

    label: str
    curve: Curve = field(repr=False, compare=False)

    def __call__(self, travel_min: FloatArray) -> FloatArray:
        """Weigh each time; raise `OptionError` for a weight that is not finite or below 0."""
        weights = np.asarray(self.curve(travel_min), dtype=np.float64)
        is_weight = np.isfinite(weights) & (weights >= 0)
        if weights.shape != np.shape(travel_min) or not is_weight.all():
            raise OptionError(
                f"La décroissance {self.label} doit donner un poids fini, positif ou nul, pour "
                "chaque durée ; corrigez-la."
            )
        return weights


def binary(*, cutoff_min: float) -> Decay:
    """
    Weigh 1 up to the cut-off, itself included, and 0 beyond.

    References
    ----------
    Kwan (1998), Geographical Analysis 30:191-216; Luo & Wang (2003), as in 2SFCA.
    """
    return _decay("binary", lambda t: np.where(t <= cutoff_min, 1.0, 0.0), cutoff_min=cutoff_min)


def linear(*, cutoff_min: float) -> Decay:
    """
    Weigh 1 - t / T: straight from 1 on the spot to 0 at the cut-off T.

    References
    ----------
    Kwan (1998), Geographical Analysis 30:191-216.
    """
    return _decay("linear", lambda t: np.maximum(1 - t / cutoff_min, 0), cutoff_min=cutoff_min)


def exponential(*, rate_per_min: float) -> Decay:
    """
    Weigh exp(-r t): half as much every ln(2) / r minutes, without end.

    References
    ----------
    Kwan (1998), Geographical Analysis 30:191-216.
    """
    return _decay("exponential", lambda t: np.exp(-rate_per_min * t), rate_per_min=rate_per_min)


def gaussian(*, bandwidth_min: float, cutoff_min: float) -> Decay:
    """
    Weigh half a bell, g(t) = exp(-(t / b)^2 / 2), lowered so as to end at 0 at the cut-off T.

    The weight is (g(t) - g(T)) / (1 - g(T)) up to T, 0 beyond. An infinite cut-off leaves the
    bell of Ingram, whose v is 2 b^2; a cut-off equal to the bandwidth is the decay of Dai. What
    lies in between is the same formula, but in neither paper.

    References
    ----------
    Ingram (1971), Regional Studies 5:101-107. Dai (2010), Health & Place 16:1038-1052.
    """

    def curve(travel_min: FloatArray) -> FloatArray:
        last = -0.5 * (cutoff_min / bandwidth_min) ** 2
        bell = np.exp(-0.5 * (travel_min / bandwidth_min) ** 2)
        lowered = np.clip((bell - math.exp(last)) / -math.expm1(last), 0.0, 1.0)
        return np.where(travel_min < cutoff_min, lowered, 0.0)

    return _decay("gaussian", curve, bandwidth_min=bandwidth_min, cutoff_min=cutoff_min)


def logistic(*, median_min: float, sd_min: float) -> Decay:
    """
    Weigh by the share of a logistic population that accepts more minutes, brought to 1 at 0.

    With s = sd sqrt(3) / pi, it is (1 + exp(-m / s)) / (1 + exp((t - m) / s)): steepest at the
    median m, and close to `binary` for a small sd. The paper draws m and sd anew for each
    origin, from its own times; here they are the same for all.

    References
    ----------
    Bauer & Groneberg (2016), PLOS ONE 11:e0159148.
    """

    def curve(travel_min: FloatArray) -> FloatArray:
        scale_min = sd_min * math.sqrt(3) / math.pi
        accepted = expit((median_min - travel_min) / scale_min)
        return np.asarray(accepted / expit(median_min / scale_min), dtype=np.float64)

    return _decay("logistic", curve, median_min=median_min, sd_min=sd_min)


def power(*, exponent: float) -> Decay:
    """
    Weigh t to the power -x, t in minutes; 1 up to one minute, where it would grow without end.

    References
    ----------
    Hansen (1959), J. American Institute of Planners 25:73-76; first minute: R accessibility.
    """
    return _decay("power", lambda t: np.maximum(t, 1.0) ** -exponent, exponent=exponent)


def stepped(*, until_min: tuple[float, ...], weights: tuple[float, ...]) -> Decay:
    """
    Weigh by zones: `weights[k]` up to `until_min[k]`, itself included, and 0 beyond the last.

    References
    ----------
    Luo & Qi (2009), Health & Place 15:1100-1107, as in E2SFCA. Their zones are for driving.
    """
    grows = all(near < far for near, far in pairwise((0.0, *until_min)))
    falls = all(near >= far for near, far in pairwise((1.0, *weights, 0.0)))
    if not (grows and falls and 0 < len(until_min) == len(weights)):
        raise OptionError(
            f"Les paliers {until_min} min ont les poids {weights} ; donnez des minutes positives "
            "de plus en plus longues, et autant de poids, de 1 à 0, qui n'augmentent jamais."
        )
    heights = np.array((*weights, 0.0))
    return Decay(
        label=f"stepped(until_min={until_min}, weights={weights})",
        curve=lambda t: heights[np.searchsorted(until_min, t, side="left")],
    )


def cumulative(
    od: pd.DataFrame, opportunities: pd.Series, *, origins: pd.Index, cutoff_min: float
) -> pd.Series:
    """
    Count the opportunities that each origin reaches within `cutoff_min`, itself included.

    It is `gravity` with `binary`, see both; 0 where none is reached.

    References
    ----------
    Geurs & van Wee (2004), J. Transport Geography 12:127-140: contour measures.
    """
    counted = gravity(od, opportunities, origins=origins, decay=binary(cutoff_min=cutoff_min))
    return counted.rename("cumulative")


def gravity(
    od: pd.DataFrame, opportunities: pd.Series, *, origins: pd.Index, decay: Decay
) -> pd.Series:
    """
    Sum the opportunities around each origin, the further the less.

    Compare numbers of one decay only. How many people share an opportunity is ignored.

    Parameters
    ----------
    od
        Travel times, see the module.
    opportunities
        How much there is at each destination, by `to_id`; one without any pair is not reached.
    origins
        All the origins of the result; one without any pair reaches nothing.
    decay
        From minutes to weights.

    Returns
    -------
    gravity
        Weighted sum by origin; 0 where nothing is reached.

    Raises
    ------
    DataError
        If `od` lacks a column, has a pair twice, an id that `origins` or `opportunities` does
        not have, or a time that is not a number, negative or infinite; if an amount is unknown
        (unknown is not zero), negative or infinite; if an id is empty or there twice.
    OptionError
        If the decay gives anything but one finite weight, zero or more, for each time.

    References
    ----------
    Hansen (1959), J. American Institute of Planners 25:73-76.
    """
    labels = ("origins", "opportunities")
    pairs = _pairs(od, origins=origins, destinations=opportunities.index, labels=labels)
    amounts = _amounts(opportunities, "opportunities")
    weighted = decay(pairs.travel_min) * amounts[pairs.destination]
    total = np.bincount(pairs.origin, weighted, minlength=len(origins))
    return pd.Series(total, index=origins, name="gravity", dtype=np.float64)


def nearest_min(od: pd.DataFrame, *, origins: pd.Index, n: int = 1) -> pd.Series:
    """
    Tell how many minutes it takes from each origin to its n-th nearest destination.

    It is dual access: minutes for so many opportunities, not opportunities for so many minutes.
    Each destination of `od` is one opportunity, whatever its size: leave out the pairs of those
    that offer nothing. Equally near ones take one rank each. NaN where fewer than n are reached.

    Raises
    ------
    DataError
        If `od` or `origins` is refused, as in `gravity`.
    OptionError
        If n is not 1, 2, 3...

    References
    ----------
    Cui & Levinson (2020), Primal and dual access, Geographical Analysis 52.
    """
    if not (n >= 1 and n % 1 == 0):
        raise OptionError(f"`n` vaut {n} ; il faut un rang : 1, 2, 3...")
    pairs = _pairs(od, origins=origins, destinations=None, labels=("origins", "od"))
    order = np.lexsort((pairs.travel_min, pairs.origin))
    n_reached = np.bincount(pairs.origin, minlength=len(origins))
    has_nth = n_reached >= n
    first = np.cumsum(n_reached) - n_reached
    minutes = np.full(len(origins), np.nan)
    minutes[has_nth] = pairs.travel_min[order[first[has_nth] + int(n) - 1]]
    return pd.Series(minutes, index=origins, name="nearest_min")


def two_step_floating_catchment(
    od: pd.DataFrame, *, supply: pd.Series, demand: pd.Series, decay: Decay
) -> pd.Series:
    """
    Share the places of each destination among the people who reach it: places per person.

    Step 1: the ratio of a destination is its supply, divided by the sum of the people who reach
    it, each origin weighted by its travel. Step 2: the access of an origin is the sum of the
    ratios it reaches, with the same weights. With `binary` it is 2SFCA, with `stepped` E2SFCA.

    Access times people, summed over origins, is the supply of all the destinations that anybody
    reaches, however far if the decay has no end. A destination whose weighted people are zero
    contributes nothing, not even where nobody lives. People count in full at each destination
    (Páez et al.), and not outside of `demand`: near its edge access looks better than it is.

    Parameters
    ----------
    od
        Travel times from people to places. If the same ids are on both sides, nothing can tell
        that the two columns were swapped.
    supply, demand
        Places by `to_id`; people by `from_id`, for instance those aged 65 or more.
    decay
        From minutes to weights, the same in both steps.

    Returns
    -------
    places_per_person
        Access of each origin of `demand`; 0 where nothing is reached.

    Raises
    ------
    DataError, OptionError
        As in `gravity`; both `supply` and `demand` are amounts with their ids.

    References
    ----------
    Luo & Wang (2003), Environment and Planning B 30:865-884. Luo & Qi (2009), Health & Place
    15:1100-1107. Páez, Higgins & Vivona (2019), PLOS ONE 14:e0218773.
    """
    labels = ("demand", "supply")
    pairs = _pairs(od, origins=demand.index, destinations=supply.index, labels=labels)
    people, places = _amounts(demand, "demand"), _amounts(supply, "supply")
    weight = decay(pairs.travel_min)
    # Demand is summed at to_id, people being at from_id: never the transpose (pysal/access#18).
    users = np.bincount(pairs.destination, weight * people[pairs.origin], minlength=len(places))
    weighted = users[pairs.destination]
    # The weight is divided first: places over people who all live far away could overflow.
    share = np.divide(weight, weighted, out=np.zeros_like(weight), where=weighted > 0)
    access = np.bincount(pairs.origin, share * places[pairs.destination], minlength=len(people))
    return pd.Series(access, index=demand.index, name="places_per_person", dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The pairs that are reached, by origin then destination: positions and minutes."""

    origin: IntArray
    destination: IntArray
    travel_min: FloatArray


def _pairs(
    od: pd.DataFrame, *, origins: pd.Index, destinations: pd.Index | None, labels: tuple[str, str]
) -> _Pairs:
    """Check a table of travel times; without `destinations`, those of the table are all known."""
    wrong = [name for name in _COLUMNS if list(od.columns).count(name) != 1]
    if wrong:
        raise DataError(f"`od` must have the columns {list(_COLUMNS)} once each; see {wrong}.")
    if destinations is None:
        destinations = pd.Index(od["to_id"].unique())
    origin = _positions(od["from_id"], origins, label=labels[0])
    destination = _positions(od["to_id"], destinations, label=labels[1])
    travel_min = _travel_min(od)
    key = origin * len(destinations) + destination
    order = np.argsort(key, kind="stable")
    twice = np.flatnonzero(np.diff(key[order]) == 0)
    if len(twice):
        raise DataError(f"`od` has the pair {_pair(od, order[twice[0]])} twice; keep one.")
    order = order[~np.isnan(travel_min[order])]
    return _Pairs(origin[order], destination[order], travel_min[order])


def _positions(ids: pd.Series, known: pd.Index, *, label: str) -> IntArray:
    """Find the ids of a column of `od` among those known, all of them."""
    if known.hasnans:
        raise DataError(f"`{label}` has an empty id; name it or leave it out.")
    if not known.is_unique:
        raise DataError(f"`{label}` has an id twice: {_named(known[known.duplicated()])}.")
    position = np.asarray(known.get_indexer(pd.Index(ids)), dtype=np.int64)
    unknown = pd.Index(ids[position < 0])
    if len(unknown):
        raise DataError(
            f"`od` has {ids.name} that `{label}` does not have: {_named(unknown)}. Add them or "
            "leave out their pairs; people go from from_id to to_id, and ids are of one type."
        )
    return position


def _travel_min(od: pd.DataFrame) -> FloatArray:
    travel_min = _numbers(od["travel_time"], "travel_time")
    wrong = np.flatnonzero((travel_min < 0) | np.isinf(travel_min))
    if len(wrong):
        raise DataError(
            f"`od` has a travel_time of {travel_min[wrong[0]]} for the pair "
            f"{_pair(od, wrong[0])}; give minutes, zero or more, and NaN where there is no way."
        )
    return travel_min


def _amounts(amounts: pd.Series, label: str) -> FloatArray:
    values = _numbers(amounts, label)
    wrong = np.flatnonzero(~((values >= 0) & np.isfinite(values)))
    if len(wrong):
        raise DataError(
            f"`{label}` is {values[wrong[0]]} at {_named(amounts.index[wrong[:1]])}; give a "
            "finite number, zero or more. Unknown is not zero: leave it out, with its pairs."
        )
    return values


def _numbers(column: pd.Series, label: str) -> FloatArray:
    """Read real numbers, missing ones as NaN; an empty column may have any type."""
    is_real = pd.api.types.is_float_dtype(column) or pd.api.types.is_integer_dtype(column)
    if len(column) and not is_real:
        raise DataError(f"`{label}` is of type {column.dtype}; convert it to numbers.")
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)


def _decay(name: str, curve: Curve, **parameters: float) -> Decay:
    """Name a curve after its parameters, all above zero; only a cut-off may be infinite."""
    for key, value in parameters.items():
        if not (value > 0 and (key == "cutoff_min" or math.isfinite(value))):
            raise OptionError(f"`{key}` vaut {value} ; il faut un nombre positif.")
    values = ", ".join(f"{key}={float(value)}" for key, value in parameters.items())
    return Decay(label=f"{name}({values})", curve=curve)


def _pair(od: pd.DataFrame, row: int) -> str:
    return " -> ".join(_named(pd.Index(od[name].iloc[[row]])) for name in _COLUMNS[:2])


def _named(ids: pd.Index) -> str:
    distinct = ids.unique()
    more = f" and {len(distinct) - _N_NAMED} more" if len(distinct) > _N_NAMED else ""
    return ", ".join(repr(one) for one in distinct[:_N_NAMED].tolist()) + more
