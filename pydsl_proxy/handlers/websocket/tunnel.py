"""WebSockets that go through as they are: after the peer's 101 the bytes of both sides are copied."""

from __future__ import annotations

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import Exchange, Handle
from pydsl_proxy.wire.http.statuses import UPGRADE_REQUIRED
from pydsl_proxy.wire.http1.response_writer import error_page
from pydsl_proxy.wire.websocket import TOKEN, asks_for_websocket, fault_of_request


def tunnelling(websocket: Handle, otherwise: Handle) -> Handle:
    """A handle that gives *websocket* the requests for one, if they are sound, and *otherwise* all others."""

    def choose(exchange: Exchange) -> None:
        if not asks_for_websocket(exchange):
            otherwise(exchange)
        elif (fault := fault_of_request(exchange)) is not None:
            refuse(exchange, *fault)
        else:
            websocket(exchange)

    return choose


def refuse(exchange: Exchange, status: int, why: str) -> None:
    """Answer a request that cannot become a WebSocket, and say in the log why."""
    exchange.error = ProxyError(Source.CLIENT, status, "bad_handshake", why)
    body, fields = error_page(status)
    if status == UPGRADE_REQUIRED:
        # RFC 9110 15.5.22, RFC 6455 4.4.
        fields = (*fields, (b"Upgrade", TOKEN), (b"Sec-WebSocket-Version", b"13"))
    exchange.respond(status, body, fields)


def upgrade_required(exchange: Exchange) -> None:
    """The handle for requests that ask for no WebSocket where nothing else is spoken."""
    refuse(exchange, UPGRADE_REQUIRED, "the request does not ask for a WebSocket")
