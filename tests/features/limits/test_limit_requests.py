"""Tests of what ``.limit_requests()`` takes; what it does is in the conversations."""

from __future__ import annotations

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import client_address, header, host, http, location, server
from pydsl_proxy.config.features import merged, steps_of
from pydsl_proxy.features.limits.limit_body import LimitBody
from pydsl_proxy.features.limits.limit_requests import LimitRequests
from tests.support.failing import mistake


class VerbTests(SynchronousTestCase):
    """The call."""

    def test_code(self) -> None:
        """Its repr is the call, without what is as by default."""
        calls = [
            "limit_requests('10/s')",
            "limit_requests('5/h', key=client_address, burst=4)",
            "limit_requests('10/s', key=header('x-key'), burst=20, delay=0, status=503, shadow=True, keys=5)",
            "limit_requests('10/s', key=f\"{host}{client_address}\")",
            "limit_requests('10/s', key='all')",
        ]
        names = {"header": header, "host": host, "client_address": client_address}
        for code in calls:
            made = eval(f"server.{code}", {"server": server(80), **names})
            self.assertEqual(made.features[0].as_verb(), code)

    def test_mistakes(self) -> None:
        """What cannot be meant is refused, with what to write."""
        limit = server(80).limit_requests
        self.assertIn('limit_requests("10/s")', mistake(limit, "10r/s")[1] or "")
        self.assertEqual(mistake(limit, "1/s", burst=-1)[0], "limit_requests(burst=…) must be 0 or more, not -1")
        self.assertEqual(mistake(limit, "1/s", keys=0)[0], "limit_requests(keys=…) must be 1 or more, not 0")
        self.assertEqual(mistake(limit, "1/s", burst=2, delay=3)[1], "leave delay out, or write burst=4")
        self.assertEqual(mistake(limit, "1/s", key="")[1], 'one key for all: write key="all"')
        self.assertIn("header needs a name", mistake(limit, "1/s", key=cast("str", header))[0])
        for status in (200, 399, 600, cast("int", "429"), True):
            self.assertIn("a status between 400 and 599", mistake(limit, "1/s", status=status)[0])
        limit("1/s", burst=2, delay=2, status=503)


class TogetherTests(SynchronousTestCase):
    """Several limits at one location."""

    def test_place(self) -> None:
        """They stand together where the first of them is, in the order of the scopes."""
        place = location("/").limit_requests("3/s").limit_body(8).limit_requests("4/s").respond(200)
        web = server(80).limit_body(5).limit_requests("2/s").including(place)
        steps = steps_of(merged(http(web).limit_requests("1/s"), web, place))
        rates = [step.rate if isinstance(step, LimitRequests) else step for step in steps]
        self.assertEqual(rates, ["1/s", "2/s", "3/s", "4/s", LimitBody(8)])
