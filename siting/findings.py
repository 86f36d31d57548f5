"""What can be said of one site on one requirement of a call: a verdict, a measure, its evidence.

What the data cannot decide is `a_verifier`, with the reason; what only the applicant knows is
`declaratif`. Sentences are in French: they are read as they are by those who judge.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from siting.labels import LABELS, long_date, metres_text, minutes_text, short_date
from siting.nearness import Nearest
from siting.places import COARSE, Place
from siting.tables import (
    PROVEN,
    AccessStatus,
    CommuneCheck,
    GeocodeReason,
    GeocodeStatus,
    MapEvidence,
    Precision,
    Verdict,
)

_OFF_NETWORK = LABELS[AccessStatus][AccessStatus.OFF_NETWORK]
_NO_REMARK = (GeocodeReason.MATCHED, GeocodeReason.NEAR_BORDER)
_NO_ADDRESS = (GeocodeReason.EMPTY_ROW, GeocodeReason.NO_LOCATION)
FAR_FROM_STREET_M = 50.0  # beyond, the straight link to the street is told
_N_SHOWN = 3  # categories named in a sentence

# What is said before the names of the categories whose absence is not proven.
_UNPROVEN = {
    MapEvidence.RARELY_MAPPED: "souvent absent de la carte",
    MapEvidence.REGISTER_UNPLACED: "dans la commune selon un registre, qui ne dit pas où",
    MapEvidence.FEWER_THAN_COMPARABLE: "moins sur la carte que la population ne le suggère",
    MapEvidence.BARELY_MAPPED: "commune peu cartographiée, absence non prouvée",
    MapEvidence.NOTHING_TO_COMPARE: "absence non prouvée, faute de comparaison",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Verdict of one site on one requirement; see the columns of table `VERDICTS`."""

    verdict: Verdict
    measure: str = ""
    evidence: str = ""

    def doubted(self, reason: str) -> Finding:
        """Return what is left of the finding when its ground is in doubt; no reason, no doubt."""
        if not reason or self.verdict is Verdict.DECLARATIF:
            return self
        is_said = reason in self.evidence
        evidence = self.evidence if is_said else joined_text(reason, self.evidence)
        return replace(self, verdict=Verdict.A_VERIFIER, evidence=evidence)


def declared_finding() -> Finding:
    """Say that only the applicant's file tells."""
    return Finding(Verdict.DECLARATIF, "à déclarer par le porteur du projet")


def unlocated_finding(place: Place) -> Finding:
    """Say that nothing can be measured for a site without position."""
    return Finding(
        Verdict.A_VERIFIER, "non mesuré", f"le site n'a pas de position : {place.reason_text}"
    )


def outside_finding(place: Place, departements: Collection[str]) -> Finding:
    """Say that the call does not apply there."""
    where = f"département {', '.join(departements)}" if departements else "France"
    return Finding(
        Verdict.HORS_CHAMP,
        "hors du territoire de l'appel",
        f"{place.commune_text} ; l'appel porte sur : {where}",
    )


def address_finding(place: Place) -> Finding:
    """
    Tell if the address is precise: found at its number, in the commune declared.

    A street or a locality alone is not a precise address. Whatever may be the geocoder's
    fault or the spelling's is `a_verifier`.
    """
    if not place.address and place.reason in _NO_ADDRESS:
        return Finding(Verdict.NON_REMPLI, "aucune adresse", place.reason_text)
    if place.status == GeocodeStatus.PROVIDED:
        return Finding(
            Verdict.A_VERIFIER,
            "adresse non contrôlée" if place.address else "aucune adresse, des coordonnées",
            joined_text(place.reason_text, place.address),
        )
    if place.status not in (GeocodeStatus.OK, GeocodeStatus.REVIEW) or (
        place.reason not in _NO_REMARK
    ):
        found = f" ({place.matched_label})" if place.matched_label else ""
        return Finding(Verdict.A_VERIFIER, "adresse non confirmée", place.reason_text + found)
    precision = LABELS[Precision].get(place.precision, "inconnue")
    if place.precision in COARSE:
        return Finding(Verdict.NON_REMPLI, f"adresse imprécise ({precision})", place.matched_label)
    is_precise = place.precision == Precision.HOUSENUMBER and place.is_commune_confirmed
    if is_precise and place.status == GeocodeStatus.OK:
        return Finding(Verdict.REMPLI, "adresse trouvée au numéro", place.matched_label)
    check = LABELS[CommuneCheck].get(place.check, "commune inconnue")
    return Finding(
        Verdict.A_VERIFIER,
        f"adresse trouvée, précision : {precision}",
        joined_text(place.matched_label, check),
    )


def pvd_finding(place: Place, *, list_on: str) -> Finding:
    """
    Tell if the commune is in *Petites villes de demain*, and since when.

    Membership is necessary, not sufficient: the revitalisation project is a requirement of
    its own. `list_on` is the ISO date of the list.
    """
    evidence = f"{place.commune_text} ; liste du {long_date(list_on)}"
    if place.is_pvd is None:
        return Finding(Verdict.A_VERIFIER, "non mesuré", evidence)
    if not place.is_pvd:
        measure = "commune absente de la liste Petites villes de demain"
        return Finding(Verdict.NON_REMPLI, measure, evidence).doubted(place.pvd_doubt)
    since = f"depuis le {short_date(place.pvd_on)}" if place.pvd_on else "date inconnue"
    measure = f"Petites villes de demain, {since}"
    return Finding(Verdict.REMPLI, measure, evidence).doubted(place.pvd_doubt)


def listed_finding(place: Place, *, is_by_commune: bool) -> Finding:
    """
    Tell if the call lists the commune: a preference, so that none is refused for it.

    `is_by_commune` tells if the present commune is listed, or only the former one.
    """
    here = joined_text(place.commune_text, place.inventory_text)
    if place.is_listed is None:
        evidence = f"{here} : une partie seulement de la commune est listée"
        return Finding(Verdict.A_VERIFIER, "non mesuré", evidence)
    if not place.is_listed:
        finding = Finding(Verdict.HORS_CHAMP, "commune non listée", here)
    elif is_by_commune:
        finding = Finding(Verdict.REMPLI, "commune listée", here)
    else:
        finding = Finding(
            Verdict.REMPLI,
            f"ancienne commune listée : {place.former_commune}",
            f"{place.former_commune}, aujourd'hui dans {here}",
        )
    return finding.doubted(place.listed_doubt)


def near_finding(
    place: Place,
    nearest: Nearest,
    *,
    strict: Nearest | None,
    threshold_min: float,
    cutoff_min: float,
) -> Finding:
    """
    Tell if a service of the family is within the threshold, on foot.

    For a walker that avoids what is unfit, `strict` is the nearest service by ways that are
    known to be fit: when only ways of which nothing is known bring one within the threshold,
    the verdict is `a_verifier`.

    Farther, or none: `non_rempli`, unless a nearer one may exist out of sight: beyond the
    edge of the data, of a kind that the map is known to miss, or cut off from the site by a
    gap in the mapped network.
    """
    if nearest.statuses <= {AccessStatus.OFF_NETWORK}:
        far = f" ({metres_text(nearest.snap_m)})" if nearest.snap_m > 0 else ""
        return Finding(Verdict.A_VERIFIER, "non mesuré", _OFF_NETWORK + far)
    if nearest.is_reached:
        minutes = minutes_text(nearest.walk_min)
        if nearest.walk_min > threshold_min and minutes == minutes_text(threshold_min):
            minutes = f"un peu plus de {minutes}"
        walk = f"{minutes} à pied ({metres_text(nearest.walk_m)})"
    else:
        walk = f"aucun service à moins de {minutes_text(cutoff_min)} à pied"
    evidence = nearest.service
    if nearest.is_reached and nearest.snap_m > FAR_FROM_STREET_M:
        link = f"dont {metres_text(nearest.snap_m)} en ligne droite du site à la rue"
        evidence = joined_text(evidence, link)
    if nearest.walk_min <= threshold_min:
        doubts = [place.position_doubt, _unknown_way(strict, threshold_min)]
        return Finding(Verdict.REMPLI, walk, evidence).doubted(joined_text(*doubts))
    doubts = [place.position_doubt, *_hidden_services(nearest)]
    evidence = joined_text(evidence, _proof(nearest))
    return Finding(Verdict.NON_REMPLI, walk, evidence).doubted(joined_text(*doubts))


def _unknown_way(strict: Nearest | None, threshold_min: float) -> str:
    """Say that no way known to be fit leads to a service within the threshold."""
    if strict is None or strict.walk_min <= threshold_min:
        return ""
    known = "aucun trajet"
    if strict.is_reached:
        known = f"{minutes_text(strict.walk_min)} ({metres_text(strict.walk_m)})"
    return (
        "la carte ne dit pas si tout le trajet est praticable ; "
        f"par les seules voies connues praticables : {known}"
    )


def _hidden_services(nearest: Nearest) -> list[str]:
    """Say why a nearer service may exist that could not be seen."""
    doubts = []
    if nearest.is_edge_limited:
        doubts.append("un service plus proche peut exister hors de la zone couverte par la carte")
    for evidence, said in _UNPROVEN.items():
        names = [name for name, known in nearest.absences if known == evidence]
        if names:
            doubts.append(f"{said} : {_some(names)}")
    if not nearest.is_reached and AccessStatus.NO_PATH in nearest.statuses:
        doubts.append(LABELS[AccessStatus][AccessStatus.NO_PATH])
    return doubts


def _proof(nearest: Nearest) -> str:
    """Say why what was not found is known not to be there, for the categories that count."""
    kinds = {known for _, known in nearest.absences if known in PROVEN}
    said = [LABELS[MapEvidence][one] for one in MapEvidence if one in kinds]
    return f"absence établie : {' ; '.join(said)}" if said else ""


def _some(names: Sequence[str]) -> str:
    shown, n_more = names[:_N_SHOWN], len(names) - _N_SHOWN
    return ", ".join(shown) + (f" et {n_more} autres" if n_more > 0 else "")


def joined_text(*texts: str) -> str:
    """Join the texts that are not empty."""
    return " ; ".join(text for text in texts if text)
