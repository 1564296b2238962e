"""Redis behind a stream: one address for clients, in the clear and over TLS, and a second Redis for when one is down.

twist pydsl-proxy --config examples/redis/proxy.py
redis-cli -p 6380 ping
"""

from pydsl_proxy import http, minutes, peer, stream, tls, upstream

# The one that is used, and one that stands by: a replica answers reads until it is made the master.
redis = upstream("redis", peer("127.0.0.1:6379", max_fails=1, fail_timeout=5), peer("127.0.0.1:6389", backup=True))

# Subscribers may be silent for a long time.
plain = stream(6380).timeouts(connect=1, idle=60 * minutes).limit_connections(200).proxy_to(redis)

# For clients of other networks TLS ends here; redis-cli -p 6390 --tls --cacert ca.pem
secure = stream(6390, tls=tls("/etc/ssl/redis.pem", "/etc/ssl/redis.key")).timeouts(idle=60 * minutes).proxy_to(redis)

proxy = http(plain, secure)
