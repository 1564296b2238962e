"""Conversations: what a client of HTTP/2 must not do, and what becomes of it; the cases of h2spec, and more."""

from __future__ import annotations

from struct import pack

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import clients, http, server, upstream
from pydsl_proxy.frontends.http2.closing import NOTICED_WITHIN
from pydsl_proxy.frontends.http2.limits import (
    CONNECTION_WINDOW,
    IDLE_FRAMES,
    MAX_REMEMBERED,
    MAX_STREAMS,
    RESETS,
    STREAM_WINDOW,
)
from pydsl_proxy.testing import Running, run
from pydsl_proxy.wire.http2.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    ErrorCode,
    frame,
    rst_stream,
    window_update,
)
from pydsl_proxy.wire.http2.hpack_literals import literals
from tests.support.h2 import AGREED, GET, TLS, RawClient

MANY = clients(keepalive_requests=10**6)
OK = http(server(443, tls=TLS).location("/").respond(200, "ok"), clients=MANY)
PROXY = server(443, tls=TLS).location("/").timeouts(read=10**6).proxy_to(upstream("app", "a:1"))
WAITS = http(PROXY, clients=MANY)
POST = ((b":method", b"POST"), *GET[1:])


def raw(config: object = OK, *, greets: bool = True) -> tuple[RawClient, Running]:
    """A client that may do what it likes."""
    running = run(config, handshake=AGREED)  # type: ignore[arg-type]  # for brevity
    return RawClient(running[0], greets=greets), running


class ConnectionErrors(SynchronousTestCase):
    """What ends the connection (RFC 9113 5.4.1)."""

    def ends(self, octets: bytes, code: ErrorCode, config: object = OK, *, greets: bool = True) -> RawClient:
        """The client is told the code, and the connection closes."""
        client, running = raw(config, greets=greets)
        client.sends(octets)
        assert client.goaway is code, (client.goaway, client.frames)
        assert client.client.is_closed
        client.client.closes()
        assert not running.service._listeners["tcp:443"]._connections  # all of it is forgotten
        return client

    def test_preface(self) -> None:
        """It is HTTP/2's, and followed by SETTINGS (3.4)."""
        self.ends(b"GET / HTTP/1.1\r\n\r\n", ErrorCode.PROTOCOL_ERROR, greets=False)
        self.ends(PREFACE[:-1] + b"x", ErrorCode.PROTOCOL_ERROR, greets=False)
        self.ends(PREFACE + frame(PING, 0, 0, bytes(8)), ErrorCode.PROTOCOL_ERROR, greets=False)

    def test_frame_size(self) -> None:
        """Frames are not longer than allowed, and as long as their type has it (4.2)."""
        self.ends(frame(DATA, 0, 1, bytes(16385)), ErrorCode.FRAME_SIZE_ERROR)
        self.ends(frame(PING, 0, 0, bytes(7)), ErrorCode.FRAME_SIZE_ERROR)
        self.ends(frame(RST_STREAM, 0, 1, bytes(5)), ErrorCode.FRAME_SIZE_ERROR)
        self.ends(frame(WINDOW_UPDATE, 0, 0, bytes(3)), ErrorCode.FRAME_SIZE_ERROR)
        self.ends(frame(SETTINGS, 0, 0, bytes(5)), ErrorCode.FRAME_SIZE_ERROR)
        self.ends(frame(SETTINGS, 1, 0, bytes(6)), ErrorCode.FRAME_SIZE_ERROR)
        self.ends(frame(GOAWAY, 0, 0, bytes(7)), ErrorCode.FRAME_SIZE_ERROR)
        self.ends(frame(HEADERS, PADDED, 1), ErrorCode.FRAME_SIZE_ERROR)

    def test_idle(self) -> None:
        """An error of a stream that has not begun is one of the connection: it cannot be reset (5.1, 6.4)."""
        for number in (1, 2):
            for size in (0, 4, 6):
                client = self.ends(frame(PRIORITY, 0, number, bytes(size)), ErrorCode.FRAME_SIZE_ERROR)
                self.assertEqual(client.of(RST_STREAM), [])
            client = self.ends(frame(PRIORITY, 0, number, pack(">LB", number, 9)), ErrorCode.PROTOCOL_ERROR)
            self.assertEqual(client.of(RST_STREAM), [])

    def test_even(self) -> None:
        """Streams of even numbers would be ours: none of them has begun, whatever the client has begun (5.1.1)."""
        for octets, code in (
            (frame(PRIORITY, 0, 2, bytes(4)), ErrorCode.FRAME_SIZE_ERROR),
            (frame(DATA, 0, 2, b"x"), ErrorCode.PROTOCOL_ERROR),
            (rst_stream(2, 8), ErrorCode.PROTOCOL_ERROR),
            (window_update(2, 1), ErrorCode.PROTOCOL_ERROR),
        ):
            client, _ = raw()
            client.asks(5)
            client.sends(octets)
            self.assertEqual((client.goaway, client.of(RST_STREAM)), (code, []))

    def test_streams(self) -> None:
        """Each type has its place: the connection, or a stream that has begun (5.1, 6)."""
        for kind, stream, payload in (
            (DATA, 0, b""),
            (DATA, 1, b"x"),
            (HEADERS, 0, b"\x82"),
            (HEADERS, 2, b"\x82"),
            (PRIORITY, 0, bytes(5)),
            (RST_STREAM, 0, bytes(4)),
            (RST_STREAM, 1, bytes(4)),
            (SETTINGS, 1, b""),
            (PUSH_PROMISE, 1, b"\0\0\0\2\x82"),
            (PING, 1, bytes(8)),
            (GOAWAY, 1, bytes(8)),
            (WINDOW_UPDATE, 1, pack(">L", 1)),
            (WINDOW_UPDATE, 0, bytes(4)),
            (CONTINUATION, 1, b"\x82"),
        ):
            self.ends(frame(kind, END_HEADERS if kind in (HEADERS, CONTINUATION) else 0, stream, payload), ErrorCode(1))

    def test_settings(self) -> None:
        """Values that settings cannot have (6.5.2)."""
        for setting, value, code in (
            (2, 2, ErrorCode.PROTOCOL_ERROR),
            (4, 2**31, ErrorCode.FLOW_CONTROL_ERROR),
            (5, 16383, ErrorCode.PROTOCOL_ERROR),
            (5, 2**24, ErrorCode.PROTOCOL_ERROR),
        ):
            self.ends(frame(SETTINGS, 0, 0, pack(">HL", setting, value)), code)

    def test_windows(self) -> None:
        """They are not larger than 2^31 - 1 (6.9.1)."""
        self.ends(window_update(0, 2**31 - 1), ErrorCode.FLOW_CONTROL_ERROR)

    def test_window_by_settings(self) -> None:
        """Nor by a change of the setting (6.9.2)."""
        client, _ = raw(WAITS)
        client.asks(1)
        client.sends(window_update(1, 2**31 - 1 - 65535))
        client.sends(frame(SETTINGS, 0, 0, pack(">HL", 4, 65536)))
        assert client.goaway is ErrorCode.FLOW_CONTROL_ERROR

    def test_unreadable_block(self) -> None:
        """A block that cannot be read (4.3)."""
        self.ends(frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xbe"), ErrorCode.COMPRESSION_ERROR)

    def test_not_continued(self) -> None:
        """Nothing stands between the frames of a header block (6.10)."""
        begun = frame(HEADERS, END_STREAM, 1, b"\x82")
        self.ends(begun + frame(PING, 0, 0, bytes(8)), ErrorCode.PROTOCOL_ERROR)
        self.ends(begun + frame(CONTINUATION, END_HEADERS, 3, b"\x82"), ErrorCode.PROTOCOL_ERROR)
        self.ends(begun + frame(99, 0, 0), ErrorCode.PROTOCOL_ERROR)

    def test_padding(self) -> None:
        """There is not more of it than payload (6.1)."""
        client, _ = raw(WAITS)
        client.asks(1, POST, flags=0)
        client.sends(frame(DATA, PADDED, 1, b"\x05abc"))
        assert client.goaway is ErrorCode.PROTOCOL_ERROR

    def test_too_much(self) -> None:
        """A client keeps to the connection's window (6.9)."""
        client, running = raw(WAITS)
        running.peers["a:1"].times_out()
        for number in range(CONNECTION_WINDOW // STREAM_WINDOW + 1):
            client.asks(2 * number + 1, POST, flags=0)
        for number in range(CONNECTION_WINDOW // STREAM_WINDOW):
            client.sends(frame(DATA, 0, 2 * number + 1, bytes(16384)) * (STREAM_WINDOW // 16384))
        assert client.goaway is None
        client.sends(frame(DATA, 0, 2 * number + 3, b"x"))
        assert client.goaway is ErrorCode.FLOW_CONTROL_ERROR


class StreamErrors(SynchronousTestCase):
    """What ends a stream and leaves the others alone (RFC 9113 5.4.2)."""

    def resets(self, octets: bytes, code: ErrorCode, stream: int = 1) -> RawClient:
        """A stream that waits for its body, and another, of which the first is reset; nobody reads the body."""
        client, running = raw(WAITS)
        running.peers["a:1"].times_out()
        client.asks(1, POST, flags=0)
        client.asks(3)
        client.sends(octets)
        assert client.reset(stream) is code, client.frames
        assert client.goaway is None
        client.sends(frame(PING, 0, 0, bytes(8)))
        assert client.of(PING)
        return client

    def test_windows(self) -> None:
        """A stream's window (6.9, 6.9.1)."""
        self.resets(window_update(1, 0), ErrorCode.PROTOCOL_ERROR)
        self.resets(window_update(1, 2**31 - 1), ErrorCode.FLOW_CONTROL_ERROR)
        self.resets(frame(DATA, 0, 1, bytes(16384)) * 16 + frame(DATA, 0, 1, b"x"), ErrorCode.FLOW_CONTROL_ERROR)

    def test_priority(self) -> None:
        """Its length (6.3)."""
        self.resets(frame(PRIORITY, 0, 1, bytes(4)), ErrorCode.FRAME_SIZE_ERROR)
        # One that is over, and one that was passed over.
        for number in (3, 1):
            client, _ = raw()
            client.asks(3)
            client.sends(frame(PRIORITY, 0, number, bytes(4)))
            self.assertEqual((client.reset(number), client.goaway), (ErrorCode.FRAME_SIZE_ERROR, None))

    def test_trailers(self) -> None:
        """They end the stream, and are not pseudo-header fields (8.1)."""
        self.resets(frame(HEADERS, END_HEADERS, 1, b"\x00\x01a\x01b"), ErrorCode.PROTOCOL_ERROR)
        self.resets(frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x84"), ErrorCode.PROTOCOL_ERROR)

    def test_after_the_end(self) -> None:
        """After END_STREAM the client has nothing more to say (5.1), be it trailers, a request or malformed."""
        self.resets(frame(DATA, 0, 3, b"x"), ErrorCode.STREAM_CLOSED, 3)
        for flags in (END_HEADERS, END_HEADERS | END_STREAM):
            for block in (b"\x00\x01a\x01b", literals(GET), literals(POST), b"\x00\x01A\x01b", b"\x84"):
                self.resets(frame(HEADERS, flags, 3, block), ErrorCode.STREAM_CLOSED, 3)

    def test_closed(self) -> None:
        """Nor on a stream that is closed; what was under way when it was ended here is passed over."""
        self.resets(rst_stream(1, 8) + frame(DATA, 0, 1, b"x"), ErrorCode.STREAM_CLOSED)
        client = self.resets(window_update(1, 0), ErrorCode.PROTOCOL_ERROR)
        client.sends(frame(DATA, 0, 1, b"x") + window_update(1, 1) + rst_stream(1, 8))
        assert len(client.of(RST_STREAM)) == 1

    def test_length(self) -> None:
        """The body is as long as Content-Length (8.1.1)."""
        for body in (frame(DATA, END_STREAM, 1, b"ab"), frame(DATA, 0, 1, b"abcd"), frame(DATA, END_STREAM, 1)):
            client, _ = raw(WAITS)
            client.asks(1, (*POST, (b"content-length", b"3")), flags=0)
            client.sends(body)
            assert client.reset(1) is ErrorCode.PROTOCOL_ERROR
        client, _ = raw(WAITS)
        client.asks(1, (*POST, (b"content-length", b"3")))
        assert client.reset(1) is ErrorCode.PROTOCOL_ERROR

    def test_malformed(self) -> None:
        """A malformed request is reset, and in the access log."""
        client, running = raw()
        client.asks(1, (*GET, (b"connection", b"close")))
        client.asks(3)
        assert client.reset(1) is ErrorCode.PROTOCOL_ERROR
        assert client.of(DATA) == [(3, b"ok")]
        assert '" 400 0' in running.log[0]

    def test_old_stream(self) -> None:
        """A stream that both have ended is not begun anew (5.1), nor one that was passed over (5.1.1)."""
        for again, code in ((5, ErrorCode.STREAM_CLOSED), (3, ErrorCode.PROTOCOL_ERROR), (1, ErrorCode.PROTOCOL_ERROR)):
            client, _ = raw()
            client.asks(5)
            client.asks(again)
            assert client.goaway is code
        client, _ = raw()
        for number in range(3, 200, 4):
            client.asks(number)
        client.asks(1)
        assert client.goaway is not None

    def test_many_ended_early(self) -> None:
        """Of streams that ended here first only the last ones are known; a frame on an older one ends no connection."""
        client, _ = raw()
        for number in range(1, 2 * MAX_REMEMBERED + 5, 2):
            client.asks(number, POST, flags=0)
        client.sends(frame(DATA, 0, 1, b"x") + frame(DATA, 0, 7, b"x"))
        assert client.goaway is None
        codes = [payload[-1] for stream, payload in client.of(RST_STREAM) if stream in (1, 7)]
        self.assertEqual(codes, [ErrorCode.NO_ERROR, ErrorCode.NO_ERROR, ErrorCode.STREAM_CLOSED])

    def test_depends_on_itself(self) -> None:
        """RFC 7540 5.3.1: an error of the stream, if it has begun."""
        itself = pack(">LB", 1, 9)
        block = itself + literals(GET)
        for flags, head in ((0, block), (PADDED, b"\0" + block)):
            client, _ = raw()
            client.sends(frame(HEADERS, flags | END_STREAM | END_HEADERS | 0x20, 1, head))
            client.asks(3)
            assert client.reset(1) is ErrorCode.PROTOCOL_ERROR
            assert client.of(DATA) == [(3, b"ok")]
        self.resets(frame(PRIORITY, 0, 1, itself), ErrorCode.PROTOCOL_ERROR)
        self.resets(frame(HEADERS, END_STREAM | END_HEADERS | 0x20, 1, itself), ErrorCode.PROTOCOL_ERROR)
        client, _ = raw()
        client.sends(frame(PRIORITY, 0, 1, itself))
        assert client.goaway is ErrorCode.PROTOCOL_ERROR

    def test_too_many(self) -> None:
        """One stream too many is refused, to be tried again (5.1.2)."""
        client, _ = raw(WAITS)
        for number in range(MAX_STREAMS + 1):
            client.asks(2 * number + 1)
        assert client.of(RST_STREAM) == [(2 * MAX_STREAMS + 1, pack(">L", ErrorCode.REFUSED_STREAM))]


class TableTests(SynchronousTestCase):
    """A block that leads to no request has changed the table all the same, and later ones may refer to that."""

    kept = (b"x-kept", b"in the table")

    def skips(self, client: RawClient, running: Running, stream: int, *, flags: int = 0, ends: int = 0) -> None:
        """A block on *stream* is not taken; the next request, when a stream *ends*, refers to a field of it."""
        app = running.peers["a:1"]
        count = len(app.connections)
        dependency = pack(">LB", stream, 16) if flags else b""
        block = dependency + client.block((*GET, self.kept))
        client.sends(frame(HEADERS, END_STREAM | END_HEADERS | flags, stream, block))
        assert len(app.connections) == count
        if ends:
            client.sends(rst_stream(ends, ErrorCode.CANCEL))
        client.asks(stream + 2, (*GET, self.kept))
        assert client.goaway is None
        assert b"\r\nx-kept: in the table\r\n" in app.takes()

    def test_too_many(self) -> None:
        """Of a stream that is refused."""
        client, running = raw(WAITS)
        for number in range(MAX_STREAMS):
            client.asks(2 * number + 1)
        self.skips(client, running, 2 * MAX_STREAMS + 1, ends=1)

    def test_after_the_end(self) -> None:
        """Of trailers behind the stream's end."""
        client, running = raw(WAITS)
        client.asks(1)
        self.skips(client, running, 1)

    def test_ended_here(self) -> None:
        """Of trailers of a request that was answered before its end."""
        client, running = raw(http(server(443, tls=TLS).location("/no").respond(403).location("/").proxy_to("a:1")))
        client.asks(1)
        client.asks(3, (*POST[:3], (b":path", b"/no")), flags=0)
        assert client.reset(3) is ErrorCode.NO_ERROR
        self.skips(client, running, 3)

    def test_depends_on_itself(self) -> None:
        """Of a stream that cannot be."""
        client, running = raw(WAITS)
        client.asks(1)
        self.skips(client, running, 3, flags=0x20)

    def test_too_late(self) -> None:
        """Of a stream that the client began before it heard that no more are taken."""
        client, running = raw(WAITS)
        client.asks(1, POST, flags=0)
        running.stop()
        client.take()
        client.sends(frame(PING, 1, *client.of(PING)[0]))
        client.asks(3, (*GET, self.kept))
        client.sends(frame(HEADERS, END_STREAM | END_HEADERS, 1, client.block((self.kept,))))
        assert running.peers["a:1"].takes().endswith(b"\r\n0\r\nx-kept: in the table\r\n\r\n")


class PassedOver(SynchronousTestCase):
    """What is no error."""

    def test_unknown(self) -> None:
        """Types and settings that are not known (4.1, 6.5.2), PRIORITY (5.3.2), and frames of other orders."""
        client, _ = raw()
        client.sends(
            frame(99, 255, 7, b"x") + frame(SETTINGS, 0, 0, pack(">HL", 999, 1)) + frame(PRIORITY, 0, 9, bytes(5))
        )
        client.sends(frame(PING, 1, 0, bytes(8)) + frame(SETTINGS, 1, 0))
        client.asks(1, flags=END_STREAM | 0x10 | 0x40)
        assert client.goaway is None

    def test_priority_and_padding(self) -> None:
        """In HEADERS they are passed over."""
        client, _ = raw()
        block = client.block(GET)
        client.sends(frame(HEADERS, END_STREAM | END_HEADERS | 0x28, 1, b"\x03\0\0\0\0\x10" + block + bytes(3)))
        assert client.of(DATA) == [(1, b"ok")]

    def test_pieces(self) -> None:
        """A block may come in pieces, and its octets in any."""
        client, _ = raw()
        block = client.block(GET)
        octets = frame(HEADERS, END_STREAM, 1, block[:2]) + frame(CONTINUATION, 0, 1)
        octets += frame(CONTINUATION, END_HEADERS, 1, block[2:])
        for octet in octets:
            client.sends(bytes((octet,)))
        assert client.of(DATA) == [(1, b"ok")]

    def test_smaller_table(self) -> None:
        """A client that asks for a smaller table is told that nothing is kept in it (RFC 7541 4.2)."""
        client, _ = raw()
        client.sends(frame(SETTINGS, 0, 0, pack(">HL", 1, 0)))
        client.asks(1)
        client.asks(3)
        first, second = client.of(HEADERS)
        assert first[1][0] == 0x20 and second[1] == first[1][1:]

    def test_smaller_table_before_an_interim_response(self) -> None:
        """The first block says so, whatever it is, and no other."""
        client, running = raw(WAITS)
        client.sends(frame(SETTINGS, 0, 0, pack(">HL", 1, 0)))
        client.asks(1, (*POST, (b"expect", b"100-continue")), flags=0)
        running.peers["a:1"].sends(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 2)
        running.peers["a:1"].sends(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        client.take()
        blocks = [payload for _, payload in client.of(HEADERS)]
        assert [each.startswith(b"\x20") for each in blocks] == [True] + [False] * (len(blocks) - 1)
        assert len(blocks) == 4, blocks
        assert blocks[1] == blocks[2]

    def test_smaller_table_before_trailers(self) -> None:
        """So do trailers, if the client asks for it while the response goes on."""
        client, running = raw(WAITS)
        client.asks(1)
        client.asks(3)
        for peer in running.peers["a:1"].connections:
            peer.sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
        client.sends(frame(SETTINGS, 0, 0, pack(">HL", 1, 0)))
        for peer in running.peers["a:1"].connections:
            peer.sends(b"0\r\nX-Sum: 7\r\n\r\n")
        client.take()
        _, _, first, second = (payload for _, payload in client.of(HEADERS))
        assert first == b"\x20" + second

    def test_after_goaway(self) -> None:
        """A client is told in two steps, so that what it begins meanwhile is not lost (6.8)."""
        client, running = raw(WAITS)
        client.asks(1)
        running.stop()
        client.take()
        (ping,) = client.of(PING)
        assert client.of(GOAWAY) == [(0, pack(">LL", 2**31 - 1, 0))]
        client.asks(3)
        assert len(running.peers["a:1"].connections) == 2
        client.sends(frame(PING, 1, 0, bytes(8)) + frame(PING, 1, *ping))
        assert client.of(GOAWAY)[1:] == [(0, pack(">LL", 3, 0))]
        client.asks(5, (*GET, (b"x", b"y")))
        client.sends(frame(DATA, 0, 5, b"x"))
        assert len(running.peers["a:1"].connections) == 2
        client.sends(window_update(5, 1000) + rst_stream(5, ErrorCode.CANCEL) + rst_stream(7, ErrorCode.CANCEL))
        assert not client.of(RST_STREAM) and len(client.of(GOAWAY)) == 2
        for peer in running.peers["a:1"].connections:
            peer.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        client.take()
        assert client.of(DATA) == [(1, b"ok"), (3, b"ok")]
        assert client.client.is_closed

    def test_never_answers(self) -> None:
        """A client that does not say that it has heard it may go on, until nothing is under way."""
        client, running = raw(WAITS)
        client.asks(1)
        running.stop()
        running.stop()
        client.asks(3)
        for peer in running.peers["a:1"].connections:
            peer.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        client.take()
        assert [int.from_bytes(payload[:4]) for _, payload in client.of(GOAWAY)] == [2**31 - 1, 3]
        assert client.client.is_closed

    def test_is_not_waited_for_long(self) -> None:
        """But not for more than five seconds: one that always has a stream open would never leave."""
        client, running = raw(http(PROXY, clients=clients(keepalive_requests=2), shutdown_grace=60))
        for stream in (1, 3, 5, 7):
            client.asks(stream)
        assert client.of(GOAWAY) == [(0, pack(">LL", 2**31 - 1, 0))]
        running.clock.advance(4.9)
        client.asks(9)
        running.clock.advance(0.2)
        client.asks(11)
        assert client.of(GOAWAY)[1:] == [(0, pack(">LL", 9, 0))]
        assert len(running.peers["a:1"].connections) == 5

    def test_told_once(self) -> None:
        """A client that has said that it has heard it is told nothing more when the five seconds are over."""
        client, running = raw(WAITS)
        client.asks(1)
        running.stop()
        client.take()
        client.sends(frame(PING, 1, *client.of(PING)[0]))
        count = len(client.frames)
        running.clock.advance(NOTICED_WITHIN + 1)
        client.take()
        assert len(client.frames) == count
        assert not client.client.is_closed

    def test_even_stream_after_goaway(self) -> None:
        """None of those came too late: they are not a client's."""
        client, running = raw(WAITS)
        client.asks(1)
        running.stop()
        client.take()
        client.sends(frame(PING, 1, *client.of(PING)[0]) + rst_stream(8, ErrorCode.CANCEL))
        assert client.goaway is ErrorCode.PROTOCOL_ERROR


class Floods(SynchronousTestCase):
    """What costs the client little and us much."""

    def calmed(self, client: RawClient) -> None:
        """It is shown out."""
        assert client.goaway is ErrorCode.ENHANCE_YOUR_CALM, client.goaway
        assert client.client.is_closed

    def test_heads_of_many_fields(self) -> None:
        """A head beyond the limits is answered, and asks for nothing; one far beyond them ends the connection."""
        client, _ = raw(OK)
        block = literals([*GET, *[(b"b", b"")] * 200])
        for number in range(IDLE_FRAMES[0] + 1):
            client.sends(frame(HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, block))
            if client.client.is_closed:
                break
        assert len(client.of(HEADERS)) in range(IDLE_FRAMES[0] - 5, IDLE_FRAMES[0] + 1)
        self.calmed(client)
        client, _ = raw(OK)
        client.sends(frame(HEADERS, END_HEADERS | END_STREAM, 1, literals(GET) + b"\x10\x01b\x00" * 3500))
        assert not client.of(HEADERS)
        self.calmed(client)

    def test_rapid_reset(self) -> None:
        """CVE-2023-44487"""
        client, running = raw(WAITS)
        block = literals(GET)
        for number in range(RESETS[0] + 1):
            stream = 2 * number + 1
            client.sends(frame(HEADERS, END_STREAM | END_HEADERS, stream, block) + rst_stream(stream, 8))
        self.calmed(client)
        assert len(running.exchanges) == RESETS[0] + 1

    def test_slow_resets(self) -> None:
        """A client that gives up now and then may do so for as long as it likes."""
        client, running = raw(WAITS)
        for number in range(2 * RESETS[0]):
            stream = 2 * number + 1
            client.asks(stream)
            client.sends(rst_stream(stream, 8))
            running.clock.advance(0.05)
        assert client.goaway is None

    def test_made_to_reset(self) -> None:
        """CVE-2025-8671"""
        client, _ = raw(WAITS)
        block = literals(GET)
        for number in range(RESETS[0] + 1):
            stream = 2 * number + 1
            client.sends(frame(HEADERS, END_STREAM | END_HEADERS, stream, block) + window_update(stream, 0))
        self.calmed(client)

    def test_idle_frames(self) -> None:
        """CVE-2019-9512, 9515, 9518, and others of their kind."""
        for kind, flags, payload in (
            (PING, 0, bytes(8)),
            (PING, 1, bytes(8)),
            (SETTINGS, 0, b""),
            (SETTINGS, 1, b""),
            (SETTINGS, 0, pack(">HL", 4, 1)),
            (PRIORITY, 0, bytes(5)),
            (WINDOW_UPDATE, 0, pack(">L", 1)),
            (99, 0, b""),
        ):
            client, _ = raw()
            stream = 1 if kind == PRIORITY else 0
            client.sends(frame(kind, flags, stream, payload) * (IDLE_FRAMES[0] + 1))
            self.calmed(client)

    def test_crumbs(self) -> None:
        """CVE-2019-9511: a response that must be sent an octet at a time."""
        client, _ = raw(server(443, tls=TLS).location("/").respond(200, "x" * 20_000))
        client.sends(frame(SETTINGS, 0, 0, pack(">HL", 4, 0)))
        client.asks(1)
        for _ in range(IDLE_FRAMES[0] + 10):
            if not client.client.is_closed:
                client.sends(window_update(1, 1))
        self.calmed(client)

    def test_empty_data(self) -> None:
        """CVE-2019-9518"""
        client, _ = raw(WAITS)
        client.asks(1, POST, flags=0)
        client.sends(frame(DATA, 0, 1) * (IDLE_FRAMES[0] + 1))
        self.calmed(client)
        client, _ = raw(WAITS)
        client.asks(1, POST, flags=0)
        client.sends(frame(DATA, PADDED, 1, b"\1\0") * (IDLE_FRAMES[0] + 1))
        self.calmed(client)

    def test_padding_is_no_progress(self) -> None:
        """A body of which nothing comes but padding is late."""
        for empty in (frame(DATA, 0, 1), frame(DATA, PADDED, 1, b"\1\0")):
            client, running = raw(http(PROXY, clients=clients(body_timeout=10)))
            client.asks(1, POST, flags=0)
            client.sends(frame(DATA, 0, 1, b"x"))
            for _ in range(3):
                running.clock.advance(4)
                client.sends(empty)
            assert running.exchanges[0].cause == "body_timeout"

    def test_heads_for_nobody(self) -> None:
        """On a stream that was reset here, or begun after the last one."""
        block = literals(GET)
        client, _ = raw(WAITS)
        client.asks(1, POST, flags=0)
        client.sends(window_update(1, 0))
        assert client.reset(1) is ErrorCode.PROTOCOL_ERROR
        client.sends(frame(HEADERS, END_STREAM | END_HEADERS, 1, block) * (IDLE_FRAMES[0] + 1))
        self.calmed(client)
        client, running = raw(WAITS)
        client.asks(1)
        running.stop()
        client.take()
        client.sends(frame(PING, 1, *client.of(PING)[0]))
        client.sends(frame(HEADERS, END_STREAM | END_HEADERS, 3, block) * (IDLE_FRAMES[0] + 1))
        self.calmed(client)

    def test_continuations(self) -> None:
        """CVE-2024-27316"""
        client, _ = raw()
        client.sends(frame(HEADERS, END_STREAM, 1, b"\x82") + frame(CONTINUATION, 0, 1) * 100)
        self.calmed(client)
        client, _ = raw()
        client.sends(frame(HEADERS, END_STREAM, 1, b"\x82") + frame(CONTINUATION, 0, 1, bytes(16384)) * 5)
        self.calmed(client)

    def test_slow_block(self) -> None:
        """A header block must come in the time of a head, whatever else is under way."""
        client, running = raw(http(PROXY, clients=clients(head_timeout=10)))
        client.asks(1)
        running.clock.advance(20)
        client.sends(frame(HEADERS, END_STREAM, 3, b"\x82"))
        running.clock.advance(11)
        client.take()
        assert client.goaway is not None and client.client.is_closed

    def test_slow_preface(self) -> None:
        """And so must the preface."""
        client, running = raw(greets=False)
        client.sends(PREFACE[:5])
        running.clock.advance(61)
        assert client.client.is_closed

    def test_does_not_read(self) -> None:
        """A client that reads nothing is read no more, so that what it asks for cannot pile up; then it is cut off."""
        client, running = raw(server(443, tls=TLS).location("/").respond(200, "x" * 20_000))
        client.sends(window_update(0, 2**24))
        client.client.stops_reading()
        block = literals(GET)
        for number in range(100):
            client.sends(frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, block))
        assert client.client.unsent < 128 * 1024
        assert client.client.unread
        running.clock.advance(61)
        assert client.client.was_reset

    def test_reads_late(self) -> None:
        """A client that reads late is sent all of it, a frame of each stream in turn."""
        client, running = raw(server(443, tls=TLS).location("/").respond(200, "x" * 50_000))
        client.sends(window_update(0, 2**24))
        client.client.stops_reading()
        block = literals(GET)
        for number in range(100):
            client.sends(frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, block))
        running.clock.advance(50)
        client.client.reads()
        client.take()
        sizes = dict.fromkeys(range(1, 200, 2), 0)
        for stream, payload in client.of(DATA):
            sizes[stream] += len(payload)
        assert set(sizes.values()) == {50_000}
        assert client.goaway is None
        running.clock.advance(60)
        client.take()
        assert client.goaway is None
