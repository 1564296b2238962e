"""Tests of locations: open ones, and those with a handler."""

from __future__ import annotations

from typing import cast

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import IResource, Resource

from pydsl_proxy import exact, location, prefix, regex, server, upstream
from pydsl_proxy.config.locations import Location
from pydsl_proxy.config.matching import Prefix
from pydsl_proxy.config.upstreams import Upstream
from pydsl_proxy.handlers.proxy import Proxy
from pydsl_proxy.handlers.redirect import Redirect
from pydsl_proxy.handlers.resource.handler import Mount
from pydsl_proxy.handlers.respond import Respond
from pydsl_proxy.interfaces import CompileContext, Handle, Handler
from tests.support.failing import mistake


class Own:
    """A user's handler."""

    def compile(self, place: CompileContext) -> Handle:
        """Nothing that these tests run."""
        raise NotImplementedError


class LocationTests(SynchronousTestCase):
    """From an open location to one with a handler."""

    def test_a_handler_gives_the_owner_back(self) -> None:
        """On a server it is the server with the location, alone it is the location."""
        alone = location("/a").timeouts(read=1).respond(200)
        self.assertIsInstance(alone, Location)
        web = server(80).location("/a").timeouts(read=1).respond(200)
        self.assertEqual(web.locations, (alone,))
        self.assertEqual(server(80).including(alone), web)

    def test_nothing_is_changed(self) -> None:
        """Each verb gives a new value; what it was called on stays as it was."""
        web = server(80)
        opened = web.location("/")
        opened.timeouts(read=1).respond(200)
        self.assertEqual((web, opened), (server(80), server(80).location("/")))

    def test_handlers(self) -> None:
        """Every verb at the end, and what it makes."""
        app, resource, own = upstream("app", "a:1"), Resource(), Own()
        for made, handler in (
            (location("/").proxy_to(app), Proxy(app)),
            (location("/").proxy_to(app, path="/v1/"), Proxy(app, path="/v1/")),
            (location("/").proxy_to("a:1"), Proxy(upstream("a:1", "a:1"))),
            (location("/").respond(200, "ok"), Respond(200, "ok")),
            (location("/").redirect_to("/b", 301), Redirect("/b", 301)),
            (location("/").mount(resource), Mount(resource)),
            (location("/").handle(own), own),
        ):
            self.assertEqual(made.handler, handler)

    def test_match(self) -> None:
        """A plain string is a prefix; the prefix of a regex is not known."""
        self.assertEqual(location("/ä").respond(200).match, Prefix("/ä"))
        self.assertEqual(location("/ä").respond(200).prefix, "/ä".encode())
        self.assertEqual(location(exact("/a")).respond(200).prefix, b"/a")
        self.assertIsNone(location(regex("a")).respond(200).prefix)

    def test_repr(self) -> None:
        """It is the code that made it."""
        self.assertEqual(repr(location("/a").timeouts(read=1)), "location('/a').timeouts(read=1)")
        self.assertEqual(repr(server(80).location("/a")), "server(80).location('/a')")
        self.assertEqual(repr(location("/a").mount(r := Resource())), f"location('/a').mount({r!r})")
        self.assertEqual(repr(location("/a").handle(o := Own())), f"location('/a').handle({o!r})")
        stopping = location(prefix("/a", stop=True)).respond(204)
        self.assertEqual(repr(stopping), "location(prefix('/a', stop=True)).respond(204)")

    def test_mistakes(self) -> None:
        """What is no upstream, handler or resource is told."""
        opened = location("/")
        self.assertIn("5 is not an upstream", mistake(opened.proxy_to, cast("Upstream", 5))[0])
        self.assertIn("is a URL", mistake(opened.proxy_to, "http://a:1")[0])
        for wrong in (print, Own):
            self.assertIn("has no compile(place)", mistake(opened.handle, cast("Handler", wrong))[0])
        self.assertIn("is not a resource", mistake(opened.mount, cast("IResource", Own()))[0])
        self.assertIn("a regex location has no prefix", mistake(location(regex("a")).proxy_to, "a:1", path="/")[0])
