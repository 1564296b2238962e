"""Tests of the checks of numbers."""

from __future__ import annotations

import math
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors.numbers import count, seconds, size
from tests.support.failing import mistake


def number(text: object) -> int:
    """What is no number, past the type checker."""
    return cast("int", text)


class NumbersTests(SynchronousTestCase):
    """Seconds, counts and sizes."""

    def test_taken(self) -> None:
        """A number is given back as it is."""
        self.assertEqual(seconds("t", 0.5), 0.5)
        self.assertEqual(seconds("t", 0, zero=True), 0)
        self.assertEqual(count("n", 3, least=3), 3)
        self.assertEqual(size("s", 0), 0)

    def test_too_small(self) -> None:
        """Each has its least."""
        self.assertEqual(mistake(seconds, "t", 0)[0], "t must be more than 0 seconds, not 0")
        self.assertEqual(mistake(seconds, "t", -1, zero=True)[0], "t must be 0 or more seconds, not -1")
        self.assertEqual(mistake(seconds, "t", math.inf)[0], "t must be more than 0 seconds, not inf")
        self.assertEqual(mistake(seconds, "t", math.nan)[0], "t must be more than 0 seconds, not nan")
        self.assertEqual(mistake(count, "n", 2, least=3)[0], "n must be 3 or more, not 2")
        self.assertEqual(mistake(size, "s", -1)[0], "s must be 0 or more, not -1")

    def test_nginx_units(self) -> None:
        """nginx's units are told as ours."""
        for text, hint in (
            ("30", "write 30"),
            ("30s", "write 30"),
            ("1.5m", "write 1.5 * minutes"),
            ("2 h", "write 2 * hours"),
        ):
            self.assertEqual(
                mistake(seconds, "t", number(text)), (f"t must be a number of seconds, not {text!r}", hint)
            )
        for text, hint in (
            ("8m", "write 8 * MiB"),
            ("8KB", "write 8 * KiB"),
            ("1g", "write 1 * GiB"),
            ("10", "write 10"),
        ):
            message = f"s must be a whole number of bytes, not {text!r}"
            self.assertEqual(mistake(size, "s", number(text)), (message, hint))
        self.assertEqual(mistake(size, "s", number("lots"))[1], None)

    def test_other_types(self) -> None:
        """A truth or a fraction is no count."""
        for wrong in (True, 1.0, None):
            self.assertIn("must be a whole number", mistake(count, "n", number(wrong), least=0)[0])
        self.assertEqual(mistake(count, "n", number("3"), least=0)[1], "write 3")
        self.assertIn("must be a number of seconds", mistake(seconds, "t", True)[0])
