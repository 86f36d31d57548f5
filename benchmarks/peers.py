"""
One measure of walking access, by siting and by the libraries that a planner would combine.

    python benchmarks/peers.py pyrosm_pandana k1.osm.pbf sites.csv times.json results.npz

Every engine starts from the same .osm.pbf file and the same sites, and finds for each site and
category the nearest service within 2,000 m on foot and how many are within 500 and 1,000 m. One
engine runs in one process, whose peak memory is its own.

Peers are not dependencies of siting: ``pip install pandana pyrosm osmnx networkx scikit-learn``,
in this environment or in another one. They are used as their documentation shows, in the quickest
of the ways it offers:

pyrosm_pandana
    pyrosm's walking network, simplified (its default: a third of the nodes, so that pandana counts
    ten times as fast); `set_pois` and `nearest_pois`; `precompute`, then `set` and `aggregate`.
    pandana answers for every node of the network: the nodes of the sites are taken from it.
osmnx_networkx
    osmnx reads no .pbf; quicker than by XML is what pyrosm documents: its walking network
    exported to a graph for osmnx. Then osmnx snaps, and
    networkx searches: once per category from all its services, once per site for the counts.
    osmnx's own conversion to a graph without parallel edges is paid for by searches twice as fast.
osmnx_alone
    The same without pyrosm, as the documentation of osmnx shows: the file turned into XML by
    pyosmium (streets and services alone), `graph_from_xml`, `features_from_xml`.

Peers snap to the nearest node of the largest connected part, however far it is, and walk from node
to node. siting walks from the place on the edge, connectors included; sites off the network and
services on an island of it are told, not moved; objects that are one service are joined, and lists
of values (`convenience;doityourself`) split. Hence results that differ a little.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

NEAREST_M = 2000
COUNTED_M = (500, 1000)
SNAP_LIMIT_M = 200.0  # the default of siting
KIB_PER_MIB = 1024  # peak memory comes in kibibytes, as Linux counts them


@dataclasses.dataclass(frozen=True, slots=True)
class Category:
    """A category of `siting/taxonomy.toml`, by plain tags: one key, one of some values."""

    id: str
    key: str
    values: tuple[str, ...]


# Ways that people walk, as in the `walk` network of osmnx.
_HIGHWAYS = (
    "highway",
    (
        *("primary", "primary_link", "secondary", "secondary_link", "tertiary", "tertiary_link"),
        *("trunk", "trunk_link", "unclassified", "residential", "living_street", "service"),
        *("road", "track", "path", "footway", "pedestrian", "steps", "cycleway"),
    ),
)

# Those of the taxonomy that plain tags can tell and of which Monaco has at least one.
CATEGORIES = (
    Category("supermarche", "shop", ("supermarket", "hypermarket")),
    Category("superette_epicerie", "shop", ("convenience", "general", "grocery")),
    Category("boulangerie", "shop", ("bakery", "pastry")),
    Category("boucherie", "shop", ("butcher",)),
    Category("alimentation_specialisee", "shop", ("frozen_food", "cheese", "deli", "health_food")),
    Category("marche", "amenity", ("marketplace",)),
    Category("pharmacie", "amenity", ("pharmacy",)),
    Category("tabac_presse", "shop", ("tobacco", "newsagent", "kiosk")),
    Category("droguerie_quincaillerie", "shop", ("chemist", "hardware", "doityourself")),
    Category("banque", "amenity", ("bank",)),
    Category("coiffeur", "shop", ("hairdresser",)),
    Category("pressing_laverie", "shop", ("laundry", "dry_cleaning")),
    Category("cafe_restaurant", "amenity", ("cafe", "restaurant", "bar", "pub", "fast_food")),
    Category("dab", "amenity", ("atm",)),
    Category("arret_bus", "highway", ("bus_stop",)),
    Category("gare", "railway", ("station", "halt")),
    Category("mairie", "amenity", ("townhall",)),
    Category("bureau_poste", "amenity", ("post_office",)),
    Category("bibliotheque", "amenity", ("library",)),
    Category("police_gendarmerie", "amenity", ("police",)),
    Category("prefecture_justice", "amenity", ("courthouse",)),
    Category("ecole", "amenity", ("school", "kindergarten")),
    Category("medecin_generaliste", "amenity", ("doctors",)),
    Category("hopital", "amenity", ("hospital",)),
    Category("laboratoire", "healthcare", ("laboratory", "sample_collection")),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to measure; the slowest part of an engine stops after `limit_s` seconds."""

    extract: Path
    lon: np.ndarray
    lat: np.ndarray
    categories: Sequence[Category]
    limit_s: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What an engine found, for comparison.

    `walk_m` has a row per site and a column per category, NaN where nothing is within 2,000 m;
    `counts` has one more axis, the radii of `COUNTED_M`, NaN where it was not counted.
    """

    walk_m: np.ndarray
    counts: np.ndarray
    n_edges: int
    n_services: int


class Clock:
    """Seconds spent in each stage, in the order in which they were begun."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.notes: list[str] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent inside to a stage."""
        start_s = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start_s


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """Where the services of each category are, all in one run of coordinates."""

    lon: np.ndarray
    lat: np.ndarray
    span: tuple[slice, ...]


def _places(objects: object, categories: Sequence[Category]) -> _Places:
    """Return the services of pyrosm's table of objects: a point inside of each."""
    points = objects.geometry.representative_point()
    of_category = [
        np.flatnonzero(objects[category.key].isin(category.values)) for category in categories
    ]
    ends = np.cumsum([len(ranks) for ranks in of_category])
    ranks = np.concatenate(of_category)
    return _Places(
        lon=points.x.to_numpy()[ranks],
        lat=points.y.to_numpy()[ranks],
        span=tuple(slice(end - len(own), end) for end, own in zip(ends, of_category, strict=True)),
    )


def _read_with_pyrosm(
    open_osm: Callable[[str], object], job: Job
) -> tuple[object, object, object, _Places]:
    """Return the reader, the nodes and edges of the walking network, and the services."""
    osm = open_osm(str(job.extract))
    nodes, edges = osm.get_network(nodes=True, network_type="walking")
    wanted: dict[str, list[str]] = {}
    for category in job.categories:
        wanted.setdefault(category.key, []).extend(category.values)
    objects = osm.get_data_by_custom_criteria(custom_filter=wanted, filter_type="keep")
    return osm, nodes, edges, _places(objects, job.categories)


def pyrosm_pandana(job: Job, clock: Clock) -> Answer:
    """Measure with pyrosm and pandana."""
    with clock.stage("import"):
        pd = import_module("pandas")
        import_module("pandana")
        open_osm = import_module("pyrosm").OSM  # most of pyrosm is imported on this access
    with clock.stage("read"):
        osm, nodes, edges, places = _read_with_pyrosm(open_osm, job)
    with clock.stage("build"):
        net = osm.to_graph(nodes, edges, graph_type="pandana")
    with clock.stage("snap"):
        sites = net.get_node_ids(pd.Series(job.lon), pd.Series(job.lat)).to_numpy()
        services = net.get_node_ids(pd.Series(places.lon), pd.Series(places.lat))
    walk_m = np.full((len(sites), len(job.categories)), np.nan)
    with clock.stage("nearest"):
        for column, span in enumerate(places.span):
            if span.start == span.stop:
                continue
            name = job.categories[column].id
            lon, lat = pd.Series(places.lon[span]), pd.Series(places.lat[span])
            net.set_pois(category=name, maxdist=NEAREST_M, maxitems=1, x_col=lon, y_col=lat)
            near = net.nearest_pois(NEAREST_M, name, num_pois=1)[1].loc[sites].to_numpy()
            walk_m[:, column] = np.where(near < NEAREST_M, near, np.nan)
    counts = np.zeros((len(sites), len(job.categories), len(COUNTED_M)))
    with clock.stage("counts"):
        net.precompute(max(COUNTED_M))
        for column, span in enumerate(places.span):
            if span.start == span.stop:
                continue
            name = job.categories[column].id
            net.set(services.iloc[span], name=name)
            for at, radius_m in enumerate(COUNTED_M):
                within = net.aggregate(radius_m, type="count", name=name)
                counts[:, column, at] = within.loc[sites].to_numpy()
    return Answer(walk_m=walk_m, counts=counts, n_edges=len(edges), n_services=len(places.lon))


def osmnx_networkx(job: Job, clock: Clock) -> Answer:
    """Measure with pyrosm as the reader, osmnx and networkx."""
    with clock.stage("import"):
        import_module("osmnx")
        open_osm = import_module("pyrosm").OSM
    with clock.stage("read"):
        osm, nodes, edges, places = _read_with_pyrosm(open_osm, job)
    with clock.stage("build"):
        multi = osm.to_graph(nodes, edges, graph_type="networkx")
    return _searched_with_networkx(multi, places, job, clock)


def osmnx_alone(job: Job, clock: Clock) -> Answer:
    """Measure with osmnx and networkx, from XML."""
    with clock.stage("import"):
        ox = import_module("osmnx")
        import_module("osmium")
    wanted: dict[str, list[str]] = {}
    for category in job.categories:
        wanted.setdefault(category.key, []).extend(category.values)
    with tempfile.TemporaryDirectory() as folder:
        streets, services = Path(folder) / "streets.osm", Path(folder) / "services.osm"
        with clock.stage("convert"):
            _write_xml(job.extract, streets, (_HIGHWAYS,))
            _write_xml(job.extract, services, tuple(wanted.items()))
        with clock.stage("read"):
            ox.settings.useful_tags_way = ["highway", "foot", "access", "oneway"]
            multi = ox.graph_from_xml(streets, bidirectional=True, retain_all=False)
            places = _places(ox.features_from_xml(services, tags=wanted), job.categories)
    return _searched_with_networkx(multi, places, job, clock)


def _write_xml(extract: Path, out: Path, wanted: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Write the objects that have one of some tags, with what they refer to, as XML."""
    osmium = import_module("osmium")
    keys = [(key, value) for key, values in wanted for value in values]
    with osmium.BackReferenceWriter(str(out), ref_src=str(extract), overwrite=True) as writer:
        for found in osmium.FileProcessor(str(extract)).with_filter(osmium.filter.TagFilter(*keys)):
            writer.add(found)


def _searched_with_networkx(multi: Any, places: _Places, job: Job, clock: Clock) -> Answer:  # noqa: ANN401 - a graph of networkx, which is imported when it is measured
    """Snap with osmnx and search with networkx."""
    ox, nx = import_module("osmnx"), import_module("networkx")
    with clock.stage("build"):
        graph = ox.convert.to_digraph(multi, weight="length")
    with clock.stage("snap"):
        lon = np.concatenate([job.lon, places.lon])
        lat = np.concatenate([job.lat, places.lat])
        snapped = ox.distance.nearest_nodes(multi, lon, lat)
        sites, services = snapped[: len(job.lon)].tolist(), snapped[len(job.lon) :].tolist()
    walk_m = np.full((len(sites), len(job.categories)), np.nan)
    with clock.stage("nearest"):
        backwards = graph.reverse(copy=False)
        for column, span in enumerate(places.span):
            if span.start == span.stop:
                continue
            near = nx.multi_source_dijkstra_path_length(
                backwards, set(services[span]), cutoff=NEAREST_M, weight="length"
            )
            walk_m[:, column] = [near.get(site, np.nan) for site in sites]
    at_node: dict[int, np.ndarray] = {}
    for column, span in enumerate(places.span):
        for node in services[span]:
            at_node.setdefault(node, np.zeros(len(job.categories)))[column] += 1
    with clock.stage("counts"):
        counts = _counts_by_search(
            sites,
            at_node,
            lambda site: nx.single_source_dijkstra_path_length(
                graph, site, cutoff=max(COUNTED_M), weight="length"
            ),
            shape=(*walk_m.shape, len(COUNTED_M)),
            limit_s=job.limit_s,
        )
    n_counted = int(np.isfinite(counts[:, 0, 0]).sum())
    if n_counted < len(sites):
        clock.seconds["counts"] *= len(sites) / n_counted
        clock.notes.append(f"counts: extrapolated from {n_counted} of {len(sites)} sites")
    return Answer(
        walk_m=walk_m, counts=counts, n_edges=multi.number_of_edges(), n_services=len(places.lon)
    )


def _counts_by_search(
    sites: Sequence[int],
    at_node: Mapping[int, np.ndarray],
    lengths_m: Callable[[int], Mapping[int, float]],
    *,
    shape: tuple[int, int, int],
    limit_s: float,
) -> np.ndarray:
    """Return the services around each site by one search each, NaN once the time is up."""
    counts = np.full(shape, np.nan)
    start_s = time.perf_counter()
    known: dict[int, np.ndarray] = {}
    for row, site in enumerate(sites):
        if site not in known:
            found = np.zeros(shape[1:])
            for node, walk_m in lengths_m(site).items():
                if node in at_node:
                    found[:, np.less_equal(walk_m, COUNTED_M)] += at_node[node][:, None]
            known[site] = found
        counts[row] = known[site]
        if time.perf_counter() - start_s > limit_s:
            break
    return counts


def siting_engine(job: Job, clock: Clock) -> Answer:
    """
    Measure with siting from the file, its taxonomy reduced to the tags that all engines are given.

    The peers could not apply its other rules (what is closed, names, negations).
    """
    with clock.stage("import"):
        network, osm_file, services_of, targets_of = (
            import_module(f"siting.{name}")
            for name in ("network", "sources.osm_file", "services", "targets")
        )
        import_module("siting.access")
    taxonomy = plain_taxonomy(job)
    with clock.stage("read"):
        extract = osm_file.read_osm([job.extract], taxonomy=taxonomy)
        services = services_of.services_from_osm(extract.objects, taxonomy).sort_index()
    with clock.stage("build"):
        walkable = network.walk_network(extract.ways, coverage=extract.coverage)
        targets = targets_of.service_targets(services, walkable, limit_m=SNAP_LIMIT_M)
    return accessibility_of(job, clock, services, walkable, targets)


def siting_stored_engine(job: Job, clock: Clock) -> Answer:
    """Measure with siting on an area that was stored before; building it is not timed."""
    with clock.stage("import"):
        store = import_module("siting.sources.area_store")
        import_module("siting.access")
    folder, taxonomy = job.extract.with_suffix(".area"), plain_taxonomy(job)
    store.open_or_build([job.extract], folder, taxonomy=taxonomy)
    with clock.stage("open"):
        area = store.read_area(folder, taxonomy=taxonomy)
    return accessibility_of(job, clock, area.services, area.network, area.targets)


def plain_taxonomy(job: Job) -> Any:  # noqa: ANN401 - siting is imported when it is measured
    """Return the taxonomy of siting, with one plain selector for each category of the job."""
    selectors = import_module("siting.selectors")
    full = import_module("siting.taxonomy").read_taxonomy()
    categories = []
    for each in job.categories:
        only = selectors.Condition(each.key, frozenset(each.values))
        plain = selectors.Selector((only,))
        categories.append(
            dataclasses.replace(full.category[each.id], selectors=(plain,), entrances=())
        )
    return dataclasses.replace(full, categories=tuple(categories), exclusions=())


def accessibility_of(job: Job, clock: Clock, services: Any, walkable: Any, targets: Any) -> Answer:  # noqa: ANN401 - same
    """Measure access with siting; at 6 km/h a minute is 100 m, and minutes stand for radii."""
    access, walkers = import_module("siting.access"), import_module("siting.walkers")
    gpd = import_module("geopandas")
    profile = dataclasses.replace(walkers.walk_profile("standard"), speed_kmh=6.0)
    reach_min = tuple(round(profile.minutes(radius_m)) for radius_m in COUNTED_M)
    with clock.stage("access"):
        measured = access.accessibility(
            gpd.GeoDataFrame(
                index=[f"s{rank:06d}" for rank in range(len(job.lon))],
                geometry=gpd.points_from_xy(job.lon, job.lat),
                crs="EPSG:4326",
            ).rename_axis("site_id"),
            services,
            walkable,
            categories={
                each.id: access.CategoryInfo(families="all", is_reliably_mapped=True)
                for each in job.categories
            },
            rule=access.AccessRule(
                profile=profile,
                cutoff_min=profile.minutes(NEAREST_M),
                reach_min=reach_min,
                snap_limit_m=SNAP_LIMIT_M,
            ),
            targets=targets,
        )
    wanted = [each.id for each in job.categories]
    nearest = measured.access["walk_m"].xs(1, level="rank").unstack("category")[wanted]
    counts = [
        measured.reach["n_services"].xs(minutes, level="minutes").unstack("category")[wanted]
        for minutes in reach_min
    ]
    return Answer(
        walk_m=nearest.to_numpy(float, na_value=np.nan),
        counts=np.stack([table.to_numpy(float, na_value=np.nan) for table in counts], axis=2),
        n_edges=len(walkable.length_m),
        n_services=len(services),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Engine:
    """How to measure, and the packages whose versions tell what was measured."""

    measure: Callable[[Job, Clock], Answer]
    packages: tuple[str, ...]


SITING = ("siting", "numba", "osmium", "numpy", "scipy", "pandas", "geopandas", "shapely")

ENGINES = {
    "siting_stored": Engine(siting_stored_engine, SITING),
    "siting": Engine(siting_engine, SITING),
    "pyrosm_pandana": Engine(
        pyrosm_pandana, ("pyrosm", "pandana", "numpy", "pandas", "geopandas", "shapely")
    ),
    "osmnx_alone": Engine(
        osmnx_alone, ("osmium", "osmnx", "networkx", "scikit-learn", "numpy", "shapely")
    ),
    "osmnx_networkx": Engine(
        osmnx_networkx, ("pyrosm", "osmnx", "networkx", "scikit-learn", "numpy", "shapely")
    ),
}


def main() -> None:
    """Run one engine, and write its times and its results."""
    parser = argparse.ArgumentParser(description="Measure walking access with one engine.")
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("extract", type=Path, help=".osm.pbf file")
    parser.add_argument("sites", type=Path, help="CSV file with the columns site_id, lon, lat")
    parser.add_argument("times", type=Path, help="JSON file to write")
    parser.add_argument("results", type=Path, help="NPZ file to write")
    parser.add_argument("--categories", type=int, default=len(CATEGORIES), help="how many of them")
    parser.add_argument(
        "--limit-s", type=float, default=120.0, help="longest search per site, then extrapolated"
    )
    options = parser.parse_args()
    lon, lat = np.loadtxt(options.sites, delimiter=",", skiprows=1, usecols=(1, 2), ndmin=2).T
    categories, limit_s = CATEGORIES[: options.categories], options.limit_s
    job = Job(extract=options.extract, lon=lon, lat=lat, categories=categories, limit_s=limit_s)
    engine = ENGINES[options.engine]
    clock = Clock()
    answer = engine.measure(job, clock)
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    np.savez(options.results, walk_m=answer.walk_m, counts=answer.counts)
    summary = {
        "engine": options.engine,
        "n_sites": len(lon),
        "n_categories": len(job.categories),
        "n_edges": answer.n_edges,
        "n_services": answer.n_services,
        "seconds": clock.seconds,
        "notes": clock.notes,
        "peak_mib": peak_kib / KIB_PER_MIB,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in engine.packages},
    }
    options.times.write_text(json.dumps(summary, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
