"""Tests of the settings of HTTP/2."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http2.frames import ErrorCode, ProtocolError, Setting
from pydsl_proxy.wire.http2.settings import error_name, read_settings


def payload(*values: tuple[int, int]) -> bytes:
    """What SETTINGS carry."""
    return b"".join([name.to_bytes(2, "big") + value.to_bytes(4, "big") for name, value in values])


class SettingsTests(SynchronousTestCase):
    """What the other side takes."""

    def test_order(self) -> None:
        """RFC 9113 6.5.3: values are applied in their order, repeated and unknown ones too."""
        values = [(Setting.INITIAL_WINDOW_SIZE, 1), (0xF000, 7), (4, 0x7FFFFFFF), (Setting.MAX_FRAME_SIZE, 16384)]
        self.assertEqual(list(read_settings(payload(*values))), values)

    def test_out_of_range(self) -> None:
        """RFC 9113 6.5.2: each has its range, and its error."""
        for name, value, code in (
            (Setting.ENABLE_PUSH, 2, ErrorCode.PROTOCOL_ERROR),
            (Setting.ENABLE_CONNECT_PROTOCOL, 2, ErrorCode.PROTOCOL_ERROR),
            (Setting.INITIAL_WINDOW_SIZE, 1 << 31, ErrorCode.FLOW_CONTROL_ERROR),
            (Setting.MAX_FRAME_SIZE, 16383, ErrorCode.PROTOCOL_ERROR),
            (Setting.MAX_FRAME_SIZE, 1 << 24, ErrorCode.PROTOCOL_ERROR),
        ):
            self.assertIs(self.assertRaises(ProtocolError, list, read_settings(payload((name, value)))).code, code)

    def test_size(self) -> None:
        """A value has six bytes, and a frame not hundreds of them."""
        self.assertRaises(ProtocolError, list, read_settings(b"\0" * 7))
        self.assertRaises(ProtocolError, list, read_settings(payload(*[(1, 0)] * 33)))

    def test_error_name(self) -> None:
        """Unknown codes have no name."""
        self.assertEqual((error_name(8), error_name(99)), ("CANCEL", "error 0x63"))
