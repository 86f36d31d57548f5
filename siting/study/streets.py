"""The streets of a study: those of OpenStreetMap, with the heights of the user's files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from siting.network import WalkNetwork, walk_network
from siting.provenance import Provenance
from siting.relief import SMOOTHED_M, smoothed_along, with_decks
from siting.sources.heights import read_heights
from siting.sources.osm_file import OsmExtract


@dataclass(frozen=True, slots=True, kw_only=True)
class Streets:
    """A walking network, whom its heights come from, and remarks on them in French."""

    network: WalkNetwork
    sources: tuple[Provenance, ...] = ()
    notes: tuple[str, ...] = ()


def streets(extract: OsmExtract, heights: Sequence[Path]) -> Streets:
    """
    Build the walking network of an extract; with files of heights, slopes count.

    Bridges and tunnels are even between their ends, and heights are averaged over
    `siting.relief.SMOOTHED_M` of street.

    Raises
    ------
    DataError, CrsError, OptionError
        The files of heights cannot be used: see `siting.sources.heights.read_heights`.
    NetworkError
        There is no street.
    """
    if not heights:
        return Streets(network=walk_network(extract.ways, coverage=extract.coverage))
    ways = extract.ways
    found = read_heights(ways.lon, ways.lat, heights)
    ways = smoothed_along(with_decks(replace(ways, height_m=found.height_m)), window_m=SMOOTHED_M)
    share = 1.0 - found.n_missing / max(len(found.height_m), 1)
    return Streets(
        network=walk_network(ways, coverage=extract.coverage),
        sources=found.provenance,
        notes=(
            f"Pentes prises en compte : hauteur connue en {share:.0%} des points des rues, lissée "
            f"sur {SMOOTHED_M:g} m ; là où elle manque, la rue est comptée plate.".replace(
                "%", " %"
            ),
            *found.notes,
        ),
    )
