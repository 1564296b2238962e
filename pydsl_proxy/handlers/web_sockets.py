"""The handler of locations where nothing but WebSockets is spoken."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.handlers.proxy import check_path, with_path
from pydsl_proxy.handlers.tunnelling import tunnelling, upgrade_required
from pydsl_proxy.interfaces import Handle, Place
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call, options


@frozen
class WebSockets:
    """What ``.websocket_to()`` asks for."""

    # A location "/app/" also answers "/app", with a redirect.
    has_paths_below: ClassVar[bool] = True

    upstream: object
    path: str | None = field(default=None, kw_only=True)
    tunnel: bool = field(default=False, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not self.tunnel:
            raise ConfigError("websocket_to() without tunnel=True is not available yet", hint="write tunnel=True")
        if self.path is not None:
            check_path("websocket_to", self.path)

    def as_verb(self) -> str:
        """The call that makes this."""
        return call("websocket_to", repr(self.upstream), options(self, "path", "tunnel"))

    def compile(self, place: Place) -> Handle:
        """The handle of the upstream for requests that ask for a WebSocket; 426 for all others."""
        replaced = None if self.path is None else self.path.encode()
        relay = tunnelling(place.relay(self.upstream, replaced, websocket=True), upgrade_required)
        return relay if self.path is None else with_path(self.path, place, relay)
