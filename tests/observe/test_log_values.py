"""Tests of the values of a line."""

from __future__ import annotations

from base64 import b64encode

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.observe.escaping import escape_default, escape_json
from pydsl_proxy.observe.log_values import follows_from_fields, readings, remote_user_of
from pydsl_proxy.observe.logged_exchange import LoggedExchange
from pydsl_proxy.observe.response_values import OUTCOMES, Outcome, instant
from pydsl_proxy.observe.unparsed import Refused
from pydsl_proxy.values import value as values
from pydsl_proxy.values.value import Value, cookie, header, query
from pydsl_proxy.wire.http.protocols import STREAM
from tests.observe.doubles import NOW, FakeAttempt, FakeExchange, ZoneTestCase, refused

read_default = readings(escape_default, lambda: NOW)
OF_REQUEST = [each for each in vars(values).values() if isinstance(each, Value)]


PARTS: list[Value | Outcome] = [*OF_REQUEST, *OUTCOMES]


def read(exchange: LoggedExchange) -> dict[str, bytes]:
    """Every outcome and request value of an exchange."""
    return {part.name: read_default(part)(exchange) for part in PARTS}


class ReadingTests(ZoneTestCase):
    """What each value reads."""

    def test_request(self) -> None:
        """Values of the request read as they do elsewhere."""
        exchange = FakeExchange(b"host: example.com\nx-a: 1\nx-a: 2\ncookie: sid=5", minor=0)
        for part in (*OF_REQUEST, header("x-a"), cookie("sid"), query("b")):
            self.assertEqual(read_default(part)(exchange).decode(), part(exchange.request) or "-", part)

    def test_outcomes(self) -> None:
        """Values of the response."""
        error = ProxyError(Source.PEER, 502, "closed", 'peer "a:1" closed')
        got = read(FakeExchange(status=502, sent=157, error=error, attempt=FakeAttempt("a:1", 502, 0.5)))
        self.assertEqual((got["status"], got["bytes_sent"], got["duration"]), (b"502", b"157", b"1.000"))
        self.assertEqual(got["time_local"], b"22/Nov/2026:17:36:06 +0000")
        self.assertEqual(got["time_iso8601"], b"2026-11-22T17:36:06+00:00")
        self.assertEqual((got["cause"], got["error_message"]), (b"closed", rb"peer \x22a:1\x22 closed"))
        self.assertEqual((got["upstream_addr"], got["upstream_status"]), (b"a:1", b"502"))
        self.assertEqual(got["upstream_response_time"], b"0.500")
        self.assertEqual(got["request_line"], b"GET /a?b=c HTTP/1.1")

    def test_nothing(self) -> None:
        """What there is not is a dash."""
        got = read(FakeExchange(b""))
        dashes = {name for name, text in got.items() if text == b"-"}
        without = {"authenticated_user", "host", "remote_user", "cause", "error_message", "bytes_received"}
        of_peers = {"upstream_addr", "upstream_status", "upstream_response_time"}
        of_tls = {"client_verified", "server_name_indication", "tls_cipher", "tls_protocol"}
        of_tls |= {f"client_certificate_{each}" for each in ("fingerprint", "issuer", "serial", "subject")}
        self.assertEqual(dashes, without | of_peers | of_tls)

    def test_refused(self) -> None:
        """A request that was refused has its line; only if that can be read, what stands in it."""
        texts = read(Refused(refused(b"\x01")))
        self.assertEqual((texts["request_line"], texts["cause"]), (rb"\x01", b"bad_request"))
        self.assertEqual((texts["method"], texts["request_uri"], texts["protocol"]), (b"-", b"-", b"-"))

    def test_stream(self) -> None:
        """A stream is told as TCP, with the bytes of both directions."""
        exchange = FakeExchange(b"", method=b"TCP", target=b"", minor=STREAM)
        exchange.received = 7
        texts = read(Refused(exchange))
        self.assertEqual((texts["protocol"], texts["request_line"], texts["method"]), (b"TCP", b"TCP", b"-"))
        self.assertEqual((texts["bytes_sent"], texts["bytes_received"]), (b"12", b"7"))

    def test_clock_set_back(self) -> None:
        """No exchange took less than no time."""
        exchange = FakeExchange()
        exchange.started = NOW + 60
        self.assertEqual(read(exchange)["duration"], b"0.000")

    def test_instant(self) -> None:
        """JSON has the milliseconds."""
        self.assertEqual(readings(escape_json, lambda: NOW)(instant)(FakeExchange()), b"2026-11-22T17:36:06.250+00:00")

    def test_follows_from_fields(self) -> None:
        """What is kept with a header section reads the same in every request that has it."""
        alike = FakeExchange(b"host: h\nx-a: 1"), FakeExchange(b"host: h\nx-a: 1", method=b"PUT", target=b"/z", minor=0)
        for part in (header("x-a"), cookie("sid"), *PARTS):
            if follows_from_fields(part):
                first, second = (read_default(part)(each) for each in alike)
                self.assertEqual(first, second)


class RemoteUserTests(ZoneTestCase):
    """The user of Basic authentication."""

    def test_as_nginx(self) -> None:
        """The name before the colon; without a colon nobody (observed on nginx 1.22.1)."""
        for value, user in (
            (b"Basic " + b64encode(b"alice:secret"), b"alice"),
            (b"basic   " + b64encode(b"alice::"), b"alice"),
            (b"Basic " + b64encode(b'a b:"'), b"a b"),
            (b"Basic " + b64encode(b"alice:secret").rstrip(b"="), b"alice"),
            (b"Basic " + b64encode(b":secret"), b""),
            (b"Basic " + b64encode(b"alice"), b""),
            (b"Basic \xff*", b""),
            (b"Basic", b""),
            (b"Bearer " + b64encode(b"alice:secret"), b""),
            (b"", b""),
        ):
            self.assertEqual(remote_user_of(FakeExchange(b"authorization: " + value).fields), user, value)
