"""The table of what is refused, compared with a real nginx."""

from __future__ import annotations

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration.refused import PAGE, committed, nginx_version, rows


class RefusedTests(SynchronousTestCase):
    """``docs/explanation/security.rst``."""

    def test_table(self) -> None:
        """Its rows are what the proxy and the version of nginx that it names answer."""
        version = nginx_version()
        if version is None or f"nginx {version}\n" not in PAGE.read_text():
            raise SkipTest(f"the table is about another nginx than {version}")
        self.assertEqual(rows().splitlines(), committed().splitlines())
