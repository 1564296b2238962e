"""A reverse proxy over three peers, which are small servers of the same file.

twist pydsl-proxy --config examples/quickstart/proxy.py
curl http://127.0.0.1:8080/        (three times: each peer answers in turn)
"""

from pydsl_proxy import Server, http, server, upstream


def small(name: str, port: int) -> Server:
    return server(f"tcp:{port}:interface=127.0.0.1").location("/").respond(200, f"hello from {name}\n")


app = upstream("app", "127.0.0.1:9001", "127.0.0.1:9002", "127.0.0.1:9003")
web = server(8080).location("/").proxy_to(app)

proxy = http(web, small("one", 9001), small("two", 9002), small("three", 9003))
