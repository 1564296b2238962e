"""Tests of the moment as a text."""

from __future__ import annotations

from time import localtime, struct_time

from pydsl_proxy.observe.log_times import common, each_second, iso8601, iso8601_with_ms
from tests.observe.doubles import NOW, ZoneTestCase


class TimesTests(ZoneTestCase):
    """Moments in local time."""

    def test_formats(self) -> None:
        """The texts are nginx's."""
        moment = localtime(NOW)
        self.assertEqual(common(moment), "22/Nov/2026:17:36:06 +0000")
        self.assertEqual(iso8601(moment), "2026-11-22T17:36:06+00:00")
        self.assertEqual(iso8601_with_ms(moment), "2026-11-22T17:36:06.%03d+00:00")

    def test_zones(self) -> None:
        """The offset is that of the place, west of Greenwich with a minus."""
        for zone, written in (
            ("XXX+3:30", "22/Nov/2026:14:06:06 -0330"),
            ("XXX-5:30", "22/Nov/2026:23:06:06 +0530"),
            ("XXX+0:30", "22/Nov/2026:17:06:06 -0030"),
        ):
            self.in_zone(zone)
            self.assertEqual(common(localtime(NOW)), written)

    def test_each_second(self) -> None:
        """A text is made anew when another second has begun, also when the clock was set back."""
        made: list[int] = []

        def write(moment: struct_time) -> str:
            made.append(moment.tm_sec)
            return str(moment.tm_sec)

        read = each_second(write)
        texts = [read(NOW + later) for later in (0, 0.7, 0.75, 1.7, 1.8, -10, -9.9, 60)]
        self.assertEqual(texts, [b"6", b"6", b"7", b"7", b"8", b"56", b"56", b"6"])
        self.assertEqual(made, [6, 7, 8, 56, 6])
