"""The proxy before uWSGI, which speaks uwsgi, SCGI and FastCGI."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, partial
from hashlib import sha256
from random import Random
from typing import ClassVar

from twisted.trial.unittest import SynchronousTestCase

from tests.integration import applications
from tests.integration.clients import RawClient, fetch
from tests.integration.peers import nginx_with
from tests.integration.support import PROGRAMS, Program, folder, free_port, proxy, shared
from tests.support.authorities import Authority

UWSGI, SCGI, FASTCGI = (partial(applications.uwsgi, protocol) for protocol in ("uwsgi", "scgi", "fastcgi"))


def before(application: Callable[[], Program], via: str) -> Callable[[], Program]:
    """What starts a proxy before *application*, which is started too."""

    def start() -> Program:
        port = free_port()
        config = f"""
from pydsl_proxy import fastcgi, http, scgi, server, upstream, uwsgi

app = upstream("app", "127.0.0.1:{shared(application).port}", via={via}(params={{"APP_ENV": "tests"}}))
web = server("tcp:{port}:interface=127.0.0.1").location("/").proxy_to(app)
proxy = http(web, access_log=None, shutdown_grace=1)
"""
        return proxy(config, port)

    return start


class UwsgiTests(SynchronousTestCase):
    """uwsgi."""

    start: ClassVar[Callable[[], Program]] = staticmethod(before(UWSGI, "uwsgi"))

    def setUp(self) -> None:
        """Proxy and application are started by the first test of a class."""
        self.port = shared(type(self).start).port

    def test_told(self) -> None:
        """The variables are those of WSGI."""
        told = json.loads(fetch(self.port, "/a%20b/?c=d%20", fields={"X-One": "1", "Proxy": "evil"}).body)
        self.assertEqual((told["SCRIPT_NAME"], told["PATH_INFO"], told["QUERY_STRING"]), ("", "/a b/", "c=d%20"))
        self.assertEqual((told["REQUEST_METHOD"], told["REMOTE_ADDR"]), ("GET", "127.0.0.1"))
        self.assertEqual((told["HTTP_X_ONE"], told["APP_ENV"], told["wsgi.url_scheme"]), ("1", "tests", "http"))
        self.assertNotIn("HTTP_PROXY", told)

    def test_status(self) -> None:
        """With its phrase."""
        answer = fetch(self.port, "/none")
        self.assertEqual((answer.status, answer.fields["content-type"]), (404, "text/plain"))

    def test_upload(self) -> None:
        """20 MB."""
        body = Random(1).randbytes(20_000_000)
        self.assertEqual(fetch(self.port, "/upload", "POST", body).body.decode(), sha256(body).hexdigest())

    def test_large(self) -> None:
        """100 MB of a length that nobody declares."""
        body = fetch(self.port, "/large").body
        self.assertEqual((len(body), body[-10:]), (100_000_000, b"0123456789"))


@cache
def issued() -> tuple[str, str, str]:
    """An authority, and a certificate of it with its key."""
    files, authority = folder(), Authority()
    return (authority.save(files), *authority.issue("localhost").save(files, "good"))


def suwsgi() -> Program:
    """uWSGI speaking uwsgi over TLS."""
    return applications.uwsgi("suwsgi", issued()[1:])


def before_suwsgi() -> Program:
    """A proxy before it."""
    port, there = free_port(), shared(suwsgi).port
    config = f"""
from pydsl_proxy import http, server, upstream, upstream_tls, uwsgi

terms = upstream_tls(ca="{issued()[0]}", name="localhost")
app = upstream("app", "127.0.0.1:{there}", via=uwsgi(params={{"APP_ENV": "tests"}}), tls=terms)
web = server("tcp:{port}:interface=127.0.0.1").location("/").proxy_to(app)
proxy = http(web, access_log=None, shutdown_grace=1)
"""
    return proxy(config, port)


class SuwsgiTests(UwsgiTests):
    """uwsgi over TLS: uWSGI sends no close_notify, and the end of the connection is that of the response."""

    start = staticmethod(before_suwsgi)


class ScgiTests(UwsgiTests):
    """SCGI."""

    start = staticmethod(before(SCGI, "scgi"))


class FastCgiTests(UwsgiTests):
    """FastCGI, of an application that is no script."""

    start = staticmethod(before(FASTCGI, "fastcgi"))


class NginxTests(SynchronousTestCase):
    """What an application is told, beside what nginx tells it by the params that it comes with."""

    # nginx has a root where there are no scripts, a field of the hop, and tells of a body twice.
    NGINX: ClassVar[set[str]] = {"DOCUMENT_ROOT", "HTTP_CONNECTION", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"}
    DIFFER: ClassVar[set[str]] = {"REMOTE_PORT", "SERVER_PORT"}

    def told(self, port: int, request: bytes) -> dict[str, str]:
        """What the application says that it was told."""
        with RawClient(port) as client:
            client.send(request)
            answer = client.response()
        self.assertEqual(answer.status, 200, (request, answer.body))
        told: dict[str, str] = json.loads(answer.body)
        return told

    def test_params(self) -> None:
        """All that nginx tells, and the same; PATH_INFO where nginx's scgi_params leave it out."""
        words = {"uwsgi": shared(UWSGI).port, "scgi": shared(SCGI).port}
        nginx = nginx_with(PROGRAMS / "uwsgi_and_scgi.nginx.conf", folder(), **words)
        self.addCleanup(nginx.stop)
        for protocol, start in (("uwsgi", UwsgiTests.start), ("scgi", ScgiTests.start)):
            for line, rest in (
                ("GET /{}/a%20b/%2F?c=%20 HTTP/1.1", b"X-One: 1\r\nCookie: a=b\r\nAuthorization: Basic Ym9iOmI=\r\n"),
                ("POST /{} HTTP/1.1", b"Content-Length: 0\r\nContent-Type: text/plain\r\n"),
                ("GET /{} HTTP/1.0", b"Connection: close\r\n"),
            ):
                request = line.format(protocol).encode() + b"\r\nHost: a.test\r\n" + rest + b"\r\n"
                ours, theirs = self.told(shared(start).port, request), self.told(nginx.port, request)
                self.assertEqual({*theirs} - {*ours} - self.NGINX, set(), line)
                unlike = {name: (ours[name], value) for name, value in theirs.items() if ours.get(name, value) != value}
                self.assertEqual({*unlike} - self.DIFFER, set(), (line, unlike))
