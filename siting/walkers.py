"""Walking profiles: how fast a walker goes, and which ways are fit, unfit or unknown.

The figures are data, each with its published source, in ``walkers.toml`` beside this module; a
profile of the user is a TOML text of the same form. Tags are read as the OpenStreetMap wiki
defines them. What a tag does not say is unknown, and unknown is never fit.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum
from importlib import resources
from typing import Any, TypeVar

import numpy as np

from siting.crs import FloatArray
from siting.errors import OptionError

_Metres = TypeVar("_Metres", float, FloatArray)

_M_PER_MIN_PER_KMH = 1000 / 60

_DATA = tomllib.loads(
    resources.files("siting").joinpath("walkers.toml").read_text(encoding="utf-8")
)
SCALES: Mapping[str, list[str]] = _DATA["scales"]
_KERB_M: Mapping[str, float] = _DATA["kerb_m"]
_NO_KERB_M = 1.0  # so high is no kerb: the unit was forgotten, as in kerb:height=3
_BARRIERS: Mapping[str, list[str]] = _DATA["barriers"]
_WAYS: Mapping[str, list[str]] = _DATA["ways"]

_NUMBER = r"([0-9]*[.,]?[0-9]+)"
_LENGTH = re.compile(_NUMBER + r"\s*(m|cm|mm|ft)?")
_FEET = re.compile(_NUMBER + rf"\s*'\s*(?:{_NUMBER}\s*\")?")
_SLOPE = re.compile(r"[+-]?\s*" + _NUMBER + r"\s*([%°])")
_PER_M = {"m": 1.0, "cm": 100.0, "mm": 1000.0, "ft": 1 / 0.3048}
_INCHES_PER_FOOT = 12
_UPRIGHT_DEG = 90
_WALKER = re.compile(r"[a-z][a-z0-9_-]*")
_RANGES: Mapping[str, tuple[float, float, str]] = _DATA["ranges"]
_LIMITS = (*SCALES, "maximum_sloped_kerb", "maximum_incline", "minimum_width")
_OPTIONAL = {"steps_kmh", "gains_downhill"}


class Fitness(IntEnum):
    """What is known of a way or of a node for a walker; the greater, the worse."""

    FIT = 0
    UNKNOWN = 1
    UNFIT = 2


_SAID = {"yes": Fitness.FIT, "designated": Fitness.FIT, "no": Fitness.UNFIT}
_JUDGED = {True: Fitness.FIT, False: Fitness.UNFIT, None: Fitness.UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Restrictions:
    """
    Beyond which a way is unfit, as openrouteservice names it; by default nothing is.

    Parameters
    ----------
    surface_type, smoothness_type, track_type
        Worst value accepted, in `SCALES`.
    maximum_sloped_kerb, maximum_incline, minimum_width
        Highest kerb in metres; steepest slope, up or down, in %; narrowest way in metres.
    steps
        If steps are accepted; if not, `wheelchair=*` and barriers count, as for a wheelchair.
    """

    surface_type: str = SCALES["surface_type"][-1]
    smoothness_type: str = SCALES["smoothness_type"][-1]
    track_type: str = SCALES["track_type"][-1]
    maximum_sloped_kerb: float = math.inf
    maximum_incline: float = math.inf
    minimum_width: float = 0.0
    steps: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkProfile:
    """
    How one kind of walker walks. Rests and waiting at lights are not taken into account.

    Parameters
    ----------
    walker, label
        Identifier, as given to ``--walker``; what people read, in French.
    speed_kmh
        Speed on the flat, in km/h.
    reference, references
        Publication that the speed, or each other figure, comes from.
    restrictions, avoids_unfit
        What makes a way fit or unfit; if what is unfit cannot be passed, or is told only.
    steps_kmh
        Speed along steps, in km/h; none for that of the flat. Escalators are steps.
    crossing_s
        Seconds lost at each mapped road crossing.
    gains_downhill
        If a gentle slope down is faster than the flat.
    """

    walker: str
    label: str
    speed_kmh: float
    reference: str
    references: Mapping[str, str] = field(default_factory=dict, hash=False)
    restrictions: Restrictions = Restrictions()
    avoids_unfit: bool = False
    steps_kmh: float | None = None
    crossing_s: float = 0.0
    gains_downhill: bool = True

    def minutes(self, walk_m: _Metres) -> _Metres:
        """Return the minutes that walks of so many metres take."""
        return walk_m / (self.speed_kmh * _M_PER_MIN_PER_KMH)

    def metres(self, minutes: float) -> float:
        """Return the metres walked in so many minutes."""
        return minutes * self.speed_kmh * _M_PER_MIN_PER_KMH

    @property
    def crossing_m(self) -> float:
        """Metres on the flat that take as long as what a road crossing makes one lose."""
        return self.metres(self.crossing_s / 60)

    def way_effort(self, tags: Mapping[str, str]) -> float:
        """Return the metres on the flat that take as long as one metre along a way."""
        if self.steps_kmh is None or tags.get("highway") != "steps":
            return 1.0
        return self.speed_kmh / self.steps_kmh

    def slope_effort(self, slope: FloatArray) -> FloatArray:
        """
        Return the metres on the flat that take as long as one metre along each slope.

        Slopes are rise over run, signed in the walking direction: 1 on the flat, 1.19 at 5 %
        up; 0.84 at 5 % down where `gains_downhill`. NaN stays NaN. Drawn from hikers, kept for all.

        References
        ----------
        Tobler (1993), Three presentations on geographical analysis and modeling, NCGIA technical
        report 93-1: 6 exp(-3.5 |slope + 0.05|) km/h, here the speed on the flat over this one.
        """
        effort = np.exp(3.5 * (np.abs(slope + 0.05) - 0.05))
        return effort if self.gains_downhill else np.maximum(effort, 1.0)

    def way_fitness(self, tags: Mapping[str, str]) -> Fitness:
        """
        Return what the tags of a way (`siting.walkable.WAY_KEYS`) say of it for this walker.

        Unfit as soon as one known tag is beyond a restriction. Fit if none is, if the surface or
        the smoothness is known and, along a busy street, if a sidewalk is (the surface is then
        that of the street). Without steps, what `wheelchair` says wins over all: yes,
        designated, no; limited is never fit. A kerb counts on footways, paths and cycleways:
        elsewhere it runs along the way. The slope of steps is not that of a ramp, and is ignored.
        """
        return _overruled(_way_fitness(tags, self.restrictions), tags, self.restrictions)

    def node_fitness(self, tags: Mapping[str, str]) -> Fitness:
        """
        Return what the tags of a node (`siting.walkable.NODE_KEYS`) say of it for this walker.

        The worst of its kerb and of its barrier; unknown without either. Whether the kerb of a
        `highway=crossing` is crossed depends on the way, and is not judged here. What
        `wheelchair` says counts as for a way. A barrier on which nothing is said is unknown
        without steps; with steps it is fit, and only stiles and the like are unknown.
        """
        return _overruled(_node_fitness(tags, self.restrictions), tags, self.restrictions)


def length_m(text: str | None) -> float | None:
    """Read a length, in metres where no unit is written: 0.8, 80 cm, 1,2 m, 6', 6'2"; or none."""
    plain = (text or "").strip().lower()
    if found := _LENGTH.fullmatch(plain):
        return _float(found[1]) / _PER_M[found[2] or "m"]
    if found := _FEET.fullmatch(plain):
        return (_float(found[1]) + _float(found[2] or "0") / _INCHES_PER_FOOT) / _PER_M["ft"]
    return None


def incline_percent(text: str | None) -> float | None:
    """Read a slope, without its sign, in %: 8%, -4,5 %, 5°; none for up, down, numbers alone."""
    found = _SLOPE.fullmatch((text or "").strip())
    if found is None:
        return None
    value = _float(found[1])
    if found[2] == "%":
        return value
    return 100 * math.tan(math.radians(value)) if value < _UPRIGHT_DEG else None


def _float(text: str) -> float:
    return float(text.replace(",", "."))


def _overruled(fitness: Fitness, tags: Mapping[str, str], limits: Restrictions) -> Fitness:
    """Let what is said of wheelchairs win, for who has their criteria."""
    if limits.steps:
        return fitness
    said = tags.get("wheelchair", "")
    return max(fitness, Fitness.UNKNOWN) if said == "limited" else _SAID.get(said, fitness)


def _way_fitness(tags: Mapping[str, str], limits: Restrictions) -> Fitness:
    on_steps = tags.get("highway") == "steps"
    if on_steps and not limits.steps:
        return _JUDGED[tags.get("ramp:wheelchair") == "yes"]
    surface = _within(tags.get("surface"), "surface_type", limits)
    smoothness = _within(tags.get("smoothness"), "smoothness_type", limits)
    kerb_m = _kerb_m(tags) if tags.get("highway") in _WAYS["across_kerbs"] else None
    incline = None if on_steps else incline_percent(tags.get("incline"))
    width_m = length_m(tags.get("width"))
    judged = (
        *(surface, smoothness, _within(tags.get("tracktype"), "track_type", limits)),
        _at_most(kerb_m, limits.maximum_sloped_kerb),
        _at_most(incline, limits.maximum_incline),
        width_m >= limits.minimum_width if width_m else None,
    )
    if False in judged:
        return Fitness.UNFIT
    return Fitness.FIT if (surface or smoothness) and _has_room(tags) else Fitness.UNKNOWN


def _node_fitness(tags: Mapping[str, str], limits: Restrictions) -> Fitness:
    barrier = tags.get("barrier")
    found = []
    if barrier == "kerb" or "kerb" in tags or "kerb:height" in tags:
        found.append(_JUDGED[_at_most(_kerb_m(tags), limits.maximum_sloped_kerb)])
    if barrier in _BARRIERS["stepped"]:
        found.append(Fitness.UNKNOWN if limits.steps else Fitness.UNFIT)
    elif barrier not in (None, "kerb"):
        is_open = limits.steps or barrier in _BARRIERS["open"]
        found.append(Fitness.FIT if is_open else Fitness.UNKNOWN)
    return max(found, default=Fitness.UNKNOWN)


def _within(text: str | None, name: str, limits: Restrictions) -> bool | None:
    """Tell if every part of a value is accepted; none if not all of them are on the scale."""
    scale = SCALES[name]
    parts = [part.strip().lower() for part in (text or "").split(";")]
    ranks = [scale.index(part) if part in scale else None for part in parts]
    worst = scale.index(getattr(limits, name))
    if any(rank is not None and rank > worst for rank in ranks):
        return False
    return None if None in ranks else True


def _at_most(value: float | None, limit: float) -> bool | None:
    return None if value is None else value <= limit


def _kerb_m(tags: Mapping[str, str]) -> float | None:
    height_m = length_m(tags.get("kerb:height"))
    if height_m is not None and height_m < _NO_KERB_M:
        return height_m
    return _KERB_M.get(tags.get("kerb", ""))


def _has_room(tags: Mapping[str, str]) -> bool:
    if tags.get("highway") not in _WAYS["busy"]:
        return True
    sides = (tags.get(f"sidewalk:{side}") for side in ("both", "left", "right"))
    return tags.get("sidewalk") in {"both", "left", "right", "yes"} or "yes" in sides


def profile_from_toml(text: str) -> WalkProfile:
    """
    Build a profile of the user from the text of a TOML file, which holds exactly one walker.

    All keys but `steps_kmh` and `gains_downhill` are required; `references` has every source.
    `restrictions` may be the name of one of `PROFILES`, whose limits and sources are then taken::

        walker = "deambulateur"
        label = "personne avec un déambulateur"
        speed_kmh = 2.27
        reference = "0,63 m/s : Perry (1992), Gait Analysis"
        crossing_s = 0
        avoids_unfit = false
        restrictions = "fauteuil"
        references.crossing_s = "Aucune mesure publiée trouvée"

    Raises
    ------
    OptionError
        Not TOML; key unknown or missing; value out of its range or of another kind; figure
        without source; name of one of `PROFILES`.
    """
    try:
        profile = _profile(tomllib.loads(text), PROFILES)
    except tomllib.TOMLDecodeError as error:
        raise _refusal(f"ce n'est pas un fichier TOML ({error}) ; corrigez cet endroit") from error
    if any(profile.walker == shipped.walker for shipped in PROFILES):
        raise _refusal(f"le nom « {profile.walker} » est déjà pris ; changez `walker`")
    return profile


def walk_profile(walker: str) -> WalkProfile:
    """
    Return the profile of a walker.

    Raises
    ------
    OptionError
        Unknown walker.
    """
    for profile in PROFILES:
        if profile.walker == walker:
            return profile
    known = ", ".join(profile.walker for profile in PROFILES)
    raise OptionError(f"Profil de marche inconnu : « {walker} ». Profils disponibles : {known}.")


def _profile(entry: Mapping[str, Any], models: Sequence[WalkProfile]) -> WalkProfile:
    known = [one.name for one in fields(WalkProfile)]
    _require_keys(entry, known, "le profil", *_OPTIONAL)
    restrictions, shared = _restrictions(entry["restrictions"], models)
    figures = [*(_OPTIONAL & entry.keys()), "crossing_s", *(() if shared else _LIMITS)]
    sources = entry["references"]
    _require_keys(sources, figures, "[references]")
    references = {name: _text(sources, name) for name in figures}
    names = entry.keys() - {"restrictions", "references"}
    values: dict[str, Any] = {name: _value(entry, name) for name in names}
    if values.get("steps_kmh", 0) > values["speed_kmh"]:
        raise _refusal("`steps_kmh` dépasse `speed_kmh` ; donnez au plus la vitesse à plat")
    return WalkProfile(**values, restrictions=restrictions, references=shared | references)


def _restrictions(
    value: object, models: Sequence[WalkProfile]
) -> tuple[Restrictions, dict[str, str]]:
    """Return restrictions, with their sources where they are those of another profile."""
    for model in models:
        if model.walker == value:
            return model.restrictions, {name: model.references[name] for name in _LIMITS}
    if not isinstance(value, Mapping):
        known = ", ".join(model.walker for model in models)
        raise _refusal(f"`restrictions` vaut {value!r} ; il faut un tableau ou un nom : {known}")
    names = [*_LIMITS, "steps"]
    _require_keys(value, names, "[restrictions]")
    limits: dict[str, Any] = {name: _value(value, name) for name in names}
    return Restrictions(**limits), {}


def _require_keys(entry: object, names: Collection[str], where: str, *optional: str) -> None:
    known = ", ".join(sorted(names))
    if not isinstance(entry, Mapping):
        raise _refusal(f"{where} n'est pas un tableau ; donnez-lui les clés {known}")
    if unknown := ", ".join(sorted(set(entry) - set(names))):
        raise _refusal(f"clés inconnues dans {where} : {unknown} ; clés possibles : {known}")
    if missing := sorted(set(names) - set(entry) - set(optional)):
        raise _refusal(f"ajoutez ce qui manque dans {where} : {', '.join(missing)}")


def _value(entry: Mapping[str, Any], name: str) -> object:
    value = entry[name]
    if name in _RANGES:
        low, high, unit = _RANGES[name]
        wanted = f"un nombre de {low:g} à {high:g} ({unit})".replace(".", ",")
        is_right = type(value) in {int, float} and low <= value <= high
    elif name in SCALES:
        wanted, is_right = ", ".join(SCALES[name]), value in SCALES[name]
    elif name in {"avoids_unfit", "steps", "gains_downhill"}:
        wanted, is_right = "true ou false", isinstance(value, bool)
    elif name == "walker":
        wanted = "des minuscules sans accent, des chiffres, - et _"
        is_right = isinstance(value, str) and _WALKER.fullmatch(value) is not None
    else:
        return _text(entry, name)
    if not is_right:
        raise _refusal(f"`{name}` vaut {value!r} ; il faut {wanted}")
    return value


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry[name]
    if not isinstance(value, str) or not value.strip():
        raise _refusal(f"`{name}` vaut {value!r} ; il faut un texte entre guillemets")
    return value


def _refusal(reason: str) -> OptionError:
    return OptionError(f"Profil de marche : {reason}.")


def _profiles() -> tuple[WalkProfile, ...]:
    profiles: list[WalkProfile] = []
    for entry in _DATA["profile"]:
        profiles.append(_profile(entry, profiles))
    return tuple(profiles)


PROFILES = _profiles()
