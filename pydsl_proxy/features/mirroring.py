"""Copies of requests for another upstream, whose answers nobody sees: nginx's ``mirror``."""

from __future__ import annotations

from functools import partial

from attrs import field, frozen
from twisted.logger import Logger

from pydsl_proxy.errors import ProxyError
from pydsl_proxy.interfaces import Ask, CompileContext, Exchange, Handle, Trailers
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call, options
from pydsl_proxy.units import KiB
from pydsl_proxy.wire.http.field_rules import cut, spans_of
from pydsl_proxy.wire.http.head import RequestFields, ResponseHead

log = Logger()

# The framing is written anew, and what is about the client's connection is no affair of the copy's peer.
_LEFT_OUT = (b"content-length", b"transfer-encoding", b"trailer", b"expect", b"connection")


@frozen
class Mirror:
    """What ``.mirror()`` asks for; *body* is in bytes."""

    upstream: object
    percent: float = field(default=100, kw_only=True)
    body: int = field(default=64 * KiB, kw_only=True)
    in_flight: int = field(default=64, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def as_verb(self) -> str:
        """The call that made this."""
        return call("mirror", repr(self.upstream), options(self, "percent", "body", "in_flight"))

    def compile(self, inner: Handle, place: CompileContext) -> Handle:
        """Go on, then send the copy; one with a body is sent when the handler has read it."""
        under_way = place.kept(self, UnderWay)
        ask, random, percent, most, in_flight = (
            place.asker(self.upstream),
            place.random,
            self.percent,
            self.body,
            self.in_flight,
        )

        def mirror(exchange: Exchange) -> None:
            if under_way in exchange.limited_by:
                inner(exchange)
                return
            # A redirect inside the proxy is no other request: it is copied once, and its lot is drawn once.
            exchange.limited_by += (under_way,)
            if random.random() * 100 >= percent:
                inner(exchange)
                return
            copy = _Copy(exchange, ask, under_way, in_flight, most)
            fields = exchange.fields
            if not exchange.has_body:
                inner(exchange)
                if not (fields.content_length or fields.chunked):
                    copy.request_end(())
            else:
                if most and (fields.content_length or 0) <= most:
                    exchange.copy_body(copy)
                inner(exchange)

        return mirror


class UnderWay:
    """How many copies are under way."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class _Copy:
    """What a copy is made of, while the original takes its way; see :class:`~pydsl_proxy.interfaces.BodyReceiver`."""

    __slots__ = ("_ask", "_asked", "_in_flight", "_most", "_pieces", "_size", "_under_way")

    def __init__(self, exchange: Exchange, ask: Ask, under_way: UnderWay, in_flight: int, most: int) -> None:
        # What is to be copied is told now: steps and the handler may change it for the original.
        self._ask = partial(
            ask,
            exchange,
            self._ended,
            method=exchange.method,
            target=exchange.peer_target,
            fields=_section(exchange.fields),
            most=None,
        )
        self._asked = False
        self._under_way = under_way
        self._in_flight = in_flight
        self._most = most
        self._pieces: list[bytes] = []
        self._size = 0

    def request_body(self, data: bytes) -> None:
        """Some of the body was read."""
        self._size += len(data)
        if self._size <= self._most:
            self._pieces.append(data)
        else:
            self._pieces.clear()

    def request_end(self, trailers: Trailers) -> None:
        """It was read as a whole: send the copy, if there is room."""
        if self._size <= self._most and self._under_way.count < self._in_flight:
            self._under_way.count += 1
            self._asked = True
            try:
                self._ask(body=b"".join(self._pieces))
            except Exception:
                # As of a function that makes a field: the original has its own way to tell.
                log.failure("a request could not be copied")
                self._ended(None, b"", None)

    def _ended(self, response: ResponseHead | None, body: bytes, error: ProxyError | None) -> None:
        """It was answered, or has failed; which is no matter."""
        if self._asked:
            self._asked = False
            self._under_way.count -= 1


def _section(fields: RequestFields) -> bytes:
    # Connection names fields of the client, and none that a step has put in their place.
    left_out = fields.named.union(_LEFT_OUT)
    return cut(fields.raw, [span for name in left_out for span in spans_of(fields.lower, name)])
