"""Compression on real sockets: files of nginx, fetched by curl."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from random import Random

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from pydsl_proxy.features.compression.codecs import Coding, installed
from tests.integration import peers
from tests.integration.clients import RawClient, curl, fetch
from tests.integration.support import PROGRAMS, Program, folder, free_port, proxy, shared
from tests.support.decoding import need

TEXT = b"".join(b"line %d of many\n" % number for number in range(20_000))
BODIES = {"text": TEXT, "short": b"short\n", "zeros": bytes(20_000_000), "noise": Random(1).randbytes(2_000_000)}


@cache
def files() -> Path:
    """A folder with the bodies."""
    made = folder()
    for name, body in BODIES.items():
        (made / name).write_bytes(body)
    return made


def nginx() -> Program:
    """nginx, which serves them: at ``/NAME``, and at ``/zipped/NAME`` compressed."""
    return peers.nginx_with(PROGRAMS / "gzip_peer.nginx.conf", files())


def before() -> Program:
    """The proxy before it."""
    peer, port = shared(nginx), free_port()
    encodings = ", ".join(repr(each) for each in ("zstd", "br", "gzip") if installed(each))
    config = f"""
from pydsl_proxy import http, server

web = (
    server("tcp:{port}:interface=127.0.0.1")
    .location("/").compress({encodings}).proxy_to("127.0.0.1:{peer.port}")
)
proxy = http(web, access_log=None)
"""
    return proxy(config, port)


class CompressionTests(SynchronousTestCase):
    """One proxy for all."""

    def setUp(self) -> None:
        """Start it."""
        self.port = shared(before).port

    def url(self, path: str) -> str:
        """Where curl finds *path*."""
        return f"http://127.0.0.1:{self.port}{path}"

    def coded(self, path: str, coding: str) -> tuple[bytes, str]:
        """What curl makes of a body in *coding*, and the response's head."""
        head = folder() / "head"
        asked = ("--compressed", "--header", f"Accept-Encoding: {coding}", "--dump-header", str(head), self.url(path))
        body = curl(*asked).stdout
        return body, head.read_text().lower()

    def check_coding(self, coding: Coding, feature: bytes) -> None:
        """curl decodes what the proxy has encoded."""
        need(coding)
        features = curl("--version").stdout.lower()
        if feature not in features:
            raise SkipTest(f"curl was built without {feature.decode()}")
        for name in ("text", "zeros", "noise"):
            body, head = self.coded(f"/{name}", coding)
            self.assertTrue(body == BODIES[name], name)
            self.assertIn(f"\ncontent-encoding: {coding}\n", head)
            self.assertIn('\netag: w/"', head)
            self.assertNotIn("content-length", head)

    def test_gzip(self) -> None:
        """gzip."""
        self.check_coding("gzip", b"libz")

    def test_brotli(self) -> None:
        """br."""
        self.check_coding("br", b"brotli")

    def test_zstd(self) -> None:
        """zstd."""
        self.check_coding("zstd", b"zstd")

    def test_browser(self) -> None:
        """curl asks for all that it knows, and can read what it gets."""
        self.assertTrue(curl("--compressed", self.url("/text"), self.url("/short")).stdout == TEXT + b"short\n")

    def test_plain(self) -> None:
        """Without an Accept-Encoding, and of a short body, every byte comes through."""
        self.assertTrue(curl(self.url("/text")).stdout == TEXT)
        with RawClient(self.port) as client:
            client.send(b"GET /short HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip, br\r\nConnection: close\r\n\r\n")
            head, _, body = client.rest().partition(b"\r\n\r\n")
        self.assertEqual((body, b"Encoding" in head), (b"short\n", False))

    def test_once(self) -> None:
        """What the peer has compressed is not compressed again: it comes through byte for byte."""
        direct = fetch(shared(nginx).port, "/zipped/text", fields={"Accept-Encoding": "gzip"})
        through = fetch(self.port, "/zipped/text", fields={"Accept-Encoding": "gzip"})
        self.assertTrue(direct.body == through.body)
        self.assertEqual(through.fields["content-encoding"], "gzip")
        self.assertTrue(gzip.decompress(through.body) == TEXT)

    def test_range(self) -> None:
        """A download that was broken off is gone on with."""
        file = folder() / "text"
        file.write_bytes(TEXT[:1000])
        curl("--continue-at", "-", "--compressed", "--output", str(file), self.url("/text"))
        self.assertTrue(file.read_bytes() == TEXT)

    def test_not_modified(self) -> None:
        """The weak tag of a compressed body is known to the peer, which has a strong one."""
        tag = folder() / "tag"
        curl("--compressed", "--etag-save", str(tag), self.url("/text"))
        self.assertTrue(tag.read_text().startswith('W/"'))
        status = ("--write-out", "%{http_code}", "--output", "/dev/null")
        told = curl("--compressed", "--etag-compare", str(tag), *status, self.url("/text"))
        self.assertEqual(told.stdout, b"304")

    def test_slow_client(self) -> None:
        """A client that takes its time gets all of it."""
        body = curl(
            "--compressed", "--header", "Accept-Encoding: gzip", "--limit-rate", "4M", self.url("/noise")
        ).stdout
        self.assertTrue(body == BODIES["noise"])
