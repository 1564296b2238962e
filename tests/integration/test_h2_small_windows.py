"""Large bodies over HTTP/2 between programs whose windows are small: HAProxy in front and behind, and h2load.

With ``PYDSL_PROXY_LONG=1`` 30 MB go both ways through HAProxy a hundred times.
"""

from __future__ import annotations

import hashlib
import os
import subprocess

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients import curl
from tests.integration.support import Program, folder, free_port, proxy, python_peer, require, shared

SIZE = 30_000_000
TIMES = 100 if os.environ.get("PYDSL_PROXY_LONG") == "1" else 2

HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen front
    bind 127.0.0.1:{front}
    server proxy 127.0.0.1:{port} proto h2
listen behind
    bind 127.0.0.1:{behind} proto h2
    server peer 127.0.0.1:{peer}
"""


def peer() -> Program:
    """The peer that echoes."""
    return python_peer()


class HaproxyTests(SynchronousTestCase):
    """HAProxy has windows of 65,535 bytes and gives them back in pieces."""

    def test_both_ways(self) -> None:
        """Uploads and downloads come whole, HAProxy being the client and the peer, and nobody is taken for a flood."""
        command, files = require("haproxy", "apt-get install haproxy"), folder()
        front, port, behind = free_port(), free_port(), free_port()
        log = files / "access.log"
        through = proxy(
            f"""
from pydsl_proxy import http, http2, server, upstream

app = upstream("app", "127.0.0.1:{behind}", via=http2())
web = server("tcp:{port}:interface=127.0.0.1", http2="prior-knowledge").limit_body(None).location("/").proxy_to(app)
proxy = http(web, access_log="{log}")
""",
            port,
        )
        self.addCleanup(through.stop)
        config = files / "haproxy.cfg"
        config.write_text(HAPROXY.format(front=front, port=port, behind=behind, peer=shared(peer).port))
        haproxy = Program([command, "-db", "-f", config], front)
        self.addCleanup(haproxy.stop)
        body = os.urandom(SIZE)
        (files / "body").write_bytes(body)
        whole = 0
        for _ in range(TIMES):
            out = curl("--http1.1", "--data-binary", f"@{files}/body", f"http://127.0.0.1:{front}/echo").stdout
            whole += hashlib.sha256(out).digest() == hashlib.sha256(body).digest()
        self.assertEqual(whole, TIMES, log.read_text()[-2000:])


class H2loadTests(SynchronousTestCase):
    """nghttp2's client with windows of its own choice."""

    def test_downloads(self) -> None:
        """Files come whole whatever the windows, and in as few frames as these allow."""
        command, files, port = require("h2load", "apt-get install nghttp2-client"), folder(), free_port()
        (files / "large").write_bytes(bytes(SIZE))
        web = proxy(
            f"""
from pydsl_proxy import http, server

web = server("tcp:{port}:interface=127.0.0.1", http2="prior-knowledge").location("/").serve_files("{files}")
proxy = http(web, access_log=None)
""",
            port,
        )
        self.addCleanup(web.stop)
        for bits in ("14", "16", "24"):
            options = ["-n2", "-c1", "-m2", "-w", bits, "-W", bits]
            done = subprocess.run(
                [command, *options, f"http://127.0.0.1:{port}/large"], capture_output=True, timeout=120, text=True
            )
            self.assertIn("2 succeeded", done.stdout, done.stdout + done.stderr)
            self.assertIn(f"({2 * SIZE}) data", done.stdout)
