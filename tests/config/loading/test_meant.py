"""Tests of what is said of a text, a list or a number that stands where something else belongs: it may be pasted."""

from __future__ import annotations

import re

from tests.config.loading.test_load import FileTests


class PastedTests(FileTests):
    """What the hint says is pasted in place of what is between the angle brackets."""

    def tries(self, marked: str, pasted: str) -> None:
        """The hint for the marked file says *pasted*, which is accepted in place of what is marked."""
        start, wrong, end = re.split("[‹›]", marked)
        line, message, hint = self.told(f"proxy = {start}{wrong}{end}")
        self.assertEqual(line, 2)
        self.assertNotIn("Error", message)
        self.assertEqual((hint or "").partition("write ")[2].partition("; ")[0], pasted, message)
        self.load(f"proxy = {start}{pasted}{end}")

    def test_peers_in_a_list(self) -> None:
        """Several peers are an upstream, wherever one is sent to."""
        before = 'server(80).location("/").'
        for marked, pasted in (
            ('‹proxy_to(["a:1", "b:1"])›', 'proxy_to(upstream("app", "a:1", "b:1"))'),
            ('‹proxy_to(("a:1", "b:1"), path="/v1/")›', 'proxy_to(upstream("app", "a:1", "b:1"), path="/v1/")'),
            ('‹proxy_to([peer("a:1", weight=2)])›', 'proxy_to(upstream("app", peer("a:1", weight=2)))'),
            ("‹proxy_to([])›", 'proxy_to(upstream("app", "127.0.0.1:9000", "127.0.0.1:9001"))'),
            ('‹proxy_to([":1"])›', 'proxy_to(upstream("app", "127.0.0.1:9000", "127.0.0.1:9001"))'),
            ('‹websocket_to(["a:1", "b:1"])›', 'websocket_to(upstream("app", "a:1", "b:1"))'),
            ('‹mirror(["a:1"], percent=10)›.respond(200)', 'mirror(upstream("shadow", "a:1"), percent=10)'),
        ):
            with self.subTest(marked=marked):
                self.tries(before + marked, pasted)
        self.tries('stream(80).‹proxy_to(["a:1", "b:1"])›', 'proxy_to(upstream("db", "a:1", "b:1"))')

    def test_redirects(self) -> None:
        """A status in quotation marks is meant as a number, and nginx has words for two."""
        before = 'server(80).location("/").'
        for marked, pasted in (
            ('‹redirect_to("https://a.example", "301")›', "redirect_to('https://a.example', 301)"),
            ('‹redirect_to("https://a.example", status="permanent")›', "redirect_to('https://a.example', 301)"),
            ('‹redirect_to("/b", "redirect")›', "redirect_to('/b', 302)"),
            ('‹redirect_to_https("308")›', "redirect_to_https(308)"),
            ('rewrite("^/a$", "/b", ‹redirect="301"›).respond(200)', "redirect=301"),
        ):
            with self.subTest(marked=marked):
                self.tries(before + marked, pasted)

    def test_twice(self) -> None:
        """An argument that is given without its name and with it."""
        for marked, pasted in (
            ('‹server(80, listen=81)›.location("/").respond(200)', "server(81, 80)"),
            (
                '‹server(80, listen=[81, 82], names=["a"])›.location("/").respond(200)',
                'server(81, 82, 80, names=["a"])',
            ),
            ('‹stream(80, listen=81)›.proxy_to("a:1")', "stream(81, 80)"),
        ):
            with self.subTest(marked=marked):
                self.tries(marked, pasted)
        hint = self.told('proxy = server(80).location("/").respond(200, status=404)')[2]
        self.assertEqual(hint, "leave status=… out")

    def test_health_checks(self) -> None:
        """They are not of a server: the hint says where a peer that fails is spoken of."""
        for marked, pasted in (
            ('‹server(80, check="/health")›.location("/").proxy_to("a:1")', "server(80)"),
            ('server(80).location("/").‹proxy_to("a:1", health_check="/")›', 'proxy_to("a:1")'),
        ):
            with self.subTest(marked=marked):
                self.tries(marked, pasted)

    def test_methods(self) -> None:
        """Express opens a route for a method, which is a condition here."""
        self.tries('server(80).‹get("/a")›.respond(200)', 'location("/a").when(method.is_in(["GET", "HEAD"]))')
        self.tries('server(80).‹post("/a")›.respond(200)', 'location("/a").when(method.equals("POST"))')
