"""Tests of access logs as users ask for them."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.observe import access_logs
from pydsl_proxy.observe import response_values as outcomes
from pydsl_proxy.observe.access_logs import AccessLog, access_log
from pydsl_proxy.observe.response_values import status, upstream_addr
from pydsl_proxy.values import value as values
from pydsl_proxy.values.value import client_address, header
from tests.observe.doubles import FakeExchange

NAMES = {**vars(values), **vars(outcomes), **vars(access_logs)}


class AccessLogTests(SynchronousTestCase):
    """``access_log()``."""

    def test_repr(self) -> None:
        """The repr is the code that made it, and makes an equal one."""
        for made, code in (
            (access_log(), "access_log()"),
            (access_log("-", format="combined"), "access_log()"),
            (access_log(Path("/x/a.log")), "access_log('/x/a.log')"),
            (access_log("a", format="json"), "access_log('a', format='json')"),
            (access_log(format=f"{client_address} {status}"), 'access_log(format=f"{client_address} {status}")'),
            (access_log(format=upstream_addr), 'access_log(format=f"{upstream_addr}")'),
            (access_log(format=header("x-a")), "access_log(format=f\"{header('x-a')}\")"),
        ):
            self.assertEqual(repr(made), code)
            self.assertEqual(eval(code, dict(NAMES)), made)

    def assert_refused(self, make: object, *said: str) -> None:
        """Calling *make* is a mistake in the configuration, told with these words."""
        assert callable(make)
        error = self.assertRaises(ConfigError, make)
        for words in said:
            self.assertIn(words, f"{error.message} | {error.hint}")

    def test_path(self) -> None:
        """A path is a text that is not empty."""
        for path in ("", "a\0b", b"a", 3, None):
            self.assert_refused(lambda path=path: access_log(path), f"{path!r} is not a path")

    def test_format(self) -> None:
        """A format that is none is refused, with what was probably meant."""
        self.assert_refused(lambda: access_log(format="combinedd"), "'combinedd' is neither", 'write format=f"{client')
        self.assert_refused(lambda: access_log(format=""), "'' is neither")
        self.assert_refused(lambda: access_log(format="{status}"), "write an f before the quote")
        self.assert_refused(lambda: access_log(format="$status"), "nginx's $variables are values here")
        self.assert_refused(lambda: access_log(format=f"{status}\n"), "has a line end")
        self.assert_refused(lambda: access_log(format=str(status)[1:]), "cut or changed")
        self.assert_refused(lambda: access_log(format=len), "is no format")  # type: ignore[arg-type]  # what is tested

    def test_compile(self) -> None:
        """A log at work writes its format to its file."""
        path = Path(self.mktemp())
        sink = access_log(path, format=f"{status} {upstream_addr}").compile(Clock())
        assert sink.write is not None
        sink.write(FakeExchange())
        sink.close()
        self.assertEqual(path.read_bytes(), b"200 -\n")

    def test_cannot_be_opened(self) -> None:
        """A file that cannot be opened is a mistake in the user's line."""
        log = AccessLog(str(Path(self.mktemp()) / "a.log"))
        error = self.assertRaises(ConfigError, log.compile, Clock())
        self.assertRegex(
            error.message, r"a\.log' \(looked for at '/.*/a\.log'\) cannot be opened: No such file or directory$"
        )
        self.assertEqual(error.origin, log.origin)
        self.assertEqual(error.origin.file.rpartition("/")[2], "test_access_logs.py")
