"""What the columns of the files mean, in French, for those who open them in an office."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import geopandas as gpd
import pandas as pd

from siting.errors import DataError
from siting.home_words import DiffusStatus, HomePosition
from siting.register_tables import MATCHES, MatchReason, RegisterMatch
from siting.tables import (
    COMMUNES,
    COVERAGE,
    SERVICES,
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
    Table,
    Verdict,
)

COMMUNE_COVERAGE = Table(
    "COMMUNE_COVERAGE",
    COMMUNES.index,
    (*COMMUNES.columns, *COVERAGE.columns),
    geometry=COMMUNES.geometry,
)

SERVICE_MATCHES = Table(
    "SERVICE_MATCHES",
    SERVICES.index,
    (*SERVICES.columns, *MATCHES.columns),
    geometry=SERVICES.geometry,
)

# Closed list of each column that has one.
CLOSED_LISTS: Mapping[str, type[StrEnum]] = MappingProxyType(
    {
        "geocode_status": GeocodeStatus,
        "geocode_reason": GeocodeReason,
        "geocode_precision": Precision,
        "commune_check": CommuneCheck,
        "access_status": AccessStatus,
        "observed_by": Observation,
        "exclusion": ExclusionKind,
        "register_match": RegisterMatch,
        "register_reason": MatchReason,
        "list_difference": ListDifference,
        "status": InventoryStatus,
        "position": HomePosition,
        "walk_status": DiffusStatus,
        "map_evidence": MapEvidence,
        "verdict": Verdict,
        "kind": RequirementKind,
    }
)

UNITS: Mapping[str, str] = MappingProxyType(
    {
        "m": "mètres",
        "m2": "mètres carrés",
        "min": "minutes",
        "day": "jours",
        "km": "kilomètres",
        "people": "habitants",
        "services": "services",
        "0-1": "de 0 à 1",
        "degree": "degrés (WGS84)",
    }
)

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "site_id": "identifiant du site : celui de votre fichier, sinon le numéro de la ligne",
        "label": "nom du projet ou du lieu",
        "address": "adresse telle que donnée",
        "geocode_status": "ce que vaut la position du site",
        "geocode_reason": "pourquoi ce statut",
        "geocode_precision": "finesse de la position trouvée",
        "geocode_score": "note du géocodeur ; sert à trier, ne juge pas la qualité",
        "matched_label": "adresse trouvée par le géocodeur",
        "ligne": "ligne de votre fichier",
        "adresse": "adresse telle que donnée",
        "commune_declaree": "code postal, commune et code INSEE donnés",
        "motif": "pourquoi la ligne est à vérifier",
        "statut": "ce que vaut la position",
        "adresse_envoyee": "texte envoyé au géocodeur",
        **{
            name: meaning
            for n in (1, 2, 3)
            for name, meaning in (
                (f"proposition_{n}", "adresse proposée"),
                (f"lon_{n}", "longitude de cette adresse"),
                (f"lat_{n}", "latitude de cette adresse"),
                (f"commune_{n}", "commune de cette adresse"),
                (f"score_{n}", "note du géocodeur ; sert à trier, ne juge pas la qualité"),
            )
        },
        "choix": "à remplir : 1, 2, 3, ou aucune",
        "lon_retenue": "à remplir : longitude, en degrés",
        "lat_retenue": "à remplir : latitude, en degrés",
        "adresse_corrigee": "à remplir : adresse à chercher à la place",
        "remarque": "libre ; n'est pas lue",
        "query_sent": "texte envoyé au géocodeur, pour la réponse retenue",
        "citycode_sent": "code INSEE de la commune où chercher ; vide : partout",
        "left_out": "ce qui, de l'adresse, n'a pas été envoyé",
        "endpoint": "géocodeur qui a répondu",
        "asked_on": "jour de la réponse (temps universel)",
        "n_asked": "nombre de textes auxquels le géocodeur a répondu pour ce site",
        "score_next": "note de la deuxième proposition du géocodeur",
        "found_lon": "longitude de la meilleure proposition, retenue ou non",
        "found_lat": "latitude de la meilleure proposition, retenue ou non",
        "found_code_insee": "code INSEE de la meilleure proposition",
        "distance_m": "distance des coordonnées données à l'adresse la plus proche",
        "note": "ce qui était anormal dans la réponse",
        "code_insee": "code INSEE de la commune actuelle",
        "commune": "nom de la commune où se trouve le site",
        "commune_check": "commune trouvée comparée à la commune déclarée",
        "is_pvd": "commune du programme Petites villes de demain",
        "is_listed_unserved": "lieu que l'appel à projets liste comme sans habitat inclusif",
        "lon": "longitude (du site, ou d'un point du service)",
        "lat": "latitude (du site, ou d'un point du service)",
        "category": "catégorie de service",
        "rank": "rang du service : 1 pour le plus proche, jusqu'à 3",
        "families": "familles de la catégorie, séparées par ;",
        "service_id": "objet OpenStreetMap, comme node/123, ou ligne d'un registre",
        "service_name": "nom du service sur la carte ; vide s'il n'en porte pas",
        "walk_m": "longueur du trajet à pied par les rues, raccords compris",
        "line_m": "distance à vol d'oiseau jusqu'au même point",
        "walk_min": "durée du trajet pour le marcheur choisi",
        "snap_m": "distance à vol d'oiseau entre le site et la rue la plus proche",
        "access_status": "pourquoi le trajet est donné, ou ne l'est pas",
        "edge_limited": "oui : un service plus proche peut exister hors des données",
        "fit_m": (
            "partie du trajet que la carte dit praticable, selon les limites du marcheur choisi "
            "(celles du fauteuil roulant pour senior et standard)"
        ),
        "unfit_m": "partie que la carte dit impraticable, selon les mêmes limites",
        "unknown_m": "partie dont la carte ne dit rien, raccords compris",
        "minutes": "durée de marche considérée",
        "n_services": (
            "nombre de services (à cette durée au plus, dans reach ; dans la commune, dans "
            "completeness) ; vide si non mesuré, ou si n'en trouver aucun ne prouve rien"
        ),
        "is_mapped": "oui : ne pas en trouver veut dire qu'il n'y en a pas",
        "map_evidence": "ce que vaut de ne pas en trouver, et pourquoi",
        "doubt_code_insee": "code de la commune la moins sûre parmi celles à portée du site",
        "doubt_commune": "nom de cette commune",
        "expected_services": (
            "nombre attendu d'après la population et les communes comparables ; vide sans elles"
        ),
        "n_communes": "nombre de communes qui en ont au moins un",
        "n_proven": "nombre de communes où ne pas en trouver prouve qu'il n'y en a pas",
        "is_acv": "commune du programme Action cœur de ville ; vide sans la liste",
        "is_village_avenir": "commune du programme Villages d'avenir ; vide sans la liste",
        "density_label": "niveau de la grille de densité de l'INSEE ; vide sans la grille",
        "is_rural": "commune rurale selon cette grille",
        "n_qpv": "quartiers prioritaires (2024) qui la touchent ; vide sans leurs contours",
        "n_cells": "cellules où l'exigence a été jugée",
        "share_rempli": "part des cellules où l'exigence est remplie",
        "share_non_rempli": "part des cellules où elle ne l'est pas",
        "share_a_verifier": "part des cellules où elle est à vérifier",
        "share_declaratif": "part des cellules où elle est déclarative (toutes, ou aucune)",
        "share_hors_champ": "part des cellules où l'exigence ne s'applique pas",
        "best_min": "durée jusqu'au service le plus proche, meilleure cellule",
        "median_min": "la même, cellule médiane ; vide si rien n'y est atteint",
        "worst_min": "la même, moins bonne cellule ; vide si l'une n'atteint rien",
        "best_cell": "cellule où l'avis est le meilleur, puis la marche la plus courte",
        "median_line_km": "distance médiane à vol d'oiseau, habitants de 65 ans et plus",
        "people_65_far": "le besoin : 65 ans et plus sans habitat inclusif ouvert proche",
        "people_65_near": "habitants de 65 ans et plus qui en sont proches",
        "gain_people_65": "parmi eux, ceux qui n'ont aujourd'hui aucun habitat ouvert proche",
        "gain_after_planned": "parmi eux, ceux qui n'auront pas non plus un habitat en projet",
        "gain_rank": "1 : le plus grand gain",
        "candidate_id": "projet, ou commune sans habitat ouvert",
        "share_near": "part des 65 ans et plus qui ont un service de la famille à portée",
        "need": "besoin, rapporté à celui de la commune qui en a le plus",
        "anchoring": "moyenne des parts à portée de chaque famille ; vide sans zone",
        "need_rank": "rang par le besoin seul",
        "anchoring_rank": "rang par les services seuls ; vide si non mesuré",
        "best_rank": "meilleur rang, quels que soient les poids",
        "worst_rank": "moins bon rang, quels que soient les poids",
        "n_comparable": "nombre de communes comparables, entières dans les données",
        "n_both": "services de la carte qu'un registre connaît aussi ; vide sans registre",
        "n_osm_only": "services de la carte qu'aucun registre ne connaît ; vide sans registre",
        "n_register_only": "services qu'un registre est seul à connaître ; vide sans registre",
        "confirmed_share": "part des services de la carte comparés qu'un registre connaît",
        "median_age_days": "âge médian de la dernière vérification, à la date de la carte",
        "area_m2": "surface des lieux dont la rue la plus proche est atteinte dans cette durée",
        "from_id": "d'où part le trajet",
        "to_id": "où il arrive",
        "travel_time": "durée du trajet pour le marcheur choisi",
        "family": "famille de services",
        "requirement_id": "exigence de l'appel à projets",
        "verdict": "ce que l'on peut dire du projet sur cette exigence",
        "kind": "ce que l'exigence décide",
        "measure": "ce qui a été mesuré, avec son unité",
        "threshold": "seuil auquel la mesure est comparée",
        "threshold_author": "qui a fixé le seuil",
        "article": "article de l'appel à projets",
        "quote": "court extrait de l'appel à projets",
        "evidence": "ce sur quoi repose le verdict",
        "nom": "nom (de la commune ; du projet, dans to_review)",
        "code_dep": "code du département",
        "code_epci": "numéro SIREN de l'intercommunalité",
        "population": "population municipale",
        "population_65": "habitants de 65 ans et plus",
        "pvd_on": "date de signature Petites villes de demain ; vide si inconnue",
        "vintage": "millésimes du code, des populations et de la liste",
        "n_inclusive_open": "lieux d'habitat inclusif ouverts selon l'inventaire fourni",
        "n_inclusive_planned": "lieux d'habitat inclusif en projet selon l'inventaire fourni",
        "n_places_open": (
            "nombre de places des lieux ouverts ; vide si l'un d'eux ne dit pas le sien"
        ),
        "n_places_planned": "nombre de places des lieux en projet ; vide de même",
        "is_served": "au moins un lieu ouvert ; vide sans inventaire",
        "delegated_listed": "anciennes communes comprises dans celle-ci que l'appel liste",
        "delegated_served": "parmi ces anciennes communes, celles qui ont un lieu ouvert",
        "list_difference": "liste de l'appel comparée à l'inventaire",
        "share_within_5min": "part des 65 ans et plus à 5 min à pied d'un lieu ouvert",
        "share_within_10min": "part à 10 min à pied",
        "share_within_15min": "part à 15 min à pied",
        "inventory_id": "ligne de l'inventaire fourni",
        "former_code_insee": "code de l'ancienne commune, quand le fichier donne celle-ci",
        "status": "état du lieu : open ouvert, planned en projet, unknown inconnu",
        "n_places": "nombre de places ; vide si le fichier ne le dit pas",
        "opened_on": "jour, mois ou année d'ouverture ; ouverture annoncée d'un lieu en projet",
        "public": "public accueilli, tel que donné",
        "ensemble": "habitat de plusieurs adresses dont la ligne fait partie",
        "is_common_room": "oui : la ligne est l'espace commun de son ensemble",
        "duplicate_of": "ligne précédente qui est le même habitat ; vide s'il n'y en a pas",
        "position": "ce que vaut le point du lieu",
        "n_addresses": "nombre d'adresses de l'ensemble, sans l'espace commun",
        "longest_walk_m": "plus longue marche d'une adresse à l'espace commun, par les rues",
        "median_walk_m": "marche médiane d'une adresse à l'espace commun, par les rues",
        "longest_line_m": "plus longue distance à vol d'oiseau à l'espace commun",
        "median_line_m": "distance médiane à vol d'oiseau à l'espace commun",
        "walk_status": "pourquoi les marches sont données, ou ne le sont pas",
        "issue": "pourquoi le lieu n'est pas compté ; vide s'il l'est",
        "priority_rank": "1 en premier (dans communes : le plus de 65 ans et plus)",
        "categories": "catégories du service, séparées par ;",
        "name": "nom du service sur la carte, ou dans le registre",
        "merged_ids": "autres objets OpenStreetMap du même service, séparés par ;",
        "source": "d'où le service est connu",
        "register_match": "où le service est connu : carte, registre officiel, ou les deux",
        "register_reason": "pourquoi",
        "register_ids": "ses lignes dans les registres, séparées par ;",
        "register_m": "distance à vol d'oiseau du service à sa première ligne",
        "register_categories": "catégories du service selon les registres, séparées par ;",
        "register": "registre, sous le nom qui commence ses identifiants",
        "row": "ligne du registre : son identifiant, ou son numéro dans le fichier",
        "aside": "pourquoi cette ligne n'est pas comptée comme un service",
        "observed_on": "date de la dernière vérification ou modification",
        "observed_by": "comment cette date est connue",
        "exclusion": "pourquoi l'objet de la carte n'est pas compté comme service",
        "n_objects": "nombre d'objets de la carte, chacun compté une fois",
        "wheelchair": "fauteuil roulant : yes oui, limited partiel, no non, unknown inconnu",
    }
)


def communes_with_coverage(communes: gpd.GeoDataFrame, coverage: pd.DataFrame) -> gpd.GeoDataFrame:
    """
    Put `COVERAGE` beside `COMMUNES`, as `communes.csv` holds them.

    Returns
    -------
    communes
        Table `COMMUNE_COVERAGE`: the rows of `communes`, in their order.

    Raises
    ------
    DataError
        The two tables are not of the same communes.
    """
    covered = COVERAGE.conform(coverage)
    if set(covered.index) != set(communes.index):
        raise DataError("COMMUNES and COVERAGE are not of the same communes.")
    joined = communes.join(covered, validate="one_to_one")
    return gpd.GeoDataFrame(COMMUNE_COVERAGE.conform(joined))


def services_with_matches(services: gpd.GeoDataFrame, matches: pd.DataFrame) -> gpd.GeoDataFrame:
    """
    Put `MATCHES` beside `SERVICES`, as `services.csv` holds them.

    Returns
    -------
    services
        Table `SERVICE_MATCHES`: the rows of `services`, in their order.

    Raises
    ------
    DataError
        The two tables are not of the same services.
    """
    said = MATCHES.conform(matches)
    if set(said.index) != set(services.index):
        raise DataError("SERVICES and MATCHES are not of the same services.")
    joined = services.join(said, validate="one_to_one")
    return gpd.GeoDataFrame(SERVICE_MATCHES.conform(joined))
