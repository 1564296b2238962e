"""What a mounted resource sees: a request of twisted.web, and the Site that it belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING

from twisted.internet.interfaces import IPullProducer, IReactorTime
from twisted.internet.task import Cooperator
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site

if TYPE_CHECKING:
    from pydsl_proxy.handlers.resource.channel import Channel

# twisted.web.http: bodies from this size on are in a file.
MAX_IN_MEMORY = 100_000


class MountedSite(Site):
    """The Site of one mounted resource: it has its sessions, but no connections and no log."""

    def __init__(self, resource: IResource | Resource, clock: IReactorTime) -> None:
        super().__init__(resource, reactor=clock)  # type: ignore[no-untyped-call]  # Twisted's is not annotated
        self.cooperator = Cooperator(scheduler=lambda work: clock.callLater(0, work))

    def getContentFile(self, length: int | None) -> IO[bytes]:
        """Where the body of a request is kept; *length* is None if that is not known before its end."""
        if length is not None and length < MAX_IN_MEMORY:
            return BytesIO()
        return SpooledTemporaryFile(MAX_IN_MEMORY)

    def getResourceFor(self, request: MountedRequest) -> IResource | Resource:
        """The resource, or what is below it, for a request whose path begins above it."""
        request.prepath, request.postpath = request.channel.prepath, request.channel.postpath
        # Request.process() has set it; the frontend does so by the proxy's clock.
        request.responseHeaders.removeHeader(b"date")
        found: IResource | Resource = super().getResourceFor(request)  # type: ignore[no-untyped-call]  # Twisted's is not annotated
        return found


class MountedRequest(Request):
    """A request whose channel is an exchange."""

    channel: Channel  # type: ignore[assignment]  # stands in for the HTTPChannel

    def write(self, data: bytes) -> None:
        """Send the head, with the first call, and *data*."""
        # None when the client has left, gone when the request is done.
        channel = getattr(self, "channel", None)
        super().write(data)  # type: ignore[no-untyped-call]  # Twisted's is not annotated
        if channel is not None:
            channel.flush()

    def finish(self) -> None:
        """The response is complete: what was not sent yet goes out as one."""
        channel = getattr(self, "channel", None)
        if channel is not None:
            channel.corked = True
        super().finish()  # type: ignore[no-untyped-call]  # Twisted's is not annotated

    def processingFailed(self, reason: Failure) -> Failure:
        """Something raised: 500, or a broken off response, and not a word of it to the client."""
        self._log.failure("{request} could not be rendered", reason, request=self)
        channel = getattr(self, "channel", None)
        if channel is not None:
            if self.producer is not None:
                self.unregisterProducer()  # type: ignore[no-untyped-call]  # Twisted's is not annotated
            channel.fail("internal_error", "a mounted resource raised an exception")
            self.startedWriting = self.finished = 1
            self._cleanup()  # type: ignore[no-untyped-call]  # Twisted's is not annotated
        return reason


class Pulling:
    """Asks a pull producer for more, a turn of the reactor at a time, while the client keeps up."""

    def __init__(self, producer: IPullProducer, site: MountedSite, channel: Channel) -> None:
        self._producer = producer
        self._channel = channel
        self._paused = False
        self._task = site.cooperator.cooperate(self._pull())

    def _pull(self) -> Iterator[None]:
        while True:
            try:
                self._producer.resumeProducing()
            except Exception:
                self._channel.request.processingFailed(Failure())
            yield None

    def pauseProducing(self) -> None:
        """Ask no more until resumed."""
        if not self._paused:
            self._paused = True
            self._task.pause()

    def resumeProducing(self) -> None:
        """Go on asking."""
        if self._paused:
            self._paused = False
            self._task.resume()

    def stopProducing(self) -> None:
        """The client is gone."""
        self.stop()
        self._producer.stopProducing()

    def stop(self) -> None:
        """Ask no more; called once."""
        self._task.stop()
