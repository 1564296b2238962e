"""What applications in the process answer."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.handlers.applications import fields as applications
from pydsl_proxy.handlers.applications.fields import made_head
from tests.support.logged_lines import LoggedLines


class HeadTests(SynchronousTestCase):
    """The head that an application asks for."""

    def test_unheeded(self) -> None:
        """An X-Accel-Redirect, which leads nowhere, is told of once."""
        applications._tell_unheeded.cache_clear()
        with LoggedLines("pydsl_proxy.handlers") as lines:
            made_head(200, b"OK", [(b"X-Accel-Expires", b"1")])
            self.assertEqual(len(lines), 0)
            for _ in range(2):
                made_head(200, b"OK", [(b"X-Accel-Redirect", b"/files/a")])
        self.assertEqual(len(lines), 1)
        self.assertIn("X-Accel-Redirect", lines[0])
