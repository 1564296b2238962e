"""HTTP/2 as scripted peers speak it: whole requests in, whole responses out."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from hpack import Decoder

from pydsl_proxy.testing.messages import Headers, ReceivedRequest, Response
from pydsl_proxy.testing.streams import Stream
from pydsl_proxy.wire.http.framing import Framing
from pydsl_proxy.wire.http.statuses import has_no_body
from pydsl_proxy.wire.http2 import frames as h2
from pydsl_proxy.wire.http2.frame_splitter import FrameSplitter
from pydsl_proxy.wire.http2.hpack_literals import literals

# A peer that says all this takes a body of any size without a further word.
_GREETING = h2.settings({h2.Setting.INITIAL_WINDOW_SIZE: h2.MAX_WINDOW}) + h2.window_update(
    0, h2.MAX_WINDOW - h2.INITIAL_WINDOW
)


class H2RequestStream(Stream):
    """Requests in frames; they are given when they are complete."""

    def __init__(self, complete: Callable[[ReceivedRequest], None]) -> None:
        super().__init__()
        self._given = complete
        self._preface = len(h2.PREFACE)
        self._splitter = FrameSplitter()
        self._decoder = Decoder()
        self._blocks: dict[int, bytes] = {}
        self._ending: set[int] = set()
        self._requests: dict[int, list[tuple[str, str]]] = {}
        self._bodies: dict[int, list[bytes]] = {}
        self._trailers: dict[int, list[tuple[str, str]]] = {}

    def _step(self) -> bool:
        data, self._held = self._held, b""
        skipped = min(self._preface, len(data))
        self._preface -= skipped
        for kind, flags, number, payload in self._splitter.feed(data[skipped:]):
            if kind == h2.HEADERS:
                self._blocks[number] = h2.fragment(flags, payload)
                if flags & h2.END_STREAM:
                    self._ending.add(number)
            elif kind == h2.CONTINUATION:
                self._blocks[number] += payload
            elif kind == h2.DATA:
                self._bodies[number].append(h2.unpadded(flags, payload))
                if flags & h2.END_STREAM:
                    self._done(number)
            elif kind == h2.RST_STREAM:
                self._forget(number)
            if kind in (h2.HEADERS, h2.CONTINUATION) and flags & h2.END_HEADERS:
                self._section(number, self._blocks.pop(number))
        return False

    def _section(self, number: int, block: bytes) -> None:
        """A head, or trailers."""
        pairs = [(bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in self._fields(block)]
        if number in self._requests:
            self._trailers[number] = pairs
        else:
            self._requests[number], self._bodies[number] = pairs, []
            head = dict(pairs)
            self.lines.append(f"{head[':method']} {head[':path']} HTTP/2")
        if number in self._ending:
            self._done(number)

    def _fields(self, block: bytes) -> list[tuple[bytes, bytes]]:
        return [(name, value) for name, value in self._decoder.decode(block, raw=True)]

    def _done(self, number: int) -> None:
        pairs = self._requests[number]
        head = dict(pairs)
        fields = [("host", head[":authority"])] if ":authority" in head else []
        fields += [pair for pair in pairs if not pair[0].startswith(":")]
        trailers = Headers(self._trailers.get(number, ()))
        body = b"".join(self._bodies[number])
        self._forget(number)
        request = ReceivedRequest(head[":method"], head[":path"], Headers(fields), body, trailers, stream=number)
        self._given(request)

    def _forget(self, number: int) -> None:
        self._requests.pop(number, None)
        self._bodies.pop(number, None)
        self._trailers.pop(number, None)
        self._ending.discard(number)

    def _framing_of(self, line: str, headers: Headers) -> Framing:
        raise NotImplementedError

    def _complete(self, line: str, headers: Headers, body: bytes, trailers: Headers) -> None:
        raise NotImplementedError


class Http2:
    """HTTP/2 with prior knowledge."""

    ends_by_close: ClassVar[bool] = False
    greeting: ClassVar[bytes] = _GREETING

    def stream(self, complete: Callable[[ReceivedRequest], None]) -> Stream:
        """Requests in frames."""
        return H2RequestStream(complete)

    def written(self, response: Response, request: ReceivedRequest) -> bytes:
        """A response in frames; Content-Length is added where nothing else tells the end of a body."""
        number = request.stream
        bodiless = request.method == "HEAD" or has_no_body(response.status)
        fields = [(":status", str(response.status)), *response.headers.pairs]
        if not has_no_body(response.status) and "content-length" not in response.headers and not response.trailers:
            fields.append(("content-length", str(len(response.body))))
        body = b"" if bodiless else response.body
        pieces = [h2.headers(number, _block(fields), 0 if body or response.trailers else h2.END_STREAM)]
        if body:
            pieces.append(h2.data(number, body, 0 if response.trailers else h2.END_STREAM))
        if response.trailers:
            pieces.append(h2.headers(number, _block(response.trailers.pairs), h2.END_STREAM))
        return b"".join(pieces)


def _block(pairs: list[tuple[str, str]] | tuple[tuple[str, str], ...]) -> bytes:
    return literals([(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs])
