"""Tests of what ``uwsgi()`` takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import upstream, upstream_tls, uwsgi
from tests.support.failing import mistake


class UwsgiTests(SynchronousTestCase):
    """``uwsgi(…)``."""

    def test_modifiers(self) -> None:
        """One octet each; 0 unless told."""
        self.assertEqual(repr(uwsgi()), "uwsgi()")
        self.assertEqual(repr(uwsgi(modifier1=5, modifier2=255)), "uwsgi(modifier1=5, modifier2=255)")
        make = cast("Callable[..., object]", uwsgi)
        self.assertEqual(mistake(make, modifier1=256)[0], "uwsgi(modifier1=…) is one octet, at most 255, not 256")
        self.assertIn("uwsgi(modifier2=…) must be 0 or more", mistake(make, modifier2=-1)[0])
        self.assertIn("uwsgi(modifier2=…) must be", mistake(make, modifier2="5")[0])

    def test_tls(self) -> None:
        """uWSGI has it, and nginx's uwsgi_pass a scheme for it."""
        upstream("app", "a:1", via=uwsgi(), tls=upstream_tls())
