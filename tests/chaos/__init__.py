"""What a proxy loses when peers and clients misbehave, beside nginx and HAProxy: ``python -m tests.chaos``."""
