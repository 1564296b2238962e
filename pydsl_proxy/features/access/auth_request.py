"""A guard that asks another server: nginx's ``auth_request``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from attrs import field, frozen
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.features.access.guards import (
    ABSTAINED,
    GRANTED,
    Guard,
    Later,
    Opinion,
    Refusal,
    Waiting,
    guarded,
    one_authorization,
    refused,
)
from pydsl_proxy.interfaces import Ask, CompileContext, Exchange, Handle, Running
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call, options
from pydsl_proxy.wire.edits.replacing import Replacing
from pydsl_proxy.wire.http.field_rules import FieldRules
from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http.head import ResponseHead, section
from pydsl_proxy.wire.http.hop_by_hop import FORWARDING, REQUEST_DROPPED

# What the server that is asked is told of the request: nginx's usual two, Traefik's and Caddy's.
_TELLING = frozenset((b"x-original-uri", b"x-original-method", b"x-forwarded-method", b"x-forwarded-uri"))
# Of a request with a body, or for a part or another version of a resource (RFC 9110 13.1, 14.2): the question is
# another one, and its answer is no 206 and no 304.
_OF_THE_OTHER = frozenset((b"content-length", b"transfer-encoding", b"trailer", b"range", b"if-range"))
_CONDITIONS = frozenset((b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"))
_NOT_ASKED = REQUEST_DROPPED | FORWARDING | _TELLING | _OF_THE_OTHER | _CONDITIONS
# What a client shows for itself is what is asked about, even where peers are sent something in its place.
_SHOWN = frozenset((b"authorization", b"cookie"))


@frozen
class AuthRequest:
    """What ``.auth_request()`` asks for; without an upstream it lifts what a scope further out asks for.

    ``vouched`` are the names that any of a location's scopes has copied: there the client's own never pass.
    """

    overrides: ClassVar[bool] = True
    rank: ClassVar[int] = 2

    upstream: object | None
    path: str | None = field(default=None, kw_only=True)
    copy: tuple[str, ...] = field(default=(), kw_only=True)
    timeout: float = field(default=30, kw_only=True)
    pass_reply: bool = field(default=False, kw_only=True)
    pass_cookies: bool = field(default=False, kw_only=True)
    vouched: frozenset[str] = field(default=frozenset(), eq=False, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def as_verb(self) -> str:
        """The call that made this."""
        rest = options(self, "path", "copy", "timeout", "pass_reply", "pass_cookies")
        return call("auth_request", repr(self.upstream), rest)

    def guard(self, place: CompileContext) -> Guard | None:
        """The guard, or if nobody is asked what keeps the client's own fields out."""
        if self.upstream is not None:
            return _AskingGuard(self, place.asker(self.upstream, edited=False), place.clock)
        return _Nobody(self.vouched) if self.vouched else None

    def compile(self, inner: Handle, place: CompileContext) -> Handle:
        """Refuse, or go on with what the server says of the client."""
        return guarded(self.guard(place), inner)


class _Nobody:
    """Asks nobody; fields that elsewhere only the server that is asked may set are taken out."""

    def __init__(self, vouched: frozenset[str]) -> None:
        self._vouched = Replacing(frozenset(name.lower().encode() for name in vouched))

    def check(self, exchange: Exchange, later: Later) -> Opinion:
        """Nothing to say."""
        return ABSTAINED

    def passed_over(self, exchange: Exchange) -> None:
        """Take the client's own fields out."""
        self._replace(exchange)

    def _replace(self, exchange: Exchange, added: bytes = b"") -> None:
        exchange.fields = self._vouched.replaced(exchange.fields, added)
        # A peer may take what comes behind a body for what came before it.
        exchange.dropped_trailers |= self._vouched.names


class _AskingGuard(_Nobody):
    """Asks for each exchange."""

    def __init__(self, asked_for: AuthRequest, ask: Ask, clock: IReactorTime) -> None:
        super().__init__(asked_for.vouched.union(asked_for.copy))
        self.ask = ask
        self.clock = clock
        self.timeout = asked_for.timeout
        self.target = (asked_for.path or "/").encode()
        # A client that brings the answer with it must not have it taken for another proxy's.
        self.asked = FieldRules((), _NOT_ASKED | (self._vouched.names - _SHOWN))
        self._copied = [(name.lower().encode(), name.encode()) for name in asked_for.copy]
        self._pass_reply = asked_for.pass_reply
        self._pass_cookies = asked_for.pass_cookies

    def check(self, exchange: Exchange, later: Later) -> Opinion:
        """Ask."""
        repeated = one_authorization(exchange.fields.all(b"authorization"))
        return repeated or Waiting(exchange, later).begin(partial(self._begin, exchange))

    def _begin(self, exchange: Exchange, tell: Callable[[Opinion], None]) -> Callable[[ProxyError], None]:
        return _Question(self, exchange, tell).cancel

    def opinion(self, exchange: Exchange, response: ResponseHead | None, body: bytes, why: str) -> Opinion:
        """What the answer means; *why* there is none."""
        if response is None:
            return _failed(why)
        status = response.status
        if 200 <= status < 300:
            self._take(exchange, response)
            return GRANTED
        if self._pass_reply and 300 <= status < 500:
            text = f"the server that was asked answered {status}"
            return Refusal(ProxyError(Source.CLIENT, status, "auth_refused", text), reply=(response, body))
        if status in (401, 403):
            asked = response.all(b"www-authenticate") if status == 401 else []
            challenges = [(b"WWW-Authenticate", value) for value in asked]
            return refused(status, "auth_refused", f"the server that was asked answered {status}", challenges)
        return _failed(f"it answered {status}")

    def _take(self, exchange: Exchange, response: ResponseHead) -> None:
        """Take over what the answer says of the client."""
        told = [(name, value) for key, name in self._copied for value in response.all(key) if value]
        self._replace(exchange, section(tuple(told)))
        cookies = response.all(b"set-cookie") if self._pass_cookies else []
        if cookies:
            exchange.add_response_fields(section(tuple((b"Set-Cookie", cookie) for cookie in cookies)))


class _Question:
    """One request to the server that is asked."""

    __slots__ = ("_exchange", "_guard", "_over", "_running", "_tell", "_timer")

    def __init__(self, guard: _AskingGuard, exchange: Exchange, tell: Callable[[Opinion], None]) -> None:
        self._guard = guard
        self._exchange = exchange
        self._tell = tell
        self._over = False
        self._running: Running | None = None
        self._timer: IDelayedCall = guard.clock.callLater(guard.timeout, self._expired)
        running = guard.ask(
            exchange, self._answered, method=b"GET", target=guard.target, fields=_question(exchange, guard.asked)
        )
        if not self._over:
            self._running = running

    def _answered(self, response: ResponseHead | None, body: bytes, error: ProxyError | None) -> None:
        self._end()
        why = error.message if error is not None else "it broke off"
        try:
            opinion = self._guard.opinion(self._exchange, response, body, why)
        except Malformed as malformed:
            opinion = _failed(malformed.detail)
        self._tell(opinion)

    def _expired(self) -> None:
        error = ProxyError(Source.PEER, 504, "auth_timeout", f"it took more than {self._guard.timeout:g} s")
        self.cancel(error)
        self._tell(_failed(error.message))

    def cancel(self, error: ProxyError) -> None:
        """Nobody waits for the answer."""
        running = self._running
        self._end()
        if running is not None:
            running.cancel(error)

    def _end(self) -> None:
        self._over = True
        self._running = None
        if self._timer.active():
            self._timer.cancel()


def _question(exchange: Exchange, asked: FieldRules) -> bytes:
    """The client's fields without those of its body, its conditions and this hop, and what it asks for."""
    kept = asked.edit(exchange.fields, exchange.fields.named)
    told = (
        (b"X-Original-URI", exchange.target),
        (b"X-Original-Method", exchange.method),
        (b"X-Forwarded-Uri", exchange.target),
        (b"X-Forwarded-Method", exchange.method),
    )
    return kept + section(told)


def _failed(why: str) -> Refusal:
    """As nginx: what cannot be asked is not allowed, and is our fault."""
    return Refusal(ProxyError(Source.US, 500, "auth_failed", f"it could not be asked whether the client may: {why}"))
