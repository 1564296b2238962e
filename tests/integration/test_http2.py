"""HTTP/2 with clients of other people's making: curl, nghttp, h2load, Node and a browser."""

from __future__ import annotations

import hashlib
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients import curl
from tests.integration.support import (
    PATIENCE,
    PROGRAMS,
    Program,
    folder,
    free_port,
    proxy,
    python_peer,
    require,
    shared,
    wait_until,
)
from tests.support.authorities import Authority

AUTHORITY = Authority()
IMAGES = 100

PAGE = f"""<!doctype html><title>begun</title>
{"".join(f'<img src="/images/{number}.png">' for number in range(IMAGES))}
<script>
addEventListener("load", () => {{
  const drawn = [...document.images].filter(each => each.naturalWidth == 8).length;
  const spoken = performance.getEntriesByType("resource").filter(each => each.nextHopProtocol == "h2").length;
  const socket = new WebSocket(`wss://${{location.host}}/ws`);
  socket.onopen = () => socket.send("hello");
  socket.onmessage = event => {{
    socket.onclose = closed => fetch(`/report?${{drawn}},${{spoken}},${{event.data}},${{closed.code}}`);
    socket.close(1000);
  }};
}});
</script>
"""


def peer() -> Program:
    """The peer that says hello."""
    return python_peer()


def echo() -> Program:
    """A WebSocket that says again what it is told."""
    port = free_port()
    return Program([sys.executable, PROGRAMS / "ws_echo.py", str(port)], port)


def image(number: int) -> bytes:
    """A PNG of 8 by 8 pixels in a colour of its own."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))

    pixels = (b"\0" + bytes((number, 255 - number, 128)) * 8) * 8
    size = struct.pack(">LLBBBBB", 8, 8, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def site() -> Path:
    """A folder with a page of many images."""
    files = folder()
    (files / "index.html").write_text(PAGE)
    (files / "images").mkdir()
    for number in range(IMAGES):
        (files / "images" / f"{number}.png").write_bytes(image(number))
    return files


class Http2Tests(SynchronousTestCase):
    """A proxy with a port for TLS and one for those that know."""

    def setUp(self) -> None:
        self.folder = folder()
        AUTHORITY.issue("localhost").save(self.folder, "localhost")
        self.port, self.plain = free_port(), free_port()
        config = f"""
from pydsl_proxy import http, protocol, server, tls, upstream

app = upstream("app", "127.0.0.1:{shared(peer).port}")
files = "{self.folder}/localhost"
secure = server("tcp:{self.port}:interface=127.0.0.1", tls=tls(files + ".pem", files + ".key"))
plain = server("tcp:{self.plain}:interface=127.0.0.1", http2="prior-knowledge")
proxy = http(
    *(
        each.location("/protocol").respond(200, protocol)
        .location("/site/").serve_files("{site()}")
        .location("/images/").serve_files("{site()}/images")
        .location("/ws").websocket_to("127.0.0.1:{shared(echo).port}", tunnel=True)
        .location("/").proxy_to(app)
        for each in (secure, plain)
    ),
    access_log="{self.folder}/access.log",
    shutdown_grace=1,
)
"""
        self.program = proxy(config, self.port)
        self.addCleanup(self.program.stop)

    @property
    def url(self) -> str:
        """Over TLS."""
        return f"https://127.0.0.1:{self.port}"

    def run_tool(self, name: str, package: str, *arguments: str) -> str:
        """What a tool tells."""
        command = [require(name, f"apt-get install {package}"), *arguments]
        done = subprocess.run(command, capture_output=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode()

    def test_curl(self) -> None:
        """curl chooses HTTP/2 over TLS if it may, and begins with it where it is told to."""
        for options, url, expected in (
            (["--http2"], self.url, b"HTTP/2.0 2"),
            (["--http1.1"], self.url, b"HTTP/1.1 1.1"),
            (["--http2-prior-knowledge"], f"http://127.0.0.1:{self.plain}", b"HTTP/2.0 2"),
            ([], f"http://127.0.0.1:{self.plain}", b"HTTP/1.1 1.1"),
        ):
            out = curl("-k", *options, "-w", " %{http_version}", f"{url}/protocol").stdout
            self.assertEqual(out, expected)

    def test_bodies(self) -> None:
        """A large body goes to the peer and comes back, in both ways to speak HTTP/2."""
        body = bytes(range(256)) * 40_000
        (self.folder / "body").write_bytes(body)
        for options, url in (
            (["--http2"], self.url),
            (["--http2-prior-knowledge"], f"http://127.0.0.1:{self.plain}"),
        ):
            out = curl("-k", *options, "--data-binary", f"@{self.folder}/body", f"{url}/echo").stdout
            self.assertEqual(hashlib.sha256(out).digest(), hashlib.sha256(body).digest())

    def test_nghttp(self) -> None:
        """nghttp gets a page and all that it refers to; a body of its own is echoed."""
        out = self.run_tool("nghttp", "nghttp2-client", "-n", "-a", "-s", f"{self.url}/site/")
        self.assertEqual(len(re.findall(r" 200 +\S+ /images/", out)), IMAGES, out)
        (self.folder / "small").write_bytes(b"hello")
        out = self.run_tool("nghttp", "nghttp2-client", "-d", f"{self.folder}/small", f"{self.url}/echo")
        self.assertEqual(out, "hello")

    def test_h2load(self) -> None:
        """Many requests at once, on connections with many streams, are all answered."""
        for url in (self.url, f"http://127.0.0.1:{self.plain}"):
            out = self.run_tool("h2load", "nghttp2-client", "-n", "2000", "-c", "4", "-m", "100", f"{url}/hello")
            self.assertIn("2000 succeeded, 0 failed, 0 errored", out)
        log = self.folder / "access.log"
        wait_until(lambda: log.read_text().count('"GET /hello HTTP/2.0" 200') == 4000, PATIENCE, "all are in the log")

    def test_node(self) -> None:
        """Of many requests none is lost, though connections end after a thousand of them; bodies go both ways."""
        out = self.run_tool("node", "nodejs", str(PROGRAMS / "h2_client.js"), self.url, "2500")
        self.assertEqual(out, "2500 {}\n")

    def test_proxy_protocol(self) -> None:
        """A header of the PROXY protocol may come before, with TLS and without."""
        port, plain = free_port(), free_port()
        config = f"""
from pydsl_proxy import http, protocol, server, tls

files, trusted = "{self.folder}/localhost", ["127.0.0.1"]
secure = server("tcp:{port}:interface=127.0.0.1", tls=tls(files + ".pem", files + ".key"), proxy_protocol=trusted)
plain = server("tcp:{plain}:interface=127.0.0.1", http2="prior-knowledge", proxy_protocol=trusted)
proxy = http(*(each.location("/").respond(200, protocol) for each in (secure, plain)), access_log=None)
"""
        self.addCleanup(proxy(config, port).stop)
        for options, url in (
            (["--http2"], f"https://127.0.0.1:{port}"),
            (["--http2-prior-knowledge"], f"http://127.0.0.1:{plain}"),
        ):
            self.assertEqual(curl("-k", "--haproxy-protocol", *options, url).stdout, b"HTTP/2.0")

    def test_browser(self) -> None:
        """A browser loads a page with a hundred images, and then speaks WebSocket on the same connection."""
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors"]
        browser = subprocess.Popen(
            [
                require("chromium", "apt-get install chromium"),
                *options,
                f"--user-data-dir={folder()}",
                f"{self.url}/site/",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        log = self.folder / "access.log"
        try:
            wait_until(lambda: "/report" in log.read_text(), 60, "the browser's report")
        finally:
            browser.terminate()
            browser.wait()
        (report,) = re.findall(r"GET /report\?(\S+) ", log.read_text())
        self.assertEqual(report, f"{IMAGES},{IMAGES},hello,1000")
        self.assertEqual(log.read_text().count('"GET /ws HTTP/2.0" 101'), 1)

    def test_stop(self) -> None:
        """A client that waits on an open connection is told to go, and the proxy ends at once."""
        self.assertEqual(curl("-k", "--http2", f"{self.url}/protocol").stdout, b"HTTP/2.0")
        self.program.stop()
