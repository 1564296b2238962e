"""A peer that is the proxy itself, or another one that leads back, on real sockets."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients import fetch
from tests.integration.support import folder, free_port, proxy


class LoopTests(SynchronousTestCase):
    """One request makes few others."""

    def test_itself(self) -> None:
        """The answer is 508, over HTTP/1.1 and HTTP/2, and the log has as many lines as there were rounds."""
        for via in ("", ", via=http2()"):
            port, log = free_port(), folder() / "access.log"
            config = f"""
from pydsl_proxy import access_log, http, http2, server, upstream

app = upstream("app", "localhost:{port}"{via})
web = server("tcp:{port}:interface=127.0.0.1", http2="prior-knowledge").location("/").proxy_to(app)
proxy = http(web, access_log=access_log({str(log)!r}), shutdown_grace=0)
"""
            program = proxy(config, port)
            self.addCleanup(program.stop)
            self.assertEqual(fetch(port, "/").status, 508)
            program.stop()
            self.assertEqual(len(log.read_text().splitlines()), 11)

    def test_two(self) -> None:
        """So it is with two that lead to each other."""
        ports = free_port(), free_port()
        for here, there in (ports, ports[::-1]):
            config = f"""
from pydsl_proxy import http, server

proxy = http(server("tcp:{here}:interface=127.0.0.1").location("/").proxy_to("127.0.0.1:{there}"), access_log=None)
"""
            self.addCleanup(proxy(config, here).stop)
        self.assertEqual(fetch(ports[0], "/").status, 508)
