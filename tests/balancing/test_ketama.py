"""Tests of the consistent ring."""

from __future__ import annotations

from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.balancing.ketama import points_of, ring
from tests.support.peers import FakePeer, peers_of


class PointsTests(SynchronousTestCase):
    """The points of one peer."""

    def test_chain(self) -> None:
        """The first point hashes host, NUL, port and a zero; each further one the point before, little-endian."""
        first = crc32(b"10.0.0.1\x008080\0\0\0\0")
        second = crc32(b"10.0.0.1\x008080" + first.to_bytes(4, "little"))
        self.assertEqual(points_of("10.0.0.1:8080", 1)[:2], [first, second])

    def test_names(self) -> None:
        """A UNIX path and a name without a port are hashed whole (all observed on nginx 1.22.1)."""
        for name, text in (
            ("unix:/run/app.sock", b"/run/app.sock\0"),
            ("UNIX:/run/app.sock", b"/run/app.sock\0"),
            ("localhost", b"localhost\0"),
            ("[::1]:80", b"[::1]\x0080"),
            ("[::1]", b"[::1]\0"),
            ("app:", b"app\0"),
            ("app:http", b"app:http\0"),
        ):
            self.assertEqual(points_of(name, 1)[0], crc32(text + bytes(4)), name)

    @given(st.integers(1, 5))
    def test_weight(self, weight: int) -> None:
        """There are 160 points for a weight of 1, and a higher weight only adds points."""
        self.assertEqual(points_of("a:1", weight), points_of("a:1", 5)[: 160 * weight])


class RingTests(SynchronousTestCase):
    """The points of all peers."""

    def test_order(self) -> None:
        """The points are in order, each with the peer it belongs to, and none is lost (nginx 1.22.1 has 640 too)."""
        peers = peers_of(1, 2, 1)
        points, owners = ring(peers)
        self.assertEqual(len(points), 640)
        self.assertEqual(points, sorted(set(points)))
        for point, owner in zip(points, owners, strict=True):
            self.assertEqual([peer for peer in peers if point in points_of(peer.name, peer.weight)], list(owner))

    def test_one_name_twice(self) -> None:
        """Peers of one name own its points together."""
        peers = [FakePeer("a:1"), FakePeer("b:1"), FakePeer("a:1", weight=2)]
        points, owners = ring(peers)
        self.assertEqual(len(points), 480)
        self.assertEqual(set(owners), {(peers[0], peers[2]), (peers[1],)})
