"""Walking profiles: how fast a walker goes, each figure with its published reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from siting.crs import FloatArray
from siting.errors import OptionError

_Metres = TypeVar("_Metres", float, FloatArray)

_M_PER_MIN_PER_KMH = 1000 / 60


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkProfile:
    """
    How one kind of walker walks.

    Only speed is taken into account: slopes, steps, crossings and rests are not.

    Parameters
    ----------
    walker
        Identifier, as given to ``--walker``.
    label
        What people read, in French.
    speed_kmh
        Speed on the flat, in km/h.
    reference
        Publication that the speed comes from, with its figure.
    """

    walker: str
    label: str
    speed_kmh: float
    reference: str

    def minutes(self, walk_m: _Metres) -> _Metres:
        """Return the minutes that walks of so many metres take."""
        return walk_m / (self.speed_kmh * _M_PER_MIN_PER_KMH)

    def metres(self, minutes: float) -> float:
        """Return the metres walked in so many minutes."""
        return minutes * self.speed_kmh * _M_PER_MIN_PER_KMH


PROFILES: tuple[WalkProfile, ...] = (
    WalkProfile(
        walker="senior",
        label="personne âgée",
        speed_kmh=2.88,
        reference=(
            "0,8 m/s : vitesse moyenne des femmes de 65 ans et plus (0,9 m/s pour les hommes), "
            "3 145 personnes, Asher et al. (2012), Age and Ageing 41(5):690-694"
        ),
    ),
    WalkProfile(
        walker="standard",
        label="adulte sans gêne",
        speed_kmh=4.32,
        reference=(
            "1,2 m/s : vitesse supposée par le réglage des feux piétons, discutée par "
            "Asher et al. (2012), Age and Ageing 41(5):690-694 ; les adultes en bonne santé "
            "vont de 1,27 à 1,46 m/s, Bohannon (1997), Age and Ageing 26(1):15-19"
        ),
    ),
)

NOT_YET = ("canne", "fauteuil")  # refused until steps, kerbs and slopes are measured


def walk_profile(walker: str) -> WalkProfile:
    """
    Return the profile of a walker.

    Raises
    ------
    OptionError
        Unknown walker, or one that cannot be judged rightly yet.
    """
    for profile in PROFILES:
        if profile.walker == walker:
            return profile
    known = ", ".join(profile.walker for profile in PROFILES)
    if walker in NOT_YET:
        raise OptionError(
            f"Le profil « {walker} » n'est pas encore disponible : marches, ressauts et pentes ne "
            f"sont pas encore mesurés, et le résultat serait faux. Profils disponibles : {known}."
        )
    raise OptionError(f"Profil de marche inconnu : « {walker} ». Profils disponibles : {known}.")
