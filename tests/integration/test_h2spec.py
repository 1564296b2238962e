"""The cases of h2spec against a proxy of its own process, over TLS and with prior knowledge, on real sockets."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.support import PATIENCE, Program, folder, free_port, proxy, python_peer, reach, shared
from tests.support.authorities import Authority
from tests.support.h2spec import CASES, GREETING, Case, Frame, Verdict, taken_apart

AT_ONCE = 8
SECURE, PLAIN = free_port(), free_port()
GET = next(case for case in CASES if case.name == "generic/4/1")
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
CONTEXT.check_hostname, CONTEXT.verify_mode = False, ssl.CERT_NONE
CONTEXT.set_alpn_protocols(["h2"])


def peer() -> Program:
    """The peer, which answers a request with a body when that is complete."""
    return python_peer()


def both() -> Program:
    """A proxy with a port for TLS and one for prior knowledge."""
    files = folder()
    Authority().issue("localhost").save(files, "localhost")
    config = f"""
from pydsl_proxy import http, server, tls, upstream

app = upstream("app", "127.0.0.1:{shared(peer).port}")
pair = tls("{files}/localhost.pem", "{files}/localhost.key")
proxy = http(
    server("tcp:{SECURE}:interface=127.0.0.1", tls=pair).location("/").proxy_to(app, path="/hello"),
    server("tcp:{PLAIN}:interface=127.0.0.1", http2="prior-knowledge").location("/").proxy_to(app, path="/hello"),
    access_log=None,
    shutdown_grace=0,
)
"""
    return proxy(config, PLAIN)


def secure() -> socket.socket:
    """A connection on which TLS has agreed on HTTP/2."""
    connection = CONTEXT.wrap_socket(reach(SECURE), server_hostname="localhost")
    if connection.selected_alpn_protocol() != "h2":
        connection.close()
        raise AssertionError("HTTP/2 was not agreed on")
    return connection


def plain() -> socket.socket:
    """A connection without TLS."""
    return reach(PLAIN)


class Client:
    """One connection for one case; *end* is when waiting ends."""

    def __init__(self, connection: socket.socket, end: float) -> None:
        self._connection = connection
        self._end = end
        self._received = b""
        self.is_closed = False

    @property
    def frames(self) -> tuple[Frame, ...]:
        """All that have come."""
        return tuple(taken_apart(self._received))

    def send(self, data: bytes) -> None:
        """Send *data*, unless the proxy has closed."""
        try:
            self._connection.sendall(data)
        except OSError:
            # What was received before may still be read.
            return

    def holds(self, verdict: Verdict) -> bool:
        """Receive until *verdict* holds; whether it does before the connection is closed or the time is over."""
        while not (held := verdict(self.frames, self.is_closed)) and not self.is_closed:
            left = self._end - monotonic()
            if left <= 0:
                break
            self._connection.settimeout(left)
            try:
                some = self._connection.recv(65536)
            except TimeoutError:
                break
            except OSError:
                some = b""
            self._received += some
            self.is_closed = not some
        return held


def fault(connect: Callable[[], socket.socket], case: Case, end: float) -> str:
    """What is not as the case has it; empty if nothing is."""
    with connect() as connection:
        client = Client(connection, end)
        for step in (GREETING, *case.steps) if case.greets else case.steps:
            if isinstance(step, bytes):
                client.send(step)
            elif not client.holds(step):
                return f"{case.name}: what a step waits for did not come: {client.frames} {client.is_closed}"
        if client.holds(case.verdict):
            return ""
        return f"{case.name}: {client.frames} {client.is_closed}"


def faults(connect: Callable[[], socket.socket], cases: Iterable[Case]) -> list[str]:
    """The faults of all cases, some at once, all of them within one bound."""
    shared(both)
    end = monotonic() + PATIENCE
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [each for each in pool.map(lambda case: fault(connect, case, end), cases) if each]


class H2SpecTests(SynchronousTestCase):
    """Each case has a connection of its own; whatever it was, others are answered afterwards."""

    def passes(self, connect: Callable[[], socket.socket]) -> None:
        """All cases pass, and the proxy still answers."""
        self.assertEqual(faults(connect, CASES), [])
        self.assertEqual(fault(connect, GET, monotonic() + PATIENCE), "")

    def test_over_tls(self) -> None:
        """All of them pass where ALPN has agreed on HTTP/2."""
        self.passes(secure)

    def test_with_prior_knowledge(self) -> None:
        """All of them pass without TLS too."""
        self.passes(plain)
