"""Tests of the limit for open files."""

from __future__ import annotations

import sys

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from pydsl_proxy.net.rlimit import ENOUGH, allow_open_files

if sys.platform == "linux":
    import resource


class LimitTests(SynchronousTestCase):
    """The soft limit of this process."""

    def test_raised(self) -> None:
        """It becomes the hard one; what is higher already stays."""
        if sys.platform != "linux":
            raise SkipTest("only Linux has it raised")
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        hard = before[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (before[0] // 2, hard))
        for _ in range(2):
            allow_open_files()
            wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
            self.assertEqual(resource.getrlimit(resource.RLIMIT_NOFILE), (max(wanted, before[0] // 2), hard))
