"""Scripted clients of HTTP/2: the library h2, another implementation than ours, speaks for them and judges us."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import h2.config
import h2.connection
import h2.events
from attrs import define, field
from hpack import Encoder

from pydsl_proxy import server, tls
from pydsl_proxy.config.servers import Http, Server
from pydsl_proxy.config.upstreams import Upstream
from pydsl_proxy.testing import Client, Handshake, Peers, Running, run
from pydsl_proxy.wire.http2.frames import END_HEADERS, GOAWAY, HEADERS, PREFACE, SETTINGS, ErrorCode, frame

Field = tuple[bytes, bytes]
#: What the TLS of a client came to that has chosen HTTP/2.
AGREED = Handshake(application_protocol="h2")
TLS = tls("cert.pem", "key.pem")
GET: Sequence[Field] = ((b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"x.test"), (b":path", b"/"))


@define
class Answer:
    """What came on a stream."""

    status: int = 0
    headers: dict[str, str] = field(factory=dict)
    body: bytes = b""
    trailers: dict[str, str] = field(factory=dict)
    interim: list[int] = field(factory=list)
    ended: bool = False
    reset: int | None = None


class H2Client:
    """A client of HTTP/2 over a scripted connection; it takes what comes whenever it is asked for something.

    Without *takes* it gives no room back for the bodies that it receives.
    """

    def __init__(self, client: Client, *, takes: bool = True) -> None:
        self.client = client
        self.answers: dict[int, Answer] = {}
        #: The code of a GOAWAY, its last stream, and its text.
        self.goaway: tuple[int, int, bytes] | None = None
        self.pongs: list[bytes] = []
        self._held = b""
        self.takes = takes
        config = h2.config.H2Configuration(client_side=True, header_encoding="latin-1")
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        """Send what is to be sent, and take what came of it, until nothing more happens."""
        for _ in range(1000):
            data = self.h2.data_to_send()
            if data:
                self.client.sends(data)
            received = self.client.takes()
            if received:
                for each in self._frames(received):
                    for event in self.h2.receive_data(each):
                        self._take(event)
            elif not data:
                return

    def _frames(self, received: bytes) -> Iterator[bytes]:
        """Frame by frame, but for GOAWAY: the library takes nothing more after it, though open streams may end."""
        self._held += received
        while len(self._held) >= 9 and len(self._held) >= (end := 9 + int.from_bytes(self._held[:3])):
            each, self._held = self._held[:end], self._held[end:]
            if each[3] == GOAWAY:
                last, code = int.from_bytes(each[9:13]), int.from_bytes(each[13:17])
                self.goaway = code, last, each[17:]
            else:
                yield each

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.PingAckReceived):
            self.pongs.append(event.ping_data)
            return
        stream = getattr(event, "stream_id", None)
        if not stream:
            return
        answer = self.answers.setdefault(stream, Answer())
        if isinstance(event, h2.events.ResponseReceived):
            answer.headers = {str(name): str(value) for name, value in event.headers}
            answer.status = int(answer.headers.pop(":status"))
        elif isinstance(event, h2.events.InformationalResponseReceived):
            answer.interim.append(int(event.headers[0][1]))
        elif isinstance(event, h2.events.DataReceived):
            answer.body += event.data
            if self.takes:
                self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
        elif isinstance(event, h2.events.TrailersReceived):
            answer.trailers = {str(name): str(value) for name, value in event.headers}
        elif isinstance(event, h2.events.StreamEnded):
            answer.ended = True
        elif isinstance(event, h2.events.StreamReset):
            answer.reset = int(event.error_code)

    def begin(
        self, method: str = "GET", target: str = "/", headers: Sequence[tuple[str, str]] = (), *, end: bool = True
    ) -> int:
        """Send the head of a request; its stream."""
        stream = self.h2.get_next_available_stream_id()
        pseudo = [(":method", method), (":scheme", "https"), (":authority", "x.test"), (":path", target)]
        self.h2.send_headers(stream, [*pseudo, *headers], end_stream=end)
        self.answers[stream] = Answer()
        self.flush()
        return stream

    def send(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """Send some of a body, as much at a time as a frame holds."""
        pieces = [data[at : at + 16384] for at in range(0, len(data), 16384)] or [b""]
        for piece in pieces:
            self.h2.send_data(stream, piece, end_stream=end and piece is pieces[-1])
            self.flush()

    def trailers(self, stream: int, fields: Sequence[tuple[str, str]]) -> None:
        """End a body with trailers."""
        self.h2.send_headers(stream, fields, end_stream=True)
        self.flush()

    def reset(self, stream: int, code: int = ErrorCode.CANCEL) -> None:
        """Give a stream up."""
        self.h2.reset_stream(stream, code)
        self.flush()

    def ask(
        self, method: str = "GET", target: str = "/", headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> Answer:
        """Send a request and take its answer."""
        stream = self.begin(method, target, headers, end=not body)
        if body:
            self.send(stream, body, end=True)
        return self.answers[stream]


def serve(config: Http | Server | Upstream) -> tuple[H2Client, Peers, Running]:
    """Run *config*, or an upstream behind a server with TLS, for a client that has chosen HTTP/2."""
    if isinstance(config, Upstream):
        config = server(443, tls=TLS).location("/").proxy_to(config)
    running = run(config, handshake=AGREED)
    return H2Client(running[0]), running[1], running


class RawClient:
    """A client that sends what no library would; what it receives is taken apart by the library h2."""

    def __init__(self, client: Client, *, greets: bool = True) -> None:
        self.client = client
        self._encoder = Encoder()
        self.frames: list[tuple[int, int, int, bytes]] = []
        self._held = b""
        if greets:
            self.sends(PREFACE + frame(SETTINGS, 0, 0))

    def sends(self, data: bytes) -> None:
        """Send bytes, and take frames apart that come."""
        self.client.sends(data)
        self.take()

    def take(self) -> None:
        """Take frames apart."""
        self._held += self.client.takes()
        while len(self._held) >= 9:
            end = 9 + int.from_bytes(self._held[:3])
            if len(self._held) < end:
                return
            kind, flags, stream = self._held[3], self._held[4], int.from_bytes(self._held[5:9])
            self.frames.append((kind, flags, stream, self._held[9:end]))
            self._held = self._held[end:]

    def block(self, fields: Sequence[Field]) -> bytes:
        """A header block."""
        return self._encoder.encode(fields)

    def asks(self, stream: int, fields: Sequence[Field] = GET, *, flags: int = 1) -> None:
        """Send HEADERS."""
        self.sends(frame(HEADERS, flags | END_HEADERS, stream, self.block(fields)))

    def of(self, kind: int) -> list[tuple[int, bytes]]:
        """Stream and payload of every frame of a type that came."""
        return [(stream, payload) for each, _, stream, payload in self.frames if each == kind]

    @property
    def goaway(self) -> ErrorCode | None:
        """The code of a GOAWAY."""
        found = self.of(7)
        return ErrorCode(int.from_bytes(found[-1][1][4:8])) if found else None

    def reset(self, stream: int) -> ErrorCode | None:
        """The code of a RST_STREAM."""
        found = [payload for each, payload in self.of(3) if each == stream]
        return ErrorCode(int.from_bytes(found[-1])) if found else None
