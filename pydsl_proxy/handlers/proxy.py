"""The handler that sends exchanges to an upstream."""

from __future__ import annotations

import re
from typing import ClassVar

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.interfaces import Exchange, Handle, Place
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.wire.uri import replace_prefix, split_target


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
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.path is not None:
            _check(self.path)

    def as_verb(self) -> str:
        """The call that makes this."""
        path = "" if self.path is None else f", path={self.path!r}"
        return f"proxy_to({self.upstream!r}{path})"

    def compile(self, place: Place) -> Handle:
        """The handle of the upstream, with the target rewritten if there is a path.

        A path that climbs out of the location is refused (:class:`~pydsl_proxy.wire.uri.BadPath`, so 400).
        """
        if self.path is None:
            return place.relay(self.upstream)
        if place.prefix is None:
            raise no_prefix(self.path)
        replacement, length = self.path.encode(), len(place.prefix)

        relay = place.relay(self.upstream, replacement)

        def replace(exchange: Exchange) -> None:
            _, query = split_target(exchange.peer_target)
            exchange.peer_target = replace_prefix(exchange.path, length, replacement, query)
            relay(exchange)

        return replace


def no_prefix(path: str) -> ConfigError:
    """The error of a path at a regex location: there is no matched prefix that it could replace (as in nginx)."""
    return ConfigError(
        f"proxy_to(path={path!r}): a regex location has no prefix that the path could replace",
        hint="leave path= out, or write the location as a prefix",
    )


def _check(path: str) -> None:
    if not isinstance(path, str):
        raise ConfigError(f"proxy_to(path=…) must be a string, not {path!r}", hint='write path="/"')
    if "://" in path:
        hint = f'write path="/{path.partition("://")[2].partition("/")[2]}"'
        raise ConfigError(f"proxy_to(path={path!r}): the path is a URL", hint=hint)
    if not path.startswith("/"):
        raise ConfigError(f"proxy_to(path={path!r}): a path begins with a slash", hint=f'write path="/{path}"')
    if found := re.search("[?#]", path):
        hint = f'write path="{path[: found.start()]}"'
        raise ConfigError(f"proxy_to(path={path!r}): the query is the client's; the path has none", hint=hint)
    if not re.fullmatch("[!-~]+", path):
        raise ConfigError(
            f"proxy_to(path={path!r}): a path is visible ASCII", hint="percent-encode the rest, a space as %20"
        )
