"""What can be said of a site from layers of the territory: quarters, density, establishments.

As in `findings`: what the data cannot decide is `a_verifier`, with what is missing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from siting.establishments import SEARCHED_M as ESTABLISHMENTS_M
from siting.establishments import Neighbour
from siting.findings import Finding, joined_text
from siting.labels import LABELS, metres_text
from siting.places import CallLayer, Place
from siting.quarters import SEARCHED_M as QUARTERS_M
from siting.quarters import Quarter
from siting.rule_packs import Reading
from siting.tables import Verdict

FACING_M = 300.0  # a quarter at most so far is named, though the site is outside of it

_NO_FREQUENCY = (
    "manquent : la fréquence des transports (départs par jour, dimanches, vacances) et le "
    "transport à la demande"
)


@dataclass(frozen=True, slots=True)
class FamilyFinding:
    """What was found of one family of services."""

    label: str
    finding: Finding

    @property
    def text(self) -> str:
        """The family, its verdict and what was measured, in French."""
        word = LABELS[Verdict][self.finding.verdict]
        return f"{self.label} : {word} ({joined_text(self.finding.measure, self.finding.evidence)})"


def not_installed_finding(what: str, command: str) -> Finding:
    """Say that a layer is not there, and how to get it."""
    evidence = f"{what} : couche non installée : {command}"
    return Finding(Verdict.A_VERIFIER, "non mesuré", evidence)


def families_finding(found: Sequence[FamilyFinding], reading: Reading) -> Finding:
    """
    Tell if services of several families are near: all of them, or one at least.

    When the text of the call leaves both readings, both results are shown; where they differ
    the verdict is `a_verifier`.
    """
    verdicts = [one.finding.verdict for one in found]
    each, one_of = _all_of(verdicts), _any_of(verdicts)
    evidence = " ; ".join(one.text for one in found)
    words = LABELS[Verdict]
    if reading is Reading.ALL:
        return Finding(each, f"chacune des familles : {words[each]}", evidence)
    if reading is Reading.ANY:
        return Finding(one_of, f"une famille au moins : {words[one_of]}", evidence)
    measure = f"lecture « l'une au moins » : {words[one_of]} ; lecture « toutes » : {words[each]}"
    if each is one_of:
        return Finding(each, measure, evidence)
    why = "le texte de l'appel permet les deux lectures, et leurs résultats diffèrent"
    return Finding(Verdict.A_VERIFIER, measure, f"{why} ; {evidence}")


def rural_finding(
    place: Place, density: CallLayer | None, found: Sequence[FamilyFinding]
) -> Finding:
    """
    Tell if the site escapes the exclusion of rural communes that are badly served.

    A commune that is not rural does, and so does one where each family of services is near.
    Of a rural one where some is not, nothing is concluded: being badly served needs the
    frequency of transport, which is not known here.
    """
    missing = [one for one in found if one.finding.verdict is not Verdict.REMPLI]
    services = " ; ".join(one.text for one in found)
    is_rural, label = _rural(place.code_insee, density)
    if density is not None and is_rural is False:
        measure = f"commune non rurale : {label}"
        is_there, _ = _rural(place.border_code_insee, density)
        matters = bool(place.border_code_insee) and is_there is not False
        finding = Finding(Verdict.REMPLI, measure, f"{place.commune_text} ; {density.said}")
        return finding.doubted(place.commune_doubt(matters=matters))
    if not missing:
        measure = f"{label}, desservie : chaque famille de services est proche"
        return Finding(Verdict.REMPLI, measure, f"{services} ; fréquences non mesurées").doubted(
            place.position_doubt
        )
    names = ", ".join(one.label for one in missing)
    measure = f"{label} ; proximité non établie : {names}"
    return Finding(Verdict.A_VERIFIER, measure, f"{_NO_FREQUENCY} ; {services}")


def rural_commune_finding(place: Place, density: CallLayer | None) -> Finding:
    """Tell if the commune is rural: a preference of the call, so that none is refused for it."""
    is_rural, label = _rural(place.code_insee, density)
    if density is None or is_rural is None:
        return Finding(Verdict.A_VERIFIER, "non mesuré", label)
    verdict = Verdict.REMPLI if is_rural else Verdict.HORS_CHAMP
    measure = label if is_rural else f"commune non rurale : {label}"
    is_there, _ = _rural(place.border_code_insee, density)
    matters = bool(place.border_code_insee) and is_there is not is_rural
    finding = Finding(verdict, measure, f"{place.commune_text} ; {density.said}")
    return finding.doubted(place.commune_doubt(matters=matters))


def quarter_finding(
    place: Place, layer: CallLayer, quarter: Quarter, *, edge_m: float, is_required: bool
) -> Finding:
    """
    Tell if a site is in a priority quarter, at its edge, or outside.

    Within `edge_m` of the edge, on either side, it is `a_verifier`: a building and the point
    of its address may lie on different sides. Outside it is `non_rempli` where the call
    requires a quarter, `hors_champ` where it only mentions them.
    """
    outside = Verdict.NON_REMPLI if is_required else Verdict.HORS_CHAMP
    evidence = f"{place.commune_text} ; {layer.said}"
    if not quarter.is_inside and not layer.covers(place.code_insee):
        why = "la couche n'a aucun quartier dans le département : est-elle complète ?"
        return Finding(Verdict.A_VERIFIER, "non mesuré", f"{why} ; {evidence}")
    if quarter.is_inside and quarter.is_commune:
        measure = f"commune qui a un quartier prioritaire : {quarter.name}"
        why = "la couche dessine la commune entière, pas le quartier"
        return Finding(Verdict.A_VERIFIER, measure, f"{why} ; {evidence}")
    if math.isnan(quarter.edge_m):
        measure = f"aucun quartier prioritaire à moins de {metres_text(QUARTERS_M)}"
        return Finding(outside, measure, evidence).doubted(place.position_doubt)
    where = "dans le quartier" if quarter.is_inside else "hors du quartier"
    measure = f"{where} {quarter.name}, à {metres_text(quarter.edge_m)} de sa limite"
    verdict = Verdict.REMPLI if quarter.is_inside else outside
    if not quarter.is_inside and quarter.edge_m <= FACING_M:
        evidence = f"à moins de {metres_text(FACING_M)} du quartier, sans y être ; {evidence}"
    finding = Finding(verdict, measure, evidence).doubted(place.position_doubt)
    is_at_edge = quarter.edge_m <= edge_m
    return finding.doubted("en limite de quartier : vérifiez l'adresse" if is_at_edge else "")


def establishment_finding(
    place: Place, layer: CallLayer, neighbour: Neighbour, *, threshold_m: float
) -> Finding:
    """
    Tell if a site stands apart from the establishments of a register.

    One at the same address, or nearer than `threshold_m`, is `a_verifier`: it may be in the
    next building. A site is never refused for it.
    """
    if not layer.covers(place.code_insee):
        why = f"le registre ne couvre pas la commune : {place.commune_text}"
        return Finding(Verdict.A_VERIFIER, "non mesuré", f"{why} ; {layer.said}")
    gap = "" if math.isnan(neighbour.gap_m) else f", à {metres_text(neighbour.gap_m)}"
    check = "à vérifier sur place ou dans le dossier : un voisin n'exclut pas le site"
    if neighbour.has_same_address:
        measure = f"un établissement à la même adresse{gap}"
        return Finding(Verdict.A_VERIFIER, measure, joined_text(neighbour.name, check, layer.said))
    if neighbour.gap_m <= threshold_m:
        measure = f"un établissement à {metres_text(neighbour.gap_m)}"
        return Finding(Verdict.A_VERIFIER, measure, joined_text(neighbour.name, check, layer.said))
    measure = f"aucun établissement du registre à moins de {metres_text(threshold_m)}"
    nearest = f"aucun non plus à moins de {metres_text(ESTABLISHMENTS_M)}"
    if neighbour.name:
        nearest = f"le plus proche : {neighbour.name}{gap}"
    unplaced = ""
    if neighbour.n_unplaced:
        unplaced = f"établissements de la commune sans adresse ni position : {neighbour.n_unplaced}"
    evidence = joined_text(nearest, layer.said)
    doubt = joined_text(unplaced, place.position_doubt)
    return Finding(Verdict.REMPLI, measure, evidence).doubted(doubt)


def _rural(code_insee: str, density: CallLayer | None) -> tuple[bool | None, str]:
    """Tell if a commune is rural, and word it; None when the layer does not say."""
    if density is None:
        command = "siting data import densite FICHIER"
        return None, f"ruralité inconnue (grille de densité non installée : {command})"
    if code_insee not in density.table.index:
        return None, f"ruralité inconnue (commune absente : {density.said})"
    row = density.table.loc[code_insee]
    label = str(row["density_label"]) if pd.notna(row["density_label"]) else "sans libellé"
    if pd.isna(row["is_rural"]):
        return None, f"ruralité inconnue ({label})"
    return bool(row["is_rural"]), f"commune rurale ({label})" if row["is_rural"] else label


def _all_of(verdicts: Sequence[Verdict]) -> Verdict:
    if Verdict.NON_REMPLI in verdicts:
        return Verdict.NON_REMPLI
    return Verdict.A_VERIFIER if Verdict.A_VERIFIER in verdicts else Verdict.REMPLI


def _any_of(verdicts: Sequence[Verdict]) -> Verdict:
    if Verdict.REMPLI in verdicts:
        return Verdict.REMPLI
    return Verdict.A_VERIFIER if Verdict.A_VERIFIER in verdicts else Verdict.NON_REMPLI
