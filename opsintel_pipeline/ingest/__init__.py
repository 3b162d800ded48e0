"""Ingest: drive connectors, store what they give."""
