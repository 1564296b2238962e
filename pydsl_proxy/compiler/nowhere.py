"""Paths that no location of a server matches, where the server has pages for errors."""

from __future__ import annotations

from attrs import frozen

from pydsl_proxy.config.features import merged
from pydsl_proxy.config.locations import Location
from pydsl_proxy.config.matching import Prefix
from pydsl_proxy.config.sites import Http, Server
from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.filters.error_pages import ErrorPage
from pydsl_proxy.interfaces import Exchange, Handle, Place


@frozen
class _NotFound:
    """A handler that answers 404."""

    def compile(self, place: Place) -> Handle:
        """Fail."""

        def not_found(exchange: Exchange) -> None:
            exchange.fail(ProxyError(Source.CLIENT, 404, "no_location", "no location of the server matches the path"))

        return not_found


def nowhere(config: Http, server: Server) -> tuple[Location, ...]:
    """A location for what no other one matches, if its 404 is to have a page; in nginx the server itself is one.

    Without pages a site answers by itself.
    """
    root = Prefix("/")
    has_root = any(each.match == root and each.condition is None for each in server.locations)
    has_pages = any(isinstance(feature, ErrorPage) for feature in merged(config, server))
    return (Location(match=root, handler=_NotFound(), origin=server.origin),) if has_pages and not has_root else ()
