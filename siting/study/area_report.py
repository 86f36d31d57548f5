"""How complete the map of a kept area is: commune by commune, and category by category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import pandas as pd

from siting.category_totals import CATEGORY_COMPLETENESS, by_category
from siting.completeness import COMPLETENESS, completeness
from siting.crs import WGS84
from siting.export import Sheet, csv_bytes, html_bytes, xlsx_bytes
from siting.maps import MapNotes, completeness_map
from siting.provenance import Provenance
from siting.sources.reference import read_communes_around
from siting.sources.taxonomy_file import chosen_taxonomy, taxonomy_inputs
from siting.study.areas import kept_area
from siting.study.files import service_words
from siting.study.ground import ground_of_area
from siting.study.locate import Report, silent
from siting.study.registers import register_files, study_registers
from siting.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaReport:
    """
    What the map of an area is worth.

    Tables `completeness` (COMPLETENESS) of the `communes` (COMMUNES) that the area touches, and
    `categories` (CATEGORY_COMPLETENESS) of the whole area. `notes` are remarks in French,
    `inputs` the SHA-256 of each file, `counts` what was counted.
    """

    name: str
    completeness: pd.DataFrame
    categories: pd.DataFrame
    communes: gpd.GeoDataFrame
    taxonomy: Taxonomy
    sources: tuple[Provenance, ...]
    notes: tuple[str, ...]
    inputs: Mapping[str, str]
    counts: Mapping[str, int]


def area_report(
    name: str,
    *,
    registers: Sequence[Path] = (),
    mappings: Sequence[Path] = (),
    taxonomy_file: Path | None = None,
    report: Report = silent,
) -> AreaReport:
    """
    Tell how complete the map of an area is.

    Parameters
    ----------
    name
        Name of an area that is kept.
    registers, mappings
        Files of registers to compare with, and of mappings for them.
    taxonomy_file
        The user's own categories, if the area was built with them.
    report
        Told of progress.

    Raises
    ------
    OptionError, DataError
        There is no such area, it is of another version, or a register cannot be used.
    """
    taxonomy = chosen_taxonomy(taxonomy_file)
    given = register_files(registers, mappings, taxonomy=taxonomy)
    report("Ouverture de la zone", 0, 0)
    ground = ground_of_area(kept_area(name).folder, taxonomy=taxonomy)
    known = study_registers(given, ground, taxonomy=taxonomy, report=report)
    if known is not None:
        ground = replace(ground, services=known.joined.services)
    report("Comparaison des communes", 0, 0)
    extent = gpd.GeoSeries([ground.network.extent], crs=ground.network.crs).to_crs(WGS84)
    communes = read_communes_around(extent)
    table = completeness(
        ground.services,
        communes,
        taxonomy=taxonomy,
        extent=extent.iloc[0],
        mapped_on=ground.mapped_on,
        compared=None if known is None else known.compared,
    )
    codes = table.index.get_level_values("code_insee").unique()
    return AreaReport(
        name=name,
        completeness=table,
        categories=by_category(table, ground.services, mapped_on=ground.mapped_on),
        communes=communes[communes.index.isin(codes)],
        taxonomy=taxonomy,
        sources=(*ground.osm, *(() if known is None else known.sources)),
        notes=() if known is None else known.notes,
        inputs={
            **taxonomy_inputs(taxonomy_file),
            **ground.inputs,
            **({} if given is None else given.inputs),
        },
        counts={"communes": len(codes), **({} if known is None else known.counts)},
    )


def area_report_files(found: AreaReport) -> dict[str, bytes]:
    """Return the content of the files of a report, by name, its manifest excepted."""
    words = service_words(found.taxonomy)
    sheets = [
        Sheet(
            title="categories",
            note="Ce que la carte montre dans toute la zone, catégorie par catégorie.",
            frame=found.categories,
            table=CATEGORY_COMPLETENESS,
            words=words,
        ),
        Sheet(
            title="completeness",
            note="Ce que la carte montre dans chaque commune de la zone, et ce qu'elle devrait.",
            frame=found.completeness,
            table=COMPLETENESS,
            words=words,
        ),
    ]
    page = completeness_map(
        found.completeness,
        found.communes,
        taxonomy=found.taxonomy,
        notes=MapNotes(sources=found.sources, remarks=found.notes, pack=None),
    )
    return {
        **{f"{sheet.title}.csv": csv_bytes(sheet.frame, sheet.table) for sheet in sheets},
        "completeness.xlsx": xlsx_bytes(
            sheets, title=f"Ce que vaut la carte : zone {found.name}", sources=found.sources
        ),
        "completeness.html": html_bytes(page),
    }


def report_lines(found: AreaReport) -> Sequence[str]:
    """Word what a report found, in French, one remark a line."""
    is_mapped = found.completeness["is_mapped"].astype(bool)
    counting = [one.id for one in found.taxonomy.categories if one.counts_for]
    asked = is_mapped[is_mapped.index.isin(counting, level="category")]
    n_communes = found.counts["communes"]
    proven = asked.groupby(level="code_insee").all()
    counted = f"{n_communes} communes, {len(counting)} catégories qui comptent"
    told = (
        f"Ne pas trouver un service prouve son absence {int(asked.sum())} fois sur {len(asked)} "
        f"(communes x catégories) ; partout dans {int(proven.sum())} communes."
    )
    return [f"Zone {found.name} : {counted}.", told, *(f"• {note}" for note in found.notes)]
