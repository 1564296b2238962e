"""Tests of conditional requests."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.fields.preconditions import is_conditional, precondition, range_is_wanted
from pydsl_proxy.wire.http.dates import http_date
from pydsl_proxy.wire.http.head import Fields

ETAG, WHEN = b'"5f-a"', 784111777
THEN, BEFORE, AFTER = (http_date(WHEN + shift).decode() for shift in (0, -1, 1))


def told(**fields: str) -> Fields:
    """A section with *fields*, their names with underscores."""
    return Fields("".join(f"\r\n{name.replace('_', '-')}: {value}" for name, value in fields.items()).encode())


def status(**fields: str) -> int:
    """What is answered to a request with *fields*."""
    return precondition(told(**fields), ETAG, WHEN)


class PreconditionTests(SynchronousTestCase):
    """The status that conditions ask for."""

    def test_none(self) -> None:
        """Without conditions there is nothing to answer."""
        self.assertEqual(status(Host="x"), 0)

    def test_if_none_match(self) -> None:
        """A tag that is known is 304, whether strong or weak, and wherever in the list; so is a star."""
        for value in ('"5f-a"', 'W/"5f-a"', '"x", "5f-a"', '"x","5f-a" , "y"', "*"):
            self.assertEqual(status(If_None_Match=value), 304, value)
        for value in ('"x"', "5f-a", "", '"5f-a', '"5f-ab"'):
            self.assertEqual(status(If_None_Match=value), 0, value)

    def test_if_modified_since(self) -> None:
        """The very time that was sent is 304; another one, be it later, is not, as in nginx."""
        self.assertEqual(status(If_Modified_Since=THEN), 304)
        self.assertEqual(status(If_Modified_Since="Sunday, 06-Nov-94 08:49:37 GMT"), 304)
        for value in (BEFORE, AFTER, "yesterday", ""):
            self.assertEqual(status(If_Modified_Since=value), 0, value)

    def test_tag_before_time(self) -> None:
        """Where there is a tag the time is not looked at (RFC 9110 13.1.3)."""
        self.assertEqual(status(If_None_Match='"x"', If_Modified_Since=THEN), 0)
        self.assertEqual(status(If_None_Match='"5f-a"', If_Modified_Since=BEFORE), 304)
        self.assertEqual(status(If_Match='"5f-a"', If_Unmodified_Since=BEFORE), 0)

    def test_if_match(self) -> None:
        """A tag that is not the present one is 412; a weak one never is it."""
        for value in ('"5f-a"', '"x", "5f-a"', "*"):
            self.assertEqual(status(If_Match=value), 0, value)
        for value in ('"x"', 'W/"5f-a"', ""):
            self.assertEqual(status(If_Match=value), 412, value)

    def test_if_unmodified_since(self) -> None:
        """A change after that time is 412; what is no time is not looked at."""
        for value, expected in ((BEFORE, 412), (THEN, 0), (AFTER, 0), ("x", 0)):
            self.assertEqual(status(If_Unmodified_Since=value), expected, value)

    def test_order(self) -> None:
        """412 goes before 304 (RFC 9110 13.2.2)."""
        self.assertEqual(status(If_Match='"x"', If_None_Match='"5f-a"'), 412)

    def test_if_range(self) -> None:
        """A range is of what the client has: the same strong tag, or the very time."""
        for value in ('"5f-a"', THEN):
            self.assertTrue(range_is_wanted(told(If_Range=value), ETAG, WHEN), value)
        for value in ('"x"', 'W/"5f-a"', BEFORE, AFTER, "x"):
            self.assertFalse(range_is_wanted(told(If_Range=value), ETAG, WHEN), value)
        self.assertTrue(range_is_wanted(told(Host="x"), ETAG, WHEN))

    def test_is_conditional(self) -> None:
        """Any condition, or a range; the answer is kept with the section."""
        for fields in (told(If_Match="*"), told(RANGE="bytes=0-"), told(if_range="x")):
            self.assertTrue(is_conditional(fields))
            self.assertTrue(is_conditional(fields))
        plain = told(Host="if-range", X_Range="range: x")
        self.assertFalse(is_conditional(plain))
        self.assertFalse(is_conditional(plain))
