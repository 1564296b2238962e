"""Conversations: connections that the peer has closed when a request comes that may not be sent twice."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import Request, fastcgi, http2, peer, server, upstream
from pydsl_proxy.config.locations import OpenLocation
from pydsl_proxy.config.servers import Server
from pydsl_proxy.config.upstreams import Upstream
from pydsl_proxy.testing import Peer, Running, run
from pydsl_proxy.wire.cgi.fastcgi_records import END_REQUEST, STDOUT, record
from tests.support.h2_peer import H2Peer, Pairs
from tests.support.messages import GET, OK, get

ONE = upstream("app", "a:1")
NEXT = b"POST /next HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody"
ANSWERED: Pairs = [(b":status", b"200"), (b"content-length", b"2")]


def all_close(peer: Peer) -> None:
    """The peer closes all connections."""
    for each in peer.connections:
        each.closes()


class ClosedMeanwhileTests(SynchronousTestCase):
    """A kept connection that the peer has closed, which the proxy has not read yet when a request comes."""

    def meanwhile(self, act: Callable[[], object]) -> OpenLocation[Server]:
        """A location in which *act* is called once a request is here, and before a connection is chosen for it."""

        def holds(request: Request) -> bool:
            if request.path == "/next":
                act()
            return True

        return server(80).location("/").when(holds)

    def used(self, act: Callable[[Peer], object], config: Upstream = ONE) -> Running:
        """A proxy with two idle connections to ``a:1``, on the last of which *act* happens when ``/next`` comes."""
        running = run(self.meanwhile(lambda: act(running.peers["a:1"])).proxy_to(config))
        clients = [running[0], running.client()]
        for client in clients:
            client.sends(GET)
        for connection in running.peers["a:1"].connections:
            connection.sends(OK)
        for client in clients:
            client.expects(OK)
        return running

    def used_by(self, running: Running, request: bytes) -> int:
        """The number of the connection on which *request* has come to the peer."""
        running[0].sends(request)
        [number] = [
            number for number, each in enumerate(running.peers["a:1"].connections) if b" /next HTTP" in each.received
        ]
        return number

    def test_post(self) -> None:
        """A POST, which may not be sent twice, goes out on one that is open."""
        self.assertEqual(self.used_by(self.used(lambda peer: peer.connections[1].closes()), NEXT), 0)

    def test_other_methods(self) -> None:
        """So does each request that may not be sent twice, with a body or without."""
        for method in ("POST", "DELETE", "PUT", "PATCH"):
            running = self.used(lambda peer: peer.connections[1].closes())
            self.assertEqual(self.used_by(running, get("/next", "Content-Length: 0", method=method)), 0)

    def test_told(self) -> None:
        """Where a POST may be sent twice, it is as a GET."""
        running = run(
            self.meanwhile(lambda: running.peers["a:1"].closes()).retry(non_idempotent=True).proxy_to(ONE),
        )
        running[0].sends(GET)
        running.peers["a:1"].sends(OK)
        running[0].sends(NEXT)
        running.peers["a:1"].sends(OK)
        self.assertEqual(running.exchanges[-1].peers, (("a:1", 502), ("a:1", 200)))

    def test_bytes(self) -> None:
        """So it does if there is something on the connection that nobody asked for."""
        running = self.used(lambda peer: peer.connections[1].sends(b"HTTP/1.1 408 Request Timeout\r\n\r\n"))
        self.assertEqual(self.used_by(running, NEXT), 0)
        self.assertTrue(running.peers["a:1"].connections[1].is_closed)

    def test_none_open(self) -> None:
        """If none is open, it goes out on a new one, and is answered."""
        running = self.used(all_close)
        self.assertEqual(self.used_by(running, NEXT), 2)
        running.peers["a:1"].sends(OK)
        running[0].expects(OK)

    def test_restarted(self) -> None:
        """If the peer is down, it goes to another one."""
        running = self.used(lambda peer: peer.dies(), upstream("app", "a:1", peer("b:1", backup=True)))
        running[0].sends(NEXT)
        running.peers["b:1"].sends(OK)
        self.assertEqual(running.exchanges[-1].status, 200)

    def test_open(self) -> None:
        """While all are open, it goes out on the one that was used last."""
        self.assertEqual(self.used_by(self.used(lambda peer: None), NEXT), 1)

    def test_bound(self) -> None:
        """A connection that is bound to the client is looked at too."""
        running = run(self.meanwhile(lambda: running.peers["a:1"].connections[0].closes()).proxy_to(ONE))
        running[0].sends(get("/", "Authorization: NTLM TlRM"))
        running.peers["a:1"].sends(OK)
        running[0].takes()
        self.assertEqual(self.used_by(running, NEXT), 1)

    def test_fastcgi(self) -> None:
        """So is one to an application."""
        config = upstream("app", "a:1", via=fastcgi(root="/srv", keep_conn=True))
        running = run(self.meanwhile(lambda: running.peers["a:1"].connections[0].closes()).proxy_to(config))
        running[0].sends(GET)
        stdout = record(STDOUT, b"Content-Length: 2\r\n\r\nok")
        running.peers["a:1"].sends(stdout + record(END_REQUEST, bytes(8)))
        running[0].takes()
        running[0].sends(NEXT)
        self.assertEqual(len(running.peers["a:1"].connections), 2)
        self.assertIn(b"body", running.peers["a:1"].connections[1].received)

    def begun_http2(self) -> tuple[Running, H2Peer]:
        """A proxy with a stream to a peer of HTTP/2, which closes the connection when ``/next`` comes."""
        config = upstream("app", "a:1", via=http2())
        running = run(self.meanwhile(lambda: running.peers["a:1"].connections[0].closes()).proxy_to(config))
        running[0].sends(GET)
        return running, H2Peer(running.peers["a:1"].connection)

    def assert_elsewhere(self, running: Running, first: H2Peer) -> None:
        """A POST goes to the peer on another connection than *first*."""
        running[0].sends(NEXT)
        # A GET that was under way is sent again, the POST for the first time.
        asked = H2Peer(running.peers["a:1"].connections[1]).asked
        self.assertIn((b"POST", b"body"), [(each.get(b":method"), each.body) for each in asked])
        self.assertNotIn(b"POST", [each.get(b":method") for each in first.hears().asked])

    def test_http2(self) -> None:
        """And one of HTTP/2."""
        running, first = self.begun_http2()
        first.answers(1, b"ok", ANSWERED)
        running[0].takes()
        self.assert_elsewhere(running, first)

    def test_http2_shared(self) -> None:
        """The same where there are other streams on it."""
        running, first = self.begun_http2()
        running.client().sends(GET)
        first.answers(1, b"ok", ANSWERED)
        running[0].takes()
        self.assert_elsewhere(running, first)

    def test_get(self) -> None:
        """What may be sent again is: it is not looked at, and costs a GET nothing."""
        for request in (get("/next"), b"OPTIONS /next HTTP/1.1\r\nHost: h\r\n\r\n"):
            running = self.used(lambda peer: peer.connections[1].closes())
            running[0].sends(request)
            running.peers["a:1"].sends(OK)
            self.assertEqual([name for name, _ in running.exchanges[-1].peers], ["a:1", "a:1"])
            self.assertEqual(running.exchanges[-1].status, 200)
