"""The request's body as the producer of a peer's transport."""

from __future__ import annotations

from typing import Protocol

from pydsl_proxy.interfaces import Exchange


class Waiting(Protocol):
    """A connection whose deadline depends on whether the peer reads."""

    def await_reading(self, *, paused: bool = True) -> None:
        """The peer takes none of the request's body, or does again."""


class BodyProducer:
    """A peer that does not read stops the client."""

    def __init__(self, connection: Waiting, exchange: Exchange) -> None:
        self._connection = connection
        self._exchange = exchange

    def pauseProducing(self) -> None:
        """The peer is slower than the client; nginx's proxy_send_timeout runs."""
        self._connection.await_reading()
        self._exchange.pause_body()

    def resumeProducing(self) -> None:
        """The peer has taken all there was."""
        self._connection.await_reading(paused=False)
        self._exchange.resume_body()

    def stopProducing(self) -> None:
        """The connection is gone; the attempt hears of it."""
