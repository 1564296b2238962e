"""One direction of a bridged WebSocket."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.handlers.websocket_way import DEFLATED_PIECE, PIECE, Way


class WayTests(SynchronousTestCase):
    """Bytes reach the leg in order, in pieces, and not while the other side does not keep up."""

    def setUp(self) -> None:
        self.fed: list[bytes] = []
        self.paused: list[bool] = []

    def way(self, *, deflated: bool = False) -> Way:
        """One that notes what it does."""
        return Way(self.fed.append, self.paused.append, deflated=deflated)

    def test_pieces(self) -> None:
        """Of deflated bytes only a few at a time."""
        self.way().take(b"x" * (PIECE + 1))
        self.assertEqual([len(each) for each in self.fed], [PIECE, 1])
        self.fed.clear()
        self.way(deflated=True).take(b"x" * (2 * DEFLATED_PIECE))
        self.assertEqual([len(each) for each in self.fed], [DEFLATED_PIECE] * 2)

    def test_blocked(self) -> None:
        """What comes waits, in order; the source is paused once, and resumed when nothing waits."""
        way = self.way()
        way.block()
        way.block()
        way.take(b"1")
        way.take(b"2")
        self.assertEqual((self.fed, self.paused), ([], [True]))
        way.unblock()
        self.assertEqual((self.fed, self.paused), ([b"12"], [True, False]))

    def test_blocked_within(self) -> None:
        """The other side may fall behind by what it is just given: the rest waits."""
        way: Way

        def feed(data: bytes) -> None:
            self.fed.append(data)
            way.block()

        way = Way(feed, self.paused.append, deflated=True)
        way.take(b"x" * (2 * DEFLATED_PIECE))
        self.assertEqual(len(self.fed), 1)
        way.unblock()
        self.assertEqual(len(self.fed), 2)
        self.assertEqual(self.paused, [True])
        way.unblock()
        self.assertEqual(self.paused, [True, False])

    def test_taken_within(self) -> None:
        """What comes while the leg is fed is fed after it."""
        way: Way

        def feed(data: bytes) -> None:
            self.fed.append(data)
            if data == b"1":
                way.take(b"2")
                self.assertEqual(self.fed, [b"1"])

        way = Way(feed, self.paused.append, deflated=False)
        way.take(b"1")
        self.assertEqual(self.fed, [b"1", b"2"])

    def test_stopped(self) -> None:
        """Then what waits and what comes is dropped, and the source goes on."""
        way = self.way()
        way.block()
        way.take(b"1")
        way.stop()
        way.take(b"2")
        self.assertEqual((self.fed, self.paused), ([], [True, False]))
