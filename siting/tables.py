"""The tables that pass between modules: name, dtype, unit and meaning of each column.

A contract table is a plain pandas or geopandas frame that `Table.conform` accepts.
Text that is missing is NaN (empty in files), never an empty string; booleans and
integers are nullable; numbers that were not measured are NaN, never inf.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.crs import WGS84, require_crs
from siting.errors import DataError

Kind = Literal["text", "integer", "number", "boolean", "object"]
_DTYPES: dict[Kind, str] = {
    "text": "str",
    "integer": "Int64",
    "number": "float64",
    "boolean": "boolean",
    "object": "object",
}


class GeocodeStatus(StrEnum):
    """What the position of a site is worth."""

    OK = "ok"
    REVIEW = "review"
    REJECTED = "rejected"
    NOT_FOUND = "not_found"
    SKIPPED = "skipped"
    ERROR = "error"
    PROVIDED = "provided"


class GeocodeReason(StrEnum):
    """Why a site has its `geocode_status`: the most important remark, one per row."""

    MATCHED = "MATCHED"
    COORDINATES_GIVEN = "COORDINATES_GIVEN"
    NEAR_BORDER = "NEAR_BORDER"
    COMMUNE_MISMATCH = "COMMUNE_MISMATCH"
    DEPARTEMENT_MISMATCH = "DEPARTEMENT_MISMATCH"
    NUMBER_NOT_FOUND = "NUMBER_NOT_FOUND"
    NUMBER_DIFFERS = "NUMBER_DIFFERS"
    SUFFIX_NOT_FOUND = "SUFFIX_NOT_FOUND"
    STREET_NOT_FOUND = "STREET_NOT_FOUND"
    LOW_SCORE = "LOW_SCORE"
    AMBIGUOUS = "AMBIGUOUS"
    NO_CANDIDATE = "NO_CANDIDATE"
    EMPTY_ROW = "EMPTY_ROW"
    NO_LOCATION = "NO_LOCATION"
    NOT_GEOGRAPHIC = "NOT_GEOGRAPHIC"
    ABROAD = "ABROAD"
    UNUSABLE_ADDRESS = "UNUSABLE_ADDRESS"
    OFFLINE = "OFFLINE"
    COORD_SUSPECT = "COORD_SUSPECT"
    COORD_UNREADABLE = "COORD_UNREADABLE"
    SHIFTED_ROW = "SHIFTED_ROW"
    REVIEWED = "REVIEWED"
    NOTHING_WITHIN_200M = "NOTHING_WITHIN_200M"
    SERVICE_ERROR = "SERVICE_ERROR"
    BAD_RESPONSE = "BAD_RESPONSE"


class Precision(StrEnum):
    """How fine the position of a site is, from the type of the answer, never from its score."""

    HOUSENUMBER = "housenumber"
    HOUSENUMBER_WITHOUT_SUFFIX = "housenumber_without_suffix"
    STREET = "street"
    LOCALITY = "locality"
    MUNICIPALITY = "municipality"
    NONE = "none"


class CommuneCheck(StrEnum):
    """How the commune found compares with the commune declared."""

    SAME = "same"
    SAME_AFTER_MERGE = "same_after_merge"
    ARRONDISSEMENT = "arrondissement"
    NEIGHBOUR = "neighbour"
    DIFFERENT = "different"
    UNDECLARED = "undeclared"
    OUTSIDE_FRANCE = "outside_france"


class AccessStatus(StrEnum):
    """Why `walk_m` has a value, or has none."""

    REACHED = "reached"
    BEYOND_CUTOFF = "beyond_cutoff"
    NO_PATH = "no_path"
    OFF_NETWORK = "off_network"
    NO_SERVICE = "no_service"
    NOT_MAPPED = "not_mapped"
    NO_LOCATION = "no_location"


class MapEvidence(StrEnum):
    """Why absence from the map is absence, or says nothing; the surest first."""

    REGISTER_AGREES = "register_agrees"
    AS_COMPARABLE = "as_comparable"
    REGISTER_UNPLACED = "register_unplaced"
    FEWER_THAN_COMPARABLE = "fewer_than_comparable"
    BARELY_MAPPED = "barely_mapped"
    RARELY_MAPPED = "rarely_mapped"
    NOTHING_TO_COMPARE = "nothing_to_compare"


# Evidence that there is none; the others leave it unproven.
PROVEN = frozenset((MapEvidence.REGISTER_AGREES, MapEvidence.AS_COMPARABLE))


class Observation(StrEnum):
    """How the date of a service is known."""

    CHECKED = "checked"
    EDITED = "edited"
    LISTED = "listed"
    UNDATED = "undated"


class ExclusionKind(StrEnum):
    """Why an object of the map that would be a service is none."""

    VACANT = "vacant"
    CLOSED = "closed"
    PLANNED = "planned"
    PRIVATE = "private"


class Verdict(StrEnum):
    """What can be said of a project against one requirement of a call."""

    REMPLI = "rempli"
    NON_REMPLI = "non_rempli"
    A_VERIFIER = "a_verifier"
    DECLARATIF = "declaratif"
    HORS_CHAMP = "hors_champ"


class RequirementKind(StrEnum):
    """What a requirement of a call decides."""

    ELIGIBILITY = "eligibility"
    SELECTION = "selection"
    INFORMATION = "information"


class InventoryStatus(StrEnum):
    """State of an existing inclusive-housing place; an unknown state is not an open place."""

    OPEN = "open"
    PLANNED = "planned"
    UNKNOWN = "unknown"


class ListDifference(StrEnum):
    """How a call's list of communes without inclusive housing compares with the inventory."""

    AGREES = "agrees"
    LISTED_BUT_SERVED = "listed_but_served"
    UNSERVED_NOT_LISTED = "unserved_not_listed"
    NOT_COMPARABLE = "not_comparable"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a contract table; `allowed` is its closed list, when it has one."""

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """
    Contract of a table.

    Parameters
    ----------
    name
        Name used in docstrings and messages.
    index, columns
        Columns of the index (unique together) and of the body, in order.
    geometry
        Meaning of the geometry column (WGS84), or None for a table without geometry.
    is_open
        If other columns may follow the contract's own (the user's columns).
    """

    name: str
    index: tuple[Column, ...]
    columns: tuple[Column, ...]
    geometry: str | None = None
    is_open: bool = False

    @property
    def index_names(self) -> list[str]:
        """Names of the index levels."""
        return [column.name for column in self.index]

    @property
    def column_names(self) -> list[str]:
        """Names of the body columns, without geometry."""
        return [column.name for column in self.columns]

    def empty(self) -> pd.DataFrame:
        """Return the table with no row, with its columns, dtypes and CRS."""
        return self.conform(pd.DataFrame(columns=[*self.index_names, *self.column_names]))

    def conform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """
        Return a copy of `frame` in the shape of the contract, or refuse it.

        Index columns may be in the index or among the columns. Columns come out in the
        contract's order and dtypes; other columns follow if the table is open, and are
        refused otherwise. Row order is kept.

        Raises
        ------
        DataError
            Missing or unknown column, value outside of a closed list, infinite number,
            duplicated or missing key.
        CrsError
            Geometry without CRS, or not in WGS84.
        """
        body = frame.copy()
        named = [level for level in frame.index.names if level is not None]
        if named and not set(named) & set(body.columns):
            body = body.reset_index()
        wanted = [*self.index_names, *self.column_names]
        if self.geometry is not None and "geometry" not in body.columns:
            if len(body):
                raise DataError(f"Table {self.name}: the geometry column is missing.")
            body["geometry"] = gpd.GeoSeries([], crs=WGS84)
        missing = [name for name in wanted if name not in body.columns]
        if missing:
            raise DataError(f"Table {self.name}: missing columns {missing}.")
        if body.columns.duplicated().any():
            twice = sorted(set(body.columns[body.columns.duplicated()]))
            raise DataError(f"Table {self.name}: columns present twice: {twice}.")
        extra = [name for name in body.columns if name not in wanted and name != "geometry"]
        if extra and not self.is_open:
            raise DataError(f"Table {self.name}: unknown columns {extra}.")
        for column in (*self.index, *self.columns):
            body[column.name] = self._coerced(body[column.name], column)
        ordered = [*wanted, *extra, *(["geometry"] if self.geometry is not None else [])]
        return self._indexed(body[ordered])

    def _indexed(self, body: pd.DataFrame) -> pd.DataFrame:
        keys = body[self.index_names]
        if keys.isna().any(axis=None):
            raise DataError(f"Table {self.name}: a key {self.index_names} is empty.")
        if keys.duplicated().any():
            first = tuple(keys[keys.duplicated()].iloc[0])
            raise DataError(f"Table {self.name}: the key {first} is there twice.")
        if self.geometry is None:
            return pd.DataFrame(body).set_index(self.index_names)
        layer = gpd.GeoDataFrame(body, geometry="geometry")
        if layer.crs is None and layer.geometry.isna().all():
            layer = layer.set_crs(WGS84)
        require_crs(layer, self.name)
        return layer.set_index(self.index_names)

    def _coerced(self, values: pd.Series, column: Column) -> pd.Series:
        try:
            coerced = values.astype(_DTYPES[column.kind])
        except (TypeError, ValueError) as error:
            raise DataError(
                f"Table {self.name}: column {column.name} is not of kind {column.kind}."
            ) from error
        if column.kind == "text":
            coerced = coerced.mask(coerced == "")
        if column.kind == "number" and np.isinf(coerced.to_numpy()).any():
            raise DataError(f"Table {self.name}: column {column.name} holds an infinite number.")
        if column.allowed:
            unknown = set(coerced.dropna().unique()) - set(column.allowed)
            if unknown:
                raise DataError(
                    f"Table {self.name}: column {column.name} holds {sorted(unknown)}, "
                    f"not in {list(column.allowed)}."
                )
        return coerced


def _values(closed: Iterable[StrEnum]) -> tuple[str, ...]:
    return tuple(member.value for member in closed)


SITE_ID = Column("site_id", "text", "identifier of the site: the user's, or the line of the file")
CATEGORY = Column("category", "text", "category of service, as in siting/taxonomy.toml")
CODE_INSEE = Column("code_insee", "text", "INSEE code of the current commune")

PROJECTS = Table(
    "PROJECTS",
    (SITE_ID,),
    (
        Column("row_number", "integer", "row in the user's file, the header being row 1"),
        Column("label", "text", "name of the project"),
        Column("address", "text", "address as given"),
        Column("code_postal", "text", "postal code as given, cleaned"),
        Column("commune", "text", "commune as given"),
        Column("code_insee", "text", "INSEE code as given, its lost zero put back"),
        Column("lon", "number", "longitude as given", "degree"),
        Column("lat", "number", "latitude as given", "degree"),
        Column(
            "coord_issue",
            "text",
            "why the coordinates given are not used",
            allowed=(
                GeocodeReason.COORD_SUSPECT,
                GeocodeReason.COORD_UNREADABLE,
                GeocodeReason.SHIFTED_ROW,
            ),
        ),
    ),
)

DECLARED = Table(
    "DECLARED",
    (SITE_ID,),
    (
        Column("code_insee", "text", "current commune of the declaration; empty when unresolved"),
        Column("declared_code", "text", "INSEE code declared, or resolved from name and postcode"),
        Column(
            "relation",
            "text",
            "how the declared code relates to the current commune",
            allowed=(
                CommuneCheck.SAME,
                CommuneCheck.SAME_AFTER_MERGE,
                CommuneCheck.ARRONDISSEMENT,
            ),
        ),
        Column("commune", "text", "official name of the current commune declared"),
    ),
)

SITES = Table(
    "SITES",
    (SITE_ID,),
    (
        Column("label", "text", "name of the project"),
        Column("address", "text", "address as given"),
        Column("geocode_status", "text", "worth of the position", allowed=_values(GeocodeStatus)),
        Column("geocode_reason", "text", "why that status", allowed=_values(GeocodeReason)),
        Column("geocode_precision", "text", "how fine the match is", allowed=_values(Precision)),
        Column("geocode_score", "number", "score of the geocoder, for sorting only", "0-1"),
        Column("matched_label", "text", "address found"),
        Column("code_insee", "text", "INSEE code of the commune the site is in"),
        Column("commune", "text", "name of that commune"),
        Column("commune_check", "text", "found against declared", allowed=_values(CommuneCheck)),
        Column("is_pvd", "boolean", "the commune is in Petites villes de demain"),
        Column("is_listed_unserved", "boolean", "the call lists the place as without housing"),
    ),
    geometry="Point, missing when the site has no position",
    is_open=True,
)

GEOCODING = Table(
    "GEOCODING",
    (SITE_ID,),
    (
        Column("query_sent", "text", "text that was sent, of the answer kept"),
        Column("citycode_sent", "text", "INSEE code it was searched in; empty for everywhere"),
        Column("left_out", "text", "parts of the address that were not sent, in French"),
        Column("endpoint", "text", "geocoder that answered"),
        Column("asked_on", "text", "date of the answer, ISO (UTC)"),
        Column("n_asked", "integer", "texts that were answered for this site"),
        Column("score_next", "number", "score of the geocoder's second candidate", "0-1"),
        Column("found_lon", "number", "longitude of the best candidate, kept or not", "degree"),
        Column("found_lat", "number", "latitude of the best candidate, kept or not", "degree"),
        Column("found_code_insee", "text", "INSEE code of the best candidate"),
        Column("distance_m", "number", "from coordinates given to the nearest address", "m"),
        Column("note", "text", "what was odd in the answer, in French"),
    ),
)

CANDIDATES = Table(
    "CANDIDATES",
    (SITE_ID, Column("rank", "integer", "1 for the best")),
    (
        Column("label", "text", "address"),
        Column("kind", "text", "housenumber, street, locality or municipality"),
        Column("score", "number", "score of the geocoder, for sorting only", "0-1"),
        Column("lon", "number", "longitude", "degree"),
        Column("lat", "number", "latitude", "degree"),
        Column("code_insee", "text", "INSEE code of its commune"),
        Column("commune", "text", "name of its commune"),
    ),
)

OSM_OBJECTS = Table(
    "OSM_OBJECTS",
    (Column("osm_id", "text", "OpenStreetMap object, as node/123"),),
    (
        Column("tags", "object", "all its tags, a dict of text to text"),
        Column("observed_on", "text", "date of its last edit, ISO; empty when the file has none"),
        Column("entrances", "object", "MultiPoint of entrance=* nodes on its outline, or None"),
    ),
    geometry="Point of a node; Polygon, MultiPolygon or line outline of a way or relation",
)

SERVICES = Table(
    "SERVICES",
    (Column("service_id", "text", "OpenStreetMap object, as node/123"),),
    (
        Column("categories", "text", "categories of the service, ;-list"),
        Column("name", "text", "name on the map"),
        Column("merged_ids", "text", "other objects, rows or not, of the same service, ;-list"),
        Column("source", "text", "where the service is known from"),
        Column("observed_on", "text", "date of the last check or edit, ISO"),
        Column("observed_by", "text", "how that date is known", allowed=_values(Observation)),
        Column(
            "wheelchair", "text", "wheelchair access", allowed=("yes", "limited", "no", "unknown")
        ),
    ),
    geometry="entrance(s), point, or outline",
)

EXCLUDED = Table(
    "EXCLUDED",
    (
        Column("exclusion", "text", "why it is no service", allowed=_values(ExclusionKind)),
        Column("category", "text", "category it would be of; `unknown` if its tags do not tell"),
    ),
    (Column("n_objects", "integer", "objects of the map, each counted once"),),
)

ACCESS = Table(
    "ACCESS",
    (SITE_ID, CATEGORY, Column("rank", "integer", "1 is the nearest; 1 to 3 in a study")),
    (
        Column("families", "text", "families of the category, ;-list"),
        Column("service_id", "text", "service reached"),
        Column("service_name", "text", "its name on the map"),
        Column("walk_m", "number", "walk on the network, connectors included", "m"),
        Column("line_m", "number", "straight line to the same target point", "m"),
        Column("walk_min", "number", "walking time of the chosen walker", "min"),
        Column("snap_m", "number", "straight line from the site to the network", "m"),
        Column("access_status", "text", "why walk_m is or is not", allowed=_values(AccessStatus)),
        Column("edge_limited", "boolean", "a nearer service may lie outside of the data"),
        Column("fit_m", "number", "part of the walk known to be fit for the walker", "m"),
        Column("unfit_m", "number", "part known to be unfit", "m"),
        Column("unknown_m", "number", "part of which nothing is known, connectors included", "m"),
    ),
)

REACH = Table(
    "REACH",
    (SITE_ID, CATEGORY, Column("minutes", "integer", "walking time of the walker", "min")),
    (Column("n_services", "integer", "services within that time; empty when not measured"),),
)

OD_MATRIX = Table(
    "OD_MATRIX",
    (
        Column("from_id", "text", "where the walk begins"),
        Column("to_id", "text", "where it ends"),
    ),
    (Column("travel_time", "number", "walking time of the walker", "min"),),
)

ISOCHRONES = Table(
    "ISOCHRONES",
    (SITE_ID, Column("minutes", "integer", "walking time of the walker", "min")),
    (Column("area_m2", "number", "area of the polygon", "m2"),),
    geometry="MultiPolygon, places near a street that is reached within the time",
)

WALKS = Table(
    "WALKS",
    (SITE_ID, Column("family", "text", "family of services")),
    (
        Column("category", "text", "category of the nearest service of the family"),
        Column("service_id", "text", "service reached"),
        Column("service_name", "text", "its name on the map"),
        Column("walk_m", "number", "length of the line, connectors included", "m"),
        Column("walk_min", "number", "walking time of the chosen walker", "min"),
    ),
    geometry="LineString, the walk from the site to the service",
)

COMMUNES = Table(
    "COMMUNES",
    (CODE_INSEE,),
    (
        Column("nom", "text", "name of the commune"),
        Column("code_dep", "text", "code of the departement"),
        Column("code_epci", "text", "SIREN of the EPCI"),
        Column("population", "integer", "municipal population"),
        Column("population_65", "integer", "people aged 65 or more"),
        Column("is_pvd", "boolean", "in Petites villes de demain"),
        Column("pvd_on", "text", "signature date of its membership, ISO; empty when unknown"),
        Column("vintage", "text", "vintages of code, population, population 65+, PVD list"),
    ),
    geometry="MultiPolygon, simplified boundary",
)

COMMUNE_REGISTER = Table(
    "COMMUNE_REGISTER",
    (CODE_INSEE,),
    (
        Column("nom", "text", "official name"),
        Column("code_dep", "text", "code of the departement"),
        Column("code_epci", "text", "SIREN of the EPCI"),
        Column("codes_postaux", "text", "postal codes, ;-list"),
        Column("population", "integer", "municipal population"),
    ),
)

COMMUNE_HISTORY = Table(
    "COMMUNE_HISTORY",
    (Column("code_insee_old", "text", "a code that was, or is a part of, a commune"),),
    (
        Column("code_insee", "text", "current commune in which it lies"),
        Column("nom", "text", "name of the old commune, when known"),
        Column(
            "kind",
            "text",
            "what the old code is today",
            allowed=("deleguee", "associee", "arrondissement", "ancien"),
        ),
    ),
)

FORMER_COMMUNES = Table(
    "FORMER_COMMUNES",
    (Column("code_insee_old", "text", "INSEE code of the former commune"),),
    (
        Column("nom", "text", "its name"),
        Column("code_insee", "text", "current commune in which it lies"),
    ),
    geometry="MultiPolygon, simplified boundary",
)

SITE_COMMUNES = Table(
    "SITE_COMMUNES",
    (SITE_ID,),
    (
        Column("code_insee", "text", "current commune whose polygon holds the site"),
        Column("commune", "text", "its name"),
        Column("former_code_insee", "text", "former commune whose polygon holds the site"),
        Column("former_commune", "text", "its name"),
        Column("border_code_insee", "text", "nearest other commune, when within 50 m"),
        Column("border_commune", "text", "its name"),
        Column("border_m", "number", "straight line to that other commune", "m"),
        Column("part_code_insee", "text", "nearest other part of a merged commune, within 50 m"),
        Column("part_m", "number", "straight line to that other part", "m"),
    ),
)

INVENTORY = Table(
    "INVENTORY",
    (Column("inventory_id", "text", "line of the inventory file"),),
    (
        Column("label", "text", "name of the place"),
        Column("code_insee", "text", "current commune; empty when it could not be resolved"),
        Column("former_code_insee", "text", "former commune, when that is what the file gives"),
        Column("status", "text", "state of the place", allowed=_values(InventoryStatus)),
        Column("n_places", "integer", "people it is for"),
        Column("opened_on", "text", "day, month or year of its opening, ISO; announced if planned"),
        Column("public", "text", "whom it is for, as given"),
        Column("ensemble", "text", "home of several addresses that the row is a part of"),
        Column("is_common_room", "boolean", "the row is the common room of its ensemble"),
        Column("duplicate_of", "text", "earlier line that is the same home"),
        Column("issue", "text", "why the place is not counted"),
    ),
)

COVERAGE = Table(
    "COVERAGE",
    (CODE_INSEE,),
    (
        Column("n_inclusive_open", "integer", "open inclusive-housing places in the inventory"),
        Column("n_inclusive_planned", "integer", "planned ones"),
        Column("n_places_open", "integer", "people the open ones are for; empty if one says not"),
        Column("n_places_planned", "integer", "same of the planned ones"),
        Column("is_served", "boolean", "at least one open place; empty without inventory"),
        Column("is_listed_unserved", "boolean", "the call lists the commune as without housing"),
        Column("delegated_listed", "text", "former communes inside it that the call lists"),
        Column("delegated_served", "text", "those of them that have an open place"),
        Column("list_difference", "text", "list vs inventory", allowed=_values(ListDifference)),
        Column("share_within_5min", "number", "people 65+ within 5 min", "0-1"),
        Column("share_within_10min", "number", "same within 10 min", "0-1"),
        Column("share_within_15min", "number", "same within 15 min", "0-1"),
        Column("priority_rank", "integer", "1 is the unserved commune with most people 65+"),
    ),
)

VERDICTS = Table(
    "VERDICTS",
    (SITE_ID, Column("requirement_id", "text", "requirement of the call")),
    (
        Column("verdict", "text", "what can be said", allowed=_values(Verdict)),
        Column("kind", "text", "what the requirement decides", allowed=_values(RequirementKind)),
        Column("measure", "text", "what was measured, with its unit"),
        Column("threshold", "text", "threshold compared with, with its unit"),
        Column("threshold_author", "text", "who set the threshold"),
        Column("article", "text", "article of the call"),
        Column("quote", "text", "short quote of the call"),
        Column("evidence", "text", "what the verdict rests on"),
    ),
)
