"""Areas kept on disk: the same when opened again, refused when damaged, replaced whole."""

from __future__ import annotations

import ast
import errno
import json
import os
import re
from dataclasses import fields, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from conftest import at

import siting
from siting.access import AccessRule, CategoryInfo, accessibility
from siting.compiled import searching, snapping
from siting.errors import DataError, NetworkError, OutputError
from siting.network import walk_network
from siting.services import services_from_osm
from siting.sources.area_store import (
    BUILDERS,
    Area,
    build_area,
    content_key,
    open_or_build,
    read_area,
    verify_area,
    write_area,
)
from siting.sources.osm_file import read_osm
from siting.taxonomy import read_taxonomy, taxonomy_from_toml
from siting.walkers import walk_profile

MONACO = Path(__file__).parents[1] / "data" / "sample" / "monaco.osm.pbf"
TAXONOMY = read_taxonomy()

# Node: metres east, metres north, tags. Two streets, a gate, two shops and a shop's walls.
NODES: dict[int, tuple[float, float, dict[str, str]]] = {
    1: (0, 0, {}),
    2: (300, 0, {}),
    3: (600, 0, {"barrier": "gate", "locked": "yes"}),
    4: (300, 400, {}),
    10: (100, 5, {"shop": "bakery", "name": "Au Blé"}),
    9: (500, 5, {"amenity": "pharmacy", "name": "De la Gare", "ref:FR:FINESS": "930000001"}),
    21: (310, 200, {}),
    22: (330, 200, {}),
    23: (330, 220, {}),
}
WAYS: dict[int, tuple[list[int], dict[str, str]]] = {
    1: ([1, 2, 3], {"highway": "residential", "surface": "asphalt"}),
    2: ([2, 4], {"highway": "footway"}),
    3: ([21, 22, 23, 21], {"shop": "supermarket", "building": "yes", "name": "Le Marché"}),
    4: ([4, 1], {"route": "ferry"}),
}


def osm_text(nodes: dict[int, tuple[float, float, dict[str, str]]]) -> str:
    def said(tags: dict[str, str]) -> str:
        return "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())

    lines = ['<osm version="0.6"><meta osm_base="2026-01-31T00:00:00Z"/>']
    for node, (x, y, tags) in sorted(nodes.items()):
        lon, lat = at(x, y)
        lines.append(f'<node id="{node}" version="1" lon="{lon}" lat="{lat}">{said(tags)}</node>')
    for way, (refs, tags) in WAYS.items():
        drawn = "".join(f'<nd ref="{ref}"/>' for ref in refs)
        lines.append(f'<way id="{way}" version="1">{drawn}{said(tags)}</way>')
    return "\n".join([*lines, "</osm>"])


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("osm") / "town.osm"
    path.write_text(osm_text(NODES), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def area(town: Path) -> Area:
    return build_area([town], taxonomy=TAXONOMY)


@pytest.fixture
def kept(area: Area, tmp_path: Path) -> Path:
    """Return a folder that holds the area."""
    write_area(area, tmp_path / "kept", overwrite=False)
    return tmp_path / "kept"


def data_folder(folder: Path) -> Path:
    return folder / json.loads((folder / "area.json").read_bytes())["data"]


def assert_same(one: Area, other: Area) -> None:
    pairs = [
        (one.network, other.network),
        (one.network.grid, other.network.grid),
        (one.targets, other.targets),
        (one.targets.snaps, other.targets.snaps),
    ]
    for mine, yours in pairs:
        for field in fields(mine):
            a, b = getattr(mine, field.name), getattr(yours, field.name)
            if isinstance(a, np.ndarray):
                assert type(b) is np.ndarray
                assert (a.dtype, a.flags.writeable) == (b.dtype, b.flags.writeable)
                np.testing.assert_array_equal(a, b)
            elif field.name not in ("grid", "snaps"):
                assert type(a) is type(b)
                assert a == b
    pd.testing.assert_frame_equal(one.services, other.services, check_exact=True)
    assert one.services.crs == other.services.crs
    pd.testing.assert_frame_equal(one.references, other.references)
    for name in ("snap_limit_m", "with_ferries", "coverage", "n_broken", "provenance"):
        assert getattr(one, name) == getattr(other, name)
    assert one.content_key == other.content_key


def test_an_area_is_what_its_files_give(area: Area) -> None:
    # street 1 in two edges, 300 m each; the footway of 400 m; no ferry
    assert area.network.way_id.tolist() == [1, 1, 2]
    assert area.network.length_m == pytest.approx([300, 300, 400], abs=0.05)
    assert area.services.index.tolist() == ["node/10", "node/9", "way/3"]
    # the pharmacy, second by its identifier as text, is 200 m along the second edge
    second = area.targets.service == 1
    assert area.targets.snaps.along_m[second] == pytest.approx([200], abs=0.05)
    assert area.provenance[0].data_timestamp == "2026-01-31T00:00:00Z"


def test_opened_again_it_is_the_same(area: Area, kept: Path) -> None:
    opened = read_area(kept)
    assert_same(area, opened)
    verify_area(kept)


def test_what_has_heights_ferries_or_no_service_is_the_same(area: Area, tmp_path: Path) -> None:
    heights_m = np.arange(len(area.network.lon)) + 0.5
    heights_m[0] = np.nan
    hilly = replace(area, network=replace(area.network, height_m=heights_m))
    bare = {node: (x, y, {}) for node, (x, y, _) in NODES.items() if node < 5}
    path = tmp_path / "bare.osm"
    path.write_text(re.sub(r'<way id="3".*', "", osm_text(bare)), encoding="utf-8")
    empty = build_area([path], taxonomy=TAXONOMY, snap_limit_m=50.0, with_ferries=True)
    assert empty.services.empty
    assert empty.network.n_edges == 4
    for name, one in {"hilly": hilly, "empty": empty}.items():
        write_area(one, tmp_path / name, overwrite=False)
        assert_same(one, read_area(tmp_path / name))


def test_writing_to_an_opened_array_changes_no_file(kept: Path) -> None:
    read_area(kept).network.length_m[:] = 0.0
    verify_area(kept)
    assert read_area(kept).network.length_m.min() > 0.0


def n_compiled() -> dict[str, int]:
    return {
        name: len(function.signatures)
        for module in (searching, snapping)
        for name, function in vars(module).items()
        if hasattr(function, "signatures")
    }


def test_measures_are_those_of_the_files_and_nothing_is_compiled_again(tmp_path: Path) -> None:
    extract = read_osm([MONACO], taxonomy=TAXONOMY)
    network = walk_network(extract.ways, coverage=extract.coverage)
    services = services_from_osm(extract.objects, TAXONOMY)
    folder = tmp_path / "monaco"
    open_or_build([MONACO], folder, taxonomy=TAXONOMY)
    rng = np.random.default_rng(4)
    shapes = gpd.points_from_xy(rng.uniform(7.41, 7.43, 20), rng.uniform(43.73, 43.745, 20))
    sites = gpd.GeoDataFrame(geometry=shapes, crs=4326, index=[f"s{i}" for i in range(20)])
    sites = sites.rename_axis("site_id")
    categories = {
        one.id: CategoryInfo(families="", is_reliably_mapped=True) for one in TAXONOMY.categories
    }
    for walker in ("senior", "fauteuil"):
        rule = AccessRule(profile=walk_profile(walker))
        direct = accessibility(sites, services, network, categories=categories, rule=rule)
        before = n_compiled()
        opened = read_area(folder)
        targets = opened.targets_for(rule.profile, snap_limit_m=rule.snap_limit_m)
        assert (targets is None) == (walker == "fauteuil")
        stored = accessibility(
            sites,
            opened.services,
            opened.network,
            categories=categories,
            rule=rule,
            targets=targets,
        )
        assert n_compiled() == before
        pd.testing.assert_frame_equal(stored.access, direct.access, check_exact=True)
        pd.testing.assert_frame_equal(stored.reach, direct.reach, check_exact=True)
        assert (direct.access["access_status"] == "reached").sum() > 100


def test_targets_are_not_those_of_another_limit(area: Area) -> None:
    senior = walk_profile("senior")
    assert area.targets_for(senior, snap_limit_m=200.0) is area.targets
    assert area.targets_for(senior, snap_limit_m=100.0) is None


def test_a_file_missing_cut_or_longer_is_refused(area: Area, kept: Path) -> None:
    data = data_folder(kept)
    names = sorted(path.name for path in data.iterdir())
    assert len(names) == 17 + 2 + 4 + 3 + 2  # network, grid, targets, snaps; services, references
    for name in names:
        whole = (data / name).read_bytes()
        for damaged in (None, b"", whole[:-1], whole + b"0"):
            (data / name).unlink()
            if damaged is not None:
                (data / name).write_bytes(damaged)
            for refusing in (read_area, verify_area):
                with pytest.raises(DataError, match=rf"abîmée : fichier {name}.*reconstruisez-la"):
                    refusing(kept)
            (data / name).write_bytes(whole)
    assert_same(area, read_area(kept))


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("network.length_m.npy", b"'<f8'", b"'<i8'"),
        ("network.u.npy", b"(3,)", b"(2,)"),
        ("network.v.npy", b"NUMPY", b"NUMPI"),
        ("network.v.npy", b"'<i4'", b"'|O4'"),
        ("services.parquet", b"PAR1", b"PAR2"),
        ("references.parquet", b"PAR1", b"PAR2"),
    ],
)
def test_a_file_of_another_form_is_refused(
    kept: Path, name: str, before: bytes, after: bytes
) -> None:
    path = data_folder(kept) / name
    content = path.read_bytes()
    assert before in content
    path.write_bytes(content.replace(before, after))
    with pytest.raises(DataError, match=rf"{name}.*town\.osm"):
        read_area(kept)


def test_a_changed_number_is_found_by_verifying(kept: Path) -> None:
    path = data_folder(kept) / "network.length_m.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    read_area(kept)  # as its docstring says
    with pytest.raises(DataError, match=r"network\.length_m\.npy.*modifié"):
        verify_area(kept)


def test_a_damaged_description_is_refused(kept: Path) -> None:
    path = kept / "area.json"
    text = path.read_text(encoding="utf-8")
    changed = text.replace('"cell_m": 100.0', '"cell_m": 101.0')
    assert changed != text
    without = json.loads(text)
    del without["tag_sets"]
    for damaged in ("", "{", text[:-2], changed, "[]", "null", "{}", json.dumps(without), "é\x00"):
        path.write_text(damaged, encoding="utf-8")
        for refusing in (read_area, verify_area):
            with pytest.raises(DataError, match=r"abîmée : fichier area\.json.*reconstruisez-la"):
                refusing(kept)
    path.write_bytes(b"\xff\xfe{}")
    with pytest.raises(DataError, match="abîmée"):
        read_area(kept)


def test_nothing_is_no_area(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(DataError, match="ne contient pas de zone"):
            read_area(folder)


def test_an_area_of_another_version_is_refused(kept: Path) -> None:
    path = kept / "area.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"format": 2', '"format": 1'), encoding="utf-8")
    match = rf"autre version de siting \({siting.__version__}\).*reconstruisez-la.*town\.osm"
    with pytest.raises(DataError, match=match):
        read_area(kept)
    path.write_text('{"format": 99}', encoding="utf-8")
    with pytest.raises(DataError, match="autre version de siting"):
        read_area(kept)


def test_an_area_of_another_taxonomy_is_refused(kept: Path) -> None:
    other = replace(TAXONOMY, categories=TAXONOMY.categories[1:])
    with pytest.raises(DataError, match=r"autre liste de services.*reconstruisez-la"):
        read_area(kept, taxonomy=other)
    read_area(kept, taxonomy=TAXONOMY)


def test_the_key_follows_the_taxonomy() -> None:
    toml = """
[[family]]
id = "commerces"
label = "Commerces"
[[category]]
id = "pain"
label = "Pain"
families = ["commerces"]
selectors = [{{ shop = {values} }}]
"""
    one, same, other = (
        content_key(taxonomy_from_toml(toml.format(values=values)))
        for values in ('["bakery", "pastry"]', '["pastry", "bakery"]', '["bakery"]')
    )
    assert one == same
    assert one != other
    assert content_key(TAXONOMY) == content_key(read_taxonomy())


def test_the_builders_are_all_that_building_imports() -> None:
    """When this fails, put in `BUILDERS` the modules that it names."""
    package = Path(siting.__file__).parent
    found: set[str] = set()
    ahead = ["sources/osm_file.py", "services.py", "references.py"]
    ahead += ["network.py", "targets.py"]
    while ahead:
        name = ahead.pop()
        found.add(name)
        for line in ast.parse((package / name).read_text(encoding="utf-8")).body:
            if isinstance(line, ast.ImportFrom):
                modules = {line.module, *(f"{line.module}.{alias.name}" for alias in line.names)}
                for module in modules:
                    path = f"{str(module).removeprefix('siting.').replace('.', '/')}.py"
                    if str(module).startswith("siting.") and (package / path).is_file():
                        ahead += [] if path in found else [path]
    assert set(BUILDERS) == found


def test_opened_when_it_is_the_same_and_built_when_not(town: Path, tmp_path: Path) -> None:
    folder, mine = tmp_path / "kept", tmp_path / "mine.osm"
    mine.write_bytes(town.read_bytes())
    built = open_or_build([mine], folder, taxonomy=TAXONOMY)
    data = data_folder(folder)
    # the same file under another name and date
    renamed = mine.rename(tmp_path / "renamed.osm")
    os.utime(renamed, (0, 0))
    assert_same(built, open_or_build([renamed], folder, taxonomy=TAXONOMY))
    assert data_folder(folder) == data
    # other options, another content, damage: built again, and nothing else is left
    ferried = open_or_build([renamed], folder, taxonomy=TAXONOMY, with_ferries=True)
    assert ferried.network.n_edges == built.network.n_edges + 1
    near = open_or_build([renamed], folder, taxonomy=TAXONOMY, snap_limit_m=1.0)
    assert not near.targets.snaps.is_on[near.targets.service == 0].any()
    renamed.write_text(osm_text({**NODES, 1: (100, 0, {})}), encoding="utf-8")
    shorter = open_or_build([renamed], folder, taxonomy=TAXONOMY)
    assert shorter.network.length_m[0] == pytest.approx(200, abs=0.05)
    assert_same(shorter, read_area(folder))
    (data_folder(folder) / "network.u.npy").unlink()
    assert_same(shorter, open_or_build([renamed], folder, taxonomy=TAXONOMY))
    assert_same(shorter, read_area(folder))
    assert sorted(folder.iterdir()) == sorted([folder / "area.json", data_folder(folder)])


def test_files_that_give_no_area(kept: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="n'existe pas"):
        open_or_build([tmp_path / "absent.osm"], kept, taxonomy=TAXONOMY)
    read_area(kept)  # still there
    streetless = tmp_path / "streetless.osm"
    streetless.write_text('<osm version="0.6"></osm>', encoding="utf-8")
    with pytest.raises(NetworkError, match="aucune voie"):
        open_or_build([streetless], tmp_path / "new", taxonomy=TAXONOMY)
    assert not (tmp_path / "new").exists()


def test_what_is_not_ours_is_not_touched(area: Area, kept: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="contient déjà une zone"):
        write_area(area, kept, overwrite=False)
    (kept / "notes.txt").write_text("à moi", encoding="utf-8")
    write_area(area, kept, overwrite=True)
    assert (kept / "notes.txt").read_text(encoding="utf-8") == "à moi"
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "thesis.odt").touch()
    with pytest.raises(OutputError, match=r"thesis\.odt.*autre dossier"):
        open_or_build([], tmp_path / "papers", taxonomy=TAXONOMY)
    with pytest.raises(OutputError, match="est un fichier"):
        write_area(area, kept / "notes.txt", overwrite=True)


@pytest.fixture
def other(area: Area) -> Area:
    return replace(area, n_broken={"nœud cassé": 1})


def stop_at(monkeypatch: pytest.MonkeyPatch, name: str, rank: int, error: BaseException) -> None:
    """Make a call to the system fail, the time that it is called for the rank."""
    true, calls = getattr(os, name), iter(range(1_000))

    def stopping(*values: object) -> object:
        if next(calls) == rank:
            raise error
        return true(*values)

    monkeypatch.setattr(os, name, stopping)


def test_a_run_that_stops_at_any_step_leaves_the_former_area(
    area: Area, other: Area, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_files = len(list(data_folder(kept).iterdir())) + 1  # and area.json
    steps = [("fsync", rank) for rank in range(n_files)] + [("replace", 0)]
    for name, rank in steps:
        for folder in (kept, tmp_path / "new"):
            with monkeypatch.context() as context:
                stop_at(context, name, rank, KeyboardInterrupt())
                with pytest.raises(KeyboardInterrupt):
                    write_area(other, folder, overwrite=True)
        assert read_area(kept).n_broken == area.n_broken
        assert len(list(kept.iterdir())) == 2
        assert list((tmp_path / "new").iterdir()) == []
    verify_area(kept)
    write_area(other, kept, overwrite=True)
    assert read_area(kept).n_broken == other.n_broken


def test_what_a_killed_run_leaves_is_ignored_then_removed(
    area: Area, other: Area, kept: Path
) -> None:
    left = kept / "data-0123"
    left.mkdir()
    (left / "network.u.npy").write_bytes(b"cut")
    assert_same(area, read_area(kept))
    write_area(other, kept, overwrite=True)
    assert left.exists()  # another run may be writing it
    os.utime(left, (0, 0))
    write_area(other, kept, overwrite=True)
    assert not left.exists()
    # the same in a folder without area yet
    first = kept.parent / "first"
    (first / "data-0123").mkdir(parents=True)
    write_area(area, first, overwrite=False)
    assert_same(area, read_area(first))


def test_an_opened_area_outlives_its_files(area: Area, other: Area, kept: Path) -> None:
    opened = read_area(kept)
    write_area(other, kept, overwrite=True)
    assert_same(area, opened)
    write_area(opened, kept, overwrite=True)
    assert_same(area, read_area(kept))


def test_a_full_disk_is_said(
    area: Area, other: Area, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as context:
        stop_at(context, "fsync", 3, OSError(errno.ENOSPC, "No space left on device"))
        with pytest.raises(OutputError, match="place libre"):
            write_area(other, kept, overwrite=True)
    assert_same(area, read_area(kept))


@pytest.mark.parametrize(("lon", "lat", "epsg"), [(55.45, -20.9, 2975), (7.1, 52.0, 32632)])
def test_the_crs_comes_back(tmp_path: Path, lon: float, lat: float, epsg: int) -> None:
    path = tmp_path / "far.osm"
    path.write_text(
        f'<osm version="0.6"><node id="1" lon="{lon}" lat="{lat}"/>'
        f'<node id="2" lon="{lon + 0.01}" lat="{lat}"/>'
        '<way id="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="footway"/></way></osm>',
        encoding="utf-8",
    )
    built = open_or_build([path], tmp_path / "far", taxonomy=TAXONOMY)
    assert built.network.crs.to_epsg() == epsg
    assert_same(built, read_area(tmp_path / "far"))
