"""Event streams and long polls of Node on real sockets: nothing is held, and who leaves is noticed."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import subprocess
from time import monotonic
from typing import cast

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration.clients import RawClient, fetch
from tests.integration.peers import nginx_with
from tests.integration.support import (
    PATIENCE,
    PROGRAMS,
    Program,
    folder,
    free_port,
    proxy,
    reach,
    require,
    shared,
    wait_until,
)
from tests.support.authorities import Authority
from tests.support.decoding import decoder
from tests.support.events import events_of

POST = b"POST %b HTTP/1.1\r\nHost: a\r\nAccept-Encoding: identity\r\nContent-Length: %d\r\n\r\n%b"
WORDS = [f"word-{number}" for number in range(10)]


def model() -> Program:
    """The peer, which says a word when it is told to."""
    port = free_port()
    return Program([require("node", "apt-get install nodejs"), PROGRAMS / "tokens.js", str(port)], port)


# What could hold bytes, each at a location of its own.
LOCATIONS = {
    "/plain": "",
    "/buffered": ".buffer_response()",
    "/compressed": ".compress()",
    "/flushed": '.compress("gzip", flush=True).heartbeat(5)',
    "/paced": ".limit_rate(100_000)",
    "/pages": '.error_page(500, 502, body="sorry", intercept=True)',
    "/beating": ".heartbeat(5)",
    "/all": ".heartbeat(5).compress(flush=True).buffer_response().limit_rate(100_000)",
}
IMPATIENT = ".timeouts(read=0.5).heartbeat(0.2, silence=30)"


# The other ports of the proxy, by what is spoken there; known when it is started.
PORTS: dict[str, int] = {}


def before_model() -> Program:
    """A proxy."""
    port = free_port()
    PORTS.update(tls=free_port(), h2=free_port())
    certificate = Authority().issue("a.test").save(folder(), "a")
    every = {**LOCATIONS, "/impatient": IMPATIENT}
    locations = "".join(f".location({path!r}){verbs}.proxy_to(model)" for path, verbs in every.items())
    config = f"""
import time
from pydsl_proxy import clients, http, server, tls, upstream

def counted(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    for number in range(3):
        yield b"data: %d\\n\\n" % number
        time.sleep(0.5)

def listen(port):
    return f"tcp:{{port}}:interface=127.0.0.1"

model = upstream("model", "127.0.0.1:{shared(model).port}")
plain = (
    server(listen({port})){locations}
    .location("/counted").heartbeat(0.2).wsgi(counted)
    .location("/").proxy_to(model)
)
secure = server(listen({PORTS["tls"]}), tls=tls{certificate!r}).location("/").proxy_to(model)
h2 = server(listen({PORTS["h2"]}), http2="prior-knowledge"){locations}
proxy = http(plain, secure, h2, access_log=None, shutdown_grace=0, clients=clients(half_close=0.5))
"""
    return proxy(config, port)


class EventsTests(SynchronousTestCase):
    """One stream at a time, without and with each verb that could hold bytes."""

    def setUp(self) -> None:
        """Model and proxy are started once."""
        self.model = shared(model).port
        self.port = shared(before_model).port

    def say(self, word: str) -> None:
        """The model says one more word, and nothing before it is told again."""
        self.assertEqual(fetch(self.model, f"/word?{word}", "POST").status, 200)

    def await_open(self, number: int) -> None:
        """So many wait at the model."""
        wait_until(lambda: int(fetch(self.model, "/open").body) == number, PATIENCE, f"{number} open at the model")

    def test_each_word(self) -> None:
        """Each word is at the client's before the next is said: the model waits until the client has read it."""
        for path in LOCATIONS:
            with RawClient(self.port) as client:
                self.begin(client, path)
                for word in WORDS:
                    self.say(word)
                    self.assertEqual(self.event_of(client), f"data: {word}\n\n".encode(), path)
            self.await_open(0)

    def test_compressed(self) -> None:
        """So it is for one who takes them compressed."""
        with RawClient(self.port) as client:
            client.send(POST.replace(b"identity", b"gzip") % (b"/flushed", 2, b"{}"))
            self.assertIn(b"gzip", client.head())
            self.await_open(1)
            reading = decoder("gzip")
            for word in WORDS:
                self.say(word)
                self.assertEqual(reading(client.chunk()), f"data: {word}\n\n".encode())
        self.await_open(0)

    def test_heartbeats(self) -> None:
        """They come while the model is silent, beyond the read timeout, and stand between the words."""
        with RawClient(self.port) as client:
            self.begin(client, "/impatient")
            for _ in range(5):
                self.assertEqual(self.event_of(client), b":\n\n")
            self.say("late")
            while (event := self.event_of(client)) == b":\n\n":
                pass
            self.assertEqual(event, b"data: late\n\n")
        self.await_open(0)

    def test_in_the_process(self) -> None:
        """They come between the events of an application in the process too."""
        with RawClient(self.port) as client:
            client.send(b"GET /counted HTTP/1.1\r\nHost: a\r\n\r\n")
            client.head()
            stream = b"".join(iter(client.chunk, b""))
        self.assertEqual([event.data for event in events_of(stream)], ["0", "1", "2"])
        self.assertGreaterEqual(stream.count(b":\n\n"), 3)

    def test_through_nginx(self) -> None:
        """An nginx before the proxy, which cuts what is silent for a second, leaves the stream up; another it cuts."""
        program = nginx_with(PROGRAMS / "impatient.nginx.conf", folder(), proxy=self.port)
        self.addCleanup(program.stop)
        with RawClient(program.port) as client:
            self.begin(client)
            self.assertNotIn(b"0\r\n\r\n", client.rest())
        self.await_open(0)
        with RawClient(program.port) as client:
            self.begin(client, "/impatient")
            start = monotonic()
            while monotonic() - start < 2:
                self.assertEqual(self.event_of(client), b":\n\n")
            self.say("late")
            while (event := self.event_of(client)) == b":\n\n":
                pass
            self.assertEqual(event, b"data: late\n\n")
        self.await_open(0)

    def test_browser(self) -> None:
        """A browser's EventSource hears every word and none of the comments between them."""
        command = require("chromium", "apt-get install chromium")
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder()}"]
        browser = subprocess.Popen(
            [command, *options, f"http://127.0.0.1:{self.port}/page?/impatient"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until(lambda: fetch(self.model, "/heard").body, 60, "the browser has heard everything")
        finally:
            browser.terminate()
            browser.wait()
        self.assertEqual(fetch(self.model, "/heard").body, b"one,two,three,four")
        self.await_open(0)

    def test_http2(self) -> None:
        """So it is over HTTP/2, and a client that leaves is noticed at once."""
        command = require("curl", "apt-get install curl")
        if "HTTP2" not in subprocess.run([command, "-V"], capture_output=True, text=True, check=True).stdout:
            raise SkipTest("curl was built without HTTP/2")
        for path in LOCATIONS:
            url = f"http://127.0.0.1:{PORTS['h2']}{path}"
            options = ["--silent", "--no-buffer", "--http2-prior-knowledge", "--noproxy", "*"]
            with subprocess.Popen([command, *options, url], stdout=subprocess.PIPE) as client:
                assert client.stdout is not None
                self.await_open(1)
                for word in WORDS:
                    self.say(word)
                    event = client.stdout.readline() + client.stdout.readline()
                    self.assertEqual(event, f"data: {word}\n\n".encode(), path)
                client.terminate()
            self.await_open(0)

    def test_leaving(self) -> None:
        """A client that closes is noticed although nothing is sent to it, and so is one that resets."""
        for linger in (False, True):
            client = RawClient(self.port)
            self.begin(client)
            if linger:
                # With a time of 0 a close is a reset.
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            self.await_open(0)

    def test_leaving_tls(self) -> None:
        """So it is over TLS, whether the client says that it closes or not."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        for says in (False, True):
            plain = reach(PORTS["tls"])
            client = RawClient(context.wrap_socket(plain))
            self.begin(client)
            if says:
                # It does not wait for the answer, as browsers do not.  The proxy may have ended the connection already.
                client.socket.setblocking(False)
                with contextlib.suppress(ssl.SSLWantReadError, ConnectionResetError):
                    cast(ssl.SSLSocket, client.socket).unwrap()
            client.close()
            self.await_open(0)

    def test_polls(self) -> None:
        """A poll is answered when there is a word; one whose client has left waits no more."""
        with RawClient(self.port) as client:
            client.send(POST % (b"/plain", 4, b"poll"))
            self.await_open(1)
            self.say("news")
            self.assertEqual(client.response().body, b"news")
        with RawClient(self.port) as client:
            client.send(POST % (b"/plain", 4, b"poll"))
            self.await_open(1)
        self.await_open(0)

    def begin(self, client: RawClient, path: str = "/plain") -> None:
        """The stream is up at both ends."""
        client.send(POST % (path.encode(), 2, b"{}"))
        self.assertIn(b"text/event-stream", client.head())
        self.await_open(1)

    def event_of(self, client: RawClient) -> bytes:
        """One event, in one chunk or several."""
        event = b""
        while not event.endswith(b"\n\n"):
            event += client.chunk()
        return event
