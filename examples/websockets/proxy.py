"""A chat whose WebSockets end at the proxy, and a dashboard whose WebSockets pass through it.

twist pydsl-proxy --config examples/websockets/proxy.py
"""

from pydsl_proxy import KiB, hash_by, header, http, server, upstream

# A room lives in one process, so all that are in it are sent there.
chat = upstream("chat", hash_by(header("x-room"), consistent=True), "127.0.0.1:9001", "127.0.0.1:9002")
app = upstream("app", "127.0.0.1:9000")

web = (
    server(8080)
    .location("/chat")
    # Only pages of this site may open one: browsers send their cookies whoever asks.
    .websocket_to(chat, origins="same", max_message=64 * KiB, message_rate="20/s", burst=50)
    # Requests and WebSockets at one location; of these nothing but the bytes is known.
    .location("/")
    .timeouts(idle=600)
    .proxy_to(app, websocket="tunnel")
)

proxy = http(web, shutdown_grace=60)
