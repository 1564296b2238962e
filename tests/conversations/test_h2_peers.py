"""Conversations with peers of HTTP/2: requests and responses, and how they share connections."""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http2, server, upstream
from pydsl_proxy import peer as peer_at
from pydsl_proxy.config.upstreams import Upstream
from pydsl_proxy.connectors.http1.connector import H1Connector
from pydsl_proxy.connectors.http2.pool import Http2Pool
from pydsl_proxy.errors import ConfigErrors
from pydsl_proxy.testing import Response, Running, run
from tests.support.h2_peer import SETTINGS, H2Peer, Pairs

GET = b"GET /a?b HTTP/1.1\r\nHost: x.test\r\n\r\n"
HEAD: Pairs = [(b":status", b"200"), (b"content-length", b"2"), (b"date", b"now")]
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ndate: now\r\n\r\n"


def app(*peers: str, keepalive: int = 32, keepalive_requests: int = 1000, streams: int = 100) -> Upstream:
    """An upstream of peers of HTTP/2."""
    return upstream(
        "app",
        *(peers or ("a:1",)),
        via=http2(streams=streams),
        keepalive=keepalive,
        keepalive_requests=keepalive_requests,
    )


def begun(to: Upstream | None = None, data: bytes = GET, **settings: int) -> tuple[Running, H2Peer]:
    """A proxy that was asked for something, and the peer that it asks."""
    running = run(server(80).location("/").proxy_to(to or app()))
    running[0].sends(data)
    values = {SETTINGS[name]: value for name, value in settings.items()}
    return running, H2Peer(running.peers["a:1"].connection, values)


class RequestTests(SynchronousTestCase):
    """What a peer is asked."""

    def test_head(self) -> None:
        """The request line and Host become pseudo-headers; names are in lower case."""
        _, peer = begun(data=b"GET /a?b HTTP/1.1\r\nHost: x.test\r\nX-Q: 1\r\nConnection: x-h\r\nX-H: 2\r\n\r\n")
        self.assertEqual(
            peer.last.headers,
            [
                (b":method", b"GET"),
                (b":scheme", b"http"),
                (b":path", b"/a?b"),
                (b":authority", b"x.test"),
                (b"x-q", b"1"),
                (b"cdn-loop", b"pydsl_proxy"),
                (b"x-forwarded-host", b"x.test"),
                (b"x-real-ip", b"127.0.0.1"),
                (b"x-forwarded-for", b"127.0.0.1"),
                (b"x-forwarded-proto", b"http"),
            ],
        )
        self.assertTrue(peer.last.ended)

    def test_te(self) -> None:
        """RFC 9110 10.1.4: a client that takes trailers is told of; other words of TE end here."""
        for value, told in ((b"trailers", b"trailers"), (b"gzip, trailers", b"trailers"), (b"gzip", None)):
            _, peer = begun(data=b"GET / HTTP/1.1\r\nHost: h\r\nConnection: TE\r\nTE: %b\r\n\r\n" % value)
            self.assertEqual(peer.last.get(b"te"), told)

    def test_body(self) -> None:
        """A body that is here goes out with the head; its length stays."""
        _, peer = begun(data=b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
        self.assertEqual((peer.last.body, peer.last.ended, peer.last.get(b"content-length")), (b"abc", True, b"3"))

    def test_chunks(self) -> None:
        """Chunks become frames, and trailers stay trailers; Transfer-Encoding is HTTP/1.1's own."""
        running, peer = begun(data=b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        self.assertEqual((peer.last.body, peer.last.ended, peer.last.get(b"transfer-encoding")), (b"abc", False, None))
        running[0].sends(b"2\r\nde\r\n0\r\nX-Sum: 9\r\n\r\n")
        self.assertEqual((peer.last.body, peer.last.ended), (b"abcde", True))
        self.assertEqual(peer.last.trailers, [(b"x-sum", b"9")])

    def test_end_alone(self) -> None:
        """The end that comes after all of the body is an empty frame."""
        running, peer = begun(data=b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        self.assertFalse(peer.last.ended)
        running[0].sends(b"0\r\n\r\n")
        self.assertEqual((peer.last.body, peer.last.ended), (b"abc", True))

    def test_large_head(self) -> None:
        """A head of more than a frame goes on in CONTINUATIONs."""
        value = b"v" * 20_000
        _, peer = begun(data=b"GET / HTTP/1.1\r\nHost: h\r\nX-Long: %b\r\n\r\n" % value)
        self.assertEqual(peer.last.get(b"x-long"), value)


class ResponseTests(SynchronousTestCase):
    """What a client is answered."""

    def test_whole(self) -> None:
        """A complete response."""
        (client, _), peer = begun()
        peer.answers(1, b"ok", HEAD)
        client.expects(ANSWER + b"ok")

    def test_again(self) -> None:
        """The connection is kept, and the same block of fields is read again."""
        running, peer = begun()
        for number in (1, 3, 5, 7):
            peer.answers(number, b"ok", HEAD)
            running[0].expects(ANSWER + b"ok")
            running[0].sends(GET)
        self.assertEqual(len(running.peers["a:1"].connections), 1)
        self.assertEqual([each.headers for each in peer.hears().asked], [peer.asked[0].headers] * 5)

    def test_pieces(self) -> None:
        """Head, body and end as they come."""
        (client, _), peer = begun()
        peer.begins(1, HEAD)
        client.expects(ANSWER)
        peer.sends(1, b"o")
        client.expects(b"o")
        peer.sends(1, b"k", end=True)
        client.expects(b"k")

    def test_no_length(self) -> None:
        """A body of unknown length is chunked for a client of HTTP/1.1."""
        (client, _), peer = begun()
        peer.begins(1, [(b":status", b"200"), (b"date", b"now")])
        peer.sends(1, b"ok", end=True)
        head = b"HTTP/1.1 200 OK\r\ndate: now\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.expects(head + b"2\r\nok\r\n0\r\n\r\n")

    def test_trailers(self) -> None:
        """Trailers are trailers, but for those that must not be."""
        (client, _), peer = begun()
        trailers = [(b"grpc-status", b"0"), (b"content-length", b"1"), (b"set-cookie", b"a")]
        peer.answers(1, b"ok", [(b":status", b"200"), (b"date", b"now")], trailers)
        head = b"HTTP/1.1 200 OK\r\ndate: now\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.expects(head + b"2\r\nok\r\n0\r\ngrpc-status: 0\r\n\r\n")

    def test_trailers_without_body(self) -> None:
        """A head, then trailers."""
        (client, _), peer = begun()
        peer.answers(1, b"", [(b":status", b"200"), (b"date", b"now")], [(b"grpc-status", b"5")])
        head = b"HTTP/1.1 200 OK\r\ndate: now\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.expects(head + b"0\r\ngrpc-status: 5\r\n\r\n")

    def test_no_body(self) -> None:
        """To HEAD, and with the statuses that have none, there is no body, whatever the length."""
        running, peer = begun(data=GET.replace(b"GET", b"HEAD"))
        peer.answers(1, b"", HEAD)
        running[0].expects(ANSWER)
        for number, status in ((3, b"204"), (5, b"304")):
            running[0].sends(GET)
            peer.answers(number, b"", [(b":status", status), (b"date", b"now")])
            self.assertEqual(running[0].takes()[9:12], status)

    def test_long_head(self) -> None:
        """A head in several frames."""
        (client, _), peer = begun()
        peer.answers(1, b"ok", [*HEAD, (b"x-long", b"v" * 40_000)])
        client.expects(ANSWER[:-2] + b"x-long: " + b"v" * 40_000 + b"\r\n\r\nok")

    def test_interim(self) -> None:
        """Interim responses are passed on (RFC 9110 15.2), some of them."""
        (client, _), peer = begun()
        for _ in range(8):
            peer.h2.send_headers(1, [(b":status", b"103"), (b"link", b"x")])
        peer.answers(1, b"ok", HEAD)
        client.expects(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" * 8 + ANSWER + b"ok")

    def test_interim_at_once(self) -> None:
        """They reach the client before the response."""
        (client, _), peer = begun()
        peer.begins(1, [(b":status", b"103"), (b"link", b"x")])
        client.expects(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n")
        peer.answers(1, b"ok", HEAD)
        client.expects(ANSWER + b"ok")

    def test_early(self) -> None:
        """An answer before the request's end is passed on; then nobody needs the rest of the request."""
        running, peer = begun(data=b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        peer.answers(1, b"no", HEAD)
        self.assertIn(b"\r\n\r\nno", running[0].takes())
        self.assertEqual(peer.hears().asked[0].reset, 8)

    def test_duplex(self) -> None:
        """Both bodies go on at the same time, whichever began first."""
        running, peer = begun(data=b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        client = running[0]
        peer.begins(1, [(b":status", b"200"), (b"date", b"now")])
        client.expects(b"HTTP/1.1 200 OK\r\ndate: now\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            client.sends(b"4\r\nping\r\n")
            self.assertTrue(peer.last.body.endswith(b"ping"))
            peer.sends(1, b"pong")
            client.expects(b"4\r\npong\r\n")
        client.sends(b"0\r\n\r\n")
        self.assertTrue(peer.last.ended)
        peer.ends(1, [(b"grpc-status", b"0")])
        client.expects(b"0\r\ngrpc-status: 0\r\n\r\n")
        client.sends(GET)
        self.assertEqual(peer.last.number, 3)


class AskingTests(SynchronousTestCase):
    """Requests of the proxy's own."""

    def test_auth_request(self) -> None:
        """A subrequest is one of HTTP/2 too, on the same connection."""
        to = app()
        running = run(
            server(80).location("/").auth_request(to, path="/auth").proxy_to(to),
        )
        client, peers = running
        peers["a:1"].answers_by(lambda request: Response(200 if request.target == "/auth" else 404, b"x"))
        self.assertEqual(client.request("POST", "/a", body=b"b").status, 404)
        self.assertEqual([request.target for request in peers["a:1"].requests], ["/auth", "/a"])
        self.assertEqual(len(peers["a:1"].connections), 1)

    def test_mirror(self) -> None:
        """So are copies."""
        to = app()
        client, peers = run(server(80).location("/").mirror(to).proxy_to(to))
        peers["a:1"].answers(200, b"x")
        self.assertEqual(client.request("POST", "/a", body=b"b").body, b"x")
        self.assertEqual([request.body for request in peers["a:1"].requests], [b"b", b"b"])

    def test_values(self) -> None:
        """A function of the user's that raises costs a 500, and the connection is used on."""
        calls = iter((1, 0, 1))
        site = server(80).location("/").set_request_header("X-A", lambda request: str(1 // next(calls))).proxy_to(app())
        client, peers = run(site)
        peers["a:1"].answers(200, b"x")
        self.assertEqual([client.request("GET", "/").status for _ in range(3)], [200, 500, 200])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(len(peers["a:1"].connections), 1)

    def test_values_at_first(self) -> None:
        """Also if it is the only one that a new connection was made for."""
        calls = iter((0, 1))
        site = server(80).location("/").set_request_header("X-A", lambda request: str(1 // next(calls))).proxy_to(app())
        client, peers = run(site)
        peers["a:1"].answers(200, b"x")
        self.assertEqual([client.request("GET", "/").status for _ in range(2)], [500, 200])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_retry_by_status(self) -> None:
        """An answer that is kept while another peer is tried is the client's if nothing better comes."""
        running = run(server(80).location("/").retry(2, on=[503]).proxy_to(app("a:1", "b:1")))
        client, peers = running
        peers["a:1"].answers(503, b"first" * 100_000)
        peers["b:1"].refuses()
        answer = client.request("GET", "/")
        self.assertEqual((answer.status, answer.body), (503, b"first" * 100_000))
        peers["b:1"].accepts()
        peers["b:1"].answers(200, b"second")
        running.clock.advance(11)
        self.assertEqual([client.request("GET", "/").body for _ in range(4)], [b"second"] * 4)

    def test_websocket(self) -> None:
        """A WebSocket cannot be asked for, which is told when the configuration is read."""
        site = server(80).location("/").websocket_to(app(), tunnel=True)
        error = self.assertRaises(ConfigErrors, run, site).errors[0]
        self.assertEqual(error.message, "upstream 'app' is spoken to via http2(), which knows no WebSockets")
        run(server(80).location("/").websocket_to(upstream("app", "a:1", via=H1Connector()), tunnel=True))

    def test_buffers(self) -> None:
        """Buffers make no difference."""
        site = server(80).location("/").buffer_request().buffer_response().proxy_to(app())
        client, peers = run(site)
        peers["a:1"].answers_by(lambda request: Response(200, request.body))
        body = bytes(100_000)
        self.assertEqual(client.request("POST", "/", body=body).body, body)


class SharingTests(SynchronousTestCase):
    """Several attempts on one connection."""

    def test_together(self) -> None:
        """Two clients' requests go over one connection, and are answered in any order."""
        running, peer = begun()
        other = running.client()
        other.sends(GET)
        self.assertEqual(len(running.peers["a:1"].connections), 1)
        peer.answers(3, b"02", HEAD)
        other.expects(ANSWER + b"02")
        running[0].expects(b"")
        peer.answers(1, b"01", HEAD)
        running[0].expects(ANSWER + b"01")

    def test_waiting(self) -> None:
        """Those that come while the connection is made wait for it."""
        running = run(server(80).location("/").proxy_to(app()))
        running.peers["a:1"].times_out()
        clients = [running[0], running.client(), running.client()]
        for client in clients:
            client.sends(GET)
        clients[0].resets()
        running.peers["a:1"].accepts()
        self.assertEqual(len(running.peers["a:1"].connections), 1)
        peer = H2Peer(running.peers["a:1"].connection)
        self.assertEqual([each.number for each in peer.asked], [1, 3])
        for number, client in ((1, clients[1]), (3, clients[2])):
            peer.answers(number, b"ok", HEAD)
            client.expects(ANSWER + b"ok")

    def test_nobody_waits(self) -> None:
        """When all that waited have left, the connection is not made."""
        running = run(server(80).location("/").proxy_to(app()))
        running.peers["a:1"].times_out()
        running[0].sends(GET)
        self.assertTrue(running.peers["a:1"].is_asked)
        running[0].resets()
        self.assertFalse(running.peers["a:1"].is_asked)

    def test_refused(self) -> None:
        """If there is no connection, all that waited have failed, and each may be tried elsewhere."""
        running = run(server(80).location("/").proxy_to(app("a:1", "b:1")))
        running.peers["a:1"].times_out()
        clients = [running[0], running.client()]
        running[0].sends(GET)
        running.peers["b:1"].refuses()
        clients[1].sends(GET)
        running.peers["a:1"].refuses()
        for client in clients:
            self.assertEqual(client.takes()[9:12], b"502")

    def test_full(self) -> None:
        """A connection takes what the peer says, or we; then there is another."""
        for theirs, ours in ((2, 100), (100, 2)):
            running, peer = begun(app(streams=ours), MAX_CONCURRENT_STREAMS=theirs)
            clients = [running.client() for _ in range(2)]
            for client in clients:
                client.sends(GET)
            first, second = running.peers["a:1"].connections
            self.assertIs(first, peer.end)
            self.assertEqual([each.number for each in peer.hears().asked], [1, 3])
            self.assertEqual([each.number for each in H2Peer(second).asked], [1])

    def test_goaway(self) -> None:
        """A peer that goes answers what it has looked at; what it has not is asked again, whatever the method."""
        running, peer = begun()
        peer.answers(1, b"ok", HEAD)
        running[0].expects(ANSWER + b"ok")
        other = running.client()
        running[0].sends(GET)
        other.sends(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
        peer.goes(3)
        second = H2Peer(running.peers["a:1"].connections[1])
        self.assertEqual((second.last.get(b":method"), second.last.body), (b"POST", b"abc"))
        peer.h2 = H2Peer.as_if_open(peer.h2)
        peer.answers(3, b"ok", HEAD)
        running[0].expects(ANSWER + b"ok")
        self.assertTrue(peer.end.is_closed)
        second.answers(1, b"ok", HEAD)
        other.expects(ANSWER + b"ok")

    def test_learned(self) -> None:
        """A new connection goes by what the peer has said on the last one, until it says something else."""
        running, peer = begun(MAX_CONCURRENT_STREAMS=2)
        peer.answers(1, b"ok", HEAD)
        running[0].takes()
        peer.end.closes()
        running.peers["a:1"].times_out()
        clients = [running[0], *(running.client() for _ in range(4))]
        for client in clients:
            client.sends(GET)
        running.peers["a:1"].accepts()
        second, third, fourth = (H2Peer(each) for each in running.peers["a:1"].connections[1:])
        self.assertEqual([len(each.asked) for each in (second, third, fourth)], [2, 2, 1])

    def test_unknown_limit(self) -> None:
        """Of those that wait for a peer that is not known, one is sent before it has said how many it takes."""
        running = run(server(80).location("/").proxy_to(app()))
        clients = [running[0], *(running.client() for _ in range(4))]
        for client in clients:
            client.sends(GET)
        first = running.peers["a:1"].connection
        clients[3].resets()
        peer = H2Peer(first, {SETTINGS["MAX_CONCURRENT_STREAMS"]: 3})
        self.assertEqual([each.number for each in peer.hears().asked], [1, 3, 5])
        self.assertEqual([len(H2Peer(each).asked) for each in running.peers["a:1"].connections[1:]], [1])

    def test_speechless(self) -> None:
        """Of a peer that never says a word those that wait have had their time to connect; the one that is sent has its
        own."""
        running = run(server(80).location("/").timeouts(connect=2, read=9).proxy_to(app()))
        other = running.client()
        for client in (running[0], other):
            client.sends(GET)
        running.clock.advance(3)
        self.assertEqual((running[0].received, other.takes()[9:12]), (b"", b"504"))
        self.assertEqual(running.exchanges[0].message, "peer a:1 did not begin to speak HTTP/2 in time")
        running.clock.advance(7)
        self.assertEqual(running[0].takes()[9:12], b"504")

    def test_lost_before_a_word(self) -> None:
        """If it closes, those that wait may be tried elsewhere, whatever they are."""
        to = upstream("app", "a:1", peer_at("b:1", backup=True), via=http2())
        running = run(server(80).location("/").proxy_to(to))
        running[0].sends(GET)
        other = running.client()
        other.sends(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
        running.peers["b:1"].answers(200, b"b")
        running.peers["a:1"].closes()
        for client in (running[0], other):
            self.assertTrue(client.takes().endswith(b"b"))

    def test_goes_at_once(self) -> None:
        """A peer in good order that goes before it looks at anything costs no try, and is not blamed."""
        running, peer = begun(data=b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
        peer.goes(0)
        second = H2Peer(running.peers["a:1"].connections[1])
        self.assertEqual(second.last.body, b"abc")
        second.answers(1, b"ok", HEAD)
        running[0].expects(ANSWER + b"ok")

    def test_goes_with_error(self) -> None:
        """RFC 9113 6.8: so it is whatever the code; the log names the code of one that goes again."""
        posted = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
        for code in (1, 2, 11):
            running, peer = begun(data=posted)
            peer.goes(0, code)
            second = H2Peer(running.peers["a:1"].connections[1])
            self.assertEqual(second.last.body, b"abc")
            second.answers(1, b"ok", HEAD)
            running[0].expects(ANSWER + b"ok")
        running, peer = begun(data=posted)
        peer.goes(0, 11)
        H2Peer(running.peers["a:1"].connections[1]).goes(0, 11)
        self.assertEqual(running[0].takes()[9:12], b"502")
        text = "peer a:1 closed the connection before it looked at the request: ENHANCE_YOUR_CALM"
        self.assertEqual(running.exchanges[-1].message, text)

    def test_refused_stream(self) -> None:
        """RFC 9113 8.7: a refused stream was not looked at, so it is asked again, once."""
        running, peer = begun()
        peer.answers(1, b"ok", HEAD)
        running[0].takes()
        running[0].sends(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
        peer.hears()
        peer.resets(3, 7)
        self.assertEqual((peer.last.number, peer.last.body), (5, b"abc"))
        peer.resets(5, 7)
        self.assertEqual(running[0].takes()[9:12], b"502")
        self.assertEqual(running.exchanges[-1].cause, "refused_stream")

    def test_refused_first(self) -> None:
        """So is the first stream of a connection, at a lone peer; neither refusal counts against its health."""
        running, peer = begun()
        peer.resets(1, 7)
        peer.answers(3, b"ok", HEAD)
        running[0].expects(ANSWER + b"ok")
        running[0].sends(GET)
        peer.hears()
        peer.resets(5, 7)
        peer.hears()
        peer.resets(7, 7)
        self.assertEqual(running[0].takes()[9:12], b"502")
        running[0].sends(GET)
        peer.answers(9, b"ok", HEAD)
        running[0].expects(ANSWER + b"ok")

    def test_refused_upload(self) -> None:
        """A body of more than 64 KiB can be sent again if it was collected before."""
        body = b"x" * 200_000
        post = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n" + body
        for site, statuses in (
            (server(80).location("/").proxy_to(app()), [b"502"]),
            (server(80).location("/").buffer_request(memory=300_000).proxy_to(app()), [b"200"]),
        ):
            running = run(site)
            running[0].sends(GET)
            peer = H2Peer(running.peers["a:1"].connection)
            peer.answers(1, b"ok", HEAD)
            running[0].takes()
            running[0].sends(post)
            peer.hears()
            peer.resets(3, 7)
            peer.hears()
            if len(peer.asked) > 2:
                self.assertEqual(peer.last.body, body)
                peer.answers(5, b"ok", HEAD)
            self.assertEqual([running[0].takes()[9:12]], statuses)

    def test_reset(self) -> None:
        """A stream that is reset has failed alone; a POST is not repeated."""
        running, peer = begun(app("a:1", "b:1"), b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
        peer.hears()
        peer.resets(1, 2)
        self.assertEqual(running[0].takes()[9:12], b"502")
        self.assertEqual(running.exchanges[-1].cause, "reset")
        self.assertFalse(peer.end.is_closed)

    def test_closed(self) -> None:
        """A connection that is lost takes all its streams along; those that may be repeated are, once."""
        running, peer = begun()
        peer.answers(1, b"ok", HEAD)
        running[0].takes()
        other = running.client()
        running[0].sends(GET)
        other.sends(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
        peer.hears()
        peer.end.closes()
        self.assertEqual(other.takes()[9:12], b"502")
        second = H2Peer(running.peers["a:1"].connections[1])
        second.answers(1, b"ok", HEAD)
        running[0].expects(ANSWER + b"ok")

    def test_client_leaves(self) -> None:
        """A client that leaves costs its own stream, which the peer is told."""
        running, peer = begun()
        other = running.client()
        other.sends(GET)
        running[0].resets()
        peer.hears()
        self.assertEqual([each.reset for each in peer.asked], [8, None])
        peer.answers(3, b"ok", HEAD)
        other.expects(ANSWER + b"ok")

    def test_stray(self) -> None:
        """What was on its way on a stream that we have reset is passed over."""
        running, peer = begun()
        other = running.client()
        other.sends(GET)
        running[0].resets()
        peer.h2.send_headers(1, HEAD)
        peer.h2.send_data(1, b"o")
        peer.said()
        peer.answers(3, b"ok", HEAD)
        other.expects(ANSWER + b"ok")


class KeepingTests(SynchronousTestCase):
    """Idle connections, by the terms of the upstream."""

    def test_timeout(self) -> None:
        """An idle one is closed after keepalive_timeout, in good order; one in use is not."""
        running, peer = begun()
        running.clock.advance(15)
        peer.answers(1, b"ok", HEAD)
        running.clock.advance(59)
        self.assertFalse(peer.end.is_closed)
        running.clock.advance(2)
        self.assertTrue(peer.end.is_closed)
        self.assertIn("ConnectionTerminated", [type(each).__name__ for each in peer.hears().events])

    def test_requests(self) -> None:
        """After keepalive_requests it takes no more, and closes when it is idle."""
        running, peer = begun(app(keepalive_requests=2))
        other, third = running.client(), running.client()
        other.sends(GET)
        third.sends(GET)
        self.assertEqual(len(running.peers["a:1"].connections), 2)
        peer.answers(1, b"ok", HEAD)
        self.assertFalse(peer.end.is_closed)
        peer.answers(3, b"ok", HEAD)
        self.assertTrue(peer.end.is_closed)

    def test_spent(self) -> None:
        """One that takes no more is not looked at again for each request, however long its streams last."""
        running = run(app("spent:1", keepalive_requests=1))
        for number in range(9):
            running.client().sends(GET)
            H2Peer(running.peers["spent:1"].connections[number])
        self.assertEqual(len(running.peers["spent:1"].connections), 9)
        named = [each for each in gc.get_objects() if issubclass(type(each), Http2Pool) and each.home.name == "spent:1"]
        self.assertEqual([len(each._open) for each in named], [1])

    def test_none_kept(self) -> None:
        """With keepalive=0 a connection is closed when nothing is under way on it."""
        _, peer = begun(app(keepalive=0))
        peer.answers(1, b"ok", HEAD)
        self.assertTrue(peer.end.is_closed)

    def test_reload(self) -> None:
        """An upstream that is not used any more closes its idle connections, and those in use when they are done."""
        for busy in (False, True):
            running, peer = begun()
            if not busy:
                peer.answers(1, b"ok", HEAD)
            running.reload(server(80).location("/").respond(200, "new"))
            self.assertEqual(peer.end.is_closed, not busy)
            if busy:
                peer.answers(1, b"ok", HEAD)
                running[0].expects(ANSWER + b"ok")
                self.assertTrue(peer.end.is_closed)

    def test_peer_closes(self) -> None:
        """An idle connection that the peer closes, or that it goes from, is not used again."""
        for goes in (True, False):
            running, peer = begun()
            peer.answers(1, b"ok", HEAD)
            running[0].takes()
            if goes:
                peer.goes(1)
                self.assertTrue(peer.end.is_closed)
            else:
                peer.end.closes()
            running[0].sends(GET)
            second = H2Peer(running.peers["a:1"].connections[1])
            second.answers(1, b"ok", HEAD)
            running[0].expects(ANSWER + b"ok")
