"""The handler of locations where nothing but WebSockets is spoken."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.numbers import count, seconds, size
from pydsl_proxy.errors.rates import read_rate
from pydsl_proxy.handlers.proxy import check_path, with_path
from pydsl_proxy.handlers.websocket.messages import OnMessage, check_hook
from pydsl_proxy.handlers.websocket.origins import compile_origins
from pydsl_proxy.handlers.websocket.tunnel import refuse, tunnelling, upgrade_required
from pydsl_proxy.interfaces import CompileContext, Exchange, Handle
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call, options

VERB = "websocket_to"
# As much of a message as the websockets library takes by default; it counts where messages are held as a whole.
MAX_HELD = 1024 * 1024
# Seconds; the websockets library and uvicorn wait as long between pings.
PING = 20.0

_BRIDGED = ("max_message", "message_rate", "burst", "ping", "deflate", "deflate_to_peer", "on_message")


@frozen
class WebSockets:
    """What ``.websocket_to()`` asks for."""

    # A location "/app/" also answers "/app", with a redirect.
    has_paths_below: ClassVar[bool] = True

    upstream: object
    path: str | None = field(default=None, kw_only=True)
    tunnel: bool = field(default=False, kw_only=True)
    origins: tuple[str, ...] | None = field(default=None, kw_only=True)
    max_message: int | None = field(default=None, kw_only=True)
    message_rate: str | None = field(default=None, kw_only=True)
    burst: int = field(default=10, kw_only=True)
    ping: float | None = field(default=PING, kw_only=True)
    deflate: bool = field(default=True, kw_only=True)
    deflate_to_peer: bool = field(default=False, kw_only=True)
    on_message: OnMessage | None = field(default=None, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.path is not None:
            check_path(VERB, self.path)
        if self.max_message is not None:
            count(f"{VERB}(max_message=…)", size(f"{VERB}(max_message=…)", self.max_message), least=1)
        if self.message_rate is not None:
            read_rate(f"{VERB}(message_rate=…)", self.message_rate)
        count(f"{VERB}(burst=…)", self.burst, least=1)
        if self.ping is not None:
            seconds(f"{VERB}(ping=…)", self.ping)
        if self.message_rate is None and (alone := options(self, "burst")):
            raise ConfigError(
                f"{VERB}({alone[0]}): there is no message_rate that a client could be ahead of",
                hint=f'write {VERB}(message_rate="20/s", {alone[0]})',
            )
        if self.on_message is not None:
            check_hook(f"{VERB}(on_message=…)", self.on_message)
        told = options(self, *_BRIDGED)
        if self.tunnel and told:
            raise ConfigError(
                f"{VERB}(tunnel=True, {told[0]}): a tunnel passes bytes, and knows of no messages",
                hint=f"leave out one of the two, tunnel=True or {told[0]}",
            )

    def as_verb(self) -> str:
        """The call that makes this."""
        return call(VERB, repr(self.upstream), options(self, "path", "tunnel", "origins", *_BRIDGED))

    def compile(self, place: CompileContext) -> Handle:
        """The handle of the upstream for requests that ask for a WebSocket; 426 for all others."""
        replaced = None if self.path is None else self.path.encode()
        inner = place.relay(self.upstream, replaced, websocket=True) if self.tunnel else self._bridge(place, replaced)
        if self.origins is not None:
            inner = _from(self.origins, inner)
        handle = tunnelling(inner, upgrade_required)
        return handle if self.path is None else with_path(self.path, place, handle)

    def _bridge(self, place: CompileContext, replaced: bytes | None) -> Handle:
        # Autobahn is slow to import, and most configurations have no use for it.
        from pydsl_proxy.handlers.websocket.bridging import bridging
        from pydsl_proxy.handlers.websocket.settings import Kit, leg_makers

        held = self.on_message is not None
        kit = Kit(
            place.clock,
            place.later,
            place.random,
            place.timeouts.idle,
            self.ping,
            self.max_message or (MAX_HELD if held else 0),
            None if self.message_rate is None else read_rate(VERB, self.message_rate),
            self.burst,
            self.deflate,
            self.deflate_to_peer,
            self.on_message,
            *leg_makers(place.clock),
        )
        return bridging(kit, place.caller(self.upstream, replaced, websocket=True))


def _from(origins: tuple[str, ...], inner: Handle) -> Handle:
    allows = compile_origins(origins)

    def check(exchange: Exchange) -> None:
        if allows(exchange):
            inner(exchange)
        else:
            refuse(exchange, 403, "no page of this Origin may open a WebSocket here")

    return check
