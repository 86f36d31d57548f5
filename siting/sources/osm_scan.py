"""One OpenStreetMap file, read from its first node to the members of its relations.

Usual .osm.pbf files are read by `siting.sources.pbf_scan`. For all others libosmium goes through
the file three times: for its relations, which need ways that no tag tells from others, for its
nodes, and for its ways.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import osmium
import shapely
from osmium.filter import GeoInterfaceFilter, KeyFilter
from osmium.geom import WKBFactory, use_nodes
from osmium.osm import NODE, RELATION, WAY, osm_entity_bits
from osmium.osm.types import OSMObject, Way

from siting.sources.osm_clip import StreetClip, clip_content
from siting.sources.osm_content import Item, OsmContent, OsmGathering, Place
from siting.sources.osm_shapes import way_shape
from siting.sources.osm_sizes import node_index
from siting.sources.osm_tags import NO_SET, Meaning, TagReader, TagSets
from siting.sources.pbf_scan import scan_pbf
from siting.sources.protobuf import UnknownPbf
from siting.taxonomy import Taxonomy

_KINDS = {"n": "node", "w": "way", "r": "relation"}


@dataclass(slots=True, kw_only=True)
class _Scan:
    """What the passes over a file share; pyosmium's own objects do not outlive a step."""

    path: Path
    taxonomy: Taxonomy
    gathering: OsmGathering
    places: osmium.index.LocationTable
    locations: osmium.NodeLocationsForWays
    lines: WKBFactory = field(default_factory=WKBFactory)
    walk_of_member: dict[int, int] = field(default_factory=dict)


def scan(
    path: Path,
    *,
    taxonomy: Taxonomy,
    walk_sets: TagSets,
    within: shapely.Geometry | None = None,
) -> OsmContent:
    """
    Read the walked ways, the services and the marked nodes of a file.

    Parameters
    ----------
    path
        File of any format that libosmium reads.
    taxonomy
        What counts as a service.
    walk_sets
        Where the sets of walking tags are added, and found by their positions.
    within
        Where streets are wanted, in degrees (`siting.sources.osm_clip`); None for everywhere.

    Raises
    ------
    RuntimeError, osmium.InvalidLocationError
        The file is damaged, cut short, or of another format (libosmium's own words).
    """
    tags = TagReader(taxonomy, walk_sets)
    if path.suffix.lower() == ".pbf":
        try:
            clip = None if within is None else StreetClip(within, walk_sets)
            gathering = OsmGathering(taxonomy, tags)
            return scan_pbf(path, gathering, keys=tags.relation_keys, clip=clip)
        except UnknownPbf:
            pass  # unusual or damaged: libosmium reads it, or says why not
    # Positions are kept from the first pass on; ways find them wherever they stand in the file.
    places = osmium.index.create_map(node_index(path))
    state = _Scan(
        path=path,
        taxonomy=taxonomy,
        gathering=OsmGathering(taxonomy, tags),
        places=places,
        locations=osmium.NodeLocationsForWays(places),
    )
    state.locations.ignore_errors()
    _read_relations(state)
    _read_nodes(state)
    _read_ways(state)
    content = state.gathering.finish(lambda node_id: _known_place(node_id, places))
    if within is not None:
        clip_content(content, StreetClip(within, walk_sets))
    return content


def _items(
    path: Path, kinds: osm_entity_bits, *handlers: object, others: object = None
) -> Iterator[OSMObject]:
    """
    Yield the objects that pass all handlers, and hand the rest to `others`.

    Handlers are held here, for the iterator does not keep them alive.
    """
    with osmium.io.Reader(path, kinds) as reader:
        items = osmium.OsmFileIterator(reader, *handlers)
        if others is not None:
            items.set_filtered_handler(others)
        yield from items


def _read_relations(state: _Scan) -> None:
    wanted = KeyFilter(*state.gathering.tags.relation_keys)
    for relation in _items(state.path, RELATION, wanted):
        if not relation.deleted:
            members = ((member.type, member.ref, member.role) for member in relation.members)
            state.gathering.add_relation(_item(relation, dict(relation.tags)), members)


def _read_nodes(state: _Scan) -> None:
    wanted = KeyFilter(*state.gathering.tags.node_keys)
    described = GeoInterfaceFilter(drop_invalid_geometries=False)
    for node in _items(state.path, NODE, state.locations, wanted, described):
        # Far quicker than node.tags, which there is without a position too.
        feature = getattr(node, "__geo_interface__", None)
        tags = dict(node.tags) if feature is None else feature["properties"]
        meaning = state.gathering.tags.node(tags)
        if meaning is not None and not node.deleted:
            location = node.location
            place = (location.lon, location.lat) if location.valid() else None
            state.gathering.add_node(_item(node, tags), meaning, place)
    # Positions are put in order when a way is met, so that they are found; a file may have none.
    any_way = osmium.io.FileBuffer(b"w1\n", "opl")
    osmium.apply(osmium.io.Reader(any_way), state.locations)


class _OtherWays:
    """Sees the ways that have no tag of interest, and keeps those that relations need."""

    def __init__(self, state: _Scan) -> None:
        self._state = state

    def way(self, way: Way) -> None:
        """Look at a way (pyosmium calls this)."""
        if way.id in self._state.walk_of_member:
            _add_member(way, self._state)


def _read_ways(state: _Scan) -> None:
    state.walk_of_member = state.gathering.walk_of_members()
    wanted = KeyFilter(*state.gathering.tags.way_keys)
    others = _OtherWays(state) if state.walk_of_member else None
    for way in _items(state.path, WAY, state.locations, wanted, others=others):
        meaning = state.gathering.tags.way(way.tags)
        if way.deleted:
            continue
        if way.id in state.walk_of_member:
            _add_member(way, state)
        if meaning.may_be_service:
            state.gathering.add_way(_item(way, dict(way.tags)), meaning, way_shape(way))
        elif meaning.walk != NO_SET:
            _add_street(way, meaning, state)


def _add_street(way: Way, meaning: Meaning, state: _Scan) -> None:
    nodes = way.nodes
    node_ids = [nodes[at].ref for at in range(len(nodes))]  # quicker than over the nodes
    line = _line(way, state) if len(node_ids) > 1 else None
    if line is not None:
        state.gathering.content.streets.add_line(way.id, meaning.walk, node_ids, line)
    else:
        state.gathering.add_street(way.id, meaning.walk, way_shape(way))


def _line(way: Way, state: _Scan) -> str | None:
    """Return the positions of the nodes of a way as a WKB line; None if some are unknown."""
    try:
        return str(state.lines.create_linestring(way, use_nodes.ALL))
    except osmium.InvalidLocationError:
        return None


def _add_member(way: Way, state: _Scan) -> None:
    if way.deleted:
        return
    tags = state.gathering.tags
    is_other = "highway" not in way.tags and tags.way(way.tags).walk == NO_SET
    walk = state.walk_of_member[way.id] if is_other else NO_SET
    state.gathering.add_member(way.id, walk, way_shape(way))


def _known_place(node_id: int, places: osmium.index.LocationTable) -> Place | None:
    try:
        location = places.get(node_id)
    except KeyError:
        return None
    return (location.lon, location.lat) if location.valid() else None


def _item(item: OSMObject, tags: dict[str, str]) -> Item:
    edited = item.timestamp
    edited_on = edited.date().isoformat() if edited.timestamp() > 0 else ""
    return Item(_KINDS[item.type_str()], item.id, tags, edited_on)
