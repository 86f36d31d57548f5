"""What one answer of a geocoder is worth, against the address and the commune asked for."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np

from siting.addresses import Address, same_suffix, split_number
from siting.crs import geodesic_m
from siting.names import street_key
from siting.tables import CommuneCheck, GeocodeReason, GeocodeStatus, Precision

SAME_COMMUNE = frozenset(
    {CommuneCheck.SAME, CommuneCheck.SAME_AFTER_MERGE, CommuneCheck.ARRONDISSEMENT}
)
_STATUS_RANK = {GeocodeStatus.OK: 2, GeocodeStatus.REVIEW: 1}
_COMMUNE_RANK = {CommuneCheck.UNDECLARED: 1, CommuneCheck.DIFFERENT: 0}
_PRECISION_RANK = {precision: rank for rank, precision in enumerate(reversed(Precision))}
_TYPES = {
    "housenumber": Precision.HOUSENUMBER,
    "street": Precision.STREET,
    "locality": Precision.LOCALITY,
    "municipality": Precision.MUNICIPALITY,
    "city": Precision.MUNICIPALITY,  # older indexes of addok
    "town": Precision.MUNICIPALITY,
    "village": Precision.MUNICIPALITY,
}
_WAYS = {
    *("allee", "avenue", "boulevard", "chemin", "cours", "esplanade", "faubourg", "hameau"),
    *("impasse", "lotissement", "montee", "passage", "place", "promenade", "quai", "residence"),
    *("route", "rue", "ruelle", "sentier", "square", "traverse", "venelle", "villa", "voie"),
}
_FORMER_COMMUNE = re.compile(r"\s*\([^()]*\)\s*$")
# What makes another place of the same name, wherever it stands: *rue du Vieux Moulin*.
_MAKES_ANOTHER = {
    *("ancien", "ancienne", "bas", "basse", "grand", "grande", "haut", "haute", "neuf", "neuve"),
    *("nouveau", "nouvelle", "petit", "petite", "saint", "sainte", "vieille", "vieux"),
}
_MAY_BE_LEFT_OUT = {  # before the name of a person
    *("abbe", "amiral", "capitaine", "colonel", "commandant", "docteur", "general", "lieutenant"),
    *("madame", "marechal", "monseigneur", "president", "professeur", "sergent"),
}
_YEAR_OF_DATE = re.compile(r"[0-9]{1,2} [a-z]{3,9} [0-9]{4}")
_FEWEST_SWAPPED = 4  # letters of a word in which two that are swapped are a typing error
_LINKS = {"a", "au", "aux", "d", "de", "des", "du", "en", "et", "l", "la", "le", "les"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """
    One answer of a geocoder, in degrees; what it does not say is empty, its score NaN.

    `score` is the engine's own, from 0 to 1: it sorts, it does not prove. `distance_m` is
    the distance to the place asked about, of a reverse search only.
    """

    label: str
    lon: float
    lat: float
    score: float = math.nan
    kind: str = ""
    name: str = ""
    street: str = ""
    housenumber: str = ""
    citycode: str = ""
    oldcitycode: str = ""
    city: str = ""
    postcode: str = ""
    distance_m: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class GeocodeRule:
    """
    Thresholds of the judgement; scores are 0-1 and mean nothing across engines.

    Defaults: `ok_score` is that of the French platform *Les emplois de l'inclusion* (0.8,
    "almost zero false positives" after manual inspection); `ok_score_same_street` asks less
    when the words of the street are the same but for swapped letters (abbreviations lower the
    score of a right answer), and rejects another street below it; under `rejected_score`
    nothing is shown
    (addok-csv drops up to 0.5, the SIRENE geocoding of Etalab 0.3 under filter). Two answers
    are ambiguous when their scores are nearer than `ambiguous_gap` and their places farther
    apart than `ambiguous_m`.
    `same_word_share` is how alike two words must be to be one word with a typing error
    (difflib ratio: *Clous* and *Cloys*, 0.8, are two streets); two letters swapped are one.
    To be calibrated again on one's own checked sample when the engine changes.
    """

    ok_score: float = 0.8
    ok_score_same_street: float = 0.6
    rejected_score: float = 0.4
    ambiguous_gap: float = 0.05
    ambiguous_m: float = 50.0
    same_word_share: float = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """
    A candidate and the judgement on it: one row of `SITES`, without its identity.

    `is_same_street` tells if the street found may be the one asked for.
    """

    status: GeocodeStatus
    reason: GeocodeReason
    precision: Precision = Precision.NONE
    commune_check: CommuneCheck | None = None
    candidate: Candidate | None = None
    rival: Candidate | None = None
    is_same_street: bool = False

    @property
    def rank(self) -> tuple[int, bool, int, int, float]:
        """
        Better is larger: ok or usable, right street, then commune, precision and score.

        The street comes before the commune: the street asked for, found next door, tells
        the reader more than another street of the declared commune. Neither is `ok`.
        """
        score = 0.0 if math.isnan(self.score) else self.score
        commune = -1 if self.commune_check is None else _COMMUNE_RANK.get(self.commune_check, 2)
        status = _STATUS_RANK.get(self.status, 0)
        return status, self.is_same_street, commune, _PRECISION_RANK[self.precision], score

    @property
    def score(self) -> float:
        """Score of the candidate; NaN without one."""
        return math.nan if self.candidate is None else self.candidate.score

    @property
    def is_in_commune(self) -> bool:
        """Tell if what was found, right or to check, is in the commune declared."""
        is_found = self.candidate is not None and self.status is not GeocodeStatus.REJECTED
        return is_found and self.commune_check in SAME_COMMUNE

    @property
    def has_place(self) -> bool:
        """
        Tell if the position found may be measured from.

        The middle of a commune may not: a walk from there is not the walk of the site.
        """
        return self.is_in_commune and self.precision is not Precision.MUNICIPALITY

    @property
    def label(self) -> str:
        """Address found; the two of them when nothing tells which one is right."""
        labels = [found.label for found in (self.candidate, self.rival) if found is not None]
        return " ; ou : ".join(labels)


def judge(
    asked: Address,
    candidate: Candidate,
    check: CommuneCheck,
    *,
    is_other_departement: bool,
    rule: GeocodeRule,
) -> Match:
    """
    Judge one candidate, alone: commune, then street and number, then score.

    A candidate in another commune than declared, or with another number than asked, is
    never `ok`, whatever its score. Without a number asked, a street is as fine as what
    was asked for: it is `ok`, and `precision` says `street`.
    """
    is_same = is_same_street(asked, candidate, rule=rule)
    reason = _remark(asked, candidate, is_same=is_same, rule=rule)
    status = GeocodeStatus.OK if reason is GeocodeReason.MATCHED else GeocodeStatus.REVIEW
    if check not in SAME_COMMUNE:
        status, reason = GeocodeStatus.REVIEW, GeocodeReason.AMBIGUOUS
    if check is CommuneCheck.DIFFERENT:
        reason = GeocodeReason.COMMUNE_MISMATCH
    if is_other_departement:
        status, reason = GeocodeStatus.REJECTED, GeocodeReason.DEPARTEMENT_MISMATCH
    elif _score(candidate) < rule.rejected_score:
        status, reason = GeocodeStatus.REJECTED, GeocodeReason.LOW_SCORE
    elif _is_other_street(asked, candidate, is_same=is_same, rule=rule):
        status, reason = GeocodeStatus.REJECTED, GeocodeReason.STREET_NOT_FOUND
    return Match(
        status=status,
        reason=reason,
        precision=_precision(asked, candidate),
        commune_check=check,
        candidate=candidate,
        is_same_street=is_same,
    )


def is_ambiguous(best: Candidate, other: Candidate, *, rule: GeocodeRule) -> bool:
    """Tell if nothing but luck puts one candidate before the other."""
    gap = abs(_score(best) - _score(other))
    return gap < rule.ambiguous_gap and apart_m(best, other) > rule.ambiguous_m


def apart_m(one: Candidate, other: Candidate) -> float:
    """Measure the metres between two candidates."""
    places = (np.array([degrees]) for degrees in (one.lon, one.lat, other.lon, other.lat))
    return float(geodesic_m(*places)[0])


def is_exact(asked: Address, candidate: Candidate) -> bool:
    """Tell if number, suffix and the words of the street are those asked for."""
    is_same_name = _words(asked.street) == _words(_street_of(candidate))
    return is_same_name and _number_remark(asked, candidate) is GeocodeReason.MATCHED


def is_same_street(asked: Address, candidate: Candidate, *, rule: GeocodeRule) -> bool:
    """
    Tell if the street found may be the one asked for, but for spelling and left-out words.

    Two kinds of way that differ (*rue*, *avenue*) are two streets, and so are numbers of
    the name that the answer does not have. Otherwise the words of the shorter name must
    all be in the other, a typing error apart, and make up half of it at least.
    """
    if _TYPES.get(candidate.kind) in {None, Precision.MUNICIPALITY}:
        return False
    wanted, found = _words(asked.street), _words(_street_of(candidate))
    ways = [_way(words) for words in (wanted, found)]
    if all(ways) and ways[0] != ways[1]:
        return False
    wanted, found = _content(wanted), _content(found)
    if {word for word in wanted if word.isdigit()} - set(found):
        return False
    shorter, longer = sorted([wanted, found], key=len)
    if not shorter or 2 * len(shorter) < len(longer):
        return False
    return all(any(_alike(one, other, rule) for other in longer) for one in shorter)


def _is_other_street(
    asked: Address, candidate: Candidate, *, is_same: bool, rule: GeocodeRule
) -> bool:
    """Tell if a street was found, but one that does not even look like the one asked for."""
    is_commune = _TYPES.get(candidate.kind) is Precision.MUNICIPALITY
    is_unlike = _score(candidate) < rule.ok_score_same_street
    return bool(asked.street) and not is_same and not is_commune and is_unlike


def _remark(
    asked: Address, candidate: Candidate, *, is_same: bool, rule: GeocodeRule
) -> GeocodeReason:
    """Say what is wrong with the street, the number or the score; `MATCHED` if nothing is."""
    if not asked.street:
        return GeocodeReason.NO_LOCATION  # the commune alone was given
    if not is_same:
        return GeocodeReason.STREET_NOT_FOUND
    number = _number_remark(asked, candidate)
    if number is not GeocodeReason.MATCHED:
        return number
    names = [_words(name) for name in (asked.street, _street_of(candidate))]
    wanted, found = map(_content, names)
    if not _is_surely(wanted, found, rule=rule):
        return GeocodeReason.STREET_NOT_FOUND
    equal = _way(names[0]) == _way(names[1]) and _is_word_for_word(wanted, found)
    enough = rule.ok_score_same_street if equal else rule.ok_score
    return GeocodeReason.MATCHED if _score(candidate) >= enough else GeocodeReason.LOW_SCORE


def _number_remark(asked: Address, candidate: Candidate) -> GeocodeReason:
    number, suffix = split_number(candidate.housenumber)
    if candidate.kind != "housenumber":
        return GeocodeReason.NUMBER_NOT_FOUND if asked.number else GeocodeReason.MATCHED
    if number != asked.number:
        return GeocodeReason.NUMBER_DIFFERS
    if same_suffix(asked.suffix, suffix):
        return GeocodeReason.MATCHED
    return GeocodeReason.NUMBER_DIFFERS if suffix else GeocodeReason.SUFFIX_NOT_FOUND


def _precision(asked: Address, candidate: Candidate) -> Precision:
    precision = _TYPES.get(candidate.kind, Precision.NONE)
    lost_suffix = bool(asked.suffix) and not split_number(candidate.housenumber)[1]
    if precision is Precision.HOUSENUMBER and lost_suffix:
        return Precision.HOUSENUMBER_WITHOUT_SUFFIX
    return precision


def _street_of(candidate: Candidate) -> str:
    """Return the name of the street, without the former commune that the BAN adds to twins."""
    name = candidate.street or candidate.name or candidate.label
    return _FORMER_COMMUNE.sub("", name) if candidate.oldcitycode else name


def _words(street: str) -> list[str]:
    return street_key(street).split()


def _way(words: list[str]) -> str:
    """Return the kind of way in front of a name; empty if there is none."""
    return words[0] if words[:1] and words[0] in _WAYS else ""


def _content(words: list[str]) -> list[str]:
    """Keep the words that make the name: not the kind of way in front, not the articles."""
    kept = [word for word in words if word not in _LINKS]
    return kept[1:] if _way(kept) and len(kept) > 1 else kept


def _is_surely(wanted: list[str], found: list[str], *, rule: GeocodeRule) -> bool:
    """
    Tell if the words of a street leave no doubt which it is, though some are left out.

    First names and titles may be: *rue Vaillant* is *rue Edouard Vaillant*. The last word may
    not, but for the year of a date: *avenue Léon* is not *avenue Léon Blum*; nor may words that
    make another street, or words asked for that the street has not (*avenue Clara Blériot*).
    """
    left_out = [word for word in found if not any(_alike(one, word, rule) for one in wanted)]
    unknown = [word for word in wanted if not any(_alike(word, one, rule) for one in found)]
    if _MAKES_ANOTHER.union(_WAYS).intersection(left_out) or set(unknown) - _MAY_BE_LEFT_OUT:
        return False
    is_dated = _YEAR_OF_DATE.fullmatch(" ".join(found)) and wanted == found[:-1]
    return bool(is_dated) or _alike(wanted[-1], found[-1], rule)


def _is_word_for_word(wanted: list[str], found: list[str]) -> bool:
    """Tell if two names have the same words, but for letters that are swapped."""
    return len(wanted) == len(found) and all(
        one == other or _is_swapped(one, other) for one, other in zip(wanted, found, strict=True)
    )


def _alike(one: str, other: str, rule: GeocodeRule) -> bool:
    short, long = sorted([one, other], key=len)
    is_initial = len(short) == 1 and short.isalpha() and long.startswith(short)
    if one == other or is_initial or _is_swapped(one, other):
        return True
    if len(long) - len(short) > 1:  # *Michel* is not *Michelet*
        return False
    return SequenceMatcher(None, one, other).ratio() >= rule.same_word_share


def _is_swapped(one: str, other: str) -> bool:
    """Tell if two words differ by two letters side by side that are swapped."""
    if len(one) != len(other) or len(one) < _FEWEST_SWAPPED or not one.isalpha():
        return False
    at = next((at for at, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1]), 0)
    return one[at : at + 2] == other[at : at + 2][::-1] and one[at + 2 :] == other[at + 2 :]


def _score(candidate: Candidate) -> float:
    return 0.0 if math.isnan(candidate.score) else candidate.score
