"""What README.md tells people to run first."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.config.loading import load
from pydsl_proxy.config.sites import as_http
from tests.integration.clients import fetch
from tests.integration.support import ROOT, folder, free_port, proxy_of

EXAMPLE = ROOT / "examples" / "quickstart" / "proxy.py"
PORTS = ("8080", "9001", "9002", "9003")


class QuickstartTests(SynchronousTestCase):
    """The example, as it is and on other ports."""

    def test_ports(self) -> None:
        """It listens where its text and README.md say."""
        listening = [listen for each in as_http(load(str(EXAMPLE))).servers for listen in each.listen]
        self.assertEqual([re.findall(r"tcp:(\d+)", listen)[0] for listen in listening], list(PORTS))

    def test_answers(self) -> None:
        """It answers from three peers, each in turn."""
        file, port = self.elsewhere()
        program = proxy_of(file, port)
        self.addCleanup(program.stop)
        bodies = [fetch(port, "/").body for _ in range(6)]
        self.assertEqual(len(set(bodies[:3])), 3)
        self.assertEqual(bodies[3:], bodies[:3])
        self.assertEqual(set(bodies), {b"hello from one\n", b"hello from two\n", b"hello from three\n"})

    def elsewhere(self) -> tuple[Path, int]:
        """A copy on ports that are free, and the first of them."""
        text, ports = EXAMPLE.read_text(), [free_port() for _ in PORTS]
        for known, port in zip(PORTS, ports, strict=True):
            text = text.replace(known, str(port))
        file = folder() / "proxy.py"
        file.write_text(text)
        return file, ports[0]
