"""What is known of the place of an inclusive home and of its addresses, and how it is worded."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class HomePosition(StrEnum):
    """What the point of a home is."""

    ADDRESS = "address"
    COORDINATES = "coordinates"
    COMMUNE = "commune"
    NONE = "none"


class DiffusStatus(StrEnum):
    """Why the walks of a home of several addresses are given, or are not."""

    MEASURED = "measured"
    NO_COMMON_ROOM = "no_common_room"
    NO_DWELLING = "no_dwelling"
    UNPLACED_ADDRESS = "unplaced_address"
    NO_STREETS = "no_streets"
    ADDRESS_OFF_NETWORK = "address_off_network"
    NO_WALK = "no_walk"
    WALK_TOO_LONG = "walk_too_long"


POSITION_LABELS: Mapping[str, str] = MappingProxyType(
    {
        HomePosition.ADDRESS: "à l'adresse trouvée",
        HomePosition.COORDINATES: "aux coordonnées données",
        HomePosition.COMMUNE: "dans la commune, sans adresse sûre",
        HomePosition.NONE: "sans position",
    }
)
DIFFUS_LABELS: Mapping[str, str] = MappingProxyType(
    {
        DiffusStatus.MEASURED: "toutes les marches sont mesurées",
        DiffusStatus.NO_COMMON_ROOM: "aucune ligne de l'ensemble n'est un espace commun",
        DiffusStatus.NO_DWELLING: "aucune ligne de l'ensemble n'est un logement",
        DiffusStatus.UNPLACED_ADDRESS: "une adresse de l'ensemble n'a pas de position sûre",
        DiffusStatus.NO_STREETS: "les rues ne sont pas connues : à vol d'oiseau seulement",
        DiffusStatus.ADDRESS_OFF_NETWORK: (
            "une adresse de l'ensemble est trop loin de toute rue de la carte"
        ),
        DiffusStatus.NO_WALK: "aucun chemin à pied depuis un logement",
        DiffusStatus.WALK_TOO_LONG: "un logement est plus loin que la marche la plus longue",
    }
)
