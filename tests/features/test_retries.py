"""Tests of retries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import location, server
from pydsl_proxy.config.features import merged
from pydsl_proxy.features.retries import DEFAULT_RETRY, Retry, RetryCondition, retry_of
from tests.support.failing import mistake


def conditions(wrong: object) -> Iterable[RetryCondition]:
    """What are no conditions, past the type checker."""
    return cast("Iterable[RetryCondition]", wrong)


class RetryTests(SynchronousTestCase):
    """Which policy is in force."""

    def test_default(self) -> None:
        """Only what cannot have reached a peer is repeated."""
        self.assertEqual(retry_of(()), DEFAULT_RETRY)
        self.assertEqual(DEFAULT_RETRY, Retry(None, on=("connect",), timeout=None, non_idempotent=False))

    def test_nginx_default_conditions(self) -> None:
        """``.retry()`` alone is nginx's ``proxy_next_upstream error timeout``."""
        self.assertEqual(retry_of(server(80).retry().features).on, ("error", "timeout"))

    def test_inner_replaces(self) -> None:
        """A policy is one whole: an inner one replaces the outer one."""
        place = location("/").retry(2, on=[503]).respond(200)
        features = merged(server(80).retry(timeout=3, non_idempotent=True), place)
        self.assertEqual(retry_of(features), Retry(2, on=(503,)))

    def test_mistakes(self) -> None:
        """nginx's words are told in ours."""
        for wrong, hint in (
            (["http_503"], "write 503"),
            (["503"], "write 503"),
            (["off"], "write .retry(1) for no retry"),
            (["non_idempotent"], "write non_idempotent=True beside on=…"),
            (["timeouts"], "write 'timeout'"),
            ("error", 'write on=["error"]'),
            (503, "write on=[503]"),
        ):
            self.assertEqual(mistake(server(80).retry, on=conditions(wrong))[1], hint)
        stranger: tuple[object, ...] = ([501], [True], [None], [[]])
        for strange in stranger:
            self.assertIn("is not a condition", mistake(server(80).retry, on=conditions(strange))[0])
        self.assertIn("the first try counts too", mistake(server(80).retry, 0)[0])
        self.assertIn("1 or more", mistake(server(80).retry, -1)[0])
        self.assertIn("more than 0 seconds", mistake(server(80).retry, timeout=0)[0])
