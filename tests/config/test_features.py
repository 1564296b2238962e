"""Tests of features as a whole: their verbs, their order and the steps they come to."""

from __future__ import annotations

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http, location, server
from pydsl_proxy.config.features import filters_of, merged, steps_of
from pydsl_proxy.features.limits.limit_body import LimitBody
from pydsl_proxy.interfaces import FilterOrder
from tests.support.failing import mistake


class FeaturesTests(SynchronousTestCase):
    """What every scope shares."""

    def test_order(self) -> None:
        """Outer features come first, those of a scope in the order of its chain."""
        place = location("/").limit_body(1).timeouts(read=1).respond(200)
        web = server(80).retry(2).including(place)
        verbs = [feature.as_verb() for feature in merged(http(web).timeouts(send=1), web, place)]
        self.assertEqual(verbs, ["timeouts(send=1)", "retry(2)", "limit_body(1)", "timeouts(read=1)"])

    def test_origin(self) -> None:
        """A feature remembers the line of its verb, not that of its scope."""
        made = server(80)
        made = made.timeouts(read=1)
        self.assertEqual(made.features[0].origin.line, made.origin.line + 1)

    def test_steps(self) -> None:
        """The innermost limit of the body holds; None lifts it."""
        self.assertEqual(steps_of(()), ())
        features = server(80).limit_body(5).limit_body(8).features
        self.assertEqual(steps_of(features), (LimitBody(8),))
        self.assertEqual(steps_of((*features, LimitBody(None))), (LimitBody(None),))

    def test_joined(self) -> None:
        """Filters that have a function for it become one, with all of them."""
        scope = server(80).set_cookie_flags(secure=True).rewrite_cookie_path({"/": "/a"}).error_page(404, body="x")
        filters = filters_of(scope.features)
        self.assertEqual([each.nearness for each in filters], [FilterOrder.OWN, FilterOrder.INTERCEPT])

    def test_size(self) -> None:
        """A size is a number of bytes."""
        self.assertEqual(mistake(server(80).limit_body, cast("int", "8m"))[1], "write 8 * MiB")
