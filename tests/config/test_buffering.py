"""Tests of the verbs that buffer, and of the one that ignores fields."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import GiB, KiB, MiB, http, named, server
from pydsl_proxy.config.checks.whole import check
from pydsl_proxy.features.accel_fields import ignored_fields
from tests.support.failing import mistake


class SpellingTests(SynchronousTestCase):
    """As written."""

    def test_code(self) -> None:
        """What is as by default is left out."""
        web = (
            server(80)
            .buffer_response()
            .buffer_request(1 * MiB, memory=16 * KiB)
            .buffer_response(None)
            .buffer_response(2 * GiB, spool=Path("/var/spool"))
            .buffer_request(spool=None)
            .ignore_response_header("x-accel-redirect", "X-Accel-Buffering")
        )
        self.assertEqual(
            repr(web),
            "server(80).buffer_response().buffer_request(1048576, memory=16384).buffer_response(None)"
            ".buffer_response(2147483648, spool='/var/spool').buffer_request(spool=False)"
            ".ignore_response_header('X-Accel-Redirect', 'X-Accel-Buffering')",
        )
        self.assertEqual(eval(repr(web), {"server": server}), web)


class MistakeTests(SynchronousTestCase):
    """What is no size, directory or field."""

    def test_sizes(self) -> None:
        """Sizes are bytes, at least one."""
        for verb in ("buffer_response", "buffer_request"):
            buffer = getattr(server(80), verb)
            self.assertEqual(mistake(buffer, cast("int", "8m"))[1], "write 8 * MiB")
            self.assertIn(f"{verb}(size) must be 1 or more", mistake(buffer, 0)[0])
            self.assertIn(f"{verb}(memory=…) must be 1 or more", mistake(buffer, memory=0)[0])
            self.assertIn(f"{verb}(spool=…) must be a directory", mistake(buffer, spool=3)[0])
            self.assertIn(f"{verb}(None, …): None lifts", mistake(buffer, None, memory=3)[0])
            self.assertIn(f"{verb}(None, …): None lifts", mistake(buffer, None, spool=False)[0])

    def test_fields(self) -> None:
        """Only what has an effect can be ignored."""
        message, hint = mistake(server(80).ignore_response_header, "Set-Cookie")
        self.assertIn("'Set-Cookie'", message)
        self.assertIn(".hide_response_header()", str(hint))
        self.assertIn("which field", mistake(server(80).ignore_response_header)[0])
        self.assertIn("3", mistake(server(80).ignore_response_header, cast("str", 3))[0])

    def test_scopes_add_up(self) -> None:
        """Inner scopes ignore what outer ones do."""
        features = server(80).ignore_response_header("X-Accel-Redirect").ignore_response_header("x-accel-charset")
        self.assertEqual(ignored_fields(features.features), frozenset({b"x-accel-redirect", b"x-accel-charset"}))


class SpoolTests(SynchronousTestCase):
    """Directories that are not there yet."""

    def test_warned_of(self) -> None:
        """Each scope's, as warnings: the configuration may be used."""
        web = (
            server(80)
            .buffer_response(spool="/nowhere/a")
            .location("/")
            .buffer_request(spool="/nowhere/b")
            .buffer_response()
            .respond(200)
        )
        warnings = check(http(web).buffer_request(spool="/nowhere/c"))
        self.assertTrue(all(each.warning for each in warnings))
        self.assertEqual(
            [each.message for each in warnings],
            [
                "buffer_request(spool='/nowhere/c'): there is no directory '/nowhere/c'",
                "buffer_response(spool='/nowhere/a'): there is no directory '/nowhere/a'",
                "buffer_request(spool='/nowhere/b'): there is no directory '/nowhere/b'",
            ],
        )
        self.assertIn("500", str(warnings[0].hint))
        self.assertIn("beyond the memory", str(warnings[1].hint))

    def test_there(self) -> None:
        """One that is there is not."""
        folder = Path(self.mktemp())
        folder.mkdir()
        self.assertEqual(check(http(server(80).buffer_response(spool=folder).location("/").respond(200))), [])


class NamedTests(SynchronousTestCase):
    """Named locations, to which peers may lead by X-Accel-Redirect."""

    def test_led_to_by_peers(self) -> None:
        """No warning where one may; where it is ignored, nothing leads there."""
        web = server(80).location(named("x")).respond(200)
        self.assertEqual(check(http(web.location("/").proxy_to("a:1"))), [])
        ignored = web.location("/").ignore_response_header("X-Accel-Redirect").proxy_to("a:1")
        self.assertEqual([each.warning for each in check(http(ignored))], [True])
