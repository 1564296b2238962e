"""Conversations with clients that are slow on purpose, or too many."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import KiB, clients, http, server
from pydsl_proxy.config.client_limits import Clients
from pydsl_proxy.testing import Client, Running, run
from tests.support.failing import mistake
from tests.support.messages import GET, get

BIG = b"x" * 600_000


def proxied(limits: Clients | None = None) -> Running:
    """A proxy before one peer."""
    return run(http(server(80).location("/").proxy_to("a:1"), clients=limits))


class BodyTests(SynchronousTestCase):
    """``clients(min_body_rate=…)``."""

    def upload(self, running: Running, *fields: str) -> Client:
        """A client that begins to upload."""
        running[0].sends(get("/", *(fields or ("Content-Length: 1000000",)), method="POST"))
        return running[0]

    def sends_for(self, running: Running, seconds: int, rate: int) -> int:
        """Let the client send at a rate; how many seconds it was not cut off."""
        client = running[0]
        for second in range(seconds):
            if client.is_closed:
                return second
            client.sends(b"x" * rate)
            running.clock.advance(1)
        return seconds

    def test_fast_enough(self) -> None:
        """A client that keeps the rate is not cut, even if it halts for most of the grace."""
        running = proxied(clients(min_body_rate=100))
        self.upload(running)
        self.assertEqual(self.sends_for(running, 100, 100), 100)
        running.clock.advance(18)
        self.assertEqual(self.sends_for(running, 1, 2000), 1)
        self.assertEqual(self.sends_for(running, 100, 100), 100)

    def test_too_slow(self) -> None:
        """One that does not is answered with 408 when the grace is over, and its peer left alone."""
        running = proxied(clients(min_body_rate=100, rate_grace=10))
        client = self.upload(running)
        self.assertEqual(self.sends_for(running, 100, 99), 10)
        self.assertTrue(client.received.startswith(b"HTTP/1.1 408 "))
        self.assertEqual(running.exchanges[-1].cause, "body_timeout")
        self.assertTrue(running.peers["a:1"].is_closed)

    def test_slows_down(self) -> None:
        """A fast beginning is no credit for later."""
        running = proxied(clients(min_body_rate=100))
        self.upload(running)
        self.assertEqual(self.sends_for(running, 20, 10_000), 20)
        self.assertEqual(self.sends_for(running, 100, 10), 20)

    def test_stops(self) -> None:
        """A client that has kept the rate and then sends nothing is cut off when the next grace is over."""
        running = proxied(clients(min_body_rate=100, rate_grace=10))
        client = self.upload(running)
        client.sends(b"x" * 1000)
        running.clock.advance(19.9)
        self.assertFalse(client.is_closed)
        running.clock.advance(0.2)
        self.assertTrue(client.received.startswith(b"HTTP/1.1 408 "))

    def test_off(self) -> None:
        """Unless told, a client may take its time, as long as something comes within ``body_timeout``."""
        running = proxied()
        self.upload(running)
        for _ in range(10):
            running.clock.advance(59)
            running[0].sends(b"x")
        running.clock.advance(60)
        self.assertTrue(running[0].received.startswith(b"HTTP/1.1 408 "))

    def test_idle(self) -> None:
        """``body_timeout`` holds beside the rate, where it is shorter than the grace."""
        running = proxied(clients(min_body_rate=1, body_timeout=5))
        self.upload(running)
        running[0].sends(b"x" * 1000)
        running.clock.advance(5)
        self.assertTrue(running[0].received.startswith(b"HTTP/1.1 408 "))

    def test_chunks(self) -> None:
        """Only the body counts: chunk extensions are no progress."""
        running = proxied(clients(min_body_rate=100))
        client = self.upload(running, "Transfer-Encoding: chunked")
        for _ in range(20):
            client.sends(b"1;" + b"e" * 200 + b"\r\nx\r\n")
            running.clock.advance(1)
        self.assertTrue(client.received.startswith(b"HTTP/1.1 408 "))

    def test_slow_peer(self) -> None:
        """Time in which the peer does not read is not the client's."""
        running = proxied(clients(min_body_rate=1000))
        client = self.upload(running)
        [connection] = running.peers["a:1"].connections
        connection.stops_reading()
        client.sends(b"x" * 500_000)
        running.clock.advance(50)
        self.assertFalse(client.is_closed)
        connection.reads()
        running.clock.advance(19)
        client.sends(b"x" * 500_000)
        connection.sends(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        self.assertEqual([each.status for each in client.responses], [200])


class SendTests(SynchronousTestCase):
    """``clients(min_send_rate=…)``."""

    def download(self, limits: Clients | None) -> Running:
        """A client that has asked and does not read yet."""
        running = proxied(limits)
        running[0].stops_reading()
        running[0].sends(GET)
        running.peers["a:1"].connections[0].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 600000\r\n\r\n" + BIG)
        return running

    def reads_for(self, running: Running, seconds: int, rate: int) -> int:
        """Let the client read at a rate; how many seconds it was not cut off."""
        for second in range(seconds):
            if running[0].is_gone:
                return second
            running[0].reads(rate)
            running.clock.advance(1)
        return seconds

    def test_fast_enough(self) -> None:
        """A client that keeps the rate gets all of it."""
        running = self.download(clients(min_send_rate=3000))
        self.assertEqual(self.reads_for(running, 190, 3200), 190)
        self.assertEqual([len(each.body) for each in running[0].responses], [600_000])

    def test_too_slow(self) -> None:
        """One that does not is cut off; what waits may take the time that the rate gives it, a minute at most."""
        running = self.download(clients(min_send_rate=3000))
        self.assertLessEqual(self.reads_for(running, 250, 2000), 100)
        self.assertEqual(running.exchanges[-1].cause, "client_closed")

    def test_little(self) -> None:
        """The end of a response is sent within the grace, or not at all."""
        running = proxied(clients(min_send_rate=1000))
        client = running[0]
        client.stops_reading()
        client.sends(get("/", "Connection: close"))
        running.peers["a:1"].connections[0].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 3000\r\n\r\n" + BIG[:3000])
        client.reads(10)
        running.clock.advance(19)
        self.assertFalse(client.is_gone)
        running.clock.advance(1)
        self.assertTrue(client.is_gone)

    def test_off(self) -> None:
        """Unless told, a client may take its time, as long as it takes something within ``send_timeout``."""
        running = self.download(None)
        for _ in range(20):
            running[0].reads(1)
            running.clock.advance(59)
        self.assertFalse(running[0].is_gone)

    def test_paced(self) -> None:
        """A response that the proxy itself slows down is no slow client's."""
        config = http(
            server(80).limit_rate(100).location("/").respond(200, "x" * 20_000), clients=clients(min_send_rate=1000)
        )
        running = run(config)
        running[0].sends(GET)
        running.clock.advance(300)
        self.assertEqual([len(each.body) for each in running[0].responses], [20_000])


class ConnectionTests(SynchronousTestCase):
    """``clients(connections=…, connections_per_client=…)``."""

    def test_each(self) -> None:
        """An address has so many; the next one is closed at once, and others are served."""
        running = proxied(clients(connections_per_client=2))
        running.peers["a:1"].answers(200)
        held = [running.client("192.0.2.66") for _ in range(2)]
        refused = running.client("192.0.2.66")
        self.assertTrue(refused.was_reset)
        self.assertEqual(running[0].request("GET").status, 200)
        held[0].closes()
        self.assertEqual(running.client("192.0.2.66").request("GET").status, 200)

    def test_all(self) -> None:
        """So do all of them, over all listeners."""
        web = [server(port).location("/").respond(200) for port in (80, 81)]
        running = run(http(*web, clients=clients(connections=3)))
        others = [running.client(listen=81) for _ in range(2)]
        self.assertTrue(running.client(listen=81).is_gone)
        self.assertTrue(running.client(listen=80).is_gone)
        others[0].closes()
        self.assertEqual(running.client(listen=80).request("GET").status, 200)

    def test_reload(self) -> None:
        """A new limit holds for those who come; nobody is sent away."""
        running = proxied()
        clients_before = [running.client() for _ in range(5)]
        running.reload(http(server(80).location("/").proxy_to("a:1"), clients=clients(connections=2)))
        self.assertEqual([client.is_gone for client in clients_before], [False] * 5)
        self.assertTrue(running.client().is_gone)

    def test_stopping(self) -> None:
        """Those that were refused are not waited for."""
        running = proxied(clients(connections=1))
        running.client()
        running.stop()
        self.assertTrue(running.is_stopped)

    def test_trusted(self) -> None:
        """A trusted proxy brings many clients."""
        web = server(80).location("/").respond(200)
        running = run(http(web, trusted_proxies=["10.0.0.1"], clients=clients(connections_per_client=1)))
        balancers = [running.client("10.0.0.1") for _ in range(3)]
        self.assertEqual([each.is_gone for each in balancers], [False] * 3)


class MistakeTests(SynchronousTestCase):
    """What is no limit."""

    def test_mistakes(self) -> None:
        """Rates are bytes, connections a number."""
        self.assertEqual(mistake(clients, min_body_rate="1k")[1], "write 1 * KiB")  # type: ignore[arg-type]  # the mistake
        self.assertIn("min_send_rate", mistake(clients, min_send_rate=-1)[0])
        self.assertEqual(mistake(clients, connections=0)[0], "clients(connections=…) must be 1 or more, not 0")
        self.assertIn("connections_per_client", mistake(clients, connections_per_client=-1)[0])
        self.assertIn("rate_grace", mistake(clients, rate_grace=0)[0])
        code = "clients(min_body_rate=1024, connections=5)"
        self.assertEqual(repr(clients(min_body_rate=KiB, connections=5)), code)
