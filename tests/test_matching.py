import math

import pytest

from siting.addresses import read_address
from siting.matching import Candidate, GeocodeRule, Match, is_ambiguous, is_same_street, judge
from siting.tables import CommuneCheck, GeocodeReason, GeocodeStatus, Precision

RULE = GeocodeRule()


def answer(street: str, housenumber: str = "", *, kind: str = "", score: float = 0.9) -> Candidate:
    kind = kind or ("housenumber" if housenumber else "street")
    return Candidate(
        label=street,
        lon=2.48,
        lat=48.9,
        score=score,
        kind=kind,
        street=street,
        housenumber=housenumber,
        citycode="93010",
    )


def judged(
    asked: str, found: Candidate, check: CommuneCheck = CommuneCheck.SAME, *, is_far: bool = False
) -> Match:
    return judge(read_address(asked), found, check, is_other_departement=is_far, rule=RULE)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("rue de la République", "Rue de la Republique"),
        ("av. du Gal Leclerc", "Avenue du Général Leclerc"),
        ("rue St-Honoré", "Rue Saint-Honoré"),
        ("rue Vaillant", "Rue Edouard Vaillant"),
        ("rue E. Vaillant", "Rue Edouard Vaillant"),
        ("rue Edouard Vailant", "Rue Edouard Vaillant"),
        ("rue du 8 mai", "Rue du 8 Mai 1945"),
        ("Carnot", "Rue Carnot"),
        ("Les Quatre Vents", "Quatre Vents"),
    ],
)
def test_one_street_under_two_spellings(asked: str, found: str) -> None:
    assert is_same_street(read_address(asked), answer(found), rule=RULE)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("rue Carnot", "Avenue Carnot"),
        ("rue des Clous", "Rue des Cloÿs"),
        ("rue Carnot 1945", "Rue Carnot"),
        ("allée 3", "Allée 5"),
        ("rue de la Paix", "Rue de la Croix"),
        ("résidence du parc des grands chênes", "Rue du Parc"),
        ("rue Paul Vaillant Couturier", "Rue Paul"),
        ("rue Carnot", ""),
    ],
)
def test_two_streets(asked: str, found: str) -> None:
    assert not is_same_street(read_address(asked), answer(found), rule=RULE)


@pytest.mark.parametrize(
    ("asked", "found", "reason", "precision"),
    [
        ("12 rue X", answer("Rue X", "12"), "MATCHED", "housenumber"),
        ("12 bis rue X", answer("Rue X", "12bis"), "MATCHED", "housenumber"),
        ("12 bis rue X", answer("Rue X", "12 B"), "MATCHED", "housenumber"),
        ("12 bis rue X", answer("Rue X", "12"), "SUFFIX_NOT_FOUND", "housenumber_without_suffix"),
        ("12 bis rue X", answer("Rue X", "12ter"), "NUMBER_DIFFERS", "housenumber"),
        ("12 rue X", answer("Rue X", "12bis"), "NUMBER_DIFFERS", "housenumber"),
        ("12 rue X", answer("Rue X", "14"), "NUMBER_DIFFERS", "housenumber"),
        ("rue X", answer("Rue X", "14"), "NUMBER_DIFFERS", "housenumber"),
        ("12 rue X", answer("Rue X"), "NUMBER_NOT_FOUND", "street"),
        ("12 Le Bourg", answer("Le Bourg", kind="locality"), "NUMBER_NOT_FOUND", "locality"),
        ("Le Bourg", answer("Le Bourg", kind="locality"), "MATCHED", "locality"),
        ("rue X", answer("Rue X"), "MATCHED", "street"),
        ("12 rue X", answer("Bondy", kind="municipality"), "STREET_NOT_FOUND", "municipality"),
        ("12 rue X", answer("Rue X", "12", kind="poi"), "STREET_NOT_FOUND", "none"),
    ],
)
def test_precision_comes_from_the_type_and_the_number(
    asked: str, found: Candidate, reason: str, precision: str
) -> None:
    match = judged(asked, found)
    assert (match.reason, match.precision) == (reason, precision)
    assert (match.status is GeocodeStatus.OK) == (reason == "MATCHED")


@pytest.mark.parametrize(
    ("street", "score", "status", "reason"),
    [
        ("Rue Edouard Vaillant", 0.60, "ok", "MATCHED"),
        ("Rue Edouard Vaillant", 0.59, "review", "LOW_SCORE"),
        ("Rue Edouard Vaillant", 0.39, "rejected", "LOW_SCORE"),
        ("Rue Edouard Vaillant", math.nan, "rejected", "LOW_SCORE"),
        ("Rue Edouard Vailllant", 0.80, "ok", "MATCHED"),
        ("Rue Edouard Vailllant", 0.79, "review", "LOW_SCORE"),
        ("Avenue Edouard Vaillant", 0.99, "review", "STREET_NOT_FOUND"),
        ("Avenue Edouard Vaillant", 0.59, "rejected", "STREET_NOT_FOUND"),
    ],
)
def test_the_score_comes_last(street: str, score: float, status: str, reason: str) -> None:
    match = judged("12 rue Edouard Vaillant", answer(street, "12", score=score))
    assert (match.status, match.reason) == (status, reason)


def test_no_score_makes_up_for_the_commune() -> None:
    best = answer("Rue X", "12", score=1.0)
    assert judged("12 rue X", best, CommuneCheck.DIFFERENT).reason == "COMMUNE_MISMATCH"
    assert judged("12 rue X", best, CommuneCheck.DIFFERENT).status is GeocodeStatus.REVIEW
    assert judged("12 rue X", best, CommuneCheck.UNDECLARED).status is GeocodeStatus.REVIEW
    far = judged("12 rue X", best, CommuneCheck.DIFFERENT, is_far=True)
    assert (far.status, far.reason) == ("rejected", "DEPARTEMENT_MISMATCH")
    for check in ("same", "same_after_merge", "arrondissement"):
        assert judged("12 rue X", best, CommuneCheck(check)).status is GeocodeStatus.OK


def test_a_position_is_shown_in_the_declared_commune_only() -> None:
    found = answer("Rue X", "14")
    assert judged("12 rue X", found).has_place
    assert not judged("12 rue X", found, CommuneCheck.DIFFERENT).has_place
    assert not judged("12 rue X", found, CommuneCheck.UNDECLARED).has_place
    assert not judged("12 rue X", answer("Rue X", "12", score=0.1)).has_place


def test_the_order_of_answers() -> None:
    """Usable, right street, commune, precision, score: each beats all that follow."""
    nothing = Match(status=GeocodeStatus.NOT_FOUND, reason=GeocodeReason.NO_CANDIDATE)
    far = judged("12 rue X", answer("Rue X", "12", score=1), CommuneCheck.DIFFERENT, is_far=True)
    other_street = judged("12 rue X", answer("Avenue X", "12", score=1))
    next_door = judged("12 rue X", answer("Rue X", "12", score=1), CommuneCheck.DIFFERENT)
    in_street = judged("12 rue X", answer("Rue X", score=1))
    low = judged("12 rue X", answer("Rue X", "12", score=0.5))
    right = judged("12 rue X", answer("Rue X", "12", score=0.6))
    ranks = [match.rank for match in (nothing, far, other_street, next_door, in_street, low, right)]
    assert ranks == sorted(ranks)
    assert next(iter(Precision)) == "housenumber"


def test_ambiguity_needs_near_scores_and_far_places() -> None:
    best = answer("Rue X", "12", score=0.90)
    near_score = Candidate(label="b", lon=2.49, lat=48.9, score=0.86)
    assert is_ambiguous(best, near_score, rule=RULE)
    assert not is_ambiguous(best, Candidate(label="b", lon=2.49, lat=48.9, score=0.84), rule=RULE)
    assert not is_ambiguous(best, Candidate(label="b", lon=2.4805, lat=48.9, score=0.9), rule=RULE)
