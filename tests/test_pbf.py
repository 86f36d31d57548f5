"""The quick reader of .osm.pbf files gives what libosmium gives, or leaves the file to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import osmium
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.errors import DataError
from siting.sources import osm_scan
from siting.sources.osm_file import OsmExtract, read_osm
from siting.sources.osm_scan import scan_pbf
from siting.sources.protobuf import UnknownPbf
from siting.study import sample
from siting.taxonomy import read_taxonomy

TAXONOMY = read_taxonomy()
MONACO = sample().osm
REAL_TOWNS = Path(__file__).parents[2] / "shared" / "data" / "osm"

Write = Callable[[osmium.SimpleWriter], None]


def both_ways(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[OsmExtract, OsmExtract, bool]:
    """Read a file as usual and by libosmium alone; tell if the quick reader took it."""
    taken = []

    def quick(*args: object, **options: object) -> object:
        content = scan_pbf(*args, **options)  # type: ignore[arg-type]
        taken.append(content)
        return content

    def refuse(*_args: object, **_options: object) -> object:
        raise UnknownPbf("not asked")

    with monkeypatch.context() as patched:
        patched.setattr(osm_scan, "scan_pbf", quick)
        one = read_osm([path], taxonomy=TAXONOMY)
        patched.setattr(osm_scan, "scan_pbf", refuse)
        other = read_osm([path], taxonomy=TAXONOMY)
    return one, other, bool(taken)


def assert_same(one: OsmExtract, other: OsmExtract) -> None:
    for name in ("way_id", "offset", "node_id", "lon", "lat", "tags", "marked_node", "marked_tags"):
        assert getattr(one.ways, name).tolist() == getattr(other.ways, name).tolist(), name
    assert one.ways.tag_sets == other.ways.tag_sets
    columns = [name for name in one.objects.columns if name != "geometry"]
    pd.testing.assert_frame_equal(
        pd.DataFrame(one.objects[columns]), pd.DataFrame(other.objects[columns])
    )
    assert one.objects.geometry.to_wkb().tolist() == other.objects.geometry.to_wkb().tolist()
    assert one.coverage.equals(other.coverage)
    assert dict(one.n_broken) == dict(other.n_broken)
    assert one.excluded == other.excluded
    assert one.provenance == other.provenance


def written(path: Path, write: Write) -> Path:
    with osmium.SimpleWriter(path, overwrite=True) as writer:
        write(writer)
    return path


def node(number: int, lon: float, lat: float, **tags: str) -> osmium.osm.mutable.Node:
    return osmium.osm.mutable.Node(id=number, location=(lon, lat), tags=tags)


def way(number: int, nodes: list[int], **tags: str) -> osmium.osm.mutable.Way:
    return osmium.osm.mutable.Way(id=number, nodes=nodes, tags=tags)


def test_the_sample_is_read_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other, was_quick = both_ways(MONACO, monkeypatch)
    assert was_quick
    assert len(one.ways.way_id) > 2000
    assert_same(one, other)


@pytest.mark.parametrize("name", ["redon_centre.osm", "bondy_nord_93.osm"])
def test_real_towns_are_read_the_same(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (REAL_TOWNS / name).exists():
        pytest.skip(f"{name} is not beside this checkout")
    path = tmp_path / "town.osm.pbf"
    with osmium.SimpleWriter(path) as writer:
        for item in osmium.FileProcessor(REAL_TOWNS / name):
            writer.add(item)
    one, other, _ = both_ways(path, monkeypatch)  # Redon's file is not sorted
    assert_same(one, other)


def odd(writer: osmium.SimpleWriter) -> None:
    """Write what files hold besides the usual."""
    for number in range(1, 9001):  # more than a block
        writer.add_node(node(number, -61.0 - number * 1e-5, -21.1 + number * 1e-5))
    writer.add_node(node(2**34, -61.5, -21.0, amenity="pharmacy", name="L’Œuvre « d'été » \u2603"))
    writer.add_node(node(2**34 + 1, -61.4, -21.0, barrier="gate", access="private"))
    writer.add_way(way(1, [1, 2, 2, 3, 2], highway="residential"))
    writer.add_way(way(2, [2**34, 2**34 + 1, 9000], highway="footway", surface="asphalt"))
    writer.add_way(way(3, [4, 77_777_777, 5, 6], highway="steps"))  # a node is missing
    writer.add_way(way(4, [10, 11, 12, 10], highway="pedestrian", area="yes"))
    writer.add_way(way(5, [20, 21, 22, 20]))
    writer.add_way(way(6, [30], highway="footway"))
    writer.add_way(way(7, [40, 41, 42, 40], shop="bakery"))
    writer.add_way(way(2**33, [50, 51], route="ferry"))
    square = [("w", 5, "outer"), ("w", 404, "inner"), ("n", 9, ""), ("r", 3, "")]
    writer.add_relation(
        osmium.osm.mutable.Relation(
            id=1, members=square, tags={"type": "multipolygon", "highway": "pedestrian"}
        )
    )
    writer.add_relation(
        osmium.osm.mutable.Relation(
            id=2,
            members=[("n", 9, ""), ("n", 60, "")],
            tags={"type": "site", "amenity": "hospital"},
        )
    )


def test_odd_objects_are_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other, was_quick = both_ways(written(tmp_path / "odd.osm.pbf", odd), monkeypatch)
    assert was_quick
    assert_same(one, other)
    assert one.ways.way_id.tolist() == [1, 2, 3, 4, 5, 2**33]
    assert one.ways.tag_sets[one.ways.marked_tags[0]] == {"barrier": "gate", "access": "private"}


def test_other_compressions_are_left_to_libosmium(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lz4.osm.pbf"
    with osmium.SimpleWriter(
        osmium.io.File(str(path), "pbf,pbf_compression=lz4"), overwrite=True
    ) as writer:
        odd(writer)
    one, other, was_quick = both_ways(path, monkeypatch)
    assert not was_quick
    assert_same(one, other)


def small(tmp_path: Path) -> bytes:
    def write(writer: osmium.SimpleWriter) -> None:
        for number in range(1, 6):
            writer.add_node(node(number, 2.48 + number * 1e-3, 48.9, amenity="pharmacy"))
        writer.add_way(way(1, [1, 2, 3, 4, 5], highway="footway"))

    return written(tmp_path / "small.osm.pbf", write).read_bytes()


def test_a_file_cut_anywhere_is_refused_or_read_by_blocks(tmp_path: Path) -> None:
    """Cut between two blocks, or in the size of the next, it reads as a file without the last."""
    content = small(tmp_path)
    path = tmp_path / "cut.osm.pbf"
    whole = []
    for size in range(len(content)):
        path.write_bytes(content[:size])
        try:
            read_osm([path], taxonomy=TAXONOMY)
        except DataError:
            continue
        whole.append(size)
    # after the header, and after the block of nodes: 0 to 3 bytes of a size of 4
    assert len(whole) <= 2 * 4


@pytest.mark.parametrize("damage", [b"\0", b"\xff"])
@pytest.mark.parametrize("text", [b"amenity", b"pharmacy", b"highway", b"footway"])
def test_a_damaged_text_is_refused_or_is_another_tag(
    tmp_path: Path, text: bytes, damage: bytes
) -> None:
    """Without compression a damaged byte reaches the texts; libosmium may crash on a NUL."""
    path = tmp_path / "plain.osm.pbf"
    with osmium.SimpleWriter(
        osmium.io.File(str(path), "pbf,pbf_compression=none"), overwrite=True
    ) as writer:
        for number in (1, 2):
            writer.add_node(node(number, 2.48 + number * 1e-3, 48.9, amenity="pharmacy"))
        writer.add_way(way(1, [1, 2], highway="footway"))
    content = path.read_bytes()
    assert content.count(text) >= 1
    path.write_bytes(content.replace(text, text[:2] + damage + text[3:]))
    if text in (b"pharmacy", b"footway"):
        with pytest.raises(DataError, match="illisible"):
            read_osm([path], taxonomy=TAXONOMY)
    else:  # the key is another one, which nobody asks for: there is no such object
        extract = read_osm([path], taxonomy=TAXONOMY)
        assert extract.objects.empty or not len(extract.ways.way_id)


@settings(max_examples=150, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_damaged_byte_is_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, place: float, byte: int
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    content = bytearray(small(folder))
    content[int(place * len(content))] = byte
    path = folder / "damaged.osm.pbf"
    path.write_bytes(bytes(content))
    try:
        extract = read_osm([path], taxonomy=TAXONOMY)
    except DataError:
        return
    assert np.isfinite(extract.ways.lon).all()
