"""From the rows of a project file to sites: where each is, how sure, and why not."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import replace

import geopandas as gpd
import pandas as pd

from siting.addresses import read_address
from siting.crs import WGS84
from siting.declaration import declared_communes
from siting.enquiry import Enquiry, Geocoder, Question
from siting.errors import BadAnswer, RateLimited, SourceError, SourceUnavailable
from siting.matching import GeocodeRule, Match
from siting.tables import SITES, GeocodeReason, GeocodeStatus

__all__ = ["GeocodeRule", "Geocoder", "declared_communes", "geocode"]

_FILLED = ("label", "address", "code_postal", "commune", "code_insee")
_LAST_FAILURES = 5  # failures in a row after which the service is left alone


def geocode(
    projects: pd.DataFrame,
    geocoder: Geocoder | None,
    *,
    declared: pd.DataFrame,
    history: pd.DataFrame,
    rule: GeocodeRule | None = None,
    on_row: Callable[[int, int], None] | None = None,
) -> gpd.GeoDataFrame:
    """
    Place each project, and say what its position is worth.

    Coordinates that are given are kept as they are (`provided`; precision `none` and no
    score, for nothing was matched; their commune is left to the polygons). Addresses are
    asked in the declared commune, then with its name in the text, then without *bis* or
    *ter*; the commune alone comes last, marked `municipality`. The status follows from
    the commune, then street and number, then score: see `siting.matching.judge`.

    A row keeps a position if it is `provided` or `ok`, or in `review` inside the commune
    it declares; `rejected` rows, and rows in review elsewhere or without a declared
    commune, only say in `matched_label` what was found. The middle of a commune is no
    position either: such a row keeps its commune, and no geometry. Coordinates that cannot
    be used cap the row at `review`.

    Parameters
    ----------
    projects
        Table `PROJECTS`.
    geocoder
        Service to ask, or None to ask nobody (`skipped`, `OFFLINE`).
    declared
        Table `DECLARED` of the same projects.
    history
        Table `COMMUNE_HISTORY`.
    rule
        Thresholds; None for those of `GeocodeRule`.
    on_row
        Called after each row with the number of rows done and of rows in all.

    Returns
    -------
    sites
        Table `SITES`, without the user's own columns, in the order of `projects`; the
        flags `is_pvd` and `is_listed_unserved` are empty. A row that the service failed
        is `error`, never `not_found`; it was asked a second time at the end.

    Raises
    ------
    SourceUnavailable, RateLimited
        If the service never answered: nothing is half filled. After five failures in a
        row of a service that had answered, the rows left are `error` instead.
    """
    questions = _questions(projects, declared)
    rows = projects.to_dict("records")
    known = [
        _known_without_asking(row, question, is_offline=geocoder is None)
        for row, question in zip(rows, questions, strict=True)
    ]
    answers: dict[Question, Match] = {}
    if geocoder is not None:
        enquiry = Enquiry.of(geocoder, history=history, rule=rule or GeocodeRule())
        desk = _Desk(enquiry.best_match)
        for n_done, (question, match) in enumerate(zip(questions, known, strict=True), start=1):
            if match is None:
                desk.ask(question)
            if on_row is not None:
                on_row(n_done, len(projects))
        desk.ask_again()
        answers = desk.matches
    matches = [
        answers[question] if match is None else match
        for question, match in zip(questions, known, strict=True)
    ]
    return _sites(projects, matches, declared)


def _questions(projects: pd.DataFrame, declared: pd.DataFrame) -> list[Question]:
    rows = projects.fillna({"address": "", "code_postal": "", "commune": ""})
    known = declared.reindex(projects.index).fillna("")
    return [
        Question(
            address=read_address(
                row["address"], postcode=row["code_postal"], commune=row["commune"]
            ),
            **commune,
        )
        for row, commune in zip(rows.to_dict("records"), known.to_dict("records"), strict=True)
    ]


def _known_without_asking(
    row: dict[Hashable, object], question: Question, *, is_offline: bool
) -> Match | None:
    """Judge what no geocoder could help with; None for a question to ask."""
    if pd.notna(row["lon"]) and pd.notna(row["lat"]):
        return Match(status=GeocodeStatus.PROVIDED, reason=GeocodeReason.COORDINATES_GIVEN)
    has_address = pd.notna(row["address"])
    if pd.notna(row["coord_issue"]) and (is_offline or not has_address):
        return Match(status=GeocodeStatus.REVIEW, reason=GeocodeReason(str(row["coord_issue"])))
    reason = _why_not_asked(question, has_address=has_address)
    if reason is GeocodeReason.NO_LOCATION and all(pd.isna(row[name]) for name in _FILLED):
        reason = GeocodeReason.EMPTY_ROW
    if reason is None and is_offline:
        reason = GeocodeReason.OFFLINE
    return None if reason is None else Match(status=GeocodeStatus.SKIPPED, reason=reason)


def _why_not_asked(question: Question, *, has_address: bool) -> GeocodeReason | None:
    address = question.address
    if address.is_box_only:
        return GeocodeReason.NOT_GEOGRAPHIC
    if address.line and not address.is_usable:
        return GeocodeReason.UNUSABLE_ADDRESS
    if address.line or address.commune or question.commune:
        return None
    return GeocodeReason.UNUSABLE_ADDRESS if has_address else GeocodeReason.NO_LOCATION


class _Desk:
    """Asks each question once, keeps the answers, leaves alone a service that is down."""

    def __init__(self, answer: Callable[[Question], Match]) -> None:
        self.matches: dict[Question, Match] = {}
        self._answer = answer
        self._n_failures_in_a_row = 0
        self._never_answered: SourceError | None = None
        self._has_answered = False

    def ask(self, question: Question) -> None:
        if question in self.matches:
            return
        if self._n_failures_in_a_row >= _LAST_FAILURES:
            self.matches[question] = _failed(GeocodeReason.SERVICE_ERROR)
            return
        try:
            self.matches[question] = self._answer(question)
        except (SourceUnavailable, RateLimited) as error:
            self._n_failures_in_a_row += 1
            self._never_answered = None if self._has_answered else error
            if self._never_answered and error.status is None:
                raise
            self.matches[question] = _failed(GeocodeReason.SERVICE_ERROR)
        except SourceError as error:
            self._n_failures_in_a_row += 1
            self._has_answered = True
            is_bad = isinstance(error, BadAnswer)
            reason = GeocodeReason.BAD_RESPONSE if is_bad else GeocodeReason.SERVICE_ERROR
            self.matches[question] = _failed(reason)
        else:
            self._n_failures_in_a_row = 0
            self._has_answered = True

    def ask_again(self) -> None:
        """Ask the failed questions once more, each alone, unless the service is down."""
        failed = [q for q, match in self.matches.items() if match.status is GeocodeStatus.ERROR]
        for question in failed:
            if self._n_failures_in_a_row < _LAST_FAILURES:
                del self.matches[question]
                self.ask(question)
        if self._never_answered and not self._has_answered:
            raise self._never_answered


def _failed(reason: GeocodeReason) -> Match:
    return Match(status=GeocodeStatus.ERROR, reason=reason)


def _sites(
    projects: pd.DataFrame, matches: list[Match], declared: pd.DataFrame
) -> gpd.GeoDataFrame:
    capped = [
        _capped(match, issue) for match, issue in zip(matches, projects["coord_issue"], strict=True)
    ]
    body = pd.DataFrame(
        {
            "label": projects["label"],
            "address": projects["address"],
            "geocode_status": [match.status.value for match in capped],
            "geocode_reason": [match.reason.value for match in capped],
            "geocode_precision": [match.precision.value for match in capped],
            "geocode_score": [match.score for match in capped],
            "matched_label": [match.label for match in capped],
            "commune_check": [match.commune_check for match in capped],
            "is_pvd": pd.NA,
            "is_listed_unserved": pd.NA,
        },
        index=projects.index,
    )
    has_place = pd.Series([match.has_place for match in capped], projects.index, dtype=bool)
    is_given = body["geocode_status"] == GeocodeStatus.PROVIDED
    found = [match.candidate for match in capped]
    lon = pd.Series([math.nan if one is None else one.lon for one in found], projects.index)
    lat = pd.Series([math.nan if one is None else one.lat for one in found], projects.index)
    in_commune = pd.Series([match.is_in_commune for match in capped], projects.index, dtype=bool)
    body["code_insee"] = declared["code_insee"].where(in_commune)
    body["commune"] = declared["commune"].where(in_commune)
    points = gpd.points_from_xy(
        lon.where(~is_given, projects["lon"]), lat.where(~is_given, projects["lat"]), crs=WGS84
    )
    geometry = gpd.GeoSeries(points, index=projects.index).where(has_place | is_given)
    sites = gpd.GeoDataFrame(body, geometry=geometry, crs=WGS84)
    return gpd.GeoDataFrame(SITES.conform(sites))


def _capped(match: Match, coord_issue: object) -> Match:
    """Keep an address in review when the coordinates of its row were wrong."""
    if pd.isna(coord_issue) or match.status is not GeocodeStatus.OK:
        return match
    return replace(match, status=GeocodeStatus.REVIEW, reason=GeocodeReason(str(coord_issue)))
