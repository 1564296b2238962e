"""Tests of how a log is opened."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.observe.access_logs import access_log
from pydsl_proxy.observe.logged_exchange import LoggedExchange, LogReactor, LogSink
from pydsl_proxy.observe.open_log import open_log
from tests.observe.doubles import FakeExchange


class Targets:
    """A log of the user's own: a list of targets."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    def compile(self, reactor: LogReactor) -> LogSink:
        """The same object does the work."""
        return self

    def write(self, exchange: LoggedExchange) -> None:
        """Note the target."""
        self.seen.append(exchange.target)

    def start(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


class Broken:
    """A log whose author forgot what compile() gives."""

    def compile(self, reactor: LogReactor) -> object:
        """Not a log."""
        return print


class OpenTests(SynchronousTestCase):
    """What ``http(access_log=…)`` may be."""

    def test_none(self) -> None:
        """None is no log: nothing is to be called."""
        sink = open_log(None, Clock())
        self.assertIsNone(sink.write)
        sink.start()
        sink.close()

    def written(self, sink: LogSink) -> None:
        """Note one exchange, from start to end."""
        sink.start()
        assert sink.write is not None
        sink.write(FakeExchange())
        sink.close()

    def test_path(self) -> None:
        """A path is a log in nginx's combined format."""
        path = Path(self.mktemp())
        self.written(open_log(str(path), Clock()))
        self.assertTrue(path.read_bytes().endswith(b'"GET /a?b=c HTTP/1.1" 200 12 "-" "-"\n'))

    def test_access_log(self) -> None:
        """An access log is what it says."""
        path = Path(self.mktemp())
        self.written(open_log(access_log(path, format="json"), Clock()))
        self.assertEqual(path.read_bytes()[:1], b"{")

    def test_own(self) -> None:
        """A log of the user's own is compiled with the reactor and then called."""
        log = Targets()
        self.written(open_log(log, Clock()))
        self.assertEqual(log.seen, [b"/a?b=c"])

    def test_broken(self) -> None:
        """What is no log is refused, and it is told what one is."""
        error = self.assertRaises(ConfigError, open_log, Broken(), Clock())
        self.assertIn("is no log", error.message)
        self.assertIn("write(exchange), start() and close()", error.hint or "")

    def test_cannot_be_opened(self) -> None:
        """A path that cannot be opened is a mistake in the configuration, and named."""
        path = str(Path(self.mktemp()) / "a.log")
        error = self.assertRaises(ConfigError, open_log, path, Clock())
        self.assertIn(repr(path), error.message)
        self.assertEqual(error.origin.file, "")
