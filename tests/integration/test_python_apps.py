"""Applications of real frameworks inside the proxy."""

from __future__ import annotations

import hashlib
import importlib.util

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration.app_contract import AppContract
from tests.integration.clients import RawClient, fetch
from tests.integration.support import free_port, proxy


class FlaskTests(AppContract, SynchronousTestCase):
    """Flask, in threads."""

    framework = "flask"
    verb = 'wsgi("tests.integration.programs.flask_app:app")'


class DjangoTests(AppContract, SynchronousTestCase):
    """Django's WSGI handler, in threads."""

    framework = "django"
    verb = 'wsgi("tests.integration.programs.django_app:wsgi")'


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
