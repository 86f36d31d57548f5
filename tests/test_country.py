"""The map by département: shares that anyone can count, and a table that says the same."""

from siting.coverage import commune_coverage
from siting.export import html_bytes
from siting.maps import MapNotes, country_map
from siting.sources.reference import read_communes, read_departements


def test_departements_are_told_by_the_share_of_their_communes() -> None:
    """Marne: 10 Petites villes de demain of 610, 1.6 %; Seine-Saint-Denis: none of 39."""
    communes = read_communes(["93", "51"])
    coverage = commune_coverage(communes, inventory=None, listed=None)
    page = country_map(
        communes,
        coverage,
        place="Deux départements",
        departements=read_departements(),
        notes=MapNotes(sources=(), remarks=(), pack=None),
    )
    text = html_bytes(page).decode().replace("\N{NO-BREAK SPACE}", " ")
    assert "10 communes sur 649 sont des Petites villes de demain" in text
    assert "649 communes ; le détail est dans communes.csv" in text
    for cell in ("Marne", "Seine-Saint-Denis", "610", "1,6 %", "0,0 %"):
        assert cell in text
    assert text.count('"type": "Feature"') + text.count('"type":"Feature"') == 2
    assert "Départements" in text
