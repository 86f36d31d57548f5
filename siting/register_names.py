"""Do two names say the same service? What a register calls it, and what the map does.

Both lists name the same pharmacy in their own way: *PHARMACIE DU MARCHE SELARL* and *Pharmacie
du Marché*. The words that all pharmacies share say nothing of which one it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from enum import IntEnum
from functools import cache

from siting.names import commune_key

SAME_WORD_SHARE = 0.5  # of the words of the shorter name; siting's own choice

_LINKS = frozenset({"a", "au", "aux", "d", "de", "des", "du", "en", "et", "l", "la", "le", "les"})
# Words of a kind of service, of its legal form or of its rank, in the names of French registers.
# Those of each category's own label are added to them.
_KINDS = frozenset(
    (
        *("pharmacie", "pharm", "phie", "officine", "laboratoire", "labo", "lbm", "selas"),
        *("hopital", "hopitaux", "hospitalier", "hospitaliere", "ch", "chu", "chs", "clinique"),
        *("polyclinique", "centre", "maison", "pole", "sante", "msp", "medical", "medicale"),
        *("medico", "psychologique", "cmp", "dialyse", "unite", "uad", "site", "antenne", "annexe"),
        *("ehpad", "ehpa", "residence", "retraite", "foyer", "logement", "autonomie", "accueil"),
        *("jour", "service", "services", "soins", "domicile", "ssiad", "saad", "savs", "samsah"),
        *("esat", "mas", "fam", "eam", "eanm", "clic", "pmi", "social", "sociale", "societe"),
        *("france", "msap", "espace", "public", "publics", "bus", "relais", "labellise"),
        *("poste", "bureau", "agence", "postale", "communale", "intercommunale", "point", "ap"),
        *("bp", "rp", "ppdc", "commercant", "gare", "halte", "station", "sncf", "ter", "rer"),
        *("ecole", "groupe", "scolaire", "college", "lycee", "prive", "privee", "publique"),
        *("primaire", "elementaire", "maternelle", "professionnel", "general", "polyvalent"),
        *("selarl", "sarl", "sas", "sasu", "snc", "eurl", "sci", "sel", "scm", "association"),
        *("asso", "mutualite", "fondation", "groupement", "gcs", "departemental", "local"),
    )
)


class NameMatch(IntEnum):
    """How two names compare, the best first."""

    SAME = 0  # word for word
    AGREE = 1  # they share what makes the name
    UNKNOWN = 2  # one is missing, or says nothing but the kind of service
    DIFFER = 3


def name_matcher(kind_labels: Iterable[str]) -> Callable[[str, str, str], NameMatch]:
    """
    Return the comparison of two names of services: one name, the other, their commune.

    Names are compared without case, accent nor link words (`siting.names.commune_key`). They
    agree when the words that make the name, those of its kind apart, are shared by half of
    the shorter name at least. The words of the commune count only if they are all that a name
    has left: every *EHPAD de Redon* is in Redon. Word order and typing errors are not looked
    at.

    Parameters
    ----------
    kind_labels
        Labels of the categories compared: their words tell a kind, not a service.
    """
    kinds = _KINDS | {word for label in kind_labels for word in commune_key(label).split()}

    @cache
    def words(name: str) -> frozenset[str]:
        return frozenset(commune_key(name).split()) - _LINKS

    def compared(one: str, other: str, commune: str) -> NameMatch:
        first, second = words(one), words(other)
        if not first or not second:
            return NameMatch.UNKNOWN
        if first == second:
            return NameMatch.SAME if first - kinds else NameMatch.UNKNOWN
        return _own_words_compared(first - kinds, second - kinds, words(commune))

    return compared


def _own_words_compared(
    first: Collection[str], second: Collection[str], commune: frozenset[str]
) -> NameMatch:
    """Compare what is left of two names; without the commune's, when both have other words."""
    apart = frozenset(first) - commune, frozenset(second) - commune
    one, other = apart if all(apart) else (frozenset(first), frozenset(second))
    if not one or not other:
        return NameMatch.UNKNOWN
    shared = len(one & other) / min(len(one), len(other))
    return NameMatch.AGREE if shared >= SAME_WORD_SHARE else NameMatch.DIFFER
