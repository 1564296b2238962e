"""A peer of gRPC: ``grpc_peer.py NAME PORT [CERTIFICATE KEY]``; messages are bytes, without a schema.

- ``/test.Echo/Unary``: the message, after the metadata ``x-name`` and before the trailing ``x-count``;
- ``/test.Echo/Server``: as many messages as the request says, each with its number;
- ``/test.Echo/Client``: all messages in one;
- ``/test.Echo/Both``: every message, as soon as it comes;
- ``/test.Echo/Large``: as many bytes as the request says, in messages of 64 KiB;
- ``/test.Echo/Fail``: NOT_FOUND with details, after as many messages as the request says;
- ``/test.Echo/Forever``: one message, then nothing until the client leaves; ``/test.Echo/Left`` tells how many have;
- ``/test.Echo/Slow``: nothing, after two seconds;
- ``/test.Echo/Told``: the metadata of the request, a line each.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from time import sleep

import grpc

LEFT: list[bytes] = []


class Echo:
    """The methods."""

    def __init__(self, name: str) -> None:
        self._name = name

    def unary(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """The message."""
        context.send_initial_metadata((("x-name", self._name),))
        context.set_trailing_metadata((("x-count", "1"), ("x-own-bin", b"\0\1\2")))
        return request

    def server(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Several."""
        for number in range(int(request)):
            yield b"%d" % number

    def client(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        """All."""
        return b"".join(requests)

    def both(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        """Each."""
        yield from requests

    def large(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Much."""
        left = int(request)
        while left > 0:
            yield bytes(min(left, 65536))
            left -= 65536

    def fail(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """An error."""
        for number in range(int(request)):
            yield b"%d" % number
        context.abort(grpc.StatusCode.NOT_FOUND, "nothing is here: ä")

    def forever(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Until the client leaves."""
        left = Event()
        context.add_callback(left.set)
        try:
            # A client that leaves at once ends the generator here.
            yield b"begun"
            left.wait(60)
        finally:
            LEFT.append(request)

    def left(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """How many have."""
        return b"%d" % len(LEFT)

    def slow(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """Late."""
        sleep(2)
        return b""

    def told(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """What the client has sent beside the message."""
        return "\n".join([f"{key}: {value!r}" for key, value in context.invocation_metadata()]).encode()


def main() -> None:
    """Serve until the process is ended."""
    name, port, *files = sys.argv[1:]
    echo = Echo(name)
    methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Unary": grpc.unary_unary_rpc_method_handler(echo.unary),
        "Server": grpc.unary_stream_rpc_method_handler(echo.server),
        "Client": grpc.stream_unary_rpc_method_handler(echo.client),
        "Both": grpc.stream_stream_rpc_method_handler(echo.both),
        "Large": grpc.unary_stream_rpc_method_handler(echo.large),
        "Fail": grpc.unary_stream_rpc_method_handler(echo.fail),
        "Forever": grpc.unary_stream_rpc_method_handler(echo.forever),
        "Left": grpc.unary_unary_rpc_method_handler(echo.left),
        "Slow": grpc.unary_unary_rpc_method_handler(echo.slow),
        "Told": grpc.unary_unary_rpc_method_handler(echo.told),
    }
    server = grpc.server(ThreadPoolExecutor(32))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", methods),))
    if files:
        cert, key = (Path(file).read_bytes() for file in files)
        server.add_secure_port(f"127.0.0.1:{port}", grpc.ssl_server_credentials([(key, cert)]))
    else:
        server.add_insecure_port(f"127.0.0.1:{port}")
    # In good order: no new calls, and what is under way has its time.
    signal.signal(signal.SIGTERM, lambda *_: server.stop(10))
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
