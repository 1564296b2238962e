"""What can be wrong with streams when the whole is known."""

from __future__ import annotations

from collections.abc import Iterator

from pydsl_proxy.config.servers import Http, Server
from pydsl_proxy.errors import ConfigError


def check_streams(config: Http) -> Iterator[ConfigError]:
    """Every mistake in where the streams of *config* listen."""
    served: dict[str, Server] = {}
    for server in config.servers:
        for listen in server.listen:
            served.setdefault(listen, server)
    for stream in config.streams:
        for listen in stream.listen:
            if listen in served:
                yield ConfigError(
                    f"a stream and a server listen at {listen!r}; the server: {served[listen].origin}",
                    origin=stream.origin,
                    hint="let one of them listen at another port: what comes there is HTTP, or is passed on unread",
                )
