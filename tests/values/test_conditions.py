"""Tests of conditions on requests."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

import pydsl_proxy
from pydsl_proxy import client_address, cookie, header, host, method, path, query, regex
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.values.conditions import Condition, Own, as_condition
from pydsl_proxy.values.request import Request
from tests.support.failing import mistake
from tests.support.requests import request


def holds(condition: Condition, asked: Request) -> bool:
    """Whether the compiled condition holds."""
    return condition.compile()(asked)


def is_beta(asked: Request) -> bool:
    """A function of a user's own."""
    return asked.header("x-beta") == "1"


SIMPLE = [
    method.equals("GET"),
    method.is_in(["POST", "PUT"]),
    host.matches(r"^a\."),
    header("x").exists(),
    client_address.within("10.0.0.0/8", "::1/128"),
]
CONDITIONS = st.recursive(
    st.sampled_from(SIMPLE),
    lambda inner: (
        st.tuples(inner, inner).map(lambda pair: pair[0] & pair[1])
        | st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1])
        | inner.map(lambda each: ~each)
    ),
    max_leaves=6,
)


class ComparisonTests(SynchronousTestCase):
    """What the methods of values say."""

    def test_equals(self) -> None:
        """Letter by letter, as UTF-8; what is not there is the empty text."""
        self.assertTrue(holds(method.equals("POST"), request(b"POST", b"/")))
        self.assertFalse(holds(method.equals("post"), request(b"POST", b"/")))
        self.assertTrue(holds(header("x").equals("é"), request(b"GET", b"/", "x: é")))
        self.assertTrue(holds(path.equals("/é"), request(b"GET", b"/%C3%A9")))
        self.assertTrue(holds(cookie("sid").equals(""), request(b"GET", b"/")))

    def test_is_in(self) -> None:
        """One of several."""
        condition = query("v").is_in(["1", "2"])
        self.assertEqual(
            [holds(condition, request(b"GET", b"/?v=" + v)) for v in (b"1", b"2", b"3")], [True, True, False]
        )

    def test_matches(self) -> None:
        """A pattern is searched; case counts unless it is told not to."""
        agent = request(b"GET", b"/", "user-agent: a Bot/1")
        self.assertTrue(holds(header("user-agent").matches(r"Bot/\d"), agent))
        self.assertFalse(holds(header("user-agent").matches("bot"), agent))
        for condition in (
            header("user-agent").matches("bot", ignore_case=True),
            header("user-agent").matches(regex("bot", ignore_case=True)),
        ):
            self.assertTrue(holds(condition, agent))

    def test_within(self) -> None:
        """An address of a network, IPv4 inside IPv6 too; what is no address is in none."""
        condition = header("x-ip").within("10.0.0.0/8", "2001:db8::/32")
        told = {
            "10.1.2.3": True,
            "::ffff:10.1.2.3": True,
            "2001:db8::1": True,
            "11.0.0.1": False,
            "x": False,
            "": False,
        }
        self.assertEqual({ip: holds(condition, request(b"GET", b"/", f"x-ip: {ip}")) for ip in told}, told)
        self.assertTrue(holds(header("x").within("unix:"), request(b"GET", b"/", "x: unix:")))
        self.assertFalse(holds(header("x").within("::/0"), request(b"GET", b"/", "x: unix:")))

    def test_exists(self) -> None:
        """It is there and not empty."""
        fields = {"x: a": True, "x: 0": True, "x:": False, "y: a": False}
        self.assertEqual({each: holds(header("x").exists(), request(b"GET", b"/", each)) for each in fields}, fields)

    def test_put_together(self) -> None:
        """And, or, not; functions of the request on either side."""
        post = request(b"POST", b"/", "x-beta: 1")
        yes, no = method.equals("POST"), method.equals("GET")
        for condition, expected in (
            (yes & no, False),
            (yes | no, True),
            (~no & yes, True),
            (~(no | yes), False),
            (yes & is_beta, True),
            (is_beta & no, False),
            (is_beta | no, True),
            (no | is_beta, True),
        ):
            self.assertEqual(holds(condition, post), expected, repr(condition))

    @given(CONDITIONS)
    def test_repr(self, condition: Condition) -> None:
        """The repr is the code: what it evaluates to is equal, and holds for the same requests."""
        names = {name: getattr(pydsl_proxy, name) for name in pydsl_proxy.__all__}
        again = eval(repr(condition), names)
        self.assertEqual(again, condition)
        self.assertEqual(hash(again), hash(condition))
        for asked in (request(b"GET", b"/"), request(b"POST", b"/", "x: 1")):
            self.assertEqual(holds(again, asked), holds(condition, asked))

    def test_equality(self) -> None:
        """Values and conditions are compared by what they say, which a reload relies on."""
        self.assertFalse(method == "POST")  # type: ignore[comparison-overlap]  # what is tested
        self.assertEqual(method.equals("POST"), method.equals("POST"))
        self.assertNotEqual(method.equals("POST"), method.equals("GET"))
        self.assertEqual(as_condition("when()", is_beta), Own(is_beta))


class MistakeTests(SynchronousTestCase):
    """What is no condition."""

    def test_no_condition(self) -> None:
        """A bool, a value, a text and a coroutine are told apart, with what to write."""

        async def later(asked: Request) -> bool:
            return True

        for given_instead, told, hint in (
            (False, "the same for every request", "method.equals"),
            (header("x"), "is a value, not a condition", "header('x').exists()"),
            ("POST", "is no condition", "method.equals"),
            (later, "is a coroutine", None),
        ):
            message, found = mistake(as_condition, "when()", given_instead)  # type: ignore[arg-type]  # what is tested
            self.assertIn(told, message)
            self.assertTrue(found is None if hint is None else hint in (found or ""), found)

    def test_truth(self) -> None:
        """A condition has no truth before there is a request; the error names the operators."""
        with self.assertRaisesRegex(ConfigError, "write & for and"):
            bool(method.equals("POST"))

    def test_arguments(self) -> None:
        """Texts are known now, networks are networks, patterns compile."""
        for call, told in (
            (lambda: header("x").equals(f"{host}"), "must be known now"),
            (lambda: header("x").equals(5), "is not a text"),  # type: ignore[arg-type]  # what is tested
            (lambda: method.is_in("POST"), "come in a list"),
            (lambda: method.is_in([]), "never holds"),
            (lambda: client_address.within(), "never holds"),
            (lambda: client_address.within("10.0.0.1/8"), "is no network"),
            (lambda: path.matches("("), "does not compile"),
        ):
            self.assertIn(told, mistake(call)[0])
        self.assertEqual(mistake(client_address.within, "10.0.0.1/8")[1], 'write "10.0.0.0/8"')
