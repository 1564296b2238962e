"""SIGHUP, and modules beside ``proxy.py``."""

from __future__ import annotations

from functools import partial
from signal import SIGHUP

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients import RawClient, fetch
from tests.integration.support import PATIENCE, folder, free_port, proxy_of, wait_until


class NeighbourTests(SynchronousTestCase):
    """A proxy whose text is in a module that it imports."""

    def test_edited(self) -> None:
        """The module is read again; with a mistake in it the old one stays in force, and connections always stay."""
        port, files = free_port(), folder()
        (files / "proxy.py").write_text(
            f"""
from pydsl_proxy import http, server
from common import said

web = server("tcp:{port}:interface=127.0.0.1").location("/").respond(200, lambda request: said())
proxy = http(web, access_log=None, shutdown_grace=0)
"""
        )
        common = files / "common.py"
        common.write_text("def said(): return 'one'\n")
        program = proxy_of(files / "proxy.py", port)
        self.addCleanup(program.stop)
        with RawClient(port) as client:
            for text, expected in (("two", b"two"), ("three'; 1 / 0 #", b"two"), ("four", b"four")):
                common.write_text(f"told = '{text}'\ndef said(): return told\n")
                program.signal(SIGHUP)
                if "/" in text:
                    wait_until(lambda: "is not reloaded" in program.output(), PATIENCE, "a word of the mistake")
                else:
                    wait_until(partial(self.says, port, expected), PATIENCE, "the new text")
                client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertEqual((client.response().body, self.says(port, expected)), (expected, True))

    def says(self, port: int, expected: bytes) -> bool:
        """What a new client is told."""
        return fetch(port, "/").body == expected
