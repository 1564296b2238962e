"""Requests that could not be read, and streams, which have none, as a log writes them."""

from __future__ import annotations

import re

from pydsl_proxy.observe.logged_exchange import LoggedExchange
from pydsl_proxy.values.request import Request
from pydsl_proxy.wire.http.protocols import PROTOCOLS

_read_line = re.compile(rb"([!-~]+) ([!-~]+) (HTTP/1\.[01]|HTTP/2\.0)").fullmatch


class Refused:
    """A refused request, its line taken apart where that can be done; or a stream, whose line is ``TCP``.

    nginx likewise logs method and URI of a request that it refuses for its fields, and neither of one that it refuses
    for its line.  ``line`` is that line; ``minor`` is below 0 if it could not be read.
    """

    __slots__ = (
        "attempt",
        "error",
        "fields",
        "identity",
        "line",
        "method",
        "minor",
        "received",
        "request",
        "sent",
        "started",
        "status",
        "target",
    )

    def __init__(self, exchange: LoggedExchange) -> None:
        self.line = exchange.method
        match = _read_line(self.line)
        self.method, self.target = match.group(1, 2) if match else (b"", b"")
        self.minor = PROTOCOLS.index(match[3].decode()) if match else exchange.minor
        self.fields = exchange.fields
        self.identity = client = exchange.identity
        self.request = Request(
            self, client.address, client.port, client.scheme, "", b"", client.server_port, client.tls
        )
        self.started = exchange.started
        self.status = exchange.status
        self.sent = exchange.sent
        self.received = exchange.received
        self.error = exchange.error
        self.attempt = exchange.attempt
