"""Applications in the process, asked over HTTP/2."""

from __future__ import annotations

from itertools import repeat
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import server
from pydsl_proxy.handlers.asgi.types import Receive, Send
from pydsl_proxy.testing import run
from tests.support.asgi_apps import body, http_only, start, whole_body
from tests.support.h2 import AGREED, TLS, H2Client, serve
from tests.support.wsgi_apps import Kept, Pieces, answering, body_of


class H2Tests(SynchronousTestCase):
    """What differs is the protocol's name, and that streams share a connection."""

    def test_wsgi(self) -> None:
        """The environment, a body and an answer."""
        kept = Kept()
        web = server(443, tls=TLS, http2=True).location("/kept").wsgi(kept)
        web = web.location("/").wsgi(answering(lambda environ: [body_of(environ).read()]))
        client, _, _ = serve(web)
        self.assertEqual(client.ask("GET", "/kept").status, 200)
        environ = kept.environs[0]
        self.assertEqual((environ["SERVER_PROTOCOL"], environ["HTTP_HOST"]), ("HTTP/2.0", "x.test"))
        self.assertEqual(environ["wsgi.url_scheme"], "https")
        self.assertEqual(client.ask("POST", "/", body=b"abc").body, b"abc")

    def test_asgi(self) -> None:
        """The scope, a body and an answer."""
        scopes: list[dict[str, object]] = []

        async def answer(scope: dict[str, object], receive: Receive, send: Send) -> None:
            scopes.append(scope)
            received = await whole_body(receive)
            await send(start())
            await send(body(received))

        client, _, _ = serve(server(443, tls=TLS, http2=True).location("/").asgi(http_only(answer)))
        self.assertEqual(client.ask("POST", "/", body=b"abc").body, b"abc")
        self.assertEqual((scopes[0]["http_version"], scopes[0]["scheme"]), ("2", "https"))
        self.assertIn((b"host", b"x.test"), cast("list[object]", scopes[0]["headers"]))

    def test_bounded(self) -> None:
        """The client's window stops the application; a stream that is given up ends it."""
        pieces = Pieces(repeat(bytes(10_000)))
        web = server(443, tls=TLS, http2=True).location("/").wsgi(answering(lambda environ: pieces))
        client = H2Client(run(web, handshake=AGREED)[0], takes=False)
        stream = client.begin()
        self.assertLess(pieces.made, 60)
        self.assertGreater(len(client.answers[stream].body), 50_000)
        client.reset(stream)
        self.assertEqual(pieces.closed, 1)
