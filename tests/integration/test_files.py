"""Files over real sockets: whole, in parts, with nothing but what is below the folder, and beside nginx."""

from __future__ import annotations

import os
import re
import socket
from functools import cache
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients import RawClient, Response, curl
from tests.integration.peers import nginx_with
from tests.integration.support import PATIENCE, PROGRAMS, Program, folder, free_port, memory, proxy, shared, wait_until

SECRET = b"what nobody must see"
WHEN = 784111777
LARGE = 64 * 1024 * 1024


@cache
def files() -> Path:
    """A folder with files, and beside it one that nobody may see."""
    outer = folder()
    www = outer / "www"
    (www / "sub").mkdir(parents=True)
    (www / "empty").mkdir()
    (www / ".git").mkdir()
    (outer / "www-secret").mkdir()
    for path in (outer / "secret.txt", outer / "www-secret" / "a.txt", www / ".env", www / ".git" / "config"):
        path.write_bytes(SECRET)
    for name, content in {
        "index.html": b"<p>home",
        "a.txt": b"0123456789" * 10,
        "style.css": b"body {}",
        "app.js": b"js" * 20000,
        "data.json": b"{}",
        "none": b"no end",
        "zero.txt": b"",
        "a b.txt": b"blank",
        "é.txt": b"accent",
        "sub/index.html": b"<p>sub",
        "sub/page.html": b"page",
        "big.bin": os.urandom(1024) * 300,
    }.items():
        (www / name).write_bytes(content)
        os.utime(www / name, (WHEN, WHEN))
    (www / "out").symlink_to("..")
    (www / "out.txt").symlink_to("../secret.txt")
    (www / "in.txt").symlink_to("a.txt")
    with open(www / "large.bin", "wb") as large:
        large.truncate(LARGE)
    return outer


def serving() -> Program:
    """A proxy that serves the folder: at the root, below a prefix, and to those that it trusts."""
    port = free_port()
    config = f"""
from pydsl_proxy import http, named, path, server
from tests.integration.programs.seeing import SEEING

web = (
    server("tcp:{port}:interface=127.0.0.1")
    .location("/").serve_files({str(files() / "www")!r})
    .location("/p/").serve_files({str(files() / "www")!r})
    .location("/q").serve_files({str(files() / "www")!r}, browse=True)
    .location("/t/").serve_files({str(files() / "www")!r}, try_files=[path, f"{{path}}/", named("else")])
    .location(named("else")).respond(404, "else")
    .location("/f/").filter(SEEING).serve_files({str(files() / "www")!r})
)
proxy = http(web, access_log={str(files() / "access.log")!r}, shutdown_grace=1)
"""
    return proxy(config, port)


def beside() -> Program:
    """nginx, which serves the same folder."""
    # Its worker would otherwise be nobody, who may not read the folder.
    user = "user root;" if os.geteuid() == 0 else ""
    return nginx_with(PROGRAMS / "static.nginx.conf", folder(), www=str(files() / "www"), user=user)


def ask(port: int, target: bytes, method: bytes = b"GET", fields: bytes = b"") -> Response:
    """The answer to a request of exactly these bytes."""
    with RawClient(port) as client:
        client.send(b"%b %b HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n%b\r\n" % (method, target, fields))
        return client.response(method.decode())


class CurlTests(SynchronousTestCase):
    """A client that others wrote."""

    def test_resume(self) -> None:
        """A download that broke off is resumed where it ended."""
        port, whole = shared(serving).port, (files() / "www" / "big.bin").read_bytes()
        target = folder() / "got"
        target.write_bytes(whole[:100_001])
        curl("--continue-at", "-", "--output", str(target), f"http://127.0.0.1:{port}/big.bin")
        self.assertTrue(target.read_bytes() == whole)

    def test_parts(self) -> None:
        """One range, several, and none that could be satisfied."""
        url = f"http://127.0.0.1:{shared(serving).port}/a.txt"
        self.assertEqual(curl("--range", "10-12", url).stdout, b"012")
        several = curl("--range", "0-1,-2", "--include", url).stdout
        self.assertIn(b"HTTP/1.1 206", several)
        self.assertIn(b"multipart/byteranges", several)
        self.assertIn(b"Content-Range: bytes 98-99/100\r\n\r\n89\r\n--", several)
        self.assertIn(b"HTTP/1.1 416", curl("--range", "100-", "--include", url).stdout)

    def test_time_and_tag(self) -> None:
        """curl knows by time or tag that it has the file already."""
        url = f"http://127.0.0.1:{shared(serving).port}/big.bin"
        here = folder() / "tag"
        curl("--etag-save", str(here), "--output", os.devnull, url)
        self.assertIn(b"HTTP/1.1 304", curl("--etag-compare", str(here), "--include", url).stdout)
        fields = curl("--head", url).stdout
        self.assertIn(b"Content-Length: 307200\r\n", fields)
        self.assertIn(b"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n", fields)

    def test_large(self) -> None:
        """All of a large file, sent by the kernel, and with a filter that wants to see it."""
        port, here = shared(serving).port, folder() / "got"
        for target in ("/large.bin", "/f/large.bin"):
            curl("--output", str(here), f"http://127.0.0.1:{port}{target}")
            self.assertEqual(here.stat().st_size, LARGE, target)
            here.unlink()


# Ways to say "..", or what has been taken for it.
UPWARDS = (
    b"..", b"%2e%2e", b".%2e", b"%2E.", b"%252e%252e", b"%c0%ae%c0%ae", b"%e0%80%ae%e0%80%ae", b"..;", b"..%00",
    b"%ef%bc%8e%ef%bc%8e", b"%u002e%u002e", b"...", b". .", b"..%20", b"%2e%2e%2f", b"..%5c", b"out",
)  # fmt: skip
SLASHES = (b"/", b"//", b"%2f", b"%2F", b"%252f", b"%5c", b"\\", b"%c0%af", b"%u2215", b"/./", b"/;/", b"/%00/")
BEFORE = (b"/", b"/p/", b"/p", b"/q/", b"/q", b"/t/", b"/sub/", b"/p/sub/", b"//", b"/p//", b"/.well-known/", b"/p/x/")
NAMES = (b"secret.txt", b"www-secret/a.txt")
OTHERS = (
    b"/.env", b"/p/.env", b"/%2eenv", b"/sub/../.env", b"/.git/config", b"/%2egit%2fconfig", b"/.git%2fconfig",
    b"/.env/", b"/.env%20", b"/.env%00.txt", b"/a.txt/../.env", b"/q/.env", b"/q.env", b"/q-secret/a.txt",
    b"/p-secret/a.txt", b"/t/.env", b"/out.txt", b"/p/out.txt", b"/t/out.txt", b"/q/out.txt", b"/-secret/a.txt",
)  # fmt: skip


class TraversalTests(SynchronousTestCase):
    """Paths that would lead out of the folder."""

    def corpus(self) -> list[bytes]:
        """Targets; of each prefix, way up, slash and name."""
        found = list(OTHERS)
        outer = os.fsencode(files())
        for before in BEFORE:
            found += [before + outer + b"/secret.txt", before + outer.replace(b"/", b"%2f") + b"%2fsecret.txt"]
            for up in UPWARDS:
                for slash in SLASHES:
                    found += [before + (up + slash) * depth + name for depth in (1, 3) for name in NAMES]
        return found

    def test_corpus(self) -> None:
        """None of them gets a byte of what is not below the folder, whatever the answer is."""
        port = shared(serving).port
        targets = self.corpus()
        self.assertGreater(len(targets), 8_000)
        statuses = set()
        client = RawClient(port)
        for target in targets:
            client.send(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % target.replace(b" ", b"%20"))
            answer = client.response()
            statuses.add(answer.status)
            self.assertNotIn(SECRET, answer.body, target)
            self.assertIn(answer.status, (200, 301, 400, 403, 404), target)
            if answer.status == 200:
                # Dots that stay within, and lists of folders.
                self.assertNotIn(b"secret", answer.body, target)
            if answer.fields.get("connection") == "close":
                client.close()
                client = RawClient(port)
        client.close()
        self.assertLessEqual({400, 403, 404}, statuses)


class BesideNginxTests(SynchronousTestCase):
    """The same requests to nginx, which serves the same folder."""

    REQUESTS = (
        *((target, b"GET", b"") for target in (
            b"/", b"/index.html", b"/a.txt", b"/a.txt?x=1", b"/style.css", b"/app.js", b"/data.json", b"/none",
            b"/zero.txt", b"/a%20b.txt", b"/%C3%A9.txt", b"/in.txt", b"/sub/", b"/sub", b"/sub?a=b%20c",
            b"/sub/page.html",
            b"/empty/", b"/empty", b"/nope", b"/nope/", b"/a.txt/", b"/a.txt/x", b"/sub//page.html", b"/./a.txt",
            b"/sub/../a.txt", b"/../a.txt", b"/%2e%2e/a.txt", b"/p/a.txt", b"/p/sub", b"/p/sub/", b"/p/nope", b"/p/",
            b"/big.bin", b"/%00", b"/%zz", b"/" + b"n" * 300,
        )),
        *((b"/a.txt", b"HEAD", b""), (b"/sub/", b"HEAD", b""), (b"/nope", b"HEAD", b"")),
        *((b"/a.txt", method, b"") for method in (b"PUT", b"DELETE", b"OPTIONS")),
        (b"/a.txt", b"POST", b"Content-Length: 0\r\n"),
        *((b"/a.txt", b"GET", b"Range: %b\r\n" % value) for value in (
            b"bytes=0-0", b"bytes=0-9", b"bytes=90-", b"bytes=-5", b"bytes=-0", b"bytes=90-1000", b"bytes=100-",
            b"bytes=5-4", b"bytes=x", b"bytes=", b"lines=1-2", b"bytes=0-99,0-99", b"bytes=0-99,0-0",
            b"bytes=0-1,200-", b"bytes=200-,300-", b"bytes=0-4,10-14",
        )),
        (b"/zero.txt", b"GET", b"Range: bytes=0-\r\n"),
        *((b"/a.txt", b"GET", fields) for fields in (
            b"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
            b"If-Modified-Since: Sun, 06 Nov 1994 08:49:38 GMT\r\n",
            b"If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n",
            b"If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n",
            b"If-Modified-Since: now\r\n",
            b'If-None-Match: "2ebc98a1-64"\r\n', b'If-None-Match: W/"2ebc98a1-64"\r\n', b'If-None-Match: "x"\r\n',
            b'If-None-Match: "x", "2ebc98a1-64"\r\n', b"If-None-Match: *\r\n",
            b'If-None-Match: "x"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n',
            b'If-Match: "2ebc98a1-64"\r\n', b'If-Match: W/"2ebc98a1-64"\r\n', b'If-Match: "x"\r\n', b"If-Match: *\r\n",
            b"If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n",
            b"If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
            b'Range: bytes=0-4\r\nIf-Range: "2ebc98a1-64"\r\n', b'Range: bytes=0-4\r\nIf-Range: "x"\r\n',
            b'Range: bytes=0-4\r\nIf-Range: W/"2ebc98a1-64"\r\n',
            b"Range: bytes=0-4\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
            b"Range: bytes=0-4\r\nIf-Range: Sun, 06 Nov 1994 08:49:36 GMT\r\n",
            b'Range: bytes=0-4\r\nIf-None-Match: "2ebc98a1-64"\r\n',
        )),
    )  # fmt: skip

    def told(self, answer: Response) -> tuple[object, ...]:
        """What must be the same: all but the words of errors, and the boundary of parts."""
        names = (
            "content-type",
            "last-modified",
            "etag",
            "content-range",
            "location",
            "content-length",
            "accept-ranges",
        )
        fields = {name: answer.fields[name] for name in names if name in answer.fields}
        body = answer.body
        if "boundary=" in fields.get("content-type", ""):
            boundary = fields["content-type"].partition("boundary=")[2]
            fields = {"content-range": "", "etag": fields["etag"]}
            body = body.replace(boundary.encode(), b"boundary")
        if answer.status >= 300 and answer.status != 304:
            fields = {name: fields[name] for name in ("content-range", "location") if name in fields}
            body = b""
        if "location" in fields:
            fields["location"] = re.sub("^http://[^/]*", "", fields["location"])
        return answer.status, fields, body

    def test_table(self) -> None:
        """Status, fields and bodies are nginx's."""
        ours, theirs = shared(serving).port, shared(beside).port
        different = []
        for target, method, fields in self.REQUESTS:
            here, there = self.told(ask(ours, target, method, fields)), self.told(ask(theirs, target, method, fields))
            if here != there:
                different.append((method, target[:40], fields, here[:2], there[:2]))
        self.assertEqual(different, [])

    #: Request, our status, nginx's, and why.
    DEVIATIONS = (
        (b"/a.txt", b"HEAD", b"Range: bytes=0-4\r\n", 200, 206, "RFC 9110 14.2: of all methods only GET has ranges"),
        (
            b"/a.txt",
            b"GET",
            b'If-None-Match: "2ebc98a1-64"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n',
            304,
            200,
            "RFC 9110 13.1.3: where there is a tag, the time is not looked at",
        ),
        (
            b"/a.txt",
            b"GET",
            b'If-Match: "2ebc98a1-64"\r\nIf-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n',
            200,
            412,
            "the same",
        ),
        (b"/a.txt", b"GET", b"Range: bytes=0-4,,5-9\r\n", 206, 416, "RFC 9110 5.6.1.2: empty elements are passed over"),
        (b"/.env", b"GET", b"", 404, 200, "names that begin with a dot are hidden"),
        (b"/out.txt", b"GET", b"", 403, 200, "links lead nowhere but into the folder"),
        (b"/p", b"GET", b"", 301, 404, "a location /p/ also answers /p"),
    )

    def test_deviations(self) -> None:
        """Where we differ, and nginx still does."""
        ours, theirs = shared(serving).port, shared(beside).port
        for target, method, fields, here, there, why in self.DEVIATIONS:
            found = ask(ours, target, method, fields).status, ask(theirs, target, method, fields).status
            self.assertEqual(found, (here, there), why)


def descriptors(pid: int, name: str) -> int:
    """How many files called *name* a process has open."""
    found = 0
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            found += os.readlink(f"/proc/{pid}/fd/{number}").endswith(name)
        except FileNotFoundError:
            continue
    return found


class SlowTests(SynchronousTestCase):
    """Clients that take their time."""

    def test_slow_readers(self) -> None:
        """Many that read nothing of a large file cost no memory, and their files are closed when they leave."""
        program = shared(serving)
        ask(program.port, b"/large.bin", b"HEAD")
        before = memory(program.pid)
        clients = []
        for _ in range(20):
            connection = socket.create_connection(("127.0.0.1", program.port), 30)
            connection.sendall(b"GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.recv(1000)
            clients.append(connection)
        self.assertEqual(descriptors(program.pid, "/large.bin"), 20)
        self.assertLess(memory(program.pid) - before, 8 * 1024 * 1024)
        for connection in clients:
            connection.close()
        wait_until(lambda: not descriptors(program.pid, "/large.bin"), PATIENCE, "the files are closed")
        log = files() / "access.log"
        line = '"GET /large.bin HTTP/1.1" 200 '
        wait_until(lambda: log.read_text().count(line) >= 20, PATIENCE, "they are in the log")
        sizes = [int(each.split()[9]) for each in log.read_text().splitlines() if line in each]
        self.assertGreaterEqual(len([size for size in sizes if 0 < size < LARGE]), 20)

    def test_all_of_it(self) -> None:
        """A slow reader gets all, then the answer to what it asked for meanwhile."""
        program = shared(serving)
        with RawClient(program.port) as client:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.send(b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\nGET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertTrue(client.response().body == (files() / "www" / "big.bin").read_bytes())
            self.assertEqual(client.response().body, b"0123456789" * 10)
