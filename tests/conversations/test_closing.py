"""Conversations: clients that leave, configurations that change, and a proxy that stops."""

from __future__ import annotations

from typing import cast

from twisted.internet.address import IPv4Address
from twisted.internet.error import CannotListenError
from twisted.trial.unittest import SynchronousTestCase, TestCase

from pydsl_proxy import clients, http, server, stream, upstream
from pydsl_proxy.config.servers import Http
from pydsl_proxy.errors import ConfigErrors
from pydsl_proxy.net.reactors import DataReactor
from pydsl_proxy.service import ProxyService
from pydsl_proxy.testing import run
from tests.support.h2 import AGREED, TLS, H2Client
from tests.support.messages import GET, OK, get, post

APP = upstream("app", "a:1")
STREAMING = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab"


def graceful(seconds: float) -> Http:
    """A proxy that waits so long when it is told to stop."""
    return http(server(80).location("/").proxy_to(APP), shutdown_grace=seconds)


class HalfClosedTests(SynchronousTestCase):
    """A client that closes its half: a simple tool that still reads, or one that has left."""

    def test_answered(self) -> None:
        """It is answered, and the connection closed."""
        client, peers = run(APP)
        client.sends(GET)
        client.half_closes()
        self.assertFalse(client.is_closed)
        peers["a:1"].sends(OK)
        client.expects(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: close\r\n\r\nok")
        self.assertTrue(client.is_gone)
        self.assertFalse(client.was_reset)

    def test_streaming(self) -> None:
        """A response that has begun is carried to its end, however long it takes, if its bytes keep coming."""
        client, peers = running = run(APP)
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n")
        client.half_closes()
        for _ in range(10):
            running.clock.advance(4.9)
            peers["a:1"].sends(b"ab")
        self.assertEqual(client.responses[0].body, 10 * b"ab")
        self.assertTrue(client.is_gone)
        self.assertFalse(client.was_reset)

    def test_silent(self) -> None:
        """One of which nothing comes is given up: the client may have left, and its slot and its peer are needed."""
        for begun in (STREAMING, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n"):
            web = server(80).location("/").limit_connections(1).proxy_to(APP)
            client, peers = running = run(web)
            client.sends(GET)
            peers["a:1"].sends(begun)
            running.clock.advance(20)
            client.half_closes()
            running.clock.advance(4.9)
            self.assertFalse(peers["a:1"].is_closed)
            running.clock.advance(0.1)
            self.assertTrue(peers["a:1"].was_reset)
            self.assertTrue(client.is_gone)
            self.assertEqual((running.exchanges[0].status, running.exchanges[0].cause), (200, "client_closed"))
            other = running.client()
            other.sends(GET)
            peers["a:1"].sends(OK)
            self.assertEqual(other.responses[0].status, 200)

    def test_pipelined_and_silent(self) -> None:
        """The time of a request that was sent ahead begins with it."""
        client, peers = running = run(APP)
        client.sends(get("/1") + get("/2"))
        client.half_closes()
        running.clock.advance(3)
        peers["a:1"].sends(OK)
        running.clock.advance(4.9)
        self.assertFalse(client.is_gone)
        running.clock.advance(0.1)
        self.assertTrue(client.is_gone)
        self.assertEqual([each.status for each in running.exchanges], [200, 499])

    def test_not_for_ever(self) -> None:
        """One whose answer does not begin in time is taken to have left, and the attempt ended."""
        client, peers = running = run(http(server(80).location("/").proxy_to(APP), clients=clients(half_close=5)))
        client.sends(GET)
        client.half_closes()
        running.clock.advance(4.9)
        self.assertFalse(peers["a:1"].is_closed)
        running.clock.advance(0.1)
        self.assertTrue(peers["a:1"].was_reset)
        self.assertTrue(client.is_gone)
        self.assertEqual((running.exchanges[0].status, running.exchanges[0].cause), (499, "client_closed"))

    def test_idle(self) -> None:
        """Between requests it is the end."""
        client, peers = run(APP)
        peers["a:1"].answers(200, b"ok")
        client.request("GET")
        client.half_closes()
        self.assertTrue(client.is_gone)

    def test_within_a_head(self) -> None:
        """So it is before a request is complete."""
        client, peers = run(APP)
        client.sends(b"GET / HTTP/1.1\r\n")
        client.half_closes()
        self.assertTrue(client.is_gone)
        client.expects(b"")
        self.assertEqual(len(peers), 0)

    def test_within_a_body(self) -> None:
        """A request whose body cannot become complete is given up; the peer must not take it for complete."""
        client, peers = running = run(APP)
        client.sends(get("/", "Content-Length: 4", method="POST") + b"ab")
        client.half_closes()
        self.assertTrue(client.is_gone)
        self.assertTrue(peers["a:1"].was_reset)
        self.assertEqual(running.exchanges[0].status, 499)

    def test_pipelined(self) -> None:
        """Requests that were sent ahead are answered yet; the answer to the last says that it is."""
        client, peers = run(APP)
        client.sends(get("/1") + get("/2"))
        client.half_closes()
        peers["a:1"].sends(OK)
        client.expects(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        peers["a:1"].sends(OK)
        client.expects(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: close\r\n\r\nok")
        self.assertTrue(client.is_gone)


class LeavingTests(SynchronousTestCase):
    """A client that is gone."""

    def test_while_asked(self) -> None:
        """Its attempt is cancelled: nobody waits for the answer."""
        client, peers = running = run(APP)
        client.sends(GET)
        client.closes()
        self.assertTrue(peers["a:1"].was_reset)
        self.assertEqual((running.exchanges[0].status, running.exchanges[0].cause), (499, "client_closed"))

    def test_while_connecting(self) -> None:
        """So is one that is not connected yet."""
        client, peers = running = run(APP)
        peers["a:1"].times_out()
        client.sends(GET)
        client.closes()
        self.assertFalse(peers["a:1"].is_asked)
        peers["a:1"].accepts()
        self.assertEqual(peers["a:1"].connections, [])
        self.assertEqual(len(running.exchanges), 1)

    def test_while_answered(self) -> None:
        """So is a response that still comes; it is logged with the status it had."""
        client, peers = running = run(APP)
        client.sends(GET)
        peers["a:1"].sends(STREAMING)
        client.closes()
        self.assertTrue(peers["a:1"].was_reset)
        self.assertEqual((running.exchanges[0].status, running.exchanges[0].sent), (200, 2))

    def test_with_more(self) -> None:
        """What it had sent ahead is never begun."""
        client, peers = running = run(APP)
        client.sends(GET + GET)
        client.resets()
        self.assertEqual(len(peers["a:1"].requests), 1)
        self.assertEqual(len(running.exchanges), 1)

    def test_logged_once(self) -> None:
        """A response that is sent to the last byte is no failure, whatever the client does next."""
        client, peers = running = run(APP)
        client.sends(GET)
        peers["a:1"].sends(OK)
        client.closes()
        self.assertEqual([(each.status, each.cause) for each in running.exchanges], [(200, "")])


class ReloadTests(SynchronousTestCase):
    """Another configuration is put in force."""

    def test_equal_upstream(self) -> None:
        """An upstream that is equal keeps its connections and its health."""
        app = upstream("app", "a:1", "b:1")
        client, peers = running = run(app)
        peers["a:1"].refuses()
        peers["b:1"].answers(200, b"ok")
        client.request("GET")
        running.reload(server(80).location("/new").proxy_to(upstream("app", "a:1", "b:1")))
        self.assertEqual(client.request("GET", "/new").status, 200)
        self.assertEqual(client.request("GET", "/old").status, 404)
        self.assertEqual(len(peers["b:1"].connections), 1)
        self.assertEqual(running.exchanges[1].peers, (("b:1", 200),))

    def test_other_upstream(self) -> None:
        """One that is not wanted any more closes its idle connections."""
        client, peers = running = run(APP)
        peers["a:1"].answers(200, b"ok")
        client.request("GET")
        running.reload(upstream("app", "b:1"))
        self.assertTrue(peers["a:1"].is_closed)
        client.sends(GET)
        peers["b:1"].expects(GET)

    def test_under_way(self) -> None:
        """What has begun ends as it began, on the connections that it has; then they are closed."""
        client, peers = running = run(server(80).location("/").set_response_header("X-A", "old").proxy_to(APP))
        client.sends(get("/", "Content-Length: 4", method="POST") + b"ab")
        running.reload(server(80).location("/").set_response_header("X-A", "new").proxy_to("b:1"))
        client.sends(b"cd")
        peers["a:1"].sends(OK)
        self.assertEqual(client.responses[0].headers["x-a"], "old")
        self.assertTrue(peers["a:1"].is_closed)
        peers["b:1"].answers(200, b"new")
        response = client.request("GET")
        self.assertEqual((response.headers["x-a"], response.body), ("new", b"new"))

    def test_pipelined(self) -> None:
        """A request that waits for its turn is begun on the new one."""
        client, peers = running = run(APP)
        client.sends(GET + GET)
        running.reload(upstream("app", "b:1"))
        peers["a:1"].sends(OK)
        peers["b:1"].expects(GET)

    def test_mistakes(self) -> None:
        """A configuration with mistakes changes nothing."""
        client, peers = running = run(APP)
        broken = server(80).location("/").respond(200, "1").location("/").respond(200, "2")
        self.assertRaises(ConfigErrors, running.reload, broken)
        client.sends(GET)
        peers["a:1"].expects(GET)

    def test_listeners(self) -> None:
        """A new endpoint is bound; one that is not wanted any more takes no clients and lets its idle ones go."""
        running = run(server(80).location("/").proxy_to(APP))
        idle, busy = running.client(), running.client()
        busy.sends(GET)
        running.reload(server(81).location("/").proxy_to(APP))
        self.assertTrue(idle.is_gone)
        self.assertFalse(busy.is_closed)
        running.peers["a:1"].sends(OK)
        self.assertEqual(busy.responses[0].status, 200)
        self.assertTrue(busy.is_gone)
        self.assertRaises(ValueError, running.client, listen=80)
        running.client(listen=81).sends(GET)

    def test_taken(self) -> None:
        """An endpoint that cannot be bound is told as such, the rest is in force, and the next reload tries again."""
        running = run(server(80).location("/").respond(200, "old"))
        taken = IPv4Address("TCP", "0.0.0.0", 81)
        running.clock.ports[taken] = next(iter(running.clock.ports.values()))
        both = server(80, 81).location("/").respond(200, "new")
        self.assertRaises(CannotListenError, running.reload, both)
        self.assertEqual(running.client(listen=80).request("GET").body, b"new")
        del running.clock.ports[taken]
        running.reload(both)
        self.assertEqual(running.client(listen=81).request("GET").body, b"new")


class RebindingTests(TestCase):
    """A reload changes how a port is bound."""

    async def test_interface(self) -> None:
        """The port is bound anew when the old binding is gone, and an overtaken change does not get in the way."""
        from twisted.internet import reactor

        def at(listen: str) -> Http:
            return http(server(listen).location("/").respond(200), access_log=None)

        service = ProxyService(at("tcp:0"), cast(DataReactor, reactor))
        self.addCleanup(service.stopService)
        await service.startService()
        port = cast(IPv4Address, service.addresses["tcp:0"]).port
        everywhere, here = f"tcp:{port}", f"tcp:{port}:interface=127.0.0.1"
        await service.reload(at(everywhere))
        await service.reload(at(here))
        self.assertEqual(service.addresses, {here: IPv4Address("TCP", "127.0.0.1", port)})
        overtaken = service.reload(at(everywhere))
        await service.reload(at(here))
        await overtaken
        self.assertEqual(list(service.addresses), [here])


class StoppingTests(SynchronousTestCase):
    """The proxy is told to stop."""

    def test_idle(self) -> None:
        """Idle clients are let go at once, and peers; no new ones are taken."""
        client, peers = running = run(graceful(30))
        peers["a:1"].answers(200, b"ok")
        client.request("GET")
        running.stop()
        self.assertTrue(client.is_gone)
        self.assertTrue(running.is_stopped)
        self.assertTrue(peers["a:1"].is_closed)
        self.assertEqual(running.clock.ports, {})

    def test_under_way(self) -> None:
        """What is under way may end, and says that the connection closes."""
        client, peers = running = run(graceful(30))
        client.sends(GET)
        running.stop()
        self.assertFalse(running.is_stopped)
        running.clock.advance(29)
        peers["a:1"].sends(OK)
        client.expects(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: close\r\n\r\nok")
        self.assertTrue(running.is_stopped)

    def test_upload_under_way(self) -> None:
        """So may an upload."""
        client, peers = running = run(graceful(30))
        client.sends(post(b"body")[:-2])
        running.stop()
        client.sends(b"dy")
        peers["a:1"].sends(OK)
        self.assertEqual(client.responses[0].status, 200)
        self.assertTrue(running.is_stopped)

    def test_grace(self) -> None:
        """After the grace a request without an answer gets 503; its attempt is cut off, and nobody else is blamed."""
        client, peers = running = run(graceful(30))
        client.sends(GET)
        running.stop()
        running.clock.advance(30)
        self.assertEqual(client.responses[0].status, 503)
        self.assertEqual(client.responses[0].headers["connection"], "close")
        self.assertTrue(client.is_gone and peers["a:1"].was_reset and running.is_stopped)
        ended = running.exchanges[0]
        self.assertEqual((ended.status, ended.cause), (503, "shutdown"))
        self.assertIn("the proxy was stopped", ended.message)

    def test_grace_begun(self) -> None:
        """A response that has begun is cut off, so that nobody takes it for whole, with the same cause."""
        chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n"
        for begun in (STREAMING, chunked, b"HTTP/1.1 200 OK\r\n\r\nab"):
            client, peers = running = run(graceful(30))
            client.sends(GET)
            peers["a:1"].sends(begun)
            running.stop()
            running.clock.advance(30)
            self.assertTrue(client.is_gone and peers["a:1"].was_reset and running.is_stopped)
            self.assertFalse(client.received.endswith(b"0\r\n\r\n"))
            self.assertEqual((running.exchanges[0].status, running.exchanges[0].cause), (200, "shutdown"))

    def test_grace_upload(self) -> None:
        """So is a request whose body still comes; the client is read on for a moment, so that it sees the answer."""
        client, peers = running = run(graceful(30))
        client.sends(post(b"body")[:-2])
        running.stop()
        running.clock.advance(30)
        self.assertEqual(client.responses[0].status, 503)
        self.assertFalse(client.was_reset)
        running.clock.advance(1)
        self.assertTrue(client.is_gone and peers["a:1"].was_reset and running.is_stopped)
        self.assertEqual(running.exchanges[0].cause, "shutdown")

    def test_grace_slow_client(self) -> None:
        """A client that takes nothing is cut off a second later."""
        client, peers = running = run(graceful(30))
        client.stops_reading()
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n" + bytes(100_000))
        running.stop()
        running.clock.advance(30.9)
        self.assertFalse(running.is_stopped)
        running.clock.advance(0.1)
        self.assertTrue(running.is_stopped)
        self.assertEqual(running.exchanges[0].cause, "shutdown")

    def test_grace_http2(self) -> None:
        """Each stream without an answer gets 503, one with an answer is reset, and the connection ends with GOAWAY."""
        web = server(443, tls=TLS).location("/").proxy_to(APP)
        running = run(http(web, shutdown_grace=30), handshake=AGREED)
        client = H2Client(running[0])
        begun, waiting = client.begin(), client.begin("POST", end=False)
        running.peers["a:1"].connections[0].sends(STREAMING)
        running.stop()
        running.clock.advance(30)
        client.flush()
        self.assertEqual((client.answers[begun].status, client.answers[begun].ended), (200, False))
        self.assertEqual((client.answers[waiting].status, client.answers[waiting].ended), (503, True))
        self.assertIsNotNone(client.answers[begun].reset)
        self.assertIsNotNone(client.goaway)
        running.clock.advance(1)
        self.assertTrue(running.is_stopped)
        self.assertEqual(
            sorted((each.status, each.cause) for each in running.exchanges), [(200, "shutdown"), (503, "shutdown")]
        )

    def test_grace_stream(self) -> None:
        """Connections that are passed on are cut off, and the log says by whom, whether a peer was reached or not."""
        db = upstream("db", "a:1", "b:1")
        running = run(http(stream(81).timeouts(connect=60).proxy_to(db), shutdown_grace=20))
        client, peers = running
        client.sends(b"1")
        peers["b:1"].times_out()
        waiting = running.client()
        running.stop()
        running.clock.advance(20)
        self.assertTrue(client.is_gone and waiting.is_gone and running.is_stopped)
        self.assertEqual(
            sorted((each.status, each.cause) for each in running.exchanges), [(200, "shutdown"), (503, "shutdown")]
        )

    def test_lingering(self) -> None:
        """A client that is read on, so that no reset destroys its answer, does not hold the stop for long."""
        for before in (True, False):
            client, peers = running = run(graceful(30))
            client.sends(post(b"body")[:-2])
            if not before:
                running.stop()
            peers["a:1"].sends(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            if before:
                running.stop()
            self.assertEqual(client.responses[0].status, 403)
            client.sends(b"d")
            self.assertFalse(running.is_stopped)
            running.clock.advance(0.5)
            self.assertTrue(running.is_stopped)

    def test_no_grace(self) -> None:
        """``shutdown_grace=0`` waits for nobody."""
        client, _ = running = run(graceful(0))
        client.sends(GET)
        running.stop()
        self.assertTrue(client.is_gone)
        self.assertTrue(running.is_stopped)

    def test_nothing_left(self) -> None:
        """No timer of the proxy outlives it."""
        client, peers = running = run(graceful(30))
        peers["a:1"].answers(200, b"ok")
        client.request("GET")
        running.client().sends(b"GET")
        running.stop()
        running.clock.advance(100)
        self.assertEqual(running.clock.getDelayedCalls(), [])

    def test_pipelined(self) -> None:
        """Of requests that were sent ahead the one at hand is answered, the others are not begun."""
        client, peers = running = run(graceful(30))
        client.sends(GET + GET)
        running.stop()
        peers["a:1"].sends(OK)
        self.assertTrue(client.is_closed)
        self.assertEqual(len(client.responses), 1)

    def test_reload(self) -> None:
        """A proxy that is stopping takes no other configuration: no port is opened, and it comes to its end."""
        client, peers = running = run(graceful(30))
        client.sends(GET)
        running.stop()
        before = running.service.config
        running.reload(server(81).location("/").proxy_to(APP))
        self.assertIs(running.service.config, before)
        self.assertEqual(running.clock.ports, {})
        peers["a:1"].sends(OK)
        self.assertEqual(client.responses[0].status, 200)
        self.assertTrue(running.is_stopped)

    def test_endpoint_gone(self) -> None:
        """Clients of an endpoint that a reload took away are waited for, too."""
        client, peers = running = run(graceful(30))
        client.sends(GET)
        running.reload(http(server(81).location("/").proxy_to(APP), shutdown_grace=30))
        running.stop()
        self.assertFalse(running.is_stopped)
        peers["a:1"].sends(OK)
        self.assertEqual(client.responses[0].status, 200)
        self.assertTrue(running.is_stopped)

    def test_endpoint_gone_grace(self) -> None:
        """After the grace they are cut off like all others."""
        client, _ = running = run(graceful(30))
        client.sends(GET)
        running.reload(http(server(81).location("/").proxy_to(APP), shutdown_grace=30))
        running.stop()
        running.clock.advance(30)
        self.assertEqual(client.responses[0].status, 503)
        self.assertTrue(running.is_stopped)

    def test_twice(self) -> None:
        """Told again, both wait for the same end."""
        client, peers = running = run(graceful(30))
        client.sends(GET)
        ends: list[object] = []
        running.service.stopService().addCallback(ends.append)
        running.service.stopService().addCallback(ends.append)
        peers["a:1"].sends(OK)
        self.assertEqual(ends, [None, None])
