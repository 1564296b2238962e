"""Everything compiled for one listener at this moment; a reload replaces it whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import ClassVar

from twisted.logger import Logger

from pydsl_proxy import interfaces
from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import ClientLimits, Frontend, Handle
from pydsl_proxy.runtime.exchange import Exchange
from pydsl_proxy.runtime.filter_chain import refilter
from pydsl_proxy.wire.connection.forwarded import Identity, TrustedProxies
from pydsl_proxy.wire.fields.cdn_loop import MAX_HOPS, has_looped
from pydsl_proxy.wire.http.field_rules import FieldRules
from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http.head import RequestFields
from pydsl_proxy.wire.http.hop_by_hop import RESPONSE_DROPPED
from pydsl_proxy.wire.http.memo import Memo
from pydsl_proxy.wire.http.uri import is_plain, normalised_path
from pydsl_proxy.wire.http1.response_writer import error_page
from pydsl_proxy.wire.http1.volatile_fields import VolatileFields

log = Logger()

# What every response loses, whatever its location asks for; its framing is written anew.
ALWAYS_DROPPED = RESPONSE_DROPPED | {b"transfer-encoding"}


class Rewritten:
    """What follows the rewrites of a location; ``handle`` may be replaced until requests come."""

    __slots__ = ("handle",)

    def __init__(self, handle: Handle) -> None:
        self.handle = handle

    def __call__(self, exchange: interfaces.Exchange) -> None:
        """Hand the exchange on."""
        self.handle(exchange)


class CompiledLocation:
    """A location, compiled: its handle, the rules of its responses, and what follows its rewrites, if it has any."""

    __slots__ = ("handle", "rewritten", "rules")

    def __init__(self, handle: Handle, rules: FieldRules, rewritten: Rewritten | None = None) -> None:
        self.handle = handle
        self.rules = rules
        self.rewritten = rewritten


Locate = Callable[[bytes], CompiledLocation | None]


class Site:
    """Servers and locations of one listener.

    ``rules`` are those of responses that no server gives, by whose rules they are sent where one was named:
    *rules_by_server* are those of responses that none of a server's locations gives.
    """

    #: Called with the site, and with what begins an exchange.  A partial or a bound method in its place would refer to
    #: the site that it belongs to: all locations would stay in memory until a full collection of garbage.
    begin: ClassVar[Callable[..., Exchange]] = Exchange

    def __init__(
        self,
        choose_server: Callable[[bytes], Locate],
        clients: ClientLimits,
        rules: FieldRules,
        *,
        rules_by_server: Mapping[Locate, FieldRules] | None = None,
        trusted: TrustedProxies | None = None,
        access_log: Callable[[Exchange], None] | None = None,
    ) -> None:
        self._choose_server = choose_server
        self.clients = clients
        self.rules = rules
        self.plain_rules = FieldRules((), ALWAYS_DROPPED)
        self._rules_by_server = rules_by_server or {}
        self.trusted = trusted
        # Called with an exchange that is over.
        self.log: Callable[[Exchange], None] = access_log or _log_nothing
        self.memo: Memo[RequestFields] = Memo()
        self.changing = VolatileFields()
        self._second = -1
        self._date = b""

    def place(self, fields: RequestFields) -> None:
        """Choose the server for a header section that was read for the first time, as ``fields.server``."""
        fields.server = in_a_loop if has_looped(fields) else self._choose_server(fields.host_name)

    def handle(self, exchange: Exchange) -> None:
        """Find the exchange's location and hand it over."""
        target = exchange.target
        try:
            exchange.path = path = target if is_plain(target) else normalised_path(target)
            room: CompiledLocation | None = exchange.fields.server(path)  # type: ignore[operator]  # a Locate, put there by place()
            if room is None:
                # A server without rules: any other has a location for this.
                exchange.rules = self.plain_rules
                exchange.respond(404, *error_page(404))
                return
            exchange.rules = room.rules
            room.handle(exchange)
        except Exception as error:
            if exchange.rules is self.rules:
                self.not_located(exchange)
            _raised(exchange, error)

    def run(self, exchange: Exchange, handle: Handle) -> None:
        """Call *handle* with an exchange that was begun before; what it raises is answered as in :meth:`handle`."""
        try:
            handle(exchange)
        except Exception as error:
            _raised(exchange, error)

    def not_located(self, exchange: Exchange) -> None:
        """The exchange is answered before its location is known: by the rules of the server that it names."""
        exchange.rules = self._rules_by_server.get(exchange.fields.server, self.rules)  # type: ignore[call-overload]  # a Locate

    def locate(self, exchange: Exchange, path: bytes) -> None:
        """Hand the exchange to the location of *path*, a normalised one or ``@name``, as if it came anew."""
        refilter(exchange)
        room: CompiledLocation | None = exchange.fields.server(path)  # type: ignore[operator]  # a Locate, put there by place()
        if room is None:
            exchange.rules = self.plain_rules
            exchange.respond(404, *error_page(404))
            return
        added = exchange.added_fields
        exchange.rules = room.rules.adding(added) if added else room.rules
        room.handle(exchange)

    def refused(
        self,
        frontend: Frontend,
        identity: Identity,
        line: bytes,
        error: ProxyError,
        now: float,
        *,
        sent: int | None = None,
    ) -> FieldRules:
        """Note a request that could not be read, and tell which rules its answer is sent by, if there is one.

        *sent* is the size of the answer's body, by default that of the page of its status.
        """
        exchange = Exchange(self, frontend, line, b"", -1, RequestFields(b"", b""), identity, now)
        exchange.status, exchange.error = error.status, error
        exchange.sent = len(error_page(error.status)[0]) if sent is None else sent
        self.log(exchange)
        return self.rules

    def date(self, now: float) -> bytes:
        """The Date field of a response sent at *now*, seconds of the epoch, as a section; written once a second."""
        second = int(now)
        if second != self._second:
            self._second = second
            self._date = b"\r\nDate: " + formatdate(second, usegmt=True).encode()
        return self._date


def _refuse_loop(exchange: Exchange) -> None:
    text = f"the request has come through {MAX_HOPS} proxies of this kind: a peer leads back to a proxy"
    exchange.fail(ProxyError(Source.US, 508, "loop_detected", text))


_LOOP = CompiledLocation(_refuse_loop, FieldRules((), ALWAYS_DROPPED))  # type: ignore[arg-type]  # a handle of what sites begin


def in_a_loop(path: bytes) -> CompiledLocation:
    """In the place of a server's locations, for a request that goes in a circle."""
    return _LOOP


def _log_nothing(exchange: Exchange) -> None:
    """The access log is off."""


def _raised(exchange: Exchange, error: Exception) -> None:
    """What a handle raised: a target that cannot be read is the client's mistake, all else ours."""
    if isinstance(error, Malformed):
        exchange.fail(ProxyError(Source.CLIENT, error.status, "bad_request", error.detail))
    else:
        log.failure("{exchange} could not be handled", exchange=exchange)
        exchange.crash()
