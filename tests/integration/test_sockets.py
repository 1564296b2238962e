"""Sockets of other families than IPv4: UNIX sockets on both sides of the proxy, and IPv6."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import ExitStack
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration.clients import RawClient
from tests.integration.support import PATIENCE, folder, free_port, proxy, python_peer


class UNIXTests(SynchronousTestCase):
    """A listener and a peer in the file system."""

    def test_both(self) -> None:
        """Exchanges go from one socket to the other, and the connection to the peer is kept."""
        files = folder()
        peer = python_peer("unix", str(files / "peer.sock"))
        self.addCleanup(peer.stop)
        listener = str(files / "proxy.sock")
        config = f"""
from pydsl_proxy import http, server, upstream

web = server("unix:{listener}").location("/").proxy_to(upstream("app", "unix:{peer.address}"))
proxy = http(web, access_log=None, shutdown_grace=1)
"""
        program = proxy(config, listener)
        self.addCleanup(program.stop)
        with RawClient(listener) as client:
            used = set()
            for _ in range(10):
                client.send(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
                used.add(client.response().fields["x-peer-connection"])
            client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nthere")
            self.assertEqual(client.response().body, b"there")
        self.assertEqual(len(used), 1)


class BacklogTests(SynchronousTestCase):
    """Clients that connect while the proxy is busy."""

    def test_burst(self) -> None:
        """A thousand that connect at once wait to be accepted, on both kinds of sockets; none is refused or delayed."""
        if int(Path("/proc/sys/net/core/somaxconn").read_text()) < 1000:
            raise SkipTest("the system lets fewer than 1,000 clients wait (net.core.somaxconn)")
        port, path = free_port(), str(folder() / "proxy.sock")
        config = f"""
from pydsl_proxy import http, server

web = server("tcp:{port}:interface=127.0.0.1", "unix:{path}").location("/").respond(200, "hello")
proxy = http(web, access_log=None, shutdown_grace=0)
"""
        program = proxy(config, port)
        self.addCleanup(program.stop)
        for family, address in ((socket.AF_INET, ("127.0.0.1", port)), (socket.AF_UNIX, path)):
            with ExitStack() as stack:
                clients = [stack.enter_context(socket.socket(family)) for _ in range(1000)]
                # It accepts nobody: the system alone decides who may wait.
                program.signal(signal.SIGSTOP)
                stack.callback(program.signal, signal.SIGCONT)
                for each in clients:
                    # Less than the second after which a SYN that was dropped is sent again.
                    each.settimeout(0.9)
                    each.connect(address)
                program.signal(signal.SIGCONT)
                for each in clients:
                    each.settimeout(PATIENCE)
                    each.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                for each in clients:
                    self.assertTrue(each.recv(100).startswith(b"HTTP/1.1 200 "))


class IPv6Tests(SynchronousTestCase):
    """Listeners of IPv6."""

    def test_both_families(self) -> None:
        """``listen 8080; listen [::]:8080``: both are bound, and clients of either have their own address."""
        if os.environ.get("PYDSL_PROXY_REACTOR", "epoll") != "epoll":
            raise SkipTest("with other reactors than epoll a socket of IPv6 may be one of both families")
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            raise SkipTest("there is no IPv6 here") from None
        port = free_port()
        config = f"""
from pydsl_proxy import client_address, http, server

web = server({port}, r"tcp:{port}:interface=\\:\\:").location("/").respond(200, client_address)
proxy = http(web, access_log=None, shutdown_grace=0)
"""
        self.addCleanup(proxy(config, port).stop)
        for address in ("127.0.0.1", "::1"):
            with RawClient(socket.create_connection((address, port), 30)) as client:
                client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertEqual(client.response().body.decode(), address)
