"""A limit for the requests of one key that are under way at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attrs import field, frozen
from twisted.internet.interfaces import IReactorTime

from pydsl_proxy.errors.numbers import count
from pydsl_proxy.features.limits.common import Notices, check_status, read_key, refuse
from pydsl_proxy.features.limits.leaky_bucket import short_key
from pydsl_proxy.interfaces import CompileContext, Exchange, Handle
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call, options
from pydsl_proxy.values.request import Request
from pydsl_proxy.values.value import ValueFunction, ValueSource, as_bytes, client_network, code_of

VERB = "limit_connections"


def _key(source: ValueSource) -> ValueFunction:
    return read_key(VERB, source)


@frozen
class LimitConnections:
    """What ``.limit_connections()`` asks for; see :meth:`pydsl_proxy.config.verbs.limits.Limits.limit_connections`."""

    most: int
    key: ValueFunction = field(default=client_network, converter=_key, kw_only=True)
    status: int = field(default=429, kw_only=True)
    shadow: bool = field(default=False, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def __attrs_post_init__(self) -> None:
        count(f"{VERB}(…)", self.most, least=1)
        check_status(VERB, self.status)

    def as_verb(self) -> str:
        """The call that made this."""
        key = [] if self.key == client_network else [f"key={code_of(self.key)}"]
        return call(VERB, repr(self.most), key, options(self, "status", "shadow"))

    def compile(self, inner: Handle, place: CompileContext) -> Handle:
        """Count an exchange until it is over, whatever its end, or refuse it."""
        state = place.kept(self, partial(UnderWay, place.clock))
        state.notices.limit = f"{self.origin}: {VERB}({self.most})"
        return partial(_limit_connections, self, as_bytes(self.key), state, inner)


class UnderWay:
    """How many exchanges of each key are under way: a key without any is not here, so clients cannot fill it."""

    __slots__ = ("_counts", "notices")

    def __init__(self, clock: IReactorTime) -> None:
        self._counts: dict[bytes, int] = {}
        self.notices = Notices(clock.seconds)

    def __len__(self) -> int:
        return len(self._counts)

    def of(self, key: bytes) -> int:
        """So many with *key*."""
        return self._counts.get(key, 0)

    def enter(self, key: bytes) -> None:
        """One more."""
        self._counts[key] = self._counts.get(key, 0) + 1

    def leave(self, key: bytes) -> None:
        """One less."""
        left = self._counts[key] - 1
        if left:
            self._counts[key] = left
        else:
            del self._counts[key]


def _limit_connections(
    limit: LimitConnections, read: Callable[[Request], bytes], state: UnderWay, inner: Handle, exchange: Exchange
) -> None:
    # After a redirect inside the proxy it has been counted or refused already.
    key = b"" if state in exchange.limited_by else short_key(read(exchange.request))
    if not key:
        inner(exchange)
    elif state.of(key) < limit.most:
        exchange.limited_by += (state,)
        state.enter(key)
        exchange.when_over(partial(state.leave, key))
        inner(exchange)
    elif limit.shadow:
        state.notices.note(f"a request would have been refused with {limit.status}", key)
        inner(exchange)
    else:
        # As in nginx a page for the refusal may be in reach of this limit.
        exchange.limited_by += (state,)
        state.notices.note(f"a request was refused with {limit.status}", key)
        message = f"{limit.most} requests of its key are under way, as many as {VERB}() allows"
        refuse(exchange, limit.status, VERB, message)
