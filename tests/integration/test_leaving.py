"""Clients that leave within a response, on real sockets: the peer is told, though it says nothing itself."""

from __future__ import annotations

import os
import select
import socket
import ssl
import struct

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration.support import folder, free_port, proxy, reach, wait_until
from tests.support.authorities import Authority

REQUEST = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
BEGUN = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"


class LeavingTests(SynchronousTestCase):
    """The test itself is the peer: it sends a head and a piece, and waits."""

    def start(self, listen: str, address: int | str, more: str = "", half_close: float = 60) -> None:
        """A proxy that listens there."""
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(60)
        self.addCleanup(listener.close)
        self.listener = listener
        config = f"""
from pydsl_proxy import clients, http, server, tls

web = server("{listen}"{more}).location("/").limit_connections(1).proxy_to("127.0.0.1:{listener.getsockname()[1]}")
proxy = http(web, access_log=None, shutdown_grace=0, clients=clients(half_close={half_close}))
"""
        self.addCleanup(proxy(config, address).stop)

    def begin(self, client: socket.socket) -> socket.socket:
        """The peer's connection, when *client* has the beginning of its response."""
        self.addCleanup(client.close)
        client.settimeout(60)
        client.sendall(REQUEST)
        peer, _ = self.listener.accept()
        self.addCleanup(peer.close)
        peer.settimeout(60)
        self.assertIn(b"GET / ", peer.recv(10_000))
        peer.sendall(BEGUN)
        read = b""
        while not read.endswith(b"ab"):
            read += client.recv(1000)
        return peer

    def assertTold(self, peer: socket.socket) -> None:
        """The proxy closes the peer's connection."""
        try:
            self.assertEqual(peer.recv(1), b"")
        except ConnectionResetError:
            pass

    def test_tcp(self) -> None:
        """The end of what a client sends may be all that it has closed, for ``half_close`` seconds."""
        port = free_port()
        self.start(f"tcp:{port}:interface=127.0.0.1", port, half_close=0.3)
        client = reach(port)
        peer = self.begin(client)
        client.close()
        self.assertTold(peer)
        # Its slot is free again.
        self.begin(reach(port))

    def test_reset_of_an_upload(self) -> None:
        """A client that resets is seen at once, although nothing of it is read while the peer takes nothing."""
        if os.environ.get("PYDSL_PROXY_REACTOR", "epoll") != "epoll":
            raise SkipTest("other reactors than epoll do not watch what they do not read")
        port = free_port()
        self.start(f"tcp:{port}:interface=127.0.0.1", port)
        client = reach(port)
        self.addCleanup(client.close)
        client.sendall(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000000\r\n\r\n")
        peer, _ = self.listener.accept()
        self.addCleanup(peer.close)
        client.setblocking(False)
        # When the kernel takes no more for a second, neither the peer nor the proxy reads.
        while select.select([], [client], [], 1)[1]:
            client.send(bytes(100_000))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        poll = select.poll()
        poll.register(peer, 0)
        wait_until(lambda: poll.poll(0), 20, "the end of the attempt")
        # Its slot is free again.
        self.begin(reach(port))

    def test_half(self) -> None:
        """A client that has closed its half alone, as ``nc -N``, is sent the rest."""
        port = free_port()
        self.start(f"tcp:{port}:interface=127.0.0.1", port)
        client = reach(port)
        peer = self.begin(client)
        client.shutdown(socket.SHUT_WR)
        peer.sendall(b"cd")
        self.assertEqual(client.recv(10), b"cd")
        self.assertEqual(client.recv(10), b"")

    def test_unix(self) -> None:
        """On a UNIX socket it is seen at once whether the client has closed, or its half alone."""
        path = str(folder() / "web.sock")
        self.start(f"unix:{path}", path)
        client = reach(path)
        peer = self.begin(client)
        client.close()
        self.assertTold(peer)
        client = reach(path)
        peer = self.begin(client)
        client.shutdown(socket.SHUT_WR)
        peer.sendall(b"cd")
        self.assertEqual(client.recv(10), b"cd")
        self.assertEqual(client.recv(10), b"")

    def test_tls(self) -> None:
        """A close_notify is a leaving."""
        port, files = free_port(), folder()
        pair = Authority().issue("a.test").save(files, "a")
        self.start(f"tcp:{port}:interface=127.0.0.1", port, f", tls=tls{pair!r}")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client = context.wrap_socket(reach(port), server_hostname="a.test")
        peer = self.begin(client)
        client.settimeout(0)
        try:
            client.unwrap()
        except (ssl.SSLError, OSError):
            # Ours is not awaited.
            pass
        client.close()
        self.assertTold(peer)
