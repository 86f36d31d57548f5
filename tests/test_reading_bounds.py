"""What OpenStreetMap files may hold, and how much memory they may take."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import osmium
import pbf_blocks
import pytest
import shapely

from siting.errors import DataError
from siting.sources import osm_sizes
from siting.sources.osm_file import OsmExtract, read_osm
from siting.taxonomy import read_taxonomy

TAXONOMY = read_taxonomy()
MONACO = Path(__file__).parents[1] / "data" / "sample" / "monaco.osm.pbf"
XML = '<?xml version="1.0"?><osm version="0.6" generator="test">{body}</osm>'

# In a process of its own: reads a first file, then allows itself `argv[3]` more mebibytes of
# address space than it has, and reads a second one.
BOUNDED = """
import resource, sys
from pathlib import Path
import shapely
from siting.sources.osm_file import read_osm
from siting.taxonomy import read_taxonomy

taxonomy = read_taxonomy()
within = shapely.Point(2.4, 48.9).buffer(0.001) if sys.argv[4] == "clipped" else None
read_osm([Path(sys.argv[1])], taxonomy=taxonomy, within=within)
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + int(sys.argv[3]) * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    extract = read_osm([Path(sys.argv[2])], taxonomy=taxonomy, within=within)
except (MemoryError, shapely.errors.GEOSException) as error:
    print("out of memory" if isinstance(error, MemoryError) or "bad_alloc" in str(error) else error)
else:
    print(len(extract.ways.way_id), "ways")
"""


def bounded(small: Path, large: Path, *, more_mib: int, how: str) -> str:
    words = [sys.executable, "-c", BOUNDED, str(small), str(large), str(more_mib), how]
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.osm.pbf"
    path.write_bytes(
        pbf_blocks.header()
        + pbf_blocks.plain_nodes(1, 2.4, 48.9)
        + pbf_blocks.streets([(1, (1, 2))])
    )
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="/proc and RLIMIT_AS are those of Linux")
def test_nodes_that_no_street_has_take_no_memory(tmp_path: Path, small: Path) -> None:
    """Six million nodes, 96 MB were they kept (16 bytes each), in 48 MiB."""
    path = tmp_path / "buildings.osm.pbf"
    size = pbf_blocks.NODES_PER_BLOCK
    with path.open("wb") as file:
        file.write(pbf_blocks.header())
        for first in range(1, 6_000_000, size):
            file.write(pbf_blocks.plain_nodes(first, 2.4, 48.9))
        file.write(pbf_blocks.streets([(1, (1, 2_000_000, 5_999_999))]))
    assert bounded(small, path, more_mib=48, how="whole") == "1 ways"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc and RLIMIT_AS are those of Linux")
def test_streets_far_from_the_sites_take_less_memory(tmp_path: Path, small: Path) -> None:
    """60,000 streets, 2.4 million positions: too much for 112 MiB, unless few are kept."""
    path = tmp_path / "streets.osm.pbf"
    n_nodes, per_block = 40, 200
    with path.open("wb") as file:
        file.write(pbf_blocks.header())
        file.write(pbf_blocks.plain_nodes(1, 2.4, 48.9))  # of the first 200 streets
        for first in range(8001, 60_000 * n_nodes, pbf_blocks.NODES_PER_BLOCK):
            file.write(pbf_blocks.plain_nodes(first, 2.5, 48.5))
        for at in range(0, 60_000, per_block):
            file.write(
                pbf_blocks.long_streets(at + 1, 1 + at * n_nodes, n=per_block, n_nodes=n_nodes)
            )
    assert bounded(small, path, more_mib=112, how="whole") == "out of memory"
    assert bounded(small, path, more_mib=112, how="clipped") == "200 ways"


@pytest.mark.parametrize(
    ("name", "size_gb", "within", "words"),
    [
        ("france.osm.pbf", 4.9, None, "fait 4,9 Go : siting n'en lit pas de plus de 1,5 Go"),
        ("planet.osm.pbf", 80, shapely.Polygon(), "fait 80,0 Go : .* de plus de 6,0 Go"),
        ("france.osm.bz2", 8.1, shapely.Polygon(), "de plus de 8,0 Go"),
        ("france.osm.gz", 3.1, None, "de plus de 3,0 Go"),
        ("france.osm", 31, None, "de plus de 30,0 Go"),
        ("answer.json", 1.2, shapely.Polygon(), "de plus de 1,0 Go"),
    ],
)
def test_a_file_too_large_is_refused_before_it_is_read(
    tmp_path: Path, name: str, size_gb: float, within: shapely.Geometry | None, words: str
) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(int(size_gb * 1e9))  # a hole: it takes no room on the disk
    with pytest.raises(DataError, match=words) as refused:
        read_osm([path], taxonomy=TAXONOMY, within=within)
    is_told = "siting study --osm" in str(refused.value)
    assert is_told == (within is None)


def test_places_of_nodes_on_disk_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "monaco.osm.gz"
    with osmium.SimpleWriter(path) as writer:
        for item in osmium.FileProcessor(MONACO):
            writer.add(item)
    usual = read_osm([path], taxonomy=TAXONOMY)
    monkeypatch.setitem(osm_sizes._INDEXED_GB, ".gz", 0.0)
    assert osm_sizes.node_index(path) == "sparse_file_array"
    on_disk = read_osm([path], taxonomy=TAXONOMY)
    assert on_disk.ways.lon.tolist() == usual.ways.lon.tolist()
    assert on_disk.ways.node_id.tolist() == usual.ways.node_id.tolist()
    assert on_disk.objects.geometry.to_wkb().tolist() == usual.objects.geometry.to_wkb().tolist()


# What should not be in a file, and is


def node(number: int, place: str = 'lon="2.48" lat="48.9"', **tags: str) -> str:
    held = "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())
    return f'<node id="{number}" version="1" {place}>{held}</node>'


STREET = (
    node(1)
    + node(2, 'lon="2.481" lat="48.9"')
    + '<way id="1" version="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="residential"/></way>'
)


def read_xml(tmp_path: Path, nodes: str, others: str = "") -> OsmExtract:
    path = tmp_path / "town.osm"
    path.write_text(XML.format(body=nodes + STREET + others), encoding="utf-8")
    return read_osm([path], taxonomy=TAXONOMY)


@pytest.mark.parametrize("place", ["", 'lon="2.48" lat="214.7"', 'lon="-181" lat="48.9"'])
def test_a_node_that_is_nowhere_is_counted(tmp_path: Path, place: str) -> None:
    extract = read_xml(tmp_path, node(7, place, shop="bakery"))
    assert extract.n_broken == {"nœuds sans position": 1}
    assert extract.objects.empty
    assert len(extract.ways.way_id) == 1


def test_a_street_through_nodes_that_are_nowhere_is_cut(tmp_path: Path) -> None:
    """In .osm.pbf: latitudes of 90.1 and 214.7, which the format can write, are no places."""
    path = tmp_path / "odd.osm.pbf"
    places = [(1, 24_800_000, 489_000_000), (2, 24_810_000, 489_000_000)]
    places += [(3, 24_820_000, 901_000_000), (4, 24_830_000, 2_147_000_000)]
    places += [(5, 24_840_000, 489_000_000), (6, 24_850_000, 489_000_000)]
    street = pbf_blocks.streets([(1, (1, 2, 3, 4, 5, 6)), (2, (3, 4))])
    path.write_bytes(pbf_blocks.header() + pbf_blocks.nodes(places) + street)
    extract = read_osm([path], taxonomy=TAXONOMY)
    assert extract.ways.node_id.tolist() == [1, 2, 5, 6]
    assert extract.ways.offset.tolist() == [0, 2, 4]
    assert extract.n_broken == {"voies dont des nœuds manquent": 2}


@pytest.mark.parametrize("latitude", [2_147_483_648, -(2**40), 2**62, -(2**63)])
def test_a_latitude_of_any_size_is_no_place(tmp_path: Path, latitude: int) -> None:
    """The last 32 bits of some are those of the equator: no street goes there."""
    path = tmp_path / "odd.osm.pbf"
    places = [(1, 24_800_000, 0), (2, 24_810_000, latitude)]
    street = pbf_blocks.streets([(1, (1, 2))])
    path.write_bytes(pbf_blocks.header() + pbf_blocks.nodes(places) + street)
    extract = read_osm([path], taxonomy=TAXONOMY)
    assert not len(extract.ways.way_id)
    assert extract.n_broken == {"voies dont des nœuds manquent": 1}


def relation(number: int, members: str, **tags: str) -> str:
    held = "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())
    return f'<relation id="{number}" version="1">{members}{held}</relation>'


def member(kind: str, ref: int, role: str = "") -> str:
    return f'<member type="{kind}" ref="{ref}" role="{role}"/>'


def test_relations_of_relations_are_no_trap(tmp_path: Path) -> None:
    """One of itself, two of each other, and one whose only way is in another relation."""
    others = (
        relation(1, member("relation", 1), type="multipolygon", amenity="hospital")
        + relation(2, member("relation", 3), type="site", amenity="school")
        + relation(3, member("relation", 2) + member("node", 1), type="site", amenity="school")
        + relation(4, member("relation", 5, "outer"), type="multipolygon", shop="mall")
        + relation(5, member("way", 1, "outer"), type="multipolygon")
    )
    extract = read_xml(tmp_path, "", others)
    assert extract.objects.index.tolist() == ["relation/3"]  # at its node
    assert extract.n_broken["relations sans aucune position"] >= 2
    assert extract.ways.way_id.tolist() == [1]


# Texts that did harm to some program: formulas, markup, paths, marks of direction, no letters.
HOSTILE = (
    "=cmd|'/c calc'!A0",
    "<script>alert(1)</script>",
    "'; DROP TABLE sites; --",
    "../../../etc/passwd",
    "{{7*7}} ${jndi:ldap://x} %s %n",
    "\u202egnirts\u202c\u200b\ufeff",
    "a\u0301\u0301\u0301\U0001f469\u200d\U0001f469",
    "\t\r\n\u2028\u0085",
    "\ufffe\U0010ffff",
    ";;;",
    "é" * 255,
    "",
)


def items(text: str) -> list[Callable[[osmium.SimpleWriter], None]]:
    """Return writers of a town where a text is the value of every tag, a key, and every role."""
    plain = dict.fromkeys((*TAXONOMY.values, "name", "entrance", "access", "opening_hours"), text)
    tags = plain | ({text: text} if text else {})
    members = [("w", 1, text), ("w", 2, text), ("n", 1, text)]
    return [
        lambda w: w.add_node(osmium.osm.mutable.Node(id=1, location=(2.48, 48.9), tags=tags)),
        lambda w: w.add_node(
            osmium.osm.mutable.Node(
                id=2, location=(2.481, 48.9), tags=tags | {"shop": "bakery", "barrier": text}
            )
        ),
        lambda w: w.add_way(
            osmium.osm.mutable.Way(
                id=1,
                nodes=[1, 2],
                tags=tags | {"highway": "residential", "surface": text, "incline": text},
            )
        ),
        lambda w: w.add_way(
            osmium.osm.mutable.Way(id=2, nodes=[1, 2, 1], tags=tags | {"amenity": "hospital"})
        ),
        lambda w: w.add_relation(
            osmium.osm.mutable.Relation(
                id=1, members=members, tags=tags | {"type": text, "amenity": "school"}
            )
        ),
    ]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_are_texts(tmp_path: Path, text: str) -> None:
    """In every value, a key and the roles: what is read is what was written, to the character."""
    path = tmp_path / "hostile.osm.pbf"
    with osmium.SimpleWriter(path) as writer:
        for write in items(text):
            write(writer)
    extract = read_osm([path], taxonomy=TAXONOMY)
    objects = extract.objects
    assert {"node/2", "way/2", "relation/1"} <= set(objects.index)
    for osm_id in ("node/2", "way/2", "relation/1"):
        assert objects.loc[osm_id, "tags"]["name"] == text
    (street,) = (tags for tags in extract.ways.tag_sets if tags["highway"] == "residential")
    assert street["surface"] == street["incline"] == text


def test_identifiers_in_any_order_are_read_the_same(tmp_path: Path) -> None:
    held = list(osmium.FileProcessor(MONACO))
    del held
    path = tmp_path / "unsorted.osm.pbf"
    places = [(9, 24_800_000, 489_000_000), (3, 24_810_000, 489_000_000)]
    street = pbf_blocks.streets([(7, (3, 9)), (2, (9, 3))])
    path.write_bytes(pbf_blocks.header() + street + pbf_blocks.nodes(places))
    extract = read_osm([path], taxonomy=TAXONOMY)
    assert extract.ways.way_id.tolist() == [2, 7]
    assert extract.ways.node_id.tolist() == [9, 3, 3, 9]
    clipped = read_osm([path], taxonomy=TAXONOMY, within=shapely.Point(2.48, 48.9))
    assert clipped.ways.node_id.tolist() == [9, 3, 3, 9]


@pytest.mark.parametrize(
    "damaged",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:10],
        lambda content: content[:-1],
        lambda content: content.replace(content[5000:5100], bytes(100)),
        lambda content: content[1:],
        gzip.compress,
        lambda content: content[:100_000] + content[120_000:],
    ],
)
@pytest.mark.parametrize("within", [None, shapely.Point(7.42, 43.73).buffer(0.01)])
def test_a_damaged_pbf_is_one_clear_message_clipped_or_not(
    tmp_path: Path, damaged: Callable[[bytes], bytes], within: shapely.Geometry | None
) -> None:
    path = tmp_path / "damaged.osm.pbf"
    path.write_bytes(damaged(MONACO.read_bytes()))
    with pytest.raises(DataError, match=r"« damaged\.osm\.pbf » est illisible"):
        read_osm([path], taxonomy=TAXONOMY, within=within)
