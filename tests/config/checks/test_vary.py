"""Tests of the check that caches are told what compressed responses depend on."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import Server, header, http, server
from pydsl_proxy.config.checks.vary import check_vary


def warnings(web: Server) -> list[tuple[str, str | None]]:
    """What is told, and the hints."""
    found = [each for each in check_vary(http(web)) if each is not None]
    assert all(each.warning for each in found)
    return [(each.message, each.hint) for each in found]


class VaryCheckTests(SynchronousTestCase):
    """A Vary that is set where responses are compressed."""

    def test_hidden(self) -> None:
        """It must name Accept-Encoding."""
        for value, hint in (("Origin", 'write "Origin, Accept-Encoding"'), ("", 'write "Accept-Encoding"')):
            web = server(80).compress().location("/").set_response_header("VARY", value).respond(200)
            text = f"set_response_header('VARY', {value!r}) hides the Vary of .compress() from caches"
            self.assertEqual(warnings(web), [(text, hint)])
        web = server(80).compress().location("/").hide_response_header("Vary").respond(200)
        self.assertEqual([hint for _, hint in warnings(web)], ["take it out"])

    def test_once(self) -> None:
        """One line is told once, however many locations inherit it."""
        web = server(80).compress().set_response_header("Vary", "Origin").location("/").respond(200)
        self.assertEqual(len(warnings(web.location("/a").respond(200))), 1)

    def test_fine(self) -> None:
        """All is well if it names the field, or if it is not known, or if nothing is compressed."""
        opened = server(80).location("/")
        for location in (
            opened.compress().set_response_header("Vary", "Origin,accept-encoding"),
            opened.compress().set_response_header("Vary", "*"),
            opened.compress().set_response_header("Vary", header("x-vary")),
            opened.compress().set_response_header("X-Vary", "Origin"),
            opened.compress().set_request_header("Vary", "Origin"),
            opened.compress().hide_response_header("Vary").set_response_header("Vary", "Accept-Encoding"),
            opened.compress(None).hide_response_header("Vary"),
            opened.hide_response_header("Vary"),
        ):
            self.assertEqual(warnings(location.respond(200)), [], location)
