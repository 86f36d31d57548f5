"""A web server on loopback that says what it is told to, for the time of a test."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    time_s: float
    body: bytes = b""
    method: str = "GET"


@dataclass
class Script:
    """
    Answers to give, the last one for ever, and the requests that came.

    `reply`, if there is one, makes the answer from the request instead; `pause_s` is the time
    before each byte of a body.
    """

    url: str = ""
    answers: list[Answer] = field(default_factory=lambda: [(200, {}, b"{}")])
    asked: list[Asked] = field(default_factory=list)
    now_s: Callable[[], float] = time.monotonic
    reply: Callable[[Asked], Answer] | None = None
    pause_s: float = 0.0

    def next_answer(self, asked: Asked) -> Answer:
        if self.reply is not None:
            return self.reply(asked)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def scripted_server() -> Iterator[Script]:
    """Serve a script, to be filled while it runs."""
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers, time_s = dict(self.headers), script.now_s()
            asked = Asked(self.path, headers, time_s, sent, self.command)
            script.asked.append(asked)
            status, headers, body = script.next_answer(asked)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(ConnectionError):  # the client is allowed to leave
                self.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def write(self, body: bytes) -> None:
            if not script.pause_s:
                self.wfile.write(body)
                return
            for byte in body:
                time.sleep(script.pause_s)
                self.wfile.write(bytes([byte]))

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        script.url = f"http://127.0.0.1:{server.server_port}"
        yield script
        server.shutdown()
        thread.join()
