"""Tests of the stream that a WSGI application writes its errors to."""

from __future__ import annotations

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.handlers.wsgi.errors import ErrorLines
from tests.support.logged_lines import LoggedLines


class ErrorLinesTests(SynchronousTestCase):
    """Text becomes lines of the log."""

    def test_lines(self) -> None:
        """A line is logged when it ends, or is flushed; nothing is not logged."""
        with LoggedLines("pydsl_proxy.handlers.wsgi.errors") as lines:
            errors = ErrorLines()
            self.assertEqual(errors.write("one\ntw"), 6)
            self.assertEqual(lines, ["one"])
            errors.write("o {braces}")
            errors.flush()
            errors.flush()
        self.assertEqual(lines, ["one", "two {braces}"])

    def test_long(self) -> None:
        """A line without end does not grow for ever."""
        with LoggedLines("pydsl_proxy.handlers.wsgi.errors") as lines:
            errors = ErrorLines()
            for _ in range(100):
                errors.write("a" * 1000)
        self.assertEqual([len(line) for line in lines], [66_000])

    def test_text_only(self) -> None:
        """It takes text, as PEP 3333 has it."""
        self.assertRaises(TypeError, ErrorLines().write, cast("str", b"bytes"))
