"""Tests of the gathering of lines."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import cast

from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.observe.buffered_log import MOST, BufferedLog
from pydsl_proxy.observe.logged_exchange import LoggedExchange
from tests.observe.doubles import FakeExchange


def line(exchange: LoggedExchange) -> bytes:
    """The target, as a line."""
    return exchange.target + b"\n"


class BufferedLogTests(SynchronousTestCase):
    """Lines that wait for a second."""

    def setUp(self) -> None:
        """A log in a file of its own."""
        self.path = Path(self.mktemp())
        self.clock = Clock()
        self.log = self.log_at(self.path)

    def log_at(self, path: Path) -> BufferedLog:
        """A log that is ready."""
        log = BufferedLog(str(path), line, self.clock)
        log.start()
        self.addCleanup(log.close)
        return log

    def write(self, *targets: bytes) -> None:
        """Note exchanges."""
        for target in targets:
            self.log.write(FakeExchange(target=target))

    def events(self) -> list[str]:
        """What operators are told from now on."""
        texts: list[str] = []
        self.lost: list[int] = []

        def told(event: LogEvent) -> None:
            texts.append(str(event.get("problem", "written")))
            self.lost.append(event.get("lost", 0))

        observer = cast(ILogObserver, told)  # any function of an event is one
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        return texts

    def test_a_second(self) -> None:
        """Lines are written together, a second after the first of them."""
        self.write(b"/a")
        self.clock.advance(0.9)
        self.write(b"/b")
        self.assertEqual(self.path.read_bytes(), b"")
        self.clock.advance(0.1)
        self.assertEqual(self.path.read_bytes(), b"/a\n/b\n")

    def test_idle(self) -> None:
        """Where nothing happens, nothing is awaited."""
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.write(b"/a", b"/b")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_much(self) -> None:
        """When much is gathered it is written at once, and what comes next waits no longer than it must."""
        half = b"/" * (MOST // 2 - 1)
        self.write(half, half)
        self.assertEqual(self.path.stat().st_size, MOST)
        self.write(b"/a")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(1)
        self.assertEqual(self.path.stat().st_size, MOST + 3)

    def test_close(self) -> None:
        """Nothing is lost when the log is closed; what comes later is dropped."""
        self.write(b"/a")
        self.log.close()
        self.write(b"/b")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.log.close()
        self.assertEqual(self.path.read_bytes(), b"/a\n")

    def test_restart(self) -> None:
        """A log that was closed can be started again."""
        self.log.close()
        self.log.start()
        self.log.start()
        self.write(b"/a")
        self.log.close()
        self.assertEqual(self.path.read_bytes(), b"/a\n")

    def test_reopened(self) -> None:
        """The file is begun anew at once; one that was closed stays closed."""
        self.write(b"/a")
        moved = self.path.rename(self.path.with_name("moved"))
        self.log.reopen()
        self.assertEqual((moved.read_bytes(), self.path.exists()), (b"", True))
        self.write(b"/b")
        self.log.close()
        self.log.reopen()
        self.assertEqual(self.path.read_bytes(), b"/a\n/b\n")

    def test_reopened_pipe(self) -> None:
        """A FIFO that is opened again keeps its reader, and what is held for it: no line is lost or torn."""
        path = Path(self.mktemp())
        os.mkfifo(path)
        self.log = self.log_at(path)
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reading)
        line = b"/" * (MOST - 1)
        for _ in range(4):
            self.write(line)
        self.log.reopen()
        self.write(b"end")
        self.clock.advance(1)
        found = b""
        while not found.endswith(b"end\n"):
            found += os.read(reading, 1_000_000)
            self.clock.advance(1)
        self.assertEqual(found, (line + b"\n") * 4 + b"end\n")

    def test_outbreak(self) -> None:
        """A disk that is full breaks nothing: operators are told once, and again when it is over."""
        told = self.events()
        self.log = self.log_at(Path("/dev/full"))
        for _ in range(3):
            self.write(b"/a")
            self.clock.advance(1)
        self.assertEqual(told, ["cannot be written, lines are lost: No space left on device"])
        self.log._tell(None)
        self.assertEqual(told[1:], ["written"])

    def test_slow_pipe(self) -> None:
        """A pipe that was full is tried again soon, then later and later; what was lost is told when it takes more."""
        told = self.events()
        path = Path(self.mktemp())
        os.mkfifo(path)
        self.log = self.log_at(path)
        half = b"/" * (MOST // 2 - 1)
        for _ in range(50):
            self.write(half)
        self.assertEqual(told, ["cannot be written, lines are lost: its reader is too slow"])
        self.clock.pump([0.01] * 50)
        self.assertEqual(len(told), 1)
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reading)
        found = 0
        for _ in range(200):
            self.clock.advance(0.1)
            with contextlib.suppress(BlockingIOError):
                found += os.read(reading, 1 << 20).count(b"\n")
        self.assertEqual(told[1:], ["written"])
        self.assertEqual(found + self.lost[-1], 50)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_bounded(self) -> None:
        """Lines that cannot be written are not kept."""
        self.log = self.log_at(Path("/dev/full"))
        self.write(b"/a")
        self.clock.advance(1)
        self.assertEqual(self.log._lines, [])
