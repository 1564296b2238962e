"""Many clients that are slow on purpose, while another one is in a hurry."""

from __future__ import annotations

import os
import subprocess
from http.client import HTTPException
from threading import Event, Thread
from time import monotonic, sleep

from twisted.trial.unittest import SynchronousTestCase

from tests.integration import peers
from tests.integration.clients import fetch
from tests.integration.support import PROGRAMS, folder, free_port, memory, proxy, require

# ``PYDSL_PROXY_LONG=1`` asks for more.
LONG = os.environ.get("PYDSL_PROXY_LONG") == "1"
ATTACKERS = 1000 if LONG else 200
# Seconds; the tool adds its connections in the first of them, 200 in each.
LASTS = 25 if LONG else 5


class Steady:
    """A client that asks on a new connection, twenty times a second."""

    def __init__(self, port: int) -> None:
        self.took: list[float] = []
        self.failures: list[str] = []
        self._port = port
        self._enough = Event()
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._enough.wait(0.05):
            began = monotonic()
            try:
                response = fetch(self._port, "/")
            except (OSError, HTTPException) as error:
                self.failures.append(repr(error))
                continue
            if response.status != 200:
                self.failures.append(str(response.status))
            self.took.append(monotonic() - began)

    def end(self) -> str:
        """No more of it; what it has seen."""
        self._enough.set()
        self._thread.join()
        took = sorted(self.took)
        told = [took[int(len(took) * share)] * 1000 for share in (0.5, 0.99)] if took else []
        figures = ", ".join(f"{each:.1f} ms" for each in (*told, took[-1] * 1000 if took else 0))
        return f"{len(took)} requests, {len(self.failures)} failed; median, 99 % and worst: {figures}"


class AttackTests(SynchronousTestCase):
    """slowhttptest, in its three modes."""

    def setUp(self) -> None:
        """A proxy with the limits that it has unless told."""
        self.tool = require("slowhttptest", "apt-get install slowhttptest")
        files, port = folder(), free_port()
        (files / "big").write_bytes(b"x" * 5_000_000)
        nginx = peers.nginx_with(PROGRAMS / "files.nginx.conf", files)
        self.addCleanup(nginx.stop)
        config = f"""
from twisted.web.resource import Resource
from pydsl_proxy import http, server

class Upload(Resource):
    isLeaf = True
    def render_POST(self, request):
        return b"taken"

web = (
    server("tcp:{port}:interface=127.0.0.1:backlog=1024")
    .location("/upload").mount(Upload())
    .location("/big").proxy_to("127.0.0.1:{nginx.port}")
    .location("/").respond(200, "ok")
)
proxy = http(web, access_log=None, shutdown_grace=0)
"""
        self.proxy = proxy(config, port)
        self.addCleanup(self.proxy.stop)
        self.url = f"http://127.0.0.1:{port}"

    def attack(self, *options: str) -> None:
        """Attack for a while; the steady client is served all the time."""
        before = memory(self.proxy.pid)
        command = [self.tool, "-c", str(ATTACKERS), "-r", "200", "-l", str(LASTS), "-p", "3", *options]
        steady = Steady(self.proxy.port)
        attack = subprocess.Popen(
            [*command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            open_most, grown, ends = 0, 0, monotonic() + LASTS + 60
            while attack.poll() is None:
                open_most = max(open_most, self.connections())
                grown = max(grown, memory(self.proxy.pid) - before)
                self.assertLess(monotonic(), ends, "the attack does not end")
                sleep(0.5)
        finally:
            attack.kill()
            attack.wait()
            told = steady.end()
        print(f"{' '.join(options[:1])}: {open_most} descriptors, {grown / 1e6:.1f} MB; {told}")
        self.assertGreater(open_most, ATTACKERS * 0.9)
        self.assertEqual(steady.failures, [])
        self.assertGreater(len(steady.took), LASTS)

    def connections(self) -> int:
        """How many descriptors the proxy has open."""
        return len(os.listdir(f"/proc/{self.proxy.pid}/fd"))

    def test_heads(self) -> None:
        """Heads that do not end (slowloris)."""
        self.attack("-H", "-i", "5", "-u", self.url + "/")

    def test_bodies(self) -> None:
        """Bodies that do not end (R-U-Dead-Yet)."""
        self.attack("-B", "-i", "5", "-s", "100000", "-x", "10", "-u", self.url + "/upload")

    def test_readers(self) -> None:
        """Responses that are not read (slow read)."""
        self.attack("-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-u", self.url + "/big")
