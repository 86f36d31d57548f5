"""The JSON of Overpass gives what a file of its objects gives, and hostile JSON stops nothing."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import osmium
import pandas as pd
import pytest
from fakes.overpass_world import (
    OSM_BASE,
    Thing,
    World,
    document,
    elements,
    json_of,
    xml_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.errors import DataError
from siting.sources import json_text
from siting.sources.osm_file import OsmExtract, read_osm
from siting.taxonomy import read_taxonomy

ROOT = Path(__file__).parents[1]
MONACO = ROOT / "data" / "sample" / "monaco.osm.pbf"
REAL = ROOT.parent / "shared" / "data" / "osm"
TAXONOMY = read_taxonomy()


def node(number: int, lon: float | None, lat: float | None, **tags: str) -> Thing:
    edited = "2025-06-01T10:00:00Z" if tags else ""
    return Thing(kind="node", id=number, lon=lon, lat=lat, tags=tags, timestamp=edited)


def way(number: int, *refs: int, **tags: str) -> Thing:
    return Thing(kind="way", id=number, refs=refs, tags=tags, timestamp="2024-05-06T00:00:00Z")


def relation(number: int, *members: tuple[str, int, str], **tags: str) -> Thing:
    return Thing(kind="relation", id=number, members=members, tags=tags)


def square(first: int, west: float, south: float) -> list[Thing]:
    corners = enumerate([(0, 0), (1, 0), (1, 1), (0, 1)])
    return [node(first + i, west + dx / 1000, south + dy / 1000) for i, (dx, dy) in corners]


# One of each: a street with a gate, a cut one, one of one node, a ferry, a shop, a closed shop, a
# hospital drawn as a way with two doors, another in two halves, a half known one, a square walked
# along its members, a station of points, a relation of relations.
TOWN = World.of(
    [
        *(node(1, 2.480, 48.900), node(2, 2.481, 48.900, barrier="gate", locked="yes")),
        *(node(3, 2.4805, 48.9001, shop="bakery; pastry", name="Au Blé"), node(4, 2.482, 48.9)),
        *(node(5, 2.4806, 48.9001, shop="vacant"), node(6, 2.4831234, 48.9012345)),
        *square(10, 2.48, 48.90),
        *(node(20, 2.4805, 48.90, entrance="main"), node(21, 2.4805, 48.901, entrance="emergency")),
        *square(30, 2.49, 48.91),
        *square(40, 2.50, 48.92),
        *(node(50, 2.51, 48.90, railway="subway_entrance"), node(51, 2.511, 48.90)),
        way(1, 1, 2, 4, 6, highway="residential"),
        way(2, 4, 77, 1, 2, highway="path"),
        way(3, 1, highway="path"),
        way(4, 1, 51, route="ferry"),
        way(5, 10, 20, 11, 12, 21, 13, 10, amenity="hospital", name="Un"),
        *(way(6, 30, 31, 32), way(7, 32, 33, 30)),
        *(way(8, 40, 41, 42), way(9, 42, 43, 40)),
        relation(
            1, ("way", 6, "outer"), ("way", 7, "outer"), type="multipolygon", amenity="clinic"
        ),
        relation(2, ("way", 6, "outer"), ("way", 99, "outer"), type="multipolygon", shop="bakery"),
        relation(3, ("way", 8, "outer"), ("way", 9, ""), type="multipolygon", highway="pedestrian"),
        relation(4, ("node", 50, ""), ("node", 51, ""), type="site", amenity="library"),
        relation(5, ("relation", 1, ""), ("way", 98, ""), type="site", amenity="pharmacy"),
        relation(6, ("relation", 6, ""), type="route", shop="bakery"),
    ]
)


def read_json(folder: Path, answer: object) -> OsmExtract:
    path = folder / "answer.json"
    path.write_bytes(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
    return read_osm([path], taxonomy=TAXONOMY)


def read_xml(folder: Path, answer: Mapping[str, Any]) -> OsmExtract:
    return read_osm([xml_of(answer, folder / "answer.osm")], taxonomy=TAXONOMY)


def assert_same(one: OsmExtract, other: OsmExtract, *, but: tuple[str, ...] = ()) -> None:
    for name in ("way_id", "offset", "node_id", "lon", "lat", "tags", "marked_node", "marked_tags"):
        assert getattr(one.ways, name).tolist() == getattr(other.ways, name).tolist(), name
    assert one.ways.tag_sets == other.ways.tag_sets
    columns = [name for name in one.objects.columns if name not in ("geometry", *but)]
    pd.testing.assert_frame_equal(
        pd.DataFrame(one.objects[columns]), pd.DataFrame(other.objects[columns])
    )
    assert one.objects.geometry.to_wkb().tolist() == other.objects.geometry.to_wkb().tolist()
    assert one.coverage.equals(other.coverage)
    if "n_broken" not in but:
        assert dict(one.n_broken) == dict(other.n_broken)
    assert one.excluded == other.excluded


def test_an_answer_reads_as_the_file_of_its_objects(tmp_path: Path) -> None:
    answer = document(elements(TOWN, TOWN.things, mode="meta"))
    one, other = read_json(tmp_path, answer), read_xml(tmp_path, answer)
    assert_same(one, other)
    assert one.objects.index.tolist() == [
        "node/3",
        "node/50",
        *sorted(["relation/1", "relation/2", "relation/4", "way/5"]),
    ]
    assert one.objects.loc["node/3", "observed_on"] == "2025-06-01"
    assert one.ways.way_id.tolist() == [1, 2, 4, 8, 9]
    assert one.provenance[0].data_timestamp == OSM_BASE
    assert one.n_broken == {
        "relations dont des membres manquent": 2,
        "relations sans aucune position": 1,
        "voies d'un seul nœud": 1,
        "voies dont des nœuds manquent": 1,
    }


@pytest.mark.parametrize(
    "parts",
    [
        (("ways", "body"), ("nodes", "skel")),  # out body; >; out skel qt;
        (("all", "body"),),
        (("ways", "meta"), ("nodes", "meta")),
        (("all", "skel"), ("all", "body")),  # each twice, the first without tags
        (("nodes", "body"), ("ways", "body"), ("ways", "body")),
    ],
)
def test_every_way_of_printing_the_same_objects(
    tmp_path: Path, parts: tuple[tuple[str, str], ...]
) -> None:
    """Nodes with tags are printed in body in all of them: `>; out skel` would lose the gates."""
    untagged = {key for key, one in TOWN.things.items() if key[0] == "node" and not one.tags}
    chosen = {"all": set(TOWN.things), "nodes": untagged, "ways": TOWN.things.keys() - untagged}
    chosen["nodes"] = untagged if ("nodes", "skel") in parts else chosen["nodes"]
    found = [one for which, mode in parts for one in elements(TOWN, chosen[which], mode=mode)]
    whole = document(elements(TOWN, TOWN.things, mode="meta"))
    assert_same(
        read_json(tmp_path, document(found)), read_xml(tmp_path, whole), but=("observed_on",)
    )


def test_lines_that_are_drawn_need_no_nodes(tmp_path: Path) -> None:
    """`out geom`: ways and members carry their places; nodes without tags are not printed."""
    kept = {key for key, one in TOWN.things.items() if key[0] != "node" or one.tags}
    found = elements(TOWN, kept, mode="meta", has_geometry=True)
    whole = document(elements(TOWN, TOWN.things, mode="meta"))
    assert_same(read_json(tmp_path, document(found)), read_xml(tmp_path, whole))


def test_members_known_by_their_line_only_give_outlines_and_no_street(tmp_path: Path) -> None:
    relations = [key for key in TOWN.things if key[0] == "relation"]
    found = elements(TOWN, relations, mode="meta", has_geometry=True)
    extract = read_json(tmp_path, document(found))
    whole = read_xml(tmp_path, document(elements(TOWN, TOWN.things, mode="meta")))
    for osm_id in ("relation/1", "relation/2"):
        assert extract.objects.geometry[osm_id].equals(whole.objects.geometry[osm_id])
    assert extract.ways.way_id.tolist() == []
    assert extract.n_broken["voies sans liste de nœuds"] == 2


def test_the_sample_reads_the_same_as_a_file_and_as_an_answer(tmp_path: Path) -> None:
    with osmium.SimpleWriter(tmp_path / "monaco.osm") as writer:
        for item in osmium.FileProcessor(MONACO):
            writer.add(item)
    assert_same_town(tmp_path / "monaco.osm", tmp_path)


@pytest.mark.parametrize("name", ["redon_centre", "bondy_nord_93"])
def test_real_towns_read_the_same_as_a_file_and_as_an_answer(tmp_path: Path, name: str) -> None:
    path = REAL / f"{name}.osm"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside this checkout")
    assert_same_town(path, tmp_path)


def assert_same_town(path: Path, folder: Path) -> None:
    """Same streets and objects, hence same services: as a file, and as the JSON of all it holds."""
    from_file = read_osm([path], taxonomy=TAXONOMY)
    world = World.from_file(path)
    answer = json.loads(json_of(world))
    if (
        "<bounds" in path.read_text(encoding="utf-8")[:1000]
    ):  # else the hull of the streets, for both
        sides = ("minlon", "minlat", "maxlon", "maxlat")
        answer["bounds"] = dict(zip(sides, from_file.coverage.bounds, strict=True))
    assert_same(read_json(folder, answer), from_file)
    assert len(from_file.objects) > 30


def test_a_real_answer_reads_as_the_file_of_its_objects(tmp_path: Path) -> None:
    path = REAL / "saint_germain_en_laye_ways_overpass.json"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside this checkout")
    extract = read_osm([path], taxonomy=TAXONOMY)
    answer = json.loads(path.read_bytes())
    assert_same(extract, read_xml(tmp_path, answer))
    # counted by hand in the file: all its ways but the motorways and what is closed to walkers
    assert len(extract.ways.way_id) == 6252
    assert extract.provenance[0].data_timestamp == "2022-12-18T12:03:39Z"


def test_a_box_is_that_of_the_answer_else_the_hull_of_its_streets(tmp_path: Path) -> None:
    bounds = {"minlat": 48.8, "minlon": 2.4, "maxlat": 48.95, "maxlon": 2.6}
    found = elements(TOWN, TOWN.things)
    assert read_json(tmp_path, document(found, bounds=bounds)).coverage.bounds == (
        *(2.4, 48.8, 2.6, 48.95),
    )
    odd = read_json(tmp_path, document(found, bounds={"minlat": "48", "maxlat": None}))
    assert odd.coverage.equals(read_json(tmp_path, document(found)).coverage)


@given(st.randoms(use_true_random=False), st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_neither_order_nor_copies_change_anything(
    tmp_path_factory: pytest.TempPathFactory, chance: random.Random, n_copies: int
) -> None:
    folder = tmp_path_factory.mktemp("mixed")
    found = elements(TOWN, TOWN.things, mode="meta")
    mixed = [*found, *chance.choices(found, k=n_copies)]
    chance.shuffle(mixed)
    assert_same(read_json(folder, document(mixed)), read_json(folder, document(found)))


def test_the_last_version_stands(tmp_path: Path) -> None:
    old = {"type": "node", "id": 1, "lat": 48.9, "lon": 2.48, "version": 1}
    new = old | {"lat": 48.91, "version": 2, "tags": {"shop": "bakery"}}
    for pair in itertools.permutations([old | {"tags": {"shop": "butcher"}}, new]):
        objects = read_json(tmp_path, document(list(pair))).objects
        assert objects.loc["node/1", "tags"] == {"shop": "bakery"}
        assert objects.geometry.iloc[0].coords[0] == (2.48, 48.91)


def test_a_text_may_come_in_pieces_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pieces end inside of numbers, words, letters of several bytes, and the first mark."""
    answer = json.loads(json_of(World.of([TOWN.things["node", 3]]))) | {"sizes": [12.5, 3456, "é"]}
    whole = read_json(tmp_path, answer)
    text = json.dumps(answer, ensure_ascii=False, indent=1)
    for size in range(1, 90):
        monkeypatch.setattr(json_text, "_CHUNK_BYTES", size)
        assert_same(read_json(tmp_path, b"\xef\xbb\xbf " + text.encode() + b"\n"), whole)


SHOP = {"type": "node", "id": 9, "lat": 48.9, "lon": 2.48, "tags": {"shop": "bakery"}}
STREET = {"type": "way", "id": 1, "nodes": [9, 10], "tags": {"highway": "path"}}
END = {"type": "node", "id": 10, "lat": 48.9, "lon": 2.49}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"lat": 214.7}, "nœuds sans position"),
        ({"lon": -180.1}, "nœuds sans position"),
        ({"lat": float("nan")}, "nœuds sans position"),
        ({"lat": float("inf")}, "nœuds sans position"),
        ({"lat": "48.9"}, "nœuds sans position"),
        ({"lat": True, "lon": [2]}, "nœuds sans position"),
        ({"lat": 10**400}, "nœuds sans position"),
        ({"id": "9"}, "objets mal formés"),
        ({"id": 9.5}, "objets mal formés"),
        ({"id": True}, "objets mal formés"),
        ({"id": 2**63}, "objets mal formés"),
        ({"id": None}, "objets mal formés"),
        ({"type": "rabbit"}, "objets mal formés"),
        ({"type": ["node"]}, "objets mal formés"),
        ({"tags": "shop=bakery"}, "objets mal formés"),
        ({"tags": [["shop", "bakery"]]}, "objets mal formés"),
        ({"tags": {"shop": ["bakery"]}}, "objets mal formés"),
    ],
)
def test_an_object_that_is_wrong_is_counted_and_left_out(
    tmp_path: Path, changes: dict[str, object], kind: str
) -> None:
    extract = read_json(tmp_path, document([SHOP | changes, END]))
    assert extract.objects.empty
    assert extract.n_broken == {kind: 1}


def test_what_is_sound_of_an_odd_object_is_kept(tmp_path: Path) -> None:
    odd = {"version": "2", "timestamp": "hier", "visible": None, "tags": {"shop": "bakery", "x": 1}}
    extract = read_json(tmp_path, document([SHOP | odd]))
    assert extract.objects.loc["node/9", "tags"] == {"shop": "bakery"}
    assert pd.isna(extract.objects.loc["node/9", "observed_on"])
    assert extract.n_broken == {"objets mal formés": 1}


def test_odd_ways_and_relations(tmp_path: Path) -> None:
    found: list[Any] = [
        *(SHOP, END, STREET, None, 3, "x", [], {}),
        STREET | {"id": 2, "nodes": [9, "10", 10]},  # cut at what is no identifier
        STREET | {"id": 3, "nodes": {"9": 10}},
        {key: value for key, value in (STREET | {"id": 4}).items() if key != "nodes"},
        STREET | {"id": 5, "visible": False},
        STREET | {"id": 6, "geometry": [None]},  # of another length: not taken
        {"type": "relation", "id": 1, "members": [None, {"type": "way"}, {"ref": 1}]},
        {"type": "relation", "id": 2, "tags": {"shop": "bakery"}},
        {"type": "count", "id": 0, "tags": {"total": "7"}},
    ]
    extract = read_json(tmp_path, document(found))
    assert extract.ways.way_id.tolist() == [1, 6]
    assert extract.n_broken == {
        "objets mal formés": 5 + 3,  # no elements; and one way or relation of each kind
        "relations sans aucune position": 1,
        "voies dont des nœuds manquent": 3,
    }


def test_a_relation_of_itself_and_a_lone_surrogate(tmp_path: Path) -> None:
    me = {"type": "relation", "ref": 1, "role": "\ud83d"}
    loop = {"type": "relation", "id": 1, "members": [me], "tags": {"shop": "bakery"}}
    shop = SHOP | {"tags": {"shop": "bakery", "name": "a\ud800b\u0000😀"}}
    extract = read_json(tmp_path, document([loop, shop]))
    assert extract.objects.index.tolist() == ["node/9"]
    name = extract.objects.loc["node/9", "tags"]["name"]
    assert name == "a\ufffdb\u0000😀"
    assert name.encode()


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "id", "ref", "lat", "lon", "tags", "shop", "nodes", "geometry"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
ELEMENTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["node", "way", "relation"]), "id": st.integers(1, 3) | JSON_VALUES},
    optional={
        "lat": st.floats(-100, 100) | JSON_VALUES,
        "lon": st.floats(-200, 200) | JSON_VALUES,
        "tags": st.sampled_from([{"shop": "bakery"}, {"highway": "path"}]) | JSON_VALUES,
        "nodes": st.lists(st.integers(1, 3), max_size=4) | JSON_VALUES,
        "geometry": JSON_VALUES,
        "members": st.lists(
            st.fixed_dictionaries({"type": st.sampled_from(["way", "node"]), "ref": JSON_VALUES})
        )
        | JSON_VALUES,
        "version": st.integers(0, 3) | JSON_VALUES,
        "timestamp": JSON_VALUES,
    },
)


@given(st.lists(ELEMENTS | JSON_VALUES, max_size=6), JSON_VALUES, JSON_VALUES)
@settings(max_examples=150, deadline=None)
def test_no_json_stops_the_reader(
    tmp_path_factory: pytest.TempPathFactory, found: list[Any], osm3s: object, bounds: object
) -> None:
    folder = tmp_path_factory.mktemp("odd")
    answer = {"osm3s": osm3s, "bounds": bounds, "elements": found}
    read_json(folder, json.dumps(answer).encode())


@pytest.mark.parametrize(
    "remark",
    [
        'runtime error: Query timed out in "query" at line 3 after 181 seconds.',
        "runtime error: Query run out of memory using about 2048 MB of RAM.",
        "runtime error: open64: 0 Success /osm3s_v0.7.62_osm_base Dispatcher_Client",
        "runtime remark: Timeout is 180 and maxsize is 536870912.",
        "something new",
        {"code": 1},
    ],
)
@pytest.mark.parametrize("found", [[], [SHOP, END, STREET]])
def test_an_answer_with_a_remark_is_no_data(
    tmp_path: Path, remark: object, found: list[Any]
) -> None:
    with pytest.raises(DataError, match="incomplète ; le serveur le dit"):
        read_json(tmp_path, document(found, remark=remark))
    # wherever the remark stands
    with pytest.raises(DataError, match=r"answer\.json » est incomplète"):
        read_json(tmp_path, {"remark": remark, "elements": found})


@pytest.mark.parametrize("remark", ["", None, "runtime remark: 3 areas were considered."])
def test_a_remark_that_takes_nothing_back_is_no_failure(tmp_path: Path, remark: object) -> None:
    assert len(read_json(tmp_path, document([SHOP], remark=remark)).objects) == 1


@pytest.mark.parametrize("size", [0, 10_000])
def test_a_remark_in_xml_is_no_data_either(tmp_path: Path, size: int) -> None:
    path = tmp_path / "answer.osm"
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6" generator="Overpass API">\n'
        f'<meta osm_base="{OSM_BASE}"/>\n<node id="1" lat="48.9" lon="2.48"/>\n{" " * size}'
        "<remark> runtime error: Query timed out </remark>\n</osm>",
        encoding="utf-8",
    )
    with pytest.raises(DataError, match="« runtime error: Query timed out »"):
        read_osm([path], taxonomy=TAXONOMY)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "elle est vide"),
        (b" \n\t ", "elle est vide"),
        (b"<html><body>504 Gateway Timeout</body></html>", "une page web"),
        (b'<?xml version="1.0"?><osm/>', "une page web"),
        (b"hello", "pas du JSON"),
        (b"\xff\xfe{}", "pas du JSON|vide"),
        (b'{"elements": [{"type": "node", "id": "\xe9"}]}', "pas du JSON"),
        (b"[]", "pas du JSON"),
        (b"{1: 2}", "pas du JSON"),
        (b'{"elements": []} {"elements": []}', "pas du JSON"),
        (b'{"elements": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}", "pas du JSON"),
        (b'{"elements": [{"id": ' + b"9" * 10_000 + b"}]}", "pas du JSON"),
        (b'{"type": "FeatureCollection", "features": []}', "pas une réponse d'Overpass"),
        (b'{"elements": {}}', "pas une réponse d'Overpass"),
        (b"{}", "pas une réponse d'Overpass"),
    ],
)
def test_what_is_no_answer_is_one_clear_message(
    tmp_path: Path, content: bytes, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_json(tmp_path, content)
    assert "answer.json" in str(caught.value)


def test_an_answer_cut_anywhere_is_no_data(tmp_path: Path) -> None:
    whole = json.dumps(document([SHOP, STREET, END])).encode()
    for at in range(1, len(whole)):
        with pytest.raises(DataError, match=r"coupée|pas du JSON"):
            read_json(tmp_path, whole[:at])


def test_files_of_both_kinds_are_read_together(tmp_path: Path) -> None:
    found = elements(TOWN, TOWN.things, mode="meta")
    west = xml_of(document(found[:12]), tmp_path / "west.osm")
    east = tmp_path / "east.json"
    east.write_text(json.dumps(document(found)), encoding="utf-8")
    both = read_osm([west, east], taxonomy=TAXONOMY)
    alone = read_osm([east], taxonomy=TAXONOMY)
    assert both.ways.way_id.tolist() == alone.ways.way_id.tolist()
    assert both.objects.index.tolist() == alone.objects.index.tolist()
    assert [one.source for one in both.provenance] == [
        "OpenStreetMap, fichier west.osm",
        "OpenStreetMap, fichier east.json",
    ]
