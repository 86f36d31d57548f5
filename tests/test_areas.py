"""Areas kept under a name: what they give is what the file gives."""

from datetime import date
from pathlib import Path

import pytest

from siting.errors import DataError, OptionError, OutputError
from siting.study import (
    KeptArea,
    ProjectsFile,
    StudyOptions,
    add_area,
    area_table,
    forget_area,
    kept_area,
    kept_areas,
    sample,
    study,
    study_files,
)

SAMPLE = sample()


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeptArea:
    monkeypatch.setenv("SITING_AREAS", str(tmp_path / "zones"))
    return add_area("monaco", [SAMPLE.osm], overwrite=False, with_ferries=False)


def test_a_study_of_an_area_gives_the_figures_of_its_file(kept: KeptArea) -> None:
    file = ProjectsFile(path=SAMPLE.projects)
    by_name = study(file, options=StudyOptions(area=kept.folder))
    by_file = study(file, options=StudyOptions(osm=(SAMPLE.osm,)))
    tables = ("sites.csv", "access.csv", "reach.csv")
    one, other = study_files(by_name), study_files(by_file)
    assert [one[name] == other[name] for name in tables] == [True] * len(tables)
    assert set(by_name.inputs.values()) == set(by_file.inputs.values())


def test_an_area_says_the_age_of_its_map(kept: KeptArea) -> None:
    assert kept.mapped_on == "2023-12-26"
    assert kept.age_days(date(2023, 12, 31)) == 5
    (row,) = area_table(kept_areas()).itertuples()
    assert (row.Index, row.mapped_on, row.problem) == ("monaco", "2023-12-26", "")
    assert row.n_services > 400
    assert row.size_bytes > 1e6


def test_a_name_is_taken_once(kept: KeptArea) -> None:
    with pytest.raises(OutputError, match="contient déjà une zone"):
        add_area(kept.name, [SAMPLE.osm], overwrite=False, with_ferries=False)
    again = add_area(kept.name, [SAMPLE.osm], overwrite=True, with_ferries=False)
    assert again.folder == kept.folder


def test_an_area_of_another_version_is_listed_with_what_is_wrong(kept: KeptArea) -> None:
    (kept.folder / "area.json").write_text("{}", encoding="utf-8")
    (listed,) = kept_areas()
    assert listed.area is None
    assert listed.problem
    assert listed.age_days(date(2026, 1, 1)) is None


def test_an_area_is_forgotten(kept: KeptArea) -> None:
    assert forget_area("monaco") == kept.folder
    assert not kept.folder.exists()
    assert kept_areas() == []
    with pytest.raises(DataError, match="Il n'y a pas de zone"):
        forget_area("monaco")


def test_what_is_beside_an_area_is_not_touched(kept: KeptArea) -> None:
    (kept.folder / "notes.txt").write_text("à garder", encoding="utf-8")
    forget_area("monaco")
    assert [path.name for path in kept.folder.iterdir()] == ["notes.txt"]


def test_an_unknown_name_tells_those_that_are_known(kept: KeptArea) -> None:
    with pytest.raises(DataError, match=f"Zones gardées : {kept.name}"):
        kept_area("redon")


@pytest.mark.parametrize("name", ["", "..", "a/b", "Monaco", "a b", "-a", "é", "a" * 61])
def test_a_name_is_no_path(name: str) -> None:
    with pytest.raises(OptionError, match="n'est pas un nom de zone"):
        kept_area(name)


@pytest.mark.parametrize("options", [{"osm": (SAMPLE.osm,)}, {"heights": (Path("mnt"),)}])
def test_an_area_goes_alone(kept: KeptArea, options: dict[str, tuple[Path]]) -> None:
    with pytest.raises(OptionError, match="--area"):
        study(ProjectsFile(path=SAMPLE.projects), options=StudyOptions(area=kept.folder, **options))
