"""Rule packs: those that the package carries, and files with one thing wrong."""

import re
from pathlib import Path

import pytest

from siting.calls import Measure, Operator, Reading, RulePack
from siting.errors import DataError, OptionError
from siting.sources.pack_file import checked_pack
from siting.sources.packs import (
    check_pack,
    chosen_pack,
    list_packs,
    pack_inputs,
    pack_scaffold,
    read_pack,
)
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


def test_the_five_calls_are_known() -> None:
    assert list_packs() == [
        "logement-choisi-2016",
        "marne-avp-2023",
        "pvd-fabrique-2021",
        "qpv-habitat-participatif",
        "ssd-avp-2025",
    ]


@pytest.mark.parametrize("call_id", list_packs())
def test_quotes_and_communes_are_exact_extracts_of_the_call(call_id: str) -> None:
    source = CALLS / f"{call_id}.txt"
    if not source.exists():
        pytest.skip("the texts of the calls are not beside this project")
    text = plain(source.read_text(encoding="utf-8"))
    pack = read_pack(call_id)
    assert [one.id for one in pack.requirements if one.quote not in text] == []
    assert [name for name in pack.listed_communes if name not in text] == []


@pytest.mark.parametrize("call_id", ["pvd-fabrique-2021", "ssd-avp-2025"])
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
    with pytest.raises(DataError, match=r"Appels connus : .*marne-avp-2023, pvd-fabrique-2021"):
        read_pack(call_id)


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ('id = "essai-2025"', "id = essai", "ligne 2 : ce n'est pas un fichier TOML"),
        ('id = "essai-2025"', 'id = "autre"', "« id » vaut « autre »"),
        ('issuer = "Un département"', "", "ligne 1 : clé manquante : « issuer »"),
        ('issuer = "Un département"', "issuer = 93", "clé « issuer »"),
        (
            'title = "Un appel"',
            'title = "Un appel"\ntitre = "x"',
            "ligne 4 : clé inconnue ici : « titre »",
        ),
        ('published = "2025-10"', 'published = "octobre"', "clé « published »"),
        ('departements = ["93"]', 'departements = "93"', "clé « departements »"),
        ('departements = ["93"]', 'departements = ["Marne"]', "« Marne » n'est pas un code"),
        ('departements = ["93"]', 'departements = ["99"]', "ligne 6 : « 99 » n'est pas un code"),
        ('family = "commerces"', 'family = "bars"', "ligne 16, exigence « commerces »"),
        ('measure = "family_near"', "", "ligne 9, exigence « commerces » : clé manquante"),
        ('departements = ["93"]', "", "ligne 1 : clé manquante : « departements »"),
        ('listed_communes = ["Stains"]', "", "clé « listed_communes » manque"),
        ('measure = "family_near"', 'measure = "famille"', "clé « measure » : « famille »"),
        ('kind = "selection"', 'kind = "choix"', "clé « kind » : « choix »"),
        ("threshold_min = 12", 'threshold_min = "12"', "clé « threshold_min »"),
        ("threshold_min = 12", "threshold_min = -1", "clé « threshold_min »"),
        (
            "threshold_min = 12",
            "",
            "ligne 9, exigence « commerces » : clé manquante : « threshold_min »",
        ),
        (
            'quote = "à Stains"',
            'quote = "à Stains"\nfamily = "x"',
            "ligne 25, exigence « commune_listee » : clé inconnue ici : « family »",
        ),
        ('id = "commune_listee"', 'id = "Commune listée"', "clé « id »"),
        (
            'id = "commune_listee"',
            'id = "commerces"',
            "ligne 21, exigence « commerces » : cet identifiant est déjà celui d'une autre",
        ),
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
    with pytest.raises(DataError, match="clé manquante : « requirement »"):
        pack_of(tmp_path, GOOD.split("[[requirement]]", maxsplit=1)[0])


NUMBER = """
[[requirement]]
id = "age"
label = "Âge"
article = "3"
quote = "plus de 65 ans"
kind = "eligibility"
measure = "declared_number"
columns = ["age_min"]
operator = ">"
threshold = 65
unit = "ans"
threshold_author = "l'appel"
"""


def test_all_that_is_wrong_is_told_at_once_in_the_order_of_the_file() -> None:
    text = GOOD.replace('published = "2025-10"', 'published = "demain"')
    text = text.replace('family = "commerces"', 'family = "bars"')
    checked = checked_pack(text, name="mien.toml", families=sorted(FAMILIES))
    assert checked.pack is None
    assert [one.split(" : ", 1)[0] for one in checked.problems] == [
        "mien.toml, ligne 5",
        "mien.toml, ligne 16, exigence « commerces »",
    ]
    assert checked.problems[1].endswith(
        "Valeurs permises : commerces, sante_social, services_publics, transports."
    )


def test_a_strict_operator_stays_strict(tmp_path: Path) -> None:
    pack = pack_of(tmp_path, GOOD + NUMBER)
    (age,) = (one for one in pack.requirements if one.id == "age")
    assert (age.operator, age.threshold, age.threshold_text) == (Operator.MORE, (65.0,), "> 65 ans")


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("threshold = 65", 'threshold = "65"', "il faut un nombre comme 65, sans guillemets"),
        ("threshold = 65", "threshold = [60, 65]", "« > » demande un seul nombre"),
        ('operator = ">"', 'operator = "between"', "« between » demande [le moins, le plus]"),
        ('operator = ">"', 'operator = "=>"', "« => » n'est pas une valeur permise"),
        ('unit = "ans"', 'unit = "date"', "il faut une date comme 2026-12-31"),
        ('columns = ["age_min"]', "columns = []", "il faut une liste de textes"),
        ('threshold_author = "l\'appel"\n', "", "clé manquante : « threshold_author »"),
    ],
)
def test_a_number_is_compared_with_numbers(
    tmp_path: Path, right: str, wrong: str, message: str
) -> None:
    head, _, tail = NUMBER.partition("[[requirement]]")
    assert right in tail
    with pytest.raises(DataError, match=re.escape(message)):
        pack_of(tmp_path, GOOD + head + "[[requirement]]" + tail.replace(right, wrong, 1))


def test_each_measure_is_in_a_pack_or_in_the_scaffold() -> None:
    carried = {one.measure for call in list_packs() for one in read_pack(call).requirements}
    scaffold = pack_scaffold("essai-2026")
    assert carried == set(Measure)
    assert [one for one in Measure if f'measure = "{one}"' not in scaffold] == []


def test_the_scaffold_is_a_valid_pack_of_that_name(tmp_path: Path) -> None:
    path = tmp_path / "mien.toml"
    path.write_text(pack_scaffold("ville-habitat-2026"), encoding="utf-8")
    assert check_pack(path).problems == ()
    assert chosen_pack(str(path)).id == "ville-habitat-2026"
    assert list(pack_inputs(str(path))) == [str(path)]
    assert pack_inputs("ssd-avp-2025") == {}


@pytest.mark.parametrize("name", ["Marne 2026", "ssd-avp-2025", "à-faire", ""])
def test_a_scaffold_has_a_new_name_without_accent(name: str) -> None:
    with pytest.raises(OptionError):
        pack_scaffold(name)


def test_a_pack_of_ones_own_is_not_taken_for_a_known_call(tmp_path: Path) -> None:
    path = tmp_path / "mien.toml"
    path.write_text(GOOD.replace("essai-2025", "marne-avp-2023"), encoding="utf-8")
    (problem,) = check_pack(path).problems
    assert problem.startswith("mien.toml, ligne 2 : ")
    assert "marne-avp-2023-local" in problem


def test_communes_that_do_not_exist_are_told_with_their_line(tmp_path: Path) -> None:
    listed = 'listed_communes = [\n    "Stains",\n    "Stainz",\n]'
    path = tmp_path / "mien.toml"
    text = GOOD.replace('listed_communes = ["Stains"]', listed)
    path.write_text(text.replace("\n", "\r\n"), encoding="utf-8-sig", newline="")
    (problem,) = check_pack(path).problems
    assert problem.startswith("mien.toml, ligne 9 : ")
    assert "« Stainz »" in problem


def test_a_file_that_is_not_text_or_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mien.toml"
    path.write_bytes("é".encode("latin-1"))
    assert "UTF-8" in check_pack(path).problems[0]
    with pytest.raises(DataError, match="n'existe pas"):
        check_pack(tmp_path / "autre.toml")


def test_every_declared_requirement_of_the_marne_and_of_quarters_is_carried() -> None:
    """One line for each sentence of the texts that asks for something: read one by one."""
    marne = {one.id: one for one in read_pack("marne-avp-2023").requirements}
    assert marne["ancrage"].families == ("services_publics", "transports", "sante_social")
    assert marne["ancrage"].reading is Reading.BOTH
    assert (marne["nombre_habitants"].threshold, marne["age"].operator) == (
        (5.0, 18.0),
        Operator.AT_LEAST,
    )
    assert marne["premiers_habitants"].threshold_text == "≤ 31/12/2026"
    asked = {"espace_collectif", "porteur_eligible", "avant_projet", "responsable_projet"}
    assert asked <= {one for one in marne if marne[one].measure is Measure.DECLARED}
    quarters = read_pack("qpv-habitat-participatif").requirements
    assert [one.qpv_vintage for one in quarters if one.measure is Measure.QPV] == ["2015", "2024"]
    old = read_pack("logement-choisi-2016")
    assert {one.kind for one in old.requirements} == {"selection", "information"}


def test_sixty_five_is_enough_where_the_text_says_so() -> None:
    operators = {
        call: one.operator
        for call in list_packs()
        for one in read_pack(call).requirements
        if one.columns[:1] == ("age_min",)
    }
    assert operators == {
        "marne-avp-2023": Operator.AT_LEAST,
        "pvd-fabrique-2021": Operator.MORE,
        "ssd-avp-2025": Operator.AT_LEAST,
    }
