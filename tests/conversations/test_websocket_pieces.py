"""Conversations: long WebSocket messages, which pass a bridge in pieces, and those that are held as a whole."""

from __future__ import annotations

import tracemalloc
import zlib

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import server
from pydsl_proxy.handlers.websocket.flow import PIECE
from tests.conversations.test_websocket import SITE, Opened
from tests.support.websockets import BINARY, CLOSE, TEXT, closing, frame

OFFER = "Sec-WebSocket-Extensions: permessage-deflate"


def deflated(data: bytes) -> bytes:
    """A message of RFC 7692 7.2.1."""
    deflater = zlib.compressobj(0, zlib.DEFLATED, -15)
    return (deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


class PieceTests(SynchronousTestCase):
    """A message does not reach the other side in more frames than it must."""

    def test_few_frames(self) -> None:
        """One frame of the client is pieces of at least 64 KiB, however small the reads; libraries count fragments."""
        data = bytes(1_000_000)
        for head, sent in (
            ((), frame(BINARY, data, masked=True)),
            ((OFFER,), frame(BINARY, data, masked=True)),
            ((OFFER,), frame(BINARY, deflated(data), masked=True, rsv=4)),
        ):
            opened = Opened(SITE, *head)
            for at in range(0, len(sent), 1460):
                opened.client.sends(sent[at : at + 1460])
            frames = opened.to_peer()
            self.assertEqual(b"".join(payload for _, payload, _ in frames), data)
            self.assertLessEqual(len(frames), len(data) // PIECE + 2)

    def test_idle_within(self) -> None:
        """A long message that still comes is no silence, held or passed on."""
        for options in ({}, {"on_message": lambda message: message.data}):
            site = server(80).location("/").timeouts(idle=50).websocket_to("a:1", ping=None, **options)  # type: ignore[arg-type]
            opened = Opened(site)
            opened.client.sends(frame(BINARY, bytes(1000), masked=True)[:-6])
            for _ in range(4):
                opened.running.clock.advance(40)
                opened.client.sends(b"\x01")
            self.assertEqual(opened.to_client(), [])
            opened.running.clock.advance(51)
            self.assertEqual(opened.to_client(), [(CLOSE, b"\x03\xe9", True)])

    def test_cut_text(self) -> None:
        """Text that ends within a character is no message: 1007 (RFC 6455 8.1), and the other side gets none."""
        cut = "ü".encode()[:1]
        for sent in (
            frame(TEXT, cut, masked=True),
            frame(TEXT, b"x", masked=True, fin=False) + frame(0, cut, masked=True),
        ):
            opened = Opened()
            opened.client.sends(sent)
            self.assertEqual(opened.to_client()[0][1][:2], b"\x03\xef")
            frames = opened.to_peer()
            self.assertEqual(frames[-1], (CLOSE, b"\x03\xe9", True))
            self.assertFalse([each for each in frames[:-1] if each[2]])


class BrokenTests(SynchronousTestCase):
    """Who has broken deflate is heard no more."""

    def test_flood(self) -> None:
        """What comes behind it is kept by nobody, and a close among it is seen."""
        for fin in (True, False):
            opened = Opened(SITE, OFFER)
            opened.client.sends(frame(BINARY, b"\xff" * 50, masked=True, rsv=4, fin=fin))
            self.assertEqual(opened.to_client()[0][1][:2], b"\x03\xef")
            more = frame(0 if not fin else BINARY, bytes(60_000), masked=True, fin=False)
            opened.client.sends(more)
            tracemalloc.start()
            self.addCleanup(tracemalloc.stop)
            for _ in range(10):
                opened.client.sends(frame(0, bytes(60_000), masked=True, fin=False))
            kept = tracemalloc.take_snapshot().filter_traces(
                [tracemalloc.Filter(False, "*/testing/*"), tracemalloc.Filter(False, "*/tests/*")]
            )
            self.assertLess(sum(each.size for each in kept.traces), 70_000)
            opened.client.sends(closing(1007, masked=True))
            self.assertTrue(opened.client.is_closed)


class HandshakeTests(SynchronousTestCase):
    """What a client offers or says is taken as other servers take it."""

    def test_bad_offers(self) -> None:
        """Offers of permessage-deflate that cannot be accepted are declined (RFC 7692 7.1), the next one is taken."""
        bad = ("; unknown", "; server_max_window_bits=99", "; client_no_context_takeover=1", "; " * 3)
        for parameters in bad:
            opened = Opened(SITE, OFFER + parameters)
            self.assertEqual(opened.head[:12], b"HTTP/1.1 101", parameters)
            self.assertNotIn(b"Extensions", opened.head)
            opened = Opened(SITE, f"{OFFER}{parameters}, permessage-deflate")
            self.assertIn(b"\r\nSec-WebSocket-Extensions: permessage-deflate", opened.head)
        opened = Opened(SITE, "Sec-WebSocket-Extensions: x-other; a=b")
        self.assertNotIn(b"Extensions", opened.head)

    def test_bad_gateway(self) -> None:
        """1014 is registered; since browsers take it for a violation, it becomes 1011."""
        opened = Opened()
        opened.peer.sends(closing(1014, b"no"))
        self.assertEqual(opened.to_client(), [(CLOSE, b"\x03\xf3no", True)])
        self.assertEqual(opened.to_peer()[0][1][:2], b"\x03\xf3")
