"""Conversations: paths that a peer may take for others than the proxy does."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import exact, header, named, query, regex, server, upstream
from pydsl_proxy.config.servers import Http, Paths, Server
from pydsl_proxy.testing import Running, run
from tests.support.failing import mistake
from tests.support.messages import answer, get

APP = upstream("app", "a:1")
#: Each is another location's for the proxy, and below /admin/ for some peer.
PAST_THE_GUARD = (
    "/admin/..%2f",
    "/admin/..%2Fx",
    "/admin/../",
    "/admin/../x",
    "/admin/.%2e/x",
    "/admin/%2e%2e/",
    "/admin/..",
    "//admin/../x",
    "/%61dmin/..%2f",
    "/admin;x/",
    "/admin;/x",
    "/admin;a=b;c/x",
    "/admin%3bx/y",
    "/x/..;/admin/",
    "/x/..;a=b/admin/y",
    "/x/%2e%2e;/admin/y",
    "/x%2fy/../admin/",
    "/x%5c..%5cadmin%5c",
    "/x\\..\\admin\\y",
    "/admin\\..\\x",
    "/\\admin/x",
    "/;/admin/",
    "/.;/admin/",
    "/..;/admin/",
    "/a/..;/..;/admin/",
)
UNAMBIGUOUS = (
    "/",
    "/x",
    "/x;jsessionid=1",
    "/x/..;/y",
    "/a%2fb",
    "/x/../y",
    "/x\\y",
    "/.well-known/x",
    "/x?/../admin/;",
    "*",
)


def guarded(paths: Paths = "checked") -> Server:
    """A server with a location that nobody may see, and one for all the rest."""
    return server(80, paths=paths).location("/admin/").deny("all").proxy_to(APP).location("/").proxy_to(APP)


def received(config: Server | Http, target: str) -> str | int:
    """The target that the peer receives, or the status of the client's answer if it receives nothing."""
    client, peers = run(config)
    client.sends(get(target, method="OPTIONS" if target == "*" else "GET"))
    return client.responses[0].status if client.responses else peers["a:1"].requests[0].target


class CheckedTests(SynchronousTestCase):
    """What happens by default, where a location is guarded."""

    def test_refused(self) -> None:
        """A path that some peer may take for the guarded one is refused, however it is spelled."""
        self.assertEqual(
            {target: received(guarded(), target) for target in PAST_THE_GUARD}, dict.fromkeys(PAST_THE_GUARD, 400)
        )
        running = run(guarded())
        running[0].sends(get("/admin/..%2f"))
        self.assertEqual(running.exchanges[-1].message, "a peer may take the path for one that is guarded")

    def test_passed_on(self) -> None:
        """What is not guarded in any reading goes to the peer as it was sent."""
        self.assertEqual(
            {target: received(guarded(), target) for target in UNAMBIGUOUS}, {each: each for each in UNAMBIGUOUS}
        )

    def test_guarded_anyway(self) -> None:
        """What the proxy itself takes for the guarded path meets its guard."""
        for target in ("/admin/x;y", "/x/../admin/", "/x/..%2fadmin/", "/admin/a%2fb", "/./admin/"):
            self.assertEqual(received(guarded(), target), 403, target)

    def test_kinds(self) -> None:
        """Every guard counts, an answer of 4xx too; a regex and an exact path are found as a prefix is."""
        opened = server(80)
        for made, target in (
            (opened.location("/admin/").auth_request("auth:1").proxy_to(APP), "/admin;x/"),
            (opened.location("/admin/").internal().proxy_to(APP), "/admin;x/"),
            (opened.location("/admin/").respond(403), "/admin;x/"),
            (opened.location(regex(r"^/admin/")).deny("all").proxy_to(APP), "/admin;x/"),
            (opened.location(exact("/admin")).deny("all").proxy_to(APP), "/admin;x"),
        ):
            self.assertEqual(received(made.location("/").proxy_to(APP), target), 400, repr(made))

    def test_same_guards(self) -> None:
        """A path that is ambiguous between locations of the same guards is none that leads past them."""
        web = server(80).deny("10.0.0.1").location("/admin/").proxy_to(APP).location("/").proxy_to(APP)
        self.assertEqual(received(web, "/admin/..%2f"), "/admin/..%2f")
        self.assertEqual(received(server(80).location("/").proxy_to(APP), "/admin/..%2f"), "/admin/..%2f")

    def test_conditions(self) -> None:
        """Where a condition decides, the guard of any location that it may choose counts."""
        web = (
            server(80)
            .location("/admin/").when(header("x").exists()).proxy_to(APP)
            .location("/admin/").deny("all").proxy_to(APP)
            .location("/").proxy_to(APP)
        )  # fmt: skip
        self.assertEqual(received(web, "/admin;x/"), 400)
        self.assertEqual(received(web, "/x;y"), "/x;y")

    def test_redirected_inside(self) -> None:
        """What the proxy itself leads to a location was looked at when it came."""
        web = (
            server(80)
            .error_page(502, to=named("spare"), intercept=True)
            .location("/").allow("127.0.0.1").deny("all").proxy_to(APP)
            .location("/files/").internal().respond(200, "file")
            .location(named("spare")).respond(200, "spare")
        )  # fmt: skip
        client, peers = run(web)
        client.sends(get("/a;b/c"))
        peers["a:1"].sends(answer(b"", "200 OK", "X-Accel-Redirect: /files/x"))
        self.assertEqual(client.responses[-1].body, b"file")
        client.sends(get("/a;b/c"))
        peers["a:1"].sends(answer(b"", "502 Bad Gateway"))
        self.assertEqual(client.responses[-1].body, b"spare")

    def steered(self, to: str, paths: Paths = "checked") -> tuple[Running, str | int]:
        """What comes of a request that a peer leads to *to* inside the proxy."""
        web = (
            server(80, paths=paths)
            .location("/q").deny("all").proxy_to(APP)
            .location("/p/").proxy_to(APP)
            .location("/").proxy_to("b:1")
        )  # fmt: skip
        running = run(web)
        client, peers = running
        client.sends(get("/"))
        peers["b:1"].sends(answer(b"", "200 OK", f"X-Accel-Redirect: {to}"))
        return running, client.responses[0].status if client.responses else peers["a:1"].requests[0].target

    def test_steered(self) -> None:
        """A target that a peer steers to is looked at as a client's path is; it is the peer's mistake."""
        for target in ("/p/..;/q", "/p/..\\q", "/p/..;x/q?y", "/p/%2e%2e;/q", "/p/..%5cq"):
            running, got = self.steered(target)
            self.assertEqual(got, 502, target)
            self.assertEqual(running.exchanges[-1].cause, "bad_redirect")
            text = "peer b:1 sent an X-Accel-Redirect that is no path: a peer may take the path for one that is guarded"
            self.assertEqual(running.exchanges[-1].message, text)
        for target in ("/p/..;/x", "/p/a;b", "/p/q"):
            self.assertEqual(self.steered(target)[1], target)
        self.assertEqual(self.steered("/p/..;/q", "as-sent")[1], "/p/..;/q")
        self.assertEqual(self.steered("/p/a%2fb", "normalized")[1], "/p/a/b")

    def test_made_inside(self) -> None:
        """So is every other target that is made inside the proxy: of a rewrite, of a missing file, of an error."""
        opened = server(80).location("/q").deny("all").proxy_to(APP).location("/p/").proxy_to(APP).location("/")
        for made in (
            opened.error_page(404, to="/p/..;/q").respond(404),
            opened.error_page(404, to=f"/p/{query('to')}").respond(404),
        ):
            # The page of the error is the one that there would be without another.
            self.assertEqual(received(made, "/x?to=..;/q"), 404, repr(made))
        for made in (
            opened.rewrite(r"^/(.*)$", "/p/..;/q").proxy_to(APP),
            opened.rewrite(r"^/(.*)$", "/p/..;/q", last=True).proxy_to(APP),
            opened.serve_files("/nonexistent", try_files=["/x", "/p/..;/q"]),
        ):
            self.assertEqual(received(made, "/x?to=..;/q"), 400, repr(made))

    def test_rewritten(self) -> None:
        """A rewritten target that no peer takes for a guarded one goes on as it is."""
        opened = server(80).location("/q").deny("all").proxy_to(APP).location("/")
        self.assertEqual(received(opened.rewrite(r"^/(.*)$", r"/p/\1").proxy_to(APP), "/a;b/c"), "/p/a;b/c")
        self.assertEqual(received(opened.rewrite(r"^/(.*)$", r"/p/\1").proxy_to(APP), "/..;/..;/q"), 400)

    def test_bounded(self) -> None:
        """An ambiguous path of more segments than any has is not looked at, and refused."""
        self.assertEqual(received(guarded(), "/a;" * 300), 400)
        self.assertEqual(received(guarded(), "/a" * 300), "/a" * 300)


class OtherTests(SynchronousTestCase):
    """What else a server may do with paths."""

    def test_normalized(self) -> None:
        """Peers get ambiguous paths as locations see them; what is ambiguous then is looked at as before."""
        for web in (guarded("normalized"), server(80, paths="normalized").location("/").proxy_to(APP)):
            for target, expected in (
                ("/admin/..%2f", "/"),
                ("/admin/../x?a=/../b", "/x?a=/../b"),
                ("/a%2fb/./c//d", "/a/b/c/d"),
                ("/x/..;/y", "/x/..;/y"),
                ("/a%20b", "/a%20b"),
                ("/a//b", "/a//b"),
                ("*", "*"),
            ):
                self.assertEqual(received(web, target), expected, target)
        for target in ("/admin;x/", "/x/..;/admin/", "/x%5c..%5cadmin%5c"):
            self.assertEqual(received(guarded("normalized"), target), 400, target)

    def test_as_sent(self) -> None:
        """Nothing is looked at where that is asked for."""
        for target in ("/admin/..%2f", "/admin/../", "/admin;x/"):
            self.assertEqual(received(guarded("as-sent"), target), target)

    def test_spelling(self) -> None:
        """The option has three values, and is part of the server's code."""
        self.assertIn('paths="normalized"', mistake(lambda: server(80, paths="off"))[1] or "")  # type: ignore[arg-type]  # what is wrong
        self.assertEqual(repr(server(80, paths="normalized")), "server(80, paths='normalized')")
        self.assertEqual(repr(server(80)), "server(80)")
