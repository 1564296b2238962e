"""Conversations: what clients and peers of WebSockets do wrong, by the cases of the Autobahn test suite and by lot."""

from __future__ import annotations

import re
import struct
import tracemalloc
import zlib
from itertools import pairwise
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import Request, http, named, server
from pydsl_proxy.config.servers import Http, Server
from pydsl_proxy.testing import run
from tests.conversations.test_websocket import SITE, Opened, grant
from tests.support.messages import answer, get
from tests.support.websockets import (
    ASK,
    ASKED,
    BINARY,
    CLOSE,
    GRANT,
    PING,
    PONG,
    TEXT,
    closing,
    frame,
    frames_in,
)

Frames: TypeAlias = list[tuple[int, bytes, bool]]

TUNNEL = server(80).location("/").websocket_to("a:1", tunnel=True)
DEFLATING = server(80).location("/").websocket_to("a:1", deflate_to_peer=True)
OFFER = "Sec-WebSocket-Extensions: permessage-deflate"
# One character each of two, three and four bytes.
WORDS = "µ€𝄞".encode()


def masked(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
    """A client's frame."""
    return frame(opcode, payload, masked=True, fin=fin, rsv=rsv)


def raises(request: Request) -> str:
    """A user's function with a mistake."""
    raise ValueError(request.path)


def code_of(frames: Frames) -> int | None:
    """The code of the close that is the last of *frames*; 1005 if it has none, None if there is no close."""
    if not frames or frames[-1][0] != CLOSE:
        return None
    payload = frames[-1][1]
    return int.from_bytes(payload[:2], "big") if payload else 1005


class CaseTests(SynchronousTestCase):
    """The important cases of the Autobahn test suite, named as its sections are."""

    def refuses(self, data: bytes, code: int) -> None:
        """A client that sends *data* is closed with *code*, the peer with 1001; both connections end."""
        opened = Opened()
        opened.client.sends(data)
        self.assertEqual(code_of(opened.to_client()), code, data[:40])
        self.assertEqual(code_of(opened.to_peer()), 1001, data[:40])
        opened.running.clock.advance(6)
        self.assertTrue(opened.client.is_closed)
        self.assertTrue(opened.peer.is_closed)

    def test_pings(self) -> None:
        """2: a ping has at most 125 bytes, and is answered with them; a pong that nobody asked for is dropped."""
        opened = Opened()
        for payload in (b"", b"hello", bytes(range(125))):
            opened.client.sends(masked(PING, payload))
            self.assertEqual(opened.to_client(), [(PONG, payload, True)])
        opened.client.sends(masked(PONG, b"unasked") * 10)
        self.assertEqual(opened.to_client() + opened.to_peer(), [])
        self.refuses(masked(PING, bytes(126)), 1002)

    def test_reserved_bits(self) -> None:
        """3: a reserved bit without an extension, in any frame; RSV2 and RSV3 also with one."""
        for rsv in range(1, 8):
            for opcode in (TEXT, BINARY, PING, CLOSE):
                self.refuses(masked(opcode, b"", rsv=rsv), 1002)
        opened = Opened(SITE, OFFER)
        opened.client.sends(masked(TEXT, b"", rsv=2))
        self.assertEqual(code_of(opened.to_client()), 1002)

    def test_deflated_control(self) -> None:
        """RFC 7692 6: nor is a control frame deflated, or a fragment but the first."""
        for data in (
            masked(PING, b"x", rsv=4),
            masked(TEXT, b"\xf2\x48", rsv=4, fin=False) + masked(0, b"\xcd", rsv=4),
        ):
            opened = Opened(SITE, OFFER)
            opened.client.sends(data)
            self.assertEqual(code_of(opened.to_client()), 1002)

    def test_opcodes(self) -> None:
        """4: opcodes that are not defined."""
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
            self.refuses(masked(opcode, b"x"), 1002)
            self.refuses(masked(TEXT, b"fine") + masked(opcode), 1002)

    def test_fragments(self) -> None:
        """5: control frames are whole; a continuation continues something, and nothing else begins before its end."""
        for data in (
            masked(PING, b"x", fin=False),
            masked(PONG, b"x", fin=False),
            masked(CLOSE, b"", fin=False),
            masked(0, b"x"),
            masked(0, b"x", fin=False),
            masked(TEXT, b"x", fin=False) + masked(TEXT, b"y"),
            masked(TEXT, b"x", fin=False) + masked(0, b"y") + masked(0, b"z"),
        ):
            self.refuses(data, 1002)

    def test_empty_fragments(self) -> None:
        """5: fragments may be empty, all of them; what arrives is the same message."""
        for payloads in ((b"", b""), (b"", b"a", b""), (b"", b"", b"", b"b")):
            opened = Opened()
            first, *rest = payloads
            opened.client.sends(masked(TEXT, first, fin=False))
            for each in rest[:-1]:
                opened.client.sends(masked(0, each, fin=False))
            opened.client.sends(masked(0, rest[-1]))
            frames = opened.to_peer()
            self.assertEqual(b"".join(each[1] for each in frames), b"".join(payloads))
            self.assertEqual((frames[0][0], frames[-1][2]), (TEXT, True))

    def test_empty_fragments_without_end(self) -> None:
        """Fragments of no bytes are not kept, however many there are, nor are they passed on."""
        for hook in (None, lambda message: message.data):
            opened = Opened(server(80).location("/").websocket_to("a:1", on_message=hook))
            opened.client.sends(masked(TEXT, b"x", fin=False))
            opened.peer.takes()
            nothing = masked(0, b"", fin=False) * 5000
            opened.client.sends(nothing)
            tracemalloc.start()
            try:
                for _ in range(10):
                    opened.client.sends(nothing)
                # Not what the client of these tests keeps of what it has sent.
                shot = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(False, "*/testing/*")])
                kept = sum(each.size for each in shot.statistics("filename"))
            finally:
                tracemalloc.stop()
            self.assertLess(kept, 150_000)
            opened.client.sends(masked(0, b"y"))
            self.assertEqual(b"".join(each[1] for each in opened.to_peer())[-1:], b"y")

    def test_utf8(self) -> None:
        """6: characters may be split between fragments and between reads; what is not UTF-8 is closed for at once."""
        for at in range(1, len(WORDS)):
            opened = Opened()
            opened.client.sends(masked(TEXT, WORDS[:at], fin=False) + masked(0, WORDS[at:]))
            self.assertEqual(b"".join(each[1] for each in opened.to_peer()), WORDS)
            opened.client.sends(masked(TEXT, WORDS)[: 6 + at])
            opened.client.sends(masked(TEXT, WORDS)[6 + at :])
            self.assertEqual(b"".join(each[1] for each in opened.to_peer()), WORDS)
        for bad in (
            b"\x80",
            b"\xc0\xaf",  # overlong
            b"\xed\xa0\x80",  # a surrogate
            b"\xf4\x90\x80\x80",  # above U+10FFFF
            b"\xfe",
        ):
            self.refuses(masked(TEXT, b"good" + bad), 1007)
            self.refuses(masked(TEXT, b"good", fin=False) + masked(0, bad, fin=False), 1007)

    def test_unfinished_utf8(self) -> None:
        """6: nor may a message end within a character."""
        self.refuses(masked(TEXT, b"\xe2\x82"), 1007)
        self.refuses(masked(TEXT, b"\xe2", fin=False) + masked(0, b"\x82"), 1007)

    def test_closes(self) -> None:
        """7: a close has no body, or a code that may be sent and a reason in UTF-8; nothing after it counts."""
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
            opened = Opened()
            opened.client.sends(closing(code, b"why", masked=True) + masked(TEXT, b"late") + masked(3))
            self.assertEqual(opened.to_peer(), [(CLOSE, struct.pack(">H", code) + b"why", True)])
            self.assertEqual(code_of(opened.to_client()), code)
        for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535):
            self.refuses(closing(code, masked=True), 1002)
        self.refuses(masked(CLOSE, b"\x03"), 1002)
        self.refuses(closing(1000, b"\xff\xfe", masked=True), 1007)
        self.refuses(masked(CLOSE, b"\x03\xe8" + b"x" * 124), 1002)

    def test_lengths(self) -> None:
        """1: a length takes no more bytes than it needs, and has 63 bits (RFC 6455 5.2)."""
        for head in (
            b"\x82\xfe\x00\x05",
            b"\x82\xff" + bytes(7) + b"\x05",
            b"\x82\xff\x80" + bytes(7),
        ):
            self.refuses(head + b"\1\2\3\4hello", 1002)

    def test_masks(self) -> None:
        """RFC 6455 5.1: a client masks all frames, a server none."""
        self.refuses(frame(PING, b"x"), 1002)
        self.refuses(frame(CLOSE), 1002)
        opened = Opened()
        opened.peer.sends(masked(PING, b"x"))
        self.assertEqual(code_of(opened.to_peer()), 1002)
        self.assertEqual(code_of(opened.to_client()), 1011)

    def test_bad_deflate(self) -> None:
        """12: what cannot be inflated is closed for, and no traceback is written."""
        for payload in (b"\xff" * 20, b"\x00\x01\x02", b"\xf2\x48\xcd\xc9\xc9\x07\x00" + b"\xff" * 9):
            opened = Opened(SITE, OFFER)
            opened.client.sends(masked(BINARY, payload, rsv=4))
            self.assertIn(code_of(opened.to_client()), (1002, 1007), payload)
            opened.running.clock.advance(6)
            self.assertTrue(opened.client.is_closed)
            self.assertTrue(opened.peer.is_closed)


def deflated(data: bytes) -> bytes:
    """RFC 7692 7.2.1."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


PAYLOADS = st.binary(max_size=40) | st.sampled_from(
    [b"", WORDS, b"\x03\xe8bye", b"x" * 200, b"x" * 70_000, deflated(b"a" * 9)]
)
FRAMES = st.builds(
    lambda opcode, payload, fin, rsv, masked: frame(opcode, payload, fin=fin, rsv=rsv, masked=masked),
    st.sampled_from([0, TEXT, BINARY, CLOSE, PING, PONG]) | st.integers(0, 15),
    PAYLOADS,
    st.booleans(),
    st.sampled_from([0, 0, 0, 4]) | st.integers(0, 7),
    st.sampled_from([True, True, True, False]),
)


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """Frames, most of them right, some of whose bytes are changed; in pieces."""
    data = bytearray(b"".join(draw(st.lists(FRAMES, max_size=6))) + draw(st.binary(max_size=10)))
    for at, octet in draw(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=3)):
        if at < len(data):
            data[at] = octet
    cuts = sorted(
        {0, len(data), *(each for each in draw(st.lists(st.integers(0, 400), max_size=4)) if each < len(data))}
    )
    return [bytes(data[start:end]) for start, end in pairwise(cuts)]


class LotTests(SynchronousTestCase):
    """Bytes that nobody thought of."""

    def play(self, site: Server, offer: tuple[str, ...], granted: str, ups: list[bytes], downs: list[bytes]) -> None:
        """Both sides send what they like, and end; nothing raises, nothing stays."""
        opened = Opened(site, *offer, granted=granted)
        peer = opened.peer.connections[-1]
        for number in range(max(len(ups), len(downs))):
            for end, pieces in ((opened.client, ups), (peer, downs)):
                if number < len(pieces) and not end.is_gone and not end.is_closed:
                    end.sends(pieces[number])
        # What was sent on is well-formed, whatever came.
        self.well_formed(opened.client.takes())
        self.well_formed(peer.takes())
        if not opened.client.is_gone:
            opened.client.closes()
        opened.running.clock.advance(6)
        if not peer.is_gone:
            peer.closes()
        opened.running.clock.advance(100)
        self.assertTrue(opened.client.is_closed or opened.client.is_gone)
        self.assertTrue(peer.is_closed or peer.is_gone)
        self.assertEqual(len(opened.running.exchanges), 1)
        self.assertEqual(opened.running.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def well_formed(self, data: bytes) -> None:
        """Frames that begin, continue and end messages as they should; nothing follows a close."""
        within = closed = False
        for opcode, payload, fin in frames_in(data):
            self.assertFalse(closed)
            if opcode in (CLOSE, PING, PONG):
                self.assertTrue(fin and len(payload) < 126)
                closed = opcode == CLOSE
            else:
                self.assertEqual(opcode == 0, within)
                within = not fin

    @given(ups=streams(), downs=streams())
    @settings(max_examples=60, deadline=None)
    def test_plain(self, ups: list[bytes], downs: list[bytes]) -> None:
        """Neither side deflates."""
        self.play(SITE, (), "", ups, downs)

    @given(ups=streams(), downs=streams())
    @settings(max_examples=60, deadline=None)
    def test_deflated(self, ups: list[bytes], downs: list[bytes]) -> None:
        """Both may."""
        self.play(DEFLATING, (OFFER,), OFFER, ups, downs)

    @given(ups=streams(), downs=streams())
    @settings(max_examples=30, deadline=None)
    def test_hook(self, ups: list[bytes], downs: list[bytes]) -> None:
        """With a function for messages."""
        site = server(80).location("/").websocket_to("a:1", on_message=lambda message: message.data, max_message=1000)
        self.play(site, (OFFER,), "", ups, downs)


class HandshakeTests(SynchronousTestCase):
    """What could be smuggled in by a handshake, or be left behind by one."""

    def asks(self, *fields: str) -> bytes:
        """The first line of the answer to a request for a WebSocket with these fields."""
        client, peers = run(SITE)
        client.sends(get("/ws", *fields))
        if len(peers):
            peers["a:1"].sends(grant(peers["a:1"].takes()))
        return client.takes().partition(b"\r\n")[0]

    def test_spellings(self) -> None:
        """Names and tokens in any case, and Connection in more than one field."""
        for fields in (
            [each.upper() if "Key" not in each else each for each in ASKED],
            ["Connection: keep-alive, uPGRADE", *ASKED[1:]],
            ["Connection: keep-alive", *ASKED],
        ):
            self.assertEqual(self.asks(*fields), b"HTTP/1.1 101 Switching Protocols", fields)

    def test_other_protocols(self) -> None:
        """A request that offers anything else as well is none for a WebSocket."""
        for fields in (
            ["Connection: Upgrade", "Upgrade: websocket, h2c", *ASKED[2:]],
            [*ASKED, "Upgrade: h2c"],
            [*ASKED, "Upgrade: websocket"],
        ):
            self.assertEqual(self.asks(*fields), b"HTTP/1.1 426 Upgrade Required", fields)

    def test_behind_a_refusal(self) -> None:
        """What follows a request whose WebSocket is refused is the next request, not a frame."""
        client, peers = run(server(80).location("/").proxy_to("a:1", websocket="tunnel"))
        client.sends(ASK + get("/next"))
        peers["a:1"].takes()
        peers["a:1"].sends(answer(b"no", "403 Forbidden"))
        peers["a:1"].expects(get("/next"))

    def test_no_length(self) -> None:
        """RFC 9110 8.6: a 101 has no length; a peer's is taken away, or the client would wait for a body."""
        client, peers = run(TUNNEL)
        client.sends(ASK)
        peers["a:1"].takes()
        peers["a:1"].sends(GRANT.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n"))
        client.expects(GRANT)

    def test_sent_ahead_without_end(self) -> None:
        """A client that sends before it is granted is read no further than a request's body would be held."""
        client, peers = run(TUNNEL)
        client.sends(ASK)
        for _ in range(40):
            client.sends(bytes(65536))
        self.assertGreater(client.unread, 2_000_000)
        peers["a:1"].sends(GRANT)
        self.assertEqual(client.unread, 0)

    def test_ended_before(self) -> None:
        """A client that has closed its half before the peer switches is gone when it has: nothing is left open."""
        for site in (SITE, TUNNEL):
            running = run(site)
            client, peers = running
            client.sends(ASK)
            client.half_closes()
            peers["a:1"].sends(grant(peers["a:1"].takes()) if site is SITE else GRANT)
            self.assertEqual(client.takes()[:12], b"HTTP/1.1 101")
            self.assertTrue(peers["a:1"].is_closed)
            peers["a:1"].closes()
            self.assertTrue(client.is_closed)
            self.assertEqual([each.status for each in running.exchanges], [101])

    def test_stopped_before(self) -> None:
        """A proxy that is stopped while the peer is asked closes what is granted then, as all others: 1012."""
        running = run(http(SITE, shutdown_grace=20))
        client, peers = running
        client.sends(ASK)
        running.stop()
        peers["a:1"].sends(grant(peers["a:1"].takes()))
        client.takes()
        running.clock.advance(5)
        self.assertEqual(code_of(frames_in(client.takes())), 1012)

    def test_resets(self) -> None:
        """A reset of either side at any stage ends both, and is one line of the log."""
        for site in (SITE, TUNNEL):
            for stage in range(4):
                for side in ("client", "peer"):
                    self.reset_at(site, stage, side)

    def reset_at(self, site: Server | Http, stage: int, side: str) -> None:
        """Go as far as *stage*, then *side* resets."""
        running = run(site)
        client, peers = running
        client.sends(ASK[: len(ASK) // 2] if stage == 0 else ASK)
        if stage >= 2:
            asked = peers["a:1"].takes()
            peers["a:1"].sends(grant(asked) if site is SITE else GRANT)
        if stage == 3:
            client.sends(masked(TEXT, b"half")[:7])
            peers["a:1"].sends(frame(TEXT, b"half")[:3])
        if side == "client":
            client.resets()
        elif stage:
            peers["a:1"].resets()
            client.closes()
        running.clock.advance(100)
        for connection in [each for peer in peers.values() for each in peer.connections]:
            self.assertTrue(connection.is_closed or connection.is_gone, (stage, side))
        if stage:
            self.assertEqual(len(running.exchanges), 1, (stage, side))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_guarded(self) -> None:
        """Who is asked first may refuse, and is sent the fields of the handshake but not as one."""
        for site in (
            server(80).location("/").auth_request("auth:1").websocket_to("a:1"),
            server(80).location("/").auth_request("auth:1").websocket_to("a:1", tunnel=True),
        ):
            client, peers = run(site)
            client.sends(ASK)
            self.assertNotIn(b"Upgrade", peers["auth:1"].takes())
            peers["auth:1"].sends(answer(b"", "403 Forbidden"))
            self.assertEqual(client.takes()[:12], b"HTTP/1.1 403")
            self.assertNotIn("a:1", [name for name, peer in peers.items() if peer.connections])
            client.sends(ASK)
            peers["auth:1"].takes()
            peers["auth:1"].sends(answer(b"", "204 No Content"))
            self.assertIn(b"\r\nUpgrade: websocket", peers["a:1"].takes())

    def test_connections(self) -> None:
        """One that is open counts for ``limit_connections`` until it has ended."""
        running = run(server(80).limit_connections(1).location("/").websocket_to("a:1", tunnel=True))
        client, peers = running
        client.sends(ASK)
        peers["a:1"].takes()
        peers["a:1"].sends(GRANT)
        other = running.client()
        other.sends(ASK)
        self.assertEqual(other.takes()[:12], b"HTTP/1.1 429")
        client.closes()
        other.sends(ASK)
        self.assertIn(b"\r\nUpgrade: websocket", peers["a:1"].takes())

    def test_elsewhere(self) -> None:
        """A location that is reached by an error page or X-Accel-Redirect may open it too."""
        served = server(80).location(named("ws")).websocket_to("a:1").location("/live").websocket_to("a:1")
        for site, told in (
            (served.location("/").error_page(404, to=named("ws"), intercept=True).proxy_to("b:1"), "404 Not Found"),
            (served.location("/").proxy_to("b:1"), "200 OK\r\nX-Accel-Redirect: /live"),
        ):
            client, peers = run(site)
            client.sends(ASK)
            self.assertNotIn(b"Upgrade", peers["b:1"].takes())
            peers["b:1"].sends(answer(b"", told))
            asked = peers["a:1"].takes()
            self.assertEqual(len(re.findall(rb"\r\nUpgrade: websocket", asked)), 1)
            peers["a:1"].sends(grant(asked))
            self.assertEqual(client.takes()[:12], b"HTTP/1.1 101")

    def test_field_raises(self) -> None:
        """A function for a field of the response that raises is answered with 500, whatever the peer has said."""
        for tunnel in (False, True):
            for said in ("101", "403 Forbidden", "nothing"):
                site = server(80).set_response_header("X-A", raises).location("/").websocket_to("a:1", tunnel=tunnel)
                running = run(site)
                client, peers = running
                if said == "nothing":
                    peers["a:1"].refuses()
                client.sends(ASK)
                if said != "nothing":
                    asked = peers["a:1"].takes()
                    granted = GRANT if tunnel else grant(asked)
                    peers["a:1"].sends(granted if said == "101" else answer(b"no", said))
                self.assertEqual(client.takes()[:12], b"HTTP/1.1 500", (tunnel, said))
                client.closes()
                self.assertEqual([each.cause for each in running.exchanges], ["internal_error"])
                self.assertGreaterEqual(len(self.flushLoggedErrors(ValueError)), 1)
                running.clock.advance(100)
                self.assertEqual(running.clock.getDelayedCalls(), [])

    def test_accel_in_a_101(self) -> None:
        """A 101 is no answer to go elsewhere with; the field is not for the client."""
        client, peers = run(server(80).location("/file").respond(200).location("/").websocket_to("a:1"))
        client.sends(ASK)
        peers["a:1"].sends(grant(peers["a:1"].takes(), "X-Accel-Redirect: /file"))
        head = client.takes()
        self.assertEqual(head[:12], b"HTTP/1.1 101")
        self.assertNotIn(b"X-Accel", head)
