"""Tests of a section with some of its fields replaced."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.edits.replacing import Replacing
from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http1.reader import read_request_fields

USER = Replacing(frozenset((b"x-user",)))


class ReplacingTests(SynchronousTestCase):
    """What others see of the request then."""

    def test_replaced(self) -> None:
        """All fields of the name go, in any case; the others stay as they were."""
        fields = read_request_fields(b"\r\nHost: h\r\nX-USER: a\r\nA: 1\r\nx-user:b", 9)
        made = USER.replaced(fields, b"\r\nX-User: eve")
        self.assertEqual(list(made.items()), [(b"Host", b"h"), (b"A", b"1"), (b"X-User", b"eve")])
        self.assertEqual(made.all(b"x-user"), [b"eve"])
        self.assertEqual(fields.all(b"x-user"), [b"a", b"b"])

    def test_nothing(self) -> None:
        """Where nothing changes, the section with all that was made of it stays."""
        fields = read_request_fields(b"\r\nHost: h", 9)
        self.assertIs(USER.replaced(fields), fields)

    def test_understood(self) -> None:
        """What was understood of the section stays, and what a site or a step has put there."""
        fields = read_request_fields(b"\r\nHost: h\r\nContent-Length: 5\r\nUser-Agent: ua\r\nX-User: a", 9)
        fields.server, fields.content_length = object(), 7
        made = USER.replaced(fields, b"\r\nX-User: eve")
        self.assertIs(made.server, fields.server)
        self.assertEqual((made.host, made.host_name, made.content_length), (b"h", b"h", 7))
        self.assertEqual((made.get(b"user-agent"), made.get(b"x-user")), (b"ua", b"eve"))

    def test_changing(self) -> None:
        """Of a section that was read in two parts, too, nothing is left of what was replaced."""
        fields = read_request_fields(b"\r\nHost: h\r\nX-User: a", 9).followed_by(b"\r\nX-Id: 1")
        for added in (b"", b"\r\nX-User: eve"):
            made = USER.replaced(fields, added)
            self.assertIsNone(made.base)
            self.assertEqual(made.raw, b"\r\nHost: h\r\nX-Id: 1" + added)

    def test_named(self) -> None:
        """A client cannot have removed what is put there, by naming it in Connection."""
        fields = read_request_fields(b"\r\nHost: h\r\nConnection: x-user, x-other", 9)
        self.assertEqual(USER.replaced(fields, b"\r\nX-User: eve").named, {b"x-other"})

    def test_malformed(self) -> None:
        """What is added is read as what a client sends: no field can be smuggled in."""
        fields = read_request_fields(b"\r\nHost: h", 9)
        for added in (b"\r\nX-User: a\r\n b", b"\r\nX-User: \x00", b"\r\nHost: other"):
            with self.assertRaises(Malformed):
                USER.replaced(fields, added)
