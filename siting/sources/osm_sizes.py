"""How large OpenStreetMap files may be: what cannot be read in bounded memory is not begun.

Memory follows what is kept of a file, and that follows its size: the figures below leave room on
a computer of 24 GiB for all that a study does (docs/decisions/0020-clipped-reading.md).
"""

from __future__ import annotations

from pathlib import Path

from siting.errors import DataError

_GB = 1_000_000_000

# Largest files, in gigabytes, by the end of their names: with all their streets, and with those
# around some places only. An answer of Overpass is in memory as a whole either way.
_LARGEST_GB = {
    ".pbf": (1.5, 6.0),
    ".bz2": (2.0, 8.0),
    ".gz": (3.0, 12.0),
    ".osm": (30.0, 120.0),
    ".json": (1.0, 1.0),
}
# Of files that libosmium reads: above, the places of nodes are on disk, in a file without a name.
_INDEXED_GB = {".pbf": 0.5, ".bz2": 0.7, ".gz": 1.0, ".osm": 10.0}


def require_readable_size(path: Path, *, is_clipped: bool) -> None:
    """
    Refuse a file that is too large to be read in bounded memory.

    Raises
    ------
    DataError
        In French, with what to do instead.
    """
    whole_gb, clipped_gb = _LARGEST_GB[path.suffix.lower()]
    limit_gb = clipped_gb if is_clipped else whole_gb
    size_gb = path.stat().st_size / _GB
    if size_gb <= limit_gb:
        return
    found, limit = (f"{size:.1f}".replace(".", ",") for size in (size_gb, limit_gb))
    other = (
        ""
        if is_clipped or whole_gb == clipped_gb
        else " Ou étudiez directement vos sites (siting study --osm) : seules les rues des "
        f"alentours sont alors gardées, et un fichier de {clipped_gb:g} Go convient."
    )
    raise DataError(
        f"Le fichier OpenStreetMap « {path.name} » fait {found} Go : siting n'en lit pas de plus "
        f"de {limit} Go ainsi, car la mémoire d'un ordinateur courant n'y suffirait pas. "
        "Téléchargez l'extrait d'une région ou d'un département, ou découpez ce fichier "
        f"(osmium extract --bbox ouest,sud,est,nord).{other}"
    )


def node_index(path: Path) -> str:
    """Return the kind of index, in the words of libosmium, for the nodes of a file."""
    is_large = path.stat().st_size > _INDEXED_GB[path.suffix.lower()] * _GB
    return "sparse_file_array" if is_large else "flex_mem"
