"""Rule packs: those that the package carries, and files with one thing wrong."""

import re
from pathlib import Path

import pytest

from siting.calls import Measure, RulePack
from siting.errors import DataError
from siting.sources.packs import list_packs, read_pack
from siting.taxonomy import read_taxonomy

CALLS = Path(__file__).parents[2] / "shared" / "calls"
FAMILIES = {"commerces", "transports", "services_publics", "sante_social"}

GOOD = """
id = "essai-2025"
title = "Un appel"
issuer = "Un département"
published = "2025-10"
departements = ["93"]
listed_communes = ["Stains"]

[[requirement]]
id = "commerces"
label = "Commerces"
article = "1"
quote = "à proximité des commerces"
kind = "selection"
measure = "family_near"
family = "commerces"
threshold_min = 12
threshold_author = "l'appel"

[[requirement]]
id = "commune_listee"
label = "Commune listée"
article = "2"
quote = "à Stains"
kind = "selection"
measure = "commune_listed"
"""


def pack_of(folder: Path, text: str) -> RulePack:
    (folder / "essai-2025.toml").write_text(text, encoding="utf-8")
    return read_pack("essai-2025", folder=folder)


def plain(text: str) -> str:
    """Text without the marks of its conversion: bold, underlined, line ends."""
    return re.sub(r"\s+", " ", re.sub(r"\*\*|</?u>", "", text))


def test_two_calls_are_known() -> None:
    assert list_packs() == ["pvd-fabrique-2021", "ssd-avp-2025"]


@pytest.mark.parametrize("call_id", list_packs())
def test_quotes_and_communes_are_exact_extracts_of_the_call(call_id: str) -> None:
    source = CALLS / f"{call_id}.txt"
    if not source.exists():
        pytest.skip("the texts of the calls are not beside this project")
    text = plain(source.read_text(encoding="utf-8"))
    pack = read_pack(call_id)
    assert [one.id for one in pack.requirements if one.quote not in text] == []
    assert [name for name in pack.listed_communes if name not in text] == []


@pytest.mark.parametrize("call_id", list_packs())
def test_each_call_asks_for_the_four_families_with_our_own_threshold(call_id: str) -> None:
    near = [one for one in read_pack(call_id).requirements if one.measure is Measure.FAMILY_NEAR]
    assert {one.family for one in near} == FAMILIES
    assert {one.id for one in near} == FAMILIES
    assert {one.threshold_min for one in near} == {15.0}
    assert {one.threshold_author for one in near} == {"siting (à confirmer par le département)"}
    assert {family.id for family in read_taxonomy().families} >= FAMILIES


def test_seine_saint_denis_is_guarded_and_prefers_twenty_communes() -> None:
    pack = read_pack("ssd-avp-2025")
    rules = {one.id: one for one in pack.requirements}
    assert pack.departements == ("93",)
    assert len(pack.listed_communes) == 20
    assert (rules["adresse_precise"].article, rules["adresse_precise"].kind) == (
        "4.2",
        "eligibility",
    )
    assert (rules["commune_listee"].article, rules["commune_listee"].kind) == ("2.5", "selection")
    assert {rules[family].article for family in FAMILIES} == {"2.5"}
    declared = {one.article for one in pack.requirements if one.measure is Measure.DECLARED}
    assert {"2.1", "2.2", "2.3", "2.4", "4.1", "4.2"} <= declared


def test_petites_villes_de_demain_is_national_and_lists_nothing() -> None:
    pack = read_pack("pvd-fabrique-2021")
    assert pack.departements == ()
    assert pack.listed_communes == ()
    assert pack.requirements[0].measure is Measure.COMMUNE_PVD


def test_a_good_file_is_read_as_it_is(tmp_path: Path) -> None:
    pack = pack_of(tmp_path, GOOD)
    assert (pack.id, pack.published, pack.listed_communes) == ("essai-2025", "2025-10", ("Stains",))
    assert [one.threshold_min for one in pack.requirements] == [12.0, None]
    assert list_packs(folder=tmp_path) == ["essai-2025"]


@pytest.mark.parametrize("call_id", ["marne", "../ssd-avp-2025", ""])
def test_an_unknown_call_is_refused_with_the_known_ones(call_id: str) -> None:
    with pytest.raises(DataError, match="Appels connus : pvd-fabrique-2021, ssd-avp-2025"):
        read_pack(call_id)


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ('id = "essai-2025"', "id = essai", "fichier TOML lisible"),
        ('id = "essai-2025"', 'id = "autre"', "« id » vaut « autre »"),
        ('issuer = "Un département"', "", "clés manquantes : issuer"),
        ('issuer = "Un département"', "issuer = 93", "clé « issuer »"),
        ('title = "Un appel"', 'title = "Un appel"\ntitre = "x"', "clés inconnues : titre"),
        ('published = "2025-10"', 'published = "octobre"', "clé « published »"),
        ('departements = ["93"]', 'departements = "93"', "clé « departements »"),
        ('departements = ["93"]', 'departements = ["Marne"]', "« Marne » n'est pas un code"),
        ('departements = ["93"]', "", "clés manquantes : departements"),
        ('listed_communes = ["Stains"]', "", "clé « listed_communes » manque"),
        ('measure = "family_near"', 'measure = "famille"', "clé « measure » : « famille »"),
        ('kind = "selection"', 'kind = "choix"', "clé « kind » : « choix »"),
        ("threshold_min = 12", 'threshold_min = "12"', "clé « threshold_min »"),
        ("threshold_min = 12", "threshold_min = -1", "clé « threshold_min »"),
        ("threshold_min = 12", "", "clés manquantes : threshold_min"),
        ('quote = "à Stains"', 'quote = "à Stains"\nfamily = "x"', "clés inconnues : family"),
        ('id = "commune_listee"', 'id = "Commune listée"', "clé « id »"),
        ('id = "commune_listee"', 'id = "commerces"', "présentes deux fois : commerces"),
    ],
)
def test_one_wrong_thing_is_named_with_the_file(
    tmp_path: Path, right: str, wrong: str, message: str
) -> None:
    assert right in GOOD
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        pack_of(tmp_path, GOOD.replace(right, wrong, 1))
    assert "essai-2025.toml" in str(caught.value)


def test_a_file_without_requirement_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="clés manquantes : requirement"):
        pack_of(tmp_path, GOOD.split("[[requirement]]", maxsplit=1)[0])
