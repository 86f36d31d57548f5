"""
The national geocoding service on loopback, for a test: its rules, faults and limits.

`fake_ban(places)` answers `/geocodage/search`, `/reverse`, `/search/csv` and `/reverse/csv` as the
Géoplateforme does; `is_addok=True` makes it a plain addok 1.3 with addok-csv 1.1 (`/search/`...).
A test says what goes wrong (`order`), and looks at what was asked (`asked`, `holding`, `busiest`).

The rules are those of the public code of the service (gpf-geocodeur: `api/params`, `api/csv`,
`batch/stream`, `lib/spatial-index`, and its acceptance tests), of a real addok, and the limits of
use published on cartes.gouv.fr. Scores are not addok's: see `Index.found`.

What is not here answers 501, so that no test passes by luck: parcels, points of interest,
`searchgeom`, `returntruegeometry`; `/batch`, `/completion` and asynchronous projects are 404.
"""

from __future__ import annotations

import bisect
import codecs
import csv
import functools
import io
import json
import math
import random
import re
import socket
import struct
import threading
import unicodedata
import zlib
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from urllib.parse import parse_qs, unquote, urlsplit

from pyproj import Geod, Transformer

from siting.sources.pace import Clock

MOST_ROWS = 200_000
LARGEST_FILE_BYTES = 50 * 2**20
BLOCK_ROWS = 100
RATE_PER_S = 50
SILENCE_S = 5.0
DELIMITERS = ",;\t|"
_PREVIEW_SIGNS = 2**20
_ROUNDING_S = 1e-6  # fifty waits of 0.02 s are a second
ABSENT = object()  # as a value of `with_fields`: the field is left out

Rows = list[dict[str, str]]
Form = Mapping[str, list[str]]


class FakeClock(Clock):
    """
    Time that passes only when one waits; `wall_origin_s` sets the clock of the computer.

    Alone, a wait moves the time at once. In `together`, it goes to the end of the shortest wait
    when all wait: what is done is dated as if each had slept.
    """

    def __init__(self, *, wall_origin_s: float = 1.8e9) -> None:
        self.wall_origin_s = wall_origin_s
        self.waits: list[float] = []
        self._now_s = 1000.0
        self._ends: dict[int, float] = {}  # of those who wait, by thread
        self._parts: set[int] = set()  # threads that go on together
        self._moved = threading.Condition()

    def now_s(self) -> float:
        with self._moved:
            return self._now_s

    def wall_s(self) -> float:
        return self.wall_origin_s + self.now_s()

    def wait(self, seconds: float) -> None:
        thread = threading.get_ident()
        with self._moved:
            self.waits.append(seconds)
            self._ends[thread] = self._now_s + max(seconds, 0.0)
            self._move()
            self._moved.wait_for(lambda: thread not in self._ends)

    def advance(self, seconds: float) -> None:
        """Let time pass, whoever waits: a slow server, an evening, a night."""
        with self._moved:
            self._go_to(self._now_s + seconds)

    def together(self, *works: Callable[[], None]) -> None:
        """Run each of these in its thread, all from the same instant."""
        start = threading.Barrier(len(works))

        def run(work: Callable[[], None]) -> None:
            with self._moved:
                self._parts.add(threading.get_ident())
            try:
                start.wait()
                work()
            finally:
                with self._moved:
                    self._parts.discard(threading.get_ident())
                    self._move()

        with ThreadPoolExecutor(len(works)) as pool:
            list(pool.map(run, works))

    def _move(self) -> None:
        while self._ends and self._parts <= self._ends.keys():
            self._go_to(min(self._ends.values()))

    def _go_to(self, time_s: float) -> None:
        self._now_s = max(self._now_s, time_s)
        self._ends = {who: end for who, end in self._ends.items() if end > self._now_s}
        self._moved.notify_all()


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


@dataclass(kw_only=True)
class Asked:
    """One request as it arrived, and the status of what was answered (0 if nothing was)."""

    rank: int  # from 1
    time_s: float
    method: str
    path: str
    params: dict[str, list[str]]
    headers: dict[str, str]  # names in small letters
    body: bytes
    status: int = 0

    @functools.cached_property
    def form(self) -> dict[str, list[str]]:
        """Fields of the form, but its file."""
        form = defaultdict(list)
        for name, filename, content in self._parts:
            if filename is None:
                form[name].append(content.decode())
        return dict(form)

    @functools.cached_property
    def file(self) -> tuple[str, bytes] | None:
        """Name and content of the file `data`."""
        found = ((filename, c) for name, filename, c in self._parts if name == "data")
        return next(((filename, content) for filename, content in found if filename), None)

    @functools.cached_property
    def table(self) -> Rows:
        """Rows of the file that was sent."""
        return [] if self.file is None else read_sheet(self.file[1]).rows

    def holds(self, text: str) -> bool:
        """Tell if the request says this, wherever in it."""
        said = [unquote(self.path), *self.headers.values(), self.body.decode(errors="replace")]
        said += [part for name, values in self.params.items() for part in (name, *values)]
        return any(text in part for part in said)

    @functools.cached_property
    def _parts(self) -> list[tuple[str, str | None, bytes]]:
        boundary = re.search(r'boundary="?([^";]+)', self.headers.get("content-type", ""))
        if boundary is None:
            return []
        parts = []
        for part in (b"\r\n" + self.body).split(f"\r\n--{boundary[1]}".encode())[1:-1]:
            head, _, content = part.partition(b"\r\n\r\n")
            found = dict(re.findall(r'\b(name|filename)="([^"]*)"', head.decode()))
            parts.append((found.get("name", ""), found.get("filename"), content))
        return parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is answered."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_chunked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with an answer; all the rest of it is right."""

    reply: Reply | None = None  # said in place of the answer
    fields: Mapping[str, object] = field(default_factory=dict)  # put over what the engine found
    blocks: Container[int] = ()  # blocks of 100 rows that fail, from 0
    poison: str = ""  # a block with this text in a row fails
    rows: Callable[[Rows], Rows] | None = None  # changes the table before it is written
    headers: Mapping[str, str] = field(default_factory=dict)
    has_bom: bool = False
    cut_at: int | None = None  # the body stops at this byte
    is_told: bool = False  # one can see that the body is cut: more was announced
    is_reset: bool = False  # the connection is then reset; before the head, without `cut_at`
    is_mute: bool = False  # the connection then stays open for ever, as above
    drip: tuple[int, float] | None = None  # bytes at a time, and seconds of the clock for each


def _json(document: object, *, status: int = 200) -> Reply:
    headers = {"content-type": "application/json; charset=utf-8"}
    return Reply(status=status, headers=headers, body=json.dumps(document).encode())


def page(status: int, text: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Return an answer in HTML, as machines in front of the service give."""
    body = f"<html><head><title>{text}</title></head><body><h1>{text}</h1></body></html>"
    said = {"content-type": "text/html"} | dict(headers or {})
    return Reply(status=status, headers=said, body=body.encode())


def too_many(retry_after: str) -> Reply:
    """Return the refusal of the rate limit; `retry_after` may be seconds or a date of HTTP."""
    return page(429, "429 Too Many Requests", {"retry-after": retry_after})


def refusal(status: int, message: str, *detail: str) -> Reply:
    """Return an error as the service words it."""
    said = {"code": status, "message": message} | ({"detail": detail} if detail else {})
    return _json(said, status=status)


_TIMED_OUT_WITHIN = (
    '<ows:ExceptionReport version="2.0.0"><ows:Exception exceptionCode="NoApplicableCode">'
    "<ows:ExceptionText>Unable to obtain connection: connect timed out</ows:ExceptionText>"
    "</ows:Exception></ows:ExceptionReport>"
)
TOO_MANY = Fault(reply=too_many("5"))
SERVER_ERROR = Fault(reply=refusal(500, "An unexpected error has occurred"))
BAD_GATEWAY = Fault(reply=page(502, "502 Bad Gateway"))
UNAVAILABLE = Fault(reply=page(503, "503 Service Unavailable"))
GATEWAY_TIMEOUT = Fault(reply=page(504, "504 Gateway Time-out"))
WRAPPED_TIMEOUT = Fault(
    reply=Reply(
        status=400, headers={"content-type": "application/xml"}, body=_TIMED_OUT_WITHIN.encode()
    )
)
PORTAL = Fault(reply=page(200, "Connexion au réseau"))
PORTAL_REDIRECT = Fault(reply=page(302, "Found", {"location": "http://portail.invalid/connexion"}))
RESET = Fault(is_reset=True)
MUTE = Fault(is_mute=True)
BOM = Fault(has_bom=True)


def cut(at: int, *, is_told: bool = False) -> Fault:
    """Stop the body at this byte, with status 200; nothing tells it but the content."""
    return Fault(cut_at=at, is_told=is_told)


def drip(n_bytes: int, gap_s: float) -> Fault:
    """Send the body piece by piece, each taking this long."""
    return Fault(drip=(n_bytes, gap_s))


def failing_blocks(*ranks: int) -> Fault:
    """Let the whole of these blocks of 100 rows be `error`."""
    return Fault(blocks=ranks)


def poison(text: str) -> Fault:
    """Let each block fail that has this text in a row: whoever asks it alone sees who did it."""
    return Fault(poison=text)


def with_fields(fields: Mapping[str, object]) -> Fault:
    """Put these values, lists or nulls in place of what the engine finds; `ABSENT` takes out."""
    return Fault(fields=fields)


def without_row(rank: int) -> Fault:
    """Leave a row out (from 0): its id is missing."""
    return Fault(rows=lambda rows: rows[:rank] + rows[rank + 1 :])


def row_twice(rank: int) -> Fault:
    """Give a row twice: one too many."""
    return Fault(rows=lambda rows: rows[: rank + 1] + rows[rank:])


def row_replaced(rank: int, *, by: int) -> Fault:
    """Give a row in place of another: the count is right, the ids are not."""
    return Fault(rows=lambda rows: [*rows[:rank], rows[by], *rows[rank + 1 :]])


def rows_mixed(seed: int) -> Fault:
    """Give all rows, in another order."""
    mixer = random.Random(seed)  # noqa: S311 - mixes, hides nothing
    return Fault(rows=lambda rows: mixer.sample(rows, len(rows)))


def without_column(name: str) -> Fault:
    """Leave a column out."""
    return Fault(rows=lambda rows: [{k: v for k, v in row.items() if k != name} for row in rows])


def row_count(n: int) -> Fault:
    """Announce this number of rows."""
    return Fault(headers={"x-rows-count": str(n)})


@dataclass(kw_only=True)
class _Order:
    """A fault, and which requests it is for."""

    fault: Fault
    on: Container[int] | None
    share: float
    path: str
    holding: str
    chance: random.Random
    n_seen: int = 0

    def is_for(self, asked: Asked) -> bool:
        is_there = asked.path.rstrip("/").endswith(self.path)
        if not is_there or (self.holding and not asked.holds(self.holding)):
            return False
        self.n_seen += 1
        is_drawn = self.chance.random() < self.share
        return is_drawn and (self.on is None or self.n_seen in self.on)


class FakeBan:
    """The server, for the test: what to do wrong, and what was asked."""

    def __init__(self, clock: Clock, *, base: str, rate_per_s: float | None, seed: int) -> None:
        self.url = ""
        self.clock = clock
        self.base = base
        self.asked: list[Asked] = []
        self.crashes: list[BaseException] = []  # of this fake: raised at the end
        self._rate_per_s = math.inf if rate_per_s is None else rate_per_s
        self._recent: deque[float] = deque()
        self._silent_until_s = -math.inf
        self._orders: list[_Order] = []
        self._seeds = random.Random(seed)  # noqa: S311 - draws faults, hides nothing
        self._lock = threading.Lock()

    def order(
        self,
        fault: Fault,
        *,
        on: int | Container[int] | None = None,
        share: float = 1.0,
        path: str = "",
        holding: str = "",
    ) -> None:
        """
        Let requests meet a fault, from now on.

        Those whose path ends by `path` and that say `holding` are counted from 1: `on` are the
        ranks that meet it, all by default, `share` the chance that each has to (the same ones
        for the same seed). The first order that is for a request decides.
        """
        ordered = _Order(
            fault=fault,
            on=(on,) if isinstance(on, int) else on,
            share=share,
            path=path,
            holding=holding,
            chance=random.Random(self._seeds.random()),  # noqa: S311
        )
        with self._lock:
            self._orders.append(ordered)

    def heal(self) -> None:
        """Forget all orders."""
        with self._lock:
            self._orders.clear()

    def holding(self, text: str) -> list[Asked]:
        """Return the requests that say this, wherever: to look for what should not leave."""
        return [asked for asked in self.asked if asked.holds(text)]

    def busiest(self, window_s: float = 1.0) -> int:
        """Return the most requests that came within this long."""
        times = sorted(asked.time_s for asked in self.asked)
        ends = (bisect.bisect_left(times, start + window_s - _ROUNDING_S) for start in times)
        return max((end - first for first, end in enumerate(ends)), default=0)

    def fault_for(self, asked: Asked) -> Fault:
        """Note a request; say what goes wrong with it."""
        with self._lock:
            asked.rank, asked.time_s = len(self.asked) + 1, self.clock.now_s()
            self.asked.append(asked)
            silence_s = self._silence_s(asked.time_s)
            ordered = next((order.fault for order in self._orders if order.is_for(asked)), Fault())
        if silence_s > 0:
            return Fault(reply=too_many(str(math.ceil(silence_s))))
        return ordered

    def _silence_s(self, now_s: float) -> float:
        """Count a request; over the limit, all are refused until one has kept it for 5 s."""
        self._recent.append(now_s)
        while self._recent[0] <= now_s - 1 + _ROUNDING_S:
            self._recent.popleft()
        if len(self._recent) > self._rate_per_s:
            self._silent_until_s = now_s + SILENCE_S
        return self._silent_until_s - now_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table as it was sent: all is text."""

    columns: list[str]
    rows: Rows
    delimiter: str
    newline: str


def read_sheet(data: bytes) -> Sheet:
    """
    Read a CSV file, guessing its encoding, delimiter and line ends; blank lines are skipped.

    Raises ValueError with the word that the service has for the trouble.
    """
    text = _decoded(data)
    newline = (re.search(r"\r\n|\n|\r", text) or ["\n"])[0]
    delimiter = _delimiter(text)
    header, *lines = list(_lines(text, delimiter)) or [[""]]
    for line in lines:
        if len(line) != len(header):
            raise ValueError("TooFewFields" if len(line) < len(header) else "TooManyFields")
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    return Sheet(columns=header, rows=rows, delimiter=delimiter, newline=newline)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        if re.search(b"[\x80-\x9f]", data):
            return data.decode("cp1252", errors="replace")
        return data.decode("iso8859-15")


def _lines(text: str, delimiter: str) -> Iterator[list[str]]:
    ends_by_cr = "\n" not in text
    source = text.splitlines(keepends=True) if ends_by_cr else io.StringIO(text, newline="")
    return (line for line in csv.reader(source, delimiter=delimiter) if line)


def _delimiter(text: str) -> str:
    """Choose by the first ten lines: the same number of fields, at least two, in each."""
    start = text[:_PREVIEW_SIGNS]
    n_lines = 10 if start == text else len(re.findall(r"\r\n|\n|\r", start))  # whole ones
    for delimiter in DELIMITERS:
        counts = [len(line) for line in islice(_lines(start, delimiter), min(n_lines, 10))]
        if counts and counts[0] > 1 and len(set(counts)) == 1:
            return delimiter
    ragged = [delimiter for delimiter in DELIMITERS if delimiter in start.split("\n", 1)[0]]
    if not ragged:
        raise ValueError("UndetectableDelimiter")
    return ragged[0]


def _written(rows: Rows, sheet: Sheet) -> str:
    """Write a table; its columns are those of its first row, as the real writer does."""
    if not rows:
        return ""
    out = io.StringIO()
    writer = csv.DictWriter(
        out,
        list(rows[0]),
        delimiter=sheet.delimiter,
        lineterminator=sheet.newline,
        extrasaction="ignore",
    )
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _cell(value: object) -> str:
    """Write a value as JavaScript does; of a list, its first."""
    if isinstance(value, list):
        value = value[0] if value else None
    if value is None:
        return ""
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _changed(fields: Mapping[str, object], fault: Fault) -> dict[str, object]:
    return {k: v for k, v in (dict(fields) | dict(fault.fields)).items() if v is not ABSENT}


def _feature(found: Found, fault: Fault, more: dict[str, object]) -> dict[str, object]:
    point = {"type": "Point", "coordinates": [found.place.lon, found.place.lat]}
    fields = _changed(found.fields | more, fault)
    geometry = fields.pop("geometry", point)
    return {"type": "Feature", "geometry": geometry, "properties": fields}


class Refused(Exception):
    """A request that is answered by an error."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.body)
        self.reply = reply


_PARCEL = {
    "departmentcode": "[0-9]{2}|2[AB]",
    "municipalitycode": "[0-9]{2,3}",
    "oldmunicipalitycode": "[0-9]{3}",
    "districtcode": "[0-9]{3}",
    "section": "[0-9]{1,2}|0?[A-Z]|[A-Z]{2}",
    "number": "[0-9]{1,4}",
    "sheet": "[0-9]{1,2}",
}
_INDEXES = ("address", "poi", "parcel")
_KINDS = ("housenumber", "street", "locality", "municipality")
_TRUE = ("1", "true", "yes")
_ADDRESS = (
    *("label", "type", "id", "housenumber", "name", "street", "postcode", "city", "context"),
    *("citycode", "oldcitycode", "oldcity", "district"),
)
_COLUMN_FILTERS = ("citycode", "postcode", "type", "category", *_PARCEL, "lon", "lat")


def _may_be_asked(text: str) -> bool:
    """Tell what `q` may be; lengths are those of JavaScript, in units of UTF-16."""
    units = len(text.encode("utf-16-le")) // 2
    first = text[:1]
    is_letter = first.lower() != first.upper() and first <= "\uffff"
    return 3 <= units <= 200 and (is_letter or first in "0123456789")


class Dialect:
    """What both kinds of server have in common: four addresses, with or without a last slash."""

    def reply(self, asked: Asked, path: str, fault: Fault) -> Reply:
        """Answer a request."""
        answers: dict[tuple[str, str], Callable[[Asked, Fault], Reply]] = {
            ("GET", "/search"): self._search,
            ("GET", "/reverse"): self._reverse,
            ("POST", "/search/csv"): functools.partial(self._csv, is_reverse=False),
            ("POST", "/reverse/csv"): functools.partial(self._csv, is_reverse=True),
        }
        answer = answers.get((asked.method, path.removesuffix("/")))
        if answer is None:
            return self._unknown(asked)
        try:
            return answer(asked, fault)
        except Refused as refused:
            return refused.reply

    def _unknown(self, asked: Asked, /) -> Reply:
        return page(404, f"Cannot {asked.method} {asked.path}")

    def _search(self, asked: Asked, fault: Fault) -> Reply:
        raise NotImplementedError

    def _reverse(self, asked: Asked, fault: Fault) -> Reply:
        raise NotImplementedError

    def _csv(self, asked: Asked, fault: Fault, *, is_reverse: bool) -> Reply:
        raise NotImplementedError


class National(Dialect):
    """The rules of the Géoplateforme."""

    least_score = 0.3

    def __init__(self, index: Index, *, largest_limit: int) -> None:
        self._index = index
        self._largest_limit = largest_limit

    def _search(self, asked: Asked, fault: Fault) -> Reply:
        params = self._checked(asked)
        if "q" not in params:
            raise _bad("q: required param")
        filters, query = self._filters(params), params["q"]
        if len(filters.citycodes) > 1:
            query += " " + params["city"]
        found = self._index.found(
            query,
            filters,
            lon_lat=_lon_lat(params),
            is_typing=params.get("autocomplete", "true").lower() in _TRUE,
        )
        kept = [one for one in found if one.score >= self.least_score]
        return self._collection(kept, params, fault)

    def _reverse(self, asked: Asked, fault: Fault) -> Reply:
        params = self._checked(asked)
        lon_lat = _lon_lat(params)
        if lon_lat is None:
            raise _bad("At least lon/lat or searchgeom must be defined")
        found = self._index.near(lon_lat, self._filters(params), radii_m=(100, 200))
        return self._collection(found, params, fault)

    def _collection(self, found: list[Found], params: dict[str, str], fault: Fault) -> Reply:
        features = [
            _feature(one, fault, {"_score": one.score, "_type": "address"})
            for one in found[: int(params.get("limit", "10"))]
        ]
        return _json({"type": "FeatureCollection", "features": features})

    def _checked(self, asked: Asked) -> dict[str, str]:
        """Return the parameters that say something, the last of each, once they are right."""
        said = {name.strip(): values[-1].strip() for name, values in asked.params.items()}
        params = {name: value for name, value in said.items() if value}
        wrong = [f"{name}: {text}" for name, text in self._wrong(params) if text]
        if wrong:
            raise _bad(*wrong)
        if ("lon" in params) != ("lat" in params):
            raise _bad("lon/lat must be present together if defined")
        if "q" in params and _PARCEL.keys() & params:
            raise _bad("q param and structured search cannot be used together")
        if "city" in params and "parcel" in params.get("index", ""):
            raise _bad("city cannot be used with parcel index")
        if "city" in params and "citycode" in params:
            raise _bad("city and citycode params cannot be used together")
        is_elsewhere = params.get("index", "address") != "address" or _PARCEL.keys() & params
        if is_elsewhere or "searchgeom" in params or params.get("returntruegeometry") in _TRUE:
            raise Refused(refusal(501, "Not in this fake"))
        return params

    def _wrong(self, params: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with each parameter."""
        rules: dict[str, Callable[[str], str]] = {
            "index": lambda v: _unexpected([one.strip() for one in v.split(",")], _INDEXES),
            "searchgeom": _wrong_object,
            "q": lambda v: (
                ""
                if _may_be_asked(v)
                else "must contain between 3 and 200 chars and start with a number or a letter"
            ),
            "limit": self._wrong_limit,
            "lon": lambda v: _wrong_degrees(v, 180),
            "lat": lambda v: _wrong_degrees(v, 90),
            "type": lambda v: _unexpected([v], _KINDS),
            "postcode": lambda v: _unlike(v, "[0-9]{5}", "must contain 5 digits"),
            "citycode": lambda v: _unlike(v, "[0-9]{5}|[0-9][AB][0-9]{3}", "not valid"),
            "city": self._wrong_city,
            "returntruegeometry": _wrong_boolean,
            "autocomplete": _wrong_boolean,
            **{name: functools.partial(_unlike, form=form) for name, form in _PARCEL.items()},
        }
        return ((name, rule(params[name])) for name, rule in rules.items() if name in params)

    def _wrong_limit(self, value: str) -> str:
        if not re.fullmatch("[+-]?[1-9][0-9]*|0", value):
            return "unable to parse value as integer"
        is_right = 1 <= int(value) <= self._largest_limit
        return "" if is_right else f"must be an integer between 1 and {self._largest_limit}"

    def _wrong_city(self, value: str) -> str:
        if len(value) > 50:
            return "must contain between 1 and 50 chars"
        return "" if self._index.city_codes(value) else "No matching cities found"

    def _filters(self, params: Mapping[str, str]) -> Filters:
        codes = {params["citycode"]} if "citycode" in params else set()
        return Filters(
            kind=params.get("type", ""),
            postcode=params.get("postcode", ""),
            citycodes=codes or self._index.city_codes(params.get("city", "")),
        )

    def _csv(self, asked: Asked, fault: Fault, *, is_reverse: bool) -> Reply:
        sheet = self._sheet(asked)
        columns, given = _options(sheet, asked.form)
        blank = dict.fromkeys(default_columns(is_reverse=is_reverse), "")
        wanted = asked.form.get("result_columns") or list(blank)
        rows: Rows = []
        for start in range(0, len(sheet.rows), BLOCK_ROWS):
            block = sheet.rows[start : start + BLOCK_ROWS]
            is_failing = start // BLOCK_ROWS in fault.blocks or _is_poisoned(block, fault)
            for row in block:
                result = {"result_status": "error"}
                if not is_failing:
                    found = self._row(row, columns, given, is_reverse=is_reverse)
                    result = _result(found, fault, is_reverse=is_reverse)
                full = blank | result | {"result_index": "address"}
                rows.append(row | {name: full[name] for name in wanted if name in full})
        name = asked.file[0].rpartition(".")[0] or asked.file[0] if asked.file else ""
        headers = {
            "content-type": "text/csv",
            "content-disposition": f'attachment; filename="{name}-geocoded.csv"',
            "x-rows-count": str(len(sheet.rows)),
        }
        body = _written(fault.rows(rows) if fault.rows else rows, sheet).encode()
        return Reply(headers=headers, body=body, is_chunked=True)

    def _sheet(self, asked: Asked) -> Sheet:
        """Read the file sent, within the limits."""
        if asked.file is None:
            raise Refused(refusal(400, "A CSV file must be provided in data field"))
        if len(asked.file[1]) > LARGEST_FILE_BYTES:
            raise Refused(refusal(400, "File too large"))
        try:
            sheet = read_sheet(asked.file[1])
        except ValueError as error:
            raise Refused(refusal(400, f"Errors in CSV file: {error}")) from error
        if len(sheet.rows) > MOST_ROWS:
            raise Refused(refusal(400, "Too many rows in CSV file"))
        return sheet

    def _row(
        self,
        row: Mapping[str, str],
        columns: Sequence[str],
        given: Mapping[str, str],
        *,
        is_reverse: bool,
    ) -> list[Found] | None:
        """Answer for one row; None when it is skipped. Values of filters are not looked at."""
        said = {name: row[column] for name, column in given.items() if row[column]}
        filters = _plain_filters(said)
        lon = _js_number(row, given.get("lon"), ("longitude", "lon", "lng", "long"))
        lat = _js_number(row, given.get("lat"), ("latitude", "lat"))
        lon_lat = (lon, lat) if lon and lat else None  # zero counts as nothing
        if is_reverse:
            if lon_lat is None:
                return None
            return self._index.near(lon_lat, filters, radii_m=(100, 200))
        query = " ".join(row[column].strip() for column in columns).strip()
        if not _may_be_asked(query):
            return None
        found = self._index.found(query, filters, lon_lat=lon_lat)
        return [one for one in found if one.score >= self.least_score]


def _options(sheet: Sheet, form: Form) -> tuple[list[str], dict[str, str]]:
    """Return the columns that make the query, and those of filters and positions."""
    columns = form.get("columns") or sheet.columns
    if not set(columns) <= set(sheet.columns):
        raise Refused(refusal(400, "At least one given column name is unknown"))
    given = {name: form[name][-1] for name in _COLUMN_FILTERS if form.get(name, [""])[-1]}
    for name, column in given.items():
        if column not in sheet.columns:
            raise Refused(refusal(400, f"Unknown column name for {name}"))
    indexes = form.get("indexes", [])
    for index in indexes:
        if index not in _INDEXES:
            raise Refused(refusal(400, f"Unsupported index type: {index}"))
    if set(indexes) - {"address"} or given.keys() & {*_PARCEL, "category"}:
        raise Refused(refusal(501, "Not in this fake"))
    return columns, given


def _is_poisoned(rows: Rows, fault: Fault) -> bool:
    return bool(fault.poison) and any(fault.poison in " ".join(row.values()) for row in rows)


def default_columns(*, is_reverse: bool) -> list[str]:
    """Return the columns that the service adds, when it is not asked for others."""
    place = ["longitude", "latitude", "result_score", "result_score_next"]
    if is_reverse:
        place = ["result_longitude", "result_latitude", "result_distance"]
    return [*place, *(f"result_{name}" for name in _ADDRESS), "result_status"]


def _result(found: list[Found] | None, fault: Fault, *, is_reverse: bool) -> dict[str, str]:
    """Return the columns that say what was found."""
    if not found:
        return {"result_status": "skipped" if found is None else "not-found"}
    best = found[0]
    where: dict[str, object] = {"lon": best.place.lon, "lat": best.place.lat}
    fields = _changed(best.fields | where, fault)
    fields["score"] = fields.get("score") or 1  # the service does so
    if len(found) > 1:
        fields["score_next"] = found[1].score
    places = {"lon": "longitude", "lat": "latitude"}
    prefix = "result_" if is_reverse else ""
    cells = {prefix + places[name]: _cell(fields.pop(name, None)) for name in places}
    cells |= {f"result_{name}": _cell(value) for name, value in fields.items()}
    return cells | {"result_status": "ok"}


def _bad(*detail: str) -> Refused:
    return Refused(refusal(400, "Failed parsing query", *detail))


def _unlike(value: str, form: str, text: str = "not valid") -> str:
    return "" if re.fullmatch(form, value) else text


def _unexpected(values: list[str], allowed: Collection[str]) -> str:
    return next((f"unexpected value '{one}'" for one in values if one and one not in allowed), "")


def _wrong_boolean(value: str) -> str:
    is_right = value.lower() in {*_TRUE, "0", "false", "no"}
    return "" if is_right else "unable to parse value as boolean"


def _wrong_object(value: str) -> str:
    try:
        is_object = isinstance(json.loads(value), dict | list)
    except ValueError:
        is_object = False
    return "" if is_object else "unable to parse value as valid JSON or GeoJSON object"


def _wrong_degrees(value: str, most: int) -> str:
    if not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]*)?", value):
        return "unable to parse value as float"
    is_right = abs(float(value)) <= most
    return "" if is_right else f"must be a float between -{most} and {most}"


def _lon_lat(params: Mapping[str, str]) -> tuple[float, float] | None:
    return (float(params["lon"]), float(params["lat"])) if "lon" in params else None


def _js_number(row: Mapping[str, str], given: str | None, known: Sequence[str]) -> float:
    """Read a column, that given or the first one known with a value, as `parseFloat` does."""
    text = row[given] if given else next((row[name] for name in known if row.get(name)), "")
    number = re.match(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text)
    return float(number[0]) if number else 0.0


class Addok(Dialect):
    """The rules of a plain addok with its CSV plugin."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def _unknown(self, _: Asked) -> Reply:
        return _untitled(404, "404 Not Found").reply

    def _search(self, asked: Asked, fault: Fault) -> Reply:
        params = {name: values[-1] for name, values in asked.params.items()}
        query = params.get("q", "")
        if not query:
            raise _untitled(400, "Missing parameter", 'The "q" parameter is required.')
        limit = int(params.get("limit") or 5)
        if not 1 <= limit <= 100:
            text = 'The "limit" parameter is invalid. out of range (1..100)'
            raise _untitled(400, "Invalid parameter", text)
        lon_lat = _addok_lon_lat(params)
        found = self._found(query, _plain_filters(params), lon_lat, params=params)
        return self._collection(found[:limit], params | {"limit": str(limit)}, fault)

    def _reverse(self, asked: Asked, fault: Fault) -> Reply:
        params = {name: values[-1] for name, values in asked.params.items()}
        for name in ("lon", "lat"):
            if name not in params:
                raise _untitled(400, "Missing parameter", f'The "{name}" parameter is required.')
        lon_lat = _addok_lon_lat(params) or (0.0, 0.0)
        found = self._index.near(lon_lat, _plain_filters(params), radii_m=(150,))
        limit = int(params.get("limit") or 1)
        return self._collection(found[:limit], params | {"limit": str(limit)}, fault)

    def _found(
        self,
        query: str,
        filters: Filters,
        lon_lat: tuple[float, float] | None,
        *,
        params: Mapping[str, str],
        where: str = "",
    ) -> list[Found]:
        n_signs = _ascii_length(query.strip())
        if n_signs > 200:
            raise _untitled(413, f"Query too long, {n_signs} chars, limit is 200{where}")
        is_typing = params.get("autocomplete", "1") in _TRUE
        return self._index.found(query, filters, lon_lat=lon_lat, is_typing=is_typing)

    def _collection(self, found: list[Found], params: Mapping[str, str], fault: Fault) -> Reply:
        named = {k: v for k, v in params.items() if k in {"citycode", "postcode", "type"}}
        document: dict[str, object] = {
            "type": "FeatureCollection",
            "version": "draft",
            "features": [_feature(one, fault, {}) for one in found],
            "attribution": "BAN",
            "licence": "ETALAB-2.0",
        }
        document |= {"query": params["q"]} if "q" in params else {}
        document |= {"filters": named} if named else {}
        return _json(document | {"limit": int(params["limit"])})

    def _csv(self, asked: Asked, fault: Fault, *, is_reverse: bool) -> Reply:
        if asked.file is None:
            raise _untitled(400, "Missing file")
        try:
            text = asked.file[1].decode("utf-8-sig").replace("\r", "").replace("\n", "\r\n")
        except UnicodeDecodeError as error:
            title = 'Unable to decode with encoding "utf-8-sig"'
            raise _untitled(400, title, str(error)) from error
        if not text:
            raise _untitled(400, "Empty file")
        said = {name: values[-1] for name, values in asked.form.items()}
        delimiter = said.get("delimiter") or _sniffed(text)
        reader = csv.DictReader(
            io.StringIO(text, newline=""), delimiter=delimiter, quotechar=said.get("quote", '"')
        )
        known = list(reader.fieldnames or [])
        columns = asked.form.get("columns") or known
        for column in columns:
            if column not in known:
                raise _untitled(400, f"Cannot found column '{column}' in columns {known}")
        added = [name for name in addok_columns(is_reverse=is_reverse) if name not in known]
        blank = dict.fromkeys([*known, *added], "")
        rows: Rows = []
        for rank, line in enumerate(reader, start=1):
            row = {name: line.get(name) or "" for name in known}
            if is_reverse:
                found = self._row_near(row, asked.form)
            else:
                found = self._row_found(row, columns, asked.form, rank=rank)
            result = _addok_result(found, fault, is_reverse=is_reverse)
            rows.append(blank | row | {k: v for k, v in result.items() if k in blank})
        sheet = Sheet(columns=known, rows=rows, delimiter=delimiter, newline="\r\n")
        body = _written(fault.rows(rows) if fault.rows else rows, sheet)
        headers = {"content-type": "text/csv; charset=utf-8-sig"}
        return Reply(headers=headers, body=body.encode("utf-8-sig"))

    def _row_found(
        self, row: Mapping[str, str], columns: Sequence[str], form: Form, *, rank: int
    ) -> list[Found]:
        lon_lat = None
        if form.get("lon") and form.get("lat"):
            lon, lat = (row.get(form[name][-1], "") for name in ("lon", "lat"))
            lon_lat = (float(lon), float(lat)) if lon and lat else None
        found = self._found(
            " ".join(row[column] for column in columns),
            _row_filters(row, form),
            lon_lat,
            params={"autocomplete": "0"},
            where=f" (row number {rank})",
        )
        least = float(form.get("min_score", ["0.5"])[-1])
        return found if found and round(found[0].score, 2) > least else []

    def _row_near(self, row: Mapping[str, str], form: Form) -> list[Found]:
        lat = row.get("latitude", row.get("lat", ""))
        lon = row.get("longitude", row.get("lon", row.get("lng", row.get("long", ""))))
        try:
            lon_lat = float(lon), float(lat)
        except ValueError:
            return []
        return self._index.near(lon_lat, _row_filters(row, form), radii_m=(150,))


def addok_columns(*, is_reverse: bool) -> list[str]:
    """Return the columns that addok-csv adds, with the fields of the BAN."""
    first = ["latitude", "longitude", "result_label", "result_score", "result_score_next"]
    if is_reverse:
        first = ["result_latitude", "result_longitude", "result_label", "result_distance"]
    return [*first, *(f"result_{name}" for name in _ADDRESS if name != "label")]


def _addok_result(found: list[Found], fault: Fault, *, is_reverse: bool) -> dict[str, str]:
    """Return the columns that say what was found; if nothing was, what the file had stays."""
    if not found:
        return {}
    place = found[0].place
    own: dict[str, object] = {"name": place.name, "street": "", "lon": place.lon, "lat": place.lat}
    fields = _changed(found[0].fields | own, fault)
    cells = {f"result_{name}": _cell(fields.get(name)) for name in (*_ADDRESS, "distance")}
    prefix = "result_" if is_reverse else ""
    cells |= {prefix + "longitude": _cell(fields.get("lon"))}
    cells |= {prefix + "latitude": _cell(fields.get("lat"))}
    scores = [_cell(round(one.score, 2)) for one in found[:2]]
    return cells | dict(zip(("result_score", "result_score_next"), [*scores, "0"], strict=False))


def _ascii_length(text: str) -> int:
    """
    Count signs as addok does, in plain ASCII, at worst.

    What is not ASCII without its accents counts for 13: no sign of the first plane is longer
    once written by Unidecode, which addok uses and this fake does not.
    """
    firsts = (unicodedata.normalize("NFD", sign)[0] for sign in text)
    return sum(1 if first.isascii() else 13 for first in firsts)


def _sniffed(text: str) -> str:
    """Guess a delimiter as addok-csv does, wrong as it may be."""
    try:
        delimiter = csv.Sniffer().sniff(text).delimiter
    except csv.Error:
        delimiter = ","
    if delimiter.isalnum() or delimiter == "\r":
        return next(sign for sign in ";,\t|~^°" if sign not in text)
    return delimiter


def _untitled(status: int, title: str, description: str = "") -> Refused:
    said = {"title": title} | ({"description": description} if description else {})
    body = json.dumps(said).encode()
    return Refused(Reply(status=status, headers={"content-type": "application/json"}, body=body))


def _addok_lon_lat(params: Mapping[str, str]) -> tuple[float, float] | None:
    numbers = []
    for name in ("lon", "lat"):
        try:
            numbers.append(float(params.get(name) or 0))
        except ValueError as error:
            text = f'The "{name}" parameter is invalid. invalid value'
            raise _untitled(400, "Invalid parameter", text) from error
    return (numbers[0], numbers[1]) if all(numbers) else None


def _plain_filters(said: Mapping[str, str]) -> Filters:
    code = said.get("citycode", "")
    return Filters(
        kind=said.get("type", ""),
        postcode=said.get("postcode", ""),
        citycodes=[code] if code else [],
    )


def _row_filters(row: Mapping[str, str], form: Form) -> Filters:
    """Return the limits of a row; a column of types, be it empty, takes the doors away."""
    named = {name: form[name][-1] for name in ("citycode", "postcode", "type") if form.get(name)}
    said = {name: row.get(column, "") for name, column in named.items()}
    return replace(_plain_filters(said), has_doors=said.get("type") in {None, "housenumber"})


class _Server(ThreadingHTTPServer):
    """A server that ends with its connections, and keeps what went wrong in it."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, fake: FakeBan, dialect: Dialect) -> None:
        self.fake = fake
        self.dialect = dialect
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, *_: object) -> None:
        """Nothing: see `_Handler.handle`."""

    def end_connections(self) -> None:
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        self.server.open.add(self.connection)
        try:
            super().handle()
        except OSError:
            pass  # the client hung up
        except BaseException as error:
            self.server.fake.crashes.append(error)
            raise
        finally:
            self.server.open.discard(self.connection)

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        url = urlsplit(self.path)
        fake = self.server.fake
        asked = Asked(
            rank=0,
            time_s=0.0,
            method=self.command,
            path=url.path,
            params=parse_qs(url.query, keep_blank_values=True),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length", "0"))),
        )
        fault = fake.fault_for(asked)
        reply = fault.reply or self._right_reply(asked, fault)
        self._send(reply, fault, asked)

    def _right_reply(self, asked: Asked, fault: Fault) -> Reply:
        base = self.server.fake.base
        if not asked.path.startswith(base):
            return page(404, f"Cannot {asked.method} {asked.path}")
        return self.server.dialect.reply(asked, asked.path.removeprefix(base), fault)

    def _send(self, reply: Reply, fault: Fault, asked: Asked) -> None:
        body = (codecs.BOM_UTF8 if fault.has_bom else b"") + reply.body
        is_broken = fault.is_reset or fault.is_mute or fault.is_told
        if fault.cut_at is not None or not is_broken:
            asked.status = reply.status
            sent = body[: fault.cut_at]
            self._send_head(reply, fault, len(body if is_broken else sent))
            self._send_body(sent, reply, fault, is_broken=is_broken)
        self.close_connection = self.close_connection or is_broken
        if fault.is_mute:
            self.connection.recv(1)  # until the client hangs up
        if fault.is_reset:
            now = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
            self.rfile.close()
            self.connection.close()

    def _send_head(self, reply: Reply, fault: Fault, n_bytes: int) -> None:
        self.send_response(reply.status)
        length = {"content-length": str(n_bytes)}
        if reply.is_chunked:
            length = {"transfer-encoding": "chunked"}
        for name, value in (dict(reply.headers) | length | dict(fault.headers)).items():
            self.send_header(name, value)
        self.end_headers()

    def _send_body(self, body: bytes, reply: Reply, fault: Fault, *, is_broken: bool) -> None:
        n_bytes, gap_s = fault.drip or (max(len(body), 1), 0.0)
        for start in range(0, len(body), n_bytes):
            _pass(self.server.fake.clock, gap_s)
            piece = body[start : start + n_bytes]
            self.wfile.write(_chunk(piece) if reply.is_chunked else piece)
        if reply.is_chunked and not is_broken:
            self.wfile.write(_chunk(b""))


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def _pass(clock: Clock, seconds: float) -> None:
    """Let the server take its time; the client does not wait for this clock meanwhile."""
    if isinstance(clock, FakeClock):
        clock.advance(seconds)
    elif seconds:
        clock.wait(seconds)


@contextmanager
def fake_ban(
    places: Sequence[Place],
    *,
    clock: Clock | None = None,
    is_addok: bool = False,
    rate_per_s: float | None = RATE_PER_S,
    largest_limit: int = 20,
    seed: int = 0,
) -> Iterator[FakeBan]:
    """
    Serve these places for a while; `url` is what a client is given.

    Parameters
    ----------
    places
        The index.
    clock
        Time of the server; the computer's by default. Share it with the client.
    is_addok
        Be a plain addok, which has no limit, and no `/geocodage` in its address.
    rate_per_s
        Requests allowed in a second; None for no limit.
    largest_limit
        Most candidates in an answer: 20 for the code of 2023, 50 for that of 2025.
    seed
        Of what is drawn: which requests are the share that meets a fault.
    """
    index = Index(places)
    fake = FakeBan(
        clock or Clock(),
        base="" if is_addok else "/geocodage",
        rate_per_s=None if is_addok else rate_per_s,
        seed=seed,
    )
    dialect: Dialect = National(index, largest_limit=largest_limit)
    if is_addok:
        dialect = Addok(index)
    with _Server(fake, dialect) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        fake.url = f"http://127.0.0.1:{server.server_port}{fake.base}"
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
            server.end_connections()
    if fake.crashes:
        raise fake.crashes[0]
