"""A gRPC service behind examples/grpc/proxy.py: python service.py 5051

Messages are text, so that nothing has to be generated; with protobuf the names, and the two functions of each method,
are in the generated code.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc


def client_address(context: grpc.ServicerContext) -> str:
    """Who calls: the proxy is the only one that can reach this port, so what it says holds."""
    return str(dict(context.invocation_metadata()).get("x-real-ip", context.peer()))


def greet(name: str, context: grpc.ServicerContext) -> str:
    """One answer to one message."""
    if not name:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "a name is missing")
    return f"hello {name} at {client_address(context)}, from {PORT}"


def watch(names: Iterator[str], context: grpc.ServicerContext) -> Iterator[str]:
    """An answer to each message, when it comes."""
    for name in names:
        yield f"hello {name}"


def from_bytes(data: bytes) -> str:
    """A message read."""
    return data.decode()


METHODS: dict[str, grpc.RpcMethodHandler[str, str]] = {
    "Greet": grpc.unary_unary_rpc_method_handler(greet, from_bytes, str.encode),
    "Watch": grpc.stream_stream_rpc_method_handler(watch, from_bytes, str.encode),
}


def main() -> None:
    """Serve until SIGTERM; then what is under way has ten seconds."""
    server = grpc.server(ThreadPoolExecutor(16))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("examples.Greeter", METHODS),))
    # On the loopback alone: who could come past the proxy could be anybody.
    server.add_insecure_port(f"127.0.0.1:{PORT}")
    signal.signal(signal.SIGTERM, lambda *_: server.stop(10))
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    PORT = int(sys.argv[1])
    main()
