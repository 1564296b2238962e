"""Tests of what ``.compress()`` takes, and of what it remembers."""

from __future__ import annotations

import sys
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import location, server
from pydsl_proxy.config.locations import Location
from pydsl_proxy.features.compression.codecs import Coding, coder
from pydsl_proxy.features.compression.policy import MAX_KNOWN, Choices
from pydsl_proxy.testing import run
from pydsl_proxy.wire.http.head import RequestFields, ResponseHead
from pydsl_proxy.wire.http1.reader import read_request_fields, read_response_head
from tests.support.decoding import need
from tests.support.failing import mistake

OPEN = location("/")


def code(made: Location) -> str:
    """The verbs before the handler."""
    return repr(made).removeprefix("location('/').").removesuffix(".respond(200)")


class ArgumentTests(SynchronousTestCase):
    """What may be written."""

    def test_code(self) -> None:
        """The repr is the call, without what is as by default."""
        for call, made in (
            ("compress()", OPEN.compress()),
            ("compress(None)", OPEN.compress(None)),
            ("compress('gzip')", OPEN.compress("gzip")),
            (
                "compress('gzip', types=['text/html'], min_length=0, level=9, flush=True)",
                OPEN.compress("gzip", types=["text/html"], min_length=0, level=9, flush=True),
            ),
        ):
            self.assertEqual(code(made.respond(200)), call)

    def test_encodings(self) -> None:
        """An encoding is one of three, each named once."""
        for given, hint in (
            ("brotli", 'write .compress("br")'),
            ("zstandard", 'write .compress("zstd")'),
            ("deflate", 'write .compress("gzip")'),
            (["gzip", "br"], "write .compress('gzip', 'br')"),
            (False, "write .compress(None), which lifts an outer one"),
            (True, None),
            (5, None),
        ):
            said, told = mistake(OPEN.compress, cast("Coding", given))
            self.assertEqual(said, f"compress(): {given!r} is none of the encodings 'gzip', 'br', 'zstd'")
            self.assertEqual(told, hint)
        self.assertIn("named twice", mistake(OPEN.compress, "gzip", "gzip")[0])
        self.assertIn("compress(): None is none", mistake(OPEN.compress, "gzip", None)[0])

    def test_library(self) -> None:
        """What is not installed cannot be asked for, and is left out where nothing is asked for."""
        self.patch(sys, "modules", {**sys.modules, "brotli": None, "zstandard": None})
        said, hint = mistake(OPEN.compress, "br")
        self.assertEqual(said, "compress('br'): the library brotli is not installed")
        self.assertEqual(hint, 'pip install "pydsl_proxy[compression]"')
        client, _ = run(server(80).location("/").compress().respond(200, "a" * 2000))
        answer = client.request("GET", "/", {"Accept-Encoding": "zstd, br, gzip;q=0.1"})
        self.assertEqual(answer.headers["Content-Encoding"], "gzip")

    def test_preference(self) -> None:
        """Unless told zstd goes before gzip, and br is not offered; of what is asked for the first one."""
        need("br")
        need("zstd")
        for opened, accepted, expected in (
            (OPEN.compress(), "gzip, br, zstd", "zstd"),
            (OPEN.compress(), "gzip, br", "gzip"),
            (OPEN.compress("gzip", "br"), "br, gzip", "gzip"),
            (OPEN.compress("gzip", "br"), "br, gzip;q=0.9", "br"),
            (OPEN.compress("br"), "gzip", None),
        ):
            client, _ = run(server(80).including(opened.respond(200, "a" * 2000)))
            answer = client.request("GET", "/", {"Accept-Encoding": accepted})
            self.assertEqual(answer.headers.get("Content-Encoding"), expected)

    def test_types(self) -> None:
        """Media types without parameters, in a list; event streams only if each event is sent at once."""
        for types, hint in (
            ("text/html", 'write types=["text/html"]'),
            (["*"], 'write types=["*/*"] for all of them'),
            (["text/html; charset=utf-8"], "write it without parameters"),
            (["html"], "write it without parameters"),
            ([], "write .compress(None)"),
            ([3], "write it without parameters"),
            (["Text/Event-Stream"], "write types=['Text/Event-Stream'], flush=True"),
        ):
            self.assertEqual(mistake(OPEN.compress, types=cast("list[str]", types))[1], hint)
        OPEN.compress(types=["text/event-stream"], flush=True)

    def test_numbers(self) -> None:
        """A level is from 1 to 9, a length a number of bytes, flush a truth."""
        self.assertIn("1 is the fastest, 9 the smallest", mistake(OPEN.compress, level=10)[0])
        self.assertIn("must be 1 or more", mistake(OPEN.compress, level=0)[0])
        self.assertEqual(mistake(OPEN.compress, min_length=cast("int", "1k"))[1], "write 1 * KiB")
        self.assertIn("must be True or False", mistake(OPEN.compress, flush=cast("bool", 0.5))[0])


class ChoicesTests(SynchronousTestCase):
    """What is worked out once."""

    def setUp(self) -> None:
        """Compress text alone."""
        self.choices = Choices([coder("gzip")], lambda value: value == b"text/plain", min_length=10, flush=False)

    def head(self, *fields: str) -> ResponseHead:
        """A peer's head."""
        return read_response_head("\r\n".join(["HTTP/1.1 200 OK", *fields]).encode())

    def fields(self, *fields: str) -> RequestFields:
        """A client's fields."""
        return read_request_fields("\r\n".join(["", *fields]).encode(), 9)

    def test_heads(self) -> None:
        """A head that comes again is not worked out again."""
        head = self.head("Content-Type: text/plain")
        heads = self.choices.heads(head)
        assert heads is not None
        self.assertIs(self.choices.heads(head), heads)
        self.assertIs(heads.encoded(b"gzip"), heads.encoded(b"gzip"))
        self.assertIs(heads.varied, heads.varied)

    def test_not(self) -> None:
        """A body that is short, or of another type or none, is not compressed for anybody."""
        for fields in (["Content-Type: image/png"], ["Content-Type: text/plain", "Content-Length: 9"], ["A: b"]):
            self.assertIsNone(self.choices.heads(self.head(*fields)), fields)
        self.assertIsNotNone(self.choices.heads(self.head("Content-Type: text/plain", "Content-Length: 10")))

    def test_bounded(self) -> None:
        """Heads that never come again do not add up."""
        for number in range(3 * MAX_KNOWN):
            self.choices.heads(self.head(f"X-Number: {number}"))
        self.assertLessEqual(len(self.choices._known), MAX_KNOWN)

    def test_coder(self) -> None:
        """The coding that a client wants is kept with its fields."""
        fields = self.fields("Accept-Encoding: gzip")
        wanted = self.choices.coder(fields)
        assert wanted is not None
        self.assertEqual(wanted.coding, b"gzip")
        self.assertEqual(fields.edited, {self.choices: b"gzip"})
        self.assertIs(self.choices.coder(fields), wanted)

    def test_wants_none(self) -> None:
        """Who asks for a range, or for nothing to be transformed, gets the bytes as they are."""
        for field in ("Range: bytes=0-", "Cache-Control: no-transform", "Accept-Encoding: br"):
            fields = self.fields("Accept-Encoding: gzip;q=0" if "br" in field else "Accept-Encoding: gzip", field)
            self.assertIsNone(self.choices.coder(fields), field)
            self.assertIsNone(self.choices.coder(fields), field)
