"""How the configuration is written: which arguments have names, and what each is by default."""

from __future__ import annotations

import sys
from importlib import import_module
from inspect import Parameter, getmembers, isclass, isfunction, signature
from pathlib import Path
from pkgutil import walk_packages

import attrs
from twisted.trial.unittest import SynchronousTestCase

import pydsl_proxy
from pydsl_proxy import exports

#: A line for each function, verb and value; made anew by ``python -m tests.test_signatures``.
FILE = Path(__file__).with_name("signatures.txt")
#: The packages whose values a configuration is made of.
PACKAGES = ("balancing", "config", "connectors", "features", "handlers", "health", "observe", "values", "wire")


def values() -> list[type[attrs.AttrsInstance]]:
    """The classes of all values that know where they were written or can be compiled, and of those exported."""
    found = {each for each in map(exports.__dict__.get, exports.__all__) if isclass(each) and attrs.has(each)}
    for module in walk_packages(pydsl_proxy.__path__, "pydsl_proxy."):
        if module.name.split(".")[1] in PACKAGES:
            classes = [each for each in vars(import_module(module.name)).values() if isclass(each) and attrs.has(each)]
            found |= {each for each in classes if "origin" in attrs.fields_dict(each) or hasattr(each, "compile")}
    return sorted(found, key=lambda each: (each.__module__, each.__name__))


def written(call: object) -> str:
    """The arguments of a call, without their types."""

    def shown(each: Parameter) -> Parameter:
        default = each.default
        named = getattr(default, "__name__", None)
        text = default if named is None else type("Named", (), {"__repr__": lambda self: named})()
        return each.replace(annotation=Parameter.empty, default=Parameter.empty if default is Parameter.empty else text)

    made = signature(call)  # type: ignore[arg-type]  # classes and functions
    arguments = [shown(each) for each in made.parameters.values() if each.name not in ("self", "origin")]
    return str(made.replace(parameters=arguments, return_annotation=signature(written).empty))


def lines() -> list[str]:
    """Every call of a configuration."""
    found = set()
    for name in pydsl_proxy.__all__:
        public = getattr(pydsl_proxy, name)
        if isfunction(public):
            found.add(f"{name}{written(public)}")
        elif isclass(public):
            verbs = [made for verb, made in getmembers(public, isfunction) if not verb.startswith("_")]
            found |= {f"{made.__qualname__}{written(made)}" for made in verbs}
    found |= {f"{each.__module__.removeprefix('pydsl_proxy.')}.{each.__name__}{written(each)}" for each in values()}
    return sorted(found)


class SignatureTests(SynchronousTestCase):
    """A change of any of these changes what users' files mean."""

    def test_all(self) -> None:
        """Each is written as it was."""
        self.assertEqual(lines(), FILE.read_text().splitlines(), f"python -m {__name__} lists them anew")

    def test_origins(self) -> None:
        """Where a value was written is no part of it, is not shown, and comes by name."""
        for value in values():
            fields = attrs.fields_dict(value)
            if "origin" in fields:
                origin = fields["origin"]
                self.assertEqual((origin.eq, origin.repr, origin.kw_only), (False, False, True), value)

    def test_shown(self) -> None:
        """A value is shown as the call that makes it."""
        for text in (
            "round_robin()",
            "ip_hash()",
            "least_conn()",
            "random_one()",
            "random_two()",
            "hash_by(header('x-key'), consistent=True)",
            "fastcgi(root='/srv', keep_conn=True)",
            "scgi(params={'A': 'b'})",
            "uwsgi(modifier1=5)",
            "http2(streams=5)",
        ):
            self.assertEqual(repr(eval(text, vars(pydsl_proxy))), text)


if __name__ == "__main__":
    FILE.write_text("".join(f"{each}\n" for each in lines()))
    sys.exit()
