"""The test kit: what it promises to those who test their configurations with it."""

from __future__ import annotations

import os
from collections.abc import Callable

from twisted.internet.error import CannotListenError
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import fastcgi, http, http2, random_one, scgi, server, stream, upstream, uwsgi
from pydsl_proxy.config.loading import load as loading
from pydsl_proxy.errors import ConfigError, ConfigErrors
from pydsl_proxy.observe.access_logs import access_log
from pydsl_proxy.observe.logged_exchange import LoggedExchange
from pydsl_proxy.testing import Headers, ReceivedRequest, Response, Running, load, run
from tests.support.messages import GET, OK, get

APP = upstream("app", "a:1")


def said(action: Callable[[], object]) -> str:
    """What the AssertionError of an action says."""
    try:
        action()
    except AssertionError as error:
        return str(error)
    raise AssertionError("nothing was wrong with it")


class ExpectTests(SynchronousTestCase):
    """Expectations are exact, and tell what is wrong line by line."""

    def asked(self) -> Running:
        """A proxy whose peer has got a request."""
        running = run(APP)
        client, _ = running
        client.sends(GET)
        return running

    def test_added_fields(self) -> None:
        """Fields that the proxy adds by itself are passed over, unless the expected bytes have one of them."""
        _, peers = self.asked()
        self.assertIn(b"X-Real-IP", peers["a:1"].received)
        peers["a:1"].expects(GET)
        _, peers = self.asked()
        self.assertIn("X-Forwarded-Host", said(lambda: peers["a:1"].expects(get("/", "X-Real-IP: 127.0.0.1"))))

    def test_in_heads_only(self) -> None:
        """Of a body every byte counts."""
        body = b"\r\nX-Real-IP: 1\r\n"
        client, peers = run(APP)
        client.sends(get("/", f"Content-Length: {len(body)}") + body)
        self.assertIn("received", said(lambda: peers["a:1"].expects(get("/", f"Content-Length: {len(body)}"))))
        self.assertTrue(peers["a:1"].takes().endswith(body))

    def test_since_the_last_time(self) -> None:
        """What was expected or taken is not expected again."""
        client, peers = self.asked()
        peers["a:1"].expects(GET)
        peers["a:1"].expects(b"")
        peers["a:1"].sends(OK)
        client.expects(OK)
        client.expects(b"")
        self.assertEqual(client.takes(), b"")

    def test_after_a_failure(self) -> None:
        """What was not as expected is still there."""
        _, peers = self.asked()
        said(lambda: peers["a:1"].expects(OK))
        peers["a:1"].expects(GET)

    def test_difference(self) -> None:
        """Each line that is missing or too many is marked, with its line end."""
        _, peers = self.asked()
        text = said(lambda: peers["a:1"].expects(b"GET /other HTTP/1.1\r\nhost: x\n\r\n"))
        for line in ("- GET /other HTTP/1.1\\r\\n", "+ GET / HTTP/1.1\\r\\n", "- host: x\\n", "+ host: x\\r\\n"):
            self.assertIn(f"\n  {line}\n", text)
        self.assertIn("a:1 did not receive", text)
        self.assertIn("differ from byte 5 on", text)

    def test_long_lines(self) -> None:
        """A long body is shown by its ends."""
        client, _ = run(server(80).location("/").respond(200, "x" * 100_000))
        client.sends(GET)
        self.assertLess(len(said(lambda: client.expects(OK))), 1500)

    def test_closed(self) -> None:
        """That the proxy has closed the connection is said too."""
        client, _ = run(APP)
        client.half_closes()
        self.assertIn("the proxy has closed", said(lambda: client.expects(OK)))

    def test_no_connection(self) -> None:
        """A peer that the proxy never connected to has received nothing; the message says who was."""
        client, peers = run(upstream("app", "a:1", "b:1"))
        client.sends(GET)
        peers["b:1"].expects(b"")
        self.assertEqual(peers["b:1"].received, b"")
        text = said(lambda: peers["b:1"].expects(GET))
        self.assertEqual(text, "the proxy made no connection to b:1, but it did to a:1")

    def test_unknown(self) -> None:
        """An address that no configuration in force so far has is a KeyError, which names those that are known."""
        web = server(80).location("/").mirror("b:1").auth_request("c:1").proxy_to(upstream("app", "a:1", "a:2"))
        running = run(http(web, stream(81).proxy_to("https://d:1")))
        for address in ("a:1", "a:2", "b:1", "c:1", "d:1", "https://d:1"):
            self.assertEqual(running.peers[address].requests, [])
        with self.assertRaisesRegex(KeyError, "'127.0.0.1:9999' is no peer of the configuration; .*'a:1', 'a:2'"):
            running.peers["127.0.0.1:9999"]
        running.reload(upstream("app", "e:1"))
        self.assertEqual(running.peers["e:1"].requests, [])
        self.assertEqual(running.peers["a:1"].requests, [])
        with self.assertRaisesRegex(KeyError, "its peers: none"):
            run(server(80).location("/").respond(200)).peers["a:1"]

    def test_request(self) -> None:
        """``expects_request`` compares the last complete request by its parts."""
        client, peers = run(APP)
        self.assertIn("no connection", said(lambda: peers["a:1"].expects_request("GET", "/")))
        client.sends(get("/p", "Content-Length: 2", method="PUT") + b"ok")
        peers["a:1"].expects_request("PUT", "/p", body=b"ok")
        peers["a:1"].expects_request("PUT", "/p", {"Host": "x", "Content-Length": "2"}, b"ok")
        self.assertIn("- host: y", said(lambda: peers["a:1"].expects_request("PUT", "/p", {"host": "y"}, b"ok")))
        self.assertIn("- PUT /q", said(lambda: peers["a:1"].expects_request("PUT", "/q", body=b"ok")))
        self.assertIn("+ x-real-ip", said(lambda: peers["a:1"].expects_request("PUT", "/p", {"x-forwarded-for": ""})))


class ClientTests(SynchronousTestCase):
    """Clients that ask and are answered."""

    def test_request(self) -> None:
        """``request`` writes the request and reads the response, whatever its framing."""
        client, peers = run(APP)
        peers["a:1"].answers_by(
            lambda request: Response(201, request.body.upper(), {"X-Method": request.method, "x-t": request.target})
        )
        response = client.request("POST", "/p?q", {"X-A": "1"}, b"body")
        self.assertEqual((response.status, response.reason, response.text), (201, "Created", "BODY"))
        self.assertEqual((response.headers["x-method"], response.headers["X-T"]), ("POST", "/p?q"))
        peers["a:1"].expects_request("POST", "/p?q", {"Host": "localhost", "X-A": "1", "Content-Length": "4"}, b"body")
        self.assertEqual(client.request("HEAD").body, b"")
        client.expects(b"")

    def test_chunks_and_trailers(self) -> None:
        """A chunked response is put together, and one that ends with the close."""
        client, peers = run(APP)
        client.sends(GET)
        peers["a:1"].sends(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nx-t: 1\r\n\r\n"
        )
        self.assertEqual(client.responses[0].body, b"abc")
        self.assertEqual(client.responses[0].trailers, Headers({"x-t": "1"}))
        client.sends(b"GET / HTTP/1.0\r\n\r\n")
        peers["a:1"].sends(b"HTTP/1.0 200 OK\r\n\r\nabc")
        self.assertEqual(len(client.responses), 1)
        peers["a:1"].closes()
        self.assertEqual(client.responses[1].body, b"abc")

    def test_no_response(self) -> None:
        """If there is no response, the message says who is to blame."""
        client, peers = run(APP)
        text = said(lambda: client.request("GET", "/p"))
        self.assertEqual(text, "the client has no response to GET /p: a:1 has a request and has not answered it")
        peers["a:1"].sends(OK)
        client, peers = run(APP)
        peers["a:1"].times_out()
        self.assertIn("a:1 has not accepted the connection", said(lambda: client.request("GET")))

    def test_closed(self) -> None:
        """A connection that is closed cannot be used."""
        client, _ = running = run(server(80).location("/").respond(200, "ok"))
        client.request("GET", "/", {"Connection": "close"})
        self.assertIn("running.client()", said(lambda: client.request("GET")))
        self.assertIn("the proxy has closed", said(lambda: client.sends(GET)))
        self.assertEqual(running.client().request("GET").text, "ok")
        client = running.client()
        client.closes()
        self.assertTrue(client.is_gone)
        self.assertRaises(AssertionError, client.sends, GET)

    def test_addresses(self) -> None:
        """Each client has its address, and a port of its own."""
        seen: list[str] = []

        def remember(request: object) -> str:
            seen.append(f"{request.client_address} {request.client_port}")  # type: ignore[attr-defined]
            return "ok"

        running = run(server(80).location("/").respond(200, remember), address="192.0.2.1")
        running[0].request("GET")
        running.client("2001:db8::1").request("GET")
        self.assertEqual(seen, ["192.0.2.1 50001", "2001:db8::1 50002"])

    def test_back_pressure(self) -> None:
        """One that reads so much and no more leaves the rest with the proxy."""
        client, _ = run(server(80).location("/").respond(200, "x" * 1000))
        client.stops_reading()
        client.sends(GET)
        self.assertEqual(client.received, b"")
        self.assertGreater(client.unsent, 1000)
        client.reads(100)
        self.assertEqual(len(client.received), 100)
        client.reads()
        self.assertEqual(client.unsent, 0)
        self.assertEqual(len(client.responses), 1)


class PeerTests(SynchronousTestCase):
    """Peers that follow a script."""

    def test_languages(self) -> None:
        """A peer answers in what it is asked in, and knows what it was told."""
        for via in (fastcgi(root="/srv"), uwsgi(), scgi()):
            client, peers = run(upstream("app", "a:1", via=via))
            peers["a:1"].answers(404, b"none", {"X-A": "1"})
            response = client.request("POST", "/a.php?b", {"X-B": "2"}, b"body")
            self.assertEqual((response.status, response.text, response.headers["x-a"]), (404, "none", "1"))
            peers["a:1"].expects_request("POST", "/a.php?b", body=b"body")
            [request] = peers["a:1"].requests
            self.assertEqual((request.headers["x-b"], request.params["HTTP_X_B"]), ("2", "2"))
            self.assertEqual((request.headers["content-length"], request.params["QUERY_STRING"]), ("4", "b"))

    def test_http2(self) -> None:
        """In HTTP/2 too, with bodies of any size and trailers both ways, several requests on a connection."""
        client, peers = running = run(upstream("app", "a:1", via=http2()))
        trailers = Headers({"Grpc-Status": "0"})
        peers["a:1"].answers_by(lambda request: Response(200, request.body, {"X-A": "1"}, trailers))
        response = client.request("POST", "/a?b", {"X-B": "2", "Host": "h"}, b"body")
        self.assertEqual((response.status, response.body, response.headers["x-a"]), (200, b"body", "1"))
        self.assertEqual(response.trailers, Headers({"grpc-status": "0"}))
        peers["a:1"].expects_request("POST", "/a?b", {"x-b": "2", "host": "h", "content-length": "4"}, b"body")
        body = bytes(300_000)
        self.assertEqual(client.request("POST", "/", {"X-Long": "x" * 20_000}, body).body, body)
        client.sends(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-T: 1\r\n\r\n")
        self.assertEqual(peers["a:1"].requests[-1].trailers, Headers({"x-t": "1"}))
        peers["a:1"].answers(204)
        self.assertEqual(running.client().request("GET", "/").status, 204)
        other = run(upstream("app", "a:1", via=http2()))
        other[0].sends(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n" + body)
        self.assertEqual(other.peers["a:1"].requests, [])
        other.peers["a:1"].answers(200)
        self.assertEqual(other.peers["a:1"].requests[0].body, body)
        self.assertEqual(client.request("HEAD", "/").status, 204)
        self.assertEqual(len(peers["a:1"].connections), 1)
        self.assertEqual(peers["a:1"].connection.request_lines[0], "POST /a?b HTTP/2")

    def test_answers(self) -> None:
        """A standing answer is for all requests, those that wait too, until the script goes on by hand."""
        client, peers = run(APP)
        client.sends(GET)
        peers["a:1"].answers(200, b"one", {"X-A": "1"})
        self.assertEqual(client.responses[0].text, "one")
        peers["a:1"].answers(204)
        self.assertEqual(client.request("GET").status, 204)
        peers["a:1"].waits()
        client.sends(GET)
        peers["a:1"].sends(OK)
        client.expects(OK)
        peers["a:1"].answers(500)
        client.expects(b"")

    def test_requests(self) -> None:
        """Every complete request is kept, whichever connection it came by."""
        client, peers = run(APP)
        client.sends(get("/1", "X-A: 1", "X-A: 2", "Transfer-Encoding: chunked") + b"2\r\nab\r\n")
        self.assertEqual(peers["a:1"].requests, [])
        client.sends(b"0\r\nX-T: 1\r\n\r\n")
        request = peers["a:1"].requests[0]
        self.assertEqual((request.method, request.target, request.body), ("GET", "/1", b"ab"))
        self.assertEqual((request.headers["x-a"], request.headers.all("X-A")), ("1, 2", ["1", "2"]))
        self.assertEqual(request.trailers, Headers({"x-t": "1"}))

    def test_connections(self) -> None:
        """A peer speaks on the connection used last; each can be taken by itself."""
        running = run(APP)
        first, peers = running
        second = running.client()
        first.sends(get("/1"))
        second.sends(get("/2"))
        peers["a:1"].expects(get("/2"))
        peers["a:1"].connections[0].expects(get("/1"))
        peers["a:1"].connections[0].sends(OK)
        first.expects(OK)
        second.expects(b"")
        self.assertEqual(peers["a:1"].connection, peers["a:1"].connections[1])

    def test_dies(self) -> None:
        """A peer that dies closes what it has and accepts no more, until it accepts again."""
        client, peers = run(APP)
        peers["a:1"].answers(200, b"ok")
        client.request("GET")
        peers["a:1"].dies()
        self.assertTrue(peers["a:1"].is_closed)
        self.assertEqual(client.request("GET").status, 502)
        peers["a:1"].accepts()
        self.assertEqual(client.request("GET").status, 200)

    def test_closes_in_order(self) -> None:
        """What was sent before the close is read before it."""
        client, peers = run(APP)
        client.stops_reading()
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 1_000_000)
        self.assertGreater(peers["a:1"].unread, 0)
        peers["a:1"].closes()
        client.reads()
        self.assertEqual(len(client.responses[0].body), 1_000_000)
        self.assertFalse(peers["a:1"].was_reset)

    def test_mapping(self) -> None:
        """Any address may be asked for, if it is one."""
        _, peers = run(APP)
        self.assertNotIn("a:1", peers)
        peers["a:1"].refuses()
        self.assertEqual(list(peers), ["a:1"])
        self.assertRaises(ConfigError, lambda: peers["a"])

    def test_repr(self) -> None:
        """What one sees of them at a prompt."""
        client, peers = run(APP)
        client.sends(GET)
        self.assertEqual(repr(peers["a:1"]), "<a:1: 1 connections, 1 requests>")
        self.assertEqual(repr(client), "<the client: 0 bytes received and not yet expected>")


class RunTests(SynchronousTestCase):
    """What can be run, and how."""

    def test_kinds(self) -> None:
        """An upstream, a server, or the whole."""
        for config in (APP, server(80).location("/").proxy_to(APP), http(server(80).location("/").proxy_to(APP))):
            client, peers = run(config)
            client.sends(GET)
            peers["a:1"].expects(GET)

    def test_load(self) -> None:
        """The ``proxy.py`` of a user."""
        self.assertIs(load, loading.load)
        path = os.path.join(self.mktemp())
        os.mkdir(path)
        file = os.path.join(path, "proxy.py")
        with open(file, "w") as stream:
            stream.write('from pydsl_proxy import server\nproxy = server(8080).location("/").respond(200, "ok")\n')
        client, _ = run(load(file))
        self.assertEqual(client.request("GET").text, "ok")

    def test_mistakes(self) -> None:
        """A configuration with mistakes is refused as ever."""
        self.assertRaises(ConfigErrors, run, server(80))

    def test_listen(self) -> None:
        """The first client comes to the first endpoint, unless told otherwise."""
        both = (
            server(80, "tcp:81:interface=\\:\\:1").location("/").respond(200, lambda request: str(request.server_port))
        )
        running = run(both)
        self.assertEqual(running[0].request("GET").text, "80")
        self.assertEqual(run(both, listen="tcp:81:interface=\\:\\:1")[0].request("GET").text, "81")
        self.assertIn("only at 'tcp:80'", str(self.assertRaises(ValueError, running.client, listen=82)))

    def test_free_port(self) -> None:
        """Port 0 is some port, as ever."""
        running = run(server(0).location("/").respond(200, lambda request: str(request.server_port)))
        self.assertGreater(int(running[0].request("GET").text), 1024)

    def test_same_port(self) -> None:
        """Two endpoints at one port are refused as by a kernel."""
        twice = http(
            server("tcp:80").location("/").respond(200, "1"), server("tcp:port=80").location("/").respond(200, "2")
        )
        self.assertRaises(CannotListenError, run, twice)

    def test_seed(self) -> None:
        """Lots are drawn alike each time."""

        def drawn(seed: int) -> list[str]:
            client, peers = run(upstream("app", random_one(), "a:1", "b:1"), seed=seed)
            for name in ("a:1", "b:1"):
                peers[name].answers(200, name.encode())
            return [client.request("GET").text for _ in range(20)]

        self.assertEqual(drawn(1), drawn(1))
        self.assertNotEqual(drawn(1), drawn(2))


class ClockTests(SynchronousTestCase):
    """Time."""

    def test_in_order(self) -> None:
        """Every timer runs at its own time, with all that it leads to."""
        running = run(APP)
        seen: list[float] = []
        start = running.clock.seconds()

        def tick() -> None:
            seen.append(running.clock.seconds() - start)
            if len(seen) < 5:
                running.clock.callLater(1, tick)

        running.clock.callLater(1, tick)
        running.clock.advance(3.5)
        self.assertEqual(seen, [1, 2, 3])
        self.assertEqual(running.clock.seconds() - start, 3.5)

    def test_busy(self) -> None:
        """What never comes to rest is told, and does not hang."""
        running = run(APP)

        def again() -> None:
            running.clock.callLater(0, again)

        again()
        self.assertIn("still busy", said(running.clock.settle))


class LogTests(SynchronousTestCase):
    """What is logged."""

    def test_lines(self) -> None:
        """The lines of the access log, in the format of the configuration; no file is written."""
        running = run(server(80).location("/").respond(200, "ok"))
        running[0].request("GET", "/p", {"User-Agent": "me"})
        self.assertEqual(running.log, ['127.0.0.1 - - [09/Sep/2001:01:46:40 +0000] "GET /p HTTP/1.1" 200 2 "-" "me"'])

    def test_format(self) -> None:
        """A format of the user's own; and no log."""
        from pydsl_proxy import client_address

        one = server(80).location("/").respond(200, "ok")
        running = run(http(one, access_log=access_log("/no/such/file", format=f"<{client_address}>")))
        running[0].request("GET")
        self.assertEqual(running.log, ["<127.0.0.1>"])
        running = run(http(one, access_log=None))
        running[0].request("GET")
        self.assertEqual((running.log, len(running.exchanges)), ([], 1))

    def test_own(self) -> None:
        """A log that the user wrote is at work."""
        own = OwnLog()
        running = run(http(server(80).location("/").respond(200, "ok"), access_log=own))
        running[0].request("GET")
        running.stop()
        self.assertEqual(own.events, ["start", "200", "close"])

    def test_exchanges(self) -> None:
        """What is known of an exchange that is over."""
        client, peers = running = run(APP)
        peers["a:1"].refuses()
        client.request("GET", "/p")
        ended = running.exchanges[0]
        self.assertEqual((ended.method, ended.target, ended.status), ("GET", "/p", 502))
        self.assertEqual((ended.cause, ended.peers), ("connect_refused", (("a:1", 502),)))
        self.assertIn("a:1", ended.message)


class OwnLog:
    """A log of a user's own, which is its own sink."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def compile(self, reactor: object) -> OwnLog:
        """The log at work."""
        return self

    def write(self, exchange: LoggedExchange) -> None:
        """An exchange is over."""
        self.events.append(str(exchange.status))

    def start(self) -> None:
        """Listening begins."""
        self.events.append("start")

    def close(self) -> None:
        """Nothing more will come."""
        self.events.append("close")


class MessageTests(SynchronousTestCase):
    """Headers and messages by themselves."""

    def test_headers(self) -> None:
        """Names in any case; a field that is repeated is joined."""
        headers = Headers([("A", "1"), ("b", "2"), ("a", "3")])
        self.assertEqual((headers["a"], headers.get("c"), "B" in headers), ("1, 3", None, True))
        self.assertEqual((dict(headers), len(headers)), ({"a": "1, 3", "b": "2"}, 2))
        self.assertEqual(headers, Headers([("B", "2"), ("a", "1"), ("A", "3")]))
        self.assertEqual(eval(repr(headers)), headers)
        self.assertRaises(KeyError, lambda: headers["c"])

    def test_own_framing(self) -> None:
        """A response whose headers have a framing is not given another."""
        self.assertEqual(
            Response(200, b"abc", {"Content-Length": "5"}).written(), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"
        )
        self.assertEqual(Response(204, b"").written(), b"HTTP/1.1 204 No Content\r\n\r\n")
        self.assertEqual(Response(200, b"abc").written("HEAD"), b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n")
        self.assertEqual(ReceivedRequest("GET", "/", Headers()).body, b"")
