"""Conversations at locations with conditions, and at those that only the proxy itself can reach."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import (
    client_address,
    cookie,
    exact,
    header,
    location,
    method,
    named,
    prefix,
    query,
    regex,
    server,
    split_clients,
)
from pydsl_proxy.config.servers import Server
from pydsl_proxy.testing import run
from pydsl_proxy.values.request import Request
from tests.support.failing import mistake
from tests.support.messages import get


def text(config: Server, target: str, *, asked: str = "GET", **fields: str) -> str:
    """What is answered."""
    client, _ = run(config)
    return client.request(asked, target, {name.replace("_", "-"): value for name, value in fields.items()}).text


class ChoiceTests(SynchronousTestCase):
    """Which location answers."""

    config = (
        server(80)
        .location("/api").when(method.equals("POST")).respond(200, "post")
        .location("/api").when(header("x-beta").equals("1") | cookie("beta").exists()).respond(200, "beta")
        .location("/api").respond(200, "api")
        .location(prefix("/api/stop", stop=True)).when(query("v").is_in(["2", "3"])).respond(200, "stopped")
        .location(regex("p$")).when(lambda request: request.query("r") == "1").respond(200, "regex")
        .location(exact("/only")).when(client_address.within("10.0.0.0/8")).respond(200, "inside")
    )  # fmt: skip

    def test_choice(self) -> None:
        """The first of a match whose condition holds, then the one without, then what the path else leads to."""
        self.assertEqual(text(self.config, "/api", asked="POST"), "post")
        self.assertEqual(text(self.config, "/api", x_beta="1"), "beta")
        self.assertEqual(text(self.config, "/api", cookie="beta=yes"), "beta")
        self.assertEqual(text(self.config, "/api"), "api")
        self.assertEqual(text(self.config, "/api/stop?v=3&r=1"), "stopped")
        self.assertEqual(text(self.config, "/api/stop?r=1"), "regex")
        self.assertEqual(text(self.config, "/api/stop"), "api")

    def test_none(self) -> None:
        """Where nothing is left the answer is 404, with the fields that the listener sets."""
        running = run(self.config.set_response_header("x-a", "b"))
        client, _ = running
        for target in ("/only", "/"):
            answer = client.request("GET", target)
            self.assertEqual((answer.status, answer.headers["x-a"]), (404, "b"))
        self.assertEqual(running.client("10.1.1.1").request("GET", "/only").text, "inside")

    def test_raises(self) -> None:
        """A condition that raises is answered with 500."""

        def fails(request: Request) -> bool:
            raise KeyError("no")

        client, _ = run(server(80).location("/").when(fails).respond(200))
        client.sends(get("/"))
        self.assertEqual(client.responses[0].status, 500)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_slash_redirect(self) -> None:
        """``/a`` is redirected to ``/a/`` where that would be proxied."""
        config = (
            server(80)
            .location("/a/").when(header("x-a").exists()).proxy_to("a:1")
            .location("/").respond(200, "root")
        )  # fmt: skip
        client, _ = run(config)
        self.assertEqual(client.request("GET", "/a", {"x-a": "1"}).status, 301)
        self.assertEqual(client.request("GET", "/a").text, "root")

    def test_canary(self) -> None:
        """A share of the clients, always the same ones, gets another upstream."""
        share = split_clients(cookie("sid"), {"canary": 10}, rest="stable")
        config = (
            server(80)
            .location("/").when(share.equals("canary")).proxy_to("canary:1")
            .location("/").proxy_to("stable:1")
        )  # fmt: skip
        client, peers = run(config)
        for name in ("canary:1", "stable:1"):
            peers[name].answers(200, name.encode())
        answers = [client.request("GET", "/", {"cookie": f"sid={each}"}).text for each in [*range(100), *range(100)]]
        self.assertEqual(answers[:100], answers[100:])
        self.assertTrue(2 < answers[:100].count("canary:1") < 25, answers)

    def test_conditions_add_up(self) -> None:
        """Two conditions must both hold; the repr has them as one."""
        opened = location("/").when(method.equals("GET")).when(header("x").exists()).respond(200, "both")
        self.assertEqual(
            repr(opened).partition(".respond")[0], "location('/').when(method.equals('GET') & header('x').exists())"
        )
        config = server(80).including(opened)
        self.assertEqual(text(config, "/", x="1"), "both")
        self.assertEqual(text(config, "/"), "404 Not Found\n")


class MistakeTests(SynchronousTestCase):
    """What is written where a condition should be."""

    def test_comparisons(self) -> None:
        """``==`` compares two objects of the configuration; the error says what to write, by what was written."""
        opened = location("/")
        # fmt: off
        found = [
            mistake(lambda: opened.when(method == "POST")),  # type: ignore[arg-type, comparison-overlap]  # what is tested
            mistake(lambda: opened.when("POST" != method)),  # type: ignore[arg-type, comparison-overlap]  # noqa: SIM300
            mistake(lambda: opened.when(method in ["GET", "HEAD"])),  # type: ignore[arg-type, comparison-overlap]  # what is tested
        ]
        # fmt: on
        self.assertEqual(
            [hint for _, hint in found],
            [
                'write .when(method.equals("POST"))',
                'write .when(~method.equals("POST"))',
                'write .when(method.is_in(["GET", "HEAD"]))',
            ],
        )
        self.assertIn("is False for every request", found[0][0])
        no = False
        self.assertIn("the same for every request", mistake(lambda: opened.when(no))[0])  # type: ignore[arg-type]  # so


class InternalTests(SynchronousTestCase):
    """Locations for redirects inside the proxy."""

    def test_internal(self) -> None:
        """A client is answered 404, a rewrite that searches anew gets there (nginx's ``internal``)."""
        config = (
            server(80)
            .location("/hidden").internal().respond(200, "hidden")
            .location("/open").rewrite("^/open", "/hidden", last=True).respond(200)
        )  # fmt: skip
        running = run(config)
        client, _ = running
        self.assertEqual(client.request("GET", "/hidden").status, 404)
        self.assertEqual(running.exchanges[-1].cause, "internal")
        self.assertEqual(client.request("GET", "/open").text, "hidden")
        self.assertEqual(repr(config.locations[0]), "location('/hidden').internal().respond(200, 'hidden')")

    def test_named(self) -> None:
        """A named location is reached by its name, also one with a condition."""
        config = (
            server(80)
            .location("/").error_page(404, to=named("x"), status="target").respond(404)
            .location(named("x")).when(header("x").exists()).respond(200, "with")
            .location(named("x")).respond(200, "without")
        )  # fmt: skip
        self.assertEqual(text(config, "/", x="1"), "with")
        self.assertEqual(text(config, "/"), "without")
