"""Peers that crash and come back while they are asked."""

from __future__ import annotations

import os
from http.client import HTTPConnection, HTTPException
from itertools import cycle
from threading import Event, Thread
from time import monotonic, sleep

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients import fetch_on
from tests.integration.support import PATIENCE, Program, folder, free_port, proxy, python_peer, wait_until

CLIENTS = 8


def seconds() -> float:
    """How long the peers are tormented; ``PYDSL_PROXY_LONG=1`` asks for longer."""
    return 30.0 if os.environ.get("PYDSL_PROXY_LONG") == "1" else 6.0


class Load:
    """Clients that ask one thing after another on connections that stay open."""

    def __init__(self, port: int) -> None:
        self.answers: list[str] = []
        self.failures: list[str] = []
        self._port = port
        self._enough = Event()
        self._threads = [Thread(target=self._run) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        while not self._enough.is_set():
            try:
                response = fetch_on(connection, "/name")
            except (OSError, HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
                continue
            if response.status == 200:
                self.answers.append(response.body.decode())
            else:
                self.failures.append(f"{response.status} {response.body!r}")
        connection.close()

    def end(self) -> None:
        """No more of it."""
        self._enough.set()
        for thread in self._threads:
            thread.join()


class CrashTests(SynchronousTestCase):
    """Three peers, of which one at a time is killed."""

    def setUp(self) -> None:
        """The peers."""
        self.peers = [self.started(python_peer(name)) for name in ("one", "two", "three")]

    def balanced(self, options: str, verbs: str) -> Program:
        """A proxy in front of them, with *options* for each and *verbs* for all."""
        addresses = ", ".join(f'peer("127.0.0.1:{each.port}"{options})' for each in self.peers)
        port = free_port()
        config = f"""
from pydsl_proxy import http, peer, server, upstream

app = upstream("app", {addresses})
web = server("tcp:{port}:interface=127.0.0.1").location("/"){verbs}.proxy_to(app)
proxy = http(web, access_log=None, shutdown_grace=1)
"""
        return self.started(proxy(config, port))

    def started(self, program: Program) -> Program:
        """To be stopped after the test."""
        self.addCleanup(program.stop)
        return program

    def torment(self) -> None:
        """Kill one after the other; the peer before is back by then."""
        end = monotonic() + seconds()
        for victim in cycle(self.peers):
            sleep(0.7)
            if monotonic() > end:
                return
            victim.kill()
            sleep(0.3)
            victim.restart()

    def test_no_request_fails(self) -> None:
        """A GET is answered as long as one peer is alive, and a peer that is back gets requests again."""
        load = Load(self.balanced(", fail_timeout=1", ".retry()").port)
        try:
            self.torment()
            # All are back: each has to be asked again once its fail_timeout is over.
            load.answers.clear()
            wait_until(lambda: {*load.answers} == {"one", "two", "three"}, PATIENCE, "an answer of each peer")
        finally:
            load.end()
        self.assertEqual(load.failures, [])

    def test_defaults(self) -> None:
        """So it is by default, where a peer that failed is passed over for longer than the others stay alive."""
        load = Load(self.balanced("", "").port)
        try:
            self.torment()
        finally:
            load.end()
        self.assertEqual(load.failures, [])

    def test_all_at_once(self) -> None:
        """When all were killed and one is back, the next request is answered."""
        program = self.balanced("", "")
        connection = HTTPConnection("127.0.0.1", program.port, timeout=PATIENCE)
        self.addCleanup(connection.close)
        for each in self.peers:
            each.kill()
        for _ in range(4):
            self.assertEqual(fetch_on(connection, "/name").status, 502)
        for each in self.peers:
            each.restart()
            self.assertEqual(fetch_on(connection, "/name").status, 200)
            each.kill()


class ResourceTests(SynchronousTestCase):
    """A proxy that has no descriptor left."""

    def test_descriptors(self) -> None:
        """The client is told 500, and no peer is taken for dead."""
        peer = python_peer()
        self.addCleanup(peer.stop)
        port, missing = free_port(), folder() / "missing.sock"
        config = f"""
import os, resource
from pydsl_proxy import http, server, upstream

resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
held = []

def take(request):
    while True:
        try:
            held.append(os.dup(0))
        except OSError:
            return str(len(held))

def give(request):
    while held:
        os.close(held.pop())
    return ""

app = upstream("app", "127.0.0.1:{peer.port}", "127.0.0.2:{peer.port}")
web = (
    server("tcp:{port}:interface=127.0.0.1")
    .location("/take").respond(200, take)
    .location("/give").respond(200, give)
    .location("/missing").proxy_to("unix:{missing}")
    .location("/").proxy_to(app)
)
proxy = http(web, access_log=None)
"""
        program = proxy(config, port)
        self.addCleanup(program.stop)
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self.addCleanup(connection.close)
        # Connections by which it was seen that the proxy listens may still be there.
        taken: list[bytes] = []

        def all_taken() -> bool:
            taken.append(fetch_on(connection, "/take").body)
            return taken.count(taken[-1]) > 2

        wait_until(all_taken, PATIENCE, "no descriptor comes free")
        self.assertEqual([fetch_on(connection, "/name").status for _ in range(4)], [500] * 4)
        self.assertEqual(fetch_on(connection, "/give").status, 200)
        self.assertEqual(fetch_on(connection, "/name").status, 200)
        self.assertEqual(fetch_on(connection, "/missing").status, 502)
        told = program.output()
        self.assertIn("was not reached: No such file or directory", told)
        self.assertNotIn("upstream app: peer", told)
