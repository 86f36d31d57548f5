"""Places that a fake geocoder knows, and how it finds them."""

from __future__ import annotations

import functools
import re
import unicodedata
import zlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from pyproj import Geod, Transformer


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """A commune. Filters know all of `citycodes` (PLM, mergers); the first one is its own."""

    citycodes: tuple[str, ...]
    postcode: str
    city: str
    context: str = ""
    district: str = ""
    oldcitycode: str = ""
    oldcity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One line of the index. `name` has no number; `more` are other fields, or other values."""

    name: str
    town: Town
    lon: float
    lat: float
    kind: str = "housenumber"
    housenumber: str = ""
    importance: float = 0.5
    more: Mapping[str, object] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        return f"{self.housenumber} {self.name}".strip()

    @property
    def label(self) -> str:
        if self.kind == "municipality":
            return self.name
        return f"{self.full_name} {self.town.postcode} {self.town.city}"

    @property
    def id(self) -> str:
        code = self.town.citycodes[0]
        if self.kind == "municipality":
            return code
        street = f"{code}_{zlib.crc32(self.name.encode()) % 10_000:04d}"
        number = re.match(r"(\d+) *(.*)", self.housenumber)
        return f"{street}_{number[1]:0>5}_{number[2]}".rstrip("_") if number else street

    @property
    def properties(self) -> dict[str, object]:
        """All fields; those that are empty are left out, as in the real answers."""
        town, (x, y) = self.town, _legal_xy(self.lon, self.lat, self.town.citycodes[0][:3])
        found = {
            "label": self.label,
            "name": self.full_name,
            "street": self.name if self.kind in {"housenumber", "street"} else "",
            "housenumber": self.housenumber,
            "type": self.kind,
            "id": self.id,
            "postcode": town.postcode,
            "citycode": town.citycodes[0],
            "city": town.city,
            "district": town.district,
            "context": town.context,
            "oldcitycode": town.oldcitycode,
            "oldcity": town.oldcity,
            "importance": self.importance,
            "x": x,
            "y": y,
        }
        return {name: value for name, value in found.items() if value != ""} | dict(self.more)


_LEGAL = {"971": 5490, "972": 5490, "973": 2972, "974": 2975, "976": 4471}  # EPSG
_GEOD = Geod(ellps="GRS80")


@functools.cache
def _legal_xy(lon: float, lat: float, prefix: str) -> tuple[float, float]:
    x, y = _projection(_LEGAL.get(prefix, 2154)).transform(lon, lat)
    return round(x, 2), round(y, 2)


@functools.cache
def _projection(epsg: int) -> Transformer:
    return Transformer.from_crs(4326, epsg, always_xy=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a place must have; empty for no limit."""

    kind: str = ""
    postcode: str = ""
    citycodes: Collection[str] = ()
    has_doors: bool = True

    def accept(self, place: Place) -> bool:
        is_kind = self.kind in {"", place.kind}
        is_kind = is_kind and (self.has_doors or place.kind != "housenumber")
        is_there = not self.citycodes or not set(self.citycodes).isdisjoint(place.town.citycodes)
        return is_kind and self.postcode in {"", place.town.postcode} and is_there


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An answer of the index; `distance_m` is that to the point given, if one was."""

    place: Place
    score: float
    distance_m: int | None = None

    @property
    def fields(self) -> dict[str, object]:
        far = {} if self.distance_m is None else {"distance": self.distance_m}
        return self.place.properties | far | {"score": self.score} | dict(self.place.more)


class Index:
    """The places that the server knows."""

    def __init__(self, places: Sequence[Place]) -> None:
        self.places = list(places)
        self._names = [_words(p.full_name) for p in self.places]
        self._all = [_words(f"{p.label} {p.town.district} {p.town.oldcity}") for p in self.places]
        self._numbers = [_words(p.housenumber).keys() for p in self.places]
        self._holders: dict[str, set[int]] = defaultdict(set)
        for rank, words in enumerate(self._names):
            for word in words:
                self._holders[word].add(rank)

    def found(
        self,
        query: str,
        filters: Filters,
        *,
        lon_lat: tuple[float, float] | None = None,
        is_typing: bool = False,
    ) -> list[Found]:
        """
        Find places by their words, best first.

        Words are runs of letters or of digits, without accents; a second `8` is another word
        than the first. A place is a candidate when a word of its name is asked for, and, for a
        door, all of its number. Its text is worth the mean of two shares: words of the query
        that its label, district or former commune have, and words of its name that the query
        has. Then `score = (text + importance / 10) / 1.1`; near a point, a tenth that falls from
        1 at 0 km to 0 at 100 km is added, and 1.2 divides. While typing, the last word may be
        the beginning of one. Equal scores: by importance, then by id. A score in `more` is it.
        Of one street of one commune only the best is kept, with its equals: addok's documents
        are streets with their numbers.
        """
        asked = _words(query)
        found = []
        for rank in set().union(*(self._ranks(word, is_typing=is_typing) for word in asked)):
            place, known, name = self.places[rank], self._all[rank], self._names[rank]
            words = _completed(asked, known) if is_typing else asked
            if not filters.accept(place) or not self._numbers[rank] <= words.keys():
                continue
            shares = (words.keys() & known.keys(), words), (words.keys() & name.keys(), name)
            text = sum(len(common) / len(whole) for common, whole in shares) / 2
            score, far_m = (text + place.importance / 10) / 1.1, None
            if lon_lat is not None:
                far_m = _GEOD.inv(*lon_lat, place.lon, place.lat)[2]
                score = (score * 1.1 + max(0.0, 1 - far_m / 100_000) / 10) / 1.2
            found.append(_found(place, score, far_m))
        found.sort(key=lambda f: (-f.score, -f.place.importance, f.place.id))
        best: dict[tuple[Town, str], float] = {}
        streets = ((one, (one.place.town, one.place.name)) for one in found)
        return [one for one, street in streets if best.setdefault(street, one.score) == one.score]

    def near(
        self, lon_lat: tuple[float, float], filters: Filters, *, radii_m: Sequence[int]
    ) -> list[Found]:
        """Return what the first circle that holds something holds, nearest first."""
        for radius_m in radii_m:
            found = []
            for place in self.places:
                far_m = _GEOD.inv(*lon_lat, place.lon, place.lat)[2]
                if far_m <= radius_m and place.kind != "municipality" and filters.accept(place):
                    found.append(_found(place, 1 - min(1.0, round(far_m) / 10_000), far_m))
            if found:
                return sorted(found, key=lambda f: (f.distance_m or 0, f.place.id))
        return []

    def city_codes(self, name: str) -> set[str]:
        """Return the codes of the communes of this name."""
        towns = {place.town for place in self.places}
        return {town.citycodes[0] for town in towns if name and _words(town.city) == _words(name)}

    def _ranks(self, word: str, *, is_typing: bool) -> set[int]:
        if not is_typing:
            return self._holders.get(word, set())
        longer = (ranks for own, ranks in self._holders.items() if own.startswith(word))
        return set().union(*longer)


def _found(place: Place, score: float, far_m: float | None) -> Found:
    told = place.more.get("score")
    return Found(
        place=place,
        score=told if isinstance(told, float) else score,
        distance_m=None if far_m is None else round(far_m),
    )


@functools.lru_cache(maxsize=50_000)
def _words(text: str) -> dict[str, None]:
    """Return the words of a text in their order, each with its rank when it comes again."""
    parts = unicodedata.normalize("NFKD", text.lower().replace("œ", "oe"))
    plain = "".join(sign for sign in parts if not unicodedata.combining(sign))
    ranks: defaultdict[str, int] = defaultdict(int)
    words: dict[str, None] = {}
    for word in re.findall(r"[0-9]+|[a-z]+", plain):
        ranks[word] += 1
        words[word if ranks[word] == 1 else f"{word}#{ranks[word]}"] = None
    return words


def _completed(asked: dict[str, None], known: dict[str, None]) -> dict[str, None]:
    if not asked:
        return asked
    *before, last = asked
    whole = next((word for word in known if word.startswith(last)), last)
    return dict.fromkeys([*before, whole])
