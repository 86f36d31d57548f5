import pytest
from hypothesis import given
from hypothesis import strategies as st

from siting.names import commune_key, plain_key, street_key


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("Épinay-sur-Seine", "EPINAY SUR SEINE"),
        ("L’Île-Saint-Denis", "l'ile st denis"),
        ("Sainte-Geneviève-des-Bois", "STE GENEVIEVE DES BOIS"),
        ("Saint-Ouen-sur-Seine", "St. Ouen s/ Seine"),
        ("Rosny-sous-Bois", "ROSNY S/S BOIS"),
        ("Épinay-sur-Seine", "Epinay s/Seine"),
        ("Vœuil-et-Giget", "VOEUIL ET GIGET"),
        ("L'Haÿ-les-Roses", "L HAY LES ROSES"),
        ("Saint\N{NO-BREAK SPACE}Denis", "Saint\N{NON-BREAKING HYPHEN}Denis"),
        ("Bobi\N{SOFT HYPHEN}gny", "\N{ZERO WIDTH NO-BREAK SPACE}bobigny "),
        ("Les Saintes-Maries", "les stes maries"),
        ("Saint-E\N{COMBINING ACUTE ACCENT}tienne", "SAINT ETIENNE"),
    ],
)
def test_spellings_of_one_commune(name: str, same: str) -> None:
    assert commune_key(name) == commune_key(same)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Le Mans", "Mans"),
        ("Saint-Denis", "Sainte-Denis"),
        ("Estrées", "Strées"),
        ("Saint-Ouen", "Saint-Ouen-sur-Seine"),
        ("Stains", "Saintains"),
    ],
)
def test_different_communes_stay_different(name: str, other: str) -> None:
    assert commune_key(name) != commune_key(other)


def test_commune_key_is_readable() -> None:
    assert commune_key("  L’Île-St-Denis ") == "l ile saint denis"
    assert commune_key("-") == ""


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("12 av. du Gal de Gaulle", "avenue du general de gaulle"),
        ("12 bis, AVENUE DU GÉNÉRAL DE GAULLE", "avenue du general de gaulle"),
        ("3B bd Victor-Hugo", "boulevard victor hugo"),
        ("3 B Bld Victor Hugo", "boulevard victor hugo"),
        ("8 R VICTOR HUGO", "rue victor hugo"),
        ("8 r rue Victor Hugo", "rue victor hugo"),
        ("8 R Dom Pérignon", "rue dom perignon"),
        ("12-14 r. de l’Église", "rue de l eglise"),
        ("12 bis et 14 ter rue de l'Eglise", "rue de l eglise"),
        ("n° 5 pl. St-Jean", "place saint jean"),
        ("Place du 8 Mai 1945", "place du 8 mai 1945"),
        ("8 mai 1945", "8 mai 1945"),
        ("2 RUE L 'EST ' B", "rue l est b"),
        ("8 L'Orée du Bois", "l oree du bois"),
        ("5 all des Tilleuls", "allee des tilleuls"),
        ("rd-pt de l'Europe", "rond point de l europe"),
        ("rue du fg St-Antoine", "rue du faubourg saint antoine"),
        ("imp. du Dr Roux", "impasse du docteur roux"),
        ("chem de la Mare", "chemin de la mare"),
        ("psg Choiseul", "passage choiseul"),
        ("12 rue Mgr Favier", "rue monseigneur favier"),
        ("ZI Nord", "zone industrielle nord"),
        ("RN 20", "route nationale 20"),
        ("12 RN20", "route nationale 20"),
        ("D 78", "route departementale 78"),
        ("D", "d"),
        ("lieu-dit Kerbiquet", "kerbiquet"),
        ("12 LD Kerbiquet", "kerbiquet"),
        ("Lieu-dit", "lieu dit"),
        ("rue du Onze-Novembre 1918", "rue du 11 novembre 1918"),
        ("place du 1er Mai", "place du 1 mai"),
        ("Onze novembre", "11 novembre"),
        ("rue du Vingt et un Janvier", "rue du 21 janvier"),
        ("rue du Dix-Neuf Mars 1962", "rue du 19 mars 1962"),
        ("rue des Dix-Huit Arpents", "rue des dix huit arpents"),
        ("12", ""),
        ("", ""),
    ],
)
def test_street_key(text: str, key: str) -> None:
    assert street_key(text) == key


def test_plain_key_spells_nothing_out() -> None:
    assert plain_key("  N° de_Dossier (St-Œuf) ") == "n de dossier st oeuf"


@given(st.text())
def test_a_key_is_its_own_key(text: str) -> None:
    assert commune_key(commune_key(text)) == commune_key(text)
    assert commune_key(text.upper().lower()) == commune_key(text.lower().upper().lower())


@given(
    st.lists(st.sampled_from(["rue", "RN 20", "dix", "neuf", "mai", "LD", "12", "b", "zi", "x"]))
)
def test_a_street_key_without_number_is_its_own_key(words: list[str]) -> None:
    key = street_key(" ".join(["avenue", *words]))
    assert street_key(key) == key


@given(st.text())
def test_keys_are_words_separated_by_one_space(text: str) -> None:
    for key in (commune_key(text), street_key(text)):
        assert key == " ".join(key.split())
