"""Conversations: bodies over HTTP/2, and who must wait for whom."""

from __future__ import annotations

from os import makedirs, path

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import KiB, clients, fastcgi, http, server, upstream
from pydsl_proxy.frontends.http2.limits import CONNECTION_WINDOW, RESETS, STREAM_WINDOW
from pydsl_proxy.frontends.http2.receiving import FIRST_WITHIN
from pydsl_proxy.testing import run
from pydsl_proxy.wire.http2.body_pieces import SMALL_FRAME_AFTER
from pydsl_proxy.wire.http2.frames import (
    DATA,
    END_STREAM,
    INITIAL_WINDOW,
    MAX_FRAME_SIZE,
    WINDOW_UPDATE,
    ErrorCode,
    frame,
)
from tests.support.h2 import AGREED, GET, TLS, H2Client, RawClient, serve
from tests.support.messages import OK

APP = upstream("app", "a:1")
POST = ((b":method", b"POST"), *GET[1:])
LARGE = b"0123456789abcdef" * 64 * 1024


class RequestBodies(SynchronousTestCase):
    """What clients send."""

    def test_with_length(self) -> None:
        """A declared length is handed on."""
        client, peers, _ = serve(APP)
        peers["a:1"].answers()
        client.ask("POST", "/", [("content-length", "5")], b"hello")
        request = peers["a:1"].requests[-1]
        assert (request.body, request.headers["content-length"]) == (b"hello", "5")

    def test_without_length(self) -> None:
        """A body without one is chunked for a peer of HTTP/1.1, and so is an empty one that was announced."""
        client, peers, _ = serve(APP)
        peers["a:1"].answers()
        client.ask("POST", "/", (), LARGE)
        request = peers["a:1"].requests[-1]
        assert (request.body == LARGE, request.headers["transfer-encoding"]) == (True, "chunked")
        stream = client.begin("POST", end=False)
        client.send(stream, b"", end=True)
        assert peers["a:1"].requests[-1].body == b""

    def test_no_body(self) -> None:
        """RFC 9110 8.6: a POST that ends with its head has the length 0; a GET has none, and nothing is chunked."""
        client, peers, _ = serve(APP)
        peers["a:1"].answers()
        for method, length in (("POST", "0"), ("PUT", "0"), ("PATCH", "0"), ("GET", None), ("DELETE", None)):
            assert client.ask(method).status == 200
            headers = peers["a:1"].requests[-1].headers
            assert (headers.get("content-length"), headers.get("transfer-encoding")) == (length, None)

    def test_empty_data(self) -> None:
        """A GET that ends in an empty DATA has no body, whenever that comes."""
        client, peers, running = serve(APP)
        peers["a:1"].answers()
        for method in ("GET", "HEAD", "OPTIONS", "DELETE"):
            stream = client.begin(method, end=False)
            client.h2.send_data(stream, b"")
            client.flush()
            client.send(stream, b"", end=True)
            assert client.answers[stream].status == 200
            assert "transfer-encoding" not in peers["a:1"].requests[-1].headers
        stream = client.begin("GET", end=False)
        client.reset(stream)
        assert len(peers["a:1"].requests) == 4
        assert not running.exchanges[4:]

    def test_empty_data_to_fastcgi(self) -> None:
        """So it is for FastCGI, which must be told a length."""
        client, peers, _ = serve(upstream("php", "a:1", via=fastcgi(root="/srv")))
        peers["a:1"].answers(body=b"hello")
        stream = client.begin("GET", end=False)
        client.send(stream, b"", end=True)
        assert (client.answers[stream].status, client.answers[stream].body) == (200, b"hello")

    def test_body_of_get(self) -> None:
        """A GET may have a body, which is told by its first octets, by trailers, or by nothing coming for a while."""
        client, peers, running = serve(APP)
        peers["a:1"].answers()
        stream = client.begin("GET", end=False)
        assert not peers["a:1"].requests
        client.send(stream, b"hello")
        client.send(stream, b"!", end=True)
        request = peers["a:1"].requests[-1]
        assert (request.body, request.headers["transfer-encoding"]) == (b"hello!", "chunked")
        stream = client.begin("GET", end=False)
        client.trailers(stream, [("x-sum", "7")])
        assert peers["a:1"].requests[-1].trailers == {"x-sum": "7"}
        stream = client.begin("GET", end=False)
        running.clock.advance(FIRST_WITHIN)
        client.flush()
        client.send(stream, b"late", end=True)
        assert peers["a:1"].requests[-1].body == b"late"
        assert client.answers[stream].status == 200
        stream = client.begin("GET", "/", [("expect", "100-continue")], end=False)
        assert client.answers[stream].interim == [100]

    def test_length_of_nothing(self) -> None:
        """``Content-Length: 0`` needs no DATA, and may have an empty one."""
        client, peers, _ = serve(APP)
        peers["a:1"].answers()
        assert client.ask("POST", "/", [("content-length", "0")]).status == 200
        stream = client.begin("POST", "/", [("content-length", "0")], end=False)
        assert client.answers[stream].status == 200
        assert client.answers[stream].reset == 0

    def test_trailers(self) -> None:
        """Trailers go on to the peer."""
        client, peers, _ = serve(APP)
        peers["a:1"].answers()
        stream = client.begin("POST", end=False)
        client.send(stream, b"hello")
        client.trailers(stream, [("x-sum", "7")])
        assert peers["a:1"].requests[-1].trailers == {"x-sum": "7"}
        assert client.answers[stream].ended

    def test_continue(self) -> None:
        """A client that asked is told to send its body when somebody reads it (RFC 9110 10.1.1)."""
        client, peers, _ = serve(APP)
        stream = client.begin("POST", "/", [("expect", "100-continue")], end=False)
        assert client.answers[stream].interim == [100]
        client.send(stream, b"hello", end=True)
        peers["a:1"].answers()
        client.flush()
        assert client.answers[stream].status == 200
        assert "expect" not in peers["a:1"].requests[-1].headers

    def test_slow_peer(self) -> None:
        """What the peer does not take is held within the stream's window, and no more room is given."""
        client, peers, _ = serve(APP)
        stream = client.begin("POST", end=False)
        peers["a:1"].stops_reading()
        sent = 0
        while client.h2.local_flow_control_window(stream) > 0:
            size = min(16384, client.h2.local_flow_control_window(stream))
            client.send(stream, bytes(size))
            sent += size
            assert sent < 4 * STREAM_WINDOW
        other = client.begin("GET", "/other")
        peers["a:1"].connections[1].sends(OK)
        client.flush()
        assert client.answers[other].ended
        peers["a:1"].connections[0].reads()
        client.flush()
        assert client.h2.local_flow_control_window(stream) > 0
        client.send(stream, b"", end=True)
        assert len(peers["a:1"].requests[-1].body) == sent

    def test_nobody_reads(self) -> None:
        """Of streams that nobody reads, and of those that are given up, the connection's room comes back."""
        client, peers, _ = serve(APP)
        peers["a:1"].times_out()
        for _ in range(3 * CONNECTION_WINDOW // STREAM_WINDOW):
            stream = client.begin("POST", end=False)
            client.send(stream, bytes(STREAM_WINDOW - 1))
            client.reset(stream)
        assert client.h2.outbound_flow_control_window > 0

    def test_crumbs(self) -> None:
        """Bodies in many small pieces arrive whole."""
        client, peers, _ = serve(APP)
        peers["a:1"].times_out()
        stream = client.begin("POST", end=False)
        for _ in range(900):
            client.send(stream, b"crumb")
        client.send(stream, b"", end=True)
        peers["a:1"].accepts()
        peers["a:1"].answers()
        client.flush()
        assert peers["a:1"].requests[-1].body == b"crumb" * 900

    def test_too_large(self) -> None:
        """A body that turns out too large is answered, and the stream closed; the others go on."""
        client, peers, _ = serve(server(443, tls=TLS).limit_body(64 * KiB).location("/").proxy_to(APP))
        stream = client.begin("POST", end=False)
        for _ in range(5):
            if client.answers[stream].reset is None:
                client.send(stream, bytes(16384))
        answer = client.answers[stream]
        assert (answer.status, answer.ended, answer.reset) == (413, True, 0)
        peers["a:1"].answers()
        assert client.ask().status == 200

    def test_answered_early(self) -> None:
        """A complete answer ends a request that is not complete (RFC 9113 8.1)."""
        client, peers, _ = serve(APP)
        stream = client.begin("POST", end=False)
        client.send(stream, b"some")
        peers["a:1"].sends(OK)
        client.flush()
        answer = client.answers[stream]
        assert (answer.status, answer.ended, answer.reset) == (200, True, 0)

    def test_sent_after_the_answer(self) -> None:
        """What a client sends of a body after an early answer is passed over: only room is given back for it."""
        running = run(server(443, tls=TLS).location("/").respond(413, "no"), handshake=AGREED)
        client = RawClient(running[0])
        for number in range(1, 2 * RESETS[0] + 3, 2):
            client.asks(number, POST, flags=0)
            before = len(client.frames)
            client.sends(frame(DATA, 0, number, bytes(1000)) + frame(DATA, END_STREAM, number, bytes(1000)))
            assert {each[0] for each in client.frames[before:]} <= {WINDOW_UPDATE}
            if client.client.is_closed:
                break
        assert client.goaway in (None, ErrorCode.NO_ERROR)

    def test_stops(self) -> None:
        """A client that stops sending is answered 408."""
        client, _, running = serve(APP)
        stream = client.begin("POST", end=False)
        running.clock.advance(50)
        client.send(stream, b"some")
        running.clock.advance(59)
        client.flush()
        assert not client.answers[stream].status
        running.clock.advance(2)
        client.flush()
        assert (client.answers[stream].status, client.answers[stream].reset) == (408, 0)
        assert running.exchanges[0].status == 408

    def test_too_slow(self) -> None:
        """And so is one that sends more slowly than it must."""
        site = server(443, tls=TLS).location("/").proxy_to(APP)
        client, _, running = serve(http(site, clients=clients(min_body_rate=100, rate_grace=10)))
        fast, slow = client.begin("POST", end=False), client.begin("POST", end=False)
        for _ in range(11):
            client.send(fast, bytes(1000))
            if not client.answers[slow].status:
                client.send(slow, b"x")
            running.clock.advance(1)
        client.flush()
        assert (client.answers[fast].status, client.answers[slow].status) == (0, 408)

    def test_stops_later(self) -> None:
        """And one that has kept the rate and then sends nothing, when the next grace is over."""
        site = server(443, tls=TLS).location("/").proxy_to(APP)
        client, _, running = serve(http(site, clients=clients(min_body_rate=100, rate_grace=10)))
        stream = client.begin("POST", end=False)
        client.send(stream, bytes(1000))
        running.clock.advance(19.9)
        client.flush()
        assert not client.answers[stream].status
        running.clock.advance(0.2)
        client.flush()
        assert client.answers[stream].status == 408

    def test_retried(self) -> None:
        """A body that is here as a whole is sent to the next peer."""
        client, peers, _ = serve(upstream("app", "a:1", "b:1"))
        peers["a:1"].refuses()
        peers["b:1"].answers()
        assert client.ask("POST", "/", (), b"hello").status == 200
        assert peers["b:1"].requests[-1].body == b"hello"


class ResponseBodies(SynchronousTestCase):
    """What clients are sent."""

    def test_large(self) -> None:
        """A body larger than all windows."""
        client, peers, _ = serve(APP)
        peers["a:1"].answers(200, LARGE)
        answer = client.ask()
        assert (answer.body == LARGE, answer.ended) == (True, True)

    def test_windows(self) -> None:
        """What the client does not take waits at the peer (RFC 9113 6.9)."""
        running = run(server(443, tls=TLS).location("/").proxy_to(APP), handshake=AGREED)
        client, peers = H2Client(running[0], takes=False), running.peers
        stream = client.begin()
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n" + LARGE)
        client.flush()
        assert len(client.answers[stream].body) >= INITIAL_WINDOW - MAX_FRAME_SIZE // 2
        running.clock.advance(SMALL_FRAME_AFTER)
        client.flush()
        assert len(client.answers[stream].body) == INITIAL_WINDOW
        assert peers["a:1"].unread > len(LARGE) // 2
        client.h2.increment_flow_control_window(1 << 20)
        client.flush()
        assert len(client.answers[stream].body) == INITIAL_WINDOW
        client.h2.increment_flow_control_window(1 << 20, stream)
        client.flush()
        assert client.answers[stream].body == LARGE

    def test_window_of_a_stream(self) -> None:
        """A stream without room does not hold up the others, and windows may become negative (6.9.2)."""
        running = run(server(443, tls=TLS).location("/").respond(200, "x" * 1000), handshake=AGREED)
        client = H2Client(running[0], takes=False)
        client.h2.update_settings({4: 100})
        client.flush()
        first = client.begin()
        assert len(client.answers[first].body) == 100
        client.h2.increment_flow_control_window(300, first)
        client.flush()
        assert len(client.answers[first].body) == 400
        client.h2.update_settings({4: 50})
        client.flush()
        client.h2.increment_flow_control_window(40, first)
        client.flush()
        assert len(client.answers[first].body) == 400
        client.h2.update_settings({4: 5000})
        client.flush()
        assert client.answers[first].ended
        assert client.begin() and client.answers[3].ended

    def test_no_room(self) -> None:
        """A client that makes no room for send_timeout loses the stream; one that makes some keeps it."""
        running = run(server(443, tls=TLS).location("/").proxy_to(APP), handshake=AGREED)
        client, peers = H2Client(running[0], takes=False), running.peers
        client.h2.increment_flow_control_window(1 << 20)
        peers["a:1"].answers(200, LARGE)
        first = client.begin()
        for _ in range(5):
            running.clock.advance(40)
            client.h2.increment_flow_control_window(1000, first)
            client.flush()
        assert client.answers[first].reset is None
        running.clock.advance(61)
        client.flush()
        assert client.answers[first].reset == 8
        assert running.exchanges[0].cause == "send_timeout"
        assert client.goaway is None

    def test_no_room_at_all(self) -> None:
        """Nor does one that makes none for the connection."""
        running = run(server(443, tls=TLS).location("/").proxy_to(APP), handshake=AGREED)
        client, peers = H2Client(running[0], takes=False), running.peers
        peers["a:1"].answers(200, LARGE)
        streams = [client.begin() for _ in range(3)]
        client.h2.increment_flow_control_window(1 << 20, streams[1])
        client.flush()
        running.clock.advance(130)
        client.flush()
        assert [client.answers[each].reset for each in streams] == [8, 8, 8]

    def test_turns(self) -> None:
        """Streams that wait for the connection's room get the same share."""
        running = run(server(443, tls=TLS).location("/").respond(200, "x" * 60_000), handshake=AGREED)
        client = H2Client(running[0], takes=False)
        streams = [client.begin() for _ in range(4)]
        client.h2.increment_flow_control_window(96 * KiB)
        client.flush()
        shares = [len(client.answers[each].body) for each in streams[1:]]
        assert max(shares) - min(shares) <= 16 * KiB, shares

    def test_slow_socket(self) -> None:
        """What the connection does not take waits at the peer, whatever the windows are."""
        running = run(server(443, tls=TLS).location("/").proxy_to(APP), handshake=AGREED)
        client, peers = H2Client(running[0]), running.peers
        stream = client.begin()
        for each in (None, stream):
            client.h2.increment_flow_control_window(1 << 24, each)
        client.flush()
        client.client.stops_reading()
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n" + LARGE)
        assert client.client.unsent < 256 * KiB
        assert peers["a:1"].unread > len(LARGE) // 2
        client.client.reads()
        client.flush()
        assert client.answers[stream].body == LARGE

    def test_left_waiting(self) -> None:
        """A stream may be reset while its complete response waits for room: the exchange was over before."""
        running = run(server(443, tls=TLS).location("/").respond(200, "x" * 100_000), handshake=AGREED)
        client = H2Client(running[0], takes=False)
        stream = client.begin()
        client.reset(stream)
        assert [each.status for each in running.exchanges] == [200]
        client.h2.increment_flow_control_window(1 << 20)
        client.flush()
        assert client.goaway is None

    def test_breaks_off_late(self) -> None:
        """What waits is sent before a response breaks off."""
        running = run(server(443, tls=TLS).location("/").proxy_to(APP), handshake=AGREED)
        client, peers = H2Client(running[0], takes=False), running.peers
        stream = client.begin()
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n" + bytes(100_000))
        peers["a:1"].closes()
        client.flush()
        assert client.answers[stream].reset is None
        client.h2.increment_flow_control_window(1 << 20)
        client.h2.increment_flow_control_window(1 << 20, stream)
        client.flush()
        answer = client.answers[stream]
        assert (len(answer.body), answer.ended, answer.reset) == (100_000, False, 2)

    def test_breaks_off_waiting(self) -> None:
        """What waits is sent, too, if the response breaks off meanwhile."""
        running = run(server(443, tls=TLS).location("/").proxy_to(APP), handshake=AGREED)
        client, peers = H2Client(running[0], takes=False), running.peers
        client.h2.update_settings({4: 10})
        client.flush()
        stream = client.begin()
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n%b\r\n" % bytes(20))
        peers["a:1"].sends(b"no chunk\r\n")
        client.flush()
        assert (client.answers[stream].status, client.answers[stream].reset) == (200, None)
        client.h2.increment_flow_control_window(100, stream)
        client.flush()
        answer = client.answers[stream]
        assert (len(answer.body), answer.ended, answer.reset) == (20, False, 2)

    def test_sends_on(self) -> None:
        """What a client still sends while its complete response waits for room is dropped."""
        running = run(server(443, tls=TLS).location("/").respond(200, "x" * 100_000), handshake=AGREED)
        client = H2Client(running[0], takes=False)
        stream = client.begin("POST", end=False)
        for _ in range(2 * CONNECTION_WINDOW // 16384):
            if client.h2.local_flow_control_window(stream) >= 16384:
                client.send(stream, bytes(16384))
        assert client.h2.outbound_flow_control_window > CONNECTION_WINDOW // 4
        client.h2.increment_flow_control_window(1 << 20)
        client.h2.increment_flow_control_window(1 << 20, stream)
        client.flush()
        answer = client.answers[stream]
        assert (len(answer.body), answer.ended, answer.reset) == (100_000, True, 0)

    def test_padded(self) -> None:
        """Padding counts in the windows, and comes back."""
        client, peers, _ = serve(APP)
        peers["a:1"].answers()
        stream = client.begin("POST", end=False)
        for _ in range(2 * STREAM_WINDOW // 300):
            client.h2.send_data(stream, b"x" * 100, pad_length=200)
            client.flush()
        client.send(stream, b"", end=True)
        assert len(peers["a:1"].requests[-1].body) == 100 * (2 * STREAM_WINDOW // 300)

    def test_files(self) -> None:
        """Files are read and sent in frames, as fast as the client takes them."""
        folder = self.mktemp()
        makedirs(folder)
        with open(path.join(folder, "large"), "wb") as file:
            file.write(LARGE)
        client, _, _ = serve(server(443, tls=TLS).location("/").serve_files(folder))
        answer = client.ask("GET", "/large")
        assert (answer.body == LARGE, answer.ended) == (True, True)
        answer = client.ask("GET", "/large", [("range", "bytes=16-31")])
        assert (answer.status, answer.body) == (206, b"0123456789abcdef")

    def test_slow_reader(self) -> None:
        """A client that reads slowly is served for as long as it reads something."""
        client, _, running = serve(server(443, tls=TLS).location("/").respond(200, "x" * 60_000))
        client.client.stops_reading()
        for _ in range(10):
            client.begin()
        for _ in range(3):
            running.clock.advance(50)
            client.client.reads(1000)
        running.clock.advance(50)
        assert not client.client.is_gone
        running.clock.advance(61)
        assert client.client.was_reset

    def test_too_slow_reader(self) -> None:
        """With a least rate, something is not enough."""
        site = server(443, tls=TLS).location("/").respond(200, "x" * 60_000)
        client, _, running = serve(http(site, clients=clients(min_send_rate=1000, rate_grace=10)))
        client.client.stops_reading()
        for _ in range(10):
            client.begin()
        for _ in range(30):
            running.clock.advance(1)
            client.client.reads(2000)
            client.client.stops_reading()
        assert not client.client.is_gone
        for _ in range(100):
            running.clock.advance(1)
            if not client.client.is_gone:
                client.client.reads(100)
                client.client.stops_reading()
        assert client.client.was_reset

    def test_trailers_late(self) -> None:
        """Trailers come after what waits."""
        running = run(server(443, tls=TLS).location("/").proxy_to(APP), handshake=AGREED)
        client, peers = H2Client(running[0], takes=False), running.peers
        stream = client.begin()
        body = b"%x\r\n%b\r\n0\r\nX-Sum: 7\r\n\r\n" % (66_000, bytes(66_000))
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        client.flush()
        client.h2.increment_flow_control_window(1 << 20)
        client.h2.increment_flow_control_window(1 << 20, stream)
        client.flush()
        answer = client.answers[stream]
        assert (len(answer.body), answer.trailers, answer.ended) == (66_000, {"x-sum": "7"}, True)


class RoomTests(SynchronousTestCase):
    """The connection's room comes back, whatever becomes of the streams that used it."""

    def room(self, client: H2Client) -> int:
        """What the client may send on a new stream."""
        return client.h2.outbound_flow_control_window

    def test_too_large(self) -> None:
        """Of bodies that are too large."""
        client, _, _ = serve(server(443, tls=TLS).limit_body(1).location("/").proxy_to(APP))
        for _ in range(3 * CONNECTION_WINDOW // 16384):
            client.send(client.begin("POST", end=False), bytes(16384))
        assert self.room(client) > CONNECTION_WINDOW // 4

    def test_wrong_length(self) -> None:
        """Of bodies that are not as long as was said."""
        client, peers, _ = serve(APP)
        peers["a:1"].times_out()
        for _ in range(3 * CONNECTION_WINDOW // 16384):
            stream = client.begin("POST", "/", [("content-length", "1")], end=False)
            client.h2.streams[stream]._expected_content_length = None
            client.send(stream, bytes(16384))
            assert client.answers[stream].reset == 1
        assert self.room(client) > CONNECTION_WINDOW // 4
