"""Tables of the official registers, and what the comparison with OpenStreetMap may say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

from siting.communes import departement_of
from siting.provenance import Provenance
from siting.tables import CODE_INSEE, Column, Table


class RegisterPosition(StrEnum):
    """How sure the place of a row of a register is."""

    COORDINATES = "coordinates"
    ADDRESS = "address"
    COMMUNE = "commune"
    NONE = "none"


class RegisterStatus(StrEnum):
    """What the register says of the service; an unknown state is taken for open."""

    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"


class RegisterMatch(StrEnum):
    """Where a service is known."""

    BOTH = "both"
    OSM_ONLY = "osm_only"
    REGISTER_ONLY = "register_only"
    NOT_COMPARED = "not_compared"


class MatchReason(StrEnum):
    """Why that answer; of several registers, the first of this list."""

    SAME_REFERENCE = "same_reference"
    SAME_NAME = "same_name"
    NO_NAME = "no_name"
    SAME_SPOT = "same_spot"
    ALONE = "alone"
    SAME_COMMUNE = "same_commune"
    NOT_ON_MAP = "not_on_map"
    CLOSED_IN_REGISTER = "closed_in_register"
    UNPLACED_ROW = "unplaced_row"
    NOT_IN_REGISTER = "not_in_register"
    OUTSIDE_AREA = "outside_area"
    OTHER_CATEGORY = "other_category"


MATCH_LABELS: Mapping[str, str] = MappingProxyType(
    {
        RegisterMatch.BOTH: "dans OpenStreetMap et dans un registre officiel",
        RegisterMatch.OSM_ONLY: "dans OpenStreetMap seulement",
        RegisterMatch.REGISTER_ONLY: "dans un registre officiel seulement",
        RegisterMatch.NOT_COMPARED: "non comparé",
    }
)
REASON_LABELS: Mapping[str, str] = MappingProxyType(
    {
        MatchReason.SAME_REFERENCE: "même référence officielle",
        MatchReason.SAME_NAME: "même catégorie et noms concordants, à proximité",
        MatchReason.NO_NAME: "même catégorie à proximité, l'un des deux sans nom propre",
        MatchReason.SAME_SPOT: "même endroit, sous des noms différents",
        MatchReason.ALONE: "seuls de leur catégorie à proximité, sous des noms différents",
        MatchReason.SAME_COMMUNE: (
            "même nom dans la même commune, le registre ne donnant pas de position"
        ),
        MatchReason.NOT_ON_MAP: "aucun objet OpenStreetMap ne correspond",
        MatchReason.CLOSED_IN_REGISTER: "sa référence officielle est celle d'un service fermé",
        MatchReason.UNPLACED_ROW: (
            "peut-être une ligne du registre dont la position n'est pas connue, dans la commune"
        ),
        MatchReason.NOT_IN_REGISTER: "aucune ligne du registre ne correspond",
        MatchReason.OUTSIDE_AREA: "hors du territoire du registre",
        MatchReason.OTHER_CATEGORY: "aucun registre ne couvre cette catégorie",
    }
)

REGISTER = Table(
    "REGISTER",
    (Column("register_id", "text", "register and identifier of the service in it"),),
    (
        Column("categories", "text", "categories of the service, ;-list"),
        Column("name", "text", "name in the register"),
        Column("address", "text", "address in the register, in one line"),
        CODE_INSEE,
        Column("lon", "number", "longitude, WGS84; empty when no position is sure", "degree"),
        Column("lat", "number", "latitude, WGS84", "degree"),
        Column("position", "text", "how sure the place is", allowed=tuple(RegisterPosition)),
        Column("status", "text", "what the register says of it", allowed=tuple(RegisterStatus)),
        Column("register", "text", "name of the register"),
        Column("vintage", "text", "date of the register, ISO; empty when unknown"),
        Column("references", "text", "its references in OpenStreetMap, ;-list of key=value"),
        Column("note", "text", "what was put right, or why it has no place, in French"),
    ),
)

LEFT_OUT = Table(
    "LEFT_OUT",
    (Column("row_number", "integer", "row of the file, the header being row 1"),),
    (
        Column("id", "text", "identifier of the row in the register"),
        Column("name", "text", "name in the register"),
        Column("reason", "text", "why the row is no row of REGISTER, in French"),
    ),
)

SET_ASIDE = Table(
    "SET_ASIDE",
    (
        Column("register", "text", "name of the register, as in its ids"),
        Column("row", "text", "register_id of the row, or its number in the file"),
    ),
    (
        Column("name", "text", "name in the register"),
        Column("categories", "text", "categories of the service, ;-list; empty for none"),
        Column("address", "text", "address in the register, in one line"),
        CODE_INSEE,
        Column("aside", "text", "why it does not count, in French"),
    ),
)

MATCHES = Table(
    "MATCHES",
    (Column("service_id", "text", "service, of the map or of a register"),),
    (
        Column("register_match", "text", "where it is known", allowed=tuple(RegisterMatch)),
        Column("register_reason", "text", "why", allowed=tuple(MatchReason)),
        Column("register_ids", "text", "its rows in the registers, ;-list"),
        Column("register_m", "number", "from the service to its first row", "m"),
        Column("register_categories", "text", "categories according to the registers, ;-list"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """
    An official register, or a list of the user's.

    Parameters
    ----------
    name, title
        Identifier, which begins the ids of the rows, and the name to show.
    table
        Table REGISTER.
    categories
        Categories that it lists, be there a row or not.
    area
        Codes of the départements, or of the communes, that it covers: outside, its silence
        says nothing.
    distance_m
        How far from its row a service may be, in metres.
    alike
        Groups of categories that OpenStreetMap does not tell apart.
    provenance
        Where it comes from.
    left_out
        Table LEFT_OUT: rows of the file that are not in `table`.
    notes
        What there is to say of the file, in French.
    mapped_by
        Path of the user's mapping that it was read with; "" for one that the package carries.
    """

    name: str
    title: str
    table: pd.DataFrame
    categories: frozenset[str]
    area: frozenset[str]
    distance_m: float
    alike: tuple[frozenset[str], ...] = ()
    provenance: Provenance
    left_out: pd.DataFrame
    notes: tuple[str, ...] = ()
    mapped_by: str = ""

    def covers(self, codes_insee: Iterable[object]) -> npt.NDArray[np.bool_]:
        """Tell, for each commune, if the register covers it; an unknown commune is not."""
        return np.array(
            [
                isinstance(code, str) and not self.area.isdisjoint((code, departement_of(code)))
                for code in codes_insee
            ],
            dtype=bool,
        )
