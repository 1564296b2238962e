"""The time of day is set while the proxy is at work, by libfaketime."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from glob import glob
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic, time

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration.clients import fetch_on
from tests.integration.support import Program, folder, free_port, proxy, python_peer, wait_until
from tests.integration.test_failure import Load

JUMPS = (90, -3600, 3600, 0, -600)
RATE = 40


def library() -> str:
    """libfaketime."""
    for pattern in ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1"):
        for path in glob(pattern):
            return path
    raise SkipTest("libfaketime is not installed: apt-get install faketime")


class ClockTests(SynchronousTestCase):
    """A proxy whose time of day the test sets."""

    def setUp(self) -> None:
        """Two peers, and the proxy before them."""
        self.offset = folder() / "offset"
        self.set(0)
        preloaded = library()
        self.peers = [self.started(python_peer(name)) for name in ("one", "two")]
        self.log = folder() / "error.log"
        addresses = ", ".join(f'"127.0.0.1:{each.port}"' for each in self.peers)
        port = free_port()
        config = f"""
from pydsl_proxy import access_log, http, server, upstream

app = upstream("app", {addresses})
web = (
    server("tcp:{port}:interface=127.0.0.1")
    .location("/limited").limit_requests("{RATE}/s").respond(200)
    .location("/").timeouts(read=20).proxy_to(app)
)
proxy = http(web, access_log=access_log({str(self.log)!r}, format="json"), shutdown_grace=1)
"""
        self.proxy = self.started(
            proxy(
                config,
                port,
                {
                    "LD_PRELOAD": preloaded,
                    "FAKETIME_TIMESTAMP_FILE": str(self.offset),
                    "FAKETIME_NO_CACHE": "1",
                    "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                    "DONT_FAKE_MONOTONIC": "1",
                },
            )
        )

    def set(self, by: int) -> None:
        """Set the time of day so many seconds before or after the true one."""
        new = Path(f"{self.offset}.new")
        new.write_text(f"{by:+d}\n")
        new.replace(self.offset)

    def started(self, program: Program) -> Program:
        """To be stopped after the test."""
        self.addCleanup(program.stop)
        return program

    @contextmanager
    def connection(self) -> Iterator[HTTPConnection]:
        """A connection to the proxy."""
        made = HTTPConnection("127.0.0.1", self.proxy.port, timeout=30)
        try:
            yield made
        finally:
            made.close()

    def test_date_follows(self) -> None:
        """The library works: the Date field has the time that was set."""
        with self.connection() as made:
            for by in JUMPS:
                self.set(by)
                made.request("GET", "/limited")
                response = made.getresponse()
                response.read()
                shown = parsedate_to_datetime(response.headers["Date"]).timestamp()
                self.assertLess(abs(shown - time() - by), 20)

    def test_under_load(self) -> None:
        """Nothing is lost, no peer is blamed, and the log is written on."""
        load = Load(self.proxy.port)
        try:
            for by in JUMPS * 2:
                self.set(by)
                load.answers.clear()
                wait_until(lambda: {*load.answers} == {"one", "two"}, 30, "answers of both peers")
                size = self.log.stat().st_size
                wait_until(lambda size=size: self.log.stat().st_size > size, 30, "lines in the log")  # type: ignore[misc]
        finally:
            load.end()
        self.assertEqual(load.failures, [])
        self.assertNotIn("is down", self.proxy.output())

    def test_peer_that_failed(self) -> None:
        """A peer that failed comes back after its time, whichever way the clock was set."""
        with self.connection() as made:
            self.peers[0].kill()
            self.assertEqual({fetch_on(made, "/name").body for _ in range(4)}, {b"two"})
            self.peers[0].restart()
            self.set(-3600)
            wait_until(lambda: fetch_on(made, "/name").body == b"one", 60, "an answer of the peer that was away")

    def test_limit(self) -> None:
        """A limit stays what it is, to a hundredth."""
        with self.connection() as made:
            jumps = iter(JUMPS)
            passed, began = 0, monotonic()
            while passed < RATE * 5:
                passed += fetch_on(made, "/limited").status == 200
                if passed % RATE == 1 and (by := next(jumps, None)) is not None:
                    self.set(by)
            took = monotonic() - began
        # The first one costs no time; with the machine busy fewer may pass, and never more.
        self.assertLess((passed - 1) / took, RATE * 1.01)
        self.assertLess(took, 60)
