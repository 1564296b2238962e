"""Conversations at locations that rewrite the path."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import header, host, http, location, map_value, named, path, query_string, regex, server, upstream
from pydsl_proxy.config.checks.whole import check
from pydsl_proxy.config.servers import Server
from pydsl_proxy.testing import run
from pydsl_proxy.values.request import Request
from tests.support.failing import mistake
from tests.support.messages import answer, get

APP = upstream("app", "a:1")


def received(config: Server, target: str, *fields: str) -> str | int:
    """The target that the peer receives, or the status of the client's answer if it receives nothing."""
    client, peers = run(config)
    client.sends(get(target, *fields))
    return client.responses[0].status if client.responses else peers["a:1"].requests[0].target


def sent_to(config: Server, target: str) -> tuple[int, str]:
    """The redirect that the client gets."""
    client, _ = run(config)
    response = client.request("GET", target)
    return response.status, response.headers["location"]


class RewriteTests(SynchronousTestCase):
    """nginx's ``rewrite … break``; what is rewritten as by nginx is in the integration tests."""

    def test_rewrite(self) -> None:
        """Groups by number and name, searched in the decoded path, escaped where they are put."""
        numbered = server(80).location("/").rewrite(r"^/old/(.*)$", r"/new/\1").proxy_to(APP)
        named = server(80).location("/").rewrite(regex(r"^/OLD/(?P<rest>.*)$", ignore_case=True), r"/new/\g<rest>")
        for config in (numbered, named.proxy_to(APP)):
            self.assertEqual(received(config, "/old/a%20b%2Fc?y=2"), "/new/a%20b/c?y=2")
            self.assertEqual(received(config, "/old/%3Fx%23%25"), "/new/%3Fx%23%25")
            self.assertEqual(received(config, "/other//x"), "/other//x")

    def test_query(self) -> None:
        """The request's query follows the new one, unless the replacement ends with a question mark."""
        for replacement, expected in (
            (r"/new", "/new?y=2"),
            (r"/new?x=1", "/new?x=1&y=2"),
            (r"/new?", "/new"),
            (r"/new?x=1?", "/new?x=1"),
            (r"/new?p=\1", "/new?p=a%26b%3Bc&y=2"),
        ):
            config = server(80).location("/").rewrite(r"^/old/(.*)$", replacement).proxy_to(APP)
            self.assertEqual(received(config, "/old/a&b;c?y=2"), expected)

    def test_first(self) -> None:
        """Of several rewrites the first that matches counts, and outer scopes go first."""
        config = (
            server(80).rewrite("^/both", "/outer")
            .location("/").rewrite("^/(both|one)", "/first").rewrite("^/", "/second").proxy_to(APP)
        )  # fmt: skip
        self.assertEqual(received(config, "/both"), "/outer")
        self.assertEqual(received(config, "/one"), "/first")
        self.assertEqual(received(config, "/x"), "/second")

    def test_values(self) -> None:
        """A replacement may have values, which are escaped as groups are; a function gives all of it."""
        config = server(80).location("/").rewrite("^/(.*)", f"/{host}/{header('x-a')}" r"/\1").proxy_to(APP)
        self.assertEqual(received(config, "/z", "x-a: 50% ?é"), "/x/50%25%20%3F%C3%A9/z")
        config = server(80).location("/").rewrite("^/", f"/all?{query_string}&from={path}?").proxy_to(APP)
        self.assertEqual(received(config, "/a&b?x=%20"), "/all?x=%20&from=/a%26b")

        def moved(request: Request) -> str:
            return f"/by/{request.method}?"

        self.assertEqual(received(server(80).location("/").rewrite("^/", moved).proxy_to(APP), "/a?b"), "/by/GET")

    def test_no_injection(self) -> None:
        """Line ends and blanks of a decoded path, or of a function, do not reach the peer as such."""
        config = server(80).location("/").rewrite(r"(?s)^/old/(.*)$", r"/new/\1").proxy_to(APP)
        self.assertEqual(received(config, "/old/a%0d%0aX:%20y"), "/new/a%0D%0AX:%20y")
        config = server(80).location("/").rewrite("^/", lambda request: "/a b\r\nX: y?").proxy_to(APP)
        self.assertEqual(received(config, "/"), "/a%20b%0D%0AX:%20y")

    def test_no_host(self) -> None:
        """A target that was made never begins with two slashes, which a peer may take for a host."""
        for config, target in (
            (server(80).location("/").rewrite(r"^/strip(.*)$", r"/\1").proxy_to(APP), "/strip/evil.com"),
            (server(80).location("/").rewrite(r"^/strip(.*)$", r"/\1").proxy_to(APP), "/strip//evil.com"),
            (server(80).location("/").rewrite("^/", lambda request: "//evil.com?").proxy_to(APP), "/"),
            (server(80).location("/strip").proxy_to(APP, path="/"), "/strip/evil.com"),
            (server(80).location("/strip").proxy_to(APP, path="/./"), "/strip/evil.com"),
            (server(80).location("/strip").proxy_to(APP, path="/"), "/strip///evil.com"),
        ):
            self.assertEqual(received(config, target), "/evil.com")

    def test_climbing(self) -> None:
        """A group that would lead out of the new path is refused; nginx sends ``/v1/../x``."""
        config = server(80).location("/").rewrite("^/c(.*)$", r"/v1/\1").proxy_to(APP)
        self.assertEqual(received(config, "/c../x"), 400)
        self.assertEqual(received(config, "/c..x"), "/v1/..x")

    def test_redirect(self) -> None:
        """The client is sent there; a URL does so by itself, with 302."""
        config = server(80).location("/").rewrite(r"^/old/(.*)$", r"/new/\1", redirect=301).respond(200)
        self.assertEqual(sent_to(config, "/old/a%20%3F?q=1"), (301, "/new/a%20%3F?q=1"))
        config = server(80).location("/").rewrite("^/(.*)$", f"https://{host}/" r"\1").respond(200)
        self.assertEqual(sent_to(config, "/%5c%5cevil?q"), (302, "https://localhost/%5C%5Cevil?q"))

    def test_no_other_host(self) -> None:
        """What a group begins with does not become a host that the client is sent to."""
        config = server(80).location("/").rewrite("^/go(.*)$", r"/\1", redirect=302).respond(200)
        self.assertEqual(sent_to(config, "/go//evil.example"), (302, "/evil.example"))
        self.assertEqual(sent_to(config, "/go/%5Cevil.example"), (302, "/%5Cevil.example"))

    def test_no_name(self) -> None:
        """What a group begins with does not become the name of a location."""
        for replacement in (r"\1", lambda request: request.path[2:]):
            config = (
                server(80)
                .location("/r").rewrite("^/r(.*)$", replacement, last=True).respond(200)
                .location("/x").respond(200, "x")
                .location(named("hidden")).respond(200)
            )  # fmt: skip
            client, _ = run(config)
            targets = ("/r@hidden", "/r%40hidden", "/rx", "/r/x")
            self.assertEqual([client.request("GET", each).status for each in targets], [400, 400, 400, 200])

    def test_table(self) -> None:
        """A table may give whole targets; a value alone is escaped."""
        moved = map_value(path, {"/a": "/b?c=d?", "/x": "https://other.example/"}, default="/e")
        config = server(80).location("/").rewrite("^/", moved).proxy_to(APP)
        self.assertEqual(received(config, "/a?q"), "/b?c=d")
        self.assertEqual(received(config, "/z?q"), "/e?q")
        self.assertEqual(sent_to(config, "/x"), (302, "https://other.example/"))
        self.assertEqual(received(server(80).location("/").rewrite("^/", path).proxy_to(APP), "/%3F%25"), "/%3F%25")

    def test_last(self) -> None:
        """A location is searched anew, at most ten times."""
        config = (
            server(80)
            .location("/a").rewrite("^/a(.*)", r"/b\1", last=True).respond(200, "a")
            .location("/b").respond(200, lambda request: f"b {request.path}")
            .location("/loop").rewrite("^/loop", "/loop", last=True).respond(200)
        )  # fmt: skip
        running = run(config)
        client, _ = running
        self.assertEqual(client.request("GET", "/a/x?y").text, "b /b/x")
        self.assertEqual(client.request("GET", "/loop").status, 500)
        self.assertEqual(running.exchanges[-1].cause, "redirect_cycle")

    def test_log(self) -> None:
        """The log has the request as the client sent it."""
        running = run(server(80).location("/").rewrite("^/old", "/new").respond(200))
        running.client().request("GET", "/old?a")
        self.assertEqual(running.exchanges[-1].target, "/old?a")


class StripTests(SynchronousTestCase):
    """Applications below a prefix."""

    config = server(80).location("/api").strip_prefix().proxy_to(APP)

    def test_targets(self) -> None:
        """The rest goes through byte for byte, where the client wrote the prefix plainly; else it is written anew."""
        expected: dict[str, str | int] = {
            "/api": "/",
            "/api/": "/",
            "/api?a=%20": "/?a=%20",
            "/api/x%2Fy//z/../w?a": "/x%2Fy//z/../w?a",
            "/%61pi/x%2Fy?a": "/x/y?a",
            "/x/../api/y%20z": "/y%20z",
            "/apiary": "/apiary",
            "/api../x": "/api../x",
            "/api/../api/y": "/y",
            "/api//evil.com": "/evil.com",
            "/api/.//evil.com": "/evil.com",
            "/api/./%2Fevil.com": "/evil.com",
            "/api/%2e//evil.com?a": "/evil.com?a",
            "/api/.%2f./evil.com": "/evil.com",
            "/api/x/..//evil.com?a": "/evil.com?a",
            "/api/x/%2e%2e/%2fevil.com/%20": "/evil.com/%20",
            "/api/./x": "/x",
            "/api/.x//y": "/.x//y",
            "/api/x/../y": "/x/../y",
            "/api/a//b/../c": "/a//b/../c",
            "/api///evil.com//x": "/evil.com//x",
            "/api/%2Fevil.com": "/evil.com",
            "/api%2F/evil.com": "/evil.com",
            "/api/%2f%2Fevil.com/?a": "/evil.com/?a",
        }
        self.assertEqual({target: received(self.config, target) for target in expected}, expected)

    def test_spellings(self) -> None:
        """With a slash or without, of the location or of one's own; an inner one takes the place of an outer one."""
        for config in (
            server(80).location("/api/").strip_prefix().proxy_to(APP),
            server(80).strip_prefix("/other").location("/").strip_prefix("/api/").proxy_to(APP),
        ):
            self.assertEqual(received(config, "/api/x"), "/x")
        self.assertEqual(repr(self.config.locations[0]).partition(".proxy")[0], "location('/api').strip_prefix('/api')")

    def test_told(self) -> None:
        """Peers are told the prefix in the place of what a client says, and their own URLs are mapped back."""
        client, peers = run(self.config)
        client.sends(get("/api/x", "X-Forwarded-Prefix: /evil"))
        self.assertEqual(peers["a:1"].requests[0].headers.all("x-forwarded-prefix"), ["/api"])
        peers["a:1"].sends(answer(b"", "302 Found", "Location: http://a:1/login"))
        self.assertEqual(client.responses[0].headers["location"], "http://x/api/login")

    def test_told_of_what_was_stripped(self) -> None:
        """Of a target that was not stripped nothing is told; of a stripped one it is, wherever that leads."""
        web = (
            server(80).location("/api").strip_prefix().error_page(502, to=named("spare"), intercept=True).proxy_to(APP)
        )
        client, peers = run(web.location(named("spare")).proxy_to("b:1").location("/").proxy_to("c:1"))
        for peer in ("a:1", "b:1", "c:1"):
            peers[peer].answers()

        def told(peer: str, target: str) -> tuple[str, list[str]]:
            client.request("GET", target, {"X-Forwarded-Prefix": "/evil"})
            request = peers[peer].requests[-1]
            return request.target, request.headers.all("x-forwarded-prefix")

        self.assertEqual(told("a:1", "/apiary"), ("/apiary", []))
        self.assertEqual(told("a:1", "/api/x"), ("/x", ["/api"]))
        self.assertEqual(told("c:1", "/x"), ("/x", []))
        peers["a:1"].answers(502)
        self.assertEqual(told("b:1", "/api/x"), ("/x", ["/api"]))

    def test_told_by_trusted(self) -> None:
        """The location's prefix takes the place of what a trusted proxy tells, a field that is set that of both."""
        for web, expected in (
            (server(80).location("/api").strip_prefix(), "/api"),
            (server(80).location("/api").strip_prefix().set_request_header("X-Forwarded-Prefix", "/own"), "/own"),
        ):
            client, peers = run(http(web.proxy_to(APP), trusted_proxies=["127.0.0.1"]))
            client.sends(get("/api/x", "X-Forwarded-Prefix: /a"))
            self.assertEqual(peers["a:1"].requests[0].headers.all("x-forwarded-prefix"), [expected])


class MistakeTests(SynchronousTestCase):
    """What can be known to be wrong."""

    def test_rewrite(self) -> None:
        """Groups that are not there, nginx's dollars, texts that are no target."""
        opened = location("/")
        for pattern, replacement, options, told in (
            ("^/(a)", r"/\2", {}, "has no group 2"),
            ("^/(a)", r"/\g<name>", {}, "has no group name"),
            ("^/(a)", "/\1", {}, "control character"),
            ("^/(a)", "/$1", {}, "nginx's"),
            ("^/(a)", "/$request_uri", {}, "$request_uri is not a value here"),
            ("^/(a)", "/a b", {}, "has a space"),
            ("^/(a)", "/a#b", {}, "has a fragment"),
            ("^/(a)", "new", {}, "neither a path nor a URL"),
            ("(", "/", {}, "does not compile"),
            ("^/", "/a", {"redirect": 200}, "is not a redirect"),
            ("^/", "/a", {"redirect": 301, "last": True}, "searches no location"),
        ):
            made = mistake(opened.rewrite, pattern, replacement, **options)  # type: ignore[arg-type]  # what is tested
            self.assertIn(told, made[0])
        self.assertEqual(mistake(opened.rewrite, "^/(a)", "/$1")[1], r'write r"\1"')

    def test_strip_prefix(self) -> None:
        """There is a prefix, and it is a path."""
        self.assertIn("no prefix of its own", mistake(location(regex("a")).strip_prefix)[0])
        self.assertIn("nothing to strip", mistake(location("/").strip_prefix)[0])
        self.assertIn("begins with a slash", mistake(location("/").strip_prefix, "api")[0])
        self.assertIn("no decoded path", mistake(location("/").strip_prefix, "/a%20b")[0])

    def test_path(self) -> None:
        """Where the path is rewritten, ``path=`` has no prefix to replace; nginx ignores it silently."""
        for opened in (location("/a").rewrite("^/a", "/b"), location("/a").strip_prefix()):
            errors = check(http(server(80).including(opened.proxy_to(APP, path="/c"))))
            self.assertEqual([each.warning for each in errors], [False])
            self.assertIn("has changed it before", errors[0].message)
        again = location("/a").rewrite("^/a", "/b", last=True).proxy_to(APP, path="/c")
        self.assertEqual(check(http(server(80).including(again))), [])
