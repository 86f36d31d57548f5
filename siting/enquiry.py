"""How a geocoder is asked for one address: which questions, in which order, which answer kept."""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Iterator
from dataclasses import astuple, dataclass, replace

import pandas as pd

from siting.addresses import Address
from siting.asking import Answer, Ask
from siting.communes import departement_of
from siting.matching import (
    SAME_COMMUNE,
    Candidate,
    GeocodeRule,
    Match,
    apart_m,
    is_ambiguous,
    is_exact,
    judge,
)
from siting.names import commune_key
from siting.tables import CommuneCheck, GeocodeReason, GeocodeStatus

_STRATEGY = 1  # changes when other texts are asked: what is settled must be asked again
_ROUNDED = 0.005  # scores in the files of addok have two decimals
NOTHING = Match(status=GeocodeStatus.NOT_FOUND, reason=GeocodeReason.NO_CANDIDATE)
UNASKED = Match(status=GeocodeStatus.SKIPPED, reason=GeocodeReason.OFFLINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be asked next; `is_whole` wants all candidates, else the best is enough."""

    ask: Ask
    is_whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    What became of a question: the best match, what was asked to get it, and its answer.

    `n_asked` counts the texts that were answered, whoever answered them; `oldest_on` is the
    date of the first of these answers. `ask` and `answer` are None where no text was.
    """

    match: Match
    ask: Ask | None = None
    answer: Answer | None = None
    n_asked: int = 0
    oldest_on: str = ""

    @property
    def score_next(self) -> float:
        """Score of the engine's second candidate, NaN where there is none or it is not told."""
        if self.answer is None or not self.answer.is_whole:
            return math.nan if self.answer is None else self.answer.score_next
        scores = [candidate.score for candidate in self.answer.candidates[1:2]]
        return scores[0] if scores else math.nan


Steps = Generator[Wanted, Answer | None, Finding]


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

    def key(self, endpoint: str, *, is_bulk: bool) -> str:
        """Return a text that stands for the question, asked of an endpoint in a way."""
        return json.dumps([_STRATEGY, endpoint, is_bulk, *astuple(self)])


@dataclass(frozen=True, slots=True)
class Enquiry:
    """
    The thresholds, and what became of the codes that are no longer communes.

    Parameters
    ----------
    rule
        Thresholds of the judgement.
    current
        Current commune of each old code.
    kind
        What each of them is today: arrondissement, delegated commune...
    """

    rule: GeocodeRule
    current: dict[str, str]
    kind: dict[str, str]

    @classmethod
    def of(cls, *, history: pd.DataFrame, rule: GeocodeRule) -> Enquiry:
        """Prepare an enquiry with the codes of table `COMMUNE_HISTORY`."""
        return cls(rule, history["code_insee"].to_dict(), history["kind"].to_dict())

    def steps(self, question: Question, *, is_bulk: bool) -> Steps:
        """
        Ask until an answer is `ok`, else keep the best: see `siting.matching.Match.rank`.

        A generator: it yields what to ask, is sent the answer (None when nobody can be
        asked), and returns what was found. In bulk, the best candidate alone is asked for
        first; all candidates are where it does not settle the question.
        """
        found = _Found()
        for ask in _tries(question):
            yield from self._asked(question, ask, found, is_bulk=is_bulk)
            if found.best.match.status is GeocodeStatus.OK:
                return found.finding()
        if found.best.match is NOTHING and question.address.line:
            ask = Ask(query=question.address.line)
            yield from self._asked(question, ask, found, is_bulk=False)
        if not (found.best.match.is_same_street or found.best.match.is_in_commune):
            yield from self._asked_commune(question, found)
        return found.finding()

    def _asked(
        self, question: Question, ask: Ask, found: _Found, *, is_bulk: bool
    ) -> Generator[Wanted, Answer | None, None]:
        """
        Ask for one text, and keep what is better than what was found before.

        What a file left unanswered was asked alone, and has all its candidates already. Where
        nobody can tell the other candidates (a journal judged with other thresholds), the best
        alone is kept, to be checked if nothing else is wrong with it.
        """
        first, match = None, NOTHING
        if is_bulk:
            first = yield Wanted(ask=ask, is_whole=False)
            match = NOTHING if first is None else self._first(question, first)
            if first is not None and (first.is_whole or self._settles(question, match, first)):
                found.add(match, ask, first)
                return
        answer = yield Wanted(ask=ask, is_whole=True)
        if answer is not None:
            found.add(self._first(question, answer), ask, answer)
        elif first is not None:
            if match.status is GeocodeStatus.OK:
                match = _to_review(match, GeocodeReason.AMBIGUOUS)
            found.add(match, ask, first)

    def _settles(self, question: Question, match: Match, answer: Answer) -> bool:
        """
        Tell if the best candidate alone is enough: it is `ok`, and no other can be as good.

        A commune that was several may hold the street twice. Where the engine does not tell
        the score of the second, the street must be the one asked for to the word. A score that
        is `ok` only as it was rounded is not.
        """
        if match.status is not GeocodeStatus.OK or match.candidate is None:
            return False
        if match.candidate.oldcitycode:
            return False
        lowest = replace(match.candidate, score=match.candidate.score - _ROUNDED)
        if self._judged(question, lowest).status is not GeocodeStatus.OK:
            return False
        if math.isnan(answer.score_next):
            return is_exact(question.address, match.candidate)
        return lowest.score - answer.score_next >= self.rule.ambiguous_gap

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

    def _first(self, question: Question, answer: Answer) -> Match:
        """Judge the candidates of one answer, and keep the best."""
        matches = [self._judged(question, candidate) for candidate in answer.candidates]
        best = max(matches, key=lambda match: self._rank(question, match), default=NOTHING)
        if best.candidate is None or best.status is not GeocodeStatus.OK:
            return best
        rivals = [
            match.candidate
            for match in matches
            if match.candidate is not None
            and match is not best
            and match.commune_check in SAME_COMMUNE
            and match.precision == best.precision
            and (
                is_ambiguous(best.candidate, match.candidate, rule=self.rule)
                or self._is_twin(question, best.candidate, match.candidate)
            )
        ]
        return _to_review(best, GeocodeReason.AMBIGUOUS, rival=rivals[0]) if rivals else best

    def _rank(self, question: Question, match: Match) -> tuple[object, ...]:
        """Rank the candidates of one answer: of equals, the one with the postal code asked for."""
        *worth, score = match.rank
        found = match.candidate
        agrees = (
            found is not None
            and found.postcode == question.address.postcode
            and is_exact(question.address, found)
        )
        return (*worth, agrees, score)

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

    def _is_twin(self, question: Question, best: Candidate, other: Candidate) -> bool:
        """
        Tell if a commune holds the address twice, and nothing tells which is meant.

        A merged commune may, and a register with two spellings of a street. The postal code
        tells, and so does a former commune that is declared.
        """
        if self._is_other_part(question, other) or apart_m(best, other) <= self.rule.ambiguous_m:
            return False
        postcode = question.address.postcode
        if postcode and best.postcode == postcode != other.postcode:
            return False
        return all(is_exact(question.address, one) for one in (best, other))

    def _is_other_part(self, question: Question, candidate: Candidate) -> bool:
        """Tell if the answer lies in another former commune than declared, of the same one."""
        is_part = self.kind.get(question.declared_code) in {"deleguee", "associee"}
        return is_part and candidate.oldcitycode not in {"", question.declared_code}

    def _asked_commune(
        self, question: Question, found: _Found
    ) -> Generator[Wanted, Answer | None, None]:
        """Ask for the commune alone: a position to show, never one to trust."""
        name = question.commune or question.address.commune
        if name:
            code = question.citycodes[-1] if question.citycodes else ""
            ask = Ask(query=name, citycode=code, kind="municipality")
            yield from self._asked(question, ask, found, is_bulk=False)


class _Found:
    """The best of what was found so far; of equals, the first."""

    def __init__(self) -> None:
        self.best = Finding(match=NOTHING)
        self._days: list[str] = []

    def add(self, match: Match, ask: Ask, answer: Answer) -> None:
        self._days.append(answer.asked_on)
        if self.best.ask is None or match.rank > self.best.match.rank:
            self.best = Finding(match=match, ask=ask, answer=answer)

    def finding(self) -> Finding:
        if not self._days:
            return Finding(match=UNASKED)
        return replace(self.best, n_asked=len(self._days), oldest_on=min(self._days))


def _tries(question: Question) -> Iterator[Ask]:
    """Texts to ask for, each with the commune code to search in, none for everywhere."""
    address = question.address
    if not address.line:
        return
    for code in question.citycodes:
        yield Ask(query=address.line, citycode=code)
    widest = question.citycodes[-1] if question.citycodes else ""
    if address.spelled_line != address.line:
        yield Ask(query=f"{address.spelled_line} {question.place}".strip(), citycode=widest)
    yield Ask(query=f"{address.line} {question.place}".strip())
    if address.suffix:
        without_suffix = replace(address, suffix="").spelled_line
        yield Ask(query=f"{without_suffix} {question.place}".strip(), citycode=widest)


def _to_review(match: Match, reason: GeocodeReason, *, rival: Candidate | None = None) -> Match:
    return replace(match, status=GeocodeStatus.REVIEW, reason=reason, rival=rival)
