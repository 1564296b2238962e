"""Tests of what peers of HTTP/2 may not send: it costs the clients a 502 at most, and nothing grows."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http2, server, upstream
from pydsl_proxy.connectors.http2.flood_guard import MOST
from pydsl_proxy.connectors.http2.reading import MAX_PIECES
from pydsl_proxy.connectors.http2.stream import WINDOW
from pydsl_proxy.testing import Running, run
from pydsl_proxy.wire.http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    ErrorCode,
)
from tests.support.h2_peer import H2Peer, Pairs
from tests.support.hpack import block

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
HEAD: Pairs = [(b":status", b"200"), (b"content-length", b"2"), (b"date", b"now")]
OPEN: Pairs = [(b":status", b"200")]
# More than trailers may have, in one frame.
LONG = block([(b"x", b"y" * 8050), (b"z", b"y" * 8050)] + [(b"a", b"")] * 60)


def begun(data: bytes = GET) -> tuple[Running, H2Peer]:
    """A proxy that was asked for something, and the peer that it asks."""
    running = run(server(80).location("/").proxy_to(upstream("app", "a:1", via=http2())))
    running[0].sends(data)
    return running, H2Peer(running.peers["a:1"].connection)


class ConnectionTests(SynchronousTestCase):
    """Errors after which nothing more on the connection can be understood."""

    def assert_broken(self, running: Running, peer: H2Peer, code: ErrorCode, told: str) -> None:
        """The connection is closed with a GOAWAY that says why, and so does the log."""
        self.assertTrue(running[0].takes().startswith(b"HTTP/1.1 502 "))
        (ended,) = running.exchanges
        self.assertEqual(ended.cause, "protocol_error")
        self.assertIn(told, ended.message)
        self.assertTrue(peer.end.is_closed)
        self.assertIn(b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0" + code.to_bytes(4, "big"), peer.end.takes())
        running.clock.advance(61)
        self.assertTrue(peer.end.is_gone)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_frames(self) -> None:
        """Each with its code."""
        head = block(HEAD)
        for kind, flags, number, payload, code, told in (
            (DATA, 0, 0, b"x", ErrorCode.PROTOCOL_ERROR, "which nobody opened"),
            (DATA, 0, 2, b"x", ErrorCode.PROTOCOL_ERROR, "which nobody opened"),
            (DATA, 0, 3, b"x", ErrorCode.PROTOCOL_ERROR, "which nobody opened"),
            (HEADERS, END_HEADERS, 3, head, ErrorCode.PROTOCOL_ERROR, "which nobody opened"),
            (RST_STREAM, 0, 3, bytes(4), ErrorCode.PROTOCOL_ERROR, "which nobody opened"),
            (WINDOW_UPDATE, 0, 3, b"\0\0\0\1", ErrorCode.PROTOCOL_ERROR, "which nobody opened"),
            (DATA, PADDED, 1, b"\5abc", ErrorCode.PROTOCOL_ERROR, "padding"),
            (DATA, PADDED, 1, b"", ErrorCode.FRAME_SIZE_ERROR, "padded"),
            (HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\xff", ErrorCode.COMPRESSION_ERROR, "cannot be read"),
            (HEADERS, END_HEADERS, 1, b"\xbe", ErrorCode.COMPRESSION_ERROR, "cannot be read"),
            (CONTINUATION, END_HEADERS, 1, head, ErrorCode.PROTOCOL_ERROR, "without HEADERS"),
            (RST_STREAM, 0, 1, b"\0", ErrorCode.FRAME_SIZE_ERROR, "length"),
            (SETTINGS, 0, 1, b"", ErrorCode.PROTOCOL_ERROR, "for the connection"),
            (SETTINGS, ACK, 0, b"x", ErrorCode.FRAME_SIZE_ERROR, "acknowledgement"),
            (SETTINGS, 0, 0, b"x", ErrorCode.FRAME_SIZE_ERROR, "SETTINGS of 1"),
            (SETTINGS, 0, 0, b"\0\2\0\0\0\1", ErrorCode.PROTOCOL_ERROR, "pushed to"),
            (SETTINGS, 0, 0, b"\0\4\x80\0\0\0", ErrorCode.FLOW_CONTROL_ERROR, "initial window"),
            (SETTINGS, 0, 0, b"\0\5\0\0\0\1", ErrorCode.PROTOCOL_ERROR, "largest frame"),
            (PING, 0, 0, b"1234567", ErrorCode.FRAME_SIZE_ERROR, "PING of 7"),
            (PING, 0, 1, b"12345678", ErrorCode.PROTOCOL_ERROR, "for the connection"),
            (GOAWAY, 0, 0, b"1234567", ErrorCode.FRAME_SIZE_ERROR, "GOAWAY of 7"),
            (GOAWAY, 0, 1, bytes(8), ErrorCode.PROTOCOL_ERROR, "for the connection"),
            (WINDOW_UPDATE, 0, 0, bytes(4), ErrorCode.PROTOCOL_ERROR, "of nothing"),
            (WINDOW_UPDATE, 0, 1, bytes(4), ErrorCode.PROTOCOL_ERROR, "of nothing"),
            (WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff", ErrorCode.FLOW_CONTROL_ERROR, "too large"),
            (PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + head, ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE"),
        ):
            running, peer = begun()
            peer.frame(kind, flags, number, payload)
            self.assert_broken(running, peer, code, told)

    def test_too_long(self) -> None:
        """A frame longer than we take is told by its head."""
        running, peer = begun()
        peer.hears()
        peer.end.sends(b"\0\x40\1\0\0\0\0\0\1")
        self.assert_broken(running, peer, ErrorCode.FRAME_SIZE_ERROR, "a frame of 16385 bytes")

    def test_window_by_setting(self) -> None:
        """RFC 9113 6.9.2: a setting must not make an open window too large either."""
        running, peer = begun()
        peer.frame(WINDOW_UPDATE, 0, 1, b"\x7f\xff\x00\x00")
        peer.frame(SETTINGS, 0, 0, b"\0\4\x7f\xff\xff\xff")
        self.assert_broken(running, peer, ErrorCode.FLOW_CONTROL_ERROR, "stream's window is too large")

    def test_interrupted(self) -> None:
        """RFC 9113 6.10: nothing may stand within a field block."""
        for kind, number in ((DATA, 1), (PING, 0), (HEADERS, 1), (CONTINUATION, 3)):
            running, peer = begun()
            peer.frame(HEADERS, 0, 1, block(HEAD)[:2])
            peer.frame(kind, END_HEADERS, number, bytes(8))
            self.assert_broken(running, peer, ErrorCode.PROTOCOL_ERROR, "interrupted")

    def test_head_bomb(self) -> None:
        """A field block is bounded while it comes, in bytes (CVE-2024-27316)."""
        running, peer = begun()
        peer.frame(HEADERS, 0, 1, block(OPEN))
        for _ in range(4):
            peer.frame(CONTINUATION, 0, 1, bytes(16384))
            if peer.end.is_closed:
                break
        self.assert_broken(running, peer, ErrorCode.ENHANCE_YOUR_CALM, "field block of more than 65536")

    def test_floods(self) -> None:
        """Frames that lead to nothing are bounded in number (CVE-2019-9512, -9515, -9518)."""
        head = block(OPEN)
        for kind, flags, number, payload in (
            (PING, 0, 0, bytes(8)),
            (PING, ACK, 0, bytes(8)),
            (SETTINGS, 0, 0, b""),
            (SETTINGS, ACK, 0, b""),
            (PRIORITY, 0, 1, bytes(5)),
            (WINDOW_UPDATE, 0, 0, b"\0\0\0\1"),
            (DATA, 0, 1, b""),
            (0xFA, 0, 0, b"grease"),
        ):
            _, peer = begun()
            peer.frame(HEADERS, END_HEADERS, 1, head)
            peer.hears()
            one = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + number.to_bytes(4, "big") + payload
            peer.end.sends(one * (MOST - 50))
            self.assertFalse(peer.end.is_closed, kind)
            peer.end.sends(one * 100)
            self.assertTrue(peer.end.is_closed, kind)
            self.assertIn(ErrorCode.ENHANCE_YOUR_CALM.to_bytes(4, "big"), peer.end.takes()[-4:])

    def test_continuation_flood(self) -> None:
        """CONTINUATIONs are bounded in number, empty or not: each costs more than what it carries (CVE-2024-27316)."""
        for piece in (b"", b"x"):
            running, peer = begun()
            peer.frame(HEADERS, 0, 1, block(OPEN))
            for _ in range(MAX_PIECES - 1):
                peer.frame(CONTINUATION, 0, 1, piece)
            self.assertFalse(peer.end.is_closed)
            peer.frame(CONTINUATION, 0, 1, piece)
            self.assert_broken(running, peer, ErrorCode.ENHANCE_YOUR_CALM, "in too many pieces")

    def test_strays(self) -> None:
        """On a stream that we have reset a peer may send what its window held, and no more."""
        running, peer = begun()
        other = running.client()
        other.sends(GET)
        running[0].resets()
        peer.frame(HEADERS, END_HEADERS, 1, block(OPEN))
        for _ in range(WINDOW // 16384):
            peer.frame(DATA, 0, 1, bytes(16384))
        self.assertFalse(peer.end.is_closed)
        peer.frame(DATA, 0, 1, b"x")
        self.assertTrue(peer.end.is_closed)
        self.assertTrue(other.takes().startswith(b"HTTP/1.1 502 "))

    def test_http1(self) -> None:
        """A peer that answers in HTTP/1.1 is told as what it is."""
        running = run(server(80).location("/").proxy_to(upstream("app", "a:1", via=http2())))
        running[0].sends(GET)
        running.peers["a:1"].takes()
        running.peers["a:1"].sends(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        (ended,) = running.exchanges
        self.assertEqual(ended.message, "peer a:1 broke HTTP/2: it answers in HTTP/1.1")

    def test_no_settings(self) -> None:
        """RFC 9113 3.4: a peer begins with SETTINGS."""
        running = run(server(80).location("/").proxy_to(upstream("app", "a:1", via=http2())))
        running[0].sends(GET)
        running.peers["a:1"].takes()
        running.peers["a:1"].sends(b"\0\0\x08\x06\0\0\0\0\0" + bytes(8))
        (ended,) = running.exchanges
        self.assertIn("does not begin with SETTINGS", ended.message)


class StreamTests(SynchronousTestCase):
    """Errors that cost one request, and leave the others alone."""

    def assert_failed(self, peer: H2Peer, running: Running, cause: str, told: str, code: int = 1) -> None:
        """The stream is reset, and the next one is answered."""
        (ended,) = running.exchanges
        self.assertEqual(ended.cause, cause, told)
        self.assertIn(told, ended.message)
        self.assertFalse(peer.end.is_closed)
        peer.hears()
        self.assertEqual(peer.asked[0].reset, code)
        other = running.client()
        other.sends(GET)
        peer.answers(3, b"ok", HEAD)
        self.assertTrue(other.takes().endswith(b"ok"))

    def test_heads(self) -> None:
        """A head that is malformed is answered with 502."""
        for pairs, told in (
            ([], ":status"),
            ([(b"x", b"y")], ":status"),
            ([(b":status", b"20")], "not a status"),
            ([(b":status", b"099")], "not a status"),
            ([(b":status", b"1000")], "not a status"),
            ([(b":status", b"200"), (b":status", b"200")], "pseudo-header"),
            ([(b":status", b"200"), (b"x", b"y"), (b":path", b"/")], "pseudo-header"),
            ([(b":status", b"200"), (b"X", b"y")], "invalid field name"),
            ([(b":status", b"200"), (b"x y", b"y")], "invalid field name"),
            ([(b":status", b"200"), (b"", b"y")], "invalid field name"),
            ([(b":status", b"200"), (b"x", b"y\r\nset-cookie: z")], "invalid value"),
            ([(b":status", b"200"), (b"x", b"y\0")], "invalid value"),
            ([(b":status", b"200"), (b"x", b" y")], "invalid value"),
            ([(b":status", b"200"), (b"connection", b"close")], "HTTP/1.1's connections"),
            ([(b":status", b"200"), (b"transfer-encoding", b"chunked")], "HTTP/1.1's connections"),
            ([(b":status", b"200"), (b"content-length", b"1"), (b"content-length", b"1")], "Content-Length"),
            ([(b":status", b"200"), (b"content-length", b"+1")], "Content-Length"),
            ([(b":status", b"101")], "switched protocols"),
            ([(b":status", b"200"), *[(b"x", b"y")] * 1000], "too many"),
            ([(b":status", b"200"), *[(b"x", b"y" * 99)] * 500], "more than 65536 bytes"),
        ):
            running, peer = begun()
            peer.hears()
            raw = block(pairs)
            pieces = [raw[at : at + 16384] for at in range(0, len(raw), 16384)] or [b""]
            for place, piece in enumerate(pieces):
                last = END_HEADERS if place == len(pieces) - 1 else 0
                peer.frame(CONTINUATION if place else HEADERS, last, 1, piece)
            self.assertTrue(running[0].takes().startswith(b"HTTP/1.1 502 "), told)
            self.assert_failed(peer, running, "bad_head", told)

    def test_bodies(self) -> None:
        """A body that is not what the head says is cut off, so that no client takes it for complete."""
        sized = [(b":status", b"200"), (b"content-length", b"3")]
        for method, pairs, pieces, told in (
            (b"GET", sized, [(0, b"abcd")], "more than the length"),
            (b"GET", sized, [(0, b"ab"), (0, b"cd")], "more than the length"),
            (b"GET", sized, [(END_STREAM, b"ab")], "1 bytes too early"),
            (b"GET", sized, [(0, b"ab"), (END_STREAM, b"")], "1 bytes too early"),
            (b"HEAD", sized, [(0, b"abc")], "where there can be none"),
            (b"GET", [(b":status", b"204")], [(0, b"abc")], "where there can be none"),
        ):
            running, peer = begun(GET.replace(b"GET", method))
            peer.frame(HEADERS, END_HEADERS, 1, block(pairs))
            for flags, data in pieces:
                peer.frame(DATA, flags, 1, data)
            self.assertTrue(running[0].is_closed, told)
            self.assert_failed(peer, running, "bad_body", told)

    def test_bad_body_at_once(self) -> None:
        """What comes with the head is looked at before the head goes on."""
        running, peer = begun()
        peer.hears()
        raw = block([(b":status", b"200"), (b"content-length", b"3")])
        head = len(raw).to_bytes(3, "big") + b"\1\4\0\0\0\1" + raw
        peer.end.sends(head + b"\0\0\4\0\0\0\0\0\1abcd")
        self.assertTrue(running[0].takes().startswith(b"HTTP/1.1 502 "))

    def test_others(self) -> None:
        """What else a stream may not do."""
        head, trailers = block(OPEN), block([(b"x", b"y")])
        for frames, cause, told, code in (
            ([(DATA, 0, b"x")], "bad_head", "a body before its head", ErrorCode.PROTOCOL_ERROR),
            ([(HEADERS, END_HEADERS, head), (HEADERS, END_HEADERS, trailers)], "bad_head", "a second head", 1),
            ([(HEADERS, END_HEADERS, head), (HEADERS, 5, head)], "bad_body", "pseudo-header", 1),
            ([(HEADERS, END_HEADERS, head), (HEADERS, 5, LONG)], "bad_body", "of more than 16384", 1),
            ([(HEADERS, 5, block([(b":status", b"103")]))], "bad_head", "interim", 1),
            ([(HEADERS, 4, block([(b":status", b"103")]))] * 9, "bad_head", "more than 8 interim", 1),
            ([(HEADERS, 5, block([(b":status", b"200"), (b"content-length", b"1")]))], "bad_body", "too early", 1),
            ([(WINDOW_UPDATE, 0, b"\x7f\xff\xff\xff")], "bad_head", "too far", ErrorCode.FLOW_CONTROL_ERROR),
        ):
            running, peer = begun()
            for kind, flags, payload in frames:
                peer.frame(kind, flags, 1, payload)
            self.assert_failed(peer, running, cause, told, code)

    def test_window(self) -> None:
        """A peer that sends more than the stream's window has its stream reset."""
        running, peer = begun()
        running[0].stops_reading()
        peer.frame(HEADERS, END_HEADERS, 1, block(OPEN))
        for _ in range(2 * WINDOW // 16384 + 1):
            if not running.exchanges:
                peer.frame(DATA, 0, 1, bytes(16384))
        self.assert_failed(peer, running, "bad_body", "more than the stream's window", ErrorCode.FLOW_CONTROL_ERROR)
