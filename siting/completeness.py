"""Tell how complete the map is, commune by commune and category by category.

What OpenStreetMap does not show may not exist, or may not be mapped. Absence counts as absence
where a register says the same, or where the commune is mapped as its population and comparable
communes suggest; everywhere else nothing is proven.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.stats import poisson

from siting.borders import holding
from siting.category_totals import ages_days
from siting.crs import FloatArray, IntArray, require_crs
from siting.register_tables import MATCHES, Register, RegisterMatch
from siting.tables import CATEGORY, CODE_INSEE, PROVEN, SERVICES, Column, MapEvidence, Table
from siting.targets import service_groups
from siting.taxonomy import Taxonomy

BoolArray = npt.NDArray[np.bool_]


COMPLETENESS = Table(
    "COMPLETENESS",
    (CODE_INSEE, CATEGORY),
    (
        Column("nom", "text", "name of the commune"),
        Column("n_services", "integer", "services on the map or in a register, in the commune"),
        Column("expected_services", "number", "what comparable communes suggest", "services"),
        Column("n_comparable", "integer", "comparable communes"),
        Column("n_both", "integer", "services of the map that a register has; empty without one"),
        Column("n_osm_only", "integer", "services of the map that no register has"),
        Column("n_register_only", "integer", "services that the map does not have"),
        Column("confirmed_share", "number", "n_both of the services of the map compared", "0-1"),
        Column(
            "median_age_days", "number", "from last check or edit to the date of the map", "day"
        ),
        Column(
            "map_evidence", "text", "what absence from the map is worth", allowed=tuple(MapEvidence)
        ),
        Column("is_mapped", "boolean", "absence from the map is absence"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletenessRule:
    """
    When a commune counts as mapped. All figures are siting's own choice but `significance`.

    Parameters
    ----------
    inside_share
        Share of the area of a commune that the data must cover for it to be compared.
    size_ratio
        Comparable communes have between 1/`size_ratio` and `size_ratio` times its inhabitants.
    n_comparable, least_comparable
        How many of them are taken, the nearest first; how many are needed at least.
    least_expected
        Services, of all well-mapped categories together, that must be expected in the
        commune, and of the category found in the comparable communes: below 3, finding none
        would be no surprise (exp(-3) = 0.05), and nothing could be told.
    significance
        Probability under which a count is too small to be chance (the usual 5 %).
    known_share, least_known
        A register is heard on a category if it has at least this share of the services of
        the map, once that many are compared.
    """

    inside_share: float = 0.95
    size_ratio: float = 3.0
    n_comparable: int = 30
    least_comparable: int = 3
    least_expected: float = 3.0
    significance: float = 0.05
    known_share: float = 0.5
    least_known: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """
    What registers said of the services.

    Parameters
    ----------
    registers
        Registers that were compared with the map.
    matches
        Table MATCHES of the services.
    unplaced
        Table REGISTER: rows without position that match no service.
    """

    registers: Sequence[Register]
    matches: pd.DataFrame
    unplaced: pd.DataFrame


def completeness(  # noqa: PLR0913 - the tables compared, where the map ends, its date, how to judge
    services: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    *,
    taxonomy: Taxonomy,
    extent: shapely.Geometry,
    mapped_on: str = "",
    compared: Compared | None = None,
    rule: CompletenessRule | None = None,
    told: Collection[str] | None = None,
) -> pd.DataFrame:
    """
    Tell, for each commune and category, what absence from the map is worth.

    In this order, for a commune and a category:

    1. a register that was compared with the map covers both, and knows the category
       (`CompletenessRule.known_share`): `register_agrees`, since what the register alone has
       counts as a service; `register_unplaced` when a row of the commune has no position;
    2. the taxonomy says that the category is badly mapped in France: `rarely_mapped`;
    3. the commune is cut by the edge of the data, has no known population, or too few
       comparable communes are whole in the data: `nothing_to_compare`;
    4. all well-mapped categories together are fewer than comparable communes suggest:
       `barely_mapped`;
    5. so are the services of the category: `fewer_than_comparable`; or there are too few in
       the comparable communes to tell: `nothing_to_compare`;
    6. else the commune is mapped: `as_comparable`.

    Comparable communes are the nearest ones of a similar size that are whole in the data. The
    count expected is theirs per inhabitant, times the inhabitants of the commune; a count is
    too small when a Poisson variable of that mean has less than 5 % chance to be as small.

    The rule fails where services do not follow inhabitants: tourist places, shopping centres
    of a neighbour, suburbs served by a city. Real counts vary more than Poisson's, so it
    doubts too often rather than too seldom; and a region that is badly mapped everywhere
    alike looks well mapped, but for `rarely_mapped` categories.

    Parameters
    ----------
    services
        Table SERVICES: platforms of a stop are one service.
    communes
        Table COMMUNES: those to tell of, and those to compare with.
    taxonomy
        Categories, and how well OpenStreetMap maps them.
    extent
        Area that the map covers, in degrees.
    mapped_on
        ISO date of the map; empty when unknown, ages then are too.
    compared
        What registers said, if some were compared.
    rule
        Figures of the rule.
    told
        Codes of the communes to tell of; None for all. The others are compared with.

    Returns
    -------
    completeness
        Table COMPLETENESS: every commune to tell of that the data touches, every category.

    Raises
    ------
    DataError, CrsError
        A table is not as its contract says.

    References
    ----------
    Barrington-Leigh & Millard-Ball (2017), PLoS ONE 12(8):e0180698, on completeness estimated
    from population; Herfort et al. (2023), Nature Communications 14:3985, on comparing with
    what other places suggest. Neither is about services: the rule is siting's own.
    """
    rule = rule or CompletenessRule()
    services = gpd.GeoDataFrame(SERVICES.conform(services))
    require_crs(communes, "communes")
    here = communes[_touches(communes, extent)].sort_index()
    names = [category.id for category in taxonomy.categories]
    pairs = _pairs(services, here, names)
    counts = _counts(pairs, len(here), len(names))
    is_good = np.array([one.mapping == "good" for one in taxonomy.categories], dtype=bool)
    is_told = np.ones(len(here), bool) if told is None else here.index.isin(told)
    expected, n_near, n_comparable = _expected(counts, here, extent, rule, is_told=is_told)
    evidence = _by_comparison(
        counts, expected, n_near, n_comparable=n_comparable, is_good=is_good, rule=rule
    )
    table = pd.DataFrame(
        {
            "nom": np.repeat(here["nom"].to_numpy(dtype=object), len(names)),
            "n_services": counts.ravel(),
            "expected_services": expected.ravel(),
            "n_comparable": np.repeat(n_comparable, len(names)),
            "median_age_days": _median_ages(pairs, services, counts.shape, mapped_on),
            "map_evidence": evidence.ravel(),
        },
        index=pd.MultiIndex.from_product([here.index, names], names=COMPLETENESS.index_names),
    )
    table = table.join(_agreement(pairs, services, here, names, compared))
    if compared is not None:
        table["map_evidence"] = _by_registers(table, compared, rule)
    table["is_mapped"] = table["map_evidence"].isin(PROVEN)
    return COMPLETENESS.conform(table[np.repeat(is_told, len(names))])


def _touches(communes: gpd.GeoDataFrame, extent: shapely.Geometry) -> BoolArray:
    shapely.prepare(extent)
    touched: BoolArray = np.asarray(shapely.intersects(extent, communes.geometry.to_numpy()))
    return touched


def _pairs(
    services: gpd.GeoDataFrame, communes: gpd.GeoDataFrame, names: Sequence[str]
) -> pd.DataFrame:
    """Lay out the categories of each service that lies in a commune: positions, once each."""
    first = np.unique(service_groups(services))
    points = services.geometry.iloc[first].representative_point()
    commune = holding(points, communes)
    held = services["categories"].iloc[first].str.split(";")
    category = pd.Index(names).get_indexer(held.explode())
    pairs = pd.DataFrame(
        {
            "service": np.repeat(first, held.str.len()),
            "commune": np.repeat(commune, held.str.len()),
            "category": category,
        }
    )
    return pairs[(pairs["commune"] >= 0) & (pairs["category"] >= 0)].drop_duplicates()


def _counts(pairs: pd.DataFrame, n_communes: int, n_categories: int) -> IntArray:
    cell = pairs["commune"].to_numpy() * n_categories + pairs["category"].to_numpy()
    counts = np.bincount(cell, minlength=n_communes * n_categories)
    return np.asarray(counts.reshape(n_communes, n_categories), dtype=np.int64)


def _expected(
    counts: IntArray,
    communes: gpd.GeoDataFrame,
    extent: shapely.Geometry,
    rule: CompletenessRule,
    *,
    is_told: BoolArray,
) -> tuple[FloatArray, IntArray, IntArray]:
    """Return what comparable communes suggest, what they have, and how many they are."""
    people = communes["population"].to_numpy(np.float64, na_value=np.nan)
    is_whole = _inside_shares(communes, extent) >= rule.inside_share
    is_whole &= people > 0
    centres = shapely.centroid(communes.geometry.to_numpy())
    x, y = shapely.get_x(centres), shapely.get_y(centres)
    squeeze = np.cos(np.radians(np.nanmean(y))) if len(y) else 1.0
    expected = np.full(counts.shape, np.nan)
    n_near = np.zeros(counts.shape, dtype=np.int64)
    n_comparable = np.zeros(len(communes), dtype=np.int64)
    for at in np.flatnonzero(is_whole & is_told):
        ratio = people / people[at]
        like = is_whole & (ratio <= rule.size_ratio) & (ratio >= 1 / rule.size_ratio)
        like[at] = False
        others = np.flatnonzero(like)
        gap = np.hypot((x[others] - x[at]) * squeeze, y[others] - y[at])
        others = others[np.argsort(gap, kind="stable")][: rule.n_comparable]
        n_comparable[at] = len(others)
        if len(others) >= rule.least_comparable:
            n_near[at] = counts[others].sum(axis=0)
            expected[at] = n_near[at] / people[others].sum() * people[at]
    return expected, n_near, n_comparable


def _inside_shares(communes: gpd.GeoDataFrame, extent: shapely.Geometry) -> FloatArray:
    """Return the share of each commune in the data: a ratio of areas, degrees will do."""
    shapes = shapely.make_valid(communes.geometry.to_numpy())
    inside = shapely.area(shapely.intersection(shapes, extent))
    return np.asarray(inside / shapely.area(shapes))


def _by_comparison(
    counts: IntArray,
    expected: FloatArray,
    n_near: IntArray,
    *,
    n_comparable: IntArray,
    is_good: BoolArray,
    rule: CompletenessRule,
) -> npt.NDArray[np.object_]:
    total, total_expected = counts[:, is_good].sum(axis=1), expected[:, is_good].sum(axis=1)
    can_tell = (n_comparable >= rule.least_comparable) & (total_expected >= rule.least_expected)
    is_barely = poisson.cdf(total, total_expected) < rule.significance
    is_fewer = poisson.cdf(counts, np.maximum(expected, 0.0)) < rule.significance
    choices = (
        (~is_good[None, :] & np.ones(counts.shape, dtype=bool), MapEvidence.RARELY_MAPPED),
        (np.broadcast_to(~can_tell[:, None], counts.shape), MapEvidence.NOTHING_TO_COMPARE),
        (np.broadcast_to(is_barely[:, None], counts.shape), MapEvidence.BARELY_MAPPED),
        (is_fewer, MapEvidence.FEWER_THAN_COMPARABLE),
        (n_near < rule.least_expected, MapEvidence.NOTHING_TO_COMPARE),
    )
    evidence = np.select(
        [holds for holds, _ in choices],
        [label.value for _, label in choices],
        default=MapEvidence.AS_COMPARABLE.value,
    )
    return evidence.astype(object)


def _median_ages(
    pairs: pd.DataFrame, services: gpd.GeoDataFrame, shape: tuple[int, ...], mapped_on: str
) -> FloatArray:
    """Return the median days since services were checked or edited, by commune and category."""
    days = ages_days(services, mapped_on)[pairs["service"]]
    cell = pairs["commune"].to_numpy() * shape[1] + pairs["category"].to_numpy()
    median = pd.Series(days).groupby(cell).median()
    return np.asarray(median.reindex(range(shape[0] * shape[1])), dtype=np.float64)


def _agreement(
    pairs: pd.DataFrame,
    services: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    names: Sequence[str],
    compared: Compared | None,
) -> pd.DataFrame:
    """Count the services that registers confirm; empty where no register was compared."""
    columns = {
        RegisterMatch.BOTH: "n_both",
        RegisterMatch.OSM_ONLY: "n_osm_only",
        RegisterMatch.REGISTER_ONLY: "n_register_only",
    }
    index = pd.MultiIndex.from_product([communes.index, names], names=COMPLETENESS.index_names)
    counts = pd.DataFrame(pd.NA, index=index, columns=list(columns.values()), dtype="Int64")
    if compared is None:
        return counts.assign(confirmed_share=np.nan)
    match = MATCHES.conform(compared.matches)["register_match"].reindex(services.index)
    said = match.to_numpy(dtype=object)[pairs["service"]]
    covered = _covered(compared.registers, communes.index, names)
    for value, column in columns.items():
        number = _counts(pairs[said == value], len(communes), len(names)).ravel()
        counts[column] = pd.array(number, dtype="Int64")
        counts.loc[~covered.ravel(), column] = pd.NA
    n_compared = (counts["n_both"] + counts["n_osm_only"]).astype("float64")
    share = counts["n_both"].astype("float64") / n_compared.where(n_compared > 0)
    return counts.assign(confirmed_share=share)


def _covered(registers: Sequence[Register], codes: pd.Index, names: Sequence[str]) -> BoolArray:
    """Tell, for each commune and category, if a register covers both."""
    covered = np.zeros((len(codes), len(names)), dtype=bool)
    for register in registers:
        listed = np.array([name in register.categories for name in names], dtype=bool)
        covered |= register.covers(codes)[:, None] & listed
    return covered


def _by_registers(table: pd.DataFrame, compared: Compared, rule: CompletenessRule) -> pd.Series:
    """Return the evidence, that of registers first where they cover a category and know it."""
    by_category = table.groupby(level="category", sort=False)[["n_both", "n_osm_only"]].sum()
    n_compared = by_category.sum(axis=1)
    is_known = (n_compared < rule.least_known) | (
        by_category["n_both"] >= rule.known_share * n_compared
    )
    categories = table.index.get_level_values("category")
    is_covered = table["n_both"].notna() & is_known.reindex(categories).to_numpy()
    unplaced = compared.unplaced[["code_insee", "categories"]].dropna()
    unplaced = unplaced.assign(category=unplaced["categories"].str.split(";")).explode("category")
    lost = pd.MultiIndex.from_frame(unplaced[["code_insee", "category"]])
    is_lost = table.index.isin(lost)
    evidence = table["map_evidence"].mask(is_covered, MapEvidence.REGISTER_AGREES.value)
    return evidence.mask(is_covered & is_lost, MapEvidence.REGISTER_UNPLACED.value)
