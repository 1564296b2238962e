"""Request values: the expression language of the configuration."""
