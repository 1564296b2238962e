"""Tests of ``http2()`` in a configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http2, upstream
from tests.support.failing import mistake


class ConfigTests(SynchronousTestCase):
    """What may be written."""

    make = staticmethod(cast("Callable[..., object]", http2))

    def test_value(self) -> None:
        """It is shown as it was written, and equal if it says the same."""
        app = upstream("app", "a:1", via=http2(streams=10))
        self.assertEqual(repr(app), "upstream('app', 'a:1', via=http2(streams=10))")
        self.assertEqual(http2(), http2(streams=100))
        self.assertEqual(repr(http2()), "http2()")

    def test_mistakes(self) -> None:
        """Each is told."""
        self.assertEqual(mistake(self.make, streams=0)[0], "http2(streams=…) must be 1 or more, not 0")
        self.assertEqual(mistake(self.make, streams="3")[1], "write 3")
        via = mistake(cast("Callable[..., object]", upstream), "app", "a:1", via=http2)
        self.assertEqual(via, ("upstream('app', via=…): http2 is not called", "write via=http2()"))
