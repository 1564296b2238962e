"""Applications of real frameworks inside the proxy."""

from __future__ import annotations

import hashlib
import importlib.util
from signal import SIGTERM

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration.app_contract import AppContract
from tests.integration.clients import RawClient, fetch
from tests.integration.support import STOPS_WITHIN, folder, free_port, proxy
from tests.support.messages import get
from tests.support.websockets import ASKED, TEXT, closing, frame


class FlaskTests(AppContract, SynchronousTestCase):
    """Flask, in threads."""

    framework = "flask"
    verb = 'wsgi("tests.integration.programs.flask_app:app")'


class DjangoTests(AppContract, SynchronousTestCase):
    """Django's WSGI handler, in threads."""

    framework = "django"
    verb = 'wsgi("tests.integration.programs.django_app:wsgi")'


class FastAPITests(AppContract, SynchronousTestCase):
    """FastAPI, in a loop of asyncio."""

    framework = "fastapi"
    verb = 'asgi("tests.integration.programs.fastapi_app:app")'

    def test_lifespan(self) -> None:
        """It has started before it is asked, and ends with the proxy."""
        self.own()
        self.assertEqual(self.text("/app/in/a/thread"), "yes")
        ended = folder() / "ended"
        self.assertEqual(self.text(f"/app/ending{ended}"), "noted")
        self.proxy.signal(SIGTERM)
        self.assertEqual(self.proxy.wait(STOPS_WITHIN), 0)
        self.assertEqual(ended.read_text(), "ended")

    def test_websocket(self) -> None:
        """A WebSocket carries a thousand messages there and back."""
        client = self.client()
        client.send(get("/app/socket", *ASKED))
        self.assertEqual(client.response().status, 101)
        sent = [b"message %d" % number for number in range(1000)]
        client.send(b"".join([frame(TEXT, text, masked=True) for text in sent]))
        answers = b"".join([frame(TEXT, text) for text in (b"/app yes", *sent)])
        self.assertEqual(client.some(len(answers)), answers)
        client.send(closing(1000, masked=True))
        self.assertEqual(client.rest(), closing(1000))


class DjangoAsyncTests(AppContract, SynchronousTestCase):
    """Django's ASGI handler, whose views run in threads; it has no lifespan."""

    framework = "django"
    verb = 'asgi("tests.integration.programs.django_app:asgi")'


class StartTests(SynchronousTestCase):
    """An application that cannot start."""

    def test_refuses(self) -> None:
        """The process says why, and ends with 1."""
        port = free_port()
        config = f"""
from pydsl_proxy import server


async def app(scope, receive, send):
    await receive()
    await send({{"type": "lifespan.startup.failed", "message": "no database"}})


proxy = server("tcp:{port}:interface=127.0.0.1").location("/").asgi(app)
"""
        error = self.assertRaises(AssertionError, proxy, config, port)
        self.assertIn("it ended with 1", str(error))
        self.assertIn("cannot start: no database", str(error))


class KleinTests(SynchronousTestCase):
    """Klein, mounted as the resource of twisted.web that it is."""

    def test_answers(self) -> None:
        """It knows where it stands, and reads a body."""
        if importlib.util.find_spec("klein") is None:
            raise SkipTest("klein is not installed: pip install klein")
        port = free_port()
        config = f"""
from pydsl_proxy import http, server
from tests.integration.programs.klein_app import resource

web = server("tcp:{port}:interface=127.0.0.1").location("/app/").mount(resource)
proxy = http(web, access_log=None)
"""
        with proxy(config, port), RawClient(port) as client:
            self.assertEqual(fetch(port, "/app/where?q=a%20b").body, b"/app/where a b 127.0.0.1")
            body = bytes(range(256)) * 4000
            client.send(b"POST /app/echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            self.assertEqual(client.response().body.decode(), f"{len(body)} {hashlib.sha256(body).hexdigest()}")
