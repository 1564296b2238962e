"""HTTP/2 to peers, as gRPC needs it: many requests at a time on one connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from attrs import frozen

from pydsl_proxy.connectors.http2.pool import Http2Pool
from pydsl_proxy.errors.numbers import count
from pydsl_proxy.interfaces import Attempt, ConnectionPool, Dial
from pydsl_proxy.origin.spelling import call, options

# RFC 9113 6.5.2 recommends no fewer; nginx takes 128 from its clients.
STREAMS = 100


@frozen(repr=False)
class H2Connector:
    """What :func:`http2` gives."""

    #: What is offered by ALPN, and must be chosen, where there is TLS.
    alpn: ClassVar[bytes] = b"h2"
    #: Requests of several clients go over one connection.
    shares_connections: ClassVar[bool] = True

    streams: int = STREAMS

    def __repr__(self) -> str:
        return call("http2", options(self, "streams"))

    def compile(self, home: ConnectionPool, dial: Dial) -> Callable[[Attempt], Callable[[], None]]:
        """See :class:`~pydsl_proxy.interfaces.Connector`."""
        return Http2Pool(home, dial, self.streams).connect


def http2(*, streams: int = STREAMS) -> H2Connector:
    """Peers are spoken to in HTTP/2: ``upstream(…, via=http2())``, nginx's ``grpc_pass``.

    In the clear the peer must know that it is HTTP/2 from the first
    byte on, as servers of gRPC do (h2c with prior knowledge); with ``tls=upstream_tls()`` it must choose ``h2`` by
    ALPN.  A connection carries *streams* requests at a time, or fewer if the peer says so; when all are full another
    one is made.
    """
    count("http2(streams=…)", streams, least=1)
    return H2Connector(streams)
