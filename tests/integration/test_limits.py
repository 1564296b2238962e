"""Limits on real sockets, beside nginx's."""

from __future__ import annotations

import os
from random import Random
from time import monotonic

from twisted.trial.unittest import SynchronousTestCase

from tests.integration import peers
from tests.integration.clients import RawClient, Response, curl, fetch
from tests.integration.support import (
    PATIENCE,
    PROGRAMS,
    Program,
    folder,
    free_port,
    proxy,
    python_peer,
    shared,
    wait_until,
)

GET = b"GET /name HTTP/1.1\r\nHost: a\r\n\r\n"
WAIT = b"GET /wait/30 HTTP/1.1\r\nHost: a\r\n\r\n"


def peer() -> Program:
    """The peer that can be told to wait."""
    return python_peer()


class LimitTests(SynchronousTestCase):
    """One proxy for each test."""

    def start(self, web: str, *, options: str = "") -> Program:
        """A proxy; *web* is what follows ``server(…)``."""
        port = free_port()
        config = f"""
from pydsl_proxy import clients, header, http, server

web = (server("tcp:{port}:interface=127.0.0.1"){web})
proxy = http(web, access_log=None, shutdown_grace=0{options})
"""
        program = proxy(config, port)
        self.addCleanup(program.stop)
        return program

    def test_requests(self) -> None:
        """What is beyond the burst is refused, and told when to come back."""
        program = self.start('.limit_requests("1/m", burst=2).location("/").respond(200, "ok")')
        answers = [fetch(program.port, "/") for _ in range(5)]
        self.assertEqual([each.status for each in answers], [200, 200, 200, 429, 429])
        self.assertLessEqual(int(answers[3].fields["retry-after"]), 60)

    def test_curl(self) -> None:
        """curl waits as Retry-After says, and is served then."""
        program = self.start('.limit_requests("1/s").location("/").respond(200, "ok")')
        began = monotonic()
        for _ in range(3):
            told = curl("--retry", "3", "--fail", f"http://127.0.0.1:{program.port}/")
            self.assertEqual(told.stdout, b"ok")
        self.assertGreater(monotonic() - began, 1.9)

    def test_delay(self) -> None:
        """A delayed request is answered when its turn has come, and no earlier."""
        program = self.start('.limit_requests("2/s", burst=3, delay=0).location("/").respond(200, "ok")')
        began = monotonic()
        clients = [RawClient(program.port) for _ in range(4)]
        for client in clients:
            self.addCleanup(client.close)
            client.send(GET)
        self.assertEqual([client.response().status for client in clients], [200] * 4)
        self.assertGreater(monotonic() - began, 1.4)

    def test_nginx(self) -> None:
        """With two limits and some clients, nginx and the proxy let the same requests pass."""
        files = folder()
        (files / "page").write_text("ok")
        nginx = peers.nginx_with(PROGRAMS / "limits.nginx.conf", files)
        self.addCleanup(nginx.stop)
        program = self.start(
            """.limit_requests("1/m", key="all", burst=25, status=503).location("/")
            .limit_requests("1/m", key=header("x-key"), burst=3, status=503).respond(200, "ok")"""
        )
        random, told = Random(1), []
        for _ in range(120):
            key = random.choice(["a", "b", "c", "d", "e", "f", "g", "h", ""])
            fields = {"X-Key": key}
            told.append((fetch(nginx.port, "/", fields=fields).status, fetch(program.port, "/", fields=fields).status))
        self.assertEqual([each[0] for each in told], [each[1] for each in told])
        self.assertEqual(sum(each == (200, 200) for each in told), 26)

    def test_connections(self) -> None:
        """What is under way is counted, until its client is gone."""
        program = self.start(f'.limit_connections(2).location("/").proxy_to("127.0.0.1:{shared(peer).port}")')
        clients = [RawClient(program.port) for _ in range(2)]
        for client in clients:
            self.addCleanup(client.close)
            client.send(WAIT)
        ask = lambda: fetch(program.port, "/name").status  # noqa: E731  # asked until it holds
        wait_until(lambda: ask() == 429, PATIENCE, "a refusal")
        clients[0].close()
        wait_until(lambda: ask() == 200, PATIENCE, "a place")
        clients[1].close()
        # Each of many in a row has its place back.
        self.assertEqual({ask() for _ in range(50)}, {200})

    def test_rate(self) -> None:
        """A download takes its time, and no more of the proxy's processor than others."""
        program = self.start('.limit_rate(200_000).location("/").respond(200, "x" * 400_000)')
        began = monotonic()
        told = curl(f"http://127.0.0.1:{program.port}/")
        self.assertEqual(len(told.stdout), 400_000)
        self.assertGreater(monotonic() - began, 1.8)

    def test_rate_of_a_peer(self) -> None:
        """So does one from a peer, which is not read ahead."""
        address = f"127.0.0.1:{shared(peer).port}"
        program = self.start(f'.limit_rate(300_000).location("/").proxy_to("{address}")')
        began = monotonic()
        told = curl(f"http://127.0.0.1:{program.port}/flood/{10 * 65536}")
        self.assertEqual(len(told.stdout), 10 * 65536)
        self.assertGreater(monotonic() - began, 1.8)

    def test_body(self) -> None:
        """A body that is too large is refused by its length, and by its size if it tells none; curl hears of it."""
        address = f"127.0.0.1:{shared(peer).port}"
        program = self.start(f'.limit_body(1000).location("/").proxy_to("{address}")')
        url = f"http://127.0.0.1:{program.port}/echo"
        for size, status in ((1000, b"200"), (1001, b"413")):
            for fields in ((), ("--header", "Transfer-Encoding: chunked")):
                told = curl(
                    "--data-binary", "x" * size, *fields, "--output", os.devnull, "--write-out", "%{http_code}", url
                )
                self.assertEqual(told.stdout, status)

    def test_connections_of_a_client(self) -> None:
        """A client that opens too many gets no more of them; others are served."""
        program = self.start(
            '.location("/").respond(200, "ok")', options=", clients=clients(connections_per_client=20)"
        )
        held = [RawClient(program.port) for _ in range(20)]
        for client in held:
            self.addCleanup(client.close)

        def refused() -> bool:
            try:
                fetch(program.port, "/")
            except OSError:
                return True
            return False

        wait_until(refused, PATIENCE, "a refusal")
        self.assertEqual(self.ask_from("127.0.0.2", program).status, 200)
        held[0].close()
        wait_until(lambda: not refused(), PATIENCE, "a place")

    def ask_from(self, address: str, program: Program) -> Response:
        """A request of a client that has another address."""
        told = curl(
            "--interface",
            address,
            "--output",
            os.devnull,
            "--write-out",
            "%{http_code}",
            f"http://127.0.0.1:{program.port}/",
        )
        return Response(int(told.stdout), {}, b"")
