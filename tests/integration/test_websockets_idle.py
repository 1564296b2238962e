"""What WebSockets cost that are open and say nothing, and that they stay open."""

from __future__ import annotations

import os
import sys
from time import sleep

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.support import PROGRAMS, Program, free_port, memory, proxy, reach, shared
from tests.integration.websockets import library_peer

LONG = os.environ.get("PYDSL_PROXY_LONG") == "1"
COUNT, SECONDS, PING = (5000, 600, 20) if LONG else (300, 4, 1)
# Bytes of the proxy's memory, with both of its connections.
TUNNEL_EACH, BRIDGE_EACH = 13_000, 26_000
# Bytes that do not depend on how many there are; they count where these are few.
ANYWAY = 4_000_000


class IdleTests(SynchronousTestCase):
    """``PYDSL_PROXY_LONG=1`` asks for 5,000 of them for ten minutes."""

    def setUp(self) -> None:
        """Start the proxy, and let it have served once."""
        self.port = free_port()
        config = f"""
from pydsl_proxy import http, server, upstream

app = upstream("app", "127.0.0.1:{shared(library_peer).port}")
web = (
    server("tcp:{self.port}:interface=127.0.0.1:backlog=4096")
    .location("/tunnel").websocket_to(app, path="/echo", tunnel=True)
    .location("/bridge").websocket_to(app, path="/echo", ping={PING})
)
proxy = http(web, access_log=None, shutdown_grace=0)
"""
        self.proxy = proxy(config, self.port)
        self.addCleanup(self.proxy.stop)

    def crowd(self, path: str, count: int) -> Program:
        """So many WebSockets, all open."""
        port = free_port()
        url = f"ws://127.0.0.1:{self.port}{path}"
        return Program([sys.executable, PROGRAMS / "websocket_crowd.py", str(port), url, str(count)], port)

    def alive(self, crowd: Program) -> int:
        """How many of them get an echo."""
        with reach(crowd.port) as asking:
            asking.settimeout(300)
            asking.sendall(b"?\n")
            return int(asking.recv(100))

    def cpu(self) -> float:
        """Seconds of CPU that the proxy has used."""
        with open(f"/proc/{self.proxy.pid}/stat") as file:
            words = file.read().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def hold(self, path: str, most: int) -> None:
        """Open all, keep them for a while, and ask each whether it is there."""
        warm = self.crowd(path, 20)
        self.assertEqual(self.alive(warm), 20)
        warm.stop()
        before = memory(self.proxy.pid)
        crowd = self.crowd(path, COUNT)
        self.addCleanup(crowd.stop)
        self.assertEqual(self.alive(crowd), COUNT)
        opened, spent = memory(self.proxy.pid) - before, self.cpu()
        sleep(SECONDS)
        spent = (self.cpu() - spent) / SECONDS
        kept = memory(self.proxy.pid) - before
        each = f"{opened / COUNT:,.0f} bytes each when opened, {kept / COUNT:,.0f} after {SECONDS} s"
        print(f"{COUNT} idle, {path[1:]}: {each}, {spent:.1%} of a core")
        self.assertEqual(self.alive(crowd), COUNT)
        self.assertLess(kept, ANYWAY + COUNT * most)

    def test_tunnel(self) -> None:
        """Through a tunnel, which sends no pings and cuts nobody who is silent for less than an hour."""
        self.hold("/tunnel", TUNNEL_EACH)

    def test_bridge(self) -> None:
        """Through a bridge, which pings both sides."""
        self.hold("/bridge", BRIDGE_EACH)
