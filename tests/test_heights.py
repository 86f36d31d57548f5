"""Heights read from grids: planes whose heights are known by hand, seams, voids, refusals."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer
from scipy.interpolate import RegularGridInterpolator

from siting.crs import TERRITORIES, FloatArray, Territory
from siting.errors import CrsError, DataError, OptionError
from siting.sources.heights import Heights, read_heights

rasterio = pytest.importorskip("rasterio", reason="needs the extra [heights]")

LAMBERT = CRS.from_epsg(2154)
X, Y = 650_000.0, 6_860_000.0  # Paris, in Lambert-93
VOID = -99999.0


def plane_m(x: FloatArray | float, y: FloatArray | float) -> FloatArray | float:
    """Climb 1 m in 4 eastward and 1 m in 8 northward, from 50 m: exact as float32."""
    return 50.0 + (x - X) / 4 + (y - Y) / 8


def nodes(x: float, y: float, size: tuple[int, int], step_m: float) -> FloatArray:
    """Return the plane at the nodes of a tile, rows from the north; its first node is (x, y)."""
    rows, columns = size
    east, north = x + step_m * np.arange(columns), y - step_m * np.arange(rows)
    return np.asarray(plane_m(east[None, :], north[:, None]))


def write_asc(
    path: Path, heights: FloatArray, *, x: float, y: float, step: float, void: float = VOID
) -> Path:
    """Write a grid as IGN does: (x, y) is the north-west node, the corner is half a step away."""
    rows, columns = heights.shape
    head = (
        f"ncols        {columns}\nnrows        {rows}\n"
        f"xllcorner    {x - step / 2:.12f}\nyllcorner    {y - (rows - 0.5) * step:.12f}\n"
        f"cellsize     {step:.12f}\nNODATA_value  {void:.2f}\n"
    )
    lines = [" " + " ".join(f"{value:.6f}" for value in row) for row in heights]
    path.write_text(head + "\n".join(lines) + "\n", encoding="ascii")
    return path


def write_tif(  # noqa: PLR0913 - one grid
    path: Path,
    heights: FloatArray,
    *,
    x: float = X,
    y: float = Y,
    step: tuple[float, float] = (1.0, 1.0),
    crs: str | None = "EPSG:2154",
    dtype: str = "float64",
    void: float | None = None,
) -> Path:
    """Write a GeoTIFF whose north-west node is (x, y); `step` is eastward, northward."""
    bands = np.atleast_3d(heights.T).T
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=len(bands),
        height=bands.shape[1],
        width=bands.shape[2],
        dtype=dtype,
        crs=crs,
        transform=rasterio.Affine(step[0], 0, x - step[0] / 2, 0, -step[1], y + step[1] / 2),
        nodata=void,
    ) as dataset:
        dataset.write(bands.astype(dtype))
    return path


def at(
    x: FloatArray | list[float], y: FloatArray | list[float], *paths: Path, crs: CRS = LAMBERT
) -> Heights:
    """Read heights at places given in a projection."""
    to_degrees = Transformer.from_crs(crs, 4326, always_xy=True)
    lon, lat = to_degrees.transform(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
    return read_heights(lon, lat, paths)


@pytest.fixture
def tile(tmp_path: Path) -> Path:
    return write_asc(
        tmp_path / "RGEALTI_FXX_0650_6860_MNT_LAMB93_IGN69.asc",
        nodes(X, Y, (5, 5), 1.0),
        x=X,
        y=Y,
        step=1.0,
    )


def test_a_plane_is_exact_between_the_nodes_of_an_ign_tile(tile: Path) -> None:
    found = at([X, X + 4, X + 1.5, X + 2.25], [Y, Y - 4, Y - 0.5, Y - 3.75], tile)
    # On nodes 50 m, then 1 m more and 0.5 m less; between, 3/8 - 1/16 and 9/16 - 15/32 more.
    assert found.height_m == pytest.approx([50.0, 50.5, 50.3125, 50.09375], abs=1e-6)
    assert found.n_missing == 0
    assert found.notes == (
        "Hauteurs lues au pas de 1 m.",
        "Projection supposée, d'après l'emprise : RGF93 v1 / Lambert-93.",
    )


@pytest.mark.parametrize("territory", TERRITORIES, ids=lambda territory: territory.name)
def test_the_projection_of_an_asc_is_that_of_its_territory(
    territory: Territory, tmp_path: Path
) -> None:
    crs = CRS.from_epsg(territory.epsg)
    west, south, east, north = territory.bounds
    to_metres = Transformer.from_crs(4326, crs, always_xy=True)
    x, y = to_metres.transform((west + east) / 2, (south + north) / 2)
    path = write_asc(tmp_path / "dalle.asc", np.full((3, 3), 7.0), x=x, y=y, step=25.0)
    found = read_heights(np.array([(west + east) / 2]), np.array([(south + north) / 2]), [path])
    assert found.height_m == pytest.approx([7.0])
    assert any(crs.name in note for note in found.notes)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 29), st.floats(0, 19)), min_size=1, max_size=30),
    st.randoms(use_true_random=False),
)
def test_the_order_of_points_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, places: list[tuple[float, float]], shuffler: Random
) -> None:
    path = tmp_path_factory.getbasetemp() / "ordre.tif"
    if not path.exists():
        write_tif(path, nodes(X, Y, (20, 30), 1.0))
    x, y = np.array(places).T * [[1], [-1]] + [[X], [Y]]
    order = list(range(len(x)))
    shuffler.shuffle(order)
    expected = plane_m(x, y)
    assert at(x, y, path).height_m == pytest.approx(expected, abs=1e-6)
    assert at(x[order], y[order], path).height_m == pytest.approx(expected[order], abs=1e-6)


def test_heights_are_those_of_another_engine(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    grid = rng.normal(100.0, 20.0, (60, 80))
    path = write_tif(tmp_path / "relief.tif", grid, step=(2.0, 3.0))
    x, y = X + rng.uniform(0, 158, 500), Y - rng.uniform(0, 177, 500)
    other = RegularGridInterpolator((3.0 * np.arange(60), 2.0 * np.arange(80)), grid)
    assert at(x, y, path).height_m == pytest.approx(other(np.column_stack([Y - y, x - X])))


def test_there_is_no_seam_between_tiles(tmp_path: Path) -> None:
    """Nodes end at 4 m and start again at 5 m: what is between is read in both, or in all four."""
    for east in (0, 5):
        for north in (0, 5):
            heights = nodes(X + east, Y - north, (5, 5), 1.0)
            path = tmp_path / f"dalle_{east}_{north}.asc"
            write_asc(path, heights, x=X + east, y=Y - north, step=1.0)
    x = np.array([4.0, 4.25, 4.5, 4.75, 5.0, 4.5, 4.9, 2.0]) + X
    y = Y - np.array([2.0, 2.0, 2.5, 3.0, 4.0, 4.5, 4.1, 4.5])
    found = at(x, y, tmp_path)
    assert found.height_m == pytest.approx(plane_m(x, y), abs=1e-5)
    assert found.provenance[0].note.startswith("4 dalles lues")


def test_tiles_that_share_their_border_row_have_no_seam(tmp_path: Path) -> None:
    """SRTM tiles share the nodes of their common side."""
    row, column = np.mgrid[0:1201, 0:1201]
    for name, east in (("N48E002.hgt", 0), ("N48E003.hgt", 1200)):
        (tmp_path / name).write_bytes((200 + row + column + east).astype(">i2").tobytes())
    lon = np.array([2.5, 2.9996, 3.0, 3.0004, 4.0])
    lat = np.array([48.5, 48.25, 48.25, 48.25, 49.0])
    # A step is 1/1200 of a degree: 200 m at (2, 49), 1 m more per step south and per step east.
    expected = 200 + (49 - lat) * 1200 + (lon - 2) * 1200
    found = read_heights(lon, lat, [tmp_path])
    assert found.height_m == pytest.approx(expected, abs=1e-6)
    assert found.notes == ("Hauteurs lues au pas de 92,8 m.",)  # a degree is 111,319 m


def test_there_is_no_hole_where_the_step_of_copernicus_changes(tmp_path: Path) -> None:
    """North of 50 degrees its steps east are one and a half times as long: another lattice."""
    second = 1 / 3600
    south = np.full((40, 60), 120.0)
    name = "Copernicus_DSM_COG_10_N{}_00_E002_00_DEM.tif"
    options = {"x": 2.0, "crs": "EPSG:4326", "dtype": "float32"}
    write_tif(tmp_path / name.format(49), south, y=50.0, step=(second, second), **options)
    write_tif(
        tmp_path / name.format(50), south, y=50.0 + 40 * second, step=(1.5 * second, second),
        **options,
    )  # fmt: skip
    lat = 50.0 + np.linspace(-3, 3, 61) * second
    found = read_heights(np.full(61, 2.005), lat, [tmp_path])
    assert found.height_m == pytest.approx(np.full(61, 120.0))
    assert found.provenance[0].source.startswith("Copernicus DEM")
    assert "© Airbus" in found.provenance[0].attribution


def test_a_void_has_no_height_and_its_neighbours_do_without(tmp_path: Path) -> None:
    heights = np.array([[10.0, 20.0, 30.0], [10.0, VOID, 30.0], [10.0, 20.0, 30.0]])
    path = write_asc(tmp_path / "trou.asc", heights, x=X, y=Y, step=1.0)
    found = at([X + 1, X + 0.6, X + 0.25, X + 1.0, X], [Y - 1, Y - 0.9, Y - 0.5, Y, Y - 1], path)
    assert np.isnan(found.height_m[:2]).all()
    # Weights of 10, 20, 10 and the void: 3/8, 1/8, 3/8, 1/8; then on nodes.
    assert found.height_m[2:] == pytest.approx([(3 * 10 + 20 + 3 * 10) / 7, 20.0, 10.0], abs=1e-5)
    assert found.n_missing == 2
    assert found.notes[-1] == "2 points sur 5 sans hauteur : hors des dalles, ou vides."


@pytest.mark.parametrize("void", [-32768.0, -99999.0, -9999.0, np.nan, 3.4e38, np.inf])
def test_what_is_no_height_on_earth_is_a_void_even_unsaid(void: float, tmp_path: Path) -> None:
    heights = np.array([[10.0, void], [10.0, void]])
    path = write_tif(tmp_path / "muet.tif", heights, dtype="float32")
    assert at([X, X + 1], [Y, Y], path).height_m == pytest.approx([10.0, np.nan], nan_ok=True)


def test_the_void_of_a_file_may_be_a_height_elsewhere(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "zero.tif", np.array([[0.0, 5.0], [0.0, 5.0]]), void=0.0)
    assert at([X, X + 1], [Y, Y], path).height_m == pytest.approx([np.nan, 5.0], nan_ok=True)


def test_the_outer_half_cell_goes_on_level_and_no_farther(tile: Path) -> None:
    found = at([X - 0.4, X + 4.4, X + 2, X - 0.6, X + 2], [Y, Y, Y + 0.4, Y, Y + 0.6], tile)
    assert found.height_m[:3] == pytest.approx([50.0, 51.0, 50.5], abs=1e-6)
    assert np.isnan(found.height_m[3:]).all()


def test_the_finest_grid_counts_then_the_coarser_where_it_has_a_void(tmp_path: Path) -> None:
    write_asc(tmp_path / "a_large.asc", np.full((3, 3), 100.0), x=X, y=Y, step=25.0)
    fine = np.array([[1.0, 1.0, VOID], [1.0, 1.0, VOID]])
    write_asc(tmp_path / "z_fine.asc", fine, x=X, y=Y, step=1.0)
    found = at([X + 0.5, X + 2, X + 40, X + 900], [Y - 0.5, Y - 1, Y - 40, Y], tmp_path)
    assert found.height_m == pytest.approx([1.0, 100.0, 100.0, np.nan], nan_ok=True)
    assert found.notes[0] == "Hauteurs lues au pas de 1 m, puis de 25 m."


@pytest.mark.parametrize("shift_m", [0.0, 0.5])
def test_of_two_grids_as_fine_the_first_by_name_counts(shift_m: float, tmp_path: Path) -> None:
    (tmp_path / "nord").mkdir()
    b = write_asc(tmp_path / "b.asc", np.full((4, 4), 2.0), x=X + shift_m, y=Y, step=1.0)
    a = write_asc(tmp_path / "nord" / "a.asc", np.full((4, 4), 1.0), x=X, y=Y, step=1.0)
    for paths in ([a, b], [b, a], [tmp_path]):
        assert at([X + 1.2], [Y - 1.7], *paths).height_m == pytest.approx([1.0])


@pytest.mark.parametrize("east", [0.5, 0.0], ids=["shifted east", "shifted north"])
def test_tiles_whose_nodes_do_not_meet_are_read_each_by_itself(east: float, tmp_path: Path) -> None:
    north = 0.5 - east
    write_tif(tmp_path / "a.tif", nodes(X, Y, (9, 9), 1.0))
    write_tif(tmp_path / "b.tif", nodes(X + 9 + east, Y + north, (9, 9), 1.0), x=X + 9 + east,
              y=Y + north)  # fmt: skip
    x, y = X + np.array([3.25, 12.0, 16.75]), Y - np.array([3.0, 4.25, 1.5])
    assert at(x, y, tmp_path).height_m == pytest.approx(plane_m(x, y), abs=1e-6)


def test_tiles_of_two_projections_are_apart(tmp_path: Path) -> None:
    """The same coordinates are another place: Paris in Lambert-93, Norway in UTM 31."""
    utm = CRS.from_epsg(32631)
    write_tif(tmp_path / "a.tif", np.full((3, 3), 35.0))
    write_tif(tmp_path / "b.tif", np.full((3, 3), 1.0), x=X + 3, crs="EPSG:32631")
    assert at([X + 1, X + 4], [Y - 1, Y - 1], tmp_path).height_m == pytest.approx(
        [35.0, np.nan], nan_ok=True
    )
    assert at([X + 4], [Y - 1], tmp_path, crs=utm).height_m == pytest.approx([1.0])


def test_a_grid_wider_than_a_block_is_read_by_blocks(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "long.tif", nodes(X, Y, (3, 4200), 1.0), dtype="float32")
    x = X + np.array([0.0, 2046.5, 2047.0, 2047.5, 2048.0, 4095.5, 4199.0])
    y = Y - np.array([0.0, 0.5, 1.0, 1.5, 2.0, 0.25, 2.0])
    assert at(x, y, path).height_m == pytest.approx(plane_m(x, y), abs=1e-3)


def test_many_points_are_taken_band_after_band(tile: Path) -> None:
    rng = np.random.default_rng(3)
    x, y = X + rng.uniform(0, 4, 300_000), Y - rng.uniform(0, 4, 300_000)
    assert np.abs(at(x, y, tile).height_m - plane_m(x, y)).max() < 1e-6


def test_scaled_integers_are_metres(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "cm.tif", np.full((2, 2), 1234), dtype="int32")
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (0.01,), (5.0,)
    assert at([X], [Y], path).height_m == pytest.approx([17.34])


def test_no_point_no_height_and_points_nowhere(tile: Path) -> None:
    assert read_heights(np.empty(0), np.empty(0), [tile]) == Heights(
        height_m=pytest.approx(np.empty(0)), provenance=(), n_missing=0, notes=()
    )
    lon, lat = np.array([np.nan, np.inf, 2.35, -170.0]), np.array([48.0, 48.0, np.nan, -89.0])
    before = lon.copy(), lat.copy()
    found = read_heights(lon, lat, [tile])
    assert np.isnan(found.height_m).all()
    assert found.n_missing == 4
    np.testing.assert_array_equal([lon, lat], before)


def test_a_projection_may_be_told_or_written_beside(tmp_path: Path) -> None:
    zone = CRS.from_epsg(27572)  # Lambert II étendu
    heights = np.full((3, 3), 33.0)
    bare = write_asc(tmp_path / "bare.asc", heights, x=600_000.0, y=2_428_000.0, step=5.0)
    to_degrees = Transformer.from_crs(zone, 4326, always_xy=True)
    lon, lat = (np.array([value]) for value in to_degrees.transform(600_005.0, 2_427_995.0))
    with pytest.raises(CrsError, match=r"bare\.asc.*non dite"):
        read_heights(lon, lat, [bare])
    assert read_heights(lon, lat, [bare], crs=zone).height_m == pytest.approx([33.0])
    bare.with_suffix(".prj").write_text(zone.to_wkt("WKT1_ESRI"), encoding="ascii")
    found = read_heights(lon, lat, [bare])
    assert found.height_m == pytest.approx([33.0])
    assert found.notes == ("Hauteurs lues au pas de 5 m.",)


def test_a_vertical_system_in_the_projection_changes_nothing(tmp_path: Path) -> None:
    """No seam with a tile that says nothing of heights: 5698 is 2154 and NGF-IGN69."""
    for east, crs in ((0.0, "EPSG:5698"), (2.5, "EPSG:2154")):
        name = f"LHD_FXX_065{east:.0f}_6860_MNT_O_0M50_LAMB93_IGN69.tif"
        heights = nodes(X + east, Y, (5, 5), 0.5)
        write_tif(tmp_path / name, heights, x=X + east, step=(0.5, 0.5), crs=crs)
    found = at([X + 1.25, X + 2.25], [Y - 0.5, Y - 1.0], tmp_path)
    assert found.height_m == pytest.approx([50.25, 50.4375], abs=1e-6)
    assert found.provenance[0].source == f"IGN, LiDAR HD, {tmp_path.name}"


@pytest.mark.parametrize(
    ("crs", "x", "y"),
    [
        ("EPSG:4326", X, Y),  # metres said to be degrees
        ('LOCAL_CS["site",UNIT["metre",1]]', X, Y),
        (None, 2.35, 48.85),  # degrees, of which nothing is said
    ],
)
def test_a_projection_that_cannot_be_is_refused(
    crs: str | None, x: float, y: float, tmp_path: Path
) -> None:
    path = write_tif(tmp_path / "faux.tif", np.zeros((2, 2)), x=x, y=y, step=(0.1, 0.1), crs=crs)
    with pytest.raises(CrsError, match=r"faux\.tif.*\.prj"):
        at([X], [Y], path)


def asc_text(tile: Path) -> str:
    return tile.read_text(encoding="ascii")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("vide.asc", b""),
        ("image.tif", b"\x89PNG\r\n\x1a\n" + bytes(300)),
        ("N48E002.hgt", bytes(1000)),
        ("dem.hgt", bytes(2 * 1201 * 1201)),
        ("coupe.tif", b"II*\x00\x08\x00\x00\x00"),
        ("tete.asc", b"ncols 2\nnrows 2\nxllcorner 650000\nyllcorner 6860000\ncellsize 1\n"),
    ],
)
def test_a_damaged_file_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"« {name} » est illisible"):
        at([X], [Y], tmp_path / name)


def test_a_virtual_grid_does_not_lead_to_another_file(tile: Path) -> None:
    text = (
        '<VRTDataset rasterXSize="5" rasterYSize="5"><SRS>EPSG:2154</SRS>'
        f"<GeoTransform>{X}, 1, 0, {Y}, 0, -1</GeoTransform>"
        '<VRTRasterBand dataType="Float32" band="1"><SimpleSource>'
        f"<SourceFilename>{tile}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    virtual = tile.with_name("virtuel.tif")
    virtual.write_text(text, encoding="ascii")
    with rasterio.open(virtual) as dataset:
        assert dataset.read(1)[0, 0] == 50.0
    with pytest.raises(DataError, match="illisible"):
        at([X], [Y], virtual)


def test_a_grid_cut_short_is_refused_where_points_need_it(tile: Path) -> None:
    text = asc_text(tile)
    tile.write_text(text[: len(text) - 40], encoding="ascii")
    with pytest.raises(DataError, match="illisible"):
        at([X], [Y - 4], tile)


def test_a_compressed_grid_cut_short_is_refused(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "coupe.tif", np.random.default_rng(0).normal(size=(300, 300)))
    path.write_bytes(path.read_bytes()[:400_000])
    with pytest.raises(DataError, match=r"coupe\.tif"):
        at([X + 10], [Y - 290], path)


def test_text_among_heights_is_refused(tile: Path) -> None:
    lines = asc_text(tile).splitlines()
    lines[9] = lines[9].replace("50.", "<b>", 1)
    tile.write_text("\n".join(lines), encoding="ascii")
    with pytest.raises(DataError, match="ligne 10"):
        at([X], [Y], tile)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dtype": "uint8"}, "1 bande.* uint8"),
        ({"dtype": "float32", "heights": np.zeros((3, 2, 2))}, "3 bande"),
        ({"dtype": "complex64"}, "complex64"),
    ],
)
def test_an_image_is_not_heights(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    path = write_tif(tmp_path / "ortho.tif", **{"heights": np.zeros((2, 2)), **options})
    with pytest.raises(DataError, match=said):
        at([X], [Y], path)


def test_feet_are_refused_and_metres_read(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "pieds.tif", np.zeros((2, 2)))
    for unit in ("metre", "m"):
        with rasterio.open(path, "r+") as dataset:
            dataset.units = (unit,)
        assert at([X], [Y], path).n_missing == 0
    with rasterio.open(path, "r+") as dataset:
        dataset.units = ("ft",)
    with pytest.raises(DataError, match="unité ft"):
        at([X], [Y], path)


@pytest.mark.parametrize(
    "to_ground",
    [(1, 0, X, 0, 1, Y), (1, 0.5, X, 0.5, -1, Y), (1, 0, 0, 0, 1, 0)],
    ids=["south up", "turned", "not placed"],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_grid_that_is_not_north_up_is_refused(
    to_ground: tuple[float, ...], tmp_path: Path
) -> None:
    path = write_tif(tmp_path / "biais.tif", np.zeros((2, 2)))
    with rasterio.open(path, "r+") as dataset:
        dataset.transform = rasterio.Affine(*to_ground)
    with pytest.raises(DataError, match="orientée au nord"):
        at([X], [Y], path)


def test_a_block_that_fills_the_memory_is_refused(tmp_path: Path) -> None:
    path, side = tmp_path / "bloc.tif", 9000
    options = {"driver": "GTiff", "count": 1, "dtype": "int16", "crs": "EPSG:2154"}
    options |= {"height": side, "width": side, "blockysize": side, "compress": "deflate"}
    with rasterio.open(
        path, "w", transform=rasterio.Affine(1, 0, X, 0, -1, Y), SPARSE_OK=True, **options
    ):
        pass
    with pytest.raises(DataError, match="blocs trop grands"):
        at([X], [Y], path)


@pytest.mark.parametrize(
    "path",
    [
        "/vsicurl/http://localhost:9/dem.tif",
        "/vsizip/dem.zip/dem.tif",
        "/VSIMEM/dem.tif",
        "http://localhost:9/dem.tif",
        "https:/localhost/dem.tif",
        "zip+https://localhost/dem.zip!dem.tif",
        "s3://seau/dem.tif",
    ],
)
def test_addresses_and_virtual_paths_are_refused(path: str) -> None:
    with pytest.raises(DataError, match="adresse web ou un chemin virtuel"):
        at([X], [Y], Path(path))


def test_a_name_like_an_address_is_but_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "zip+http:"
    folder.mkdir()
    path = write_tif(folder / "a!b?c#d.tif", np.full((2, 2), 4.0))
    assert at([X], [Y], path).height_m == pytest.approx([4.0])


def test_a_link_is_read_by_its_own_name(tmp_path: Path) -> None:
    write_tif(tmp_path / "donnees", np.full((2, 2), 4.0))
    (tmp_path / "lien.tif").symlink_to(tmp_path / "donnees")
    assert at([X], [Y], tmp_path).height_m == pytest.approx([4.0])


@pytest.mark.parametrize("name", ["absent.asc", "dem.7z", "GTIFF_DIR:1:dem.tif", "dem.vrt"])
def test_what_is_no_grid_is_refused(name: str, tmp_path: Path) -> None:
    if name != "absent.asc":
        (tmp_path / name).with_suffix(".7z").write_bytes(b"7z")
    with pytest.raises(DataError, match="aucune grille de hauteurs"):
        at([X], [Y], tmp_path / name)


def test_a_folder_is_read_whole_but_for_what_is_not_the_terrain(tmp_path: Path) -> None:
    delivery = tmp_path / "RGEALTI_2-0_1M_ASC_LAMB93-IGN69_D075_2021-03-05" / "RGEALTI"
    delivery.mkdir(parents=True)
    (delivery / "LISEZ-MOI.pdf").write_bytes(b"%PDF")
    for kind, height in (("SRC", 8.0), ("DST", 9.0), ("MNT", 35.0)):
        name = f"RGEALTI_FXX_0650_6860_{kind}_LAMB93_IGN69.asc"
        write_asc(delivery / name, np.full((3, 3), height), x=X, y=Y, step=1.0)
    found = at([X + 1], [Y - 1], tmp_path)
    assert found.height_m == pytest.approx([35.0])
    assert found.notes[-1].startswith("2 fichiers SRC, DST, MNS, MNH")
    (origin,) = found.provenance
    assert (origin.source, origin.licence) == (
        f"IGN, RGE ALTI, {tmp_path.name}",
        "Licence Ouverte 2.0",
    )
    assert origin.data_timestamp == "2021-03-05"
    with pytest.raises(DataError, match="aucune grille"):
        at([X], [Y], delivery / "RGEALTI_FXX_0650_6860_SRC_LAMB93_IGN69.asc")


def test_only_what_was_read_is_cited(tmp_path: Path) -> None:
    near = write_tif(tmp_path / "pres.tif", np.full((3, 3), 1.0))
    far = write_tif(tmp_path / "loin.tif", np.full((3, 3), 2.0), x=X + 9000)
    found = at([X + 1], [Y - 1], near, far)
    (origin,) = found.provenance
    digest = hashlib.sha256(near.read_bytes()).hexdigest()
    assert origin.sha256 == hashlib.sha256(f"{digest}  pres.tif\n".encode()).hexdigest()
    assert origin.licence.startswith("inconnue")


def test_without_rasterio_the_extra_is_named(tile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(OptionError, match=r"siting\[heights\]"):
        at([X], [Y], tile)
