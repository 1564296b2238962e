"""A WebSocket that an ASGI application speaks, as the reactor sees it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.handlers.applications.event_loops import Tasks
from pydsl_proxy.handlers.applications.fields import MAX_IN_FLIGHT
from pydsl_proxy.handlers.applications.outbox import Inbox
from pydsl_proxy.handlers.applications.silence import Silence
from pydsl_proxy.handlers.asgi.call import cost_of
from pydsl_proxy.handlers.asgi.socket_call import ABNORMAL, SocketCall
from pydsl_proxy.handlers.asgi.types import Application
from pydsl_proxy.handlers.websocket.autobahn_legs import ClientLeg, Leg
from pydsl_proxy.handlers.websocket.flow import Way, crash
from pydsl_proxy.handlers.websocket.settings import Kit, leg_makers
from pydsl_proxy.handlers.websocket.timers import BridgeWatch
from pydsl_proxy.handlers.websocket.tunnel import refuse
from pydsl_proxy.interfaces import CompileContext, EventLoop, Exchange, Trailers
from pydsl_proxy.wire.http.head import ResponseHead, section
from pydsl_proxy.wire.http1.reader import read_response_head

# Seconds between pings, as uvicorn and the websockets library have it.
PING = 20.0
# RFC 6455 7.1.5: the close frame had no code.
NO_CODE = 1005
_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket"


@frozen
class SocketTerms:
    """What the WebSockets of one location have in common; *silence* is in seconds, before it is accepted."""

    kit: Kit
    make_leg: Callable[[], ClientLeg]
    most: int
    silence: float


def socket_terms(place: CompileContext, most: int) -> SocketTerms:
    """Those of *place*; a message has at most *most* bytes."""
    make_leg, make_peer_leg = leg_makers(place.clock)
    clock: IReactorTime = place.clock
    random: Random = place.random
    idle = place.timeouts.idle
    kit = Kit(clock, place.later, random, idle, PING, most, None, 1, True, False, None, make_leg, make_peer_leg)
    return SocketTerms(kit, make_leg, most, place.timeouts.read)


class Socket:
    """Stands between an exchange that becomes a WebSocket and the application, which is in its loop.

    Messages on their way to the application are bounded in bytes, those to the client count as taken only when it
    keeps up.
    """

    def __init__(
        self, terms: SocketTerms, exchange: Exchange, loop: EventLoop, tasks: Tasks, returned: Callable[[], None]
    ) -> None:
        self.loop = loop
        self._within = Inbox(loop.within).put
        self._tell_returned = returned
        self._tasks = tasks
        self._terms = terms
        self._exchange = exchange
        self._call: SocketCall | None = None
        self._leg = leg = terms.make_leg()
        leg.begin(self, terms.most, True, True)
        self._way = Way(leg.parse, self._pause_client, terms.kit.later, self._crash, deflated=False)
        self._watch = BridgeWatch(terms.kit, self)
        self._is_open = False
        self._over = False
        # With what the application is told that the client is gone, once we close.
        self._code = ABNORMAL
        self._ahead = 0
        self._paused = False
        # What the client has as good as taken, unless it is slow.
        self._taken = 0
        self.later = terms.kit.later
        self._silence = Silence(terms.kit.clock, terms.silence, self._expired)

    def begin(self, application: Application, scope: dict[str, object]) -> None:
        """Have *application* called."""
        self._exchange.running = self
        call = self._call = SocketCall(application, scope, self)
        self._within(lambda: self._tasks.spawn(call.run()))
        self._silence.restart()

    def returned(self) -> None:
        """The application has done; without the cycle both are freed at once."""
        self._call = None
        self._tell_returned()

    def worked(self) -> None:
        """The reactor has done some of what the application has asked for."""
        taken = self._taken
        if taken and not self._paused and self._call is not None:
            self._taken = 0
            self._within(self._call.taken, taken)

    def _expired(self) -> None:
        text = f"the application sent nothing for {self._silence.seconds:g} s"
        self._break_off(ProxyError(Source.US, 504, "read_timeout", text))
        self._tell_gone(ABNORMAL)

    def _tell_gone(self, code: int, reason: str = "") -> None:
        if self._call is not None:
            self._within(self._call.gone, code, reason)

    # -- what the application does -------------------------------------------------------------------------------------

    def accept(self, subprotocol: bytes | None, pairs: tuple[tuple[bytes, bytes], ...]) -> None:
        """Switch."""
        if not self._over:
            self._silence.stop()
            self._exchange.go_on(lambda exchange: self._switch(exchange, subprotocol, pairs))

    def _switch(self, exchange: Exchange, subprotocol: bytes | None, pairs: tuple[tuple[bytes, bytes], ...]) -> None:
        fields, leg = exchange.fields, self._leg
        key = fields.get(b"sec-websocket-key") or b""
        made = leg.answer(key, fields.get(b"sec-websocket-extensions") or b"", subprotocol)
        if not leg.is_ready:
            # Autobahn refused what passed our own checks of the handshake.
            self._give_up(400, "the client's Sec-WebSocket fields are malformed")
            return
        self._way = Way(leg.parse, self._pause_client, self._terms.kit.later, self._crash, deflated=leg.is_deflated)
        exchange.switch(read_response_head(_SWITCHING + made + section(pairs)), b"")
        self._is_open = True
        exchange.stream_from(self)
        self._watch.start(leg)
        exchange.when_draining(self._watch.drain)
        exchange.read_body(self)

    def send_message(self, data: bytes, binary: bool) -> None:
        """Send the client one."""
        if not self._over:
            self._watch.move()
            self._leg.send_whole(data, binary)
        self._taken += cost_of(data)

    def deny(self, head: ResponseHead | None, data: bytes, end: bool) -> None:
        """Answer with a response, and no WebSocket."""
        if not self._over:
            self._silence.restart()
            self._exchange.go_on(lambda exchange: self._deny(exchange, head, data, end))
        self._taken += cost_of(data)

    def _deny(self, exchange: Exchange, head: ResponseHead | None, data: bytes, end: bool) -> None:
        if end:
            self._over = True
            self._silence.stop()
        if head is not None:
            exchange.start(head, data, end)
            if not end and not self._over:
                exchange.stream_from(self)
            return
        if data:
            exchange.write(data)
        if end:
            exchange.finish()

    def close_by_application(self, code: int, reason: str) -> None:
        """Close; before it has accepted, that is a refusal: 403, as the specification has it."""
        if self._is_open:
            self.close(code, reason)
        else:
            self._give_up(403, "the application has refused the WebSocket")

    def over(self, code: int) -> None:
        """It has returned: what it has not closed is closed with *code*."""
        if self._is_open:
            self.close(code)
        else:
            text = "an ASGI application did not answer a request for a WebSocket"
            self._break_off(ProxyError(Source.US, 500, "internal_error", text))

    def _break_off(self, error: ProxyError) -> None:
        if not self._over:
            self._over = True
            self._silence.stop()
            self._exchange.running = None
            self._exchange.fail(error)

    def _give_up(self, status: int, why: str) -> None:
        if not self._over:
            self._over = True
            self._silence.stop()
            self._exchange.running = None
            refuse(self._exchange, status, why)
            self._tell_gone(ABNORMAL)

    def consumed(self, size: int) -> None:
        """It has received so much."""
        self._ahead -= size
        if self._way.is_blocked and self._ahead <= MAX_IN_FLIGHT // 2:
            self._way.unblock()

    # -- what the leg tells, see Ends ----------------------------------------------------------------------------------

    def send(self, leg: Leg, data: bytes) -> None:
        """Bytes for the client."""
        if not self._over:
            self._exchange.write(data)

    def sent_close(self, leg: Leg) -> None:
        """What still comes is dropped, so it is read whether the application receives or not."""
        self.later(self._way.release, self._crash)

    def dropped(self, leg: Leg) -> None:
        """All is said."""
        self.end()

    def admits(self, leg: Leg, opcode: int, length: int) -> bool:
        """No rate is agreed on, so nobody asks."""
        return True

    def moving(self, leg: Leg) -> None:
        """Some of a message has come."""
        self._watch.move()

    def message(self, leg: Leg, data: bytes, binary: bool) -> None:
        """A message of the client."""
        if self._call is None:
            return
        # The leg has seen to it that text is UTF-8.
        told = data if binary else data.decode()
        self._ahead += cost_of(told)
        self._within(self._call.message, told)
        if self._ahead >= MAX_IN_FLIGHT:
            self._way.block()

    def piece(self, leg: Leg, data: bytes, binary: bool, first: bool) -> None:
        """Messages are wanted whole."""
        raise NotImplementedError

    def message_end(self, leg: Leg) -> None:
        """Messages are wanted whole."""
        raise NotImplementedError

    def is_slow(self, leg: Leg) -> bool:
        """Whether the client does not take what was sent."""
        return self._paused

    def closing(self, leg: Leg, code: int | None, reason: str | None) -> None:
        """The client closes, or has broken the protocol: then nothing more is parsed."""
        self._tell_gone(code or NO_CODE, reason or "")
        self._watch.closing()
        if leg.failedByMe:
            self.end()

    # -- the exchange --------------------------------------------------------------------------------------------------

    def request_body(self, data: bytes) -> None:
        """Bytes of the client."""
        self._watch.hear(self._leg)
        self._way.take(data)

    def request_end(self, trailers: Trailers) -> None:
        """The client has ended its connection; what it sent before counts."""
        self._way.end(self.end)

    def cancel(self, error: ProxyError) -> None:
        """The client is gone."""
        self._over = True
        self._stop()

    def pauseProducing(self) -> None:
        """The client is slower than the application."""
        self._paused = True
        self._hold()
        self._silence.pause()

    def resumeProducing(self) -> None:
        """The client has taken all there was."""
        self._paused = False
        self._hold()
        if not self._is_open:
            self._silence.restart()
        self.worked()
        self._leg.send_pong_owed()

    def stopProducing(self) -> None:
        """The client is gone; the exchange tells."""

    def _pause_client(self, pause: bool) -> None:
        self._hold()
        if self._over:
            return
        if pause:
            self._exchange.pause_body()
        else:
            self._exchange.resume_body()

    def _hold(self) -> None:
        self._watch.hold(self._paused or self._way.is_stalled)

    # -- ends, see Bridged ---------------------------------------------------------------------------------------------

    def close(self, code: int, reason: str | None = None, why: ProxyError | None = None) -> None:
        """Begin the closing handshake, unless it has begun; *why* is for the log."""
        if self._over or not self._leg.can_send:
            return
        self._exchange.error = self._exchange.error or why
        self._code = code
        self._leg.close(code, reason)
        self._watch.closing()
        # What it has to say from now on nobody hears.
        self._tell_gone(code, reason or "")

    def end(self, why: ProxyError | None = None) -> None:
        """End the connection."""
        if self._over:
            return
        self._over = True
        self._exchange.error = self._exchange.error or why
        self._exchange.finish()
        self._stop()

    def _crash(self) -> None:
        """To go on with what has come has raised an exception."""
        self.end(crash())

    def _stop(self) -> None:
        self._silence.stop()
        self._watch.stop()
        self._way.stop()
        self._leg.lost()
        self._tell_gone(self._code)
