"""Guards: what decides whether an exchange may pass, and how several of them are asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from typing import ClassVar, Protocol, TypeAlias, runtime_checkable

from attrs import frozen

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import CompileContext, Exchange, Handle
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http1.response_writer import error_page


class Verdict(Enum):
    """What a guard says that does not refuse."""

    GRANTED = "may pass"
    ABSTAINED = "the guard has nothing to say"
    WAITING = "it will be said later"


GRANTED, ABSTAINED, WAITING = Verdict


class Refusal:
    """What a guard says that refuses: why, and the answer.

    *fields* go with the page of the error's status; *reply* is a whole answer instead of it, its body complete.
    """

    __slots__ = ("error", "fields", "reply")

    def __init__(
        self,
        error: ProxyError,
        fields: Sequence[tuple[bytes, bytes]] = (),
        reply: tuple[ResponseHead, bytes] | None = None,
    ) -> None:
        self.error = error
        self.fields = fields
        self.reply = reply

    @property
    def is_final(self) -> bool:
        """Whether no other guard is asked for its opinion: something is wrong, and not only the client."""
        return self.reply is None and self.error.status not in (401, 403)

    def answer(self, exchange: Exchange) -> None:
        """Answer *exchange*; the reason goes to the log."""
        exchange.error = self.error
        if self.reply is not None:
            response, body = self.reply
            exchange.start(response, b"" if exchange.method == b"HEAD" else body, True)
            return
        body, page = error_page(self.error.status)
        exchange.respond(self.error.status, body, (*page, *self.fields))


Opinion: TypeAlias = "Verdict | Refusal"
Later: TypeAlias = Callable[[Exchange, Opinion], None]
"""Takes the opinion on an exchange that a guard was waiting for."""


class Guard(Protocol):
    """A compiled guard."""

    def check(self, exchange: Exchange, later: Later) -> Opinion:
        """The opinion on *exchange*; if it is WAITING, *later* gets another one, unless the exchange is over."""

    def passed_over(self, exchange: Exchange) -> None:
        """*exchange* goes on without this guard's consent, if only to an error's page.

        Leave nothing in it that only the guard can vouch for.
        """


@runtime_checkable
class Guarding(Protocol):
    """A config value that asks for a guard; guards that are asked together are asked in the order of ``rank``."""

    rank: ClassVar[int]

    def guard(self, place: CompileContext) -> Guard | None:
        """The guard, compiled; None if it guards nothing, and lifts one further out."""


class Waiting:
    """An opinion that may come at once or later, and the exchange's ``running`` in between."""

    __slots__ = ("_exchange", "_later", "_opinion", "_over", "_stop", "_waits")

    def __init__(self, exchange: Exchange, later: Later) -> None:
        self._exchange = exchange
        self._later = later
        self._opinion: Opinion | None = None
        self._stop: Callable[[ProxyError], None] | None = None
        self._waits = False
        self._over = False

    def begin(self, start: Callable[[Callable[[Opinion], None]], Callable[[ProxyError], None]]) -> Opinion:
        """Let *start* work: it is given where to tell the opinion, and gives what cancels the work."""
        self._stop = start(self._tell)
        if self._opinion is not None:
            return self._opinion
        self._waits = True
        self._exchange.running = self
        return WAITING

    def _tell(self, opinion: Opinion) -> None:
        if self._over:
            return
        self._opinion = opinion
        if self._waits:
            self._exchange.running = None
            self._later(self._exchange, opinion)

    def cancel(self, error: ProxyError) -> None:
        """The exchange is over."""
        self._over = True
        if self._stop is not None:
            self._stop(error)


def guarded(guard: Guard | None, inner: Handle) -> Handle:
    """A handle that goes on with *inner* unless *guard* refuses."""
    if guard is None:
        return inner
    check = guard.check

    def decide(opinion: Opinion, exchange: Exchange) -> None:
        if opinion is not GRANTED:
            guard.passed_over(exchange)
        if isinstance(opinion, Refusal):
            opinion.answer(exchange)
            return
        inner(exchange)

    def later(exchange: Exchange, opinion: Opinion) -> None:
        exchange.go_on(partial(decide, opinion))

    def ask(exchange: Exchange) -> None:
        opinion = check(exchange, later)
        if opinion is not WAITING:
            decide(opinion, exchange)

    return ask


@frozen
class AnyGuard:
    """A step that asks guards one after the other until one grants: nginx's ``satisfy any``.

    If none does, the refusal counts: 401 before 403, with the challenges of all that ask for one.  If none has anything
    to say, the exchange passes.  What is neither 401 nor 403 ends it at once.
    """

    guards: tuple[Guarding, ...]

    def compile(self, inner: Handle, place: CompileContext) -> Handle:
        """The guards in the order of their rank."""
        compiled = [each.guard(place) for each in sorted(self.guards, key=lambda each: each.rank)]
        guards = [each for each in compiled if each is not None]
        return _AnyOf(guards, inner).begin if guards else inner


class _AnyOf:
    """The guards of a location of which one is enough."""

    def __init__(self, guards: Sequence[Guard], inner: Handle) -> None:
        self._guards = guards
        self._inner = inner

    def begin(self, exchange: Exchange) -> None:
        """Ask the first."""
        self._ask(0, None, exchange)

    def _ask(self, at: int, refusal: Refusal | None, exchange: Exchange) -> None:
        """Ask from the guard at that place on; *refusal* is the best reason so far."""
        while at < len(self._guards):
            opinion = self._guards[at].check(exchange, partial(self._later, at, refusal))
            if opinion is WAITING:
                return
            if _decides(opinion):
                self._end(at, opinion, exchange)
                return
            refusal = _better(refusal, opinion)
            at += 1
        self._end(at, refusal or ABSTAINED, exchange)

    def _later(self, at: int, refusal: Refusal | None, exchange: Exchange, opinion: Opinion) -> None:
        if _decides(opinion):
            exchange.go_on(partial(self._end, at, opinion))
        else:
            exchange.go_on(partial(self._ask, at + 1, _better(refusal, opinion)))

    def _end(self, at: int, opinion: Opinion, exchange: Exchange) -> None:
        """It is decided, by the guard at that place or, behind the last one, by all."""
        denied = isinstance(opinion, Refusal)
        for place, guard in enumerate(self._guards):
            if denied or place != at:
                guard.passed_over(exchange)
        if isinstance(opinion, Refusal):
            opinion.answer(exchange)
            return
        self._inner(exchange)


def _decides(opinion: Opinion) -> bool:
    return opinion is GRANTED or (isinstance(opinion, Refusal) and opinion.is_final)


def _better(one: Refusal | None, other: Opinion) -> Refusal | None:
    """As ``ngx_http_core_access_phase``: a 401 stays, with the challenges of all; of the rest the last one counts."""
    if not isinstance(other, Refusal):
        return one
    if one is None or one.error.status != 401:
        return other
    return Refusal(one.error, (*one.fields, *other.fields), one.reply) if other.error.status == 401 else one


def refused(status: int, cause: str, message: str, fields: Sequence[tuple[bytes, bytes]] = ()) -> Refusal:
    """The refusal of a client."""
    return Refusal(ProxyError(Source.CLIENT, status, cause, message), fields)


def one_authorization(values: Sequence[bytes]) -> Refusal | None:
    """The refusal of two Authorization fields: who reads the first and who the last would not agree on the client."""
    if len(values) < 2:
        return None
    return refused(400, "bad_request", "Authorization is repeated")
