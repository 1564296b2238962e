"""Tests of formats as users write them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.observe import response_values as outcomes
from pydsl_proxy.observe.format_parser import Part, Template, parse
from pydsl_proxy.observe.response_values import OUTCOMES, status, upstream_addr
from pydsl_proxy.values import value as values
from pydsl_proxy.values.value import client_address, cookie, header

VALUES: list[Part] = [client_address, header("x-a"), cookie("s'id"), cookie('s"id'), *OUTCOMES]
NAMES = {name: getattr(module, name) for module in (values, outcomes) for name in dir(module) if name[0] != "_"}
texts = st.text(st.characters(exclude_characters="\ufdd0\ufdd1"), min_size=1)


def merged(parts: list[Part]) -> tuple[Part, ...]:
    """Literals that stand beside each other are one."""
    result: list[Part] = []
    for part in parts:
        if result and isinstance(part, str) and isinstance(last := result[-1], str):
            result[-1] = last + part
        else:
            result.append(part)
    return tuple(result)


class TemplateTests(SynchronousTestCase):
    """Texts with values."""

    def test_parts(self) -> None:
        """An f-string is taken apart again."""
        self.assertEqual(parse(f"{client_address}: {status}"), (client_address, ": ", status))
        self.assertEqual(parse(f"{status}{upstream_addr}"), (status, upstream_addr))
        self.assertEqual(parse("text"), ("text",))
        self.assertEqual(parse(""), ())

    @given(st.lists(texts | st.sampled_from(VALUES)))
    def test_round_trip(self, parts: list[Part]) -> None:
        """The parts come out as they went in, and the repr makes the same template."""
        template = Template(parse("".join(map(str, parts))))
        self.assertEqual(template.parts, merged(parts))
        self.assertEqual(parse(str(eval(repr(template), dict(NAMES)))), template.parts)

    def test_changed(self) -> None:
        """A string operation that cut or changed a value is found."""
        for source in (str(status)[1:], str(status).upper(), f"{client_address}{status}"[:-1]):
            with self.assertRaisesRegex(ConfigError, "cut or changed"):
                parse(source)
