"""Walking profiles: minutes by arithmetic, each speed with its reference, no profile guessed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siting.errors import OptionError
from siting.walkers import NOT_YET, PROFILES, walk_profile

METRES = st.floats(0, 100_000)


def test_a_senior_walks_forty_eight_metres_a_minute() -> None:
    """0.8 m/s x 60 s."""
    senior = walk_profile("senior")
    assert senior.metres(1) == pytest.approx(48.0)
    assert senior.minutes(340.0) == pytest.approx(340 / 48)  # 7.1 min
    assert senior.metres(15) == pytest.approx(720.0)


def test_an_adult_walks_seventy_two_metres_a_minute() -> None:
    """1.2 m/s x 60 s."""
    standard = walk_profile("standard")
    assert standard.metres(1) == pytest.approx(72.0)
    assert standard.minutes(720.0) == pytest.approx(10.0)


def test_arrays_and_gaps_keep_their_shape() -> None:
    minutes = walk_profile("senior").minutes(np.array([0.0, 48.0, np.nan]))
    assert minutes.tolist()[:2] == pytest.approx([0.0, 1.0])
    assert np.isnan(minutes[2])


@given(walk_m=METRES)
def test_metres_and_minutes_undo_each_other(walk_m: float) -> None:
    for profile in PROFILES:
        assert profile.metres(profile.minutes(walk_m)) == pytest.approx(walk_m)


@given(shorter=METRES, more=METRES)
def test_a_longer_walk_never_takes_less(shorter: float, more: float) -> None:
    for profile in PROFILES:
        assert profile.minutes(shorter) <= profile.minutes(shorter + more)


def test_seniors_never_go_faster_than_others() -> None:
    assert walk_profile("senior").speed_kmh < walk_profile("standard").speed_kmh


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.walker)
def test_each_speed_has_its_reference(profile) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """The reference gives the speed in m/s; the profile is the same speed in km/h."""
    metres_per_second = f"{profile.speed_kmh / 3.6:.1f}".replace(".", ",") + " m/s"
    assert metres_per_second in profile.reference
    assert "(2012)" in profile.reference
    assert profile.label


def test_a_profile_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        walk_profile("senior").speed_kmh = 5.0  # type: ignore[misc]


@pytest.mark.parametrize("walker", NOT_YET)
def test_a_walker_that_cannot_be_judged_rightly_is_refused(walker: str) -> None:
    with pytest.raises(OptionError, match=f"« {walker} » n'est pas encore disponible") as refusal:
        walk_profile(walker)
    assert "senior, standard" in str(refusal.value)


@pytest.mark.parametrize("walker", ["", "Senior", "piéton", "senior "])
def test_an_unknown_walker_is_refused(walker: str) -> None:
    with pytest.raises(OptionError, match="Profil de marche inconnu"):
        walk_profile(walker)
