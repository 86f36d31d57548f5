"""Each part of France in its own metric CRS; no distance in degrees, no guess of a CRS."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Geod

from siting.crs import (
    TERRITORIES,
    WGS84,
    by_territory,
    geodesic_m,
    in_french_territory,
    metric_crs,
    metric_transformer,
    require_crs,
    require_metric,
    to_metric,
)
from siting.errors import CrsError

# Legal CRS of each part of France: decree 2000-1276 as amended in 2019, EPSG register.
PLACES = {
    "Paris": (2.3522, 48.8566, 2154),
    "Bonifacio": (9.1593, 41.3871, 2154),
    "Dunkerque": (2.3768, 51.0344, 2154),
    "Ouessant": (-5.0970, 48.4590, 2154),
    "Pointe-à-Pitre": (-61.5331, 16.2412, 5490),
    "Fort-de-France": (-61.0588, 14.6161, 5490),
    "Saint-Martin": (-63.0822, 18.0708, 5490),
    "Cayenne": (-52.3290, 4.9372, 2972),
    "Saint-Denis de La Réunion": (55.4481, -20.8789, 2975),
    "Mamoudzou": (45.2279, -12.7806, 4471),
    "Saint-Pierre": (-56.1773, 46.7786, 4467),
}
GEOD = Geod(ellps="WGS84")
FEET = CRS.from_epsg(2263)  # New York, in US survey feet


def box_around(lon: float, lat: float, half_deg: float = 0.01) -> tuple[float, ...]:
    return (lon - half_deg, lat - half_deg, lon + half_deg, lat + half_deg)


def layer(*lon_lat: tuple[float, float], crs: object = WGS84) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=[shapely.Point(*one) for one in lon_lat], crs=crs)


@pytest.mark.parametrize(("lon", "lat", "epsg"), PLACES.values(), ids=PLACES.keys())
def test_a_place_is_measured_in_the_crs_of_its_territory(lon: float, lat: float, epsg: int) -> None:
    assert metric_crs(box_around(lon, lat)).to_epsg() == epsg


@pytest.mark.parametrize("azimuth", [0, 45, 90, 135])
@pytest.mark.parametrize(("lon", "lat", "epsg"), PLACES.values(), ids=PLACES.keys())
def test_a_kilometre_is_a_kilometre_within_a_thousandth(
    lon: float, lat: float, epsg: int, azimuth: float
) -> None:
    """Lambert-93 is 2.9 m per km off in the far south and north of its area: it is conformal."""
    far_lon, far_lat, _ = GEOD.fwd(lon, lat, azimuth, 1000.0)
    here, there = to_metric(layer((lon, lat), (far_lon, far_lat))).geometry
    tolerance = 0.003 if epsg == 2154 else 0.001
    assert here.distance(there) == pytest.approx(1000.0, rel=tolerance)
    measured = geodesic_m(*(np.array([x]) for x in (lon, lat, far_lon, far_lat)))
    assert measured[0] == pytest.approx(1000.0, abs=1e-6)


def test_lambert_93_in_la_reunion_would_be_wrong_by_more_than_half() -> None:
    """Why the CRS follows the territory: Lambert-93 makes no error there, only false metres."""
    lon, lat, _ = PLACES["Saint-Denis de La Réunion"]
    far_lon, far_lat, _ = GEOD.fwd(lon, lat, 0.0, 1000.0)
    here, there = layer((lon, lat), (far_lon, far_lat)).to_crs(2154).geometry
    assert here.distance(there) > 1500


def test_each_point_of_a_mixed_layer_is_in_the_group_of_its_territory() -> None:
    places = gpd.GeoSeries(
        [shapely.Point(lon, lat) for lon, lat, _ in PLACES.values()] + [None, shapely.Point()],
        index=[*PLACES, "missing", "empty"],
        crs=WGS84,
    )
    groups = {crs.to_epsg(): list(group.index) for crs, group in by_territory(places)}
    expected: dict[int, list[str]] = {}
    for name, (_, _, epsg) in PLACES.items():
        expected.setdefault(epsg, []).append(name)
    assert groups == expected


def test_abroad_is_measured_in_its_utm_zone() -> None:
    madrid, sydney = (-3.7038, 40.4168), (151.2093, -33.8688)
    assert metric_crs(box_around(*madrid)).to_epsg() == 32630
    assert metric_crs(box_around(*sydney)).to_epsg() == 32756
    codes = [crs.to_epsg() for crs, _ in by_territory(layer(madrid, sydney).geometry)]
    assert codes == [32630, 32756]


def test_an_empty_layer_has_no_group() -> None:
    assert list(by_territory(gpd.GeoSeries([], crs=WGS84))) == []
    assert list(by_territory(gpd.GeoSeries([None], crs=WGS84))) == []


def test_a_study_that_mixes_two_territories_is_refused() -> None:
    paris, reunion = PLACES["Paris"][:2], PLACES["Saint-Denis de La Réunion"][:2]
    with pytest.raises(CrsError, match="étude par territoire"):
        to_metric(layer(paris, reunion))


@pytest.mark.parametrize(
    "bounds",
    [
        (math.nan, 48.0, 2.0, 49.0),
        (2.0, 48.0, math.inf, 49.0),
        (3.0, 48.0, 2.0, 49.0),
        (2.0, 49.0, 3.0, 48.0),
    ],
)
def test_an_extent_that_is_not_one_is_refused(bounds: tuple[float, float, float, float]) -> None:
    with pytest.raises(CrsError, match="vide ou invalide"):
        metric_crs(bounds)


def test_an_empty_layer_has_no_metric_crs() -> None:
    with pytest.raises(CrsError, match="vide"):
        to_metric(layer())


@pytest.mark.parametrize(
    ("lon", "lat", "epsg"), PLACES.values(), ids=[f"swapped {name}" for name in PLACES]
)
def test_swapped_coordinates_are_outside_of_france(lon: float, lat: float, epsg: int) -> None:  # noqa: ARG001
    inside = in_french_territory(np.array([lon, lat, 0.0]), np.array([lat, lon, 0.0]))
    assert inside.tolist() == [True, False, False]


def test_metres_and_gaps_are_outside_of_france() -> None:
    lambert = (652_000.0, 6_862_000.0)
    lon, lat = np.array([lambert, (np.nan, np.nan), (2.35, np.inf)]).T
    assert not in_french_territory(lon, lat).any()


@pytest.mark.parametrize("check", [require_crs, require_metric])
def test_a_layer_without_crs_is_refused(check) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    with pytest.raises(CrsError, match="`sites` has no CRS"):
        check(layer((2.0, 48.0), crs=None), "sites")


def test_to_metric_refuses_a_layer_without_crs() -> None:
    with pytest.raises(CrsError, match="no CRS"):
        to_metric(layer((2.0, 48.0), crs=None))


def test_degrees_and_feet_are_not_metres() -> None:
    for crs in (WGS84, FEET):
        with pytest.raises(CrsError, match="unit is not the metre"):
            require_metric(layer((2.0, 48.0), crs=crs), "sites")
    require_metric(layer((650_000.0, 6_860_000.0), crs=2154), "sites")


def test_only_wgs84_is_wgs84() -> None:
    require_crs(layer((2.0, 48.0)), "sites")
    with pytest.raises(CrsError, match="EPSG:2154"):
        require_crs(layer((650_000.0, 6_860_000.0), crs=2154), "sites")


def test_to_metric_leaves_its_input_and_keeps_its_index() -> None:
    before = layer((2.35, 48.85), (2.36, 48.86)).set_axis(["b", "a"])
    copy = before.copy()
    after = to_metric(before)
    assert before.equals(copy)
    assert before.crs == WGS84
    assert list(after.index) == ["b", "a"]


def test_longitude_comes_first() -> None:
    """The origin of Lambert-93: 3° E, 46.5° N is x 700 000, y 6 600 000 by its definition."""
    x, y = metric_transformer(CRS.from_epsg(2154)).transform(3.0, 46.5)
    assert (x, y) == pytest.approx((700_000.0, 6_600_000.0), abs=1e-3)


def test_a_gap_gives_a_gap() -> None:
    known, gap = np.array([2.0, 2.0]), np.array([48.0, np.nan])
    assert np.isnan(geodesic_m(known, gap, known, gap)).tolist() == [False, True]


@given(
    territory=st.sampled_from(TERRITORIES),
    east=st.floats(0.05, 0.95),
    north=st.floats(0.05, 0.95),
)
def test_every_place_of_a_territory_has_its_crs(territory, east, north) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    west, south, right, top = territory.bounds
    lon, lat = west + east * (right - west), south + north * (top - south)
    assert metric_crs((lon, lat, lon, lat)).to_epsg() == territory.epsg
    ((crs, _),) = by_territory(gpd.GeoSeries([shapely.Point(lon, lat)], crs=WGS84))
    assert crs.to_epsg() == territory.epsg
