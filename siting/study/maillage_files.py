"""How the coverage of a territory is laid out in files: one sheet for each question."""

from __future__ import annotations

from siting.export import Sheet
from siting.gain import GAIN
from siting.priority import PRIORITY
from siting.shares import FAMILY_SHARES, HOME_SHARES
from siting.study.maillage import Maillage
from siting.taxonomy import Taxonomy

MAILLAGE_TITLES = frozenset(("priorite", "gain", "proximite_habitat", "proximite_services"))


def maillage_sheets(found: Maillage | None, taxonomy: Taxonomy) -> list[Sheet]:
    """Lay out where a home is missed most, what one more would bring, and who is near what."""
    if found is None:
        return []
    sheets = [
        Sheet(
            title="priorite",
            note="Où manque-t-il le plus ? Les communes sans habitat inclusif ouvert, par besoin "
            "et par services proches ; le rang selon d'autres poids est à côté.",
            frame=found.priority,
            table=PRIORITY,
        ),
        Sheet(
            title="gain",
            note="Que changerait un habitat de plus ? Habitants de 65 ans et plus qui en auraient "
            "un proche et n'en ont pas : chaque projet, et chaque commune sans habitat ouvert.",
            frame=found.gains.sort_values("gain_rank"),
            table=GAIN,
        ),
        Sheet(
            title="proximite_habitat",
            note="À quelle distance est l'habitat inclusif ouvert le plus proche des habitants ?",
            frame=found.home_shares,
            table=HOME_SHARES,
        ),
    ]
    if found.family_shares.empty:
        return sheets
    services = Sheet(
        title="proximite_services",
        note="Quelle part des habitants de 65 ans et plus a des services à portée de marche ?",
        frame=found.family_shares,
        table=FAMILY_SHARES,
        words=[("family", family.id, family.label) for family in taxonomy.families],
    )
    return [*sheets, services]
