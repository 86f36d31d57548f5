import io
import json
import socket
from collections.abc import Iterator

import pytest
import requests
from scripted_server import Script, scripted_server

import siting
from siting.errors import BadAnswer, DataError, RateLimited, SourceError, SourceUnavailable
from siting.sources.endpoints import read_endpoint, read_retired_hosts
from siting.sources.http import Clock, HttpClient, RetryRule, checked_url, is_loopback

ADVICE = "Faites autrement."


class FakeClock(Clock):
    """Time that only passes when one waits."""

    def __init__(self) -> None:
        self.time_s = 1000.0
        self.waits: list[float] = []

    def now_s(self) -> float:
        return self.time_s

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
            response.raw = io.BytesIO(b"1")
            return response

        def close(self) -> None:
            pass

    client._session.mount("https://", Recorder())
    for _ in range(9):
        client.fetch_json("/x", {})
    assert asked[-1] - asked[0] == pytest.approx(8 / 4)


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
        "http://[::1]:7878",
        "http://10.1.2.3/addok",
        "http://192.168.0.4",
        "http://addok:7878",
        "http://geo.intranet",
    ],
)
def test_https_and_ones_own_network_are_accepted(url: str) -> None:
    assert checked_url(f" {url}/ ") == url


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
        ("https://example.org/?a=1", "«"),
        ("https://example.org/#a", "«"),
        ("https://example.org:99999", "lisible"),
        ("https://[::1", "lisible"),
        ("http://169.254.169.254/latest", "serveur"),
        ("http://0.0.0.0", "serveur"),
    ],
)
def test_other_addresses_are_refused_in_french(url: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        checked_url(url)
    assert "pw" not in str(caught.value)


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
