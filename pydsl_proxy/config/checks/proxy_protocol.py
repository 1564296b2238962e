"""What can be wrong with the PROXY protocol when servers share a listener."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydsl_proxy.config.servers import Http, Server
from pydsl_proxy.config.streams.stream import Stream
from pydsl_proxy.errors import ConfigError


def check_proxy_headers(config: Http) -> Iterator[ConfigError]:
    """The header comes before a server can be chosen, so all servers of a listener must agree."""
    yield from _shared(config.servers, "servers")
    yield from _shared(config.streams, "streams")


def _shared(every: Sequence[Server | Stream], word: str) -> Iterator[ConfigError]:
    firsts: dict[str, Server | Stream] = {}
    for server in every:
        for listen in server.listen:
            first = firsts.setdefault(listen, server)
            if set(first.proxy_protocol) != set(server.proxy_protocol):
                yield ConfigError(
                    f"the {word} at {listen!r} differ in proxy_protocol=…; the other one: {first.origin}",
                    origin=server.origin,
                    hint="give all of them the same list, or let them listen at different ports",
                )
