"""The examples before the programs that they are for, each with the configuration that stands beside it."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic

from attrs import frozen
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from pydsl_proxy.config.loading.load import load
from pydsl_proxy.config.servers import as_http
from pydsl_proxy.config.upstreams import Upstream
from pydsl_proxy.handlers.proxy import Proxy
from tests.integration.clients import RawClient, Response, fetch
from tests.integration.examples import Example
from tests.integration.support import PATIENCE, PROGRAMS, STOPS_WITHIN, Program, folder, require, wait_until

# A client that is not the proxy, on this machine all the same; and what it would like to be.
CLIENT = "127.0.0.2"
FORGED = {
    "Host": "shop.example",
    "X-Real-IP": "203.0.113.1",
    "X-Forwarded-For": "203.0.113.1",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
}


@frozen
class Told:
    """Whom an application takes a client for."""

    address: str
    scheme: str
    host: str


class ExampleCase(SynchronousTestCase):
    """One example, its programs started."""

    example: Example
    port: int

    def run_example(self, name: str, *ports: int) -> None:
        """Make the copy; its peers are to be started before :meth:`start`."""
        self.example = Example(name, *ports)

    def start(self) -> None:
        """The proxy."""
        self.port = self.started(self.example.start()).port

    def started(self, program: Program) -> Program:
        """Stopped when the test is over."""
        self.addCleanup(program.stop)
        return program

    def get(self, path: str, fields: Mapping[str, str] | None = None, address: str = CLIENT) -> Response:
        """A request of a client at *address*."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE, source_address=(address, 0))
        try:
            connection.request("GET", path, headers=dict(fields or {}))
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            return Response(response.status, told, response.read())
        except OSError as error:
            if address != "127.0.0.1" and "assign" in str(error):
                raise SkipTest(f"{address} is no address of this machine") from None
            raise
        finally:
            connection.close()

    def told(self, path: str = "/", fields: Mapping[str, str] = FORGED) -> dict[str, object]:
        """What the application tells."""
        response = self.get(path, fields)
        self.assertEqual(response.status, 200)
        told: dict[str, object] = json.loads(response.body)
        return told

    def check_client(self, path: str = "/") -> None:
        """The application knows who asked and how, whatever that client writes."""
        told = self.told(path)
        self.assertEqual((told["address"], told["scheme"], told["host"]), (CLIENT, "http", "shop.example"))

    def check_static(self, path: str, cache_control: str | None) -> None:
        """A file is the proxy's to send."""
        response = self.get(path)
        self.assertEqual((response.status, response.fields.get("cache-control")), (200, cache_control))
        self.assertIn("etag", response.fields)

    def check_keepalive(self, peer: int) -> None:
        """The peer keeps an idle connection for longer than the proxy does."""
        with RawClient(peer) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Real-IP: 192.0.2.1\r\n\r\n")
            client.response()
            start = monotonic()
            self.assertEqual(client.rest(), b"")
            self.assertGreater(monotonic() - start, self.upstream().keepalive_timeout)

    def upstream(self) -> Upstream:
        """The one of the example."""
        config = as_http(load(str(self.example.proxy)))
        handlers = [location.handler for server in config.servers for location in server.locations]
        found = {each.upstream for each in handlers if isinstance(each, Proxy)}
        (only,) = found
        assert isinstance(only, Upstream)
        return only

    def check_restarts(self, instances: list[Program]) -> None:
        """While one of two is stopped and started again, and then the other, every request is answered.

        The second one is stopped when the first one is asked again, which is after its ``fail_timeout``.
        """
        for program in instances:
            wait_until(lambda: len(self.answering(10)) == 2, PATIENCE, "both are asked")
            program.signal(signal.SIGTERM)
            self.answering(20)
            program.wait(STOPS_WITHIN)
            self.assertEqual(len(self.answering(20)), 1)
            program.restart()

    def answering(self, times: int) -> set[object]:
        """The processes that answer so many requests, all of them well."""
        return {self.told()["process"] for _ in range(times)}


class NodeTests(ExampleCase):
    """``examples/node``."""

    def setUp(self) -> None:
        self.run_example("node", 8080, 3000, 3001)
        self.processes = []
        for each in (3000, 3001):
            port = self.example.port(each)
            node = require("node", "apt-get install nodejs")
            self.processes.append(self.started(Program([node, self.example.folder / "server.js", str(port)], port)))
        self.start()

    def test_serves(self) -> None:
        """Node is told who asks, and its files are sent without it."""
        self.check_client()
        self.check_static("/static/app.1f2e3d.js", "public, max-age=31536000, immutable")

    def test_keepalive(self) -> None:
        """Node is not the first to close a connection."""
        self.check_keepalive(self.processes[0].port)

    def test_restarts(self) -> None:
        """A process that is started anew costs no request."""
        self.check_restarts(self.processes)

    def test_crash(self) -> None:
        """Nor does one that dies, with its connections."""
        processes = self.answering(10)
        self.assertEqual(len(processes), 2)
        self.processes[0].kill()
        self.assertEqual(self.answering(10) - processes, set())
        self.assertEqual(len(self.answering(10)), 1)

    def test_events(self) -> None:
        """Events come when they are sent: the first one long before the second."""
        with RawClient(self.port) as client:
            client.send(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertIn(b"text/event-stream", client.head())
            self.assertEqual(client.chunk(), b"data: welcome\n\n")
            self.assertEqual(client.chunk(), b"data: 1\n\n")


class GunicornTests(ExampleCase):
    """``examples/gunicorn``."""

    def setUp(self) -> None:
        self.run_example("gunicorn", 8080, 8000)
        at = self.example.folder
        config = ["--config", str(at / "gunicorn.conf.py"), "--chdir", str(at), "--log-level", "warning"]
        command = [sys.executable, "-m", "gunicorn", *config, "shop:application"]
        self.program = self.started(Program(command, self.example.port(8000)))
        self.start()

    def test_serves(self) -> None:
        """The application is told who asks, by Gunicorn itself where it has means; files are sent without it."""
        self.check_client()
        self.check_static("/static/shop.css", "max-age=3600")

    def test_keepalive(self) -> None:
        """Gunicorn is not the first to close a connection."""
        self.check_keepalive(self.program.port)

    def test_slow_uploads(self) -> None:
        """More clients that send slowly than there are threads keep nobody waiting."""
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"
        clients = [RawClient(self.port) for _ in range(20)]
        for client in clients:
            self.addCleanup(client.close)
            client.send(head + bytes(50_000))
        start = monotonic()
        self.assertEqual(self.told()["received"], 0)
        # Before the first of them is given up.
        self.assertLess(monotonic() - start, 30)
        clients[0].send(bytes(50_000))
        self.assertEqual(json.loads(clients[0].response().body)["received"], 100_000)

    def test_reload(self) -> None:
        """New workers, as after a deployment, cost no request."""
        old = self.workers()
        self.assertEqual(len(old), 2)
        self.program.signal(signal.SIGHUP)
        seen: set[object] = set()

        def renewed() -> bool:
            seen.update(self.answering(1))
            return not seen <= old and not old & self.workers()

        wait_until(renewed, PATIENCE, "workers are new")
        self.answering(10)

    def workers(self) -> set[object]:
        """Gunicorn's processes beside the first."""
        children = Path(f"/proc/{self.program.pid}/task/{self.program.pid}/children")
        if not children.exists():
            raise SkipTest("the children of a process are read from /proc, which is not here")
        return {int(each) for each in children.read_text().split()}


class GoTests(ExampleCase):
    """``examples/go``."""

    def setUp(self) -> None:
        self.run_example("go", 8080, 8001, 8002)
        command, binary = require("go", "apt-get install golang-go"), self.example.folder / "service"
        # Without a home there is nowhere for Go's cache.
        env = {"GOCACHE": str(folder())} if "HOME" not in os.environ else {}
        env = {**env, **os.environ, "GO111MODULE": "off", "CGO_ENABLED": "0"}
        source = self.example.folder / "main.go"
        subprocess.run([command, "build", "-o", binary, source], env=env, check=True, timeout=180)
        ports = [self.example.port(each) for each in (8001, 8002)]
        self.instances = [self.started(Program([binary, "-listen", f"127.0.0.1:{port}"], port)) for port in ports]
        self.start()

    def test_all(self) -> None:
        """The service is told who asks, files are sent without it, and an instance that is replaced costs nothing."""
        self.check_client()
        self.check_static("/static/robots.txt", "max-age=3600")
        self.check_restarts(self.instances)


class GrpcTests(ExampleCase):
    """``examples/grpc``."""

    def setUp(self) -> None:
        self.run_example("grpc", 8080, 5051, 5052)
        self.ports = [self.example.port(each) for each in (5051, 5052)]
        self.services = [
            self.started(Program([sys.executable, self.example.folder / "service.py", str(port)], port))
            for port in self.ports
        ]
        self.start()

    def called(self) -> list[str]:
        """The lines of the client."""
        command = [sys.executable, str(self.example.folder / "client.py"), str(self.port)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout.splitlines()

    def test_all(self) -> None:
        """Calls are shared by both instances, streams stream, errors are told; one that is stopped costs nothing."""
        lines = self.called()
        greeted = [f"hello you at 127.0.0.1, from {port}" for port in self.ports]
        self.assertEqual(set(lines[:4]), set(greeted))
        self.assertEqual(lines[4:], ["hello one", "hello two", "hello three", "INVALID_ARGUMENT a name is missing"])
        self.services[0].signal(signal.SIGTERM)
        self.services[0].wait(STOPS_WITHIN)
        self.assertEqual(set(self.called()[:4]), {greeted[1]})
        self.assertEqual(fetch(self.port, "/").status, 200)


class NginxTests(ExampleCase):
    """``examples/nginx``."""

    def setUp(self) -> None:
        self.run_example("nginx", 8080, 8000)
        command = require("nginx", "apt-get install nginx")
        at = str(self.example.folder)
        config = self.example.folder / "nginx.conf"
        config.write_text(config.read_text().replace("/tmp/example-nginx", f"{at}/nginx"))
        options = [command, "-p", at, "-e", "stderr", "-c", str(config)]
        tested = subprocess.run([*options, "-t"], capture_output=True, text=True, timeout=30, check=False)
        if "unknown directive" in tested.stderr:
            raise SkipTest(f"nginx was built without a module: {tested.stderr.splitlines()[0]}: apt-get install nginx")
        self.nginx = self.started(Program(options, self.example.port(8000)))
        self.start()

    def test_client(self) -> None:
        """nginx takes the client's address for its own, in rules too."""
        self.check_client("/whoami")
        self.assertEqual(self.get("/private/").status, 403)
        self.assertEqual(self.get("/private/", address="127.0.0.3").status, 200)
        self.assertEqual(self.get("/private/", {**FORGED, "X-Real-IP": "127.0.0.3"}).status, 403)
        wait_until(
            lambda: f"{CLIENT} /private/" in self.nginx.output(), PATIENCE, "the client's address in nginx's log"
        )

    def test_serves(self) -> None:
        """nginx's redirects do not lead past the proxy; what it sends is compressed here; a file beside is our own."""
        answer = self.get("/docs")
        self.assertEqual((answer.status, answer.fields["location"]), (301, "/docs/"))
        answer = self.get("/docs/", {"Accept-Encoding": "gzip"})
        self.assertEqual(answer.fields["content-encoding"], "gzip")
        self.assertIn(b"All about it.", gzip.decompress(answer.body))
        self.check_static("/robots.txt", None)
        self.assertIn(b"/private/", self.get("/robots.txt").body)

    def test_reload(self) -> None:
        """nginx is reloaded, and no request is lost."""
        for number in range(60):
            if number % 20 == 5:
                self.nginx.signal(signal.SIGHUP)
            self.assertEqual(self.get("/").status, 200)


class TokensTests(ExampleCase):
    """``examples/llm_tokens``, before a model of which the test chooses the words."""

    def test_each_word(self) -> None:
        """Each word is at the client's before the next is said; a client that leaves is told to the model."""
        # Nothing listens at the other model's port.
        self.run_example("llm_tokens", 8080, 8000, 8001)
        model = self.example.port(8000)
        self.started(Program([require("node", "apt-get install nodejs"), PROGRAMS / "tokens.js", str(model)], model))
        self.start()
        with RawClient(self.port) as client:
            client.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
            self.assertIn(b"text/event-stream", client.head())
            for word in ("The", "answer", "is", "42"):
                self.assertEqual(fetch(model, f"/word?{word}", "POST").status, 200)
                self.assertEqual(client.chunk(), f"data: {word}\n\n".encode())
            self.assertEqual(fetch(model, "/open").body, b"1")
        wait_until(lambda: fetch(model, "/open").body == b"0", PATIENCE, "the model has stopped")
