"""Tests of the choices by chance."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.balancing.random_choice import random_one, random_two, weighted_draw
from tests.support.peers import Chooser, letters, peers_of


class Loaded(Random):
    """A source of chance that gives what it was told, and the last of it for ever."""

    def __init__(self, *numbers: float) -> None:
        super().__init__(0)
        self._numbers = list(numbers)

    def random(self) -> float:
        return self._numbers.pop(0) if len(self._numbers) > 1 else self._numbers[0]


class WeightedDrawTests(SynchronousTestCase):
    """One draw."""

    def test_widths(self) -> None:
        """Each peer has its weight's share of the numbers from 0 to 1, in order, and the last one the rest."""
        peers = peers_of(1, 2, 1)
        for number, expected in ((0.0, 0), (0.2499, 0), (0.25, 1), (0.7499, 1), (0.75, 2), (0.9999, 2), (1.0, 2)):
            self.assertIs(weighted_draw(peers, Loaded(number))(), peers[expected])


class RandomOneTests(SynchronousTestCase):
    """One draw that can be picked."""

    def test_draws_again(self) -> None:
        """A draw that cannot be picked is repeated."""
        peers = peers_of(1, 1)
        peers[0].usable = False
        self.assertIs(Chooser(random_one(), peers, random=Loaded(0.1, 0.1, 0.9)).peer(), peers[1])

    def test_round_robin_after_too_many_misses(self) -> None:
        """After 21 misses it is somebody's turn."""
        peers = peers_of(1, 1, 1)
        peers[0].usable = False
        self.assertEqual(letters(Chooser(random_one(), peers, random=Loaded(0.0)), 4), "bcbc")

    def test_single_peer(self) -> None:
        """A peer alone is picked."""
        self.assertEqual(Chooser(random_one(), peers_of(1)).number(), 1)


class RandomTwoTests(SynchronousTestCase):
    """The less busy of two draws."""

    def test_less_busy(self) -> None:
        """Of two different peers the less busy one for its weight is picked, in whichever order they come."""
        peers = peers_of(1, 3)
        peers[0].in_flight, peers[1].in_flight = 1, 2
        for draws in ((0.0, 0.9), (0.9, 0.0), (0.0, 0.0, 0.9)):
            self.assertIs(Chooser(random_two(), peers, random=Loaded(*draws)).peer(), peers[1])

    def test_tie(self) -> None:
        """Of two equally busy peers it is the second, as in nginx."""
        self.assertEqual(Chooser(random_two(), peers_of(1, 1), random=Loaded(0.0, 0.9)).number(), 2)

    def test_round_robin_without_a_second(self) -> None:
        """Where chance finds no second peer, it is somebody's turn, not the first one's."""
        peers = peers_of(1, 1, 1)
        self.assertEqual(letters(Chooser(random_two(), peers, random=Loaded(0.5)), 3), "abc")

    def test_single_peer(self) -> None:
        """A peer alone is picked."""
        self.assertEqual(Chooser(random_two(), peers_of(1)).number(), 1)
