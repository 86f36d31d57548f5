"""The study of a sector without address: every cell of a polygon, then the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import pandas as pd

from siting.calls import Measure
from siting.crs import WGS84
from siting.errors import DataError, OptionError
from siting.export import Sheet
from siting.labels import count_text, counted
from siting.sector import MOST_CELLS, SECTOR, cell_size_m, sector_cells, sector_scores
from siting.sources.drawn_file import read_drawn_file
from siting.sources.projects import Projects
from siting.sources.reference import read_commune_register, read_communes
from siting.study.locate import GivenProjects
from siting.study.projects import Study
from siting.tables import PROJECTS, AccessStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Sector:
    """
    A sector and its cells.

    Parameters
    ----------
    label
        Its name in French.
    cells
        Its cells, as projects.
    side_m
        Side of the cells, in metres.
    """

    label: str
    cells: GivenProjects
    side_m: float


def sector_of_file(path: Path) -> Sector:
    """
    Make a sector of the polygons of a file, all together.

    Raises
    ------
    DataError, CrsError
        The file cannot be used, or the sector is too large.
    """
    file = read_drawn_file(path)
    polygons = gpd.GeoSeries([one for one in file.outlines if one is not None], crs=WGS84)
    if polygons.is_empty.all():
        raise DataError(f"{path.name} : aucun contour (polygone) dans ce fichier.")
    return _sector(polygons, label=f"secteur {path.stem}", inputs={str(path): file.sha256})


def sector_of_communes(codes: Sequence[str]) -> Sector:
    """
    Make a sector of whole communes, as their simplified boundaries draw them.

    Raises
    ------
    OptionError
        A code is that of no current commune, or of one without boundary.
    DataError
        The sector is too large.
    """
    register = read_commune_register()
    unknown = [code for code in codes if code not in register.index]
    if unknown:
        raise OptionError(
            f"--commune {unknown[0]} : aucune commune actuelle n'a ce code INSEE (5 caractères, "
            "comme 93010 ; pas le code postal)."
        )
    departements = sorted(set(register.loc[list(codes), "code_dep"]))
    communes = read_communes(departements).loc[list(dict.fromkeys(codes))]
    bare = communes.index[communes.geometry.isna()]
    if len(bare):
        raise OptionError(
            f"La commune {bare[0]} n'a pas de contour connu : donnez --sector FICHIER."
        )
    label = ", ".join(communes["nom"])
    return _sector(gpd.GeoSeries(communes.geometry), label=label, inputs={})


def _sector(polygons: gpd.GeoSeries, *, label: str, inputs: dict[str, str]) -> Sector:
    side_m = cell_size_m(polygons)
    cells = sector_cells(polygons, side_m=side_m)
    if len(cells) > MOST_CELLS:
        raise DataError(
            f"{label} : {count_text(len(cells))} cellules de {side_m:g} m, c'est trop ; au plus "
            f"{count_text(MOST_CELLS)}. Découpez le secteur."
        )
    blank = dict.fromkeys(PROJECTS.column_names)
    numbers = range(1, len(cells) + 1)
    rows = pd.DataFrame({**blank, "lon": cells.x.round(7), "lat": cells.y.round(7)})
    rows = rows.assign(row_number=numbers, label=[f"Cellule {number}" for number in numbers])
    note = (
        f"Secteur étudié sans adresse : {label}, par {counted(len(cells), 'cellule')} de "
        f"{side_m:g} m ; chacune est jugée en son milieu, et toutes comptent autant."
    )
    projects = Projects(
        rows=PROJECTS.conform(rows),
        own=pd.DataFrame(index=cells.index),
        recognised={},
        notes=(note,),
        sha256="",
        encoding="",
        delimiter="",
        sheet="",
    )
    return Sector(label=label, cells=GivenProjects(projects=projects, inputs=inputs), side_m=side_m)


def with_sector(study: Study, sector: Sector) -> Study:
    """
    Return the study of the cells of a sector with their sum (table SECTOR), and remarks.

    A cell with no street (further from one than half of its diagonal) is left out: nobody lives
    there. Without call there is no requirement, and the table is empty.

    Parameters
    ----------
    study
        Study of the cells.
    sector
        The sector.
    """
    first = study.access.groupby(level="site_id", sort=False).first()
    off = first["access_status"] == AccessStatus.OFF_NETWORK
    is_bare = off | (first["snap_m"] > sector.side_m / 2**0.5)
    kept = first.index[~is_bare]
    notes = [f"Cellules sans rue, laissées de côté : {int(is_bare.sum())} sur {len(first)}."]
    if study.verdicts is None or study.pack is None or not len(kept):
        return replace(study, sector=SECTOR.empty(), notes=(*study.notes, *notes))
    verdicts = study.verdicts[study.verdicts.index.isin(kept, level="site_id")]
    families = {
        one.id: one.family for one in study.pack.requirements if one.measure is Measure.FAMILY_NEAR
    }
    scores = sector_scores(verdicts, _walks(study, families))
    return replace(study, sector=scores, notes=(*study.notes, *notes))


def sector_sheets(study: Study) -> list[Sheet]:
    """Lay out the sum of a sector; nothing for projects, nor without call."""
    if study.sector is None or study.sector.empty or study.pack is None:
        return []
    sheet = Sheet(
        title="secteur",
        note="Le secteur entier : part des cellules qui remplissent chaque exigence, meilleure, "
        "médiane et moins bonne.",
        frame=study.sector,
        table=SECTOR,
        words=[("requirement_id", one.id, one.label) for one in study.pack.requirements],
    )
    return [sheet]


def _walks(study: Study, families: dict[str, str]) -> pd.DataFrame:
    """Return the minutes to the nearest service that counts, by cell and requirement."""
    walked = study.access["walk_min"].xs(1, level="rank")
    category = walked.index.get_level_values("category")
    columns = {}
    for requirement, family in families.items():
        counting = [one.id for one in study.taxonomy.categories if family in one.counts_for]
        here = walked[category.isin(counting)]
        columns[requirement] = here.groupby(level="site_id", sort=False).min()
    return pd.DataFrame(columns)
