"""Write results: the only place from which files leave the tool.

Each format is a pure function from tables to bytes (`csv_bytes`, `xlsx_bytes`, `gpkg_bytes`,
`html_bytes`, `manifest_bytes`); `write_folder` then puts all files in place, each whole or not
at all. The same tables give the same bytes; dates of the run are in the manifest only.
"""

from siting.export.cells import csv_bytes, n_control_characters, tabular, with_own_columns
from siting.export.columns import (
    COMMUNE_COVERAGE,
    SERVICE_MATCHES,
    communes_with_coverage,
    services_with_matches,
)
from siting.export.folder import (
    check_beside,
    check_file,
    check_folder,
    remove_results,
    require_unfilled,
    write_file,
    write_folder,
)
from siting.export.geopackage import gpkg_bytes
from siting.export.manifest import Run, html_bytes, manifest_bytes
from siting.export.parquet import write_parquet
from siting.export.workbook import Sheet, xlsx_bytes

__all__ = [
    "COMMUNE_COVERAGE",
    "SERVICE_MATCHES",
    "Run",
    "Sheet",
    "check_beside",
    "check_file",
    "check_folder",
    "communes_with_coverage",
    "csv_bytes",
    "gpkg_bytes",
    "html_bytes",
    "manifest_bytes",
    "n_control_characters",
    "remove_results",
    "require_unfilled",
    "services_with_matches",
    "tabular",
    "with_own_columns",
    "write_file",
    "write_folder",
    "write_parquet",
    "xlsx_bytes",
]
