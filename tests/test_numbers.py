"""The numbers that bound what others cost, and those of protocols: changing one is a decision."""

from __future__ import annotations

import os
from pkgutil import resolve_name

from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hyperframe.frame import FRAMES, PingFrame
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import clients
from pydsl_proxy.config.client_limits import DEFAULT_CLIENTS
from pydsl_proxy.handlers.files import root as file_root
from pydsl_proxy.handlers.websocket import messages as websocket_messages
from pydsl_proxy.wire.cgi import fastcgi_records
from pydsl_proxy.wire.http2 import frames as h2_frames

KIB, MIB = 1024, 1024**2
#: Sizes, counts and seconds, by their modules and classes; what led to each stands beside its definition.
NUMBERS: dict[str, dict[str, float | tuple[float, ...]]] = {
    "compiler.lifecycles": {"LEAST": 5},
    "compiler.stepping": {"AT_ONCE": 1000, "BUDGET": 0.004},
    "config.loading.beside": {"MAX_COMPILED_HERE": 32 * KIB, "COMPILED_WITHIN": 60, "WORK": 0.002, "REST": 0.001},
    "config.rewrite_arguments": {"_REDIRECTS": (301, 302, 303, 307, 308)},
    "config.servers": {"DEFAULT_LOOP_LAG": 0.25},
    "config.streams.features": {"IDLE": 600},
    "features.headers.strict_transport": {"TWO_YEARS": 63072000, "YEAR": 31536000},
    "frontends.http1.connection": {"MAX_BEGUN": 16},
    "frontends.http1.answering": {"MAX_UNSENT": 64 * KIB},
    "frontends.http1.receiving": {"MAX_HELD": 64 * KIB, "MAX_DROPPED": 64 * KIB},
    "frontends.http1.state": {"LINGER_IDLE": 5, "LINGER_ALL": 30, "LINGER_DRAINED": 0.5},
    "frontends.http2.body": {"CRUMB": 4 * KIB},
    "frontends.http2.closing": {"MAX_GATHERED": 64 * KIB, "NOTICED_WITHIN": 5},
    "frontends.http2.limits": {
        "MAX_STREAMS": 128,
        "CONNECTION_WINDOW": MIB,
        "STREAM_WINDOW": 256 * KIB,
        "RESETS": (1000, 33),
        "IDLE_FRAMES": (1000, 100),
        "ANSWERS_TO_DATA": 3,
        "OCTETS_PER_ANSWER": 16,
        "MAX_CONTINUATIONS": 8,
        "MAX_TIMES_HEAD": 2,
        "MAX_REMEMBERED": 256,
        "MAX_SKIPPED": 16,
    },
    "frontends.http2.receiving": {"FIRST_WITHIN": 1},
    "frontends.stream.connection": {
        "HANDSHAKE_WITHIN": 60,
        "HELLO_WITHIN": 30,
        "MAX_HELD": 64 * KIB,
        "CLOSE_WITHIN": 60,
    },
    "frontends.web": {"PIECE": 64 * KIB},
    "handlers.applications.fields": {"MAX_IN_FLIGHT": 64 * KIB},
    "handlers.asgi.handler": {"MAX_MESSAGE": MIB},
    "handlers.asgi.call": {"MESSAGES_IN_A_TURN": 64},
    "handlers.asgi.socket": {"PING": 20, "NO_CODE": 1005},
    "handlers.asgi.socket_call": {"NORMAL": 1000, "ABNORMAL": 1006, "INTERNAL_ERROR": 1011},
    "handlers.websocket.timers": {
        "GOING_AWAY": 1001,
        "POLICY": 1008,
        "RESTART": 1012,
        "CONTINUATION": 0,
        "CLOSE": 8,
        "PONG": 10,
        "MIN_FRAGMENT": KIB,
        "CLOSE_WITHIN": 5,
        "DRAIN_OVER": 5,
    },
    "handlers.files.contents": {"MAX_KEPT": 4 * MIB, "BESIDE": KIB, "SETTLED": 3},
    "handlers.files.listing": {"MAX_NAMES": 10_000, "MAX_SHOWN": 1000},
    "handlers.files.sending": {"PIECE": 128 * KIB},
    "handlers.files.serving": {"SMALL": 64 * KIB},
    "handlers.applications.outbox": {"BUDGET": 0.001},
    "handlers.redirect": {"STATUSES": (301, 302, 303, 307, 308)},
    "handlers.resource.request": {"MAX_IN_MEMORY": 100_000},
    "handlers.redirect_to_https": {"STATUSES": (301, 302, 307, 308)},
    "handlers.websocket.handler": {"MAX_HELD": MIB, "PING": 20},
    "handlers.websocket.autobahn_legs": {"INTERNAL_ERROR": 1011, "BAD_GATEWAY": 1014},
    "handlers.websocket.flow": {"PIECE": 64 * KIB, "DEFLATED_PIECE": 512, "BUDGET": 0.001},
    "handlers.applications.worker_threads": {"SWITCH_INTERVAL": 0.001},
    "handlers.wsgi.handler": {"THREADS": 10, "QUEUE": 100},
    "handlers.wsgi.errors": {"_LONGEST": 64 * KIB},
    "wire.connection.address_table": {"MAX_REMEMBERED": 4096},
    "wire.fields.ranges": {"MAX_RANGES": 200},
    "wire.fields.cdn_loop": {"MAX_HOPS": 10},
    "wire.http1.volatile_fields": {"MAX_NAMES": 4, "MAX_COMPARED": 64, "MAX_NEW": 2},
    "wire.http1.chunked": {"LONGEST_SIZE_LINE": 256, "MAX_CHUNKS": 256},
    "wire.connection.client_hello": {"MOST": 16 * KIB},
    "wire.fields.content_codings": {"LONGEST": KIB},
    "wire.cgi.fastcgi_records": {"MAX_RECORDS": 256, "MAX_CONTENT": 65528},
    "wire.connection.forwarded": {"MAX_HOPS": 32},
    "wire.http1.reader": {"MAX_TRAILERS": 16 * KIB},
    "wire.http1.response_writer": {"MAX_EDITED": 64},
    "wire.http2.frames": {
        "MAX_FRAME_SIZE": 16 * KIB,
        "MIN_PIECE": 256,
        "INITIAL_WINDOW": 65535,
        "MAX_WINDOW": 2**31 - 1,
        "MAX_STREAM_ID": 2**31 - 1,
        "WORK": (1, 16, 1, 4, 4, 1, 1, 1, 1, 2),
        "WORK_PER_TURN": 512,
        "WORK_OF_PAYLOAD": 3,
    },
    "wire.http2.peer_response": {"MAX_HEAD": 64 * KIB, "MAX_FIELDS": 1000},
    "wire.http2.body_pieces": {
        "MAX_WAITING": 32 * KIB,
        "SMALL_FRAME_AFTER": 0.2,
        "MIN_MESSAGE": 5,
        "SMALL_FRAMES": (10_000, 1000),
    },
    "wire.http2.request": {"MAX_TIMES_LIMIT": 4, "LONGEST_KEPT": 4096},
    "wire.http2.settings": {"_LARGEST_FRAME": 2**24 - 1, "_MAX_VALUES": 32},
    "wire.http2.hpack_reader": {"TABLE_SIZE": 4096, "ENTRY_OVERHEAD": 32},
    "wire.http.memo": {
        "GENERATION_BYTES": 512 * KIB,
        "GENERATION_ENTRIES": 1024,
        "LONGEST": 8 * KIB,
        "MAX_SEEN": 4096,
    },
    "wire.http.named_pairs": {"_MAX_KEPT": 256},
    "wire.http.path_readings": {"MAX_SEGMENTS": 256},
    "values.regex_cost": {
        "EXPONENTIAL": 99,
        "_MAX_COPIES": 16,
        "_COPIES": 3,
        "_MAX_EDGES": 20_000,
        "_MAX_STEPS": 200_000,
    },
    "values.regex": {"MAX_SUBJECT": 4 * KIB},
    "wire.connection.proxy_protocol": {"MAX_V1": 107, "MAX_V2": 4 * KIB},
    "wire.edits.replacing": {"_MOST": 1_000_000},
    "wire.fields.rfc7239": {"MAX_PAIRS": 256},
    "wire.http.statuses": {"CLIENT_CLOSED": 499, "UPGRADE_REQUIRED": 426},
    "wire.cgi.uwsgi_packet": {"MOST": 65535},
    "wire.websocket": {"MAX_OFFERS": 8},
    "balancing.address_hash": {"_ADDRESSES_KEPT": 1024, "_SEED": 89},
    "balancing.draws": {"MISSES_ALLOWED": 20},
    "balancing.ketama": {"POINTS": 160},
    "balancing.random_choice": {"MISSES_ALLOWED": 20},
    "balancing.value_hash": {"MISSES_ALLOWED": 20},
    "connectors.cgi.connection": {"MAX_HEAD": 64 * KIB},
    "connectors.cgi.fastcgi_connection": {"MAX_DROPPED": 64 * KIB},
    "connectors.http1.connector": {"MAX_HEAD": 64 * KIB, "MAX_INTERIM": 8},
    "connectors.http1.switched": {"CLOSE_WITHIN": 60},
    "connectors.http2.connector": {"STREAMS": 100},
    "connectors.http2.flood_guard": {"BYTES_PER_ANSWER": 16, "EARNED": 3, "MOST": 1000, "PER_SECOND": 33},
    "connectors.http2.connection": {"CLOSE_WITHIN": 60, "QUIET": 20},
    "connectors.http2.reading": {"MAX_HEAD": 64 * KIB},
    "connectors.http2.stream": {"MAX_INTERIM": 8},
    "connectors.http2.timing": {"PING_WITHIN": 15, "QUIET": 20},
    "connectors.serial_connection": {"CLOSE_WITHIN": 60},
    "connectors.cgi.stderr_log": {"LONGEST": 2048, "MOST": 20},
    "features.buffering.responses": {"MEMORY": 64 * KIB, "QUIET": 60, "SIZE": 1024 * MIB},
    "features.compression.policy": {"MAX_KNOWN": 64},
    "features.compression.codecs": {"GZIP_WINDOW": 31, "MAX_IGZIP": 3, "WINDOW_BITS": 18},
    "features.compression.compressor": {"MAX_HELD_BACK": 0.05, "TURN": 256 * KIB},
    "features.compression.compression": {"MIN_LENGTH": 1024},
    "features.heartbeats": {"CLOSE_ENOUGH": 0.001, "EVERY": 15, "SILENCE": 3600},
    "features.limits.pacing": {"SLICE": 0.1},
    "features.buffering.response_buffer": {"MAX_IN_A_TURN": 256 * KIB, "PIECE": 64 * KIB},
    "net.connect_by_name": {"NEXT_ADDRESS_AFTER": 0.3},
    "net.unix_connect": {"TRY_AGAIN": 0.01},
    "net.tcp_transport": {"MAX_ACCEPTS": 100},
    "net.tcp_transport.DirectSend": {
        "FILE_MAX": 4 * MIB,
        "LOCAL_ROOM": 256 * KIB,
        "READ_MAX": 256 * KIB,
        "READ_START": 64 * KIB,
    },
    "runtime.exchange": {"MAX_REDIRECTS": 10},
    "net.host_names": {"LATE_AFTER": 1, "NOT_FOUND_FOR": 1, "QUIET": 60},
    "net.epoll.InnerPoll": {"BATCH": 256, "ROUNDS": 4},
    "runtime.listener": {"LAST_WORDS": 1},
    "net.loop_lag": {"MAX_FUNCTIONS": 5},
    "net.rlimit": {"ENOUGH": MIB},
    "runtime.upstream.pins": {"MAX_IDLE": 8},
    "net.tls.contexts": {"TICKETS_LIVE": 43_200},
    "net.tls.peer_certificates": {"_EXPIRED": 10, "_MAX_NAMES": 5, "_NOT_YET": 9, "_SELF_SIGNED": 18},
    "net.tls.tcp_connect": {"MAX_RECORDS": 16},
    "net.tls.tcp_transport": {"RECORD": 16 * KIB},
    "net.tls.client": {"SESSION_TIME": 3600},
    "runtime.site": {"MAX_HOPS": 10},
    "runtime.upstream.accel": {"MAX_DRAINED": 64 * KIB},
    "runtime.upstream.subrequest": {"MAX_FIELDS": 1000},
    "net.turns.Turns": {"BUDGET": 0.005},
    "runtime.upstream.upload": {"MAX_KEPT": 64 * KIB},
    "runtime.upstream.upstream": {"FIRST_PAUSE": 1},
    "spooling": {"MEMORY": 64 * KIB, "SIZE": 1024 * MIB},
    "features.buffering.requests": {"MEMORY": 64 * KIB, "SIZE": 1024 * MIB},
    "features.access.htpasswd_file": {"LOOKS_EVERY": 1, "_MAX_BYTES": 16 * MIB},
    "features.limits.leaky_bucket": {"_LONGEST_KEY": 64, "_MINUTE": 60_000},
    "features.access.password_checks": {
        "LONGEST": 1024,
        "MAX_AT_ONCE": 4,
        "MAX_REMEMBERED": 1024,
        "MAX_WAITING": 256,
        "RIGHT_FOR": 300,
        "WRONG_FOR": 10,
    },
    "features.access.password_hashes": {"_BCRYPT_LOOKS_AT": 72, "_MAX_ROUNDS": 2_000_000},
    "features.buffering.spooled_body": {"PIECE": 64 * KIB},
}


class BoundTests(SynchronousTestCase):
    """What others may cost."""

    def test_values(self) -> None:
        """Each bound has the value that was decided upon."""
        for name, numbers in NUMBERS.items():
            scope = resolve_name(f"pydsl_proxy.{name}")
            self.assertEqual({each: getattr(scope, each) for each in numbers}, numbers, name)

    def test_clients(self) -> None:
        """Without an argument clients() are those of a proxy that says nothing of them."""
        self.assertEqual(clients(), DEFAULT_CLIENTS)
        self.assertEqual(repr(DEFAULT_CLIENTS), "clients()")


class ProtocolTests(SynchronousTestCase):
    """Numbers that others have given."""

    def test_http2_codes(self) -> None:
        """The error codes of RFC 9113 7 are those of the library h2."""
        self.assertEqual(
            {each.name: int(each) for each in h2_frames.ErrorCode}, {each.name: each for each in ErrorCodes}
        )

    def test_http2_settings(self) -> None:
        """So are the settings of RFC 9113 6.5.2 and RFC 8441 3."""
        for each in h2_frames.Setting:
            self.assertEqual(each, SettingCodes[each.name], each.name)

    def test_http2_frames(self) -> None:
        """The types of frames are those of the library hyperframe, and so are their flags and the size of a header."""
        names = "DATA HEADERS PRIORITY RST_STREAM SETTINGS PUSH_PROMISE PING GOAWAY WINDOW_UPDATE CONTINUATION"
        for number, name in enumerate(names.split()):
            self.assertEqual(getattr(h2_frames, name), number)
            self.assertEqual(FRAMES[number].__name__.upper(), name.replace("_", "") + "FRAME")
        ours = {"ACK": 1, "END_STREAM": 1, "END_HEADERS": 4, "PADDED": 8}
        self.assertEqual({name: getattr(h2_frames, name) for name in ours}, ours)
        ours["PRIORITY"] = h2_frames.WITH_PRIORITY
        self.assertEqual({flag.name: flag.bit for each in FRAMES.values() for flag in each.defined_flags}, ours)
        self.assertEqual(h2_frames.HEADER, len(PingFrame().serialize()) - 8)

    def test_fastcgi(self) -> None:
        """The types of records and the statuses of a request are those of FastCGI 1.0, section 8."""
        found = {name: getattr(fastcgi_records, name) for name in vars(fastcgi_records) if name in FASTCGI}
        self.assertEqual(found, FASTCGI)

    def test_websocket(self) -> None:
        """A message handler may close with what RFC 6455 7.4.1 and IANA have for both sides."""
        self.assertEqual(websocket_messages._CODES, {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013})

    def test_files(self) -> None:
        """Files are opened for reading; no program inherits them, no pipe is waited for and no terminal is taken."""
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        self.assertEqual((file_root.FLAGS, file_root.FOLDER_FLAGS), (flags, flags | os.O_DIRECTORY))


FASTCGI = {
    "BEGIN_REQUEST": 1,
    "END_REQUEST": 3,
    "PARAMS": 4,
    "STDIN": 5,
    "STDOUT": 6,
    "STDERR": 7,
    "REQUEST_COMPLETE": 0,
    "CANT_MPX_CONN": 1,
    "OVERLOADED": 2,
    "UNKNOWN_ROLE": 3,
}
