"""One direction of a bridged WebSocket."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.handlers.websocket.flow import BUDGET, DEFLATED_PIECE, PIECE, Way


class WayTests(SynchronousTestCase):
    """Bytes reach the parser in order, in pieces, for a bounded time a turn, and not while the other side is slow."""

    def setUp(self) -> None:
        self.fed: list[bytes] = []
        self.paused: list[bool] = []
        self.turns: list[Callable[[], None]] = []
        self.now = 0.0
        self.costs = 0.0
        # What the parser takes at a time, if that is not all it may.
        self.size = PIECE

    def parse(self, data: bytes, at: int, most: int) -> int:
        """Take some of it, which takes its time; a question mark is the head of something that is not complete."""
        some = data[at : at + min(most, self.size)]
        if some in (b"", b"?"):
            return 0
        self.fed.append(some)
        self.now += self.costs
        return len(some)

    def way(self, parse: Callable[[bytes, int, int], int] | None = None, *, deflated: bool = False) -> Way:
        """One that notes what it does."""
        return Way(
            parse or self.parse,
            self.paused.append,
            lambda call, failed: self.turns.append(call),
            lambda: None,
            deflated=deflated,
            seconds=lambda: self.now,
        )

    def turn(self) -> None:
        """What waits for a later turn of the loop runs."""
        turns, self.turns = self.turns, []
        for each in turns:
            each()

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

        def parse(data: bytes, at: int, most: int) -> int:
            taken = self.parse(data, at, most)
            if taken:
                way.block()
            return taken

        way = self.way(parse, deflated=True)
        way.take(b"x" * (2 * DEFLATED_PIECE))
        self.assertEqual(len(self.fed), 1)
        way.unblock()
        self.assertEqual(len(self.fed), 2)
        self.assertEqual(self.paused, [True])
        way.unblock()
        self.assertEqual(self.paused, [True, False])

    def test_taken_within(self) -> None:
        """What comes while the parser is at work is parsed after it."""
        way: Way

        def parse(data: bytes, at: int, most: int) -> int:
            taken = self.parse(data, at, most)
            if self.fed == [b"1"]:
                way.take(b"2")
                self.assertEqual(self.fed, [b"1"])
            return taken

        way = self.way(parse)
        way.take(b"1")
        self.assertEqual(self.fed[:2], [b"1", b"2"])

    def test_incomplete(self) -> None:
        """What the parser cannot take yet waits for what completes it, and the source is not paused for that."""
        way = self.way()
        way.take(b"?")
        self.assertEqual((self.fed, self.paused, self.turns), ([], [], []))
        way.take(b"!")
        self.assertEqual(self.fed, [b"?!"])

    def test_budget(self) -> None:
        """When the time of a turn is used up the source is paused and the rest waits for a later turn."""
        self.size, self.costs = 1, BUDGET * 0.375
        way = self.way()
        way.take(b"12345678")
        self.assertEqual((self.fed, self.paused, len(self.turns)), ([b"1", b"2", b"3"], [True], 1))
        self.turn()
        self.assertEqual((len(self.fed), self.paused, len(self.turns)), (6, [True], 1))
        self.turn()
        self.assertEqual((b"".join(self.fed), self.paused, self.turns), (b"12345678", [True, False], []))

    def test_budget_of_all(self) -> None:
        """It is one for all that comes in a turn, however it is cut; what comes when it is used up waits."""
        self.costs = BUDGET * 0.375
        way = self.way()
        for each in (b"1", b"2", b"3"):
            way.take(each)
        self.assertEqual((len(self.fed), self.paused, len(self.turns)), (3, [], 1))
        way.take(b"4")
        way.take(b"5")
        self.assertEqual((len(self.fed), self.paused, len(self.turns)), (3, [True], 1))
        self.turn()
        self.assertEqual((self.fed[3:], self.paused, self.turns), ([b"45"], [True, False], []))

    def test_blocked_and_used_up(self) -> None:
        """The source goes on only if the other side keeps up and nothing waits for a turn."""
        self.size, self.costs = 1, BUDGET
        way = self.way()
        way.take(b"12")
        way.block()
        self.turn()
        self.assertEqual((self.fed, self.paused), ([b"1"], [True]))
        way.unblock()
        self.assertEqual((self.fed, self.paused), ([b"1", b"2"], [True, False]))

    def test_ended(self) -> None:
        """An end is behind all that waits: for the other side, for a turn, or for the parser to come back."""
        ends: list[int] = []
        self.size, self.costs = 1, BUDGET
        way = self.way()
        way.end(lambda: ends.append(len(self.fed)))
        self.assertEqual(ends, [0])
        way.take(b"12")
        way.end(lambda: ends.append(len(self.fed)))
        way.block()
        self.turn()
        self.assertEqual((ends, len(self.fed)), ([0], 1))
        way.unblock()
        self.assertEqual((ends, len(self.fed)), ([0, 2], 2))

    def test_ended_incomplete(self) -> None:
        """What is not complete by then never will be."""
        ends: list[str] = []
        way = self.way()
        way.take(b"?")
        way.end(lambda: ends.append("end"))
        self.assertEqual(ends, ["end"])

    def test_ended_and_stopped(self) -> None:
        """Once it was stopped nobody waits for the end."""
        ends: list[str] = []
        way = self.way()
        way.block()
        way.take(b"1")
        way.end(lambda: ends.append("end"))
        way.stop()
        self.assertEqual(ends, [])

    def test_released(self) -> None:
        """Once nothing of it is passed on, all is parsed, whether the other side keeps up or not."""
        way = self.way()
        way.block()
        way.take(b"1")
        way.release()
        self.assertEqual((self.fed, self.paused), ([b"1"], [True, False]))
        way.block()
        way.take(b"2")
        self.assertEqual((self.fed, self.paused, way.is_blocked), ([b"1", b"2"], [True, False], False))

    def test_blocked_when_stopped(self) -> None:
        """So it is with one that was stopped: its source is not paused any more."""
        way = self.way()
        way.stop()
        way.block()
        self.assertEqual(self.paused, [])

    def test_stopped(self) -> None:
        """Then what waits and what comes is dropped, and the source goes on."""
        way = self.way()
        way.block()
        way.take(b"1")
        way.stop()
        way.take(b"2")
        self.assertEqual((self.fed, self.paused), ([], [True, False]))

    def test_stopped_in_a_turn(self) -> None:
        """So it is with what waits for a later turn."""
        self.size, self.costs = 1, BUDGET
        way = self.way()
        way.take(b"12")
        way.stop()
        self.turn()
        way.take(b"3")
        self.assertEqual((self.fed, self.paused, self.turns), ([b"1"], [True, False], []))

    def test_stopped_within(self) -> None:
        """The parser may have found that nothing more is wanted."""
        way: Way

        def parse(data: bytes, at: int, most: int) -> int:
            way.stop()
            return 1

        way = self.way(parse)
        way.take(b"12")
        way.take(b"3")
        self.assertEqual((self.fed, self.paused, self.turns), ([], [], []))
