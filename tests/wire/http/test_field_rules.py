"""Tests of the edits of a header section, against an implementation that splits lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.values.request import Request
from pydsl_proxy.values.value import as_bytes
from pydsl_proxy.wire.http.field_rules import FieldRules, Rule, cut, spans_of
from pydsl_proxy.wire.http.head import Fields, section
from tests.support.peers import FakeHead

# Few and alike: names that are the beginning, the end or another case of each other.
NAMES = st.sampled_from([b"a", b"A", b"ab", b"b", b"b.", b"x-a", b"X-a"])
VALUES = st.sampled_from([b"", b"1", b"a: 2", b"x-a:", b"b:b"])
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=6).map(tuple)
TEXTS = st.sampled_from([None, "", "1", "é", "a: b"])
NAME_SETS = st.frozensets(NAMES.map(bytes.lower), max_size=3)


def request(target: bytes = b"/", fields: bytes = b"") -> Request:
    """A request of 192.0.2.1."""
    return Request(FakeHead(target, fields), "192.0.2.1", 40000, "http", "h", b"/", 80)


def plainly(
    pairs: tuple[tuple[bytes, bytes], ...], gone: frozenset[bytes], rules: list[Rule]
) -> list[tuple[bytes, bytes]]:
    """What is left of *pairs* without the names in *gone* and in *rules*, and what the rules set."""
    names = gone | {name for name, _, _ in rules}
    kept = [(name, value) for name, value in pairs if name.lower() not in names]
    return kept + [(name, value.encode()) for _, name, value in rules if isinstance(value, str) and value]


class EditTests(SynchronousTestCase):
    """What does not depend on the request."""

    @given(PAIRS, st.lists(st.tuples(NAMES, TEXTS), max_size=3), NAME_SETS, NAME_SETS)
    def test_as_plainly(
        self,
        pairs: tuple[tuple[bytes, bytes], ...],
        wanted: list[tuple[bytes, str | None]],
        dropped: frozenset[bytes],
        named: frozenset[bytes],
    ) -> None:
        """Fields that are dropped, named or set leave, in any case of their names; the rest stays as it is."""
        rules: list[Rule] = [(name.lower(), name, value) for name, value in wanted]
        fields = Fields(section(pairs))
        edited = FieldRules(rules, dropped).edit(fields, named)
        self.assertEqual(list(Fields(edited).items()), plainly(pairs, dropped | named, rules))
        self.assertEqual(fields.raw, section(pairs))

    def test_nothing(self) -> None:
        """Without rules the section itself comes back."""
        fields = Fields(b"\r\nA: b")
        self.assertIs(FieldRules().edit(fields), fields.raw)

    def test_spelling(self) -> None:
        """What stays keeps its spelling, what is set has that of the configuration."""
        rules = FieldRules([(b"b", b"B", "2"), (b"c", b"C", None)])
        self.assertEqual(rules.edit(Fields(b"\r\na:\t1 \r\nb:1\r\nC:3\r\nd: 4")), b"\r\na:\t1 \r\nd: 4\r\nB: 2")
        self.assertEqual(rules.removed, {b"b", b"c"})

    def test_constants(self) -> None:
        """A constant is UTF-8 or the octets it was made of, without blanks around it; an empty one is no field."""
        rules = FieldRules([(b"a", b"A", " é "), (b"b", b"B", ""), (b"c", b"C", "\udcff")])
        self.assertEqual(rules.constant, b"\r\nA: \xc3\xa9\r\nC: \xff")


class ComputeTests(SynchronousTestCase):
    """What depends on the request."""

    def test_computed(self) -> None:
        """A function is asked for each request, and its field left out where it says nothing."""
        rules = FieldRules(
            [
                (b"a", b"A", as_bytes(lambda r: r.query("a"))),
                (b"b", b"B", "1"),
                (b"c", b"C", as_bytes(lambda r: r.host)),
            ]
        )
        self.assertEqual(rules.compute(request(b"/?a=1")), b"\r\nA: 1\r\nC: h")
        self.assertEqual(rules.compute(request()), b"\r\nC: h")
        self.assertEqual(rules.edit(Fields(b"\r\nA: x")), b"\r\nB: 1")
        self.assertEqual(FieldRules([(b"b", b"B", "1")]).compute(request()), b"")

    @given(st.text(st.characters(max_codepoint=0x10FFFF, exclude_categories=["Cs"]), max_size=12))
    def test_no_injection(self, text: str) -> None:
        """Whatever a value is made of, it stays one field (CWE-113)."""
        made = FieldRules([(b"a", b"A", as_bytes(lambda _: text))]).compute(request())
        self.assertLessEqual(made.count(b"\n"), 1)
        self.assertEqual(len(list(Fields(made).items())), made.count(b"\r\nA: "))
        self.assertNotIn(b"\0", made)

    def test_controls(self) -> None:
        """Controls become blanks."""
        made = FieldRules([(b"a", b"A", as_bytes(lambda _: "\r\nx\r\n\tSet-Cookie: y\0\x7fz\r"))]).compute(request())
        self.assertEqual(made, b"\r\nA: x \tSet-Cookie: y z")
        self.assertEqual(FieldRules([(b"a", b"A", as_bytes(lambda _: "\r\n"))]).compute(request()), b"")


class CutTests(SynchronousTestCase):
    """Places in a section."""

    def test_spans(self) -> None:
        """Each field of the name, up to the next one or to the end, which is -1."""
        self.assertEqual(spans_of(b"\r\na:1\r\nb:a:\r\na:2", b"a"), [(0, 5), (11, -1)])
        self.assertEqual(spans_of(b"\r\na:1\r\nb:a:", b"b"), [(5, -1)])
        self.assertEqual(spans_of(b"\r\nab:1", b"a"), [])

    def test_cut(self) -> None:
        """Spans may repeat and come in any order."""
        raw = b"\r\na:1\r\nb:2\r\na:3"
        self.assertIs(cut(raw, []), raw)
        self.assertEqual(cut(raw, [(10, -1), (0, 5), (0, 5), (10, 15)]), b"\r\nb:2")
