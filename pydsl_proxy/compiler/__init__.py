"""From config to closures, once: the only package that knows both sides."""
