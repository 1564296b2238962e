"""One stream of a connection to a peer of HTTP/2: the peer connection of one attempt."""

from __future__ import annotations

from math import inf

from pydsl_proxy.connectors.http2.uploading import Uploading
from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import Attempt
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http.statuses import has_no_body
from pydsl_proxy.wire.http2.frames import ErrorCode, window_update

# Bytes that a peer may send before a slow client has taken them: the most that a stream keeps in memory.  Go's and
# gRPC's servers send at most 64 KiB by default; this is enough for 40 MB/s over a path of 6 ms.
WINDOW = 256 * 1024
# As of a peer of HTTP/1.1.
MAX_INTERIM = 8


class Stream(Uploading):
    """What of a stream receives; see :class:`~pydsl_proxy.interfaces.PeerConnection`.

    ``room`` is what the peer may send yet, in bytes; ``response`` its head, once that is here.
    """

    response: ResponseHead | None = None
    room = WINDOW
    _eaten = 0
    _interim = 0
    _paused = False
    # The head is here, and waits for what else comes in the same read.
    _unanswered = False
    _bodiless = False
    # What has come of the body in this turn.
    _fed: list[bytes] | tuple[()] = ()
    # Bytes to come of a body of declared length.
    _left: int | None = None

    def take_head(self, response: ResponseHead, end: bool) -> None:
        """The head of a response, or of an interim one (RFC 9110 15.2)."""
        attempt = self.attempt
        assert attempt is not None
        if response.status < 200:
            self._interim += 1
            self.await_more(attempt)
            if response.status == 101:
                self.fail("bad_head", "switched protocols, which HTTP/2 has not")
            elif end:
                self.fail("bad_head", "ended its response with an interim one")
            elif self._interim > MAX_INTERIM:
                self.fail("bad_head", f"sent more than {MAX_INTERIM} interim responses")
            else:
                attempt.interim(response)
            return
        self.response = response
        self._bodiless = attempt.exchange.method == b"HEAD" or has_no_body(response.status)
        self._left = None if self._bodiless else response.length
        if not end:
            self.await_more(attempt)
            self._unanswered = True
            self._connection.unanswered.append(self)
        elif self._left:
            self.fail("bad_body", f"ended its body {self._left} bytes too early")
        else:
            self._finish()
            attempt.answered(response, b"", True)

    def take_data(self, data: bytes, end: bool) -> None:
        """Some of the body, or its end."""
        attempt, response = self.attempt, self.response
        assert attempt is not None
        if response is None:
            self.fail("bad_head", "sent a body before its head")
            return
        if not self._fits(data, end):
            return
        if self._unanswered:
            self._unanswered = False
            if end:
                # The usual response is here as a whole.
                self._finish()
                attempt.answered(response, data, True)
                return
            attempt.answered(response, data, False)
        elif data:
            if not self._fed:
                self._fed = []
                self._connection.fed.append(self)
            self._fed.append(data)
        if end:
            self.hand_on()
            if self.attempt is attempt:
                self._finish()
                attempt.ended(())
        elif self.attempt is attempt and not self._fed:
            self.await_more(attempt)

    def hand_on(self) -> None:
        """Hand on what has come of the body in one turn: small pieces are joined."""
        fed, attempt = self._fed, self.attempt
        if fed and attempt is not None:
            self._fed = ()
            attempt.body(fed[0] if len(fed) == 1 else b"".join(fed))
            if self.attempt is attempt:
                self.await_more(attempt)

    def _fits(self, data: bytes, end: bool) -> bool:
        """RFC 9113 8.1.1: a body that is not what the head says is malformed."""
        if data and self._bodiless:
            self.fail("bad_body", "sent a body where there can be none")
            return False
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                self.fail("bad_body", "sent more than the length that it declared")
                return False
        if end and self._left:
            self.fail("bad_body", f"ended its body {self._left} bytes too early")
            return False
        return True

    def take_trailers(self, trailers: tuple[tuple[bytes, bytes], ...]) -> None:
        """The end of a response with trailers."""
        if not self._fits(b"", True):
            return
        self.answer()
        self.hand_on()
        attempt = self.attempt
        if attempt is not None:
            self._finish()
            attempt.ended(trailers)

    def answer(self) -> None:
        """Hand the head on that has waited for more to come with it."""
        if self._unanswered:
            self._unanswered = False
            attempt, response = self.attempt, self.response
            assert response is not None
            if attempt is not None:
                attempt.answered(response, b"", False)
                if self.attempt is attempt:
                    # It may have got other times with the head.
                    self.await_more(attempt)

    def give_back(self, size: int) -> None:
        """So many bytes were taken: the peer may send as many more, while the client keeps up."""
        self._eaten += size
        if self._eaten >= WINDOW // 2 and not self._paused and self.attempt is not None:
            self._connection.write(window_update(self.number, self._eaten))
            self.room += self._eaten
            self._eaten = 0

    def await_more(self, attempt: Attempt) -> None:
        """The peer has its time anew, unless it waits for the request itself or for a slow client."""
        if not self.uploading and not self._paused:
            self._connection.until(self, attempt.timeouts.read)

    # -- ends --------------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        """The response is here as a whole."""
        self.attempt = None
        self._connection.finished(self)

    def was_reset(self, code: int, name: str) -> None:
        """The peer wants no more of this stream."""
        self.hand_on()
        attempt, self.attempt = self.attempt, None
        if attempt is None:
            return
        self._connection.drop(self)
        peer = self._connection.name
        if code == ErrorCode.REFUSED_STREAM:
            # RFC 9113 8.7: as a kept connection that was closed, it costs no try, and says nothing of the peer.
            attempt.reused = True
            text = f"peer {peer} refused the request before it looked at it"
            attempt.failed(ProxyError(Source.PEER, 502, "refused_stream", text, retryable=True))
            return
        phase = "before it answered" if self.response is None else "in the middle of its response"
        attempt.failed(ProxyError(Source.PEER, 502, "reset", f"peer {peer} reset the stream {phase}: {name}"))

    def fail(self, cause: str, what: str, status: int = 502, code: ErrorCode = ErrorCode.PROTOCOL_ERROR) -> None:
        """The peer has done what it must not, on this stream alone."""
        self.hand_on()
        attempt, self.attempt = self.attempt, None
        if attempt is not None:
            self._connection.drop(self, code)
            attempt.failed(ProxyError(Source.PEER, status, cause, f"peer {self._connection.name} {what}"))

    def expired(self) -> None:
        """The deadline has passed."""
        attempt = self.attempt
        if attempt is None:
            return
        connection = self._connection
        if self.stalled and self.send_small():
            return
        if not self.stalled:
            self.fail("read_timeout", f"sent nothing for {attempt.timeouts.read:g} s", 504, ErrorCode.CANCEL)
            connection.suspect()
        elif connection.blocked and connection.progressed:
            # It is slow, but reads.
            connection.until(self, attempt.timeouts.send)
        else:
            self.fail(
                "send_timeout", f"took none of the request for {attempt.timeouts.send:g} s", 504, ErrorCode.CANCEL
            )
            connection.suspect()

    def lost(self, error: ProxyError) -> None:
        """The connection is gone, or good for nothing."""
        self.hand_on()
        attempt, self.attempt = self.attempt, None
        self.uploading = False
        if attempt is not None:
            attempt.failed(error)

    def abandon(self) -> None:
        """The attempt is of no interest any more; the other streams are."""
        if self.attempt is not None:
            self.attempt = None
            self._connection.drop(self, ErrorCode.CANCEL)

    def pauseProducing(self) -> None:
        """The client is slower than the peer, whose time does not run meanwhile; its window is not opened again."""
        if self.attempt is not None:
            self._paused = True
            if not self.stalled:
                self.deadline = inf

    def resumeProducing(self) -> None:
        """The client has caught up."""
        attempt = self.attempt
        if attempt is not None:
            self._paused = False
            if not self.stalled:
                self.await_more(attempt)
            self.give_back(0)

    def stopProducing(self) -> None:
        """The client is gone; the attempt hears of it from its exchange."""
