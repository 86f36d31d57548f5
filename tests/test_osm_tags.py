"""Judging each set of tags once gives what judging each object gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from siting.sources.osm_tags import NO_SET, TagReader, TagSets
from siting.taxonomy import read_taxonomy
from siting.walkable import is_ferry, is_walkable, node_tags, way_tags

TAXONOMY = read_taxonomy()

KEYS = ("highway", "route", "access", "foot", "motorroad", "barrier", "kerb", "entrance", "shop")
VALUES = ("yes", "no", "private", "ferry", "motorway", "path", "bus_stop", "main", "gate")
OTHERS = ("amenity", "name", "surface", "public_transport", "bus", "note:fr", "disused:shop")
TAGS = st.dictionaries(
    st.sampled_from((*KEYS, *OTHERS)),
    st.sampled_from(
        (*VALUES, "bakery", "x; bakery ;y", "bank", "platform", "emergency", "vacant", "")
    ),
    max_size=6,
)


@given(st.lists(TAGS, max_size=8))
def test_a_way_is_walked_or_a_service_as_its_own_tags_say(objects: list[dict[str, str]]) -> None:
    walk_sets = TagSets()
    reader = TagReader(TAXONOMY, walk_sets)
    for tags in objects:
        meaning = reader.way(tags)
        assert (meaning.walk != NO_SET) == (is_walkable(tags) or is_ferry(tags))
        if meaning.walk != NO_SET:
            assert walk_sets.sets()[meaning.walk] == way_tags(tags)
        assert meaning.may_be_service or not TAXONOMY.categories_of(tags)
        assert meaning.may_be_service or "highway" in tags or TAXONOMY.excluded(tags) is None
    sets = walk_sets.sets()
    assert all(one not in sets[:at] for at, one in enumerate(sets))


@given(st.lists(TAGS, max_size=8))
def test_a_node_marks_or_is_a_door_as_its_own_tags_say(objects: list[dict[str, str]]) -> None:
    walk_sets = TagSets()
    reader = TagReader(TAXONOMY, walk_sets)
    for tags in objects:
        meaning = reader.node(tags)
        is_door = tags.get("entrance") in {"yes", "main", "gate"} and (
            tags.get("access") not in {"no", "private"}
        )
        if meaning is None:
            assert not node_tags(tags)
            assert not TAXONOMY.categories_of(tags)
            assert TAXONOMY.excluded(tags) is None
            assert not is_door
            continue
        marks = {} if meaning.walk == NO_SET else walk_sets.sets()[meaning.walk]
        assert marks == node_tags(tags)
        assert meaning.may_be_service or not TAXONOMY.categories_of(tags)
        assert meaning.may_be_service or TAXONOMY.excluded(tags) is None
        assert meaning.is_entrance or not is_door


@given(TAGS)
def test_keys_asked_of_the_file_miss_no_object(tags: dict[str, str]) -> None:
    reader = TagReader(TAXONOMY, TagSets())
    if not tags.keys() & set(reader.way_keys):
        assert not is_walkable(tags)
        assert not is_ferry(tags)
        assert not TAXONOMY.categories_of(tags)
        assert TAXONOMY.excluded(tags) is None
    if not tags.keys() & set(reader.node_keys):
        assert not node_tags(tags)
        assert not TAXONOMY.categories_of(tags)
        assert TAXONOMY.excluded(tags) is None
        assert "entrance" not in tags
