"""Tests of what applications are told of a request."""

from __future__ import annotations

import re
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.interfaces import Exchange
from pydsl_proxy.values.request import Request
from pydsl_proxy.values.value import as_bytes
from pydsl_proxy.wire.cgi.params import CgiParams, Param
from pydsl_proxy.wire.cgi.script_paths import ScriptPaths
from pydsl_proxy.wire.connection.forwarded import Identity
from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http.uri import normalised_path
from pydsl_proxy.wire.http1.reader import read_request_fields

ROOT = ScriptPaths(b"/srv", b"index.php", re.compile(rb"^(.+?\.php)(/.*)$"))


class Asked:
    """A request, as params are made of it."""

    minor = 1
    user = ""

    def __init__(
        self, target: bytes = b"/a.php", section: bytes = b"\r\nHost: a.test", *, scheme: str = "http", port: int = 5000
    ) -> None:
        self.method = b"GET"
        self.target = self.peer_target = target
        self.path = normalised_path(target)
        self.fields = read_request_fields(section, 100)
        self.identity = Identity("192.0.2.1", port, scheme, 8080, server_address="192.0.2.9")

    @property
    def request(self) -> Request:
        """As text."""
        return Request(cast(Exchange, self), "192.0.2.1", 5000, "http", "a.test", self.path, 8080)


def told(
    asked: Asked, scripts: ScriptPaths | None = ROOT, own: tuple[Param, ...] = (), params: CgiParams | None = None
) -> dict[str, str]:
    """The params of *asked*; no name stands there twice."""
    params = params or CgiParams(lambda name, value: b"%b=%b\n" % (name, value), scripts, own)
    head = b"GET / HTTP/1.1" + asked.fields.raw + b"\r\n\r\n"
    lines = b"".join(params.parts(asked, head)).decode().splitlines()
    pairs = [line.partition("=")[::2] for line in lines]
    assert len({name for name, _ in pairs}) == len(pairs), pairs
    return dict(pairs)


class ParamTests(SynchronousTestCase):
    """Names and values."""

    def test_nginx(self) -> None:
        """All that nginx's fastcgi_params has, but for a REMOTE_USER that nobody has checked."""
        self.assertEqual(
            told(Asked(b"/a%20b.php/c?d=e%20")),
            {
                "QUERY_STRING": "d=e%20",
                "REQUEST_METHOD": "GET",
                "CONTENT_TYPE": "",
                "CONTENT_LENGTH": "",
                "SCRIPT_NAME": "/a b.php",
                "SCRIPT_FILENAME": "/srv/a b.php",
                "PATH_INFO": "/c",
                "REQUEST_URI": "/a%20b.php/c?d=e%20",
                "DOCUMENT_URI": "/a b.php/c",
                "DOCUMENT_ROOT": "/srv",
                "SERVER_PROTOCOL": "HTTP/1.1",
                "REQUEST_SCHEME": "http",
                "GATEWAY_INTERFACE": "CGI/1.1",
                "SERVER_SOFTWARE": "pydsl_proxy",
                "REMOTE_ADDR": "192.0.2.1",
                "REMOTE_PORT": "5000",
                "SERVER_ADDR": "192.0.2.9",
                "SERVER_PORT": "8080",
                "SERVER_NAME": "a.test",
                "REDIRECT_STATUS": "200",
                "HTTP_HOST": "a.test",
            },
        )

    def test_protocol(self) -> None:
        """As nginx tells it."""
        for minor, protocol in enumerate(("HTTP/1.0", "HTTP/1.1", "HTTP/2.0")):
            asked = Asked()
            asked.minor = minor
            self.assertEqual(told(asked)["SERVER_PROTOCOL"], protocol)

    def test_https(self) -> None:
        """HTTPS is there, and on, or it is not there."""
        self.assertNotIn("HTTPS", told(Asked()))
        secure = told(Asked(scheme="https"))
        self.assertEqual((secure["HTTPS"], secure["REQUEST_SCHEME"]), ("on", "https"))

    def test_body(self) -> None:
        """Its length and type, if there is one."""
        asked = told(Asked(section=b"\r\nHost: a\r\nContent-Type: text/a\r\nContent-Length: 0"))
        self.assertEqual((asked["CONTENT_LENGTH"], asked["CONTENT_TYPE"]), ("0", "text/a"))

    def test_user(self) -> None:
        """A user whose password was checked is told."""
        asked = Asked()
        asked.user = "bob"
        known = told(asked)
        self.assertEqual((known["REMOTE_USER"], known["AUTH_TYPE"]), ("bob", "Basic"))
        self.assertNotIn("REMOTE_USER", told(Asked()))

    def test_unknown(self) -> None:
        """A client on a UNIX socket has no port, and one that named no host is told our address."""
        asked = told(Asked(section=b"", port=0))
        self.assertEqual((asked["REMOTE_PORT"], asked["SERVER_NAME"]), ("", "192.0.2.9"))

    def test_rewritten(self) -> None:
        """The script is that of the target for peers; REQUEST_URI stays the client's."""
        asked = Asked(b"/old?a=1")
        asked.peer_target = b"/new.php/%41/../x?b=2"
        known = told(asked)
        self.assertEqual(known["SCRIPT_FILENAME"], "/srv/new.php")
        self.assertEqual((known["PATH_INFO"], known["DOCUMENT_URI"]), ("/x", "/new.php/x"))
        self.assertEqual((known["QUERY_STRING"], known["REQUEST_URI"]), ("b=2", "/old?a=1"))

    def test_below_root(self) -> None:
        """No spelling of a path leads out of the root, and none has a NUL."""
        for target in (b"/../etc/passwd", b"/%2e%2e/x.php", b"/a/..%2f../x.php", b"/a%00.php", b"/a.php/../../x"):
            asked = Asked()
            asked.peer_target = target
            with self.assertRaises(Malformed):
                told(asked)
        self.assertEqual(told(Asked(b"/a/%2e%2e/b//c.php"))["SCRIPT_FILENAME"], "/srv/b/c.php")

    def test_application(self) -> None:
        """Without scripts there is one application for all paths."""
        known = told(Asked(b"/a%2Fb?c"), None)
        self.assertEqual((known["SCRIPT_NAME"], known["PATH_INFO"]), ("", "/a/b"))
        self.assertEqual({"DOCUMENT_ROOT", "SCRIPT_FILENAME", "REDIRECT_STATUS"} & {*known}, set())

    def test_unsplit(self) -> None:
        """Without a pattern there is no PATH_INFO, as in nginx."""
        self.assertNotIn("PATH_INFO", told(Asked(b"/a.php/b"), ScriptPaths(b"/srv")))

    def test_script(self) -> None:
        """The file alone, to look whether it is there."""
        params = CgiParams(lambda name, value: b"", ROOT)
        self.assertEqual(params.script(Asked(b"/a/")), b"/srv/a/index.php")


class OwnTests(SynchronousTestCase):
    """Params of the configuration."""

    def test_added(self) -> None:
        """Texts, values and functions; what is empty is told too, as nginx does."""
        own: tuple[Param, ...] = (
            (b"APP_ENV", "production"),
            (b"QUERY", as_bytes(lambda request: request.query("q"))),
            (b"EMPTY", ""),
        )
        known = told(Asked(b"/a.php?q=%C3%A9"), own=own)
        self.assertEqual((known["APP_ENV"], known["QUERY"], known["EMPTY"]), ("production", "é", ""))

    def test_changed(self) -> None:
        """They take the place of what has their name, whatever it is made of; None leaves it out."""
        own: tuple[Param, ...] = (
            (b"HTTP_HOST", "b.test"),
            (b"SERVER_NAME", as_bytes(lambda request: "c.test")),
            (b"DOCUMENT_ROOT", "/var"),
            (b"CONTENT_TYPE", "text/b"),
            (b"SERVER_SOFTWARE", None),
            (b"REMOTE_PORT", None),
            (b"HTTP_X", None),
        )
        known = told(Asked(section=b"\r\nHost: a.test\r\nX: 1"), own=own)
        self.assertEqual(
            (known["HTTP_HOST"], known["SERVER_NAME"], known["CONTENT_TYPE"]), ("b.test", "c.test", "text/b")
        )
        self.assertEqual(known["DOCUMENT_ROOT"], "/var")
        self.assertEqual({"SERVER_SOFTWARE", "REMOTE_PORT", "HTTP_X"} & {*known}, set())

    def test_nul(self) -> None:
        """A NUL, which would end a value of SCGI, is none."""
        own: tuple[Param, ...] = ((b"Q", as_bytes(lambda request: request.query("q"))),)
        self.assertEqual(told(Asked(b"/?q=a%00b"), own=own)["Q"], "a b")


class MemoTests(SynchronousTestCase):
    """What is kept of a section."""

    def test_kept(self) -> None:
        """Nothing in it depends on the rest of the request."""
        params = CgiParams(lambda name, value: b"%b=%b\n" % (name, value), ROOT)
        for _ in range(3):
            for target, method in ((b"/a.php?x=1", b"GET"), (b"/b.php", b"PUT")):
                asked = Asked(target)
                asked.method = method
                known = told(asked, params=params)
                self.assertEqual((known["REQUEST_METHOD"], known["REQUEST_URI"]), (method.decode(), target.decode()))
                self.assertEqual(known["HTTP_HOST"], "a.test")
