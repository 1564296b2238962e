"""Conversations: exchanges over HTTP/2."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import clients, http, http2, protocol, server, upstream
from pydsl_proxy.testing import run
from tests.support.h2 import AGREED, TLS, H2Client, serve
from tests.support.h2_peer import H2Peer
from tests.support.messages import OK, get

APP = upstream("app", "a:1")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"


class ExchangeTests(SynchronousTestCase):
    """Requests and responses."""

    def test_request(self) -> None:
        """A peer of HTTP/1.1 is sent the authority as Host, and none of what only HTTP/2 has."""
        client, peers, _ = serve(APP)
        peers["a:1"].answers(200, b"hello", [("X-Case", "Kept")])
        answer = client.ask("GET", "/a?b=c", [("accept", "*/*"), ("te", "trailers")])
        assert (answer.status, answer.body, answer.ended) == (200, b"hello", True)
        assert answer.headers["x-case"] == "Kept"
        peers["a:1"].expects_request("GET", "/a?b=c", {"host": "x.test", "accept": "*/*"})

    def test_many_at_once(self) -> None:
        """Streams are answered in the order in which their peers answer."""
        client, peers, _ = serve(APP)
        first, second = client.begin("GET", "/1"), client.begin("GET", "/2")
        one, two = peers["a:1"].connections
        two.sends(OK)
        client.flush()
        assert client.answers[second].ended and not client.answers[first].ended
        one.sends(OK)
        client.flush()
        assert client.answers[first].status == 200

    def test_hop_by_hop(self) -> None:
        """What belongs to the peer's connection ends there, and what it frames by is not told (RFC 9113 8.2.2)."""
        client, peers, _ = serve(APP)
        stream = client.begin()
        peers["a:1"].sends(
            b"HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
        )
        client.flush()
        answer = client.answers[stream]
        assert (answer.body, answer.ended) == (b"hi", True)
        assert set(answer.headers) == {"date"}

    def test_protocol(self) -> None:
        """Values and the access log call it HTTP/2.0, as nginx does."""
        client, _, running = serve(server(443, tls=TLS).location("/").respond(200, protocol))
        assert client.ask().body == b"HTTP/2.0"
        assert '"GET / HTTP/2.0" 200 8' in running.log[0]

    def test_head_and_no_body(self) -> None:
        """A response without a body ends with its head."""
        client, peers, _ = serve(APP)
        peers["a:1"].answers(200, b"hello")
        answer = client.ask("HEAD")
        assert (answer.headers["content-length"], answer.body, answer.ended) == ("5", b"", True)
        peers["a:1"].answers(204)
        answer = client.ask()
        assert (answer.status, answer.ended) == (204, True)

    def test_cookies(self) -> None:
        """Crumbs of a cookie are one field for the peer (RFC 9113 8.2.3)."""
        client, peers, _ = serve(APP)
        peers["a:1"].answers()
        client.ask(headers=[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")])
        assert peers["a:1"].requests[-1].headers.pairs[1] == ("cookie", "a=1; b=2")

    def test_response_trailers(self) -> None:
        """Trailers end the stream."""
        client, peers, _ = serve(APP)
        stream = client.begin()
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n")
        client.flush()
        answer = client.answers[stream]
        assert (answer.body, answer.trailers, answer.ended) == (b"hi", {"x-sum": "7"}, True)

    def test_interim(self) -> None:
        """Interim responses of a peer reach the client, a 100 if it was asked for and not sent yet."""
        client, peers, _ = serve(APP)
        stream = client.begin()
        peers["a:1"].sends(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        client.flush()
        assert client.answers[stream].interim == [103]
        peers["a:1"].sends(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + OK)
        client.flush()
        assert (client.answers[stream].interim, client.answers[stream].status) == ([103, 102], 200)
        stream = client.begin("POST", "/", [("expect", "100-continue")], end=False)
        peers["a:1"].sends(b"HTTP/1.1 100 Continue\r\n\r\n")
        client.flush()
        assert client.answers[stream].interim == [100]

    def test_interim_between(self) -> None:
        """So do those of peers of HTTP/2."""
        client, peers, _ = serve(upstream("app", "a:1", via=http2()))
        stream = client.begin()
        peer = H2Peer(peers["a:1"].connection)
        peer.begins(1, [(b":status", b"103"), (b"link", b"</a.css>"), (b"content-length", b"0")])
        peer.answers(1, b"ok", [(b":status", b"200")])
        client.flush()
        assert (client.answers[stream].interim, client.answers[stream].body) == ([103], b"ok")

    def test_breaks_off(self) -> None:
        """A response that ends early is reset, not ended."""
        client, peers, _ = serve(APP)
        stream = client.begin()
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        peers["a:1"].closes()
        client.flush()
        answer = client.answers[stream]
        assert (answer.body, answer.ended, answer.reset) == (b"half", False, 2)
        assert client.ask("GET", "/").status == 0 and client.goaway is None

    def test_client_leaves_a_stream(self) -> None:
        """A reset stream's peer is abandoned; the others go on."""
        client, peers, running = serve(APP)
        first, second = client.begin(), client.begin()
        one, two = peers["a:1"].connections
        client.reset(first)
        assert one.is_closed
        assert running.exchanges[0].status == 499
        two.sends(OK)
        client.flush()
        assert client.answers[second].ended

    def test_client_leaves(self) -> None:
        """A lost connection ends all that was under way on it."""
        client, peers, running = serve(APP)
        client.begin()
        client.begin()
        client.client.closes()
        assert [each.status for each in running.exchanges] == [499, 499]
        assert all(each.is_closed for each in peers["a:1"].connections)

    def test_refused(self) -> None:
        """A request that cannot be meant is answered on its stream, and is in the access log."""
        client, _, running = serve(server(443, tls=TLS, names=["x.test"]).location("/").respond(200, "ok"))
        assert client.ask("GET", "/../x").status == 400
        assert client.ask("TRACE").status == 405
        assert client.ask("GET", "/" + "a" * 9000).status == 414
        assert client.ask(headers=[("a", "b")] * 101).status == 431
        assert client.ask(headers=[("a", "b" * 15000)] * 3).status == 431
        assert client.ask(headers=[("expect", "magic")]).status == 417
        assert client.ask().status == 200
        assert '"TRACE / HTTP/2.0" 405' not in running.log[1]
        assert len(running.log) == 7

    def test_computed_fields(self) -> None:
        """Fields that depend on the request are made for each."""
        site = server(443, tls=TLS).set_response_header("X-Asked", protocol).location("/").proxy_to(APP)
        client, peers, _ = serve(site)
        peers["a:1"].answers()
        assert client.ask().headers["x-asked"] == "HTTP/2.0"

    def test_trusted_proxies(self) -> None:
        """A trusted proxy tells whose request it is."""
        site = server(443, tls=TLS).location("/").proxy_to(APP)
        client, peers, running = serve(http(site, trusted_proxies=["127.0.0.1"]))
        peers["a:1"].answers()
        client.ask(headers=[("x-forwarded-for", "192.0.2.7")])
        assert running.log[0].startswith("192.0.2.7 ")
        assert client.ask(headers=[("x-forwarded-proto", "https"), ("x-forwarded-for", "192.0.2.8")]).status == 200


class ChoiceTests(SynchronousTestCase):
    """Which protocol a client speaks."""

    def test_http1_over_tls(self) -> None:
        """A client that has not chosen HTTP/2 speaks HTTP/1.1 where both are offered."""
        client, peers = run(server(443, tls=TLS).location("/").proxy_to(APP))
        peers["a:1"].answers()
        assert client.request("GET").status == 200

    def test_prior_knowledge(self) -> None:
        """On a plain port the first bytes tell, in whatever pieces they come."""
        running = run(server(80, http2="prior-knowledge").location("/").respond(200, protocol))
        assert H2Client(running[0]).ask().body == b"HTTP/2.0"
        assert running.client().request("GET").body == b"HTTP/1.1"
        slow = running.client()
        for octet in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0":
            slow.sends(bytes((octet,)))
        assert slow.takes()[3] == 4

    def test_not_asked_for(self) -> None:
        """A plain port without it takes the preface for a bad request."""
        client, _ = run(server(80).location("/").respond(200, "ok"))
        client.sends(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert client.takes().startswith(b"HTTP/1.1 505 ")

    def test_silent(self) -> None:
        """A client that does not begin to speak is closed in the time of a head."""
        running = run(server(80, http2="prior-knowledge").location("/").respond(200, "ok"))
        running[0].sends(b"PRI")
        running.clock.advance(60)
        assert running[0].is_closed

    def test_too_many(self) -> None:
        """A connection counts once, whoever has it."""
        site = server(443, tls=TLS).location("/").respond(200, "ok")
        running = run(http(site, clients=clients(connections=2)), handshake=AGREED)
        H2Client(running[0]).ask()
        running.client(handshake=AGREED)
        assert running.client(handshake=AGREED).is_closed

    def test_stops_undecided(self) -> None:
        """A client that has said nothing does not hold up a stop."""
        running = run(server(80, http2="prior-knowledge").location("/").respond(200, "ok"))
        running.stop()
        assert running.is_stopped

    def test_reload(self) -> None:
        """A reload that takes HTTP/2 away leaves those alone that speak it."""
        site = server(443, tls=TLS).location("/").respond(200, "old")
        client, _, running = serve(site)
        running.reload(server(443, tls=TLS, http2=False).location("/").respond(200, "new"))
        assert client.ask().body == b"new"
        other = running.client()
        other.sends(get("/"))
        assert other.takes().startswith(b"HTTP/1.1 200")


class EndTests(SynchronousTestCase):
    """How connections end."""

    def test_stop(self) -> None:
        """A stop tells which streams were taken, lets them end, and then closes."""
        client, peers, running = serve(APP)
        stream = client.begin()
        running.stop()
        client.flush()
        assert client.goaway is not None and client.goaway[:2] == (0, stream)
        assert not running.is_stopped
        peers["a:1"].sends(OK)
        client.flush()
        assert client.answers[stream].ended
        assert client.client.is_closed
        client.client.closes()
        assert running.is_stopped

    def test_idle(self) -> None:
        """An idle connection is told, and closed; a client that does not close is closed on."""
        client, peers, running = serve(APP)
        peers["a:1"].answers()
        client.ask()
        running.clock.advance(74)
        assert client.goaway is None
        running.clock.advance(2)
        client.flush()
        assert client.goaway == (0, 1, b"")
        running.clock.advance(5)
        assert client.client.is_gone

    def test_long_answer(self) -> None:
        """A connection with an open stream is not idle."""
        client, _, running = serve(server(443, tls=TLS).location("/").timeouts(read=1000).proxy_to(APP))
        client.begin()
        running.clock.advance(500)
        client.flush()
        assert client.goaway is None

    def test_requests(self) -> None:
        """After keepalive_requests the client is told to open another connection."""
        site = server(443, tls=TLS).location("/").respond(200, "ok")
        client, _, _ = serve(http(site, clients=clients(keepalive_requests=2)))
        assert client.ask().ended
        assert client.goaway is None
        assert client.ask().ended
        assert client.goaway == (0, 3, b"")
        assert client.client.is_closed

    def test_requests_without_end(self) -> None:
        """A client that always has an open stream is told at twice the number."""
        site = server(443, tls=TLS).location("/").proxy_to(APP)
        client, _, _ = serve(http(site, clients=clients(keepalive_requests=3)))
        for _ in range(5):
            client.begin()
        assert client.goaway is None
        client.begin()
        assert client.goaway == (0, 11, b"")

    def test_old(self) -> None:
        """A connection that is older than keepalive_time ends when it is idle."""
        site = server(443, tls=TLS).location("/").respond(200, "ok")
        client, _, running = serve(http(site, clients=clients(keepalive_time=10)))
        assert client.ask().ended and client.goaway is None
        running.clock.advance(11)
        assert client.ask().ended and client.goaway is not None

    def test_old_without_end(self) -> None:
        """A client that always has an open stream is told after twice the time."""
        site = server(443, tls=TLS).location("/").timeouts(read=1000).proxy_to(APP)
        client, _, running = serve(http(site, clients=clients(keepalive_time=10)))
        client.begin()
        running.clock.advance(15)
        client.begin()
        assert client.goaway is None
        running.clock.advance(6)
        client.begin()
        assert client.goaway == (0, 5, b"")

    def test_client_goes(self) -> None:
        """A client's GOAWAY lets open streams end."""
        client, peers, _ = serve(APP)
        stream = client.begin()
        client.h2.close_connection()
        client.client.sends(client.h2.data_to_send())
        peers["a:1"].sends(OK)
        received = client.client.takes()
        assert received.count(b"\0\0\0\1") and stream == 1
        assert client.client.is_closed
