"""Slow clients before peers that serve one at a time, and peers that steer the proxy: real sockets, files and peers."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import sys
from http.client import HTTPConnection
from pathlib import Path
from time import sleep

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration.clients import RawClient, curl, fetch
from tests.integration.peers import nginx_with
from tests.integration.support import (
    PATIENCE,
    PROGRAMS,
    ROOT,
    Program,
    folder,
    free_port,
    memory,
    proxy,
    python_peer,
    reach,
    shared,
    wait_until,
)

MB = 1_000_000
LONG = os.environ.get("PYDSL_PROXY_LONG") == "1"

# Slow clients, and how much each of them downloads: a multiple of the 64 KiB pieces of the peer's flood.
CLIENTS = 200
DOWNLOAD = (160 if LONG else 24) * 64 * 1024
# What the buffer of each may hold in memory.
HELD = 64 * 1024
# Beside that: two pieces that are queued for the client, a copy of one of them, and the objects.
BESIDE = 192 * 1024
# Bytes that the proxy's memory may move by although nothing is kept.
NOISE = 8 * MB


def sync_worker() -> Program:
    """Gunicorn with one sync worker: who is served keeps all others waiting."""
    if importlib.util.find_spec("gunicorn") is None:
        raise SkipTest("gunicorn is not installed: pip install gunicorn")
    port = free_port()
    options = ["--bind", f"127.0.0.1:{port}", "--workers", "1", "--worker-class", "sync", "--log-level", "error"]
    application = "tests.integration.programs.steering_app:application"
    return Program([sys.executable, "-m", "gunicorn", *options, application], port, env={"PYTHONPATH": str(ROOT)})


def connections(pid: int, port: int) -> int:
    """How many connections a process has to a port of this machine."""
    try:
        lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    except FileNotFoundError:
        raise SkipTest("connections are read from /proc, which is not here") from None
    own = set(open_by(pid))
    established = "01"
    found = (line.split() for line in lines)
    return sum(
        each[2].endswith(f":{port:04X}") and each[3] == established and f"socket:[{each[9]}]" in own for each in found
    )


def open_by(pid: int) -> list[str]:
    """What a process has open, which may close one while it is looked at."""
    names = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            names.append(os.readlink(link))
    return names


def files_in(folder: Path, pid: int) -> list[str]:
    """Temporary files that a process has open there."""
    names = open_by(pid)
    return [name for name in names if name.startswith(f"{folder}/") and name.endswith(" (deleted)")]


class SlowClientsTests(SynchronousTestCase):
    """Many clients that read next to nothing."""

    def setUp(self) -> None:
        """A proxy, which has served once."""
        self.peer = shared(python_peer).port
        self.spool = folder()
        # The kernel keeps 0.2 MB for a UNIX socket, and 4 for a TCP connection, of which the proxy would hold nothing.
        path = str(self.spool / "web.sock")
        self.proxy = proxy(
            f"""
from pydsl_proxy import http, server, upstream

app = upstream("app", "127.0.0.1:{self.peer}", keepalive=8)
web = (
    server("unix:{path}:backlog=512")
    .buffer_response(memory={HELD}, spool={str(self.spool)!r})
    .location("/").proxy_to(app)
)
proxy = http(web, access_log=None, shutdown_grace=0)
""",
            path,
        )
        self.addCleanup(self.proxy.stop)
        self.ask("/hello").recv(100)
        self.start = memory(self.proxy.pid)

    def ask(self, path: str) -> socket.socket:
        """A client that asks."""
        client = reach(self.proxy.address)
        self.addCleanup(client.close)
        client.settimeout(60)
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        return client

    def test_connections_and_memory(self) -> None:
        """Each downloads without a connection to the peer once that has answered, and without much memory."""
        before = int(fetch(self.peer, "/flooded").body)
        clients = [self.ask(f"/flood/{DOWNLOAD}") for _ in range(CLIENTS)]
        everything = before + CLIENTS * DOWNLOAD
        most = 0

        def answered() -> bool:
            nonlocal most
            most = max(most, memory(self.proxy.pid) - self.start)
            return int(fetch(self.peer, "/flooded").body) == everything

        wait_until(answered, 240 if LONG else 60, "the peer has sent everything")
        wait_until(
            lambda: connections(self.proxy.pid, self.peer) <= 8, PATIENCE, "no more connections than are kept idle"
        )
        for _ in range(3):
            for client in clients:
                self.assertEqual(len(client.recv(1)), 1)
            sleep(0.3)
            most = max(most, memory(self.proxy.pid) - self.start)
        idle = connections(self.proxy.pid, self.peer)
        print(
            f"{CLIENTS} slow clients of {DOWNLOAD / MB:.1f} MB each: {idle} connections to the peer, all idle; memory "
            f"{most / MB:.1f} MB, {most / CLIENTS / 1e3:.0f} kB each"
        )
        self.assertLess(most, CLIENTS * (HELD + BESIDE) + NOISE)
        self.assertEqual(len(files_in(self.spool, self.proxy.pid)), CLIENTS)
        self.check_whole(clients[0])
        for client in clients:
            client.close()
        wait_until(lambda: not files_in(self.spool, self.proxy.pid), PATIENCE, "no temporary file is open")

    def check_whole(self, client: socket.socket) -> None:
        """All of it is there for a client that reads in the end."""
        got = b"HTT"
        while b"\r\n\r\n" not in got:
            got += client.recv(1 << 16)
        size = len(got.partition(b"\r\n\r\n")[2])
        while size < DOWNLOAD:
            data = client.recv(1 << 16)
            self.assertTrue(data)
            size += len(data)
        self.assertEqual(size, DOWNLOAD)

    def test_killed(self) -> None:
        """A proxy that is killed leaves no file behind."""
        spool = folder()
        port = free_port()
        killed = proxy(
            f"""
from pydsl_proxy import http, server

web = server({port}).buffer_response(spool={str(spool)!r}).location("/").proxy_to("127.0.0.1:{self.peer}")
proxy = http(web, access_log=None)
""",
            port,
        )
        self.addCleanup(killed.stop)
        with RawClient(port) as client:
            client.send(b"GET /flood/20971520 HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_until(lambda: files_in(spool, killed.pid), PATIENCE, "a temporary file")
            killed.kill()
        self.assertEqual(list(spool.iterdir()), [])


class SyncWorkerTests(SynchronousTestCase):
    """Gunicorn's sync worker, which nobody may keep waiting."""

    def setUp(self) -> None:
        """A proxy before the worker."""
        self.port = free_port()
        config = f"""
from pydsl_proxy import http, server

web = (
    server("tcp:{self.port}:interface=127.0.0.1")
    .buffer_response()
    .buffer_request()
    .location("/").proxy_to("127.0.0.1:{shared(sync_worker).port}")
)
proxy = http(web, access_log=None, shutdown_grace=0)
"""
        self.proxy = proxy(config, self.port)
        self.addCleanup(self.proxy.stop)

    def test_slow_download(self) -> None:
        """While a client reads nothing of a large response, another one is served."""
        size = 320 << 16
        with RawClient(self.port) as slow:
            slow.send(b"GET /large/%d HTTP/1.1\r\nHost: a\r\n\r\n" % size)
            self.assertEqual(fetch(self.port, "/").body, b"hello")
            self.assertEqual(len(slow.response().body), size)

    def test_slow_upload(self) -> None:
        """While a client sends its body bit by bit, another one is served; then the worker has all of it at once."""
        with RawClient(self.port) as slow:
            slow.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + bytes(100_000))
            self.assertEqual(fetch(self.port, "/").body, b"hello")
            slow.send(bytes(100_000))
            self.assertEqual(fetch(self.port, "/").body, b"hello")
            slow.send(bytes(100_000))
            self.assertEqual(slow.response().body, b"300000")

    def test_chunked_upload(self) -> None:
        """A worker that cannot read chunks need not: it gets a length."""
        pieces = (bytes(50_000) for _ in range(6))
        self.assertEqual(fetch(self.port, "/", "POST", pieces).body, b"300000")

    def test_expect(self) -> None:
        """curl, which waits for 100 before it sends a large body."""
        file = folder() / "upload"
        file.write_bytes(bytes(2 * MB))
        run = curl(
            "--verbose", "-H", "Expect: 100-continue", "--data-binary", f"@{file}", f"http://127.0.0.1:{self.port}/"
        )
        self.assertIn(b"< HTTP/1.1 100 Continue\r\n", run.stderr)
        self.assertEqual(run.stdout, b"2000000")


class SteeringTests(SynchronousTestCase):
    """X-Accel-Redirect here and in nginx, asked for by the same application."""

    def setUp(self) -> None:
        """Both before the application, with the same file."""
        self.files = folder()
        (self.files / "report.txt").write_text("the report\n")
        peer = shared(sync_worker).port
        self.nginx = nginx_with(PROGRAMS / "steering.nginx.conf", self.files, peer=peer)
        self.addCleanup(self.nginx.stop)
        port = free_port()
        self.proxy = proxy(
            f"""
from pydsl_proxy import http, server

app = "127.0.0.1:{peer}"
web = (
    server("tcp:{port}:interface=127.0.0.1")
    .location("/").proxy_to(app)
    .location("/protected/").internal().serve_files({str(self.files)!r})
    .location("/said").internal().respond(200, "said")
    .location("/second").proxy_to(app)
)
proxy = http(web, access_log=None, shutdown_grace=0)
""",
            port,
        )
        self.addCleanup(self.proxy.stop)

    def fields(self, port: int, path: str, method: str = "GET") -> tuple[int, list[tuple[str, str]], bytes]:
        """Status, fields but for those of the server itself, and body."""
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self.addCleanup(connection.close)
        connection.request(method, path, b"hello" if method == "POST" else None)
        response = connection.getresponse()
        own = ("server", "date", "connection", "transfer-encoding", "last-modified")
        pairs = [(name.lower(), value) for name, value in response.getheaders() if name.lower() not in own]
        return response.status, sorted(pairs), response.read()

    def test_as_nginx(self) -> None:
        """The same status, body and kept fields, but that nginx repeats Accept-Ranges and the ETag is the file's."""
        for path in ("/download", "/to/said", "/to/protected/report.txt"):
            ours, nginxs = self.fields(self.proxy.port, path), self.fields(self.nginx.port, path)
            self.assertEqual(ours[0], nginxs[0])
            self.assertEqual(ours[2], nginxs[2])
            ours_said, nginx_said = ([pair for pair in each[1] if pair[0] != "etag"] for each in (ours, nginxs))
            self.assertEqual(ours_said, sorted(set(nginx_said)))

    def test_peer_as_nginx(self) -> None:
        """A second peer's answer: its type, the cookies of both in nginx's order, a POST that became a GET."""
        ours, nginxs = (self.fields(each.port, "/to/second", "POST") for each in (self.proxy, self.nginx))
        self.assertEqual((ours[0], ours[2]), (nginxs[0], nginxs[2]))
        self.assertEqual(ours[2], b"GET")
        self.assertEqual(ours[1], sorted(set(nginxs[1])))

    def test_closed(self) -> None:
        """Clients themselves find none of it."""
        self.assertEqual(fetch(self.proxy.port, "/protected/report.txt").status, 404)

    def test_ranges(self) -> None:
        """A part of the file that an application sends a client to."""
        run = curl("--include", "--range", "4-9", f"http://127.0.0.1:{self.proxy.port}/download")
        self.assertTrue(run.stdout.startswith(b"HTTP/1.1 206 "))
        self.assertIn(b"filename=report.pdf", run.stdout)
        self.assertTrue(run.stdout.endswith(b"\r\n\r\nreport"))
