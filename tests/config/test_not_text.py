"""Objects that are no text where a text stands."""

from __future__ import annotations

import re
from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import (
    Request,
    exact,
    hash_by,
    header,
    host,
    ip_hash,
    least_conn,
    named,
    peer,
    prefix,
    random_one,
    random_two,
    regex,
    round_robin,
    server,
    upstream,
)
from tests.support.failing import mistake


class Called:
    """An instance that can be called."""

    def __call__(self, request: Request) -> str:
        raise NotImplementedError


class CalledLater:
    """One whose call is a coroutine."""

    async def __call__(self, request: Request) -> str:
        raise NotImplementedError


async def later(request: Request) -> str:
    """A coroutine function."""
    raise NotImplementedError


PLACE = server(80).location("/")


class ObjectTests(SynchronousTestCase):
    """What Python writes of an object is refused, with what to write."""

    def test_default_text(self) -> None:
        """In every text: of a body, a field, a media type and a condition."""
        for thing in (Called(), object(), Called().__call__, re, Called):
            text = f"a-{thing}"
            for made in (
                lambda text=text: PLACE.respond(200, text),
                lambda text=text: PLACE.set_request_header("X", text),
                lambda text=text: PLACE.when(header("x").equals(text)),
                lambda text=text: PLACE.when(header("x").is_in(["a", text])),
                lambda text=text: PLACE.respond(200, b"", content_type=text),
            ):
                message, hint = mistake(made)
                self.assertIn("is what Python writes of an object", message)
                self.assertIn("lambda request", hint or "")

    def test_text(self) -> None:
        """Other texts in angle brackets are texts."""
        for text in ("<html>at home</html>", "<module name='x'/>", "<b at 5>", "<class>"):
            PLACE.respond(200, text)

    def test_parts_of_a_configuration(self) -> None:
        """A part of a configuration is no text either."""
        for part in (
            least_conn(),
            ip_hash(),
            round_robin(),
            random_one(),
            random_two(),
            hash_by(host),
            peer("a:1"),
            upstream("a", "a:1"),
            exact("/x"),
            prefix("/x"),
            regex("x"),
            named("x"),
            host.equals("x"),
            host.exists() & ~host.equals("x"),
            server(80),
            PLACE,
        ):
            message, hint = mistake(partial("{}".format, part))
            self.assertIn("is no text and no value", message)
            self.assertIn("write a value such as host", hint or "")

    def test_coroutines(self) -> None:
        """A coroutine function stands for no value, since a request does not wait for one."""
        for function in (later, partial(later), CalledLater()):
            for made in (
                lambda function=function: PLACE.set_request_header("X", function),
                lambda function=function: PLACE.respond(200, function),
                lambda function=function: PLACE.redirect_to(function),
                lambda function=function: PLACE.limit_connections(1, key=function),
                lambda function=function: PLACE.error_page(404, to=function),
                lambda function=function: PLACE.when(function),
            ):
                self.assertIn("is a coroutine", mistake(made)[0])
