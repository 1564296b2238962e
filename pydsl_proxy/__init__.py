"""A reverse proxy and load balancer whose configuration is Python.

A user's ``proxy.py`` builds a **config**: frozen objects that say what is wanted.
The **compiler** turns it, once, into closures and tables.
**Frontends** turn client bytes into **exchanges**; an exchange runs its location's **handle**.
The proxy handler **picks** a **peer** of an **upstream** and sends the exchange through a **connector**.
**wire** holds all knowledge of bytes and imports no Twisted.
Nothing that runs per request ever looks at a config object.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # A checker that saw __getattr__ would take any name for a public one.
    from pydsl_proxy.exports import *  # noqa: F403
    from pydsl_proxy.exports import __all__ as __all__
else:

    def __getattr__(name: str) -> object:
        """A public name (PEP 562).  The first one that is asked for imports all of them, and with them Twisted.

        So a program that needs the grammar of HTTP alone imports ``pydsl_proxy.wire.http``, and nothing else.
        """
        if (not name.startswith("__") or name == "__all__") and find_spec(f"{__name__}.{name}") is None:
            exports = import_module(f"{__name__}.exports")
            globals().update({each: getattr(exports, each) for each in exports.__all__}, __all__=exports.__all__)
            if name in globals():
                return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *import_module(f"{__name__}.exports").__all__})
