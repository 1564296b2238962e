"""Tests of the units."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import units


class UnitsTests(SynchronousTestCase):
    """Sizes are in bytes, times in seconds."""

    def test_values(self) -> None:
        """A unit is a plain number."""
        self.assertEqual((units.KiB, units.MiB, units.GiB), (1024, 1024**2, 1024**3))
        self.assertEqual((units.seconds, units.minutes, units.hours, units.days), (1, 60, 3600, 86400))
        self.assertEqual(5 * units.ms, 0.005)
