"""sslyze, which tries what a server agrees to: what docs/how-to/tls.rst says of it."""

from __future__ import annotations

import re
import subprocess

from cryptography.hazmat.primitives.asymmetric import rsa
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration.support import ROOT, folder, free_port, proxy
from tests.support.authorities import Authority

# In an environment of its own: it is not always ready for the newest cryptography.
SSLYZE = ROOT / ".sslyze" / "bin" / "sslyze"


class ScanTests(SynchronousTestCase):
    """A server with a certificate of each kind, and nothing else told."""

    def test_intermediate(self) -> None:
        """Mozilla's intermediate configuration is met, but for an authority of ours and two curves more."""
        if not SSLYZE.exists():
            raise SkipTest("sslyze is not installed: python3 -m venv .sslyze && .sslyze/bin/pip install sslyze")
        files, port, authority = folder(), free_port(), Authority()
        pairs = [
            authority.issue("localhost").save(files, "ec"),
            authority.issue("localhost", key=rsa.generate_private_key(65537, 2048)).save(files, "rsa"),
        ]
        config = f"""
from pydsl_proxy import http, server, tls

pairs = [tls(*pair) for pair in {pairs!r}]
web = server("tcp:{port}:interface=127.0.0.1", tls=pairs).location("/").respond(200)
proxy = http(web, access_log=None, shutdown_grace=0)
"""
        self.addCleanup(proxy(config, port).stop)
        command = [str(SSLYZE), "--mozilla_config", "intermediate", f"localhost:{port}"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout
        self.assertIn("Checking results against Mozilla's", told)
        remarks = dict(re.findall(r"^ +\* (\w+): (.*)$", told.partition("COMPLIANCE")[2], re.MULTILINE))
        self.assertEqual(set(remarks) - {"certificate_path_validation"}, {"tls_curves"}, told)
        self.assertEqual(set(re.findall(r"'(\w+)'", remarks["tls_curves"])), {"X448", "secp521r1"})
        for weak in ("VULNERABLE -", "Supported but", "DANGEROUS"):
            self.assertNotIn(weak, told)
