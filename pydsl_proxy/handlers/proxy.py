"""The handler that sends exchanges to an upstream."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.handlers.websocket.tunnel import tunnelling
from pydsl_proxy.interfaces import CompileContext, Exchange, Handle
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call, options
from pydsl_proxy.wire.http.uri import replace_prefix, split_target


@frozen
class Proxy:
    """What ``.proxy_to()`` asks for.

    Without a path the peer gets the request target byte for byte; with one, *path* takes the place of what the
    location matched in the normalised path, and the rest is escaped anew.  So does nginx's ``proxy_pass`` without and
    with a URI.
    """

    # A location "/app/" also answers "/app", with a redirect.
    has_paths_below: ClassVar[bool] = True

    upstream: object
    path: str | None = field(default=None, kw_only=True)
    websocket: Literal["tunnel"] | None = field(default=None, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.path is not None:
            check_path("proxy_to", self.path)
        if self.websocket not in (None, "tunnel"):
            raise ConfigError(
                f"proxy_to(websocket={self.websocket!r}) is not known",
                hint='write websocket="tunnel", or .websocket_to(app) at a location of its own',
            )

    def as_verb(self) -> str:
        """The call that makes this."""
        return call("proxy_to", repr(self.upstream), options(self, "path", "websocket"))

    def compile(self, place: CompileContext) -> Handle:
        """The handle of the upstream, with the target rewritten if there is a path.

        A path that climbs out of the location is refused (:class:`~pydsl_proxy.wire.http.uri.BadPath`, so 400).
        """
        replaced = None if self.path is None else self.path.encode()
        relay = place.relay(self.upstream, replaced)
        if self.websocket is not None:
            relay = tunnelling(place.relay(self.upstream, replaced, websocket=True), relay)
        return relay if self.path is None else with_path(self.path, place, relay)


def with_path(path: str, place: CompileContext, relay: Handle) -> Handle:
    """*relay* for targets in which *path* takes the place of what the location matched."""
    if place.prefix is None:
        raise no_prefix(path)
    replacement, length = path.encode(), len(place.prefix)

    def replace(exchange: Exchange) -> None:
        _, query = split_target(exchange.peer_target)
        exchange.peer_target = replace_prefix(exchange.path, length, replacement, query)
        relay(exchange)

    return replace


def no_prefix(path: str, verb: str = "proxy_to") -> ConfigError:
    """The error of a path at a regex location: there is no matched prefix that it could replace (as in nginx)."""
    return ConfigError(
        f"{verb}(path={path!r}): a regex location has no prefix that the path could replace",
        hint="leave path= out, or write the location as a prefix",
    )


def check_path(verb: str, path: str) -> None:
    """Raise a ConfigError unless *path* can take the place of a prefix."""
    if not isinstance(path, str):
        raise ConfigError(f"{verb}(path=…) must be a string, not {path!r}", hint='write path="/"')
    if "://" in path:
        hint = f'write path="/{path.partition("://")[2].partition("/")[2]}"'
        raise ConfigError(f"{verb}(path={path!r}): the path is a URL", hint=hint)
    if not path.startswith("/"):
        raise ConfigError(f"{verb}(path={path!r}): a path begins with a slash", hint=f'write path="/{path}"')
    if found := re.search("[?#]", path):
        hint = f'write path="{path[: found.start()]}"'
        raise ConfigError(f"{verb}(path={path!r}): the query is the client's; the path has none", hint=hint)
    if not re.fullmatch("[!-~]+", path):
        raise ConfigError(
            f"{verb}(path={path!r}): a path is visible ASCII", hint="percent-encode the rest, a space as %20"
        )
