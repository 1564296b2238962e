"""Tests of finding in a text what is a value elsewhere."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.values.foreign_text import foreign_values


class ForeignValueTests(SynchronousTestCase):
    """Each text has one value at most: its code here, or None if no value stands for it."""

    def test_apache(self) -> None:
        """An item is a field, a cookie or a variable; an unknown variable is one only in capitals, after e and s."""
        for text, code in (
            ("%{Host}i", "header('host')"),
            ("%{Sid}C", "cookie('Sid')"),
            ("%{REMOTE_ADDR}s", "client_address"),
            ("%{remote_addr}x", "client_address"),
            ("%{HTTP_USER_AGENT}e", "header('user-agent')"),
            ("%{HTTP_X_A}", "header('x-a')"),
            ("%{HTTP}e", None),
            ("%{OTHER}e", None),
            ("%{OTHER}s", None),
        ):
            with self.subTest(text=text):
                self.assertEqual(foreign_values(text), [(text, code)])
        for text in ("%{OTHER}x", "%{OTHER}", "%{other}e", "%{Other}s", "%{other}"):
            with self.subTest(text=text):
                self.assertEqual(foreign_values(text), [])

    def test_haproxy(self) -> None:
        """A sample is known alone; with a converter no value stands for it."""
        for text, code in (
            ("%[src]", "client_address"),
            ("%[src,lower]", None),
            ("%[req.hdr(X-B)]", "header('x-b')"),
            ("%[hdr(X-B,-1)]", "header('x-b')"),
            ("%[fhdr(X-B)]", "header('x-b')"),
            ("%[req.cook(Sid)]", "cookie('Sid')"),
            ("%[cook(Sid)]", "cookie('Sid')"),
            ("%[url_param(A)]", "query('A')"),
            ("%[urlp(A)]", "query('A')"),
            ("%[var(txn.a)]", None),
            ("%[rand]", None),
        ):
            with self.subTest(text=text):
                self.assertEqual(foreign_values(text), [(text, code)])
        for text in ("%[nothing]", "%[variant]", "%[]"):
            with self.subTest(text=text):
                self.assertEqual(foreign_values(text), [])

    def test_variables(self) -> None:
        """Variables of nginx and Caddy take the rest of their name for an argument, which may not be empty."""
        for text, code in (
            ("$http_x_a", "header('x-a')"),
            ("${http_x_a}", "header('x-a')"),
            ("{header.x-a}", "header('x-a')"),
            ("$cookie_a_b", "cookie('a_b')"),
            ("$arg_a_b", "query('a_b')"),
            ("$uri", "path"),
            ("{uri}", "request_uri"),
            ("$request_uri", "request_uri"),
            ("{host}", "host"),
            ("{client_address}", "client_address"),
            ("{header('x-a')}", "header('x-a')"),
            ('{cookie("a")}', "cookie('a')"),
            ("$request_id", None),
            ("$proxy_add_x_forwarded_for", None),
            ("{proxy_add_x_forwarded_for}", None),
        ):
            with self.subTest(text=text):
                self.assertEqual(foreign_values(text), [(text, code)])
        for text in ("$http_", "$cookie_", "{nothing}", "{request_id}", "{cookie('a\")}", "$1", "{}"):
            with self.subTest(text=text):
                self.assertEqual(foreign_values(text), [])
