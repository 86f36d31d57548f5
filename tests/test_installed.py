"""Layers kept in the folder of the user: installed, downloaded from loopback, used, damaged."""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import shapely
from scripted_server import Answer, Asked, Script, scripted_server
from shapely.geometry import mapping

from siting.cli import main
from siting.errors import BadAnswer, DataError, OptionError, SourceError
from siting.sources import installed, installed_files, layer_download
from siting.sources.installed import (
    installed_file,
    installed_layers,
    installed_provenance,
    read_density,
    read_programme,
    read_qpv,
)
from siting.sources.layer_download import download_layer
from siting.sources.layer_kinds import LayerKind, layer_kind
from siting.sources.reference import layer_provenance, read_communes
from siting.sources.shipped import read_reference_csv
from siting.study.layers import (
    compare_layer,
    import_layer,
    layer_changes_csv,
    remove_layer,
    update_layer,
)
from siting.study.territory import territory

OFFICES = Path(__file__).parents[2] / "shared/data/finess_services/france_services_2024-08-01.csv"
GRID = "codgeo;libdens7\n93010;Grands centres urbains\n51573;Bourgs ruraux\n"


def pvd_text(*, without: str = "", added: str = "") -> str:
    """Return the shipped list in the layout of its producer, less or more one commune."""
    listed = read_reference_csv("pvd")
    rows = [
        f"{code},,{day}"
        for code, day in zip(listed["code_insee"], listed["date_signature"], strict=True)
        if code != without
    ]
    rows += [f"{added},,02/06/2026"] if added else []
    return "insee_com,lib_com,date_signature\n" + "\n".join(rows) + "\n"


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def quarters_text() -> str:
    told = {"code_qp": "QN09301M", "lib_qp": "Un", "insee_com": "93010"}
    feature = {
        "type": "Feature",
        "properties": told,
        "geometry": mapping(shapely.box(2.48, 48.9, 2.49, 48.91)),
    }
    return json.dumps({"type": "FeatureCollection", "features": [feature]})


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted_server() as script:
        yield script


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("SITING_TRACE", "1")

    def command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["siting", "data", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, said.out, said.err

    return command


# --- installed, read, removed ------------------------------------------------------------


def test_nothing_is_installed_at_first() -> None:
    assert installed_layers().empty
    assert read_density() is None
    assert read_qpv("2015") is None
    assert read_programme("acv") is None
    assert installed_file("finess") is None
    assert installed_provenance("finess") is None
    with pytest.raises(OptionError, match="Couche inconnue : « qpv_2010 »"):
        read_qpv("2010")


def test_a_file_is_kept_as_it_came_with_its_sum_and_vintage(tmp_path: Path) -> None:
    path = written(tmp_path / "densite_cog2026.csv", GRID)
    result = import_layer("densite", path)
    found = read_density()
    assert found is not None
    assert found.table["is_rural"].to_dict() == {"51573": True, "93010": False}
    told = found.provenance
    assert told.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert told.data_timestamp == "COG 2026"
    assert told.source == "INSEE : Grille communale de densité"
    assert told.licence == "Licence Ouverte 2.0 (Etalab)"
    assert told.note.startswith("fichier densite_cog2026.csv")
    assert result.description.n_rows == 2
    kept = installed_file("densite")
    assert kept is not None
    assert kept.read_bytes() == path.read_bytes()
    (row,) = installed_layers().reset_index().to_dict("records")
    assert (row["layer"], row["n_rows"], row["state"]) == ("densite", 2, "intact")


def test_the_folder_is_the_one_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SITING_DATA", str(tmp_path / "mine"))
    import_layer("densite", written(tmp_path / "d.csv", GRID))
    assert (tmp_path / "mine" / "densite" / "layer.json").is_file()
    remove_layer("densite")
    assert list((tmp_path / "mine").iterdir()) == []
    with pytest.raises(DataError, match="n'est pas installée"):
        remove_layer("densite")


def test_a_new_file_takes_the_place_of_the_former_one(tmp_path: Path) -> None:
    import_layer("densite", written(tmp_path / "a.csv", GRID))
    later = GRID.replace("Bourgs ruraux", "Petites villes") + "93005;Ceintures urbaines\n"
    result = import_layer("densite", written(tmp_path / "b.csv", later), vintage="COG 2027")
    changes = result.difference.changes
    assert changes is not None
    assert changes[["change", "before", "after"]].fillna("").to_dict("index") == {
        "51573": {"change": "changed", "before": "Bourgs ruraux", "after": "Petites villes"},
        "93005": {"change": "added", "before": "", "after": "Ceintures urbaines"},
    }
    folder = installed_files.installed_folder() / "densite"
    kept = [path.name for path in folder.iterdir() if path.is_dir()]
    assert kept == [result.description.sha256]
    again = import_layer("densite", tmp_path / "b.csv", vintage="COG 2027")
    assert again.was_there
    assert again.difference.changes is not None
    assert again.difference.changes.empty


def test_a_bad_file_leaves_what_was_there(tmp_path: Path) -> None:
    import_layer("densite", written(tmp_path / "a.csv", GRID))
    before = installed_layers()
    with pytest.raises(DataError, match="ce n'est pas une grille"):
        import_layer("densite", written(tmp_path / "b.csv", "a;b\n1;2\n"))
    pd.testing.assert_frame_equal(installed_layers(), before)
    folder = installed_files.installed_folder() / "densite"
    assert len(list(folder.iterdir())) == 2  # the file and its description, nothing aside
    with pytest.raises(DataError, match="ce n'est pas une liste"):
        import_layer("acv", tmp_path / "b.csv")
    assert not (installed_files.installed_folder() / "acv").exists()


@pytest.mark.parametrize("harm", ["altered", "cut", "absent", "index", "elsewhere", "version"])
def test_a_damaged_layer_is_an_error_that_says_what_to_do(tmp_path: Path, harm: str) -> None:
    import_layer("densite", written(tmp_path / "d.csv", GRID))
    kept = installed_file("densite")
    assert kept is not None
    index = installed_files.installed_folder() / "densite" / "layer.json"
    told = json.loads(index.read_bytes())
    match harm:
        case "altered":
            kept.write_text(GRID.replace("93010", "93011"), encoding="utf-8")
        case "cut":
            kept.write_bytes(kept.read_bytes()[:-5])
        case "absent":
            kept.unlink()
        case "index":
            index.write_text("{", encoding="utf-8")
        case "elsewhere":
            index.write_text(json.dumps(told | {"name": "../../d.csv"}), encoding="utf-8")
        case _:
            index.write_text(json.dumps(told | {"format": 99}), encoding="utf-8")
    with pytest.raises(DataError, match=r"« densite » est abîmée.*siting data remove densite"):
        read_density()
    assert installed_layers()["state"].tolist() == ["abîmé"]
    import_layer("densite", tmp_path / "d.csv")  # which mends it
    assert read_density() is not None


def test_a_file_of_the_user_is_never_written(tmp_path: Path) -> None:
    path = written(tmp_path / "d.csv", GRID)
    path.chmod(0o444)
    import_layer("densite", path)
    assert path.read_text(encoding="utf-8") == GRID


def test_a_folder_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SITING_DATA", str(tmp_path / "file"))
    with pytest.raises(OSError, match="Impossible d'écrire la couche"):
        import_layer("densite", written(tmp_path / "d.csv", GRID))


# --- Petites villes de demain ------------------------------------------------------------


def test_a_newer_list_is_used_everywhere_with_its_vintage(tmp_path: Path) -> None:
    text = pvd_text(without="51573", added="93010")
    assert not read_communes(["93"])["is_pvd"].any()
    was_pvd = read_communes(["51"])["is_pvd"].sum()
    path = written(tmp_path / "liste-pvd-com2025-20260602.csv", text)
    result = import_layer("pvd", path)
    assert not result.is_unused
    seine, marne = read_communes(["93"]), read_communes(["51"])
    assert seine.index[seine["is_pvd"]].tolist() == ["93010"]
    assert seine.loc["93010", "pvd_on"] == "2026-06-02"
    assert marne["is_pvd"].sum() == was_pvd - ("51573" in set(read_reference_csv("pvd").iloc[:, 0]))
    assert seine["vintage"].str.endswith("Petites villes de demain 2026-06-02").all()
    told = layer_provenance("pvd")
    assert told.data_timestamp == "2026-06-02"
    assert told.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert told in territory(["93"]).sources
    remove_layer("pvd")
    assert layer_provenance("pvd").data_timestamp == "2024-09-16"
    assert not read_communes(["93"])["is_pvd"].any()


def test_an_older_list_is_kept_but_not_used(tmp_path: Path) -> None:
    path = written(tmp_path / "pvd.csv", pvd_text(added="93010"))
    result = import_layer("pvd", path, vintage="2021-01-22")
    assert result.is_unused
    assert not read_communes(["93"])["is_pvd"].any()
    assert layer_provenance("pvd").data_timestamp == "2024-09-16"
    found = read_programme("pvd")  # which is that of the person, for who asks for it
    assert found is not None
    assert "93010" in found.table.index


def test_its_day_must_be_known_and_it_must_be_national(tmp_path: Path) -> None:
    path = written(tmp_path / "pvd.csv", pvd_text())
    with pytest.raises(OptionError, match="le fichier ne dit pas son jour"):
        import_layer("pvd", path)
    with pytest.raises(OptionError, match="« juin » n'est pas un jour"):
        import_layer("pvd", path, vintage="juin")
    part = written(tmp_path / "part.csv", "insee_com\n93010\n")
    with pytest.raises(DataError, match="1 communes, dont 0 des 1645"):
        import_layer("pvd", part, vintage="2026-06-02")
    assert installed_layers().empty


def test_comparing_installs_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "pvd.csv", pvd_text(without="01033", added="93010"))
    found = compare_layer("pvd", path)
    assert found.former == "la liste du programme (16 septembre 2024)"
    assert found.changes is not None
    assert found.changes["change"].to_dict() == {"01033": "removed", "93010": "added"}
    assert found.changes["nom"].to_dict() == {"01033": "Valserhône", "93010": "Bondy"}
    assert installed_layers().empty
    lines = layer_changes_csv(found).decode("utf-8").splitlines()
    assert lines[0] == "code,change,reason,nom,before,after,why"
    assert lines[2] == "93010,added,real,Bondy,,2026-06-02,la commune est entrée dans la liste"


# --- downloaded from a server of this computer -------------------------------------------


def announcing(script: Script, resources: list[dict[str, object]], files: dict[str, bytes]) -> None:
    """Make a server answer like the API of data.gouv.fr, with files beside it."""

    def reply(asked: Asked) -> Answer:
        if asked.path == "/api/1/datasets/demain/":
            return 200, {}, json.dumps({"resources": resources}).encode()
        found = files.get(asked.path)
        return (404, {}, b"rien") if found is None else (200, {}, found)

    script.reply = reply


def of_server(layer: str, script: Script, **facts: object) -> LayerKind:
    return replace(layer_kind(layer), dataset=f"{script.url}/api/1/datasets/demain/", **facts)


def resource(script: Script, path: str, content: bytes = b"", **facts: object) -> dict[str, object]:
    told = {"type": "sha1", "value": hashlib.sha1(content).hexdigest()}  # noqa: S324 - as announced
    return {"id": path, "url": f"{script.url}{path}", "checksum": told} | facts


def test_the_file_that_the_api_names_is_taken_and_its_sum_checked(script: Script) -> None:
    new, old = pvd_text(added="93010").encode(), pvd_text().encode()
    announcing(
        script,
        [
            resource(script, "/liste-pvd-2025.csv", old, last_modified="2025-01-01T08:00:00"),
            resource(script, "/liste-pvd-2026.csv", new, last_modified="2026-06-04T08:00:00"),
            resource(script, "/notice.pdf"),
            {"url": 3},
        ],
        {"/liste-pvd-2025.csv": old, "/liste-pvd-2026.csv": new},
    )
    found = download_layer(of_server("pvd", script))
    assert (found.name, found.content) == ("liste-pvd-2026.csv", new)
    assert (found.changed_on, found.is_sum_checked) == ("2026-06-04", True)
    by_id = download_layer(of_server("pvd", script, resource="/liste-pvd-2025.csv"))
    assert by_id.content == old
    assert script.asked[0].headers["User-Agent"].startswith("siting/")


def test_a_lasting_address_of_data_gouv_leads_to_its_file(script: Script) -> None:
    name = "942d4ee8-8142-4556-8ea1-335537ce1119"
    content = GRID.encode()
    told = {"resource": resource(script, "/grille.csv", content, last_modified="2026-02-03T")}

    def reply(asked: Asked) -> Answer:
        if asked.path == f"/api/2/datasets/resources/{name}/":
            return 200, {}, json.dumps(told).encode()
        is_file = asked.path == "/grille.csv"
        return (200, {}, content) if is_file else (302, {"Location": "https://example.org"}, b"")

    script.reply = reply
    result = update_layer("densite", url=f"{script.url}/fr/datasets/r/{name}")
    assert result.description.vintage == "2026-02-03"
    assert result.description.origin.endswith("/grille.csv (somme annoncée vérifiée)")
    told["resource"]["url"] = "https://example.org/grille.csv"
    with pytest.raises(BadAnswer, match=r"\(example.org\) n'est pas celle d'un serveur attendu"):
        update_layer("densite", url=f"{script.url}/fr/datasets/r/{name}")


def test_a_file_of_another_sum_or_place_is_refused(script: Script) -> None:
    content = pvd_text().encode()
    cut = content[: len(content) // 2]
    listed = [resource(script, "/liste-pvd.csv", content)]
    announcing(script, listed, {"/liste-pvd.csv": cut})
    with pytest.raises(BadAnswer, match=r"n'est pas celui qui est annoncé \(somme sha1"):
        download_layer(of_server("pvd", script))
    announcing(script, [resource(script, "/x") | {"url": "https://example.org/liste-pvd.csv"}], {})
    with pytest.raises(BadAnswer, match=r"\(example.org\) n'est pas celle d'un serveur attendu"):
        download_layer(of_server("pvd", script))
    announcing(script, [resource(script, "/autre.csv")], {})
    with pytest.raises(BadAnswer, match="n'est plus parmi ceux de"):
        download_layer(of_server("pvd", script))
    script.reply = lambda _: (200, {}, b"[]")
    with pytest.raises(BadAnswer, match="n'est plus parmi ceux de"):
        download_layer(of_server("pvd", script))


@pytest.mark.parametrize(
    ("headers", "body", "message"),
    [
        ({}, b"<!DOCTYPE html><html>Connexion</html>", "est une page web"),
        ({}, b"\n <html lang='fr'>", "est une page web"),
        ({"Content-Type": "text/html; charset=utf-8"}, b"insee_com\n93010\n", "est une page web"),
        ({}, b"", "est vide"),
        ({}, b"x" * 1_000_001, "démesurée"),
        ({"Content-Disposition": 'filename="a.zip"'}, b"PK\x03\x04", "est abîmée ou incomplète"),
    ],
)
def test_what_is_no_file_of_data_is_refused(
    script: Script, headers: dict[str, str], body: bytes, message: str
) -> None:
    script.answers = [(200, headers, body)]
    small = replace(layer_kind("pvd"), largest_mb=1)
    with pytest.raises(SourceError, match=message) as refused:
        download_layer(small, url=f"{script.url}/liste.csv?jeton=secret")
    assert "siting data import pvd FICHIER" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_server_that_refuses_or_does_not_answer_is_told(script: Script) -> None:
    script.answers = [(404, {}, b"rien")]
    with pytest.raises(SourceError, match="HTTP 404"):
        update_layer("acv", url=f"{script.url}/liste.csv")
    assert installed_layers().empty
    with pytest.raises(OptionError, match="n'a pas d'adresse officielle connue"):
        update_layer("qpv_2015")
    with pytest.raises(OptionError, match="https://"):
        update_layer("acv", url="http://example.org/liste.csv")


def test_a_server_that_fails_once_is_asked_again(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = replace(layer_download.RetryRule(), first_wait_s=0.01)
    monkeypatch.setattr(layer_download, "RetryRule", lambda **facts: replace(quick, **facts))
    script.answers = [(503, {}, b""), (200, {}, GRID.encode())]
    result = update_layer("densite", url=f"{script.url}/grille_2026.csv")
    assert result.description.url == f"{script.url}/grille_2026.csv"
    assert result.description.origin == f"téléchargé de {script.url}/grille_2026.csv"
    assert result.description.vintage == "2026"
    assert len(script.asked) == 2


def test_the_layer_in_an_archive_is_taken_out_of_it(script: Script) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("GEOJSON/QP2024_France_Hexagonale_Outre_Mer_WGS84.geojson", quarters_text())
        file.writestr("GEOJSON/QP2024_Guyane.geojson", "{}")
    script.answers = [(200, {}, archive.getvalue())]
    result = update_layer("qpv_2024", url=f"{script.url}/r/942d4ee8")
    assert result.description.name == "QP2024_France_Hexagonale_Outre_Mer_WGS84.geojson"
    found = read_qpv("2024")
    assert found is not None
    assert found.table["codes_insee"].to_dict() == {"QN09301M": "93010"}
    assert found.provenance.url == f"{script.url}/r/942d4ee8"


def test_a_download_cut_short_does_not_replace_a_whole_list(script: Script, tmp_path: Path) -> None:
    whole = "insee_com,lib_com\n" + "".join(f"93{n:03},C\n" for n in range(1, 41))
    import_layer("acv", written(tmp_path / "acv.csv", whole))
    script.answers = [(200, {}, whole[: len(whole) // 3].encode())]
    with pytest.raises(DataError, match="elle paraît tronquée"):
        update_layer("acv", url=f"{script.url}/acv.csv")
    found = read_programme("acv")
    assert found is not None
    assert installed_layers().loc["acv", "n_rows"] == 40


# --- the command line --------------------------------------------------------------------


def test_commands_on_a_layer_from_import_to_remove(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    for words in ((), ("list",)):
        code, out, _ = run(*words)
        assert code == 0
        assert "Licence Ouverte" in out
        assert "Aucune couche installée" in out
    path = written(tmp_path / "liste-pvd-20260602.csv", pvd_text(without="01033", added="93010"))
    code, out, _ = run("diff", "pvd", path, "--out", tmp_path / "d.csv")
    assert code == 0
    assert "1 retiré : changement réel" in out
    assert "1 ajouté : changement réel" in out
    assert "la commune est entrée dans la liste" in out
    assert (tmp_path / "d.csv").read_text(encoding="utf-8").count("\n") == 3
    code, out, _ = run("import", "pvd", path)
    assert code == 0
    assert (
        "Petites villes de demain : 1 645 lignes installées, millésime 2 juin 2026"
        in out.replace("\N{NO-BREAK SPACE}", " ")
    )
    code, out, _ = run()
    assert "2 juin 2026" in out
    code, out, _ = run("diff", "pvd", path)
    assert "Différences avec la liste installée (2 juin 2026)" in out
    assert "aucune" in out
    code, out, _ = run("remove", "pvd")
    assert code == 0
    assert installed_layers().empty


def test_update_says_what_came_and_what_did_not(
    run: Callable[..., tuple[int, str, str]], script: Script
) -> None:
    script.answers = [(200, {}, GRID.encode())]
    code, out, err = run("update", "densite", "--url", f"{script.url}/dens.csv")
    assert (code, err) == (0, "")
    assert "2 lignes installées, millésime inconnu" in out
    assert f"téléchargé de {script.url}/dens.csv" in out
    code, _, err = run("update", "densite", "acv", "--url", f"{script.url}/dens.csv")
    assert code == 2
    assert "une seule couche" in err
    code, out, err = run("update", "qpv_2015", "nulle_part")
    assert code == 1
    assert "Couches qui n'ont pas été mises à jour : qpv_2015, nulle_part." in out
    assert "siting data import qpv_2015 FICHIER" in err


def test_a_damaged_layer_shows_in_the_list(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    import_layer("densite", written(tmp_path / "d.csv", GRID))
    kept = installed_file("densite")
    assert kept is not None
    os.truncate(kept, 3)
    code, out, err = run("list")
    assert code == 1
    assert "ABÎMÉ" in out
    assert "Des couches installées sont abîmées (densite)" in err


def test_a_register_is_kept_for_the_study(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    if not OFFICES.exists():
        pytest.skip("the list of France services offices is not beside this checkout")
    code, out, _ = run("import", "france-services", OFFICES)
    assert code == 0
    kept = installed_file("france_services")
    assert kept is not None
    assert kept.read_bytes() == OFFICES.read_bytes()
    text = OFFICES.read_text(encoding="utf-8")
    fewer = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("2,"))
    code, out, _ = run("diff", "france_services", written(tmp_path / "f.csv", fewer))
    assert "1 retiré : changement réel" in out
    told = installed.installed_provenance("france_services")
    assert told is not None
    assert told.data_timestamp == "2024-08-01"
