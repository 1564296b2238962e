"""What can be wrong with TLS when servers share a listener."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pydsl_proxy.config.servers import Http, Server
from pydsl_proxy.config.streams.stream import Stream
from pydsl_proxy.config.tls.server import OF_LISTENER, differing
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.handlers.redirect_to_https import ToHttps


def check_tls(config: Http) -> Iterator[ConfigError]:
    """Every mistake in what the servers of *config* say about TLS."""
    yield from _shared(config.servers, "server")
    yield from _shared(config.streams, "stream")
    for server in config.servers:
        yield from _loops(server)
    yield from _elsewhere(config)


def _shared(every: Sequence[Server | Stream], word: str) -> Iterator[ConfigError]:
    firsts: dict[str, Server | Stream] = {}
    for server in every:
        for listen in server.listen:
            yield from _beside(firsts.setdefault(listen, server), server, listen, word)


def _beside(first: Server | Stream, server: Server | Stream, listen: str, word: str) -> Iterator[ConfigError]:
    """A port speaks TLS or does not, and OpenSSL settles some of it before it knows the server's name."""
    if bool(first.tls) != bool(server.tls):
        yield ConfigError(
            f"of the {word}s at {listen!r} some have tls=… and some have not; the other one: {first.origin}",
            origin=server.origin,
            hint="give all of them tls=…, or let those without listen at another port",
        )
    elif server.tls and first is not server:
        for name in differing(first.tls[0], server.tls[0], OF_LISTENER):
            yield ConfigError(
                f"the {word}s at {listen!r} differ in tls({name}=…), which is one for a listener; the other one: "
                f"{first.tls[0].origin}",
                origin=server.tls[0].origin,
                hint=f"give both the same {name}=…",
            )


def _loops(server: Server) -> Iterator[ConfigError]:
    for location in server.locations:
        if server.tls and isinstance(location.handler, ToHttps) and location.handler.port is None:
            yield ConfigError(
                "redirect_to_https() in a server with tls=… leads to itself",
                origin=location.origin,
                hint="write it in a server without tls=…, as server(80)",
            )


def _elsewhere(config: Http) -> Iterator[ConfigError]:
    """Whether browsers are sent to 443 while TLS is at other ports; what stands in front may map one to the other."""
    ports = {_port(listen) for server in config.servers if server.tls for listen in server.listen}
    if not ports or None in ports or 443 in ports:
        return
    for server in config.servers:
        for location in server.locations:
            if isinstance(location.handler, ToHttps) and location.handler.port is None:
                known = sorted(port for port in ports if port is not None)
                yield ConfigError(
                    f"redirect_to_https() leads to port 443, and TLS is at {', '.join(map(str, known))}",
                    origin=location.handler.origin,
                    hint=f"write redirect_to_https(port={known[0]}); or port=443, if that port is mapped to it",
                    warning=True,
                )


def _port(listen: str) -> int | None:
    """The port of an endpoint string; None if it is not known, as with port 0 and sockets of systemd."""
    found = re.match(r"tcp6?:(?:port=)?(\d+)(?::|\Z)", listen)
    return int(found[1]) or None if found else None
