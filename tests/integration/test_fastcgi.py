"""The proxy before PHP-FPM, and beside nginx before the same."""

from __future__ import annotations

import json
import signal
from functools import cache
from hashlib import md5, sha256
from http.client import HTTPConnection
from random import Random
from shutil import copytree
from typing import ClassVar
from urllib.parse import quote

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.applications import SCRIPTS, Php
from tests.integration.clients import RawClient, Response, curl, fetch, fetch_on
from tests.integration.peers import nginx_with
from tests.integration.support import (
    PATIENCE,
    PROGRAMS,
    ROOT,
    STOPS_WITHIN,
    Program,
    folder,
    free_port,
    proxy,
    proxy_of,
    shared,
    wait_until,
)
from tests.support.authorities import Authority

CONFIG = r"""
from pydsl_proxy import exact, fastcgi, http, peer, server, upstream

SPLIT = r"^(.+?\.php)(/.*)$"
scripts = fastcgi(root="{root}", index="dump.php", split_path_info=SPLIT)
php = upstream("php", "{address}", via=scripts)
kept = upstream("kept", "{address}", via=fastcgi(root="{root}", keep_conn=True))
existing = upstream("existing", "{address}", via=fastcgi(root="{root}", only_existing=True))
two = upstream("two", peer("127.0.0.1:{closed}", weight=100), "{address}", via=scripts)

web = (
    server("tcp:{port}:interface=127.0.0.1")
    .location("/").timeouts(read=20).proxy_to(php)
    .location("/impatient/").timeouts(read=1).proxy_to(php, path="/")
    .location("/kept/").proxy_to(kept, path="/")
    .location("/existing/").proxy_to(existing, path="/")
    .location("/two/").proxy_to(two, path="/")
    .location("/collected/").buffer_request().proxy_to(php, path="/")
    .location(exact("/inside")).internal().respond(200, "from inside")
)
proxy = http(web, access_log=None, shutdown_grace=1)
"""


@cache
def upload() -> bytes:
    """20 MB that do not compress."""
    return Random(1).randbytes(20_000_000)


def php() -> Php:
    """PHP-FPM, once for all tests."""
    started = shared(Php)
    assert isinstance(started, Php)
    return started


def before_unix() -> Program:
    """The proxy before PHP-FPM's UNIX socket."""
    return _before(f"unix:{php().path}")


def before_tcp() -> Program:
    """The proxy before PHP-FPM's port."""
    return _before(f"127.0.0.1:{php().tcp}")


def _before(address: str) -> Program:
    port = free_port()
    return proxy(CONFIG.format(root=SCRIPTS, address=address, port=port, closed=free_port()), port)


class Case(SynchronousTestCase):
    """A proxy before PHP-FPM."""

    start = staticmethod(before_unix)

    def setUp(self) -> None:
        """Both are started by the first test."""
        php()
        self.proxy = shared(type(self).start)

    def fetch(
        self, path: str, method: str = "GET", body: bytes | None = None, fields: dict[str, str] | None = None
    ) -> Response:
        """One exchange."""
        return fetch(self.proxy.port, path, method, body, fields)


class UnixTests(Case):
    """Over a UNIX socket."""

    def test_form(self) -> None:
        """A form comes to $_POST."""
        answer = self.fetch("/form.php", "POST", b"a=1&b=%C3%A9", {"Content-Type": "application/x-www-form-urlencoded"})
        self.assertEqual(json.loads(answer.body), {"post": {"a": "1", "b": "é"}, "files": []})
        self.assertEqual((answer.status, answer.fields["content-type"]), (200, "application/json"))

    def test_upload(self) -> None:
        """20 MB, as a body and as a file of a form."""
        answer = self.fetch("/upload.php", "PUT", upload(), {"Content-Type": "application/octet-stream"})
        self.assertEqual(answer.body.decode(), sha256(upload()).hexdigest())
        file = folder() / "upload"
        file.write_bytes(upload())
        told = json.loads(curl("-F", f"file=@{file}", f"http://127.0.0.1:{self.proxy.port}/form.php").stdout)
        self.assertEqual(told["files"], {"file": ["upload", len(upload()), md5(upload()).hexdigest()]})

    def test_chunked(self) -> None:
        """A body of unknown length is collected first, whether or not the location says so."""
        pieces = (upload()[:100_000], upload()[100_000:200_000])
        for path in ("/upload.php", "/collected/upload.php"):
            answer = fetch(self.proxy.port, path, "POST", iter(pieces))
            self.assertEqual(answer.body.decode(), sha256(b"".join(pieces)).hexdigest())

    def test_download(self) -> None:
        """100 MB, of declared length or not."""
        expected = sha256(b"0123456789" * 10_000_000).digest()
        for query, framing in (("?declared", "content-length"), ("", "transfer-encoding")):
            answer = self.fetch("/download.php" + query)
            self.assertIn(framing, answer.fields)
            self.assertEqual((len(answer.body), sha256(answer.body).digest()), (100_000_000, expected))

    def test_client_leaves(self) -> None:
        """In the midst of a download; the children are free again for others."""
        for _ in range(6):
            with RawClient(self.proxy.port) as client:
                client.send(b"GET /download.php HTTP/1.1\r\nHost: a\r\n\r\n")
                client.head()
        self.assertEqual(self.fetch("/answers.php").body, b"said")

    def test_fatal(self) -> None:
        """An error of the script is a 500, and what PHP says of it is in our log."""
        self.assertEqual(self.fetch("/fatal.php").status, 500)
        wait_until(lambda: "no_such_function()" in self.proxy.output(), PATIENCE, "PHP's message in the log")
        self.assertIn('"asked": "GET /fatal.php"', self.proxy.output())
        self.assertIn("a word before", self.proxy.output())

    def test_missing(self) -> None:
        """PHP's own 404, and its word for it."""
        answer = self.fetch("/none.php")
        self.assertEqual((answer.status, answer.body), (404, b"File not found.\n"))

    def test_sleeps(self) -> None:
        """A script that sleeps past the timeout is a 504; within it, it is awaited."""
        self.assertEqual(self.fetch("/impatient/sleep.php?s=8").status, 504)
        self.assertEqual(self.fetch("/sleep.php?s=1").body, b"awake")

    def test_answers(self) -> None:
        """Status, Location and X-Accel-Redirect."""
        self.assertEqual(self.fetch("/answers.php?Status=404").status, 404)
        moved = self.fetch("/answers.php?Location=" + quote("/there"))
        self.assertEqual((moved.status, moved.fields["location"]), (302, "/there"))
        self.assertEqual(self.fetch("/answers.php?X-Accel-Redirect=/inside").body, b"from inside")
        self.assertEqual(self.fetch("/answers.php", "HEAD").body, b"")

    def test_late(self) -> None:
        """A script that goes on behind its response holds up nobody."""
        connection = HTTPConnection("127.0.0.1", self.proxy.port, timeout=PATIENCE)
        self.addCleanup(connection.close)
        gate = folder() / "gate"
        for path, body in ((f"/late.php?gate={gate}", b"done"), ("/answers.php", b"said")):
            self.assertEqual(fetch_on(connection, path).body, body)
        self.assertNotIn("and then", self.proxy.output())
        gate.touch()
        wait_until(lambda: "and then" in self.proxy.output(), PATIENCE, "what it says at the end")

    def test_kept(self) -> None:
        """A kept connection is that to one child."""
        self.assertEqual(len({self.fetch("/kept/pid.php").body for _ in range(6)}), 1)
        big = self.fetch("/kept/upload.php", "POST", upload()[:1_000_000])
        self.assertEqual(big.body.decode(), sha256(upload()[:1_000_000]).hexdigest())

    def test_not_a_script(self) -> None:
        """/upload.jpg/x.php runs no upload: PHP looks at the end of the name; with only_existing it is not asked."""
        for path, status in (
            ("/upload.jpg/x.php", 403),
            ("/existing/upload.jpg/x.php", 404),
            ("/existing/pid.php/x.php", 404),
            ("/existing/", 404),
            ("/existing/pid.php", 200),
        ):
            answer = self.fetch(path)
            self.assertEqual(answer.status, status, path)
            self.assertNotIn(b"this upload was run", answer.body)

    def test_elsewhere(self) -> None:
        """A peer that cannot be reached costs nothing."""
        for _ in range(3):
            self.assertEqual(self.fetch("/two/answers.php").body, b"said")


class TcpTests(UnixTests):
    """Over TCP, where PHP takes forms of 1 MB."""

    start = staticmethod(before_tcp)

    def test_upload(self) -> None:
        """A form that is too large is answered, though PHP does not read it."""
        fields = {"Content-Type": "application/x-www-form-urlencoded"}
        for _ in range(5):
            answer = self.fetch("/form.php", "POST", b"a=" + bytes(5_000_000), fields)
            self.assertEqual((answer.status, json.loads(answer.body)["post"]), (200, []))


class TwoTests(SynchronousTestCase):
    """Two of them, of which one ends, with all that it does, and comes again."""

    def test_ended(self) -> None:
        """No request fails meanwhile."""
        first, second, port = Php(), php(), free_port()
        self.addCleanup(first.stop)
        config = f"""
from pydsl_proxy import fastcgi, http, peer, server, upstream

via = fastcgi(root="{SCRIPTS}", keep_conn=True)
two = upstream("two", peer("unix:{first.path}", fail_timeout=0.1), "unix:{second.path}", via=via)
proxy = http(server("tcp:{port}:interface=127.0.0.1").location("/").proxy_to(two), access_log=None)
"""
        self.addCleanup(proxy(config, port).stop)
        pids: list[set[bytes]] = []

        def end() -> None:
            # Killed, its children would live on.
            first.signal(signal.SIGTERM)
            first.wait(STOPS_WITHIN)

        def ask() -> None:
            answers = [fetch(port, "/pid.php") for _ in range(12)]
            self.assertEqual({answer.status for answer in answers}, {200})
            pids.append({answer.body for answer in answers})

        ask()
        end()
        ask()
        self.assertLess(pids[1], pids[0])
        first.restart()

        def more() -> bool:
            ask()
            return len(pids[-1]) > len(pids[1])

        wait_until(more, PATIENCE, "the first is asked again")


class NginxTests(Case):
    """What the application is told, beside what nginx tells it."""

    # Ours say by whom they are written, and nobody whose password was not checked is a user.  A field of the hop is
    # not for the application, a body is told of once, and the client is told in the fields for proxies too.
    OURS: ClassVar[set[str]] = {
        "HTTP_X_REAL_IP",
        "HTTP_X_FORWARDED_FOR",
        "HTTP_X_FORWARDED_PROTO",
        "HTTP_X_FORWARDED_HOST",
    }
    NGINX: ClassVar[set[str]] = {
        "HTTP_CONNECTION",
        "HTTP_CONTENT_LENGTH",
        "HTTP_CONTENT_TYPE",
        "HTTP_PROXY",
        "REMOTE_USER",
    }
    DIFFER: ClassVar[set[str]] = {
        "REMOTE_PORT",
        "REQUEST_TIME",
        "REQUEST_TIME_FLOAT",
        "SERVER_PORT",
        "SERVER_SOFTWARE",
    }

    def told(self, port: int, request: bytes) -> dict[str, str]:
        """What PHP says that it was told."""
        with RawClient(port) as client:
            client.send(request)
            answer = client.response()
        self.assertEqual(answer.status, 200, (request, answer.body))
        told: dict[str, str] = json.loads(answer.body)
        return told

    def test_params(self) -> None:
        """The same, but for what the documentation names."""
        nginx = shared(before_nginx)
        for line, rest in (
            (b"GET /dump.php?a=1&b=%20 HTTP/1.1", b"Connection: close\r\nX-One: 1\r\nCookie: a=b\r\nProxy: evil\r\n"),
            (b"GET /dump.php/a%20b/%2F?c HTTP/1.1", b"Accept: */*\r\nAuthorization: Basic Ym9iOmI=\r\n"),
            (b"GET / HTTP/1.1", b""),
            (b"GET //dump.php HTTP/1.1", b""),
            (b"GET http://a.test/a/../dump.php HTTP/1.1", b""),
            (b"GET /dump.php HTTP/1.0", b"Connection: close\r\n"),
            (b"POST /dump.php HTTP/1.1", b"Content-Length: 0\r\nContent-Type: text/plain\r\n"),
        ):
            request = line + b"\r\nHost: a.test\r\n" + rest + b"\r\n"
            ours, theirs = self.told(self.proxy.port, request), self.told(nginx.port, request)
            self.assertEqual({*ours} - {*theirs} - self.OURS, set(), line)
            self.assertEqual({*theirs} - {*ours} - self.NGINX, set(), line)
            unlike = {name: (ours[name], theirs[name]) for name in {*ours} & {*theirs} if ours[name] != theirs[name]}
            self.assertEqual({*unlike} - self.DIFFER, set(), (line, unlike))
            self.assertNotIn("HTTP_PROXY", ours)


def before_nginx() -> Program:
    """nginx before PHP-FPM."""
    files = folder()
    (files / "php.sock").symlink_to(php().path)
    return nginx_with(PROGRAMS / "fastcgi.nginx.conf", files, root=str(SCRIPTS))


class ExampleTests(SynchronousTestCase):
    """``examples/php``, on another port and before another socket."""

    def setUp(self) -> None:
        files, self.port = folder() / "php", free_port()
        copytree(ROOT / "examples" / "php", files)
        text = (files / "proxy.py").read_text()
        for known, ours in (("8080", str(self.port)), ("/run/php/php-fpm.sock", php().path)):
            self.assertIn(known, text)
            text = text.replace(known, ours)
        (files / "proxy.py").write_text(text)
        (files / "public" / "admin").mkdir()
        (files / "public" / "admin" / "index.php").write_text('<?php echo "for admins";')
        self.addCleanup(proxy_of(files / "proxy.py", self.port).stop)

    def test_answers(self) -> None:
        """Files are files, scripts run, and every other path is the front controller's."""
        for path, body in (
            ("/style.css", b"body { font-family: sans-serif }\n"),
            ("/", b"you asked for /, page one\n"),
            ("/?page=two", b"you asked for /?page=two, page two\n"),
            ("/a/b?page=2", b"you asked for /a/b?page=2, page 2\n"),
            ("/index.php", b"you asked for /index.php, page one\n"),
        ):
            answer = fetch(self.port, path)
            self.assertEqual((answer.status, answer.body), (200, body))
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        self.assertEqual(fetch(self.port, "/index.php", "POST", b"name=bob", form).body, b"thank you, bob\n")
        self.assertEqual(fetch(self.port, "/a/b", "POST", b"name=bob", form).body, b"thank you, bob\n")
        self.assertEqual(fetch(self.port, "/other.php").status, 404)

    def test_folder(self) -> None:
        """A folder with an ``index.php`` of its own has that, as with nginx's ``$uri/``."""
        self.assertEqual(fetch(self.port, "/admin/").body, b"for admins")
        self.assertEqual(fetch(self.port, "/admin").fields["location"], f"http://127.0.0.1:{self.port}/admin/")
        self.assertEqual(fetch(self.port, "/admin/", "POST", b"name=bob").body, b"for admins")
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        self.assertEqual(fetch(self.port, "/", "POST", b"name=bob", form).body, b"thank you, bob\n")


class Http2Tests(SynchronousTestCase):
    """Clients of HTTP/2."""

    def test_bodies(self) -> None:
        """20 MB up and 100 MB down; PHP is told how the client came."""
        files, port = folder(), free_port()
        authority = Authority()
        ca = authority.save(files)
        authority.issue("a.test").save(files, "a.test")
        config = f"""
from pydsl_proxy import fastcgi, http, server, tls, upstream

php = upstream("php", "unix:{php().path}", via=fastcgi(root="{SCRIPTS}"))
pair = tls("{files}/a.test.pem", "{files}/a.test.key")
proxy = http(server("tcp:{port}:interface=127.0.0.1", tls=pair).location("/").proxy_to(php), access_log=None)
"""
        self.addCleanup(proxy(config, port).stop)
        (files / "upload").write_bytes(upload())

        def ask(path: str, *options: str) -> bytes:
            there = ["--http2", "--cacert", ca, "--resolve", f"a.test:{port}:127.0.0.1", f"https://a.test:{port}{path}"]
            return curl(*options, *there).stdout

        told = json.loads(ask("/dump.php"))
        self.assertEqual(
            (told["SERVER_PROTOCOL"], told["HTTPS"], told["HTTP_HOST"]), ("HTTP/2.0", "on", f"a.test:{port}")
        )
        self.assertEqual(ask("/upload.php", "-T", f"{files}/upload").decode(), sha256(upload()).hexdigest())
        self.assertEqual(len(ask("/download.php")), 100_000_000)
