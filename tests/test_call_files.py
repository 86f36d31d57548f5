"""Rules of a call that a department writes: commands, a study judged by them, its manifest."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from siting.cli import main
from siting.sources.packs import pack_scaffold
from siting.study import (
    Invocation,
    ProjectsFile,
    StudyOptions,
    sample,
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
    example = sample()
    projects = tmp_path / "projets.csv"
    projects.write_text(
        "id;commune;lon;lat;Âge minimum;porteur\n"
        "a;Beausoleil;7.4245;43.7430;65;CCAS\n"
        "b;Beausoleil;7.4245;43.7430;64;\n",
        encoding="utf-8",
    )
    result = study(
        ProjectsFile(path=projects),
        options=StudyOptions(osm=(example.osm,), call=str(own_call)),
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
