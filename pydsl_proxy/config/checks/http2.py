"""Whether clients of a server may speak HTTP/2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, TypeAlias

from pydsl_proxy.errors import ConfigError

if TYPE_CHECKING:
    from pydsl_proxy.config.servers import Http, Server

#: None offers HTTP/2 over TLS.
Http2: TypeAlias = 'Literal["prior-knowledge"] | bool | None'


def as_http2(given: Http2, *, secure: bool) -> Http2:
    """What ``server(http2=…)`` was given, checked; *secure* says that the server has ``tls=…``."""
    if given is not None and not isinstance(given, bool) and given != "prior-knowledge":
        raise ConfigError(f"server(http2={given!r}) is not known", hint='write http2=True, False or "prior-knowledge"')
    if given is True and not secure:
        raise ConfigError(
            "server(http2=True) needs tls=…: without TLS nobody asks whether HTTP/2 is spoken",
            hint='write http2="prior-knowledge" for clients that know it',
        )
    return given


def check_http2(config: Http) -> Iterator[ConfigError]:
    """It is settled before a server can be chosen, so all servers of a listener must agree."""
    firsts: dict[str, Server] = {}
    for server in config.servers:
        for listen in server.listen:
            first = firsts.setdefault(listen, server)
            if first.http2 != server.http2:
                yield ConfigError(
                    f"the servers at {listen!r} differ in http2=…; the other one: {first.origin}",
                    origin=server.origin,
                    hint="give all of them the same, or let them listen at different ports",
                )
