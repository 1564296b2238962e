"""Tests of what ``.limit_connections()`` takes; what it does is in the conversations."""

from __future__ import annotations

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import header, server
from tests.support.failing import mistake


class VerbTests(SynchronousTestCase):
    """The call."""

    def test_code(self) -> None:
        """Its repr is the call, without what is as by default."""
        for code in ("limit_connections(5)", "limit_connections(1, key=header('x-key'), status=503, shadow=True)"):
            made = eval(f"server.{code}", {"server": server(80), "header": header})
            self.assertEqual(made.features[0].as_verb(), code)

    def test_mistakes(self) -> None:
        """What cannot be meant is refused."""
        limit = server(80).limit_connections
        self.assertEqual(mistake(limit, 0)[0], "limit_connections(…) must be 1 or more, not 0")
        self.assertEqual(mistake(limit, cast("int", "5"))[1], "write 5")
        self.assertIn('limit_connections(key="")', mistake(limit, 5, key="")[0])
        self.assertIn("limit_connections(status=200)", mistake(limit, 5, status=200)[0])
