"""The numbers of the package: each bound, time and size that has a name, with its value."""

from __future__ import annotations

import sys
from importlib import import_module
from inspect import isclass
from pathlib import Path
from pkgutil import walk_packages

from twisted.trial.unittest import SynchronousTestCase

import pydsl_proxy

#: A line for each; made anew by ``python -m tests.test_bounds``.
FILE = Path(__file__).with_name("bounds.txt")


def lines() -> list[str]:
    """Every constant that is a number, of modules and of classes, where it is defined."""
    found = set()
    for module in walk_packages(pydsl_proxy.__path__, "pydsl_proxy."):
        if module.name.endswith("__main__"):
            continue
        made = import_module(module.name)
        scopes = [("", made), *((f".{name}", each) for name, each in vars(made).items() if isclass(each))]
        for scope, owner in scopes:
            if owner is not made and owner.__module__ != module.name:
                continue
            for name, value in vars(owner).items():
                if name.isupper() and type(value) in (int, float):
                    found.add(f"{module.name.removeprefix('pydsl_proxy.')}{scope}.{name} = {value!r}")
    return sorted(found)


class BoundTests(SynchronousTestCase):
    """A change of one of these is a decision: operators see it in memory, in time, or in what is refused."""

    def test_all(self) -> None:
        """Each that is listed has the value that was decided."""
        named = dict(line.split(" = ") for line in lines())
        listed = dict(line.split(" = ") for line in FILE.read_text().splitlines())
        others = {name: value for name, value in named.items() if name in listed and value != listed[name]}
        self.assertEqual(others, {}, f"python -m {__name__} lists them anew")
        self.assertGreater(len(listed.keys() & named.keys()), 400)


if __name__ == "__main__":
    FILE.write_text("".join(f"{each}\n" for each in lines()))
    sys.exit()
