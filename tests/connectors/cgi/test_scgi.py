"""Tests of what ``scgi()`` takes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import scgi, upstream, upstream_tls
from tests.support.failing import mistake


class ScgiTests(SynchronousTestCase):
    """``scgi(…)``."""

    def test_repr(self) -> None:
        """The code that made it."""
        self.assertEqual(repr(scgi()), "scgi()")
        self.assertEqual(scgi(params={"A": "b"}), scgi(params={"A": "b"}))

    def test_tls(self) -> None:
        """Nobody has it."""
        self.assertIn("does not speak over TLS", mistake(upstream, "a", "a:1", via=scgi(), tls=upstream_tls())[0])
