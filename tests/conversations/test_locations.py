"""Conversations: which peer is asked for what, and where its redirects lead."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import exact, header, http, regex, server, upstream
from pydsl_proxy.config.servers import Server
from pydsl_proxy.testing import run
from tests.support.messages import GET, answer, get

APP = upstream("app", "a:1")


def received(config: Server, target: str) -> str | int:
    """The target that the peer receives, or the status of the client's answer if it receives nothing."""
    client, peers = run(config)
    client.sends(get(target))
    return client.responses[0].status if client.responses else peers["a:1"].requests[0].target


class TargetTests(SynchronousTestCase):
    """What peers of nginx 1.22.1 were seen to receive."""

    def check(self, config: Server, expected: dict[str, str | int]) -> None:
        """Compare what is received for each target."""
        self.assertEqual({target: received(config, target) for target in expected}, expected)

    def test_without_path(self) -> None:
        """The target passes byte for byte, even what was normalised to find the location."""
        config = server(80).location("/nouri").proxy_to(APP)
        self.check(
            config,
            {
                "/nouri/x%20y//z/../w?a=1": "/nouri/x%20y//z/../w?a=1",
                "/x/../nouri?": "/x/../nouri?",
                "/%6eouri": "/%6eouri",
                "/nouri/%zz": 400,
            },
        )

    def test_with_path(self) -> None:
        """The matched prefix of the normalised path is replaced, and the rest escaped anew."""
        config = server(80).location("/a/").proxy_to(APP, path="/b/")
        self.check(
            config,
            {
                "/a/x%20y": "/b/x%20y",
                "/a/x%2Fy": "/b/x/y",
                "/a//x/./y/../z?q=%20": "/b/x/z?q=%20",
                "/a": 301,
                "/a/%E4%BD%A0": "/b/%E4%BD%A0",
                "/a/x%3Fy": "/b/x%3Fy",
                "/a/b%25c": "/b/b%25c",
                "/a/x%23y": "/b/x%23y",
                "/a/x+y": "/b/x+y",
                "/a/x;y": "/b/x;y",
                "/a/..%2f..%2fetc": 400,
                "/a/../../etc/passwd": 400,
            },
        )

    def test_slashes(self) -> None:
        """A prefix without a slash and a path with one are taken by the letter."""
        config = server(80).location("/c").proxy_to(APP, path="/")
        self.check(config, {"/cfoo": "/foo", "/c/foo": "/foo", "/c": "/"})
        config = server(80).location("/e/").proxy_to(APP, path="/q")
        self.check(config, {"/e/foo": "/qfoo"})

    def test_line_end(self) -> None:
        """A line end in a path hides nothing of it from a regex, of a location or of a rewrite."""
        client, peers = run(
            server(80)
            .location(regex(r"^/private/.*$")).respond(403)
            .location(regex(r"^/open$")).respond(200)
            .location("/").rewrite("^/(.*)$", r"/new/\1").proxy_to(APP)
        )  # fmt: skip
        peers["a:1"].answers(404)
        for target, status in (
            ("/private/%0A", 403),
            ("/private/a%0Ab", 403),
            ("/private/%0D%0A", 403),
            ("/open", 200),
            ("/open%0A", 404),
            ("/a%0Ab", 404),
        ):
            self.assertEqual(client.request("GET", target).status, status, target)
        self.assertEqual([each.target for each in peers["a:1"].requests], ["/new/open%0A", "/new/a%0Ab"])

    def test_slash_redirect(self) -> None:
        """The location of a proxied prefix is reached without its slash by a redirect, which keeps the query."""
        client, _ = run(server(8080).location("/a/").proxy_to(APP))
        for target, location in (("/a", "http://x:8080/a/"), ("/a?x=1", "http://x:8080/a/?x=1")):
            response = client.request("GET", target, {"host": "x:8080"})
            self.assertEqual((response.status, response.headers["location"]), (301, location))

    def test_no_slash_redirect(self) -> None:
        """Not where an exact location is just that."""
        client, _ = run(server(80).location("/a/").proxy_to(APP).location(exact("/a")).respond(200, "here"))
        self.assertEqual(client.request("GET", "/a").text, "here")


class ChoiceTests(SynchronousTestCase):
    """Which location is asked; tests of the routing compare all of nginx's rules."""

    def test_order(self) -> None:
        """Exact, then the longest prefix unless a regex matches."""
        config = (
            server(80)
            .location(exact("/exact")).respond(200, "exact")
            .location("/").respond(200, "root")
            .location("/img/").respond(200, "img")
            .location(regex(r"\.png$")).respond(200, "png")
        )  # fmt: skip
        client, _ = run(config)
        paths = {"/exact": "exact", "/exactly": "root", "/img/a.jpg": "img", "/img/a.png": "png", "/%69mg/": "img"}
        self.assertEqual({path: client.request("GET", path).text for path in paths}, paths)

    def test_servers(self) -> None:
        """The server is chosen by the Host, on the listener that the client came to."""
        config = http(
            server(80, names=["one"]).location("/").respond(200, "one"),
            server(80, names=["*.two"]).location("/").respond(200, "two"),
            server(81).location("/").respond(200, "81"),
        )
        running = run(config)
        client, _ = running
        hosts = {"one": "one", "ONE:8080": "one", "a.two": "two", "unknown": "one"}
        self.assertEqual({host: client.request("GET", "/", {"host": host}).text for host in hosts}, hosts)
        self.assertEqual(running.client(listen=81).request("GET", "/", {"host": "one"}).text, "81")


class NowhereTests(SynchronousTestCase):
    """What no location answers is its server's all the same."""

    config = http(
        server(80, names=["d"]).set_response_header("X-Server", "d").location("/").respond(200, "d"),
        server(80, names=["a"]).deny("all").location("/a/").respond(200, "a"),
        server(80, names=["b"]).limit_requests("1/m").set_response_header("X-Server", "b").location("/b/").respond(200),
        server(80, names=["c"]).location("/c").when(header("X-C").exists()).respond(200),
    )

    def answers(self, *requests: tuple[str, str]) -> list[tuple[int, list[str]]]:
        """Status and X-Server for each pair of a Host and a target."""
        client, _ = run(self.config)
        answers = [client.request("GET", target, {"Host": host}) for host, target in requests]
        return [(each.status, each.headers.all("X-Server")) for each in answers]

    def test_features(self) -> None:
        """It has the server's guards, limits and fields, and none of the first server's; so nginx."""
        self.assertEqual(
            self.answers(("a", "/zz"), ("b", "/zz"), ("b", "/zz"), ("c", "/zz"), ("c", "/c"), ("unknown", "/zz")),
            [(403, []), (404, ["b"]), (429, ["b"]), (404, []), (404, []), (200, ["d"])],
        )

    def test_body(self) -> None:
        """A body that the server would keep for its peers is not waited for."""
        client, _ = run(server(80).buffer_request().location("/a").proxy_to(APP))
        client.sends(get("/zz", "Content-Length: 9", method="POST") + b"body")
        self.assertEqual(client.responses[0].status, 404)

    def test_unreadable_paths(self) -> None:
        """A path that cannot be read has its server's fields: it was named."""
        for host, fields in (("a", []), ("b", ["b"]), ("c", []), ("d", ["d"])):
            client, _ = run(self.config)
            client.sends(b"GET /%%zz HTTP/1.1\r\nHost: %b\r\n\r\n" % host.encode())
            answer = client.responses[0]
            self.assertEqual((answer.status, answer.headers.all("X-Server")), (400, fields))

    def test_unreadable_heads(self) -> None:
        """What cannot be read is the first server's."""
        client, _ = run(self.config)
        client.sends(b"GET / HTTP/1.1\r\nHost: b\r\nbad line\r\n\r\n")
        answer = client.responses[0]
        self.assertEqual((answer.status, answer.headers.all("X-Server")), (400, ["d"]))


class RelocationTests(SynchronousTestCase):
    """Location and Refresh of a peer, as nginx's ``proxy_redirect default`` rewrites them."""

    def location(self, config: Server, target: str, value: str, name: str = "Location") -> str:
        """What the client sees of a peer's *value*."""
        client, peers = run(config)
        client.sends(get(target))
        peers["a:1"].sends(answer(b"", "302 Found", f"{name}: {value}"))
        return client.responses[0].headers[name]

    def test_of_the_peer(self) -> None:
        """A URL of the peer, or by the upstream's name, becomes one of the host that the client asked for."""
        config = server(80).location("/redir").proxy_to(APP)
        self.assertEqual(self.location(config, "/redir", "http://a:1/two/x"), "http://x/two/x")
        self.assertEqual(self.location(config, "/redir", "http://app/two/x"), "http://x/two/x")

    def test_of_others(self) -> None:
        """Any other URL stays as it is, and so does a path."""
        config = server(80).location("/redir").proxy_to(APP)
        for value in ("http://other/two", "https://x/", "/two", "two", "http://a:10/two", "http://app.evil/two"):
            self.assertEqual(self.location(config, "/redir", value), value)

    def test_with_path(self) -> None:
        """Where a path replaces the prefix, only URLs below that path are turned back into the prefix."""
        config = server(80).location("/one/").proxy_to(APP, path="/redir/")
        self.assertEqual(self.location(config, "/one/", "http://a:1/redir/x"), "http://x/one/x")
        self.assertEqual(self.location(config, "/one/", "http://a:1/two/x"), "http://a:1/two/x")

    def test_refresh(self) -> None:
        """The URL in a Refresh field too."""
        config = server(80).location("/").proxy_to(APP)
        self.assertEqual(self.location(config, "/", "5; url=http://a:1/x", "Refresh"), "5; url=http://x/x")

    def test_as_the_client_asked(self) -> None:
        """Scheme and port are those that the client used."""
        client, peers = run(APP)
        client.sends(b"GET / HTTP/1.1\r\nhost: x:8080\r\n\r\n")
        peers["a:1"].sends(answer(b"", "302 Found", "Location: http://a:1/"))
        self.assertEqual(client.responses[0].headers["location"], "http://x:8080/")

    def test_kept_alive(self) -> None:
        """The same response is rewritten for each client anew."""
        client, peers = run(APP)
        for host in ("x", "y", "x", "x"):
            client.sends(GET.replace(b"host: x", b"host: " + host.encode()))
            peers["a:1"].sends(answer(b"", "302 Found", "Location: http://a:1/"))
            self.assertEqual(client.responses[-1].headers["location"], f"http://{host}/")
