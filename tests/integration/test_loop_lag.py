"""A function that holds the event loop up is named in the log."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients import fetch
from tests.integration.support import PATIENCE, Program, free_port, proxy, wait_until


class LoopLagTests(SynchronousTestCase):
    """The real loop, and functions of a user."""

    def serving(self, function: str, option: str) -> Program:
        """A proxy that answers by *function*, which is asked for ``/slow`` once."""
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
        return program

    def assert_named(self, function: str, option: str, pattern: str) -> None:
        """The log names *function*, as *pattern* has it.

        A busy machine may have held the loop up before; then the next line is due ten seconds later.
        """
        program = self.serving(function, option)

        def is_named() -> bool:
            self.assertEqual(200, fetch(program.port, "/slow").status)
            return re.search(pattern, program.output()) is not None

        wait_until(is_named, PATIENCE, "the line in the log")

    def test_named(self) -> None:
        """The innermost function is the user's, with its line."""
        text = "def slow(request):\n    until = time.monotonic() + 0.6 * (request.path == '/slow')\n"
        text += "    while time.monotonic() < until:\n        pass\n    return 'ok'"
        self.assert_named(text, "0.2", r"\"where\": \"slow \([^ ]*proxy\.py:[78]\)")

    def test_call_into_c(self) -> None:
        """A call that holds the interpreter hides the function only while it lasts."""
        text = "def slow(request):\n    if request.path == '/slow':\n        sum(range(20_000_000))\n"
        text += "    for _ in range(1000):\n        str()\n    return 'ok'"
        self.assert_named(text, "0.1", r"slow \([^ ]*proxy\.py:")

    def test_off(self) -> None:
        """None watches nothing."""
        text = "def slow(request):\n    time.sleep(0.5 * (request.path == '/slow'))\n    return 'ok'"
        program = self.serving(text, "None")
        self.assertEqual(200, fetch(program.port, "/").status)
        self.assertNotIn("did not run", program.output())
