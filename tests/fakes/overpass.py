"""
A server of Overpass on loopback, for a test: `/api/interpreter` and `/api/status`.

`fake_overpass(world)` answers questions about a world (`fakes.overpass_world`); it knows the part
of the language that is in `fakes.overpass_ql`, and answers 400 in HTML to the rest. A test says
what goes wrong (`server.control.order`, with the faults below or those of `fakes.faults`), how
much one answer may hold (`most_elements`), and looks at what was asked.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from fakes.asked import Asked
from fakes.control import FakeBan
from fakes.dialect import Dialect
from fakes.faults import Fault
from fakes.overpass_ql import QueryError, Run, run
from fakes.overpass_world import World, document
from fakes.replies import Reply, json_reply, page
from fakes.server import Server
from siting.sources.pace import Clock

TIMED_OUT = 'runtime error: Query timed out in "query" at line 4 after 181 seconds.'
OUT_OF_MEMORY = 'runtime error: Query run out of memory in "recurse" using about 2048 MB of RAM.'
DISPATCHER = "runtime error: open64: 0 Success /osm3s_osm_base Dispatcher_Client::request_read"

TOO_MANY = Fault(reply=page(429, "Please check /api/status for the quota of your IP address."))
NOT_ACCEPTABLE = Fault(reply=page(406, "Not Acceptable"))
FORBIDDEN = Fault(reply=page(403, "Forbidden"))
BAD_QUERY = Fault(reply=page(400, "parse error: Unknown type"))

FREE = (
    "Connected as: 1\nCurrent time: 2026-01-31T00:00:00Z\nRate limit: 2\n2 slots available now.\n"
)


def no_slot_before(*waits_s: int) -> Fault:
    """Let the status page say that slots come free after these."""
    lines = [f"Slot available after: 2026-01-31T00:01:00Z, in {wait} seconds." for wait in waits_s]
    return Fault(reply=_plain("\n".join(["Connected as: 1", "Rate limit: 2", *lines]) + "\n"))


def remarked(remark: object, *found: dict[str, object]) -> Fault:
    """Answer 200, with these elements and a remark."""
    return Fault(reply=json_reply(document(list(found), remark=remark)))


@dataclass
class FakeOverpass:
    """
    The server, for the test.

    `most_elements` is the most that one answer holds before the server runs out of memory: it
    then prints that many and a remark. `busiest` is the most questions answered side by side;
    each takes `pause_s` of real time.
    """

    control: FakeBan
    world: World
    most_elements: int | None = None
    pause_s: float = 0.0
    busiest: int = 0
    runs: list[Run] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.control.url

    @property
    def questions(self) -> list[Asked]:
        return [one for one in self.control.asked if one.path.endswith("/interpreter")]


class _Overpass(Dialect):
    def __init__(self, fake: FakeOverpass) -> None:
        self._fake = fake
        self._lock = threading.Lock()
        self._n_now = 0

    def reply(self, asked: Asked, path: str, _fault: Fault) -> Reply:
        if path == "/status" and asked.method == "GET":
            return _plain(FREE)
        if path != "/interpreter" or asked.method != "POST":
            return page(404, f"Cannot {asked.method} {path}")
        with self._lock:
            self._n_now += 1
            self._fake.busiest = max(self._fake.busiest, self._n_now)
        threading.Event().wait(self._fake.pause_s)
        try:
            return self._answer(asked)
        finally:
            with self._lock:
                self._n_now -= 1

    def _answer(self, asked: Asked) -> Reply:
        fields = parse_qs(asked.body.decode(), strict_parsing=True)
        try:
            done = run(fields["data"][0], self._fake.world)
        except QueryError as error:
            return page(400, f"parse error: {error}")
        self._fake.runs.append(done)
        most = self._fake.most_elements
        if most is not None and len(done.printed) > most:
            return json_reply(document(done.printed[:most], remark=OUT_OF_MEMORY))
        return json_reply(document(done.printed))


@contextmanager
def fake_overpass(world: World, *, clock: Clock | None = None) -> Iterator[FakeOverpass]:
    """Serve a world for a while; `url` is what a client is given."""
    control = FakeBan(clock or Clock(), base="/api", rate_per_s=None, seed=0)
    fake = FakeOverpass(control, world)
    with Server(control, _Overpass(fake)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        control.url = f"http://127.0.0.1:{server.server_port}{control.base}"
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
            server.end_connections()
    if control.crashes:
        raise control.crashes[0]


def _plain(text: str) -> Reply:
    return Reply(headers={"content-type": "text/plain"}, body=text.encode())


def cut_json(answer: dict[str, object], at: int) -> Fault:
    """Answer the start of an answer, as if that were all of it."""
    body = json.dumps(answer).encode()[:at]
    return Fault(reply=Reply(headers={"content-type": "application/json"}, body=body))
