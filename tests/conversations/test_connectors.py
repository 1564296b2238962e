"""Conversations with peers that are spoken to by a connector of the user's own."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import peer, server, upstream
from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import Attempt, ConnectionPool, Dial, StreamTransport, Trailers
from pydsl_proxy.testing import run
from pydsl_proxy.wire.http1.response_writer import own_response
from tests.support.messages import GET


class LineConnection(Protocol):
    """One line goes out, one comes back."""

    transport: StreamTransport  # type: ignore[assignment]  # more than Protocol promises

    def __init__(self, home: ConnectionPool, attempt: Attempt, greeting: bytes) -> None:
        self._home = home
        self._attempt: Attempt | None = attempt
        self._greeting = greeting

    def connectionMade(self) -> None:
        """Ask."""
        assert self._attempt is not None
        self.send(self._attempt)

    def send(self, attempt: Attempt) -> None:
        """Send the greeting and the path."""
        self._attempt = attempt
        attempt.connection = self
        self.transport.write(self._greeting + attempt.exchange.path + b"\n")

    def dataReceived(self, data: bytes) -> None:
        """The answer; the connection is kept."""
        attempt, self._attempt = self._attempt, None
        assert attempt is not None
        if not self._home.release(self):
            self.transport.loseConnection()
        attempt.answered(own_response(200, data), data, True)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is gone."""
        attempt, self._attempt = self._attempt, None
        if attempt is None:
            self._home.forget(self)
        else:
            attempt.failed(ProxyError(Source.PEER, 502, "closed", f"peer {self._home.name} closed"))

    def abandon(self) -> None:
        """Nobody asks any more."""
        self._attempt = None
        self.transport.abortConnection()

    def close(self) -> None:
        """Close an idle one."""
        self.transport.loseConnection()

    def send_body(self, data: bytes) -> None:
        """There is none."""

    def send_end(self, trailers: Trailers) -> None:
        """There is none."""

    def pauseProducing(self) -> None:
        """An answer is one read."""

    def resumeProducing(self) -> None:
        """An answer is one read."""

    def stopProducing(self) -> None:
        """An answer is one read."""


@frozen
class Lines:
    """A connector of the user's own."""

    greeting: bytes = b"> "

    def compile(self, home: ConnectionPool, dial: Dial) -> Callable[[Attempt], Callable[[], None]]:
        """Opens a connection for an attempt."""
        return lambda attempt: dial(attempt, lambda: LineConnection(home, attempt, self.greeting))


class OwnConnectorTests(SynchronousTestCase):
    """``upstream(…, via=…)``."""

    def test_spoken(self) -> None:
        """Peers are spoken to by it, and its connections are kept by the upstream."""
        client, peers = run(upstream("app", "a:1", via=Lines()))
        for _ in range(2):
            client.sends(GET)
            peers["a:1"].expects(b"> /\n")
            peers["a:1"].sends(b"hello")
            self.assertTrue(client.takes().endswith(b"\r\n\r\nhello"))
        self.assertEqual(len(peers["a:1"].connections), 1)

    def test_failing(self) -> None:
        """Health and retries are those of all upstreams."""
        client, peers = run(upstream("app", peer("a:1", weight=9), "b:1", via=Lines()))
        peers["a:1"].refuses()
        for _ in range(2):
            client.sends(GET)
            peers["b:1"].expects(b"> /\n")
            peers["b:1"].sends(b"other")
            self.assertTrue(client.takes().endswith(b"\r\n\r\nother"))

    def test_two(self) -> None:
        """Each upstream has its own; without one it is HTTP/1.1."""
        client, peers = run(
            server(80)
            .location("/").proxy_to(upstream("lines", "a:1", via=Lines(b"")))
            .location("/web").proxy_to(upstream("web", "b:1"))
        )  # fmt: skip
        peers["b:1"].answers(200, b"web")
        self.assertEqual(client.request("GET", "/web").text, "web")
        client.sends(GET)
        peers["a:1"].expects(b"/\n")
