"""Tests of request values and of the texts made of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.values import value as values
from pydsl_proxy.values.request import Request
from pydsl_proxy.values.value import (
    Text,
    Value,
    as_bytes,
    as_value,
    code_of,
    constant,
    cookie,
    header,
    host,
    path,
    query,
    request_uri,
    scheme,
)
from tests.support.peers import FakeHead

NAMES = {name: getattr(values, name) for name in dir(values) if not name.startswith("_")}
SIMPLE = [value for value in NAMES.values() if isinstance(value, Value)]

some_values = st.one_of(
    st.sampled_from(SIMPLE),
    st.from_regex(r"\A[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z").map(header),
    st.from_regex(r"\A[a-zA-Z0-9'\"\\{}]+\Z").map(cookie),
    st.text(min_size=1).map(query),
)
literals = st.text(st.characters(exclude_characters="\ufdd0\ufdd1"))


def request(target: bytes = b"/a%2Fb?page=2&q=caf%C3%A9", path: bytes = b"/a/b", fields: bytes = b"") -> Request:
    """A request of HTTP/1.1 from 192.0.2.7 for example.com."""
    head = FakeHead(target, fields or b"X-Tenant: acme\nCookie: sid=s1")
    return Request(head, "192.0.2.7", 40001, "https", "example.com", path, 8443)


def upper(request: Request) -> str:
    """The host in capitals."""
    return request.host.upper()


class ValueTests(SynchronousTestCase):
    """One value."""

    def test_read(self) -> None:
        """Each value reads what it is called after."""
        seen = {repr(value): value(request()) for value in [*SIMPLE, header("X-Tenant"), cookie("sid"), query("q")]}
        self.assertEqual(
            seen,
            {
                "authenticated_user": "",
                "client_address": "192.0.2.7",
                "client_network": "192.0.2.7",
                "client_port": "40001",
                "scheme": "https",
                "host": "example.com",
                "method": "GET",
                "request_uri": "/a%2Fb?page=2&q=caf%C3%A9",
                "path": "/a/b",
                "query_string": "page=2&q=caf%C3%A9",
                "server_port": "8443",
                "protocol": "HTTP/1.1",
                "forwarded_field": "for=192.0.2.7;proto=https",
                "tls_protocol": "",
                "tls_cipher": "",
                "server_name_indication": "",
                "client_verified": "",
                "client_certificate_subject": "",
                "client_certificate_issuer": "",
                "client_certificate_serial": "",
                "client_certificate_fingerprint": "",
                "header('x-tenant')": "acme",
                "cookie('sid')": "s1",
                "query('q')": "café",
            },
        )

    @given(some_values)
    def test_repr(self, value: Value) -> None:
        """The repr is the code that made it, and makes an equal one."""
        self.assertEqual(eval(repr(value), dict(NAMES)), value)

    def test_equality(self) -> None:
        """Values are equal if they read the same; the case of a field name does not matter, a cookie's does."""
        self.assertEqual(header("X-A"), header("x-a"))
        self.assertEqual(len({header("X-A"), header("x-a"), cookie("x-a"), cookie("X-A"), host}), 4)

    def test_names_refused(self) -> None:
        """A name that cannot be is refused when it is written."""
        for make, name in (
            (header, ""),
            (header, "x y"),
            (header, "x:"),
            (header, "é"),
            (header, "a\r\nb"),
            (cookie, ""),
            (cookie, "a=b"),
            (cookie, "a;b"),
            (cookie, "a b"),
            (cookie, "é"),
            (cookie, "\U0001f36a"),
            (query, ""),
            *((make, wrong) for make in (header, cookie, query) for wrong in (5, None, b"x", ["x"])),
        ):
            error = self.assertRaises(ConfigError, make, name)
            self.assertIn(f"{make.__name__}({name!r})", str(error))

    def test_no_truth(self) -> None:
        """A value in a condition is an error, and says what to write."""
        error = self.assertRaises(ConfigError, bool, header("x-a"))
        self.assertIn("lambda request: bool(request.header('x-a'))", str(error))

    def test_no_format_spec(self) -> None:
        """A value cannot be padded or cut in an f-string."""
        error = self.assertRaises(ConfigError, format, host, ">20")
        self.assertIn("{host:>20}", str(error))

    def test_plus(self) -> None:
        """A value is joined with text and values by +, and with nothing else."""
        joined = as_value("https://" + host + request_uri + "#x")
        self.assertEqual(joined, as_value(f"https://{host}{request_uri}#x"))
        self.assertEqual(as_value(host + request_uri), as_value(f"{host}{request_uri}"))
        self.assertRaises(TypeError, lambda: host + 5)  # type: ignore[operator]  # what is tested
        self.assertRaises(TypeError, lambda: 5 + host)  # type: ignore[operator]  # what is tested


class Outcome:
    """A value of the response, as it marks itself in a text."""

    def __str__(self) -> str:
        return str(host).replace("host", "outcome:status")


class AsValueTests(SynchronousTestCase):
    """What stands for a value."""

    def test_constant(self) -> None:
        """A text without values is the same for every request."""
        for text in ("", "plain", "{host}", "$host"):
            value = as_value(text, literal=True)
            self.assertEqual((constant(value), value(request()), repr(value)), (text, text, repr(text)))

    def test_value(self) -> None:
        """A value is itself, also alone in an f-string."""
        self.assertIs(as_value(host), host)
        self.assertEqual(as_value(f"{header('x-a')}"), header("x-a"))
        self.assertEqual(as_value("%s" % host), host)  # noqa: UP031  # every way to make a text of it
        self.assertIsNone(constant(as_value(host)))

    def test_text(self) -> None:
        """An f-string of values and text is compiled into its parts."""
        value = as_value(f"{scheme}://{host}/{header('x-tenant')}{path}?x")
        self.assertEqual(value, Text((scheme, "://", host, "/", header("x-tenant"), path, "?x")))
        self.assertEqual(value(request()), "https://example.com/acme/a/b?x")
        self.assertIsNone(constant(value))

    def test_function(self) -> None:
        """A function of the request is taken as it is."""
        self.assertIs(as_value(upper), upper)
        self.assertIsNone(constant(upper))

    def test_text_repr(self) -> None:
        """The repr of a text is the f-string that made it, or a sum where an f-string cannot have the quotes."""
        for source, code in (
            (f"https://{host}{request_uri}", 'f"https://{host}{request_uri}"'),
            (f"{{{header('x-a')}}}\n\"'", "f\"{{{header('x-a')}}}\\n\\\"\\'\""),
            (f"'{host}", 'f"\'{host}"'),
            ("a" + query("it's"), "'a' + query(\"it's\")"),
        ):
            self.assertEqual(repr(as_value(source)), code)

    @given(st.lists(st.one_of(some_values, literals)))
    def test_round_trip(self, parts: list[str | Value]) -> None:
        """A text reads as its parts do, and its repr makes an equal one."""
        value = as_value("".join(map(str, parts)))
        got = request()
        self.assertEqual(value(got), "".join([part if isinstance(part, str) else part(got) for part in parts]))
        self.assertEqual(as_value(eval(repr(value), dict(NAMES))), value)

    def test_changed_marks(self) -> None:
        """A string operation that cut or changed a value is found, and the error says what to write."""
        for source in (
            f"{host}"[:3],
            f"{host}"[1:],
            f"{host}".upper(),
            f"{header('x-a')}".title(),
            f"{host}".replace("host", "nobody"),
            f"{header('x-a')}".replace("'", ""),
            f"{header('x-a')}".replace("x-a", ""),
            f"{header('x-a')}".replace("'x-a'", "1"),
            f"{header('x-a')}".replace("header", "host"),
        ):
            error = self.assertRaises(ConfigError, as_value, source)
            self.assertIn("lambda request:", str(error))
            self.assertNotIn("(None)", str(error))

    def test_outcome(self) -> None:
        """A value that is known only afterwards is refused, alone and in a text, and it is told where it belongs."""
        for source in (Outcome(), str(Outcome()), f"{host} {Outcome()}"):
            with self.assertRaisesRegex(ConfigError, r"status is not known before .* access_log"):
                as_value(source)  # type: ignore[arg-type]  # what is tested

    def test_no_value(self) -> None:
        """What is neither text nor value nor function is refused, and the error says what to write."""
        for source in (5, None, b"x", True, ["x"]):
            error = self.assertRaises(ConfigError, as_value, source)
            self.assertIn(repr(source), str(error))

    def test_name_forgotten(self) -> None:
        """``header`` without its name is refused, though it is a function."""
        for maker in (header, cookie, query):
            error = self.assertRaises(ConfigError, as_value, maker)
            self.assertIn(f'{maker.__name__}("…")', str(error))

    def test_uncompiled_mark_cannot_be_sent(self) -> None:
        """A text that was taken for plain cannot be sent: a function that gives one is named."""
        self.assertRaises(UnicodeEncodeError, f"{host}".encode, "latin-1")
        with self.assertRaisesRegex(TypeError, r"<lambda> .* gave 'a-{host}', which has a value in it"):
            as_bytes(lambda request: f"a-{host}")(request())

    def test_function_in_a_text(self) -> None:
        """A function in an f-string is not called: it is refused, and the hint says what to write."""

        def tenant(request: Request) -> str:
            return request.host

        for source in (
            f"a-{tenant}",
            f"{(lambda request: 'x')}",
            f"{request} {host}",
            f"{str.upper}",
            f"{'a'.upper} b",
            f"{len}",
            f"{Request}",
            f"{partial(tenant)}",
        ):
            error = self.assertRaises(ConfigError, as_value, source)
            self.assertIn("is not called", error.message)
            self.assertIn("lambda request", error.hint or "")
        for text in ("<p>a</p>", "<a function of x>", "<br class='x'>", "a < b"):
            self.assertEqual(constant(as_value(text)), text)


class AsBytesTests(SynchronousTestCase):
    """Values on the wire."""

    def test_as_received(self) -> None:
        """What was in the request comes out byte for byte, whatever its encoding; from a function too."""
        got = request(b"/\xe9?q=%ff", "/é".encode() + b"\xff", b"X-A: \xe9\nCookie: c=\xe8")

        def by_function(request: Request) -> str:
            values = (request.header("x-a"), request.cookie("c"), request.path, request.request_uri, request.query("q"))
            return f"é {' '.join(values)}"

        self.assertEqual(
            as_bytes(by_function)(got), "é ".encode() + b"\xe9 \xe8 " + "/é".encode() + b"\xff /\xe9?q=%ff \xff"
        )
        source = f"é {header('x-a')} {cookie('c')} {path} {request_uri} {query('q')}"
        self.assertEqual(
            as_bytes(source)(got), "é ".encode() + b"\xe9 \xe8 " + "/é".encode() + b"\xff /\xe9?q=%ff \xff"
        )

    def test_kinds(self) -> None:
        """Texts, values and functions are accepted as in as_value; the text of functions is UTF-8."""
        expected: list[tuple[str | Callable[[Request], str], bytes]] = [
            ("plain", b"plain"),
            (host, b"example.com"),
            (f"{scheme}://", b"https://"),
            (upper, b"EXAMPLE.COM"),
            (lambda request: "é", "é".encode()),
        ]
        for source, text in expected:
            self.assertEqual(as_bytes(source)(request()), text)

    def test_no_text(self) -> None:
        """A function that gives something else is named, with its place."""
        for value in (None, 5, b"bytes"):
            read = as_bytes(lambda request, value=value: value)  # type: ignore[misc]  # that is what is wrong
            with self.assertRaisesRegex(TypeError, r"<lambda> \(.*test_value.py:\d+\) gave .*, which is no str"):
                read(request())


class CodeOfTests(SynchronousTestCase):
    """What a value is called in a repr."""

    def test_code(self) -> None:
        """Values are their code, functions their name, other callables their repr."""

        class Callable_:
            def __call__(self, request: Request) -> str:
                return ""

            def __repr__(self) -> str:
                return "Callable_()"

        self.assertEqual(code_of(header("x-a")), "header('x-a')")
        self.assertEqual(code_of(as_value(f"a{host}")), 'f"a{host}"')
        self.assertEqual(code_of(as_value("a")), "'a'")
        self.assertEqual(code_of(upper), "upper")
        self.assertEqual(code_of(Callable_()), "Callable_()")
