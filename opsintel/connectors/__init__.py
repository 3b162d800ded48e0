"""Connectors: one folder for each provider, found by its place."""
