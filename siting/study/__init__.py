"""The whole chain, as the command line and the notebooks call it.

`study` and `territory` compute tables; `study_files` and `territory_files` lay them out as
files; `write_study` and `write_territory` put these in a folder with their manifest.
"""

from siting.gain import Nearness
from siting.review import needs_attention
from siting.sources.overpass import OverpassOptions
from siting.study.area_report import AreaReport, area_report, report_lines
from siting.study.areas import (
    KeptArea,
    add_area,
    add_area_around,
    area_table,
    forget_area,
    kept_area,
    kept_areas,
)
from siting.study.around import Around, around
from siting.study.demo import DEMO_TERRITORIES, Sample, sample, unexpected
from siting.study.files import (
    geocoding_files,
    study_files,
    study_page,
    territory_files,
    territory_page,
    undated,
)
from siting.study.locate import (
    Located,
    ProjectsFile,
    duplicates,
    geocode,
    id_list,
)
from siting.study.maillage import Maillage, MaillageOptions
from siting.study.projects import Study, StudyOptions, study
from siting.study.sector import Sector, sector_of_communes, sector_of_file, with_sector
from siting.study.session import (
    GeocoderOptions,
    GeocodingSession,
    cache_folder,
    geocoding_session,
    open_journal,
    open_map_cache,
    overpass_session,
)
from siting.study.streamed import write_access
from siting.study.territory import TerritoryStudy, all_departements, territory
from siting.study.written import (
    Invocation,
    check_geocoding,
    write_area_report,
    write_geocoding,
    write_study,
    write_territory,
)

__all__ = [
    "DEMO_TERRITORIES",
    "AreaReport",
    "Around",
    "GeocoderOptions",
    "GeocodingSession",
    "Invocation",
    "KeptArea",
    "Located",
    "Maillage",
    "MaillageOptions",
    "Nearness",
    "OverpassOptions",
    "ProjectsFile",
    "Sample",
    "Sector",
    "Study",
    "StudyOptions",
    "TerritoryStudy",
    "add_area",
    "add_area_around",
    "all_departements",
    "area_report",
    "area_table",
    "around",
    "cache_folder",
    "check_geocoding",
    "duplicates",
    "forget_area",
    "geocode",
    "geocoding_files",
    "geocoding_session",
    "id_list",
    "kept_area",
    "kept_areas",
    "needs_attention",
    "open_journal",
    "open_map_cache",
    "overpass_session",
    "report_lines",
    "sample",
    "sector_of_communes",
    "sector_of_file",
    "study",
    "study_files",
    "study_page",
    "territory",
    "territory_files",
    "territory_page",
    "undated",
    "unexpected",
    "with_sector",
    "write_access",
    "write_area_report",
    "write_geocoding",
    "write_study",
    "write_territory",
]
