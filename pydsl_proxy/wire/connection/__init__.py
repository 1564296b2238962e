"""What is known of a connection beside its messages: addresses, TLS, the PROXY protocol."""
