"""Access measures: five cells and three places whose every number is redone by hand.

people     a 100, b 50, c 10, d 0, e 40 (e has no pair at all)
places     x 20, y 6, z 9
minutes    a-x 5, a-y 15, b-x 10, b-y no way, c-y 10, c-x 30, d-z 2
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.errors import DataError, OptionError
from siting.measures import (
    Decay,
    binary,
    cumulative,
    exponential,
    gaussian,
    gravity,
    linear,
    logistic,
    nearest_min,
    power,
    stepped,
    two_step_floating_catchment,
)

NO_WAY = math.nan
INFINITE = math.inf
TIMES = [
    ("a", "x", 5.0),
    ("a", "y", 15.0),
    ("b", "x", 10.0),
    ("b", "y", NO_WAY),
    ("c", "y", 10.0),
    ("c", "x", 30.0),
    ("d", "z", 2.0),
]
PEOPLE = {"a": 100.0, "b": 50.0, "c": 10.0, "d": 0.0, "e": 40.0}
PLACES = {"x": 20.0, "y": 6.0, "z": 9.0}
CELLS = pd.Index(list("abcde"), name="cell")

DECAYS = [
    binary(cutoff_min=15),
    linear(cutoff_min=20),
    exponential(rate_per_min=0.1),
    gaussian(bandwidth_min=10, cutoff_min=INFINITE),
    gaussian(bandwidth_min=20, cutoff_min=20),
    logistic(median_min=10, sd_min=4),
    power(exponent=1.5),
    stepped(until_min=(10, 20, 30), weights=(1, 0.68, 0.22)),
]
each_decay = pytest.mark.parametrize("decay", DECAYS, ids=lambda decay: decay.label)


def table(rows: list[tuple[object, object, object]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["from_id", "to_id", "travel_time"])


def village() -> pd.DataFrame:
    return table(list(TIMES))


def people() -> pd.Series:
    return pd.Series(PEOPLE, name="n_65").rename_axis("cell")


def places() -> pd.Series:
    return pd.Series(PLACES, name="n_places")


def count(od: pd.DataFrame, cutoff_min: float = 15) -> pd.Series:
    return cumulative(od, places(), origins=CELLS, cutoff_min=cutoff_min)


def weigh(od: pd.DataFrame) -> pd.Series:
    return gravity(od, places(), origins=CELLS, decay=exponential(rate_per_min=math.log(2) / 5))


def nearest(od: pd.DataFrame) -> pd.Series:
    return nearest_min(od, origins=CELLS)


def share(od: pd.DataFrame) -> pd.Series:
    decay = binary(cutoff_min=15)
    return two_step_floating_catchment(od, supply=places(), demand=people(), decay=decay)


MEASURES = [count, weigh, nearest, share]
each_measure = pytest.mark.parametrize("measure", MEASURES)
Measure = Callable[[pd.DataFrame], pd.Series]


def weights_of(decay: Decay, *travel_min: float) -> list[float]:
    return [float(weight) for weight in decay(np.array(travel_min))]


# --- decays ---------------------------------------------------------------------------------


def test_binary_keeps_the_cut_off() -> None:
    assert weights_of(binary(cutoff_min=15), 0, 15, 15.01, 90) == [1, 1, 0, 0]


def test_an_infinite_cut_off_is_none() -> None:
    assert weights_of(binary(cutoff_min=INFINITE), 0, 1e9) == [1, 1]


def test_linear_goes_straight_down() -> None:
    """1 - 5/20 = 0.75."""
    assert weights_of(linear(cutoff_min=20), 0, 5, 20, 25) == [1, 0.75, 0, 0]


def test_exponential_halves() -> None:
    """At a rate of ln(2)/5, half every 5 minutes."""
    decay = exponential(rate_per_min=math.log(2) / 5)
    assert weights_of(decay, 0, 5, 10) == pytest.approx([1, 1 / 2, 1 / 4])


def test_the_bell_of_ingram() -> None:
    """exp(-1/2) at one bandwidth, exp(-2) at two."""
    decay = gaussian(bandwidth_min=10, cutoff_min=INFINITE)
    assert weights_of(decay, 0, 10, 20) == pytest.approx([1, 0.60653066, 0.13533528])


def test_the_bell_of_dai_ends_at_zero() -> None:
    """At half of the cut-off (0.88249690 - 0.60653066) / (1 - 0.60653066) = 0.70136657."""
    weights = weights_of(gaussian(bandwidth_min=10, cutoff_min=10), 0, 5, 10, 11)
    assert weights == pytest.approx([1, 0.70136657, 0, 0], abs=1e-8)
    assert weights[2:] == [0, 0]


@pytest.mark.parametrize(("cutoff_min", "bandwidth_min"), [(1, 15), (4, 60), (10, 53), (15, 15)])
def test_the_bell_ends_at_zero_without_a_rounding_error(
    cutoff_min: float, bandwidth_min: float
) -> None:
    """Any weight above zero would share out all the places of a destination."""
    decay = gaussian(bandwidth_min=bandwidth_min, cutoff_min=cutoff_min)
    assert weights_of(decay, *[cutoff_min] * 9) == [0] * 9


def test_logistic_is_steepest_at_its_median() -> None:
    """With sd = pi / sqrt(3), s = 1: (1 + e^-10) / (1 + 1) at 10 minutes, / (1 + e^2) at 12."""
    decay = logistic(median_min=10, sd_min=math.pi / math.sqrt(3))
    top = 1 + math.exp(-10)
    assert weights_of(decay, 0, 10, 12) == pytest.approx([1, top / 2, top / (1 + math.exp(2))])


def test_logistic_does_not_overflow() -> None:
    assert weights_of(logistic(median_min=10, sd_min=0.001), 0, 9, 11, 1e6) == [1, 1, 0, 0]


def test_power_is_flat_for_a_minute() -> None:
    """4^-2 = 1/16."""
    assert weights_of(power(exponent=2), 0, 0.5, 1, 4) == [1, 1, 1, 1 / 16]


def test_steps_keep_their_end() -> None:
    decay = stepped(until_min=(10, 20), weights=(1, 0.5))
    assert weights_of(decay, 0, 10, 10.1, 20, 20.1) == [1, 1, 0.5, 0.5, 0]


@each_decay
def test_a_decay_starts_at_one_and_never_grows(decay: Decay) -> None:
    weights = weights_of(decay, *np.arange(0, 200, 0.25))
    assert weights[0] == pytest.approx(1)
    assert all(0 <= far <= near for near, far in pairwise(weights))


def test_a_decay_is_a_value() -> None:
    decay = binary(cutoff_min=15)
    assert decay == binary(cutoff_min=15.0)
    assert decay != binary(cutoff_min=16)
    assert len({decay, binary(cutoff_min=15)}) == 1
    assert repr(decay) == "Decay(label='binary(cutoff_min=15.0)')"
    with pytest.raises(dataclasses.FrozenInstanceError):
        decay.label = "other"  # type: ignore[misc]


def test_labels_tell_all_parameters() -> None:
    assert gaussian(bandwidth_min=10, cutoff_min=INFINITE).label == (
        "gaussian(bandwidth_min=10.0, cutoff_min=inf)"
    )
    assert stepped(until_min=(10, 20), weights=(1, 0.5)).label == (
        "stepped(until_min=(10, 20), weights=(1, 0.5))"
    )


@pytest.mark.parametrize("value", [0, -1, NO_WAY])
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda value: binary(cutoff_min=value), "cutoff_min"),
        (lambda value: linear(cutoff_min=value), "cutoff_min"),
        (lambda value: exponential(rate_per_min=value), "rate_per_min"),
        (lambda value: gaussian(bandwidth_min=value, cutoff_min=10), "bandwidth_min"),
        (lambda value: gaussian(bandwidth_min=10, cutoff_min=value), "cutoff_min"),
        (lambda value: logistic(median_min=value, sd_min=4), "median_min"),
        (lambda value: logistic(median_min=10, sd_min=value), "sd_min"),
        (lambda value: power(exponent=value), "exponent"),
    ],
)
def test_a_parameter_is_above_zero(make: Callable[[float], Decay], name: str, value: float) -> None:
    with pytest.raises(OptionError, match=f"`{name}` vaut {value} ; il faut un nombre positif"):
        make(value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: exponential(rate_per_min=INFINITE),
        lambda: gaussian(bandwidth_min=INFINITE, cutoff_min=10),
        lambda: logistic(median_min=INFINITE, sd_min=4),
        lambda: logistic(median_min=10, sd_min=INFINITE),
        lambda: power(exponent=INFINITE),
    ],
)
def test_only_a_cut_off_is_infinite(make: Callable[[], Decay]) -> None:
    with pytest.raises(OptionError, match="vaut inf"):
        make()


@pytest.mark.parametrize(
    ("until_min", "weights"),
    [
        ((), ()),
        ((10, 20), (1,)),
        ((10,), (1, 0.5)),
        ((20, 10), (1, 0.5)),
        ((10, 10), (1, 0.5)),
        ((0, 10), (1, 0.5)),
        ((10, NO_WAY), (1, 0.5)),
        ((10, 20), (0.5, 1)),
        ((10, 20), (1.1, 1)),
        ((10, 20), (1, -0.1)),
        ((10, 20), (1, NO_WAY)),
    ],
)
def test_steps_that_mean_nothing_are_refused(
    until_min: tuple[float, ...], weights: tuple[float, ...]
) -> None:
    with pytest.raises(OptionError, match="Les paliers"):
        stepped(until_min=until_min, weights=weights)


def test_a_curve_of_ones_own() -> None:
    """a: 20 x 1/(1+5) + 6 x 1/(1+15) = 10/3 + 3/8."""
    decay = Decay(label="1/(1+t)", curve=lambda travel_min: 1 / (1 + travel_min))
    found = gravity(village(), places(), origins=CELLS, decay=decay)
    assert found["a"] == pytest.approx(10 / 3 + 3 / 8)


@pytest.mark.parametrize(
    "curve",
    [
        lambda travel_min: -travel_min,
        lambda travel_min: travel_min + INFINITE,
        lambda travel_min: travel_min + NO_WAY,
        lambda travel_min: travel_min[:1],
        lambda _: 1.0,
    ],
)
def test_a_curve_that_gives_no_weights_is_refused(
    curve: Callable[[np.ndarray], np.ndarray],
) -> None:
    decay = Decay(label="mine", curve=curve)
    with pytest.raises(OptionError, match="La décroissance mine doit donner un poids fini"):
        gravity(village(), places(), origins=CELLS, decay=decay)
    with pytest.raises(OptionError, match="La décroissance mine"):
        two_step_floating_catchment(village(), supply=places(), demand=people(), decay=decay)


# --- worked example -------------------------------------------------------------------------


def test_cumulative_by_hand() -> None:
    """Within 15 minutes: a x and y, 20 + 6; b x; c y (x is at 30); d z; e nothing."""
    assert count(village()).to_dict() == {"a": 26, "b": 20, "c": 6, "d": 9, "e": 0}
    assert count(village(), 14.9).to_dict() == {"a": 20, "b": 20, "c": 6, "d": 9, "e": 0}
    assert count(village(), 1).to_list() == [0] * 5
    assert count(village(), INFINITE).to_dict() == {"a": 26, "b": 20, "c": 26, "d": 9, "e": 0}


def test_gravity_by_hand() -> None:
    """Half every 5 minutes: a 20/2 + 6/8, b 20/4, c 6/4 + 20/64, d 9 / 2^(2/5), e nothing."""
    expected = [10.75, 5, 1.5 + 0.3125, 9 / 2**0.4, 0]
    assert weigh(village()).to_list() == pytest.approx(expected)


def test_nearest_by_hand() -> None:
    assert nearest(village()).to_list() == pytest.approx([5, 10, 10, 2, NO_WAY], nan_ok=True)
    second = nearest_min(village(), origins=CELLS, n=2)
    assert second.to_list() == pytest.approx([15, NO_WAY, 30, NO_WAY, NO_WAY], nan_ok=True)
    assert nearest_min(village(), origins=CELLS, n=3).isna().all()


def test_equally_near_destinations_take_a_rank_each() -> None:
    od = table([("a", "x", 5.0), ("a", "y", 5.0), ("a", "z", 9.0)])
    minutes = [nearest_min(od, origins=pd.Index(["a"]), n=n)["a"] for n in (1, 2, 3)]
    assert minutes == [5, 5, 9]


def test_two_steps_by_hand() -> None:
    """
    Within 15 minutes x is shared by a and b, 20 / 150; y by a and c, 6 / 110; z by nobody.

    So a has 20/150 + 6/110, b 20/150, c 6/110; d, where nobody lives, and e have nothing.
    """
    found = share(village())
    expected = [20 / 150 + 6 / 110, 20 / 150, 6 / 110, 0, 0]
    assert found.to_list() == pytest.approx(expected, rel=1e-12)
    assert (found * people()).sum() == pytest.approx(20 + 6)


def test_enhanced_two_steps_by_hand() -> None:
    """
    Weights 1 to 10 minutes and 1/2 to 20: x 20 / (100 + 50), y 6 / (100/2 + 10) = 1/10.

    So a has 20/150 + 1/2 x 1/10, b 20/150, c 1/10.
    """
    decay = stepped(until_min=(10, 20), weights=(1, 0.5))
    found = two_step_floating_catchment(village(), supply=places(), demand=people(), decay=decay)
    assert found.to_list() == pytest.approx([20 / 150 + 0.05, 20 / 150, 0.1, 0, 0], rel=1e-12)


def test_uphill_and_downhill_are_not_mixed_up() -> None:
    """
    Cells hold people and places; down to t takes 10 minutes, up from it 40.

    Within 15 minutes t's 8 places are shared by all, 8 / (30 + 10 + 40), while the 3 places up
    at h are for h alone, 3 / 30, and l, at 0 minutes from itself, has no place.
    """
    od = table(
        [
            *(("h", "h", 0.0), ("l", "l", 0.0), ("t", "t", 0.0)),
            *(("h", "t", 10.0), ("l", "t", 10.0), ("t", "h", 40.0), ("t", "l", 40.0)),
        ]
    )
    demand = pd.Series({"h": 30, "l": 10, "t": 40})
    supply = pd.Series({"h": 3, "l": 0, "t": 8})
    decay = binary(cutoff_min=15)
    found = two_step_floating_catchment(od, supply=supply, demand=demand, decay=decay)
    assert found.to_dict() == pytest.approx({"h": 0.1 + 0.1, "l": 0.1, "t": 0.1})


def test_far_away_people_do_not_overflow() -> None:
    """One origin alone gets all the places, however small its weight: 9 / 2."""
    od = table([("a", "x", 740.0)])
    decay = exponential(rate_per_min=1)
    found = two_step_floating_catchment(
        od, supply=pd.Series({"x": 9e3}), demand=pd.Series({"a": 2.0}), decay=decay
    )
    assert found["a"] == pytest.approx(4.5e3, rel=0.05)


# --- tables ---------------------------------------------------------------------------------


@each_measure
def test_the_order_and_the_name_of_origins_are_kept(measure: Measure) -> None:
    found = measure(village())
    pd.testing.assert_index_equal(found.index, CELLS)
    assert found.dtype == np.float64
    assert found.name in {"cumulative", "gravity", "nearest_min", "places_per_person"}


def test_origins_decide_of_the_order() -> None:
    backwards = cumulative(village(), places(), origins=CELLS[::-1], cutoff_min=15)
    assert list(backwards.items()) == [("e", 0), ("d", 9), ("c", 6), ("b", 20), ("a", 26)]


@pytest.mark.parametrize(
    "empty",
    [
        pd.DataFrame(columns=["from_id", "to_id", "travel_time"]),
        village().head(0),
        table([("a", "x", NO_WAY), ("b", "y", NO_WAY)]),
    ],
    ids=["no type", "no row", "no way"],
)
def test_without_any_way_nothing_is_reached(empty: pd.DataFrame) -> None:
    assert count(empty).to_list() == [0.0] * 5
    assert weigh(empty).to_list() == [0.0] * 5
    assert share(empty).to_list() == [0.0] * 5
    assert nearest(empty).isna().all()
    for measure in MEASURES:
        pd.testing.assert_index_equal(measure(empty).index, CELLS)
        assert measure(empty).dtype == np.float64


def test_nobody_and_nowhere() -> None:
    od = village().head(0)
    nothing = pd.Series(dtype=np.float64)
    decay = binary(cutoff_min=15)
    for found in (
        cumulative(od, nothing, origins=CELLS[:0], cutoff_min=15),
        nearest_min(od, origins=CELLS[:0]),
        two_step_floating_catchment(od, supply=nothing, demand=nothing, decay=decay),
        two_step_floating_catchment(
            od, supply=pd.Series(dtype=object), demand=pd.Series(dtype=object), decay=decay
        ),
    ):
        assert found.empty
        assert found.dtype == np.float64


def test_inputs_are_unchanged() -> None:
    od = village().sample(frac=1, random_state=3).set_axis([0] * len(TIMES))
    supply, demand, decay = places(), people(), linear(cutoff_min=20)
    gravity(od, supply, origins=demand.index, decay=decay)
    cumulative(od, supply, origins=demand.index, cutoff_min=15)
    nearest_min(od, origins=demand.index)
    two_step_floating_catchment(od, supply=supply, demand=demand, decay=decay)
    untouched = village().sample(frac=1, random_state=3).set_axis([0] * len(TIMES))
    pd.testing.assert_frame_equal(od, untouched)
    pd.testing.assert_series_equal(supply, places())
    pd.testing.assert_series_equal(demand, people())


def test_a_curve_that_writes_does_not_reach_the_table() -> None:
    def curve(travel_min: np.ndarray) -> np.ndarray:
        travel_min[:] = 1
        return travel_min

    od = village()
    gravity(od, places(), origins=CELLS, decay=Decay(label="writes", curve=curve))
    pd.testing.assert_frame_equal(od, village())


@each_measure
def test_other_columns_and_types_of_numbers(measure: Measure) -> None:
    expected = measure(village())
    od = village().assign(note="r5py", travel_time=village()["travel_time"].astype("Int64"))
    pd.testing.assert_series_equal(measure(od), expected)
    od = village().astype({"from_id": "category", "to_id": "category"})
    pd.testing.assert_series_equal(measure(od), expected)
    od = village().dropna().astype({"travel_time": "int32", "from_id": object})
    pd.testing.assert_series_equal(measure(od), expected)


def test_amounts_of_other_types() -> None:
    for dtype in ("int64", "Int64", "Float64", "float32", "uint8"):
        found = cumulative(village(), places().astype(dtype), origins=CELLS, cutoff_min=15)
        pd.testing.assert_series_equal(found, count(village()))


def test_ids_may_be_numbers() -> None:
    od = table([(1, 10, 5.0), (2, 10, 6.0)])
    found = nearest_min(od, origins=pd.Index([2, 1, 3]))
    assert found.to_list() == pytest.approx([6, 5, NO_WAY], nan_ok=True)


# --- wrong inputs ---------------------------------------------------------------------------

WRONG_TABLES = [
    (lambda od: od.drop(columns="from_id"), r"must have the columns .* see \['from_id'\]"),
    (lambda od: od.drop(columns="to_id"), r"see \['to_id'\]"),
    (lambda od: od.rename(columns={"travel_time": "minutes"}), r"see \['travel_time'\]"),
    (lambda od: pd.concat([od, od["to_id"]], axis=1), r"see \['to_id'\]"),
    (lambda od: pd.concat([od, od.iloc[[4]]]), "the pair 'c' -> 'y' twice"),
    (lambda od: pd.concat([od, table([("b", "y", 8.0)])]), "the pair 'b' -> 'y' twice"),
    (lambda od: od.replace({"travel_time": {2.0: -2.0}}), "-2.0 for the pair 'd' -> 'z'"),
    (lambda od: od.replace({"travel_time": {2.0: INFINITE}}), "inf for the pair 'd' -> 'z'"),
    (lambda od: od.astype({"travel_time": "str"}), "`travel_time` is of type str"),
    (lambda od: od.astype({"travel_time": object}), "`travel_time` is of type object"),
    (lambda od: od.assign(travel_time=True), "`travel_time` is of type bool"),
    (lambda od: od.assign(travel_time=1j), "`travel_time` is of type complex128"),
    (
        lambda od: od.assign(travel_time=pd.to_timedelta(od["travel_time"], unit="min")),
        "`travel_time` is of type timedelta64",
    ),
    (lambda od: od.replace({"from_id": {"d": "?"}}), "has from_id that .* not have: '\\?'"),
    (lambda od: od.replace({"from_id": {"d": None}}), "has from_id that .* not have: (nan|None)"),
]


@each_measure
@pytest.mark.parametrize(("spoil", "message"), WRONG_TABLES)
def test_a_wrong_table_is_refused(
    measure: Measure, spoil: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        measure(spoil(village()))


@pytest.mark.parametrize("measure", [count, weigh, share])
def test_an_unknown_destination_is_refused(measure: Measure) -> None:
    with pytest.raises(DataError, match=r"has to_id that `(opportunities|supply)` does .*: 'w'"):
        measure(village().replace({"to_id": {"z": "w"}}))


def test_an_empty_destination_is_refused() -> None:
    with pytest.raises(DataError, match="`od` has an empty id"):
        nearest(village().replace({"to_id": {"z": None}}))


def test_the_first_unknown_ids_are_named() -> None:
    od = table([(one, "x", 1.0) for one in "stuvw"])
    with pytest.raises(DataError, match="`origins` does not have: 's', 't', 'u' and 2 more"):
        nearest(od)


def test_ids_of_another_type_are_seen() -> None:
    with pytest.raises(DataError, match="does not have: 1, 2"):
        nearest_min(table([(1, "x", 5.0), (2, "x", 5.0)]), origins=pd.Index(["1", "2"]))


def test_swapped_columns_are_refused() -> None:
    od = village().rename(columns={"from_id": "to_id", "to_id": "from_id"})
    with pytest.raises(DataError, match=r"`demand` does not have: 'x', 'y', 'z'.*from_id to"):
        share(od)


WRONG_AMOUNTS = [
    ({"x": 20.0, "y": NO_WAY, "z": 9.0}, "`{}` is nan at 'y'.*Unknown is not zero"),
    ({"x": 20.0, "y": -6.0, "z": 9.0}, "`{}` is -6.0 at 'y'"),
    ({"x": 20.0, "y": INFINITE, "z": 9.0}, "`{}` is inf at 'y'"),
    ({"x": "20", "y": "6", "z": "9"}, "`{}` is of type str"),
    ({"x": True, "y": True, "z": False}, "`{}` is of type bool"),
]


@pytest.mark.parametrize(("amounts", "message"), WRONG_AMOUNTS)
def test_wrong_amounts_are_refused(amounts: dict[str, object], message: str) -> None:
    wrong = pd.Series(amounts)
    decay = binary(cutoff_min=15)
    with pytest.raises(DataError, match=message.format("opportunities")):
        gravity(village(), wrong, origins=CELLS, decay=decay)
    with pytest.raises(DataError, match=message.format("supply")):
        two_step_floating_catchment(village(), supply=wrong, demand=people(), decay=decay)
    back = village().rename(columns={"from_id": "to_id", "to_id": "from_id"})
    with pytest.raises(DataError, match=message.format("demand")):
        two_step_floating_catchment(back, supply=people(), demand=wrong, decay=decay)


def test_a_missing_nullable_amount_is_unknown() -> None:
    unknown = pd.Series([20, pd.NA, 9], index=["x", "y", "z"], dtype="Int64")
    with pytest.raises(DataError, match="`opportunities` is nan at 'y'"):
        cumulative(village(), unknown, origins=CELLS, cutoff_min=15)


def test_repeated_or_empty_ids_are_refused() -> None:
    with pytest.raises(DataError, match="`origins` has an id twice: 'a'"):
        nearest_min(village(), origins=pd.Index(["a", "a", "b", "c", "d"]))
    with pytest.raises(DataError, match="`origins` has an empty id"):
        nearest_min(village(), origins=pd.Index(["a", "b", "c", "d", None]))
    twice = pd.concat([places(), places()])
    with pytest.raises(DataError, match="`opportunities` has an id twice: 'x', 'y', 'z'"):
        cumulative(village(), twice, origins=CELLS, cutoff_min=15)


@pytest.mark.parametrize("n", [0, -1, 1.5, NO_WAY])
def test_a_rank_is_one_or_more(n: int) -> None:
    with pytest.raises(OptionError, match=r"`n` vaut .* il faut un rang"):
        nearest_min(village(), origins=CELLS, n=n)


@pytest.mark.parametrize("cutoff_min", [0, -5, NO_WAY])
def test_a_cut_off_is_above_zero(cutoff_min: float) -> None:
    with pytest.raises(OptionError, match="`cutoff_min` vaut"):
        count(village(), cutoff_min)


# --- invariants -----------------------------------------------------------------------------

FROM, TO = list("abcd"), list("xyz")
MINUTES = st.one_of(st.just(NO_WAY), st.floats(0, 60))
PAIRS = st.tuples(st.sampled_from(FROM), st.sampled_from(TO))
TABLES = st.dictionaries(PAIRS, MINUTES).map(
    lambda times: table([(start, stop, minutes) for (start, stop), minutes in times.items()])
)


def amounts_of(ids: list[str]) -> st.SearchStrategy[pd.Series]:
    amount = st.one_of(st.just(0.0), st.floats(0.1, 1000))
    values = st.lists(amount, min_size=len(ids), max_size=len(ids))
    return values.map(lambda values: pd.Series(values, index=ids))


CUTOFFS = st.floats(0.1, 90)
ORIGINS = pd.Index(FROM)
few = settings(max_examples=40, deadline=None)


@few
@given(od=TABLES, supply=amounts_of(TO), cutoff_min=CUTOFFS, more_min=CUTOFFS)
def test_a_longer_cut_off_never_loses(
    od: pd.DataFrame, supply: pd.Series, cutoff_min: float, more_min: float
) -> None:
    short = cumulative(od, supply, origins=ORIGINS, cutoff_min=cutoff_min)
    long = cumulative(od, supply, origins=ORIGINS, cutoff_min=cutoff_min + more_min)
    assert (long >= short).all()


@few
@given(od=TABLES, supply=amounts_of(TO), cutoff_min=CUTOFFS)
def test_binary_gravity_is_cumulative(
    od: pd.DataFrame, supply: pd.Series, cutoff_min: float
) -> None:
    counted = cumulative(od, supply, origins=ORIGINS, cutoff_min=cutoff_min)
    weighed = gravity(od, supply, origins=ORIGINS, decay=binary(cutoff_min=cutoff_min))
    pd.testing.assert_series_equal(counted, weighed, check_names=False, check_exact=True)


@few
@given(od=TABLES, supply=amounts_of(TO), demand=amounts_of(FROM), decay=st.sampled_from(DECAYS))
def test_places_are_all_shared_and_no_more(
    od: pd.DataFrame, supply: pd.Series, demand: pd.Series, decay: Decay
) -> None:
    """Against loops over pairs; people times access is the supply that anybody reaches."""
    found = two_step_floating_catchment(od, supply=supply, demand=demand, decay=decay)
    weight = {
        (start, stop): float(decay(np.array([minutes]))[0])
        for start, stop, minutes in od.itertuples(index=False)
        if not math.isnan(minutes)
    }
    users = {
        stop: sum(demand[start] * w for (start, to), w in weight.items() if to == stop)
        for stop in TO
    }
    for one in FROM:
        access = sum(
            supply[stop] / users[stop] * w
            for (start, stop), w in weight.items()
            if start == one and users[stop] > 0
        )
        assert found[one] == pytest.approx(access, rel=1e-9)
    reached = sum(supply[stop] for stop in TO if users[stop] > 0)
    assert (found * demand).sum() == pytest.approx(reached, rel=1e-9)


@few
@given(od=TABLES, supply=amounts_of(TO), demand=amounts_of(FROM), decay=st.sampled_from(DECAYS))
def test_twice_the_places_is_twice_the_access(
    od: pd.DataFrame, supply: pd.Series, demand: pd.Series, decay: Decay
) -> None:
    once = two_step_floating_catchment(od, supply=supply, demand=demand, decay=decay)
    twice = two_step_floating_catchment(od, supply=2 * supply, demand=demand, decay=decay)
    pd.testing.assert_series_equal(twice, 2 * once, check_exact=True)


@few
@given(od=TABLES, seed=st.integers(0, 2**16), decay=st.sampled_from(DECAYS))
def test_the_order_of_rows_does_not_matter(od: pd.DataFrame, seed: int, decay: Decay) -> None:
    shuffled = od.sample(frac=1, random_state=seed)
    supply, demand = pd.Series([0.1, 0.7, 3.3], index=TO), pd.Series([0.3, 7, 11, 0.1], index=FROM)
    for measure in (
        lambda table: gravity(table, supply, origins=ORIGINS, decay=decay),
        lambda table: nearest_min(table, origins=ORIGINS, n=2),
        lambda table: two_step_floating_catchment(table, supply=supply, demand=demand, decay=decay),
    ):
        pd.testing.assert_series_equal(measure(shuffled), measure(od), check_exact=True)


@few
@given(od=TABLES, n=st.integers(1, 4))
def test_the_nth_nearest_is_the_nth_of_the_sorted_times(od: pd.DataFrame, n: int) -> None:
    found = nearest_min(od, origins=ORIGINS, n=n)
    for one in FROM:
        times = sorted(od.loc[od["from_id"] == one, "travel_time"].dropna())
        expected = times[n - 1] if len(times) >= n else NO_WAY
        assert found[one] == pytest.approx(expected, nan_ok=True)
