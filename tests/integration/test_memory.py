"""How much the proxy keeps of what one side sends and the other does not take."""

from __future__ import annotations

import os
import socket
from time import sleep

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration.clients import fetch
from tests.integration.support import Program, free_port, memory, proxy, python_peer, reach, shared

MB = 1_000_000
# A multiple of the 64 KiB pieces of the peer's flood.
FLOOD = 1600 * 64 * 1024
CLIENTS = 200

# Bytes for one exchange whose client does not read: what is queued, what was read before the peer was paused, and the
# objects; 64 KiB is read at a time.
EACH = 400 * 1024
# Bytes that the proxy's memory may move by although nothing is kept.
NOISE = 8 * MB
# Seconds until the buffers between 200 clients and a peer are full, at most: they are mostly the kernel's, 3 MB each.
FILLED_WITHIN = 40


def peer() -> Program:
    """The peer with ``/flood`` and ``/stuck``."""
    return python_peer()


class MemoryTests(SynchronousTestCase):
    """A proxy in a process of its own, so that its memory can be told from the tests'."""

    def setUp(self) -> None:
        """Start the proxy, and let it have served once."""
        port = free_port()
        config = f"""
from pydsl_proxy import http, server, upstream

app = upstream("app", "127.0.0.1:{shared(peer).port}")
web = server("tcp:{port}:interface=127.0.0.1:backlog=512").location("/").proxy_to(app)
proxy = http(web, access_log=None, shutdown_grace=0)
"""
        self.proxy = proxy(config, port)
        self.addCleanup(self.proxy.stop)
        self.ask("/hello").recv(100)
        self.start = memory(self.proxy.pid)

    def ask(self, path: str, method: str = "GET", fields: str = "") -> socket.socket:
        """A client that asks, and whose kernel takes little of the answer ahead of it."""
        client = socket.socket()
        self.addCleanup(client.close)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(60)
        client.connect(("127.0.0.1", self.proxy.port))
        client.sendall(f"{method} {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode())
        return client

    def grown(self) -> int:
        """Bytes by which the proxy's memory has grown since it served for the first time."""
        return memory(self.proxy.pid) - self.start

    def read_slowly(self, clients: list[socket.socket], seconds: int) -> int:
        """Each client reads one byte a second; what the proxy's memory has grown by at most meanwhile."""
        most = 0
        for _ in range(seconds):
            for client in clients:
                self.assertEqual(len(client.recv(1)), 1)
            sleep(1)
            most = max(most, self.grown())
        return most

    def fill(self, clients: list[socket.socket]) -> int:
        """Read as slowly until the peer can send no more; what the proxy's memory has grown by then."""
        sent = -1
        for _ in range(FILLED_WITHIN):
            before, sent = sent, int(fetch(shared(peer).port, "/flooded").body)
            if sent == before:
                return self.grown()
            self.read_slowly(clients, 1)
        raise AssertionError(f"the peer of slow clients is not stopped: it has sent {sent} bytes")

    def test_slow_client(self) -> None:
        """Of a response of 100 MB that a client reads a byte a second, next to nothing is kept."""
        most = self.read_slowly([self.ask(f"/flood/{FLOOD}")], 3)
        print(f"one slow client: {most / 1e3:,.0f} kB")
        self.assertLess(most, NOISE)

    def test_many_slow_clients(self) -> None:
        """200 such clients cost what is in flight for each, and no more as time passes."""
        clients = [self.ask(f"/flood/{FLOOD}") for _ in range(CLIENTS)]
        full = self.fill(clients)
        later = self.read_slowly(clients, 3)
        print(f"{CLIENTS} slow clients: {full / CLIENTS / 1e3:,.0f} kB each, later {later / CLIENTS / 1e3:,.0f} kB")
        self.assertLess(full, CLIENTS * EACH)
        self.assertLess(later, full + NOISE)

    def test_left(self) -> None:
        """What was kept for clients serves the next ones when they have left."""
        if os.environ.get("PYDSL_PROXY_REACTOR", "epoll") != "epoll":
            raise SkipTest("connections that Twisted's own connectors made are freed by the garbage collector")
        growths = []
        for _ in range(3):
            clients = [self.ask(f"/flood/{FLOOD}") for _ in range(CLIENTS // 4)]
            growths.append(self.fill(clients))
            for client in clients:
                client.close()
        print(f"{CLIENTS // 4} slow clients, thrice: {', '.join(f'{each / 1e3:,.0f} kB' for each in growths)}")
        self.assertLess(growths[2], growths[0] + NOISE // 2)

    def test_stuck_peer(self) -> None:
        """A peer that does not read its request stops the client: little of the body is kept."""
        client = self.ask("/stuck", "POST", f"Content-Length: {FLOOD}\r\n")
        client.settimeout(1)
        piece, sent = bytes(1 << 16), 0
        try:
            while sent < FLOOD:
                sent += client.send(piece)
        except TimeoutError:
            pass
        print(f"a peer that does not read: {sent / MB:.1f} MB sent, {self.grown() / 1e3:,.0f} kB kept")
        self.assertLess(sent, FLOOD)
        self.assertLess(self.grown(), NOISE)

    def test_slow_client_does_not_stop_others(self) -> None:
        """While a client reads slowly, another on the same proxy gets all of its response."""
        slow = self.ask(f"/flood/{FLOOD}")
        other = reach(self.proxy.port)
        self.addCleanup(other.close)
        other.sendall(f"GET /flood/{FLOOD} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        received = 0
        while data := other.recv(1 << 16):
            received += len(data)
        self.assertGreater(received, FLOOD)
        self.assertEqual(len(slow.recv(1)), 1)
