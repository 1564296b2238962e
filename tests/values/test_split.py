"""Tests of values that divide clients into shares."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import client_address, cookie, host, query, split_clients
from pydsl_proxy.values.value import as_value
from tests.support.failing import mistake
from tests.support.requests import request

# What nginx 1.22.1 was seen to give for split_clients "$arg_k" { 0.5% a; 20.25% b; 33.33% c; * rest; }.
SEEN = {
    "a": "15 100 113 320 352 392 user-1 user-94 user-233",
    "b": "2 4 8 10 28 29 33 41 45 47 54 58 85 89",
    "c": "0 1 3 5 6 11 13 17 19 21 23 24 25 30",
    "rest": "7 9 12 14 16 18 20 22 26 27 31 32 38 40",
}


class ShareTests(SynchronousTestCase):
    """nginx's ``split_clients``."""

    def test_as_nginx(self) -> None:
        """The same client has the same share as in nginx."""
        share = split_clients(query("k"), {"a": 0.5, "b": 20.25, "c": 33.33}, rest="rest")
        found = {
            name: " ".join(key for key in keys.split() if share(request(b"GET", b"/?k=" + key.encode())) == name)
            for name, keys in SEEN.items()
        }
        self.assertEqual(found, SEEN)
        # The hash of the empty text is 0.
        self.assertEqual(share(request(b"GET", b"/")), "a")

    def test_rest(self) -> None:
        """Without a rest, what is left over is empty; of the whole there is nothing left."""
        keys = [request(b"GET", b"/?k=%d" % number) for number in range(200)]
        self.assertEqual({split_clients(query("k"), {"a": 10})(each) for each in keys}, {"a", ""})
        self.assertEqual({split_clients(query("k"), {"a": 50, "b": 50})(each) for each in keys}, {"a", "b"})

    def test_repr(self) -> None:
        """The repr is the code; it can stand in f-strings and in conditions."""
        share = split_clients(f"{client_address}{cookie('sid')}", {"a": 10, "b": 20.5}, rest="c")
        self.assertEqual(as_value(f"{share}"), share)
        condition = split_clients(host, {"canary": 100}).equals("canary")
        self.assertEqual(repr(condition), "split_clients(host, {'canary': 100}).equals('canary')")
        self.assertTrue(condition.compile()(request(b"GET", b"/")))

    def test_mistakes(self) -> None:
        """Shares are percentages with two decimals, no more than the whole, of a value that varies."""
        for shares, told in (
            ({}, "are no shares"),
            ({"a": 0}, "not a percentage"),
            ({"a": 101}, "not a percentage"),
            ({"a": float("nan")}, "not a percentage"),
            ({"a": True}, "not a percentage"),
            ({"a": 0.125}, "more than two decimals"),
            ({"a": 60, "b": 50}, "more than the whole"),
            ({f"{host}": 5}, "is no fixed text"),
        ):
            self.assertIn(told, mistake(split_clients, host, shares)[0])
        self.assertIn("the same for every request", mistake(split_clients, "fixed", {"a": 5})[0])
        self.assertIn("is no fixed text", mistake(split_clients, host, {"a": 5}, rest=f"{host}")[0])
