"""How Sphinx makes the documentation: ``sphinx-build -W --keep-going docs docs/_build/html``."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

project = "pydsl_proxy"
author = "The pydsl_proxy authors"
copyright = f"{author}, MIT licence"
release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["_build", "newsfragments"]
html_theme = "furo"
default_role = "code"

# Signatures are shown as they are written, and the names in __all__ in that order.
autodoc_typehints = "signature"
autodoc_member_order = "bysource"

# The classes that users call themselves; all others are made for them by functions.
CALLED = ("Response", "Headers", "ConfigError", "ConfigErrors", "ProxyError")


def hide_signature(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str | None, returned: str | None
) -> tuple[str, None] | None:
    """Leave out how a class is called that nobody calls."""
    return ("", None) if what == "class" and name.rpartition(".")[2] not in CALLED else None


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-signature", hide_signature)
