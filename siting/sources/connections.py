"""Connections to a web server: to which addresses, and how long for its first words."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from siting.sources.hosts import RefusedAddress, address_of, check_address


class _Checked(HTTPConnection):
    """A connection that looks where it leads, and that does not listen to a trickle."""

    is_private_allowed = False

    def connect(self) -> None:
        """
        Connect, if every address of the host may be asked, and so may the one reached.

        The second look comes before any request is sent: a name that changes in between
        (DNS rebinding) gets at most the opening of a TLS connection.
        """
        for address in _addresses(self.host, self.port):
            self._check(address)
        super().connect()
        try:
            self._check(str(self.sock.getpeername()[0]))
        except RefusedAddress:
            self.close()
            raise

    def getresponse(self) -> HTTPResponse:  # type: ignore[override] # as in urllib3
        """Read the status and the headers, all of them within the time limit of one read."""
        with self._cut_after(self.timeout):
            return super().getresponse()

    def _check(self, text: str) -> None:
        address = address_of(text)
        if address is not None:
            check_address(self.host, address, allow_private=self.is_private_allowed)

    @contextmanager
    def _cut_after(self, limit_s: float | None) -> Iterator[None]:
        """Close the line from another thread when the time is over: then it is a time-out."""
        is_late = threading.Event()
        sock = self.sock

        def cut() -> None:
            is_late.set()
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

        timer = threading.Timer(limit_s or threading.TIMEOUT_MAX, cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (OSError, http.client.HTTPException) as error:
            if is_late.is_set():
                raise TimeoutError("headers came too slowly") from error
            raise
        finally:
            timer.cancel()
        if is_late.is_set():  # what was read looks whole, for a line that ends is an end
            raise TimeoutError("headers came too slowly")


def checked_pools(*, allow_private: bool) -> dict[str, type[HTTPConnectionPool]]:
    """
    Return the pools of connections by scheme, for `urllib3.PoolManager`.

    They serve direct connections only: behind a proxy the name is resolved by the proxy,
    and what that reaches is not seen from here.
    """

    class Plain(_Checked):
        is_private_allowed = allow_private

    class Encrypted(_Checked, HTTPSConnection):
        is_private_allowed = allow_private

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}


def _addresses(host: str, port: int) -> list[str]:
    """Addresses of a host as the system knows them; none for a name that it does not."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []  # connecting will fail, and say so
    return [str(sockaddr[0]) for *_, sockaddr in found]
