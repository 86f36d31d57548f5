"""Areas that a person keeps under a name: streets and services, built once."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd

from siting.crs import metric_crs
from siting.errors import DataError, OptionError
from siting.sources.area_files import area_folders, remove_area, require_room, size_bytes
from siting.sources.area_store import Area, area_of, build_area, read_area, write_area
from siting.sources.overpass import OverpassSession, overpass_extract
from siting.sources.taxonomy_file import chosen_taxonomy
from siting.study.around import Around

STALE_DAYS = 180  # a map that is older is said to be old
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptArea:
    """An area by name; `area` is None when it cannot be used, and `problem` says why in French."""

    name: str
    folder: Path
    area: Area | None
    problem: str = ""

    @property
    def mapped_on(self) -> str:
        """Day of its oldest map; empty when one does not tell its own."""
        if self.area is None:
            return ""
        days = [source.data_timestamp[:10] for source in self.area.provenance]
        return min(days) if all(days) else ""

    def age_days(self, today: date) -> int | None:
        """Return the age of its map in days; None when it is not known."""
        return (today - date.fromisoformat(self.mapped_on)).days if self.mapped_on else None


def areas_folder() -> Path:
    """Return where areas are kept: `SITING_AREAS`, or the data folder of the user (XDG)."""
    if os.environ.get("SITING_AREAS"):
        return Path(os.environ["SITING_AREAS"])
    told = Path(os.environ.get("XDG_DATA_HOME", ""))
    base = told if told.is_absolute() else Path.home() / ".local" / "share"
    return base / "siting" / "areas"


def area_folder(name: str) -> Path:
    """
    Return the folder of the area of a name, be there one or not.

    Raises
    ------
    OptionError
        The name is not made of lower case letters, digits, `-` and `_`.
    """
    if _NAME.fullmatch(name) is None:
        raise OptionError(
            f"« {name} » n'est pas un nom de zone : des minuscules sans accent, des chiffres, "
            "- et _ (par exemple redon-2026)."
        )
    return areas_folder() / name


def add_area(
    name: str,
    osm: Sequence[Path],
    *,
    overwrite: bool,
    with_ferries: bool,
    taxonomy: Path | None = None,
) -> KeptArea:
    """
    Build an area from OpenStreetMap files and keep it under a name.

    Parameters
    ----------
    name
        Its name.
    osm
        Files.
    overwrite
        If an area of that name is replaced.
    with_ferries
        If ferries are walked.
    taxonomy
        TOML file of the user's own categories.

    Raises
    ------
    OptionError, OutputError
        The name is no name; it is taken and `overwrite` is false; the folder cannot be written.
    DataError, NetworkError, CrsError
        As `siting.sources.area_store.build_area`.
    """
    folder = area_folder(name)
    require_room(folder, overwrite=overwrite)
    area = build_area(osm, taxonomy=chosen_taxonomy(taxonomy), with_ferries=with_ferries)
    write_area(area, folder, overwrite=overwrite)
    return KeptArea(name=name, folder=folder, area=area)


def add_area_around(
    name: str,
    where: Around,
    *,
    session: OverpassSession,
    overwrite: bool,
    with_ferries: bool,
    taxonomy: Path | None = None,
) -> KeptArea:
    """
    Build an area from Overpass and keep it under a name.

    Parameters
    ----------
    name
        Its name.
    where
        Surroundings of what it is for (`siting.study.around.around`).
    session
        Whom to ask for the map.
    overwrite
        If an area of that name is replaced.
    with_ferries
        If ferries are walked.
    taxonomy
        As for `add_area`.

    Raises
    ------
    OptionError, OutputError
        As `add_area`.
    DataError, OptionError, SourceError
        As `siting.sources.overpass.overpass_extract`.
    NetworkError, CrsError
        There is no street, or the area spreads over more than one territory.
    """
    folder = area_folder(name)
    require_room(folder, overwrite=overwrite)
    session.require_askable()
    west, south, east, north = where.area.bounds
    metric_crs((west, south, east, north))  # refuses what could not be measured, before asking
    counted = chosen_taxonomy(taxonomy)
    extract = overpass_extract(where.area, taxonomy=counted, session=session)
    area = area_of(extract, taxonomy=counted, with_ferries=with_ferries)
    (source,) = area.provenance
    told = replace(source, note=" ; ".join(filter(None, [where.label, source.note])))
    area = replace(area, provenance=(told,))
    write_area(area, folder, overwrite=overwrite)
    return KeptArea(name=name, folder=folder, area=area)


def kept_area(name: str) -> KeptArea:
    """
    Open the area of a name.

    Raises
    ------
    OptionError
        The name is no name.
    DataError
        There is no area of that name; it is damaged, or of another version.
    """
    folder = area_folder(name)
    if not folder.is_dir():
        known = ", ".join(path.name for path in area_folders(areas_folder())) or "aucune"
        raise DataError(f"Il n'y a pas de zone « {name} ». Zones gardées : {known}.")
    return KeptArea(name=name, folder=folder, area=read_area(folder))


def kept_areas() -> list[KeptArea]:
    """List the areas, those that cannot be used too, by name."""
    found = []
    for folder in area_folders(areas_folder()):
        try:
            found.append(KeptArea(name=folder.name, folder=folder, area=read_area(folder)))
        except DataError as error:
            found.append(KeptArea(name=folder.name, folder=folder, area=None, problem=str(error)))
    return found


def forget_area(name: str) -> Path:
    """
    Remove the area of a name for good; return its folder.

    Raises
    ------
    OptionError, DataError
        The name is no name, or there is no area there.
    OutputError
        It cannot be removed.
    """
    folder = area_folder(name)
    remove_area(folder)
    return folder


def area_table(areas: Sequence[KeptArea]) -> pd.DataFrame:
    """
    Lay areas out, one a row, by name.

    Columns: `mapped_on` (day of the map), `age_days`, `n_streets` (edges), `n_services`,
    `size_bytes`, `problem`.
    """
    today = datetime.now(UTC).date()
    return pd.DataFrame(
        {
            "name": [one.name for one in areas],
            "mapped_on": [one.mapped_on for one in areas],
            "age_days": pd.array([one.age_days(today) for one in areas], dtype="Int64"),
            "n_streets": [0 if one.area is None else one.area.network.n_edges for one in areas],
            "n_services": [0 if one.area is None else len(one.area.services) for one in areas],
            "size_bytes": [size_bytes(one.folder) for one in areas],
            "problem": [one.problem for one in areas],
        }
    ).set_index("name")
