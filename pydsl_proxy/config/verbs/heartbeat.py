"""Verbs on responses that go on for long."""

from __future__ import annotations

from typing import Self

from pydsl_proxy.config.verbs.base import Featured
from pydsl_proxy.features.heartbeats import EVERY, SILENCE, Heartbeat


class Streaming(Featured):
    """Event streams."""

    __slots__ = ()

    def heartbeat(self, seconds: float | None = EVERY, *, silence: float = SILENCE) -> Self:
        """Send a comment in an event stream whenever nothing else was sent for *seconds*, 15 by default.

        So nobody between here and the client takes the connection for idle.  And since comments show that the client is
        there, the peer may be silent for *silence* seconds, an hour by default, in place of ``timeouts(read=…)``.

        A response is an event stream if it is ``text/event-stream`` without a length.  One with a Content-Encoding of
        the peer's, or with a digest, is left alone.  A comment never stands within a line, and there is none while the
        client does not read.  None lifts an outer one.
        """
        return self._with(Heartbeat(seconds, silence=silence))
