"""Tests of CDN-Loop."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.fields.cdn_loop import MAX_HOPS, has_looped
from pydsl_proxy.wire.http.head import Fields
from tests.support.cost import ONE_MILLISECOND, instructions


class LoopTests(SynchronousTestCase):
    """How often a request has come through proxies of ours."""

    def test_members(self) -> None:
        """Members of the name count, in any case and with parameters (RFC 8586 2); others do not."""
        ours = (b"pydsl_proxy", b" PyDSL_Proxy ", b"pydsl_proxy;v=1", b"pydsl_proxy ; v=1")
        others = (b"x", b"", b"pydsl_proxy2", b"my pydsl_proxy", b"x;pydsl_proxy")
        for times, expected in ((MAX_HOPS - 1, False), (MAX_HOPS, True)):
            for own in ours:
                value = b",".join([own] * times + list(others) * MAX_HOPS)
                self.assertEqual(has_looped(Fields(b"\r\nCDN-Loop:" + value)), expected, own)
        self.assertTrue(has_looped(Fields(b"\r\nCDN-Loop: pydsl_proxy" * MAX_HOPS)))
        self.assertFalse(has_looped(Fields(b"\r\nHost: a")))

    def test_cost(self) -> None:
        """A long list costs no step for each member."""
        for part in (b",", b" ,", b"a,", b";,", b"pydsl_proxy,"):
            fields = Fields(b"\r\nCDN-Loop: " + part * (30_000 // len(part)))
            self.assertLess(instructions(lambda fields=fields: has_looped(fields)), ONE_MILLISECOND / 20, part)  # type: ignore[misc]  # a lambda's own
