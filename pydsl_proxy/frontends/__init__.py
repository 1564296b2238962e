"""How clients reach us: one protocol a file, which turns a client's bytes into exchanges."""
