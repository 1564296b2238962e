"""What README.md tells people to run first."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.config.loading.load import load
from pydsl_proxy.config.servers import as_http
from tests.integration.clients import fetch
from tests.integration.examples import EXAMPLES, Example

PORTS = (8080, 9001, 9002, 9003)


class QuickstartTests(SynchronousTestCase):
    """The example, as it is and on other ports."""

    def test_ports(self) -> None:
        """It listens where its text and README.md say."""
        config = as_http(load(str(EXAMPLES / "quickstart" / "proxy.py")))
        listening = [listen for each in config.servers for listen in each.listen]
        self.assertEqual([int(re.findall(r"tcp:(\d+)", listen)[0]) for listen in listening], list(PORTS))

    def test_answers(self) -> None:
        """It answers from three peers, each in turn."""
        program = Example("quickstart", *PORTS).start()
        self.addCleanup(program.stop)
        bodies = [fetch(program.port, "/").body for _ in range(6)]
        self.assertEqual(len(set(bodies[:3])), 3)
        self.assertEqual(bodies[3:], bodies[:3])
        self.assertEqual(set(bodies), {b"hello from one\n", b"hello from two\n", b"hello from three\n"})
