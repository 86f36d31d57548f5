"""Files of many questions: what is written, and which answers are taken for whole."""

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest
from addok_server import addok_server, why_missing
from fakes import faults
from fakes.ban import FakeBan, fake_ban
from fakes.clock import FakeClock
from fakes.faults import Fault
from fakes.index import Place, Town
from fakes.replies import page, refusal
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import Asked, scripted_server

from siting.asking import Answer, Ask, Spot
from siting.errors import BadAnswer, DataError, SourceError, SourceUnavailable
from siting.sources.ban import BanGeocoder
from siting.sources.ban_csv import (
    MOST_ROWS,
    RowStatus,
    Upload,
    files_of,
    is_national,
    read_rows,
    reverse_upload,
    search_upload,
)
from siting.sources.http import RetryRule

URL = "https://data.geopf.fr/geocodage"
ASKS = [
    Ask(query="12 rue de l'Église", citycode="93066"),
    Ask(query='5 rue "x", Pantin'),
    Ask(query="xyzzy; plugh"),
]
FOUND = {
    "longitude": "2.3575",
    "latitude": "48.9357",
    "result_label": "12 Rue de l’Église 93200 Saint-Denis",
    "result_score": "0.9345",
    "result_type": "housenumber",
    "result_housenumber": "12",
    "result_name": "12 Rue de l’Église",
    "result_city": "Saint-Denis",
    "result_citycode": "93066",
    "result_score_next": "0.71",
    "result_street": "Rue de l’Église",
    "result_postcode": "93200",
    "result_oldcitycode": "93059",
    "result_status": "ok",
}
ADDOK_FOUND = {
    "latitude": "48.9357",
    "longitude": "2.3575",
    "result_label": "12 Rue de l’Église 93200 Saint-Denis",
    "result_score": "0.93",
    "result_score_next": "0",
    "result_type": "housenumber",
    "result_id": "93066_1_00012",
    "result_housenumber": "12",
    "result_name": "Rue de l’Église",
    "result_citycode": "93066",
    "result_city": "Saint-Denis",
}


def table(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))


def written(rows: Sequence[Mapping[str, str]], *, end: str = "\n") -> bytes:
    """Write the rows of an answer; columns are those of the first one."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), restval="", lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def answer_of(upload: Upload, *results: Mapping[str, str], names: Sequence[str]) -> bytes:
    blank = dict.fromkeys(names, "")
    rows = table(upload.body)
    return written([row | blank | result for row, result in zip(rows, results, strict=True)])


def national(*results: Mapping[str, str], asks: Sequence[Ask] = ASKS) -> tuple[Upload, bytes]:
    upload = search_upload(asks, is_national=True)
    names = [value for name, value in upload.fields if name == "result_columns"]
    return upload, answer_of(upload, *results, names=names)


def addok(*results: Mapping[str, str], asks: Sequence[Ask] = ASKS) -> tuple[Upload, bytes]:
    upload = search_upload(asks, is_national=False)
    body = answer_of(upload, *results, names=list(ADDOK_FOUND)).replace(b"\n", b"\r\n")
    return upload, b"\xef\xbb\xbf" + body


def test_the_dialect_is_in_the_path() -> None:
    assert is_national("https://data.geopf.fr/geocodage")
    assert is_national("http://127.0.0.1:80/geocodage/")
    assert not is_national("https://api-adresse.data.gouv.fr")
    assert not is_national("http://127.0.0.1:7878")


def test_a_file_has_a_number_the_text_and_the_limits_that_some_row_has() -> None:
    upload = search_upload(ASKS, is_national=True)
    assert upload.path == "/search/csv"
    assert upload.body.decode() == (
        '"n","q","citycode"\n'
        '"0","12 rue de l\'Église","93066"\n'
        '"1","5 rue ""x"", Pantin",""\n'
        '"2","xyzzy; plugh",""\n'
    )
    sent = [field for field in upload.fields if field[0] != "result_columns"]
    assert sent == [("columns", "q"), ("citycode", "citycode")]
    assert upload.fields[-1] == ("result_columns", "result_status")


def test_a_file_for_addok_says_its_format_and_wants_low_scores_too() -> None:
    upload = search_upload([Ask(query="Pantin", kind="municipality")], is_national=False)
    assert upload.path == "/search/csv/"
    assert upload.body == b'"n","q","type"\n"0","Pantin","municipality"\n'
    assert upload.fields == (
        ("columns", "q"),
        ("type", "type"),
        ("delimiter", ","),
        ("quote", '"'),
        ("min_score", "0"),
    )


@pytest.mark.parametrize("code", ["1004", "2a004", "93 010", "x", "930100", "٩٣٠١٠"])
def test_limits_that_the_service_does_not_check_are_checked(code: str) -> None:
    upload = search_upload([Ask(query="Pantin", citycode=code, kind="ville")], is_national=True)
    assert upload.body == b'"n","q"\n"0","Pantin"\n'
    assert [name for name, _ in upload.fields if name in {"citycode", "type"}] == []


def test_a_file_has_one_kind_only() -> None:
    asks = [Ask(query=f"rue {rank}", kind=("", "street")[rank % 2]) for rank in range(7)]
    assert list(files_of(asks, most_rows=3)) == [
        (asks[0], asks[2], asks[4]),
        (asks[6],),
        (asks[1], asks[3], asks[5]),
    ]
    assert list(files_of([], most_rows=3)) == []


def test_the_longest_file_is_far_under_the_limits_of_the_service() -> None:
    widest = "a" + "é" * 198 + "€"
    quotes = "a" + '"' * 199
    for text in (widest, quotes, "a" + "日" * 199):
        asks = [Ask(query=text, citycode="93066", kind="municipality")] * 100
        n_bytes = len(search_upload(asks, is_national=True).body) * MOST_ROWS / 100
        assert n_bytes < 3.4e6 < 50 * 2**20
    assert MOST_ROWS < 200_000


def test_a_national_answer_is_read() -> None:
    rows = read_rows(
        *national(FOUND, {"result_status": "not-found"}, {"result_status": "skipped"}), {}, url=URL
    )
    assert [row.status for row in rows] == [RowStatus.OK, RowStatus.NOT_FOUND, RowStatus.SKIPPED]
    found = rows[0].candidate
    assert found is not None
    assert (found.lon, found.lat, found.score) == (2.3575, 48.9357, 0.9345)
    assert (found.housenumber, found.street) == ("12", "Rue de l’Église")
    assert (found.kind, found.citycode, found.oldcitycode) == ("housenumber", "93066", "93059")
    assert (found.name, found.postcode) == ("12 Rue de l’Église", "93200")
    assert rows[0].score_next == 0.71
    assert [row.candidate for row in rows[1:]] == [None, None]
    assert rows[1].score_next == 0


def test_an_addok_answer_is_read() -> None:
    """Nothing says that a row was not found, but that all is empty; `0` is no second one."""
    rows = read_rows(*addok(ADDOK_FOUND, {}, {}), {}, url=URL)
    found = rows[0].candidate
    assert found is not None
    assert (found.name, found.street) == ("12 Rue de l’Église", "Rue de l’Église")
    assert (found.score, found.citycode) == (0.93, "93066")
    assert rows[0].score_next == 0
    assert [row.status for row in rows[1:]] == [RowStatus.NOT_FOUND, RowStatus.NOT_FOUND]


def test_rows_may_come_in_another_order() -> None:
    upload, body = national(FOUND, {"result_status": "not-found"}, {"result_status": "error"})
    header, *lines = body.splitlines(keepends=True)
    rows = read_rows(upload, header + b"".join(reversed(lines)), {}, url=URL)
    assert [row.status for row in rows] == [RowStatus.OK, RowStatus.NOT_FOUND, RowStatus.ERROR]


@pytest.mark.parametrize(
    ("score", "score_next", "is_noted"),
    [("1", "0.9", True), ("1", "", False), ("0.999", "0.9", False)],
)
def test_a_score_of_one_beside_another_may_be_no_score(
    score: str, score_next: str, *, is_noted: bool
) -> None:
    result = FOUND | {"result_score": score, "result_score_next": score_next}
    (row,) = read_rows(*national(result, asks=ASKS[:1]), {}, url=URL)
    assert row.candidate is not None
    assert row.candidate.score == float(score)
    assert bool(row.note) == is_noted


@pytest.mark.parametrize("place", ["", "abc", "NaN", "1e400", "48,85", "٤٨", "91"])
def test_a_row_found_nowhere_has_no_candidate(place: str) -> None:
    (row,) = read_rows(*national(FOUND | {"latitude": place}, asks=ASKS[:1]), {}, url=URL)
    assert (row.status, row.candidate) == (RowStatus.OK, None)


@pytest.mark.parametrize("dialect", [national, addok])
def test_an_answer_cut_at_any_byte_is_whole_or_refused(
    dialect: Callable[..., tuple[Upload, bytes]],
) -> None:
    results: tuple[dict[str, str], ...] = (FOUND, {"result_status": "not-found"}, FOUND)
    if dialect is addok:
        results = (ADDOK_FOUND, {}, ADDOK_FOUND)
    upload, body = dialect(*results)
    whole = read_rows(upload, body, {}, url=URL)
    taken = []
    for at in range(len(body)):
        try:
            rows = read_rows(upload, body[:at], {}, url=URL)
        except BadAnswer:
            continue
        assert repr(rows) == repr(whole)
        taken.append(at)
    # Only the end of the last line may lack.
    assert all(not body[at:].strip() for at in taken)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _: b"", "incompl"),
        (lambda _: b"<html>Portail</html>", "colonnes manquantes"),
        (lambda body: body.replace(b"result_score,", b"score,"), "result_score"),
        (lambda body: body.replace(b"n,q", b"m,q"), "colonnes manquantes : n"),
        (lambda body: body.replace(b"result_status", b"statut"), "result_status"),
        (lambda body: body.replace(b"not-found", b"perdu"), "statut"),
        (lambda body: body.replace(b"\n1,", b"\n0,"), "3 lignes pour 3"),
        (lambda body: body.replace(b"\n1,", b"\n7,"), "lignes"),
        (lambda body: body.replace(b"\n1,", b"\n01,"), "lignes"),
        (lambda body: body + body.splitlines(keepends=True)[-1], "4 lignes pour 3"),
        (lambda body: b"".join(body.splitlines(keepends=True)[:-1]), "2 lignes pour 3"),
        (lambda body: body.replace(b"result_city,", b"result_name,"), "manquantes"),
        (lambda body: body + b'"', "incompl"),
        (lambda body: body.decode().encode("latin-1", errors="replace"), "incompl"),
    ],
)
def test_an_answer_that_is_not_as_announced_is_refused(
    change: Callable[[bytes], bytes], said: str
) -> None:
    upload, body = national(FOUND, {"result_status": "not-found"}, FOUND)
    with pytest.raises(BadAnswer, match=said) as caught:
        read_rows(upload, change(body), {}, url=URL)
    assert caught.value.url == f"{URL}/search/csv"
    assert "Église" not in str(caught.value)


@pytest.mark.parametrize(("count", "is_right"), [("3", True), ("2", False), ("", True)])
def test_the_count_that_the_service_tells_must_be_right(count: str, *, is_right: bool) -> None:
    upload, body = national(FOUND, FOUND, FOUND)
    headers = {"x-rows-count": count}
    if is_right:
        assert len(read_rows(upload, body, headers, url=URL)) == 3
    else:
        with pytest.raises(BadAnswer, match="2 lignes lues"):
            read_rows(upload, body, headers, url=URL)


json_text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)


@given(st.dictionaries(st.sampled_from(sorted(FOUND)), json_text))
def test_no_value_in_a_cell_makes_it_fail(changes: dict[str, str]) -> None:
    upload, body = national(FOUND | changes, asks=ASKS[:1])
    try:
        (row,) = read_rows(upload, body, {}, url=URL)
    except BadAnswer:
        assert changes["result_status"] not in set(RowStatus)
        return
    if row.candidate is not None:
        assert abs(row.candidate.lon) <= 180
        assert math.isnan(row.candidate.score) or 0 <= row.candidate.score <= 1


def test_places_are_written_in_columns_that_both_dialects_know() -> None:
    for there, path in ((True, "/reverse/csv"), (False, "/reverse/csv/")):
        upload = reverse_upload([("2.350000", "48.930000")], is_national=there)
        assert upload.path == path
        assert upload.body == b'"n","longitude","latitude"\n"0","2.350000","48.930000"\n'


NEAREST = FOUND | {
    "result_longitude": "2.3574",
    "result_latitude": "48.9356",
    "result_distance": "17",
    "result_score": "0.9983",
}


@pytest.mark.parametrize("is_written_over", [False, True])
def test_the_nearest_address_has_a_distance_and_no_score(*, is_written_over: bool) -> None:
    upload = reverse_upload([("2.350000", "48.930000")], is_national=True)
    result = dict(NEAREST)
    if is_written_over:  # as some versions of the service do
        result |= {"longitude": "2.3574", "latitude": "48.9356"}
        result |= {"result_longitude": "", "result_latitude": ""}
    else:
        del result["longitude"], result["latitude"]
    (row,) = read_rows(upload, answer_of(upload, result, names=[*result]), {}, url=URL)
    assert row.candidate is not None
    assert (row.candidate.lon, row.candidate.lat) == (2.3574, 48.9356)
    assert row.candidate.distance_m == 17
    assert math.isnan(row.candidate.score)


PANTIN = Town(citycodes=("93055",), postcode="93500", city="Pantin")
BONDY = Town(citycodes=("93010",), postcode="93140", city="Bondy")
PLACES = [
    Place(name="Rue Carnot", housenumber=str(number), town=town, lon=lon, lat=48.9 + number / 1e4)
    for town, lon in ((PANTIN, 2.4), (BONDY, 2.48))
    for number in range(1, 31)
]
QUESTIONS = [
    Ask(query=f"{place.housenumber} {place.name} {place.town.city}") for place in PLACES
] + [Ask(query="xyzzy plugh"), Ask(query="!?")]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=[False, True], ids=["national", "addok"])
def fake(request: pytest.FixtureRequest, clock: FakeClock) -> Iterator[FakeBan]:
    with fake_ban(PLACES, clock=clock, is_addok=request.param) as fake:
        yield fake


def geocoder_of(fake: FakeBan, *, rows_per_file: int = 20) -> BanGeocoder:
    return BanGeocoder(fake.url, clock=fake.clock, rows_per_file=rows_per_file)


def places_of(
    geocoder: BanGeocoder, asks: Sequence[Ask] = QUESTIONS, *, is_bulk: bool = True
) -> list[object]:
    got = list(geocoder.answers(asks, is_bulk=is_bulk))
    answers = dict(got)
    assert len(got) == len(answers)
    assert set(answers) == set(asks)
    assert all(isinstance(answer, Answer) for answer in answers.values())
    return [
        [(found.label, found.lon, found.lat) for found in answers[ask].candidates[:1]]
        for ask in asks
    ]


EXPECTED = [[(place.label, place.lon, place.lat)] for place in PLACES] + [[], []]


def test_files_find_what_single_questions_find(fake: FakeBan) -> None:
    assert places_of(geocoder_of(fake)) == EXPECTED
    assert [asked.path.rstrip("/").rpartition("/")[2] for asked in fake.asked] == [
        "search",  # the probe
        *("csv", "csv", "csv"),  # 61 questions by 20
        "search",  # and the last one
    ]
    assert places_of(geocoder_of(fake), is_bulk=False) == EXPECTED


def test_answers_of_a_file_say_that_they_are_not_whole(fake: FakeBan) -> None:
    got = dict(geocoder_of(fake).answers(QUESTIONS[:2], is_bulk=True))
    answer = got[QUESTIONS[0]]
    assert isinstance(answer, Answer)
    assert not answer.is_whole
    assert len(answer.candidates) == 1
    assert answer.endpoint == fake.url
    assert answer.asked_on == "2027-01-15"  # 1.8e9 s after 1970
    again = dict(geocoder_of(fake).answers(QUESTIONS[:2], is_bulk=False))[QUESTIONS[0]]
    assert isinstance(again, Answer)
    assert again.is_whole


FAULTS = {
    "a block in error": faults.failing_blocks(0),
    "cut": faults.cut(700),
    "cut and seen": faults.cut(700, is_told=True),
    "a row missing": faults.without_row(3),
    "a row twice": faults.row_twice(3),
    "a row for another": faults.row_replaced(3, by=4),
    "mixed": faults.rows_mixed(1),
    "no score": faults.without_column("result_score"),
    "no number": faults.without_column("n"),
    "a wrong count": faults.row_count(19),
    "portal": faults.PORTAL,
    "portal elsewhere": faults.PORTAL_REDIRECT,
    "bad gateway": faults.BAD_GATEWAY,
    "too many": faults.TOO_MANY,
    "time-out in a 400": faults.WRAPPED_TIMEOUT,
    "reset": faults.RESET,
    "byte order mark": faults.BOM,
    "no position": faults.with_fields({"lat": faults.ABSENT}),
    "too large": Fault(reply=refusal(400, "File too large")),
    "no such page": Fault(reply=page(404, "Not Found")),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("on", [1, None], ids=["once", "always"])
def test_no_fault_of_files_loses_or_mixes_a_row(
    fake: FakeBan, fault: Fault, on: int | None
) -> None:
    fake.order(fault, on=on, path="/csv")
    assert places_of(geocoder_of(fake)) == EXPECTED


def test_a_row_that_the_engine_cannot_stand_is_asked_alone(fake: FakeBan) -> None:
    fake.order(faults.poison("7 Rue Carnot Pantin"), path="/csv")
    assert places_of(geocoder_of(fake)) == EXPECTED


def test_a_block_in_error_is_never_a_row_not_found(clock: FakeClock) -> None:
    """The block fails, and then each of its rows alone: failures, not answers without place."""
    with fake_ban(PLACES, clock=clock) as fake:
        fake.order(faults.failing_blocks(0), on=2, path="/csv")
        fake.order(faults.SERVER_ERROR, holding="Rue Carnot Pantin", path="/search")
        geocoder = geocoder_of(fake)
        got = dict(geocoder.answers(QUESTIONS[:40], is_bulk=True))
    assert all(isinstance(got[ask], Answer) for ask in QUESTIONS[:20])
    failed = [ask for ask in QUESTIONS[20:30] if isinstance(got[ask], SourceUnavailable)]
    assert failed == QUESTIONS[20:30]


def test_the_order_of_events_when_the_service_dies_in_the_middle(clock: FakeClock) -> None:
    with fake_ban(PLACES, clock=clock) as fake:
        fake.order(faults.BAD_GATEWAY, on=range(3, 10_000))  # after the probe and a file
        got = dict(geocoder_of(fake).answers(QUESTIONS[:60], is_bulk=True))
        assert len(fake.asked) <= 2 + 4 * (3 + 5 + 1)  # 4 tries of 3 files, 5 questions, a probe
    assert all(isinstance(got[ask], Answer) for ask in QUESTIONS[:20])
    assert all(isinstance(got[ask], SourceUnavailable) for ask in QUESTIONS[20:60])


@pytest.mark.parametrize("fault", [faults.PORTAL, faults.BAD_GATEWAY, faults.PORTAL_REDIRECT])
def test_no_address_is_sent_to_what_does_not_answer_the_probe(fake: FakeBan, fault: Fault) -> None:
    fake.order(fault)
    with pytest.raises(SourceError):
        list(geocoder_of(fake).answers(QUESTIONS, is_bulk=True))
    assert fake.holding("Carnot") == []


def test_nothing_but_number_text_and_limits_leave(fake: FakeBan) -> None:
    asks = [
        Ask(query="12 rue Carnot", citycode="93055"),
        Ask(query="9 rue Carnot", citycode="CANARI"),
        Ask(query="Pantin", kind="municipality"),
        Ask(query="Bondy", kind="CANARI"),
    ]
    places_of(geocoder_of(fake), asks)
    files = [asked for asked in fake.asked if asked.file is not None]
    assert [list(asked.table[0]) for asked in files] == [["n", "q", "citycode"]]
    assert [row["n"] for row in files[0].table] == ["0", "1", "2"]
    assert files[0].file is not None
    assert files[0].file[0] == "adresses.csv"
    assert fake.holding("CANARI") == []


@pytest.fixture(scope="module", params=[False, True], ids=["national", "addok"])
def free_fake(request: pytest.FixtureRequest) -> Iterator[FakeBan]:
    with fake_ban(PLACES, is_addok=request.param, rate_per_s=None) as fake:
        yield fake


asks = st.builds(
    Ask,
    query=st.text(st.characters(), max_size=260) | st.text("aœé日'\" 1", max_size=210),
    citycode=st.sampled_from(["", "93055", "2A004"]) | st.text(max_size=6),
    kind=st.sampled_from(["", "street", "municipality", "ville"]) | st.text(max_size=4),
)


@given(st.lists(asks, max_size=4))
def test_the_service_never_has_to_refuse(free_fake: FakeBan, asked: list[Ask]) -> None:
    geocoder = BanGeocoder(free_fake.url)
    for is_bulk in (True, False):
        got = dict(geocoder.answers(asked, is_bulk=is_bulk))
        assert set(got) == set(asked)
        assert all(isinstance(answer, Answer) for answer in got.values())
    assert {request.status for request in free_fake.asked} <= {200}
    free_fake.asked.clear()


@given(
    st.lists(
        st.builds(
            Spot,
            lon=st.floats(allow_nan=True) | st.floats(-180, 180) | st.just(0.0),
            lat=st.floats(allow_nan=True) | st.floats(-90, 90),
        ),
        max_size=4,
    )
)
def test_the_service_never_has_to_refuse_a_place(free_fake: FakeBan, spots: list[Spot]) -> None:
    geocoder = BanGeocoder(free_fake.url)
    for is_bulk in (True, False):
        got = list(geocoder.addresses_at(spots, is_bulk=is_bulk))
        assert len(got) == len(dict.fromkeys(spots))
        assert all(isinstance(answer, Answer) for _, answer in got)
    assert {asked.status for asked in free_fake.asked} <= {200}
    free_fake.asked.clear()


def test_places_have_the_nearest_address_by_files_and_alone(fake: FakeBan) -> None:
    """0.0001 degree of latitude are 11 m; nobody lives at sea, nor 11 km to the east."""
    spots = [Spot(lon=2.4, lat=round(48.9 + number / 1e4 + 2e-5, 6)) for number in range(1, 4)]
    spots += [Spot(lon=-5.0, lat=47.0), Spot(lon=0.0, lat=48.9), Spot(lon=math.nan, lat=1.0)]
    for is_bulk in (True, False):
        got = dict(geocoder_of(fake).addresses_at(spots, is_bulk=is_bulk))
        assert set(got) == set(spots)
        found = [answer for answer in got.values() if isinstance(answer, Answer)]
        assert len(found) == len(spots)
        near = [answer.candidates[0] for answer in found if answer.candidates]
        assert sorted(one.label for one in near) == [
            f"{number} Rue Carnot 93500 Pantin" for number in (1, 2, 3)
        ]
        assert {one.distance_m for one in near} == {2.0}  # 2.2 m, in whole metres
        assert all(math.isnan(one.score) for one in near)


def test_a_place_on_the_meridian_of_greenwich_is_asked_alone() -> None:
    """The files of the service take a longitude of 0 for none."""
    mill = Place(name="Rue du Moulin", housenumber="2", town=PANTIN, lon=0.0, lat=48.9)
    spots = [Spot(lon=0.0, lat=48.9), Spot(lon=0.0002, lat=48.9)]
    with fake_ban([mill]) as fake:
        got = dict(BanGeocoder(fake.url).addresses_at(spots, is_bulk=True))
        assert [asked.path.rpartition("/")[2] for asked in fake.asked] == [
            "search",
            "csv",
            "reverse",
        ]
    for spot in spots:
        answer = got[spot]
        assert isinstance(answer, Answer)
        assert answer.candidates[0].label == "2 Rue du Moulin 93500 Pantin"


@pytest.mark.parametrize("size", [0, -1, 5001])
def test_files_have_a_size_that_the_service_bears(size: int) -> None:
    with pytest.raises(DataError, match="de 1 à 5000"):
        BanGeocoder(rows_per_file=size)


def test_ten_thousand_questions_go_in_ten_files(clock: FakeClock) -> None:
    """All limits of a file at once: rows, bytes, and one request a file."""

    def reply(asked: Asked) -> tuple[int, dict[str, str], bytes]:
        if asked.method == "GET":
            return 200, {}, json.dumps({"features": []}).encode()
        content = asked.body.split(b"\r\n\r\n")[-1].rpartition(b"\r\n--")[0]
        rows = table(content)
        assert len(rows) == 1000
        assert len(asked.body) < 50 * 2**20
        blank = dict.fromkeys(FOUND, "") | {"result_status": "not-found"}
        return 200, {"x-rows-count": "1000"}, written([row | blank for row in rows])

    with scripted_server() as script:
        script.reply = reply
        geocoder = BanGeocoder(f"{script.url}/geocodage", clock=clock, rule=RetryRule())
        asks = [Ask(query=f"{number} rue Carnot") for number in range(10_000)]
        got = dict(geocoder.answers(asks, is_bulk=True))
        assert list(got) == asks
        assert len(script.asked) == 1 + 10


def document(name: str, kind: str, *numbers: str) -> dict[str, object]:
    """One line of the index of addok; numbers lie 0.001 degree of longitude apart."""
    doors = {
        number: {"id": number, "lon": 2.4 + rank / 1000, "lat": 48.9}
        for rank, number in enumerate(numbers, start=1)
    }
    return {
        "id": name,
        "type": kind,
        "name": name,
        "citycode": "93055",
        "postcode": "93500",
        "city": "Pantin",
        "importance": 0.4,
        "lon": 2.4,
        "lat": 48.9,
        "housenumbers": doors,
    }


@pytest.fixture(scope="module")
def real_addok() -> Iterator[str]:
    if why_missing():
        pytest.skip(why_missing())
    documents = [
        document("Rue Carnot", "street", "1", "2", "2bis", "12"),
        document("Place de l’Église", "street", "3"),
        document("Les Quatre Vents", "locality"),
        document("Pantin", "municipality"),
    ]
    with addok_server(documents) as url:
        yield url


REAL_QUESTIONS = [
    Ask(query="12 rue Carnot Pantin", citycode="93055"),
    Ask(query="2 bis rue Carnot"),
    Ask(query="2 rue Carnot", kind="housenumber"),
    Ask(query="3 place de l'Église, 'Pantin' et 'Bobigny'"),
    Ask(query='12 rue "Carnot"; Pantin | x'),
    Ask(query="rue Carnot", kind="street"),
    Ask(query="Quatre Vents"),
    Ask(query="Pantin", citycode="93055", kind="municipality"),
    Ask(query="rue Karno Les Lilas Romainville Bagnolet"),  # a low score
    Ask(query="xyzzy plugh"),
    Ask(query="12 rue Carnot", citycode="2A004"),  # elsewhere
    Ask(query="a" + "œ" * 199),  # 399 signs for addok: one would fail the file
]


def test_a_real_addok_finds_by_files_what_it_finds_alone(
    real_addok: str, caplog: pytest.LogCaptureFixture
) -> None:
    geocoder = BanGeocoder(real_addok)
    together = dict(geocoder.answers(REAL_QUESTIONS, is_bulk=True))
    alone = dict(geocoder.answers(REAL_QUESTIONS, is_bulk=False))
    names = ["label", "lon", "lat", "kind", "name", "street", "housenumber", "citycode", "city"]
    n_found = 0
    for ask in REAL_QUESTIONS:
        files, single = together[ask], alone[ask]
        assert isinstance(files, Answer)
        assert isinstance(single, Answer)
        best = [
            [getattr(found, name) for name in names]
            for answer in (files, single)
            for found in answer.candidates[:1]
        ]
        assert len(best) in {0, 2}
        if best:
            n_found += 1
            assert best[0] == best[1]
            scores = [answer.candidates[0].score for answer in (files, single)]
            assert scores[0] == pytest.approx(scores[1], abs=0.0051)  # two decimals
    assert n_found == 9
    assert caplog.text == ""


def test_a_real_addok_finds_numbers_beside_rows_of_another_kind(real_addok: str) -> None:
    """In a file with a column for the type, addok looks for no number where it is empty."""
    asks = [
        Ask(query="Pantin", kind="municipality"),
        Ask(query="12 rue Carnot"),
        Ask(query="Pantin 93500", kind="municipality"),
        Ask(query="1 rue Carnot"),
    ]
    got = dict(BanGeocoder(real_addok).answers(asks, is_bulk=True))
    found = [answer.candidates[0].housenumber for answer in got.values()]  # type: ignore[union-attr]
    assert sorted(found) == ["", "", "1", "12"]


@pytest.mark.parametrize("is_bulk", [True, False])
def test_a_real_addok_finds_the_address_of_places(real_addok: str, *, is_bulk: bool) -> None:
    """0.0001 degree of latitude are 11.1 m, whole metres are kept."""
    spots = [Spot(lon=2.404, lat=48.9001), Spot(lon=2.5, lat=48.9), Spot(lon=0.0, lat=48.9)]
    got = dict(BanGeocoder(real_addok).addresses_at(spots, is_bulk=is_bulk))
    near, *far = (got[spot] for spot in spots)
    assert isinstance(near, Answer)
    assert near.candidates[0].label == "12 Rue Carnot 93500 Pantin"
    assert near.candidates[0].distance_m == 11
    assert math.isnan(near.candidates[0].score)
    assert [answer.candidates for answer in far] == [(), ()]  # type: ignore[union-attr]
