"""Streams through which anything goes in any order: bytes stay in order, ends are handed on, nothing is left behind."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http, least_conn, stream, upstream
from pydsl_proxy.testing import Client, Ended, PeerConnection, Running, run

CONFIG = http(stream(5432).timeouts(idle=50).proxy_to(upstream("db", least_conn(), "a:1")), shutdown_grace=5)
STEPS = 60


class Pair:
    """A client, and the connection to the peer that it was given."""

    def __init__(self, client: Client, peer: PeerConnection, seed: int) -> None:
        self.ends: tuple[Client | PeerConnection, Client | PeerConnection] = (client, peer)
        self.random = Random(seed)
        self.sent = [b"", b""]
        self.broken = False

    def received(self, side: int) -> bytes:
        """All that the one on *side* has ever received."""
        return bytes(self.ends[side]._received)

    def act(self) -> None:
        """One of the two does something."""
        side = self.random.randrange(2)
        end, deed = self.ends[side], self.random.random()
        if deed < 0.5:
            if not (end.is_gone or end.has_closed):
                data = self.random.randbytes(self.random.choice([1, 100, 5_000, 70_000, 300_000]))
                self.sent[side] += data
                end.sends(data)
        elif deed < 0.6:
            end.stops_reading()
        elif deed < 0.75:
            end.reads(self.random.choice([10, 20_000, float("inf")]))
        elif deed < 0.83:
            end.half_closes()
        elif deed < 0.86:
            self.broken = True
            end.resets()


class RandomTests(SynchronousTestCase):
    """Drawn by lot, the same each time."""

    def test_streams(self) -> None:
        """What one side gets begins what the other has sent, and is all of it unless something broke."""
        for seed in range(200):
            self.play(seed)

    def play(self, seed: int) -> None:
        """One conversation of several pairs."""
        running, random = run(CONFIG, seed=seed), Random(seed)
        running[0].resets()
        pairs = []
        for number in range(4):
            client = running.client()
            pairs.append(Pair(client, running.peers["a:1"].connections[-1], seed * 10 + number))
        for _ in range(STEPS):
            random.choice(pairs).act()
            if random.random() < 0.05:
                running.clock.advance(random.choice([1, 30]))
            for pair in pairs:
                self.assertTrue(pair.sent[0].startswith(pair.received(1)), seed)
                self.assertTrue(pair.sent[1].startswith(pair.received(0)), seed)
        self.end(running, pairs, seed)

    def end(self, running: Running, pairs: list[Pair], seed: int) -> None:
        """All that was not taken is, and all ends are ended; then nothing of them is there any more."""
        timely = {id(pair) for pair in pairs if not pair.ends[0].is_gone}
        for pair in pairs:
            for end in pair.ends:
                end.reads()
            for end in pair.ends:
                end.half_closes()
            self.assertTrue(pair.ends[0].is_gone and pair.ends[1].is_gone, seed)
            if id(pair) in timely and not pair.broken:
                self.assertEqual([pair.received(1), pair.received(0)], pair.sent, seed)
        self.assertEqual(len(running.exchanges), len(pairs) + 1, seed)
        self.assertEqual({each.status for each in running.exchanges}, {200}, seed)
        self.assertLessEqual(sum(map(_sent, running.exchanges)), sum(len(pair.sent[1]) for pair in pairs), seed)
        (living,) = running.service._compiled.upstreams.living.values()
        self.assertEqual([peer.in_flight for peer in living.peers], [0], seed)
        running.stop()
        self.assertTrue(running.is_stopped, seed)


def _sent(exchange: Ended) -> int:
    return exchange.sent
