"""What holds for all values that a configuration is made of, wherever they are defined."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module

import attrs
from twisted.trial.unittest import SynchronousTestCase

PACKAGES = ("balancing", "config", "connectors", "features", "handlers")
#: Say where a value was written, and as what: it is the same value elsewhere.
DESCRIPTIONS = ("origin", "spelled")
#: These take a second option by its place: what the end of a WebSocket is made of, and hooks of a reload.
BY_PLACE = frozenset(("Noticed", "close_websocket"))


def values() -> Iterator[type[attrs.AttrsInstance]]:
    """Every class of attrs in these packages."""
    for package in PACKAGES:
        folder = import_module(f"pydsl_proxy.{package}")
        for found in pkgutil.walk_packages(folder.__path__, f"{folder.__name__}."):
            for each in vars(import_module(found.name)).values():
                if inspect.isclass(each) and each.__module__ == found.name and attrs.has(each):
                    yield each


class ValueTests(SynchronousTestCase):
    """Frozen values."""

    def test_found(self) -> None:
        """Values of all kinds are looked at."""
        found = {each.__name__ for each in values()}
        self.assertLessEqual({"Files", "Http", "Peer", "Proxy", "Tls", "Upstream", "WebSockets"}, found)

    def test_descriptions(self) -> None:
        """Where and how a value was written takes no part in comparing it or in its code, and is given by name."""
        for each in values():
            for name, field in attrs.fields_dict(each).items():
                if name in DESCRIPTIONS:
                    with self.subTest(value=each.__name__, field=name):
                        self.assertEqual((field.eq, field.repr, field.kw_only), (False, False, True))

    def test_compared(self) -> None:
        """All else that a value is made of is compared, so that a reload sees each change."""
        for each in values():
            hidden = [field.name for field in attrs.fields(each) if field.init and field.eq is False]
            with self.subTest(value=each.__name__):
                self.assertLessEqual(set(hidden), {*DESCRIPTIONS, "vouched"})

    def test_options(self) -> None:
        """Options are given by name; one at most, which its verb is about, also by its place."""
        for each in values():
            optional = [field.name for field in attrs.fields(each) if field.init and field.default is not attrs.NOTHING]
            by_place = [name for name in optional if not attrs.fields_dict(each)[name].kw_only]
            if each.__name__ not in BY_PLACE:
                with self.subTest(value=each.__name__):
                    self.assertLessEqual(len(by_place), 1, by_place)

    def test_places(self) -> None:
        """What each value is about is given by its place, and nothing else is."""
        given = {
            each.__name__: [field.name for field in attrs.fields(each) if field.init and not field.kw_only]
            for each in values()
        }
        for name, places in (
            ("Files", ["root"]),
            ("Proxy", ["upstream"]),
            ("Respond", ["status", "body"]),
            ("Redirect", ["url", "status"]),
            ("ToHttps", ["status"]),
            ("WebSockets", ["upstream"]),
            ("Wsgi", ["application"]),
            ("Asgi", ["application"]),
            ("Mount", ["resource"]),
            ("Peer", ["address"]),
            ("Upstream", ["name", "strategy", "peers"]),
            ("Server", []),
            ("Http", []),
            ("Tls", []),
            ("UpstreamTls", []),
            ("Clients", []),
            ("Retry", ["tries"]),
        ):
            self.assertEqual(given[name], places, name)
