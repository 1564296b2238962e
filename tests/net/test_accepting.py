"""Tests of how listeners accept: few lines for clients that could not be, and a bound on those of one turn."""

from __future__ import annotations

import sys
from typing import cast

from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from pydsl_proxy.errors.rate_limited import QUIET, RateLimited
from pydsl_proxy.service import with_backlog

if sys.platform == "linux":
    from pydsl_proxy.net.tcp_transport import MAX_ACCEPTS, Accepting, _not_accepted


class Port:
    """A port of Twisted's, as far as it is asked."""

    numberAccepts = 100

    def doRead(self) -> None:
        """Accept as many as there may be, and expect more the next time."""
        self.accepted = self.numberAccepts
        self.numberAccepts += 20


class AcceptingTests(SynchronousTestCase):
    """Listeners under attack."""

    def setUp(self) -> None:
        """They are for epoll."""
        if sys.platform != "linux":
            raise SkipTest("needs epoll")
        self.lines: list[str] = []

        def told(event: LogEvent) -> None:
            self.lines.append(formatEvent(event))

        observer = cast(ILogObserver, told)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def test_no_files_left(self) -> None:
        """Of Twisted's three lines for each client becomes one with a count, every ten seconds."""
        clock = Clock()
        limit = RateLimited(clock.seconds)

        def refuse(number: int) -> None:
            for each in range(number):
                _not_accepted(limit, {"log_format": "EMFILE encountered; releasing reserved file descriptor."})
                _not_accepted(limit, {"address": (f"192.0.2.{each}", 5)})
                _not_accepted(limit, {"log_format": "Re-reserving EMFILE recovery file descriptor."})

        refuse(100)
        self.assertEqual(len(self.lines), 1)
        self.assertIn("1 connections were closed at once, the last one of 192.0.2.0", self.lines[0])
        self.assertIn("ulimit -n", self.lines[0])
        clock.advance(QUIET)
        refuse(1)
        self.assertEqual(len(self.lines), 2)
        self.assertIn("100 connections", self.lines[1])

    def test_other_problems(self) -> None:
        """What else keeps the system from accepting is named."""
        _not_accepted(RateLimited(Clock().seconds), {"acceptError": "ENOBUFS"})
        self.assertIn("unix:: ENOBUFS", self.lines[0])

    def test_bounded(self) -> None:
        """However many come, those of one turn are bounded."""

        class Bounded(Accepting, Port):
            """A port of ours."""

        port = Bounded()
        for _ in range(3):
            port.doRead()
            self.assertEqual(port.accepted, MAX_ACCEPTS)


class BacklogTests(SynchronousTestCase):
    """How many clients may wait to be accepted."""

    def test_by_default(self) -> None:
        """As many as Linux allows by default; what is written counts, and other kinds of endpoints are left alone."""
        for listen, made in (
            ("tcp:80", "tcp:80:backlog=4096"),
            ("unix:/run/a.sock", "unix:/run/a.sock:backlog=4096"),
            ("ssl:443:privateKey=a.pem", "ssl:443:privateKey=a.pem:backlog=4096"),
            ("tcp:80:backlog=7:interface=a", "tcp:80:backlog=7:interface=a"),
            ("systemd:domain=INET:name=web", "systemd:domain=INET:name=web"),
        ):
            self.assertEqual(with_backlog(listen), made)
