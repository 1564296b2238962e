"""The times of a connection to a peer of HTTP/2: of its streams, of a silence, of an idle one."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from pydsl_proxy.connectors.http2.reading import Reading
from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import Deadline
from pydsl_proxy.wire.http2.frames import PING, frame

if TYPE_CHECKING:
    from pydsl_proxy.connectors.http2.pool import Http2Pool, PendingConnection
    from pydsl_proxy.connectors.http2.uploading import Uploading

# Seconds of silence, while something is awaited, after which a peer is asked whether it is there.  Once for each
# silence: servers of gRPC close connections on which PINGs come more often than every five minutes without data.
QUIET = 20.0
# Seconds for the answer; Go's http2.Transport has 15, gRPC 20.
PING_WITHIN = 15.0


class Timing(Reading):
    """One watch for all of them; each deadline is noted where it belongs, and looked at when the first one passes.

    ``progressed`` says that the peer had taken some of what was queued when the clock was last looked at.
    """

    _watch: Deadline
    _idle_until = inf

    def __init__(self, sharing: Http2Pool, beginning: PendingConnection) -> None:
        super().__init__(sharing)
        self._beginning = beginning
        self.seconds = sharing.home.seconds
        # When the peer must have said its first word.
        self._speaks_by = inf
        self._idle = False
        self._heard = 0.0
        # It was sent a PING in this silence, and when it must have answered.
        self._asked = False
        self._answer_by = inf
        self.progressed = False
        self._unsent = 0

    def until(self, stream: Uploading, seconds: float) -> float:
        """The peer has so many *seconds* to do something on *stream*; when they are over."""
        now = self.seconds()
        due = stream.deadline = now + seconds
        self._look_by(min(due, now + QUIET))
        return due

    def _look_by(self, when: float) -> None:
        """One watch for all streams: it looks when the first deadline has passed, or may have."""
        if when < self._watch.deadline:
            self._watch.until(when)

    def _expired(self) -> None:
        now = self._home.seconds()
        if self.closed:
            self.transport.abortConnection()
            return
        self._look_at_transport(now)
        if now >= self._speaks_by:
            self._speaks_by = inf
            self._beginning.silent()
        if self._idle:
            if now >= self._idle_until:
                self.close()
            else:
                self._look_by(min(self._idle_until, self._speaks_by))
            return
        if now >= self._answer_by:
            text = f"peer {self.name} did not answer a PING for {PING_WITHIN:g} s"
            self._lose(ProxyError(Source.PEER, 504, "read_timeout", text))
            return
        for stream in [stream for stream in self.streams.values() if stream.deadline <= now]:
            stream.expired()
        if self.streams and not self.closed:
            if now - self._heard >= QUIET and not self._asked:
                self.suspect()
            deadlines = [stream.deadline for stream in self.streams.values()]
            quiet = inf if self._asked else self._heard + QUIET
            self._look_by(min(*deadlines, quiet, self._answer_by, self._speaks_by))

    def suspect(self) -> None:
        """Ask whether the peer is there at all, if nothing was heard of it for a while."""
        now = self._home.seconds()
        if self.streams and not self.closed and self._answer_by == inf and now - self._heard >= QUIET:
            self._asked = True
            self._answer_by = now + PING_WITHIN
            self._look_by(self._answer_by)
            self.write(frame(PING, 0, 0, b"are you?"))

    def _look_at_transport(self, now: float) -> None:
        """A peer that reads is there, though it says nothing: a PING may have to wait for its turn."""
        unsent = self._home.unsent(self.transport)
        self.progressed = unsent < self._unsent
        self._unsent = unsent
        if self.progressed:
            self._heard = now
            if self._answer_by < inf:
                self._answer_by = now + PING_WITHIN

    def heard_more(self) -> None:
        """Something else than the answer to a PING: the next silence is another one."""
        self._asked = False

    def close(self) -> None:
        """Close an idle connection."""
        raise NotImplementedError

    def _lose(self, error: ProxyError) -> None:
        """The connection is of no use any more."""
        raise NotImplementedError
