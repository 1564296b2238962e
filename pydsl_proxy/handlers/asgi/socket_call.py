"""One WebSocket of an ASGI application, in its loop: "WebSocket" of the specification, as the application sees it."""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING

from twisted.logger import Logger

from pydsl_proxy.handlers.applications.fields import MAX_IN_FLIGHT, ClientLeft, made_head
from pydsl_proxy.handlers.applications.outbox import Outbox
from pydsl_proxy.handlers.asgi.call import MESSAGES_IN_A_TURN, cost_of
from pydsl_proxy.handlers.asgi.response import Message, Response, pairs_of
from pydsl_proxy.handlers.asgi.types import Application

if TYPE_CHECKING:
    from pydsl_proxy.handlers.asgi.socket import Socket

log = Logger()

# RFC 6455 7.4.1.
NORMAL, ABNORMAL, INTERNAL_ERROR = 1000, 1006, 1011


class Stage(Enum):
    """What the application may send."""

    CONNECTING = "websocket.accept, websocket.close or websocket.http.response.start"
    DENYING = "websocket.http.response.body"
    OPEN = "websocket.send or websocket.close"
    CLOSED = "nothing"


class SocketCall:
    """What has come for the application and what it has sent; *socket* is the exchange, in the reactor."""

    def __init__(self, application: Application, scope: dict[str, object], socket: Socket) -> None:
        self._application = application
        self._scope = scope
        self._socket = socket
        self._outside = Outbox(socket.loop.outside, socket.later, socket.worked).put
        self._changed = asyncio.Event()
        self._stage = Stage.CONNECTING
        self._messages: deque[str | bytes] = deque()
        self._told_connect = False
        # Code and reason, when the client is gone.
        self._disconnect: tuple[int, str] | None = None
        self._in_flight = 0
        # The answer of an application that denies the WebSocket.
        self._response = Response(b"GET")
        self._counted = 0

    async def run(self) -> None:
        """Call the application; raises nothing but the end of the loop."""
        code = INTERNAL_ERROR
        try:
            await self._application(self._scope, self._receive, self._send)
            code = NORMAL
            if self._stage in (Stage.CONNECTING, Stage.DENYING) and self._disconnect is None:
                raise RuntimeError("the application has returned before it accepted, closed or denied a WebSocket")
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:
            code = INTERNAL_ERROR
            if self._disconnect is None:
                log.failure("{application!r} raised an exception", application=self._application)
            else:
                log.debug("the client left before the application was done: {error!r}", error=error)
        finally:
            # Nothing if it has closed by itself.
            self._outside(self._socket.over, code)
            self._outside(self._socket.returned)

    # -- what the reactor tells ----------------------------------------------------------------------------------------

    def message(self, data: str | bytes) -> None:
        """The client has sent one."""
        self._messages.append(data)
        self._changed.set()

    def gone(self, code: int, reason: str) -> None:
        """The client is gone, or has said so."""
        self._disconnect = self._disconnect or (code, reason)
        self._changed.set()

    def taken(self, size: int) -> None:
        """So much of what was sent is with the client, or as good as."""
        self._in_flight -= size
        self._changed.set()

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _give_way(self) -> None:
        """Let others have their turn now and then, which an application that never waits would not."""
        self._counted += 1
        if not self._counted % MESSAGES_IN_A_TURN:
            await asyncio.sleep(0)

    # -- the application -----------------------------------------------------------------------------------------------

    async def _receive(self) -> dict[str, object]:
        if not self._told_connect:
            self._told_connect = True
            return {"type": "websocket.connect"}
        await self._give_way()
        while not self._messages:
            if self._disconnect is not None:
                code, reason = self._disconnect
                return {"type": "websocket.disconnect", "code": code, "reason": reason}
            await self._wait()
        data = self._messages.popleft()
        self._outside(self._socket.consumed, cost_of(data))
        return {"type": "websocket.receive", "text" if isinstance(data, str) else "bytes": data}

    async def _send(self, message: Message) -> None:
        await self._give_way()
        while self._in_flight >= MAX_IN_FLIGHT and self._disconnect is None:
            await self._wait()
        if self._disconnect is not None:
            raise ClientLeft
        kind = message["type"]
        if kind == "websocket.accept" and self._stage is Stage.CONNECTING:
            self._accept(message)
        elif kind == "websocket.send" and self._stage is Stage.OPEN:
            self._pass_on(message)
        elif kind == "websocket.close" and self._stage in (Stage.CONNECTING, Stage.OPEN):
            self._close(message)
        elif kind == "websocket.http.response.start" and self._stage is Stage.CONNECTING:
            # A response of 2xx would grant the WebSocket of a client of HTTP/2 (RFC 8441).
            self._response.start(message, least=300)
            self._stage = Stage.DENYING
        elif kind == "websocket.http.response.body" and self._stage is Stage.DENYING:
            self._deny(message)
        else:
            raise RuntimeError(f"{kind!r} is not what the application may send now: {self._stage.value}")

    def _accept(self, message: Message) -> None:
        subprotocol = message.get("subprotocol")
        if subprotocol is not None and subprotocol not in self._subprotocols:
            raise ValueError(f"the client has not offered the subprotocol {subprotocol!r}")
        pairs = pairs_of(message)
        # Whether they can be sent is seen as for any head.
        made_head(200, b"", pairs)
        if any(name.lower().startswith(b"sec-websocket-") for name, _ in pairs):
            raise ValueError("Sec-WebSocket fields are the proxy's: the subprotocol has a key of its own")
        self._stage = Stage.OPEN
        self._outside(self._socket.accept, None if subprotocol is None else str(subprotocol).encode(), tuple(pairs))

    @property
    def _subprotocols(self) -> list[object]:
        offered = self._scope["subprotocols"]
        assert isinstance(offered, list)
        return offered

    def _deny(self, message: Message) -> None:
        head, data, end = self._response.take(message)
        if end:
            self._stage = Stage.CLOSED
        self._in_flight += cost_of(data)
        self._outside(self._socket.deny, head, data, end)
        self._response.check_end()

    def _pass_on(self, message: Message) -> None:
        data, text = message.get("bytes"), message.get("text")
        if isinstance(text, str) and data is None:
            encoded = text.encode()
        elif isinstance(data, bytes) and text is None:
            encoded = data
        else:
            raise TypeError("a message is either text, a str, or bytes")
        self._in_flight += cost_of(encoded)
        self._outside(self._socket.send_message, encoded, text is None)

    def _close(self, message: Message) -> None:
        code, reason = message.get("code"), message.get("reason") or ""
        code = NORMAL if code is None else code
        # RFC 6455 7.4: these are told by no frame.
        if not isinstance(code, int) or not 1000 <= code <= 4999 or code in (1004, 1005, ABNORMAL, 1015):
            raise ValueError(f"{code!r} is no code to close with")
        self._stage = Stage.CLOSED
        self._outside(self._socket.close_by_application, code, str(reason))
