"""What the configuration beside this file promises; nothing is opened, and no time passes but the test's."""

from pathlib import Path
from unittest import TestCase

from pydsl_proxy.testing import Running, load, run

MODEL, OTHER = "127.0.0.1:8000", "127.0.0.1:8001"
QUESTION = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: example.com\r\nAuthorization: Bearer a\r\nContent-Length: 2\r\n\r\n{}"
)
BEGINNING = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """A chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def running() -> Running:
    """The configuration at work in memory."""
    return run(load(Path(__file__).with_name("proxy.py")))


def asked() -> Running:
    """A model that has begun to answer."""
    at_work = running()
    client, peers = at_work
    client.sends(QUESTION)
    peers[MODEL].sends(BEGINNING)
    client.takes()
    return at_work


class TokenTests(TestCase):
    """An answer."""

    def test_each_at_once(self) -> None:
        """Each token is sent before the next one is there."""
        client, peers = asked()
        for token in (b"data: The\n\n", b"data:  answer\n\n", b"data: [DONE]\n\n"):
            peers[MODEL].sends(chunk(token))
            client.expects(chunk(token))

    def test_thinking(self) -> None:
        """The model may take two minutes for its first word, then pause for long while the client hears comments."""
        at_work = running()
        client, peers = at_work
        client.sends(QUESTION)
        at_work.clock.advance(119)
        peers[MODEL].sends(BEGINNING)
        client.takes()
        at_work.clock.advance(300)
        client.expects(20 * chunk(b":\n\n"))
        peers[MODEL].sends(chunk(b"data: 42\n\n"))
        client.expects(chunk(b"data: 42\n\n"))

    def test_given_up(self) -> None:
        """Ten minutes without a token are too many."""
        at_work = asked()
        at_work.clock.advance(600)
        self.assertTrue(at_work[0].is_closed)
        self.assertEqual(at_work.exchanges[0].cause, "read_timeout")

    def test_leaving(self) -> None:
        """A client that leaves costs no more tokens."""
        at_work = asked()
        client, peers = at_work
        client.half_closes()
        at_work.clock.advance(2)
        self.assertTrue(peers[MODEL].was_reset)


class KeyTests(TestCase):
    """Limits."""

    def test_rate(self) -> None:
        """A key may ask eleven times at once, and hears when it may again; another key is not concerned."""
        at_work = running()
        client, peers = at_work
        for model in (MODEL, OTHER):
            peers[model].answers(200, b"{}")
        answers = [client.request("POST", "/v1/embeddings", {"Authorization": "Bearer a"}) for _ in range(12)]
        self.assertEqual([answer.status for answer in answers], [200] * 11 + [429])
        self.assertIn("Retry-After", answers[-1].headers)
        self.assertEqual(client.request("POST", "/v1/embeddings", {"Authorization": "Bearer b"}).status, 200)
        at_work.clock.advance(2)
        self.assertEqual(client.request("POST", "/v1/embeddings", {"Authorization": "Bearer a"}).status, 200)

    def test_answers_under_way(self) -> None:
        """Four answers at once, two of each model, and not five."""
        at_work = running()
        for _ in range(4):
            at_work.client().sends(QUESTION)
        self.assertEqual([len(at_work.peers[model].requests) for model in (MODEL, OTHER)], [2, 2])
        refused = at_work.client().request("POST", "/v1/embeddings", {"Authorization": "Bearer a"})
        self.assertEqual(refused.status, 429)
