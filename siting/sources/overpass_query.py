"""What Overpass is asked: boxes of the map, and the text of one question.

One question brings all that `siting.sources.osm_file` keeps of a file of the same box: what may be
a service, with the day of its last edit; what may be walked; and all that both are made of.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from siting.errors import DataError
from siting.taxonomy import Taxonomy
from siting.walkable import NOT_WALKED_HIGHWAYS

_UNITS_PER_DEGREE = 10_000  # boxes are rounded to some ten metres, so that answers serve again
_EARTH_KM = 6371.0088  # mean radius, IUGG
_HALF_TURN, _QUARTER_TURN = 180.0, 90.0
_SPECIAL = re.compile(r"[][\\^$.|?*+(){}]")  # of a POSIX regular expression
# An element of an OpenStreetMap list: "bakery; pastry" has both.
_LISTED = "(^|;)[[:space:]]*({values})[[:space:]]*(;|$)"


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """Part of the map between two meridians and two parallels, in ten-thousandths of a degree."""

    west: int
    south: int
    east: int
    north: int

    @property
    def km2(self) -> float:
        """Area on a sphere."""
        width = math.radians((self.east - self.west) / _UNITS_PER_DEGREE)
        sines = [
            math.sin(math.radians(lat / _UNITS_PER_DEGREE)) for lat in (self.south, self.north)
        ]
        return _EARTH_KM**2 * width * (sines[1] - sines[0])

    @property
    def polygon(self) -> shapely.Polygon:
        """The box in degrees."""
        return shapely.box(
            *(side / _UNITS_PER_DEGREE for side in (self.west, self.south, self.east, self.north))
        )

    def joined(self, other: Box) -> Box:
        """Return the smallest box that holds both."""
        return Box(
            min(self.west, other.west),
            min(self.south, other.south),
            max(self.east, other.east),
            max(self.north, other.north),
        )

    def halves(self) -> tuple[Box, Box]:
        """Cut the box across its longer side."""
        middle_lat = math.radians((self.south + self.north) / 2 / _UNITS_PER_DEGREE)
        if (self.east - self.west) * math.cos(middle_lat) > self.north - self.south:
            lon = (self.west + self.east) // 2
            return (
                Box(self.west, self.south, lon, self.north),
                Box(lon, self.south, self.east, self.north),
            )
        lat = (self.south + self.north) // 2
        return (
            Box(self.west, self.south, self.east, lat),
            Box(self.west, lat, self.east, self.north),
        )

    def parts(self, *, largest_km2: float) -> Iterator[Box]:
        """Cut the box in halves, and so on, until no part is over this."""
        if self.km2 <= largest_km2:
            yield self
            return
        for half in self.halves():
            yield from half.parts(largest_km2=largest_km2)

    def __str__(self) -> str:
        """Write the box as Overpass wants it: south, west, north, east."""
        sides = (self.south, self.west, self.north, self.east)
        return ",".join(f"{side / _UNITS_PER_DEGREE:.4f}" for side in sides)


def boxes_around(area: shapely.Geometry, *, most_km2: float = math.inf) -> list[Box]:
    """
    Return boxes that hold an area, each of its parts in one, in order.

    Boxes are joined where one around both is no larger than the two.

    Parameters
    ----------
    area
        Polygon or MultiPolygon in WGS84.
    most_km2
        A larger one is refused before its boxes are looked for.

    Raises
    ------
    DataError
        It is empty, not an area, not on Earth, or too large.
    """
    west, south, east, north = area.bounds
    is_on_earth = -_HALF_TURN <= west <= east <= _HALF_TURN  # and no NaN
    is_on_earth &= -_QUARTER_TURN <= south <= north <= _QUARTER_TURN
    if area.geom_type not in ("Polygon", "MultiPolygon") or area.is_empty or not is_on_earth:
        raise DataError(
            f"La zone à demander à Overpass n'est pas une surface en degrés (WGS84) : "
            f"{area.geom_type}, {area.bounds}."
        )
    if (km2 := _area_km2(area)) > most_km2:
        raise too_large(f"{km2:.0f} km²")
    boxes: list[Box] = []
    for part in shapely.get_parts(area):
        box = _box_around(part)
        while (near := _worth_joining(box, boxes)) is not None:
            boxes.remove(near)
            box = box.joined(near)
        boxes.append(box)
    return sorted(boxes)


def question(box: Box, taxonomy: Taxonomy) -> str:
    """
    Write what is asked of a box, in Overpass QL, without the settings.

    Services, and what is one no more, carry the day of their last edit (`out meta`), which nodes
    of streets do not need.
    The filters are coarse: `siting.taxonomy` and `siting.walkable` decide on the answer.
    """
    not_walked = "|".join(sorted(NOT_WALKED_HIGHWAYS))
    walked = f'["highway"]["highway"!~"^({not_walked})$"]({box});'
    anchors = [
        f"nwr[{_quoted(key)}~{_quoted(_any_of(sorted(values)))}]({box});"
        for key, values in taxonomy.values.items()
    ]
    lines = [
        *("(", *anchors, *_no_more(taxonomy, box), ")->.services;"),
        *("(", f"way{walked}", f'way["route"="ferry"]({box});'),
        *(f'rel["type"="multipolygon"]{walked}', ")->.walked;"),
        "(.walked; .services >; .walked >;)->.others;",
        ".services out meta;",
        "(.others; - .services;);",
        "out body;",
    ]
    return "\n".join(lines)


def settings(*, timeout_s: int, maxsize_bytes: int) -> str:
    """Write the settings of a question: how long and how large its computation may be."""
    return f"[out:json][timeout:{timeout_s}][maxsize:{maxsize_bytes}];\n"


def too_large(how: str) -> DataError:
    """Return the refusal of an area that is not to be asked in boxes, with what to do instead."""
    return DataError(
        f"La zone est trop grande pour être demandée à Overpass ({how}) : téléchargez l'extrait "
        "de la région en .osm.pbf (https://download.geofabrik.de) et donnez-le avec --osm FICHIER."
    )


def _area_km2(area: shapely.Geometry) -> float:
    """Measure an area in degrees on a sphere, whose equal-area projection is the sine."""
    flat = shapely.transform(
        area, lambda at: np.column_stack([np.radians(at[:, 0]), np.sin(np.radians(at[:, 1]))])
    )
    return float(flat.area) * _EARTH_KM**2


def _box_around(part: shapely.Polygon) -> Box:
    west, south, east, north = (bound * _UNITS_PER_DEGREE for bound in part.bounds)
    box = Box(math.floor(west), math.floor(south), math.ceil(east), math.ceil(north))
    # A point on a line of the grid is in a box all the same.
    return box.joined(Box(box.west, box.south, box.west + 1, box.south + 1))


def _worth_joining(box: Box, others: Sequence[Box]) -> Box | None:
    return next((one for one in others if box.joined(one).km2 <= box.km2 + one.km2), None)


def _no_more(taxonomy: Taxonomy, box: Box) -> list[str]:
    """Ask for what would be a service without the prefix of its key, such as `disused:shop`."""
    if not taxonomy.prefixes:
        return []
    bare = {key: values for key, values in taxonomy.values.items() if ":" not in key}
    prefixes = _plain(prefix for prefix, _ in taxonomy.prefixes)
    key = f"^({prefixes})({_plain(bare)})$"
    value = _any_of(sorted(frozenset().union(*bare.values())))
    return [f"nwr[~{_quoted(key)}~{_quoted(value)}]({box});"]


def _any_of(values: Iterable[str]) -> str:
    return _LISTED.format(values=_plain(values))


def _plain(texts: Iterable[str]) -> str:
    """Write texts as the branches of a regular expression."""
    return "|".join(_SPECIAL.sub(lambda sign: "\\" + sign[0], text) for text in texts)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
