"""Which protocols the listeners speak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pydsl_proxy.config.servers import Server
from pydsl_proxy.config.streams.stream import Stream

#: What a listener speaks over TLS, most wanted first (ALPN).
HTTP_1: Final = (b"http/1.1",)
HTTP_2: Final = (b"h2", b"http/1.1")


def alpn_of(server: Server | Stream) -> tuple[bytes, ...]:
    """The protocols over TLS at the listeners of *server*; what is in the TLS of a stream is not known."""
    if isinstance(server, Stream):
        return ()
    return HTTP_1 if server.http2 is False else HTTP_2


def prefaces_of(chosen: Mapping[str, Sequence[Server]]) -> dict[str, bool]:
    """The endpoints at which clients may speak HTTP/2, and whether there its preface is enough to say so.

    The servers of a listener agree.
    """
    return {
        listen: servers[0].http2 == "prior-knowledge"
        for listen, servers in chosen.items()
        if servers[0].http2 == "prior-knowledge" or (servers[0].tls and alpn_of(servers[0]) is HTTP_2)
    }
