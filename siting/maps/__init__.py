"""Maps for people: tables in, a `folium.Map` out; nothing is saved here.

`study_map` shows sites and what is near them on foot, `territory_map` shows communes,
`review_map` the addresses that a person must choose from,
`completeness_map` where absence from the map proves nothing. Each page
has a title that is a sentence, a legend, sources with their dates, and a table that says the same
as the map. It can be read without basemap, in grey, and with a keyboard.
"""

from siting.maps.completeness import completeness_map
from siting.maps.country import MOST_COMMUNES, country_map
from siting.maps.page import MapNotes, call_name, map_text
from siting.maps.review import review_map
from siting.maps.study import study_map
from siting.maps.territory import territory_map

__all__ = [
    "MOST_COMMUNES",
    "MapNotes",
    "call_name",
    "completeness_map",
    "country_map",
    "map_text",
    "review_map",
    "study_map",
    "territory_map",
]
