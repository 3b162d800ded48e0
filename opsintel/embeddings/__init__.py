"""Embedders: the built-in lexical one and local sentence models; a re-run uses the version it was stored with."""
