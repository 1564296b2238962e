"""Conversations about the PROXY protocol, from proxies in front and towards peers."""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import client_address, client_port, http, server, server_port, upstream
from pydsl_proxy.config.servers import Server
from pydsl_proxy.service import ProxyService
from pydsl_proxy.testing import Client, MemoryLoop, Peers, run

LINE = b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 443\r\n"
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


class KitTests(SynchronousTestCase):
    """In memory a client has the address that it is given: nobody has to tell it."""

    def test_listener(self) -> None:
        """Clients connect as if the balancer were not there."""
        web = server(80, proxy_protocol=["10.0.0.0/8"]).location("/").respond(200, f"{client_address} {server_port}")
        client, _ = run(web, address="203.0.113.9")
        self.assertEqual(client.request("GET", "/").text, "203.0.113.9 80")

    def test_trusted(self) -> None:
        """The client that is told is the one whose forwarding fields are believed, or not."""
        web = server(80, proxy_protocol=["10.0.0.0/8"]).location("/").respond(200, client_address)
        client, _ = run(http(web, trusted_proxies=["10.0.0.0/8"]), address="203.0.113.9")
        self.assertEqual(client.request("GET", "/", {"X-Forwarded-For": "192.0.2.66"}).text, "203.0.113.9")

    def test_no_connection_is_kept(self) -> None:
        """What a peer was told of a client holds for the connection, so it has one for each request."""
        client, peers = run(upstream("app", "a:1", send_proxy_protocol=2))
        peers["a:1"].answers(200, b"ok")
        for number in range(1, 4):
            self.assertEqual(client.request("GET", "/").body, b"ok")
            self.assertEqual(len(peers["a:1"].connections), number)
            self.assertTrue(peers["a:1"].connections[-1].is_gone)


class ListenerTests(SynchronousTestCase):
    """A listener that awaits the header, as in a real process."""

    def serve(self, *senders: str) -> Server:
        """What tells who the client is."""
        web = server(80, proxy_protocol=senders or None)
        return web.location("/").respond(200, f"{client_address} {client_port} {server_port}")

    def setUp(self) -> None:
        """The service, with all that stands before HTTP."""
        self.loop = MemoryLoop(Peers())
        self.service = ProxyService(http(self.serve("10.0.0.0/8"), access_log=None), self.loop)
        self.service.startService()
        self.loop.settle()

    def client(self, address: str = "10.0.0.1") -> Client:
        """A balancer, or somebody else."""
        (port,) = self.loop.ports.values()
        client = Client(self.loop, "the client", str)
        client.connect(port, IPv4Address("TCP", "192.0.2.7", 80), IPv4Address("TCP", address, 5000))
        return client

    def told(self, client: Client) -> str:
        """The body of the last answer."""
        return client.received.rpartition(b"\r\n\r\n")[2].decode()

    def test_told(self) -> None:
        """The client is the one that is told, for all the requests of the connection."""
        client = self.client()
        client.sends(LINE[:20])
        client.sends(LINE[20:] + GET)
        self.assertEqual(self.told(client), "203.0.113.9 40000 443")
        client.sends(GET)
        self.assertEqual(self.told(client), "203.0.113.9 40000 443")

    def test_refused(self) -> None:
        """Without a header, and from elsewhere: closed without a word."""
        for address, data in (("10.0.0.1", GET), ("192.0.2.66", b""), ("10.0.0.1", LINE.replace(b"TCP4", b"TCP6"))):
            client = self.client(address)
            if not client.is_gone:
                client.sends(data)
            self.assertTrue(client.is_closed)
            client.expects(b"")

    def test_time(self) -> None:
        """A header that does not come is waited for three seconds."""
        client = self.client()
        client.sends(LINE[:-1])
        self.loop.advance(2.9)
        self.assertFalse(client.is_closed)
        self.loop.advance(0.1)
        self.assertTrue(client.is_closed)

    def test_reload(self) -> None:
        """A listener begins and ends to await headers with the configuration; it is not bound anew for that."""
        kept = self.client()
        kept.sends(LINE + GET)
        self.service.reload(http(self.serve(), access_log=None))
        client = self.client("192.0.2.66")
        client.sends(GET)
        self.assertEqual(self.told(client), "192.0.2.66 5000 80")
        kept.sends(GET)
        self.assertEqual(self.told(kept), "203.0.113.9 40000 443")
        self.service.reload(http(self.serve("192.0.2.66"), access_log=None))
        client = self.client("192.0.2.66")
        client.sends(LINE + GET)
        self.assertEqual(self.told(client), "203.0.113.9 40000 443")
        self.assertTrue(self.client().is_closed)

    def test_stop(self) -> None:
        """A connection on which nothing came yet does not hold up the end."""
        client = self.client()
        client.sends(LINE[:10])
        stopped: list[object] = []
        self.service.stopService().addCallback(stopped.append)
        self.loop.settle()
        self.assertEqual((client.is_closed, len(stopped)), (True, 1))
