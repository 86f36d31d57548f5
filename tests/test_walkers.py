"""Walking profiles: tags to fitness, efforts by arithmetic, files of the user, sources."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siting.errors import OptionError
from siting.walkable import NODE_KEYS, WAY_KEYS
from siting.walkers import (
    PROFILES,
    SCALES,
    Fitness,
    Restrictions,
    WalkProfile,
    incline_percent,
    length_m,
    profile_from_toml,
    walk_profile,
)

METRES = st.floats(0, 100_000)
FIT, UNKNOWN, UNFIT = Fitness.FIT, Fitness.UNKNOWN, Fitness.UNFIT
CANE, WHEELCHAIR = walk_profile("canne"), walk_profile("fauteuil")
SENIOR, STANDARD = walk_profile("senior"), walk_profile("standard")
DECISION = Path(__file__).parents[1] / "docs" / "decisions" / "0005-walking-speeds.md"


def tags_of(text: str) -> dict[str, str]:
    """Read ``"highway=path width=1,2|m"``, where ``|`` stands for a space."""
    pairs = (part.partition("=") for part in text.split())
    return {key: value.replace("|", " ") for key, _, value in pairs}


# --- Speed.


def test_a_senior_walks_forty_eight_metres_a_minute() -> None:
    """0.8 m/s x 60 s."""
    assert SENIOR.metres(1) == pytest.approx(48.0)
    assert SENIOR.minutes(340.0) == pytest.approx(340 / 48)  # 7.1 min
    assert SENIOR.metres(15) == pytest.approx(720.0)


def test_an_adult_walks_seventy_two_metres_a_minute() -> None:
    """1.2 m/s x 60 s."""
    assert STANDARD.metres(1) == pytest.approx(72.0)
    assert STANDARD.minutes(720.0) == pytest.approx(10.0)


def test_arrays_and_gaps_keep_their_shape() -> None:
    minutes = SENIOR.minutes(np.array([0.0, 48.0, np.nan]))
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


def test_nobody_goes_faster_than_an_adult() -> None:
    assert max(PROFILES, key=lambda profile: profile.speed_kmh) is STANDARD


# --- Effort.


@pytest.mark.parametrize("profile", [SENIOR, STANDARD, WHEELCHAIR], ids=lambda p: p.walker)
@pytest.mark.parametrize("highway", ["steps", "footway", "path", "primary"])
def test_a_constant_speed_is_the_same_everywhere(profile: WalkProfile, highway: str) -> None:
    assert profile.way_effort({"highway": highway, "surface": "sand"}) == 1.0
    assert profile.crossing_m == 0.0


def test_with_a_cane_a_metre_of_steps_is_more_than_two_and_a_half_on_the_flat() -> None:
    """0.80 m/s on the flat over 0.31 m/s on steps."""
    assert CANE.way_effort({"highway": "steps"}) == pytest.approx(0.80 / 0.31)
    assert CANE.way_effort({"highway": "footway"}) == 1.0
    assert CANE.way_effort({}) == 1.0


def test_a_crossing_costs_a_cane_two_metres() -> None:
    """2.48 s at 0.80 m/s."""
    assert CANE.crossing_m == pytest.approx(1.984)


def test_slopes_follow_tobler() -> None:
    """6 exp(-3.5 |s + 0.05|) km/h: 5.0367 on the flat, 6 at 5 % down, 4.2281 at 5 % up."""
    slope = np.array([0.0, -0.05, 0.05, -0.10, 0.10, 0.0874887])
    flat_kmh = 5.0367
    speed_kmh = np.array([5.0367, 6.0, 4.2281, 5.0367, 3.5493, 3.7083])
    for profile in PROFILES:
        effort = profile.slope_effort(slope)
        assert effort[0] == 1.0
        least = 0.0 if profile.gains_downhill else 1.0
        assert effort == pytest.approx(np.maximum(flat_kmh / speed_kmh, least), rel=1e-4)


def test_only_the_standard_walker_gains_downhill() -> None:
    assert [one.walker for one in PROFILES if one.gains_downhill] == ["standard"]


def test_slopes_keep_their_shape_and_their_gaps() -> None:
    slope = np.array([[0.0, np.nan], [0.02, -0.02]])
    before = slope.copy()
    effort = WHEELCHAIR.slope_effort(slope)
    assert effort.shape == (2, 2)
    assert np.isnan(effort).tolist() == [[False, True], [False, False]]
    np.testing.assert_array_equal(slope, before)
    assert STANDARD.slope_effort(np.array([])).shape == (0,)


@given(slope=st.floats(0, 1))
def test_up_is_harder_than_flat_and_than_down(slope: float) -> None:
    up, down = SENIOR.slope_effort(np.array([slope, -slope]))
    assert up >= 1.0
    assert up >= down
    assert down >= math.exp(-0.175) * (1 - 1e-12)  # 5 % down: exp(-3.5 x 0.05)


# --- Ways.


@pytest.mark.parametrize(
    ("way", "wheelchair", "cane"),
    [
        # Nothing known is unknown, whatever the street.
        ("highway=residential", UNKNOWN, UNKNOWN),
        ("highway=footway", UNKNOWN, UNKNOWN),
        ("highway=pedestrian", UNKNOWN, UNKNOWN),
        ("route=ferry", UNKNOWN, UNKNOWN),
        ("", UNKNOWN, UNKNOWN),
        # Surface or smoothness.
        ("highway=footway surface=asphalt", FIT, FIT),
        ("highway=footway surface=sett", FIT, FIT),
        ("highway=footway surface=cobblestone:flattened", FIT, FIT),
        ("highway=footway surface=cobblestone", UNFIT, FIT),
        ("highway=path surface=compacted", UNFIT, FIT),
        ("highway=path surface=unpaved", UNFIT, UNFIT),
        ("highway=path surface=mud", UNFIT, UNFIT),
        ("highway=path surface=wood", UNKNOWN, UNKNOWN),
        ("highway=path surface=asphaltt", UNKNOWN, UNKNOWN),
        ("highway=path surface=|Asphalt|", FIT, FIT),
        ("highway=path surface=asphalt;|concrete", FIT, FIT),
        ("highway=path surface=asphalt;mud", UNFIT, UNFIT),
        ("highway=path surface=asphalt;lava", UNKNOWN, UNKNOWN),
        ("highway=path surface=lava;mud", UNFIT, UNFIT),
        ("highway=path surface=", UNKNOWN, UNKNOWN),
        ("highway=path smoothness=good", FIT, FIT),
        ("highway=path smoothness=intermediate", FIT, FIT),
        ("highway=path smoothness=bad", UNFIT, UNFIT),
        ("highway=path smoothness=medium", UNKNOWN, UNKNOWN),
        ("highway=path surface=asphalt smoothness=horrible", UNFIT, UNFIT),
        ("highway=path surface=lava smoothness=good", FIT, FIT),
        ("highway=track tracktype=grade1", UNKNOWN, UNKNOWN),
        ("highway=track tracktype=grade2", UNFIT, UNKNOWN),
        ("highway=track tracktype=grade3 surface=asphalt", UNFIT, UNFIT),
        # Slope.
        ("highway=path surface=asphalt incline=5%", FIT, FIT),
        ("highway=path surface=asphalt incline=-5,0|%", FIT, FIT),
        ("highway=path surface=asphalt incline=8%", UNFIT, UNFIT),
        ("highway=path surface=asphalt incline=-8%", UNFIT, UNFIT),
        ("highway=path surface=asphalt incline=5°", UNFIT, UNFIT),  # 8.7 %
        ("highway=path surface=asphalt incline=2°", FIT, FIT),  # 3.5 %
        ("highway=path surface=asphalt incline=up", FIT, FIT),
        ("highway=path surface=asphalt incline=50", FIT, FIT),  # says nothing without a unit
        ("highway=path incline=3%", UNKNOWN, UNKNOWN),
        # Width.
        ("highway=path surface=asphalt width=1.2", FIT, FIT),
        ("highway=path surface=asphalt width=1,19|m", UNFIT, FIT),
        ("highway=path surface=asphalt width=80|cm", UNFIT, UNFIT),
        ("highway=path surface=asphalt width=6'", FIT, FIT),
        ("highway=path surface=asphalt width=3'", UNFIT, FIT),  # 0.914 m
        ("highway=path surface=asphalt width=narrow", FIT, FIT),
        ("highway=path surface=asphalt width=0", FIT, FIT),  # says nothing
        ("highway=path width=3", UNKNOWN, UNKNOWN),
        # Steps.
        ("highway=steps", UNFIT, UNKNOWN),
        ("highway=steps surface=concrete", UNFIT, FIT),
        ("highway=steps surface=concrete incline=60%", UNFIT, FIT),
        ("highway=steps ramp=yes", UNFIT, UNKNOWN),
        ("highway=steps ramp:wheelchair=no", UNFIT, UNKNOWN),
        ("highway=steps ramp:wheelchair=yes", FIT, UNKNOWN),
        ("highway=steps wheelchair=yes", FIT, UNKNOWN),
        ("highway=steps wheelchair=no ramp:wheelchair=yes", UNFIT, UNKNOWN),
        ("highway=steps wheelchair=limited", UNFIT, UNKNOWN),
        ("highway=steps wheelchair=limited ramp:wheelchair=yes", UNKNOWN, UNKNOWN),
        # Said in so many words, for a wheelchair only.
        ("highway=path wheelchair=yes", FIT, UNKNOWN),
        ("highway=path wheelchair=designated surface=sand", FIT, UNFIT),
        ("highway=path wheelchair=no surface=asphalt", UNFIT, FIT),
        ("highway=path wheelchair=limited surface=asphalt", UNKNOWN, FIT),
        ("highway=path wheelchair=limited surface=sand", UNFIT, UNFIT),
        ("highway=path wheelchair=maybe surface=asphalt", FIT, FIT),
        # Kerbs on the way of those who walk along it, not beside a street.
        ("highway=footway footway=crossing surface=asphalt kerb=lowered", FIT, FIT),
        ("highway=footway footway=crossing surface=asphalt kerb=raised", UNFIT, FIT),
        ("highway=footway surface=asphalt kerb:height=20|cm", UNFIT, UNFIT),
        ("highway=residential surface=asphalt kerb=raised", FIT, FIT),
        # Busy streets want a sidewalk that is known.
        ("highway=primary surface=asphalt", UNKNOWN, UNKNOWN),
        ("highway=primary surface=asphalt sidewalk=both", FIT, FIT),
        ("highway=secondary_link surface=asphalt sidewalk=right", FIT, FIT),
        ("highway=tertiary surface=asphalt sidewalk:left=yes", FIT, FIT),
        ("highway=tertiary surface=asphalt sidewalk:left=no", UNKNOWN, UNKNOWN),
        ("highway=tertiary surface=asphalt sidewalk=no", UNKNOWN, UNKNOWN),
        ("highway=trunk surface=asphalt sidewalk=separate", UNKNOWN, UNKNOWN),
        ("highway=trunk sidewalk=both", UNKNOWN, UNKNOWN),
        ("highway=residential surface=asphalt sidewalk=no", FIT, FIT),
    ],
)
def test_ways(way: str, wheelchair: Fitness, cane: Fitness) -> None:
    tags = tags_of(way)
    assert WHEELCHAIR.way_fitness(tags) is wheelchair
    assert CANE.way_fitness(tags) is cane
    assert SENIOR.way_fitness(tags) is STANDARD.way_fitness(tags) is wheelchair


# --- Nodes.


@pytest.mark.parametrize(
    ("node", "wheelchair", "cane"),
    [
        ("", UNKNOWN, UNKNOWN),
        ("barrier=kerb", UNKNOWN, UNKNOWN),
        ("barrier=kerb kerb=flush", FIT, FIT),
        ("barrier=kerb kerb=no", FIT, FIT),
        ("kerb=lowered", FIT, FIT),
        ("kerb=raised", UNFIT, FIT),
        ("kerb=rolled", UNKNOWN, UNKNOWN),
        ("kerb=yes", UNKNOWN, UNKNOWN),
        ("highway=crossing crossing=marked kerb=raised", UNFIT, FIT),
        ("kerb:height=4|cm", FIT, FIT),
        ("kerb:height=0.05", UNFIT, FIT),
        ("kerb:height=0,17", UNFIT, UNFIT),
        ("kerb:height=0", FIT, FIT),
        ("kerb:height=3", UNKNOWN, UNKNOWN),  # 3 m is no kerb
        ("kerb:height=low kerb=lowered", FIT, FIT),
        ("kerb=raised kerb:height=2|cm", FIT, FIT),  # measured
        ("kerb=lowered kerb:height=10|cm", UNFIT, FIT),
        ("kerb=raised wheelchair=yes", FIT, FIT),
        ("kerb=flush wheelchair=no", UNFIT, FIT),
        ("kerb=flush wheelchair=limited", UNKNOWN, FIT),
        ("barrier=gate", UNKNOWN, FIT),
        ("barrier=gate wheelchair=yes", FIT, FIT),
        ("barrier=gate wheelchair=no", UNFIT, FIT),
        ("barrier=bollard", UNKNOWN, FIT),
        ("barrier=cycle_barrier", UNKNOWN, FIT),
        ("barrier=height_restrictor", FIT, FIT),
        ("barrier=entrance", FIT, FIT),
        ("barrier=stile", UNFIT, UNKNOWN),
        ("barrier=turnstile", UNFIT, UNKNOWN),
        ("barrier=full-height_turnstile", UNFIT, UNKNOWN),
        ("barrier=kissing_gate", UNFIT, UNKNOWN),
        ("barrier=kissing_gate wheelchair=yes", FIT, UNKNOWN),
        ("barrier=kissing_gate wheelchair=limited", UNFIT, UNKNOWN),
        ("barrier=gate kerb=raised", UNFIT, FIT),
        ("barrier=gate kerb=flush", UNKNOWN, FIT),
        ("barrier=stiles", UNKNOWN, FIT),
    ],
)
def test_nodes(node: str, wheelchair: Fitness, cane: Fitness) -> None:
    tags = tags_of(node)
    assert WHEELCHAIR.node_fitness(tags) is wheelchair
    assert CANE.node_fitness(tags) is cane
    assert SENIOR.node_fitness(tags) is wheelchair


def test_the_greater_the_worse() -> None:
    assert [*Fitness] == sorted(Fitness)
    assert max(FIT, UNKNOWN, UNFIT) is UNFIT
    assert np.array([UNFIT, FIT], dtype=np.int8).tolist() == [2, 0]


# --- Values as people write them.


@pytest.mark.parametrize(
    ("text", "expected_m"),
    [
        ("0.8", 0.8),
        ("1,2", 1.2),
        (".9", 0.9),
        ("2 m", 2.0),
        ("80 cm", 0.8),
        ("80cm", 0.8),
        ("35 mm", 0.035),
        (" 1.5 M ", 1.5),
        ("3 ft", 0.9144),
        ("6'", 1.8288),
        ("6'6\"", 1.9812),  # 78 inches
        ("0", 0.0),
        *((text, None) for text in ("", "-1", "1.", "1.2.3", "1,200.5", "2-3", "<2", "~1", "yes")),
        *((text, None) for text in ("1e3", "nan", "inf", '6"', "1 km", "2;3", "٣", "m", "'")),
        (None, None),
    ],
)
def test_lengths(text: str | None, expected_m: float | None) -> None:
    assert length_m(text) == (expected_m if expected_m is None else pytest.approx(expected_m))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8%", 8.0),
        ("-8 %", 8.0),
        ("+4,5%", 4.5),
        ("0%", 0.0),
        ("45°", 100.0),
        ("-5°", 8.7489),
        *((text, None) for text in ("up", "down", "yes", "steep", "8", "0.08", "1:12", "5-8%")),
        *((text, None) for text in ("", "%", "--5%", "90°", "1000°", "nan%", "8 ‰", "5%;8%")),
        (None, None),
    ],
)
def test_inclines(text: str | None, expected: float | None) -> None:
    read = incline_percent(text)
    assert read == (expected if expected is None else pytest.approx(expected, abs=1e-4))


def test_a_very_long_number_is_read_as_any() -> None:
    assert length_m("9" * 400) == math.inf
    assert incline_percent("9" * 400 + "°") is None


TEXTS = st.one_of(
    st.text(max_size=12),
    st.from_regex(r"[-+]?[0-9]{0,4}[.,]?[0-9]{0,4} ?(m|cm|mm|ft|%|°|'|\")?", fullmatch=True),
    st.sampled_from(["yes", "no", "steps", "limited", "kerb", "raised", "primary", "both"]),
    st.sampled_from([value for scale in SCALES.values() for value in scale]),
)
WAYS = st.dictionaries(st.sampled_from(WAY_KEYS), TEXTS)
NODES = st.dictionaries(st.sampled_from(NODE_KEYS), TEXTS)


@given(text=st.one_of(st.text(), TEXTS))
def test_no_value_is_an_error(text: str) -> None:
    assert (length_m(text) or 0) >= 0
    assert (incline_percent(text) or 0) >= 0


@given(way=WAYS, node=NODES)
def test_no_tag_is_an_error(way: dict[str, str], node: dict[str, str]) -> None:
    for profile in PROFILES:
        assert profile.way_fitness(way) in Fitness
        assert profile.node_fitness(node) in Fitness
        assert profile.way_effort(way) >= 1.0


@given(way=WAYS)
def test_unknown_is_never_fit(way: dict[str, str]) -> None:
    said = ("surface", "smoothness", "wheelchair", "ramp:wheelchair")
    silent = {key: value for key, value in way.items() if key not in said}
    for profile in PROFILES:
        assert profile.way_fitness(silent) is not FIT


@given(way=WAYS, worse=st.sampled_from(["smoothness=impassable", "surface=mud", "width=10|cm"]))
def test_one_refusal_is_enough(way: dict[str, str], worse: str) -> None:
    plain = {key: value for key, value in way.items() if not key.endswith("wheelchair")}
    for profile in PROFILES:
        assert profile.way_fitness(plain | tags_of(worse)) is UNFIT


@given(way=WAYS)
def test_without_restrictions_nothing_is_unfit(way: dict[str, str]) -> None:
    anybody = WalkProfile(walker="x", label="x", speed_kmh=4.0, reference="x")
    assert anybody.restrictions == Restrictions()
    assert anybody.way_fitness(way) is not UNFIT


# --- Sources.


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.walker)
def test_each_speed_has_its_reference(profile: WalkProfile) -> None:
    """The reference begins with the speed in m/s; the profile is the same speed in km/h."""
    figure = re.match(r"([0-9],[0-9]+) m/s\b", profile.reference)
    assert figure
    assert float(figure[1].replace(",", ".")) == pytest.approx(profile.speed_kmh / 3.6)
    assert re.search(r"\([12][09][0-9]{2}\)", profile.reference)
    assert profile.label


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.walker)
def test_each_other_figure_has_its_reference(profile: WalkProfile) -> None:
    limits = {one.name for one in dataclasses.fields(Restrictions)} - {"steps"}
    steps = {"steps_kmh"} if profile.steps_kmh else set()
    slopes = set() if profile.gains_downhill else {"gains_downhill"}
    assert set(profile.references) == limits | {"crossing_s"} | steps | slopes
    assert all(len(text) > 20 for text in profile.references.values())


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.walker)
def test_references_say_the_figure_that_is_used(profile: WalkProfile) -> None:
    limits, said = profile.restrictions, profile.references
    assert said["maximum_sloped_kerb"].startswith(f"{limits.maximum_sloped_kerb * 100:g} cm")
    assert said["maximum_incline"].startswith(f"{limits.maximum_incline:g} %")
    assert said["minimum_width"].startswith(f"{limits.minimum_width:.2f} m".replace(".", ","))
    assert said["crossing_s"].startswith(f"{profile.crossing_s:g} s".replace(".", ","))
    for name in SCALES:
        assert getattr(limits, name) in said[name]


def test_steps_of_a_cane_are_as_measured() -> None:
    assert CANE.references["steps_kmh"].startswith("0,31 m/s")
    assert CANE.steps_kmh == pytest.approx(0.31 * 3.6)


def test_seniors_and_adults_are_told_what_is_fit_for_a_wheelchair() -> None:
    assert SENIOR.restrictions == STANDARD.restrictions == WHEELCHAIR.restrictions
    assert [profile.walker for profile in PROFILES if profile.avoids_unfit] == ["fauteuil"]


# --- Names.


def test_a_profile_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        SENIOR.speed_kmh = 5.0  # type: ignore[misc]
    assert len({*PROFILES, *PROFILES}) == 4


@pytest.mark.parametrize("walker", ["", "Senior", "piéton", "senior "])
def test_an_unknown_walker_is_refused(walker: str) -> None:
    with pytest.raises(OptionError, match="Profil de marche inconnu") as refusal:
        walk_profile(walker)
    assert "canne, fauteuil, senior, standard" in str(refusal.value)


# --- Files of the user.

FILE = """
walker = "trottinette-2"
label = "essai"
speed_kmh = 3.6
reference = "1 m/s : essai"
steps_kmh = 1.8
crossing_s = 10
avoids_unfit = true

[restrictions]
surface_type = "concrete"
smoothness_type = "good"
track_type = "grade1"
maximum_sloped_kerb = 0.02
maximum_incline = 4
minimum_width = 0.9
steps = true

[references]
steps_kmh = "essai"
crossing_s = "essai"
surface_type = "essai"
smoothness_type = "essai"
track_type = "essai"
maximum_sloped_kerb = "essai"
maximum_incline = "essai"
minimum_width = "essai"
"""


def test_a_file_holds_what_it_says() -> None:
    profile = profile_from_toml(FILE)
    assert (profile.walker, profile.label, profile.avoids_unfit) == ("trottinette-2", "essai", True)
    assert profile.restrictions == Restrictions(
        surface_type="concrete",
        smoothness_type="good",
        track_type="grade1",
        maximum_sloped_kerb=0.02,
        maximum_incline=4.0,
        minimum_width=0.9,
        steps=True,
    )
    assert profile.way_effort({"highway": "steps"}) == 2.0  # 3.6 / 1.8
    assert profile.crossing_m == pytest.approx(10.0)  # 10 s at 1 m/s
    assert profile.way_fitness(tags_of("highway=path surface=paving_stones")) is UNFIT
    assert profile.node_fitness({"kerb": "lowered"}) is UNFIT  # 3 cm


def test_restrictions_may_be_those_of_a_known_walker() -> None:
    text = re.sub(r"\[restrictions\].*?(?=\[references\])", "", FILE, flags=re.DOTALL)
    text = 'restrictions = "fauteuil"\n' + re.sub(r"(?m)^(surf|smoo|track|m[ai][xn]).*\n", "", text)
    profile = profile_from_toml(text)
    assert profile.restrictions == WHEELCHAIR.restrictions
    assert profile.references["minimum_width"] == WHEELCHAIR.references["minimum_width"]
    assert profile.references["steps_kmh"] == "essai"


def test_steps_may_be_walked_as_the_flat() -> None:
    profile = profile_from_toml(re.sub(r"(?m)^steps_kmh.*\n", "", FILE))
    assert profile.steps_kmh is None
    assert profile.way_effort({"highway": "steps"}) == 1.0


def test_the_examples_are_true() -> None:
    docstring = inspect.getdoc(profile_from_toml) or ""
    blocks = re.findall(
        r"^```toml\n(.*?)^```$", DECISION.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    lines = re.search(r"::\n\n((?:    .*\n)+)", docstring)
    assert lines
    examples = [textwrap.dedent(lines[1]), *blocks]
    assert len(examples) == 2
    for text in examples:
        assert profile_from_toml(text).walker == "deambulateur"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('label = "essai"', "label = essai", "ce n'est pas un fichier TOML"),
        ("crossing_s = 10", "crossing = 10", "clés inconnues dans le profil : crossing ; clés p"),
        ("crossing_s = 10", "", "ajoutez ce qui manque dans le profil : crossing_s"),
        ('reference = "1 m/s : essai"\n', "", "manque dans le profil : reference"),
        ('label = "essai"', 'label = " "', "`label` vaut ' ' ; il faut un texte entre guillemets"),
        ('label = "essai"', "label = 3", "`label` vaut 3"),
        ("trottinette-2", "Trottinette", "`walker` vaut 'Trottinette' ; il faut des minuscules"),
        ('"trottinette-2"', "nan", "`walker` vaut nan"),
        ("trottinette-2", "senior", "le nom « senior » est déjà pris ; changez `walker`"),
        ("= 3.6", "= 36", r"`speed_kmh` vaut 36 ; il faut un nombre de 0,3 à 8 \(km/h\)"),
        ("= 3.6", "= 0", "`speed_kmh` vaut 0"),
        ("= 3.6", "= nan", "`speed_kmh` vaut nan"),
        ("= 3.6", "= inf", "`speed_kmh` vaut inf"),
        ("= 3.6", "= true", "`speed_kmh` vaut True"),
        ("= 3.6", '= "3,6"', "`speed_kmh` vaut '3,6'"),
        ("= 1.8", "= 4", "`steps_kmh` dépasse `speed_kmh`"),
        ("crossing_s = 10", "crossing_s = -1", "`crossing_s` vaut -1"),
        ("avoids_unfit = true", "avoids_unfit = 1", "`avoids_unfit` vaut 1 ; il faut true ou"),
        ("steps = true", 'steps = "oui"', "`steps` vaut 'oui'"),
        ("= 0.02", "= 2", r"`maximum_sloped_kerb` vaut 2 ; il faut .* 0 à 1 \(mètres\)"),
        ("minimum_width = 0.9", "minimum_width = 90", "`minimum_width` vaut 90"),
        ("maximum_incline = 4", "maximum_incline = 0.04", "`maximum_incline` vaut 0.04"),
        ('surface_type = "concrete"', 'surface_type = "béton"', "vaut 'béton' ; il faut paved, "),
        ('surface_type = "concrete"', "surface_type = []", r"`surface_type` vaut \[\]"),
        ('track_type = "grade1"', 'track_type = "1"', "il faut grade1, grade2"),
        ("maximum_incline = 4\n", "", r"ce qui manque dans \[restrictions\] : maximum_incline"),
        ("steps = true", "steps = true\nkerb = 1", r"inconnues dans \[restrictions\] : kerb"),
        ('minimum_width = "essai"', "", r"ce qui manque dans \[references\] : minimum_width"),
        ('minimum_width = "essai"', "minimum_width = 1", "`minimum_width` vaut 1 ; il faut un t"),
        ("[references]", "[references]\nlabel = 'x'", r"inconnues dans \[references\] : label"),
        ("[restrictions]", "[limits]", "clés inconnues dans le profil : limits"),
        ("[restrictions]", "[[restrictions]]", "`restrictions` vaut .* canne, fauteuil, senior"),
        ("[references]", "[[references]]", r"\[references\] n'est pas un tableau"),
        ("\nwalker", "[[profile]]\nwalker", "clés inconnues dans le profil : profile"),
    ],
)
def test_a_file_that_cannot_be_used_says_how_to_mend_it(old: str, new: str, message: str) -> None:
    assert FILE.count(old) >= 1
    with pytest.raises(OptionError, match=r"^Profil de marche : ") as refusal:
        profile_from_toml(FILE.replace(old, new, 1))
    assert re.search(message, str(refusal.value)), str(refusal.value)


@pytest.mark.parametrize("text", ["", "walker = 1", 'restrictions = "velo"', "\x00"])
def test_less_than_a_profile_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match=r"^Profil de marche : "):
        profile_from_toml(text)


def test_a_walker_to_share_with_must_be_known() -> None:
    text = re.sub(r"\[restrictions\].*?(?=\[references\])", "", FILE, flags=re.DOTALL)
    with pytest.raises(OptionError, match=r"`restrictions` vaut 'velo' ; .* canne, fauteuil"):
        profile_from_toml('restrictions = "velo"\n' + text)


@given(text=st.text(max_size=80))
def test_no_text_is_anything_but_a_profile_or_a_refusal(text: str) -> None:
    with pytest.raises(OptionError):
        profile_from_toml(text)
