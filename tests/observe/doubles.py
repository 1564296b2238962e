"""Doubles of what a log sees: exchanges that are over, their attempts, and a clock whose zone is known."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.values.request import Request
from pydsl_proxy.wire.connection.forwarded import Identity
from pydsl_proxy.wire.http.head import RequestFields

#: 2026-11-22 17:36:06.250 UTC.
NOW = 1795368966.25


class FakePeer:
    """A peer, which has a name."""

    def __init__(self, name: str) -> None:
        self.name = name


class FakeAttempt:
    """One try at one peer."""

    def __init__(self, peer: str, status: int, took: float, previous: FakeAttempt | None = None) -> None:
        self.peer = FakePeer(peer)
        self.status = status
        self.took = took
        self.previous = previous


class FakeExchange:
    """An exchange that is over: ``GET /a?b=c`` from 192.0.2.7, answered 200 with 12 bytes after a second."""

    def __init__(
        self,
        fields: bytes = b"host: example.com",
        *,
        method: bytes = b"GET",
        target: bytes = b"/a?b=c",
        minor: int = 1,
        status: int = 200,
        sent: int = 12,
        error: ProxyError | None = None,
        attempt: FakeAttempt | None = None,
    ) -> None:
        self.method = method
        self.target = target
        self.minor = minor
        self.fields = section(fields)
        self.identity = Identity("192.0.2.7", 40000, "https", 443)
        self.started = NOW - 1
        self.status = status
        self.sent = sent
        self.received: int | None = None
        self.error = error
        self.attempt = attempt

    @property
    def request(self) -> Request:
        """The request as text."""
        host = self.fields.host_name.decode("latin-1")
        client = self.identity
        return Request(self, client.address, client.port, client.scheme, host, b"/a", client.server_port)


def section(lines: bytes) -> RequestFields:
    """A header section, as its reader leaves it but unchecked, so that a test may put anything in."""
    fields = RequestFields(b"", b"")
    for line in filter(None, lines.split(b"\n")):
        start = len(fields.raw)
        fields.raw += b"\r\n" + line
        fields.spans.append((line.partition(b":")[0].lower(), start, len(fields.raw)))
    fields._lower = None
    fields.host_name = fields.get(b"host") or b""
    return fields


def refused(line: bytes) -> FakeExchange:
    """A request that could not be read."""
    error = ProxyError(Source.CLIENT, 400, "bad_request", "Host is missing")
    return FakeExchange(b"", method=line, target=b"", minor=-1, status=400, sent=0, error=error)


def seconds() -> float:
    """A clock that stands."""
    return NOW


class ZoneTestCase(SynchronousTestCase):
    """Tests for which it is known what time it is."""

    zone = "UTC0"

    def setUp(self) -> None:
        """The time zone of the machine has no say."""
        self.in_zone(self.zone)

    def in_zone(self, zone: str) -> None:
        """Until the end of the test, local time is that of *zone*, as POSIX writes it."""
        self.addCleanup(_set_zone(zone))


def _set_zone(zone: str | None) -> Callable[[], object]:
    before = os.environ.pop("TZ", None)
    if zone is not None:
        os.environ["TZ"] = zone
    time.tzset()
    return lambda: _set_zone(before)
