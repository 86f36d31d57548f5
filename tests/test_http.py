import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
import requests
import urllib3
from scripted_server import Script, scripted_server

import siting
from siting.errors import BadAnswer, DataError, RateLimited, SourceError, SourceUnavailable
from siting.sources.connections import checked_pools
from siting.sources.endpoints import read_endpoint, read_retired_hosts
from siting.sources.hosts import RefusedAddress
from siting.sources.http import HttpClient, RetryRule, checked_url, is_loopback
from siting.sources.pace import Clock, OwnPace

ADVICE = "Faites autrement."


class FakeClock(Clock):
    """Time that only passes when one waits."""

    def __init__(self) -> None:
        self.time_s = 1000.0
        self.waits: list[float] = []

    def now_s(self) -> float:
        return self.time_s

    def wall_s(self) -> float:
        return self.time_s + 1.8e9

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time_s += seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def script(clock: FakeClock) -> Iterator[Script]:
    with scripted_server() as script:
        script.now_s = clock.now_s
        yield script


@pytest.fixture
def url(script: Script) -> str:
    return script.url


@pytest.fixture
def client(url: str, clock: FakeClock) -> HttpClient:
    return HttpClient(url, advice=ADVICE, rate_per_s=10, clock=clock)


def test_a_form_is_posted_and_what_comes_back_is_taken_as_it_is(
    client: HttpClient, script: Script
) -> None:
    script.answers = [(200, {"X-Kind": "odd"}, b"\xff not JSON")]
    answer = client.post_form("/ask", {"data": "a=b & c", "n": "é"})
    assert (answer.body, answer.headers["x-kind"]) == (b"\xff not JSON", "odd")
    (asked,) = script.asked
    assert (asked.method, asked.path) == ("POST", "/ask")
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert asked.body == b"data=a%3Db+%26+c&n=%C3%A9"


def test_a_text_is_fetched_whatever_it_says(client: HttpClient, script: Script) -> None:
    script.answers = [(503, {}, b""), (200, {}, "prêt\n".encode())]
    assert client.fetch_text("/status") == "prêt\n"


def test_who_asks_and_the_largest_answer_may_be_said(
    url: str, clock: FakeClock, script: Script
) -> None:
    rule = RetryRule(largest_answer_bytes=3)
    client = HttpClient(
        url, advice=ADVICE, rate_per_s=1, rule=rule, clock=clock, user_agent="me/1 (+a@b.fr)"
    )
    script.answers = [(200, {}, b"123"), (200, {}, b"1234")]
    assert client.fetch_json("/x", {}) == 123
    assert script.asked[0].headers["User-Agent"] == "me/1 (+a@b.fr)"
    with pytest.raises(BadAnswer, match="démesurée"):
        client.fetch_json("/x", {})


def test_the_document_comes_back_and_the_client_says_who_it_is(
    client: HttpClient, script: Script
) -> None:
    script.answers = [(200, {}, b'{"features": [1]}')]
    assert client.fetch_json("/search", {"q": "rue d'été"}) == {"features": [1]}
    assert script.asked[0].path == "/search?q=rue+d%27%C3%A9t%C3%A9"
    assert script.asked[0].headers["User-Agent"] == f"siting/{siting.__version__}"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_fault_is_asked_again(client: HttpClient, script: Script, status: int) -> None:
    script.answers = [(status, {}, b"<html>"), (200, {}, b"[]")]
    assert client.fetch_json("/x", {}) == []
    assert len(script.asked) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
def test_a_refusal_is_final_and_quoted(client: HttpClient, script: Script, status: int) -> None:
    script.answers = [(status, {}, b'{"message":"Failed parsing query"}')]
    with pytest.raises(SourceError, match="Failed parsing query") as caught:
        client.fetch_json("/x", {"q": "secret"})
    assert len(script.asked) == 1
    assert caught.value.status == status
    assert ADVICE in str(caught.value)
    assert "secret" not in caught.value.url


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_lasting_fault_is_given_up_after_bounded_tries(
    client: HttpClient, script: Script, clock: FakeClock, status: int
) -> None:
    script.answers = [(status, {}, b"")]
    with pytest.raises(SourceUnavailable, match="panne") as caught:
        client.fetch_json("/x", {})
    assert caught.value.status == status
    assert len(script.asked) == 4
    # waits of 1, 2 and 4 s, each cut by half at most
    assert 3.5 <= sum(clock.waits) <= 7


def test_a_429_is_followed_by_five_seconds_of_silence_at_least(
    client: HttpClient, script: Script
) -> None:
    script.answers = [(429, {}, b""), (200, {}, b"1")]
    assert client.fetch_json("/x", {}) == 1
    assert script.asked[1].time_s - script.asked[0].time_s >= 5


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed(client: HttpClient, script: Script, status: int) -> None:
    script.answers = [(status, {"Retry-After": "17"}, b""), (200, {}, b"1")]
    assert client.fetch_json("/x", {}) == 1
    assert script.asked[1].time_s - script.asked[0].time_s == pytest.approx(17)


def test_a_silence_too_long_is_an_error_and_nothing_is_asked_during_it(
    client: HttpClient, script: Script, clock: FakeClock
) -> None:
    script.answers = [(429, {"Retry-After": "3600"}, b""), (200, {}, b"1")]
    with pytest.raises(RateLimited) as caught:
        client.fetch_json("/x", {})
    assert caught.value.retry_after_s == 3600
    with pytest.raises(RateLimited):
        client.fetch_json("/x", {})
    assert len(script.asked) == 1
    clock.time_s += 3600
    assert client.fetch_json("/x", {}) == 1


def test_retry_after_may_be_a_date_or_nonsense(client: HttpClient, script: Script) -> None:
    script.answers = [
        (503, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, b""),
        (503, {"Retry-After": "bientôt".encode().decode("latin-1")}, b""),
        (200, {}, b"1"),
    ]
    assert client.fetch_json("/x", {}) == 1


@pytest.mark.parametrize(
    "body", [b"<html>Portail</html>", b"", b'{"a":', b"\xff\xfe", b"[" * 99999]
)
def test_what_is_not_json_is_a_bad_answer(client: HttpClient, script: Script, body: bytes) -> None:
    script.answers = [(200, {}, body)]
    with pytest.raises(BadAnswer, match="autre chose que des données"):
        client.fetch_json("/x", {})
    assert len(script.asked) == 1


def test_a_cut_body_is_asked_again(client: HttpClient, script: Script) -> None:
    script.answers = [(200, {"Content-Length": "50"}, b'{"a": 1}'), (200, {}, b"1")]
    assert client.fetch_json("/x", {}) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"<ows:ExceptionReport>connect timed out</ows:ExceptionReport>",
        b"",
        b'"timeout"',
        b'{"code": 500, "message": "upstream"}',
        b'{"message": ["?"]}',
    ],
)
def test_a_400_that_no_geocoder_said_is_asked_again_once(
    client: HttpClient, script: Script, body: bytes
) -> None:
    script.answers = [(400, {}, body), (200, {}, b"1")]
    assert client.fetch_json("/x", {}) == 1
    script.answers = [(400, {}, body)]
    with pytest.raises(SourceError, match="HTTP 400"):
        client.fetch_json("/x", {})
    assert len(script.asked) == 2 + 2


@pytest.mark.parametrize(
    "body",
    [
        b'{"code":400,"message":"Failed parsing query","detail":["q: required param"]}',
        b'{"code":400,"message":"Too many rows in CSV file"}',
        b'{"title":"Missing parameter","description":"The \\"q\\" parameter is required."}',
    ],
)
def test_a_400_of_a_geocoder_is_final(client: HttpClient, script: Script, body: bytes) -> None:
    script.answers = [(400, {}, body)]
    with pytest.raises(SourceError, match="HTTP 400"):
        client.fetch_json("/x", {})
    assert len(script.asked) == 1


def test_a_file_is_posted_with_its_fields_in_order(client: HttpClient, script: Script) -> None:
    script.answers = [(200, {"X-Rows-Count": "1"}, "n,é\n".encode())]
    fields = [("columns", "q"), ("columns", "ville"), ("type", "kind"), ("columns", "été")]
    answer = client.post_file("/csv", fields=fields, file=("a.csv", "n,q\n1,été\n".encode()))
    assert answer.body == "n,é\n".encode()
    assert answer.headers["x-rows-count"] == "1"
    (asked,) = script.asked
    assert (asked.method, asked.path) == ("POST", "/csv")
    boundary = asked.headers["Content-Type"].removeprefix("multipart/form-data; boundary=")
    parts = asked.body.decode().split(f"--{boundary}")[1:-1]
    read = [part.strip("\r\n").partition("\r\n\r\n") for part in parts]
    assert [(head.partition("name=")[2], content) for head, _, content in read[:-1]] == [
        (f'"{name}"', value) for name, value in fields
    ]
    head, _, content = read[-1]
    assert 'name="data"; filename="a.csv"' in head
    assert content == "n,q\n1,été"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_file_is_posted_again_after_a_passing_fault(
    client: HttpClient, script: Script, status: int
) -> None:
    script.answers = [(status, {}, b""), (200, {}, b"n")]
    assert client.post_file("/x", fields=[], file=("a.csv", b"n\n1\n")).body == b"n"
    first, second = (asked.body.split(b"\r\n\r\n", 1)[1] for asked in script.asked)
    assert first.startswith(b"n\n1\n")
    assert second.startswith(b"n\n1\n")


def test_a_file_may_take_longer_than_a_question(url: str, script: Script) -> None:
    rule = RetryRule(n_attempts=1, read_timeout_s=0.05, file_read_timeout_s=5)
    client = HttpClient(url, advice=ADVICE, rate_per_s=10, rule=rule)

    def answer(_: object) -> tuple[int, dict[str, str], bytes]:
        time.sleep(0.2)
        return 200, {}, b"1"

    script.reply = answer
    assert client.post_file("/x", fields=[], file=("a.csv", b"")).body == b"1"
    with pytest.raises(SourceUnavailable, match="délai dépassé"):
        client.fetch_json("/x", {})


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_file_is_not_lost_in_a_redirection(
    client: HttpClient, script: Script, status: int
) -> None:
    script.answers = [(status, {"Location": "/y"}, b"")]
    with pytest.raises(BadAnswer, match="renvoie vers"):
        client.post_file("/x", fields=[], file=("a.csv", b"n"))
    assert len(script.asked) == 1


@pytest.mark.parametrize("status", [307, 308])
def test_a_file_follows_a_redirection_that_keeps_it(
    client: HttpClient, script: Script, status: int
) -> None:
    script.answers = [(status, {"Location": "/y"}, b""), (200, {}, b"1")]
    client.post_file("/x", fields=[("columns", "q")], file=("a.csv", b"n"))
    first, second = script.asked
    assert (second.method, second.path, second.body) == ("POST", "/y", first.body)


def test_a_body_that_trickles_is_left(url: str, script: Script) -> None:
    """Forty bytes at 20 ms are 0.8 s, and each comes well within the time of one read."""
    script.answers = [(200, {}, b" " * 39 + b"1")]
    script.pause_s = 0.02
    rule = RetryRule(n_attempts=1, total_s=0.2, file_total_s=0.2)
    client = HttpClient(url, advice=ADVICE, rate_per_s=10, rule=rule)
    start_s = time.monotonic()
    with pytest.raises(SourceUnavailable, match="trop lentement"):
        client.fetch_json("/x", {})
    with pytest.raises(SourceUnavailable, match="trop lentement"):
        client.post_file("/x", fields=[], file=("a.csv", b"n"))
    assert time.monotonic() - start_s < 0.7


@contextmanager
def raw_server(lines: bytes, *, pause_s: float) -> Iterator[str]:
    """Say these bytes one by one, whatever is asked."""

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            try:
                for byte in lines:
                    time.sleep(pause_s)
                    connection.sendall(bytes([byte]))
            except OSError:
                pass  # the client has left

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def test_headers_that_trickle_are_left() -> None:
    rule = RetryRule(n_attempts=1, read_timeout_s=0.2)
    with raw_server(b"HTTP/1.0 200 OK\r\nX-A: aaaaaaaaaaaaaaaaa\r\n\r\n1", pause_s=0.03) as url:
        client = HttpClient(url, advice=ADVICE, rate_per_s=10, rule=rule)
        start_s = time.monotonic()
        with pytest.raises(SourceUnavailable, match="délai dépassé"):
            client.fetch_json("/x", {})
        assert time.monotonic() - start_s < 0.6


def test_an_endless_answer_is_refused(client: HttpClient, script: Script) -> None:
    script.answers = [(200, {}, b" " * 20_000_001)]
    with pytest.raises(BadAnswer, match="démesurée"):
        client.fetch_json("/x", {})


@pytest.mark.parametrize(
    "location",
    ["https://example.org/login", "http://example.org/", "//evil.test/x", "", "ftp://a/"],
)
def test_no_redirection_to_another_host_is_followed(
    client: HttpClient, script: Script, location: str
) -> None:
    script.answers = [(302, {"Location": location}, b"")]
    with pytest.raises(BadAnswer, match="renvoie vers"):
        client.fetch_json("/x", {})
    assert len(script.asked) == 1


def test_a_redirection_inside_the_host_is_followed(client: HttpClient, script: Script) -> None:
    script.answers = [(301, {"Location": "/y/"}, b""), (200, {}, b"1")]
    assert client.fetch_json("/x", {"q": "a"}) == 1
    assert script.asked[1].path == "/y/"


def test_redirections_end(client: HttpClient, script: Script) -> None:
    script.answers = [(302, {"Location": "/again"}, b"")]
    with pytest.raises(BadAnswer, match="sans fin"):
        client.fetch_json("/x", {})


def test_nobody_there_is_said_with_what_to_do(clock: FakeClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    client = HttpClient(f"http://127.0.0.1:{port}", advice=ADVICE, rate_per_s=10, clock=clock)
    with pytest.raises(SourceUnavailable, match="ne répond pas") as caught:
        client.fetch_json("/x", {"q": "secret"})
    assert caught.value.status is None
    assert ADVICE in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_server_that_says_nothing_is_left() -> None:
    rule = RetryRule(n_attempts=1, read_timeout_s=0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        client = HttpClient(url, advice=ADVICE, rate_per_s=10, rule=rule)
        with pytest.raises(SourceUnavailable, match="délai dépassé"):
            client.fetch_json("/x", {})


def test_total_time_is_bounded(url: str, script: Script, clock: FakeClock) -> None:
    rule = RetryRule(n_attempts=100, first_wait_s=8, total_s=60)
    client = HttpClient(url, advice=ADVICE, rate_per_s=10, rule=rule, clock=clock)
    script.answers = [(502, {}, b"")]
    with pytest.raises(SourceUnavailable):
        client.fetch_json("/x", {})
    assert clock.now_s() - 1000 <= 60


def test_loopback_is_not_slowed_down(client: HttpClient, clock: FakeClock) -> None:
    for _ in range(5):
        client.fetch_json("/x", {})
    assert clock.waits == []


def test_another_server_is_asked_at_the_rate_and_no_faster(clock: FakeClock) -> None:
    client = HttpClient("https://example.org", advice=ADVICE, rate_per_s=4, clock=clock)
    asked: list[float] = []

    class Recorder(requests.adapters.BaseAdapter):
        """Transport that notes the time and answers at once."""

        def send(self, request: requests.PreparedRequest, **_: object) -> requests.Response:
            asked.append(clock.now_s())
            response = requests.Response()
            response.status_code, response.request, response.url = 200, request, request.url
            response.raw = urllib3.HTTPResponse(io.BytesIO(b"1"), preload_content=False)
            return response

        def close(self) -> None:
            pass

    client._session.mount("https://", Recorder())
    for _ in range(9):
        client.fetch_json("/x", {})
    assert asked[-1] - asked[0] == pytest.approx(8 / 4)


def test_clients_that_share_a_pace_share_the_rate_and_the_silence(
    url: str, script: Script, clock: FakeClock
) -> None:
    pace = OwnPace(clock)
    one, other = (
        HttpClient(url, advice=ADVICE, rate_per_s=10, clock=clock, pace=pace) for _ in range(2)
    )
    script.answers = [(429, {"Retry-After": "3600"}, b""), (200, {}, b"1")]
    for client in (one, other):
        with pytest.raises(RateLimited):
            client.fetch_json("/x", {})
    assert len(script.asked) == 1


def test_a_date_in_retry_after_is_obeyed(
    client: HttpClient, script: Script, clock: FakeClock
) -> None:
    until = format_datetime(datetime.fromtimestamp(clock.wall_s() + 21, UTC), usegmt=True)
    script.answers = [(503, {"Retry-After": until}, b""), (200, {}, b"1")]
    assert client.fetch_json("/x", {}) == 1
    assert script.asked[1].time_s - script.asked[0].time_s == pytest.approx(21)


def test_the_proxy_of_the_system_is_not_used_for_this_computer(
    monkeypatch: pytest.MonkeyPatch, client: HttpClient, script: Script
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    script.answers = [(200, {}, b"1")]
    assert client.fetch_json("/x", {}) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://data.geopf.fr/geocodage",
        "http://localhost:7878",
        "http://127.0.0.1:1",
        "http://127.3.4.5",
        "http://[::1]:7878",
        "http://[::ffff:127.0.0.1]",
    ],
)
def test_https_and_this_computer_are_accepted(url: str) -> None:
    assert checked_url(f" {url}/ ") == url


@pytest.mark.parametrize(
    "url",
    [
        "http://10.1.2.3/addok",
        "http://192.168.0.4",
        "https://192.168.0.4",
        "https://[fd12:3456::1]",
        "https://[::ffff:10.0.0.1]",
        "https://100.64.0.1",
        "http://addok:7878",
        "https://addok",
        "http://geo.intranet",
        "https://2130706433",
    ],
)
def test_ones_own_network_is_accepted_when_it_is_said(url: str) -> None:
    with pytest.raises(DataError, match="--private-network"):
        checked_url(url)
    assert checked_url(url, allow_private=True) == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://data.geopf.fr/geocodage", "https"),
        ("http://8.8.8.8", "https"),
        ("ftp://127.0.0.1", "adresse web"),
        ("file:///etc/passwd", "adresse web"),
        ("data.geopf.fr", "adresse web"),
        ("", "adresse web"),
        ("https://", "adresse web"),
        ("https://user:pw@example.org", "mot de passe"),
        ("ftp://user:pw@example.org", "mot de passe"),
        ("https://user:pw@example.org:99999", "lisible"),
        ("https://user:pw@[::1", "lisible"),
        ("user:pw@example.org", "adresse web"),
        ("https://a@b:pw@example.org", "mot de passe"),
        ("https://example.org/?key=pw", "«"),
        ("https://example.org/#pw", "«"),
        ("http://example.org/?key=pw#pw", "«"),
        ("https://example.org/?a=1", "«"),
        ("https://example.org/#a", "«"),
        ("https://example.org:99999", "lisible"),
        ("https://[::1", "lisible"),
        ("http://169.254.169.254/latest", "serveur"),
        ("http://0.0.0.0", "serveur"),
        ("https://[::]", "serveur"),
        ("https://[fe80::1]", "serveur"),
        ("https://[::ffff:169.254.169.254]", "serveur"),
        ("https://[fd00:ec2::254]", "serveur"),
        ("https://100.100.100.200", "serveur"),
        ("https://224.0.0.1", "serveur"),
    ],
)
@pytest.mark.parametrize("allow_private", [False, True])
def test_other_addresses_are_refused_in_french(url: str, said: str, *, allow_private: bool) -> None:
    with pytest.raises(DataError, match=said) as caught:
        checked_url(url, allow_private=allow_private)
    assert "pw" not in str(caught.value)


def resolved(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let any name lead to these addresses, one a time, the last one for ever."""
    left = list(addresses)

    def lookup(_: str, port: int, *__: object, **___: object) -> list[object]:
        address = left.pop(0) if len(left) > 1 else left[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


@pytest.mark.parametrize(
    "address", ["10.0.0.5", "127.0.0.1", "192.168.1.1", "fd12::1", "::1", "::ffff:10.0.0.5"]
)
def test_a_name_that_leads_to_a_private_address_needs_the_option(
    monkeypatch: pytest.MonkeyPatch, clock: FakeClock, address: str
) -> None:
    resolved(monkeypatch, address)
    client = HttpClient("https://geo.example.org", advice=ADVICE, rate_per_s=10, clock=clock)
    with pytest.raises(SourceError, match="--private-network"):
        client.fetch_json("/x", {"q": "secret"})
    assert clock.waits == []


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "fd00:ec2::254", "::"])
def test_no_option_leads_to_the_secrets_of_a_cloud(
    monkeypatch: pytest.MonkeyPatch, clock: FakeClock, address: str
) -> None:
    resolved(monkeypatch, address)
    client = HttpClient(
        "http://geo.intranet", advice=ADVICE, rate_per_s=10, clock=clock, allow_private=True
    )
    with pytest.raises(SourceError, match="n'est pas celle d'un serveur"):
        client.fetch_json("/x", {})


def test_a_private_server_answers_with_the_option(
    monkeypatch: pytest.MonkeyPatch, clock: FakeClock, script: Script
) -> None:
    resolved(monkeypatch, "127.0.0.1")
    url = script.url.replace("127.0.0.1", "geo.intranet")
    client = HttpClient(url, advice=ADVICE, rate_per_s=10, clock=clock, allow_private=True)
    script.answers = [(200, {}, b"1")]
    assert client.fetch_json("/x", {}) == 1


def test_a_name_that_changes_its_mind_gets_no_request(
    monkeypatch: pytest.MonkeyPatch, script: Script
) -> None:
    """A public address when it is looked at, this computer when it is connected to."""
    resolved(monkeypatch, "93.184.216.34", "127.0.0.1")
    port = int(script.url.rpartition(":")[2])
    pool = checked_pools(allow_private=False)["http"]("rebound.example.org", port)
    with pytest.raises(RefusedAddress, match="privée"):
        pool.urlopen("GET", "/x", retries=False)
    assert script.asked == []
    pool.close()


def test_loopback_is_this_computer_only() -> None:
    assert is_loopback("http://127.0.0.1:80")
    assert is_loopback("http://[::1]/a")
    assert is_loopback("http://localhost")
    assert not is_loopback("https://localhost.example.org")
    assert not is_loopback("http://10.0.0.1")


def test_the_endpoint_is_data_with_licence_limits_and_date() -> None:
    endpoint = read_endpoint("geoplateforme")
    assert endpoint.url == "https://data.geopf.fr/geocodage"
    assert endpoint.licence == "Licence Ouverte 2.0"
    assert endpoint.attribution == "Base Adresse Nationale"
    assert (endpoint.rate_per_s, endpoint.rate_cap_per_s) == (10, 45)
    assert len(endpoint.checked_on) == len("2026-01-31")
    assert [host.host for host in read_retired_hosts()] == ["api-adresse.data.gouv.fr"]
    assert json.dumps(endpoint.title, ensure_ascii=False).isprintable()
