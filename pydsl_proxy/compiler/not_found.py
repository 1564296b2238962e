"""Paths that no location of a server matches: they are the server's all the same."""

from __future__ import annotations

from attrs import frozen

from pydsl_proxy.config.features import Feature, merged
from pydsl_proxy.config.locations import Location
from pydsl_proxy.config.matching import Prefix
from pydsl_proxy.config.servers import Http, Server
from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.features.buffering.requests import BufferRequest
from pydsl_proxy.interfaces import CompileContext, Exchange, Handle


@frozen
class _NotFound:
    """A handler that answers 404."""

    def compile(self, place: CompileContext) -> Handle:
        """Fail."""

        def not_found(exchange: Exchange) -> None:
            exchange.fail(ProxyError(Source.CLIENT, 404, "no_location", "no location of the server matches the path"))

        return not_found


def of_answer(features: tuple[Feature, ...]) -> tuple[Feature, ...]:
    """What of a server's features is of use to a 404: nobody waits for the request's body."""
    return tuple(feature for feature in features if not isinstance(feature, BufferRequest))


def unmatched(config: Http, server: Server) -> tuple[Location, ...]:
    """A location for what no other one matches, with all that the server asks for; in nginx the server itself is one.

    A site answers by itself where nothing is asked for.
    """
    root = Prefix("/")
    has_root = any(each.match == root and each.condition is None for each in server.locations)
    if has_root or not merged(config, server):
        return ()
    return (Location(match=root, handler=_NotFound(), origin=server.origin),)
