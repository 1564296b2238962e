"""The proxy before servers of HTTP/2 of other people's making, asked by clients of HTTP/1.1."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from twisted.trial.unittest import SynchronousTestCase

from tests.integration import contract, peers
from tests.integration.clients import RawClient, fetch
from tests.integration.support import PROGRAMS, STOPS_WITHIN, Program, folder, free_port, proxy, require, wait_until
from tests.support.authorities import Authority

H2 = ", via=http2()"


class NginxTests(contract.PeerTests):
    """nginx, without TLS."""

    start = staticmethod(contract.before(peers.nginx_h2, H2))


class NodeTests(contract.PeerTests):
    """Node, without TLS."""

    start = staticmethod(contract.before(peers.node_h2, H2))


class GoTests(contract.PeerTests):
    """Go, over TLS."""

    start = staticmethod(contract.before(peers.go_tls, H2 + ", tls=upstream_tls(verify=False)"))


class NghttpdTests(SynchronousTestCase):
    """nghttpd, which pads its frames and sends trailers."""

    def before(self, *options: str, cert: tuple[str, str] | None = None, terms: str = "") -> int:
        """The port of a proxy before it."""
        command, port, files = require("nghttpd", "apt-get install nghttp2-server"), free_port(), folder()
        (files / "page").write_bytes(b"p" * 100_000)
        tls = [str(port), cert[1], cert[0]] if cert else ["--no-tls", str(port)]
        peer = self.peer = Program([command, "--address=127.0.0.1", f"--htdocs={files}", *options, *tls], port)
        self.addCleanup(peer.stop)
        proxy = contract.before(lambda: peer, H2 + terms, share=False)()
        self.addCleanup(proxy.stop)
        return proxy.port

    def test_trailers(self) -> None:
        """Trailers come after the last chunk."""
        with RawClient(self.before("--trailer=x-sum: 17", "--padding=100", "--no-content-length")) as client:
            client.send(b"GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            self.assertTrue(client.rest().endswith(b"p\r\n0\r\nx-sum: 17\r\n\r\n"))

    def test_one_at_a_time(self) -> None:
        """A peer that takes one stream at a time, with small windows, still gets and sends everything."""
        windows = ("--window-bits=12", "--connection-window-bits=13")
        port = self.before("--max-concurrent-streams=1", "--echo-upload", *windows)
        body = bytes(300_000)
        with ThreadPoolExecutor(8) as pool:
            answers = pool.map(lambda _: fetch(port, "/", "POST", body), range(16))
            self.assertEqual([(each.status, each.body) for each in answers], [(200, body)] * 16)

    def test_early(self) -> None:
        """A peer that answers before it has read the request."""
        port = self.before("--early-response")
        self.assertEqual(fetch(port, "/page", "POST", bytes(1_000_000)).body, b"p" * 100_000)

    def test_tls(self) -> None:
        """Over TLS, with a certificate that is looked at."""
        files = folder()
        authority = Authority()
        ca = authority.save(files)
        cert = authority.issue("127.0.0.1").save(files, "good")
        port = self.before("--verbose", cert=cert, terms=f", tls=upstream_tls(ca={ca!r})")
        self.assertEqual(fetch(port, "/page", "HEAD").fields["content-length"], "100000")
        self.assertIn(":scheme: https", self.peer.output())
        self.assertEqual(fetch(port, "/page").body, b"p" * 100_000)


class AlpnTests(SynchronousTestCase):
    """A peer over TLS that speaks HTTP/1.1 alone."""

    def test_told(self) -> None:
        """It has failed, and the log says why."""
        files = folder()
        cert, key = Authority().issue("127.0.0.1").save(files, "good")
        port = free_port()
        peer = Program([sys.executable, PROGRAMS / "tls_server.py", str(port), cert, key], port)
        self.addCleanup(peer.stop)
        text = f"""
from pydsl_proxy import access_log, error_message, http, http2, server, upstream, upstream_tls

app = upstream("app", "127.0.0.1:{port}", via=http2(), tls=upstream_tls(verify=False))
log = access_log("-", format=f"told={{error_message}}")
proxy = http(server({(at := free_port())}).location("/").proxy_to(app), access_log=log)
"""
        program = proxy(text, at)
        self.addCleanup(program.stop)
        self.assertEqual(fetch(at, "/").status, 502)
        told = f"told=peer 127.0.0.1:{port} does not speak 'h2' over TLS: by ALPN it chose nothing"
        wait_until(lambda: told in program.output(), STOPS_WITHIN, "the log")
