"""Tests of the formats that have names."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.observe.escaping import escape_default
from pydsl_proxy.observe.format_parser import Template
from pydsl_proxy.observe.line_format import lines_of
from pydsl_proxy.observe.log_format import COMBINED, JSON, compile_format
from pydsl_proxy.observe.response_values import status
from tests.observe.doubles import FakeAttempt, FakeExchange, ZoneTestCase, refused, seconds

combined = compile_format("combined", seconds)
write_json = compile_format("json", seconds)
AGENTS = b'host: example.com\nreferer: https://x/?%s\nuser-agent: Moz"illa\nauthorization: Basic YWxpY2U6c2VjcmV0'

values = st.binary().map(lambda raw: raw.translate(None, b"\r\n"))
targets = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E)).map(lambda text: b"/" + text.encode())


def in_json(exchange: FakeExchange) -> dict[str, object]:
    """The line of an exchange, read."""
    line = write_json(exchange)
    assert line.endswith(b"}\n") and line.count(b"\n") == 1
    got = json.loads(line)
    assert isinstance(got, dict)
    return got


class CombinedTests(ZoneTestCase):
    """nginx's combined format."""

    def test_line(self) -> None:
        """The line is nginx's."""
        self.assertEqual(
            combined(FakeExchange(AGENTS)),
            b'192.0.2.7 - alice [22/Nov/2026:17:36:06 +0000] "GET /a?b=c HTTP/1.1" 200 12 '
            b'"https://x/?%s" "Moz\\x22illa"\n',
        )

    def test_nothing(self) -> None:
        """What there is not is a dash; HTTP/1.0 is told."""
        line = combined(FakeExchange(b"referer:", minor=0, status=304, sent=0))
        self.assertEqual(line, b'192.0.2.7 - - [22/Nov/2026:17:36:06 +0000] "GET /a?b=c HTTP/1.0" 304 0 "-" "-"\n')

    def test_refused(self) -> None:
        """A request that could not be read is logged with its line as it came (observed on nginx 1.22.1)."""
        for line, written in (
            (b"GET /a HTTP/1.1", b"GET /a HTTP/1.1"),
            (b'garbage "\x01', rb"garbage \x22\x01"),
            (b"", b"-"),
        ):
            start = b"192.0.2.7 - - [22/Nov/2026:17:36:06 +0000]"
            self.assertEqual(combined(refused(line)), b'%b "%b" 400 0 "-" "-"\n' % (start, written))

    @given(targets, values, values, values, st.sampled_from((0, 1)))
    def test_short_cut(self, target: bytes, user: bytes, referer: bytes, agent: bytes, minor: int) -> None:
        """The function for the combined format writes what the format written as a template does."""
        fields = b"authorization: Basic %b\nreferer: %b\nuser-agent: %b" % (user, referer, agent)
        exchange = FakeExchange(fields, target=target, minor=minor)
        expected = lines_of(COMBINED, escape_default, seconds)(exchange)
        self.assertEqual([combined(exchange), combined(exchange)], [expected] * 2)


class JSONTests(ZoneTestCase):
    """One object a line."""

    def test_line(self) -> None:
        """The keys are promised, numbers are numbers, attempts are listed as nginx lists them."""
        first = FakeAttempt("a:1", 502, 0.001)
        error = ProxyError(Source.PEER, 502, "closed", "…")
        exchange = FakeExchange(AGENTS, status=502, error=error, attempt=FakeAttempt("b:2", 502, 0.5, first))
        self.assertEqual(
            in_json(exchange),
            {
                "time": "2026-11-22T17:36:06.250+00:00",
                "client_address": "192.0.2.7",
                "method": "GET",
                "request_uri": "/a?b=c",
                "protocol": "HTTP/1.1",
                "host": "example.com",
                "status": 502,
                "bytes_sent": 12,
                "duration": 1.0,
                "referer": "https://x/?%s",
                "user_agent": 'Moz"illa',
                "upstream_addr": "a:1, b:2",
                "upstream_status": "502, 502",
                "upstream_response_time": "0.001, 0.500",
                "cause": "closed",
            },
        )

    def test_nothing(self) -> None:
        """Every key is there, what there is not is empty."""
        got = in_json(refused(b"\x00"))
        self.assertEqual(list(got), list(JSON))
        without = {"method", "request_uri", "protocol", "host", "referer", "user_agent"}
        self.assertEqual(
            {key for key, value in got.items() if value == ""},
            without | {"upstream_addr", "upstream_status", "upstream_response_time"},
        )

    @given(targets, values, values)
    def test_is_json(self, target: bytes, host: bytes, agent: bytes) -> None:
        """Whatever is sent, the line is JSON."""
        fields = b"host: %b\nuser-agent: %b" % (host, agent)
        self.assertEqual(in_json(FakeExchange(fields, target=target))["request_uri"], target.decode())


class TemplateTests(ZoneTestCase):
    """A format of the user's own."""

    def test_line(self) -> None:
        """A template is compiled, its values escaped as nginx's."""
        self.assertEqual(compile_format(Template(("status=", status)), seconds)(FakeExchange()), b"status=200\n")
