"""Rules of a call that a department writes: commands, a study judged by them, its manifest."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from siting.cli import main
from siting.sources.packs import pack_scaffold
from siting.study import (
    Invocation,
    ProjectsFile,
    StudyOptions,
    study,
    territory,
    territory_files,
    write_study,
)

Said = tuple[int, str, str]  # exit code, standard output, errors


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    monkeypatch.setenv("SITING_TRACE", "1")
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["siting", "calls", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return int(str(end.value.code)), said.out, said.err

    return command


def test_a_new_file_passes_the_check_and_can_be_shown(
    run: Callable[..., Said], tmp_path: Path
) -> None:
    path = tmp_path / "ville.toml"
    code, out, _ = run("new", "ville-habitat-2026", "--out", path)
    assert code == 0
    assert f"siting calls check {path}" in out
    code, out, _ = run("check", path)
    assert (code, out.splitlines()[0]) == (0, "ville.toml : aucune erreur.")
    assert "Exigences : 4" in out
    code, out, _ = run("show", path)
    assert code == 0
    assert "≥ 65 ans" in out


def test_a_file_is_not_overwritten_and_ends_with_toml(
    run: Callable[..., Said], tmp_path: Path
) -> None:
    path = tmp_path / "ville.toml"
    path.write_text("à garder", encoding="utf-8")
    assert run("new", "ville-2026", "--out", path)[0] == 1
    assert path.read_text(encoding="utf-8") == "à garder"
    assert run("new", "ville-2026", "--out", path, "--overwrite")[0] == 0
    code, _, err = run("new", "ville-2026", "--out", tmp_path / "ville.txt")
    assert (code, "finit par .toml" in err) == (2, True)
    code, _, err = run("new", "Ma Ville", "--out", tmp_path / "v.toml")
    assert (code, "sans accent" in err) == (2, True)


def test_every_error_is_told_with_its_line(run: Callable[..., Said], tmp_path: Path) -> None:
    path = tmp_path / "ville.toml"
    text = pack_scaffold("ville-2026")
    text = text.replace("threshold_min = 15 ", "threshold_min = -15 ").replace(
        'kind = "selection"', 'kind = "préférence"'
    )
    path.write_text(text, encoding="utf-8")
    lines = text.splitlines()
    wrong = [
        number
        for number, line in enumerate(lines, start=1)
        if line.startswith(("threshold_min = -15", 'kind = "préférence"'))
    ]
    code, out, _ = run("check", path)
    assert (code, out.splitlines()[0]) == (1, "ville.toml : 2 erreurs")
    for number, line in zip(wrong, out.splitlines()[1:], strict=True):
        assert line.startswith(f"  ville.toml, ligne {number}, exigence « commerces » : ")


def street(folder: Path) -> Path:
    """Write a map of one street of Beausoleil, 330 m long, with a bakery at its end."""
    path = folder / "rue.osm"
    places = [(7.4245, 43.7415), (7.4245, 43.7430), (7.4245, 43.7445)]
    shop = '<tag k="shop" v="bakery"/><tag k="name" v="Fournil"/>'
    nodes = "".join(
        f'<node id="{n}" lon="{lon}" lat="{lat}" version="1">{shop * (n == 3)}</node>'
        for n, (lon, lat) in enumerate(places, start=1)
    )
    way = '<way id="1" version="1"><nd ref="1"/><nd ref="2"/><nd ref="3"/>'
    way += '<tag k="highway" v="residential"/></way>'
    path.write_text(f'<osm version="0.6">{nodes}{way}</osm>', encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def own_call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A national call that asks for shops within 5 minutes, and for at least 65 years."""
    path = tmp_path_factory.mktemp("appels") / "ville.toml"
    text = pack_scaffold("ville-2026").replace('departements = ["93"]', "departements = []")
    path.write_text(text.replace("threshold_min = 15", "threshold_min = 5"), encoding="utf-8")
    return path


def test_a_study_is_judged_by_ones_own_rules_and_its_manifest_has_their_sum(
    own_call: Path, tmp_path: Path
) -> None:
    projects = tmp_path / "projets.csv"
    projects.write_text(
        "id;commune;lon;lat;Âge minimum;porteur\n"
        "a;Beausoleil;7.4245;43.7430;65;CCAS\n"
        "b;Beausoleil;7.4245;43.7430;64;\n",
        encoding="utf-8",
    )
    result = study(
        ProjectsFile(path=projects),
        options=StudyOptions(osm=(street(tmp_path),), call=str(own_call)),
    )
    assert result.verdicts is not None
    table = result.verdicts
    assert table["verdict"].xs("age", level=1).tolist() == ["rempli", "a_verifier"]
    assert set(table["threshold"].xs("commerces", level=1).str[:5]) == {"5 min"}
    sha256 = hashlib.sha256(own_call.read_bytes()).hexdigest()
    assert result.inputs[str(own_call)] == sha256
    write_study(
        result,
        tmp_path / "etude",
        invocation=Invocation.now("siting", "study", parameters=[]),
        overwrite=False,
    )
    manifest = json.loads((tmp_path / "etude" / "manifest.json").read_text(encoding="utf-8"))
    assert sha256 in json.dumps(manifest)


def test_a_territory_takes_ones_own_call_too(own_call: Path) -> None:
    result = territory(["90"], call=str(own_call))
    assert result.pack is not None
    assert result.pack.id == "ville-2026"
    assert list(result.inputs) == [str(own_call)]
    assert "communes.csv" in territory_files(result)


PROJECTS = "id;commune;lon;lat\na;Beausoleil;7.4245;43.7430\n"
# An EHPAD and a pension de famille, 0.0001 degree (11 m) and 0.001 degree (111 m) to the north.
FINESS = (
    "numero finess etablissement,raison_sociale,rslongue,categetab,latitude,longitude,code_insee\n"
    "060000001,LES LILAS,RESIDENCE LES LILAS,500,43.7431,7.4245,06012\n"
    "060000002,LA MAISON,LA MAISON,258,43.7440,7.4245,06012\n"
)


NEEDS_LAYERS = """
[[requirement]]
id = "aujourd_hui"
label = "Quartier"
article = "4"
quote = "en quartier prioritaire"
kind = "eligibility"
measure = "qpv"
qpv_vintage = "2024"
threshold_m = 20
threshold_author = "nous"

[[requirement]]
id = "avant"
label = "Quartier"
article = "4"
quote = "en quartier prioritaire"
kind = "eligibility"
measure = "qpv"
qpv_vintage = "2015"
threshold_m = 20
threshold_author = "nous"

[[requirement]]
id = "hors_les_murs"
label = "Hors les murs"
article = "5"
quote = "hors de tout établissement"
kind = "eligibility"
measure = "establishment_apart"
establishments = ["ehpad", "pension_de_famille"]
threshold_m = 30
threshold_author = "nous"
"""


def judged(folder: Path, call: str, **options: object) -> tuple[pd.DataFrame, list[str]]:
    """Verdicts on the site of Beausoleil, and the sources that the study names."""
    projects = folder / "projets.csv"
    projects.write_text(PROJECTS, encoding="utf-8")
    result = study(
        ProjectsFile(path=projects),
        options=StudyOptions(osm=(street(folder),), call=call, **options),
    )
    assert result.verdicts is not None
    return result.verdicts.loc["a"], [one.source for one in result.sources]


def test_a_finess_file_that_is_given_tells_who_stands_there(tmp_path: Path) -> None:
    finess = tmp_path / "finess.csv"
    finess.write_text(FINESS, encoding="utf-8")
    table, _ = judged(tmp_path, "pvd-fabrique-2021", registers=(finess,))
    found = table.loc["etablissement_voisin"]
    assert found["verdict"] == "a_verifier"
    assert found["measure"] == "un établissement à 11 m"
    assert "RESIDENCE LES LILAS (EHPAD ; finess/060000001)" in found["evidence"]


def test_layers_that_are_installed_are_used_and_named_among_the_sources(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SITING_DATA", str(tmp_path / "data"))
    ring = [[7.42, 43.74], [7.43, 43.74], [7.43, 43.7435], [7.42, 43.7435], [7.42, 43.74]]
    quarter = {
        "type": "Feature",
        "properties": {"code_qp": "QN00601M", "lib_qp": "Le Moulin", "insee_com": "06012"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    files = {
        "qpv_2024": json.dumps({"type": "FeatureCollection", "features": [quarter]}),
        "finess": FINESS.replace("43.7431", "43.7450"),
    }
    for layer, text in files.items():
        path = tmp_path / f"{layer}.{'csv' if layer == 'finess' else 'geojson'}"
        path.write_text(text, encoding="utf-8")
        monkeypatch.setattr(sys, "argv", ["siting", "data", "import", layer, str(path)])
        with pytest.raises(SystemExit):
            main()
    own = tmp_path / "ville.toml"
    text = pack_scaffold("ville-2026").replace('departements = ["93"]', "departements = []")
    own.write_text(text + NEEDS_LAYERS, encoding="utf-8")
    table, sources = judged(tmp_path, str(own))
    today, former, apart = (table.loc[one] for one in ("aujourd_hui", "avant", "hors_les_murs"))
    assert today["verdict"] == "rempli"  # 0.0005 degree of latitude is 56 m
    assert today["measure"] == "dans le quartier Le Moulin (QN00601M), à 56 m de sa limite"
    assert former["verdict"] == "a_verifier"
    assert "siting data import qpv_2015 FICHIER" in former["evidence"]
    assert apart["verdict"] == "rempli"
    assert "FINESS" in apart["evidence"]
    assert [one for one in ("Quartiers prioritaires", "FINESS") if one not in str(sources)] == []
