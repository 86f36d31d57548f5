"""French words for what outputs show: the closed lists of the tables, walks and dates."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from siting.errors import DataError
from siting.home_words import DIFFUS_LABELS, POSITION_LABELS, DiffusStatus, HomePosition
from siting.register_tables import MATCH_LABELS, REASON_LABELS, MatchReason, RegisterMatch
from siting.tables import (
    AccessStatus,
    CommuneCheck,
    ExclusionKind,
    GeocodeReason,
    GeocodeStatus,
    InventoryStatus,
    ListDifference,
    MapEvidence,
    Observation,
    Precision,
    RequirementKind,
    Verdict,
)

_MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)

_M2_PER_HECTARE = 10_000

# Where French typography wants a space that no line end can replace.
_BOUND_SPACE = re.compile(r" (?=[:;?!»](?:\s|$|[).,*]))|(?<=«) |(?<=\d) (?=\d{3}(?!\d))")
# A year, a month, a day, or a moment, of which the day is kept.
_DATE = re.compile(
    r"(\d{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01])(?:T[\d:.]+(?:Z|[+-][\d:]+)?)?)?)?"
)

# One French wording for each member of each closed list. Members are text, so a column of a
# table is worded with `column.map(LABELS[GeocodeStatus])`.
LABELS: Mapping[type[StrEnum], Mapping[str, str]] = MappingProxyType(
    {
        GeocodeStatus: MappingProxyType(
            {
                GeocodeStatus.OK: "adresse trouvée",
                GeocodeStatus.REVIEW: "adresse à vérifier",
                GeocodeStatus.REJECTED: "réponse écartée",
                GeocodeStatus.NOT_FOUND: "adresse introuvable",
                GeocodeStatus.SKIPPED: "adresse non cherchée",
                GeocodeStatus.ERROR: "échec du géocodage",
                GeocodeStatus.PROVIDED: "coordonnées fournies",
            }
        ),
        GeocodeReason: MappingProxyType(
            {
                GeocodeReason.MATCHED: "l'adresse correspond",
                GeocodeReason.COORDINATES_GIVEN: "la position est celle des coordonnées du fichier",
                GeocodeReason.NEAR_BORDER: "le site est tout près d'une limite de commune",
                GeocodeReason.COMMUNE_MISMATCH: "le site n'est pas dans la commune déclarée",
                GeocodeReason.DEPARTEMENT_MISMATCH: (
                    "l'adresse trouvée est dans un autre département"
                ),
                GeocodeReason.NUMBER_NOT_FOUND: (
                    "le numéro n'a pas été trouvé, seulement la rue : vérifiez le numéro"
                ),
                GeocodeReason.NUMBER_DIFFERS: "le numéro trouvé n'est pas celui demandé",
                GeocodeReason.SUFFIX_NOT_FOUND: (
                    "le numéro a été trouvé sans son indice (bis, ter, A...)"
                ),
                GeocodeReason.STREET_NOT_FOUND: (
                    "la rue n'a pas été trouvée : vérifiez son orthographe"
                ),
                GeocodeReason.LOW_SCORE: "l'adresse trouvée ressemble peu à l'adresse demandée",
                GeocodeReason.AMBIGUOUS: (
                    "plusieurs adresses conviennent : précisez la commune ou la rue"
                ),
                GeocodeReason.NO_CANDIDATE: "aucune adresse ne correspond",
                GeocodeReason.EMPTY_ROW: "la ligne est vide",
                GeocodeReason.NO_LOCATION: "la ligne n'a ni adresse ni coordonnées",
                GeocodeReason.NOT_GEOGRAPHIC: (
                    "l'adresse est une boîte postale ou un CEDEX, sans lieu"
                ),
                GeocodeReason.ABROAD: "l'adresse est hors de France : donnez des coordonnées",
                GeocodeReason.UNUSABLE_ADDRESS: "l'adresse ne peut pas être cherchée telle quelle",
                GeocodeReason.OFFLINE: (
                    "l'adresse n'a pas été cherchée : le programme travaille hors ligne"
                ),
                GeocodeReason.COORD_SUSPECT: (
                    "les coordonnées ne sont pas des degrés plausibles : voir les remarques"
                ),
                GeocodeReason.COORD_UNREADABLE: "les coordonnées ne sont pas des nombres lisibles",
                GeocodeReason.SHIFTED_ROW: "les cases de la ligne sont peut-être décalées",
                GeocodeReason.REVIEWED: "position décidée par une personne",
                GeocodeReason.NOTHING_WITHIN_200M: (
                    "coordonnées données, aucune adresse à moins de 200 m"
                ),
                GeocodeReason.SERVICE_ERROR: (
                    "le service de géocodage n'a pas répondu : recommencez plus tard"
                ),
                GeocodeReason.BAD_RESPONSE: "la réponse du service de géocodage est inutilisable",
            }
        ),
        Precision: MappingProxyType(
            {
                Precision.HOUSENUMBER: "au numéro",
                Precision.HOUSENUMBER_WITHOUT_SUFFIX: "au numéro, sans son indice",
                Precision.STREET: "à la rue",
                Precision.LOCALITY: "au lieu-dit",
                Precision.MUNICIPALITY: "à la commune",
                Precision.NONE: "aucune",
            }
        ),
        CommuneCheck: MappingProxyType(
            {
                CommuneCheck.SAME: "commune déclarée",
                CommuneCheck.SAME_AFTER_MERGE: "commune déclarée, sous son ancien code ou nom",
                CommuneCheck.ARRONDISSEMENT: "arrondissement de la commune déclarée",
                CommuneCheck.NEIGHBOUR: "voisine de la commune déclarée, à moins de 50 m",
                CommuneCheck.DIFFERENT: "autre commune que celle déclarée",
                CommuneCheck.UNDECLARED: "aucune commune déclarée",
                CommuneCheck.OUTSIDE_FRANCE: "hors des communes françaises",
            }
        ),
        AccessStatus: MappingProxyType(
            {
                AccessStatus.REACHED: "atteint",
                AccessStatus.BEYOND_CUTOFF: "au-delà de la durée cherchée",
                AccessStatus.NO_PATH: "aucun chemin piéton ne relie le site à ce service",
                AccessStatus.OFF_NETWORK: "le site est trop loin de toute rue cartographiée",
                AccessStatus.NO_SERVICE: "aucun service de ce type dans les données",
                AccessStatus.NOT_MAPPED: "type de service absent des données",
                AccessStatus.NO_LOCATION: "site sans position",
            }
        ),
        MapEvidence: MappingProxyType(
            {
                MapEvidence.REGISTER_AGREES: "un registre officiel le confirme",
                MapEvidence.AS_COMPARABLE: (
                    "la commune est cartographiée comme les communes comparables de la carte"
                ),
                MapEvidence.REGISTER_UNPLACED: (
                    "un registre officiel en connaît un dans la commune, sans dire où"
                ),
                MapEvidence.FEWER_THAN_COMPARABLE: (
                    "la carte en montre moins que sa population ne le suggère"
                ),
                MapEvidence.BARELY_MAPPED: (
                    "la commune est trop peu cartographiée, tous services ensemble"
                ),
                MapEvidence.RARELY_MAPPED: "la carte de France connaît mal cette catégorie",
                MapEvidence.NOTHING_TO_COMPARE: "rien à quoi comparer la carte autour du site",
            }
        ),
        Observation: MappingProxyType(
            {
                Observation.CHECKED: "un contributeur dit l'avoir vérifié ce jour-là",
                Observation.EDITED: "modifié ce jour-là sur la carte, sans vérification déclarée",
                Observation.LISTED: "date du registre qui le liste",
                Observation.UNDATED: "date inconnue",
            }
        ),
        ExclusionKind: MappingProxyType(
            {
                ExclusionKind.VACANT: "local commercial vide",
                ExclusionKind.CLOSED: "fermé ou disparu",
                ExclusionKind.PLANNED: "en projet ou en construction",
                ExclusionKind.PRIVATE: "non ouvert au public",
            }
        ),
        HomePosition: POSITION_LABELS,
        DiffusStatus: DIFFUS_LABELS,
        RegisterMatch: MATCH_LABELS,
        MatchReason: REASON_LABELS,
        Verdict: MappingProxyType(
            {
                Verdict.REMPLI: "rempli",
                Verdict.NON_REMPLI: "non rempli",
                Verdict.A_VERIFIER: "à vérifier",
                Verdict.DECLARATIF: "déclaratif",
                Verdict.HORS_CHAMP: "hors champ",
            }
        ),
        RequirementKind: MappingProxyType(
            {
                RequirementKind.ELIGIBILITY: "éligibilité",
                RequirementKind.SELECTION: "sélection",
                RequirementKind.INFORMATION: "information",
            }
        ),
        InventoryStatus: MappingProxyType(
            {
                InventoryStatus.OPEN: "ouvert",
                InventoryStatus.PLANNED: "en projet",
                InventoryStatus.UNKNOWN: "état inconnu",
            }
        ),
        ListDifference: MappingProxyType(
            {
                ListDifference.AGREES: "la liste et l'inventaire concordent",
                ListDifference.LISTED_BUT_SERVED: "listée, mais pourvue selon l'inventaire",
                ListDifference.UNSERVED_NOT_LISTED: (
                    "non listée, mais non pourvue selon l'inventaire"
                ),
                ListDifference.NOT_COMPARABLE: "non comparable",
            }
        ),
    }
)


def count_text(count: int) -> str:
    """Word a number with a no-break space between thousands: 29 589."""
    return f"{count:,}".replace(",", "\N{NO-BREAK SPACE}")


def counted(count: int, noun: str, plural: str = "") -> str:
    """Word a number and what it counts, singular up to 1: 0 commune, 1 commune, 39 communes."""
    return f"{count_text(count)} {noun if count <= 1 else plural or f'{noun}s'}"


def bound_spaces(text: str) -> str:
    """Put the no-break spaces of French: before ``: ; ? ! »``, after ``«``, between thousands."""
    return _BOUND_SPACE.sub("\N{NO-BREAK SPACE}", text)


def minutes_text(minutes: float) -> str:
    """Word a duration in minutes, to the tenth: 6,3 min; 15 min."""
    rounded = round(minutes, 1)
    number = f"{rounded:.0f}" if rounded == int(rounded) else f"{rounded:.1f}".replace(".", ",")
    return f"{number} min"


def metres_text(metres: float) -> str:
    """Word a length in whole metres, with a no-break space between thousands: 305 m."""
    return f"{metres:,.0f} m".replace(",", "\N{NO-BREAK SPACE}")


def hectares_text(area_m2: float) -> str:
    """Word an area in square metres as hectares, to the tenth: 12,4 ha; 1 250,0 ha."""
    number = f"{area_m2 / _M2_PER_HECTARE:,.1f} ha"
    return number.replace(",", "\N{NO-BREAK SPACE}").replace(".", ",")


def short_date(iso: str) -> str:
    """
    Word an ISO date as JJ/MM/AAAA.

    Raises
    ------
    DataError
        If `iso` is not a date written as AAAA-MM-JJ.
    """
    return _date(iso).strftime("%d/%m/%Y")


def long_date(iso: str) -> str:
    """
    Word an ISO date with the name of its month: 16 septembre 2024, 1er janvier 2025.

    Raises
    ------
    DataError
        If `iso` is not a date written as AAAA-MM-JJ.
    """
    date = _date(iso)
    return f"{'1er' if date.day == 1 else date.day} {_MONTHS[date.month - 1]} {date.year}"


def date_text(text: str) -> str:
    """
    Word a date as far as it is known: 26 décembre 2023, octobre 2025, 2021.

    The hour of a moment is left out. A text that is no date, such as ``COG 2026``, is returned
    as it is.
    """
    found = _DATE.fullmatch(text)
    if found is None:
        return text
    year, month, day = found.groups()
    if day is not None:
        return long_date(f"{year}-{month}-{day}")
    return year if month is None else f"{_MONTHS[int(month) - 1]} {year}"


def _date(iso: str) -> dt.date:
    try:
        return dt.date.fromisoformat(iso)
    except ValueError as error:
        raise DataError(f"« {iso} » n'est pas une date écrite comme 2024-09-16.") from error
