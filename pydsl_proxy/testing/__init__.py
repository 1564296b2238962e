"""Tests of a configuration in memory: the real proxy, scripted clients and peers, and a clock that the test moves.

A test is a conversation::

    from pydsl_proxy import upstream
    from pydsl_proxy.testing import run

    def test_retries_on_the_next_peer():
        client, peers = run(upstream("app", "a:1", "b:1"))
        peers["a:1"].refuses()
        client.sends(b"GET / HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n")
        peers["b:1"].expects(b"GET / HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n")
        peers["b:1"].sends(b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok")
        client.expects(b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok")

or, where the bytes do not matter, questions and answers::

    def test_the_api_moves():
        client, peers = run(load("proxy.py"))
        peers["10.0.0.1:9000"].answers(200, b"hello")
        assert client.request("GET", "/api/users").body == b"hello"
        assert peers["10.0.0.1:9000"].requests[-1].target == "/v1/users"

Nothing is opened, nobody waits, and there is no global state: it works in unittest, trial and pytest alike.  What does
not hold raises :class:`AssertionError`, with what was expected and what came, line by line.

``expects`` compares all bytes received since the last time.  Only the fields that the proxy adds to each message by
itself (towards peers ``X-Real-IP`` and three of ``X-Forwarded-``, towards clients ``Date``) are passed over, unless the
expected bytes have one of them; then every byte counts.
"""

from __future__ import annotations

from pydsl_proxy.config.loading.load import load
from pydsl_proxy.testing.clients import Client
from pydsl_proxy.testing.endpoint import End
from pydsl_proxy.testing.handshakes import Handshake
from pydsl_proxy.testing.log import Ended
from pydsl_proxy.testing.messages import Headers, ReceivedRequest, Response
from pydsl_proxy.testing.peers import Peer, PeerConnection, Peers
from pydsl_proxy.testing.reactor import MemoryLoop
from pydsl_proxy.testing.running import Running, run

__all__ = [
    "Client",
    "End",
    "Ended",
    "Handshake",
    "Headers",
    "MemoryLoop",
    "Peer",
    "PeerConnection",
    "Peers",
    "ReceivedRequest",
    "Response",
    "Running",
    "load",
    "run",
]
