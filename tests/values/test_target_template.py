"""Tests of targets and replacements that are made of texts and values."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import header, host, map_value, path, query_string, request_uri
from pydsl_proxy.values.rewrite_template import as_replacement, groups_of
from pydsl_proxy.values.target_template import as_target
from pydsl_proxy.values.value import as_value
from pydsl_proxy.wire.http.uri import BadPath, escape, normalise, unresolved
from tests.support.requests import request

ASKED = request(b"GET", b"/a%3Fb%25/%E9?x=%20&y", "x-a: a b?#%", "x-up: a/../b")
OCTETS = st.binary(min_size=1, max_size=12).map(lambda tail: b"/" + tail)


class TargetTests(SynchronousTestCase):
    """Where error pages lead."""

    def test_text(self) -> None:
        """A text stands as it is, with what may not stand in a target percent-encoded."""
        self.assertEqual(as_target(as_value("/a%20b?c"))(ASKED), b"/a%20b?c")
        self.assertEqual(as_target(as_value("/é \r\n"))(ASKED), b"/%C3%A9%20%0D%0A")

    def test_values(self) -> None:
        """Decoded values are escaped, parts of the client's target are not."""
        self.assertEqual(as_target(as_value(f"/e{path}"))(ASKED), b"/e/a%3Fb%25/%E9")
        self.assertEqual(as_target(as_value(f"/e{request_uri}"))(ASKED), b"/e/a%3Fb%25/%E9?x=%20&y")
        self.assertEqual(as_target(as_value(f"//{host}/?{query_string}"))(ASKED), b"//a.example/?x=%20&y")
        self.assertEqual(as_target(as_value(f"/{header('x-a')}"))(ASKED), b"/a%20b%3F%23%25")
        self.assertEqual(as_target(path)(ASKED), b"/a%3Fb%25/%E9")

    def test_whole(self) -> None:
        """A function and a table give all of a target."""
        self.assertEqual(as_target(lambda asked: "/a b?c")(ASKED), b"/a%20b?c")
        self.assertEqual(as_target(map_value(host, {"a.example": "/b?c"}))(ASKED), b"/b?c")

    def test_climbing(self) -> None:
        """A value with a segment of two dots is refused."""
        with self.assertRaises(BadPath):
            as_target(as_value(f"/e/{header('x-up')}"))(ASKED)


class ReplacementTests(SynchronousTestCase):
    """What takes the place of a matched path."""

    @given(OCTETS)
    def test_round_trip(self, octets: bytes) -> None:
        """Whatever a group has matched, the target's path decodes to it, and is visible ASCII."""
        match = re.fullmatch(rb"(?s)(/.*)", octets)
        assert match is not None
        for replacement in (r"\1", r"\g<1>", r"\g<0>"):
            target = as_replacement(as_value(replacement))(match, ASKED)
            self.assertRegex(target, rb"\A[!-~]+\Z")
            self.assertEqual(target, escape(octets))
            if b"\0" not in octets and not unresolved(target) and b"//" not in octets:
                self.assertEqual(normalise(target), octets)

    def test_query(self) -> None:
        """Behind a question mark more is escaped, also where that stands in the same text."""
        match = re.search(rb"^/(.*)$", b"/a&b=c;d+e f")
        assert match is not None
        self.assertEqual(as_replacement(as_value(r"/\1?p=\1"))(match, ASKED), b"/a&b=c;d+e%20f?p=a%26b=c%3Bd%2Be%20f")

    def test_absent_group(self) -> None:
        """A group that took no part is empty; two backslashes are one."""
        match = re.search(rb"^/(a)?(b)$", b"/b")
        assert match is not None
        self.assertEqual(as_replacement(as_value("/<\\1\\2\\\\1>"))(match, ASKED), b"/<b\\1>")

    def test_groups(self) -> None:
        """The groups that a text refers to."""
        self.assertEqual(groups_of(r"/\1\g<name>\\2\g<3>"), ["1", "name", "3"])


class UnresolvedTests(SynchronousTestCase):
    """Dot segments."""

    def test_segments(self) -> None:
        """Plain or escaped, in the path only."""
        found = {each: unresolved(each) for each in (b"/a/../b", b"/%2e%2E", b"/a/.", b"/..b", b"/a..", b"/a?/../b")}
        self.assertEqual([found[each] for each in found], [True, True, True, False, False, False])
