"""Heights of the terrain at points, from the grids that a planner in France can get.

| grid | step | tiles |
|---|---|---|
| IGN LiDAR HD (MNT) | 0.5 m | `LHD_FXX_0702_6523_MNT_O_0M50_LAMB93_IGN69.tif`, 1 km wide |
| IGN RGE ALTI | 1 m, 5 m | `RGEALTI_FXX_0990_6305_MNT_LAMB93_IGN69.asc`, 1 km, 5 km |
| IGN BD ALTI | 25 m | `BDALTIV2_25M_FXX_0475_6200_MNT_LAMB93_IGN69.asc`, 25 km |
| Copernicus GLO-30 | 1 second | `Copernicus_DSM_COG_10_N48_00_E002_00_DEM.tif`, 1 degree |
| SRTM | 1 or 3 seconds | `N48E002.hgt`, 1 degree |

IGN writes -99999 where there is no height, and gives no .prj beside an .asc. A cell stands for its
centre, its node: between two tiles, which end half a step beyond their nodes, both are needed.
"""

from __future__ import annotations

import hashlib
import importlib
import re
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import CRS

from siting.crs import GEOD, TERRITORIES, FloatArray, IntArray, metric_transformer
from siting.errors import CrsError, DataError, OptionError
from siting.provenance import Provenance

# No other driver may open a file: the text of a virtual grid, named .tif, would lead anywhere.
DRIVERS = {".asc": "AAIGrid", ".tif": "GTiff", ".tiff": "GTiff", ".hgt": "SRTMHGT"}
_SETTINGS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",  # or a folder of n tiles is listed n times
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",  # what lies beside a tile cannot call the network
    "GDAL_CACHEMAX": 2**28,  # bytes; left to itself, a twentieth of the memory
}
_REMOTE = re.compile(r"(?:[a-z][a-z0-9+.-]+:[/\\]|[/\\]vsi)", re.IGNORECASE)
# What IGN delivers beside the terrain: its sources, the distance to them, roofs and trees.
_NOT_TERRAIN = re.compile(r"_(?:SRC|DST|MNS|MNH)_", re.IGNORECASE)
_NUMBERS = b"0123456789+-.,eE \t\r\nnaNAifIF"  # nan, inf and 1e3 are numbers
_HEIGHTS = re.compile(r"(?i)1 bande\(s\) (float|u?int(16|32|64)).*, unité (m(et(re|er)s?)?)?")
_DELIVERY = re.compile(r"_D[0-9]{2}[0-9AB]_(\d{4}-\d{2}-\d{2})(?:[/\\]|$)")

_BAND = 2**18  # points taken at once: about 100 MiB
_BLOCK = 2048  # nodes along each side of what is read at once: 32 MiB of heights
_MOST_CELLS = 2**26  # of one block of a file, which GDAL reads whole
_SAME_NODE = 0.01  # of a step: nodes of two tiles so near are the same
_FARTHEST = 2**30  # steps between a point and a tile; rows and columns share 64 bits
_LOWEST_M, _HIGHEST_M = -500.0, 9000.0  # beyond the Dead Sea and Everest: a void not said as such

_IGN = ("https://geoservices.ign.fr", "Licence Ouverte 2.0", "© IGN")
_COPERNICUS = (
    "produced using Copernicus WorldDEM © DLR e.V. 2010-2014 and © Airbus Defence and Space GmbH "
    "2014-2018 provided under COPERNICUS by the European Union and ESA; all rights reserved"
)
_PRODUCTS = (
    ("RGEALTI", "IGN, RGE ALTI", *_IGN),
    ("BDALTI", "IGN, BD ALTI", *_IGN),
    ("LHD_", "IGN, LiDAR HD", *_IGN),
    ("Copernicus_DSM", "Copernicus DEM, avec toits", "", "Licence Copernicus DEM", _COPERNICUS),
    ("", "Hauteurs", "", "inconnue : à demander à qui a fourni les fichiers", ""),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heights:
    """
    Heights read from files.

    Parameters
    ----------
    height_m
        Height of each point in metres, in the vertical system of its file; NaN where there is none.
    provenance
        One per path given and kind of grid, for the tiles that were read.
    n_missing
        Number of points without height.
    notes
        What was read, assumed and left out, in French.
    """

    height_m: FloatArray
    provenance: tuple[Provenance, ...]
    n_missing: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tile:
    """A file, its affine transform, rows and columns; `given` is the path that led to it."""

    path: Path
    given: Path
    crs: CRS
    is_guessed: bool
    to_ground: Any
    step_m: float
    shape: tuple[int, int]


_Box = tuple[float, float, float, float]
_Placed = tuple[_Tile, int, int]  # with row and column of its first node on a lattice
_Nodes = tuple[IntArray, IntArray, FloatArray]  # row, then column; height, NaN before it is read


def read_heights(
    lon: FloatArray, lat: FloatArray, paths: Sequence[Path], *, crs: CRS | None = None
) -> Heights:
    """
    Read the height of the terrain at points, bilinear between the four nodes around each.

    There is a height exactly where the cell under the point has one; next to a void and along the
    border of the data, the known ones of the four nodes share the weight. Of several grids the
    finest that has a height counts, then the first by file name: where one takes over from
    another, their difference is a step. Points are taken by bands of latitude, to save memory.

    The terrain is not the deck of a bridge, nor the floor of a tunnel: before slopes are drawn
    from it, ways with `bridge` or `tunnel` need heights that are linear between their ends.

    Parameters
    ----------
    lon, lat
        Degrees; a point that is not finite has no height.
    paths
        Files ending in one of `DRIVERS`, and folders, read with all the folders in them.
    crs
        That of the files that do not tell theirs. Left out, it is the legal one of the French
        territory (`siting.crs.TERRITORIES`) whose projected box the file meets; the boxes are
        apart. A former system (Lambert II étendu) without .prj is not known as such.

    Raises
    ------
    DataError
        A path is not a plain file or folder of this computer, has no grid of heights in metres,
        or is damaged. The message is in French.
    CrsError
        The projection of a file is neither told nor guessed, or does not suit its extent.
    OptionError
        rasterio is not installed.

    References
    ----------
    IGN, RGE ALTI version 2.0, Descriptif de contenu; readme of the Copernicus GLO-30 tiles.
    """
    files, n_skipped = _files(paths)
    height_m = np.full(len(lon), np.nan)
    read: dict[Path, _Tile] = {}
    with _rasterio().Env(**_SETTINGS):
        grids = _grids([_tile(path, given, told=crs) for path, given in files])
        for band in np.array_split(np.argsort(lat), len(lat) // _BAND + 1):
            for grid in grids:
                at = band[np.isnan(height_m[band])]
                x, y = metric_transformer(grid[0][0].crs).transform(lon[at], lat[at])
                height_m[at], tiles = _on_lattice(grid, np.asarray(x), np.asarray(y))
                read |= {tile.path: tile for tile in tiles}
    return Heights(
        height_m=height_m,
        provenance=_provenance(read.values()),
        n_missing=int(np.isnan(height_m).sum()),
        notes=_notes(read.values(), height_m, n_skipped),
    )


def _rasterio() -> Any:  # noqa: ANN401 - a module without types
    try:
        return importlib.import_module("rasterio")
    except ImportError as error:
        raise OptionError('Il manque rasterio : « pip install "siting[heights]" ».') from error


def _files(paths: Sequence[Path]) -> tuple[list[tuple[Path, Path]], int]:
    """List files, each with the path that led to it; count those that are not the terrain."""
    found: dict[Path, Path] = {}
    n_skipped = 0
    for given in paths:
        if _REMOTE.match(str(given)):
            raise DataError(
                f"{given} : une adresse web ou un chemin virtuel ne peut pas être lu. "
                "Téléchargez les fichiers sur votre ordinateur, puis donnez leur dossier."
            )
        inside = given.rglob("*") if given.is_dir() else [given]
        grids = [path for path in inside if path.suffix.lower() in DRIVERS and path.is_file()]
        terrain = [path for path in grids if not _NOT_TERRAIN.search(path.name)]
        n_skipped += len(grids) - len(terrain)
        if not terrain:
            raise DataError(
                f"« {given} » n'existe pas, ou n'a aucune grille de hauteurs du terrain "
                f"({', '.join(DRIVERS)}). Une archive est à décompresser d'abord."
            )
        for path in terrain:
            found.setdefault(path.absolute(), given)
    return list(found.items()), n_skipped


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file; turn what GDAL says of a damaged one into a message for its owner."""
    driver = DRIVERS[path.suffix.lower()]
    try:
        with warnings.catch_warnings(action="ignore"):  # no georeference: refused by `_tile`
            dataset = _rasterio().open(str(path), driver=driver)
        with dataset:
            yield dataset
    except OSError as error:
        raise DataError(
            f"La grille de hauteurs « {path.name} » est illisible : vide, abîmée, incomplète ou "
            f"d'un autre format que {path.suffix} ({error}). Téléchargez-la de nouveau."
        ) from error


def _tile(path: Path, given: Path, *, told: CRS | None) -> _Tile:
    """Read the head of a file, and refuse what is not a grid of heights."""
    with _opened(path) as dataset:
        kind = f"{dataset.count} bande(s) {dataset.dtypes[0]}, unité {dataset.units[0] or ''}"
        to_ground, block = dataset.transform, dataset.block_shapes[0]
        stated = _horizontal(dataset.crs.to_wkt()) if dataset.crs else told
        shape = (int(dataset.height), int(dataset.width))
    if not _HEIGHTS.fullmatch(kind):
        raise DataError(f"« {path.name} » n'est pas une grille de hauteurs en mètres : {kind}.")
    is_north_up = to_ground.a > 0 > to_ground.e and not (to_ground.b or to_ground.d)
    if not is_north_up or block[0] * block[1] > _MOST_CELLS:
        raise DataError(
            f"« {path.name} » n'est pas orientée au nord, ou est écrite en blocs trop grands. "
            "Convertissez-la : « gdalwarp -co TILED=YES entrée.tif sortie.tif »."
        )
    east, south = to_ground.c + shape[1] * to_ground.a, to_ground.f + shape[0] * to_ground.e
    crs = _projection(stated, (to_ground.c, south, east, to_ground.f), path.name)
    unit_m = crs.axis_info[0].unit_conversion_factor * (GEOD.a if crs.is_geographic else 1.0)
    return _Tile(
        path=path,
        given=given,
        crs=crs,
        is_guessed=stated is None,
        to_ground=to_ground,
        step_m=round(-to_ground.e * unit_m, 1),
        shape=shape,
    )


@cache
def _horizontal(wkt: str) -> CRS:
    return CRS.from_wkt(wkt).to_2d()


@cache
def _legal_boxes() -> tuple[tuple[CRS, _Box], ...]:
    found = [(CRS.from_epsg(territory.epsg), territory.bounds) for territory in TERRITORIES]
    return tuple((crs, metric_transformer(crs).transform_bounds(*box)) for crs, box in found)


def _projection(stated: CRS | None, bounds: _Box, name: str) -> CRS:
    """Return the stated projection, or the legal one of where the file is; it must fit."""
    west, south, east, north = bounds
    for crs, box in [(stated, bounds)] if stated else _legal_boxes():
        is_met = west < box[2] and east > box[0] and south < box[3] and north > box[1]
        if is_met and (crs.is_projected or crs.is_geographic):
            lon, lat = metric_transformer(crs).transform(west, south, direction="INVERSE")
            if abs(lon) <= 360 and abs(lat) <= 90:  # noqa: PLR2004 - degrees
                return crs
    raise CrsError(
        f"« {name} » : projection {stated.name if stated else 'non dite'}, impossible à l'emprise "
        f"({west:g}, {south:g}) - ({east:g}, {north:g}). Posez un bon .prj à côté de la grille."
    )


def _grids(tiles: Sequence[_Tile]) -> list[list[_Placed]]:
    """Group the tiles whose nodes are on one lattice; the finest first, then by file name."""
    grids: list[list[_Placed]] = []
    for tile in sorted(tiles, key=lambda tile: (tile.step_m, tile.path.name, str(tile.path))):
        for grid in grids:
            if (place := _place(tile, grid[0][0])) is not None:
                grid.append((tile, *place))
                break
        else:
            grids.append([(tile, 0, 0)])
    return grids


def _place(tile: _Tile, first: _Tile) -> tuple[int, int] | None:
    """Return row and column of the first node of a tile on the lattice of another, if it fits."""
    ours, theirs = tile.to_ground, first.to_ground
    row, column = (ours.f - theirs.f) / theirs.e, (ours.c - theirs.c) / theirs.a
    drift = abs(ours.e / theirs.e - 1) * tile.shape[0], abs(ours.a / theirs.a - 1) * tile.shape[1]
    off = abs(row - round(row)), abs(column - round(column)), *drift
    is_same = max(off) < _SAME_NODE and tile.crs == first.crs
    return (round(row), round(column)) if is_same else None


def _on_lattice(
    grid: Sequence[_Placed], x: FloatArray, y: FloatArray
) -> tuple[FloatArray, list[_Tile]]:
    """Interpolate between the nodes of tiles; return heights and the tiles that were read."""
    origin = grid[0][0].to_ground
    row, column = (y - origin.f) / origin.e - 0.5, (x - origin.c) / origin.a - 0.5
    near = np.flatnonzero((np.abs(row) < _FARTHEST) & (np.abs(column) < _FARTHEST))
    row, column = row[near], column[near]
    corner = [
        (np.floor(row).astype(np.int64) + down << 32) + np.floor(column).astype(np.int64) + right
        for down, right in product((0, 1), (0, 1))
    ]
    key, at = np.unique(np.concatenate(corner) + _FARTHEST, return_inverse=True)
    nodes = key >> 32, (key & 2**32 - 1) - _FARTHEST, np.full(len(key), np.nan)
    read = [placed[0] for placed in grid if _read_tile(placed, nodes)]
    four_m = nodes[2][at].reshape(4, -1)
    down, right = row % 1.0, column % 1.0
    up, left = 1.0 - down, 1.0 - right
    weight = np.where(np.isnan(four_m), 0.0, [up * left, up * right, down * left, down * right])
    under = 2 * (down >= 0.5) + (right >= 0.5)  # noqa: PLR2004 - half a step
    is_known = np.isfinite(four_m[under, np.arange(len(near))])
    total = (weight * np.nan_to_num(four_m)).sum(axis=0)
    height_m = np.full(len(x), np.nan)
    height_m[near[is_known]] = total[is_known] / weight.sum(axis=0)[is_known]
    return height_m, read


def _read_tile(placed: _Placed, nodes: _Nodes) -> bool:
    """Read, block after block, the nodes that a tile has; tell if it has any."""
    (tile, top, left), (row_of, column_of, height_m) = placed, nodes
    corners = product(*(range(0, size, _BLOCK) for size in tile.shape))
    blocks = [_in_block(placed, nodes, *corner) for corner in corners]
    if not any(map(len, blocks)):
        return False
    if tile.path.suffix.lower() == ".asc":
        _require_numbers(tile.path)
    with _opened(tile.path) as dataset:
        for at in filter(len, blocks):
            row, column = row_of[at] - top, column_of[at] - left
            window = (row.min(), row.max() + 1), (column.min(), column.max() + 1)
            cells = dataset.read(1, window=window, masked=True).astype(np.float64).filled(np.nan)
            cells_m = cells[row - row.min(), column - column.min()]
            cells_m = cells_m * dataset.scales[0] + dataset.offsets[0]
            is_height = (cells_m > _LOWEST_M) & (cells_m < _HIGHEST_M)
            height_m[at[is_height]] = cells_m[is_height]
    return True


def _in_block(placed: _Placed, nodes: _Nodes, row: int, column: int) -> IntArray:
    """Return the nodes without height that are in the block of a tile that starts there."""
    (tile, top, left), (row_of, column_of, height_m) = placed, nodes
    stop_row, stop_column = np.minimum(np.array([row, column]) + _BLOCK, tile.shape)
    start, stop = np.searchsorted(row_of, [top + row, top + stop_row])
    at_column = column_of[start:stop] - left
    is_in = (at_column >= column) & (at_column < stop_column)
    return np.asarray(start + np.flatnonzero(is_in & np.isnan(height_m[start:stop])))


def _require_numbers(path: Path) -> None:
    """Refuse text among the heights of an .asc file: GDAL would read it as 0 m."""
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(2**22), b""), start=1):
            if number > 8 and (odd := line.translate(None, _NUMBERS)):  # noqa: PLR2004 - the head
                raise DataError(f"« {path.name} », ligne {number} : {odd[:9]!r} dans les hauteurs.")


def _notes(read: Collection[_Tile], height_m: FloatArray, n_skipped: int) -> tuple[str, ...]:
    n_missing, n_points = int(np.isnan(height_m).sum()), len(height_m)
    steps = [f"{step:g} m".replace(".", ",") for step in sorted({tile.step_m for tile in read})]
    guessed = sorted({str(tile.crs.name) for tile in read if tile.is_guessed})
    notes = (
        (steps, f"Hauteurs lues au pas de {', puis de '.join(steps)}."),
        (guessed, f"Projection supposée, d'après l'emprise : {', '.join(guessed)}."),
        (n_missing, f"{n_missing} points sur {n_points} sans hauteur : hors des dalles, ou vides."),
        (n_skipped, f"{n_skipped} fichiers SRC, DST, MNS, MNH laissés : pas le terrain."),
    )
    return tuple(note for is_said, note in notes if is_said)


def _provenance(read: Collection[_Tile]) -> tuple[Provenance, ...]:
    origins: dict[tuple[Path, tuple[str, ...]], list[Path]] = {}
    for tile in read:
        kind = next(kind for kind in _PRODUCTS if tile.path.name.startswith(kind[0]))
        origins.setdefault((tile.given, kind), []).append(tile.path)
    return tuple(
        Provenance(
            source=f"{kind[1]}, {given.name}",
            url=kind[2],
            licence=kind[3],
            attribution=kind[4] or given.name,
            data_timestamp=max(_DELIVERY.findall("\n".join(map(str, paths))), default=""),
            sha256=_fingerprint(paths),
            note=f"{len(paths)} dalles lues ; l'empreinte est celle de la liste des leurs",
        )
        for (given, kind), paths in sorted(origins.items())
    )


def _fingerprint(paths: Sequence[Path]) -> str:
    """Return that of what sha256sum prints for the files, by name."""
    lines = []
    for path in sorted(paths, key=lambda path: (path.name, path)):
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()
