"""What filters have in common: they hand on what they do not change."""

from __future__ import annotations

from pydsl_proxy.errors import ProxyError
from pydsl_proxy.interfaces import Producer, Sink, Trailers
from pydsl_proxy.wire.http.head import ResponseHead


class Passing:
    """A sink that hands everything on to ``next``."""

    __slots__ = ("next",)

    def __init__(self, next: Sink) -> None:
        self.next = next

    def start(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """Take the head and the first bytes of the body."""
        self.next.start(response, data, end)

    def write(self, data: bytes) -> None:
        """Take more of the body."""
        self.next.write(data)

    def finish(self, trailers: Trailers = ()) -> None:
        """The response is complete."""
        self.next.finish(trailers)

    def fail(self, error: ProxyError) -> None:
        """The response breaks off."""
        self.next.fail(error)

    def stream_from(self, producer: Producer) -> None:
        """Pause and resume *producer*."""
        self.next.stream_from(producer)

    def stop(self) -> None:
        """The exchange is over."""
        self.next.stop()
