"""
Rebuild the example maps of `maps/` from what the package carries; nothing is downloaded.

    python data/scripts/example_maps.py

The sample is studied for the walker and the call of `siting demo`, and so are its départements:
the pages are those that `siting demo` writes. The same data and versions give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from siting.export import write_file
from siting.study import (
    DEMO_TERRITORIES,
    ProjectsFile,
    Study,
    TerritoryStudy,
    sample,
    study,
    study_files,
    territory,
    territory_files,
)

MAPS = Path(__file__).resolve().parents[2] / "maps"


def example_maps(sites: Study, territories: Mapping[str, TerritoryStudy]) -> dict[str, bytes]:
    """Return the pages of `maps/` by name: the sample, then each département by code."""
    files = study_files(sites)
    pages = {
        "etude-monaco.html": files["map.html"],
        "absence-monaco.html": files["completeness.html"],
    }
    for departement, flagged in territories.items():
        pages[f"territoire-{departement}.html"] = territory_files(flagged)["map.html"]
    return pages


def main() -> None:
    """Write the example maps."""
    example = sample()
    sites = study(ProjectsFile(path=example.projects), options=example.options)
    territories = {code: territory([code], call=call) for code, call in DEMO_TERRITORIES.items()}
    for name, content in example_maps(sites, territories).items():
        write_file(MAPS / name, content, overwrite=True)
        print(f"{MAPS / name}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
