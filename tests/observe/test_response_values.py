"""Tests of the values that an exchange has when it is over."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.observe.response_values import OUTCOMES, bytes_sent, status
from pydsl_proxy.values.value import as_value, host


class OutcomeTests(SynchronousTestCase):
    """Objects that stand for a text."""

    def test_repr(self) -> None:
        """The repr is the name that users import."""
        self.assertEqual(repr(status), "status")
        self.assertEqual(len({each.name for each in OUTCOMES}), len(OUTCOMES))

    def test_plus(self) -> None:
        """An outcome is joined with text and values by +, and with nothing else."""
        self.assertEqual("a" + status + host, f"a{status}{host}")
        self.assertEqual(host + status, f"{host}{status}")
        self.assertEqual(status + bytes_sent + "b", f"{status}{bytes_sent}b")
        with self.assertRaises(TypeError):
            status + 1  # type: ignore[operator]  # what is tested

    def test_no_truth(self) -> None:
        """An outcome in a condition is an error."""
        with self.assertRaisesRegex(ConfigError, "status is neither true nor false"):
            bool(status)

    def test_no_format_spec(self) -> None:
        """An outcome cannot be padded or cut in an f-string."""
        with self.assertRaisesRegex(ConfigError, r"write \{status\}"):
            f"{status:>5}"

    def test_not_of_the_request(self) -> None:
        """Where a value of the request is wanted, an outcome is refused, alone and in a text."""
        for source in (status, str(status), f"{host} {status}"):
            with self.assertRaisesRegex(ConfigError, "status"):
                as_value(source)  # type: ignore[arg-type]  # what is tested
