"""Messages in what one end of a connection received: where their heads stand, and the messages that are complete."""

from __future__ import annotations

from collections.abc import Callable

from pydsl_proxy.testing.messages import Headers, ReceivedRequest, Response
from pydsl_proxy.wire.http.framing import Framing, response_framing
from pydsl_proxy.wire.http.grammar import HEAD_END, Malformed
from pydsl_proxy.wire.http1.chunked import ChunkedReader

# No test writes a longer one.
MAX_HEAD = 1024 * 1024


class Stream:
    """Takes bytes as they come.

    ``heads`` are the places of all heads, from their first byte to behind the empty line; ``lines`` their first lines.
    What cannot be understood
    ends the reading: a test may send what it likes.
    """

    def __init__(self) -> None:
        self.heads: list[tuple[int, int]] = []
        self.lines: list[str] = []
        self._held = b""
        self._at = 0
        self._headers: Headers | None = None
        self._framing = Framing.NONE
        self._left = 0
        self._chunks = ChunkedReader()
        self._body: list[bytes] = []
        self._broken = False

    def feed(self, data: bytes) -> None:
        """Take what was received."""
        if self._broken:
            return
        self._held += data
        try:
            while self._step():
                pass
        except (Malformed, ValueError):
            self._broken = True
            self._held = b""

    def _step(self) -> bool:
        """Take a head, or what there is of a body; False if more is needed."""
        return self._take_head() if self._headers is None else self._take_body()

    def _take_head(self) -> bool:
        end = self._held.find(HEAD_END)
        if end < 0:
            # What has switched to another protocol has no heads any more.
            if len(self._held) > MAX_HEAD:
                raise ValueError("no head")
            return False
        lines = self._held[:end].decode("latin-1").split("\r\n")
        self._skip(end + 4)
        self.heads.append((self._at - end - 4, self._at))
        self.lines.append(lines[0])
        pairs = [line.partition(":") for line in lines[1:]]
        self._headers = headers = Headers([(name, value.strip(" \t")) for name, _, value in pairs])
        self._left = int(headers.get("content-length", 0))
        self._chunks = ChunkedReader()
        self._body = []
        self._framing = self._framing_of(lines[0], headers)
        return True

    def _take_body(self) -> bool:
        framing = self._framing
        data = self._held
        if framing is Framing.CHUNKED:
            self._skip(len(data))
            self._body += self._chunks.feed(data)
            rest = self._chunks.rest
            self._held, self._at = rest, self._at - len(rest)
        elif framing is not Framing.NONE:
            size = min(len(data), self._left) if framing is Framing.LENGTH else len(data)
            self._skip(size)
            self._left -= size
            self._body.append(data[:size])
        if framing is Framing.CLOSE or (framing is Framing.LENGTH and self._left):
            return False
        if framing is Framing.CHUNKED and not self._chunks.ended:
            return bool(self._held)
        self._finish()
        return True

    def ended(self) -> None:
        """Nothing more will come: the end of a body that has no other."""
        if self._headers is not None and self._framing is Framing.CLOSE and not self._broken:
            self._finish()

    def _finish(self) -> None:
        headers, self._headers = self._headers, None
        assert headers is not None
        trailers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._chunks.trailers]
        self._complete(self.lines[-1], headers, b"".join(self._body), Headers(trailers))

    def _skip(self, size: int) -> None:
        self._held = self._held[size:]
        self._at += size

    def _framing_of(self, line: str, headers: Headers) -> Framing:
        raise NotImplementedError

    def _complete(self, line: str, headers: Headers, body: bytes, trailers: Headers) -> None:
        raise NotImplementedError


class RawStream(Stream):
    """Bytes in which there are no messages that one would know of."""

    def feed(self, data: bytes) -> None:
        """Nothing is looked for."""


def _coded(headers: Headers) -> bool:
    return "chunked" in headers.get("transfer-encoding", "").lower()


class RequestStream(Stream):
    """Requests, each given to *complete*."""

    def __init__(self, complete: Callable[[ReceivedRequest], None]) -> None:
        super().__init__()
        self._given = complete

    def _framing_of(self, line: str, headers: Headers) -> Framing:
        return Framing.CHUNKED if _coded(headers) else Framing.LENGTH

    def _complete(self, line: str, headers: Headers, body: bytes, trailers: Headers) -> None:
        method, target, _ = line.split(" ")
        self._given(ReceivedRequest(method, target, headers, body, trailers))


class ResponseStream(Stream):
    """Responses to requests whose methods *method* tells, one after the other; interim ones are passed over."""

    def __init__(self, method: Callable[[], str], complete: Callable[[Response], None]) -> None:
        super().__init__()
        self._method = method
        self._given = complete

    def _framing_of(self, line: str, headers: Headers) -> Framing:
        status = int(line.split(" ")[1])
        method = "GET" if status < 200 else self._method()
        length = int(headers["content-length"]) if "content-length" in headers else None
        return response_framing(method.encode(), status, length, _coded(headers))

    def _complete(self, line: str, headers: Headers, body: bytes, trailers: Headers) -> None:
        _, status, phrase = [*line.split(" ", 2), ""][:3]
        if int(status) >= 200:
            self._given(Response(int(status), body, headers, trailers, reason=phrase))
