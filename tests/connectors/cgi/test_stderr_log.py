"""Tests of the messages of applications in our log."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.connectors.cgi.stderr_log import LONGEST, MOST, StderrLog
from pydsl_proxy.interfaces import Attempt, Deadline, IdleConnection, Owner
from pydsl_proxy.net import deadlines
from tests.support.logged_lines import LoggedLines


class ConnectionPool:
    """A peer's home with a clock that is set."""

    keepalive_requests = 1
    keepalive_time = keepalive_timeout = 1.0
    name = "php:9000"

    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.advance(100.5)

    def seconds(self) -> float:
        """Now."""
        return self.clock.seconds()

    def watch(self, expired: Callable[[], None]) -> Deadline:
        """A deadline over the clock."""
        return deadlines.Deadline(self.clock, expired)

    def later(self, call: Callable[[], None], failed: Callable[[], object] | None) -> None:
        """Nothing is read."""
        raise NotImplementedError

    def unsent(self, transport: object) -> int:
        """Nothing is sent."""
        raise NotImplementedError

    def peek(self, connection: object) -> bytes | None:
        """Nothing is received."""
        raise NotImplementedError

    def owner(self, attempt: Attempt) -> Owner:
        """Nobody's."""
        raise NotImplementedError

    def release(self, connection: IdleConnection) -> bool:
        """Nothing is kept."""
        raise NotImplementedError

    def forget(self, connection: IdleConnection) -> None:
        """Nothing is kept."""
        raise NotImplementedError


class StderrTests(SynchronousTestCase):
    """One event a message, within bounds."""

    def setUp(self) -> None:
        self.home = ConnectionPool()
        self.log = StderrLog(self.home)
        self.lines = LoggedLines()
        self.lines.__enter__()
        self.addCleanup(self.lines.__exit__, None, None, None)

    def texts(self) -> list[str]:
        """What was told since the last time, without what all lines begin with."""
        texts = [line.removeprefix("peer php:9000 ").removeprefix("says for GET /: ") for line in self.lines]
        self.lines.clear()
        return texts

    def test_message(self) -> None:
        """It says who, for what, and what."""
        self.log.write("GET /a.php", b"PHP message: oh no\n")
        self.assertEqual(self.lines, ["peer php:9000 says for GET /a.php: PHP message: oh no"])

    def test_empty(self) -> None:
        """Nothing is no message."""
        self.log.write("GET /", b" \n")
        self.assertEqual(self.lines, [])

    def test_characters(self) -> None:
        """Lines stay lines; what could work on a terminal, and what is no UTF-8, is shown by its number."""
        self.log.write("GET /", "é\n#0 {main}\x1b[31m".encode() + b"\xff\x00\r")
        self.assertEqual(self.texts(), ["é\n#0 {main}\\x1b[31m\\xff\\x00"])

    def test_long(self) -> None:
        """It is cut."""
        self.log.write("GET /", b"x" * 60_000)
        self.assertEqual(self.texts(), ["x" * LONGEST + " …"])

    def test_many(self) -> None:
        """So many a second; how many were not logged is told when it is over, whether another comes or not."""
        for number in range(MOST + 5):
            self.log.write("GET /", b"%d" % number)
        self.assertEqual(self.texts(), [str(number) for number in range(MOST)])
        self.home.clock.advance(0.4)
        self.assertEqual(self.texts(), [])
        self.home.clock.advance(0.1)
        self.assertEqual(self.texts(), ["has said 5 more that is not logged"])
        for number in range(MOST + 1):
            self.log.write("GET /", b"%d" % number)
        self.assertEqual(len(self.texts()), MOST)
        self.home.clock.advance(1)
        self.assertEqual(self.texts(), ["has said 1 more that is not logged"])
        self.log.write("GET /", b"and again")
        self.assertEqual(self.texts(), ["and again"])
        self.home.clock.advance(5)
        self.assertEqual((self.texts(), self.home.clock.getDelayedCalls()), ([], []))
