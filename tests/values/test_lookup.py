"""Tests of values that follow from others by a table, and of how composed values stand in texts."""

from __future__ import annotations

from inspect import signature

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

import pydsl_proxy
from pydsl_proxy import client_address, cookie, header, host, map_value, path, query, regex, split_clients
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.values.lookup import Lookup
from pydsl_proxy.values.request import Request
from pydsl_proxy.values.split import PercentageSplit
from pydsl_proxy.values.value import Value, as_bytes, as_value
from tests.support.failing import mistake
from tests.support.requests import request

NAMES = {name: getattr(pydsl_proxy, name) for name in pydsl_proxy.__all__}

_texts = st.text(st.characters(exclude_characters="\ufdd0\ufdd1", exclude_categories=["Cs"]), max_size=5)
_simple: st.SearchStrategy[Value] = st.sampled_from(
    [host, path, header("x-a"), header("#'"), cookie("sid"), query('"')]
)
_values = st.recursive(
    _simple,
    lambda inner: (
        st.builds(map_value, inner, st.dictionaries(_texts, _texts | inner, min_size=1, max_size=3), default=inner)
        | st.builds(lambda value: map_value(value, {regex("^x"): f"<{value}>"}, ignore_case=True), inner)
        | st.builds(lambda value, rest: split_clients(value, {"a": 10, "b": 20.5}, rest=rest), inner, _texts)
    ),
    max_leaves=4,
)


def named(asked: Request) -> str:
    """A function of a user's own."""
    return "own"


class MapTests(SynchronousTestCase):
    """nginx's ``map``."""

    def test_made_of(self) -> None:
        """A composed value is given its parts alone: its name and its reader follow from what it is."""
        for value, parts in (
            (Lookup, ["value", "cases", "default", "ignore_case"]),
            (PercentageSplit, ["value", "shares", "rest"]),
        ):
            with self.subTest(value=value.__name__):
                self.assertEqual(list(signature(value).parameters), parts)

    def test_order(self) -> None:
        """A text that is equal, then the first regex that is found, then the default."""
        value = map_value(query("k"), {regex("^re"): "first", "re": "text", regex("e"): "second"}, default="none")
        found = {key: value(request(b"GET", b"/?k=" + key.encode())) for key in ("re", "rex", "xe", "x", "RE")}
        self.assertEqual(found, {"re": "text", "rex": "first", "xe": "second", "x": "none", "RE": "none"})

    def test_ignore_case(self) -> None:
        """Texts are compared without case if told so, as nginx does always; regexes have their own option."""
        value = map_value(query("k"), {"One": "1", regex("two"): "2"}, ignore_case=True)
        found = [value(request(b"GET", b"/?k=" + key)) for key in (b"one", b"ONE", b"two", b"TWO")]
        self.assertEqual(found, ["1", "1", "2", ""])

    def test_results(self) -> None:
        """An entry may be a value, an f-string or a function; bytes of the request come through as they are."""
        value = map_value(path, {"/a": header("x-a"), "/b": f"<{host}>", "/c": named}, default=path)
        asked = [request(b"GET", target, "x-a: é") for target in (b"/a", b"/b", b"/c", b"/%ff")]
        self.assertEqual([as_bytes(value)(each) for each in asked], ["é".encode(), b"<a.example>", b"own", b"/\xff"])
        self.assertEqual(value(asked[0]), "é")

    def test_mistakes(self) -> None:
        """A table has entries, its keys are known now, and its values are values."""
        for cases, told in (
            ({}, "is no table"),
            ([("a", "b")], "is no table"),
            ({5: "a"}, "is neither a text nor a regex"),
            ({f"{host}": "a"}, "must be known now"),
            ({"a": 5}, "is no value"),
        ):
            self.assertIn(told, mistake(map_value, host, cases)[0])  # type: ignore[arg-type]  # what is tested
        self.assertIn("differ only in case", mistake(map_value, host, {"a": "1", "A": "2"}, ignore_case=True)[0])
        self.assertIn("is no value", mistake(map_value, 5, {"a": "b"})[0])  # type: ignore[arg-type]  # what is tested


class ComposedTests(SynchronousTestCase):
    """Values made of values, in texts."""

    @given(_values, _values)
    def test_marks(self, one: Value, other: Value) -> None:
        """A composed value comes out of an f-string as it went in, and its repr is the code that makes it."""
        self.assertEqual(as_value(f"{one}"), one)
        self.assertEqual(eval(repr(one), NAMES), one)
        text = as_value(f"a{one}b{other}")
        asked = request(b"GET", b"/?a=b", "x-a: 1", "cookie: sid=s")
        self.assertEqual(text(asked), f"a{one(asked)}b{other(asked)}")
        self.assertEqual(as_value(eval(repr(text), NAMES)), text)

    def test_function(self) -> None:
        """One with a function in it cannot stand in a text, which holds code only."""
        for value in (map_value(host, {"a": named}), map_value(map_value(named, {"a": "b"}), {"c": "d"})):
            with self.assertRaisesRegex(ConfigError, "(?s)named is a function.*write a function of the request"):
                str(value)

    def test_cut(self) -> None:
        """A mark that was changed is no value, whatever code it holds."""
        mark = str(map_value(host, {"a": "b"}))
        for changed in (mark.upper(), mark.replace("map_value", "eval"), mark.replace("'b'", "open('b')")):
            with self.assertRaisesRegex(ConfigError, "was cut or changed"):
                as_value(changed)

    def test_condition(self) -> None:
        """Composed values have the methods of all values."""
        plan = map_value(client_address, {"192.0.2.7": "known"})
        self.assertTrue(plan.equals("known").compile()(request(b"GET", b"/")))
