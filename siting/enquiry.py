"""How a geocoder is asked for one address: which questions, in which order, which answer kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import pandas as pd

from siting.addresses import Address
from siting.communes import departement_of
from siting.matching import SAME_COMMUNE, Candidate, GeocodeRule, Match, is_ambiguous, judge
from siting.names import commune_key
from siting.tables import CommuneCheck, GeocodeReason, GeocodeStatus

NOTHING = Match(status=GeocodeStatus.NOT_FOUND, reason=GeocodeReason.NO_CANDIDATE)


class Geocoder(Protocol):
    """What is asked of a geocoder: candidates for a text, best first."""

    def search(
        self, query: str, *, citycode: str | None = None, kind: str | None = None
    ) -> tuple[Candidate, ...]:
        """Ask for an address; `citycode` and `kind` leave out everything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """
    An address and the commune declared with it, as in table `DECLARED`.

    Equal questions have equal answers, and are asked once.
    """

    address: Address
    code_insee: str = ""
    declared_code: str = ""
    relation: str = ""
    commune: str = ""

    @property
    def citycodes(self) -> tuple[str, ...]:
        """
        Codes to search in, the narrowest first: arrondissement, former commune, commune.

        The national service knows former communes by their code; an addok may not.
        """
        if self.relation == CommuneCheck.ARRONDISSEMENT:
            return (self.declared_code,)
        codes = dict.fromkeys([self.declared_code, self.code_insee])
        return tuple(code for code in codes if code)

    @property
    def place(self) -> str:
        """Postal code and commune as text; a CEDEX code is not a place."""
        return f"{self.address.postcode} {self.address.commune or self.commune}".strip()


@dataclass(frozen=True, slots=True)
class Enquiry:
    """
    A geocoder, the thresholds, and what became of the codes that are no longer communes.

    Parameters
    ----------
    geocoder
        Service to ask.
    rule
        Thresholds of the judgement.
    current
        Current commune of each old code.
    kind
        What each of them is today: arrondissement, delegated commune...
    """

    geocoder: Geocoder
    rule: GeocodeRule
    current: dict[str, str]
    kind: dict[str, str]

    @classmethod
    def of(cls, geocoder: Geocoder, *, history: pd.DataFrame, rule: GeocodeRule) -> Enquiry:
        """Prepare an enquiry with the codes of table `COMMUNE_HISTORY`."""
        return cls(geocoder, rule, history["code_insee"].to_dict(), history["kind"].to_dict())

    def best_match(self, question: Question) -> Match:
        """
        Ask until an answer is `ok`, else keep the best: see `siting.matching.Match.rank`.

        Raises
        ------
        SourceError
            If the service failed: an answer already had is not kept, it could be beaten.
        """
        best = NOTHING
        for query, citycode in _tries(question):
            found = self.geocoder.search(query, citycode=citycode)
            best = max(best, self._first(question, found), key=lambda match: match.rank)
            if best.status is GeocodeStatus.OK:
                return best
        if best is NOTHING and question.address.line:
            best = self._first(question, self.geocoder.search(question.address.line))
        if best.is_same_street or best.is_in_commune:
            return best
        return max(best, self._commune_only(question), key=lambda match: match.rank)

    def _check(self, question: Question, candidate: Candidate) -> CommuneCheck:
        """Compare the commune of an answer with the declared one, through the history."""
        if not question.code_insee:
            return CommuneCheck.UNDECLARED
        code = candidate.citycode
        if not code:
            is_same = commune_key(candidate.city) == commune_key(question.commune)
            return CommuneCheck.SAME if is_same else CommuneCheck.DIFFERENT
        if self.current.get(code, code) != question.code_insee:
            return CommuneCheck.DIFFERENT
        return self._check_part(question, candidate)

    def _check_part(self, question: Question, candidate: Candidate) -> CommuneCheck:
        """Compare inside one commune: arrondissements and former communes."""
        if question.relation == CommuneCheck.ARRONDISSEMENT:
            is_same = candidate.citycode in {question.declared_code, question.code_insee}
            return CommuneCheck.ARRONDISSEMENT if is_same else CommuneCheck.DIFFERENT
        if question.relation == CommuneCheck.SAME_AFTER_MERGE:
            return CommuneCheck.SAME_AFTER_MERGE
        if candidate.citycode == question.code_insee:
            return CommuneCheck.SAME
        is_arrondissement = self.kind.get(candidate.citycode) == "arrondissement"
        return CommuneCheck.ARRONDISSEMENT if is_arrondissement else CommuneCheck.SAME_AFTER_MERGE

    def _first(self, question: Question, found: tuple[Candidate, ...]) -> Match:
        """Judge the candidates of one answer, and keep the best."""
        matches = [self._judged(question, candidate) for candidate in found]
        best = max(matches, key=lambda match: match.rank, default=NOTHING)
        if best.candidate is None or best.status is not GeocodeStatus.OK:
            return best
        rivals = [
            match.candidate
            for match in matches
            if match.candidate is not None
            and match is not best
            and match.commune_check in SAME_COMMUNE
            and match.precision == best.precision
            and is_ambiguous(best.candidate, match.candidate, rule=self.rule)
        ]
        return _to_review(best, GeocodeReason.AMBIGUOUS, rival=rivals[0]) if rivals else best

    def _judged(self, question: Question, candidate: Candidate) -> Match:
        check = self._check(question, candidate)
        found_in = self.current.get(candidate.citycode, candidate.citycode)
        is_elsewhere = check is CommuneCheck.DIFFERENT and bool(found_in)
        match = judge(
            question.address,
            candidate,
            check,
            is_other_departement=is_elsewhere
            and departement_of(found_in) != departement_of(question.code_insee),
            rule=self.rule,
        )
        if match.status is GeocodeStatus.OK and self._is_other_part(question, candidate):
            return _to_review(match, GeocodeReason.COMMUNE_MISMATCH)
        return match

    def _is_other_part(self, question: Question, candidate: Candidate) -> bool:
        """Tell if the answer lies in another former commune than declared, of the same one."""
        is_part = self.kind.get(question.declared_code) in {"deleguee", "associee"}
        return is_part and candidate.oldcitycode not in {"", question.declared_code}

    def _commune_only(self, question: Question) -> Match:
        """Ask for the commune alone: a position to show, never one to trust."""
        name = question.commune or question.address.commune
        if not name:
            return NOTHING
        code = question.citycodes[-1] if question.citycodes else None
        return self._first(question, self.geocoder.search(name, citycode=code, kind="municipality"))


def _tries(question: Question) -> Iterator[tuple[str, str | None]]:
    """Texts to ask for, each with the commune code to search in, None for everywhere."""
    address = question.address
    if not address.line:
        return
    for code in question.citycodes:
        yield address.line, code
    widest = question.citycodes[-1] if question.citycodes else None
    if address.spelled_line != address.line:
        yield f"{address.spelled_line} {question.place}".strip(), widest
    yield f"{address.line} {question.place}".strip(), None
    if address.suffix:
        without_suffix = replace(address, suffix="").spelled_line
        yield f"{without_suffix} {question.place}".strip(), widest


def _to_review(match: Match, reason: GeocodeReason, *, rival: Candidate | None = None) -> Match:
    return replace(match, status=GeocodeStatus.REVIEW, reason=reason, rival=rival)
