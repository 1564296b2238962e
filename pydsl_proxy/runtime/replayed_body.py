"""The body of a request that is delivered more than once: to one handler after another, or to two receivers."""

from __future__ import annotations

from pydsl_proxy.interfaces import BodyReceiver, Exchange, Trailers


class ReplayedBody:
    """What an upload has kept: too little to be paused; see :class:`~pydsl_proxy.interfaces.ReplayableBody`."""

    __slots__ = ("_data", "_exchange", "_trailers")

    def __init__(self, exchange: Exchange, data: bytes, trailers: Trailers) -> None:
        self._exchange = exchange
        self._data = data
        self._trailers = trailers

    def read_body(self, receiver: BodyReceiver) -> None:
        """Deliver it."""
        self._exchange.has_body = False
        # Nothing is no chunk: the empty one ends a body.
        if self._data:
            receiver.request_body(self._data)
        receiver.request_end(self._trailers)

    def pause_body(self) -> None:
        """It was delivered whole."""

    def resume_body(self) -> None:
        """It was delivered whole."""


class TeeReceiver:
    """A receiver that is two."""

    __slots__ = ("_copy", "_receiver")

    def __init__(self, receiver: BodyReceiver, copy: BodyReceiver) -> None:
        self._receiver = receiver
        self._copy = copy

    def request_body(self, data: bytes) -> None:
        """Some of the body."""
        self._receiver.request_body(data)
        self._copy.request_body(data)

    def request_end(self, trailers: Trailers) -> None:
        """The body is complete."""
        self._receiver.request_end(trailers)
        self._copy.request_end(trailers)
