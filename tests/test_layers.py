"""Official lists that a person installs: read as they are published, and compared."""

import json
from pathlib import Path

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
import shapely
from shapely.geometry import mapping

from siting.errors import CrsError, DataError, OptionError
from siting.list_changes import (
    LIST_CHANGES,
    LISTING,
    ChangeReason,
    KnownCommunes,
    ListChange,
    change_counts,
    list_changes,
)
from siting.reconciled import RECONCILED, reconciled_lines, reconciled_list
from siting.sources.installed import commune_names
from siting.sources.layer_files import read_layer_file
from siting.sources.layer_kinds import LayerContent, layer_kind, layer_kinds
from siting.sources.layer_table import LayerFile, iso_day, named_vintage
from siting.sources.packs import read_pack
from siting.sources.reference import read_commune_history, read_commune_register
from siting.sources.shipped import read_reference_csv
from siting.territory_layers import (
    DENSITY,
    DENSITY_LABELS,
    PROGRAMME,
    QPV,
    density_today,
    programme_today,
)

SHARED = Path(__file__).parents[2] / "shared" / "data"
# Merged on 1 January 2025: Pierrefitte-sur-Seine (93059) is a part of Saint-Denis (93066).
TODAY = {"93059": "93066"}
NAMES = {"93066": "Saint-Denis", "93010": "Bondy", "93005": "Aulnay-sous-Bois"}
COMMUNES = KnownCommunes(names=NAMES, today=TODAY)


def real(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not beside this checkout")
    return path


def read(layer: str, path: Path) -> LayerFile:
    return read_layer_file(layer_kind(layer), path, names=commune_names)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def listing(rows: dict[str, tuple[str, str]]) -> pd.DataFrame:
    frame = pd.DataFrame(
        [(code, nom, value, "") for code, (nom, value) in rows.items()],
        columns=[*LISTING.index_names, *LISTING.column_names],
    )
    return LISTING.conform(frame)


def square(west: float, south: float, side: float = 0.01) -> shapely.Polygon:
    return shapely.box(west, south, west + side, south + side)


def geojson(path: Path, *entities: tuple[dict[str, object], object], crs: str = "") -> Path:
    top: dict[str, object] = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": told, "geometry": shape and mapping(shape)}
            for told, shape in entities
        ],
    }
    if crs:
        top["crs"] = {"type": "name", "properties": {"name": crs}}
    return written(path, json.dumps(top))


# --- what differs between two vintages ---------------------------------------------------


def test_a_merger_is_told_from_a_real_change() -> None:
    before = listing({"93059": ("Pierrefitte-sur-Seine", ""), "93010": ("Bondy", "")})
    after = listing({"93066": ("Saint-Denis", ""), "93005": ("Aulnay-sous-Bois", "")})
    changes = list_changes(before, after, communes=COMMUNES)
    assert changes[["change", "reason"]].to_dict("index") == {
        "93010": {"change": ListChange.REMOVED, "reason": ChangeReason.REAL},
        "93059": {"change": ListChange.REMOVED, "reason": ChangeReason.MERGED},
        "93005": {"change": ListChange.ADDED, "reason": ChangeReason.REAL},
        "93066": {"change": ListChange.ADDED, "reason": ChangeReason.MERGED},
    }
    assert changes.loc["93059", "why"] == (
        "fait aujourd'hui partie de Saint-Denis (93066), qui est dans la liste"
    )
    assert changes.loc["93066", "why"] == "était déjà dans la liste sous un autre code : 93059"


def test_a_commune_that_merged_out_of_the_list_is_a_real_change() -> None:
    before, after = listing({"93059": ("Pierrefitte", "")}), listing({"93010": ("Bondy", "")})
    changes = list_changes(before, after, communes=COMMUNES)
    assert changes.loc["93059", "reason"] == ChangeReason.REAL
    assert "Saint-Denis (93066), qui n'est pas dans la liste" in changes.loc["93059", "why"]


def test_a_former_list_that_names_the_whole_and_a_new_one_a_part_says_the_same() -> None:
    before, after = listing({"93066": ("Saint-Denis", "")}), listing({"93059": ("", "")})
    changes = list_changes(before, after, communes=COMMUNES)
    assert set(changes["reason"]) == {ChangeReason.MERGED}
    assert changes.loc["93059", "nom"] == "Saint-Denis"  # of today, when the list has no name


def test_a_code_of_no_commune_is_neither() -> None:
    changes = list_changes(
        listing({"999999": ("Trifouilly", ""), "93010": ("Bondy", "")}),
        listing({"93010": ("Bondy", "")}),
        communes=COMMUNES,
    )
    assert change_counts(changes) == {("removed", "unknown_code"): 1}
    assert "999999" in changes.loc["999999", "why"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (("Epinay sur Seine", ""), ("Épinay-sur-Seine", ""), ChangeReason.RESPELLED),
        (("St-Ouen", ""), ("Saint-Ouen", ""), ChangeReason.RESPELLED),
        (("Saint-Ouen", ""), ("Saint-Ouen-sur-Seine", ""), ChangeReason.RENAMED),
        (("Bondy", "2021-01-01"), ("Bondy", "2022-01-01"), ChangeReason.VALUE),
    ],
)
def test_what_changes_of_a_row_that_stays(
    old: tuple[str, str], new: tuple[str, str], reason: ChangeReason
) -> None:
    (row,) = list_changes(listing({"93010": old}), listing({"93010": new})).to_dict("records")
    assert (row["change"], row["reason"]) == (ListChange.CHANGED, reason)


def test_what_a_list_does_not_tell_at_all_is_not_compared() -> None:
    before = listing({"93010": ("", ""), "93005": ("", "")})
    after = listing({"93010": ("Bondy", "2021-01-01"), "93005": ("Aulnay", "")})
    assert list_changes(before, after).empty
    assert LIST_CHANGES.conform(list_changes(before, before)).empty


def test_pvd_of_2021_against_2024_19_removed_57_added_each_explained() -> None:
    before = read("pvd", real("pvd/pvd_liste_2021-01-22.csv"))
    after = read("pvd", real("../facts/pvd_2024-09.csv"))
    history = read_reference_csv("commune_history")
    communes = read_reference_csv("communes")
    changes = list_changes(
        before.listing,
        after.listing,
        communes=KnownCommunes(
            names=dict(zip(communes["code_insee"], communes["nom"], strict=True)),
            today=dict(zip(history["code_insee_old"], history["code_insee"], strict=True)),
        ),
    )
    assert (len(before.listing), len(after.listing)) == (1607, 1645)
    assert change_counts(changes) == {
        ("removed", "real"): 18,
        ("removed", "unknown_code"): 1,
        ("added", "real"): 57,
    }
    assert changes["why"].notna().all()
    assert changes["nom"].notna().all()
    assert changes.loc["999999", "nom"] == "Trifouilly-les-Oies"  # in the published file indeed
    assert changes.loc["28103", "nom"] == "Cloyes-les-Trois-Rivières"
    assert changes.loc["29039", ["nom", "change"]].tolist() == ["Concarneau", "added"]
    # None of the 19 and 57 is a merger: no code of either list has changed since.
    assert not set(history["code_insee_old"]) & set(changes.index)


# --- lists of communes -------------------------------------------------------------------


def test_a_list_of_communes_in_the_dialects_of_its_producer(tmp_path: Path) -> None:
    text = "insee_com;lib_com;date_signature\n1004;Ambérieu-en-Bugey;12/03/2021\n2a004;Ajaccio;\n"
    found = read("pvd", written(tmp_path / "liste-pvd-com2025-20260602.csv", text))
    assert found.table is not None
    assert found.table.to_dict("index") == {
        "01004": {"nom": "Ambérieu-en-Bugey", "signed_on": "2021-03-12"},
        "2A004": {"nom": "Ajaccio", "signed_on": pytest.approx(float("nan"), nan_ok=True)},
    }
    assert found.vintage == "2026-06-02"


def test_a_list_of_territories_gives_each_of_their_communes(tmp_path: Path) -> None:
    places = "Évian-les-Bains (74119), Thonon-les-Bains (74281), Ajaccio (2A004), Le Port (97407)"
    path = geojson(
        tmp_path / "acv.geojson",
        ({"id_territoire": "acv-1", "liste_geo": places}, shapely.Point(6.5, 46.4)),
    )
    found = read("acv", path)
    assert found.table is not None
    assert dict(found.table["nom"]) == {
        "2A004": "Ajaccio",
        "74119": "Évian-les-Bains",
        "74281": "Thonon-les-Bains",
        "97407": "Le Port",
    }


def test_without_codes_a_name_decides_when_it_is_that_of_one_commune(tmp_path: Path) -> None:
    text = "commune;insee_dep\nSaint-Denis;93\nBondy;93\nSaint-Denis;\nNulle-Part;93\n"
    found = read("pvd", written(tmp_path / "liste.csv", text))
    assert found.table is not None
    assert list(found.table.index) == ["93010", "93066"]
    (note,) = found.notes
    assert note.startswith("Communes sans code, dont le nom ne suffit pas")
    assert note.endswith(" : Saint-Denis, Nulle-Part.")


def test_a_commune_listed_twice_keeps_its_first_signature(tmp_path: Path) -> None:
    text = (
        "insee_com,lib_com,date_signature\n93010,Bondy,2022-05-05\n93010,Bondy,\n"
        "93010,Bondy,2021-05-05\n"
    )
    found = read("pvd", written(tmp_path / "liste.csv", text))
    assert found.table is not None
    assert found.table["signed_on"].to_dict() == {"93010": "2021-05-05"}


def test_a_list_of_another_year_is_brought_to_the_communes_of_today() -> None:
    listed = PROGRAMME.conform(
        pd.DataFrame(
            {
                "code_insee": ["93059", "93066", "93010", "999999"],
                "nom": ["Pierrefitte-sur-Seine", "Saint-Denis", "Bondy", "Trifouilly"],
                "signed_on": ["2021-01-01", "2022-01-01", "", ""],
            }
        )
    )
    today = programme_today(listed, history=TODAY, current=NAMES)
    assert today["nom"].to_dict() == {"93010": "Bondy", "93066": "Saint-Denis"}
    assert today["signed_on"].dropna().to_dict() == {"93066": "2021-01-01"}


def test_days_are_read_in_french_and_in_iso() -> None:
    assert [iso_day(text) for text in ("2021-03-12", "12/03/2021", "2-3-2021", "mars 2021")] == [
        *("2021-03-12", "2021-03-12", "2021-03-02", ""),
    ]


def test_the_name_of_a_file_tells_its_vintage() -> None:
    names = {
        "pvd_liste_2021-01-22": "2021-01-22",
        "etalab-cs1100507-stock-20260512-0339": "2026-05-12",
        "acv_geom_2024-09": "2024-09",
        "densite_cog2025": "COG 2025",
        "grille_densite_7_niveaux_2024": "2024",
        "liste": "",
    }
    assert {name: named_vintage(name) for name in names} == names


def test_real_lists_of_communes() -> None:
    acv = read("acv", real("pvd/other_programmes/acv_geom_2024-09.geojson"))
    villages = read("villages_avenir", real("pvd/other_programmes/va_geom_2024-09.geojson"))
    assert len(acv.listing) == 245  # 232 territories, of which 13 join two communes
    assert len(villages.listing) == 2498
    assert acv.notes == villages.notes == ()


# --- density grid ------------------------------------------------------------------------


def test_the_seven_levels_by_their_words(tmp_path: Path) -> None:
    rows = "".join(f"9300{n};{label}\n" for n, label in DENSITY_LABELS.items())
    found = read("densite", written(tmp_path / "d.csv", f"insee_com;niveau_densite\n{rows}"))
    assert found.table is not None
    assert found.table["density_class"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert found.table["is_rural"].tolist() == [False] * 4 + [True] * 3
    assert DENSITY.conform(found.table).equals(found.table)


@pytest.mark.parametrize(
    ("column", "levels", "rural", "classes"),
    [
        ("DENS7", "145", [False, False, True], [1, 4, 5]),
        ("DENS", "123", [False, False, True], None),
        ("DENS", "234", [False, True, True], None),
        ("DENS", "157", [False, True, True], [1, 5, 7]),
    ],
)
def test_levels_by_numbers(
    tmp_path: Path, column: str, levels: str, rural: list[bool], classes: list[int] | None
) -> None:
    rows = "".join(f"9300{n};{level}\n" for n, level in enumerate(levels, start=1))
    found = read("densite", written(tmp_path / "d.csv", f"CODGEO;{column}\n{rows}"))
    assert found.table is not None
    assert found.table["is_rural"].tolist() == rural
    if classes is None:
        assert found.table["density_class"].isna().all()
        assert "sans classe de 1 à 7" in found.notes[0]
    else:
        assert found.table["density_class"].tolist() == classes


def test_words_of_the_grid_of_four_levels(tmp_path: Path) -> None:
    words = ("densément peuplée", "densité intermédiaire", "peu dense", "très peu dense")
    rows = "".join(f"9300{n};{word}\n" for n, word in enumerate(words, start=1))
    found = read("densite", written(tmp_path / "d.csv", f"codgeo;libdens\n{rows}"))
    assert found.table is not None
    assert found.table["is_rural"].tolist() == [False, False, True, True]


def test_the_workbook_of_insee_has_lines_of_title_and_several_sheets(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Maille communale"
    sheet.append(["Grille communale de densité"])
    sheet.append(["Géographie au 1er janvier 2026"])
    sheet.append([])
    sheet.append(["Code", "Libellé"])
    sheet.append(["CODGEO", "LIBGEO", "DENS", "LIBDENS", "DENS7", "LIBDENS7"])
    sheet.append(["01004", "Ambérieu-en-Bugey", "2", "Urbain", "2", DENSITY_LABELS[2]])
    sheet.append(["01001", "L'Abergement-Clémenciat", "3", "Rural", "6", DENSITY_LABELS[6]])
    book.create_sheet("Variables").append(["DENS7", "niveau"])
    book["Variables"].append(["1", "Grands centres urbains"])
    book.save(tmp_path / "grille_densite_7_niveaux_2026.xlsx")
    found = read("densite", tmp_path / "grille_densite_7_niveaux_2026.xlsx")
    assert found.table is not None
    assert found.table["density_class"].to_dict() == {"01001": 6, "01004": 2}
    assert found.vintage == "2026"


def test_a_merged_commune_has_the_level_of_its_parts_when_they_agree() -> None:
    grid = DENSITY.conform(
        pd.DataFrame(
            {
                "code_insee": ["93059", "93066", "93010"],
                "density_class": [5, 6, 1],
                "density_label": [DENSITY_LABELS[n] for n in (5, 6, 1)],
                "is_rural": [True, True, False],
            }
        )
    )
    today = density_today(grid, history=TODAY, current=NAMES)
    assert list(today.index) == ["93010", "93066"]
    assert today.loc["93066", "is_rural"]
    assert pd.isna(today.loc["93066", "density_class"])
    assert pd.isna(today.loc["93066", "density_label"])
    assert today.loc["93010", "density_class"] == 1


def test_the_real_grid_covers_the_communes_of_today() -> None:
    found = read("densite", real("population/densite_cog2025.csv"))
    assert found.table is not None
    assert (len(found.table), found.vintage) == (34_875, "COG 2025")
    history = read_reference_csv("commune_history")
    today = density_today(
        found.table,
        history=dict(zip(history["code_insee_old"], history["code_insee"], strict=True)),
        current=frozenset(read_reference_csv("communes")["code_insee"]),
    )
    counts = found.table["density_label"].value_counts()
    assert counts[DENSITY_LABELS[1]] == 699  # counted in the file with a text editor
    assert counts[DENSITY_LABELS[5]] == 5_072
    assert found.table["is_rural"].sum() == 18_288 + 7_236 + 5_072
    assert today.loc["93066", "density_label"] == DENSITY_LABELS[1]
    assert today.loc["51573", "is_rural"] in (True, False)


# --- priority quarters -------------------------------------------------------------------


def test_quarters_with_their_communes(tmp_path: Path) -> None:
    one = {"code_qp": "QN09301M", "lib_qp": "Un", "insee_com": "93010"}
    other = {"code_qp": "QN09302M, QN09303M", "lib_qp": "Deux, Trois", "insee_com": "93005"}
    path = geojson(
        tmp_path / "qpv.geojson", (one, square(2.48, 48.9)), (other, square(2.49, 48.95))
    )
    found = read("qpv_2024", path)
    quarters = found.table
    assert isinstance(quarters, gpd.GeoDataFrame)
    assert list(quarters.index) == ["QN09301M", "QN09302M;QN09303M"]
    assert quarters["codes_insee"].tolist() == ["93010", "93005"]
    assert set(quarters["vintage"]) == {"2024"}
    assert set(quarters.geom_type) == {"MultiPolygon"}
    assert quarters.geometry["QN09301M"].area == pytest.approx(0.01**2)
    assert found.notes == ("1 contour réunit plusieurs quartiers, sans dire lequel est lequel.",)


def test_the_parts_of_a_quarter_cut_along_communes_are_one(tmp_path: Path) -> None:
    path = geojson(
        tmp_path / "qpv.geojson",
        ({"code_qp": "QN1", "lib_qp": "A", "insee_com": "93010"}, shapely.box(2, 48, 3, 49)),
        ({"code_qp": "QN1", "lib_qp": "A", "insee_com": "93005"}, shapely.box(3, 48, 4, 49)),
    )
    quarters = read("qpv_2024", path).table
    assert isinstance(quarters, gpd.GeoDataFrame)
    assert quarters["codes_insee"].to_dict() == {"QN1": "93010;93005"}
    assert len(quarters.geometry["QN1"].geoms) == 1  # the border of the communes is no edge


def test_quarters_in_metres_and_in_a_geopackage(tmp_path: Path) -> None:
    layer = gpd.GeoDataFrame(
        {"CODE_QP": ["QP093010"], "NOM_QP": ["Un"]}, geometry=[square(2.48, 48.9)], crs=4326
    )
    layer.to_crs(2154).to_file(tmp_path / "qp.gpkg", layer="qp")
    layer.drop(columns="geometry").to_csv(tmp_path / "unused.csv")
    quarters = read("qpv_2015", tmp_path / "qp.gpkg").table
    assert isinstance(quarters, gpd.GeoDataFrame)
    outline = quarters.geometry["QP093010"]
    assert outline.symmetric_difference(square(2.48, 48.9)).area < 1e-10
    assert quarters["codes_insee"].isna().all()  # this file gives none


def test_an_outline_that_crosses_itself_is_mended(tmp_path: Path) -> None:
    bow = shapely.Polygon([(2.0, 48.0), (2.1, 48.1), (2.1, 48.0), (2.0, 48.1)])
    quarters = read("qpv_2015", geojson(tmp_path / "q.geojson", ({"code_qp": "QP1"}, bow))).table
    assert isinstance(quarters, gpd.GeoDataFrame)
    assert quarters.geometry.is_valid.all()
    (outline,) = quarters.geometry
    assert outline.area == pytest.approx(0.1 * 0.1 / 2)  # two triangles, each a quarter


def test_a_quarter_whose_outline_moved_is_told(tmp_path: Path) -> None:
    told = {"code_qp": "QN1", "lib_qp": "A"}
    before = read("qpv_2024", geojson(tmp_path / "a.geojson", (told, square(2.0, 48.0))))
    again = read("qpv_2024", geojson(tmp_path / "b.geojson", (told, square(2.0, 48.0))))
    after = read("qpv_2024", geojson(tmp_path / "c.geojson", (told, square(2.001, 48.0))))
    assert list_changes(before.listing, again.listing).empty
    changes = list_changes(before.listing, after.listing)
    assert change_counts(changes) == {("changed", "outline"): 1}


def test_real_quarters_of_both_generations() -> None:
    former = read("qpv_2015", real("qpv/qpv2015_occitanie.geojson")).table
    current = read("qpv_2024", real("qpv/qpv2024_polygons_by_commune.geojson")).table
    assert isinstance(former, gpd.GeoDataFrame)
    assert isinstance(current, gpd.GeoDataFrame)
    assert (len(former), len(current)) == (105, 692)
    assert former.geometry.is_valid.all()
    assert current.geometry.is_valid.all()
    assert QPV.conform(current).index.equals(current.index)
    in_93 = current[current["codes_insee"].str.startswith("93")]
    assert len(in_93) == 29


# --- files that are something else -------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "name", "text", "message"),
    [
        ("pvd", "l.csv", "a;b\n1;2\n", "ce n'est pas une liste de communes"),
        ("pvd", "l.csv", "insee_com;b\nabc;2\ndef;3\n", "Il faut des codes INSEE"),
        ("pvd", "l.csv", "insee_com;lib_com\n;\n", "aucune ligne de cette liste"),
        ("pvd", "l.csv", "", "vide"),
        ("densite", "d.csv", "codgeo;b\n01001;2\n", "ce n'est pas une grille de densité"),
        ("densite", "d.csv", "codgeo;libdens\n01001;Bleu\n", "« Bleu » n'est pas un niveau"),
        ("densite", "d.csv", "codgeo;dens\n01001;9\n", "« 9 » n'est pas un niveau"),
        ("densite", "d.csv", "codgeo;dens\n01001;5\n", "nommez celle-ci dens7"),
        ("densite", "d.csv", "codgeo;dens7\nx;5\n", "aucune ligne n'a de code INSEE"),
        ("densite", "d.csv", "codgeo;dens7\n01001;5\n01001;6\n", "01001 y est deux fois"),
        ("qpv_2024", "q.csv", "code_qp\nQN1\n", "est lue en .geojson ou en .gpkg"),
        ("qpv_2024", "q.geojson", "{", "ce n'est pas un GeoJSON"),
        ("qpv_2024", "q.gpkg", "x", "ce n'est pas un GeoPackage"),
        ("finess", "f.csv", "a;b\n1;2\n", "ce registre n'est pas reconnu"),
    ],
)
def test_a_file_of_something_else_is_refused(
    tmp_path: Path, layer: str, name: str, text: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(layer, written(tmp_path / name, text))


def test_quarters_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "q.geojson"
    here = square(2.0, 48.0)
    with pytest.raises(DataError, match=r"ceux de 2015 \(code QP1\).*siting data import qpv_2015"):
        read("qpv_2024", geojson(path, ({"code_qp": "QP1"}, here)))
    with pytest.raises(DataError, match="commencent tous par QN"):
        read("qpv_2024", geojson(path, ({"code_qp": "93001"}, here)))
    with pytest.raises(DataError, match=r"il manque leur code \(code_qp\)"):
        read("qpv_2024", geojson(path, ({"nom": "A"}, here)))
    with pytest.raises(DataError, match="aucun contour"):
        read("qpv_2024", geojson(path, ({"code_qp": "QN1"}, shapely.Point(2, 48))))
    with pytest.raises(CrsError, match="ne sont pas des degrés"):
        read("qpv_2024", geojson(path, ({"code_qp": "QN1"}, square(650_000, 6_860_000))))
    with pytest.raises(DataError, match="n'existe pas"):
        read("qpv_2024", tmp_path / "none.geojson")


def test_a_register_under_the_name_of_another_is_refused() -> None:
    with pytest.raises(
        DataError, match="est celui du registre « Liste des France services », et non"
    ):
        read("finess", real("finess_services/france_services_2024-08-01.csv"))


def test_real_registers_are_listed() -> None:
    finess = read("finess", real("finess_services/finess_occitanie.csv"))
    offices = read("france_services", real("finess_services/france_services_2024-08-01.csv"))
    assert len(finess.listing) == 10_004  # distinct establishments, as its manifest says
    assert (len(offices.listing), offices.vintage) == (2_845, "2024-08-01")
    assert finess.table is None


# --- the layers there are ----------------------------------------------------------------


def test_layers_are_described_and_found_under_their_names() -> None:
    kinds = layer_kinds()
    assert {"pvd", "acv", "villages_avenir", "qpv_2015", "qpv_2024", "densite", "finess"} <= set(
        kinds
    )
    for kind in kinds.values():
        assert kind.page.startswith("https://")
        assert kind.licence.startswith("Licence Ouverte")
        assert not kind.is_online or kind.hosts
    assert layer_kind("QPV-2024").name == "qpv_2024"
    assert layer_kind("density").kind is LayerContent.DENSITY
    with pytest.raises(OptionError, match="Vouliez-vous dire qpv_2024 ou qpv_2015"):
        layer_kind("qpv")
    with pytest.raises(OptionError, match="Couches : pvd, acv"):
        layer_kind("bleu")


# --- the list of a call ------------------------------------------------------------------


def test_the_list_of_seine_saint_denis_against_the_register() -> None:
    pack = read_pack("ssd-avp-2025")
    found = reconciled_list(
        pack.listed_communes,
        register=read_commune_register(),
        history=read_commune_history(),
        departements=pack.departements,
    )
    assert len(found) == 20
    assert not found["match"].isin(["ambiguous", "unknown"]).any()
    assert found["code_listed"].is_unique
    assert found[found["match"] == "former"]["code_listed"].tolist() == ["93059"]
    assert RECONCILED.conform(found).equals(found)
    lines = list(reconciled_lines(found))
    assert lines[0].startswith("Communes listées (20) : ")
    assert any("Pierrefitte-sur-Seine (93059) fait aujourd'hui partie de" in one for one in lines)


def test_names_of_a_list_each_in_their_way() -> None:
    register, history = read_commune_register(), read_commune_history()
    written_as = ["Bondy", "Epinay sur Seine", "St-Ouen", "93010", "93059", "Nulle-Part"]
    found = reconciled_list(written_as, register=register, history=history, departements=["93"])
    assert found["match"].tolist() == [
        *("same", "spelling", "shortened", "code", "former", "unknown"),
    ]
    (anywhere,) = reconciled_list(
        ["Saint-Denis"], register=register, history=history, departements=[]
    )["match"]
    assert anywhere == "ambiguous"  # in Seine-Saint-Denis and in La Réunion, at least
