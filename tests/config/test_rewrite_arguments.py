"""Tests of rewrites, copies and edits of cookies where they are written: what is taken, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import host, location, regex, upstream
from pydsl_proxy.errors import ConfigError

#: What it is given is often of no type that it takes.
OPEN: Any = location("/")


class Case(SynchronousTestCase):
    """Verbs."""

    def refuses(self, verb: Callable[[], object], message: str, hint: str | None = None) -> None:
        """A verb is refused with this message and this hint, if one is given."""
        error = self.assertRaises(ConfigError, verb)
        self.assertIn(message, error.message)
        if hint is not None:
            self.assertEqual(error.hint, hint)


class PrefixTests(Case):
    """``.strip_prefix()``."""

    def test_taken(self) -> None:
        """A decoded path, whose last slashes count for nothing."""
        for prefix in ("/api", "/api/", "/api//", "/a b", "/é", "/a.b/c", "/..."):
            OPEN.strip_prefix(prefix)
        self.assertEqual(OPEN.strip_prefix("/api"), OPEN.strip_prefix("/api/"))

    def test_refused(self) -> None:
        """Nothing, no path at all, and what a location would not be."""
        self.refuses(lambda: OPEN.strip_prefix(5), "5 is not a path", 'write strip_prefix("/api")')
        self.refuses(lambda: OPEN.strip_prefix("/"), "there is nothing to strip", "leave it out")
        self.refuses(lambda: OPEN.strip_prefix("api"), "it begins with a slash", 'write "/api"')
        self.refuses(lambda: OPEN.strip_prefix(""), "it begins with a slash")
        for prefix in ("/a%20b", "/a?b", "/a#b", "/a//b", "/a/../b", "/a/..", "/./b"):
            self.refuses(partial(OPEN.strip_prefix, prefix), "it is no decoded path")


class RewriteTests(Case):
    """``.rewrite()``."""

    def test_taken(self) -> None:
        """Paths, URLs, values, and groups by number and by name."""
        for replacement in ("/b", "https://x/", "http://x/", r"\1", r"/\1", r"\g<1>", r"/\g<n>", f"/{host}", host):
            OPEN.rewrite("^/(?P<n>.*)$", replacement)
        for status in (301, 302, 303, 307, 308):
            OPEN.rewrite("^/a", "/b", redirect=status)
        self.assertEqual(OPEN.rewrite("^/a", "/b"), OPEN.rewrite(regex("^/a"), "/b"))
        OPEN.rewrite("^/a", "/b", last=True)

    def test_redirects(self) -> None:
        """A status is one of redirects, and whoever is redirected searches no location."""
        for status in (300, 304, 305, 309, 200, True):
            self.refuses(partial(OPEN.rewrite, "^/a", "/b", redirect=status), "is not a redirect")
        self.refuses(
            lambda: OPEN.rewrite("^/a", "/b", redirect=300),
            "rewrite(redirect=300)",
            "the statuses are 301, 302, 303, 307, 308",
        )
        both = "a client that is redirected searches no location"
        self.refuses(lambda: OPEN.rewrite("^/a", "/b", last=True, redirect=301), both, "leave last=True out")

    def test_replacement(self) -> None:
        """Characters that no target has, other proxies' groups, and what is neither a path nor a URL."""
        raw = r'write a raw string: r"/new/\1"'
        for text, hint in (
            ("/\x01", raw),
            ("/\t", raw),
            ("/a b", "write %20 for a space"),
            ("/\x7f", "write %20 for a space"),
            ("/\n", "write %20 for a space"),
        ):
            self.refuses(partial(OPEN.rewrite, "^/a", text), "a space or a control character", hint)
        self.refuses(lambda: OPEN.rewrite("^/(a)", "/$1"), "$1 is nginx's", r'write r"\1"')
        for text in ("/$no_such", "/${no_such}"):
            hint = 'write an f-string with a value, as f"/{host}"'
            self.refuses(partial(OPEN.rewrite, "^/a", text), "is nginx's", hint)
        self.refuses(lambda: OPEN.rewrite("^/a", "/b#c"), "has a fragment, which no request has")
        self.refuses(lambda: OPEN.rewrite("^/a", "b"), "neither a path nor a URL", 'write "/b", or https://…')
        self.refuses(lambda: OPEN.rewrite("^/a", "ftp://b"), "neither a path nor a URL")

    def test_groups(self) -> None:
        """A group that the pattern has not."""
        self.refuses(lambda: OPEN.rewrite("^/(a)(b)", r"/\3"), "has no group 3", "it has 2, counted from 1")
        self.refuses(lambda: OPEN.rewrite("^/(a)", r"/\g<n>"), "has no group n")
        OPEN.rewrite("^/(a)(b)", r"/\2")


class MirrorTests(Case):
    """``.mirror()``."""

    def test_refused(self) -> None:
        """What is no upstream, a share that is none, and bounds that let nothing through."""
        self.refuses(
            lambda: OPEN.mirror(5),
            "5 is not an upstream",
            'write upstream("shadow", …) or an address, "host:port"',
        )
        for percent in (0, -1, 100.1, True, "10", float("nan"), float("inf")):
            self.refuses(
                partial(OPEN.mirror, "a:1", percent=percent),
                "is not a percentage above 0",
                "write percent=10",
            )
        self.refuses(lambda: OPEN.mirror("a:1", in_flight=0), "mirror(in_flight=…)")
        self.refuses(lambda: OPEN.mirror("a:1", body=-1), "mirror(body=…)")

    def test_taken(self) -> None:
        """Any share up to all, of an upstream or an address."""
        for percent in (0.1, 1, 100):
            OPEN.mirror(upstream("shadow", "a:1"), percent=percent)
        OPEN.mirror("a:1", in_flight=1)


class CookieTests(Case):
    """Edits of cookies."""

    def test_rules(self) -> None:
        """Texts and patterns lead to texts that a cookie may have."""
        rules: Any
        for rules in ({}, [], None, "a"):
            self.refuses(
                partial(OPEN.rewrite_cookie_path, rules),
                "are no rules",
                'write rewrite_cookie_path({"/": "/app/"})',
            )
        self.refuses(
            lambda: OPEN.rewrite_cookie_domain({}),
            "are no rules",
            'write rewrite_cookie_domain({"app.internal": "example.com"})',
        )
        for old in ("", 5, None):
            self.refuses(partial(OPEN.rewrite_cookie_domain, {old: "a"}), "is neither a text nor a regex")
        for new in ("a;b", "a,b", "a b", "é", "\n", 5):
            self.refuses(partial(OPEN.rewrite_cookie_path, {"a": new}), "cannot be a cookie's path")
            self.refuses(partial(OPEN.rewrite_cookie_domain, {"a": new}), "cannot be a cookie's domain")
        OPEN.rewrite_cookie_path({"a": "", "b": "!~"})

    def test_expansion(self) -> None:
        """What stands for a group is one of the pattern, and every backslash begins one."""
        OPEN.rewrite_cookie_path({regex("^/(a)(?P<n>b)"): r"/\1\2\g<n>"})
        self.refuses(lambda: OPEN.rewrite_cookie_path({regex("^/(a)"): r"/\2"}), "has no group 2")
        self.refuses(lambda: OPEN.rewrite_cookie_path({regex("^/(a)"): r"/\q"}), "is no replacement for")
        OPEN.rewrite_cookie_path({"a": r"\q"})

    def test_flags(self) -> None:
        """Flags are set or cleared, at least one of them, for a cookie that may have such a name."""
        for flags in (
            {"secure": True},
            {"secure": False},
            {"httponly": True},
            {"samesite": "lax"},
            {"samesite": False},
        ):
            OPEN.set_cookie_flags("sid", **flags)
            OPEN.set_cookie_flags(regex("^s"), **flags)
            OPEN.set_cookie_flags(**flags)
        self.refuses(lambda: OPEN.set_cookie_flags("sid"), "sets nothing")
        for name in ("", "a b", "a=b", "a;", 5):
            self.refuses(
                partial(OPEN.set_cookie_flags, name, secure=True),
                "is not the name of a cookie",
                'write "sid"',
            )
        for flag in ("secure", "httponly"):
            self.refuses(
                partial(OPEN.set_cookie_flags, **{flag: "yes"}),
                f"set_cookie_flags({flag}='yes')",
                f"write {flag}=True",
            )
        for same in ("Lax", True, 5):
            self.refuses(partial(OPEN.set_cookie_flags, samesite=same), f"set_cookie_flags(samesite={same!r})")
