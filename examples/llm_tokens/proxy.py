"""A language model that answers token by token, as an event stream: each token reaches the client when it is made.

vllm serve MODEL --host 127.0.0.1 --port 8000 & vllm serve MODEL --host 127.0.0.1 --port 8001 &
twist pydsl-proxy --config examples/llm_tokens/proxy.py
curl --no-buffer http://127.0.0.1:8080/v1/chat/completions -H "Authorization: Bearer KEY" -d @question.json
"""

from pydsl_proxy import MiB, clients, header, http, least_conn, minutes, peer, server, upstream

models = upstream(
    "models",
    # Answers take seconds to minutes: who has the fewest under way is asked, and none for more than it does at once.
    least_conn(),
    peer("127.0.0.1:8000", max_conns=32),
    peer("127.0.0.1:8001", max_conns=32),
    # uvicorn, which they run on, closes an idle connection after 5 seconds, and must not be the first to do so.
    keepalive_timeout=4,
)

web = (
    server(8080)
    .location("/v1/")
    # A key may ask eleven questions at once, then one every two seconds, and have four answers under way.  A request
    # without a key is the model server's to refuse.
    .limit_requests("30/m", burst=10, key=header("authorization"))
    .limit_connections(4, key=header("authorization"))
    .limit_body(1 * MiB)
    # Until the first token: the model reads the question.
    .timeouts(read=2 * minutes)
    # Then a comment after 15 seconds without a token, so that nobody on the way to the client closes the connection;
    # and no more than 10 minutes of that.
    .heartbeat(15, silence=10 * minutes)
    .proxy_to(models)
    .location("/")
    .respond(200, "the API is at /v1/\n")
)

# A client that leaves is noticed within 2 seconds, and the model stops computing for it.
proxy = http(web, clients=clients(half_close=2))
