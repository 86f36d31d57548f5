"""The whole chain, as the command line and the notebooks call it.

`study` and `territory` compute tables; `study_files` and `territory_files` lay them out as
files, which `siting.export.write_folder` puts in place.
"""

from siting.study.files import sites_file, study_files, territory_files, undated
from siting.study.locate import Located, chosen_geocoder, duplicates, geocode, needs_attention
from siting.study.projects import Study, StudyOptions, study
from siting.study.territory import TerritoryStudy, territory

__all__ = [
    "Located",
    "Study",
    "StudyOptions",
    "TerritoryStudy",
    "chosen_geocoder",
    "duplicates",
    "geocode",
    "needs_attention",
    "sites_file",
    "study",
    "study_files",
    "territory",
    "territory_files",
    "undated",
]
