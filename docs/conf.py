"""How Sphinx makes the documentation: ``sphinx-build -W --keep-going docs docs/_build/html``."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

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
