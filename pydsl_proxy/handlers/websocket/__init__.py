"""WebSockets: the bridge between two of them, and the tunnel for bytes."""
