"""From the rows of a project file to sites: where each is, how sure, and why not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import pandas as pd

from siting.addresses import read_address
from siting.asking import Answer, Geocoder, Spot
from siting.crs import WGS84
from siting.declaration import declared_communes
from siting.enquiry import Enquiry, Finding, Question
from siting.errors import NotAsked, SourceError
from siting.matching import Candidate, GeocodeRule, Match
from siting.rounds import Known, Rounds
from siting.tables import (
    CANDIDATES,
    GEOCODING,
    SITES,
    GeocodeReason,
    GeocodeStatus,
)

__all__ = ["GeocodeRule", "Geocoder", "Geocoding", "Known", "declared_communes", "geocode"]

BULK_FROM = 200  # projects from which questions are sent by files, not one by one
_FILLED = ("label", "address", "code_postal", "commune", "code_insee")
_TO_SHOW = (GeocodeStatus.REVIEW, GeocodeStatus.REJECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Geocoding:
    """
    Projects placed: tables `sites` (SITES), `requests` (GEOCODING) and `candidates` (CANDIDATES).

    `sites` and `requests` have one row for each project; `candidates` has the addresses that
    a person can choose from, for the rows in review or rejected.
    """

    sites: gpd.GeoDataFrame
    requests: pd.DataFrame
    candidates: pd.DataFrame


def geocode(  # noqa: PLR0913 - whom to ask, what is known, how to judge
    projects: pd.DataFrame,
    geocoder: Geocoder | None,
    *,
    declared: pd.DataFrame,
    history: pd.DataFrame,
    rule: GeocodeRule | None = None,
    known: Known | None = None,
    bulk_from: int = BULK_FROM,
    on_row: Callable[[int, int], None] | None = None,
) -> Geocoding:
    """
    Place each project, and say what its position is worth.

    Coordinates that are given are kept as they are (`provided`; precision `none` and no
    score, for nothing was matched; their commune is left to the polygons); the nearest
    address, when there is a geocoder, is told in `matched_label` (`NOTHING_WITHIN_200M` when
    there is none). Addresses are
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
    known
        What earlier runs left of the same geocoder, None for nothing.
    bulk_from
        Number of projects from which the best candidate of each question is asked by files of
        many rows first, and all candidates only where that does not settle it. Rows that a
        person settles since do not change the way to ask, hence nothing is asked again.
    on_row
        Called as rows are settled, with the number of rows done and of rows in all.

    Returns
    -------
    geocoding
        One site per project, in the order of `projects`, without the user's own columns;
        the flags `is_pvd` and `is_listed_unserved` are empty. A row that the service
        failed is `error`, never `not_found`.

    Raises
    ------
    SourceError
        If the service never answered: nothing is half filled.
    """
    questions = _questions(projects, declared)
    rows = projects.to_dict("records")
    judged = [
        _known_without_asking(row, question, is_offline=geocoder is None)
        for row, question in zip(rows, questions, strict=True)
    ]
    asked = [one for one, match in zip(questions, judged, strict=True) if match is None]
    found: dict[Question, Finding] = {}
    if geocoder is not None:
        n_rows = Counter(asked)
        rounds = Rounds(
            Enquiry.of(history=history, rule=rule or GeocodeRule()),
            is_bulk=len(projects) >= bulk_from,
            on_found=_counter(n_rows, len(projects), on_row),
        )
        found = rounds.found(n_rows, geocoder, known)
    findings = [
        found[question] if match is None else Finding(match=match)
        for question, match in zip(questions, judged, strict=True)
    ]
    nearby = _addresses_nearby(projects, geocoder, is_bulk=len(projects) >= bulk_from)
    return _geocoding(projects, questions, findings, declared, nearby)


def _counter(
    n_rows: Counter[Question], n_all: int, on_row: Callable[[int, int], None] | None
) -> Callable[[Question], None]:
    """Tell the rows done as questions are; rows that need no question are done at once."""
    n_done = n_all - sum(n_rows.values())

    def count(question: Question) -> None:
        nonlocal n_done
        n_done += n_rows[question]
        if on_row is not None:
            on_row(n_done, n_all)

    return count


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
    text = str(row["address"]) if pd.notna(row["address"]) else ""
    has_address = bool(text)
    if pd.notna(row["coord_issue"]) and (is_offline or not has_address):
        return Match(status=GeocodeStatus.REVIEW, reason=GeocodeReason(str(row["coord_issue"])))
    reason = _why_not_asked(question, has_address=has_address)
    if reason is None and has_address and not any(sign.isalnum() for sign in text):
        reason = GeocodeReason.UNUSABLE_ADDRESS
    if reason is GeocodeReason.NO_LOCATION and all(pd.isna(row[name]) for name in _FILLED):
        reason = GeocodeReason.EMPTY_ROW
    if reason is None and is_offline:
        reason = GeocodeReason.OFFLINE
    return None if reason is None else Match(status=GeocodeStatus.SKIPPED, reason=reason)


def _why_not_asked(question: Question, *, has_address: bool) -> GeocodeReason | None:
    address = question.address
    if address.country:
        return GeocodeReason.ABROAD
    if address.is_box_only:
        return GeocodeReason.NOT_GEOGRAPHIC
    if address.line and not address.is_usable:
        return GeocodeReason.UNUSABLE_ADDRESS
    if address.line or address.commune or question.commune:
        return None
    return GeocodeReason.UNUSABLE_ADDRESS if has_address else GeocodeReason.NO_LOCATION


def _addresses_nearby(
    projects: pd.DataFrame, geocoder: Geocoder | None, *, is_bulk: bool
) -> dict[str, Answer | SourceError]:
    """Ask for the address nearest to the coordinates given, by site: a help, never needed."""
    given = projects[projects["lon"].notna() & projects["lat"].notna()]
    if geocoder is None or given.empty:
        return {}
    spots = {
        site_id: Spot(lon=round(lon, 6), lat=round(lat, 6))
        for site_id, lon, lat in zip(given.index, given["lon"], given["lat"], strict=True)
    }
    distinct = list(dict.fromkeys(spots.values()))
    try:
        answers = dict(geocoder.addresses_at(distinct, is_bulk=is_bulk))
    except SourceError as error:
        answers = dict.fromkeys(distinct, error)
    return {site_id: answers[spot] for site_id, spot in spots.items()}


def _geocoding(
    projects: pd.DataFrame,
    questions: Sequence[Question],
    findings: Sequence[Finding],
    declared: pd.DataFrame,
    nearby: dict[str, Answer | SourceError],
) -> Geocoding:
    capped = [
        _capped(finding.match, issue)
        for finding, issue in zip(findings, projects["coord_issue"], strict=True)
    ]
    near = [_nearest(nearby.get(site_id)) for site_id in projects.index]
    sites = _sites(projects, capped, declared)
    at = pd.Series([one.label if one else None for one in near], projects.index, dtype="str")
    sites["matched_label"] = at.where(at.notna(), sites["matched_label"])
    is_alone = pd.Series([_is_alone(nearby.get(one)) for one in projects.index], projects.index)
    sites.loc[is_alone, "geocode_reason"] = GeocodeReason.NOTHING_WITHIN_200M.value
    requests = pd.DataFrame(
        [
            {
                **_request(finding),
                "left_out": question.address.remark if finding.ask else "",
                "distance_m": math.nan if one is None else one.distance_m,
                "note": _note(finding, nearby.get(site_id)),
            }
            for site_id, question, finding, one in zip(
                projects.index, questions, findings, near, strict=True
            )
        ],
        index=projects.index,
        columns=GEOCODING.column_names,
    )
    return Geocoding(
        sites=gpd.GeoDataFrame(SITES.conform(sites)),
        requests=GEOCODING.conform(requests),
        candidates=_candidates(projects.index, capped, findings),
    )


def _nearest(answer: Answer | SourceError | None) -> Candidate | None:
    found = answer.candidates if isinstance(answer, Answer) else ()
    return found[0] if found else None


def _is_alone(answer: Answer | SourceError | None) -> bool:
    """Tell if no address is near: the service looks up to 200 m."""
    return isinstance(answer, Answer) and not answer.candidates


def _note(finding: Finding, nearby: Answer | SourceError | None) -> str:
    if isinstance(nearby, NotAsked):
        return ""
    if isinstance(nearby, SourceError):
        return "Adresse la plus proche non connue : le géocodeur n'a pas répondu."
    if nearby is not None:
        return nearby.note
    return "" if finding.answer is None else finding.answer.note


def _request(finding: Finding) -> dict[str, object]:
    ask, answer, found = finding.ask, finding.answer, finding.match.candidate
    return {
        "query_sent": ask.query if ask else "",
        "citycode_sent": ask.citycode if ask else "",
        "endpoint": answer.endpoint if answer else "",
        "asked_on": answer.asked_on if answer else "",
        "n_asked": finding.n_asked,
        "score_next": finding.score_next or math.nan,  # 0 stands for no second candidate
        "found_lon": found.lon if found else math.nan,
        "found_lat": found.lat if found else math.nan,
        "found_code_insee": found.citycode if found else "",
    }


def _candidates(
    index: pd.Index, matches: Sequence[Match], findings: Sequence[Finding]
) -> pd.DataFrame:
    """List what a person can choose from: the best first, then those of the same answer."""
    rows = []
    for site_id, match, finding in zip(index, matches, findings, strict=True):
        if match.status not in _TO_SHOW or match.candidate is None or finding.answer is None:
            continue
        ranked = dict.fromkeys((match.candidate, match.rival, *finding.answer.candidates))
        for rank, one in enumerate((one for one in ranked if one is not None), start=1):
            rows.append(
                {
                    "site_id": site_id,
                    "rank": rank,
                    "label": one.label,
                    "kind": one.kind,
                    "score": one.score,
                    "lon": one.lon,
                    "lat": one.lat,
                    "code_insee": one.citycode,
                    "commune": one.city,
                }
            )
    return CANDIDATES.conform(pd.DataFrame(rows)) if rows else CANDIDATES.empty()


def _sites(projects: pd.DataFrame, capped: list[Match], declared: pd.DataFrame) -> gpd.GeoDataFrame:
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
    return gpd.GeoDataFrame(body, geometry=geometry, crs=WGS84)


def _capped(match: Match, coord_issue: object) -> Match:
    """Keep an address in review when the coordinates of its row were wrong."""
    if pd.isna(coord_issue) or match.status is not GeocodeStatus.OK:
        return match
    return replace(match, status=GeocodeStatus.REVIEW, reason=GeocodeReason(str(coord_issue)))
