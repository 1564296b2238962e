"""Tests of the errors: how they are told, and what they carry."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors import ConfigError, ConfigErrors, ProxyError, Source
from pydsl_proxy.origin import NO_ORIGIN, Origin


class ConfigErrorTests(SynchronousTestCase):
    """A mistake as its author reads it."""

    def test_render(self) -> None:
        """Place, message, source, carets and hint."""
        path = Path(self.mktemp()).absolute()
        path.write_text('x = upstream(\n    "app",\n    peer("10.0.0.2", weight=2),\n)\n', encoding="utf-8")
        error = ConfigError(
            "peer address '10.0.0.2' has no port", origin=Origin(str(path), 3, 3, 4, 30), hint='write "10.0.0.2:80"'
        )
        self.assertEqual(
            error.render(),
            f"{path.relative_to(Path.cwd())}:3: peer address '10.0.0.2' has no port\n"
            '        peer("10.0.0.2", weight=2),\n'
            "        ^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
            '  hint: write "10.0.0.2:80"',
        )
        self.assertEqual(str(error), error.render())

    def test_origin_by_default(self) -> None:
        """Without an origin it is where the user's code is."""
        error = ConfigError("wrong")
        self.assertEqual(error.origin.file, __file__)
        self.assertIn('error = ConfigError("wrong")', error.render())

    def test_nowhere(self) -> None:
        """What no line made has no place."""
        self.assertEqual(ConfigError("wrong", origin=NO_ORIGIN).render(), "wrong")

    def test_warning(self) -> None:
        """A warning says so."""
        self.assertEqual(ConfigError("odd", origin=NO_ORIGIN, warning=True).render(), "warning: odd")


class ConfigErrorsTests(SynchronousTestCase):
    """All the mistakes of a configuration."""

    def test_all_of_them(self) -> None:
        """Each is told, in order."""
        errors = [ConfigError("one", origin=NO_ORIGIN), ConfigError("two", origin=NO_ORIGIN)]
        both = ConfigErrors(errors)
        self.assertEqual(both.errors, tuple(errors))
        self.assertEqual(str(both), "one\n\ntwo")

    def test_very_many(self) -> None:
        """A hundred are shown, of more their number is told."""
        every = ConfigErrors(ConfigError(f"wrong {number}", origin=NO_ORIGIN) for number in range(102))
        self.assertTrue(str(every).endswith("\n\nwrong 99\n\nand 2 more"))
        self.assertTrue(str(ConfigErrors(every.errors[:100])).endswith("\n\nwrong 99"))


class ProxyErrorTests(SynchronousTestCase):
    """Why an exchange failed."""

    def test_carries(self) -> None:
        """Source, status, cause, message, and whether it may be tried again."""
        error = ProxyError(Source.PEER, 502, "connect_refused", "peer a:1 refused", retryable=True)
        self.assertEqual((error.source, error.status, error.cause), (Source.PEER, 502, "connect_refused"))
        self.assertEqual((error.message, str(error), error.retryable), ("peer a:1 refused", "peer a:1 refused", True))
        self.assertFalse(ProxyError(Source.US, 500, "bug", "…").retryable)

    def test_repr(self) -> None:
        """The repr tells all of it."""
        error = ProxyError(Source.PEER, 502, "closed", "gone", retryable=True)
        self.assertEqual(repr(error), "ProxyError(Source.PEER, 502, 'closed', 'gone', retryable=True)")
