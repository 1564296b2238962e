"""Calls the service behind examples/grpc/proxy.py: python client.py 8080"""

import sys

import grpc

with grpc.insecure_channel(f"127.0.0.1:{sys.argv[1]}") as channel:
    greet = channel.unary_unary("/examples.Greeter/Greet", str.encode, bytes.decode)
    for _ in range(4):
        print(greet("you", timeout=5))
    watch = channel.stream_stream("/examples.Greeter/Watch", str.encode, bytes.decode)
    for answer in watch(iter(["one", "two", "three"]), timeout=5):
        print(answer)
    try:
        greet("", timeout=5)
    except grpc.RpcError as error:
        print(error.code().name, error.details())
