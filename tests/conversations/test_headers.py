"""Conversations: header fields that the proxy adds, removes, sets and hides."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import (
    Request,
    access_log,
    client_address,
    header,
    host,
    http,
    http2,
    request_uri,
    scheme,
    server,
    upstream,
)
from pydsl_proxy.config.servers import Http
from pydsl_proxy.testing import Running, run
from tests.support.failing import mistake
from tests.support.messages import GET, OK, answer, get

APP = upstream("app", "a:1")
PROXIED = server(80).location("/").proxy_to(APP)


def behind(*trusted: str) -> Http:
    """A proxy that believes some."""
    return http(PROXIED, trusted_proxies=trusted)


def forwarded(running: Running, *fields: str) -> dict[str, str]:
    """What the peer is told of the client of a request with these fields."""
    client, peers = running
    client.sends(get("/", *fields))
    names = ("x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "x-forwarded-port")
    headers = peers["a:1"].requests[-1].headers
    return {name: headers[name] for name in names if name in headers}


class ForwardingTests(SynchronousTestCase):
    """Who the client is, for the peer."""

    def test_told(self) -> None:
        """The peer is told the client's address, and how it asked for what."""
        client, peers = run(APP, address="192.0.2.7")
        client.sends(b"GET / HTTP/1.1\r\nHost: Example.com:8080\r\n\r\n")
        peers["a:1"].expects(
            b"GET / HTTP/1.1\r\nHost: Example.com:8080\r\nX-Forwarded-Host: Example.com:8080\r\n"
            b"X-Real-IP: 192.0.2.7\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n\r\n"
        )

    def test_each_client(self) -> None:
        """Each client's own, though their requests are the same and the connection to the peer too."""
        running = run(APP)
        for address in ("192.0.2.1", "192.0.2.2", "2001:db8::1", "192.0.2.1"):
            client = running.client(address)
            client.sends(GET)
            self.assertEqual(running.peers["a:1"].requests[-1].headers["x-real-ip"], address)
            running.peers["a:1"].sends(OK)
        self.assertEqual(len(running.peers["a:1"].connections), 1)

    def test_not_believed(self) -> None:
        """What a stranger says of itself is dropped."""
        told = forwarded(
            run(APP),
            "X-Forwarded-For: 6.6.6.6",
            "x-real-ip: 6.6.6.6",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Host: bad",
            "X-Forwarded-Port: 1",
            "Forwarded: for=6.6.6.6",
        )
        self.assertEqual(
            told,
            {
                "x-real-ip": "127.0.0.1",
                "x-forwarded-for": "127.0.0.1",
                "x-forwarded-proto": "http",
                "x-forwarded-host": "x",
            },
        )

    def test_believed(self) -> None:
        """What a trusted proxy says is passed on, with the proxy added."""
        told = forwarded(
            run(behind("127.0.0.1")),
            "X-Forwarded-For: 192.0.2.1",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Host: example.com",
        )
        self.assertEqual(
            told,
            {
                "x-real-ip": "192.0.2.1",
                "x-forwarded-for": "192.0.2.1, 127.0.0.1",
                "x-forwarded-proto": "https",
                "x-forwarded-host": "example.com",
            },
        )

    def test_prefix(self) -> None:
        """A prefix for links is believed of trusted proxies alone; in trailers of nobody."""
        for trusted, expected in ((["127.0.0.1"], ["/a", "/b"]), (["10.0.0.1"], [])):
            client, peers = run(behind(*trusted))
            fields = ("X-Forwarded-Prefix: /a", "x-forwarded-prefix: /b", "Connection: x-forwarded-prefix")
            client.sends(get("/", *fields, "Transfer-Encoding: chunked", method="POST"))
            client.sends(b"0\r\nX-Forwarded-Prefix: /t\r\n\r\n")
            request = peers["a:1"].requests[0]
            told = [each for value in request.headers.all("x-forwarded-prefix") for each in value.split(", ")]
            self.assertEqual(told, expected)
            self.assertNotIn(b"/t", peers["a:1"].received)

    def test_from_the_right(self) -> None:
        """The client is the last address that no trusted proxy has: those before it may be invented."""
        running = run(behind("127.0.0.1", "10.0.0.0/8"))
        told = forwarded(running, "X-Forwarded-For: 6.6.6.6, 192.0.2.1", "X-Forwarded-For: 10.1.1.1")
        self.assertEqual(told["x-real-ip"], "192.0.2.1")
        self.assertEqual(told["x-forwarded-for"], "6.6.6.6, 192.0.2.1, 10.1.1.1, 127.0.0.1")

    def test_trusted_but_not_this_one(self) -> None:
        """A client that is no trusted proxy is not believed where others are."""
        running = run(behind("10.0.0.0/8"), address="192.0.2.1")
        self.assertEqual(forwarded(running, "X-Forwarded-For: 6.6.6.6")["x-real-ip"], "192.0.2.1")

    def test_garbage(self) -> None:
        """What is no address ends what can be believed."""
        told = forwarded(run(behind("127.0.0.1", "10.0.0.0/8")), "X-Forwarded-For: 192.0.2.1, unknown, 10.0.0.1")
        self.assertEqual(told["x-real-ip"], "10.0.0.1")

    def test_kept_apart(self) -> None:
        """Requests of one connection may come from different clients."""
        running = run(behind("127.0.0.1"))
        client, peers = running
        for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
            client.sends(get("/", f"X-Forwarded-For: {address}"))
            self.assertEqual(peers["a:1"].requests[-1].headers["x-real-ip"], address)
            peers["a:1"].sends(OK)


class TextTests(SynchronousTestCase):
    """The octets of texts: one rule for values and for functions of the request."""

    def test_same_octets(self) -> None:
        """What a function takes from the request is sent as what a value takes: UTF-8, Latin-1 or anything."""
        rest = server(80).location("/back").respond(200, lambda request: request.header("x-name"))
        web = (
            rest.location("/to").redirect_to(lambda request: "/" + request.header("x-name"))
            .location("/").when(lambda request: request.header("x-name") == "é").respond(200, "known")
            .location("/")
            .set_request_header("X-Function", lambda request: request.header("x-name"))
            .set_request_header("X-Cookie", lambda request: request.cookie("c"))
            .set_request_header("X-Value", header("x-name"))
            .set_request_header("X-Text", f"{header('x-name')}")
            .proxy_to(APP)
        )  # fmt: skip
        for octets in ("ü€".encode(), b"\xe9", b"\xff\xfe\x80", b"\xed\xb2\x80", b"\xc3"):
            client, peers = run(web)
            request = b"GET %b HTTP/1.1\r\nHost: x\r\nX-Name: %b\r\nCookie: a=b; c=%b\r\n\r\n"
            client.sends(request % (b"/", octets, octets))
            sent = peers["a:1"].takes()
            for name in (b"X-Function", b"X-Cookie", b"X-Value", b"X-Text"):
                self.assertIn(b"\r\n%b: %b\r\n" % (name, octets), sent)
            client, _ = run(web)
            client.sends(request % (b"/back", octets, octets))
            self.assertTrue(client.takes().endswith(b"\r\n\r\n" + octets))
            client.sends(request % (b"/to", octets, octets))
            escaped = b"".join([b"%%%02X" % octet for octet in octets])
            self.assertIn(b"\r\nLocation: /" + escaped + b"\r\n", client.takes())
        client, _ = run(web)
        client.sends("GET / HTTP/1.1\r\nHost: x\r\nX-Name: é\r\n\r\n".encode())
        self.assertTrue(client.takes().endswith(b"\r\n\r\nknown"))

    def test_functions_in_texts(self) -> None:
        """What Python writes of a function is sent to nobody and stands in no log."""

        def tenant(request: Request) -> str:
            return request.host

        for made in (
            lambda: server(80).set_request_header("X", f"a-{tenant}"),
            lambda: server(80).set_response_header("X", f"{tenant} {host}"),
            lambda: server(80).location("/").respond(200, f"a-{tenant}"),
            lambda: server(80).location("/").redirect_to(f"https://x/{tenant}"),
            lambda: server(80).location("/").rewrite("^/a", f"/{tenant}"),
            lambda: access_log(format=f"{host} {tenant}"),
        ):
            self.assertIn("is not called", mistake(made)[0])


class HopByHopTests(SynchronousTestCase):
    """RFC 9110 7.6.1: what is meant for this hop alone."""

    def test_request(self) -> None:
        """The fields that every proxy takes out, and those that Connection names."""
        client, peers = run(APP)
        client.sends(
            get("/", "Connection: x-mine, keep-alive", "X-Mine: 1", "Keep-Alive: 5", "TE: trailers", "X-Ours: 2")
        )
        peers["a:1"].expects(get("/", "X-Ours: 2"))

    def test_other_names(self) -> None:
        """Proxy-Connection and Upgrade too."""
        client, peers = run(APP)
        client.sends(
            get("/", "Proxy-Connection: keep-alive", "Connection: Upgrade", "Upgrade: h2c", "HTTP2-Settings: a")
        )
        peers["a:1"].expects(get("/", "HTTP2-Settings: a"))

    def test_httpoxy(self) -> None:
        """``Proxy`` goes to no peer, as an application of CGI would use it as its own proxy; a rule may set one."""
        for version in ("1.1", "1.0"):
            client, peers = run(APP)
            client.sends(
                get("/", "Proxy: http://evil:1", "proxy:x", "PROXY: y", "X-Proxy: z").replace(
                    b"1.1", version.encode(), 1
                )
            )
            peers["a:1"].expects(get("/", "X-Proxy: z"))
        client, peers = run(server(80).set_request_header("Proxy", "own").location("/").proxy_to(APP))
        client.sends(get("/", "Proxy: http://evil:1"))
        self.assertEqual(peers["a:1"].requests[0].headers.all("proxy"), ["own"])
        client, peers = run(APP)
        client.sends(get("/", "Transfer-Encoding: chunked", method="POST") + b"0\r\nProxy: evil\r\nX-Sum: 1\r\n\r\n")
        self.assertTrue(peers["a:1"].takes().endswith(b"\r\n\r\n0\r\nX-Sum: 1\r\n\r\n"))

    def test_httpoxy_elsewhere(self) -> None:
        """So it is for copies, for who is asked whether the client may, and for peers of HTTP/2."""
        web = (
            server(80).location("/").auth_request("auth:1").mirror("copy:1").proxy_to(upstream("b", "b:1", via=http2()))
        )
        client, peers = run(web)
        peers["auth:1"].answers(200)
        client.sends(get("/", "Proxy: http://evil:1", "X-A: 1"))
        for each in ("auth:1", "copy:1", "b:1"):
            [asked] = peers[each].requests
            self.assertEqual((asked.headers.all("proxy"), asked.headers["x-a"]), ([], "1"), each)

    def test_never_named(self) -> None:
        """Connection cannot take away what places or frames the message, or what we add."""
        client, peers = run(APP)
        fields = ("Connection: host, content-length, x-real-ip, x-forwarded-for", "Content-Length: 2")
        client.sends(get("/", *fields, method="POST") + b"ok")
        peers["a:1"].expects(
            b"POST / HTTP/1.1\r\nhost: x\r\nContent-Length: 2\r\nX-Forwarded-Host: x\r\nX-Real-IP: 127.0.0.1\r\n"
            b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n\r\nok"
        )

    def test_response(self) -> None:
        """A peer's are taken out as well, and those by which an application steers nginx."""
        client, peers = run(APP)
        client.sends(GET)
        peers["a:1"].sends(
            answer(
                b"ok", "200 OK", "Connection: x-mine", "X-Mine: 1", "Keep-Alive: 5", "X-Accel-Expires: 1", "X-Ours: 2"
            )
        )
        client.expects(answer(b"ok", "200 OK", "X-Ours: 2"))

    def test_underscores(self) -> None:
        """A field whose name has an underscore is dropped: an application may take it for one with a hyphen."""
        client, peers = run(APP)
        client.sends(get("/", "X_Forwarded_For: 6.6.6.6", "a: 1"))
        peers["a:1"].expects(get("/", "a: 1"))


class RequestRuleTests(SynchronousTestCase):
    """``set_request_header`` and ``remove_request_header``."""

    def test_values(self) -> None:
        """A text, a value, a composition of them, or a function of the request, in place of the client's own."""

        def tenant(request: Request) -> str:
            return request.host.partition(".")[0]

        config = (
            server(80).location("/")
            .set_request_header("X-Text", "text")
            .set_request_header("X-Value", client_address)
            .set_request_header("X-Url", f"{scheme}://{host}{request_uri}")
            .set_request_header("X-Tenant", tenant)
            .proxy_to(APP)
        )  # fmt: skip
        client, peers = run(config)
        client.sends(b"GET /p?q HTTP/1.1\r\nHost: one.example.com\r\nx-tenant: two\r\nX-TEXT: x\r\n\r\n")
        peers["a:1"].expects(
            b"GET /p?q HTTP/1.1\r\nHost: one.example.com\r\nX-Text: text\r\nX-Value: 127.0.0.1\r\n"
            b"X-Url: http://one.example.com/p?q\r\nX-Tenant: one\r\n\r\n"
        )

    def test_each_request(self) -> None:
        """A value is asked of each request anew."""
        client, peers = run(server(80).location("/").set_request_header("X-Path", request_uri).proxy_to(APP))
        for target in ("/1", "/2"):
            client.sends(get(target))
            peers["a:1"].expects(get(target, f"X-Path: {target}"))
            peers["a:1"].sends(OK)

    def test_empty(self) -> None:
        """A field whose value comes out empty is not sent, as by nginx."""
        client, peers = run(server(80).location("/").set_request_header("X-A", header("x-b")).proxy_to(APP))
        client.sends(get("/", "X-A: 1"))
        peers["a:1"].expects(GET)

    def test_host(self) -> None:
        """The peer's Host may be set; X-Forwarded-Host still says the client's."""
        client, peers = run(server(80).location("/").set_request_header("Host", "app.internal").proxy_to(APP))
        client.sends(GET)
        headers = peers["a:1"].requests[0].headers
        self.assertEqual((headers["host"], headers["x-forwarded-host"]), ("app.internal", "x"))

    def test_forwarding(self) -> None:
        """A field that the proxy would add can be set or removed."""
        config = (
            server(80).location("/")
            .set_request_header("X-Real-IP", "0.0.0.0")
            .remove_request_header("X-Forwarded-For")
            .remove_request_header("X-Forwarded-Host")
            .proxy_to(APP)
        )  # fmt: skip
        self.assertEqual(forwarded(run(config)), {"x-real-ip": "0.0.0.0", "x-forwarded-proto": "http"})

    def test_merged(self) -> None:
        """What is set further out holds further in, where nginx would forget it; the innermost wins."""
        config = http(
            server(80)
            .set_request_header("X-A", "server").set_request_header("X-B", "server")
            .location("/").set_request_header("X-B", "location").remove_request_header("X-C").proxy_to(APP)
        )  # fmt: skip
        for name in ("X-A", "X-C", "X-D"):
            config = config.set_request_header(name, "http")
        client, peers = run(config)
        client.sends(get("/", "x-c: client"))
        peers["a:1"].expects_request("GET", "/", {"host": "x", "x-a": "server", "x-b": "location", "x-d": "http"})

    def test_no_smuggling(self) -> None:
        """A value made of the client's text cannot become two fields."""
        client, peers = run(
            server(80).location("/").set_request_header("X-A", lambda request: "1\r\nX-B: 2\x00").proxy_to(APP)
        )
        client.sends(GET)
        peers["a:1"].expects(get("/", "X-A: 1 X-B: 2"))


class ResponseRuleTests(SynchronousTestCase):
    """``set_response_header`` and ``hide_response_header``."""

    def test_set(self) -> None:
        """The peer's own field gives way."""
        client, peers = run(server(80).location("/").set_response_header("X-A", "ours").proxy_to(APP))
        client.sends(GET)
        peers["a:1"].sends(answer(b"ok", "200 OK", "x-a: 1", "X-A: 2"))
        client.expects(answer(b"ok", "200 OK", "X-A: ours"))

    def test_hide(self) -> None:
        """A field of the peer's does not reach the client."""
        client, peers = run(server(80).location("/").hide_response_header("X-Powered-By").proxy_to(APP))
        client.sends(GET)
        peers["a:1"].sends(answer(b"ok", "200 OK", "x-powered-by: PHP", "a: 1"))
        client.expects(answer(b"ok", "200 OK", "a: 1"))

    def test_value(self) -> None:
        """A value or function is asked of each request."""
        client, peers = run(server(80).location("/").set_response_header("X-For", request_uri).proxy_to(APP))
        for target in ("/1", "/2"):
            client.sends(get(target))
            peers["a:1"].sends(OK)
            client.expects(answer(b"ok", "200 OK").replace(b"\r\n\r\n", b"\r\nX-For: %b\r\n\r\n" % target.encode()))

    def test_merged(self) -> None:
        """What is set further out holds further in, and for what the proxy answers itself."""
        config = http(
            server(80)
            .set_response_header("X-Frame-Options", "DENY")
            .location("/").set_response_header("X-A", "1").hide_response_header("X-Outer").proxy_to(APP)
            .location("/own").respond(200, "ok")
        ).set_response_header("X-Outer", "http")  # fmt: skip
        client, peers = run(config)
        peers["a:1"].answers(200, b"ok")
        headers = client.request("GET", "/").headers
        self.assertEqual((headers["x-frame-options"], headers["x-a"], "x-outer" in headers), ("DENY", "1", False))
        headers = client.request("GET", "/own").headers
        self.assertEqual((headers["x-frame-options"], "x-a" in headers, headers["x-outer"]), ("DENY", False, "http"))

    def test_errors_too(self) -> None:
        """They are sent with errors as well (nginx's ``always``), even those that no location gives."""
        config = server(80).set_response_header("X-A", "1").location("/app").proxy_to(APP)
        client, peers = run(config)
        peers["a:1"].refuses()
        self.assertEqual(client.request("GET", "/app").headers["x-a"], "1")
        self.assertEqual(client.request("GET", "/other").headers["x-a"], "1")
        client.sends(b"nonsense\r\n\r\n")
        self.assertEqual((client.responses[2].status, client.responses[2].headers["x-a"]), (400, "1"))

    def test_server(self) -> None:
        """A peer's Server field passes."""
        client, peers = run(APP)
        client.sends(GET)
        peers["a:1"].sends(answer(b"ok", "200 OK", "Server: theirs"))
        client.expects(answer(b"ok", "200 OK", "Server: theirs"))
