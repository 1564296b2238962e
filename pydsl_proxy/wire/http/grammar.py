"""The grammar of HTTP/1.1 as compiled patterns, and the error of what does not match it."""

from __future__ import annotations

import re


class Malformed(ValueError):
    """Bytes that cannot be read in exactly one way.

    ``status`` is what a client that sent them is answered with; a peer that sent them costs its client a 502.
    """

    def __init__(self, detail: str, status: int = 400) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status


CRLF = b"\r\n"
HEAD_END = b"\r\n\r\n"

# RFC 9110 5.6.2
TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
# RFC 9110 5.5: visible characters, obs-text, and blanks between them; so no CR, LF, NUL or other control.
VALUE = rb"[\t\x20-\x7e\x80-\xff]"


def check_line_ends(data: bytes) -> None:
    """Raise Malformed if a CR or an LF stands alone in *data*, which may be cut within a CRLF.

    Neither ends a line that we read: the end of the head may never come, as the sender takes it for sent.
    """
    ends = data.count(CRLF)
    if data.count(b"\n") != ends:
        raise Malformed("a line ends without CR")
    if data.count(b"\r") - data.endswith(b"\r") != ends:
        raise Malformed("a CR stands without LF")


is_token = re.compile(TOKEN + rb"+").fullmatch
is_value = re.compile(VALUE + rb"*").fullmatch

# What a line that is cut anywhere must not have; a CR may be the first half of its end.
find_control = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]").search
is_request_start = re.compile(TOKEN + rb"*(?: [^\r\n]*)?\r?").fullmatch
is_response_start = re.compile(rb"HTTP/1\.[0-9] [1-9][0-9][0-9][ \r]").fullmatch
is_field_start = re.compile(TOKEN + rb"*(?::" + VALUE + rb"*)?\r?").fullmatch

# The usual request line: upper-case method (RFC 9110 9.1 registers no other), origin-form, HTTP/1.1.
read_usual_line = re.compile(rb"(?!TRACE |CONNECT )([A-Z]+) (/[!\"$-~]*) HTTP/1\.1").fullmatch
# Any request line that has one reading; the target is looked at more closely later.
read_any_line = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~]+) HTTP/([0-9])\.([0-9])").fullmatch
# RFC 9112 4; a reason phrase may be absent together with the blank before it.  RFC 9110 2.5: any minor version is one
# of HTTP/1.  RFC 9110 15: a status of three digits above 599 belongs to no class, but has its readers.
read_status_line = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9][0-9])(?: ([\t\x20-\x7e\x80-\xff]*))?").fullmatch

# A header section as the readers keep it: every field is CRLF name ":" value, nothing follows the last value.
# Names with an underscore are left to the slow reader, which drops them.
is_plain_section = re.compile(rb"(?:\r\n[!#$%&'*+\-.^`|~0-9A-Za-z]++:[\t\x20-\x7e\x80-\xff]*+)*+").fullmatch
read_field = re.compile(rb"(" + TOKEN + rb"+):[ \t]*+(" + VALUE + rb"*)").fullmatch
# RFC 9112 5.1: a field that some read and some do not.
is_padded_field = re.compile(TOKEN + rb"+[ \t]+:" + VALUE + rb"*").fullmatch

# RFC 9112 7.1: a size, and extensions, which are read and dropped.  Sixteen digits hold any 64-bit size.
_QUOTED = rb"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+"
_EXTENSION = rb'[ \t]*+;[ \t]*+%b++(?:[ \t]*+=[ \t]*+(?:%b++|"%b"))?' % (TOKEN, TOKEN, _QUOTED)
read_chunk_size = re.compile(rb"([0-9A-Fa-f]{1,16})(?:" + _EXTENSION + rb")*").fullmatch
# Servers pad the size with blanks, or end the line with ";": to a client of ours the body is chunked anew.
read_peer_chunk_size = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;" + VALUE + rb"*)?").fullmatch
# What may become such a line, of which only the start is here.
_EXTENSION_START = rb'[ \t]*+(?:;[ \t]*+(?:%b++[ \t]*+(?:=[ \t]*+(?:"%b\\?)?)?)?)?' % (TOKEN, _QUOTED)
is_chunk_size_start = re.compile(
    rb"(?:[0-9A-Fa-f]{1,16}+(?:" + _EXTENSION + rb")*(?:\r|" + _EXTENSION_START + rb"))?"
).fullmatch
is_peer_chunk_size_start = re.compile(rb"(?:[0-9A-Fa-f]{1,16}+[ \t]*+(?:;" + VALUE + rb"*+)?\r?)?").fullmatch
# A trailer field, or the line that ends the section, in the same way; and more of a value.
is_trailer_start = re.compile(rb"(?:" + TOKEN + rb"++(?::" + VALUE + rb"*+\r?)?|\r)?").fullmatch
is_peer_trailer_start = re.compile(rb"(?:" + TOKEN + rb"++[ \t]*+(?::" + VALUE + rb"*+\r?)?|\r)?").fullmatch
is_value_start = re.compile(VALUE + rb"*+\r?").fullmatch
is_digits = re.compile(rb"[0-9]{1,18}").fullmatch
