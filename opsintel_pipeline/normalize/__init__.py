"""Normalize: raw payloads become canonical messages."""
