"""Tests of what only the whole of a configuration shows."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http, location, method, prefix, regex, server, upstream
from pydsl_proxy.config.checks.whole import check
from pydsl_proxy.config.servers import Server

home = location("/").respond(200)


def messages(*servers: Server) -> list[str]:
    """What is found, without the places."""
    return [error.message.partition(";")[0] for error in check(http(*servers))]


class CheckTests(SynchronousTestCase):
    """Mistakes between the parts."""

    def test_nothing_wrong(self) -> None:
        """Names differ, or listeners do."""
        one = server(80, names=["a"]).including(home)
        self.assertEqual(messages(one, server(80).including(home), server(81, names=["a"]).including(home)), [])

    def test_names_claimed_twice(self) -> None:
        """One name at one listener belongs to one server, and so does having none."""
        one = server(80, names=["a", "b", "a"]).including(home)
        two = server(81, "tcp:80", names=["B"]).including(home)
        self.assertEqual(messages(one, two), ["two servers at 'tcp:80' claim the name 'b'"])
        self.assertEqual(check(http(one, two))[0].origin, two.origin)
        bare = server(80).including(home)
        self.assertEqual(messages(bare, server(80).including(home)), ["two servers without names at 'tcp:80'"])

    def test_upstreams_called_the_same(self) -> None:
        """One name is one upstream; made twice alike, it is the same one."""
        app, same, other = upstream("app", "a:1"), upstream("app", "a:1"), upstream("app", "b:1")
        web = server(80).location("/a").proxy_to(app).location("/b").proxy_to(same)
        self.assertEqual(messages(web), [])
        web = web.location("/c").proxy_to(other).location("/d").proxy_to(other)
        self.assertEqual(messages(web), ["two different upstreams are called 'app'"])

    def test_locations(self) -> None:
        """A server has locations, each of them once."""
        self.assertEqual(messages(server(80)), ["the server has no location"])
        again = location(prefix("/", stop=True)).respond(200)
        self.assertEqual(
            messages(server(80).including(home, again)), ["location(prefix('/', stop=True)) stands twice in one server"]
        )
        first, second = (location(regex("a")).respond(status) for status in (200, 201))
        self.assertEqual(
            messages(server(80).including(first, second)), ["location(regex('a')) stands twice in one server"]
        )

    def test_conditions(self) -> None:
        """One match may stand several times with different conditions, in any order; with an equal one it may not."""
        get, post = (location("/").when(method.equals(name)).respond(200) for name in ("GET", "POST"))
        self.assertEqual(messages(server(80).including(get, home, post)), [])
        self.assertEqual(messages(server(80).including(home, get)), [])
        again = location(prefix("/", stop=True)).when(method.equals("GET")).respond(201)
        self.assertEqual(
            messages(server(80).including(get, home, again)),
            ["location(prefix('/', stop=True)).when(method.equals('GET')) stands twice in one server"],
        )

    def test_slashes(self) -> None:
        """Where one of location and path ends with a slash and the other does not, there is a warning."""
        for match, path, text, hint in (
            ("/api/", "/v1", "location('/api/') with path='/v1' makes '/v1x' of '/api/x'", 'write path="/v1/"'),
            (
                "/api",
                "/v1/",
                "location('/api') with path='/v1/' makes '/v1//x' of '/api/x'",
                'write location("/api/"), or path="/v1"',
            ),
            ("/c", "/", "location('/c') with path='/' makes '//x' of '/c/x'", 'write location("/c/")'),
        ):
            found = check(http(server(80).location(match).proxy_to("a:1", path=path)))
            self.assertEqual([(each.message, each.hint, each.warning) for each in found], [(text, hint, True)])
        for match, path in (("/api/", "/v1/"), ("/api", "/v1"), ("/", "/v1/")):
            self.assertEqual(messages(server(80).location(match).proxy_to("a:1", path=path)), [])
