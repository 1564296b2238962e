"""The idle connections that belong to one client."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.interfaces import Attempt
from pydsl_proxy.runtime.upstream.peer import Peer
from pydsl_proxy.runtime.upstream.pins import MAX_IDLE, Pins, pins_of
from pydsl_proxy.wire.connection.forwarded import Identity


class Idle:
    """An idle connection, which forgets itself when it is closed."""

    def __init__(self, pins: Pins, peer: Peer) -> None:
        self._pins, self._peer = pins, peer
        self.closed = 0

    def send(self, attempt: Attempt) -> None:
        """It is not used."""

    def close(self) -> None:
        """Close."""
        self.closed += 1
        self._pins.forget(self._peer, self)


class PinsTests(SynchronousTestCase):
    """What is kept, for which peer, and for how long."""

    def setUp(self) -> None:
        self.pins = Pins(keeps=True)
        self.one, self.other = (Peer(name, clock=Clock()) for name in ("a:1", "b:1"))

    def idle(self, count: int, peer: Peer) -> list[Idle]:
        """So many connections to *peer*, all kept."""
        made = [Idle(self.pins, peer) for _ in range(count)]
        for each in made:
            self.assertTrue(self.pins.release(peer, each))
        return made

    def test_bounded(self) -> None:
        """A peer has a bounded number of them, whatever others have."""
        self.assertEqual(MAX_IDLE, 8)
        self.idle(MAX_IDLE, self.one)
        self.assertFalse(self.pins.release(self.one, Idle(self.pins, self.one)))
        [newest] = self.idle(1, self.other)
        self.assertIs(self.pins.take(self.other), newest)

    def test_last_first(self) -> None:
        """The one used last is used first, once; what is gone is not used."""
        first, second, third = self.idle(3, self.one)
        self.pins.forget(self.one, second)
        self.pins.forget(self.one, second)
        self.pins.forget(self.other, second)
        self.assertIs(self.pins.take(self.one), third)
        self.assertIs(self.pins.take(self.one), first)
        self.assertIsNone(self.pins.take(self.one))
        self.assertIsNone(self.pins.take(self.other))

    def test_peer(self) -> None:
        """The peer that knows the user is the one with a connection, unless it is marked as down."""
        self.assertIsNone(self.pins.peer_among([self.one, self.other]))
        self.idle(1, self.other)
        self.assertIs(self.pins.peer_among([self.one, self.other]), self.other)
        self.assertIsNone(self.pins.peer_among([self.one]))
        self.other.down = True
        self.assertIsNone(self.pins.peer_among([self.one, self.other]))
        self.other.down = False
        self.pins.take(self.other)
        self.assertIsNone(self.pins.peer_among([self.one, self.other]))

    def test_close(self) -> None:
        """With the client's connection all are closed, each once, and none is kept any more."""
        made = [*self.idle(3, self.one), *self.idle(1, self.other)]
        self.pins.close()
        self.assertEqual([each.closed for each in made], [1, 1, 1, 1])
        self.assertIsNone(self.pins.take(self.one))
        self.assertFalse(self.pins.release(self.one, made[0]))
        self.pins.close()
        self.assertEqual(made[0].closed, 1)

    def test_of_a_client(self) -> None:
        """All requests of one connection have the same; where a proxy tells whose they are, none is kept."""
        client = Identity("192.0.2.1", 40000, "http", 80)
        pins = pins_of(client)
        self.assertIs(pins_of(client), pins)
        self.assertIs(client.pins, pins)
        self.assertTrue(pins.release(self.one, Idle(pins, self.one)))
        through = Identity("192.0.2.1", 40000, "http", 80, host=b"example.com")
        self.assertFalse(pins_of(through).release(self.one, Idle(pins, self.one)))
