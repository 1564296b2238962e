"""The cases of h2spec, over HTTP/2 that TLS has agreed on and with prior knowledge."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import server
from pydsl_proxy.testing import run
from tests.support.h2 import AGREED, TLS
from tests.support.h2spec import CASES, GREETING, Case, taken_apart

SECURE = server(443, tls=TLS).location("/").proxy_to("a:1")
PLAIN = server(80, http2="prior-knowledge").location("/").proxy_to("a:1")


class H2SpecTests(SynchronousTestCase):
    """Each case, before a peer that answers with a small body."""

    def wrong(self, case: Case, *, secure: bool) -> str:
        """What is not as the case has it, if anything is."""
        running = run(SECURE, handshake=AGREED) if secure else run(PLAIN)
        running.peers["a:1"].answers(200, b"hello world")
        client = running[0]
        received = b""
        for step in (GREETING, *case.steps) if case.greets else case.steps:
            if isinstance(step, bytes):
                if client.is_closed:
                    break
                client.sends(step)
                received += client.takes()
            elif not step(tuple(taken_apart(received)), client.is_closed):
                return f"{case.name}: it was in vain that something was awaited"
        frames = tuple(taken_apart(received))
        return "" if case.verdict(frames, client.is_closed) else f"{case.name}: {frames} {client.is_closed}"

    def test_over_tls(self) -> None:
        """All of them pass."""
        self.assertEqual([each for case in CASES if (each := self.wrong(case, secure=True))], [])

    def test_with_prior_knowledge(self) -> None:
        """All of them pass without TLS too."""
        self.assertEqual([each for case in CASES if (each := self.wrong(case, secure=False))], [])

    def test_all(self) -> None:
        """There are as many as h2spec has, each once."""
        self.assertEqual(len({case.name for case in CASES}), len(CASES))
        self.assertGreaterEqual(len(CASES), 146)
