"""Files of registers and their mappings: what is read, what is left out, what is refused."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from pathlib import Path

import geopandas as gpd
import pytest
from openpyxl import Workbook

from siting.crs import WGS84
from siting.errors import DataError
from siting.registers import LEFT_OUT, REGISTER, Register
from siting.sources.register_file import read_register, read_register_map, register_map_sha256
from siting.sources.register_map import recognised_map, shipped_maps
from siting.taxonomy import read_taxonomy

TAXONOMY = read_taxonomy()
SHARED = Path(__file__).parents[2] / "shared" / "data"
FRANCE_SERVICES = SHARED / "finess_services" / "france_services_2024-08-01.csv"
STATIONS = SHARED / "gtfs" / "sncf_liste_des_gares_2025.csv"
BONDY = "2.48;48.9"  # longitude and latitude of a place in Bondy (93010)

MAPPING = """
register = "pharmacies_epci"
title = "Pharmacies de l'EPCI"
licence = "Licence Ouverte 2.0"
vintage = "2026-03-01"
category = "pharmacie"

[columns]
id = "Numéro"
name = "Enseigne"
address = ["Adresse", "Ville"]
code_insee = "INSEE"
lon = "X"
lat = "Y"
"""


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def read(
    tmp_path: Path, text: str, mapping: str | None = None, name: str = "liste.csv"
) -> Register:
    path = written(tmp_path / name, text)
    found = []
    if mapping is not None:
        found = [read_register_map(written(tmp_path / "map.toml", mapping), taxonomy=TAXONOMY)]
    return read_register(path, taxonomy=TAXONOMY, mappings=found)


# --- the user's own list -----------------------------------------------------------------------


def test_a_list_of_the_user_is_read_by_its_mapping(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "Numéro;Enseigne;Adresse;Ville;INSEE;X;Y\n"
        f"12;Pharmacie du Marché;3 place du Marché;Bondy;93010;{BONDY}\n"
        ";Pharmacie des Lilas;;;93010;;\n"
        f"14;Pharmacie; ;Bondy;93010;{BONDY.replace('.', ',')}\n",
        MAPPING,
    )
    assert found.table.index.to_list() == [
        *("pharmacies_epci/12", "pharmacies_epci/ligne-0003", "pharmacies_epci/14")
    ]
    first = found.table.iloc[0]
    assert (first["name"], first["address"]) == ("Pharmacie du Marché", "3 place du Marché Bondy")
    assert (first["lon"], first["lat"]) == (2.48, 48.9)
    assert (first["position"], first["status"], first["vintage"]) == (
        *("coordinates", "unknown", "2026-03-01"),
    )
    assert first.isna()["references"]
    assert found.table["position"].to_list() == ["coordinates", "commune", "coordinates"]
    assert found.table["lon"].to_list()[2] == 2.48
    assert (found.name, found.title) == ("pharmacies_epci", "Pharmacies de l'EPCI")
    assert (found.categories, found.area) == (frozenset({"pharmacie"}), frozenset({"93010"}))
    assert (found.distance_m, found.alike) == (150.0, ())
    assert found.provenance.licence == "Licence Ouverte 2.0"
    assert (found.provenance.data_timestamp, len(found.provenance.sha256)) == ("2026-03-01", 64)
    assert found.left_out.empty
    REGISTER.conform(found.table)
    LEFT_OUT.conform(found.left_out)


def test_addresses_alone_are_enough(tmp_path: Path) -> None:
    mapping = """
    register = "mine"
    category = "banque"
    [columns]
    name = "nom"
    address = "adresse"
    commune = "ville"
    code_postal = "cp"
    """
    text = "nom;adresse;cp;ville\nA;3 rue X;93140;BONDY\nB;4 rue Y;93140;nulle part\n"
    table = read(tmp_path, text, mapping).table
    assert table["code_insee"].fillna("").to_list() == ["93010", ""]
    assert table["position"].to_list() == ["commune", "none"]
    assert table["note"].to_list() == ["sans coordonnées"] * 2


def test_codes_categories_states_and_precisions_are_data(tmp_path: Path) -> None:
    mapping = """
    register = "mine"
    reference = "ref:FR:FINESS"
    id_width = 9
    area = ["93", "75056"]
    distance_m = 80
    alike = [["ehpad", "ehpa"]]
    [columns]
    id = "id"
    category = "type"
    code_insee = "insee"
    lon = "lon"
    lat = "lat"
    status = "etat"
    precision = "geo"
    vintage = "vu le"
    [category]
    taxonomy = "bpe"
    "Maison de retraite" = "ehpad"
    [status]
    open = ["ouvert"]
    closed = ["fermé", "FUSIONNÉ"]
    [precision]
    commune = ["mairie"]
    address = ["rue"]
    [[left_out]]
    column = "lieu"
    values = ["itinérant"]
    reason = "sans lieu"
    """
    text = "id;type;insee;lon;lat;etat;geo;vu le;lieu\n" + "\n".join(
        (
            f"930001;D307;93010;{BONDY};Ouvert;numéro de rue;2026-01-02;fixe",
            f"930002;MAISON DE RETRAITE;93010;{BONDY};ferme;96, rue;hier;fixe",
            f"930003;A203;93010;{BONDY};;Mairie de Bondy;03/04/2025;fixe",
            f"930004;D307;93010;{BONDY};ouvert;;;ITINERANT",
            f"930005;X999;93010;{BONDY};ouvert;;;fixe",
            f"930006;;93010;{BONDY};ouvert;;;fixe",
        )
    )
    found = read(tmp_path, text, mapping)
    table = found.table
    assert table["categories"].to_list() == ["pharmacie", "ehpad", "banque"]
    assert table["status"].to_list() == ["open", "closed", "unknown"]
    assert table["position"].to_list() == ["coordinates", "address", "commune"]
    assert table["lon"].notna().to_list() == [True, True, False]
    assert table["references"].iloc[0] == "ref:FR:FINESS=000930001"
    assert table["vintage"].fillna("").to_list() == ["2026-01-02", "", "2025-04-03"]
    assert found.left_out["reason"].to_dict() == {
        5: "sans lieu",
        6: "catégorie « X999 » : hors des catégories de services",
        7: "catégorie non renseignée",
    }
    assert found.left_out["id"].to_list() == ["000930004", "000930005", "000930006"]
    assert (found.area, found.distance_m) == (frozenset({"93", "75056"}), 80.0)
    assert found.alike == (frozenset({"ehpad", "ehpa"}),)
    assert {"pharmacie", "banque", "ehpad"} < found.categories


def test_a_mapping_may_start_from_a_shipped_one(tmp_path: Path) -> None:
    mapping = """
    like = "finess_etalab"
    register = "ars"
    [columns]
    id = "FINESS"
    category = "Cat."
    code_insee = "Commune"
    """
    found = read(tmp_path, "FINESS;Cat.;Commune\n30000001;620;93010\n", mapping)
    assert found.table.index.to_list() == ["ars/030000001"]
    assert found.table["references"].to_list() == ["ref:FR:FINESS=030000001"]
    assert (found.distance_m, found.table["categories"].iloc[0]) == (200.0, "pharmacie")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("category =", "categorie =", "clés inconnues : categorie"),
        ('register = "pharmacies_epci"', "", "clés manquantes : register"),
        ('"pharmacies_epci"', '"Pharmacies / EPCI"', "clé « register » : « Pharmacies / EPCI »"),
        ('title = "Pharmacies de l\'EPCI"', "title = 3", "clé « title » : il faut un texte"),
        ('"pharmacie"', '"officine"', "clé « category » : « officine » n'est pas une catégorie"),
        ("[columns]", "[column]", "clés inconnues : column"),
        ('id = "Numéro"', "id = 3", r"\[columns\], clé « id » : il faut un texte, ou une liste"),
        ('id = "Numéro"', 'ident = "Numéro"', r"\[columns\] : clés inconnues : ident"),
        ('lat = "Y"', "", "clés « lon » et « lat » : il en faut autant"),
        ("[columns]", 'area = "région"\n[columns]', "clé « area » : « région »"),
        ("[columns]", "distance_m = -1\n[columns]", "clé « distance_m » : -1 n'est pas entre 0"),
        ("[columns]", "distance_m = true\n[columns]", "clé « distance_m » : True"),
        ("[columns]", 'crs = "Lambert"\n[columns]', "clé « crs » : « Lambert » n'est pas"),
        ("[columns]", 'status = "ouvert"\n[columns]', "clé « status » : « ouvert »"),
        (
            "[columns]",
            'alike = ["ehpad"]\n[columns]',
            "clé « alike » : il faut une liste de listes",
        ),
        (
            "[columns]",
            'alike = [["x"]]\n[columns]',
            "clé « alike » : « x » n'est pas une catégorie",
        ),
        ("[columns]", 'like = "insee"\n[columns]', "clé « like » : « insee » n'est pas un modèle"),
        ("[columns]", 'precision = "x"\n[columns]', r"\[precision\] : il faut une section"),
        ("[columns]", "left_out = [3]\n[columns]", r"\[\[left_out\]\] : il faut une section"),
        (
            "lat =",
            "[precision]\nsure = 'x'\n[columns.x]\nlat =",
            "précision|clés inconnues|columns",
        ),
        ('"2026-03-01"', '"mars 2026"', "clé « vintage » : « mars 2026 »"),
        ('vintage = "', "vintage = ", r"map\.toml : ce n'est pas un fichier TOML .*line 5"),
    ],
)
def test_errors_of_a_mapping_name_the_key_or_the_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in MAPPING
    path = written(tmp_path / "map.toml", MAPPING.replace(old, new, 1))
    with pytest.raises(DataError, match=message) as caught:
        read_register_map(path, taxonomy=TAXONOMY)
    assert "map.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('[category]\ntaxonomy = "finess"', "la clé « columns.category » manque"),
        ('[columns]\ncategory = "t"\n[category]\ntaxonomy = "ape"', "n'est ni finess ni bpe"),
        ('[columns]\ncategory = "t"\n[category]\n"620" = "x"', "clé « 620 » : « x » n'est pas"),
        ("category = 3\n[columns]", r"\[category\]"),
    ],
)
def test_errors_of_codes_name_the_key(tmp_path: Path, more: str, message: str) -> None:
    top, _, rest = ('register = "a"\n' + more).partition("\n[columns]")
    text = f"{top}\n[columns]{rest}" if rest else f"{top}\n[columns]\nid = 'i'\n"
    with pytest.raises(DataError, match=message):
        read_register_map(written(tmp_path / "map.toml", text), taxonomy=TAXONOMY)


def test_a_mapping_that_is_no_small_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="n'existe pas"):
        read_register_map(tmp_path / "none.toml", taxonomy=TAXONOMY)
    big = tmp_path / "big.toml"
    big.write_bytes(b"#" * 100_001)
    with pytest.raises(DataError, match="trop gros"):
        read_register_map(big, taxonomy=TAXONOMY)
    latin = tmp_path / "latin.toml"
    latin.write_bytes(MAPPING.encode("latin-1"))
    with pytest.raises(DataError, match="UTF-8"):
        read_register_map(latin, taxonomy=TAXONOMY)
    assert len(register_map_sha256(latin)) == 64


def test_a_column_of_the_mapping_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"absentes du registre : « Enseigne », « INSEE »"
    ) as caught:
        read(tmp_path, "Numéro;Adresse;Ville;X;Y\n1;a;b;2;48\n", MAPPING)
    assert "Colonnes du registre : « Numéro »" in str(caught.value)


def test_a_file_that_nothing_recognises_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"--register-map.*« nom ».*finess_etalab") as caught:
        read(tmp_path, "nom;adresse\nA;B\n")
    assert "liste.csv" in str(caught.value)


# --- rows that go wrong ------------------------------------------------------------------------


def test_every_row_is_in_the_table_or_among_those_left_out(tmp_path: Path) -> None:
    head = "Numéro;Enseigne;Adresse;Ville;INSEE;X;Y\n"
    found = read(
        tmp_path,
        head
        + "1;A;;;93010;;\n"
        + f"1;A;;;93010;{BONDY}\n"  # the same, placed: it is the one that is kept
        + f"1;A bis;;;93010;{BONDY}\n"
        + f"2;B;;;93010;{BONDY};trop;long\n"
        + "3;C;;;93010;0;0\n"
        + "4;D;;;93010;2.3333;48.8667\n"
        + "5;E;;;93010;48.9;2.48\n"
        + "6;F;;;99999;2.48;48.9\n"
        + "7;G;;;93010;quelque part;là\n",
        MAPPING,
    )
    assert len(found.table) + len(found.left_out) == 9
    assert found.table.index.str[-1].to_list() == list("134567")
    assert found.left_out["reason"].to_dict() == {
        2: "répète la ligne 3",
        4: "répète la ligne 3",
        5: "cases décalées : la ligne a plus de cases que l'en-tête",
    }
    notes = found.table["note"].fillna("").to_list()
    assert notes[0] == notes[4] == ""
    assert notes[1] == "coordonnées nulles (0, 0)"
    assert re.fullmatch(r"position à 1\d,\d km de la commune déclarée : non utilisée", notes[2])
    assert notes[3].startswith("longitude et latitude inversées")
    assert notes[5] == "sans coordonnées"
    # An unknown code says nothing: the place tells the commune.
    assert found.table["code_insee"].to_list() == ["93010"] * 6
    assert found.table["lon"].notna().to_list() == [True, False, False, True, True, False]


def test_two_places_far_apart_are_no_place(tmp_path: Path) -> None:
    head = "Numéro;Enseigne;Adresse;Ville;INSEE;X;Y\n"
    near, far = "2.4810;48.9", "2.4830;48.9"  # 73 m and 220 m east
    found = read(
        tmp_path,
        head + f"1;A;;;93010;{BONDY}\n1;A;;;93010;{near}\n2;B;;;93010;{BONDY}\n2;B;;;93010;{far}\n",
        MAPPING,
    )
    assert found.table["lon"].notna().to_list() == [True, False]
    assert found.table["position"].to_list() == ["coordinates", "commune"]
    assert found.table["note"].iloc[1] == "deux positions à 220 m l'une de l'autre"


def test_former_communes_are_brought_to_todays(tmp_path: Path) -> None:
    head = "Numéro;Enseigne;Adresse;Ville;INSEE;X;Y\n"
    found = read(tmp_path, head + "1;A;;;93059;2.3661;48.9636\n2;B;;;1004;;\n", MAPPING)
    assert found.table["code_insee"].to_list() == ["93066", "01004"]  # Pierrefitte; a lost zero
    assert found.table["lon"].notna().to_list() == [True, False]


def test_only_the_departements_asked_for_are_kept(tmp_path: Path) -> None:
    text = (
        "Numéro;Enseigne;Adresse;Ville;INSEE;X;Y\n"
        f"1;A;;;93010;{BONDY}\n2;B;;;01004;5.35;45.96\n3;C;;;;{BONDY}\n"
    )
    mapping = read_register_map(written(tmp_path / "map.toml", MAPPING), taxonomy=TAXONOMY)
    path = written(tmp_path / "liste.csv", text)
    found = read_register(path, taxonomy=TAXONOMY, mappings=[mapping], departements=["93"])
    assert found.table.index.str[-1].to_list() == ["1", "3"]
    assert "Lignes d'autres départements, non lues : 1." in found.notes


def test_the_date_is_the_one_given_else_of_the_file_or_its_name(tmp_path: Path) -> None:
    text = f"Numéro;Enseigne;Adresse;Ville;INSEE;X;Y\n1;A;;;93010;{BONDY}\n"
    undated = MAPPING.replace('vintage = "2026-03-01"', "")
    named = read(tmp_path, text, undated, name="liste_20240801.csv")
    assert set(named.table["vintage"]) == {"2024-08-01"}
    mapping = read_register_map(tmp_path / "map.toml", taxonomy=TAXONOMY)
    given = read_register(
        tmp_path / "liste_20240801.csv", taxonomy=TAXONOMY, mappings=[mapping], vintage="2025-02-03"
    )
    assert given.provenance.data_timestamp == "2025-02-03"
    none = read(tmp_path, text, undated, name="liste_123456789.csv")
    assert none.table["vintage"].isna().all()
    assert none.notes[-1].startswith("Date du registre inconnue")


@pytest.mark.parametrize(
    "hostile", ["=1+1", "a;b", "<script>${x}</script>", "\u202e\x00x", "é" * 5000]
)
def test_hostile_texts_are_texts(tmp_path: Path, hostile: str) -> None:
    path = tmp_path / "liste.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        out = csv.writer(stream, delimiter=";")
        out.writerow(["Numéro", "Enseigne", "Adresse", "Ville", "INSEE", "X", "Y"])
        out.writerow(
            [hostile.replace("\x00", ""), hostile.replace("\x00", ""), "", "", "93010", "", ""]
        )
    mapping = read_register_map(written(tmp_path / "map.toml", MAPPING), taxonomy=TAXONOMY)
    (register_id,) = read_register(path, taxonomy=TAXONOMY, mappings=[mapping]).table.index
    assert register_id.startswith("pharmacies_epci/")
    assert ";" not in register_id
    assert "=" not in register_id


# --- other formats -----------------------------------------------------------------------------


def test_a_workbook_and_a_layer_are_read_too(tmp_path: Path) -> None:
    book = Workbook()
    book.active.append(["notes"])
    book.active.append(["rien ici"])
    sheet = book.create_sheet("pharmacies")
    sheet.append(["Numéro", "Enseigne", "Adresse", "Ville", "INSEE", "X", "Y"])
    sheet.append([12, "Pharmacie", "", "", 93010, 2.48, 48.9])
    book.save(tmp_path / "liste.xlsx")
    mapping = read_register_map(written(tmp_path / "map.toml", MAPPING), taxonomy=TAXONOMY)
    table = read_register(tmp_path / "liste.xlsx", taxonomy=TAXONOMY, mappings=[mapping]).table
    assert table.loc["pharmacies_epci/12", ["lon", "code_insee"]].to_list() == [2.48, "93010"]

    layered = read_register_map(
        written(
            tmp_path / "layer.toml",
            'register = "mine"\ncategory = "banque"\n[columns]\nname = "nom"\n',
        ),
        taxonomy=TAXONOMY,
    )
    layer = gpd.GeoDataFrame(
        {"nom": ["A"]}, geometry=gpd.points_from_xy([2.48], [48.9]), crs=WGS84
    ).to_crs(2154)
    layer.to_file(tmp_path / "liste.gpkg")
    table = read_register(tmp_path / "liste.gpkg", taxonomy=TAXONOMY, mappings=[layered]).table
    assert (table["lon"].iloc[0], table["lat"].iloc[0]) == pytest.approx((2.48, 48.9), abs=1e-8)
    assert table["code_insee"].to_list() == ["93010"]


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path, Path("https://example.org/liste.csv")):
        with pytest.raises(DataError):
            read_register(path, taxonomy=TAXONOMY)


# --- shipped mappings --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("numFinessEge;categorieentiteGeographiqueExercice;cogCommune;coordonneeX", "finess_plus"),
        (
            "id_fs;insee_dep;lib_fs;adresse;insee_com;latitude;longitude;format_fs",
            "france_services",
        ),
        ("Identifiant_A;Libellé_du_site;Caractéristique_du_site;Latitude;Longitude", "laposte"),
        (
            "#Identifiant_du_site;Libellé du site;Caractéristique du site;Latitude;Longitude",
            "laposte",
        ),
        ("Identifiant_de_l_etablissement;Nom_etablissement;Type_etablissement", "education"),
        ("CODE_UIC;LIBELLE;FRET;VOYAGEURS;COMMUNE;DEPARTEMEN;LAT;LONG", "sncf"),
    ],
)
def test_a_register_is_recognised_by_its_columns(header: str, name: str) -> None:
    maps = shipped_maps(TAXONOMY)
    assert recognised_map(header.split(";"), maps) is maps[name]


def test_shipped_mappings_are_complete() -> None:
    for name, one in shipped_maps(TAXONOMY).items():
        assert one.known_by, name
        assert all((one.title, one.url, one.licence, one.attribution)), name
        assert one.covered <= set(TAXONOMY.category), name
        assert one.columns.keys() >= {"id", "name", "lon", "lat"}, name


def test_la_poste_is_read_by_its_kinds(tmp_path: Path) -> None:
    """Columns of laposte-poincont2 (data.laposte.fr), values as it writes them."""
    head = (
        "identifiant_a;libelle_du_site;caracteristique_du_site;adresse;code_postal;localite;"
        "code_insee;pays;latitude;longitude;precision_du_geocodage\n"
    )
    rows = [
        "00001A;BONDY;Bureau de Poste;1 RUE A;93140;BONDY;93010;FRANCE;48.9;2.48;",
        "00002A;BONDY AP;Agence postale communale;1 RUE A;93140;BONDY;93010;FRANCE;48.9;2.48;",
        "00003A;BONDY RP;Relais poste commerçant;1 RUE A;93140;BONDY;93010;FRANCE;48.9;2.48;",
        "00004A;BONDY RP;Point partenaire;1 RUE A;93140;BONDY;93010;FRANCE;48.9;2.48;COMMUNE",
        "00005A;ANDORRA;Bureau de Poste;1 RUE A;AD500;ANDORRE;;ANDORRE;42.5;1.52;",
    ]
    found = read(tmp_path, head + "\n".join(rows), name="laposte.csv")
    table = found.table
    assert table["categories"].to_list() == [
        *("bureau_poste", "agence_postale", "relais_poste", "relais_poste", "bureau_poste")
    ]
    assert table["references"].iloc[0] == "ref:FR:LaPoste=00001A"
    assert table["position"].to_list()[:4] == ["coordinates"] * 3 + ["commune"]
    assert found.distance_m == 1_000
    assert found.area == {"93"}  # Andorra is no département


def test_schools_are_read_with_their_state(tmp_path: Path) -> None:
    """Columns of fr-en-annuaire-education (data.education.gouv.fr)."""
    head = (
        "Identifiant_de_l_etablissement;Nom_etablissement;Type_etablissement;Adresse_1;Code_postal;"
        "Code_commune;Nom_commune;latitude;longitude;precision_localisation;etat\n"
    )
    place = "1 rue A;93140;93010;Bondy;48.9;2.48"
    rows = [
        f"0930001A;Ecole élémentaire Jaurès;Ecole;{place};Numéro de rue;OUVERT",
        f"0930002B;Collège Brossolette;Collège;{place};Rue;A FERMER",
        f"0930003C;Lycée Renoir;Lycée;{place};COMMUNE;OUVERT",
        f"0930004D;Ecole Ferry;Ecole;{place};NE SAIT PAS;FERME",
        f"0930005E;Rectorat;Service Administratif;{place};Numéro de rue;OUVERT",
    ]
    found = read(tmp_path, head + "\n".join(rows), name="fr-en-annuaire-education.csv")
    assert set(found.table["categories"]) == {"ecole"}
    assert found.table["status"].to_list() == ["open", "open", "open", "closed"]
    assert found.table["position"].to_list() == ["coordinates", "address", "commune", "commune"]
    assert found.table["references"].iloc[1] == "ref:UAI=0930002B"
    assert len(found.left_out) == 1


# --- the real files ----------------------------------------------------------------------------


@pytest.mark.skipif(
    not FRANCE_SERVICES.exists(), reason="needs ../shared/data/finess_services/france_services*"
)
def test_france_services_have_a_place_and_buses_have_none() -> None:
    found = read_register(FRANCE_SERVICES, taxonomy=TAXONOMY)
    with FRANCE_SERVICES.open(encoding="utf-8", newline="") as stream:
        formats = Counter(row["format_fs"] for row in csv.DictReader(stream))
    n_moving = formats["Bus_équivalent"] + formats["Itinérante"]
    assert len(found.left_out) == n_moving == 163
    assert len(found.table) == formats.total() - n_moving
    assert found.table["lon"].notna().all()
    assert set(found.table["vintage"]) == {"2024-08-01"}
    in_93 = found.table["code_insee"].str.startswith("93")
    assert in_93.sum() > 20


@pytest.mark.skipif(not STATIONS.exists(), reason="needs ../shared/data/gtfs/sncf_liste_des_gares*")
def test_stations_of_several_lines_are_one_and_far_ones_have_no_place() -> None:
    found = read_register(STATIONS, taxonomy=TAXONOMY, departements=["93", "67"])
    with STATIONS.open(encoding="utf-8-sig", newline="") as stream:
        rows = [
            row
            for row in csv.DictReader(stream, delimiter=";")
            if row["DEPARTEMEN"] in ("SEINE-SAINT-DENIS", "BAS-RHIN")
        ]
    expected = {f"sncf/{row['CODE_UIC']}" for row in rows if row["VOYAGEURS"] == "O"}
    # Montmagny is not in Seine-Saint-Denis, as the file says: it is kept, its commune unknown.
    assert expected <= set(found.table.index)
    bondy = found.table.loc["sncf/87113407"]
    assert (bondy["name"], bondy["code_insee"]) == ("Bondy", "93010")
    haguenau = found.table.loc["sncf/87213058"]  # on two lines, 3.7 km apart in the file
    assert haguenau.isna()["lon"]
    assert haguenau["note"].startswith("deux positions à 36")
    assert "93" in found.area


def test_a_feature_collection_is_no_finess_feed(tmp_path: Path) -> None:
    feature = {
        "type": "Feature",
        "properties": {"nom": "A"},
        "geometry": {"type": "Point", "coordinates": [2.48, 48.9]},
    }
    path = written(
        tmp_path / "liste.geojson", json.dumps({"type": "FeatureCollection", "features": [feature]})
    )
    mapping = read_register_map(
        written(
            tmp_path / "map.toml", 'register = "a"\ncategory = "banque"\n[columns]\nname = "nom"\n'
        ),
        taxonomy=TAXONOMY,
    )
    assert len(read_register(path, taxonomy=TAXONOMY, mappings=[mapping]).table) == 1
