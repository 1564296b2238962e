"""Tests of the uwsgi protocol's packet."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.cgi.uwsgi_packet import MOST, packet, pair
from pydsl_proxy.wire.http.grammar import Malformed


class PacketTests(SynchronousTestCase):
    """The header, and the variables behind it."""

    def test_packet(self) -> None:
        """The modifiers stand around the length, whose lower octet is first, as in those of names and values."""
        self.assertEqual(packet(pair(b"A", b"bc"), 5, 9), b"\5\x07\0\x09" + b"\1\0A\2\0bc")
        self.assertEqual(packet(bytes(258))[:4], b"\0\2\1\0")

    def test_too_long(self) -> None:
        """There are 16 bits for each length."""
        packet(bytes(MOST))
        for wrong in (
            lambda: packet(bytes(MOST + 1)),
            lambda: pair(b"A", bytes(MOST + 1)),
            lambda: pair(bytes(MOST + 1), b""),
        ):
            with self.assertRaises(Malformed) as caught:
                wrong()
            self.assertEqual(caught.exception.status, 431)
