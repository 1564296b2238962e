"""A function that holds the event loop up is named in the log."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients import fetch
from tests.integration.support import free_port, proxy, wait_until


class LoopLagTests(SynchronousTestCase):
    """The real loop, and functions of a user."""

    def served(self, function: str, option: str) -> str:
        """What the program logs when *function* has answered one request, and the next one is answered too."""
        port = free_port()
        config = f"""
import time
from pydsl_proxy import http, server

{function}
web = server("tcp:{port}:interface=127.0.0.1").location("/").respond(200, slow)
proxy = http(web, access_log=None, loop_lag={option})
"""
        program = proxy(config, port)
        self.addCleanup(program.stop)
        self.assertEqual(200, fetch(port, "/slow").status)
        if option != "None":
            wait_until(lambda: "did not run for" in program.output(), 20, "the line in the log")
        self.assertEqual(200, fetch(port, "/").status)
        return program.output()

    def test_named(self) -> None:
        """The innermost function is the user's, with its line."""
        text = "def slow(request):\n    until = time.monotonic() + 0.6 * (request.path == '/slow')\n"
        text += "    while time.monotonic() < until:\n        pass\n    return 'ok'"
        self.assertRegex(self.served(text, "0.2"), r"\"where\": \"slow \([^ ]*proxy\.py:[78]\)")

    def test_call_into_c(self) -> None:
        """A call that holds the interpreter hides the function only while it lasts."""
        text = "def slow(request):\n    if request.path == '/slow':\n        sum(range(20_000_000))\n"
        text += "    for _ in range(1000):\n        str()\n    return 'ok'"
        self.assertRegex(self.served(text, "0.1"), r"slow \([^ ]*proxy\.py:")

    def test_off(self) -> None:
        """None watches nothing."""
        text = "def slow(request):\n    time.sleep(0.5 * (request.path == '/slow'))\n    return 'ok'"
        self.assertNotIn("did not run", self.served(text, "None"))
