"""The web server on loopback, and how it breaks what it sends."""

from __future__ import annotations

import codecs
import socket
import struct
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from fakes.asked import Asked
from fakes.clock import FakeClock
from fakes.control import FakeBan
from fakes.dialect import Dialect
from fakes.faults import Fault
from fakes.replies import Reply, page
from siting.sources.pace import Clock


class Server(ThreadingHTTPServer):
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
    server: Server

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
