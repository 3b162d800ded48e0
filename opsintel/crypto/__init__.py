"""Sealed values: envelope format, keyring, secrets."""
